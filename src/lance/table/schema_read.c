/* schema_read.c - Field messages of manifests to Arrow schemas; the strings that Lance calls logical types.
 *
 * Source: https://lance.org/format/table/schema/ (file.proto, Field). A fixed_size_list of primitives is one field.
 * A dictionary type is shown as the type of its values: the dictionary is how pages store them, not what they are.
 * A logical type that is not known here becomes Arrow's null type with its string in the metadata, so that the table
 * opens and the other columns can be read. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lance/table/schema.h"
#include "lance/table/table.h"

#define UNKNOWN_TYPE_KEY "lance:logical_type"

enum {
    DEEPEST_NESTING = 32,
    FORMAT_SIZE = 256,
};

static const struct {
    const char *logical, *format;
} types[] = {
    {"null", "n"},          {"bool", "b"},          {"int8", "c"},          {"uint8", "C"},
    {"int16", "s"},         {"uint16", "S"},        {"int32", "i"},         {"uint32", "I"},
    {"int64", "l"},         {"uint64", "L"},        {"halffloat", "e"},     {"float", "f"},
    {"double", "g"},        {"string", "u"},        {"large_string", "U"},  {"binary", "z"},
    {"large_binary", "Z"},  {"date32:day", "tdD"},  {"date64:ms", "tdm"},   {"time32:s", "tts"},
    {"time32:ms", "ttm"},   {"time64:us", "ttu"},   {"time64:ns", "ttn"},   {"duration:s", "tDs"},
    {"duration:ms", "tDm"}, {"duration:us", "tDu"}, {"duration:ns", "tDn"},
};

static const char *format_of(const char *logical, size_t n)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strlen(types[i].logical) == n && memcmp(types[i].logical, logical, n) == 0)
            return types[i].format;
    return NULL;
}

const char *table_logical_of(const char *format)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].format, format) == 0)
            return types[i].logical;
    return NULL;
}

static bool starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* "timestamp:us:Europe/Berlin" to "tsu:Europe/Berlin"; '-' is no zone. */
static bool timestamp_format(const char *rest, char format[FORMAT_SIZE])
{
    static const struct {
        const char *name;
        char unit;
    } units[] = {{"s:", 's'}, {"ms:", 'm'}, {"us:", 'u'}, {"ns:", 'n'}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (starts_with(rest, units[i].name)) {
            const char *zone = rest + strlen(units[i].name);
            if (strcmp(zone, "-") == 0)
                zone = "";
            return snprintf(format, FORMAT_SIZE, "ts%c:%s", units[i].unit, zone) < FORMAT_SIZE;
        }
    return false;
}

/* "decimal:128:10:2" to "d:10,2", "decimal:256:40:3" to "d:40,3,256" */
static bool decimal_format(const char *rest, char format[FORMAT_SIZE])
{
    bool wide = starts_with(rest, "256:");
    const char *colon = strchr(rest + 4, ':');
    int64_t precision, scale;
    if (!colon || (!wide && !starts_with(rest, "128:")) ||
        !base_parse_i64(rest + 4, (size_t)(colon - rest - 4), &precision) ||
        !base_parse_i64(colon + 1, strlen(colon + 1), &scale) || precision < 1 || precision > 76)
        return false;
    return snprintf(format, FORMAT_SIZE, "d:%d,%d%s", (int)precision, (int)scale, wide ? ",256" : "") <
           FORMAT_SIZE;
}

/* The Arrow format of a type without children; false when it is not one of them. */
static bool plain_format(const char *logical, size_t n, char format[FORMAT_SIZE])
{
    const char *simple = format_of(logical, n);
    if (simple)
        return snprintf(format, FORMAT_SIZE, "%s", simple) < FORMAT_SIZE;
    char text[FORMAT_SIZE];
    if (n >= sizeof text)
        return false;
    memcpy(text, logical, n);
    text[n] = '\0';
    if (starts_with(text, "timestamp:"))
        return timestamp_format(text + strlen("timestamp:"), format);
    if (starts_with(text, "decimal:") && n > strlen("decimal:256:"))
        return decimal_format(text + strlen("decimal:"), format);
    if (starts_with(text, "fixed_size_binary:")) {
        const char *size = text + strlen("fixed_size_binary:");
        uint64_t width;
        if (!base_parse_u64(size, strlen(size), &width) || width > INT32_MAX)
            return false;
        return snprintf(format, FORMAT_SIZE, "w:%u", (unsigned)width) < FORMAT_SIZE;
    }
    return false;
}

/* "fixed_size_list:float:512": *inner [n] is "float", *dim 512. */
static bool split_fixed_size_list(const char *logical, const char **inner, size_t *n, uint64_t *dim)
{
    const char *prefix = "fixed_size_list:";
    if (!starts_with(logical, prefix))
        return false;
    *inner = logical + strlen(prefix);
    const char *last = strrchr(*inner, ':');
    if (!last || !base_parse_u64(last + 1, strlen(last + 1), dim) || *dim > INT32_MAX)
        return false;
    *n = (size_t)(last - *inner);
    return true;
}

/* "dict:string:int32:false": *inner [n] is "string". */
static bool split_dictionary(const char *logical, const char **inner, size_t *n)
{
    if (!starts_with(logical, "dict:"))
        return false;
    *inner = logical + strlen("dict:");
    size_t end = strlen(*inner);
    for (int colons = 0; colons < 2; colons++) {
        while (end > 0 && (*inner)[end - 1] != ':')
            end--;
        if (end == 0)
            return false;
        end--;
    }
    *n = end;
    return true;
}

/* ---- Field to ArrowSchema ---- */

static bool add_entries(base_buffer *b, wire_span message, uint32_t number)
{
    wire_field entry;
    bool bad = false, ok = true;
    while (ok && wire_next(&message, &entry, &bad)) {
        if (entry.number != number || entry.type != 2)
            continue;
        wire_span key = wire_bytes(entry.bytes, 1), value = wire_bytes(entry.bytes, 2);
        ok = arrow_metadata_add(b, (const char *)key.data, key.size, (const char *)value.data, value.size);
    }
    return ok;
}

static lancelet_status take_metadata(bool ok, base_buffer *b, struct ArrowSchema *out, lancelet_error *err)
{
    if (ok)
        return arrow_schema_take_metadata(out, b, err);
    base_buffer_free(b);
    return base_fail_memory(err);
}

lancelet_status table_schema_metadata(wire_span message, uint32_t number, struct ArrowSchema *out,
                                      lancelet_error *err)
{
    base_buffer b = {0};
    bool ok = add_entries(&b, message, number);
    return take_metadata(ok, &b, out, err);
}

static lancelet_status build_field(const table_manifest *m, const table_field *f, int depth,
                                   struct ArrowSchema *out, lancelet_error *err);

/* A type with children of its own in the field list. */
static lancelet_status build_nested(const table_manifest *m, const table_field *f, const char *format,
                                    int depth, struct ArrowSchema *out, lancelet_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_fields; i++)
        n += m->fields[i].parent_id == f->id;
    if (depth > DEEPEST_NESTING)
        return base_fail(err, LANCELET_LIMIT, "the column '%s' is nested more than %d deep", f->name,
                         DEEPEST_NESTING);
    if (format[1] != 's' && n != 1)
        return base_fail(err, LANCELET_CORRUPT, "the list column '%s' has %zu children", f->name, n);
    RETURN_IF_ERROR(arrow_schema_init(out, format, f->name, f->nullable, n, err));
    size_t child = 0;
    for (size_t i = 0; i < m->n_fields; i++)
        if (m->fields[i].parent_id == f->id)
            RETURN_IF_ERROR(build_field(m, &m->fields[i], depth + 1, out->children[child++], err));
    return table_schema_metadata(f->raw, TABLE_FIELD_METADATA, out, err);
}

static lancelet_status build_field(const table_manifest *m, const table_field *f, int depth,
                                   struct ArrowSchema *out, lancelet_error *err)
{
    const char *logical = f->logical_type, *inner;
    size_t n;
    uint64_t dim;
    char format[FORMAT_SIZE];
    if (strcmp(logical, "struct") == 0)
        return build_nested(m, f, "+s", depth, out, err);
    if (strcmp(logical, "list") == 0 || strcmp(logical, "list.struct") == 0)
        return build_nested(m, f, "+l", depth, out, err);
    if (strcmp(logical, "large_list") == 0 || strcmp(logical, "large_list.struct") == 0)
        return build_nested(m, f, "+L", depth, out, err);
    if (strcmp(logical, "map") == 0)
        return build_nested(m, f, "+m", depth, out, err);
    if (split_fixed_size_list(logical, &inner, &n, &dim) && plain_format(inner, n, format)) {
        char list[32];
        snprintf(list, sizeof list, "+w:%u", (unsigned)dim);
        RETURN_IF_ERROR(arrow_schema_init(out, list, f->name, f->nullable, 1, err));
        RETURN_IF_ERROR(arrow_schema_init(out->children[0], format, "item", true, 0, err));
        return table_schema_metadata(f->raw, TABLE_FIELD_METADATA, out, err);
    }
    if (plain_format(logical, strlen(logical), format) ||
        (split_dictionary(logical, &inner, &n) && plain_format(inner, n, format))) {
        RETURN_IF_ERROR(arrow_schema_init(out, format, f->name, f->nullable, 0, err));
        return table_schema_metadata(f->raw, TABLE_FIELD_METADATA, out, err);
    }
    RETURN_IF_ERROR(arrow_schema_init(out, "n", f->name, true, 0, err));
    base_buffer b = {0};
    bool ok = add_entries(&b, f->raw, TABLE_FIELD_METADATA) &&
              arrow_metadata_add(&b, UNKNOWN_TYPE_KEY, strlen(UNKNOWN_TYPE_KEY), logical, strlen(logical));
    return take_metadata(ok, &b, out, err);
}

lancelet_status table_schema_build(const table_manifest *m, struct ArrowSchema *out, lancelet_error *err)
{
    struct ArrowSchema schema = {0};
    lancelet_status status = arrow_schema_init(&schema, "+s", "", false, m->n_top, err);
    for (size_t i = 0; i < m->n_top && status == LANCELET_OK; i++)
        status = build_field(m, &m->fields[m->top[i]], 0, schema.children[i], err);
    if (status == LANCELET_OK)
        status = table_schema_metadata(m->message, TABLE_SCHEMA_METADATA, &schema, err);
    if (status != LANCELET_OK) {
        arrow_schema_release(&schema);
        return status;
    }
    *out = schema;
    return LANCELET_OK;
}
