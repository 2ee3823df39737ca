/* lance_tag.c - fuzz target: any bytes as a tag's file. What is taken for values lies inside of the bytes. */
#include <stdlib.h>

#include "lance/table/tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(wire_span value, const uint8_t *data, size_t size)
{
    if (value.data && (value.size == 0 || value.data < data || value.data + value.size > data + size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    table_tag_file t;
    if (table_tag_parse(data, size, &t, &err) == LANCELET_OK) {
        check_inside(t.created, data, size);
        check_inside(t.metadata, data, size);
    }
    return 0;
}
