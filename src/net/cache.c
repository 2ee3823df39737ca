/* cache.c - see cache.h. The hub cache as huggingface_hub 1.x lays it out and finds it; variables inside HF_HOME and
 * HF_HUB_CACHE ("$SCRATCH/hf") are not expanded, a leading ~ is.
 *
 * Names of repositories and files come from users and tables, and refs/main from whoever wrote the cache: none of them leads
 * out of the folder. Links from a snapshot to its blobs are followed wherever they point, as a cache on another disk needs. */
#include "net/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { MAX_NAME = 200, MAX_FILE_NAME = 255, MAX_REF = 200, MAX_BELOW = 1024 };

/* ---- names ---- */

/* One part of a path: letters a file name may have, and no step up. */
static bool is_part(const char *s, size_t n)
{
    if (n == 0 || n > MAX_NAME || s[0] == '.')
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\' || (c == '.' && i + 1 < n && s[i + 1] == '.'))
            return false;
    }
    return true;
}

/* "org/name" or "name". Two hyphens stand for the slash in the cache, so the hub has none in names. */
bool net_is_repository(const char *s)
{
    const char *slash = strchr(s, '/');
    size_t n = strlen(s), org = slash ? (size_t)(slash - s) : 0;
    if (strstr(s, "--"))
        return false;
    return slash ? is_part(s, org) && is_part(slash + 1, n - org - 1) : is_part(s, n);
}

bool net_is_file_name(const char *s)
{
    size_t n = strlen(s);
    if (n == 0 || n > MAX_BELOW)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return false;
    for (const char *part = s;; part++) {
        size_t length = strcspn(part, "/");
        bool step = (length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.');
        if (length == 0 || length > MAX_FILE_NAME || step)
            return false;
        part += length;
        if (!*part)
            return true;
    }
}

bool net_is_commit(const char *s)
{
    return strlen(s) == 40 && strspn(s, "0123456789abcdef") == 40;
}

/* ---- where the caches lie ---- */

static const char *set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

/* *out: `folder` with ~ for the home folder, and `below` behind it; NULL where there is no home. */
static lancelet_status place(const char *folder, const char *below, char **out, lancelet_error *err)
{
    bool in_home = folder[0] == '~' && (!folder[1] || folder[1] == '/');
    const char *home = in_home ? set("HOME") : "";
    *out = home ? base_format("%s%s%s", home, folder + in_home, below) : NULL;
    return home && !*out ? base_fail_memory(err) : LANCELET_OK;
}

/* The first of the variables that is set: its folder, and what lies below it. */
typedef struct hub_variable {
    const char *name, *below;
} hub_variable;

static lancelet_status first_set(const hub_variable *variables, const char *in_home, char **out, lancelet_error *err)
{
    while (variables->name && !set(variables->name))
        variables++;
    const char *folder = variables->name ? set(variables->name) : "~";
    RETURN_IF_ERROR(place(folder, variables->name ? variables->below : in_home, out, err));
    size_t n = *out ? strlen(*out) : 0;
    while (n > 1 && (*out)[n - 1] == '/')
        (*out)[--n] = '\0';
    return LANCELET_OK;
}

static lancelet_status hub_folder(char **out, lancelet_error *err)
{
    static const hub_variable variables[] = {
        {"HF_HUB_CACHE", ""}, {"HUGGINGFACE_HUB_CACHE", ""}, {"HF_HOME", "/hub"}, {"XDG_CACHE_HOME", "/huggingface/hub"}, {NULL, NULL}};
    return first_set(variables, "/.cache/huggingface/hub", out, err);
}

lancelet_status net_hub_home(char **out, lancelet_error *err)
{
    static const hub_variable variables[] = {{"HF_HOME", ""}, {"XDG_CACHE_HOME", "/huggingface"}, {NULL, NULL}};
    return first_set(variables, "/.cache/huggingface", out, err);
}

char *net_hub_folder(void)
{
    char *folder = NULL;
    return hub_folder(&folder, NULL) == LANCELET_OK ? folder : NULL;
}

/* ---- snapshots ---- */

/* *path: the first of `names` that is a file in the folder, owned, NULL where none is; *rank: its place among them,
 * *modified_us: when it changed. */
static lancelet_status first_in(const char *folder, const char *const *names, char **path, size_t *rank,
                                int64_t *modified_us, lancelet_error *err)
{
    *path = NULL;
    for (*rank = 0; names[*rank]; ++*rank) {
        char *candidate = base_path_join(folder, names[*rank]);
        if (!candidate)
            return base_fail_memory(err);
        base_stat st;
        lancelet_status status = base_file_stat(candidate, &st, err);
        if (status == LANCELET_OK && st.exists && st.is_regular) {
            *path = candidate;
            *modified_us = st.modified_us;
            return LANCELET_OK;
        }
        base_free(candidate);
        RETURN_IF_ERROR(status);
    }
    return LANCELET_OK;
}

lancelet_status net_cached_commit(const char *folder, const char *revision, char commit[NET_COMMIT], lancelet_error *err)
{
    commit[0] = '\0';
    if (net_is_commit(revision)) {
        memcpy(commit, revision, strlen(revision) + 1);
        return LANCELET_OK;
    }
    char *ref = net_is_file_name(revision) ? base_format("%s/refs/%s", folder, revision) : NULL;
    if (!ref)
        return net_is_file_name(revision) ? base_fail_memory(err) : LANCELET_OK;
    uint8_t *bytes = NULL;
    size_t n = 0;
    lancelet_status status = base_file_read(ref, MAX_REF, &bytes, &n, err);
    base_free(ref);
    if (status != LANCELET_OK)
        return status == LANCELET_MEMORY ? status : LANCELET_OK;
    while (n > 0 && strchr(" \t\r\n", bytes[n - 1]))
        n--;
    if (n < NET_COMMIT && is_part((const char *)bytes, n)) {
        memcpy(commit, bytes, n);
        commit[n] = '\0';
    }
    base_free(bytes);
    return LANCELET_OK;
}

/* From the snapshot that refs/main names. What is no name of a snapshot is passed over. */
static lancelet_status in_main(const char *repository, const char *const *names, char **path, lancelet_error *err)
{
    char commit[NET_COMMIT];
    size_t rank;
    int64_t modified_us;
    RETURN_IF_ERROR(net_cached_commit(repository, "main", commit, err));
    if (!commit[0])
        return LANCELET_OK;
    char *snapshot = base_format("%s/snapshots/%s", repository, commit);
    lancelet_status status = snapshot ? first_in(snapshot, names, path, &rank, &modified_us, err) : base_fail_memory(err);
    base_free(snapshot);
    return status;
}

/* From any snapshot: the best name, and of that the newest file. */
static lancelet_status in_any(const char *repository, const char *const *names, char **path, lancelet_error *err)
{
    char *snapshots = base_format("%s/snapshots", repository);
    if (!snapshots)
        return base_fail_memory(err);
    base_names all = {0};
    lancelet_status status = base_dir_list(snapshots, &all, err);
    if (status == LANCELET_NOT_FOUND) {
        base_free(snapshots);
        return LANCELET_OK;
    }
    size_t best = 0;
    int64_t newest = 0;
    for (size_t i = 0; i < all.n && status == LANCELET_OK; i++) {
        size_t rank;
        int64_t modified_us = 0;
        char *found = NULL, *snapshot = base_path_join(snapshots, all.name[i]);
        status = snapshot ? first_in(snapshot, names, &found, &rank, &modified_us, err) : base_fail_memory(err);
        if (found && (!*path || rank < best || (rank == best && modified_us > newest))) {
            char *worse = *path;
            *path = found;
            found = worse;
            best = rank;
            newest = modified_us;
        }
        base_free(found);
        base_free(snapshot);
    }
    base_names_free(&all);
    base_free(snapshots);
    if (status != LANCELET_OK) {
        base_free(*path);
        *path = NULL;
    }
    return status;
}

lancelet_status net_repository_folder(bool dataset, const char *name, char **folder, lancelet_error *err)
{
    *folder = NULL;
    if (!net_is_repository(name))
        return base_fail(err, LANCELET_INVALID, "'%.100s' is no name of a Hugging Face repository", name);
    char *hub = NULL;
    RETURN_IF_ERROR(hub_folder(&hub, err));
    if (!hub)
        return LANCELET_OK;
    const char *slash = strchr(name, '/'), *kind = dataset ? "datasets" : "models";
    *folder = slash ? base_format("%s/%s--%.*s--%s", hub, kind, (int)(slash - name), name, slash + 1)
                    : base_format("%s/%s--%s", hub, kind, name);
    base_free(hub);
    return *folder ? LANCELET_OK : base_fail_memory(err);
}

lancelet_status net_hub_file(const char *repository, const char *const *names, char **path, lancelet_error *err)
{
    *path = NULL;
    for (size_t i = 0; names[i]; i++)
        if (!is_part(names[i], strlen(names[i])))
            return base_fail(err, LANCELET_INVALID, "'%.100s' is no name of a file", names[i]);
    char *folder = NULL;
    RETURN_IF_ERROR(net_repository_folder(false, repository, &folder, err));
    if (!folder)
        return LANCELET_OK;
    lancelet_status status = in_main(folder, names, path, err);
    if (status == LANCELET_OK && !*path)
        status = in_any(folder, names, path, err);
    base_free(folder);
    return status;
}

/* ---- OpenAI's ---- */

lancelet_status net_clip_file(const char *file, char **path, lancelet_error *err)
{
    *path = NULL;
    if (!is_part(file, strlen(file)))
        return base_fail(err, LANCELET_INVALID, "'%.100s' is no name of a file", file);
    char *folder = NULL;
    RETURN_IF_ERROR(place("~", "/.cache/clip", &folder, err));
    if (!folder)
        return LANCELET_OK;
    size_t rank;
    int64_t modified_us;
    lancelet_status status = first_in(folder, (const char *const[]){file, NULL}, path, &rank, &modified_us, err);
    base_free(folder);
    return status;
}
