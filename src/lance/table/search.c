/* search.c - exact nearest rows: every live row of the vector column is measured.
 *
 * The rows are cut into slices that a thread pool takes one by one; each worker keeps its own k best, and these are
 * merged at the end. The order (distance, address) is total and a row's distance does not depend on the cut, so the
 * result is the same for any number of threads. Plain float32 pages are measured where the file is mapped; other
 * pages and types are turned into float32 slice by slice. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/npy.h"
#include "lance/table/table.h"
#include "lance/vector/vector.h"

enum { SLICE_FLOATS = 1 << 18 }; /* 1 MiB: stays in a core's cache while it is converted and measured */

/* 10^12 rows of 384 numbers: what claims more is a file made to keep us busy. */
#define MOST_SLICES        UINT32_MAX
#define FLOATS_FOR_THREADS ((uint64_t)4 << 20) /* fewer: starting threads costs more than it gains */

typedef struct worker {
    vector_top top;
    float *distances; /* [slice_rows] */
    float *converted; /* [slice_rows, dim], made when needed */
    lancelet_status status;
    lancelet_error error;
} worker;

typedef struct search {
    const lancelet_table *table;
    size_t column, dim, slice_rows;
    const float *query; /* [dim] */
    lancelet_metric metric;
    const volatile int *cancel;
    size_t *first_slice; /* [fragments + 1] of each fragment; the last is their number */
    worker *workers;     /* [n_workers] */
    size_t n_workers;
} search;

/* ---- the column ---- */

/* The dimension of a vector column, 0 for any other column. Bytes are vectors only where they are asked for by name. */
static size_t vector_dim(const struct ArrowSchema *s, bool bytes_too)
{
    int64_t dim = arrow_list_size(s);
    if (dim < 1 || s->n_children != 1)
        return 0;
    const char *item = s->children[0]->format;
    bool is_float = strcmp(item, "f") == 0 || strcmp(item, "g") == 0 || strcmp(item, "e") == 0;
    return is_float || (bytes_too && strcmp(item, "C") == 0) ? (size_t)dim : 0;
}

static lancelet_status find_column(search *s, const char *name, lancelet_error *err)
{
    const struct ArrowSchema *all = &s->table->schema;
    if (name) {
        int64_t at = arrow_schema_find(all, name);
        if (at < 0)
            return base_fail(err, LANCELET_NOT_FOUND, "the table %s has no column '%s'", s->table->path,
                             name);
        s->column = (size_t)at;
    } else {
        size_t found = 0;
        for (int64_t i = 0; i < all->n_children; i++)
            if (vector_dim(all->children[i], false)) {
                s->column = (size_t)i;
                found++;
            }
        if (found == 0)
            return base_fail(err, LANCELET_NOT_FOUND, "the table %s has no vector column", s->table->path);
        if (found > 1)
            return base_fail(err, LANCELET_INVALID,
                             "the table %s has %zu vector columns: name the one to search", s->table->path,
                             found);
    }
    size_t dim = vector_dim(all->children[s->column], true);
    if (!dim)
        return base_fail(err, LANCELET_INVALID, "the column '%s' of %s is no vector column",
                         all->children[s->column]->name, s->table->path);
    if (dim != s->dim)
        return base_fail(err, LANCELET_INVALID, "the query has %zu dimensions, the column '%s' of %s has %zu",
                         s->dim, all->children[s->column]->name, s->table->path, dim);
    return LANCELET_OK;
}

/* ---- measuring ---- */

static float item_at(const struct ArrowArray *items, char format, size_t i)
{
    i += (size_t)items->offset;
    const void *values = items->buffers[1];
    switch (format) {
    case 'f':
        return ((const float *)values)[i];
    case 'g':
        return (float)((const double *)values)[i];
    case 'e':
        return base_half_to_float(((const uint16_t *)values)[i]);
    default:
        return (float)((const uint8_t *)values)[i];
    }
}

static bool has_null_item(const struct ArrowArray *items, size_t first, size_t n)
{
    if (items->null_count == 0 || !items->buffers[0])
        return false;
    for (size_t i = first; i < first + n; i++)
        if (arrow_is_null(items, (int64_t)i))
            return true;
    return false;
}

/* Rows of an array to distances; null vectors, and vectors with a null inside, are not a number. */
static lancelet_status measure_array(search *s, worker *w, const struct ArrowArray *a, size_t rows,
                                     lancelet_error *err)
{
    const struct ArrowArray *items = a->children[0];
    char format = s->table->schema.children[s->column]->children[0]->format[0];
    size_t start = (size_t)a->offset * s->dim; /* of the first row among the items */
    if (format == 'f') {
        const float *values = items->buffers[1];
        vector_distances(s->metric, s->query, values + (size_t)items->offset + start, rows, s->dim,
                         w->distances);
    } else {
        if (!w->converted) {
            size_t n;
            w->converted =
                base_mul_size(s->slice_rows, s->dim, &n) ? base_alloc_array(n, sizeof(float)) : NULL;
            if (!w->converted)
                return base_fail_memory(err);
        }
        for (size_t i = 0; i < rows * s->dim; i++)
            w->converted[i] = item_at(items, format, start + i);
        vector_distances(s->metric, s->query, w->converted, rows, s->dim, w->distances);
    }
    for (size_t r = 0; r < rows; r++)
        if (arrow_is_null(a, (int64_t)r) || has_null_item(items, start + r * s->dim, s->dim))
            w->distances[r] = NAN;
    return LANCELET_OK;
}

/* Distances of `*rows` rows from `first` on, or of fewer: *rows says. */
static lancelet_status measure(search *s, worker *w, lance_file *file, uint32_t file_column, uint64_t first,
                               uint64_t *rows, lancelet_error *err)
{
    const struct ArrowSchema *type = s->table->schema.children[s->column];
    if (type->children[0]->format[0] == 'f') {
        const float *matrix;
        uint64_t count;
        lancelet_status status = lance_file_vectors(file, file_column, s->dim, first, &matrix, &count, err);
        if (status == LANCELET_OK && count) {
            if (count < *rows)
                *rows = count;
            vector_distances(s->metric, s->query, matrix, (size_t)*rows, s->dim, w->distances);
            return LANCELET_OK;
        }
        if (status != LANCELET_OK && status != LANCELET_UNSUPPORTED)
            return status;
    }
    struct ArrowArray a;
    RETURN_IF_ERROR(lance_file_read(file, &file_column, type, first, *rows, &a, err));
    lancelet_status status = measure_array(s, w, &a, (size_t)*rows, err);
    arrow_array_release(&a);
    return status;
}

/* The fragment of a slice. */
static size_t fragment_of(const search *s, size_t slice)
{
    size_t low = 0, high = s->table->manifest.n_fragments;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->first_slice[middle] <= slice)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static lancelet_status search_slice(search *s, worker *w, size_t slice, lancelet_error *err)
{
    if (base_cancelled(s->cancel))
        return base_fail_cancelled(err);
    size_t fragment = fragment_of(s, slice);
    const table_fragment *f = &s->table->manifest.fragments[fragment];
    const table_bitmap *deleted;
    RETURN_IF_ERROR(table_deletions(s->table, fragment, &deleted, err));
    lance_file *file;
    uint32_t file_column;
    RETURN_IF_ERROR(table_locate(s->table, fragment, s->column, &file, &file_column, err));
    if (!file) /* the column came later: null in this fragment */
        return LANCELET_OK;
    uint64_t first = (uint64_t)(slice - s->first_slice[fragment]) * s->slice_rows,
             end = first + s->slice_rows;
    if (end > f->physical_rows)
        end = f->physical_rows;
    while (first < end) {
        uint64_t rows = end - first;
        RETURN_IF_ERROR(measure(s, w, file, file_column, first, &rows, err));
        for (uint64_t r = 0; r < rows; r++)
            if (!table_bitmap_get(deleted, first + r))
                vector_top_offer(&w->top, f->id << 32 | (first + r), w->distances[r]);
        first += rows;
    }
    return LANCELET_OK;
}

static void run_slice(void *arg, size_t i, int worker_index)
{
    search *s = arg;
    worker *w = &s->workers[worker_index];
    if (w->status == LANCELET_OK)
        w->status = search_slice(s, w, i, &w->error);
}

/* ---- the whole ---- */

static lancelet_status cut(search *s, lancelet_error *err)
{
    const table_manifest *m = &s->table->manifest;
    s->slice_rows = SLICE_FLOATS / s->dim ? SLICE_FLOATS / s->dim : 1;
    s->first_slice = base_alloc_array(m->n_fragments + 1, sizeof *s->first_slice);
    if (!s->first_slice)
        return base_fail_memory(err);
    uint64_t slices = 0;
    for (size_t f = 0; f < m->n_fragments; f++) {
        s->first_slice[f] = (size_t)slices;
        slices += (m->fragments[f].physical_rows + s->slice_rows - 1) / s->slice_rows;
        if (slices > MOST_SLICES)
            return base_fail(err, LANCELET_LIMIT,
                             "the table %s claims more rows than can be measured one by one", s->table->path);
    }
    s->first_slice[m->n_fragments] = (size_t)slices;
    return LANCELET_OK;
}

static lancelet_status make_workers(search *s, size_t n, size_t k, lancelet_error *err)
{
    uint64_t live = table_live_rows(&s->table->manifest);
    if (k > live)
        k = (size_t)live;
    s->workers = base_calloc(n, sizeof *s->workers);
    if (!s->workers)
        return base_fail_memory(err);
    s->n_workers = n;
    for (size_t i = 0; i < n; i++) {
        worker *w = &s->workers[i];
        w->top = (vector_top){.hits = base_alloc_array(k + 1, sizeof(lancelet_hit)), .k = k};
        w->distances = base_alloc_array(s->slice_rows, sizeof(float));
        if (!w->top.hits || !w->distances)
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

static lancelet_status run(search *s, const lancelet_search_options *options, lancelet_hit *hits,
                           size_t *n_hits, lancelet_error *err)
{
    RETURN_IF_ERROR(cut(s, err));
    const table_manifest *m = &s->table->manifest;
    size_t n_slices = s->first_slice[m->n_fragments];
    uint64_t rows = 0;
    for (size_t f = 0; f < m->n_fragments; f++)
        rows += m->fragments[f].physical_rows;
    base_pool *pool = NULL;
    if (options->threads != 1 && n_slices > 1 && rows > FLOATS_FOR_THREADS / s->dim)
        RETURN_IF_ERROR(base_pool_create(options->threads, &pool, err));
    lancelet_status status = make_workers(s, (size_t)base_pool_threads(pool), options->k, err);
    if (status == LANCELET_OK)
        base_pool_run(pool, n_slices, run_slice, s);
    base_pool_destroy(pool);
    vector_top all = {.hits = hits, .k = options->k};
    for (size_t i = 0; i < s->n_workers && status == LANCELET_OK; i++) {
        worker *w = &s->workers[i];
        if (w->status != LANCELET_OK)
            status = base_fail(err, w->status, "%s", w->error.text);
    }
    if (status != LANCELET_OK)
        return status;
    for (size_t i = 0; i < s->n_workers; i++)
        for (size_t j = 0; j < s->workers[i].top.n; j++)
            vector_top_offer(&all, s->workers[i].top.hits[j].address, s->workers[i].top.hits[j].distance);
    vector_top_sort(&all);
    *n_hits = all.n;
    return LANCELET_OK;
}

lancelet_status lancelet_table_search(const lancelet_table *table, const float *query, size_t dim,
                                      const lancelet_search_options *options, lancelet_hit *hits,
                                      size_t *n_hits, lancelet_error *err)
{
    lancelet_search_options o = LANCELET_SEARCH_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    if (o.k == 0 || o.threads < 0)
        return base_fail(err, LANCELET_INVALID, "a search for %zu rows with %d threads makes no sense", o.k,
                         o.threads);
    if (o.metric != LANCELET_COSINE && o.metric != LANCELET_L2 && o.metric != LANCELET_DOT)
        return base_fail(err, LANCELET_INVALID, "there is no metric number %d", (int)o.metric);
    search s = {.table = table, .dim = dim, .query = query, .metric = o.metric, .cancel = o.cancel};
    lancelet_status status = find_column(&s, o.column, err);
    if (status == LANCELET_OK)
        status = run(&s, &o, hits, n_hits, err);
    for (size_t i = 0; i < s.n_workers; i++) {
        base_free(s.workers[i].top.hits);
        base_free(s.workers[i].distances);
        base_free(s.workers[i].converted);
    }
    base_free(s.workers);
    base_free(s.first_slice);
    return status;
}
