/* image_tower.h - EfficientNet-Lite with a projection head: pixels to a unit vector. */
#ifndef EMBED_IMAGE_TOWER_H
#define EMBED_IMAGE_TOWER_H

#include "embed/model/config.h"
#include "embed/model/weights_file.h"

typedef struct image_tower image_tower;     /* immutable but for the packing at first use, which is locked */
typedef struct image_scratch image_scratch; /* one thread at a time */

/* Checks names and shapes; reads no weights beyond the small vectors that need widening. All borrowed; the tower lies in
 * the arena, close frees what it packed. */
lancelet_status image_tower_open(const weights_file *weights, const model_config *config, const tensor_kernels *kernels,
                                 base_arena *arena, image_tower **out, lancelet_error *err) MUST_CHECK;
void image_tower_close(image_tower *t);

lancelet_status image_scratch_create(const image_tower *tower, int threads, image_scratch **out, lancelet_error *err) MUST_CHECK;
void image_scratch_destroy(image_scratch *s);

/* rgb [size, size, 3] to out [dim]. The first call packs the weights. pool: as many threads as the scratch was made for,
 * or NULL. */
lancelet_status image_tower_run(image_tower *tower, image_scratch *s, base_pool *pool, const uint8_t *rgb, float *out,
                                lancelet_error *err) MUST_CHECK;

#endif
