/* Nested and dictionary columns: built row by row from other arrays, read through the accessors, checked; a failed
 * append leaves parent and children as they were. */
#include "support.h"

#include "arrow/arrow.h"
#include "base/fault.h"

static lancelet_error err;

/* A row of the test column: list<struct<n: int32, t: utf8, d: dictionary<int8, utf8>, v: fixed_size_list<float, 2>,
 * m: map<utf8, int64>, x: null, b: bool, w: fixed binary 3>>. */
static void init(struct ArrowSchema *s, const char *format, const char *name, size_t children)
{
    assert_ok(arrow_schema_init(s, format, name, true, children, &err), err);
}

static struct ArrowSchema deep_schema(void)
{
    struct ArrowSchema s;
    init(&s, "+l", "deep", 1);
    struct ArrowSchema *row = s.children[0];
    init(row, "+s", "item", 8);
    init(row->children[0], "i", "n", 0);
    init(row->children[1], "u", "t", 0);
    /* a dictionary cannot be asked of arrow_schema_init: a copy of one made by hand */
    struct ArrowSchema values, by_hand;
    init(&values, "u", "", 0);
    init(&by_hand, "c", "d", 0);
    by_hand.dictionary = &values;
    assert_ok(arrow_schema_copy(&by_hand, row->children[2], &err), err);
    by_hand.dictionary = NULL;
    arrow_schema_release(&by_hand);
    arrow_schema_release(&values);
    init(row->children[3], "+w:2", "v", 1);
    init(row->children[3]->children[0], "f", "item", 0);
    init(row->children[4], "+m", "m", 1);
    init(row->children[4]->children[0], "+s", "entries", 2);
    init(row->children[4]->children[0]->children[0], "u", "key", 0);
    init(row->children[4]->children[0]->children[1], "l", "value", 0);
    init(row->children[5], "n", "x", 0);
    init(row->children[6], "b", "b", 0);
    init(row->children[7], "w:3", "w", 0);
    return s;
}

/* ---- a source of rows, in static memory ---- */

static void no_release(struct ArrowArray *a)
{
    a->release = NULL;
}

enum { ITEMS = 6, LISTS = 5, PAIRS = 4 };

static int32_t numbers[ITEMS] = {1, 2, 3, 4, 5, 6};
static int32_t text_offsets[ITEMS + 1] = {0, 1, 1, 3, 6, 6, 10};
static int8_t codes[ITEMS] = {1, 0, 1, 0, 2, 1};
static int32_t code_offsets[] = {0, 3, 7, 7};
static float vectors[2 * ITEMS] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static int32_t map_offsets[ITEMS + 1] = {0, 1, 1, 2, 4, 4, 4};
static int32_t key_offsets[PAIRS + 1] = {0, 1, 2, 3, 4};
static int64_t pair_values[PAIRS] = {10, 20, 30, 40};
static int32_t list_offsets[LISTS + 1] = {0, 2, 2, 3, 6, 6};
static uint8_t all_but_second = 0xFD, all_but_third = 0xFB, list_valid = 0x1D /* row 1 is null */,
               bools = 0x2A;

static const void *b_numbers[] = {&all_but_second, numbers}, *b_text[] = {NULL, text_offsets, "abbcccdddd"},
                  *b_codes[] = {&all_but_third, codes}, *b_values[] = {NULL, code_offsets, "catbird"},
                  *b_none[] = {NULL}, *b_vectors[] = {NULL, vectors}, *b_v[] = {&all_but_second},
                  *b_map[] = {NULL, map_offsets}, *b_keys[] = {NULL, key_offsets, "wxyz"},
                  *b_pairs[] = {NULL, pair_values}, *b_bools[] = {NULL, &bools},
                  *b_width[] = {NULL, "aaabbbcccdddeeefff"}, *b_row[] = {&all_but_third},
                  *b_list[] = {&list_valid, list_offsets};

#define ARRAY(rows, nulls, n, ... /* buffers, members */)                                                    \
    {                                                                                                        \
        .length = rows, .null_count = nulls, .n_buffers = n, .release = no_release, .buffers = __VA_ARGS__   \
    }

static struct ArrowArray a_values = ARRAY(3, 0, 3, b_values), a_items = ARRAY(2 * ITEMS, 0, 2, b_vectors),
                         *a_v_children[] = {&a_items}, a_keys = ARRAY(PAIRS, 0, 3, b_keys),
                         a_pairs = ARRAY(PAIRS, 0, 2, b_pairs), *a_entry_children[] = {&a_keys, &a_pairs},
                         a_entries =
                             ARRAY(PAIRS, 0, 1, b_none, .n_children = 2, .children = a_entry_children),
                         *a_map_children[] = {&a_entries};
static struct ArrowArray a_members[] = {
    ARRAY(ITEMS, 1, 2, b_numbers),
    ARRAY(ITEMS, 0, 3, b_text),
    ARRAY(ITEMS, 1, 2, b_codes, .dictionary = &a_values),
    ARRAY(ITEMS, 1, 1, b_v, .n_children = 1, .children = a_v_children),
    ARRAY(ITEMS, 0, 2, b_map, .n_children = 1, .children = a_map_children),
    ARRAY(ITEMS, ITEMS, 0, NULL),
    ARRAY(ITEMS, 0, 2, b_bools),
    ARRAY(ITEMS, 0, 2, b_width),
};
static struct ArrowArray *a_row_children[] = {&a_members[0], &a_members[1], &a_members[2], &a_members[3],
                                              &a_members[4], &a_members[5], &a_members[6], &a_members[7]};
static struct ArrowArray a_row = ARRAY(ITEMS, 1, 1, b_row, .n_children = 8, .children = a_row_children),
                         *a_list_children[] = {&a_row},
                         a_list = ARRAY(LISTS, 1, 2, b_list, .n_children = 1, .children = a_list_children);

/* ---- comparing two arrays of one type by what a reader sees ---- */

static int64_t offset_of(const struct ArrowArray *a, int64_t i)
{
    return ((const int32_t *)a->buffers[1])[a->offset + i];
}

static void assert_same(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i,
                        const struct ArrowArray *b, int64_t k)
{
    assert_int_equal(arrow_is_null_value(s, a, i), arrow_is_null_value(s, b, k));
    if (arrow_is_null_value(s, a, i))
        return;
    int64_t x = 0, y = 0;
    size_t n = 0, m = 0;
    if (s->dictionary || s->format[0] == 'u') {
        const char *p = arrow_bytes(s, a, i, &n), *q = arrow_bytes(s, b, k, &m);
        assert_true(n == m && memcmp(p, q, n) == 0);
    } else if (s->format[0] == 'w') {
        assert_memory_equal((const char *)a->buffers[1] + (a->offset + i) * 3,
                            (const char *)b->buffers[1] + (b->offset + k) * 3, 3);
    } else if (s->format[0] != '+') {
        assert_true(arrow_int(s, a, i, &x) && arrow_int(s, b, k, &y));
        assert_int_equal(x, y);
    } else if (s->format[1] == 's') {
        for (int64_t c = 0; c < s->n_children; c++)
            assert_same(s->children[c], a->children[c], a->offset + i, b->children[c], b->offset + k);
    } else if (s->format[1] == 'w') {
        assert_memory_equal(arrow_vector(s, a, i, &n), arrow_vector(s, b, k, &m), 8);
    } else {
        assert_int_equal(offset_of(a, i + 1) - offset_of(a, i), offset_of(b, k + 1) - offset_of(b, k));
        for (x = offset_of(a, i), y = offset_of(b, k); x < offset_of(a, i + 1); x++, y++)
            assert_same(s->children[0], a->children[0], x, b->children[0], y);
    }
}

static struct ArrowArray finish(arrow_builder *b)
{
    struct ArrowArray a;
    assert_ok(arrow_builder_finish(b, &a, &err), err);
    return a;
}

static const int order[] = {3, 0, 1, -1, 2, 3, 4, 0, -1, 3};
enum { ORDER = sizeof order / sizeof *order };

static void rows_of_every_nesting_are_copied(void **state)
{
    (void)state;
    struct ArrowSchema s = deep_schema();
    assert_ok(arrow_check(&s, &a_list, &err), err);
    arrow_builder b;
    assert_ok(arrow_builder_init(&b, &s, &err), err);
    for (size_t i = 0; i < ORDER; i++)
        assert_true(order[i] < 0 ? arrow_append_null(&b) : arrow_append_from(&b, &s, &a_list, order[i]));
    struct ArrowArray a = finish(&b);
    assert_ok(arrow_check(&s, &a, &err), err);
    assert_int_equal(a.length, ORDER);
    assert_int_equal(a.null_count, 3);
    for (size_t i = 0; i < ORDER; i++)
        if (order[i] < 0)
            assert_true(arrow_is_null(&a, (int64_t)i));
        else
            assert_same(&s, &a_list, order[i], &a, (int64_t)i);
    /* each value of the dictionary once */
    assert_int_equal(a.children[0]->children[2]->dictionary->length, 3);
    arrow_array_release(&a);
    arrow_schema_release(&s);
}

static void a_slice_is_copied_as_its_own_rows(void **state)
{
    (void)state;
    struct ArrowSchema s = deep_schema();
    struct ArrowArray slice = a_list;
    slice.offset = 2;
    slice.length = 3;
    slice.null_count = -1;
    assert_ok(arrow_check(&s, &slice, &err), err);
    arrow_builder b;
    assert_ok(arrow_builder_init(&b, &s, &err), err);
    for (int64_t i = 0; i < 3; i++)
        assert_true(arrow_append_from(&b, &s, &slice, i));
    struct ArrowArray a = finish(&b);
    for (int64_t i = 0; i < 3; i++)
        assert_same(&s, &a_list, i + 2, &a, i);
    arrow_array_release(&a);
    arrow_schema_release(&s);
}

static void a_failed_append_leaves_children_as_they_were(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct ArrowSchema s = deep_schema();
        arrow_builder b;
        base_fault_fail_alloc(n);
        lancelet_status status = arrow_builder_init(&b, &s, &err);
        int kept[2 * ORDER], rows = 0;
        for (int i = 0; status == LANCELET_OK && i < 2 * ORDER; i++) {
            int from = order[i % ORDER];
            if (from < 0 ? arrow_append_null(&b) : arrow_append_from(&b, &s, &a_list, from))
                kept[rows++] = from;
        }
        struct ArrowArray a = {0};
        if (status == LANCELET_OK)
            status = arrow_builder_finish(&b, &a, &err);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        if (status == LANCELET_OK) {
            assert_ok(arrow_check(&s, &a, &err), err);
            assert_int_equal(a.length, rows);
            for (int i = 0; i < rows; i++)
                if (kept[i] < 0)
                    assert_true(arrow_is_null(&a, i));
                else
                    assert_same(&s, &a_list, kept[i], &a, i);
            arrow_array_release(&a);
        } else {
            assert_int_equal(status, LANCELET_MEMORY);
        }
        arrow_schema_release(&s);
        if (!fired)
            break;
    }
}

static void a_null_of_every_type_is_built(void **state)
{
    (void)state;
    struct ArrowSchema deep = deep_schema();
    struct ArrowSchema *row = deep.children[0];
    for (int64_t c = -1; c < row->n_children; c++) {
        const struct ArrowSchema *s = c < 0 ? row : row->children[c];
        arrow_builder b;
        assert_ok(arrow_builder_init(&b, s, &err), err);
        for (int i = 0; i < 70; i++)
            assert_true(arrow_append_null(&b));
        struct ArrowArray a = finish(&b);
        assert_ok(arrow_check(s, &a, &err), err);
        assert_int_equal(a.length, 70);
        assert_int_equal(a.null_count, 70);
        for (int64_t i = 0; i < 70; i++)
            assert_true(arrow_is_null(&a, i));
        arrow_array_release(&a);
    }
    arrow_schema_release(&deep);
}

static void a_dictionary_takes_the_values_of_its_type(void **state)
{
    (void)state;
    struct ArrowSchema deep = deep_schema(), text;
    const struct ArrowSchema *s = deep.children[0]->children[2];
    init(&text, "u", "t", 0);
    arrow_builder b;
    assert_ok(arrow_builder_init(&b, s, &err), err);
    char word[16];
    for (int i = 0; i < 256; i++) {
        snprintf(word, sizeof word, "word %d", i % 128);
        assert_true(arrow_append_bytes(&b, word, strlen(word)));
    }
    assert_true(arrow_append_from(&b, &text, &a_members[1], 0) ==
                false); /* "a": the 129th value of an int8 dictionary */
    assert_true(b.full);
    assert_true(!arrow_append_int(&b, 3));
    assert_true(arrow_append_null(&b));
    struct ArrowArray a = finish(&b);
    assert_ok(arrow_check(s, &a, &err), err);
    assert_int_equal(a.length, 257);
    assert_int_equal(a.dictionary->length, 128);
    for (int i = 0; i < 256; i++) {
        size_t n;
        snprintf(word, sizeof word, "word %d", i % 128);
        const char *p = arrow_bytes(s, &a, i, &n);
        assert_true(n == strlen(word) && memcmp(p, word, n) == 0);
    }
    assert_true(arrow_is_null(&a, 256));
    /* and plain text takes rows of a dictionary */
    assert_ok(arrow_builder_init(&b, &text, &err), err);
    assert_true(arrow_append_from(&b, s, &a, 7) && arrow_append_from(&b, s, &a, 256));
    struct ArrowArray plain = finish(&b);
    size_t n;
    assert_memory_equal(arrow_bytes(&text, &plain, 0, &n), "word 7", 6);
    assert_true(n == 6 && arrow_is_null(&plain, 1));
    arrow_array_release(&plain);
    arrow_array_release(&a);
    arrow_schema_release(&text);
    arrow_schema_release(&deep);
}

static void numbers_of_a_dictionary_are_read_as_they_are(void **state)
{
    (void)state;
    struct ArrowSchema index, values;
    init(&index, "C", "d", 0);
    init(&values, "l", "", 0);
    index.dictionary = &values;
    int64_t big[] = {INT64_C(1) << 40, -5, 7};
    uint8_t at[] = {2, 1, 0, 2}, second_null = 0xFD;
    const void *value_buffers[] = {&second_null, big}, *buffers[] = {NULL, at};
    struct ArrowArray d = ARRAY(3, 1, 2, value_buffers), a = ARRAY(4, 0, 2, buffers, .dictionary = &d);
    int64_t v = 0;
    double f = 0;
    assert_ok(arrow_check(&index, &a, &err), err);
    assert_true(arrow_int(&index, &a, 2, &v) && v == big[0] && arrow_double(&index, &a, 3, &f) && f == 7);
    assert_true(!arrow_int(&index, &a, 1, &v) && arrow_is_null_value(&index, &a, 1) && !arrow_is_null(&a, 1));
    at[3] = 3;
    assert_int_equal(arrow_check(&index, &a, &err), LANCELET_CORRUPT);
    assert_non_null(strstr(err.text, "row 3 is value 3 of a dictionary of 3"));
    index.dictionary = NULL;
    arrow_schema_release(&index);
    arrow_schema_release(&values);
}

static void a_map_without_keys_and_values_is_refused(void **state)
{
    (void)state;
    struct ArrowSchema s;
    init(&s, "+m", "m", 1);
    init(s.children[0], "i", "entries", 0);
    struct ArrowArray *child[] = {&a_members[0]};
    struct ArrowArray a = ARRAY(2, 0, 2, b_map, .n_children = 1, .children = child);
    assert_int_equal(arrow_check(&s, &a, &err), LANCELET_CORRUPT);
    assert_non_null(strstr(err.text, "a map that is no list of keys and values"));
    arrow_schema_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_nesting_are_copied),
        cmocka_unit_test(a_slice_is_copied_as_its_own_rows),
        cmocka_unit_test(a_failed_append_leaves_children_as_they_were),
        cmocka_unit_test(a_null_of_every_type_is_built),
        cmocka_unit_test(a_dictionary_takes_the_values_of_its_type),
        cmocka_unit_test(numbers_of_a_dictionary_are_read_as_they_are),
        cmocka_unit_test(a_map_without_keys_and_values_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
