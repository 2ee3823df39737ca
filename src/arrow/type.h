/* type.h - format strings of the C data interface taken apart, for arrow's own use. */
#ifndef ARROW_TYPE_H
#define ARROW_TYPE_H

#include "arrow/arrow.h"

typedef enum arrow_kind {
    ARROW_UNKNOWN = 0, /* unions, views, run ends: not read here */
    ARROW_NULL,        /* no buffers */
    ARROW_BOOL,        /* bit-packed */
    ARROW_SIGNED,      /* integers, dates, times, timestamps, durations */
    ARROW_UNSIGNED,
    ARROW_FLOAT,
    ARROW_FIXED, /* bytes of a fixed width that are no number here: fixed-size binary, decimals, intervals */
    ARROW_BYTES, /* utf8 and binary */
    ARROW_LIST,  /* list, map */
    ARROW_FIXED_LIST,
    ARROW_STRUCT,
    ARROW_DICTIONARY, /* integers that count into the values of schema->dictionary */
} arrow_kind;

typedef struct arrow_type {
    arrow_kind kind;
    size_t width;      /* bytes a value of the fixed-width kinds, bool excepted */
    bool large;        /* 64-bit offsets */
    bool is_signed;    /* ARROW_DICTIONARY: its integers */
    int64_t list_size; /* ARROW_FIXED_LIST */
} arrow_type;

arrow_type arrow_type_of(const struct ArrowSchema *s);

/* Offset i (from the first of the buffer) of bytes or lists. */
int64_t arrow_offset(const struct ArrowArray *a, bool large, int64_t i);
/* Of row i of a dictionary column, which is not null: its place among the values. */
int64_t arrow_dictionary_index(const struct ArrowArray *a, arrow_type t, int64_t i);

static inline bool arrow_bit(const void *bitmap, int64_t i)
{
    return ((const uint8_t *)bitmap)[i / 8] >> (i % 8) & 1;
}

#endif
