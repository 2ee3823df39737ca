/* reader.c - Parquet files opened and read as a stream of record batches. A batch is put together piece by piece, each as far
 * as the windows of all columns reach and 16 MiB allow; it ends with its row group, or at 4,096 rows. What is skipped is
 * skipped by the row groups' row counts and the pages' headers.
 * Departs from the format: a file that is encrypted is refused (its footer too), and the page indexes are not used. */
#include "source/parquet/internal.h"

#include <inttypes.h>
#include <string.h>

/* ---- opening ---- */

static uint32_t little_endian(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static lancelet_status read_file(parquet_file *f, lancelet_error *err)
{
    uint64_t n = f->size;
    if (n < 12)
        return base_fail(err, LANCELET_CORRUPT, "%s is no Parquet file", f->name);
    const uint8_t *tail = f->data + n - 8;
    if (memcmp(tail + 4, "PARE", 4) == 0)
        return base_fail(err, LANCELET_UNSUPPORTED, "%s is encrypted, which is not read", f->name);
    if (memcmp(tail + 4, "PAR1", 4) != 0)
        return base_fail(err, LANCELET_CORRUPT, "%s is no Parquet file, or its end is missing", f->name);
    uint32_t footer = little_endian(tail);
    if (footer > n - 12)
        return base_fail(err, LANCELET_CORRUPT, "%s says that its footer has %" PRIu32 " bytes, more than the file", f->name, footer);
    f->body = n - 8 - footer;
    base_count_read(footer);
    return parquet_read_footer(f, f->data + f->body, footer, err);
}

void parquet_close(parquet_file *f)
{
    if (!f)
        return;
    if (f->mapped)
        base_map_close(&f->map);
    arrow_schema_release(&f->schema);
    for (size_t i = 0; i < f->n_out; i++)
        base_free(f->out_name[i]);
    base_free(f->out_name);
    base_free(f->out_reason);
    base_free(f->element);
    base_free(f->node);
    base_free(f->leaf);
    base_free(f->column);
    base_free(f->group_rows);
    base_free(f->chunk);
    base_free(f->name);
    base_free(f);
}

static parquet_file *new_file(const char *name)
{
    parquet_file *f = base_calloc(1, sizeof *f);
    if (f)
        f->name = base_strdup(name);
    if (f && !f->name) {
        base_free(f);
        f = NULL;
    }
    return f;
}

static lancelet_status finish_open(parquet_file *f, parquet_file **out, lancelet_error *err)
{
    lancelet_status status = read_file(f, err);
    if (status != LANCELET_OK) {
        parquet_close(f);
        return status;
    }
    *out = f;
    return LANCELET_OK;
}

lancelet_status parquet_open_bytes(const uint8_t *data, uint64_t size, const char *name, parquet_file **out, lancelet_error *err)
{
    parquet_file *f = new_file(name);
    if (!f)
        return base_fail_memory(err);
    f->data = data;
    f->size = size;
    return finish_open(f, out, err);
}

lancelet_status parquet_open(const char *path, parquet_file **out, lancelet_error *err)
{
    parquet_file *f = new_file(path);
    if (!f)
        return base_fail_memory(err);
    lancelet_status status = base_map_open(path, 0, &f->map, err);
    if (status != LANCELET_OK) {
        parquet_close(f);
        return status;
    }
    f->mapped = true;
    f->data = f->map.data;
    f->size = f->map.size;
    return finish_open(f, out, err);
}

uint64_t parquet_rows(const parquet_file *f)
{
    return f->rows;
}

const struct ArrowSchema *parquet_schema(const parquet_file *f)
{
    return &f->schema;
}

size_t parquet_left_out(const parquet_file *f, const char *const **names, const char *const **reasons)
{
    *names = (const char *const *)f->out_name;
    *reasons = f->out_reason;
    return f->n_out;
}

/* ---- the stream ---- */

typedef struct reader {
    const parquet_file *file;
    struct ArrowSchema schema;
    size_t *node;             /* [n_nodes] of the file, those of the schema's columns one after the other */
    size_t n_nodes;
    size_t *column_of_leaf;   /* [file->n_leaves] place in column; SIZE_MAX: not read */
    parquet_column *column;   /* [n_columns], a leaf each */
    size_t *leaf;             /* [n_columns] */
    size_t n_columns;
    uint64_t at, end;         /* rows of the file */
    size_t group, next_group; /* the row group of `at`, the one behind it */
    uint64_t group_start, group_end;
    bool started;             /* the columns stand at row `at` of the group */
    lancelet_error error;
} reader;

static void reader_free(reader *r)
{
    for (size_t i = 0; r->column && i < r->n_columns; i++)
        parquet_column_free(&r->column[i]);
    arrow_schema_release(&r->schema);
    base_free(r->node);
    base_free(r->column_of_leaf);
    base_free(r->column);
    base_free(r->leaf);
    base_free(r);
}

static lancelet_status in_column(const reader *r, size_t column, lancelet_status status, lancelet_error *err)
{
    if (status != LANCELET_OK && status != LANCELET_MEMORY)
        base_error_prefix(err, "%s, column \"%s\"", r->file->name, r->file->leaf[r->leaf[column]].name);
    return status;
}

/* The columns stand at row `at`, whose row group is found. */
static lancelet_status start_group(reader *r, lancelet_error *err)
{
    const parquet_file *f = r->file;
    while (r->at >= r->group_end) {
        r->group = r->next_group++;
        r->group_start = r->group_end;
        r->group_end += f->group_rows[r->group];
    }
    for (size_t i = 0; i < r->n_columns; i++) {
        lancelet_status status = parquet_column_start(&r->column[i], f, r->leaf[i], r->group, err);
        if (status == LANCELET_OK)
            status = parquet_column_skip(&r->column[i], r->at - r->group_start, err);
        RETURN_IF_ERROR(in_column(r, i, status, err));
    }
    r->started = true;
    return LANCELET_OK;
}

/* What `rows` rows of all columns take. */
static uint64_t piece_bytes(const reader *r, size_t rows)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < r->n_columns; i++) {
        uint64_t bytes = UINT64_MAX;
        parquet_column_fit(&r->column[i], rows, &bytes);
        sum += bytes;
    }
    return sum;
}

/* Rows that all columns have at hand and that fit into what is left of the batch; *room shrinks by what they take. 0: none fits. */
static lancelet_status piece_rows(reader *r, size_t most, bool begun, uint64_t *room, size_t *rows, lancelet_error *err)
{
    size_t n = most;
    for (size_t i = 0; i < r->n_columns; i++) {
        uint64_t bytes = *room;
        RETURN_IF_ERROR(in_column(r, i, parquet_column_ready(&r->column[i], err), err));
        n = parquet_column_fit(&r->column[i], n, &bytes);
    }
    uint64_t sum = piece_bytes(r, n);
    while (sum > *room && n > 1) {
        size_t share = (size_t)((double)n * (double)*room / (double)sum);
        n = share < 1 ? 1 : share < n ? share : n - 1;
        sum = piece_bytes(r, n);
    }
    *rows = sum > *room && begun ? 0 : n;
    *room -= sum < *room ? sum : *room;
    return LANCELET_OK;
}

static lancelet_status append_node(reader *r, size_t *at, arrow_builder *b, size_t rows, lancelet_error *err)
{
    const parquet_node *node = &r->file->node[r->node[*at]];
    size_t column = r->column_of_leaf[node->leaf];
    const parquet_column *c = &r->column[column];
    ++*at;
    if (!node->is_struct)
        return in_column(r, column, parquet_append(b, c, rows, err), err);
    RETURN_IF_ERROR(parquet_append_struct(b, c, node->definition, rows, err));
    for (int64_t i = 0; i < b->n_children; i++)
        RETURN_IF_ERROR(append_node(r, at, &b->child[i], rows, err));
    return LANCELET_OK;
}

static lancelet_status append_piece(reader *r, arrow_builder *b, size_t rows, lancelet_error *err)
{
    size_t at = 0;
    for (int64_t i = 0; i < b->n_children; i++)
        RETURN_IF_ERROR(append_node(r, &at, &b->child[i], rows, err));
    for (size_t i = 0; i < r->n_columns; i++)
        parquet_column_pass(&r->column[i], rows);
    b->length += (int64_t)rows;
    r->at += rows;
    return LANCELET_OK;
}

static lancelet_status fill_batch(reader *r, arrow_builder *b, lancelet_error *err)
{
    if (!r->started || r->at >= r->group_end)
        RETURN_IF_ERROR(start_group(r, err));
    uint64_t last = r->group_end < r->end ? r->group_end : r->end, room = PARQUET_BATCH_BYTES;
    while (r->at < last && b->length < PARQUET_WINDOW) {
        uint64_t left = last - r->at;
        size_t most = PARQUET_WINDOW - (size_t)b->length, rows;
        most = left < most ? (size_t)left : most;
        RETURN_IF_ERROR(piece_rows(r, most, b->length > 0, &room, &rows, err));
        if (rows == 0)
            break;
        RETURN_IF_ERROR(append_piece(r, b, rows, err));
    }
    return LANCELET_OK;
}

static lancelet_status next_batch(reader *r, struct ArrowArray *out, lancelet_error *err)
{
    arrow_builder b;
    if (r->at >= r->end)
        return LANCELET_OK;
    RETURN_IF_ERROR(arrow_builder_init(&b, &r->schema, err));
    lancelet_status status = fill_batch(r, &b, err);
    if (status == LANCELET_OK)
        return arrow_builder_finish(&b, out, err);
    arrow_builder_free(&b);
    return status;
}

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    reader *r = s->private_data;
    return arrow_errno_from_status(arrow_schema_copy(&r->schema, out, &r->error));
}

static int get_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    reader *r = s->private_data;
    *out = (struct ArrowArray){0};
    lancelet_status status = next_batch(r, out, &r->error);
    if (status != LANCELET_OK)
        r->end = r->at; /* what is half read is not read on */
    return arrow_errno_from_status(status);
}

static const char *get_last_error(struct ArrowArrayStream *s)
{
    reader *r = s->private_data;
    return r->error.text[0] ? r->error.text : NULL;
}

static void release(struct ArrowArrayStream *s)
{
    reader_free(s->private_data);
    s->release = NULL;
}

/* ---- choosing columns ---- */

static lancelet_status choose_schema(reader *r, const size_t *columns, size_t n, lancelet_error *err)
{
    const struct ArrowSchema *all = &r->file->schema;
    if (!columns)
        return arrow_schema_copy(all, &r->schema, err);
    struct ArrowSchema **child = base_calloc(n + 1, sizeof *child);
    if (!child)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        child[i] = all->children[columns[i]];
    struct ArrowSchema some = *all; /* borrowed */
    some.n_children = (int64_t)n;
    some.children = child;
    lancelet_status status = arrow_schema_copy(&some, &r->schema, err);
    base_free(child);
    return status;
}

static void choose_column(reader *r, size_t column)
{
    const parquet_file *f = r->file;
    size_t first = f->column[column];
    for (size_t i = first; i < f->node[first].end; i++) {
        const parquet_node *node = &f->node[i];
        r->node[r->n_nodes++] = i;
        if (node->is_struct || r->column_of_leaf[node->leaf] != SIZE_MAX)
            continue;
        r->column_of_leaf[node->leaf] = r->n_columns;
        r->leaf[r->n_columns++] = node->leaf;
    }
}

static lancelet_status choose(reader *r, const size_t *columns, size_t n, lancelet_error *err)
{
    const parquet_file *f = r->file;
    size_t nodes = 0;
    for (size_t i = 0; i < n; i++) {
        size_t column = columns ? columns[i] : i;
        if (column >= (size_t)f->schema.n_children)
            return base_fail(err, LANCELET_INVALID, "%s has %" PRId64 " columns: there is no column %zu", f->name,
                             f->schema.n_children, column);
        nodes += f->node[f->column[column]].end - f->column[column];
    }
    r->node = base_calloc(nodes + 1, sizeof *r->node);
    r->leaf = base_calloc(f->n_leaves + 1, sizeof *r->leaf);
    r->column_of_leaf = base_alloc_array(f->n_leaves + 1, sizeof *r->column_of_leaf);
    if (!r->node || !r->leaf || !r->column_of_leaf)
        return base_fail_memory(err);
    memset(r->column_of_leaf, 0xFF, (f->n_leaves + 1) * sizeof *r->column_of_leaf);
    for (size_t i = 0; i < n; i++)
        choose_column(r, columns ? columns[i] : i);
    r->column = base_calloc(r->n_columns + 1, sizeof *r->column);
    return r->column ? choose_schema(r, columns, n, err) : base_fail_memory(err);
}

lancelet_status parquet_read(parquet_file *f, const size_t *columns, size_t n, uint64_t first, uint64_t most,
                             struct ArrowArrayStream *out, lancelet_error *err)
{
    reader *r = base_calloc(1, sizeof *r);
    if (!r)
        return base_fail_memory(err);
    r->file = f;
    r->at = first < f->rows ? first : f->rows;
    r->end = most < f->rows - r->at ? r->at + most : f->rows;
    lancelet_status status = choose(r, columns, columns ? n : (size_t)f->schema.n_children, err);
    if (status != LANCELET_OK) {
        reader_free(r);
        return status;
    }
    *out = (struct ArrowArrayStream){.get_schema = get_schema, .get_next = get_next, .get_last_error = get_last_error,
                                     .release = release, .private_data = r};
    return LANCELET_OK;
}
