/* index_batch.c - changed rows to record batches, one commit, and the changes of a lost race made to fit.
 *
 * The batches are built one at a time while lancelet writes them, so that memory holds the changes and one batch; they
 * can be built again when another writer was first. A row that takes the place of another takes over every value that
 * it does not bring itself; those old rows are read a batch at a time. */
#include "gallery/index.h"

#include <string.h>

#define BATCH_ROWS  1024
#define BATCH_BYTES (8u * 1024 * 1024) /* of pictures in one batch, about */

/* ---- changes ---- */

void row_change_free(row_change *r)
{
    base_free(r->vector);
    base_free(r->uri);
    base_free(r->text);
    base_free(r->image);
    base_free(r->values);
    base_free(r->storage);
    *r = (row_change){0};
}

void row_changes_clear(row_changes *c)
{
    for (size_t i = 0; i < c->n; i++)
        row_change_free(&c->row[i]);
    c->n = 0;
    c->bytes = 0;
}

void row_changes_free(row_changes *c)
{
    row_changes_clear(c);
    base_free(c->row);
    *c = (row_changes){0};
}

bool row_changes_add(row_changes *c, row_change *row)
{
    if (c->n == c->capacity) {
        size_t capacity = c->capacity ? c->capacity * 2 : 64, bytes;
        row_change *grown =
            base_mul_size(capacity, sizeof *grown, &bytes) ? base_realloc(c->row, bytes) : NULL;
        if (!grown) {
            row_change_free(row);
            return false;
        }
        c->row = grown;
        c->capacity = capacity;
    }
    for (size_t i = 0; i < row->n_values; i++)
        c->bytes += sizeof *row->values + (row->values[i].s ? row->values[i].n : 0);
    c->bytes +=
        sizeof *row + row->n_image + (row->text ? strlen(row->text) : 0) + (row->uri ? strlen(row->uri) : 0);
    c->row[c->n++] = *row;
    *row = (row_change){0};
    return true;
}

/* ---- one batch ---- */

typedef struct change_stream {
    const picask_table *t;
    const row_changes *changes;
    size_t at;       /* next change */
    int64_t *column; /* [n_columns] columns of the table that are written */
    size_t n_columns;
    lancelet_error error; /* of the last call that failed */
} change_stream;

/* Rows that were taken to build one batch: old rows with all columns, and vectors shared by new rows. */
typedef struct batch_parts {
    arrow_builder *builder; /* [n_columns] */
    float *vectors;         /* [number of changes that share one, dim] */
} batch_parts;

static bool append_time(arrow_builder *b, bool has, int64_t us)
{
    return has ? arrow_append_int(b, us) : arrow_append_null(b);
}

static bool append_text(arrow_builder *b, const char *s)
{
    return arrow_append_bytes(b, s, strlen(s));
}

/* An integer into an integer column, null when it does not fit. */
static bool append_fitting(arrow_builder *b, int64_t v)
{
    int64_t least, most;
    bool fits = !gallery_integer_range(b->schema, &least, &most) || (v >= least && v <= most);
    return fits ? arrow_append_int(b, v) : arrow_append_null(b);
}

/* The column's type goes with the values': text to text, numbers to numbers. */
static bool append_source_value(arrow_builder *b, const source_value *v, const index_column *from)
{
    if (v->null)
        return arrow_append_null(b);
    if (from->kind == SOURCE_BYTES)
        return arrow_append_bytes(b, v->s, v->n);
    if (from->uint64 && v->i < 0) /* above INT64_MAX: fits the same type alone */
        return strcmp(b->schema->format, "L") == 0 ? arrow_append_int(b, v->i) : arrow_append_null(b);
    return from->kind == SOURCE_FLOATING ? arrow_append_double(b, v->d) : append_fitting(b, v->i);
}

/* Does the change bring a value of its own for column c? Then appends it. */
static lancelet_status append_own(const change_stream *s, const row_change *r, int64_t c, const float *shared,
                                  arrow_builder *b, bool *own, lancelet_error *err)
{
    const gallery_roles *role = &s->t->roles;
    const image_facts *f = &r->facts;
    bool fits = true;
    *own = true;
    if (c == role->vector && (r->vector || shared)) {
        fits = arrow_append_vector(b, r->vector ? r->vector : shared);
    } else if (c == role->id && !r->replaces) {
        int64_t least, most;
        if (gallery_integer_range(b->schema, &least, &most) && r->id > most)
            return base_fail(err, LANCELET_LIMIT,
                             "the ids of table '%s' are used up: %s holds none above %lld", s->t->name,
                             b->schema->name, (long long)most);
        fits = arrow_append_int(b, r->id);
    } else if (c == role->uri && r->uri) {
        fits = append_text(b, r->uri);
    } else if (c == role->text && r->text) {
        fits = append_text(b, r->text);
    } else if (c == role->image && r->has_facts) { /* a changed file leaves no old picture behind */
        fits = r->image ? arrow_append_bytes(b, r->image, r->n_image) : arrow_append_null(b);
    } else if (c == role->size && r->has_file) {
        fits = arrow_append_int(b, r->size);
    } else if (c == role->modified && r->has_file) {
        fits = append_time(b, r->modified_us != INT64_MIN, r->modified_us);
    } else if (c == role->sha256 && r->has_facts) {
        fits = append_text(b, r->sha256);
    } else if (c == role->width && r->has_facts) {
        fits = append_fitting(b, f->width);
    } else if (c == role->height && r->has_facts) {
        fits = append_fitting(b, f->height);
    } else if (c == role->taken && r->has_facts) {
        fits = append_time(b, f->has_taken, f->taken_us);
    } else if (c == role->latitude && r->has_facts) {
        fits = f->has_position ? arrow_append_double(b, f->latitude) : arrow_append_null(b);
    } else if (c == role->longitude && r->has_facts) {
        fits = f->has_position ? arrow_append_double(b, f->longitude) : arrow_append_null(b);
    } else if (c == role->camera && r->has_facts) {
        fits = f->camera[0] ? append_text(b, f->camera) : arrow_append_null(b);
    } else {
        *own = false;
        for (size_t i = 0; i < r->n_values && !*own; i++)
            if (r->columns[i].column == c) {
                *own = true;
                fits = append_source_value(b, &r->values[i], &r->columns[i]);
            }
    }
    return fits ? LANCELET_OK : base_fail_memory(err);
}

typedef struct old_rows {
    const change_stream *stream;
    batch_parts *parts;
    size_t at, end; /* changes still to append */
    size_t shared;  /* rows of parts->vectors used so far */
} old_rows;

/* Appends the changes up to the next one that replaces a row (or to the end). */
static lancelet_status append_new(old_rows *o, lancelet_error *err)
{
    const change_stream *s = o->stream;
    for (; o->at < o->end && !s->changes->row[o->at].replaces; o->at++) {
        const row_change *r = &s->changes->row[o->at];
        const float *shared = NULL;
        if (r->vector_elsewhere)
            shared = o->parts->vectors + o->shared++ * s->t->dim;
        for (size_t c = 0; c < s->n_columns; c++) {
            bool own;
            RETURN_IF_ERROR(append_own(s, r, s->column[c], shared, &o->parts->builder[c], &own, err));
            if (!own && !arrow_append_null(&o->parts->builder[c]))
                return base_fail_memory(err);
        }
    }
    return LANCELET_OK;
}

static lancelet_status append_old(void *arg, const struct ArrowSchema *schema, const struct ArrowArray *batch,
                                  lancelet_error *err)
{
    old_rows *o = arg;
    const change_stream *s = o->stream;
    for (int64_t i = 0; i < batch->length; i++) {
        RETURN_IF_ERROR(append_new(o, err));
        if (o->at == o->end)
            return base_fail(err, LANCELET_CORRUPT, "table '%s' gave more rows than asked for", s->t->name);
        const row_change *r = &s->changes->row[o->at++];
        const float *shared = r->vector_elsewhere ? o->parts->vectors + o->shared++ * s->t->dim : NULL;
        for (size_t c = 0; c < s->n_columns; c++) {
            bool own;
            RETURN_IF_ERROR(append_own(s, r, s->column[c], shared, &o->parts->builder[c], &own, err));
            if (!own && !arrow_append_from(&o->parts->builder[c], schema->children[c], batch->children[c],
                                           batch->offset + i))
                return base_fail_memory(err);
        }
    }
    return LANCELET_OK;
}

static lancelet_status build_columns(const change_stream *s, size_t end, batch_parts *parts,
                                     lancelet_error *err)
{
    size_t n = end - s->at, n_old = 0, n_shared = 0;
    uint64_t *old = base_alloc_array(2 * n + 1, sizeof *old), *shared = old ? old + n : NULL;
    const char **names = base_alloc_array(s->n_columns + 1, sizeof *names);
    lancelet_status status = old && names ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = s->at; i < end && status == LANCELET_OK; i++) {
        const row_change *r = &s->changes->row[i];
        if (r->replaces)
            old[n_old++] = r->old_address;
        if (r->vector_elsewhere)
            shared[n_shared++] = r->vector_address;
    }
    if (status == LANCELET_OK && n_shared > 0) {
        size_t numbers = 0;
        parts->vectors =
            base_mul_size(n_shared, s->t->dim, &numbers) ? base_alloc_array(numbers, sizeof(float)) : NULL;
        status = parts->vectors ? gallery_take_vectors(s->t, shared, n_shared, parts->vectors, err)
                                : base_fail_memory(err);
    }
    old_rows o = {s, parts, s->at, end, 0};
    if (status == LANCELET_OK && n_old > 0) {
        for (size_t c = 0; c < s->n_columns; c++)
            names[c] = gallery_column_name(s->t, s->column[c]);
        status = gallery_take(s->t, old, n_old, names, s->n_columns, append_old, &o, NULL, err);
    }
    if (status == LANCELET_OK)
        status = append_new(&o, err);
    if (status == LANCELET_OK && o.at != end)
        status = base_fail(err, LANCELET_CORRUPT, "table '%s' gave fewer rows than asked for", s->t->name);
    base_free(names);
    base_free(old);
    return status;
}

static lancelet_status build_batch(change_stream *s, struct ArrowArray *out, lancelet_error *err)
{
    size_t end = s->at, built = 0;
    uint64_t bytes = 0, row_bytes = gallery_row_bytes(s->t); /* a replaced row brings the picture that it holds */
    while (end < s->changes->n && end - s->at < BATCH_ROWS && bytes < BATCH_BYTES) {
        const row_change *r = &s->changes->row[end++];
        bytes += r->n_image + (r->replaces ? row_bytes : 0);
    }
    batch_parts parts = {base_calloc(s->n_columns + 1, sizeof *parts.builder), NULL};
    struct ArrowArray *columns = base_calloc(s->n_columns + 1, sizeof *columns);
    lancelet_status status = parts.builder && columns ? LANCELET_OK : base_fail_memory(err);
    for (size_t c = 0; c < s->n_columns && status == LANCELET_OK; c++)
        status = arrow_builder_init(&parts.builder[c], s->t->schema.children[s->column[c]], err);
    if (status == LANCELET_OK)
        status = build_columns(s, end, &parts, err);
    for (; built < s->n_columns && status == LANCELET_OK; built++)
        status = arrow_builder_finish(&parts.builder[built], &columns[built], err);
    if (status == LANCELET_OK)
        status = arrow_batch_make(columns, s->n_columns, (int64_t)(end - s->at), out, err);
    else
        for (size_t c = 0; c < s->n_columns && columns; c++)
            arrow_array_release(&columns[c]);
    for (size_t c = 0; c < s->n_columns && parts.builder; c++)
        arrow_builder_free(&parts.builder[c]);
    base_free(parts.builder);
    base_free(parts.vectors);
    base_free(columns);
    if (status == LANCELET_OK)
        s->at = end;
    return status;
}

/* ---- the stream ---- */

static int stream_failed(change_stream *s, lancelet_status status)
{
    s->error.status = status;
    return arrow_errno_from_status(status);
}

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    change_stream *s = stream->private_data;
    struct ArrowSchema schema = {0};
    const struct ArrowSchema *from = &s->t->schema;
    lancelet_status status;
    if (s->n_columns == (size_t)from->n_children) {
        status = arrow_schema_copy(from, &schema, &s->error); /* with its metadata */
    } else {
        status = arrow_schema_init(&schema, "+s", "", false, s->n_columns, &s->error);
        for (size_t c = 0; c < s->n_columns && status == LANCELET_OK; c++)
            status = arrow_schema_copy(from->children[s->column[c]], schema.children[c], &s->error);
    }
    if (status != LANCELET_OK) {
        arrow_schema_release(&schema);
        return stream_failed(s, status);
    }
    *out = schema;
    return 0;
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    change_stream *s = stream->private_data;
    *out = (struct ArrowArray){0};
    if (s->at == s->changes->n)
        return 0;
    lancelet_status status = build_batch(s, out, &s->error);
    return status == LANCELET_OK ? 0 : stream_failed(s, status);
}

static const char *stream_error(struct ArrowArrayStream *stream)
{
    change_stream *s = stream->private_data;
    return s->error.status == LANCELET_OK ? NULL : s->error.text;
}

static void stream_release(struct ArrowArrayStream *stream)
{
    change_stream *s = stream->private_data;
    base_free(s->column);
    base_free(s);
    stream->release = NULL;
}

/* Which columns are written: all where a row is replaced or the table is new; else those that get values, so that a
 * column of a type that is not written here does no harm in a table made elsewhere. */
static bool column_is_written(const picask_table *t, const row_changes *c, int64_t column, bool all)
{
    const gallery_roles *r = &t->roles;
    const int64_t ours[] = {r->vector,   r->text,      r->id,     r->uri,   r->image,
                            r->width,    r->height,    r->size,   r->taken, r->modified,
                            r->latitude, r->longitude, r->camera, r->sha256};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        all = all || ours[i] == column;
    for (size_t i = 0; i < c->n && !all; i++)
        for (size_t j = 0; j < c->row[i].n_values && !all; j++)
            all = c->row[i].columns[j].column == column;
    return all;
}

static lancelet_status make_stream(const picask_table *t, const row_changes *c, bool all,
                                   struct ArrowArrayStream *out, lancelet_error *err)
{
    change_stream *s = base_calloc(1, sizeof *s);
    if (!s || !(s->column = base_alloc_array((size_t)t->schema.n_children + 1, sizeof *s->column))) {
        base_free(s);
        return base_fail_memory(err);
    }
    s->t = t;
    s->changes = c;
    for (size_t i = 0; i < c->n && !all; i++)
        all = c->row[i].replaces;
    for (int64_t i = 0; i < t->schema.n_children; i++)
        if (column_is_written(t, c, i, all))
            s->column[s->n_columns++] = i;
    *out = (struct ArrowArrayStream){stream_schema, stream_next, stream_error, stream_release, s};
    return LANCELET_OK;
}

/* ---- commits ---- */

lancelet_status row_changes_commit(picask_table *t, const row_changes *c, const row_commit *how,
                                   lancelet_error *err)
{
    struct ArrowArrayStream rows = {0};
    lancelet_write_options options = LANCELET_WRITE_OPTIONS_INIT;
    lancelet_change change = LANCELET_CHANGE_INIT;
    lancelet_table *newer = NULL;
    uint64_t *old = NULL;
    lancelet_status status = LANCELET_OK;
    options.no_rebase = !how->overwrite; /* an overwrite does not care what was there */
    options.no_sync = how->no_sync;
    bool with_rows = c->n > 0 || how->overwrite || !t->lance;
    if (with_rows)
        RETURN_IF_ERROR(make_stream(t, c, how->overwrite || !t->lance, &rows, err));
    if (!t->lance) {
        options.no_rebase = false;
        status = lancelet_table_create(t->path, &rows, how->config, how->n_config, &options, &newer, err);
        return status == LANCELET_OK ? gallery_table_set(t, newer, err) : status;
    }
    old = base_alloc_array(c->n + 1, sizeof *old);
    if (!old) {
        arrow_stream_release(&rows);
        return base_fail_memory(err);
    }
    for (size_t i = 0; i < c->n; i++)
        if (c->row[i].replaces)
            old[change.n_delete++] = c->row[i].old_address;
    change.rows = with_rows ? &rows : NULL;
    change.delete_addresses = old;
    change.overwrite = how->overwrite;
    change.config = how->config;
    change.n_config = how->n_config;
    status = lancelet_table_commit(t->lance, &change, &options, &newer, err);
    base_free(old);
    return status == LANCELET_OK ? gallery_table_set(t, newer, err) : status;
}

/* ---- a lost race ---- */

/* Reads shared vectors while the version they lie in is at hand. */
static lancelet_status settle_vectors(const picask_table *t, row_changes *c, lancelet_error *err)
{
    for (size_t i = 0; i < c->n; i++) {
        row_change *r = &c->row[i];
        if (!r->vector_elsewhere)
            continue;
        float *vector = base_alloc_array(t->dim, sizeof *vector);
        if (!vector)
            return base_fail_memory(err);
        lancelet_status status = gallery_take_vectors(t, &r->vector_address, 1, vector, err);
        if (status != LANCELET_OK) {
            base_free(vector);
            return status;
        }
        r->vector = vector;
        r->vector_elsewhere = false;
    }
    return LANCELET_OK;
}

static bool same_columns(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    bool same = a->n_children == b->n_children;
    for (int64_t i = 0; i < a->n_children && same; i++)
        same = strcmp(a->children[i]->name, b->children[i]->name) == 0 &&
               strcmp(a->children[i]->format, b->children[i]->format) == 0;
    return same;
}

static lancelet_status refresh_same(picask_table *t, lancelet_error *err)
{
    struct ArrowSchema before = {0};
    RETURN_IF_ERROR(arrow_schema_copy(&t->schema, &before, err));
    lancelet_status status = picask_table_refresh(t, err);
    if (status == LANCELET_OK && !same_columns(&before, &t->schema))
        status = base_fail(err, LANCELET_CONFLICT,
                           "another program changed the columns of table '%s' meanwhile", t->name);
    arrow_schema_release(&before);
    return status;
}

lancelet_status row_changes_rebase(picask_table *t, row_changes *c, int64_t first_new, int64_t *shift,
                                   lancelet_error *err)
{
    int64_t next = 0;
    *shift = 0;
    RETURN_IF_ERROR(settle_vectors(t, c, err));
    RETURN_IF_ERROR(refresh_same(t, err));
    RETURN_IF_ERROR(gallery_next_id(t, &next, err));
    if (next > first_new)
        *shift = next - first_new;
    int64_t *ids = base_alloc_array(c->n + 1, sizeof *ids);
    uint64_t *addresses = base_alloc_array(c->n + 1, sizeof *addresses);
    size_t n = 0;
    lancelet_status status = ids && addresses ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = 0; i < c->n && status == LANCELET_OK; i++) {
        if (c->row[i].replaces)
            ids[n++] = c->row[i].id;
        else if (*shift >= INT64_MAX - c->row[i].id)
            status = gallery_fail_no_id(t, err);
        else
            c->row[i].id += *shift;
    }
    if (status == LANCELET_OK && n > 0 && t->roles.id < 0)
        status =
            base_fail(err, LANCELET_CONFLICT,
                      "another program changed table '%s' meanwhile; run the same command again", t->name);
    if (status == LANCELET_OK && n > 0)
        status = gallery_find_ids(t, ids, n, addresses, err);
    size_t kept = 0, replaced = 0;
    for (size_t i = 0; i < c->n && status == LANCELET_OK; i++) {
        row_change *r = &c->row[i];
        if (r->replaces)
            r->old_address = addresses[replaced++];
        if (r->replaces && r->old_address == GALLERY_NONE) {
            row_change_free(r); /* its row was deleted by the other writer: it stays deleted */
            continue;
        }
        if (kept != i)
            c->row[kept] = *r;
        kept++;
    }
    if (status == LANCELET_OK)
        c->n = kept;
    base_free(addresses);
    base_free(ids);
    return status;
}
