/* arrow.h - building and reading the Arrow C structs of lancelet.h: schemas, column builders, batches, streams.
 * Specification: https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html. */
#ifndef ARROW_ARROW_H
#define ARROW_ARROW_H

#include "base/memory.h"

/* ---- schemas ---- */
/* format strings as the specification has them: "f" float32, "l" int64, "i" int32, "u" utf8, "z" binary, "U" "Z" large,
 * "b" bool, "tsu:" timestamp[us], "tdD" date32, "+s" struct, "+w:384" fixed_size_list. All are deep-copied. */
lancelet_status arrow_schema_init(struct ArrowSchema *out, const char *format, const char *name, bool nullable, size_t n_children, lancelet_error *err) MUST_CHECK; /* children are zeroed structs to init next */
lancelet_status arrow_schema_copy(const struct ArrowSchema *from, struct ArrowSchema *out, lancelet_error *err) MUST_CHECK;
/* Metadata of any bytes, put together pair by pair from {0}; then the schema takes *b over, also on failure. */
bool arrow_metadata_add(base_buffer *b, const char *key, size_t nk, const char *value, size_t nv) MUST_CHECK;
lancelet_status arrow_schema_take_metadata(struct ArrowSchema *s, base_buffer *b, lancelet_error *err) MUST_CHECK;
lancelet_status arrow_schema_set_metadata(struct ArrowSchema *s, const lancelet_key_value *kv, size_t n, lancelet_error *err) MUST_CHECK;
/* Calls each(arg, key, key_length, value, value_length) for the metadata's pairs; stops when it returns false. */
void arrow_schema_metadata_each(const struct ArrowSchema *s, bool (*each)(void *arg, const char *key, size_t nk, const char *value, size_t nv), void *arg);
int64_t arrow_schema_find(const struct ArrowSchema *s, const char *name); /* child index or -1 */

/* ---- reading columns ---- */
/* All respect the array's offset. Of a dictionary column all but arrow_is_null give the value that row i stands for. */
bool arrow_is_null(const struct ArrowArray *a, int64_t i);
/* The same; true also where a dictionary column stands for a value that is null. */
bool arrow_is_null_value(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i);
/* utf8, binary and their large forms */
const char *arrow_bytes(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, size_t *n);
/* bool and all integers, dates, timestamps as int64; false when the type is another or the value is null */
bool arrow_int(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, int64_t *out);
/* floats and integers as double */
bool arrow_double(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, double *out);
/* row i of a fixed_size_list<float>: [dim], borrowed; NULL when null or not float32 */
const float *arrow_vector(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, size_t *dim);
int64_t arrow_list_size(const struct ArrowSchema *s); /* of "+w:N", else -1 */
/* The levels that hostile arrays break: lengths, buffer counts, offsets ascending and inside; CORRUPT names the column. */
lancelet_status arrow_check(const struct ArrowSchema *s, const struct ArrowArray *a, lancelet_error *err) MUST_CHECK;

/* ---- building columns ---- */
/* One builder for every type but unions, views and run ends, nested ones too. The schema is borrowed while building. An append
 * gives false when memory is out or when the value does not fit the column's type; the builder is then as it was. Integers and
 * doubles go into any integer, bool, date, time, timestamp or float column as far as they fit; bytes of the right number also
 * into fixed-size binary and decimals; arrow_append_vector goes into lists of float32, float64 and float16. A dictionary column takes what
 * its values take. */
typedef struct arrow_builder {
    const struct ArrowSchema *schema;
    int kind;             /* arrow_kind, see type.h */
    bool large;           /* 64-bit offsets */
    bool full;            /* an append failed because one array cannot hold more: 2 GiB of text, 128 values of an int8 dictionary */
    size_t width;         /* bytes a value, fixed-width types and dictionary indices; bool is bit-packed */
    int64_t list_size;    /* of a fixed-size list */
    base_buffer validity; /* bitmap, made at the first null */
    base_buffer offsets;  /* int32 or int64 [length + 1] for utf8, binary, lists and maps */
    base_buffer values;
    int64_t length, nulls;
    struct arrow_builder *child;   /* [n_children]; of a dictionary column one: its values */
    int64_t n_children;
    struct base_map64 *dictionary; /* bytes of a value to its place in child */
} arrow_builder;
lancelet_status arrow_builder_init(arrow_builder *b, const struct ArrowSchema *schema, lancelet_error *err) MUST_CHECK;
bool arrow_append_null(arrow_builder *b) MUST_CHECK;
bool arrow_append_int(arrow_builder *b, int64_t v) MUST_CHECK;
bool arrow_append_double(arrow_builder *b, double v) MUST_CHECK;
bool arrow_append_bytes(arrow_builder *b, const void *bytes, size_t n) MUST_CHECK;
bool arrow_append_vector(arrow_builder *b, const float *v /* [dim] */) MUST_CHECK;
/* Appends row i of another array of the same type (utf8 and large utf8 count as the same, binary and lists likewise; a
 * dictionary column as its values). */
bool arrow_append_from(arrow_builder *b, const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i) MUST_CHECK;
/* Moves what was built into *out (the builder is then freed, also on failure). */
lancelet_status arrow_builder_finish(arrow_builder *b, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
void arrow_builder_free(arrow_builder *b);

/* ---- arrays and streams ---- */
/* A struct array of `n` moved columns, all of `length`. The columns are taken over, also on failure. */
lancelet_status arrow_batch_make(struct ArrowArray *columns, size_t n, int64_t length, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* A stream of batches that are all there; schema and batches are taken over (moved), also on failure. */
lancelet_status arrow_stream_make(struct ArrowSchema *schema, struct ArrowArray *batches, size_t n, struct ArrowArrayStream *out, lancelet_error *err) MUST_CHECK;
/* get_schema / get_next with the stream's own sentence as error. out->release is NULL at the end of the stream. */
lancelet_status arrow_stream_schema(struct ArrowArrayStream *s, struct ArrowSchema *out, lancelet_error *err) MUST_CHECK;
lancelet_status arrow_stream_next(struct ArrowArrayStream *s, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* What get_schema and get_next return for a status, and back. The pairs: MEMORY ENOMEM, INVALID EINVAL, NOT_FOUND
 * ENOENT, CONFLICT EEXIST, UNSUPPORTED ENOTSUP, CORRUPT EBADMSG, IO EIO, LIMIT EOVERFLOW, CANCELLED ECANCELED. Of foreign
 * streams' other numbers ENOSYS is UNSUPPORTED and the rest CORRUPT. */
int arrow_errno_from_status(lancelet_status status);
lancelet_status arrow_status_from_errno(int e);
/* Release when there is something to release. */
void arrow_schema_release(struct ArrowSchema *s);
void arrow_array_release(struct ArrowArray *a);
void arrow_stream_release(struct ArrowArrayStream *s);

#endif
