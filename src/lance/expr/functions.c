/* functions.c - the functions of conditions by name: what they take, what they give. What they do with null, and with negative
 * counts, is what DataFusion's do. */
#include <math.h>
#include <string.h>

#include "base/npy.h"
#include "base/text.h"
#include "lance/expr/functions.h"

#define MANY 64

static const expr_function functions[] = {
    {"lower", FN_LOWER, 1, 1},
    {"upper", FN_UPPER, 1, 1},
    {"starts_with", FN_STARTS_WITH, 2, 2},
    {"ends_with", FN_ENDS_WITH, 2, 2},
    {"contains", FN_CONTAINS, 2, 2},
    {"length", FN_LENGTH, 1, 1},
    {"char_length", FN_LENGTH, 1, 1},
    {"character_length", FN_LENGTH, 1, 1},
    {"octet_length", FN_OCTET_LENGTH, 1, 1},
    {"strpos", FN_STRPOS, 2, 2},
    {"instr", FN_STRPOS, 2, 2},
    {"left", FN_LEFT, 2, 2},
    {"right", FN_RIGHT, 2, 2},
    {"substr", FN_SUBSTR, 2, 3},
    {"substring", FN_SUBSTR, 2, 3},
    {"trim", FN_TRIM, 1, 2},
    {"btrim", FN_TRIM, 1, 2},
    {"ltrim", FN_LTRIM, 1, 2},
    {"rtrim", FN_RTRIM, 1, 2},
    {"replace", FN_REPLACE, 3, 3},
    {"concat", FN_CONCAT, 1, MANY},
    {"abs", FN_ABS, 1, 1},
    {"round", FN_ROUND, 1, 2},
    {"floor", FN_FLOOR, 1, 1},
    {"ceil", FN_CEIL, 1, 1},
    {"sqrt", FN_SQRT, 1, 1},
    {"power", FN_POWER, 2, 2},
    {"pow", FN_POWER, 2, 2},
    {"isnan", FN_ISNAN, 1, 1},
    {"iszero", FN_ISZERO, 1, 1},
    {"nanvl", FN_NANVL, 2, 2},
    {"coalesce", FN_COALESCE, 1, MANY},
    {"ifnull", FN_COALESCE, 2, 2},
    {"nvl", FN_COALESCE, 2, 2},
    {"nullif", FN_NULLIF, 2, 2},
    {"greatest", FN_GREATEST, 1, MANY},
    {"least", FN_LEAST, 1, MANY},
    {"is_valid", FN_IS_VALID, 1, 1},
    {"now", FN_NOW, 0, 0},
    {"current_timestamp", FN_NOW, 0, 0},
    {"current_date", FN_TODAY, 0, 0},
    {"today", FN_TODAY, 0, 0},
    {"to_timestamp", FN_TO_TIMESTAMP, 1, 1},
    {"to_date", FN_TO_DATE, 1, 1},
    {"date_trunc", FN_DATE_TRUNC, 2, 2},
    {"date_part", FN_DATE_PART, 2, 2},
    {"array_has", FN_ARRAY_HAS, 2, 2},
    {"array_contains", FN_ARRAY_HAS, 2, 2},
    {"list_has", FN_ARRAY_HAS, 2, 2},
    {"list_contains", FN_ARRAY_HAS, 2, 2},
    {"array_length", FN_ARRAY_LENGTH, 1, 1},
    {"list_length", FN_ARRAY_LENGTH, 1, 1},
    {"cardinality", FN_ARRAY_LENGTH, 1, 1},
};

const expr_function *expr_function_find(expr_view name)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        size_t k = 0;
        for (; k < name.n && functions[i].name[k]; k++)
            if ((name.p[k] >= 'A' && name.p[k] <= 'Z' ? name.p[k] | 0x20 : name.p[k]) != functions[i].name[k])
                break;
        if (k == name.n && functions[i].name[k] == '\0')
            return &functions[i];
    }
    return NULL;
}

/* ---- arguments ---- */

static lancelet_status argument(expr_maker *m, expr_node *call, size_t i, const char *wanted)
{
    char words[80], type[64];
    const expr_node *a = call->child[i];
    return base_fail(m->err, LANCELET_INVALID, "%s(): %s at position %zu is of type %s where %s is wanted",
                     call->function->name, expr_words(m, a, words), expr_position(m, a->begin),
                     expr_type_name(a->type, type), wanted);
}

static lancelet_status want_text(expr_maker *m, expr_node *call, size_t i)
{
    expr_kind kind = call->child[i]->type.kind;
    if (kind != EXPR_STRING && kind != EXPR_NULL)
        return argument(m, call, i, "text");
    return expr_cast_node(m, &call->child[i], EXPR_TEXT);
}

static lancelet_status want_integer(expr_maker *m, expr_node *call, size_t i)
{
    expr_kind kind = call->child[i]->type.kind;
    if (kind != EXPR_INT && kind != EXPR_UINT && kind != EXPR_NULL)
        return argument(m, call, i, "a whole number");
    return expr_cast_node(m, &call->child[i], EXPR_INT64);
}

static lancelet_status want_float(expr_maker *m, expr_node *call, size_t i)
{
    expr_type t = call->child[i]->type;
    if (!expr_is_number(t) && t.kind != EXPR_NULL)
        return argument(m, call, i, "a number");
    return t.kind == EXPR_FLOAT ? LANCELET_OK : expr_cast_node(m, &call->child[i], EXPR_DOUBLE);
}

static lancelet_status common_type(expr_maker *m, expr_node *call, expr_type *t)
{
    *t = (expr_type){.kind = EXPR_NULL};
    for (size_t i = 0; i < call->n; i++)
        if (!expr_compare_type(*t, call->child[i]->type, t)) {
            char type[64];
            return argument(m, call, i, expr_type_name(*t, type));
        }
    if (t->kind == EXPR_LIST || t->kind == EXPR_STRUCT || t->kind == EXPR_INTERVAL)
        return argument(m, call, 0, "a number, text, truth, date or time");
    for (size_t i = 0; i < call->n; i++)
        RETURN_IF_ERROR(expr_cast_node(m, &call->child[i], *t));
    return LANCELET_OK;
}

static bool as_moment(expr_type t)
{
    return t.kind == EXPR_TIMESTAMP || t.kind == EXPR_DATE || t.kind == EXPR_DATE64 || t.kind == EXPR_STRING;
}

static lancelet_status date_function(expr_maker *m, expr_node *call)
{
    RETURN_IF_ERROR(want_text(m, call, 0));
    if (call->child[0]->op != EXPR_LITERAL || call->child[0]->null || !expr_date_unit(call->child[0]->value.s))
        return argument(m, call, 0, "'year', 'quarter', 'month', 'week', 'day', 'hour', 'minute' or 'second'");
    expr_type t = call->child[1]->type;
    if (!as_moment(t) && t.kind != EXPR_NULL)
        return argument(m, call, 1, "a date or timestamp");
    if (t.kind != EXPR_TIMESTAMP)
        t = (expr_type){.kind = EXPR_TIMESTAMP, .unit = 3};
    call->type = call->function->id == FN_DATE_PART ? (expr_type){.kind = EXPR_INT, .width = 32} : t;
    return expr_cast_node(m, &call->child[1], t);
}

static lancelet_status make_literal(expr_node *call, expr_type t, int64_t value)
{
    call->op = EXPR_LITERAL;
    call->type = t;
    call->value.i = value;
    return LANCELET_OK;
}

static lancelet_status list_function(expr_maker *m, expr_node *call)
{
    expr_node *list = call->child[0];
    if (call->function->id == FN_ARRAY_LENGTH) {
        call->type = (expr_type){.kind = EXPR_UINT, .width = 64};
        return list->type.kind == EXPR_LIST && list->type.schema ? LANCELET_OK : argument(m, call, 0, "a list");
    }
    call->type = EXPR_BOOLEAN;
    expr_type item, t;
    if (list->type.kind != EXPR_LIST)
        return argument(m, call, 0, "a list");
    if (list->op == EXPR_ARRAY) { /* array_has([a, b], x) is x IN (a, b) */
        expr_node *needle = call->child[1];
        if (list->n == 0)
            return argument(m, call, 0, "a list of one value or more");
        call->child = base_arena_alloc(m->arena, (list->n + 1) * sizeof(expr_node *));
        if (!call->child)
            return base_fail_memory(m->err);
        call->child[0] = needle;
        memcpy(call->child + 1, list->child, list->n * sizeof(expr_node *));
        call->n = list->n + 1;
        return expr_in_node(m, call);
    }
    if (!expr_type_of(list->type.schema->children[0], &item) || !expr_compare_type(item, call->child[1]->type, &t) ||
        (item.kind != EXPR_STRING && call->child[1]->type.kind == EXPR_STRING) ||
        (item.kind == EXPR_STRING && expr_is_number(call->child[1]->type)))
        return argument(m, call, 1, "the type of the list's items");
    call->item_type = item;
    return expr_cast_node(m, &call->child[1], t);
}

lancelet_status expr_function_bind(expr_maker *m, expr_node *call)
{
    const expr_function *f = call->function;
    if (call->n < f->least || call->n > f->most)
        return base_fail(m->err, LANCELET_INVALID, "%s() at position %zu has %zu values where %s%zu %s wanted", f->name,
                         expr_position(m, call->begin), call->n, call->n < f->least && f->least != f->most ? "at least " : "",
                         call->n < f->least ? f->least : f->most,
                         (call->n < f->least ? f->least : f->most) == 1 ? "is" : "are");
    expr_type t;
    switch (f->id) {
    case FN_LOWER:
    case FN_UPPER:
    case FN_REPLACE:
    case FN_TRIM:
    case FN_LTRIM:
    case FN_RTRIM:
        call->type = EXPR_TEXT;
        for (size_t i = 0; i < call->n; i++)
            RETURN_IF_ERROR(want_text(m, call, i));
        return LANCELET_OK;
    case FN_STARTS_WITH:
    case FN_ENDS_WITH:
    case FN_CONTAINS:
        call->type = EXPR_BOOLEAN;
        RETURN_IF_ERROR(want_text(m, call, 0));
        return want_text(m, call, 1);
    case FN_STRPOS:
    case FN_LENGTH:
    case FN_OCTET_LENGTH:
        call->type = (expr_type){.kind = EXPR_INT, .width = 32};
        for (size_t i = 0; i < call->n; i++)
            RETURN_IF_ERROR(want_text(m, call, i));
        return LANCELET_OK;
    case FN_LEFT:
    case FN_RIGHT:
    case FN_SUBSTR:
        call->type = EXPR_TEXT;
        RETURN_IF_ERROR(want_text(m, call, 0));
        for (size_t i = 1; i < call->n; i++)
            RETURN_IF_ERROR(want_integer(m, call, i));
        return LANCELET_OK;
    case FN_CONCAT:
        call->type = EXPR_TEXT;
        for (size_t i = 0; i < call->n; i++)
            RETURN_IF_ERROR(expr_cast_node(m, &call->child[i], EXPR_TEXT));
        return LANCELET_OK;
    case FN_ABS:
        call->type = call->child[0]->type;
        return expr_is_number(call->type) || call->type.kind == EXPR_NULL ? LANCELET_OK : argument(m, call, 0, "a number");
    case FN_ROUND:
    case FN_FLOOR:
    case FN_CEIL:
    case FN_SQRT:
        RETURN_IF_ERROR(want_float(m, call, 0));
        call->type = call->child[0]->type;
        return call->n == 2 ? want_integer(m, call, 1) : LANCELET_OK;
    case FN_POWER:
        for (size_t i = 0; i < 2; i++) {
            RETURN_IF_ERROR(want_float(m, call, i));
            RETURN_IF_ERROR(expr_cast_node(m, &call->child[i], EXPR_DOUBLE));
        }
        call->type = EXPR_DOUBLE;
        return LANCELET_OK;
    case FN_ISNAN:
    case FN_ISZERO:
        call->type = EXPR_BOOLEAN;
        return want_float(m, call, 0);
    case FN_NANVL:
        RETURN_IF_ERROR(want_float(m, call, 0));
        RETURN_IF_ERROR(want_float(m, call, 1));
        return common_type(m, call, &call->type);
    case FN_COALESCE:
    case FN_NULLIF:
    case FN_GREATEST:
    case FN_LEAST:
        RETURN_IF_ERROR(common_type(m, call, &t));
        call->type = t;
        return LANCELET_OK;
    case FN_IS_VALID:
        call->op = EXPR_IS_NULL;
        call->negated = true;
        call->type = EXPR_BOOLEAN;
        return LANCELET_OK;
    case FN_NOW:
        if (m->now_us > INT64_MAX / 1000 || m->now_us < INT64_MIN / 1000)
            return base_fail(m->err, LANCELET_INVALID, "now() lies outside the years 1677 to 2262");
        return make_literal(call, (expr_type){.kind = EXPR_TIMESTAMP, .unit = 3, .zone = "+00:00"}, m->now_us * 1000);
    case FN_TODAY: {
        int64_t day = INT64_C(86400000000);
        return make_literal(call, (expr_type){.kind = EXPR_DATE}, m->now_us / day - (m->now_us % day < 0));
    }
    case FN_TO_TIMESTAMP:
    case FN_TO_DATE:
        call->op = EXPR_CAST;
        call->type = (expr_type){.kind = f->id == FN_TO_DATE ? EXPR_DATE : EXPR_TIMESTAMP, .unit = f->id == FN_TO_DATE ? 0 : 3};
        t = call->child[0]->type;
        if (f->id == FN_TO_TIMESTAMP && (t.kind == EXPR_INT || t.kind == EXPR_UINT)) /* seconds */
            RETURN_IF_ERROR(expr_cast_node(m, &call->child[0], (expr_type){.kind = EXPR_TIMESTAMP}));
        else if (!as_moment(t) && t.kind != EXPR_NULL)
            return argument(m, call, 0, "text, a date or a timestamp");
        if (t.kind == EXPR_NULL)
            RETURN_IF_ERROR(expr_cast_node(m, &call->child[0], call->type));
        return LANCELET_OK;
    case FN_DATE_TRUNC:
    case FN_DATE_PART:
        return date_function(m, call);
    case FN_ARRAY_HAS:
    case FN_ARRAY_LENGTH:
        return list_function(m, call);
    }
    return LANCELET_OK;
}

/* ---- numbers ---- */

static lancelet_status absolute(expr_context *c, const expr_node *call, const expr_vector *a, expr_vector *out)
{
    expr_type t = call->type;
    RETURN_IF_ERROR(expr_take(c, false, out));
    out->valid = a->valid;
    int64_t least = t.kind == EXPR_INT ? (t.width == 64 ? INT64_MIN : -(INT64_C(1) << (t.width - 1))) : 0;
    for (size_t i = 0; i < c->n; i++) {
        if (t.kind == EXPR_FLOAT)
            out->d[i] = fabs(a->d[i]);
        else if (t.kind == EXPR_DECIMAL)
            out->w[i] = a->w[i] < 0 ? (expr_wide)(0 - (expr_uwide)a->w[i]) : a->w[i];
        else if (t.kind != EXPR_INT)
            out->i[i] = a->i[i];
        else if (a->i[i] == least && expr_valid(a, i) && expr_counts(c, i))
            return base_fail(c->err, LANCELET_INVALID, "abs() of the least whole number does not fit");
        else
            out->i[i] = a->i[i] < 0 ? (int64_t)(0 - (uint64_t)a->i[i]) : a->i[i];
    }
    return LANCELET_OK;
}

static double to_width(expr_type t, double d)
{
    return t.width == 64 ? d : t.width == 32 ? (double)(float)d : (double)base_half_to_float(base_float_to_half((float)d));
}

static double real(expr_function_id id, double x, double y)
{
    switch (id) {
    case FN_FLOOR:
        return floor(x);
    case FN_CEIL:
        return ceil(x);
    case FN_SQRT:
        return sqrt(x);
    case FN_POWER:
        return pow(x, y);
    case FN_NANVL:
        return isnan(x) ? y : x;
    default: {
        if (y == 0)
            return round(x);
        double scale = pow(10, y);
        return round(x * scale) / scale;
    }
    }
}

static lancelet_status reals(expr_context *c, const expr_node *call, const expr_vector *a, expr_vector *out)
{
    bool two = call->n == 2, whole = two && call->child[1]->type.kind == EXPR_INT;
    RETURN_IF_ERROR(expr_take(c, a[0].valid || (two && a[1].valid), out));
    expr_both_valid(&a[0], two ? &a[1] : &a[0], c->n, out);
    for (size_t i = 0; i < c->n; i++) {
        double y = !two ? 0 : whole ? (double)a[1].i[i] : a[1].d[i];
        out->d[i] = to_width(call->type, real(call->function->id, a[0].d[i], y));
    }
    return LANCELET_OK;
}

/* ---- null and order ---- */

static size_t width_of(expr_type t)
{
    switch (t.kind) {
    case EXPR_BOOL:
        return 1;
    case EXPR_DECIMAL:
    case EXPR_STRING:
    case EXPR_BINARY:
    case EXPR_INTERVAL:
        return 16;
    default:
        return 8;
    }
}

static bool is_known(expr_type t, const expr_vector *v, size_t i)
{
    return t.kind == EXPR_BOOL ? v->truth[i] != EXPR_UNKNOWN : t.kind != EXPR_NULL && expr_valid(v, i);
}

static lancelet_status choose(expr_context *c, const expr_node *call, const expr_vector *a, expr_vector *out)
{
    expr_type t = call->type;
    size_t width = width_of(t);
    expr_function_id id = call->function->id;
    RETURN_IF_ERROR(expr_take(c, t.kind != EXPR_BOOL, out));
    for (size_t i = 0; i < c->n; i++) {
        const expr_vector *best = NULL;
        for (size_t k = 0; k < call->n; k++) {
            if (id == FN_NULLIF && k == 1) {
                if (best && is_known(t, &a[1], i) && expr_order(t, best, i, &a[1], i) == 0)
                    best = NULL;
                break;
            }
            if (!is_known(t, &a[k], i))
                continue;
            int order = !best ? 0 : expr_order(t, &a[k], i, best, i);
            if (!best || (id == FN_GREATEST && order > 0) || (id == FN_LEAST && order < 0))
                best = &a[k];
            if (id == FN_COALESCE)
                break;
        }
        if (best)
            memcpy((char *)out->any + i * width, (const char *)best->any + i * width, width);
        else
            memset((char *)out->any + i * width, t.kind == EXPR_BOOL ? EXPR_UNKNOWN : 0, width);
        if (out->valid)
            out->valid[i] = best != NULL;
    }
    return LANCELET_OK;
}

/* ---- lists ---- */

static lancelet_status list_length(expr_context *c, const expr_node *call, const expr_vector *a, expr_vector *out)
{
    RETURN_IF_ERROR(expr_take(c, true, out));
    for (size_t i = 0; i < c->n; i++) {
        int64_t begin = 0, end = 0;
        out->valid[i] = expr_valid(a, i);
        if (out->valid[i])
            expr_list_range(call->child[0]->type.schema, a->item[i], &begin, &end);
        out->i[i] = end - begin;
    }
    return LANCELET_OK;
}

/* Items are looked at a block at a time, with the rows that they belong to. */
static lancelet_status test_items(expr_context *c, const expr_node *call, const expr_vector *lists, const int64_t *item,
                                  const int64_t *row, size_t n, const expr_vector *needle, uint8_t *truth)
{
    size_t rows = c->n, mark = c->used;
    expr_type t = call->child[1]->type;
    expr_vector found, v;
    c->n = n;
    lancelet_status status = expr_gather(c, call->child[0]->type.schema->children[0], call->item_type,
                                         lists->item[0].array->children[0], item, &found);
    if (status == LANCELET_OK) {
        expr_node cast = {.op = EXPR_CAST, .type = t, .try = true}; /* an item beyond t is none that is looked for */
        status = expr_cast(c, &cast, call->item_type, &found, &v);
    }
    for (size_t i = 0; status == LANCELET_OK && i < n; i++)
        if (is_known(t, &v, i) && expr_order(t, &v, i, needle, (size_t)row[i]) == 0)
            truth[row[i]] = EXPR_TRUE;
    c->n = rows;
    c->used = mark;
    return status;
}

static lancelet_status list_has(expr_context *c, const expr_node *call, const expr_vector *a, expr_vector *out)
{
    expr_vector items, rows;
    RETURN_IF_ERROR(expr_take(c, false, out));
    RETURN_IF_ERROR(expr_take(c, false, &items));
    RETURN_IF_ERROR(expr_take(c, false, &rows));
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        int64_t begin, end;
        bool known = expr_valid(&a[0], i) && is_known(call->child[1]->type, &a[1], i);
        out->truth[i] = known ? EXPR_FALSE : EXPR_UNKNOWN;
        if (!known)
            continue;
        expr_list_range(call->child[0]->type.schema, a[0].item[i], &begin, &end);
        for (int64_t k = begin; k < end && out->truth[i] != EXPR_TRUE; k++) {
            items.i[n] = k;
            rows.i[n++] = (int64_t)i;
            if (n < EXPR_BLOCK)
                continue;
            RETURN_IF_ERROR(test_items(c, call, &a[0], items.i, rows.i, n, &a[1], out->truth));
            n = 0;
        }
    }
    return n ? test_items(c, call, &a[0], items.i, rows.i, n, &a[1], out->truth) : LANCELET_OK;
}

lancelet_status expr_function_eval(expr_context *c, const expr_node *call, expr_vector *out)
{
    expr_vector a[MANY];
    for (size_t i = 0; i < call->n; i++)
        RETURN_IF_ERROR(expr_eval(c, call->child[i], &a[i]));
    switch (call->function->id) {
    case FN_ABS:
        return absolute(c, call, a, out);
    case FN_ROUND:
    case FN_FLOOR:
    case FN_CEIL:
    case FN_SQRT:
    case FN_POWER:
    case FN_NANVL:
        return reals(c, call, a, out);
    case FN_ISNAN:
    case FN_ISZERO:
        RETURN_IF_ERROR(expr_take(c, false, out));
        for (size_t i = 0; i < c->n; i++)
            out->truth[i] = !expr_valid(&a[0], i)                                              ? EXPR_UNKNOWN
                            : (call->function->id == FN_ISNAN ? isnan(a[0].d[i]) : a[0].d[i] == 0) ? EXPR_TRUE
                                                                                               : EXPR_FALSE;
        return LANCELET_OK;
    case FN_COALESCE:
    case FN_NULLIF:
    case FN_GREATEST:
    case FN_LEAST:
        return choose(c, call, a, out);
    case FN_DATE_TRUNC:
    case FN_DATE_PART:
        return expr_date_function(c, call, &a[1], out);
    case FN_ARRAY_HAS:
        return list_has(c, call, a, out);
    case FN_ARRAY_LENGTH:
        return list_length(c, call, a, out);
    default:
        return expr_text_function(c, call, a, out);
    }
}
