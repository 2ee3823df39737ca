/* clip_image_tower.c - see clip_image_tower.h. Dosovitskiy et al. 2020 with CLIP's norm in front of the first layer; the
 * state of the class token is the picture's.
 *
 * Pixels are gathered so that a patch is one row of inputs, and the convolution is a product. The class token has a row of
 * zeros among them: so one product writes the states of all pictures where the layers want them. */
#include "embed/model/clip_image_tower.h"

#include <string.h>

#include "embed/model/weights.h"

lancelet_status clip_image_tower_open(const weights_file *weights, const clip_names *names, const clip_config *config,
                                      base_isa level, base_arena *arena, clip_image_tower *out, lancelet_error *err)
{
    size_t d = config->tower[CLIP_IMAGE].d_model;
    char name[CLIP_NAME_SIZE];
    RETURN_IF_ERROR(clip_tower_open(weights, names, config, CLIP_IMAGE, level, arena, &out->tower, err));
    out->patch = config->patch;
    out->grid = config->grid;
    out->side = config->side;
    out->tokens = 1 + config->grid * config->grid;
    clip_name(names, CLIP_IMAGE_PATCH, name);
    RETURN_IF_ERROR(weights_table(weights, arena, name, d, out->tower.inputs, &out->patch_embedding, err));
    clip_name(names, CLIP_IMAGE_CLASS, name);
    RETURN_IF_ERROR(weights_vector(weights, arena, name, d, &out->class_embedding, err));
    clip_name(names, CLIP_IMAGE_POSITION, name);
    RETURN_IF_ERROR(weights_table(weights, arena, name, out->tokens, d, &out->position, err));
    RETURN_IF_ERROR(clip_norm_open(weights, names, CLIP_IMAGE_NORM_PRE, d, arena, &out->norm_w, &out->norm_b, err));
    for (size_t colour = 0; colour < 3; colour++)
        for (int v = 0; v < 256; v++)
            out->level[colour][v] = ((float)v / 255.0f - config->mean[colour]) / config->std[colour];
    return LANCELET_OK;
}

typedef struct gathering {
    const clip_image_tower *t;
    const uint8_t *const *rgb; /* [n] */
    float *rows;               /* [n, tokens, 3 * patch * patch] */
} gathering;

/* One row of patches of one picture. */
static void gather(void *arg, size_t item, int worker)
{
    const gathering *g = arg;
    const clip_image_tower *t = g->t;
    size_t picture = item / t->grid, down = item % t->grid, patch = t->patch, area = patch * patch, inputs = 3 * area;
    float *out = g->rows + picture * t->tokens * inputs;
    (void)worker;
    if (down == 0)
        memset(out, 0, inputs * sizeof *out);
    out += (1 + down * t->grid) * inputs;
    const uint8_t *in = g->rgb[picture] + down * patch * t->side * 3;
    for (size_t y = 0; y < patch; y++)
        for (size_t across = 0; across < t->grid; across++) {
            float *to = out + across * inputs + y * patch;
            for (size_t x = 0; x < patch; x++, in += 3) {
                to[x] = t->level[0][in[0]];
                to[x + area] = t->level[1][in[1]];
                to[x + 2 * area] = t->level[2][in[2]];
            }
        }
}

lancelet_status clip_image_tower_run(const clip_image_tower *t, clip_scratch *s, base_pool *pool, const uint8_t *const *rgb,
                                     size_t n, float *out, lancelet_error *err)
{
    const clip_tower *tower = &t->tower;
    size_t d = tower->stack.d_model;
    RETURN_IF_ERROR(clip_scratch_fit(s, tower, n * t->tokens, n, base_pool_threads(pool), err));
    gathering g = {t, rgb, s->rows};
    base_pool_run(pool, n * t->grid, gather, &g);
    product_job job = {
        .weights = &t->patch_embedding, .x = s->rows, .m = n * t->tokens, .out = s->x, .activation = PRODUCT_LINEAR};
    product_linear(tower->product, pool, &job, s->product);
    for (size_t token = 0; token < t->tokens; token++) {
        tensor_row(tower->tensor, &t->position, token, s->row);
        for (size_t j = 0; token == 0 && j < d; j++)
            s->row[j] += t->class_embedding[j];
        for (size_t i = 0; i < n; i++) {
            float *x = s->x + (i * t->tokens + token) * d;
            for (size_t j = 0; j < d; j++)
                x[j] += s->row[j];
        }
    }
    transformer_norm(tower->product, s->x, n * t->tokens, d, t->norm_w, t->norm_b, tower->stack.eps, s->x);
    for (size_t i = 0; i < n; i++)
        s->begin[i] = s->wanted[i] = i * t->tokens;
    s->begin[n] = n * t->tokens;
    clip_tower_run(tower, s, pool, n, out);
    return LANCELET_OK;
}
