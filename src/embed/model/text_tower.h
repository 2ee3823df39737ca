/* text_tower.h - BERT with post layer norm, mean over the tokens, a linear head: token ids to a unit vector. */
#ifndef EMBED_TEXT_TOWER_H
#define EMBED_TEXT_TOWER_H

#include "embed/model/config.h"
#include "embed/model/weights_file.h"

typedef struct text_tower text_tower;     /* immutable, shared by threads */
typedef struct text_scratch text_scratch; /* one thread at a time */

/* Checks names and shapes; reads no weights beyond the small vectors that need widening. All borrowed. */
lancelet_status text_tower_open(const weights_file *weights, const model_config *config, const tensor_kernels *kernels,
                                base_arena *arena, text_tower **out, lancelet_error *err) MUST_CHECK;
/* The tower lies in the arena. */

lancelet_status text_scratch_create(const text_tower *tower, int threads, text_scratch **out, lancelet_error *err) MUST_CHECK;
void text_scratch_destroy(text_scratch *s);

/* ids [n], n from 1 to config.positions, each below config.vocab (INVALID otherwise); out [dim]. pool: as many threads
 * as the scratch was made for, or NULL. */
lancelet_status text_tower_run(const text_tower *tower, text_scratch *s, base_pool *pool, const int32_t *ids, size_t n,
                               float *out, lancelet_error *err) MUST_CHECK;

#endif
