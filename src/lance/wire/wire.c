/* wire.c - protobuf's wire format: reading fields off a span, appending fields to a buffer.
 * Source: https://protobuf.dev/programming-guides/encoding/. Groups (types 3 and 4) are refused: Lance has none. A
 * length that does not fit the span makes the message malformed; nothing is allocated from what a message says. */
#include "lance/wire/wire.h"

#include <string.h>

static bool take_varint(wire_span *s, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < 10 && i < s->size; i++) {
        uint8_t byte = s->data[i];
        if (i == 9 && byte > 1)
            return false; /* more than 64 bits */
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            s->data += i + 1;
            s->size -= i + 1;
            *out = v;
            return true;
        }
    }
    return false;
}

static bool take_little(wire_span *s, size_t n, uint64_t *out)
{
    if (s->size < n)
        return false;
    *out = wire_little(s->data, n);
    s->data += n;
    s->size -= n;
    return true;
}

static bool take_field(wire_span *s, wire_field *out)
{
    const uint8_t *start = s->data;
    uint64_t tag, n;
    memset(out, 0, sizeof *out);
    if (!take_varint(s, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
        return false;
    out->number = (uint32_t)(tag >> 3);
    out->type = (uint32_t)(tag & 7);
    switch (out->type) {
    case 0:
        if (!take_varint(s, &out->value))
            return false;
        break;
    case 1:
        if (!take_little(s, 8, &out->value))
            return false;
        break;
    case 2:
        if (!take_varint(s, &n) || n > s->size)
            return false;
        out->bytes = (wire_span){s->data, (size_t)n};
        s->data += n;
        s->size -= (size_t)n;
        break;
    case 5:
        if (!take_little(s, 4, &out->value))
            return false;
        break;
    default:
        return false;
    }
    out->raw = (wire_span){start, (size_t)(s->data - start)};
    return true;
}

bool wire_next(wire_span *message, wire_field *out, bool *bad)
{
    *bad = false;
    if (message->size == 0)
        return false;
    if (!take_field(message, out)) {
        *bad = true;
        return false;
    }
    return true;
}

bool wire_find(wire_span message, uint32_t number, wire_field *out)
{
    wire_field f;
    bool bad, found = false;
    while (wire_next(&message, &f, &bad)) {
        if (f.number == number) {
            *out = f;
            found = true;
        }
    }
    return found;
}

uint64_t wire_u64(wire_span message, uint32_t number, uint64_t absent)
{
    wire_field f;
    return wire_find(message, number, &f) && f.type != 2 ? f.value : absent;
}

wire_span wire_bytes(wire_span message, uint32_t number)
{
    wire_field f;
    if (wire_find(message, number, &f) && f.type == 2)
        return f.bytes;
    return (wire_span){NULL, 0};
}

bool wire_check(wire_span message)
{
    wire_field f;
    bool bad;
    while (wire_next(&message, &f, &bad))
        ;
    return !bad;
}

bool wire_packed(wire_span message, uint32_t number, base_buffer *out)
{
    wire_field f;
    bool bad;
    while (wire_next(&message, &f, &bad)) {
        if (f.number != number)
            continue;
        if (f.type != 2) {
            if (!base_buffer_append(out, &f.value, sizeof f.value))
                return false;
            continue;
        }
        uint64_t v;
        while (f.bytes.size > 0 && take_varint(&f.bytes, &v))
            if (!base_buffer_append(out, &v, sizeof v))
                return false;
    }
    return true;
}

bool wire_put_little(base_buffer *b, uint64_t v, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    return base_buffer_append(b, bytes, n);
}

static size_t varint_bytes(uint64_t v, uint8_t out[10])
{
    size_t n = 0;
    while (v >= 0x80) {
        out[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    out[n++] = (uint8_t)v;
    return n;
}

bool wire_put_varint(base_buffer *b, uint32_t number, uint64_t v)
{
    uint8_t bytes[20];
    size_t n = varint_bytes((uint64_t)number << 3, bytes);
    n += varint_bytes(v, bytes + n);
    return base_buffer_append(b, bytes, n);
}

bool wire_put_bytes(base_buffer *b, uint32_t number, const void *bytes, size_t n)
{
    uint8_t head[20];
    size_t k = varint_bytes((uint64_t)number << 3 | 2, head);
    k += varint_bytes(n, head + k);
    size_t total;
    if (!base_add_size(k, n, &total) || !base_buffer_reserve(b, total))
        return false;
    return base_buffer_append(b, head, k) && (n == 0 || base_buffer_append(b, bytes, n));
}

bool wire_put_string(base_buffer *b, uint32_t number, const char *s)
{
    return wire_put_bytes(b, number, s, strlen(s));
}

bool wire_put_packed(base_buffer *b, uint32_t number, const uint64_t *v, size_t n)
{
    uint8_t bytes[10];
    base_buffer packed = {0};
    bool ok = true;
    if (n == 0)
        return true;
    for (size_t i = 0; ok && i < n; i++)
        ok = base_buffer_append(&packed, bytes, varint_bytes(v[i], bytes));
    ok = ok && wire_put_bytes(b, number, packed.data, packed.size);
    base_buffer_free(&packed);
    return ok;
}
