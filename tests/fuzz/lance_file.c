/* lance_file.c - fuzz target: any bytes as a Lance data file. Every column, nested ones too, is read under the type
 * that the file's own schema gives it and under a few that it does not have: from the start, by row numbers, and as
 * vectors in place. The types come from the file's Field messages by way of a manifest that holds them. Build: clang
 * -fsanitize=fuzzer,address,undefined; corpus: small files by the real writer (tests/fixtures/lance). */
#include "lance/file/page.h"
#include "lance/table/table.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_ROWS = 5000, MOST_VALUES = 1 << 18, MOST_COLUMNS = 64 };

static uint64_t sum_bytes(const void *bytes, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((const uint8_t *)bytes)[i];
    return sum;
}

/* Touches all that an array says is there. */
static uint64_t touch(const struct ArrowSchema *schema, const struct ArrowArray *a)
{
    lancelet_error err;
    lance_type type;
    size_t n = (size_t)a->length;
    uint64_t sum = a->n_buffers > 0 && a->buffers[0] ? sum_bytes(a->buffers[0], (n + 7) / 8) : 0;
    if (a->n_children != schema->n_children || (a->dictionary != NULL) != (schema->dictionary != NULL))
        abort();
    for (int64_t i = 0; i < a->n_children; i++)
        sum += touch(schema->children[i], a->children[i]);
    if (schema->dictionary) {
        int64_t key;
        struct ArrowSchema keys = {.format = schema->format, .name = "k", .flags = ARROW_FLAG_NULLABLE};
        for (int64_t i = 0; i < a->length; i++)
            if (!arrow_is_null(a, i) &&
                (!arrow_int(&keys, a, i, &key) || key < 0 || key >= a->dictionary->length))
                abort();
        return sum + touch(schema->dictionary, a->dictionary);
    }
    if (a->n_children > 0) {
        size_t word = schema->format[1] == 'L' ? 8 : 4;
        return a->n_buffers == 2 ? sum + sum_bytes(a->buffers[1], (n + 1) * word) : sum;
    }
    if (strcmp(schema->format, "+s") == 0)
        return sum;
    if (lance_type_of(schema, &type, &err) != LANCELET_OK)
        abort();
    if (type.kind == LANCE_VARIABLE) {
        const uint8_t *offsets = a->buffers[1];
        size_t word = type.offset_bits / 8;
        return sum + sum_bytes(offsets, (n + 1) * word) +
               sum_bytes(a->buffers[2], (size_t)wire_little(offsets + n * word, word));
    }
    if (type.kind == LANCE_NULL)
        return sum;
    return sum + sum_bytes(a->buffers[1], type.kind == LANCE_BOOL ? (n + 7) / 8 : n * type.width);
}

static void use(const struct ArrowSchema *schema, struct ArrowArray *a)
{
    lancelet_error err;
    if (arrow_check(schema, a, &err) != LANCELET_OK) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    volatile uint64_t sum = touch(schema, a);
    (void)sum;
    a->release(a);
}

/* Values that one row may have by its fixed-size lists. */
static uint64_t values_of(const struct ArrowSchema *schema)
{
    uint64_t most = 1;
    int64_t size = arrow_list_size(schema);
    for (int64_t i = 0; i < schema->n_children; i++) {
        uint64_t inside = values_of(schema->children[i]);
        most = inside > most ? inside : most;
    }
    return size > 0 && most < MOST_VALUES ? most * (uint64_t)size : most;
}

static void read_column(lance_file *f, const uint32_t *columns, const struct ArrowSchema *schema)
{
    struct ArrowArray a;
    lancelet_error err;
    uint64_t all = lance_file_rows(f), most = lance_min(MOST_ROWS, MOST_VALUES / values_of(schema));
    if (lance_file_read(f, columns, schema, 0, lance_min(all, most), &a, &err) == LANCELET_OK)
        use(schema, &a);
    if (all > 9 && lance_file_read(f, columns, schema, all / 3, lance_min(all / 2, most), &a, &err) == LANCELET_OK)
        use(schema, &a);
    if (all == 0 || most < 6)
        return;
    uint64_t picks[] = {all - 1, 0, all / 2, all / 2, all / 3, all / 2 + (all / 2 + 1 < all)};
    if (lance_file_take(f, columns, schema, picks, sizeof picks / sizeof *picks, &a, &err) == LANCELET_OK)
        use(schema, &a);
}

static void read_vectors(lance_file *f, uint32_t column, const struct ArrowSchema *schema)
{
    const float *matrix;
    uint64_t count, first = 0;
    lancelet_error err;
    int64_t size = arrow_list_size(schema);
    size_t dim = size > 0 ? (size_t)size : 4;
    for (int i = 0; i < 100 && lance_file_vectors(f, column, dim, first, &matrix, &count, &err) == LANCELET_OK &&
                    count > 0;
         i++) {
        volatile float kept = matrix[0] + matrix[count * dim - 1];
        (void)kept;
        first += count;
    }
}

/* The schema of the file's own Field messages. */
static bool schema_of(const lance_file *f, struct ArrowSchema *out)
{
    static const uint8_t end[] = {0, 0, 2, 0, 'L', 'A', 'N', 'C'};
    base_buffer bytes = {0}, message = {0};
    wire_span schema = wire_bytes(lance_file_descriptor(f), 1);
    wire_field field;
    table_manifest m;
    lancelet_error err;
    bool bad, ok = true;
    while (ok && wire_next(&schema, &field, &bad))
        ok = field.number != 1 || field.type != 2 || wire_put_bytes(&message, 1, field.bytes.data, field.bytes.size);
    ok = ok && wire_put_varint(&message, 3, 1) && wire_put_little(&bytes, message.size, 4) &&
         base_buffer_append(&bytes, message.data, message.size) && wire_put_little(&bytes, 0, 8) &&
         base_buffer_append(&bytes, end, sizeof end);
    base_buffer_free(&message);
    if (!ok) {
        base_buffer_free(&bytes);
        return false;
    }
    if (table_manifest_parse(bytes.data, bytes.size, "fuzz", &m, &err) != LANCELET_OK)
        return false;
    ok = table_schema_build(&m, out, &err) == LANCELET_OK;
    table_manifest_free(&m);
    return ok;
}

/* Columns in the order of the fields: the leaves alone, or in 2.0 all. */
static void number_columns(const struct ArrowSchema *s, bool all, uint32_t *next, uint32_t *columns, size_t *n)
{
    bool leaf = lance_is_leaf(s);
    size_t fields = lance_field_count(s), from = *n;
    columns[(*n)++] = leaf || all ? (*next)++ : LANCE_NO_COLUMN;
    for (int64_t i = 0; !leaf && i < s->n_children; i++)
        number_columns(s->children[i], all, next, columns, n);
    while (*n - from < fields)
        columns[(*n)++] = LANCE_NO_COLUMN;
}

static void read_columns(lance_file *f, const struct ArrowSchema *schema)
{
    uint32_t next = 0;
    for (int64_t i = 0; i < schema->n_children && i < MOST_COLUMNS; i++) {
        const struct ArrowSchema *s = schema->children[i];
        uint32_t *columns = malloc(lance_field_count(s) * sizeof *columns), first = next;
        size_t n = 0;
        if (!columns)
            return;
        number_columns(s, lance_file_minor(f) == 0, &next, columns, &n);
        read_column(f, columns, s);
        read_vectors(f, first, s);
        if (n > 1) { /* a child that came later */
            columns[n - 1] = LANCE_NO_COLUMN;
            read_column(f, columns, s);
        }
        free(columns);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const others[] = {"b", "c", "i", "u", "n"};
    static const uint32_t list_columns[] = {LANCE_NO_COLUMN, 0};
    lance_file *f;
    lancelet_error err;
    struct ArrowSchema schema;
    if (lance_file_open_memory(data, size, &f, &err) != LANCELET_OK)
        return 0;
    if (schema_of(f, &schema)) {
        read_columns(f, &schema);
        schema.release(&schema);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct ArrowSchema item = {.format = others[i], .name = "c", .release = arrow_schema_release};
        struct ArrowSchema *child = &item;
        struct ArrowSchema list = {
            .format = "+l", .name = "c", .n_children = 1, .children = &child, .release = arrow_schema_release};
        read_column(f, (uint32_t[]){0}, &item);
        if (lance_file_minor(f) > 0)
            read_column(f, list_columns, &list);
    }
    lance_file_close(f);
    return 0;
}
