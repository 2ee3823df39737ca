/* reembed_rows.c - the rows of a table that is to get new vectors, and the picture of each: the one in the table where it
 * is the original, else its file, else what the table has (a copy made smaller), so that the vectors are those that an
 * index run would compute. */
#include "gallery/reembed.h"

#include <inttypes.h>
#include <string.h>

/* ---- loading ---- */

typedef struct load_arg {
    reembed_rows *rows;
    int64_t id, uri, sha256; /* index among the columns read; -1: not there */
    int64_t address;
} load_arg;

static bool add_row(reembed_rows *rows, const reembed_row *row)
{
    if (rows->n == rows->capacity) {
        size_t capacity = rows->capacity ? rows->capacity * 2 : 1024, bytes;
        reembed_row *grown =
            base_mul_size(capacity, sizeof *grown, &bytes) ? base_realloc(rows->row, bytes) : NULL;
        if (!grown)
            return false;
        rows->row = grown;
        rows->capacity = capacity;
    }
    rows->row[rows->n++] = *row;
    return true;
}

static const char *text_at(const struct ArrowSchema *s, const struct ArrowArray *batch, int64_t column,
                           int64_t i, size_t *n)
{
    return column < 0 ? NULL
                      : arrow_bytes(s->children[column], batch->children[column], batch->offset + i, n);
}

static lancelet_status load_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                  lancelet_error *err)
{
    load_arg *l = arg;
    for (int64_t i = 0; i < batch->length; i++) {
        reembed_row row = {.vector = SIZE_MAX};
        size_t n = 0;
        int64_t address = 0;
        if (!arrow_int(s->children[l->address], batch->children[l->address], batch->offset + i, &address))
            return base_fail(err, LANCELET_CORRUPT, "a row has no address");
        row.address = (uint64_t)address;
        row.id = address;
        if (l->id >= 0 && !arrow_int(s->children[l->id], batch->children[l->id], batch->offset + i, &row.id))
            row.id = address;
        const char *uri = text_at(s, batch, l->uri, i, &n);
        if (uri && n > 0 && !(row.uri = base_arena_strndup(&l->rows->arena, uri, n)))
            return base_fail_memory(err);
        const char *sha256 = text_at(s, batch, l->sha256, i, &n);
        if (sha256 && n == 64)
            memcpy(row.sha256, sha256, 64);
        if (!add_row(l->rows, &row))
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

static lancelet_status look_at_file(reembed_row *row, lancelet_error *err)
{
    base_stat stat = {0};
    lancelet_error ignored;
    char *path = NULL;
    lancelet_status status = row->uri ? source_uri_file(row->uri, &path, &ignored) : LANCELET_OK;
    if (status == LANCELET_OK && path)
        status = base_file_stat(path, &stat, &ignored);
    base_free(path);
    if (status == LANCELET_MEMORY)
        return base_fail_memory(err);
    row->has_file = status == LANCELET_OK && stat.exists; /* else reading it says why not */
    row->size = stat.size;
    row->modified_us = stat.modified_us;
    return LANCELET_OK;
}

lancelet_status reembed_rows_load(const picask_table *t, const volatile int *cancel, reembed_rows *out,
                                  lancelet_error *err)
{
    reembed_rows rows = {0};
    const char *columns[3];
    size_t n = 0;
    load_arg l = {&rows, -1, -1, -1, 0};
    const int64_t role[3] = {t->roles.id, t->roles.uri, t->roles.sha256};
    int64_t *const place[3] = {&l.id, &l.uri, &l.sha256};
    for (size_t i = 0; i < 3; i++)
        if (role[i] >= 0) {
            *place[i] = (int64_t)n;
            columns[n++] = gallery_column_name(t, role[i]);
        }
    l.address = (int64_t)n;
    lancelet_status status = gallery_scan(t, columns, n, load_batch, &l, cancel, err);
    for (size_t i = 0; i < rows.n && status == LANCELET_OK; i++)
        status = base_cancelled(cancel) ? base_fail_cancelled(err) : look_at_file(&rows.row[i], err);
    if (status != LANCELET_OK) {
        reembed_rows_free(&rows);
        return status;
    }
    *out = rows;
    return LANCELET_OK;
}

void reembed_rows_free(reembed_rows *r)
{
    base_free(r->row);
    base_arena_free(&r->arena);
    *r = (reembed_rows){0};
}

bool reembed_file_key(const reembed_row *row, char out[65])
{
    if (!row->has_file)
        return false;
    char *text = base_format("%s\n%" PRIu64 "\n%" PRId64, row->uri, row->size, row->modified_us);
    if (!text)
        return false; /* then it is read again */
    base_sha256_hex(text, strlen(text), out);
    base_free(text);
    return true;
}

/* ---- reading ---- */

lancelet_status reembed_read_row(const picask_table *t, const reembed_row *row, uint8_t **bytes, size_t *n,
                                 bool *from_file, lancelet_error *err)
{
    uint8_t *stored = NULL;
    size_t n_stored = 0;
    char sha256[65];
    *from_file = false;
    RETURN_IF_ERROR(gallery_row_image(t, row->address, &stored, &n_stored, err));
    bool original = stored && !row->uri;
    if (stored && row->uri && row->sha256[0]) {
        base_sha256_hex(stored, n_stored, sha256);
        original = strcmp(sha256, row->sha256) == 0;
    }
    if (row->uri && !original) {
        lancelet_status status = source_read(row->uri, GALLERY_PICTURE_BYTES, bytes, n, err);
        if (status == LANCELET_NOT_FOUND && strncmp(row->uri, "hf://", 5) != 0) /* of those the sentence has the command */
            status = base_fail(err, LANCELET_NOT_FOUND, "the file is gone");
        if (status == LANCELET_OK || !stored || status == LANCELET_MEMORY) {
            *from_file = status == LANCELET_OK;
            base_free(stored);
            return status;
        }
    }
    if (!stored)
        return base_fail(err, LANCELET_NOT_FOUND, "neither a picture in the table nor the path of one");
    *bytes = stored;
    *n = n_stored;
    return LANCELET_OK;
}
