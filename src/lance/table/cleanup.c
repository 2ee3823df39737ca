/* cleanup.c - old versions go, and then the files that no version names any more.
 *
 * What may go is what https://lance.org/format/table/ and the Rust core's cleanup say: versions committed before a moment,
 * but not the newest and none with a tag; of the files in data/, _deletions/, _transactions/ and _indices/ those that just
 * removed versions name, and those that no version names when they are 7 days old: a younger one may belong to a writer
 * that has not committed yet. Everything else in the folder is left alone.
 *
 * Order: the files are listed before the manifests, so that a file that comes later is never judged. Manifests go first,
 * the oldest first, then _versions/ is synced, then files go: at any moment, a crash included, a version that is there has
 * its files. (The Rust core removes files first.) Versions that came meanwhile keep their files too.
 *
 * A table with branches or detached versions is refused: their manifests name files of the main line. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lance/table/table.h"

#define DAY_US        INT64_C(86400000000)
#define UNVERIFIED_US (7 * DAY_US) /* age from which a file that no version names belongs to no writer */

enum { NAMED = 1 /* by a version that goes */, KEPT = 2 /* by one that stays */ };

enum { DATA, DELETIONS, TRANSACTIONS, INDICES, FOLDERS };

static const struct {
    const char *folder;
    const char *suffix[2]; /* of files that may go; NULL: whole folders */
} kinds[FOLDERS] = {{"data", {".lance", ".lance"}},
                    {"_deletions", {".arrow", ".bin"}},
                    {"_transactions", {".txn", ".txn"}},
                    {"_indices", {NULL, NULL}}};

typedef struct cleanup {
    const char *path;
    lancelet_cleanup_options o;
    int64_t now_us;
    base_names names[FOLDERS]; /* sorted */
    uint8_t *marks[FOLDERS];   /* [names[i].n] */
    table_version_name *version; /* [n_versions] ascending */
    size_t n_versions;
    bool *goes; /* [n_versions] */
    lancelet_tag *tags; /* [n_tags] */
    size_t n_tags;
    lancelet_cleanup_report report;
} cleanup;

/* ---- what there is ---- */

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);
    return n > k && strcmp(name + n - k, suffix) == 0;
}

/* Manifests that are not looked at here may need any file. */
static lancelet_status refuse_others(const char *path, lancelet_error *err)
{
    static const char *const folders[] = {"tree", "_refs/branches", "_versions"};
    for (size_t i = 0; i < 3; i++) {
        base_names names = {0};
        RETURN_IF_ERROR(table_list_folder(path, folders[i], &names, err));
        bool branches = i < 2 && names.n > 0, detached = false;
        for (size_t j = 0; i == 2 && j < names.n; j++)
            detached |= names.name[j][0] == 'd' && has_suffix(names.name[j], ".manifest");
        base_names_free(&names);
        if (branches || detached)
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "the table %s has %s, which may need what a cleanup removes: it is not done", path,
                             branches ? "branches" : "detached versions");
    }
    return LANCELET_OK;
}

static lancelet_status list_files(cleanup *c, lancelet_error *err)
{
    for (size_t i = 0; i < FOLDERS; i++) {
        RETURN_IF_ERROR(table_list_folder(c->path, kinds[i].folder, &c->names[i], err));
        c->marks[i] = base_calloc(c->names[i].n + 1, 1);
        if (!c->marks[i])
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

/* ---- what versions name ---- */

static int compare_name(const void *key, const void *element)
{
    return strcmp(key, *(char *const *)element);
}

static void mark(cleanup *c, int kind, const char *name, uint8_t how)
{
    const base_names *n = &c->names[kind];
    char **found = n->n ? bsearch(name, n->name, n->n, sizeof *n->name, compare_name) : NULL;
    if (found)
        c->marks[kind][found - n->name] |= how;
}

static void mark_indices(cleanup *c, const table_manifest *m, uint8_t how)
{
    static const char hex[] = "0123456789abcdef";
    wire_span rest = m->index_section;
    wire_field f;
    bool bad = false;
    while (wire_next(&rest, &f, &bad)) {
        wire_span uuid = f.number == 1 && f.type == 2 ? wire_bytes(wire_bytes(f.bytes, 1), 1) : (wire_span){NULL, 0};
        if (uuid.size != 16)
            continue;
        char text[37], *p = text;
        for (size_t i = 0; i < 16; i++) {
            if (i == 4 || i == 6 || i == 8 || i == 10)
                *p++ = '-';
            *p++ = hex[uuid.data[i] >> 4];
            *p++ = hex[uuid.data[i] & 15];
        }
        *p = '\0';
        mark(c, INDICES, text, how);
    }
}

static lancelet_status mark_version(cleanup *c, const table_manifest *m, uint8_t how, lancelet_error *err)
{
    for (size_t i = 0; i < m->n_fragments; i++) {
        const table_fragment *f = &m->fragments[i];
        for (size_t j = 0; j < f->n_files; j++)
            mark(c, DATA, f->files[j].path, how);
        if (!f->deletion.present)
            continue;
        char *path = table_deletion_path(c->path, f->id, &f->deletion);
        if (!path)
            return base_fail_memory(err);
        mark(c, DELETIONS, base_path_name(path), how);
        base_free(path);
    }
    if (m->transaction_file)
        mark(c, TRANSACTIONS, m->transaction_file, how);
    mark_indices(c, m, how);
    return LANCELET_OK;
}

static bool has_tag(const cleanup *c, uint64_t version)
{
    for (size_t i = 0; i < c->n_tags; i++)
        if (c->tags[i].version == version)
            return true;
    return false;
}

/* Flags that are not known may stand for files that are not known. */
static lancelet_status check_flags(const table_manifest *m, lancelet_error *err)
{
    table_manifest flags = {.reader_flags = m->reader_flags | m->writer_flags};
    return table_check_readable(&flags, err);
}

static lancelet_status look_at(cleanup *c, size_t i, lancelet_error *err)
{
    const table_version_name *v = &c->version[i];
    table_manifest m;
    lancelet_status status = table_manifest_read(c->path, v->version, v->v2_names, &m, err);
    if (status == LANCELET_NOT_FOUND) /* another cleanup was first */
        return LANCELET_OK;
    if (status == LANCELET_CORRUPT)
        base_error_prefix(err, "nothing was removed, since a manifest that cannot be read may name any file");
    RETURN_IF_ERROR(status);
    status = check_flags(&m, err);
    c->goes[i] = i + 1 < c->n_versions && m.timestamp_us < c->now_us - c->o.older_than_us && !has_tag(c, v->version);
    if (status == LANCELET_OK)
        status = mark_version(c, &m, c->goes[i] ? NAMED : KEPT, err);
    table_manifest_free(&m);
    return status;
}

static lancelet_status look_at_all(cleanup *c, lancelet_error *err)
{
    RETURN_IF_ERROR(table_list_versions(c->path, &c->version, &c->n_versions, err));
    if (c->n_versions == 0)
        return base_fail(err, LANCELET_NOT_FOUND, "there is no table at %s", c->path);
    c->goes = base_calloc(c->n_versions, sizeof *c->goes);
    if (!c->goes)
        return base_fail_memory(err);
    RETURN_IF_ERROR(lancelet_tags(c->path, &c->tags, &c->n_tags, err));
    for (size_t i = 0; i < c->n_versions; i++) {
        if (base_cancelled(c->o.cancel))
            return base_fail_cancelled(err);
        RETURN_IF_ERROR(look_at(c, i, err));
    }
    return LANCELET_OK;
}

/* ---- removing ---- */

/* A version that is to go may have got a tag since. */
static lancelet_status check_tags_again(const cleanup *c, lancelet_error *err)
{
    lancelet_tag *tags;
    size_t n;
    RETURN_IF_ERROR(lancelet_tags(c->path, &tags, &n, err));
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < n && status == LANCELET_OK; i++)
        for (size_t j = 0; j < c->n_versions && status == LANCELET_OK; j++)
            if (c->goes[j] && c->version[j].version == tags[i].version)
                status = base_fail(err, LANCELET_CONFLICT,
                                   "version %" PRIu64 " of %s got the tag '%s' meanwhile; run the cleanup again",
                                   tags[i].version, c->path, tags[i].name);
    lancelet_free(tags);
    return status;
}

static lancelet_status remove_file(cleanup *c, const char *path, uint64_t size, uint64_t *counter, lancelet_error *err)
{
    if (base_cancelled(c->o.cancel))
        return base_fail_cancelled(err);
    if (!c->o.dry_run)
        RETURN_IF_ERROR(base_file_remove(path, err));
    ++*counter;
    c->report.bytes += size;
    return LANCELET_OK;
}

static lancelet_status remove_versions(cleanup *c, lancelet_error *err)
{
    for (size_t i = 0; i < c->n_versions; i++) {
        if (!c->goes[i])
            continue;
        char *path = table_manifest_path(c->path, c->version[i].version, c->version[i].v2_names);
        if (!path)
            return base_fail_memory(err);
        base_stat stat;
        lancelet_status status = base_file_stat(path, &stat, err);
        if (status == LANCELET_OK && stat.exists)
            status = remove_file(c, path, stat.size, &c->report.versions, err);
        base_free(path);
        RETURN_IF_ERROR(status);
    }
    if (c->report.versions == 0 || c->o.dry_run)
        return LANCELET_OK;
    char *folder = base_path_join(c->path, "_versions");
    if (!folder)
        return base_fail_memory(err);
    lancelet_status status = base_dir_sync(folder, err);
    base_free(folder);
    return status;
}

/* Versions committed since the manifests were listed: a restore may have brought files back. */
static lancelet_status keep_newer(cleanup *c, lancelet_error *err)
{
    table_version_name *now;
    size_t n;
    RETURN_IF_ERROR(table_list_versions(c->path, &now, &n, err));
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < n && status == LANCELET_OK; i++) {
        if (now[i].version <= c->version[c->n_versions - 1].version)
            continue;
        table_manifest m;
        status = table_manifest_read(c->path, now[i].version, now[i].v2_names, &m, err);
        if (status == LANCELET_NOT_FOUND) { /* another cleanup was first */
            status = LANCELET_OK;
            continue;
        }
        if (status != LANCELET_OK)
            break;
        status = check_flags(&m, err);
        if (status == LANCELET_OK)
            status = mark_version(c, &m, KEPT, err);
        table_manifest_free(&m);
    }
    base_free(now);
    return status;
}

static bool is_old(const cleanup *c, int64_t modified_us)
{
    return c->o.unverified || modified_us < c->now_us - UNVERIFIED_US;
}

/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" */
static bool is_uuid(const char *name)
{
    for (size_t i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? name[i] != '-'
                                                    : name[i] == '\0' || !strchr("0123456789abcdefABCDEF", name[i]))
            return false;
    return name[36] == '\0';
}

/* Adds up an index's folder: sizes, files, and when the last of them was written. */
static lancelet_status measure_index(const char *folder, uint64_t *files, uint64_t *bytes, int64_t *modified_us,
                                     lancelet_error *err)
{
    base_names names = {0};
    RETURN_IF_ERROR(table_list_folder(folder, ".", &names, err));
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < names.n && status == LANCELET_OK; i++) {
        char *path = base_path_join(folder, names.name[i]);
        base_stat stat = {0};
        status = path ? base_file_stat(path, &stat, err) : base_fail_memory(err);
        base_free(path);
        *files += stat.is_regular;
        *bytes += stat.is_regular ? stat.size : 0;
        if (stat.modified_us > *modified_us)
            *modified_us = stat.modified_us;
    }
    base_names_free(&names);
    return status;
}

static lancelet_status judge_index(cleanup *c, const char *path, const base_stat *stat, uint8_t marks, lancelet_error *err)
{
    uint64_t files = 0, bytes = 0;
    int64_t modified_us = stat->modified_us;
    RETURN_IF_ERROR(measure_index(path, &files, &bytes, &modified_us, err));
    if (!(marks & NAMED) && !is_old(c, modified_us))
        return LANCELET_OK;
    if (!c->o.dry_run)
        RETURN_IF_ERROR(base_dir_remove(path, err));
    c->report.files += files;
    c->report.bytes += bytes;
    return LANCELET_OK;
}

static lancelet_status judge(cleanup *c, size_t kind, size_t i, lancelet_error *err)
{
    const char *name = c->names[kind].name[i], *const *suffix = kinds[kind].suffix;
    uint8_t marks = c->marks[kind][i];
    if (marks & KEPT)
        return LANCELET_OK;
    if (kind == INDICES ? !is_uuid(name) : !has_suffix(name, suffix[0]) && !has_suffix(name, suffix[1]))
        return LANCELET_OK;
    char *path = base_format("%s/%s/%s", c->path, kinds[kind].folder, name);
    if (!path)
        return base_fail_memory(err);
    base_stat stat;
    lancelet_status status = base_file_stat(path, &stat, err);
    if (status == LANCELET_OK && kind == INDICES && stat.is_dir)
        status = judge_index(c, path, &stat, marks, err);
    else if (status == LANCELET_OK && kind != INDICES && stat.is_regular &&
             (marks & NAMED || is_old(c, stat.modified_us)))
        status = remove_file(c, path, stat.size, &c->report.files, err);
    base_free(path);
    return status;
}

/* What writers that were killed left among the manifests. */
static lancelet_status remove_temporary(cleanup *c, lancelet_error *err)
{
    base_names names = {0};
    RETURN_IF_ERROR(table_list_folder(c->path, "_versions", &names, err));
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < names.n && status == LANCELET_OK; i++) {
        if (strncmp(names.name[i], ".tmp", 4) != 0 && !strstr(names.name[i], ".json.tmp-"))
            continue;
        char *path = base_format("%s/_versions/%s", c->path, names.name[i]);
        base_stat stat = {0};
        status = path ? base_file_stat(path, &stat, err) : base_fail_memory(err);
        if (status == LANCELET_OK && stat.is_regular && is_old(c, stat.modified_us))
            status = remove_file(c, path, stat.size, &c->report.files, err);
        base_free(path);
    }
    base_names_free(&names);
    return status;
}

static lancelet_status run(cleanup *c, lancelet_error *err)
{
    RETURN_IF_ERROR(refuse_others(c->path, err));
    RETURN_IF_ERROR(list_files(c, err));
    RETURN_IF_ERROR(look_at_all(c, err));
    RETURN_IF_ERROR(check_tags_again(c, err));
    RETURN_IF_ERROR(remove_versions(c, err));
    RETURN_IF_ERROR(keep_newer(c, err));
    for (size_t kind = 0; kind < FOLDERS; kind++)
        for (size_t i = 0; i < c->names[kind].n; i++)
            RETURN_IF_ERROR(judge(c, kind, i, err));
    return remove_temporary(c, err);
}

lancelet_status lancelet_cleanup(const char *path, const lancelet_cleanup_options *options,
                                 lancelet_cleanup_report *report, lancelet_error *err)
{
    cleanup c = {.path = path, .o = LANCELET_CLEANUP_OPTIONS_INIT, .now_us = base_now_us()};
    if (!path)
        return base_fail(err, LANCELET_INVALID, "lancelet_cleanup was given no path");
    base_options(&c.o, sizeof c.o, options);
    if (c.o.older_than_us < 0)
        return base_fail(err, LANCELET_INVALID, "the age of versions to remove is negative");
    if (c.o.older_than_us > c.now_us)
        c.o.older_than_us = c.now_us;
    lancelet_status status = run(&c, err);
    for (size_t i = 0; i < FOLDERS; i++) {
        base_names_free(&c.names[i]);
        base_free(c.marks[i]);
    }
    base_free(c.version);
    base_free(c.goes);
    lancelet_free(c.tags);
    if (status == LANCELET_OK && report)
        *report = c.report;
    return status;
}
