/* Writing data files: what is written reads back the same, in the layouts that docs/lance-format.md describes. That
 * the real readers take these bytes is proved by the peer tests of whole tables. */
#include "lance_file_support.h"

#include "base/fault.h"

enum { COLUMNS = 18 };
/* Every type that is written; "+w:N:x" is a fixed_size_list. */
static const char *const formats[COLUMNS] = {"b", "c", "C",   "s",    "S", "i", "I",      "l",       "L",
                                             "f", "g", "tdD", "tsu:", "u", "Z", "+w:4:f", "+w:80:f", "z"};

static void make_struct(struct ArrowSchema *schema, const char *const *column_formats, size_t n)
{
    lancelet_error err;
    assert_ok(arrow_schema_init(schema, "+s", "", false, n, &err), err);
    for (size_t i = 0; i < n; i++)
        make_schema(schema->children[i], column_formats[i], column_formats[i]);
}

/* Row i of a column, null by `nulls`: 0 none, 1 every third, 2 all, 3 rows 100..199 of each 200. */
static bool null_at(int nulls, uint64_t i)
{
    return nulls == 2 || (nulls == 1 && i % 3 == 1) || (nulls == 3 && i / 100 % 2);
}

static void append_value(arrow_builder *b, const char *format, uint64_t i, size_t longest)
{
    float vector[128];
    char text[4096];
    if (strncmp(format, "+w", 2) == 0) {
        for (size_t k = 0; k < 128; k++)
            vector[k] = (float)i + (float)k / 128;
        assert_true(arrow_append_vector(b, vector));
    } else if (strchr("uUzZ", *format)) {
        size_t n = longest ? (size_t)(i * 37 % longest) : 0;
        for (size_t k = 0; k < n; k++)
            text[k] = (char)('a' + (i + k) % 26);
        assert_true(arrow_append_bytes(b, text, n));
    } else if (*format == 'f' || *format == 'g') {
        assert_true(arrow_append_double(b, (double)i / 3));
    } else {
        assert_true(arrow_append_int(b, *format == 'b' ? (int64_t)(i % 5 == 0) : (int64_t)(i % 120)));
    }
}

static void make_batch(const struct ArrowSchema *schema, uint64_t first, uint64_t rows, int nulls,
                       size_t longest, struct ArrowArray *out)
{
    struct ArrowArray columns[COLUMNS];
    lancelet_error err;
    for (int64_t c = 0; c < schema->n_children; c++) {
        arrow_builder b;
        assert_ok(arrow_builder_init(&b, schema->children[c], &err), err);
        for (uint64_t i = first; i < first + rows; i++) {
            if (null_at(nulls, i))
                assert_true(arrow_append_null(&b));
            else
                append_value(&b, schema->children[c]->format, i, longest);
        }
        assert_ok(arrow_builder_finish(&b, &columns[c], &err), err);
    }
    assert_ok(arrow_batch_make(columns, (size_t)schema->n_children, (int64_t)rows, out, &err), err);
}

static lance_file_writer *open_writer(const char *path, int minor, const struct ArrowSchema *schema)
{
    static const wire_span field = {(const uint8_t *)"\x12\x01x", 3}; /* Field{name "x"} */
    wire_span fields[COLUMNS];
    lance_file_writer *w;
    lancelet_error err;
    for (size_t i = 0; i < COLUMNS; i++)
        fields[i] = field;
    assert_ok(lance_file_writer_open(path, minor, schema, fields, (size_t)schema->n_children, &w, &err), err);
    return w;
}

static const char *file_path(void)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/x.lance", scratch_folder());
    return path;
}

/* Writes one batch in parts of `part` rows and compares what reads back, whole and taken. */
static void round_trip(int minor, uint64_t rows, uint64_t part, int nulls, size_t longest)
{
    struct ArrowSchema schema;
    struct ArrowArray batch;
    lancelet_error err;
    lance_file *f;
    uint64_t size;
    const char *path = file_path();
    make_struct(&schema, formats, COLUMNS);
    make_batch(&schema, 0, rows, nulls, longest, &batch);
    lance_file_writer *w = open_writer(path, minor, &schema);
    for (uint64_t first = 0; first < rows; first += part) {
        struct ArrowArray slice = batch; /* a slice offsets the whole struct */
        slice.offset = (int64_t)first;
        slice.length = (int64_t)lance_min(part, rows - first);
        assert_ok(lance_file_writer_add(w, &slice, &err), err);
    }
    assert_int_equal(lance_file_writer_rows(w), rows);
    assert_ok(lance_file_writer_finish(w, false, &size, &err), err);
    assert_ok(lance_file_open(path, size, &f, &err), err);
    assert_int_equal(lance_file_rows(f), rows);
    assert_int_equal(lance_file_minor(f), minor);
    for (uint32_t c = 0; c < COLUMNS; c++) {
        struct ArrowArray a;
        const struct ArrowSchema *s = schema.children[c];
        lancelet_status status = lance_file_read(f, &c, s, 0, rows, &a, &err);
        if (status != LANCELET_OK)
            fail_msg("%s: %s", s->format, err.text);
        assert_ok(arrow_check(s, &a, &err), err);
        for (uint64_t i = 0; i < rows; i++)
            assert_row_equal(s, batch.children[c], (int64_t)i, &a, (int64_t)i);
        a.release(&a);
        if (rows == 0)
            continue;
        uint64_t picks[] = {rows - 1, 0, rows / 2};
        assert_ok(lance_file_take(f, &c, s, picks, 3, &a, &err), err);
        for (int64_t i = 0; i < 3; i++)
            assert_row_equal(s, batch.children[c], (int64_t)picks[i], &a, i);
        a.release(&a);
    }
    lance_file_close(f);
    batch.release(&batch);
    schema.release(&schema);
}

static void every_type_reads_back_in_both_versions(void **state)
{
    (void)state;
    for (int minor = 1; minor <= 2; minor++)
        for (int nulls = 0; nulls <= 3; nulls++)
            round_trip(minor, 1000, 300, nulls, 30);
}

static void a_file_without_rows_is_valid(void **state)
{
    (void)state;
    round_trip(1, 0, 1, 0, 10);
    round_trip(2, 0, 1, 0, 10);
}

static void one_row_and_two_rows_and_chunk_borders_read_back(void **state)
{
    (void)state;
    static const uint64_t rows[] = {1, 2, 3, 7, 8, 9, 63, 64, 65, 4095, 4096, 4097, 8192};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        round_trip(1 + (int)(i % 2), rows[i], 4000, (int)(i % 2), 12);
}

static void long_and_empty_strings_read_back(void **state)
{
    (void)state;
    static const size_t longest[] = {0, 1, 255, 256, 257, 258, 4000};
    for (size_t i = 0; i < sizeof longest / sizeof *longest; i++)
        for (int nulls = 0; nulls <= 1; nulls++)
            round_trip(1 + nulls, 500, 200, nulls, longest[i]);
}

static lance_layout first_layout(const lance_file *f, uint32_t column)
{
    const lance_nesting value = {.n = 1, .null_level = {1}, .visible = 1, .factor = 1};
    const lance_column *c;
    lance_page_view view;
    lancelet_error err;
    assert_ok(lance_file_column(f, column, &c, &err), err);
    assert_ok(lance_page_open(f, &c->pages[0], &value, &view, &err), err);
    return view.layout;
}

static void layouts_are_chosen_by_width_and_nulls(void **state)
{
    (void)state;
    static const char *const columns[] = {"u", "+w:63:f", "+w:64:f", "i"};
    struct ArrowSchema schema;
    struct ArrowArray batch;
    lance_file *f;
    lancelet_error err;
    uint64_t size;
    static const struct {
        size_t longest;
        int nulls;
        lance_layout layouts[4];
    } cases[] = {
        {256,
         0,
         {LANCE_LAYOUT_MINIBLOCK, LANCE_LAYOUT_MINIBLOCK, LANCE_LAYOUT_FULLZIP,
          LANCE_LAYOUT_MINIBLOCK}}, /* 255 bytes at most */
        {257,
         1,
         {LANCE_LAYOUT_FULLZIP, LANCE_LAYOUT_MINIBLOCK, LANCE_LAYOUT_FULLZIP, LANCE_LAYOUT_MINIBLOCK}},
        {10,
         2,
         {LANCE_LAYOUT_CONSTANT, LANCE_LAYOUT_CONSTANT, LANCE_LAYOUT_CONSTANT, LANCE_LAYOUT_CONSTANT}}};
    for (size_t k = 0; k < 3; k++) {
        const char *path = file_path();
        make_struct(&schema, columns, 4);
        make_batch(&schema, 0, 3000, cases[k].nulls, cases[k].longest, &batch);
        lance_file_writer *w = open_writer(path, 1, &schema);
        assert_ok(lance_file_writer_add(w, &batch, &err), err);
        assert_ok(lance_file_writer_finish(w, false, &size, &err), err);
        assert_ok(lance_file_open(path, size, &f, &err), err);
        for (uint32_t c = 0; c < 4; c++)
            assert_int_equal(first_layout(f, c), cases[k].layouts[c]);
        lance_file_close(f);
        batch.release(&batch);
        schema.release(&schema);
    }
}

static void pages_are_flushed_near_8_mib_and_vectors_lie_aligned(void **state)
{
    (void)state;
    static const char *const columns[] = {"+w:80:f"};
    enum { ROWS = 60000 }; /* 19.2 MB */
    struct ArrowSchema schema;
    struct ArrowArray batch;
    lance_file *f;
    lancelet_error err;
    uint64_t size, first = 0, count;
    const float *matrix;
    const char *path = file_path();
    make_struct(&schema, columns, 1);
    make_batch(&schema, 0, ROWS, 0, 0, &batch);
    lance_file_writer *w = open_writer(path, 1, &schema);
    assert_ok(lance_file_writer_add(w, &batch, &err), err);
    assert_ok(lance_file_writer_finish(w, false, &size, &err), err);
    assert_ok(lance_file_open(path, size, &f, &err), err);
    const lance_column *pages;
    assert_ok(lance_file_column(f, 0, &pages, &err), err);
    assert_int_equal(pages->n_pages, 3);
    while (first < ROWS) {
        assert_ok(lance_file_vectors(f, 0, 80, first, &matrix, &count, &err), err);
        assert_int_equal((uintptr_t)matrix % 64, 0);
        for (uint64_t i = 0; i < count; i++)
            assert_true(matrix[i * 80] == (float)(first + i));
        first += count;
    }
    lance_file_close(f);
    batch.release(&batch);
    schema.release(&schema);
}

/* A file of one column with these values, NULL at the end. */
static lancelet_status write_values(const char *path, const char *format, const char *const *values,
                                    lancelet_error *err)
{
    static const wire_span field = {(const uint8_t *)"\x12\x01x", 3};
    struct ArrowSchema schema;
    struct ArrowArray column, batch;
    arrow_builder b;
    lance_file_writer *w;
    uint64_t size;
    int64_t n = 0;
    make_struct(&schema, &format, 1);
    assert_ok(arrow_builder_init(&b, schema.children[0], err), *err);
    for (; values[n]; n++)
        assert_true(arrow_append_bytes(&b, values[n], strlen(values[n])));
    assert_ok(arrow_builder_finish(&b, &column, err), *err);
    assert_ok(arrow_batch_make(&column, 1, n, &batch, err), *err);
    assert_ok(lance_file_writer_open(path, 1, &schema, &field, 1, &w, err), *err);
    lancelet_status status = lance_file_writer_add(w, &batch, err);
    if (status == LANCELET_OK)
        status = lance_file_writer_finish(w, false, &size, err);
    else
        lance_file_writer_abandon(w);
    batch.release(&batch);
    schema.release(&schema);
    return status;
}

static void text_is_utf8_when_written_and_when_read(void **state)
{
    (void)state;
    static const struct {
        const char *values[3];
        bool valid;
    } cases[] = {{{"caf\xc3\xa9", "plain text, longer than a word"}, true},
                 {{"plain text, longer than a word", "caf\xe9"}, false},
                 {{"cut in a character \xc3", "\xa9"}, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int large = 0; large < 2; large++) {
            lancelet_error err;
            lance_file *f;
            struct ArrowSchema text;
            struct ArrowArray a;
            const char *path = file_path();
            assert_ok(write_values(path, large ? "Z" : "z", cases[i].values, &err), err);
            assert_ok(lance_file_open(path, 0, &f, &err), err);
            make_schema(&text, large ? "U" : "u", "x");
            assert_int_equal(lance_file_read(f, (uint32_t[]){0}, &text, 0, 2, &a, &err),
                             cases[i].valid ? LANCELET_OK : LANCELET_CORRUPT);
            arrow_array_release(&a);
            const uint64_t rows[] = {1, 0, 1};
            assert_int_equal(lance_file_take(f, (uint32_t[]){0}, &text, rows, 3, &a, &err),
                             cases[i].valid ? LANCELET_OK : LANCELET_CORRUPT);
            arrow_array_release(&a);
            text.release(&text);
            lance_file_close(f);
            assert_int_equal(write_values(file_path(), large ? "U" : "u", cases[i].values, &err),
                             cases[i].valid ? LANCELET_OK : LANCELET_INVALID);
        }
    }
}

static void an_existing_file_is_not_written_over(void **state)
{
    (void)state;
    struct ArrowSchema schema;
    lance_file_writer *w;
    lancelet_error err;
    static const wire_span field = {(const uint8_t *)"\x12\x01x", 3};
    static const char *const columns[] = {"i"};
    const char *path = file_path();
    FILE *there = fopen(path, "w");
    assert_non_null(there);
    fclose(there);
    make_struct(&schema, columns, 1);
    assert_int_not_equal(lance_file_writer_open(path, 1, &schema, &field, 1, &w, &err), LANCELET_OK);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(lance_file_writer_open(path, 3, &schema, &field, 1, &w, &err), LANCELET_UNSUPPORTED);
    assert_int_equal(lance_file_writer_open(path, 1, &schema, &field, 0, &w, &err), LANCELET_INVALID);
    schema.release(&schema);
}

static lancelet_status write_all(const char *path, const struct ArrowSchema *schema,
                                 const struct ArrowArray *batch, lancelet_error *err)
{
    static const wire_span field = {(const uint8_t *)"\x12\x01x", 3};
    wire_span fields[COLUMNS];
    lance_file_writer *w;
    uint64_t size;
    for (size_t i = 0; i < COLUMNS; i++)
        fields[i] = field;
    lancelet_status status =
        lance_file_writer_open(path, 1, schema, fields, (size_t)schema->n_children, &w, err);
    if (status != LANCELET_OK)
        return status;
    status = lance_file_writer_add(w, batch, err);
    if (status == LANCELET_OK)
        return lance_file_writer_finish(w, true, &size, err);
    lance_file_writer_abandon(w);
    return status;
}

/* The n-th allocation fails (files == false), or the n-th file call. */
static void fail_each(bool files)
{
    static const char *const columns[] = {"b", "i", "u", "z", "+w:4:f", "+w:80:f"};
    struct ArrowSchema schema;
    struct ArrowArray batch;
    lancelet_error err;
    make_struct(&schema, columns, 6);
    make_batch(&schema, 0, 100, 1, 400, &batch);
    char path[4200];
    snprintf(path, sizeof path, "%s", file_path());
    for (uint64_t n = 1;; n++) {
        if (files)
            base_fault_fail_file(n, 28); /* ENOSPC */
        else
            base_fault_fail_alloc(n);
        lancelet_status status = write_all(path, &schema, &batch, &err);
        bool fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        base_fault_fail_alloc(0);
        if (!fired) {
            assert_int_equal(status, LANCELET_OK);
            break;
        }
        assert_int_equal(status, files ? LANCELET_IO : LANCELET_MEMORY);
        if (!files || n > 1)
            assert_int_not_equal(access(path, F_OK), 0); /* nothing half-written stays */
    }
    batch.release(&batch);
    schema.release(&schema);
}

static void every_failing_allocation_is_reported_and_leaves_no_file(void **state)
{
    (void)state;
    fail_each(false);
}

static void every_failing_file_call_is_reported_and_leaves_no_file(void **state)
{
    (void)state;
    fail_each(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_reads_back_in_both_versions),
        cmocka_unit_test(a_file_without_rows_is_valid),
        cmocka_unit_test(one_row_and_two_rows_and_chunk_borders_read_back),
        cmocka_unit_test(long_and_empty_strings_read_back),
        cmocka_unit_test(layouts_are_chosen_by_width_and_nulls),
        cmocka_unit_test(pages_are_flushed_near_8_mib_and_vectors_lie_aligned),
        cmocka_unit_test(text_is_utf8_when_written_and_when_read),
        cmocka_unit_test(an_existing_file_is_not_written_over),
        cmocka_unit_test(every_failing_allocation_is_reported_and_leaves_no_file),
        cmocka_unit_test(every_failing_file_call_is_reported_and_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
