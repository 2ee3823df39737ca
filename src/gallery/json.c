/* json.c - one value of an Arrow column as JSON: numbers, text, true and false, times as ISO 8601 (UTC where the column
 * has a zone), durations as numbers in their unit, decimals as text (a JSON number is a double to most readers), binary as
 * base64, lists as arrays, structs as objects, maps as arrays of key and value, a dictionary's values as themselves. A number
 * that JSON cannot hold is null. */
#include "gallery/gallery.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/npy.h"
#include "base/text.h"

#define DEPTH 16 /* lists in structs in lists ...: deeper is refused, not followed */

static lancelet_status append_value(base_buffer *b, const struct ArrowSchema *s, const struct ArrowArray *a,
                                    int64_t i, int depth, lancelet_error *err);

static bool append_base64(base_buffer *b, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!base_buffer_reserve(b, n / 3 * 4 + 8) || !base_buffer_append(b, "\"", 1))
        return false;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)bytes[i] << 16;
        v |= i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0;
        v |= i + 2 < n ? bytes[i + 2] : 0;
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], i + 1 < n ? digits[v >> 6 & 63] : '=',
                        i + 2 < n ? digits[v & 63] : '='};
        if (!base_buffer_append(b, four, 4))
            return false;
    }
    return base_buffer_append(b, "\"", 1);
}

static bool append_quoted(base_buffer *b, const char *text)
{
    return base_buffer_append(b, "\"", 1) && base_buffer_append_string(b, text) &&
           base_buffer_append(b, "\"", 1);
}

/* A number of units of "s", "m", "u" or "n" in microseconds and what is left in nanoseconds; false: out of range. */
static bool microseconds(char unit, int64_t v, int64_t *us, int *nanoseconds)
{
    int64_t factor = unit == 's' ? 1000000 : unit == 'm' ? 1000 : 1;
    *nanoseconds = 0;
    if (unit == 'n') {
        int64_t rest = v % 1000;
        *nanoseconds = (int)(rest < 0 ? rest + 1000 : rest);
        *us = v / 1000 - (rest < 0);
        return true;
    }
    *us = v * (v > INT64_MAX / factor || v < INT64_MIN / factor ? 0 : factor);
    return v <= INT64_MAX / factor && v >= INT64_MIN / factor;
}

/* Nanoseconds behind the microseconds of a time's text. */
static void add_nanoseconds(char text[48], int nanoseconds)
{
    size_t n = strlen(text);
    const char *point = strchr(text, '.');
    size_t digits = point ? n - (size_t)(point - text) - 1 : 0;
    if (nanoseconds == 0 || n + 12 > 48)
        return;
    if (!point)
        text[n++] = '.';
    while (digits++ < 6)
        text[n++] = '0';
    text[n++] = (char)('0' + nanoseconds / 100);
    text[n++] = (char)('0' + nanoseconds / 10 % 10);
    text[n++] = (char)('0' + nanoseconds % 10);
    while (text[n - 1] == '0')
        n--;
    text[n] = '\0';
}

/* "tsu:", "tsm:Europe/Berlin", ...: the zone's times are UTC. */
static bool append_time(base_buffer *b, const char *format, int64_t v)
{
    char text[48];
    int64_t us;
    int nanoseconds;
    if (!microseconds(format[2], v, &us, &nanoseconds))
        return base_buffer_append_string(b, "null");
    base_format_time(us, text);
    add_nanoseconds(text, nanoseconds);
    size_t n = strlen(text);
    memcpy(text + n, format[4] ? "Z" : "", format[4] ? 2 : 1);
    return append_quoted(b, text);
}

/* "tdD" days, "tdm" milliseconds, "tts" ... "ttn" time of day: part of a time's text. */
static bool append_part_of_time(base_buffer *b, const char *format, int64_t v)
{
    char text[48];
    int64_t us;
    int nanoseconds;
    bool day = format[1] == 'd', days = strcmp(format, "tdD") == 0;
    if (days && (v > INT64_MAX / 86400000 || v < INT64_MIN / 86400000))
        return base_buffer_append_string(b, "null");
    if (!microseconds(days ? 'm' : format[2], days ? v * 86400000 : v, &us, &nanoseconds))
        return base_buffer_append_string(b, "null");
    base_format_time(us, text);
    add_nanoseconds(text, nanoseconds);
    char *t = strchr(text, 'T');
    if (!t)
        return base_buffer_append_string(b, "null");
    if (day)
        *t = '\0';
    return append_quoted(b, day ? text : t + 1);
}

/* A decimal of `width` bytes, little-endian two's complement, with `scale` digits behind the point. */
static bool append_decimal(base_buffer *b, const uint8_t *bytes, size_t width, int scale)
{
    uint8_t rest[32];
    char digits[96];
    size_t n = 0;
    bool negative = (bytes[width - 1] & 0x80) != 0;
    for (size_t i = 0, carry = 1; i < width; i++) {
        unsigned byte = negative ? (uint8_t)~bytes[i] + (unsigned)carry : bytes[i];
        rest[i] = (uint8_t)byte;
        carry = byte >> 8;
    }
    for (bool more = true; more || (int)n <= scale; n++) { /* digits from the last to the first */
        unsigned remainder = 0;
        more = false;
        for (size_t i = width; i > 0; i--) {
            unsigned v = remainder << 8 | rest[i - 1];
            rest[i - 1] = (uint8_t)(v / 10);
            remainder = v % 10;
            more = more || rest[i - 1];
        }
        digits[n] = (char)('0' + remainder);
    }
    bool fits = base_buffer_append(b, negative ? "\"-" : "\"", negative ? 2 : 1);
    for (size_t i = n; i > 0 && fits; i--)
        fits = base_buffer_append(b, &digits[i - 1], 1) &&
               ((int)i != scale + 1 || scale <= 0 || base_buffer_append(b, ".", 1));
    for (int i = scale; i < 0 && fits; i++)
        fits = base_buffer_append(b, "0", 1);
    return fits && base_buffer_append(b, "\"", 1);
}

/* "d:38,10" or "d:38,10,256": *width in bytes; false: no decimal, or none that is known. */
static bool decimal_of(const char *format, size_t *width, int *scale)
{
    int64_t part[3] = {0, 0, 128};
    size_t n = 0;
    if (strncmp(format, "d:", 2) != 0)
        return false;
    for (const char *p = format + 2; n < 3; p++) {
        size_t length = strcspn(p, ",");
        if (!base_parse_i64(p, length, &part[n++]))
            return false;
        p += length;
        if (!*p)
            break;
    }
    *width = (size_t)part[2] / 8;
    *scale = (int)part[1];
    return n >= 2 && part[1] >= -76 && part[1] <= 76 &&
           (part[2] == 32 || part[2] == 64 || part[2] == 128 || part[2] == 256);
}

/* "w:16": bytes a value of a fixed-size binary; -1: another type. */
static int64_t binary_width(const char *format)
{
    int64_t width;
    return strncmp(format, "w:", 2) == 0 && base_parse_i64(format + 2, strlen(format + 2), &width) &&
                   width >= 0
               ? width
               : -1;
}

static lancelet_status append_list(base_buffer *b, const struct ArrowSchema *s, const struct ArrowArray *a,
                                   int64_t from, int64_t to, int depth, lancelet_error *err)
{
    if (!base_buffer_append(b, "[", 1))
        return base_fail_memory(err);
    for (int64_t j = from; j < to; j++) {
        if (j > from && !base_buffer_append(b, ",", 1))
            return base_fail_memory(err);
        RETURN_IF_ERROR(append_value(b, s->children[0], a->children[0], j, depth + 1, err));
    }
    return base_buffer_append(b, "]", 1) ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status append_struct(base_buffer *b, const struct ArrowSchema *s, const struct ArrowArray *a,
                                     int64_t i, int depth, lancelet_error *err)
{
    for (int64_t j = 0; j < s->n_children; j++) {
        const char *name = s->children[j]->name ? s->children[j]->name : "";
        if (!base_buffer_append(b, j ? "," : "{", 1) || !base_json_append_string(b, name, strlen(name)) ||
            !base_buffer_append(b, ":", 1))
            return base_fail_memory(err);
        RETURN_IF_ERROR(append_value(b, s->children[j], a->children[j], a->offset + i, depth + 1, err));
    }
    return base_buffer_append_string(b, s->n_children ? "}" : "{}") ? LANCELET_OK : base_fail_memory(err);
}

/* A value of a dictionary column is the dictionary's. */
static lancelet_status append_dictionary(base_buffer *b, const struct ArrowSchema *s,
                                         const struct ArrowArray *a, int64_t i, int depth,
                                         lancelet_error *err)
{
    struct ArrowSchema indices = *s;
    struct ArrowArray plain = *a;
    int64_t at;
    indices.dictionary = NULL;
    plain.dictionary = NULL;
    if (!arrow_int(&indices, &plain, i, &at) || at < 0 || at >= a->dictionary->length)
        return base_buffer_append_string(b, "null") ? LANCELET_OK : base_fail_memory(err);
    return append_value(b, s->dictionary, a->dictionary, at, depth + 1, err);
}

static lancelet_status append_value(base_buffer *b, const struct ArrowSchema *s, const struct ArrowArray *a,
                                    int64_t i, int depth, lancelet_error *err)
{
    const char *f = s->format;
    int64_t width = binary_width(f);
    size_t decimal_width;
    int scale;
    bool fits;
    int64_t v;
    double d;
    size_t n;
    if (depth > DEPTH)
        return base_fail(err, LANCELET_UNSUPPORTED, "column '%s' is nested deeper than %d", s->name, DEPTH);
    if (strcmp(f, "n") == 0 || arrow_is_null(a, i))
        return base_buffer_append_string(b, "null") ? LANCELET_OK : base_fail_memory(err);
    if (s->dictionary && a->dictionary)
        return append_dictionary(b, s, a, i, depth, err);
    if (strcmp(f, "u") == 0 || strcmp(f, "U") == 0) {
        const char *text = arrow_bytes(s, a, i, &n);
        fits = text ? base_json_append_string(b, text, n) : base_buffer_append_string(b, "null");
    } else if (strcmp(f, "z") == 0 || strcmp(f, "Z") == 0) {
        const char *bytes = arrow_bytes(s, a, i, &n);
        fits = bytes ? append_base64(b, (const uint8_t *)bytes, n) : base_buffer_append_string(b, "null");
    } else if (strcmp(f, "b") == 0 && arrow_int(s, a, i, &v)) {
        fits = base_buffer_append_string(b, v ? "true" : "false");
    } else if (strncmp(f, "ts", 2) == 0 && arrow_int(s, a, i, &v)) {
        fits = append_time(b, f, v);
    } else if ((strncmp(f, "td", 2) == 0 || strncmp(f, "tt", 2) == 0) && arrow_int(s, a, i, &v)) {
        fits = append_part_of_time(b, f, v);
    } else if (strncmp(f, "tD", 2) == 0 && arrow_int(s, a, i, &v)) {
        fits = base_buffer_printf(b, "%" PRId64, v); /* a duration, in the type's unit */
    } else if (width >= 0) {
        fits = append_base64(b, (const uint8_t *)a->buffers[1] + (a->offset + i) * width, (size_t)width);
    } else if (decimal_of(f, &decimal_width, &scale)) {
        fits = append_decimal(b, (const uint8_t *)a->buffers[1] + (a->offset + i) * (int64_t)decimal_width,
                              decimal_width, scale);
    } else if (strcmp(f, "L") == 0 && arrow_int(s, a, i, &v)) {
        fits = base_buffer_printf(b, "%" PRIu64, (uint64_t)v);
    } else if ((strcmp(f, "f") == 0 || strcmp(f, "e") == 0 || strcmp(f, "g") == 0) &&
               arrow_double(s, a, i, &d)) {
        char number[32];
        if (f[0] == 'g')
            base_format_double(d, number);
        else
            base_format_float((float)d, number);
        fits = base_buffer_append_string(b, isfinite(d) ? number : "null");
    } else if (strlen(f) == 1 && arrow_int(s, a, i, &v)) {
        fits = base_buffer_printf(b, "%" PRId64, v);
    } else if (arrow_list_size(s) >= 0 && a->n_children == 1) {
        int64_t size = arrow_list_size(s);
        return append_list(b, s, a, (a->offset + i) * size, (a->offset + i + 1) * size, depth, err);
    } else if ((strcmp(f, "+l") == 0 || strcmp(f, "+m") == 0) && a->n_children == 1) {
        const int32_t *offsets = a->buffers[1];
        return append_list(b, s, a, offsets[a->offset + i], offsets[a->offset + i + 1], depth, err);
    } else if (strcmp(f, "+L") == 0 && a->n_children == 1) {
        const int64_t *offsets = a->buffers[1];
        return append_list(b, s, a, offsets[a->offset + i], offsets[a->offset + i + 1], depth, err);
    } else if (strcmp(f, "+s") == 0) {
        return append_struct(b, s, a, i, depth, err);
    } else {
        return base_fail(err, LANCELET_UNSUPPORTED, "column '%s' of type '%s' cannot be shown",
                         s->name ? s->name : "", f);
    }
    return fits ? LANCELET_OK : base_fail_memory(err);
}

lancelet_status gallery_json_value(base_buffer *b, const struct ArrowSchema *s, const struct ArrowArray *a,
                                   int64_t i, lancelet_error *err)
{
    return append_value(b, s, a, i, 0, err);
}

static int append_dumped(const char *text, size_t n, void *arg)
{
    return base_buffer_append(arg, text, n) ? 0 : -1;
}

char *gallery_json_dump(const struct json_t *json)
{
    base_buffer b = {0};
    if (json_dump_callback(json, append_dumped, &b, JSON_COMPACT) == 0)
        return base_buffer_to_string(&b);
    base_buffer_free(&b);
    return NULL;
}
