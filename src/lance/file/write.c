/* write.c - writing a Lance data file of version 2.1 or 2.2: rows are collected column by column, a page is written
 * when a column has about 8 MiB of them, and finishing writes what is left, the schema, the columns' metadata, the two
 * tables and the footer (docs/lance-written.md has every byte). Buffers begin at multiples of 64, so that a matrix of
 * vectors can be used where it lies. */
#include "lance/file/write.h"

#include "base/text.h"

enum { ALIGNMENT = 64, PAGE_BYTES = 8 << 20 };

typedef struct column_writer {
    lance_pending pending;
    base_buffer pages; /* the fields 2 (Page) of the ColumnMetadata message */
    uint64_t written;  /* rows in pages */
} column_writer;

struct lance_file_writer {
    base_writer file;
    int minor;
    struct ArrowSchema schema;
    base_buffer fields;     /* the fields 1 (Field) of the Schema message */
    column_writer *columns; /* [n_columns] */
    size_t n_columns;
    uint64_t rows;
    bool broken; /* adding a batch failed half way */
};

static void destroy(lance_file_writer *w)
{
    if (w->schema.release)
        arrow_schema_release(&w->schema);
    for (size_t i = 0; w->columns && i < w->n_columns; i++) {
        base_buffer_free(&w->columns[i].pending.null);
        base_buffer_free(&w->columns[i].pending.values);
        base_buffer_free(&w->columns[i].pending.lengths);
        base_buffer_free(&w->columns[i].pages);
    }
    base_free(w->columns);
    base_buffer_free(&w->fields);
    base_free(w);
}

static lancelet_status prepare(lance_file_writer *w, const struct ArrowSchema *schema,
                               const wire_span *fields, size_t n_fields, lancelet_error *err)
{
    if (schema->n_children < 0 || (uint64_t)schema->n_children != n_fields)
        return base_fail(err, LANCELET_INVALID, "%zu fields do not describe %lld columns", n_fields,
                         (long long)schema->n_children);
    RETURN_IF_ERROR(arrow_schema_copy(schema, &w->schema, err));
    w->columns = base_calloc(n_fields ? n_fields : 1, sizeof *w->columns);
    if (!w->columns)
        return base_fail_memory(err);
    w->n_columns = n_fields;
    for (size_t i = 0; i < n_fields; i++) {
        lancelet_status status = lance_type_of(schema->children[i], &w->columns[i].pending.type, err);
        if (status != LANCELET_OK) {
            base_error_prefix(err, "column '%s'", schema->children[i]->name ? schema->children[i]->name : "");
            return status;
        }
        if (!wire_put_bytes(&w->fields, 1, fields[i].data, fields[i].size))
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

lancelet_status lance_file_writer_open(const char *path, int minor, const struct ArrowSchema *schema,
                                       const wire_span *fields, size_t n_fields, lance_file_writer **out,
                                       lancelet_error *err)
{
    *out = NULL;
    if (minor != 1 && minor != 2)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "Lance files of version 2.%d are not written; 2.1 and 2.2 are", minor);
    lance_file_writer *w = base_calloc(1, sizeof *w);
    if (!w)
        return base_fail_memory(err);
    w->minor = minor;
    lancelet_status status = prepare(w, schema, fields, n_fields, err);
    if (status == LANCELET_OK)
        status = base_writer_open(path, true, &w->file, err);
    if (status != LANCELET_OK) {
        destroy(w);
        return status;
    }
    *out = w;
    return LANCELET_OK;
}

/* ---- pages ---- */

static lancelet_status align(lance_file_writer *w, lancelet_error *err)
{
    static const uint8_t zeros[ALIGNMENT];
    size_t over = (size_t)(w->file.position % ALIGNMENT);
    return over == 0 ? LANCELET_OK : base_writer_write(&w->file, zeros, ALIGNMENT - over, err);
}

/* Any(type_url, value) inside Encoding{2 direct{1 bytes}} as field `field` of b. */
static bool put_encoding(base_buffer *b, uint32_t field, const char *url, const base_buffer *value)
{
    base_buffer any = {0}, direct = {0}, encoding = {0};
    bool ok = wire_put_string(&any, 1, url) && wire_put_bytes(&any, 2, value->data, value->size) &&
              wire_put_bytes(&direct, 1, any.data, any.size) &&
              wire_put_bytes(&encoding, 2, direct.data, direct.size) &&
              wire_put_bytes(b, field, encoding.data, encoding.size);
    base_buffer_free(&any);
    base_buffer_free(&direct);
    base_buffer_free(&encoding);
    return ok;
}

static lancelet_status write_buffers(lance_file_writer *w, const lance_made_page *page, uint64_t offsets[2],
                                     uint64_t sizes[2], lancelet_error *err)
{
    for (size_t i = 0; i < page->n_buffers; i++) {
        wire_span bytes = {page->buffers[i].data, page->buffers[i].size};
        if (i == 0 && page->borrowed.data)
            bytes = page->borrowed;
        RETURN_IF_ERROR(align(w, err));
        offsets[i] = w->file.position;
        sizes[i] = bytes.size;
        RETURN_IF_ERROR(base_writer_write(&w->file, bytes.data, bytes.size, err));
    }
    return LANCELET_OK;
}

static lancelet_status write_page(lance_file_writer *w, column_writer *c, const lance_made_page *page,
                                  lancelet_error *err)
{
    uint64_t offsets[2], sizes[2];
    base_buffer message = {0};
    RETURN_IF_ERROR(write_buffers(w, page, offsets, sizes, err));
    bool ok = wire_put_packed(&message, 1, offsets, page->n_buffers) &&
              wire_put_packed(&message, 2, sizes, page->n_buffers) &&
              wire_put_varint(&message, 3, c->pending.rows) &&
              put_encoding(&message, 4, "/lance.encodings21.PageLayout", &page->layout) &&
              (c->written == 0 || wire_put_varint(&message, 5, c->written)) &&
              wire_put_bytes(&c->pages, 2, message.data, message.size);
    base_buffer_free(&message);
    return ok ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status flush(lance_file_writer *w, column_writer *c, lancelet_error *err)
{
    lance_pending *p = &c->pending;
    lance_made_page page;
    if (p->rows == 0)
        return LANCELET_OK;
    RETURN_IF_ERROR(lance_page_make(p, w->minor, &page, err));
    lancelet_status status = write_page(w, c, &page, err);
    lance_made_page_free(&page);
    c->written += p->rows;
    p->rows = p->nulls = p->longest = 0;
    p->null.size = p->values.size = p->lengths.size = 0;
    if (p->values.capacity > 4 * (size_t)PAGE_BYTES) /* one huge value has passed */
        base_buffer_free(&p->values);
    return status;
}

/* ---- rows ---- */

static bool zeros(base_buffer *b, size_t n)
{
    if (!base_buffer_reserve(b, n))
        return false;
    if (n > 0)
        memset(b->data + b->size, 0, n);
    b->size += n;
    return true;
}

static lancelet_status add_string(lance_pending *p, const struct ArrowSchema *schema,
                                  const struct ArrowArray *a, int64_t i, lancelet_error *err)
{
    size_t n = 0;
    const char *bytes = arrow_bytes(schema, a, i, &n);
    if (n > INT32_MAX)
        return base_fail(err, LANCELET_LIMIT,
                         "a value of %zu bytes is larger than the 2 GiB that a value may have", n);
    if (p->type.text && !base_utf8_valid(bytes, n))
        return base_fail(err, LANCELET_INVALID, "the text of row %lld is not UTF-8", (long long)i);
    uint32_t length = (uint32_t)n;
    p->longest = n > p->longest ? n : p->longest;
    if (!base_buffer_append(&p->lengths, &length, 4) || (n > 0 && !base_buffer_append(&p->values, bytes, n)))
        return base_fail_memory(err);
    return LANCELET_OK;
}

/* The bytes of row i of a fixed-width column. */
static const uint8_t *fixed_at(const lance_type *type, const struct ArrowArray *a, int64_t i)
{
    if (type->kind != LANCE_LIST)
        return (const uint8_t *)a->buffers[1] + (size_t)(a->offset + i) * type->width;
    const struct ArrowArray *items = a->children[0];
    size_t first = (size_t)(items->offset + (a->offset + i) * (int64_t)type->items);
    return (const uint8_t *)items->buffers[1] + first * (type->item_bits / 8);
}

static lancelet_status check_items(const lance_type *type, const struct ArrowArray *a, int64_t i,
                                   lancelet_error *err)
{
    const struct ArrowArray *items = a->children[0];
    if (items->null_count == 0 || !items->buffers[0])
        return LANCELET_OK;
    int64_t first = (a->offset + i) * (int64_t)type->items;
    for (int64_t k = first; k < first + (int64_t)type->items; k++)
        if (arrow_is_null(items, k))
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "a vector with a null among its numbers is not written");
    return LANCELET_OK;
}

static lancelet_status add_row(lance_pending *p, const struct ArrowSchema *schema, const struct ArrowArray *a,
                               int64_t i, lancelet_error *err)
{
    uint8_t null = arrow_is_null(a, i), byte;
    uint32_t none = 0;
    bool ok = base_buffer_append(&p->null, &null, 1);
    p->rows++;
    p->nulls += null;
    if (p->type.kind == LANCE_VARIABLE) {
        if (ok && !null)
            return add_string(p, schema, a, i, err);
        ok = ok && base_buffer_append(&p->lengths, &none, 4);
    } else if (p->type.kind == LANCE_BOOL) {
        byte = !null && lance_bit(a->buffers[1], (uint64_t)(a->offset + i));
        ok = ok && base_buffer_append(&p->values, &byte, 1);
    } else if (null) {
        ok = ok && zeros(&p->values, p->type.width);
    } else {
        if (p->type.kind == LANCE_LIST)
            RETURN_IF_ERROR(check_items(&p->type, a, i, err));
        ok = ok && base_buffer_append(&p->values, fixed_at(&p->type, a, i), p->type.width);
    }
    return ok ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status add_column(lance_file_writer *w, column_writer *c, const struct ArrowSchema *schema,
                                  const struct ArrowArray *a, int64_t rows, lancelet_error *err)
{
    lance_pending *p = &c->pending;
    for (int64_t i = 0; i < rows; i++) {
        RETURN_IF_ERROR(add_row(p, schema, a, i, err));
        /* Bools are kept a byte each, so a page of them holds 8 Mi rows. */
        if (p->values.size + p->lengths.size >= PAGE_BYTES || p->rows >= PAGE_BYTES)
            RETURN_IF_ERROR(flush(w, c, err));
    }
    return LANCELET_OK;
}

lancelet_status lance_file_writer_add(lance_file_writer *w, const struct ArrowArray *batch,
                                      lancelet_error *err)
{
    RETURN_IF_ERROR(arrow_check(&w->schema, batch, err));
    for (int64_t i = 0; i < batch->length; i++)
        if (arrow_is_null(batch, i))
            return base_fail(err, LANCELET_INVALID, "row %lld of the batch is null as a whole", (long long)i);
    w->broken = true;
    for (size_t i = 0; i < w->n_columns; i++) {
        const struct ArrowSchema *schema = w->schema.children[i];
        /* A batch that is a slice offsets its columns too. */
        struct ArrowArray column = *batch->children[i];
        column.offset += batch->offset;
        if (batch->offset > 0)
            column.null_count = -1;
        lancelet_status status = add_column(w, &w->columns[i], schema, &column, batch->length, err);
        if (status != LANCELET_OK) {
            base_error_prefix(err, "column '%s'", schema->name ? schema->name : "");
            return status;
        }
    }
    w->rows += (uint64_t)batch->length;
    w->broken = false;
    return LANCELET_OK;
}

uint64_t lance_file_writer_rows(const lance_file_writer *w)
{
    return w->rows;
}

/* ---- the frame ---- */

static bool put_table_entry(base_buffer *table, uint64_t position, uint64_t size)
{
    return wire_put_little(table, position, 8) && wire_put_little(table, size, 8);
}

static lancelet_status write_descriptor(lance_file_writer *w, base_buffer *table, lancelet_error *err)
{
    base_buffer descriptor = {0};
    bool ok = wire_put_bytes(&descriptor, 1, w->fields.data, w->fields.size) &&
              (w->rows == 0 || wire_put_varint(&descriptor, 2, w->rows));
    lancelet_status status = ok ? align(w, err) : base_fail_memory(err);
    if (status == LANCELET_OK && !put_table_entry(table, w->file.position, descriptor.size))
        status = base_fail_memory(err);
    if (status == LANCELET_OK)
        status = base_writer_write(&w->file, descriptor.data, descriptor.size, err);
    base_buffer_free(&descriptor);
    return status;
}

static lancelet_status write_column_metadata(lance_file_writer *w, const column_writer *c, base_buffer *table,
                                             lancelet_error *err)
{
    static const uint8_t values[] = {0x0a, 0x00}; /* ColumnEncoding{1 values{}} */
    base_buffer column_encoding = {0}, message = {0};
    bool ok = base_buffer_append(&column_encoding, values, sizeof values) &&
              put_encoding(&message, 1, "/lance.encodings.ColumnEncoding", &column_encoding) &&
              (c->pages.size == 0 || base_buffer_append(&message, c->pages.data, c->pages.size)) &&
              put_table_entry(table, w->file.position, message.size);
    lancelet_status status =
        ok ? base_writer_write(&w->file, message.data, message.size, err) : base_fail_memory(err);
    base_buffer_free(&column_encoding);
    base_buffer_free(&message);
    return status;
}

static bool put_footer(const lance_file_writer *w, const uint64_t at[3], base_buffer *out)
{
    return wire_put_little(out, at[0], 8) && wire_put_little(out, at[1], 8) &&
           wire_put_little(out, at[2], 8) && wire_put_little(out, 1, 4) &&
           wire_put_little(out, w->n_columns, 4) && wire_put_little(out, 2, 2) &&
           wire_put_little(out, (uint64_t)w->minor, 2) && base_buffer_append_string(out, "LANC");
}

static lancelet_status write_frame(lance_file_writer *w, base_buffer *column_table, base_buffer *global_table,
                                   lancelet_error *err)
{
    uint64_t at[3]; /* of the columns' metadata, their table, the global buffers' table */
    RETURN_IF_ERROR(write_descriptor(w, global_table, err));
    RETURN_IF_ERROR(align(w, err));
    at[0] = w->file.position;
    for (size_t i = 0; i < w->n_columns; i++)
        RETURN_IF_ERROR(write_column_metadata(w, &w->columns[i], column_table, err));
    at[1] = w->file.position;
    RETURN_IF_ERROR(base_writer_write(&w->file, column_table->data, column_table->size, err));
    at[2] = w->file.position;
    if (!put_footer(w, at, global_table)) /* the footer stands right behind this table */
        return base_fail_memory(err);
    return base_writer_write(&w->file, global_table->data, global_table->size, err);
}

lancelet_status lance_file_writer_finish(lance_file_writer *w, bool sync, uint64_t *size, lancelet_error *err)
{
    base_buffer column_table = {0}, global_table = {0};
    lancelet_status status = LANCELET_OK;
    if (w->broken)
        status = base_fail(err, LANCELET_INVALID, "the file is incomplete: adding rows to it had failed");
    for (size_t i = 0; status == LANCELET_OK && i < w->n_columns; i++)
        status = flush(w, &w->columns[i], err);
    if (status == LANCELET_OK)
        status = write_frame(w, &column_table, &global_table, err);
    base_buffer_free(&column_table);
    base_buffer_free(&global_table);
    if (status != LANCELET_OK) {
        lance_file_writer_abandon(w);
        return status;
    }
    *size = w->file.position;
    status = base_writer_close(&w->file, sync, err);
    destroy(w);
    return status;
}

void lance_file_writer_abandon(lance_file_writer *w)
{
    if (!w)
        return;
    base_writer_abandon(&w->file);
    destroy(w);
}
