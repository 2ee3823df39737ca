/* read.c - rows out of a table through lancelet.h, batch by batch, and the look-ups made of that: the next id, the
 * address of an id or a path, vectors by address.
 *
 * A look-up reads one narrow column of all rows: 8 bytes a row for an id. That is a few milliseconds for a hundred
 * thousand rows, and needs no state beside the table. */
#include "gallery/gallery.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "source/source.h"

uint64_t gallery_row_bytes(const picask_table *t)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    if (!t->lance)
        return 1;
    lancelet_table_get_info(t->lance, &info);
    return info.data_bytes / (info.rows + info.deleted_rows + 1) + 1;
}

/* The whole stream, which is released. */
static lancelet_status each_batch(struct ArrowArrayStream *stream, gallery_each *each, void *arg,
                                  lancelet_error *err)
{
    struct ArrowSchema schema = {0};
    lancelet_status status = arrow_stream_schema(stream, &schema, err);
    while (status == LANCELET_OK) {
        struct ArrowArray batch = {0};
        status = arrow_stream_next(stream, &batch, err);
        if (status != LANCELET_OK || !batch.release)
            break;
        status = each(arg, &schema, &batch, err);
        arrow_array_release(&batch);
    }
    arrow_schema_release(&schema);
    arrow_stream_release(stream);
    return status;
}

lancelet_status gallery_scan(const picask_table *t, const char *const *columns, size_t n_columns,
                             gallery_each *each, void *arg, const volatile int *cancel, lancelet_error *err)
{
    return gallery_scan_where(t, columns, n_columns, NULL, each, arg, cancel, err);
}

lancelet_status gallery_scan_where(const picask_table *t, const char *const *columns, size_t n_columns,
                                   const char *condition, gallery_each *each, void *arg,
                                   const volatile int *cancel, lancelet_error *err)
{
    static const char *const none[1] = {NULL};
    struct ArrowArrayStream stream = {0};
    lancelet_scan_options o = LANCELET_SCAN_OPTIONS_INIT;
    o.columns = n_columns ? columns : none;
    o.n_columns = n_columns;
    o.with_row_address = true;
    o.cancel = cancel;
    o.condition = condition;
    RETURN_IF_ERROR(lancelet_table_scan(t->lance, &o, &stream, err));
    return each_batch(&stream, each, arg, err);
}

lancelet_status gallery_take(const picask_table *t, const uint64_t *addresses, size_t n,
                             const char *const *columns, size_t n_columns, gallery_each *each, void *arg,
                             const volatile int *cancel, lancelet_error *err)
{
    struct ArrowArrayStream stream = {0};
    lancelet_scan_options o = LANCELET_SCAN_OPTIONS_INIT;
    o.columns = columns;
    o.n_columns = n_columns;
    o.with_row_address = true;
    o.cancel = cancel;
    RETURN_IF_ERROR(lancelet_table_take(t->lance, addresses, n, &o, &stream, err));
    return each_batch(&stream, each, arg, err);
}

/* ---- vectors ---- */

bool gallery_read_vector(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, float *out,
                         size_t dim)
{
    size_t n = 0;
    const float *v = arrow_vector(s, a, i, &n);
    if (v) {
        if (n != dim)
            return false;
        memcpy(out, v, dim * sizeof *out);
        return true;
    }
    if (arrow_is_null(a, i) || arrow_list_size(s) != (int64_t)dim || a->n_children != 1)
        return false;
    const struct ArrowSchema *item = s->children[0];
    const struct ArrowArray *values = a->children[0];
    for (size_t j = 0; j < dim; j++) {
        double number;
        if (!arrow_double(item, values, (a->offset + i) * (int64_t)dim + (int64_t)j, &number))
            return false;
        out[j] = (float)number;
    }
    return true;
}

typedef struct vectors_arg {
    float *out; /* [n, dim] */
    size_t dim, at, n;
} vectors_arg;

static lancelet_status vectors_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                     lancelet_error *err)
{
    vectors_arg *v = arg;
    for (int64_t i = 0; i < batch->length && v->at < v->n; i++, v->at++)
        if (!gallery_read_vector(s->children[0], batch->children[0], batch->offset + i,
                                 v->out + v->at * v->dim, v->dim))
            return base_fail(err, LANCELET_INVALID, "a row that is shared by another has no vector");
    return LANCELET_OK;
}

lancelet_status gallery_take_vectors(const picask_table *t, const uint64_t *addresses, size_t n, float *out,
                                     lancelet_error *err)
{
    vectors_arg v = {out, t->dim, 0, n};
    const char *column = gallery_column_name(t, t->roles.vector);
    if (n == 0)
        return LANCELET_OK;
    RETURN_IF_ERROR(gallery_take(t, addresses, n, &column, 1, vectors_batch, &v, NULL, err));
    if (v.at != n)
        return base_fail(err, LANCELET_CORRUPT, "table '%s' gave %zu rows for %zu addresses", t->name, v.at,
                         n);
    return LANCELET_OK;
}

static lancelet_status has_vector_batch(void *arg, const struct ArrowSchema *s,
                                        const struct ArrowArray *batch, lancelet_error *err)
{
    (void)s;
    (void)err;
    *(bool *)arg = batch->length > 0 && !arrow_is_null(batch->children[0], batch->offset);
    return LANCELET_OK;
}

lancelet_status gallery_has_vector(const picask_table *t, uint64_t address, bool *has, lancelet_error *err)
{
    const char *column = gallery_column_name(t, t->roles.vector);
    return gallery_take(t, &address, 1, &column, 1, has_vector_batch, has, NULL, err);
}

/* ---- ids ---- */

static lancelet_status largest_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                     lancelet_error *err)
{
    int64_t *largest = arg, id;
    (void)err;
    for (int64_t i = 0; i < batch->length; i++)
        if (arrow_int(s->children[0], batch->children[0], batch->offset + i, &id) && id > *largest)
            *largest = id;
    return LANCELET_OK;
}

lancelet_status gallery_next_id(const picask_table *t, int64_t *next, lancelet_error *err)
{
    int64_t largest = -1, config = 0;
    const char *column = gallery_column_name(t, t->roles.id);
    const char *value = lancelet_table_config(t->lance, GALLERY_KEY_NEXT_ID);
    if (column)
        RETURN_IF_ERROR(gallery_scan(t, &column, 1, largest_batch, &largest, NULL, err));
    if (value && !base_parse_i64(value, strlen(value), &config))
        config = 0;
    *next = largest < INT64_MAX ? largest + 1 : INT64_MAX;
    if (config > *next)
        *next = config;
    return LANCELET_OK;
}

lancelet_status gallery_fail_no_id(const picask_table *t, lancelet_error *err)
{
    return base_fail(err, LANCELET_LIMIT, "the ids of table '%s' are used up", t->name);
}

typedef struct find_ids {
    base_map64 *wanted; /* id -> its first index in addresses */
    uint64_t *addresses;
} find_ids;

static lancelet_status find_ids_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                      lancelet_error *err)
{
    find_ids *f = arg;
    int64_t id, address;
    uint64_t at;
    (void)err;
    for (int64_t i = batch->offset; i < batch->offset + batch->length; i++)
        if (arrow_int(s->children[0], batch->children[0], i, &id) &&
            base_map64_get(f->wanted, &id, sizeof id, &at) && f->addresses[at] == GALLERY_NONE &&
            arrow_int(s->children[1], batch->children[1], i, &address))
            f->addresses[at] = (uint64_t)address;
    return LANCELET_OK;
}

static lancelet_status address_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                     lancelet_error *err)
{
    find_ids *f = arg;
    int64_t address;
    uint64_t at;
    (void)err;
    for (int64_t i = batch->offset; i < batch->offset + batch->length; i++)
        if (arrow_int(s->children[0], batch->children[0], i, &address) &&
            base_map64_get(f->wanted, &address, sizeof address, &at))
            f->addresses[at] = (uint64_t)address;
    return LANCELET_OK;
}

lancelet_status gallery_find_ids(const picask_table *t, const int64_t *ids, size_t n, uint64_t *addresses,
                                 lancelet_error *err)
{
    find_ids f = {base_map64_create(), addresses};
    const char *column = gallery_column_name(t, t->roles.id);
    lancelet_status status = f.wanted ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = n; i > 0 && status == LANCELET_OK;
         i--) { /* backwards: the first index of a repeated id stays */
        addresses[i - 1] = GALLERY_NONE;
        if (!base_map64_set(f.wanted, &ids[i - 1], sizeof *ids, i - 1))
            status = base_fail_memory(err);
    }
    if (status == LANCELET_OK)
        status = column ? gallery_scan(t, &column, 1, find_ids_batch, &f, NULL, err)
                        : gallery_scan(t, NULL, 0, address_batch, &f, NULL, err);
    for (size_t i = 0; i < n && status == LANCELET_OK; i++) {
        uint64_t first = i;
        if (base_map64_get(f.wanted, &ids[i], sizeof *ids, &first))
            addresses[i] = addresses[first];
    }
    base_map64_destroy(f.wanted);
    return status;
}

/* ---- paths ---- */

enum { FORMS = 4 };

typedef struct find_uri {
    struct {
        const char *uri; /* [n]; NULL: none */
        size_t n;
        bool container; /* its parts are meant too: "clip.mp4#t=3.000" */
    } form[FORMS];      /* ways to write what was asked for */
    base_buffer *addresses;
} find_uri;

static void add_form(find_uri *f, size_t i, const char *uri)
{
    if (!uri)
        return;
    f->form[i].uri = uri;
    f->form[i].n = strlen(uri);
    f->form[i].container = source_is_container(uri);
}

static bool is_form(const find_uri *f, const char *uri, size_t n)
{
    for (size_t i = 0; i < FORMS; i++) {
        size_t length = f->form[i].n;
        if (f->form[i].uri && n >= length && memcmp(uri, f->form[i].uri, length) == 0 &&
            (n == length || (f->form[i].container && uri[length] == '#')))
            return true;
    }
    return false;
}

static lancelet_status find_uri_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                      lancelet_error *err)
{
    find_uri *f = arg;
    for (int64_t i = batch->offset; i < batch->offset + batch->length; i++) {
        size_t n;
        int64_t signed_address;
        const char *uri = arrow_bytes(s->children[0], batch->children[0], i, &n);
        if (uri && is_form(f, uri, n) && arrow_int(s->children[1], batch->children[1], i, &signed_address)) {
            uint64_t address = (uint64_t)signed_address;
            if (!base_buffer_append(f->addresses, &address, sizeof address))
                return base_fail_memory(err);
        }
    }
    return LANCELET_OK;
}

/* The uri of a part of a container whose path is not UTF-8: the path is encoded, the fragment is not. NULL: it is no part, or
 * memory is out. */
static char *encoded_part(const char *path)
{
    size_t length;
    const char *fragment;
    if (!source_uri_split(path, &length, &fragment))
        return NULL;
    char *container = base_strndup(path, length), *uri = container ? source_uri_from_path(container) : NULL;
    char *part = uri ? base_format("%s#%s", uri, fragment) : NULL;
    base_free(uri);
    base_free(container);
    return part;
}

lancelet_status gallery_find_uri(const picask_table *t, const char *uri, base_buffer *addresses,
                                 lancelet_error *err)
{
    const char *column = gallery_column_name(t, t->roles.uri);
    if (!column)
        return LANCELET_OK;
    char *expanded = gallery_expand_home(uri);
    char *absolute = expanded ? base_path_absolute(expanded) : NULL;
    char *as_uri = absolute ? source_uri_from_path(absolute) : NULL;
    char *part = absolute ? encoded_part(absolute) : NULL;
    find_uri f = {.addresses = addresses};
    add_form(&f, 0, uri);
    add_form(&f, 1, absolute);
    add_form(&f, 2, as_uri);
    add_form(&f, 3, part);
    lancelet_status status =
        as_uri ? gallery_scan(t, &column, 1, find_uri_batch, &f, NULL, err) : base_fail_memory(err);
    base_free(part);
    base_free(as_uri);
    base_free(absolute);
    base_free(expanded);
    return status;
}

lancelet_status gallery_vector_norm(const picask_table *t, float *norm, lancelet_error *err)
{
    const char *said = gallery_model_said(t, GALLERY_KEY_NORMALIZED);
    const char *column = gallery_column_name(t, t->roles.vector);
    *norm = 1;
    if (said && strcmp(said, "true") == 0)
        return LANCELET_OK;
    struct ArrowArrayStream stream = {0};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    lancelet_scan_options o = LANCELET_SCAN_OPTIONS_INIT;
    o.columns = &column;
    o.n_columns = 1;
    o.batch_rows = 256;
    float *v = base_alloc_array(t->dim, sizeof *v);
    lancelet_status status = v ? lancelet_table_scan(t->lance, &o, &stream, err) : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = arrow_stream_schema(&stream, &schema, err);
    if (status == LANCELET_OK)
        status = arrow_stream_next(&stream, &batch, err);
    double sum = 0, furthest = 0;
    int64_t n = 0;
    for (int64_t i = 0; status == LANCELET_OK && batch.release && i < batch.length; i++) {
        if (!gallery_read_vector(schema.children[0], batch.children[0], batch.offset + i, v, t->dim))
            continue;
        double square = 0;
        for (size_t j = 0; j < t->dim; j++)
            square += (double)v[j] * v[j];
        sum += sqrt(square);
        furthest = fmax(furthest, fabs(sqrt(square) - 1));
        n++;
    }
    if (n > 0 && furthest > 0.01 && sum > 0 &&
        isfinite(sum)) /* rounding to float16 moves a length by 0.001 at most */
        *norm = (float)(sum / (double)n);
    base_free(v);
    arrow_array_release(&batch);
    arrow_schema_release(&schema);
    arrow_stream_release(&stream);
    return status;
}
