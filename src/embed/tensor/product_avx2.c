/* product_avx512.c - fp32 products, norms and attention for AVX2: tiles of 4 rows by 3 vectors of 8 tokens. */
#include "embed/tensor/ymm.h"

#include <math.h>
#include <string.h>

#include "embed/tensor/tensor.h"
#include "embed/tensor/unroll.h"

enum { PANEL_K = 512, STRIP_ROWS = 8, TAIL_TOKENS = 6, TAIL_SUMS = 16 };
#define STRIP_ROWS_OF(VECTORS) ((VECTORS) == 1 ? 8 : 4)
#define TAIL_ROWS_OF(TOKENS) ((TOKENS) == 1 ? 8 : (TOKENS) == 2 ? 4 : 2)
#define TAIL_CASES                                                                                                     \
    CASE(1, 8) CASE(2, 4) CASE(3, 2) CASE(4, 2) CASE(5, 2) CASE(6, 2)                                                  \
    CASE(1, 1) CASE(2, 1) CASE(3, 1) CASE(4, 1) CASE(5, 1) CASE(6, 1)
#define TILE_CASES                                                                                                     \
    CASE(1, 1) CASE(2, 1) CASE(4, 1) CASE(8, 1) CASE(1, 2) CASE(2, 2) CASE(4, 2) CASE(1, 3) CASE(2, 3) CASE(4, 3)

/* one weight in all lanes */
static inline vf v_weight(const uint8_t *p)
{
    float f;
    memcpy(&f, p, sizeof f); /* the file promises no alignment */
    return _mm256_set1_ps(f);
}

static inline vf v_widened(tensor_dtype dtype, __m128i h)
{
    return dtype == TENSOR_F16 ? _mm256_cvtph_ps(h) : _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

/* `left` weights (a vector at most), widened; the other lanes zero */
static inline vf v_weights(tensor_dtype dtype, const uint8_t *p, size_t left)
{
    if (dtype == TENSOR_F32)
        return left >= VW ? _mm256_loadu_ps((const float *)(const void *)p)
                          : _mm256_maskload_ps((const float *)(const void *)p, part(left));
    if (left >= VW)
        return v_widened(dtype, _mm_loadu_si128((const __m128i *)(const void *)p));
    uint16_t tail[VW] = {0}; /* nothing is read beyond the row: it may be the last of the file */
    memcpy(tail, p, left * sizeof *tail);
    return v_widened(dtype, _mm_loadu_si128((const __m128i *)(const void *)tail));
}

static inline vf v_lane_numbers(void) { return _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7); }

/* Lane i: the sum of the lanes of s[i]. */
static inline vf v_sums(const vf s[VW])
{
    vf low = _mm256_hadd_ps(_mm256_hadd_ps(s[0], s[1]), _mm256_hadd_ps(s[2], s[3]));
    vf high = _mm256_hadd_ps(_mm256_hadd_ps(s[4], s[5]), _mm256_hadd_ps(s[6], s[7]));
    return v_add(_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31));
}

#define WIDEN tensor_kernels_avx2.widen
#define LAYER_NORM tensor_kernels_avx2.layer_norm
#include "embed/tensor/product_kernels.h"

const product_kernels product_kernels_avx2 = {
    .level = BASE_ISA_AVX2,
    .lanes = VW,
    .pad_from = 9,
    .pad_from_16 = 12,
    .scratch = ROWS_AT_ONCE * WIDE_STRIDE,
    .linear = linear,
    .norm = norm,
    .attention = attention,
};
