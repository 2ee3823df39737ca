/* number.c - numbers as text and back, whatever the locale. strtod and printf are still what rounds: they are handed
 * and asked for digits and a decimal exponent only ("123e-2"), a form that holds no decimal point. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool base_parse_u64(const char *s, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = n > 0 && s[0] == '+';
    if (i == n)
        return false;
    for (; i < n; i++)
        if (!is_digit(s[i]) || !base_mul_u64(v, 10, &v) || !base_add_u64(v, (uint64_t)(s[i] - '0'), &v))
            return false;
    *out = v;
    return true;
}

bool base_parse_i64(const char *s, size_t n, int64_t *out)
{
    uint64_t v;
    if (n > 0 && s[0] == '-') {
        if (n < 2 || !is_digit(s[1]) || !base_parse_u64(s + 1, n - 1, &v) || v > (uint64_t)INT64_MAX + 1)
            return false;
        *out = v == 0 ? 0 : -(int64_t)(v - 1) - 1;
        return true;
    }
    if (!base_parse_u64(s, n, &v) || v > INT64_MAX)
        return false;
    *out = (int64_t)v;
    return true;
}

static bool equals(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(s, word, n) == 0;
}

/* The exponent behind 'e': false when s[n] is not [+-]digits. Clamped far outside what any number of bytes could
 * bring back into range. */
static bool parse_exponent(const char *s, size_t n, int64_t *out)
{
    const int64_t clamp = INT64_MAX / 4;
    size_t i = n > 0 && (s[0] == '+' || s[0] == '-');
    if (i == n)
        return false;
    int64_t v = 0;
    for (; i < n; i++) {
        if (!is_digit(s[i]))
            return false;
        v = v < clamp / 10 - 1 ? v * 10 + (s[i] - '0') : clamp;
    }
    *out = s[0] == '-' ? -v : v;
    return true;
}

bool base_parse_double(const char *s, size_t n, double *out)
{
    /* 767 digits decide every double (the longest exact midpoint); one more stands for "and something behind it" */
    enum { DIGITS = 768 };
    char text[DIGITS + 64];
    size_t i = 0, kept = 0;
    bool negative = false, any = false, point = false, sticky = false;
    if (i < n && (s[i] == '-' || s[i] == '+'))
        negative = s[i++] == '-';
    if (equals(s + i, n - i, "Infinity")) {
        *out = negative ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    if (equals(s, n, "NaN")) {
        *out = (double)NAN;
        return true;
    }
    int64_t exponent = 0, written = 0;
    for (; i < n; i++) {
        if (s[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(s[i]))
            break;
        any = true;
        if (kept < DIGITS) {
            if (kept > 0 || s[i] != '0')
                text[kept++] = s[i];
            exponent -= point;
        } else {
            sticky |= s[i] != '0';
            exponent += !point;
        }
    }
    if (!any)
        return false;
    if (i < n && ((s[i] | 0x20) != 'e' || !parse_exponent(s + i + 1, n - i - 1, &written)))
        return false;
    exponent += written;
    if (kept == 0) {
        *out = negative ? -0.0 : 0.0;
        return true;
    }
    if (sticky) {
        text[kept++] = '1';
        exponent--;
    }
    if (exponent > 100000)
        exponent = 100000;
    if (exponent < -100000)
        exponent = -100000;
    snprintf(text + kept, sizeof text - kept, "e%d", (int)exponent);
    double v = strtod(text, NULL);
    if (isinf(v))
        return false;
    *out = negative ? -v : v;
    return true;
}

/* ---- shortest text ---- */

/* digits * 10^exponent, digits without a point */
typedef struct decimal {
    char digit[20]; /* NUL-terminated, no zero at either end */
    int n, exponent;
} decimal;

/* v > 0 rounded to p digits */
static decimal round_decimal(double v, int p)
{
    decimal d = {.n = 0};
    char text[64];
    snprintf(text, sizeof text, "%.*e", p - 1, v);
    const char *c = text;
    for (; *c && *c != 'e'; c++)
        if (is_digit(*c)) /* leaves the point out, whatever the locale writes there */
            d.digit[d.n++] = *c;
    d.exponent = atoi(*c ? c + 1 : "0") - (d.n - 1);
    return d;
}

static void strip_zeros(decimal *d)
{
    while (d->n > 1 && d->digit[d->n - 1] == '0') {
        d->n--;
        d->exponent++;
    }
    d->digit[d->n] = '\0';
}

/* The next larger number of as many digits. */
static void next_up(decimal *d)
{
    int i = d->n - 1;
    while (i >= 0 && d->digit[i] == '9')
        d->digit[i--] = '0';
    if (i >= 0) {
        d->digit[i]++;
    } else {
        d->digit[0] = '1';
        d->exponent++;
    }
}

static bool reads_back(const decimal *d, double v, bool is_float)
{
    char text[48];
    snprintf(text, sizeof text, "%.*se%d", d->n, d->digit, d->exponent);
    return is_float ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v;
}

/* Below a power of two numbers lie twice as dense as above it, so there the nearest decimal may miss while the next
 * one up reads back (2^-44 is the known case): it is tried too. */
static decimal shortest(double v, bool is_float)
{
    int mantissa_exponent;
    bool power_of_two = frexp(v, &mantissa_exponent) == 0.5;
    bool subnormal = v < (is_float ? 0x1p-126 : 0x1p-1022);
    int most = is_float ? 9 : 17;
    /* 6 (15) digits survive the way through a normal float (double): with fewer needed, zeros stand at the end */
    for (int p = subnormal ? 1 : most - (is_float ? 3 : 2);; p++) {
        decimal d = round_decimal(v, p);
        bool found = p >= most || reads_back(&d, v, is_float);
        if (!found && power_of_two) {
            next_up(&d);
            found = reads_back(&d, v, is_float);
        }
        if (found) {
            strip_zeros(&d);
            return d;
        }
    }
}

static size_t format_number(double v, bool is_float, char out[32])
{
    if (isnan(v))
        return (size_t)snprintf(out, 32, "NaN");
    const char *sign = signbit(v) ? "-" : "";
    if (isinf(v))
        return (size_t)snprintf(out, 32, "%sInfinity", sign);
    if (v == 0)
        return (size_t)snprintf(out, 32, "%s0", sign);
    decimal d = shortest(fabs(v), is_float);
    int scientific = d.n - 1 + d.exponent; /* exponent of d.ddd notation */
    int n;
    if (scientific < -5 || scientific >= 16)
        n = d.n == 1 ? snprintf(out, 32, "%s%se%d", sign, d.digit, scientific)
                     : snprintf(out, 32, "%s%c.%se%d", sign, d.digit[0], d.digit + 1, scientific);
    else if (scientific < 0)
        n = snprintf(out, 32, "%s0.%.*s%s", sign, -scientific - 1, "0000", d.digit);
    else if (d.exponent >= 0)
        n = snprintf(out, 32, "%s%s%.*s", sign, d.digit, d.exponent, "000000000000000");
    else
        n = snprintf(out, 32, "%s%.*s.%s", sign, scientific + 1, d.digit, d.digit + scientific + 1);
    return (size_t)n;
}

size_t base_format_float(float v, char out[32])
{
    return format_number((double)v, true, out);
}
size_t base_format_double(double v, char out[32])
{
    return format_number(v, false, out);
}

const char *base_format_bytes(uint64_t bytes, char out[32])
{
    static const char *const unit[] = {"bytes", "KB", "MB", "GB", "TB", "PB", "EB"};
    double v = (double)bytes;
    int u = 0;
    while (v >= 999.5 && u < 6) {
        v /= 1000;
        u++;
    }
    snprintf(out, 32, u > 0 && v < 9.95 ? "%.1f %s" : "%.0f %s", v, unit[u]);
    return out;
}
