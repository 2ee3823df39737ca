/* product_avx512.c - fp32 products, norms and attention for AVX-512: tiles of 8 rows by 3 vectors of 16 tokens. */
#include "embed/tensor/zmm.h"

#include <math.h>
#include <string.h>

#include "embed/tensor/tensor.h"
#include "embed/tensor/unroll.h"

enum { PANEL_K = 512, STRIP_ROWS = 8, TAIL_TOKENS = 6, TAIL_SUMS = 32 };
#define STRIP_ROWS_OF(VECTORS) STRIP_ROWS
#define TAIL_ROWS_OF(TOKENS) ((TOKENS) <= 3 ? 8 : 4)
#define TAIL_CASES                                                                                                     \
    CASE(1, 8) CASE(2, 8) CASE(3, 8) CASE(4, 4) CASE(5, 4) CASE(6, 4)                                                  \
    CASE(3, 4) CASE(1, 1) CASE(2, 1) CASE(3, 1) CASE(4, 1) CASE(5, 1) CASE(6, 1)
#undef TILE_CASES
#define TILE_CASES                                                                                                     \
    CASE(1, 1) CASE(2, 1) CASE(4, 1) CASE(8, 1) CASE(1, 2) CASE(2, 2) CASE(4, 2) CASE(8, 2)                            \
    CASE(1, 3) CASE(2, 3) CASE(4, 3) CASE(8, 3)

/* one weight in all lanes */
static inline vf v_weight(const uint8_t *p)
{
    float f;
    memcpy(&f, p, sizeof f); /* the file promises no alignment */
    return _mm512_set1_ps(f);
}

/* `left` weights (a vector at most), widened; the other lanes zero */
static inline vf v_weights(tensor_dtype dtype, const uint8_t *p, size_t left)
{
    if (dtype == TENSOR_F32)
        return _mm512_maskz_loadu_ps(part(left), p);
    __m256i h = _mm256_maskz_loadu_epi16(part(left), p);
    return dtype == TENSOR_F16 ? _mm512_cvtph_ps(h) : _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}

static inline vf v_lane_numbers(void)
{
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/* Sums of the two halves of a and of b, in quarters a a b b; then of the pairs of quarters. */
static inline vf fold_halves(vf a, vf b)
{
    return v_add(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
}
static inline vf fold_quarters(vf a, vf b)
{
    return v_add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}

/* Lane i: the sum of the lanes of s[i]. */
static inline vf v_sums(const vf s[VW])
{
    vf q[4];
    UNROLL for (size_t i = 0; i < 4; i++)
        q[i] = fold_quarters(fold_halves(s[i], s[4 + i]), fold_halves(s[8 + i], s[12 + i]));
    vf t01 = v_add(_mm512_unpacklo_ps(q[0], q[1]), _mm512_unpackhi_ps(q[0], q[1]));
    vf t23 = v_add(_mm512_unpacklo_ps(q[2], q[3]), _mm512_unpackhi_ps(q[2], q[3]));
    return v_add(_mm512_shuffle_ps(t01, t23, 0x44), _mm512_shuffle_ps(t01, t23, 0xee));
}

#define WIDEN tensor_kernels_avx512.widen
#define LAYER_NORM tensor_kernels_avx512.layer_norm
#include "embed/tensor/product_kernels.h"

const product_kernels product_kernels_avx512 = {
    .level = BASE_ISA_AVX512,
    .lanes = VW,
    .pad_from = 9,
    .pad_from_16 = SIZE_MAX,
    .scratch = ROWS_AT_ONCE * WIDE_STRIDE,
    .linear = linear,
    .norm = norm,
    .attention = attention,
};
