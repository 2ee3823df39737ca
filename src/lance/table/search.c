/* search.c - exact nearest rows: every live row of the vector column is measured, or with a condition every row that meets
 * it, which is found out first.
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
#include "lance/table/rows.h"
#include "lance/vector/vector.h"

enum {
    SLICE_FLOATS = 1 << 18, /* 1 MiB: stays in a core's cache while it is converted and measured */
    TAKE_SHARE = 8,         /* of a slice's rows: when fewer than this part is wanted, only those are decoded */
};

/* 10^12 rows of 384 numbers: what claims more is a file made to keep us busy. */
#define MOST_SLICES        UINT32_MAX
#define FLOATS_FOR_THREADS ((uint64_t)4 << 20) /* fewer: starting threads costs more than it gains */

typedef struct worker {
    vector_top top;
    float *distances; /* [slice_rows] */
    float *converted; /* [slice_rows, dim], made when needed */
    uint64_t *rows;   /* [slice_rows] of a slice that are wanted */
    lancelet_status status;
    lancelet_error error;
} worker;

typedef struct search {
    const lancelet_table *table;
    size_t column, slice_rows;
    vector_query query;
    table_selection selected; /* by the condition */
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
    if (dim != s->query.dim)
        return base_fail(err, LANCELET_INVALID, "the query has %zu dimensions, the column '%s' of %s has %zu",
                         s->query.dim, all->children[s->column]->name, s->table->path, dim);
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
    size_t dim = s->query.dim, start = (size_t)a->offset * dim; /* of the first row among the items */
    if (format == 'f') {
        const float *values = items->buffers[1];
        vector_distances(&s->query, values + (size_t)items->offset + start, rows, w->distances);
    } else {
        if (!w->converted) {
            size_t n;
            w->converted = base_mul_size(s->slice_rows, dim, &n) ? base_alloc_array(n, sizeof(float)) : NULL;
            if (!w->converted)
                return base_fail_memory(err);
        }
        for (size_t i = 0; i < rows * dim; i++)
            w->converted[i] = item_at(items, format, start + i);
        vector_distances(&s->query, w->converted, rows, w->distances);
    }
    for (size_t r = 0; r < rows; r++)
        if (arrow_is_null(a, (int64_t)r) || has_null_item(items, start + r * dim, dim))
            w->distances[r] = NAN;
    return LANCELET_OK;
}

/* A fragment while it is searched. */
typedef struct place {
    size_t fragment;
    uint64_t address; /* of its row 0 */
    lance_file *file;
    uint32_t file_column;
} place;

static void offer(worker *w, const place *at, const uint64_t *rows, const float *distances, size_t n)
{
    for (size_t i = 0; i < n; i++)
        vector_top_offer(&w->top, at->address | rows[i], distances[i]);
}

/* Wanted rows [n] that are there as a matrix of the rows from `first` on: runs of rows side by side are measured at once. */
static void measure_matrix(search *s, worker *w, const place *at, const float *matrix, uint64_t first,
                           const uint64_t *rows, size_t n)
{
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && rows[end] == rows[i] + (end - i);)
            end++;
        vector_distances(&s->query, matrix + (size_t)(rows[i] - first) * s->query.dim, end - i, w->distances);
        offer(w, at, rows + i, w->distances, end - i);
    }
}

/* Wanted rows [n] by way of arrays: in one stretch with what lies between them, or they alone when they are few. */
static lancelet_status measure_decoded(search *s, worker *w, const place *at, const uint64_t *rows, size_t n,
                                       lancelet_error *err)
{
    const struct ArrowSchema *type = s->table->schema.children[s->column];
    uint64_t stretch = rows[n - 1] - rows[0] + 1;
    bool few = n < stretch / TAKE_SHARE;
    struct ArrowArray a;
    if (few)
        RETURN_IF_ERROR(lance_file_take(at->file, &at->file_column, type, rows, n, &a, err));
    else
        RETURN_IF_ERROR(lance_file_read(at->file, &at->file_column, type, rows[0], stretch, &a, err));
    lancelet_status status = measure_array(s, w, &a, few ? n : (size_t)stretch, err);
    arrow_array_release(&a);
    if (status == LANCELET_OK && few)
        offer(w, at, rows, w->distances, n);
    else if (status == LANCELET_OK)
        for (size_t i = 0; i < n; i++)
            vector_top_offer(&w->top, at->address | rows[i], w->distances[rows[i] - rows[0]]);
    return status;
}

/* The first rows of `rows` [n], as many as lie in one page: *done says. */
static lancelet_status measure(search *s, worker *w, const place *at, const uint64_t *rows, size_t n, size_t *done,
                               lancelet_error *err)
{
    const struct ArrowSchema *type = s->table->schema.children[s->column];
    *done = n;
    if (type->children[0]->format[0] == 'f') {
        const float *matrix;
        uint64_t count;
        lancelet_status status =
            lance_file_vectors(at->file, at->file_column, s->query.dim, rows[0], &matrix, &count, err);
        if (status == LANCELET_OK && count) {
            while (rows[*done - 1] - rows[0] >= count)
                --*done;
            measure_matrix(s, w, at, matrix, rows[0], rows, *done);
            return LANCELET_OK;
        }
        if (status != LANCELET_OK && status != LANCELET_UNSUPPORTED)
            return status;
    }
    return measure_decoded(s, w, at, rows, n, err);
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

/* Rows first..end-1 of a fragment that are to be measured. */
static lancelet_status wanted_rows(const search *s, worker *w, size_t fragment, uint64_t first, uint64_t end, size_t *n,
                                   lancelet_error *err)
{
    *n = 0;
    if (s->selected.fragment) {
        const table_bitmap *selected = s->selected.fragment[fragment];
        for (uint64_t row = first; selected && row < end; row++)
            if (table_bitmap_get(selected, row))
                w->rows[(*n)++] = row;
        return LANCELET_OK;
    }
    const table_bitmap *deleted;
    RETURN_IF_ERROR(table_deletions(s->table, fragment, &deleted, err));
    *n = table_next_rows(deleted, &first, end, (size_t)(end - first), w->rows);
    return LANCELET_OK;
}

static lancelet_status search_slice(search *s, worker *w, size_t slice, lancelet_error *err)
{
    if (base_cancelled(s->cancel))
        return base_fail_cancelled(err);
    place at = {.fragment = fragment_of(s, slice)};
    const table_fragment *f = &s->table->manifest.fragments[at.fragment];
    uint64_t first = (uint64_t)(slice - s->first_slice[at.fragment]) * s->slice_rows, end = first + s->slice_rows;
    if (end > f->physical_rows)
        end = f->physical_rows;
    size_t n, done;
    RETURN_IF_ERROR(wanted_rows(s, w, at.fragment, first, end, &n, err));
    if (n == 0)
        return LANCELET_OK;
    at.address = f->id << 32;
    RETURN_IF_ERROR(table_locate(s->table, at.fragment, s->column, &at.file, &at.file_column, err));
    if (!at.file) /* the column came later: null in this fragment */
        return LANCELET_OK;
    for (size_t i = 0; i < n; i += done)
        RETURN_IF_ERROR(measure(s, w, &at, w->rows + i, n - i, &done, err));
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
    s->slice_rows = SLICE_FLOATS / s->query.dim ? SLICE_FLOATS / s->query.dim : 1;
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
    uint64_t wanted = s->selected.fragment ? s->selected.rows : table_live_rows(&s->table->manifest);
    if (k > wanted)
        k = (size_t)wanted;
    s->workers = base_calloc(n, sizeof *s->workers);
    if (!s->workers)
        return base_fail_memory(err);
    s->n_workers = n;
    for (size_t i = 0; i < n; i++) {
        worker *w = &s->workers[i];
        w->top = (vector_top){.hits = base_alloc_array(k + 1, sizeof(lancelet_hit)), .k = k};
        w->distances = base_alloc_array(s->slice_rows, sizeof(float));
        w->rows = base_alloc_array(s->slice_rows, sizeof *w->rows);
        if (!w->top.hits || !w->distances || !w->rows)
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

static lancelet_status run(search *s, const lancelet_search_options *options, lancelet_hit *hits,
                           size_t *n_hits, lancelet_error *err)
{
    RETURN_IF_ERROR(cut(s, err));
    if (options->condition)
        RETURN_IF_ERROR(table_select(s->table, options->condition, s->cancel, &s->selected, err));
    const table_manifest *m = &s->table->manifest;
    size_t n_slices = s->first_slice[m->n_fragments];
    uint64_t rows = 0;
    for (size_t f = 0; f < m->n_fragments; f++)
        rows += m->fragments[f].physical_rows;
    base_pool *pool = NULL;
    if (options->threads != 1 && n_slices > 1 && rows > FLOATS_FOR_THREADS / s->query.dim)
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
    search s = {.table = table, .query = vector_query_of(o.metric, query, dim), .cancel = o.cancel};
    lancelet_status status = find_column(&s, o.column, err);
    if (status == LANCELET_OK)
        status = run(&s, &o, hits, n_hits, err);
    for (size_t i = 0; i < s.n_workers; i++) {
        base_free(s.workers[i].top.hits);
        base_free(s.workers[i].distances);
        base_free(s.workers[i].converted);
        base_free(s.workers[i].rows);
    }
    table_selection_free(table, &s.selected);
    base_free(s.workers);
    base_free(s.first_slice);
    return status;
}
