/* delta.c - DELTA_BINARY_PACKED (https://parquet.apache.org/docs/file-format/data-pages/encodings/#DELTAENC): a first value,
 * then blocks of miniblocks of bit-packed differences. It also counts the lengths and prefixes of the two encodings of byte
 * arrays, whose bytes lie behind all numbers: parquet_delta_end finds that place without unpacking, miniblock by miniblock, each
 * of which takes a byte at least. Sums wrap, as writers' do. */
#include "source/parquet/internal.h"

static bool take_varint(parquet_delta *d, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (d->at >= d->end)
            return false;
        uint8_t byte = *d->at++;
        if (shift < 64)
            v |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}

static bool take_zigzag(parquet_delta *d, uint64_t *out)
{
    uint64_t v;
    if (!take_varint(d, &v))
        return false;
    *out = (v >> 1) ^ (0 - (v & 1));
    return true;
}

bool parquet_delta_start(parquet_delta *d, const uint8_t *at, const uint8_t *end)
{
    *d = (parquet_delta){.at = at, .end = end};
    uint64_t first;
    if (!take_varint(d, &d->block) || !take_varint(d, &d->minis) || !take_varint(d, &d->left) || !take_zigzag(d, &first))
        return false;
    if (d->block == 0 || d->block > UINT32_MAX || d->minis == 0 || d->block % d->minis != 0 || d->left > INT32_MAX)
        return false;
    d->per_mini = d->block / d->minis;
    d->value = first;
    d->first = d->left > 0;
    d->mini = d->minis; /* a block is to come */
    return d->per_mini % 8 == 0;
}

/* The next miniblock: its width and where its bits lie. */
static bool next_mini(parquet_delta *d)
{
    if (d->mini == d->minis) {
        if (!take_zigzag(d, &d->min_delta) || (uint64_t)(d->end - d->at) < d->minis)
            return false;
        d->widths = d->at;
        d->at += d->minis;
        d->mini = 0;
    }
    d->width = d->widths[d->mini++];
    if (d->width > 64)
        return false;
    uint64_t bytes = d->per_mini / 8 * d->width, there = (uint64_t)(d->end - d->at);
    d->bits = d->at;
    d->bit = 0;
    d->mini_left = d->per_mini;
    d->at += bytes < there ? bytes : there; /* the last one may be cut behind its last value */
    return true;
}

bool parquet_delta_read(parquet_delta *d, int64_t *out, size_t n)
{
    if (n > d->left)
        return false;
    d->left -= n;
    if (n > 0 && d->first) {
        *out++ = (int64_t)d->value;
        d->first = false;
        n--;
    }
    while (n > 0) {
        if (d->mini_left == 0 && !next_mini(d))
            return false;
        uint64_t delta[64];
        size_t take = n < d->mini_left ? n : (size_t)d->mini_left;
        take = take < 64 ? take : 64;
        if (!parquet_unpack_bits(d->bits, d->at, d->bit, d->width, delta, take))
            return false;
        for (size_t i = 0; i < take; i++) {
            d->value += d->min_delta + delta[i];
            out[i] = (int64_t)d->value;
        }
        d->bit += (uint64_t)take * d->width;
        d->mini_left -= take;
        out += take;
        n -= take;
    }
    return true;
}

const uint8_t *parquet_delta_end(parquet_delta *d)
{
    uint64_t left = d->left - (d->first ? 1 : 0);
    while (left > d->mini_left) {
        left -= d->mini_left;
        if (!next_mini(d))
            return NULL;
    }
    return d->at;
}
