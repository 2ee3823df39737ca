/* time.c - dates, times, timestamps and intervals as text, in the forms that arrow-rs reads them in, the civil calendar
 * (proleptic Gregorian; days by Howard Hinnant's public algorithms, "chrono-Compatible Low-Level Date
 * Algorithms"). */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lance/expr/tree.h"

const int64_t expr_unit[4] = {1, 1000, 1000000, 1000000000};

int64_t expr_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void expr_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    *day = (unsigned)(of_year - (153 * shifted + 2) / 5 + 1);
    *month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = years + era * 400 + (*month <= 2);
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

bool expr_add_months(int64_t days, int64_t months, int64_t *out)
{
    int64_t year;
    unsigned month, day;
    expr_civil_from_days(days, &year, &month, &day);
    int64_t all = year * 12 + (int64_t)month - 1 + months;
    year = all >= 0 ? all / 12 : -((11 - all) / 12);
    month = (unsigned)(all - year * 12 + 1);
    if (year < -262143 || year > 262142)
        return false;
    unsigned last = days_in_month(year, month);
    *out = expr_days_from_civil(year, month, day > last ? last : day);
    return true;
}

/* ---- text ---- */

typedef struct reader {
    const char *p, *end;
} reader;

/* least to most digits */
static bool digits(reader *r, int least, int most, int64_t *out)
{
    int n = 0;
    *out = 0;
    for (; n < most && r->p < r->end && *r->p >= '0' && *r->p <= '9'; n++)
        *out = *out * 10 + (*r->p++ - '0');
    return n >= least;
}
static bool take(reader *r, char c)
{
    if (r->p >= r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool make_date(int64_t year, int64_t month, int64_t day, int64_t *days)
{
    if (month < 1 || month > 12 || day < 1 || day > (int64_t)days_in_month(year, (unsigned)month))
        return false;
    *days = expr_days_from_civil(year, (unsigned)month, (unsigned)day);
    return true;
}

/* 2026-03-01, 2026-3-1, -0001-03-01, 20260301 */
static bool date(reader *r, bool strict, int64_t *days)
{
    int64_t year, month, day;
    reader compact = *r;
    if (!strict && digits(&compact, 8, 8, &year) && compact.p == compact.end) {
        *r = compact;
        return make_date(year / 10000, year / 100 % 100, year % 100, days);
    }
    bool minus = !strict && take(r, '-');
    if (!digits(r, 4, 4, &year) || !take(r, '-') || !digits(r, strict ? 2 : 1, 2, &month) || !take(r, '-') ||
        !digits(r, strict ? 2 : 1, 2, &day))
        return false;
    return make_date(minus ? -year : year, month, day, days);
}

/* hh:mm:ss[.f...]; digits behind the ninth are left out. */
static bool clock(reader *r, bool short_form, int64_t *seconds, int32_t *nanos)
{
    int64_t hour, minute, second = 0;
    *nanos = 0;
    if (!digits(r, 2, 2, &hour) || !take(r, ':') || !digits(r, 2, 2, &minute) || hour > 23 || minute > 59)
        return false;
    if (take(r, ':')) {
        if (!digits(r, 2, 2, &second) || second > 60)
            return false;
    } else if (!short_form) {
        return false;
    }
    *seconds = hour * 3600 + minute * 60 + second;
    if (!take(r, '.'))
        return true;
    int64_t fraction;
    const char *begin = r->p;
    if (!digits(r, 1, 9, &fraction))
        return false;
    for (ptrdiff_t n = r->p - begin; n < 9; n++)
        fraction *= 10;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    *nanos = (int32_t)fraction;
    return true;
}

/* Z, +01:00, +0100, +01: seconds east */
static bool offset(reader *r, int32_t *out)
{
    *out = 0;
    if (take(r, 'Z') || take(r, 'z'))
        return true;
    bool minus = r->p < r->end && *r->p == '-';
    int64_t hours, minutes = 0;
    if (!take(r, '-') && !take(r, '+'))
        return false;
    if (!digits(r, 2, 2, &hours) || hours > 23)
        return false;
    bool colon = take(r, ':');
    if (!digits(r, 2, 2, &minutes) && (colon || minutes))
        return false;
    if (minutes > 59)
        return false;
    *out = (int32_t)(hours * 3600 + minutes * 60) * (minus ? -1 : 1);
    return true;
}

bool expr_parse_offset(expr_view s, int32_t *seconds)
{
    reader r = {s.p, s.p + s.n};
    return offset(&r, seconds) && r.p == r.end;
}

bool expr_parse_date(expr_view s, int64_t *days)
{
    reader r = {s.p, s.p + s.n};
    if (date(&r, false, days) && r.p == r.end)
        return true;
    int64_t seconds;
    int32_t nanos;
    bool has_zone;
    if (!expr_parse_timestamp(s, &seconds, &nanos, &has_zone))
        return false;
    *days = seconds >= 0 ? seconds / 86400 : -((86399 - seconds) / 86400);
    return true;
}

bool expr_parse_time(expr_view s, int64_t *nanos)
{
    reader r = {s.p, s.p + s.n};
    int64_t seconds;
    int32_t rest;
    if (!clock(&r, true, &seconds, &rest) || r.p != r.end)
        return false;
    *nanos = seconds * expr_unit[3] + rest;
    return true;
}

bool expr_parse_timestamp(expr_view s, int64_t *seconds, int32_t *nanos, bool *has_zone)
{
    reader r = {s.p, s.p + s.n};
    int64_t days, of_day = 0;
    int32_t east = 0;
    *nanos = 0;
    *has_zone = false;
    if (!date(&r, true, &days))
        return false;
    *seconds = days * 86400;
    if (r.p == r.end)
        return true;
    if (!take(&r, 'T') && !take(&r, 't') && !take(&r, ' '))
        return false;
    if (!clock(&r, false, &of_day, nanos))
        return false;
    *seconds += of_day;
    if (r.p == r.end)
        return true;
    take(&r, ' ');
    if (offset(&r, &east) && r.p == r.end) {
        *seconds -= east;
    } else {
        char zone[64];
        size_t n = (size_t)(r.end - r.p);
        if (n == 0 || n >= sizeof zone)
            return false;
        memcpy(zone, r.p, n);
        zone[n] = '\0';
        if (memchr(zone, '\0', n) || !expr_zone_offset(zone, *seconds, true, &east))
            return false;
        *seconds -= east;
    }
    *has_zone = true;
    return true;
}

/* ---- intervals: '3 days', '1 hour 30 minutes', '-2 months', '1.5 days', 'P1D' not ---- */

static const struct {
    const char *word;
    int64_t months, nanos; /* of one */
    int64_t days;
} parts[] = {
    {"millennium", 12000, 0, 0}, {"century", 1200, 0, 0}, {"decade", 120, 0, 0}, {"year", 12, 0, 0},
    {"month", 1, 0, 0},          {"week", 0, 0, 7},       {"day", 0, 0, 1},      {"hour", 0, 3600000000000, 0},
    {"minute", 0, 60000000000, 0}, {"second", 0, 1000000000, 0}, {"millisecond", 0, 1000000, 0},
    {"microsecond", 0, 1000, 0}, {"nanosecond", 0, 1, 0}, {"min", 0, 60000000000, 0}, {"sec", 0, 1000000000, 0},
    {"hr", 0, 3600000000000, 0}, {"mon", 1, 0, 0},        {"h", 0, 3600000000000, 0}, {"m", 0, 60000000000, 0},
    {"s", 0, 1000000000, 0},     {"d", 0, 0, 1},          {"w", 0, 0, 7},        {"y", 12, 0, 0},
    {"ms", 0, 1000000, 0},       {"us", 0, 1000, 0},      {"ns", 0, 1, 0},
};

static bool find_part(const char *p, size_t n, size_t *out)
{
    char word[16];
    if (n == 0 || n >= sizeof word)
        return false;
    for (size_t i = 0; i < n; i++)
        word[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i]);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t length = strlen(parts[i].word);
        if (n >= length && memcmp(word, parts[i].word, length) == 0 &&
            (n == length || (n == length + 1 && word[length] == 's' && length > 1))) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* A number of up to nine digits and as many behind a point: nine digits behind it in *fraction. */
static bool quantity(reader *r, int64_t *whole, int64_t *fraction)
{
    *fraction = 0;
    const char *begin = r->p;
    bool any = digits(r, 1, 9, whole);
    if (!any)
        r->p = begin, *whole = 0;
    if (!take(r, '.'))
        return any;
    begin = r->p;
    if (!digits(r, 1, 9, fraction))
        return false;
    for (ptrdiff_t n = r->p - begin; n < 9; n++)
        *fraction *= 10;
    return true;
}

bool expr_parse_interval(expr_view s, expr_interval *out)
{
    reader r = {s.p, s.p + s.n};
    expr_wide months = 0, days = 0, nanos = 0;
    bool any = false;
    for (;;) {
        while (take(&r, ' ') || take(&r, '\t'))
            ;
        if (r.p == r.end)
            break;
        bool minus = take(&r, '-');
        int64_t whole, fraction;
        if (!minus)
            take(&r, '+');
        if (!quantity(&r, &whole, &fraction))
            return false;
        while (take(&r, ' '))
            ;
        const char *begin = r.p;
        while (r.p < r.end && ((*r.p >= 'a' && *r.p <= 'z') || (*r.p >= 'A' && *r.p <= 'Z')))
            r.p++;
        size_t part;
        if (r.p == begin && r.p == r.end && !any)
            part = 9; /* a bare number is seconds */
        else if (!find_part(begin, (size_t)(r.p - begin), &part))
            return false;
        int sign = minus ? -1 : 1;
        expr_wide billionths = ((expr_wide)whole * 1000000000 + fraction) * sign;
        if (parts[part].months) { /* what is left of a month is days of thirty to one */
            expr_wide all = billionths * parts[part].months;
            months += all / 1000000000;
            all = all % 1000000000 * 30;
            days += all / 1000000000;
            nanos += all % 1000000000 * 86400;
        } else if (parts[part].days) {
            expr_wide all = billionths * parts[part].days;
            days += all / 1000000000;
            nanos += all % 1000000000 * 86400;
        } else {
            nanos += billionths * parts[part].nanos / 1000000000;
        }
        any = true;
        if (months > INT32_MAX || months < INT32_MIN || days > INT32_MAX || days < INT32_MIN || nanos > INT64_MAX ||
            nanos < INT64_MIN)
            return false;
    }
    *out = (expr_interval){(int32_t)months, (int32_t)days, (int64_t)nanos};
    return any;
}
