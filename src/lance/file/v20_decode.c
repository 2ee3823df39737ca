/* v20_decode.c - rows of a page of version 2.0 into the sink of a leaf column: nulls, fixed-size lists, strings,
 * dictionaries, packed structs. Values of a fixed width and the bytes of strings come from v20_page.c.
 * Strings are stored as the end of each one, a null with Binary.null_adjustment added to it. */
#include "lance/file/v20.h"

enum { DEEPEST = 16 /* encodings in one another */ };

typedef struct decoding {
    const lance_v20_page *page;
    bool is_dictionary;
    const lance_range *ranges; /* [n] rows */
    size_t n;
    lance_sink *sink;
} decoding;

static lancelet_status decode(const decoding *d, wire_span encoding, size_t lists, int depth, lancelet_error *err);

static uint64_t rows_of(const decoding *d)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < d->n; i++)
        rows += d->ranges[i].count;
    return rows;
}

/* Values a row inside `lists` of the type's fixed-size lists. */
static uint64_t values_a_row(const lance_type *type, size_t lists)
{
    uint64_t n = 1;
    for (size_t i = 0; i < lists; i++)
        n *= type->size[i];
    return n;
}

/* ---- values of a fixed width ---- */

static lancelet_status put_fixed(const decoding *d, wire_span encoding, base_buffer *scratch, lancelet_error *err)
{
    const lance_type *type = &d->sink->type;
    const uint8_t *values;
    uint64_t n;
    if (type->kind == LANCE_VARIABLE || type->kind == LANCE_NULL)
        return base_fail(err, LANCELET_CORRUPT, "a page holds values of a fixed width where the column has none");
    if (!base_mul_u64(d->page->rows, type->items, &n))
        return base_fail(err, LANCELET_CORRUPT, "a page has too many values");
    RETURN_IF_ERROR(lance_v20_fixed(d->page, encoding, n, type->item_bits, scratch, &values, err));
    for (size_t i = 0; i < d->n; i++) {
        const lance_range *r = &d->ranges[i];
        base_count_read(r->count * type->items * type->item_bits / 8);
        if (type->item_bits == 1)
            lance_sink_bits(d->sink, values, r->first * type->items, r->count);
        else
            lance_sink_fixed(d->sink, values + r->first * type->width, r->count);
    }
    return LANCELET_OK;
}

static lancelet_status put_zeros(const decoding *d, base_buffer *scratch, lancelet_error *err)
{
    const lance_type *type = &d->sink->type;
    uint64_t rows = rows_of(d), bits, size;
    if (!base_mul_u64(rows, type->items, &bits) || !base_mul_u64(bits, type->item_bits, &bits))
        return base_fail(err, LANCELET_LIMIT, "the rows hold more values than one array may");
    size = bits / 8 + 1;
    if (size > d->page->bytes_limit)
        return base_fail(err, LANCELET_LIMIT, "a page's values unfold to more bytes than the file's size allows");
    if (!base_buffer_reserve(scratch, (size_t)size))
        return base_fail_memory(err);
    memset(scratch->data, 0, (size_t)size);
    if (type->item_bits == 1)
        lance_sink_bits(d->sink, scratch->data, 0, rows);
    else
        lance_sink_fixed(d->sink, scratch->data, rows);
    return LANCELET_OK;
}

/* ---- nulls ---- */

/* Takes the validity of the rows that were put at `row` and after it: bit by bit, or as that of their items. */
static lancelet_status put_validity(const decoding *d, const uint8_t *bits, size_t lists, uint64_t row,
                                    lancelet_error *err)
{
    uint64_t per_row = values_a_row(&d->sink->type, lists);
    for (size_t i = 0; i < d->n; i++) {
        const lance_range *r = &d->ranges[i];
        if (lists > 0)
            RETURN_IF_ERROR(
                lance_sink_items(d->sink, lists - 1, row, bits, r->first * per_row, r->count, err));
        else
            for (uint64_t k = 0; k < r->count; k++)
                if (!lance_bit(bits, r->first + k))
                    RETURN_IF_ERROR(lance_sink_set_null(d->sink, row + k, err));
        row += r->count;
    }
    return LANCELET_OK;
}

static lancelet_status some_nulls(const decoding *d, wire_span body, size_t lists, int depth, base_buffer *scratch,
                                  lancelet_error *err)
{
    const uint8_t *bits;
    uint64_t row = d->sink->length, n;
    if (!base_mul_u64(d->page->rows, values_a_row(&d->sink->type, lists), &n))
        return base_fail(err, LANCELET_CORRUPT, "a page has too many values");
    RETURN_IF_ERROR(lance_v20_fixed(d->page, wire_bytes(body, 1), n, 1, scratch, &bits, err));
    RETURN_IF_ERROR(decode(d, wire_bytes(body, 2), lists, depth + 1, err));
    return put_validity(d, bits, lists, row, err);
}

static lancelet_status all_nulls(const decoding *d, size_t lists, base_buffer *scratch, lancelet_error *err)
{
    uint64_t row = d->sink->length, rows = rows_of(d), bits;
    if (lists == 0)
        return lance_sink_nulls(d->sink, rows, err);
    RETURN_IF_ERROR(put_zeros(d, scratch, err));
    if (!base_mul_u64(rows, values_a_row(&d->sink->type, lists), &bits) || bits / 8 > d->page->bytes_limit)
        return base_fail(err, LANCELET_LIMIT, "the rows hold more values than one array may");
    size_t bytes = (size_t)(bits / 8 + 1);
    base_buffer_free(scratch);
    if (!base_buffer_reserve(scratch, bytes))
        return base_fail_memory(err);
    memset(scratch->data, 0, bytes);
    return lance_sink_items(d->sink, lists - 1, row, scratch->data, 0, rows, err);
}

static lancelet_status nullable(const decoding *d, wire_span body, size_t lists, int depth, lancelet_error *err)
{
    base_buffer scratch = {0};
    wire_field field;
    bool bad = false;
    if (!wire_next(&body, &field, &bad) || field.type != 2 || !wire_check(field.bytes))
        return base_fail(err, LANCELET_CORRUPT, "a page does not say whether it has nulls");
    lancelet_status status;
    switch (field.number) {
    case 1:
        return decode(d, wire_bytes(field.bytes, 1), lists, depth + 1, err);
    case 2:
        status = some_nulls(d, field.bytes, lists, depth, &scratch, err);
        break;
    case 3:
        status = all_nulls(d, lists, &scratch, err);
        break;
    default:
        return base_fail(err, LANCELET_UNSUPPORTED, "nulls of a kind unknown here are not read");
    }
    base_buffer_free(&scratch);
    return status;
}

/* ---- strings ---- */

typedef struct strings {
    const uint8_t *ends; /* u64 [rows], unaligned */
    uint64_t adjustment; /* of nulls */
    wire_span bytes;
    base_buffer indices, unpacked; /* scratch */
} strings;

static uint64_t end_of(const strings *s, uint64_t row, bool *null)
{
    uint64_t end = wire_little(s->ends + 8 * row, 8);
    *null = end >= s->adjustment;
    return *null ? end - s->adjustment : end;
}

static lancelet_status put_strings(const decoding *d, const strings *s, const lance_fsst *fsst, lancelet_error *err)
{
    base_buffer plain = {0};
    lancelet_status status = LANCELET_OK;
    uint64_t read = 0;
    for (size_t i = 0; i < d->n && status == LANCELET_OK; i++) {
        bool null;
        uint64_t row = d->ranges[i].first, after = row + d->ranges[i].count;
        uint64_t start = row > 0 ? end_of(s, row - 1, &null) : 0;
        for (; row < after && status == LANCELET_OK; row++) {
            uint64_t end = end_of(s, row, &null);
            if (end < start || end > s->bytes.size) {
                status = base_fail(err, LANCELET_CORRUPT, "a string's bytes lie outside its page");
                break;
            }
            wire_span text = {s->bytes.data ? s->bytes.data + start : NULL, (size_t)(end - start)};
            if (null) {
                status = lance_sink_nulls(d->sink, 1, err);
            } else {
                if (fsst) {
                    plain.size = 0;
                    status = lance_fsst_decode(fsst, text, &plain, err);
                    text = (wire_span){plain.data, plain.size};
                }
                if (status == LANCELET_OK)
                    status = lance_sink_bytes(d->sink, text.data, text.size, err);
            }
            read += 8 + text.size;
            start = end;
        }
    }
    base_count_read(read);
    base_buffer_free(&plain);
    return status;
}

static lancelet_status binary(const decoding *d, wire_span body, const lance_fsst *fsst, lancelet_error *err)
{
    strings s = {.adjustment = wire_u64(body, 3, 0)};
    uint64_t rows = d->page->rows, size = 0;
    bool null;
    if (d->sink->type.kind != LANCE_VARIABLE)
        return base_fail(err, LANCELET_CORRUPT, "a page holds strings where the column has none");
    lancelet_status status =
        lance_v20_fixed(d->page, wire_bytes(body, 1), rows, 64, &s.indices, &s.ends, err);
    if (status == LANCELET_OK) {
        size = end_of(&s, rows - 1, &null);
        status = lance_v20_bytes(d->page, wire_bytes(body, 2), size, &s.unpacked, &s.bytes, err);
    }
    if (status == LANCELET_OK)
        status = put_strings(d, &s, fsst, err);
    base_buffer_free(&s.indices);
    base_buffer_free(&s.unpacked);
    return status;
}

static lancelet_status fsst(const decoding *d, wire_span body, lancelet_error *err)
{
    lance_v20_encoding inner;
    lance_fsst table;
    RETURN_IF_ERROR(lance_v20_encoding_open(wire_bytes(body, 1), &inner, err));
    if (inner.kind != LANCE_V20_BINARY)
        return lance_v20_refuse(inner.kind, "strings compressed by FSST", err);
    RETURN_IF_ERROR(lance_fsst_open(wire_bytes(body, 2), &table, err));
    return binary(d, inner.body, &table, err);
}

/* Strings that are all of one length. */
static lancelet_status fixed_size_binary(const decoding *d, wire_span body, base_buffer *scratch, lancelet_error *err)
{
    uint64_t width = wire_u64(body, 2, 0), n;
    wire_span bytes;
    if (d->sink->type.kind != LANCE_VARIABLE || !base_mul_u64(d->page->rows, width, &n))
        return base_fail(err, LANCELET_CORRUPT, "a page's strings of one length do not fit the column");
    RETURN_IF_ERROR(lance_v20_bytes(d->page, wire_bytes(body, 1), n, scratch, &bytes, err));
    for (size_t i = 0; i < d->n; i++)
        for (uint64_t k = 0; k < d->ranges[i].count; k++)
            RETURN_IF_ERROR(lance_sink_bytes(
                d->sink, width ? bytes.data + (d->ranges[i].first + k) * width : NULL, (size_t)width, err));
    return LANCELET_OK;
}

/* ---- dictionaries ---- */

/* The width of the dictionary's keys: what their encoding says. */
static lancelet_status key_bits(wire_span encoding, uint32_t *bits, int depth, lancelet_error *err)
{
    lance_v20_encoding e;
    RETURN_IF_ERROR(lance_v20_encoding_open(encoding, &e, err));
    if (e.kind == LANCE_V20_NULLABLE && depth < DEEPEST) {
        wire_span none = wire_bytes(e.body, 1), some = wire_bytes(e.body, 2);
        if (none.data || some.data)
            return key_bits(some.data ? wire_bytes(some, 2) : wire_bytes(none, 1), bits, depth + 1, err);
    }
    uint64_t n = e.kind == LANCE_V20_FLAT ? wire_u64(e.body, 1, 0) : wire_u64(e.body, 2, 0);
    if (n != 8 && n != 16 && n != 32 && n != 64)
        return base_fail(err, LANCELET_CORRUPT, "a dictionary's keys are of a width that is none of 8 to 64 bits");
    *bits = (uint32_t)n;
    return LANCELET_OK;
}

static lancelet_status put_values(const decoding *d, const lance_sink *keys, const lance_sink *values,
                                  lancelet_error *err)
{
    uint64_t n = keys->length;
    size_t width = keys->type.width;
    /* Where a dictionary is but a way to store strings, key 0 is null and the others count from 1. */
    uint64_t base = d->is_dictionary ? 0 : 1;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t key = wire_little(keys->values + i * width, width);
        bool null = (keys->validity && !lance_bit(keys->validity, i)) || key < base;
        if (!null && key - base >= values->length)
            return base_fail(err, LANCELET_CORRUPT, "a dictionary has %llu values, one beyond them is asked for",
                             (unsigned long long)values->length);
        RETURN_IF_ERROR(null ? lance_sink_nulls(d->sink, 1, err)
                             : lance_sink_copy(values, key - base, d->sink, err));
    }
    return LANCELET_OK;
}

static lancelet_status dictionary(const decoding *d, wire_span body, int depth, lancelet_error *err)
{
    uint64_t n = wire_u64(body, 3, 0);
    lance_type key_type = {.kind = LANCE_FIXED, .items = 1};
    lance_sink keys = {0}, values = {0};
    RETURN_IF_ERROR(key_bits(wire_bytes(body, 1), &key_type.item_bits, 0, err));
    key_type.width = key_type.item_bits / 8;
    if (n / 8 > d->page->bytes_limit)
        return base_fail(err, LANCELET_CORRUPT, "a dictionary has more values than its file has bits");
    lance_v20_page items = *d->page;
    items.rows = n;
    lance_range all = {0, n};
    uint64_t limit = d->page->bytes_limit;
    lancelet_status status = lance_sink_open(&keys, &key_type, rows_of(d), limit, err);
    if (status == LANCELET_OK)
        status = lance_sink_open(&values, &d->sink->type, n, limit, err);
    if (status == LANCELET_OK) {
        decoding k = *d;
        k.sink = &keys;
        status = decode(&k, wire_bytes(body, 1), 0, depth + 1, err);
    }
    if (status == LANCELET_OK && n > 0) {
        decoding v = {&items, false, &all, 1, &values};
        status = decode(&v, wire_bytes(body, 2), 0, depth + 1, err);
    }
    if (status == LANCELET_OK)
        status = put_values(d, &keys, &values, err);
    lance_sink_free(&keys);
    lance_sink_free(&values);
    return status;
}

/* ---- the tree ---- */

/* Inside `lists` of the type's fixed-size lists. */
static lancelet_status decode(const decoding *d, wire_span encoding, size_t lists, int depth, lancelet_error *err)
{
    const lance_type *type = &d->sink->type;
    lance_v20_encoding e;
    base_buffer scratch = {0};
    lancelet_status status;
    if (depth > DEEPEST)
        return base_fail(err, LANCELET_LIMIT, "a page's encodings are nested more than %d deep", DEEPEST);
    RETURN_IF_ERROR(lance_v20_encoding_open(encoding, &e, err));
    if (e.kind == LANCE_V20_NULLABLE)
        return nullable(d, e.body, lists, depth, err);
    if (e.kind == LANCE_V20_FIXED_SIZE_LIST) {
        if (lists == type->depth || wire_u64(e.body, 1, 0) != type->size[lists])
            return base_fail(err, LANCELET_CORRUPT, "a page's fixed-size lists are not those of the column's type");
        if (wire_u64(e.body, 3, 0))
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "validity that FixedSizeList itself holds is not read in files of version 2.0");
        return decode(d, wire_bytes(e.body, 2), lists + 1, depth + 1, err);
    }
    if (lists != type->depth)
        return base_fail(err, LANCELET_CORRUPT, "a page has no fixed-size lists where the column has some");
    switch (e.kind) {
    case LANCE_V20_FLAT:
    case LANCE_V20_BITPACKED:
    case LANCE_V20_BITPACKED_FOR_NON_NEG:
        status = put_fixed(d, encoding, &scratch, err);
        break;
    case LANCE_V20_BINARY:
        status = binary(d, e.body, NULL, err);
        break;
    case LANCE_V20_FSST:
        status = fsst(d, e.body, err);
        break;
    case LANCE_V20_FIXED_SIZE_BINARY:
        status = fixed_size_binary(d, e.body, &scratch, err);
        break;
    case LANCE_V20_DICTIONARY:
        status = dictionary(d, e.body, depth, err);
        break;
    default:
        status = lance_v20_refuse(e.kind, "a column of this type", err);
    }
    base_buffer_free(&scratch);
    return status;
}

lancelet_status lance_v20_decode(const lance_v20_page *page, bool is_dictionary, const lance_range *ranges, size_t n,
                                 lance_sink *sink, lancelet_error *err)
{
    decoding d = {page, is_dictionary, ranges, n, sink};
    return decode(&d, page->message, 0, 0, err);
}

/* ---- packed structs ---- */

/* A row is its fields' values one behind the other; none is null. */
lancelet_status lance_v20_decode_packed(const lance_v20_page *page, const lance_range *ranges, size_t n,
                                        lance_sink *sinks, size_t n_fields, lancelet_error *err)
{
    size_t width = 0;
    uint64_t size;
    for (size_t i = 0; i < n_fields; i++) {
        if (sinks[i].type.width == 0)
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "packed structs are read where all their fields have a fixed width of whole bytes");
        if (!base_add_size(width, sinks[i].type.width, &width))
            return base_fail(err, LANCELET_LIMIT, "a packed struct is too wide");
    }
    wire_span buffer = wire_bytes(page->encoding.body, 2);
    uint64_t index = wire_u64(buffer, 1, 0);
    if (page->encoding.kind != LANCE_V20_PACKED_STRUCT)
        return lance_v20_refuse(page->encoding.kind, "a packed struct", err);
    if (wire_u64(buffer, 2, 0) != 0 || index >= page->n_buffers || !base_mul_u64(page->rows, width, &size) ||
        page->buffers[index].size < size)
        return base_fail(err, LANCELET_CORRUPT, "a packed struct's values lie outside of its page");
    for (size_t r = 0; r < n; r++) {
        base_count_read(ranges[r].count * width);
        for (uint64_t k = 0; k < ranges[r].count; k++) {
            const uint8_t *row = page->buffers[index].data + (ranges[r].first + k) * width;
            for (size_t i = 0; i < n_fields; i++) {
                lance_sink_fixed(&sinks[i], row, 1);
                row += sinks[i].type.width;
            }
        }
    }
    return LANCELET_OK;
}
