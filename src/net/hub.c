/* hub.c - what a repository has, by the hub or offline by the cache; and files of it fetched by several threads at once, each with
 * a connection of its own. See hub.h.
 *
 * Departures from huggingface_hub 2.x: no HEAD request is made for a file, since its hash, which is its ETag, stands in the tree
 * already; the tree is not kept in trees/ (whose presence makes a snapshot of some files an incomplete one for the peer); and
 * refs/REVISION names the commit only after all files are there, so that a pull that broke off leaves the old snapshot in use. */
#include "net/hub_internal.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/pool.h"
#include "base/text.h"

enum {
    AT_ONCE = 4,              /* files */
    REPORT_MS = 100,          /* between two calls of progress */
    MAX_INFO = 32 << 20,      /* bytes of JSON */
    MAX_PAGE = 16 << 20,
    MAX_PAGES = 20000,
    MAX_DEPTH = 64,           /* folders in a snapshot */
    MAX_NOTES = 8,
};

/* ---- the name of a repository ---- */

static lancelet_status check_name(const hub_repository *r, lancelet_error *err)
{
    if (!net_is_repository(r->name))
        return base_fail(err, LANCELET_INVALID, "'%.100s' is no name of a Hugging Face repository", r->name);
    if (!net_is_file_name(hub_revision(r)))
        return base_fail(err, LANCELET_INVALID, "'%.100s' is no name of a branch, tag or commit", hub_revision(r));
    return LANCELET_OK;
}

/* The repository's folder in the cache; INVALID where there is no place for one. */
static lancelet_status cache_folder(const hub_repository *r, char **folder, lancelet_error *err)
{
    RETURN_IF_ERROR(net_repository_folder(r->dataset, r->name, folder, err));
    return *folder ? LANCELET_OK : base_fail(err, LANCELET_INVALID, "there is no home folder for the hub's cache; set HF_HOME");
}

/* ---- listing, by the hub ---- */

static lancelet_status ask_commit(hub_client *c, const hub_repository *r, const char *name, char commit[65], lancelet_error *err)
{
    if (net_is_commit(hub_revision(r))) {
        memcpy(commit, r->revision, strlen(r->revision) + 1);
        return LANCELET_OK;
    }
    char *revision = hub_quote(hub_revision(r), false);
    char *url = revision ? base_format("%s/api/%s/%s/revision/%s", c->place->endpoint, r->dataset ? "datasets" : "models", name, revision)
                         : NULL;
    base_buffer body;
    lancelet_status status = url ? hub_get_all(c, r, url, MAX_INFO, &body, err) : base_fail_memory(err);
    base_free(url);
    base_free(revision);
    RETURN_IF_ERROR(status);
    status = hub_parse_info((const char *)body.data, body.size, commit, err);
    base_buffer_free(&body);
    return status;
}

/* Adds a page, and makes *url that of the next: NULL behind the last. */
static lancelet_status ask_page(hub_client *c, const hub_repository *r, char **url, hub_files *out, size_t *capacity, lancelet_error *err)
{
    base_buffer body;
    char *link = NULL, *next = NULL;
    RETURN_IF_ERROR(hub_get_all(c, r, *url, MAX_PAGE, &body, err));
    lancelet_status status = hub_parse_page((const char *)body.data, body.size, out, capacity, err);
    base_buffer_free(&body);
    if (status == LANCELET_OK)
        status = hub_next_page(c->head.link, &link, err);
    if (status == LANCELET_OK && link)
        status = hub_address_join(*url, link, &next, err);
    base_free(link);
    base_free(*url);
    *url = next;
    return status;
}

static lancelet_status ask_tree(hub_client *c, const hub_repository *r, const char *name, hub_files *out, lancelet_error *err)
{
    size_t capacity = 0;
    char *url = base_format("%s/api/%s/%s/tree/%s?recursive=true", c->place->endpoint, r->dataset ? "datasets" : "models", name, out->commit);
    if (!url)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    for (int n = 0; url && status == LANCELET_OK; n++) {
        if (n == MAX_PAGES)
            status = base_fail(err, LANCELET_LIMIT, "the listing has more than %d pages", MAX_PAGES);
        else
            status = ask_page(c, r, &url, out, &capacity, err);
    }
    base_free(url);
    return status == LANCELET_OK ? hub_sort(out, err) : status;
}

/* Which files the snapshot has. */
static lancelet_status mark_cached(const char *folder, hub_files *f, lancelet_error *err)
{
    for (size_t i = 0; i < f->n; i++) {
        base_stat st;
        char *path = hub_snapshot_path(folder, f->commit, f->file[i].name);
        lancelet_status status = path ? base_file_stat(path, &st, err) : base_fail_memory(err);
        base_free(path);
        RETURN_IF_ERROR(status);
        f->file[i].cached = st.is_regular && st.size == f->file[i].size;
    }
    return LANCELET_OK;
}

static lancelet_status list_online(const hub_place *place, const hub_repository *r, const char *folder, const volatile int *cancel,
                                   hub_files *out, lancelet_error *err)
{
    hub_client *c = base_alloc(sizeof *c);
    char *name = hub_quote(r->name, true);
    lancelet_status status = c && name ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK) {
        status = hub_client_open(c, place, cancel, err);
        if (status == LANCELET_OK)
            status = ask_commit(c, r, name, out->commit, err);
        if (status == LANCELET_OK)
            status = ask_tree(c, r, name, out, err);
        hub_client_close(c);
        if (status == LANCELET_CORRUPT)
            base_error_prefix(err, "%.200s, %s %s", place->host, hub_kind(r), r->name);
    }
    base_free(c);
    base_free(name);
    return status == LANCELET_OK ? mark_cached(folder, out, err) : status;
}

/* ---- listing, by the cache ---- */

/* Files of `folder`/`below` (NULL: the snapshot itself). A link that leads nowhere is passed over. */
static lancelet_status list_folder(const char *folder, const char *below, int depth, hub_files *out, size_t *capacity, lancelet_error *err)
{
    char *path = below ? base_path_join(folder, below) : base_strdup(folder);
    base_names names = {0};
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = depth < MAX_DEPTH ? base_dir_list(path, &names, err)
                                               : base_fail(err, LANCELET_LIMIT, "%s has folders more than %d deep", folder, MAX_DEPTH);
    base_free(path);
    for (size_t i = 0; i < names.n && status == LANCELET_OK; i++) {
        base_stat st = {0};
        char *name = below ? base_path_join(below, names.name[i]) : base_strdup(names.name[i]);
        path = name ? base_path_join(folder, name) : NULL;
        status = path ? base_file_stat(path, &st, err) : base_fail_memory(err);
        if (status == LANCELET_OK && st.is_dir) {
            status = list_folder(folder, name, depth + 1, out, capacity, err);
        } else if (status == LANCELET_OK && st.is_regular && net_is_file_name(name)) {
            const hub_file file = {.name = name, .size = st.size, .cached = true};
            status = hub_add_file(out, capacity, &file, err);
        }
        base_free(path);
        base_free(name);
    }
    base_names_free(&names);
    return status;
}

/* What is missing, and the command that brings it. `forbidden`: by the environment, so that the command alone would not help. */
static lancelet_status fail_not_cached(const hub_repository *r, const char *file, const char *folder, bool forbidden, lancelet_error *err)
{
    return base_fail(err, LANCELET_NOT_FOUND, "%.300s%s%s %s%s%s is not in the hub's cache (%s)%s: picask %s pull %s%s%s", file ? file : "",
                     file ? " of " : "", hub_kind(r), r->name, r->revision ? "@" : "", r->revision ? r->revision : "", folder,
                     forbidden ? ", and HF_HUB_OFFLINE forbids to fetch it; without that" : "; fetch it",
                     r->dataset ? "dataset" : "model", r->name, r->dataset && r->revision ? "@" : "",
                     r->dataset && r->revision ? r->revision : "");
}

static lancelet_status list_cached(const hub_repository *r, const char *folder, bool forbidden, hub_files *out, lancelet_error *err)
{
    size_t capacity = 0;
    RETURN_IF_ERROR(net_cached_commit(folder, hub_revision(r), out->commit, err));
    char *snapshot = out->commit[0] ? base_format("%s/snapshots/%s", folder, out->commit) : NULL;
    if (!snapshot)
        return out->commit[0] ? base_fail_memory(err) : fail_not_cached(r, NULL, folder, forbidden, err);
    lancelet_status status = list_folder(snapshot, NULL, 0, out, &capacity, err);
    base_free(snapshot);
    if (status == LANCELET_NOT_FOUND)
        return fail_not_cached(r, NULL, folder, forbidden, err);
    return status == LANCELET_OK ? hub_sort(out, err) : status;
}

lancelet_status hub_list(const hub_repository *r, bool offline, const volatile int *cancel, hub_files *out, lancelet_error *err)
{
    hub_place place;
    char *folder = NULL;
    *out = (hub_files){0};
    RETURN_IF_ERROR(check_name(r, err));
    RETURN_IF_ERROR(hub_place_read(&place, err));
    lancelet_status status = cache_folder(r, &folder, err);
    if (status == LANCELET_OK)
        status = offline || place.offline ? list_cached(r, folder, place.offline, out, err)
                                          : list_online(&place, r, folder, cancel, out, err);
    base_free(folder);
    hub_place_free(&place);
    if (status != LANCELET_OK)
        hub_files_free(out);
    return status;
}

void hub_files_free(hub_files *f)
{
    base_free(f->file);
    base_arena_free(&f->arena);
    *f = (hub_files){0};
}

/* ---- fetching ---- */

/* What the threads share; all but the constants under the lock. */
typedef struct fetch {
    const hub_place *place;
    hub_job job;
    const hub_files *files;
    const size_t *todo; /* [n_todo] places in the listing */
    size_t n_todo;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a thread ended */
    size_t next;            /* of todo */
    size_t running;         /* threads */
    uint64_t done, total;   /* bytes */
    volatile int stop;      /* what the transfers look at */
    lancelet_status status; /* of the first that failed */
    lancelet_error error;
    char *note[MAX_NOTES]; /* [n_notes] for the calling thread to say */
    size_t n_notes;
} fetch;

static void on_moved(void *arg, int64_t bytes)
{
    fetch *f = arg;
    pthread_mutex_lock(&f->lock);
    f->done += (uint64_t)bytes; /* modulo 2^64: fewer is a large number */
    pthread_mutex_unlock(&f->lock);
}

static void on_note(void *arg, const char *sentence)
{
    fetch *f = arg;
    pthread_mutex_lock(&f->lock);
    char *copy = f->n_notes < MAX_NOTES ? base_strdup(sentence) : NULL;
    if (copy)
        f->note[f->n_notes++] = copy;
    pthread_mutex_unlock(&f->lock);
}

/* With the lock held. The first failure ends the others; theirs is that they were told to end. */
static void fail(fetch *f, lancelet_status status, const lancelet_error *err)
{
    if (f->status == LANCELET_OK) {
        f->status = status;
        f->error = *err;
    }
    f->stop = 1;
}

static void *work(void *arg)
{
    fetch *f = arg;
    lancelet_error err = {0};
    hub_client *c = base_alloc(sizeof *c);
    lancelet_status status = c ? hub_client_open(c, f->place, &f->stop, &err) : base_fail_memory(&err);
    pthread_mutex_lock(&f->lock);
    while (status == LANCELET_OK && !f->stop && f->next < f->n_todo) {
        const hub_file *file = &f->files->file[f->todo[f->next++]];
        pthread_mutex_unlock(&f->lock);
        status = hub_download(c, &f->job, file, &err);
        pthread_mutex_lock(&f->lock);
    }
    if (status != LANCELET_OK)
        fail(f, status, &err);
    f->running--;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    if (c)
        hub_client_close(c);
    base_free(c);
    return NULL;
}

/* Says what is to be said, with the lock held on entry and exit but not while the caller's functions run. */
static void report(fetch *f, const hub_events *events)
{
    char *note[MAX_NOTES];
    size_t n = f->n_notes;
    uint64_t done = f->done < f->total ? f->done : f->total;
    memcpy(note, f->note, n * sizeof *note);
    f->n_notes = 0;
    pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < n; i++) {
        if (events && events->note)
            events->note(events->arg, 0, note[i]);
        base_free(note[i]);
    }
    if (events && events->progress)
        events->progress(events->arg, done, f->total);
    pthread_mutex_lock(&f->lock);
}

/* Until all threads have ended. */
static void wait_for_all(fetch *f, const hub_events *events, const volatile int *cancel)
{
    pthread_mutex_lock(&f->lock);
    while (f->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += REPORT_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&f->changed, &f->lock, &until);
        if (base_cancelled(cancel) && !f->stop) {
            lancelet_error err;
            fail(f, base_fail_cancelled(&err), &err);
        }
        report(f, events);
    }
    pthread_mutex_unlock(&f->lock);
}

static lancelet_status run(fetch *f, const hub_events *events, const volatile int *cancel, lancelet_error *err)
{
    pthread_t thread[AT_ONCE];
    size_t wanted = f->n_todo < AT_ONCE ? f->n_todo : AT_ONCE, n = 0;
    if (events && events->progress) /* the size is told before the first byte comes */
        events->progress(events->arg, f->done < f->total ? f->done : f->total, f->total);
    f->running = wanted;
    while (n < wanted && pthread_create(&thread[n], NULL, work, f) == 0)
        n++;
    pthread_mutex_lock(&f->lock);
    f->running -= wanted - n; /* fewer will do */
    pthread_mutex_unlock(&f->lock);
    wait_for_all(f, events, cancel);
    for (size_t i = 0; i < n; i++)
        pthread_join(thread[i], NULL);
    if (n == 0 && wanted > 0)
        return base_fail(err, LANCELET_IO, "no thread could be started to fetch files");
    if (f->status != LANCELET_OK && err)
        *err = f->error;
    return f->status;
}

/* ---- before and after ---- */

/* todo: what of the n wanted files is not cached; f->done, f->total. */
static lancelet_status plan(fetch *f, const size_t *which, size_t n, size_t *todo, lancelet_error *err)
{
    f->todo = todo;
    for (size_t i = 0; i < n; i++) {
        size_t at = which ? which[i] : i;
        const hub_file *file = &f->files->file[at];
        if (!base_add_u64(f->total, file->size, &f->total))
            return base_fail(err, LANCELET_CORRUPT, "the listing of %s has sizes beyond all measure", f->job.repository->name);
        f->done += file->cached ? file->size : hub_partial_bytes(f->job.folder, file);
        if (!file->cached)
            todo[f->n_todo++] = at;
    }
    return LANCELET_OK;
}

static lancelet_status check_room(const fetch *f, lancelet_error *err)
{
    uint64_t room = 0, needed = f->total - f->done;
    RETURN_IF_ERROR(base_disk_free(f->job.folder, &room, err));
    if (needed <= room)
        return LANCELET_OK;
    char a[32], b[32];
    return base_fail(err, LANCELET_IO, "disk full: %s %s needs %s more in %s, where %s are free; nothing was fetched", hub_kind(f->job.repository),
                     f->job.repository->name, base_format_bytes(needed, a), f->job.folder, base_format_bytes(room, b));
}

/* CACHEDIR.TAG, by which backups know a cache (bford.info/cachedir). What cannot be written does no harm. */
static void tag_cache(const char *hub)
{
    static const char text[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                               "# This folder holds what can be fetched again from the Hugging Face hub.\n";
    base_stat st;
    char *path = base_path_join(hub, "CACHEDIR.TAG");
    if (path && base_file_stat(path, &st, NULL) == LANCELET_OK && !st.exists)
        (void)!base_file_replace(path, text, sizeof text - 1, false, NULL);
    base_free(path);
}

static lancelet_status write_ref(const hub_repository *r, const char *folder, const char *commit, lancelet_error *err)
{
    char known[NET_COMMIT];
    RETURN_IF_ERROR(net_cached_commit(folder, hub_revision(r), known, err));
    if (strcmp(known, commit) == 0)
        return LANCELET_OK;
    char *path = base_format("%s/refs/%s", folder, hub_revision(r)), *parent = path ? base_path_parent(path) : NULL;
    lancelet_status status = parent ? base_dir_make(parent, err) : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = base_file_replace(path, commit, strlen(commit), false, err);
    base_free(parent);
    base_free(path);
    return status;
}

/* Folders, locks' folder, threads; `todo` [as many as wanted] is room for the plan. */
static lancelet_status fetch_planned(fetch *f, const size_t *which, size_t n, size_t *todo, const hub_events *events,
                                     const volatile int *cancel, lancelet_error *err)
{
    const char *folder = f->job.folder;
    char *hub = base_path_parent(folder), *locks = hub ? base_format("%s/.locks/%s", hub, base_path_name(folder)) : NULL;
    f->job.locks = locks;
    lancelet_status status = locks ? base_dir_make(folder, err) : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = plan(f, which, n, todo, err);
    if (status == LANCELET_OK && f->n_todo > 0) {
        tag_cache(hub);
        status = check_room(f, err);
        if (status == LANCELET_OK)
            status = run(f, events, cancel, err);
    }
    if (status == LANCELET_OK)
        status = write_ref(f->job.repository, folder, f->files->commit, err);
    base_free(locks);
    base_free(hub);
    return status;
}

/* Offline all wanted files must be there. */
static lancelet_status check_offline(const hub_repository *r, const hub_files *files, const size_t *which, size_t n, const char *folder,
                                     lancelet_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const hub_file *file = &files->file[which ? which[i] : i];
        if (!file->cached)
            return fail_not_cached(r, file->name, folder, true, err);
    }
    return LANCELET_OK;
}

static lancelet_status fetch_into(const hub_place *place, const hub_repository *r, const hub_files *files, const size_t *which, size_t n,
                                  const char *folder, const hub_events *events, const volatile int *cancel, lancelet_error *err)
{
    if (place->offline)
        return check_offline(r, files, which, n, folder, err);
    size_t *todo = base_alloc_array(n ? n : 1, sizeof *todo);
    fetch *f = base_calloc(1, sizeof *f);
    lancelet_status status = todo && f ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK) {
        *f = (fetch){.place = place, .files = files};
        f->job = (hub_job){.repository = r, .folder = folder, .commit = files->commit, .arg = f, .moved = on_moved, .note = on_note};
        pthread_mutex_init(&f->lock, NULL);
        pthread_cond_init(&f->changed, NULL);
        status = fetch_planned(f, which, n, todo, events, cancel, err);
        pthread_cond_destroy(&f->changed);
        pthread_mutex_destroy(&f->lock);
    }
    base_free(todo);
    base_free(f);
    return status;
}

lancelet_status hub_fetch(const hub_repository *r, const hub_files *files, const size_t *which, size_t n, const hub_events *events,
                          const volatile int *cancel, char **folder, lancelet_error *err)
{
    hub_place place;
    char *repository = NULL;
    if (folder)
        *folder = NULL;
    RETURN_IF_ERROR(check_name(r, err));
    RETURN_IF_ERROR(hub_place_read(&place, err));
    lancelet_status status = cache_folder(r, &repository, err);
    if (status == LANCELET_OK)
        status = fetch_into(&place, r, files, which, which ? n : files->n, repository, events, cancel, err);
    if (status == LANCELET_OK && folder) {
        *folder = base_format("%s/snapshots/%s", repository, files->commit);
        status = *folder ? LANCELET_OK : base_fail_memory(err);
    }
    base_free(repository);
    hub_place_free(&place);
    return status;
}

lancelet_status hub_cached_file(const hub_repository *r, const char *file, char **path, lancelet_error *err)
{
    char *folder = NULL, commit[NET_COMMIT];
    *path = NULL;
    RETURN_IF_ERROR(check_name(r, err));
    if (!net_is_file_name(file))
        return base_fail(err, LANCELET_INVALID, "'%.200s' is no name of a file in a repository", file);
    RETURN_IF_ERROR(net_repository_folder(r->dataset, r->name, &folder, err));
    if (!folder)
        return LANCELET_OK;
    lancelet_status status = net_cached_commit(folder, hub_revision(r), commit, err);
    char *found = status == LANCELET_OK && commit[0] ? hub_snapshot_path(folder, commit, file) : NULL;
    base_free(folder);
    if (!found)
        return status == LANCELET_OK && commit[0] ? base_fail_memory(err) : status;
    base_stat st;
    status = base_file_stat(found, &st, err);
    if (status == LANCELET_OK && st.is_regular)
        *path = found;
    else
        base_free(found);
    return status;
}
