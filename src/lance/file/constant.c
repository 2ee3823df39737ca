/* constant.c - Constant pages (in 2.1 called AllNull): one value for all items, or nulls. The value is inline (field 6)
 * or, for strings, a buffer: u32 2, u32 bytes of offsets, u32 length of the value, two offsets (u32 or u64), bytes.
 * Where there are lists or some items are null two more buffers follow, repetition and definition levels: u16 each, or
 * as fields 7 and 8 encode them, then fields 9 and 10 say how many. Without a value every item that has a slot is null;
 * without buffers too the innermost layer that may be null is. Such a page may stand for any number of rows; what is
 * made of it is what rows ask for. */
#include "lance/file/page.h"

/* Encoded levels are decoded for the whole page, so a page may not state any number of them: 64 Mi rows is a page of
 * 8 MiB of bools. */
static const uint64_t MOST_LEVELS = (uint64_t)1 << 26;

enum { REPETITION, DEFINITION, SCRATCHES };

/* The one value of a page of strings. */
static lancelet_status string_value(wire_span buffer, wire_span *value, lancelet_error *err)
{
    if (buffer.size < 12 || wire_little(buffer.data, 4) != 2)
        return base_fail(err, LANCELET_CORRUPT, "a constant page's value is malformed");
    uint64_t offsets = wire_little(buffer.data + 4, 4), length = wire_little(buffer.data + 8, 4);
    if ((offsets != 8 && offsets != 16) || buffer.size != 12 + offsets + length)
        return base_fail(err, LANCELET_CORRUPT, "a constant page's value is malformed");
    const uint8_t *p = buffer.data + 12;
    size_t word = (size_t)offsets / 2;
    if (wire_little(p, word) != 0 || wire_little(p + word, word) != length)
        return base_fail(err, LANCELET_CORRUPT, "a constant page's value is malformed");
    *value = (wire_span){p + offsets, (size_t)length};
    return LANCELET_OK;
}

/* One kind of levels, from `buffer` as `encoding` says; NULL where the buffer is empty. */
static lancelet_status open_levels(wire_span encoding, wire_span buffer, uint64_t n, const uint8_t *meaning,
                                   uint8_t most, lance_scratch *scratch, const uint8_t **out, lancelet_error *err)
{
    base_count_read(buffer.size);
    if (!encoding.data && n != buffer.size / 2)
        return base_fail(err, LANCELET_CORRUPT, "a constant page's levels do not fit one another");
    if (!encoding.data)
        return lance_levels_map(buffer.data, n, meaning, most, &scratch->levels, out, err);
    if (n > MOST_LEVELS)
        return base_fail(err, LANCELET_LIMIT, "a constant page with %llu levels is larger than the limit",
                         (unsigned long long)n);
    return lance_leaf_levels(encoding, buffer, n, meaning, most, scratch, out, err);
}

/* The levels in the two buffers from `buffer` on; n stays 0 where there are none. */
static lancelet_status open_all_levels(const lance_page_view *v, size_t buffer, lance_scratch *scratch,
                                       lance_level_run *out, lancelet_error *err)
{
    memset(out, 0, sizeof *out);
    if (v->n_buffers < buffer + 2)
        return v->n_buffers == buffer && v->path->n_lists == 0
                   ? LANCELET_OK
                   : base_fail(err, LANCELET_CORRUPT, "a constant page lacks its levels");
    wire_span repetition = v->buffers[buffer], definition = v->buffers[buffer + 1];
    wire_span rep_encoding = wire_bytes(v->body, 7), def_encoding = wire_bytes(v->body, 8);
    uint64_t n_rep = rep_encoding.data ? wire_u64(v->body, 9, 0) : repetition.size / 2;
    uint64_t n_def = def_encoding.data ? wire_u64(v->body, 10, 0) : definition.size / 2;
    if (def_encoding.data && n_def == 0) /* as the first 2.2 files have it */
        n_def = n_rep ? n_rep : v->page->rows;
    out->n = v->path->n_lists > 0 ? n_rep : n_def;
    if ((n_rep > 0) != (v->path->n_lists > 0) || (n_def > 0 && (v->max_level == 0 || n_def != out->n)) ||
        (v->path->n_lists == 0 && out->n > 0 && out->n != v->page->rows))
        return base_fail(err, LANCELET_CORRUPT, "a constant page's levels do not fit its rows");
    if (n_rep > 0)
        RETURN_IF_ERROR(open_levels(rep_encoding, repetition, n_rep, NULL, v->path->n_lists, &scratch[REPETITION],
                                    &out->repetition, err));
    if (n_def > 0)
        RETURN_IF_ERROR(open_levels(def_encoding, definition, n_def, v->meaning, v->max_level, &scratch[DEFINITION],
                                    &out->definition, err));
    return LANCELET_OK;
}

typedef struct constant {
    const lance_page_view *view;
    bool has_value; /* else nulls */
    wire_span value;
    uint8_t level; /* of every item, where there are no levels: a null's, or 0 */
    lance_level_run levels;
} constant;

static lancelet_status append_value(const constant *c, lance_sink *sink, lancelet_error *err)
{
    if (sink->type.kind == LANCE_VARIABLE)
        return lance_sink_bytes(sink, c->value.data, c->value.size, err);
    if (sink->type.item_bits == 1)
        lance_sink_bits(sink, c->value.data, 0, 1);
    else
        lance_sink_fixed(sink, c->value.data, 1);
    return LANCELET_OK;
}

/* Items that all have the same level. */
static lancelet_status append_same(const constant *c, uint64_t n, lance_sink *sink, lancelet_error *err)
{
    lance_level_run one = {NULL, &c->level, 1};
    for (uint64_t i = 0; i < n && c->view->path->n > 1; i++)
        RETURN_IF_ERROR(lance_sink_levels(sink, &one, 0, 1, err));
    RETURN_IF_ERROR(lance_sink_reserve(sink, n, err));
    if (!c->has_value)
        return lance_sink_nulls(sink, n, err);
    for (uint64_t i = 0; i < n; i++)
        RETURN_IF_ERROR(append_value(c, sink, err));
    return LANCELET_OK;
}

/* The levels [first, first + n) and the values of those that have a slot. */
static lancelet_status append_levels(const constant *c, uint64_t first, uint64_t n, lance_sink *sink,
                                     lancelet_error *err)
{
    RETURN_IF_ERROR(lance_sink_levels(sink, &c->levels, first, n, err));
    for (uint64_t i = first; i < first + n; i++) {
        uint8_t level = c->levels.definition ? c->levels.definition[i] : 0;
        if (level > c->view->path->visible)
            continue;
        RETURN_IF_ERROR(lance_sink_reserve(sink, 1, err));
        RETURN_IF_ERROR(level || !c->has_value ? lance_sink_nulls(sink, 1, err) : append_value(c, sink, err));
    }
    return LANCELET_OK;
}

static lancelet_status append_lists(const constant *c, const lance_range *ranges, size_t n, lance_sink *sink,
                                    lancelet_error *err)
{
    lance_walk w = {.levels = &c->levels, .path = c->view->path};
    if (c->levels.repetition[0] != c->view->path->n_lists)
        return base_fail(err, LANCELET_CORRUPT, "a page of lists begins inside a row");
    for (size_t i = 0; i < n; i++) {
        while (w.rows < ranges[i].first && w.level < c->levels.n)
            lance_walk_row(&w);
        uint64_t start = w.level;
        while (w.rows < ranges[i].first + ranges[i].count && w.level < c->levels.n)
            lance_walk_row(&w);
        if (w.rows != ranges[i].first + ranges[i].count)
            return base_fail(err, LANCELET_CORRUPT, "a constant page's levels hold fewer rows than it states");
        RETURN_IF_ERROR(append_levels(c, start, w.level - start, sink, err));
    }
    return LANCELET_OK;
}

static lancelet_status append_rows(const constant *c, const lance_range *ranges, size_t n, lance_sink *sink,
                                   lancelet_error *err)
{
    if (c->view->path->n_lists > 0)
        return append_lists(c, ranges, n, sink, err);
    for (size_t i = 0; i < n; i++)
        RETURN_IF_ERROR(c->levels.n > 0 ? append_levels(c, ranges[i].first, ranges[i].count, sink, err)
                                        : append_same(c, ranges[i].count, sink, err));
    return LANCELET_OK;
}

/* Whether the page has a value, and how many buffers that takes. */
static lancelet_status open_value(constant *c, const lance_type *type, size_t *buffers, lancelet_error *err)
{
    wire_field inlined;
    const lance_page_view *v = c->view;
    c->has_value = wire_find(v->body, 6, &inlined) && inlined.type == 2;
    *buffers = 0;
    if (c->has_value) {
        size_t width = type->item_bits == 1 ? (size_t)(type->items / 8 + (type->items % 8 > 0)) : type->width;
        if (type->kind == LANCE_VARIABLE)
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "constant pages with a string inside the metadata are not read");
        if (inlined.bytes.size != width || type->kind == LANCE_NULL)
            return base_fail(err, LANCELET_CORRUPT,
                             "a constant page's value has %zu bytes where the column's have %zu", inlined.bytes.size,
                             width);
        c->value = inlined.bytes;
        return LANCELET_OK;
    }
    if (v->n_buffers % 2 == 0)
        return LANCELET_OK;
    if (type->kind != LANCE_VARIABLE)
        return base_fail(err, LANCELET_UNSUPPORTED, "constant pages with a number in a buffer are not read");
    c->has_value = true;
    *buffers = 1;
    base_count_read(v->buffers[0].size);
    return string_value(v->buffers[0], &c->value, err);
}

lancelet_status lance_constant_read(const lance_page_view *v, const lance_range *ranges, size_t n,
                                    lance_sink *sink, lancelet_error *err)
{
    constant c = {.view = v};
    size_t buffers;
    lance_scratch scratch[SCRATCHES];
    memset(scratch, 0, sizeof scratch);
    RETURN_IF_ERROR(open_value(&c, &sink->type, &buffers, err));
    lancelet_status status = open_all_levels(v, buffers, scratch, &c.levels, err);
    if (status == LANCELET_OK && !c.has_value && c.levels.n == 0) {
        c.level = v->meaning[v->max_level > 0 ? 1 : 0];
        if (v->max_level == 0)
            status = base_fail(err, LANCELET_CORRUPT, "a constant page has neither a value nor nulls");
    }
    if (status == LANCELET_OK)
        status = append_rows(&c, ranges, n, sink, err);
    for (size_t i = 0; i < SCRATCHES; i++)
        lance_scratch_free(&scratch[i]);
    return status;
}
