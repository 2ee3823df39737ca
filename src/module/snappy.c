/* snappy.c - the module `snappy`: decompression by libsnappy's C interface (snappy-c.h), which checks hostile bytes itself. The
 * size is compared before anything is written. */
#include "source/parquet/snappy.h"

#include <snappy-c.h>

static const base_host *host;

static lancelet_status unpack(const uint8_t *in, size_t n, uint8_t *out, size_t out_size, lancelet_error *err)
{
    size_t got;
    if (snappy_uncompressed_length((const char *)in, n, &got) != SNAPPY_OK)
        return host->fail(err, LANCELET_CORRUPT, "snappy data that does not say its size");
    if (got != out_size)
        return host->fail(err, LANCELET_CORRUPT, "snappy data holds %zu bytes and should hold %zu", got, out_size);
    if (snappy_uncompress((const char *)in, n, (char *)out, &got) != SNAPPY_OK)
        return host->fail(err, LANCELET_CORRUPT, "snappy data cannot be decompressed to %zu bytes", out_size);
    return LANCELET_OK;
}

static const snappy_module table = {sizeof table, unpack};

__attribute__((visibility("default"))) base_module_function picask_module;

const void *picask_module(const base_host *given, int version)
{
    if (version != SNAPPY_MODULE_VERSION || given->struct_size < sizeof *given)
        return NULL;
    host = given;
    return &table;
}
