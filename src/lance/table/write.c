/* write.c - rows of a stream into data files, one a fragment, and the trail of files made by a write that may yet fail.
 *
 * A column of the table that the stream lacks is left out of the file: readers take a field that no file of a fragment
 * has as null, so this costs nothing. Files are named as the Rust core does: 24 binary digits (which spread the names
 * over the partitions of object stores) and 26 hexadecimal ones. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lance/table/table.h"

#define ROWS_PER_FRAGMENT                                                                                    \
    ((uint64_t)1 << 20) /* a file is closed when it has this many; readers work by fragments */

enum { NAME_SIZE = 24 + 26 + 6 + 1 };

/* ---- trail ---- */

lancelet_status table_trail_add(table_trail *t, const char *path, lancelet_error *err)
{
    if (t->n == t->capacity) {
        size_t grown = t->capacity ? 2 * t->capacity : 16, bytes;
        char **more = base_mul_size(grown, sizeof *more, &bytes) ? base_realloc(t->path, bytes) : NULL;
        if (!more)
            return base_fail_memory(err);
        t->path = more;
        t->capacity = grown;
    }
    char *copy = base_strdup(path);
    if (!copy)
        return base_fail_memory(err);
    t->path[t->n++] = copy;
    return LANCELET_OK;
}

void table_trail_undo(table_trail *t, size_t from)
{
    while (t->n > from) {
        char *path = t->path[--t->n];
        lancelet_error ignored; /* a file that cannot be removed is an orphan, which no reader sees */
        if (base_file_remove(path, &ignored) != LANCELET_OK)
            ignored.text[0] = '\0';
        base_free(path);
    }
}

void table_trail_free(table_trail *t)
{
    for (size_t i = 0; i < t->n; i++)
        base_free(t->path[i]);
    base_free(t->path);
    *t = (table_trail){0};
}

lancelet_status table_make_folder(const char *path, const char *name, bool sync, lancelet_error *err)
{
    char *folder = base_path_join(path, name);
    if (!folder)
        return base_fail_memory(err);
    base_stat stat;
    lancelet_status status = base_file_stat(folder, &stat, err);
    if (status == LANCELET_OK && !stat.exists) {
        status = base_dir_make(folder, err);
        if (status == LANCELET_OK && sync)
            status = base_dir_sync(path, err);
    }
    base_free(folder);
    return status;
}

void table_new_fragments_free(table_new_fragments *f)
{
    for (size_t i = 0; i < f->n; i++)
        base_buffer_free(&f->message[i]);
    base_free(f->message);
    *f = (table_new_fragments){0};
}

/* ---- what goes where ---- */

typedef struct data_writer {
    const table_target *target;
    const lancelet_write_options *options;
    table_trail *trail;
    table_new_fragments *out;
    size_t n;                  /* columns that the file has */
    size_t *column;            /* [n] their index in the target */
    size_t *incoming;          /* [n] their index in the stream */
    wire_span *fields;         /* [n] */
    struct ArrowSchema schema; /* of the file */
    struct ArrowArray *parts;  /* [n] scratch: shallow copies of a batch's columns */
    struct ArrowArray **part;  /* [n] pointers to them */
    lance_file_writer *file;   /* open while rows arrive */
    char name[NAME_SIZE];
} data_writer;

static lancelet_status match_columns(data_writer *w, const struct ArrowSchema *incoming, lancelet_error *err)
{
    const struct ArrowSchema *table = w->target->schema;
    for (int64_t i = 0; i < incoming->n_children; i++) {
        const struct ArrowSchema *column = incoming->children[i];
        const char *name = column->name ? column->name : "";
        int64_t at = arrow_schema_find(table, name);
        if (at < 0)
            return base_fail(err, LANCELET_INVALID, "the table %s has no column '%s'", w->target->path, name);
        if (arrow_schema_find(incoming, name) != i)
            return base_fail(err, LANCELET_INVALID, "two of the columns to add have the name '%s'", name);
        RETURN_IF_ERROR(table_check_written(table->children[at], w->target->fields[at], err));
        if (!table_same_type(column, table->children[at]))
            return base_fail(err, LANCELET_INVALID,
                             "the column '%s' of %s has the Arrow type '%s', the rows to add have '%s'", name,
                             w->target->path, table->children[at]->format, column->format);
    }
    for (int64_t i = 0; i < table->n_children; i++) {
        int64_t from = arrow_schema_find(incoming, table->children[i]->name);
        if (from < 0 && !(table->children[i]->flags & ARROW_FLAG_NULLABLE))
            return base_fail(err, LANCELET_INVALID,
                             "the column '%s' of %s may not be null, but the rows to add do not have it",
                             table->children[i]->name, w->target->path);
        if (from < 0)
            continue;
        w->column[w->n] = (size_t)i;
        w->incoming[w->n] = (size_t)from;
        w->fields[w->n] = w->target->fields[i];
        w->n++;
    }
    return w->n ? LANCELET_OK : base_fail(err, LANCELET_INVALID, "the rows to add have no column");
}

static lancelet_status prepare(data_writer *w, const struct ArrowSchema *incoming, lancelet_error *err)
{
    size_t n = (size_t)w->target->schema->n_children + 1;
    w->column = base_alloc_array(n, sizeof *w->column);
    w->incoming = base_alloc_array(n, sizeof *w->incoming);
    w->fields = base_alloc_array(n, sizeof *w->fields);
    w->parts = base_calloc(n, sizeof *w->parts);
    w->part = base_calloc(n, sizeof *w->part);
    if (!w->column || !w->incoming || !w->fields || !w->parts || !w->part)
        return base_fail_memory(err);
    RETURN_IF_ERROR(match_columns(w, incoming, err));
    RETURN_IF_ERROR(arrow_schema_init(&w->schema, "+s", "", false, w->n, err));
    for (size_t i = 0; i < w->n; i++) {
        RETURN_IF_ERROR(
            arrow_schema_copy(w->target->schema->children[w->column[i]], w->schema.children[i], err));
        w->part[i] = &w->parts[i];
    }
    return LANCELET_OK;
}

/* ---- files ---- */

static lancelet_status open_file(data_writer *w, lancelet_error *err)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t random[16];
    RETURN_IF_ERROR(table_make_folder(w->target->path, "data", !w->options->no_sync,
                                      err)); /* LanceDB makes none for no rows */
    RETURN_IF_ERROR(base_random(random, sizeof random, err));
    char *p = w->name;
    for (size_t i = 0; i < 3; i++)
        for (int bit = 7; bit >= 0; bit--)
            *p++ = (char)('0' + (random[i] >> bit & 1));
    for (size_t i = 3; i < 16; i++) {
        *p++ = hex[random[i] >> 4];
        *p++ = hex[random[i] & 15];
    }
    memcpy(p, ".lance", 7);
    char *path = base_format("%s/data/%s", w->target->path, w->name);
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = table_trail_add(w->trail, path, err);
    if (status == LANCELET_OK)
        status = lance_file_writer_open(path, w->target->minor, &w->schema, w->fields, w->n, &w->file, err);
    base_free(path);
    return status;
}

/* The DataFragment of a finished file, without an id. */
static bool put_fragment(const data_writer *w, uint64_t rows, uint64_t size, base_buffer *out)
{
    base_buffer numbers = {0}, file = {0};
    bool ok = wire_put_string(&file, 1, w->name);
    for (size_t i = 0; i < w->n && ok; i++) {
        uint64_t id = (uint64_t)w->target->ids[w->column[i]];
        ok = base_buffer_append(&numbers, &id, sizeof id);
    }
    ok = ok && wire_put_packed(&file, 2, (const uint64_t *)(const void *)numbers.data, w->n);
    numbers.size = 0;
    for (uint64_t i = 0; i < w->n && ok; i++)
        ok = base_buffer_append(&numbers, &i, sizeof i);
    ok = ok && wire_put_packed(&file, 3, (const uint64_t *)(const void *)numbers.data, w->n) &&
         wire_put_varint(&file, 4, 2) && wire_put_varint(&file, 5, (uint64_t)w->target->minor) &&
         wire_put_varint(&file, 6, size) && wire_put_bytes(out, 2, file.data, file.size) &&
         wire_put_varint(out, 4, rows);
    base_buffer_free(&numbers);
    base_buffer_free(&file);
    return ok;
}

static lancelet_status finish_file(data_writer *w, lancelet_error *err)
{
    uint64_t rows = lance_file_writer_rows(w->file), size;
    lance_file_writer *file = w->file;
    w->file = NULL;
    RETURN_IF_ERROR(lance_file_writer_finish(file, !w->options->no_sync, &size, err));
    table_new_fragments *out = w->out;
    if (out->n == out->capacity) {
        size_t grown = out->capacity ? 2 * out->capacity : 4, bytes;
        base_buffer *more =
            base_mul_size(grown, sizeof *more, &bytes) ? base_realloc(out->message, bytes) : NULL;
        if (!more)
            return base_fail_memory(err);
        out->message = more;
        out->capacity = grown;
    }
    out->message[out->n] = (base_buffer){0};
    if (!put_fragment(w, rows, size, &out->message[out->n])) {
        base_buffer_free(&out->message[out->n]);
        return base_fail_memory(err);
    }
    out->n++;
    out->rows += rows;
    return LANCELET_OK;
}

/* ---- batches ---- */

static bool has_null(const struct ArrowArray *a)
{
    if (a->null_count == 0 || a->n_buffers == 0 || !a->buffers[0])
        return false;
    for (int64_t i = 0; i < a->length; i++)
        if (arrow_is_null(a, i))
            return true;
    return false;
}

/* Of arrays that borrow: an array without a release function counts as released. */
static void release_nothing(struct ArrowArray *a)
{
    a->release = NULL;
}

static lancelet_status add_batch(data_writer *w, const struct ArrowArray *batch, lancelet_error *err)
{
    if (has_null(batch))
        return base_fail(err, LANCELET_INVALID, "a row to add is null as a whole");
    if ((uint64_t)batch->length > UINT32_MAX - ROWS_PER_FRAGMENT)
        return base_fail(err, LANCELET_LIMIT, "a batch of %" PRId64 " rows does not fit a fragment",
                         batch->length);
    for (size_t i = 0; i < w->n; i++) {
        struct ArrowArray *part = &w->parts[i];
        *part = *batch->children[w->incoming[i]]; /* shallow: the batch owns the buffers */
        part->release = release_nothing;
        part->private_data = NULL;
        part->offset += batch->offset;
        part->length = batch->length;
        if (part->null_count != 0)
            part->null_count = -1; /* of the window it is not known */
        const struct ArrowSchema *column = w->schema.children[i];
        if (!(column->flags & ARROW_FLAG_NULLABLE) && has_null(part))
            return base_fail(err, LANCELET_INVALID,
                             "the column '%s' of %s may not be null, but a row to add has a null there",
                             column->name, w->target->path);
    }
    const void *no_validity[1] = {NULL};
    struct ArrowArray projected = {.length = batch->length,
                                   .n_buffers = 1,
                                   .n_children = (int64_t)w->n,
                                   .buffers = no_validity,
                                   .children = w->part,
                                   .release = release_nothing};
    if (!w->file)
        RETURN_IF_ERROR(open_file(w, err));
    RETURN_IF_ERROR(lance_file_writer_add(w->file, &projected, err));
    return lance_file_writer_rows(w->file) >= ROWS_PER_FRAGMENT ? finish_file(w, err) : LANCELET_OK;
}

static lancelet_status write_all(data_writer *w, const struct ArrowSchema *incoming,
                                 struct ArrowArrayStream *rows, lancelet_error *err)
{
    RETURN_IF_ERROR(prepare(w, incoming, err));
    for (;;) {
        if (base_cancelled(w->options->cancel))
            return base_fail_cancelled(err);
        struct ArrowArray batch = {0};
        RETURN_IF_ERROR(arrow_stream_next(rows, &batch, err));
        if (!batch.release)
            break;
        lancelet_status status = arrow_check(incoming, &batch, err);
        if (status == LANCELET_OK && batch.length > 0)
            status = add_batch(w, &batch, err);
        arrow_array_release(&batch);
        RETURN_IF_ERROR(status);
    }
    return w->file ? finish_file(w, err) : LANCELET_OK;
}

lancelet_status table_write_rows(const table_target *target, const struct ArrowSchema *incoming,
                                 struct ArrowArrayStream *rows, const lancelet_write_options *options,
                                 table_trail *trail, table_new_fragments *out, lancelet_error *err)
{
    data_writer w = {.target = target, .options = options, .trail = trail, .out = out};
    lancelet_status status = write_all(&w, incoming, rows, err);
    if (w.file)
        lance_file_writer_abandon(w.file);
    arrow_schema_release(&w.schema);
    base_free(w.column);
    base_free(w.incoming);
    base_free(w.fields);
    base_free(w.parts);
    base_free(w.part);
    RETURN_IF_ERROR(status);
    if (out->n == 0 || options->no_sync)
        return LANCELET_OK;
    char *folder = base_path_join(target->path, "data");
    if (!folder)
        return base_fail_memory(err);
    status = base_dir_sync(folder, err);
    base_free(folder);
    return status;
}
