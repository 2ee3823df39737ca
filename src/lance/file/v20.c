/* v20.c - columns of files of version 2.0 (which call themselves 0.3): from the columns of a field and its children to
 * an Arrow array. Every field has a column here: a list's holds the ends of its lists, a struct's is an empty header or
 * holds the whole packed struct; 2.0 knows no null structs. What is read of a column is a sequence of runs of its rows,
 * from the runs of rows that are asked for down to the runs of items that their lists refer to.
 * Source: protos/encodings_v2_0.proto of the Lance project (List for the ends) and files that its writers made. */
#include <stdlib.h>

#include "lance/file/v20.h"

enum { DEEPEST = 32 /* fields in one another */ };

typedef struct reading {
    lance_file *file;
    int depth;
} reading;

/* Runs of a column's rows, in the order in which they are wanted. */
typedef struct runs {
    const lance_range *range; /* [n], none empty */
    size_t n;
    uint64_t rows; /* the sum */
} runs;

static lancelet_status read_field(const reading *r, const uint32_t *columns, const struct ArrowSchema *schema,
                                  const runs *wanted, struct ArrowArray *out, lancelet_error *err);

static bool push(base_buffer *b, uint64_t first, uint64_t count)
{
    lance_range *last = b->size ? (lance_range *)(void *)(b->data + b->size - sizeof(lance_range)) : NULL;
    if (last && last->first + last->count == first) {
        last->count += count;
        return true;
    }
    lance_range fresh = {first, count};
    return base_buffer_append(b, &fresh, sizeof fresh);
}

static lancelet_status open_column(const reading *r, uint32_t index, const runs *wanted, const lance_column **out,
                                   lancelet_error *err)
{
    RETURN_IF_ERROR(lance_file_column(r->file, index, out, err));
    if ((*out)->blobs)
        return base_fail(err, LANCELET_UNSUPPORTED, "blobs (the blob type of Lance) are not read");
    for (size_t i = 0; i < wanted->n; i++)
        if (!base_range_ok(wanted->range[i].first, wanted->range[i].count, (*out)->rows))
            return base_fail(err, LANCELET_CORRUPT, "column %u holds fewer rows than the column it belongs to", index);
    return LANCELET_OK;
}

/* ---- page by page ---- */

/* Called with runs of one page, counted from its first row. */
typedef lancelet_status (*page_visit)(void *arg, size_t page, const lance_range *ranges, size_t n, lancelet_error *err);

static lancelet_status visit_collected(page_visit visit, void *arg, size_t page, base_buffer *ranges,
                                       lancelet_error *err)
{
    size_t n = ranges->size / sizeof(lance_range);
    lancelet_status status =
        n > 0 ? visit(arg, page, (const lance_range *)(const void *)ranges->data, n, err) : LANCELET_OK;
    ranges->size = 0;
    return status;
}

static lancelet_status each_page(const lance_column *c, const runs *wanted, page_visit visit, void *arg,
                                 lancelet_error *err)
{
    base_buffer ranges = {0};
    size_t page = 0;
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < wanted->n && status == LANCELET_OK; i++) {
        uint64_t first = wanted->range[i].first, left = wanted->range[i].count;
        while (left > 0 && status == LANCELET_OK) {
            const lance_page *p = &c->pages[page];
            if (first < p->first_row || first - p->first_row >= p->rows) {
                status = visit_collected(visit, arg, page, &ranges, err);
                page = lance_column_page(c, first);
                p = &c->pages[page];
            }
            uint64_t skip = first - p->first_row, count = lance_min(left, p->rows - skip);
            if (status == LANCELET_OK && !push(&ranges, skip, count))
                status = base_fail_memory(err);
            first += count;
            left -= count;
        }
    }
    if (status == LANCELET_OK)
        status = visit_collected(visit, arg, page, &ranges, err);
    base_buffer_free(&ranges);
    return status;
}

/* ---- values ---- */

typedef struct leaf_reading {
    const lance_file *file;
    const lance_column *column;
    bool is_dictionary;
    lance_sink *sinks; /* [n]: one, or those of the fields of a packed struct */
    size_t n;
    bool packed;
} leaf_reading;

static lancelet_status visit_leaf(void *arg, size_t page, const lance_range *ranges, size_t n, lancelet_error *err)
{
    leaf_reading *l = arg;
    lance_v20_page view;
    RETURN_IF_ERROR(lance_v20_page_open(l->file, &l->column->pages[page], &view, err));
    return l->packed ? lance_v20_decode_packed(&view, ranges, n, l->sinks, l->n, err)
                     : lance_v20_decode(&view, l->is_dictionary, ranges, n, l->sinks, err);
}

typedef struct placed {
    lance_range range;
    size_t at;     /* among the runs as they are wanted */
    uint64_t from; /* its first row among the rows as they are read */
} placed;

static int by_first(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    return (x->range.first > y->range.first) - (x->range.first < y->range.first);
}

static int by_place(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static bool jumps_back(const lance_column *c, const runs *wanted)
{
    if (c->n_pages < 2)
        return false;
    for (size_t i = 1; i < wanted->n; i++)
        if (wanted->range[i].first < wanted->range[i - 1].first)
            return true;
    return false;
}

/* Runs that jump between pages are read in the column's order, so that no page is opened twice, and then put in
 * theirs. */
static lancelet_status read_sorted(leaf_reading *l, const runs *wanted, placed *order, lance_range *sorted,
                                   uint64_t *pick, lancelet_error *err)
{
    uint64_t from = 0, place = 0;
    for (size_t i = 0; i < wanted->n; i++)
        order[i] = (placed){wanted->range[i], i, 0};
    qsort(order, wanted->n, sizeof *order, by_first);
    for (size_t i = 0; i < wanted->n; i++) {
        sorted[i] = order[i].range;
        order[i].from = from;
        from += sorted[i].count;
    }
    qsort(order, wanted->n, sizeof *order, by_place);
    for (size_t i = 0; i < wanted->n; i++)
        for (uint64_t k = 0; k < order[i].range.count; k++)
            pick[place++] = order[i].from + k;
    runs ascending = {sorted, wanted->n, wanted->rows};
    RETURN_IF_ERROR(each_page(l->column, &ascending, visit_leaf, l, err));
    for (size_t i = 0; i < l->n; i++) {
        lance_sink put = {0};
        lancelet_status status = lance_sink_gather(&l->sinks[i], wanted->rows, pick, wanted->rows, &put, err);
        lance_sink_free(&l->sinks[i]);
        l->sinks[i] = put;
        RETURN_IF_ERROR(status);
    }
    return LANCELET_OK;
}

static lancelet_status read_rows(leaf_reading *l, const runs *wanted, lancelet_error *err)
{
    if (!jumps_back(l->column, wanted))
        return each_page(l->column, wanted, visit_leaf, l, err);
    placed *order = base_alloc_array(wanted->n, sizeof *order);
    lance_range *sorted = base_alloc_array(wanted->n, sizeof *sorted);
    uint64_t *pick = base_alloc_array((size_t)wanted->rows, sizeof *pick);
    lancelet_status status =
        order && sorted && pick ? read_sorted(l, wanted, order, sorted, pick, err) : base_fail_memory(err);
    base_free(order);
    base_free(sorted);
    base_free(pick);
    return status;
}

static lancelet_status open_sink(const reading *r, const struct ArrowSchema *schema, uint64_t rows, lance_sink *out,
                                 lancelet_error *err)
{
    lance_type type;
    RETURN_IF_ERROR(lance_type_of(schema, &type, err));
    return lance_sink_open(out, &type, rows, lance_file_unfold_limit(r->file), err);
}

static lancelet_status read_leaf(const reading *r, uint32_t column, const struct ArrowSchema *schema,
                                 const runs *wanted, struct ArrowArray *out, lancelet_error *err)
{
    const lance_column *c;
    lance_sink sink = {0};
    RETURN_IF_ERROR(open_column(r, column, wanted, &c, err));
    lancelet_status status = open_sink(r, schema, wanted->rows, &sink, err);
    leaf_reading l = {r->file, c, schema->dictionary != NULL, &sink, 1, false};
    if (status == LANCELET_OK)
        status = read_rows(&l, wanted, err);
    if (status == LANCELET_OK)
        status = lance_sink_finish(&sink, schema, out, err);
    lance_sink_free(&sink);
    return status;
}

/* ---- structs ---- */

static void release_all(struct ArrowArray *children, size_t n)
{
    for (size_t i = 0; i < n; i++)
        arrow_array_release(&children[i]);
}

static lancelet_status finish_packed(lance_sink *sinks, const struct ArrowSchema *schema, uint64_t rows,
                                     struct ArrowArray *children, struct ArrowArray *out, lancelet_error *err)
{
    size_t n = (size_t)schema->n_children, done = 0;
    lancelet_status status = LANCELET_OK;
    for (; done < n && status == LANCELET_OK; done += status == LANCELET_OK)
        status = lance_sink_finish(&sinks[done], schema->children[done], &children[done], err);
    if (status == LANCELET_OK)
        return lance_array_struct(rows, NULL, 0, children, n, out, err);
    release_all(children, done);
    return status;
}

static lancelet_status read_packed(const reading *r, const lance_column *c, const struct ArrowSchema *schema,
                                   const runs *wanted, struct ArrowArray *children, struct ArrowArray *out,
                                   lancelet_error *err)
{
    size_t n = (size_t)schema->n_children;
    lance_sink *sinks = base_calloc(n + 1, sizeof *sinks);
    if (!sinks)
        return base_fail_memory(err);
    leaf_reading l = {r->file, c, false, sinks, n, true};
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < n && status == LANCELET_OK; i++)
        status = open_sink(r, schema->children[i], wanted->rows, &sinks[i], err);
    if (status == LANCELET_OK)
        status = read_rows(&l, wanted, err);
    if (status == LANCELET_OK)
        status = finish_packed(sinks, schema, wanted->rows, children, out, err);
    for (size_t i = 0; i < n; i++)
        lance_sink_free(&sinks[i]);
    base_free(sinks);
    return status;
}

static lancelet_status read_children(const reading *r, const uint32_t *columns, const struct ArrowSchema *schema,
                                     const runs *wanted, struct ArrowArray *children, struct ArrowArray *out,
                                     lancelet_error *err)
{
    size_t n = (size_t)schema->n_children, done = 0;
    lancelet_status status = LANCELET_OK;
    columns++;
    for (; done < n && status == LANCELET_OK; done += status == LANCELET_OK) {
        status = read_field(r, columns, schema->children[done], wanted, &children[done], err);
        columns += lance_field_count(schema->children[done]);
    }
    if (status == LANCELET_OK)
        return lance_array_struct(wanted->rows, NULL, 0, children, n, out, err);
    release_all(children, done);
    return status;
}

static lancelet_status read_struct(const reading *r, const uint32_t *columns, const struct ArrowSchema *schema,
                                   const runs *wanted, struct ArrowArray *out, lancelet_error *err)
{
    const lance_column *c = NULL;
    lance_v20_page first = {0};
    if (columns[0] != LANCE_NO_COLUMN)
        RETURN_IF_ERROR(open_column(r, columns[0], wanted, &c, err));
    if (c && c->n_pages > 0)
        RETURN_IF_ERROR(lance_v20_page_open(r->file, &c->pages[0], &first, err));
    if (first.encoding.kind != 0 && first.encoding.kind != LANCE_V20_STRUCT &&
        first.encoding.kind != LANCE_V20_PACKED_STRUCT)
        return lance_v20_refuse(first.encoding.kind, "a struct", err);
    struct ArrowArray *children = base_calloc((size_t)schema->n_children + 1, sizeof *children);
    if (!children)
        return base_fail_memory(err);
    lancelet_status status = first.encoding.kind == LANCE_V20_PACKED_STRUCT
                                 ? read_packed(r, c, schema, wanted, children, out, err)
                                 : read_children(r, columns, schema, wanted, children, out, err);
    base_free(children);
    return status;
}

/* ---- lists ---- */

typedef struct list_reading {
    const lance_file *file;
    const lance_column *column;
    const uint64_t *items_before; /* [pages] items of the pages before each */
    bool large;                   /* 64-bit offsets */
    uint8_t *offsets;             /* [capacity + 1] */
    uint8_t *validity;            /* bitmap [capacity], NULL until the first null */
    uint64_t capacity, length, nulls;
    uint64_t items;    /* so far */
    base_buffer wanted; /* lance_range: runs of the items' rows */
} list_reading;

static lancelet_status end_list(list_reading *l, lancelet_error *err)
{
    l->length++;
    if (l->items > (l->large ? (uint64_t)INT64_MAX : (uint64_t)INT32_MAX))
        return base_fail(err, LANCELET_LIMIT, "the rows' lists have more items than one array may hold");
    int32_t narrow = (int32_t)l->items;
    if (l->large)
        memcpy(l->offsets + 8 * l->length, &l->items, 8);
    else
        memcpy(l->offsets + 4 * l->length, &narrow, 4);
    return LANCELET_OK;
}

static lancelet_status null_list(list_reading *l, lancelet_error *err)
{
    if (!l->validity) {
        size_t n = (size_t)(l->capacity / 8 + 1);
        l->validity = base_alloc_aligned(n);
        if (!l->validity)
            return base_fail_memory(err);
        memset(l->validity, 0xff, n);
    }
    l->validity[l->length / 8] &= (uint8_t) ~(1u << l->length % 8);
    l->nulls++;
    return LANCELET_OK;
}

/* ends: u64 [rows]; a null list's has the adjustment added to it. */
static lancelet_status put_lists(list_reading *l, const uint8_t *ends, uint64_t adjustment, uint64_t n_items,
                                 uint64_t base, const lance_range *range, lancelet_error *err)
{
    uint64_t row = range->first, after = row + range->count;
    uint64_t start = row > 0 ? wire_little(ends + 8 * (row - 1), 8) % adjustment : 0;
    for (; row < after; row++) {
        uint64_t end = wire_little(ends + 8 * row, 8);
        bool null = end >= adjustment;
        end %= adjustment;
        if (end < start || end > n_items)
            return base_fail(err, LANCELET_CORRUPT, "a list's items lie outside of its page");
        if (null) {
            RETURN_IF_ERROR(null_list(l, err));
        } else if (end > start) {
            l->items += end - start;
            if (!push(&l->wanted, base + start, end - start))
                return base_fail_memory(err);
        }
        RETURN_IF_ERROR(end_list(l, err));
        start = end;
    }
    return LANCELET_OK;
}

static lancelet_status visit_lists(void *arg, size_t page, const lance_range *ranges, size_t n, lancelet_error *err)
{
    list_reading *l = arg;
    lance_v20_page view;
    base_buffer scratch = {0};
    const uint8_t *ends;
    RETURN_IF_ERROR(lance_v20_page_open(l->file, &l->column->pages[page], &view, err));
    uint64_t adjustment = wire_u64(view.encoding.body, 2, 0), n_items = wire_u64(view.encoding.body, 3, 0);
    if (adjustment == 0)
        return base_fail(err, LANCELET_CORRUPT, "a page of lists does not say what marks its nulls");
    lancelet_status status =
        lance_v20_fixed(&view, wire_bytes(view.encoding.body, 1), view.rows, 64, &scratch, &ends, err);
    for (size_t i = 0; i < n && status == LANCELET_OK; i++) {
        base_count_read(8 * ranges[i].count);
        status = put_lists(l, ends, adjustment, n_items, l->items_before[page], &ranges[i], err);
    }
    base_buffer_free(&scratch);
    return status;
}

/* The pages of the items' column follow one another as those of the lists do: each page says how many items it has. */
static lancelet_status count_items(const lance_file *f, const lance_column *c, uint64_t *items_before,
                                   lancelet_error *err)
{
    uint64_t items = 0;
    for (size_t p = 0; p < c->n_pages; p++) {
        lance_v20_page view;
        RETURN_IF_ERROR(lance_v20_page_open(f, &c->pages[p], &view, err));
        if (view.encoding.kind != LANCE_V20_LIST)
            return lance_v20_refuse(view.encoding.kind, "lists", err);
        items_before[p] = items;
        if (!base_add_u64(items, wire_u64(view.encoding.body, 3, 0), &items) || items > INT64_MAX)
            return base_fail(err, LANCELET_CORRUPT, "a column's lists claim too many items");
    }
    return LANCELET_OK;
}

static lancelet_status read_items(const reading *r, const uint32_t *columns, const struct ArrowSchema *schema,
                                  list_reading *l, struct ArrowArray *out, lancelet_error *err)
{
    runs items = {(const lance_range *)(const void *)l->wanted.data, l->wanted.size / sizeof(lance_range), l->items};
    struct ArrowArray child;
    /* A page of nulls takes no bytes, whatever number of items it claims. */
    if (l->items / 8 > lance_file_unfold_limit(r->file))
        return base_fail(err, LANCELET_LIMIT, "the rows' lists unfold to more items than the file's size allows");
    RETURN_IF_ERROR(read_field(r, columns + 1, schema->children[0], &items, &child, err));
    uint8_t *validity = l->validity, *offsets = l->offsets;
    l->validity = l->offsets = NULL;
    return lance_array_list(l->length, validity, l->nulls, offsets, &child, out, err);
}

static lancelet_status read_lists(const reading *r, const uint32_t *columns, const struct ArrowSchema *schema,
                                  const runs *wanted, struct ArrowArray *out, lancelet_error *err)
{
    const lance_column *c;
    RETURN_IF_ERROR(open_column(r, columns[0], wanted, &c, err));
    bool large = schema->format[1] == 'L';
    uint64_t size;
    if (!base_mul_u64(wanted->rows + 1, large ? 8 : 4, &size) || size > lance_file_unfold_limit(r->file))
        return base_fail(err, LANCELET_LIMIT, "%llu rows at once are more than one array may hold",
                         (unsigned long long)wanted->rows);
    uint64_t *items_before = base_alloc_array(c->n_pages + 1, sizeof *items_before);
    list_reading l = {.file = r->file, .column = c, .items_before = items_before, .large = large};
    l.capacity = wanted->rows;
    l.offsets = base_alloc_aligned((size_t)size);
    lancelet_status status = LANCELET_OK;
    if (items_before && l.offsets)
        memset(l.offsets, 0, 8 < size ? 8 : (size_t)size);
    else
        status = base_fail_memory(err);
    if (status == LANCELET_OK)
        status = count_items(r->file, c, items_before, err);
    if (status == LANCELET_OK)
        status = each_page(c, wanted, visit_lists, &l, err);
    if (status == LANCELET_OK)
        status = read_items(r, columns, schema, &l, out, err);
    base_free(items_before);
    base_free(l.offsets);
    base_free(l.validity);
    base_buffer_free(&l.wanted);
    return status;
}

/* ---- fields ---- */

static lancelet_status read_field(const reading *r, const uint32_t *columns, const struct ArrowSchema *schema,
                                  const runs *wanted, struct ArrowArray *out, lancelet_error *err)
{
    const char *format = schema->format;
    reading deeper = {r->file, r->depth + 1};
    if (r->depth > DEEPEST)
        return base_fail(err, LANCELET_LIMIT, "a column is nested more than %d deep", DEEPEST);
    size_t n = lance_field_count(schema), there = 0;
    for (size_t i = 0; i < n; i++)
        there += columns[i] != LANCE_NO_COLUMN;
    if (there == 0)
        return lance_array_nulls(schema, wanted->rows, out, err);
    if (strcmp(format, "+s") == 0)
        return read_struct(&deeper, columns, schema, wanted, out, err);
    if (columns[0] == LANCE_NO_COLUMN)
        return base_fail(err, LANCELET_CORRUPT, "a list's items have a column and the list itself has none");
    if (strcmp(format, "+l") == 0 || strcmp(format, "+L") == 0)
        return read_lists(&deeper, columns, schema, wanted, out, err);
    return read_leaf(&deeper, columns[0], schema, wanted, out, err);
}

/* The runs of rows that a request asks for. */
static lancelet_status find_runs(const lance_request *q, base_buffer *out, lancelet_error *err)
{
    bool ok = true;
    if (!q->sorted)
        ok = q->count == 0 || push(out, q->first, q->count);
    for (uint64_t i = 0; q->sorted && ok && i < q->count; i++)
        ok = push(out, q->sorted[q->pick ? q->pick[i] : i], 1);
    return ok ? LANCELET_OK : base_fail_memory(err);
}

lancelet_status lance_v20_read(const lance_request *q, const uint32_t *columns, const struct ArrowSchema *schema,
                               struct ArrowArray *out, lancelet_error *err)
{
    base_buffer ranges = {0};
    reading r = {q->file, 0};
    lancelet_status status = find_runs(q, &ranges, err);
    runs wanted = {(const lance_range *)(const void *)ranges.data, ranges.size / sizeof(lance_range), q->count};
    if (status == LANCELET_OK)
        status = read_field(&r, columns, schema, &wanted, out, err);
    base_buffer_free(&ranges);
    return status;
}
