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

/* ---- files.c ---- */

typedef enum source_entry_kind { SOURCE_ENTRY_PICTURE = 0, SOURCE_ENTRY_VIDEO, SOURCE_ENTRY_PARQUET } source_entry_kind;
/* By the name's ending; a name of none of them counts as a picture's. */
source_entry_kind source_entry_kind_of(const char *name);

/* A picture found by walking a folder, or given alone. Strings lie in the source's arena. */
typedef struct source_entry {
    const char *path; /* absolute */
    const char *problem;
    lancelet_status problem_status;
    source_entry_kind kind;
    uint64_t size;
    int64_t modified_us;
} source_entry;

typedef struct source_entries {
    source_entry *entry; /* [n] */
    size_t n, capacity;
    base_arena arena;
} source_entries;

lancelet_status source_entries_add(source_entries *e, const char *path, const base_stat *stat, const char *problem,
                                   lancelet_error *err) MUST_CHECK;
/* Appends the pictures below `folder` (absolute). */
lancelet_status source_walk(const char *folder, const source_options *options, source_entries *e,
                            lancelet_error *err) MUST_CHECK;
void source_entries_free(source_entries *e);

/* Is `path`, relative to the source's folder, or a folder that it lies in, excluded? */
bool source_excluded(const source_options *options, const char *path);
bool source_cancelled(const source_options *options);
/* stat with the reason why the path is no readable file in *problem (static text, or `reason` filled), NULL when it
 * is one. Only MEMORY is an error. */
lancelet_status source_stat(const char *path, base_stat *stat, const char **problem, lancelet_error *reason) MUST_CHECK;

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

typedef struct source_captions {
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
} source_captions;

/* Parses text[n]. `file` names it (relative paths start at its folder); nothing is opened. *out is the caller's:
 * source_captions_free. */
lancelet_status source_captions_parse(const char *text, size_t n, source_format format, const char *file,
                                      const source_options *options, source_captions **out,
                                      lancelet_error *err) MUST_CHECK;
void source_captions_free(source_captions *c);
/* Caption and values of picture i into an item. */
lancelet_status source_captions_fill(const source_captions *c, size_t i, source_item *item,
                                     lancelet_error *err) MUST_CHECK;

/* For the readers of the formats: a column by name (made when new; the limit is LIMIT), one line's picture (s NULL:
 * none), caption and extra columns cell [n_cells]. */
lancelet_status source_captions_column(source_captions *c, const char *name, size_t n, size_t *index,
                                       lancelet_error *err) MUST_CHECK;
lancelet_status source_captions_add(source_captions *c, size_t line, source_cell picture, source_cell caption,
                                    const source_cell *cell, size_t n_cells, lancelet_error *err) MUST_CHECK;
/* Rank of a header name among those for pictures or captions (0 = first choice), -1 when it is none. `wanted` (NULL:
 * none) is the name the user gave and then the only one that counts. */
int source_name_rank(const char *name, size_t n, bool caption, const char *wanted);

/* csv_captions.c, jsonl.c */
lancelet_status source_parse_csv(source_captions *c, const char *text, size_t n, char separator,
                                 lancelet_error *err) MUST_CHECK;
lancelet_status source_parse_jsonl(source_captions *c, const char *text, size_t n, lancelet_error *err) MUST_CHECK;

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
