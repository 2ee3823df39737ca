/* functions_date.c - date_trunc() and date_part(), by the clocks of the timestamp's zone. Weeks begin on Monday and are counted
 * as ISO 8601 does. */
#include <string.h>

#include "lance/expr/functions.h"

typedef enum unit { YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, DOW, DOY, N_UNITS } unit;
static const char *const unit_names[N_UNITS] = {"year", "quarter", "month",  "week", "day",
                                                "hour", "minute",  "second", "dow",  "doy"};

#define FAR (INT64_C(1) << 50) /* seconds from 1970: no calendar is asked beyond */

static unit find_unit(expr_view name)
{
    for (int u = 0; u < N_UNITS; u++) {
        size_t n = strlen(unit_names[u]), k = 0;
        while (name.n == n && k < n && (name.p[k] | 0x20) == unit_names[u][k])
            k++;
        if (name.n == n && k == n)
            return (unit)u;
    }
    return N_UNITS;
}

bool expr_date_unit(expr_view name)
{
    return find_unit(name) != N_UNITS;
}

static int64_t weekday(int64_t days) /* 0 is Monday */
{
    int64_t d = (days + 3) % 7;
    return d < 0 ? d + 7 : d;
}

/* Local seconds since 1970 */
static int64_t part(unit u, int64_t local)
{
    int64_t days = expr_floor_divide(local, 86400), of_day = expr_floor_rest(local, 86400), year;
    unsigned month, day;
    expr_civil_from_days(days, &year, &month, &day);
    switch (u) {
    case YEAR:
        return year;
    case QUARTER:
        return (month - 1) / 3 + 1;
    case MONTH:
        return month;
    case WEEK: { /* that of its Thursday */
        int64_t thursday = days - weekday(days) + 3;
        expr_civil_from_days(thursday, &year, &month, &day);
        return (thursday - expr_days_from_civil(year, 1, 1)) / 7 + 1;
    }
    case DAY:
        return day;
    case HOUR:
        return of_day / 3600;
    case MINUTE:
        return of_day / 60 % 60;
    case SECOND:
        return of_day % 60;
    case DOW:
        return (weekday(days) + 1) % 7;
    default:
        return days - expr_days_from_civil(year, 1, 1) + 1;
    }
}

static int64_t truncated(unit u, int64_t local)
{
    int64_t days = expr_floor_divide(local, 86400), year;
    unsigned month, day;
    expr_civil_from_days(days, &year, &month, &day);
    switch (u) {
    case YEAR:
        return expr_days_from_civil(year, 1, 1) * 86400;
    case QUARTER:
        return expr_days_from_civil(year, (month - 1) / 3 * 3 + 1, 1) * 86400;
    case MONTH:
        return expr_days_from_civil(year, month, 1) * 86400;
    case WEEK:
        return (days - weekday(days)) * 86400;
    case HOUR:
        return expr_floor_divide(local, 3600) * 3600;
    case MINUTE:
        return expr_floor_divide(local, 60) * 60;
    case SECOND:
        return local;
    default:
        return days * 86400;
    }
}

lancelet_status expr_date_function(expr_context *c, const expr_node *call, const expr_vector *v, expr_vector *out)
{
    unit u = find_unit(call->child[0]->value.s);
    expr_type t = call->child[1]->type;
    bool is_part = call->function->id == FN_DATE_PART;
    RETURN_IF_ERROR(expr_take(c, false, out));
    out->valid = v->valid;
    for (size_t i = 0; i < c->n; i++) {
        int64_t seconds = expr_floor_divide(v->i[i], expr_unit[t.unit]);
        int32_t east = 0;
        out->i[i] = 0;
        if (!expr_valid(v, i))
            continue;
        bool ok = seconds > -FAR && seconds < FAR && (!t.zone || expr_zone_offset(t.zone, seconds, false, &east));
        if (ok && is_part) {
            out->i[i] = part(u, seconds + east);
        } else if (ok) {
            int64_t local = truncated(u, seconds + east);
            ok = (!t.zone || expr_zone_offset(t.zone, local, true, &east)) &&
                 !__builtin_mul_overflow(local - east, expr_unit[t.unit], &out->i[i]);
        }
        if (!ok && expr_counts(c, i))
            return base_fail(c->err, LANCELET_INVALID, "%s(): a timestamp whose clock cannot be read", call->function->name);
    }
    return LANCELET_OK;
}
