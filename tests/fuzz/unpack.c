/* unpack.c - hostile zstd and lz4: bit 0 of the first byte chooses, the next two bytes (little-endian) say how many bytes
 * must come out, the rest is compressed. The output lies at the end of its allocation, so that a write beyond it shows. */
#include <stdint.h>
#include <stdlib.h>

#include "base/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    if (size < 3)
        return 0;
    size_t out_size = (size_t)(data[1] | data[2] << 8);
    uint8_t *out = base_alloc(out_size ? out_size : 1);
    if (!out)
        abort();
    lancelet_status status = data[0] & 1 ? base_unpack_lz4(data + 3, size - 3, out, out_size, &err)
                                         : base_unpack_zstd(data + 3, size - 3, out, out_size, &err);
    if (status == LANCELET_OK) {
        unsigned sum = 0;
        for (size_t i = 0; i < out_size; i++)
            sum += out[i];
        if (sum > 255 * out_size)
            abort();
    } else if (status != LANCELET_CORRUPT) {
        abort();
    }
    base_free(out);
    return 0;
}
