/* tensor_c.c - the kernels in plain C, fp32: the reference of every other level and the only one on other CPUs.
 * erf and exp are the C library's. */
#include <math.h>
#include <string.h>

#include "embed/tensor/tensor.h"

static void widen(tensor_dtype dtype, const void *in, size_t n, float *out)
{
    uint16_t h;
    switch (dtype) {
    case TENSOR_F32:
        memcpy(out, in, n * sizeof *out);
        break;
    case TENSOR_F16:
    case TENSOR_BF16:
        for (size_t i = 0; i < n; i++) {
            memcpy(&h, (const uint8_t *)in + 2 * i, 2); /* the file promises no alignment */
            out[i] = dtype == TENSOR_F16 ? tensor_from_f16(h) : tensor_from_bf16(h);
        }
        break;
    default:
        for (size_t i = 0; i < n; i++)
            out[i] = ((const int8_t *)in)[i];
    }
}

/* Eight partial sums: the error of one long sum grows with n, and compilers keep them in registers. */
static float dot(const float *a, const float *b, size_t n)
{
    float s[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++)
            s[j] += a[i + j] * b[i + j];
    for (; i < n; i++)
        s[0] += a[i] * b[i];
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

static void quantise(const float *x, size_t n, float limit, int16_t *q, float *step)
{
    float top = 0.0f;
    for (size_t i = 0; i < n; i++)
        top = fmaxf(top, fabsf(x[i]));
    float inverse = top > 0.0f ? limit / top : 0.0f;
    for (size_t i = 0; i < n; i++)
        q[i] = (int16_t)lrintf(x[i] * inverse);
    memset(q + n, 0, (tensor_round_up(n, TENSOR_I8_BLOCK) - n) * sizeof *q);
    *step = top / limit;
}

static void layer_norm(float *x, const float *add, size_t n, const float *weight, const float *bias, float eps)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        if (add)
            x[i] += add[i];
        sum += x[i];
    }
    float mean = (float)(sum / (double)n);
    for (size_t i = 0; i < n; i++)
        squares += (double)(x[i] - mean) * (x[i] - mean);
    float inverse = 1.0f / sqrtf((float)(squares / (double)n) + eps);
    for (size_t i = 0; i < n; i++)
        x[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
}

static void gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678f));
}

static void attention(const float *q, const float *k, const float *v, size_t stride, size_t n, size_t head_dim, float scale,
                      float *scores, float *out, size_t out_stride)
{
    for (size_t i = 0; i < n; i++) {
        float top = -INFINITY, sum = 0.0f, *o = out + i * out_stride;
        for (size_t j = 0; j < n; j++) {
            scores[j] = dot(q + i * stride, k + j * stride, head_dim) * scale;
            top = fmaxf(top, scores[j]);
        }
        for (size_t j = 0; j < n; j++) {
            scores[j] = expf(scores[j] - top);
            sum += scores[j];
        }
        for (size_t d = 0; d < head_dim; d++)
            o[d] = 0.0f;
        for (size_t j = 0; j < n; j++)
            for (size_t d = 0; d < head_dim; d++)
                o[d] += scores[j] / sum * v[j * stride + d];
    }
}

static inline float relu6(float x) { return x < 0.0f ? 0.0f : x > 6.0f ? 6.0f : x; }

/* sums[16] = one pixel times one panel */
static void pixel_panel(const tensor_pointwise *w, size_t panel, const float *in, float sums[TENSOR_LANES])
{
    const float *weights = (const float *)w->w + panel * w->k * TENSOR_LANES;
    const float *scale = w->scale + panel * TENSOR_LANES, *bias = w->bias + panel * TENSOR_LANES;
    float s[TENSOR_LANES] = {0};
    for (size_t i = 0; i < w->k; i++)
        for (size_t lane = 0; lane < TENSOR_LANES; lane++)
            s[lane] += in[i] * weights[i * TENSOR_LANES + lane];
    for (size_t lane = 0; lane < TENSOR_LANES; lane++)
        sums[lane] = s[lane] * scale[lane] + bias[lane];
}

static void expand(const tensor_pointwise *w, size_t panel, size_t n_panels, const void *row0, const void *row1, size_t n_x,
                   size_t in_stride, void *out, size_t panel_stride, size_t padded_width)
{
    for (size_t p = 0; p < n_panels; p++)
        for (size_t r = 0; r < 2; r++) {
            const float *in = r ? row1 : row0;
            float *to = (float *)out + p * panel_stride + r * padded_width * TENSOR_LANES;
            if (!in) {
                memset(to, 0, n_x * TENSOR_LANES * sizeof *to);
                continue;
            }
            for (size_t x = 0; x < n_x; x++, to += TENSOR_LANES) {
                pixel_panel(w, panel + p, in + x * in_stride, to);
                for (size_t lane = 0; lane < TENSOR_LANES; lane++)
                    to[lane] = relu6(to[lane]);
            }
        }
}

static void depthwise(const tensor_depthwise *w, size_t panel, const void *const pairs[TENSOR_MAX_PAIRS], size_t padded_width,
                      size_t n_x, void *out0, void *out1, size_t out_stride)
{
    size_t side = (size_t)w->kernel, stride = (size_t)w->stride;
    const float *weights = (const float *)w->w + panel * side * side * TENSOR_LANES;
    const float *scale = w->scale + panel * TENSOR_LANES, *bias = w->bias + panel * TENSOR_LANES;
    for (size_t r = 0; r < (out1 ? 2u : 1u); r++)
        for (size_t x = 0; x < n_x; x++) {
            float s[TENSOR_LANES] = {0}, *to = (float *)(r ? out1 : out0) + x * out_stride;
            for (size_t ky = 0; ky < side; ky++) {
                size_t row = r + ky;
                const float *in = (const float *)pairs[row / 2] + (row % 2 * padded_width + x * stride) * TENSOR_LANES;
                for (size_t i = 0; i < side * TENSOR_LANES; i++)
                    s[i % TENSOR_LANES] += in[i] * weights[ky * side * TENSOR_LANES + i];
            }
            for (size_t lane = 0; lane < TENSOR_LANES; lane++)
                to[lane] = relu6(s[lane] * scale[lane] + bias[lane]);
        }
}

static void project(const tensor_pointwise *w, size_t panel, size_t n_panels, const void *in, size_t pixels, size_t in_stride,
                    const void *residual, bool clamp, void *out, size_t out_stride)
{
    float s[TENSOR_LANES];
    for (size_t i = 0; i < pixels; i++)
        for (size_t p = panel; p < panel + n_panels; p++) {
            pixel_panel(w, p, (const float *)in + i * in_stride, s);
            size_t at = i * out_stride + p * TENSOR_LANES;
            for (size_t lane = 0; lane < TENSOR_LANES; lane++) {
                float v = s[lane] + (residual ? ((const float *)residual)[at + lane] : 0.0f);
                ((float *)out)[at + lane] = clamp ? relu6(v) : v;
            }
        }
}

static void mean(const void *in, size_t pixels, size_t stride, size_t channels, float *out)
{
    for (size_t c = 0; c < channels; c++) {
        float s = 0.0f;
        for (size_t i = 0; i < pixels; i++)
            s += ((const float *)in)[i * stride + c];
        out[c] = s / (float)pixels;
    }
}

const tensor_kernels tensor_kernels_c = {
    .level = BASE_ISA_C,
    .element = 4,
    .widen = widen,
    .dot = dot,
    .quantise = quantise,
    .layer_norm = layer_norm,
    .gelu = gelu,
    .attention = attention,
    .expand = expand,
    .depthwise = depthwise,
    .project = project,
    .mean = mean,
};
