/* fullzip.c - FullZip pages: every value by itself, for wide values. Buffer 0 is for each item [control word][value]:
 * the control word, only where there are levels, is 1, 2 or 4 bytes: repetition level above definition level, in
 * bits_rep and bits_def bits. An item that stands for a null or empty list is a control word alone. A fixed-width value
 * has its full width also when null (before it bitmaps of its items' validity, where the encoding says so); a
 * variable-width one is a length (u32 or u64) and bytes, and nothing when null. Buffer 1, with lists or variable width,
 * is where each row begins and the end: rows + 1 offsets of 1, 2, 4 or 8 bytes. Without control words fixed-width
 * values are plain values in the file. */
#include "lance/file/page.h"

typedef struct fullzip {
    const lance_page_view *view;
    const lance_type *type;
    unsigned repetition_bits, definition_bits;
    size_t control; /* bytes of the control word: 0, 1, 2 or 4 */
    /* fixed width */
    size_t validity[LANCE_DIMENSIONS]; /* bytes of item validity before a value, by depth */
    size_t width;                      /* bytes of an item that has a value, the control word aside */
    bool bytes_of_bools;               /* a byte a bool */
    bool absent;                       /* all items of fixed-size lists are null and not stored */
    /* variable width */
    size_t length_bytes; /* 4 or 8 */
    bool general;        /* each value is compressed alone */
    lance_leaf compression;
    bool fsst;
    lance_fsst table;
    size_t index_bytes; /* of an offset of the repetition index; 0: there is none */
} fullzip;

/* The widths of the values of a column without a length before each. */
static lancelet_status open_fixed(fullzip *z, lancelet_error *err)
{
    lance_leaf leaf;
    uint64_t items = 1, value = z->type->width, bits = z->type->item_bits;
    RETURN_IF_ERROR(lance_leaf_open(wire_bytes(z->view->body, 7), &leaf, err));
    if (z->type->packed)
        return lance_leaf_refuse(&leaf, "packed structs", err);
    for (size_t d = 0; d < z->type->depth && !z->absent; d++) {
        if (leaf.kind != LANCE_FIXED_SIZE_LIST)
            return lance_leaf_refuse(&leaf, "fixed-size lists", err);
        if (wire_u64(leaf.body, 1, 0) != z->type->size[d])
            return base_fail(err, LANCELET_CORRUPT, "a page's lists have another length than the column's");
        items *= z->type->size[d];
        if (wire_u64(leaf.body, 3, 0) != 0)
            z->validity[d] = (size_t)((items + 7) / 8);
        z->width += z->validity[d];
        RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf.body, 2), &leaf, err));
        z->absent = z->validity[d] > 0 && lance_leaf_is_absent(&leaf);
    }
    if (z->absent) {
        value = 0;
    } else if (bits == 1) {
        z->bytes_of_bools = z->type->kind == LANCE_BOOL;
        value = z->bytes_of_bools ? 1 : items / 8;
        if (!z->bytes_of_bools && items % 8 != 0)
            return base_fail(err, LANCELET_UNSUPPORTED, "FullZip pages of lists of bool are not read");
        bits = z->bytes_of_bools ? 8 : 1;
    }
    if (!z->absent && (leaf.kind != LANCE_FLAT || wire_bytes(leaf.body, 2).data))
        return lance_leaf_refuse(&leaf, "the values of a FullZip page", err);
    if (!z->absent && wire_u64(leaf.body, 1, 0) != bits)
        return base_fail(err, LANCELET_CORRUPT, "a page holds values of another width than the column's");
    z->width += (size_t)value;
    if (wire_u64(z->view->body, 3, 0) != 8 * (uint64_t)z->width)
        return base_fail(err, LANCELET_CORRUPT, "a FullZip page states another width than its encoding has");
    return LANCELET_OK;
}

static lancelet_status open_variable(fullzip *z, lancelet_error *err)
{
    lance_leaf leaf;
    uint64_t bits = wire_u64(z->view->body, 4, 0);
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
    return LANCELET_OK;
}

static lancelet_status open_index(fullzip *z, lancelet_error *err)
{
    uint64_t rows = z->view->page->rows;
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
    if (rep > 16 || def > 16 || (rep > 0) != (v->path->n_lists > 0) || (def > 0 && v->max_level == 0))
        return base_fail(err, LANCELET_CORRUPT, "a FullZip page's levels do not fit its layers");
    z->repetition_bits = (unsigned)rep;
    z->definition_bits = (unsigned)def;
    z->control = rep + def == 0 ? 0 : rep + def <= 8 ? 1 : rep + def <= 16 ? 2 : 4;
    if (type->kind == LANCE_NULL)
        return base_fail(err, LANCELET_CORRUPT, "a page holds values where the column has the null type");
    if (rep == 0 && wire_u64(v->body, 5, 0) != v->page->rows)
        return base_fail(err, LANCELET_CORRUPT, "a page holds another number of values than of rows");
    if (v->n_buffers < 1)
        return base_fail(err, LANCELET_CORRUPT, "a FullZip page lacks its buffers");
    RETURN_IF_ERROR(type->kind == LANCE_VARIABLE ? open_variable(z, err) : open_fixed(z, err));
    if (rep > 0 || type->kind == LANCE_VARIABLE)
        return open_index(z, err);
    size_t stride = z->control + z->width;
    return v->page->rows <= v->buffers[0].size / stride
               ? LANCELET_OK
               : base_fail(err, LANCELET_CORRUPT, "a FullZip page is shorter than its rows");
}

/* Takes an item's control word off *in. */
static lancelet_status take_control(const fullzip *z, wire_span *in, uint8_t *repetition, uint8_t *definition,
                                    lancelet_error *err)
{
    if (in->size < z->control)
        return base_fail(err, LANCELET_CORRUPT, "a FullZip row is too short");
    uint64_t word = wire_little(in->data, z->control);
    uint64_t rep = word >> z->definition_bits, def = word & (((uint64_t)1 << z->definition_bits) - 1);
    in->data += z->control;
    in->size -= z->control;
    if (rep > z->view->path->n_lists || def > z->view->max_level)
        return base_fail(err, LANCELET_CORRUPT, "a FullZip page has a level that its layers do not have");
    *repetition = (uint8_t)rep;
    *definition = z->view->meaning[def];
    return LANCELET_OK;
}

static lancelet_status take_fixed(const fullzip *z, wire_span *in, bool null, lance_sink *sink, lancelet_error *err)
{
    if (in->size < z->width)
        return base_fail(err, LANCELET_CORRUPT, "a FullZip row is too short");
    const uint8_t *value = in->data;
    in->data += z->width;
    in->size -= z->width;
    if (null)
        return lance_sink_nulls(sink, 1, err);
    uint64_t at = sink->length;
    for (size_t d = 0; d < z->type->depth; d++)
        if (z->validity[d]) {
            RETURN_IF_ERROR(lance_sink_items(sink, d, at, value, 0, 1, err));
            value += z->validity[d];
        }
    if (z->absent)
        lance_sink_zeros(sink, 1);
    else if (z->type->item_bits == 1)
        lance_sink_bits(sink, value, 0, 1);
    else
        lance_sink_fixed(sink, value, 1);
    return LANCELET_OK;
}

static lancelet_status take_variable(const fullzip *z, wire_span *in, bool null, base_buffer *unpacked,
                                     lance_sink *sink, lancelet_error *err)
{
    if (null)
        return lance_sink_nulls(sink, 1, err);
    if (in->size < z->length_bytes || wire_little(in->data, z->length_bytes) > in->size - z->length_bytes)
        return base_fail(err, LANCELET_CORRUPT, "a FullZip row is shorter than its length says");
    wire_span value = {in->data + z->length_bytes, (size_t)wire_little(in->data, z->length_bytes)};
    in->data += z->length_bytes + value.size;
    in->size -= z->length_bytes + value.size;
    if (z->general)
        RETURN_IF_ERROR(lance_leaf_unpack(&z->compression, value, unpacked, &value, err));
    if (!z->fsst)
        return lance_sink_bytes(sink, value.data, value.size, err);
    RETURN_IF_ERROR(lance_fsst_decode(&z->table, value, &sink->bytes, err));
    return lance_sink_bytes(sink, NULL, 0, err);
}

/* All items of the bytes: those of some rows. */
static lancelet_status take_items(const fullzip *z, wire_span in, base_buffer *unpacked, lance_sink *sink,
                                  lancelet_error *err)
{
    const lance_nesting *path = z->view->path;
    while (in.size > 0) {
        uint8_t repetition = 0, definition = 0;
        if (z->control)
            RETURN_IF_ERROR(take_control(z, &in, &repetition, &definition, err));
        lance_level_run level = {&repetition, &definition, 1};
        RETURN_IF_ERROR(lance_sink_levels(sink, &level, 0, 1, err));
        if (definition > path->visible)
            continue;
        RETURN_IF_ERROR(lance_sink_reserve(sink, 1, err));
        RETURN_IF_ERROR(z->type->kind == LANCE_VARIABLE ? take_variable(z, &in, definition != 0, unpacked, sink, err)
                                                        : take_fixed(z, &in, definition != 0, sink, err));
    }
    return LANCELET_OK;
}

/* Rows [first, first + n) that the repetition index finds. Each is looked at alone, so that each is one row. */
static lancelet_status read_indexed(const fullzip *z, uint64_t first, uint64_t n, base_buffer *unpacked,
                                    lance_sink *sink, lancelet_error *err)
{
    wire_span data = z->view->buffers[0];
    const uint8_t *index = z->view->buffers[1].data;
    base_count_read((n + 1) * z->index_bytes);
    for (uint64_t i = first; i < first + n; i++) {
        uint64_t from = wire_little(index + i * z->index_bytes, z->index_bytes), values = sink->length;
        uint64_t to = wire_little(index + (i + 1) * z->index_bytes, z->index_bytes);
        size_t levels = sink->repetition.size;
        if (from >= to || to > data.size)
            return base_fail(err, LANCELET_CORRUPT, "a FullZip page's repetition index points outside it");
        base_count_read(to - from);
        RETURN_IF_ERROR(take_items(z, (wire_span){data.data + from, (size_t)(to - from)}, unpacked, sink, err));
        bool one = sink->length == values + 1;
        if (z->repetition_bits > 0) {
            const uint8_t *rep = sink->repetition.data;
            one = rep[levels] == z->view->path->n_lists;
            for (size_t k = levels + 1; k < sink->repetition.size; k++)
                one = one && rep[k] != z->view->path->n_lists;
        }
        if (!one)
            return base_fail(err, LANCELET_CORRUPT, "a FullZip page's repetition index is not that of its rows");
    }
    return LANCELET_OK;
}

static lancelet_status read_fixed(const fullzip *z, uint64_t first, uint64_t n, lance_sink *sink,
                                  lancelet_error *err)
{
    size_t stride = z->control + z->width;
    wire_span rows = {z->view->buffers[0].data + first * stride, (size_t)n * stride};
    base_count_read(rows.size);
    if (z->width != z->type->width || z->control > 0 || z->type->item_bits == 1 || z->absent)
        return take_items(z, rows, NULL, sink, err);
    lance_level_run valid = {NULL, NULL, n};
    RETURN_IF_ERROR(lance_sink_levels(sink, &valid, 0, n, err));
    RETURN_IF_ERROR(lance_sink_reserve(sink, n, err));
    lance_sink_fixed(sink, rows.data, n);
    return LANCELET_OK;
}

lancelet_status lance_fullzip_read(const lance_page_view *v, const lance_range *ranges, size_t n,
                                   lance_sink *sink, lancelet_error *err)
{
    fullzip z;
    base_buffer unpacked = {0};
    lancelet_status status = open_fullzip(&z, v, &sink->type, err);
    for (size_t i = 0; status == LANCELET_OK && i < n; i++)
        status = z.index_bytes ? read_indexed(&z, ranges[i].first, ranges[i].count, &unpacked, sink, err)
                               : read_fixed(&z, ranges[i].first, ranges[i].count, sink, err);
    base_buffer_free(&unpacked);
    return status;
}

const uint8_t *lance_fullzip_matrix(const lance_page_view *v, const lance_type *type)
{
    fullzip z;
    lancelet_error ignored;
    bool fixed = (type->kind == LANCE_LIST || type->kind == LANCE_FIXED) && type->item_bits != 1;
    if (v->layout != LANCE_LAYOUT_FULLZIP || !fixed || open_fullzip(&z, v, type, &ignored) != LANCELET_OK ||
        z.control != 0 || z.absent || z.width != type->width)
        return NULL;
    /* Arrow wants its values aligned to their own width at least; writers align pages to 64. */
    size_t align = type->item_bits / 8;
    align = align & (align - 1) ? 1 : align; /* fixed-size binary is bytes */
    return (uintptr_t)v->buffers[0].data % (align < 16 ? align : 16) == 0 ? v->buffers[0].data : NULL;
}
