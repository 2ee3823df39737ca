/* csv.c - a hostile CSV or TSV of captions (the first byte chooses), parsed from memory; every item is then filled. */
#include <stdint.h>
#include <stdlib.h>

#include "source/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    source_captions *c;
    static const char *const exclude[] = {"*.png", "raw/**"};
    source_options options = {.struct_size = sizeof options, .exclude = exclude, .n_exclude = 2};
    if (size == 0)
        return 0;
    source_format format = data[0] & 1 ? SOURCE_TSV : SOURCE_CSV;
    if (data[0] & 2)
        options.text_column = "alt";
    if (source_captions_parse((const char *)data + 1, size - 1, format, "/f/c.csv", &options, &c, &err) != LANCELET_OK)
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
