/* gallery.h - what the files of this room share: the table handle and its columns' parts, a model in use, reading and
 * committing rows through lancelet.h. The functions that users call stand in picask.h. */
#ifndef GALLERY_GALLERY_H
#define GALLERY_GALLERY_H

#include "arrow/arrow.h"
#include "base/file.h"
#include "base/hash.h"
#include "embed/image/image.h"
#include "embed/model/catalogue.h"
#include "embed/model/model.h"
#include "picask.h"

#define GALLERY_NONE          UINT64_MAX
#define GALLERY_PICTURE_BYTES (256u * 1024 * 1024) /* largest encoded picture that is read */
#define GALLERY_SAME_MODEL    0.999f               /* cosine from which two models' probe vectors agree */
#define GALLERY_DEFAULT_MODEL "mini"

/* Keys of a table's schema metadata and config. */
#define GALLERY_KEY_MODEL      "picask.model"
#define GALLERY_KEY_PREPROCESS "picask.preprocess"
#define GALLERY_KEY_NORMALIZED "picask.normalized"
#define GALLERY_KEY_PROBE      "picask.probe"
#define GALLERY_KEY_VECTOR     "picask.vector" /* the column that these describe, where it is not called `vector` */
#define GALLERY_KEY_NEXT_ID    "picask.next_id"
#define GALLERY_KEY_SOURCES    "picask.sources"
#define GALLERY_KEY_FUNCTIONS  "embedding_functions" /* LanceDB's */

/* ---- wording.c: paths and numbers as messages show them ---- */

/* A path with the home folder as "~". */
const char *gallery_shown_path(const char *path, char out[512]);
/* 40960 -> "40,960" */
const char *gallery_shown_count(uint64_t n, char out[32]);
/* Hands a sentence to a caller's `say` (NULL: nobody listens); level as in picask_index_events. */
void gallery_note(void (*say)(void *arg, int level, const char *sentence), void *arg, int level, const char *format,
                  ...) PRINTF_LIKE(4, 5);
/* "~/x" with the home folder put in; other paths as they are. Owned; NULL when memory is out. */
char *gallery_expand_home(const char *path);
/* Starts like a path: / ./ ../ ~/ (or is one of . .. ~). */
bool gallery_is_path(const char *s);

/* ---- model_place.c: where a model lies ---- */

/* The name that a table records for a name the user gives ("mini" -> "mini-1", "ViT-L/14" -> "ViT-L-14/openai");
 * borrowed. */
const char *gallery_model_canonical(const char *name);
/* *path (owned): of the file or folder that a name or path means. *name: its name in the catalogue, static, or NULL: the
 * file says. NOT_FOUND says how to get it. */
lancelet_status gallery_model_place(const char *asked, char **path, const char **name, lancelet_error *err) MUST_CHECK;
/* *path (owned): where a model of the catalogue lies, NULL: not on this machine. check: a file in OpenAI's cache must
 * have the published hash, else CORRUPT. */
lancelet_status gallery_model_in_caches(const catalogue_entry *e, bool check, char **path, lancelet_error *err) MUST_CHECK;
/* "picask model pull ViT-L-14 (into ~/.cache/huggingface/hub), or put ViT-L-14.pt into ~/.cache/clip"; owned, NULL when memory
 * is out. */
char *gallery_model_put(const catalogue_entry *e);
/* Of the weights to fetch; *about: no size is published, and this is that of the parameters in float32. */
uint64_t gallery_model_bytes(const catalogue_entry *e, bool *about);
/* For a model that was opened by path: *name (owned) of the catalogue where the file's hash proves it, else NULL. */
lancelet_status gallery_model_name_of_path(const model *m, char **name, lancelet_error *err) MUST_CHECK;
/* Remembered in the cache folder; afresh: computed whatever is remembered. */
lancelet_status gallery_file_sha256(const char *path, bool afresh, char out[65], lancelet_error *err) MUST_CHECK;

/* ---- model.c ---- */

const model *gallery_model_of(const picask_model *m);
/* The probe vectors as the JSON that GALLERY_KEY_PROBE holds; owned. */
lancelet_status gallery_probe_json(picask_model *m, char **out, lancelet_error *err) MUST_CHECK;
/* Do the model's probe vectors agree with those in `json`? */
lancelet_status gallery_probe_agrees(picask_model *m, const char *json, bool *agrees,
                                     lancelet_error *err) MUST_CHECK;
float gallery_cosine(const float *a, const float *b, size_t n);
/* Scales v [n] to unit length; false when its length is 0 or no number. */
bool gallery_normalise(float *v, size_t n);

/* ---- schema.c: which column plays which part ---- */

/* Column indices; -1: the table has no such column. */
typedef struct gallery_roles {
    int64_t vector, text, id, uri, image, width, height, size, taken, modified, latitude, longitude, camera,
        sha256;
} gallery_roles;

/* `vector` is -1 too where there are several columns of vectors and none is called so. */
gallery_roles gallery_roles_of(const struct ArrowSchema *schema);
bool gallery_is_vector(const struct ArrowSchema *column); /* a fixed-size list of floats */
bool gallery_is_text(const struct ArrowSchema *column); /* utf8, large or not */
/* Largest and smallest integer that a column can hold; false when it holds no integers. */
bool gallery_integer_range(const struct ArrowSchema *column, int64_t *least, int64_t *most);

/* Is `name` one of a new table's own columns? */
bool gallery_is_our_column(const char *name);

typedef struct gallery_column {
    const char *name, *format;
} gallery_column;
/* What a table's schema records of the model that makes its vectors: kv borrows from the record. */
#define GALLERY_MODEL_KEYS 4
typedef struct gallery_model_record {
    char *preprocess, *probe; /* owned */
} gallery_model_record;
lancelet_status gallery_model_record_make(picask_model *m, bool decode_fast, gallery_model_record *out,
                                          lancelet_key_value kv[GALLERY_MODEL_KEYS], lancelet_error *err) MUST_CHECK;
void gallery_model_record_free(gallery_model_record *r);
/* Does a value of GALLERY_KEY_PREPROCESS (NULL: none) say that JPEGs were decoded at a fraction of their size? */
bool gallery_decoded_fast(const char *preprocess);
/* The schema of a new table: our columns and then `extra` [n_extra], with the model's metadata (m NULL: none). */
lancelet_status gallery_schema_new(picask_model *m, bool decode_fast, size_t dim, const gallery_column *extra,
                                   size_t n_extra, struct ArrowSchema *out, lancelet_error *err) MUST_CHECK;

/* ---- table.c ---- */

struct picask_table {
    char *db, *name;
    char *path;            /* <db>/<name>.lance */
    char *asked_model;     /* what the caller named, or NULL */
    char *asked_vectors;   /* the column of vectors that the caller named, or NULL */
    char *asked_tag;       /* the version that the caller asked for, by tag, or NULL */
    uint64_t asked_version; /* likewise by number; 0: the newest */
    int threads;           /* 0: one a CPU */
    lancelet_table *lance; /* NULL while an index run has not made the table yet */
    struct ArrowSchema schema;
    gallery_roles roles;
    size_t dim;          /* numbers a vector; 0: no vector column */
    bool others_vectors; /* the table's metadata describes another column of vectors than roles.vector */
    picask_model *model; /* NULL until needed */
};

/* `<db>/<name>.lance` after checking the name; owned. */
lancelet_status gallery_table_path(const char *db, const char *name, char **out,
                                   lancelet_error *err) MUST_CHECK;
/* For a table that is to be made: INVALID where LanceDB could not open it. */
lancelet_status gallery_check_new_name(const char *name, lancelet_error *err) MUST_CHECK;
/* The handle's parts without a version behind it. */
lancelet_status gallery_table_begin(const char *db, const char *name, const char *asked, int threads,
                                    picask_table **out, lancelet_error *err) MUST_CHECK;
/* Opens the version asked for if there is a table; *exists false otherwise. */
lancelet_status gallery_table_load(picask_table *t, bool *exists, lancelet_error *err) MUST_CHECK;
/* Puts a new version (taken over, also on failure) and its schema into the handle. */
lancelet_status gallery_table_set(picask_table *t, lancelet_table *lance, lancelet_error *err) MUST_CHECK;
/* Opens the table's model, or the one asked for after checking that it is the table's. */
lancelet_status gallery_table_model(picask_table *t, lancelet_error *err) MUST_CHECK;
/* Would the model's vectors be the table's: their size, pictures' size and probes? False where the table has no probes. */
lancelet_status gallery_model_agrees(const picask_table *t, picask_model *m, bool *agrees,
                                     lancelet_error *err) MUST_CHECK;
const char *gallery_column_name(const picask_table *t, int64_t column); /* NULL for -1 */
/* The lock of index and reembed runs, `<db>/.<table>.lock`; CONFLICT while a run is going on. *fd: base_unlock. */
lancelet_status gallery_table_lock(const picask_table *t, int *fd, lancelet_error *err) MUST_CHECK;
/* What the table's metadata says under a key of the model that made the handle's column of vectors; NULL: nothing. */
const char *gallery_model_said(const picask_table *t, const char *key);
/* UNSUPPORTED with the command that helps where the table's files are of a version that is not written. */
lancelet_status gallery_check_written(const picask_table *t, lancelet_error *err) MUST_CHECK;
/* INVALID: there is no column of vectors, or there are several: they are named. */
lancelet_status gallery_fail_no_vectors(const picask_table *t, lancelet_error *err);
/* `no table 'x' in DIR; make one: ...` */
lancelet_status gallery_fail_no_table(const picask_table *t, lancelet_error *err);

/* ---- read.c: streams of lancelet, batch by batch ---- */

/* Bytes of data files a row of the table's takes on average, at least 1: pictures that it holds count. */
uint64_t gallery_row_bytes(const picask_table *t);

/* Called for each batch; children stand in the order asked for, `_rowid` behind them. `row` + i addresses row i. */
typedef lancelet_status gallery_each(void *arg, const struct ArrowSchema *schema,
                                     const struct ArrowArray *batch, lancelet_error *err);
/* All live rows. */
lancelet_status gallery_scan(const picask_table *t, const char *const *columns, size_t n_columns,
                             gallery_each *each, void *arg, const volatile int *cancel,
                             lancelet_error *err) MUST_CHECK;
/* Those that meet a condition; NULL: all. */
lancelet_status gallery_scan_where(const picask_table *t, const char *const *columns, size_t n_columns,
                                   const char *condition, gallery_each *each, void *arg, const volatile int *cancel,
                                   lancelet_error *err) MUST_CHECK;
/* Rows by address, in that order. */
lancelet_status gallery_take(const picask_table *t, const uint64_t *addresses, size_t n,
                             const char *const *columns, size_t n_columns, gallery_each *each, void *arg,
                             const volatile int *cancel, lancelet_error *err) MUST_CHECK;
/* Row i of a fixed-size list of float16, float32 or float64 into out [dim]; false when it is null. */
bool gallery_read_vector(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, float *out,
                         size_t dim);
/* The vectors at addresses [n] into out [n, dim]; a null vector is CORRUPT. */
lancelet_status gallery_take_vectors(const picask_table *t, const uint64_t *addresses, size_t n, float *out,
                                     lancelet_error *err) MUST_CHECK;
/* Tables made elsewhere hold rows without a vector. */
lancelet_status gallery_has_vector(const picask_table *t, uint64_t address, bool *has, lancelet_error *err) MUST_CHECK;
/* Mean length of the first 256 vectors of a table that does not say that they are of unit length and where they are
 * not; else 1. */
lancelet_status gallery_vector_norm(const picask_table *t, float *norm, lancelet_error *err) MUST_CHECK;
/* max(config, largest id + 1); INT64_MAX: no id is left, and gallery_fail_no_id says so. */
lancelet_status gallery_next_id(const picask_table *t, int64_t *next, lancelet_error *err) MUST_CHECK;
lancelet_status gallery_fail_no_id(const picask_table *t, lancelet_error *err);
/* Row addresses of ids [n]; GALLERY_NONE where no row has the id. */
lancelet_status gallery_find_ids(const picask_table *t, const int64_t *ids, size_t n, uint64_t *addresses,
                                 lancelet_error *err) MUST_CHECK;
/* Row addresses of a path or uri, of a container those of its parts, in table order, appended to *addresses as uint64. */
lancelet_status gallery_find_uri(const picask_table *t, const char *uri, base_buffer *addresses,
                                 lancelet_error *err) MUST_CHECK;

/* ---- edit.c ---- */

/* The next id as config where the table has ids and does not say it already: *text is the caller's, kv [1] borrows it, *n is
 * 0 or 1. */
lancelet_status gallery_next_id_config(const picask_table *t, int64_t next, char **text, lancelet_key_value *kv,
                                       size_t *n, lancelet_error *err) MUST_CHECK;
/* Deletes the rows at addresses [n] of t's version in one commit, which never rebases (CONFLICT when another writer was first),
 * and puts the new version into t. The next id is remembered, at least `next`: the largest may go. predicate NULL: made from the
 * addresses. */
lancelet_status gallery_delete_addresses(picask_table *t, const uint64_t *addresses, size_t n, const char *predicate, int64_t next,
                                         bool no_sync, lancelet_error *err) MUST_CHECK;
/* The encoded picture that the table holds of a row: *bytes is the caller's, NULL where there is none. From any thread. */
lancelet_status gallery_row_image(const picask_table *t, uint64_t address, uint8_t **bytes, size_t *n,
                                  lancelet_error *err) MUST_CHECK;

/* ---- set_embedding.c ---- */

/* A value of GALLERY_KEY_FUNCTIONS (NULL: none) without the entry of a column of vectors: *out is the caller's, "" where
 * nothing is left. */
lancelet_status gallery_functions_without(const char *json, const char *vector_column, char **out,
                                          lancelet_error *err) MUST_CHECK;

/* ---- relocate.c ---- */

/* picask_table_relocate; dry_run: counts, and refuses what it would refuse. */
lancelet_status gallery_relocate(picask_table *t, const char *from, const char *to, bool dry_run, uint64_t *rows,
                                 lancelet_error *err) MUST_CHECK;

/* ---- rows.c, json.c ---- */

typedef struct gallery_found {
    uint64_t address;
    float distance, score;
    uint64_t copies;
} gallery_found;
/* Rows with their facts; columns [n_columns] go to picask_row.extra. */
lancelet_status gallery_results(const picask_table *t, const gallery_found *found, size_t n,
                                const char *const *columns, size_t n_columns, const volatile int *cancel,
                                picask_results **out, lancelet_error *err) MUST_CHECK;
/* NOT_FOUND with the names of the columns that there are. */
lancelet_status gallery_fail_no_column(const picask_table *t, const char *column, lancelet_error *err);
/* jansson's value as text; owned, NULL when memory is out. */
struct json_t;
char *gallery_json_dump(const struct json_t *json);
/* Appends value i of a column as JSON. UNSUPPORTED names a type that has no JSON form here. */
lancelet_status gallery_json_value(base_buffer *b, const struct ArrowSchema *s, const struct ArrowArray *a,
                                   int64_t i, lancelet_error *err) MUST_CHECK;

#endif
