/* thrift.h - reads Thrift's compact protocol, in which a Parquet file keeps its footer and its page headers. */
#ifndef SOURCE_PARQUET_THRIFT_H
#define SOURCE_PARQUET_THRIFT_H

#include "base/memory.h"

typedef enum thrift_type {
    THRIFT_STOP = 0,
    THRIFT_TRUE,
    THRIFT_FALSE,
    THRIFT_BYTE,
    THRIFT_I16,
    THRIFT_I32,
    THRIFT_I64,
    THRIFT_DOUBLE,
    THRIFT_BINARY,
    THRIFT_LIST,
    THRIFT_SET,
    THRIFT_MAP,
    THRIFT_STRUCT,
} thrift_type;

/* A place in bytes from outside. What cannot be read sets `bad` and gives zeros from then on, so that a caller looks once, at
 * the end; every loop over fields or elements ends then too. */
typedef struct thrift {
    const uint8_t *at, *end;
    bool bad;
    int depth; /* of structs being read */
} thrift;

/* A field of the struct being read; `last` is the id of the one before. */
typedef struct thrift_field {
    int id;
    thrift_type type;
} thrift_field;

/* Into a struct and out of it again: thrift_enter, then fields while thrift_next gives true. A field that the caller does not
 * know is thrift_skip's. */
void thrift_enter(thrift *t, thrift_field *f);
bool thrift_next(thrift *t, thrift_field *f);
void thrift_skip(thrift *t, thrift_type type);

/* The value of a field of that type; a value of another type is skipped and gives `otherwise`. */
int64_t thrift_int(thrift *t, const thrift_field *f, int64_t otherwise);
bool thrift_bool(thrift *t, const thrift_field *f, bool otherwise);
/* Borrowed from the bytes. */
const char *thrift_binary(thrift *t, const thrift_field *f, size_t *n);
/* Elements of a list whose elements are of type `of`; 0 when it is something else, which is skipped. No more than there are
 * bytes left. */
size_t thrift_list(thrift *t, const thrift_field *f, thrift_type of);
bool thrift_struct(thrift *t, const thrift_field *f); /* is it one? skipped when not */

#endif
