/* miniblock.c - MiniBlock pages: chunks of some KiB, each with its own levels and values.
 * Buffer 0 is a word a chunk, u16 in 2.1 and u32 in 2.2 (field 10): (bytes / 8 - 1) << 4 | log2(values); the last chunk
 * takes what is left of num_items. Buffer 1 is the chunks: u16 levels, [u16 repetition size], [u16 definition size], a
 * size for each value buffer (u16, or u32 with field 10), padding to 8, [repetition levels], [definition levels], the
 * value buffers, each padded to 8. Then, if a dictionary is stated, a buffer of its items; the values are then
 * indices. With lists the last buffer is the repetition index: for each chunk u64 rows that end in it and u64 items of
 * a row that goes on in the next chunk (its preamble there). Items that stand for null or empty lists have levels
 * and no value. Only the chunks that hold wanted rows are decoded; a chunk holds at most 32,768 values. */
#include "lance/file/page.h"

enum {
    CHUNK_VALUES = 32768,
    VALUE_BUFFERS = 3 + LANCE_DIMENSIONS,
    DICTIONARY_BUFFER = 2,
    DICTIONARY_ITEMS = 1 << 24 /* of numbers, at most: packed ones may take nearly no bytes */
};

typedef struct miniblock {
    const lance_page_view *view;
    const lance_type *type;
    wire_span repetition, definition; /* encodings of the levels, size 0 when there are none */
    wire_span values;                 /* encoding of the values, of a fixed_size_list's items, or of the indices */
    size_t n_buffers;                 /* value buffers in a chunk */
    size_t size_bytes;                /* of a value buffer's size: 2 or 4 */
    bool item_validity[LANCE_DIMENSIONS]; /* by depth: a buffer of it comes before the values */
    bool absent;                          /* all items are null and not stored */
    bool strings;                         /* values are strings in the chunk */
    bool dictionary;
    uint32_t index_bits; /* of the dictionary's indices */
    lance_strings words;  /* the dictionary of strings */
    const uint8_t *fixed; /* the dictionary of fixed-width values [n_words, width] */
    uint64_t n_words;
    bool fsst;
    lance_fsst table;
    lance_scratch dictionary_scratch;
    uint64_t items;  /* values of the page */
    wire_span index; /* the repetition index */
    size_t stride;   /* bytes of it a chunk */
} miniblock;

enum { REPETITION, DEFINITION, VALUES, COMPACT, SCRATCHES };

/* One chunk, decoded as far as its type asks. */
typedef struct chunk {
    uint64_t n; /* values */
    lance_level_run levels;
    const uint8_t *value_levels; /* [n] definition levels of the values, or NULL: all are valid */
    const uint8_t *items_valid[LANCE_DIMENSIONS];
    const uint8_t *fixed; /* values, bits of bools, or indices */
    lance_strings strings;
} chunk;

/* The width of the indices: a column of a dictionary type has those of the width of its keys, any other u32. */
static lancelet_status find_index_bits(miniblock *m, lancelet_error *err)
{
    lance_leaf leaf;
    RETURN_IF_ERROR(lance_leaf_open(m->values, &leaf, err));
    for (int depth = 0; depth < 3 && (leaf.kind == LANCE_GENERAL || leaf.kind == LANCE_RLE); depth++)
        RETURN_IF_ERROR(lance_leaf_open(wire_bytes(leaf.body, leaf.kind == LANCE_GENERAL ? 3 : 1), &leaf, err));
    uint64_t bits = leaf.kind == LANCE_FLAT || leaf.kind == LANCE_INLINE_BITPACKING ||
                            leaf.kind == LANCE_OUT_OF_LINE_BITPACKING
                        ? wire_u64(leaf.body, 1, 0)
                        : 32;
    if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
        return base_fail(err, LANCELET_CORRUPT, "a page's dictionary has indices of %llu bits",
                         (unsigned long long)bits);
    m->index_bits = (uint32_t)bits;
    return LANCELET_OK;
}

static lancelet_status open_dictionary(miniblock *m, wire_span encoding, lancelet_error *err)
{
    lance_leaf leaf;
    m->dictionary = true;
    RETURN_IF_ERROR(find_index_bits(m, err));
    m->n_words = wire_u64(m->view->body, 5, 0);
    if (m->view->n_buffers <= DICTIONARY_BUFFER)
        return base_fail(err, LANCELET_CORRUPT, "a page's dictionary is missing");
    wire_span block = m->view->buffers[DICTIONARY_BUFFER];
    base_count_read(block.size);
    if (m->type->kind != LANCE_VARIABLE) {
        if (m->type->kind != LANCE_FIXED)
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

/* Takes the layers of a fixed-size list off the encoding of the values. */
static lancelet_status open_fixed_size_lists(miniblock *m, lancelet_error *err)
{
    lance_leaf leaf;
    for (size_t d = 0; d < m->type->depth; d++) {
        RETURN_IF_ERROR(lance_leaf_open(m->values, &leaf, err));
        if (m->absent && lance_leaf_is_absent(&leaf))
            return LANCELET_OK;
        if (leaf.kind != LANCE_FIXED_SIZE_LIST)
            return lance_leaf_refuse(&leaf, "fixed-size lists", err);
        if (wire_u64(leaf.body, 1, 0) != m->type->size[d])
            return base_fail(err, LANCELET_CORRUPT, "a page's lists have another length than the column's");
        m->item_validity[d] = m->absent = wire_u64(leaf.body, 3, 0) != 0;
        m->values = wire_bytes(leaf.body, 2);
    }
    RETURN_IF_ERROR(lance_leaf_open(m->values, &leaf, err));
    m->absent = m->absent && lance_leaf_is_absent(&leaf);
    return LANCELET_OK;
}

/* Rows of a packed struct: the fields' widths are the type's. */
static lancelet_status open_packed(miniblock *m, lancelet_error *err)
{
    lance_leaf leaf;
    base_buffer bits = {0};
    RETURN_IF_ERROR(lance_leaf_open(m->values, &leaf, err));
    if (leaf.kind != LANCE_PACKED_STRUCT)
        return lance_leaf_refuse(&leaf, "packed structs", err);
    if (!wire_packed(leaf.body, 1, &bits)) {
        base_buffer_free(&bits);
        return base_fail_memory(err);
    }
    const struct ArrowSchema *schema = m->type->packed;
    bool fits = bits.size / 8 == (size_t)schema->n_children;
    for (int64_t i = 0; fits && i < schema->n_children; i++) {
        uint64_t width;
        lance_type field;
        memcpy(&width, bits.data + 8 * i, 8);
        fits = lance_type_of(schema->children[i], &field, err) == LANCELET_OK && field.item_bits == width;
    }
    base_buffer_free(&bits);
    m->values = wire_bytes(leaf.body, 2);
    return fits ? LANCELET_OK
                : base_fail(err, LANCELET_CORRUPT, "a page's packed struct has other fields than the column's");
}

static lancelet_status open_values(miniblock *m, lancelet_error *err)
{
    lance_leaf leaf;
    m->values = wire_bytes(m->view->body, 3);
    wire_span dictionary = wire_bytes(m->view->body, 4);
    if (dictionary.data)
        return open_dictionary(m, dictionary, err);
    if (m->type->packed)
        return open_packed(m, err);
    if (m->type->kind == LANCE_LIST)
        return open_fixed_size_lists(m, err);
    if (m->type->kind == LANCE_NULL)
        return base_fail(err, LANCELET_CORRUPT, "a page holds values where the column has the null type");
    if (m->type->kind == LANCE_VARIABLE) {
        m->strings = true;
        RETURN_IF_ERROR(lance_leaf_open(m->values, &leaf, err));
        if (leaf.kind == LANCE_FSST) {
            m->fsst = true;
            RETURN_IF_ERROR(lance_fsst_open(wire_bytes(leaf.body, 1), &m->table, err));
            m->values = wire_bytes(leaf.body, 2);
        }
    }
    return LANCELET_OK;
}

static lancelet_status open_repetition(miniblock *m, uint64_t n_chunks, lancelet_error *err)
{
    const lance_page_view *v = m->view;
    uint64_t depth = wire_u64(v->body, 8, 0), size;
    size_t buffer = wire_bytes(v->body, 4).data ? DICTIONARY_BUFFER + 1 : DICTIONARY_BUFFER;
    if (!m->repetition.data || depth < 1 || depth > LANCE_LAYERS || v->n_buffers <= buffer)
        return base_fail(err, LANCELET_CORRUPT, "a page of lists lacks its repetition levels or their index");
    m->index = v->buffers[buffer];
    m->stride = (size_t)(depth + 1) * 8;
    if (!base_mul_u64(n_chunks, m->stride, &size) || size != m->index.size)
        return base_fail(err, LANCELET_CORRUPT, "a page's repetition index does not fit its chunks");
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
    m->repetition = wire_bytes(v->body, 1);
    m->definition = wire_bytes(v->body, 2);
    if (m->definition.data && v->max_level == 0)
        return base_fail(err, LANCELET_CORRUPT, "a page has definition levels and no nulls");
    m->size_bytes = wire_u64(v->body, 10, 0) ? 4 : 2;
    m->items = wire_u64(v->body, 9, 0);
    uint64_t n_buffers = wire_u64(v->body, 7, 0);
    if (n_buffers > VALUE_BUFFERS)
        return base_fail(err, LANCELET_UNSUPPORTED, "a page with %u value buffers is not read",
                         (unsigned)lance_min(n_buffers, 999));
    m->n_buffers = (size_t)n_buffers;
    if (v->path->n_lists > 0)
        RETURN_IF_ERROR(open_repetition(m, v->buffers[0].size / m->size_bytes, err));
    else if (m->repetition.data)
        return base_fail(err, LANCELET_CORRUPT, "a page has repetition levels and no lists");
    else if (m->items != v->page->rows)
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
    uint64_t items = c->n;
    size_t n_buffers = m->n_buffers;
    if (m->dictionary)
        return lance_leaf_fixed(m->values, buffers, n_buffers, c->n, m->index_bits, scratch, &c->fixed, err);
    for (size_t d = 0; d < m->type->depth; d++) {
        items *= m->type->size[d];
        if (!m->item_validity[d])
            continue;
        if (n_buffers < (m->absent ? 1 : 2) || buffers[0].size < items / 8 + (items % 8 > 0))
            return base_fail(err, LANCELET_CORRUPT, "the item validity of a chunk is missing");
        c->items_valid[d] = buffers[0].data;
        buffers++;
        n_buffers--;
    }
    if (m->absent)
        return LANCELET_OK;
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

/* The levels of the values alone, and whether there are as many values as levels say. */
static lancelet_status compact_levels(const miniblock *m, lance_scratch *scratch, chunk *c, lancelet_error *err)
{
    const lance_level_run *l = &c->levels;
    if (!l->definition || m->view->path->n_lists == 0) {
        c->value_levels = l->definition;
        return l->n == c->n ? LANCELET_OK : base_fail(err, LANCELET_CORRUPT, "a chunk's levels do not fit its values");
    }
    uint64_t n = 0;
    scratch->levels.size = 0;
    if (!base_buffer_reserve(&scratch->levels, (size_t)l->n + 1))
        return base_fail_memory(err);
    uint8_t *to = scratch->levels.data;
    for (uint64_t i = 0; i < l->n; i++) {
        to[n] = l->definition[i];
        n += l->definition[i] <= m->view->path->visible;
    }
    c->value_levels = to;
    return n == c->n ? LANCELET_OK : base_fail(err, LANCELET_CORRUPT, "a chunk's levels do not fit its values");
}

static lancelet_status decode_levels(const miniblock *m, wire_span repetition, wire_span definition, uint64_t n,
                                     lance_scratch *scratch, chunk *c, lancelet_error *err)
{
    c->levels.n = n;
    if (m->repetition.data)
        RETURN_IF_ERROR(lance_leaf_levels(m->repetition, repetition, n, NULL, m->view->path->n_lists,
                                          &scratch[REPETITION], &c->levels.repetition, err));
    if (m->definition.data)
        RETURN_IF_ERROR(lance_leaf_levels(m->definition, definition, n, m->view->meaning, m->view->max_level,
                                          &scratch[DEFINITION], &c->levels.definition, err));
    return compact_levels(m, &scratch[COMPACT], c, err);
}

static lancelet_status decode_chunk(const miniblock *m, wire_span bytes, uint64_t n, lance_scratch *scratch, chunk *c,
                                    lancelet_error *err)
{
    wire_span repetition = {NULL, 0}, definition = {NULL, 0}, buffers[VALUE_BUFFERS] = {{NULL, 0}}, header;
    size_t at = 0, fields = 1 + (size_t)(m->repetition.data != NULL) + (size_t)(m->definition.data != NULL);
    memset(c, 0, sizeof *c);
    c->n = n;
    base_count_read(bytes.size);
    if (!take(bytes, &at, 2 * fields + m->n_buffers * m->size_bytes, &header))
        return base_fail(err, LANCELET_CORRUPT, "a chunk is too short");
    const uint8_t *sizes = header.data + 2;
    uint64_t n_levels = fields > 1 ? wire_little(header.data, 2) : n;
    bool fits = true;
    if (m->repetition.data) {
        fits = take(bytes, &at, wire_little(sizes, 2), &repetition);
        sizes += 2;
    }
    if (m->definition.data) {
        fits = fits && take(bytes, &at, wire_little(sizes, 2), &definition);
        sizes += 2;
    }
    for (size_t i = 0; i < m->n_buffers; i++)
        fits = fits && take(bytes, &at, wire_little(sizes + i * m->size_bytes, m->size_bytes), &buffers[i]);
    if (!fits)
        return base_fail(err, LANCELET_CORRUPT, "a chunk's levels and values do not fit it");
    RETURN_IF_ERROR(decode_levels(m, repetition, definition, n_levels, scratch, c, err));
    return decode_values(m, buffers, &scratch[VALUES], c, err);
}

/* Value i of the chunk, which is valid or has a level that says not. */
static lancelet_status append_one(const miniblock *m, const chunk *c, uint64_t i, lance_sink *sink,
                                  lancelet_error *err)
{
    wire_span s;
    if (c->value_levels && c->value_levels[i] != 0)
        return lance_sink_nulls(sink, 1, err);
    if (m->dictionary) {
        uint64_t index = wire_little(c->fixed + m->index_bits / 8 * i, m->index_bits / 8);
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
    RETURN_IF_ERROR(lance_fsst_decode(&m->table, s, &sink->bytes, err));
    return lance_sink_bytes(sink, NULL, 0, err);
}

/* Values [first, first + n) of the chunk. */
static lancelet_status append(const miniblock *m, const chunk *c, uint64_t first, uint64_t n,
                              lance_sink *sink, lancelet_error *err)
{
    RETURN_IF_ERROR(lance_sink_reserve(sink, n, err));
    if (m->fsst || m->dictionary) {
        for (uint64_t i = first; i < first + n; i++)
            RETURN_IF_ERROR(append_one(m, c, i, sink, err));
        return LANCELET_OK;
    }
    uint64_t row = sink->length;
    if (m->strings)
        RETURN_IF_ERROR(lance_sink_strings(sink, &c->strings, first, n, err));
    else if (m->absent)
        lance_sink_zeros(sink, n);
    else if (m->type->item_bits == 1)
        lance_sink_bits(sink, c->fixed, first * m->type->items, n);
    else
        lance_sink_fixed(sink, c->fixed + first * m->type->width, n);
    uint64_t items = 1;
    for (size_t d = 0; d < m->type->depth; d++) {
        items *= m->type->size[d];
        if (c->items_valid[d])
            RETURN_IF_ERROR(lance_sink_items(sink, d, row, c->items_valid[d], first * items, n, err));
    }
    return c->value_levels ? lance_sink_mark_nulls(sink, row, c->value_levels + first, n, err) : LANCELET_OK;
}

/* Where the scan of a page's chunks is. */
typedef struct scan {
    const lance_range *ranges; /* [n_ranges] */
    size_t n_ranges, r;        /* r: the range that is not done yet */
    uint64_t row;              /* the first that begins in this chunk */
    uint64_t starts;           /* rows that begin in it */
    bool preamble;             /* it begins inside a row */
    bool trailer;              /* its last row goes on in the next */
    bool carry;                /* the row that goes on is wanted */
} scan;

/* Without lists: the parts of the ranges inside the chunk. */
static lancelet_status append_values(const miniblock *m, const chunk *c, scan *s, lance_sink *sink,
                                     lancelet_error *err)
{
    while (s->r < s->n_ranges && s->ranges[s->r].first < s->row + s->starts) {
        const lance_range *range = &s->ranges[s->r];
        uint64_t from = range->first > s->row ? range->first - s->row : 0;
        uint64_t end = range->first + range->count - s->row, to = lance_min(end, s->starts);
        RETURN_IF_ERROR(lance_sink_levels(sink, &c->levels, from, to - from, err));
        RETURN_IF_ERROR(append(m, c, from, to - from, sink, err));
        if (end > s->starts)
            break;
        s->r++;
    }
    return LANCELET_OK;
}

/* With lists: the parts of the wanted rows inside the chunk. */
static lancelet_status append_lists(const miniblock *m, const chunk *c, scan *s, lance_sink *sink,
                                    lancelet_error *err)
{
    lance_walk w = {.levels = &c->levels, .path = m->view->path};
    bool preamble = c->levels.n > 0 && c->levels.repetition[0] != m->view->path->n_lists;
    uint64_t rows = 0;
    for (uint64_t i = 0; i < c->levels.n; i++)
        rows += c->levels.repetition[i] == m->view->path->n_lists;
    if (preamble)
        lance_walk_row(&w);
    if (preamble != s->preamble || rows != s->starts) /* an index may claim any number */
        return base_fail(err, LANCELET_CORRUPT, "a page's repetition index is not that of its lists");
    if (s->carry) {
        RETURN_IF_ERROR(lance_sink_levels(sink, &c->levels, 0, w.level, err));
        RETURN_IF_ERROR(append(m, c, 0, w.value, sink, err));
        s->carry = s->starts == 0 && s->trailer;
    }
    uint64_t row = 0;
    while (s->r < s->n_ranges && s->ranges[s->r].first < s->row + s->starts) {
        const lance_range *range = &s->ranges[s->r];
        uint64_t from = range->first > s->row ? range->first - s->row : 0;
        uint64_t end = range->first + range->count - s->row, to = lance_min(end, s->starts);
        for (; row < from; row++)
            lance_walk_row(&w);
        lance_walk start = w;
        if (to == s->starts) { /* all that is left: needs no walk */
            w.level = c->levels.n;
            w.value = c->n;
            row = to;
        }
        for (; row < to; row++)
            lance_walk_row(&w);
        RETURN_IF_ERROR(lance_sink_levels(sink, &c->levels, start.level, w.level - start.level, err));
        RETURN_IF_ERROR(append(m, c, start.value, w.value - start.value, sink, err));
        s->carry = to == s->starts && s->trailer;
        if (end > s->starts)
            break;
        s->r++;
    }
    return LANCELET_OK;
}

/* Finds out which rows begin in chunk i of n values. */
static lancelet_status open_chunk(const miniblock *m, uint64_t i, uint64_t n, scan *s, lancelet_error *err)
{
    s->starts = n;
    if (m->view->path->n_lists == 0)
        return LANCELET_OK;
    const uint8_t *entry = m->index.data + i * m->stride;
    uint64_t ends = wire_little(entry, 8);
    s->trailer = wire_little(entry + m->stride - 8, 8) > 0;
    if (ends > m->view->page->rows || ends + s->trailer < s->preamble)
        return base_fail(err, LANCELET_CORRUPT, "a page's repetition index does not fit its rows");
    s->starts = ends + s->trailer - s->preamble;
    return s->starts <= m->view->page->rows - s->row
               ? LANCELET_OK
               : base_fail(err, LANCELET_CORRUPT, "a page's repetition index does not fit its rows");
}

static lancelet_status read_chunks(const miniblock *m, const lance_range *ranges, size_t n_ranges,
                                   lance_scratch *scratch, lance_sink *sink, lancelet_error *err)
{
    wire_span words = m->view->buffers[0], data = m->view->buffers[1];
    uint64_t n_chunks = words.size / m->size_bytes, left = m->items, at = 0;
    scan s = {.ranges = ranges, .n_ranges = n_ranges};
    for (uint64_t i = 0; i < n_chunks && (s.r < n_ranges || s.carry); i++) {
        uint64_t word = wire_little(words.data + i * m->size_bytes, m->size_bytes);
        uint64_t size = ((word >> 4) + 1) * 8, n = i + 1 == n_chunks ? left : (uint64_t)1 << (word & 15);
        if (size > data.size - at || n > left || n > CHUNK_VALUES)
            return base_fail(err, LANCELET_CORRUPT, "a page's chunks do not fit it");
        base_count_read(m->size_bytes + m->stride);
        RETURN_IF_ERROR(open_chunk(m, i, n, &s, err));
        if (s.carry || ranges[s.r].first < s.row + s.starts) {
            chunk c;
            RETURN_IF_ERROR(decode_chunk(m, (wire_span){data.data + at, (size_t)size}, n, scratch, &c, err));
            RETURN_IF_ERROR(m->view->path->n_lists == 0 ? append_values(m, &c, &s, sink, err)
                                                        : append_lists(m, &c, &s, sink, err));
        }
        s.row += s.starts;
        s.preamble = s.trailer;
        left -= n;
        at += size;
    }
    return s.r == n_ranges && !s.carry
               ? LANCELET_OK
               : base_fail(err, LANCELET_CORRUPT, "a page's chunks hold fewer rows than it states");
}

lancelet_status lance_miniblock_read(const lance_page_view *v, const lance_range *ranges, size_t n,
                                     lance_sink *sink, lancelet_error *err)
{
    miniblock m;
    lance_scratch scratch[SCRATCHES];
    memset(scratch, 0, sizeof scratch);
    lancelet_status status = open_miniblock(&m, v, &sink->type, err);
    if (status == LANCELET_OK)
        status = read_chunks(&m, ranges, n, scratch, sink, err);
    for (size_t i = 0; i < SCRATCHES; i++)
        lance_scratch_free(&scratch[i]);
    lance_scratch_free(&m.dictionary_scratch);
    return status;
}
