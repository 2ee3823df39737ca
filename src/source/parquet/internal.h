/* internal.h - the parts of the Parquet reader among themselves: what the footer says (file), how a page's bytes become values
 * (page, levels, delta), and a column that is read in windows of at most 4,096 rows. */
#ifndef SOURCE_PARQUET_INTERNAL_H
#define SOURCE_PARQUET_INTERNAL_H

#include "source/parquet/parquet.h"
#include "source/parquet/thrift.h"

enum {
    PARQUET_WINDOW = 4096,           /* rows decoded at a time, and of a batch */
    PARQUET_BATCH_BYTES = 16 << 20,  /* of a batch of more than one row */
    PARQUET_DEEPEST = 60,            /* structs in structs */
};

/* ---- what the footer says ---- */

typedef enum parquet_physical {
    PARQUET_BOOLEAN = 0,
    PARQUET_INT32,
    PARQUET_INT64,
    PARQUET_INT96,
    PARQUET_FLOAT,
    PARQUET_DOUBLE,
    PARQUET_BYTES,
    PARQUET_FIXED,
} parquet_physical;

typedef enum parquet_encoding {
    PARQUET_PLAIN = 0,
    PARQUET_PLAIN_DICTIONARY = 2,
    PARQUET_RLE = 3,
    PARQUET_BIT_PACKED = 4,
    PARQUET_DELTA_BINARY_PACKED = 5,
    PARQUET_DELTA_LENGTH = 6,
    PARQUET_DELTA_BYTES = 7,
    PARQUET_RLE_DICTIONARY = 8,
    PARQUET_BYTE_STREAM_SPLIT = 9,
} parquet_encoding;

/* How values of the physical type become Arrow's. */
typedef enum parquet_conversion {
    PARQUET_AS_IS = 0,
    PARQUET_NARROW,        /* the low bytes of an INT32 */
    PARQUET_NANOSECONDS,   /* INT96: nanoseconds of the day and Julian day */
    PARQUET_WIDEN,         /* INT32 or INT64 to a decimal */
    PARQUET_BIG_ENDIAN,    /* a decimal's bytes, of one width or each of its own */
    PARQUET_NOTHING,       /* the null type: no values */
} parquet_conversion;

/* A leaf of the schema that is read. */
typedef struct parquet_leaf {
    const char *name; /* borrowed from the Arrow schema */
    parquet_physical physical;
    size_t width;       /* bytes a value in a PLAIN page; BOOLEAN 1, BYTES 0 */
    size_t arrow_width; /* bytes a value of the Arrow column; BOOLEAN 1, BYTES 0 */
    parquet_conversion conversion;
    uint8_t definition; /* level of a value that is there */
    size_t place;       /* among all leaves of the file */
} parquet_leaf;

/* A column of the Arrow schema, or a field of a struct column. */
typedef struct parquet_node {
    bool is_struct;
    uint8_t definition; /* level from which it is not null */
    size_t leaf;        /* itself, or of a struct the first one in it */
    size_t end;         /* of what is below it: the node behind */
} parquet_node;

/* A column of a row group. */
typedef struct parquet_chunk {
    uint64_t start, length; /* bytes of the file */
    uint64_t values;
    uint8_t physical;
    uint8_t codec;
    bool there;     /* has metadata */
    bool elsewhere; /* in another file */
} parquet_chunk;

/* An element of the footer's schema, in its order: parents before children. */
typedef struct parquet_element {
    const char *name; /* borrowed from the mapping */
    size_t n_name;
    int physical, length, repetition; /* -1: not said */
    int64_t n_children;
    int converted, scale, precision, field_id; /* -1: not said */
    int logical; /* field of the union LogicalType; 0: none */
    int bits, unit;
    bool is_signed, utc;
    size_t end, leaves;  /* the element behind its subtree; leaves in it */
    const char *left_out; /* why it is not read; NULL: it is */
} parquet_element;

struct parquet_file {
    base_map map;
    bool mapped;
    const uint8_t *data; /* [size] */
    uint64_t size;
    char *name;          /* of the file, for sentences */
    uint64_t body;       /* bytes before the footer */
    parquet_element *element; /* [n_elements] */
    size_t n_elements;
    bool old_java;       /* written by parquet-mr, whose old versions leave the dictionary's header out of a chunk's length */
    struct ArrowSchema schema;
    parquet_node *node; /* [n_nodes]: those of column 0, of column 1, ... */
    size_t n_nodes;
    size_t *column;     /* [schema.n_children] its node */
    parquet_leaf *leaf; /* [n_leaves] */
    size_t n_leaves;
    size_t all_leaves; /* of the file, those left out too */
    uint64_t rows;
    uint64_t *group_rows;  /* [n_groups] */
    parquet_chunk *chunk;  /* [n_groups][n_leaves] */
    size_t n_groups;
    char **out_name;         /* [n_out] columns left out */
    const char **out_reason; /* [n_out] */
    size_t n_out;
};

/* The bytes are borrowed and stay as long as the file. */
lancelet_status parquet_open_bytes(const uint8_t *data, uint64_t size, const char *name, parquet_file **out,
                                   lancelet_error *err) MUST_CHECK;
/* Elements, rows, chunks of the footer's bytes [n]; then what of it is read. */
lancelet_status parquet_read_footer(parquet_file *f, const uint8_t *bytes, size_t n, lancelet_error *err) MUST_CHECK;
/* Schema, nodes and leaves of f->element. `arrow` [n_arrow]: the value of the key ARROW:schema, NULL when there is none. */
lancelet_status parquet_make_schema(parquet_file *f, const char *arrow, size_t n_arrow, lancelet_error *err) MUST_CHECK;

/* What pyarrow kept of an element's Arrow type in the key ARROW:schema (type: its number there; 0: nothing). */
typedef struct parquet_hint {
    int type;
    int unit;         /* of a timestamp or duration: seconds, milliseconds, microseconds, nanoseconds */
    int bits;         /* of a decimal */
    const char *zone; /* [n_zone] of a timestamp; borrowed from the hints */
    size_t n_zone;
    bool dictionary, ordered;
    char index;      /* a dictionary's integers as Arrow's format has them: 'i' */
    size_t metadata; /* where its pairs stand; 0: none */
} parquet_hint;

enum {
    PARQUET_HINT_DECIMAL = 7,
    PARQUET_HINT_TIMESTAMP = 10,
    PARQUET_HINT_DURATION = 18,
    PARQUET_HINT_LARGE_BINARY = 19,
    PARQUET_HINT_LARGE_UTF8 = 20,
};

typedef struct parquet_hints {
    base_buffer bytes;  /* the schema as a flatbuffer */
    parquet_hint *hint; /* [n_elements] */
    size_t given;       /* bytes of metadata handed out: fields of a hostile message may share what they have */
} parquet_hints;

/* Text that is no such schema, or that of another table, gives no hints. */
lancelet_status parquet_hints_read(parquet_hints *h, const parquet_file *f, const char *text, size_t n, lancelet_error *err) MUST_CHECK;
bool parquet_hints_metadata(parquet_hints *h, size_t element, base_buffer *out) MUST_CHECK; /* false: memory is out */
void parquet_hints_free(parquet_hints *h);

/* ---- runs and bit-packed groups ---- */

/* Values of `width` bits as runs of one value or packed (the "RLE/bit-packing hybrid"), or in the old order of bits
 * (BIT_PACKED). */
typedef struct parquet_hybrid {
    const uint8_t *at, *end;
    unsigned width;       /* 0..32 */
    bool packed;          /* the run at hand */
    bool old;             /* all of it is one packed run, the highest bit first */
    uint64_t left;        /* values of the run at hand */
    uint32_t value;       /* of a run of one value */
    const uint8_t *bits;  /* [..bits_end) of a packed run */
    const uint8_t *bits_end;
    uint64_t bit;         /* of the next value in bits */
} parquet_hybrid;

void parquet_hybrid_start(parquet_hybrid *h, const uint8_t *at, const uint8_t *end, unsigned width);
void parquet_hybrid_start_old(parquet_hybrid *h, const uint8_t *at, const uint8_t *end, unsigned width);
bool parquet_hybrid_read(parquet_hybrid *h, uint32_t *out, size_t n) MUST_CHECK; /* false: there are not n, or they are broken */
/* Are the next n values one? Then they are taken. */
bool parquet_hybrid_run(parquet_hybrid *h, uint32_t *value, size_t n);
/* n values of `width` bits (0..64) from bit `bit` of at..end, the lowest bit first; false when they do not lie within. */
bool parquet_unpack_bits(const uint8_t *at, const uint8_t *end, uint64_t bit, unsigned width, uint64_t *out, size_t n) MUST_CHECK;

/* ---- deltas ---- */

/* DELTA_BINARY_PACKED, read on and on. */
typedef struct parquet_delta {
    const uint8_t *at, *end;
    uint64_t block, minis, per_mini; /* values a block, miniblocks a block, values a miniblock */
    uint64_t left;                   /* values not given yet */
    uint64_t value;                  /* the last one given, or the first to give */
    bool first;                      /* the first one is still to be given */
    uint64_t min_delta;
    const uint8_t *widths; /* [minis] of the block at hand */
    uint64_t mini;         /* the next miniblock of it */
    uint64_t mini_left;    /* values of the miniblock at hand */
    unsigned width;
    const uint8_t *bits;
    uint64_t bit;
} parquet_delta;

bool parquet_delta_start(parquet_delta *d, const uint8_t *at, const uint8_t *end) MUST_CHECK;
bool parquet_delta_read(parquet_delta *d, int64_t *out, size_t n) MUST_CHECK;
/* Where the bytes behind all values begin; d is used up. NULL: broken. */
const uint8_t *parquet_delta_end(parquet_delta *d);

/* ---- pages ---- */

typedef enum parquet_page_type { PARQUET_DATA = 0, PARQUET_INDEX, PARQUET_DICTIONARY, PARQUET_DATA_2 } parquet_page_type;

typedef struct parquet_page {
    parquet_page_type type;
    uint64_t at;              /* of the bytes behind the header */
    uint64_t packed, unpacked; /* bytes */
    bool has_crc;
    uint32_t crc;
    uint64_t values;
    int encoding;
    int level_encoding;        /* data page 1 */
    uint64_t levels, repeats;  /* bytes of all levels, and of those the repetition levels; data page 2 */
    bool compressed;           /* data page 2 */
} parquet_page;

/* The header at `at`; nothing behind `end` is looked at. */
lancelet_status parquet_page_header(const parquet_file *f, uint64_t at, uint64_t end, parquet_page *p,
                                    lancelet_error *err) MUST_CHECK;
/* *bytes [p->unpacked]: the page's bytes, in the mapping where they are not compressed, else in *room. */
lancelet_status parquet_page_bytes(const parquet_file *f, const parquet_page *p, uint8_t codec, base_buffer *room,
                                   const uint8_t **bytes, lancelet_error *err) MUST_CHECK;

/* ---- a column, window by window ---- */

typedef struct parquet_span {
    const uint8_t *bytes;
    size_t n;
} parquet_span;

typedef struct parquet_column {
    const parquet_file *file;
    const parquet_leaf *leaf;
    const parquet_chunk *chunk;
    uint64_t at, end;   /* the next page's header; the end of the chunk */
    uint64_t rows_left; /* of the row group, in pages that were not opened yet */
    /* the dictionary: where it lies, and when a page has needed it, what it holds */
    bool has_dictionary, dictionary_read;
    parquet_page dictionary_page;
    base_buffer dictionary_room, dictionary_places; /* of byte arrays: uint32 [n_dictionary], where each one's length stands */
    const uint8_t *dictionary;                      /* [n_dictionary][width] */
    size_t n_dictionary;
    /* the page at hand */
    base_buffer room;
    uint64_t page_rows; /* not in a window yet */
    int encoding;
    bool has_levels;
    parquet_hybrid levels;
    const uint8_t *values, *values_end; /* PLAIN: what is left; BYTE_STREAM_SPLIT: all */
    uint64_t value;                     /* BYTE_STREAM_SPLIT, BOOLEAN: the next one */
    parquet_hybrid indices;
    parquet_delta numbers, lengths; /* DELTA_BYTES: prefixes and suffixes */
    base_buffer previous;           /* DELTA_BYTES: the value before */
    /* the window: rows decoded */
    size_t window, row;       /* its rows, those given already */
    size_t pending;           /* rows behind it whose levels are decoded: their values did not fit */
    size_t n_dense, dense;    /* its values, those given already */
    bool uniform;             /* all rows have this level */
    uint8_t uniform_level;
    uint8_t level[PARQUET_WINDOW];
    uint32_t index[PARQUET_WINDOW];
    const uint8_t *fixed;  /* [n_dense][width] */
    base_buffer scratch;   /* of fixed; of spans' bytes */
    parquet_span *span;    /* [n_dense] */
} parquet_column;

/* Column `leaf` of row group `group`, from its first row. A column starts as {0}; parquet_column_free. */
lancelet_status parquet_column_start(parquet_column *c, const parquet_file *f, size_t leaf, size_t group,
                                     lancelet_error *err) MUST_CHECK;
void parquet_column_free(parquet_column *c);
lancelet_status parquet_column_skip(parquet_column *c, uint64_t rows, lancelet_error *err) MUST_CHECK;
/* A window with at least one row not given; CORRUPT when there is none. */
lancelet_status parquet_column_ready(parquet_column *c, lancelet_error *err) MUST_CHECK;
/* Of at most `rows` rows of the window those that fit into `bytes`, at least one; *bytes is what they take. */
size_t parquet_column_fit(const parquet_column *c, size_t rows, uint64_t *bytes);
/* Rows of the window are given: pass over them. */
void parquet_column_pass(parquet_column *c, size_t rows);
/* Values among the next `rows` rows of the window. */
size_t parquet_column_dense(const parquet_column *c, size_t rows);
/* Of the i-th row from here. */
static inline uint8_t parquet_column_level(const parquet_column *c, size_t i)
{
    return c->uniform ? c->uniform_level : c->level[c->row + i];
}

/* ---- rows into builders ---- */

/* Appends the next `rows` rows of the column's window to `b`. */
lancelet_status parquet_append(arrow_builder *b, const parquet_column *c, size_t rows, lancelet_error *err) MUST_CHECK;
/* Rows of a struct that is there from level `definition` on. */
lancelet_status parquet_append_struct(arrow_builder *b, const parquet_column *c, uint8_t definition, size_t rows,
                                      lancelet_error *err) MUST_CHECK;

#endif
