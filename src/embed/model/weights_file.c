/* weights_file.c - tells the formats apart by their first bytes, maps what belongs to a model, and gives one list of
 * tensors. Formats that are known and not read are named, and so is what a download leaves in place of weights. Shards
 * are safetensors; a tensor is taken from the shard that the index names. */
#include "embed/model/weights_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "embed/model/safetensors.h"
#include "embed/model/torch_file.h"
#include "embed/model/weights_index.h"

typedef struct shard {
    base_map map;
    safetensors *st;
} shard;

struct weights_file {
    weights_format format;
    base_map map;                 /* of the file itself */
    torch_file *torch;            /* it, or */
    safetensors *single;          /* it, or */
    shard *shards;                /* [n_shards] beside it */
    size_t n_shards;
    weights_tensor *merged;       /* [n]: the tensors of all shards */
    const weights_tensor *tensor; /* [n], sorted by name; borrowed from one of those */
    size_t n;
};

static const char *const format_names[] = {"safetensors", "sharded safetensors", "PyTorch state dict", "TorchScript"};

/* ---- what a file is ---- */

static bool begins(const base_map *m, const char *with, size_t n) { return m->size >= n && memcmp(m->data, with, n) == 0; }

static bool is_safetensors(const base_map *m)
{
    uint64_t header = 0;
    if (m->size < 9)
        return false;
    for (int i = 7; i >= 0; i--)
        header = header << 8 | m->data[i];
    return header <= m->size - 8 && m->data[8] == '{';
}

/* What the file is instead of weights that are read here, where its first bytes say so; else NULL. */
static const char *foreign(const base_map *m)
{
    const uint8_t *b = m->data;
    if (begins(m, "version https://git-lfs", 23))
        return "a Git LFS pointer, not the weights: run 'git lfs pull' in its repository";
    if (m->size < 4 || is_safetensors(m))
        return NULL;
    if (begins(m, "\x89HDF\r\n\x1a\n", 8))
        return "an HDF5 file of TensorFlow";
    if (begins(m, "GGUF", 4))
        return "a GGUF file";
    if (b[0] == '<')
        return "a web page";
    if (b[0] == 0x80 && b[1] >= 2 && b[1] <= 5)
        return "a bare pickle, PyTorch's format before version 1.6: load it and save it again with a newer PyTorch";
    if (b[0] == 8 && b[1] >= 3 && b[1] < 32 && b[2] == 0x12) /* ir_version, then producer_name */
        return "an ONNX file";
    if (b[0] > 0x80 && b[0] <= 0x8f &&
        ((b[1] > 0xa0 && b[1] <= 0xbf) || b[1] == 0xd9)) /* a small map whose first key is a string */
        return "a msgpack file of Flax";
    return NULL;
}

/* Maps a file that is no foreign one. */
static lancelet_status map_file(const char *path, base_map *out, lancelet_error *err)
{
    base_map m;
    RETURN_IF_ERROR(base_map_open(path, 0, &m, err));
    const char *what = foreign(&m);
    if (what) {
        base_map_close(&m);
        return base_fail(err, LANCELET_UNSUPPORTED, "%s: this is %s; safetensors and PyTorch files are read", path, what);
    }
    *out = m;
    return LANCELET_OK;
}

/* A parser's sentence begins with its file. */
static lancelet_status about(const char *path, lancelet_status status, lancelet_error *err)
{
    if (status != LANCELET_OK && status != LANCELET_MEMORY)
        base_error_prefix(err, "%s", path);
    return status;
}

/* ---- shards ---- */

static lancelet_status open_shard(const char *path, shard *s, lancelet_error *err)
{
    RETURN_IF_ERROR(map_file(path, &s->map, err));
    return about(path, safetensors_open(s->map.data, s->map.size, &s->st, err), err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const weights_tensor *)a)->name, ((const weights_tensor *)b)->name);
}

static const weights_tensor *find(const weights_tensor *tensor, size_t n, const char *name)
{
    weights_tensor key = {.name = name};
    return bsearch(&key, tensor, n, sizeof *tensor, by_name);
}

/* The tensors that the index names, each from its shard. */
static lancelet_status merge(weights_file *f, const weights_index *index, const char *folder, lancelet_error *err)
{
    size_t n, n_shards;
    const weights_index_entry *entry = weights_index_entries(index, &n);
    f->merged = base_alloc_array(n, sizeof *f->merged);
    if (!f->merged)
        return base_fail_memory(err);
    for (; f->n < n; f->n++, entry++) {
        size_t in_shard;
        const weights_tensor *all = safetensors_tensors(f->shards[entry->shard].st, &in_shard);
        const weights_tensor *t = find(all, in_shard, entry->tensor);
        if (!t)
            return base_fail(err, LANCELET_CORRUPT, "%s/%s: it lacks tensor '%.100s', which the index says is there",
                             folder, weights_index_shards(index, &n_shards)[entry->shard], entry->tensor);
        f->merged[f->n] = *t;
    }
    f->tensor = f->merged;
    return LANCELET_OK;
}

static lancelet_status open_shards(weights_file *f, const weights_index *index, const char *folder, lancelet_error *err)
{
    size_t n;
    const char *const *name = weights_index_shards(index, &n);
    f->shards = base_calloc(n, sizeof *f->shards);
    if (!f->shards)
        return base_fail_memory(err);
    for (; f->n_shards < n; f->n_shards++) {
        char *path = base_path_join(folder, name[f->n_shards]);
        lancelet_status status = path ? open_shard(path, &f->shards[f->n_shards], err) : base_fail_memory(err);
        base_free(path);
        if (status != LANCELET_OK) {
            f->n_shards++; /* it may be mapped */
            return status;
        }
    }
    return merge(f, index, folder, err);
}

static lancelet_status open_index(weights_file *f, const char *path, lancelet_error *err)
{
    weights_index *index;
    RETURN_IF_ERROR(about(path, weights_index_open(f->map.data, f->map.size, &index, err), err));
    char *folder = base_path_parent(path);
    lancelet_status status = folder ? open_shards(f, index, folder, err) : base_fail_memory(err);
    base_free(folder);
    weights_index_close(index);
    return status;
}

/* ---- the file ---- */

static lancelet_status open_torch(weights_file *f, lancelet_error *err)
{
    RETURN_IF_ERROR(torch_file_open(f->map.data, f->map.size, &f->torch, err));
    f->format = torch_file_is_script(f->torch) ? WEIGHTS_TORCHSCRIPT : WEIGHTS_STATE_DICT;
    f->tensor = torch_file_tensors(f->torch, &f->n);
    return LANCELET_OK;
}

static lancelet_status open_single(weights_file *f, lancelet_error *err)
{
    RETURN_IF_ERROR(safetensors_open(f->map.data, f->map.size, &f->single, err));
    f->format = WEIGHTS_SAFETENSORS;
    f->tensor = safetensors_tensors(f->single, &f->n);
    /* A packed form says what it was made from. */
    const char *source = safetensors_metadata(f->single, "picask.source_format");
    for (size_t i = 0; source && i < sizeof format_names / sizeof *format_names; i++)
        if (strcmp(source, format_names[i]) == 0)
            f->format = (weights_format)i;
    return LANCELET_OK;
}

static lancelet_status open_mapped(weights_file *f, const char *path, lancelet_error *err)
{
    if (weights_index_recognises(f->map.data, f->map.size)) {
        f->format = WEIGHTS_SHARDS;
        return open_index(f, path, err);
    }
    return about(path, begins(&f->map, "PK\3\4", 4) ? open_torch(f, err) : open_single(f, err), err);
}

lancelet_status weights_file_open(const char *path, weights_file **out, lancelet_error *err)
{
    weights_file *f = base_calloc(1, sizeof *f);
    if (!f)
        return base_fail_memory(err);
    lancelet_status status = map_file(path, &f->map, err);
    if (status == LANCELET_OK)
        status = open_mapped(f, path, err);
    if (status != LANCELET_OK) {
        weights_file_close(f);
        return status;
    }
    *out = f;
    return LANCELET_OK;
}

void weights_file_close(weights_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_shards; i++) {
        safetensors_close(f->shards[i].st);
        base_map_close(&f->shards[i].map);
    }
    base_free(f->shards);
    base_free(f->merged);
    safetensors_close(f->single);
    torch_file_close(f->torch);
    base_map_close(&f->map);
    base_free(f);
}

weights_format weights_file_format(const weights_file *f) { return f->format; }
const char *weights_format_name(weights_format format) { return format_names[format]; }

uint64_t weights_file_bytes(const weights_file *f)
{
    uint64_t bytes = f->map.size;
    for (size_t i = 0; i < f->n_shards; i++)
        bytes += f->shards[i].map.size;
    return bytes;
}

size_t weights_file_count(const weights_file *f) { return f->n; }
const weights_tensor *weights_file_at(const weights_file *f, size_t i) { return &f->tensor[i]; }
const weights_tensor *weights_file_find(const weights_file *f, const char *name) { return find(f->tensor, f->n, name); }

/* The one safetensors file, or the first shard. */
static const safetensors *with_metadata(const weights_file *f) { return f->n_shards > 0 ? f->shards[0].st : f->single; }

const char *weights_file_metadata(const weights_file *f, const char *key)
{
    const safetensors *st = with_metadata(f);
    return st ? safetensors_metadata(st, key) : NULL;
}

const char *weights_file_next_key(const weights_file *f, const char *after)
{
    const safetensors *st = with_metadata(f);
    return st ? safetensors_next_key(st, after) : NULL;
}
