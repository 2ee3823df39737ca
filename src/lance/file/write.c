/* write.c - writing a Lance data file of version 2.1 or 2.2: rows are collected leaf by leaf, a page is written when a leaf
 * has about 8 MiB of them, and finishing writes what is left, the schema, the columns' metadata, the two tables and the
 * footer (docs/lance-format.md has every byte). Buffers begin at multiples of 64, so that a matrix of vectors can be used
 * where it lies; a whole page of them goes to the file from the caller's array. */
#include "lance/file/write.h"

enum {
    ALIGNMENT = 64,
    PAGE_BYTES = 8 << 20,
    DICTIONARY_ROWS = 64, /* added at once where the size of values is not known before */
};

typedef struct column_writer {
    lance_path path;
    size_t column; /* of the schema */
    lance_pending pending;
    base_buffer pages; /* the fields 2 (Page) of the ColumnMetadata message */
    uint64_t written;  /* rows in pages */
} column_writer;

struct lance_file_writer {
    base_writer file;
    int minor;
    struct ArrowSchema schema;
    base_buffer fields;     /* the fields 1 (Field) of the Schema message */
    column_writer *columns; /* [n_columns] a leaf field each */
    size_t n_columns, column_capacity;
    size_t at; /* child of the schema whose leaves are being added */
    uint64_t rows;
    bool broken; /* adding a batch failed half way */
};

static void destroy(lance_file_writer *w)
{
    if (w->schema.release)
        arrow_schema_release(&w->schema);
    for (size_t i = 0; i < w->n_columns; i++) {
        lance_pending_free(&w->columns[i].pending);
        base_buffer_free(&w->columns[i].pages);
    }
    base_free(w->columns);
    base_buffer_free(&w->fields);
    base_free(w);
}

static lancelet_status add_leaf(void *arg, const lance_path *path, lancelet_error *err)
{
    lance_file_writer *w = arg;
    if (w->n_columns == w->column_capacity) {
        size_t grown = w->column_capacity ? 2 * w->column_capacity : 16, bytes;
        column_writer *more =
            base_mul_size(grown, sizeof *more, &bytes) ? base_realloc(w->columns, bytes) : NULL;
        if (!more)
            return base_fail_memory(err);
        w->columns = more;
        w->column_capacity = grown;
    }
    w->columns[w->n_columns++] = (column_writer){.path = *path, .column = w->at};
    return LANCELET_OK;
}

static lancelet_status name_column(lancelet_status status, const struct ArrowSchema *column, lancelet_error *err)
{
    if (status != LANCELET_OK)
        base_error_prefix(err, "column '%s'", column->name ? column->name : "");
    return status;
}

static lancelet_status prepare(lance_file_writer *w, const struct ArrowSchema *schema,
                               const wire_span *fields, size_t n_fields, lancelet_error *err)
{
    size_t described = 0;
    RETURN_IF_ERROR(arrow_schema_copy(schema, &w->schema, err));
    for (; (int64_t)w->at < schema->n_children; w->at++) {
        size_t used = 0;
        const struct ArrowSchema *column = w->schema.children[w->at];
        RETURN_IF_ERROR(name_column(
            lance_paths_of(column, fields + described, n_fields - described, &used, add_leaf, w, err), column, err));
        described += used;
    }
    if (described != n_fields)
        return base_fail(err, LANCELET_INVALID, "%zu messages describe %zu fields", n_fields, described);
    for (size_t i = 0; i < n_fields; i++)
        if (!wire_put_bytes(&w->fields, 1, fields[i].data, fields[i].size))
            return base_fail_memory(err);
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

void lance_file_writer_will_sync(lance_file_writer *w)
{
    w->file.will_sync = true;
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

static lancelet_status write_page(lance_file_writer *w, column_writer *c, const lance_made_page *page, uint64_t rows,
                                  lancelet_error *err)
{
    uint64_t offsets[LANCE_MADE_BUFFERS], sizes[LANCE_MADE_BUFFERS];
    base_buffer message = {0};
    for (size_t i = 0; i < page->n_buffers; i++) {
        wire_span bytes = {page->buffers[i].data, page->buffers[i].size};
        if (i == 0 && page->borrowed.data)
            bytes = page->borrowed;
        RETURN_IF_ERROR(align(w, err));
        offsets[i] = w->file.position;
        sizes[i] = bytes.size;
        RETURN_IF_ERROR(base_writer_write(&w->file, bytes.data, bytes.size, err));
    }
    bool ok = wire_put_packed(&message, 1, offsets, page->n_buffers) &&
              wire_put_packed(&message, 2, sizes, page->n_buffers) && wire_put_varint(&message, 3, rows) &&
              put_encoding(&message, 4, "/lance.encodings21.PageLayout", &page->layout) &&
              (c->written == 0 || wire_put_varint(&message, 5, c->written)) &&
              wire_put_bytes(&c->pages, 2, message.data, message.size);
    base_buffer_free(&message);
    c->written += rows;
    return ok ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status write_rows(lance_file_writer *w, column_writer *c, const lance_rows *rows, lancelet_error *err)
{
    lance_made_page page;
    lance_rows first, second;
    bool too_much;
    RETURN_IF_ERROR(lance_page_make(rows, w->minor, &page, &too_much, err));
    if (!too_much) {
        lancelet_status status = write_page(w, c, &page, rows->rows, err);
        lance_made_page_free(&page);
        return status;
    }
    if (!lance_rows_halve(rows, &first, &second))
        return base_fail(err, LANCELET_LIMIT, "a row has more lists, bools or values of a dictionary than a page holds");
    RETURN_IF_ERROR(write_rows(w, c, &first, err));
    return write_rows(w, c, &second, err);
}

static lancelet_status flush(lance_file_writer *w, column_writer *c, lancelet_error *err)
{
    lance_pending *p = &c->pending;
    if (p->rows == 0)
        return LANCELET_OK;
    lance_rows rows = {.path = &c->path,
                       .rows = p->rows,
                       .levels = p->levels,
                       .items = p->items,
                       .rep = c->path.lists ? p->rep.data : NULL,
                       .def = p->def.size ? p->def.data : NULL,
                       .values = p->borrowed ? p->borrowed : p->values.data,
                       .lengths = c->path.type.offset_bits ? p->lengths.data : NULL};
    for (size_t d = 0; d < LANCE_DIMENSIONS; d++)
        rows.item_valid[d] = p->item_valid[d].size ? p->item_valid[d].data : NULL;
    lancelet_status status = write_rows(w, c, &rows, err);
    lance_pending_clear(p);
    if (lance_pending_capacity(p) > 4 * (size_t)PAGE_BYTES) /* one huge row has passed */
        lance_pending_free(p);
    return status;
}

/* ---- rows ---- */

static bool fits(const column_writer *c, const struct ArrowArray *a, int64_t first, int64_t n)
{
    return c->pending.rows + (uint64_t)n <= PAGE_BYTES &&
           lance_rows_bytes(&c->path, a, first + n) - lance_rows_bytes(&c->path, a, first) +
                   lance_pending_bytes(&c->pending) <= PAGE_BYTES;
}

/* How many of n rows from `first` on still go into the page. */
static int64_t rows_that_fit(const column_writer *c, const struct ArrowArray *a, int64_t first, int64_t n)
{
    int64_t low = 0, high = n + 1; /* low rows fit, high do not */
    if (fits(c, a, first, n))
        return n;
    while (low + 1 < high) {
        int64_t middle = low + (high - low) / 2;
        if (fits(c, a, first, middle))
            low = middle;
        else
            high = middle;
    }
    return low;
}

static lancelet_status add_column(lance_file_writer *w, column_writer *c, const struct ArrowArray *a, int64_t rows,
                                  lancelet_error *err)
{
    const struct ArrowSchema *schema = w->schema.children[c->column];
    bool by_index = lance_has_dictionary(&c->path, schema);
    for (int64_t i = 0, n; i < rows; i += n) {
        int64_t left = rows - i;
        if (by_index && left > DICTIONARY_ROWS)
            left = DICTIONARY_ROWS;
        n = rows_that_fit(c, a, i, left);
        bool full = n < left;
        if (n == 0 && c->pending.rows == 0)
            n = 1; /* a row that is larger than a page */
        if (n > 0)
            RETURN_IF_ERROR(lance_pending_add(&c->pending, &c->path, schema, a, i, n, full, err));
        if (full)
            RETURN_IF_ERROR(flush(w, c, err));
    }
    return LANCELET_OK;
}

lancelet_status lance_file_writer_add(lance_file_writer *w, const struct ArrowArray *batch,
                                      lancelet_error *err)
{
    RETURN_IF_ERROR(arrow_check(&w->schema, batch, err));
    for (int64_t i = 0; batch->null_count != 0 && i < batch->length; i++)
        if (arrow_is_null(batch, i))
            return base_fail(err, LANCELET_INVALID, "row %lld of the batch is null as a whole", (long long)i);
    w->broken = true;
    for (size_t i = 0; i < w->n_columns; i++) {
        size_t at = w->columns[i].column;
        /* A batch that is a slice offsets its columns too. */
        struct ArrowArray column = *batch->children[at];
        column.offset += batch->offset;
        if (column.null_count != 0)
            column.null_count = -1;
        RETURN_IF_ERROR(
            name_column(add_column(w, &w->columns[i], &column, batch->length, err), w->schema.children[at], err));
    }
    w->rows += (uint64_t)batch->length;
    w->broken = false;
    return LANCELET_OK;
}

uint64_t lance_file_writer_rows(const lance_file_writer *w)
{
    return w->rows;
}

uint64_t lance_file_writer_bytes(const lance_file_writer *w)
{
    return w->file.position;
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
