/* reembed.h - the parts of a run that gives a table another model's vectors: the finished vectors in the cache folder, the
 * rows of the table and what is known of each, and the stream of the new version. */
#ifndef GALLERY_REEMBED_H
#define GALLERY_REEMBED_H

#include "gallery/index.h"

/* ---- reembed_cache.c: finished vectors, on disk until the commit ---- */

typedef struct vector_cache vector_cache;

/* Opens or makes `folder` for vectors of `dim` numbers and reads what an earlier run has left there; what cannot be read is
 * passed over. */
lancelet_status vector_cache_open(const char *folder, size_t dim, vector_cache **out,
                                  lancelet_error *err) MUST_CHECK;
/* The files stay, all but what could not be written; vector_cache_flush says what. */
void vector_cache_close(vector_cache *c);
/* Vectors that were there when it was opened. */
size_t vector_cache_loaded(const vector_cache *c);
size_t vector_cache_count(const vector_cache *c);
/* The number of a vector by the content it was made from (from any thread), and by reembed_file_key of the file that holds
 * it; both are 64 hexadecimal digits. */
bool vector_cache_by_content(vector_cache *c, const char *sha256, size_t *vector);
bool vector_cache_by_file(vector_cache *c, const char *file, size_t *vector);
/* Keeps the vector [dim] of a content that has none yet. */
lancelet_status vector_cache_add(vector_cache *c, const char *sha256, const float *vector, size_t *at,
                                 lancelet_error *err) MUST_CHECK;
/* Remembers that a file holds a content whose vector is there. */
lancelet_status vector_cache_add_file(vector_cache *c, const char *file, const char *sha256,
                                      lancelet_error *err) MUST_CHECK;
/* Puts everything on disk; then vectors can be read. */
lancelet_status vector_cache_flush(vector_cache *c, lancelet_error *err) MUST_CHECK;
void vector_cache_read(const vector_cache *c, size_t vector, float *out); /* [dim]; after a flush */

/* ---- reembed_rows.c: the rows of a table ---- */

typedef struct reembed_row {
    uint64_t address;
    int64_t id;      /* the address where the table has none */
    const char *uri; /* in the arena; NULL: null */
    char sha256[65]; /* of the picture as the table has it; "" unknown */
    bool has_file;   /* `uri` is a file that is there, */
    uint64_t size;   /* of these bytes */
    int64_t modified_us;
    size_t vector; /* in the cache, or SIZE_MAX */
    bool unreadable;
} reembed_row;

typedef struct reembed_rows {
    reembed_row *row; /* [n] in the table's order */
    size_t n, capacity;
    base_arena arena;
} reembed_rows;

/* All rows of t, with the size and time of their files. */
lancelet_status reembed_rows_load(const picask_table *t, const volatile int *cancel, reembed_rows *out,
                                  lancelet_error *err) MUST_CHECK;
void reembed_rows_free(reembed_rows *r);
/* What a row's file was when it was looked at: its path, size and time of change. False: it has none. */
bool reembed_file_key(const reembed_row *row, char out[65]);
/* The picture of a row: that in the table when it is the original, else the file, else what the table has. *from_file says
 * which. From any thread. NOT_FOUND and others say what is missing. */
lancelet_status reembed_read_row(const picask_table *t, const reembed_row *row, uint8_t **bytes, size_t *n,
                                 bool *from_file, lancelet_error *err) MUST_CHECK;

/* ---- reembed_write.c: the new version ---- */

/* The table's schema with vectors of the model's size, and what the new vectors are. */
lancelet_status reembed_schema(const picask_table *t, picask_model *m, bool decode_fast,
                               struct ArrowSchema *out, lancelet_error *err) MUST_CHECK;
/* All rows of t but the unreadable ones in `schema`, with their vectors from the cache. Everything is borrowed. */
lancelet_status reembed_stream(const picask_table *t, const struct ArrowSchema *schema,
                               const reembed_rows *rows, const vector_cache *vectors,
                               const volatile int *cancel, struct ArrowArrayStream *out,
                               lancelet_error *err) MUST_CHECK;

#endif
