/* thrift.c - hostile bytes read as a struct of Thrift's compact protocol: known kinds of fields, and skipping. */
#include <stdint.h>
#include <stdlib.h>

#include "source/parquet/thrift.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    thrift t = {.at = data, .end = data + size};
    thrift_field f;
    thrift_enter(&t, &f);
    while (thrift_next(&t, &f)) {
        size_t n;
        switch (f.id % 5) {
        case 0:
            thrift_int(&t, &f, -1);
            break;
        case 1:
            thrift_binary(&t, &f, &n);
            if (n > size)
                abort();
            break;
        case 2:
            if (thrift_list(&t, &f, THRIFT_I32) > size)
                abort();
            break;
        case 3:
            thrift_bool(&t, &f, true);
            break;
        default:
            thrift_skip(&t, f.type);
        }
        if (t.at > t.end)
            abort();
    }
    return 0;
}
