/* product.h - the arithmetic of the transformers: products of fp32 activations with weights as they lie in the file (fp32,
 * fp16, bf16, widened on the way), layer norm, activations, attention. One table of kernels for each CPU level.
 *
 *     product_job job = {.weights = &w, .x = x, .m = 50, .out = y, .activation = PRODUCT_QUICK_GELU};
 *     product_linear(kernels, pool, &job, scratch);
 *
 * Nothing is packed: a kernel broadcasts single weights from where the file is mapped and keeps several tokens in the lanes
 * of a vector, so that a weight is read from memory once and opening a model costs nothing. The layout of the lanes is
 * this room's own affair: see product.c. */
#ifndef EMBED_PRODUCT_H
#define EMBED_PRODUCT_H

#include "embed/tensor/tensor.h"

typedef enum product_activation {
    PRODUCT_LINEAR = 0,
    PRODUCT_QUICK_GELU, /* x * sigmoid(1.702 x), OpenAI's */
    PRODUCT_GELU,       /* x * (1 + erf(x / sqrt 2)) / 2 */
} product_activation;

typedef struct product_kernels product_kernels;

/* The kernels of the highest level that is built and at most `level`. */
const product_kernels *product_kernels_for(base_isa level);

typedef struct product_job {
    const tensor_matrix *weights; /* [n, k], dtype F32, F16 or BF16; bias [n] or NULL */
    const float *x;               /* [m, k] */
    size_t m;                     /* tokens; 0: nothing happens */
    float *out;                   /* [m, n] */
    product_activation activation;
} product_job;

/* Floats of scratch that product_linear needs for up to m rows with these widths, for a pool of `threads`; false when the
 * number does not fit. */
bool product_scratch_floats(const product_kernels *k, size_t m, size_t widest_k, size_t widest_n, int threads,
                            size_t *floats);
/* out = activation(x w^T + bias). scratch: aligned to 64. pool: NULL: this thread. */
void product_linear(const product_kernels *k, base_pool *pool, const product_job *job, float *scratch);

#endif
