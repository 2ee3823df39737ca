/* parquet.c - picask_parquet_open: columns of a Parquet file by name, as a stream that closes the file when it is released. */
#include "picask.h"

#include <string.h>

#include "arrow/arrow.h"
#include "source/parquet/parquet.h"

typedef struct owner {
    parquet_file *file;
    struct ArrowArrayStream rows;
} owner;

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    owner *o = s->private_data;
    return o->rows.get_schema(&o->rows, out);
}

static int get_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    owner *o = s->private_data;
    return o->rows.get_next(&o->rows, out);
}

static const char *get_last_error(struct ArrowArrayStream *s)
{
    owner *o = s->private_data;
    return o->rows.get_last_error(&o->rows);
}

static void release(struct ArrowArrayStream *s)
{
    owner *o = s->private_data;
    arrow_stream_release(&o->rows);
    parquet_close(o->file);
    base_free(o);
    s->release = NULL;
}

static lancelet_status find(const parquet_file *f, const char *path, const char *name, size_t *place, lancelet_error *err)
{
    const char *const *names, *const *reasons;
    int64_t found = arrow_schema_find(parquet_schema(f), name);
    *place = (size_t)found;
    if (found >= 0)
        return LANCELET_OK;
    for (size_t i = 0, n = parquet_left_out(f, &names, &reasons); i < n; i++)
        if (strcmp(names[i], name) == 0)
            return base_fail(err, LANCELET_UNSUPPORTED, "%s: column \"%s\" is not read: %s", path, name, reasons[i]);
    return base_fail(err, LANCELET_NOT_FOUND, "%s has no column \"%s\"", path, name);
}

static lancelet_status read(parquet_file *f, const char *path, const char *const *columns, size_t n, struct ArrowArrayStream *out,
                            lancelet_error *err)
{
    if (!columns)
        return parquet_read(f, NULL, 0, 0, UINT64_MAX, out, err);
    size_t *place = base_calloc(n + 1, sizeof *place);
    lancelet_status status = place ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = 0; i < n && status == LANCELET_OK; i++)
        status = find(f, path, columns[i], &place[i], err);
    if (status == LANCELET_OK)
        status = parquet_read(f, place, n, 0, UINT64_MAX, out, err);
    base_free(place);
    return status;
}

picask_status picask_parquet_open(const char *path, const char *const *columns, size_t n, struct ArrowArrayStream *out,
                                  picask_error *err)
{
    owner *o = base_calloc(1, sizeof *o);
    if (!o)
        return base_fail_memory(err);
    lancelet_status status = parquet_open(path, &o->file, err);
    if (status == LANCELET_OK)
        status = read(o->file, path, columns, n, &o->rows, err);
    if (status != LANCELET_OK) {
        parquet_close(o->file);
        base_free(o);
        return status;
    }
    *out = (struct ArrowArrayStream){.get_schema = get_schema, .get_next = get_next, .get_last_error = get_last_error,
                                     .release = release, .private_data = o};
    return LANCELET_OK;
}
