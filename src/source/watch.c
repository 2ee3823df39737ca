/*
 * watch.c - waits until something changes that an index run would see: a picture, video or Parquet file below the folders by its
 * name, a caption beside it, a folder, or a file that is a source itself. All folders are watched (base/watch.h); a new one as it
 * appears, and what came into it before that counts as changed with it. Where watching cannot be had, or there are more folders
 * than the system lets one watch, all of it is looked through every few seconds: names, sizes and times, as a number.
 *
 * Lost events, a folder that was moved (its watch would go on under its old name) and a source that went or came back have all
 * folders watched anew. What an index run writes must not wake it: names that no run reads do not count.
 */
#include <poll.h>
#include <string.h>
#include <strings.h>

#include "base/picture.h"
#include "base/watch.h"
#include "source/internal.h"

enum {
    QUIET_MS = 1000,   /* without a change before it is told */
    LONGEST_MS = 5000, /* of changes that do not end */
    SLICE_MS = 200,    /* until the cancel flag is looked at again */
    LOOK_MS = 3000,    /* between two looks through everything, */
    LOOK_SHARE = 20,   /* and so many times as long as one takes */
};

typedef struct watched_folder {
    char *path;     /* NULL: not watched any more */
    size_t root;    /* the source that it lies below */
    bool is_parent; /* only of a file that is a source */
} watched_folder;

typedef struct watch_root {
    const char *path;
    bool is_file, missing;
} watch_root;

struct source_watch {
    source_options options;
    char **path;      /* [n] of the roots */
    watch_root *root; /* [n] */
    size_t n;
    int fd;                 /* -1: everything is looked through */
    watched_folder *folder; /* [n_folders] by the number of the watch */
    size_t n_folders;
    base_map64 *seen;          /* folders that a traversal has been in, by device and inode */
    char **waiting;            /* [n_waiting] folders that it has still to go into */
    size_t n_waiting, capacity;
    uint64_t state;            /* what the last look through everything saw */
    int64_t next_look_us;
    bool changed, renew, lacks_memory; /* by the events that were just read */
};

/* ---- what counts ---- */

static bool is_caption_name(const char *name)
{
    size_t n = strlen(name);
    return (n > 4 && strcmp(name + n - 4, ".txt") == 0) || strcmp(name, "metadata.csv") == 0 || strcmp(name, "metadata.jsonl") == 0;
}

static bool file_counts(const char *name)
{
    return base_picture_name_likely(name) || base_picture_name_raw(name) || source_entry_kind_of(name) != SOURCE_ENTRY_PICTURE ||
           is_caption_name(name);
}

static bool is_root_file(const source_watch *w, const char *path)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->root[i].is_file && strcmp(w->root[i].path, path) == 0)
            return true;
    return false;
}

/* Does a name below a root count, the user's exclusions and the skip list applied? */
static bool path_counts(const source_watch *w, size_t root, const char *path, bool folder)
{
    const char *name = base_path_name(path), *below = path + strlen(w->root[root].path);
    below += *below == '/';
    return !source_name_skipped(name, w->options.hidden) && !source_excluded(&w->options, below) && (folder || file_counts(name));
}

/* ---- going through the folders ---- */

static lancelet_status put_waiting(source_watch *w, char *path, lancelet_error *err)
{
    if (w->n_waiting == w->capacity) {
        size_t more = w->capacity ? w->capacity * 2 : 32;
        char **waiting = base_realloc(w->waiting, more * sizeof *waiting);
        if (!waiting) {
            base_free(path);
            return base_fail_memory(err);
        }
        w->waiting = waiting;
        w->capacity = more;
    }
    w->waiting[w->n_waiting++] = path;
    return LANCELET_OK;
}

static lancelet_status remember(source_watch *w, int watch, const char *path, size_t root, bool is_parent, lancelet_error *err)
{
    size_t at = (size_t)watch;
    if (at >= w->n_folders) {
        size_t more = at < 32 ? 64 : at * 2;
        watched_folder *folder = base_realloc(w->folder, more * sizeof *folder);
        if (!folder)
            return base_fail_memory(err);
        memset(folder + w->n_folders, 0, (more - w->n_folders) * sizeof *folder);
        w->folder = folder;
        w->n_folders = more;
    }
    watched_folder *f = &w->folder[at];
    if (f->path && is_parent)
        return LANCELET_OK;
    base_free(f->path);
    *f = (watched_folder){.path = base_strdup(path), .root = root, .is_parent = is_parent};
    return f->path ? LANCELET_OK : base_fail_memory(err);
}

/* Adds what is there of a file to the state of everything. */
static void see_file(source_watch *w, const char *path, const base_stat *stat)
{
    const uint64_t facts[] = {base_hash64(path, strlen(path), 0), stat->size, (uint64_t)stat->modified_us};
    w->state += base_hash64(facts, sizeof facts, 1);
}

static lancelet_status see_listed(source_watch *w, size_t root, const char *folder, const base_listing *l, const base_listed *listed,
                                  lancelet_error *err)
{
    base_stat stat = {0};
    bool is_folder = listed->type == BASE_NAME_FOLDER, may_be = is_folder || listed->type == BASE_NAME_UNKNOWN;
    bool polled = w->fd < 0 && file_counts(listed->name);
    if (!may_be && !polled)
        return LANCELET_OK;
    char *path = base_path_join(folder, listed->name);
    if (!path)
        return base_fail_memory(err);
    bool stat_it = path_counts(w, root, path, may_be) && (!is_folder || w->fd < 0);
    if (stat_it && base_listing_stat(l, listed->name, &stat, NULL) != LANCELET_OK)
        stat = (base_stat){0};
    if (path_counts(w, root, path, may_be) && (is_folder || stat.is_dir)) {
        if (w->fd < 0)
            see_file(w, path, &(base_stat){0});
        return put_waiting(w, path, err);
    }
    if (stat.exists && polled)
        see_file(w, path, &stat);
    base_free(path);
    return LANCELET_OK;
}

/* One folder: watched first and then listed, so that nothing comes in between. One that cannot be read is passed over. */
static lancelet_status go_into(source_watch *w, size_t root, const char *path, lancelet_error *err)
{
    base_stat stat;
    uint64_t known;
    int watch = -1;
    base_listing l;
    lancelet_error why;
    if (base_file_stat(path, &stat, &why) != LANCELET_OK || !stat.is_dir)
        return LANCELET_OK;
    const uint64_t key[] = {stat.device, stat.inode};
    if (base_map64_get(w->seen, key, sizeof key, &known))
        return LANCELET_OK;
    if (!base_map64_set(w->seen, key, sizeof key, 1))
        return base_fail_memory(err);
    lancelet_status status = w->fd >= 0 ? base_watch_add(w->fd, path, &watch, &why) : LANCELET_OK;
    if (status == LANCELET_LIMIT)
        return base_fail(err, status, "%s", why.text);
    if (status == LANCELET_OK && w->fd >= 0)
        RETURN_IF_ERROR(remember(w, watch, path, root, false, err));
    status = base_listing_open(path, &l, &why);
    if (status == LANCELET_MEMORY)
        return base_fail_memory(err);
    if (status != LANCELET_OK)
        return LANCELET_OK;
    for (size_t i = 0; i < l.n && status == LANCELET_OK; i++)
        status = see_listed(w, root, path, &l, &l.entry[i], err);
    base_listing_close(&l);
    return status;
}

/* A folder and all below it. */
static lancelet_status go_through(source_watch *w, size_t root, const char *path, lancelet_error *err)
{
    char *first = base_strdup(path);
    if (!first)
        return base_fail_memory(err);
    lancelet_status status = put_waiting(w, first, err);
    while (w->n_waiting > 0) {
        char *next = w->waiting[--w->n_waiting];
        if (status == LANCELET_OK && source_cancelled(&w->options))
            status = base_fail(err, LANCELET_CANCELLED, "cancelled");
        if (status == LANCELET_OK)
            status = go_into(w, root, next, err);
        base_free(next);
    }
    return status;
}

static lancelet_status start_seen(source_watch *w, lancelet_error *err)
{
    base_map64_destroy(w->seen);
    w->seen = base_map64_create();
    return w->seen ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status watch_parent(source_watch *w, size_t root, lancelet_error *err)
{
    int watch;
    lancelet_error why;
    char *parent = base_path_parent(w->root[root].path);
    if (!parent)
        return base_fail_memory(err);
    lancelet_status status = base_watch_add(w->fd, parent, &watch, &why);
    if (status == LANCELET_OK)
        status = remember(w, watch, parent, root, true, err);
    else
        status = status == LANCELET_LIMIT ? base_fail(err, status, "%s", why.text) : LANCELET_OK;
    base_free(parent);
    return status;
}

static lancelet_status go_through_root(source_watch *w, size_t i, lancelet_error *err)
{
    watch_root *root = &w->root[i];
    base_stat stat;
    lancelet_error why;
    if (base_file_stat(root->path, &stat, &why) != LANCELET_OK)
        stat = (base_stat){0};
    root->missing = !stat.exists;
    root->is_file = stat.exists ? stat.is_regular : root->is_file;
    if (w->fd < 0)
        see_file(w, root->path, stat.is_dir ? &(base_stat){.size = 1} : &stat);
    else if (root->is_file)
        return watch_parent(w, i, err);
    return stat.is_dir ? go_through(w, i, root->path, err) : LANCELET_OK;
}

static void forget_folders(source_watch *w)
{
    for (size_t i = 0; i < w->n_folders; i++)
        base_free(w->folder[i].path);
    base_free(w->folder);
    w->folder = NULL;
    w->n_folders = 0;
}

/* Everything once: w->state in the one case, a watch of each folder in the other. */
static lancelet_status go_through_all(source_watch *w, lancelet_error *err)
{
    w->state = 0;
    for (size_t i = 0; i < w->n; i++) {
        RETURN_IF_ERROR(start_seen(w, err)); /* a root within a root has its own exclusions */
        RETURN_IF_ERROR(go_through_root(w, i, err));
    }
    return LANCELET_OK;
}

/* ---- looking through everything ---- */

static lancelet_status look(source_watch *w, bool *changed, lancelet_error *err)
{
    uint64_t before = w->state;
    int64_t start = base_monotonic_us();
    RETURN_IF_ERROR(go_through_all(w, err));
    int64_t end = base_monotonic_us(), took = (end - start) * LOOK_SHARE;
    w->next_look_us = end + (took > LOOK_MS * 1000 ? took : LOOK_MS * 1000);
    *changed = w->state != before;
    return LANCELET_OK;
}

static lancelet_status look_from_now(source_watch *w, const char *why, lancelet_error *err)
{
    bool changed;
    base_watch_close(w->fd);
    w->fd = -1;
    forget_folders(w);
    if (w->options.note) {
        char *sentence = base_format("%s: the folders are looked through every few seconds", why);
        if (!sentence)
            return base_fail_memory(err);
        w->options.note(w->options.arg, 0, sentence);
        base_free(sentence);
    }
    return look(w, &changed, err);
}

/* ---- watching ---- */

static lancelet_status watch_all(source_watch *w, lancelet_error *err)
{
    lancelet_error why;
    base_watch_close(w->fd);
    w->fd = -1;
    forget_folders(w);
    lancelet_status status = base_watch_open(&w->fd, &why);
    if (status == LANCELET_OK)
        status = go_through_all(w, &why);
    if (status == LANCELET_MEMORY || status == LANCELET_CANCELLED)
        return base_fail(err, status, "%s", why.text);
    return status == LANCELET_OK ? LANCELET_OK : look_from_now(w, why.text, err);
}

static void see_event(void *arg, const base_watch_event *event)
{
    source_watch *w = arg;
    if (event->watch < 0) {
        w->changed = w->renew = true;
        return;
    }
    watched_folder *f = (size_t)event->watch < w->n_folders ? &w->folder[event->watch] : NULL;
    if (!f || !f->path)
        return;
    if (!*event->name) {
        bool is_root = strcmp(f->path, w->root[f->root].path) == 0;
        w->changed = w->changed || event->ended || event->moved;
        w->renew = w->renew || event->moved || (event->ended && is_root);
        if (event->ended) {
            base_free(f->path);
            f->path = NULL;
        }
        return;
    }
    char *path = base_path_join(f->path, event->name);
    if (!path) {
        w->lacks_memory = true;
        return;
    }
    bool counts = is_root_file(w, path) || (!f->is_parent && path_counts(w, f->root, path, event->folder));
    w->changed = w->changed || counts;
    w->renew = w->renew || (counts && event->folder && event->moved);
    if (counts && event->folder && !event->moved) {
        lancelet_error why;
        lancelet_status status = start_seen(w, &why);
        if (status == LANCELET_OK)
            status = go_through(w, f->root, path, &why);
        w->renew = w->renew || status == LANCELET_LIMIT;
        w->lacks_memory = w->lacks_memory || status == LANCELET_MEMORY;
    }
    base_free(path);
}

/* A source that was away is there, or the other way round. */
static bool roots_differ(const source_watch *w)
{
    for (size_t i = 0; i < w->n; i++) {
        base_stat stat;
        lancelet_error why;
        if (base_file_stat(w->root[i].path, &stat, &why) == LANCELET_OK && stat.exists == w->root[i].missing)
            return true;
    }
    return false;
}

/* Waits at most wait_ms for an event that counts. */
static lancelet_status next_change(source_watch *w, int wait_ms, bool *changed, lancelet_error *err)
{
    *changed = false;
    if (w->fd < 0) {
        int64_t now = base_monotonic_us();
        if (now >= w->next_look_us)
            return look(w, changed, err);
        int64_t left = (w->next_look_us - now) / 1000 + 1;
        (void)poll(NULL, 0, left < wait_ms ? (int)left : wait_ms);
        return LANCELET_OK;
    }
    w->changed = w->renew = w->lacks_memory = false;
    RETURN_IF_ERROR(base_watch_read(w->fd, wait_ms, see_event, w, err));
    if (w->lacks_memory)
        return base_fail_memory(err);
    bool differ = roots_differ(w);
    *changed = w->changed || differ;
    return w->renew || differ ? watch_all(w, err) : LANCELET_OK;
}

/* After a change: until there is none for a while. */
static lancelet_status settle(source_watch *w, lancelet_error *err)
{
    int64_t start = base_monotonic_us(), last = start, now = start;
    while (now - last < QUIET_MS * 1000 && now - start < LONGEST_MS * 1000 && !source_cancelled(&w->options)) {
        bool changed;
        if (w->fd < 0 && w->next_look_us > last + QUIET_MS * 1000)
            w->next_look_us = last + QUIET_MS * 1000 - SLICE_MS * 1000;
        RETURN_IF_ERROR(next_change(w, SLICE_MS, &changed, err));
        now = base_monotonic_us();
        last = changed ? now : last;
    }
    return LANCELET_OK;
}

lancelet_status source_watch_wait(source_watch *w, int wait_ms, bool *changed, lancelet_error *err)
{
    int64_t end = base_monotonic_us() + (int64_t)wait_ms * 1000, left = wait_ms;
    *changed = false;
    do {
        RETURN_IF_ERROR(next_change(w, left > SLICE_MS ? SLICE_MS : left > 0 ? (int)left : 0, changed, err));
        left = (end - base_monotonic_us()) / 1000;
    } while (!*changed && left > 0 && !source_cancelled(&w->options));
    return *changed ? settle(w, err) : LANCELET_OK;
}

/* ---- opening ---- */

static lancelet_status take_roots(source_watch *w, const char *const *paths, size_t n, lancelet_error *err)
{
    w->path = base_calloc(n + 1, sizeof *w->path);
    w->root = base_calloc(n + 1, sizeof *w->root);
    if (!w->path || !w->root)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        if (source_scheme(paths[i]) > 0 && strncasecmp(paths[i], "file://", 7) != 0)
            continue;
        char *path;
        RETURN_IF_ERROR(source_uri_path(paths[i], &path, err));
        char *absolute = base_path_absolute(path);
        base_free(path);
        if (!absolute)
            return base_fail_memory(err);
        w->path[w->n] = absolute;
        w->root[w->n++].path = absolute;
    }
    return LANCELET_OK;
}

lancelet_status source_watch_open(const char *const *paths, size_t n, const source_options *options, source_watch **out,
                                  lancelet_error *err)
{
    *out = NULL;
    source_watch *w = base_calloc(1, sizeof *w);
    if (!w)
        return base_fail_memory(err);
    w->fd = -1;
    base_options(&w->options, sizeof w->options, options);
    lancelet_status status = take_roots(w, paths, n, err);
    if (status == LANCELET_OK)
        status = watch_all(w, err);
    if (status != LANCELET_OK) {
        source_watch_close(w);
        return status;
    }
    *out = w;
    return LANCELET_OK;
}

void source_watch_close(source_watch *w)
{
    if (!w)
        return;
    base_watch_close(w->fd);
    forget_folders(w);
    for (size_t i = 0; i < w->n; i++)
        base_free(w->path[i]);
    base_free(w->path);
    base_free(w->root);
    base_free(w->waiting);
    base_map64_destroy(w->seen);
    base_free(w);
}
