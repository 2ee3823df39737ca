/* tensor_avx512bf16.c - kernels for AVX-512 with BF16: pictures in bf16 with fp32 sums; text as in avx512.
 *
 * VDPBF16PS adds two products of bf16 pairs to each fp32 lane. In a 1x1 convolution a pair is two input channels of one
 * pixel; in a depthwise convolution two rows of one channel (the pair layout of tensor.h), which `expand` writes from the
 * fp32 sums of both rows: no shuffling is left for the depthwise kernel. relu6 is taken on the rounded numbers: bf16 of
 * one sign are ordered as integers are, and 6 is a bf16. */
#include "embed/tensor/zmm.h"

#define WITHOUT_PICTURES
#include "embed/tensor/f32_kernels.h"
#include "embed/tensor/zmm_text.h"

enum { SIX = 0x40c0 }; /* 6.0 in bf16 */

static inline __m512bh pairs_at(const uint16_t *p)
{
    return (__m512bh)_mm512_loadu_si512(p);
}

static inline __m512bh pair_of_pixel(const uint16_t *p)
{
    int32_t two;
    memcpy(&two, p, sizeof two);
    return (__m512bh)_mm512_set1_epi32(two);
}

static inline __m512 from_bf16(__m256i h) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16)); }

static inline void store_bf16(uint16_t *to, __m512 v, bool clamp)
{
    __m256i h = (__m256i)_mm512_cvtneps_pbh(v);
    if (clamp)
        h = _mm256_min_epi16(_mm256_max_epi16(h, _mm256_setzero_si256()), _mm256_set1_epi16(SIX));
    _mm256_storeu_si256((__m256i *)(void *)to, h);
}

/* Sums of nx pixels from a0 and nx from a1 by np panels. */
ALWAYS_INLINE void tile_sums(size_t nx, size_t np, const uint16_t *a0, const uint16_t *a1, size_t lda, const uint16_t *w,
                             size_t k, __m512 s[2][TILE_X][TILE_PANELS])
{
    UNROLL for (size_t x = 0; x < nx; x++)
        UNROLL for (size_t p = 0; p < np; p++)
            s[0][x][p] = s[1][x][p] = _mm512_setzero_ps();
    for (size_t i = 0; i < k; i += 2) {
        __m512bh b[TILE_PANELS];
        UNROLL for (size_t p = 0; p < np; p++)
            b[p] = pairs_at(w + (p * k + i) * TENSOR_LANES);
        UNROLL for (size_t x = 0; x < nx; x++) {
            __m512bh p0 = pair_of_pixel(a0 + x * lda + i), p1 = pair_of_pixel(a1 + x * lda + i);
            UNROLL for (size_t p = 0; p < np; p++) {
                s[0][x][p] = _mm512_dpbf16_ps(s[0][x][p], b[p], p0);
                s[1][x][p] = _mm512_dpbf16_ps(s[1][x][p], b[p], p1);
            }
        }
    }
}

/* rows: which of the two are inside the picture, as a mask of 16-bit lanes */
ALWAYS_INLINE void expand_tile(size_t nx, size_t np, const tensor_pointwise *w, size_t panel, const uint16_t *a0,
                               const uint16_t *a1, size_t lda, __mmask32 rows, uint16_t *out, size_t panel_stride)
{
    __m512 s[2][TILE_X][TILE_PANELS];
    tile_sums(nx, np, a0, a1, lda, (const uint16_t *)w->w + panel * w->k * TENSOR_LANES, w->k, s);
    __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
                                          20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    __m512i zero = _mm512_setzero_si512(), six = _mm512_set1_epi16(SIX);
    UNROLL for (size_t p = 0; p < np; p++) {
        size_t channel = (panel + p) * TENSOR_LANES;
        __m512 scale = _mm512_loadu_ps(w->scale + channel), bias = _mm512_loadu_ps(w->bias + channel);
        UNROLL for (size_t x = 0; x < nx; x++) {
            __m512 y0 = _mm512_fmadd_ps(s[0][x][p], scale, bias), y1 = _mm512_fmadd_ps(s[1][x][p], scale, bias);
            __m512i y = (__m512i)_mm512_cvtne2ps_pbh(y1, y0);
            y = _mm512_min_epi16(_mm512_max_epi16(y, zero), six);
            y = _mm512_maskz_permutexvar_epi16(rows, interleave, y);
            _mm512_storeu_si512(out + p * panel_stride + x * 2 * TENSOR_LANES, y);
        }
    }
}

static NEVER_INLINE void expand_tiles(size_t nx, size_t np, const tensor_pointwise *w, size_t panel, const uint16_t *a0,
                                      const uint16_t *a1, size_t lda, __mmask32 rows, uint16_t *out, size_t panel_stride)
{
#define CASE(X, P)                                                                                 \
    case (P) * 16 + (X):                                                                           \
        expand_tile(X, P, w, panel, a0, a1, lda, rows, out, panel_stride);                         \
        break;
    switch (np * 16 + nx) {
        TILE_CASES
    default:
        break;
    }
#undef CASE
}

static void expand(const tensor_pointwise *w, size_t panel, size_t n_panels, const void *row0, const void *row1, size_t n_x,
                   size_t in_stride, void *out, size_t panel_stride, size_t padded_width)
{
    const uint16_t *a0 = row0 ? row0 : row1, *a1 = row1 ? row1 : row0;
    (void)padded_width; /* both rows lie in one */
    if (!a0) {
        for (size_t p = 0; p < n_panels; p++)
            memset((uint16_t *)out + p * panel_stride, 0, n_x * 2 * TENSOR_LANES * sizeof(uint16_t));
        return;
    }
    __mmask32 rows = (row0 ? 0x55555555u : 0) | (row1 ? 0xaaaaaaaau : 0);
    size_t tiles = (n_x + TILE_X - 1) / TILE_X;
    for (size_t i = 0; i < tiles; i++) {
        size_t x = n_x * i / tiles, nx = n_x * (i + 1) / tiles - x;
        expand_tiles(nx, n_panels, w, panel, a0 + x * in_stride, a1 + x * in_stride, in_stride, rows,
                     (uint16_t *)out + x * 2 * TENSOR_LANES, panel_stride);
    }
}

ALWAYS_INLINE void project_tile(size_t nx, size_t np, const tensor_pointwise *w, size_t panel, const uint16_t *a, size_t lda,
                                size_t second, const uint16_t *residual, bool clamp, uint16_t *out, size_t out_stride)
{
    __m512 s[2][TILE_X][TILE_PANELS];
    tile_sums(nx, np, a, a + second * lda, lda, (const uint16_t *)w->w + panel * w->k * TENSOR_LANES, w->k, s);
    UNROLL for (size_t p = 0; p < np; p++) {
        size_t channel = (panel + p) * TENSOR_LANES;
        __m512 scale = _mm512_loadu_ps(w->scale + channel), bias = _mm512_loadu_ps(w->bias + channel);
        UNROLL for (size_t r = 0; r < 2; r++)
            UNROLL for (size_t x = 0; x < nx; x++) {
                size_t at = (r * second + x) * out_stride + channel;
                __m512 y = _mm512_fmadd_ps(s[r][x][p], scale, bias);
                if (residual)
                    y = _mm512_add_ps(y, from_bf16(_mm256_loadu_si256((const __m256i *)(const void *)(residual + at))));
                store_bf16(out + at, y, clamp);
            }
    }
}

/* 2 * nx pixels: nx from the first on, nx from pixel `second` on (they may overlap: the same numbers are written twice). */
static NEVER_INLINE void project_tiles(size_t nx, size_t np, const tensor_pointwise *w, size_t panel, const uint16_t *a,
                                       size_t lda, size_t second, const uint16_t *residual, bool clamp, uint16_t *out,
                                       size_t out_stride)
{
#define CASE(X, P)                                                                                 \
    case (P) * 16 + (X):                                                                           \
        project_tile(X, P, w, panel, a, lda, second, residual, clamp, out, out_stride);            \
        break;
    switch (np * 16 + nx) {
        TILE_CASES
    default:
        break;
    }
#undef CASE
}

static void project(const tensor_pointwise *w, size_t panel, size_t n_panels, const void *in, size_t pixels, size_t in_stride,
                    const void *residual, bool clamp, void *out, size_t out_stride)
{
    size_t tiles = (pixels + 2 * TILE_X - 1) / (2 * TILE_X);
    for (size_t i = 0; i < tiles; i++) {
        size_t first = pixels * i / tiles, n = pixels * (i + 1) / tiles - first, nx = (n + 1) / 2;
        project_tiles(nx, n_panels, w, panel, (const uint16_t *)in + first * in_stride, in_stride, n - nx,
                      residual ? (const uint16_t *)residual + first * out_stride : NULL, clamp,
                      (uint16_t *)out + first * out_stride, out_stride);
    }
}

enum { DEPTHWISE_X = 8 };

/* nx pixels of one output row (two = false) or of two. weights: [2 forms, np, side, 16, 2] */
ALWAYS_INLINE void depthwise_tile(size_t nx, bool two, size_t stride, size_t side, const uint16_t *weights,
                                  const void *const pairs[], size_t first, __m512 scale, __m512 bias, uint16_t *out0,
                                  uint16_t *out1, size_t out_stride)
{
    __m512 s[2][DEPTHWISE_X];
    size_t np = (side + 1) / 2, form = np * side * 2 * TENSOR_LANES;
    UNROLL for (size_t x = 0; x < nx; x++)
        s[0][x] = s[1][x] = _mm512_setzero_ps();
    for (size_t p = 0; p < np; p++) {
        const uint16_t *in = (const uint16_t *)pairs[p] + first * 2 * TENSOR_LANES;
        UNROLL for (size_t kx = 0; kx < side; kx++) {
            __m512bh w0 = pairs_at(weights), w1 = two ? pairs_at(weights + form) : w0;
            weights += 2 * TENSOR_LANES;
            UNROLL for (size_t x = 0; x < nx; x++) {
                __m512bh v = pairs_at(in + (x * stride + kx) * 2 * TENSOR_LANES);
                s[0][x] = _mm512_dpbf16_ps(s[0][x], w0, v);
                if (two)
                    s[1][x] = _mm512_dpbf16_ps(s[1][x], w1, v);
            }
        }
    }
    UNROLL for (size_t x = 0; x < nx; x++) {
        store_bf16(out0 + x * out_stride, _mm512_fmadd_ps(s[0][x], scale, bias), true);
        if (two)
            store_bf16(out1 + x * out_stride, _mm512_fmadd_ps(s[1][x], scale, bias), true);
    }
}

ALWAYS_INLINE void depthwise_row(bool two, size_t stride, size_t side, const uint16_t *weights, const void *const pairs[],
                                 size_t n_x, __m512 scale, __m512 bias, uint16_t *out0, uint16_t *out1, size_t out_stride)
{
    size_t tiles = (n_x + DEPTHWISE_X - 1) / DEPTHWISE_X;
    for (size_t i = 0; i < tiles; i++) {
        size_t x = n_x * i / tiles;
        uint16_t *to0 = out0 + x * out_stride, *to1 = two ? out1 + x * out_stride : NULL;
#define CASE(X)                                                                                                       \
    case X:                                                                                                           \
        depthwise_tile(X, two, stride, side, weights, pairs, x * stride, scale, bias, to0, to1, out_stride);          \
        break;
        switch (n_x * (i + 1) / tiles - x) {
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
            CASE(5)
            CASE(6)
            CASE(7)
            CASE(8)
        default:
            break;
        }
#undef CASE
    }
}

static void depthwise(const tensor_depthwise *w, size_t panel, const void *const pairs[TENSOR_MAX_PAIRS], size_t padded_width,
                      size_t n_x, void *out0, void *out1, size_t out_stride)
{
    size_t side = (size_t)w->kernel, np = (side + 1) / 2;
    const uint16_t *weights = (const uint16_t *)w->w + panel * 2 * np * side * 2 * TENSOR_LANES;
    __m512 scale = _mm512_loadu_ps(w->scale + panel * TENSOR_LANES), bias = _mm512_loadu_ps(w->bias + panel * TENSOR_LANES);
    (void)padded_width;
    if (side == 3 && w->stride == 1 && out1)
        depthwise_row(true, 1, 3, weights, pairs, n_x, scale, bias, out0, out1, out_stride);
    else if (side == 3 && w->stride == 1)
        depthwise_row(false, 1, 3, weights, pairs, n_x, scale, bias, out0, out1, out_stride);
    else if (side == 3)
        depthwise_row(false, 2, 3, weights, pairs, n_x, scale, bias, out0, out1, out_stride);
    else if (w->stride == 1 && out1)
        depthwise_row(true, 1, 5, weights, pairs, n_x, scale, bias, out0, out1, out_stride);
    else if (w->stride == 1)
        depthwise_row(false, 1, 5, weights, pairs, n_x, scale, bias, out0, out1, out_stride);
    else
        depthwise_row(false, 2, 5, weights, pairs, n_x, scale, bias, out0, out1, out_stride);
}

static void mean(const void *in, size_t pixels, size_t stride, size_t channels, float *out)
{
    for (size_t c = 0; c < channels; c += VW) {
        __m512 s = _mm512_setzero_ps();
        for (size_t i = 0; i < pixels; i++)
            s = _mm512_add_ps(s, from_bf16(_mm256_loadu_si256((const __m256i *)(const void *)((const uint16_t *)in + i * stride + c))));
        _mm512_storeu_ps(out + c, _mm512_div_ps(s, _mm512_set1_ps((float)pixels)));
    }
}

const tensor_kernels tensor_kernels_avx512bf16 = {
    .level = BASE_ISA_AVX512BF16,
    .element = 2,
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
