/* array.c - reading values out of an ArrowArray. The array has passed arrow_check or is one of ours, and i is within
 * its length; the reader's own checks are of types and nulls. A dictionary column is read as the values that it
 * stands for. Values need not be aligned in memory. */
#include <string.h>

#include "arrow/arrow.h"
#include "arrow/type.h"
#include "base/npy.h"

bool arrow_is_null(const struct ArrowArray *a, int64_t i)
{
    if (a->n_buffers == 0) /* the null type is the only one without buffers */
        return true;
    return a->null_count != 0 && a->buffers[0] && !arrow_bit(a->buffers[0], a->offset + i);
}

bool arrow_is_null_value(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i)
{
    if (arrow_is_null(a, i))
        return true;
    return s->dictionary &&
           arrow_is_null_value(s->dictionary, a->dictionary, arrow_dictionary_index(a, arrow_type_of(s), i));
}

int64_t arrow_offset(const struct ArrowArray *a, bool large, int64_t i)
{
    const uint8_t *offsets = a->buffers[1];
    int64_t wide;
    int32_t narrow;
    if (large) {
        memcpy(&wide, offsets + i * 8, 8);
        return wide;
    }
    memcpy(&narrow, offsets + i * 4, 4);
    return narrow;
}

const char *arrow_bytes(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, size_t *n)
{
    arrow_type t = arrow_type_of(s);
    if ((t.kind != ARROW_BYTES && t.kind != ARROW_DICTIONARY) || arrow_is_null(a, i))
        return NULL;
    if (t.kind == ARROW_DICTIONARY)
        return arrow_bytes(s->dictionary, a->dictionary, arrow_dictionary_index(a, t, i), n);
    const char *data = a->buffers[2] ? a->buffers[2] : "";
    int64_t begin = arrow_offset(a, t.large, a->offset + i), end = arrow_offset(a, t.large, a->offset + i + 1);
    *n = (size_t)(end - begin);
    return data + begin;
}

static int64_t load_integer(const uint8_t *p, arrow_type t)
{
    uint64_t v = 0;
    switch (t.width) {
    case 1:
        v = p[0];
        break;
    case 2: {
        uint16_t x;
        memcpy(&x, p, 2);
        v = x;
        break;
    }
    case 4: {
        uint32_t x;
        memcpy(&x, p, 4);
        v = x;
        break;
    }
    default:
        memcpy(&v, p, 8);
        break;
    }
    if (t.kind == ARROW_SIGNED && t.width < 8) {
        uint64_t sign = UINT64_C(1) << (t.width * 8 - 1);
        v = (v ^ sign) - sign;
    }
    int64_t out;
    memcpy(&out, &v, sizeof out); /* uint64 above INT64_MAX keeps its bits */
    return out;
}

int64_t arrow_dictionary_index(const struct ArrowArray *a, arrow_type t, int64_t i)
{
    t.kind = t.is_signed ? ARROW_SIGNED : ARROW_UNSIGNED;
    return load_integer((const uint8_t *)a->buffers[1] + (size_t)(a->offset + i) * t.width, t);
}

bool arrow_int(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, int64_t *out)
{
    arrow_type t = arrow_type_of(s);
    if (t.kind == ARROW_DICTIONARY && !arrow_is_null(a, i))
        return arrow_int(s->dictionary, a->dictionary, arrow_dictionary_index(a, t, i), out);
    if ((t.kind != ARROW_BOOL && t.kind != ARROW_SIGNED && t.kind != ARROW_UNSIGNED) || arrow_is_null(a, i))
        return false;
    const uint8_t *values = a->buffers[1];
    if (t.kind == ARROW_BOOL)
        *out = arrow_bit(values, a->offset + i);
    else
        *out = load_integer(values + (size_t)(a->offset + i) * t.width, t);
    return true;
}

bool arrow_double(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, double *out)
{
    arrow_type t = arrow_type_of(s);
    if (t.kind == ARROW_DICTIONARY && !arrow_is_null(a, i))
        return arrow_double(s->dictionary, a->dictionary, arrow_dictionary_index(a, t, i), out);
    if (t.kind != ARROW_FLOAT) {
        int64_t v;
        if (!arrow_int(s, a, i, &v))
            return false;
        *out = t.kind == ARROW_UNSIGNED && t.width == 8 ? (double)(uint64_t)v : (double)v;
        return true;
    }
    if (arrow_is_null(a, i))
        return false;
    const uint8_t *p = (const uint8_t *)a->buffers[1] + (size_t)(a->offset + i) * t.width;
    if (t.width == 8) {
        memcpy(out, p, 8);
    } else if (t.width == 4) {
        float v;
        memcpy(&v, p, 4);
        *out = (double)v;
    } else {
        uint16_t v;
        memcpy(&v, p, 2);
        *out = (double)base_half_to_float(v);
    }
    return true;
}

const float *arrow_vector(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, size_t *dim)
{
    arrow_type t = arrow_type_of(s);
    if (t.kind != ARROW_FIXED_LIST || s->n_children != 1 || strcmp(s->children[0]->format, "f") != 0 ||
        s->children[0]->dictionary || arrow_is_null(a, i))
        return NULL;
    const struct ArrowArray *items = a->children[0];
    int64_t first = (a->offset + i) * t.list_size;
    if (items->null_count != 0 && items->buffers[0])
        for (int64_t k = 0; k < t.list_size; k++)
            if (arrow_is_null(items, first + k)) /* a vector that lacks a number is none */
                return NULL;
    *dim = (size_t)t.list_size;
    return (const float *)items->buffers[1] + items->offset + first;
}
