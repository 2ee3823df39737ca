/* write_match.c - which column of a table, and which field of it, each part of the rows to add belongs to. LanceDB finds
 * them the same way: columns and struct fields by name, in any order; the names of list items and map entries do not
 * count. A column that is stored as a dictionary takes plain values too, and a plain one takes dictionaries. */
#include <inttypes.h>
#include <string.h>

#include "lance/table/write.h"

/* A place in the table's fields: the type of one and the index of its Field message. */
typedef struct place {
    const struct ArrowSchema *schema;
    size_t field;
} place;

typedef struct matcher {
    const table_target *target;
    const char *column; /* for messages */
    table_match *out;
    lancelet_error *err;
} matcher;

static bool is_format(const struct ArrowSchema *s, const char *format)
{
    return strcmp(s->format, format) == 0;
}

static lancelet_status fail_type(const matcher *m, const struct ArrowSchema *table, const struct ArrowSchema *rows)
{
    return base_fail(m->err, LANCELET_INVALID, "the column '%s' of %s has the Arrow type '%s', the rows to add have '%s'",
                     m->column, m->target->path, table->format, rows->format);
}

static lancelet_status add_field(matcher *m, size_t field, bool leaf)
{
    table_match *out = m->out;
    if (out->n_fields == out->capacity) {
        size_t grown = out->capacity ? 2 * out->capacity : 16;
        wire_span *fields = base_realloc(out->fields, grown * sizeof *fields);
        out->fields = fields ? fields : out->fields;
        int64_t *ids = base_realloc(out->ids, grown * sizeof *ids);
        out->ids = ids ? ids : out->ids;
        bool *leaves = base_realloc(out->leaf, grown * sizeof *leaves);
        out->leaf = leaves ? leaves : out->leaf;
        if (!fields || !ids || !leaves)
            return base_fail_memory(m->err);
        out->capacity = grown;
    }
    out->fields[out->n_fields] = m->target->fields[field];
    out->ids[out->n_fields] = m->target->ids[field];
    out->leaf[out->n_fields++] = leaf;
    return LANCELET_OK;
}

static place child_of(place p, int64_t child)
{
    place c = {p.schema->children[child], p.field + 1};
    for (int64_t i = 0; i < child; i++)
        c.field += lance_field_count(p.schema->children[i]);
    return c;
}

/* Values alone count: how a dictionary's indices are stored is the file's affair. */
static lancelet_status match_leaf(matcher *m, place p, const struct ArrowSchema *rows)
{
    const struct ArrowSchema *a = p.schema->dictionary ? p.schema->dictionary : p.schema;
    const struct ArrowSchema *b = rows->dictionary ? rows->dictionary : rows;
    wire_span logical = wire_bytes(m->target->fields[p.field], 5);
    if (is_format(a, "n") && (logical.size != 4 || memcmp(logical.data, "null", 4) != 0))
        return base_fail(m->err, LANCELET_UNSUPPORTED,
                         "the column '%s' of %s is of the Lance type '%.*s', which is not written",
                         m->column, m->target->path, (int)logical.size, (const char *)logical.data);
    while (arrow_list_size(a) >= 0 && is_format(a, b->format) && a->n_children == 1 && b->n_children == 1) {
        a = a->children[0];
        b = b->children[0];
    }
    if (!is_format(a, b->format))
        return fail_type(m, a, b);
    if (a->n_children != b->n_children)
        return base_fail(m->err, LANCELET_INVALID, "'%s' has %" PRId64 " fields in the column '%s' of %s, %" PRId64
                         " in the rows to add", rows->name ? rows->name : "", a->n_children, m->column, m->target->path,
                         b->n_children);
    return add_field(m, p.field, true);
}

static lancelet_status match(matcher *m, place p, const struct ArrowSchema *rows, struct ArrowSchema *file);

/* The children of a struct by name; `file` has those of `rows` in their order. */
static lancelet_status match_struct(matcher *m, place p, const struct ArrowSchema *rows, struct ArrowSchema *file)
{
    for (int64_t i = 0; i < rows->n_children; i++) {
        const char *name = rows->children[i]->name ? rows->children[i]->name : "";
        int64_t at = arrow_schema_find(p.schema, name);
        if (at < 0)
            return base_fail(m->err, LANCELET_INVALID, "the column '%s' of %s has no field '%s'", m->column, m->target->path,
                             name);
        if (arrow_schema_find(rows, name) != i)
            return base_fail(m->err, LANCELET_INVALID, "two of the fields to add to the column '%s' have the name '%s'",
                             m->column, name);
        RETURN_IF_ERROR(match(m, child_of(p, at), rows->children[i], file->children[i]));
    }
    for (int64_t i = 0; i < p.schema->n_children; i++) {
        const struct ArrowSchema *field = p.schema->children[i];
        if (!(field->flags & ARROW_FLAG_NULLABLE) && arrow_schema_find(rows, field->name ? field->name : "") < 0)
            return base_fail(m->err, LANCELET_INVALID,
                             "the field '%s' of the column '%s' of %s may not be null, but the rows to add do not have it",
                             field->name, m->column, m->target->path);
    }
    return LANCELET_OK;
}

static lancelet_status match(matcher *m, place p, const struct ArrowSchema *rows, struct ArrowSchema *file)
{
    file->flags = p.schema->flags;
    /* how the rows ask to be stored does not count: the table says it */
    if (lance_is_leaf(p.schema) || (lance_is_leaf(rows) && !lance_is_packed(rows)))
        return match_leaf(m, p, rows);
    if (!is_format(p.schema, rows->format))
        return fail_type(m, p.schema, rows);
    if (is_format(rows, "+m") && m->target->minor < 2)
        return base_fail(m->err, LANCELET_UNSUPPORTED,
                         "the column '%s' is a map, which Lance files of version 2.1 cannot hold; 2.2 can", m->column);
    RETURN_IF_ERROR(add_field(m, p.field, false));
    if (is_format(rows, "+s"))
        return match_struct(m, p, rows, file);
    if (p.schema->n_children != rows->n_children)
        return fail_type(m, p.schema, rows);
    for (int64_t i = 0; i < rows->n_children; i++)
        RETURN_IF_ERROR(match(m, child_of(p, i), rows->children[i], file->children[i]));
    return LANCELET_OK;
}

static lancelet_status match_column(matcher *m, int64_t i, const struct ArrowSchema *incoming)
{
    const struct ArrowSchema *table = m->target->schema, *rows = incoming->children[i];
    struct ArrowSchema *file = m->out->schema.children[i];
    const char *name = rows->name ? rows->name : "";
    int64_t at = arrow_schema_find(table, name);
    m->column = name;
    if (at < 0)
        return base_fail(m->err, LANCELET_INVALID, "the table %s has no column '%s'", m->target->path, name);
    if (arrow_schema_find(incoming, name) != i)
        return base_fail(m->err, LANCELET_INVALID, "two of the columns to add have the name '%s'", name);
    place p = {table->children[at], 0};
    for (int64_t k = 0; k < at; k++)
        p.field += lance_field_count(table->children[k]);
    RETURN_IF_ERROR(table_check_written(p.schema, m->target->fields + p.field, lance_field_count(p.schema), m->err));
    RETURN_IF_ERROR(arrow_schema_copy(rows, file, m->err));
    return match(m, p, rows, file);
}

lancelet_status table_match_rows(const table_target *target, const struct ArrowSchema *incoming, table_match *out,
                                 lancelet_error *err)
{
    const struct ArrowSchema *table = target->schema;
    matcher m = {.target = target, .out = out, .err = err};
    RETURN_IF_ERROR(arrow_schema_init(&out->schema, "+s", "", false, (size_t)incoming->n_children, err));
    for (int64_t i = 0; i < incoming->n_children; i++)
        RETURN_IF_ERROR(match_column(&m, i, incoming));
    for (int64_t i = 0; i < table->n_children; i++)
        if (!(table->children[i]->flags & ARROW_FLAG_NULLABLE) && arrow_schema_find(incoming, table->children[i]->name) < 0)
            return base_fail(err, LANCELET_INVALID,
                             "the column '%s' of %s may not be null, but the rows to add do not have it",
                             table->children[i]->name, target->path);
    return incoming->n_children ? LANCELET_OK : base_fail(err, LANCELET_INVALID, "the rows to add have no column");
}

void table_match_free(table_match *m)
{
    arrow_schema_release(&m->schema);
    base_free(m->fields);
    base_free(m->ids);
    base_free(m->leaf);
    *m = (table_match){0};
}
