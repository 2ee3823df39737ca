/* write_type.c - how a column of an Arrow type is stored from 2.1 on: its leaf fields, each a column of the file, and the
 * lists and structs around them. Fixed-size lists of numbers are one leaf, as is a dictionary, which is stored as one
 * where the column's Field message says so, whatever array its rows come in. A map is a list of structs. */
#include <string.h>

#include "lance/file/write.h"

static lancelet_status leaf_type(const struct ArrowSchema *s, lance_type *out, lancelet_error *err)
{
    if (!s->dictionary && !strcmp(s->format, "+s")) {
        *out = (lance_type){.kind = LANCE_NULL, .items = 1};
        return LANCELET_OK;
    }
    RETURN_IF_ERROR(lance_type_of(s, out, err));
    return out->width <= INT32_MAX ? LANCELET_OK
                                   : base_fail(err, LANCELET_LIMIT, "a value of %zu bytes is too large", out->width);
}

/* "dict:string:int32:false": the index type stands before the last colon. */
static lancelet_status dictionary_of(wire_span field, lance_path *path, lancelet_error *err)
{
    static const struct {
        const char *name;
        uint32_t bits;
        uint64_t most;
    } indices[] = {{":int8:", 8, INT8_MAX},    {":uint8:", 8, UINT8_MAX},     {":int16:", 16, INT16_MAX},
                   {":uint16:", 16, UINT16_MAX}, {":int32:", 32, INT32_MAX},  {":uint32:", 32, UINT32_MAX},
                   {":int64:", 64, INT64_MAX},   {":uint64:", 64, INT64_MAX}};
    wire_span logical = wire_bytes(field, 5);
    path->index_bits = 0;
    if (logical.size < 5 || memcmp(logical.data, "dict:", 5) != 0)
        return LANCELET_OK;
    size_t end = logical.size;
    while (end > 0 && logical.data[end - 1] != ':')
        end--;
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        size_t n = strlen(indices[i].name);
        if (end >= n && memcmp(logical.data + end - n, indices[i].name, n) == 0) {
            path->index_bits = indices[i].bits;
            path->most_indices = indices[i].most;
        }
    }
    if (path->index_bits == 0 || path->type.depth > 0 || (path->type.kind != LANCE_VARIABLE && path->type.width == 0))
        return base_fail(err, LANCELET_UNSUPPORTED, "a dictionary of this type (%.*s) is not written", (int)logical.size,
                         (const char *)logical.data);
    return LANCELET_OK;
}

/* ---- paths ---- */

typedef struct walk {
    lance_path path;
    const wire_span *fields;
    size_t n_fields, at;
    lance_path_sink *add;
    void *arg;
} walk;

/* Levels are counted from the inside, so they are known when the leaf is reached. */
static void number_levels(lance_path *p)
{
    uint8_t def = 1, lists = 0;
    p->visible = 1;
    for (size_t i = p->n; i-- > 0;) {
        lance_layer *layer = &p->layer[i];
        layer->null = ++def;
        layer->empty = layer->list ? ++def : 0;
        layer->repeat = lists;
        if (lists == 0 && !layer->list)
            p->visible = def;
        lists = (uint8_t)(lists + layer->list);
    }
    p->lists = lists;
}

static lancelet_status visit(walk *w, const struct ArrowSchema *s, lancelet_error *err)
{
    if (w->at == w->n_fields)
        return base_fail(err, LANCELET_INVALID, "%zu messages do not describe all its fields", w->n_fields);
    wire_span field = w->fields[w->at++];
    const char *f = s->format;
    bool list = !strcmp(f, "+l") || !strcmp(f, "+L") || !strcmp(f, "+m");
    if (s->dictionary || !(list || (!strcmp(f, "+s") && s->n_children > 0))) {
        RETURN_IF_ERROR(leaf_type(s, &w->path.type, err));
        RETURN_IF_ERROR(dictionary_of(field, &w->path, err));
        number_levels(&w->path);
        return w->add(w->arg, &w->path, err);
    }
    if (w->path.n == LANCE_DEEPEST)
        return base_fail(err, LANCELET_LIMIT, "nested more than %d deep", LANCE_DEEPEST);
    size_t depth = w->path.n;
    for (int64_t i = 0; i < s->n_children; i++) {
        w->path.n = depth + 1;
        w->path.layer[depth] = (lance_layer){.list = list, .large = f[1] == 'L', .child = i};
        RETURN_IF_ERROR(visit(w, s->children[i], err));
    }
    w->path.n = depth;
    return LANCELET_OK;
}

lancelet_status lance_paths_of(const struct ArrowSchema *column, const wire_span *fields, size_t n_fields, size_t *used,
                               lance_path_sink *add, void *arg, lancelet_error *err)
{
    walk w = {.fields = fields, .n_fields = n_fields, .add = add, .arg = arg};
    RETURN_IF_ERROR(visit(&w, column, err));
    *used = w.at;
    return LANCELET_OK;
}
