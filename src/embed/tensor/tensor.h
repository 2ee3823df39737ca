/* tensor.h - the arithmetic of the towers: one table of kernels for each CPU level, and the layouts that they share.
 *
 *     const tensor_kernels *k = tensor_kernels_for(base_isa_level());
 *     k->layer_norm(x, NULL, 384, weight, bias, 1e-12f);
 *
 * Levels: `c` (plain C, the twin that every other level is tested against), `avx2` and `avx512` compute pictures in fp32;
 * `avx512bf16` keeps picture activations and weights in bf16 and accumulates in fp32 (int8 weights are exact in bf16).
 * Text: `c` is fp32; the others multiply int8 weights, as they lie in the file, with activations rounded to up to 16 bit
 * (one step for each token) and accumulate exactly in 32-bit integers: nearer to fp32 than bf16 is, at int8's speed.
 *
 * Picture layouts. Activations are [pixel, channels] (NHWC) with the channels rounded up to a multiple of 16 (the rest is
 * zero); an element has 4 bytes (fp32) or 2 (bf16): `tensor_kernels.element`. A *panel* is 16 channels.
 * Between expansion and depthwise convolution the rows lie in *pairs*: rows 2p and 2p+1 of the zero-padded picture, of one
 * panel, `padded_width` pixels wide:
 *     fp32: [row of the pair][padded_width][16]      bf16: [padded_width][16][row of the pair]
 * The bf16 form makes two rows of one channel the two halves of a 32-bit lane, which is what VDPBF16PS multiplies: a 3x3
 * kernel is 6 instructions instead of 9, a 5x5 kernel 15 instead of 25. */
#ifndef EMBED_TENSOR_H
#define EMBED_TENSOR_H

#include "base/memory.h"
#include "base/pool.h"

enum {
    TENSOR_LANES = 16,      /* channels in a panel */
    TENSOR_MAX_PAIRS = 3,   /* row pairs under one depthwise kernel: (5 + 1) / 2 */
    TENSOR_MAX_KERNEL = 5,  /* largest depthwise kernel; the smallest is 3 */
    TENSOR_I8_BLOCK = 32,   /* activations of linear_i8 are zero-filled to a multiple of this */
};

typedef enum tensor_dtype {
    TENSOR_F32 = 0,
    TENSOR_F16,
    TENSOR_BF16,
    TENSOR_I8,
    TENSOR_U8,
    TENSOR_OTHER, /* in files: read over, never computed with */
} tensor_dtype;

/* A matrix as it lies in the file. */
typedef struct tensor_matrix {
    tensor_dtype dtype; /* F32, F16, BF16 or I8 */
    const void *data;   /* [n, k], not aligned */
    const float *scale; /* [n] for I8, else NULL */
    const float *bias;  /* [n] or NULL */
    size_t n, k;        /* outputs, inputs */
} tensor_matrix;

/* Packed weights of a 1x1 convolution (or of the stem, whose inputs are gathered first). */
typedef struct tensor_pointwise {
    const void *w;      /* fp32: [panels, k, 16]; bf16: [panels, k / 2, 16, 2] */
    const float *scale; /* [panels * 16]: out = scale * sum + bias */
    const float *bias;  /* [panels * 16] */
    size_t k;           /* inputs, even; those beyond the layer's are zero */
    size_t panels;
} tensor_pointwise;

/* Packed weights of a depthwise convolution. bf16: for stride 1 two forms, for the output row that begins with the upper
 * row of a pair (w0 w1)(w2 0) and for the one that begins with the lower (0 w0)(w1 w2); stride 2 uses the first alone. */
typedef struct tensor_depthwise {
    const void *w;      /* fp32: [panels, kernel, kernel, 16]; bf16: [panels, 2 forms, pairs, kernel, 16, 2] */
    const float *scale; /* [panels * 16] */
    const float *bias;  /* [panels * 16] */
    int kernel;         /* 3 or 5 */
    int stride;         /* 1 or 2 */
    size_t panels;
} tensor_depthwise;

/* Token states and their rounded form. */
typedef struct tensor_rows {
    const float *x; /* [n, k] */
    int16_t *q;     /* [n, k rounded up to TENSOR_I8_BLOCK]; used by levels with linear_i8 */
    float *step;    /* [n]: x is about q * step */
    size_t n, k;
} tensor_rows;

typedef struct tensor_kernels {
    base_isa level;
    size_t element; /* bytes of a picture activation: 4 fp32, 2 bf16 */

    /* ---- vectors ---- */
    void (*widen)(tensor_dtype dtype, const void *in, size_t n, float *out);
    float (*dot)(const float *a, const float *b, size_t n);
    /* q = round(x / step), step = max|x| / limit; zero up to the next multiple of TENSOR_I8_BLOCK */
    void (*quantise)(const float *x, size_t n, float limit, int16_t *q, float *step);
    /* out[t * out_stride + r] = step[t] * scale[r] * (w[r] . q[t]) + bias[r], r < rows, t < n. w [rows, k]; q [n, k
     * rounded up]; the caller's limit keeps every sum inside 31 bit. NULL: the level computes in fp32. */
    void (*linear_i8)(const int8_t *w, const float *scale, const float *bias, size_t rows, size_t k, const int16_t *q,
                      const float *step, size_t n, float *out, size_t out_stride);
    /* x = normalise(x + add) * weight + bias over n numbers; add may be NULL */
    void (*layer_norm)(float *x, const float *add, size_t n, const float *weight, const float *bias, float eps);
    void (*gelu)(float *x, size_t n); /* x * (1 + erf(x / sqrt 2)) / 2 */
    /* softmax(q k^T * scale) v of one head: q, k, v, out [n, head_dim] with a row stride; scores [n] is scratch */
    void (*attention)(const float *q, const float *k, const float *v, size_t stride, size_t n, size_t head_dim,
                      float scale, float *scores, float *out, size_t out_stride);

    /* ---- pictures ---- */
    /* relu6 of a 1x1 convolution of n_x pixels of two picture rows (NULL: outside the picture, becomes zero), panels
     * `panel` .. panel+n_panels-1 (1 or 2), into a row pair. in_stride: elements between pixels. out: the pair at the
     * first pixel to write; panel_stride: elements to the same pair of the next panel. */
    void (*expand)(const tensor_pointwise *w, size_t panel, size_t n_panels, const void *row0, const void *row1, size_t n_x,
                   size_t in_stride, void *out, size_t panel_stride, size_t padded_width);
    /* relu6 of a depthwise convolution: one or two output rows (out1 NULL: one) of one panel from row pairs. pairs: from
     * the one that holds the first row under the kernel, which is always its upper row for out0. */
    void (*depthwise)(const tensor_depthwise *w, size_t panel, const void *const pairs[TENSOR_MAX_PAIRS], size_t padded_width,
                      size_t n_x, void *out0, void *out1, size_t out_stride);
    /* a 1x1 convolution of `pixels` consecutive pixels; residual (NULL: none) has out's layout */
    void (*project)(const tensor_pointwise *w, size_t panel, size_t n_panels, const void *in, size_t pixels, size_t in_stride,
                    const void *residual, bool relu6, void *out, size_t out_stride);
    /* out[c] = mean over pixels */
    void (*mean)(const void *in, size_t pixels, size_t stride, size_t channels, float *out);
} tensor_kernels;

/* The kernels of the highest level that is built and at most `level` (the caller makes sure that the CPU has it). */
const tensor_kernels *tensor_kernels_for(base_isa level);

/* rows.q and rows.step from rows.x, where the level and the width of the weights call for them. */
void tensor_rows_prepare(const tensor_kernels *k, tensor_dtype weights, tensor_rows *rows);
/* out[t * out_stride + r - row0] = (w x[t] + bias)[r] for rows row0..row1-1 of w. scratch [w->k]. */
void tensor_linear(const tensor_kernels *k, const tensor_matrix *w, size_t row0, size_t row1, const tensor_rows *rows,
                   float *scratch, float *out, size_t out_stride);

/* One row of a matrix, its scale applied. */
void tensor_row(const tensor_kernels *k, const tensor_matrix *w, size_t row, float *out);

static inline size_t tensor_round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }
static inline size_t tensor_panels(size_t channels) { return (channels + TENSOR_LANES - 1) / TENSOR_LANES; }

/* ---- packing ---- */
/* Bytes of the packed weights alone. */
size_t tensor_pointwise_bytes(const tensor_kernels *k, size_t n, size_t inputs);
size_t tensor_depthwise_bytes(const tensor_kernels *k, size_t channels, int kernel);
/* w: a matrix [n, inputs]. `order` [inputs] (NULL: as they come): packed input i is w's column order[i]. scratch
 * [inputs]; `weights` as many bytes as above, aligned to 64; scale_bias [2 * panels * 16]. */
void tensor_pack_pointwise(const tensor_kernels *k, const tensor_matrix *w, const size_t *order, float *scratch,
                           void *weights, float *scale_bias, tensor_pointwise *out);
/* w: a matrix [channels, kernel * kernel] */
void tensor_pack_depthwise(const tensor_kernels *k, const tensor_matrix *w, int kernel, int stride, void *weights,
                           float *scale_bias, tensor_depthwise *out);

/* ---- numbers of 16 bit ---- */
float tensor_from_f16(uint16_t h);
static inline float tensor_from_bf16(uint16_t h)
{
    union { uint32_t u; float f; } v = {(uint32_t)h << 16};
    return v.f;
}
/* Round to nearest even; NaN stays NaN. */
static inline uint16_t tensor_to_bf16(float f)
{
    union { float f; uint32_t u; } v = {f};
    if ((v.u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(v.u >> 16 | 64);
    return (uint16_t)((v.u + 0x7fff + (v.u >> 16 & 1)) >> 16);
}

/* The tables, one file each; those of an instruction set exist on x86-64 alone. */
extern const tensor_kernels tensor_kernels_c;
#if defined(__x86_64__)
extern const tensor_kernels tensor_kernels_avx2;
extern const tensor_kernels tensor_kernels_avx512;
extern const tensor_kernels tensor_kernels_avx512bf16;
#endif

#endif
