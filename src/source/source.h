/* source.h - where pictures and captions come from: a picture, a folder, a CSV, TSV or JSONL of captions. Two entries: all
 * items of a source one after the other, or one item by its uri. Nothing is decoded here. */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include "base/file.h"

typedef enum source_type { SOURCE_UTF8 = 0, SOURCE_INT64, SOURCE_DOUBLE, SOURCE_BOOL } source_type;

/* A column of a caption file that is neither picture nor caption; its values are kept in the table. */
typedef struct source_column {
    const char *name;
    source_type type;
} source_column;

typedef struct source_value {
    bool null;
    int64_t i;       /* SOURCE_INT64, SOURCE_BOOL */
    double d;        /* SOURCE_DOUBLE */
    const char *s;   /* SOURCE_UTF8, borrowed from the item */
    size_t n;
} source_value;

/* One picture to be. Owned by the caller: source_item_free. */
typedef struct source_item {
    char *path;          /* as the file system takes it, absolute */
    char *uri;           /* what the table keeps: the path, or file:///... percent-encoded when it is not UTF-8 */
    char *caption;       /* NULL: none; several captions of one picture are joined by newlines */
    source_value *values; /* [number of source_columns] */
    char *storage;       /* what the values point into */
    uint64_t size;       /* bytes, from stat; 0 when the file is not there */
    int64_t modified_us; /* UTC */
    char *problem;       /* not NULL: cannot be read (missing, not a file, no permission): one clause without the path */
} source_item;
void source_item_free(source_item *item);

typedef struct source_options {
    size_t struct_size;
    const char *text_column, *image_column; /* NULL: by the header's names */
    const char *const *exclude;             /* [n_exclude] globs on the path below the source's folder */
    size_t n_exclude;
    bool hidden;                            /* walk names that begin with a dot too */
    const volatile int *cancel;
} source_options;

typedef struct source source;

/* spec: a picture, a folder (recursive, sorted, pictures by file name ending), a .csv .tsv .jsonl (columns by header: image path
 * uri file file_name, and text caption label; without a header path, caption; relative paths start at the file's folder).
 * NOT_FOUND when it is not there. Symbolic link loops end. */
lancelet_status source_open(const char *spec, const source_options *options, source **out, lancelet_error *err) MUST_CHECK;
void source_close(source *s);
const char *source_root(const source *s);  /* absolute path of the folder or file: remembered in the table; borrowed */
size_t source_columns(const source *s, const source_column **columns);
/* Items known so far that source_next will still give; for progress. */
uint64_t source_remaining(const source *s);
/* *done at the end. A caption file that names a picture several times gives one item. */
lancelet_status source_next(source *s, source_item *out, bool *done, lancelet_error *err) MUST_CHECK;

/* The bytes of a picture by its uri (path or file:///): *bytes is the caller's. */
lancelet_status source_read(const char *uri, uint64_t limit, uint8_t **bytes, size_t *n, lancelet_error *err) MUST_CHECK;
/* uri <-> path; owned strings */
char *source_uri_from_path(const char *path);
char *source_encoded_uri(const char *path);  /* file:///... whatever the path's bytes */
char *source_path_from_uri(const char *uri); /* NULL errno-free when it is no file uri or path */

#endif
