/* deletions.c - hostile deletion files: bit 0 of the first byte chooses Roaring bitmap or Arrow IPC file, the next two
 * bytes (little-endian) are the fragment's rows, shifted left by bits 1-3 of the first byte; the rest is the file. The
 * count is that of the bits, no bit lies outside the fragment, and what we write of the rows reads back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lance/table/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t count_bits(const table_bitmap *b)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < (b->rows + 63) / 64; i++)
        for (uint64_t w = b->words[i]; w; w &= w - 1)
            n++;
    if (b->rows % 64 && b->words[b->rows / 64] >> (b->rows % 64))
        abort();
    return n;
}

static void read_back(const table_bitmap *b)
{
    lancelet_error err;
    base_buffer bytes = {0};
    table_bitmap *again;
    if (!table_roaring_write(b, &bytes) || table_bitmap_create(b->rows, &again, &err) != LANCELET_OK ||
        table_roaring_read(bytes.data, bytes.size, again, &err) != LANCELET_OK || again->count != b->count ||
        memcmp(again->words, b->words, (size_t)((b->rows + 63) / 64) * 8) != 0)
        abort();
    table_bitmap_destroy(again);
    base_buffer_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    table_bitmap *b;
    if (size < 3)
        return 0;
    uint64_t rows = (uint64_t)(data[1] | data[2] << 8) << (data[0] >> 1 & 7);
    if (table_bitmap_create(rows, &b, &err) != LANCELET_OK)
        abort();
    lancelet_status status = data[0] & 1 ? table_arrow_rows_read(data + 3, size - 3, b, &err)
                                         : table_roaring_read(data + 3, size - 3, b, &err);
    if (count_bits(b) != b->count)
        abort();
    if (status == LANCELET_OK)
        read_back(b);
    table_bitmap_destroy(b);
    return 0;
}
