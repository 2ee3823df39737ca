/* write_pages.c - one page from collected rows, in the plain encodings that every reader of 2.1 and 2.2 knows
 * (docs/lance-format.md has the bytes): no value among the rows -> Constant; values of less than 256 bytes -> MiniBlock;
 * longer ones -> FullZip, which also takes rows whose levels no chunk has room for. A column that is stored as a dictionary
 * gets one for each page. The border at 256 bytes is the one that Lance's own writer uses. */
#include "base/hash.h"
#include "lance/file/write.h"

enum {
    NARROW = 256, /* bytes a value: from here on FullZip */
    ALL_VALID_ITEM = 1,
    ALL_VALID_LIST = 2,
    NULLABLE_ITEM = 3,
    NULLABLE_LIST = 4,
    EMPTYABLE_LIST = 5,
    NULL_AND_EMPTY_LIST = 6,
};

bool lance_put_flat(base_buffer *b, uint32_t field, uint64_t bits)
{
    base_buffer flat = {0}, encoding = {0};
    bool ok = wire_put_varint(&flat, 1, bits) &&
              wire_put_bytes(&encoding, LANCE_FLAT, flat.data, flat.size) &&
              wire_put_bytes(b, field, encoding.data, encoding.size);
    base_buffer_free(&flat);
    base_buffer_free(&encoding);
    return ok;
}

/* From the fixed-size list number d inwards. */
static bool put_from(base_buffer *b, uint32_t field, const lance_type *type, const uint8_t *const *item_valid, size_t d)
{
    bool list = d < type->depth;
    if (!list && type->kind != LANCE_VARIABLE)
        return lance_put_flat(b, field, type->item_bits);
    base_buffer body = {0}, encoding = {0};
    bool ok = list ? wire_put_varint(&body, 1, type->size[d]) && put_from(&body, 2, type, item_valid, d + 1) &&
                         (!item_valid || !item_valid[d] || wire_put_varint(&body, 3, 1))
                   : lance_put_flat(&body, 1, type->offset_bits);
    ok = ok && wire_put_bytes(&encoding, list ? LANCE_FIXED_SIZE_LIST : LANCE_VARIABLE_LEAF, body.data, body.size) &&
         wire_put_bytes(b, field, encoding.data, encoding.size);
    base_buffer_free(&body);
    base_buffer_free(&encoding);
    return ok;
}

bool lance_put_values(base_buffer *b, uint32_t field, const lance_type *type, const uint8_t *const *item_valid)
{
    return put_from(b, field, type, item_valid, 0);
}

/* ---- levels ---- */

/* A null struct around a list that itself is never null: Lance's reader (14.0.2) counts such nulls wrong when the list's
 * layer has no level of its own. */
static bool struct_null_around(const lance_path *path, size_t layer, const uint64_t *used)
{
    while (layer-- > 0)
        if (!path->layer[layer].list && used[path->layer[layer].null] > 0)
            return true;
    return false;
}

static void use_levels(const lance_rows *r, lance_levels *out)
{
    const lance_path *path = r->path;
    uint64_t used[256] = {0};
    *out = (lance_levels){0};
    if (r->def)
        for (uint64_t i = 0; i < r->levels; i++)
            used[r->def[i]]++;
    out->any_value = !r->def || used[0] > 0;
    if (used[1])
        out->map[1] = ++out->most;
    out->layers[out->n++] = used[1] ? NULLABLE_ITEM : ALL_VALID_ITEM;
    for (size_t i = path->n; i-- > 0;) {
        const lance_layer *layer = &path->layer[i];
        bool null = used[layer->null] > 0, empty = layer->list && used[layer->empty] > 0;
        if (layer->list && !empty && struct_null_around(path, i, used))
            null = true;
        if (null)
            out->map[layer->null] = ++out->most;
        if (empty)
            out->map[layer->empty] = ++out->most;
        out->layers[out->n++] = !layer->list    ? (null ? NULLABLE_ITEM : ALL_VALID_ITEM)
                                : null && empty ? NULL_AND_EMPTY_LIST
                                : null          ? NULLABLE_LIST
                                : empty         ? EMPTYABLE_LIST
                                                : ALL_VALID_LIST;
    }
}

/* ---- Constant ---- */

static bool append_u16(base_buffer *b, const uint8_t *levels, const uint8_t *map, uint64_t n)
{
    bool ok = true;
    for (uint64_t i = 0; ok && i < n; i++)
        ok = wire_put_little(b, map ? map[levels[i]] : levels[i], 2);
    return ok;
}

/* Levels are stored only where they tell more than that each row is null. */
static bool make_constant(const lance_rows *r, const lance_levels *levels, lance_made_page *out)
{
    base_buffer body = {0};
    bool ok = true;
    if (r->path->n > 0) {
        out->n_buffers = 2;
        ok = (!r->rep || append_u16(&out->buffers[0], r->rep, NULL, r->levels)) &&
             (!r->def || append_u16(&out->buffers[1], r->def, levels->map, r->levels));
    }
    ok = ok && wire_put_packed(&body, 5, levels->layers, levels->n) &&
         wire_put_bytes(&out->layout, LANCE_LAYOUT_CONSTANT, body.data, body.size);
    base_buffer_free(&body);
    return ok;
}

/* ---- FullZip ---- */

static unsigned bits_for(unsigned most)
{
    unsigned bits = 0;
    while (most >> bits)
        bits++;
    return bits;
}

typedef struct zip {
    const lance_rows *r;
    const lance_levels *levels;
    unsigned rep_bits, def_bits;
    size_t word;     /* bytes of a control word */
    size_t lengths;  /* bytes of a string's length, 0: fixed width */
    size_t validity; /* bytes of a value's item validity, all its fixed-size lists together */
    uint64_t size;   /* of the zipped values */
} zip;

static uint64_t string_bytes(const lance_rows *r)
{
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < r->items; i++)
        bytes += lance_length_at(r->lengths, i);
    return bytes;
}

static void plan_zip(zip *z)
{
    const lance_rows *r = z->r;
    const lance_type *t = &r->path->type;
    z->rep_bits = bits_for(r->path->lists);
    z->def_bits = bits_for(z->levels->most);
    z->word = (z->rep_bits + z->def_bits + 7) / 8;
    z->lengths = t->offset_bits / 8;
    for (size_t d = 0; d < t->depth; d++)
        z->validity += r->item_valid[d] ? (size_t)((lance_items_down_to(t, d, 1) + 7) / 8) : 0;
    z->size = r->levels * z->word;
    if (t->kind != LANCE_VARIABLE) {
        z->size += r->items * (t->width + z->validity);
        return;
    }
    for (uint64_t i = 0; i < r->levels; i++) /* a null string is its control word alone */
        z->size += !r->def || r->def[i] == 0 ? z->lengths : 0;
    z->size += string_bytes(r);
}

static uint8_t *put_number(uint8_t *to, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(v >> (8 * i));
    return to + n;
}

/* The validity of the items of value k, that of each list from bit 0 of its first byte on. */
static uint8_t *put_validity(const zip *z, uint64_t k, uint8_t *to)
{
    const lance_type *t = &z->r->path->type;
    memset(to, 0, z->validity);
    for (size_t d = 0; d < t->depth; d++) {
        uint64_t n = lance_items_down_to(t, d, 1), first = (z->r->first_item + k) * n;
        if (!z->r->item_valid[d])
            continue;
        for (uint64_t i = 0; i < n; i++)
            if (lance_bit(z->r->item_valid[d], first + i))
                to[i / 8] = (uint8_t)(to[i / 8] | 1u << (i % 8));
        to += (n + 7) / 8;
    }
    return to;
}

/* Writes all entries to `begin` [size] and where each row begins to `index` [(rows + 1) * width], if there is one. */
static void zip_entries(const zip *z, uint8_t *begin, uint8_t *index, size_t width)
{
    const lance_rows *r = z->r;
    const uint8_t *value = r->values;
    uint8_t *to = begin;
    uint64_t item = 0;
    for (uint64_t i = 0; i < r->levels; i++) {
        uint8_t rep = r->rep ? r->rep[i] : 0, def = r->def ? r->def[i] : 0;
        if (index && rep == r->path->lists)
            index = put_number(index, (uint64_t)(to - begin), width);
        to = put_number(to, (uint64_t)rep << z->def_bits | z->levels->map[def], z->word);
        if (!lance_entry_visible(r, i))
            continue;
        size_t n = z->lengths ? lance_length_at(r->lengths, item) : r->path->type.width;
        if (z->lengths && def == 0)
            to = put_number(to, n, z->lengths);
        if (z->validity)
            to = put_validity(z, item, to);
        if (n > 0)
            memcpy(to, value, n);
        to += n;
        value += n;
        item++;
    }
    if (index)
        put_number(index, (uint64_t)(to - begin), width);
}

static bool zip_buffers(const zip *z, lance_made_page *out)
{
    const lance_rows *r = z->r;
    bool indexed = z->lengths > 0 || r->rep;
    out->n_buffers = indexed ? 2 : 1;
    if (z->word == 0 && z->lengths == 0 && z->validity == 0) {
        out->borrowed = (wire_span){r->values, (size_t)z->size};
        return true;
    }
    size_t width = z->size <= 0xff ? 1 : z->size <= 0xffff ? 2 : z->size <= UINT32_MAX ? 4 : 8;
    size_t index = indexed ? (size_t)(r->rows + 1) * width : 0;
    if (!base_buffer_reserve(&out->buffers[0], (size_t)z->size) || !base_buffer_reserve(&out->buffers[1], index))
        return false;
    zip_entries(z, out->buffers[0].data, indexed ? out->buffers[1].data : NULL, width);
    out->buffers[0].size = (size_t)z->size;
    out->buffers[1].size = index;
    return true;
}

static bool make_fullzip(const lance_rows *r, const lance_levels *levels, lance_made_page *out)
{
    const lance_type *t = &r->path->type;
    zip z = {.r = r, .levels = levels};
    base_buffer body = {0};
    plan_zip(&z);
    bool ok = zip_buffers(&z, out);
    if (z.rep_bits)
        ok = ok && wire_put_varint(&body, 1, z.rep_bits);
    if (z.def_bits)
        ok = ok && wire_put_varint(&body, 2, z.def_bits);
    ok = ok && wire_put_varint(&body, z.lengths ? 4 : 3, z.lengths ? 8 * z.lengths : 8 * (t->width + z.validity)) &&
         wire_put_varint(&body, 5, r->levels) && wire_put_varint(&body, 6, r->items) &&
         lance_put_values(&body, 7, t, r->item_valid) && wire_put_packed(&body, 8, levels->layers, levels->n) &&
         wire_put_bytes(&out->layout, LANCE_LAYOUT_FULLZIP, body.data, body.size);
    base_buffer_free(&body);
    return ok;
}

/* ---- dictionaries ---- */

typedef struct dictionary {
    base_map64 *map;     /* value to index */
    base_buffer values;  /* the bytes of all values */
    base_buffer ends;    /* u64 [page.n] end of each in `values` */
    base_buffer indices; /* [items] of index_bits */
    lance_dictionary_page page;
} dictionary;

static bool find_index(dictionary *d, const uint8_t *value, size_t n, uint64_t *index)
{
    if (base_map64_get(d->map, value, n, index))
        return true;
    *index = d->page.n++;
    return base_buffer_append(&d->values, value, n) && wire_put_little(&d->ends, d->values.size, 8) &&
           base_map64_set(d->map, value, n, *index);
}

static bool collect_values(dictionary *d, const lance_rows *r)
{
    const lance_type *t = &r->path->type;
    const uint8_t *value = r->values;
    uint64_t item = 0;
    bool ok = true;
    for (uint64_t i = 0; ok && i < r->levels && d->page.n <= r->path->most_indices; i++) {
        uint64_t index = 0; /* of a null: any */
        if (!lance_entry_visible(r, i))
            continue;
        size_t n = r->lengths ? lance_length_at(r->lengths, item) : t->width;
        if (!r->def || r->def[i] == 0)
            ok = find_index(d, n ? value : (const uint8_t *)"", n, &index);
        ok = ok && wire_put_little(&d->indices, index, r->path->index_bits / 8);
        if (n > 0)
            value += n;
        item++;
    }
    return ok;
}

/* Fixed width: the values. Strings: bits of an offset, where the bytes begin, offsets from there, the bytes. */
static bool put_block(dictionary *d)
{
    base_buffer *b = &d->page.block;
    size_t word = d->page.type->offset_bits / 8;
    bool ok = true;
    if (word > 0) {
        ok = wire_put_little(b, 8 * word, word) && wire_put_little(b, word * (d->page.n + 3), word) &&
             wire_put_little(b, 0, word);
        for (uint64_t i = 0; ok && i < d->page.n; i++)
            ok = wire_put_little(b, wire_little(d->ends.data + 8 * i, 8), word);
    }
    return ok && (d->values.size == 0 || base_buffer_append(b, d->values.data, d->values.size));
}

static bool make_dictionary(const lance_rows *r, const lance_levels *levels, int minor, lance_made_page *out, bool *too_much)
{
    dictionary d = {.map = base_map64_create(), .page.type = &r->path->type};
    bool ok = d.map && collect_values(&d, r);
    *too_much = ok && d.page.n > r->path->most_indices;
    if (ok && !*too_much && (ok = put_block(&d))) {
        lance_path path = *r->path;
        lance_rows indices = *r;
        path.type = (lance_type){
            .kind = LANCE_FIXED, .items = 1, .item_bits = path.index_bits, .width = path.index_bits / 8};
        indices.path = &path;
        indices.values = d.indices.data;
        indices.lengths = NULL;
        ok = lance_miniblock_make(&indices, levels, &d.page, minor, out, too_much);
    }
    base_map64_destroy(d.map);
    base_buffer_free(&d.values);
    base_buffer_free(&d.ends);
    base_buffer_free(&d.indices);
    base_buffer_free(&d.page.block);
    return ok;
}

/* ---- which layout ---- */

static bool is_narrow(const lance_rows *r)
{
    const lance_type *t = &r->path->type;
    if (t->kind != LANCE_VARIABLE)
        return t->width < NARROW; /* of bits 0 */
    for (uint64_t i = 0; i < r->items; i++)
        if (lance_length_at(r->lengths, i) >= NARROW)
            return false;
    return true;
}

lancelet_status lance_page_make(const lance_rows *r, int minor, lance_made_page *out, bool *too_much, lancelet_error *err)
{
    lance_levels levels;
    bool ok = true, zipped = false;
    memset(out, 0, sizeof *out);
    *too_much = false;
    use_levels(r, &levels);
    if (!levels.any_value)
        ok = make_constant(r, &levels, out);
    else if (r->path->index_bits)
        ok = make_dictionary(r, &levels, minor, out, too_much);
    else if (is_narrow(r))
        ok = lance_miniblock_make(r, &levels, NULL, minor, out, too_much);
    else
        zipped = true;
    if (*too_much && r->path->index_bits == 0 && r->path->type.item_bits != 1)
        zipped = true;
    if (ok && zipped) {
        *too_much = false;
        ok = make_fullzip(r, &levels, out);
    }
    if (ok)
        return LANCELET_OK;
    lance_made_page_free(out);
    return base_fail_memory(err);
}

void lance_made_page_free(lance_made_page *page)
{
    base_buffer_free(&page->layout);
    for (size_t i = 0; i < sizeof page->buffers / sizeof *page->buffers; i++)
        base_buffer_free(&page->buffers[i]);
}

bool lance_rows_halve(const lance_rows *r, lance_rows *first, lance_rows *second)
{
    const lance_type *t = &r->path->type;
    uint64_t at = 0, rows = 0, items = 0, bytes = 0;
    if (r->rows < 2)
        return false;
    for (; at < r->levels; at++) { /* up to the beginning of the row in the middle */
        if (!r->rep || r->rep[at] == r->path->lists) {
            if (rows == r->rows / 2)
                break;
            rows++;
        }
        if (lance_entry_visible(r, at)) {
            bytes += t->kind == LANCE_VARIABLE ? lance_length_at(r->lengths, items) : t->width;
            items++;
        }
    }
    *first = *second = *r;
    first->rows = rows;
    first->levels = at;
    first->items = items;
    second->rows -= rows;
    second->levels -= at;
    second->items -= items;
    second->first_item += items;
    second->rep = r->rep ? r->rep + at : NULL;
    second->def = r->def ? r->def + at : NULL;
    second->lengths = r->lengths ? r->lengths + 4 * items : NULL;
    if (r->values && t->item_bits != 1)
        second->values = r->values + bytes;
    return true;
}
