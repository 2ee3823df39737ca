/* source.h - where pictures and captions come from: a picture, a folder, a CSV, TSV or JSONL of captions, a Parquet file, a
 * data set of the hub, a video. Two entries: all items of a source one after the other, or one item by its uri. Pictures are
 * not decoded here; a video's frame comes as the bytes of a PPM file.
 *
 * A file that holds many pictures (Parquet, video) is a container: the uris of its items are its own uri, '#' and a
 * fragment, row=N (from 0) or t=SECONDS with three decimals. */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include "base/file.h"

/* Which member of a value holds it. */
typedef enum source_kind {
    SOURCE_BYTES = 0, /* s[n]: "u" utf8, "z" binary, "w:N" fixed-size binary, "d:P,S" decimals */
    SOURCE_INTEGER,   /* i: integers of any width, "b" bool, dates, times, timestamps */
    SOURCE_FLOATING   /* d: "e" "f" "g" */
} source_kind;

/* A column of a caption or Parquet file that is neither picture nor caption; its values are kept in the table. */
typedef struct source_column {
    const char *name;
    const char *format; /* Arrow's: "u" "z" "b" "c" "C" "s" "S" "i" "I" "l" "L" "e" "f" "g" "tdD" "tsu:" ... */
} source_column;
source_kind source_kind_of(const char *format);

typedef struct source_value {
    bool null;
    int64_t i; /* "L": as its bits */
    double d;
    const char *s; /* [n] borrowed from the item */
    size_t n;
} source_value;

/* One picture to be. Owned by the caller: source_item_free. */
typedef struct source_item {
    char *path;          /* as the file system takes it, absolute; the container's of a part */
    char *uri;           /* what the table keeps: the path, or file:///... percent-encoded when it is not UTF-8; of a part of a
                            container with the fragment; hf://datasets/ORG/NAME@REV/FILE of a file of the hub */
    uint8_t *bytes;      /* [n_bytes] the encoded picture, where it came with the item; NULL: source_read gives it */
    size_t n_bytes;
    bool no_file;        /* no file of its own is the picture: the table keeps a copy unless told otherwise */
    bool is_frame;       /* made from a video: `bytes` are pixels, never kept as they are */
    char *caption;       /* NULL: none; several captions of one picture are joined by newlines */
    source_value *values; /* [number of source_columns] */
    char *storage;       /* what the values point into */
    uint64_t size;       /* bytes of the encoded picture; of a frame those of the video; 0 when the file is not there */
    int64_t modified_us; /* of the file or container, UTC */
    char *problem;       /* not NULL: cannot be read (missing, not a file, no permission): one clause without the path */
    lancelet_status problem_status; /* of `problem`: IO, or UNSUPPORTED, CORRUPT, LIMIT; OK counts as IO */
} source_item;
void source_item_free(source_item *item);

typedef struct source_options {
    size_t struct_size;
    const char *text_column, *image_column; /* NULL: by the header's names */
    const char *const *exclude;             /* [n_exclude] globs on the path below the source's folder */
    size_t n_exclude;
    bool hidden;                            /* walk names that begin with a dot too */
    const volatile int *cancel;
    int64_t every_us;                       /* a frame of a video at every so many microseconds; 0: where the scene changes */
    /* Is this video in the table as it is? Then none of its frames is given. NULL: no. */
    bool (*has_video)(void *arg, const char *uri, uint64_t size, int64_t modified_us);
    /* Sentences about what is passed over; level 0: for everybody, 1: only with -v. NULL: nobody listens. */
    void (*note)(void *arg, int level, const char *sentence);
    /* Bytes fetched from the hub, about 10 times a second. NULL: nobody listens. */
    void (*fetched)(void *arg, uint64_t done, uint64_t total);
    void *arg; /* of these functions */
    bool offline; /* fetch nothing: what is not in the hub's cache is NOT_FOUND */
    bool no_copies; /* the table keeps no pictures: a note says where source_read will not find them by their uris */
} source_options;

typedef struct source source;

/* spec: a picture, a folder (recursive, sorted; pictures, videos and Parquet files by file name ending; captions from a
 * metadata.csv or .jsonl in the folder or from x.txt beside x.jpg), a .csv .tsv .jsonl (columns by header: image path uri file
 * file_name, and text caption label; without a header path, caption; relative paths start at the file's folder), a .parquet, a
 * video, or hf://datasets/ORG/NAME[@REV][/GLOB]. NOT_FOUND when it is not there. Symbolic link loops end. */
lancelet_status source_open(const char *spec, const source_options *options, source **out, lancelet_error *err) MUST_CHECK;
void source_close(source *s);
const char *source_root(const source *s);  /* absolute path of the folder or file, or the hf:// address: remembered in the table; borrowed */
size_t source_columns(const source *s, const source_column **columns);
/* Items known so far that source_next will still give; for progress. */
uint64_t source_remaining(const source *s);
/* *done at the end. A caption file that names a picture several times gives one item. */
lancelet_status source_next(source *s, source_item *out, bool *done, lancelet_error *err) MUST_CHECK;

/* The bytes of a picture by its uri (path, file:///, one of these with a fragment, hf://): *bytes is the caller's. Nothing is
 * fetched from the hub: NOT_FOUND names the command that does. From any thread. */
lancelet_status source_read(const char *uri, uint64_t limit, uint8_t **bytes, size_t *n, lancelet_error *err) MUST_CHECK;
/* uri <-> path; owned strings */
char *source_uri_from_path(const char *path);
char *source_encoded_uri(const char *path);  /* file:///... whatever the path's bytes */
char *source_path_from_uri(const char *uri); /* NULL errno-free when it is no file uri or path, or a part of a container */
/* *fragment: where the fragment of a part of a container begins in uri ("row=5", "t=83.200"), NULL: it is no part of one.
 * A path that has a '#' in it is a part only behind the ending of a container. *length: of what stands before the '#'. */
bool source_uri_split(const char *uri, size_t *length, const char **fragment);
/* Is it the uri or path of a file of many pictures (Parquet, video)? By its name's ending. */
bool source_is_container(const char *uri);
/* The file on this machine that holds the picture of a uri: the picture's own, the container's, or that in the hub's cache;
 * an owned path, which need not exist, or OK and NULL. */
lancelet_status source_uri_file(const char *uri, char **path, lancelet_error *err) MUST_CHECK;

/* ---- folders that change ---- */

/* Waits for changes below the sources (inotify on Linux; elsewhere, and where there are too many folders, it looks every few
 * seconds). Sources that are no folders or files of this machine are left out. */
typedef struct source_watch source_watch;
lancelet_status source_watch_open(const char *const *paths, size_t n, const source_options *options, source_watch **out,
                                  lancelet_error *err) MUST_CHECK;
/* Waits at most wait_ms for something to change and then until nothing has changed for a second (5 at most); *changed. */
lancelet_status source_watch_wait(source_watch *w, int wait_ms, bool *changed, lancelet_error *err) MUST_CHECK;
void source_watch_close(source_watch *w);

#endif
