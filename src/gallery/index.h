/* index.h - the parts of an index run: changes of rows on their way into a commit, what the table holds already, the
 * remembered sources, the work on one picture, and the pipeline that spreads that work over threads. */
#ifndef GALLERY_INDEX_H
#define GALLERY_INDEX_H

#include <stdatomic.h>

#include "gallery/gallery.h"
#include "source/source.h"

/* ---- index_batch.c: changed rows to record batches and commits ---- */

/* Where a further column of a source goes. */
typedef struct index_column {
    int64_t column; /* of the table; -1: not kept */
    source_kind kind; /* of the source's values */
    bool uint64;      /* they are "L": as bits */
} index_column;

/* One row to add, or to put in the place of another. Everything pointed to is owned. */
typedef struct row_change {
    bool replaces;         /* the row at old_address goes; what is not given here is taken from it */
    bool vector_elsewhere; /* the vector is that of the row at vector_address */
    bool has_facts;        /* width ... camera and sha256 below hold */
    bool has_file;         /* size and modified hold */
    uint64_t old_address;
    uint64_t vector_address;
    int64_t id;
    float *vector;    /* [dim], or NULL */
    char *uri, *text; /* NULL: none, or that of the old row */
    uint8_t *image;   /* [n_image] encoded picture to keep in the table, or NULL */
    size_t n_image;
    char sha256[65];
    image_facts facts;
    int64_t size, modified_us; /* INT64_MIN: unknown */
    source_value *values;      /* [n_values] further columns of the source, or NULL */
    size_t n_values;
    char *storage;               /* what values point into */
    const index_column *columns; /* [n_values] borrowed: where each value goes */
    size_t known;                /* index of the row in the known rows, or KNOWN_NONE */
} row_change;

typedef struct row_changes {
    row_change *row; /* [n] */
    size_t n, capacity;
    uint64_t bytes; /* held by the rows, about */
} row_changes;

/* Moves *row in; frees it on failure. */
bool row_changes_add(row_changes *c, row_change *row) MUST_CHECK;
void row_change_free(row_change *row);
void row_changes_clear(row_changes *c);
void row_changes_free(row_changes *c);

typedef struct row_commit {
    bool overwrite; /* the new version holds these rows alone, in the handle's schema */
    bool no_sync;
    const lancelet_key_value *config; /* [n_config] */
    size_t n_config;
} row_commit;
/* Writes the changes as one commit on t's version (or as a new table when t has none) and puts the new version into t.
 * Never rebases: CONFLICT when another writer was first, and then nothing has changed. The changes stay. */
lancelet_status row_changes_commit(picask_table *t, const row_changes *c, const row_commit *how,
                                   lancelet_error *err) MUST_CHECK;
/* After CONFLICT: reads the newest version and makes the changes fit it. Ids of new rows are moved up by *shift,
 * shared vectors are read first, rows to be replaced are looked up again, and changes whose old row is gone are
 * dropped. `first_new` is the next id when the changes began. */
lancelet_status row_changes_rebase(picask_table *t, row_changes *c, int64_t first_new, int64_t *shift,
                                   lancelet_error *err) MUST_CHECK;

/* ---- index_known.c: rows that the table holds ---- */

#define KNOWN_NONE ((size_t)UINT32_MAX)

/* 96 bytes; there is one for each row of the table. */
typedef struct known_row {
    uint64_t address; /* in the handle's version; GALLERY_NONE: committed by this run, not looked up yet */
    int64_t id;
    const char *uri;                   /* in the arena; NULL: none */
    uint64_t text_hash;                /* of the caption, 0 without one */
    int64_t size, modified_us;         /* -1 and INT64_MIN where null */
    uint32_t next_same, previous_same; /* rows of the same content; KNOWN_NONE at the ends */
    uint32_t change;                   /* index into the changes not committed yet, or KNOWN_NONE */
    uint8_t sha[32];
    bool has_sha;       /* read by workers: not among the bits */
    bool in_flight : 1; /* its picture is in the pipeline */
    bool seen : 1;      /* its file was met in this run, or was found to be there */
    bool gone : 1;      /* its file was looked for and is not there */
    bool all_seen : 1;  /* on the first row of a content: so were those of all its rows */
    bool pruned : 1;    /* it goes at the end of the run */
} known_row;

typedef struct known_rows known_rows;

lancelet_status known_rows_create(known_rows **out, lancelet_error *err) MUST_CHECK;
void known_rows_destroy(known_rows *k);
/* Reads all rows of t. */
lancelet_status known_rows_load(known_rows *k, const picask_table *t, const volatile int *cancel,
                                lancelet_error *err) MUST_CHECK;
known_row *known_rows_at(known_rows *k, size_t i);
size_t known_rows_count(const known_rows *k);
size_t known_rows_by_uri(const known_rows *k, const char *uri);        /* index or KNOWN_NONE */
size_t known_rows_by_uri_bytes(const known_rows *k, const char *uri, size_t n);
size_t known_rows_by_content(const known_rows *k, const char *sha256); /* first of its chain, or KNOWN_NONE */
/* The same question from a worker thread. */
bool known_rows_has_content(known_rows *k, const char *sha256);
/* A row without content yet, found by its uri. */
lancelet_status known_rows_add(known_rows *k, const char *uri, size_t *index, lancelet_error *err) MUST_CHECK;
/* The row's uri becomes another one; uri NULL: it is not found by uri any more. */
lancelet_status known_rows_set_uri(known_rows *k, size_t i, const char *uri, lancelet_error *err) MUST_CHECK;
lancelet_status known_rows_set_content(known_rows *k, size_t i, const char *sha256,
                                       lancelet_error *err) MUST_CHECK;
/* Marks as seen the frames of a video, by its uri, that were there when this was asked first and were made of a file of that
 * size and time; *n counts them. */
lancelet_status known_rows_see_video(known_rows *k, const char *uri, uint64_t size, int64_t modified_us, uint64_t *n,
                                     lancelet_error *err) MUST_CHECK;
uint64_t known_text_hash(const char *text, size_t n);
/* After a commit: addresses of the rows of these changes are not known any more, and none waits for a commit. */
void known_rows_committed(known_rows *k, const row_changes *c);
/* Another writer was first: row addresses may all have moved and are looked up again when needed, and changes may have been
 * dropped, so that no row waits for one until the caller says so. */
void known_rows_moved(known_rows *k);
/* Looks up the addresses that are not known; rows that are no longer in the table keep GALLERY_NONE. */
lancelet_status known_rows_resolve(known_rows *k, const picask_table *t, lancelet_error *err) MUST_CHECK;

/* ---- index_sources.c: the sources that a table remembers ---- */

/* A video of which not all frames are in the table: it is decoded again although rows of it are there. */
typedef struct index_video {
    char *uri;
    uint64_t place;   /* of its first frame met in this run; UINT64_MAX: an earlier run's, not met yet */
    uint64_t pending; /* its frames in the pipeline */
    bool read;        /* all its frames were met */
} index_video;

typedef struct index_link index_link;

typedef struct index_source {
    char *uri;                        /* of the folder or file, or hf://... */
    char *text_column, *image_column; /* NULL: by the header */
    char **exclude;                   /* [n_exclude] */
    size_t n_exclude;
    bool hidden, decode_fast;
    picask_store_images store;
    int store_pixels;
    int64_t every_us;
    bool videos_again;     /* every_us changed and no run since has come to its end */
    index_video *video;    /* [n_videos] unfinished */
    size_t n_videos;
    index_link *link;      /* owned: what the source's callbacks are handed */
    source_item first;     /* met before the run began, when has_first */
    bool has_first;
    bool remembered;       /* stood in the table before this run */
    bool unfinished;       /* no run has come to its end yet */
    uint64_t met;          /* items met in the runs so far, while unfinished */
    source *open;          /* while the run reads it */
    index_column *columns; /* [source_columns] */
    uint64_t first_place;  /* a skipped item from this place on uses up an id; UINT64_MAX: none does */
} index_source;

typedef struct index_sources {
    index_source *source; /* [n] */
    size_t n, capacity;
} index_sources;

/* From the value of GALLERY_KEY_SOURCES (NULL: none). CORRUPT when it is not what this file writes. */
lancelet_status index_sources_parse(const char *json, index_sources *out, lancelet_error *err) MUST_CHECK;
lancelet_status index_sources_format(const index_sources *s, char **json, lancelet_error *err) MUST_CHECK;
/* A source of this run with the run's options; it takes the place of one with the same uri. *at is its index. */
lancelet_status index_sources_put(index_sources *s, const char *uri, const picask_index_options *options,
                                  size_t *at, lancelet_error *err) MUST_CHECK;
void index_sources_free(index_sources *s);
/* A frame of a video goes into the pipeline; `uri` [n] is the video's. */
lancelet_status index_source_frame(index_source *s, const char *uri, size_t n, uint64_t place,
                                   lancelet_error *err) MUST_CHECK;
/* The source has gone on to something else, or to its end. */
void index_source_no_frame(index_source *s);
/* The frame at a place has come out of the pipeline. */
void index_source_frame_done(index_source *s, uint64_t place);
bool index_source_unfinished(const index_source *s, const char *video);
void index_source_finished(index_source *s);

/* ---- index_work.c: what a worker does with pictures ---- */

typedef enum index_task {
    TASK_NONE = 0, /* nothing: only its place in the order counts */
    TASK_CAPTION,  /* the caption is new; the file is not read */
    TASK_READ      /* read, hash, and embed what is not known */
} index_task;

typedef struct index_job {
    index_task task;
    source_item item;     /* owned */
    index_source *source; /* borrowed */
    uint64_t place;       /* of the item in its source, from 0 */
    size_t known;         /* row in the known rows, or KNOWN_NONE */
    bool existing;        /* `known` was in the table before (not a place kept for this item) */
    char old_sha256[65];  /* content of the existing row, "" when unknown */
    /* results */
    lancelet_error problem; /* status OK: none */
    bool from_file;         /* set by index_work.read where it reads from elsewhere too */
    char sha256[65];
    bool has_facts;
    image_facts facts;
    float *vector;  /* [dim] owned; NULL when the content was known */
    uint8_t *image; /* owned; NULL when none is kept */
    size_t n_image;
} index_job;
void index_job_free(index_job *job);

#define INDEX_BATCH_MOST 32 /* jobs in one call of index_work_run */

typedef struct index_work {
    const model *model;
    bool dry_run; /* no pixels, no vectors */
    const atomic_bool *stop; /* set: what is not begun is CANCELLED; NULL: never. A pipeline sets its own */
    void *arg; /* of the two functions, which are called from any thread */
    /* The encoded picture of a job; *bytes is the caller's. */
    lancelet_status (*read)(void *arg, index_job *job, uint8_t **bytes, size_t *n, lancelet_error *err);
    /* Is there a vector of this content already? Then none is computed. */
    bool (*has_vector)(void *arg, const char *sha256);
    const volatile int *cancel; /* the caller's flag: ends a decoding that is under way elsewhere; NULL: there is none */
} index_work;
/* Does the jobs [n] together: what fails with one is that one's problem. *context is made at first need and belongs to the
 * thread. `embed_known`: embed although there is a vector of the content. */
void index_work_run(const index_work *work, model_context **context, index_job *const *jobs, size_t n,
                    bool embed_known);

/* ---- pipeline.c: jobs through worker threads, out in the order they came in ---- */

typedef struct pipeline pipeline;
lancelet_status pipeline_create(const index_work *work, int threads, pipeline **out,
                                lancelet_error *err) MUST_CHECK;
/* Are all slots taken, or so many bytes in the jobs' hands that the next one has to wait? */
bool pipeline_full(pipeline *p);
bool pipeline_empty(const pipeline *p);
/* Moves *job in; the pipeline must not be full. Threads are started when there is work for them. On failure the job
 * stays the caller's. */
lancelet_status pipeline_submit(pipeline *p, index_job *job, lancelet_error *err) MUST_CHECK;
/* Waits at most wait_ms for the oldest job and moves it out; false when it is not done (or there is none). */
bool pipeline_take(pipeline *p, int wait_ms, index_job *job);
/* Ends the threads after the pictures each is at; jobs not done are freed. */
void pipeline_destroy(pipeline *p);

/* ---- index.c, index_items.c: the run ---- */

typedef struct index_run {
    picask_index_options o;
    picask_table *t;
    bool overwrite;      /* the next commit begins a new version that holds just this run's rows */
    bool remember;       /* sources are kept in the table */
    known_rows *known;   /* NULL: nothing is looked up */
    row_changes changes; /* not committed yet */
    index_sources sources;
    index_work work;
    pipeline *pipe;
    model_context *context; /* of the calling thread, for the rare picture that it embeds itself */
    float norm;             /* length of the table's vectors; 1 but in a table of raw vectors */
    bool commit_failed;
    base_map64 *containers; /* with `prune`: uris of what was met, CONTAINER_READ or _BROKEN */
    char *container;        /* the last one put there */
    int64_t next_id;
    int64_t first_new_id;                                 /* next_id at the last commit */
    picask_index_report *report;                          /* counts of all that was met */
    picask_index_report committed;                        /* the report at the last commit */
    uint64_t done;                                        /* items that are through */
    int64_t started_us, last_commit_us, last_progress_us; /* monotonic */
} index_run;

/* Commits what is pending; nothing happens when there is nothing to say. */
lancelet_status index_run_commit(index_run *run, lancelet_error *err) MUST_CHECK;
/* compact.c: puts many small fragments together; that this fails is told, and no failure of the run. */
lancelet_status index_run_compact(index_run *run, lancelet_error *err) MUST_CHECK;
/* All items of one source, in order. The last ones may still be in the pipeline afterwards. */
lancelet_status index_run_source(index_run *run, index_source *from, lancelet_error *err) MUST_CHECK;
/* index_prune.c: after a run that came to its end, the rows whose pictures are gone go, in a commit of their own. */
lancelet_status index_run_prune(index_run *run, lancelet_error *err) MUST_CHECK;
/* An item was met: what its container gives in this run is all that it has. */
lancelet_status index_run_met(index_run *run, const source_item *item, lancelet_error *err) MUST_CHECK;
/* A video was met that is in the table as it is. */
lancelet_status index_run_met_container(index_run *run, const char *uri, size_t n, bool broken, lancelet_error *err) MUST_CHECK;
/* *path (owned): the file on this machine that a row's uri means, or that of its container; NULL: none. */
lancelet_status index_row_file(const char *uri, char **path, lancelet_error *err) MUST_CHECK;
/* Waits for all that is in the pipeline. */
lancelet_status index_run_drain(index_run *run, lancelet_error *err) MUST_CHECK;

#endif
