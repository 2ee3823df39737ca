/* weights_index.h - reads the index of weights in several files, as Hugging Face writes it (model.safetensors.index.json):
 * {"metadata": {...}, "weight_map": {tensor: file beside the index, ...}}. */
#ifndef EMBED_WEIGHTS_INDEX_H
#define EMBED_WEIGHTS_INDEX_H

#include "base/memory.h"

typedef struct weights_index weights_index;

typedef struct weights_index_entry {
    const char *tensor;
    size_t shard; /* its file is weights_index_shards()[shard] */
} weights_index_entry;

/* Whether the file is a JSON object, and so neither safetensors nor an archive. */
bool weights_index_recognises(const uint8_t *bytes, uint64_t n);

/* CORRUPT: no JSON, no weight_map, a file name that leads elsewhere. LIMIT: 16 MiB, 100,000 tensors, 1,000 files. */
lancelet_status weights_index_open(const uint8_t *bytes, uint64_t n, weights_index **out, lancelet_error *err) MUST_CHECK;
void weights_index_close(weights_index *x);

const weights_index_entry *weights_index_entries(const weights_index *x, size_t *n); /* [*n], sorted by tensor */
const char *const *weights_index_shards(const weights_index *x, size_t *n);          /* [*n], file names, sorted */

#endif
