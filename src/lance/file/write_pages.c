/* write_pages.c - one page from collected rows, in the plain encodings that every reader of 2.1 and 2.2 knows
 * (docs/lance-written.md has the bytes): all rows null -> Constant; numbers, bools, narrow vectors -> MiniBlock Flat;
 * strings whose longest has less than 256 bytes -> MiniBlock Variable; longer ones and wide vectors -> FullZip.
 * The border at 256 bytes and the sizes of chunks are those that Lance's own writer uses. */
#include "lance/file/write.h"

enum {
    NARROW = 256,        /* bytes a value: from here on FullZip */
    CHUNK_BYTES = 4096,  /* aimed at */
    CHUNK_VALUES = 4096, /* at most */
    ALL_VALID_ITEM = 1,
    NULLABLE_ITEM = 3,
};

static bool put_flat(base_buffer *b, uint32_t field, uint64_t bits)
{
    base_buffer flat = {0}, encoding = {0};
    bool ok = wire_put_varint(&flat, 1, bits) &&
              wire_put_bytes(&encoding, LANCE_FLAT, flat.data, flat.size) &&
              wire_put_bytes(b, field, encoding.data, encoding.size);
    base_buffer_free(&flat);
    base_buffer_free(&encoding);
    return ok;
}

/* The CompressiveEncoding of a column's values as field `field` of b. */
static bool put_values(base_buffer *b, uint32_t field, const lance_type *type)
{
    base_buffer body = {0}, encoding = {0};
    bool ok;
    if (type->kind == LANCE_VARIABLE) {
        ok = put_flat(&body, 1, type->offset_bits) &&
             wire_put_bytes(&encoding, LANCE_VARIABLE_LEAF, body.data, body.size) &&
             wire_put_bytes(b, field, encoding.data, encoding.size);
    } else if (type->kind == LANCE_LIST) {
        ok = wire_put_varint(&body, 1, type->items) && put_flat(&body, 2, type->item_bits) &&
             wire_put_bytes(&encoding, LANCE_FIXED_SIZE_LIST, body.data, body.size) &&
             wire_put_bytes(b, field, encoding.data, encoding.size);
    } else {
        ok = put_flat(b, field, type->item_bits);
    }
    base_buffer_free(&body);
    base_buffer_free(&encoding);
    return ok;
}

static bool put_layers(base_buffer *b, uint32_t field, bool nullable)
{
    uint64_t layer = nullable ? NULLABLE_ITEM : ALL_VALID_ITEM;
    return wire_put_packed(b, field, &layer, 1);
}

static bool pad(base_buffer *b, size_t multiple)
{
    static const uint8_t zeros[64];
    size_t over = b->size % multiple;
    return over == 0 || base_buffer_append(b, zeros, multiple - over);
}

static uint32_t length_of(const lance_pending *p, uint64_t i)
{
    uint32_t n;
    memcpy(&n, p->lengths.data + 4 * i, 4);
    return n;
}

/* ---- Constant ---- */

static bool make_all_null(base_buffer *layout)
{
    base_buffer body = {0};
    bool ok =
        put_layers(&body, 5, true) && wire_put_bytes(layout, LANCE_LAYOUT_CONSTANT, body.data, body.size);
    base_buffer_free(&body);
    return ok;
}

/* ---- MiniBlock ---- */

/* The values of rows [first, first + n) as a chunk's one buffer; strings begin at byte `at`. */
static bool chunk_values(const lance_pending *p, uint64_t first, uint64_t n, uint64_t at, base_buffer *out)
{
    bool ok = true;
    out->size = 0;
    if (p->type.kind == LANCE_BOOL) {
        for (uint64_t i = 0; ok && i < n; i += 8) {
            uint8_t byte = 0;
            for (uint64_t k = 0; k < 8 && i + k < n; k++)
                byte = (uint8_t)(byte | p->values.data[first + i + k] << k);
            ok = base_buffer_append(out, &byte, 1);
        }
        return ok;
    }
    if (p->type.kind != LANCE_VARIABLE)
        return base_buffer_append(out, p->values.data + first * p->type.width, (size_t)n * p->type.width);
    size_t word = p->type.offset_bits / 8;
    uint64_t offset = (n + 1) * word, bytes = 0;
    ok = wire_put_little(out, offset, word);
    for (uint64_t i = 0; ok && i < n; i++) {
        bytes += length_of(p, first + i);
        ok = wire_put_little(out, offset + bytes, word);
    }
    ok = ok && (bytes == 0 || base_buffer_append(out, p->values.data + at, (size_t)bytes));
    return ok && pad(out, word); /* readers refuse another length */
}

static bool put_chunk(const lance_pending *p, uint64_t first, uint64_t n, int minor,
                      const base_buffer *values, base_buffer *out)
{
    bool ok = pad(out, 8) && wire_put_little(out, p->nulls ? n : 0, 2);
    if (p->nulls)
        ok = ok && wire_put_little(out, 2 * n, 2);
    ok = ok && wire_put_little(out, values->size, minor >= 2 ? 4 : 2) && pad(out, 8);
    for (uint64_t i = 0; ok && p->nulls && i < n; i++)
        ok = wire_put_little(out, p->null.data[first + i], 2);
    return ok && pad(out, 8) && base_buffer_append(out, values->data, values->size) && pad(out, 8);
}

/* Rows of the chunk that begins at row `first`: a power of two of at least 2, or all that are left. */
static uint64_t chunk_rows(const lance_pending *p, uint64_t first)
{
    uint64_t left = p->rows - first, n = 2, bytes = 0, counted = 0, word = p->type.offset_bits / 8;
    for (uint64_t next = 2; next <= CHUNK_VALUES; next *= 2) {
        uint64_t rows = lance_min(next, left), size;
        if (p->type.kind == LANCE_VARIABLE) {
            for (; counted < rows; counted++)
                bytes += length_of(p, first + counted);
            size = bytes + (rows + 1) * word;
        } else {
            size = p->type.kind == LANCE_BOOL ? rows / 8 : rows * p->type.width;
        }
        if (size > CHUNK_BYTES && next > 2)
            break;
        n = next;
        if (next >= left)
            break;
    }
    return lance_min(n, left);
}

static bool make_chunks(const lance_pending *p, int minor, lance_made_page *out)
{
    base_buffer values = {0};
    uint64_t at = 0;
    bool ok = true;
    for (uint64_t first = 0; ok && first < p->rows;) {
        uint64_t n = chunk_rows(p, first), log = 0;
        size_t start = out->buffers[1].size;
        if (first + n < p->rows)
            while ((uint64_t)1 << log < n)
                log++;
        ok = chunk_values(p, first, n, at, &values) &&
             put_chunk(p, first, n, minor, &values, &out->buffers[1]);
        if (ok && p->type.kind == LANCE_VARIABLE)
            for (uint64_t i = 0; i < n; i++)
                at += length_of(p, first + i);
        uint64_t size = out->buffers[1].size - start;
        ok = ok && wire_put_little(&out->buffers[0], (size / 8 - 1) << 4 | log, minor >= 2 ? 4 : 2);
        first += n;
    }
    base_buffer_free(&values);
    return ok;
}

static bool make_miniblock(const lance_pending *p, int minor, lance_made_page *out)
{
    base_buffer body = {0};
    out->n_buffers = 2;
    bool ok = make_chunks(p, minor, out);
    if (p->nulls)
        ok = ok && put_flat(&body, 2, 16);
    ok = ok && put_values(&body, 3, &p->type) && put_layers(&body, 6, p->nulls > 0) &&
         wire_put_varint(&body, 7, 1) && wire_put_varint(&body, 9, p->rows);
    if (minor >= 2)
        ok = ok && wire_put_varint(&body, 10, 1);
    ok = ok && wire_put_bytes(&out->layout, LANCE_LAYOUT_MINIBLOCK, body.data, body.size);
    base_buffer_free(&body);
    return ok;
}

/* ---- FullZip ---- */

static bool zip_fixed(const lance_pending *p, lance_made_page *out)
{
    out->n_buffers = 1;
    if (p->nulls == 0) {
        out->borrowed = (wire_span){p->values.data, p->values.size};
        return true;
    }
    bool ok = true;
    for (uint64_t i = 0; ok && i < p->rows; i++)
        ok = wire_put_little(&out->buffers[0], p->null.data[i], 1) &&
             base_buffer_append(&out->buffers[0], p->values.data + i * p->type.width, p->type.width);
    return ok;
}

static bool zip_variable(const lance_pending *p, lance_made_page *out)
{
    uint64_t lengths = p->type.offset_bits / 8, at = 0, row = 0;
    uint64_t end = p->values.size + (p->rows - p->nulls) * lengths + (p->nulls ? p->rows : 0);
    size_t width = end <= 0xff ? 1 : end <= 0xffff ? 2 : end <= UINT32_MAX ? 4 : 8;
    bool ok = true;
    out->n_buffers = 2;
    for (uint64_t i = 0; ok && i < p->rows; i++) {
        uint32_t n = length_of(p, i);
        ok = wire_put_little(&out->buffers[1], row, width);
        if (p->nulls)
            ok = ok && wire_put_little(&out->buffers[0], p->null.data[i], 1);
        if (!p->null.data[i]) {
            ok = ok && wire_put_little(&out->buffers[0], n, (size_t)lengths);
            ok = ok && (n == 0 || base_buffer_append(&out->buffers[0], p->values.data + at, n));
        }
        at += n;
        row = out->buffers[0].size;
    }
    return ok && wire_put_little(&out->buffers[1], row, width);
}

static bool make_fullzip(const lance_pending *p, lance_made_page *out)
{
    base_buffer body = {0};
    bool variable = p->type.kind == LANCE_VARIABLE, ok = variable ? zip_variable(p, out) : zip_fixed(p, out);
    if (p->nulls)
        ok = ok && wire_put_varint(&body, 2, 1);
    ok = ok &&
         wire_put_varint(&body, variable ? 4 : 3,
                         variable ? p->type.offset_bits : 8 * (uint64_t)p->type.width) &&
         wire_put_varint(&body, 5, p->rows) && wire_put_varint(&body, 6, p->rows) &&
         put_values(&body, 7, &p->type) && put_layers(&body, 8, p->nulls > 0) &&
         wire_put_bytes(&out->layout, LANCE_LAYOUT_FULLZIP, body.data, body.size);
    base_buffer_free(&body);
    return ok;
}

lancelet_status lance_page_make(const lance_pending *p, int minor, lance_made_page *out, lancelet_error *err)
{
    bool ok;
    memset(out, 0, sizeof *out);
    if (p->nulls == p->rows)
        ok = make_all_null(&out->layout);
    else if ((p->type.kind == LANCE_VARIABLE ? p->longest : p->type.width) < NARROW)
        ok = make_miniblock(p, minor, out);
    else
        ok = make_fullzip(p, out);
    if (ok)
        return LANCELET_OK;
    lance_made_page_free(out);
    return base_fail_memory(err);
}

void lance_made_page_free(lance_made_page *page)
{
    base_buffer_free(&page->layout);
    for (size_t i = 0; i < sizeof page->buffers / sizeof *page->buffers; i++)
        base_buffer_free(&page->buffers[i]);
}
