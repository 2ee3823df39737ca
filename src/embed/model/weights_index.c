/* weights_index.c - see weights_index.h. The peer is transformers' modeling_utils, which reads `weight_map` alone.
 * Departure: a file name with a slash, or with a dot in front, is refused: shards lie beside their index. */
#include "embed/model/weights_index.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INDEX = 16 << 20, MAX_TENSORS = 100000, MAX_SHARDS = 1000, MAX_NAME = 512 };

struct weights_index {
    json_t *json;               /* owns the strings */
    weights_index_entry *entry; /* [n] */
    size_t n;
    const char **shard;         /* [n_shards] */
    size_t n_shards;
};

bool weights_index_recognises(const uint8_t *bytes, uint64_t n)
{
    uint64_t length = 0, at = 0;
    for (int i = 7; i >= 0 && n >= 8; i--)
        length = length << 8 | bytes[i];
    if (n >= 8 && length <= n - 8) /* a safetensors header whose length happens to begin with '{' */
        return false;
    while (at < n && (bytes[at] == ' ' || bytes[at] == '\t' || bytes[at] == '\r' || bytes[at] == '\n'))
        at++;
    return at < n && bytes[at] == '{';
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static int by_tensor(const void *a, const void *b)
{
    return strcmp(((const weights_index_entry *)a)->tensor, ((const weights_index_entry *)b)->tensor);
}

static lancelet_status read_shards(weights_index *x, json_t *map, lancelet_error *err)
{
    size_t n = 0;
    const char *tensor;
    json_t *file;
    x->shard = base_alloc_array(json_object_size(map), sizeof *x->shard);
    if (!x->shard)
        return base_fail_memory(err);
    json_object_foreach (map, tensor, file) {
        const char *name = json_string_value(file);
        if (!name || !*name || strlen(name) > MAX_NAME || name[0] == '.' || strchr(name, '/'))
            return base_fail(err, LANCELET_CORRUPT,
                             "the index gives tensor '%.100s' the file '%.100s', which is not one beside it", tensor,
                             name ? name : "");
        x->shard[n++] = name;
    }
    qsort(x->shard, n, sizeof *x->shard, by_text);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(x->shard[i], x->shard[x->n_shards - 1]) != 0)
            x->shard[x->n_shards++] = x->shard[i];
    if (x->n_shards > MAX_SHARDS)
        return base_fail(err, LANCELET_LIMIT, "the index names more than %d files", MAX_SHARDS);
    return LANCELET_OK;
}

static lancelet_status read_index(weights_index *x, lancelet_error *err)
{
    json_t *map = json_object_get(x->json, "weight_map"), *file;
    const char *tensor;
    if (!json_is_object(map) || json_object_size(map) == 0)
        return base_fail(err, LANCELET_CORRUPT, "it is JSON without a weight_map, and so no index of weights");
    if (json_object_size(map) > MAX_TENSORS)
        return base_fail(err, LANCELET_LIMIT, "the index names more than %d tensors", MAX_TENSORS);
    RETURN_IF_ERROR(read_shards(x, map, err));
    x->entry = base_alloc_array(json_object_size(map), sizeof *x->entry);
    if (!x->entry)
        return base_fail_memory(err);
    json_object_foreach (map, tensor, file) {
        const char *name = json_string_value(file);
        const char **found = bsearch(&name, x->shard, x->n_shards, sizeof *x->shard, by_text);
        x->entry[x->n++] = (weights_index_entry){.tensor = tensor, .shard = (size_t)(found - x->shard)};
    }
    qsort(x->entry, x->n, sizeof *x->entry, by_tensor);
    return LANCELET_OK;
}

lancelet_status weights_index_open(const uint8_t *bytes, uint64_t n, weights_index **out, lancelet_error *err)
{
    if (n > MAX_INDEX)
        return base_fail(err, LANCELET_LIMIT, "the index has %llu bytes, more than %d", (unsigned long long)n, MAX_INDEX);
    weights_index *x = base_calloc(1, sizeof *x);
    if (!x)
        return base_fail_memory(err);
    json_error_t json_error;
    x->json = json_loadb((const char *)bytes, (size_t)n, JSON_REJECT_DUPLICATES, &json_error);
    lancelet_status status;
    if (x->json)
        status = read_index(x, err);
    else if (json_error_code(&json_error) == json_error_out_of_memory)
        status = base_fail_memory(err);
    else
        status = base_fail(err, LANCELET_CORRUPT, "the index is not JSON: %s", json_error.text);
    if (status != LANCELET_OK) {
        weights_index_close(x);
        return status;
    }
    *out = x;
    return LANCELET_OK;
}

void weights_index_close(weights_index *x)
{
    if (!x)
        return;
    json_decref(x->json);
    base_free(x->entry);
    base_free(x->shard);
    base_free(x);
}

const weights_index_entry *weights_index_entries(const weights_index *x, size_t *n)
{
    *n = x->n;
    return x->entry;
}

const char *const *weights_index_shards(const weights_index *x, size_t *n)
{
    *n = x->n_shards;
    return x->shard;
}
