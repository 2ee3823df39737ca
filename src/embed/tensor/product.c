/* product.c - how the work of a product is parted among threads, and the way of rows of tokens into the lanes and back
 * (product_table.h says how states lie). */
#include "embed/tensor/product_table.h"

enum {
    PART_ROWS = 64,       /* rows of weights in a part: with their block of channels they fit the second-level cache */
    SHORT_PART_ROWS = 32, /* where they go by one panel at most: a part takes some 10 microseconds */
    ROWS_MULTIPLE = 8,    /* of a part: whole tiles */
    PARTS_PER_THREAD = 4, /* at least: so that no thread waits long at the end */
    FEWEST = 16,          /* tokens; fewer are all tail */
    CHANNELS_AT_ONCE = 64, /* in the way into lanes and back */
};

const product_kernels *product_kernels_for(base_isa level)
{
#if defined(__x86_64__)
    if (level >= BASE_ISA_AVX512)
        return &product_kernels_avx512;
    if (level >= BASE_ISA_AVX2)
        return &product_kernels_avx2;
#endif
    (void)level;
    return &product_kernels_c;
}

product_tokens product_tokens_of(const product_kernels *k, size_t m)
{
    product_tokens t = {.m = m, .lanes = k->lanes, .vectors = m < FEWEST ? 0 : m / k->lanes};
    t.panels = (t.vectors + PRODUCT_VECTORS - 1) / PRODUCT_VECTORS;
    return t;
}

size_t product_padded(const product_kernels *k, tensor_dtype weights, size_t m)
{
    return m >= (weights == TENSOR_F32 ? k->pad_from : k->pad_from_16) && m < FEWEST ? FEWEST : m;
}

bool product_attention_floats(const product_kernels *k, size_t head_dim, size_t keys, size_t *floats)
{
    size_t row, keys_values, queries, scores;
    return base_add_size(keys, 2 * k->lanes, &row) && base_mul_size(row, 2, &keys_values) &&
           base_mul_size(keys_values, head_dim, &keys_values) &&
           base_mul_size(head_dim, (PRODUCT_VECTORS + 1) * k->lanes, &queries) &&
           base_mul_size(keys, PRODUCT_VECTORS * k->lanes, &scores) && base_add_size(keys_values, queries, &queries) &&
           base_add_size(queries, scores, &scores) && base_add_size(scores, PRODUCT_PADDING, &scores) &&
           base_add_size(scores, 15, &scores) && (*floats = scores / 16 * 16, true);
}

/* ---- products ---- */

typedef struct product_region {
    const product_kernels *k;
    const product_call *call;
    float *scratch;     /* [threads, k->scratch] */
    size_t part_rows;   /* rows of a matrix in a part */
    size_t groups;      /* of panels */
    size_t threads;
    size_t parts[4];    /* number of the first part of each matrix, then of all */
} product_region;

/* Row 0 of a part, its matrix and the channel that row 0 of the matrix makes. */
static const tensor_matrix *part_of(const product_region *r, size_t part, size_t *row, size_t *channel)
{
    const product_call *c = r->call;
    size_t matrix = 0;
    *channel = 0;
    while (part >= r->parts[matrix + 1])
        *channel += c->w[matrix++]->n;
    *row = (part - r->parts[matrix]) * r->part_rows;
    return c->w[matrix];
}

static void run_part(void *arg, size_t i, int worker)
{
    const product_region *r = arg;
    const product_call *c = r->call;
    const product_tokens *t = c->x->tokens;
    size_t group = i % r->groups, row, channel, next_row, unused;
    const tensor_matrix *w = part_of(r, i / r->groups, &row, &channel), *next = c->next;
    product_part p = {.w = w, .row0 = row, .row1 = row + r->part_rows < w->n ? row + r->part_rows : w->n,
                      .x = c->x, .out = c->out, .channel = channel,
                      .panel0 = t->panels * group / r->groups, .panel1 = t->panels * (group + 1) / r->groups,
                      .tail = group + 1 == r->groups && product_tail(t) > 0, .add = c->add, .activation = c->activation};
    size_t following = i / r->groups + r->threads; /* threads take turns, as a rule */
    if (following < r->parts[c->n])
        next = part_of(r, following, &next_row, &unused);
    else
        next_row = (size_t)worker * r->part_rows;
    if (next && next_row < next->n) {
        p.next_step = next->k * (next->dtype == TENSOR_F32 ? 4 : 2);
        p.next = (const uint8_t *)next->data + next_row * p.next_step;
    }
    r->k->linear(&p, r->scratch + (size_t)worker * r->k->scratch);
}

void product_run(const product_kernels *k, base_pool *pool, const product_call *call, float *scratch)
{
    const product_tokens *t = call->x->tokens;
    if (t->m == 0)
        return;
    product_region r = {.k = k, .call = call, .scratch = scratch, .groups = 1,
                        .part_rows = t->panels > 1 ? PART_ROWS : SHORT_PART_ROWS};
    size_t threads = (size_t)base_pool_threads(pool), rows = 0;
    for (size_t i = 0; i < call->n; i++)
        rows += call->w[i]->n;
    r.threads = threads;
    size_t parts = (rows + r.part_rows - 1) / r.part_rows;
    if (parts < PARTS_PER_THREAD * threads) {
        size_t each = (parts + threads - 1) / threads; /* parts of a thread, as equal as rows allow */
        r.part_rows = tensor_round_up((rows + threads * each - 1) / (threads * each), ROWS_MULTIPLE);
    }
    for (size_t i = 0; i < call->n; i++)
        r.parts[i + 1] = r.parts[i] + (call->w[i]->n + r.part_rows - 1) / r.part_rows;
    size_t wanted = PARTS_PER_THREAD * threads;
    if (r.parts[call->n] > 0 && r.parts[call->n] < wanted && t->panels > 1) {
        r.groups = (wanted + r.parts[call->n] - 1) / r.parts[call->n];
        r.groups = r.groups < t->panels ? r.groups : t->panels;
    }
    base_pool_run(pool, r.parts[call->n] * r.groups, run_part, &r);
}

/* ---- layer norm ---- */

typedef struct norm_region {
    const product_kernels *k;
    const product_states *x, *y;
    const float *weight, *bias;
    float eps;
} norm_region;

static void run_norm(void *arg, size_t i, int worker)
{
    const norm_region *r = arg;
    (void)worker;
    r->k->norm(r->x, i, r->weight, r->bias, r->eps, r->y);
}

void product_norm(const product_kernels *k, base_pool *pool, const product_states *x, const float *weight, const float *bias,
                  float eps, const product_states *y)
{
    norm_region r = {.k = k, .x = x, .y = y, .weight = weight, .bias = bias, .eps = eps};
    base_pool_run(pool, x->tokens->vectors + (product_tail(x->tokens) > 0), run_norm, &r);
}

/* ---- rows in and out of the lanes ---- */

typedef struct turn_region {
    const float *from_rows; /* [m, channels]; NULL: out of the lanes */
    size_t m;
    float *to_rows;
    const product_states *s;
} turn_region;

static void run_turn(void *arg, size_t i, int worker)
{
    const turn_region *r = arg;
    const product_states *s = r->s;
    size_t channel0 = i * CHANNELS_AT_ONCE, channel1 = channel0 + CHANNELS_AT_ONCE;
    (void)worker;
    if (channel1 > s->channels)
        channel1 = s->channels;
    for (size_t token = 0; token < s->tokens->m; token++) {
        size_t step;
        float *lane = product_token(s, token, &step);
        if (r->from_rows)
            for (size_t c = channel0; c < channel1; c++)
                lane[c * step] = token < r->m ? r->from_rows[token * s->channels + c] : 0.0f;
        else
            for (size_t c = channel0; c < channel1; c++)
                r->to_rows[token * s->channels + c] = lane[c * step];
    }
}

static void turn(base_pool *pool, turn_region r)
{
    base_pool_run(pool, (r.s->channels + CHANNELS_AT_ONCE - 1) / CHANNELS_AT_ONCE, run_turn, &r);
}

void product_from_rows(base_pool *pool, const float *rows, size_t m, const product_states *s)
{
    turn(pool, (turn_region){.from_rows = rows, .m = m, .s = s});
}

void product_to_rows(base_pool *pool, const product_states *s, float *rows)
{
    turn(pool, (turn_region){.to_rows = rows, .s = s});
}

bool product_scratch_floats(const product_kernels *k, size_t m, size_t widest_k, size_t widest_n, int threads,
                            size_t *floats)
{
    size_t width, states, each;
    return base_add_size(widest_k, widest_n, &width) && base_mul_size(m, width, &states) &&
           base_mul_size(k->scratch, (size_t)threads, &each) && base_add_size(states, each, &states) &&
           base_add_size(states, (size_t)3 * PRODUCT_PADDING, floats);
}

void product_linear(const product_kernels *k, base_pool *pool, const product_job *job, float *scratch)
{
    product_tokens tokens = product_tokens_of(k, job->m);
    float *own = scratch, *turned_x = scratch + tensor_round_up(k->scratch * (size_t)base_pool_threads(pool), 16);
    float *turned_out = turned_x + tensor_round_up(job->m * job->weights->k, 16) + PRODUCT_PADDING;
    bool turned = tokens.panels > 0; /* else rows are what the kernels want */
    product_states x = {&tokens, turned ? turned_x : (float *)job->x, job->weights->k};
    product_states out = {&tokens, turned ? turned_out : job->out, job->weights->n};
    if (turned)
        product_from_rows(pool, job->x, job->m, &x);
    product_call call = {.w = {job->weights}, .n = 1, .x = &x, .out = &out, .activation = job->activation};
    product_run(k, pool, &call, own);
    if (turned)
        product_to_rows(pool, &out, job->out);
}
