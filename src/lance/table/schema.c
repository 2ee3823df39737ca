/* schema.c - Field messages of manifests to Arrow schemas and back; the strings that Lance calls logical types.
 *
 * Source: https://lance.org/format/table/schema/ (file.proto, Field). A fixed_size_list of primitives is one field.
 * A dictionary type is shown as the type of its values: the dictionary is how pages store them, not what they are.
 * A logical type that is not known here becomes Arrow's null type with its string in the metadata, so that the table
 * opens and the other columns can be read. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lance/table/table.h"

#define UNKNOWN_TYPE_KEY "lance:logical_type"

enum {
    DEEPEST_NESTING = 32,
    FORMAT_SIZE = 256,
    FIELD_METADATA = 10, /* field number of a Field's map */
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
    return table_schema_metadata(f->raw, FIELD_METADATA, out, err);
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
        return table_schema_metadata(f->raw, FIELD_METADATA, out, err);
    }
    if (plain_format(logical, strlen(logical), format) ||
        (split_dictionary(logical, &inner, &n) && plain_format(inner, n, format))) {
        RETURN_IF_ERROR(arrow_schema_init(out, format, f->name, f->nullable, 0, err));
        return table_schema_metadata(f->raw, FIELD_METADATA, out, err);
    }
    RETURN_IF_ERROR(arrow_schema_init(out, "n", f->name, true, 0, err));
    base_buffer b = {0};
    bool ok = add_entries(&b, f->raw, FIELD_METADATA) &&
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

/* ---- ArrowSchema to Field ---- */

/* The logical type of a column that lancelet writes, appended to *out as text; false in *known where it writes none. */
static bool append_logical(const struct ArrowSchema *s, base_buffer *out, bool *known)
{
    static const char written[] = "bcCsSiIlLefguUzZ";
    const char *format = s->format;
    *known = true;
    if (s->dictionary) {
        *known = false;
        return true;
    }
    if (format[0] && !format[1] && strchr(written, format[0])) {
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (strcmp(types[i].format, format) == 0)
                return base_buffer_append_string(out, types[i].logical);
    }
    if (strcmp(format, "tdD") == 0)
        return base_buffer_append_string(out, "date32:day");
    if (starts_with(format, "ts") && format[2] && strchr("smun", format[2]) && format[3] == ':') {
        const char *unit = format[2] == 's' ? "s" : format[2] == 'm' ? "ms" : format[2] == 'u' ? "us" : "ns";
        return base_buffer_printf(out, "timestamp:%s:%s", unit, format[4] ? format + 4 : "-");
    }
    int64_t dim = arrow_list_size(s);
    if (dim > 0 && s->n_children == 1 && !s->children[0]->dictionary) {
        const char *item = s->children[0]->format;
        const char *name = strcmp(item, "f") == 0   ? "float"
                           : strcmp(item, "g") == 0 ? "double"
                           : strcmp(item, "e") == 0 ? "halffloat"
                           : strcmp(item, "C") == 0 ? "uint8"
                                                    : NULL;
        if (name)
            return base_buffer_printf(out, "fixed_size_list:%s:%lld", name, (long long)dim);
    }
    *known = false;
    return true;
}

static lancelet_status fail_type(const struct ArrowSchema *s, lancelet_error *err)
{
    if (s->dictionary)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "the column '%s' has a dictionary type, which is not written",
                         s->name ? s->name : "");
    if (arrow_list_size(s) > 0 && s->n_children == 1)
        return base_fail(
            err, LANCELET_UNSUPPORTED,
            "the column '%s' is a list of fixed size of the Arrow type '%s', which is not written",
            s->name ? s->name : "", s->children[0]->format);
    return base_fail(err, LANCELET_UNSUPPORTED,
                     "the column '%s' has the Arrow type '%s', which is not written", s->name ? s->name : "",
                     s->format);
}

/* Is `key` among the metadata of a Field message? */
static bool has_metadata(wire_span field, const char *key)
{
    wire_field entry;
    bool bad = false;
    while (wire_next(&field, &entry, &bad)) {
        wire_span name = entry.number == FIELD_METADATA && entry.type == 2 ? wire_bytes(entry.bytes, 1)
                                                                           : (wire_span){NULL, 0};
        if (name.size == strlen(key) && memcmp(name.data, key, name.size) == 0)
            return true;
    }
    return false;
}

lancelet_status table_check_written(const struct ArrowSchema *column, wire_span field, lancelet_error *err)
{
    static const char dictionary[] = "dict:";
    base_buffer logical = {0};
    bool known;
    bool ok = append_logical(column, &logical, &known);
    base_buffer_free(&logical);
    if (!ok)
        return base_fail_memory(err);
    if (!known)
        return fail_type(column, err);
    wire_span stored = wire_bytes(field, 5);
    bool is_dictionary =
        stored.size >= strlen(dictionary) && memcmp(stored.data, dictionary, strlen(dictionary)) == 0;
    if (is_dictionary || has_metadata(field, "lance-encoding:blob"))
        return base_fail(err, LANCELET_UNSUPPORTED, "the column '%s' is stored as %s, which is not written",
                         column->name, is_dictionary ? "a dictionary" : "blobs");
    return LANCELET_OK;
}

lancelet_status table_check_text(const char *what, const char *text, size_t n, lancelet_error *err)
{
    return base_utf8_valid(text, n) ? LANCELET_OK : base_fail(err, LANCELET_INVALID, "%s is not UTF-8", what);
}

bool lancelet_column_name_ok(const char *name)
{
    static const char *const reserved[] = {"_rowid", "_rowaddr", "_rowoffset", "_row_last_updated_at_version",
                                           "_row_created_at_version"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(name, reserved[i]) == 0)
            return false;
    return !strpbrk(name, ".`") && base_utf8_valid(name, strlen(name));
}

static lancelet_status check_name(const char *name, lancelet_error *err)
{
    if (lancelet_column_name_ok(name))
        return LANCELET_OK;
    return base_fail(err, LANCELET_INVALID,
                     "a column of a Lance table cannot have the name '%s': it is reserved, has a '.' or '`' in it, or is "
                     "not UTF-8",
                     name);
}

typedef struct metadata_sink {
    base_buffer *out;
    uint32_t number;
    lancelet_status status;
    lancelet_error *err;
} metadata_sink;

static bool put_metadata(void *arg, const char *key, size_t nk, const char *value, size_t nv)
{
    metadata_sink *sink = arg;
    base_buffer entry = {0};
    sink->status = table_check_text("a key of the schema's metadata", key, nk, sink->err);
    if (sink->status == LANCELET_OK)
        sink->status = table_check_text("a value of the schema's metadata", value, nv, sink->err);
    if (sink->status == LANCELET_OK &&
        !(wire_put_bytes(&entry, 1, key, nk) && wire_put_bytes(&entry, 2, value, nv) &&
          wire_put_bytes(sink->out, sink->number, entry.data, entry.size)))
        sink->status = base_fail_memory(sink->err);
    base_buffer_free(&entry);
    return sink->status == LANCELET_OK;
}

lancelet_status table_put_metadata(const struct ArrowSchema *schema, uint32_t number, base_buffer *out,
                                   lancelet_error *err)
{
    metadata_sink sink = {out, number, LANCELET_OK, err};
    arrow_schema_metadata_each(schema, put_metadata, &sink);
    return sink.status;
}

static lancelet_status field_from_schema(const struct ArrowSchema *s, size_t id, base_buffer *out,
                                         lancelet_error *err)
{
    const char *name = s->name ? s->name : "";
    if (!*name || !base_utf8_valid(name, strlen(name)))
        return base_fail(err, LANCELET_INVALID, "column %zu has no name, or one that is not UTF-8", id);
    RETURN_IF_ERROR(check_name(name, err));
    RETURN_IF_ERROR(table_check_text("the type of a column", s->format, strlen(s->format), err));
    base_buffer logical = {0};
    bool known;
    if (!append_logical(s, &logical, &known)) {
        base_buffer_free(&logical);
        return base_fail_memory(err);
    }
    if (!known) {
        base_buffer_free(&logical);
        return fail_type(s, err);
    }
    bool variable = strchr("uUzZ", s->format[0]) != NULL;
    bool ok =
        wire_put_string(out, 2, name) && (id == 0 || wire_put_varint(out, 3, id)) &&
        wire_put_varint(out, 4, UINT64_MAX) /* parent -1 */ &&
        wire_put_bytes(out, 5, logical.data, logical.size) &&
        (!(s->flags & ARROW_FLAG_NULLABLE) || wire_put_varint(out, 6, 1)) &&
        wire_put_varint(out, 7, variable ? 2 : 1); /* VAR_BINARY, PLAIN: of old versions, but all write it */
    base_buffer_free(&logical);
    return ok ? table_put_metadata(s, FIELD_METADATA, out, err) : base_fail_memory(err);
}

lancelet_status table_fields_from_schema(const struct ArrowSchema *schema, base_buffer *out,
                                         lancelet_error *err)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        RETURN_IF_ERROR(field_from_schema(schema->children[i], (size_t)i, &out[i], err));
        for (int64_t j = 0; j < i; j++)
            if (strcmp(schema->children[i]->name, schema->children[j]->name) == 0)
                return base_fail(err, LANCELET_INVALID, "two columns have the name '%s'",
                                 schema->children[i]->name);
    }
    return LANCELET_OK;
}

bool table_same_type(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    if (strcmp(a->format, b->format) != 0 || a->n_children != b->n_children ||
        !a->dictionary != !b->dictionary)
        return false;
    for (int64_t i = 0; i < a->n_children; i++)
        if (!table_same_type(a->children[i], b->children[i]))
            return false;
    return !a->dictionary || table_same_type(a->dictionary, b->dictionary);
}
