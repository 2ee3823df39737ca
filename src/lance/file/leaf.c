/* leaf.c - the leaf encodings of fixed-width values (CompressiveEncoding of protos/encodings_v2_1.proto): Flat,
 * InlineBitpacking, OutOfLineBitpacking, Rle, ByteStreamSplit, General (lz4, zstd); and strings (Variable). A decoder
 * is told how many values to make, and looks at how many bytes there are before it takes memory for them. */
#include "base/unpack.h"
#include "lance/file/page.h"

enum { BLOCK = 1024 /* values of a bit-packed block */ };
/* No chunk, block or value unpacks to more than 2 GiB, and none that is small itself to more than 256 MiB. */
static const uint64_t UNPACK_LIMIT = (uint64_t)1 << 31;
static const uint64_t SMALL_UNPACK_LIMIT = (uint64_t)1 << 28;

void lance_scratch_free(lance_scratch *s)
{
    base_buffer_free(&s->unpacked);
    base_buffer_free(&s->values);
    base_buffer_free(&s->levels);
}

lancelet_status lance_leaf_open(wire_span encoding, lance_leaf *out, lancelet_error *err)
{
    wire_field f;
    bool bad;
    if (!wire_next(&encoding, &f, &bad) || f.type != 2 || !wire_check(f.bytes))
        return base_fail(err, LANCELET_CORRUPT, "a page's encoding is missing or malformed");
    out->kind = f.number;
    out->body = f.bytes;
    return LANCELET_OK;
}

lancelet_status lance_leaf_refuse(const lance_leaf *leaf, const char *where, lancelet_error *err)
{
    static const char *const names[] = {"unknown",
                                        "Flat",
                                        "Variable",
                                        "Constant",
                                        "OutOfLineBitpacking",
                                        "InlineBitpacking",
                                        "Fsst",
                                        "Dictionary",
                                        "Rle",
                                        "ByteStreamSplit",
                                        "General",
                                        "FixedSizeList",
                                        "PackedStruct",
                                        "VariablePackedStruct"};
    if (leaf->kind >= sizeof names / sizeof *names)
        return base_fail(err, LANCELET_UNSUPPORTED, "encoding %u is not read for %s", leaf->kind, where);
    return base_fail(err, LANCELET_UNSUPPORTED, "the encoding %s is not read for %s", names[leaf->kind],
                     where);
}

/* Room for n bytes at the start of b. */
static uint8_t *room(base_buffer *b, size_t n)
{
    b->size = 0;
    if (!base_buffer_reserve(b, n ? n : 1))
        return NULL;
    b->size = n;
    return b->data;
}

lancelet_status lance_leaf_unpack(const lance_leaf *general, wire_span in, base_buffer *out, wire_span *bytes,
                                  lancelet_error *err)
{
    uint64_t scheme = wire_u64(wire_bytes(general->body, 1), 1, 0);
    if (scheme != 1 && scheme != 2)
        return base_fail(err, LANCELET_UNSUPPORTED, "compression scheme %d is not read",
                         (int)lance_min(scheme, 999));
    if (in.size == 0) {
        *bytes = in;
        return LANCELET_OK;
    }
    size_t prefix = scheme == 1 ? 4 : 8;
    if (in.size < prefix)
        return base_fail(err, LANCELET_CORRUPT, "a compressed buffer is too short");
    if (scheme == 2 &&
        wire_little(in.data, 4) == 0xFD2FB528) /* a zstd frame without Lance's length before it */
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "zstd data of an early Lance version, without its length, is not read");
    uint64_t size = wire_little(in.data, prefix);
    /* The most that one byte can stand for: a zstd block of 128 KiB takes at least 4, an lz4 length byte adds 255. */
    uint64_t ratio = scheme == 1 ? 255 : 32768;
    if (size / ratio > in.size - prefix)
        return base_fail(err, LANCELET_CORRUPT, "a compressed buffer claims more bytes than it can hold");
    if (size > UNPACK_LIMIT || (size > SMALL_UNPACK_LIMIT && size / 64 > in.size))
        return base_fail(err, LANCELET_LIMIT, "a compressed buffer of %llu bytes is larger than the limit",
                         (unsigned long long)size);
    uint8_t *to = room(out, (size_t)size);
    if (!to)
        return base_fail_memory(err);
    if (scheme == 1)
        RETURN_IF_ERROR(base_unpack_lz4(in.data + prefix, in.size - prefix, to, (size_t)size, err));
    else
        RETURN_IF_ERROR(base_unpack_zstd(in.data + prefix, in.size - prefix, to, (size_t)size, err));
    *bytes = (wire_span){to, (size_t)size};
    return LANCELET_OK;
}

static lancelet_status too_short(const char *what, lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "a page's %s values are shorter than their count says", what);
}

/* Each block of 1024: its bit width as one full word, then the packed words. */
static lancelet_status inline_bitpacking(wire_span in, uint64_t n, uint32_t bits, base_buffer *out,
                                         const uint8_t **values, lancelet_error *err)
{
    uint64_t blocks = (n + BLOCK - 1) / BLOCK, word = bits / 8;
    if (blocks > in.size / word)
        return too_short("bit-packed", err);
    uint8_t *to = room(out, (size_t)(blocks * BLOCK * word));
    if (!to)
        return base_fail_memory(err);
    *values = to;
    for (uint64_t i = 0; i < blocks; i++, to += BLOCK * word) {
        if (in.size < word)
            return too_short("bit-packed", err);
        uint64_t width = wire_little(in.data, (size_t)word);
        if (width > bits)
            return base_fail(err, LANCELET_CORRUPT, "bit-packed values of %u bits claim a wider width", bits);
        uint64_t packed = width * (BLOCK / 8);
        if (packed > in.size - word)
            return too_short("bit-packed", err);
        lance_unpack_1024(in.data + word, bits, (uint32_t)width, to);
        in.data += word + packed;
        in.size -= (size_t)(word + packed);
    }
    return LANCELET_OK;
}

/* Blocks of 1024 packed to one width; the tail either packed too or stored raw, told apart by the buffer's length. */
static lancelet_status out_of_line_bitpacking(const lance_leaf *leaf, wire_span in, uint64_t n, uint32_t bits,
                                              base_buffer *out, const uint8_t **values, lancelet_error *err)
{
    lance_leaf inner;
    RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf->body, 3), &inner, err));
    uint64_t width = wire_u64(inner.body, 1, 0), word = bits / 8;
    if (inner.kind != LANCE_FLAT)
        return lance_leaf_refuse(&inner, "bit-packed values", err);
    if (width == 0 || width > bits) /* width 0 would be any number of values in no bytes */
        return base_fail(err, LANCELET_CORRUPT, "bit-packed values of %u bits claim a width of %u", bits,
                         (unsigned)lance_min(width, UINT32_MAX));
    uint64_t whole = n / BLOCK, tail = n % BLOCK, block = width * (BLOCK / 8);
    uint64_t fulls = whole * block;
    bool raw = tail > 0 && in.size == fulls + tail * word;
    if (in.size < fulls || (tail > 0 && !raw && in.size - fulls < block))
        return too_short("bit-packed", err);
    uint8_t *to = room(out, (size_t)((whole + (tail > 0)) * BLOCK * word));
    if (!to)
        return base_fail_memory(err);
    *values = to;
    for (uint64_t i = 0; i < whole + (tail > 0 && !raw); i++)
        lance_unpack_1024(in.data + i * block, bits, (uint32_t)width, to + i * BLOCK * word);
    if (raw)
        memcpy(to + whole * BLOCK * word, in.data + fulls, (size_t)(tail * word));
    return LANCELET_OK;
}

/* Values and one-byte run lengths, in two buffers of a chunk or in one block: u64 size of the values, values, lengths.
 * The last run may reach past the chunk (a writer of 2025 rounds down to a power of two); what is over is dropped. */
static lancelet_status run_lengths(const lance_leaf *leaf, const wire_span *buffers, size_t n_buffers,
                                   uint64_t n, uint32_t bits, base_buffer *out, const uint8_t **values,
                                   lancelet_error *err)
{
    lance_leaf value, length;
    RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf->body, 1), &value, err));
    RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf->body, 2), &length, err));
    if (value.kind != LANCE_FLAT)
        return lance_leaf_refuse(&value, "run values", err);
    if (length.kind != LANCE_FLAT)
        return lance_leaf_refuse(&length, "run lengths", err);
    if (wire_u64(value.body, 1, 0) != bits || wire_u64(length.body, 1, 0) != 8)
        return base_fail(err, LANCELET_UNSUPPORTED, "run lengths of another width are not read");
    wire_span v, l;
    if (n_buffers >= 2) {
        v = buffers[0];
        l = buffers[1];
    } else {
        wire_span in = buffers[0];
        if (in.size < 8 || wire_little(in.data, 8) > in.size - 8)
            return too_short("run-length", err);
        v = (wire_span){in.data + 8, (size_t)wire_little(in.data, 8)};
        l = (wire_span){in.data + 8 + v.size, in.size - 8 - v.size};
    }
    uint64_t word = bits / 8, runs = lance_min(v.size / word, l.size);
    if (n > runs * 255)
        return too_short("run-length", err);
    uint8_t *to = room(out, (size_t)(n * word));
    if (!to)
        return base_fail_memory(err);
    *values = to;
    uint64_t left = n;
    for (uint64_t i = 0; i < runs && left > 0; i++) {
        uint64_t run = lance_min(l.data[i], left);
        left -= run;
        uint64_t size = run * word, done = lance_min(word, size);
        if (size > 0)
            memcpy(to, v.data + i * word, (size_t)word);
        for (; done < size; done += lance_min(done, size - done)) /* twice as many each time */
            memcpy(to + done, to, (size_t)lance_min(done, size - done));
        to += size;
    }
    return left == 0 ? LANCELET_OK : too_short("run-length", err);
}

/* Byte planes: all first bytes, then all second bytes, ... */
static lancelet_status byte_stream_split(const lance_leaf *leaf, wire_span in, uint64_t n, uint32_t bits,
                                         base_buffer *out, const uint8_t **values, lancelet_error *err)
{
    lance_leaf inner;
    RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf->body, 1), &inner, err));
    if (inner.kind != LANCE_FLAT)
        return lance_leaf_refuse(&inner, "split bytes", err);
    uint64_t word = bits / 8;
    if (wire_u64(inner.body, 1, 0) != bits)
        return base_fail(err, LANCELET_CORRUPT, "a page's split bytes have another width than the column");
    if (n > in.size / word)
        return too_short("byte-split", err);
    uint8_t *to = room(out, (size_t)(n * word));
    if (!to)
        return base_fail_memory(err);
    *values = to;
    for (uint64_t b = 0; b < word; b++)
        for (uint64_t i = 0; i < n; i++)
            to[i * word + b] = in.data[b * n + i];
    return LANCELET_OK;
}

/* The one value that the encoding itself holds. */
static lancelet_status constant(const lance_leaf *leaf, uint64_t n, uint32_t bits, base_buffer *out,
                                const uint8_t **values, lancelet_error *err)
{
    wire_span value = wire_bytes(leaf->body, 1);
    size_t size;
    if (value.size == 0 || value.size != bits / 8)
        return base_fail(err, LANCELET_CORRUPT, "a page's constant has another width than the column");
    if (!base_mul_size((size_t)n, value.size, &size) || size > SMALL_UNPACK_LIMIT)
        return base_fail(err, LANCELET_LIMIT, "a constant that stands for %llu values is larger than the limit",
                         (unsigned long long)n);
    uint8_t *to = room(out, size);
    if (!to)
        return base_fail_memory(err);
    *values = to;
    for (uint64_t i = 0; i < n; i++)
        memcpy(to + i * value.size, value.data, value.size);
    return LANCELET_OK;
}

bool lance_leaf_is_absent(const lance_leaf *leaf)
{
    return leaf->kind == LANCE_CONSTANT && !wire_bytes(leaf->body, 1).data;
}

static bool word_bits(uint32_t bits)
{
    return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

lancelet_status lance_leaf_fixed(wire_span encoding, const wire_span *buffers, size_t n_buffers, uint64_t n,
                                 uint32_t bits, lance_scratch *scratch, const uint8_t **values,
                                 lancelet_error *err)
{
    lance_leaf leaf;
    wire_span unpacked[2];
    RETURN_IF_ERROR(lance_leaf_open(encoding, &leaf, err));
    if (leaf.kind == LANCE_GENERAL && n_buffers >= 1 &&
        n_buffers <= 2) { /* only the first buffer is compressed */
        RETURN_IF_ERROR(lance_leaf_unpack(&leaf, buffers[0], &scratch->unpacked, &unpacked[0], err));
        unpacked[1] = n_buffers == 2 ? buffers[1] : (wire_span){NULL, 0};
        buffers = unpacked;
        RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf.body, 3), &leaf, err));
    }
    if (leaf.kind == LANCE_CONSTANT && bits % 8 == 0)
        return constant(&leaf, n, bits, &scratch->values, values, err);
    if (n_buffers < 1 || (leaf.kind != LANCE_RLE && n_buffers != 1))
        return base_fail(err, LANCELET_CORRUPT,
                         "a page has %zu value buffers where its encoding has another number", n_buffers);
    uint64_t claimed = wire_u64(leaf.body, 1, 0);
    switch (leaf.kind) {
    case LANCE_FLAT: {
        uint64_t size;
        if (claimed != bits)
            return base_fail(err, LANCELET_CORRUPT, "a page holds values of %u bits where the column has %u",
                             (unsigned)lance_min(claimed, UINT32_MAX), bits);
        if (wire_bytes(leaf.body, 2).data)
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "Flat values that are compressed themselves are not read");
        if (!base_mul_u64(n, bits, &size) || buffers[0].size < size / 8 + (size % 8 > 0))
            return too_short("plain", err);
        *values = buffers[0].data;
        return LANCELET_OK;
    }
    case LANCE_INLINE_BITPACKING:
        if (claimed != bits || !word_bits(bits))
            break;
        if (wire_bytes(leaf.body, 2).data)
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "bit-packed values that are compressed themselves are not read");
        return inline_bitpacking(buffers[0], n, bits, &scratch->values, values, err);
    case LANCE_OUT_OF_LINE_BITPACKING:
        if (claimed != bits || !word_bits(bits))
            break;
        return out_of_line_bitpacking(&leaf, buffers[0], n, bits, &scratch->values, values, err);
    case LANCE_RLE:
        if (!word_bits(bits))
            break;
        return run_lengths(&leaf, buffers, n_buffers, n, bits, &scratch->values, values, err);
    case LANCE_BYTE_STREAM_SPLIT:
        if (!word_bits(bits))
            break;
        return byte_stream_split(&leaf, buffers[0], n, bits, &scratch->values, values, err);
    default:
        return lance_leaf_refuse(&leaf, "fixed-width values", err);
    }
    return base_fail(err, LANCELET_CORRUPT, "a page's encoding does not fit values of %u bits", bits);
}

lancelet_status lance_leaf_levels(wire_span encoding, wire_span block, uint64_t n, const uint8_t *meaning,
                                  uint8_t most, lance_scratch *scratch, const uint8_t **levels, lancelet_error *err)
{
    const uint8_t *values;
    RETURN_IF_ERROR(lance_leaf_fixed(encoding, &block, 1, n, 16, scratch, &values, err));
    return lance_levels_map(values, n, meaning, most, &scratch->levels, levels, err);
}

lancelet_status lance_levels_map(const uint8_t *values, uint64_t n, const uint8_t *meaning, uint8_t most,
                                 base_buffer *out, const uint8_t **levels, lancelet_error *err)
{
    uint16_t highest = 0;
    uint8_t *to = room(out, (size_t)n);
    if (!to)
        return base_fail_memory(err);
    for (uint64_t i = 0; i < n; i++) {
        uint16_t level;
        memcpy(&level, values + 2 * i, 2);
        highest = level > highest ? level : highest;
        to[i] = (uint8_t)level;
    }
    if (highest > most)
        return base_fail(err, LANCELET_CORRUPT, "a level of nesting is %d where the page's layers have %d", highest,
                         most);
    bool same = true;
    for (uint8_t level = 0; meaning && level <= most; level++)
        same = same && meaning[level] == level;
    for (uint64_t i = 0; !same && i < n; i++)
        to[i] = meaning[to[i]];
    *levels = to;
    return LANCELET_OK;
}

/* ---- strings ---- */

lancelet_status lance_strings_chunk(wire_span encoding, wire_span buffer, uint64_t n, lance_strings *out,
                                    lancelet_error *err)
{
    lance_leaf leaf, offsets;
    RETURN_IF_ERROR(lance_leaf_open(encoding, &leaf, err));
    if (leaf.kind != LANCE_VARIABLE_LEAF)
        return lance_leaf_refuse(&leaf, "strings", err);
    if (wire_bytes(leaf.body, 2).data)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "strings that are compressed inside Variable are not read");
    RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf.body, 1), &offsets, err));
    uint64_t bits = wire_u64(offsets.body, 1, 0);
    if (offsets.kind != LANCE_FLAT)
        return lance_leaf_refuse(&offsets, "string offsets", err);
    if (bits != 32 && bits != 64)
        return base_fail(err, LANCELET_CORRUPT, "string offsets are neither of 32 nor of 64 bits");
    out->offset_bytes = (size_t)bits / 8;
    out->n = n;
    if (n >= buffer.size / out->offset_bytes)
        return too_short("string", err);
    out->offsets = buffer.data;
    out->bytes = buffer; /* offsets count from the buffer's start */
    return LANCELET_OK;
}

/* A block carries a small header: the offsets' bits and where the bytes begin; offsets count from there. */
lancelet_status lance_strings_block(wire_span block, uint64_t n, lance_strings *out, lancelet_error *err)
{
    uint64_t bits = block.size >= 4 ? wire_little(block.data, 4) : 0;
    if (bits != 32 && bits != 64)
        return base_fail(err, LANCELET_CORRUPT,
                         "a dictionary of strings has offsets neither of 32 nor of 64 bits");
    size_t word = (size_t)bits / 8;
    if (block.size < 2 * word || n >= (block.size - 2 * word) / word)
        return too_short("dictionary", err);
    uint64_t start = wire_little(block.data + word, word);
    if (start < 2 * word + (n + 1) * word || start > block.size)
        return base_fail(err, LANCELET_CORRUPT, "a dictionary's strings begin outside of it");
    out->offset_bytes = word;
    out->n = n;
    out->offsets = block.data + 2 * word;
    out->bytes = (wire_span){block.data + start, (size_t)(block.size - start)};
    return LANCELET_OK;
}

lancelet_status lance_strings_at(const lance_strings *s, uint64_t i, wire_span *out, lancelet_error *err)
{
    if (i >= s->n)
        return base_fail(err, LANCELET_CORRUPT, "a dictionary index is out of range");
    const uint8_t *p = s->offsets + i * s->offset_bytes;
    uint64_t from = wire_little(p, s->offset_bytes), to = wire_little(p + s->offset_bytes, s->offset_bytes);
    if (from > to || to > s->bytes.size)
        return base_fail(err, LANCELET_CORRUPT, "a string's offsets lie outside its page");
    *out = (wire_span){s->bytes.data + from, (size_t)(to - from)};
    return LANCELET_OK;
}
