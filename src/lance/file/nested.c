/* nested.c - Arrow arrays of any nesting, put together from the leaf columns of a file. Every leaf comes with levels
 * that say how its values nest (the levels of Melnik et al.: Dremel, VLDB 2010, counted from the inside out as Lance
 * does: repetition level 0 goes on in the innermost list, definition level 0 is a value). From a leaf outwards each
 * layer takes what it needs of the levels: a struct its validity, a list its offsets and validity; then what begins
 * no list of that layer is dropped and the rest means the layer outside. The leaves of a struct say the same about
 * the layers around it, so the first that the file has stands for all; leaves that it does not have are null. */
#include "lance/file/page.h"

/* The levels of a leaf as far as the layers inside have used them. */
typedef struct outline {
    bool any;      /* false: the file has no leaf of this type */
    uint64_t n;    /* values of the layer that was put together last */
    size_t layer;  /* the next one */
    uint8_t lists; /* layers of lists so far */
    lance_nesting path;
    base_buffer repetition, definition;
} outline;

typedef struct nest {
    const lance_request *request;
    const uint32_t *columns; /* [field count] */
    size_t field;            /* the next one */
    char layers[LANCE_LAYERS]; /* [n_layers] 's' struct, 'l' list, 'f' fixed-size list; outermost first */
    size_t n_layers;
    uint64_t factor; /* of the fixed-size lists among them */
} nest;

static void free_outline(outline *o)
{
    base_buffer_free(&o->repetition);
    base_buffer_free(&o->definition);
}

static void make_path(const nest *c, lance_nesting *path)
{
    memset(path, 0, sizeof *path);
    path->factor = c->factor;
    uint8_t level = 0;
    for (size_t i = 0; i <= c->n_layers; i++) {
        bool list = i > 0 && c->layers[c->n_layers - i] == 'l';
        path->list[i] = list;
        path->n_lists = (uint8_t)(path->n_lists + list);
        path->null_level[i] = ++level;
        path->inside[level] = path->n_lists;
        if (list)
            path->inside[++level] = path->n_lists;
        if (path->n_lists == 0)
            path->visible = level;
    }
    path->n = c->n_layers + 1;
}

static lancelet_status push_layer(nest *c, char kind, uint64_t factor, lancelet_error *err)
{
    bool fixed = kind == 'f' || memchr(c->layers, 'f', c->n_layers) != NULL;
    if (c->n_layers == LANCE_LAYERS - 1)
        return base_fail(err, LANCELET_UNSUPPORTED, "types nested more than %d deep are not supported", LANCE_LAYERS);
    if (fixed && (kind == 'l' || memchr(c->layers, 'l', c->n_layers)))
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "fixed-size lists of structs inside or around lists are not supported");
    c->layers[c->n_layers++] = kind;
    return base_mul_u64(c->factor, factor, &c->factor) && c->factor <= INT32_MAX
               ? LANCELET_OK
               : base_fail(err, LANCELET_UNSUPPORTED, "fixed-size lists of this many structs are not supported");
}

static lancelet_status misfit(lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "the columns of a nested type do not fit one another");
}

/* ---- layers ---- */

/* The bitmap of a struct's (or fixed-size list's) validity, NULL where nothing is null. */
static lancelet_status take_validity(outline *o, uint8_t **validity, uint64_t *nulls, lancelet_error *err)
{
    uint8_t null = o->path.null_level[o->layer++];
    uint64_t n = 0;
    *validity = NULL;
    *nulls = 0;
    uint8_t *bits = base_alloc_aligned((size_t)(o->definition.size / 8 + 1));
    if (!bits)
        return base_fail_memory(err);
    memset(bits, 0, o->definition.size / 8 + 1);
    for (size_t i = 0; i < o->definition.size; i++) {
        uint8_t level = o->definition.data[i];
        if (o->path.inside[level] > o->lists)
            continue;
        bits[n / 8] = (uint8_t)(bits[n / 8] | (level < null) << (n % 8));
        *nulls += level >= null;
        n++;
    }
    if (*nulls > 0 && n == o->n) {
        *validity = bits;
        return LANCELET_OK;
    }
    base_free(bits);
    return n == o->n ? LANCELET_OK : misfit(err);
}

/* Where the lists of a layer begin, into `starts` [levels + 1], and which are null. */
static lancelet_status find_lists(outline *o, uint64_t *starts, uint8_t *bits, uint64_t *nulls, lancelet_error *err)
{
    uint8_t null = o->path.null_level[o->layer], lists = (uint8_t)(o->lists + 1);
    uint8_t *repetition = o->repetition.data, *definition = o->definition.data;
    uint64_t n = 0, items = 0;
    size_t kept = 0;
    for (size_t i = 0; i < o->definition.size; i++) {
        uint8_t level = definition[i];
        if (repetition[i] == 0) {
            if (n == 0)
                return misfit(err);
            items++;
            continue;
        }
        repetition[kept] = (uint8_t)(repetition[i] - 1);
        definition[kept++] = level;
        if (o->path.inside[level] > lists)
            continue; /* a list outside is null or empty: there is none here */
        starts[n] = items;
        bool is_null = level == null || level > null + 1, is_empty = level == null + 1;
        bits[n / 8] = (uint8_t)(bits[n / 8] | !is_null << (n % 8));
        *nulls += is_null;
        items += !is_null && !is_empty;
        n++;
    }
    starts[n] = items;
    o->repetition.size = o->definition.size = kept;
    o->lists = lists;
    o->layer++;
    if (items != o->n)
        return misfit(err);
    o->n = n;
    return LANCELET_OK;
}

static lancelet_status narrow_offsets(uint64_t *starts, uint64_t n, lancelet_error *err)
{
    if (starts[n] > INT32_MAX)
        return base_fail(err, LANCELET_LIMIT,
                         "the rows' lists have more items than one array may hold; ask for fewer rows at once");
    uint8_t *bytes = (uint8_t *)starts;
    for (uint64_t i = 0; i <= n; i++) {
        uint32_t start = (uint32_t)starts[i];
        memcpy(bytes + 4 * i, &start, 4);
    }
    return LANCELET_OK;
}

/* Lists (or maps) around `child`, which is taken over. */
static lancelet_status make_lists(const struct ArrowSchema *schema, outline *o, struct ArrowArray *child,
                                  struct ArrowArray *out, lancelet_error *err)
{
    uint64_t nulls = 0;
    size_t size;
    uint64_t *starts = base_mul_size(o->definition.size + 1, sizeof *starts, &size) ? base_alloc_aligned(size) : NULL;
    uint8_t *bits = base_alloc_aligned(o->definition.size / 8 + 1);
    lancelet_status status = starts && bits ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK) {
        memset(bits, 0, o->definition.size / 8 + 1);
        status = find_lists(o, starts, bits, &nulls, err);
    }
    if (status == LANCELET_OK && schema->format[1] != 'L')
        status = narrow_offsets(starts, o->n, err);
    if (status != LANCELET_OK || nulls == 0) {
        base_free(bits);
        bits = NULL;
    }
    if (status == LANCELET_OK)
        return lance_array_list(o->n, bits, nulls, (uint8_t *)starts, child, out, err);
    base_free(starts);
    arrow_array_release(child);
    return status;
}

/* Fixed-size lists around `child`, which is taken over. Their levels stand with each of their items. */
static lancelet_status make_fixed_lists(uint64_t size, outline *o, struct ArrowArray *child, struct ArrowArray *out,
                                        lancelet_error *err)
{
    uint8_t *validity = NULL;
    uint64_t nulls = 0;
    lancelet_status status = o->n % size == 0 && o->definition.size == o->n ? LANCELET_OK : misfit(err);
    if (status == LANCELET_OK) {
        o->n /= size;
        for (uint64_t i = 0; i < o->n; i++)
            o->definition.data[i] = o->definition.data[i * size];
        o->definition.size = (size_t)o->n;
        status = take_validity(o, &validity, &nulls, err);
    }
    if (status == LANCELET_OK)
        return lance_array_list(o->n, validity, nulls, NULL, child, out, err);
    arrow_array_release(child);
    return status;
}

/* ---- leaves ---- */

/* Its column holds nothing but a number of rows. */
static bool is_empty_struct(const struct ArrowSchema *schema)
{
    return strcmp(schema->format, "+s") == 0 && schema->n_children == 0;
}

/* The fields of a packed struct, each out of the rows that hold them side by side. */
static lancelet_status unpack_struct(lance_sink *s, struct ArrowArray *out, lancelet_error *err)
{
    const struct ArrowSchema *schema = s->type.packed;
    size_t n = (size_t)schema->n_children, made = 0, at = 0;
    struct ArrowArray *fields = base_calloc(n, sizeof *fields);
    lancelet_status status = fields ? LANCELET_OK : base_fail_memory(err);
    while (status == LANCELET_OK && made < n) {
        lance_type type;
        lance_sink field = {0};
        status = lance_type_of(schema->children[made], &type, err);
        if (status == LANCELET_OK)
            status = lance_sink_open(&field, &type, s->length, s->bytes_limit, err);
        for (uint64_t i = 0; status == LANCELET_OK && i < s->length; i++)
            lance_sink_fixed(&field, s->values + i * s->type.width + at, 1);
        if (status == LANCELET_OK)
            status = lance_sink_finish(&field, schema->children[made], &fields[made], err);
        lance_sink_free(&field);
        at += type.width;
        made += status == LANCELET_OK;
    }
    if (status == LANCELET_OK) {
        uint8_t *validity = s->validity;
        s->validity = NULL;
        status = lance_array_struct(s->length, validity, s->nulls, fields, n, out, err);
    } else {
        for (size_t i = 0; i < made; i++)
            arrow_array_release(&fields[i]);
    }
    base_free(fields);
    return status;
}

static lancelet_status make_leaf(nest *c, const struct ArrowSchema *schema, struct ArrowArray *out, outline *o,
                                 lancelet_error *err)
{
    uint32_t column = c->columns[c->field];
    lance_type type;
    lance_sink sink;
    c->field += lance_field_count(schema);
    if (column == LANCE_NO_COLUMN || is_empty_struct(schema))
        return LANCELET_OK;
    make_path(c, &o->path);
    RETURN_IF_ERROR(lance_type_of(schema, &type, err));
    if (c->n_layers == 0 && !schema->dictionary) {
        RETURN_IF_ERROR(lance_leaf_borrow(c->request, column, &type, &o->path, out, err));
        if (out->release) {
            o->any = true;
            o->n = (uint64_t)out->length;
            return LANCELET_OK;
        }
    }
    lancelet_status status = lance_leaf_read(c->request, column, &type, &o->path, &sink, err);
    if (status == LANCELET_OK)
        status = type.packed ? unpack_struct(&sink, out, err) : lance_sink_finish(&sink, schema, out, err);
    if (status == LANCELET_OK) {
        o->any = true;
        o->n = (uint64_t)out->length;
        o->layer = 1;
        o->repetition = sink.repetition;
        o->definition = sink.definition;
        memset(&sink.repetition, 0, sizeof sink.repetition);
        memset(&sink.definition, 0, sizeof sink.definition);
    }
    lance_sink_free(&sink);
    return status;
}

/* ---- the tree of types ---- */

static lancelet_status make(nest *c, const struct ArrowSchema *schema, struct ArrowArray *out, outline *o,
                            lancelet_error *err);

/* A child that the file has no leaf of: nulls, or structs without fields, which are never null. */
static lancelet_status make_absent(const struct ArrowSchema *schema, bool stored, uint64_t n, struct ArrowArray *out,
                                   lancelet_error *err)
{
    if (stored)
        return lance_array_struct(n, NULL, 0, NULL, 0, out, err);
    return lance_array_nulls(schema, n, out, err);
}

/* Reads the children that are there; o becomes the outline of the first. */
static lancelet_status make_children(nest *c, const struct ArrowSchema *schema, struct ArrowArray *children,
                                     bool *stored, outline *o, lancelet_error *err)
{
    lancelet_status status = LANCELET_OK;
    for (int64_t i = 0; status == LANCELET_OK && i < schema->n_children; i++) {
        outline child = {0};
        stored[i] = is_empty_struct(schema->children[i]) && c->columns[c->field] != LANCE_NO_COLUMN;
        status = make(c, schema->children[i], &children[i], &child, err);
        if (status != LANCELET_OK || !child.any || o->any) {
            if (status == LANCELET_OK && child.any && child.n != o->n)
                status = misfit(err);
            free_outline(&child);
        } else {
            *o = child;
        }
    }
    for (int64_t i = 0; status == LANCELET_OK && o->any && i < schema->n_children; i++)
        if (!children[i].release)
            status = make_absent(schema->children[i], stored[i], o->n, &children[i], err);
    return status;
}

static lancelet_status make_struct(nest *c, const struct ArrowSchema *schema, struct ArrowArray *out, outline *o,
                                   lancelet_error *err)
{
    size_t n = (size_t)schema->n_children;
    uint64_t nulls;
    uint8_t *validity;
    RETURN_IF_ERROR(push_layer(c, 's', 1, err));
    struct ArrowArray *children = base_calloc(n, sizeof *children);
    bool *stored = base_calloc(n, sizeof *stored);
    lancelet_status status = children && stored ? make_children(c, schema, children, stored, o, err)
                                                : base_fail_memory(err);
    if (status == LANCELET_OK && o->any)
        status = take_validity(o, &validity, &nulls, err);
    if (status == LANCELET_OK && o->any)
        status = lance_array_struct(o->n, validity, nulls, children, n, out, err);
    for (size_t i = 0; children && i < n; i++)
        arrow_array_release(&children[i]);
    base_free(children);
    base_free(stored);
    c->n_layers--;
    return status;
}

static lancelet_status make_list(nest *c, const struct ArrowSchema *schema, struct ArrowArray *out, outline *o,
                                 lancelet_error *err)
{
    struct ArrowArray child = {0};
    int64_t size = arrow_list_size(schema);
    uint64_t factor = c->factor;
    if (schema->n_children != 1 || size == 0)
        return base_fail(err, LANCELET_UNSUPPORTED, "lists of a fixed size of 0 are not supported");
    RETURN_IF_ERROR(push_layer(c, size < 0 ? 'l' : 'f', size < 0 ? 1 : (uint64_t)size, err));
    lancelet_status status = make(c, schema->children[0], &child, o, err);
    c->n_layers--;
    c->factor = factor;
    if (status != LANCELET_OK || !o->any)
        return status;
    return size < 0 ? make_lists(schema, o, &child, out, err) : make_fixed_lists((uint64_t)size, o, &child, out, err);
}

/* out stays released where the file has no leaf of the type. On failure o's buffers are the caller's to free. */
static lancelet_status make(nest *c, const struct ArrowSchema *schema, struct ArrowArray *out, outline *o,
                            lancelet_error *err)
{
    const char *format = schema->format;
    memset(out, 0, sizeof *out);
    if (lance_is_leaf(schema))
        return make_leaf(c, schema, out, o, err);
    c->field++;
    if (strcmp(format, "+s") == 0)
        return make_struct(c, schema, out, o, err);
    if (strcmp(format, "+l") == 0 || strcmp(format, "+L") == 0 || strcmp(format, "+m") == 0 ||
        strncmp(format, "+w:", 3) == 0)
        return make_list(c, schema, out, o, err);
    return base_fail(err, LANCELET_UNSUPPORTED, "columns of the Arrow type '%.40s' are not supported", format);
}

lancelet_status lance_nested_read(const lance_request *r, const uint32_t *columns, const struct ArrowSchema *schema,
                                  struct ArrowArray *out, lancelet_error *err)
{
    nest c = {.request = r, .columns = columns, .factor = 1};
    outline o = {0};
    lancelet_status status = make(&c, schema, out, &o, err);
    free_outline(&o);
    if (status == LANCELET_OK && !o.any)
        return make_absent(schema, is_empty_struct(schema) && columns[0] != LANCE_NO_COLUMN, r->count, out, err);
    if (status == LANCELET_OK && (uint64_t)out->length != r->count)
        status = misfit(err);
    if (status != LANCELET_OK)
        arrow_array_release(out);
    return status;
}
