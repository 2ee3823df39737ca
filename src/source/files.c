/*
 * files.c - what lies below a folder: pictures, videos and Parquet files, in each folder by the bytes of their names, a folder's
 * own files where its name stands among them. A name counts by its ending; what it really is shows when it is read. A camera's
 * raw file is named and skipped. Links are followed; a link to a folder that is being walked ends there (device and inode of the
 * open ancestors). A folder or file that cannot be read stays in the list with the reason, so that it is named and counted.
 *
 * Passed over wherever they stand: names that begin with a dot, unless asked for, and what programs leave among pictures that is
 * none of the user's, see `skipped`. A source that is such a folder itself is walked.
 *
 * A folder is listed with the types of its names, and only what may count is looked at, by the folder's descriptor: a name costs
 * one call and no memory but its own. The whole tree is walked before the first picture is given: then progress has a total.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/picture.h"
#include "base/text.h"
#include "source/internal.h"

enum { OPEN_FOLDERS = 100 }; /* deeper ones are looked at by their paths: each holds a descriptor */

/* ---- names ---- */

static const char *const skipped[] = {
    "@eaDir",                    /* Synology's thumbnails */
    "#recycle",                  /* dustbins: Synology, */
    "@Recycle",                  /* QNAP, */
    "$RECYCLE.BIN",              /* Windows */
    "System Volume Information", /* Windows */
    "lost+found",                /* ext4 */
    "__MACOSX",                  /* macOS's zip archives */
    "node_modules",              /* npm */
    ".git",
};

bool source_name_skipped(const char *name, bool hidden)
{
    if (name[0] == '.' && (!hidden || name[1] == '_')) /* "._x.jpg": macOS's attributes of x.jpg */
        return true;
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++)
        if (strcasecmp(name, skipped[i]) == 0)
            return true;
    return false;
}

source_entry_kind source_entry_kind_of(const char *name)
{
    static const char *const videos[] = {".mp4", ".mov", ".mkv",  ".avi", ".webm", ".m4v",
                                         ".mpg", ".mpeg", ".3gp", ".mts",  ".m2ts", ".wmv", ".flv", ".ogv"};
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name)
        return SOURCE_ENTRY_PICTURE;
    for (size_t i = 0; i < sizeof videos / sizeof *videos; i++)
        if (strcasecmp(dot, videos[i]) == 0)
            return SOURCE_ENTRY_VIDEO;
    return strcasecmp(dot, ".parquet") == 0 ? SOURCE_ENTRY_PARQUET : SOURCE_ENTRY_PICTURE;
}

static bool is_wanted(const char *name)
{
    return base_picture_name_likely(name) || base_picture_name_raw(name) || source_entry_kind_of(name) != SOURCE_ENTRY_PICTURE;
}

/* ---- entries ---- */

static lancelet_status add_entry(source_entries *e, const source_entry *new, lancelet_error *err)
{
    if (e->n == e->capacity) {
        size_t bytes, more = e->capacity ? e->capacity + e->capacity / 2 : 64;
        if (!base_mul_size(more, sizeof *e->entry, &bytes))
            return base_fail_memory(err);
        source_entry *entry = base_realloc(e->entry, bytes);
        if (!entry)
            return base_fail_memory(err);
        e->entry = entry;
        e->capacity = more;
    }
    e->entry[e->n++] = *new;
    return LANCELET_OK;
}

/* An entry of a folder whose path lies in the arena. */
static lancelet_status add_named(source_entries *e, const char *folder, const char *name, const base_stat *stat,
                                 const char *problem, source_entry *new, lancelet_error *err)
{
    *new = (source_entry){.folder = folder, .size = stat->size, .modified_us = stat->modified_us, .captioned = SOURCE_UNCAPTIONED};
    new->kind = (uint8_t)source_entry_kind_of(name);
    new->problem_status = problem ? LANCELET_IO : LANCELET_OK;
    if (!problem && base_picture_name_raw(name)) {
        problem = "a RAW picture: not read yet, export it as JPEG";
        new->problem_status = LANCELET_UNSUPPORTED;
    }
    new->name = base_arena_strndup(&e->arena, name, strlen(name));
    new->problem = problem ? base_arena_strndup(&e->arena, problem, strlen(problem)) : NULL;
    return new->name && (!problem || new->problem) ? LANCELET_OK : base_fail_memory(err);
}

lancelet_status source_entries_add(source_entries *e, const char *path, const base_stat *stat, const char *problem,
                                   lancelet_error *err)
{
    source_entry new;
    char *parent = base_path_parent(path);
    const char *folder = parent ? base_arena_strndup(&e->arena, parent, strlen(parent)) : NULL;
    base_free(parent);
    if (!folder)
        return base_fail_memory(err);
    RETURN_IF_ERROR(add_named(e, folder, base_path_name(path), stat, problem, &new, err));
    return add_entry(e, &new, err);
}

void source_entries_free(source_entries *e)
{
    source_metadata_free(e->captions);
    base_free(e->entry);
    base_arena_free(&e->arena);
    *e = (source_entries){0};
}

char *source_entry_path(const source_entry *entry)
{
    return base_path_join(entry->folder, entry->name);
}

size_t source_entries_columns(const source_entries *e, const source_column **columns)
{
    *columns = NULL;
    return e->captions ? source_metadata_columns(e->captions, columns) : 0;
}

lancelet_status source_entries_fill(const source_entries *e, size_t i, const source_options *options, source_item *item,
                                    lancelet_error *err)
{
    const source_entry *entry = &e->entry[i];
    item->path = source_entry_path(entry);
    item->uri = item->path ? source_uri_from_path(item->path) : NULL;
    item->problem = entry->problem ? base_strdup(entry->problem) : NULL;
    if (!item->path || !item->uri || (entry->problem && !item->problem))
        return base_fail_memory(err);
    item->problem_status = (lancelet_status)entry->problem_status;
    item->size = entry->size;
    item->modified_us = entry->modified_us;
    if (e->captions)
        RETURN_IF_ERROR(source_metadata_fill(e->captions, entry->captioned, item, err));
    if (entry->caption_file && !item->caption)
        return source_caption_beside(item->path, options, item, err);
    return LANCELET_OK;
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

/* Why what stat found is no readable file. `status` is stat's, with the reason. */
static lancelet_status judge(lancelet_status status, base_stat *stat, const char **problem, const lancelet_error *reason)
{
    *problem = NULL;
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

lancelet_status source_stat(const char *path, base_stat *stat, const char **problem, lancelet_error *reason)
{
    return judge(base_file_stat(path, stat, reason), stat, problem, reason);
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
    const char *path; /* in the entries' arena */
    base_listing listing;
    size_t next;
    uint64_t device, inode;
    uint32_t metadata; /* the nearest metadata file upwards */
    bool texts;        /* there are names that end in .txt */
} open_folder;

typedef struct walk {
    open_folder *folder; /* [depth], the innermost last */
    size_t depth, capacity;
    size_t root_length; /* bytes of the root's path and the slash behind it */
    const source_options *options;
    source_entries *entries;
} walk;

static bool is_open(const walk *w, const base_stat *stat)
{
    for (size_t i = 0; i < w->depth; i++)
        if (w->folder[i].device == stat->device && w->folder[i].inode == stat->inode)
            return true;
    return false;
}

static int compare_name(const void *key, const void *listed)
{
    return strcmp(key, ((const base_listed *)listed)->name);
}

static bool has_name(const open_folder *f, const char *name)
{
    return f->listing.n > 0 && bsearch(name, f->listing.entry, f->listing.n, sizeof *f->listing.entry, compare_name);
}

static bool ends_in_text(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && memcmp(name + n - 4, ".txt", 4) == 0;
}

/* Is a name of this folder excluded by the user's globs? */
static lancelet_status name_excluded(const walk *w, const open_folder *f, const char *name, bool *yes, lancelet_error *err)
{
    *yes = false;
    if (w->options->n_exclude == 0)
        return LANCELET_OK;
    char *path = base_path_join(f->path, name);
    if (!path)
        return base_fail_memory(err);
    *yes = is_excluded(w->options, path + w->root_length);
    base_free(path);
    return LANCELET_OK;
}

/* What a folder says about its pictures. */
static lancelet_status look_for_captions(walk *w, open_folder *f, lancelet_error *err)
{
    static const char *const names[] = {"metadata.csv", "metadata.jsonl"};
    bool excluded;
    for (size_t i = 0; i < f->listing.n && !f->texts; i++)
        f->texts = ends_in_text(f->listing.entry[i].name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!has_name(f, names[i]))
            continue;
        RETURN_IF_ERROR(name_excluded(w, f, names[i], &excluded, err));
        if (!excluded)
            return source_metadata_read(w->entries, f->path, names[i], w->options, &f->metadata, err);
    }
    return LANCELET_OK;
}

/* Lists a folder and makes it the innermost. `path` lies in the arena. */
static lancelet_status enter(walk *w, const char *path, const base_stat *stat, lancelet_error *err)
{
    if (w->depth == w->capacity) {
        size_t more = w->capacity ? w->capacity * 2 : 16;
        open_folder *folder = base_realloc(w->folder, more * sizeof *folder);
        if (!folder)
            return base_fail_memory(err);
        w->folder = folder;
        w->capacity = more;
    }
    open_folder new = {.path = path, .device = stat->device, .inode = stat->inode, .metadata = SOURCE_NO_METADATA};
    if (w->depth > 0)
        new.metadata = w->folder[w->depth - 1].metadata;
    RETURN_IF_ERROR(base_listing_open(path, &new.listing, err));
    if (w->depth >= OPEN_FOLDERS)
        base_listing_done(&new.listing);
    w->folder[w->depth++] = new;
    return LANCELET_OK;
}

static void leave(walk *w)
{
    base_listing_close(&w->folder[--w->depth].listing);
}

/* A folder below the root: one that cannot be listed is an entry with the reason. */
static lancelet_status enter_below(walk *w, const char *parent, const char *name, const base_stat *stat, lancelet_error *err)
{
    if (is_open(w, stat))
        return LANCELET_OK;
    char *joined = base_path_join(parent, name);
    const char *path = joined ? base_arena_strndup(&w->entries->arena, joined, strlen(joined)) : NULL;
    base_free(joined);
    if (!path)
        return base_fail_memory(err);
    lancelet_error reason;
    lancelet_status status = enter(w, path, stat, &reason);
    if (status == LANCELET_OK)
        return look_for_captions(w, &w->folder[w->depth - 1], err);
    if (status == LANCELET_MEMORY)
        return base_fail_memory(err);
    const base_stat none = {0};
    return source_entries_add(w->entries, path, &none, reason_of(&reason), err);
}

/* stat of a name, with the reason why it is no readable file. */
static lancelet_status look_at(const open_folder *f, const char *name, base_stat *stat, const char **problem, lancelet_error *reason)
{
    if (f->listing.fd >= 0)
        return judge(base_listing_stat(&f->listing, name, stat, reason), stat, problem, reason);
    char *path = base_path_join(f->path, name);
    if (!path)
        return LANCELET_MEMORY;
    lancelet_status status = source_stat(path, stat, problem, reason);
    base_free(path);
    return status;
}

/* Is there a .txt of the same name beside it? */
static lancelet_status has_text(const open_folder *f, const char *name, bool *yes, lancelet_error *err)
{
    const char *dot = strrchr(name, '.');
    *yes = false;
    if (!f->texts || !dot || dot == name)
        return LANCELET_OK;
    char *text = base_format("%.*s.txt", (int)(dot - name), name);
    if (!text)
        return base_fail_memory(err);
    *yes = has_name(f, text);
    base_free(text);
    return LANCELET_OK;
}

static lancelet_status add_found(walk *w, const open_folder *f, const char *name, const base_stat *stat, const char *problem,
                                 lancelet_error *err)
{
    source_entry new;
    RETURN_IF_ERROR(add_named(w->entries, f->path, name, stat, problem, &new, err));
    if (f->metadata != SOURCE_NO_METADATA)
        RETURN_IF_ERROR(source_metadata_find(w->entries, f->metadata, f->path, name, &new.captioned, err));
    if (!new.problem && new.kind == SOURCE_ENTRY_PICTURE)
        RETURN_IF_ERROR(has_text(f, name, &new.caption_file, err));
    return add_entry(w->entries, &new, err);
}

/* A folder's captions in a third form, which is no file of pictures. */
static lancelet_status note_metadata(const walk *w, const open_folder *f, lancelet_error *err)
{
    if (!w->options->note)
        return LANCELET_OK;
    char *sentence = base_format("%s/metadata.parquet is passed over: captions of a folder are read from metadata.csv or "
                                 "metadata.jsonl; name the file itself if it holds pictures",
                                 f->path);
    if (!sentence)
        return base_fail_memory(err);
    w->options->note(w->options->arg, 0, sentence);
    base_free(sentence);
    return LANCELET_OK;
}

/* One name of the innermost folder, which may be another one afterwards. */
static lancelet_status visit(walk *w, const base_listed *listed, lancelet_error *err)
{
    const open_folder *f = &w->folder[w->depth - 1];
    base_stat stat;
    const char *problem, *name = listed->name;
    lancelet_error reason = {0};
    bool excluded, wanted = is_wanted(name);
    if (source_name_skipped(name, w->options->hidden))
        return LANCELET_OK;
    if (!wanted && (listed->type == BASE_NAME_FILE || listed->type == BASE_NAME_OTHER))
        return LANCELET_OK;
    RETURN_IF_ERROR(name_excluded(w, f, name, &excluded, err));
    if (excluded)
        return LANCELET_OK;
    if (strcmp(name, "metadata.parquet") == 0)
        return note_metadata(w, f, err);
    if (look_at(f, name, &stat, &problem, &reason) != LANCELET_OK)
        return base_fail_memory(err);
    if (stat.is_dir)
        return enter_below(w, f->path, name, &stat, err);
    bool unknown = reason.status != LANCELET_OK; /* it could not be looked at: it may be a folder of pictures */
    return wanted || unknown ? add_found(w, f, name, &stat, problem, err) : LANCELET_OK;
}

static lancelet_status walk_all(walk *w, lancelet_error *err)
{
    while (w->depth > 0) {
        open_folder *f = &w->folder[w->depth - 1];
        if (f->next == f->listing.n) {
            leave(w);
            continue;
        }
        if (source_cancelled(w->options))
            return base_fail(err, LANCELET_CANCELLED, "cancelled");
        RETURN_IF_ERROR(visit(w, &f->listing.entry[f->next++], err));
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
    const char *path = base_arena_strndup(&e->arena, folder, strlen(folder));
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = enter(&w, path, &stat, err);
    if (status == LANCELET_OK)
        status = look_for_captions(&w, &w.folder[0], err);
    if (status == LANCELET_OK)
        status = walk_all(&w, err);
    while (w.depth > 0)
        leave(&w);
    base_free(w.folder);
    return status == LANCELET_OK ? source_metadata_finish(e, path, options, err) : status;
}
