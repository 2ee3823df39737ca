/* load.c - rows of an Arrow array as a vector: without copying where its layout is a vector's (int64, double, aligned), else
 * widened. Dictionaries are looked up: conditions see their values. */
#include <string.h>

#include "arrow/type.h"
#include "base/npy.h"
#include "lance/expr/tree.h"

/* rows NULL: those of the block from c->start on. */
typedef struct source {
    const struct ArrowArray *array;
    const int64_t *rows;
    int64_t start;
    size_t n;
} source;

static int64_t row_of(const source *s, size_t i)
{
    return s->rows ? s->rows[i] : s->start + (int64_t)i;
}

static bool has_nulls(const source *s)
{
    return s->array->null_count != 0 && s->array->n_buffers > 0 && s->array->buffers[0];
}

static void load_valid(const source *s, uint8_t *valid)
{
    const uint8_t *bits = s->array->buffers[0];
    for (size_t i = 0; i < s->n; i++)
        valid[i] = arrow_bit(bits, s->array->offset + row_of(s, i));
}

/* memcpy: values of foreign arrays need not be aligned */
#define WIDEN(type, target)                                                                                   \
    do {                                                                                                      \
        type v_;                                                                                              \
        const uint8_t *first_ = values + (size_t)(s->array->offset + (s->rows ? 0 : s->start)) * sizeof v_;   \
        if (s->rows)                                                                                          \
            for (size_t i = 0; i < s->n; i++) {                                                               \
                memcpy(&v_, first_ + (size_t)s->rows[i] * sizeof v_, sizeof v_);                              \
                target;                                                                                       \
            }                                                                                                 \
        else                                                                                                  \
            for (size_t i = 0; i < s->n; i++) {                                                               \
                memcpy(&v_, first_ + i * sizeof v_, sizeof v_);                                               \
                target;                                                                                       \
            }                                                                                                 \
    } while (0)

static void load_integers(const source *s, size_t width, bool is_signed, const uint8_t *values, expr_vector *out)
{
    switch (width) {
    case 1:
        if (is_signed)
            WIDEN(int8_t, out->i[i] = v_);
        else
            WIDEN(uint8_t, out->i[i] = v_);
        break;
    case 2:
        if (is_signed)
            WIDEN(int16_t, out->i[i] = v_);
        else
            WIDEN(uint16_t, out->i[i] = v_);
        break;
    case 4:
        if (is_signed)
            WIDEN(int32_t, out->i[i] = v_);
        else
            WIDEN(uint32_t, out->i[i] = v_);
        break;
    default:
        WIDEN(int64_t, out->i[i] = v_);
        break;
    }
}

static void load_floats(const source *s, size_t width, const uint8_t *values, expr_vector *out)
{
    if (width == 2)
        WIDEN(uint16_t, out->d[i] = (double)base_half_to_float(v_));
    else if (width == 4)
        WIDEN(float, out->d[i] = (double)v_);
    else
        WIDEN(double, out->d[i] = v_);
}

static void load_decimals(const source *s, size_t width, const uint8_t *values, expr_vector *out)
{
    if (width == 4)
        WIDEN(int32_t, out->w[i] = v_);
    else if (width == 8)
        WIDEN(int64_t, out->w[i] = v_);
    else
        WIDEN(expr_wide, out->w[i] = v_);
}

static void load_bytes(const source *s, arrow_type layout, expr_vector *out)
{
    const uint8_t *offsets = s->array->buffers[1];
    const char *data = s->array->buffers[2] ? s->array->buffers[2] : "";
    for (size_t i = 0; i < s->n; i++) {
        int64_t row = s->array->offset + row_of(s, i);
        if (layout.large) {
            int64_t range[2];
            memcpy(range, offsets + (size_t)row * 8, 16);
            out->s[i] = (expr_view){data + range[0], (size_t)(range[1] - range[0])};
        } else {
            int32_t range[2];
            memcpy(range, offsets + (size_t)row * 4, 8);
            out->s[i] = (expr_view){data + range[0], (size_t)(range[1] - range[0])};
        }
    }
}

static void load_fixed_bytes(const source *s, size_t width, expr_vector *out)
{
    const char *values = s->array->buffers[1];
    for (size_t i = 0; i < s->n; i++)
        out->s[i] = (expr_view){values + (size_t)(s->array->offset + row_of(s, i)) * width, width};
}

static void load_bools(const source *s, const uint8_t *valid, expr_vector *out)
{
    const uint8_t *bits = s->array->buffers[1];
    for (size_t i = 0; i < s->n; i++) {
        if (valid && !valid[i])
            out->truth[i] = EXPR_UNKNOWN;
        else
            out->truth[i] = arrow_bit(bits, s->array->offset + row_of(s, i)) ? EXPR_TRUE : EXPR_FALSE;
    }
}

/* int64 and double lie as a vector wants them. */
static bool borrow(const source *s, arrow_type layout, expr_type t, expr_vector *out)
{
    bool wide = (layout.kind == ARROW_SIGNED || layout.kind == ARROW_UNSIGNED || layout.kind == ARROW_FLOAT) &&
                layout.width == 8 && t.kind != EXPR_DECIMAL;
    const char *values = wide ? s->array->buffers[1] : NULL;
    if (!values || s->rows)
        return false;
    values += (size_t)(s->array->offset + s->start) * 8;
    if ((uintptr_t)values % 8 != 0)
        return false;
    out->any = (void *)(uintptr_t)values; /* vectors that were loaded are only read */
    return true;
}

static lancelet_status load(expr_context *c, const struct ArrowSchema *schema, expr_type t, const source *s,
                            expr_vector *out);

/* The values that the indices of a dictionary's array stand for. */
static lancelet_status look_up(expr_context *c, const struct ArrowSchema *schema, expr_type t, const source *s,
                               expr_vector *out)
{
    struct ArrowSchema indices = *schema;
    indices.dictionary = NULL;
    const struct ArrowArray *values = s->array->dictionary;
    expr_vector index;
    expr_type index_type;
    if (!expr_type_of(&indices, &index_type) || (index_type.kind != EXPR_INT && index_type.kind != EXPR_UINT) || !values)
        return base_fail(c->err, LANCELET_CORRUPT, "a dictionary without indices or values");
    RETURN_IF_ERROR(load(c, &indices, index_type, s, &index));
    expr_vector rows;
    RETURN_IF_ERROR(expr_take(c, false, &rows));
    for (size_t i = 0; i < s->n; i++) {
        rows.i[i] = expr_valid(&index, i) ? index.i[i] : -1;
        if (rows.i[i] >= values->length || (rows.i[i] < 0 && expr_valid(&index, i)))
            return base_fail(c->err, LANCELET_CORRUPT, "an index outside its dictionary");
    }
    return expr_gather(c, schema->dictionary, t, values, rows.i, out);
}

static lancelet_status load(expr_context *c, const struct ArrowSchema *schema, expr_type t, const source *s,
                            expr_vector *out)
{
    if (schema->dictionary)
        return look_up(c, schema, t, s, out);
    arrow_type layout = arrow_type_of(schema);
    RETURN_IF_ERROR(expr_take(c, t.kind == EXPR_NULL || has_nulls(s), out));
    if (t.kind == EXPR_NULL) {
        memset(out->valid, 0, s->n);
        return LANCELET_OK;
    }
    if (out->valid)
        load_valid(s, out->valid);
    if (t.kind == EXPR_LIST || t.kind == EXPR_STRUCT) {
        for (size_t i = 0; i < s->n; i++)
            out->item[i] = (expr_item){s->array, row_of(s, i)};
        return LANCELET_OK;
    }
    if (borrow(s, layout, t, out))
        return LANCELET_OK;
    if (!s->array->buffers[1]) { /* no rows, or nulls alone */
        memset(out->any, t.kind == EXPR_BOOL ? EXPR_UNKNOWN : 0, s->n * 16);
        return LANCELET_OK;
    }
    const uint8_t *values = s->array->buffers[1];
    switch (t.kind) {
    case EXPR_BOOL:
        load_bools(s, out->valid, out);
        break;
    case EXPR_FLOAT:
        load_floats(s, layout.width, values, out);
        break;
    case EXPR_DECIMAL:
        load_decimals(s, layout.width, values, out);
        break;
    case EXPR_STRING:
    case EXPR_BINARY:
        if (layout.kind == ARROW_BYTES)
            load_bytes(s, layout, out);
        else
            load_fixed_bytes(s, layout.width, out);
        break;
    default:
        load_integers(s, layout.width, layout.kind == ARROW_SIGNED, values, out);
        break;
    }
    return LANCELET_OK;
}

lancelet_status expr_load(expr_context *c, const struct ArrowSchema *schema, expr_type t, const struct ArrowArray *a,
                          expr_vector *out)
{
    source s = {.array = a, .start = (int64_t)c->start, .n = c->n};
    return load(c, schema, t, &s, out);
}

lancelet_status expr_gather(expr_context *c, const struct ArrowSchema *schema, expr_type t, const struct ArrowArray *a,
                            const int64_t *rows, expr_vector *out)
{
    expr_vector at;
    bool missing = false;
    RETURN_IF_ERROR(expr_take(c, false, &at));
    for (size_t i = 0; i < c->n; i++) {
        missing |= rows[i] < 0;
        at.i[i] = rows[i] < 0 ? 0 : rows[i]; /* the first row's value stands for the missing ones */
    }
    if (a->length == 0) {
        RETURN_IF_ERROR(expr_take(c, true, out));
        memset(out->any, t.kind == EXPR_BOOL ? EXPR_UNKNOWN : 0, c->n * 16);
        memset(out->valid, 0, c->n);
        return LANCELET_OK;
    }
    source s = {.array = a, .rows = at.i, .n = c->n};
    RETURN_IF_ERROR(load(c, schema, t, &s, out));
    if (!missing)
        return LANCELET_OK;
    if (t.kind == EXPR_BOOL) {
        for (size_t i = 0; i < c->n; i++)
            if (rows[i] < 0)
                out->truth[i] = EXPR_UNKNOWN;
        return LANCELET_OK;
    }
    if (!out->valid) {
        expr_vector extra;
        RETURN_IF_ERROR(expr_take(c, true, &extra));
        memset(extra.valid, 1, c->n);
        out->valid = extra.valid;
    }
    for (size_t i = 0; i < c->n; i++)
        out->valid[i] &= rows[i] >= 0;
    return LANCELET_OK;
}
