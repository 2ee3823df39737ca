/* page.c - page headers and the bytes behind them: PageHeader of parquet.thrift, data pages 1 and 2 and dictionary pages;
 * codecs snappy (through the module), gzip, zstd, LZ4_RAW and the older LZ4, which is either framed as Hadoop has it
 * (lengths of both sides in big endian before each block) or one bare block. A checksum that is there is checked, which
 * pyarrow does only when asked (page_checksum_verification). Before memory is taken for a page, its size must be one that its
 * compressed bytes can hold; pages of more than 1 GiB are refused. */
#include "source/parquet/internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/unpack.h"
#include "source/parquet/snappy.h"

enum { MOST_PAGE = 1 << 30, MOST_HEADER = 16 << 20 };

typedef enum codec { NONE = 0, SNAPPY, GZIP, LZO, BROTLI, LZ4, ZSTD, LZ4_RAW } codec;

/* ---- headers ---- */

static void read_data_header(thrift *t, parquet_page *p, int64_t *values)
{
    thrift_field f;
    thrift_enter(t, &f);
    while (thrift_next(t, &f))
        if (f.id == 1) /* num_values */
            *values = thrift_int(t, &f, -1);
        else if (f.id == 2) /* encoding */
            p->encoding = (int)thrift_int(t, &f, -1);
        else if (f.id == 3 && p->type == PARQUET_DATA) /* definition_level_encoding */
            p->level_encoding = (int)thrift_int(t, &f, -1);
        else
            thrift_skip(t, f.type);
}

static void read_data_header_2(thrift *t, parquet_page *p, int64_t *values)
{
    int64_t definition = -1, repetition = 0;
    thrift_field f;
    thrift_enter(t, &f);
    while (thrift_next(t, &f))
        switch (f.id) {
        case 1: /* num_values: where nothing is repeated, the rows */
            *values = thrift_int(t, &f, -1);
            break;
        case 4: /* encoding */
            p->encoding = (int)thrift_int(t, &f, -1);
            break;
        case 5: /* definition_levels_byte_length */
            definition = thrift_int(t, &f, -1);
            break;
        case 6: /* repetition_levels_byte_length */
            repetition = thrift_int(t, &f, -1);
            break;
        case 7: /* is_compressed */
            p->compressed = thrift_bool(t, &f, true);
            break;
        default:
            thrift_skip(t, f.type);
        }
    if (definition < 0 || repetition < 0) {
        t->bad = true;
        return;
    }
    p->repeats = (uint64_t)repetition; /* nothing is repeated here, but some writers say so */
    p->levels = p->repeats + (uint64_t)definition;
}

typedef struct header_facts {
    int64_t type, unpacked, packed, values;
    bool described;
} header_facts;

static void read_header(thrift *t, parquet_page *p, header_facts *h)
{
    thrift_field f;
    thrift_enter(t, &f);
    while (thrift_next(t, &f)) {
        if (f.id == 1) { /* type */
            h->type = thrift_int(t, &f, -1);
            p->type = h->type >= 0 && h->type <= PARQUET_DATA_2 ? (parquet_page_type)h->type : PARQUET_INDEX;
        } else if (f.id == 2) { /* uncompressed_page_size */
            h->unpacked = thrift_int(t, &f, -1);
        } else if (f.id == 3) { /* compressed_page_size */
            h->packed = thrift_int(t, &f, -1);
        } else if (f.id == 4) { /* crc */
            p->crc = (uint32_t)thrift_int(t, &f, 0);
            p->has_crc = true;
        } else if (f.type == THRIFT_STRUCT && ((f.id == 5 && p->type == PARQUET_DATA) || (f.id == 7 && p->type == PARQUET_DICTIONARY))) {
            h->described = true;
            read_data_header(t, p, &h->values);
        } else if (f.type == THRIFT_STRUCT && f.id == 8 && p->type == PARQUET_DATA_2) {
            h->described = true;
            read_data_header_2(t, p, &h->values);
        } else {
            thrift_skip(t, f.type);
        }
    }
}

lancelet_status parquet_page_header(const parquet_file *f, uint64_t at, uint64_t end, parquet_page *p, lancelet_error *err)
{
    if (at >= end)
        return base_fail(err, LANCELET_CORRUPT, "its pages end too early");
    uint64_t n = end - at < MOST_HEADER ? end - at : MOST_HEADER;
    thrift t = {.at = f->data + at, .end = f->data + at + n};
    header_facts h = {.type = -1, .unpacked = -1, .packed = -1, .values = -1};
    *p = (parquet_page){.encoding = -1, .level_encoding = -1, .compressed = true};
    read_header(&t, p, &h);
    bool counts = p->type != PARQUET_INDEX;
    if (t.bad || h.type < 0 || h.packed < 0 || h.unpacked < 0 || (counts && (!h.described || h.values < 0)))
        return base_fail(err, LANCELET_CORRUPT, "the header of the page at byte %" PRIu64 " is broken", at);
    p->at = (uint64_t)(t.at - f->data);
    p->packed = (uint64_t)h.packed;
    p->unpacked = (uint64_t)h.unpacked;
    p->values = counts ? (uint64_t)h.values : 0;
    if (p->packed > end - p->at || (p->type == PARQUET_DATA_2 && (p->levels > p->packed || p->levels > p->unpacked)))
        return base_fail(err, LANCELET_CORRUPT, "the page at byte %" PRIu64 " says that it has %" PRIu64 " bytes, which are not there",
                         at, p->packed);
    return LANCELET_OK;
}

/* ---- codecs ---- */

static lancelet_status unpack_snappy(const uint8_t *in, size_t n, uint8_t *out, size_t out_size, lancelet_error *err)
{
    const void *table;
    RETURN_IF_ERROR(base_module_open("snappy", SNAPPY_MODULE_VERSION, "reading Parquet files compressed with snappy",
                                     "libsnappy1v5", &table, err));
    return ((const snappy_module *)table)->unpack(in, n, out, out_size, err);
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Frames as Hadoop has them; false when they do not fill `out` exactly. */
static bool unpack_hadoop(const uint8_t *in, size_t n, uint8_t *out, size_t out_size)
{
    while (n > 8) {
        size_t unpacked = big_endian(in), packed = big_endian(in + 4);
        if (packed > n - 8 || unpacked > out_size ||
            base_unpack_lz4(in + 8, packed, out, unpacked, NULL) != LANCELET_OK)
            return false;
        in += 8 + packed;
        n -= 8 + packed;
        out += unpacked;
        out_size -= unpacked;
    }
    return n == 0 && out_size == 0;
}

/* The most bytes that one compressed byte can stand for: of zstd a block of 128 KiB takes 4; of deflate 1032 take 1, of lz4
 * 255, of snappy 64 take 3. */
static uint64_t most_unpacked(codec c, uint64_t packed)
{
    uint64_t each = c == ZSTD ? 1 << 17 : c == GZIP ? 1040 : c == SNAPPY ? 32 : 256;
    return packed * each + 64;
}

static lancelet_status unpack(codec c, const uint8_t *in, size_t n, uint8_t *out, size_t out_size, lancelet_error *err)
{
    switch (c) {
    case SNAPPY:
        return unpack_snappy(in, n, out, out_size, err);
    case GZIP:
        return base_unpack_gzip(in, n, out, out_size, err);
    case ZSTD:
        return base_unpack_zstd(in, n, out, out_size, err);
    case LZ4:
        return unpack_hadoop(in, n, out, out_size) ? LANCELET_OK : base_unpack_lz4(in, n, out, out_size, err);
    case LZ4_RAW:
        return base_unpack_lz4(in, n, out, out_size, err);
    default:
        return base_fail(err, LANCELET_UNSUPPORTED, "compression %s is not read",
                         c == BROTLI ? "with brotli" : c == LZO ? "with lzo" : "of a kind that is not known");
    }
}

lancelet_status parquet_page_bytes(const parquet_file *f, const parquet_page *p, uint8_t codec_number, base_buffer *room,
                                   const uint8_t **bytes, lancelet_error *err)
{
    const uint8_t *in = f->data + p->at;
    codec c = (codec)codec_number;
    base_count_read(p->packed);
    if (p->has_crc && base_crc32(in, (size_t)p->packed) != p->crc)
        return base_fail(err, LANCELET_CORRUPT, "the page at byte %" PRIu64 " is not what its checksum says", p->at);
    if (c == NONE || (p->type == PARQUET_DATA_2 && !p->compressed)) {
        if (p->packed < p->unpacked)
            return base_fail(err, LANCELET_CORRUPT, "the page at byte %" PRIu64 " has %" PRIu64 " bytes where it says %" PRIu64,
                             p->at, p->packed, p->unpacked);
        *bytes = in;
        return LANCELET_OK;
    }
    uint64_t levels = p->type == PARQUET_DATA_2 ? p->levels : 0; /* they are never compressed */
    uint64_t packed = p->packed - levels, unpacked = p->unpacked - levels;
    if (p->unpacked > MOST_PAGE)
        return base_fail(err, LANCELET_LIMIT, "the page at byte %" PRIu64 " has %" PRIu64 " bytes, more than 1 GiB", p->at, p->unpacked);
    if (c <= LZ4_RAW && unpacked > most_unpacked(c, packed))
        return base_fail(err, LANCELET_CORRUPT, "the page at byte %" PRIu64 " says that %" PRIu64 " compressed bytes hold %" PRIu64,
                         p->at, packed, unpacked);
    room->size = 0;
    if (room->capacity < p->unpacked)
        base_buffer_free(room); /* what it holds need not be copied */
    if (!base_buffer_reserve(room, (size_t)p->unpacked + 1))
        return base_fail_memory(err);
    room->size = (size_t)p->unpacked;
    if (levels)
        memcpy(room->data, in, (size_t)levels);
    *bytes = room->data;
    if (unpacked == 0)
        return LANCELET_OK; /* some writers leave such a page's bytes out altogether */
    lancelet_status status = unpack(c, in + levels, (size_t)packed, room->data + levels, (size_t)unpacked, err);
    if (status != LANCELET_OK)
        base_error_prefix(err, "the page at byte %" PRIu64, p->at);
    return status;
}
