/* scan.c - rows as streams of record batches: live rows in fragment order, as a condition lets them through, or the rows at
 * given addresses.
 *
 * A stream holds a reference to its version. One thread at a time may use a stream. A batch never crosses a fragment
 * when scanning; when taking by address it may, and is then put together row by row. With a condition its columns are read
 * first, and of the columns asked for only the rows that passed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lance/table/rows.h"

enum { DEFAULT_BATCH = 8192, WINDOW = 8192 /* rows that a condition is evaluated on at a time */ };

typedef struct row_stream {
    lancelet_table *table;
    size_t *columns; /* [n_columns] columns of the table, in the order wanted */
    size_t n_columns;
    bool with_row_address;
    size_t batch_rows;
    const volatile int *cancel;
    struct ArrowSchema schema; /* of the stream: the columns and perhaps _rowid */
    uint64_t *rows;            /* [capacity] of one fragment */
    size_t capacity;           /* batch_rows as asked for, and WINDOW more: room to evaluate a condition on */
    uint32_t *file_columns;    /* [table->most_fields] scratch */

    /* scanning */
    table_filter filter;
    size_t *fragments; /* [n_fragments] indices into the manifest's; NULL: all */
    size_t n_fragments;
    bool deleted_too;
    size_t fragment;    /* of them: where to go on */
    uint64_t row;       /* in it */
    size_t n_rows;      /* in `rows`: passed and not given yet */
    uint64_t skip;      /* rows to leave out first */
    uint64_t remaining; /* rows still to pass */

    uint64_t *addresses; /* [n_addresses] taking; NULL: scanning */
    size_t n_addresses, next;
    size_t *part_of_fragment; /* [fragments of the table] where a batch's part of it may be; not cleared between batches */

    lancelet_error error;
} row_stream;

static void row_stream_free(row_stream *s)
{
    if (!s)
        return;
    table_filter_close(&s->filter);
    lancelet_table_destroy(s->table);
    base_free(s->columns);
    base_free(s->fragments);
    base_free(s->rows);
    base_free(s->file_columns);
    base_free(s->addresses);
    base_free(s->part_of_fragment);
    arrow_schema_release(&s->schema);
    base_free(s);
}

/* ---- columns ---- */

static lancelet_status read_column(row_stream *s, size_t fragment, size_t column, const uint64_t *rows,
                                   size_t n, struct ArrowArray *out, lancelet_error *err)
{
    return table_read_column(s->table, fragment, column, rows, n, s->file_columns, out, err);
}

/* rows [n] with the bits `high` set in each. */
static lancelet_status address_column(row_stream *s, const uint64_t *rows, uint64_t high, size_t n,
                                      struct ArrowArray *out, lancelet_error *err)
{
    arrow_builder b;
    RETURN_IF_ERROR(arrow_builder_init(&b, s->schema.children[s->n_columns], err));
    for (size_t i = 0; i < n; i++)
        if (!arrow_append_int(&b, (int64_t)(rows[i] | high))) {
            arrow_builder_free(&b);
            return base_fail_memory(err);
        }
    return arrow_builder_finish(&b, out, err);
}

static void release_columns(struct ArrowArray *columns, size_t n)
{
    for (size_t i = 0; i < n; i++)
        arrow_array_release(&columns[i]);
}

static struct ArrowArray *columns_alloc(const row_stream *s)
{
    return base_calloc(s->n_columns + 1, sizeof(struct ArrowArray));
}

/* ---- scanning ---- */

static size_t fragment_at(const row_stream *s, size_t i)
{
    return s->fragments ? s->fragments[i] : i;
}

/* Of rows [n] that passed the condition those between offset and limit. */
static size_t within_limits(row_stream *s, uint64_t *rows, size_t n)
{
    size_t skipped = s->skip < n ? (size_t)s->skip : n;
    s->skip -= skipped;
    n -= skipped;
    memmove(rows, rows + skipped, n * sizeof *rows);
    if (n > s->remaining)
        n = (size_t)s->remaining;
    s->remaining -= n;
    return n;
}

/* Has s->rows hold the next batch_rows rows of one fragment, or what is left of it; none at the end of the table. */
static lancelet_status next_rows(row_stream *s, lancelet_error *err)
{
    const table_manifest *m = &s->table->manifest;
    for (; s->fragment < s->n_fragments; s->fragment++, s->row = 0) {
        size_t fragment = fragment_at(s, s->fragment);
        const table_fragment *f = &m->fragments[fragment];
        const table_bitmap *deleted = NULL;
        uint64_t live = f->physical_rows - (s->deleted_too ? 0 : f->deletion.rows);
        if (!s->filter.condition && s->row == 0 && live <= s->skip) {
            s->skip -= live;
            continue;
        }
        if (!s->deleted_too)
            RETURN_IF_ERROR(table_deletions(s->table, fragment, &deleted, err));
        while (s->n_rows < s->batch_rows && s->row < f->physical_rows && s->remaining) {
            if (base_cancelled(s->cancel))
                return base_fail_cancelled(err);
            uint64_t *rows = s->rows + s->n_rows;
            size_t n = table_next_rows(deleted, &s->row, f->physical_rows, s->capacity - s->n_rows, rows);
            RETURN_IF_ERROR(table_filter_rows(&s->filter, fragment, rows, &n, err));
            s->n_rows += within_limits(s, rows, n);
        }
        if (s->n_rows || s->remaining == 0)
            return LANCELET_OK;
    }
    return LANCELET_OK;
}

static lancelet_status next_scanned(row_stream *s, struct ArrowArray *out, lancelet_error *err)
{
    RETURN_IF_ERROR(next_rows(s, err));
    size_t n = s->n_rows < s->batch_rows ? s->n_rows : s->batch_rows, done = 0;
    if (n == 0)
        return LANCELET_OK;
    size_t fragment = fragment_at(s, s->fragment);
    struct ArrowArray *columns = columns_alloc(s);
    if (!columns)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    for (; done < s->n_columns && status == LANCELET_OK; done += status == LANCELET_OK)
        status = read_column(s, fragment, s->columns[done], s->rows, n, &columns[done], err);
    if (status == LANCELET_OK && s->with_row_address) {
        status = address_column(s, s->rows, s->table->manifest.fragments[fragment].id << 32, n, &columns[done], err);
        done += status == LANCELET_OK;
    }
    if (status == LANCELET_OK)
        status = arrow_batch_make(columns, done, (int64_t)n, out, err);
    else
        release_columns(columns, done);
    base_free(columns);
    if (status == LANCELET_OK) {
        s->n_rows -= n;
        memmove(s->rows, s->rows + n, s->n_rows * sizeof *s->rows);
    }
    return status;
}

/* ---- taking ---- */

/* The rows of one batch that lie in one fragment. */
typedef struct take_part {
    size_t fragment;
    uint64_t *rows; /* [n] */
    size_t n, used;
} take_part;

/* Groups addresses [n] by fragment: parts [*n_parts] with their rows (in `rows` [n]), and for each address its part. */
static lancelet_status group(const row_stream *s, const uint64_t *addresses, size_t n, take_part *parts,
                             size_t *n_parts, uint64_t *rows, size_t *part_of, lancelet_error *err)
{
    const table_manifest *m = &s->table->manifest;
    *n_parts = 0;
    for (size_t i = 0; i < n; i++) {
        const table_fragment *f = table_manifest_fragment(m, addresses[i] >> 32);
        if (!f)
            return base_fail(err, LANCELET_NOT_FOUND, "no row has the address %" PRIu64, addresses[i]);
        size_t fragment = (size_t)(f - m->fragments), *p = &s->part_of_fragment[fragment];
        if (*p >= *n_parts || parts[*p].fragment != fragment) {
            *p = (*n_parts)++;
            parts[*p] = (take_part){.fragment = fragment};
        }
        parts[*p].n++;
        part_of[i] = *p;
    }
    size_t at = 0;
    for (size_t p = 0; p < *n_parts; p++) {
        parts[p].rows = rows + at;
        at += parts[p].n;
    }
    for (size_t i = 0; i < n; i++) {
        take_part *p = &parts[part_of[i]];
        p->rows[p->used++] = addresses[i] & UINT32_MAX;
    }
    return LANCELET_OK;
}

/* One column of rows that lie in several fragments. */
static lancelet_status take_column(row_stream *s, take_part *parts, size_t n_parts, const size_t *part_of,
                                   size_t n, size_t column, struct ArrowArray *out, lancelet_error *err)
{
    if (n_parts == 1)
        return read_column(s, parts[0].fragment, column, parts[0].rows, n, out, err);
    struct ArrowArray *taken = base_calloc(n_parts, sizeof *taken);
    if (!taken)
        return base_fail_memory(err);
    const struct ArrowSchema *type = s->table->schema.children[column];
    lancelet_status status = LANCELET_OK;
    size_t done = 0;
    for (; done < n_parts && status == LANCELET_OK; done += status == LANCELET_OK) {
        status =
            read_column(s, parts[done].fragment, column, parts[done].rows, parts[done].n, &taken[done], err);
        parts[done].used = 0;
    }
    arrow_builder b;
    if (status == LANCELET_OK)
        status = arrow_builder_init(&b, type, err);
    if (status == LANCELET_OK) {
        for (size_t i = 0; i < n && status == LANCELET_OK; i++)
            if (!arrow_append_from(&b, type, &taken[part_of[i]], (int64_t)parts[part_of[i]].used++))
                status = b.full ? base_fail(err, LANCELET_LIMIT, "the rows are more than one array may hold")
                                : base_fail_memory(err);
        if (status == LANCELET_OK)
            status = arrow_builder_finish(&b, out, err);
        else
            arrow_builder_free(&b);
    }
    release_columns(taken, done);
    base_free(taken);
    return status;
}

static lancelet_status next_taken(row_stream *s, struct ArrowArray *out, lancelet_error *err)
{
    size_t left = s->n_addresses - s->next, n = left < s->batch_rows ? left : s->batch_rows, n_parts = 0,
           done = 0;
    if (n == 0)
        return LANCELET_OK;
    const uint64_t *addresses = s->addresses + s->next;
    size_t parts_limit = n < s->table->manifest.n_fragments ? n : s->table->manifest.n_fragments;
    take_part *parts = base_calloc(parts_limit + 1, sizeof *parts);
    size_t *part_of = base_alloc_array(n, sizeof *part_of);
    struct ArrowArray *columns = columns_alloc(s);
    lancelet_status status = parts && part_of && columns ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = group(s, addresses, n, parts, &n_parts, s->rows, part_of, err);
    for (; done < s->n_columns && status == LANCELET_OK; done += status == LANCELET_OK)
        status = take_column(s, parts, n_parts, part_of, n, s->columns[done], &columns[done], err);
    if (status == LANCELET_OK && s->with_row_address) {
        status = address_column(s, addresses, 0, n, &columns[done], err);
        done += status == LANCELET_OK;
    }
    if (status == LANCELET_OK)
        status = arrow_batch_make(columns, done, (int64_t)n, out, err);
    else if (columns)
        release_columns(columns, done);
    if (status == LANCELET_OK)
        s->next += n;
    base_free(parts);
    base_free(part_of);
    base_free(columns);
    return status;
}

/* ---- the stream ---- */

/* The next batch; where its rows unfold to more than one array may hold, half as many from then on. */
static lancelet_status next_batch(row_stream *s, struct ArrowArray *out)
{
    for (;;) {
        if (base_cancelled(s->cancel))
            return base_fail_cancelled(&s->error);
        lancelet_status status =
            s->addresses ? next_taken(s, out, &s->error) : next_scanned(s, out, &s->error);
        if (status != LANCELET_LIMIT || s->batch_rows == 1)
            return status;
        s->batch_rows /= 2;
    }
}

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    row_stream *s = stream->private_data;
    return arrow_errno_from_status(arrow_schema_copy(&s->schema, out, &s->error));
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    row_stream *s = stream->private_data;
    struct ArrowArray batch = {0};
    lancelet_status status = next_batch(s, &batch);
    if (status == LANCELET_OK)
        *out = batch; /* release is NULL at the end */
    return arrow_errno_from_status(status);
}

static const char *stream_error(struct ArrowArrayStream *stream)
{
    row_stream *s = stream->private_data;
    return s->error.status != LANCELET_OK ? s->error.text : NULL;
}

static void stream_release(struct ArrowArrayStream *stream)
{
    row_stream_free(stream->private_data);
    stream->release = NULL;
    stream->private_data = NULL;
}

static lancelet_status choose_columns(row_stream *s, const lancelet_scan_options *options,
                                      lancelet_error *err)
{
    const struct ArrowSchema *all = &s->table->schema;
    s->n_columns = options->columns ? options->n_columns : (size_t)all->n_children;
    s->columns = base_alloc_array(s->n_columns + 1, sizeof *s->columns);
    if (!s->columns)
        return base_fail_memory(err);
    for (size_t i = 0; i < s->n_columns; i++) {
        s->columns[i] = i;
        if (options->columns) {
            int64_t at = arrow_schema_find(all, options->columns[i]);
            if (at < 0)
                return base_fail(err, LANCELET_NOT_FOUND, "the table %s has no column '%s'", s->table->path,
                                 options->columns[i]);
            s->columns[i] = (size_t)at;
        }
        RETURN_IF_ERROR(table_check_readable_column(s->table, s->columns[i], err));
    }
    return LANCELET_OK;
}

static lancelet_status build_schema(row_stream *s, lancelet_error *err)
{
    size_t n = s->n_columns + s->with_row_address;
    RETURN_IF_ERROR(arrow_schema_init(&s->schema, "+s", "", false, n, err));
    for (size_t i = 0; i < s->n_columns; i++)
        RETURN_IF_ERROR(
            arrow_schema_copy(s->table->schema.children[s->columns[i]], s->schema.children[i], err));
    if (s->with_row_address)
        RETURN_IF_ERROR(arrow_schema_init(s->schema.children[s->n_columns], "L", "_rowid", false, 0, err));
    return table_schema_metadata(s->table->manifest.message, TABLE_SCHEMA_METADATA, &s->schema, err);
}

static lancelet_status start_stream(row_stream *s, const lancelet_scan_options *o, lancelet_error *err)
{
    RETURN_IF_ERROR(choose_columns(s, o, err));
    RETURN_IF_ERROR(build_schema(s, err));
    s->rows = base_alloc_array(s->capacity, sizeof *s->rows);
    s->file_columns = base_alloc_array(s->table->most_fields + 1, sizeof *s->file_columns);
    return s->rows && s->file_columns ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status make_stream(const lancelet_table *table, const lancelet_scan_options *options,
                                   row_stream **out, lancelet_error *err)
{
    row_stream *s = base_calloc(1, sizeof *s);
    if (!s)
        return base_fail_memory(err);
    s->table = table_retain(table);
    s->with_row_address = options->with_row_address;
    s->batch_rows = options->batch_rows ? options->batch_rows : DEFAULT_BATCH;
    if (s->batch_rows > (size_t)1 << 24)
        s->batch_rows = (size_t)1 << 24;
    s->capacity = s->batch_rows + WINDOW;
    s->cancel = options->cancel;
    lancelet_status status = start_stream(s, options, err);
    if (status != LANCELET_OK) {
        row_stream_free(s);
        return status;
    }
    *out = s;
    return LANCELET_OK;
}

static void give_stream(row_stream *s, struct ArrowArrayStream *out)
{
    *out = (struct ArrowArrayStream){.get_schema = stream_schema,
                                     .get_next = stream_next,
                                     .get_last_error = stream_error,
                                     .release = stream_release,
                                     .private_data = s};
}

static lancelet_status choose_rows(row_stream *s, const table_scan *scan, lancelet_error *err)
{
    s->skip = scan->options.offset;
    s->remaining = scan->options.limit;
    s->deleted_too = scan->deleted_too;
    s->n_fragments = scan->fragments ? scan->n_fragments : s->table->manifest.n_fragments;
    if (scan->fragments) {
        s->fragments = base_alloc_array(scan->n_fragments + 1, sizeof *s->fragments);
        if (!s->fragments)
            return base_fail_memory(err);
        if (scan->n_fragments)
            memcpy(s->fragments, scan->fragments, scan->n_fragments * sizeof *s->fragments);
    }
    return table_filter_open(s->table, scan->options.condition, &s->filter, err);
}

lancelet_status table_scan_open(const lancelet_table *t, const table_scan *scan, struct ArrowArrayStream *out,
                                lancelet_error *err)
{
    row_stream *s;
    RETURN_IF_ERROR(make_stream(t, &scan->options, &s, err));
    lancelet_status status = choose_rows(s, scan, err);
    if (status == LANCELET_OK)
        give_stream(s, out);
    else
        row_stream_free(s);
    return status;
}

lancelet_status lancelet_table_scan(const lancelet_table *table, const lancelet_scan_options *options,
                                    struct ArrowArrayStream *out, lancelet_error *err)
{
    table_scan scan = {.options = LANCELET_SCAN_OPTIONS_INIT};
    base_options(&scan.options, sizeof scan.options, options);
    return table_scan_open(table, &scan, out, err);
}

static lancelet_status check_address(const lancelet_table *t, uint64_t address, lancelet_error *err)
{
    const table_fragment *f = table_manifest_fragment(&t->manifest, address >> 32);
    uint64_t row = address & UINT32_MAX;
    if (!f || row >= f->physical_rows)
        return base_fail(err, LANCELET_NOT_FOUND, "no row of %s has the address %" PRIu64, t->path, address);
    const table_bitmap *deleted;
    RETURN_IF_ERROR(table_deletions(t, (size_t)(f - t->manifest.fragments), &deleted, err));
    if (table_bitmap_get(deleted, row))
        return base_fail(err, LANCELET_NOT_FOUND, "the row of %s at the address %" PRIu64 " is deleted",
                         t->path, address);
    return LANCELET_OK;
}

lancelet_status lancelet_table_take(const lancelet_table *table, const uint64_t *addresses, size_t n,
                                    const lancelet_scan_options *options, struct ArrowArrayStream *out,
                                    lancelet_error *err)
{
    lancelet_scan_options o = LANCELET_SCAN_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    for (size_t i = 0; i < n; i++)
        RETURN_IF_ERROR(check_address(table, addresses[i], err));
    row_stream *s;
    RETURN_IF_ERROR(make_stream(table, &o, &s, err));
    s->addresses = base_alloc_array(n + 1, sizeof *s->addresses);
    s->part_of_fragment = base_calloc(table->manifest.n_fragments + 1, sizeof *s->part_of_fragment);
    if (!s->addresses || !s->part_of_fragment) {
        row_stream_free(s);
        return base_fail_memory(err);
    }
    if (n)
        memcpy(s->addresses, addresses, n * sizeof *addresses);
    s->n_addresses = n;
    give_stream(s, out);
    return LANCELET_OK;
}
