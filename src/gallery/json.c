/* json.c - one value of an Arrow column as JSON: numbers, text, true and false, times as ISO 8601 (UTC where the column
 * has a zone), binary as base64, lists as arrays, structs as objects. A number that JSON cannot hold is null. */
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

/* "tsu:", "tsm:Europe/Berlin", ... */
static bool append_time(base_buffer *b, const char *format, int64_t v)
{
    char text[48];
    int64_t us = v;
    switch (format[2]) {
    case 's':
        if (v > INT64_MAX / 1000000 || v < INT64_MIN / 1000000)
            return base_buffer_append_string(b, "null");
        us = v * 1000000;
        break;
    case 'm':
        if (v > INT64_MAX / 1000 || v < INT64_MIN / 1000)
            return base_buffer_append_string(b, "null");
        us = v * 1000;
        break;
    case 'n':
        us = v / 1000 - (v % 1000 < 0);
        break;
    default:
        break;
    }
    size_t n = base_format_time(us, text);
    if (format[4] != 0 && n > 0 && text[n - 1] != 'Z')
        text[n++] = 'Z';
    text[n] = 0;
    return base_buffer_append(b, "\"", 1) && base_buffer_append_string(b, text) &&
           base_buffer_append(b, "\"", 1);
}

static bool append_date(base_buffer *b, int64_t days)
{
    char text[40];
    if (days > INT64_MAX / 86400000000 || days < INT64_MIN / 86400000000)
        return base_buffer_append_string(b, "null");
    size_t n = base_format_time(days * 86400000000, text);
    char *end = memchr(text, 'T', n);
    if (end)
        *end = 0;
    return base_buffer_append(b, "\"", 1) && base_buffer_append_string(b, text) &&
           base_buffer_append(b, "\"", 1);
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

static lancelet_status append_value(base_buffer *b, const struct ArrowSchema *s, const struct ArrowArray *a,
                                    int64_t i, int depth, lancelet_error *err)
{
    const char *f = s->format;
    bool fits;
    int64_t v;
    double d;
    size_t n;
    if (depth > DEPTH)
        return base_fail(err, LANCELET_UNSUPPORTED, "column '%s' is nested deeper than %d", s->name, DEPTH);
    if (strcmp(f, "n") == 0 || arrow_is_null(a, i))
        return base_buffer_append_string(b, "null") ? LANCELET_OK : base_fail_memory(err);
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
    } else if (strcmp(f, "tdD") == 0 && arrow_int(s, a, i, &v)) {
        fits = append_date(b, v);
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
    } else if (strcmp(f, "+l") == 0 && a->n_children == 1) {
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
