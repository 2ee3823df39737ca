/* Columns: built, read, copied, checked against hostile arrays. */
#include "support.h"

#include <math.h>

#include "arrow/arrow.h"
#include "base/fault.h"

static lancelet_error err;

static struct ArrowSchema schema_of(const char *format, const char *item)
{
    struct ArrowSchema s;
    assert_ok(arrow_schema_init(&s, format, "c", true, item ? 1 : 0, &err), err);
    if (item)
        assert_ok(arrow_schema_init(s.children[0], item, "item", true, 0, &err), err);
    return s;
}

static struct ArrowArray finish(arrow_builder *b)
{
    struct ArrowArray a;
    assert_ok(arrow_builder_finish(b, &a, &err), err);
    return a;
}

static const char *const integer_formats[] = {
    "b",   "c",  "C", "s", "S", "i", "I", "l", "L", "tdD", "tdm", "tss:", "tsm:", "tsu:", "tsn:Europe/Berlin",
    "tts", "ttu"};

static void integers_of_every_type_come_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof integer_formats / sizeof integer_formats[0]; k++) {
        struct ArrowSchema s = schema_of(integer_formats[k], NULL);
        arrow_builder b;
        assert_ok(arrow_builder_init(&b, &s, &err), err);
        bool is_unsigned = strchr("bCSIL", s.format[0]) && !s.format[1];
        for (int i = 0; i < 100; i++)
            assert_true(i % 3 == 2 ? arrow_append_null(&b)
                                   : arrow_append_int(&b, is_unsigned ? i % 2
                                                          : i % 2     ? -7
                                                                      : i));
        struct ArrowArray a = finish(&b);
        assert_ok(arrow_check(&s, &a, &err), err);
        assert_int_equal(a.length, 100);
        assert_int_equal(a.null_count, 33);
        a.offset = 5; /* a slice */
        a.length = 95;
        a.null_count = -1;
        for (int i = 5; i < 100; i++) {
            int64_t v;
            double d;
            bool null = i % 3 == 2;
            assert_int_equal(arrow_is_null(&a, i - 5), null);
            assert_int_equal(arrow_int(&s, &a, i - 5, &v), !null);
            assert_int_equal(arrow_double(&s, &a, i - 5, &d), !null);
            if (!null)
                assert_true(v == (is_unsigned ? i % 2 : i % 2 ? -7 : i) && d == (double)v);
        }
        arrow_array_release(&a);
        arrow_schema_release(&s);
    }
}

static void values_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        int64_t low, high;
    } types[] = {{"b", 0, 1},          {"c", -128, 127},
                 {"C", 0, 255},        {"s", -32768, 32767},
                 {"S", 0, 65535},      {"i", INT32_MIN, INT32_MAX},
                 {"I", 0, UINT32_MAX}, {"tdD", INT32_MIN, INT32_MAX}};
    for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
        struct ArrowSchema s = schema_of(types[k].format, NULL);
        arrow_builder b;
        assert_ok(arrow_builder_init(&b, &s, &err), err);
        assert_true(arrow_append_int(&b, types[k].low) && arrow_append_int(&b, types[k].high));
        assert_false(arrow_append_int(&b, types[k].low - 1) || arrow_append_int(&b, types[k].high + 1));
        assert_false(arrow_append_double(&b, 0.5) || arrow_append_bytes(&b, "x", 1) ||
                     arrow_append_vector(&b, NULL));
        assert_true(arrow_append_double(&b, 1.0));
        assert_false(arrow_append_double(&b, (double)NAN));
        struct ArrowArray a = finish(&b);
        int64_t v;
        assert_int_equal(a.length, 3);
        assert_true(arrow_int(&s, &a, 0, &v) && v == types[k].low);
        assert_true(arrow_int(&s, &a, 1, &v) && v == types[k].high);
        arrow_array_release(&a);
        arrow_schema_release(&s);
    }
    struct ArrowSchema s = schema_of("L", NULL);
    arrow_builder b;
    assert_ok(arrow_builder_init(&b, &s, &err), err);
    assert_false(arrow_append_double(&b, -1));
    assert_true(arrow_append_int(&b, -1)); /* the bits of 2^64 - 1 */
    struct ArrowArray a = finish(&b);
    double d;
    assert_true(arrow_double(&s, &a, 0, &d) && d == 0x1p64);
    arrow_array_release(&a);
    arrow_schema_release(&s);
}

static void floats_come_back(void **state)
{
    (void)state;
    for (const char *format = "efg"; *format; format++) {
        struct ArrowSchema s = schema_of((char[]){*format, 0}, NULL);
        arrow_builder b;
        assert_ok(arrow_builder_init(&b, &s, &err), err);
        assert_true(arrow_append_double(&b, -1.5) && arrow_append_null(&b) && arrow_append_int(&b, 3));
        struct ArrowArray a = finish(&b);
        double d;
        int64_t i;
        assert_true(arrow_double(&s, &a, 0, &d) && d == -1.5);
        assert_false(arrow_double(&s, &a, 1, &d));
        assert_true(arrow_double(&s, &a, 2, &d) && d == 3);
        assert_false(arrow_int(&s, &a, 0, &i));
        arrow_array_release(&a);
        arrow_schema_release(&s);
    }
}

static void bytes_come_back(void **state)
{
    (void)state;
    for (const char *format = "uzUZ"; *format; format++) {
        struct ArrowSchema s = schema_of((char[]){*format, 0}, NULL);
        arrow_builder b;
        assert_ok(arrow_builder_init(&b, &s, &err), err);
        assert_true(arrow_append_bytes(&b, "", 0) && arrow_append_null(&b) &&
                    arrow_append_bytes(&b, "dog\0x", 5));
        struct ArrowArray a = finish(&b);
        assert_ok(arrow_check(&s, &a, &err), err);
        size_t n = 99;
        assert_non_null(arrow_bytes(&s, &a, 0, &n));
        assert_int_equal(n, 0);
        assert_null(arrow_bytes(&s, &a, 1, &n));
        assert_memory_equal(arrow_bytes(&s, &a, 2, &n), "dog\0x", 5);
        assert_int_equal(n, 5);
        a.offset = 2;
        a.length = 1;
        assert_memory_equal(arrow_bytes(&s, &a, 0, &n), "dog\0x", 5);
        arrow_array_release(&a);
        arrow_schema_release(&s);
    }
}

static void vectors_come_back(void **state)
{
    (void)state;
    struct ArrowSchema s = schema_of("+w:3", "f");
    arrow_builder b;
    assert_ok(arrow_builder_init(&b, &s, &err), err);
    for (int i = 0; i < 10; i++) {
        float v[3] = {(float)i, (float)i + 0.5f, -1};
        assert_true(i == 4 ? arrow_append_null(&b) : arrow_append_vector(&b, v));
    }
    struct ArrowArray a = finish(&b);
    assert_ok(arrow_check(&s, &a, &err), err);
    assert_int_equal(a.n_buffers, 1);
    assert_int_equal(a.children[0]->length, 30);
    size_t dim;
    assert_null(arrow_vector(&s, &a, 4, &dim));
    a.offset = 3;
    a.length = 7;
    assert_true(arrow_vector(&s, &a, 2, &dim)[1] == 5.5f);
    assert_int_equal(dim, 3);
    struct ArrowArray items = *a.children[0]; /* a consumer takes the child alone */
    a.children[0]->release = NULL;
    arrow_array_release(&a);
    assert_true(((const float *)items.buffers[1])[29] == -1);
    arrow_array_release(&items);
    arrow_schema_release(&s);
}

static void vectors_become_halves_and_doubles(void **state)
{
    (void)state;
    static const float v[2] = {0.25f, -3};
    for (const char *item = "eg"; *item; item++) {
        struct ArrowSchema s = schema_of("+w:2", (char[]){*item, 0});
        arrow_builder b;
        assert_ok(arrow_builder_init(&b, &s, &err), err);
        assert_true(arrow_append_vector(&b, v));
        struct ArrowArray a = finish(&b);
        double d;
        size_t dim;
        assert_true(arrow_double(s.children[0], a.children[0], 1, &d) && d == -3);
        assert_null(arrow_vector(&s, &a, 0, &dim));
        arrow_array_release(&a);
        arrow_schema_release(&s);
    }
    struct ArrowSchema s = schema_of("+w:2", "C");
    arrow_builder b;
    assert_ok(arrow_builder_init(&b, &s, &err), err);
    assert_false(arrow_append_vector(&b, v));
    arrow_builder_free(&b);
    arrow_schema_release(&s);
}

static void rows_are_copied_from_other_arrays(void **state)
{
    (void)state;
    static const char *const formats[][3] = {
        {"b", NULL, "b"},       {"l", NULL, "l"},      {"u", NULL, "U"},     {"Z", NULL, "z"},
        {"tsu:", NULL, "tsu:"}, {"+w:2", "f", "+w:2"}, {"+w:2", "C", "+w:2"}};
    for (size_t k = 0; k < sizeof formats / sizeof formats[0]; k++) {
        struct ArrowSchema s = schema_of(formats[k][0], formats[k][1]),
                           to = schema_of(formats[k][2], formats[k][1]);
        arrow_builder b, c;
        assert_ok(arrow_builder_init(&b, &s, &err), err);
        assert_ok(arrow_builder_init(&c, &to, &err), err);
        for (int i = 0; i < 20; i++) {
            float v[2] = {(float)i, 1};
            assert_true(i % 5 == 0 ? arrow_append_null(&b)
                        : *s.format == '+'
                            ? (formats[k][1][0] == 'f' ? arrow_append_vector(&b, v) : arrow_append_null(&b))
                        : strchr("uZ", *s.format)
                            ? arrow_append_bytes(&b, "abcdefghijklmnopqrstuvwxyz", (size_t)i)
                            : arrow_append_int(&b, i % 2));
        }
        struct ArrowArray a = finish(&b);
        a.offset = 1;
        a.length = 19;
        for (int i = 18; i >= 0; i--)
            assert_true(arrow_append_from(&c, &s, &a, i));
        struct ArrowArray copy = finish(&c);
        assert_ok(arrow_check(&to, &copy, &err), err);
        for (int i = 0; i < 19; i++) {
            int64_t x = 0, y = 0;
            size_t n = 0, m = 0;
            assert_int_equal(arrow_is_null(&a, 18 - i), arrow_is_null(&copy, i));
            assert_int_equal(arrow_int(&s, &a, 18 - i, &x), arrow_int(&to, &copy, i, &y));
            assert_true(x == y);
            const char *p = arrow_bytes(&s, &a, 18 - i, &n), *q = arrow_bytes(&to, &copy, i, &m);
            assert_true(n == m && (!p || memcmp(p, q, n) == 0));
            const float *v = arrow_vector(&s, &a, 18 - i, &n), *w = arrow_vector(&to, &copy, i, &m);
            assert_true(!v ? !w : v[0] == w[0] && v[1] == w[1]);
        }
        arrow_array_release(&a);
        arrow_array_release(&copy);
        arrow_schema_release(&s);
        arrow_schema_release(&to);
    }
    struct ArrowSchema s = schema_of("l", NULL), t = schema_of("i", NULL);
    arrow_builder b;
    assert_ok(arrow_builder_init(&b, &s, &err), err);
    assert_true(arrow_append_int(&b, 1));
    struct ArrowArray a = finish(&b);
    assert_ok(arrow_builder_init(&b, &t, &err), err);
    assert_false(arrow_append_from(&b, &s, &a, 0));
    arrow_builder_free(&b);
    arrow_array_release(&a);
    arrow_schema_release(&s);
    arrow_schema_release(&t);
}

static void fixed_size_binary_is_copied(void **state)
{
    (void)state;
    struct ArrowSchema s = schema_of("w:3", NULL);
    const void *buffers[] = {NULL, "catdogcow"};
    struct ArrowArray from = {.length = 3, .n_buffers = 2, .buffers = buffers};
    arrow_builder b;
    assert_ok(arrow_builder_init(&b, &s, &err), err);
    assert_true(arrow_append_from(&b, &s, &from, 2) && arrow_append_null(&b) &&
                arrow_append_from(&b, &s, &from, 0));
    struct ArrowArray a = finish(&b);
    assert_ok(arrow_check(&s, &a, &err), err);
    assert_memory_equal(a.buffers[1], "cow\0\0\0cat", 9);
    assert_true(!arrow_is_null(&a, 0) && arrow_is_null(&a, 1) && !arrow_is_null(&a, 2));
    arrow_array_release(&a);
    arrow_schema_release(&s);
}

static void null_items_of_copied_lists_stay_null(void **state)
{
    (void)state;
    struct ArrowSchema s = schema_of("+w:3", "f");
    static const float values[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t valid[] = {0x6f, 0x01}; /* items 4 and 7 are null */
    const void *item_buffers[] = {valid, values}, *buffers[] = {NULL};
    struct ArrowArray items = {.length = 9, .null_count = 2, .n_buffers = 2, .buffers = item_buffers};
    struct ArrowArray *children[] = {&items};
    struct ArrowArray from = {
        .length = 3, .n_buffers = 1, .buffers = buffers, .n_children = 1, .children = children};
    arrow_builder b;
    assert_ok(arrow_builder_init(&b, &s, &err), err);
    for (int64_t i = 0; i < 40; i++)
        assert_true(i % 4 == 3 ? arrow_append_vector(&b, values) : arrow_append_from(&b, &s, &from, i % 4));
    struct ArrowArray a = finish(&b);
    assert_ok(arrow_check(&s, &a, &err), err);
    const struct ArrowArray *copied = a.children[0];
    assert_int_equal(copied->null_count, 20);
    for (int64_t i = 0; i < 120; i++) {
        int64_t item = i % 12;
        assert_int_equal(arrow_is_null(copied, i), item == 4 || item == 7);
    }
    arrow_array_release(&a);
    arrow_schema_release(&s);
}

static void other_types_are_named(void **state)
{
    (void)state;
    static const char *const formats[][2] = {{"vu", NULL}, {"+ud:0", NULL}, {"+r", NULL}, {"?", NULL}};
    for (size_t k = 0; k < sizeof formats / sizeof formats[0]; k++) {
        struct ArrowSchema s = schema_of(formats[k][0], formats[k][1]);
        arrow_builder b;
        assert_int_equal(arrow_builder_init(&b, &s, &err), LANCELET_UNSUPPORTED);
        assert_non_null(strstr(err.text, "column \"c\""));
        arrow_schema_release(&s);
    }
    struct ArrowSchema s = schema_of("+w:0", "f");
    arrow_builder b;
    assert_int_equal(arrow_builder_init(&b, &s, &err), LANCELET_INVALID);
    arrow_schema_release(&s);
}

static void a_failed_append_changes_nothing(void **state)
{
    (void)state;
    static const char *const formats[][2] = {{"b", NULL}, {"l", NULL}, {"u", NULL}, {"+w:2", "f"}};
    static const float v[2] = {1, 2};
    for (size_t k = 0; k < sizeof formats / sizeof formats[0]; k++)
        for (uint64_t n = 1;; n++) {
            struct ArrowSchema s = schema_of(formats[k][0], formats[k][1]);
            arrow_builder b;
            base_fault_fail_alloc(n);
            lancelet_status status = arrow_builder_init(&b, &s, &err);
            int64_t rows = 0;
            for (int i = 0; status == LANCELET_OK && i < 900; i++)
                rows += i % 4 == 3           ? arrow_append_null(&b)
                        : s.format[0] == '+' ? arrow_append_vector(&b, v)
                        : s.format[0] == 'u' ? arrow_append_bytes(&b, "xy", 2)
                                             : arrow_append_int(&b, 1);
            struct ArrowArray a = {0};
            if (status == LANCELET_OK)
                status = arrow_builder_finish(&b, &a, &err);
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            if (status == LANCELET_OK) {
                assert_int_equal(rows, fired ? 899 : 900);
                assert_int_equal(a.length, rows);
                assert_ok(arrow_check(&s, &a, &err), err);
                int64_t nulls = 0;
                for (int64_t i = 0; i < rows; i++)
                    nulls += arrow_is_null(&a, i);
                assert_int_equal(nulls, a.null_count);
            } else {
                assert_int_equal(status, LANCELET_MEMORY);
            }
            arrow_array_release(&a);
            arrow_schema_release(&s);
            if (!fired)
                break;
        }
}

static void an_empty_column_has_its_buffers(void **state)
{
    (void)state;
    static const char *const formats[][2] = {{"b", NULL}, {"l", NULL}, {"u", NULL}, {"+w:2", "f"}};
    for (size_t k = 0; k < sizeof formats / sizeof formats[0]; k++) {
        struct ArrowSchema s = schema_of(formats[k][0], formats[k][1]);
        arrow_builder b;
        assert_ok(arrow_builder_init(&b, &s, &err), err);
        struct ArrowArray a = finish(&b);
        assert_ok(arrow_check(&s, &a, &err), err);
        for (int64_t i = 1; i < a.n_buffers; i++)
            assert_non_null(a.buffers[i]);
        arrow_array_release(&a);
        arrow_schema_release(&s);
    }
}

/* ---- hostile arrays ---- */

static void no_release(struct ArrowArray *a)
{
    a->release = NULL;
}

#define assert_corrupt(s, a, words)                                                                          \
    do {                                                                                                     \
        assert_int_equal(arrow_check(s, a, &err), LANCELET_CORRUPT);                                         \
        if (!strstr(err.text, words))                                                                        \
            fail_msg("%s", err.text);                                                                        \
    } while (0)

static void hostile_columns_are_refused_by_name(void **state)
{
    (void)state;
    struct ArrowSchema s = schema_of("u", NULL);
    int32_t offsets[] = {0, 3, 5};
    const void *buffers[] = {NULL, offsets, "hello"};
    struct ArrowArray good = {.length = 2, .n_buffers = 3, .buffers = buffers, .release = no_release},
                      a = good;
    assert_ok(arrow_check(&s, &a, &err), err);
    a.length = -1;
    assert_corrupt(&s, &a, "column \"c\": a length of -1");
    a = good;
    a.length = INT64_MAX;
    assert_corrupt(&s, &a, "a length of");
    a = good;
    a.offset = INT64_MAX;
    assert_corrupt(&s, &a, "at offset");
    a = good;
    a.null_count = 3;
    assert_corrupt(&s, &a, "3 nulls in 2 rows");
    a.null_count = 1;
    assert_corrupt(&s, &a, "no validity buffer");
    a = good;
    a.n_buffers = 2;
    assert_corrupt(&s, &a, "2 buffers instead of 3");
    a = good;
    a.buffers = NULL;
    assert_corrupt(&s, &a, "no buffers");
    a = good;
    a.n_children = 1;
    assert_corrupt(&s, &a, "children");
    a = good;
    a.release = NULL;
    assert_corrupt(&s, &a, "released");
    a = good;
    offsets[1] = 6;
    assert_corrupt(&s, &a, "the offset of row 2 is 5, behind 6");
    offsets[1] = -1;
    assert_corrupt(&s, &a, "the offset of row 1 is -1");
    offsets[1] = 3;
    buffers[2] = NULL;
    assert_corrupt(&s, &a, "no data buffer");
    buffers[1] = NULL;
    assert_corrupt(&s, &a, "no offsets buffer");
    arrow_schema_release(&s);

    s = schema_of("l", NULL);
    const void *none[] = {NULL, NULL};
    a = (struct ArrowArray){.length = 1, .n_buffers = 2, .buffers = none, .release = no_release};
    assert_corrupt(&s, &a, "no values buffer");
    a.length = 0;
    assert_ok(arrow_check(&s, &a, &err), err);
    arrow_schema_release(&s);
}

static void hostile_nesting_is_refused(void **state)
{
    (void)state;
    struct ArrowSchema batch;
    assert_ok(arrow_schema_init(&batch, "+s", "", false, 1, &err), err);
    *batch.children[0] = schema_of("+w:1000000", "f");
    float values[4] = {0};
    const void *item_buffers[] = {NULL, values}, *list_buffers[] = {NULL};
    struct ArrowArray item = {.length = 4, .n_buffers = 2, .buffers = item_buffers, .release = no_release};
    struct ArrowArray *items[] = {&item};
    struct ArrowArray list = {.length = 2,
                              .n_buffers = 1,
                              .buffers = list_buffers,
                              .n_children = 1,
                              .children = items,
                              .release = no_release};
    struct ArrowArray *lists[] = {&list};
    struct ArrowArray a = {.length = 2,
                           .n_buffers = 1,
                           .buffers = list_buffers,
                           .n_children = 1,
                           .children = lists,
                           .release = no_release};
    assert_corrupt(&batch, &a, "column \"c\": field \"item\": 4 rows where 2000000 are needed");
    list.length = INT64_C(1) << 40;
    assert_corrupt(&batch, &a, "column \"c\"");
    list.length = 1;
    item.length = 1000000;
    assert_corrupt(&batch, &a, "column \"c\": 1 rows where 2 are needed");
    items[0] = NULL;
    list.length = 2;
    assert_corrupt(&batch, &a, "no child 0");
    list.children = NULL;
    assert_corrupt(&batch, &a, "no children");
    list.n_children = 0;
    assert_corrupt(&batch, &a, "0 children where the schema has 1");
    arrow_schema_release(&batch);
}

static void lists_and_unknown_types_are_checked(void **state)
{
    (void)state;
    struct ArrowSchema s = schema_of("+l", "i");
    int32_t offsets[] = {0, 2, 3}, values[] = {1, 2, 3};
    const void *buffers[] = {NULL, offsets}, *item_buffers[] = {NULL, values};
    struct ArrowArray item = {.length = 3, .n_buffers = 2, .buffers = item_buffers, .release = no_release},
                      *items[] = {&item};
    struct ArrowArray a = {.length = 2,
                           .n_buffers = 2,
                           .buffers = buffers,
                           .n_children = 1,
                           .children = items,
                           .release = no_release};
    assert_ok(arrow_check(&s, &a, &err), err);
    item.length = 2;
    assert_corrupt(&s, &a, "2 rows where 3 are needed");
    arrow_schema_release(&s);
    s = schema_of("vu", NULL);
    assert_int_equal(arrow_check(&s, &a, &err), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "vu"));
    arrow_schema_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_every_type_come_back),
        cmocka_unit_test(values_that_do_not_fit_are_refused),
        cmocka_unit_test(floats_come_back),
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(vectors_come_back),
        cmocka_unit_test(vectors_become_halves_and_doubles),
        cmocka_unit_test(rows_are_copied_from_other_arrays),
        cmocka_unit_test(fixed_size_binary_is_copied),
        cmocka_unit_test(null_items_of_copied_lists_stay_null),
        cmocka_unit_test(other_types_are_named),
        cmocka_unit_test(a_failed_append_changes_nothing),
        cmocka_unit_test(an_empty_column_has_its_buffers),
        cmocka_unit_test(hostile_columns_are_refused_by_name),
        cmocka_unit_test(hostile_nesting_is_refused),
        cmocka_unit_test(lists_and_unknown_types_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
