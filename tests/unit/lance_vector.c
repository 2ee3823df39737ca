/* The distance kernels of every CPU level against double arithmetic, the k best, and the search of a table. */
#include <math.h>

#include "lance/vector/kernels.h"
#include "lance/vector/vector.h"

#include "lance_rows.h"

static void distances(lancelet_metric metric, const float *query, const float *matrix, size_t rows, size_t dim, float *out)
{
    vector_query q = vector_query_of(metric, query, dim);
    vector_distances(&q, matrix, rows, out);
}

static uint32_t seed = 1;

static float noise(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(int32_t)seed / 2147483648.0f;
}

enum { MOST_DIM = 1100, ROWS = 3 };

static void check_level(const vector_kernels *k)
{
    static float query[MOST_DIM], matrix[ROWS * MOST_DIM];
    for (size_t dim = 1; dim <= MOST_DIM; dim += dim < 70 ? 1 : 103) {
        for (size_t i = 0; i < dim; i++)
            query[i] = noise();
        for (size_t i = 0; i < ROWS * dim; i++)
            matrix[i] = noise();
        float dot[ROWS], l2[ROWS], dots[ROWS], norms[ROWS];
        k->dot(query, matrix, ROWS, dim, dot);
        k->l2(query, matrix, ROWS, dim, l2);
        k->dot_and_norm(query, matrix, ROWS, dim, dots, norms);
        for (size_t r = 0; r < ROWS; r++) {
            double d = 0, terms = 0, s = 0, n = 0;
            for (size_t i = 0; i < dim; i++) {
                double a = query[i], b = matrix[r * dim + i];
                d += a * b;
                terms += fabs(a * b);
                s += (a - b) * (a - b);
                n += b * b;
            }
            /* the bound of a float32 sum: as many roundings of 2^-24 as a lane adds terms (eight lanes or more), and a
             * few to add the lanes; l2 rounds its differences too */
            double roundings = 1.0 / 16777216 * (12 + (double)dim / 8);
            assert_true(fabs(dot[r] - d) <= roundings * terms);
            assert_true(fabs(dots[r] - d) <= roundings * terms);
            assert_true(fabs(l2[r] - s) <= roundings * s);
            assert_true(fabs(norms[r] - n) <= roundings * n);
        }
    }
}

static void kernels_of_every_level_equal_double_arithmetic(void **state)
{
    (void)state;
    for (base_isa level = BASE_ISA_C; level <= base_isa_level(); level++)
        check_level(vector_kernels_of(level));
}

static void a_row_has_the_same_distance_wherever_a_scan_is_cut(void **state)
{
    (void)state;
    enum { DIM = 77, N = 600 };
    static float matrix[N * DIM], query[DIM], whole[N], part[N];
    for (size_t i = 0; i < N * DIM; i++)
        matrix[i] = noise();
    for (size_t i = 0; i < DIM; i++)
        query[i] = noise();
    for (int metric = LANCELET_COSINE; metric <= LANCELET_DOT; metric++) {
        distances((lancelet_metric)metric, query, matrix, N, DIM, whole);
        for (size_t r = 0; r < N; r += 7)
            distances((lancelet_metric)metric, query, matrix + r * DIM, N - r < 7 ? N - r : 7, DIM,
                             part + r);
        assert_memory_equal(whole, part, sizeof whole);
    }
}

static void cosine_does_not_depend_on_lengths(void **state)
{
    (void)state;
    float query[3] = {3, 4, 0}, matrix[4][3] = {{30, 40, 0}, {-0.3f, -0.4f, 0}, {0, 0, 5}, {4, -3, 0}}, d[4];
    distances(LANCELET_COSINE, query, matrix[0], 4, 3, d);
    assert_true(fabsf(d[0]) < 1e-6f);
    assert_true(fabsf(d[1] - 2) < 1e-6f);
    assert_true(fabsf(d[2] - 1) < 1e-6f);
    assert_true(fabsf(d[3] - 1) < 1e-6f);
}

static void cosine_of_a_zero_vector_is_not_a_number(void **state)
{
    (void)state;
    float query[2] = {1, 0}, zero[2] = {0, 0}, d;
    distances(LANCELET_COSINE, query, zero, 1, 2, &d);
    assert_true(isnan(d));
    distances(LANCELET_COSINE, zero, query, 1, 2, &d);
    assert_true(isnan(d));
}

static void l2_is_squared_and_dot_is_one_minus_the_product(void **state)
{
    (void)state;
    float a[2] = {1, 2}, b[2] = {4, 6}, d;
    distances(LANCELET_L2, a, b, 1, 2, &d);
    assert_true(d == 25.0f);
    distances(LANCELET_DOT, a, b, 1, 2, &d);
    assert_true(d == -15.0f);
}

static void the_best_come_in_order_of_distance_then_address(void **state)
{
    (void)state;
    lancelet_hit hits[5];
    vector_top top = {hits, 5, 0};
    for (uint64_t i = 100; i-- > 0;)
        vector_top_offer(&top, i, (float)(i / 10));
    vector_top_offer(&top, 1000, NAN);
    vector_top_sort(&top);
    assert_int_equal(top.n, 5);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(hits[i].address, i);
        assert_true(hits[i].distance == 0);
    }
}

static void search_skips_null_vectors_and_deleted_rows(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(100), *u = NULL;
    uint64_t gone = 6;
    assert_ok(rows_delete(t, &gone, 1, &u, &err), err);
    float query[ROWS_DIM] = {6, 1, 2, 3}; /* row 6 is deleted, row 5 has no vector */
    lancelet_hit hits[2];
    size_t n;
    lancelet_search_options o = LANCELET_SEARCH_OPTIONS_INIT;
    o.metric = LANCELET_L2;
    o.k = 2;
    assert_ok(lancelet_table_search(u, query, ROWS_DIM, &o, hits, &n, &err), err);
    assert_int_equal(n, 2);
    assert_int_equal(hits[0].address, 7);
    assert_true(hits[0].distance == 1);
    assert_int_equal(hits[1].address, 4);
    assert_true(hits[1].distance == 4);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void more_rows_wanted_than_there_are_gives_all(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(20);
    float query[ROWS_DIM] = {0, 1, 2, 3};
    lancelet_hit hits[1000];
    size_t n;
    lancelet_search_options o = LANCELET_SEARCH_OPTIONS_INIT;
    o.k = 1000;
    assert_ok(lancelet_table_search(t, query, ROWS_DIM, &o, hits, &n, &err), err);
    assert_int_equal(n, 18); /* of 20, rows 5 and 16 have no vector */
    lancelet_table_destroy(t);
}

static void wrong_sizes_and_names_are_said(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5);
    float query[8] = {1};
    lancelet_hit hits[1];
    size_t n;
    lancelet_search_options o = LANCELET_SEARCH_OPTIONS_INIT;
    o.k = 1;
    assert_int_equal(lancelet_table_search(t, query, 8, &o, hits, &n, &err), LANCELET_INVALID);
    assert_non_null(strstr(err.text, "8"));
    assert_non_null(strstr(err.text, "4"));
    o.column = "name";
    assert_int_equal(lancelet_table_search(t, query, 4, &o, hits, &n, &err), LANCELET_INVALID);
    o.column = "nothing";
    assert_int_equal(lancelet_table_search(t, query, 4, &o, hits, &n, &err), LANCELET_NOT_FOUND);
    o.column = NULL;
    o.k = 0;
    assert_int_equal(lancelet_table_search(t, query, 4, &o, hits, &n, &err), LANCELET_INVALID);
    o.k = 1;
    int cancel = 1;
    o.cancel = &cancel;
    assert_int_equal(lancelet_table_search(t, query, 4, &o, hits, &n, &err), LANCELET_CANCELLED);
    lancelet_table_destroy(t);
}

/* 1.3 million rows of 4: enough for threads, in two fragments. */
static void any_number_of_threads_gives_the_same_hits(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(ROWS_DIM), *u = NULL, *v = NULL;
    assert_ok(rows_add(t, 10, 1100000, &u, &err), err);
    assert_ok(rows_add(u, 10, 200000, &v, &err), err);
    float query[ROWS_DIM] = {777, 1, 2, 3};
    enum { K = 50 };
    lancelet_hit one[K], more[K];
    size_t n;
    lancelet_search_options o = LANCELET_SEARCH_OPTIONS_INIT;
    o.metric = LANCELET_L2;
    o.k = K;
    o.threads = 1;
    assert_ok(lancelet_table_search(v, query, ROWS_DIM, &o, one, &n, &err), err);
    assert_int_equal(n, K);
    assert_true(one[0].distance == 0 && one[1].distance == 0 && one[0].address < one[1].address);
    for (o.threads = 0; o.threads < 5; o.threads += o.threads ? 1 : 2) {
        assert_ok(lancelet_table_search(v, query, ROWS_DIM, &o, more, &n, &err), err);
        assert_int_equal(n, K);
        for (size_t i = 0; i < K; i++) {
            assert_int_equal(one[i].address, more[i].address);
            assert_true(one[i].distance == more[i].distance);
        }
    }
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_of_every_level_equal_double_arithmetic),
        cmocka_unit_test(a_row_has_the_same_distance_wherever_a_scan_is_cut),
        cmocka_unit_test(cosine_does_not_depend_on_lengths),
        cmocka_unit_test(cosine_of_a_zero_vector_is_not_a_number),
        cmocka_unit_test(l2_is_squared_and_dot_is_one_minus_the_product),
        cmocka_unit_test(the_best_come_in_order_of_distance_then_address),
        cmocka_unit_test(search_skips_null_vectors_and_deleted_rows),
        cmocka_unit_test(more_rows_wanted_than_there_are_gives_all),
        cmocka_unit_test(wrong_sizes_and_names_are_said),
        cmocka_unit_test(any_number_of_threads_gives_the_same_hits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
