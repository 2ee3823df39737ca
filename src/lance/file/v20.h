/* v20.h - what the files of the 2.0 reader share: a page made ready and its decoding into sinks. Above them read.c and
 * nested.c call the two functions at the end. */
#ifndef LANCE_FILE_V20_H
#define LANCE_FILE_V20_H

#include "lance/file/page.h"

enum { LANCE_V20_BUFFERS = 32 }; /* of a page: more than any encoding that is read has */

/* An ArrayEncoding message: its kind is the number of the one field that it has. */
enum {
    LANCE_V20_FLAT = 1,
    LANCE_V20_NULLABLE = 2,
    LANCE_V20_FIXED_SIZE_LIST = 3,
    LANCE_V20_LIST = 4,
    LANCE_V20_STRUCT = 5,
    LANCE_V20_BINARY = 6,
    LANCE_V20_DICTIONARY = 7,
    LANCE_V20_FSST = 8,
    LANCE_V20_PACKED_STRUCT = 9,
    LANCE_V20_BITPACKED = 10,
    LANCE_V20_FIXED_SIZE_BINARY = 11,
    LANCE_V20_BITPACKED_FOR_NON_NEG = 12
};
typedef struct lance_v20_encoding {
    uint32_t kind;
    wire_span body;
} lance_v20_encoding;
lancelet_status lance_v20_encoding_open(wire_span message, lance_v20_encoding *out,
                                        lancelet_error *err) MUST_CHECK;
/* UNSUPPORTED with the encoding's name. */
lancelet_status lance_v20_refuse(uint32_t kind, const char *where, lancelet_error *err);

typedef struct lance_v20_page {
    uint64_t rows;
    uint64_t bytes_limit; /* what one buffer may unfold to */
    wire_span buffers[LANCE_V20_BUFFERS];
    size_t n_buffers;
    wire_span message; /* ArrayEncoding */
    lance_v20_encoding encoding;
} lance_v20_page;
lancelet_status lance_v20_page_open(const lance_file *f, const lance_page *page, lance_v20_page *out,
                                    lancelet_error *err) MUST_CHECK;

/* All n values of `bits` bits of an encoding without nulls: *values points into the page or into `scratch`. */
lancelet_status lance_v20_fixed(const lance_v20_page *page, wire_span encoding, uint64_t n, uint32_t bits,
                                base_buffer *scratch, const uint8_t **values, lancelet_error *err) MUST_CHECK;
/* The bytes of strings, at least `size` of them. */
lancelet_status lance_v20_bytes(const lance_v20_page *page, wire_span encoding, uint64_t size, base_buffer *scratch,
                                wire_span *bytes, lancelet_error *err) MUST_CHECK;

/* Append the rows of the ranges (in any order, inside the page) to the sink of a leaf. is_dictionary: the column's type
 * is a dictionary; else one is but a way to store strings, with 0 for null. */
lancelet_status lance_v20_decode(const lance_v20_page *page, bool is_dictionary, const lance_range *ranges, size_t n,
                                 lance_sink *sink, lancelet_error *err) MUST_CHECK;
/* The same for a packed struct, whose fields go to `sinks` [n_fields]. */
lancelet_status lance_v20_decode_packed(const lance_v20_page *page, const lance_range *ranges, size_t n,
                                        lance_sink *sinks, size_t n_fields, lancelet_error *err) MUST_CHECK;

/* Of a file of version 2.0: the wanted rows of a column, as lance_nested_read. */
lancelet_status lance_v20_read(const lance_request *r, const uint32_t *columns, const struct ArrowSchema *schema,
                               struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* The page as a plain matrix of values in the file; NULL when it is stored otherwise. */
lancelet_status lance_v20_matrix(const lance_file *f, const lance_page *page, const lance_type *type,
                                 const uint8_t **out, lancelet_error *err) MUST_CHECK;

#endif
