/* clip_text_tower.h - CLIP's causal text transformer: token ids to a unit vector. */
#ifndef EMBED_CLIP_TEXT_TOWER_H
#define EMBED_CLIP_TEXT_TOWER_H

#include "embed/model/clip_tower.h"

typedef struct clip_text_tower {
    clip_tower tower;
    tensor_matrix token;    /* [vocabulary, d_model] */
    tensor_matrix position; /* [positions, d_model] */
} clip_text_tower;

lancelet_status clip_text_tower_open(const weights_file *weights, const clip_names *names, const clip_config *config,
                                     base_isa level, base_arena *arena, clip_text_tower *out,
                                     lancelet_error *err) MUST_CHECK;
/* n texts, their ids one behind the other: text i is ids[begin[i]] .. ids[begin[i + 1] - 1], 1 to `positions` of them, the
 * last being the one that is read. out [n, dim] */
lancelet_status clip_text_tower_run(const clip_text_tower *t, clip_scratch *s, base_pool *pool, const int32_t *ids,
                                    const size_t *begin, size_t n, float *out, lancelet_error *err) MUST_CHECK;

#endif
