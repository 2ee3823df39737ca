/* text.c - UTF-8 (RFC 3629), ISO 8601 time in the proleptic Gregorian calendar (day counts after Howard Hinnant's
 * "chrono-Compatible Low-Level Date Algorithms"), JSON strings (RFC 8259), distance between names. */
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- UTF-8 ---- */

size_t base_utf8_decode(const char *s, size_t n, uint32_t *code_point)
{
    if (n == 0)
        return 0;
    const unsigned char *b = (const unsigned char *)s;
    if (b[0] < 0x80) {
        *code_point = b[0];
        return 1;
    }
    size_t length = b[0] >= 0xF0 ? 4 : b[0] >= 0xE0 ? 3 : 2;
    if (b[0] < 0xC2 || b[0] > 0xF4 || n < length)
        return 0;
    uint32_t c = b[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((b[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (b[i] & 0x3Fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *code_point = c;
    return length;
}

size_t base_utf8_encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    static const unsigned lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[length] | c);
    return length;
}

bool base_utf8_valid(const char *s, size_t n)
{
    uint32_t c;
    for (size_t i = 0; i < n;) {
        uint64_t eight;
        if (n - i >= sizeof eight) { /* most text is ASCII */
            memcpy(&eight, s + i, sizeof eight);
            if (!(eight & 0x8080808080808080u)) {
                i += sizeof eight;
                continue;
            }
        }
        size_t length = base_utf8_decode(s + i, n - i, &c);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

char *base_utf8_repair(const char *s, size_t n)
{
    base_buffer b = {0};
    uint32_t c;
    for (size_t i = 0; i < n;) {
        size_t length = base_utf8_decode(s + i, n - i, &c);
        if (!(length && c ? base_buffer_append(&b, s + i, length) : base_buffer_append(&b, replacement, 3))) {
            base_buffer_free(&b);
            return NULL;
        }
        i += length ? length : 1;
    }
    return base_buffer_to_string(&b);
}

/* ---- time ---- */

static const int64_t DAY_US = INT64_C(86400000000);

/* Days since 1970-01-01; the year begins in March, so that the leap day is its last. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;                                              /* 0..399 */
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1; /* 0..365 */
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

bool base_time_from_civil(int year, int month, int day, int hour, int minute, int second, int64_t *us)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < -290000 || year > 290000 || month < 1 || month > 12)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day < 1 || day > lengths[month - 1] + (month == 2 && leap) || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 59)
        return false;
    *us =
        days_from_civil(year, month, day) * DAY_US + ((hour * 60 + minute) * INT64_C(60) + second) * 1000000;
    return true;
}

size_t base_format_time(int64_t us, char out[40])
{
    int64_t days = us / DAY_US - (us % DAY_US < 0);
    int64_t rest = us % DAY_US;
    if (rest < 0)
        rest += DAY_US;
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (int)((5 * day_of_year + 2) / 153);
    int day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    int seconds = (int)(rest / 1000000), fraction = (int)(rest % 1000000);
    int n = snprintf(out, 40, "%s%04" PRId64 "-%02d-%02dT%02d:%02d:%02d", year < 0 ? "-" : "",
                     year < 0 ? -year : year, month, day, seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (fraction != 0) {
        n += snprintf(out + n, 40 - (size_t)n, ".%06d", fraction);
        while (out[n - 1] == '0')
            out[--n] = '\0';
    }
    return (size_t)n;
}

/* ---- JSON ---- */

bool base_json_append_string(base_buffer *b, const char *s, size_t n)
{
    size_t size = b->size; /* a failed append leaves the buffer as it was */
    bool ok = base_buffer_append(b, "\"", 1);
    uint32_t c;
    for (size_t i = 0, start = 0; ok && i <= n;) {
        size_t length = i < n ? base_utf8_decode(s + i, n - i, &c) : 0;
        if (i < n && length > 0 && c >= 0x20 && c != '"' && c != '\\') {
            i += length;
            continue;
        }
        ok = base_buffer_append(b, s + start, i - start); /* the plain run before */
        if (i == n)
            break;
        if (length == 0)
            ok = ok && base_buffer_append(b, replacement, 3);
        else if (c == '"' || c == '\\')
            ok = ok && base_buffer_printf(b, "\\%c", (int)c);
        else if (c == '\n' || c == '\t' || c == '\r')
            ok = ok && base_buffer_append_string(b, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        else
            ok = ok && base_buffer_printf(b, "\\u%04x", (unsigned)c);
        i += length ? length : 1;
        start = i;
    }
    ok = ok && base_buffer_append(b, "\"", 1);
    if (!ok)
        b->size = size;
    return ok;
}

/* ---- names ---- */

static char lower_case(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

size_t base_text_distance(const char *a, const char *b)
{
    enum { MOST = 63 };
    size_t n = strlen(a), m = strlen(b);
    if (n > MOST || m > MOST)
        return 99;
    uint8_t d[MOST + 1][MOST + 1];
    for (size_t i = 0; i <= n; i++)
        d[i][0] = (uint8_t)i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            char x = lower_case(a[i - 1]), y = lower_case(b[j - 1]);
            unsigned best = d[i - 1][j - 1] + (x != y ? 1u : 0u);
            if (d[i - 1][j] + 1u < best)
                best = d[i - 1][j] + 1u;
            if (d[i][j - 1] + 1u < best)
                best = d[i][j - 1] + 1u;
            if (i > 1 && j > 1 && x == lower_case(b[j - 2]) && y == lower_case(a[i - 2]) && d[i - 2][j - 2] + 1u < best)
                best = d[i - 2][j - 2] + 1u;
            d[i][j] = (uint8_t)best;
        }
    return d[n][m];
}
