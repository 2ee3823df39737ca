/* read.c - rows of a column: a run of them, some by number, or vectors as they lie in the file. Each page that holds
 * wanted rows is opened once and decodes what its rows need. Rows taken in any order are read once each in ascending
 * order and then put where they are wanted. */
#include "lance/file/page.h"

#include <stdlib.h>

static lancelet_status find_column(const lance_file *f, uint32_t column, uint64_t end,
                                   const lance_column **out, lancelet_error *err)
{
    if (column >= f->n_columns)
        return base_fail(err, LANCELET_CORRUPT, "the file has %u columns, column %u is asked for",
                         f->n_columns, column);
    const lance_column *c = &f->columns[column];
    if (c->rows != f->rows)
        return base_fail(err, LANCELET_CORRUPT, "column %u holds another number of rows than the file",
                         column);
    if (end > f->rows)
        return base_fail(err, LANCELET_INVALID, "the file has %llu rows, row %llu is asked for",
                         (unsigned long long)f->rows, (unsigned long long)(end - 1));
    *out = c;
    return LANCELET_OK;
}

/* Strings may refer to the same bytes many times (a dictionary) or be compressed, so that a small file made for it could
 * fill any memory. Real ones unfold far less than this. */
static uint64_t bytes_limit(const lance_file *f)
{
    uint64_t limit;
    if (!base_mul_u64(f->bytes.size, 64, &limit) || !base_add_u64(limit, (uint64_t)256 << 20, &limit))
        return UINT64_MAX;
    return limit;
}

/* The page that holds a row which is there. */
static size_t find_page(const lance_column *c, uint64_t row)
{
    size_t low = 0, high = c->n_pages;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (c->pages[middle].first_row <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static lancelet_status read_page(const lance_file *f, const lance_page *page, const lance_range *ranges,
                                 size_t n, lance_sink *sink, lancelet_error *err)
{
    lance_page_view view;
    RETURN_IF_ERROR(lance_page_open(f, page, &view, err));
    switch (view.layout) {
    case LANCE_LAYOUT_MINIBLOCK:
        return lance_miniblock_read(&view, ranges, n, sink, err);
    case LANCE_LAYOUT_FULLZIP:
        return lance_fullzip_read(&view, ranges, n, sink, err);
    default:
        return lance_constant_read(&view, ranges, n, sink, err);
    }
}

static lancelet_status read_rows(const lance_file *f, const lance_column *c, uint64_t first, uint64_t count,
                                 lance_sink *sink, lancelet_error *err)
{
    for (size_t p = find_page(c, first); count > 0; p++) {
        const lance_page *page = &c->pages[p];
        uint64_t skip = first - page->first_row;
        lance_range range = {skip, lance_min(count, page->rows - skip)};
        RETURN_IF_ERROR(read_page(f, page, &range, 1, sink, err));
        first += range.count;
        count -= range.count;
    }
    return LANCELET_OK;
}

lancelet_status lance_file_read(lance_file *f, const uint32_t *columns, const struct ArrowSchema *schema,
                                uint64_t first, uint64_t count, struct ArrowArray *out, lancelet_error *err)
{
    const lance_column *c;
    lance_type type;
    uint64_t end;
    memset(out, 0, sizeof *out);
    if (!base_add_u64(first, count, &end))
        end = UINT64_MAX;
    RETURN_IF_ERROR(find_column(f, columns[0], end, &c, err));
    RETURN_IF_ERROR(lance_type_of(schema, &type, err));
    if (type.kind == LANCE_LIST && count > 0) {
        const lance_page *page = &c->pages[find_page(c, first)];
        lance_page_view view;
        uint64_t skip = first - page->first_row;
        if (count <= page->rows - skip) {
            RETURN_IF_ERROR(lance_page_open(f, page, &view, err));
            const uint8_t *matrix = lance_fullzip_matrix(&view, &type);
            if (matrix)
                return lance_array_borrow(f, &type, matrix + skip * type.width, count, out, err);
        }
    }
    lance_sink sink;
    RETURN_IF_ERROR(lance_sink_open(&sink, &type, count, err));
    sink.bytes_limit = bytes_limit(f);
    lancelet_status status = read_rows(f, c, first, count, &sink, err);
    if (status == LANCELET_OK)
        return lance_sink_finish(&sink, out, err);
    lance_sink_free(&sink);
    return status;
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

/* Reads the distinct rows of w [n] (sorted) into the sink; pick[w.at] is then a row's place in it. */
static lancelet_status read_wanted(const lance_file *f, const lance_column *c, const wanted *w, size_t n,
                                   lance_range *ranges, uint64_t *pick, lance_sink *sink, lancelet_error *err)
{
    uint64_t place = 0;
    for (size_t i = 0; i < n;) {
        const lance_page *page = &c->pages[find_page(c, w[i].row)];
        size_t k = 0;
        for (; i < n && w[i].row - page->first_row < page->rows; i++) {
            uint64_t row = w[i].row - page->first_row;
            if (k > 0 && ranges[k - 1].first + ranges[k - 1].count == row + 1) {
                pick[w[i].at] = place - 1; /* the same row again */
                continue;
            }
            if (k > 0 && ranges[k - 1].first + ranges[k - 1].count == row)
                ranges[k - 1].count++;
            else
                ranges[k++] = (lance_range){row, 1};
            pick[w[i].at] = place++;
        }
        RETURN_IF_ERROR(read_page(f, page, ranges, k, sink, err));
    }
    return LANCELET_OK;
}

static bool ascending(const uint64_t *pick, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (pick[i] != i)
            return false;
    return true;
}

static lancelet_status take_sorted(const lance_file *f, const lance_column *c, const lance_type *type,
                                   wanted *w, size_t n, lance_range *ranges, uint64_t *pick,
                                   struct ArrowArray *out, lancelet_error *err)
{
    lance_sink read, put = {0};
    RETURN_IF_ERROR(lance_sink_open(&read, type, n, err));
    read.bytes_limit = bytes_limit(f);
    lancelet_status status = read_wanted(f, c, w, n, ranges, pick, &read, err);
    if (status == LANCELET_OK) {
        if (ascending(pick, n) && read.length == n)
            return lance_sink_finish(&read, out, err);
        status = lance_sink_gather(&read, pick, n, &put, err);
    }
    lance_sink_free(&read);
    if (status == LANCELET_OK)
        return lance_sink_finish(&put, out, err);
    lance_sink_free(&put);
    return status;
}

lancelet_status lance_file_take(lance_file *f, const uint32_t *columns, const struct ArrowSchema *schema,
                                const uint64_t *rows, size_t n, struct ArrowArray *out, lancelet_error *err)
{
    const lance_column *c;
    lance_type type;
    memset(out, 0, sizeof *out);
    RETURN_IF_ERROR(find_column(f, columns[0], 0, &c, err));
    RETURN_IF_ERROR(lance_type_of(schema, &type, err));
    for (size_t i = 0; i < n; i++)
        if (rows[i] >= f->rows)
            return base_fail(err, LANCELET_INVALID, "the file has %llu rows, row %llu is asked for",
                             (unsigned long long)f->rows, (unsigned long long)rows[i]);
    wanted *w = base_alloc_array(n ? n : 1, sizeof *w);
    lance_range *ranges = base_alloc_array(n ? n : 1, sizeof *ranges);
    uint64_t *pick = base_alloc_array(n ? n : 1, sizeof *pick);
    lancelet_status status;
    if (!w || !ranges || !pick) {
        status = base_fail_memory(err);
    } else {
        for (size_t i = 0; i < n; i++)
            w[i] = (wanted){rows[i], i};
        qsort(w, n, sizeof *w, by_row);
        status = take_sorted(f, c, &type, w, n, ranges, pick, out, err);
    }
    base_free(w);
    base_free(ranges);
    base_free(pick);
    return status;
}

/* ---- vectors in place ---- */

lancelet_status lance_file_vectors(lance_file *f, uint32_t column, size_t dim, uint64_t first,
                                   const float **matrix, uint64_t *count, lancelet_error *err)
{
    const lance_column *c;
    lance_type type = {.kind = LANCE_LIST, .item_bits = 32, .items = dim};
    lance_page_view view;
    *matrix = NULL;
    *count = 0;
    if (!base_mul_size(dim, sizeof(float), &type.width) || dim == 0)
        return base_fail(err, LANCELET_INVALID, "vectors of %zu numbers make no sense", dim);
    RETURN_IF_ERROR(find_column(f, column, first, &c, err));
    if (first == f->rows)
        return LANCELET_OK;
    const lance_page *page = &c->pages[find_page(c, first)];
    RETURN_IF_ERROR(lance_page_open(f, page, &view, err));
    const uint8_t *bytes = lance_fullzip_matrix(&view, &type);
    if (!bytes)
        return base_fail(err, LANCELET_UNSUPPORTED, "the vectors do not lie in the file as a plain matrix");
    uint64_t skip = first - page->first_row;
    *matrix = (const float *)(const void *)(bytes + skip * type.width);
    *count = page->rows - skip;
    return LANCELET_OK;
}
