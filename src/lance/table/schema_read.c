/* schema_read.c - Field messages of manifests to Arrow schemas; the strings that Lance calls logical types.
 *
 * Source: https://lance.org/format/table/schema/ (file.proto, Field). A fixed_size_list of anything but a struct is one
 * field, whose items have the name "item" and may be null; so is a dictionary. Extension types are their storage type, the
 * extension's name stands in the field's metadata, as Arrow has it. Lance's own JSON is the bytes that it stores (JSONB).
 * A logical type that is not known here becomes Arrow's null type with its string in the metadata, so that the table
 * opens and the other columns can be read. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lance/table/schema.h"
#include "lance/table/table.h"

#define UNKNOWN_TYPE_KEY "lance:logical_type"
#define BFLOAT16 "lance.bfloat16"

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
    {"json", "Z"},          {BFLOAT16, "w:2"},
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

/* A logical type made of others: "fixed_size_list:float:512" of "float" and the list's size, "dict:string:int32:false"
 * of "string" and "int32", whose last part says whether the values' order has a meaning. */
typedef struct compound {
    char inner[FORMAT_SIZE];
    uint64_t size;
    char index[FORMAT_SIZE]; /* Arrow format */
    bool ordered;
} compound;

/* Cuts ":LAST" off `text` and gives what stood behind the colon; NULL where there is none. */
static const char *cut_last(char *text)
{
    char *colon = strrchr(text, ':');
    if (!colon)
        return NULL;
    *colon = '\0';
    return colon + 1;
}

static bool split(const char *logical, const char *prefix, compound *out)
{
    return starts_with(logical, prefix) &&
           snprintf(out->inner, FORMAT_SIZE, "%s", logical + strlen(prefix)) < FORMAT_SIZE;
}

static bool split_list(const char *logical, compound *out)
{
    if (!split(logical, "fixed_size_list:", out))
        return false;
    const char *size = cut_last(out->inner);
    return size && base_parse_u64(size, strlen(size), &out->size) && out->size <= INT32_MAX;
}

static bool split_dictionary(const char *logical, compound *out)
{
    if (!split(logical, "dict:", out))
        return false;
    const char *ordered = cut_last(out->inner), *index = ordered ? cut_last(out->inner) : NULL;
    if (!index)
        return false;
    out->ordered = strcmp(ordered, "true") == 0;
    const char *format = format_of(index, strlen(index));
    return format && strlen(format) == 1 && strchr("cCsSiIlL", *format) &&
           snprintf(out->index, FORMAT_SIZE, "%s", format) < FORMAT_SIZE;
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

/* Is it a type that one field describes? */
static bool known_type(const char *logical, int depth)
{
    compound c;
    char format[FORMAT_SIZE];
    if (depth > DEEPEST_NESTING)
        return false;
    if (split_list(logical, &c) || split_dictionary(logical, &c))
        return known_type(c.inner, depth + 1);
    return plain_format(logical, strlen(logical), format);
}

/* The type that a known logical type names. */
static lancelet_status build_type(const char *logical, const char *name, bool nullable, struct ArrowSchema *out,
                                  lancelet_error *err)
{
    static const lancelet_key_value bfloat16[] = {{"ARROW:extension:name", BFLOAT16},
                                                  {"ARROW:extension:metadata", ""}};
    compound c;
    char format[FORMAT_SIZE];
    if (split_list(logical, &c)) {
        snprintf(format, FORMAT_SIZE, "+w:%u", (unsigned)c.size);
        RETURN_IF_ERROR(arrow_schema_init(out, format, name, nullable, 1, err));
        RETURN_IF_ERROR(build_type(c.inner, "item", true, out->children[0], err));
        return strcmp(c.inner, BFLOAT16) == 0 ? arrow_schema_set_metadata(out->children[0], bfloat16, 2, err)
                                              : LANCELET_OK;
    }
    if (split_dictionary(logical, &c)) {
        struct ArrowSchema values = {0}; /* keys is only copied from, its release never called */
        struct ArrowSchema keys = {
            .format = c.index, .name = name, .dictionary = &values, .release = arrow_schema_release};
        keys.flags = (nullable ? ARROW_FLAG_NULLABLE : 0) | (c.ordered ? ARROW_FLAG_DICTIONARY_ORDERED : 0);
        lancelet_status status = build_type(c.inner, "", true, &values, err);
        if (status == LANCELET_OK)
            status = arrow_schema_copy(&keys, out, err);
        arrow_schema_release(&values);
        return status;
    }
    plain_format(logical, strlen(logical), format);
    return arrow_schema_init(out, format, name, nullable, 0, err);
}

static lancelet_status build_field(const table_manifest *m, const table_field *f, int depth,
                                   struct ArrowSchema *out, lancelet_error *err);

/* A type with children of its own in the field list. */
static lancelet_status build_nested(const table_manifest *m, const table_field *f, const char *format,
                                    int depth, struct ArrowSchema *out, lancelet_error *err)
{
    size_t n = 0;
    for (size_t i = f->first_child; i != TABLE_NO_FIELD; i = m->fields[i].next_sibling)
        n++;
    if (depth > DEEPEST_NESTING)
        return base_fail(err, LANCELET_LIMIT, "the column '%s' is nested more than %d deep", f->name,
                         DEEPEST_NESTING);
    if (format[1] != 's' && n != 1)
        return base_fail(err, LANCELET_CORRUPT, "the list column '%s' has %zu children", f->name, n);
    RETURN_IF_ERROR(arrow_schema_init(out, format, f->name, f->nullable, n, err));
    size_t child = 0;
    for (size_t i = f->first_child; i != TABLE_NO_FIELD; i = m->fields[i].next_sibling)
        RETURN_IF_ERROR(build_field(m, &m->fields[i], depth + 1, out->children[child++], err));
    return table_schema_metadata(f->raw, TABLE_FIELD_METADATA, out, err);
}

static lancelet_status build_field(const table_manifest *m, const table_field *f, int depth,
                                   struct ArrowSchema *out, lancelet_error *err)
{
    const char *logical = f->logical_type;
    compound list;
    if (strcmp(logical, "struct") == 0)
        return build_nested(m, f, "+s", depth, out, err);
    if (strcmp(logical, "list") == 0 || strcmp(logical, "list.struct") == 0)
        return build_nested(m, f, "+l", depth, out, err);
    if (strcmp(logical, "large_list") == 0 || strcmp(logical, "large_list.struct") == 0)
        return build_nested(m, f, "+L", depth, out, err);
    if (strcmp(logical, "map") == 0)
        return build_nested(m, f, "+m", depth, out, err);
    if (split_list(logical, &list) && strcmp(list.inner, "struct") == 0) {
        char format[32];
        snprintf(format, sizeof format, "+w:%u", (unsigned)list.size);
        return build_nested(m, f, format, depth, out, err);
    }
    if (known_type(logical, depth)) {
        RETURN_IF_ERROR(build_type(logical, f->name, f->nullable, out, err));
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
