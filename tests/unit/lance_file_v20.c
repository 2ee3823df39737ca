/* Reading data files of version 2.0. The fixture and the values that pylance reads of it were made by
 * tests/golden/lance_file_v20.py; the encodings that its writer does not make by default are put together here. */
#include "lance_file_support.h"

#include <jansson.h>

#include "base/fault.h"
#include "lance/file/v20.h"

#define FOLDER FIXTURES "/lance/v20/"

/* Every field has a column, in their order; only a packed struct is one for all of its fields. */
static uint32_t number_fields(const struct ArrowSchema *s, uint32_t next, uint32_t *columns)
{
    size_t n = lance_field_count(s);
    bool packed = strcmp(s->name, "packed") == 0;
    for (size_t i = 0; i < n; i++)
        columns[i] = packed && i > 0 ? LANCE_NO_COLUMN : next++;
    return next;
}

/* ---- values as JSON ---- */

static json_t *hex_of(const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char text[512];
    assert_true(2 * n < sizeof text);
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return json_stringn(text, 2 * n);
}

static json_t *value_of(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i)
{
    const char *format = s->format;
    int64_t integer;
    double real;
    size_t n;
    if (strcmp(format, "n") == 0 || arrow_is_null(a, i))
        return json_null();
    i += a->offset;
    if (s->dictionary) {
        struct ArrowSchema keys = {.format = format, .name = "key"};
        assert_true(arrow_int(&keys, a, i, &integer));
        return value_of(s->dictionary, a->dictionary, integer);
    }
    if (strcmp(format, "+s") == 0) {
        json_t *object = json_object();
        for (int64_t k = 0; k < s->n_children; k++)
            json_object_set_new(object, s->children[k]->name, value_of(s->children[k], a->children[k], i));
        return object;
    }
    if (format[0] == '+') {
        int64_t size = arrow_list_size(s), from = i * size, to = from + size;
        if (size < 0) {
            size_t word = format[1] == 'L' ? 8 : 4;
            const uint8_t *offsets = a->buffers[1];
            from = (int64_t)wire_little(offsets + (size_t)i * word, word);
            to = (int64_t)wire_little(offsets + (size_t)(i + 1) * word, word);
        }
        json_t *list = json_array();
        for (int64_t k = from; k < to; k++)
            json_array_append_new(list, value_of(s->children[0], a->children[0], k));
        return list;
    }
    if (strcmp(format, "b") == 0)
        return json_boolean(lance_bit(a->buffers[1], (uint64_t)i));
    if (strchr("uU", format[0])) {
        const char *text = arrow_bytes(s, a, i - a->offset, &n);
        return json_stringn(text, n);
    }
    if (strchr("zZ", format[0])) {
        const char *bytes = arrow_bytes(s, a, i - a->offset, &n);
        return hex_of((const uint8_t *)bytes, n);
    }
    if (strchr("fg", format[0]) && arrow_double(s, a, i - a->offset, &real))
        return json_real(real);
    if (!strchr("ewd", format[0]) && arrow_int(s, a, i - a->offset, &integer))
        return json_integer(integer);
    lance_type type;
    lancelet_error err;
    assert_ok(lance_type_of(s, &type, &err), err);
    return hex_of((const uint8_t *)a->buffers[1] + (size_t)i * type.width, type.width);
}

/* Row `row` of the column is row i of the array. */
static void assert_value(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, const json_t *values,
                         uint64_t row)
{
    json_t *got = value_of(s, a, i);
    if (!json_equal(got, json_array_get(values, (size_t)row)))
        fail_msg("column %s, row %llu: %s", s->name, (unsigned long long)row, json_dumps(got, JSON_ENCODE_ANY));
    json_decref(got);
}

/* ---- all columns of the fixture ---- */

typedef struct column {
    lance_file *file;
    const struct ArrowSchema *schema;
    const uint32_t *columns;
    const json_t *values;
} column;

static void each_column(void (*check)(const column *c))
{
    lancelet_error err;
    lance_file *f;
    struct ArrowSchema schema;
    uint32_t next = 0, columns[16];
    char *line = NULL;
    size_t room = 0;
    int64_t i = 0;
    FILE *lines = fopen(FOLDER "columns.jsonl", "r");
    assert_non_null(lines);
    assert_ok(lance_file_open(FOLDER "columns.lance", 0, &f, &err), err);
    assert_int_equal(lance_file_minor(f), 0);
    schema_of_file(f, &schema);
    for (; getline(&line, &room, lines) > 0; i++) {
        json_t *expected = json_loads(line, 0, NULL);
        const struct ArrowSchema *s = schema.children[i];
        assert_string_equal(s->name, json_string_value(json_array_get(expected, 0)));
        uint32_t first = next;
        next = number_fields(s, first, columns);
        if (strcmp(s->name, "packed") == 0)
            next = first + 1;
        column c = {f, s, columns, json_array_get(expected, 1)};
        check(&c);
        json_decref(expected);
    }
    assert_int_equal(i, schema.n_children);
    assert_true(i > 35);
    free(line);
    fclose(lines);
    schema.release(&schema);
    lance_file_close(f);
}

static void check_whole(const column *c)
{
    struct ArrowArray a;
    lancelet_error err;
    uint64_t n = lance_file_rows(c->file);
    lancelet_status status = lance_file_read(c->file, c->columns, c->schema, 0, n, &a, &err);
    if (status != LANCELET_OK)
        fail_msg("%s: %s", c->schema->name, err.text);
    assert_ok(arrow_check(c->schema, &a, &err), err);
    assert_int_equal(a.length, n);
    assert_int_equal(n, json_array_size(c->values));
    for (uint64_t i = 0; i < n; i++)
        assert_value(c->schema, &a, (int64_t)i, c->values, i);
    a.release(&a);
}

static void every_column_of_a_2_0_file_has_the_values_that_pylance_reads(void **state)
{
    (void)state;
    each_column(check_whole);
}

static void check_parts(const column *c)
{
    static const uint64_t runs[][2] = {{0, 1}, {0, 0}, {1, 3}, {105, 9}, {109, 1}, {110, 30}, {139, 11}, {149, 1}};
    struct ArrowArray a;
    lancelet_error err;
    for (size_t r = 0; r < sizeof runs / sizeof *runs; r++) {
        assert_ok(lance_file_read(c->file, c->columns, c->schema, runs[r][0], runs[r][1], &a, &err), err);
        assert_int_equal(a.length, runs[r][1]);
        for (uint64_t i = 0; i < runs[r][1]; i++)
            assert_value(c->schema, &a, (int64_t)i, c->values, runs[r][0] + i);
        a.release(&a);
    }
}

static void any_run_of_rows_of_a_2_0_file_is_that_part_of_the_whole(void **state)
{
    (void)state;
    each_column(check_parts);
}

static void check_taken(const column *c)
{
    static const uint64_t rows[] = {149, 0, 7, 7, 120, 3, 111, 110, 109, 108, 1, 149, 148};
    enum { N = sizeof rows / sizeof *rows };
    struct ArrowArray a;
    lancelet_error err;
    assert_ok(lance_file_take(c->file, c->columns, c->schema, rows, N, &a, &err), err);
    assert_ok(arrow_check(c->schema, &a, &err), err);
    assert_int_equal(a.length, N);
    for (size_t i = 0; i < N; i++)
        assert_value(c->schema, &a, (int64_t)i, c->values, rows[i]);
    a.release(&a);
}

static void rows_of_a_2_0_file_come_in_the_order_in_which_they_are_taken(void **state)
{
    (void)state;
    each_column(check_taken);
}

static void check_failing(const column *c)
{
    static const uint64_t rows[] = {149, 0, 7, 120};
    struct ArrowArray a;
    lancelet_error err;
    for (uint64_t n = 1;; n++) {
        base_fault_fail_alloc(n);
        lancelet_status status = lance_file_read(c->file, c->columns, c->schema, 3, 145, &a, &err);
        if (status == LANCELET_OK) {
            a.release(&a);
            status = lance_file_take(c->file, c->columns, c->schema, rows, 4, &a, &err);
            if (status == LANCELET_OK)
                a.release(&a);
        }
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        if (!fired) {
            assert_int_equal(status, LANCELET_OK);
            return;
        }
        assert_int_equal(status, LANCELET_MEMORY);
    }
}

static void any_allocation_may_fail_while_a_2_0_file_is_read(void **state)
{
    (void)state;
    each_column(check_failing);
}

static void vectors_of_a_2_0_file_are_read_in_place(void **state)
{
    (void)state;
    lance_file *f;
    lancelet_error err;
    const float *matrix;
    uint64_t count, first = 0;
    assert_ok(lance_file_open(FOLDER "columns.lance", 0, &f, &err), err);
    uint32_t vector = 25; /* "vector": no column before it has children */
    for (; first < lance_file_rows(f); first += count) {
        assert_ok(lance_file_vectors(f, vector, 3, first, &matrix, &count, &err), err);
        assert_true(count > 0);
        assert_true(matrix[0] == (float)first && matrix[1] == (float)first / 2 && matrix[2] == 1);
    }
    assert_int_equal(first, 150);
    assert_int_equal(lance_file_vectors(f, vector, 4, 0, &matrix, &count, &err), LANCELET_UNSUPPORTED);
    assert_int_equal(lance_file_vectors(f, vector + 1, 2, 0, &matrix, &count, &err), LANCELET_UNSUPPORTED);
    lance_file_close(f);
}

/* ---- encodings by hand ---- */

enum { FLAT = 1, NULLABLE = 2, BITPACKED = 10, FIXED_SIZE_BINARY = 11, NON_NEGATIVE = 12, CONSTANT = 13 };

/* An ArrayEncoding of one kind, whose body is taken over. */
static base_buffer encoding(uint32_t kind, base_buffer *body)
{
    base_buffer out = {0};
    assert_true(wire_put_bytes(&out, kind, body->data, body->size));
    base_buffer_free(body);
    return out;
}

static base_buffer packed(uint32_t kind, uint64_t width, uint64_t bits, bool is_signed)
{
    base_buffer body = {0};
    assert_true(wire_put_varint(&body, 1, width) && wire_put_varint(&body, 2, bits) && wire_put_bytes(&body, 3, "", 0) &&
                wire_put_varint(&body, 4, is_signed));
    return encoding(kind, &body);
}

static lance_v20_page page_of(const base_buffer *message, uint64_t rows, const void *buffer, size_t size)
{
    lance_v20_page page = {.rows = rows, .bytes_limit = 1 << 20, .n_buffers = 1};
    lancelet_error err;
    page.buffers[0] = (wire_span){buffer, size};
    page.message = (wire_span){message->data, message->size};
    assert_ok(lance_v20_encoding_open(page.message, &page.encoding, &err), err);
    return page;
}

static lancelet_status decode(const lance_v20_page *page, const char *format, const lance_range *range,
                              struct ArrowArray *out, lancelet_error *err)
{
    struct ArrowSchema s;
    lance_type type;
    lance_sink sink;
    make_schema(&s, format, "c");
    assert_ok(lance_type_of(&s, &type, err), *err);
    assert_ok(lance_sink_open(&sink, &type, range->count, UINT64_MAX, err), *err);
    lancelet_status status = lance_v20_decode(page, false, range, 1, &sink, err);
    if (status == LANCELET_OK)
        status = lance_sink_finish(&sink, &s, out, err);
    lance_sink_free(&sink);
    s.release(&s);
    return status;
}

static void bit_packed_values_keep_their_sign(void **state)
{
    (void)state;
    /* 3 bits each, lowest first: 1, -1, 3, -4, 0 */
    static const uint8_t bytes[] = {0xf9, 0x08};
    static const int32_t values[] = {1, -1, 3, -4, 0};
    struct ArrowArray a;
    lancelet_error err;
    base_buffer message = packed(BITPACKED, 3, 32, true);
    lance_v20_page page = page_of(&message, 5, bytes, sizeof bytes);
    assert_ok(decode(&page, "i", &(lance_range){0, 5}, &a, &err), err);
    assert_memory_equal(a.buffers[1], values, sizeof values);
    a.release(&a);
    assert_ok(decode(&page, "i", &(lance_range){3, 2}, &a, &err), err);
    assert_memory_equal(a.buffers[1], values + 3, 8);
    a.release(&a);
    page.rows = 6;
    assert_int_equal(decode(&page, "i", &(lance_range){0, 5}, &a, &err), LANCELET_CORRUPT);
    base_buffer_free(&message);
}

static void values_that_are_not_negative_are_unpacked_in_blocks_of_1024(void **state)
{
    (void)state;
    /* of 8 bits in 8 bits a block is the values in FastLanes' order, where value 0 comes first */
    uint8_t bytes[2048] = {[0] = 7, [1024] = 9};
    struct ArrowArray a;
    lancelet_error err;
    base_buffer message = packed(NON_NEGATIVE, 8, 8, false);
    lance_v20_page page = page_of(&message, 1030, bytes, sizeof bytes);
    assert_ok(decode(&page, "C", &(lance_range){1023, 2}, &a, &err), err);
    assert_memory_equal(a.buffers[1], ((uint8_t[]){0, 9}), 2);
    a.release(&a);
    page.buffers[0].size = 2047;
    assert_int_equal(decode(&page, "C", &(lance_range){0, 1}, &a, &err), LANCELET_CORRUPT);
    base_buffer_free(&message);
}

static void strings_of_one_length_need_no_ends(void **state)
{
    (void)state;
    base_buffer flat = {0}, body = {0};
    struct ArrowArray a;
    lancelet_error err;
    assert_true(wire_put_varint(&flat, 1, 8) && wire_put_bytes(&flat, 2, "", 0));
    base_buffer bytes = encoding(FLAT, &flat);
    assert_true(wire_put_bytes(&body, 1, bytes.data, bytes.size) && wire_put_varint(&body, 2, 2));
    base_buffer_free(&bytes);
    base_buffer message = encoding(FIXED_SIZE_BINARY, &body);
    lance_v20_page page = page_of(&message, 3, "aabbcc", 6);
    assert_ok(decode(&page, "u", &(lance_range){1, 2}, &a, &err), err);
    assert_memory_equal(a.buffers[2], "bbcc", 4);
    a.release(&a);
    assert_int_equal(decode(&page, "i", &(lance_range){1, 2}, &a, &err), LANCELET_CORRUPT);
    base_buffer_free(&message);
}

static void an_encoding_that_is_not_read_is_refused_by_name(void **state)
{
    (void)state;
    base_buffer body = {0};
    struct ArrowArray a;
    lancelet_error err;
    base_buffer message = encoding(CONSTANT, &body);
    lance_v20_page page = page_of(&message, 3, "", 0);
    assert_int_equal(decode(&page, "i", &(lance_range){0, 1}, &a, &err), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "Constant"));
    base_buffer_free(&message);
}

static void encodings_nested_without_end_are_refused(void **state)
{
    (void)state;
    base_buffer message = {0};
    struct ArrowArray a;
    lancelet_error err;
    for (int i = 0; i < 100; i++) { /* Nullable{no_nulls{values}} */
        base_buffer none = {0}, body = {0};
        assert_true(wire_put_bytes(&none, 1, message.data ? message.data : (const uint8_t *)"", message.size) &&
                    wire_put_bytes(&body, 1, none.data, none.size));
        base_buffer_free(&none);
        base_buffer_free(&message);
        message = encoding(NULLABLE, &body);
    }
    lance_v20_page page = page_of(&message, 3, "", 0);
    assert_int_equal(decode(&page, "i", &(lance_range){0, 1}, &a, &err), LANCELET_LIMIT);
    base_buffer_free(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_of_a_2_0_file_has_the_values_that_pylance_reads),
        cmocka_unit_test(any_run_of_rows_of_a_2_0_file_is_that_part_of_the_whole),
        cmocka_unit_test(rows_of_a_2_0_file_come_in_the_order_in_which_they_are_taken),
        cmocka_unit_test(any_allocation_may_fail_while_a_2_0_file_is_read),
        cmocka_unit_test(vectors_of_a_2_0_file_are_read_in_place),
        cmocka_unit_test(bit_packed_values_keep_their_sign),
        cmocka_unit_test(values_that_are_not_negative_are_unpacked_in_blocks_of_1024),
        cmocka_unit_test(strings_of_one_length_need_no_ends),
        cmocka_unit_test(an_encoding_that_is_not_read_is_refused_by_name),
        cmocka_unit_test(encodings_nested_without_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
