/* write.h - between the files of the writer: write_type.c says which lists and structs lie around a leaf field,
 * write_levels.c takes Arrow arrays apart into values and levels, write_pages.c and write_miniblock.c turn the rows of one
 * page into its layout and buffers, write.c collects rows and writes the frame.
 *
 * Levels, as Lance has them: each value of a leaf has a repetition level, 0 when it goes on in the innermost list, k when it
 * begins a list k steps further out (the number of lists at a new row), and a definition level, 0 when it is there, else the
 * layer that is null or empty, counted from the inside. A null or empty list has levels but no value. */
#ifndef LANCE_FILE_WRITE_H
#define LANCE_FILE_WRITE_H

#include "lance/file/page.h"

enum {
    LANCE_DEEPEST = 32,                          /* lists and structs around a leaf */
    LANCE_DEF_LEVELS = 2 * LANCE_DEEPEST + 2,    /* more than there can be */
    LANCE_MADE_BUFFERS = 4,                      /* of a page: metadata, chunks, dictionary, repetition index */
};

/* ---- where a leaf lies ---- */

typedef struct lance_layer {
    bool list, large;    /* else a struct; large: 64-bit offsets */
    int64_t child;       /* of the array, on the way to the leaf */
    uint8_t repeat;      /* list: repetition level of its elements but the first */
    uint8_t null, empty; /* definition levels before those without use are taken out; empty: of lists */
} lance_layer;

/* A leaf field and what lies around it. Its own nulls have definition level 1. */
typedef struct lance_path {
    lance_layer layer[LANCE_DEEPEST]; /* [n] outermost first */
    size_t n;
    uint8_t lists;   /* among the layers */
    uint8_t visible; /* highest definition level of an entry that takes the place of a value */
    lance_type type;
    uint32_t index_bits;   /* pages hold a dictionary and indices of this width; 0: the values */
    uint64_t most_indices; /* that the index type tells apart */
} lance_path;

/* The paths of a column's leaves are handed to `add` in the order of the fields. Of the Field messages [n_fields] the column
 * takes the first *used. */
typedef lancelet_status lance_path_sink(void *arg, const lance_path *path, lancelet_error *err);
lancelet_status lance_paths_of(const struct ArrowSchema *column, const wire_span *fields, size_t n_fields, size_t *used,
                               lance_path_sink *add, void *arg, lancelet_error *err) MUST_CHECK;

/* ---- rows that are not in a page yet ---- */

typedef struct lance_pending {
    uint64_t rows, levels, items;
    base_buffer rep, def;   /* u8 [levels]; rep only where there are lists, def from the first level that is not 0 on */
    base_buffer values;     /* fixed: [items * width], zeros where null; bits; variable: the bytes */
    base_buffer lengths;    /* variable: u32 [items], 0 where null */
    base_buffer item_valid[LANCE_DIMENSIONS]; /* fixed-size lists: a bit an item of each, from the first null one on */
    const uint8_t *borrowed; /* fixed: the values, in the caller's array; NULL: in `values` */
} lance_pending;

/* Appends rows [first, first + n) of an array. borrow: the values may be used where they lie, as long as the call that
 * brought them goes on; only with no row pending. */
lancelet_status lance_pending_add(lance_pending *p, const lance_path *path, const struct ArrowSchema *schema,
                                  const struct ArrowArray *a, int64_t first, int64_t n, bool borrow,
                                  lancelet_error *err) MUST_CHECK;
/* Bytes that the rows before `row` come to, for choosing where a page ends. */
uint64_t lance_rows_bytes(const lance_path *path, const struct ArrowArray *a, int64_t row);
uint64_t lance_pending_bytes(const lance_pending *p);
size_t lance_pending_capacity(const lance_pending *p); /* bytes */
/* Do the values of a column of this type come as indices into a dictionary? */
bool lance_has_dictionary(const lance_path *path, const struct ArrowSchema *column);
void lance_pending_clear(lance_pending *p);
void lance_pending_free(lance_pending *p);

/* ---- pages ---- */

/* The rows of one page: some of the pending ones, borrowed. */
typedef struct lance_rows {
    const lance_path *path;
    uint64_t rows, levels, items;
    const uint8_t *rep;    /* [levels] or NULL */
    const uint8_t *def;    /* [levels] or NULL: all 0 */
    const uint8_t *values; /* variable: those of the first item come first; bits: begin at bit first_item * items of the type */
    const uint8_t *lengths;    /* u32 [items] */
    const uint8_t *item_valid[LANCE_DIMENSIONS]; /* bits, from first_item on; NULL: no null */
    uint64_t first_item;
} lance_rows;

/* A page made ready: the PageLayout message and its buffers, of which `borrowed`, if its data is there, stands for
 * buffer 0 and lies in the rows. */
typedef struct lance_made_page {
    base_buffer layout;
    base_buffer buffers[LANCE_MADE_BUFFERS];
    size_t n_buffers;
    wire_span borrowed;
} lance_made_page;

/* *too_much: no page can hold these rows together, though halves of them may; nothing was made. */
lancelet_status lance_page_make(const lance_rows *r, int minor, lance_made_page *out, bool *too_much,
                                lancelet_error *err) MUST_CHECK;
void lance_made_page_free(lance_made_page *page);
/* Cuts rows in two between rows. false when there is only one. */
bool lance_rows_halve(const lance_rows *r, lance_rows *first, lance_rows *second);

/* What the definition levels of one page mean: those in use, without gaps. */
typedef struct lance_levels {
    uint8_t map[LANCE_DEF_LEVELS];      /* stored level of each level */
    uint64_t layers[LANCE_DEEPEST + 1]; /* [n] as the layout has them, innermost first */
    size_t n;
    uint8_t most;   /* highest stored level */
    bool any_value; /* some entry has level 0 */
} lance_levels;

/* What a page that is stored as a dictionary has beside its indices. */
typedef struct lance_dictionary_page {
    const lance_type *type; /* of the values */
    base_buffer block;
    uint64_t n; /* values */
} lance_dictionary_page;

/* false: memory is out. *too_much as above. dictionary: NULL, or what the rows' values are indices into. */
bool lance_miniblock_make(const lance_rows *r, const lance_levels *levels, const lance_dictionary_page *dictionary,
                          int minor, lance_made_page *out, bool *too_much) MUST_CHECK;
/* The CompressiveEncoding of values as field `field` of b. item_valid: of lance_rows, or NULL. */
bool lance_put_values(base_buffer *b, uint32_t field, const lance_type *type, const uint8_t *const *item_valid) MUST_CHECK;
bool lance_put_flat(base_buffer *b, uint32_t field, uint64_t bits) MUST_CHECK;

/* ---- small helpers ---- */
/* Appends n bits, `from` NULL: all `fill`; `have` bits are in b already. */
bool lance_append_bits(base_buffer *b, uint64_t have, const uint8_t *from, uint64_t first, uint64_t n, bool fill) MUST_CHECK;
static inline uint32_t lance_length_at(const uint8_t *lengths, uint64_t i)
{
    uint32_t n;
    memcpy(&n, lengths + 4 * i, 4);
    return n;
}
/* Items of n values down to the fixed-size list number d, 0 the outermost. */
static inline uint64_t lance_items_down_to(const lance_type *t, size_t d, uint64_t n)
{
    for (size_t k = 0; k <= d; k++)
        n *= t->size[k];
    return n;
}
/* Is entry i one with a value's place? */
static inline bool lance_entry_visible(const lance_rows *r, uint64_t i)
{
    return !r->def || r->def[i] <= r->path->visible;
}

#endif
