/* safetensors.c - a hostile safetensors file in memory: what opens has every tensor inside the file, and its config, if
 * any, is read as a model's would be. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "embed/model/config.h"
#include "embed/model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    safetensors *st;
    if (safetensors_open(data, size, &st, &err) != LANCELET_OK)
        return 0;
    uint64_t sum = 0;
    size_t n;
    const weights_tensor *t = safetensors_tensors(st, &n);
    for (size_t i = 0; i < n; i++, t++) {
        if ((i > 0 && strcmp(t[-1].name, t->name) >= 0) || t->data < data || t->bytes > (uint64_t)(data + size - t->data))
            abort();
        sum += t->bytes;
    }
    for (const char *key = NULL; (key = safetensors_next_key(st, key));)
        if (!safetensors_metadata(st, key))
            abort();
    if (sum > size)
        abort();
    const char *config = safetensors_metadata(st, "picask.config");
    model_config c;
    if (config && model_config_parse(config, strlen(config), &c, &err) == LANCELET_OK && (c.blocks < 1 || c.blocks > CONFIG_MAX_BLOCKS))
        abort();
    safetensors_close(st);
    return 0;
}
