/* parquet.c - a hostile Parquet file: footer, schema and hints, then rows from somewhere in it, and all batches checked as
 * arrays of a foreign producer are. */
#include <stdint.h>
#include <stdlib.h>

#include "source/parquet/internal.h"

enum { MOST_ROWS = 20000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read(parquet_file *f, uint64_t first)
{
    struct ArrowArrayStream rows;
    struct ArrowSchema schema;
    lancelet_error err;
    if (parquet_read(f, NULL, 0, first, MOST_ROWS, &rows, &err) != LANCELET_OK)
        abort();
    if (arrow_stream_schema(&rows, &schema, &err) == LANCELET_OK) {
        for (;;) {
            struct ArrowArray batch = {0};
            if (arrow_stream_next(&rows, &batch, &err) != LANCELET_OK || !batch.release)
                break;
            if (arrow_check(&schema, &batch, &err) != LANCELET_OK)
                abort();
            arrow_array_release(&batch);
        }
        arrow_schema_release(&schema);
    }
    arrow_stream_release(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parquet_file *f;
    lancelet_error err;
    if (parquet_open_bytes(data, size, "x.parquet", &f, &err) != LANCELET_OK)
        return 0;
    read(f, 0);
    read(f, parquet_rows(f) / 2);
    parquet_close(f);
    return 0;
}
