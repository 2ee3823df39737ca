/* levels.c - definition levels, dictionary indices and booleans: the RLE/bit-packing hybrid of
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE, and BIT_PACKED, its predecessor with the highest bit
 * first. A run is not laid out in memory: it is read as far as a window needs, so that a page that claims 2^31 levels in a few
 * bytes costs nothing. A packed run may end before its last group of 8 does, which some writers leave out. */
#include "source/parquet/internal.h"

#include <string.h>

void parquet_hybrid_start(parquet_hybrid *h, const uint8_t *at, const uint8_t *end, unsigned width)
{
    *h = (parquet_hybrid){.at = at, .end = end, .width = width};
}

void parquet_hybrid_start_old(parquet_hybrid *h, const uint8_t *at, const uint8_t *end, unsigned width)
{
    *h = (parquet_hybrid){.at = end, .end = end, .width = width, .old = true, .packed = true, .left = UINT64_MAX,
                          .bits = at, .bits_end = end};
}

static uint64_t load(const uint8_t *at, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)at[i] << (8 * i);
    return v;
}

/* Eight bytes as one number, the first one lowest, whatever the machine. */
static inline uint64_t load8(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static uint64_t bits_at(const uint8_t *at, const uint8_t *end, uint64_t bit, unsigned width)
{
    const uint8_t *p = at + bit / 8;
    unsigned shift = (unsigned)(bit % 8);
    size_t there = (size_t)(end - p);
    uint64_t v = there >= 8 ? load8(p) : load(p, there);
    v >>= shift;
    if (shift + width > 64)
        v |= (uint64_t)p[8] << (64 - shift);
    return width == 64 ? v : v & ((UINT64_C(1) << width) - 1);
}

static bool bits_there(const uint8_t *at, const uint8_t *end, uint64_t bit, unsigned width, size_t n)
{
    uint64_t all = (uint64_t)(end - at) * 8, need;
    return bit <= all && base_mul_u64(n, width, &need) && need <= all - bit;
}

bool parquet_unpack_bits(const uint8_t *at, const uint8_t *end, uint64_t bit, unsigned width, uint64_t *out, size_t n)
{
    if (width > 64 || !bits_there(at, end, bit, width, n))
        return false;
    if (width == 0) {
        memset(out, 0, n * sizeof *out);
        return true;
    }
    for (size_t i = 0; i < n; i++, bit += width)
        out[i] = bits_at(at, end, bit, width);
    return true;
}

static void unpack_old(parquet_hybrid *h, uint32_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t v = 0;
        for (unsigned k = 0; k < h->width; k++, h->bit++)
            v = v << 1 | (h->bits[h->bit / 8] >> (7 - h->bit % 8) & 1);
        out[i] = v;
    }
}

static void unpack(parquet_hybrid *h, uint32_t *out, size_t n)
{
    size_t i = 0;
    unsigned width = h->width;
    uint64_t bit = h->bit, mask = (UINT64_C(1) << width) - 1;
    uint64_t size = (uint64_t)(h->bits_end - h->bits);
    for (; i < n && bit / 8 + 8 <= size; i++, bit += width) /* 7 + 32 bits lie within 8 bytes */
        out[i] = (uint32_t)(load8(h->bits + bit / 8) >> (bit % 8) & mask);
    for (; i < n; i++, bit += width)
        out[i] = (uint32_t)bits_at(h->bits, h->bits_end, bit, width);
    h->bit = bit;
}

/* The head of the next run. */
static bool next_run(parquet_hybrid *h)
{
    uint64_t head = 0;
    unsigned shift = 0;
    do {
        if (h->at >= h->end || shift > 35)
            return false;
        head |= (uint64_t)(*h->at & 0x7F) << shift;
        shift += 7;
    } while (*h->at++ & 0x80);
    uint64_t there = (uint64_t)(h->end - h->at);
    h->packed = head & 1;
    if (!h->packed) {
        size_t bytes = (h->width + 7) / 8;
        if (head >> 1 == 0 || there < bytes)
            return false;
        h->left = head >> 1;
        h->value = (uint32_t)load(h->at, bytes);
        h->at += bytes;
        return h->width == 32 || h->value >> h->width == 0;
    }
    uint64_t groups = head >> 1, bytes = groups * h->width;
    if (groups == 0)
        return false;
    h->left = groups * 8;
    h->bits = h->at;
    h->bits_end = h->at + (bytes < there ? bytes : there);
    h->bit = 0;
    h->at = h->bits_end;
    return true;
}

bool parquet_hybrid_read(parquet_hybrid *h, uint32_t *out, size_t n)
{
    if (h->width > 32)
        return false;
    if (h->width == 0 && h->at >= h->end && h->left == 0) { /* nothing needs to be said of values of no bits */
        memset(out, 0, n * sizeof *out);
        return true;
    }
    while (n > 0) {
        if (h->left == 0 && !next_run(h))
            return false;
        size_t take = n < h->left ? n : (size_t)h->left;
        if (!h->packed) {
            for (size_t i = 0; i < take; i++)
                out[i] = h->value;
        } else if (!bits_there(h->bits, h->bits_end, h->bit, h->width, take)) {
            return false;
        } else if (h->old) {
            unpack_old(h, out, take);
        } else {
            unpack(h, out, take);
        }
        h->left -= h->old ? 0 : take;
        out += take;
        n -= take;
    }
    return true;
}

bool parquet_hybrid_run(parquet_hybrid *h, uint32_t *value, size_t n)
{
    if (h->left == 0 && (h->width > 32 || !next_run(h)))
        h->left = 0;
    if (h->packed || h->left < n)
        return false;
    *value = h->value;
    h->left -= n;
    return true;
}
