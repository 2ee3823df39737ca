/* write_miniblock.c - a MiniBlock page: chunks of about 4 KiB of values, a power of two of them in each but the last, with
 * the levels of these values in front; and for lists the repetition index, which tells how many rows end in each chunk. */
#include "lance/file/write.h"

enum {
    CHUNK_BYTES = 4096,      /* of values, aimed at */
    CHUNK_VALUES = 4096,     /* at most */
    CHUNK_LIMIT = 32 * 1024, /* bytes that a chunk of 2.1 can say it has */
    HEADER = 96,             /* of a chunk, paddings included, at most */
};

/* A chunk's part of the page. */
typedef struct chunk {
    uint64_t level, levels; /* the first entry, and how many */
    uint64_t item, items;
    uint64_t byte, bytes; /* of strings */
    bool last;
} chunk;

typedef struct miniblock {
    const lance_rows *r;
    const lance_levels *levels;
    int minor;
    lance_made_page *out;
    base_buffer index; /* u64 rows that end in a chunk, u64 entries behind them */
} miniblock;

static bool has_def(const miniblock *m)
{
    return m->levels->most > 0;
}

/* Bytes of the validity that a chunk has of the items of fixed-size list number d; 0: none. */
static uint64_t validity_bytes(const lance_rows *r, size_t d, uint64_t items)
{
    return r->item_valid[d] ? (lance_items_down_to(&r->path->type, d, items) + 7) / 8 : 0;
}

/* Bytes of a chunk's values. */
static uint64_t value_bytes(const lance_rows *r, uint64_t items, uint64_t strings)
{
    const lance_type *t = &r->path->type;
    if (t->kind == LANCE_VARIABLE)
        return strings + (items + 1) * (t->offset_bits / 8);
    return t->item_bits == 1 ? (items * t->items + 7) / 8 : items * t->width;
}

/* How many values the chunk that begins at *c gets. false: no chunk can begin so. */
static bool choose_chunk(const miniblock *m, chunk *c)
{
    const lance_rows *r = m->r;
    uint64_t left = r->items - c->item, level_bytes = (r->rep ? 2u : 0u) + (has_def(m) ? 2u : 0u);
    uint64_t items = 0, levels = 0, bytes = 0; /* counted so far */
    bool found = false;
    for (uint64_t n = 2; n <= CHUNK_VALUES; n *= 2) {
        uint64_t wanted = lance_min(n, left);
        for (; items < wanted; items++) {
            if (r->lengths)
                bytes += lance_length_at(r->lengths, c->item + items);
            while (!lance_entry_visible(r, c->level + levels))
                levels++;
            levels++;
        }
        bool last = wanted == left;
        if (last)
            levels = r->levels - c->level; /* lists without values at the end belong to it */
        uint64_t size = value_bytes(r, items, bytes);
        for (size_t d = 0; d < r->path->type.depth; d++)
            size += validity_bytes(r, d, items);
        if (HEADER + size + levels * level_bytes > CHUNK_LIMIT || (found && size > CHUNK_BYTES))
            break;
        found = true;
        c->items = items;
        c->levels = levels;
        c->bytes = bytes;
        c->last = last;
        if (last)
            break;
    }
    return found;
}

static bool pad(base_buffer *b, size_t multiple)
{
    static const uint8_t zeros[8];
    size_t over = b->size % multiple;
    return over == 0 || base_buffer_append(b, zeros, multiple - over);
}

static bool put_levels(base_buffer *b, const uint8_t *levels, const uint8_t *map, uint64_t n)
{
    if (!base_buffer_reserve(b, 2 * (size_t)n + 8))
        return false;
    uint8_t *to = b->data + b->size;
    for (uint64_t i = 0; i < n; i++) {
        to[2 * i] = levels ? (map ? map[levels[i]] : levels[i]) : 0;
        to[2 * i + 1] = 0;
    }
    b->size += 2 * (size_t)n;
    return pad(b, 8);
}

static bool put_values(const miniblock *m, const chunk *c)
{
    const lance_rows *r = m->r;
    const lance_type *t = &r->path->type;
    base_buffer *b = &m->out->buffers[1];
    uint64_t first = r->first_item + c->item;
    for (size_t d = 0; d < t->depth; d++)
        if (r->item_valid[d] &&
            !(lance_append_bits(b, 8 * (uint64_t)b->size, r->item_valid[d], lance_items_down_to(t, d, first),
                                lance_items_down_to(t, d, c->items), true) && pad(b, 8)))
            return false;
    if (t->item_bits == 1)
        return lance_append_bits(b, 8 * (uint64_t)b->size, r->values, first * t->items, c->items * t->items, false);
    if (t->width > 0)
        return base_buffer_append(b, r->values + c->item * t->width, (size_t)c->items * t->width);
    size_t word = t->offset_bits / 8;
    uint64_t offset = (c->items + 1) * word;
    if (!base_buffer_reserve(b, (size_t)(offset + c->bytes)))
        return false;
    uint8_t *to = b->data + b->size;
    for (uint64_t i = 0; i <= c->items; i++, to += word) {
        for (size_t k = 0; k < word; k++)
            to[k] = (uint8_t)(offset >> (8 * k));
        if (i < c->items)
            offset += lance_length_at(r->lengths, c->item + i);
    }
    if (c->bytes > 0)
        memcpy(to, r->values + c->byte, (size_t)c->bytes);
    b->size += (size_t)offset;
    return true;
}

static bool put_chunk(miniblock *m, const chunk *c)
{
    const lance_rows *r = m->r;
    const lance_type *t = &r->path->type;
    base_buffer *b = &m->out->buffers[1];
    size_t start = b->size, size_bytes = m->minor >= 2 ? 4 : 2, log = 0;
    uint64_t size = value_bytes(r, c->items, c->bytes), word = t->offset_bits / 8;
    if (word) /* readers refuse another length */
        size = (size + word - 1) / word * word;
    bool ok = wire_put_little(b, r->rep || has_def(m) ? c->levels : 0, 2) &&
              (!r->rep || wire_put_little(b, 2 * c->levels, 2)) && (!has_def(m) || wire_put_little(b, 2 * c->levels, 2));
    for (size_t d = 0; ok && d < t->depth; d++)
        ok = !r->item_valid[d] || wire_put_little(b, validity_bytes(r, d, c->items), size_bytes);
    ok = ok && wire_put_little(b, size, size_bytes) && pad(b, 8);
    if (r->rep)
        ok = ok && put_levels(b, r->rep + c->level, NULL, c->levels);
    if (has_def(m))
        ok = ok && put_levels(b, r->def ? r->def + c->level : NULL, m->levels->map, c->levels);
    ok = ok && put_values(m, c) && pad(b, 8);
    while (!c->last && (uint64_t)1 << log < c->items)
        log++;
    return ok && wire_put_little(&m->out->buffers[0], ((b->size - start) / 8 - 1) << 4 | log, m->minor >= 2 ? 4 : 2);
}

/* A row ends where the next begins; what is behind the last end in this chunk is part of a row that goes on. */
static bool put_index(miniblock *m, const chunk *c)
{
    uint64_t ends = 0, end = c->level;
    for (uint64_t i = c->level + 1; i <= c->level + c->levels; i++)
        if (i == m->r->levels || m->r->rep[i] == m->r->path->lists) {
            ends++;
            end = i;
        }
    return wire_put_little(&m->index, ends, 8) && wire_put_little(&m->index, c->level + c->levels - end, 8);
}

static bool put_chunks(miniblock *m, bool *too_much)
{
    chunk c = {0};
    bool ok = true;
    *too_much = false;
    while (ok && c.item < m->r->items) {
        *too_much = !choose_chunk(m, &c);
        if (*too_much)
            return true;
        ok = put_chunk(m, &c) && (!m->r->rep || put_index(m, &c));
        c.level += c.levels;
        c.item += c.items;
        c.byte += c.bytes;
    }
    return ok;
}

static bool put_layout(const miniblock *m, const lance_dictionary_page *dictionary)
{
    const lance_rows *r = m->r;
    base_buffer body = {0};
    uint64_t value_buffers = 1;
    for (size_t d = 0; d < LANCE_DIMENSIONS; d++)
        value_buffers += r->item_valid[d] != NULL;
    bool ok = (!r->rep || lance_put_flat(&body, 1, 16)) && (!has_def(m) || lance_put_flat(&body, 2, 16)) &&
              lance_put_values(&body, 3, &r->path->type, r->item_valid);
    if (dictionary)
        ok = ok && lance_put_values(&body, 4, dictionary->type, NULL) && wire_put_varint(&body, 5, dictionary->n);
    ok = ok && wire_put_packed(&body, 6, m->levels->layers, m->levels->n) &&
         wire_put_varint(&body, 7, value_buffers) && (!r->rep || wire_put_varint(&body, 8, 1)) &&
         wire_put_varint(&body, 9, r->items) && (m->minor < 2 || wire_put_varint(&body, 10, 1)) &&
         wire_put_bytes(&m->out->layout, LANCE_LAYOUT_MINIBLOCK, body.data, body.size);
    base_buffer_free(&body);
    return ok;
}

/* The dictionary and the repetition index stand behind the chunks, in this order. */
static bool put_more_buffers(miniblock *m, const lance_dictionary_page *dictionary)
{
    lance_made_page *out = m->out;
    out->n_buffers = 2;
    if (dictionary &&
        !base_buffer_append(&out->buffers[out->n_buffers++], dictionary->block.data, dictionary->block.size))
        return false;
    if (m->r->rep) {
        out->buffers[out->n_buffers++] = m->index;
        m->index = (base_buffer){0};
    }
    return true;
}

bool lance_miniblock_make(const lance_rows *r, const lance_levels *levels, const lance_dictionary_page *dictionary,
                          int minor, lance_made_page *out, bool *too_much)
{
    miniblock m = {.r = r, .levels = levels, .minor = minor, .out = out};
    bool ok = put_chunks(&m, too_much);
    if (ok && *too_much)
        lance_made_page_free(out);
    else
        ok = ok && put_more_buffers(&m, dictionary) && put_layout(&m, dictionary);
    base_buffer_free(&m.index);
    return ok;
}
