/* Compaction, cleanup and bringing back the last whole version: what each does to fragments, versions and files, other
 * writers meanwhile, failures at every step. What LanceDB makes of it is looked at in tests/peers/table_upkeep.py. */
#include <errno.h>

#include "base/fault.h"

#include "lance_rows.h"

/* A table whose fragments have just these numbers of rows; ids count on. */
static lancelet_table *of_sizes(const int64_t *sizes, size_t n)
{
    lancelet_error err;
    lancelet_table *t = make(sizes[0]), *u = NULL;
    int64_t first = sizes[0];
    for (size_t i = 1; i < n; i++) {
        assert_ok(rows_add(t, first, sizes[i], &u, &err), err);
        lancelet_table_destroy(t);
        t = u;
        first += sizes[i];
    }
    return t;
}
#define OF_SIZES(...)                                                                                                  \
    of_sizes((const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static lancelet_compact_options unsynced(void)
{
    lancelet_compact_options o = LANCELET_COMPACT_OPTIONS_INIT;
    o.no_sync = true;
    return o;
}

/* The physical rows of each fragment: "3,5". */
static const char *sizes_of(const lancelet_table *t)
{
    static char text[1000];
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < t->manifest.n_fragments; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%llu", i ? "," : "",
                              (unsigned long long)t->manifest.fragments[i].physical_rows);
    return text;
}

/* Takes t over, gives the compacted version. */
static lancelet_table *compacted(lancelet_table *t, const lancelet_compact_options *o, uint64_t before, uint64_t after)
{
    lancelet_error err;
    lancelet_compact_report report;
    lancelet_table *u = NULL;
    assert_ok(lancelet_table_compact(t, o, &report, &u, &err), err);
    assert_int_equal(report.fragments_before, before);
    assert_int_equal(report.fragments_after, after);
    lancelet_table_destroy(t);
    return u;
}

/* ---- compaction ---- */

static void neighbours_are_put_together_up_to_the_rows_asked_for(void **state)
{
    (void)state;
    static const struct {
        int64_t sizes[8];
        size_t n;
        uint64_t target, before, after;
        const char *becomes;
    } cases[] = {
        {{3, 4, 5}, 3, 0, 3, 1, "12"},
        {{3, 4, 5}, 3, 12, 3, 1, "12"},
        {{3, 4, 5}, 3, 9, 2, 1, "3,9"},
        {{10, 4, 5}, 3, 10, 2, 1, "10,9"},
        {{4, 10, 5}, 3, 10, 0, 0, "4,10,5"}, /* not side by side */
        {{6, 6, 6}, 3, 10, 0, 0, "6,6,6"},   /* two are too many */
        {{1, 1, 20, 1, 1, 30, 1, 1}, 8, 10, 6, 3, "2,20,2,30,2"},
        {{7}, 1, 0, 0, 0, "7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_table *t = of_sizes(cases[i].sizes, cases[i].n);
        int64_t rows = (int64_t)rows_count(t);
        uint64_t version = rows_version(t);
        lancelet_compact_options o = unsynced();
        o.target_rows = cases[i].target;
        t = compacted(t, &o, cases[i].before, cases[i].after);
        assert_string_equal(sizes_of(t), cases[i].becomes);
        assert_int_equal(rows_version(t), version + (cases[i].before > 0));
        rows_check(t, rows, rows * (rows - 1) / 2);
        t = compacted(t, &o, 0, 0); /* well once, well for good */
        lancelet_table_destroy(t);
    }
}

static void with_least_fragments_only_what_doubles_is_written_again(void **state)
{
    (void)state;
    static const struct {
        int64_t sizes[8];
        size_t n;
        uint64_t least;
        const char *becomes;
    } cases[] = {
        {{50, 1, 1, 1}, 4, 3, "50,3"},
        {{50, 1, 1}, 3, 3, "50,1,1"}, /* too few */
        {{50, 3, 1, 1, 1}, 5, 3, "50,6"},
        {{50, 4, 1, 1, 1}, 5, 3, "50,4,3"},
        {{6, 3, 1, 1, 1}, 5, 3, "12"},
        {{1, 1, 1, 50}, 4, 3, "3,50"},
        {{1, 1, 1, 2, 50, 1, 1, 1}, 8, 3, "5,50,3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_table *t = of_sizes(cases[i].sizes, cases[i].n), *u = NULL;
        int64_t rows = (int64_t)rows_count(t);
        lancelet_compact_options o = unsynced();
        o.least_fragments = cases[i].least;
        lancelet_error err;
        assert_ok(lancelet_table_compact(t, &o, NULL, &u, &err), err);
        assert_string_equal(sizes_of(u), cases[i].becomes);
        rows_check(u, rows, rows * (rows - 1) / 2);
        lancelet_table_destroy(t);
        lancelet_table_destroy(u);
    }
}

static void deleted_rows_leave_the_files_and_their_order_stays(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = OF_SIZES(10, 10), *u = NULL;
    const uint64_t addresses[] = {2, 3, (uint64_t)1 << 32 | 9};
    assert_ok(rows_delete(t, addresses, 3, &u, &err), err);
    lancelet_table_destroy(t);
    lancelet_compact_options o = unsynced();
    o.target_rows = 5; /* neither is small: one has more deleted rows than a tenth */
    u = compacted(u, &o, 1, 1);
    assert_string_equal(sizes_of(u), "8,10");
    assert_int_equal(u->manifest.fragments[0].id, 2);
    o.deleted_share = 0;
    u = compacted(u, &o, 1, 1);
    assert_string_equal(sizes_of(u), "8,9");
    rows_check(u, 17, 190 - 2 - 3 - 19);
    assert_int_equal(u->manifest.reader_flags & TABLE_FLAG_DELETIONS, 0);
    lancelet_table_destroy(u);
}

static void the_info_counts_what_a_compaction_would_rewrite(void **state)
{
    (void)state;
    lancelet_table *t = OF_SIZES(3, 4, 5);
    assert_int_equal(table_small_fragments(&t->manifest), 3);
    lancelet_compact_options o = unsynced();
    t = compacted(t, &o, 3, 1);
    assert_int_equal(table_small_fragments(&t->manifest), 0);
    lancelet_table_destroy(t);
}

static void what_another_writer_changed_is_done_anew_and_the_rest_is_kept(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = OF_SIZES(3, 4, 20, 5, 6), *u = NULL, *v = NULL, *w = NULL;
    const uint64_t address = (uint64_t)3 << 32 | 1; /* id 28 */
    assert_ok(rows_delete(t, &address, 1, &u, &err), err);
    assert_ok(rows_add(u, 100, 2, &v, &err), err);
    lancelet_compact_options o = unsynced();
    o.target_rows = 19;
    lancelet_compact_report report;
    assert_ok(lancelet_table_compact(t, &o, &report, &w, &err), err);
    assert_string_equal(sizes_of(w), "7,20,12");
    assert_int_equal(report.fragments_before, 5);
    assert_int_equal(report.rows, 19);
    rows_check(w, 39, 38 * 37 / 2 - 28 + 201);
    assert_int_equal(rows_files(table_path, "data"), 6 + 2); /* none is left of the group that was written twice */
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
    lancelet_table_destroy(w);
}

static void a_table_overwritten_meanwhile_is_a_conflict_and_nothing_is_left(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = OF_SIZES(3, 4), *u = NULL, *v = NULL;
    struct ArrowArrayStream rows;
    assert_ok(rows_stream(50, 2, &rows, &err), err);
    lancelet_change change = LANCELET_CHANGE_INIT;
    change.rows = &rows;
    change.overwrite = true;
    assert_ok(lancelet_table_commit(t, &change, &rows_unsynced, &u, &err), err);
    lancelet_compact_options o = unsynced();
    assert_int_equal(lancelet_table_compact(t, &o, NULL, &v, &err), LANCELET_CONFLICT);
    assert_null(v);
    assert_int_equal(rows_files(table_path, "data"), 3);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void an_upgrade_writes_all_rows_in_the_other_version(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = OF_SIZES(3, 4, 5), *u = NULL, *v = NULL;
    assert_ok(rows_add(t, 12, 1, &u, &err), err);
    lancelet_compact_options o = unsynced();
    o.upgrade_minor = 2;
    lancelet_compact_report report;
    assert_ok(lancelet_table_compact(t, &o, &report, &v, &err), err); /* of the older handle: no row is lost */
    assert_string_equal(v->manifest.data_version, "2.2");
    assert_string_equal(sizes_of(v), "13");
    rows_check(v, 13, 78);
    assert_true(report.fragments_before == 4 && report.fragments_after == 1 && report.rows == 13);
    assert_int_equal(v->manifest.n_fields, t->manifest.n_fields);
    v = compacted(v, &o, 0, 0);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
}

static void options_that_make_no_sense_are_invalid(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(3), *u = NULL;
    lancelet_compact_options o = unsynced();
    o.deleted_share = -1;
    assert_int_equal(lancelet_table_compact(t, &o, NULL, &u, &err), LANCELET_INVALID);
    o = unsynced();
    o.upgrade_minor = 3;
    assert_int_equal(lancelet_table_compact(t, &o, NULL, &u, &err), LANCELET_INVALID);
    assert_int_equal(lancelet_table_compact(NULL, NULL, NULL, &u, &err), LANCELET_INVALID);
    lancelet_cleanup_options c = LANCELET_CLEANUP_OPTIONS_INIT;
    c.older_than_us = -1;
    assert_int_equal(lancelet_cleanup(table_path, &c, NULL, &err), LANCELET_INVALID);
    assert_int_equal(lancelet_cleanup(NULL, NULL, NULL, &err), LANCELET_INVALID);
    assert_int_equal(lancelet_restore_last_good(NULL, NULL, NULL, &err), LANCELET_INVALID);
    lancelet_table_destroy(t);
}

/* ---- cleanup ---- */

static const lancelet_cleanup_options at_once = {sizeof(lancelet_cleanup_options), 0, false, false, NULL};

/* Five versions; the newest names two data files of four, one of two deletion files. */
static lancelet_table *with_a_past(void)
{
    lancelet_error err;
    lancelet_table *t = OF_SIZES(10, 3, 4), *u = NULL;
    const uint64_t address = 1;
    assert_ok(rows_delete(t, &address, 1, &u, &err), err);
    lancelet_table_destroy(t);
    lancelet_compact_options o = unsynced();
    o.target_rows = 9;
    return compacted(u, &o, 2, 1);
}

static void old_versions_go_with_the_files_that_only_they_name(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_cleanup_report report;
    lancelet_table *t = with_a_past();
    assert_int_equal(rows_files(table_path, "data"), 4);
    assert_ok(lancelet_cleanup(table_path, NULL, &report, &err), err);
    assert_true(report.versions == 0 && report.files == 0 && report.bytes == 0); /* all are younger than 7 days */
    assert_ok(lancelet_cleanup(table_path, &at_once, &report, &err), err);
    assert_int_equal(report.versions, 4);
    assert_int_equal(report.files, 2 + 4);
    assert_int_equal(rows_files(table_path, "data"), 2);
    assert_int_equal(rows_files(table_path, "_deletions"), 1);
    assert_int_equal(rows_files(table_path, "_transactions"), 1);
    assert_int_equal(rows_files(table_path, "_versions"), 1);
    lancelet_table_destroy(t);
    t = newest();
    rows_check(t, 16, 17 * 16 / 2 - 1);
    lancelet_table_destroy(t);
}

static void a_cleanup_that_stops_anywhere_leaves_every_version_whole(void **state)
{
    (void)state;
    lancelet_error err;
    for (uint64_t n = 1;; n++) {
        lancelet_table_destroy(with_a_past());
        base_fault_fail_file(n, EIO);
        lancelet_status status = lancelet_cleanup(table_path, &at_once, NULL, &err);
        bool fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        table_version_name *v;
        size_t n_versions;
        assert_ok(table_list_versions(table_path, &v, &n_versions, &err), err);
        for (size_t i = 0; i < n_versions; i++) {
            static const int64_t rows[] = {0, 10, 13, 17, 16, 16};
            lancelet_open_options o = LANCELET_OPEN_OPTIONS_INIT;
            lancelet_table *t = NULL;
            int64_t sum, count;
            o.version = v[i].version;
            assert_ok(lancelet_table_open(table_path, &o, &t, &err), err);
            assert_ok(rows_sum(t, &sum, &count, &err), err);
            assert_int_equal(count, rows[v[i].version]);
            lancelet_table_destroy(t);
        }
        base_free(v);
        if (!fired) {
            assert_ok(status, err);
            assert_true(n > 20);
            break;
        }
        if (status != LANCELET_OK)
            assert_true(status == LANCELET_IO && *err.text);
    }
}

static void a_table_with_a_detached_version_is_not_cleaned_up(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table_destroy(with_a_past());
    char *detached = base_format("%s/_versions/d9223372036854775809.manifest", table_path);
    assert_ok(base_file_replace(detached, "x", 1, false, &err), err);
    assert_int_equal(lancelet_cleanup(table_path, &at_once, NULL, &err), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "has detached versions"));
    assert_int_equal(rows_files(table_path, "data"), 4);
    assert_int_equal(rows_files(table_path, "_versions"), 5 + 1);
    base_free(detached);
}

/* ---- the last whole version ---- */

static void damage(uint64_t version)
{
    char *path = table_manifest_path(table_path, version, true);
    assert_int_equal(truncate(path, 0), 0);
    base_free(path);
}

static void the_newest_whole_version_comes_back_behind_the_broken_ones(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = OF_SIZES(10, 3, 4), *u = NULL;
    lancelet_table_destroy(t);
    assert_int_equal(lancelet_restore_last_good(table_path, &rows_unsynced, &u, &err), LANCELET_CONFLICT);
    damage(2);
    damage(3);
    assert_int_equal(lancelet_table_open(table_path, NULL, &u, &err), LANCELET_CORRUPT);
    assert_ok(lancelet_restore_last_good(table_path, &rows_unsynced, &u, &err), err);
    assert_int_equal(rows_version(u), 4);
    rows_check(u, 10, 45);
    lancelet_table_destroy(u);
    t = newest();
    rows_check(t, 10, 45);
    assert_ok(rows_add(t, 10, 1, &u, &err), err);
    rows_check(u, 11, 55);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    damage(1);
    damage(4);
    damage(5);
    assert_int_equal(lancelet_restore_last_good(table_path, &rows_unsynced, &u, &err), LANCELET_NOT_FOUND);
}

static void a_restore_that_fails_anywhere_can_be_done_again(void **state)
{
    (void)state;
    lancelet_error err;
    for (int file = 0; file < 2; file++)
        for (uint64_t n = 1;; n++) {
            lancelet_table_destroy(OF_SIZES(10, 3, 4));
            lancelet_table *t = NULL;
            damage(2);
            damage(3);
            if (file)
                base_fault_fail_file(n, EIO);
            else
                base_fault_fail_alloc(n);
            lancelet_status status = lancelet_restore_last_good(table_path, &rows_unsynced, &t, &err);
            bool fired = base_fault_fired();
            base_fault_fail_file(0, 0);
            base_fault_fail_alloc(0);
            if (status != LANCELET_OK) {
                assert_true((status == LANCELET_IO || status == LANCELET_MEMORY) && *err.text);
                lancelet_table *u = NULL;
                status = lancelet_restore_last_good(table_path, &rows_unsynced, &u, &err);
                assert_true(status == LANCELET_OK || status == LANCELET_CONFLICT);
                lancelet_table_destroy(u);
            }
            lancelet_table_destroy(t);
            t = newest();
            rows_check(t, 10, 45);
            assert_int_equal(rows_version(t), 4);
            lancelet_table_destroy(t);
            table_version_name *v;
            size_t n_versions;
            assert_ok(table_list_versions(table_path, &v, &n_versions, &err), err);
            assert_int_equal(n_versions, 2);
            base_free(v);
            if (!fired) {
                assert_true(n > 20);
                break;
            }
        }
}

/* ---- failures ---- */

static void a_compaction_that_fails_anywhere_leaves_the_table_as_it_was(void **state)
{
    (void)state;
    lancelet_error err;
    for (int file = 0; file < 2; file++)
        for (uint64_t n = 1;; n++) {
            lancelet_table *t = OF_SIZES(3, 4, 20, 5, 6), *u = NULL, *v = NULL;
            const uint64_t address = (uint64_t)3 << 32 | 1;
            assert_ok(rows_delete(t, &address, 1, &u, &err), err); /* so that one group is made twice */
            lancelet_table_destroy(u);
            lancelet_compact_options o = unsynced();
            o.target_rows = 19;
            if (file)
                base_fault_fail_file(n, ENOSPC);
            else
                base_fault_fail_alloc(n);
            lancelet_status status = lancelet_table_compact(t, &o, NULL, &v, &err);
            bool fired = base_fault_fired();
            base_fault_fail_file(0, 0);
            base_fault_fail_alloc(0);
            lancelet_table_destroy(t);
            lancelet_table_destroy(v);
            t = newest();
            rows_check(t, 37, 38 * 37 / 2 - 28);
            if (status != LANCELET_OK && rows_version(t) == 6) {
                assert_true((status == LANCELET_IO || status == LANCELET_MEMORY) && *err.text);
                assert_true(rows_files(table_path, "data") <= (file ? 6 : 5)); /* the file whose removal failed, if it was that */
            }
            lancelet_table_destroy(t);
            if (!fired) {
                assert_ok(status, err);
                assert_true(n > 30);
                break;
            }
        }
}

static void any_allocation_of_an_upgrade_or_a_cleanup_may_fail(void **state)
{
    (void)state;
    lancelet_error err;
    for (int cleanup = 0; cleanup < 2; cleanup++)
        for (uint64_t n = 1;; n++) {
            lancelet_table *t = with_a_past(), *u = NULL;
            lancelet_compact_options o = unsynced();
            o.upgrade_minor = 2;
            base_fault_fail_alloc(n);
            lancelet_status status = cleanup ? lancelet_cleanup(table_path, &at_once, NULL, &err)
                                             : lancelet_table_compact(t, &o, NULL, &u, &err);
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            lancelet_table_destroy(t);
            lancelet_table_destroy(u);
            t = newest();
            rows_check(t, 16, 17 * 16 / 2 - 1);
            lancelet_table_destroy(t);
            if (!fired) {
                assert_ok(status, err);
                assert_true(n > 20);
                break;
            }
            if (status != LANCELET_OK)
                assert_true(status == LANCELET_MEMORY && err.status == LANCELET_MEMORY && *err.text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_put_together_up_to_the_rows_asked_for),
        cmocka_unit_test(with_least_fragments_only_what_doubles_is_written_again),
        cmocka_unit_test(deleted_rows_leave_the_files_and_their_order_stays),
        cmocka_unit_test(the_info_counts_what_a_compaction_would_rewrite),
        cmocka_unit_test(what_another_writer_changed_is_done_anew_and_the_rest_is_kept),
        cmocka_unit_test(a_table_overwritten_meanwhile_is_a_conflict_and_nothing_is_left),
        cmocka_unit_test(an_upgrade_writes_all_rows_in_the_other_version),
        cmocka_unit_test(options_that_make_no_sense_are_invalid),
        cmocka_unit_test(old_versions_go_with_the_files_that_only_they_name),
        cmocka_unit_test(a_cleanup_that_stops_anywhere_leaves_every_version_whole),
        cmocka_unit_test(a_table_with_a_detached_version_is_not_cleaned_up),
        cmocka_unit_test(the_newest_whole_version_comes_back_behind_the_broken_ones),
        cmocka_unit_test(a_restore_that_fails_anywhere_can_be_done_again),
        cmocka_unit_test(a_compaction_that_fails_anywhere_leaves_the_table_as_it_was),
        cmocka_unit_test(any_allocation_of_an_upgrade_or_a_cleanup_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
