/* builder.c - columns built value by value. A validity bitmap is made at the first null only; the buffers then move
 * into an ArrowArray whose release callback frees them. The items of a fixed-size list go into `values` as they are and
 * become a child array of their own, which a consumer may move out; items are null only where an array they came from
 * had it so. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "arrow/arrow.h"
#include "arrow/type.h"
#include "base/npy.h"

lancelet_status arrow_builder_init(arrow_builder *b, const struct ArrowSchema *schema, lancelet_error *err)
{
    arrow_type t = arrow_type_of(schema);
    const char *name = schema->name ? schema->name : "";
    arrow_builder fresh = {.schema = schema};
    switch (t.kind) {
    case ARROW_BOOL:
        break;
    case ARROW_SIGNED:
    case ARROW_UNSIGNED:
    case ARROW_FLOAT:
    case ARROW_FIXED:
        fresh.width = t.width;
        break;
    case ARROW_FIXED_LIST: {
        arrow_type item =
            schema->n_children == 1 ? arrow_type_of(schema->children[0]) : (arrow_type){.kind = ARROW_NULL};
        if (item.kind != ARROW_FLOAT && item.kind != ARROW_SIGNED && item.kind != ARROW_UNSIGNED)
            return base_fail(err, LANCELET_UNSUPPORTED, "column \"%s\": lists of %s are not written", name,
                             schema->n_children == 1 ? schema->children[0]->format : "nothing");
        if (t.list_size == 0 || !base_mul_size((size_t)t.list_size, item.width, &fresh.width))
            return base_fail(err, LANCELET_INVALID, "column \"%s\": lists of no or too many values", name);
        break;
    }
    case ARROW_BYTES: {
        int64_t zero = 0;
        if (!base_buffer_append(&fresh.offsets, &zero, t.large ? 8 : 4))
            return base_fail_memory(err);
        break;
    }
    default:
        return base_fail(err, LANCELET_UNSUPPORTED, "column \"%s\": the type %s%s is not written", name,
                         schema->dictionary ? "dictionary of " : "", schema->format ? schema->format : "");
    }
    *b = fresh;
    return LANCELET_OK;
}

void arrow_builder_free(arrow_builder *b)
{
    base_buffer_free(&b->validity);
    base_buffer_free(&b->offsets);
    base_buffer_free(&b->values);
    base_buffer_free(&b->item_validity);
    *b = (arrow_builder){0};
}

/* ---- validity: room first, so that a failed append changes nothing ---- */

static bool reserve_validity(arrow_builder *b, bool valid)
{
    if (valid && b->nulls == 0)
        return true;
    size_t bytes = (size_t)b->length / 8 + 1;
    return bytes <= b->validity.size || base_buffer_reserve(&b->validity, bytes - b->validity.size);
}

/* Counts one row; reserve_validity has been called. */
static void add_row(arrow_builder *b, bool valid)
{
    if (!valid || b->nulls > 0) {
        size_t bytes = (size_t)b->length / 8 + 1;
        if (b->nulls == 0) { /* all rows before were valid */
            memset(b->validity.data, 0xFF, bytes);
            b->validity.data[bytes - 1] = (uint8_t)((1u << (b->length % 8)) - 1);
        } else if (bytes > b->validity.size) {
            b->validity.data[bytes - 1] = 0;
        }
        b->validity.size = bytes;
        if (valid)
            b->validity.data[b->length / 8] |= (uint8_t)(1u << (b->length % 8));
        else
            b->nulls++;
    }
    b->length++;
}

/* One fixed-width value; bytes NULL: a null, stored as zeros. */
static bool append_fixed(arrow_builder *b, const void *bytes)
{
    if (!reserve_validity(b, bytes != NULL) || !base_buffer_reserve(&b->values, b->width))
        return false;
    if (bytes)
        memcpy(b->values.data + b->values.size, bytes, b->width);
    else
        memset(b->values.data + b->values.size, 0, b->width);
    b->values.size += b->width;
    add_row(b, bytes != NULL);
    return true;
}

static bool append_bool(arrow_builder *b, bool value, bool valid)
{
    if (!reserve_validity(b, valid))
        return false;
    if (b->length % 8 == 0 && !base_buffer_append(&b->values, "", 1))
        return false;
    if (value)
        b->values.data[b->length / 8] |= (uint8_t)(1u << (b->length % 8));
    add_row(b, valid);
    return true;
}

static bool append_variable(arrow_builder *b, bool large, const void *bytes, size_t n, bool valid)
{
    size_t end;
    if (!base_add_size(b->values.size, n, &end) || end > (large ? (size_t)PTRDIFF_MAX : (size_t)INT32_MAX))
        return false;
    if (!reserve_validity(b, valid) || !base_buffer_reserve(&b->values, n))
        return false;
    int32_t narrow = large ? 0 : (int32_t)end;
    int64_t wide = (int64_t)end;
    if (!(large ? base_buffer_append(&b->offsets, &wide, 8) : base_buffer_append(&b->offsets, &narrow, 4)))
        return false;
    if (n)
        memcpy(b->values.data + b->values.size, bytes, n);
    b->values.size = end;
    add_row(b, valid);
    return true;
}

bool arrow_append_null(arrow_builder *b)
{
    arrow_type t = arrow_type_of(b->schema);
    if (t.kind == ARROW_BOOL)
        return append_bool(b, false, false);
    if (t.kind == ARROW_BYTES)
        return append_variable(b, t.large, NULL, 0, false);
    return append_fixed(b, NULL);
}

static bool append_float(arrow_builder *b, double v)
{
    float single = (float)v;
    uint16_t half = base_float_to_half(single);
    return append_fixed(b, b->width == 8 ? (const void *)&v : b->width == 4 ? (const void *)&single : &half);
}

bool arrow_append_int(arrow_builder *b, int64_t v)
{
    arrow_type t = arrow_type_of(b->schema);
    if (t.kind == ARROW_BOOL)
        return (v == 0 || v == 1) && append_bool(b, v == 1, true);
    if (t.kind == ARROW_FLOAT)
        return append_float(b, (double)v);
    if (t.kind != ARROW_SIGNED && t.kind != ARROW_UNSIGNED)
        return false;
    int64_t bits = (int64_t)t.width * 8;
    /* uint64 takes any int64's bits, as arrow_int gives them */
    if (t.kind == ARROW_SIGNED && bits < 64 &&
        (v < -(INT64_C(1) << (bits - 1)) || v >= INT64_C(1) << (bits - 1)))
        return false;
    if (t.kind == ARROW_UNSIGNED && bits < 64 && (v < 0 || v >= INT64_C(1) << bits))
        return false;
    uint8_t b1 = (uint8_t)v;
    uint16_t b2 = (uint16_t)v;
    uint32_t b4 = (uint32_t)v;
    return append_fixed(b, t.width == 1   ? (const void *)&b1
                           : t.width == 2 ? (const void *)&b2
                           : t.width == 4 ? (const void *)&b4
                                          : (const void *)&v);
}

bool arrow_append_double(arrow_builder *b, double v)
{
    arrow_type t = arrow_type_of(b->schema);
    if (t.kind == ARROW_FLOAT)
        return append_float(b, v);
    double least = t.kind == ARROW_UNSIGNED ? 0 : -0x1p63; /* both bounds are exact as doubles */
    if (!(v >= least && v < 0x1p63) || v != floor(v))
        return false;
    return arrow_append_int(b, (int64_t)v);
}

bool arrow_append_bytes(arrow_builder *b, const void *bytes, size_t n)
{
    arrow_type t = arrow_type_of(b->schema);
    return t.kind == ARROW_BYTES && append_variable(b, t.large, bytes, n, true);
}

bool arrow_append_vector(arrow_builder *b, const float *v)
{
    arrow_type t = arrow_type_of(b->schema);
    if (t.kind != ARROW_FIXED_LIST)
        return false;
    arrow_type item = arrow_type_of(b->schema->children[0]);
    if (item.kind != ARROW_FLOAT)
        return false;
    if (item.width == 4)
        return append_fixed(b, v);
    if (!reserve_validity(b, true) || !base_buffer_reserve(&b->values, b->width))
        return false;
    uint8_t *out = b->values.data + b->values.size;
    for (int64_t k = 0; k < t.list_size; k++, out += item.width) {
        if (item.width == 8) {
            double wide = (double)v[k];
            memcpy(out, &wide, 8);
        } else {
            uint16_t half = base_float_to_half(v[k]);
            memcpy(out, &half, 2);
        }
    }
    b->values.size += b->width;
    add_row(b, true);
    return true;
}

/* Makes the items' bitmap reach over `items` of them; what is new is valid. */
static bool extend_item_validity(arrow_builder *b, int64_t items)
{
    base_buffer *bits = &b->item_validity;
    size_t bytes = (size_t)items / 8 + 1;
    if (bytes <= bits->size)
        return true;
    if (!base_buffer_reserve(bits, bytes - bits->size))
        return false;
    memset(bits->data + bits->size, 0xFF, bytes - bits->size);
    bits->size = bytes;
    return true;
}

/* The list at row `row` of `items`, whose items may be null. */
static bool append_list(arrow_builder *b, int64_t list_size, const struct ArrowArray *items, int64_t row)
{
    int64_t from = row * list_size, to = b->length * list_size;
    bool nulls = items->null_count != 0 && items->buffers[0];
    const uint8_t *values = items->buffers[1];
    size_t item_width = b->width / (size_t)list_size;
    if (nulls && !extend_item_validity(b, to + list_size))
        return false;
    if (!append_fixed(b, values + (size_t)(items->offset + from) * item_width))
        return false;
    for (int64_t k = 0; nulls && k < list_size; k++)
        if (arrow_is_null(items, from + k)) {
            b->item_validity.data[(to + k) / 8] &= (uint8_t) ~(1u << ((to + k) % 8));
            b->item_nulls++;
        }
    return true;
}

/* utf8 and large utf8 hold the same values, binary likewise. */
static bool same_format(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return true;
    return a[0] != '\0' && b[0] != '\0' && a[1] == '\0' && b[1] == '\0' && (a[0] | 0x20) == (b[0] | 0x20) &&
           ((a[0] | 0x20) == 'u' || (a[0] | 0x20) == 'z');
}

bool arrow_append_from(arrow_builder *b, const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i)
{
    arrow_type t = arrow_type_of(s);
    if (!same_format(s->format, b->schema->format) || t.kind == ARROW_UNKNOWN)
        return false;
    if (t.kind == ARROW_FIXED_LIST && (s->n_children != 1 || s->children[0]->dictionary ||
                                       strcmp(s->children[0]->format, b->schema->children[0]->format) != 0))
        return false;
    if (arrow_is_null(a, i))
        return arrow_append_null(b);
    int64_t row = a->offset + i;
    switch (t.kind) {
    case ARROW_BOOL:
        return append_bool(b, arrow_bit(a->buffers[1], row), true);
    case ARROW_BYTES: {
        size_t n;
        const char *bytes = arrow_bytes(s, a, i, &n);
        return arrow_append_bytes(b, bytes, n);
    }
    case ARROW_FIXED_LIST:
        return append_list(b, t.list_size, a->children[0], row);
    default:
        return append_fixed(b, (const uint8_t *)a->buffers[1] + (size_t)row * b->width);
    }
}

/* ---- finishing ---- */

typedef struct array_private {
    const void *buffers[3];
    void *owned[3];
    struct ArrowArray child;
    struct ArrowArray *children[1];
} array_private;

static void release_array(struct ArrowArray *a)
{
    array_private *p = a->private_data;
    for (int64_t i = 0; i < a->n_children; i++)
        arrow_array_release(a->children[i]);
    for (int i = 0; i < 3; i++)
        base_free(p->owned[i]);
    base_free(p);
    a->release = NULL;
}

/* Moves a buffer in; `index` is its place in the array. */
static void give(array_private *p, int index, base_buffer *buffer)
{
    p->buffers[index] = p->owned[index] = buffer->data;
    *buffer = (base_buffer){0};
}

static struct ArrowArray array_of(array_private *p, int64_t length, int64_t nulls, int64_t n_buffers)
{
    return (struct ArrowArray){.length = length,
                               .null_count = nulls,
                               .n_buffers = n_buffers,
                               .buffers = p->buffers,
                               .release = release_array,
                               .private_data = p};
}

lancelet_status arrow_builder_finish(arrow_builder *b, struct ArrowArray *out, lancelet_error *err)
{
    arrow_type t = arrow_type_of(b->schema);
    bool list = t.kind == ARROW_FIXED_LIST;
    array_private *p = base_calloc(1, sizeof *p);
    array_private *item = list ? base_calloc(1, sizeof *item) : NULL;
    /* an empty buffer that is not NULL: some readers take NULL for a buffer that is missing */
    if (!p || (list && !item) || !base_buffer_reserve(&b->values, 1) ||
        (b->item_nulls && !extend_item_validity(b, b->length * t.list_size))) {
        base_free(p);
        base_free(item);
        arrow_builder_free(b);
        return base_fail_memory(err);
    }
    int64_t length = b->length, item_nulls = b->item_nulls;
    give(p, 0, &b->validity);
    if (t.kind == ARROW_BYTES) {
        give(p, 1, &b->offsets);
        give(p, 2, &b->values);
    } else {
        give(list ? item : p, 1, &b->values);
    }
    if (item_nulls)
        give(item, 0, &b->item_validity);
    *out = array_of(p, length, b->nulls, list ? 1 : t.kind == ARROW_BYTES ? 3 : 2);
    if (list) {
        p->child = array_of(item, length * t.list_size, item_nulls, 2);
        p->children[0] = &p->child;
        out->n_children = 1;
        out->children = p->children;
    }
    arrow_builder_free(b);
    return LANCELET_OK;
}
