/* fields.c - the fields that a column of an Arrow type takes, as file.h counts them, and which of them are the leaves that
 * have a column of their own: all without fields below them, and structs packed into one column. */
#include "lance/file/page.h"

enum { DEEPEST = 64 /* fields in one another: more than nesting may have layers */ };

static bool has_child(const struct ArrowSchema *schema)
{
    return schema->n_children == 1 && schema->children && schema->children[0];
}

static bool find_packed(void *arg, const char *key, size_t nk, const char *value, size_t nv)
{
    static const char packed[] = "lance-encoding:packed", older[] = "packed";
    bool named = (nk == sizeof packed - 1 && memcmp(key, packed, nk) == 0) ||
                 (nk == sizeof older - 1 && memcmp(key, older, nk) == 0);
    if (named && nv == 4 && memcmp(value, "true", 4) == 0)
        *(bool *)arg = true;
    return !*(bool *)arg;
}

bool lance_is_packed(const struct ArrowSchema *schema)
{
    bool packed = false;
    if (strcmp(schema->format, "+s") == 0 && schema->n_children > 0)
        arrow_schema_metadata_each(schema, find_packed, &packed);
    return packed;
}

/* A fixed-size list of numbers, or of such lists, is one field. */
static bool is_plain_list(const struct ArrowSchema *schema)
{
    while (strncmp(schema->format, "+w:", 3) == 0 && has_child(schema))
        schema = schema->children[0];
    return schema->n_children == 0;
}

bool lance_is_leaf(const struct ArrowSchema *schema)
{
    if (schema->dictionary || schema->n_children == 0)
        return true; /* a struct without fields has a column too */
    return strncmp(schema->format, "+w:", 3) == 0 ? is_plain_list(schema) : lance_is_packed(schema);
}

static size_t count_fields(const struct ArrowSchema *schema, int deep)
{
    size_t n = 1;
    if (schema->dictionary || deep == DEEPEST || (strncmp(schema->format, "+w:", 3) == 0 && is_plain_list(schema)))
        return n;
    for (int64_t i = 0; i < schema->n_children; i++)
        n += count_fields(schema->children[i], deep + 1);
    return n;
}

size_t lance_field_count(const struct ArrowSchema *schema)
{
    return count_fields(schema, 0);
}

static bool shape_fits(const struct ArrowSchema *schema, int deep)
{
    const char *format = schema->format;
    if (deep == DEEPEST)
        return false;
    bool map = strcmp(format, "+m") == 0, list = map || strcmp(format, "+l") == 0 || strcmp(format, "+L") == 0;
    if ((list || strncmp(format, "+w:", 3) == 0) && !has_child(schema))
        return false;
    if (map && (strcmp(schema->children[0]->format, "+s") != 0 || schema->children[0]->n_children != 2))
        return false;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (!shape_fits(schema->children[i], deep + 1))
            return false;
    return true;
}

lancelet_status lance_check_fields(const struct ArrowSchema *schema, lancelet_error *err)
{
    return shape_fits(schema, 0) ? LANCELET_OK
                                 : base_fail(err, LANCELET_CORRUPT,
                                             "a type is nested too deeply, or is a list or map without its items");
}
