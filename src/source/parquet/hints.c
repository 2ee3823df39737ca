/* hints.c - the key ARROW:schema, in which Arrow's writers keep the schema that a table had: base64 of an Arrow IPC message
 * (https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc), a flatbuffer. Read are
 * the types that Parquet cannot tell apart and metadata of fields: large strings and binaries, time zones, durations, decimals
 * of 256 bits, dictionaries. Views of strings come as plain strings, which departs from pyarrow. Every position is
 * checked before it is followed; a message that does not hold together, or whose fields are not the file's, gives no hints. */
#include "source/parquet/internal.h"

#include <string.h>

/* ---- base64 ---- */

static int digit(uint8_t c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* out has room for n / 4 * 3 + 3 bytes; false when a letter is none of base64's. */
static bool unbase64(const char *text, size_t n, base_buffer *out)
{
    uint32_t held = 0;
    int bits = 0;
    while (n > 0 && text[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++) {
        int d = digit((uint8_t)text[i]);
        if (d < 0)
            return false;
        held = held << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out->data[out->size++] = (uint8_t)(held >> bits);
        }
    }
    return true;
}

/* ---- flatbuffers: positions in bytes; 0 stands for what is not there ---- */

typedef struct flat {
    const uint8_t *bytes;
    size_t size;
} flat;

static uint32_t number(flat f, size_t at, size_t width)
{
    uint32_t v = 0;
    if (width > f.size || at > f.size - width)
        return 0;
    for (size_t i = 0; i < width; i++)
        v |= (uint32_t)f.bytes[at + i] << (8 * i);
    return v;
}

/* What the offset at `at` points to. */
static size_t follow(flat f, size_t at)
{
    uint32_t offset = at ? number(f, at, 4) : 0;
    return offset && offset < f.size - at ? at + offset : 0;
}

/* Field `id` of the table at `table`. */
static size_t field(flat f, size_t table, unsigned id)
{
    if (!table || table + 4 > f.size)
        return 0;
    int64_t place = (int64_t)table - (int32_t)number(f, table, 4);
    if (place < 0 || (uint64_t)place + 4 > f.size)
        return 0;
    size_t vtable = (size_t)place;
    uint32_t size = number(f, vtable, 2), offset = 4 + 2 * id + 2 <= size ? number(f, vtable + 4 + 2 * id, 2) : 0;
    return offset && offset < f.size - table ? table + offset : 0;
}

/* Of the vector that the field at `at` points to: its first element; *n of them, each of `width` bytes. */
static size_t vector(flat f, size_t at, size_t width, size_t *n)
{
    size_t v = follow(f, at);
    *n = 0;
    if (!v || v + 4 > f.size)
        return 0;
    uint32_t count = number(f, v, 4);
    if (count > (f.size - v - 4) / width)
        return 0;
    *n = count;
    return v + 4;
}

/* ---- fields ---- */

/* The format of a dictionary's integers; int32 goes without saying. */
static char read_index(flat f, size_t dictionary)
{
    size_t type = follow(f, field(f, dictionary, 1)), bits = field(f, type, 0), is_signed = field(f, type, 1);
    if (!type)
        return 'i';
    bool s = is_signed && number(f, is_signed, 1);
    switch (bits ? number(f, bits, 4) : 0) {
    case 8:
        return s ? 'c' : 'C';
    case 16:
        return s ? 's' : 'S';
    case 64:
        return s ? 'l' : 'L';
    default:
        return s ? 'i' : 'I';
    }
}

static void read_field(flat f, size_t table, parquet_hint *h)
{
    size_t type = field(f, table, 2), body = follow(f, field(f, table, 3)), dictionary = follow(f, field(f, table, 4)), n;
    size_t unit = field(f, body, 0), bits = field(f, body, 2), zone = field(f, body, 1), ordered = field(f, dictionary, 2);
    h->type = (int)number(f, type ? type : f.size, 1);
    h->dictionary = dictionary != 0;
    h->index = read_index(f, dictionary);
    h->ordered = ordered && number(f, ordered, 1);
    h->unit = unit ? (int)number(f, unit, 2) : h->type == PARQUET_HINT_DURATION; /* of a duration milliseconds go without saying */
    h->bits = h->type != PARQUET_HINT_DECIMAL ? 0 : bits ? (int)(number(f, bits, 4) & 0xFFFF) : 128;
    if (h->type == PARQUET_HINT_TIMESTAMP) {
        size_t at = vector(f, zone, 1, &n);
        h->zone = at ? (const char *)f.bytes + at : NULL;
        h->n_zone = n && n < 64 && !memchr(f.bytes + at, 0, n) ? n : 0;
    }
    size_t metadata = field(f, table, 6);
    h->metadata = vector(f, metadata, 4, &n) && n ? metadata : 0;
}

/* The fields of the vector at `fields` for the n elements from `at` on, in each other structs' too. */
static void read_fields(const parquet_hints *h, const parquet_file *file, flat f, size_t fields, size_t at, int64_t children)
{
    size_t n, first = vector(f, fields, 4, &n);
    if (!first || children < 0 || n != (uint64_t)children)
        return;
    for (size_t i = 0; i < n; i++) {
        const parquet_element *e = &file->element[at];
        size_t table = follow(f, first + 4 * i);
        if (table) {
            read_field(f, table, &h->hint[at]);
            if (!e->left_out && e->n_children > 0)
                read_fields(h, file, f, field(f, table, 5), at + 1, e->n_children);
        }
        at = e->end;
    }
}

static bool find_message(const base_buffer *b, flat *out)
{
    flat f = {b->data, b->size};
    size_t head = number(f, 0, 4) == UINT32_MAX ? 8 : 4; /* older writers leave the mark out */
    if (b->size < head)
        return false;
    uint32_t size = number(f, head - 4, 4);
    if (size < 8 || size > b->size - head)
        return false;
    *out = (flat){b->data + head, size};
    return true;
}

lancelet_status parquet_hints_read(parquet_hints *h, const parquet_file *file, const char *text, size_t n, lancelet_error *err)
{
    flat f;
    *h = (parquet_hints){.hint = base_calloc(file->n_elements + 1, sizeof *h->hint)};
    if (!h->hint || !base_buffer_reserve(&h->bytes, n / 4 * 3 + 4))
        return base_fail_memory(err);
    if (!text || !unbase64(text, n, &h->bytes) || !find_message(&h->bytes, &f))
        return LANCELET_OK;
    size_t message = follow(f, 0), root = number(f, 0, 4) < f.size ? number(f, 0, 4) : 0;
    message = root ? root : message;
    size_t kind = field(f, message, 1), schema = follow(f, field(f, message, 2));
    if (kind && number(f, kind, 1) == 1 && schema) /* a schema's message */
        read_fields(h, file, f, field(f, schema, 1), 1, file->element[0].n_children);
    return LANCELET_OK;
}

bool parquet_hints_metadata(parquet_hints *h, size_t element, base_buffer *out)
{
    flat f;
    size_t n;
    if (!h->hint[element].metadata || !find_message(&h->bytes, &f))
        return true;
    size_t first = vector(f, h->hint[element].metadata, 4, &n);
    for (size_t i = 0; i < n && h->given <= h->bytes.size; i++) {
        size_t table = follow(f, first + 4 * i), nk, nv;
        size_t key = vector(f, field(f, table, 0), 1, &nk), value = vector(f, field(f, table, 1), 1, &nv);
        if (key && !arrow_metadata_add(out, (const char *)f.bytes + key, nk, (const char *)f.bytes + value, nv))
            return false;
        h->given += 4 + nk + nv;
    }
    return true;
}

void parquet_hints_free(parquet_hints *h)
{
    base_buffer_free(&h->bytes);
    base_free(h->hint);
    h->hint = NULL;
}
