/* resize_avx2.c - resize.c's kernels with AVX2, equal to the plain C ones to the byte.
 *
 * A weight of 22 bits is split into halves that fit signed 16 bits, weight = low + 4096 * high with low in 0..4095, so
 * that pmaddwd does two taps of eight colours at once without rounding; the two sums of 32 bits are put together at the
 * end. resize_axis.halves holds, for taps 2i and 2i+1: low, low, high, high. */
#include "embed/image/resize.h"

#include <immintrin.h>
#include <string.h>

/* Sum of both halves, rounded and shifted down to pixel values. */
static inline __m256i join(__m256i low, __m256i high)
{
    __m256i sum = _mm256_add_epi32(_mm256_add_epi32(low, _mm256_slli_epi32(high, 12)), _mm256_set1_epi32(1 << (RESIZE_PRECISION - 1)));
    return _mm256_srai_epi32(sum, RESIZE_PRECISION);
}

/* Four taps a step: both lanes hold the same 16 bytes, of which the lower lane takes pixels 0 and 1, the upper 2 and 3,
 * as 16-bit numbers r0 r1 g0 g1 b0 b1 and two zeros. */
static void horizontal_avx2(const uint8_t *in, uint8_t *out, const resize_axis *axis)
{
    const __m256i pick = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, /* pixels 0, 1 */
                                          6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1 /* pixels 2, 3 */);
    const __m256i pick_low = _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, /* taps 0, 1 */
                                              8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11 /* taps 2, 3 */);
    const __m256i pick_high = _mm256_add_epi8(pick_low, _mm256_set1_epi8(4));
    const __m128i half = _mm_set1_epi32(1 << (RESIZE_PRECISION - 1));
    for (int i = 0; i < axis->n; i++, out += 3) {
        const uint8_t *p = in + (size_t)axis->start[i] * 3;
        const int16_t *w = axis->halves + (size_t)i * (size_t)axis->stride * 2;
        __m256i low = _mm256_setzero_si256(), high = low;
        for (int k = 0; k < axis->count[i]; k += 4, p += 12, w += 8) {
            __m256i four = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
            __m256i weights = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)w));
            four = _mm256_shuffle_epi8(four, pick);
            low = _mm256_add_epi32(low, _mm256_madd_epi16(four, _mm256_shuffle_epi8(weights, pick_low)));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(four, _mm256_shuffle_epi8(weights, pick_high)));
        }
        __m256i both = _mm256_add_epi32(low, _mm256_slli_epi32(high, 12));
        __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
        sum = _mm_srai_epi32(_mm_add_epi32(sum, half), RESIZE_PRECISION);
        sum = _mm_packus_epi16(_mm_packs_epi32(sum, sum), sum);
        int32_t pixel = _mm_cvtsi128_si32(sum);
        memcpy(out, &pixel, 4); /* the fourth byte is overwritten by the next pixel, or lies in the slack */
    }
}

/* 32 bytes of a row at once, two rows a step; what is left at the end in plain C. */
static void vertical_avx2(const uint8_t *in, size_t row_stride, uint8_t *out, size_t bytes, const resize_axis *axis, int y)
{
    const uint8_t *rows = in + (size_t)axis->start[y] * row_stride;
    const int16_t *weights = axis->halves + (size_t)y * (size_t)axis->stride * 2;
    const __m256i zero = _mm256_setzero_si256();
    int count = axis->count[y];
    size_t x = 0;
    for (; x + 32 <= bytes; x += 32) {
        __m256i low[4] = {zero, zero, zero, zero}, high[4] = {zero, zero, zero, zero};
        const uint8_t *p = rows + x;
        const int16_t *w = weights;
        for (int k = 0; k < count; k += 2, p += 2 * row_stride, w += 4) {
            int32_t l, h;
            memcpy(&l, w, 4);
            memcpy(&h, w + 2, 4);
            __m256i weight_low = _mm256_set1_epi32(l), weight_high = _mm256_set1_epi32(h);
            __m256i a = _mm256_loadu_si256((const __m256i *)p);
            __m256i b = k + 1 < count ? _mm256_loadu_si256((const __m256i *)(p + row_stride)) : zero;
            __m256i ab_low = _mm256_unpacklo_epi8(a, b), ab_high = _mm256_unpackhi_epi8(a, b);
            __m256i pair[4] = {_mm256_unpacklo_epi8(ab_low, zero), _mm256_unpackhi_epi8(ab_low, zero),
                               _mm256_unpacklo_epi8(ab_high, zero), _mm256_unpackhi_epi8(ab_high, zero)};
            for (int i = 0; i < 4; i++) {
                low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(pair[i], weight_low));
                high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(pair[i], weight_high));
            }
        }
        __m256i first = _mm256_packs_epi32(join(low[0], high[0]), join(low[1], high[1]));
        __m256i second = _mm256_packs_epi32(join(low[2], high[2]), join(low[3], high[3]));
        _mm256_storeu_si256((__m256i *)(out + x), _mm256_packus_epi16(first, second));
    }
    if (x < bytes)
        resize_kernels_c.vertical(in + x, row_stride, out + x, bytes - x, axis, y);
}

const resize_kernels resize_kernels_avx2 = {horizontal_avx2, vertical_avx2, true};
