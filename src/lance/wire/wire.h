/* wire.h - protobuf's wire format over byte spans, enough for Lance's messages. Unknown fields survive because a
 * message that is rewritten copies the fields it does not replace byte by byte.
 * Source: https://protobuf.dev/programming-guides/encoding/. */
#ifndef LANCE_WIRE_H
#define LANCE_WIRE_H

#include "base/memory.h"

typedef struct wire_span {
    const uint8_t *data;
    size_t size;
} wire_span;

/* One field of a message. */
typedef struct wire_field {
    uint32_t number;
    uint32_t type;    /* 0 varint, 1 64-bit, 2 bytes, 5 32-bit; groups are refused */
    uint64_t value;   /* types 0, 1, 5 */
    wire_span bytes;  /* type 2 */
    wire_span raw;    /* tag and all, for copying */
} wire_field;

/* Takes the next field off *message. false at the end or where it is malformed: then *bad is true. */
bool wire_next(wire_span *message, wire_field *out, bool *bad);
/* First/last field of a number: false when absent (or the message is malformed before it). Last wins as protobuf says. */
bool wire_find(wire_span message, uint32_t number, wire_field *out);
uint64_t wire_u64(wire_span message, uint32_t number, uint64_t absent);
wire_span wire_bytes(wire_span message, uint32_t number); /* {NULL, 0} when absent */
bool wire_check(wire_span message);                       /* every field well-formed */
/* Repeated integers, packed or not, appended as uint64 to `out` (base_buffer of uint64_t). */
bool wire_packed(wire_span message, uint32_t number, base_buffer *out) MUST_CHECK;

/* Little-endian numbers of n bytes (1 to 8), which Lance's files have beside the messages. */
static inline uint64_t wire_little(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}
bool wire_put_little(base_buffer *b, uint64_t v, size_t n) MUST_CHECK;

bool wire_put_varint(base_buffer *b, uint32_t number, uint64_t v) MUST_CHECK;  /* tag and value, also when it is 0 */
bool wire_put_bytes(base_buffer *b, uint32_t number, const void *bytes, size_t n) MUST_CHECK;
bool wire_put_string(base_buffer *b, uint32_t number, const char *s) MUST_CHECK;
bool wire_put_packed(base_buffer *b, uint32_t number, const uint64_t *v, size_t n) MUST_CHECK; /* nothing when n is 0 */

#endif
