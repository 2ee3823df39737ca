/* Options structs of older callers, which are shorter than today's: nothing behind their struct_size counts, though it
 * may hold anything. And streams that are consumed also by calls that make no sense. */
#include "lance_rows.h"

static void an_older_caller_opens_the_newest_version(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL;
    lancelet_open_options o = {.struct_size = offsetof(lancelet_open_options, version), .version = 77};
    assert_ok(lancelet_table_open(table_path, &o, &u, &err), err);
    assert_int_equal(rows_version(u), 1);
    lancelet_table_destroy(u);
    lancelet_table_destroy(t);
}

static void an_older_caller_scans_all_columns(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5);
    int cancel = 1;
    lancelet_scan_options o = {.struct_size = offsetof(lancelet_scan_options, columns),
                               .columns = (const char *const *)(uintptr_t)8,
                               .n_columns = 3,
                               .with_row_address = true,
                               .batch_rows = 1,
                               .cancel = &cancel};
    struct ArrowArrayStream s;
    struct ArrowArray a;
    assert_ok(lancelet_table_scan(t, &o, &s, &err), err);
    assert_ok(arrow_stream_next(&s, &a, &err), err);
    assert_int_equal(a.n_children, 3);
    assert_int_equal(a.length, 5);
    arrow_array_release(&a);
    arrow_stream_release(&s);
    lancelet_table_destroy(t);
}

static void an_older_caller_searches_for_ten_rows(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(30);
    int cancel = 1;
    lancelet_search_options o = {.struct_size = offsetof(lancelet_search_options, metric),
                                 .metric = (lancelet_metric)99,
                                 .k = 0,
                                 .threads = -1,
                                 .cancel = &cancel};
    float query[ROWS_DIM] = {1, 1, 1, 1};
    lancelet_hit hits[10];
    size_t n = 0;
    assert_ok(lancelet_table_search(t, query, ROWS_DIM, &o, hits, &n, &err), err);
    assert_int_equal(n, 10);
    lancelet_table_destroy(t);
}

static void an_older_caller_adds_rows_and_no_more(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL, *v = NULL;
    int cancel = 1;
    struct ArrowArrayStream s;
    lancelet_write_options o = {.struct_size = offsetof(lancelet_write_options, no_rebase),
                                .no_rebase = true,
                                .no_sync = true,
                                .cancel = &cancel};
    assert_ok(rows_stream(5, 2, &s, &err), err);
    lancelet_change c = {.struct_size = offsetof(lancelet_change, delete_addresses),
                         .rows = &s,
                         .delete_addresses = (const uint64_t *)(uintptr_t)8,
                         .n_delete = 3,
                         .config = (const lancelet_key_value *)(uintptr_t)8,
                         .n_config = 1,
                         .overwrite = true,
                         .predicate = (const char *)(uintptr_t)8};
    assert_ok(lancelet_table_commit(t, &c, &o, &u, &err), err);
    assert_int_equal(rows_count(u), 7);
    assert_ok(rows_stream(7, 2, &s, &err), err);
    assert_ok(lancelet_table_commit(t, &c, &o, &v, &err), err); /* rebased */
    assert_int_equal(rows_count(v), 9);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
}

static void an_older_caller_creates_a_table(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = NULL;
    int cancel = 1;
    struct ArrowArrayStream s;
    lancelet_write_options o = {.struct_size = offsetof(lancelet_write_options, no_rebase),
                                .cancel = &cancel};
    snprintf(table_path, sizeof table_path, "%s/t.lance", scratch_folder());
    assert_ok(rows_stream(0, 2, &s, &err), err);
    assert_ok(lancelet_table_create(table_path, &s, NULL, 0, &o, &t, &err), err);
    assert_int_equal(rows_count(t), 2);
    lancelet_table_destroy(t);
}

static void calls_without_a_table_or_a_path_consume_the_stream_all_the_same(void **state)
{
    (void)state;
    lancelet_error err;
    struct ArrowArrayStream s;
    for (int i = 0; i < 2; i++) {
        assert_ok(rows_stream(0, 1, &s, &err), err);
        assert_int_equal(lancelet_table_create(i ? "" : NULL, &s, NULL, 0, NULL, NULL, &err),
                         LANCELET_INVALID);
        assert_null(s.release);
    }
    assert_ok(rows_stream(0, 1, &s, &err), err);
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.rows = &s;
    assert_int_equal(lancelet_table_commit(NULL, &c, NULL, NULL, &err), LANCELET_INVALID);
    assert_null(s.release);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_caller_opens_the_newest_version),
        cmocka_unit_test(an_older_caller_scans_all_columns),
        cmocka_unit_test(an_older_caller_searches_for_ten_rows),
        cmocka_unit_test(an_older_caller_adds_rows_and_no_more),
        cmocka_unit_test(an_older_caller_creates_a_table),
        cmocka_unit_test(calls_without_a_table_or_a_path_consume_the_stream_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
