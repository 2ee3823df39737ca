/* The stack of attention blocks, of every level that this CPU has, against the plain formulas in double precision. */
#include "support.h"

#include <math.h>

#include "base/fault.h"
#include "embed/model/transformer.h"

static const product_kernels *kernels_of(base_isa level)
{
    const product_kernels *k = product_kernels_for(level);
    bool built = level == BASE_ISA_C || k != product_kernels_for((base_isa)(level - 1));
    if (base_isa_level() < level || !built) {
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

static float *randoms(size_t n, float scale, float offset)
{
    float *v = base_alloc_array(n, sizeof *v);
    assert_non_null(v);
    for (size_t i = 0; i < n; i++)
        v[i] = uniform() * scale + offset;
    return v;
}

static tensor_matrix matrix(size_t n, size_t k)
{
    float *w = randoms(n * k, 1.5f / sqrtf((float)k), 0);
    return (tensor_matrix){.dtype = TENSOR_F32, .data = w, .bias = randoms(n, 0.2f, 0), .n = n, .k = k};
}

static void matrix_free(tensor_matrix *m)
{
    base_free((void *)m->data);
    base_free((void *)m->bias);
}

enum { LAYERS = 3, MLP_FACTOR = 2 };

static transformer stack_of(size_t d, size_t heads, bool causal, product_activation activation,
                            transformer_layer layer[LAYERS])
{
    for (size_t i = 0; i < LAYERS; i++)
        layer[i] = (transformer_layer){
            .norm1_w = randoms(d, 0.5f, 1), .norm1_b = randoms(d, 0.2f, 0),
            .q = matrix(d, d), .k = matrix(d, d), .v = matrix(d, d), .out = matrix(d, d),
            .norm2_w = randoms(d, 0.5f, 1), .norm2_b = randoms(d, 0.2f, 0),
            .fc1 = matrix(MLP_FACTOR * d, d), .fc2 = matrix(d, MLP_FACTOR * d),
        };
    return (transformer){LAYERS, d, heads, MLP_FACTOR * d, 1e-5f, activation, causal, layer};
}

static void stack_free(transformer_layer layer[LAYERS])
{
    for (size_t i = 0; i < LAYERS; i++) {
        transformer_layer *l = &layer[i];
        const float *norms[] = {l->norm1_w, l->norm1_b, l->norm2_w, l->norm2_b};
        for (size_t j = 0; j < 4; j++)
            base_free((void *)norms[j]);
        tensor_matrix *all[] = {&l->q, &l->k, &l->v, &l->out, &l->fc1, &l->fc2};
        for (size_t j = 0; j < 6; j++)
            matrix_free(all[j]);
    }
}

/* ---- the formulas ---- */

static void plain_linear(const tensor_matrix *w, const double *x, double *y)
{
    for (size_t r = 0; r < w->n; r++) {
        y[r] = (double)w->bias[r];
        for (size_t i = 0; i < w->k; i++)
            y[r] += (double)((const float *)w->data)[r * w->k + i] * x[i];
    }
}

static void plain_norm(const double *x, size_t d, const float *w, const float *b, double eps, double *y)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < d; i++)
        mean += x[i] / (double)d;
    for (size_t i = 0; i < d; i++)
        squares += (x[i] - mean) * (x[i] - mean) / (double)d;
    for (size_t i = 0; i < d; i++)
        y[i] = (x[i] - mean) / sqrt(squares + eps) * (double)w[i] + (double)b[i];
}

static double *doubles(size_t n)
{
    double *v = base_calloc(n, sizeof *v);
    assert_non_null(v);
    return v;
}

/* x [n, d] through all layers, one sequence */
static void plain_run(const transformer *t, double *x, size_t n)
{
    size_t d = t->d_model, hd = d / t->heads;
    double *h = doubles(d), *q = doubles(n * d), *k = doubles(n * d), *v = doubles(n * d);
    double *a = doubles(n * d), *p = doubles(n), *wide = doubles(t->mlp);
    for (size_t l = 0; l < t->layers; l++) {
        const transformer_layer *w = &t->layer[l];
        for (size_t i = 0; i < n; i++) {
            plain_norm(x + i * d, d, w->norm1_w, w->norm1_b, (double)t->eps, h);
            plain_linear(&w->q, h, q + i * d);
            plain_linear(&w->k, h, k + i * d);
            plain_linear(&w->v, h, v + i * d);
        }
        memset(a, 0, n * d * sizeof *a);
        for (size_t head = 0; head < t->heads; head++)
            for (size_t i = 0; i < n; i++) {
                size_t keys = t->causal ? i + 1 : n;
                double top = -1e300, sum = 0;
                for (size_t j = 0; j < keys; j++) {
                    p[j] = 0;
                    for (size_t c = head * hd; c < (head + 1) * hd; c++)
                        p[j] += q[i * d + c] * k[j * d + c] / sqrt((double)hd);
                    top = fmax(top, p[j]);
                }
                for (size_t j = 0; j < keys; j++)
                    sum += p[j] = exp(p[j] - top);
                for (size_t j = 0; j < keys; j++)
                    for (size_t c = head * hd; c < (head + 1) * hd; c++)
                        a[i * d + c] += p[j] / sum * v[j * d + c];
            }
        for (size_t i = 0; i < n; i++) {
            plain_linear(&w->out, a + i * d, h);
            for (size_t c = 0; c < d; c++)
                x[i * d + c] += h[c];
            plain_norm(x + i * d, d, w->norm2_w, w->norm2_b, (double)t->eps, h);
            plain_linear(&w->fc1, h, wide);
            for (size_t c = 0; c < t->mlp; c++)
                wide[c] *= t->activation == PRODUCT_GELU ? 0.5 * (1 + erf(wide[c] / sqrt(2)))
                                                         : 1 / (1 + exp(-1.702 * wide[c]));
            plain_linear(&w->fc2, wide, h);
            for (size_t c = 0; c < d; c++)
                x[i * d + c] += h[c];
        }
    }
    double *all[] = {h, q, k, v, a, p, wide};
    for (size_t i = 0; i < 7; i++)
        base_free(all[i]);
}

static void run(const transformer *t, const product_kernels *k, base_pool *pool, const float *x, const size_t *begin,
                size_t n, const size_t *wanted, float *out)
{
    transformer_scratch *s;
    lancelet_error err;
    assert_ok(transformer_scratch_create(t, k, begin[n], n, base_pool_threads(pool), &s, &err), err);
    float *copy = base_alloc_array(begin[n] * t->d_model, sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, x, begin[n] * t->d_model * sizeof *copy);
    transformer_run(t, k, s, pool, copy, begin, n, wanted, out);
    base_free(copy);
    transformer_scratch_destroy(s);
}

static void check_stack(const product_kernels *k)
{
    static const size_t lengths[][4] = {{1, 0},  {7, 0},      {50, 0},       {67, 0},        {3, 1, 12, 0}, {40, 9, 77, 0},
                                         {10, 0}, {5, 9, 0},   {15, 0},       {4, 5, 3, 0},   {17, 50, 50, 0}};
    static const size_t widths[][2] = {{12, 3}, {40, 2}, {64, 1}, {44, 2}}; /* d_model, heads */
    base_pool *pool;
    lancelet_error err;
    assert_ok(base_pool_create(3, &pool, &err), err);
    for (size_t c = 0; c < sizeof lengths / sizeof *lengths; c++)
        for (int causal = 0; causal < 2; causal++) {
            size_t d = widths[c % 4][0], n = 0, begin[5] = {0}, wanted[4];
            for (; n < 4 && lengths[c][n]; n++) {
                begin[n + 1] = begin[n] + lengths[c][n];
                wanted[n] = causal ? begin[n + 1] - 1 - (lengths[c][n] > 2) : begin[n];
            }
            transformer_layer layer[LAYERS];
            transformer t = stack_of(d, widths[c % 4][1], causal, causal ? PRODUCT_GELU : PRODUCT_QUICK_GELU, layer);
            float *x = randoms(begin[n] * d, 2, 0), *out = randoms(n * d, 0, 0), *alone = randoms(d, 0, 0);
            run(&t, k, c % 2 ? pool : NULL, x, begin, n, wanted, out);
            for (size_t i = 0; i < n; i++) {
                size_t length = lengths[c][i];
                double *plain = doubles(length * d);
                for (size_t j = 0; j < length * d; j++)
                    plain[j] = x[begin[i] * d + j];
                plain_run(&t, plain, length);
                run(&t, k, NULL, x + begin[i] * d, (size_t[]){0, length}, 1, (size_t[]){wanted[i] - begin[i]}, alone);
                for (size_t j = 0; j < d; j++) {
                    double want = plain[(wanted[i] - begin[i]) * d + j];
                    if (!(fabs((double)out[i * d + j] - want) <= 2e-5)) /* fp32 through three layers, states of size 10 */
                        fail_msg("case %zu, causal %d, sequence %zu, number %zu: %.9g, expected %.9g", c, causal, i, j,
                                 (double)out[i * d + j], want);
                    if (!(fabs((double)(out[i * d + j] - alone[j])) <= 1e-5))
                        fail_msg("case %zu, causal %d, sequence %zu: %.9g together, %.9g alone", c, causal, i,
                                 (double)out[i * d + j], (double)alone[j]);
                }
                base_free(plain);
            }
            base_free(x);
            base_free(out);
            base_free(alone);
            stack_free(layer);
        }
    base_pool_destroy(pool);
}

static void check_not_a_number(const product_kernels *k)
{
    transformer_layer layer[LAYERS];
    transformer t = stack_of(24, 3, false, PRODUCT_QUICK_GELU, layer);
    size_t begin[] = {0, 21, 42, 50}, wanted[] = {0, 21, 42};
    float *x = randoms(50 * 24, 1, 0), out[3 * 24];
    for (int i = 0; i < 2; i++) {
        x[30 * 24 + 3] = i ? NAN : INFINITY; /* in the second sequence */
        run(&t, k, NULL, x, begin, 3, wanted, out);
        for (size_t j = 0; j < 24; j++)
            assert_true(isfinite(out[j]) && !isfinite(out[24 + j]) && isfinite(out[48 + j]));
    }
    base_free(x);
    stack_free(layer);
}

#define TESTS_OF(LEVEL, NAME)                                                                                          \
    static void a_stack_is_exact_in_##NAME(void **s) { (void)s; check_stack(kernels_of(LEVEL)); }                      \
    static void what_is_no_number_stays_in_its_sequence_in_##NAME(void **s)                                            \
    {                                                                                                                  \
        (void)s;                                                                                                       \
        check_not_a_number(kernels_of(LEVEL));                                                                         \
    }
TESTS_OF(BASE_ISA_C, plain_c)
TESTS_OF(BASE_ISA_AVX2, avx2)
TESTS_OF(BASE_ISA_AVX512, avx512)
#define LIST_OF(NAME) \
    cmocka_unit_test(a_stack_is_exact_in_##NAME), cmocka_unit_test(what_is_no_number_stays_in_its_sequence_in_##NAME)

static void a_failed_allocation_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    transformer t = {2, 32, 4, 64, 1e-5f, PRODUCT_GELU, true, NULL};
    for (uint64_t n = 1;; n++) {
        transformer_scratch *s = NULL;
        lancelet_error err;
        base_fault_fail_alloc(n);
        lancelet_status status = transformer_scratch_create(&t, product_kernels_for(BASE_ISA_C), 50, 2, 2, &s, &err);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        if (!fired) {
            assert_int_equal(status, LANCELET_OK);
            transformer_scratch_destroy(s);
            break;
        }
        assert_int_equal(status, LANCELET_MEMORY);
        assert_null(s);
    }
    transformer_scratch_destroy(NULL);
}

static void more_tokens_than_memory_can_hold_are_refused(void **state)
{
    (void)state;
    transformer t = {2, 32, 4, 64, 1e-5f, PRODUCT_GELU, true, NULL};
    transformer_scratch *s = NULL;
    lancelet_error err;
    const product_kernels *k = product_kernels_for(BASE_ISA_C);
    assert_int_equal(transformer_scratch_create(&t, k, SIZE_MAX / 64, 2, 2, &s, &err), LANCELET_LIMIT);
    assert_null(s);
}

static void rows_are_normed_in_place_or_not(void **state)
{
    (void)state;
    const product_kernels *k = product_kernels_for(base_isa_level());
    float *x = randoms(5 * 33, 3, 1), *w = randoms(33, 1, 0), *b = randoms(33, 1, 0), y[5 * 33];
    double in[33], want[33];
    transformer_norm(k, x, 5, 33, w, b, 1e-5f, y);
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 33; j++)
            in[j] = x[i * 33 + j];
        plain_norm(in, 33, w, b, 1e-5, want);
        for (size_t j = 0; j < 33; j++)
            assert_true(fabs((double)y[i * 33 + j] - want[j]) <= 2e-6);
    }
    transformer_norm(k, x, 5, 33, w, b, 1e-5f, x);
    assert_memory_equal(x, y, sizeof y);
    base_free(x);
    base_free(w);
    base_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIST_OF(plain_c),
        LIST_OF(avx2),
        LIST_OF(avx512),
        cmocka_unit_test(a_failed_allocation_is_an_error_and_leaves_nothing),
        cmocka_unit_test(more_tokens_than_memory_can_hold_are_refused),
        cmocka_unit_test(rows_are_normed_in_place_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
