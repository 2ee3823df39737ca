/* product_table.h - what product.c, the transformer and the kernels share: how token states lie, and the table of kernels
 * of one CPU level.
 *
 * The lanes of a vector are tokens. m tokens are m / lanes vectors, spread evenly over panels of at most PRODUCT_VECTORS,
 * and a tail of fewer tokens than a vector has lanes. A panel is [channel][token], so that the result of one product is the
 * input of the next as it lies, and norms, activations and softmax go down the lanes without adding across them. The tail is
 * [token][channel] and its lanes run along the channels: no arithmetic is spent on padding. Few tokens are all tail.
 * States of c channels take m * c floats: panels one behind the other, the tail behind them. */
#ifndef EMBED_PRODUCT_TABLE_H
#define EMBED_PRODUCT_TABLE_H

#include "embed/tensor/product.h"

enum {
    PRODUCT_VECTORS = 3,   /* widest panel, in vectors */
    PRODUCT_PADDING = 64,  /* floats behind states and scratch that may be read, never used */
};

typedef struct product_tokens {
    size_t m;
    size_t lanes;   /* tokens in a vector */
    size_t vectors; /* in panels */
    size_t panels;
} product_tokens;

/* The first token of a panel; of panel number `panels`: of the tail. */
static inline size_t product_panel_first(const product_tokens *t, size_t panel)
{
    return t->panels ? t->vectors * panel / t->panels * t->lanes : 0;
}
static inline size_t product_panel_of(const product_tokens *t, size_t vector)
{
    return ((vector + 1) * t->panels + t->vectors - 1) / t->vectors - 1;
}
static inline size_t product_tail(const product_tokens *t) { return t->m - t->vectors * t->lanes; }

typedef struct product_states {
    const product_tokens *tokens;
    float *data;     /* [tokens, channels] as above, aligned to 64 */
    size_t channels;
} product_states;

/* Channel c of a token is at [c * *step] from the address. */
static inline float *product_token(const product_states *s, size_t token, size_t *step)
{
    const product_tokens *t = s->tokens;
    size_t tail = t->vectors * t->lanes;
    *step = 1;
    if (token >= tail)
        return s->data + token * s->channels;
    size_t panel = product_panel_of(t, token / t->lanes), first = product_panel_first(t, panel);
    *step = product_panel_first(t, panel + 1) - first;
    return s->data + first * s->channels + token - first;
}

/* Rows row0..row1-1 of a product, for some panels and perhaps the tail: what one thread computes in one go. */
typedef struct product_part {
    const tensor_matrix *w;
    size_t row0, row1;
    const product_states *x;   /* w->k channels */
    const product_states *out;
    size_t channel;            /* of out that row 0 of w makes */
    size_t panel0, panel1;
    bool tail;
    bool add;                  /* to what lies in out */
    product_activation activation;
    const uint8_t *next;       /* the weights that this thread probably needs next, fetched meanwhile; NULL: not known */
    size_t next_step;          /* bytes between their rows */
} product_part;

/* Attention of one head. */
typedef struct product_attention {
    size_t head_dim;
    const product_states *q;      /* its head's channels begin at q_channel */
    const product_states *kv;
    size_t q_channel, k_channel, v_channel;
    const product_states *out;    /* tokens as in q */
    size_t out_channel;
    size_t query0, queries;       /* tokens of q */
    size_t key0, keys;            /* tokens of kv */
    bool causal;                  /* query i sees keys up to i alone */
} product_attention;

struct product_kernels {
    base_isa level;
    size_t lanes;
    size_t pad_from, pad_from_16; /* tokens from which product_padded pads, with fp32 weights and with those of 16 bit */
    size_t scratch; /* floats that `linear` needs for each thread */
    void (*linear)(const product_part *part, float *scratch);
    /* y = normalise(x) * weight + bias of one vector of tokens; number `vectors`: of the tail */
    void (*norm)(const product_states *x, size_t vector, const float *weight, const float *bias, float eps,
                 const product_states *y);
    /* scratch: product_attention_floats */
    void (*attention)(const product_attention *a, float *scratch);
};

product_tokens product_tokens_of(const product_kernels *k, size_t m);
/* Tokens to compute for m: a panel of them, partly idle, can be faster than a tail. With 16-bit weights it is so later or never: a
 * tail widens them on the way, a panel beforehand. */
size_t product_padded(const product_kernels *k, tensor_dtype weights, size_t m);
/* Floats of scratch for an attention over up to `keys` keys; false when it does not fit. */
bool product_attention_floats(const product_kernels *k, size_t head_dim, size_t keys, size_t *floats);

/* Products of the same states by one or more matrices, side by side in out, in one go of the pool. scratch: [threads,
 * k->scratch], aligned to 64. */
typedef struct product_call {
    const tensor_matrix *w[3];
    size_t n; /* matrices */
    const product_states *x, *out;
    product_activation activation;
    bool add; /* to what lies in out */
    const tensor_matrix *next; /* the matrix of the next call, whose first rows are fetched meanwhile; or NULL */
} product_call;
void product_run(const product_kernels *k, base_pool *pool, const product_call *call, float *scratch);
void product_norm(const product_kernels *k, base_pool *pool, const product_states *x, const float *weight, const float *bias,
                  float eps, const product_states *y);
/* rows [m, channels] into the lanes, where those of further tokens become zero; rows [tokens, channels] out of them */
void product_from_rows(base_pool *pool, const float *rows, size_t m, const product_states *s);
void product_to_rows(base_pool *pool, const product_states *s, float *rows);

extern const product_kernels product_kernels_c;
#if defined(__x86_64__)
extern const product_kernels product_kernels_avx2;
extern const product_kernels product_kernels_avx512;
#endif

#endif
