/* schema.c - the footer's schema elements as an Arrow schema, as pyarrow 26 gives it: physical types with their logical
 * (LogicalType) or older converted type (https://parquet.apache.org/docs/file-format/types/logicaltypes/), structs to any depth,
 * field ids as the field's metadata PARQUET:field_id, and what the key ARROW:schema adds (hints.c).
 * A top-level column with a list or map anywhere in it, or with a type that is not known, is left out. pyarrow refuses a file
 * with an annotation that does not fit its physical type; here its column is left out. */
#include "source/parquet/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST_FIXED = 64 << 20 }; /* bytes of one value of fixed length */

typedef enum logical {
    L_NONE = 0,
    L_STRING,
    L_MAP,
    L_LIST,
    L_ENUM,
    L_DECIMAL,
    L_DATE,
    L_TIME,
    L_TIMESTAMP,
    L_INTERVAL, /* only as a converted type */
    L_INTEGER,
    L_UNKNOWN,
    L_JSON,
    L_BSON,
    L_UUID,
    L_FLOAT16,
    L_VARIANT,
    L_GEOMETRY,
    L_GEOGRAPHY,
} logical;

enum { MILLIS = 1, MICROS, NANOS };

/* The converted type in terms of the logical types that replaced it. */
static void read_converted(parquet_element *e)
{
    static const uint8_t kinds[22] = {L_STRING,  L_MAP,     L_MAP,     L_LIST,      L_ENUM,      L_DECIMAL, L_DATE, L_TIME,
                                      L_TIME,    L_TIMESTAMP, L_TIMESTAMP, L_INTEGER, L_INTEGER, L_INTEGER, L_INTEGER,
                                      L_INTEGER, L_INTEGER, L_INTEGER, L_INTEGER,   L_JSON,      L_BSON,    L_INTERVAL};
    int c = e->converted;
    if (e->logical > L_GEOGRAPHY) { /* newer than this reader: the bytes as they are */
        e->logical = L_NONE;
        return;
    }
    if (e->logical != L_NONE || c < 0 || c > 21)
        return;
    e->logical = kinds[c];
    e->utc = true;
    e->unit = c == 7 || c == 9 ? MILLIS : MICROS;
    if (c >= 11 && c <= 18) {
        e->is_signed = c >= 15;
        e->bits = 8 << ((c - 11) % 4);
    }
}

/* ---- leaves ---- */

typedef struct leaf_type {
    char format[40];
    size_t width, arrow_width;
    parquet_conversion conversion;
    const char *extension;
} leaf_type;

static bool plain(leaf_type *t, const char *format, size_t width, size_t arrow_width)
{
    snprintf(t->format, sizeof t->format, "%s", format);
    t->width = width;
    t->arrow_width = arrow_width;
    t->conversion = width == arrow_width ? PARQUET_AS_IS : PARQUET_NARROW;
    return true;
}

static bool decimal(leaf_type *t, const parquet_element *e, size_t width, parquet_conversion conversion)
{
    int scale = e->scale < 0 ? 0 : e->scale;
    bool wide = e->precision > 38;
    if (e->precision < 1 || e->precision > 76 || scale > e->precision)
        return false;
    snprintf(t->format, sizeof t->format, wide ? "d:%d,%d,256" : "d:%d,%d", e->precision, scale);
    t->width = width;
    t->arrow_width = wide ? 32 : 16;
    t->conversion = conversion;
    return conversion == PARQUET_WIDEN || width <= t->arrow_width;
}

static bool integer(leaf_type *t, const parquet_element *e, int most_bits)
{
    size_t width = most_bits == 32 ? 4 : 8;
    if (most_bits == 64)
        return e->bits == 64 && plain(t, e->is_signed ? "l" : "L", 8, 8);
    switch (e->bits) {
    case 8:
        return plain(t, e->is_signed ? "c" : "C", width, 1);
    case 16:
        return plain(t, e->is_signed ? "s" : "S", width, 2);
    case 32:
        return plain(t, e->is_signed ? "i" : "I", width, 4);
    default:
        return false;
    }
}

static bool int32_type(leaf_type *t, const parquet_element *e)
{
    switch (e->logical) {
    case L_NONE:
        return plain(t, "i", 4, 4);
    case L_INTEGER:
        return integer(t, e, 32);
    case L_DATE:
        return plain(t, "tdD", 4, 4);
    case L_TIME:
        return e->unit == MILLIS && plain(t, "ttm", 4, 4);
    case L_DECIMAL:
        return decimal(t, e, 4, PARQUET_WIDEN);
    default:
        return false;
    }
}

static bool int64_type(leaf_type *t, const parquet_element *e)
{
    static const char units[] = "?mun";
    char format[16];
    switch (e->logical) {
    case L_NONE:
        return plain(t, "l", 8, 8);
    case L_INTEGER:
        return integer(t, e, 64);
    case L_TIME:
        return e->unit == MICROS ? plain(t, "ttu", 8, 8) : e->unit == NANOS && plain(t, "ttn", 8, 8);
    case L_TIMESTAMP:
        if (e->unit < MILLIS || e->unit > NANOS)
            return false;
        snprintf(format, sizeof format, "ts%c:%s", units[e->unit], e->utc ? "UTC" : "");
        return plain(t, format, 8, 8);
    case L_DECIMAL:
        return decimal(t, e, 8, PARQUET_WIDEN);
    default:
        return false;
    }
}

static bool bytes_type(leaf_type *t, const parquet_element *e)
{
    switch (e->logical) {
    case L_JSON:
        t->extension = "arrow.json";
        return plain(t, "u", 0, 0);
    case L_STRING:
        return plain(t, "u", 0, 0);
    case L_NONE:
    case L_ENUM:
    case L_BSON:
    case L_GEOMETRY:
    case L_GEOGRAPHY:
        return plain(t, "z", 0, 0);
    case L_DECIMAL:
        return decimal(t, e, 0, PARQUET_BIG_ENDIAN);
    default:
        return false;
    }
}

static bool fixed_type(leaf_type *t, const parquet_element *e)
{
    char format[24];
    size_t n = (size_t)e->length;
    if (e->length <= 0 || e->length > MOST_FIXED)
        return false;
    snprintf(format, sizeof format, "w:%d", e->length);
    switch (e->logical) {
    case L_UUID:
        t->extension = "arrow.uuid";
        return n == 16 && plain(t, format, n, n);
    case L_NONE:
        return plain(t, format, n, n);
    case L_INTERVAL:
        return n == 12 && plain(t, format, n, n);
    case L_FLOAT16:
        return n == 2 && plain(t, "e", 2, 2);
    case L_DECIMAL:
        return decimal(t, e, n, PARQUET_BIG_ENDIAN);
    default:
        return false;
    }
}

/* false: a type that is not known */
static bool type_of(const parquet_element *e, leaf_type *t)
{
    static const size_t widths[] = {1, 4, 8, 12, 4, 8, 0, 0};
    *t = (leaf_type){0};
    if (e->logical == L_UNKNOWN) {
        plain(t, "n", widths[e->physical], 0);
        t->conversion = PARQUET_NOTHING;
        return true;
    }
    switch (e->physical) {
    case PARQUET_INT32:
        return int32_type(t, e);
    case PARQUET_INT64:
        return int64_type(t, e);
    case PARQUET_BYTES:
        return bytes_type(t, e);
    case PARQUET_FIXED:
        return fixed_type(t, e);
    default:
        break;
    }
    if (e->logical != L_NONE)
        return false;
    if (e->physical == PARQUET_INT96) {
        plain(t, "tsn:", 12, 8);
        t->conversion = PARQUET_NANOSECONDS;
        return true;
    }
    return e->physical == PARQUET_BOOLEAN ? plain(t, "b", 1, 1)
           : e->physical == PARQUET_FLOAT ? plain(t, "f", 4, 4)
                                          : plain(t, "g", 8, 8);
}

/* ---- the tree ---- */

static bool is_leaf(const parquet_element *e)
{
    return e->n_children == 0 && e->physical >= 0;
}

static const char *why_left_out(const parquet_element *e)
{
    leaf_type t;
    if (e->logical == L_MAP)
        return "map";
    if (e->repetition == 2 || e->logical == L_LIST)
        return "list";
    if (is_leaf(e))
        return type_of(e, &t) ? NULL : "a type that is not known";
    return e->n_children == 0 ? "a struct without fields" : NULL;
}

/* Sets end, leaves and left_out of element `at` and all below it. */
static lancelet_status measure(parquet_file *f, size_t at, int depth, size_t *end, lancelet_error *err)
{
    if (at >= f->n_elements)
        return base_fail(err, LANCELET_CORRUPT, "%s: the schema of the Parquet file ends too early", f->name);
    if (depth > PARQUET_DEEPEST)
        return base_fail(err, LANCELET_LIMIT, "%s: the schema of the Parquet file is more than %d deep", f->name, PARQUET_DEEPEST);
    parquet_element *e = &f->element[at];
    read_converted(e);
    if (e->physical > PARQUET_FIXED || e->n_children < 0 || (depth > 0 && (e->repetition < 0 || e->repetition > 2)))
        return base_fail(err, LANCELET_CORRUPT, "%s: the schema of the Parquet file is broken", f->name);
    e->left_out = depth > 0 ? why_left_out(e) : NULL;
    e->leaves = is_leaf(e);
    size_t next = at + 1;
    for (int64_t i = 0; i < e->n_children; i++) {
        const parquet_element *child = f->element + next;
        RETURN_IF_ERROR(measure(f, next, depth + 1, &next, err));
        e->leaves += child->leaves;
        e->left_out = e->left_out ? e->left_out : child->left_out;
    }
    *end = e->end = next;
    return LANCELET_OK;
}

typedef struct maker {
    parquet_file *file;
    parquet_hints hints;
} maker;

static lancelet_status make_metadata(maker *m, size_t at, const char *extension, struct ArrowSchema *out, lancelet_error *err)
{
    const parquet_element *e = &m->file->element[at];
    base_buffer b = {0};
    char id[16];
    bool good = parquet_hints_metadata(&m->hints, at, &b);
    if (good && e->field_id >= 0) {
        int n = snprintf(id, sizeof id, "%d", e->field_id);
        good = arrow_metadata_add(&b, "PARQUET:field_id", 16, id, (size_t)n);
    }
    if (good && extension && !m->hints.hint[at].metadata)
        good = arrow_metadata_add(&b, "ARROW:extension:name", 20, extension, strlen(extension)) &&
               arrow_metadata_add(&b, "ARROW:extension:metadata", 24, "", 0);
    if (good && b.size)
        return arrow_schema_take_metadata(out, &b, err);
    base_buffer_free(&b);
    return good ? LANCELET_OK : base_fail_memory(err);
}

static char *name_of(const parquet_element *e)
{
    return base_strndup(e->name, e->n_name);
}

/* The format that pyarrow gives instead, where the key ARROW:schema says more; *format may be t->format. */
static const char *hinted(const parquet_hint *h, const leaf_type *t, char room[], size_t n_room)
{
    static const char units[] = "smun";
    const char *f = t->format;
    if (h->type == PARQUET_HINT_LARGE_UTF8 && strcmp(f, "u") == 0 && !h->dictionary)
        return "U";
    if (h->type == PARQUET_HINT_LARGE_BINARY && strcmp(f, "z") == 0 && !h->dictionary)
        return "Z";
    if (h->type == PARQUET_HINT_TIMESTAMP && strncmp(f, "ts", 2) == 0 && strcmp(f + 3, ":UTC") == 0 && h->n_zone) {
        int n = snprintf(room, n_room, "ts%c:%.*s", f[2], (int)h->n_zone, h->zone);
        return n > 0 && (size_t)n < n_room ? room : f;
    }
    if (h->type == PARQUET_HINT_DURATION && strcmp(f, "l") == 0 && h->unit >= 0 && h->unit < 4) {
        snprintf(room, n_room, "tD%c", units[h->unit]);
        return room;
    }
    if (h->type == PARQUET_HINT_DECIMAL && h->bits == 256 && f[0] == 'd' && t->arrow_width == 16) {
        snprintf(room, n_room, "%s,256", f);
        return room;
    }
    return f;
}

static lancelet_status make_dictionary(const parquet_hint *h, const char *format, const char *name, bool nullable,
                                       struct ArrowSchema *out, lancelet_error *err)
{
    int64_t flags = (nullable ? ARROW_FLAG_NULLABLE : 0) | (h->ordered ? ARROW_FLAG_DICTIONARY_ORDERED : 0);
    char index[] = {h->index, 0};
    struct ArrowSchema values;
    RETURN_IF_ERROR(arrow_schema_init(&values, format, "", true, 0, err));
    struct ArrowSchema both = {.format = index, .name = name, .flags = flags, .dictionary = &values, .release = values.release};
    lancelet_status status = arrow_schema_copy(&both, out, err);
    arrow_schema_release(&values);
    return status;
}

static lancelet_status make_leaf(maker *m, size_t at, size_t place, uint8_t definition, const char *name, struct ArrowSchema *out,
                                 lancelet_error *err)
{
    parquet_file *f = m->file;
    const parquet_element *e = &f->element[at];
    const parquet_hint *h = &m->hints.hint[at];
    leaf_type t;
    char room[128];
    bool nullable = e->repetition == 1;
    type_of(e, &t);
    const char *format = hinted(h, &t, room, sizeof room);
    bool bytes = strcmp(format, "u") == 0 || strcmp(format, "z") == 0;
    if (h->dictionary && bytes)
        RETURN_IF_ERROR(make_dictionary(h, format, name, nullable, out, err));
    else
        RETURN_IF_ERROR(arrow_schema_init(out, format, name, nullable, 0, err));
    if (format[0] == 'd' && strstr(format, ",256"))
        t.arrow_width = 32;
    f->leaf[f->n_leaves++] = (parquet_leaf){.name = out->name, .physical = (parquet_physical)e->physical, .width = t.width,
                                            .arrow_width = t.arrow_width, .conversion = t.conversion,
                                            .definition = (uint8_t)(definition + nullable), .place = place};
    return make_metadata(m, at, t.extension, out, err);
}

static lancelet_status make(maker *m, size_t at, size_t place, uint8_t definition, struct ArrowSchema *out, lancelet_error *err);

static lancelet_status make_struct(maker *m, size_t at, size_t place, uint8_t definition, struct ArrowSchema *out, lancelet_error *err)
{
    const parquet_element *e = m->file->element;
    size_t child = at + 1;
    for (int64_t i = 0; i < e[at].n_children; i++) {
        RETURN_IF_ERROR(make(m, child, place, definition, out->children[i], err));
        place += e[child].leaves;
        child = e[child].end;
    }
    return make_metadata(m, at, NULL, out, err);
}

/* Element `at`, whose first leaf is number `place` of the file, below a parent that is there from level `definition` on. */
static lancelet_status make(maker *m, size_t at, size_t place, uint8_t definition, struct ArrowSchema *out, lancelet_error *err)
{
    parquet_file *f = m->file;
    const parquet_element *e = &f->element[at];
    bool nullable = e->repetition == 1, leaf = is_leaf(e);
    size_t node = f->n_nodes++;
    f->node[node] = (parquet_node){.is_struct = !leaf, .definition = (uint8_t)(definition + nullable), .leaf = f->n_leaves};
    char *name = name_of(e);
    if (!name)
        return base_fail_memory(err);
    lancelet_status status;
    if (leaf) {
        status = make_leaf(m, at, place, definition, name, out, err);
    } else {
        status = arrow_schema_init(out, "+s", name, nullable, (size_t)e->n_children, err);
        if (status == LANCELET_OK)
            status = make_struct(m, at, place, (uint8_t)(definition + nullable), out, err);
    }
    base_free(name);
    f->node[node].end = f->n_nodes;
    return status;
}

static lancelet_status leave_out(parquet_file *f, const parquet_element *e, lancelet_error *err)
{
    f->out_name[f->n_out] = name_of(e);
    if (!f->out_name[f->n_out])
        return base_fail_memory(err);
    f->out_reason[f->n_out++] = e->left_out;
    return LANCELET_OK;
}

static lancelet_status make_columns(maker *m, size_t n, lancelet_error *err)
{
    parquet_file *f = m->file;
    const parquet_element *root = f->element;
    size_t at = 1, place = 0, column = 0;
    RETURN_IF_ERROR(arrow_schema_init(&f->schema, "+s", "", false, n, err));
    for (int64_t i = 0; i < root->n_children; i++) {
        const parquet_element *e = &f->element[at];
        if (e->left_out) {
            RETURN_IF_ERROR(leave_out(f, e, err));
        } else {
            f->column[column] = f->n_nodes;
            RETURN_IF_ERROR(make(m, at, place, 0, f->schema.children[column++], err));
        }
        place += e->leaves;
        at = e->end;
    }
    return LANCELET_OK;
}

lancelet_status parquet_make_schema(parquet_file *f, const char *arrow, size_t n_arrow, lancelet_error *err)
{
    size_t end, n = 0, out = 0;
    RETURN_IF_ERROR(measure(f, 0, 0, &end, err));
    if (end != f->n_elements || f->element[0].n_children + 1 > (int64_t)f->n_elements)
        return base_fail(err, LANCELET_CORRUPT, "%s: the schema of the Parquet file is broken", f->name);
    f->all_leaves = f->element[0].leaves;
    for (size_t at = 1; at < f->n_elements; at = f->element[at].end)
        f->element[at].left_out ? out++ : n++;
    f->node = base_calloc(f->n_elements + 1, sizeof *f->node);
    f->leaf = base_calloc(f->n_elements + 1, sizeof *f->leaf);
    f->column = base_calloc(n + 1, sizeof *f->column);
    f->out_name = base_calloc(out + 1, sizeof *f->out_name);
    f->out_reason = base_calloc(out + 1, sizeof *f->out_reason);
    if (!f->node || !f->leaf || !f->column || !f->out_name || !f->out_reason)
        return base_fail_memory(err);
    maker m = {.file = f};
    lancelet_status status = parquet_hints_read(&m.hints, f, arrow, n_arrow, err);
    if (status == LANCELET_OK)
        status = make_columns(&m, n, err);
    parquet_hints_free(&m.hints);
    return status;
}
