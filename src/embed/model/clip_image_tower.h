/* clip_image_tower.h - CLIP's vision transformer: patches of a resized picture to a unit vector. */
#ifndef EMBED_CLIP_IMAGE_TOWER_H
#define EMBED_CLIP_IMAGE_TOWER_H

#include "embed/model/clip_tower.h"

typedef struct clip_image_tower {
    clip_tower tower;
    size_t patch, grid, side;      /* pixels, patches, pixels a side */
    size_t tokens;                 /* of a picture: 1 + grid * grid, the class token first */
    tensor_matrix patch_embedding; /* [d_model, 3 * patch * patch], inputs as colour, row, column; no bias */
    const float *class_embedding;  /* [d_model] */
    tensor_matrix position;        /* [tokens, d_model] */
    const float *norm_w, *norm_b;  /* [d_model], in front of the first layer */
    float level[3][256];           /* a colour's byte to what the tower sees: (byte / 255 - mean) / std */
} clip_image_tower;

lancelet_status clip_image_tower_open(const weights_file *weights, const clip_names *names, const clip_config *config,
                                      base_isa level, base_arena *arena, clip_image_tower *out,
                                      lancelet_error *err) MUST_CHECK;
/* rgb [n] pictures of [side, side, 3]; out [n, dim] */
lancelet_status clip_image_tower_run(const clip_image_tower *t, clip_scratch *s, base_pool *pool, const uint8_t *const *rgb,
                                     size_t n, float *out, lancelet_error *err) MUST_CHECK;

#endif
