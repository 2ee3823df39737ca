/* parquet_items.c - a hostile Parquet file as a source: which of its columns are taken (features of Hugging Face among them), each
 * row as an item, one row by its number. What an item says must be there. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "source/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static volatile unsigned sink; /* so that what is touched is read */

static void touch(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sink += (uint8_t)s[i];
}

static void check_item(const source_item *item, const source_column_set *set)
{
    require(item->uri && item->path && (item->problem || item->bytes));
    require(!item->caption || base_utf8_valid(item->caption, strlen(item->caption)));
    touch((const char *)item->bytes, item->n_bytes);
    for (size_t i = 0; item->values && i < set->n; i++) {
        const source_value *v = &item->values[i];
        if (v->null || source_kind_of(set->column[i].format) != SOURCE_BYTES)
            continue;
        touch(v->s, v->n);
        require(set->column[i].format[0] != 'u' || base_utf8_valid(v->s, v->n));
    }
}

static void read_rows(const char *path, const source_column_set *set, const source_options *options)
{
    const base_stat stat = {.exists = true, .is_regular = true};
    source_reader *r = NULL;
    lancelet_error err;
    if (source_parquet_open(path, &stat, options, set, &r, &err) != LANCELET_OK)
        return;
    bool done = false;
    for (int i = 0; i < 10000 && !done; i++) {
        source_item item = {0};
        if (r->functions->next(r, &item, &done, &err) != LANCELET_OK)
            done = true;
        else if (!done)
            check_item(&item, set);
        source_item_free(&item);
    }
    r->functions->close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const source_options options = {.struct_size = sizeof options};
    source_column_set set = {0};
    uint64_t rows;
    lancelet_error err;
    char path[64];
    int fd = memfd_create("parquet", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (source_parquet_columns(path, &options, &set, &rows, &err) == LANCELET_OK) {
        read_rows(path, &set, &options);
        uint8_t *bytes = NULL;
        size_t n = 0;
        if (source_parquet_read(path, rows / 2, 1 << 20, &bytes, &n, &err) == LANCELET_OK)
            touch((const char *)bytes, n);
        base_free(bytes);
    }
    source_column_set_free(&set);
    close(fd);
    return 0;
}
