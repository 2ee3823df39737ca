/* Products, norms and activations of the transformers, of every level that this CPU has, against double precision. */
#include "support.h"

#include <math.h>
#include <sys/mman.h>

#include "embed/tensor/product_table.h"

static const product_kernels *kernels_of(base_isa level)
{
    const product_kernels *k = product_kernels_for(level);
    if (base_isa_level() < level || k->level != level) {
        char reason[64];
        snprintf(reason, sizeof reason, "this CPU has no %s", base_isa_name(level));
        skip_because(reason);
    }
    return k;
}

static uint32_t seed = 1;
static float uniform(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / 8388608.0f - 1.0f;
}

static float *randoms(size_t n)
{
    float *v = base_alloc_array(n ? n : 1, sizeof *v);
    assert_non_null(v);
    for (size_t i = 0; i < n; i++)
        v[i] = uniform();
    return v;
}

/* A matrix whose last byte is the last of readable memory, or the one before it: then its numbers are not aligned. */
typedef struct edge_matrix {
    tensor_matrix m;
    double *value; /* [n, k] */
    uint8_t *mapping;
    size_t mapping_bytes;
} edge_matrix;

static edge_matrix edge_of(tensor_dtype dtype, size_t n, size_t k, bool bias, bool odd)
{
    size_t element = dtype == TENSOR_F32 ? 4 : 2, bytes = n * k * element, page = (size_t)sysconf(_SC_PAGESIZE);
    size_t readable = tensor_round_up(bytes + odd, page);
    edge_matrix e = {.mapping_bytes = readable + page};
    e.mapping = mmap(NULL, e.mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(e.mapping != MAP_FAILED);
    assert_int_equal(mprotect(e.mapping + readable, page, PROT_NONE), 0);
    uint8_t *data = e.mapping + readable - bytes - odd;
    e.value = base_alloc_array(n * k, sizeof *e.value);
    assert_non_null(e.value);
    for (size_t i = 0; i < n * k; i++) {
        float v = uniform();
        uint16_t h = (uint16_t)(0x2c00 + (seed >> 11 & 0x83ff) + (seed >> 7 & 0x800)); /* fp16: 1/16 to 1/2 */
        if (dtype == TENSOR_BF16)
            h = tensor_to_bf16(v);
        if (dtype == TENSOR_F32)
            memcpy(data + 4 * i, &v, 4);
        else
            memcpy(data + 2 * i, &h, 2);
        e.value[i] = dtype == TENSOR_F32 ? v : dtype == TENSOR_BF16 ? tensor_from_bf16(h) : tensor_from_f16(h);
    }
    e.m = (tensor_matrix){.dtype = dtype, .data = data, .bias = bias ? randoms(n) : NULL, .n = n, .k = k};
    return e;
}

static void edge_free(edge_matrix *e)
{
    munmap(e->mapping, e->mapping_bytes);
    base_free(e->value);
    base_free((void *)e->m.bias);
}

static double activated(product_activation a, double v)
{
    return a == PRODUCT_LINEAR ? v : a == PRODUCT_GELU ? 0.5 * v * (1 + erf(v / sqrt(2))) : v / (1 + exp(-1.702 * v));
}

static void check_product(const product_kernels *kernels, base_pool *pool, tensor_dtype dtype, size_t m, size_t n, size_t k,
                          product_activation activation)
{
    edge_matrix w = edge_of(dtype, n, k, m % 3 != 0, m % 4 == 1);
    float *x = randoms(m * k), *out = base_alloc_array(m * n + 1, sizeof *out);
    size_t floats;
    assert_true(product_scratch_floats(kernels, m, k, n, base_pool_threads(pool), &floats));
    float *scratch = base_alloc_aligned(floats * sizeof *scratch);
    assert_non_null(out);
    assert_non_null(scratch);
    out[m * n] = 7.0f;
    product_job job = {.weights = &w.m, .x = x, .m = m, .out = out, .activation = activation};
    product_linear(kernels, pool, &job, scratch);
    for (size_t t = 0; t < m; t++)
        for (size_t r = 0; r < n; r++) {
            double sum = w.m.bias ? (double)w.m.bias[r] : 0, size = 1;
            for (size_t i = 0; i < k; i++) {
                sum += (double)x[t * k + i] * w.value[r * k + i];
                size += fabs((double)x[t * k + i] * w.value[r * k + i]);
            }
            double want = activated(activation, sum);
            double tolerance = 4e-7 * (1 + fabs(want)) + 4e-7 * size; /* fp32 sums, one behind the other */
            if (!(fabs((double)out[t * n + r] - want) <= tolerance))
                fail_msg("dtype %d, m %zu, n %zu, k %zu, token %zu, row %zu: %.9g, expected %.9g", (int)dtype, m, n, k, t, r,
                         (double)out[t * n + r], want);
        }
    assert_true(out[m * n] == 7.0f);
    edge_free(&w);
    base_free(x);
    base_free(out);
    base_free(scratch);
}

static void check_shapes(const product_kernels *kernels)
{
    static const size_t shapes[][3] = {
        /* tokens, rows, channels: all tail, one vector and more, each width of panel, with and without a tail */
        {0, 4, 8},    {1, 1, 1},     {1, 9, 588},  {2, 70, 33},   {3, 17, 768},  {5, 12, 100}, {6, 64, 64},    {7, 3, 2},
        {10, 8, 300}, {13, 31, 800}, {15, 5, 129}, {16, 8, 16},   {17, 9, 17},   {31, 66, 40}, {33, 130, 131}, {48, 8, 128},
        {49, 72, 588}, {50, 20, 257}, {64, 3, 70}, {77, 65, 260}, {97, 136, 48}, {257, 15, 24}, {515, 7, 9},
    };
    base_pool *pool;
    lancelet_error err;
    assert_ok(base_pool_create(3, &pool, &err), err);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int dtype = TENSOR_F32; dtype <= TENSOR_BF16; dtype++)
            check_product(kernels, s % 2 ? pool : NULL, (tensor_dtype)dtype, shapes[s][0], shapes[s][1], shapes[s][2],
                          (product_activation)((s + (size_t)dtype) % 3));
    base_pool_destroy(pool);
}

static void check_activation(const product_kernels *kernels)
{
    /* by 1 x 1 weights: w = 1, and numbers from far below to far above */
    enum { N = 4003 };
    static float x[N], out[N];
    float one = 1.0f;
    tensor_matrix w = {.dtype = TENSOR_F32, .data = &one, .n = 1, .k = 1};
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - N / 2) * 0.005f;
    size_t floats;
    assert_true(product_scratch_floats(kernels, N, 1, 1, 1, &floats));
    float *scratch = base_alloc_aligned(floats * sizeof *scratch);
    assert_non_null(scratch);
    for (int a = PRODUCT_LINEAR; a <= PRODUCT_GELU; a++) {
        product_job job = {.weights = &w, .x = x, .m = N, .out = out, .activation = (product_activation)a};
        product_linear(kernels, NULL, &job, scratch);
        for (int i = 0; i < N; i++) {
            double want = activated((product_activation)a, x[i]);
            if (!(fabs((double)out[i] - want) <= 3e-7 * (1 + fabs(want)))) /* erf's error, 1.5e-7, times x / 2 */
                fail_msg("activation %d of %g: %.9g, expected %.9g", a, (double)x[i], (double)out[i], want);
        }
    }
    base_free(scratch);
}

static void check_norm(const product_kernels *kernels)
{
    static const size_t shapes[][2] = {{1, 3}, {15, 64}, {16, 5}, {49, 33}, {100, 768}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t m = shapes[s][0], d = shapes[s][1];
        product_tokens tokens = product_tokens_of(kernels, m);
        float *x = randoms(m * d), *w = randoms(d), *b = randoms(d), *rows = randoms(m * d);
        float *in = base_alloc_aligned((m * d + PRODUCT_PADDING) * sizeof *in);
        float *out = base_alloc_aligned((m * d + PRODUCT_PADDING) * sizeof *out);
        assert_non_null(in);
        assert_non_null(out);
        product_states from = {&tokens, in, d}, to = {&tokens, out, d};
        product_from_rows(NULL, x, m, &from);
        product_norm(kernels, NULL, &from, w, b, 1e-5f, &to);
        product_to_rows(NULL, &to, rows);
        for (size_t t = 0; t < m; t++) {
            double mean = 0, squares = 0;
            for (size_t i = 0; i < d; i++)
                mean += (double)x[t * d + i] / (double)d;
            for (size_t i = 0; i < d; i++)
                squares += (x[t * d + i] - mean) * (x[t * d + i] - mean) / (double)d;
            for (size_t i = 0; i < d; i++) {
                double want = (x[t * d + i] - mean) / sqrt(squares + 1e-5) * (double)w[i] + (double)b[i];
                if (!(fabs((double)rows[t * d + i] - want) <= 5e-6))
                    fail_msg("norm: %.9g, expected %.9g", (double)rows[t * d + i], want);
            }
        }
        base_free(x);
        base_free(w);
        base_free(b);
        base_free(rows);
        base_free(in);
        base_free(out);
    }
}

/* One bad number reaches every output of its token, and no other token. */
static void check_not_a_number(const product_kernels *kernels)
{
    enum { M = 53, N = 9, K = 37, BAD = 20 };
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    edge_matrix w = edge_of(TENSOR_F32, N, K, true, false);
    float *x = randoms(M * K), out[M * N];
    size_t floats;
    assert_true(product_scratch_floats(kernels, M, K, N, 1, &floats));
    float *scratch = base_alloc_aligned(floats * sizeof *scratch);
    assert_non_null(scratch);
    for (size_t i = 0; i < 3 * 2 * 3; i++) {
        size_t token = i / 3 % 2 ? BAD : M - 1; /* in a panel, in the tail */
        float was = x[token * K + 5];
        x[token * K + 5] = bad[i % 3];
        product_job job = {.weights = &w.m, .x = x, .m = M, .out = out, .activation = (product_activation)(i / 6)};
        product_linear(kernels, NULL, &job, scratch);
        for (size_t t = 0; t < M; t++)
            for (size_t r = 0; r < N; r++) {
                bool finite = isfinite(out[t * N + r]);
                bool may_vanish = job.activation != PRODUCT_LINEAR && i % 3 != 0; /* gelu(-inf) may be 0 */
                assert_true(finite == (t != token) || (t == token && may_vanish));
            }
        x[token * K + 5] = was;
    }
    edge_free(&w);
    base_free(x);
    base_free(scratch);
}

#define TESTS_OF(LEVEL, NAME)                                                                                          \
    static void products_are_exact_in_##NAME(void **s) { (void)s; check_shapes(kernels_of(LEVEL)); }                   \
    static void activations_are_exact_in_##NAME(void **s) { (void)s; check_activation(kernels_of(LEVEL)); }            \
    static void layer_norm_is_exact_in_##NAME(void **s) { (void)s; check_norm(kernels_of(LEVEL)); }                    \
    static void what_is_no_number_stays_visible_in_##NAME(void **s) { (void)s; check_not_a_number(kernels_of(LEVEL)); }
TESTS_OF(BASE_ISA_C, plain_c)
TESTS_OF(BASE_ISA_AVX2, avx2)
TESTS_OF(BASE_ISA_AVX512, avx512)
#define LIST_OF(NAME)                                                                                                  \
    cmocka_unit_test(products_are_exact_in_##NAME), cmocka_unit_test(activations_are_exact_in_##NAME),                 \
        cmocka_unit_test(layer_norm_is_exact_in_##NAME), cmocka_unit_test(what_is_no_number_stays_visible_in_##NAME)

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    size_t floats;
    const product_kernels *k = product_kernels_for(BASE_ISA_C);
    assert_false(product_scratch_floats(k, SIZE_MAX / 2, 4, 4, 1, &floats));
    assert_false(product_scratch_floats(k, 2, SIZE_MAX, 4, 1, &floats));
    assert_false(product_attention_floats(k, SIZE_MAX / 64, 100, &floats));
    assert_true(product_scratch_floats(k, 2, 3, 4, 1, &floats));
}

static void every_token_has_its_place(void **state)
{
    (void)state;
    for (int level = BASE_ISA_C; level <= BASE_ISA_AVX512; level++)
        for (size_t m = 0; m < 600; m++) {
            product_tokens t = product_tokens_of(product_kernels_for((base_isa)level), m);
            static float data[600];
            product_states s = {&t, data, 1};
            assert_true(t.vectors * t.lanes <= m && product_tail(&t) < (t.vectors ? t.lanes : 16));
            for (size_t token = 0; token < m; token++) {
                size_t step;
                assert_true(product_token(&s, token, &step) == data + token);
                assert_true(step == 1 || (step % t.lanes == 0 && step <= PRODUCT_VECTORS * t.lanes));
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIST_OF(plain_c),
        LIST_OF(avx2),
        LIST_OF(avx512),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(every_token_has_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
