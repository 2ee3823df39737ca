/*
 * files.c - pictures of a folder: all below it, in each folder by the bytes of their names, a folder's own pictures
 * where its name stands among them. A name counts when its ending is a picture's; what it really is shows when it is
 * read. Names that begin with a dot are passed over unless asked for. Links are followed; a link to a folder that is
 * being walked ends there (device and inode of the open ancestors). A folder or file that cannot be read stays in the
 * list with the reason, so that it is named and counted.
 *
 * The whole tree is walked before the first picture is given: then progress has a total.
 */
#include <string.h>

#include "base/picture.h"
#include "base/text.h"
#include "source/internal.h"

lancelet_status source_entries_add(source_entries *e, const char *path, const base_stat *stat, const char *problem,
                                   lancelet_error *err)
{
    if (e->n == e->capacity) {
        size_t bytes, more = e->capacity ? e->capacity * 2 : 64;
        if (!base_mul_size(more, sizeof *e->entry, &bytes))
            return base_fail_memory(err);
        source_entry *entry = base_realloc(e->entry, bytes);
        if (!entry)
            return base_fail_memory(err);
        e->entry = entry;
        e->capacity = more;
    }
    source_entry new = {.size = stat->size, .modified_us = stat->modified_us};
    new.path = base_arena_strndup(&e->arena, path, strlen(path));
    new.problem = problem ? base_arena_strndup(&e->arena, problem, strlen(problem)) : NULL;
    if (!new.path || (problem && !new.problem))
        return base_fail_memory(err);
    e->entry[e->n++] = new;
    return LANCELET_OK;
}

void source_entries_free(source_entries *e)
{
    base_free(e->entry);
    base_arena_free(&e->arena);
    *e = (source_entries){0};
}

bool source_cancelled(const source_options *options)
{
    return options->cancel && *options->cancel;
}

/* The reason at the end of a message of base/file.h: the caller names the path itself. */
static const char *reason_of(const lancelet_error *err)
{
    const char *colon = strrchr(err->text, ':');
    return colon && colon[1] == ' ' ? colon + 2 : err->text;
}

lancelet_status source_stat(const char *path, base_stat *stat, const char **problem, lancelet_error *reason)
{
    *problem = NULL;
    lancelet_status status = base_file_stat(path, stat, reason);
    if (status == LANCELET_MEMORY)
        return status;
    if (status != LANCELET_OK) {
        *stat = (base_stat){0};
        *problem = reason_of(reason);
    } else if (!stat->exists) {
        *problem = "no such file";
    } else if (stat->is_dir) {
        *problem = "a folder, not a file";
    } else if (!stat->is_regular) {
        *problem = "not a regular file";
    }
    return LANCELET_OK;
}

/* ---- exclusion ---- */

/* One pattern against path[n] itself: the whole of it, or, for a pattern without a slash, its last name. A slash at
 * the pattern's end (a shell's completion of a folder) does not count. */
static bool pattern_matches(const char *pattern, const char *path)
{
    char trimmed[4096];
    size_t n = strlen(pattern);
    if (n > 1 && pattern[n - 1] == '/' && n <= sizeof trimmed) {
        memcpy(trimmed, pattern, n - 1);
        trimmed[n - 1] = 0;
        pattern = trimmed;
    }
    return base_glob_match(pattern, path) || (!strchr(pattern, '/') && base_glob_match(pattern, base_path_name(path)));
}

static bool is_excluded(const source_options *options, const char *path)
{
    for (size_t i = 0; i < options->n_exclude; i++)
        if (pattern_matches(options->exclude[i], path))
            return true;
    return false;
}

bool source_excluded(const source_options *options, const char *path)
{
    char part[4096];
    if (options->n_exclude == 0)
        return false;
    for (const char *slash = path; (slash = strchr(slash, '/')) != NULL; slash++) {
        size_t n = (size_t)(slash - path);
        if (n >= sizeof part)
            break;
        memcpy(part, path, n);
        part[n] = 0;
        if (n > 0 && is_excluded(options, part))
            return true;
    }
    return is_excluded(options, path);
}

/* ---- walking ---- */

typedef struct open_folder {
    char *path;
    base_names names;
    size_t next;
    uint64_t device, inode;
} open_folder;

typedef struct walk {
    open_folder *folder; /* [depth], the innermost last */
    size_t depth, capacity;
    size_t root_length; /* bytes of the root's path and the slash behind it */
    const source_options *options;
    source_entries *entries;
} walk;

static void leave(walk *w)
{
    open_folder *f = &w->folder[--w->depth];
    base_names_free(&f->names);
    base_free(f->path);
}

static bool is_open(const walk *w, const base_stat *stat)
{
    for (size_t i = 0; i < w->depth; i++)
        if (w->folder[i].device == stat->device && w->folder[i].inode == stat->inode)
            return true;
    return false;
}

/* Lists a folder and makes it the innermost. Takes ownership of `path`, also on failure. */
static lancelet_status enter(walk *w, char *path, const base_stat *stat, lancelet_error *err)
{
    if (w->depth == w->capacity) {
        size_t more = w->capacity ? w->capacity * 2 : 16;
        open_folder *folder = base_realloc(w->folder, more * sizeof *folder);
        if (!folder) {
            base_free(path);
            return base_fail_memory(err);
        }
        w->folder = folder;
        w->capacity = more;
    }
    open_folder new = {.path = path, .device = stat->device, .inode = stat->inode};
    lancelet_status status = base_dir_list(path, &new.names, err);
    if (status != LANCELET_OK) {
        base_free(path);
        return status;
    }
    w->folder[w->depth++] = new;
    return LANCELET_OK;
}

/* A folder below the root: one that cannot be listed is an entry with the reason. Takes ownership of `path`. */
static lancelet_status enter_below(walk *w, char *path, const base_stat *stat, lancelet_error *err)
{
    if (is_open(w, stat)) {
        base_free(path);
        return LANCELET_OK;
    }
    char *copy = base_strdup(path);
    if (!copy) {
        base_free(path);
        return base_fail_memory(err);
    }
    lancelet_error reason;
    lancelet_status status = enter(w, path, stat, &reason);
    if (status == LANCELET_MEMORY) {
        status = base_fail_memory(err);
    } else if (status != LANCELET_OK) {
        const base_stat none = {0};
        status = source_entries_add(w->entries, copy, &none, reason_of(&reason), err);
    }
    base_free(copy);
    return status;
}

/* One name of the innermost folder. Takes ownership of `path`. */
static lancelet_status visit(walk *w, const char *name, char *path, lancelet_error *err)
{
    base_stat stat;
    const char *problem;
    lancelet_error reason = {0};
    bool likely = base_picture_name_likely(name);
    lancelet_status status = source_stat(path, &stat, &problem, &reason);
    if (status != LANCELET_OK) {
        base_free(path);
        return base_fail_memory(err);
    }
    if (stat.is_dir)
        return enter_below(w, path, &stat, err);
    bool unknown = reason.status != LANCELET_OK; /* it could not be looked at: it may be a folder of pictures */
    if (likely || unknown)
        status = source_entries_add(w->entries, path, &stat, problem, err);
    base_free(path);
    return status;
}

static lancelet_status walk_all(walk *w, lancelet_error *err)
{
    while (w->depth > 0) {
        open_folder *f = &w->folder[w->depth - 1];
        if (f->next == f->names.n) {
            leave(w);
            continue;
        }
        if (source_cancelled(w->options))
            return base_fail(err, LANCELET_CANCELLED, "cancelled");
        const char *name = f->names.name[f->next++];
        if (name[0] == '.' && !w->options->hidden)
            continue;
        char *path = base_path_join(f->path, name);
        if (!path)
            return base_fail_memory(err);
        if (is_excluded(w->options, path + w->root_length)) {
            base_free(path);
            continue;
        }
        RETURN_IF_ERROR(visit(w, name, path, err));
    }
    return LANCELET_OK;
}

lancelet_status source_walk(const char *folder, const source_options *options, source_entries *e, lancelet_error *err)
{
    walk w = {.options = options, .entries = e};
    base_stat stat;
    w.root_length = strlen(folder);
    if (w.root_length > 0 && folder[w.root_length - 1] != '/')
        w.root_length++;
    RETURN_IF_ERROR(base_file_stat(folder, &stat, err));
    char *path = base_strdup(folder);
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = enter(&w, path, &stat, err);
    if (status == LANCELET_OK)
        status = walk_all(&w, err);
    while (w.depth > 0)
        leave(&w);
    base_free(w.folder);
    return status;
}
