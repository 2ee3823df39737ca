/* reembed.c - another model's vectors for a whole table: every picture again, then one commit, an Overwrite, that keeps all
 * else.
 *
 * Finished vectors lie in the cache folder until the commit (reembed_cache.c), in a folder of their own for each table,
 * model and way of decoding, so that a run that was stopped goes on. Row addresses and ids play no part there: a vector
 * belongs to a picture's content, and a file is known by path, size and time of change. So rows may come, go and move
 * meanwhile. When another writer was first the newest version is read and what is new in it is embedded; nothing is rebased.
 *
 * A row whose picture cannot be read is never dropped unasked: the caller is asked as soon as the rows without any picture
 * are known, and again before the commit when others turned up. */
#include "gallery/reembed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RACES       20 /* lost in a row before giving up */
#define PROGRESS_US 100000

typedef struct reembed_run {
    picask_reembed_options o;
    picask_reembed_report *report;
    picask_table *t;
    picask_model *model;
    char *folder; /* of the finished vectors */
    vector_cache *vectors;
    reembed_rows rows; /* of the version that t holds */
    index_work work;
    index_source how; /* of all jobs: how pictures are decoded */
    pipeline *pipe;
    uint64_t done;                        /* rows that have a vector or never will */
    uint64_t missing;                     /* rows that cannot be read, and */
    uint64_t unasked;                     /* how many of them the caller was not asked about */
    base_map64 *named;                    /* those that were named, in this round or one before */
    int64_t started_us, last_progress_us; /* monotonic */
} reembed_run;

static void progress(reembed_run *run, bool now)
{
    int64_t us = base_monotonic_us();
    if (!run->o.events.progress || (!now && us - run->last_progress_us < PROGRESS_US))
        return;
    run->last_progress_us = us;
    run->o.events.progress(run->o.events.arg, run->done, run->rows.n);
}

/* ---- the cache folder ---- */

/* The caller's folder, else $XDG_CACHE_HOME/picask; owned. */
static lancelet_status cache_root(const char *given, char **out, lancelet_error *err)
{
    if (given) {
        *out = base_path_join(given, "reembed");
        return *out ? LANCELET_OK : base_fail_memory(err);
    }
    RETURN_IF_ERROR(base_cache_folder("reembed", out, err));
    return *out ? LANCELET_OK
                : base_fail(err, LANCELET_INVALID,
                            "there is no place for finished vectors: set XDG_CACHE_HOME or HOME to a folder");
}

/* The folder for this table, model and way of decoding; nothing is made. */
static lancelet_status cache_folder(const reembed_run *run, char **out, lancelet_error *err)
{
    char *root = NULL, *table = base_path_absolute(run->t->path), hash[65];
    char *key = table ? base_format("%s\n%s\n%s\n%zu\n%s", table, picask_model_name(run->model),
                                    model_preprocess(gallery_model_of(run->model)),
                                    picask_model_dim(run->model), run->o.decode_fast ? "fast" : "full")
                      : NULL;
    lancelet_status status = key ? cache_root(run->o.cache, &root, err) : base_fail_memory(err);
    if (status == LANCELET_OK) {
        base_sha256_hex(key, strlen(key), hash);
        hash[32] = 0;
        *out = base_format("%s/%s", root, hash);
        if (!*out)
            status = base_fail_memory(err);
    }
    base_free(root);
    base_free(table);
    base_free(key);
    return status;
}

/* The folder and, where it is empty then, the one above go. */
static void remove_folder(const char *folder)
{
    lancelet_error ignored;
    char *parent = base_path_parent(folder);
    if (base_dir_remove(folder, &ignored) == LANCELET_OK && parent &&
        base_dir_remove_empty(parent, &ignored) != LANCELET_OK)
        ignored.text[0] = '\0'; /* other tables' vectors are there */
    base_free(parent);
}

#define PROBE_LIMIT ((uint64_t)1 << 24) /* bytes */

/* Vectors of another file of that name are worth nothing: the model's probe vectors lie beside them. */
static lancelet_status check_probe(const reembed_run *run, lancelet_error *err)
{
    char *path = base_path_join(run->folder, "probe.json"), *json = NULL;
    uint8_t *old = NULL;
    size_t n = 0;
    bool agrees = false;
    lancelet_status status = path ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK) {
        status = base_file_read(path, PROBE_LIMIT, &old, &n, err);
        if (status == LANCELET_OK)
            status = gallery_probe_agrees(run->model, (const char *)old, &agrees, err);
        else if (status == LANCELET_NOT_FOUND)
            status = LANCELET_OK;
    }
    base_free(old);
    if (status == LANCELET_OK && !agrees) {
        status = base_dir_remove(run->folder, err);
        if (status == LANCELET_OK)
            status = base_dir_make(run->folder, err);
        if (status == LANCELET_OK)
            status = gallery_probe_json(run->model, &json, err);
        if (status == LANCELET_OK)
            status = base_file_replace(path, json, strlen(json), false, err);
    }
    base_free(json);
    base_free(path);
    return status;
}

/* ---- rows that cannot be read ---- */

/* A row as messages name it. */
static const char *row_name(const reembed_row *row, char out[64])
{
    if (row->uri)
        return row->uri;
    snprintf(out, 64, "row %" PRId64, row->id);
    return out;
}

static lancelet_status unreadable(reembed_run *run, reembed_row *row, const char *reason, lancelet_error *err)
{
    char name[64];
    uint64_t ignored;
    char *key = base_format("%" PRId64 "\n%s", row->id, row_name(row, name));
    bool before = key && base_map64_get(run->named, key, strlen(key), &ignored);
    bool fits = key && base_map64_set(run->named, key, strlen(key), 1);
    base_free(key);
    if (!fits)
        return base_fail_memory(err);
    row->unreadable = true;
    run->missing++;
    run->done++;
    if (before)
        return LANCELET_OK;
    run->unasked++;
    if (run->o.events.unreadable)
        run->o.events.unreadable(run->o.events.arg, row_name(row, name), reason);
    return LANCELET_OK;
}

/* May the new version be without those that are missing? */
static lancelet_status ask(reembed_run *run, lancelet_error *err)
{
    char missing[32], all[32];
    if (run->missing == run->rows.n && run->rows.n > 0)
        return base_fail(err, LANCELET_NOT_FOUND,
                         "no picture of the %s rows of table '%s' can be read; nothing is changed",
                         gallery_shown_count(run->rows.n, all), run->t->name);
    if (run->unasked == 0)
        return LANCELET_OK;
    if (!run->o.events.leave_out || !run->o.events.leave_out(run->o.events.arg, run->missing, run->rows.n))
        return base_fail(
            err, LANCELET_NOT_FOUND,
            "the picture%s of %s of the %s rows of table '%s' cannot be read; nothing is changed",
            run->missing == 1 ? "" : "s", gallery_shown_count(run->missing, missing),
            gallery_shown_count(run->rows.n, all), run->t->name);
    run->unasked = 0;
    return LANCELET_OK;
}

/* ---- vectors ---- */

static lancelet_status read_job(void *arg, index_job *job, uint8_t **bytes, size_t *n, lancelet_error *err)
{
    const reembed_run *run = arg;
    return reembed_read_row(run->t, &run->rows.row[job->place], bytes, n, &job->from_file, err);
}

static bool has_vector(void *arg, const char *sha256)
{
    const reembed_run *run = arg;
    size_t vector;
    return vector_cache_by_content(run->vectors, sha256, &vector);
}

/* A row's vector is there. */
static void settle(reembed_run *run, reembed_row *row, size_t vector)
{
    row->vector = vector;
    run->done++;
    if (vector < vector_cache_loaded(run->vectors))
        run->report->resumed++;
}

/* What became of the rows of this round; vectors that an earlier one has computed are this run's too. */
static void count_up(reembed_run *run)
{
    picask_reembed_report *r = run->report;
    uint64_t settled = run->done - run->missing;
    r->embedded = vector_cache_count(run->vectors) - vector_cache_loaded(run->vectors);
    r->shared = settled > r->resumed + r->embedded ? settled - r->resumed - r->embedded : 0;
}

static lancelet_status finish(reembed_run *run, index_job *job, lancelet_error *err)
{
    reembed_row *row = &run->rows.row[job->place];
    char key[65], shown[512], name[64];
    size_t vector = SIZE_MAX;
    switch (job->problem.status) {
    case LANCELET_OK:
        break;
    case LANCELET_MEMORY:
        return base_fail(err, LANCELET_MEMORY, "out of memory at %s",
                         gallery_shown_path(row_name(row, name), shown));
    case LANCELET_CANCELLED:
        return base_fail_cancelled(err);
    default:
        return unreadable(run, row, job->problem.text, err);
    }
    if (!vector_cache_by_content(run->vectors, job->sha256, &vector))
        RETURN_IF_ERROR(vector_cache_add(run->vectors, job->sha256, job->vector, &vector, err));
    if (job->from_file && reembed_file_key(row, key))
        RETURN_IF_ERROR(vector_cache_add_file(run->vectors, key, job->sha256, err));
    settle(run, row, vector);
    return LANCELET_OK;
}

static lancelet_status take_one(reembed_run *run, int wait_ms, bool *taken, lancelet_error *err)
{
    index_job job = {0};
    *taken = pipeline_take(run->pipe, wait_ms, &job);
    lancelet_status status = *taken ? finish(run, &job, err) : LANCELET_OK;
    index_job_free(&job);
    progress(run, false);
    return status;
}

static lancelet_status submit(reembed_run *run, size_t place, lancelet_error *err)
{
    index_job job = {.task = TASK_READ, .source = &run->how, .place = place, .known = KNOWN_NONE};
    bool taken;
    while (pipeline_full(run->pipe)) {
        if (base_cancelled(run->o.cancel))
            return base_fail_cancelled(err);
        RETURN_IF_ERROR(take_one(run, 100, &taken, err));
    }
    return pipeline_submit(run->pipe, &job, err);
}

/* Vectors of files that an earlier round or run has done, and rows without any picture. */
static lancelet_status settle_known(reembed_run *run, lancelet_error *err)
{
    char key[65];
    for (size_t i = 0; i < run->rows.n; i++) {
        reembed_row *row = &run->rows.row[i];
        size_t vector;
        if (base_cancelled(run->o.cancel))
            return base_fail_cancelled(err);
        if (reembed_file_key(row, key) && vector_cache_by_file(run->vectors, key, &vector)) {
            settle(run, row, vector);
        } else if (!row->has_file && (row->uri || run->t->roles.image < 0)) {
            uint8_t *bytes = NULL;
            size_t n;
            bool from_file;
            lancelet_error why = {0};
            lancelet_status status = reembed_read_row(run->t, row, &bytes, &n, &from_file, &why);
            base_free(bytes);
            if (status == LANCELET_MEMORY)
                return base_fail_memory(err);
            if (status != LANCELET_OK && row->sha256[0] &&
                vector_cache_by_content(run->vectors, row->sha256, &vector))
                settle(run, row, vector); /* the file went after its vector was made */
            else if (status != LANCELET_OK)
                RETURN_IF_ERROR(unreadable(run, row, why.text, err));
        }
    }
    return LANCELET_OK;
}

static lancelet_status embed_rest(reembed_run *run, lancelet_error *err)
{
    int threads = run->o.threads > 0 ? run->o.threads : base_cpu_count();
    lancelet_status status = pipeline_create(&run->work, threads, &run->pipe, err);
    bool taken;
    for (size_t i = 0; i < run->rows.n && status == LANCELET_OK; i++)
        if (run->rows.row[i].vector == SIZE_MAX && !run->rows.row[i].unreadable)
            status = submit(run, i, err);
    while (status == LANCELET_OK && !pipeline_empty(run->pipe))
        status = base_cancelled(run->o.cancel) ? base_fail_cancelled(err) : take_one(run, 100, &taken, err);
    pipeline_destroy(run->pipe);
    run->pipe = NULL;
    return status;
}

/* ---- the commit ---- */

static lancelet_status write_version(reembed_run *run, const struct ArrowSchema *schema, lancelet_error *err)
{
    struct ArrowArrayStream rows = {0};
    lancelet_change change = LANCELET_CHANGE_INIT;
    lancelet_write_options options = LANCELET_WRITE_OPTIONS_INIT;
    lancelet_key_value kv;
    lancelet_table *newer = NULL;
    char *text = NULL;
    int64_t next = 0;
    options.no_rebase = true; /* an overwrite would take away the rows that another writer has just added */
    options.no_sync = run->o.no_sync;
    options.cancel = run->o.cancel;
    change.overwrite = true;
    change.config = &kv;
    lancelet_status status = run->missing > 0 ? gallery_next_id(run->t, &next, err) : LANCELET_OK;
    if (status == LANCELET_OK && run->missing > 0) /* the largest id may go: the next one is remembered */
        status = gallery_next_id_config(run->t, next, &text, &kv, &change.n_config, err);
    if (status == LANCELET_OK)
        status = reembed_stream(run->t, schema, &run->rows, run->vectors, run->o.cancel, &rows, err);
    if (status == LANCELET_OK) {
        change.rows = &rows;
        status = lancelet_table_commit(run->t->lance, &change, &options, &newer, err);
    }
    base_free(text);
    return status == LANCELET_OK ? gallery_table_set(run->t, newer, err) : status;
}

/* ---- one round: the newest version as it stands ---- */

/* Has the table the vectors that are asked for? */
static lancelet_status is_done(const reembed_run *run, bool *done, lancelet_error *err)
{
    const picask_table *t = run->t;
    const char *made_with = picask_table_model_name(t);
    const char *preprocess = gallery_model_said(t, GALLERY_KEY_PREPROCESS);
    *done = false;
    if (t->dim != picask_model_dim(run->model) || gallery_decoded_fast(preprocess) != run->o.decode_fast)
        return LANCELET_OK;
    if (gallery_model_said(t, GALLERY_KEY_PROBE))
        return gallery_model_agrees(t, run->model, done, err);
    *done = made_with && strcmp(made_with, picask_model_name(run->model)) == 0;
    return LANCELET_OK;
}

static void count_again(reembed_run *run)
{
    reembed_rows_free(&run->rows);
    run->done = run->missing = 0;
    run->report->resumed = 0;
}

/* Does the table name a Python function for its vectors? */
static bool names_function(const picask_table *t)
{
    const char *json = lancelet_table_schema_metadata(t->lance, GALLERY_KEY_FUNCTIONS);
    char *without = NULL;
    bool names = json &&
                 gallery_functions_without(json, gallery_column_name(t, t->roles.vector), &without, NULL) ==
                     LANCELET_OK &&
                 strlen(without) < strlen(json);
    base_free(without);
    return names;
}

static lancelet_status round_of(reembed_run *run, lancelet_error *err)
{
    picask_table *t = run->t;
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    struct ArrowSchema schema = {0};
    count_again(run);
    if (t->dim == 0)
        return gallery_fail_no_vectors(t, err);
    RETURN_IF_ERROR(reembed_schema(t, run->model, run->o.decode_fast, &schema, err));
    lancelet_status status = lancelet_table_check_overwrite(t->lance, &schema, err);
    if (status == LANCELET_OK)
        status = reembed_rows_load(t, run->o.cancel, &run->rows, err);
    run->report->rows = run->rows.n;
    if (status == LANCELET_OK)
        status = settle_known(run, err);
    if (status == LANCELET_OK)
        status = ask(run, err);
    if (status == LANCELET_OK)
        status = embed_rest(run, err);
    count_up(run);
    if (status == LANCELET_OK)
        status = ask(run, err);
    run->report->unreadable = run->missing;
    if (status == LANCELET_OK)
        status = vector_cache_flush(run->vectors, err);
    if (status == LANCELET_OK) {
        lancelet_table_get_info(t->lance, &info);
        bool functions = names_function(t);
        progress(run, true);
        status = write_version(run, &schema, err);
        if (status == LANCELET_OK) {
            run->report->old_version = info.version;
            if (info.indices > 0)
                gallery_note(
                    run->o.events.note, run->o.events.arg, 0,
                    "the new version of table '%s' has no index: those of the old vectors do not fit it",
                    t->name);
            if (functions)
                gallery_note(
                    run->o.events.note, run->o.events.arg, 0,
                    "the embedding function that table '%s' named for LanceDB belonged to the old vectors "
                    "and is gone; "
                    "another: picask table set-embedding open-clip%s%s",
                    t->name, strcmp(t->name, "pictures") == 0 ? "" : " -t ",
                    strcmp(t->name, "pictures") == 0 ? "" : t->name);
        }
    }
    arrow_schema_release(&schema);
    return status;
}

static lancelet_status rounds(reembed_run *run, lancelet_error *err)
{
    lancelet_status status = round_of(run, err);
    for (int race = 0; status == LANCELET_CONFLICT && race < RACES; race++) {
        gallery_note(run->o.events.note, run->o.events.arg, 1,
                     "another program changed table '%s' meanwhile; looking again", run->t->name);
        RETURN_IF_ERROR(picask_table_refresh(run->t, err));
        status = round_of(run, err);
    }
    return status;
}

/* ---- the run ---- */

static lancelet_status stopped(const reembed_run *run, lancelet_error *err)
{
    char kept[32], shown[512];
    size_t n = vector_cache_count(run->vectors);
    if (n == 0)
        return base_fail(err, LANCELET_CANCELLED, "stopped; table '%s' is as it was", run->t->name);
    return base_fail(
        err, LANCELET_CANCELLED,
        "stopped; table '%s' is as it was, %s finished vector%s kept in %s: the same command goes on",
        run->t->name, gallery_shown_count(n, kept), n == 1 ? " is" : "s are",
        gallery_shown_path(run->folder, shown));
}

static lancelet_status go(reembed_run *run, lancelet_error *err)
{
    RETURN_IF_ERROR(cache_folder(run, &run->folder, err));
    bool done = false;
    RETURN_IF_ERROR(is_done(run, &done, err));
    if (done) {
        lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
        lancelet_table_get_info(run->t->lance, &info);
        run->report->unchanged = true;
        run->report->rows = info.rows;
        remove_folder(run->folder); /* of a run that ended right behind its commit */
        return LANCELET_OK;
    }
    RETURN_IF_ERROR(check_probe(run, err));
    RETURN_IF_ERROR(vector_cache_open(run->folder, picask_model_dim(run->model), &run->vectors, err));
    run->named = base_map64_create();
    if (!run->named)
        return base_fail_memory(err);
    run->how.decode_fast = run->o.decode_fast;
    run->how.store = PICASK_STORE_NONE;
    run->work = (index_work){gallery_model_of(run->model), false, NULL, run, read_job, has_vector, run->o.cancel};
    lancelet_status status = rounds(run, err);
    if (status == LANCELET_CANCELLED)
        status = stopped(run, err);
    bool empty = vector_cache_count(run->vectors) == 0;
    vector_cache_close(run->vectors);
    run->vectors = NULL;
    if (status == LANCELET_OK || empty)
        remove_folder(run->folder);
    return status;
}

static lancelet_status begin(reembed_run *run, const char *db, const char *name, const char *asked, int *lock,
                             lancelet_error *err)
{
    bool exists = false;
    picask_model_options o = PICASK_MODEL_OPTIONS_INIT;
    o.threads = run->o.threads;
    if (!asked)
        return base_fail(err, LANCELET_INVALID,
                         "which model is to make the vectors? give -m NAME; see: picask model list");
    RETURN_IF_ERROR(gallery_table_begin(db, name, NULL, run->o.threads, &run->t, err));
    run->t->asked_vectors = run->o.vector_column ? base_strdup(run->o.vector_column) : NULL;
    if (run->o.vector_column && !run->t->asked_vectors)
        return base_fail_memory(err);
    RETURN_IF_ERROR(gallery_table_load(run->t, &exists, err));
    if (!exists)
        return gallery_fail_no_table(run->t, err);
    RETURN_IF_ERROR(gallery_check_written(run->t, err));
    RETURN_IF_ERROR(picask_model_open(asked, &o, &run->model, err));
    RETURN_IF_ERROR(gallery_table_lock(run->t, lock, err));
    RETURN_IF_ERROR(gallery_table_load(run->t, &exists, err)); /* again, under the lock */
    return exists ? LANCELET_OK : gallery_fail_no_table(run->t, err);
}

picask_status picask_table_reembed(const char *db, const char *name, const char *asked,
                                   const picask_reembed_options *options, picask_reembed_report *report,
                                   picask_error *err)
{
    reembed_run run = {.o = PICASK_REEMBED_OPTIONS_INIT};
    picask_reembed_report own = {0};
    int lock = -1;
    base_options(&run.o, sizeof run.o, options);
    run.report = &own;
    run.started_us = base_monotonic_us();
    lancelet_status status = begin(&run, db, name, asked, &lock, err);
    if (status == LANCELET_OK)
        status = go(&run, err);
    if (run.t && run.t->lance) {
        lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
        lancelet_table_get_info(run.t->lance, &info);
        own.version = info.version;
    }
    own.seconds = (double)(base_monotonic_us() - run.started_us) / 1e6;
    if (report)
        *report = own;
    reembed_rows_free(&run.rows);
    base_map64_destroy(run.named);
    vector_cache_close(run.vectors);
    picask_model_destroy(run.model);
    picask_table_destroy(run.t);
    base_free(run.folder);
    if (lock >= 0)
        base_unlock(lock);
    return status;
}
