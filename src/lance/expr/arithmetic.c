/* arithmetic.c - + - * / % and the minus sign: whole numbers wrap around at their width as DataFusion's do, division by zero and
 * decimals beyond 38 digits are errors; moments and intervals by the calendar: months first, then days, then the rest. */
#include <math.h>
#include <string.h>

#include "base/npy.h"
#include "lance/expr/tree.h"

static lancelet_status by_zero(expr_context *c)
{
    return base_fail(c->err, LANCELET_INVALID, "a division by zero");
}
static lancelet_status overflow(expr_context *c, expr_type t)
{
    char name[64];
    return base_fail(c->err, LANCELET_INVALID, "a value does not fit into %s", expr_type_name(t, name));
}

static bool failed(expr_context *c, const expr_vector *out, size_t i)
{
    return expr_valid(out, i) && expr_counts(c, i);
}

/* ---- whole numbers ---- */

static int64_t wrap(expr_type t, uint64_t v)
{
    if (t.width == 64)
        return (int64_t)v;
    uint64_t mask = (UINT64_C(1) << t.width) - 1, sign = UINT64_C(1) << (t.width - 1);
    v &= mask;
    return (int64_t)(t.kind == EXPR_INT ? (v ^ sign) - sign : v);
}

#define FOR_EACH(n) for (size_t i = 0; i < (n); i++)

static lancelet_status divide(expr_context *c, expr_type t, bool remainder, const expr_vector *a, const expr_vector *b,
                              expr_vector *out)
{
    bool is_unsigned = t.kind == EXPR_UINT;
    FOR_EACH (c->n) {
        int64_t x = a->i[i], y = b->i[i];
        if (y == 0) {
            if (failed(c, out, i))
                return by_zero(c);
            out->i[i] = 0;
        } else if (is_unsigned) {
            out->i[i] = (int64_t)(remainder ? (uint64_t)x % (uint64_t)y : (uint64_t)x / (uint64_t)y);
        } else if (y == -1) {
            if (!remainder && x == (t.width == 64 ? INT64_MIN : -(INT64_C(1) << (t.width - 1))) && failed(c, out, i))
                return overflow(c, t);
            out->i[i] = remainder ? 0 : (int64_t)(0 - (uint64_t)x);
        } else {
            out->i[i] = remainder ? x % y : x / y;
        }
    }
    return LANCELET_OK;
}

static lancelet_status integers(expr_context *c, expr_type t, char op, const expr_vector *a, const expr_vector *b,
                                expr_vector *out)
{
    const int64_t *x = a->i, *y = b->i;
    switch (op) {
    case '+':
        FOR_EACH (c->n)
            out->i[i] = (int64_t)((uint64_t)x[i] + (uint64_t)y[i]);
        break;
    case '-':
        FOR_EACH (c->n)
            out->i[i] = (int64_t)((uint64_t)x[i] - (uint64_t)y[i]);
        break;
    case '*':
        FOR_EACH (c->n)
            out->i[i] = (int64_t)((uint64_t)x[i] * (uint64_t)y[i]);
        break;
    default:
        return divide(c, t, op == '%', a, b, out);
    }
    if (t.width < 64)
        FOR_EACH (c->n)
            out->i[i] = wrap(t, (uint64_t)out->i[i]);
    return LANCELET_OK;
}

/* ---- floats ---- */

static void round_floats(int width, size_t n, double *d)
{
    if (width == 32)
        FOR_EACH (n)
            d[i] = (double)(float)d[i];
    else if (width == 16)
        FOR_EACH (n)
            d[i] = (double)base_half_to_float(base_float_to_half((float)d[i]));
}

static void floats(expr_type t, char op, size_t n, const double *a, const double *b, double *out)
{
    switch (op) {
    case '+':
        FOR_EACH (n)
            out[i] = a[i] + b[i];
        break;
    case '-':
        FOR_EACH (n)
            out[i] = a[i] - b[i];
        break;
    case '*':
        FOR_EACH (n)
            out[i] = a[i] * b[i];
        break;
    case '/':
        FOR_EACH (n)
            out[i] = a[i] / b[i];
        break;
    default:
        FOR_EACH (n)
            out[i] = fmod(a[i], b[i]);
        break;
    }
    round_floats(t.width, n, out);
}

/* ---- decimals ---- */

expr_wide expr_power_of_ten(int n)
{
    expr_wide v = 1;
    while (n-- > 0)
        v *= 10;
    return v;
}

static bool decimal(char op, expr_wide a, expr_wide b, expr_wide up_a, expr_wide up_b, expr_wide *out)
{
    if (op == '*')
        return !__builtin_mul_overflow(a, b, out);
    if (__builtin_mul_overflow(a, up_a, &a) || __builtin_mul_overflow(b, up_b, &b))
        return false;
    switch (op) {
    case '+':
        return !__builtin_add_overflow(a, b, out);
    case '-':
        return !__builtin_sub_overflow(a, b, out);
    case '/':
        if (b == -1)
            return !__builtin_sub_overflow((expr_wide)0, a, out);
        *out = a / b;
        return true;
    default:
        *out = b == -1 ? 0 : a % b;
        return true;
    }
}

static lancelet_status decimals(expr_context *c, const expr_node *node, const expr_vector *a, const expr_vector *b,
                                expr_vector *out)
{
    char op = node->arithmetic;
    int scale_a = node->child[0]->type.scale, scale_b = node->child[1]->type.scale, scale = node->type.scale;
    /* a quotient's digits come from the dividend: a * 10^(scale - scale_a + scale_b) / b */
    int up_a = op == '/' ? scale - scale_a + scale_b : scale - scale_a, up_b = op == '/' ? 0 : scale - scale_b;
    if (op == '/' && up_a < 0) {
        up_b = -up_a;
        up_a = 0;
    }
    if (op != '*' && (up_a > 38 || up_b > 38))
        return overflow(c, node->type);
    expr_wide power_a = op == '*' ? 1 : expr_power_of_ten(up_a), power_b = op == '*' ? 1 : expr_power_of_ten(up_b);
    FOR_EACH (c->n) {
        out->w[i] = 0;
        if (!expr_valid(out, i))
            continue;
        if ((op == '/' || op == '%') && b->w[i] == 0) {
            if (failed(c, out, i))
                return by_zero(c);
        } else if (!decimal(op, a->w[i], b->w[i], power_a, power_b, &out->w[i])) {
            if (failed(c, out, i))
                return overflow(c, node->type);
        }
    }
    return LANCELET_OK;
}

/* ---- moments ---- */

/* days since 1970 and nanoseconds of the day, moved by an interval `sign` times */
static bool move(expr_interval by, int sign, int64_t *days, expr_wide *nanos)
{
    if (by.months && !expr_add_months(*days, (int64_t)by.months * sign, days))
        return false;
    *days += (int64_t)by.days * sign;
    *nanos += (expr_wide)by.nanos * sign;
    return true;
}

static bool add_interval(expr_type t, int64_t v, expr_interval by, int sign, int64_t *out)
{
    expr_wide nanos = 0;
    const expr_wide day = (expr_wide)86400 * expr_unit[3];
    if (t.kind == EXPR_DATE) {
        if (!move(by, sign, &v, &nanos))
            return false;
        *out = v + (int64_t)(nanos / day);
        return *out >= INT32_MIN && *out <= INT32_MAX;
    }
    int64_t per_second = t.kind == EXPR_DATE64 ? 1000 : expr_unit[t.unit];
    int32_t east = 0;
    int64_t seconds = expr_floor_divide(v, per_second);
    bool calendar = by.months || by.days;
    if (calendar && t.zone && !expr_zone_offset(t.zone, seconds, false, &east))
        return false;
    int64_t local = seconds + east, days = expr_floor_divide(local, 86400);
    nanos = (expr_wide)expr_floor_rest(local, 86400) * expr_unit[3] +
            (expr_wide)expr_floor_rest(v, per_second) * (expr_unit[3] / per_second);
    if (!move(by, sign, &days, &nanos))
        return false;
    expr_wide all = (expr_wide)days * day + nanos;
    if (calendar && t.zone) {
        expr_wide second = all / expr_unit[3];
        if (second > INT64_MAX || second < INT64_MIN || !expr_zone_offset(t.zone, (int64_t)second, true, &east))
            return false;
    }
    all -= (expr_wide)east * expr_unit[3];
    expr_wide unit = expr_unit[3] / per_second, whole = all / unit - (all % unit < 0);
    *out = (int64_t)whole;
    return whole >= INT64_MIN && whole <= INT64_MAX;
}

static lancelet_status moments(expr_context *c, const expr_node *node, const expr_vector *a, const expr_vector *b,
                               expr_vector *out)
{
    expr_type left = node->child[0]->type, right = node->child[1]->type;
    int sign = node->arithmetic == '-' ? -1 : 1;
    if (left.kind == EXPR_INTERVAL && right.kind != EXPR_INTERVAL) {
        const expr_vector *v = a;
        a = b, b = v;
        left = right;
        right = node->child[0]->type;
    }
    FOR_EACH (c->n) {
        bool ok;
        if (!expr_valid(out, i)) {
            memset((char *)out->any + i * (node->type.kind == EXPR_INTERVAL ? 16 : 8), 0, 8);
            continue;
        }
        if (left.kind == EXPR_INTERVAL) {
            expr_interval x = a->interval[i], y = b->interval[i], *z = &out->interval[i];
            ok = !__builtin_add_overflow(x.months, (int64_t)y.months * sign, &z->months) &&
                 !__builtin_add_overflow(x.days, (int64_t)y.days * sign, &z->days) &&
                 !__builtin_add_overflow(x.nanos, (expr_wide)y.nanos * sign, &z->nanos);
        } else if (right.kind == EXPR_INTERVAL) {
            ok = add_interval(left, a->i[i], b->interval[i], sign, &out->i[i]);
        } else {
            ok = sign < 0 ? !__builtin_sub_overflow(a->i[i], b->i[i], &out->i[i])
                          : !__builtin_add_overflow(a->i[i], b->i[i], &out->i[i]);
            ok = ok && (node->type.kind != EXPR_DATE || (out->i[i] >= INT32_MIN && out->i[i] <= INT32_MAX));
        }
        if (!ok && failed(c, out, i))
            return overflow(c, node->type);
    }
    return LANCELET_OK;
}

lancelet_status expr_arithmetic(expr_context *c, const expr_node *node, const expr_vector *a, const expr_vector *b,
                                expr_vector *out)
{
    RETURN_IF_ERROR(expr_take(c, a->valid || b->valid, out));
    expr_both_valid(a, b, c->n, out);
    switch (node->type.kind) {
    case EXPR_INT:
    case EXPR_UINT:
        return integers(c, node->type, node->arithmetic, a, b, out);
    case EXPR_FLOAT:
        floats(node->type, node->arithmetic, c->n, a->d, b->d, out->d);
        return LANCELET_OK;
    case EXPR_DECIMAL:
        return decimals(c, node, a, b, out);
    default:
        return moments(c, node, a, b, out);
    }
}

lancelet_status expr_negate(expr_context *c, const expr_node *node, const expr_vector *a, expr_vector *out)
{
    RETURN_IF_ERROR(expr_take(c, false, out));
    out->valid = a->valid;
    switch (node->type.kind) {
    case EXPR_FLOAT:
        FOR_EACH (c->n)
            out->d[i] = -a->d[i];
        break;
    case EXPR_DECIMAL:
        FOR_EACH (c->n)
            out->w[i] = (expr_wide)(0 - (expr_uwide)a->w[i]);
        break;
    case EXPR_INTERVAL:
        FOR_EACH (c->n)
            out->interval[i] = (expr_interval){(int32_t)(0 - (uint32_t)a->interval[i].months),
                                               (int32_t)(0 - (uint32_t)a->interval[i].days),
                                               (int64_t)(0 - (uint64_t)a->interval[i].nanos)};
        break;
    default: {
        expr_type t = node->type.kind == EXPR_INT ? node->type : EXPR_INT64;
        FOR_EACH (c->n)
            out->i[i] = wrap(t, 0 - (uint64_t)a->i[i]);
        break;
    }
    }
    return LANCELET_OK;
}
