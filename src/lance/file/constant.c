/* constant.c - Constant pages (in 2.1 called AllNull): one value for all rows, or nulls. The value is inline (field 6)
 * or, for strings, a buffer: u32 2, u32 bytes of offsets, u32 length of the value, two offsets (u32 or u64), bytes.
 * Where some rows are null two more buffers follow, repetition and definition levels (u16 each; field 8, if there,
 * encodes the latter). Such a page may stand for any number of rows; what is made of it is what rows ask for. */
#include "lance/file/page.h"

/* Encoded levels are decoded for the whole page, so a page may not state any number of them: 64 Mi rows is a page of
 * 8 MiB of bools. */
static const uint64_t MOST_LEVELS = (uint64_t)1 << 26;

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

static lancelet_status append_value(lance_sink *sink, wire_span value, lancelet_error *err)
{
    if (sink->type.kind == LANCE_VARIABLE)
        return lance_sink_bytes(sink, value.data, value.size, err);
    if (sink->type.kind == LANCE_BOOL)
        lance_sink_bits(sink, value.data, 0, 1);
    else
        lance_sink_fixed(sink, value.data, 1);
    return LANCELET_OK;
}

static lancelet_status open_levels(const lance_page_view *v, size_t buffer, lance_scratch *scratch,
                                   const uint8_t **levels, lancelet_error *err)
{
    wire_span encoding = wire_bytes(v->body, 8), block;
    uint64_t rows = v->page->rows;
    *levels = NULL;
    if (v->n_buffers <= buffer + 1) {
        if (v->n_buffers == buffer || v->buffers[buffer].size == 0)
            return LANCELET_OK;
        return base_fail(err, LANCELET_CORRUPT, "a constant page has one buffer of levels");
    }
    if (v->buffers[buffer].size != 0)
        return base_fail(err, LANCELET_UNSUPPORTED, "columns of lists are not read");
    block = v->buffers[buffer + 1];
    if (!v->nullable)
        return base_fail(err, LANCELET_CORRUPT, "a page has definition levels and no nulls");
    if (encoding.data && rows > MOST_LEVELS)
        return base_fail(err, LANCELET_LIMIT,
                         "a constant page with levels for %llu rows is larger than the limit",
                         (unsigned long long)rows);
    if (encoding.data)
        return lance_leaf_levels(encoding, block, rows, scratch, levels, err);
    if (block.size / 2 != rows || block.size % 2 != 0)
        return base_fail(err, LANCELET_CORRUPT, "a constant page's definition levels do not fit its rows");
    *levels = block.data;
    return LANCELET_OK;
}

static lancelet_status append_rows(const lance_range *ranges, size_t n, const uint8_t *levels,
                                   wire_span value, lance_sink *sink, lancelet_error *err)
{
    for (size_t i = 0; i < n; i++) {
        for (uint64_t row = ranges[i].first; row < ranges[i].first + ranges[i].count; row++) {
            uint64_t level = levels ? wire_little(levels + 2 * row, 2) : 0;
            if (level > 1)
                return base_fail(err, LANCELET_CORRUPT, "a definition level is neither 0 nor 1");
            RETURN_IF_ERROR(level ? lance_sink_nulls(sink, 1, err) : append_value(sink, value, err));
        }
    }
    return LANCELET_OK;
}

lancelet_status lance_constant_read(const lance_page_view *v, const lance_range *ranges, size_t n,
                                    lance_sink *sink, lancelet_error *err)
{
    wire_field inlined;
    wire_span value = {NULL, 0};
    bool has_inline = wire_find(v->body, 6, &inlined) && inlined.type == 2;
    if (!has_inline && v->n_buffers == 0) {
        if (!v->nullable)
            return base_fail(err, LANCELET_CORRUPT, "a constant page has neither a value nor nulls");
        for (size_t i = 0; i < n; i++)
            RETURN_IF_ERROR(lance_sink_nulls(sink, ranges[i].count, err));
        return LANCELET_OK;
    }
    if (has_inline) {
        value = inlined.bytes;
        size_t width = sink->type.kind == LANCE_BOOL ? 1 : sink->type.width;
        if (sink->type.kind == LANCE_VARIABLE)
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "constant pages with a string inside the metadata are not read");
        if (value.size != width)
            return base_fail(err, LANCELET_CORRUPT,
                             "a constant page's value has %zu bytes where the column's have %zu", value.size,
                             width);
    } else {
        if (sink->type.kind != LANCE_VARIABLE)
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "constant pages with a number in a buffer are not read");
        RETURN_IF_ERROR(string_value(v->buffers[0], &value, err));
    }
    lance_scratch scratch = {{0}, {0}};
    const uint8_t *levels;
    lancelet_status status = open_levels(v, has_inline ? 0 : 1, &scratch, &levels, err);
    if (status == LANCELET_OK)
        status = append_rows(ranges, n, levels, value, sink, err);
    lance_scratch_free(&scratch);
    return status;
}
