/* gallery_support.h - a scratch folder with small pictures, and index runs over it with the toy model. */
#ifndef TESTS_GALLERY_SUPPORT_H
#define TESTS_GALLERY_SUPPORT_H

#include "support.h"

#include <sys/stat.h>
#include <sys/time.h>

#include "base/file.h"
#include "embed/image/image.h"
#include "picask.h"

static char scratch[4096]; /* absolute; fresh for each test */
static picask_error error;

static inline int fresh_folder(void **state)
{
    (void)state;
    char *absolute = base_path_absolute(scratch_folder());
    snprintf(scratch, sizeof scratch, "%s", absolute);
    base_free(absolute);
    setenv("PICASK_MODELS", FIXTURES "/model", 1);
    return 0;
}

/* Path below the scratch folder; 64 can be used at once. */
static inline const char *at(const char *name)
{
    static char path[64][4400];
    static int next;
    char *p = path[next++ % 64];
    snprintf(p, sizeof path[0], "%s/%s", scratch, name);
    return p;
}

static inline void write_bytes(const char *name, const void *bytes, size_t n)
{
    char *parent = base_path_parent(at(name));
    assert_ok(base_dir_make(parent, &error), error);
    base_free(parent);
    assert_ok(base_file_replace(at(name), bytes, n, false, &error), error);
}

static inline void write_text(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

/* A PNG whose pixels follow from `seed`. */
static inline void write_picture(const char *name, unsigned seed)
{
    base_picture picture = {base_alloc(20 * 16 * 3), 20, 16};
    base_buffer png = {0};
    for (unsigned i = 0; i < 20 * 16 * 3; i++)
        picture.rgb[i] = (uint8_t)((seed * 2654435761u >> (i % 3 * 8)) + (seed * 37 + 11) * (i / 60) +
                                   (i % 60) * (seed % 5));
    assert_ok(image_write_png(&picture, &png, &error), error);
    write_bytes(name, png.data, png.size);
    base_picture_free(&picture);
    base_buffer_free(&png);
}

static inline void set_modified(const char *name, long seconds)
{
    struct timeval times[2] = {{seconds, 0}, {seconds, 0}};
    assert_int_equal(utimes(at(name), times), 0);
}

/* What the last run told. */
static picask_index_report report;
static char skipped_uri[4096], skipped_reason[1024], notes[8192];
static int n_skipped, n_notes;

static inline void on_skipped(void *arg, const char *uri, const char *reason)
{
    (void)arg;
    snprintf(skipped_uri, sizeof skipped_uri, "%s", uri);
    snprintf(skipped_reason, sizeof skipped_reason, "%s", reason);
    n_skipped++;
}

static inline void on_note(void *arg, int level, const char *sentence)
{
    (void)arg;
    size_t n = strlen(notes);
    snprintf(notes + n, sizeof notes - n, "%d:%s\n", level, sentence);
    n_notes++;
}

static inline picask_index_options toy_options(void)
{
    picask_index_options o = PICASK_INDEX_OPTIONS_INIT;
    o.model = "toy";
    o.threads = 2;
    o.no_sync = true;
    o.events.skipped = on_skipped;
    o.events.note = on_note;
    return o;
}

static inline picask_status run_index(const char *source, const picask_index_options *o)
{
    n_skipped = n_notes = 0;
    notes[0] = skipped_uri[0] = skipped_reason[0] = 0;
    return picask_index(at("db"), "pictures", source ? &source : NULL, source ? 1 : 0, o, &report, &error);
}

/* Indexes <scratch>/<name> into table `pictures`. */
static inline void index_ok(const char *name)
{
    picask_index_options o = toy_options();
    assert_ok(run_index(at(name), &o), error);
}

static inline picask_table *open_pictures(void)
{
    picask_table *t = NULL;
    assert_ok(picask_table_open(at("db"), "pictures", NULL, &t, &error), error);
    return t;
}

static inline uint64_t rows_of(const picask_table *t)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(t), &info);
    return info.rows;
}

/* The one row of a picture below the scratch folder; *r is the caller's. */
static inline const picask_row *row_of(picask_table *t, const char *name, picask_results **r)
{
    assert_ok(picask_rows_by_uri(t, at(name), r, &error), error);
    assert_int_equal(picask_results_count(*r), 1);
    return picask_results_row(*r, 0);
}

static inline int64_t id_of(const char *name)
{
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    int64_t id = row_of(t, name, &r)->id;
    picask_results_destroy(r);
    picask_table_destroy(t);
    return id;
}

/* The vector of a row by its id, into out [24]. */
static inline void vector_of(picask_table *t, uint64_t address, float out[24])
{
    struct ArrowSchema schema;
    assert_ok(lancelet_table_schema(picask_table_lance(t), &schema, &error), error);
    const char *column = schema.children[0]->name; /* the tables here have it in front */
    lancelet_scan_options o = LANCELET_SCAN_OPTIONS_INIT;
    struct ArrowArrayStream stream;
    struct ArrowArray batch;
    o.columns = &column;
    o.n_columns = 1;
    assert_ok(lancelet_table_take(picask_table_lance(t), &address, 1, &o, &stream, &error), error);
    assert_int_equal(stream.get_next(&stream, &batch), 0);
    const struct ArrowArray *items = batch.children[0]->children[0];
    memcpy(out, (const float *)items->buffers[1] + items->offset + batch.children[0]->offset * 24,
           24 * sizeof *out);
    batch.release(&batch);
    stream.release(&stream);
    schema.release(&schema);
}

#endif
