/* cast.c - values of one type as another, as arrow-rs' cast() does it: whole numbers and floats are range-checked, floats are cut
 * towards zero, decimals are rounded half away from zero, text must be the number and nothing else. What cannot be cast is an
 * error, or null in try_cast. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/npy.h"
#include "base/text.h"
#include "lance/expr/tree.h"

static bool is_whole(expr_type t)
{
    return t.kind == EXPR_INT || t.kind == EXPR_UINT;
}
static bool is_moment(expr_type t)
{
    return t.kind == EXPR_DATE || t.kind == EXPR_DATE64 || t.kind == EXPR_TIMESTAMP;
}

bool expr_can_cast(expr_type from, expr_type to)
{
    if (from.kind == EXPR_NULL || (from.kind == to.kind && from.kind != EXPR_LIST && from.kind != EXPR_STRUCT))
        return true;
    if (from.kind == EXPR_STRING)
        return expr_is_number(to) || is_moment(to) || to.kind == EXPR_BOOL || to.kind == EXPR_TIME || to.kind == EXPR_BINARY;
    if (to.kind == EXPR_STRING)
        return expr_is_number(from) || is_moment(from) || from.kind == EXPR_BOOL || from.kind == EXPR_TIME ||
               from.kind == EXPR_BINARY;
    if (expr_is_number(from) && expr_is_number(to))
        return true;
    if (from.kind == EXPR_BOOL)
        return is_whole(to) || to.kind == EXPR_FLOAT;
    if (to.kind == EXPR_BOOL)
        return is_whole(from) || from.kind == EXPR_FLOAT;
    if (is_moment(from) && is_moment(to))
        return true;
    if (from.kind == EXPR_TIMESTAMP && to.kind == EXPR_TIME)
        return true;
    if (from.kind == EXPR_INTERVAL)
        return to.kind == EXPR_DURATION;
    if (is_whole(from))
        return is_moment(to) || to.kind == EXPR_TIME || to.kind == EXPR_DURATION;
    return to.kind == EXPR_INT &&
           (from.kind == EXPR_TIME || from.kind == EXPR_DURATION || is_moment(from));
}

/* ---- numbers ---- */

static bool fits(expr_type t, expr_wide v)
{
    if (t.kind == EXPR_UINT)
        return v >= 0 && v < (expr_wide)1 << t.width;
    return v >= -((expr_wide)1 << (t.width - 1)) && v < (expr_wide)1 << (t.width - 1);
}

static double rounded(expr_type t, double d)
{
    if (t.width == 64)
        return d;
    return t.width == 32 ? (double)(float)d : (double)base_half_to_float(base_float_to_half((float)d));
}

static bool within(expr_type decimal, expr_wide v)
{
    expr_wide limit = expr_power_of_ten(decimal.precision);
    return v > -limit && v < limit;
}

static bool rescale(expr_wide v, int from, expr_type to, expr_wide *out)
{
    if (to.scale >= from) {
        if (__builtin_mul_overflow(v, expr_power_of_ten(to.scale - from), out))
            return false;
    } else {
        expr_wide unit = expr_power_of_ten(from - to.scale), half = unit / 2, rest = v % unit;
        *out = v / unit + (rest >= half ? 1 : rest <= -half ? -1 : 0);
    }
    return within(to, *out);
}

static double decimal_double(expr_wide v, int scale)
{
    return (double)v / pow(10, scale);
}

static bool float_decimal(double d, expr_type to, expr_wide *out)
{
    d = round(d * pow(10, to.scale));
    if (!(fabs(d) < 1.7e38))
        return false;
    *out = (expr_wide)d;
    return within(to, *out);
}

/* [+-]digits[.digits], rounded to the scale */
static bool text_decimal(expr_view s, expr_type to, expr_wide *out)
{
    size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    bool minus = i && s.p[0] == '-', any = false, point = false;
    int behind = 0;
    expr_wide v = 0;
    for (; i < s.n; i++) {
        if (s.p[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        any = true;
        if (point && behind > to.scale)
            continue; /* one digit more than the scale decides the rounding */
        behind += point;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s.p[i] - '0', &v))
            return false;
    }
    return any && rescale(minus ? -v : v, behind, to, out);
}

/* ---- moments ---- */

static int64_t units_of(expr_type t) /* a second */
{
    return t.kind == EXPR_DATE64 ? 1000 : expr_unit[t.unit];
}

static bool change_unit(int64_t v, int64_t from, int64_t to, int64_t *out)
{
    if (to >= from)
        return !__builtin_mul_overflow(v, to / from, out);
    *out = v / (from / to); /* arrow-rs cuts towards zero */
    return true;
}

/* A clock's time without a zone becomes the moment at which zone's clocks show it. */
static bool from_local(expr_type to, int64_t *v)
{
    int32_t east;
    return expr_zone_offset(to.zone, expr_floor_divide(*v, expr_unit[to.unit]), true, &east) &&
           !__builtin_sub_overflow(*v, (int64_t)east * expr_unit[to.unit], v);
}

static bool moment_cast(expr_type from, expr_type to, int64_t v, int64_t *out)
{
    if (from.kind == EXPR_TIMESTAMP && from.zone && to.kind != EXPR_TIMESTAMP) { /* the day of its own clocks */
        int32_t east;
        if (!expr_zone_offset(from.zone, expr_floor_divide(v, expr_unit[from.unit]), false, &east))
            return false;
        if (__builtin_add_overflow(v, (int64_t)east * expr_unit[from.unit], &v))
            return false;
    }
    if (to.kind == EXPR_DATE) {
        *out = expr_floor_divide(v, 86400 * units_of(from));
        return *out >= INT32_MIN && *out <= INT32_MAX;
    }
    if (to.kind == EXPR_TIME) {
        int64_t day = 86400 * units_of(from);
        return change_unit(expr_floor_rest(v, day), units_of(from), expr_unit[to.unit], out);
    }
    if (from.kind == EXPR_DATE) {
        if (__builtin_mul_overflow(v, 86400 * units_of(to), out))
            return false;
    } else if (!change_unit(v, units_of(from), units_of(to), out)) {
        return false;
    }
    /* dates are midnights of UTC there */
    bool local = to.kind == EXPR_TIMESTAMP && to.zone && from.kind == EXPR_TIMESTAMP && !from.zone;
    return !local || from_local(to, out);
}

/* The far end of `to`, where a moment lies beyond it. */
static bool saturated(expr_type from, expr_type to, int64_t v, int64_t *out)
{
    expr_wide wide = (expr_wide)v * (from.kind == EXPR_DATE ? 86400 : 1) * units_of(to);
    wide /= from.kind == EXPR_DATE ? 1 : units_of(from);
    *out = v < 0 ? INT64_MIN : INT64_MAX;
    return wide < INT64_MIN || wide > INT64_MAX;
}

static bool text_moment(expr_view s, expr_type to, int64_t *out)
{
    int64_t seconds;
    int32_t nanos;
    bool has_zone;
    if (to.kind == EXPR_DATE)
        return expr_parse_date(s, out);
    if (to.kind == EXPR_TIME)
        return expr_parse_time(s, &seconds) && change_unit(seconds, expr_unit[3], expr_unit[to.unit], out);
    if (!expr_parse_timestamp(s, &seconds, &nanos, &has_zone))
        return false;
    int64_t unit = units_of(to);
    if (__builtin_mul_overflow(seconds, unit, out) ||
        __builtin_add_overflow(*out, nanos / (expr_unit[3] / unit), out))
        return false;
    bool local = to.kind == EXPR_TIMESTAMP && to.zone && !has_zone;
    return !local || from_local(to, out);
}

/* ---- text ---- */

static bool text_bool(expr_view s, int64_t *out)
{
    static const char *const words[] = {"false", "f", "no", "n", "off", "0", "true", "t", "yes", "y", "on", "1"};
    char lower[8];
    if (s.n == 0 || s.n >= sizeof lower)
        return false;
    for (size_t i = 0; i < s.n; i++)
        lower[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
    for (size_t i = 0; i < 12; i++)
        if (strlen(words[i]) == s.n && memcmp(words[i], lower, s.n) == 0) {
            *out = i < 6 ? EXPR_FALSE : EXPR_TRUE;
            return true;
        }
    return false;
}

static bool text_float(expr_view s, double *out)
{
    size_t sign = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    char lower[12];
    size_t n = s.n - sign;
    if (n > 0 && n < sizeof lower && (s.p[sign] | 0x20) >= 'a') {
        for (size_t i = 0; i < n; i++)
            lower[i] = (char)(s.p[sign + i] | 0x20);
        bool infinite = (n == 3 && memcmp(lower, "inf", 3) == 0) || (n == 8 && memcmp(lower, "infinity", 8) == 0);
        if (!infinite && !(n == 3 && memcmp(lower, "nan", 3) == 0))
            return false;
        *out = infinite ? (double)INFINITY : (double)NAN;
        if (sign && s.p[0] == '-')
            *out = -*out;
        return true;
    }
    return base_parse_double(s.p, s.n, out);
}

static size_t clock_text(char *out, size_t room, int64_t seconds, int64_t nanos)
{
    size_t n = (size_t)snprintf(out, room, "%02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
                                (int)(seconds % 60));
    if (nanos % 1000000 == 0 && nanos)
        n += (size_t)snprintf(out + n, room - n, ".%03d", (int)(nanos / 1000000));
    else if (nanos % 1000 == 0 && nanos)
        n += (size_t)snprintf(out + n, room - n, ".%06d", (int)(nanos / 1000));
    else if (nanos)
        n += (size_t)snprintf(out + n, room - n, ".%09d", (int)nanos);
    return n;
}

static size_t date_text(char *out, size_t room, int64_t days)
{
    int64_t year;
    unsigned month, day;
    expr_civil_from_days(days, &year, &month, &day);
    return (size_t)snprintf(out, room, year > 9999 ? "+%" PRId64 "-%02u-%02u" : year < 0 ? "-%04" PRId64 "-%02u-%02u" : "%04" PRId64 "-%02u-%02u",
                            year < 0 ? -year : year, month, day);
}

static bool moment_text(expr_type t, int64_t v, char *out, size_t room, size_t *n)
{
    int64_t unit = units_of(t), seconds = expr_floor_divide(v, unit), nanos = expr_floor_rest(v, unit) * (expr_unit[3] / unit);
    int32_t east = 0;
    if (t.zone && !expr_zone_offset(t.zone, seconds, false, &east))
        return false;
    seconds += east;
    int64_t days = expr_floor_divide(seconds, 86400);
    if (days < -96000000 || days > 95000000)
        return false;
    *n = date_text(out, room, days);
    out[(*n)++] = 'T';
    *n += clock_text(out + *n, room - *n, expr_floor_rest(seconds, 86400), nanos);
    if (!t.zone)
        return true;
    if (east == 0)
        *n += (size_t)snprintf(out + *n, room - *n, "Z");
    else
        *n += (size_t)snprintf(out + *n, room - *n, "%c%02d:%02d", east < 0 ? '-' : '+', (int)(east < 0 ? -east : east) / 3600,
                               (int)(east < 0 ? -east : east) / 60 % 60);
    return true;
}

static size_t float_text(expr_type t, double d, char out[40])
{
    if (isnan(d))
        return (size_t)snprintf(out, 40, "NaN");
    if (isinf(d))
        return (size_t)snprintf(out, 40, d < 0 ? "-inf" : "inf");
    size_t n = t.width == 64 ? base_format_double(d, out) : base_format_float((float)d, out);
    if (t.width > 16 && !strpbrk(out, ".e")) /* float16 is written without */
        n += (size_t)snprintf(out + n, 40 - n, ".0");
    return n;
}

static size_t decimal_text(expr_wide v, int scale, char *out)
{
    char digit[48];
    size_t n = 0, length = 0;
    expr_uwide u = v < 0 ? 0 - (expr_uwide)v : (expr_uwide)v;
    do {
        digit[n++] = (char)('0' + (int)(u % 10));
        u /= 10;
    } while (u || n <= (size_t)scale);
    if (v < 0)
        out[length++] = '-';
    while (n > 0) {
        out[length++] = digit[--n];
        if (n == (size_t)scale && n > 0)
            out[length++] = '.';
    }
    return length;
}

static lancelet_status to_text(expr_context *c, expr_type from, const expr_value *v, expr_view *out, bool *ok)
{
    char text[96];
    size_t n = 0;
    *ok = true;
    switch (from.kind) {
    case EXPR_BOOL:
        n = (size_t)snprintf(text, sizeof text, v->i == EXPR_TRUE ? "true" : "false");
        break;
    case EXPR_INT:
        n = (size_t)snprintf(text, sizeof text, "%" PRId64, v->i);
        break;
    case EXPR_UINT:
        n = (size_t)snprintf(text, sizeof text, "%" PRIu64, (uint64_t)v->i);
        break;
    case EXPR_FLOAT:
        n = float_text(from, v->d, text);
        break;
    case EXPR_DECIMAL:
        n = decimal_text(v->w, from.scale, text);
        break;
    case EXPR_DATE:
        n = date_text(text, sizeof text, v->i);
        break;
    case EXPR_TIME:
        n = clock_text(text, sizeof text, v->i / expr_unit[from.unit] % 86400,
                       v->i % expr_unit[from.unit] * (expr_unit[3] / expr_unit[from.unit]));
        break;
    case EXPR_BINARY:
        *ok = base_utf8_valid(v->s.p, v->s.n);
        *out = v->s;
        return LANCELET_OK;
    default:
        *ok = moment_text(from, v->i, text, sizeof text, &n);
        break;
    }
    if (!*ok)
        return LANCELET_OK;
    RETURN_IF_ERROR(expr_make_text(c, n, out));
    memcpy((char *)(uintptr_t)out->p, text, n);
    return LANCELET_OK;
}

/* ---- one value ---- */

static bool to_whole(expr_type from, expr_type to, const expr_value *v, int64_t *out)
{
    expr_wide w;
    uint64_t u;
    int64_t i;
    switch (from.kind) {
    case EXPR_BOOL:
        *out = v->i == EXPR_TRUE;
        return true;
    case EXPR_UINT:
        w = (uint64_t)v->i;
        break;
    case EXPR_FLOAT: {
        double d = trunc(v->d);
        if (!(fabs(d) < 0x1p65))
            return false;
        w = (expr_wide)d;
        break;
    }
    case EXPR_DECIMAL:
        w = v->w / expr_power_of_ten(from.scale);
        break;
    case EXPR_STRING:
        if (base_parse_i64(v->s.p, v->s.n, &i))
            w = i;
        else if (base_parse_u64(v->s.p, v->s.n, &u))
            w = u;
        else
            return false;
        break;
    default:
        w = v->i;
        break;
    }
    *out = (int64_t)(uint64_t)w;
    return fits(to, w);
}

static bool to_float(expr_type from, expr_type to, const expr_value *v, double *out)
{
    switch (from.kind) {
    case EXPR_BOOL:
        *out = v->i == EXPR_TRUE ? 1 : 0;
        return true;
    case EXPR_UINT:
        *out = to.width == 32 ? (double)(float)(uint64_t)v->i : (double)(uint64_t)v->i;
        break;
    case EXPR_INT:
        *out = to.width == 32 ? (double)(float)v->i : (double)v->i;
        break;
    case EXPR_FLOAT:
        *out = v->d;
        break;
    case EXPR_DECIMAL:
        *out = decimal_double(v->w, from.scale);
        break;
    default:
        if (!text_float(v->s, out))
            return false;
        break;
    }
    *out = rounded(to, *out);
    return true;
}

static bool to_decimal(expr_type from, expr_type to, const expr_value *v, expr_wide *out)
{
    switch (from.kind) {
    case EXPR_UINT:
        return rescale((uint64_t)v->i, 0, to, out);
    case EXPR_INT:
        return rescale(v->i, 0, to, out);
    case EXPR_FLOAT:
        return float_decimal(v->d, to, out);
    case EXPR_DECIMAL:
        return rescale(v->w, from.scale, to, out);
    default:
        return text_decimal(v->s, to, out);
    }
}

static bool to_moment(expr_type from, expr_type to, const expr_value *v, int64_t *out)
{
    if (from.kind == EXPR_STRING)
        return text_moment(v->s, to, out);
    if (is_whole(from)) {
        *out = v->i;
        return (from.kind == EXPR_INT || v->i >= 0) && (to.kind != EXPR_DATE || (v->i >= INT32_MIN && v->i <= INT32_MAX));
    }
    if (from.kind == EXPR_INTERVAL) {
        const expr_interval *p = &v->interval;
        expr_wide nanos = (expr_wide)p->days * 86400 * expr_unit[3] + p->nanos;
        expr_wide whole = nanos / (expr_unit[3] / expr_unit[to.unit]);
        *out = (int64_t)whole;
        return p->months == 0 && whole >= INT64_MIN && whole <= INT64_MAX;
    }
    if (is_moment(from))
        return moment_cast(from, to, v->i, out);
    return change_unit(v->i, expr_unit[from.unit], expr_unit[to.unit], out);
}

static bool to_bool(expr_type from, const expr_value *v, int64_t *out)
{
    if (from.kind == EXPR_STRING)
        return text_bool(v->s, out);
    *out = (from.kind == EXPR_FLOAT ? v->d != 0 : v->i != 0) ? EXPR_TRUE : EXPR_FALSE;
    return true;
}

/* ---- vectors ---- */

/* The same bits mean the same value. */
static bool is_free(expr_type from, expr_type to)
{
    if (from.kind == EXPR_STRING && to.kind == EXPR_BINARY)
        return to.width == 0;
    if (is_whole(from) && is_whole(to))
        return from.kind == to.kind ? to.width >= from.width
                                    : from.kind == EXPR_UINT && to.width > from.width;
    if (from.kind != to.kind)
        return false;
    switch (to.kind) {
    case EXPR_FLOAT:
        return to.width >= from.width;
    case EXPR_DECIMAL:
        return to.scale == from.scale && to.precision >= from.precision;
    case EXPR_TIMESTAMP:
        return to.unit == from.unit && (from.zone || !to.zone);
    case EXPR_TIME:
    case EXPR_DURATION:
        return to.unit == from.unit;
    case EXPR_BINARY:
        return to.width == 0 || to.width == from.width;
    default:
        return true;
    }
}

static expr_value value_at(expr_type t, const expr_vector *a, size_t i)
{
    expr_value v = {.i = 0};
    switch (t.kind) {
    case EXPR_BOOL:
        v.i = a->truth[i];
        break;
    case EXPR_FLOAT:
        v.d = a->d[i];
        break;
    case EXPR_DECIMAL:
        v.w = a->w[i];
        break;
    case EXPR_STRING:
    case EXPR_BINARY:
        v.s = a->s[i];
        break;
    case EXPR_INTERVAL:
        v.interval = a->interval[i];
        break;
    default:
        v.i = a->i[i];
        break;
    }
    return v;
}

static lancelet_status refuse(expr_context *c, expr_type from, expr_type to, const expr_value *v)
{
    char name[64];
    expr_view text;
    bool ok = true;
    const char *type = expr_type_name(to, name);
    if (from.kind == EXPR_STRING)
        return base_fail(c->err, LANCELET_INVALID, "'%.*s' cannot be cast to %s", (int)(v->s.n > 60 ? 60 : v->s.n),
                         v->s.p, type);
    if (from.kind == EXPR_BINARY || from.kind == EXPR_INTERVAL || from.kind == EXPR_DURATION)
        return base_fail(c->err, LANCELET_INVALID, "a value cannot be cast to %s", type);
    RETURN_IF_ERROR(to_text(c, from, v, &text, &ok));
    return base_fail(c->err, LANCELET_INVALID, "%.*s does not fit into %s", ok ? (int)text.n : 7, ok ? text.p : "a value",
                     type);
}

static lancelet_status one(expr_context *c, expr_type from, expr_type to, const expr_value *v, expr_vector *out, size_t i,
                           bool *ok)
{
    int64_t whole = 0;
    *ok = true;
    switch (to.kind) {
    case EXPR_BOOL:
        *ok = to_bool(from, v, &whole);
        out->truth[i] = *ok ? (uint8_t)whole : EXPR_UNKNOWN;
        return LANCELET_OK;
    case EXPR_INT:
    case EXPR_UINT:
        *ok = to_whole(from, to, v, &out->i[i]);
        return LANCELET_OK;
    case EXPR_FLOAT:
        *ok = to_float(from, to, v, &out->d[i]);
        return LANCELET_OK;
    case EXPR_DECIMAL:
        *ok = to_decimal(from, to, v, &out->w[i]);
        return LANCELET_OK;
    case EXPR_STRING:
        return to_text(c, from, v, &out->s[i], ok);
    case EXPR_BINARY:
        out->s[i] = v->s;
        *ok = to.width == 0 || v->s.n == (size_t)to.width;
        return LANCELET_OK;
    default:
        *ok = to_moment(from, to, v, &out->i[i]);
        return LANCELET_OK;
    }
}

lancelet_status expr_cast(expr_context *c, const expr_node *node, expr_type from, const expr_vector *a, expr_vector *out)
{
    expr_type to = node->type;
    if (is_free(from, to)) {
        *out = *a;
        return LANCELET_OK;
    }
    bool from_bool = from.kind == EXPR_BOOL;
    RETURN_IF_ERROR(expr_take(c, from_bool || a->valid || node->try, out));
    size_t size = to.kind == EXPR_STRING || to.kind == EXPR_BINARY || to.kind == EXPR_DECIMAL ? 16 : to.kind == EXPR_BOOL ? 1 : 8;
    for (size_t i = 0; i < c->n; i++) {
        bool ok, valid = from_bool ? a->truth[i] != EXPR_UNKNOWN : expr_valid(a, i);
        if (out->valid)
            out->valid[i] = valid;
        if (!valid) {
            memset((char *)out->any + i * size, to.kind == EXPR_BOOL ? EXPR_UNKNOWN : 0, size);
            continue;
        }
        expr_value v = value_at(from, a, i);
        RETURN_IF_ERROR(one(c, from, to, &v, out, i, &ok));
        if (ok || (node->saturate && saturated(from, to, v.i, &out->i[i])))
            continue;
        if (!node->try && expr_counts(c, i))
            return refuse(c, from, to, &v);
        memset((char *)out->any + i * size, to.kind == EXPR_BOOL ? EXPR_UNKNOWN : 0, size);
        if (out->valid)
            out->valid[i] = 0;
    }
    if (to.kind == EXPR_BOOL)
        out->valid = NULL;
    return LANCELET_OK;
}
