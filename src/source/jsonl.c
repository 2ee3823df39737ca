/*
 * jsonl.c - one JSON object a line (jansson: at most 2,048 levels). The picture's key is chosen in the first object,
 * the caption's in the first that has one, or there the keys caption_0, caption_1 ... together; every other key is a
 * column, in the order of first appearance. A caption may be an array of strings. Values keep their JSON types where a column has one; a nested value is its JSON text.
 */
#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "source/internal.h"

typedef struct jsonl {
    source_captions *c;
    char *picture, *caption;    /* keys, NULL until chosen */
    bool numbered;              /* the caption is that of all numbered keys */
    base_buffer caption_text;   /* of the line being read */
    base_buffer values;         /* texts of the line's extra columns, one behind the other */
    size_t *start, *length;     /* [capacity] of each column in values; start SIZE_MAX: null */
    source_cell *cell;          /* [capacity] */
    size_t capacity;
} jsonl;

/* ---- values as text ---- */

static int append_json(const char *bytes, size_t n, void *buffer)
{
    return base_buffer_append(buffer, bytes, n) ? 0 : -1;
}

static bool append_value(base_buffer *out, const json_t *value)
{
    char number[32];
    switch (json_typeof(value)) {
    case JSON_STRING:
        return base_buffer_append(out, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        return base_buffer_printf(out, "%lld", (long long)json_integer_value(value));
    case JSON_REAL:
        return base_buffer_append(out, number, base_format_double(json_real_value(value), number));
    case JSON_TRUE:
        return base_buffer_append_string(out, "true");
    case JSON_FALSE:
        return base_buffer_append_string(out, "false");
    case JSON_NULL:
        return true;
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    return json_dump_callback(value, append_json, out, JSON_COMPACT) == 0;
}

static unsigned look(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_INTEGER:
        return SOURCE_SEEN_INT;
    case JSON_REAL:
        return SOURCE_SEEN_DOUBLE;
    case JSON_TRUE:
    case JSON_FALSE:
        return SOURCE_SEEN_BOOL;
    default:
        return SOURCE_SEEN_TEXT;
    }
}

/* Behind a newline, unless it is the first one; what is empty is no line. */
static bool append_line(base_buffer *out, const json_t *value)
{
    if (json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0))
        return true;
    return (out->size == 0 || base_buffer_append_string(out, "\n")) && append_value(out, value);
}

/* A string, a list of strings joined by newlines, else the value as text. */
static bool append_caption(base_buffer *out, const json_t *value)
{
    size_t i;
    json_t *element;
    if (!json_is_array(value))
        return append_line(out, value);
    json_array_foreach(value, i, element) {
        if (!append_line(out, element))
            return false;
    }
    return true;
}

/* ---- keys ---- */

static lancelet_status choose(const json_t *object, bool caption, const char *wanted, char **key, lancelet_error *err)
{
    const char *name, *best = NULL;
    json_t *value;
    int best_rank = 0;
    json_object_foreach((json_t *)object, name, value) {
        int rank = source_name_rank(name, strlen(name), caption, wanted);
        if (rank >= 0 && (!best || rank < best_rank)) {
            best = name;
            best_rank = rank;
        }
    }
    if (!best)
        return LANCELET_OK;
    *key = base_strdup(best);
    return *key ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status fail_without_picture(const json_t *object, const char *wanted, lancelet_error *err)
{
    base_buffer list = {0};
    const char *name;
    json_t *value;
    bool ok = true;
    json_object_foreach((json_t *)object, name, value) {
        if (list.size < 200)
            ok = ok && base_buffer_printf(&list, "%s%.60s", list.size ? ", " : "", name);
    }
    char *keys = ok ? base_buffer_to_string(&list) : NULL;
    if (!keys) {
        base_buffer_free(&list);
        return base_fail_memory(err);
    }
    if (wanted)
        base_fail(err, LANCELET_INVALID, "there is no column %s; columns: %s", wanted, keys);
    else
        base_fail(err, LANCELET_INVALID,
                  "the first line names no picture (image, path, uri, file or file_name); columns: %s", keys);
    base_free(keys);
    return LANCELET_INVALID;
}

static bool has_numbered(const json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        if (source_name_numbered(name, strlen(name)))
            return true;
    }
    return false;
}

static bool is_caption(const jsonl *j, const char *name)
{
    return j->caption ? strcmp(name, j->caption) == 0 : j->numbered && source_name_numbered(name, strlen(name));
}

static lancelet_status choose_keys(jsonl *j, const json_t *object, lancelet_error *err)
{
    const source_options *options = j->c->options;
    if (!j->picture) {
        RETURN_IF_ERROR(choose(object, false, options->image_column, &j->picture, err));
        if (!j->picture)
            return fail_without_picture(object, options->image_column, err);
    }
    if (j->caption || j->numbered)
        return LANCELET_OK;
    RETURN_IF_ERROR(choose(object, true, options->text_column, &j->caption, err));
    bool better = j->caption && source_name_rank(j->caption, strlen(j->caption), true, NULL) < SOURCE_LABEL_RANK;
    j->numbered = !options->text_column && !better && has_numbered(object);
    if (j->numbered) {
        base_free(j->caption);
        j->caption = NULL;
    }
    return LANCELET_OK;
}

/* ---- lines ---- */

static lancelet_status grow(jsonl *j, lancelet_error *err)
{
    size_t more = j->capacity ? j->capacity * 2 : 16;
    size_t *start = base_realloc(j->start, more * sizeof *start);
    if (!start)
        return base_fail_memory(err);
    j->start = start;
    size_t *length = base_realloc(j->length, more * sizeof *length);
    if (!length)
        return base_fail_memory(err);
    j->length = length;
    source_cell *cell = base_realloc(j->cell, more * sizeof *cell);
    if (!cell)
        return base_fail_memory(err);
    j->cell = cell;
    for (size_t i = j->capacity; i < more; i++)
        j->start[i] = SIZE_MAX;
    j->capacity = more;
    return LANCELET_OK;
}

static lancelet_status add_value(jsonl *j, const char *name, const json_t *value, lancelet_error *err)
{
    size_t index;
    RETURN_IF_ERROR(source_captions_column(j->c, name, strlen(name), &index, err));
    if (json_is_null(value))
        return LANCELET_OK;
    while (index >= j->capacity)
        RETURN_IF_ERROR(grow(j, err));
    size_t start = j->values.size;
    if (!append_value(&j->values, value))
        return base_fail_memory(err);
    j->start[index] = start;
    j->length[index] = j->values.size - start;
    j->c->seen[index] |= look(value);
    return LANCELET_OK;
}

static lancelet_status add_object(jsonl *j, const json_t *object, size_t line, lancelet_error *err)
{
    const char *name;
    json_t *value;
    source_cell picture = {0}, caption = {0};
    RETURN_IF_ERROR(choose_keys(j, object, err));
    j->caption_text.size = j->values.size = 0;
    for (size_t i = 0; i < j->capacity; i++)
        j->start[i] = SIZE_MAX;
    json_object_foreach((json_t *)object, name, value) {
        if (strcmp(name, j->picture) == 0) {
            if (json_is_string(value))
                picture = (source_cell){.s = json_string_value(value), .n = json_string_length(value)};
        } else if (is_caption(j, name)) {
            if (!append_caption(&j->caption_text, value))
                return base_fail_memory(err);
            caption = (source_cell){.s = (const char *)j->caption_text.data, .n = j->caption_text.size};
        } else if (*name) {
            RETURN_IF_ERROR(add_value(j, name, value, err));
        }
    }
    size_t n_cells = j->c->n_columns < j->capacity ? j->c->n_columns : j->capacity;
    for (size_t i = 0; i < n_cells; i++) {
        j->cell[i] = (source_cell){0};
        if (j->start[i] == SIZE_MAX)
            continue;
        /* an empty string is a value of its own, not null */
        j->cell[i].s = j->length[i] ? (const char *)j->values.data + j->start[i] : "";
        j->cell[i].n = j->length[i];
    }
    return source_captions_add(j->c, line, picture, caption, j->cell, n_cells, err);
}

static lancelet_status parse_line(jsonl *j, const char *text, size_t n, size_t line, lancelet_error *err)
{
    json_error_t reason;
    json_t *object = json_loadb(text, n, JSON_ALLOW_NUL, &reason);
    /* an integer beyond 64 bits is read as a number with a point */
    if (!object && json_error_code(&reason) == json_error_numeric_overflow)
        object = json_loadb(text, n, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &reason);
    if (!object && json_error_code(&reason) == json_error_out_of_memory)
        return base_fail_memory(err);
    if (!object)
        return base_fail(err, LANCELET_INVALID, "line %zu is no JSON: %s at byte %d", line, reason.text,
                         reason.position);
    lancelet_status status = json_is_object(object)
                                 ? add_object(j, object, line, err)
                                 : base_fail(err, LANCELET_INVALID, "line %zu is no JSON object", line);
    json_decref(object);
    return status;
}

static bool is_blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r')
            return false;
    return true;
}

static lancelet_status parse_lines(jsonl *j, const char *text, size_t n, lancelet_error *err)
{
    size_t at = n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (size_t line = 1; at < n; line++) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t length = end ? (size_t)(end - text) - at : n - at;
        if (!is_blank(text + at, length))
            RETURN_IF_ERROR(parse_line(j, text + at, length, line, err));
        at += length + 1;
    }
    if (j->c->options->text_column && j->picture && !j->caption)
        return base_fail(err, LANCELET_INVALID, "there is no column %s", j->c->options->text_column);
    return LANCELET_OK;
}

lancelet_status source_parse_jsonl(source_captions *c, const char *text, size_t n, lancelet_error *err)
{
    jsonl j = {.c = c};
    lancelet_status status = parse_lines(&j, text, n, err);
    base_free(j.picture);
    base_free(j.caption);
    base_buffer_free(&j.caption_text);
    base_buffer_free(&j.values);
    base_free(j.start);
    base_free(j.length);
    base_free(j.cell);
    return status;
}
