/* hub_file.c - one file of a repository into the cache, as huggingface_hub lays it out: the bytes in blobs/HASH, written to
 * blobs/HASH.incomplete first, under .locks/REPOSITORY/HASH.lock (flock, as Python's filelock takes it); in the snapshot a link
 * "../../blobs/HASH", or where the file system has no links the file itself.
 *
 * Departures: huggingface_hub 2.x writes to a name of its own in each process and starts anew when a download broke; here, as in 1.x,
 * the one .incomplete stays and is gone on with by a Range request. Two that write into it at once (a file system whose flock does
 * nothing) are found out by the hash, which the peer does not look at. A file whose hash is wrong leaves nothing behind; where it
 * was gone on with, it is fetched once more from its beginning first. */
#include "net/hub_internal.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/pool.h"

enum { LOOK_MS = 100, SAY_AFTER_MS = 2000 };

/* What is needed while one file comes in. */
typedef struct download {
    hub_client *c;
    const hub_job *job;
    const hub_file *file;
    char *blob, *incomplete, *lock, *snapshot; /* paths */
    char *url;
    base_hasher *hasher;
    base_writer w;
    uint64_t asked; /* first byte of the Range asked for; 0: the whole file */
    bool resumed;   /* what was there before is part of it */
    bool came;      /* bytes came in this run: a line that goes dead now was alive */
    bool wrong;     /* the hash is another's: nothing of it is kept */
} download;

char *hub_snapshot_path(const char *folder, const char *commit, const char *file)
{
    return base_format("%s/snapshots/%s/%s", folder, commit, file);
}

uint64_t hub_partial_bytes(const char *folder, const hub_file *file)
{
    base_stat st = {0};
    char *path = base_format("%s/blobs/%s.incomplete", folder, file->hash);
    if (path && base_file_stat(path, &st, NULL) != LANCELET_OK)
        st.size = 0;
    base_free(path);
    return st.size <= file->size ? st.size : 0;
}

static void moved(const download *d, int64_t bytes)
{
    d->job->moved(d->job->arg, bytes);
}

/* ---- the lock ---- */

static lancelet_status make_parent(const char *path, lancelet_error *err)
{
    char *folder = base_path_parent(path);
    lancelet_status status = folder ? base_dir_make(folder, err) : base_fail_memory(err);
    base_free(folder);
    return status;
}

static lancelet_status take_lock(const download *d, int *fd, lancelet_error *err)
{
    RETURN_IF_ERROR(make_parent(d->lock, err));
    for (int waited = 0;; waited += LOOK_MS) {
        lancelet_status status = base_lock(d->lock, fd, err);
        if (status != LANCELET_CONFLICT)
            return status;
        if (base_cancelled(d->c->cancel))
            return base_fail_cancelled(err);
        if (waited == SAY_AFTER_MS) {
            char sentence[512];
            snprintf(sentence, sizeof sentence, "waiting until another download of %.300s ends", d->file->name);
            d->job->note(d->job->arg, sentence);
        }
        poll(NULL, 0, LOOK_MS);
    }
}

/* ---- hashing ---- */

/* Git's hash is that of a head and the bytes. */
static void start_hash(const download *d)
{
    char head[32];
    base_hasher_start(d->hasher);
    if (strlen(d->file->hash) == 40)
        base_hasher_update(d->hasher, head, (size_t)snprintf(head, sizeof head, "blob %" PRIu64, d->file->size) + 1);
}

/* What a broken download left, into the hash. */
static lancelet_status hash_partial(download *d, lancelet_error *err)
{
    base_map map;
    start_hash(d);
    if (d->w.position > d->file->size) /* which hub_partial_bytes counts as none */
        return base_writer_restart(&d->w, err);
    d->resumed = d->w.position > 0;
    if (!d->resumed)
        return LANCELET_OK;
    RETURN_IF_ERROR(base_map_open(d->incomplete, 0, &map, err));
    base_hasher_update(d->hasher, map.data, (size_t)map.size);
    d->w.position = map.size;
    base_map_close(&map);
    return LANCELET_OK;
}

static lancelet_status start_anew(download *d, lancelet_error *err)
{
    moved(d, -(int64_t)d->w.position);
    RETURN_IF_ERROR(base_writer_restart(&d->w, err));
    d->resumed = false;
    start_hash(d);
    return LANCELET_OK;
}

/* ---- bytes of the server ---- */

static lancelet_status begin_body(void *arg, const hub_head *head, lancelet_error *err)
{
    download *d = arg;
    uint64_t first, last, total;
    if (head->status == 200)
        return d->w.position > 0 ? start_anew(d, err) : LANCELET_OK; /* the whole file, whatever was asked for */
    if (!d->asked || !hub_content_range(head->content_range, &first, &last, &total) || first != d->asked ||
        (total != UINT64_MAX && total != d->file->size))
        return base_fail(err, LANCELET_CORRUPT, "%.300s: the answer has another part of the file than was asked for", d->file->name);
    return LANCELET_OK;
}

static lancelet_status take_bytes(void *arg, const void *bytes, size_t n, lancelet_error *err)
{
    download *d = arg;
    if (n > d->file->size - d->w.position)
        return base_fail(err, LANCELET_CORRUPT, "%.300s: more bytes come than the hub's listing says", d->file->name);
    RETURN_IF_ERROR(base_writer_write(&d->w, bytes, n, err));
    base_hasher_update(d->hasher, bytes, n);
    moved(d, (int64_t)n);
    d->came = true;
    return LANCELET_OK;
}

/* One request for what is missing. *passing: it broke off or was refused in a way that may pass. */
static lancelet_status fetch_rest(download *d, bool *passing, lancelet_error *err)
{
    char range[48];
    const hub_sink sink = {d, begin_body, take_bytes};
    *passing = false;
    d->asked = d->w.position;
    snprintf(range, sizeof range, "bytes=%" PRIu64 "-", d->asked);
    lancelet_status status = hub_get(d->c, d->url, d->asked ? range : NULL, &sink, err);
    int answer = d->c->head.status;
    if (status == LANCELET_OK && answer == 416 && d->asked) {
        *passing = true; /* what is here cannot be gone on with */
        return start_anew(d, err);
    }
    bool unreachable = status == LANCELET_NOT_FOUND && !d->c->sink_failed;
    if (hub_is_passing(d->c, status) || (unreachable && d->came)) {
        *passing = true;
        if (status == LANCELET_OK)
            (void)hub_fail_answer(d->c, d->job->repository, d->file->name, err);
        else
            (void)hub_fail_connection(d->c, status, err);
        return LANCELET_OK;
    }
    if (unreachable)
        return hub_fail_connection(d->c, status, err);
    RETURN_IF_ERROR(status);
    if (answer != 200 && answer != 206)
        return hub_fail_answer(d->c, d->job->repository, d->file->name, err);
    *passing = d->w.position < d->file->size; /* ended early, with a length that was right */
    if (*passing)
        base_fail(err, LANCELET_IO, "%.300s ends after %" PRIu64 " of %" PRIu64 " bytes", d->file->name, d->w.position, d->file->size);
    return LANCELET_OK;
}

/* All of it. Whoever brings bytes has as many tries again. */
static lancelet_status fetch_all(download *d, lancelet_error *err)
{
    lancelet_error own = {0};
    err = err ? err : &own;
    for (int n = 1; d->w.position < d->file->size || (d->file->size == 0 && n == 1); n++) {
        bool passing;
        uint64_t before = d->w.position;
        RETURN_IF_ERROR(fetch_rest(d, &passing, err));
        if (!passing)
            continue;
        if (d->w.position > before)
            n = 1;
        if (n >= HUB_TRIES)
            return err->status ? err->status : LANCELET_IO;
        RETURN_IF_ERROR(hub_wait(d->c, n, err));
    }
    return LANCELET_OK;
}

/* ---- its place ---- */

static lancelet_status check_hash(download *d, bool *right, lancelet_error *err)
{
    char hash[65];
    base_hasher_hex(d->hasher, hash);
    *right = strcmp(hash, d->file->hash) == 0;
    if (*right || d->resumed)
        return LANCELET_OK;
    d->wrong = true;
    return base_fail(err, LANCELET_CORRUPT,
                     "%.300s of %s %s is not what the hub's listing says (hash %.16s... instead of %.16s...); nothing of it was kept, "
                     "run the same again",
                     d->file->name, hub_kind(d->job->repository), d->job->repository->name, hash, d->file->hash);
}

/* The file that was written, under its name. */
static lancelet_status publish(download *d, lancelet_error *err)
{
    base_stat st;
    RETURN_IF_ERROR(base_file_stat(d->incomplete, &st, err));
    if (st.size == d->file->size)
        return base_file_rename(d->incomplete, d->blob, err);
    d->wrong = true;
    return base_fail(err, LANCELET_CORRUPT, "another program wrote into %s at the same time; nothing of it was kept, run the same again",
                     d->incomplete);
}

/* Brings the bytes into the .incomplete file, and gives it its name. */
static lancelet_status fetch_blob(download *d, lancelet_error *err)
{
    bool right = false;
    RETURN_IF_ERROR(make_parent(d->incomplete, err));
    RETURN_IF_ERROR(base_writer_append(d->incomplete, &d->w, err));
    lancelet_status status = hash_partial(d, err);
    for (bool again = true; status == LANCELET_OK && !right && again;) {
        again = d->resumed;
        status = fetch_all(d, err);
        again = again && d->resumed;
        if (status == LANCELET_OK)
            status = check_hash(d, &right, err);
        if (status == LANCELET_OK && !right)
            status = start_anew(d, err);
    }
    if (status == LANCELET_OK)
        status = base_writer_close(&d->w, true, err);
    else
        base_writer_abandon(&d->w);
    if (status == LANCELET_OK)
        status = publish(d, err);
    if (d->wrong)
        (void)!base_file_remove(d->incomplete, NULL);
    return status;
}

/* "../../blobs/HASH" from the snapshot's file, with a step up more for each folder in its name. */
static char *link_target(const hub_file *file)
{
    base_buffer b = {0};
    bool fits = base_buffer_append_string(&b, "../../");
    for (const char *p = file->name; *p && fits; p++)
        fits = *p != '/' || base_buffer_append_string(&b, "../");
    if (fits && base_buffer_printf(&b, "blobs/%s", file->hash))
        return base_buffer_to_string(&b);
    base_buffer_free(&b);
    return NULL;
}

static lancelet_status place(const download *d, bool fresh, lancelet_error *err)
{
    RETURN_IF_ERROR(make_parent(d->snapshot, err));
    RETURN_IF_ERROR(base_file_remove(d->snapshot, err)); /* a link whose blob was deleted */
    char *target = link_target(d->file);
    if (!target)
        return base_fail_memory(err);
    lancelet_status status = base_file_link(target, d->snapshot, err);
    base_free(target);
    if (status == LANCELET_UNSUPPORTED)
        status = fresh ? base_file_rename(d->blob, d->snapshot, err) : base_file_copy(d->blob, d->snapshot, err);
    return status == LANCELET_CONFLICT ? LANCELET_OK : status;
}

/* With the lock held. */
static lancelet_status bring(download *d, lancelet_error *err)
{
    base_stat st;
    RETURN_IF_ERROR(base_file_stat(d->snapshot, &st, err));
    if (st.is_regular && st.size == d->file->size) {
        moved(d, (int64_t)(d->file->size - hub_partial_bytes(d->job->folder, d->file)));
        return LANCELET_OK; /* another program was faster */
    }
    RETURN_IF_ERROR(base_file_stat(d->blob, &st, err));
    bool here = st.is_regular && st.size == d->file->size;
    if (here)
        moved(d, (int64_t)(d->file->size - hub_partial_bytes(d->job->folder, d->file)));
    else
        RETURN_IF_ERROR(fetch_blob(d, err));
    return place(d, !here, err);
}

static char *make_address(const download *d)
{
    const hub_repository *r = d->job->repository;
    char *name = hub_quote(r->name, true), *file = hub_quote(d->file->name, true);
    char *url = name && file ? base_format("%s/%s%s/resolve/%s/%s", d->c->place->endpoint, hub_prefix(r), name, d->job->commit, file) : NULL;
    base_free(name);
    base_free(file);
    return url;
}

lancelet_status hub_download(hub_client *c, const hub_job *job, const hub_file *file, lancelet_error *err)
{
    download d = {.c = c, .job = job, .file = file};
    d.blob = base_format("%s/blobs/%s", job->folder, file->hash);
    d.incomplete = base_format("%s/blobs/%s.incomplete", job->folder, file->hash);
    d.lock = base_format("%s/%s.lock", job->locks, file->hash);
    d.snapshot = hub_snapshot_path(job->folder, job->commit, file->name);
    d.url = make_address(&d);
    d.hasher = base_hasher_create(strlen(file->hash) == 40 ? BASE_SHA1 : BASE_SHA256);
    lancelet_status status = LANCELET_OK;
    if (!d.blob || !d.incomplete || !d.lock || !d.snapshot || !d.url || !d.hasher)
        status = base_fail_memory(err);
    int fd = -1;
    if (status == LANCELET_OK)
        status = take_lock(&d, &fd, err);
    if (status == LANCELET_OK) {
        status = bring(&d, err);
        base_unlock(fd);
    }
    base_free(d.blob);
    base_free(d.incomplete);
    base_free(d.lock);
    base_free(d.snapshot);
    base_free(d.url);
    base_hasher_destroy(d.hasher);
    return status;
}
