/* index_items.c - one item after the other: what it means for the table, first by its uri, size and time of change
 * (without opening the file), then, when it comes out of the pipeline, by its content.
 *
 *   uri known, size and time the same      nothing, or a new caption: the file is not read
 *   uri known, content the same            the row's size and time are brought up to date
 *   uri known, other content               the row gets a new vector and keeps its id
 *   uri new, content of a row whose file is gone   the row gets the new uri: moved
 *   uri new, content of another row        a row of its own that shares the vector: a copy
 *   both new                               a row with a vector computed now
 *
 * An item without a caption leaves a row's caption alone. Everything that changes the table happens when an item comes
 * out of the pipeline, in the order of the source. */
#include <string.h>

#include "gallery/index.h"

#define COMMIT_ROWS 16384
#define COMMIT_US   10000000
#define COMMIT_BYTES                                                                                         \
    (64u * 1024 * 1024) /* of pictures and texts waiting: bounds memory where pictures are stored */
#define PROGRESS_US 100000

static void progress(index_run *run)
{
    int64_t now = base_monotonic_us();
    if (!run->o.events.progress || now - run->last_progress_us < PROGRESS_US)
        return;
    run->last_progress_us = now;
    uint64_t total = run->report->found;
    for (size_t i = 0; i < run->sources.n; i++)
        if (run->sources.source[i].open)
            total += source_remaining(run->sources.source[i].open);
    run->report->seconds = (double)(now - run->started_us) / 1e6;
    run->o.events.progress(run->o.events.arg, run->done, total, run->report);
}

/* ---- skipped ---- */

static lancelet_status skipped(index_run *run, index_job *job, lancelet_error *err)
{
    picask_index_report *r = run->report;
    char shown[512];
    switch (job->problem.status) {
    case LANCELET_MEMORY: /* a next run would end at the same picture: it is named, so that it can be left out */
        return base_fail(err, LANCELET_MEMORY, "out of memory at %s",
                         gallery_shown_path(job->item.uri, shown));
    case LANCELET_CANCELLED:
        return base_fail_cancelled(err);
    case LANCELET_CORRUPT:
        r->skipped_damaged++;
        break;
    case LANCELET_LIMIT:
        r->skipped_large++;
        break;
    case LANCELET_UNSUPPORTED:
        r->skipped_unsupported++;
        break;
    default:
        r->skipped_unreadable++;
        break;
    }
    r->skipped++;
    if (!job->existing && job->place >= job->source->first_place && run->next_id < INT64_MAX)
        run->next_id++;
    if (run->o.events.skipped)
        run->o.events.skipped(run->o.events.arg, job->item.uri, job->problem.text);
    if (job->known != KNOWN_NONE && !job->existing)
        return known_rows_set_uri(run->known, job->known, NULL, err);
    return LANCELET_OK;
}

/* ---- changes ---- */

static bool has_new_caption(const index_run *run, const source_item *item, size_t known)
{
    return item->caption && known_rows_at(run->known, known)->text_hash !=
                                known_text_hash(item->caption, strlen(item->caption));
}

static char *take_string(char **s)
{
    char *taken = *s;
    *s = NULL;
    return taken;
}

/* A row's address may be needed that this run committed itself: commits what waits, then looks it up. */
static lancelet_status need_address(index_run *run, size_t known, lancelet_error *err)
{
    if (known_rows_at(run->known, known)->change != KNOWN_NONE)
        RETURN_IF_ERROR(index_run_commit(run, err));
    if (known_rows_at(run->known, known)->address == GALLERY_NONE)
        RETURN_IF_ERROR(known_rows_resolve(run->known, run->t, err));
    return LANCELET_OK;
}

static lancelet_status add_change(index_run *run, row_change *change, lancelet_error *err)
{
    size_t known = change->known;
    if (!row_changes_add(&run->changes, change))
        return base_fail_memory(err);
    if (known != KNOWN_NONE)
        known_rows_at(run->known, known)->change = (uint32_t)(run->changes.n - 1);
    return LANCELET_OK;
}

/* What the item brings beside the picture. */
static void take_item(row_change *change, index_job *job)
{
    const source_column *columns;
    change->text = take_string(&job->item.caption);
    change->values = job->item.values;
    change->n_values = job->item.values ? source_columns(job->source->open, &columns) : 0;
    change->storage = take_string(&job->item.storage);
    change->columns = job->source->columns;
    job->item.values = NULL;
    change->has_file = true;
    change->size = (int64_t)job->item.size;
    change->modified_us = job->item.modified_us;
}

static void take_picture(row_change *change, index_job *job)
{
    change->has_facts = true;
    change->facts = job->facts;
    memcpy(change->sha256, job->sha256, sizeof change->sha256);
    change->image = job->image;
    change->n_image = job->n_image;
    job->image = NULL;
}

/* The vector of a row of the same content, if there is one whose vector can be had. */
static lancelet_status share_vector(index_run *run, const char *sha256, row_change *change,
                                    lancelet_error *err)
{
    bool looked_up = false;
    for (size_t i = known_rows_by_content(run->known, sha256); i != KNOWN_NONE;
         i = known_rows_at(run->known, i)->next_same) {
        known_row *row = known_rows_at(run->known, i);
        const row_change *pending = row->change == KNOWN_NONE ? NULL : &run->changes.row[row->change];
        if (pending && pending->vector) {
            change->vector = base_alloc_array(run->t->dim, sizeof *change->vector);
            if (!change->vector)
                return base_fail_memory(err);
            memcpy(change->vector, pending->vector, run->t->dim * sizeof *change->vector);
            return LANCELET_OK;
        }
        if (!pending && row->address == GALLERY_NONE && !looked_up) {
            looked_up = true;
            RETURN_IF_ERROR(known_rows_resolve(run->known, run->t, err));
        }
        change->vector_address = pending && pending->vector_elsewhere ? pending->vector_address
                                 : pending                            ? pending->old_address
                                                                      : row->address;
        change->vector_elsewhere = false;
        if (change->vector_address != GALLERY_NONE)
            RETURN_IF_ERROR(gallery_has_vector(run->t, change->vector_address, &change->vector_elsewhere, err));
        if (change->vector_elsewhere)
            return LANCELET_OK;
    }
    return LANCELET_OK;
}

/* The vector of the job's picture: computed by the worker, or a known row's, or, when that row is gone, computed here. */
static lancelet_status give_vector(index_run *run, index_job *job, row_change *change, bool *shared,
                                   lancelet_error *err)
{
    *shared = false;
    if (!job->vector && run->known) {
        RETURN_IF_ERROR(share_vector(run, job->sha256, change, err));
        *shared = change->vector || change->vector_elsewhere;
    }
    if (!job->vector && !*shared) {
        index_work_run(&run->work, &run->context, &job, 1, true);
        if (job->problem.status != LANCELET_OK)
            return LANCELET_OK; /* the caller sees to it */
    }
    if (job->vector) {
        for (size_t i = 0; i < run->t->dim && run->norm != 1; i++)
            job->vector[i] *= run->norm;
        change->vector = job->vector;
        job->vector = NULL;
    }
    return LANCELET_OK;
}

/* ---- what comes out of the pipeline ---- */

/* A row of the table takes a new caption, or a new size and time, or both. */
static lancelet_status update_row(index_run *run, index_job *job, size_t known, bool new_caption,
                                  const char *new_uri, lancelet_error *err)
{
    row_change change = {.replaces = true, .known = known};
    if (run->o.dry_run)
        return LANCELET_OK;
    RETURN_IF_ERROR(need_address(run, known, err));
    const known_row *row = known_rows_at(run->known, known);
    if (row->address == GALLERY_NONE)
        return LANCELET_OK; /* deleted by another program meanwhile */
    change.old_address = row->address;
    change.id = row->id;
    if (new_uri && !(change.uri = base_strdup(new_uri)))
        return base_fail_memory(err);
    take_item(&change, job);
    if (!new_caption) {
        base_free(change.text);
        change.text = NULL;
    }
    return add_change(run, &change, err);
}

static void remember_file(index_run *run, size_t known, const source_item *item, uint64_t text_hash)
{
    known_row *row = known_rows_at(run->known, known);
    row->size = (int64_t)item->size;
    row->modified_us = item->modified_us;
    row->seen = true;
    if (text_hash)
        row->text_hash = text_hash;
}

/* The picture of a row that the table held before. */
static lancelet_status known_picture(index_run *run, index_job *job, lancelet_error *err)
{
    size_t known = job->known;
    bool new_caption = has_new_caption(run, &job->item, known), shared;
    uint64_t text_hash =
        job->item.caption ? known_text_hash(job->item.caption, strlen(job->item.caption)) : 0;
    if (strcmp(job->sha256, job->old_sha256) == 0) {
        bool keeps_file = run->t->roles.size >= 0 || run->t->roles.modified >= 0;
        if (new_caption)
            run->report->changed++;
        else
            run->report->unchanged++;
        remember_file(run, known, &job->item, text_hash);
        return new_caption || keeps_file ? update_row(run, job, known, new_caption, NULL, err) : LANCELET_OK;
    }
    row_change change = {.replaces = true, .known = known};
    if (!run->o.dry_run) {
        RETURN_IF_ERROR(need_address(run, known, err));
        change.old_address = known_rows_at(run->known, known)->address;
        change.id = known_rows_at(run->known, known)->id;
        lancelet_status status = give_vector(run, job, &change, &shared, err);
        if (status != LANCELET_OK || job->problem.status != LANCELET_OK) {
            row_change_free(&change);
            return status != LANCELET_OK ? status : skipped(run, job, err);
        }
    }
    run->report->changed++;
    remember_file(run, known, &job->item, text_hash);
    lancelet_status status = known_rows_set_content(run->known, known, job->sha256, err);
    if (run->o.dry_run || change.old_address == GALLERY_NONE || status != LANCELET_OK) {
        row_change_free(&change);
        return status;
    }
    take_item(&change, job);
    take_picture(&change, job);
    return add_change(run, &change, err);
}

/* How many bytes the ends of two paths have in common. */
static size_t common_end(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b), same = 0;
    while (same < m && same < n && a[m - 1 - same] == b[n - 1 - same])
        same++;
    return same;
}

/* A row of this content whose file is no longer there; KNOWN_NONE: no such row. Of several copies it is the one whose path
 * ends most like `uri`, so that those of a renamed folder keep each its own id, and of equals the first of the table. */
static lancelet_status find_moved(index_run *run, const char *sha256, const char *uri, size_t *moved,
                                  lancelet_error *err)
{
    size_t first = known_rows_by_content(run->known, sha256), longest = 0;
    *moved = KNOWN_NONE;
    if (first == KNOWN_NONE || known_rows_at(run->known, first)->all_seen)
        return LANCELET_OK;
    for (size_t i = first; i != KNOWN_NONE; i = known_rows_at(run->known, i)->next_same) {
        known_row *row = known_rows_at(run->known, i);
        base_stat stat = {.exists = true};
        if (row->seen || !row->uri)
            continue;
        if (!row->gone) {
            char *path = NULL;
            RETURN_IF_ERROR(index_row_file(row->uri, &path, err));
            if (!path)
                continue; /* no file of this machine */
            lancelet_status status = base_file_stat(path, &stat, err);
            base_free(path);
            if (status == LANCELET_MEMORY)
                return status;
            row->gone = status == LANCELET_OK && !stat.exists;
            row->seen = !row->gone;
        }
        size_t same = row->gone ? common_end(row->uri, uri) : 0;
        if (row->gone && (*moved == KNOWN_NONE || same > longest || (same == longest && i < *moved))) {
            *moved = i;
            longest = same;
        }
    }
    /* rows that join later in this run have been met; a thousand copies do not look at each other a million times */
    known_rows_at(run->known, first)->all_seen = *moved == KNOWN_NONE;
    return LANCELET_OK;
}

static lancelet_status moved_picture(index_run *run, index_job *job, size_t moved, lancelet_error *err)
{
    uint64_t text_hash =
        job->item.caption ? known_text_hash(job->item.caption, strlen(job->item.caption)) : 0;
    bool new_caption = has_new_caption(run, &job->item, moved);
    RETURN_IF_ERROR(
        known_rows_set_uri(run->known, job->known, NULL, err)); /* the place kept for it is not needed */
    RETURN_IF_ERROR(known_rows_set_uri(run->known, moved, job->item.uri, err));
    remember_file(run, moved, &job->item, text_hash);
    run->report->moved++;
    return update_row(run, job, moved, new_caption, job->item.uri, err);
}

/* A row of its own. */
static lancelet_status new_picture(index_run *run, index_job *job, lancelet_error *err)
{
    row_change change = {.known = job->known};
    bool copy = run->known && known_rows_by_content(run->known, job->sha256) != KNOWN_NONE, shared = copy;
    uint64_t text_hash =
        job->item.caption ? known_text_hash(job->item.caption, strlen(job->item.caption)) : 0;
    if (run->next_id == INT64_MAX)
        return gallery_fail_no_id(run->t, err);
    if (!run->o.dry_run) {
        lancelet_status status = give_vector(run, job, &change, &shared, err);
        if (status != LANCELET_OK || job->problem.status != LANCELET_OK) {
            row_change_free(&change);
            return status != LANCELET_OK ? status : skipped(run, job, err);
        }
    }
    if (copy)
        run->report->copies++;
    else
        run->report->added++;
    change.id = run->next_id++;
    if (run->known) {
        known_row *row = known_rows_at(run->known, job->known);
        row->id = change.id;
        remember_file(run, job->known, &job->item, text_hash);
        lancelet_status status = known_rows_set_content(run->known, job->known, job->sha256, err);
        if (status != LANCELET_OK) {
            row_change_free(&change);
            return status;
        }
    }
    if (run->o.dry_run)
        return LANCELET_OK;
    change.uri = take_string(&job->item.uri);
    take_item(&change, job);
    take_picture(&change, job);
    return add_change(run, &change, err);
}

static lancelet_status finish(index_run *run, index_job *job, lancelet_error *err)
{
    run->done++;
    if (job->item.is_frame)
        index_source_frame_done(job->source, job->place);
    if (job->source->unfinished && job->source->met <= job->place)
        job->source->met = job->place + 1;
    if (job->known != KNOWN_NONE)
        known_rows_at(run->known, job->known)->in_flight = false;
    if (job->problem.status != LANCELET_OK)
        return skipped(run, job, err);
    if (job->task == TASK_CAPTION) {
        run->report->changed++;
        remember_file(run, job->known, &job->item,
                      known_text_hash(job->item.caption, strlen(job->item.caption)));
        return update_row(run, job, job->known, true, NULL, err);
    }
    if (job->existing)
        return known_picture(run, job, err);
    size_t moved = KNOWN_NONE;
    if (run->known)
        RETURN_IF_ERROR(find_moved(run, job->sha256, job->item.uri, &moved, err));
    return moved != KNOWN_NONE ? moved_picture(run, job, moved, err) : new_picture(run, job, err);
}

/* The oldest job, if it is done within wait_ms, and then a commit if it is time for one. */
static lancelet_status take_one(index_run *run, int wait_ms, bool *taken, lancelet_error *err)
{
    index_job job = {0};
    *taken = pipeline_take(run->pipe, wait_ms, &job);
    progress(run);
    if (!*taken)
        return LANCELET_OK;
    lancelet_status status = finish(run, &job, err);
    index_job_free(&job);
    if (status == LANCELET_OK && run->changes.n > 0 &&
        (run->changes.n >= COMMIT_ROWS || run->changes.bytes >= COMMIT_BYTES ||
         base_monotonic_us() - run->last_commit_us >= COMMIT_US))
        status = index_run_commit(run, err);
    return status;
}

lancelet_status index_run_drain(index_run *run, lancelet_error *err)
{
    bool taken;
    while (!pipeline_empty(run->pipe)) {
        if (base_cancelled(run->o.cancel))
            return base_fail_cancelled(err);
        RETURN_IF_ERROR(take_one(run, 100, &taken, err));
    }
    return LANCELET_OK;
}

/* ---- what goes into the pipeline ---- */

static void set_old_content(index_job *job, const known_row *row)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 32 && row->has_sha; i++) {
        job->old_sha256[2 * i] = digits[row->sha[i] >> 4];
        job->old_sha256[2 * i + 1] = digits[row->sha[i] & 15];
    }
}

/* Decides by uri; *settled when the item needs no place in the order. */
static lancelet_status look_up(index_run *run, index_job *job, bool *settled, lancelet_error *err)
{
    *settled = false;
    job->known = known_rows_by_uri(run->known, job->item.uri);
    if (job->known != KNOWN_NONE && known_rows_at(run->known, job->known)->in_flight) {
        RETURN_IF_ERROR(index_run_drain(run, err)); /* the same picture twice in one run */
        job->known = known_rows_by_uri(run->known, job->item.uri);
    }
    job->existing = job->known != KNOWN_NONE;
    if (job->problem.status != LANCELET_OK) {
        size_t length;
        const char *fragment;
        if (job->existing && source_uri_split(job->item.uri, &length, &fragment))
            known_rows_at(run->known, job->known)->seen = true; /* its container gave it */
        return LANCELET_OK;
    }
    if (!job->existing) {
        RETURN_IF_ERROR(known_rows_add(run->known, job->item.uri, &job->known, err));
        known_rows_at(run->known, job->known)->in_flight = true;
        return LANCELET_OK;
    }
    known_row *row = known_rows_at(run->known, job->known);
    row->seen = true;
    set_old_content(job, row);
    if (row->size == (int64_t)job->item.size && row->modified_us == job->item.modified_us) {
        job->task = TASK_CAPTION;
        if (!has_new_caption(run, &job->item, job->known)) {
            run->report->unchanged++;
            run->done++;
            *settled = true;
            return LANCELET_OK;
        }
    }
    row->in_flight = true;
    return LANCELET_OK;
}

static lancelet_status meet(index_run *run, index_job *job, lancelet_error *err)
{
    bool settled = false, taken;
    size_t length;
    const char *fragment;
    run->report->found++;
    job->task = TASK_READ;
    job->known = KNOWN_NONE;
    if (job->item.problem)
        base_fail(&job->problem, job->item.problem_status != LANCELET_OK ? job->item.problem_status : LANCELET_IO, "%s",
                  job->item.problem);
    if (run->o.prune)
        RETURN_IF_ERROR(index_run_met(run, &job->item, err));
    if (run->known)
        RETURN_IF_ERROR(look_up(run, job, &settled, err));
    if (job->task == TASK_CAPTION) { /* also when settled: the picture is not needed */
        base_free(job->item.bytes);
        job->item.bytes = NULL;
    }
    if (job->item.is_frame && source_uri_split(job->item.uri, &length, &fragment) && !settled)
        RETURN_IF_ERROR(index_source_frame(job->source, job->item.uri, length, job->place, err));
    else if (!job->item.is_frame)
        index_source_no_frame(job->source);
    if (settled)
        return LANCELET_OK;
    while (pipeline_full(run->pipe)) {
        if (base_cancelled(run->o.cancel))
            return base_fail_cancelled(err);
        RETURN_IF_ERROR(take_one(run, 100, &taken, err));
    }
    RETURN_IF_ERROR(pipeline_submit(run->pipe, job, err));
    for (taken = true; taken && !base_cancelled(run->o.cancel);)
        RETURN_IF_ERROR(take_one(run, 0, &taken, err));
    return LANCELET_OK;
}

lancelet_status index_run_source(index_run *run, index_source *from, lancelet_error *err)
{
    for (uint64_t place = 0;; place++) {
        index_job job = {.source = from, .place = place};
        bool done = false;
        if (base_cancelled(run->o.cancel))
            return base_fail_cancelled(err);
        if (from->has_first) {
            job.item = from->first;
            from->first = (source_item){0};
            from->has_first = false;
        } else {
            RETURN_IF_ERROR(source_next(from->open, &job.item, &done, err));
        }
        if (done) {
            index_source_no_frame(from);
            return LANCELET_OK;
        }
        lancelet_status status = meet(run, &job, err);
        index_job_free(&job);
        if (status != LANCELET_OK)
            return status;
        progress(run);
    }
}
