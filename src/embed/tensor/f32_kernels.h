/* f32_kernels.h - the fp32 kernels of avx2 and avx512, written once over a vector type of VW floats that the including
 * file defines (vf, v_load, v_fma, ...). Included by tensor_avx2.c and tensor_avx512.c alone.
 *
 * Products of 1x1 convolutions: a tile holds TILE_X pixels of two rows by TILE_PANELS panels in registers; for each input
 * channel it loads the weights of the panels once and one number for each pixel. TILE_X is a constant in each copy of the
 * inlined function, so that the sums are registers. */
#include <string.h>

#include "embed/tensor/tensor.h"
#include "embed/tensor/unroll.h"
#include "embed/tensor/vector_math.h"

enum { PANEL_VECTORS = TENSOR_LANES / VW };

/* ---- vectors ---- */

static float dot(const float *a, const float *b, size_t n)
{
    vf s0 = v_set1(0), s1 = v_set1(0), s2 = v_set1(0), s3 = v_set1(0);
    size_t i = 0;
    for (; i + 4 * VW <= n; i += 4 * VW) {
        s0 = v_fma(v_load(a + i), v_load(b + i), s0);
        s1 = v_fma(v_load(a + i + VW), v_load(b + i + VW), s1);
        s2 = v_fma(v_load(a + i + 2 * VW), v_load(b + i + 2 * VW), s2);
        s3 = v_fma(v_load(a + i + 3 * VW), v_load(b + i + 3 * VW), s3);
    }
    for (; i < n; i += VW) {
        size_t left = n - i < VW ? n - i : VW;
        s0 = v_fma(v_load_part(a + i, left), v_load_part(b + i, left), s0);
    }
    return v_sum(v_add(v_add(s0, s1), v_add(s2, s3)));
}

static void layer_norm(float *x, const float *add, size_t n, const float *weight, const float *bias, float eps)
{
    vf sum = v_set1(0), squares = v_set1(0);
    for (size_t i = 0; i < n; i += VW) {
        size_t left = n - i < VW ? n - i : VW;
        vf v = v_load_part(x + i, left);
        if (add) {
            v = v_add(v, v_load_part(add + i, left));
            v_store_part(x + i, left, v);
        }
        sum = v_add(sum, v);
    }
    vf mean = v_set1(v_sum(sum) / (float)n);
    for (size_t i = 0; i < n; i += VW) {
        size_t left = n - i < VW ? n - i : VW;
        vf d = v_sub(v_load_part(x + i, left), mean);
        if (left < VW) { /* lanes beyond the row hold -mean */
            float tail[VW] = {0};
            v_store_part(tail, left, d);
            d = v_load(tail);
        }
        squares = v_fma(d, d, squares);
    }
    vf inverse = v_div(v_set1(1.0f), v_sqrt(v_set1(v_sum(squares) / (float)n + eps)));
    for (size_t i = 0; i < n; i += VW) {
        size_t left = n - i < VW ? n - i : VW;
        vf d = v_mul(v_sub(v_load_part(x + i, left), mean), inverse);
        v_store_part(x + i, left, v_fma(d, v_load_part(weight + i, left), v_load_part(bias + i, left)));
    }
}

static void gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += VW) {
        size_t left = n - i < VW ? n - i : VW;
        v_store_part(x + i, left, v_gelu(v_load_part(x + i, left)));
    }
}

static void attention(const float *q, const float *k, const float *v, size_t stride, size_t n, size_t head_dim, float scale,
                      float *scores, float *out, size_t out_stride)
{
    for (size_t i = 0; i < n; i++) {
        float top = -3.4e38f;
        for (size_t j = 0; j < n; j++) {
            scores[j] = dot(q + i * stride, k + j * stride, head_dim) * scale;
            top = scores[j] > top ? scores[j] : top;
        }
        vf sum = v_set1(0);
        for (size_t j = 0; j < n; j += VW) {
            size_t left = n - j < VW ? n - j : VW;
            vf e = v_exp(v_sub(v_load_part(scores + j, left), v_set1(top)));
            v_store_part(scores + j, left, e);
            sum = v_add(sum, left < VW ? v_load_part(scores + j, left) : e);
        }
        vf inverse = v_set1(1.0f / v_sum(sum));
        for (size_t d = 0; d < head_dim; d += VW) {
            size_t left = head_dim - d < VW ? head_dim - d : VW;
            vf s = v_set1(0);
            for (size_t j = 0; j < n; j++)
                s = v_fma(v_set1(scores[j]), v_load_part(v + j * stride + d, left), s);
            v_store_part(out + i * out_stride + d, left, v_mul(s, inverse));
        }
    }
}

/* ---- pictures ---- */
#ifndef WITHOUT_PICTURES

static inline vf relu6(vf v) { return v_min(v_set1(6.0f), v_max(v_set1(0.0f), v)); } /* a NaN stays one */

/* Sums of nx pixels from a0 and nx from a1 by np panels. */
ALWAYS_INLINE void tile_sums(size_t nx, size_t np, const float *a0, const float *a1, size_t lda, const float *w, size_t k,
                             vf s[2][TILE_X][TILE_PANELS * PANEL_VECTORS])
{
    size_t vectors = np * PANEL_VECTORS;
    UNROLL for (size_t x = 0; x < nx; x++)
        UNROLL for (size_t v = 0; v < vectors; v++)
            s[0][x][v] = s[1][x][v] = v_set1(0.0f);
    for (size_t i = 0; i < k; i++) {
        vf b[TILE_PANELS * PANEL_VECTORS];
        UNROLL for (size_t v = 0; v < vectors; v++)
            b[v] = v_load(w + (v / PANEL_VECTORS * k + i) * TENSOR_LANES + v % PANEL_VECTORS * VW);
        UNROLL for (size_t x = 0; x < nx; x++) {
            vf p0 = v_broadcast(a0 + x * lda + i), p1 = v_broadcast(a1 + x * lda + i);
            UNROLL for (size_t v = 0; v < vectors; v++) {
                s[0][x][v] = v_fma(p0, b[v], s[0][x][v]);
                s[1][x][v] = v_fma(p1, b[v], s[1][x][v]);
            }
        }
    }
}

ALWAYS_INLINE void expand_tile(size_t nx, size_t np, const tensor_pointwise *w, size_t panel, const float *a0, const float *a1,
                               size_t lda, float *out, size_t panel_stride, size_t padded_width)
{
    vf s[2][TILE_X][TILE_PANELS * PANEL_VECTORS];
    tile_sums(nx, np, a0, a1, lda, (const float *)w->w + panel * w->k * TENSOR_LANES, w->k, s);
    UNROLL for (size_t v = 0; v < np * PANEL_VECTORS; v++) {
        vf scale = v_load(w->scale + panel * TENSOR_LANES + v * VW), bias = v_load(w->bias + panel * TENSOR_LANES + v * VW);
        float *to = out + v / PANEL_VECTORS * panel_stride + v % PANEL_VECTORS * VW;
        UNROLL for (size_t x = 0; x < nx; x++) {
            v_store(to + x * TENSOR_LANES, relu6(v_fma(s[0][x][v], scale, bias)));
            v_store(to + (padded_width + x) * TENSOR_LANES, relu6(v_fma(s[1][x][v], scale, bias)));
        }
    }
}

static NEVER_INLINE void expand_tiles(size_t nx, size_t np, const tensor_pointwise *w, size_t panel, const float *a0,
                                      const float *a1, size_t lda, float *out, size_t panel_stride, size_t padded_width)
{
#define CASE(X, P)                                                                                 \
    case (P) * 16 + (X):                                                                           \
        expand_tile(X, P, w, panel, a0, a1, lda, out, panel_stride, padded_width);                 \
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
    const float *a0 = row0 ? row0 : row1, *a1 = row1 ? row1 : row0;
    float *to = out;
    size_t tiles = (n_x + TILE_X - 1) / TILE_X;
    for (size_t p = 0; a0 && p < n_panels; p += TILE_PANELS) {
        size_t np = n_panels - p < TILE_PANELS ? n_panels - p : TILE_PANELS;
        for (size_t i = 0; i < tiles; i++) {
            size_t x = n_x * i / tiles, nx = n_x * (i + 1) / tiles - x;
            expand_tiles(nx, np, w, panel + p, a0 + x * in_stride, a1 + x * in_stride, in_stride,
                         to + p * panel_stride + x * TENSOR_LANES, panel_stride, padded_width);
        }
    }
    for (size_t p = 0; p < n_panels; p++, to += panel_stride) {
        if (!row0)
            memset(to, 0, n_x * TENSOR_LANES * sizeof *to);
        if (!row1)
            memset(to + padded_width * TENSOR_LANES, 0, n_x * TENSOR_LANES * sizeof *to);
    }
}

ALWAYS_INLINE void project_tile(size_t nx, size_t np, const tensor_pointwise *w, size_t panel, const float *a, size_t lda,
                                size_t second, const float *residual, bool clamp, float *out, size_t out_stride)
{
    vf s[2][TILE_X][TILE_PANELS * PANEL_VECTORS];
    tile_sums(nx, np, a, a + second * lda, lda, (const float *)w->w + panel * w->k * TENSOR_LANES, w->k, s);
    UNROLL for (size_t v = 0; v < np * PANEL_VECTORS; v++) {
        size_t channel = panel * TENSOR_LANES + v * VW;
        vf scale = v_load(w->scale + channel), bias = v_load(w->bias + channel);
        UNROLL for (size_t r = 0; r < 2; r++)
            UNROLL for (size_t x = 0; x < nx; x++) {
                size_t at = (r * second + x) * out_stride + channel;
                vf y = v_fma(s[r][x][v], scale, bias);
                if (residual)
                    y = v_add(y, v_load(residual + at));
                v_store(out + at, clamp ? relu6(y) : y);
            }
    }
}

/* 2 * nx pixels: nx from the first on, nx from pixel `second` on (they may overlap: the same numbers are written twice). */
static NEVER_INLINE void project_tiles(size_t nx, size_t np, const tensor_pointwise *w, size_t panel, const float *a,
                                       size_t lda, size_t second, const float *residual, bool clamp, float *out,
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
    for (size_t p = 0; p < n_panels; p += TILE_PANELS) {
        size_t np = n_panels - p < TILE_PANELS ? n_panels - p : TILE_PANELS;
        for (size_t i = 0; i < tiles; i++) {
            size_t first = pixels * i / tiles, n = pixels * (i + 1) / tiles - first, nx = (n + 1) / 2;
            project_tiles(nx, np, w, panel + p, (const float *)in + first * in_stride, in_stride, n - nx,
                          residual ? (const float *)residual + first * out_stride : NULL, clamp,
                          (float *)out + first * out_stride, out_stride);
        }
    }
}

enum { DEPTHWISE_X = 8 };

ALWAYS_INLINE void depthwise_tile(size_t nx, size_t stride, const float *weights, size_t side, const float *const rows[],
                                  vf scale, vf bias, float *out, size_t out_stride)
{
    vf s[DEPTHWISE_X];
    UNROLL for (size_t x = 0; x < nx; x++)
        s[x] = v_set1(0.0f);
    for (size_t ky = 0; ky < side; ky++) {
        const float *in = rows[ky];
        for (size_t kx = 0; kx < side; kx++, in += TENSOR_LANES, weights += TENSOR_LANES) {
            vf w = v_load(weights);
            UNROLL for (size_t x = 0; x < nx; x++)
                s[x] = v_fma(w, v_load(in + x * stride * TENSOR_LANES), s[x]);
        }
    }
    UNROLL for (size_t x = 0; x < nx; x++)
        v_store(out + x * out_stride, relu6(v_fma(s[x], scale, bias)));
}

static NEVER_INLINE void depthwise_tiles(size_t nx, size_t stride, const float *weights, size_t side, const float *const rows[],
                                         vf scale, vf bias, float *out, size_t out_stride)
{
#define CASE(X)                                                                                    \
    case X:                                                                                        \
        if (stride == 1)                                                                           \
            depthwise_tile(X, 1, weights, side, rows, scale, bias, out, out_stride);               \
        else                                                                                       \
            depthwise_tile(X, 2, weights, side, rows, scale, bias, out, out_stride);               \
        break;
    switch (nx) {
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

static void depthwise(const tensor_depthwise *w, size_t panel, const void *const pairs[TENSOR_MAX_PAIRS], size_t padded_width,
                      size_t n_x, void *out0, void *out1, size_t out_stride)
{
    size_t side = (size_t)w->kernel, stride = (size_t)w->stride, tiles = (n_x + DEPTHWISE_X - 1) / DEPTHWISE_X;
    for (size_t v = 0; v < PANEL_VECTORS; v++) {
        size_t channel = panel * TENSOR_LANES + v * VW;
        const float *weights = (const float *)w->w + panel * side * side * TENSOR_LANES + v * VW;
        vf scale = v_load(w->scale + channel), bias = v_load(w->bias + channel);
        for (size_t r = 0; r < (out1 ? 2u : 1u); r++)
            for (size_t i = 0; i < tiles; i++) {
                size_t x = n_x * i / tiles, nx = n_x * (i + 1) / tiles - x;
                const float *rows[TENSOR_MAX_KERNEL];
                for (size_t ky = 0; ky < side; ky++)
                    rows[ky] = (const float *)pairs[(r + ky) / 2] + ((r + ky) % 2 * padded_width + x * stride) * TENSOR_LANES + v * VW;
                depthwise_tiles(nx, stride, weights, side, rows, scale, bias,
                                (float *)(r ? out1 : out0) + x * out_stride + v * VW, out_stride);
            }
    }
}

static void mean(const void *in, size_t pixels, size_t stride, size_t channels, float *out)
{
    for (size_t c = 0; c < channels; c += VW) {
        vf s = v_set1(0);
        for (size_t i = 0; i < pixels; i++)
            s = v_add(s, v_load((const float *)in + i * stride + c));
        v_store(out + c, v_div(s, v_set1((float)pixels)));
    }
}
#endif
