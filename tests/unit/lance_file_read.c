/* Reading data files of the real writers. The fixtures and the hashes of their values were made by
 * tests/golden/lance_file.py; the large samples of the shared folder carry values that LanceDB 0.39 read back. */
#include "lance_file_support.h"

#include <jansson.h>

#include "base/fault.h"

#define FOLDER FIXTURES "/lance/"

typedef struct golden {
    char file[256], column[64], format[32], hash[65];
    unsigned long long rows, nulls;
    uint32_t index; /* of the column in its file */
} golden;

/* Calls each() for the lines of files.txt. Columns of a file come in order, but ones of types that are not read may be
 * missing between them; the index comes from the file's own schema. */
static uint32_t column_index(lance_file *f, const char *name)
{
    wire_span schema = wire_bytes(lance_file_descriptor(f), 1);
    wire_field field;
    bool bad;
    for (uint32_t i = 0; wire_next(&schema, &field, &bad);) {
        if (field.number != 1)
            continue;
        wire_span s = wire_bytes(field.bytes, 2);
        if (s.size == strlen(name) && memcmp(s.data, name, s.size) == 0)
            return i;
        i++;
    }
    fail_msg("no column %s", name);
    return 0;
}

static void each_golden(void (*each)(lance_file *f, const golden *g))
{
    FILE *lines = fopen(FOLDER "files.txt", "r");
    assert_non_null(lines);
    golden g;
    char path[512], open_path[512] = "";
    lance_file *f = NULL;
    lancelet_error err;
    size_t n = 0;
    while (fscanf(lines, "%255s %63s %31s %llu %llu %64s", g.file, g.column, g.format, &g.rows, &g.nulls,
                  g.hash) == 6) {
        snprintf(path, sizeof path, FOLDER "%s", g.file);
        if (strcmp(path, open_path) != 0) {
            lance_file_close(f);
            assert_ok(lance_file_open(path, 0, &f, &err), err);
            snprintf(open_path, sizeof open_path, "%s", path);
        }
        g.index = column_index(f, g.column);
        each(f, &g);
        n++;
    }
    lance_file_close(f);
    fclose(lines);
    assert_true(n > 200);
}

static void check_whole(lance_file *f, const golden *g)
{
    struct ArrowSchema s;
    struct ArrowArray a;
    lancelet_error err;
    char hash[65];
    make_schema(&s, g->format, g->column);
    assert_int_equal(lance_file_rows(f), g->rows);
    lancelet_status status = lance_file_read(f, &g->index, &s, 0, g->rows, &a, &err);
    if (status != LANCELET_OK)
        fail_msg("%s %s: %s", g->file, g->column, err.text);
    assert_ok(arrow_check(&s, &a, &err), err);
    assert_int_equal(a.length, g->rows);
    if ((unsigned long long)a.null_count != g->nulls)
        fail_msg("%s %s: %lld nulls, not %llu", g->file, g->column, (long long)a.null_count, g->nulls);
    hash_array(&s, &a, hash);
    if (strcmp(hash, g->hash) != 0)
        fail_msg("%s %s: other values than pylance reads", g->file, g->column);
    a.release(&a);
    s.release(&s);
}

static void every_column_of_the_fixtures_has_the_values_that_pylance_reads(void **state)
{
    (void)state;
    each_golden(check_whole);
}

static void check_parts(lance_file *f, const golden *g)
{
    struct ArrowSchema s;
    struct ArrowArray all, part;
    lancelet_error err;
    make_schema(&s, g->format, g->column);
    assert_ok(lance_file_read(f, &g->index, &s, 0, g->rows, &all, &err), err);
    static const unsigned starts[] = {0, 1, 127, 129, 299, 1023, 4095, 5999};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (starts[i] >= g->rows)
            continue;
        uint64_t n = lance_min(g->rows - starts[i], 140);
        assert_ok(lance_file_read(f, &g->index, &s, starts[i], n, &part, &err), err);
        assert_int_equal(part.length, n);
        for (uint64_t k = 0; k < n; k++)
            assert_row_equal(&s, &all, (int64_t)(starts[i] + k), &part, (int64_t)k);
        part.release(&part);
    }
    all.release(&all);
    s.release(&s);
}

static void any_run_of_rows_equals_that_part_of_the_whole(void **state)
{
    (void)state;
    each_golden(check_parts);
}

static void check_take(lance_file *f, const golden *g)
{
    struct ArrowSchema s;
    struct ArrowArray all, taken;
    lancelet_error err;
    uint64_t rows[40];
    size_t n = 0;
    if (g->rows == 0)
        return;
    make_schema(&s, g->format, g->column);
    assert_ok(lance_file_read(f, &g->index, &s, 0, g->rows, &all, &err), err);
    for (uint64_t x = 17; n < 38; x = x * 6364136223846793005u + 1442695040888963407u)
        rows[n++] = (x >> 33) % g->rows;
    rows[n++] = g->rows - 1;
    rows[n] = rows[n - 1]; /* the same row again */
    n++;
    assert_ok(lance_file_take(f, &g->index, &s, rows, n, &taken, &err), err);
    for (size_t i = 0; i < n; i++)
        assert_row_equal(&s, &all, (int64_t)rows[i], &taken, (int64_t)i);
    taken.release(&taken);
    assert_ok(lance_file_take(f, &g->index, &s, rows, 0, &taken, &err), err);
    assert_int_equal(taken.length, 0);
    taken.release(&taken);
    all.release(&all);
    s.release(&s);
}

static void rows_are_taken_in_any_order_with_repeats(void **state)
{
    (void)state;
    each_golden(check_take);
}

/* ---- nested types ---- */

typedef struct nested_column {
    struct ArrowSchema schema; /* of the file */
    const struct ArrowSchema *type;
    uint32_t columns[16];
} nested_column;

static void open_nested(const char *file, unsigned column, lance_file **f, nested_column *out)
{
    char path[512];
    lancelet_error err;
    uint32_t next = 0;
    snprintf(path, sizeof path, FOLDER "%s", file);
    assert_ok(lance_file_open(path, 0, f, &err), err);
    schema_of_file(*f, &out->schema);
    for (unsigned i = 0; i <= column; i++) {
        size_t n = 0;
        out->type = out->schema.children[i];
        assert_true(lance_field_count(out->type) <= 16);
        number_columns(out->type, &next, out->columns, &n);
    }
}

static void check_nested(const char *file, unsigned column, uint64_t rows, int64_t nulls, const char *expected)
{
    lance_file *f;
    nested_column c;
    struct ArrowArray all, part;
    lancelet_error err;
    char hash[65];
    open_nested(file, column, &f, &c);
    assert_ok(lance_file_read(f, c.columns, c.type, 0, rows, &all, &err), err);
    assert_ok(arrow_check(c.type, &all, &err), err);
    hash_array(c.type, &all, hash);
    if (strcmp(hash, expected) != 0 || all.null_count != nulls)
        fail_msg("%s %s: other values than pylance reads", file, c.type->name);
    uint64_t picks[20];
    for (uint64_t i = 0; i < 20; i++)
        picks[i] = (i * 37 + 11) % rows / (1 + i % 2);
    assert_ok(lance_file_take(f, c.columns, c.type, picks, 20, &part, &err), err);
    for (int64_t i = 0; i < 20; i++)
        assert_row_equal(c.type, &all, (int64_t)picks[i], &part, i);
    part.release(&part);
    for (uint64_t first = 0; first < rows; first += 13) {
        uint64_t n = lance_min(rows - first, 13);
        assert_ok(lance_file_read(f, c.columns, c.type, first, n, &part, &err), err);
        for (uint64_t i = 0; i < n; i++)
            assert_row_equal(c.type, &all, (int64_t)(first + i), &part, (int64_t)i);
        part.release(&part);
    }
    all.release(&all);
    c.schema.release(&c.schema);
    lance_file_close(f);
}

static void nested_and_rare_types_have_the_values_that_pylance_reads(void **state)
{
    (void)state;
    FILE *lines = fopen(FOLDER "nested.txt", "r");
    assert_non_null(lines);
    char file[256], hash[65];
    unsigned column;
    unsigned long long rows;
    long long nulls;
    size_t n = 0;
    for (; fscanf(lines, "%255s %u %llu %lld %64s", file, &column, &rows, &nulls, hash) == 5; n++)
        check_nested(file, column, rows, nulls, hash);
    fclose(lines);
    assert_int_equal(n, 18 + 20);
}

static void a_field_that_the_file_does_not_have_is_null(void **state)
{
    (void)state;
    lance_file *f;
    nested_column c;
    struct ArrowArray a;
    lancelet_error err;
    open_nested("nested_2.1.lance", 3, &f, &c); /* list<struct<a, b>> */
    c.columns[2] = LANCE_NO_COLUMN;
    assert_ok(lance_file_read(f, c.columns, c.type, 0, 120, &a, &err), err);
    const struct ArrowArray *items = a.children[0];
    assert_true(items->length > 0 && items->children[0]->null_count == items->length);
    assert_true(items->children[1]->null_count < items->length);
    a.release(&a);
    c.columns[3] = LANCE_NO_COLUMN;
    assert_ok(lance_file_read(f, c.columns, c.type, 0, 120, &a, &err), err);
    assert_int_equal(a.null_count, 120);
    a.release(&a);
    c.schema.release(&c.schema);
    lance_file_close(f);
}

static void every_failing_allocation_in_nested_columns_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    static const uint64_t rows[] = {5, 99, 5, 60};
    for (unsigned column = 0; column < 20; column++) {
        for (uint64_t n = 1;; n++) {
            lance_file *f;
            nested_column c;
            struct ArrowArray a;
            lancelet_error err;
            open_nested("nested_2.2.lance", column, &f, &c);
            base_fault_fail_alloc(n);
            lancelet_status status = lance_file_read(f, c.columns, c.type, 3, 40, &a, &err);
            if (status == LANCELET_OK) {
                a.release(&a);
                status = lance_file_take(f, c.columns, c.type, rows, 4, &a, &err);
                if (status == LANCELET_OK)
                    a.release(&a);
            }
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            c.schema.release(&c.schema);
            lance_file_close(f);
            assert_int_equal(status, fired ? LANCELET_MEMORY : LANCELET_OK);
            if (!fired)
                break;
        }
    }
}

/* ---- what a take costs ---- */

static void make_captions(const char *path, uint64_t rows)
{
    struct ArrowSchema schema;
    struct ArrowArray batch, column;
    lancelet_error err;
    base_buffer fields = {0};
    uint64_t size;
    assert_ok(arrow_schema_init(&schema, "+s", "", false, 1, &err), err);
    make_schema(schema.children[0], "u", "caption");
    arrow_builder b;
    assert_ok(arrow_builder_init(&b, schema.children[0], &err), err);
    for (uint64_t i = 0; i < rows; i++) {
        char text[120];
        int n = snprintf(text, sizeof text, "caption number %llu of a picture with a stop sign and %llu cars",
                         (unsigned long long)i, (unsigned long long)(i * 7919 % rows));
        assert_true(arrow_append_bytes(&b, text, (size_t)n));
    }
    assert_ok(arrow_builder_finish(&b, &column, &err), err);
    assert_ok(arrow_batch_make(&column, 1, (int64_t)rows, &batch, &err), err);
    assert_true(wire_put_string(&fields, 2, "caption") && wire_put_varint(&fields, 4, UINT64_MAX) &&
                wire_put_string(&fields, 5, "string") && wire_put_varint(&fields, 6, 1));
    wire_span field = {fields.data, fields.size};
    lance_file_writer *w;
    assert_ok(lance_file_writer_open(path, 1, &schema, &field, 1, &w, &err), err);
    assert_ok(lance_file_writer_add(w, &batch, &err), err);
    assert_ok(lance_file_writer_finish(w, false, &size, &err), err);
    batch.release(&batch);
    schema.release(&schema);
    base_buffer_free(&fields);
}

static void three_captions_cost_the_tables_and_three_chunks(void **state)
{
    (void)state;
    enum { ROWS = 400000, CHUNK = 32768 };
    char path[4200];
    snprintf(path, sizeof path, "%s/captions.lance", scratch_folder());
    make_captions(path, ROWS);
    static const uint64_t rows[] = {399999, 17, 200001};
    lance_file *f;
    struct ArrowSchema s;
    struct ArrowArray a;
    lancelet_error err;
    make_schema(&s, "u", "caption");
    uint64_t before = base_bytes_read();
    assert_ok(lance_file_open(path, 0, &f, &err), err);
    assert_ok(lance_file_take(f, (uint32_t[]){0}, &s, rows, 3, &a, &err), err);
    uint64_t cost = base_bytes_read() - before, chunk_tables = 0, metadata = 0;
    const lance_column *c;
    assert_ok(lance_file_column(f, 0, &c, &err), err);
    for (size_t i = 0; i < c->n_pages; i++) {
        const lance_nesting value = {.n = 1, .null_level = {1}, .visible = 1, .factor = 1};
        lance_page_view v;
        assert_ok(lance_page_open(f, &c->pages[i], &value, &v, &err), err);
        chunk_tables += v.buffers[0].size;
        metadata += c->pages[i].message.size + 16;
    }
    assert_true(f->bytes.size > (20u << 20));
    assert_true(cost > 3000 && cost <= 40 + 2 * 16 + f->descriptor.size + metadata + 64 + chunk_tables + 3 * CHUNK);
    assert_true(cost < f->bytes.size / 300);
    a.release(&a);
    s.release(&s);
    lance_file_close(f);
}

static void a_plain_matrix_is_not_copied_and_keeps_the_file_open(void **state)
{
    (void)state;
    lance_file *f;
    lancelet_error err;
    struct ArrowSchema s;
    struct ArrowArray a;
    assert_ok(lance_file_open(FOLDER "varied_2.2.lance", 0, &f, &err), err);
    uint32_t column = column_index(f, "vector_wide");
    make_schema(&s, "+w:64:f", "vector_wide");
    assert_ok(lance_file_read(f, &column, &s, 10, 100, &a, &err), err);
    const float *matrix;
    uint64_t count;
    assert_ok(lance_file_vectors(f, column, 64, 10, &matrix, &count, &err), err);
    assert_true(count >= 100);
    assert_ptr_equal(a.children[0]->buffers[1], matrix);
    float first = matrix[0];
    lance_file_close(f); /* the array still holds it */
    assert_true(((const float *)a.children[0]->buffers[1])[0] == first);
    a.release(&a);
    s.release(&s);
}

static void vectors_cover_all_rows_page_by_page(void **state)
{
    (void)state;
    lance_file *f;
    lancelet_error err;
    assert_ok(lance_file_open(FOLDER "varied_2.1.lance", 0, &f, &err), err);
    const float *matrix;
    uint64_t count, first = 0;
    do {
        assert_ok(lance_file_vectors(f, column_index(f, "vector_wide"), 64, first, &matrix, &count, &err),
                  err);
        first += count;
    } while (count > 0);
    assert_int_equal(first, lance_file_rows(f));
    assert_int_equal(
        lance_file_vectors(f, column_index(f, "vector_wide_nulls"), 64, 0, &matrix, &count, &err),
        LANCELET_UNSUPPORTED);
    lance_file_close(f);
}

static void other_versions_are_refused_by_name(void **state)
{
    (void)state;
    lance_file *f;
    lancelet_error err;
    assert_int_equal(lance_file_open(FOLDER "other_2.3.lance", 0, &f, &err), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "version 2.3"));
    uint8_t legacy[48] = {0};
    memcpy(legacy + 40, "\x00\x00\x01\x00LANC", 8);
    assert_int_equal(lance_file_open_memory(legacy, sizeof legacy, &f, &err), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "legacy"));
}

static void another_size_than_stated_is_corrupt(void **state)
{
    (void)state;
    lance_file *f;
    lancelet_error err;
    assert_int_equal(lance_file_open(FOLDER "one_2.1.lance", 12, &f, &err), LANCELET_CORRUPT);
    assert_int_equal(lance_file_open(FOLDER "absent.lance", 0, &f, &err), LANCELET_NOT_FOUND);
}

static void rows_and_columns_that_are_not_there_are_refused(void **state)
{
    (void)state;
    lance_file *f;
    lancelet_error err;
    struct ArrowSchema s;
    struct ArrowArray a;
    uint64_t row = 300;
    assert_ok(lance_file_open(FOLDER "varied_2.1.lance", 0, &f, &err), err);
    make_schema(&s, "i", "int32");
    assert_int_equal(lance_file_read(f, (uint32_t[]){6}, &s, 290, 11, &a, &err), LANCELET_INVALID);
    assert_int_equal(lance_file_read(f, (uint32_t[]){6}, &s, 1, UINT64_MAX, &a, &err), LANCELET_INVALID);
    assert_int_equal(lance_file_take(f, (uint32_t[]){6}, &s, &row, 1, &a, &err), LANCELET_INVALID);
    assert_int_equal(lance_file_read(f, (uint32_t[]){999}, &s, 0, 1, &a, &err), LANCELET_CORRUPT);
    lance_file_close(f);
    s.release(&s);
}

static void a_column_of_another_type_is_an_error_not_nonsense(void **state)
{
    (void)state;
    static const char *const formats[] = {"l", "c", "b", "u", "+w:2:f", "w:3"};
    lance_file *f;
    lancelet_error err;
    assert_ok(lance_file_open(FOLDER "varied_2.1.lance", 0, &f, &err), err);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct ArrowSchema s;
        struct ArrowArray a;
        make_schema(&s, formats[i], "x");
        assert_int_not_equal(lance_file_read(f, (uint32_t[]){column_index(f, "float32")}, &s, 0, 10, &a, &err),
                             LANCELET_OK);
        s.release(&s);
    }
    lance_file_close(f);
}

static void types_that_are_not_read_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *format, *word;
    } types[] = {{"d:7,2,32", "decimals of this width"}, {"+r", "run-end"}, {"vu", "string views"}, {"tiM", "intervals"}};
    lance_type type;
    lancelet_error err;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct ArrowSchema s = {.format = types[i].format, .name = "x"};
        assert_int_equal(lance_type_of(&s, &type, &err), LANCELET_UNSUPPORTED);
        assert_non_null(strstr(err.text, types[i].word));
    }
}

/* A file cut anywhere, and a file with any one byte changed in its metadata, is an error or other values: never a crash. */
static void cut_and_damaged_files_are_survived(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t size;
    lance_file *f;
    lancelet_error err;
    struct ArrowSchema s;
    struct ArrowArray a;
    assert_ok(base_file_read(FOLDER "one_2.1.lance", 1 << 20, &bytes, &size, &err), err);
    for (size_t n = 0; n < size; n += 7)
        assert_int_not_equal(lance_file_open_memory(bytes, n, &f, &err), LANCELET_OK);
    make_schema(&s, "u", "x");
    for (size_t i = size - 6000; i < size; i++) {
        uint8_t kept = bytes[i];
        bytes[i] = (uint8_t)(kept ^ (1u << i % 8));
        if (lance_file_open_memory(bytes, size, &f, &err) == LANCELET_OK) {
            for (uint32_t c = 0; c < lance_file_columns(f) && c < 50; c++)
                if (lance_file_read(f, &c, &s, 0, lance_min(lance_file_rows(f), 10), &a, &err) == LANCELET_OK)
                    a.release(&a);
            lance_file_close(f);
        }
        bytes[i] = kept;
    }
    s.release(&s);
    base_free(bytes);
}

static void every_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *column, *format;
    } columns[] = {{"bool_nulls", "b"},
                   {"int64_few", "l"},
                   {"uint32_null_runs", "I"},
                   {"utf8_long", "u"},
                   {"utf8_few_nulls", "u"},
                   {"large_binary_huge", "Z"},
                   {"vector_item_nulls", "+w:5:f"},
                   {"vector_wide", "+w:64:f"},
                   {"utf8_constant_nulls", "u"}};
    static const uint64_t rows[] = {5, 299, 5, 130};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        for (uint64_t n = 1;; n++) {
            lance_file *f;
            lancelet_error err;
            struct ArrowSchema s;
            struct ArrowArray a;
            make_schema(&s, columns[i].format, columns[i].column);
            base_fault_fail_alloc(n);
            lancelet_status status = lance_file_open(FOLDER "varied_2.2.lance", 0, &f, &err);
            if (status == LANCELET_OK) {
                uint32_t column = column_index(f, columns[i].column);
                status = lance_file_read(f, &column, &s, 3, 290, &a, &err);
                if (status == LANCELET_OK) {
                    a.release(&a);
                    status = lance_file_take(f, &column, &s, rows, 4, &a, &err);
                    if (status == LANCELET_OK)
                        a.release(&a);
                }
                lance_file_close(f);
            }
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            s.release(&s);
            if (!fired) {
                assert_int_equal(status, LANCELET_OK);
                break;
            }
            assert_int_equal(status, LANCELET_MEMORY);
        }
    }
}

/* ---- files made to harm ---- */

static void put_little(base_buffer *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++, v >>= 8)
        assert_true(base_buffer_append(b, &(uint8_t){(uint8_t)v}, 1));
}

/* A file whose n columns all have the same metadata message. */
static void make_file(base_buffer *file, const base_buffer *metadata, uint32_t n, uint64_t rows)
{
    base_buffer descriptor = {0};
    assert_true(wire_put_bytes(&descriptor, 1, "", 0) && wire_put_varint(&descriptor, 2, rows));
    assert_true(base_buffer_append(file, descriptor.data, descriptor.size));
    assert_true(base_buffer_append(file, metadata->data, metadata->size));
    uint64_t table = file->size;
    for (uint32_t i = 0; i < n; i++) {
        put_little(file, descriptor.size, 8);
        put_little(file, metadata->size, 8);
    }
    uint64_t global = file->size;
    put_little(file, 0, 8);
    put_little(file, descriptor.size, 8);
    put_little(file, descriptor.size, 8);
    put_little(file, table, 8);
    put_little(file, global, 8);
    put_little(file, 1, 4);
    put_little(file, n, 4);
    put_little(file, 2, 2);
    put_little(file, 1, 2);
    assert_true(base_buffer_append(file, "LANC", 4));
    base_buffer_free(&descriptor);
}

/* The Page message of a layout, whose buffers (where, size) lie in the file. */
static void put_page(base_buffer *metadata, uint64_t rows, const base_buffer *layout, const uint64_t (*buffers)[2],
                     size_t n_buffers)
{
    base_buffer page = {0}, encoding = {0}, direct = {0}, any = {0};
    for (size_t i = 0; i < n_buffers; i++)
        assert_true(wire_put_varint(&page, 1, buffers[i][0]) && wire_put_varint(&page, 2, buffers[i][1]));
    assert_true(wire_put_string(&any, 1, "/lance.encodings21.PageLayout") &&
                wire_put_bytes(&any, 2, layout->data, layout->size));
    assert_true(wire_put_bytes(&direct, 1, any.data, any.size));
    assert_true(wire_put_bytes(&encoding, 2, direct.data, direct.size));
    assert_true(wire_put_varint(&page, 3, rows) && wire_put_bytes(&page, 4, encoding.data, encoding.size));
    assert_true(wire_put_bytes(metadata, 2, page.data, page.size));
    base_buffer_free(&page);
    base_buffer_free(&encoding);
    base_buffer_free(&direct);
    base_buffer_free(&any);
}

/* ColumnMetadata of one page of nulls. */
static void make_null_page(base_buffer *metadata, uint64_t rows)
{
    static uint8_t nulls[] = {0x12, 0x03, 0x2a, 0x01, 0x03}; /* PageLayout{2 {5 [3]}} */
    put_page(metadata, rows, &(base_buffer){.data = nulls, .size = sizeof nulls}, NULL, 0);
}

static void a_page_that_claims_any_number_of_rows_costs_what_is_asked_for(void **state)
{
    (void)state;
    base_buffer metadata = {0}, file = {0};
    struct ArrowSchema s;
    struct ArrowArray a;
    lance_file *f;
    lancelet_error err;
    uint64_t rows = (uint64_t)1 << 60, last = rows - 1;
    make_null_page(&metadata, rows);
    make_file(&file, &metadata, 1, rows);
    assert_ok(lance_file_open_memory(file.data, file.size, &f, &err), err);
    make_schema(&s, "l", "x");
    assert_ok(lance_file_read(f, (uint32_t[]){0}, &s, rows - 10, 10, &a, &err), err);
    assert_int_equal(a.null_count, 10);
    a.release(&a);
    assert_ok(lance_file_take(f, (uint32_t[]){0}, &s, &last, 1, &a, &err), err);
    a.release(&a);
    assert_int_equal(lance_file_read(f, (uint32_t[]){0}, &s, 0, rows, &a, &err), LANCELET_LIMIT);
    s.release(&s);
    lance_file_close(f);
    base_buffer_free(&metadata);
    base_buffer_free(&file);
}

static void vectors_of_nulls_take_no_more_memory_than_the_file_allows(void **state)
{
    (void)state;
    base_buffer metadata = {0}, file = {0};
    struct ArrowSchema s;
    struct ArrowArray a;
    lance_file *f;
    lancelet_error err;
    make_null_page(&metadata, 2);
    make_file(&file, &metadata, 1, 2);
    assert_ok(lance_file_open_memory(file.data, file.size, &f, &err), err);
    make_schema(&s, "+w:2147483647:l", "x");
    assert_int_equal(lance_file_read(f, (uint32_t[]){0}, &s, 0, 1, &a, &err), LANCELET_LIMIT);
    s.release(&s);
    make_schema(&s, "+w:1000:l", "x");
    assert_ok(lance_file_read(f, (uint32_t[]){0}, &s, 0, 2, &a, &err), err);
    assert_int_equal(a.null_count, 2);
    a.release(&a);
    s.release(&s);
    lance_file_close(f);
    base_buffer_free(&metadata);
    base_buffer_free(&file);
}

/* One chunk of one list of one number, and an index that says how many lists it has. */
static lancelet_status read_lists_of_index(uint64_t rows, struct ArrowArray *out)
{
    /* PageLayout{1 MiniBlockLayout{1 Flat of 16 bits, 3 Flat of 64, 6 [item, list], 7: 1, 8: 1, 9: 1}} */
    static uint8_t layout[] = {0x0a, 22,   0x0a, 4, 0x0a, 2, 0x08, 16, 0x1a, 4, 0x0a, 2, 0x08,
                               64,   0x32, 2,    1, 2,    0x38, 1, 0x40, 1,    0x48, 1};
    static const uint8_t page[] = {0x20, 0,                            /* a chunk of 24 bytes */
                                   1,    0, 2, 0, 8, 0, 0, 0,          /* a level, 2 bytes of it, 8 of values */
                                   1,    0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0};
    base_buffer metadata = {0}, file = {0}, bytes = {0}, descriptor = {0};
    struct ArrowSchema s;
    lance_file *f;
    lancelet_error err;
    assert_true(base_buffer_append(&bytes, page, sizeof page));
    put_little(&bytes, rows, 8);
    put_little(&bytes, 0, 8);
    assert_true(wire_put_bytes(&metadata, 15, bytes.data, bytes.size)); /* unknown to a reader */
    assert_true(wire_put_bytes(&descriptor, 1, "", 0) && wire_put_varint(&descriptor, 2, rows));
    uint64_t at = descriptor.size + metadata.size - bytes.size;
    const uint64_t buffers[][2] = {{at, 2}, {at + 2, 24}, {at + 26, 16}};
    put_page(&metadata, rows, &(base_buffer){.data = layout, .size = sizeof layout}, buffers, 3);
    make_file(&file, &metadata, 1, rows);
    assert_ok(lance_file_open_memory(file.data, file.size, &f, &err), err);
    assert_ok(arrow_schema_init(&s, "+l", "x", true, 1, &err), err);
    assert_ok(arrow_schema_init(s.children[0], "l", "item", true, 0, &err), err);
    lancelet_status status = lance_file_read(f, (uint32_t[]){LANCE_NO_COLUMN, 0}, &s, 0, 1, out, &err);
    s.release(&s);
    lance_file_close(f);
    base_buffer_free(&metadata);
    base_buffer_free(&descriptor);
    base_buffer_free(&bytes);
    base_buffer_free(&file);
    return status;
}

static void an_index_that_claims_any_number_of_lists_is_found_out_at_once(void **state)
{
    (void)state;
    struct ArrowArray a;
    assert_int_equal(read_lists_of_index(1, &a), LANCELET_OK);
    assert_int_equal(((const int64_t *)a.children[0]->buffers[1])[0], 7);
    a.release(&a);
    assert_int_equal(read_lists_of_index((uint64_t)1 << 60, &a), LANCELET_CORRUPT);
}

static void columns_that_share_their_metadata_are_refused(void **state)
{
    (void)state;
    base_buffer metadata = {0}, file = {0};
    lance_file *f;
    lancelet_error err;
    make_null_page(&metadata, 5);
    make_file(&file, &metadata, 100, 5);
    assert_int_equal(lance_file_open_memory(file.data, file.size, &f, &err), LANCELET_CORRUPT);
    base_buffer_free(&metadata);
    base_buffer_free(&file);
}

static void pages_whose_rows_overflow_or_differ_from_the_file_are_refused(void **state)
{
    (void)state;
    base_buffer metadata = {0}, file = {0};
    struct ArrowSchema s;
    struct ArrowArray a;
    lance_file *f;
    lancelet_error err;
    make_null_page(&metadata, INT64_MAX);
    make_null_page(&metadata, 2);
    make_file(&file, &metadata, 1, 5);
    make_schema(&s, "l", "x");
    assert_ok(lance_file_open_memory(file.data, file.size, &f, &err), err);
    assert_int_equal(lance_file_read(f, (uint32_t[]){0}, &s, 0, 5, &a, &err), LANCELET_CORRUPT);
    lance_file_close(f);
    base_buffer_free(&metadata);
    base_buffer_free(&file);
    make_null_page(&metadata, 4);
    make_file(&file, &metadata, 1, 5);
    assert_ok(lance_file_open_memory(file.data, file.size, &f, &err), err);
    assert_int_equal(lance_file_read(f, (uint32_t[]){0}, &s, 0, 5, &a, &err), LANCELET_CORRUPT);
    s.release(&s);
    lance_file_close(f);
    base_buffer_free(&metadata);
    base_buffer_free(&file);
}

static void strings_do_not_unfold_past_the_limit(void **state)
{
    (void)state;
    lance_type type = {.kind = LANCE_VARIABLE, .items = 1, .offset_bits = 64};
    lance_sink sink;
    lancelet_error err;
    assert_ok(lance_sink_open(&sink, &type, 3, 32, &err), err);
    sink.bytes_limit = 5;
    assert_ok(lance_sink_bytes(&sink, (const uint8_t *)"abc", 3, &err), err);
    assert_int_equal(lance_sink_bytes(&sink, (const uint8_t *)"def", 3, &err), LANCELET_LIMIT);
    lance_sink_free(&sink);
}

/* ---- LanceDB 0.39's samples ---- */

static void find_data_file(const char *folder, char *path, size_t n)
{
    base_names names;
    lancelet_error err;
    assert_ok(base_dir_list(folder, &names, &err), err);
    assert_int_equal(names.n, 1);
    snprintf(path, n, "%s/%s", folder, names.name[0]);
    base_names_free(&names);
}

/* "length:first 16 digits of SHA-256", or for vectors the digits alone. */
static void check_hash(const char *expected, const void *bytes, size_t n)
{
    char hex[65], text[96];
    base_sha256_hex(bytes, n, hex);
    if (strchr(expected, ':'))
        snprintf(text, sizeof text, "%zu:%.16s", n, hex);
    else
        snprintf(text, sizeof text, "%.16s", hex);
    assert_string_equal(text, expected);
}

static void check_json(const json_t *v, const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i)
{
    int64_t integer;
    double number;
    size_t n, dim;
    if (json_is_null(v)) {
        assert_true(arrow_is_null(a, i));
    } else if (strncmp(s->format, "+w", 2) == 0) {
        const float *vector = arrow_vector(s, a, i, &dim);
        assert_non_null(vector);
        check_hash(json_string_value(v), vector, dim * sizeof *vector);
    } else if (*s->format == 'z') {
        const char *bytes = arrow_bytes(s, a, i, &n);
        check_hash(json_string_value(v), bytes, n);
    } else if (*s->format == 'u') {
        const char *bytes = arrow_bytes(s, a, i, &n);
        assert_int_equal(n, json_string_length(v));
        assert_memory_equal(bytes, json_string_value(v), n);
    } else if (*s->format == 'b' || *s->format == 'i' || *s->format == 't') {
        assert_true(arrow_int(s, a, i, &integer));
        int64_t scale = *s->format == 't' ? 1000 : 1; /* the golden's times are milliseconds */
        assert_int_equal(integer, json_is_boolean(v) ? json_is_true(v) : json_integer_value(v) * scale);
    } else {
        assert_true(arrow_double(s, a, i, &number));
        assert_true(number == json_number_value(v));
    }
}

static void check_sample(const char *folder, const char *lines)
{
    static const struct {
        const char *name, *format;
    } columns[] = {{"id", "i"},      {"cat", "u"},   {"text", "u"},         {"n", "i"},
                   {"f", "g"},       {"flag", "b"},  {"ts", "tsu:"},        {"big", "z"},
                   {"allnull", "u"}, {"const", "i"}, {"vector", "+w:768:f"}};
    char path[4096 + 300];
    lance_file *f;
    lancelet_error err;
    find_data_file(folder, path, sizeof path);
    assert_ok(lance_file_open(path, 0, &f, &err), err);
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        struct ArrowSchema s;
        struct ArrowArray a;
        make_schema(&s, columns[c].format, columns[c].name);
        assert_ok(lance_file_read(f, (uint32_t[]){column_index(f, columns[c].name)}, &s, 0, lance_file_rows(f), &a, &err),
                  err);
        FILE *golden_lines = fopen(lines, "r");
        assert_non_null(golden_lines);
        for (int64_t i = 0; i < a.length; i++) {
            json_error_t error;
            json_t *row = json_loadf(golden_lines, JSON_DISABLE_EOF_CHECK, &error);
            assert_non_null(row);
            check_json(json_object_get(row, columns[c].name), &s, &a, i);
            json_decref(row);
        }
        fclose(golden_lines);
        a.release(&a);
        s.release(&s);
    }
    lance_file_close(f);
}

static void the_samples_of_lancedb_039_have_the_values_it_reads_back(void **state)
{
    (void)state;
    static const char *const names[] = {"v039_variety_d768", "v039_variety_fmt2.1"};
    if (!shared_folder())
        skip_because("shared data is not here");
    for (size_t i = 0; i < 2; i++) {
        char folder[4200], lines[4200];
        snprintf(folder, sizeof folder, "%s/lance/samples/%s/v.lance/data", shared_folder(), names[i]);
        snprintf(lines, sizeof lines, "%s/lance/samples/%s.golden.jsonl", shared_folder(), names[i]);
        if (access(folder, R_OK) != 0)
            skip_because("the samples of the shared data are not here");
        check_sample(folder, lines);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_of_the_fixtures_has_the_values_that_pylance_reads),
        cmocka_unit_test(any_run_of_rows_equals_that_part_of_the_whole),
        cmocka_unit_test(rows_are_taken_in_any_order_with_repeats),
        cmocka_unit_test(nested_and_rare_types_have_the_values_that_pylance_reads),
        cmocka_unit_test(a_field_that_the_file_does_not_have_is_null),
        cmocka_unit_test(every_failing_allocation_in_nested_columns_is_reported_and_leaks_nothing),
        cmocka_unit_test(three_captions_cost_the_tables_and_three_chunks),
        cmocka_unit_test(a_plain_matrix_is_not_copied_and_keeps_the_file_open),
        cmocka_unit_test(vectors_cover_all_rows_page_by_page),
        cmocka_unit_test(other_versions_are_refused_by_name),
        cmocka_unit_test(another_size_than_stated_is_corrupt),
        cmocka_unit_test(rows_and_columns_that_are_not_there_are_refused),
        cmocka_unit_test(a_column_of_another_type_is_an_error_not_nonsense),
        cmocka_unit_test(types_that_are_not_read_are_named),
        cmocka_unit_test(cut_and_damaged_files_are_survived),
        cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
        cmocka_unit_test(a_page_that_claims_any_number_of_rows_costs_what_is_asked_for),
        cmocka_unit_test(vectors_of_nulls_take_no_more_memory_than_the_file_allows),
        cmocka_unit_test(an_index_that_claims_any_number_of_lists_is_found_out_at_once),
        cmocka_unit_test(columns_that_share_their_metadata_are_refused),
        cmocka_unit_test(pages_whose_rows_overflow_or_differ_from_the_file_are_refused),
        cmocka_unit_test(strings_do_not_unfold_past_the_limit),
        cmocka_unit_test(the_samples_of_lancedb_039_have_the_values_it_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
