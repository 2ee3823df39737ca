/* gallery_table.c - databases and tables, which model a table takes, and tables that were made elsewhere. */
#include "gallery_support.h"

#include <math.h>

#include "arrow/arrow.h"
#include "gallery/gallery.h"

static void tables_are_listed_by_name(void **state)
{
    (void)state;
    char **names = NULL;
    size_t n = 9;
    picask_table *t = NULL;
    assert_ok(picask_tables(at("db"), &names, &n, &error), error);
    assert_int_equal(n, 0);
    picask_names_free(names, n);
    for (int i = 0; i < 3; i++) {
        assert_ok(picask_table_create(at("db"), (const char *[]){"b", "a-b", "a"}[i], "toy", 0, &t, &error),
                  error);
        picask_table_destroy(t);
    }
    write_text("db/file.lance", "no folder");
    assert_ok(base_dir_make(at("db/folder"), &error), error);
    assert_ok(picask_tables(at("db"), &names, &n, &error), error);
    assert_int_equal(n, 3);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "a-b");
    assert_string_equal(names[2], "b");
    picask_names_free(names, n);
}

static void two_tables_of_a_database_do_not_meet(void **state)
{
    (void)state;
    picask_index_options o = toy_options();
    const char *one = at("one"), *two = at("two");
    write_picture("one/a.png", 1);
    write_picture("two/b.png", 2);
    assert_ok(picask_index(at("db"), "one", &one, 1, &o, &report, &error), error);
    assert_ok(picask_index(at("db"), "two", &two, 1, &o, &report, &error), error);
    assert_int_equal(report.added, 1);
    picask_table *t = NULL;
    picask_results *r = NULL;
    assert_ok(picask_table_open(at("db"), "two", NULL, &t, &error), error);
    assert_int_equal(rows_of(t), 1);
    assert_int_equal(row_of(t, "two/b.png", &r)->id, 0);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void a_dropped_table_is_gone(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    index_ok("in");
    assert_ok(picask_table_drop(at("db"), "pictures", &error), error);
    picask_table *t = NULL;
    assert_int_equal(picask_table_open(at("db"), "pictures", NULL, &t, &error), LANCELET_NOT_FOUND);
    assert_int_equal(picask_table_drop(at("db"), "pictures", &error), LANCELET_NOT_FOUND);
    index_ok("in");
    assert_int_equal(report.added, 1);
}

static void a_missing_table_names_the_command_that_makes_it(void **state)
{
    (void)state;
    picask_table *t = NULL;
    setenv("HOME", "/home/ann", 1);
    assert_int_equal(picask_table_open("/home/ann/x", "pictures", NULL, &t, &error), LANCELET_NOT_FOUND);
    assert_string_equal(error.text, "no table 'pictures' in ~/x; make one: picask index ~/Pictures");
    assert_int_equal(picask_table_open("/home/anna", "docs", NULL, &t, &error), LANCELET_NOT_FOUND);
    assert_string_equal(error.text,
                        "no table 'docs' in /home/anna; make one: picask index ~/Pictures -t docs");
    assert_int_equal(picask_table_open("/home/ann", "../docs", NULL, &t, &error), LANCELET_INVALID);
    assert_int_equal(picask_table_open("/home/ann", "", NULL, &t, &error), LANCELET_INVALID);
    assert_int_equal(picask_table_open("/home/ann", ".x", NULL, &t, &error), LANCELET_INVALID);
}

static void a_new_table_has_the_documented_columns(void **state)
{
    (void)state;
    static const char *const expected[][2] = {
        {"vector", "+w:24"}, {"text", "u"},      {"id", "l"},     {"uri", "u"},      {"image", "z"},
        {"width", "i"},      {"height", "i"},    {"size", "l"},   {"taken", "tsu:"}, {"modified", "tsu:"},
        {"latitude", "g"},   {"longitude", "g"}, {"camera", "u"}, {"sha256", "u"},
    };
    picask_table *t = NULL;
    struct ArrowSchema schema;
    assert_ok(picask_table_create(at("db"), "x", "toy", 0, &t, &error), error);
    assert_ok(lancelet_table_schema(picask_table_lance(t), &schema, &error), error);
    assert_int_equal(schema.n_children, 14);
    for (int i = 0; i < 14; i++) {
        assert_string_equal(schema.children[i]->name, expected[i][0]);
        assert_string_equal(schema.children[i]->format, expected[i][1]);
        assert_int_equal((schema.children[i]->flags & ARROW_FLAG_NULLABLE) != 0, i > 0);
    }
    schema.release(&schema);
    assert_int_equal(picask_table_create(at("db"), "x", "toy", 0, &t, &error), LANCELET_CONFLICT);
    picask_table_destroy(t);
}

static void a_table_takes_its_own_model_under_any_name(void **state)
{
    (void)state;
    picask_table_options o = PICASK_TABLE_OPTIONS_INIT;
    picask_table *t = NULL;
    write_picture("in/a.png", 1);
    index_ok("in");
    o.model = "./" FIXTURES "/model/toy.safetensors";
    assert_ok(picask_table_open(at("db"), "pictures", &o, &t, &error), error);
    picask_table_destroy(t);
    o.model = "ViT-B-32/openai";
    assert_int_equal(picask_table_open(at("db"), "pictures", &o, &t, &error), LANCELET_INVALID);
    assert_string_equal(error.text, "table 'pictures' was made with toy, you asked for ViT-B-32/openai; change it: picask "
                                    "table reembed -m ViT-B-32/openai");
    picask_index_options i = toy_options();
    i.model = "other";
    assert_int_equal(run_index(at("in"), &i), LANCELET_INVALID);
    assert_string_equal(error.text, "there is no model 'other'; see: picask model list");
}

static void an_unknown_model_names_the_command_that_lists_them(void **state)
{
    (void)state;
    picask_model *m = NULL;
    assert_int_equal(picask_model_open("nothing", NULL, &m, &error), LANCELET_NOT_FOUND);
    assert_string_equal(error.text, "there is no model 'nothing'; see: picask model list");
    assert_int_equal(picask_model_open("", NULL, &m, &error), LANCELET_INVALID);
    assert_string_equal(picask_model_names()[0], "mini-1");
    assert_string_equal(gallery_model_canonical("Mini"), "mini-1");
}

/* ---- tables made elsewhere ---- */

/* Table `docs` with the columns `embedding` [24], `caption`, and `id` int32 when with_id; rows of length `norm`. */
static void foreign_table(bool with_id, float norm)
{
    struct ArrowSchema schema;
    struct ArrowArray columns[3], batch;
    struct ArrowArrayStream stream;
    arrow_builder b[3];
    size_t n = with_id ? 3 : 2;
    assert_ok(arrow_schema_init(&schema, "+s", "", false, n, &error), error);
    assert_ok(arrow_schema_init(schema.children[0], "+w:24", "embedding", true, 1, &error), error);
    assert_ok(arrow_schema_init(schema.children[0]->children[0], "f", "item", true, 0, &error), error);
    assert_ok(arrow_schema_init(schema.children[1], "u", "caption", true, 0, &error), error);
    if (with_id)
        assert_ok(arrow_schema_init(schema.children[2], "i", "id", true, 0, &error), error);
    for (size_t c = 0; c < n; c++)
        assert_ok(arrow_builder_init(&b[c], schema.children[c], &error), error);
    for (int i = 0; i < 5; i++) {
        float v[24] = {0};
        v[i] = norm;
        assert_true(arrow_append_vector(&b[0], v));
        assert_true(arrow_append_bytes(&b[1], &"abcde"[i], 1));
        if (with_id)
            assert_true(arrow_append_int(&b[2], 10 + i));
    }
    for (size_t c = 0; c < n; c++)
        assert_ok(arrow_builder_finish(&b[c], &columns[c], &error), error);
    assert_ok(arrow_batch_make(columns, n, 5, &batch, &error), error);
    assert_ok(arrow_stream_make(&schema, &batch, 1, &stream, &error), error);
    lancelet_table *t = NULL;
    assert_ok(base_dir_make(at("db"), &error), error);
    assert_ok(lancelet_table_create(at("db/docs.lance"), &stream, NULL, 0, NULL, &t, &error), error);
    lancelet_table_destroy(t);
}

static picask_table *open_docs(const char *name)
{
    picask_table *t = NULL;
    picask_table_options o = PICASK_TABLE_OPTIONS_INIT;
    o.model = name;
    assert_ok(picask_table_open(at("db"), "docs", &o, &t, &error), error);
    return t;
}

static void a_table_made_elsewhere_is_searched(void **state)
{
    (void)state;
    picask_results *r = NULL;
    float v[24] = {0};
    v[2] = 1;
    foreign_table(false, 1);
    picask_table *t = open_docs(NULL);
    assert_int_equal(picask_table_dim(t), 24);
    assert_null(picask_table_model_name(t));
    assert_ok(picask_search_vector(t, v, 24, NULL, &r, &error), error);
    assert_int_equal(picask_results_count(r), 5);
    assert_string_equal(picask_results_row(r, 0)->text, "c");
    assert_int_equal(picask_results_row(r, 0)->id, 2); /* the row address */
    assert_null(picask_results_row(r, 0)->uri);
    picask_results_destroy(r);
    const int64_t three = 3;
    assert_ok(picask_rows_by_id(t, &three, 1, &r, &error), error);
    assert_string_equal(picask_results_row(r, 0)->text, "d");
    picask_results_destroy(r);
    assert_int_equal(picask_search_text(t, "x", NULL, &r, &error), LANCELET_INVALID);
    assert_string_equal(error.text,
                        "table 'docs' (24 numbers a row) does not say which model made it; give -m NAME or "
                        "--vector FILE");
    picask_table_destroy(t);
    t = open_docs("toy");
    assert_ok(picask_search_text(t, "x", NULL, &r, &error), error);
    assert_int_equal(picask_results_count(r), 5);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void a_table_made_elsewhere_is_added_to_with_append(void **state)
{
    (void)state;
    const char *source = at("in/c.csv");
    picask_index_options o = toy_options();
    picask_results *r = NULL;
    foreign_table(true, 1);
    write_picture("in/a.png", 1);
    write_text("in/c.csv", "path,text\na.png,mine\n");
    assert_int_equal(picask_index(at("db"), "docs", &source, 1, &o, &report, &error), LANCELET_INVALID);
    assert_string_equal(error.text,
                        "table 'docs' has no columns uri and sha256 to look up what it holds; --append adds "
                        "without looking");
    o.append = true;
    o.model = NULL;
    assert_int_equal(picask_index(at("db"), "docs", &source, 1, &o, &report, &error), LANCELET_INVALID);
    assert_non_null(strstr(error.text, "does not say which model made it"));
    o.model = "toy";
    n_notes = 0;
    assert_ok(picask_index(at("db"), "docs", &source, 1, &o, &report, &error), error);
    assert_int_equal(n_notes, 0);
    picask_table *t = open_docs(NULL);
    assert_int_equal(rows_of(t), 6);
    const int64_t id = 15;
    assert_ok(picask_rows_by_id(t, &id, 1, &r, &error), error);
    assert_string_equal(picask_results_row(r, 0)->text, "mine");
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void vectors_added_to_raw_ones_get_their_length(void **state)
{
    (void)state;
    const char *source = at("in");
    picask_index_options o = toy_options();
    picask_results *r = NULL;
    float v[24];
    double square = 0;
    foreign_table(true, 10);
    write_picture("in/a.png", 1);
    o.append = true;
    notes[0] = 0;
    assert_ok(picask_index(at("db"), "docs", &source, 1, &o, &report, &error), error);
    assert_string_equal(
        notes, "1:the vectors of table 'docs' are not of unit length (10 on average): new ones are made that "
               "long\n");
    picask_table *t = open_docs(NULL);
    const int64_t id = 15;
    assert_ok(picask_rows_by_id(t, &id, 1, &r, &error), error);
    vector_of(t, picask_results_row(r, 0)->address, v);
    for (int i = 0; i < 24; i++)
        square += (double)v[i] * v[i];
    assert_true(fabs(sqrt(square) - 10) < 1e-4);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void a_model_of_another_size_does_not_fit(void **state)
{
    (void)state;
    picask_table *t = NULL;
    picask_table_options o = PICASK_TABLE_OPTIONS_INIT;
    assert_ok(picask_table_create(at("db"), "docs", NULL, 768, &t, &error), error);
    assert_null(picask_table_model_name(t));
    picask_table_destroy(t);
    o.model = "toy";
    assert_int_equal(picask_table_open(at("db"), "docs", &o, &t, &error), LANCELET_INVALID);
    assert_string_equal(error.text, "table 'docs' has vectors of 768, toy gives 24 (768 is ViT-L-14's)");
}

static void values_become_json(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        int64_t value;
        const char *json;
    } table[] = {
        {"i", -5, "-5"},
        {"b", 1, "true"},
        {"tsu:", 1, "\"1970-01-01T00:00:00.000001\""},
        {"tsu:UTC", 1000000, "\"1970-01-01T00:00:01Z\""},
        {"tsm:", -1000, "\"1969-12-31T23:59:59\""},
        {"tdD", 20000, "\"2024-10-04\""},
        {"tdD", INT32_MAX, "null"}, /* beyond 64 bits of microseconds */
        {"tdD", INT32_MIN, "null"},
        {"L", -1, "18446744073709551615"},
        {"tsn:", 1500, "\"1970-01-01T00:00:00.0000015\""},
        {"tsn:UTC", -1, "\"1969-12-31T23:59:59.999999999Z\""},
        {"tss:", INT64_MAX, "null"},
        {"tdm", 86400000, "\"1970-01-02\""},
        {"tts", 3601, "\"01:00:01\""},
        {"ttn", 1000000001, "\"00:00:01.000000001\""},
        {"tDs", -5, "-5"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct ArrowSchema schema;
        struct ArrowArray array;
        arrow_builder b;
        base_buffer json = {0};
        assert_ok(arrow_schema_init(&schema, table[i].format, "c", true, 0, &error), error);
        assert_ok(arrow_builder_init(&b, &schema, &error), error);
        assert_true(arrow_append_int(&b, table[i].value));
        assert_true(arrow_append_null(&b));
        assert_ok(arrow_builder_finish(&b, &array, &error), error);
        assert_ok(gallery_json_value(&json, &schema, &array, 0, &error), error);
        assert_int_equal(json.size, strlen(table[i].json));
        assert_memory_equal(json.data, table[i].json, json.size);
        assert_ok(gallery_json_value(&json, &schema, &array, 1, &error), error);
        assert_memory_equal(json.data + json.size - 4, "null", 4);
        base_buffer_free(&json);
        arrow_array_release(&array);
        arrow_schema_release(&schema);
    }
}

static void decimals_become_text(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        int64_t value;
        const char *json;
    } table[] = {
        {"d:5,2", -12345, "\"-123.45\""}, {"d:5,3", 0, "\"0.000\""},    {"d:5,0", 42, "\"42\""},
        {"d:5,-2", 7, "\"700\""},         {"d:5,4", -1, "\"-0.0001\""}, {"d:38,10", INT64_MAX, "\"922337203.6854775807\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t words[2] = {table[i].value, table[i].value < 0 ? -1 : 0};
        const void *buffers[2] = {NULL, words};
        struct ArrowSchema schema;
        const struct ArrowArray array = {.length = 1, .n_buffers = 2, .buffers = buffers};
        base_buffer json = {0};
        assert_ok(arrow_schema_init(&schema, table[i].format, "c", true, 0, &error), error);
        assert_ok(gallery_json_value(&json, &schema, &array, 0, &error), error);
        assert_int_equal(json.size, strlen(table[i].json));
        assert_memory_equal(json.data, table[i].json, json.size);
        base_buffer_free(&json);
        arrow_schema_release(&schema);
    }
}

static void a_dictionarys_values_become_json_as_themselves(void **state)
{
    (void)state;
    const int32_t offsets[3] = {0, 3, 4};
    const int8_t indices[3] = {1, 0, 7}; /* the last is none of the dictionary's */
    const uint8_t validity = 5;          /* the second value is null */
    const void *value_buffers[3] = {NULL, offsets, "dogx"}, *index_buffers[2] = {&validity, indices};
    struct ArrowArray values = {.length = 2, .n_buffers = 3, .buffers = value_buffers};
    const struct ArrowArray array = {
        .length = 3, .null_count = 1, .n_buffers = 2, .buffers = index_buffers, .dictionary = &values};
    struct ArrowSchema names = {.format = "u", .name = "", .flags = ARROW_FLAG_NULLABLE};
    const struct ArrowSchema schema = {.format = "c", .name = "kind", .flags = ARROW_FLAG_NULLABLE, .dictionary = &names};
    base_buffer json = {0};
    for (int64_t i = 0; i < 3; i++)
        assert_ok(gallery_json_value(&json, &schema, &array, i, &error), error);
    assert_int_equal(json.size, strlen("\"x\"nullnull"));
    assert_memory_equal(json.data, "\"x\"nullnull", json.size);
    base_buffer_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tables_are_listed_by_name, fresh_folder),
        cmocka_unit_test_setup(two_tables_of_a_database_do_not_meet, fresh_folder),
        cmocka_unit_test_setup(a_dropped_table_is_gone, fresh_folder),
        cmocka_unit_test_setup(a_missing_table_names_the_command_that_makes_it, fresh_folder),
        cmocka_unit_test_setup(a_new_table_has_the_documented_columns, fresh_folder),
        cmocka_unit_test_setup(a_table_takes_its_own_model_under_any_name, fresh_folder),
        cmocka_unit_test_setup(an_unknown_model_names_the_command_that_lists_them, fresh_folder),
        cmocka_unit_test_setup(a_table_made_elsewhere_is_searched, fresh_folder),
        cmocka_unit_test_setup(a_table_made_elsewhere_is_added_to_with_append, fresh_folder),
        cmocka_unit_test_setup(vectors_added_to_raw_ones_get_their_length, fresh_folder),
        cmocka_unit_test_setup(a_model_of_another_size_does_not_fit, fresh_folder),
        cmocka_unit_test(values_become_json),
        cmocka_unit_test(decimals_become_text),
        cmocka_unit_test(a_dictionarys_values_become_json_as_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
