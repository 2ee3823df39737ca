/* schema_write.c - Arrow schemas to the Field messages of manifests and data files; which columns can be written.
 *
 * Source: https://lance.org/format/table/schema/ (file.proto, Field); names and numbers as LanceDB's own manifests have
 * them. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "lance/table/schema.h"
#include "lance/table/table.h"

enum {
    DEEPEST_NESTING = 32,
    DEEPEST_FIXED_LISTS = 4, /* that are read back */
    ENCODING_PLAIN = 1, /* of old versions, but all write it; 0: structs and nulls */
    ENCODING_VAR_BINARY = 2,
    ENCODING_DICTIONARY = 3,
};

static bool starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static lancelet_status fail_type(const struct ArrowSchema *s, const char *column, lancelet_error *err)
{
    if (s->dictionary)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "the column '%s' has a dictionary of the Arrow type '%s', which is not written", column,
                         s->dictionary->format);
    if (arrow_list_size(s) >= 0 && s->n_children == 1)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "the column '%s' is a list of fixed size of the Arrow type '%s', which is not written", column,
                         s->children[0]->format);
    return base_fail(err, LANCELET_UNSUPPORTED, "the column '%s' has the Arrow type '%s'%s, which is not written", column,
                     s->format, s->flags & ARROW_FLAG_MAP_KEYS_SORTED ? " with sorted keys" : "");
}

/* ---- logical types ---- */

/* "d:10,2" is decimal:128:10:2; the width in bits may follow. */
static bool append_decimal(const char *format, base_buffer *out, bool *known)
{
    const char *comma = strchr(format, ','), *width = comma ? strchr(comma + 1, ',') : NULL;
    int64_t precision, scale;
    bool wide = width && strcmp(width, ",256") == 0;
    *known = comma && (!width || wide || strcmp(width, ",128") == 0) &&
             base_parse_i64(format + 2, (size_t)(comma - format - 2), &precision) &&
             base_parse_i64(comma + 1, width ? (size_t)(width - comma - 1) : strlen(comma + 1), &scale) && precision > 0 &&
             precision <= (wide ? 76 : 38);
    return !*known || base_buffer_printf(out, "decimal:%d:%" PRId64 ":%" PRId64, wide ? 256 : 128, precision, scale);
}

/* The logical type of a type without children; false in *known where none is written. */
static bool append_plain(const char *format, base_buffer *out, bool *known)
{
    const char *simple = table_logical_of(format);
    *known = true;
    if (simple)
        return base_buffer_append_string(out, simple);
    if (starts_with(format, "ts") && format[2] && strchr("smun", format[2]) && format[3] == ':') {
        const char *unit = format[2] == 's' ? "s" : format[2] == 'm' ? "ms" : format[2] == 'u' ? "us" : "ns";
        return base_buffer_printf(out, "timestamp:%s:%s", unit, format[4] ? format + 4 : "-");
    }
    uint64_t width;
    if (starts_with(format, "w:") && base_parse_u64(format + 2, strlen(format + 2), &width) && width > 0 &&
        width <= INT32_MAX / 8)
        return base_buffer_printf(out, "fixed_size_binary:%" PRIu64, width);
    if (starts_with(format, "d:"))
        return append_decimal(format, out, known);
    *known = false;
    return true;
}

/* Variable width, or no width at all: not in a list of a fixed size. */
static bool is_variable(const char *format)
{
    return format[0] && !format[1] && strchr("nuUzZ", format[0]);
}

/* "fixed_size_list:fixed_size_list:float:3:2" is 2 lists of 3 numbers. */
static bool append_fixed_list(const struct ArrowSchema *s, int depth, base_buffer *out, bool *known)
{
    const struct ArrowSchema *item = s->n_children == 1 ? s->children[0] : NULL;
    int64_t size = arrow_list_size(s);
    *known = item && size > 0 && depth < DEEPEST_FIXED_LISTS && !item->dictionary && !is_variable(item->format);
    if (!*known)
        return true;
    return base_buffer_append_string(out, "fixed_size_list:") &&
           (arrow_list_size(item) >= 0 ? append_fixed_list(item, depth + 1, out, known)
                                       : append_plain(item->format, out, known)) &&
           base_buffer_printf(out, ":%" PRId64, size);
}

static bool append_logical(const struct ArrowSchema *s, base_buffer *out, bool *known)
{
    const char *format = s->format;
    bool ok = true;
    if (s->dictionary) {
        const struct ArrowSchema *values = s->dictionary;
        bool index;
        ok = base_buffer_append_string(out, "dict:") && append_plain(values->format, out, known) &&
             base_buffer_append_string(out, ":") && append_plain(format, out, &index) &&
             base_buffer_append_string(out, ":false");
        *known = ok && *known && index && !values->dictionary && !strchr("nb", values->format[0]) &&
                 strchr("cCsSiIlL", *format);
        return ok;
    }
    if (arrow_list_size(s) >= 0)
        return append_fixed_list(s, 0, out, known);
    if (strcmp(format, "+s") == 0 || (strcmp(format, "+m") == 0 && !(s->flags & ARROW_FLAG_MAP_KEYS_SORTED))) {
        *known = true;
        return base_buffer_append_string(out, format[1] == 's' ? "struct" : "map");
    }
    if (strcmp(format, "+l") == 0 || strcmp(format, "+L") == 0) {
        *known = s->n_children == 1;
        return base_buffer_printf(out, "%slist%s", format[1] == 'L' ? "large_" : "",
                                  *known && strcmp(s->children[0]->format, "+s") == 0 ? ".struct" : "");
    }
    return append_plain(format, out, known);
}

static uint64_t encoding_of(const struct ArrowSchema *s)
{
    if (s->dictionary)
        return ENCODING_DICTIONARY;
    if (strcmp(s->format, "n") == 0 || strcmp(s->format, "+s") == 0)
        return 0;
    return is_variable(s->format) ? ENCODING_VAR_BINARY : ENCODING_PLAIN;
}

/* ---- what is written ---- */

/* Metadata by which a field asks for pages that are not written here. */
static const char *stored_as(wire_span field)
{
    static const struct {
        const char *key, *value, *name;
    } ways[] = {{"lance-encoding:blob", NULL, "blobs"},
                {"ARROW:extension:name", "lance.blob.v2", "blobs"},
                {"ARROW:extension:name", "lance.json", "binary JSON"},
                {"ARROW:extension:name", "arrow.json", "binary JSON"},
                {"lance-encoding:packed", "true", "packed structs"},
                {"packed", "true", "packed structs"}};
    wire_field entry;
    bool bad = false;
    while (wire_next(&field, &entry, &bad)) {
        if (entry.number != TABLE_FIELD_METADATA || entry.type != 2)
            continue;
        wire_span key = wire_bytes(entry.bytes, 1), value = wire_bytes(entry.bytes, 2);
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
            if (key.size == strlen(ways[i].key) && memcmp(key.data, ways[i].key, key.size) == 0 &&
                (!ways[i].value ||
                 (value.size == strlen(ways[i].value) && memcmp(value.data, ways[i].value, value.size) == 0)))
                return ways[i].name;
    }
    return NULL;
}

lancelet_status table_check_written(const struct ArrowSchema *column, const wire_span *fields, size_t n, lancelet_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const char *way = stored_as(fields[i]);
        if (way)
            return base_fail(err, LANCELET_UNSUPPORTED, "the column '%s' is stored as %s, which is not written",
                             column->name ? column->name : "", way);
    }
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

/* ---- Field messages ---- */

typedef struct field_list {
    base_buffer *out; /* [n] */
    size_t n;         /* made so far: the next id */
    const char *column;
    lancelet_error *err;
} field_list;

static lancelet_status check_field(const field_list *l, const struct ArrowSchema *s, bool top)
{
    const char *name = s->name ? s->name : "";
    if (top && (!*name || !base_utf8_valid(name, strlen(name))))
        return base_fail(l->err, LANCELET_INVALID, "column %zu has no name, or one that is not UTF-8", l->n);
    if (top)
        RETURN_IF_ERROR(check_name(name, l->err));
    RETURN_IF_ERROR(table_check_text("the name of a field", name, strlen(name), l->err));
    return table_check_text("the type of a column", s->format, strlen(s->format), l->err);
}

static lancelet_status check_children(const field_list *l, const struct ArrowSchema *s)
{
    for (int64_t i = 0; strcmp(s->format, "+s") == 0 && i < s->n_children; i++)
        for (int64_t j = 0; j < i; j++) {
            const char *a = s->children[i]->name, *b = s->children[j]->name;
            if (strcmp(a ? a : "", b ? b : "") == 0)
                return base_fail(l->err, LANCELET_INVALID, "two fields in the column '%s' have the name '%s'", l->column,
                                 a ? a : "");
        }
    return LANCELET_OK;
}

/* The messages of a field and of those below it. */
static lancelet_status put_field(field_list *l, const struct ArrowSchema *s, uint64_t parent, int depth)
{
    base_buffer *out = &l->out[l->n], logical = {0};
    const char *name = s->name ? s->name : "";
    uint64_t id = l->n, encoding = encoding_of(s);
    bool known = true;
    if (depth > DEEPEST_NESTING)
        return base_fail(l->err, LANCELET_LIMIT, "the column '%s' is nested more than %d deep", l->column, DEEPEST_NESTING);
    RETURN_IF_ERROR(check_field(l, s, depth == 0));
    RETURN_IF_ERROR(check_children(l, s));
    bool ok = append_logical(s, &logical, &known);
    ok = ok && wire_put_string(out, 2, name) && (id == 0 || wire_put_varint(out, 3, id)) &&
         wire_put_varint(out, 4, parent) && wire_put_bytes(out, 5, logical.data, logical.size) &&
         (!(s->flags & ARROW_FLAG_NULLABLE) || wire_put_varint(out, 6, 1)) &&
         (encoding == 0 || wire_put_varint(out, 7, encoding));
    base_buffer_free(&logical);
    if (!ok)
        return base_fail_memory(l->err);
    if (!known)
        return fail_type(s, l->column, l->err);
    RETURN_IF_ERROR(table_put_metadata(s, TABLE_FIELD_METADATA, out, l->err));
    l->n++;
    for (int64_t i = 0; !lance_is_leaf(s) && i < s->n_children; i++)
        RETURN_IF_ERROR(put_field(l, s->children[i], id, depth + 1));
    return LANCELET_OK;
}

lancelet_status table_fields_from_schema(const struct ArrowSchema *schema, base_buffer *out,
                                         lancelet_error *err)
{
    field_list l = {.out = out, .err = err};
    for (int64_t i = 0; i < schema->n_children; i++) {
        const struct ArrowSchema *column = schema->children[i];
        size_t first = l.n;
        l.column = column->name ? column->name : "";
        RETURN_IF_ERROR(put_field(&l, column, UINT64_MAX /* parent -1 */, 0));
        for (size_t k = first; k < l.n; k++)
            RETURN_IF_ERROR(table_check_written(column, &(wire_span){out[k].data, out[k].size}, 1, err));
        for (int64_t j = 0; j < i; j++)
            if (strcmp(column->name, schema->children[j]->name) == 0)
                return base_fail(err, LANCELET_INVALID, "two columns have the name '%s'", column->name);
    }
    return LANCELET_OK;
}
