/* snappy.h - what the room asks of the module `snappy` (libsnappy, which brings the C++ runtime). */
#ifndef SOURCE_SNAPPY_H
#define SOURCE_SNAPPY_H

#include "base/module.h"

#define SNAPPY_MODULE_VERSION 1

typedef struct snappy_module {
    size_t struct_size;
    /* Exactly out_size bytes must come out, else CORRUPT. */
    lancelet_status (*unpack)(const uint8_t *in, size_t n, uint8_t *out, size_t out_size, lancelet_error *err);
} snappy_module;

#endif
