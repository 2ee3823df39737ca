/* gallery_compact.c - what index runs do by themselves against many small fragments. */
#include "gallery_support.h"

enum { FIRST = 100, RUNS = 40 };

/* Appends the picture `i` by a run of its own. */
static void append(int i)
{
    char name[32];
    snprintf(name, sizeof name, "more/%03d.png", i);
    write_picture(name, (unsigned)i);
    picask_index_options o = toy_options();
    o.append = true;
    assert_ok(run_index(at(name), &o), error);
    assert_int_equal(report.added, 1);
}

static void write_first(void)
{
    char name[32];
    for (int i = 0; i < FIRST; i++) {
        snprintf(name, sizeof name, "in/%03d.png", i);
        write_picture(name, (unsigned)i);
    }
    index_ok("in");
}

static uint64_t fragments_of(const picask_table *t)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(t), &info);
    return info.fragments;
}

typedef struct row {
    int64_t id;
    float vector[24];
} row;

/* Ids and vectors of the rows of <folder>/000.png and on, into out [n]. */
static void read_rows(const char *folder, int n, row *out)
{
    picask_table *t = open_pictures();
    char name[32];
    for (int i = 0; i < n; i++) {
        picask_results *r = NULL;
        snprintf(name, sizeof name, "%s/%03d.png", folder, i);
        const picask_row *found = row_of(t, name, &r);
        out[i].id = found->id;
        vector_of(t, found->address, out[i].vector);
        picask_results_destroy(r);
    }
    picask_table_destroy(t);
}

static void the_one_data_file(char out[256])
{
    base_names names = {0};
    assert_ok(base_dir_list(at("db/pictures.lance/data"), &names, &error), error);
    assert_int_equal(names.n, 1);
    snprintf(out, 256, "db/pictures.lance/data/%s", names.name[0]);
    base_names_free(&names);
}

static void forty_runs_of_one_picture_leave_few_fragments_and_the_large_one_as_it_was(void **state)
{
    (void)state;
    char file[256];
    static row before[FIRST], after[FIRST], one, last[RUNS];
    base_stat stat_before, stat_after;
    write_first();
    the_one_data_file(file);
    assert_ok(base_file_stat(at(file), &stat_before, &error), error);
    read_rows("in", FIRST, before);
    append(0);
    read_rows("more", 1, &one);
    for (int i = 1; i < RUNS; i++)
        append(i);
    picask_table *t = open_pictures();
    assert_int_equal(rows_of(t), FIRST + RUNS);
    assert_int_equal(fragments_of(t), 1 + 1 + RUNS - 32); /* the first, one of 32 rows, and those since */
    picask_table_destroy(t);
    lancelet_cleanup_options all = LANCELET_CLEANUP_OPTIONS_INIT; /* then only what the newest version names is there */
    all.older_than_us = 0;
    assert_ok(picask_table_cleanup(at("db"), "pictures", &all, NULL, &error), error);
    assert_ok(base_file_stat(at(file), &stat_after, &error), error);
    assert_true(stat_after.exists && stat_after.size == stat_before.size &&
                stat_after.modified_us == stat_before.modified_us);
    base_names files = {0};
    assert_ok(base_dir_list(at("db/pictures.lance/data"), &files, &error), error);
    assert_int_equal(files.n, 1 + 1 + RUNS - 32);
    base_names_free(&files);
    read_rows("in", FIRST, after);
    assert_memory_equal(before, after, sizeof before);
    read_rows("more", RUNS, last);
    assert_memory_equal(&one, &last[0], sizeof one);
    for (int i = 0; i < RUNS; i++)
        assert_int_equal(last[i].id, FIRST + i);
}

static void a_run_tells_what_it_put_together_and_the_version_that_is_there(void **state)
{
    (void)state;
    write_first();
    for (int i = 0; i < 31; i++) {
        append(i);
        assert_null(strstr(notes, "put together"));
    }
    append(31);
    assert_non_null(strstr(notes, "1:32 small fragments were put together into 1\n"));
    picask_table *t = open_pictures();
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(t), &info);
    assert_int_equal(info.version, report.version);
    assert_int_equal(info.version, 1 + 32 + 1);
    picask_table_destroy(t);
}

static void a_dry_run_puts_nothing_together(void **state)
{
    (void)state;
    write_first();
    for (int i = 0; i < 31; i++)
        append(i);
    picask_table *t = open_pictures();
    assert_int_equal(fragments_of(t), 32);
    picask_table_destroy(t);
    write_picture("dry/a.png", 500);
    picask_index_options o = toy_options();
    o.dry_run = o.append = true;
    assert_ok(run_index(at("dry"), &o), error);
    t = open_pictures();
    assert_int_equal(fragments_of(t), 32);
    picask_table_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(forty_runs_of_one_picture_leave_few_fragments_and_the_large_one_as_it_was, fresh_folder),
        cmocka_unit_test_setup(a_run_tells_what_it_put_together_and_the_version_that_is_there, fresh_folder),
        cmocka_unit_test_setup(a_dry_run_puts_nothing_together, fresh_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
