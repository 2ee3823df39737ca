/* Every kernel of every level that this CPU has against double precision, at odd sizes. */
#include "support.h"

#include <math.h>

#include "embed/tensor/tensor.h"

static const base_isa levels[] = {BASE_ISA_C, BASE_ISA_AVX2, BASE_ISA_AVX512, BASE_ISA_AVX512BF16};
enum { LEVELS = sizeof levels / sizeof *levels };

/* The kernels of `level`; skips where the CPU or the build lacks them. */
static const tensor_kernels *kernels_of(base_isa level)
{
    const tensor_kernels *k = tensor_kernels_for(level);
    if (base_isa_level() < level || k->level != level) {
        char reason[64];
        snprintf(reason, sizeof reason, "this CPU has no %s", base_isa_name(level));
        skip_because(reason);
    }
    return k;
}

static uint32_t seed;
static float uniform(float low, float high)
{
    seed = seed * 1664525u + 1013904223u;
    return low + (high - low) * (float)(seed >> 8) / 16777216.0f;
}

static float *randoms(size_t n, float low, float high)
{
    float *v = base_alloc_array(n ? n : 1, sizeof *v);
    assert_non_null(v);
    for (size_t i = 0; i < n; i++)
        v[i] = uniform(low, high);
    return v;
}

static void near(double got, double want, double tolerance, const char *what)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: %.9g, expected %.9g (tolerance %.2g)", what, got, want, tolerance);
}

/* ---- vectors ---- */

static const size_t lengths[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 100, 384, 1249};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

static void check_dot(const tensor_kernels *k)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        size_t n = lengths[i];
        float *a = randoms(n, -1, 1), *b = randoms(n, -1, 1);
        double want = 0;
        for (size_t j = 0; j < n; j++)
            want += (double)a[j] * b[j];
        near(k->dot(a, b, n), want, 1e-6 * (1 + sqrt((double)n)), "dot");
        base_free(a);
        base_free(b);
    }
}

static void check_layer_norm(const tensor_kernels *k)
{
    for (size_t i = 0; i < LENGTHS; i++)
        for (int with = 0; with < 2; with++) {
            size_t n = lengths[i];
            float *x = randoms(n, -3, 5), *add = randoms(n, -1, 1), *w = randoms(n, 0, 2), *b = randoms(n, -1, 1);
            double mean = 0, squares = 0;
            double *sum = base_alloc_array(n, sizeof *sum);
            assert_non_null(sum);
            for (size_t j = 0; j < n; j++)
                mean += sum[j] = x[j] + (with ? (double)add[j] : 0);
            mean /= (double)n;
            for (size_t j = 0; j < n; j++)
                squares += (sum[j] - mean) * (sum[j] - mean);
            double inverse = 1 / sqrt(squares / (double)n + 1e-5);
            k->layer_norm(x, with ? add : NULL, n, w, b, 1e-5f);
            for (size_t j = 0; j < n; j++)
                near(x[j], (sum[j] - mean) * inverse * w[j] + b[j], n < 3 ? 2e-4 : 4e-6, "layer_norm");
            base_free(sum);
            base_free(x);
            base_free(add);
            base_free(w);
            base_free(b);
        }
}

static void check_gelu(const tensor_kernels *k)
{
    enum { N = 4001 };
    float x[N];
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - N / 2) * 0.005f;
    k->gelu(x, N);
    for (int i = 0; i < N; i++) {
        double v = (float)(i - N / 2) * 0.005f;
        near(x[i], 0.5 * v * (1 + erf(v / sqrt(2))), 1e-6, "gelu");
    }
    float extreme[3] = {-1e30f, 0.0f, 1e30f};
    k->gelu(extreme, 3);
    assert_true(extreme[0] == 0.0f && extreme[1] == 0.0f && extreme[2] == 1e30f);
}

static void check_attention(const tensor_kernels *k)
{
    static const size_t shapes[][2] = {{1, 1}, {3, 5}, {10, 32}, {17, 16}, {33, 40}, {128, 32}}; /* tokens, head_dim */
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t n = shapes[s][0], d = shapes[s][1], stride = 3 * d + 1, out_stride = d + 3;
        float *qkv = randoms(n * stride + 3 * d, -2, 2), *scores = randoms(n, 0, 0), *out = randoms(n * out_stride, 7, 7);
        k->attention(qkv, qkv + d, qkv + 2 * d, stride, n, d, 0.3f, scores, out, out_stride);
        for (size_t i = 0; i < n; i++) {
            double weight[128], sum = 0;
            for (size_t j = 0; j < n; j++) {
                double dot = 0;
                for (size_t c = 0; c < d; c++)
                    dot += (double)qkv[i * stride + c] * qkv[j * stride + d + c];
                sum += weight[j] = exp(dot * (double)0.3f);
            }
            for (size_t c = 0; c < d; c++) {
                double want = 0;
                for (size_t j = 0; j < n; j++)
                    want += weight[j] / sum * qkv[j * stride + 2 * d + c];
                near(out[i * out_stride + c], want, 4e-6, "attention");
            }
            for (size_t c = d; c < out_stride; c++)
                assert_true(out[i * out_stride + c] == 7.0f);
        }
        base_free(qkv);
        base_free(scores);
        base_free(out);
    }
}

static void check_widen(const tensor_kernels *k)
{
    /* every fp16 number but NaN, at an odd address; then bf16, int8 and fp32 */
    static uint8_t bytes[2 * 65536 + 1];
    static float out[65536];
    for (uint32_t h = 0; h < 65536; h++)
        memcpy(bytes + 1 + 2 * h, &(uint16_t){(uint16_t)h}, 2);
    k->widen(TENSOR_F16, bytes + 1, 65536, out);
    for (uint32_t h = 0; h < 65536; h++) {
        int exponent = h >> 10 & 31, mantissa = h & 0x3ff;
        double want = exponent == 31 ? INFINITY : exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
        if (exponent == 31 && mantissa)
            assert_true(isnan(out[h]));
        else
            assert_true(out[h] == (h & 0x8000 ? -want : want));
    }
    k->widen(TENSOR_BF16, bytes + 1, 65535, out);
    for (uint32_t h = 0; h < 65535; h++)
        assert_true(out[h] == tensor_from_bf16((uint16_t)h) || isnan(out[h]));
    int8_t small[37];
    for (int i = 0; i < 37; i++)
        small[i] = (int8_t)(i * 7 - 128);
    k->widen(TENSOR_I8, small, 37, out);
    for (int i = 0; i < 37; i++)
        assert_true(out[i] == small[i]);
    float *x = randoms(37, -1, 1);
    k->widen(TENSOR_F32, x, 37, out);
    assert_memory_equal(out, x, 37 * sizeof *x);
    base_free(x);
}

/* int8 weights with rounded activations: the sums are exact, so the result is that of the rounded numbers; and rounding
 * itself stays below half a step. */
static void check_linear(const tensor_kernels *k)
{
    static const size_t shapes[][3] = {{1, 1, 1}, {3, 5, 2}, {4, 32, 4}, {7, 33, 5}, {9, 384, 3}, {32, 1536, 12}, {6, 50, 17}, {5, 8192, 2}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t rows = shapes[s][0], inputs = shapes[s][1], n = shapes[s][2], padded = tensor_round_up(inputs, TENSOR_I8_BLOCK);
        int8_t *w = base_alloc(rows * inputs); /* exactly: nothing beyond may be read */
        int16_t *q = base_alloc_array(n * padded, sizeof *q);
        float *x = randoms(n * inputs, -4, 4), *scale = randoms(rows, 0.01f, 0.1f), *bias = randoms(rows, -1, 1), *step = randoms(n, 0, 0);
        float *scratch = randoms(inputs, 0, 0), *out = randoms(n * rows, 0, 0);
        assert_true(w && q);
        for (size_t i = 0; i < rows * inputs; i++)
            w[i] = (int8_t)(s % 2 ? (int)uniform(-128, 128) : 127);
        tensor_matrix m = {.dtype = TENSOR_I8, .data = w, .scale = scale, .bias = bias, .n = rows, .k = inputs};
        tensor_rows r = {.x = x, .q = q, .step = step, .n = n, .k = inputs};
        tensor_rows_prepare(k, TENSOR_I8, &r);
        tensor_linear(k, &m, 0, rows, &r, scratch, out, rows);
        for (size_t t = 0; t < n; t++)
            for (size_t i = 0; i < rows; i++) {
                double want = 0, exact = 0;
                for (size_t j = 0; j < inputs; j++) {
                    exact += (double)w[i * inputs + j] * x[t * inputs + j];
                    want += k->linear_i8 ? (double)w[i * inputs + j] * q[t * padded + j] * step[t] : (double)w[i * inputs + j] * x[t * inputs + j];
                }
                want = want * scale[i] + bias[i];
                exact = exact * scale[i] + bias[i];
                double rounding = k->linear_i8 ? 0.5 * step[t] * 128 * (double)inputs * scale[i] : 0;
                near(out[t * rows + i], want, 1e-6 * (10 + (double)inputs) + 5e-7 * fabs(want), "linear");
                near(out[t * rows + i], exact, 1e-6 * (10 + (double)inputs) + 5e-7 * fabs(want) + rounding, "linear");
            }
        base_free(w);
        base_free(q);
        base_free(x);
        base_free(scale);
        base_free(bias);
        base_free(step);
        base_free(scratch);
        base_free(out);
    }
}

static void sums_stay_in_31_bit_for_the_worst_weights(void **state)
{
    (void)state;
    /* 16384 inputs, all of them the largest of either sign, all weights -128 */
    enum { K = 16384 };
    for (size_t l = 0; l < LEVELS; l++) {
        const tensor_kernels *k = tensor_kernels_for(levels[l]);
        if (base_isa_level() < levels[l] || !k->linear_i8)
            continue;
        int8_t *w = base_alloc(K);
        int16_t *q = base_alloc_array(K, sizeof *q);
        float *x = randoms(K, 3, 3), scale = 1, step, out, scratch;
        memset(w, -128, K);
        tensor_matrix m = {.dtype = TENSOR_I8, .data = w, .scale = &scale, .n = 1, .k = K};
        tensor_rows r = {.x = x, .q = q, .step = &step, .n = 1, .k = K};
        tensor_rows_prepare(k, TENSOR_I8, &r);
        tensor_linear(k, &m, 0, 1, &r, &scratch, &out, 1);
        near(out, -128.0 * 3 * K, 1, "linear");
        for (size_t i = 0; i < K; i++)
            x[i] = -3;
        tensor_rows_prepare(k, TENSOR_I8, &r);
        tensor_linear(k, &m, 0, 1, &r, &scratch, &out, 1);
        near(out, 128.0 * 3 * K, 1, "linear");
        base_free(w);
        base_free(q);
        base_free(x);
    }
}

/* ---- pictures ---- */

static double bf16_error(const tensor_kernels *k, double magnitude) { return k->element == 2 ? magnitude / 256 + 1e-6 : 3e-6 * (1 + magnitude); }

static void put(const tensor_kernels *k, void *at, size_t i, float v)
{
    if (k->element == 2)
        ((uint16_t *)at)[i] = tensor_to_bf16(v);
    else
        ((float *)at)[i] = v;
}

static float get(const tensor_kernels *k, const void *at, size_t i)
{
    return k->element == 2 ? tensor_from_bf16(((const uint16_t *)at)[i]) : ((const float *)at)[i];
}

/* n activations that bf16 holds exactly */
static void *activations(const tensor_kernels *k, size_t n)
{
    void *a = base_alloc_aligned(n * k->element + 64);
    assert_non_null(a);
    for (size_t i = 0; i < n; i++)
        put(k, a, i, tensor_from_bf16(tensor_to_bf16(uniform(-2, 4))));
    return a;
}

typedef struct layer {
    tensor_matrix m;
    int8_t *w;
    float *scale, *bias, *scratch, *scale_bias;
    void *packed;
} layer;

static layer make_layer(size_t n, size_t inputs)
{
    layer l = {.w = base_alloc(n * inputs), .scale = randoms(n, 0.001f, 0.01f), .bias = randoms(n, -1, 1), .scratch = randoms(inputs, 0, 0),
               .scale_bias = randoms(2 * tensor_panels(n) * TENSOR_LANES, 0, 0)};
    assert_non_null(l.w);
    for (size_t i = 0; i < n * inputs; i++)
        l.w[i] = (int8_t)uniform(-127, 128);
    l.m = (tensor_matrix){.dtype = TENSOR_I8, .data = l.w, .scale = l.scale, .bias = l.bias, .n = n, .k = inputs};
    return l;
}

static void free_layer(layer *l)
{
    base_free(l->w);
    base_free(l->scale);
    base_free(l->bias);
    base_free(l->scratch);
    base_free(l->scale_bias);
    base_free(l->packed);
}

static double clamp6(double v) { return v < 0 ? 0 : v > 6 ? 6 : v; }

static double pointwise(const tensor_kernels *k, const layer *l, const void *in, size_t pixel, size_t stride, size_t out)
{
    double s = 0;
    for (size_t i = 0; i < l->m.k; i++)
        s += (double)l->w[out * l->m.k + i] * get(k, in, pixel * stride + i);
    return s * l->scale[out] + l->bias[out];
}

static void check_expand(const tensor_kernels *k)
{
    static const size_t shapes[][3] = {{1, 1, 1}, {5, 9, 20}, {16, 17, 32}, {24, 33, 40}, {27, 8, 9}}; /* inputs, width, outputs */
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int rows = 0; rows < 4; rows++) { /* bit 0: upper row present, bit 1: lower */
            size_t inputs = shapes[s][0], width = shapes[s][1], n = shapes[s][2], stride = tensor_round_up(inputs, 16);
            size_t padded = width + 3, panels = tensor_panels(n), pair = 2 * padded * TENSOR_LANES;
            layer l = make_layer(n, inputs);
            tensor_pointwise w;
            l.packed = base_alloc_aligned(tensor_pointwise_bytes(k, n, inputs));
            tensor_pack_pointwise(k, &l.m, NULL, l.scratch, l.packed, l.scale_bias, &w);
            void *row0 = activations(k, width * stride), *row1 = activations(k, width * stride), *out = activations(k, panels * pair);
            for (size_t p = 0; p < panels; p += 2)
                k->expand(&w, p, panels - p < 2 ? 1 : 2, rows & 1 ? row0 : NULL, rows & 2 ? row1 : NULL, width, stride,
                          (uint8_t *)out + p * pair * k->element, pair, padded);
            for (size_t c = 0; c < panels * TENSOR_LANES; c++)
                for (size_t r = 0; r < 2; r++)
                    for (size_t x = 0; x < width; x++) {
                        size_t lane = c % TENSOR_LANES, at = c / TENSOR_LANES * pair;
                        at += k->element == 2 ? (x * TENSOR_LANES + lane) * 2 + r : (r * padded + x) * TENSOR_LANES + lane;
                        double want = c < n && rows >> r & 1 ? clamp6(pointwise(k, &l, r ? row1 : row0, x, stride, c)) : 0;
                        near(get(k, out, at), want, bf16_error(k, want), "expand");
                    }
            free_layer(&l);
            base_free(row0);
            base_free(row1);
            base_free(out);
        }
}

static void check_depthwise(const tensor_kernels *k)
{
    static const size_t widths[] = {1, 2, 7, 8, 9, 17, 31};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (size_t side = 3; side <= 5; side += 2)
            for (size_t stride = 1; stride <= 2; stride++)
                for (int two = 0; two < (stride == 1 ? 2 : 1); two++) {
                    size_t width = widths[i], padded = (width - 1) * stride + side, n = 21, pairs = (side + 1) / 2;
                    size_t pair = 2 * padded * TENSOR_LANES, out_stride = 40;
                    layer l = make_layer(n, side * side);
                    tensor_depthwise w;
                    l.packed = base_alloc_aligned(tensor_depthwise_bytes(k, n, (int)side));
                    tensor_pack_depthwise(k, &l.m, (int)side, (int)stride, l.packed, l.scale_bias, &w);
                    void *in = activations(k, pairs * pair), *out = activations(k, 2 * width * out_stride);
                    const void *under[TENSOR_MAX_PAIRS] = {0};
                    for (size_t p = 0; p < pairs; p++)
                        under[p] = (uint8_t *)in + p * pair * k->element;
                    for (size_t panel = 0; panel < 2; panel++) {
                        uint8_t *to = (uint8_t *)out + panel * TENSOR_LANES * k->element;
                        k->depthwise(&w, panel, under, padded, width, to, two ? to + width * out_stride * k->element : NULL, out_stride);
                        for (size_t r = 0; r < (two ? 2u : 1u); r++)
                            for (size_t x = 0; x < width; x++)
                                for (size_t lane = 0; lane < TENSOR_LANES; lane++) {
                                    size_t c = panel * TENSOR_LANES + lane;
                                    double want = 0;
                                    for (size_t ky = 0; ky < side; ky++)
                                        for (size_t kx = 0; kx < side && c < n; kx++) {
                                            size_t y = r + ky, column = x * stride + kx, at = y / 2 * pair;
                                            at += k->element == 2 ? (column * TENSOR_LANES + lane) * 2 + y % 2
                                                                  : (y % 2 * padded + column) * TENSOR_LANES + lane;
                                            want += (double)l.w[c * side * side + ky * side + kx] * get(k, in, at);
                                        }
                                    want = c < n ? clamp6(want * l.scale[c] + l.bias[c]) : 0;
                                    near(get(k, out, (r * width + x) * out_stride + c), want, bf16_error(k, want), "depthwise");
                                }
                    }
                    free_layer(&l);
                    base_free(in);
                    base_free(out);
                }
}

static void check_project(const tensor_kernels *k)
{
    static const size_t shapes[][3] = {{3, 1, 5}, {32, 14, 16}, {33, 15, 33}, {96, 29, 24}, {721, 43, 50}}; /* inputs, pixels, outputs */
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int mode = 0; mode < 4; mode++) { /* bit 0: residual, bit 1: relu6 */
            size_t inputs = shapes[s][0], pixels = shapes[s][1], n = shapes[s][2], stride = tensor_round_up(inputs, 16);
            size_t panels = tensor_panels(n), out_stride = panels * TENSOR_LANES;
            layer l = make_layer(n, inputs);
            tensor_pointwise w;
            l.packed = base_alloc_aligned(tensor_pointwise_bytes(k, n, inputs));
            tensor_pack_pointwise(k, &l.m, NULL, l.scratch, l.packed, l.scale_bias, &w);
            void *in = activations(k, pixels * stride), *residual = activations(k, pixels * out_stride), *out = activations(k, pixels * out_stride);
            float *means = randoms(out_stride, 0, 0);
            for (size_t p = 0; p < panels; p += 2)
                k->project(&w, p, panels - p < 2 ? 1 : 2, in, pixels, stride, mode & 1 ? residual : NULL, mode & 2, out, out_stride);
            k->mean(out, pixels, out_stride, out_stride, means);
            for (size_t c = 0; c < n; c++) {
                double sum = 0;
                for (size_t i = 0; i < pixels; i++) {
                    double want = pointwise(k, &l, in, i, stride, c) + (mode & 1 ? get(k, residual, i * out_stride + c) : 0);
                    want = mode & 2 ? clamp6(want) : want;
                    near(get(k, out, i * out_stride + c), want, bf16_error(k, fabs(want)) + 2e-6 * sqrt((double)inputs), "project");
                    sum += get(k, out, i * out_stride + c);
                }
                near(means[c], sum / (double)pixels, 1e-5, "mean");
            }
            free_layer(&l);
            base_free(in);
            base_free(residual);
            base_free(out);
            base_free(means);
        }
}

static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    assert_int_equal(tensor_to_bf16(1.0f), 0x3f80);
    assert_int_equal(tensor_to_bf16(1.00390625f), 0x3f80); /* half-way, even below */
    assert_int_equal(tensor_to_bf16(1.01171875f), 0x3f82); /* half-way, even above */
    assert_int_equal(tensor_to_bf16(INFINITY), 0x7f80);
    assert_true(isnan(tensor_from_bf16(tensor_to_bf16(NAN))));
}

#define TESTS_OF(LEVEL, NAME)                                                                                      \
    static void dot_is_exact_in_##NAME(void **s) { (void)s; check_dot(kernels_of(LEVEL)); }                        \
    static void layer_norm_is_exact_in_##NAME(void **s) { (void)s; check_layer_norm(kernels_of(LEVEL)); }          \
    static void gelu_is_exact_to_a_millionth_in_##NAME(void **s) { (void)s; check_gelu(kernels_of(LEVEL)); }       \
    static void attention_is_exact_in_##NAME(void **s) { (void)s; check_attention(kernels_of(LEVEL)); }            \
    static void widen_is_exact_in_##NAME(void **s) { (void)s; check_widen(kernels_of(LEVEL)); }                    \
    static void linear_is_exact_in_##NAME(void **s) { (void)s; check_linear(kernels_of(LEVEL)); }                  \
    static void expand_is_exact_in_##NAME(void **s) { (void)s; check_expand(kernels_of(LEVEL)); }                  \
    static void depthwise_is_exact_in_##NAME(void **s) { (void)s; check_depthwise(kernels_of(LEVEL)); }            \
    static void project_is_exact_in_##NAME(void **s) { (void)s; check_project(kernels_of(LEVEL)); }
TESTS_OF(BASE_ISA_C, plain_c)
TESTS_OF(BASE_ISA_AVX2, avx2)
TESTS_OF(BASE_ISA_AVX512, avx512)
TESTS_OF(BASE_ISA_AVX512BF16, avx512bf16)
#define LIST_OF(NAME)                                                                                              \
    cmocka_unit_test(dot_is_exact_in_##NAME), cmocka_unit_test(layer_norm_is_exact_in_##NAME),                     \
        cmocka_unit_test(gelu_is_exact_to_a_millionth_in_##NAME), cmocka_unit_test(attention_is_exact_in_##NAME),  \
        cmocka_unit_test(widen_is_exact_in_##NAME), cmocka_unit_test(linear_is_exact_in_##NAME),                   \
        cmocka_unit_test(expand_is_exact_in_##NAME), cmocka_unit_test(depthwise_is_exact_in_##NAME),               \
        cmocka_unit_test(project_is_exact_in_##NAME)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIST_OF(plain_c),
        LIST_OF(avx2),
        LIST_OF(avx512),
        LIST_OF(avx512bf16),
        cmocka_unit_test(sums_stay_in_31_bit_for_the_worst_weights),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
