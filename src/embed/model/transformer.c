/* transformer.c - the stack of pre-norm residual attention blocks (transformer.h), over states that stay in the lanes of
 * product_table.h from the first layer to the last. */
#include "embed/model/transformer.h"

#include <string.h>

#include "embed/tensor/product_table.h"

struct transformer_scratch {
    float *x;       /* [tokens, d_model]: the residual stream */
    float *normed;  /* [tokens, d_model]; results of attention too */
    float *wide;    /* [tokens, max(3 d_model, mlp)]: q, k, v; then the hidden states of the MLP */
    float *wanted_x, *wanted_normed; /* [sequences, d_model] */
    float *wanted_wide;              /* [sequences, max(d_model, mlp)]: q; then hidden states */
    float *product;                  /* [threads, k->scratch] */
    float *attention;                /* [threads, attention_floats] */
    size_t attention_floats;
    float *all;     /* the one allocation */
};

static size_t greater(size_t a, size_t b) { return a > b ? a : b; }

lancelet_status transformer_scratch_create(const transformer *t, const product_kernels *k, size_t max_tokens,
                                           size_t max_sequences, int threads, transformer_scratch **out,
                                           lancelet_error *err)
{
    enum { PIECES = 8 };
    size_t each = (size_t)(threads > 0 ? threads : 1), attention = 0, wide = 0, at[PIECES + 1] = {0};
    size_t tokens = product_padded(k, TENSOR_F32, max_tokens); /* which are padded whenever others are */
    bool fits = product_attention_floats(k, t->d_model / t->heads, tokens, &attention) &&
                base_mul_size(t->d_model, 3, &wide);
    const size_t piece[PIECES][2] = { /* in the order of the struct */
        {tokens, t->d_model},        {tokens, t->d_model},        {tokens, greater(wide, t->mlp)},
        {max_sequences, t->d_model}, {max_sequences, t->d_model}, {max_sequences, greater(t->d_model, t->mlp)},
        {each, k->scratch},          {each, attention},
    };
    for (int i = 0; fits && i < PIECES; i++) {
        size_t floats;
        fits = base_mul_size(piece[i][0], piece[i][1], &floats) && base_add_size(floats, PRODUCT_PADDING + 15, &floats) &&
               base_add_size(at[i], floats / 16 * 16, &at[i + 1]);
    }
    if (!fits || at[PIECES] > SIZE_MAX / sizeof(float))
        return base_fail(err, LANCELET_LIMIT, "%zu tokens of %zu numbers are more than memory can hold", max_tokens,
                         t->d_model);
    transformer_scratch *s = base_alloc(sizeof *s);
    float *all = base_alloc_aligned(at[PIECES] * sizeof *all);
    if (!s || !all) {
        base_free(s);
        base_free(all);
        return base_fail_memory(err);
    }
    *s = (transformer_scratch){all + at[0], all + at[1], all + at[2], all + at[3], all + at[4], all + at[5],
                               all + at[6], all + at[7], attention, all};
    *out = s;
    return LANCELET_OK;
}

void transformer_scratch_destroy(transformer_scratch *s)
{
    if (!s)
        return;
    base_free(s->all);
    base_free(s);
}

/* ---- attention of all heads of all sequences ---- */

typedef struct attention_region {
    const product_kernels *k;
    size_t heads;
    product_attention one; /* of head 0; tokens are filled in */
    const size_t *begin;   /* [n + 1] */
    const size_t *wanted;  /* [n], or NULL: every token asks */
    float *scratch;        /* [threads, floats] */
    size_t floats;
} attention_region;

static void run_attention(void *arg, size_t i, int worker)
{
    const attention_region *r = arg;
    size_t sequence = i / r->heads, shift = i % r->heads * r->one.head_dim;
    product_attention a = r->one;
    a.q_channel += shift;
    a.k_channel += shift;
    a.v_channel += shift;
    a.out_channel += shift;
    a.key0 = r->begin[sequence];
    a.keys = r->begin[sequence + 1] - a.key0;
    a.query0 = a.key0;
    a.queries = a.keys;
    if (r->wanted) {
        a.query0 = sequence;
        a.queries = 1;
        if (a.causal)
            a.keys = r->wanted[sequence] - a.key0 + 1;
        a.causal = false;
    }
    r->k->attention(&a, r->scratch + (size_t)worker * r->floats);
}

/* ---- the stack ---- */

typedef struct stack {
    const transformer *t;
    const product_kernels *k;
    base_pool *pool;
    const transformer_scratch *s;
} stack;

static void product(const stack *st, const tensor_matrix *w, const product_states *x, product_activation activation,
                    bool add, const product_states *out, const tensor_matrix *next)
{
    product_run(st->k, st->pool,
                &(product_call){.w = {w}, .n = 1, .x = x, .out = out, .activation = activation, .add = add, .next = next},
                st->s->product);
}

/* What follows attention: `attended` becomes the MLP's input on the way. */
static void finish_block(const stack *st, const transformer_layer *l, const product_states *x,
                         const product_states *attended, float *hidden, const tensor_matrix *next)
{
    product_states h = {x->tokens, hidden, st->t->mlp};
    product(st, &l->out, attended, PRODUCT_LINEAR, true, x, &l->fc1);
    product_norm(st->k, st->pool, x, l->norm2_w, l->norm2_b, st->t->eps, attended);
    product(st, &l->fc1, attended, st->t->activation, false, &h, &l->fc2);
    product(st, &l->fc2, &h, PRODUCT_LINEAR, true, x, next);
}

static void attend(const stack *st, const product_states *q, const product_states *kv, size_t k_channel, const size_t *begin,
                   size_t n, const size_t *wanted, const product_states *out)
{
    const transformer *t = st->t;
    attention_region r = {.k = st->k, .heads = t->heads,
                          .one = {.head_dim = t->d_model / t->heads, .q = q, .kv = kv, .k_channel = k_channel,
                                  .v_channel = k_channel + t->d_model, .out = out, .causal = t->causal},
                          .begin = begin, .wanted = wanted, .scratch = st->s->attention, .floats = st->s->attention_floats};
    base_pool_run(st->pool, n * t->heads, run_attention, &r);
}

/* The states of some tokens. */
static void pick(const product_states *from, const size_t *tokens, const product_states *to)
{
    for (size_t i = 0; i < to->tokens->m; i++) {
        size_t from_step, to_step;
        const float *x = product_token(from, tokens[i], &from_step);
        float *y = product_token(to, i, &to_step);
        for (size_t c = 0; c < to->channels; c++)
            y[c * to_step] = x[c * from_step];
    }
}

void transformer_run(const transformer *t, const product_kernels *k, transformer_scratch *s, base_pool *pool, float *x,
                     const size_t *begin, size_t n, const size_t *wanted, float *out)
{
    if (n == 0)
        return;
    size_t d = t->d_model;
    stack st = {t, k, pool, s};
    product_tokens tokens = product_tokens_of(k, product_padded(k, t->layer->fc1.dtype, begin[n])), few = product_tokens_of(k, n);
    product_states states = {&tokens, s->x, d}, normed = {&tokens, s->normed, d}, qkv = {&tokens, s->wide, 3 * d};
    product_from_rows(pool, x, begin[n], &states);
    for (size_t i = 0; i + 1 < t->layers; i++) {
        const transformer_layer *l = &t->layer[i];
        product_norm(k, pool, &states, l->norm1_w, l->norm1_b, t->eps, &normed);
        product_run(k, pool, &(product_call){.w = {&l->q, &l->k, &l->v}, .n = 3, .x = &normed, .out = &qkv, .next = &l->out},
                    s->product);
        attend(&st, &qkv, &qkv, d, begin, n, NULL, &normed);
        finish_block(&st, l, &states, &normed, s->wide, &l[1].q);
    }
    const transformer_layer *l = &t->layer[t->layers - 1];
    product_states kv = {&tokens, s->wide, 2 * d}, q = {&few, s->wanted_wide, d};
    product_states few_states = {&few, s->wanted_x, d}, few_normed = {&few, s->wanted_normed, d};
    product_norm(k, pool, &states, l->norm1_w, l->norm1_b, t->eps, &normed);
    pick(&states, wanted, &few_states);
    pick(&normed, wanted, &few_normed);
    product_run(k, pool, &(product_call){.w = {&l->k, &l->v}, .n = 2, .x = &normed, .out = &kv, .next = &l->q}, s->product);
    product(&st, &l->q, &few_normed, PRODUCT_LINEAR, false, &q, &l->out);
    attend(&st, &q, &kv, 0, begin, n, wanted, &few_normed);
    finish_block(&st, l, &few_states, &few_normed, s->wanted_wide, NULL);
    product_to_rows(pool, &few_states, out);
}

void transformer_norm(const product_kernels *k, const float *x, size_t n, size_t d, const float *weight, const float *bias,
                      float eps, float *y)
{
    if (y != x)
        memcpy(y, x, n * d * sizeof *y);
    for (size_t i = 0; i < n; i++)
        tensor_kernels_for(k->level)->layer_norm(y + i * d, NULL, d, weight, bias, eps);
}
