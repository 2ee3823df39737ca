/* Writing lists, structs and what lies in them, and reading it back: every kind of value under every kind of layer, with
 * nulls and empty lists at each, in numbers of rows at the borders of chunks and pages. That LanceDB reads the same is
 * proved by tests/peers/table_written_types.py. */
#include "lance_file_support.h"

#include "base/fault.h"

/* ---- arrays of a seed ---- */

static uint32_t state_of_random;
static uint32_t pick(uint32_t n)
{
    state_of_random = state_of_random * 1664525u + 1013904223u;
    return (state_of_random >> 8) % n;
}

/* Types are written "l(...)", "L(...)", "s(...,...)", "w4(f)", "d(u)", else an Arrow format. */
static const char *parse(const char *p, const char *name, struct ArrowSchema *out)
{
    lancelet_error err;
    const char *open = p + strcspn(p, "(),"), *child = open;
    size_t n = 0, depth = 0;
    if (*open == '(')
        for (const char *q = open; ; q++) {
            depth += *q == '(';
            n += depth == 1 && (*q == '(' || *q == ',');
            if (*q == ')' && --depth == 0)
                break;
        }
    char format[32];
    if (*open != '(')
        snprintf(format, sizeof format, "%.*s", (int)(open - p), p);
    else if (*p == 'w')
        snprintf(format, sizeof format, "+w:%d", atoi(p + 1));
    else
        snprintf(format, sizeof format, "%s", *p == 'd' ? "s" : *p == 'l' ? "+l" : *p == 'L' ? "+L" : "+s");
    assert_ok(arrow_schema_init(out, format, name, true, *p == 'd' && *open == '(' ? 0 : n, &err), err);
    if (*open != '(')
        return open;
    if (*p == 'd') { /* by a copy: a dictionary is not made otherwise */
        struct ArrowSchema values, keys = *out;
        child = parse(open + 1, "", &values);
        keys.dictionary = &values;
        struct ArrowSchema copy;
        assert_ok(arrow_schema_copy(&keys, &copy, &err), err);
        values.release(&values);
        out->release(out);
        *out = copy;
        return child + 1;
    }
    for (size_t i = 0; i < n; i++) {
        static const char *const names[] = {"a", "b", "c"};
        child = parse(child + 1, *p == 's' ? names[i] : "item", out->children[i]);
    }
    return child + 1;
}

static void release_made(struct ArrowArray *a)
{
    for (int64_t i = 0; i < a->n_children; i++) {
        a->children[i]->release(a->children[i]);
        free(a->children[i]);
    }
    if (a->dictionary) {
        a->dictionary->release(a->dictionary);
        free(a->dictionary);
    }
    for (int64_t i = 0; i < a->n_buffers; i++)
        free((void *)(uintptr_t)a->buffers[i]);
    free(a->buffers);
    free(a->children);
    a->release = NULL;
}

static void make_array(const struct ArrowSchema *s, int64_t n, int nulls, int longest, struct ArrowArray *out);

static void make_children(const struct ArrowSchema *s, int64_t n, int nulls, int longest, struct ArrowArray *out)
{
    out->n_children = s->n_children;
    out->children = calloc((size_t)s->n_children + 1, sizeof *out->children);
    for (int64_t i = 0; i < s->n_children; i++) {
        out->children[i] = calloc(1, sizeof **out->children);
        make_array(s->children[i], n, nulls, longest, out->children[i]);
    }
}

/* n rows; nulls of a hundred are null, values have at most `longest` bytes or items. */
static void make_array(const struct ArrowSchema *s, int64_t n, int nulls, int longest, struct ArrowArray *out)
{
    const char *f = s->format;
    bool list = f[0] == '+' && (f[1] == 'l' || f[1] == 'L'), bytes = strchr("uUzZ", f[0]) != NULL && !f[1];
    bool large = f[0] == 'U' || f[0] == 'Z' || f[1] == 'L';
    *out = (struct ArrowArray){.length = n, .null_count = -1, .release = release_made};
    if (!strcmp(f, "n")) {
        out->null_count = n;
        return;
    }
    out->n_buffers = bytes ? 3 : f[0] == '+' && f[1] != 'l' && f[1] != 'L' ? 1 : 2;
    out->buffers = calloc(3, sizeof *out->buffers);
    uint8_t *valid = calloc((size_t)n / 8 + 1, 1);
    out->buffers[0] = valid;
    for (int64_t i = 0; i < n; i++)
        if ((int)pick(100) >= nulls)
            valid[i / 8] = (uint8_t)(valid[i / 8] | 1u << (i % 8));
    if (list || bytes) {
        uint8_t *offsets = n > 0 ? calloc((size_t)n + 1, 8) : malloc(1); /* Arrow lets offsets of no rows be empty */
        int64_t end = 0;
        for (int64_t i = 0; n > 0 && i <= n; i++) {
            int32_t narrow = (int32_t)end;
            memcpy(offsets + (large ? 8 : 4) * (size_t)i, large ? (void *)&end : (void *)&narrow, large ? 8 : 4);
            end += pick(4) ? (int64_t)pick((uint32_t)longest + 1) : 0; /* lists under nulls have items too */
        }
        int64_t last = 0;
        if (n > 0)
            memcpy(&last, offsets + (large ? 8 : 4) * (size_t)n, large ? 8 : 4);
        out->buffers[1] = offsets;
        if (list) {
            make_children(s, last, nulls, longest > 20 ? 20 : longest, out);
        } else {
            char *text = malloc((size_t)last + 1);
            for (int64_t i = 0; i < last; i++)
                text[i] = (char)('a' + pick(26));
            out->buffers[2] = text;
        }
    } else if (f[0] == '+') {
        make_children(s, f[1] == 'w' ? n * arrow_list_size(s) : n, nulls, longest, out);
    } else {
        enum { WIDEST = 304 };
        uint8_t *values = malloc((size_t)(n + 1) * WIDEST);
        for (size_t i = 0; i < (size_t)n * WIDEST; i++)
            values[i] = (uint8_t)pick(256);
        out->buffers[1] = values;
        if (s->dictionary) {
            for (int64_t i = 0; i < n; i++) {
                int16_t index = (int16_t)pick(40);
                memcpy(values + 2 * i, &index, 2);
            }
            out->dictionary = calloc(1, sizeof *out->dictionary);
            make_array(s->dictionary, 40, nulls, 9, out->dictionary);
        }
    }
}

/* ---- equality ---- */

static bool null_at(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i)
{
    return s->dictionary ? arrow_is_null_value(s, a, i) : arrow_is_null(a, i);
}

static void list_at(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, int64_t *begin, int64_t *n)
{
    int64_t size = arrow_list_size(s), at = a->offset + i, end = 0;
    if (size >= 0) {
        *begin = at * size;
        *n = size;
        return;
    }
    size_t width = s->format[1] == 'L' ? 8 : 4;
    *begin = 0;
    memcpy(begin, (const uint8_t *)a->buffers[1] + width * (size_t)at, width);
    memcpy(&end, (const uint8_t *)a->buffers[1] + width * (size_t)(at + 1), width);
    *n = end - *begin;
}

static bool same(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, const struct ArrowArray *b, int64_t k)
{
    const char *f = s->format;
    bool null = null_at(s, a, i);
    if (null != null_at(s, b, k))
        return false;
    if (null)
        return true;
    if (!strcmp(f, "+s")) {
        for (int64_t c = 0; c < s->n_children; c++)
            if (!same(s->children[c], a->children[c], a->offset + i, b->children[c], b->offset + k))
                return false;
        return true;
    }
    if (f[0] == '+') {
        int64_t x, nx, y, ny;
        list_at(s, a, i, &x, &nx);
        list_at(s, b, k, &y, &ny);
        for (int64_t c = 0; c < nx && nx == ny; c++)
            if (!same(s->children[0], a->children[0], x + c, b->children[0], y + c))
                return false;
        return nx == ny;
    }
    const struct ArrowSchema *v = s->dictionary ? s->dictionary : s;
    if (strchr("uUzZ", v->format[0]) && !v->format[1]) {
        size_t nx, ny;
        const char *x = arrow_bytes(s, a, i, &nx), *y = arrow_bytes(s, b, k, &ny);
        return nx == ny && memcmp(x, y, nx) == 0;
    }
    if (!strcmp(f, "b"))
        return lance_bit(a->buffers[1], (uint64_t)(a->offset + i)) == lance_bit(b->buffers[1], (uint64_t)(b->offset + k));
    size_t width = strchr("cC", f[0]) ? 1 : strchr("sSe", f[0]) ? 2 : strchr("iIf", f[0]) || !strcmp(f, "tdD") ? 4 : 8;
    width = f[0] == 'w' ? (size_t)atoi(f + 2) : f[0] == 'd' ? (strstr(f, ",256") ? 32 : 16) : width;
    return memcmp((const uint8_t *)a->buffers[1] + width * (size_t)(a->offset + i),
                  (const uint8_t *)b->buffers[1] + width * (size_t)(b->offset + k), width) == 0;
}

/* ---- round trips ---- */

enum { MOST_FIELDS = 16 };

static size_t describe(const struct ArrowSchema *s, wire_span *fields, uint32_t *columns, size_t at, uint32_t *leaves)
{
    static const wire_span plain = {(const uint8_t *)"\x12\x01x", 3};
    static const wire_span coded = {(const uint8_t *)"\x2a\x17" "dict:string:int16:false", 25};
    fields[at] = s->dictionary ? coded : plain;
    columns[at] = lance_is_leaf(s) ? (*leaves)++ : LANCE_NO_COLUMN;
    at++;
    for (int64_t i = 0; !lance_is_leaf(s) && i < s->n_children; i++)
        at = describe(s->children[i], fields, columns, at, leaves);
    return at;
}

static const char *file_path(void)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/x.lance", scratch_folder());
    return path;
}

static lancelet_status write_column(const char *path, int minor, const struct ArrowSchema *schema, const wire_span *fields,
                                    size_t n_fields, struct ArrowArray *column, int64_t part, uint64_t *size,
                                    lancelet_error *err)
{
    const void *no_validity[1] = {NULL};
    lance_file_writer *w;
    RETURN_IF_ERROR(lance_file_writer_open(path, minor, schema, fields, n_fields, &w, err));
    for (int64_t i = 0; i < column->length; i += part) {
        struct ArrowArray batch = {.length = column->length - i < part ? column->length - i : part, .offset = i,
                                   .n_buffers = 1, .n_children = 1, .buffers = no_validity, .children = &column,
                                   .release = release_made};
        lancelet_status status = lance_file_writer_add(w, &batch, err);
        if (status != LANCELET_OK) {
            lance_file_writer_abandon(w);
            return status;
        }
    }
    return lance_file_writer_finish(w, false, size, err);
}

static void round_trip(const char *type, int minor, int64_t rows, int64_t part, int nulls, int longest)
{
    struct ArrowSchema schema;
    struct ArrowArray column, back;
    wire_span fields[MOST_FIELDS];
    uint32_t columns[MOST_FIELDS], leaves = 0;
    lancelet_error err;
    lance_file *f;
    uint64_t size;
    const char *path = file_path();
    assert_ok(arrow_schema_init(&schema, "+s", "", false, 1, &err), err);
    parse(type, "x", schema.children[0]);
    const struct ArrowSchema *s = schema.children[0];
    size_t n = describe(s, fields, columns, 0, &leaves);
    state_of_random = (uint32_t)(rows * 31 + nulls + minor);
    make_array(s, rows, nulls, longest, &column);
    lancelet_status status = write_column(path, minor, &schema, fields, n, &column, part, &size, &err);
    if (status != LANCELET_OK)
        fail_msg("%s: %s", type, err.text);
    assert_ok(lance_file_open(path, size, &f, &err), err);
    assert_int_equal(lance_file_columns(f), leaves);
    status = lance_file_read(f, columns, s, 0, (uint64_t)rows, &back, &err);
    if (status != LANCELET_OK)
        fail_msg("%s, 2.%d, %lld rows, %d nulls: %s", type, minor, (long long)rows, nulls, err.text);
    assert_ok(arrow_check(s, &back, &err), err);
    assert_int_equal(back.length, rows);
    for (int64_t i = 0; i < rows; i++)
        if (!same(s, &column, i, &back, i))
            fail_msg("%s, 2.%d, %lld rows, %d nulls: row %lld differs", type, minor, (long long)rows, nulls, (long long)i);
    back.release(&back);
    if (rows > 0) {
        uint64_t picks[] = {(uint64_t)rows - 1, 0, (uint64_t)rows / 2, (uint64_t)rows / 3};
        assert_ok(lance_file_take(f, columns, s, picks, 4, &back, &err), err);
        for (int64_t i = 0; i < 4; i++)
            if (!same(s, &column, (int64_t)picks[i], &back, i))
                fail_msg("%s, 2.%d, %lld rows: taken row %llu differs", type, minor, (long long)rows,
                         (unsigned long long)picks[i]);
        back.release(&back);
    }
    lance_file_close(f);
    column.release(&column);
    schema.release(&schema);
}

static const char *const types[] = {
    "n", "b", "c", "S", "i", "L", "e", "g", "tdm", "ttn", "tsn:UTC", "tDs", "w:3", "w:300", "d:10,2", "d:50,2,256", "u", "Z",
    "d(u)", "w3(b)", "w4(f)", "w100(g)", "w2(w3(f))", "w3(w3(w2(b)))", "w9(w8(g))", "l(w2(w2(s)))", "l(i)", "L(b)", "l(u)", "l(n)", "l(w4(f))", "l(w80(f))", "l(d(u))", "s(i,u)",
    "s(l(i),b)", "l(s(i,l(u)))", "l(l(i))", "l(l(s(b,s(g,u))))", "s(s(s(i)))"};

static void every_type_reads_back_with_and_without_nulls(void **state)
{
    (void)state;
    static const int nulls[] = {0, 1, 40, 100};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int minor = 1; minor <= 2; minor++)
            for (size_t k = 0; k < sizeof nulls / sizeof *nulls; k++)
                round_trip(types[t], minor, 300, 70, nulls[k], 6);
}

static void numbers_of_rows_at_the_borders_of_chunks_read_back(void **state)
{
    (void)state;
    static const int64_t rows[] = {0, 1, 2, 1023, 1024, 1025, 4096, 4097};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
            round_trip(types[t], 1 + (int)(k % 2), rows[k], 1000, 10 * (int)(k % 3), 3);
}

static void lists_longer_than_a_chunk_and_values_of_each_length_read_back(void **state)
{
    (void)state;
    static const char *const lists[] = {"l(i)", "L(b)", "l(u)", "l(s(i,u))", "l(l(c))", "l(w4(f))", "l(d(u))"};
    for (size_t t = 0; t < sizeof lists / sizeof *lists; t++)
        for (int nulls = 0; nulls <= 20; nulls += 20)
            round_trip(lists[t], 1 + nulls / 20, 12, 5, nulls, 9000);
    for (int longest = 254; longest <= 257; longest++)
        for (int nulls = 0; nulls <= 20; nulls += 20)
            round_trip("u", 1 + nulls / 20, 700, 300, nulls, longest);
}

static void lists_of_arrays_without_rows_whose_offsets_are_empty_read_back(void **state)
{
    (void)state;
    static const char *const lists[] = {"l(l(i))", "L(l(u))", "l(u)", "l(Z)", "l(s(l(i),u))"};
    for (size_t t = 0; t < sizeof lists / sizeof *lists; t++)
        for (int nulls = 0; nulls <= 100; nulls += 50)
            round_trip(lists[t], 1, 100, 30, nulls, 0);
}

static void rows_of_several_pages_read_back(void **state)
{
    (void)state;
    round_trip("l(l)", 1, 300000, 100000, 5, 6);
    round_trip("s(l,u)", 2, 200000, 200000, 5, 60);
    round_trip("w80(f)", 2, 60000, 60000, 0, 0);
    round_trip("w80(f)", 1, 60000, 7000, 1, 0);
}

/* Lists of no items between few that have some: more levels than a chunk has room for. */
static void long_runs_of_empty_lists_read_back(void **state)
{
    (void)state;
    enum { ROWS = 60000 };
    static const char *const lists[] = {"l(b)", "l(l)", "l(u)"};
    for (size_t t = 0; t < sizeof lists / sizeof *lists; t++) {
        struct ArrowSchema schema;
        struct ArrowArray column, back;
        wire_span fields[MOST_FIELDS];
        uint32_t columns[MOST_FIELDS], leaves = 0;
        lancelet_error err;
        lance_file *f;
        uint64_t size;
        const char *path = file_path();
        assert_ok(arrow_schema_init(&schema, "+s", "", false, 1, &err), err);
        parse(lists[t], "x", schema.children[0]);
        const struct ArrowSchema *s = schema.children[0];
        size_t n = describe(s, fields, columns, 0, &leaves);
        make_array(s, ROWS, 0, 1, &column);
        int32_t *offsets = (int32_t *)(uintptr_t)column.buffers[1];
        for (int32_t i = 0; i <= ROWS; i++)
            offsets[i] = i <= 100 ? 0 : i <= 40000 ? 2 : 5;
        assert_ok(write_column(path, 1, &schema, fields, n, &column, ROWS, &size, &err), err);
        assert_ok(lance_file_open(path, size, &f, &err), err);
        assert_ok(lance_file_read(f, columns, s, 0, ROWS, &back, &err), err);
        for (int64_t i = 0; i < ROWS; i++)
            assert_true(same(s, &column, i, &back, i));
        back.release(&back);
        lance_file_close(f);
        column.release(&column);
        schema.release(&schema);
    }
}

static void a_null_where_the_schema_has_none_is_refused(void **state)
{
    (void)state;
    static const char *const nested[] = {"l(i)", "s(i,u)", "i"};
    for (size_t t = 0; t < sizeof nested / sizeof *nested; t++) {
        struct ArrowSchema schema;
        struct ArrowArray column;
        wire_span fields[MOST_FIELDS];
        uint32_t columns[MOST_FIELDS], leaves = 0;
        lancelet_error err;
        uint64_t size;
        assert_ok(arrow_schema_init(&schema, "+s", "", false, 1, &err), err);
        parse(nested[t], "x", schema.children[0]);
        struct ArrowSchema *s = schema.children[0], *inner = s->n_children ? s->children[0] : s;
        size_t n = describe(s, fields, columns, 0, &leaves);
        inner->flags = 0;
        make_array(s, 50, 30, 5, &column);
        assert_int_equal(write_column(file_path(), 1, &schema, fields, n, &column, 50, &size, &err), LANCELET_INVALID);
        assert_non_null(strstr(err.text, "may not be null"));
        column.release(&column);
        schema.release(&schema);
    }
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    struct ArrowSchema schema;
    struct ArrowArray column;
    wire_span fields[MOST_FIELDS];
    uint32_t columns[MOST_FIELDS], leaves = 0;
    lancelet_error err;
    lancelet_status status = LANCELET_MEMORY;
    uint64_t size;
    assert_ok(arrow_schema_init(&schema, "+s", "", false, 1, &err), err);
    parse("s(l(s(i,d(u))),w3(b),l(w80(f)))", "x", schema.children[0]);
    size_t n = describe(schema.children[0], fields, columns, 0, &leaves);
    make_array(schema.children[0], 40, 20, 5, &column);
    for (uint64_t k = 1; status == LANCELET_MEMORY; k++) {
        assert_true(k < 100000);
        const char *path = file_path();
        base_fault_fail_alloc(k);
        status = write_column(path, 1, &schema, fields, n, &column, 15, &size, &err);
        base_fault_fail_alloc(0);
        assert_true(status == LANCELET_MEMORY || status == LANCELET_OK);
        assert_true(status == LANCELET_OK || access(path, F_OK) != 0);
    }
    column.release(&column);
    schema.release(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_reads_back_with_and_without_nulls),
        cmocka_unit_test(numbers_of_rows_at_the_borders_of_chunks_read_back),
        cmocka_unit_test(lists_longer_than_a_chunk_and_values_of_each_length_read_back),
        cmocka_unit_test(lists_of_arrays_without_rows_whose_offsets_are_empty_read_back),
        cmocka_unit_test(rows_of_several_pages_read_back),
        cmocka_unit_test(long_runs_of_empty_lists_read_back),
        cmocka_unit_test(a_null_where_the_schema_has_none_is_refused),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
