/* reembed_write.c - the new version of a re-embedded table: its schema, and its rows as a stream that is made while it is
 * written, batch by batch out of the old version: every column as it was but the vectors. */
#include "gallery/reembed.h"

#include <stdio.h>
#include <string.h>

#define BATCH_ROWS          1024
#define BATCH_ROWS_PICTURES 64 /* where the table holds pictures: some megabytes each */

/* ---- the schema ---- */

typedef struct metadata_arg {
    base_buffer *b;
    bool fits;
} metadata_arg;

static bool is_key(const char *key, size_t n, const char *is)
{
    return strlen(is) == n && memcmp(key, is, n) == 0;
}

/* What does not belong to the old vectors. */
static bool keep_metadata(void *arg, const char *key, size_t nk, const char *value, size_t nv)
{
    metadata_arg *m = arg;
    static const char *const gone[] = {GALLERY_KEY_MODEL, GALLERY_KEY_PREPROCESS, GALLERY_KEY_NORMALIZED,
                                       GALLERY_KEY_PROBE, GALLERY_KEY_VECTOR, GALLERY_KEY_FUNCTIONS};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        if (is_key(key, nk, gone[i]))
            return true;
    m->fits = arrow_metadata_add(m->b, key, nk, value, nv);
    return m->fits;
}

static bool keep_all(void *arg, const char *key, size_t nk, const char *value, size_t nv)
{
    metadata_arg *m = arg;
    m->fits = arrow_metadata_add(m->b, key, nk, value, nv);
    return m->fits;
}

static lancelet_status copy_metadata(const struct ArrowSchema *from, struct ArrowSchema *to,
                                     lancelet_error *err)
{
    base_buffer b = {0};
    metadata_arg m = {&b, true};
    arrow_schema_metadata_each(from, keep_all, &m);
    if (!m.fits) {
        base_buffer_free(&b);
        return base_fail_memory(err);
    }
    return b.size ? arrow_schema_take_metadata(to, &b, err) : LANCELET_OK;
}

static lancelet_status vector_column(const struct ArrowSchema *old, size_t dim, struct ArrowSchema *out,
                                     lancelet_error *err)
{
    char list[32];
    snprintf(list, sizeof list, "+w:%zu", dim);
    RETURN_IF_ERROR(arrow_schema_init(out, list, old->name, (old->flags & ARROW_FLAG_NULLABLE) != 0, 1, err));
    RETURN_IF_ERROR(arrow_schema_init(out->children[0], "f", "item", true, 0, err));
    return copy_metadata(old, out, err);
}

static lancelet_status put_metadata(const picask_table *t, picask_model *m, bool decode_fast,
                                    struct ArrowSchema *out, lancelet_error *err)
{
    lancelet_key_value kv[GALLERY_MODEL_KEYS];
    gallery_model_record record;
    base_buffer b = {0};
    metadata_arg arg = {&b, true};
    RETURN_IF_ERROR(gallery_model_record_make(m, decode_fast, &record, kv, err));
    arrow_schema_metadata_each(&t->schema, keep_metadata, &arg);
    for (size_t i = 0; i < GALLERY_MODEL_KEYS && arg.fits; i++)
        arg.fits = arrow_metadata_add(&b, kv[i].key, strlen(kv[i].key), kv[i].value, strlen(kv[i].value));
    const char *column = gallery_column_name(t, t->roles.vector);
    if (arg.fits && gallery_roles_of(&t->schema).vector != t->roles.vector)
        arg.fits = arrow_metadata_add(&b, GALLERY_KEY_VECTOR, strlen(GALLERY_KEY_VECTOR), column, strlen(column));
    const char *now = lancelet_table_schema_metadata(t->lance, GALLERY_KEY_FUNCTIONS);
    char *functions = NULL;
    if (now && arg.fits) { /* those of other columns of vectors stay */
        arg.fits = gallery_functions_without(now, column, &functions, NULL) == LANCELET_OK;
        if (arg.fits && *functions)
            arg.fits = arrow_metadata_add(&b, GALLERY_KEY_FUNCTIONS, strlen(GALLERY_KEY_FUNCTIONS), functions,
                                          strlen(functions));
        base_free(functions);
    }
    gallery_model_record_free(&record);
    if (!arg.fits) {
        base_buffer_free(&b);
        return base_fail_memory(err);
    }
    return arrow_schema_take_metadata(out, &b, err);
}

lancelet_status reembed_schema(const picask_table *t, picask_model *m, bool decode_fast,
                               struct ArrowSchema *out, lancelet_error *err)
{
    struct ArrowSchema s = {0};
    lancelet_status status = arrow_schema_init(&s, "+s", "", false, (size_t)t->schema.n_children, err);
    for (int64_t i = 0; i < t->schema.n_children && status == LANCELET_OK; i++)
        status = i == t->roles.vector
                     ? vector_column(t->schema.children[i], picask_model_dim(m), s.children[i], err)
                     : arrow_schema_copy(t->schema.children[i], s.children[i], err);
    if (status == LANCELET_OK)
        status = put_metadata(t, m, decode_fast, &s, err);
    if (status != LANCELET_OK) {
        arrow_schema_release(&s);
        return status;
    }
    *out = s;
    return LANCELET_OK;
}

/* ---- the rows ---- */

typedef struct new_rows {
    const picask_table *t;
    const struct ArrowSchema *schema;
    const reembed_rows *rows;
    const vector_cache *vectors;
    struct ArrowArrayStream old; /* every column but the vectors, in the schema's order, and _rowid */
    struct ArrowSchema old_schema;
    size_t at;                 /* next row */
    float *vector;             /* [dim] scratch */
    arrow_builder *builder;    /* [columns] scratch */
    struct ArrowArray *column; /* [columns] scratch */
    lancelet_error error;      /* of the last call that failed */
} new_rows;

static lancelet_status append_row(new_rows *s, const struct ArrowArray *batch, int64_t i,
                                  const reembed_row *row, lancelet_error *err)
{
    int64_t from = 0;
    for (int64_t c = 0; c < s->schema->n_children; c++) {
        bool fits;
        if (c == s->t->roles.vector) {
            vector_cache_read(s->vectors, row->vector, s->vector);
            fits = arrow_append_vector(&s->builder[c], s->vector);
        } else {
            fits = arrow_append_from(&s->builder[c], s->old_schema.children[from], batch->children[from],
                                     batch->offset + i);
            from++;
        }
        if (!fits)
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

static lancelet_status append_rows(new_rows *s, const struct ArrowArray *batch, int64_t *n,
                                   lancelet_error *err)
{
    const int64_t addresses = s->old_schema.n_children - 1;
    for (int64_t i = 0; i < batch->length; i++) {
        int64_t address = 0;
        const reembed_row *row = s->at < s->rows->n ? &s->rows->row[s->at++] : NULL;
        if (!row ||
            !arrow_int(s->old_schema.children[addresses], batch->children[addresses], batch->offset + i,
                       &address) ||
            (uint64_t)address != row->address)
            return base_fail(err, LANCELET_CORRUPT, "table '%s' gave other rows than before", s->t->name);
        if (row->unreadable)
            continue;
        RETURN_IF_ERROR(append_row(s, batch, i, row, err));
        ++*n;
    }
    return LANCELET_OK;
}

static lancelet_status make_batch(new_rows *s, const struct ArrowArray *batch, struct ArrowArray *out,
                                  lancelet_error *err)
{
    size_t columns = (size_t)s->schema->n_children, made = 0, built = 0;
    int64_t n = 0;
    lancelet_status status = LANCELET_OK;
    for (; made < columns && status == LANCELET_OK; made += status == LANCELET_OK)
        status = arrow_builder_init(&s->builder[made], s->schema->children[made], err);
    if (status == LANCELET_OK)
        status = append_rows(s, batch, &n, err);
    for (; built < columns && status == LANCELET_OK; built += status == LANCELET_OK)
        status = arrow_builder_finish(&s->builder[built], &s->column[built], err);
    if (status == LANCELET_OK)
        return arrow_batch_make(s->column, columns, n, out, err);
    for (size_t c = 0; c < made; c++)
        arrow_builder_free(&s->builder[c]);
    for (size_t c = 0; c < built; c++)
        arrow_array_release(&s->column[c]);
    return status;
}

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    new_rows *s = stream->private_data;
    lancelet_status status = arrow_schema_copy(s->schema, out, &s->error);
    return status == LANCELET_OK ? 0 : arrow_errno_from_status(status);
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    new_rows *s = stream->private_data;
    struct ArrowArray batch = {0};
    *out = (struct ArrowArray){0};
    lancelet_status status = arrow_stream_next(&s->old, &batch, &s->error);
    if (status == LANCELET_OK && !batch.release) {
        if (s->at == s->rows->n)
            return 0;
        status = base_fail(&s->error, LANCELET_CORRUPT, "table '%s' gave fewer rows than before", s->t->name);
    }
    if (status == LANCELET_OK)
        status = make_batch(s, &batch, out, &s->error);
    arrow_array_release(&batch);
    s->error.status = status;
    return status == LANCELET_OK ? 0 : arrow_errno_from_status(status);
}

static const char *stream_error(struct ArrowArrayStream *stream)
{
    new_rows *s = stream->private_data;
    return s->error.status == LANCELET_OK ? NULL : s->error.text;
}

static void new_rows_free(new_rows *s)
{
    arrow_stream_release(&s->old);
    arrow_schema_release(&s->old_schema);
    base_free(s->vector);
    base_free(s->builder);
    base_free(s->column);
    base_free(s);
}

static void stream_release(struct ArrowArrayStream *stream)
{
    new_rows_free(stream->private_data);
    stream->release = NULL;
}

/* Every column but the vectors. */
static lancelet_status open_old(new_rows *s, const volatile int *cancel, lancelet_error *err)
{
    const picask_table *t = s->t;
    lancelet_scan_options o = LANCELET_SCAN_OPTIONS_INIT;
    const char **names = base_alloc_array((size_t)t->schema.n_children, sizeof *names);
    if (!names)
        return base_fail_memory(err);
    for (int64_t c = 0; c < t->schema.n_children; c++)
        if (c != t->roles.vector)
            names[o.n_columns++] = t->schema.children[c]->name;
    o.columns = names;
    o.with_row_address = true;
    o.batch_rows = t->roles.image >= 0 ? BATCH_ROWS_PICTURES : BATCH_ROWS;
    o.cancel = cancel;
    lancelet_status status = lancelet_table_scan(t->lance, &o, &s->old, err);
    base_free(names);
    return status == LANCELET_OK ? arrow_stream_schema(&s->old, &s->old_schema, err) : status;
}

lancelet_status reembed_stream(const picask_table *t, const struct ArrowSchema *schema,
                               const reembed_rows *rows, const vector_cache *vectors,
                               const volatile int *cancel, struct ArrowArrayStream *out, lancelet_error *err)
{
    size_t columns = (size_t)schema->n_children;
    new_rows *s = base_calloc(1, sizeof *s);
    if (!s)
        return base_fail_memory(err);
    s->t = t;
    s->schema = schema;
    s->rows = rows;
    s->vectors = vectors;
    s->vector =
        base_alloc_array((size_t)arrow_list_size(schema->children[t->roles.vector]), sizeof *s->vector);
    s->builder = base_calloc(columns, sizeof *s->builder);
    s->column = base_calloc(columns, sizeof *s->column);
    lancelet_status status =
        s->vector && s->builder && s->column ? open_old(s, cancel, err) : base_fail_memory(err);
    if (status != LANCELET_OK) {
        new_rows_free(s);
        return status;
    }
    *out = (struct ArrowArrayStream){stream_schema, stream_next, stream_error, stream_release, s};
    return LANCELET_OK;
}
