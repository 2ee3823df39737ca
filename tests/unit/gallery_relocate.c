/* gallery_relocate.c - pictures that were moved as a whole, and what a failure in the midst of it leaves. */
#include "gallery_support.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"

static picask_status relocate(const char *old, const char *new_place, uint64_t *rows)
{
    picask_table *t = open_pictures();
    picask_status status = picask_table_relocate(t, old, new_place, rows, &error);
    picask_table_destroy(t);
    return status;
}

static void move(const char *old, const char *new_place)
{
    assert_int_equal(rename(at(old), at(new_place)), 0);
}

/* A row with a uri of the test's own. */
static void add_row(const char *uri)
{
    uint8_t *png;
    size_t n;
    int64_t id;
    picask_table *t = open_pictures();
    assert_ok(base_file_read(at("one.png"), 1 << 20, &png, &n, &error), error);
    assert_ok(picask_table_add(t, png, n, NULL, uri, &id, &error), error);
    base_free(png);
    picask_table_destroy(t);
}

static size_t count_of(const char *uri)
{
    picask_results *r = NULL;
    picask_table *t = open_pictures();
    size_t n = picask_rows_by_uri(t, uri, &r, &error) == LANCELET_OK ? picask_results_count(r) : 0;
    picask_results_destroy(r);
    picask_table_destroy(t);
    return n;
}

static char *sources_of(void)
{
    picask_table *t = open_pictures();
    char *sources = base_strdup(lancelet_table_config(picask_table_lance(t), "picask.sources"));
    picask_table_destroy(t);
    return sources;
}

static int set_up(void **state)
{
    fresh_folder(state);
    write_picture("one.png", 40);
    write_picture("a/1.png", 1);
    write_picture("a/deep/2.png", 2);
    write_picture("ab/3.png", 3);
    picask_index_options o = toy_options();
    o.hidden = true;
    assert_ok(run_index(at("a"), &o), error);
    index_ok("ab");
    return 0;
}

static void moved_rows_keep_ids_and_the_next_run_finds_all_unchanged(void **state)
{
    (void)state;
    uint64_t rows = 0;
    int64_t one = id_of("a/1.png"), two = id_of("a/deep/2.png"), three = id_of("ab/3.png");
    move("a", "b");
    assert_ok(relocate(at("a"), at("b"), &rows), error);
    assert_int_equal(rows, 2);
    assert_int_equal(id_of("b/1.png"), one);
    assert_int_equal(id_of("b/deep/2.png"), two);
    assert_int_equal(id_of("ab/3.png"), three); /* ab does not lie below a */
    picask_index_options o = toy_options();
    assert_ok(run_index(NULL, &o), error);
    assert_int_equal(report.unchanged, 3);
    assert_int_equal(report.added + report.moved + report.changed + report.copies, 0);
    assert_int_equal(n_notes, 0);
}

static void sources_move_with_their_options_and_what_other_versions_wrote_there(void **state)
{
    (void)state;
    char text[9000], *sources;
    snprintf(text, sizeof text, "[{\"source\":\"%s\",\"hidden\":true,\"newer\":[1]},{\"source\":\"%s\"}]",
             at("a"), at("ab"));
    const lancelet_key_value kv = {"picask.sources", text};
    lancelet_change change = LANCELET_CHANGE_INIT;
    change.config = &kv;
    change.n_config = 1;
    picask_table *t = open_pictures();
    assert_ok(lancelet_table_commit(picask_table_lance(t), &change, NULL, NULL, &error), error);
    picask_table_destroy(t);
    move("a", "b");
    assert_ok(relocate(at("a"), at("b"), NULL), error);
    sources = sources_of();
    assert_non_null(strstr(sources, at("b")));
    assert_null(strstr(sources, "/a\""));
    assert_non_null(strstr(sources, "\"hidden\":true"));
    assert_non_null(strstr(sources, "\"newer\":[1]"));
    assert_non_null(strstr(sources, at("ab")));
    base_free(sources);
}

static void a_source_that_is_there_already_is_not_remembered_twice(void **state)
{
    (void)state;
    uint64_t rows = 0;
    assert_int_equal(rename(at("a/1.png"), at("ab/1.png")), 0);
    assert_int_equal(rename(at("a/deep"), at("ab/deep")), 0);
    assert_ok(relocate(at("a"), at("ab"), &rows), error);
    assert_int_equal(rows, 2);
    char *sources = sources_of(), *first = strstr(sources, at("ab"));
    assert_non_null(first);
    assert_null(strstr(first + 1, at("ab")));
    base_free(sources);
}

static void parts_of_containers_keep_their_fragments(void **state)
{
    (void)state;
    char uri[4600];
    snprintf(uri, sizeof uri, "%s#row=5", at("a/train.parquet"));
    add_row(uri);
    snprintf(uri, sizeof uri, "%s#t=83.200", at("a/clip.mp4"));
    add_row(uri);
    move("a", "b");
    assert_ok(relocate(at("a"), at("b"), NULL), error);
    snprintf(uri, sizeof uri, "%s#row=5", at("b/train.parquet"));
    assert_int_equal(count_of(uri), 1);
    snprintf(uri, sizeof uri, "%s#t=83.200", at("b/clip.mp4"));
    assert_int_equal(count_of(uri), 1);
}

static void a_hash_sign_in_a_picture_s_name_is_part_of_it(void **state)
{
    (void)state;
    write_picture("a/#5 of #row=5.png", 9);
    index_ok("a");
    move("a", "b");
    assert_ok(relocate(at("a"), at("b"), NULL), error);
    assert_int_equal(count_of(at("b/#5 of #row=5.png")), 1);
}

static void names_that_are_not_utf8_go_there_and_back(void **state)
{
    (void)state;
    char encoded[4600];
    write_picture("a/caf\xe9.png", 5);
    index_ok("a");
    snprintf(encoded, sizeof encoded, "file://%s/caf%%E9.png", at("a"));
    assert_int_equal(count_of(encoded), 1);
    move("a", "\xff");
    assert_ok(relocate(at("a"), at("\xff"), NULL), error);
    snprintf(encoded, sizeof encoded, "file://%s/%%FF/caf%%E9.png", scratch);
    assert_int_equal(count_of(encoded), 1);
    snprintf(encoded, sizeof encoded, "file://%s/%%FF/1.png", scratch);
    assert_int_equal(count_of(encoded), 1);
    picask_index_options o = toy_options();
    assert_ok(run_index(NULL, &o), error);
    assert_int_equal(report.unchanged, 4);
    move("\xff", "a");
    assert_ok(relocate(at("\xff"), at("a"), NULL), error);
    assert_int_equal(count_of(at("a/1.png")), 1);
    assert_ok(run_index(NULL, &o), error);
    assert_int_equal(report.unchanged, 4);
}

static void escapes_that_another_program_wrote_stay_escapes(void **state)
{
    (void)state;
    char uri[4600];
    snprintf(uri, sizeof uri, "file://%s/two%%20words.png", at("a"));
    add_row(uri);
    move("a", "b");
    assert_ok(relocate(at("a"), at("b"), NULL), error);
    snprintf(uri, sizeof uri, "file://%s/two%%20words.png", at("b"));
    assert_int_equal(count_of(uri), 1);
}

static void one_file_can_be_the_place(void **state)
{
    (void)state;
    uint64_t rows = 0;
    move("a/1.png", "ab/renamed.png");
    assert_ok(relocate(at("a/1.png"), at("ab/renamed.png"), &rows), error);
    assert_int_equal(rows, 1);
    assert_int_equal(count_of(at("ab/renamed.png")), 1);
    assert_int_equal(count_of(at("a/deep/2.png")), 1);
}

static void the_new_place_may_lie_below_the_old_one(void **state)
{
    (void)state;
    move("a", "t");
    assert_ok(base_dir_make(at("a"), &error), error);
    move("t", "a/b");
    assert_ok(relocate(at("a"), at("a/b"), NULL), error);
    assert_int_equal(count_of(at("a/b/1.png")), 1);
    assert_int_equal(count_of(at("a/b/deep/2.png")), 1);
}

/* Nothing is changed by what is refused. */
static void refused(picask_status wanted, const char *words, const char *old, const char *new_place)
{
    picask_table *t = open_pictures();
    lancelet_table_info before = LANCELET_TABLE_INFO_INIT, after = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(t), &before);
    assert_int_equal(picask_table_relocate(t, old, new_place, NULL, &error), wanted);
    if (!strstr(error.text, words))
        fail_msg("'%s' is not in: %s", words, error.text);
    assert_ok(picask_table_refresh(t, &error), error);
    lancelet_table_get_info(picask_table_lance(t), &after);
    assert_int_equal(before.version, after.version);
    picask_table_destroy(t);
}

static void what_cannot_be_meant_is_refused(void **state)
{
    (void)state;
    refused(LANCELET_NOT_FOUND, "is not there", at("a"), at("nowhere"));
    refused(LANCELET_NOT_FOUND, "lies in", at("none"), at("ab"));
    refused(LANCELET_INVALID, "is an address", "hf://datasets/org/name", at("ab"));
    refused(LANCELET_INVALID, "is an address", at("a"), "hf://datasets/org/name");
    refused(LANCELET_INVALID, "is the old place and the new one", at("a"), at("ab/../a"));
}

static void a_row_that_would_be_there_twice_is_named(void **state)
{
    (void)state;
    write_picture("ab/1.png", 1);
    index_ok("ab");
    refused(LANCELET_INVALID, "/ab/1.png already", at("a"), at("ab"));
}

static void a_table_without_paths_is_refused(void **state)
{
    (void)state;
    picask_table *t = NULL;
    lancelet_table *newer = NULL;
    static const char *const uri = "uri";
    t = open_pictures();
    assert_ok(lancelet_table_drop_columns(picask_table_lance(t), &uri, 1, NULL, &newer, &error), error);
    lancelet_table_destroy(newer);
    picask_table_destroy(t);
    refused(LANCELET_INVALID, "no column of paths", at("a"), at("ab"));
}

static void nothing_is_done_while_an_index_run_is_going_on(void **state)
{
    (void)state;
    int lock;
    assert_ok(base_lock(at("db/.pictures.lock"), &lock, &error), error);
    assert_int_equal(relocate(at("a"), at("ab"), NULL), LANCELET_CONFLICT);
    base_unlock(lock);
}

/* The table as it was. */
static void restore(void)
{
    char command[9200];
    assert_ok(base_dir_remove(at("db"), &error), error);
    snprintf(command, sizeof command, "cp -r '%s' '%s'", at("kept"), at("db"));
    assert_int_equal(system(command), 0);
}

/* With each call failing once: all rows and the source are moved, or none. */
static void fail_each(bool files)
{
    uint64_t n = 0;
    bool fired = true;
    char command[9200];
    snprintf(command, sizeof command, "cp -r '%s' '%s'", at("db"), at("kept"));
    assert_int_equal(system(command), 0);
    write_picture("b/other.png", 7); /* both places are there */
    while (fired) {
        picask_table *t = open_pictures();
        if (files)
            base_fault_fail_file(++n, EIO);
        else
            base_fault_fail_alloc(++n);
        picask_status status = picask_table_relocate(t, at("a"), at("b"), NULL, &error);
        fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        base_fault_fail_alloc(0);
        picask_table_destroy(t);
        if (status != LANCELET_OK && !files && status != LANCELET_MEMORY)
            fail_msg("allocation %llu: status %d: %s", (unsigned long long)n, (int)status, error.text);
        bool moved = count_of(at("b/1.png")) == 1;
        char *sources = sources_of(), quoted[4500];
        snprintf(quoted, sizeof quoted, "\"%s\"", at("b"));
        assert_int_equal(count_of(at("b/deep/2.png")), moved);
        assert_int_equal(count_of(at("a/1.png")), !moved);
        assert_int_equal(strstr(sources, quoted) != NULL, moved);
        base_free(sources);
        assert_true(moved || status != LANCELET_OK);
        if (moved)
            restore();
    }
    assert_true(n > 10);
    printf("# %llu calls, each made to fail once\n", (unsigned long long)n - 1);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    fail_each(false);
}
static void each_file_call_may_fail(void **state)
{
    (void)state;
    fail_each(true);
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(moved_rows_keep_ids_and_the_next_run_finds_all_unchanged),
        TEST(sources_move_with_their_options_and_what_other_versions_wrote_there),
        TEST(a_source_that_is_there_already_is_not_remembered_twice),
        TEST(parts_of_containers_keep_their_fragments),
        TEST(a_hash_sign_in_a_picture_s_name_is_part_of_it),
        TEST(names_that_are_not_utf8_go_there_and_back),
        TEST(escapes_that_another_program_wrote_stay_escapes),
        TEST(one_file_can_be_the_place),
        TEST(the_new_place_may_lie_below_the_old_one),
        TEST(what_cannot_be_meant_is_refused),
        TEST(a_row_that_would_be_there_twice_is_named),
        TEST(a_table_without_paths_is_refused),
        TEST(nothing_is_done_while_an_index_run_is_going_on),
        TEST(each_allocation_may_fail),
        TEST(each_file_call_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
