/* fullzip.c - FullZip pages: every value by itself, for wide values. Buffer 0 is for each row [control word][value]:
 * the control word (one byte, 0 valid, 1 null) only where bits_def is 1; a fixed-width value has its full width also
 * when null (before it a bitmap of its items' validity, where the encoding says so); a variable-width one is a length
 * (u32 or u64) and bytes, and nothing when null. Buffer 1, variable width only, is where each row begins and the end:
 * rows + 1 offsets of 1, 2, 4 or 8 bytes. Without control words fixed-width rows are a plain matrix in the file. */
#include "lance/file/page.h"

typedef struct fullzip {
    const lance_page_view *view;
    const lance_type *type;
    size_t control; /* bytes of the control word: 0 or 1 */
    /* fixed width */
    size_t validity; /* bytes of item validity before a value */
    size_t stride;   /* bytes a row */
    /* variable width */
    size_t length_bytes; /* 4 or 8 */
    size_t index_bytes;  /* of an offset of the repetition index */
    bool general;        /* each value is compressed alone */
    lance_leaf compression;
    bool fsst;
    lance_fsst table;
} fullzip;

static lancelet_status open_fixed(fullzip *z, lancelet_error *err)
{
    lance_leaf leaf;
    RETURN_IF_ERROR(lance_leaf_open(wire_bytes(z->view->body, 7), &leaf, err));
    if (z->type->kind == LANCE_LIST) {
        if (leaf.kind != LANCE_FIXED_SIZE_LIST)
            return lance_leaf_refuse(&leaf, "fixed-size lists", err);
        if (wire_u64(leaf.body, 1, 0) != z->type->items)
            return base_fail(err, LANCELET_CORRUPT, "a page's lists have another length than the column's");
        if (wire_u64(leaf.body, 3, 0) != 0)
            z->validity = (size_t)((z->type->items + 7) / 8);
        RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf.body, 2), &leaf, err));
    }
    if (leaf.kind != LANCE_FLAT || wire_bytes(leaf.body, 2).data)
        return lance_leaf_refuse(&leaf, "the values of a FullZip page", err);
    if (wire_u64(leaf.body, 1, 0) != z->type->item_bits)
        return base_fail(err, LANCELET_CORRUPT, "a page holds values of another width than the column's");
    z->stride = z->control + z->validity + z->type->width;
    if (wire_u64(z->view->body, 3, 0) != 8 * (uint64_t)(z->validity + z->type->width))
        return base_fail(err, LANCELET_CORRUPT, "a FullZip page states another width than its encoding has");
    if (z->view->n_buffers < 1 || z->view->page->rows > z->view->buffers[0].size / z->stride)
        return base_fail(err, LANCELET_CORRUPT, "a FullZip page is shorter than its rows");
    return LANCELET_OK;
}

static lancelet_status open_variable(fullzip *z, lancelet_error *err)
{
    lance_leaf leaf;
    uint64_t bits = wire_u64(z->view->body, 4, 0), rows = z->view->page->rows;
    RETURN_IF_ERROR(lance_leaf_open(wire_bytes(z->view->body, 7), &leaf, err));
    if (leaf.kind == LANCE_GENERAL) {
        z->general = true;
        z->compression = leaf;
        RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf.body, 3), &leaf, err));
    } else if (leaf.kind == LANCE_FSST) {
        z->fsst = true;
        RETURN_IF_ERROR(lance_fsst_open(wire_bytes(leaf.body, 1), &z->table, err));
        RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf.body, 2), &leaf, err));
    }
    if (leaf.kind != LANCE_VARIABLE_LEAF || wire_bytes(leaf.body, 2).data)
        return lance_leaf_refuse(&leaf, "the strings of a FullZip page", err);
    if (bits != 32 && bits != 64)
        return base_fail(err, LANCELET_CORRUPT, "a FullZip page has lengths neither of 32 nor of 64 bits");
    z->length_bytes = (size_t)bits / 8;
    if (z->view->n_buffers < 2)
        return base_fail(err, LANCELET_CORRUPT, "a FullZip page lacks its repetition index");
    uint64_t index = z->view->buffers[1].size, width = index / (rows + 1);
    if (index % (rows + 1) != 0 || (width != 1 && width != 2 && width != 4 && width != 8))
        return base_fail(err, LANCELET_CORRUPT, "a FullZip page's repetition index does not fit its rows");
    z->index_bytes = (size_t)width;
    return LANCELET_OK;
}

static lancelet_status open_fullzip(fullzip *z, const lance_page_view *v, const lance_type *type,
                                    lancelet_error *err)
{
    memset(z, 0, sizeof *z);
    z->view = v;
    z->type = type;
    uint64_t rep = wire_u64(v->body, 1, 0), def = wire_u64(v->body, 2, 0);
    if (rep != 0)
        return base_fail(err, LANCELET_UNSUPPORTED, "columns of lists are not read");
    if (def > 1 || (def == 1 && !v->nullable))
        return base_fail(err, LANCELET_CORRUPT, "a FullZip page's definition level does not fit its layer");
    z->control = (size_t)def;
    if (wire_u64(v->body, 5, 0) != v->page->rows)
        return base_fail(err, LANCELET_CORRUPT, "a page holds another number of values than of rows");
    if (type->kind == LANCE_BOOL)
        return base_fail(err, LANCELET_UNSUPPORTED, "FullZip pages of bool are not read");
    return type->kind == LANCE_VARIABLE ? open_variable(z, err) : open_fixed(z, err);
}

static lancelet_status check_control(uint8_t control, lancelet_error *err)
{
    return control <= 1 ? LANCELET_OK
                        : base_fail(err, LANCELET_CORRUPT, "a definition level is neither 0 nor 1");
}

static lancelet_status read_fixed(const fullzip *z, uint64_t first, uint64_t n, lance_sink *sink,
                                  lancelet_error *err)
{
    const uint8_t *row = z->view->buffers[0].data + first * z->stride;
    if (z->control == 0 && z->validity == 0) {
        lance_sink_fixed(sink, row, n);
        return LANCELET_OK;
    }
    for (uint64_t i = 0; i < n; i++, row += z->stride) {
        if (z->control) {
            RETURN_IF_ERROR(check_control(row[0], err));
            if (row[0]) {
                RETURN_IF_ERROR(lance_sink_nulls(sink, 1, err));
                continue;
            }
        }
        uint64_t at = sink->length;
        lance_sink_fixed(sink, row + z->control + z->validity, 1);
        if (z->validity)
            RETURN_IF_ERROR(lance_sink_items(sink, at, row + z->control, 0, 1, err));
    }
    return LANCELET_OK;
}

static lancelet_status read_value(const fullzip *z, wire_span row, base_buffer *unpacked, lance_sink *sink,
                                  lancelet_error *err)
{
    if (z->control) {
        if (row.size < 1)
            return base_fail(err, LANCELET_CORRUPT, "a FullZip row is too short");
        RETURN_IF_ERROR(check_control(row.data[0], err));
        if (row.data[0])
            return lance_sink_nulls(sink, 1, err);
        row.data++;
        row.size--;
    }
    if (row.size < z->length_bytes || wire_little(row.data, z->length_bytes) > row.size - z->length_bytes)
        return base_fail(err, LANCELET_CORRUPT, "a FullZip row is shorter than its length says");
    wire_span value = {row.data + z->length_bytes, (size_t)wire_little(row.data, z->length_bytes)};
    if (z->general)
        RETURN_IF_ERROR(lance_leaf_unpack(&z->compression, value, unpacked, &value, err));
    if (!z->fsst)
        return lance_sink_bytes(sink, value.data, value.size, err);
    RETURN_IF_ERROR(lance_fsst_decode(&z->table, value, &sink->bytes, err));
    return lance_sink_bytes(sink, NULL, 0, err);
}

static lancelet_status read_variable(const fullzip *z, uint64_t first, uint64_t n, lance_sink *sink,
                                     lancelet_error *err)
{
    wire_span data = z->view->buffers[0];
    const uint8_t *index = z->view->buffers[1].data;
    base_buffer unpacked = {0};
    lancelet_status status = LANCELET_OK;
    for (uint64_t i = first; status == LANCELET_OK && i < first + n; i++) {
        uint64_t from = wire_little(index + i * z->index_bytes, z->index_bytes);
        uint64_t to = wire_little(index + (i + 1) * z->index_bytes, z->index_bytes);
        if (from > to || to > data.size)
            status = base_fail(err, LANCELET_CORRUPT, "a FullZip page's repetition index points outside it");
        else
            status = read_value(z, (wire_span){data.data + from, (size_t)(to - from)}, &unpacked, sink, err);
    }
    base_buffer_free(&unpacked);
    return status;
}

lancelet_status lance_fullzip_read(const lance_page_view *v, const lance_range *ranges, size_t n,
                                   lance_sink *sink, lancelet_error *err)
{
    fullzip z;
    RETURN_IF_ERROR(open_fullzip(&z, v, &sink->type, err));
    for (size_t i = 0; i < n; i++) {
        if (sink->type.kind == LANCE_VARIABLE)
            RETURN_IF_ERROR(read_variable(&z, ranges[i].first, ranges[i].count, sink, err));
        else
            RETURN_IF_ERROR(read_fixed(&z, ranges[i].first, ranges[i].count, sink, err));
    }
    return LANCELET_OK;
}

const uint8_t *lance_fullzip_matrix(const lance_page_view *v, const lance_type *type)
{
    fullzip z;
    lancelet_error ignored;
    if (v->layout != LANCE_LAYOUT_FULLZIP || type->kind != LANCE_LIST ||
        open_fullzip(&z, v, type, &ignored) != LANCELET_OK || z.control != 0 || z.validity != 0)
        return NULL;
    /* Arrow wants its values aligned to their own width at least; writers align pages to 64. */
    return (uintptr_t)v->buffers[0].data % (type->item_bits / 8) == 0 ? v->buffers[0].data : NULL;
}
