/* Rows of a version by condition, limit and offset: scans, counts, searches; columns that some fragments lack. */
#include <errno.h>

#include "base/fault.h"
#include "lance/table/rows.h"

#include "lance_rows.h"

static lancelet_error err;

/* Three fragments: ids 0..2999, 3000..3099, 3100..3104; those that 10 divides are deleted. */
static lancelet_table *make_three(void)
{
    static uint64_t dead[400];
    size_t n = 0;
    for (uint64_t id = 0; id < 3105; id += 10)
        dead[n++] = id < 3000 ? id : id < 3100 ? UINT64_C(1) << 32 | (id - 3000) : UINT64_C(2) << 32 | (id - 3100);
    lancelet_table *a = make(3000), *b = NULL, *c = NULL, *d = NULL;
    assert_ok(rows_add(a, 3000, 100, &b, &err), err);
    assert_ok(rows_add(b, 3100, 5, &c, &err), err);
    assert_ok(rows_delete(c, dead, n, &d, &err), err);
    lancelet_table_destroy(a);
    lancelet_table_destroy(b);
    lancelet_table_destroy(c);
    return d;
}

/* The ids that a scan gives, in ids [most], and the largest batch. */
static lancelet_status ids_of(const lancelet_table *t, const table_scan *scan, int64_t *ids, size_t most, size_t *n,
                              int64_t *largest)
{
    struct ArrowArrayStream s = {0};
    struct ArrowSchema schema = {0};
    RETURN_IF_ERROR(table_scan_open(t, scan, &s, &err));
    lancelet_status status = arrow_stream_schema(&s, &schema, &err);
    *n = 0;
    *largest = 0;
    while (status == LANCELET_OK) {
        struct ArrowArray batch = {0};
        status = arrow_stream_next(&s, &batch, &err);
        if (status != LANCELET_OK || !batch.release)
            break;
        assert_true(batch.length > 0);
        if (batch.length > *largest)
            *largest = batch.length;
        int64_t id = arrow_schema_find(&schema, "id");
        for (int64_t i = 0; i < batch.length; i++) {
            assert_true(*n < most);
            assert_true(arrow_int(schema.children[id], batch.children[id], i, &ids[(*n)++]));
        }
        arrow_array_release(&batch);
    }
    arrow_schema_release(&schema);
    arrow_stream_release(&s);
    return status;
}

enum { MOST = 4000 };

static const char *const id_and_name[] = {"name", "id"};

static void a_scan_gives_the_rows_that_meet_its_condition_within_limit_and_offset(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        int64_t low, high; /* ids */
        int64_t step;
    } cases[] = {{NULL, 0, INT64_MAX, 1},
                 {"id >= 2990 and id < 3103", 2990, 3102, 1},
                 {"id % 7 = 0", 0, INT64_MAX, 7},
                 {"vector is null", 5, INT64_MAX, 11},
                 {"id > 5000", 5001, INT64_MAX, 1}};
    static const struct {
        uint64_t limit, offset;
    } limits[] = {{UINT64_MAX, 0}, {0, 0}, {1, 0}, {100, 2695}, {UINT64_MAX, 2700}, {5, 2792}, {10, 100000}, {3, 1}};
    static const size_t batches[] = {0, 1, 7, 100000};
    static int64_t ids[MOST], expected[MOST];
    lancelet_table *t = make_three();
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint64_t all = 0, rows;
        for (size_t l = 0; l < sizeof limits / sizeof *limits; l++)
            for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
                size_t n_expected = 0, n;
                int64_t largest;
                all = 0;
                for (int64_t id = 0; id < 3105; id++) {
                    bool meets = id % 10 != 0 && id >= cases[c].low && id <= cases[c].high &&
                                 (cases[c].step == 11 ? id % 11 == 5 : id % cases[c].step == 0);
                    if (!meets)
                        continue;
                    if (all >= limits[l].offset && all - limits[l].offset < limits[l].limit)
                        expected[n_expected++] = id;
                    all++;
                }
                table_scan scan = {.options = LANCELET_SCAN_OPTIONS_INIT};
                scan.options.condition = cases[c].condition;
                scan.options.limit = limits[l].limit;
                scan.options.offset = limits[l].offset;
                scan.options.batch_rows = batches[b];
                scan.options.columns = id_and_name;
                scan.options.n_columns = 2;
                assert_ok(ids_of(t, &scan, ids, MOST, &n, &largest), err);
                assert_int_equal(n, n_expected);
                assert_memory_equal(ids, expected, n * sizeof *ids);
                assert_true(largest <= (int64_t)(batches[b] ? batches[b] : 8192));
            }
        assert_ok(lancelet_table_count(t, cases[c].condition, &rows, &err), err);
        assert_int_equal(rows, all);
    }
    lancelet_table_destroy(t);
}

static void a_scan_of_some_fragments_may_show_deleted_rows(void **state)
{
    (void)state;
    static int64_t ids[MOST];
    static const size_t fragments[] = {0, 2};
    lancelet_table *t = make_three();
    size_t n;
    int64_t largest;
    table_scan scan = {
        .options = LANCELET_SCAN_OPTIONS_INIT, .fragments = fragments, .n_fragments = 2, .deleted_too = true};
    assert_ok(ids_of(t, &scan, ids, MOST, &n, &largest), err);
    assert_int_equal(n, 3005);
    assert_int_equal(ids[0], 0);
    assert_int_equal(ids[3004], 3104);
    scan.options.condition = "id >= 3100";
    scan.options.offset = 1;
    assert_ok(ids_of(t, &scan, ids, MOST, &n, &largest), err);
    assert_int_equal(n, 4);
    assert_int_equal(ids[0], 3101);
    scan.n_fragments = 0;
    assert_ok(ids_of(t, &scan, ids, MOST, &n, &largest), err);
    assert_int_equal(n, 0);
    lancelet_table_destroy(t);
}

static void a_wrong_condition_is_said_before_a_row_is_read(void **state)
{
    (void)state;
    lancelet_table *t = make(5);
    uint64_t rows = 7;
    struct ArrowArrayStream s;
    lancelet_scan_options o = LANCELET_SCAN_OPTIONS_INIT;
    o.condition = "id >> 3";
    assert_int_equal(lancelet_table_scan(t, &o, &s, &err), LANCELET_INVALID);
    assert_int_equal(lancelet_table_count(t, "there = 3", &rows, &err), LANCELET_INVALID);
    assert_non_null(strstr(err.text, "there"));
    assert_int_equal(rows, 7);
    lancelet_search_options so = LANCELET_SEARCH_OPTIONS_INIT;
    so.condition = "name";
    float q[ROWS_DIM] = {1};
    lancelet_hit hits[10];
    size_t n;
    assert_int_equal(lancelet_table_search(t, q, ROWS_DIM, &so, hits, &n, &err), LANCELET_INVALID);
    lancelet_table_destroy(t);
}

static void a_selection_has_a_bitmap_only_where_rows_are(void **state)
{
    (void)state;
    lancelet_table *t = make_three();
    table_selection s;
    assert_ok(table_select(t, "id between 3001 and 3003", NULL, &s, &err), err);
    assert_int_equal(s.rows, 3);
    assert_null(s.fragment[0]);
    assert_null(s.fragment[2]);
    assert_int_equal(s.fragment[1]->count, 3);
    assert_true(table_bitmap_get(s.fragment[1], 1) && !table_bitmap_get(s.fragment[1], 0));
    table_selection_free(t, &s);
    volatile int cancel = 1;
    assert_int_equal(table_select(t, "id > 1", &cancel, &s, &err), LANCELET_CANCELLED);
    lancelet_table_destroy(t);
}

/* ---- searches ---- */

static void a_search_measures_only_what_meets_its_condition(void **state)
{
    (void)state;
    lancelet_table *t = make_three();
    float q[ROWS_DIM] = {2, 1, 2, 3};
    lancelet_hit hits[8];
    size_t n;
    lancelet_search_options o = LANCELET_SEARCH_OPTIONS_INIT;
    o.metric = LANCELET_L2;
    o.k = 8;
    for (int threads = 0; threads < 3; threads++) {
        o.threads = threads;
        o.condition = "id > 1000 and id % 2 = 1"; /* rows alone; those with id % 11 = 5 have no vector */
        assert_ok(lancelet_table_search(t, q, ROWS_DIM, &o, hits, &n, &err), err);
        assert_int_equal(n, 8);
        static const uint64_t nearest[] = {1001, 1003, 1005, 1007, 1009, 1011, 1013, 1015};
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(hits[i].address, nearest[i]);
            assert_true(hits[i].distance == (float)((nearest[i] - 2) * (nearest[i] - 2)));
        }
        o.condition = "id in (2998, 3001, 3104, 5)";
        assert_ok(lancelet_table_search(t, q, ROWS_DIM, &o, hits, &n, &err), err);
        assert_int_equal(n, 3); /* the vector of 5 is null */
        assert_int_equal(hits[0].address, 2998);
        assert_int_equal(hits[1].address, UINT64_C(1) << 32 | 1);
        assert_int_equal(hits[2].address, UINT64_C(2) << 32 | 4);
        o.condition = "id < 0";
        assert_ok(lancelet_table_search(t, q, ROWS_DIM, &o, hits, &n, &err), err);
        assert_int_equal(n, 0);
    }
    lancelet_table_destroy(t);
}

/* ---- failures ---- */

static lancelet_status read_all(const char *condition)
{
    static int64_t ids[MOST];
    lancelet_table *t;
    RETURN_IF_ERROR(lancelet_table_open(table_path, NULL, &t, &err));
    table_scan scan = {.options = LANCELET_SCAN_OPTIONS_INIT};
    scan.options.condition = condition;
    scan.options.batch_rows = 1000;
    size_t n;
    int64_t largest;
    lancelet_status status = ids_of(t, &scan, ids, MOST, &n, &largest);
    float q[ROWS_DIM] = {2, 1, 2, 3};
    lancelet_hit hits[8];
    lancelet_search_options o = LANCELET_SEARCH_OPTIONS_INIT;
    o.k = 8;
    o.condition = condition;
    if (status == LANCELET_OK)
        status = lancelet_table_search(t, q, ROWS_DIM, &o, hits, &n, &err);
    lancelet_table_destroy(t);
    return status;
}

static void every_allocation_and_file_call_may_fail(void **state)
{
    (void)state;
    lancelet_table_destroy(make_three());
    for (int kind = 0; kind < 2; kind++)
        for (uint64_t n = 1;; n++) {
            kind ? base_fault_fail_file(n, EIO) : base_fault_fail_alloc(n);
            lancelet_status status = read_all("id % 50 = 1 and lower(name) like '%1'");
            bool fired = base_fault_fired();
            base_fault_fail_file(0, 0);
            base_fault_fail_alloc(0);
            if (!fired) {
                assert_ok(status, err);
                break;
            }
            assert_int_equal(status, kind ? LANCELET_IO : LANCELET_MEMORY);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_gives_the_rows_that_meet_its_condition_within_limit_and_offset),
        cmocka_unit_test(a_scan_of_some_fragments_may_show_deleted_rows),
        cmocka_unit_test(a_wrong_condition_is_said_before_a_row_is_read),
        cmocka_unit_test(a_selection_has_a_bitmap_only_where_rows_are),
        cmocka_unit_test(a_search_measures_only_what_meets_its_condition),
        cmocka_unit_test(every_allocation_and_file_call_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
