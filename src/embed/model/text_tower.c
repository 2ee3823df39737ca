/* text_tower.c - the text tower of the mini family: MiniLM-L6, that is BERT (Devlin et al. 2019) with 6 layers of 384 and
 * layer norm after each residual sum, mean over all token states, unit length, then a linear head and unit length again
 * (sentence-transformers' pooling).
 *
 * Weights are used as they lie in the mapped file. A text of ten tokens reads 10.6 MB of them once and computes 0.2
 * GFLOP, so there is nothing to gain by repacking. A layer is four parallel regions: (1) each head its rows of the
 * query, key and value projections and its attention, (2) the output projection, (3) the first and (4) the second matrix
 * of the MLP; between them the calling thread normalises and rounds the few token states.
 *
 * Word embeddings may be 4 bit: U8 [vocab, hidden / 2] with `.scale` F16 [vocab, hidden / 32]; the low half of a byte is
 * the even column, 8 stands for zero. */
#include "embed/model/text_tower.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "embed/model/weights.h"

enum { GROUP = 32, /* numbers under one scale of the 4-bit form */ ROWS_AN_ITEM = 32 };

typedef struct text_layer {
    tensor_matrix qkv;                /* [3 * hidden, hidden]: query, key, value rows */
    tensor_matrix out;                /* [hidden, hidden] */
    tensor_matrix fc1;                /* [intermediate, hidden] */
    tensor_matrix fc2;                /* [hidden, intermediate] */
    const float *norm1_w, *norm1_b;   /* [hidden] */
    const float *norm2_w, *norm2_b;   /* [hidden] */
} text_layer;

struct text_tower {
    const model_config *config;
    const tensor_kernels *kernels;
    tensor_matrix word;               /* [vocab, hidden]; data NULL when they are 4 bit */
    const uint8_t *word4;             /* [vocab, hidden / 2], or NULL */
    const uint8_t *word4_scale;       /* F16 [vocab, hidden / GROUP] */
    tensor_matrix position;           /* [positions, hidden] */
    tensor_matrix token_type;         /* [1, hidden] */
    const float *norm_w, *norm_b;     /* [hidden] */
    text_layer *layer;                /* [layers] */
    tensor_matrix head;               /* [dim, hidden] */
};

struct text_scratch {
    float *x;       /* [positions, hidden] token states */
    float *qkv;     /* [positions, 3 * hidden] */
    float *context; /* [positions, hidden] attention's result */
    float *sum;     /* [positions, hidden] what is added to x */
    float *middle;  /* [positions, intermediate] */
    int16_t *q;     /* [positions, widest layer] rounded states */
    float *step;    /* [positions] */
    float *worker;  /* [threads, worker_stride]: a widened weight row, attention scores */
    size_t worker_stride; /* floats */
    void *memory;   /* all of the above */
};

/* ---- opening ---- */

static lancelet_status open_word(const weights_file *weights, const model_config *c, base_arena *arena, text_tower *t,
                                 lancelet_error *err)
{
    static const char name[] = "text.embeddings.word", scale_name[] = "text.embeddings.word.scale";
    const weights_tensor *w = weights_file_find(weights, name), *s = weights_file_find(weights, scale_name);
    if (!w || w->dtype != TENSOR_U8)
        return weights_table(weights, arena, name, c->vocab, c->hidden, &t->word, err);
    if (c->hidden % GROUP != 0 || w->dimensions != 2 || w->shape[0] != c->vocab || w->shape[1] != c->hidden / 2 || !s ||
        s->dtype != TENSOR_F16 || s->dimensions != 2 || s->shape[0] != c->vocab || s->shape[1] != c->hidden / GROUP)
        return base_fail(err, LANCELET_CORRUPT, "the 4-bit tensor '%s' or its scale has not the shape that the model's config asks for",
                         name);
    t->word4 = w->data;
    t->word4_scale = s->data;
    return LANCELET_OK;
}

static lancelet_status open_layer(const weights_file *weights, const model_config *c, base_arena *arena, size_t i, text_layer *l,
                                  lancelet_error *err)
{
    char name[64];
    const struct {
        const char *part;
        size_t n, k;
        tensor_matrix *to;
    } matrices[] = {
        {"attn.qkv", 3 * c->hidden, c->hidden, &l->qkv},
        {"attn.out", c->hidden, c->hidden, &l->out},
        {"mlp.fc1", c->intermediate, c->hidden, &l->fc1},
        {"mlp.fc2", c->hidden, c->intermediate, &l->fc2},
    };
    const struct {
        const char *part;
        const float **to;
    } vectors[] = {
        {"norm1.weight", &l->norm1_w},
        {"norm1.bias", &l->norm1_b},
        {"norm2.weight", &l->norm2_w},
        {"norm2.bias", &l->norm2_b},
    };
    for (size_t j = 0; j < 4; j++) {
        snprintf(name, sizeof name, "text.layers.%zu.%s", i, matrices[j].part);
        RETURN_IF_ERROR(weights_layer(weights, arena, name, matrices[j].n, matrices[j].k, matrices[j].to, err));
        snprintf(name, sizeof name, "text.layers.%zu.%s", i, vectors[j].part);
        RETURN_IF_ERROR(weights_vector(weights, arena, name, c->hidden, vectors[j].to, err));
    }
    return LANCELET_OK;
}

lancelet_status text_tower_open(const weights_file *weights, const model_config *config, const tensor_kernels *kernels,
                                base_arena *arena, text_tower **out, lancelet_error *err)
{
    text_tower *t = base_arena_alloc(arena, sizeof *t);
    text_layer *layer = base_arena_alloc(arena, config->layers * sizeof *layer);
    if (!t || !layer)
        return base_fail_memory(err);
    *t = (text_tower){.config = config, .kernels = kernels, .layer = layer};
    RETURN_IF_ERROR(open_word(weights, config, arena, t, err));
    RETURN_IF_ERROR(weights_table(weights, arena, "text.embeddings.position", config->positions, config->hidden, &t->position, err));
    RETURN_IF_ERROR(weights_table(weights, arena, "text.embeddings.token_type", 1, config->hidden, &t->token_type, err));
    RETURN_IF_ERROR(weights_vector(weights, arena, "text.embeddings.norm.weight", config->hidden, &t->norm_w, err));
    RETURN_IF_ERROR(weights_vector(weights, arena, "text.embeddings.norm.bias", config->hidden, &t->norm_b, err));
    for (size_t i = 0; i < config->layers; i++)
        RETURN_IF_ERROR(open_layer(weights, config, arena, i, &t->layer[i], err));
    RETURN_IF_ERROR(weights_layer(weights, arena, "text_head", config->dim, config->hidden, &t->head, err));
    *out = t;
    return LANCELET_OK;
}

lancelet_status text_scratch_create(const text_tower *tower, int threads, text_scratch **out, lancelet_error *err)
{
    const model_config *c = tower->config;
    size_t widest = c->hidden > c->intermediate ? c->hidden : c->intermediate, p = c->positions;
    size_t worker = tensor_round_up(widest + p, 16);
    /* within 64 bit: the config's limits are 4096 positions, 4096 and 16384 wide */
    size_t floats = p * (6 * c->hidden + c->intermediate + 1) + worker * (size_t)threads;
    size_t q = p * tensor_round_up(widest, TENSOR_I8_BLOCK);
    text_scratch *s = base_calloc(1, sizeof *s);
    float *at = s ? base_alloc_aligned(floats * sizeof(float) + q * sizeof(int16_t)) : NULL;
    if (!at) {
        base_free(s);
        return base_fail_memory(err);
    }
    s->memory = at;
    s->q = (int16_t *)(void *)at;
    at += q / 2; /* q is a multiple of 32 */
    s->x = at, at += p * c->hidden;
    s->qkv = at, at += p * 3 * c->hidden;
    s->context = at, at += p * c->hidden;
    s->sum = at, at += p * c->hidden;
    s->middle = at, at += p * c->intermediate;
    s->worker = at, at += worker * (size_t)threads;
    s->step = at;
    s->worker_stride = worker;
    *out = s;
    return LANCELET_OK;
}

void text_scratch_destroy(text_scratch *s)
{
    if (!s)
        return;
    base_free(s->memory);
    base_free(s);
}

/* ---- running ---- */

static void word_row(const text_tower *t, size_t id, float *out)
{
    size_t hidden = t->config->hidden;
    if (!t->word4) {
        tensor_row(t->kernels, &t->word, id, out);
        return;
    }
    const uint8_t *packed = t->word4 + id * (hidden / 2), *scales = t->word4_scale + id * (hidden / GROUP) * 2;
    for (size_t g = 0; g < hidden / GROUP; g++) {
        float scale = tensor_from_f16((uint16_t)(scales[2 * g] | scales[2 * g + 1] << 8));
        for (size_t i = 0; i < GROUP / 2; i++) {
            uint8_t b = packed[g * (GROUP / 2) + i];
            *out++ = (float)((b & 15) - 8) * scale;
            *out++ = (float)((b >> 4) - 8) * scale;
        }
    }
}

typedef struct region {
    const text_tower *tower;
    text_scratch *s;
    const tensor_matrix *w; /* of regions 2 to 4 */
    tensor_rows rows;       /* their input */
    float *out;             /* [n, w->n] */
    bool gelu;
} region;

static void head_task(void *arg, size_t head, int worker)
{
    region *r = arg;
    const model_config *c = r->tower->config;
    const tensor_kernels *k = r->tower->kernels;
    float *scratch = r->s->worker + (size_t)worker * r->s->worker_stride;
    size_t d = c->head_dim, stride = 3 * c->hidden;
    float *q = r->s->qkv + head * d;
    for (size_t part = 0; part < 3; part++)
        tensor_linear(k, r->w, part * c->hidden + head * d, part * c->hidden + (head + 1) * d, &r->rows, scratch,
                      q + part * c->hidden, stride);
    k->attention(q, q + c->hidden, q + 2 * c->hidden, stride, r->rows.n, d, 1.0f / sqrtf((float)d), scratch,
                 r->s->context + head * d, c->hidden);
}

static void linear_task(void *arg, size_t item, int worker)
{
    region *r = arg;
    size_t row0 = item * ROWS_AN_ITEM, row1 = row0 + ROWS_AN_ITEM < r->w->n ? row0 + ROWS_AN_ITEM : r->w->n;
    tensor_linear(r->tower->kernels, r->w, row0, row1, &r->rows, r->s->worker + (size_t)worker * r->s->worker_stride,
                  r->out + row0, r->w->n);
    if (r->gelu)
        for (size_t t = 0; t < r->rows.n; t++)
            r->tower->kernels->gelu(r->out + t * r->w->n + row0, row1 - row0);
}

/* out = w x + b for all token states, by row blocks on the pool. */
static void linear(region *r, base_pool *pool, const tensor_matrix *w, const float *x, float *out, bool gelu)
{
    r->w = w;
    r->rows.x = x;
    r->rows.k = w->k;
    r->out = out;
    r->gelu = gelu;
    tensor_rows_prepare(r->tower->kernels, w->dtype, &r->rows);
    base_pool_run(pool, (w->n + ROWS_AN_ITEM - 1) / ROWS_AN_ITEM, linear_task, r);
}

static void to_unit_length(const tensor_kernels *k, float *v, size_t n)
{
    float length = sqrtf(k->dot(v, v, n));
    float inverse = 1.0f / fmaxf(length, 1e-12f); /* PyTorch's F.normalize */
    for (size_t i = 0; i < n; i++)
        v[i] *= inverse;
}

static void embed_tokens(const text_tower *t, text_scratch *s, const int32_t *ids, size_t n)
{
    size_t hidden = t->config->hidden;
    float *type = s->sum, *position = s->sum + hidden; /* positions >= 2 */
    tensor_row(t->kernels, &t->token_type, 0, type);
    for (size_t i = 0; i < n; i++) {
        float *x = s->x + i * hidden;
        word_row(t, (size_t)ids[i], x);
        tensor_row(t->kernels, &t->position, i, position);
        for (size_t j = 0; j < hidden; j++)
            x[j] = x[j] + position[j] + type[j];
        t->kernels->layer_norm(x, NULL, hidden, t->norm_w, t->norm_b, t->config->eps);
    }
}

lancelet_status text_tower_run(const text_tower *t, text_scratch *s, base_pool *pool, const int32_t *ids, size_t n, float *out,
                               lancelet_error *err)
{
    const model_config *c = t->config;
    const tensor_kernels *k = t->kernels;
    size_t hidden = c->hidden;
    if (n < 1 || n > c->positions)
        return base_fail(err, LANCELET_INVALID, "a text must have 1 to %zu tokens, not %zu", c->positions, n);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= c->vocab)
            return base_fail(err, LANCELET_INVALID, "token id %d is outside the vocabulary of %zu", (int)ids[i], c->vocab);
    embed_tokens(t, s, ids, n);
    region r = {.tower = t, .s = s, .rows = {.q = s->q, .step = s->step, .n = n}};
    for (size_t i = 0; i < c->layers; i++) {
        const text_layer *l = &t->layer[i];
        r.w = &l->qkv;
        r.rows.x = s->x;
        r.rows.k = hidden;
        tensor_rows_prepare(k, l->qkv.dtype, &r.rows);
        base_pool_run(pool, c->heads, head_task, &r);
        linear(&r, pool, &l->out, s->context, s->sum, false);
        for (size_t j = 0; j < n; j++)
            k->layer_norm(s->x + j * hidden, s->sum + j * hidden, hidden, l->norm1_w, l->norm1_b, c->eps);
        linear(&r, pool, &l->fc1, s->x, s->middle, true);
        linear(&r, pool, &l->fc2, s->middle, s->sum, false);
        for (size_t j = 0; j < n; j++)
            k->layer_norm(s->x + j * hidden, s->sum + j * hidden, hidden, l->norm2_w, l->norm2_b, c->eps);
    }
    float *mean = s->sum;
    for (size_t j = 0; j < hidden; j++) {
        float sum = 0.0f;
        for (size_t i = 0; i < n; i++)
            sum += s->x[i * hidden + j];
        mean[j] = sum / (float)n;
    }
    to_unit_length(k, mean, hidden);
    r.rows.n = 1;
    linear(&r, NULL, &t->head, mean, out, false);
    to_unit_length(k, out, c->dim);
    return LANCELET_OK;
}
