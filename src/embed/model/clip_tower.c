/* clip_tower.c - see clip_tower.h. */
#include "embed/model/clip_tower.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "embed/model/weights.h"

/* ---- opening ---- */

static lancelet_status open_norm(const weights_file *weights, const char *name, size_t n, base_arena *arena,
                                 const float **weight, const float **bias, lancelet_error *err)
{
    char full[CLIP_NAME_SIZE + 8];
    snprintf(full, sizeof full, "%s.weight", name);
    RETURN_IF_ERROR(weights_vector(weights, arena, full, n, weight, err));
    snprintf(full, sizeof full, "%s.bias", name);
    return weights_vector(weights, arena, full, n, bias, err);
}

lancelet_status clip_norm_open(const weights_file *weights, const clip_names *names, clip_tensor which, size_t n,
                               base_arena *arena, const float **weight, const float **bias, lancelet_error *err)
{
    char name[CLIP_NAME_SIZE];
    clip_name(names, which, name);
    return open_norm(weights, name, n, arena, weight, bias, err);
}

/* Queries, keys and values: three matrices, or the thirds of one. */
static lancelet_status open_qkv(const weights_file *weights, const clip_names *names, clip_kind kind, size_t i, size_t d,
                                base_arena *arena, transformer_layer *l, lancelet_error *err)
{
    tensor_matrix *const to[] = {&l->q, &l->k, &l->v};
    char name[CLIP_NAME_SIZE];
    if (!names->openai) {
        for (int part = 0; part < 3; part++) {
            clip_name_in_layer(names, kind, i, (clip_part)(CLIP_Q + part), "", name);
            RETURN_IF_ERROR(weights_layer(weights, arena, name, d, d, to[part], err));
        }
        return LANCELET_OK;
    }
    tensor_matrix packed;
    clip_name_in_layer(names, kind, i, CLIP_Q, "_weight", name);
    RETURN_IF_ERROR(weights_table(weights, arena, name, 3 * d, d, &packed, err));
    clip_name_in_layer(names, kind, i, CLIP_Q, "_bias", name);
    RETURN_IF_ERROR(weights_vector(weights, arena, name, 3 * d, &packed.bias, err));
    for (size_t part = 0; part < 3; part++)
        *to[part] = weights_rows(&packed, part * d, d);
    return LANCELET_OK;
}

static lancelet_status open_layer(const weights_file *weights, const clip_names *names, clip_kind kind, size_t i, size_t d,
                                  size_t mlp, base_arena *arena, transformer_layer *l, lancelet_error *err)
{
    char name[CLIP_NAME_SIZE];
    clip_name_in_layer(names, kind, i, CLIP_NORM1, "", name);
    RETURN_IF_ERROR(open_norm(weights, name, d, arena, &l->norm1_w, &l->norm1_b, err));
    RETURN_IF_ERROR(open_qkv(weights, names, kind, i, d, arena, l, err));
    clip_name_in_layer(names, kind, i, CLIP_OUT, "", name);
    RETURN_IF_ERROR(weights_layer(weights, arena, name, d, d, &l->out, err));
    clip_name_in_layer(names, kind, i, CLIP_NORM2, "", name);
    RETURN_IF_ERROR(open_norm(weights, name, d, arena, &l->norm2_w, &l->norm2_b, err));
    clip_name_in_layer(names, kind, i, CLIP_FC1, "", name);
    RETURN_IF_ERROR(weights_layer(weights, arena, name, mlp, d, &l->fc1, err));
    clip_name_in_layer(names, kind, i, CLIP_FC2, "", name);
    return weights_layer(weights, arena, name, d, mlp, &l->fc2, err);
}

lancelet_status clip_tower_open(const weights_file *weights, const clip_names *names, const clip_config *config,
                                clip_kind kind, base_isa level, base_arena *arena, clip_tower *out, lancelet_error *err)
{
    const clip_tower_config *c = &config->tower[kind];
    transformer_layer *layer = base_arena_alloc(arena, c->layers * sizeof *layer);
    if (!layer)
        return base_fail_memory(err);
    *out = (clip_tower){
        .product = product_kernels_for(level),
        .tensor = tensor_kernels_for(level),
        .stack = {.layers = c->layers,
                  .d_model = c->d_model,
                  .heads = c->heads,
                  .mlp = c->mlp,
                  .eps = c->eps,
                  .activation = c->activation,
                  .causal = kind == CLIP_TEXT,
                  .layer = layer},
        .inputs = kind == CLIP_IMAGE ? 3 * config->patch * config->patch : 0,
    };
    for (size_t i = 0; i < c->layers; i++)
        RETURN_IF_ERROR(open_layer(weights, names, kind, i, c->d_model, c->mlp, arena, &layer[i], err));
    RETURN_IF_ERROR(clip_norm_open(weights, names, kind == CLIP_IMAGE ? CLIP_IMAGE_NORM_POST : CLIP_TEXT_NORM_FINAL,
                                   c->d_model, arena, &out->norm_w, &out->norm_b, err));
    char name[CLIP_NAME_SIZE];
    clip_name(names, kind == CLIP_IMAGE ? CLIP_IMAGE_PROJECTION : CLIP_TEXT_PROJECTION, name);
    return names->openai ? weights_transposed(weights, arena, name, config->dim, c->d_model, &out->projection, err)
                         : weights_table(weights, arena, name, config->dim, c->d_model, &out->projection, err);
}

/* ---- scratch ---- */

void clip_scratch_free(clip_scratch *s)
{
    transformer_scratch_destroy(s->stack);
    base_free(s->memory);
    base_free(s->begin);
    *s = (clip_scratch){0};
}

/* Sums up to `floats` what is behind one another in clip_scratch.memory, each block a whole number of cache lines. */
static bool add_block(size_t n, size_t each, size_t *floats)
{
    size_t block;
    return base_mul_size(n, each, &block) && base_add_size(block, 15, &block) &&
           base_add_size(*floats, block / 16 * 16, floats);
}

lancelet_status clip_scratch_fit(clip_scratch *s, const clip_tower *t, size_t tokens, size_t sequences, int threads,
                                 lancelet_error *err)
{
    if (tokens <= s->tokens && sequences <= s->sequences)
        return LANCELET_OK;
    tokens = tokens > s->tokens ? tokens : s->tokens;
    sequences = sequences > s->sequences ? sequences : s->sequences;
    clip_scratch_free(s);

    size_t d = t->stack.d_model, product_rows = t->inputs ? tokens : sequences, product, floats = 0, bytes;
    size_t widest_k = t->inputs > d ? t->inputs : d, widest_n = t->projection.n > d ? t->projection.n : d;
    if (!product_scratch_floats(t->product, product_rows > sequences ? product_rows : sequences, widest_k, widest_n, threads,
                                &product) ||
        !add_block(tokens, d, &floats) || !add_block(tokens, t->inputs, &floats) || !add_block(sequences, d, &floats) ||
        !add_block(1, d, &floats) || !add_block(1, product, &floats) || !base_mul_size(floats, sizeof(float), &bytes))
        return base_fail(err, LANCELET_LIMIT, "%zu tokens at once are more than memory can address", tokens);
    s->memory = base_alloc_aligned(bytes);
    s->begin = base_alloc_array(2 * sequences + 1, sizeof *s->begin);
    lancelet_status status =
        s->memory && s->begin ? transformer_scratch_create(&t->stack, t->product, tokens, sequences, threads, &s->stack, err)
                              : base_fail_memory(err);
    if (status != LANCELET_OK) {
        clip_scratch_free(s);
        return status;
    }
    s->tokens = tokens;
    s->sequences = sequences;
    s->wanted = s->begin + sequences + 1;
    size_t at = 0;
    s->x = s->memory;
    add_block(tokens, d, &at);
    s->rows = s->x + at;
    add_block(tokens, t->inputs, &at);
    s->pooled = s->x + at;
    add_block(sequences, d, &at);
    s->row = s->x + at;
    add_block(1, d, &at);
    s->product = s->x + at;
    return LANCELET_OK;
}

/* ---- running ---- */

static void to_unit_length(const tensor_kernels *k, float *v, size_t n)
{
    float inverse = 1.0f / fmaxf(sqrtf(k->dot(v, v, n)), 1e-12f); /* PyTorch's F.normalize */
    for (size_t i = 0; i < n; i++)
        v[i] *= inverse;
}

void clip_tower_run(const clip_tower *t, clip_scratch *s, base_pool *pool, size_t n, float *out)
{
    transformer_run(&t->stack, t->product, s->stack, pool, s->x, s->begin, n, s->wanted, s->pooled);
    transformer_norm(t->product, s->pooled, n, t->stack.d_model, t->norm_w, t->norm_b, t->stack.eps, s->pooled);
    product_job job = {.weights = &t->projection, .x = s->pooled, .m = n, .out = out, .activation = PRODUCT_LINEAR};
    product_linear(t->product, pool, &job, s->product);
    for (size_t i = 0; i < n; i++)
        to_unit_length(t->tensor, out + i * t->projection.n, t->projection.n);
}
