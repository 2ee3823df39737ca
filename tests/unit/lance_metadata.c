/* Changes of a schema's metadata as a commit of their own, and what an overwrite would be told before it begins. */
#include "lance_rows.h"

static lancelet_status set(const lancelet_table *t, const char *key, const char *value, lancelet_table **out,
                           lancelet_error *err)
{
    lancelet_key_value kv = {key, value};
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.schema_metadata = &kv;
    c.n_schema_metadata = 1;
    return lancelet_table_commit(t, &c, &rows_unsynced, out, err);
}

static void assert_value(const lancelet_table *t, const char *key, const char *value)
{
    const char *now = lancelet_table_schema_metadata(t, key);
    if (value)
        assert_string_equal(now, value);
    else
        assert_null(now);
}

static void keys_of_the_schemas_metadata_are_set_and_removed_and_the_others_stay(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL, *v = NULL, *w = NULL;
    assert_ok(set(t, "colour", "red", &u, &err), err);
    assert_value(u, "colour", "red");
    assert_value(u, "made", "by a test");
    assert_value(t, "colour", NULL);
    assert_int_equal(rows_count(u), 5);
    assert_ok(set(u, "colour", "blue", &v, &err), err);
    assert_value(v, "colour", "blue");
    assert_ok(set(v, "made", NULL, &w, &err), err);
    assert_value(w, "made", NULL);
    assert_value(w, "colour", "blue");
    lancelet_table *again = newest();
    assert_value(again, "made", NULL);
    assert_value(again, "colour", "blue");
    assert_int_equal(rows_version(again), 4);
    lancelet_table_destroy(again);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
    lancelet_table_destroy(w);
}

static void metadata_and_config_change_in_one_commit(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(2), *u = NULL;
    lancelet_key_value config = {"a", "1"}, metadata[] = {{"b", "2"}, {"made", "anew"}};
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.config = &config;
    c.n_config = 1;
    c.schema_metadata = metadata;
    c.n_schema_metadata = 2;
    assert_ok(lancelet_table_commit(t, &c, &rows_unsynced, &u, &err), err);
    assert_string_equal(lancelet_table_config(u, "a"), "1");
    assert_value(u, "b", "2");
    assert_value(u, "made", "anew");
    assert_int_equal(rows_version(u), 2);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void metadata_is_changed_without_rows_and_is_utf8(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(2);
    struct ArrowArrayStream s;
    lancelet_key_value kv = {"b", "2"};
    lancelet_change c = LANCELET_CHANGE_INIT;
    assert_ok(rows_stream(0, 1, &s, &err), err);
    c.rows = &s;
    c.schema_metadata = &kv;
    c.n_schema_metadata = 1;
    assert_int_equal(lancelet_table_commit(t, &c, &rows_unsynced, NULL, &err), LANCELET_INVALID);
    assert_true(strstr(err.text, "in a commit of its own") != NULL);
    assert_int_equal(set(t, "", "x", NULL, &err), LANCELET_INVALID);
    assert_int_equal(set(t, "k", "\xff", NULL, &err), LANCELET_INVALID);
    assert_true(strstr(err.text, "a metadata value") != NULL);
    lancelet_table_destroy(t);
}

static void rows_that_another_writer_added_meanwhile_stay(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL, *v = NULL;
    assert_ok(rows_add(t, 5, 3, &u, &err), err);
    assert_ok(set(t, "colour", "red", &v, &err), err);
    assert_int_equal(rows_count(v), 8);
    assert_value(v, "colour", "red");
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
}

static void a_key_that_another_writer_set_meanwhile_is_a_conflict(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *v = NULL;
    assert_ok(set(t, "colour", "red", NULL, &err), err);
    assert_int_equal(set(t, "colour", "blue", NULL, &err), LANCELET_CONFLICT);
    assert_true(strstr(err.text, "'colour'") != NULL);
    assert_ok(set(t, "shape", "round", &v, &err), err);
    assert_value(v, "colour", "red");
    assert_value(v, "shape", "round");
    lancelet_table_destroy(t);
    lancelet_table_destroy(v);
}

static void an_overwrite_hears_of_a_column_that_is_not_written_before_it_begins(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(1);
    struct ArrowSchema s = {0};
    assert_ok(rows_schema(&s, &err), err);
    assert_ok(lancelet_table_check_overwrite(t, &s, &err), err);
    arrow_schema_release(&s);
    assert_ok(arrow_schema_init(&s, "+s", "", false, 1, &err), err);
    assert_ok(arrow_schema_init(s.children[0], "tiD", "words", true, 0, &err), err);
    assert_int_equal(lancelet_table_check_overwrite(t, &s, &err), LANCELET_UNSUPPORTED);
    assert_true(strstr(err.text, "'words'") != NULL);
    arrow_schema_release(&s);
    assert_int_equal(lancelet_table_check_overwrite(t, NULL, &err), LANCELET_INVALID);
    lancelet_table_destroy(t);
}

static void an_overwrite_of_a_table_that_is_not_written_here_is_refused_before_it_begins(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(1);
    base_buffer extra = {0};
    struct ArrowSchema s = {0};
    assert_true(wire_put_varint(&extra, 10, TABLE_FLAG_STABLE_ROW_IDS));
    derive_with(t, &extra, 2);
    lancelet_table *u = newest();
    assert_ok(lancelet_table_schema(u, &s, &err), err);
    assert_int_equal(lancelet_table_check_overwrite(u, &s, &err), LANCELET_UNSUPPORTED);
    arrow_schema_release(&s);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    base_buffer_free(&extra);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_the_schemas_metadata_are_set_and_removed_and_the_others_stay),
        cmocka_unit_test(metadata_and_config_change_in_one_commit),
        cmocka_unit_test(metadata_is_changed_without_rows_and_is_utf8),
        cmocka_unit_test(rows_that_another_writer_added_meanwhile_stay),
        cmocka_unit_test(a_key_that_another_writer_set_meanwhile_is_a_conflict),
        cmocka_unit_test(an_overwrite_hears_of_a_column_that_is_not_written_before_it_begins),
        cmocka_unit_test(an_overwrite_of_a_table_that_is_not_written_here_is_refused_before_it_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
