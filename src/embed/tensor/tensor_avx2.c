/* tensor_avx2.c - kernels for AVX2, FMA and F16C: pictures in fp32 (f32_kernels.h), text with int8 weights widened to 16
 * bit and multiplied by VPMADDWD. */
#include "embed/tensor/ymm.h"

enum { TILE_X = 3, TILE_PANELS = 1 };
#define TILE_CASES CASE(1, 1) CASE(2, 1) CASE(3, 1)

#include "embed/tensor/f32_kernels.h"

static void widen(tensor_dtype dtype, const void *in, size_t n, float *out)
{
    const uint8_t *p = in;
    size_t i = 0;
    if (dtype == TENSOR_F16)
        for (; i + 8 <= n; i += 8)
            v_store(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p + 2 * i))));
    else if (dtype == TENSOR_I8)
        for (; i + 8 <= n; i += 8)
            v_store(out + i, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(p + i)))));
    size_t width = dtype == TENSOR_F32 ? 4 : dtype == TENSOR_I8 ? 1 : 2;
    tensor_kernels_c.widen(dtype, p + i * width, n - i, out + i);
}

static void quantise(const float *x, size_t n, float limit, int16_t *q, float *step)
{
    vf tops = v_set1(0), zeros = v_set1(0); /* zeros: NaN where a number is not finite, and so is the step then */
    for (size_t i = 0; i < n; i += VW) {
        vf v = v_load_part(x + i, n - i < VW ? n - i : VW);
        tops = v_max(tops, v_abs(v));
        zeros = v_fma(v, v_set1(0), zeros);
    }
    float lanes[VW], top = 0;
    v_store(lanes, tops);
    for (size_t i = 0; i < VW; i++)
        top = lanes[i] > top ? lanes[i] : top;
    vf inverse = v_set1(top > 0 ? limit / top : 0);
    size_t padded = tensor_round_up(n, TENSOR_I8_BLOCK);
    for (size_t i = 0; i < padded; i += VW) {
        vf v = i < n ? v_load_part(x + i, n - i < VW ? n - i : VW) : v_set1(0);
        __m256i r = _mm256_cvtps_epi32(v_mul(v, inverse));
        _mm_storeu_si128((__m128i *)(void *)(q + i), _mm_packs_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1)));
    }
    *step = top / limit + v_sum(zeros);
}

/* Four sums of eight lanes each, as four numbers. */
static inline __m128i sum4(__m256i a, __m256i b, __m256i c, __m256i d)
{
    __m256i ab = _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    __m256i cd = _mm256_add_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    __m256i s = _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
    return _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
}

enum { I8_ROWS = 4, I8_TOKENS = 2 };

static void linear_i8(const int8_t *w, const float *scale, const float *bias, size_t rows, size_t k, const int16_t *q,
                      const float *step, size_t n, float *out, size_t out_stride)
{
    size_t padded = tensor_round_up(k, TENSOR_I8_BLOCK);
    for (size_t r = 0; r < rows; r += I8_ROWS) {
        size_t nr = rows - r < I8_ROWS ? rows - r : I8_ROWS;
        const int8_t *row[I8_ROWS];
        float row_scale[I8_ROWS], row_bias[I8_ROWS];
        for (size_t j = 0; j < I8_ROWS; j++) { /* beyond the end the last row is computed again */
            size_t at = r + (j < nr ? j : nr - 1);
            row[j] = w + at * k;
            row_scale[j] = scale[at];
            row_bias[j] = bias ? bias[at] : 0.0f;
        }
        for (size_t t = 0; t < n; t += I8_TOKENS) {
            const int16_t *x0 = q + t * padded, *x1 = t + 1 < n ? x0 + padded : x0;
            __m256i s[I8_TOKENS][I8_ROWS];
            UNROLL for (size_t j = 0; j < I8_ROWS; j++)
                s[0][j] = s[1][j] = _mm256_setzero_si256();
            for (size_t i = 0; i < k; i += 16) {
                __m256i a0 = _mm256_loadu_si256((const __m256i *)(const void *)(x0 + i));
                __m256i a1 = _mm256_loadu_si256((const __m256i *)(const void *)(x1 + i));
                UNROLL for (size_t j = 0; j < I8_ROWS; j++) {
                    __m128i bytes;
                    if (i + 16 <= k) {
                        bytes = _mm_loadu_si128((const __m128i *)(const void *)(row[j] + i));
                    } else { /* nothing is read beyond the row: it may be the last of the file */
                        int8_t tail[16] = {0};
                        memcpy(tail, row[j] + i, k - i);
                        bytes = _mm_loadu_si128((const __m128i *)(const void *)tail);
                    }
                    __m256i b = _mm256_cvtepi8_epi16(bytes);
                    s[0][j] = _mm256_add_epi32(s[0][j], _mm256_madd_epi16(b, a0));
                    s[1][j] = _mm256_add_epi32(s[1][j], _mm256_madd_epi16(b, a1));
                }
            }
            for (size_t j = 0; j < I8_TOKENS && t + j < n; j++) {
                __m128 sums = _mm_cvtepi32_ps(j ? sum4(s[1][0], s[1][1], s[1][2], s[1][3]) : sum4(s[0][0], s[0][1], s[0][2], s[0][3]));
                sums = _mm_mul_ps(sums, _mm_mul_ps(_mm_loadu_ps(row_scale), _mm_set1_ps(step[t + j])));
                sums = _mm_add_ps(sums, _mm_loadu_ps(row_bias));
                float four[I8_ROWS];
                _mm_storeu_ps(four, sums);
                memcpy(out + (t + j) * out_stride + r, four, nr * sizeof *four);
            }
        }
    }
}

const tensor_kernels tensor_kernels_avx2 = {
    .level = BASE_ISA_AVX2,
    .element = 4,
    .widen = widen,
    .dot = dot,
    .quantise = quantise,
    .linear_i8 = linear_i8,
    .layer_norm = layer_norm,
    .gelu = gelu,
    .attention = attention,
    .expand = expand,
    .depthwise = depthwise,
    .project = project,
    .mean = mean,
};
