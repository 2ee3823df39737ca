/* transformer.h - a stack of residual attention blocks with the norm in front (pre layer norm), as CLIP's two towers have
 * it: x += out(attention(norm1(x))), x += fc2(activation(fc1(norm2(x)))).
 *
 * Sequences of any lengths are computed together, their tokens one behind the other. Only one token of each sequence is
 * wanted at the end (the class token of a picture, the end token of a text), so in the last block queries, output
 * projection and MLP are computed for those alone: an exact saving. */
#ifndef EMBED_TRANSFORMER_H
#define EMBED_TRANSFORMER_H

#include "embed/tensor/product.h"

typedef struct transformer_layer {
    const float *norm1_w, *norm1_b; /* [d_model] */
    tensor_matrix q, k, v;          /* [d_model, d_model] with bias; three views of one tensor where the file packs them */
    tensor_matrix out;              /* [d_model, d_model] with bias */
    const float *norm2_w, *norm2_b; /* [d_model] */
    tensor_matrix fc1;              /* [mlp, d_model] with bias */
    tensor_matrix fc2;              /* [d_model, mlp] with bias */
} transformer_layer;

typedef struct transformer {
    size_t layers, d_model, heads, mlp; /* heads divides d_model */
    float eps;                          /* of the norms */
    product_activation activation;
    bool causal;                        /* a token sees itself and those in front of it */
    const transformer_layer *layer;     /* [layers] */
} transformer;

typedef struct transformer_scratch transformer_scratch; /* one thread at a time */

/* For up to max_tokens tokens in one call, in up to max_sequences sequences. LIMIT when that is more than memory can hold. */
lancelet_status transformer_scratch_create(const transformer *t, const product_kernels *k, size_t max_tokens,
                                           size_t max_sequences, int threads, transformer_scratch **out,
                                           lancelet_error *err) MUST_CHECK;
void transformer_scratch_destroy(transformer_scratch *s);

/* x [begin[n], d_model]: the input states, sequence i being tokens begin[i] .. begin[i + 1] - 1 (begin[0] is 0, none is
 * empty); used as scratch. wanted [n]: a token of each sequence, counted from the front of x. out [n, d_model]: the states of
 * the wanted tokens after the last block, before any norm. pool: as many threads as the scratch was made for, or NULL. */
void transformer_run(const transformer *t, const product_kernels *k, transformer_scratch *s, base_pool *pool, float *x,
                     const size_t *begin, size_t n, const size_t *wanted, float *out);

/* y [n, d] = normalise(x) * weight + bias, row by row; y may be x. */
void transformer_norm(const product_kernels *k, const float *x, size_t n, size_t d, const float *weight, const float *bias,
                      float eps, float *y);

#endif
