/* stream.c - record batches out of columns, a stream of batches that lie in memory, and reading streams of any producer
 * (https://arrow.apache.org/docs/format/CStreamInterface.html), whose errors are an errno and a sentence. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "arrow/arrow.h"

enum { DEEPEST_SCHEMA = 64 };

void arrow_array_release(struct ArrowArray *a)
{
    if (a && a->release)
        a->release(a);
}

void arrow_stream_release(struct ArrowArrayStream *s)
{
    if (s && s->release)
        s->release(s);
}

/* ---- statuses as errno ---- */

static const struct {
    lancelet_status status;
    int e;
} pairs[] = {
    {LANCELET_OK, 0},
    {LANCELET_INVALID, EINVAL},
    {LANCELET_NOT_FOUND, ENOENT},
    {LANCELET_CONFLICT, EEXIST},
    {LANCELET_UNSUPPORTED, ENOTSUP},
    {LANCELET_CORRUPT, EBADMSG},
    {LANCELET_IO, EIO},
    {LANCELET_LIMIT, EOVERFLOW},
    {LANCELET_MEMORY, ENOMEM},
    {LANCELET_CANCELLED, ECANCELED},
    {LANCELET_UNSUPPORTED, ENOSYS},
};

int arrow_errno_from_status(lancelet_status status)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i].status == status)
            return pairs[i].e;
    return EIO;
}

lancelet_status arrow_status_from_errno(int e)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i].e == e)
            return pairs[i].status;
    return LANCELET_CORRUPT;
}

/* ---- batches ---- */

typedef struct batch_private {
    const void *buffers[1];
    struct ArrowArray *column;    /* [n] */
    struct ArrowArray **children; /* [n] into column */
} batch_private;

static void batch_private_free(batch_private *p)
{
    base_free(p->column);
    base_free(p->children);
    base_free(p);
}

static void release_batch(struct ArrowArray *a)
{
    for (int64_t i = 0; i < a->n_children; i++)
        arrow_array_release(a->children[i]);
    batch_private_free(a->private_data);
    a->release = NULL;
}

static void release_arrays(struct ArrowArray *arrays, size_t n)
{
    for (size_t i = 0; i < n; i++)
        arrow_array_release(&arrays[i]);
}

/* Moves n arrays: the sources no longer have anything to release. */
static void move_arrays(struct ArrowArray *to, struct ArrowArray *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = from[i];
        from[i].release = NULL;
    }
}

lancelet_status arrow_batch_make(struct ArrowArray *columns, size_t n, int64_t length, struct ArrowArray *out,
                                 lancelet_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (columns[i].length != length) {
            lancelet_status status = base_fail(err, LANCELET_INVALID,
                                               "column %zu has %" PRId64 " rows where the batch has %" PRId64,
                                               i, columns[i].length, length);
            release_arrays(columns, n);
            return status;
        }
    batch_private *p = base_calloc(1, sizeof *p);
    if (p) {
        p->column = base_calloc(n, sizeof *p->column);
        p->children = base_calloc(n, sizeof *p->children);
    }
    if (!p || !p->column || !p->children) {
        if (p)
            batch_private_free(p);
        release_arrays(columns, n);
        return base_fail_memory(err);
    }
    move_arrays(p->column, columns, n);
    for (size_t i = 0; i < n; i++)
        p->children[i] = &p->column[i];
    *out = (struct ArrowArray){.length = length,
                               .n_buffers = 1,
                               .buffers = p->buffers,
                               .n_children = (int64_t)n,
                               .children = p->children,
                               .release = release_batch,
                               .private_data = p};
    return LANCELET_OK;
}

/* ---- a stream of batches in memory ---- */

typedef struct stream_private {
    struct ArrowSchema schema;
    struct ArrowArray *batch; /* [n] */
    size_t n, at;
    lancelet_error error;
} stream_private;

static int stream_get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    stream_private *p = s->private_data;
    return arrow_errno_from_status(arrow_schema_copy(&p->schema, out, &p->error));
}

static int stream_get_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    stream_private *p = s->private_data;
    *out = (struct ArrowArray){0};
    if (p->at < p->n)
        move_arrays(out, &p->batch[p->at++], 1);
    return 0;
}

static const char *stream_get_last_error(struct ArrowArrayStream *s)
{
    stream_private *p = s->private_data;
    return p->error.text[0] ? p->error.text : NULL;
}

static void stream_release(struct ArrowArrayStream *s)
{
    stream_private *p = s->private_data;
    release_arrays(p->batch, p->n);
    arrow_schema_release(&p->schema);
    base_free(p->batch);
    base_free(p);
    s->release = NULL;
}

lancelet_status arrow_stream_make(struct ArrowSchema *schema, struct ArrowArray *batches, size_t n,
                                  struct ArrowArrayStream *out, lancelet_error *err)
{
    stream_private *p = base_calloc(1, sizeof *p);
    struct ArrowArray *batch = base_calloc(n, sizeof *batch);
    if (!p || !batch) {
        base_free(p);
        base_free(batch);
        release_arrays(batches, n);
        arrow_schema_release(schema);
        return base_fail_memory(err);
    }
    p->schema = *schema;
    schema->release = NULL;
    p->batch = batch;
    p->n = n;
    move_arrays(batch, batches, n);
    *out = (struct ArrowArrayStream){.get_schema = stream_get_schema,
                                     .get_next = stream_get_next,
                                     .get_last_error = stream_get_last_error,
                                     .release = stream_release,
                                     .private_data = p};
    return LANCELET_OK;
}

/* ---- reading any stream ---- */

static lancelet_status stream_failure(struct ArrowArrayStream *s, int e, const char *what,
                                      lancelet_error *err)
{
    const char *text = s->get_last_error ? s->get_last_error(s) : NULL;
    lancelet_status status = arrow_status_from_errno(e);
    if (text && *text)
        return base_fail(err, status, "%s", text);
    return base_fail(err, status, "the stream gave no %s (error %d)", what, e);
}

static lancelet_status stream_open(const struct ArrowArrayStream *s, lancelet_error *err)
{
    return s->release ? LANCELET_OK : base_fail(err, LANCELET_INVALID, "the stream was released already");
}

/* What every reader of a schema relies on. */
static bool schema_is_whole(const struct ArrowSchema *s, int depth)
{
    bool whole = s && s->format && s->release && depth < DEEPEST_SCHEMA && s->n_children >= 0 &&
                 (s->n_children == 0 || s->children) &&
                 (!s->dictionary || schema_is_whole(s->dictionary, depth + 1));
    for (int64_t i = 0; whole && i < s->n_children; i++)
        whole = schema_is_whole(s->children[i], depth + 1);
    return whole;
}

lancelet_status arrow_stream_schema(struct ArrowArrayStream *s, struct ArrowSchema *out, lancelet_error *err)
{
    RETURN_IF_ERROR(stream_open(s, err));
    struct ArrowSchema schema = {0};
    int e = s->get_schema(s, &schema);
    if (e != 0)
        return stream_failure(s, e, "schema", err);
    if (!schema.release)
        return base_fail(err, LANCELET_CORRUPT, "the stream gave a schema that is released already");
    if (!schema_is_whole(&schema, 0)) {
        arrow_schema_release(&schema);
        return base_fail(err, LANCELET_CORRUPT,
                         "the stream gave a schema with a part that has no format or is released, or more than %d deep",
                         DEEPEST_SCHEMA);
    }
    *out = schema;
    return LANCELET_OK;
}

lancelet_status arrow_stream_next(struct ArrowArrayStream *s, struct ArrowArray *out, lancelet_error *err)
{
    RETURN_IF_ERROR(stream_open(s, err));
    struct ArrowArray array = {0};
    int e = s->get_next(s, &array);
    if (e != 0)
        return stream_failure(s, e, "batch", err);
    *out = array;
    return LANCELET_OK;
}
