/* hub_listing.c - the JSON of two pages of the hub's interface: what is said of a repository at a revision
 * (/api/models/NAME/revision/REV, of which the commit is taken) and its tree (/api/models/NAME/tree/COMMIT?recursive=true: an
 * array of objects type, path, size, oid, lfs.oid, in pages of at most a thousand). Peer: huggingface_hub's RepoFile.
 *
 * Names become paths in the cache and hashes names of files there, so each is looked at; one that is wrong is no mistake to pass
 * over, and the whole listing is refused. */
#include "net/hub_internal.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

enum { MOST_FILES = 2000000 };

static bool is_hash(const char *s, size_t n)
{
    return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

lancelet_status hub_parse_info(const char *json, size_t n, char commit[65], lancelet_error *err)
{
    json_error_t at;
    json_t *root = json_loadb(json, n, 0, &at);
    const char *sha = json_string_value(json_object_get(root, "sha"));
    bool good = sha && net_is_commit(sha);
    if (good)
        memcpy(commit, sha, strlen(sha) + 1);
    json_decref(root);
    return good ? LANCELET_OK : base_fail(err, LANCELET_CORRUPT, "the answer about the repository names no commit");
}

lancelet_status hub_add_file(hub_files *out, size_t *capacity, const hub_file *file, lancelet_error *err)
{
    if (out->n == *capacity) {
        size_t grown = *capacity ? 2 * *capacity : 64, bytes;
        hub_file *more = grown <= MOST_FILES && base_mul_size(grown, sizeof *more, &bytes) ? base_realloc(out->file, bytes) : NULL;
        if (!more && grown > MOST_FILES)
            return base_fail(err, LANCELET_LIMIT, "the repository has more than %zu files", *capacity);
        if (!more)
            return base_fail_memory(err);
        out->file = more;
        *capacity = grown;
    }
    hub_file copy = *file;
    copy.name = base_arena_strndup(&out->arena, file->name, strlen(file->name));
    if (!copy.name)
        return base_fail_memory(err);
    out->file[out->n++] = copy;
    return LANCELET_OK;
}

/* One entry of the tree, a folder or a file. */
static lancelet_status parse_entry(const json_t *entry, hub_files *out, size_t *capacity, lancelet_error *err)
{
    const char *type = json_string_value(json_object_get(entry, "type"));
    const char *path = json_string_value(json_object_get(entry, "path"));
    if (!type || !path)
        return base_fail(err, LANCELET_CORRUPT, "the listing has an entry without type or path");
    if (strcmp(type, "file") != 0)
        return LANCELET_OK;
    if (!net_is_file_name(path))
        return base_fail(err, LANCELET_CORRUPT, "the listing has a file '%.200s', which is no name in a folder", path);
    const json_t *lfs = json_object_get(entry, "lfs");
    bool large = json_is_object(lfs);
    const json_t *size = json_object_get(large ? lfs : entry, "size");
    const char *oid = json_string_value(json_object_get(large ? lfs : entry, "oid"));
    if (!json_is_integer(size) || json_integer_value(size) < 0 || !oid || !is_hash(oid, large ? 64 : 40))
        return base_fail(err, LANCELET_CORRUPT, "the listing has no size or hash for %.200s", path);
    hub_file file = {.name = path, .size = (uint64_t)json_integer_value(size)};
    memcpy(file.hash, oid, strlen(oid) + 1);
    return hub_add_file(out, capacity, &file, err);
}

lancelet_status hub_parse_page(const char *json, size_t n, hub_files *out, size_t *capacity, lancelet_error *err)
{
    json_error_t at;
    json_t *page = json_loadb(json, n, 0, &at), *entry;
    size_t i;
    if (!json_is_array(page)) {
        json_decref(page);
        return base_fail(err, LANCELET_CORRUPT, "the listing is no JSON array");
    }
    lancelet_status status = LANCELET_OK;
    json_array_foreach(page, i, entry)
    {
        status = parse_entry(entry, out, capacity, err);
        if (status != LANCELET_OK)
            break;
    }
    json_decref(page);
    return status;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const hub_file *)a)->name, ((const hub_file *)b)->name);
}

lancelet_status hub_sort(hub_files *f, lancelet_error *err)
{
    if (f->n > 1)
        qsort(f->file, f->n, sizeof *f->file, compare);
    for (size_t i = 1; i < f->n; i++)
        if (strcmp(f->file[i - 1].name, f->file[i].name) == 0)
            return base_fail(err, LANCELET_CORRUPT, "the listing has %.200s twice", f->file[i].name);
    return LANCELET_OK;
}
