/* npy.c - any bytes as a .npy file. What is accepted holds rows x columns values; all are touched. */
#include <stdint.h>
#include <stdlib.h>

#include "base/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    float *values;
    size_t rows, columns;
    if (base_npy_parse("f.npy", data, size, &values, &rows, &columns, &err) != LANCELET_OK)
        return 0;
    if (columns != 0 && rows > size / columns) /* a value takes at least two bytes of the input */
        abort();
    size_t odd = 0;
    for (size_t i = 0; i < rows * columns; i++)
        odd += values[i] != values[i];
    if (odd > rows * columns)
        abort();
    base_free(values);
    return 0;
}
