/* torch_file.c - a hostile PyTorch archive in memory: what opens has every tensor inside the file, in order of its name,
 * with the bytes that its shape needs. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "embed/model/torch_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    torch_file *f;
    size_t n;
    if (torch_file_open(data, size, &f, &err) != LANCELET_OK)
        return 0;
    const weights_tensor *t = torch_file_tensors(f, &n);
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < n; i++, t++) {
        uint64_t count = 1;
        for (int k = 0; k < t->dimensions; k++)
            count *= t->shape[k];
        if ((i > 0 && strcmp(t[-1].name, t->name) >= 0) || count != t->count || t->bytes < count || t->data < data ||
            t->bytes > (uint64_t)(data + size - t->data))
            abort();
        for (uint64_t k = 0; k < t->bytes; k += 16)
            sum = (uint8_t)(sum + t->data[k]);
    }
    torch_file_close(f);
    return 0;
}
