/* write_levels.c - takes Arrow arrays apart: the values of one leaf go behind each other, and repetition and definition
 * levels keep which lists and nulls they stood in (Melnik et al., "Dremel", VLDB 2010; numbered from the inside, see
 * write.h). Whole runs are copied where neighbours are alike. The arrays have passed arrow_check. */
#include <string.h>

#include "base/text.h"
#include "lance/file/write.h"

/* ---- bits ---- */

bool lance_append_bits(base_buffer *b, uint64_t have, const uint8_t *from, uint64_t first, uint64_t n, bool fill)
{
    size_t size = (size_t)((have + n + 7) / 8), at = (size_t)(have / 8);
    unsigned shift = (unsigned)(have % 8);
    if (!base_buffer_reserve(b, size - b->size))
        return false;
    memset(b->data + b->size, 0, size - b->size);
    b->size = size;
    for (uint64_t i = 0; i < n; i += 8, at++) {
        uint64_t left = lance_min(8, n - i), bit = first + i;
        unsigned byte = fill ? 0xff : 0;
        if (from) {
            byte = (unsigned)(from[bit / 8] >> (bit % 8));
            if (bit % 8 + left > 8)
                byte |= (unsigned)from[bit / 8 + 1] << (8 - bit % 8);
        }
        byte &= 0xffu >> (8 - left);
        b->data[at] = (uint8_t)(b->data[at] | byte << shift);
        if (shift + left > 8)
            b->data[at + 1] = (uint8_t)(byte >> (8 - shift));
    }
    return true;
}

/* How many of the n bits from `at` on are like the first. */
static int64_t run_of(const uint8_t *bits, int64_t at, int64_t n, bool *set)
{
    *set = lance_bit(bits, (uint64_t)at);
    uint8_t alike = *set ? 0xff : 0;
    int64_t k = 1;
    while (k < n) {
        if ((at + k) % 8 == 0 && k + 8 <= n && bits[(at + k) / 8] == alike)
            k += 8;
        else if (lance_bit(bits, (uint64_t)(at + k)) == *set)
            k++;
        else
            break;
    }
    return k;
}

/* The run of valid or of null elements that begins at element i of n. */
static int64_t valid_run(const struct ArrowArray *a, int64_t i, int64_t n, bool *valid)
{
    *valid = a->n_buffers > 0; /* the null type has none */
    if (a->n_buffers == 0 || a->null_count == 0 || !a->buffers[0])
        return n - i;
    return run_of(a->buffers[0], a->offset + i, n - i, valid);
}

/* Offset i of a list or of strings, as an element of the child or a byte. */
static int64_t offset_at(const struct ArrowArray *a, bool large, int64_t i)
{
    int64_t wide;
    int32_t narrow;
    if (large) {
        memcpy(&wide, (const uint8_t *)a->buffers[1] + 8 * (a->offset + i), 8);
        return wide;
    }
    memcpy(&narrow, (const uint8_t *)a->buffers[1] + 4 * (a->offset + i), 4);
    return narrow;
}

static bool append_zeros(base_buffer *b, uint64_t n)
{
    if (!base_buffer_reserve(b, (size_t)n))
        return false;
    if (n > 0)
        memset(b->data + b->size, 0, (size_t)n);
    b->size += (size_t)n;
    return true;
}

/* ---- levels ---- */

typedef struct shred {
    lance_pending *p;
    const lance_path *path;
    bool borrow;
    lancelet_error *err;
} shred;

/* n entries of one definition level; the first has repetition level `rep`, the others `again`. */
static bool put_levels(shred *s, int64_t n, uint8_t rep, uint8_t again, uint8_t def)
{
    lance_pending *p = s->p;
    if (n == 0)
        return true;
    if (s->path->lists) {
        if (!base_buffer_reserve(&p->rep, (size_t)n))
            return false;
        memset(p->rep.data + p->rep.size, again, (size_t)n);
        p->rep.data[p->rep.size] = rep;
        p->rep.size += (size_t)n;
    }
    if (def != 0 && p->def.size == 0 && !append_zeros(&p->def, p->levels))
        return false;
    if (def != 0 || p->def.size > 0) {
        if (!base_buffer_reserve(&p->def, (size_t)n))
            return false;
        memset(p->def.data + p->def.size, def, (size_t)n);
        p->def.size += (size_t)n;
    }
    p->levels += (uint64_t)n;
    return true;
}

/* ---- values ---- */

/* n places of values that are not there. */
static bool put_nothing(shred *s, int64_t n)
{
    lance_pending *p = s->p;
    const lance_type *t = &s->path->type;
    bool ok = true;
    if (t->kind == LANCE_VARIABLE)
        ok = append_zeros(&p->lengths, 4 * (uint64_t)n);
    else if (t->width > 0)
        ok = append_zeros(&p->values, (uint64_t)n * t->width);
    else if (t->item_bits == 1)
        ok = lance_append_bits(&p->values, p->items * t->items, NULL, 0, (uint64_t)n * t->items, false);
    for (size_t d = 0; ok && d < t->depth; d++)
        if (p->item_valid[d].size > 0)
            ok = lance_append_bits(&p->item_valid[d], lance_items_down_to(t, d, p->items), NULL, 0,
                                   lance_items_down_to(t, d, (uint64_t)n), true);
    p->items += (uint64_t)n;
    return ok;
}

/* Each string must be UTF-8 by itself: all bytes together are, and none begins inside a character. */
static bool all_text(const struct ArrowArray *a, bool large, int64_t i, int64_t n)
{
    const char *bytes = a->buffers[2];
    int64_t begin = offset_at(a, large, i), end = offset_at(a, large, i + n);
    if (begin == end)
        return true;
    if (!base_utf8_valid(bytes + begin, (size_t)(end - begin)))
        return false;
    for (int64_t k = i; k < i + n; k++) {
        int64_t at = offset_at(a, large, k);
        if (at < end && ((unsigned char)bytes[at] & 0xc0) == 0x80)
            return false;
    }
    return true;
}

static lancelet_status fail_text(const shred *s, const struct ArrowArray *a, bool large, int64_t i, int64_t n)
{
    const char *bytes = a->buffers[2];
    for (int64_t k = i; k < i + n; k++) {
        int64_t begin = offset_at(a, large, k), end = offset_at(a, large, k + 1);
        if (!base_utf8_valid(bytes + begin, (size_t)(end - begin)))
            return base_fail(s->err, LANCELET_INVALID, "the text of %s %lld is not UTF-8", s->path->n ? "item" : "row",
                             (long long)k);
    }
    return base_fail(s->err, LANCELET_INVALID, "a text is not UTF-8");
}

static lancelet_status put_strings(shred *s, const struct ArrowArray *a, int64_t i, int64_t n)
{
    lance_pending *p = s->p;
    bool large = s->path->type.offset_bits == 64;
    int64_t begin = offset_at(a, large, i), end = offset_at(a, large, i + n), last = begin;
    if (s->path->type.text && !all_text(a, large, i, n))
        return fail_text(s, a, large, i, n);
    if (!base_buffer_reserve(&p->lengths, 4 * (size_t)n))
        return base_fail_memory(s->err);
    uint8_t *to = p->lengths.data + p->lengths.size;
    for (int64_t k = 0; k < n; k++) {
        int64_t next = offset_at(a, large, i + k + 1);
        if (next - last > INT32_MAX)
            return base_fail(s->err, LANCELET_LIMIT,
                             "a value of %lld bytes is larger than the 2 GiB that a value may have",
                             (long long)(next - last));
        uint32_t length = (uint32_t)(next - last);
        memcpy(to + 4 * k, &length, 4);
        last = next;
    }
    if (end > begin && !base_buffer_append(&p->values, (const uint8_t *)a->buffers[2] + begin, (size_t)(end - begin)))
        return base_fail_memory(s->err);
    p->lengths.size += 4 * (size_t)n;
    p->items += (uint64_t)n;
    return LANCELET_OK;
}

/* Validity of n items of the fixed-size list number d, in `child` from item `first` on. */
static bool put_item_validity(shred *s, size_t d, const struct ArrowArray *child, uint64_t first, uint64_t n)
{
    base_buffer *bits = &s->p->item_valid[d];
    uint64_t before = lance_items_down_to(&s->path->type, d, s->p->items);
    bool valid = true;
    bool nulls = child->null_count != 0 && child->buffers[0] &&
                 (run_of(child->buffers[0], child->offset + (int64_t)first, (int64_t)n, &valid) < (int64_t)n || !valid);
    if (!nulls && bits->size == 0)
        return true;
    if (bits->size == 0 && before > 0 && !lance_append_bits(bits, 0, NULL, 0, before, true))
        return false;
    return lance_append_bits(bits, before, nulls ? child->buffers[0] : NULL, (uint64_t)child->offset + first, n, true);
}

/* n values that are there. */
static lancelet_status put_values(shred *s, const struct ArrowArray *a, int64_t i, int64_t n)
{
    lance_pending *p = s->p;
    const lance_type *t = &s->path->type;
    uint64_t first = (uint64_t)i, items = (uint64_t)n;
    if (t->kind == LANCE_VARIABLE)
        return put_strings(s, a, i, n);
    for (size_t d = 0; d < t->depth; d++) {
        first = (first + (uint64_t)a->offset) * t->size[d];
        items *= t->size[d];
        a = a->children[0];
        if (!put_item_validity(s, d, a, first, items))
            return base_fail_memory(s->err);
    }
    first += (uint64_t)a->offset;
    bool ok = true;
    if (t->item_bits == 1) {
        ok = lance_append_bits(&p->values, p->items * t->items, a->buffers[1], first, items, false);
    } else if (t->width > 0) {
        const uint8_t *from = (const uint8_t *)a->buffers[1] + first * (t->item_bits / 8);
        if (s->borrow)
            p->borrowed = from;
        else
            ok = base_buffer_append(&p->values, from, (size_t)n * t->width);
    }
    p->items += (uint64_t)n;
    return ok ? LANCELET_OK : base_fail_memory(s->err);
}

/* One element of a dictionary array, as the value that it stands for. */
static bool dictionary_index(const struct ArrowSchema *schema, const struct ArrowArray *a, int64_t i, int64_t *out)
{
    struct ArrowSchema index = *schema;
    index.dictionary = NULL;
    return arrow_int(&index, a, i, out) && *out >= 0 && *out < a->dictionary->length && !arrow_is_null(a->dictionary, *out);
}

static lancelet_status fail_null(const shred *s, const struct ArrowSchema *schema)
{
    return base_fail(s->err, LANCELET_INVALID, "the field '%s' may not be null, but it is in a row to add",
                     schema->name ? schema->name : "");
}

static lancelet_status put_leaf(shred *s, const struct ArrowSchema *schema, const struct ArrowArray *a, int64_t first,
                                int64_t n, uint8_t rep, uint8_t again)
{
    for (int64_t i = first, k; i < first + n; i += k) {
        bool valid;
        int64_t value = i;
        const struct ArrowArray *values = a;
        k = valid_run(a, i, first + n, &valid);
        if (a->dictionary) {
            k = 1;
            valid = dictionary_index(schema, a, i, &value);
            values = a->dictionary;
        }
        if (s->path->type.kind == LANCE_NULL)
            valid = false;
        else if (!valid && !(schema->flags & ARROW_FLAG_NULLABLE))
            return fail_null(s, schema);
        if (!put_levels(s, k, i == first ? rep : again, again, valid ? 0 : 1))
            return base_fail_memory(s->err);
        if (valid)
            RETURN_IF_ERROR(put_values(s, values, value, k));
        else if (!put_nothing(s, k))
            return base_fail_memory(s->err);
    }
    return LANCELET_OK;
}

/* ---- lists and structs ---- */

static lancelet_status put_elements(shred *s, const struct ArrowSchema *schema, const struct ArrowArray *a, size_t depth,
                                    int64_t first, int64_t n, uint8_t rep, uint8_t again);

/* n valid lists; `again` is the repetition level of one behind another. */
static lancelet_status put_lists(shred *s, const struct ArrowSchema *schema, const struct ArrowArray *a, size_t depth,
                                 int64_t first, int64_t n, uint8_t rep, uint8_t again)
{
    const lance_layer *layer = &s->path->layer[depth];
    const struct ArrowSchema *child_schema = schema->children[0];
    const struct ArrowArray *child = a->children[0];
    for (int64_t i = first, next; i < first + n; i = next) {
        int64_t begin = offset_at(a, layer->large, i), end = offset_at(a, layer->large, i + 1);
        uint8_t own = i == first ? rep : again;
        next = i + 1;
        if (begin == end) {
            if (!put_levels(s, 1, own, again, layer->empty))
                return base_fail_memory(s->err);
            continue;
        }
        /* Without lists further in, an element is an entry: many lists at once, and their beginnings marked then. */
        for (int64_t e; layer->repeat == 0 && next < first + n; next++, end = e)
            if ((e = offset_at(a, layer->large, next + 1)) == end)
                break;
        size_t at = s->p->rep.size;
        RETURN_IF_ERROR(put_elements(s, child_schema, child, depth + 1, begin, end - begin, own, layer->repeat));
        for (int64_t k = i + 1; k < next; k++)
            s->p->rep.data[at + (size_t)(offset_at(a, layer->large, k) - begin)] = again;
    }
    return LANCELET_OK;
}

/* Elements [first, first + n) of the array at `depth`; the first has repetition level `rep`, the others `again`. */
static lancelet_status put_elements(shred *s, const struct ArrowSchema *schema, const struct ArrowArray *a, size_t depth,
                                    int64_t first, int64_t n, uint8_t rep, uint8_t again)
{
    const lance_path *path = s->path;
    if (depth == path->n)
        return put_leaf(s, schema, a, first, n, rep, again);
    const lance_layer *layer = &path->layer[depth];
    for (int64_t i = first, k; i < first + n; i += k) {
        bool valid;
        k = valid_run(a, i, first + n, &valid);
        uint8_t own = i == first ? rep : again;
        if (!valid && !(schema->flags & ARROW_FLAG_NULLABLE)) {
            return fail_null(s, schema);
        } else if (!valid) {
            if (!put_levels(s, k, own, again, layer->null) || (layer->null <= path->visible && !put_nothing(s, k)))
                return base_fail_memory(s->err);
        } else if (layer->list) {
            RETURN_IF_ERROR(put_lists(s, schema, a, depth, i, k, own, again));
        } else {
            RETURN_IF_ERROR(put_elements(s, schema->children[layer->child], a->children[layer->child], depth + 1,
                                         a->offset + i, k, own, again));
        }
    }
    return LANCELET_OK;
}

static bool no_null(const struct ArrowArray *a, int64_t first, int64_t n)
{
    bool valid;
    return valid_run(a, first, first + n, &valid) == n && valid;
}

lancelet_status lance_pending_add(lance_pending *p, const lance_path *path, const struct ArrowSchema *schema,
                                  const struct ArrowArray *a, int64_t first, int64_t n, bool borrow, lancelet_error *err)
{
    shred s = {.p = p, .path = path, .err = err};
    s.borrow = borrow && p->rows == 0 && path->n == 0 && path->type.width > 0 && !a->dictionary &&
               no_null(a, first, n);
    p->rows += (uint64_t)n;
    return put_elements(&s, schema, a, 0, first, n, path->lists, path->lists);
}

uint64_t lance_rows_bytes(const lance_path *path, const struct ArrowArray *a, int64_t row)
{
    const lance_type *t = &path->type;
    int64_t at = row;
    for (size_t i = 0; i < path->n; i++) {
        const lance_layer *layer = &path->layer[i];
        at = !layer->list ? a->offset + at : a->length > 0 ? offset_at(a, layer->large, at) : 0;
        a = a->children[layer->child];
    }
    uint64_t items = (uint64_t)at, bytes = path->lists ? 2 * (items + (uint64_t)row) : 0;
    if (t->width > 0)
        return bytes + items * t->width;
    if (t->item_bits == 1)
        return bytes + items * t->items / 8;
    if (t->kind == LANCE_VARIABLE && !a->dictionary && a->length > 0)
        return bytes + 4 * items + (uint64_t)offset_at(a, t->offset_bits == 64, at);
    return bytes + 4 * items;
}

uint64_t lance_pending_bytes(const lance_pending *p)
{
    return (uint64_t)p->values.size + p->lengths.size + p->rep.size + p->def.size;
}

size_t lance_pending_capacity(const lance_pending *p)
{
    size_t capacity = p->values.capacity + p->lengths.capacity + p->rep.capacity + p->def.capacity;
    for (size_t d = 0; d < LANCE_DIMENSIONS; d++)
        capacity += p->item_valid[d].capacity;
    return capacity;
}

bool lance_has_dictionary(const lance_path *path, const struct ArrowSchema *column)
{
    for (size_t i = 0; i < path->n; i++)
        column = column->children[path->layer[i].child];
    return column->dictionary != NULL;
}

void lance_pending_clear(lance_pending *p)
{
    p->rows = p->levels = p->items = 0;
    p->rep.size = p->def.size = p->values.size = p->lengths.size = 0;
    for (size_t d = 0; d < LANCE_DIMENSIONS; d++)
        p->item_valid[d].size = 0;
    p->borrowed = NULL;
}

void lance_pending_free(lance_pending *p)
{
    base_buffer_free(&p->rep);
    base_buffer_free(&p->def);
    base_buffer_free(&p->values);
    base_buffer_free(&p->lengths);
    for (size_t d = 0; d < LANCE_DIMENSIONS; d++)
        base_buffer_free(&p->item_valid[d]);
}
