/* pull.c - models and data sets of the Hugging Face hub into its cache on this machine. See picask.h.
 *
 * Of a model come the weights that model_place.c would find first (the file of the catalogue, else the first of
 * model_folder_files that the repository has, with the shards of an index), and the small files beside them that the model is
 * read with, which are those that transformers and open_clip read offline too: other copies of the weights stay where they are.
 * Weights that are here already are not fetched; what is missing beside them is. */
#include "gallery/gallery.h"

#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "embed/model/weights_index.h"
#include "net/hub.h"

enum { MAX_CONFIG = 1 << 20 };

/* Files beside the weights, in the repository's own folder. */
static const char *const beside[] = {
    "config.json",    "open_clip_config.json", "preprocessor_config.json", "processor_config.json",   "tokenizer.json",
    "tokenizer_config.json", "vocab.json",     "merges.txt",               "special_tokens_map.json", NULL,
};

/* ---- choosing files ---- */

typedef struct choice {
    hub_files files;
    size_t *which; /* [n] places in files */
    size_t n;
} choice;

static void choice_free(choice *c)
{
    hub_files_free(&c->files);
    base_free(c->which);
    *c = (choice){0};
}

static lancelet_status list(const hub_repository *r, const picask_pull_options *o, choice *c, lancelet_error *err)
{
    *c = (choice){0};
    RETURN_IF_ERROR(hub_list(r, false, o->cancel, &c->files, err));
    c->which = base_alloc_array(c->files.n ? c->files.n : 1, sizeof *c->which);
    if (c->which)
        return LANCELET_OK;
    choice_free(c);
    return base_fail_memory(err);
}

/* Its place in the listing, or SIZE_MAX. */
static size_t find_file(const hub_files *f, const char *name)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(f->file[middle].name, name);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

static bool choose(choice *c, const char *name)
{
    size_t at = find_file(&c->files, name);
    if (at != SIZE_MAX)
        c->which[c->n++] = at;
    return at != SIZE_MAX;
}

static lancelet_status fetch(const hub_repository *r, const choice *c, const picask_pull_options *o, char **folder, lancelet_error *err)
{
    const hub_events events = {o->arg, o->progress, o->note};
    return hub_fetch(r, &c->files, c->which, c->n, &events, o->cancel, folder, err);
}

/* ---- a model ---- */

/* "model-00001-of-00002.safetensors", the shards that "model.safetensors.index.json" speaks of */
static bool is_shard(const char *name)
{
    static const char end[] = ".safetensors";
    size_t n = strlen(name), tail = sizeof end - 1;
    return !strchr(name, '/') && strncmp(name, "model-", 6) == 0 && strstr(name, "-of-") && n > tail && strcmp(name + n - tail, end) == 0;
}

#define INDEX "model.safetensors.index.json"

/* A file of weights, with the shards of an index; false: it is not there. */
static bool choose_file(choice *c, const char *name)
{
    bool found = choose(c, name);
    for (size_t i = 0; found && strcmp(name, INDEX) == 0 && i < c->files.n; i++)
        if (is_shard(c->files.file[i].name))
            c->which[c->n++] = i;
    return found;
}

/* The file of the catalogue, or the first name that is there; false: none. */
static bool choose_weights(choice *c, const char *file)
{
    if (file && choose_file(c, file))
        return true;
    const char *const *name = model_folder_files;
    while (*name && !choose_file(c, *name))
        name++;
    return *name != NULL;
}

static void choose_beside(choice *c)
{
    for (size_t i = 0; beside[i]; i++)
        choose(c, beside[i]);
}

/* Lists a repository and chooses its files. *found: it has weights. */
static lancelet_status choose_model(const hub_repository *r, const char *file, const picask_pull_options *o, choice *c, bool *found,
                                    lancelet_error *err)
{
    RETURN_IF_ERROR(list(r, o, c, err));
    *found = choose_weights(c, file);
    choose_beside(c);
    return LANCELET_OK;
}

static lancelet_status fail_no_weights(const char *repository, lancelet_error *err)
{
    return base_fail(err, LANCELET_UNSUPPORTED,
                     "%s has no weights that are known here: model.safetensors, pytorch_model.bin, or open_clip's names for them",
                     repository);
}

/* Says so when the hub has another file now than the one whose hash was published. Offline the listing knows no hashes. */
static void compare_published(const catalogue_entry *e, const choice *c, const picask_pull_options *o)
{
    size_t at = e->hub_file && e->hub_sha256 ? find_file(&c->files, e->hub_file) : SIZE_MAX;
    const hub_file *file = at != SIZE_MAX ? &c->files.file[at] : NULL;
    char theirs[32], published[32];
    if (!file || !file->hash[0] || strcmp(file->hash, e->hub_sha256) == 0)
        return;
    gallery_note(o->note, o->arg, 0,
                 "%s of %s is not the file that was published as %s: the hub lists %s with the hash %s, published were %s "
                 "with the SHA-256 %s",
                 file->name, e->hub_id, e->name, base_format_bytes(file->size, theirs), file->hash, base_format_bytes(e->bytes, published),
                 e->hub_sha256);
}

/* `e`: whose file of the catalogue goes before others, or NULL. */
static lancelet_status pull_from(const char *repository, const catalogue_entry *e, const picask_pull_options *o, char **folder,
                                 bool *found, lancelet_error *err)
{
    const hub_repository r = {.name = repository};
    choice c;
    RETURN_IF_ERROR(choose_model(&r, e ? e->hub_file : NULL, o, &c, found, err));
    if (e)
        compare_published(e, &c, o);
    lancelet_status status = *found ? fetch(&r, &c, o, folder, err) : LANCELET_OK;
    choice_free(&c);
    return status;
}

static lancelet_status pull_known(const catalogue_entry *e, const picask_pull_options *o, char **folder, lancelet_error *err)
{
    bool found = false;
    RETURN_IF_ERROR(pull_from(e->hub_id, e, o, folder, &found, err));
    if (!found && e->hub_also)
        RETURN_IF_ERROR(pull_from(e->hub_also, NULL, o, folder, &found, err));
    return found ? LANCELET_OK : fail_no_weights(e->hub_id, err);
}

/* ---- a repository that is in no catalogue: its config first, so that nothing large is fetched in vain ---- */

/* *kind (owned): "model_type" of the config, NULL where it has none. */
static lancelet_status read_kind(const char *path, char **kind, lancelet_error *err)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    *kind = NULL;
    RETURN_IF_ERROR(base_file_read(path, MAX_CONFIG, &bytes, &n, err));
    json_t *root = json_loadb((const char *)bytes, n, 0, NULL);
    const char *type = json_string_value(json_object_get(root, "model_type"));
    lancelet_status status = LANCELET_OK;
    if (type && !(*kind = base_strdup(type)))
        status = base_fail_memory(err);
    json_decref(root);
    base_free(bytes);
    return status;
}

static lancelet_status check_kind(const hub_repository *r, const choice *all, const picask_pull_options *o, lancelet_error *err)
{
    size_t config = find_file(&all->files, "config.json");
    if (find_file(&all->files, "open_clip_config.json") != SIZE_MAX)
        return LANCELET_OK;
    if (config == SIZE_MAX)
        return base_fail(err, LANCELET_UNSUPPORTED, "%s holds no CLIP: it has neither config.json nor open_clip_config.json", r->name);
    choice small = {all->files, &config, 1};
    char *folder = NULL, *kind = NULL;
    const picask_pull_options quiet = {sizeof quiet, o->cancel, NULL, NULL, NULL};
    RETURN_IF_ERROR(fetch(r, &small, &quiet, &folder, err));
    char *path = base_path_join(folder, "config.json");
    lancelet_status status = path ? read_kind(path, &kind, err) : base_fail_memory(err);
    if (status == LANCELET_OK && (!kind || strcmp(kind, "clip") != 0))
        status = base_fail(err, LANCELET_UNSUPPORTED, "%s holds no CLIP: its config.json says %.100s", r->name, kind ? kind : "nothing of one");
    base_free(kind);
    base_free(path);
    base_free(folder);
    return status;
}

static lancelet_status pull_other(const char *name, const picask_pull_options *o, char **folder, lancelet_error *err)
{
    const hub_repository r = {.name = name};
    choice c;
    bool found = false;
    lancelet_status status = choose_model(&r, NULL, o, &c, &found, err);
    const char *near = status == LANCELET_NOT_FOUND ? catalogue_nearest(name) : NULL;
    if (near)
        return base_fail(err, status, "there is no model '%s' here or at Hugging Face; did you mean %s?", name, near);
    RETURN_IF_ERROR(status);
    status = check_kind(&r, &c, o, err);
    if (status == LANCELET_OK)
        status = found ? fetch(&r, &c, o, folder, err) : fail_no_weights(name, err);
    choice_free(&c);
    return status;
}

/* ---- weights that are here alone: of a pull that broke off, or of a program that wanted nothing else ---- */

/* *all: each of `names` [n] is a file in the folder; *some: one of them is. */
static lancelet_status look_for(const char *folder, const char *const *names, size_t n, bool *all, bool *some, lancelet_error *err)
{
    *all = true;
    *some = false;
    for (size_t i = 0; i < n; i++) {
        base_stat st;
        char *path = base_path_join(folder, names[i]);
        lancelet_status status = path ? base_file_stat(path, &st, err) : base_fail_memory(err);
        base_free(path);
        RETURN_IF_ERROR(status);
        *all = *all && st.is_regular;
        *some = *some || st.is_regular;
    }
    return LANCELET_OK;
}

/* Are all shards there that the index at `path` names? An index that cannot be read has none: the hub tells. */
static lancelet_status has_shards(const char *path, const char *folder, bool *all, lancelet_error *err)
{
    base_map map;
    weights_index *index = NULL;
    bool some;
    RETURN_IF_ERROR(base_map_open(path, 0, &map, err));
    lancelet_status status = weights_index_open(map.data, map.size, &index, err);
    if (status == LANCELET_OK) {
        size_t n;
        const char *const *name = weights_index_shards(index, &n);
        status = look_for(folder, name, n, all, &some, err);
        weights_index_close(index);
    } else if (status != LANCELET_MEMORY) {
        *all = false;
        status = LANCELET_OK;
    }
    base_map_close(&map);
    return status;
}

/* *whole: the weights at `path` in a snapshot have a config beside them and all their shards. */
static lancelet_status look_beside(const char *path, const char *folder, bool *whole, lancelet_error *err)
{
    static const char *const configs[] = {"config.json", "open_clip_config.json"};
    bool all;
    RETURN_IF_ERROR(look_for(folder, configs, 2, &all, whole, err));
    if (*whole && strcmp(base_path_name(path), INDEX) == 0)
        return has_shards(path, folder, whole, err);
    return LANCELET_OK;
}

/* From the commit that the weights are of; a pull that broke off has named none yet, and is done again. */
static lancelet_status fetch_beside(const char *repository, const char *snapshot, const char *weights, const picask_pull_options *o,
                                    char **folder, lancelet_error *err)
{
    hub_repository r = {.name = repository};
    char *cached = NULL, commit[NET_COMMIT];
    RETURN_IF_ERROR(net_repository_folder(false, repository, &cached, err));
    lancelet_status status = cached ? net_cached_commit(cached, "main", commit, err) : LANCELET_OK;
    base_free(cached);
    RETURN_IF_ERROR(status);
    if (cached && commit[0])
        r.revision = base_path_name(snapshot);
    choice c;
    RETURN_IF_ERROR(list(&r, o, &c, err));
    choose_file(&c, weights);
    choose_beside(&c);
    status = fetch(&r, &c, o, folder, err);
    choice_free(&c);
    return status;
}

/* Weights at *path, in a snapshot of the repository, become its folder once nothing is missing there. */
static lancelet_status complete(const char *repository, const picask_pull_options *o, char **path, lancelet_error *err)
{
    char *snapshot = base_path_parent(*path), *folder = NULL;
    bool whole = false;
    if (!snapshot)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    if (net_is_commit(base_path_name(snapshot)))
        status = look_beside(*path, snapshot, &whole, err);
    else
        whole = true; /* laid out by no client of the hub */
    if (status == LANCELET_OK && !whole)
        status = fetch_beside(repository, snapshot, base_path_name(*path), o, &folder, err);
    base_free(snapshot);
    if (folder) {
        base_free(*path);
        *path = folder;
    }
    return status;
}

/* Weights of the catalogue, which lie in one repository or the other, or in OpenAI's cache, where nothing belongs beside them. */
static lancelet_status complete_known(const catalogue_entry *e, const picask_pull_options *o, char **path, lancelet_error *err)
{
    const char *const repositories[] = {e->hub_id, e->hub_also};
    for (size_t i = 0; i < 2 && repositories[i]; i++) {
        char *folder = NULL;
        RETURN_IF_ERROR(net_repository_folder(false, repositories[i], &folder, err));
        size_t n = folder ? strlen(folder) : 0;
        bool of_it = folder && strncmp(*path, folder, n) == 0 && (*path)[n] == '/';
        base_free(folder);
        if (of_it)
            return complete(repositories[i], o, path, err);
    }
    return LANCELET_OK;
}

/* ---- by name ---- */

/* "org/name" */
static bool may_be_repository(const char *name)
{
    const char *slash = strchr(name, '/');
    return slash && !strchr(slash + 1, '/') && net_is_repository(name);
}

static lancelet_status pull_by_name(const char *name, const picask_pull_options *o, char **path, lancelet_error *err)
{
    const catalogue_entry *e = catalogue_find(name);
    const char *known;
    if (!e && may_be_repository(name) && strcmp(gallery_model_canonical(name), name) == 0) {
        RETURN_IF_ERROR(net_hub_file(name, model_folder_files, path, err));
        return *path ? complete(name, o, path, err) : pull_other(name, o, path, err);
    }
    if (!e) /* a built-in model, or the sentence about a name that is none */
        return gallery_model_place(name, path, &known, err);
    lancelet_status status = gallery_model_in_caches(e, true, path, err);
    if (status != LANCELET_OK && status != LANCELET_CORRUPT)
        return status;
    return *path ? complete_known(e, o, path, err) : pull_known(e, o, path, err); /* OpenAI's with another hash does not count */
}

/* Weights in a snapshot become its folder. */
static lancelet_status to_folder(char **path, lancelet_error *err)
{
    base_stat st;
    char *parent = strstr(*path, "/snapshots/") ? base_path_parent(*path) : NULL;
    if (!strstr(*path, "/snapshots/"))
        return LANCELET_OK;
    if (!parent)
        return base_fail_memory(err);
    lancelet_status status = base_file_stat(*path, &st, err);
    if (status == LANCELET_OK && !st.is_dir) {
        base_free(*path);
        *path = parent;
        return LANCELET_OK;
    }
    base_free(parent);
    return status;
}

static void give(char *found, lancelet_status status, char **path)
{
    if (path)
        *path = status == LANCELET_OK ? found : NULL;
    if (!path || status != LANCELET_OK)
        base_free(found);
}

picask_status picask_model_pull(const char *name, const picask_pull_options *options, char **path, picask_error *err)
{
    picask_pull_options o = PICASK_PULL_OPTIONS_INIT;
    char *found = NULL;
    base_options(&o, sizeof o, options);
    if (path)
        *path = NULL;
    if (!name || !*name)
        return base_fail(err, LANCELET_INVALID, "a model's name is empty; see: picask model list");
    if (gallery_is_path(name))
        return base_fail(err, LANCELET_INVALID, "%s is a path, and models are fetched by name; see: picask model list", name);
    lancelet_status status = pull_by_name(name, &o, &found, err);
    if (status == LANCELET_OK)
        status = to_folder(&found, err);
    give(found, status, path);
    return status;
}

/* ---- a data set ---- */

static lancelet_status pull_data_set(const hub_name *name, const picask_pull_options *o, char **folder, lancelet_error *err)
{
    const hub_repository r = {true, name->repository.name, name->repository.revision};
    choice c;
    RETURN_IF_ERROR(list(&r, o, &c, err));
    for (size_t i = 0; i < c.files.n; i++)
        if (!name->rest || strcmp(name->rest, c.files.file[i].name) == 0 || base_glob_match(name->rest, c.files.file[i].name))
            c.which[c.n++] = i;
    lancelet_status status;
    if (c.n == 0 && name->rest)
        status = base_fail(err, LANCELET_NOT_FOUND, "data set %s has no file that is called %.200s", r.name, name->rest);
    else
        status = fetch(&r, &c, o, folder, err);
    choice_free(&c);
    return status;
}

picask_status picask_dataset_pull(const char *name, const picask_pull_options *options, char **path, picask_error *err)
{
    picask_pull_options o = PICASK_PULL_OPTIONS_INIT;
    hub_name parts;
    char *folder = NULL;
    base_options(&o, sizeof o, options);
    if (path)
        *path = NULL;
    if (!name || !*name)
        return base_fail(err, LANCELET_INVALID, "a data set's name is empty; it looks like ORG/NAME");
    RETURN_IF_ERROR(hub_name_read(name, &parts, err));
    lancelet_status status = LANCELET_OK;
    if (strncmp(name, "hf://", 5) == 0 && !parts.repository.dataset)
        status = base_fail(err, LANCELET_INVALID, "%.200s is a model; fetch it: picask model pull %s", name, parts.repository.name);
    if (status == LANCELET_OK)
        status = pull_data_set(&parts, &o, &folder, err);
    hub_name_free(&parts);
    give(folder, status, path);
    return status;
}
