/* cache.c - see cache.h. The hub cache as huggingface_hub 1.x lays it out and finds it; variables inside HF_HOME and
 * HF_HUB_CACHE ("$SCRATCH/hf") are not expanded, a leading ~ is.
 *
 * Names of repositories and files come from users and tables, and refs/main from whoever wrote the cache: none of them leads
 * out of the folder. Links from a snapshot to its blobs are followed wherever they point, as a cache on another disk needs. */
#include "net/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { MAX_NAME = 200, MAX_REF = 200 };

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
static bool is_repository(const char *s)
{
    const char *slash = strchr(s, '/');
    size_t n = strlen(s), org = slash ? (size_t)(slash - s) : 0;
    if (strstr(s, "--"))
        return false;
    return slash ? is_part(s, org) && is_part(slash + 1, n - org - 1) : is_part(s, n);
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

static lancelet_status hub_folder(char **out, lancelet_error *err)
{
    const char *folder = set("HF_HUB_CACHE"), *below = "";
    if (!folder)
        folder = set("HUGGINGFACE_HUB_CACHE");
    if (!folder) {
        folder = set("HF_HOME");
        below = "/hub";
    }
    if (!folder) {
        folder = set("XDG_CACHE_HOME");
        below = "/huggingface/hub";
    }
    if (!folder) {
        folder = "~";
        below = "/.cache/huggingface/hub";
    }
    RETURN_IF_ERROR(place(folder, below, out, err));
    size_t n = *out ? strlen(*out) : 0;
    while (n > 1 && (*out)[n - 1] == '/')
        (*out)[--n] = '\0';
    return LANCELET_OK;
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

/* From the snapshot that refs/main names. What is no name of a snapshot is passed over. */
static lancelet_status in_main(const char *repository, const char *const *names, char **path, lancelet_error *err)
{
    char *ref = base_format("%s/refs/main", repository);
    if (!ref)
        return base_fail_memory(err);
    uint8_t *bytes = NULL;
    size_t n = 0, rank;
    int64_t modified_us;
    lancelet_status status = base_file_read(ref, MAX_REF, &bytes, &n, err);
    base_free(ref);
    if (status != LANCELET_OK)
        return status == LANCELET_MEMORY ? status : LANCELET_OK;
    while (n > 0 && strchr(" \t\r\n", bytes[n - 1]))
        n--;
    if (is_part((const char *)bytes, n)) {
        char *snapshot = base_format("%s/snapshots/%.*s", repository, (int)n, (const char *)bytes);
        status = snapshot ? first_in(snapshot, names, path, &rank, &modified_us, err) : base_fail_memory(err);
        base_free(snapshot);
    }
    base_free(bytes);
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

lancelet_status net_hub_file(const char *repository, const char *const *names, char **path, lancelet_error *err)
{
    *path = NULL;
    if (!is_repository(repository))
        return base_fail(err, LANCELET_INVALID, "'%.100s' is no name of a Hugging Face repository",
                         repository);
    for (size_t i = 0; names[i]; i++)
        if (!is_part(names[i], strlen(names[i])))
            return base_fail(err, LANCELET_INVALID, "'%.100s' is no name of a file", names[i]);
    char *hub = NULL;
    RETURN_IF_ERROR(hub_folder(&hub, err));
    if (!hub)
        return LANCELET_OK;
    const char *slash = strchr(repository, '/');
    char *folder =
        slash ? base_format("%s/models--%.*s--%s", hub, (int)(slash - repository), repository, slash + 1)
              : base_format("%s/models--%s", hub, repository);
    base_free(hub);
    if (!folder)
        return base_fail_memory(err);
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
