/* append.c - rows of a column's window into an Arrow builder's buffers, many at a time: values are put down dense, turned into
 * Arrow's form (narrow integers, INT96 as nanoseconds since 1970, decimals of 128 and 256 bits), and then moved apart where
 * levels say that rows are null. A field that may not be null has no nulls below a struct that is null, but zeros: its
 * validity is the struct's. */
#include "source/parquet/internal.h"

#include <string.h>

#include "arrow/type.h"

/* ---- validity ---- */

static bool make_validity(arrow_builder *b, size_t rows)
{
    size_t bytes = ((size_t)b->length + rows + 7) / 8, before = b->nulls ? b->validity.size : 0;
    if (bytes > b->validity.size && !base_buffer_reserve(&b->validity, bytes - b->validity.size))
        return false;
    if (bytes > before)
        memset(b->validity.data + before, 0, bytes - before);
    if (b->nulls == 0) { /* all rows before were valid */
        memset(b->validity.data, 0xFF, (size_t)b->length / 8);
        if (b->length % 8)
            b->validity.data[b->length / 8] = (uint8_t)((1u << (b->length % 8)) - 1);
    }
    b->validity.size = bytes;
    return true;
}

/* The next `rows` rows are counted, null where their level is below `definition`. */
static bool add_rows(arrow_builder *b, const parquet_column *c, uint8_t definition, size_t rows)
{
    bool nullable = b->schema->flags & ARROW_FLAG_NULLABLE;
    size_t nulls = 0;
    for (size_t i = 0; nullable && i < rows && (!c->uniform || c->uniform_level < definition); i++)
        nulls += parquet_column_level(c, i) < definition;
    if (nulls == 0 && b->nulls == 0) {
        b->length += (int64_t)rows;
        return true;
    }
    if (!make_validity(b, rows))
        return false;
    for (size_t i = 0; i < rows; i++) {
        uint64_t at = (uint64_t)b->length + i;
        bool valid = !nullable || parquet_column_level(c, i) >= definition;
        b->validity.data[at / 8] |= (uint8_t)((unsigned)valid << (at % 8));
    }
    b->nulls += (int64_t)nulls;
    b->length += (int64_t)rows;
    return true;
}

lancelet_status parquet_append_struct(arrow_builder *b, const parquet_column *c, uint8_t definition, size_t rows, lancelet_error *err)
{
    return add_rows(b, c, definition, rows) ? LANCELET_OK : base_fail_memory(err);
}

/* ---- values of fixed width ---- */

static void narrow(uint8_t *out, const uint8_t *in, size_t n, size_t width, size_t from)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            out[i * width + k] = in[i * from + width - 1 - k];
#else
            out[i * width + k] = in[i * from + k];
#endif
}

/* Nanoseconds of the day, then the Julian day; wraps as parquet-cpp does. */
static void nanoseconds(uint8_t *out, const uint8_t *in, size_t n)
{
    enum { JULIAN_DAY_OF_1970 = 2440588 };
    for (size_t i = 0; i < n; i++) {
        uint64_t of_day, ns;
        uint32_t day;
        memcpy(&of_day, in + i * 12, 8);
        memcpy(&day, in + i * 12 + 8, 4);
        ns = ((uint64_t)day - JULIAN_DAY_OF_1970) * UINT64_C(86400000000000) + of_day;
        memcpy(out + i * 8, &ns, 8);
    }
}

static void widen(uint8_t *out, const uint8_t *in, size_t n, size_t from, size_t width)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(out + i * width, in + i * from, from);
        memset(out + i * width + from, in[i * from + from - 1] & 0x80 ? 0xFF : 0, width - from);
    }
}

/* A big-endian number of `from` bytes as a little-endian one of `width`. */
static void turn(uint8_t *out, const uint8_t *in, size_t from, size_t width)
{
    for (size_t k = 0; k < from; k++)
        out[k] = in[from - 1 - k];
    memset(out + from, from && in[0] & 0x80 ? 0xFF : 0, width - from);
}

static lancelet_status turn_spans(uint8_t *out, const parquet_span *span, size_t n, size_t width, lancelet_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (span[i].n > width)
            return base_fail(err, LANCELET_CORRUPT, "a decimal has %zu bytes where %zu are the most", span[i].n, width);
        turn(out + i * width, span[i].bytes, span[i].n, width);
    }
    return LANCELET_OK;
}

static lancelet_status put_dense(uint8_t *out, const parquet_column *c, size_t n, lancelet_error *err)
{
    const parquet_leaf *leaf = c->leaf;
    const uint8_t *in = c->fixed;
    size_t from = leaf->width, width = leaf->arrow_width;
    if (n == 0)
        return LANCELET_OK;
    if (leaf->physical == PARQUET_BYTES)
        return turn_spans(out, c->span + c->dense, n, width, err);
    in += c->dense * from;
    switch (leaf->conversion) {
    case PARQUET_NARROW:
        narrow(out, in, n, width, from);
        break;
    case PARQUET_NANOSECONDS:
        nanoseconds(out, in, n);
        break;
    case PARQUET_WIDEN:
        widen(out, in, n, from, width);
        break;
    case PARQUET_BIG_ENDIAN:
        for (size_t i = 0; i < n; i++)
            turn(out + i * width, in + i * from, from, width);
        break;
    default:
        memcpy(out, in, n * width);
    }
    return LANCELET_OK;
}

/* n dense values moved to the rows that have one, the last first; zeros between. */
static void move_apart(uint8_t *out, const parquet_column *c, size_t n, size_t rows, size_t width)
{
    uint8_t there = c->leaf->definition;
    for (size_t i = rows; i-- > 0 && n < i + 1;) {
        if (parquet_column_level(c, i) == there) {
            n--;
            if (width == 4)
                memcpy(out + i * 4, out + n * 4, 4);
            else if (width == 8)
                memcpy(out + i * 8, out + n * 8, 8);
            else
                memmove(out + i * width, out + n * width, width);
        } else {
            memset(out + i * width, 0, width);
        }
    }
}

static lancelet_status append_fixed(arrow_builder *b, const parquet_column *c, size_t rows, lancelet_error *err)
{
    size_t width = c->leaf->arrow_width, n = parquet_column_dense(c, rows), bytes;
    if (!base_mul_size(rows, width, &bytes) || !base_buffer_reserve(&b->values, bytes))
        return base_fail_memory(err);
    uint8_t *out = b->values.data + b->values.size;
    RETURN_IF_ERROR(put_dense(out, c, n, err));
    move_apart(out, c, n, rows, width);
    b->values.size += bytes;
    return LANCELET_OK;
}

static lancelet_status append_bools(arrow_builder *b, const parquet_column *c, size_t rows, lancelet_error *err)
{
    size_t bytes = ((size_t)b->length + rows + 7) / 8, more = bytes - b->values.size;
    const uint8_t *in = c->fixed;
    if (!base_buffer_reserve(&b->values, more))
        return base_fail_memory(err);
    memset(b->values.data + b->values.size, 0, more);
    b->values.size = bytes;
    size_t dense = c->dense;
    for (size_t i = 0; i < rows; i++) {
        uint64_t at = (uint64_t)b->length + i;
        bool there = parquet_column_level(c, i) == c->leaf->definition;
        if (there)
            b->values.data[at / 8] |= (uint8_t)((unsigned)in[dense++] << (at % 8));
    }
    return LANCELET_OK;
}

/* ---- byte arrays ---- */

static bool reserve_bytes(arrow_builder *b, const parquet_span *span, size_t n, size_t rows, size_t width, size_t *end)
{
    size_t more = 0, offsets;
    for (size_t i = 0; i < n; i++)
        if (!base_add_size(more, span[i].n, &more))
            return false;
    return base_add_size(b->values.size, more, end) && base_mul_size(rows, width, &offsets) &&
           base_buffer_reserve(&b->values, more) && base_buffer_reserve(&b->offsets, offsets);
}

static lancelet_status append_bytes(arrow_builder *b, const parquet_column *c, size_t rows, lancelet_error *err)
{
    size_t n = parquet_column_dense(c, rows), width = b->large ? 8 : 4, end, dense = 0;
    const parquet_span *span = n ? c->span + c->dense : NULL;
    if (!reserve_bytes(b, span, n, rows, width, &end))
        return base_fail_memory(err);
    if (!b->large && end > INT32_MAX)
        return base_fail(err, LANCELET_LIMIT, "a value has more than 2 GiB");
    uint8_t *out = b->values.data, *offsets = b->offsets.data + b->offsets.size;
    size_t at = b->values.size;
    for (size_t i = 0; i < rows; i++) {
        if (n == rows || parquet_column_level(c, i) == c->leaf->definition) {
            if (span[dense].n)
                memcpy(out + at, span[dense].bytes, span[dense].n);
            at += span[dense++].n;
        }
        if (width == 8) {
            int64_t wide = (int64_t)at;
            memcpy(offsets + i * 8, &wide, 8);
        } else {
            int32_t offset = (int32_t)at;
            memcpy(offsets + i * 4, &offset, 4);
        }
    }
    b->values.size = at;
    b->offsets.size += rows * width;
    return LANCELET_OK;
}

static lancelet_status append_dictionary(arrow_builder *b, const parquet_column *c, size_t rows, lancelet_error *err)
{
    size_t dense = c->dense;
    bool nullable = b->schema->flags & ARROW_FLAG_NULLABLE, good = true;
    for (size_t i = 0; i < rows && good; i++)
        if (parquet_column_level(c, i) == c->leaf->definition) {
            good = arrow_append_bytes(b, c->span[dense].bytes, c->span[dense].n);
            dense++;
        } else {
            good = nullable ? arrow_append_null(b) : arrow_append_bytes(b, "", 0);
        }
    if (!good && b->full)
        return base_fail(err, LANCELET_LIMIT, "it has more values than its dictionary can count");
    return good ? LANCELET_OK : base_fail_memory(err);
}

lancelet_status parquet_append(arrow_builder *b, const parquet_column *c, size_t rows, lancelet_error *err)
{
    switch (b->kind) {
    case ARROW_NULL:
        b->length += (int64_t)rows;
        b->nulls += (int64_t)rows;
        return LANCELET_OK;
    case ARROW_DICTIONARY:
        return append_dictionary(b, c, rows, err);
    case ARROW_BOOL:
        RETURN_IF_ERROR(append_bools(b, c, rows, err));
        break;
    case ARROW_BYTES:
        RETURN_IF_ERROR(append_bytes(b, c, rows, err));
        break;
    default:
        RETURN_IF_ERROR(append_fixed(b, c, rows, err));
    }
    return add_rows(b, c, c->leaf->definition, rows) ? LANCELET_OK : base_fail_memory(err);
}
