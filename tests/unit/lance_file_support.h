/* lance_file_support.h - for the tests of data files: an Arrow schema from the format strings of
 * tests/fixtures/lance/files.txt, and the hash of an array's values as tests/golden/lance_file.py makes it. */
#ifndef TESTS_LANCE_FILE_SUPPORT_H
#define TESTS_LANCE_FILE_SUPPORT_H

#include "support.h"

#include "base/hash.h"
#include "lance/file/page.h"
#include "lance/table/table.h"

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
    if (s->n_children > 0) {
        int64_t items = arrow_list_size(s);
        uint64_t row = (uint64_t)(a->offset + i), from = row, to = row + 1;
        if (items > 0) { /* of a fixed size */
            from = row * (uint64_t)items;
            to = from + (uint64_t)items;
        } else if (strcmp(s->format, "+s") != 0) { /* a list or map */
            size_t word = s->format[1] == 'L' ? 8 : 4;
            from = wire_little((const uint8_t *)a->buffers[1] + row * word, word);
            to = wire_little((const uint8_t *)a->buffers[1] + (row + 1) * word, word);
            uint64_t length = to - from;
            hash_append(b, &length, 8);
        }
        for (; from < to; from++)
            for (int64_t k = 0; k < s->n_children; k++)
                hash_row(b, s->children[k], a->children[k], (int64_t)from);
        return;
    }
    if (s->dictionary) {
        int64_t key;
        struct ArrowSchema keys = {.format = s->format, .name = "k", .flags = ARROW_FLAG_NULLABLE};
        assert_true(arrow_int(&keys, a, i, &key));
        base_buffer word = {0};
        hash_row(&word, s->dictionary, a->dictionary, key);
        hash_append(b, word.data + 1, word.size - 1);
        base_buffer_free(&word);
        return;
    }
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

/* The schema of a file's own Field messages, by way of a manifest that holds them. */
static inline void schema_of_file(const lance_file *f, struct ArrowSchema *out)
{
    static const uint8_t end[] = {0, 0, 2, 0, 'L', 'A', 'N', 'C'};
    base_buffer bytes = {0}, message = {0};
    wire_span schema = wire_bytes(lance_file_descriptor(f), 1);
    wire_field field;
    table_manifest m;
    lancelet_error err;
    bool bad;
    while (wire_next(&schema, &field, &bad))
        if (field.number == 1)
            assert_true(wire_put_bytes(&message, 1, field.bytes.data, field.bytes.size));
    assert_true(wire_put_varint(&message, 3, 1) && wire_put_little(&bytes, message.size, 4) &&
                base_buffer_append(&bytes, message.data, message.size) && wire_put_little(&bytes, 0, 8) &&
                base_buffer_append(&bytes, end, sizeof end));
    base_buffer_free(&message);
    assert_ok(table_manifest_parse(bytes.data, bytes.size, "test", &m, &err), err);
    assert_ok(table_schema_build(&m, out, &err), err);
    table_manifest_free(&m);
}

/* The columns of a type's fields, where the leaves are numbered from *next on. */
static inline void number_columns(const struct ArrowSchema *s, uint32_t *next, uint32_t *columns, size_t *n)
{
    size_t from = *n;
    bool leaf = lance_is_leaf(s);
    columns[(*n)++] = leaf ? (*next)++ : LANCE_NO_COLUMN;
    for (int64_t i = 0; !leaf && i < s->n_children; i++)
        number_columns(s->children[i], next, columns, n);
    while (*n - from < lance_field_count(s))
        columns[(*n)++] = LANCE_NO_COLUMN;
}

#endif
