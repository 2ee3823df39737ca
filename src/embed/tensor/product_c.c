/* product_c.c - fp32 products, norms and attention in plain C: the twin of the other levels, and the only one on other CPUs.
 * Its vectors of four floats are those of GCC and clang, which become NEON or SSE where the CPU has them. */
#include <math.h>
#include <string.h>

#include "embed/tensor/tensor.h"
#include "embed/tensor/unroll.h"

enum { VW = 4, PANEL_K = 256, STRIP_ROWS = 8, TAIL_TOKENS = 6, TAIL_SUMS = 12 };
#define STRIP_ROWS_OF(VECTORS) ((VECTORS) == 1 ? 8 : 4)
#define TAIL_ROWS_OF(TOKENS) ((TOKENS) == 1 ? 8 : (TOKENS) == 2 ? 4 : 2)
#define TAIL_CASES                                                                                                     \
    CASE(1, 8) CASE(2, 4) CASE(3, 2) CASE(4, 2) CASE(5, 2) CASE(6, 2)                                                  \
    CASE(1, 1) CASE(2, 1) CASE(3, 1) CASE(4, 1) CASE(5, 1) CASE(6, 1)
#define TILE_CASES                                                                                                     \
    CASE(1, 1) CASE(2, 1) CASE(4, 1) CASE(8, 1) CASE(1, 2) CASE(2, 2) CASE(4, 2) CASE(1, 3) CASE(2, 3) CASE(4, 3)


typedef float vf __attribute__((vector_size(16)));
typedef uint32_t vu __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));

static inline vf v_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void v_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
static inline vf v_set1(float f) { return (vf){f, f, f, f}; }
static inline vf v_add(vf a, vf b) { return a + b; }
static inline vf v_sub(vf a, vf b) { return a - b; }
static inline vf v_mul(vf a, vf b) { return a * b; }
static inline vf v_div(vf a, vf b) { return a / b; }
static inline vf v_fma(vf a, vf b, vf c) { return a * b + c; }
static inline vf v_select(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
/* b where one of them is not a number, as in x86's instructions */
static inline vf v_min(vf a, vf b) { return v_select(a < b, a, b); }
static inline vf v_max(vf a, vf b) { return v_select(a > b, a, b); }
static inline vf v_select_negative(vf sign, vf negative, vf other) { return v_select((vi)sign < 0, negative, other); }
static inline vf v_abs(vf a) { return (vf)((vi)a & 0x7fffffff); }
static inline vf v_sqrt(vf a) { return (vf){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])}; }
/* For |a| < 2^22: 1.5 * 2^23 leaves no place for a fraction, and its last bits hold the integer. */
static inline vf v_round(vf a) { return (a + 12582912.0f) - 12582912.0f; }
static inline vf v_pow2(vf n) { return (vf)(((vu)(n + 12582912.0f) << 23) + (127u << 23)); }
/* the first n lanes, the others zero */
static inline vf v_load_part(const float *p, size_t n)
{
    vf v = {0};
    memcpy(&v, p, (n < VW ? n : VW) * sizeof *p);
    return v;
}
static inline void v_store_part(float *p, size_t n, vf v) { memcpy(p, &v, (n < VW ? n : VW) * sizeof *p); }

/* one weight in all lanes */
static inline vf v_weight(const uint8_t *p)
{
    float f;
    memcpy(&f, p, sizeof f); /* the file promises no alignment */
    return v_set1(f);
}

/* `left` weights (a vector at most), widened; the other lanes zero */
static inline vf v_weights(tensor_dtype dtype, const uint8_t *p, size_t left)
{
    float w[VW] = {0};
    tensor_kernels_c.widen(dtype, p, left < VW ? left : VW, w);
    return v_load(w);
}

static inline vf v_lane_numbers(void) { return (vf){0, 1, 2, 3}; }

/* Lane i: the sum of the lanes of s[i]. */
static inline vf v_sums(const vf s[VW])
{
    vf sums;
    for (size_t i = 0; i < VW; i++)
        sums[i] = (s[i][0] + s[i][1]) + (s[i][2] + s[i][3]);
    return sums;
}

#define WIDEN tensor_kernels_c.widen
#define LAYER_NORM tensor_kernels_c.layer_norm
#include "embed/tensor/product_kernels.h"

const product_kernels product_kernels_c = {
    .level = BASE_ISA_C,
    .lanes = VW,
    .pad_from = SIZE_MAX,
    .pad_from_16 = SIZE_MAX,
    .scratch = ROWS_AT_ONCE * WIDE_STRIDE,
    .linear = linear,
    .norm = norm,
    .attention = attention,
};
