/* write.c - rows of a stream into data files, one a fragment, and the trail of files made by a write that may yet fail.
 *
 * A column of the table that the stream lacks is left out of the file: readers take a field that no file of a fragment
 * has as null, so this costs nothing. Files are named as the Rust core does: 24 binary digits (which spread the names
 * over the partitions of object stores) and 26 hexadecimal ones. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lance/table/write.h"

/* A file is closed when it has so many rows, or so many bytes after a batch; readers work by fragments. Both are LanceDB's
 * own numbers. */
#define ROWS_PER_FRAGMENT  ((uint64_t)1 << 20)
#define BYTES_PER_FRAGMENT ((uint64_t)90 * 1000 * 1000 * 1000)

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

void table_trail_end(table_trail *t, bool stay)
{
    if (!stay)
        table_trail_undo(t, 0);
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

/* ---- files ---- */

typedef struct data_writer {
    const table_target *target;
    const lancelet_write_options *options;
    table_trail *trail;
    table_new_fragments *out;
    table_match match;
    lance_file_writer *file; /* open while rows arrive */
    char name[NAME_SIZE];
} data_writer;

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
        status = lance_file_writer_open(path, w->target->minor, &w->match.schema, w->match.fields,
                                        w->match.n_fields, &w->file, err);
    if (status == LANCELET_OK && !w->options->no_sync)
        lance_file_writer_will_sync(w->file);
    base_free(path);
    return status;
}

/* The DataFragment of a finished file, without an id. Leaf fields alone are named, as the Rust core does. */
static bool put_fragment(const data_writer *w, uint64_t rows, uint64_t size, base_buffer *out)
{
    base_buffer ids = {0}, columns = {0}, file = {0};
    const table_match *m = &w->match;
    uint64_t n = 0;
    bool ok = wire_put_string(&file, 1, w->name);
    for (size_t i = 0; i < m->n_fields && ok; i++) {
        uint64_t id = (uint64_t)m->ids[i];
        if (!m->leaf[i])
            continue;
        ok = base_buffer_append(&ids, &id, sizeof id) && base_buffer_append(&columns, &n, sizeof n);
        n++;
    }
    ok = ok && wire_put_packed(&file, 2, (const uint64_t *)(const void *)ids.data, (size_t)n) &&
         wire_put_packed(&file, 3, (const uint64_t *)(const void *)columns.data, (size_t)n) &&
         wire_put_varint(&file, 4, 2) && wire_put_varint(&file, 5, (uint64_t)w->target->minor) &&
         wire_put_varint(&file, 6, size) && wire_put_bytes(out, 2, file.data, file.size) &&
         wire_put_varint(out, 4, rows);
    base_buffer_free(&ids);
    base_buffer_free(&columns);
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

static uint64_t rows_a_file(const data_writer *w)
{
    return w->target->file_rows ? w->target->file_rows : ROWS_PER_FRAGMENT;
}

/* As many rows from `first` on as the open file takes. */
static lancelet_status add_rows(data_writer *w, const struct ArrowArray *batch, int64_t first, int64_t *n,
                                lancelet_error *err)
{
    if (!w->file)
        RETURN_IF_ERROR(open_file(w, err));
    uint64_t room = rows_a_file(w) - lance_file_writer_rows(w->file);
    struct ArrowArray part = *batch; /* shallow: the batch owns the buffers */
    part.offset += first;
    part.null_count = 0;
    part.length = batch->length - first;
    if ((uint64_t)part.length > room)
        part.length = (int64_t)room;
    *n = part.length;
    lancelet_status status = lance_file_writer_add(w->file, &part, err);
    if (status != LANCELET_OK) {
        base_error_prefix(err, "cannot add rows to %s", w->target->path);
        return status;
    }
    bool full = lance_file_writer_rows(w->file) >= rows_a_file(w) ||
                (w->target->file_rows == 0 && lance_file_writer_bytes(w->file) >= BYTES_PER_FRAGMENT);
    return full ? finish_file(w, err) : LANCELET_OK;
}

static lancelet_status add_batch(data_writer *w, const struct ArrowArray *batch, lancelet_error *err)
{
    if (has_null(batch))
        return base_fail(err, LANCELET_INVALID, "a row to add is null as a whole");
    for (int64_t i = 0, n; i < batch->length; i += n)
        RETURN_IF_ERROR(add_rows(w, batch, i, &n, err));
    return LANCELET_OK;
}

static lancelet_status write_all(data_writer *w, const struct ArrowSchema *incoming,
                                 struct ArrowArrayStream *rows, lancelet_error *err)
{
    RETURN_IF_ERROR(table_match_rows(w->target, incoming, &w->match, err));
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
    table_match_free(&w.match);
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
