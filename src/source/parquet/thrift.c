/* thrift.c - the compact protocol as https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md says:
 * structs of fields with ids, varints, zigzag integers, strings, lists. Written for hostile bytes: every read is bounded by
 * the end, lists by the bytes that are left, nesting by DEEPEST. */
#include "source/parquet/thrift.h"

enum { DEEPEST = 64 };

static uint8_t take_byte(thrift *t)
{
    if (t->bad || t->at >= t->end) {
        t->bad = true;
        return 0;
    }
    return *t->at++;
}

static uint64_t take_varint(thrift *t)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = take_byte(t);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            return t->bad ? 0 : value;
    }
    t->bad = true;
    return 0;
}

static int64_t take_zigzag(thrift *t)
{
    uint64_t v = take_varint(t);
    return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

static void pass(thrift *t, uint64_t n)
{
    if (t->bad || n > (uint64_t)(t->end - t->at))
        t->bad = true;
    else
        t->at += n;
}

void thrift_enter(thrift *t, thrift_field *f)
{
    *f = (thrift_field){0};
    if (++t->depth > DEEPEST)
        t->bad = true;
}

bool thrift_next(thrift *t, thrift_field *f)
{
    uint8_t head = take_byte(t);
    f->type = (thrift_type)(head & 15);
    if (t->bad || f->type == THRIFT_STOP || f->type > THRIFT_STRUCT) {
        t->bad |= f->type != THRIFT_STOP;
        t->depth--;
        return false;
    }
    int64_t id = head >> 4 ? f->id + (head >> 4) : take_zigzag(t);
    if (id < INT16_MIN || id > INT16_MAX)
        t->bad = true;
    f->id = t->bad ? 0 : (int)id;
    return true;
}

static size_t take_list_head(thrift *t, thrift_type *type)
{
    uint8_t head = take_byte(t);
    uint64_t n = head >> 4 == 15 ? take_varint(t) : head >> 4;
    *type = (thrift_type)(head & 15);
    if (*type == THRIFT_STOP || *type > THRIFT_STRUCT || n > (uint64_t)(t->end - t->at))
        t->bad = true; /* an element takes at least one byte */
    return t->bad ? 0 : (size_t)n;
}

static void skip_element(thrift *t, thrift_type type)
{
    if (type == THRIFT_TRUE || type == THRIFT_FALSE)
        pass(t, 1); /* in a list a bool has a byte of its own */
    else
        thrift_skip(t, type);
}

static void skip_map(thrift *t)
{
    uint64_t n = take_varint(t);
    uint8_t types = n ? take_byte(t) : 0;
    if (n > (uint64_t)(t->end - t->at))
        t->bad = true;
    for (uint64_t i = 0; i < n && !t->bad; i++) {
        skip_element(t, (thrift_type)(types >> 4));
        skip_element(t, (thrift_type)(types & 15));
    }
}

void thrift_skip(thrift *t, thrift_type type)
{
    thrift_field f;
    thrift_type of;
    if (t->bad)
        return;
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        return;
    case THRIFT_BYTE:
        pass(t, 1);
        return;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        take_varint(t);
        return;
    case THRIFT_DOUBLE:
        pass(t, 8);
        return;
    case THRIFT_BINARY:
        pass(t, take_varint(t));
        return;
    case THRIFT_LIST:
    case THRIFT_SET:
    case THRIFT_MAP:
        if (++t->depth > DEEPEST)
            t->bad = true;
        if (type == THRIFT_MAP)
            skip_map(t);
        else
            for (size_t n = take_list_head(t, &of); n > 0 && !t->bad; n--)
                skip_element(t, of);
        t->depth--;
        return;
    case THRIFT_STRUCT:
        thrift_enter(t, &f);
        while (thrift_next(t, &f))
            thrift_skip(t, f.type);
        return;
    default:
        t->bad = true;
    }
}

int64_t thrift_int(thrift *t, const thrift_field *f, int64_t otherwise)
{
    if (f->type == THRIFT_BYTE)
        return (int8_t)take_byte(t);
    if (f->type == THRIFT_I16 || f->type == THRIFT_I32 || f->type == THRIFT_I64)
        return take_zigzag(t);
    thrift_skip(t, f->type);
    return otherwise;
}

bool thrift_bool(thrift *t, const thrift_field *f, bool otherwise)
{
    thrift_skip(t, f->type);
    return f->type == THRIFT_TRUE ? true : f->type == THRIFT_FALSE ? false : otherwise;
}

const char *thrift_binary(thrift *t, const thrift_field *f, size_t *n)
{
    *n = 0;
    if (f->type != THRIFT_BINARY) {
        thrift_skip(t, f->type);
        return "";
    }
    uint64_t length = take_varint(t);
    const char *bytes = (const char *)t->at;
    pass(t, length);
    *n = t->bad ? 0 : (size_t)length;
    return t->bad ? "" : bytes;
}

size_t thrift_list(thrift *t, const thrift_field *f, thrift_type of)
{
    thrift_type type;
    if (f->type != THRIFT_LIST && f->type != THRIFT_SET) {
        thrift_skip(t, f->type);
        return 0;
    }
    size_t n = take_list_head(t, &type);
    if (type == of)
        return n;
    for (; n > 0 && !t->bad; n--)
        skip_element(t, type);
    return 0;
}

bool thrift_struct(thrift *t, const thrift_field *f)
{
    if (f->type == THRIFT_STRUCT)
        return true;
    thrift_skip(t, f->type);
    return false;
}
