/* zone.c - the clocks of time zones: UTC, offsets (+01:00), and names by the system's zone files (RFC 9636: the transitions of
 * version 2 and later, then the rule of the footer in POSIX' form, of which the M form is read). A local time that clocks show
 * twice is the earlier moment; one that they leave out is read as before the change. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "lance/expr/tree.h"

/* "M3.5.0/2": the fifth (last) Sunday of March at 2 */
typedef struct change {
    int64_t month, week, day, seconds;
} change;

typedef struct zone {
    struct zone *next;
    char name[64];
    size_t n;
    int64_t *at;       /* [n] moments, ascending */
    int32_t *east;     /* [n] seconds from then on */
    int32_t first;     /* before the first */
    bool rule, daylight; /* the footer was read; it has daylight saving time */
    int32_t standard_east, daylight_east;
    change to_daylight, to_standard;
} zone;

/* ---- the footer ---- */

static bool footer_name(const char **p)
{
    const char *begin = *p;
    if (**p == '<') {
        while (**p && **p != '>')
            ++*p;
        return *(*p)++ == '>';
    }
    while ((**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z'))
        ++*p;
    return *p - begin >= 3;
}

static bool footer_number(const char **p, int64_t *out)
{
    const char *begin = *p;
    for (*out = 0; **p >= '0' && **p <= '9' && *p - begin < 4; ++*p)
        *out = *out * 10 + (**p - '0');
    return *p > begin;
}

/* [+-]h[:m[:s]] */
static bool footer_time(const char **p, int64_t *seconds)
{
    int64_t part, unit = 3600;
    bool minus = **p == '-';
    if (**p == '-' || **p == '+')
        ++*p;
    *seconds = 0;
    do {
        if (!footer_number(p, &part))
            return false;
        *seconds += part * unit;
        unit /= 60;
    } while (unit > 0 && **p == ':' && *(*p)++);
    if (minus)
        *seconds = -*seconds;
    return true;
}

static bool footer_change(const char **p, change *out)
{
    out->seconds = 7200;
    if (*(*p)++ != ',' || *(*p)++ != 'M' || !footer_number(p, &out->month) || *(*p)++ != '.' ||
        !footer_number(p, &out->week) || *(*p)++ != '.' || !footer_number(p, &out->day))
        return false;
    if (out->month < 1 || out->month > 12 || out->week < 1 || out->week > 5 || out->day > 6)
        return false;
    return **p != '/' || (++*p, footer_time(p, &out->seconds));
}

static bool read_footer(zone *z, const char *p)
{
    int64_t west;
    if (!footer_name(&p) || !footer_time(&p, &west))
        return false;
    z->standard_east = (int32_t)-west;
    z->daylight_east = z->standard_east + 3600;
    if (*p == '\0')
        return true;
    if (!footer_name(&p))
        return false;
    if (*p != ',' && *p != '\0') {
        if (!footer_time(&p, &west))
            return false;
        z->daylight_east = (int32_t)-west;
    }
    z->daylight = footer_change(&p, &z->to_daylight) && footer_change(&p, &z->to_standard) && *p == '\0';
    return z->daylight;
}

/* Seconds since 1970 of a local clock at which a rule's change of a year happens. */
static int64_t change_in(const change *c, int64_t year)
{
    int64_t first = expr_days_from_civil(year, (unsigned)c->month, 1);
    int64_t next = expr_days_from_civil(c->month == 12 ? year + 1 : year, c->month == 12 ? 1 : (unsigned)c->month + 1, 1);
    int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 0 is Sunday */
    int64_t day = first + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
    while (day >= next)
        day -= 7;
    return day * 86400 + c->seconds;
}

static int32_t rule_east(const zone *z, int64_t at)
{
    if (!z->daylight)
        return z->standard_east;
    int64_t year, local = at + z->standard_east;
    unsigned month, day;
    expr_civil_from_days(local >= 0 ? local / 86400 : -((86399 - local) / 86400), &year, &month, &day);
    int64_t on = change_in(&z->to_daylight, year) - z->standard_east;
    int64_t off = change_in(&z->to_standard, year) - z->daylight_east;
    bool summer = on < off ? at >= on && at < off : at >= on || at < off;
    return summer ? z->daylight_east : z->standard_east;
}

/* ---- the file ---- */

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static int64_t big64(const uint8_t *p)
{
    return (int64_t)((uint64_t)big32(p) << 32 | big32(p + 4));
}

enum { HEADER = 44, MOST = 10000 };

/* Bytes of a block whose times are `width` bytes wide; counts at header + 20: isut, isstd, leap, time, type, char. */
static uint64_t block_size(const uint8_t *header, uint64_t width)
{
    uint64_t times = big32(header + 32);
    return big32(header + 20) + (uint64_t)big32(header + 24) + (uint64_t)big32(header + 28) * (width + 4) +
           times * (width + 1) + (uint64_t)big32(header + 36) * 6 + big32(header + 40);
}

static bool read_zone(zone *z, const uint8_t *bytes, size_t n)
{
    if (n < HEADER || memcmp(bytes, "TZif", 4) != 0 || bytes[4] < '2')
        return false;
    uint64_t second = HEADER + block_size(bytes, 4);
    if (second > n || n - second < HEADER)
        return false;
    const uint8_t *header = bytes + second, *times = header + HEADER;
    uint64_t size = block_size(header, 8), n_times = big32(header + 32), n_types = big32(header + 36);
    if (size > n - second - HEADER || n_times > MOST || n_types < 1 || n_types > 256)
        return false;
    const uint8_t *index = times + n_times * 8, *types = index + n_times;
    z->n = (size_t)n_times;
    z->at = base_alloc_array(z->n + 1, sizeof *z->at);
    z->east = base_alloc_array(z->n + 1, sizeof *z->east);
    if (!z->at || !z->east)
        return false;
    z->first = (int32_t)big32(types);
    for (size_t i = 0; i < z->n; i++) {
        if (index[i] >= n_types)
            return false;
        z->at[i] = big64(times + i * 8);
        z->east[i] = (int32_t)big32(types + (size_t)index[i] * 6);
        if (z->east[i] < -93599 || z->east[i] > 93599 || (i && z->at[i] < z->at[i - 1]))
            return false;
    }
    const uint8_t *footer = header + HEADER + size, *end = bytes + n;
    char text[128];
    if (footer < end && *footer == '\n') {
        footer++;
        const uint8_t *stop = memchr(footer, '\n', (size_t)(end - footer));
        size_t length = stop ? (size_t)(stop - footer) : 0;
        if (length > 0 && length < sizeof text) {
            memcpy(text, footer, length);
            text[length] = '\0';
            z->rule = read_footer(z, text);
        }
    }
    return z->first >= -93599 && z->first <= 93599;
}

/* Zones that there are stay for the life of the process when they were asked for: some hundred. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static zone *zones;

static bool safe_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_' ||
              *p == '-' || *p == '+' || (*p == '/' && p > name && p[-1] != '/')))
            return false;
    return strlen(name) < sizeof((zone *)0)->name;
}

static zone *load(const char *name)
{
    char path[128];
    uint8_t *bytes;
    size_t n;
    lancelet_error err;
    zone *z = base_calloc(1, sizeof *z);
    if (!z)
        return NULL;
    memcpy(z->name, name, strlen(name) + 1);
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    if (base_file_read(path, 1 << 20, &bytes, &n, &err) == LANCELET_OK) {
        bool known = read_zone(z, bytes, n);
        base_free(bytes);
        if (known)
            return z;
    }
    base_free(z->at);
    base_free(z->east);
    base_free(z);
    return NULL;
}

static const zone *find_zone(const char *name)
{
    if (!safe_name(name))
        return NULL;
    pthread_mutex_lock(&lock);
    zone *z = zones;
    while (z && strcmp(z->name, name) != 0)
        z = z->next;
    if (!z && (z = load(name))) {
        z->next = zones;
        zones = z;
    }
    pthread_mutex_unlock(&lock);
    return z;
}

static int32_t east_at(const zone *z, int64_t at)
{
    if (z->n == 0 || at < z->at[0])
        return z->n == 0 && z->rule ? rule_east(z, at) : z->first;
    if (at >= z->at[z->n - 1] && z->rule)
        return rule_east(z, at);
    size_t low = 0, high = z->n;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (z->at[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return z->east[low];
}

bool expr_zone_offset(const char *name, int64_t at, bool local, int32_t *seconds)
{
    *seconds = 0;
    if (strcmp(name, "UTC") == 0)
        return true;
    const int64_t far = INT64_C(1) << 50; /* what is added to and taken from `at` here and by callers does not overflow */
    bool near = at >= -far && at <= far;
    if (expr_parse_offset((expr_view){name, strlen(name)}, seconds))
        return near || *seconds == 0;
    const zone *z = near ? find_zone(name) : NULL;
    if (!z)
        return false;
    if (!local) {
        *seconds = east_at(z, at);
        return true;
    }
    int32_t before = east_at(z, at - 86400), behind = east_at(z, at + 86400);
    bool still = east_at(z, at - before) == before;
    *seconds = still || east_at(z, at - behind) != behind ? before : behind;
    return true;
}
