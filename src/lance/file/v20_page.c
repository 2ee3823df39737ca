/* v20_page.c - pages of version 2.0: their buffers and the encodings of values of a fixed width.
 * A page of 2.0 is a tree of ArrayEncoding messages whose leaves name the page's buffers. Source:
 * protos/encodings_v2_0.proto of the Lance project and files that its writers made; what no writer of 2.0 makes
 * (constant values, buffers outside of pages, validity inside FixedSizeList) is refused by name. */
#include "base/unpack.h"
#include "lance/file/v20.h"

static const uint32_t ZSTD_MAGIC = 0xFD2FB528;

static const char *encoding_name(uint32_t kind)
{
    static const char *const names[] = {NULL,
                                        "Flat",
                                        "Nullable",
                                        "FixedSizeList",
                                        "List",
                                        "SimpleStruct",
                                        "Binary",
                                        "Dictionary",
                                        "Fsst",
                                        "PackedStruct",
                                        "Bitpacked",
                                        "FixedSizeBinary",
                                        "BitpackedForNonNeg",
                                        "Constant",
                                        "InlineBitpacking",
                                        "OutOfLineBitpacking",
                                        "Variable",
                                        "PackedStructFixedWidthMiniBlock",
                                        "Block",
                                        "Rle",
                                        "GeneralMiniBlock",
                                        "ByteStreamSplit"};
    return kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

lancelet_status lance_v20_refuse(uint32_t kind, const char *where, lancelet_error *err)
{
    const char *name = encoding_name(kind);
    if (name)
        return base_fail(err, LANCELET_UNSUPPORTED, "the encoding %s of file version 2.0 is not read for %s", name,
                         where);
    return base_fail(err, LANCELET_UNSUPPORTED, "encoding %u of file version 2.0 is not read for %s", kind, where);
}

lancelet_status lance_v20_encoding_open(wire_span message, lance_v20_encoding *out, lancelet_error *err)
{
    wire_field field;
    bool bad = false;
    if (!wire_next(&message, &field, &bad) || field.type != 2 || !wire_check(field.bytes))
        return base_fail(err, LANCELET_CORRUPT, "a page's encoding is malformed");
    *out = (lance_v20_encoding){field.number, field.bytes};
    return LANCELET_OK;
}

lancelet_status lance_v20_page_open(const lance_file *f, const lance_page *page, lance_v20_page *out,
                                    lancelet_error *err)
{
    static const char url20[] = "/lance.encodings.ArrayEncoding";
    memset(out, 0, sizeof *out);
    out->rows = page->rows;
    out->bytes_limit = lance_file_unfold_limit(f);
    RETURN_IF_ERROR(
        lance_page_buffers(f, page->message, out->buffers, LANCE_V20_BUFFERS, &out->n_buffers, err));
    wire_span any = wire_bytes(wire_bytes(wire_bytes(page->message, 4), 2), 1);
    wire_span url = wire_bytes(any, 1);
    if (url.size != sizeof url20 - 1 || memcmp(url.data, url20, url.size) != 0)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "the page is stored as '%.*s', which files of version 2.0 do not have",
                         (int)lance_min(url.size, 100), url.data ? (const char *)url.data : "");
    out->message = wire_bytes(any, 2);
    return lance_v20_encoding_open(out->message, &out->encoding, err);
}

/* ---- buffers ---- */

static lancelet_status find_buffer(const lance_v20_page *page, wire_span message, wire_span *out, lancelet_error *err)
{
    uint64_t index = wire_u64(message, 1, 0);
    if (wire_u64(message, 2, 0) != 0)
        return base_fail(err, LANCELET_UNSUPPORTED, "values outside of a column's pages are not read");
    if (index >= page->n_buffers)
        return base_fail(err, LANCELET_CORRUPT, "a page has %zu buffers, buffer %llu is asked for", page->n_buffers,
                         (unsigned long long)index);
    *out = page->buffers[index];
    return LANCELET_OK;
}

static uint8_t *room(base_buffer *scratch, size_t n)
{
    base_buffer_free(scratch);
    return base_buffer_reserve(scratch, n ? n : 1) ? scratch->data : NULL;
}

static lancelet_status too_short(lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "a page's buffer is too short for its values");
}

/* zstd comes with its size in front (u64), from the first writers without; lz4 with u32. `size` bytes are needed. */
static lancelet_status unpack(const lance_v20_page *page, wire_span compression, wire_span in, uint64_t size,
                              base_buffer *scratch, wire_span *out, lancelet_error *err)
{
    wire_span scheme = wire_bytes(compression, 1);
    bool zstd = scheme.size == 4 && memcmp(scheme.data, "zstd", 4) == 0;
    bool lz4 = scheme.size == 3 && memcmp(scheme.data, "lz4", 3) == 0;
    if (!zstd && !lz4)
        return base_fail(err, LANCELET_UNSUPPORTED, "buffers compressed by '%.*s' are not read",
                         (int)lance_min(scheme.size, 40), scheme.data ? (const char *)scheme.data : "");
    *out = (wire_span){NULL, 0};
    if (in.size == 0)
        return size == 0 ? LANCELET_OK : too_short(err);
    size_t prefix = lz4 ? 4 : in.size >= 4 && wire_little(in.data, 4) == ZSTD_MAGIC ? 0 : 8;
    if (in.size < prefix)
        return too_short(err);
    uint64_t unpacked = prefix ? wire_little(in.data, prefix) : size;
    if (unpacked < size)
        return too_short(err);
    if (unpacked > page->bytes_limit)
        return base_fail(err, LANCELET_LIMIT, "a page's buffer unfolds to more bytes than the file's size allows");
    uint8_t *to = room(scratch, (size_t)unpacked);
    if (!to)
        return base_fail_memory(err);
    *out = (wire_span){to, (size_t)unpacked};
    return zstd ? base_unpack_zstd(in.data + prefix, in.size - prefix, to, (size_t)unpacked, err)
                : base_unpack_lz4(in.data + prefix, in.size - prefix, to, (size_t)unpacked, err);
}

/* The bytes of a Flat encoding, at least `size`. */
static lancelet_status flat(const lance_v20_page *page, wire_span body, uint64_t size, base_buffer *scratch,
                            wire_span *out, lancelet_error *err)
{
    wire_span compression = wire_bytes(body, 3);
    RETURN_IF_ERROR(find_buffer(page, wire_bytes(body, 2), out, err));
    if (!compression.data)
        return out->size < size ? too_short(err) : LANCELET_OK;
    base_count_read(out->size);
    return unpack(page, compression, *out, size, scratch, out, err);
}

/* ---- bit-packing ---- */

/* Values of `width` bits one behind the other, lowest bit first, as `bits` bits each. */
static lancelet_status bitpacked(const lance_v20_page *page, wire_span body, uint64_t n, uint32_t bits,
                                 base_buffer *scratch, const uint8_t **values, lancelet_error *err)
{
    wire_span in;
    uint64_t width = wire_u64(body, 1, 0), size;
    bool is_signed = wire_u64(body, 4, 0) != 0;
    RETURN_IF_ERROR(find_buffer(page, wire_bytes(body, 3), &in, err));
    if (!base_mul_u64(n, width, &size) || size / 8 + (size % 8 > 0) > in.size)
        return too_short(err);
    uint8_t *to = room(scratch, (size_t)n * (bits / 8));
    if (!to)
        return base_fail_memory(err);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t v = 0, at = i * width;
        for (uint64_t done = 0; done < width;) {
            uint64_t take = lance_min(8 - (at + done) % 8, width - done);
            uint64_t part = (uint64_t)in.data[(at + done) / 8] >> (at + done) % 8 & ((1u << take) - 1);
            v |= part << done;
            done += take;
        }
        if (is_signed && width < 64 && v >> (width - 1) & 1)
            v |= ~(uint64_t)0 << width;
        for (uint32_t b = 0; b < bits / 8; b++)
            to[i * (bits / 8) + b] = (uint8_t)(v >> 8 * b);
    }
    *values = to;
    return LANCELET_OK;
}

/* FastLanes blocks of 1024 values, the last one filled up. */
static lancelet_status fastlanes(const lance_v20_page *page, wire_span body, uint64_t n, uint32_t bits,
                                 base_buffer *scratch, const uint8_t **values, lancelet_error *err)
{
    wire_span in;
    uint32_t width = (uint32_t)wire_u64(body, 1, 0);
    uint64_t blocks = n / 1024 + (n % 1024 > 0);
    RETURN_IF_ERROR(find_buffer(page, wire_bytes(body, 3), &in, err));
    if (blocks > in.size / (128 * width))
        return too_short(err);
    uint8_t *to = room(scratch, (size_t)blocks * 128 * bits);
    if (!to)
        return base_fail_memory(err);
    for (uint64_t i = 0; i < blocks; i++)
        lance_unpack_1024(in.data + i * 128 * width, bits, width, to + i * 128 * bits);
    *values = to;
    return LANCELET_OK;
}

/* ---- values ---- */

/* The encoding, or what a Nullable without nulls wraps. */
static lancelet_status open_without_nulls(wire_span message, lance_v20_encoding *out, lancelet_error *err)
{
    RETURN_IF_ERROR(lance_v20_encoding_open(message, out, err));
    if (out->kind != LANCE_V20_NULLABLE || !wire_bytes(out->body, 1).data)
        return LANCELET_OK;
    return lance_v20_encoding_open(wire_bytes(wire_bytes(out->body, 1), 1), out, err);
}

lancelet_status lance_v20_fixed(const lance_v20_page *page, wire_span encoding, uint64_t n, uint32_t bits,
                                base_buffer *scratch, const uint8_t **values, lancelet_error *err)
{
    lance_v20_encoding e;
    RETURN_IF_ERROR(open_without_nulls(encoding, &e, err));
    if (e.kind == LANCE_V20_FLAT) {
        wire_span bytes;
        uint64_t size;
        if (wire_u64(e.body, 1, 0) != bits)
            return base_fail(err, LANCELET_CORRUPT, "a page holds values of another width than its column's");
        if (!base_mul_u64(n, bits, &size))
            return too_short(err);
        RETURN_IF_ERROR(flat(page, e.body, size / 8 + (size % 8 > 0), scratch, &bytes, err));
        *values = bytes.data;
        return LANCELET_OK;
    }
    if (e.kind != LANCE_V20_BITPACKED && e.kind != LANCE_V20_BITPACKED_FOR_NON_NEG)
        return lance_v20_refuse(e.kind, "values of a fixed width", err);
    uint64_t width = wire_u64(e.body, 1, 0);
    if ((bits != 8 && bits != 16 && bits != 32 && bits != 64) || wire_u64(e.body, 2, 0) != bits || width < 1 ||
        width > bits)
        return base_fail(err, LANCELET_CORRUPT, "a page's bit-packed values do not fit the column");
    return e.kind == LANCE_V20_BITPACKED ? bitpacked(page, e.body, n, bits, scratch, values, err)
                                         : fastlanes(page, e.body, n, bits, scratch, values, err);
}

lancelet_status lance_v20_bytes(const lance_v20_page *page, wire_span encoding, uint64_t size, base_buffer *scratch,
                                wire_span *bytes, lancelet_error *err)
{
    lance_v20_encoding e;
    RETURN_IF_ERROR(open_without_nulls(encoding, &e, err));
    if (e.kind != LANCE_V20_FLAT)
        return lance_v20_refuse(e.kind, "the bytes of strings", err);
    if (wire_u64(e.body, 1, 0) != 8)
        return base_fail(err, LANCELET_CORRUPT, "the bytes of a page's strings have another width than 8 bits");
    return flat(page, e.body, size, scratch, bytes, err);
}

lancelet_status lance_v20_matrix(const lance_file *f, const lance_page *page, const lance_type *type,
                                 const uint8_t **out, lancelet_error *err)
{
    lance_v20_page view;
    lance_v20_encoding e;
    *out = NULL;
    RETURN_IF_ERROR(lance_v20_page_open(f, page, &view, err));
    RETURN_IF_ERROR(open_without_nulls(view.message, &e, err));
    if (e.kind != LANCE_V20_FIXED_SIZE_LIST || wire_u64(e.body, 1, 0) != type->items || type->depth != 1)
        return LANCELET_OK;
    RETURN_IF_ERROR(open_without_nulls(wire_bytes(e.body, 2), &e, err));
    uint64_t size;
    wire_span bytes;
    if (e.kind != LANCE_V20_FLAT || wire_u64(e.body, 1, 0) != type->item_bits || wire_bytes(e.body, 3).data)
        return LANCELET_OK;
    RETURN_IF_ERROR(find_buffer(&view, wire_bytes(e.body, 2), &bytes, err));
    if (!base_mul_u64(page->rows, type->width, &size) || bytes.size < size)
        return too_short(err);
    /* Where a writer did not align the page, its values are no floats that a program may read in place. */
    if ((uintptr_t)bytes.data % (type->item_bits / 8) == 0)
        *out = bytes.data;
    return LANCELET_OK;
}
