/* model_place.c - from what a user calls a model to its weights on this machine: a path as it stands; a built-in
 * model or a file in PICASK_MODELS; a name of the catalogue, which lies in Hugging Face's hub cache or in OpenAI's
 * ~/.cache/clip; any other repository of the hub cache.
 *
 * A file of OpenAI's cache must have the SHA-256 that OpenAI publishes. Hashing 0.3 to 0.9 GB takes up to a second,
 * so a file that was hashed is remembered in the cache folder by path, size, inode and time of change. Of a CLIP that
 * is opened by path the same hash tells whether it may go by a name of the catalogue: fine-tuned weights are often
 * called after what they came from, and a table must not take one for the other. */
#include "gallery/gallery.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "embed/model/catalogue.h"
#include "net/cache.h"

static const char *const names[] = {"mini-1", NULL};

const char *const *picask_model_names(void)
{
    return names;
}

const char *gallery_model_canonical(const char *name)
{
    if (strcasecmp(name, "mini") == 0)
        return names[0];
    for (size_t i = 0; names[i]; i++)
        if (strcasecmp(name, names[i]) == 0)
            return names[i];
    const catalogue_entry *e = gallery_is_path(name) ? NULL : catalogue_find(name);
    return e ? e->name : name;
}

static bool is_built_in(const char *canonical)
{
    for (size_t i = 0; names[i]; i++)
        if (strcmp(canonical, names[i]) == 0)
            return true;
    return false;
}

/* ---- hashes ---- */

/* Where the hash of the file is remembered, *out NULL where there is no place for it. */
static lancelet_status remembered_at(const char *path, const base_stat *st, char **out, lancelet_error *err)
{
    char *absolute = base_path_absolute(path), *folder = NULL;
    *out = NULL;
    if (!absolute)
        return base_fail_memory(err);
    lancelet_status status = base_cache_folder("sha256", &folder, err);
    char *key = base_format("%s\n%llu\n%llu\n%lld", absolute, (unsigned long long)st->size,
                            (unsigned long long)st->inode, (long long)st->modified_us);
    if (status == LANCELET_OK && folder && key) {
        char hash[65];
        base_sha256_hex(key, strlen(key), hash);
        *out = base_format("%s/%s", folder, hash);
    }
    if (status == LANCELET_OK && (!key || (folder && !*out)))
        status = base_fail_memory(err);
    base_free(key);
    base_free(folder);
    base_free(absolute);
    return status;
}

/* out: the remembered hash, or "" */
static lancelet_status recall(const char *at, char out[65], lancelet_error *err)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    out[0] = '\0';
    lancelet_status status = base_file_read(at, 64, &bytes, &n, err);
    if (status == LANCELET_OK && n == 64)
        memcpy(out, bytes, 65);
    base_free(bytes);
    return status == LANCELET_MEMORY ? status : LANCELET_OK;
}

/* Where nothing can be written, the next run hashes again. */
static lancelet_status remember(const char *at, const char *hash, lancelet_error *err)
{
    char *folder = base_path_parent(at);
    lancelet_status status = folder ? base_dir_make(folder, err) : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = base_file_replace(at, hash, 64, false, err);
    base_free(folder);
    return status == LANCELET_MEMORY ? status : LANCELET_OK;
}

lancelet_status gallery_file_sha256(const char *path, bool afresh, char out[65], lancelet_error *err)
{
    base_stat st;
    char *at = NULL;
    RETURN_IF_ERROR(base_file_stat(path, &st, err));
    RETURN_IF_ERROR(remembered_at(path, &st, &at, err));
    out[0] = '\0';
    lancelet_status status = at && !afresh ? recall(at, out, err) : LANCELET_OK;
    if (status == LANCELET_OK && !out[0]) {
        base_map map;
        status = base_map_open(path, 0, &map, err);
        if (status == LANCELET_OK) {
            base_sha256_hex(map.data, (size_t)map.size, out);
            base_map_close(&map);
            if (at)
                status = remember(at, out, err);
        }
    }
    base_free(at);
    return status;
}

/* ---- the caches ---- */

/* The file of OpenAI's cache must be the published one. */
static lancelet_status check_openai(const catalogue_entry *e, char **path, lancelet_error *err)
{
    char hash[65];
    lancelet_status status = gallery_file_sha256(*path, false, hash, err);
    if (status == LANCELET_OK && strcmp(hash, e->openai_sha256) != 0)
        status = base_fail(err, LANCELET_CORRUPT,
                           "%s is not the file that OpenAI published: its SHA-256 is %s, not %s; to use it "
                           "as it is name it by "
                           "its path",
                           *path, hash, e->openai_sha256);
    if (status != LANCELET_OK) {
        base_free(*path);
        *path = NULL;
    }
    return status;
}

lancelet_status gallery_model_in_caches(const catalogue_entry *e, bool check, char **path,
                                        lancelet_error *err)
{
    *path = NULL;
    if (e->hub_file)
        RETURN_IF_ERROR(net_hub_file(e->hub_id, (const char *const[]){e->hub_file, NULL}, path, err));
    if (!*path)
        RETURN_IF_ERROR(net_hub_file(e->hub_id, model_folder_files, path, err));
    if (!*path && e->hub_also)
        RETURN_IF_ERROR(net_hub_file(e->hub_also, model_folder_files, path, err));
    if (*path || !e->openai_file)
        return LANCELET_OK;
    RETURN_IF_ERROR(net_clip_file(e->openai_file, path, err));
    return *path && check ? check_openai(e, path, err) : LANCELET_OK;
}

/* ---- sentences ---- */

uint64_t gallery_model_bytes(const catalogue_entry *e, bool *about)
{
    *about = e->bytes == 0;
    return e->bytes ? e->bytes : 4 * e->parameters;
}

/* The shortest name that means it: "ViT-L-14" for "ViT-L-14/openai". */
static const char *short_name(const catalogue_entry *e, char out[128])
{
    snprintf(out, 128, "%.*s", (int)strcspn(e->name, "/"), e->name);
    return catalogue_find(out) == e ? out : e->name;
}

char *gallery_model_put(const catalogue_entry *e)
{
    char shown[512], name[128], *hub = net_hub_folder();
    char *text = base_format("picask model pull %s (into %s)%s%s%s", short_name(e, name),
                             hub ? gallery_shown_path(hub, shown) : "~/.cache/huggingface/hub", e->openai_file ? ", or put " : "",
                             e->openai_file ? e->openai_file : "", e->openai_file ? " into ~/.cache/clip" : "");
    base_free(hub);
    return text;
}

static lancelet_status fail_not_here(const catalogue_entry *e, lancelet_error *err)
{
    bool about;
    char size[32], name[128];
    base_format_bytes(gallery_model_bytes(e, &about), size);
    return base_fail(err, LANCELET_NOT_FOUND, "%s is not on this machine (%s%s); get it: picask model pull %s", e->name,
                     about ? "about " : "", size, short_name(e, name));
}

/* "ViT-H-14/dfn5b, ViT-H-14/laion2b_s32b_b79k": the models of an architecture; owned. */
static char *variants(const char *architecture)
{
    base_buffer b = {0};
    bool fits = true;
    for (const catalogue_entry *e = catalogue_next_of(architecture, NULL); e && fits;
         e = catalogue_next_of(architecture, e))
        fits = (b.size == 0 || base_buffer_append_string(&b, ", ")) && base_buffer_append_string(&b, e->name);
    if (fits)
        return base_buffer_to_string(&b);
    base_buffer_free(&b);
    return NULL;
}

static lancelet_status fail_unknown(const char *name, lancelet_error *err)
{
    if (catalogue_next_of(name, NULL)) {
        char *list = variants(name);
        if (!list)
            return base_fail_memory(err);
        base_fail(err, LANCELET_NOT_FOUND, "'%s' is several models; name one: %s", name, list);
        base_free(list);
        return LANCELET_NOT_FOUND;
    }
    base_stat st;
    if (base_file_stat(name, &st, NULL) == LANCELET_OK && st.exists)
        return base_fail(err, LANCELET_NOT_FOUND,
                         "there is no model '%s'; a file or folder begins with / ./ ../ or ~/: -m ./%s", name, name);
    const char *near = catalogue_nearest(name);
    if (near)
        return base_fail(err, LANCELET_NOT_FOUND, "there is no model '%s'; did you mean %s?", name, near);
    if (strchr(name, '/')) {
        char shown[512], *hub = net_hub_folder();
        base_fail(err, LANCELET_NOT_FOUND, "there is no model '%s' in %s; where Hugging Face has it: picask model pull %s", name,
                  hub ? gallery_shown_path(hub, shown) : "~/.cache/huggingface/hub", name);
        base_free(hub);
        return LANCELET_NOT_FOUND;
    }
    return base_fail(err, LANCELET_NOT_FOUND, "there is no model '%s'; see: picask model list", name);
}

/* ---- a name ---- */

/* "./x.safetensors" without the "./" */
static bool is_file_name(const char *name)
{
    static const char *const endings[] = {".safetensors", ".pt", ".bin", ".pth"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t tail = strlen(endings[i]);
        if (n > tail && strcmp(name + n - tail, endings[i]) == 0)
            return true;
    }
    return false;
}

/* A repository of the hub cache that is in no catalogue; *path NULL where it is none. */
static lancelet_status in_other_repository(const char *name, char **path, lancelet_error *err)
{
    const char *slash = strchr(name, '/');
    if (!slash || strchr(slash + 1, '/'))
        return LANCELET_OK;
    lancelet_status status = net_hub_file(name, model_folder_files, path, err);
    return status == LANCELET_INVALID ? LANCELET_OK : status;
}

static lancelet_status place_by_name(const char *asked, char **path, const char **name, lancelet_error *err)
{
    const char *canonical = gallery_model_canonical(asked);
    const catalogue_entry *e = catalogue_find(asked);
    if (!e && is_file_name(asked))
        return base_fail(err, LANCELET_INVALID,
                         "'%s' is no model's name; a file begins with / ./ ../ or ~/: -m ./%s", asked, asked);
    if (!strchr(canonical, '/')) {
        lancelet_status status = model_find(canonical, path, err);
        if (is_built_in(canonical) || (status != LANCELET_NOT_FOUND && status != LANCELET_INVALID))
            return status;
    }
    if (e) {
        RETURN_IF_ERROR(gallery_model_in_caches(e, true, path, err));
        *name = e->name;
        return *path ? LANCELET_OK : fail_not_here(e, err);
    }
    RETURN_IF_ERROR(in_other_repository(asked, path, err));
    return *path ? LANCELET_OK : fail_unknown(asked, err);
}

lancelet_status gallery_model_place(const char *asked, char **path, const char **name, lancelet_error *err)
{
    *path = NULL;
    *name = NULL;
    if (!gallery_is_path(asked))
        return place_by_name(asked, path, name, err);
    *path = gallery_expand_home(asked);
    return *path ? LANCELET_OK : base_fail_memory(err);
}

/* ---- the name of a path ---- */

/* *e: the entry whose published hash the file has, NULL: none. */
static lancelet_status published_as(const char *path, const catalogue_entry **e, lancelet_error *err)
{
    base_stat st;
    char hash[65] = "";
    size_t n;
    const catalogue_entry *all = catalogue_all(&n);
    *e = NULL;
    RETURN_IF_ERROR(base_file_stat(path, &st, err));
    for (size_t i = 0; i < n && st.size > 0; i++) {
        const char *published = st.size == all[i].openai_bytes                 ? all[i].openai_sha256
                                : st.size == all[i].bytes && all[i].hub_sha256 ? all[i].hub_sha256
                                                                               : NULL;
        if (published && !hash[0])
            RETURN_IF_ERROR(gallery_file_sha256(path, false, hash, err));
        if (published && strcmp(hash, published) == 0)
            *e = &all[i];
    }
    return LANCELET_OK;
}

lancelet_status gallery_model_name_of_path(const model *m, char **name, lancelet_error *err)
{
    const catalogue_entry *e;
    *name = NULL;
    RETURN_IF_ERROR(published_as(model_path(m), &e, err));
    if (e && strcmp(e->name, model_name(m)) != 0)
        *name = base_strdup(e->name);
    return !e || *name || strcmp(e->name, model_name(m)) == 0 ? LANCELET_OK : base_fail_memory(err);
}
