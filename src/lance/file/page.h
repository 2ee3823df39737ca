/* page.h - what the files of this room share: the opened file, a column's type, the sink that decoded rows go to,
 * the leaf decoders and the page decoders. Not for other rooms.
 * Format: the Lance 2.1 / 2.2 page layouts (protos/encodings_v2_1.proto of the Lance project), see docs/lance-written.md
 * for the part that is written here. */
#ifndef LANCE_FILE_PAGE_H
#define LANCE_FILE_PAGE_H

#include <stdatomic.h>
#include <string.h>

#include "lance/file/file.h"

/* ---- the opened file ---- */
typedef struct lance_page {
    uint64_t first_row, rows;
    wire_span message; /* the Page message, in the mapping */
} lance_page;

typedef struct lance_column {
    lance_page *pages; /* [n_pages], ascending, without gaps */
    size_t n_pages;
    uint64_t rows; /* sum over pages */
} lance_column;

struct lance_file {
    atomic_uint references;
    base_map map; /* not open when the bytes are borrowed memory */
    bool mapped;
    wire_span bytes; /* the whole file */
    uint64_t rows;
    int minor;
    wire_span descriptor;
    lance_column *columns; /* [n_columns] */
    uint32_t n_columns;
};

/* The same as lance_file_open over bytes in memory (borrowed until the last reference goes): for the fuzz target. */
lancelet_status lance_file_open_memory(const uint8_t *bytes, size_t size, lance_file **out,
                                       lancelet_error *err) MUST_CHECK;

enum { LANCE_PAGE_BUFFERS = 4 }; /* more than any layout that is read here has */
typedef enum lance_layout {
    LANCE_LAYOUT_MINIBLOCK = 1,
    LANCE_LAYOUT_CONSTANT = 2,
    LANCE_LAYOUT_FULLZIP = 3,
} lance_layout;

/* One page made ready: its buffers lie inside the file, its layout is one of the three, its only layer is an item. */
typedef struct lance_page_view {
    const lance_page *page;
    wire_span buffers[LANCE_PAGE_BUFFERS];
    size_t n_buffers;
    lance_layout layout;
    wire_span body; /* MiniBlockLayout, ConstantLayout or FullZipLayout */
    bool nullable;  /* layer NULLABLE_ITEM */
} lance_page_view;
lancelet_status lance_page_open(const lance_file *f, const lance_page *page, lance_page_view *out,
                                lancelet_error *err) MUST_CHECK;

/* ---- types ---- */
typedef enum lance_kind { LANCE_BOOL, LANCE_FIXED, LANCE_VARIABLE, LANCE_LIST } lance_kind;
typedef struct lance_type {
    lance_kind kind;
    uint32_t item_bits;   /* one item: 1, 8, 16, 32, 64, 128 ...; 0 for variable */
    uint64_t items;       /* N of fixed_size_list<N>, else 1 */
    size_t width;         /* bytes a value, 0 for bool and variable */
    uint32_t offset_bits; /* 32 or 64 for variable, else 0 */
    bool text;            /* variable: UTF-8 */
} lance_type;
/* UNSUPPORTED names the type that is not read or written. */
lancelet_status lance_type_of(const struct ArrowSchema *schema, lance_type *out,
                              lancelet_error *err) MUST_CHECK;

/* ---- decoded rows ---- */
typedef struct lance_sink {
    lance_type type;
    uint64_t length, capacity; /* rows */
    uint64_t nulls;
    uint8_t *validity;    /* bitmap [capacity], NULL until the first null */
    uint8_t *items_valid; /* bitmap [capacity * items], NULL until a null item may come */
    uint8_t *values;      /* [capacity * width], for bool a bitmap; NULL for variable */
    uint8_t *offsets;     /* [capacity + 1] of offset_bits / 8, variable only */
    base_buffer bytes;    /* variable only */
    uint64_t bytes_limit; /* of `bytes`: what a file of its size may unfold to */
} lance_sink;
lancelet_status lance_sink_open(lance_sink *s, const lance_type *type, uint64_t capacity,
                                lancelet_error *err) MUST_CHECK;
void lance_sink_free(lance_sink *s);
/* Append rows. The caller keeps within the capacity. */
void lance_sink_fixed(lance_sink *s, const uint8_t *values /* [n * width] */, uint64_t n);
void lance_sink_bits(lance_sink *s, const uint8_t *bits, uint64_t first, uint64_t n);
lancelet_status lance_sink_bytes(lance_sink *s, const uint8_t *bytes, size_t n,
                                 lancelet_error *err) MUST_CHECK;
lancelet_status lance_sink_nulls(lance_sink *s, uint64_t n, lancelet_error *err) MUST_CHECK;
/* Makes a row that is there already null. */
lancelet_status lance_sink_set_null(lance_sink *s, uint64_t row, lancelet_error *err) MUST_CHECK;
/* Item validity of rows [row, row + n): bits first.. of `bits`. */
lancelet_status lance_sink_items(lance_sink *s, uint64_t row, const uint8_t *bits, uint64_t first, uint64_t n,
                                 lancelet_error *err) MUST_CHECK;
/* out = the rows at pick [n] of s. */
lancelet_status lance_sink_gather(const lance_sink *s, const uint64_t *pick, uint64_t n, lance_sink *out,
                                  lancelet_error *err) MUST_CHECK;
/* Moves the rows into an Arrow array; s is empty then, also on failure. */
lancelet_status lance_sink_finish(lance_sink *s, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* An Arrow array over `values` in the mapping, which holds a reference to f. */
lancelet_status lance_array_borrow(lance_file *f, const lance_type *type, const uint8_t *values, uint64_t n,
                                   struct ArrowArray *out, lancelet_error *err) MUST_CHECK;

/* Rows of a page, ascending and apart. */
typedef struct lance_range {
    uint64_t first, count;
} lance_range;

/* ---- page decoders: append the rows of the ranges to the sink ---- */
lancelet_status lance_miniblock_read(const lance_page_view *v, const lance_range *ranges, size_t n,
                                     lance_sink *sink, lancelet_error *err) MUST_CHECK;
lancelet_status lance_fullzip_read(const lance_page_view *v, const lance_range *ranges, size_t n,
                                   lance_sink *sink, lancelet_error *err) MUST_CHECK;
lancelet_status lance_constant_read(const lance_page_view *v, const lance_range *ranges, size_t n,
                                    lance_sink *sink, lancelet_error *err) MUST_CHECK;
/* The page as a plain matrix of values in the file, or NULL when it is stored otherwise. */
const uint8_t *lance_fullzip_matrix(const lance_page_view *v, const lance_type *type);

/* ---- leaf encodings ---- */
enum {
    LANCE_FLAT = 1,
    LANCE_VARIABLE_LEAF = 2,
    LANCE_CONSTANT = 3,
    LANCE_OUT_OF_LINE_BITPACKING = 4,
    LANCE_INLINE_BITPACKING = 5,
    LANCE_FSST = 6,
    LANCE_DICTIONARY = 7,
    LANCE_RLE = 8,
    LANCE_BYTE_STREAM_SPLIT = 9,
    LANCE_GENERAL = 10,
    LANCE_FIXED_SIZE_LIST = 11,
    LANCE_PACKED_STRUCT = 12,
    LANCE_VARIABLE_PACKED_STRUCT = 13
};
typedef struct lance_leaf {
    uint32_t kind;
    wire_span body;
} lance_leaf;
/* Opens a CompressiveEncoding. */
lancelet_status lance_leaf_open(wire_span encoding, lance_leaf *out, lancelet_error *err) MUST_CHECK;
/* UNSUPPORTED with the encoding's name. */
lancelet_status lance_leaf_refuse(const lance_leaf *leaf, const char *where, lancelet_error *err);

typedef struct lance_scratch {
    base_buffer unpacked; /* bytes out of General */
    base_buffer values;   /* decoded values */
} lance_scratch;
void lance_scratch_free(lance_scratch *s);

/* n values of `bits` bits from a chunk's (or block's) buffers: *values points into a buffer or into the scratch. */
lancelet_status lance_leaf_fixed(wire_span encoding, const wire_span *buffers, size_t n_buffers, uint64_t n,
                                 uint32_t bits, lance_scratch *scratch, const uint8_t **values,
                                 lancelet_error *err) MUST_CHECK;
/* u16 levels of a block, at most 1 each. */
lancelet_status lance_leaf_levels(wire_span encoding, wire_span block, uint64_t n, lance_scratch *scratch,
                                  const uint8_t **levels /* u16 [n], unaligned */,
                                  lancelet_error *err) MUST_CHECK;
/* The bytes out of a General buffer. */
lancelet_status lance_leaf_unpack(const lance_leaf *general, wire_span in, base_buffer *out, wire_span *bytes,
                                  lancelet_error *err) MUST_CHECK;

/* FSST (Boncz, Neumann, Leis: FSST: Fast Random Access String Compression, VLDB 2020), table as Lance writes it. */
typedef struct lance_fsst {
    bool on;
    uint8_t n;
    uint8_t length[256]; /* [n], 1..8 */
    uint8_t symbol[256][8];
} lance_fsst;
lancelet_status lance_fsst_open(wire_span table, lance_fsst *out, lancelet_error *err) MUST_CHECK;
/* Appends the plain string to out. */
lancelet_status lance_fsst_decode(const lance_fsst *t, wire_span in, base_buffer *out,
                                  lancelet_error *err) MUST_CHECK;

/* Strings of one chunk or of a dictionary: value i is bytes offset[i]..offset[i+1] of `bytes`. */
typedef struct lance_strings {
    wire_span bytes;
    const uint8_t *offsets; /* [n + 1], unaligned */
    size_t offset_bytes;    /* 4 or 8 */
    uint64_t n;
} lance_strings;
lancelet_status lance_strings_chunk(wire_span encoding, wire_span buffer, uint64_t n, lance_strings *out,
                                    lancelet_error *err) MUST_CHECK;
lancelet_status lance_strings_block(wire_span block, uint64_t n, lance_strings *out,
                                    lancelet_error *err) MUST_CHECK;
lancelet_status lance_strings_at(const lance_strings *s, uint64_t i, wire_span *out,
                                 lancelet_error *err) MUST_CHECK;

/* FastLanes: 1024 values of `bits` (8, 16, 32, 64) each packed into `width` bits: reads 128 * width bytes, writes
 * 1024 * bits / 8 bytes. */
void lance_unpack_1024(const uint8_t *packed, uint32_t bits, uint32_t width, uint8_t *out);

/* ---- small helpers ---- */
static inline bool lance_bit(const uint8_t *bits, uint64_t i)
{
    return bits[i >> 3] >> (i & 7) & 1;
}
static inline uint64_t lance_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

#endif
