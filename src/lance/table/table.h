/* table.h - inside of the table room: a version's manifest, its fragments, files and deletions, and the steps of a
 * commit. Nothing here is seen outside src/lance/table; the public face is lancelet.h.
 *
 * A `lancelet_table` is counted: the handle and every stream made from it hold one reference each. All of it is
 * immutable but the two arrays of things opened on first use, which `lock` guards. */
#ifndef LANCE_TABLE_H
#define LANCE_TABLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "arrow/arrow.h"
#include "base/file.h"
#include "base/pool.h"
#include "lance/expr/expr.h"
#include "lance/file/file.h"
#include "lance/wire/wire.h"

/* ---- feature flags of manifests ---- */
#define TABLE_FLAG_DELETIONS      1u   /* a fragment has a deletion file */
#define TABLE_FLAG_STABLE_ROW_IDS 2u   /* rows have ids that outlive compaction */
#define TABLE_FLAG_OLD_VERSIONS   4u   /* no meaning any more */
#define TABLE_FLAG_CONFIG         8u   /* the config map is not empty */
#define TABLE_FLAG_NO_TXN_FILE    32u  /* transactions stand in the manifest only */
#define TABLE_FLAG_MIXED_VERSIONS 256u /* data files of several file versions */

#define TABLE_SCHEMA_METADATA 5 /* field number of the Manifest message's map */
#define TABLE_FIELD_LIMIT 16384 /* fields of a schema, nested ones counted */
#define TABLE_NO_FIELD SIZE_MAX

/* ---- manifest ---- */

typedef struct table_field {
    wire_span raw; /* the Field message */
    int32_t id;
    int32_t parent_id;        /* -1: top level */
    const char *name;         /* in the arena */
    const char *logical_type; /* in the arena */
    bool nullable;
    size_t first_child, next_sibling; /* indices of fields, in the manifest's order; TABLE_NO_FIELD: none */
} table_field;

typedef struct table_data_file {
    const char *path;       /* below data/; in the arena */
    const int64_t *fields;  /* [n_fields] field ids; negative: not for readers */
    const int64_t *columns; /* [n_columns] the column of each field; -1: a container without one */
    size_t n_fields, n_columns;
    uint64_t size; /* bytes; 0: unknown */
    size_t slot;   /* index into lancelet_table.files */
} table_data_file;

typedef struct table_deletion_file {
    bool present;
    uint64_t type; /* 0 Arrow IPC file, 1 Roaring bitmap */
    uint64_t read_version, id;
    uint64_t rows; /* rows it hides; 0: unknown */
} table_deletion_file;

typedef struct table_fragment {
    wire_span raw; /* the DataFragment message */
    uint64_t id;
    uint64_t physical_rows; /* deleted ones counted */
    table_data_file *files; /* [n_files] */
    size_t n_files;
    table_deletion_file deletion;
} table_fragment;

typedef struct table_manifest {
    uint8_t *bytes; /* [size] the whole file, owned; every span points into it */
    size_t size;
    base_arena arena;
    wire_span message;       /* the Manifest message */
    wire_span index_section; /* the IndexSection message; data NULL: none */
    wire_span transaction;   /* the inline Transaction message; data NULL: none */
    uint64_t version;
    uint64_t reader_flags, writer_flags;
    bool has_max_fragment_id;
    uint64_t max_fragment_id;
    int64_t timestamp_us;
    const char *data_version;     /* "2.1" */
    const char *transaction_file; /* below _transactions/; NULL: none */
    table_field *fields;          /* [n_fields] */
    size_t n_fields;
    size_t *top; /* [n_top] indices of the top-level fields: one a column of the table */
    size_t n_top;
    table_fragment *fragments; /* [n_fragments] in the table's row order */
    size_t n_fragments;
    size_t *by_id;                       /* [n_fragments] indices of fragments, ascending by fragment id */
    size_t n_slots;                      /* data files of all fragments */
    bool legacy;                         /* some are of the file versions before 2.0 */
    lancelet_key_value *config;          /* [n_config] */
    lancelet_key_value *schema_metadata; /* [n_schema_metadata] */
    size_t n_config, n_schema_metadata;
    size_t n_indices; /* index segments named by the index section */
    bool v2_names;    /* the file is named by 2^64-1-version */
} table_manifest;

/* Parses `bytes` [size], which are taken over (freed also on failure). `name` is for messages. */
lancelet_status table_manifest_parse(uint8_t *bytes, size_t size, const char *name, table_manifest *out,
                                     lancelet_error *err) MUST_CHECK;
void table_manifest_free(table_manifest *m);
/* The fragment of an id, or NULL. */
const table_fragment *table_manifest_fragment(const table_manifest *m, uint64_t id);
/* UNSUPPORTED, naming the feature, when the flags hold one that readers (writers) here do not know. */
lancelet_status table_check_readable(const table_manifest *m, lancelet_error *err) MUST_CHECK;
lancelet_status table_check_writable(const table_manifest *m, lancelet_error *err) MUST_CHECK;
/* The minor file version (1 or 2) that the table's data files are written in. */
lancelet_status table_write_minor(const table_manifest *m, int *minor, lancelet_error *err) MUST_CHECK;

/* ---- versions in a folder ---- */

/* The names in a folder of a table; none where there is no such folder. *out starts as {0}: base_names_free. */
lancelet_status table_list_folder(const char *path, const char *folder, base_names *out, lancelet_error *err) MUST_CHECK;
/* The versions that `path`/_versions holds, ascending; none where there is no such folder. *out [n] is the caller's: base_free. */
typedef struct table_version_name {
    uint64_t version;
    bool v2_names; /* how its manifest is named */
} table_version_name;
lancelet_status table_list_versions(const char *path, table_version_name **out, size_t *n, lancelet_error *err) MUST_CHECK;
/* The newest version that `path`/_versions holds; *any is false when it holds none or there is no such folder. */
typedef struct table_newest {
    bool any;
    uint64_t version;
    bool v2_names; /* how the table names its manifests; true where there is none yet */
} table_newest;
lancelet_status table_find_newest(const char *path, table_newest *out, lancelet_error *err) MUST_CHECK;
/* Path of a version's manifest, owned by the caller; NULL when memory is out. */
char *table_manifest_path(const char *path, uint64_t version, bool v2_names);
/* Reads the manifest of one version. NOT_FOUND when it is not there under either name. */
lancelet_status table_manifest_read(const char *path, uint64_t version, bool v2_names, table_manifest *out,
                                    lancelet_error *err) MUST_CHECK;

/* ---- schema ---- */

/* The table's Arrow schema. A logical type not known here becomes Arrow's null type with the metadata key
 * `lance:logical_type`. */
lancelet_status table_schema_build(const table_manifest *m, struct ArrowSchema *out,
                                   lancelet_error *err) MUST_CHECK;
/* The map<string, bytes> entries (fields `number`) of a message as metadata of a schema, whole also where a value holds
 * a NUL. */
lancelet_status table_schema_metadata(wire_span message, uint32_t number, struct ArrowSchema *out,
                                      lancelet_error *err) MUST_CHECK;
/* Field messages for all fields of the columns of `schema`, depth first, ids 0..n-1: `out` [lance_field_count(schema) - 1]
 * of zeroed buffers. UNSUPPORTED names a column whose type is not written. */
lancelet_status table_fields_from_schema(const struct ArrowSchema *schema, base_buffer *out,
                                         lancelet_error *err) MUST_CHECK;
/* The metadata of a schema as map entries (fields `number`), appended to *out. INVALID where it is not UTF-8. */
lancelet_status table_put_metadata(const struct ArrowSchema *schema, uint32_t number, base_buffer *out,
                                   lancelet_error *err) MUST_CHECK;
/* UNSUPPORTED names a column whose values are not written because one of its Field messages [n] says that they are stored in
 * a way of their own. */
lancelet_status table_check_written(const struct ArrowSchema *column, const wire_span *fields, size_t n,
                                    lancelet_error *err) MUST_CHECK;
/* INVALID unless the bytes are UTF-8: readers that decode messages strictly refuse the table otherwise. `what` is for
 * the message: "a config value". */
lancelet_status table_check_text(const char *what, const char *text, size_t n, lancelet_error *err) MUST_CHECK;

/* ---- deletions ---- */

/* Deleted rows of one fragment: bit i of words[i / 64] is row i. */
typedef struct table_bitmap {
    uint64_t rows;   /* physical rows of the fragment */
    uint64_t count;  /* bits that are set */
    uint64_t *words; /* [(rows + 63) / 64] */
} table_bitmap;
lancelet_status table_bitmap_create(uint64_t rows, table_bitmap **out, lancelet_error *err) MUST_CHECK;
void table_bitmap_destroy(table_bitmap *b);
static inline bool table_bitmap_get(const table_bitmap *b, uint64_t row) /* b NULL: no row is deleted */
{
    return b && (b->words[row / 64] >> (row % 64) & 1) != 0;
}
/* False when the row was set already. */
bool table_bitmap_set(table_bitmap *b, uint64_t row);
/* Portable Roaring bytes, appended to *out. */
bool table_roaring_write(const table_bitmap *b, base_buffer *out) MUST_CHECK;
/* Sets the rows of Roaring bytes (runs allowed) or of an Arrow IPC file. CORRUPT for a row outside the fragment. */
lancelet_status table_roaring_read(const uint8_t *bytes, size_t n, table_bitmap *into,
                                   lancelet_error *err) MUST_CHECK;
lancelet_status table_arrow_rows_read(const uint8_t *bytes, size_t n, table_bitmap *into,
                                      lancelet_error *err) MUST_CHECK;
/* "<path>/_deletions/<fragment>-<read version>-<id>.<bin|arrow>"; owned by the caller, NULL when memory is out. */
char *table_deletion_path(const char *path, uint64_t fragment, const table_deletion_file *d);
/* The deletion file of a fragment; *out is the caller's. */
lancelet_status table_deletions_read(const char *path, const table_fragment *f, table_bitmap **out,
                                     lancelet_error *err) MUST_CHECK;

/* ---- a table ---- */

/* The fields of one column, depth first as in lance/file/file.h. */
typedef struct table_column {
    const size_t *field; /* [n] indices into manifest.fields; borrowed from lancelet_table.depth_first */
    size_t n;
} table_column;

struct lancelet_table {
    atomic_int references;
    char *path;
    table_manifest manifest;
    struct ArrowSchema schema; /* one child a top-level field, in the manifest's order */
    size_t *depth_first;       /* [manifest.n_fields] */
    table_column *columns;     /* [manifest.n_top] */
    size_t most_fields;        /* of a column */
    pthread_mutex_t lock;
    lance_file **files;       /* [manifest.n_slots] opened on first use */
    table_bitmap **deletions; /* [manifest.n_fragments] read on first use; NULL where a fragment has none */
};

/* Takes *m over (freed and zeroed also on failure). */
lancelet_status table_make(const char *path, table_manifest *m, lancelet_table **out,
                           lancelet_error *err) MUST_CHECK;
lancelet_table *table_retain(const lancelet_table *t);
/* Borrowed from the table. *out NULL: nothing is deleted. */
lancelet_status table_deletions(const lancelet_table *t, size_t fragment, const table_bitmap **out,
                                lancelet_error *err) MUST_CHECK;
/* Where column `column` of the table lies in a fragment: the opened file (borrowed from the table) and its columns, one a
 * field, into file_columns [most_fields]; *file NULL when no file has it, so that all its values are null. */
lancelet_status table_locate(const lancelet_table *t, size_t fragment, size_t column, lance_file **file,
                             uint32_t *file_columns, lancelet_error *err) MUST_CHECK;
/* UNSUPPORTED names a column of a type that is not read. */
lancelet_status table_check_readable_column(const lancelet_table *t, size_t column,
                                            lancelet_error *err) MUST_CHECK;

/* ---- rows of a version ---- */

/* A scan, in whole or of some fragments only. */
typedef struct table_scan {
    lancelet_scan_options options;
    const size_t *fragments; /* [n_fragments] indices into manifest.fragments, ascending, copied; NULL: all */
    size_t n_fragments;
    bool deleted_too; /* every physical row, also those that a deletion file hides */
} table_scan;
lancelet_status table_scan_open(const lancelet_table *t, const table_scan *scan, struct ArrowArrayStream *out,
                                lancelet_error *err) MUST_CHECK;

/* Live rows that meet a condition. */
typedef struct table_selection {
    table_bitmap **fragment; /* [manifest.n_fragments]; NULL: no row of it */
    uint64_t rows;           /* in all of them */
} table_selection;
lancelet_status table_select(const lancelet_table *t, const char *condition, const volatile int *cancel,
                             table_selection *out, lancelet_error *err) MUST_CHECK;
void table_selection_free(const lancelet_table *t, table_selection *s);
/* `n` nulls of a column. */
lancelet_status table_nulls(const struct ArrowSchema *column, size_t n, struct ArrowArray *out,
                            lancelet_error *err) MUST_CHECK;
uint64_t table_live_rows(const table_manifest *m);
/* Fragments that a compaction with default options would rewrite. */
uint64_t table_small_fragments(const table_manifest *m);

/* ---- writing ---- */

/* Makes the folder `name` of a table unless it is there; when `sync`, a fresh one is made durable. */
lancelet_status table_make_folder(const char *path, const char *name, bool sync,
                                  lancelet_error *err) MUST_CHECK;

/* Files made by a write that may yet fail. */
typedef struct table_trail {
    char **path; /* [n] */
    size_t n, capacity;
} table_trail;
/* Notes a path (copied) before its file is made. */
lancelet_status table_trail_add(table_trail *t, const char *path, lancelet_error *err) MUST_CHECK;
/* Removes the files from entry `from` on, as well as that is possible, and forgets them. */
void table_trail_undo(table_trail *t, size_t from);
/* Forgets all, after removing the files unless they are to stay. */
void table_trail_end(table_trail *t, bool stay);

/* New fragments: DataFragment messages without an id, which the manifest gives. */
typedef struct table_new_fragments {
    base_buffer *message; /* [n] */
    size_t n, capacity;
    uint64_t rows; /* of all of them */
} table_new_fragments;
void table_new_fragments_free(table_new_fragments *f);

/* Where rows go: the table's columns with the Field messages of all their fields, depth first. */
typedef struct table_target {
    const char *path;
    int minor;
    const struct ArrowSchema *schema; /* [n] children */
    const wire_span *fields;          /* [fields] Field messages */
    const int64_t *ids;               /* [fields] field ids */
    uint64_t file_rows;               /* rows that a file has at most; 0: 1,048,576 */
} table_target;
/* Writes all batches of `rows` (not released here) whose schema is `incoming`. */
lancelet_status table_write_rows(const table_target *target, const struct ArrowSchema *incoming,
                                 struct ArrowArrayStream *rows, const lancelet_write_options *options,
                                 table_trail *trail, table_new_fragments *out,
                                 lancelet_error *err) MUST_CHECK;

/* What a commit does to the fragments that were there, per touched fragment. */
typedef struct table_touched {
    uint64_t fragment;
    table_bitmap *ours;  /* rows that this commit deletes; owned; NULL: none, and `message` is there already */
    bool removed;        /* nothing is left of it */
    base_buffer message; /* its new DataFragment message, unless removed */
} table_touched;

/* A group of a Rewrite: fragments that stand side by side and the new ones that take their place. */
typedef struct table_rewrite {
    const uint64_t *old; /* [n_old] fragment ids in the table's order */
    size_t n_old;
    size_t first_new, n_new; /* in plan->added */
} table_rewrite;

typedef enum table_operation {
    TABLE_APPEND = 100,
    TABLE_DELETE = 101,
    TABLE_OVERWRITE = 102,
    TABLE_CREATE_INDEX = 103,
    TABLE_REWRITE = 104,
    TABLE_MERGE = 105,
    TABLE_RESTORE = 106,
    TABLE_RESERVE_FRAGMENTS = 107,
    TABLE_UPDATE = 108,
    TABLE_PROJECT = 109,
    TABLE_UPDATE_CONFIG = 110,
    TABLE_DATA_REPLACEMENT = 111,
    TABLE_MEM_WAL = 112,
    TABLE_CLONE = 113,
    TABLE_UPDATE_BASES = 114,
    TABLE_DATA_OVERLAY = 115,
} table_operation; /* numbers of the Transaction message's oneof */

/* All that one commit says, whatever version it lands on. */
typedef struct table_plan {
    table_operation operation;
    const lancelet_table *base; /* NULL: a new table */
    table_new_fragments added;
    table_touched *touched; /* [n_touched] ascending by fragment id */
    size_t n_touched;
    table_rewrite *rewrites; /* [n_rewrites] of a Rewrite, in the table's order */
    size_t n_rewrites;
    const table_manifest *restored; /* of a Restore: the version whose rows and schema come back */
    const lancelet_key_value *config; /* [n_config] */
    size_t n_config;
    const lancelet_key_value *metadata; /* [n_metadata] an UpdateConfig's changes of the schema's metadata */
    size_t n_metadata;
    const char *predicate;
    /* the new schema of an Overwrite, Merge or Project */
    base_buffer *fields; /* [n_fields] Field messages */
    size_t n_fields;
    base_buffer schema_metadata; /* of an Overwrite: map entries, each as field 1 */
    int minor; /* file version 2.<minor> of what is written; of an Overwrite it becomes the table's */
    bool redo; /* set by table_land with CONFLICT: the same may be done anew on the newest version, from its rows on */
} table_plan;

/* Tries a plan on the newest version, and again as long as another writer is first and the conflict table lets it be
 * rebased. *published: the version is visible, whatever the status; until then files on the trail are the caller's to
 * undo. */
lancelet_status table_land(table_plan *plan, const lancelet_write_options *options, table_trail *trail, bool *published,
                           lancelet_table **out, lancelet_error *err) MUST_CHECK;
/* The first version of a table at `path`, whose folders are there. CONFLICT when another writer made one. */
lancelet_status table_land_first(table_plan *plan, const char *path, const lancelet_write_options *options, table_trail *trail,
                                 bool *published, lancelet_table **out, lancelet_error *err) MUST_CHECK;
/* On plan->base, as the version behind `newest`, though that and perhaps others before it are not whole. CONFLICT when
 * another writer is there first. */
lancelet_status table_land_behind(table_plan *plan, uint64_t newest, bool v2_names, const lancelet_write_options *options,
                                  table_trail *trail, bool *published, lancelet_table **out,
                                  lancelet_error *err) MUST_CHECK;
/* Frees what a plan owns: added, touched, rewrites (not the ids that these borrow), fields, schema_metadata. */
void table_plan_free(table_plan *plan);
/* What a plan does to the fragment of an id, or NULL. */
const table_touched *table_plan_touched(const table_plan *plan, uint64_t fragment);
/* The rows of `plan->base` at `addresses` [n] are to be deleted. NOT_FOUND names one that is not there. */
lancelet_status table_plan_addresses(table_plan *plan, const uint64_t *addresses, size_t n, lancelet_error *err) MUST_CHECK;
/* The rows of a selection, whose bitmaps are taken over, are to be deleted. */
lancelet_status table_plan_selection(table_plan *plan, table_selection *selection, lancelet_error *err) MUST_CHECK;
/* The schema of an Overwrite, and its metadata, out of what a stream says. */
lancelet_status table_plan_schema(table_plan *plan, const struct ArrowSchema *schema, lancelet_error *err) MUST_CHECK;
/* Writes the rows of an Overwrite, whose schema is that of the plan. */
lancelet_status table_plan_new_rows(table_plan *plan, const char *path, const struct ArrowSchema *schema,
                                    struct ArrowArrayStream *rows, const lancelet_write_options *options, table_trail *trail,
                                    lancelet_error *err) MUST_CHECK;
/* A change that is worked out from the rows of a version: `plan` is called with a plan that has its base, and again on a
 * newer version when another writer was first and the plan can be made anew. Where it leaves operation 0 nothing is to be
 * done. */
typedef struct table_change {
    lancelet_status (*plan)(void *arg, table_plan *plan, const lancelet_write_options *options, table_trail *trail,
                            lancelet_error *err);
    void *arg;
} table_change;
/* Lands a change; *out (may be NULL) is the new version, or another handle to the one on which there was nothing to do. */
lancelet_status table_apply(const lancelet_table *table, const table_change *change, const lancelet_write_options *options,
                            lancelet_table **out, lancelet_error *err) MUST_CHECK;

/* Batches that are made when they are asked for; the stream borrows all of it. */
typedef struct table_source {
    const struct ArrowSchema *schema;
    lancelet_status (*next)(void *arg, struct ArrowArray *out, lancelet_error *err); /* leaves out->release NULL at the end */
    void *arg;
    lancelet_error error;
} table_source;
struct ArrowArrayStream table_source_stream(table_source *s);

/* INVALID unless keys and values can stand in a table's config. */
lancelet_status table_check_config(const lancelet_key_value *config, size_t n, lancelet_error *err) MUST_CHECK;
/* The columns of a table as rows are added to it; arrays go to the arena. */
lancelet_status table_target_of(const lancelet_table *t, base_arena *arena, table_target *out,
                                lancelet_error *err) MUST_CHECK;
/* The same for files of version 2.<minor>, whatever the table's is. */
lancelet_status table_target_in(const lancelet_table *t, int minor, base_arena *arena, table_target *out,
                                lancelet_error *err) MUST_CHECK;

/* A message of two strings as field `number`: an entry of a map. A value of NULL is left out, which in an UpdateConfig
 * means: remove the key. */
bool table_put_pair(base_buffer *out, uint32_t number, const char *key, const char *value) MUST_CHECK;
/* Appends the schema metadata of an Overwrite as fields `number`. */
bool table_put_planned_metadata(const table_plan *plan, uint32_t number, base_buffer *out) MUST_CHECK;
/* The operation of a Transaction message: 0 when it has none. */
uint32_t table_transaction_operation(wire_span transaction);
const char *table_operation_name(uint32_t operation); /* "an Append", or NULL when it is not known */
/* Appends the Transaction message of `plan` on top of `current` (NULL: a new table). */
bool table_transaction_write(const table_plan *plan, const table_manifest *current, const char *uuid,
                             base_buffer *out) MUST_CHECK;
/* The transaction that made a version: *bytes (owned by the caller) holds a copy; CONFLICT when none is to be had. */
lancelet_status table_transaction_read(const char *path, const table_manifest *m, base_buffer *bytes,
                                       lancelet_error *err) MUST_CHECK;

/* Has a fragment still the data, and its rows in the places, that it had? Files may have gone with their columns. */
bool table_same_data(const table_fragment *before, const table_fragment *now);
/* May `plan` land on `newest` though other writers committed since plan->base? CONFLICT says why not. */
lancelet_status table_check_conflicts(table_plan *plan, const table_manifest *newest,
                                      lancelet_error *err) MUST_CHECK;

/* The whole manifest file of plan on top of `current` (NULL: a new table), as version `version`. */
typedef struct table_derive {
    const table_plan *plan;
    const table_manifest *current;
    uint64_t version;
    const char *transaction_file; /* NULL: none is written */
    wire_span transaction;
} table_derive;
lancelet_status table_manifest_derive(const table_derive *d, base_buffer *out,
                                      lancelet_error *err) MUST_CHECK;
/* Appends the index section of the next manifest to *out. *any: it has one. */
lancelet_status table_index_section_derive(const table_derive *d, base_buffer *out, bool *any,
                                           lancelet_error *err) MUST_CHECK;

#endif
