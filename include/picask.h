/*
 * picask.h - ask your pictures, from C: pictures and sentences become vectors in one space, kept in a Lance table.
 *
 *     picask_error err;
 *     picask_table *t = NULL;
 *     picask_results *r = NULL;
 *     if (picask_table_open("data/tables", "pictures", NULL, &t, &err) ||
 *         picask_search_text(t, "a road with a stop sign", NULL, &r, &err)) {
 *         fprintf(stderr, "%s\n", err.text);
 *         return 1;
 *     }
 *     for (size_t i = 0; i < picask_results_count(r); i++) {
 *         const picask_row *row = picask_results_row(r, i);
 *         printf("%.3f %s %s\n", row->score, row->uri, row->text);
 *     }
 *     picask_results_destroy(r);
 *     picask_table_destroy(t);
 *
 * Conventions are lancelet.h's (statuses, errors, ownership, options, threads), which this header includes. A model
 * is immutable and shared by threads; a table handle of this header is used by one thread at a time. Vectors are
 * float32 of unit length, picask_model_dim() numbers each.
 */
#ifndef PICASK_H
#define PICASK_H

#include "lancelet.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

#define PICASK_VERSION "0.1.0"

typedef lancelet_status picask_status;
typedef lancelet_error picask_error;

/* ---- models ---- */

typedef struct picask_model picask_model;

typedef struct picask_model_options {
    size_t struct_size;
    int threads; /* 0: one a CPU */
} picask_model_options;
#define PICASK_MODEL_OPTIONS_INIT {sizeof(picask_model_options), 0}

/* `name`: "mini" (the newest built-in model), "mini-1"; a CLIP by open_clip's name, OpenAI's or its Hugging Face repository,
 * in any case ("ViT-L-14/openai", "ViT-L/14", "ViT-L-14", "openai/clip-vit-large-patch14"), which is looked for in Hugging
 * Face's hub cache and in ~/.cache/clip; any other repository "org/name" of the hub cache that holds a CLIP; or a path that
 * starts with / ./ ../ or ~/: a file of weights, or a folder in Hugging Face's layout or with one .pt or .safetensors
 * file. NOT_FOUND says how to get it, or which name is near. Maps the file; weights are read when first used. Nothing is
 * downloaded. */
picask_status picask_model_open(const char *name, const picask_model_options *options, picask_model **out,
                                picask_error *err);
void picask_model_destroy(picask_model *model);

const char *picask_model_name(const picask_model *model); /* "mini-1", what a table records; borrowed */
const char *picask_model_path(const picask_model *model); /* of its file; borrowed */
size_t picask_model_dim(const picask_model *model);       /* numbers a vector */
/* What is said of the model under a key ("licence", "recall", "about", "architecture", ...), by its file or where it was
 * published; NULL if nothing; borrowed. */
const char *picask_model_about(const picask_model *model, const char *key);

/* Names of the built-in models that this program knows, present or not; NULL-terminated, static. */
const char *const *picask_model_names(void);

/* What is known of a model, here or not, as a JSON object: name, dim, bytes (of its file; of the published one where it is
 * not here), path (null: not here, and `put` says how to get it), parameters, image_size, source, licence, recall, ...;
 * of one that is here also format, architecture, preprocess, bytes_by_type and packed (the path of its packed form, or
 * null). *json is the caller's: picask_free. */
picask_status picask_model_describe(const char *name, char **json, picask_error *err);
/* The same, shorter, of all models known by name, smallest first: a JSON object a line. *lines: picask_free. */
picask_status picask_model_list(char **lines, picask_error *err);

typedef enum picask_checked {
    PICASK_CHECK_NONE = 0, /* nothing is published to compare with */
    PICASK_CHECK_SAME,
    PICASK_CHECK_DIFFERS
} picask_checked;

typedef struct picask_model_report {
    size_t struct_size;
    picask_checked hash;          /* the file's SHA-256 with the published one */
    char sha256[65];              /* of the file; of the index where the weights lie in shards */
    const char *published_sha256; /* static; NULL where none is known */
    picask_checked numbers;       /* DIFFERS: one is infinite or no number */
    uint64_t tensors, count;      /* tensors read, numbers in them */
    char tensor[128];             /* DIFFERS: the first with such a number */
    picask_checked vectors;       /* the first numbers of what the model makes of a sentence, with those published */
    float worst;                  /* largest difference between them, both made unit length */
} picask_model_report;
#define PICASK_MODEL_REPORT_INIT \
    {sizeof(picask_model_report), PICASK_CHECK_NONE, "", NULL, PICASK_CHECK_NONE, 0, 0, "", PICASK_CHECK_NONE, 0}
/* Reads all of a model: its hash afresh, each number, each shape, and the vectors of three sentences, which must be
 * finite and of unit length. OK when it could be checked, whatever came out; CORRUPT when the file is damaged so that
 * it cannot be opened. */
picask_status picask_model_check(const char *name, picask_model_report *report, picask_error *err);

typedef struct picask_pack_report {
    size_t struct_size;
    uint64_t bytes_before, bytes_after; /* of all tensors */
    size_t narrowed;                    /* matrices that are held as float16 now; 0: nothing to gain, nothing written */
} picask_pack_report;
#define PICASK_PACK_REPORT_INIT {sizeof(picask_pack_report), 0, 0, 0}
/* Writes the packed form of a model into the cache folder, from where it is used from then on: the same numbers, less
 * memory to read; vectors differ by rounding at most. *path is the caller's: picask_free; NULL when nothing was written. */
picask_status picask_model_pack(const char *name, char **path, picask_pack_report *report, picask_error *err);

/* texts [n] to out [n, dim], which is the caller's. A text longer than the model's limit is cut. Threads that share a model
 * take turns. */
picask_status picask_embed_texts(picask_model *model, const char *const *texts, size_t n, float *out,
                                 picask_error *err);
/* A picture file, or its encoded bytes, to out [dim]; upright by EXIF first. */
picask_status picask_embed_picture_file(picask_model *model, const char *path, float *out, picask_error *err);
picask_status picask_embed_picture(picask_model *model, const void *bytes, size_t n, float *out, picask_error *err);

/* ---- databases: a folder of tables `<name>.lance` ---- */

/* Names of the tables in `db`, sorted; a missing folder has none. Free with picask_names_free. */
picask_status picask_tables(const char *db, char ***names, size_t *n, picask_error *err);
void picask_names_free(char **names, size_t n);
picask_status picask_table_drop(const char *db, const char *name, picask_error *err);

/* ---- tables ---- */

typedef struct picask_table picask_table;

typedef struct picask_table_options {
    size_t struct_size;
    const char *model; /* NULL: the table's own. Another model than the table's is INVALID with both names */
    int threads;       /* 0: one a CPU */
    uint64_t version;  /* 0: the newest; what is changed through the handle lands on the newest whatever is read */
    const char *tag;   /* NULL, or the name of a tag: the version that it stands for */
    const char *vector_column; /* NULL: the one that the table's metadata names, else `vector`, else the only one */
} picask_table_options;
#define PICASK_TABLE_OPTIONS_INIT {sizeof(picask_table_options), NULL, 0, 0, NULL, NULL}

/* Opens a version, the newest unless another is asked for. The model is opened when first needed. NOT_FOUND names the db and
 * the command that makes the table, or the versions' command; CORRUPT of the newest version names the command that brings
 * back the last whole one. */
picask_status picask_table_open(const char *db, const char *name, const picask_table_options *options,
                                picask_table **out, picask_error *err);
/* An empty table for vectors of a model (model NULL: "mini"), or of `dim` numbers of no named model (dim > 0 and
 * model NULL). CONFLICT when it exists. */
picask_status picask_table_create(const char *db, const char *name, const char *model, size_t dim,
                                  picask_table **out, picask_error *err);
void picask_table_destroy(picask_table *table);

/* The version behind the handle, for lancelet's own functions; borrowed until the next call that changes the table. */
const lancelet_table *picask_table_lance(const picask_table *table);
const char *picask_table_model_name(const picask_table *table); /* NULL when the table names none */
size_t picask_table_dim(const picask_table *table); /* numbers a vector; 0: no column of vectors, or several and none named */
const char *picask_table_vector_column(const picask_table *table); /* NULL where the dim is 0; borrowed */
const char *picask_table_name(const picask_table *table); /* as it was opened; borrowed, as the model's name is */
/* The metric to search this table by where nobody asks for one: its index's, else LANCELET_COSINE. */
lancelet_metric picask_table_metric(const picask_table *table);
/* Reads the newest version, if there is a newer one. */
picask_status picask_table_refresh(picask_table *table, picask_error *err);

/* ---- index: pictures and captions into a table ---- */

typedef struct picask_index_report {
    uint64_t found;     /* items met */
    uint64_t added;     /* rows added with a vector computed in this run */
    uint64_t changed;   /* rows whose picture or caption changed; id kept */
    uint64_t copies;    /* rows added whose content was there already: vector shared */
    uint64_t moved;     /* rows whose file was renamed; id and vector kept */
    uint64_t unchanged;
    uint64_t skipped;   /* pictures that could not be read */
    uint64_t skipped_damaged, skipped_large, skipped_unreadable, skipped_unsupported; /* their sum is skipped */
    uint64_t removed;   /* rows whose picture is gone, by `prune` */
    uint64_t version;   /* of the table afterwards */
    double seconds;
} picask_index_report;

/* Called from the thread that called picask_index. */
typedef struct picask_index_events {
    void *arg;
    void (*progress)(void *arg, uint64_t done, uint64_t total, const picask_index_report *so_far); /* ~10 a second */
    void (*skipped)(void *arg, const char *uri, const char *reason);
    void (*note)(void *arg, int level, const char *sentence); /* level 0: always shown, 1: only with -v */
    void (*fetched)(void *arg, uint64_t done, uint64_t total); /* bytes from the hub; ~10 a second */
    /* May `rows` of the table's `of` go, whose pictures are gone? Asked when they are more than one in ten; NULL: no. */
    bool (*prune)(void *arg, uint64_t rows, uint64_t of);
} picask_index_events;

typedef enum picask_store_images {
    PICASK_STORE_AUTO = 0, /* original where a row has no file of its own, else none */
    PICASK_STORE_NONE,
    PICASK_STORE_ORIGINAL,
    PICASK_STORE_SCALED    /* JPEG, quality 85, longest side store_pixels */
} picask_store_images;

typedef struct picask_index_options {
    size_t struct_size;
    const char *model;     /* NULL: the table's own, "mini" for a new table */
    int threads;           /* 0: one a CPU */
    bool overwrite;        /* a new version that holds just these sources; ids start at 0 */
    bool append;           /* add every item without looking for what is there */
    bool dry_run;          /* count, change nothing */
    bool hidden;           /* walk names that begin with a dot too */
    bool no_sync;          /* do not wait for the disk: not safe against power loss */
    bool decode_fast;      /* JPEGs are decoded at a fraction of their size: faster, vectors differ a little */
    picask_store_images store;
    int store_pixels;      /* of PICASK_STORE_SCALED: 1 to 65,535 */
    const char *text_column, *image_column; /* of a caption file; NULL: by the header's names */
    const char *const *exclude; /* [n_exclude] globs */
    size_t n_exclude;
    const volatile int *cancel; /* CANCELLED after committing what is done */
    picask_index_events events;
    const char *vector_column; /* of a table that is there, as picask_table_options */
    /* Rows below the sources of this run go whose file is gone. Nothing goes where a source is not there, is empty or cannot be
     * read (a disk that is not mounted), nor below a folder of it of which that is true. */
    bool prune;
    int64_t every_us;          /* a frame of a video at every so many microseconds; 0: where the scene changes */
} picask_index_options;
#define PICASK_INDEX_OPTIONS_INIT \
    {sizeof(picask_index_options), NULL, 0, false, false, false, false, false, false, PICASK_STORE_AUTO, 0, NULL, \
     NULL, NULL, 0, NULL, {NULL, NULL, NULL, NULL, NULL, NULL}, NULL, false, 0}

/* Brings pictures, folders, caption files, Parquet files, videos and data sets of the hub (sources [n]) into table `name` of `db`, made when missing. n 0: the
 * table's remembered sources. Only what is new or changed is embedded. A broken picture is reported and skipped. One
 * index run a table at a time: CONFLICT names the lock. NOT_FOUND when the sources hold no picture at all, or a
 * new table would get no row because none can be read. `report`
 * is filled also on failure, with what was committed. */
picask_status picask_index(const char *db, const char *name, const char *const *sources, size_t n,
                           const picask_index_options *options, picask_index_report *report, picask_error *err);

/* Waits for changes of what an index run reads, to run it again. Sources of the hub do not change. */
typedef struct picask_watch picask_watch;
/* sources [n] as picask_index takes them (n 0: those that the table remembers); of `options` hidden, exclude and cancel count. */
picask_status picask_watch_create(const char *db, const char *name, const char *const *sources, size_t n,
                                  const picask_index_options *options, picask_watch **out, picask_error *err);
/* Returns when something has changed and then nothing for a second; CANCELLED when options.cancel is set. */
picask_status picask_watch_wait(picask_watch *watch, picask_error *err);
void picask_watch_destroy(picask_watch *watch);

/* After pictures were moved to another place as a whole: in every row and remembered source whose path is `old` or lies below
 * it, `new` takes its place; ids, vectors and captions stay. One commit; *rows counts. Both are made absolute; `new` must be
 * there. NOT_FOUND when nothing lies below `old`. */
picask_status picask_table_relocate(picask_table *table, const char *old, const char *new_place, uint64_t *rows, picask_error *err);

/* ---- fetching: into the Hugging Face hub's own cache on this machine ---- */

typedef struct picask_pull_options {
    size_t struct_size;
    const volatile int *cancel; /* CANCELLED; the next pull goes on from there */
    void *arg;
    void (*progress)(void *arg, uint64_t done, uint64_t total); /* bytes; ~10 a second */
    void (*note)(void *arg, int level, const char *sentence);   /* as picask_index_events */
} picask_pull_options;
#define PICASK_PULL_OPTIONS_INIT {sizeof(picask_pull_options), NULL, NULL, NULL, NULL}

/* The weights of a model by any of its names, with what belongs to them. Nothing is fetched that is there already. *path (may
 * be NULL; picask_free) is where they lie. */
picask_status picask_model_pull(const char *name, const picask_pull_options *options, char **path, picask_error *err);
/* A data set "ORG/NAME", "ORG/NAME@REV" or hf://datasets/ORG/NAME[@REV][/GLOB]; *path (may be NULL; picask_free) is the folder. */
picask_status picask_dataset_pull(const char *name, const picask_pull_options *options, char **path, picask_error *err);

/* ---- Parquet ---- */

/* The columns [n] by name (NULL: all) of a Parquet file as record batches, page by page; the caller releases *out. Lists and
 * maps are left out when all columns are asked for, and UNSUPPORTED by name. Peer: pyarrow.parquet.ParquetFile.iter_batches. */
picask_status picask_parquet_open(const char *path, const char *const *columns, size_t n, struct ArrowArrayStream *out,
                                  picask_error *err);

/* Adds one row of the caller's own: encoded picture bytes (stored in `image`) with a caption (may be NULL) and a uri
 * (may be NULL); *id is its id. */
picask_status picask_table_add(picask_table *table, const void *bytes, size_t n, const char *text, const char *uri,
                               int64_t *id, picask_error *err);

/* Deletes the rows with these ids [n_ids] and these paths or uris [n_uris] (that of a video or Parquet file: all its frames or
 * rows); *removed counts them. NOT_FOUND names the first that no row has; then nothing is deleted. */
picask_status picask_table_remove(picask_table *table, const int64_t *ids, size_t n_ids, const char *const *uris,
                                  size_t n_uris, uint64_t *removed, picask_error *err);
/* Deletes the rows that meet a condition (lancelet.h says what that is); *removed counts them, 0: nothing was committed. */
picask_status picask_table_delete(picask_table *table, const char *condition, uint64_t *removed, picask_error *err);
/* Sets columns [n] in the rows that meet a condition, to values of lancelet's language of conditions; *updated counts them. */
picask_status picask_table_update(picask_table *table, const lancelet_assignment *set, size_t n, const char *condition,
                                  uint64_t *updated, picask_error *err);
/* The condition that a row's file is `folder` or lies below it, by its uri, for use alone or in parentheses; a folder that is
 * no uri is made absolute. *condition is the caller's: picask_free. INVALID where the table has no column of uris. */
picask_status picask_condition_in(const picask_table *table, const char *folder, char **condition, picask_error *err);

/* ---- upkeep: lancelet's functions under the lock of the table's index run, CONFLICT while one is going on ---- */

/* Puts small fragments together, leaves deleted rows out, or writes the table in another file version. */
picask_status picask_table_optimize(picask_table *table, const lancelet_compact_options *options,
                                    lancelet_compact_report *report, picask_error *err);
/* Makes an older version the newest; ids given since are not given again. */
picask_status picask_table_restore(picask_table *table, uint64_t version, picask_error *err);
/* Brings back the newest whole version of a table whose newest one is broken; *version is its number now. */
picask_status picask_table_restore_last_good(const char *db, const char *name, uint64_t *version, picask_error *err);
/* Deletes old versions and files that no version names. */
picask_status picask_table_cleanup(const char *db, const char *name, const lancelet_cleanup_options *options,
                                   lancelet_cleanup_report *report, picask_error *err);

/* ---- re-embedding: another model's vectors for a whole table ---- */

typedef struct picask_reembed_report {
    uint64_t rows;       /* of the table */
    uint64_t embedded;   /* vectors computed in this run */
    uint64_t shared;     /* rows that share the vector of the same content */
    uint64_t resumed;    /* rows whose vector a run that was stopped had left */
    uint64_t unreadable; /* rows whose picture cannot be read: not in the new version */
    bool unchanged;      /* the vectors are this model's already: nothing was done */
    uint64_t version;     /* of the table afterwards */
    uint64_t old_version; /* the one that has the old vectors; 0: nothing was committed */
    double seconds;
} picask_reembed_report;

/* Called from the thread that called picask_table_reembed. */
typedef struct picask_reembed_events {
    void *arg;
    void (*progress)(void *arg, uint64_t done, uint64_t total);                 /* rows; ~10 a second */
    void (*unreadable)(void *arg, const char *row, const char *reason);         /* row: its uri, or "row 12" */
    void (*note)(void *arg, int level, const char *sentence);                   /* as picask_index_events */
    /* May the new version be without the rows whose picture cannot be read? Asked before the work for those that have none
     * any more, and again before the commit when more turned up. NULL: no. */
    bool (*leave_out)(void *arg, uint64_t unreadable, uint64_t rows);
} picask_reembed_events;

typedef struct picask_reembed_options {
    size_t struct_size;
    int threads;       /* 0: one a CPU */
    bool decode_fast;  /* as picask_index_options */
    bool no_sync;      /* likewise */
    const char *cache; /* folder that keeps finished vectors until the commit; NULL: $XDG_CACHE_HOME/picask, else
                          ~/.cache/picask */
    const volatile int *cancel; /* CANCELLED; what is done stays in `cache`, and the same call goes on */
    picask_reembed_events events;
    const char *vector_column; /* as picask_table_options; the one given is the table's from then on */
} picask_reembed_options;
#define PICASK_REEMBED_OPTIONS_INIT \
    {sizeof(picask_reembed_options), 0, false, false, NULL, NULL, {NULL, NULL, NULL, NULL, NULL}, NULL}

/* Computes the vector of every row of table `name` again with another model (as picask_model_open takes it), from the
 * picture in the table or its file, and commits them as one new version: rows, their order, ids, captions, all other
 * columns, config and tags stay as they are, and so does the old version. Nothing is changed unless all of it is done.
 * Where the vectors are this model's already (and decoded the same way) nothing is done. NOT_FOUND when pictures cannot be
 * read and may not be left out, or none can be read; UNSUPPORTED names a column that cannot be written again; CONFLICT
 * while an index run is going on. `report` is filled also on failure. */
picask_status picask_table_reembed(const char *db, const char *name, const char *model,
                                   const picask_reembed_options *options, picask_reembed_report *report,
                                   picask_error *err);

typedef enum picask_embedding {
    PICASK_EMBEDDING_NONE = 0,
    PICASK_EMBEDDING_OPEN_CLIP
} picask_embedding;

/* Writes into the table (or takes out) which Python function makes its vectors, as LanceDB keeps it: with OPEN_CLIP LanceDB
 * embeds text queries, and the files that rows handed to add() name in the column of paths; but then add() needs Python's
 * open_clip and its weights, or fails. One commit, none where nothing changes. INVALID when the table was not made by a
 * CLIP that open_clip knows by name. */
picask_status picask_table_set_embedding(picask_table *table, picask_embedding function, picask_error *err);

/* ---- rows and search ---- */

/* A row's facts; everything is borrowed from the results it came from. */
typedef struct picask_row {
    uint64_t address;     /* Lance row address */
    int64_t id;           /* the address when the table has no id column */
    const char *uri;      /* NULL if null */
    const char *text;     /* NULL if null */
    const char *sha256;   /* NULL if null */
    int width, height;    /* 0 if null */
    int64_t size;         /* -1 if null */
    bool has_taken, has_modified;
    int64_t taken_us, modified_us;
    float distance;       /* LanceDB's _distance of the metric; NaN where the rows come from no search */
    float score;          /* cosine; NaN likewise */
    uint64_t copies;      /* further rows with the same content, not shown */
    const char *extra;    /* JSON members of the columns asked for, `"a":1,"b":"x"`; NULL when none were asked for */
} picask_row;

typedef struct picask_results picask_results;
size_t picask_results_count(const picask_results *results);
const picask_row *picask_results_row(const picask_results *results, size_t i);
void picask_results_destroy(picask_results *results);

typedef struct picask_search_options {
    size_t struct_size;
    size_t limit;  /* 10 */
    size_t offset;
    lancelet_metric metric;
    bool has_min_score;
    float min_score;       /* rows whose cosine is below are left out */
    bool all_copies;       /* show rows of identical content each by itself */
    const char *const *columns; /* [n_columns] further columns for picask_row.extra */
    size_t n_columns;
    const volatile int *cancel;
    const char *condition; /* only rows for which it is true are looked at, and counted as copies; NULL: all */
} picask_search_options;
#define PICASK_SEARCH_OPTIONS_INIT \
    {sizeof(picask_search_options), 10, 0, LANCELET_COSINE, false, 0, false, NULL, 0, NULL, NULL}

/* The nearest rows to a vector [dim], to a sentence, or to the picture of row `id` (which is left out itself).
 * *out is the caller's: picask_results_destroy. No row is OK with count 0. */
picask_status picask_search_vector(picask_table *table, const float *vector, size_t dim,
                                   const picask_search_options *options, picask_results **out, picask_error *err);
picask_status picask_search_text(picask_table *table, const char *text, const picask_search_options *options,
                                 picask_results **out, picask_error *err);
picask_status picask_search_id(picask_table *table, int64_t id, const picask_search_options *options,
                               picask_results **out, picask_error *err);

/* One operand of a sum of words and pictures: `2:dog + ./pool.jpg - people`. */
typedef struct picask_operand {
    double weight;       /* negative: away from it */
    const char *text;    /* words, or NULL */
    const char *picture; /* path of a picture, or NULL */
} picask_operand;

/* The query grammar of the command line: arguments [n] to operands. *operands is the caller's
 * (picask_operands_free); texts are copied. INVALID shows the form that works. */
picask_status picask_parse_query(const char *const *arguments, size_t n, picask_operand **operands,
                                 size_t *n_operands, picask_error *err);
void picask_operands_free(picask_operand *operands, size_t n);
/* Each operand's unit vector times its weight, summed, made unit length: out [dim of the table]. */
picask_status picask_query_vector(picask_table *table, const picask_operand *operands, size_t n, float *out,
                                  picask_error *err);

/* Rows by id [n], in that order (NOT_FOUND names the first that is missing); by path or uri (all that have it, NOT_FOUND
 * when none has; of a video or Parquet file all its frames or rows); `n` random rows, by a seed, of those that meet a
 * condition (NULL: of all), fewer where there are fewer. *out is the caller's. */
picask_status picask_rows_by_id(picask_table *table, const int64_t *ids, size_t n, picask_results **out,
                                picask_error *err);
picask_status picask_rows_by_uri(picask_table *table, const char *uri, picask_results **out, picask_error *err);
picask_status picask_rows_sample(picask_table *table, size_t n, uint64_t seed, const char *condition,
                                 picask_results **out, picask_error *err);

/* The encoded picture of a row: the `image` column, else the file its uri names. *bytes is the caller's:
 * picask_free. NOT_FOUND says what is missing. */
picask_status picask_row_picture(picask_table *table, const picask_row *row, void **bytes, size_t *n,
                                 picask_error *err);
void picask_free(void *p);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
