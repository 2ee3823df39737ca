/* shards.c - a hostile index of weights in several files: what opens names files beside it alone, each tensor once. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "embed/model/weights_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    weights_index *x;
    size_t n, n_shards;
    (void)weights_index_recognises(data, size);
    if (weights_index_open(data, size, &x, &err) != LANCELET_OK)
        return 0;
    const weights_index_entry *entry = weights_index_entries(x, &n);
    const char *const *shard = weights_index_shards(x, &n_shards);
    for (size_t i = 0; i < n; i++)
        if (entry[i].shard >= n_shards || (i > 0 && strcmp(entry[i - 1].tensor, entry[i].tensor) >= 0))
            abort();
    for (size_t i = 0; i < n_shards; i++)
        if (!shard[i][0] || shard[i][0] == '.' || strchr(shard[i], '/') || (i > 0 && strcmp(shard[i - 1], shard[i]) >= 0))
            abort();
    weights_index_close(x);
    return 0;
}
