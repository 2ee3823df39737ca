/* builder.c - columns built value by value. A validity bitmap is made at the first null only. Nested types have a
 * builder a child; below a null list of fixed size or struct stand empty values (0, "", no items), so that a child
 * that may not be null has none. A dictionary column keeps its values in a child too, each once. An append that
 * fails half-way takes back what its children have got. builder_finish.c makes the array. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "arrow/arrow.h"
#include "arrow/type.h"
#include "base/hash.h"
#include "base/npy.h"

enum { DEEPEST_BUILDER = 64 };

static bool is_fixed(int kind)
{
    return kind == ARROW_SIGNED || kind == ARROW_UNSIGNED || kind == ARROW_FLOAT || kind == ARROW_FIXED;
}

/* ---- making ---- */

static lancelet_status init(arrow_builder *b, const struct ArrowSchema *schema, int depth,
                            lancelet_error *err);

static lancelet_status init_children(arrow_builder *b, int depth, lancelet_error *err)
{
    const struct ArrowSchema *s = b->schema;
    bool dictionary = b->kind == ARROW_DICTIONARY;
    b->child = base_calloc((size_t)s->n_children + 1, sizeof *b->child);
    if (!b->child)
        return base_fail_memory(err);
    for (int64_t n = dictionary ? 1 : s->n_children; b->n_children < n; b->n_children++)
        RETURN_IF_ERROR(init(&b->child[b->n_children],
                             dictionary ? s->dictionary : s->children[b->n_children], depth + 1, err));
    if (!dictionary)
        return LANCELET_OK;
    if (b->child[0].kind != ARROW_BYTES && b->child[0].kind != ARROW_BOOL && !is_fixed(b->child[0].kind))
        return base_fail(err, LANCELET_UNSUPPORTED, "column \"%s\": a dictionary of %s is not built here",
                         s->name ? s->name : "", s->dictionary->format);
    b->dictionary = base_map64_create();
    return b->dictionary ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status init_kind(arrow_builder *b, int depth, lancelet_error *err)
{
    const struct ArrowSchema *s = b->schema;
    const char *name = s->name ? s->name : "";
    int64_t zero = 0;
    if (depth > DEEPEST_BUILDER)
        return base_fail(err, LANCELET_LIMIT, "column \"%s\": nested more than %d deep", name,
                         DEEPEST_BUILDER);
    if (b->kind == ARROW_UNKNOWN)
        return base_fail(err, LANCELET_UNSUPPORTED, "column \"%s\": the type %s%s is not built here", name,
                         s->dictionary ? "dictionary of " : "", s->format ? s->format : "");
    if ((b->kind == ARROW_LIST || b->kind == ARROW_FIXED_LIST) && s->n_children != 1)
        return base_fail(err, LANCELET_CORRUPT, "column \"%s\": a list of no values", name);
    if (b->kind == ARROW_FIXED_LIST && b->list_size == 0)
        return base_fail(err, LANCELET_INVALID, "column \"%s\": lists of no values", name);
    if ((b->kind == ARROW_BYTES || b->kind == ARROW_LIST) &&
        !base_buffer_append(&b->offsets, &zero, b->large ? 8 : 4))
        return base_fail_memory(err);
    if (b->kind >= ARROW_LIST)
        return init_children(b, depth, err);
    return LANCELET_OK;
}

static lancelet_status init(arrow_builder *b, const struct ArrowSchema *schema, int depth,
                            lancelet_error *err)
{
    arrow_type t = arrow_type_of(schema);
    arrow_builder fresh = {
        .schema = schema, .kind = (int)t.kind, .large = t.large, .width = t.width, .list_size = t.list_size};
    lancelet_status status = init_kind(&fresh, depth, err);
    if (status == LANCELET_OK)
        *b = fresh;
    else
        arrow_builder_free(&fresh);
    return status;
}

lancelet_status arrow_builder_init(arrow_builder *b, const struct ArrowSchema *schema, lancelet_error *err)
{
    return init(b, schema, 0, err);
}

void arrow_builder_free(arrow_builder *b)
{
    for (int64_t i = 0; i < b->n_children; i++)
        arrow_builder_free(&b->child[i]);
    base_free(b->child);
    base_map64_destroy(b->dictionary);
    base_buffer_free(&b->validity);
    base_buffer_free(&b->offsets);
    base_buffer_free(&b->values);
    *b = (arrow_builder){0};
}

/* ---- validity: room first, so that a failed append changes nothing ---- */

static size_t bitmap_bytes(int64_t rows)
{
    return (size_t)(rows + 7) / 8;
}

static bool reserve_validity(arrow_builder *b, int64_t rows, bool valid)
{
    if (valid && b->nulls == 0)
        return true;
    size_t bytes = bitmap_bytes(b->length + rows);
    return bytes <= b->validity.size || base_buffer_reserve(&b->validity, bytes - b->validity.size);
}

/* Counts rows; reserve_validity has been called. */
static void add_rows(arrow_builder *b, int64_t rows, bool valid)
{
    if (valid && b->nulls == 0) {
        b->length += rows;
        return;
    }
    size_t bytes = bitmap_bytes(b->length + rows), before = b->nulls == 0 ? 0 : b->validity.size;
    if (bytes > before)
        memset(b->validity.data + before, 0, bytes - before);
    if (b->nulls == 0) { /* all rows before were valid */
        memset(b->validity.data, 0xFF, (size_t)b->length / 8);
        if (b->length % 8)
            b->validity.data[b->length / 8] = (uint8_t)((1u << (b->length % 8)) - 1);
    }
    b->validity.size = bytes;
    for (int64_t i = 0; valid && i < rows; i++)
        b->validity.data[(b->length + i) / 8] |= (uint8_t)(1u << ((b->length + i) % 8));
    b->nulls += valid ? 0 : rows;
    b->length += rows;
}

/* ---- taking back ---- */

static void clear_bits(uint8_t *bits, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++)
        bits[i / 8] &= (uint8_t) ~(1u << (i % 8));
}

static int64_t last_offset(const arrow_builder *b)
{
    int64_t wide;
    int32_t narrow;
    if (b->large) {
        memcpy(&wide, b->offsets.data + b->offsets.size - 8, 8);
        return wide;
    }
    memcpy(&narrow, b->offsets.data + b->offsets.size - 4, 4);
    return narrow;
}

static void cut(arrow_builder *b, int64_t length);

/* Takes from children what is more than the rows here need. */
static void cut_children(arrow_builder *b)
{
    for (int64_t i = 0; b->kind != ARROW_DICTIONARY && i < b->n_children; i++)
        cut(&b->child[i], b->kind == ARROW_LIST         ? last_offset(b)
                          : b->kind == ARROW_FIXED_LIST ? b->length * b->list_size
                                                        : b->length);
}

/* Leaves the first `length` rows. Values that a dictionary column has by then stay, unused. */
static void cut(arrow_builder *b, int64_t length)
{
    if (length < b->length && b->kind == ARROW_NULL) {
        b->nulls = length;
    } else if (length < b->length && b->nulls) {
        for (int64_t i = length; i < b->length; i++)
            b->nulls -= !arrow_bit(b->validity.data, i);
        clear_bits(b->validity.data, length, b->length);
        b->validity.size = b->nulls ? bitmap_bytes(length) : 0;
    }
    if (length < b->length && b->kind == ARROW_BOOL) {
        clear_bits(b->values.data, length, b->length);
        b->values.size = bitmap_bytes(length);
    } else if (is_fixed(b->kind) || b->kind == ARROW_DICTIONARY) {
        b->values.size = (size_t)length * b->width;
    } else if (b->kind == ARROW_BYTES || b->kind == ARROW_LIST) {
        b->offsets.size = ((size_t)length + 1) * (b->large ? 8 : 4);
        if (b->kind == ARROW_BYTES)
            b->values.size = (size_t)last_offset(b);
    }
    b->length = length;
    cut_children(b);
}

/* The end of an append to a nested type: true, or false with the children as they were. */
static bool kept(arrow_builder *b, bool ok)
{
    for (int64_t i = 0; !ok && i < b->n_children; i++)
        b->full |= b->child[i].full;
    if (!ok)
        cut_children(b);
    return ok;
}

/* ---- values of a fixed width ---- */

/* `rows` values that lie side by side; bytes NULL: zeros. */
static bool append_fixed(arrow_builder *b, const void *bytes, int64_t rows, bool valid)
{
    size_t n;
    if (!base_mul_size((size_t)rows, b->width, &n) || !reserve_validity(b, rows, valid) ||
        !base_buffer_reserve(&b->values, n))
        return false;
    if (n && bytes)
        memcpy(b->values.data + b->values.size, bytes, n);
    else if (n)
        memset(b->values.data + b->values.size, 0, n);
    b->values.size += n;
    add_rows(b, rows, valid);
    return true;
}

static bool append_bools(arrow_builder *b, bool value, int64_t rows, bool valid)
{
    size_t bytes = bitmap_bytes(b->length + rows), more = bytes - b->values.size;
    if (!reserve_validity(b, rows, valid) || !base_buffer_reserve(&b->values, more))
        return false;
    if (more)
        memset(b->values.data + b->values.size, 0, more);
    b->values.size = bytes;
    for (int64_t i = b->length; value && i < b->length + rows; i++)
        b->values.data[i / 8] |= (uint8_t)(1u << (i % 8));
    add_rows(b, rows, valid);
    return true;
}

/* ---- bytes and lists ---- */

/* Rows that end where the values (of a list: its child's) do, at `end`. */
static bool append_ends(arrow_builder *b, size_t end, int64_t rows, bool valid)
{
    size_t width = b->large ? 8 : 4, n;
    if (!b->large && end > INT32_MAX) {
        b->full = true;
        return false;
    }
    if (!base_mul_size((size_t)rows, width, &n) || !reserve_validity(b, rows, valid) ||
        !base_buffer_reserve(&b->offsets, n))
        return false;
    int64_t wide = (int64_t)end;
    int32_t narrow = b->large ? 0 : (int32_t)end;
    for (int64_t i = 0; i < rows; i++, b->offsets.size += width)
        memcpy(b->offsets.data + b->offsets.size, b->large ? (const void *)&wide : &narrow, width);
    add_rows(b, rows, valid);
    return true;
}

static bool append_variable(arrow_builder *b, const void *bytes, size_t n)
{
    size_t end;
    if (!base_add_size(b->values.size, n, &end) || end > PTRDIFF_MAX || !base_buffer_reserve(&b->values, n) ||
        !append_ends(b, end, 1, true))
        return false;
    if (n)
        memcpy(b->values.data + b->values.size, bytes, n);
    b->values.size = end;
    return true;
}

/* ---- nulls and empty values ---- */

static bool append_empty(arrow_builder *b, int64_t rows);

static bool append_empty_below(arrow_builder *b, int64_t rows)
{
    int64_t n = rows;
    if (b->kind == ARROW_FIXED_LIST && __builtin_mul_overflow(rows, b->list_size, &n))
        return false;
    for (int64_t i = 0; i < b->n_children; i++)
        if (!append_empty(&b->child[i], n))
            return false;
    return true;
}

/* Rows without a value, valid or null; what a null row has in its place is empty values. */
static bool append_blank(arrow_builder *b, int64_t rows, bool valid)
{
    switch (b->kind) {
    case ARROW_NULL:
        b->length += rows;
        b->nulls += rows;
        return true;
    case ARROW_BOOL:
        return append_bools(b, false, rows, valid);
    case ARROW_BYTES:
        return append_ends(b, b->values.size, rows, valid);
    case ARROW_LIST:
        return append_ends(b, (size_t)b->child[0].length, rows, valid);
    case ARROW_FIXED_LIST:
    case ARROW_STRUCT:
        if (!kept(b, append_empty_below(b, rows) && reserve_validity(b, rows, valid)))
            return false;
        add_rows(b, rows, valid);
        return true;
    case ARROW_DICTIONARY: /* which may have no value that would do for an empty one */
        return append_fixed(b, NULL, rows, false);
    default:
        return append_fixed(b, NULL, rows, valid);
    }
}

static bool append_empty(arrow_builder *b, int64_t rows)
{
    return append_blank(b, rows, true);
}

bool arrow_append_null(arrow_builder *b)
{
    return append_blank(b, 1, false);
}

/* ---- dictionaries ---- */

static const void *value_bytes(const arrow_builder *values, int64_t i, uint8_t *one, size_t *n)
{
    if (values->kind == ARROW_BOOL) {
        *one = arrow_bit(values->values.data, i);
        *n = 1;
        return one;
    }
    if (values->kind != ARROW_BYTES) {
        *n = values->width;
        return values->values.data + (size_t)i * values->width;
    }
    struct ArrowArray offsets = {.buffers = (const void *[]){NULL, values->offsets.data}};
    int64_t begin = arrow_offset(&offsets, values->large, i);
    *n = (size_t)(arrow_offset(&offsets, values->large, i + 1) - begin);
    return *n ? values->values.data + begin : (const uint8_t *)"";
}

/* Appends a row that stands for the value which was just put behind those of the dictionary (`added`: it was), or
 * for an equal one that is there already. */
static bool append_last_value(arrow_builder *b, bool added)
{
    static const uint64_t one = 1;
    arrow_builder *values = &b->child[0];
    if (!added) {
        b->full |= values->full;
        return false;
    }
    int64_t last = values->length - 1;
    uint8_t byte;
    size_t n;
    const void *bytes = value_bytes(values, last, &byte, &n);
    uint64_t at, most = b->width == 8
                            ? INT64_MAX
                            : (one << (8 * b->width - (arrow_type_of(b->schema).is_signed ? 1 : 0))) - 1;
    bool known = base_map64_get(b->dictionary, bytes, n, &at);
    if (!known) {
        at = (uint64_t)last;
        b->full |= at > most;
        if (at > most || !base_map64_set(b->dictionary, bytes, n, at)) {
            cut(values, last);
            return false;
        }
    } else {
        cut(values, last);
    }
    uint8_t b1 = (uint8_t)at;
    uint16_t b2 = (uint16_t)at;
    uint32_t b4 = (uint32_t)at;
    return append_fixed(b,
                        b->width == 1   ? (const void *)&b1
                        : b->width == 2 ? (const void *)&b2
                        : b->width == 4 ? (const void *)&b4
                                        : &at,
                        1, true);
}

/* ---- single values ---- */

static bool append_float(arrow_builder *b, double v)
{
    float single = (float)v;
    uint16_t half = base_float_to_half(single);
    return append_fixed(b,
                        b->width == 8   ? (const void *)&v
                        : b->width == 4 ? (const void *)&single
                                        : &half,
                        1, true);
}

bool arrow_append_int(arrow_builder *b, int64_t v)
{
    if (b->kind == ARROW_DICTIONARY)
        return append_last_value(b, arrow_append_int(&b->child[0], v));
    if (b->kind == ARROW_BOOL)
        return (v == 0 || v == 1) && append_bools(b, v == 1, 1, true);
    if (b->kind == ARROW_FLOAT)
        return append_float(b, (double)v);
    if (b->kind != ARROW_SIGNED && b->kind != ARROW_UNSIGNED)
        return false;
    int64_t bits = (int64_t)b->width * 8;
    /* uint64 takes any int64's bits, as arrow_int gives them */
    if (b->kind == ARROW_SIGNED && bits < 64 &&
        (v < -(INT64_C(1) << (bits - 1)) || v >= INT64_C(1) << (bits - 1)))
        return false;
    if (b->kind == ARROW_UNSIGNED && bits < 64 && (v < 0 || v >= INT64_C(1) << bits))
        return false;
    uint8_t b1 = (uint8_t)v;
    uint16_t b2 = (uint16_t)v;
    uint32_t b4 = (uint32_t)v;
    const void *bytes = b->width == 1   ? (const void *)&b1
                        : b->width == 2 ? (const void *)&b2
                        : b->width == 4 ? (const void *)&b4
                                        : (const void *)&v;
    return append_fixed(b, bytes, 1, true);
}

bool arrow_append_double(arrow_builder *b, double v)
{
    if (b->kind == ARROW_DICTIONARY)
        return append_last_value(b, arrow_append_double(&b->child[0], v));
    if (b->kind == ARROW_FLOAT)
        return append_float(b, v);
    double least = b->kind == ARROW_UNSIGNED ? 0 : -0x1p63; /* both bounds are exact as doubles */
    if (!(v >= least && v < 0x1p63) || v != floor(v))
        return false;
    return arrow_append_int(b, (int64_t)v);
}

bool arrow_append_bytes(arrow_builder *b, const void *bytes, size_t n)
{
    if (b->kind == ARROW_DICTIONARY)
        return append_last_value(b, arrow_append_bytes(&b->child[0], bytes, n));
    if (b->kind == ARROW_FIXED && strchr("wd", b->schema->format[0]))
        return n == b->width && append_fixed(b, bytes, 1, true);
    return b->kind == ARROW_BYTES && append_variable(b, bytes, n);
}

static bool append_floats(arrow_builder *b, const float *v, int64_t n)
{
    if (b->kind != ARROW_FLOAT)
        return false;
    if (b->width == 4)
        return append_fixed(b, v, n, true);
    for (int64_t k = 0; k < n; k++)
        if (!append_float(b, (double)v[k]))
            return false;
    return true;
}

bool arrow_append_vector(arrow_builder *b, const float *v)
{
    if (b->kind != ARROW_FIXED_LIST ||
        !kept(b, append_floats(&b->child[0], v, b->list_size) && reserve_validity(b, 1, true)))
        return false;
    add_rows(b, 1, true);
    return true;
}

/* ---- rows of other arrays ---- */

/* utf8 and large utf8 hold the same values, binary and lists likewise. */
static bool same_format(const arrow_builder *b, arrow_type t, const char *format)
{
    const char *own = b->schema->format;
    if (strcmp(format, own) == 0)
        return true;
    if (b->kind == ARROW_BYTES && t.kind == ARROW_BYTES)
        return (format[0] | 0x20) == (own[0] | 0x20);
    return b->kind == ARROW_LIST && t.kind == ARROW_LIST && format[1] != 'm' && own[1] != 'm';
}

/* Rows first..first+n-1 of an array. */
static bool append_run(arrow_builder *b, const struct ArrowSchema *s, const struct ArrowArray *a,
                       int64_t first, int64_t n)
{
    if (n > 0 && is_fixed(b->kind) && !s->dictionary && strcmp(s->format, b->schema->format) == 0 &&
        (a->null_count == 0 || !a->buffers[0]))
        return append_fixed(b, (const uint8_t *)a->buffers[1] + (size_t)(a->offset + first) * b->width, n,
                            true);
    for (int64_t i = 0; i < n; i++)
        if (!arrow_append_from(b, s, a, first + i))
            return false;
    return true;
}

static bool append_nested(arrow_builder *b, arrow_type t, const struct ArrowSchema *s,
                          const struct ArrowArray *a, int64_t row)
{
    if (b->n_children != s->n_children)
        return false;
    if (t.kind == ARROW_STRUCT) {
        for (int64_t k = 0; k < s->n_children; k++)
            if (!arrow_append_from(&b->child[k], s->children[k], a->children[k], row))
                return false;
        return reserve_validity(b, 1, true);
    }
    int64_t first = row * t.list_size, n = t.list_size;
    if (t.kind == ARROW_LIST) {
        first = arrow_offset(a, t.large, row);
        n = arrow_offset(a, t.large, row + 1) - first;
    }
    return append_run(&b->child[0], s->children[0], a->children[0], first, n) && reserve_validity(b, 1, true);
}

bool arrow_append_from(arrow_builder *b, const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i)
{
    arrow_type t = arrow_type_of(s);
    if (arrow_is_null(a, i))
        return arrow_append_null(b);
    if (t.kind == ARROW_DICTIONARY)
        return arrow_append_from(b, s->dictionary, a->dictionary, arrow_dictionary_index(a, t, i));
    if (b->kind == ARROW_DICTIONARY)
        return append_last_value(b, arrow_append_from(&b->child[0], s, a, i));
    if (b->kind != (int)t.kind || !same_format(b, t, s->format))
        return false;
    int64_t row = a->offset + i;
    size_t n;
    const char *bytes;
    switch (t.kind) {
    case ARROW_BOOL:
        return append_bools(b, arrow_bit(a->buffers[1], row), 1, true);
    case ARROW_BYTES:
        bytes = arrow_bytes(s, a, i, &n);
        return append_variable(b, bytes, n);
    case ARROW_LIST:
        return kept(b, append_nested(b, t, s, a, row) && append_ends(b, (size_t)b->child[0].length, 1, true));
    case ARROW_FIXED_LIST:
    case ARROW_STRUCT:
        if (!kept(b, append_nested(b, t, s, a, row)))
            return false;
        add_rows(b, 1, true);
        return true;
    default:
        return append_fixed(b, (const uint8_t *)a->buffers[1] + (size_t)row * b->width, 1, true);
    }
}
