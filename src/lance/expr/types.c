/* types.c - Arrow's types as conditions see them, their names, and which type two operands meet in. The rules are those of
 * DataFusion 54 (comparison and arithmetic coercion) with these additions: times of different units compare, and dates and
 * timestamps compare with text beside coalesce() too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lance/expr/tree.h"

static bool unit_of(char c, int *unit)
{
    const char *at = strchr("smun", c);
    if (!at || c == '\0')
        return false;
    *unit = (int)(at - "smun");
    return true;
}

static bool temporal_type(const char *f, expr_type *out)
{
    switch (f[1]) {
    case 'd':
        out->kind = f[2] == 'D' ? EXPR_DATE : EXPR_DATE64;
        return f[2] == 'D' || f[2] == 'm';
    case 't':
        out->kind = EXPR_TIME;
        return unit_of(f[2], &out->unit);
    case 's':
        out->kind = EXPR_TIMESTAMP;
        if (!unit_of(f[2], &out->unit) || f[3] != ':')
            return false;
        out->zone = f[4] ? f + 4 : NULL;
        return true;
    case 'D':
        out->kind = EXPR_DURATION;
        return unit_of(f[2], &out->unit);
    default:
        return false;
    }
}

bool expr_type_of(const struct ArrowSchema *s, expr_type *out)
{
    const char *f = s->format;
    if (s->dictionary)
        return expr_type_of(s->dictionary, out) && out->kind != EXPR_LIST && out->kind != EXPR_STRUCT;
    *out = (expr_type){.kind = EXPR_NULL, .schema = s};
    static const char integers[] = "cCsSiIlL";
    const char *at = f[0] && !f[1] ? strchr(integers, f[0]) : NULL;
    if (at) {
        out->kind = (at - integers) % 2 ? EXPR_UINT : EXPR_INT;
        out->width = 8 << (at - integers) / 2;
        return true;
    }
    switch (f[0]) {
    case 'n':
        return true;
    case 'b':
        out->kind = EXPR_BOOL;
        return true;
    case 'e':
    case 'f':
    case 'g':
        out->kind = EXPR_FLOAT;
        out->width = 16 << (f[0] - 'e');
        return true;
    case 'u':
    case 'U':
        out->kind = EXPR_STRING;
        return true;
    case 'z':
    case 'Z':
        out->kind = EXPR_BINARY;
        return true;
    case 'w':
        out->kind = EXPR_BINARY;
        out->width = atoi(f + 2);
        return out->width >= 0;
    case 'd': {
        int bits = 128;
        out->kind = EXPR_DECIMAL;
        return sscanf(f, "d:%d,%d,%d", &out->precision, &out->scale, &bits) >= 2 && bits <= 128 &&
               out->precision >= 1 && out->precision <= 38 && out->scale >= 0 && out->scale <= 38;
    }
    case 't':
        return f[1] && temporal_type(f, out);
    case '+':
        out->kind = f[1] == 's' ? EXPR_STRUCT : EXPR_LIST;
        return f[1] == 's' || ((f[1] == 'l' || f[1] == 'L' || f[1] == 'w') && s->n_children == 1);
    default:
        return false;
    }
}

const char *expr_type_name(expr_type t, char out[64])
{
    static const char *const units[] = {"s", "ms", "us", "ns"};
    switch (t.kind) {
    case EXPR_NULL:
        return "null";
    case EXPR_BOOL:
        return "bool";
    case EXPR_INT:
    case EXPR_UINT:
        snprintf(out, 64, "%sint%d", t.kind == EXPR_UINT ? "u" : "", t.width);
        return out;
    case EXPR_FLOAT:
        snprintf(out, 64, "float%d", t.width);
        return out;
    case EXPR_DECIMAL:
        snprintf(out, 64, "decimal(%d,%d)", t.precision, t.scale);
        return out;
    case EXPR_STRING:
        return "string";
    case EXPR_BINARY:
        if (t.width == 0)
            return "binary";
        snprintf(out, 64, "binary of %d bytes", t.width);
        return out;
    case EXPR_DATE:
    case EXPR_DATE64:
        return "date";
    case EXPR_TIME:
        snprintf(out, 64, "time[%s]", units[t.unit]);
        return out;
    case EXPR_TIMESTAMP:
        snprintf(out, 64, t.zone ? "timestamp[%s, %.40s]" : "timestamp[%s]", units[t.unit], t.zone);
        return out;
    case EXPR_DURATION:
        snprintf(out, 64, "duration[%s]", units[t.unit]);
        return out;
    case EXPR_INTERVAL:
        return "interval";
    case EXPR_LIST:
        return "list";
    case EXPR_STRUCT:
        return "struct";
    }
    return "unknown";
}

static bool same_zone(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool expr_same_type(expr_type a, expr_type b)
{
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case EXPR_INT:
    case EXPR_UINT:
    case EXPR_FLOAT:
        return a.width == b.width;
    case EXPR_DECIMAL:
        return a.precision == b.precision && a.scale == b.scale;
    case EXPR_TIME:
    case EXPR_DURATION:
        return a.unit == b.unit;
    case EXPR_TIMESTAMP:
        return a.unit == b.unit && same_zone(a.zone, b.zone);
    case EXPR_LIST:
    case EXPR_STRUCT:
        return a.schema == b.schema;
    default:
        return true;
    }
}

static bool is_integer(expr_type t)
{
    return t.kind == EXPR_INT || t.kind == EXPR_UINT;
}
bool expr_is_number(expr_type t)
{
    return is_integer(t) || t.kind == EXPR_FLOAT || t.kind == EXPR_DECIMAL;
}
static bool is_temporal(expr_type t)
{
    return t.kind == EXPR_DATE || t.kind == EXPR_DATE64 || t.kind == EXPR_TIME || t.kind == EXPR_TIMESTAMP ||
           t.kind == EXPR_DURATION;
}

expr_type expr_decimal_of(expr_type t)
{
    if (t.kind == EXPR_DECIMAL)
        return t;
    if (t.kind == EXPR_FLOAT)
        return (expr_type){.kind = EXPR_DECIMAL, .precision = t.width == 64 ? 30 : 14, .scale = t.width == 64 ? 15 : 7};
    int digits = t.width == 8 ? 3 : t.width == 16 ? 5 : t.width == 32 ? 10 : 20;
    return (expr_type){.kind = EXPR_DECIMAL, .precision = digits, .scale = 0};
}

/* The decimal that holds the whole digits and those behind the point of both. */
static expr_type wider_decimal(expr_type a, expr_type b)
{
    int scale = a.scale > b.scale ? a.scale : b.scale;
    int whole_a = a.precision - a.scale, whole_b = b.precision - b.scale;
    int precision = (whole_a > whole_b ? whole_a : whole_b) + scale;
    return (expr_type){.kind = EXPR_DECIMAL, .precision = precision > 38 ? 38 : precision, .scale = scale};
}

static int max(int a, int b)
{
    return a > b ? a : b;
}

/* Of two numbers, to be compared. */
static expr_type number_type(expr_type a, expr_type b)
{
    if (a.kind == EXPR_DECIMAL || b.kind == EXPR_DECIMAL)
        return wider_decimal(expr_decimal_of(a), expr_decimal_of(b));
    if (a.kind == EXPR_FLOAT || b.kind == EXPR_FLOAT)
        return (expr_type){.kind = EXPR_FLOAT,
                           .width = max(a.kind == EXPR_FLOAT ? a.width : 0, b.kind == EXPR_FLOAT ? b.width : 0)};
    if (a.kind == b.kind)
        return (expr_type){.kind = a.kind, .width = max(a.width, b.width)};
    int unsigned_width = a.kind == EXPR_UINT ? a.width : b.width;
    if (unsigned_width == 64)
        return (expr_type){.kind = EXPR_DECIMAL, .precision = 20};
    return (expr_type){.kind = EXPR_INT,
                       .width = max(unsigned_width * 2, a.kind == EXPR_INT ? a.width : b.width)};
}

/* Dates and timestamps, in any pair. */
static expr_type moment_type(expr_type a, expr_type b)
{
    if (a.kind != EXPR_TIMESTAMP && b.kind != EXPR_TIMESTAMP)
        return (expr_type){.kind = EXPR_DATE64};
    if (a.kind != EXPR_TIMESTAMP)
        return b;
    if (b.kind != EXPR_TIMESTAMP)
        return a;
    /* the coarser unit: what is finer is cut off before comparing */
    return (expr_type){.kind = EXPR_TIMESTAMP,
                       .unit = a.unit < b.unit ? a.unit : b.unit,
                       .zone = a.zone ? a.zone : b.zone};
}

static bool is_moment(expr_type t)
{
    return t.kind == EXPR_DATE || t.kind == EXPR_DATE64 || t.kind == EXPR_TIMESTAMP;
}

bool expr_compare_type(expr_type a, expr_type b, expr_type *out)
{
    if (a.kind == EXPR_NULL || b.kind == EXPR_NULL) {
        *out = a.kind == EXPR_NULL ? b : a;
        return true;
    }
    if (a.kind == EXPR_LIST || a.kind == EXPR_STRUCT || b.kind == EXPR_LIST || b.kind == EXPR_STRUCT)
        return false;
    *out = a;
    if (expr_same_type(a, b))
        return true;
    if (expr_is_number(a) && expr_is_number(b)) {
        *out = number_type(a, b);
        return true;
    }
    if (is_moment(a) && is_moment(b)) {
        *out = moment_type(a, b);
        return true;
    }
    if (a.kind == b.kind) { /* times and durations */
        out->unit = max(a.unit, b.unit);
        return true;
    }
    expr_type other = a.kind == EXPR_STRING ? b : a;
    if ((a.kind == EXPR_STRING || b.kind == EXPR_STRING) &&
        (expr_is_number(other) || (is_temporal(other) && other.kind != EXPR_DURATION) || other.kind == EXPR_BINARY)) {
        *out = other;
        return true;
    }
    if ((a.kind == EXPR_DURATION && b.kind == EXPR_INTERVAL) || (a.kind == EXPR_INTERVAL && b.kind == EXPR_DURATION)) {
        *out = (expr_type){.kind = EXPR_DURATION, .unit = 3};
        return true;
    }
    if ((a.kind == EXPR_DATE && is_integer(b)) || (b.kind == EXPR_DATE && is_integer(a))) {
        *out = (expr_type){.kind = EXPR_DATE};
        return true;
    }
    return false;
}

static bool decimal_arithmetic(expr_type a, expr_type b, char op, expr_type *left, expr_type *right, expr_type *out)
{
    *left = expr_decimal_of(a);
    *right = expr_decimal_of(b);
    int whole = max(left->precision - left->scale, right->precision - right->scale);
    int scale = max(left->scale, right->scale), precision;
    switch (op) {
    case '*':
        scale = left->scale + right->scale;
        precision = left->precision + right->precision + 1;
        break;
    case '/':
        scale = left->scale + 4 > 38 ? 38 : left->scale + 4;
        precision = left->precision - left->scale + right->scale + scale;
        break;
    case '%':
        precision = left->precision - left->scale < right->precision - right->scale
                        ? left->precision - left->scale + scale
                        : right->precision - right->scale + scale;
        break;
    default:
        precision = whole + 1 + scale;
        break;
    }
    *out = (expr_type){.kind = EXPR_DECIMAL, .precision = precision > 38 ? 38 : precision, .scale = scale};
    return scale <= 38;
}

static expr_type arithmetic_integer(expr_type a, expr_type b)
{
    if (a.kind == b.kind)
        return (expr_type){.kind = a.kind, .width = max(a.width, b.width)};
    int unsigned_width = a.kind == EXPR_UINT ? a.width : b.width;
    int signed_width = a.kind == EXPR_INT ? a.width : b.width;
    int width = max(unsigned_width * 2, signed_width);
    return (expr_type){.kind = EXPR_INT, .width = width > 64 ? 64 : width};
}

static bool moment_arithmetic(expr_type a, expr_type b, char op, expr_type *left, expr_type *right, expr_type *out)
{
    *left = a;
    *right = b;
    bool interval_a = a.kind == EXPR_INTERVAL || a.kind == EXPR_DURATION;
    bool interval_b = b.kind == EXPR_INTERVAL || b.kind == EXPR_DURATION;
    if (is_moment(a) && is_moment(b) && op == '-') {
        *left = *right = moment_type(a, b);
        if (a.kind == EXPR_DATE && b.kind == EXPR_DATE)
            *left = *right = (expr_type){.kind = EXPR_TIMESTAMP, .unit = 0};
        if (left->kind == EXPR_DATE64)
            *left = *right = (expr_type){.kind = EXPR_TIMESTAMP, .unit = 1};
        *out = (expr_type){.kind = EXPR_DURATION, .unit = left->unit};
        return true;
    }
    if (is_moment(a) && interval_b && (op == '+' || op == '-')) {
        *out = a;
        if (b.kind == EXPR_DURATION) {
            *left = *out = a.kind == EXPR_TIMESTAMP ? a : (expr_type){.kind = EXPR_TIMESTAMP, .unit = b.unit};
            left->unit = out->unit = max(left->unit, b.unit);
            right->unit = left->unit;
        }
        return true;
    }
    if (interval_a && is_moment(b) && op == '+')
        return moment_arithmetic(b, a, op, right, left, out);
    if (a.kind == EXPR_INTERVAL && b.kind == EXPR_INTERVAL && (op == '+' || op == '-')) {
        *out = a;
        return true;
    }
    if (interval_a && interval_b && (op == '+' || op == '-')) {
        *left = *right = *out = (expr_type){
            .kind = EXPR_DURATION,
            .unit = a.kind == b.kind ? max(a.unit, b.unit) : 3};
        return true;
    }
    if (a.kind == EXPR_DATE && is_integer(b) && (op == '+' || op == '-')) {
        *right = EXPR_INT64;
        *out = a;
        return true;
    }
    if (is_integer(a) && b.kind == EXPR_DATE && op == '+')
        return moment_arithmetic(b, a, op, right, left, out);
    return false;
}

bool expr_arithmetic_type(expr_type a, expr_type b, char op, expr_type *left, expr_type *right, expr_type *out)
{
    if (a.kind == EXPR_NULL && b.kind == EXPR_NULL)
        return false;
    if (a.kind == EXPR_NULL)
        a = is_moment(b) ? (expr_type){.kind = EXPR_INTERVAL} : b;
    if (b.kind == EXPR_NULL)
        b = is_moment(a) ? (expr_type){.kind = EXPR_INTERVAL} : a;
    if (!expr_is_number(a) || !expr_is_number(b))
        return moment_arithmetic(a, b, op, left, right, out);
    if (a.kind == EXPR_FLOAT || b.kind == EXPR_FLOAT) {
        expr_type t = {.kind = EXPR_FLOAT,
                       .width = max(a.kind == EXPR_FLOAT ? a.width : 0, b.kind == EXPR_FLOAT ? b.width : 0)};
        if (a.kind == EXPR_DECIMAL || b.kind == EXPR_DECIMAL)
            t.width = 64;
        *left = *right = *out = t;
        return true;
    }
    bool wide = a.kind != b.kind && ((a.kind == EXPR_UINT && a.width == 64) || (b.kind == EXPR_UINT && b.width == 64));
    if (a.kind == EXPR_DECIMAL || b.kind == EXPR_DECIMAL || wide)
        return decimal_arithmetic(a, b, op, left, right, out);
    *left = *right = *out = arithmetic_integer(a, b);
    return true;
}
