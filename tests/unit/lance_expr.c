/* Conditions over small arrays: what tests/peers/table_conditions.py does not reach (sentences, limits, lack of memory, values).
 * Rows that are expected are LanceDB's 0.40 for the same condition over the same values, unless a comment says otherwise. */
#include "support.h"

#include "base/fault.h"
#include "lance/expr/tree.h"

enum { ROWS = 6 };
static const char *const formats[] = {"l", "c", "f", "u", "b", "tdD", "tsu:"};
static const char *const names[] = {"id", "small", "f", "text", "flag", "day", "Taken"};
enum { COLUMNS = sizeof formats / sizeof formats[0] };
#define NOW INT64_C(1772323200000000) /* 2026-03-01 */

typedef struct rows {
    struct ArrowSchema schema, result;
    struct ArrowArray column[COLUMNS];
} rows;

static void fill(arrow_builder *b, size_t column)
{
    static const char *const texts[ROWS] = {"a dog", "", NULL, "DOG", "\xC3\xBC", "cat"};
    for (int64_t k = 0; k < ROWS; k++) {
        bool ok;
        if (column == 3)
            ok = texts[k] ? arrow_append_bytes(b, texts[k], strlen(texts[k])) : arrow_append_null(b);
        else if (k == 2 && column > 0)
            ok = arrow_append_null(b);
        else if (column == 2)
            ok = arrow_append_double(b, (double)k / 10);
        else if (column == 4)
            ok = arrow_append_int(b, k % 2);
        else if (column == 6)
            ok = arrow_append_int(b, NOW - k * INT64_C(86400000000));
        else
            ok = arrow_append_int(b, column == 5 ? 20513 - k : k);
        assert_true(ok);
    }
}

static int make_rows(void **state)
{
    rows *r = calloc(1, sizeof *r);
    lancelet_error err;
    assert_int_equal(arrow_schema_init(&r->schema, "+s", "", false, COLUMNS, &err), LANCELET_OK);
    for (size_t i = 0; i < COLUMNS; i++) {
        arrow_builder b;
        assert_int_equal(arrow_schema_init(r->schema.children[i], formats[i], names[i], true, 0, &err), LANCELET_OK);
        assert_int_equal(arrow_builder_init(&b, r->schema.children[i], &err), LANCELET_OK);
        fill(&b, i);
        assert_int_equal(arrow_builder_finish(&b, &r->column[i], &err), LANCELET_OK);
    }
    *state = r;
    return 0;
}

static int free_rows(void **state)
{
    rows *r = *state;
    for (size_t i = 0; i < COLUMNS; i++)
        arrow_array_release(&r->column[i]);
    arrow_schema_release(&r->schema);
    free(r);
    return 0;
}

static void used_columns(const rows *r, const lance_expr *e, struct ArrowArray *used)
{
    size_t n;
    const size_t *column = lance_expr_columns(e, &n);
    for (size_t i = 0; i < n; i++)
        used[i] = r->column[column[i]];
}

static lancelet_status test(const rows *r, const char *text, char found[ROWS + 1], lancelet_error *err)
{
    lance_expr *e;
    struct ArrowArray used[COLUMNS];
    uint8_t keep[ROWS];
    RETURN_IF_ERROR(lance_expr_compile(text, &r->schema, NULL, NOW, &e, err));
    used_columns(r, e, used);
    lancelet_status status = lance_expr_test(e, used, ROWS, keep, err);
    for (size_t i = 0; status == LANCELET_OK && i < ROWS; i++)
        found[i] = (char)('0' + keep[i]);
    found[ROWS] = '\0';
    lance_expr_free(e);
    return status;
}

static void finds(void **state, const char *text, const char *wanted)
{
    char found[ROWS + 1];
    lancelet_error err;
    if (test(*state, text, found, &err) != LANCELET_OK)
        fail_msg("%s: %s", text, err.text);
    if (strcmp(found, wanted) != 0)
        fail_msg("%s: %s, not %s", text, found, wanted);
}

static void refuses(void **state, const char *text, lancelet_status status, const char *sentence)
{
    char found[ROWS + 1];
    lancelet_error err = {0};
    assert_int_equal(test(*state, text, found, &err), status);
    assert_string_equal(err.text, sentence);
}

static void comparisons_and_null_follow_three_valued_logic(void **state)
{
    finds(state, "id > 3", "000011");
    finds(state, "small <> 1", "100111");
    finds(state, "not (small = 1 or flag)", "100010");
    finds(state, "small = null", "000000");
    finds(state, "small not in (1, null)", "000000");
    finds(state, "small in (1, null)", "010000");
    finds(state, "small is null", "001000");
    finds(state, "flag is not true", "101010");
    finds(state, "id between 2 and 3 and flag", "000100");
    finds(state, "not (flag = (id > 2))", "010010");
}

static void text_is_found_by_patterns_and_functions(void **state)
{
    finds(state, "text like '%dog%'", "100000");
    finds(state, "text ilike '%dog'", "100100");
    finds(state, "text ilike '\xC3\x9C'", "000010");
    finds(state, "upper(text) = '\xC3\x9C' or text = ''", "010010");
    finds(state, "length(text) = 1", "000010");
    finds(state, "coalesce(text, 'none') = 'none'", "001000");
}

static void a_float_column_takes_the_nearest_literal(void **state)
{
    finds(state, "f = 0.1", "010000");
    finds(state, "not (f <> 0.1)", "000000");
}

/* LanceDB knows no intervals. */
static void an_interval_is_taken_from_now(void **state)
{
    finds(state, "taken > now() - interval '3 days'", "110000");
    finds(state, "day >= date '2026-02-28' - interval '1 day'", "110000");
    finds(state, "Taken = timestamp '2026-02-28T01:00:00+01:00'", "010000");
}

static void a_division_by_zero_counts_where_it_matters(void **state)
{
    finds(state, "id <> 0 and 10 / id > 3", "011000");
    refuses(state, "10 / id > 3", LANCELET_INVALID, "a division by zero");
}

static void a_mistake_is_one_sentence_with_its_position(void **state)
{
    refuses(state, "dat = 1", LANCELET_INVALID,
            "no column 'dat' at position 1; columns: id, small, f, text, flag, day, Taken");
    refuses(state, "id > 'abc'", LANCELET_INVALID, "'abc' at position 6 cannot be compared with id (int64)");
    refuses(state, "\xC3\xBC = 1 or x", LANCELET_INVALID,
            "no column '\xC3\xBC' at position 1; columns: id, small, f, text, flag, day, Taken");
    refuses(state, "text = 3", LANCELET_INVALID, "3 at position 8 cannot be compared with text (string)");
    refuses(state, "id", LANCELET_INVALID, "id at position 1 is of type int64 where true or false is wanted");
    refuses(state, "id > 3 and", LANCELET_INVALID, "a value is missing at the end (position 11)");
    refuses(state, "text = 'abc", LANCELET_INVALID, "the ' at position 8 is not closed");
    refuses(state, "soundex(text) = 1", LANCELET_UNSUPPORTED, "the function soundex() at position 1 is not known here");
}

static void columns_are_those_that_are_read_in_order(void **state)
{
    rows *r = *state;
    lance_expr *e;
    lancelet_error err;
    size_t n;
    assert_int_equal(lance_expr_compile("flag and id > 3 or id < 1", &r->schema, NULL, NOW, &e, &err), LANCELET_OK);
    const size_t *column = lance_expr_columns(e, &n);
    assert_int_equal(n, 2);
    assert_int_equal(column[0], 0);
    assert_int_equal(column[1], 4);
    lance_expr_free(e);
}

static void nesting_has_an_end_and_long_chains_have_none(void **state)
{
    rows *r = *state;
    lance_expr *e;
    lancelet_error err;
    base_buffer deep = {0}, chain = {0};
    for (int i = 0; i < 10000; i++)
        assert_true(base_buffer_append_string(&deep, "("));
    char *text = base_buffer_to_string(&deep);
    assert_int_equal(lance_expr_compile(text, &r->schema, NULL, NOW, &e, &err), LANCELET_LIMIT);
    base_free(text);
    for (int i = 0; i < 10000; i++)
        assert_true(base_buffer_printf(&chain, "id = %d or ", i + 3));
    assert_true(base_buffer_append_string(&chain, "id in (1"));
    for (int i = 0; i < 100000; i++)
        assert_true(base_buffer_printf(&chain, ", %d", i + 100));
    assert_true(base_buffer_append_string(&chain, ")"));
    text = base_buffer_to_string(&chain);
    finds(state, text, "010111");
    base_free(text);
}

static lancelet_status values_of(const rows *r, const char *text, const struct ArrowSchema *type, struct ArrowArray *out,
                                 lancelet_error *err)
{
    lance_expr *e;
    struct ArrowArray used[COLUMNS];
    RETURN_IF_ERROR(lance_expr_compile(text, &r->schema, type, NOW, &e, err));
    used_columns(r, e, used);
    lancelet_status status = lance_expr_values(e, used, ROWS, out, err);
    lance_expr_free(e);
    return status;
}

static void values_go_into_the_columns_type(void **state)
{
    rows *r = *state;
    struct ArrowArray a;
    lancelet_error err;
    int64_t v;
    assert_int_equal(values_of(r, "id * 10", r->schema.children[1], &a, &err), LANCELET_OK);
    assert_true(arrow_int(r->schema.children[1], &a, 5, &v));
    assert_int_equal(v, 50);
    arrow_array_release(&a);
    assert_int_equal(values_of(r, "id * 100", r->schema.children[1], &a, &err), LANCELET_INVALID);
    assert_string_equal(err.text, "200 does not fit into int8");
    struct ArrowSchema wide;
    assert_int_equal(arrow_schema_init(&wide, "d:50,6,256", "wide", true, 0, &err), LANCELET_OK);
    assert_int_equal(values_of(r, "null", &wide, &a, &err), LANCELET_OK);
    assert_true(arrow_is_null(&a, 0) && a.length == ROWS);
    arrow_array_release(&a);
    assert_int_equal(values_of(r, "1", &wide, &a, &err), LANCELET_UNSUPPORTED);
    arrow_schema_release(&wide);
    assert_int_equal(values_of(r, "null", r->schema.children[3], &a, &err), LANCELET_OK);
    assert_true(arrow_is_null(&a, 0));
    arrow_array_release(&a);
}

static void a_list_literal_becomes_a_vector(void **state)
{
    rows *r = *state;
    struct ArrowSchema vector;
    struct ArrowArray a;
    lancelet_error err;
    size_t dim;
    assert_int_equal(arrow_schema_init(&vector, "+w:3", "vector", true, 1, &err), LANCELET_OK);
    assert_int_equal(arrow_schema_init(vector.children[0], "f", "item", true, 0, &err), LANCELET_OK);
    assert_int_equal(values_of(r, "[1, 2.5, -3]", &vector, &a, &err), LANCELET_OK);
    const float *v = arrow_vector(&vector, &a, 5, &dim);
    assert_non_null(v);
    assert_true(v[0] == 1 && v[1] == 2.5f && v[2] == -3);
    arrow_array_release(&a);
    assert_int_equal(values_of(r, "[1, 2]", &vector, &a, &err), LANCELET_INVALID);
    assert_string_equal(err.text, "the list at position 1 has 2 values where vector has 3");
    arrow_schema_release(&vector);
}

/* Nested, BETWEEN and IN compute what they compare once; the text of a million literals is no more than they are. */
static void hostile_texts_end_soon(void **state)
{
    rows *r = *state;
    lance_expr *e;
    lancelet_error err;
    base_buffer nested = {0}, many = {0}, wide = {0}, wrong = {0};
    assert_true(base_buffer_append_string(&nested, "flag"));
    for (int i = 0; i < 60; i++)
        assert_true(base_buffer_printf(&nested, " %s", i % 2 ? "in (flag, true)" : "between flag and true"));
    char *text = base_buffer_to_string(&nested);
    finds(state, text, "110111");
    base_free(text);
    assert_true(base_buffer_append_string(&many, "id in (1"));
    for (int i = 0; i < EXPR_NODE_LIMIT; i++)
        assert_true(base_buffer_append_string(&many, ",1"));
    text = base_buffer_to_string(&many);
    assert_int_equal(lance_expr_compile(text, &r->schema, NULL, NOW, &e, &err), LANCELET_LIMIT);
    base_free(text);
    for (int i = 0; i < 1 << 14; i++) { /* a balanced tree of sums */
        assert_true(base_buffer_append_string(&wide, i ? "+" : ""));
        for (int bit = i ? __builtin_ctz((unsigned)i) : 14; bit > 0; bit--)
            assert_true(base_buffer_append_string(&wide, "("));
        assert_true(base_buffer_append_string(&wide, "id"));
        for (int bit = i + 1 < 1 << 14 ? __builtin_ctz((unsigned)i + 1) : 14; bit > 0; bit--)
            assert_true(base_buffer_append_string(&wide, ")"));
    }
    assert_true(base_buffer_append_string(&wide, " > 3"));
    text = base_buffer_to_string(&wide);
    refuses(state, text, LANCELET_LIMIT, "a condition that needs more than 10000 values of a row at a time");
    base_free(text);
    assert_true(base_buffer_append_string(&wrong, "small > 3"));
    for (int i = 0; i < 50000; i++) /* 300 goes into no int8: the sentence about it is made and dropped */
        assert_true(base_buffer_append_string(&wrong, " or small > 300 + 1"));
    text = base_buffer_to_string(&wrong);
    finds(state, text, "000011");
    base_free(text);
}

/* LanceDB refuses dates beyond the nanoseconds of now(). */
static void placeholder_dates_compare_with_now(void **state)
{
    finds(state, "cast('0001-01-01' as date) < now() and day < now()", "010111");
    finds(state, "date '9999-12-31' > now() and not (day > timestamp(9) '2026-03-01')", "110111");
    finds(state, "coalesce(day, date '0001-01-01') between date '0001-01-01' and now()", "111111");
    finds(state, "coalesce(day, date '9999-12-31') in (now(), date '9999-12-31')", "101000");
}

static void bounds_of_literals_are_those_of_two_comparisons(void **state)
{
    finds(state, "id between 1 and 4", "011110");
    finds(state, "small not between 1 and 3", "100011");
    finds(state, "f between 0.1 and 0.3 and not (f not between 0.1 and 0.4)", "010100");
    finds(state, "text between 'a' and 'b'", "100000");
    finds(state, "id + 1 not between 2 and id + 1", "100000");
    finds(state, "small between null and 3", "000000");
    finds(state, "small not between null and 3", "000011");
    finds(state, "small between 4 and 1", "000000");
}

static void what_holds_several_values_goes_into_no_function_of_one(void **state)
{
    refuses(state, "greatest(interval '1 day', interval '2 days') is null", LANCELET_INVALID,
            "greatest(): interval '1 day' at position 10 is of type interval where a number, text, truth, date or time "
            "is wanted");
}

static void lack_of_memory_anywhere_is_reported(void **state)
{
    static const char text[] = "lower(text) || 'x' like '%o%x' and id in (1, 2, 3) or cast(f as string) = '0.1' or id + 0 between id + 1 and 3";
    char found[ROWS + 1];
    lancelet_error err;
    for (uint64_t n = 1;; n++) {
        base_fault_fail_alloc(n);
        lancelet_status status = test(*state, text, found, &err);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        if (!fired)
            break;
        assert_int_equal(status, LANCELET_MEMORY);
    }
    assert_string_equal(found, "010100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_and_null_follow_three_valued_logic),
        cmocka_unit_test(text_is_found_by_patterns_and_functions),
        cmocka_unit_test(a_float_column_takes_the_nearest_literal),
        cmocka_unit_test(an_interval_is_taken_from_now),
        cmocka_unit_test(a_division_by_zero_counts_where_it_matters),
        cmocka_unit_test(a_mistake_is_one_sentence_with_its_position),
        cmocka_unit_test(columns_are_those_that_are_read_in_order),
        cmocka_unit_test(nesting_has_an_end_and_long_chains_have_none),
        cmocka_unit_test(values_go_into_the_columns_type),
        cmocka_unit_test(a_list_literal_becomes_a_vector),
        cmocka_unit_test(hostile_texts_end_soon),
        cmocka_unit_test(placeholder_dates_compare_with_now),
        cmocka_unit_test(bounds_of_literals_are_those_of_two_comparisons),
        cmocka_unit_test(what_holds_several_values_goes_into_no_function_of_one),
        cmocka_unit_test(lack_of_memory_anywhere_is_reported),
    };
    return cmocka_run_group_tests(tests, make_rows, free_rows);
}
