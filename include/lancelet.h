/*
 * lancelet.h - read and write tables of the Lance format from C, without Rust, Python or JVM.
 *
 *     lancelet_error err;
 *     lancelet_table *t = NULL;
 *     if (lancelet_table_open("data/pictures.lance", NULL, &t, &err) != LANCELET_OK) {
 *         fprintf(stderr, "%s\n", err.text);
 *         return 1;
 *     }
 *     lancelet_hit hits[3];
 *     size_t n;
 *     lancelet_search_options opt = LANCELET_SEARCH_OPTIONS_INIT;
 *     opt.k = 3;
 *     if (lancelet_table_search(t, query, 384, &opt, hits, &n, &err) == LANCELET_OK)
 *         for (size_t i = 0; i < n; i++)
 *             printf("row %llu at distance %g\n", (unsigned long long)hits[i].address, hits[i].distance);
 *     lancelet_table_destroy(t);
 *
 * What a table is here: one folder `<name>.lance` with data files, manifests and deletion files as LanceDB,
 * pylance, lance-ray and DuckDB write them (file versions 2.0, 2.1 and 2.2 are read; new tables are written in 2.1,
 * tables that are there in their own version).
 * A `lancelet_table` is one opened *version* of it. It never changes: a commit gives a new handle to the new
 * version, and readers of the old one go on reading the old one.
 *
 * Conventions that hold for every function below
 *   - A function that can fail returns a lancelet_status and, when `err` is not NULL, puts the status and one
 *     English sentence (what, where) into it. On failure output arguments are left as they were.
 *   - Strings are UTF-8. Paths are bytes as the operating system takes them.
 *   - `options` may be NULL: the defaults. An options struct is started with its *_INIT macro, which sets
 *     struct_size, so that fields can be added at the end later.
 *   - A handle is freed with its destroy function; destroy(NULL) does nothing.
 *   - A table handle may be used by many threads at once. Nothing here prints, exits, or touches the locale,
 *     signal handlers or environment.
 *   - Rows are addressed by their *row address*: fragment id << 32 | offset in the fragment. LanceDB calls it
 *     `_rowid` (in a table with stable row ids `_rowaddr`). It is stable until a compaction.
 *   - A *condition* is text as LanceDB's SQL has it after WHERE: `id between 3 and 9 and lower(text) like '%dog%'`. Its
 *     language stands in docs/conditions.md. One that is wrong is INVALID with the position of the word that is.
 *   - A `cancel` flag belongs to the caller; when it becomes non-zero, long calls stop with LANCELET_CANCELLED.
 */
#ifndef LANCELET_H
#define LANCELET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

#define LANCELET_VERSION "0.1.0"

/* ---- Arrow C data and stream interface: the ABI as the Arrow specification prints it ---- */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

/* ---- status ---- */

typedef enum lancelet_status {
    LANCELET_OK = 0,
    LANCELET_INVALID,     /* an argument or option makes no sense */
    LANCELET_NOT_FOUND,   /* no such table, version, column, row, file */
    LANCELET_CONFLICT,    /* another writer was first, or it exists already */
    LANCELET_UNSUPPORTED, /* well-formed, but a feature not implemented here; the text names it */
    LANCELET_CORRUPT,     /* bytes that are not what the format says */
    LANCELET_IO,          /* the operating system failed a file call; the text has its reason */
    LANCELET_LIMIT,       /* larger than a limit */
    LANCELET_MEMORY,      /* allocation failed */
    LANCELET_CANCELLED    /* the caller's cancel flag was set */
} lancelet_status;

/* Filled by a failing call; owned by the caller, holds nothing to free. */
typedef struct lancelet_error {
    lancelet_status status;
    char text[1024]; /* one sentence, no newline, NUL-terminated, cut at a UTF-8 boundary */
} lancelet_error;

typedef struct lancelet_key_value {
    const char *key;
    const char *value; /* NULL in a change: remove the key */
} lancelet_key_value;

/* ---- opening ---- */

typedef struct lancelet_table lancelet_table; /* one version of one table; immutable */

typedef struct lancelet_open_options {
    size_t struct_size;
    uint64_t version; /* 0: the newest */
    const char *tag;  /* NULL, or the name of a tag: the version that it stands for */
} lancelet_open_options;
#define LANCELET_OPEN_OPTIONS_INIT {sizeof(lancelet_open_options), 0, NULL}

/* Opens `path` (the folder `<name>.lance`). NOT_FOUND when there is no table, no such version or tag;
 * UNSUPPORTED when it needs a feature not known here (named); CORRUPT when the manifest is not whole.
 * *out is the caller's: lancelet_table_destroy. */
lancelet_status lancelet_table_open(const char *path, const lancelet_open_options *options, lancelet_table **out,
                                    lancelet_error *err);

/* Frees the handle. Streams made from it stay valid: they hold the version by reference count. */
void lancelet_table_destroy(lancelet_table *table);

typedef struct lancelet_table_info {
    size_t struct_size;
    uint64_t version;
    uint64_t rows;         /* live rows: deleted ones not counted */
    uint64_t deleted_rows; /* rows in data files that a deletion file hides */
    uint64_t fragments;
    uint64_t data_bytes;   /* sum of the data files' sizes */
    uint64_t indices;      /* index segments named by the manifest */
    int64_t timestamp_us;  /* when the version was committed, microseconds since 1970 UTC */
    const char *data_version; /* "2.1"; borrowed from the table */
    const char *path;         /* borrowed from the table */
    uint64_t data_files;
    uint64_t small_fragments; /* fragments that lancelet_table_compact would put together or clean of deleted rows */
} lancelet_table_info;
#define LANCELET_TABLE_INFO_INIT {sizeof(lancelet_table_info), 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, 0}

/* Never fails; `info` must have been started with LANCELET_TABLE_INFO_INIT. */
void lancelet_table_get_info(const lancelet_table *table, lancelet_table_info *info);

/* The schema with its metadata. *out is the caller's: out->release(out). */
lancelet_status lancelet_table_schema(const lancelet_table *table, struct ArrowSchema *out, lancelet_error *err);

/* Value of a key of the table's config or of its schema metadata; NULL if absent, cut at a NUL if it holds one.
 * Borrowed from the table. */
const char *lancelet_table_config(const lancelet_table *table, const char *key);
const char *lancelet_table_schema_metadata(const lancelet_table *table, const char *key);

/* An index that the manifest names. Searches here read rows and use no index. */
typedef struct lancelet_index {
    const char *name;
    const char *type;          /* as the manifest names its details: "VectorIndex", "BTreeIndex", ...; "" where it does not */
    const char *const *column; /* [n_columns] */
    size_t n_columns;
    uint64_t segments;         /* parts under this name */
    uint64_t fragments;        /* fragments of this version that it covers; the rest is not in it yet */
} lancelet_index;
/* *out [n] is the caller's: lancelet_free, in one piece. */
lancelet_status lancelet_table_indices(const lancelet_table *table, lancelet_index **out, size_t *n, lancelet_error *err);

/* Frees what a function here says is the caller's to lancelet_free. NULL does nothing. */
void lancelet_free(void *p);

/* ---- versions and tags ---- */

typedef struct lancelet_version {
    uint64_t version;
    int64_t timestamp_us;  /* microseconds since 1970 UTC; 0 where it cannot be read */
    uint64_t rows;
    uint64_t fragments;
    const char *operation; /* what made it: "Append", "Delete", ...; "" where the manifest does not say */
    const char *problem;   /* NULL, or why its manifest cannot be read: one sentence */
} lancelet_version;
/* The newest `limit` of the versions whose manifests are there (SIZE_MAX: all), oldest first, also of a table whose newest is
 * broken; *total, unless it is NULL: how many are there. Each manifest that is told of is read whole and names every
 * fragment, so of a table with thousands of both ask for few, or for none where the number is enough. *out [n] is the caller's:
 * lancelet_free, in one piece. NOT_FOUND when there is no table at `path`. */
lancelet_status lancelet_versions(const char *path, size_t limit, lancelet_version **out, size_t *n, size_t *total,
                                  lancelet_error *err);

typedef struct lancelet_tag {
    const char *name;
    uint64_t version;
} lancelet_tag;
/* Tags of the table at `path`, sorted by name. *out [n] is the caller's: lancelet_free, in one piece. */
lancelet_status lancelet_tags(const char *path, lancelet_tag **out, size_t *n, lancelet_error *err);
/* Gives the version of `table` a name, which keeps it from being cleaned up. A tag of that name moves. INVALID: a name that
 * LanceDB would not take (letters, digits, '-', '_', '.'). */
lancelet_status lancelet_table_tag(const lancelet_table *table, const char *name, bool no_sync, lancelet_error *err);
lancelet_status lancelet_tag_delete(const char *path, const char *name, lancelet_error *err);

/* ---- reading ---- */

typedef struct lancelet_scan_options {
    size_t struct_size;
    const char *const *columns; /* names in the order wanted; NULL: all */
    size_t n_columns;
    bool with_row_address;      /* adds a last column `_rowid` uint64 */
    size_t batch_rows;          /* rows a batch at most; 0: 8,192 */
    const volatile int *cancel; /* may be NULL */
    const char *condition;      /* only rows for which it is true; NULL: all */
    uint64_t limit;             /* rows at most; UINT64_MAX: all */
    uint64_t offset;            /* rows left out first, of those that the condition lets through */
} lancelet_scan_options;
#define LANCELET_SCAN_OPTIONS_INIT {sizeof(lancelet_scan_options), NULL, 0, false, 0, NULL, NULL, UINT64_MAX, 0}

/* Live rows in fragment order as record batches (struct arrays), fewer rows a batch where their strings would not fit
 * one array. Buffers point into the mapped file where they lie there as Arrow has them. The columns of the condition need
 * not be among those asked for. The stream is the caller's: out->release(out).
 * Column names are copied; the stream outlives `table`. Errors while reading come from get_next (an errno) and
 * get_last_error (the sentence). */
lancelet_status lancelet_table_scan(const lancelet_table *table, const lancelet_scan_options *options,
                                    struct ArrowArrayStream *out, lancelet_error *err);

/* How many live rows meet a condition; NULL: all. INVALID also is how a condition is checked before it is used. */
lancelet_status lancelet_table_count(const lancelet_table *table, const char *condition, uint64_t *rows,
                                     lancelet_error *err);

/* The rows at `addresses` [n], in that order, repeats allowed, as a stream. NOT_FOUND names an address that is
 * deleted or was never there. `options->columns`, with_row_address and cancel apply. */
lancelet_status lancelet_table_take(const lancelet_table *table, const uint64_t *addresses, size_t n,
                                    const lancelet_scan_options *options, struct ArrowArrayStream *out,
                                    lancelet_error *err);

/* ---- searching ---- */

typedef enum lancelet_metric {
    LANCELET_COSINE = 0, /* 1 - cos */
    LANCELET_L2,         /* squared Euclidean distance */
    LANCELET_DOT         /* 1 - dot product */
} lancelet_metric;       /* the numbers that LanceDB calls _distance */

typedef struct lancelet_hit {
    uint64_t address;
    float distance;
} lancelet_hit;

typedef struct lancelet_search_options {
    size_t struct_size;
    const char *column; /* NULL: the only fixed_size_list of floats */
    lancelet_metric metric;
    size_t k;      /* rows wanted */
    int threads;   /* 0: one a CPU */
    const volatile int *cancel;
    const char *condition; /* only rows for which it is true are measured; NULL: all */
} lancelet_search_options;
#define LANCELET_SEARCH_OPTIONS_INIT {sizeof(lancelet_search_options), NULL, LANCELET_COSINE, 10, 0, NULL, NULL}

/* Exact nearest rows by scanning every live row: `query` [dim] against the vector column [rows, dim] of float32
 * (float16 and float64 columns are read as float32). hits [k] are sorted by distance, then by address; *n_hits is
 * at most k. Null vectors and distances that are not a number are never hits. INVALID names both sizes when dim
 * is not the column's. */
lancelet_status lancelet_table_search(const lancelet_table *table, const float *query, size_t dim,
                                      const lancelet_search_options *options, lancelet_hit *hits, size_t *n_hits,
                                      lancelet_error *err);

/* The metric that the newest index on a column of vectors was made for. false, and *out as it was: the column has none, or
 * the manifest does not tell (older writers). */
bool lancelet_table_index_metric(const lancelet_table *table, const char *column, lancelet_metric *out);

/* ---- writing ---- */

typedef struct lancelet_write_options {
    size_t struct_size;
    bool no_rebase; /* give CONFLICT instead of rebasing when another writer committed since `table` */
    bool no_sync;   /* skip every fsync: faster, not safe against power loss */
    const volatile int *cancel;
} lancelet_write_options;
#define LANCELET_WRITE_OPTIONS_INIT {sizeof(lancelet_write_options), false, false, NULL}

/* One commit. What is set decides the kind of transaction: rows alone Append, deletions alone Delete, both Update
 * (deletion and new fragment become visible together), `overwrite` Overwrite, config and schema metadata alone
 * UpdateConfig. */
typedef struct lancelet_change {
    size_t struct_size;
    struct ArrowArrayStream *rows;    /* rows to add, or NULL. Consumed and released by the call, also when it fails.
                                         A column that the schema lacks is INVALID; one that is missing becomes null */
    const uint64_t *delete_addresses; /* [n_delete] rows of `table` to delete, any order */
    size_t n_delete;
    const lancelet_key_value *config; /* [n_config] keys of the table's config to set or remove */
    size_t n_config;
    bool overwrite;                   /* the new version holds just `rows`, in their schema and with its metadata;
                                         config and tags stay, indices go */
    const char *predicate;            /* recorded in a Delete transaction; NULL: made from the addresses */
    const lancelet_key_value *schema_metadata; /* [n_schema_metadata] keys of the schema's metadata to set or remove;
                                                  with config or alone */
    size_t n_schema_metadata;
} lancelet_change;
#define LANCELET_CHANGE_INIT {sizeof(lancelet_change), NULL, NULL, 0, NULL, 0, false, NULL, NULL, 0}

/* Whether a new table may have a column of this name. Not the names that Lance libraries keep for themselves
 * (`_rowid`, ...), and none with '.' or '`', which they take for a path into a struct: a table with such a column
 * does not open there. Never fails. */
bool lancelet_column_name_ok(const char *name);

/* Makes a new table at `path` with the schema of `rows` and its metadata, in file version 2.1, or 2.2 where the schema
 * holds a map; `rows` may have no batch. The stream is consumed and released, also on failure. CONFLICT when there is a
 * table already.
 * Written are numbers, bool, null, (large_)utf8, (large_)binary, fixed-size binary, decimals of 128 and 256 bits, dates,
 * times, timestamps, durations, dictionaries of those, fixed-size lists of all but text, binary and null, also in one
 * another, lists, structs, and (into tables of file version 2.2) maps; extension types as their storage, their names kept.
 * Another type is UNSUPPORTED and named. INVALID is what other Lance libraries would refuse or fail on: text, config or
 * metadata that are not UTF-8; two columns of one name; a name with '.' or '`' in it; the names _rowid, _rowaddr,
 * _rowoffset, _row_created_at_version and _row_last_updated_at_version. */
lancelet_status lancelet_table_create(const char *path, struct ArrowArrayStream *rows,
                                      const lancelet_key_value *config, size_t n_config,
                                      const lancelet_write_options *options, lancelet_table **out,
                                      lancelet_error *err);

/* Would an overwrite of `table` with rows of this schema be taken? What lancelet_table_commit would say of it before it
 * reads a row: a table that is not written here, a column whose name or type is not. */
lancelet_status lancelet_table_check_overwrite(const lancelet_table *table, const struct ArrowSchema *schema,
                                               lancelet_error *err);

/* Commits `change` on top of `table` and gives the new version. Durable when it returns OK (unless no_sync): data
 * files, their folder, the manifest and its folder are synced in that order. If another writer was first, the
 * change is rebased on the newest version as the format's conflict rules allow; CONFLICT when they do not (the
 * same row deleted by both, or the table overwritten), and then nothing has changed. *out may be NULL. */
lancelet_status lancelet_table_commit(const lancelet_table *table, const lancelet_change *change,
                                      const lancelet_write_options *options, lancelet_table **out,
                                      lancelet_error *err);

/* ---- rows by condition or key: each one commit, or none where no row is meant (*out is then another handle to `table`'s
 * version). When another writer was first and touched the same rows, the whole is done anew on the newest version, unless
 * no_rebase. ---- */

/* Deletes the rows that meet the condition. *deleted may be NULL. */
lancelet_status lancelet_table_delete(const lancelet_table *table, const char *condition,
                                      const lancelet_write_options *options, uint64_t *deleted, lancelet_table **out,
                                      lancelet_error *err);

typedef struct lancelet_assignment {
    const char *column;
    const char *expression; /* in the language of conditions: 3, 'a dog', null, lower(text); of the old row's values */
} lancelet_assignment;
/* Sets columns [n] in the rows that meet the condition (NULL: all). Changed rows move to the end of the table, as an
 * update by LanceDB does. */
lancelet_status lancelet_table_update(const lancelet_table *table, const lancelet_assignment *set, size_t n,
                                      const char *condition, const lancelet_write_options *options, uint64_t *updated,
                                      lancelet_table **out, lancelet_error *err);

typedef struct lancelet_upsert_report {
    uint64_t inserted, updated;
} lancelet_upsert_report;
/* LanceDB's merge_insert(keys).when_matched_update_all().when_not_matched_insert_all(): a row of `rows` whose keys (columns
 * of integers, text, binary or bool; a null key matches none) are there replaces that row, another is added. INVALID when
 * two rows of `rows` have the same keys or two rows of the table those of one, and when `rows` lacks a column of the table
 * (LanceDB changes both rows, and keeps the old values). In memory stand the keys of `rows`. When another writer was first,
 * rows that it added under the same keys are replaced too. The stream is consumed and released, also on failure; report may
 * be NULL. */
lancelet_status lancelet_table_upsert(const lancelet_table *table, const char *const *keys, size_t n_keys,
                                      struct ArrowArrayStream *rows, const lancelet_write_options *options,
                                      lancelet_upsert_report *report, lancelet_table **out, lancelet_error *err);

/* ---- columns ---- */

/* Adds the columns of `columns`: a stream of as many rows as the table has live ones, in a scan's order, or of none at all:
 * the new columns are null then. Files that are there are not rewritten. Consumed and released, also on failure. */
lancelet_status lancelet_table_add_columns(const lancelet_table *table, struct ArrowArrayStream *columns,
                                           const lancelet_write_options *options, lancelet_table **out,
                                           lancelet_error *err);
/* Takes columns out of the schema; their bytes stay in the files until a compaction, and older versions have them. */
lancelet_status lancelet_table_drop_columns(const lancelet_table *table, const char *const *names, size_t n,
                                            const lancelet_write_options *options, lancelet_table **out,
                                            lancelet_error *err);

/* ---- upkeep ---- */

/* A new version with the rows, schema and metadata of `table`, an older one. */
lancelet_status lancelet_table_restore(const lancelet_table *table, const lancelet_write_options *options,
                                       lancelet_table **out, lancelet_error *err);
/* For a table whose newest manifest is not whole: brings back the newest version that is, manifest and files, as a version
 * behind the broken ones, whose manifests are put aside (renamed, so that other readers pass them over). NOT_FOUND when no
 * version is whole; CONFLICT when the newest one is: nothing to do. *out may be NULL. */
lancelet_status lancelet_restore_last_good(const char *path, const lancelet_write_options *options, lancelet_table **out,
                                           lancelet_error *err);

typedef struct lancelet_compact_options {
    size_t struct_size;
    uint64_t target_rows;       /* of a fragment: smaller ones that stand side by side are put together; 0, and at most:
                                   1,048,576 */
    double deleted_share;       /* a fragment with more deleted rows than this share of it is rewritten */
    int upgrade_minor;          /* 1 or 2: writes the whole table in file version 2.<minor>; 0: keeps its version */
    bool no_sync;
    const volatile int *cancel;
    uint64_t least_fragments;   /* 0: as few fragments as there can be. Else only so many small ones or more are put together,
                                   none of them with more rows than the others together have, and nothing is done for
                                   deleted rows: what costs little after each of many small appends */
} lancelet_compact_options;
#define LANCELET_COMPACT_OPTIONS_INIT {sizeof(lancelet_compact_options), 0, 0.1, 0, false, NULL, 0}

typedef struct lancelet_compact_report {
    uint64_t fragments_before, fragments_after; /* of those that were rewritten */
    uint64_t rows;                              /* written */
} lancelet_compact_report;
/* Puts small fragments together and leaves deleted rows out: one commit, or none where nothing is to be gained (*out is
 * then another handle to the same version). Indexes no longer cover the fragments that went; LanceDB's optimize() puts the
 * new ones in. When another writer deletes rows of fragments being rewritten, those are done anew. report may be NULL. */
lancelet_status lancelet_table_compact(const lancelet_table *table, const lancelet_compact_options *options,
                                       lancelet_compact_report *report, lancelet_table **out, lancelet_error *err);

typedef struct lancelet_cleanup_options {
    size_t struct_size;
    int64_t older_than_us; /* microseconds: versions committed less long ago stay; 7 days */
    bool unverified;       /* files that no manifest names go whatever their age: breaks a writer that has not committed yet */
    bool dry_run;
    const volatile int *cancel;
} lancelet_cleanup_options;
#define LANCELET_CLEANUP_OPTIONS_INIT {sizeof(lancelet_cleanup_options), INT64_C(604800000000), false, false, NULL}

typedef struct lancelet_cleanup_report {
    uint64_t versions, files, bytes; /* removed: manifests, all other files, bytes of both */
} lancelet_cleanup_report;
/* Deletes old versions but the newest and tagged ones, and the files that then no manifest names; a file that no manifest
 * ever named only when it is older than 7 days. Removes nothing when a manifest that stays cannot be read: CORRUPT names
 * it. report may be NULL. */
lancelet_status lancelet_cleanup(const char *path, const lancelet_cleanup_options *options,
                                 lancelet_cleanup_report *report, lancelet_error *err);

typedef struct lancelet_verify_report {
    uint64_t versions, files, bytes; /* looked at */
    uint64_t damaged;                /* findings told to `found` */
    uint64_t unchecked;              /* of a kind not understood here: named to `found` too */
} lancelet_verify_report;
/* Looks at the structure of every version's manifest, transaction and deletion files and data files, and decodes every page
 * of the newest version. `found` (may be NULL) is called for each finding: file, and what is wrong in one sentence. OK when
 * all could be looked at, whatever was found. */
lancelet_status lancelet_verify(const char *path, void (*found)(void *arg, const char *file, const lancelet_error *what),
                                void *arg, const volatile int *cancel, lancelet_verify_report *report,
                                lancelet_error *err);

/* Deletes the table's folder and all that is in it. NOT_FOUND when there is no table at `path`. */
lancelet_status lancelet_table_drop(const char *path, lancelet_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
