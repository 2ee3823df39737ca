/* array.c - Arrow arrays of memory that was decoded or of bytes in the mapping, which then hold the file. Every array
 * owns what it points to, so that a consumer may move a child out. Layout:
 * https://arrow.apache.org/docs/format/Columnar.html. */
#include "base/hash.h"
#include "lance/file/page.h"

enum { BUFFERS = 3, DEEPEST = 64 /* types in one another */ };

/* All that one array is made of: memory is owned, buffers point into it or into the file. */
typedef struct parts {
    uint64_t n, nulls;
    int64_t n_buffers;
    const void *buffers[BUFFERS];
    void *memory[BUFFERS];
    lance_file *file; /* a reference to it, or NULL */
    struct ArrowArray *children;
    size_t n_children;
    struct ArrowArray *dictionary;
} parts;

typedef struct holder {
    const void *buffers[BUFFERS];
    void *memory[BUFFERS];
    lance_file *file;
    struct ArrowArray dictionary;
    struct ArrowArray **children;
    struct ArrowArray child[]; /* [n_children], then the pointers to them */
} holder;

static void release_array(struct ArrowArray *a)
{
    holder *h = a->private_data;
    for (int64_t i = 0; i < a->n_children; i++)
        arrow_array_release(&h->child[i]);
    arrow_array_release(&h->dictionary);
    for (size_t i = 0; i < BUFFERS; i++)
        base_free(h->memory[i]);
    lance_file_close(h->file);
    base_free(h);
    a->release = NULL;
}

/* Takes all parts over, also on failure. */
static lancelet_status make(const parts *p, struct ArrowArray *out, lancelet_error *err)
{
    size_t size = sizeof(struct ArrowArray) + sizeof(struct ArrowArray *);
    memset(out, 0, sizeof *out);
    holder *h = p->n_children < (SIZE_MAX - sizeof *h) / size ? base_calloc(1, sizeof *h + p->n_children * size) : NULL;
    if (!h) {
        for (size_t i = 0; i < p->n_children; i++)
            arrow_array_release(&p->children[i]);
        if (p->dictionary)
            arrow_array_release(p->dictionary);
        for (size_t i = 0; i < BUFFERS; i++)
            base_free(p->memory[i]);
        lance_file_close(p->file);
        return base_fail_memory(err);
    }
    memcpy(h->buffers, p->buffers, sizeof h->buffers);
    memcpy(h->memory, p->memory, sizeof h->memory);
    h->file = p->file;
    h->children = (struct ArrowArray **)(void *)&h->child[p->n_children];
    for (size_t i = 0; i < p->n_children; i++) {
        h->child[i] = p->children[i];
        h->children[i] = &h->child[i];
        memset(&p->children[i], 0, sizeof p->children[i]);
    }
    if (p->dictionary) {
        h->dictionary = *p->dictionary;
        memset(p->dictionary, 0, sizeof *p->dictionary);
    }
    *out = (struct ArrowArray){.length = (int64_t)p->n,
                               .null_count = (int64_t)p->nulls,
                               .n_buffers = p->n_buffers,
                               .n_children = (int64_t)p->n_children,
                               .buffers = h->buffers,
                               .children = p->n_children ? h->children : NULL,
                               .dictionary = h->dictionary.release ? &h->dictionary : NULL,
                               .release = release_array,
                               .private_data = h};
    return LANCELET_OK;
}

uint64_t lance_count_nulls(const uint8_t *bits, uint64_t n)
{
    uint64_t valid = 0, i = 0;
    if (!bits)
        return 0;
    for (; i + 64 <= n; i += 64) {
        uint64_t word;
        memcpy(&word, bits + i / 8, 8);
        valid += (uint64_t)__builtin_popcountll(word);
    }
    for (; i < n; i++)
        valid += lance_bit(bits, i);
    return n - valid;
}

lancelet_status lance_array_null(uint64_t n, struct ArrowArray *out, lancelet_error *err)
{
    parts p = {.n = n, .nulls = n};
    return make(&p, out, err);
}

lancelet_status lance_array_fixed(uint64_t n, uint8_t *validity, uint8_t *values, lance_file *file,
                                  struct ArrowArray *out, lancelet_error *err)
{
    parts p = {.n = n,
               .nulls = lance_count_nulls(validity, n),
               .n_buffers = 2,
               .buffers = {validity, values},
               .memory = {validity, file ? NULL : values},
               .file = file ? lance_file_retain(file) : NULL};
    return make(&p, out, err);
}

lancelet_status lance_array_bytes(uint64_t n, uint8_t *validity, uint64_t nulls, uint8_t *offsets, uint8_t *bytes,
                                  struct ArrowArray *out, lancelet_error *err)
{
    parts p = {.n = n,
               .nulls = nulls,
               .n_buffers = 3,
               .buffers = {validity, offsets, bytes},
               .memory = {validity, offsets, bytes}};
    return make(&p, out, err);
}

lancelet_status lance_array_struct(uint64_t n, uint8_t *validity, uint64_t nulls, struct ArrowArray *children,
                                   size_t n_children, struct ArrowArray *out, lancelet_error *err)
{
    parts p = {.n = n,
               .nulls = nulls,
               .n_buffers = 1,
               .buffers = {validity},
               .memory = {validity},
               .children = children,
               .n_children = n_children};
    return make(&p, out, err);
}

lancelet_status lance_array_list(uint64_t n, uint8_t *validity, uint64_t nulls, uint8_t *offsets,
                                 struct ArrowArray *child, struct ArrowArray *out, lancelet_error *err)
{
    parts p = {.n = n,
               .nulls = nulls,
               .n_buffers = offsets ? 2 : 1,
               .buffers = {validity, offsets},
               .memory = {validity, offsets},
               .children = child,
               .n_children = 1};
    return make(&p, out, err);
}

lancelet_status lance_array_borrow(lance_file *f, const lance_type *type, const uint8_t *values, uint64_t n,
                                   struct ArrowArray *out, lancelet_error *err)
{
    struct ArrowArray child;
    uint64_t items = n * type->items;
    RETURN_IF_ERROR(lance_array_fixed(items, NULL, (uint8_t *)(uintptr_t)values, f, &child, err));
    for (size_t d = type->depth; d-- > 0;) {
        struct ArrowArray inner = child;
        items /= type->size[d];
        RETURN_IF_ERROR(lance_array_list(items, NULL, 0, NULL, &inner, &child, err));
    }
    *out = child;
    return LANCELET_OK;
}

/* ---- dictionaries ---- */

/* Bytes of a key, and whether it is signed; 0: not an integer. */
static size_t key_bytes(const char *format, bool *is_signed)
{
    static const char formats[] = "cCsSiIlL";
    const char *at = format[0] && !format[1] ? strchr(formats, *format) : NULL;
    if (!at)
        return 0;
    *is_signed = (at - formats) % 2 == 0;
    return (size_t)1 << ((at - formats) / 2);
}

/* Value i of an array that was decoded here; *bit holds the value of a bool. */
static wire_span value_at(const lance_type *type, const struct ArrowArray *a, uint64_t i, uint8_t *bit)
{
    if (type->kind == LANCE_VARIABLE) {
        const uint8_t *offsets = a->buffers[1];
        size_t word = type->offset_bits / 8;
        uint64_t from = wire_little(offsets + i * word, word), to = wire_little(offsets + (i + 1) * word, word);
        return (wire_span){(const uint8_t *)a->buffers[2] + from, (size_t)(to - from)};
    }
    if (type->kind == LANCE_BOOL) {
        *bit = lance_bit(a->buffers[1], i);
        return (wire_span){bit, 1};
    }
    return (wire_span){(const uint8_t *)a->buffers[1] + i * type->width, type->width};
}

typedef struct distinct {
    lance_type type;
    const struct ArrowArray *values;
    uint64_t *slots; /* [mask + 1] 1 + index of a value in first, 0: free */
    uint64_t mask;
    uint64_t *first; /* [n] the values that are distinct, by their index */
    uint64_t n;
    uint64_t seed; /* so that no file can be made to fill the slots badly */
} distinct;

static uint64_t key_of(distinct *d, uint64_t i)
{
    uint8_t bit, other;
    wire_span v = value_at(&d->type, d->values, i, &bit);
    uint64_t at = base_hash64(v.data, v.size, d->seed) & d->mask;
    for (; d->slots[at] != 0; at = (at + 1) & d->mask) {
        wire_span w = value_at(&d->type, d->values, d->first[d->slots[at] - 1], &other);
        if (w.size == v.size && (v.size == 0 || memcmp(w.data, v.data, v.size) == 0))
            return d->slots[at] - 1;
    }
    d->first[d->n] = i;
    d->slots[at] = ++d->n;
    return d->n - 1;
}

static void put_key(uint8_t *keys, uint64_t i, uint64_t key, size_t bytes)
{
    for (size_t b = 0; b < bytes; b++)
        keys[i * bytes + b] = (uint8_t)(key >> (8 * b));
}

static lancelet_status take_distinct(const distinct *d, const struct ArrowSchema *schema, struct ArrowArray *out,
                                     lancelet_error *err)
{
    lance_sink sink;
    lancelet_status status = lance_sink_open(&sink, &d->type, d->n, UINT64_MAX, err);
    for (uint64_t i = 0; status == LANCELET_OK && i < d->n; i++) {
        uint8_t bit;
        wire_span v = value_at(&d->type, d->values, d->first[i], &bit);
        if (d->type.kind == LANCE_VARIABLE)
            status = lance_sink_bytes(&sink, v.data, v.size, err);
        else if (d->type.kind == LANCE_BOOL)
            lance_sink_bits(&sink, v.data, 0, 1);
        else
            lance_sink_fixed(&sink, v.data, 1);
    }
    if (status == LANCELET_OK)
        status = lance_sink_finish(&sink, schema, out, err);
    lance_sink_free(&sink);
    return status;
}

static lancelet_status encode(const struct ArrowSchema *schema, distinct *d, size_t bytes, bool is_signed,
                              struct ArrowArray *out, lancelet_error *err)
{
    uint64_t n = (uint64_t)d->values->length, most = UINT64_MAX >> (64 - 8 * bytes + is_signed);
    const uint8_t *valid = d->values->buffers[0];
    uint8_t *keys = base_alloc_aligned((size_t)n * bytes + 1);
    uint8_t *validity = valid ? base_alloc_aligned((size_t)(n / 8 + 1)) : NULL;
    struct ArrowArray words;
    lancelet_status status = LANCELET_OK;
    if (!keys || (valid && !validity))
        status = base_fail_memory(err);
    for (uint64_t i = 0; status == LANCELET_OK && i < n; i++)
        put_key(keys, i, valid && !lance_bit(valid, i) ? 0 : key_of(d, i), bytes);
    if (status == LANCELET_OK && d->n > 0 && d->n - 1 > most)
        status = base_fail(err, LANCELET_LIMIT,
                           "the rows have %llu distinct values, more than the dictionary's keys can number; ask for "
                           "fewer rows at once",
                           (unsigned long long)d->n);
    if (status == LANCELET_OK)
        status = take_distinct(d, schema->dictionary, &words, err);
    if (status != LANCELET_OK) {
        base_free(keys);
        base_free(validity);
        return status;
    }
    if (validity)
        memcpy(validity, valid, (size_t)(n / 8 + (n % 8 > 0)));
    parts p = {.n = n,
               .nulls = (uint64_t)d->values->null_count,
               .n_buffers = 2,
               .buffers = {validity, keys},
               .memory = {validity, keys},
               .dictionary = &words};
    return make(&p, out, err);
}

lancelet_status lance_array_dictionary(const struct ArrowSchema *schema, struct ArrowArray *values,
                                       struct ArrowArray *out, lancelet_error *err)
{
    distinct d = {.values = values};
    bool is_signed = false;
    size_t bytes = key_bytes(schema->format, &is_signed), slots = 16;
    lancelet_status status = lance_type_of(schema->dictionary, &d.type, err);
    if (status == LANCELET_OK && (bytes == 0 || schema->dictionary->dictionary || d.type.kind == LANCE_NULL ||
                                  d.type.kind == LANCE_LIST))
        status = base_fail(err, LANCELET_UNSUPPORTED,
                           "dictionaries with keys of '%.20s' and values of '%.20s' are not supported", schema->format,
                           schema->dictionary->format);
    if (status == LANCELET_OK)
        status = base_random(&d.seed, sizeof d.seed, err);
    if (status == LANCELET_OK) {
        while (slots < 2 * (size_t)values->length)
            slots *= 2;
        d.mask = slots - 1;
        d.slots = base_calloc(slots, sizeof *d.slots);
        d.first = base_alloc_array((size_t)values->length + 1, sizeof *d.first);
        status = d.slots && d.first ? encode(schema, &d, bytes, is_signed, out, err) : base_fail_memory(err);
    }
    base_free(d.slots);
    base_free(d.first);
    arrow_array_release(values);
    return status;
}

/* ---- nulls ---- */

static uint8_t *zeros(uint64_t n)
{
    uint8_t *bytes = base_alloc_aligned((size_t)n + 1);
    if (bytes)
        memset(bytes, 0, (size_t)n + 1);
    return bytes;
}

static lancelet_status nulls(const struct ArrowSchema *schema, uint64_t n, int deep, struct ArrowArray *out,
                             lancelet_error *err);

/* Children of a type whose parent is null everywhere, each of `n` nulls. */
static lancelet_status null_children(const struct ArrowSchema *schema, uint64_t n, int deep, parts *p,
                                     lancelet_error *err)
{
    lancelet_status status = LANCELET_OK;
    p->children = base_calloc((size_t)schema->n_children + 1, sizeof *p->children);
    if (!p->children)
        return base_fail_memory(err);
    for (int64_t i = 0; status == LANCELET_OK && i < schema->n_children; i++) {
        status = nulls(schema->children[i], n, deep + 1, &p->children[p->n_children], err);
        p->n_children += status == LANCELET_OK;
    }
    return status;
}

static lancelet_status null_leaf(const struct ArrowSchema *schema, uint64_t n, struct ArrowArray *out,
                                 lancelet_error *err)
{
    lance_type type;
    lance_sink sink;
    RETURN_IF_ERROR(lance_type_of(schema, &type, err));
    lancelet_status status = lance_sink_open(&sink, &type, n, UINT64_MAX, err);
    if (status == LANCELET_OK)
        status = lance_sink_nulls(&sink, n, err);
    if (status == LANCELET_OK)
        status = lance_sink_finish(&sink, schema, out, err);
    lance_sink_free(&sink);
    return status;
}

static lancelet_status nulls(const struct ArrowSchema *schema, uint64_t n, int deep, struct ArrowArray *out,
                             lancelet_error *err)
{
    const char *format = schema->format;
    uint64_t child = n;
    bool list = !strcmp(format, "+l") || !strcmp(format, "+L") || !strcmp(format, "+m");
    memset(out, 0, sizeof *out);
    if (deep == DEEPEST || n > INT64_MAX / 16)
        return base_fail(err, LANCELET_LIMIT, "a column of nulls is too large or nested too deeply");
    if (schema->dictionary || (strcmp(format, "+s") != 0 && schema->n_children == 0))
        return null_leaf(schema, n, out, err);
    if (list) {
        child = 0;
    } else if (strncmp(format, "+w:", 3) == 0) {
        int64_t size = arrow_list_size(schema);
        if (size < 0 || !base_mul_u64(n, (uint64_t)size, &child))
            return base_fail(err, LANCELET_LIMIT, "a column of nulls is too large");
    } else if (strcmp(format, "+s") != 0) {
        return base_fail(err, LANCELET_UNSUPPORTED, "columns of the Arrow type '%.40s' are not supported", format);
    }
    parts p = {.n = n, .nulls = n, .n_buffers = list ? 2 : 1};
    lancelet_status status = null_children(schema, child, deep, &p, err);
    struct ArrowArray *children = p.children;
    p.memory[0] = status == LANCELET_OK ? zeros(n / 8 + 1) : NULL;
    p.memory[1] = status == LANCELET_OK && list ? zeros((n + 1) * (format[1] == 'L' ? 8 : 4)) : NULL;
    memcpy(p.buffers, p.memory, sizeof p.memory);
    if (status == LANCELET_OK && (!p.memory[0] || (list && !p.memory[1])))
        status = base_fail_memory(err);
    if (status == LANCELET_OK) {
        status = make(&p, out, err);
    } else {
        for (size_t i = 0; i < p.n_children; i++)
            arrow_array_release(&p.children[i]);
        base_free(p.memory[0]);
        base_free(p.memory[1]);
    }
    base_free(children);
    return status;
}

lancelet_status lance_array_nulls(const struct ArrowSchema *schema, uint64_t n, struct ArrowArray *out,
                                  lancelet_error *err)
{
    return nulls(schema, n, 0, out, err);
}
