/* internal.h - what the files of source/ share: captions parsed from memory, exclusion, reasons, uris. */
#ifndef SOURCE_INTERNAL_H
#define SOURCE_INTERNAL_H

#include "base/hash.h"
#include "source/source.h"

/* ---- source.c: a source is a sequence of readers ---- */

/* Gives items one after the other. Made by the open functions below; everything is its own. */
typedef struct source_reader source_reader;
typedef struct source_reader_functions {
    lancelet_status (*next)(source_reader *r, source_item *out, bool *done, lancelet_error *err); /* as source_next */
    uint64_t (*remaining)(const source_reader *r);
    void (*close)(source_reader *r);
} source_reader_functions;
struct source_reader { /* first member of each reader's own struct */
    const source_reader_functions *functions;
};

/* ---- files.c: walking ---- */

typedef enum source_entry_kind { SOURCE_ENTRY_PICTURE = 0, SOURCE_ENTRY_VIDEO, SOURCE_ENTRY_PARQUET } source_entry_kind;
/* By the name's ending; a name of none of them counts as a picture's. */
source_entry_kind source_entry_kind_of(const char *name);

/* A file found by walking a folder, or given alone. Strings lie in the arena; a million entries are to fit, so the files of a
 * folder share its path. */
typedef struct source_entry {
    const char *folder;  /* absolute, without a slash at its end but for "/" */
    const char *name;    /* in it */
    const char *problem; /* NULL: none */
    uint64_t size;
    int64_t modified_us;
    uint32_t captioned; /* place among the folders' captioned pictures, or SOURCE_UNCAPTIONED */
    uint8_t problem_status; /* lancelet_status */
    uint8_t kind;           /* source_entry_kind */
    bool caption_file;      /* a file of this name but .txt lies beside it: its text is the caption where there is none */
} source_entry;
#define SOURCE_UNCAPTIONED UINT32_MAX

typedef struct source_captions source_captions;
typedef struct source_folder_captions source_folder_captions;
typedef struct source_entries {
    source_entry *entry; /* [n] */
    size_t n, capacity;
    source_folder_captions *captions; /* of the folders' metadata files; NULL: there is none */
    base_arena arena;
} source_entries;

/* A single file by its absolute path. problem: NULL or why it cannot be read, with status. */
lancelet_status source_entries_add(source_entries *e, const char *path, const base_stat *stat, const char *problem,
                                   lancelet_error *err) MUST_CHECK;
/* Appends the pictures, videos and Parquet files below `folder` (absolute), with the captions of its metadata files. */
lancelet_status source_walk(const char *folder, const source_options *options, source_entries *e,
                            lancelet_error *err) MUST_CHECK;
void source_entries_free(source_entries *e);
/* Absolute path of an entry; the caller's; NULL when memory is out. */
char *source_entry_path(const source_entry *entry);
/* Path, uri, size, time, problem, caption and values of entry i. */
lancelet_status source_entries_fill(const source_entries *e, size_t i, const source_options *options, source_item *item,
                                    lancelet_error *err) MUST_CHECK;
/* What stands in the items' values. */
size_t source_entries_columns(const source_entries *e, const source_column **columns);

/* Is a name passed over wherever it stands in a folder: thumbnails, dustbins, code? */
bool source_name_skipped(const char *name, bool hidden);
/* Is `path`, relative to the source's folder, or a folder that it lies in, excluded? */
bool source_excluded(const source_options *options, const char *path);
bool source_cancelled(const source_options *options);
/* stat with the reason why the path is no readable file in *problem (static text, or `reason` filled), NULL when it
 * is one. Only MEMORY is an error. */
lancelet_status source_stat(const char *path, base_stat *stat, const char **problem, lancelet_error *reason) MUST_CHECK;

/* ---- folder_captions.c ---- */

#define SOURCE_NO_METADATA UINT32_MAX
/* Reads a folder's metadata file `name`; *metadata is its number, or stays where it cannot be used (a note says why). */
lancelet_status source_metadata_read(source_entries *e, const char *folder, const char *name, const source_options *options,
                                     uint32_t *metadata, lancelet_error *err) MUST_CHECK;
/* Place of a picture that the metadata file names, or SOURCE_UNCAPTIONED. */
lancelet_status source_metadata_find(source_entries *e, uint32_t metadata, const char *folder, const char *name, uint32_t *captioned,
                                     lancelet_error *err) MUST_CHECK;
/* After the walk: the types of the columns, and an entry of each line whose picture was not met. */
lancelet_status source_metadata_finish(source_entries *e, const char *root, const source_options *options,
                                       lancelet_error *err) MUST_CHECK;
size_t source_metadata_columns(const source_folder_captions *f, const source_column **columns);
lancelet_status source_metadata_fill(const source_folder_captions *f, uint32_t captioned, source_item *item,
                                     lancelet_error *err) MUST_CHECK;
void source_metadata_free(source_folder_captions *f);
/* The text of the .txt beside a picture as its caption; where it cannot be one a note says why. */
lancelet_status source_caption_beside(const char *path, const source_options *options, source_item *item,
                                      lancelet_error *err) MUST_CHECK;

/* ---- captions.c ---- */

typedef enum source_format { SOURCE_CSV, SOURCE_TSV, SOURCE_JSONL } source_format;

/* A field of a caption file; s NULL = null. */
typedef struct source_cell {
    const char *s; /* [n] */
    size_t n;
} source_cell;

enum { /* what the values of a column look like, as bits */
    SOURCE_SEEN_INT = 1,
    SOURCE_SEEN_DOUBLE = 2,
    SOURCE_SEEN_BOOL = 4,
    SOURCE_SEEN_TEXT = 8,
};

typedef struct source_caption {
    const char *text; /* [n] */
    size_t n;
    struct source_caption *next;
} source_caption;

/* A picture that a caption file names. */
typedef struct source_captioned {
    const char *path;      /* absolute; for a line without a picture the caption file's, a colon and the line */
    const char *problem;
    source_caption *first, *last;
    source_cell *cell;     /* [n_cells], later columns are null */
    size_t n_cells;
} source_captioned;

struct source_captions {
    base_arena arena;
    source_captioned *picture; /* [n] in the order of their first lines */
    size_t n, capacity;
    source_column *column;     /* [n_columns]; the type is set at the end */
    unsigned *seen;            /* [n_columns] SOURCE_SEEN_ bits */
    size_t n_columns, column_capacity;
    base_map64 *by_path;       /* absolute path -> index into picture */
    base_map64 *by_column;     /* name -> index into column (JSONL) */
    const char *file;          /* absolute path of the caption file; borrowed */
    char *folder;              /* where relative paths start */
    const source_options *options;
};

/* Parses text[n]. `file` names it (relative paths start at its folder); nothing is opened. *out is the caller's:
 * source_captions_free. */
lancelet_status source_captions_parse(const char *text, size_t n, source_format format, const char *file,
                                      const source_options *options, source_captions **out,
                                      lancelet_error *err) MUST_CHECK;
void source_captions_free(source_captions *c);
/* Caption and values of picture i into an item. */
lancelet_status source_captions_fill(const source_captions *c, size_t i, source_item *item,
                                     lancelet_error *err) MUST_CHECK;

/* Arrow's format of a column whose values look so. */
const char *source_column_format(unsigned seen);

/* For the readers of the formats: a column by name (made when new; the limit is LIMIT), one line's picture (s NULL:
 * none), caption and extra columns cell [n_cells]. */
lancelet_status source_captions_column(source_captions *c, const char *name, size_t n, size_t *index,
                                       lancelet_error *err) MUST_CHECK;
lancelet_status source_captions_add(source_captions *c, size_t line, source_cell picture, source_cell caption,
                                    const source_cell *cell, size_t n_cells, lancelet_error *err) MUST_CHECK;
/* Rank of a header name among those for pictures or captions (0 = first choice), -1 when it is none. `wanted` (NULL:
 * none) is the name the user gave and then the only one that counts. */
int source_name_rank(const char *name, size_t n, bool caption, const char *wanted);
#define SOURCE_LABEL_RANK 2 /* of "label", the last choice for a caption */
/* Is it one of several columns of captions (caption_0, caption1, text_2)? Where none is named text or caption, those together
 * are the caption, joined by newlines. */
bool source_name_numbered(const char *name, size_t n);

/* csv_captions.c, jsonl.c */
lancelet_status source_parse_csv(source_captions *c, const char *text, size_t n, char separator,
                                 lancelet_error *err) MUST_CHECK;
lancelet_status source_parse_jsonl(source_captions *c, const char *text, size_t n, lancelet_error *err) MUST_CHECK;

/* Path, uri, size, time and problem (NULL: none) of an item {0}. */
lancelet_status source_item_fill(const char *path, const base_stat *stat, const char *problem, source_item *item,
                                 lancelet_error *err) MUST_CHECK;

/* ---- columns.c: the further columns of all files of a source are one set ---- */

typedef struct source_column_set {
    source_column *column; /* [n] each name once, with the type of the file that came first */
    size_t n, capacity;
    base_arena arena;
} source_column_set;
#define SOURCE_NO_COLUMN SIZE_MAX
/* *place: where it stands in the set, SOURCE_NO_COLUMN where it stands there with another type. */
lancelet_status source_column_set_add(source_column_set *s, const char *name, const char *format, size_t *place,
                                      lancelet_error *err) MUST_CHECK;
size_t source_column_set_find(const source_column_set *s, const char *name, const char *format);
void source_column_set_free(source_column_set *s);
/* The item's values [n] become values [set->n], value i at place[i]. */
lancelet_status source_values_spread(source_item *item, const size_t *place, size_t n, const source_column_set *set,
                                     lancelet_error *err) MUST_CHECK;

/* ---- parquet_items.c: `options`, `set` must stay while a reader is open ---- */

/* Adds the further columns of a Parquet file to the set, with notes on what is left out. INVALID: it has no picture. */
lancelet_status source_parquet_columns(const char *path, const source_options *options, source_column_set *set, uint64_t *rows,
                                       lancelet_error *err) MUST_CHECK;
/* Its rows as items; uri: the file's own. */
lancelet_status source_parquet_open(const char *path, const base_stat *stat, const source_options *options,
                                    const source_column_set *set, source_reader **out, lancelet_error *err) MUST_CHECK;
/* The picture of one row; *bytes is the caller's. */
lancelet_status source_parquet_read(const char *path, uint64_t row, uint64_t limit, uint8_t **bytes, size_t *n,
                                    lancelet_error *err) MUST_CHECK;

/* ---- entry_items.c: what was walked, what a caption file names ---- */

/* Takes *e over, also on failure. strict: a container that cannot be opened is an error, and not an item with a problem. */
lancelet_status source_entries_open(source_entries *e, const source_options *options, source_column_set *set, bool strict,
                                    source_reader **out, lancelet_error *err) MUST_CHECK;
lancelet_status source_captions_open(const char *path, source_format format, const source_options *options,
                                     source_column_set *set, source_reader **out, lancelet_error *err) MUST_CHECK;

/* ---- hub_items.c ---- */

/* The files of a data set that are read, all of them in the hub's cache. */
typedef struct source_hub {
    char *root;   /* hf://datasets/ORG/NAME[@REV][/GLOB] */
    char *uri;    /* hf://datasets/ORG/NAME@REV, in front of a file's name */
    char *folder; /* of the snapshot, absolute */
    char **name;  /* [n] below the folder, in the order in which they are read */
    size_t n;
} source_hub;
lancelet_status source_hub_fetch(const char *spec, const source_options *options, source_hub *out, lancelet_error *err) MUST_CHECK;
void source_hub_free(source_hub *h);
/* By the ending of a caption file's name: *format; false: it is none. */
bool source_format_of(const char *name, source_format *format);

/* ---- video_items.c ---- */

/* The frames of a video; `options` must stay while it is open. `path` absolute. CORRUPT, UNSUPPORTED. */
lancelet_status source_video_open(const char *path, const base_stat *stat, const source_options *options, source_reader **out,
                                  lancelet_error *err) MUST_CHECK;
/* The frame shown at a time as the bytes of a PPM file; *bytes is the caller's. */
lancelet_status source_video_read(const char *path, int64_t time_us, uint64_t limit, uint8_t **bytes, size_t *n,
                                  lancelet_error *err) MUST_CHECK;

/* ---- uri.c ---- */

/* INVALID when it is neither a path nor a file uri. */
lancelet_status source_uri_path(const char *uri, char **path, lancelet_error *err) MUST_CHECK;
/* Length of the scheme in front of "://", 0 when there is none. */
size_t source_scheme(const char *s);

#endif
