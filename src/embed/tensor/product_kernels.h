/* product_kernels.h - the fp32 kernels of product_table.h, written once over a vector type of VW floats that the including
 * file defines (vf, v_load, v_fma, v_weights, v_sums, ..., and the tile sizes). Included by product_*.c alone.
 *
 * Panels: a tile is up to STRIP_ROWS rows of weights by the 1-3 vectors of a panel, its sums in registers while it goes down
 * the channels: a weight is broadcast from where the file is mapped. The channels are cut in blocks whose part of the panel
 * stays in the first-level cache, and sums wait in `out` between them. While a block is computed, the weights of the next
 * are fetched. 16-bit weights are widened a block at a time, once for all panels.
 * Tail: a tile is up to TAIL_TOKENS tokens by a few rows, its lanes along the channels, added across at a block's end. */
#include <string.h>

#include "embed/tensor/product_table.h"
#include "embed/tensor/unroll.h"
#include "embed/tensor/vector_math.h"

enum {
    ROWS_AT_ONCE = 64,          /* rows of weights in a block: more go through the panels again */
    TAIL_K = 768,               /* channels in a block where there is a tail alone */
    WIDE_STRIDE = PANEL_K + 16, /* floats between widened rows: not a power of two, which would fall into one cache set */
    TAIL_AHEAD = 8192,          /* bytes of weights between what is computed and what is fetched */
    LINE = 64,                  /* bytes of a cache line */
};

/* Into the second-level cache. A macro: GCC takes a function that does nothing else for one without effect. */
#define PREFETCH(P) __builtin_prefetch((const void *)(P), 0, 2)

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t bytes_of(tensor_dtype dtype) { return dtype == TENSOR_F32 ? 4 : 2; }

/* ---- panels ---- */

typedef struct panel_tile {
    const uint8_t *w; /* weight of row r and channel i is at r * row_step + i * k_step */
    size_t row_step, k_step; /* bytes */
    const float *x;          /* [k][vectors * VW], channels x_step floats apart */
    size_t x_step;
    size_t k;
    float *out;              /* [rows][vectors * VW] */
    const float *bias;       /* [rows] or NULL */
    bool add;                /* to what lies in out */
    /* fetched meanwhile, or NULL: for each 16 channels a line of each row of the weights that come next, their rows
     * next_step and their lines next_line bytes apart */
    const uint8_t *next;
    size_t next_step, next_line;
} panel_tile;

ALWAYS_INLINE void tile_steps(size_t rows, size_t vectors, const uint8_t *w, size_t row_step, size_t k_step, const float *x,
                              size_t x_step, size_t k, vf s[STRIP_ROWS][PRODUCT_VECTORS])
{
    for (size_t i = 0; i < k; i++, x += x_step, w += k_step) {
        vf b[PRODUCT_VECTORS];
        UNROLL for (size_t v = 0; v < vectors; v++)
            b[v] = v_load(x + v * VW);
        UNROLL for (size_t r = 0; r < rows; r++) {
            vf a = v_weight(w + r * row_step);
            UNROLL for (size_t v = 0; v < vectors; v++)
                s[r][v] = v_fma(a, b[v], s[r][v]);
        }
    }
}

ALWAYS_INLINE void tile_sums(size_t rows, size_t vectors, const panel_tile *t, size_t row_step, size_t k_step)
{
    vf s[STRIP_ROWS][PRODUCT_VECTORS];
    UNROLL for (size_t r = 0; r < rows; r++) {
        vf bias = v_set1(t->bias ? t->bias[r] : 0.0f);
        UNROLL for (size_t v = 0; v < vectors; v++)
            s[r][v] = t->add ? v_add(bias, v_load(t->out + (r * vectors + v) * VW)) : bias;
    }
    for (size_t i = 0; i < t->k; i += 16) {
        if (t->next)
            UNROLL for (size_t r = 0; r < rows; r++)
                PREFETCH(t->next + r * t->next_step + i / 16 * t->next_line);
        tile_steps(rows, vectors, t->w + i * k_step, row_step, k_step, t->x + i * t->x_step, t->x_step,
                   smaller(t->k - i, 16), s);
    }
    float *out = t->out;
    UNROLL for (size_t r = 0; r < rows; r++)
        UNROLL for (size_t v = 0; v < vectors; v++)
            v_store(out + (r * vectors + v) * VW, s[r][v]);
}

/* Rows of a tile for up to `left` rows. */
static inline size_t tile_rows(size_t vectors, size_t left)
{
    size_t rows = STRIP_ROWS_OF(vectors);
    (void)vectors;
    while (rows > left)
        rows /= 2;
    return rows;
}

#define CASE(R, V)                                 \
    case (R) * 4 + (V):                            \
        tile_sums(R, V, t, ROW_STEP, K_STEP);      \
        break;
static NEVER_INLINE void weights_tile(size_t rows, size_t vectors, const panel_tile *t)
{
#define ROW_STEP t->row_step
#define K_STEP sizeof(float)
    switch (rows * 4 + vectors) {
        TILE_CASES
    default:
        break;
    }
#undef ROW_STEP
#undef K_STEP
}
/* the same with rows that lie side by side, as keys do */
static NEVER_INLINE void keys_tile(size_t rows, size_t vectors, const panel_tile *t)
{
#define ROW_STEP sizeof(float)
#define K_STEP t->k_step
    switch (rows * 4 + vectors) {
        TILE_CASES
    default:
        break;
    }
#undef ROW_STEP
#undef K_STEP
}
#undef CASE

/* ---- the tail ---- */

typedef float quad __attribute__((vector_size(16)));
static inline quad quad_load(const float *p)
{
    quad q;
    memcpy(&q, p, sizeof q);
    return q;
}
static inline void quad_store(float *p, quad q) { memcpy(p, &q, sizeof q); }

typedef struct tail_tile {
    const uint8_t *w; /* rows row_step bytes apart */
    size_t row_step;
    const float *x;   /* tokens x_step floats apart */
    size_t x_step;
    size_t k;
    float *out;       /* tokens out_step floats apart */
    size_t out_step;
    const float *bias; /* [rows] or NULL */
    bool add;
    size_t ahead;     /* bytes (modulo 2^64) from a weight to the one that is fetched meanwhile */
} tail_tile;

ALWAYS_INLINE void tail_steps(size_t tokens, size_t rows, tensor_dtype dtype, const tail_tile *t, size_t i, size_t left,
                              vf s[TAIL_SUMS])
{
    vf w[STRIP_ROWS];
    UNROLL for (size_t r = 0; r < rows; r++)
        w[r] = v_weights(dtype, t->w + r * t->row_step + i * bytes_of(dtype), left);
    UNROLL for (size_t j = 0; j < tokens; j++) {
        vf x = v_load_part(t->x + j * t->x_step + i, left);
        UNROLL for (size_t r = 0; r < rows; r++)
            s[j * rows + r] = v_fma(w[r], x, s[j * rows + r]);
    }
}

ALWAYS_INLINE void tail_sums(size_t tokens, size_t rows, tensor_dtype dtype, const tail_tile *t)
{
    vf s[TAIL_SUMS];
    UNROLL for (size_t i = 0; i < TAIL_SUMS; i++)
        s[i] = v_set1(0.0f);
    size_t i = 0;
    size_t line = LINE / bytes_of(dtype);
    for (; i + line <= t->k; i += line) {
        UNROLL for (size_t r = 0; r < rows; r++)
            PREFETCH((uintptr_t)(t->w + r * t->row_step + i * bytes_of(dtype)) + t->ahead);
        UNROLL for (size_t j = 0; j < line; j += VW)
            tail_steps(tokens, rows, dtype, t, i + j, VW, s);
    }
    for (; i + VW <= t->k; i += VW)
        tail_steps(tokens, rows, dtype, t, i, VW, s);
    if (i < t->k)
        tail_steps(tokens, rows, dtype, t, i, t->k - i, s);
    float sums[TAIL_SUMS], bias[STRIP_ROWS] = {0};
    UNROLL for (size_t j = 0; j < tokens * rows; j += VW)
        v_store(sums + j, v_sums(s + j));
    if (t->bias)
        memcpy(bias, t->bias, rows * sizeof *bias);
    UNROLL for (size_t j = 0; j < tokens; j++) {
        float *out = t->out + j * t->out_step;
        if (rows % 4 == 0) {
            UNROLL for (size_t r = 0; r < rows; r += 4) {
                quad q = quad_load(sums + j * rows + r) + quad_load(bias + r);
                quad_store(out + r, t->add ? q + quad_load(out + r) : q);
            }
        } else {
            UNROLL for (size_t r = 0; r < rows; r++)
                out[r] = sums[j * rows + r] + bias[r] + (t->add ? out[r] : 0.0f);
        }
    }
}

#define CASE(T, R)                                 \
    case (T) * 16 + (R):                           \
        tail_sums(T, R, DTYPE, t);                 \
        break;
#define TAIL_FUNCTION(NAME)                                                                   \
    static NEVER_INLINE void NAME(size_t tokens, size_t rows, const tail_tile *t)             \
    {                                                                                         \
        switch (tokens * 16 + rows) {                                                         \
            TAIL_CASES                                                                        \
        default:                                                                              \
            break;                                                                            \
        }                                                                                     \
    }
#define DTYPE TENSOR_F32
TAIL_FUNCTION(tail_f32)
#undef DTYPE
#define DTYPE TENSOR_F16
TAIL_FUNCTION(tail_f16)
#undef DTYPE
#define DTYPE TENSOR_BF16
TAIL_FUNCTION(tail_bf16)
#undef DTYPE
#undef CASE

/* `rows` rows by all tokens of the tail; t describes the first row and token. next: the rows that come behind these. */
static void tail_block(tensor_dtype dtype, size_t tokens, size_t rows, const tail_tile *t, const uint8_t *next)
{
    size_t groups = (tokens + TAIL_TOKENS - 1) / TAIL_TOKENS, most = TAIL_ROWS_OF((tokens + groups - 1) / groups);
    size_t ahead = TAIL_AHEAD / (t->k * bytes_of(dtype)) + most;
    for (size_t r = 0, n; r < rows; r += n) {
        n = rows - r >= most ? most : 1;
        for (size_t g = 0; g < groups; g++) {
            size_t token = tokens * g / groups;
            tail_tile now = *t;
            now.w += r * t->row_step;
            now.x += token * t->x_step;
            now.out += token * t->out_step + r;
            now.bias = t->bias ? t->bias + r : NULL;
            now.ahead = 0;
            if (g == 0 && r + ahead < rows)
                now.ahead = ahead * t->row_step;
            else if (g == 0 && next)
                now.ahead = (size_t)((uintptr_t)next + (r + ahead - rows) * t->row_step - (uintptr_t)now.w);
            size_t here = tokens * (g + 1) / groups - token;
            (dtype == TENSOR_F32 ? tail_f32 : dtype == TENSOR_F16 ? tail_f16 : tail_bf16)(here, n, &now);
        }
    }
}

/* ---- a part of a product ---- */

static inline vf activated(product_activation activation, vf v)
{
    return activation == PRODUCT_QUICK_GELU ? v_quick_gelu(v) : v_gelu(v);
}

static void activate(product_activation activation, float *x, size_t n)
{
    size_t i = 0;
    for (; i + VW <= n; i += VW)
        v_store(x + i, activated(activation, v_load(x + i)));
    if (i < n)
        v_store_part(x + i, n - i, activated(activation, v_load_part(x + i, n - i)));
}

static void linear(const product_part *p, float *scratch)
{
    const tensor_matrix *w = p->w;
    const product_tokens *tokens = p->x->tokens;
    size_t k = w->k, element = bytes_of(w->dtype), rows = p->row1 - p->row0, channel = p->channel + p->row0;
    size_t tail_first = product_panel_first(tokens, tokens->panels), tail = p->tail ? tokens->m - tail_first : 0;
    size_t most_k = p->panel0 < p->panel1 ? PANEL_K : TAIL_K, blocks = (k + most_k - 1) / most_k;
    size_t step = tensor_round_up((k + blocks - 1) / blocks, 16);
    const uint8_t *raw = (const uint8_t *)w->data + p->row0 * k * element;
    const float *bias = w->bias ? w->bias + p->row0 : NULL;

    for (size_t k0 = 0; k0 < k; k0 += step) {
        size_t n = smaller(k - k0, step), row_step = k * element;
        const uint8_t *block = raw + k0 * element;
        bool last = k0 + step >= k;
        const uint8_t *next = last ? p->next : block + step * element;
        tensor_dtype dtype = w->dtype;
        bool first = k0 == 0;
        if (p->panel0 < p->panel1 && dtype != TENSOR_F32) {
            for (size_t r = 0; r < rows; r++)
                WIDEN(dtype, block + r * row_step, n, scratch + r * WIDE_STRIDE);
            block = (const uint8_t *)scratch;
            row_step = WIDE_STRIDE * sizeof(float);
            dtype = TENSOR_F32;
        }
        for (size_t panel = p->panel0; panel < p->panel1; panel++) {
            size_t token = product_panel_first(tokens, panel), width = product_panel_first(tokens, panel + 1) - token;
            panel_tile t = {.row_step = row_step, .x = p->x->data + token * k + k0 * width, .x_step = width,
                            .k = n, .add = p->add || !first,
                            .next_step = last ? p->next_step : k * element, .next_line = 16 * element};
            float *out = p->out->data + token * p->out->channels + channel * width;
            for (size_t r = 0, nr; r < rows; r += nr) {
                nr = tile_rows(width / VW, rows - r);
                t.w = block + r * row_step;
                t.out = out + r * width;
                t.bias = first && bias ? bias + r : NULL;
                t.next = next && panel == p->panel0 ? next + r * t.next_step : NULL;
                weights_tile(nr, width / VW, &t);
            }
        }
        if (tail) {
            tail_tile t = {.w = block, .row_step = row_step, .x = p->x->data + tail_first * k + k0, .x_step = k, .k = n,
                           .out = p->out->data + tail_first * p->out->channels + channel, .out_step = p->out->channels,
                           .bias = first ? bias : NULL, .add = p->add || !first};
            tail_block(dtype, tail, rows, &t, p->panel0 < p->panel1 ? NULL : next);
        }
    }
    if (p->activation == PRODUCT_LINEAR)
        return;
    for (size_t panel = p->panel0; panel < p->panel1; panel++) {
        size_t token = product_panel_first(tokens, panel), width = product_panel_first(tokens, panel + 1) - token;
        activate(p->activation, p->out->data + token * p->out->channels + channel * width, rows * width);
    }
    for (size_t t = 0; t < tail; t++)
        activate(p->activation, p->out->data + (tail_first + t) * p->out->channels + channel, rows);
}

/* ---- layer norm ---- */

/* Sums of each lane: of x, or of (x - *mean)^2. Four at a time, whose errors and delays do not add up. */
ALWAYS_INLINE vf sum_channels(const float *x, size_t step, size_t d, const vf *mean)
{
    vf s[4] = {v_set1(0), v_set1(0), v_set1(0), v_set1(0)};
    size_t c = 0;
    for (; c + 4 <= d; c += 4)
        UNROLL for (size_t j = 0; j < 4; j++) {
            vf v = v_load(x + (c + j) * step);
            vf centred = mean ? v_sub(v, *mean) : v;
            s[j] = mean ? v_fma(centred, centred, s[j]) : v_add(s[j], v);
        }
    for (; c < d; c++) {
        vf v = v_load(x + c * step), centred = mean ? v_sub(v, *mean) : v;
        s[0] = mean ? v_fma(centred, centred, s[0]) : v_add(s[0], v);
    }
    return v_add(v_add(s[0], s[1]), v_add(s[2], s[3]));
}

static void norm(const product_states *x, size_t vector, const float *weight, const float *bias, float eps,
                 const product_states *y)
{
    const product_tokens *t = x->tokens;
    size_t d = x->channels;
    if (vector == t->vectors) {
        for (size_t token = t->vectors * t->lanes; token < t->m; token++) {
            memcpy(y->data + token * d, x->data + token * d, d * sizeof(float));
            LAYER_NORM(y->data + token * d, NULL, d, weight, bias, eps);
        }
        return;
    }
    size_t step;
    const float *from = product_token(x, vector * VW, &step);
    float *to = product_token(y, vector * VW, &step);
    vf count = v_set1((float)d), mean = v_div(sum_channels(from, step, d, NULL), count);
    vf variance = v_div(sum_channels(from, step, d, &mean), count);
    vf inverse = v_div(v_set1(1.0f), v_sqrt(v_add(variance, v_set1(eps))));
    for (size_t c = 0; c < d; c++) {
        vf v = v_mul(v_sub(v_load(from + c * step), mean), inverse);
        v_store(to + c * step, v_fma(v, v_set1(weight[c]), v_set1(bias[c])));
    }
}

/* ---- attention ---- */

/* Channels of tokens token..token+n-1 to [channel][ld]. ld: a vector more than n at least, of which some is overwritten. */
static void gather(const product_states *s, size_t channel, size_t channels, size_t token, size_t n, float *to, size_t ld)
{
    size_t tail = s->tokens->vectors * s->tokens->lanes, length;
    for (; n > 0 && token < tail; token += length, n -= length, to += length) {
        size_t panel = product_panel_of(s->tokens, token / VW), first = product_panel_first(s->tokens, panel);
        size_t width = product_panel_first(s->tokens, panel + 1) - first;
        const float *from = s->data + first * s->channels + channel * width + token - first;
        length = smaller(n, width - (token - first));
        for (size_t c = 0; c < channels; c++)
            for (size_t i = 0; i < length; i += VW)
                v_store(to + c * ld + i, v_load_part(from + c * width + i, smaller(length - i, VW)));
    }
    if (n == 0)
        return;
    for (size_t c = 0; c < channels; c++) {
        const float *from = s->data + token * s->channels + channel + c;
        float *row = to + c * ld;
        for (size_t i = 0; i < n; i++)
            row[i] = from[i * s->channels];
    }
}

/* The way back. */
static void scatter(const float *from, size_t ld, const product_states *s, size_t channel, size_t channels, size_t token,
                    size_t n)
{
    size_t tail = s->tokens->vectors * s->tokens->lanes, length;
    for (; n > 0 && token < tail; token += length, n -= length, from += length) {
        size_t panel = product_panel_of(s->tokens, token / VW), first = product_panel_first(s->tokens, panel);
        size_t width = product_panel_first(s->tokens, panel + 1) - first;
        float *to = s->data + first * s->channels + channel * width + token - first;
        length = smaller(n, width - (token - first));
        for (size_t c = 0; c < channels; c++)
            for (size_t i = 0; i < length; i += VW)
                v_store_part(to + c * width + i, smaller(length - i, VW), v_load(from + c * ld + i));
    }
    for (size_t c = 0; n > 0 && c < channels; c++)
        for (size_t i = 0; i < n; i++)
            s->data[(token + i) * s->channels + channel + c] = from[c * ld + i];
}

/* p [keys][width]: scores become weights, whose sums are returned inverted. query: the first lane's number. */
ALWAYS_INLINE vf softmax(float *p, size_t width, size_t keys, vf scale, bool causal, size_t query)
{
    size_t open = causal ? smaller(keys, query + 1) : keys; /* keys that all lanes see */
    vf last = v_add(v_lane_numbers(), v_set1((float)query)), lowest = v_set1(-3.4e38f), top = lowest;
    for (size_t j = 0; j < keys; j++) {
        vf s = v_load(p + j * width);
        if (j >= open)
            s = v_select_negative(v_sub(last, v_set1((float)j)), lowest, s);
        top = v_max(s, top);
    }
    vf sum = v_set1(0);
    for (size_t j = 0; j < keys; j++) {
        vf e = v_exp(v_mul(v_sub(v_load(p + j * width), top), scale));
        if (j >= open)
            e = v_select_negative(v_sub(last, v_set1((float)j)), v_set1(0), e);
        v_store(p + j * width, e);
        sum = v_add(sum, e);
    }
    return v_div(v_set1(1.0f), sum);
}

static void attention(const product_attention *a, float *scratch)
{
    size_t d = a->head_dim, ld = tensor_round_up(a->keys, VW) + VW;
    size_t vectors = (a->queries + VW - 1) / VW, blocks = (vectors + PRODUCT_VECTORS - 1) / PRODUCT_VECTORS;
    /* keys and values [d][ld], queries and later results [d][...], scores [keys][width] */
    float *k = scratch, *v = k + d * ld, *q = v + d * ld, *p = q + d * (PRODUCT_VECTORS + 1) * VW;
    vf scale = v_set1(1.0f / sqrtf((float)d));
    gather(a->kv, a->k_channel, d, a->key0, a->keys, k, ld);
    gather(a->kv, a->v_channel, d, a->key0, a->keys, v, ld);
    for (size_t b = 0; b < blocks; b++) {
        size_t query = vectors * b / blocks * VW, nv = vectors * (b + 1) / blocks - query / VW, width = nv * VW;
        size_t queries = smaller(a->queries - query, width), keys = a->causal ? smaller(a->keys, query + width) : a->keys;
        size_t q_step = width + VW;
        memset(q, 0, d * q_step * sizeof *q); /* lanes without a query */
        gather(a->q, a->q_channel, d, a->query0 + query, queries, q, q_step);
        for (size_t r = 0, nr; r < keys; r += nr) {
            nr = tile_rows(nv, keys - r);
            panel_tile t = {.w = (const uint8_t *)(k + r), .k_step = ld * sizeof *k, .x = q, .x_step = q_step, .k = d,
                            .out = p + r * width};
            keys_tile(nr, nv, &t);
        }
        vf inverse[PRODUCT_VECTORS];
        for (size_t i = 0; i < nv; i++)
            inverse[i] = softmax(p + i * VW, width, keys, scale, a->causal, query + i * VW);
        for (size_t r = 0, nr; r < d; r += nr) {
            nr = tile_rows(nv, d - r);
            panel_tile t = {.w = (const uint8_t *)(v + r * ld), .row_step = ld * sizeof *v, .x = p, .x_step = width,
                            .k = keys, .out = q + r * width};
            weights_tile(nr, nv, &t);
        }
        for (size_t c = 0; c < d; c++)
            for (size_t i = 0; i < nv; i++)
                v_store(q + c * width + i * VW, v_mul(v_load(q + c * width + i * VW), inverse[i]));
        scatter(q, width, a->out, a->out_channel, d, a->query0 + query, queries);
    }
}
