/* index_prune.c - rows whose pictures are gone, after a run that came to the end of its sources.
 *
 * A row goes when its uri lies below a folder that this run walked (or in a Parquet file or video that it read to the end),
 * the run did not meet it, and the file system says that there is no such file. A disk that is not mounted looks much the
 * same, so whatever speaks for one keeps the rows: the folder of a source that is not there, is empty or cannot be read; the
 * nearest folder above the missing file that is still there, when it is empty or cannot be read; a link that leads nowhere;
 * any error but "no such file". Where more than one row in ten would go, the caller is asked.
 *
 * The rows are looked up by uri in the version that the commit is made on, and again in the newest one after each lost race,
 * so that a row to which another writer gave another picture stays. */
#include "gallery/index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RACES            20 /* lost in a row before giving up */
#define CONTAINER_READ   1
#define CONTAINER_BROKEN 2

/* ---- what was met ---- */

lancelet_status index_run_met_container(index_run *run, const char *uri, size_t n, bool broken, lancelet_error *err)
{
    uint64_t now = 0;
    if (!run->containers && !(run->containers = base_map64_create()))
        return base_fail_memory(err);
    bool there = base_map64_get(run->containers, uri, n, &now);
    if (there && (now == CONTAINER_BROKEN || !broken))
        return LANCELET_OK;
    return base_map64_set(run->containers, uri, n, broken ? CONTAINER_BROKEN : CONTAINER_READ) ? LANCELET_OK
                                                                                               : base_fail_memory(err);
}

lancelet_status index_run_met(index_run *run, const source_item *item, lancelet_error *err)
{
    size_t n;
    const char *fragment;
    if (source_uri_split(item->uri, &n, &fragment)) {
        if (run->container && strncmp(run->container, item->uri, n) == 0 && run->container[n] == 0)
            return LANCELET_OK;
        base_free(run->container);
        if (!(run->container = base_alloc(n + 1)))
            return base_fail_memory(err);
        memcpy(run->container, item->uri, n);
        run->container[n] = 0;
        return index_run_met_container(run, item->uri, n, false, err);
    }
    /* not all of a container that is named itself could be read */
    return item->problem ? index_run_met_container(run, item->uri, strlen(item->uri), true, err) : LANCELET_OK;
}

/* ---- paths ---- */

lancelet_status index_row_file(const char *uri, char **path, lancelet_error *err)
{
    lancelet_error why;
    *path = NULL;
    if (strncasecmp(uri, "hf:", 3) == 0) /* in the hub's cache or not: nothing follows from that */
        return LANCELET_OK;
    lancelet_status status = source_uri_file(uri, path, &why);
    if (status == LANCELET_MEMORY)
        return base_fail_memory(err);
    if (status == LANCELET_OK && *path && **path == '/')
        return LANCELET_OK;
    base_free(*path); /* of some other program: relative to what is not known, or no path */
    *path = NULL;
    return LANCELET_OK;
}

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    if (n > 0 && folder[n - 1] == '/')
        n--;
    return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* ---- the folders of the sources ---- */

typedef enum folder_state { FOLDER_IS_NO_FOLDER, FOLDER_GOOD, FOLDER_GONE, FOLDER_EMPTY, FOLDER_UNREADABLE } folder_state;

typedef struct prune_root {
    char *path;         /* NULL: no path of this machine */
    bool walked;        /* by this run */
    bool noted;
    folder_state state;
} prune_root;

typedef struct pruning {
    index_run *run;
    prune_root *root; /* [sources] */
    size_t n_rows;    /* that are to go */
    /* the folder looked at last, above files that are gone */
    char *folder;
    base_names names;
    folder_state state;
    base_map64 *noted; /* folders that were named in a note */
} pruning;

/* *names (NULL: not wanted) is the caller's. Only MEMORY is an error. */
static lancelet_status look_at_folder(const char *path, folder_state *state, base_names *names, lancelet_error *err)
{
    base_stat stat;
    base_names own = {0};
    lancelet_status status = base_file_stat(path, &stat, err);
    if (status == LANCELET_OK && (!stat.exists || !stat.is_dir)) {
        *state = stat.exists ? FOLDER_IS_NO_FOLDER : FOLDER_GONE;
        return LANCELET_OK;
    }
    if (status == LANCELET_OK)
        status = base_dir_list(path, &own, err);
    if (status == LANCELET_MEMORY)
        return status;
    *state = status != LANCELET_OK ? FOLDER_UNREADABLE : own.n == 0 ? FOLDER_EMPTY : FOLDER_GOOD;
    if (names)
        *names = own;
    else
        base_names_free(&own);
    return LANCELET_OK;
}

static lancelet_status look_at_roots(pruning *p, lancelet_error *err)
{
    const index_sources *s = &p->run->sources;
    p->root = base_calloc(s->n + 1, sizeof *p->root);
    if (!p->root)
        return base_fail_memory(err);
    for (size_t i = 0; i < s->n; i++) {
        RETURN_IF_ERROR(index_row_file(s->source[i].uri, &p->root[i].path, err));
        p->root[i].walked = s->source[i].open != NULL;
        if (p->root[i].path)
            RETURN_IF_ERROR(look_at_folder(p->root[i].path, &p->root[i].state, NULL, err));
    }
    return LANCELET_OK;
}

/* The folder of this run that a path lies below, NULL: none, or it lies below a remembered one that may be on a disk which is
 * not there. */
static const prune_root *root_of(pruning *p, const char *path)
{
    const prune_root *found = NULL;
    char shown[512];
    for (size_t i = 0; i < p->run->sources.n; i++) {
        prune_root *r = &p->root[i];
        if (!r->path || r->state == FOLDER_IS_NO_FOLDER || !is_below(path, r->path))
            continue;
        if (r->state != FOLDER_GOOD) {
            if (!r->noted && r->walked)
                gallery_note(p->run->o.events.note, p->run->o.events.arg, 0, "%s %s; %s",
                             gallery_shown_path(r->path, shown),
                             r->state == FOLDER_EMPTY        ? "is not mounted (empty)"
                             : r->state == FOLDER_UNREADABLE ? "cannot be read"
                                                             : "is not there",
                             p->run->sources.n == 1 ? "nothing pruned" : "nothing below it is pruned");
            r->noted = true;
            return NULL;
        }
        if (r->walked)
            found = r;
    }
    return found;
}

/* ---- one row ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static lancelet_status note_folder(pruning *p, const char *folder, const char *what, lancelet_error *err)
{
    uint64_t ignored;
    char shown[512];
    if (!p->noted && !(p->noted = base_map64_create()))
        return base_fail_memory(err);
    if (base_map64_get(p->noted, folder, strlen(folder), &ignored))
        return LANCELET_OK;
    gallery_note(p->run->o.events.note, p->run->o.events.arg, 0, "%s %s; the rows below it stay",
                 gallery_shown_path(folder, shown), what);
    return base_map64_set(p->noted, folder, strlen(folder), 1) ? LANCELET_OK : base_fail_memory(err);
}

/* `folder` becomes the one looked at; taken over. */
static lancelet_status set_folder(pruning *p, char *folder, lancelet_error *err)
{
    if (p->folder && strcmp(p->folder, folder) == 0) {
        base_free(folder);
        return LANCELET_OK;
    }
    base_free(p->folder);
    base_names_free(&p->names);
    p->names = (base_names){0};
    p->folder = folder;
    return look_at_folder(folder, &p->state, &p->names, err);
}

/* A file that is not there: does the folder that should hold it, or the nearest one above that is there, look as if it were
 * mounted? */
static lancelet_status folder_says_gone(pruning *p, const char *path, const char *root, bool *gone, lancelet_error *err)
{
    lancelet_status status = LANCELET_OK;
    *gone = false;
    char *missing = base_strdup(path);
    if (!missing)
        return base_fail_memory(err);
    for (;;) {
        char *above = base_path_parent(missing);
        if (!above) {
            status = base_fail_memory(err);
            break;
        }
        bool top = strcmp(above, root) == 0 || !is_below(above, root);
        status = set_folder(p, above, err);
        if (status != LANCELET_OK || p->state != FOLDER_GONE || top)
            break;
        base_free(missing);
        if (!(missing = base_strdup(p->folder)))
            return base_fail_memory(err);
    }
    if (status == LANCELET_OK && p->state == FOLDER_EMPTY) {
        status = note_folder(p, p->folder, "is empty (a disk that is not mounted?)", err);
    } else if (status == LANCELET_OK && p->state == FOLDER_UNREADABLE) {
        status = note_folder(p, p->folder, "cannot be read", err);
    } else if (status == LANCELET_OK && p->state == FOLDER_GOOD) {
        const char *name = base_path_name(missing);
        bool listed = bsearch(&name, p->names.name, p->names.n, sizeof *p->names.name, compare_names) != NULL;
        *gone = !listed;
        if (listed)
            status = note_folder(p, missing, "is a link that leads nowhere (a disk that is not mounted?)", err);
    } else if (status == LANCELET_OK) {
        *gone = p->state == FOLDER_IS_NO_FOLDER; /* a file has taken the folder's name */
    }
    base_free(missing);
    return status;
}

/* Is the picture of a row that this run did not meet gone? */
static lancelet_status is_gone(pruning *p, const char *uri, bool *gone, lancelet_error *err)
{
    size_t n;
    const char *fragment;
    uint64_t container = 0;
    char *path;
    base_stat stat;
    *gone = false;
    if (p->run->containers && source_uri_split(uri, &n, &fragment) &&
        base_map64_get(p->run->containers, uri, n, &container)) {
        *gone = container == CONTAINER_READ; /* all that it has was met */
        return LANCELET_OK;
    }
    RETURN_IF_ERROR(index_row_file(uri, &path, err));
    const prune_root *root = path ? root_of(p, path) : NULL;
    lancelet_status status = LANCELET_OK;
    if (root) {
        status = base_file_stat(path, &stat, err);
        if (status == LANCELET_OK && !stat.exists)
            status = folder_says_gone(p, path, root->path, gone, err);
        else if (status != LANCELET_MEMORY)
            status = LANCELET_OK; /* it is there, or it cannot be told */
    }
    base_free(path);
    return status;
}

static lancelet_status choose(pruning *p, lancelet_error *err)
{
    known_rows *k = p->run->known;
    for (size_t i = 0; i < known_rows_count(k); i++) {
        known_row *row = known_rows_at(k, i);
        bool gone;
        if (row->seen || !row->uri || known_rows_by_uri(k, row->uri) != i)
            continue;
        if (base_cancelled(p->run->o.cancel))
            return base_fail_cancelled(err);
        RETURN_IF_ERROR(is_gone(p, row->uri, &gone, err));
        row->pruned = gone;
        p->n_rows += gone;
    }
    return LANCELET_OK;
}

/* ---- the commit ---- */

typedef struct gone_arg {
    known_rows *known;
    base_buffer addresses;
} gone_arg;

static lancelet_status gone_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                  lancelet_error *err)
{
    gone_arg *g = arg;
    for (int64_t i = batch->offset; i < batch->offset + batch->length; i++) {
        size_t n;
        int64_t address;
        const char *uri = arrow_bytes(s->children[0], batch->children[0], i, &n);
        size_t at = uri ? known_rows_by_uri_bytes(g->known, uri, n) : KNOWN_NONE;
        if (at == KNOWN_NONE || !known_rows_at(g->known, at)->pruned ||
            !arrow_int(s->children[1], batch->children[1], i, &address))
            continue;
        if (!base_buffer_append(&g->addresses, &address, sizeof address))
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

static lancelet_status find_gone(const index_run *run, base_buffer *addresses, lancelet_error *err)
{
    gone_arg g = {.known = run->known};
    const char *column = gallery_column_name(run->t, run->t->roles.uri);
    lancelet_status status = gallery_scan(run->t, &column, 1, gone_batch, &g, run->o.cancel, err);
    *addresses = g.addresses;
    return status;
}

static lancelet_status remove_once(index_run *run, uint64_t *removed, lancelet_error *err)
{
    base_buffer addresses = {0};
    lancelet_status status = find_gone(run, &addresses, err);
    *removed = addresses.size / sizeof(uint64_t);
    if (status == LANCELET_OK && *removed > 0)
        status = gallery_delete_addresses(run->t, (const uint64_t *)(const void *)addresses.data, *removed, NULL, run->next_id,
                                          run->o.no_sync, err);
    base_buffer_free(&addresses);
    return status;
}

static lancelet_status remove_rows(index_run *run, lancelet_error *err)
{
    uint64_t removed = 0;
    lancelet_status status = remove_once(run, &removed, err);
    for (int race = 0; status == LANCELET_CONFLICT && race < RACES; race++) {
        status = picask_table_refresh(run->t, err);
        if (status == LANCELET_OK && run->t->roles.uri < 0)
            return base_fail(err, LANCELET_CONFLICT, "another program changed the columns of table '%s' meanwhile",
                             run->t->name);
        if (status == LANCELET_OK)
            status = remove_once(run, &removed, err);
    }
    if (status == LANCELET_OK) {
        run->report->removed = removed;
        run->committed.removed = removed;
    }
    return status;
}

/* More than one row in ten: only when the caller says so. */
static bool may_go(const index_run *run, uint64_t n)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    char rows[32], of[32];
    lancelet_table_get_info(run->t->lance, &info);
    if (n <= info.rows / 10)
        return true;
    if (run->o.events.prune) /* who is asked says what follows from a no */
        return run->o.events.prune(run->o.events.arg, n, info.rows);
    gallery_note(run->o.events.note, run->o.events.arg, 0,
                 "the pictures of %s of %s rows are gone, more than one in ten: nothing pruned; --prune --yes takes them out",
                 gallery_shown_count(n, rows), gallery_shown_count(info.rows, of));
    return false;
}

lancelet_status index_run_prune(index_run *run, lancelet_error *err)
{
    pruning p = {.run = run};
    if (!run->known || !run->t->lance)
        return LANCELET_OK;
    lancelet_status status = look_at_roots(&p, err);
    if (status == LANCELET_OK)
        status = choose(&p, err);
    if (status == LANCELET_OK && p.n_rows > 0) {
        if (run->o.dry_run)
            run->report->removed = p.n_rows;
        else if (may_go(run, p.n_rows))
            status = remove_rows(run, err);
    }
    for (size_t i = 0; p.root && i < run->sources.n; i++)
        base_free(p.root[i].path);
    base_free(p.root);
    base_free(p.folder);
    base_names_free(&p.names);
    base_map64_destroy(p.noted);
    return status;
}
