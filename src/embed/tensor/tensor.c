/* tensor.c - what the kernels share: the choice of a table, fp16, products with weights of any width, and packing.
 *
 * Packing turns the rows of the file into panels of 16 outputs whose inputs follow each other, so that a kernel reads its
 * weights in one stream. The scale of int8 rows is not multiplied in: integers up to 127 are exact in bf16, and the scale
 * comes with the bias at the end of a sum. */
#include "embed/tensor/tensor.h"

#include <string.h>

const tensor_kernels *tensor_kernels_for(base_isa level)
{
#if defined(__x86_64__)
    if (level >= BASE_ISA_AVX512BF16)
        return &tensor_kernels_avx512bf16;
    if (level >= BASE_ISA_AVX512)
        return &tensor_kernels_avx512;
    if (level >= BASE_ISA_AVX2)
        return &tensor_kernels_avx2;
#endif
    (void)level;
    return &tensor_kernels_c;
}

float tensor_from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3ff;
    union { uint32_t u; float f; } v;
    if (exponent == 0) { /* zero or subnormal: mantissa * 2^-24, exact */
        v.f = (float)mantissa * (1.0f / 16777216.0f);
        v.u |= sign;
    } else {
        v.u = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | mantissa << 13;
    }
    return v.f;
}

void tensor_rows_prepare(const tensor_kernels *k, tensor_dtype weights, tensor_rows *rows)
{
    if (!k->linear_i8 || weights != TENSOR_I8)
        return;
    /* k products of at most 128 * limit must stay inside 31 bit, whatever the file says: the largest float below 2^31 */
    float limit = 2147483520.0f / 128.0f / (float)rows->k;
    limit = limit < 1.0f ? 1.0f : limit > 32767.0f ? 32767.0f : (float)(int)limit;
    size_t padded = tensor_round_up(rows->k, TENSOR_I8_BLOCK);
    for (size_t t = 0; t < rows->n; t++)
        k->quantise(rows->x + t * rows->k, rows->k, limit, rows->q + t * padded, &rows->step[t]);
}

static size_t width_of(tensor_dtype dtype) { return dtype == TENSOR_F32 ? 4 : dtype == TENSOR_I8 ? 1 : 2; }

void tensor_linear(const tensor_kernels *k, const tensor_matrix *w, size_t row0, size_t row1, const tensor_rows *rows,
                   float *scratch, float *out, size_t out_stride)
{
    if (k->linear_i8 && w->dtype == TENSOR_I8) {
        k->linear_i8((const int8_t *)w->data + row0 * w->k, w->scale + row0, w->bias ? w->bias + row0 : NULL, row1 - row0,
                     w->k, rows->q, rows->step, rows->n, out, out_stride);
        return;
    }
    for (size_t r = row0; r < row1; r++) {
        k->widen(w->dtype, (const uint8_t *)w->data + r * w->k * width_of(w->dtype), w->k, scratch);
        float scale = w->scale ? w->scale[r] : 1.0f, bias = w->bias ? w->bias[r] : 0.0f;
        for (size_t t = 0; t < rows->n; t++)
            out[t * out_stride + r - row0] = k->dot(scratch, rows->x + t * w->k, w->k) * scale + bias;
    }
}

void tensor_row(const tensor_kernels *k, const tensor_matrix *w, size_t row, float *out)
{
    k->widen(w->dtype, (const uint8_t *)w->data + row * w->k * width_of(w->dtype), w->k, out);
    if (w->scale)
        for (size_t i = 0; i < w->k; i++)
            out[i] *= w->scale[row];
}

/* ---- packing ---- */

size_t tensor_pointwise_bytes(const tensor_kernels *k, size_t n, size_t inputs)
{
    return tensor_panels(n) * tensor_round_up(inputs, 2) * TENSOR_LANES * k->element;
}

size_t tensor_depthwise_bytes(const tensor_kernels *k, size_t channels, int kernel)
{
    size_t side = (size_t)kernel;
    return tensor_panels(channels) * TENSOR_LANES * (k->element == 2 ? 2 * (side + 1) / 2 * side * 2 * 2 : side * side * 4);
}

static void put(const tensor_kernels *k, void *at, size_t index, float value)
{
    if (k->element == 2)
        ((uint16_t *)at)[index] = tensor_to_bf16(value);
    else
        ((float *)at)[index] = value;
}

static void pack_scale_bias(const tensor_matrix *w, float *scale_bias, const float **scale, const float **bias)
{
    size_t n = tensor_panels(w->n) * TENSOR_LANES;
    for (size_t i = 0; i < n; i++) {
        scale_bias[i] = i >= w->n ? 0.0f : w->scale ? w->scale[i] : 1.0f;
        scale_bias[n + i] = i < w->n && w->bias ? w->bias[i] : 0.0f;
    }
    *scale = scale_bias;
    *bias = scale_bias + n;
}

void tensor_pack_pointwise(const tensor_kernels *k, const tensor_matrix *w, const size_t *order, float *scratch,
                           void *weights, float *scale_bias, tensor_pointwise *out)
{
    size_t inputs = tensor_round_up(w->k, 2);
    memset(weights, 0, tensor_pointwise_bytes(k, w->n, w->k));
    for (size_t r = 0; r < w->n; r++) {
        k->widen(w->dtype, (const uint8_t *)w->data + r * w->k * width_of(w->dtype), w->k, scratch);
        size_t panel = r / TENSOR_LANES * inputs * TENSOR_LANES, lane = r % TENSOR_LANES;
        if (k->element == 2) {
            uint16_t *to = (uint16_t *)weights + panel + lane * 2;
            for (size_t i = 0; i < w->k; i++)
                to[i / 2 * 2 * TENSOR_LANES + i % 2] = tensor_to_bf16(scratch[order ? order[i] : i]);
        } else {
            float *to = (float *)weights + panel + lane;
            for (size_t i = 0; i < w->k; i++)
                to[i * TENSOR_LANES] = scratch[order ? order[i] : i];
        }
    }
    *out = (tensor_pointwise){.w = weights, .k = inputs, .panels = tensor_panels(w->n)};
    pack_scale_bias(w, scale_bias, &out->scale, &out->bias);
}

void tensor_pack_depthwise(const tensor_kernels *k, const tensor_matrix *w, int kernel, int stride, void *weights,
                           float *scale_bias, tensor_depthwise *out)
{
    size_t side = (size_t)kernel, pairs = (side + 1) / 2;
    float row[TENSOR_MAX_KERNEL * TENSOR_MAX_KERNEL];
    memset(weights, 0, tensor_depthwise_bytes(k, w->n, kernel));
    for (size_t c = 0; c < w->n; c++) {
        k->widen(w->dtype, (const uint8_t *)w->data + c * w->k * width_of(w->dtype), w->k, row);
        size_t panel = c / TENSOR_LANES, lane = c % TENSOR_LANES;
        for (size_t y = 0; y < side; y++)
            for (size_t x = 0; x < side; x++) {
                float v = row[y * side + x];
                if (k->element == 2) {
                    for (size_t form = 0; form < 2; form++) {
                        size_t at = y + form; /* row among the rows of the pairs */
                        put(k, weights, ((((panel * 2 + form) * pairs + at / 2) * side + x) * TENSOR_LANES + lane) * 2 + at % 2, v);
                    }
                } else {
                    put(k, weights, ((panel * side + y) * side + x) * TENSOR_LANES + lane, v);
                }
            }
    }
    *out = (tensor_depthwise){.w = weights, .kernel = kernel, .stride = stride, .panels = tensor_panels(w->n)};
    pack_scale_bias(w, scale_bias, &out->scale, &out->bias);
}
