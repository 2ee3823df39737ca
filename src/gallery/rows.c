/* rows.c - rows of a table as picask_row: one take of the columns that have a part in a row and those asked for, all
 * strings in one arena that is freed with the results. The encoded pictures and the vectors are not read. */
#include "gallery/gallery.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

struct picask_results {
    picask_row *row; /* [n] */
    size_t n;
    base_arena arena;
};

size_t picask_results_count(const picask_results *r)
{
    return r->n;
}

const picask_row *picask_results_row(const picask_results *r, size_t i)
{
    return i < r->n ? &r->row[i] : NULL;
}

void picask_results_destroy(picask_results *r)
{
    if (!r)
        return;
    base_arena_free(&r->arena);
    base_free(r->row);
    base_free(r);
}

/* The columns read, in the order of the take; -1: not among them. */
typedef struct rows_arg {
    picask_results *results;
    size_t at;
    int id, uri, text, sha256, width, height, size, taken, modified;
    size_t *extra; /* [n_extra] */
    size_t n_extra;
} rows_arg;

/* *out stays NULL for a null value; false when memory is out. */
static bool copy_text(rows_arg *r, const struct ArrowSchema *s, const struct ArrowArray *batch, int column,
                      int64_t i, const char **out)
{
    size_t n;
    const char *text = column < 0 ? NULL : arrow_bytes(s->children[column], batch->children[column], i, &n);
    if (!text)
        return true;
    *out = base_arena_strndup(&r->results->arena, text, n);
    return *out != NULL;
}

static bool read_int(const struct ArrowSchema *s, const struct ArrowArray *batch, int column, int64_t i,
                     int64_t *out)
{
    return column >= 0 && arrow_int(s->children[column], batch->children[column], i, out);
}

static lancelet_status read_extra(rows_arg *r, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                  int64_t i, picask_row *row, lancelet_error *err)
{
    base_buffer b = {0};
    lancelet_status status = LANCELET_OK;
    for (size_t j = 0; j < r->n_extra && status == LANCELET_OK; j++) {
        const struct ArrowSchema *c = s->children[r->extra[j]];
        if ((j > 0 && !base_buffer_append(&b, ",", 1)) ||
            !base_json_append_string(&b, c->name, strlen(c->name)) || !base_buffer_append(&b, ":", 1))
            status = base_fail_memory(err);
        if (status == LANCELET_OK)
            status = gallery_json_value(&b, c, batch->children[r->extra[j]], i, err);
    }
    if (status == LANCELET_OK) {
        row->extra = base_arena_strndup(&r->results->arena, (const char *)b.data, b.size);
        if (!row->extra)
            status = base_fail_memory(err);
    }
    base_buffer_free(&b);
    return status;
}

static lancelet_status rows_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                  lancelet_error *err)
{
    rows_arg *r = arg;
    for (int64_t i = batch->offset; i < batch->offset + batch->length && r->at < r->results->n;
         i++, r->at++) {
        picask_row *row = &r->results->row[r->at];
        int64_t v;
        row->id = read_int(s, batch, r->id, i, &v) ? v : (int64_t)row->address;
        row->width = read_int(s, batch, r->width, i, &v) ? (int)v : 0;
        row->height = read_int(s, batch, r->height, i, &v) ? (int)v : 0;
        row->size = read_int(s, batch, r->size, i, &v) ? v : -1;
        row->has_taken = read_int(s, batch, r->taken, i, &row->taken_us);
        row->has_modified = read_int(s, batch, r->modified, i, &row->modified_us);
        if (!copy_text(r, s, batch, r->uri, i, &row->uri) ||
            !copy_text(r, s, batch, r->text, i, &row->text) ||
            !copy_text(r, s, batch, r->sha256, i, &row->sha256))
            return base_fail_memory(err);
        if (r->n_extra)
            RETURN_IF_ERROR(read_extra(r, s, batch, i, row, err));
    }
    return LANCELET_OK;
}

lancelet_status gallery_fail_no_column(const picask_table *t, const char *column, lancelet_error *err)
{
    base_buffer b = {0};
    bool fits = true;
    for (int64_t i = 0; i < t->schema.n_children && fits && b.size < 600; i++)
        fits = base_buffer_printf(&b, "%s%s", i ? ", " : "", t->schema.children[i]->name);
    lancelet_status status =
        fits ? base_fail(err, LANCELET_INVALID, "no column '%s' in table '%s'; columns: %.*s", column,
                         t->name, (int)b.size, b.data ? (const char *)b.data : "")
             : base_fail_memory(err);
    base_buffer_free(&b);
    return status;
}

lancelet_status gallery_results(const picask_table *t, const gallery_found *found, size_t n,
                                const char *const *columns, size_t n_columns, const volatile int *cancel,
                                picask_results **out, lancelet_error *err)
{
    for (size_t i = 0; i < n_columns; i++)
        if (arrow_schema_find(&t->schema, columns[i]) < 0)
            return gallery_fail_no_column(t, columns[i], err);
    picask_results *r = base_calloc(1, sizeof *r);
    uint64_t *addresses = base_alloc_array(n + 1, sizeof *addresses);
    const char **names = base_alloc_array(n_columns + 9, sizeof *names);
    size_t *extra = base_alloc_array(n_columns + 1, sizeof *extra);
    lancelet_status status = LANCELET_OK;
    if (!r || !addresses || !names || !extra || !(r->row = base_calloc(n + 1, sizeof *r->row)))
        status = base_fail_memory(err);
    size_t n_names = 0;
    if (status == LANCELET_OK) {
        r->n = n;
        rows_arg arg = {.results = r, .extra = extra, .n_extra = n_columns};
        struct {
            int64_t column;
            int *at;
        } part[9] = {
            {t->roles.id, &arg.id},         {t->roles.uri, &arg.uri},     {t->roles.text, &arg.text},
            {t->roles.sha256, &arg.sha256}, {t->roles.width, &arg.width}, {t->roles.height, &arg.height},
            {t->roles.size, &arg.size},     {t->roles.taken, &arg.taken}, {t->roles.modified, &arg.modified},
        };
        for (size_t i = 0; i < 9; i++) {
            *part[i].at = part[i].column < 0 ? -1 : (int)n_names;
            if (part[i].column >= 0)
                names[n_names++] = gallery_column_name(t, part[i].column);
        }
        for (size_t i = 0; i < n_columns; i++) { /* a column that is read already is not read twice */
            size_t at = 0;
            while (at < n_names && strcmp(names[at], columns[i]) != 0)
                at++;
            if (at == n_names)
                names[n_names++] = columns[i];
            extra[i] = at;
        }
        for (size_t i = 0; i < n; i++) {
            addresses[i] = found[i].address;
            r->row[i].address = found[i].address;
            r->row[i].id = (int64_t)found[i].address;
            r->row[i].distance = found[i].distance;
            r->row[i].score = found[i].score;
            r->row[i].copies = found[i].copies;
            r->row[i].size = -1;
        }
        if (n > 0 && n_names > 0) {
            status = gallery_take(t, addresses, n, names, n_names, rows_batch, &arg, cancel, err);
            if (status == LANCELET_OK && arg.at != n)
                status = base_fail(err, LANCELET_CORRUPT, "table '%s' gave %zu rows for %zu addresses",
                                   t->name, arg.at, n);
        }
    }
    base_free(extra);
    base_free(names);
    base_free(addresses);
    if (status != LANCELET_OK) {
        picask_results_destroy(r);
        return status;
    }
    *out = r;
    return LANCELET_OK;
}
