/* array.c - the Arrow side of decoding: which types are known, the sink that collects rows, and Arrow arrays made of
 * it (or of bytes in the mapping, then holding the file). A sink's size is what the caller asked rows for; bitmaps are
 * made when the first null comes. Layout: https://arrow.apache.org/docs/format/Columnar.html. */
#include "base/text.h"
#include "lance/file/page.h"

/* One array holds no more bytes of fixed-width values than this. */
static const uint64_t ARRAY_LIMIT = (uint64_t)1 << 36;

/* ---- types ---- */

static uint32_t primitive_bits(const char *format)
{
    if (strlen(format) == 1)
        switch (*format) {
        case 'b':
            return 1;
        case 'c':
        case 'C':
            return 8;
        case 's':
        case 'S':
        case 'e':
            return 16;
        case 'i':
        case 'I':
        case 'f':
            return 32;
        case 'l':
        case 'L':
        case 'g':
            return 64;
        default:
            return 0;
        }
    if (!strcmp(format, "tdD") || !strcmp(format, "tts") || !strcmp(format, "ttm"))
        return 32;
    if (!strcmp(format, "tdm") || !strcmp(format, "ttu") || !strcmp(format, "ttn") ||
        !strncmp(format, "ts", 2) || !strncmp(format, "tD", 2))
        return 64;
    return 0;
}

static const char *type_name(const char *format)
{
    static const struct {
        const char *prefix, *name;
    } names[] = {{"d:", "decimals"},
                 {"+l", "lists"},
                 {"+L", "large lists"},
                 {"+s", "structs"},
                 {"+m", "maps"},
                 {"+u", "unions"},
                 {"+r", "run-end encoded values"},
                 {"+v", "list views"},
                 {"ti", "intervals"},
                 {"n", "the null type"},
                 {"v", "string views"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(format, names[i].prefix, strlen(names[i].prefix)) == 0)
            return names[i].name;
    return NULL;
}

static lancelet_status refuse_type(const struct ArrowSchema *schema, lancelet_error *err)
{
    const char *name = type_name(schema->format);
    if (name)
        return base_fail(err, LANCELET_UNSUPPORTED, "columns of %s are not supported", name);
    return base_fail(err, LANCELET_UNSUPPORTED, "columns of the Arrow type '%.40s' are not supported",
                     schema->format);
}

/* The N of "+w:N" or "w:N": 1 .. INT32_MAX, else 0. */
static uint64_t fixed_count(const char *digits)
{
    uint64_t n = 0;
    if (*digits == '\0')
        return 0;
    for (; *digits; digits++) {
        if (*digits < '0' || *digits > '9' || n > INT32_MAX)
            return 0;
        n = n * 10 + (uint64_t)(*digits - '0');
    }
    return n <= INT32_MAX ? n : 0;
}

lancelet_status lance_type_of(const struct ArrowSchema *schema, lance_type *out, lancelet_error *err)
{
    const char *format = schema->format;
    memset(out, 0, sizeof *out);
    out->items = 1;
    if (schema->dictionary)
        return base_fail(err, LANCELET_UNSUPPORTED, "columns of the dictionary type are not supported");
    if (!strcmp(format, "u") || !strcmp(format, "z") || !strcmp(format, "U") || !strcmp(format, "Z")) {
        out->kind = LANCE_VARIABLE;
        out->offset_bits = *format == 'u' || *format == 'z' ? 32 : 64;
        out->text = *format == 'u' || *format == 'U';
        return LANCELET_OK;
    }
    if (strncmp(format, "w:", 2) == 0) {
        uint64_t n = fixed_count(format + 2);
        if (n == 0 || n > INT32_MAX / 8)
            return refuse_type(schema, err);
        out->kind = LANCE_FIXED;
        out->item_bits = (uint32_t)n * 8;
        out->width = (size_t)n;
        return LANCELET_OK;
    }
    if (strncmp(format, "+w:", 3) == 0) {
        uint64_t n = fixed_count(format + 3);
        if (n == 0 || schema->n_children != 1 || !schema->children || !schema->children[0])
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "columns of lists of a fixed size of 0 are not supported");
        const struct ArrowSchema *item = schema->children[0];
        out->item_bits = primitive_bits(item->format);
        if (out->item_bits == 0 || item->dictionary)
            return refuse_type(item, err);
        if (out->item_bits == 1)
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "columns of fixed-size lists of bool are not supported");
        out->kind = LANCE_LIST;
        out->items = n;
        out->width = (size_t)n * (out->item_bits / 8);
        return LANCELET_OK;
    }
    out->item_bits = primitive_bits(format);
    if (out->item_bits == 0)
        return refuse_type(schema, err);
    out->kind = out->item_bits == 1 ? LANCE_BOOL : LANCE_FIXED;
    out->width = out->item_bits / 8;
    return LANCELET_OK;
}

/* ---- the sink ---- */

static void set_bit(uint8_t *bits, uint64_t i, bool v)
{
    uint8_t mask = (uint8_t)(1u << (i & 7));
    bits[i >> 3] = (uint8_t)(v ? bits[i >> 3] | mask : bits[i >> 3] & ~mask);
}

static void copy_bits(uint8_t *to, uint64_t to_first, const uint8_t *from, uint64_t from_first, uint64_t n)
{
    uint64_t i = 0;
    if (to_first % 8 == 0 && from_first % 8 == 0) {
        memcpy(to + to_first / 8, from + from_first / 8, (size_t)(n / 8));
        i = n / 8 * 8;
    }
    for (; i < n; i++)
        set_bit(to, to_first + i, lance_bit(from, from_first + i));
}

static size_t bitmap_bytes(uint64_t bits)
{
    return (size_t)(bits / 8 + (bits % 8 > 0));
}

static uint8_t *aligned(size_t n)
{
    return base_alloc_aligned(n ? n : 1);
}

lancelet_status lance_sink_open(lance_sink *s, const lance_type *type, uint64_t capacity, lancelet_error *err)
{
    memset(s, 0, sizeof *s);
    s->type = *type;
    s->capacity = capacity;
    s->bytes_limit = UINT64_MAX;
    uint64_t size;
    if (type->kind == LANCE_VARIABLE) {
        if (!base_add_u64(capacity, 1, &size) || !base_mul_u64(size, type->offset_bits / 8, &size))
            size = UINT64_MAX;
    } else if (type->kind == LANCE_BOOL) {
        size = bitmap_bytes(capacity);
    } else if (!base_mul_u64(capacity, type->width, &size)) {
        size = UINT64_MAX;
    }
    if (capacity > INT64_MAX || size > ARRAY_LIMIT)
        return base_fail(err, LANCELET_LIMIT, "%llu rows at once are more than one array may hold",
                         (unsigned long long)capacity);
    uint8_t *bytes = aligned((size_t)size);
    if (!bytes)
        return base_fail_memory(err);
    if (type->kind == LANCE_VARIABLE) {
        s->offsets = bytes;
        memset(bytes, 0, type->offset_bits / 8);
    } else {
        s->values = bytes;
        if (type->kind == LANCE_BOOL)
            memset(bytes, 0, (size_t)size);
    }
    return LANCELET_OK;
}

void lance_sink_free(lance_sink *s)
{
    base_free(s->validity);
    base_free(s->items_valid);
    base_free(s->values);
    base_free(s->offsets);
    base_buffer_free(&s->bytes);
    memset(s, 0, sizeof *s);
}

void lance_sink_fixed(lance_sink *s, const uint8_t *values, uint64_t n)
{
    if (n > 0)
        memcpy(s->values + s->length * s->type.width, values, (size_t)n * s->type.width);
    s->length += n;
}

void lance_sink_bits(lance_sink *s, const uint8_t *bits, uint64_t first, uint64_t n)
{
    copy_bits(s->values, s->length, bits, first, n);
    s->length += n;
}

static lancelet_status too_many_bytes(lancelet_error *err)
{
    return base_fail(
        err, LANCELET_LIMIT,
        "the rows' strings unfold to more bytes than the file's size allows; ask for fewer rows at once");
}

/* Ends row s->length at the present end of s->bytes. */
static lancelet_status end_string(lance_sink *s, lancelet_error *err)
{
    if (s->bytes.size > s->bytes_limit)
        return too_many_bytes(err);
    s->length++;
    if (s->type.offset_bits == 32) {
        if (s->bytes.size > INT32_MAX)
            return base_fail(err, LANCELET_LIMIT,
                             "the rows' strings are more than the 2 GiB that one array may hold");
        int32_t end = (int32_t)s->bytes.size;
        memcpy(s->offsets + 4 * s->length, &end, 4);
    } else {
        int64_t end = (int64_t)s->bytes.size;
        memcpy(s->offsets + 8 * s->length, &end, 8);
    }
    return LANCELET_OK;
}

lancelet_status lance_sink_bytes(lance_sink *s, const uint8_t *bytes, size_t n, lancelet_error *err)
{
    if (n > s->bytes_limit || s->bytes.size > s->bytes_limit - n)
        return too_many_bytes(err);
    if (n > 0 && !base_buffer_append(&s->bytes, bytes, n))
        return base_fail_memory(err);
    return end_string(s, err);
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
    RETURN_IF_ERROR(make_bitmap(&s->validity, s->capacity, err));
    if (lance_bit(s->validity, row)) {
        set_bit(s->validity, row, false);
        s->nulls++;
    }
    return LANCELET_OK;
}

lancelet_status lance_sink_nulls(lance_sink *s, uint64_t n, lancelet_error *err)
{
    uint64_t first = s->length;
    if (s->type.kind == LANCE_VARIABLE) {
        for (uint64_t i = 0; i < n; i++)
            RETURN_IF_ERROR(end_string(s, err));
    } else {
        if (s->type.kind != LANCE_BOOL && n > 0)
            memset(s->values + first * s->type.width, 0, (size_t)n * s->type.width);
        s->length += n; /* a bitmap of bools begins as zeros */
    }
    for (uint64_t i = 0; i < n; i++)
        RETURN_IF_ERROR(lance_sink_set_null(s, first + i, err));
    return LANCELET_OK;
}

lancelet_status lance_sink_items(lance_sink *s, uint64_t row, const uint8_t *bits, uint64_t first, uint64_t n,
                                 lancelet_error *err)
{
    RETURN_IF_ERROR(make_bitmap(&s->items_valid, s->capacity * s->type.items, err));
    copy_bits(s->items_valid, row * s->type.items, bits, first, n * s->type.items);
    return LANCELET_OK;
}

static uint64_t offset_at(const lance_sink *s, uint64_t i)
{
    return wire_little(s->offsets + i * (s->type.offset_bits / 8), s->type.offset_bits / 8);
}

lancelet_status lance_sink_gather(const lance_sink *s, const uint64_t *pick, uint64_t n, lance_sink *out,
                                  lancelet_error *err)
{
    RETURN_IF_ERROR(lance_sink_open(out, &s->type, n, err));
    out->bytes_limit = s->bytes_limit;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t row = pick[i];
        if (s->type.kind == LANCE_VARIABLE) {
            uint64_t from = offset_at(s, row), to = offset_at(s, row + 1);
            RETURN_IF_ERROR(
                lance_sink_bytes(out, s->bytes.data ? s->bytes.data + from : NULL, (size_t)(to - from), err));
        } else if (s->type.kind == LANCE_BOOL) {
            lance_sink_bits(out, s->values, row, 1);
        } else {
            lance_sink_fixed(out, s->values + row * s->type.width, 1);
        }
        if (s->validity && !lance_bit(s->validity, row))
            RETURN_IF_ERROR(lance_sink_set_null(out, i, err));
        if (s->items_valid)
            RETURN_IF_ERROR(lance_sink_items(out, i, s->items_valid, row * s->type.items, 1, err));
    }
    return LANCELET_OK;
}

/* ---- Arrow arrays ---- */

/* What an array owns: its buffer table and memory, and the struct of its only possible child. */
typedef struct holder {
    const void *buffers[3];
    struct ArrowArray child;
    struct ArrowArray *children[1];
    void *memory[3];
} holder;

static void release_array(struct ArrowArray *a)
{
    holder *h = a->private_data;
    if (a->n_children == 1 && h->child.release)
        h->child.release(&h->child);
    for (size_t i = 0; i < 3; i++)
        base_free(h->memory[i]);
    base_free(h);
    a->release = NULL;
}

/* The child must live on its own when a consumer moves it out, so it holds its own share: a fixed_size_list's values
 * belong to the child, the validity to the parent. */
typedef struct child_holder {
    const void *buffers[2];
    void *memory[2];
    lance_file *file;
} child_holder;

static void release_owning_child(struct ArrowArray *a)
{
    child_holder *h = a->private_data;
    base_free(h->memory[0]);
    base_free(h->memory[1]);
    lance_file_close(h->file);
    base_free(h);
    a->release = NULL;
}

static int64_t count_nulls(const uint8_t *bits, uint64_t n)
{
    int64_t nulls = 0;
    for (uint64_t i = 0; bits && i < n; i++)
        nulls += !lance_bit(bits, i);
    return nulls;
}

/* values and items_valid are owned where they are in memory (then file is NULL), else they lie in file. */
static lancelet_status make_list(const lance_type *type, uint64_t n, uint8_t *validity, uint64_t nulls,
                                 const uint8_t *values, uint8_t *items_valid, lance_file *file,
                                 struct ArrowArray *out, lancelet_error *err)
{
    holder *h = base_calloc(1, sizeof *h);
    child_holder *c = base_calloc(1, sizeof *c);
    if (!h || !c) {
        base_free(h);
        base_free(c);
        return base_fail_memory(err);
    }
    c->buffers[0] = items_valid;
    c->buffers[1] = values;
    c->memory[0] = items_valid;
    if (file)
        c->file = lance_file_retain(file);
    else
        c->memory[1] = (void *)(uintptr_t)values;
    h->child.length = (int64_t)(n * type->items);
    h->child.null_count = count_nulls(items_valid, n * type->items);
    h->child.n_buffers = 2;
    h->child.buffers = c->buffers;
    h->child.release = release_owning_child;
    h->child.private_data = c;
    h->children[0] = &h->child;
    h->buffers[0] = validity;
    h->memory[0] = validity;
    *out = (struct ArrowArray){.length = (int64_t)n,
                               .null_count = (int64_t)nulls,
                               .n_buffers = 1,
                               .n_children = 1,
                               .buffers = h->buffers,
                               .children = h->children,
                               .release = release_array,
                               .private_data = h};
    return LANCELET_OK;
}

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

lancelet_status lance_sink_finish(lance_sink *s, struct ArrowArray *out, lancelet_error *err)
{
    lancelet_status status = LANCELET_OK;
    if (s->type.text && !texts_valid(s)) {
        lance_sink_free(s);
        return base_fail(err, LANCELET_CORRUPT, "a text is not UTF-8");
    }
    if (s->type.kind == LANCE_LIST) {
        status =
            make_list(&s->type, s->length, s->validity, s->nulls, s->values, s->items_valid, NULL, out, err);
        if (status == LANCELET_OK)
            memset(s, 0, sizeof *s);
        lance_sink_free(s);
        return status;
    }
    bool variable = s->type.kind == LANCE_VARIABLE;
    holder *h = base_calloc(1, sizeof *h);
    /* Consumers may want a non-null data buffer even where all strings are empty. */
    if (h && variable && !s->bytes.data && !base_buffer_reserve(&s->bytes, 1)) {
        base_free(h);
        h = NULL;
    }
    if (!h) {
        lance_sink_free(s);
        return base_fail_memory(err);
    }
    h->buffers[0] = h->memory[0] = s->validity;
    h->buffers[1] = h->memory[1] = variable ? s->offsets : s->values;
    h->buffers[2] = h->memory[2] = s->bytes.data;
    *out = (struct ArrowArray){.length = (int64_t)s->length,
                               .null_count = (int64_t)s->nulls,
                               .n_buffers = variable ? 3 : 2,
                               .buffers = h->buffers,
                               .release = release_array,
                               .private_data = h};
    memset(s, 0, sizeof *s);
    return LANCELET_OK;
}

lancelet_status lance_array_borrow(lance_file *f, const lance_type *type, const uint8_t *values, uint64_t n,
                                   struct ArrowArray *out, lancelet_error *err)
{
    return make_list(type, n, NULL, 0, values, NULL, f, out, err);
}
