/* page.h - what the files of this room share: the opened file, a column's type, the sink that decoded rows go to,
 * the leaf decoders and the page decoders. Not for other rooms.
 * Format: the Lance 2.1 / 2.2 page layouts (protos/encodings_v2_1.proto of the Lance project), see docs/lance-format.md
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
    bool blobs;    /* values lie in the file on their own, pages say where */
} lance_column;

struct lance_file {
    atomic_uint references;
    base_map map; /* not open when the bytes are borrowed memory */
    bool mapped;
    wire_span bytes; /* the whole file */
    uint64_t rows;
    int minor;
    wire_span descriptor;
    uint64_t column_table;             /* where the columns' (position, size) are */
    _Atomic(lance_column *) *columns; /* [n_columns] NULL until first used: lance_file_column */
    uint32_t n_columns;
};

/* A column's pages, borrowed from f. */
lancelet_status lance_file_column(const lance_file *f, uint32_t index, const lance_column **out,
                                  lancelet_error *err) MUST_CHECK;

/* The page that holds a row which is there. */
size_t lance_column_page(const lance_column *c, uint64_t row);

/* The same as lance_file_open over bytes in memory (borrowed until the last reference goes): for the fuzz target. */
lancelet_status lance_file_open_memory(const uint8_t *bytes, size_t size, lance_file **out,
                                       lancelet_error *err) MUST_CHECK;

/* Strings may refer to the same bytes many times (a dictionary) or be compressed, so that a small file made for it
 * could fill any memory. Real ones unfold far less than this many bytes. */
uint64_t lance_file_unfold_limit(const lance_file *f);
/* The buffers of a Page message, inside the file: out [*n], at most `most`. */
lancelet_status lance_page_buffers(const lance_file *f, wire_span page, wire_span *out, size_t most, size_t *n,
                                   lancelet_error *err) MUST_CHECK;

/* ---- nesting ---- */

enum { LANCE_LAYERS = 32 /* of nesting, the value itself counted */, LANCE_LEVELS = 2 * LANCE_LAYERS + 1 };

/* The layers around the values of a leaf column, innermost first: layer 0 is the value itself, the others are structs,
 * lists (maps too) and fixed-size lists of structs. Pages number their definition levels by the nulls that they have;
 * here every layer has its levels: level 0 is a value, and from the inside out an item layer has one more, null, and
 * a list layer two, null and empty. */
typedef struct lance_nesting {
    size_t n;
    bool list[LANCE_LAYERS];
    uint8_t null_level[LANCE_LAYERS]; /* of a list, null_level + 1 is the empty list */
    uint8_t inside[LANCE_LEVELS];     /* by level: the lists between the value and what is null or empty, that list
                                         counted */
    uint8_t n_lists;                  /* the repetition level that begins a row */
    uint8_t visible;                  /* the highest level of an item that has a slot among the values */
    uint64_t factor;                  /* values a row, by fixed-size lists of structs */
} lance_nesting;

/* Levels of some rows, in the path's numbering. */
typedef struct lance_level_run {
    const uint8_t *repetition; /* [n], NULL: no lists */
    const uint8_t *definition; /* [n], NULL: all 0 */
    uint64_t n;
} lance_level_run;

/* Goes through levels row by row, counting the values. */
typedef struct lance_walk {
    const lance_level_run *levels;
    const lance_nesting *path;
    uint64_t level, value; /* where it is */
    uint64_t rows;         /* it has passed */
} lance_walk;
/* To where the next row begins, or to the end. */
static inline void lance_walk_row(lance_walk *w)
{
    const lance_level_run *l = w->levels;
    if (w->level == l->n)
        return;
    do {
        w->value += !l->definition || l->definition[w->level] <= w->path->visible;
        w->level++;
    } while (w->level < l->n && l->repetition[w->level] != w->path->n_lists);
    w->rows++;
}

/* ---- pages ---- */

enum { LANCE_PAGE_BUFFERS = 4 }; /* more than any layout that is read here has */
typedef enum lance_layout {
    LANCE_LAYOUT_MINIBLOCK = 1,
    LANCE_LAYOUT_CONSTANT = 2,
    LANCE_LAYOUT_FULLZIP = 3,
} lance_layout;

/* One page made ready: its buffers lie inside the file, its layout is one of the three, its layers are the path's. */
typedef struct lance_page_view {
    const lance_page *page;
    const lance_nesting *path;
    wire_span buffers[LANCE_PAGE_BUFFERS];
    size_t n_buffers;
    lance_layout layout;
    wire_span body;                /* MiniBlockLayout, ConstantLayout or FullZipLayout */
    uint8_t meaning[LANCE_LEVELS]; /* the path's level of each level of the page */
    uint8_t max_level;             /* of the page */
} lance_page_view;
lancelet_status lance_page_open(const lance_file *f, const lance_page *page, const lance_nesting *path,
                                lance_page_view *out, lancelet_error *err) MUST_CHECK;

/* ---- types ---- */
enum { LANCE_DIMENSIONS = 4 /* fixed-size lists in one another */ };
typedef enum lance_kind { LANCE_BOOL, LANCE_FIXED, LANCE_VARIABLE, LANCE_LIST, LANCE_NULL } lance_kind;
/* The type of a leaf column. */
typedef struct lance_type {
    lance_kind kind;      /* LANCE_LIST: fixed-size list */
    uint32_t item_bits;   /* one item: 1, 8, 16, 32, 64, 128 ...; 0 for variable and null */
    size_t depth;         /* fixed-size lists in one another, 0 if none */
    uint64_t size[LANCE_DIMENSIONS]; /* [depth] items of each, outermost first */
    uint64_t items;       /* the product of size: 1 if none */
    size_t width;         /* bytes a value, 0 for variable, null, bool and lists of bool */
    uint32_t offset_bits; /* 32 or 64 for variable, else 0 */
    bool text;            /* variable: UTF-8 */
    const struct ArrowSchema *packed; /* a struct whose rows are one value of a fixed width each; else NULL */
} lance_type;
/* Of a leaf; a dictionary's is that of its values. UNSUPPORTED names the type that is not read or written. */
lancelet_status lance_type_of(const struct ArrowSchema *schema, lance_type *out,
                              lancelet_error *err) MUST_CHECK;
/* CORRUPT where lists or maps lack the fields below them that they must have. */
lancelet_status lance_check_fields(const struct ArrowSchema *schema, lancelet_error *err) MUST_CHECK;

/* ---- decoded rows ---- */
typedef struct lance_sink {
    lance_type type;
    uint64_t length, capacity; /* values: rows, or with lists the items that have a slot */
    uint64_t nulls;
    uint8_t *validity;                      /* bitmap [capacity], NULL until the first null */
    uint8_t *items_valid[LANCE_DIMENSIONS]; /* bitmaps [capacity * items down to there], NULL until a null may come */
    uint8_t *values;                        /* [capacity * width], of bools a bitmap; NULL for variable */
    uint8_t *offsets;                       /* [capacity + 1] of offset_bits / 8, variable only */
    base_buffer bytes;                      /* variable only */
    uint64_t bytes_limit;                   /* of `bytes` or values: what a file of its size may unfold to */
    const lance_nesting *path;                 /* NULL: a row is a value */
    base_buffer repetition, definition;     /* a byte a level, where the path has lists; where it has layers */
} lance_sink;
/* limit: bytes that the values may take, now (LIMIT where `capacity` of them take more) and as strings and lists grow. */
lancelet_status lance_sink_open(lance_sink *s, const lance_type *type, uint64_t capacity, uint64_t limit,
                                lancelet_error *err) MUST_CHECK;
void lance_sink_free(lance_sink *s);
/* Room for n more values. A sink opened with the capacity that is needed has it. */
lancelet_status lance_sink_reserve(lance_sink *s, uint64_t n, lancelet_error *err) MUST_CHECK;
/* Append values. The caller keeps within the capacity. */
void lance_sink_fixed(lance_sink *s, const uint8_t *values /* [n * width] */, uint64_t n);
void lance_sink_bits(lance_sink *s, const uint8_t *bits, uint64_t first /* bit */, uint64_t n);
lancelet_status lance_sink_bytes(lance_sink *s, const uint8_t *bytes, size_t n,
                                 lancelet_error *err) MUST_CHECK;
void lance_sink_zeros(lance_sink *s, uint64_t n); /* of a fixed width */
lancelet_status lance_sink_nulls(lance_sink *s, uint64_t n, lancelet_error *err) MUST_CHECK;
/* Makes a value that is there already null. */
lancelet_status lance_sink_set_null(lance_sink *s, uint64_t row, lancelet_error *err) MUST_CHECK;
/* Makes those of the values [row, row + n) null whose level is not 0. */
lancelet_status lance_sink_mark_nulls(lance_sink *s, uint64_t row, const uint8_t *levels, uint64_t n,
                                      lancelet_error *err) MUST_CHECK;
/* Validity of the items of values [row, row + n), of the fixed-size list number `depth` (0 the outermost): bits
 * first.. of `bits`. */
lancelet_status lance_sink_items(lance_sink *s, size_t depth, uint64_t row, const uint8_t *bits, uint64_t first,
                                 uint64_t n, lancelet_error *err) MUST_CHECK;
/* Appends levels where the path has more than one layer. */
lancelet_status lance_sink_levels(lance_sink *s, const lance_level_run *levels, uint64_t first, uint64_t n,
                                  lancelet_error *err) MUST_CHECK;
/* Appends value i of s, which has the same type. */
lancelet_status lance_sink_copy(const lance_sink *s, uint64_t i, lance_sink *out, lancelet_error *err) MUST_CHECK;
/* out = the rows at pick [n] of s, which holds `rows` rows. */
lancelet_status lance_sink_gather(const lance_sink *s, uint64_t rows, const uint64_t *pick, uint64_t n, lance_sink *out,
                                  lancelet_error *err) MUST_CHECK;
/* Moves the values into an Arrow array of the schema (of the sink's type, or a dictionary of it); s is empty then but
 * for its levels, also on failure. */
lancelet_status lance_sink_finish(lance_sink *s, const struct ArrowSchema *schema, struct ArrowArray *out,
                                  lancelet_error *err) MUST_CHECK;

/* ---- Arrow arrays. Bitmaps, offsets and arrays that are handed in are taken over, also on failure. ---- */

lancelet_status lance_array_null(uint64_t n, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* Values of a fixed width; file NULL, or the mapping that they lie in. */
lancelet_status lance_array_fixed(uint64_t n, uint8_t *validity, uint8_t *values, lance_file *file,
                                  struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
lancelet_status lance_array_bytes(uint64_t n, uint8_t *validity, uint64_t nulls, uint8_t *offsets, uint8_t *bytes,
                                  struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
uint64_t lance_count_nulls(const uint8_t *bits /* NULL: none */, uint64_t n);
/* An Arrow array over `values` in the mapping, which holds a reference to f. */
lancelet_status lance_array_borrow(lance_file *f, const lance_type *type, const uint8_t *values, uint64_t n,
                                   struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* validity: bitmap, NULL where nulls is 0. */
lancelet_status lance_array_struct(uint64_t n, uint8_t *validity, uint64_t nulls, struct ArrowArray *children,
                                   size_t n_children, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* offsets: [n + 1] of int32 or int64 as the schema says, for lists and maps; NULL for fixed-size lists. */
lancelet_status lance_array_list(uint64_t n, uint8_t *validity, uint64_t nulls, uint8_t *offsets,
                                 struct ArrowArray *child, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* Keys into the distinct ones of `values`, an array of the type of schema->dictionary. */
lancelet_status lance_array_dictionary(const struct ArrowSchema *schema, struct ArrowArray *values,
                                       struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* n nulls of any type. */
lancelet_status lance_array_nulls(const struct ArrowSchema *schema, uint64_t n, struct ArrowArray *out,
                                  lancelet_error *err) MUST_CHECK;

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

/* ---- from leaves to arrays (nested.c) ---- */

/* What is asked of a file: a run of rows, or some in any order. */
typedef struct lance_request {
    lance_file *file;
    uint64_t first, count;
    const uint64_t *sorted; /* [n_sorted] the rows ascending, each once; NULL: the run of rows */
    size_t n_sorted;
    const uint64_t *pick; /* [count] indices into sorted; NULL: they are wanted as they are sorted */
} lance_request;
/* The wanted rows of a leaf column into a fresh sink, whose levels stay in it. */
lancelet_status lance_leaf_read(const lance_request *r, uint32_t column, const lance_type *type,
                                const lance_nesting *path, lance_sink *out, lancelet_error *err) MUST_CHECK;
/* The same without copying, where the run of rows lies plainly in one page; else out stays released. */
lancelet_status lance_leaf_borrow(const lance_request *r, uint32_t column, const lance_type *type,
                                  const lance_nesting *path, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
lancelet_status lance_nested_read(const lance_request *r, const uint32_t *columns, const struct ArrowSchema *schema,
                                  struct ArrowArray *out, lancelet_error *err) MUST_CHECK;

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
/* Constant without a value: the items of fixed-size lists that are all null, none of which is stored. */
bool lance_leaf_is_absent(const lance_leaf *leaf);
/* UNSUPPORTED with the encoding's name. */
lancelet_status lance_leaf_refuse(const lance_leaf *leaf, const char *where, lancelet_error *err);

typedef struct lance_scratch {
    base_buffer unpacked; /* bytes out of General */
    base_buffer values;   /* decoded values */
    base_buffer levels;   /* decoded levels, a byte each */
} lance_scratch;
void lance_scratch_free(lance_scratch *s);

/* n values of `bits` bits from a chunk's (or block's) buffers: *values points into a buffer or into the scratch. */
lancelet_status lance_leaf_fixed(wire_span encoding, const wire_span *buffers, size_t n_buffers, uint64_t n,
                                 uint32_t bits, lance_scratch *scratch, const uint8_t **values,
                                 lancelet_error *err) MUST_CHECK;
/* The repetition or definition levels of a block, as bytes: meaning[u16 level], NULL: the level itself; CORRUPT where
 * one is above `most`. */
lancelet_status lance_leaf_levels(wire_span encoding, wire_span block, uint64_t n, const uint8_t *meaning,
                                  uint8_t most, lance_scratch *scratch, const uint8_t **levels /* [n] */,
                                  lancelet_error *err) MUST_CHECK;
/* The same of u16 levels [n], unaligned, that are not encoded. */
lancelet_status lance_levels_map(const uint8_t *values, uint64_t n, const uint8_t *meaning, uint8_t most,
                                 base_buffer *out, const uint8_t **levels, lancelet_error *err) MUST_CHECK;
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
/* Appends strings [first, first + n) at once. */
lancelet_status lance_sink_strings(lance_sink *s, const lance_strings *strings, uint64_t first, uint64_t n,
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
