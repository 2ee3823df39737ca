/* gallery_index.c - what an index run does with new, known, changed, moved, copied and broken pictures. */
#include "gallery_support.h"

#include <errno.h>

#include "arrow/arrow.h"
#include "base/fault.h"

static void a_folder_becomes_rows_in_its_order(void **state)
{
    (void)state;
    write_picture("in/b.png", 1);
    write_picture("in/a.png", 2);
    write_picture("in/sub/c.png", 3);
    index_ok("in");
    assert_int_equal(report.found, 3);
    assert_int_equal(report.added, 3);
    assert_int_equal(report.version, 1);
    assert_int_equal(id_of("in/a.png"), 0);
    assert_int_equal(id_of("in/b.png"), 1);
    assert_int_equal(id_of("in/sub/c.png"), 2);
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    const picask_row *row = row_of(t, "in/a.png", &r);
    assert_int_equal(row->width, 20);
    assert_int_equal(row->height, 16);
    assert_true(row->size > 0);
    assert_true(row->has_modified);
    assert_false(row->has_taken);
    assert_null(row->text);
    assert_int_equal(strlen(row->sha256), 64);
    assert_string_equal(picask_table_model_name(t), "toy");
    assert_string_equal(lancelet_table_schema_metadata(picask_table_lance(t), "picask.normalized"), "true");
    assert_non_null(lancelet_table_schema_metadata(picask_table_lance(t), "picask.preprocess"));
    assert_string_equal(lancelet_table_config(picask_table_lance(t), "picask.next_id"), "3");
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void a_second_run_does_nothing_twice(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    index_ok("in");
    index_ok("in");
    assert_int_equal(report.unchanged, 2);
    assert_int_equal(report.added + report.changed + report.copies + report.moved, 0);
    assert_int_equal(report.version, 1);
}

static void sources_are_remembered(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    index_ok("in");
    write_picture("in/b.png", 2);
    write_picture("in/b.gif.png", 3);
    picask_index_options o = toy_options();
    assert_ok(run_index(NULL, &o), error);
    assert_int_equal(report.unchanged, 1);
    assert_int_equal(report.added, 2);
    picask_table *t = open_pictures();
    char expected[4200];
    snprintf(expected, sizeof expected, "[{\"source\":\"%s\"}]", at("in"));
    assert_string_equal(lancelet_table_config(picask_table_lance(t), "picask.sources"), expected);
    picask_table_destroy(t);
}

static void a_remembered_source_that_is_not_there_is_left_alone(void **state)
{
    (void)state;
    const char *sources[2] = {at("one"), at("two")};
    picask_index_options o = toy_options();
    write_picture("one/a.png", 1);
    write_picture("two/b.png", 2);
    assert_ok(picask_index(at("db"), "pictures", sources, 2, &o, &report, &error), error);
    assert_ok(base_dir_remove(at("one"), &error), error);
    assert_ok(run_index(NULL, &o), error);
    assert_int_equal(report.unchanged, 1);
    assert_int_equal(n_notes, 1);
    assert_non_null(strstr(notes, "/one is not there; its rows stay as they are"));
    picask_table *t = open_pictures();
    assert_int_equal(rows_of(t), 2);
    picask_table_destroy(t);
    assert_ok(base_dir_remove(at("two"), &error), error);
    assert_int_equal(run_index(NULL, &o), LANCELET_NOT_FOUND);
    assert_string_equal(error.text, "none of the 2 sources of table 'pictures' is there");
}

static uint64_t last_done, last_total;

static void on_progress(void *arg, uint64_t done, uint64_t total, const picask_index_report *so_far)
{
    assert_true(done <= total && done >= last_done);
    assert_true(so_far->added + so_far->copies + so_far->skipped <= done);
    *(int *)arg += 1;
    last_done = done;
    last_total = total;
}

static void progress_ends_with_all_items(void **state)
{
    (void)state;
    int calls = 0;
    char name[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "in/%03d.png", i);
        write_picture(name, (unsigned)i);
    }
    picask_index_options o = toy_options();
    last_done = 0;
    o.events.arg = &calls;
    o.events.progress = on_progress;
    assert_ok(run_index(at("in"), &o), error);
    assert_true(calls > 0);
    assert_int_equal(last_done, 100);
    assert_int_equal(last_total, 100);
}

static void options_of_a_source_are_remembered(void **state)
{
    (void)state;
    const char *exclude[] = {"*.skip.png"};
    write_picture("in/a.png", 1);
    write_picture("in/a.skip.png", 2);
    picask_index_options o = toy_options(), plain = toy_options();
    o.exclude = exclude;
    o.n_exclude = 1;
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.found, 1);
    assert_ok(run_index(NULL, &plain), error);
    assert_int_equal(report.found, 1);
}

static void a_changed_file_keeps_its_id_and_gets_a_new_vector(void **state)
{
    (void)state;
    float before[24], after[24];
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    index_ok("in");
    picask_results *r = NULL;
    picask_table *t = open_pictures();
    vector_of(t, row_of(t, "in/a.png", &r)->address, before);
    picask_results_destroy(r);
    picask_table_destroy(t);
    write_picture("in/a.png", 3);
    set_modified("in/a.png", 1000000);
    index_ok("in");
    assert_int_equal(report.changed, 1);
    assert_int_equal(report.unchanged, 1);
    assert_int_equal(id_of("in/a.png"), 0);
    t = open_pictures();
    const picask_row *row = row_of(t, "in/a.png", &r);
    vector_of(t, row->address, after);
    assert_true(row->modified_us == 1000000ll * 1000000);
    assert_true(memcmp(before, after, sizeof before) != 0);
    assert_int_equal(rows_of(t), 2);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void a_touched_file_is_unchanged_and_then_not_read_again(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    index_ok("in");
    set_modified("in/a.png", 1000000);
    index_ok("in");
    assert_int_equal(report.unchanged, 1);
    assert_int_equal(report.version, 2);
    index_ok("in");
    assert_int_equal(report.unchanged, 1);
    assert_int_equal(report.version, 2);
}

static void a_renamed_file_keeps_id_and_vector(void **state)
{
    (void)state;
    float before[24], after[24];
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    index_ok("in");
    picask_results *r = NULL;
    picask_table *t = open_pictures();
    vector_of(t, row_of(t, "in/b.png", &r)->address, before);
    picask_results_destroy(r);
    picask_table_destroy(t);
    assert_int_equal(rename(at("in/b.png"), at("in/z.png")), 0);
    index_ok("in");
    assert_int_equal(report.moved, 1);
    assert_int_equal(report.unchanged, 1);
    assert_int_equal(id_of("in/z.png"), 1);
    t = open_pictures();
    vector_of(t, row_of(t, "in/z.png", &r)->address, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(rows_of(t), 2);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void a_copy_gets_a_row_of_its_own_that_shares_the_vector(void **state)
{
    (void)state;
    float one[24], two[24];
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 1); /* in the same run */
    index_ok("in");
    assert_int_equal(report.added, 1);
    assert_int_equal(report.copies, 1);
    write_picture("in/c.png", 1); /* in a later one */
    write_picture("in/d.png", 2);
    index_ok("in");
    assert_int_equal(report.copies, 1);
    assert_int_equal(report.added, 1);
    assert_int_equal(report.unchanged, 2);
    picask_results *r = NULL;
    picask_table *t = open_pictures();
    vector_of(t, row_of(t, "in/a.png", &r)->address, one);
    picask_results_destroy(r);
    const picask_row *row = row_of(t, "in/c.png", &r);
    assert_int_equal(row->id, 2);
    assert_int_equal(row->width, 20);
    vector_of(t, row->address, two);
    assert_memory_equal(one, two, sizeof one);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void copies_in_a_renamed_folder_keep_each_its_id(void **state)
{
    (void)state;
    write_picture("in/one/a.png", 1);
    write_picture("in/one/b.png", 1);
    write_picture("in/one/c.png", 1);
    write_picture("in/two/b.png", 1);
    index_ok("in");
    assert_int_equal(report.copies, 3);
    assert_int_equal(rename(at("in/one"), at("in/zone")), 0);
    assert_int_equal(rename(at("in/two"), at("in/new two")), 0);
    index_ok("in");
    assert_int_equal(report.moved, 4);
    assert_int_equal(id_of("in/zone/a.png"), 0);
    assert_int_equal(id_of("in/zone/b.png"), 1);
    assert_int_equal(id_of("in/zone/c.png"), 2);
    assert_int_equal(id_of("in/new two/b.png"), 3);
    assert_int_equal(rename(at("in/zone/b.png"), at("in/zone/x.jpg")), 0);
    assert_int_equal(rename(at("in/zone/a.png"), at("in/zone/y.jpg")), 0);
    index_ok("in"); /* nothing tells these apart: in the order of the table */
    assert_int_equal(report.moved, 2);
    assert_int_equal(id_of("in/zone/x.jpg"), 0);
    assert_int_equal(id_of("in/zone/y.jpg"), 1);
}

static void two_files_that_swap_names_are_changed_without_loss(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    index_ok("in");
    write_picture("in/a.png", 2);
    write_picture("in/b.png", 1);
    set_modified("in/a.png", 1000000);
    set_modified("in/b.png", 1000001);
    index_ok("in");
    assert_int_equal(report.changed, 2);
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    float v[24];
    vector_of(t, row_of(t, "in/b.png", &r)->address, v);
    picask_results_destroy(r);
    picask_search_options o = PICASK_SEARCH_OPTIONS_INIT;
    assert_ok(picask_search_id(t, 0, &o, &r, &error), error);
    assert_int_equal(picask_results_count(r), 1);
    assert_int_equal(picask_results_row(r, 0)->id, 1);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void a_new_caption_replaces_the_row_and_keeps_the_vector(void **state)
{
    (void)state;
    float before[24], after[24];
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    write_text("in/captions.tsv", "path\tcaption\na.png\tone\na.png\tmore\nb.png\ttwo\n");
    index_ok("in/captions.tsv");
    picask_results *r = NULL;
    picask_table *t = open_pictures();
    const picask_row *row = row_of(t, "in/a.png", &r);
    assert_string_equal(row->text, "one\nmore");
    vector_of(t, row->address, before);
    picask_results_destroy(r);
    picask_table_destroy(t);
    write_text("in/captions.tsv", "path\tcaption\na.png\tanother\nb.png\ttwo\n");
    index_ok("in/captions.tsv");
    assert_int_equal(report.changed, 1);
    assert_int_equal(report.unchanged, 1);
    t = open_pictures();
    row = row_of(t, "in/a.png", &r);
    assert_string_equal(row->text, "another");
    assert_int_equal(row->id, 0);
    assert_int_equal(row->width, 20);
    vector_of(t, row->address, after);
    assert_memory_equal(before, after, sizeof before);
    picask_results_destroy(r);
    picask_table_destroy(t);
    index_ok("in"); /* the folder says nothing about captions: they stay */
    assert_int_equal(report.unchanged, 2);
}

static void a_broken_picture_is_told_counted_and_uses_an_id_once(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_text("in/b.png", "this is no picture");
    write_picture("in/c.png", 2);
    write_text("in/d.jpg", "\xff\xd8\xff\xe0 short");
    index_ok("in");
    assert_int_equal(report.found, 4);
    assert_int_equal(report.skipped, 2);
    assert_int_equal(n_skipped, 2);
    assert_string_equal(skipped_uri, at("in/d.jpg"));
    assert_true(strlen(skipped_reason) > 0);
    assert_null(strstr(skipped_reason, "/"));
    assert_int_equal(report.skipped_damaged, 1);
    assert_int_equal(report.skipped_unsupported, 1);
    assert_int_equal(id_of("in/a.png"), 0);
    assert_int_equal(id_of("in/c.png"), 2);
    write_picture("in/e.png", 3);
    index_ok("in"); /* met before: no ids for the broken ones now */
    assert_int_equal(report.skipped, 2);
    assert_int_equal(id_of("in/e.png"), 4);
    write_picture("in/b.png", 4);
    index_ok("in");
    assert_int_equal(report.added, 1);
    assert_int_equal(id_of("in/b.png"), 5);
}

static void a_table_is_not_made_where_no_picture_can_be_read(void **state)
{
    (void)state;
    picask_index_options o = toy_options();
    picask_table *t = NULL;
    write_text("in/a.png", "broken");
    assert_int_equal(run_index(at("in"), &o), LANCELET_NOT_FOUND);
    assert_string_equal(error.text, "the only picture cannot be read; table 'pictures' is not made");
    assert_int_equal(report.skipped, 1);
    assert_int_equal(picask_table_open(at("db"), "pictures", NULL, &t, &error), LANCELET_NOT_FOUND);
}

static void a_missing_file_of_a_caption_list_is_not_readable(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_text("in/c.csv", "path,caption\ngone.png,x\na.png,y\n");
    index_ok("in/c.csv");
    assert_int_equal(report.skipped_unreadable, 1);
    assert_int_equal(report.added, 1);
    assert_int_equal(id_of("in/a.png"), 1);
}

static void overwrite_begins_at_id_0(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    write_picture("two/c.png", 3);
    index_ok("in");
    picask_index_options o = toy_options();
    o.overwrite = true;
    assert_ok(run_index(at("two"), &o), error);
    assert_int_equal(report.added, 1);
    assert_int_equal(report.version, 2);
    assert_int_equal(id_of("two/c.png"), 0);
    picask_table *t = open_pictures();
    char expected[4200];
    assert_int_equal(rows_of(t), 1);
    snprintf(expected, sizeof expected, "[{\"source\":\"%s\"}]", at("two"));
    assert_string_equal(lancelet_table_config(picask_table_lance(t), "picask.sources"), expected);
    assert_string_equal(lancelet_table_config(picask_table_lance(t), "picask.next_id"), "1");
    picask_table_destroy(t);
}

static void append_adds_without_looking(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    index_ok("in");
    picask_index_options o = toy_options();
    o.append = true;
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.added, 1);
    picask_table *t = open_pictures();
    assert_int_equal(rows_of(t), 2);
    picask_table_destroy(t);
}

static void a_dry_run_counts_and_changes_nothing(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 1);
    picask_index_options o = toy_options();
    o.dry_run = true;
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.added, 1);
    assert_int_equal(report.copies, 1);
    assert_int_not_equal(access(at("db"), F_OK), 0);
    index_ok("in");
    write_picture("in/c.png", 3);
    assert_int_equal(rename(at("in/b.png"), at("in/d.png")), 0);
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.added, 1);
    assert_int_equal(report.moved, 1);
    assert_int_equal(report.unchanged, 1);
    assert_int_equal(report.version, 1);
}

static void the_same_picture_twice_in_one_run_is_one_row(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    write_text("in/c.csv", "path,caption\na.png,first\n");
    const char *sources[] = {at("in"), at("in/c.csv")};
    picask_index_options o = toy_options();
    assert_ok(picask_index(at("db"), "pictures", sources, 2, &o, &report, &error), error);
    assert_int_equal(report.added, 2);
    assert_int_equal(report.changed, 1);
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    assert_string_equal(row_of(t, "in/a.png", &r)->text, "first");
    assert_int_equal(rows_of(t), 2);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static volatile int stop;

static void stop_at_the_first(void *arg, const char *uri, const char *reason)
{
    (void)arg;
    (void)uri;
    (void)reason;
    stop = 1;
}

static void cancel_commits_what_is_done(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof name, "in/%03d.png", i);
        write_picture(name, (unsigned)i);
    }
    write_text("in/100.png", "broken");
    picask_index_options o = toy_options();
    stop = 0;
    o.cancel = &stop;
    o.events.skipped = stop_at_the_first;
    assert_int_equal(run_index(at("in"), &o), LANCELET_CANCELLED);
    assert_int_equal(report.added, 100);
    picask_table *t = open_pictures();
    assert_int_equal(rows_of(t), 100);
    picask_table_destroy(t);
    stop = 0;
    o = toy_options();
    assert_ok(run_index(NULL, &o), error);
    assert_int_equal(report.unchanged, 100);
    assert_int_equal(report.added, 299);
    assert_int_equal(id_of("in/399.png"), 399); /* row numbers in spite of the stop */
}

static void stored_pictures_are_read_back(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    picask_index_options o = toy_options();
    o.store = PICASK_STORE_SCALED;
    o.store_pixels = 8;
    assert_ok(run_index(at("in"), &o), error);
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    void *bytes = NULL;
    size_t n = 0;
    image_facts facts;
    assert_ok(picask_row_picture(t, row_of(t, "in/a.png", &r), &bytes, &n, &error), error);
    assert_ok(image_probe(bytes, n, NULL, &facts, &error), error);
    assert_int_equal(facts.type, BASE_PICTURE_JPEG);
    assert_int_equal(facts.width, 8);
    assert_int_equal(facts.height, 6);
    picask_free(bytes);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void further_columns_are_kept_where_the_table_has_them(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    write_text("in/one.csv", "path,caption,stars,price,place\na.png,x,4,2.5,Rome\n");
    write_text("in/two.csv", "path,caption,stars,colour\nb.png,y,5,red\n");
    index_ok("in/one.csv");
    assert_int_equal(n_notes, 0);
    index_ok("in/two.csv");
    assert_int_equal(n_notes, 1);
    assert_non_null(strstr(notes, "0:column 'colour' of "));
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    const char *columns[] = {"stars", "price", "place", "id", "taken"};
    picask_search_options o = PICASK_SEARCH_OPTIONS_INIT;
    o.columns = columns;
    o.n_columns = 5;
    assert_ok(picask_search_text(t, "a dog", &o, &r, &error), error);
    assert_int_equal(picask_results_count(r), 2);
    for (size_t i = 0; i < 2; i++) {
        const picask_row *row = picask_results_row(r, i);
        assert_string_equal(
            row->extra, row->id == 0 ? "\"stars\":4,\"price\":2.5,\"place\":\"Rome\",\"id\":0,\"taken\":null"
                                     : "\"stars\":5,\"price\":null,\"place\":null,\"id\":1,\"taken\":null");
    }
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void a_column_whose_name_lance_cannot_have_is_left_out_with_a_note(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_text("in/one.csv", "path,caption,camera.make,_rowid,stars\na.png,x,Acme,7,4\n");
    index_ok("in/one.csv");
    assert_int_equal(n_notes, 2);
    assert_non_null(strstr(notes, "0:column 'camera.make' of "));
    assert_non_null(strstr(notes, "0:column '_rowid' of "));
    struct ArrowSchema schema = {0};
    picask_table *t = open_pictures();
    assert_ok(lancelet_table_schema(picask_table_lance(t), &schema, &error), error);
    assert_true(arrow_schema_find(&schema, "stars") >= 0);
    assert_true(arrow_schema_find(&schema, "camera.make") < 0);
    arrow_schema_release(&schema);
    picask_table_destroy(t);
}

/* Writes an entry of the table's config, as any program may. */
static void set_config(const char *key, const char *value)
{
    lancelet_table *t = NULL;
    const lancelet_key_value kv = {key, value};
    lancelet_change change = LANCELET_CHANGE_INIT;
    change.config = &kv;
    change.n_config = 1;
    assert_ok(lancelet_table_open(at("db/pictures.lance"), NULL, &t, &error), error);
    assert_ok(lancelet_table_commit(t, &change, NULL, NULL, &error), error);
    lancelet_table_destroy(t);
}

static void ids_that_are_used_up_end_an_index_run_but_not_a_removal(void **state)
{
    (void)state;
    picask_index_options o = toy_options();
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    index_ok("in");
    set_config("picask.next_id", "9223372036854775806"); /* one id is left */
    write_picture("in/c.png", 3);
    index_ok("in");
    assert_int_equal(id_of("in/c.png"), INT64_MAX - 1);
    write_picture("in/d.png", 4);
    assert_int_equal(run_index(at("in"), &o), LANCELET_LIMIT);
    assert_string_equal(error.text, "the ids of table 'pictures' are used up");
    picask_table *t = open_pictures();
    const int64_t id = 0;
    uint64_t removed = 0;
    assert_ok(picask_table_remove(t, &id, 1, NULL, 0, &removed, &error), error);
    assert_int_equal(removed, 1);
    picask_table_destroy(t);
}

static void a_remembered_source_that_is_no_path_is_told(void **state)
{
    (void)state;
    picask_index_options o = toy_options();
    write_picture("in/a.png", 1);
    index_ok("in");
    set_config("picask.sources", "[{\"source\":\"http://host/a.jpg\"}]");
    assert_int_equal(picask_index(at("db"), "pictures", NULL, 0, &o, &report, &error), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(error.text, "cannot read web addresses"));
}

static void one_run_a_table(void **state)
{
    (void)state;
    int lock = -1;
    write_picture("in/a.png", 1);
    index_ok("in");
    assert_ok(base_lock(at("db/.pictures.lock"), &lock, &error), error);
    picask_index_options o = toy_options();
    assert_int_equal(run_index(at("in"), &o), LANCELET_CONFLICT);
    assert_non_null(strstr(error.text, ".pictures.lock"));
    base_unlock(lock);
    index_ok("in");
}

static void nothing_to_index_is_not_found(void **state)
{
    (void)state;
    picask_index_options o = toy_options();
    assert_ok(base_dir_make(at("empty"), &error), error);
    assert_int_equal(run_index(at("empty"), &o), LANCELET_NOT_FOUND);
    assert_non_null(strstr(error.text, "no pictures in "));
    assert_int_equal(run_index(at("absent"), &o), LANCELET_NOT_FOUND);
    assert_int_equal(run_index(NULL, &o), LANCELET_NOT_FOUND);
    assert_int_not_equal(access(at("db"), F_OK), 0);
}

static void a_full_disk_tells_what_is_safe(void **state)
{
    (void)state;
    picask_index_options o = toy_options();
    char expected[4400];
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    index_ok("in");
    snprintf(expected, sizeof expected,
             "disk full in %s while adding rows 3-3; 2 rows are safe, run the same command again", at("db"));
    bool told = false;
    setenv("HOME", "/nowhere", 1);
    for (uint64_t n = 1; n < 1000 && !told; n++) { /* each file call in turn, until one of the commit's own */
        char name[32];
        picask_table *t = open_pictures();
        uint64_t before = rows_of(t);
        picask_table_destroy(t);
        snprintf(name, sizeof name, "in/new%d.png", (int)n);
        write_picture(name, 100 + (unsigned)n);
        base_fault_fail_file(n, ENOSPC);
        picask_status status = run_index(at(name), &o);
        base_fault_fail_file(0, 0);
        assert_int_equal(remove(at(name)), 0);
        if (status ==
            LANCELET_OK) { /* a picture was skipped, or the call could be done without: as before, then on */
            assert_ok(picask_table_drop(at("db"), "pictures", &error), error);
            index_ok("in");
            continue;
        }
        told = strcmp(error.text, expected) == 0;
        assert_int_equal(report.added, 0);
        t = open_pictures();
        assert_int_equal(rows_of(t), before);
        picask_table_destroy(t);
    }
    assert_true(told);
}

/* A table of four rows, and files that make the next run change, move, copy, touch and add. */
static void prepare_a_second_run(void)
{
    assert_ok(base_dir_remove(at("in"), &error), error);
    assert_ok(base_dir_remove(at("db"), &error), error);
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    write_picture("in/c.png", 3);
    write_picture("in/d.png", 4);
    write_text("in/captions.csv",
               "path,caption,stars\na.png,one,1\nb.png,two,2\nc.png,three,3\nd.png,four,4\n");
    index_ok("in/captions.csv");
    write_picture("in/a.png", 5);
    set_modified("in/a.png", 1000000);
    assert_int_equal(rename(at("in/b.png"), at("in/z.png")), 0);
    set_modified("in/c.png", 1000000);
    write_picture("in/e.png", 3);
    write_picture("in/f.png", 6);
    write_text("in/captions.csv", "path,caption,stars\na.png,one,1\nz.png,two,2\nc.png,three,3\nd.png,new,4\n"
                                  "e.png,five,5\nf.png,six,6\n");
}

static void a_second_run_survives_the_failure_of_every_third_allocation(void **state)
{
    (void)state;
    picask_index_options o = toy_options();
    o.threads = 1;
    bool fired = true;
    uint64_t n = 1;
    for (; fired; n += 3) {
        prepare_a_second_run();
        base_fault_fail_alloc(n);
        picask_status status = run_index(at("in/captions.csv"), &o);
        fired = base_fault_fired();
        base_fault_fail_alloc(0);
        if (status != LANCELET_OK)
            assert_int_equal(status, LANCELET_MEMORY);
        assert_true(fired || status == LANCELET_OK);
        picask_table *t = open_pictures();
        assert_in_range(rows_of(t), 4, 6);
        picask_table_destroy(t);
        index_ok("in/captions.csv"); /* and the next run makes up for it */
        t = open_pictures();
        assert_int_equal(rows_of(t), 6);
        picask_table_destroy(t);
        assert_int_equal(id_of("in/a.png"), 0);
        assert_int_equal(id_of("in/z.png"), 1);
    }
    assert_true(n > 500);
    assert_int_equal(report.unchanged, 6);
}

/* Adds a row to the table behind the back of the run, once. */
static bool raced;

static void race(void *arg, const char *uri, const char *reason)
{
    (void)arg;
    (void)uri;
    (void)reason;
    if (raced)
        return;
    raced = true;
    picask_table *t = open_pictures();
    int64_t id = -1;
    uint8_t *bytes = NULL;
    size_t n = 0;
    assert_ok(base_file_read(at("other.png"), 1 << 20, &bytes, &n, &error), error);
    assert_ok(picask_table_add(t, bytes, n, "raced", NULL, &id, &error), error);
    assert_true(id >= 2);
    base_free(bytes);
    picask_table_destroy(t);
}

static void a_run_that_loses_a_race_renumbers(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    index_ok("in");
    write_picture("other.png", 9);
    write_text("in/c.png", "broken");
    write_picture("in/d.png", 3);
    write_picture("in/e.png", 2);
    write_picture("in/a.png", 7);
    set_modified("in/a.png", 1000000);
    picask_index_options o = toy_options();
    raced = false;
    o.events.skipped = race;
    assert_ok(run_index(at("in"), &o), error);
    assert_true(raced);
    assert_int_equal(report.added, 1);
    assert_int_equal(report.copies, 1);
    assert_int_equal(report.changed, 1);
    assert_int_equal(id_of("in/a.png"), 0);
    assert_int_equal(id_of("in/d.png"), 3);
    assert_int_equal(id_of("in/e.png"), 4);
    picask_table *t = open_pictures();
    assert_int_equal(rows_of(t), 5);
    picask_results *r = NULL;
    const int64_t two = 2;
    assert_ok(picask_rows_by_id(t, &two, 1, &r, &error), error);
    assert_string_equal(picask_results_row(r, 0)->text, "raced");
    picask_results_destroy(r);
    picask_table_destroy(t);
}

/* Removes row 0 behind the back of the run, once. */
static void remove_the_first(void *arg, const char *uri, const char *reason)
{
    const int64_t id = 0;
    (void)arg;
    (void)uri;
    (void)reason;
    if (raced)
        return;
    raced = true;
    picask_table *t = open_pictures();
    assert_ok(picask_table_remove(t, &id, 1, NULL, 0, NULL, &error), error);
    picask_table_destroy(t);
}

static void a_row_removed_meanwhile_lends_no_vector(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_picture("in/d.png", 2);
    index_ok("in");
    write_picture("in/a.png", 7); /* its change waits when the row is removed */
    write_text("in/b.png", "broken");
    write_picture("in/d.png", 3);
    set_modified("in/a.png", 1000000);
    set_modified("in/d.png", 1000000);
    write_picture("z.png", 7);
    write_text("more.csv", "path,caption\nin/d.png,a dog\nz.png,a copy\n"); /* the first line makes the run commit */
    picask_index_options o = toy_options();
    const char *sources[2] = {at("in"), at("more.csv")};
    raced = false;
    o.events.skipped = remove_the_first;
    assert_ok(picask_index(at("db"), "pictures", sources, 2, &o, &report, &error), error);
    assert_true(raced);
    picask_table *t = open_pictures();
    picask_model *m = NULL;
    picask_results *r = NULL;
    float in_table[24], embedded[24];
    assert_int_equal(rows_of(t), 2);
    vector_of(t, row_of(t, "z.png", &r)->address, in_table);
    assert_ok(picask_model_open("toy", NULL, &m, &error), error);
    assert_ok(picask_embed_picture_file(m, at("z.png"), embedded, &error), error);
    for (int i = 0; i < 24; i++)
        assert_float_equal(in_table[i], embedded[i], 1e-5);
    picask_model_destroy(m);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

/* Adds a row while the run's commit is on its way, twice. */
static int races_left;

static void add_before_the_commit(void *arg, const char *call, const char *path)
{
    (void)arg;
    (void)path;
    if (strcmp(call, "sync") != 0 || races_left == 0)
        return;
    int left = races_left - 1;
    races_left = 0; /* the row's own commit is watched too */
    race(NULL, NULL, NULL);
    raced = false;
    races_left = left;
}

static void two_races_lost_in_a_row_skip_no_id(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    write_picture("in/b.png", 2);
    index_ok("in");
    write_picture("other.png", 9);
    write_picture("in/c.png", 3);
    picask_index_options o = toy_options();
    o.no_sync = false;
    raced = false;
    races_left = 2;
    base_fault_watch(add_before_the_commit, NULL);
    picask_status status = run_index(at("in"), &o);
    base_fault_watch(NULL, NULL);
    assert_ok(status, error);
    assert_int_equal(races_left, 0);
    assert_int_equal(id_of("in/c.png"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_folder_becomes_rows_in_its_order, fresh_folder),
        cmocka_unit_test_setup(a_second_run_does_nothing_twice, fresh_folder),
        cmocka_unit_test_setup(sources_are_remembered, fresh_folder),
        cmocka_unit_test_setup(a_remembered_source_that_is_not_there_is_left_alone, fresh_folder),
        cmocka_unit_test_setup(progress_ends_with_all_items, fresh_folder),
        cmocka_unit_test_setup(options_of_a_source_are_remembered, fresh_folder),
        cmocka_unit_test_setup(a_changed_file_keeps_its_id_and_gets_a_new_vector, fresh_folder),
        cmocka_unit_test_setup(a_touched_file_is_unchanged_and_then_not_read_again, fresh_folder),
        cmocka_unit_test_setup(a_renamed_file_keeps_id_and_vector, fresh_folder),
        cmocka_unit_test_setup(a_copy_gets_a_row_of_its_own_that_shares_the_vector, fresh_folder),
        cmocka_unit_test_setup(copies_in_a_renamed_folder_keep_each_its_id, fresh_folder),
        cmocka_unit_test_setup(two_files_that_swap_names_are_changed_without_loss, fresh_folder),
        cmocka_unit_test_setup(a_new_caption_replaces_the_row_and_keeps_the_vector, fresh_folder),
        cmocka_unit_test_setup(a_broken_picture_is_told_counted_and_uses_an_id_once, fresh_folder),
        cmocka_unit_test_setup(a_table_is_not_made_where_no_picture_can_be_read, fresh_folder),
        cmocka_unit_test_setup(a_missing_file_of_a_caption_list_is_not_readable, fresh_folder),
        cmocka_unit_test_setup(overwrite_begins_at_id_0, fresh_folder),
        cmocka_unit_test_setup(append_adds_without_looking, fresh_folder),
        cmocka_unit_test_setup(a_dry_run_counts_and_changes_nothing, fresh_folder),
        cmocka_unit_test_setup(the_same_picture_twice_in_one_run_is_one_row, fresh_folder),
        cmocka_unit_test_setup(cancel_commits_what_is_done, fresh_folder),
        cmocka_unit_test_setup(stored_pictures_are_read_back, fresh_folder),
        cmocka_unit_test_setup(further_columns_are_kept_where_the_table_has_them, fresh_folder),
        cmocka_unit_test_setup(a_column_whose_name_lance_cannot_have_is_left_out_with_a_note, fresh_folder),
        cmocka_unit_test_setup(ids_that_are_used_up_end_an_index_run_but_not_a_removal, fresh_folder),
        cmocka_unit_test_setup(a_remembered_source_that_is_no_path_is_told, fresh_folder),
        cmocka_unit_test_setup(one_run_a_table, fresh_folder),
        cmocka_unit_test_setup(nothing_to_index_is_not_found, fresh_folder),
        cmocka_unit_test_setup(a_full_disk_tells_what_is_safe, fresh_folder),
        cmocka_unit_test_setup(a_second_run_survives_the_failure_of_every_third_allocation, fresh_folder),
        cmocka_unit_test_setup(a_run_that_loses_a_race_renumbers, fresh_folder),
        cmocka_unit_test_setup(a_row_removed_meanwhile_lends_no_vector, fresh_folder),
        cmocka_unit_test_setup(two_races_lost_in_a_row_skip_no_id, fresh_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
