/* sink.c - where decoded values are collected, with the levels that say how they nest. A sink's size is what the
 * caller asked rows for, or grows as lists turn out longer; bitmaps are made when the first null comes. */
#include "base/text.h"
#include "lance/file/page.h"

/* One array holds no more bytes of fixed-width values than this. */
static const uint64_t ARRAY_LIMIT = (uint64_t)1 << 36;

static size_t bitmap_bytes(uint64_t bits)
{
    return (size_t)(bits / 8 + (bits % 8 > 0));
}

static uint8_t *aligned(uint64_t n)
{
    return base_alloc_aligned(n ? (size_t)n : 1);
}

static void set_bit(uint8_t *bits, uint64_t i, bool v)
{
    uint8_t mask = (uint8_t)(1u << (i & 7));
    bits[i >> 3] = (uint8_t)(v ? bits[i >> 3] | mask : bits[i >> 3] & ~mask);
}

static void copy_bits(uint8_t *to, uint64_t to_first, const uint8_t *from, uint64_t from_first, uint64_t n)
{
    uint64_t i = 0;
    for (; i < n && (to_first + i) % 8 != 0; i++)
        set_bit(to, to_first + i, lance_bit(from, from_first + i));
    uint64_t bytes = (n - i) / 8;
    uint8_t *whole = to + (to_first + i) / 8;
    const uint8_t *source = from + (from_first + i) / 8;
    unsigned shift = (unsigned)((from_first + i) % 8);
    if (shift == 0 && bytes > 0)
        memcpy(whole, source, (size_t)bytes);
    for (uint64_t k = 0; shift != 0 && k < bytes; k++)
        whole[k] = (uint8_t)(source[k] >> shift | source[k + 1] << (8 - shift));
    for (i += bytes * 8; i < n; i++)
        set_bit(to, to_first + i, lance_bit(from, from_first + i));
}

static bool is_bits(const lance_type *type)
{
    return type->item_bits == 1;
}

/* Bytes of `capacity` values (of the offsets for strings); UINT64_MAX: too many. */
static uint64_t bytes_for(const lance_type *type, uint64_t capacity)
{
    uint64_t size;
    bool ok = true;
    if (type->kind == LANCE_NULL)
        size = 0;
    else if (type->kind == LANCE_VARIABLE)
        ok = base_add_u64(capacity, 1, &size) && base_mul_u64(size, type->offset_bits / 8, &size);
    else if (is_bits(type))
        ok = base_mul_u64(capacity, type->items, &size) && (size = bitmap_bytes(size), true);
    else
        ok = base_mul_u64(capacity, type->width, &size);
    return ok && capacity <= INT64_MAX / type->items ? size : UINT64_MAX;
}

static lancelet_status unfolds_too_far(const char *what, lancelet_error *err)
{
    return base_fail(err, LANCELET_LIMIT,
                     "the rows' %s unfold to more bytes than the file's size allows; ask for fewer rows at once", what);
}

static lancelet_status too_many(uint64_t rows, lancelet_error *err)
{
    return base_fail(err, LANCELET_LIMIT, "%llu rows at once are more than one array may hold",
                     (unsigned long long)rows);
}

lancelet_status lance_sink_open(lance_sink *s, const lance_type *type, uint64_t capacity, uint64_t limit,
                                lancelet_error *err)
{
    memset(s, 0, sizeof *s);
    s->type = *type;
    s->capacity = capacity;
    s->bytes_limit = limit;
    uint64_t size = bytes_for(type, capacity);
    if (size > ARRAY_LIMIT)
        return too_many(capacity, err);
    if (size > limit) /* before memory: a page of nulls takes no bytes, whatever its values would */
        return unfolds_too_far("values", err);
    if (type->kind == LANCE_NULL)
        return LANCELET_OK;
    uint8_t *bytes = aligned(size);
    if (!bytes)
        return base_fail_memory(err);
    if (type->kind == LANCE_VARIABLE) {
        s->offsets = bytes;
        memset(bytes, 0, type->offset_bits / 8);
    } else {
        s->values = bytes;
        if (is_bits(type))
            memset(bytes, 0, (size_t)size);
    }
    return LANCELET_OK;
}

static void free_values(lance_sink *s)
{
    base_free(s->validity);
    for (size_t d = 0; d < LANCE_DIMENSIONS; d++)
        base_free(s->items_valid[d]);
    base_free(s->values);
    base_free(s->offsets);
    base_buffer_free(&s->bytes);
}

void lance_sink_free(lance_sink *s)
{
    free_values(s);
    base_buffer_free(&s->repetition);
    base_buffer_free(&s->definition);
    memset(s, 0, sizeof *s);
}

/* ---- growing ---- */

static bool grow(uint8_t **bytes, uint64_t old_size, uint64_t size, int fill)
{
    if (!*bytes)
        return true;
    uint8_t *fresh = aligned(size);
    if (!fresh)
        return false;
    memcpy(fresh, *bytes, (size_t)old_size);
    memset(fresh + old_size, fill, (size_t)(size - old_size));
    base_free(*bytes);
    *bytes = fresh;
    return true;
}

/* Items of one value down to the list number `depth`. */
static uint64_t items_down_to(const lance_type *type, size_t depth)
{
    uint64_t items = 1;
    for (size_t d = 0; d <= depth; d++)
        items *= type->size[d];
    return items;
}

lancelet_status lance_sink_reserve(lance_sink *s, uint64_t n, lancelet_error *err)
{
    uint64_t needed, capacity;
    if (n <= s->capacity - s->length)
        return LANCELET_OK;
    if (!base_add_u64(s->length, n, &needed) || bytes_for(&s->type, needed) > ARRAY_LIMIT)
        return too_many(needed, err);
    if (bytes_for(&s->type, needed) > s->bytes_limit)
        return unfolds_too_far("lists", err);
    capacity = s->capacity < 512 ? 1024 : s->capacity * 2;
    if (capacity < needed || bytes_for(&s->type, capacity) > ARRAY_LIMIT)
        capacity = needed;
    uint64_t old_size = bytes_for(&s->type, s->capacity), size = bytes_for(&s->type, capacity);
    bool ok = grow(&s->values, old_size, size, 0) && grow(&s->offsets, old_size, size, 0) &&
              grow(&s->validity, bitmap_bytes(s->capacity), bitmap_bytes(capacity), 0xff);
    for (size_t d = 0; ok && d < s->type.depth; d++) {
        uint64_t items = items_down_to(&s->type, d);
        ok = grow(&s->items_valid[d], bitmap_bytes(s->capacity * items), bitmap_bytes(capacity * items), 0xff);
    }
    if (!ok) /* some have grown: the smaller capacity still holds for all */
        return base_fail_memory(err);
    s->capacity = capacity;
    return LANCELET_OK;
}

/* ---- appending ---- */

void lance_sink_fixed(lance_sink *s, const uint8_t *values, uint64_t n)
{
    if (n > 0)
        memcpy(s->values + s->length * s->type.width, values, (size_t)n * s->type.width);
    s->length += n;
}

void lance_sink_bits(lance_sink *s, const uint8_t *bits, uint64_t first, uint64_t n)
{
    copy_bits(s->values, s->length * s->type.items, bits, first, n * s->type.items);
    s->length += n;
}

static lancelet_status too_long(lancelet_error *err)
{
    return base_fail(err, LANCELET_LIMIT, "the rows' strings are more than the 2 GiB that one array may hold");
}

/* Ends value s->length at the present end of s->bytes. */
static lancelet_status end_string(lance_sink *s, lancelet_error *err)
{
    if (s->bytes.size > s->bytes_limit)
        return unfolds_too_far("strings", err);
    s->length++;
    if (s->type.offset_bits == 32) {
        if (s->bytes.size > INT32_MAX)
            return too_long(err);
        int32_t end = (int32_t)s->bytes.size;
        memcpy(s->offsets + 4 * s->length, &end, 4);
    } else {
        int64_t end = (int64_t)s->bytes.size;
        memcpy(s->offsets + 8 * s->length, &end, 8);
    }
    return LANCELET_OK;
}

static lancelet_status append_bytes(lance_sink *s, const uint8_t *bytes, size_t n, lancelet_error *err)
{
    if (n > s->bytes_limit || s->bytes.size > s->bytes_limit - n)
        return unfolds_too_far("strings", err);
    if (n > 0 && !base_buffer_append(&s->bytes, bytes, n))
        return base_fail_memory(err);
    return LANCELET_OK;
}

lancelet_status lance_sink_bytes(lance_sink *s, const uint8_t *bytes, size_t n, lancelet_error *err)
{
    RETURN_IF_ERROR(append_bytes(s, bytes, n, err));
    return end_string(s, err);
}

/* The offsets behind the first, moved by `shift` (modulo 2^64); false where one is smaller than the one before. */
#define REBASE(NAME, FROM, TO)                                                                               \
    static bool NAME(const uint8_t *from, uint64_t n, uint64_t shift, uint8_t *to)                           \
    {                                                                                                        \
        FROM before, at;                                                                                     \
        bool falls = false;                                                                                  \
        memcpy(&before, from, sizeof before);                                                                \
        for (uint64_t i = 1; i <= n; i++, before = at) {                                                     \
            memcpy(&at, from + i * sizeof at, sizeof at);                                                    \
            falls |= at < before;                                                                            \
            TO end = (TO)(at + shift);                                                                       \
            memcpy(to + i * sizeof end, &end, sizeof end);                                                   \
        }                                                                                                    \
        return !falls;                                                                                       \
    }
REBASE(rebase_32_32, uint32_t, uint32_t)
REBASE(rebase_32_64, uint32_t, uint64_t)
REBASE(rebase_64_32, uint64_t, uint32_t)
REBASE(rebase_64_64, uint64_t, uint64_t)

lancelet_status lance_sink_strings(lance_sink *s, const lance_strings *strings, uint64_t first, uint64_t n,
                                   lancelet_error *err)
{
    size_t word = strings->offset_bytes;
    const uint8_t *offsets = strings->offsets + first * word;
    if (n == 0)
        return LANCELET_OK;
    uint64_t from = wire_little(offsets, word), to = wire_little(offsets + n * word, word), base = s->bytes.size;
    if (from > to || to > strings->bytes.size)
        return base_fail(err, LANCELET_CORRUPT, "a string's offsets lie outside its page");
    RETURN_IF_ERROR(append_bytes(s, strings->bytes.data + from, (size_t)(to - from), err));
    uint64_t shift = base - from;
    bool wide = s->type.offset_bits == 64;
    if (!wide && s->bytes.size > INT32_MAX)
        return too_long(err);
    uint8_t *end = s->offsets + s->length * (wide ? 8 : 4);
    bool rise = word == 4 ? (wide ? rebase_32_64 : rebase_32_32)(offsets, n, shift, end)
                          : (wide ? rebase_64_64 : rebase_64_32)(offsets, n, shift, end);
    if (!rise)
        return base_fail(err, LANCELET_CORRUPT, "a page's string offsets do not rise");
    s->length += n;
    return LANCELET_OK;
}

static lancelet_status make_bitmap(uint8_t **bitmap, uint64_t bits, lancelet_error *err)
{
    if (*bitmap)
        return LANCELET_OK;
    size_t n = bitmap_bytes(bits);
    *bitmap = aligned(n);
    if (!*bitmap)
        return base_fail_memory(err);
    memset(*bitmap, 0xff, n);
    return LANCELET_OK;
}

lancelet_status lance_sink_set_null(lance_sink *s, uint64_t row, lancelet_error *err)
{
    if (s->type.kind == LANCE_NULL)
        return LANCELET_OK;
    RETURN_IF_ERROR(make_bitmap(&s->validity, s->capacity, err));
    if (lance_bit(s->validity, row)) {
        set_bit(s->validity, row, false);
        s->nulls++;
    }
    return LANCELET_OK;
}

lancelet_status lance_sink_mark_nulls(lance_sink *s, uint64_t row, const uint8_t *levels, uint64_t n,
                                      lancelet_error *err)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t eight;
        if (n - i >= 8 && (memcpy(&eight, levels + i, 8), eight == 0)) {
            i += 7;
            continue;
        }
        if (levels[i] != 0)
            RETURN_IF_ERROR(lance_sink_set_null(s, row + i, err));
    }
    return LANCELET_OK;
}

void lance_sink_zeros(lance_sink *s, uint64_t n)
{
    if (s->type.width > 0 && n > 0)
        memset(s->values + s->length * s->type.width, 0, (size_t)n * s->type.width);
    s->length += n; /* a bitmap of bools begins as zeros */
}

lancelet_status lance_sink_nulls(lance_sink *s, uint64_t n, lancelet_error *err)
{
    uint64_t first = s->length;
    if (s->type.kind == LANCE_VARIABLE) {
        for (uint64_t i = 0; i < n; i++)
            RETURN_IF_ERROR(end_string(s, err));
    } else {
        lance_sink_zeros(s, n);
    }
    for (uint64_t i = 0; i < n && s->type.kind != LANCE_NULL; i++)
        RETURN_IF_ERROR(lance_sink_set_null(s, first + i, err));
    return LANCELET_OK;
}

lancelet_status lance_sink_items(lance_sink *s, size_t depth, uint64_t row, const uint8_t *bits, uint64_t first,
                                 uint64_t n, lancelet_error *err)
{
    uint64_t items = items_down_to(&s->type, depth);
    RETURN_IF_ERROR(make_bitmap(&s->items_valid[depth], s->capacity * items, err));
    copy_bits(s->items_valid[depth], row * items, bits, first, n * items);
    return LANCELET_OK;
}

/* n levels, or zeros. */
static lancelet_status append_levels(lance_sink *s, base_buffer *to, const uint8_t *levels, uint64_t n,
                                     lancelet_error *err)
{
    if (to->size + n > s->bytes_limit)
        return unfolds_too_far("lists", err);
    if (!base_buffer_reserve(to, (size_t)n))
        return base_fail_memory(err);
    if (levels)
        memcpy(to->data + to->size, levels, (size_t)n);
    else
        memset(to->data + to->size, 0, (size_t)n);
    to->size += (size_t)n;
    return LANCELET_OK;
}

lancelet_status lance_sink_levels(lance_sink *s, const lance_level_run *levels, uint64_t first, uint64_t n,
                                  lancelet_error *err)
{
    if (!s->path || s->path->n == 1 || n == 0)
        return LANCELET_OK;
    if (s->path->n_lists > 0)
        RETURN_IF_ERROR(append_levels(s, &s->repetition, levels->repetition + first, n, err));
    return append_levels(s, &s->definition, levels->definition ? levels->definition + first : NULL, n, err);
}

/* ---- gathering ---- */

static uint64_t offset_at(const lance_sink *s, uint64_t i)
{
    return wire_little(s->offsets + i * (s->type.offset_bits / 8), s->type.offset_bits / 8);
}

lancelet_status lance_sink_copy(const lance_sink *s, uint64_t i, lance_sink *out, lancelet_error *err)
{
    uint64_t at = out->length;
    if (s->type.kind == LANCE_VARIABLE) {
        uint64_t from = offset_at(s, i), to = offset_at(s, i + 1);
        RETURN_IF_ERROR(
            lance_sink_bytes(out, s->bytes.data ? s->bytes.data + from : NULL, (size_t)(to - from), err));
    } else if (s->type.kind == LANCE_NULL) {
        out->length++;
    } else if (is_bits(&s->type)) {
        lance_sink_bits(out, s->values, i * s->type.items, 1);
    } else {
        lance_sink_fixed(out, s->values + i * s->type.width, 1);
    }
    if (s->validity && !lance_bit(s->validity, i))
        RETURN_IF_ERROR(lance_sink_set_null(out, at, err));
    for (size_t d = 0; d < s->type.depth; d++)
        if (s->items_valid[d])
            RETURN_IF_ERROR(lance_sink_items(out, d, at, s->items_valid[d], i * items_down_to(&s->type, d), 1, err));
    return LANCELET_OK;
}

/* Where each row begins among the levels and among the values: pairs [rows + 1]. */
static void find_rows(const lance_sink *s, uint64_t rows, uint64_t *starts)
{
    uint64_t value = 0, row = 0;
    for (uint64_t i = 0; i < s->repetition.size; i++) {
        if (s->repetition.data[i] == s->path->n_lists && row < rows) {
            starts[2 * row] = i;
            starts[2 * row + 1] = value;
            row++;
        }
        value += s->definition.data[i] <= s->path->visible;
    }
    for (; row <= rows; row++) {
        starts[2 * row] = s->repetition.size;
        starts[2 * row + 1] = value;
    }
}

static lancelet_status gather(const lance_sink *s, const uint64_t *starts, const uint64_t *pick, uint64_t n,
                              lance_sink *out, lancelet_error *err)
{
    lance_level_run levels = {s->repetition.data, s->definition.data, s->definition.size};
    uint64_t factor = s->path ? s->path->factor : 1;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t level = pick[i] * factor, value = level, level_end = level + factor, value_end = level_end;
        if (starts) {
            level = starts[2 * pick[i]];
            value = starts[2 * pick[i] + 1];
            level_end = starts[2 * pick[i] + 2];
            value_end = starts[2 * pick[i] + 3];
        }
        RETURN_IF_ERROR(lance_sink_levels(out, &levels, level, level_end - level, err));
        RETURN_IF_ERROR(lance_sink_reserve(out, value_end - value, err));
        for (; value < value_end; value++)
            RETURN_IF_ERROR(lance_sink_copy(s, value, out, err));
    }
    return LANCELET_OK;
}

lancelet_status lance_sink_gather(const lance_sink *s, uint64_t rows, const uint64_t *pick, uint64_t n,
                                  lance_sink *out, lancelet_error *err)
{
    bool lists = s->path && s->path->n_lists > 0;
    RETURN_IF_ERROR(lance_sink_open(out, &s->type, lists ? 0 : n * (s->path ? s->path->factor : 1),
                                    s->bytes_limit, err));
    out->path = s->path;
    uint64_t *starts = NULL;
    if (lists) {
        starts = base_alloc_array((size_t)rows + 1, 2 * sizeof *starts);
        if (!starts)
            return base_fail_memory(err);
        find_rows(s, rows, starts);
    }
    lancelet_status status = gather(s, starts, pick, n, out, err);
    base_free(starts);
    return status;
}

/* ---- finishing ---- */

/* Consumers take an Arrow string for UTF-8 without looking. Each value is, where all bytes are and none begins inside
 * a character. */
static bool texts_valid(const lance_sink *s)
{
    const uint8_t *bytes = s->bytes.data;
    if (s->bytes.size == 0)
        return true;
    for (uint64_t i = 0; i < s->length; i++) {
        uint64_t at = offset_at(s, i);
        if (at < s->bytes.size && (bytes[at] & 0xC0) == 0x80)
            return false;
    }
    return base_utf8_valid((const char *)bytes, s->bytes.size);
}

/* The nested arrays of a fixed-size list, from its items outwards. */
static lancelet_status finish_list(lance_sink *s, struct ArrowArray *out, lancelet_error *err)
{
    struct ArrowArray child;
    size_t d = s->type.depth - 1;
    lancelet_status status =
        lance_array_fixed(s->length * s->type.items, s->items_valid[d], s->values, NULL, &child, err);
    s->items_valid[d] = s->values = NULL;
    while (status == LANCELET_OK && d-- > 0) {
        uint64_t n = s->length * items_down_to(&s->type, d);
        uint8_t *valid = s->items_valid[d];
        s->items_valid[d] = NULL;
        struct ArrowArray inner = child;
        status = lance_array_list(n, valid, lance_count_nulls(valid, n), NULL, &inner, &child, err);
    }
    if (status == LANCELET_OK) {
        uint8_t *valid = s->validity;
        s->validity = NULL;
        status = lance_array_list(s->length, valid, s->nulls, NULL, &child, out, err);
    }
    return status;
}

static lancelet_status finish_plain(lance_sink *s, struct ArrowArray *out, lancelet_error *err)
{
    lancelet_status status;
    if (s->type.text && !texts_valid(s))
        return base_fail(err, LANCELET_CORRUPT, "a text is not UTF-8");
    switch (s->type.kind) {
    case LANCE_LIST:
        return finish_list(s, out, err);
    case LANCE_NULL:
        return lance_array_null(s->length, out, err);
    case LANCE_VARIABLE:
        /* Consumers may want a non-null data buffer even where all strings are empty. */
        if (!s->bytes.data && !base_buffer_reserve(&s->bytes, 1))
            return base_fail_memory(err);
        status = lance_array_bytes(s->length, s->validity, s->nulls, s->offsets, s->bytes.data, out, err);
        s->validity = s->offsets = s->bytes.data = NULL;
        return status;
    default:
        status = lance_array_fixed(s->length, s->validity, s->values, NULL, out, err);
        s->validity = s->values = NULL;
        return status;
    }
}

lancelet_status lance_sink_finish(lance_sink *s, const struct ArrowSchema *schema, struct ArrowArray *out,
                                  lancelet_error *err)
{
    struct ArrowArray values;
    lancelet_status status = finish_plain(s, schema->dictionary ? &values : out, err);
    if (status == LANCELET_OK && schema->dictionary)
        status = lance_array_dictionary(schema, &values, out, err);
    free_values(s);
    lance_sink levels = {.type = s->type, .path = s->path, .repetition = s->repetition, .definition = s->definition};
    *s = levels;
    return status;
}
