/* miniblock.c - MiniBlock pages: chunks of some KiB, each with its own levels and values.
 * Buffer 0 is a word a chunk, u16 in 2.1 and u32 in 2.2 (field 10): (bytes / 8 - 1) << 4 | log2(values); the last chunk
 * takes what is left of num_items. Buffer 1 is the chunks: u16 levels, [u16 definition size], a size for each value
 * buffer (u16, or u32 with field 10), padding to 8, [definition levels], padding to 8, the value buffers, each padded
 * to 8. Buffer 2, if a dictionary is stated, its items; the values are then u32 indices.
 * Only the chunks that hold wanted rows are decoded; a chunk holds at most 32,768 values. */
#include "lance/file/page.h"

enum {
    CHUNK_VALUES = 32768,
    VALUE_BUFFERS = 3,
    DICTIONARY_BUFFER = 2,
    DICTIONARY_ITEMS = 1 << 24 /* of numbers, at most: packed ones may take nearly no bytes */
};

typedef struct miniblock {
    const lance_page_view *view;
    const lance_type *type;
    wire_span levels;  /* encoding of the definition levels, size 0 when there are none */
    wire_span values;  /* encoding of the values, of a fixed_size_list's items, or of the indices */
    size_t n_buffers;  /* value buffers in a chunk */
    size_t size_bytes; /* of a value buffer's size: 2 or 4 */
    bool item_validity;
    bool strings; /* values are strings in the chunk */
    bool dictionary;
    lance_strings words;  /* the dictionary of strings */
    const uint8_t *fixed; /* the dictionary of fixed-width values [n_words, width] */
    uint64_t n_words;
    bool fsst;
    lance_fsst table;
    lance_scratch dictionary_scratch;
} miniblock;

/* One chunk, decoded as far as its type asks. */
typedef struct chunk {
    uint64_t n;
    const uint8_t *levels; /* u16 [n], or NULL */
    const uint8_t *items_valid;
    const uint8_t *fixed; /* values, bits of bools, or u32 indices */
    lance_strings strings;
} chunk;

static lancelet_status open_dictionary(miniblock *m, wire_span encoding, lancelet_error *err)
{
    lance_leaf leaf;
    m->dictionary = true;
    m->n_words = wire_u64(m->view->body, 5, 0);
    if (m->view->n_buffers <= DICTIONARY_BUFFER)
        return base_fail(err, LANCELET_CORRUPT, "a page's dictionary is missing");
    wire_span block = m->view->buffers[DICTIONARY_BUFFER];
    if (m->type->kind != LANCE_VARIABLE) {
        if (m->type->kind == LANCE_BOOL || m->type->kind == LANCE_LIST)
            return base_fail(err, LANCELET_CORRUPT, "a page has a dictionary where its type has none");
        if (m->n_words > DICTIONARY_ITEMS)
            return base_fail(err, LANCELET_LIMIT, "a page's dictionary of numbers has more than %d items",
                             DICTIONARY_ITEMS);
        return lance_leaf_fixed(encoding, &block, 1, m->n_words, m->type->item_bits, &m->dictionary_scratch,
                                &m->fixed, err);
    }
    RETURN_IF_ERROR(lance_leaf_open(encoding, &leaf, err));
    if (leaf.kind == LANCE_GENERAL) {
        RETURN_IF_ERROR(lance_leaf_unpack(&leaf, block, &m->dictionary_scratch.unpacked, &block, err));
        RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf.body, 3), &leaf, err));
    }
    if (leaf.kind != LANCE_VARIABLE_LEAF)
        return lance_leaf_refuse(&leaf, "a dictionary of strings", err);
    return lance_strings_block(block, m->n_words, &m->words, err);
}

static lancelet_status open_values(miniblock *m, lancelet_error *err)
{
    lance_leaf leaf;
    m->values = wire_bytes(m->view->body, 3);
    wire_span dictionary = wire_bytes(m->view->body, 4);
    if (dictionary.data)
        return open_dictionary(m, dictionary, err);
    RETURN_IF_ERROR(lance_leaf_open(m->values, &leaf, err));
    if (m->type->kind == LANCE_LIST) {
        if (leaf.kind != LANCE_FIXED_SIZE_LIST)
            return lance_leaf_refuse(&leaf, "fixed-size lists", err);
        if (wire_u64(leaf.body, 1, 0) != m->type->items)
            return base_fail(err, LANCELET_CORRUPT, "a page's lists have another length than the column's");
        m->item_validity = wire_u64(leaf.body, 3, 0) != 0;
        m->values = wire_bytes(leaf.body, 2);
        RETURN_IF_ERROR(lance_leaf_open(m->values, &leaf, err));
        if (leaf.kind != LANCE_FLAT)
            return lance_leaf_refuse(&leaf, "the items of fixed-size lists", err);
    } else if (m->type->kind == LANCE_VARIABLE) {
        m->strings = true;
        if (leaf.kind == LANCE_FSST) {
            m->fsst = true;
            RETURN_IF_ERROR(lance_fsst_open(wire_bytes(leaf.body, 1), &m->table, err));
            m->values = wire_bytes(leaf.body, 2);
        }
    }
    return LANCELET_OK;
}

static lancelet_status open_miniblock(miniblock *m, const lance_page_view *v, const lance_type *type,
                                      lancelet_error *err)
{
    memset(m, 0, sizeof *m);
    m->view = v;
    m->type = type;
    if (v->n_buffers < 2)
        return base_fail(err, LANCELET_CORRUPT, "a MiniBlock page lacks its buffers");
    if (wire_bytes(v->body, 1).data || wire_u64(v->body, 8, 0) != 0)
        return base_fail(err, LANCELET_UNSUPPORTED, "columns of lists are not read");
    m->levels = wire_bytes(v->body, 2);
    if (m->levels.data && !v->nullable)
        return base_fail(err, LANCELET_CORRUPT, "a page has definition levels and no nulls");
    m->size_bytes = wire_u64(v->body, 10, 0) ? 4 : 2;
    uint64_t n_buffers = wire_u64(v->body, 7, 0);
    if (n_buffers < 1 || n_buffers > VALUE_BUFFERS)
        return base_fail(err, LANCELET_UNSUPPORTED, "a page with %u value buffers is not read",
                         (unsigned)lance_min(n_buffers, 999));
    m->n_buffers = (size_t)n_buffers;
    if (wire_u64(v->body, 9, 0) != v->page->rows)
        return base_fail(err, LANCELET_CORRUPT, "a page holds another number of values than of rows");
    return open_values(m, err);
}

/* Takes n bytes and the padding behind them off the chunk. */
static bool take(wire_span chunk_bytes, size_t *at, uint64_t n, wire_span *out)
{
    if (n > chunk_bytes.size - *at)
        return false;
    *out = (wire_span){chunk_bytes.data + *at, (size_t)n};
    *at += (size_t)n;
    size_t padded = (*at + 7) / 8 * 8;
    *at = padded < chunk_bytes.size ? padded : chunk_bytes.size;
    return true;
}

static lancelet_status decode_values(const miniblock *m, const wire_span *buffers, lance_scratch *scratch,
                                     chunk *c, lancelet_error *err)
{
    uint64_t items = c->n * m->type->items;
    size_t n_buffers = m->n_buffers;
    if (m->item_validity) {
        if (n_buffers != 2 || buffers[0].size < items / 8 + (items % 8 > 0))
            return base_fail(err, LANCELET_CORRUPT, "the item validity of a chunk is missing");
        c->items_valid = buffers[0].data;
        buffers++;
        n_buffers--;
    }
    if (m->dictionary)
        return lance_leaf_fixed(m->values, buffers, n_buffers, c->n, 32, scratch, &c->fixed, err);
    if (!m->strings)
        return lance_leaf_fixed(m->values, buffers, n_buffers, items, m->type->item_bits, scratch, &c->fixed,
                                err);
    lance_leaf leaf;
    wire_span encoding = m->values, bytes = buffers[0];
    if (n_buffers != 1)
        return base_fail(err, LANCELET_CORRUPT, "a page of strings has %zu value buffers", n_buffers);
    RETURN_IF_ERROR(lance_leaf_open(encoding, &leaf, err));
    if (leaf.kind == LANCE_GENERAL) {
        RETURN_IF_ERROR(lance_leaf_unpack(&leaf, bytes, &scratch->unpacked, &bytes, err));
        encoding = wire_bytes(leaf.body, 3);
    }
    return lance_strings_chunk(encoding, bytes, c->n, &c->strings, err);
}

static lancelet_status decode_chunk(const miniblock *m, wire_span bytes, uint64_t n, lance_scratch scratch[2],
                                    chunk *c, lancelet_error *err)
{
    wire_span definition = {NULL, 0}, buffers[VALUE_BUFFERS], header;
    size_t at = 0, definition_field = m->levels.data ? 2 : 0;
    memset(c, 0, sizeof *c);
    c->n = n;
    if (!take(bytes, &at, 2 + definition_field + m->n_buffers * m->size_bytes, &header))
        return base_fail(err, LANCELET_CORRUPT, "a chunk is too short");
    uint64_t n_levels = wire_little(header.data, 2);
    if (m->levels.data && (n_levels != n || !take(bytes, &at, wire_little(header.data + 2, 2), &definition)))
        return base_fail(err, LANCELET_CORRUPT, "a chunk's definition levels do not fit it");
    for (size_t i = 0; i < m->n_buffers; i++) {
        uint64_t size = wire_little(header.data + 2 + definition_field + i * m->size_bytes, m->size_bytes);
        if (!take(bytes, &at, size, &buffers[i]))
            return base_fail(err, LANCELET_CORRUPT, "a chunk's values do not fit it");
    }
    if (m->levels.data)
        RETURN_IF_ERROR(lance_leaf_levels(m->levels, definition, n, &scratch[0], &c->levels, err));
    return decode_values(m, buffers, &scratch[1], c, err);
}

/* Value i of the chunk as one row, valid or not. */
static lancelet_status append_one(const miniblock *m, const chunk *c, uint64_t i, lance_sink *sink,
                                  lancelet_error *err)
{
    wire_span s;
    if (c->levels && wire_little(c->levels + 2 * i, 2) != 0)
        return lance_sink_nulls(sink, 1, err);
    if (m->dictionary) {
        uint64_t index = wire_little(c->fixed + 4 * i, 4);
        if (m->type->kind != LANCE_VARIABLE) {
            if (index >= m->n_words)
                return base_fail(err, LANCELET_CORRUPT, "a dictionary index is out of range");
            lance_sink_fixed(sink, m->fixed + index * m->type->width, 1);
            return LANCELET_OK;
        }
        RETURN_IF_ERROR(lance_strings_at(&m->words, index, &s, err));
        return lance_sink_bytes(sink, s.data, s.size, err);
    }
    RETURN_IF_ERROR(lance_strings_at(&c->strings, i, &s, err));
    if (!m->fsst)
        return lance_sink_bytes(sink, s.data, s.size, err);
    RETURN_IF_ERROR(lance_fsst_decode(&m->table, s, &sink->bytes, err));
    return lance_sink_bytes(sink, NULL, 0, err);
}

/* Values [first, first + n) of the chunk. */
static lancelet_status append(const miniblock *m, const chunk *c, uint64_t first, uint64_t n,
                              lance_sink *sink, lancelet_error *err)
{
    if (m->strings || m->dictionary) {
        for (uint64_t i = first; i < first + n; i++)
            RETURN_IF_ERROR(append_one(m, c, i, sink, err));
        return LANCELET_OK;
    }
    uint64_t row = sink->length;
    if (m->type->kind == LANCE_BOOL)
        lance_sink_bits(sink, c->fixed, first, n);
    else
        lance_sink_fixed(sink, c->fixed + first * m->type->width, n);
    if (c->items_valid)
        RETURN_IF_ERROR(lance_sink_items(sink, row, c->items_valid, first * m->type->items, n, err));
    for (uint64_t i = 0; c->levels && i < n; i++)
        if (wire_little(c->levels + 2 * (first + i), 2) != 0)
            RETURN_IF_ERROR(lance_sink_set_null(sink, row + i, err));
    return LANCELET_OK;
}

static lancelet_status read_chunks(const miniblock *m, const lance_range *ranges, size_t n_ranges,
                                   lance_scratch scratch[2], lance_sink *sink, lancelet_error *err)
{
    wire_span words = m->view->buffers[0], data = m->view->buffers[1];
    uint64_t n_chunks = words.size / m->size_bytes, first = 0, left = m->view->page->rows, at = 0;
    size_t r = 0;
    for (uint64_t i = 0; i < n_chunks && r < n_ranges; i++) {
        uint64_t word = wire_little(words.data + i * m->size_bytes, m->size_bytes);
        uint64_t size = ((word >> 4) + 1) * 8, n = i + 1 == n_chunks ? left : (uint64_t)1 << (word & 15);
        if (size > data.size - at || n > left || n > CHUNK_VALUES)
            return base_fail(err, LANCELET_CORRUPT, "a page's chunks do not fit it");
        chunk c;
        bool decoded = false;
        while (r < n_ranges && ranges[r].first < first + n) {
            /* Ranges may reach over several chunks: the part inside this one. */
            uint64_t from = ranges[r].first > first ? ranges[r].first : first;
            uint64_t end = ranges[r].first + ranges[r].count, to = lance_min(end, first + n);
            if (!decoded)
                RETURN_IF_ERROR(
                    decode_chunk(m, (wire_span){data.data + at, (size_t)size}, n, scratch, &c, err));
            decoded = true;
            RETURN_IF_ERROR(append(m, &c, from - first, to - from, sink, err));
            if (end > first + n)
                break;
            r++;
        }
        first += n;
        left -= n;
        at += size;
    }
    return r == n_ranges ? LANCELET_OK
                         : base_fail(err, LANCELET_CORRUPT, "a page's chunks hold fewer rows than it states");
}

lancelet_status lance_miniblock_read(const lance_page_view *v, const lance_range *ranges, size_t n,
                                     lance_sink *sink, lancelet_error *err)
{
    miniblock m;
    lance_scratch scratch[2] = {{{0}, {0}}, {{0}, {0}}};
    lancelet_status status = open_miniblock(&m, v, &sink->type, err);
    if (status == LANCELET_OK)
        status = read_chunks(&m, ranges, n, scratch, sink, err);
    lance_scratch_free(&scratch[0]);
    lance_scratch_free(&scratch[1]);
    lance_scratch_free(&m.dictionary_scratch);
    return status;
}
