/* lance_file_support.h - for the tests of data files: an Arrow schema from the format strings of
 * tests/fixtures/lance/files.txt, and the hash of an array's values as tests/golden/lance_file.py makes it. */
#ifndef TESTS_LANCE_FILE_SUPPORT_H
#define TESTS_LANCE_FILE_SUPPORT_H

#include "support.h"

#include "base/hash.h"
#include "lance/file/page.h"

/* "+w:8:f" is a fixed_size_list of 8 float32; everything else an Arrow format. */
static inline void make_schema(struct ArrowSchema *s, const char *format, const char *name)
{
    lancelet_error err;
    if (strncmp(format, "+w:", 3) == 0) {
        char list[32];
        const char *colon = strrchr(format, ':');
        snprintf(list, sizeof list, "%.*s", (int)(colon - format), format);
        assert_ok(arrow_schema_init(s, list, name, true, 1, &err), err);
        assert_ok(arrow_schema_init(s->children[0], colon + 1, "item", true, 0, &err), err);
        return;
    }
    assert_ok(arrow_schema_init(s, format, name, true, 0, &err), err);
}

static inline void hash_append(base_buffer *b, const void *bytes, size_t n)
{
    assert_true(n == 0 || base_buffer_append(b, bytes, n));
}

static inline void hash_row(base_buffer *b, const struct ArrowSchema *s, const struct ArrowArray *a,
                            int64_t i)
{
    lance_type type;
    lancelet_error err;
    uint8_t valid = !arrow_is_null(a, i);
    hash_append(b, &valid, 1);
    if (!valid)
        return;
    assert_ok(lance_type_of(s, &type, &err), err);
    if (type.kind == LANCE_VARIABLE) {
        size_t n;
        const char *bytes = arrow_bytes(s, a, i, &n);
        uint64_t length = n;
        hash_append(b, &length, 8);
        hash_append(b, bytes, n);
    } else if (type.kind == LANCE_BOOL) {
        uint8_t v = lance_bit(a->buffers[1], (uint64_t)(a->offset + i));
        hash_append(b, &v, 1);
    } else if (type.kind == LANCE_LIST) {
        for (int64_t k = 0; k < (int64_t)type.items; k++)
            hash_row(b, s->children[0], a->children[0], (a->offset + i) * (int64_t)type.items + k);
    } else {
        hash_append(b, (const uint8_t *)a->buffers[1] + (size_t)(a->offset + i) * type.width, type.width);
    }
}

static inline void hash_array(const struct ArrowSchema *s, const struct ArrowArray *a, char hex[65])
{
    base_buffer b = {0};
    for (int64_t i = 0; i < a->length; i++)
        hash_row(&b, s, a, i);
    base_sha256_hex(b.data ? b.data : (const uint8_t *)"", b.size, hex);
    base_buffer_free(&b);
}

/* The same rows of a and b have the same values. */
static inline void assert_row_equal(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i,
                                    const struct ArrowArray *b, int64_t k)
{
    base_buffer x = {0}, y = {0};
    hash_row(&x, s, a, i);
    hash_row(&y, s, b, k);
    if (x.size != y.size || memcmp(x.data, y.data, x.size) != 0)
        fail_msg("column %s: row %lld differs from row %lld", s->name, (long long)i, (long long)k);
    base_buffer_free(&x);
    base_buffer_free(&y);
}

#endif
