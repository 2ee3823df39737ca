/* jsonl.c - hostile JSON lines of captions, parsed from memory; every item is then filled. */
#include <stdint.h>
#include <stdlib.h>

#include "source/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    source_captions *c;
    const source_options options = {.struct_size = sizeof options};
    if (source_captions_parse((const char *)data, size, SOURCE_JSONL, "/f/c.jsonl", &options, &c, &err) != LANCELET_OK)
        return 0;
    for (size_t i = 0; i < c->n; i++) {
        source_item item = {0};
        if (source_captions_fill(c, i, &item, &err) != LANCELET_OK)
            abort();
        source_item_free(&item);
    }
    source_captions_free(c);
    return 0;
}
