/* pnm.c - the netpbm formats P1 to P6 (pbm, pgm, ppm; plain and raw) as Pillow reads them: values are scaled to 255 by
 * round(value / maximum * 255), ties to even; a grey picture with a maximum above 255 is scaled to 65,535 and then
 * clipped at 255, as Pillow's convert("RGB") does with mode "I". A comment may stand anywhere, also within a number. */
#include "embed/image/codec.h"

#include <limits.h>
#include <math.h>
#include <string.h>

typedef struct reader {
    const uint8_t *bytes; /* [size] */
    size_t size, at;
} reader;

typedef struct pnm {
    unsigned kind;    /* 1..6 */
    unsigned maximum; /* 1..65535 */
    size_t data;      /* offset of the first value */
} pnm;

static lancelet_status ends_early(lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "PNM data ends early");
}

static bool is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next byte that is not in a comment, or -1. */
static int next(reader *r)
{
    while (r->at < r->size && r->bytes[r->at] == '#') {
        while (r->at < r->size && r->bytes[r->at] != '\n' && r->bytes[r->at] != '\r')
            r->at++;
        if (r->at < r->size)
            r->at++;
    }
    return r->at < r->size ? r->bytes[r->at++] : -1;
}

/* A decimal number of at most ten digits and the one space behind it. */
static lancelet_status read_number(reader *r, uint64_t *out, lancelet_error *err)
{
    uint64_t v = 0;
    int digits = 0, c = next(r);
    while (is_space(c))
        c = next(r);
    if (c < 0)
        return ends_early(err);
    for (; c >= 0 && !is_space(c); c = next(r)) {
        if (c < '0' || c > '9' || ++digits > 10)
            return base_fail(err, LANCELET_CORRUPT, "PNM has something else where a number belongs");
        v = v * 10 + (unsigned)(c - '0');
    }
    *out = v;
    return LANCELET_OK;
}

static lancelet_status read_header(const image_source *s, pnm *p, uint64_t *width, uint64_t *height, lancelet_error *err)
{
    if (s->size < 3)
        return ends_early(err);
    if (!is_space(s->bytes[2]))
        return base_fail(err, LANCELET_CORRUPT, "PNM has no space behind its type");
    reader r = {.bytes = s->bytes, .size = s->size, .at = 3};
    uint64_t maximum = 1;
    p->kind = (unsigned)s->bytes[1] - '0';
    RETURN_IF_ERROR(read_number(&r, width, err));
    RETURN_IF_ERROR(read_number(&r, height, err));
    if (p->kind != 1 && p->kind != 4)
        RETURN_IF_ERROR(read_number(&r, &maximum, err));
    if (maximum < 1 || maximum > 65535)
        return base_fail(err, LANCELET_CORRUPT, "PNM states a maximum of %llu", (unsigned long long)maximum);
    p->maximum = (unsigned)maximum;
    p->data = r.at;
    return LANCELET_OK;
}

lancelet_status image_pnm_header(image_source *s, lancelet_error *err)
{
    pnm p;
    uint64_t width, height;
    RETURN_IF_ERROR(read_header(s, &p, &width, &height, err));
    if (width == 0 || height == 0)
        return base_fail(err, LANCELET_CORRUPT, "PNM states no size");
    if (width > INT_MAX || height > INT_MAX)
        return base_fail(err, LANCELET_LIMIT, "PNM states a size of %llu x %llu pixels", (unsigned long long)width,
                         (unsigned long long)height);
    s->width = (int)width;
    s->height = (int)height;
    return LANCELET_OK;
}

/* ---- pixels ---- */

/* table[v]: the byte that value v of 0..maximum becomes. */
static void fill_table(uint8_t *table, const pnm *p)
{
    bool grey = p->kind == 2 || p->kind == 5;
    double top = grey && p->maximum > 255 ? 65535.0 : 255.0;
    for (unsigned v = 0; v <= p->maximum; v++) {
        double scaled = rint((double)v / p->maximum * top);
        table[v] = (uint8_t)(scaled > 255.0 ? 255.0 : scaled);
    }
}

static lancelet_status plain_bits(reader *r, size_t n, uint8_t *rgb, lancelet_error *err)
{
    for (size_t i = 0; i < n; i++) {
        int c = next(r);
        while (is_space(c))
            c = next(r);
        if (c < 0)
            return ends_early(err);
        if (c != '0' && c != '1')
            return base_fail(err, LANCELET_CORRUPT, "PNM has something else where 0 or 1 belongs");
        memset(rgb + 3 * i, c == '0' ? 255 : 0, 3);
    }
    return LANCELET_OK;
}

static lancelet_status raw_bits(const reader *r, size_t width, size_t height, uint8_t *rgb, lancelet_error *err)
{
    size_t stride = (width + 7) / 8, need;
    if (!base_mul_size(stride, height, &need) || need > r->size - r->at)
        return ends_early(err);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++, rgb += 3) {
            bool black = r->bytes[r->at + y * stride + x / 8] >> (7 - x % 8) & 1;
            memset(rgb, black ? 0 : 255, 3);
        }
    return LANCELET_OK;
}

static lancelet_status values(reader *r, const pnm *p, const uint8_t *table, size_t n, uint8_t *rgb, lancelet_error *err)
{
    size_t repeat = p->kind == 2 || p->kind == 5 ? 3 : 1; /* a grey value makes three */
    size_t bytes = p->maximum > 255 ? 2 : 1, need;
    bool plain = p->kind <= 3;
    if (!plain && (!base_mul_size(n, bytes, &need) || need > r->size - r->at))
        return ends_early(err);
    for (size_t i = 0; i < n; i++, rgb += repeat) {
        uint64_t v;
        if (plain) {
            RETURN_IF_ERROR(read_number(r, &v, err));
            if (v > p->maximum)
                return base_fail(err, LANCELET_CORRUPT, "PNM has a value above its maximum");
        } else {
            v = bytes == 1 ? r->bytes[r->at] : image_be16(r->bytes + r->at);
            r->at += bytes;
        }
        memset(rgb, v <= p->maximum ? table[v] : 255, repeat);
    }
    return LANCELET_OK;
}

lancelet_status image_pnm_pixels(const image_source *s, int min_side, base_picture *out, lancelet_error *err)
{
    (void)min_side;
    pnm p;
    uint64_t width, height;
    RETURN_IF_ERROR(read_header(s, &p, &width, &height, err));
    reader r = {.bytes = s->bytes, .size = s->size, .at = p.data};
    uint8_t *table = base_alloc((size_t)p.maximum + 1);
    if (!table)
        return base_fail_memory(err);
    fill_table(table, &p);
    size_t n = (size_t)width * (size_t)height;
    lancelet_status status = image_picture_alloc(out, (int)width, (int)height, false, err);
    if (status == LANCELET_OK) {
        if (p.kind == 1)
            status = plain_bits(&r, n, out->rgb, err);
        else if (p.kind == 4)
            status = raw_bits(&r, (size_t)width, (size_t)height, out->rgb, err);
        else
            status = values(&r, &p, table, p.kind == 3 || p.kind == 6 ? n * 3 : n, out->rgb, err);
        if (status != LANCELET_OK)
            base_picture_free(out);
    }
    base_free(table);
    return status;
}
