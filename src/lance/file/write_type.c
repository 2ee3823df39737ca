/* write_type.c - how a column of an Arrow type is stored from 2.1 on: its leaf fields, each a column of the file, and the
 * lists and structs around them. A fixed_size_list of numbers is one leaf, as is a dictionary, which is stored as one where
 * the column's Field message says so, whatever array its rows come in. A map is a list of structs. */
#include <string.h>

#include "base/text.h"
#include "lance/file/write.h"

static uint64_t count_behind(const char *text)
{
    uint64_t n;
    return base_parse_u64(text, strlen(text), &n) && n <= INT32_MAX ? n : 0;
}

static lancelet_status refuse(const struct ArrowSchema *s, lancelet_error *err)
{
    return base_fail(err, LANCELET_UNSUPPORTED, "the Arrow type '%s' is not written", s->format);
}

/* Bits of one value, 1 for bool; 0: not of a fixed width. */
static uint32_t fixed_bits(const char *f)
{
    static const struct {
        const char *formats;
        uint32_t bits;
    } letters[] = {{"b", 1}, {"cC", 8}, {"sSe", 16}, {"iIf", 32}, {"lLg", 64}};
    if (f[0] && !f[1]) {
        for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
            if (strchr(letters[i].formats, f[0]))
                return letters[i].bits;
        return 0;
    }
    if (!strcmp(f, "tdD") || !strcmp(f, "tts") || !strcmp(f, "ttm"))
        return 32;
    if (!strcmp(f, "tdm") || !strcmp(f, "ttu") || !strcmp(f, "ttn") || !strncmp(f, "ts", 2) || !strncmp(f, "tD", 2))
        return 64;
    if (!strncmp(f, "w:", 2))
        return count_behind(f + 2) <= INT32_MAX / 8 ? (uint32_t)count_behind(f + 2) * 8 : 0;
    if (f[0] == 'd' && f[1] == ':') {
        const char *comma = strchr(f, ','), *width = comma ? strchr(comma + 1, ',') : NULL;
        return !width || !strcmp(width, ",128") ? 128 : !strcmp(width, ",256") ? 256 : 0;
    }
    return 0;
}

static lancelet_status leaf_type(const struct ArrowSchema *s, lance_leaf_type *out, lancelet_error *err)
{
    const char *f = s->format;
    const struct ArrowSchema *item = s;
    if (s->dictionary)
        return s->dictionary->dictionary ? refuse(s, err) : leaf_type(s->dictionary, out, err);
    *out = (lance_leaf_type){.storage = LANCE_STORE_NOTHING, .items = 1};
    if (!strcmp(f, "n") || (!strcmp(f, "+s") && s->n_children == 0))
        return LANCELET_OK;
    if (f[0] && !f[1] && strchr("uUzZ", f[0])) {
        out->storage = LANCE_STORE_VARIABLE;
        out->offset_bits = f[0] == 'u' || f[0] == 'z' ? 32 : 64;
        out->text = f[0] == 'u' || f[0] == 'U';
        return LANCELET_OK;
    }
    if (!strncmp(f, "+w:", 3)) {
        out->items = count_behind(f + 3);
        out->list = true;
        item = s->n_children == 1 ? s->children[0] : s;
        if (out->items == 0 || item->dictionary)
            return base_fail(err, LANCELET_UNSUPPORTED, "a list of a fixed size of %s is not written",
                             out->items == 0 ? "0" : "dictionaries");
    }
    out->item_bits = fixed_bits(item->format);
    if (out->item_bits == 0)
        return out->list ? base_fail(err, LANCELET_UNSUPPORTED,
                                     "a list of a fixed size of the Arrow type '%s' is not written", item->format)
                         : refuse(s, err);
    out->storage = out->item_bits % 8 ? LANCE_STORE_BITS : LANCE_STORE_FIXED;
    if (!base_mul_size((size_t)out->items, out->item_bits / 8, &out->width) || out->width > INT32_MAX)
        return base_fail(err, LANCELET_LIMIT, "a value of %llu items is too large", (unsigned long long)out->items);
    return LANCELET_OK;
}

/* "dict:string:int32:false": the index type stands before the last colon. */
static lancelet_status dictionary_of(wire_span field, lance_leaf_type *type, lancelet_error *err)
{
    static const struct {
        const char *name;
        uint32_t bits;
        uint64_t most;
    } indices[] = {{":int8:", 8, INT8_MAX},    {":uint8:", 8, UINT8_MAX},     {":int16:", 16, INT16_MAX},
                   {":uint16:", 16, UINT16_MAX}, {":int32:", 32, INT32_MAX},  {":uint32:", 32, UINT32_MAX},
                   {":int64:", 64, INT64_MAX},   {":uint64:", 64, INT64_MAX}};
    wire_span logical = wire_bytes(field, 5);
    if (logical.size < 5 || memcmp(logical.data, "dict:", 5) != 0)
        return LANCELET_OK;
    size_t end = logical.size;
    while (end > 0 && logical.data[end - 1] != ':')
        end--;
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        size_t n = strlen(indices[i].name);
        if (end >= n && memcmp(logical.data + end - n, indices[i].name, n) == 0) {
            type->index_bits = indices[i].bits;
            type->most_indices = indices[i].most;
        }
    }
    if (type->index_bits == 0 || type->list ||
        (type->storage != LANCE_STORE_VARIABLE && type->storage != LANCE_STORE_FIXED))
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
        RETURN_IF_ERROR(dictionary_of(field, &w->path.type, err));
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
