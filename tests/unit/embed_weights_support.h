/* embed_weights_support.h - archives made by hand for the tests of weight files. */
#ifndef TESTS_EMBED_WEIGHTS_SUPPORT_H
#define TESTS_EMBED_WEIGHTS_SUPPORT_H

#include "support.h"

#include "base/fault.h"
#include "base/file.h"
#include "embed/model/torch_file.h"

#define MODEL FIXTURES "/model"

/* A string literal with NULs in it, and its length. */
#define BYTES(literal) (literal), sizeof(literal) - 1

typedef struct made_zip {
    base_buffer local, central;
    size_t entries;
} made_zip;

static inline void put(base_buffer *b, uint64_t v, int width)
{
    for (int i = 0; i < width; i++) {
        uint8_t byte = i < 8 ? (uint8_t)(v >> 8 * i) : 0;
        assert_true(base_buffer_append(b, &byte, 1));
    }
}

/* One entry; method 0 stored, 8 deflated; flags 1 encrypted; wide: its numbers stand in zip64 fields. */
static inline void zip_add_as(made_zip *z, const char *name, const void *data, size_t n, int method, int flags, bool wide)
{
    uint64_t at = z->local.size;
    put(&z->local, 0x04034b50, 4);
    put(&z->local, 0, 2);
    put(&z->local, (uint64_t)flags, 2);
    put(&z->local, (uint64_t)method, 2);
    put(&z->local, 0, 4 + 4);
    put(&z->local, n, 4);
    put(&z->local, n, 4);
    put(&z->local, strlen(name), 2);
    put(&z->local, 3, 2);
    assert_true(base_buffer_append_string(&z->local, name) && base_buffer_append(&z->local, "FB\0", 3) &&
                base_buffer_append(&z->local, data, n));
    put(&z->central, 0x02014b50, 4);
    put(&z->central, 0, 4);
    put(&z->central, (uint64_t)flags, 2);
    put(&z->central, (uint64_t)method, 2);
    put(&z->central, 0, 4 + 4);
    put(&z->central, wide ? UINT32_MAX : n, 4);
    put(&z->central, wide ? UINT32_MAX : n, 4);
    put(&z->central, strlen(name), 2);
    put(&z->central, wide ? 4 + 4 + 28 : 0, 2);
    put(&z->central, 0, 2 + 2 + 2 + 4);
    put(&z->central, wide ? UINT32_MAX : at, 4);
    assert_true(base_buffer_append_string(&z->central, name));
    if (wide) {
        put(&z->central, 0x7777, 2); /* another program's field in front */
        put(&z->central, 0, 2);
        put(&z->central, 1, 2);
        put(&z->central, 28, 2);
        put(&z->central, n, 8);
        put(&z->central, n, 8);
        put(&z->central, at, 8);
        put(&z->central, 0, 4); /* number of the disk */
    }
    z->entries++;
}

static inline void zip_add(made_zip *z, const char *name, const void *data, size_t n)
{
    zip_add_as(z, name, data, n, 0, 0, false);
}

/* The archive in exactly its own allocation, so that a sanitizer sees a byte read beyond it; z is empty again. */
static inline uint8_t *zip_end(made_zip *z, bool wide, size_t *n)
{
    uint64_t start = z->local.size, bytes = z->central.size, end = start + bytes;
    assert_true(base_buffer_append(&z->local, z->central.data, z->central.size));
    if (wide) {
        put(&z->local, 0x06064b50, 4);
        put(&z->local, 44, 8);
        put(&z->local, 0, 2 + 2 + 4 + 4);
        put(&z->local, z->entries, 8);
        put(&z->local, z->entries, 8);
        put(&z->local, bytes, 8);
        put(&z->local, start, 8);
        put(&z->local, 0x07064b50, 4);
        put(&z->local, 0, 4);
        put(&z->local, end, 8);
        put(&z->local, 1, 4);
    }
    put(&z->local, 0x06054b50, 4);
    put(&z->local, 0, 4);
    put(&z->local, wide ? 0xffff : z->entries, 2);
    put(&z->local, wide ? 0xffff : z->entries, 2);
    put(&z->local, wide ? UINT32_MAX : bytes, 4);
    put(&z->local, wide ? UINT32_MAX : start, 4);
    put(&z->local, 0, 2);
    uint8_t *exact = base_alloc(z->local.size);
    assert_non_null(exact);
    memcpy(exact, z->local.data, z->local.size);
    *n = z->local.size;
    base_buffer_free(&z->local);
    base_buffer_free(&z->central);
    z->entries = 0;
    return exact;
}

static inline void read_fixture(const char *name, uint8_t **bytes, size_t *n)
{
    lancelet_error err;
    char path[300];
    snprintf(path, sizeof path, MODEL "/%s", name);
    assert_ok(base_file_read(path, 1 << 20, bytes, n, &err), err);
}

static inline void assert_says(const lancelet_error *err, const char *words)
{
    if (!strstr(err->text, words))
        fail_msg("'%s' does not say '%s'", err->text, words);
}

#endif
