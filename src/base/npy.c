/* npy.c - NumPy's array file (numpy.lib.format: magic, version, header length, a Python dict literal, the values) and
 * half precision (IEEE 754 binary16). The dict is read by its three keys in any order; what is not asked for in npy.h
 * is UNSUPPORTED by name. */
#include "base/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "values are copied as they lie in the file: little-endian"
#endif

/* ---- half precision ---- */

float base_half_to_float(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    uint32_t exponent = (bits >> 10) & 0x1F, mantissa = bits & 0x3FF;
    uint32_t out;
    if (exponent == 0x1F) { /* infinity, or not a number: made quiet, as hardware conversion does */
        out = sign | 0x7F800000u | mantissa << 13 | (mantissa ? 0x400000u : 0);
    } else if (exponent != 0) {
        out = sign | (exponent + 112) << 23 | mantissa << 13;
    } else { /* zero and subnormals: mantissa * 2^-24, exact in float */
        float v = (float)mantissa * 0x1p-24f;
        memcpy(&out, &v, sizeof out);
        out |= sign;
    }
    float v;
    memcpy(&v, &out, sizeof v);
    return v;
}

uint16_t base_float_to_half(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000u)
        return (uint16_t)(sign | 0x7E00 | (magnitude >> 13 & 0x3FF));
    if (magnitude >= 0x477FF000u) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7C00);
    if (magnitude <
        0x38800000u) { /* below 2^-14: subnormal; 0.5 + |v| has its last bit at 2^-24 and rounds there */
        float shifted;
        memcpy(&shifted, &magnitude, sizeof shifted);
        shifted += 0.5f;
        uint32_t s;
        memcpy(&s, &shifted, sizeof s);
        return (uint16_t)(sign | (s - 0x3F000000u));
    }
    uint32_t odd = magnitude >> 13 & 1;
    return (uint16_t)(sign | ((magnitude + 0xFFF + odd - 0x38000000u) >> 13));
}

/* ---- header ---- */

typedef struct npy_header {
    char type[16]; /* descr without quotes: "<f4" */
    bool fortran_order;
    uint64_t shape[2];
    int dimensions;
    bool has_type, has_order, has_shape;
} npy_header;

typedef struct npy_cursor {
    const char *p, *end;
} npy_cursor;

static void skip_space(npy_cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t' || *c->p == '\r'))
        c->p++;
}

static bool take(npy_cursor *c, char wanted)
{
    skip_space(c);
    if (c->p >= c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

static bool take_word(npy_cursor *c, const char *word)
{
    size_t n = strlen(word);
    skip_space(c);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
        return false;
    c->p += n;
    return true;
}

/* 'text' or "text" without escapes into out */
static bool take_string(npy_cursor *c, char *out, size_t capacity)
{
    skip_space(c);
    if (c->p >= c->end || (*c->p != '\'' && *c->p != '"'))
        return false;
    char quote = *c->p++;
    const char *close = memchr(c->p, quote, (size_t)(c->end - c->p));
    if (!close || (size_t)(close - c->p) >= capacity)
        return false;
    size_t n = (size_t)(close - c->p);
    memcpy(out, c->p, n);
    out[n] = '\0';
    c->p = close + 1;
    return true;
}

static bool take_number(npy_cursor *c, uint64_t *out)
{
    skip_space(c);
    uint64_t v = 0;
    const char *start = c->p;
    for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
        if (!base_mul_u64(v, 10, &v) || !base_add_u64(v, (uint64_t)(*c->p - '0'), &v))
            return false;
    *out = v;
    return c->p > start;
}

/* "()", "(3,)", "(3, 4)", "(3, 4,)"; more dimensions are counted and not kept */
static bool take_shape(npy_cursor *c, npy_header *h)
{
    if (!take(c, '('))
        return false;
    while (!take(c, ')')) {
        uint64_t v;
        if (h->dimensions > 64 || !take_number(c, &v))
            return false;
        if (h->dimensions < 2)
            h->shape[h->dimensions] = v;
        h->dimensions++;
        if (!take(c, ',')) {
            if (!take(c, ')'))
                return false;
            break;
        }
    }
    return true;
}

static bool parse_header(const char *text, size_t n, npy_header *h)
{
    npy_cursor c = {text, text + n};
    char key[24];
    if (!take(&c, '{'))
        return false;
    while (!take(&c, '}')) {
        if (!take_string(&c, key, sizeof key) || !take(&c, ':'))
            return false;
        if (strcmp(key, "descr") == 0 && !h->has_type) {
            h->has_type = true;
            if (take(&c, '[')) { /* a record: fields with names */
                snprintf(h->type, sizeof h->type, "record");
                return true;
            }
            if (!take_string(&c, h->type, sizeof h->type))
                return false;
        } else if (strcmp(key, "fortran_order") == 0 && !h->has_order) {
            h->has_order = true;
            h->fortran_order = take_word(&c, "True");
            if (!h->fortran_order && !take_word(&c, "False"))
                return false;
        } else if (strcmp(key, "shape") == 0 && !h->has_shape) {
            h->has_shape = true;
            if (!take_shape(&c, h))
                return false;
        } else {
            return false;
        }
        if (!take(&c, ',')) {
            if (!take(&c, '}'))
                return false;
            break;
        }
    }
    return h->has_type && h->has_order && h->has_shape;
}

static size_t width_of(const char *type)
{
    return strcmp(type, "<f4") == 0 ? 4 : strcmp(type, "<f8") == 0 ? 8 : strcmp(type, "<f2") == 0 ? 2 : 0;
}

static void convert(float *out, const uint8_t *in, size_t n, size_t width)
{
    if (width == 4) {
        memcpy(out, in, n * 4);
        return;
    }
    for (size_t i = 0; i < n; i++, in += width) {
        if (width == 8) {
            double v;
            memcpy(&v, in, 8);
            out[i] = (float)v;
        } else {
            uint16_t v;
            memcpy(&v, in, 2);
            out[i] = base_half_to_float(v);
        }
    }
}

lancelet_status base_npy_parse(const char *path, const uint8_t *data, uint64_t size, float **values, size_t *rows,
                               size_t *columns, lancelet_error *err)
{
    if (size < 10 || memcmp(data, "\x93NUMPY", 6) != 0)
        return base_fail(err, LANCELET_CORRUPT, "%s is not a .npy file", path);
    if (data[6] != 1 && data[6] != 2)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "%s is a .npy file of version %d.%d; 1.0 and 2.0 are read", path, data[6], data[7]);
    uint64_t at = data[6] == 1 ? 10 : 12, length = (uint64_t)data[8] | (uint64_t)data[9] << 8;
    if (data[6] == 2 && size >= 12)
        length |= (uint64_t)data[10] << 16 | (uint64_t)data[11] << 24;
    npy_header h = {.dimensions = 0};
    if (!base_range_ok(at, length, size) || !parse_header((const char *)data + at, (size_t)length, &h))
        return base_fail(err, LANCELET_CORRUPT, "%s: the .npy header cannot be read", path);
    at += length;
    size_t width = width_of(h.type);
    if (width == 0)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "%s holds values of type %s; float32, float64 and float16 "
                         "(little-endian) are read",
                         path, h.type);
    if (h.dimensions != 1 && h.dimensions != 2)
        return base_fail(err, LANCELET_UNSUPPORTED, "%s has %d dimensions; one or two are read", path,
                         h.dimensions);
    uint64_t r = h.dimensions == 2 ? h.shape[0] : 1, c = h.shape[h.dimensions - 1], count, bytes;
    if (h.fortran_order && r > 1 && c > 1)
        return base_fail(err, LANCELET_UNSUPPORTED, "%s is in Fortran order; C order is read", path);
    if (!base_mul_u64(r, c, &count) || !base_mul_u64(count, width, &bytes) || bytes > size - at ||
        r > SIZE_MAX || c > SIZE_MAX)
        return base_fail(err, LANCELET_CORRUPT,
                         "%s is cut short: %" PRIu64 " x %" PRIu64 " values do not fit its %" PRIu64 " bytes",
                         path, r, c, size);
    float *v = base_alloc_array((size_t)count, sizeof *v);
    if (!v)
        return base_fail_memory(err);
    convert(v, data + at, (size_t)count, width);
    *values = v;
    *rows = (size_t)r;
    *columns = (size_t)c;
    return LANCELET_OK;
}

lancelet_status base_npy_read(const char *path, float **values, size_t *rows, size_t *columns,
                              lancelet_error *err)
{
    base_map map;
    RETURN_IF_ERROR(base_map_open(path, 0, &map, err));
    lancelet_status status = base_npy_parse(path, map.data, map.size, values, rows, columns, err);
    base_map_close(&map);
    return status;
}

lancelet_status base_npy_write(const char *path, const float *values, size_t rows, size_t columns,
                               lancelet_error *err)
{
    size_t count, bytes;
    if (!base_mul_size(rows, columns, &count) || !base_mul_size(count, sizeof *values, &bytes))
        return base_fail(err, LANCELET_LIMIT, "%zu x %zu values are more than fit in memory", rows, columns);
    /* the values begin at a multiple of 64, so that a mapping of the file is aligned */
    enum { HEADER = 128 };
    char header[HEADER + 1];
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER - 10;
    header[9] = 0;
    int n = snprintf(header + 10, HEADER - 10,
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, columns);
    memset(header + 10 + n, ' ', (size_t)(HEADER - 10 - n));
    header[HEADER - 1] = '\n';
    base_writer w;
    RETURN_IF_ERROR(base_writer_open(path, false, &w, err));
    lancelet_status status = base_writer_write(&w, header, HEADER, err);
    if (status == LANCELET_OK)
        status = base_writer_write(&w, values, bytes, err);
    if (status != LANCELET_OK) {
        base_writer_abandon(&w);
        return status;
    }
    return base_writer_close(&w, false, err);
}
