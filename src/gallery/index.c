/* index.c - an index run from start to end: lock, sources, table and model, the walk (index_items.c), commits.
 *
 * Commits never rebase silently: the ids of new rows must follow those of another writer that was first, so the run
 * reads the newest version, renumbers, and commits again. */
#include "gallery/index.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RACES 20 /* lost in a row before a commit is given up */

/* ---- commits ---- */

/* The table's rows, which a failed or stopped run leaves as they are; those that an overwrite is to replace do not count. */
static uint64_t rows_there(const index_run *run)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    if (run->overwrite || !run->t->lance)
        return 0;
    lancelet_table_get_info(run->t->lance, &info);
    return info.rows;
}

/* Puts what is safe and what to do in front of the reason of a failed commit. */
static lancelet_status fail_commit(const index_run *run, lancelet_status status, lancelet_error *err)
{
    char from[32], to[32], safe[32], shown[512], reason[512];
    uint64_t there = rows_there(run);
    if (!err || run->changes.n == 0 || status == LANCELET_MEMORY || status == LANCELET_CONFLICT)
        return status;
    static const char full[] = "disk full";
    size_t n = strlen(err->text), tail = sizeof full - 1;
    if (n >= tail && strcmp(err->text + n - tail, full) == 0)
        snprintf(reason, sizeof reason, "%s in %.400s", full, gallery_shown_path(run->t->db, shown));
    else
        snprintf(reason, sizeof reason, "%.500s", err->text);
    return base_fail(err, status, "%s while adding rows %s-%s; %s rows are safe%s", reason,
                     gallery_shown_count(there + 1, from), gallery_shown_count(there + run->changes.n, to),
                     gallery_shown_count(there, safe),
                     status == LANCELET_IO ? ", run the same command again" : "");
}

/* The next commit's config: what differs from the table's. */
typedef struct run_config {
    char *next_id, *sources; /* owned */
    lancelet_key_value kv[2];
    size_t n;
} run_config;

static bool differs(const index_run *run, const char *key, const char *value)
{
    const char *now = run->t->lance && !run->overwrite ? lancelet_table_config(run->t->lance, key) : NULL;
    return !now || strcmp(now, value) != 0;
}

static lancelet_status make_config(const index_run *run, run_config *c, lancelet_error *err)
{
    *c = (run_config){0};
    if (run->t->roles.id >= 0) {
        c->next_id = base_format("%" PRId64, run->next_id);
        if (!c->next_id)
            return base_fail_memory(err);
        if (differs(run, GALLERY_KEY_NEXT_ID, c->next_id))
            c->kv[c->n++] = (lancelet_key_value){GALLERY_KEY_NEXT_ID, c->next_id};
    }
    if (run->remember) {
        RETURN_IF_ERROR(index_sources_format(&run->sources, &c->sources, err));
        if (differs(run, GALLERY_KEY_SOURCES, c->sources))
            c->kv[c->n++] = (lancelet_key_value){GALLERY_KEY_SOURCES, c->sources};
    }
    return LANCELET_OK;
}

static lancelet_status commit_once(index_run *run, lancelet_error *err)
{
    run_config config;
    lancelet_status status = make_config(run, &config, err);
    if (status == LANCELET_OK && (run->changes.n > 0 || config.n > 0 || run->overwrite || !run->t->lance)) {
        row_commit how = {run->overwrite, run->o.no_sync, config.kv, config.n};
        status = row_changes_commit(run->t, &run->changes, &how, err);
    }
    base_free(config.next_id);
    base_free(config.sources);
    return status;
}

lancelet_status index_run_commit(index_run *run, lancelet_error *err)
{
    bool had_table = run->t->lance != NULL;
    if (run->o.dry_run)
        return LANCELET_OK;
    lancelet_status status = commit_once(run, err);
    for (int race = 0; status == LANCELET_CONFLICT && had_table && race < RACES; race++) {
        int64_t shift = 0;
        status = row_changes_rebase(run->t, &run->changes, run->first_new_id, &shift, err);
        if (status != LANCELET_OK)
            break;
        run->first_new_id += shift; /* the next race, if it is lost too, counts from here */
        run->next_id = shift < INT64_MAX - run->next_id ? run->next_id + shift : INT64_MAX;
        if (run->known) {
            known_rows_moved(run->known);
            for (size_t i = 0; i < run->changes.n; i++) {
                if (run->changes.row[i].known == KNOWN_NONE)
                    continue;
                known_row *row = known_rows_at(run->known, run->changes.row[i].known);
                row->id = run->changes.row[i].id;
                row->change = (uint32_t)i;
            }
        }
        status = commit_once(run, err);
    }
    if (status != LANCELET_OK) {
        run->commit_failed = true;
        return fail_commit(run, status, err);
    }
    run->overwrite = false;
    if (run->known)
        known_rows_committed(run->known, &run->changes);
    row_changes_clear(&run->changes);
    run->first_new_id = run->next_id;
    run->last_commit_us = base_monotonic_us();
    run->committed = *run->report;
    return LANCELET_OK;
}

/* ---- sources ---- */

/* What a source's callbacks are handed; `at` is its index, for the array may move. */
struct index_link {
    index_run *run;
    size_t at;
};

static void source_note(void *arg, int level, const char *sentence)
{
    const index_link *link = arg;
    if (link->run->o.events.note)
        link->run->o.events.note(link->run->o.events.arg, level, sentence);
}

static void source_fetched(void *arg, uint64_t done, uint64_t total)
{
    const index_link *link = arg;
    if (link->run->o.events.fetched)
        link->run->o.events.fetched(link->run->o.events.arg, done, total);
}

/* A video whose frames are rows of the table already counts as those. */
static bool has_video(void *arg, const char *uri, uint64_t size, int64_t modified_us)
{
    const index_link *link = arg;
    index_run *run = link->run;
    uint64_t n = 0;
    if (!run->known || index_source_unfinished(&run->sources.source[link->at], uri) ||
        known_rows_see_video(run->known, uri, size, modified_us, &n, NULL) != LANCELET_OK || n == 0)
        return false; /* then it is decoded, and each frame is looked up */
    if (run->o.prune && index_run_met_container(run, uri, strlen(uri), false, NULL) != LANCELET_OK)
        return false;
    run->report->found += n;
    run->report->unchanged += n;
    run->done += n;
    return true;
}

static lancelet_status open_source(index_run *run, index_source *s, const char *path, lancelet_error *err)
{
    source_options o = {.struct_size = sizeof o,
                        .text_column = s ? s->text_column : run->o.text_column,
                        .image_column = s ? s->image_column : run->o.image_column,
                        .exclude = s ? (const char *const *)s->exclude : run->o.exclude,
                        .n_exclude = s ? s->n_exclude : run->o.n_exclude,
                        .hidden = s ? s->hidden : run->o.hidden,
                        .cancel = run->o.cancel,
                        .every_us = s ? s->every_us : run->o.every_us,
                        .has_video = has_video,
                        .note = source_note,
                        .fetched = source_fetched,
                        .no_copies = (s ? s->store : run->o.store) == PICASK_STORE_NONE};
    source *open = NULL;
    size_t at = s ? (size_t)(s - run->sources.source) : 0;
    index_link *link = base_alloc(sizeof *link);
    if (!link)
        return base_fail_memory(err);
    *link = (index_link){run, at};
    o.arg = link;
    lancelet_status opened = source_open(path, &o, &open, err);
    if (opened != LANCELET_OK) {
        base_free(link);
        return opened;
    }
    if (!s) {
        char *uri = source_uri_from_path(source_root(open));
        lancelet_status status =
            uri ? index_sources_put(&run->sources, uri, &run->o, &at, err) : base_fail_memory(err);
        base_free(uri);
        if (status != LANCELET_OK) {
            source_close(open);
            base_free(link);
            return status;
        }
        s = &run->sources.source[at];
        link->at = at;
    }
    s->open = open;
    s->link = link;
    if (!s->remembered || run->o.overwrite) {
        s->unfinished = true;
        s->met = s->first_place = 0;
    } else {
        s->first_place = s->unfinished ? s->met : UINT64_MAX;
    }
    return LANCELET_OK;
}

/* All that the table remembers; one that is not there now is left as it is. */
static lancelet_status open_remembered(index_run *run, lancelet_error *err)
{
    size_t opened = 0;
    char shown[512];
    for (size_t i = 0; i < run->sources.n; i++) {
        index_source *s = &run->sources.source[i];
        char *path = source_path_from_uri(s->uri);
        if (!path) /* some other program's entry: opening it says what it is */
            path = base_strdup(s->uri);
        if (!path)
            return base_fail_memory(err);
        lancelet_status status = open_source(run, s, path, err);
        if (status == LANCELET_NOT_FOUND)
            gallery_note(run->o.events.note, run->o.events.arg, 0,
                         "%s is not there; its rows stay as they are", gallery_shown_path(path, shown));
        base_free(path);
        if (status != LANCELET_OK && status != LANCELET_NOT_FOUND)
            return status;
        opened += status == LANCELET_OK;
    }
    if (run->sources.n == 0)
        return base_fail(err, LANCELET_INVALID,
                         "table '%s' remembers no sources; name one: picask index ~/Pictures", run->t->name);
    if (opened == 0)
        return run->sources.n == 1
                   ? base_fail(err, LANCELET_NOT_FOUND, "the only source of table '%s' is not there",
                               run->t->name)
                   : base_fail(err, LANCELET_NOT_FOUND, "none of the %zu sources of table '%s' is there",
                               run->sources.n, run->t->name);
    return LANCELET_OK;
}

static lancelet_status open_sources(index_run *run, const char *const *sources, size_t n, lancelet_error *err)
{
    const char *json = run->t->lance ? lancelet_table_config(run->t->lance, GALLERY_KEY_SOURCES) : NULL;
    if (!(run->o.overwrite && n > 0)) {
        lancelet_status status = index_sources_parse(json, &run->sources, err);
        if (status == LANCELET_CORRUPT && n > 0)
            gallery_note(run->o.events.note, run->o.events.arg, 0,
                         "the remembered sources of table '%s' cannot be read; they are forgotten",
                         run->t->name);
        else if (status != LANCELET_OK)
            return status;
    }
    if (n == 0)
        return open_remembered(run, err);
    for (size_t i = 0; i < n; i++) {
        char *path = gallery_expand_home(sources[i]);
        if (!path)
            return base_fail_memory(err);
        lancelet_status status = open_source(run, NULL, path, err);
        base_free(path);
        if (status != LANCELET_OK)
            return status;
    }
    return LANCELET_OK;
}

static lancelet_status fail_no_pictures(const index_run *run, lancelet_error *err)
{
    char shown[512];
    const index_source *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < run->sources.n; i++)
        if (run->sources.source[i].open && n++ == 0)
            first = &run->sources.source[i];
    if (n == 1)
        return base_fail(err, LANCELET_NOT_FOUND, "no pictures in %s", gallery_shown_path(first->uri, shown));
    return base_fail(err, LANCELET_NOT_FOUND, "no pictures in the %zu sources", n);
}

/* Does any source give an item? The first one is kept for the run. */
static lancelet_status meet_first(index_run *run, bool *any, lancelet_error *err)
{
    *any = false;
    for (size_t i = 0; i < run->sources.n && !*any; i++) {
        index_source *s = &run->sources.source[i];
        bool done = false;
        if (!s->open)
            continue;
        RETURN_IF_ERROR(source_next(s->open, &s->first, &done, err));
        *any = s->has_first = !done;
    }
    return LANCELET_OK;
}

/* ---- columns ---- */

static bool goes_with(const char *format, const struct ArrowSchema *c)
{
    int64_t least, most;
    bool floats = strcmp(c->format, "e") == 0 || strcmp(c->format, "f") == 0 || strcmp(c->format, "g") == 0;
    bool integers = gallery_integer_range(c, &least, &most);
    if (strcmp(format, c->format) == 0)
        return true;
    switch (source_kind_of(format)) {
    case SOURCE_FLOATING:
        return floats;
    case SOURCE_BYTES:
        return format[0] == 'u' ? gallery_is_text(c) : strcmp(c->format, "Z") == 0;
    default:
        if (format[0] == 't') /* dates and times go with their own type alone */
            return false;
        return integers || (format[0] == 'b' ? strcmp(c->format, "b") == 0 : floats);
    }
}

static bool has_part(const picask_table *t, int64_t column)
{
    const gallery_roles *r = &t->roles;
    const int64_t parts[] = {r->vector,   r->text,      r->id,     r->uri,   r->image,
                             r->width,    r->height,    r->size,   r->taken, r->modified,
                             r->latitude, r->longitude, r->camera, r->sha256};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i] == column)
            return true;
    return false;
}

/* The further columns of all sources that a table can have, each name once, for a new table. *extra is the caller's. */
static lancelet_status collect_columns(const index_run *run, gallery_column **extra, size_t *n_extra,
                                       lancelet_error *err)
{
    size_t n = 0, most = 0;
    const source_column *c = NULL;
    for (size_t i = 0; i < run->sources.n; i++)
        if (run->sources.source[i].open)
            most += source_columns(run->sources.source[i].open, &c);
    gallery_column *out = base_calloc(most + 1, sizeof *out);
    if (!out)
        return base_fail_memory(err);
    for (size_t i = 0; i < run->sources.n; i++) {
        size_t n_columns = run->sources.source[i].open ? source_columns(run->sources.source[i].open, &c) : 0;
        for (size_t j = 0; j < n_columns; j++) {
            bool there = gallery_is_our_column(c[j].name) || !lancelet_column_name_ok(c[j].name);
            for (size_t k = 0; k < n && !there; k++)
                there = strcmp(out[k].name, c[j].name) == 0;
            if (!there)
                out[n++] = (gallery_column){c[j].name, c[j].format};
        }
    }
    *extra = out;
    *n_extra = n;
    return LANCELET_OK;
}

/* Where each further column of each source goes. */
static lancelet_status map_columns(index_run *run, lancelet_error *err)
{
    const picask_table *t = run->t;
    char shown[512];
    for (size_t i = 0; i < run->sources.n; i++) {
        index_source *s = &run->sources.source[i];
        const source_column *c = NULL;
        size_t n = s->open ? source_columns(s->open, &c) : 0;
        s->columns = base_calloc(n + 1, sizeof *s->columns);
        if (!s->columns)
            return base_fail_memory(err);
        for (size_t j = 0; j < n; j++) {
            int64_t at = arrow_schema_find(&t->schema, c[j].name);
            const char *why = !lancelet_column_name_ok(c[j].name) ? "cannot have a column of that name"
                              : at < 0                            ? "has no such column"
                              : has_part(t, at)                   ? "has a column of that name for itself"
                              : !goes_with(c[j].format, t->schema.children[at])
                                  ? "has that column with another type"
                                  : NULL;
            s->columns[j] = (index_column){why ? -1 : at, source_kind_of(c[j].format), c[j].format[0] == 'L'};
            if (why)
                gallery_note(run->o.events.note, run->o.events.arg, 0,
                             "column '%s' of %s is not kept: table '%s' %s", c[j].name,
                             gallery_shown_path(s->uri, shown), t->name, why);
        }
    }
    return LANCELET_OK;
}

/* ---- table and model ---- */

/* NOT_FOUND is kept for sources that are not there or hold no picture: a model that is not there is something else. */
static lancelet_status not_the_sources(lancelet_status status, lancelet_error *err)
{
    if (status != LANCELET_NOT_FOUND)
        return status;
    if (err)
        err->status = LANCELET_INVALID;
    return LANCELET_INVALID;
}

/* Does a source of this run have its JPEGs decoded at a fraction of their size? */
static bool decodes_fast(const index_run *run)
{
    for (size_t i = 0; i < run->sources.n; i++)
        if (run->sources.source[i].open && run->sources.source[i].decode_fast)
            return true;
    return false;
}

/* A new table, or the new version that an overwrite begins. */
static lancelet_status plan_table(index_run *run, lancelet_error *err)
{
    picask_table *t = run->t;
    gallery_column *extra = NULL;
    size_t n_extra = 0;
    struct ArrowSchema schema = {0};
    const char *name = run->o.model;
    if (run->o.vector_column)
        return base_fail(err, LANCELET_INVALID, "the vectors of a new table are in its column 'vector'; leave --vector-column out");
    if (!name && t->lance)
        name = picask_table_model_name(t);
    picask_model_options o = PICASK_MODEL_OPTIONS_INIT;
    o.threads = run->o.threads;
    RETURN_IF_ERROR(
        not_the_sources(picask_model_open(name ? name : GALLERY_DEFAULT_MODEL, &o, &t->model, err), err));
    RETURN_IF_ERROR(collect_columns(run, &extra, &n_extra, err));
    lancelet_status status = gallery_schema_new(t->model, decodes_fast(run), picask_model_dim(t->model),
                                                extra, n_extra, &schema, err);
    base_free(extra);
    if (status != LANCELET_OK)
        return status;
    arrow_schema_release(&t->schema);
    t->schema = schema;
    t->roles = gallery_roles_of(&t->schema);
    t->others_vectors = false;
    t->dim = picask_model_dim(t->model);
    run->overwrite = t->lance != NULL;
    run->remember = true;
    return known_rows_create(&run->known, err);
}

static lancelet_status use_table(index_run *run, lancelet_error *err)
{
    picask_table *t = run->t;
    bool can_look_up = t->roles.uri >= 0 && t->roles.sha256 >= 0;
    RETURN_IF_ERROR(gallery_check_written(t, err));
    if (!run->o.append && !can_look_up)
        return base_fail(err, LANCELET_INVALID,
                         "table '%s' has no columns uri and sha256 to look up what it holds; --append adds "
                         "without looking",
                         t->name);
    run->remember = can_look_up;
    if (!run->o.dry_run) {
        RETURN_IF_ERROR(not_the_sources(gallery_table_model(t, err), err));
        RETURN_IF_ERROR(gallery_vector_norm(t, &run->norm, err));
        if (run->norm != 1)
            gallery_note(run->o.events.note, run->o.events.arg, 1,
                         "the vectors of table '%s' are not of unit length (%.3g on average): new ones are "
                         "made that long",
                         t->name, (double)run->norm);
        const char *preprocess = gallery_model_said(t, GALLERY_KEY_PREPROCESS);
        bool fast = gallery_decoded_fast(preprocess);
        if (preprocess && fast != decodes_fast(run))
            gallery_note(
                run->o.events.note, run->o.events.arg, 1,
                "table '%s' was made with --decode %s, this run decodes %s: vectors of the same picture "
                "would differ a little",
                t->name, fast ? "fast" : "full", fast ? "in full" : "fast");
    }
    RETURN_IF_ERROR(gallery_next_id(t, &run->next_id, err));
    if (run->o.append)
        return LANCELET_OK;
    RETURN_IF_ERROR(known_rows_create(&run->known, err));
    return known_rows_load(run->known, t, run->o.cancel, err);
}

static lancelet_status read_item(void *arg, index_job *job, uint8_t **bytes, size_t *n, lancelet_error *err)
{
    (void)arg;
    return source_read(job->item.uri, GALLERY_PICTURE_BYTES, bytes, n, err);
}

static bool has_content(void *arg, const char *sha256)
{
    return arg && known_rows_has_content(arg, sha256);
}

static lancelet_status prepare(index_run *run, lancelet_error *err)
{
    int threads = run->o.threads > 0 ? run->o.threads : base_cpu_count();
    bool fresh = !run->t->lance || run->o.overwrite;
    if (fresh && run->o.dry_run)
        RETURN_IF_ERROR(known_rows_create(&run->known, err));
    else if (fresh)
        RETURN_IF_ERROR(plan_table(run, err));
    else
        RETURN_IF_ERROR(use_table(run, err));
    if (!run->o.dry_run)
        RETURN_IF_ERROR(map_columns(run, err));
    run->first_new_id = run->next_id;
    run->work = (index_work){run->t->model ? gallery_model_of(run->t->model) : NULL,
                             run->o.dry_run,
                             NULL,
                             run->known,
                             read_item,
                             has_content,
                             run->o.cancel};
    return pipeline_create(&run->work, threads, &run->pipe, err);
}

static lancelet_status walk(index_run *run, lancelet_error *err)
{
    for (size_t i = 0; i < run->sources.n; i++)
        if (run->sources.source[i].open)
            RETURN_IF_ERROR(index_run_source(run, &run->sources.source[i], err));
    RETURN_IF_ERROR(index_run_drain(run, err));
    for (size_t i = 0; i < run->sources.n; i++)
        if (run->sources.source[i].open)
            index_source_finished(&run->sources.source[i]);
    return LANCELET_OK;
}

/* ---- the run ---- */

static lancelet_status check_options(const picask_index_options *o, lancelet_error *err)
{
    if (o->threads < 0)
        return base_fail(err, LANCELET_INVALID, "a number of threads is negative: %d", o->threads);
    if (o->append && o->overwrite)
        return base_fail(err, LANCELET_INVALID, "--append and --overwrite exclude each other");
    if (o->append && o->prune)
        return base_fail(err, LANCELET_INVALID, "--append and --prune exclude each other: without looking nothing is missed");
    if (o->every_us < 0)
        return base_fail(err, LANCELET_INVALID, "the time between two frames is negative");
    if (o->store == PICASK_STORE_SCALED && (o->store_pixels < 1 || o->store_pixels > 65535))
        return base_fail(err, LANCELET_INVALID, "stored pictures of %d pixels: 1 to 65,535 are possible",
                         o->store_pixels);
    return LANCELET_OK;
}

static lancelet_status begin(index_run *run, const char *const *sources, size_t n, int *lock,
                             lancelet_error *err)
{
    bool exists = false, any = true;
    RETURN_IF_ERROR(gallery_table_load(run->t, &exists, err));
    if (!exists && n == 0)
        return gallery_fail_no_table(run->t, err);
    if (!exists)
        RETURN_IF_ERROR(gallery_check_new_name(run->t->name, err));
    if (exists && !run->o.dry_run) { /* what the table says is read again under the lock */
        RETURN_IF_ERROR(gallery_table_lock(run->t, lock, err));
        RETURN_IF_ERROR(gallery_table_load(run->t, &exists, err));
    }
    RETURN_IF_ERROR(open_sources(run, sources, n, err));
    if (!exists || run->o.overwrite) /* nothing is made for nothing */
        RETURN_IF_ERROR(meet_first(run, &any, err));
    if (!any)
        return fail_no_pictures(run, err);
    if (*lock < 0 && !run->o.dry_run) {
        RETURN_IF_ERROR(base_dir_make(run->t->db, err));
        RETURN_IF_ERROR(gallery_table_lock(run->t, lock, err));
        RETURN_IF_ERROR(gallery_table_load(run->t, &exists, err));
        if (exists)
            return base_fail(err, LANCELET_CONFLICT,
                             "another program has just made table '%s'; run the same command again",
                             run->t->name);
    }
    return prepare(run, err);
}

/* All sources were read. */
static lancelet_status come_to_the_end(index_run *run, lancelet_error *err)
{
    if (run->report->found > 0)
        RETURN_IF_ERROR(index_run_commit(run, err));
    if (run->o.prune)
        RETURN_IF_ERROR(index_run_prune(run, err));
    if (run->report->found == 0 && run->report->removed == 0)
        return fail_no_pictures(run, err);
    return index_run_compact(run, err);
}

static lancelet_status go(index_run *run, const char *const *sources, size_t n, int *lock,
                          lancelet_error *err)
{
    lancelet_error other = {0};
    char safe[32];
    RETURN_IF_ERROR(begin(run, sources, n, lock, err));
    lancelet_status status = walk(run, err);
    pipeline_destroy(run->pipe); /* after a failure pictures that are not done yet are dropped */
    run->pipe = NULL;
    if (status == LANCELET_OK && run->changes.n == 0 && !run->t->lance && !run->o.dry_run)
        return run->report->found == 1
                   ? base_fail(err, LANCELET_NOT_FOUND,
                               "the only picture cannot be read; table '%s' is not made", run->t->name)
                   : base_fail(err, LANCELET_NOT_FOUND,
                               "none of the %" PRIu64 " pictures can be read; table '%s' is not made",
                               run->report->found, run->t->name);
    if (status == LANCELET_OK)
        return come_to_the_end(run, err);
    if (run->commit_failed || (run->changes.n == 0 && !run->t->lance))
        return status;
    lancelet_status kept = index_run_commit(run, &other);
    if (kept == LANCELET_OK && status == LANCELET_CANCELLED)
        return base_fail(err, LANCELET_CANCELLED,
                         "stopped; %s rows are safe, run the same command again to go on",
                         gallery_shown_count(rows_there(run), safe));
    return status;
}

picask_status picask_index(const char *db, const char *name, const char *const *sources, size_t n,
                           const picask_index_options *options, picask_index_report *report,
                           picask_error *err)
{
    index_run run = {.o = PICASK_INDEX_OPTIONS_INIT, .norm = 1};
    picask_index_report own = {0};
    int lock = -1;
    base_options(&run.o, sizeof run.o, options);
    run.report = &own;
    run.started_us = run.last_commit_us = base_monotonic_us();
    lancelet_status status = check_options(&run.o, err);
    if (status == LANCELET_OK)
        status = gallery_table_begin(db, name, run.o.model, run.o.threads, &run.t, err);
    if (status == LANCELET_OK && run.o.vector_column && !(run.t->asked_vectors = base_strdup(run.o.vector_column)))
        status = base_fail_memory(err);
    if (status == LANCELET_OK)
        status = go(&run, sources, n, &lock, err);
    if (status == LANCELET_OK && run.o.events.progress)
        run.o.events.progress(run.o.events.arg, run.done, own.found, &own);
    if (report) {
        *report = own;
        if (status != LANCELET_OK) { /* rows count when they are committed; the rest is so all the same */
            report->added = run.committed.added;
            report->changed = run.committed.changed;
            report->copies = run.committed.copies;
            report->moved = run.committed.moved;
            report->removed = run.committed.removed;
        }
        report->seconds = (double)(base_monotonic_us() - run.started_us) / 1e6;
        if (run.t && run.t->lance) {
            lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
            lancelet_table_get_info(run.t->lance, &info);
            report->version = info.version;
        }
    }
    pipeline_destroy(run.pipe);
    model_context_destroy(run.context);
    row_changes_free(&run.changes);
    known_rows_destroy(run.known);
    base_map64_destroy(run.containers);
    base_free(run.container);
    index_sources_free(&run.sources);
    picask_table_destroy(run.t);
    if (lock >= 0)
        base_unlock(lock);
    return status;
}
