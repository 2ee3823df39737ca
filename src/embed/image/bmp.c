/* bmp.c - Windows and OS/2 bitmaps as Pillow reads them: headers of 12, 40, 52, 56, 64, 108 and 124 bytes; 1, 4 and 8 bits
 * with a palette, plain or run-length encoded; 16 (5-5-5), 24 and 32 bits; bit fields in the layouts Pillow knows; bottom
 * up or top down. Alpha is dropped. The layout is Microsoft's BITMAPINFOHEADER documentation.
 *
 * Pillow's quirks that are kept, because pictures depend on them: a palette that is a grey ramp is taken as grey; a run
 * that passes the right edge is cut there, an absolute run goes on in the next row; skipped pixels have colour 0. */
#include "embed/image/codec.h"

#include <limits.h>
#include <string.h>

enum { RAW = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3 };

typedef struct bitmap {
    uint32_t width, height;
    bool top_down;
    unsigned bits;        /* a pixel */
    uint32_t compression;
    size_t data;          /* offset of the pixels in the file */
    uint32_t colors;      /* palette entries */
    unsigned entry;       /* bytes of one: 3 or 4 */
    size_t palette;       /* its offset in the file */
    uint32_t mask[4];     /* red, green, blue, alpha; for BITFIELDS */
} bitmap;

static lancelet_status ends_early(lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "BMP data ends early");
}

static lancelet_status read_masks(const image_source *s, size_t header_size, bitmap *m, lancelet_error *err)
{
    size_t at = 14 + 40; /* inside longer headers, behind the one of 40 bytes */
    size_t n = header_size >= 56 ? 4 : 3;
    if (s->size < at + 4 * n)
        return ends_early(err);
    for (size_t i = 0; i < n; i++)
        m->mask[i] = image_le32(s->bytes + at + 4 * i);
    if (header_size == 40)
        m->palette += 12;
    return LANCELET_OK;
}

static lancelet_status read_header(const image_source *s, bitmap *m, lancelet_error *err)
{
    *m = (bitmap){0};
    if (s->size < 18)
        return ends_early(err);
    const uint8_t *h = s->bytes + 14;
    uint32_t size = image_le32(h);
    m->data = image_le32(s->bytes + 10);
    if (size != 12 && size != 40 && size != 52 && size != 56 && size != 64 && size != 108 && size != 124)
        return base_fail(err, LANCELET_UNSUPPORTED, "BMP with a header of %u bytes is not supported", (unsigned)size);
    if (s->size < 14 + (size_t)size)
        return ends_early(err);
    m->palette = 14 + (size_t)size;
    if (size == 12) {
        m->width = image_le16(h + 4);
        m->height = image_le16(h + 6);
        m->bits = image_le16(h + 10);
        m->entry = 3;
    } else {
        m->width = image_le32(h + 4);
        m->height = image_le32(h + 8);
        m->top_down = h[11] == 0xFF;
        if (m->top_down)
            m->height = 0u - m->height;
        m->bits = image_le16(h + 14);
        m->compression = image_le32(h + 16);
        m->colors = image_le32(h + 32);
        m->entry = 4;
        if (m->compression == BITFIELDS)
            RETURN_IF_ERROR(read_masks(s, size, m, err));
    }
    if (m->bits != 1 && m->bits != 4 && m->bits != 8 && m->bits != 16 && m->bits != 24 && m->bits != 32)
        return base_fail(err, LANCELET_UNSUPPORTED, "BMP with %u bits a pixel is not supported", m->bits);
    if (m->compression > BITFIELDS || ((m->compression == RLE8 || m->compression == RLE4) && m->bits > 8) ||
        (m->compression == BITFIELDS && m->bits <= 8))
        return base_fail(err, LANCELET_UNSUPPORTED, "BMP with compression %u is not supported", (unsigned)m->compression);
    if (m->bits <= 8) {
        if (m->colors == 0)
            m->colors = 1u << m->bits;
        if (m->colors > 256)
            return base_fail(err, LANCELET_CORRUPT, "BMP states a palette of %u colours", (unsigned)m->colors);
        if (m->data == 14 + (size_t)size)
            m->data += (size_t)m->entry * m->colors;
    }
    if (m->data == 0) /* the pixels follow what was read */
        m->data = m->palette + (m->bits <= 8 ? (size_t)m->entry * m->colors : 0);
    return LANCELET_OK;
}

lancelet_status image_bmp_header(image_source *s, lancelet_error *err)
{
    bitmap m;
    RETURN_IF_ERROR(read_header(s, &m, err));
    if (m.width == 0 || m.height == 0)
        return base_fail(err, LANCELET_CORRUPT, "BMP states no size");
    if (m.width > INT_MAX || m.height > INT_MAX)
        return base_fail(err, LANCELET_LIMIT, "BMP states a size of %u x %u pixels", (unsigned)m.width, (unsigned)m.height);
    s->width = (int)m.width;
    s->height = (int)m.height;
    return LANCELET_OK;
}

/* ---- palettes ---- */

static void read_palette(const image_source *s, const bitmap *m, uint8_t rgb[256][3])
{
    size_t present = s->size > m->palette ? (s->size - m->palette) / m->entry : 0;
    if (present > m->colors)
        present = m->colors;
    bool grey = present == m->colors;
    memset(rgb, 0, (size_t)256 * 3);
    for (size_t i = 0; i < present; i++) {
        const uint8_t *e = s->bytes + m->palette + i * m->entry; /* blue, green, red */
        unsigned ramp = m->colors == 2 ? (unsigned)i * 255 : (unsigned)i;
        grey = grey && e[0] == ramp && e[1] == ramp && e[2] == ramp;
        rgb[i][0] = e[2];
        rgb[i][1] = e[1];
        rgb[i][2] = e[0];
    }
    for (size_t i = 0; grey && i < 256; i++)
        rgb[i][0] = rgb[i][1] = rgb[i][2] = (uint8_t)(m->colors > 2 ? i : i ? 255 : 0);
}

/* ---- rows as they are ---- */

typedef struct layout {
    unsigned bits;
    uint32_t mask[4];
} layout;

/* Of 32-bit pixels any byte order that Pillow knows, of 16-bit ones 5-6-5 and 5-5-5. */
static bool layout_known(const bitmap *m)
{
    static const layout known[] = {
        {32, {0xFF0000, 0xFF00, 0xFF, 0}},          {32, {0xFF000000, 0xFF0000, 0xFF00, 0}},
        {32, {0xFF000000, 0xFF00, 0xFF, 0}},        {32, {0xFF000000, 0xFF0000, 0xFF00, 0xFF}},
        {32, {0xFF, 0xFF00, 0xFF0000, 0xFF000000}}, {32, {0xFF0000, 0xFF00, 0xFF, 0xFF000000}},
        {32, {0xFF000000, 0xFF00, 0xFF, 0xFF0000}}, {24, {0xFF0000, 0xFF00, 0xFF, 0}},
        {16, {0xF800, 0x7E0, 0x1F, 0}},             {16, {0x7C00, 0x3E0, 0x1F, 0}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (m->bits == known[i].bits && memcmp(m->mask, known[i].mask, (m->bits == 32 ? 4 : 3) * sizeof *m->mask) == 0)
            return true;
    return false;
}

static unsigned byte_of(uint32_t mask)
{
    return mask == 0xFF ? 0 : mask == 0xFF00 ? 1 : mask == 0xFF0000 ? 2 : 3;
}

static void row_16(const uint8_t *from, uint8_t *to, size_t width, bool green6)
{
    for (size_t x = 0; x < width; x++, from += 2, to += 3) {
        unsigned v = image_le16(from);
        to[0] = (uint8_t)((v >> (green6 ? 11 : 10) & 31) * 255 / 31);
        to[1] = green6 ? (uint8_t)((v >> 5 & 63) * 255 / 63) : (uint8_t)((v >> 5 & 31) * 255 / 31);
        to[2] = (uint8_t)((v & 31) * 255 / 31);
    }
}

static void row_indexed(const uint8_t *from, uint8_t *to, size_t width, unsigned bits, uint8_t palette[256][3])
{
    unsigned per_byte = 8 / bits, mask = (1u << bits) - 1;
    for (size_t x = 0; x < width; x++, to += 3) {
        unsigned shift = 8 - bits * (unsigned)(x % per_byte + 1);
        memcpy(to, palette[(unsigned)from[x / per_byte] >> shift & mask], 3);
    }
}

static lancelet_status decode_raw(const image_source *s, const bitmap *m, uint8_t palette[256][3], base_picture *out, lancelet_error *err)
{
    uint64_t row_bits = (uint64_t)m->width * m->bits;
    uint64_t stride = (row_bits + 31) / 32 * 4, used = (row_bits + 7) / 8, need;
    if (!base_mul_u64(stride, m->height - 1, &need) || !base_add_u64(need, used, &need) || !base_range_ok(m->data, need, s->size))
        return ends_early(err);
    unsigned red = 2, green = 1, blue = 0;
    bool green6 = m->compression == BITFIELDS && m->mask[1] == 0x7E0;
    bool no_masks = !m->mask[0] && !m->mask[1] && !m->mask[2] && !m->mask[3];
    if (m->compression == BITFIELDS && !(m->bits == 32 && no_masks)) {
        if (!layout_known(m))
            return base_fail(err, LANCELET_UNSUPPORTED, "BMP with these bit fields is not supported");
        red = byte_of(m->mask[0]);
        green = byte_of(m->mask[1]);
        blue = byte_of(m->mask[2]);
    }
    for (uint32_t y = 0; y < m->height; y++) {
        const uint8_t *from = s->bytes + m->data + (size_t)(y * stride);
        uint8_t *to = out->rgb + (size_t)(m->top_down ? y : m->height - 1 - y) * m->width * 3;
        size_t step = m->bits / 8;
        if (m->bits <= 8)
            row_indexed(from, to, m->width, m->bits, palette);
        else if (m->bits == 16)
            row_16(from, to, m->width, green6);
        else
            for (size_t x = 0; x < m->width; x++, from += step, to += 3) {
                to[0] = from[red];
                to[1] = from[green];
                to[2] = from[blue];
            }
    }
    return LANCELET_OK;
}

/* ---- run-length encoding ---- */

typedef struct runs {
    const uint8_t *bytes; /* [size] the file */
    size_t size, at;
    uint8_t *index;       /* [total] colour indices in file order */
    size_t total, n;      /* n of them written */
} runs;

static void put(runs *r, uint8_t v, size_t count)
{
    count = count < r->total - r->n ? count : r->total - r->n;
    memset(r->index + r->n, v, count);
    r->n += count;
}

static void put_pair(runs *r, uint8_t two, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put(r, i % 2 ? two & 15 : two >> 4, 1);
}

/* False: the absolute run is the last that can be read. */
static bool absolute_run(runs *r, size_t count, bool rle4)
{
    if (count > r->total - r->n)
        count = r->total - r->n;
    size_t bytes = rle4 ? (count + 1) / 2 : count;
    size_t here = r->size - r->at < bytes ? r->size - r->at : bytes;
    for (size_t i = 0; i < here; i++) {
        if (rle4)
            put_pair(r, r->bytes[r->at + i], 2 * i + 1 < count ? 2 : 1);
        else
            put(r, r->bytes[r->at + i], 1);
    }
    r->at += here;
    if (here < bytes || r->n == r->total)
        return false;
    r->at += r->at & 1; /* runs begin at even offsets */
    return true;
}

static void unpack_runs(runs *r, size_t width, bool rle4)
{
    size_t x = 0;
    while (r->n < r->total && r->at < r->size && r->size - r->at >= 2) {
        size_t count = r->bytes[r->at];
        uint8_t value = r->bytes[r->at + 1];
        r->at += 2;
        if (count) {
            if (x + count > width)
                count = width > x ? width - x : 0;
            if (rle4)
                put_pair(r, value, count);
            else
                put(r, value, count);
            x += count;
        } else if (value == 0) { /* end of line */
            put(r, 0, r->n % width ? width - r->n % width : 0);
            x = 0;
        } else if (value == 1) { /* end of bitmap */
            break;
        } else if (value == 2) { /* go right and up */
            if (r->size - r->at < 2)
                break;
            put(r, 0, r->bytes[r->at] + r->bytes[r->at + 1] * width);
            r->at += 2;
            x = r->n % width;
        } else {
            if (!absolute_run(r, value, rle4))
                break;
            x += value;
        }
    }
}

static lancelet_status decode_runs(const image_source *s, const bitmap *m, uint8_t palette[256][3], base_picture *out, lancelet_error *err)
{
    runs r = {.bytes = s->bytes, .size = s->size, .at = m->data, .total = (size_t)m->width * m->height};
    r.index = base_alloc(r.total);
    if (!r.index)
        return base_fail_memory(err);
    unpack_runs(&r, m->width, m->compression == RLE4);
    lancelet_status status = LANCELET_OK;
    if (r.n < r.total)
        status = ends_early(err);
    for (size_t y = 0; status == LANCELET_OK && y < m->height; y++) {
        const uint8_t *from = r.index + y * m->width;
        uint8_t *to = out->rgb + (m->top_down ? y : m->height - 1 - y) * m->width * 3;
        for (size_t x = 0; x < m->width; x++, to += 3)
            memcpy(to, palette[from[x]], 3);
    }
    base_free(r.index);
    return status;
}

lancelet_status image_bmp_pixels(const image_source *s, int min_side, base_picture *out, lancelet_error *err)
{
    (void)min_side;
    bitmap m;
    uint8_t palette[256][3];
    RETURN_IF_ERROR(read_header(s, &m, err));
    if (m.bits <= 8)
        read_palette(s, &m, palette);
    bool encoded = m.compression == RLE8 || m.compression == RLE4;
    RETURN_IF_ERROR(image_picture_alloc(out, (int)m.width, (int)m.height, false, err));
    lancelet_status status = encoded ? decode_runs(s, &m, palette, out, err) : decode_raw(s, &m, palette, out, err);
    if (status != LANCELET_OK)
        base_picture_free(out);
    return status;
}
