/* read.c - rows of a column: a run of them, some by number, or vectors as they lie in the file. Each page that holds
 * wanted rows is opened once and decodes what its rows need. Rows taken in any order are read once each in ascending
 * order and then put where they are wanted. */
#include "lance/file/v20.h"

#include <stdlib.h>

/* The column of a leaf whose rows take `factor` values each. */
static lancelet_status find_column(const lance_file *f, uint32_t column, uint64_t factor, const lance_column **out,
                                   lancelet_error *err)
{
    uint64_t values;
    RETURN_IF_ERROR(lance_file_column(f, column, out, err));
    if (!base_mul_u64(f->rows, factor, &values) || (*out)->rows != values)
        return base_fail(err, LANCELET_CORRUPT, "column %u holds another number of rows than the file",
                         column);
    return LANCELET_OK;
}

static lancelet_status read_page(const lance_file *f, const lance_page *page, const lance_range *ranges,
                                 size_t n, lance_sink *sink, lancelet_error *err)
{
    lance_page_view view;
    RETURN_IF_ERROR(lance_page_open(f, page, sink->path, &view, err));
    switch (view.layout) {
    case LANCE_LAYOUT_MINIBLOCK:
        return lance_miniblock_read(&view, ranges, n, sink, err);
    case LANCE_LAYOUT_FULLZIP:
        return lance_fullzip_read(&view, ranges, n, sink, err);
    default:
        return lance_constant_read(&view, ranges, n, sink, err);
    }
}

static lancelet_status read_run(const lance_file *f, const lance_column *c, uint64_t first, uint64_t count,
                                lance_sink *sink, lancelet_error *err)
{
    for (size_t p = lance_column_page(c, first); count > 0; p++) {
        const lance_page *page = &c->pages[p];
        uint64_t skip = first - page->first_row;
        lance_range range = {skip, lance_min(count, page->rows - skip)};
        RETURN_IF_ERROR(read_page(f, page, &range, 1, sink, err));
        first += range.count;
        count -= range.count;
    }
    return LANCELET_OK;
}

/* Rows by number, ascending, each taking `factor` values that may lie in two pages. */
static lancelet_status read_sorted(const lance_request *r, const lance_column *c, uint64_t factor,
                                   lance_range *ranges, lance_sink *sink, lancelet_error *err)
{
    uint64_t done = 0; /* values of row i that are read */
    for (size_t i = 0; i < r->n_sorted;) {
        const lance_page *page = &c->pages[lance_column_page(c, r->sorted[i] * factor + done)];
        uint64_t page_end = page->first_row + page->rows;
        size_t k = 0;
        for (; i < r->n_sorted; i++, done = 0) {
            uint64_t from = r->sorted[i] * factor + done, end = r->sorted[i] * factor + factor;
            if (from >= page_end)
                break;
            uint64_t first = from - page->first_row, count = lance_min(end, page_end) - from;
            if (k > 0 && ranges[k - 1].first + ranges[k - 1].count == first)
                ranges[k - 1].count += count;
            else
                ranges[k++] = (lance_range){first, count};
            if (end > page_end) {
                done += count;
                break;
            }
        }
        RETURN_IF_ERROR(read_page(r->file, page, ranges, k, sink, err));
    }
    return LANCELET_OK;
}

static lancelet_status read_leaf(const lance_request *r, const lance_column *c, lance_sink *sink, lancelet_error *err)
{
    uint64_t factor = sink->path->factor;
    if (!r->sorted)
        return read_run(r->file, c, r->first * factor, r->count * factor, sink, err);
    lance_range *ranges = base_alloc_array(r->n_sorted + 1, sizeof *ranges);
    if (!ranges)
        return base_fail_memory(err);
    lancelet_status status = read_sorted(r, c, factor, ranges, sink, err);
    base_free(ranges);
    return status;
}

lancelet_status lance_leaf_read(const lance_request *r, uint32_t column, const lance_type *type,
                                const lance_nesting *path, lance_sink *out, lancelet_error *err)
{
    const lance_column *c;
    lance_sink read;
    uint64_t rows = r->sorted ? r->n_sorted : r->count, capacity;
    memset(out, 0, sizeof *out);
    RETURN_IF_ERROR(find_column(r->file, column, path->factor, &c, err));
    if (!base_mul_u64(rows, path->factor, &capacity))
        capacity = UINT64_MAX;
    RETURN_IF_ERROR(lance_sink_open(&read, type, path->n_lists > 0 ? 0 : capacity,
                                    lance_file_unfold_limit(r->file), err));
    read.path = path;
    lancelet_status status = read_leaf(r, c, &read, err);
    if (status == LANCELET_OK && !r->pick) {
        *out = read;
        return LANCELET_OK;
    }
    if (status == LANCELET_OK)
        status = lance_sink_gather(&read, rows, r->pick, r->count, out, err);
    lance_sink_free(&read);
    if (status != LANCELET_OK)
        lance_sink_free(out);
    return status;
}

lancelet_status lance_leaf_borrow(const lance_request *r, uint32_t column, const lance_type *type,
                                  const lance_nesting *path, struct ArrowArray *out, lancelet_error *err)
{
    const lance_column *c;
    lance_page_view view;
    if (r->sorted || r->count == 0 || type->packed)
        return LANCELET_OK;
    RETURN_IF_ERROR(find_column(r->file, column, path->factor, &c, err));
    const lance_page *page = &c->pages[lance_column_page(c, r->first)];
    uint64_t skip = r->first - page->first_row;
    if (r->count > page->rows - skip)
        return LANCELET_OK;
    RETURN_IF_ERROR(lance_page_open(r->file, page, path, &view, err));
    const uint8_t *matrix = lance_fullzip_matrix(&view, type);
    if (!matrix)
        return LANCELET_OK;
    base_count_read(r->count * type->width);
    return lance_array_borrow(r->file, type, matrix + skip * type->width, r->count, out, err);
}

static lancelet_status no_such_row(const lance_file *f, uint64_t row, lancelet_error *err)
{
    return base_fail(err, LANCELET_INVALID, "the file has %llu rows, row %llu is asked for",
                     (unsigned long long)f->rows, (unsigned long long)row);
}

lancelet_status lance_file_read(lance_file *f, const uint32_t *columns, const struct ArrowSchema *schema,
                                uint64_t first, uint64_t count, struct ArrowArray *out, lancelet_error *err)
{
    lance_request r = {.file = f, .first = first, .count = count};
    memset(out, 0, sizeof *out);
    if (first > f->rows || count > f->rows - first)
        return no_such_row(f, first > f->rows ? first : f->rows, err);
    RETURN_IF_ERROR(lance_check_fields(schema, err));
    return f->minor == 0 ? lance_v20_read(&r, columns, schema, out, err)
                         : lance_nested_read(&r, columns, schema, out, err);
}

/* ---- rows by number ---- */

typedef struct wanted {
    uint64_t row;
    size_t at; /* where in the result */
} wanted;

static int by_row(const void *a, const void *b)
{
    const wanted *x = a, *y = b;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* The distinct rows in order, and for each wanted one which of them it is. */
static void sort_rows(lance_request *r, wanted *w, size_t n, uint64_t *sorted, uint64_t *pick)
{
    bool ascending = true;
    qsort(w, n, sizeof *w, by_row);
    r->n_sorted = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || w[i].row != w[i - 1].row)
            sorted[r->n_sorted++] = w[i].row;
        pick[w[i].at] = r->n_sorted - 1;
    }
    for (size_t i = 0; i < n; i++)
        ascending = ascending && pick[i] == i;
    r->sorted = sorted;
    r->pick = ascending ? NULL : pick;
}

lancelet_status lance_file_take(lance_file *f, const uint32_t *columns, const struct ArrowSchema *schema,
                                const uint64_t *rows, size_t n, struct ArrowArray *out, lancelet_error *err)
{
    lance_request r = {.file = f, .count = n};
    lancelet_status status;
    memset(out, 0, sizeof *out);
    RETURN_IF_ERROR(lance_check_fields(schema, err));
    for (size_t i = 0; i < n; i++)
        if (rows[i] >= f->rows)
            return no_such_row(f, rows[i], err);
    wanted *w = base_alloc_array(n ? n : 1, sizeof *w);
    uint64_t *sorted = base_alloc_array(n ? n : 1, sizeof *sorted);
    uint64_t *pick = base_alloc_array(n ? n : 1, sizeof *pick);
    if (!w || !sorted || !pick) {
        status = base_fail_memory(err);
    } else {
        for (size_t i = 0; i < n; i++)
            w[i] = (wanted){rows[i], i};
        sort_rows(&r, w, n, sorted, pick);
        status = f->minor == 0 ? lance_v20_read(&r, columns, schema, out, err)
                               : lance_nested_read(&r, columns, schema, out, err);
    }
    base_free(w);
    base_free(sorted);
    base_free(pick);
    return status;
}

/* ---- vectors in place ---- */

lancelet_status lance_file_vectors(lance_file *f, uint32_t column, size_t dim, uint64_t first,
                                   const float **matrix, uint64_t *count, lancelet_error *err)
{
    const lance_column *c;
    const lance_nesting path = {.n = 1, .null_level = {1}, .visible = 1, .factor = 1};
    lance_type type = {.kind = LANCE_LIST, .item_bits = 32, .depth = 1, .size = {dim}, .items = dim};
    lance_page_view view;
    *matrix = NULL;
    *count = 0;
    if (!base_mul_size(dim, sizeof(float), &type.width) || dim == 0)
        return base_fail(err, LANCELET_INVALID, "vectors of %zu numbers make no sense", dim);
    if (first > f->rows)
        return no_such_row(f, first, err);
    RETURN_IF_ERROR(find_column(f, column, 1, &c, err));
    if (first == f->rows)
        return LANCELET_OK;
    const lance_page *page = &c->pages[lance_column_page(c, first)];
    const uint8_t *bytes;
    if (f->minor == 0) {
        RETURN_IF_ERROR(lance_v20_matrix(f, page, &type, &bytes, err));
    } else {
        RETURN_IF_ERROR(lance_page_open(f, page, &path, &view, err));
        bytes = lance_fullzip_matrix(&view, &type);
    }
    if (!bytes)
        return base_fail(err, LANCELET_UNSUPPORTED, "the vectors do not lie in the file as a plain matrix");
    uint64_t skip = first - page->first_row;
    *matrix = (const float *)(const void *)(bytes + skip * type.width);
    *count = page->rows - skip;
    return LANCELET_OK;
}
