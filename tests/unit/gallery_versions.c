/* gallery_versions.c - versions and tags of a table, restoring, rows below a folder, tables with several columns of vectors or
 * rows without one. */
#include "gallery_support.h"

#include "arrow/arrow.h"
#include "gallery/gallery.h"

static picask_table *open_at(uint64_t version, const char *tag)
{
    picask_table_options o = PICASK_TABLE_OPTIONS_INIT;
    picask_table *t = NULL;
    o.version = version;
    o.tag = tag;
    assert_ok(picask_table_open(at("db"), "pictures", &o, &t, &error), error);
    return t;
}

static uint64_t version_of(const picask_table *t)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(t), &info);
    return info.version;
}

static void an_old_version_is_opened_by_number_and_by_tag(void **state)
{
    (void)state;
    picask_table *t;
    picask_table_options o = PICASK_TABLE_OPTIONS_INIT;
    write_picture("in/a.png", 1);
    index_ok("in");
    t = open_pictures();
    uint64_t first = version_of(t);
    assert_ok(lancelet_table_tag(picask_table_lance(t), "first", true, &error), error);
    picask_table_destroy(t);
    write_picture("in/b.png", 2);
    index_ok("in");
    t = open_at(first, NULL);
    assert_int_equal(rows_of(t), 1);
    assert_string_equal(picask_table_model_name(t), "toy");
    picask_table_destroy(t);
    t = open_at(0, "first");
    assert_int_equal(rows_of(t), 1);
    assert_ok(picask_table_refresh(t, &error), error);
    assert_int_equal(rows_of(t), 2);
    picask_table_destroy(t);
    o.version = 77;
    assert_int_equal(picask_table_open(at("db"), "pictures", &o, &t, &error), LANCELET_NOT_FOUND);
    assert_string_equal(
        error.text, "table 'pictures' has no version 77; its versions: picask table versions -t pictures");
    o.version = 0;
    o.tag = "none";
    assert_int_equal(picask_table_open(at("db"), "pictures", &o, &t, &error), LANCELET_NOT_FOUND);
    assert_non_null(strstr(error.text, "has no version tagged 'none'"));
    assert_int_equal(picask_table_open(at("db"), "nowhere", &o, &t, &error), LANCELET_NOT_FOUND);
    assert_non_null(strstr(error.text, "no table 'nowhere'"));
}

static void restoring_brings_rows_back_and_gives_no_id_twice(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    index_ok("in");
    picask_table *t = open_pictures();
    uint64_t first = version_of(t);
    write_picture("more/b.png", 2);
    index_ok("more");
    assert_int_equal(id_of("more/b.png"), 1);
    assert_ok(picask_table_restore(t, first, &error), error);
    assert_int_equal(rows_of(t), 1);
    assert_true(version_of(t) > first + 1);
    picask_table_destroy(t);
    index_ok("more");
    assert_int_equal(id_of("more/b.png"), 2);
}

static void an_index_run_keeps_upkeep_out(void **state)
{
    (void)state;
    lancelet_cleanup_options o = LANCELET_CLEANUP_OPTIONS_INIT;
    int lock = -1;
    write_picture("in/a.png", 1);
    index_ok("in");
    picask_table *t = open_pictures();
    assert_ok(gallery_table_lock(t, &lock, &error), error);
    assert_int_equal(picask_table_restore(t, 1, &error), LANCELET_CONFLICT);
    assert_int_equal(picask_table_optimize(t, NULL, NULL, &error), LANCELET_CONFLICT);
    o.unverified = true;
    assert_int_equal(picask_table_cleanup(at("db"), "pictures", &o, NULL, &error), LANCELET_CONFLICT);
    o.unverified = false; /* what a run has written and not committed is younger than 7 days */
    assert_ok(picask_table_cleanup(at("db"), "pictures", &o, NULL, &error), error);
    base_unlock(lock);
    picask_table_destroy(t);
}

static void a_broken_newest_version_names_the_command_that_helps(void **state)
{
    (void)state;
    base_names names = {0};
    picask_table *t = NULL;
    uint64_t version = 0;
    write_picture("in/a.png", 1);
    index_ok("in");
    write_picture("in/b.png", 2);
    index_ok("in");
    assert_ok(base_dir_list(at("db/pictures.lance/_versions"), &names, &error), error);
    char name[200];
    snprintf(name, sizeof name, "db/pictures.lance/_versions/%s",
             names.name[0]); /* numbers count down in names */
    base_names_free(&names);
    write_text(name, "");
    assert_int_equal(picask_table_open(at("db"), "pictures", NULL, &t, &error), LANCELET_CORRUPT);
    assert_non_null(strstr(error.text, "picask table restore --last-good -t pictures"));
    picask_index_options o = toy_options();
    assert_int_equal(run_index(at("in"), &o), LANCELET_CORRUPT);
    assert_non_null(strstr(error.text, "picask table restore --last-good -t pictures"));
    assert_ok(picask_table_restore_last_good(at("db"), "pictures", &version, &error), error);
    t = open_pictures();
    assert_int_equal(rows_of(t), 1);
    assert_int_equal(version_of(t), version);
    picask_table_destroy(t);
    assert_int_equal(picask_table_restore_last_good(at("db"), "pictures", &version, &error),
                     LANCELET_CONFLICT);
    assert_int_equal(picask_table_restore_last_good(at("db"), "none", &version, &error), LANCELET_NOT_FOUND);
    index_ok("in");
}

static void rows_below_a_folder_are_a_condition_on_the_uri(void **state)
{
    (void)state;
    char *condition = NULL;
    write_picture("in/a.png", 1);
    index_ok("in");
    picask_table *t = open_pictures();
    setenv("HOME", "/home/ann", 1);
    assert_ok(picask_condition_in(t, "~/it's %_/", &condition, &error), error);
    assert_string_equal(condition, "uri = '/home/ann/it''s %_' or starts_with(uri, '/home/ann/it''s %_/') or "
                                   "uri = 'file:///home/ann/it%27s%20%25_' or starts_with(uri, "
                                   "'file:///home/ann/it%27s%20%25_/')");
    picask_free(condition);
    assert_ok(picask_condition_in(t, "/", &condition, &error), error);
    assert_string_equal(
        condition, "uri = '/' or starts_with(uri, '/') or uri = 'file:///' or starts_with(uri, 'file:///')");
    picask_free(condition);
    assert_ok(picask_condition_in(t, "/\xff", &condition, &error), error); /* no text has this */
    assert_string_equal(condition, "uri = 'file:///%FF' or starts_with(uri, 'file:///%FF/')");
    picask_free(condition);
    assert_ok(picask_condition_in(t, "hf://datasets/a/b", &condition, &error), error);
    assert_string_equal(condition, "uri = 'hf://datasets/a/b' or starts_with(uri, 'hf://datasets/a/b/')");
    picask_free(condition);
    picask_table_destroy(t);
}

/* Two rows of two columns of vectors; column `first` is null in the second row where that is asked for. */
static void two_vectors(const char *first, const char *second, bool with_null)
{
    struct ArrowSchema schema;
    struct ArrowArray column[2], batch;
    struct ArrowArrayStream stream;
    arrow_builder b;
    lancelet_table *t = NULL;
    float v[24] = {1};
    assert_ok(arrow_schema_init(&schema, "+s", "", false, 2, &error), error);
    for (int i = 0; i < 2; i++) {
        assert_ok(
            arrow_schema_init(schema.children[i], i ? "+w:24" : "+w:3", i ? second : first, true, 1, &error),
            error);
        assert_ok(arrow_schema_init(schema.children[i]->children[0], "f", "item", true, 0, &error), error);
        assert_ok(arrow_builder_init(&b, schema.children[i], &error), error);
        assert_true(arrow_append_vector(&b, v));
        assert_true(i == 0 && with_null ? arrow_append_null(&b) : arrow_append_vector(&b, v));
        assert_ok(arrow_builder_finish(&b, &column[i], &error), error);
    }
    assert_ok(arrow_batch_make(column, 2, 2, &batch, &error), error);
    assert_ok(arrow_stream_make(&schema, &batch, 1, &stream, &error), error);
    assert_ok(base_dir_make(at("db"), &error), error);
    assert_ok(lancelet_table_create(at("db/two.lance"), &stream, NULL, 0, NULL, &t, &error), error);
    lancelet_table_destroy(t);
}

static picask_status open_two(const char *column, picask_table **out)
{
    picask_table_options o = PICASK_TABLE_OPTIONS_INIT;
    o.vector_column = column;
    return picask_table_open(at("db"), "two", &o, out, &error);
}

static void of_several_columns_of_vectors_one_must_be_named(void **state)
{
    (void)state;
    picask_table *t = NULL;
    picask_results *r = NULL;
    const float v[24] = {1};
    two_vectors("a", "b", false);
    assert_ok(open_two(NULL, &t), error);
    assert_int_equal(picask_table_dim(t), 0);
    assert_null(picask_table_vector_column(t));
    assert_int_equal(picask_search_vector(t, v, 3, NULL, &r, &error), LANCELET_INVALID);
    assert_string_equal(
        error.text, "table 'two' has several columns of vectors: a (3 numbers), b (24 numbers); say which: "
                    "--vector-column a");
    picask_table_destroy(t);
    assert_ok(open_two("b", &t), error);
    assert_int_equal(picask_table_dim(t), 24);
    assert_ok(picask_search_vector(t, v, 24, NULL, &r, &error), error);
    assert_int_equal(picask_results_count(r), 2);
    picask_results_destroy(r);
    assert_int_equal(picask_search_text(t, "x", NULL, &r, &error), LANCELET_INVALID);
    assert_non_null(strstr(error.text, "which model made its column 'b' (24 numbers a row)"));
    picask_table_destroy(t);
    assert_int_equal(open_two("c", &t), LANCELET_INVALID);
}

static void a_column_called_vector_is_the_one(void **state)
{
    (void)state;
    picask_table *t = NULL;
    two_vectors("a", "vector", false);
    assert_ok(open_two(NULL, &t), error);
    assert_int_equal(picask_table_dim(t), 24);
    assert_string_equal(picask_table_vector_column(t), "vector");
    picask_table_destroy(t);
}

static void the_tables_metadata_says_which_column_it_describes(void **state)
{
    (void)state;
    picask_table *t = NULL;
    lancelet_change change = LANCELET_CHANGE_INIT;
    const lancelet_key_value kv[2] = {{GALLERY_KEY_VECTOR, "b"}, {GALLERY_KEY_MODEL, "toy"}};
    two_vectors("vector", "b", false);
    assert_ok(open_two(NULL, &t), error);
    change.schema_metadata = kv;
    change.n_schema_metadata = 2;
    assert_ok(lancelet_table_commit(picask_table_lance(t), &change, NULL, NULL, &error), error);
    picask_table_destroy(t);
    assert_ok(open_two(NULL, &t), error);
    assert_string_equal(picask_table_vector_column(t), "b");
    assert_string_equal(picask_table_model_name(t), "toy");
    picask_table_destroy(t);
    assert_ok(open_two("vector", &t), error);
    assert_null(picask_table_model_name(t));
    picask_table_destroy(t);
}

static void a_row_without_a_vector_is_never_found_nor_shared(void **state)
{
    (void)state;
    picask_table *t = NULL;
    picask_results *r = NULL;
    const float v[3] = {1};
    bool has = true;
    two_vectors("a", "b", true);
    assert_ok(open_two("a", &t), error);
    assert_ok(picask_search_vector(t, v, 3, NULL, &r, &error), error);
    assert_int_equal(picask_results_count(r), 1);
    picask_results_destroy(r);
    assert_ok(gallery_has_vector(t, 1, &has, &error), error);
    assert_false(has);
    assert_ok(gallery_has_vector(t, 0, &has, &error), error);
    assert_true(has);
    assert_int_equal(picask_search_id(t, 1, NULL, &r, &error), LANCELET_INVALID);
    assert_string_equal(error.text, "row 1 of table 'two' has no vector");
    picask_table_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_old_version_is_opened_by_number_and_by_tag, fresh_folder),
        cmocka_unit_test_setup(restoring_brings_rows_back_and_gives_no_id_twice, fresh_folder),
        cmocka_unit_test_setup(an_index_run_keeps_upkeep_out, fresh_folder),
        cmocka_unit_test_setup(a_broken_newest_version_names_the_command_that_helps, fresh_folder),
        cmocka_unit_test_setup(rows_below_a_folder_are_a_condition_on_the_uri, fresh_folder),
        cmocka_unit_test_setup(of_several_columns_of_vectors_one_must_be_named, fresh_folder),
        cmocka_unit_test_setup(a_column_called_vector_is_the_one, fresh_folder),
        cmocka_unit_test_setup(the_tables_metadata_says_which_column_it_describes, fresh_folder),
        cmocka_unit_test_setup(a_row_without_a_vector_is_never_found_nor_shared, fresh_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
