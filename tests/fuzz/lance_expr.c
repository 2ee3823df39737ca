/* lance_expr.c - fuzz target: the input is a condition, and behind a NUL byte a value for each column in turn. What compiles is
 * tested on small columns of every sort of type, and computed into a text column. */
#include <stdlib.h>
#include <string.h>

#include "lance/expr/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 5, COLUMNS = 13 };
static const char *const formats[COLUMNS] = {"l", "i", "C", "L", "g", "e", "u", "z", "b", "tdD", "tsu:", "tsm:Europe/Berlin",
                                             "d:10,2"};
static const char *const names[COLUMNS] = {"id", "i", "c", "u64", "f", "h", "s", "z", "b", "d", "t", "tz", "dec"};

static void append(arrow_builder *b, size_t column, uint8_t byte, const uint8_t *rest, size_t n)
{
    uint8_t wide[16] = {byte, byte, 0, 0, byte & 1 ? byte : 0};
    bool ok = true;
    if (byte % 5 == 0)
        ok = arrow_append_null(b);
    else if (column == 12) {
        const void *buffers[2] = {NULL, wide};
        struct ArrowArray one = {.length = 1, .n_buffers = 2, .buffers = buffers};
        ok = arrow_append_from(b, b->schema, &one, 0);
    }
    else if (column == 6)
        ok = arrow_append_bytes(b, "aB\303\274%_dog", byte % 9 == 3 ? 2 : byte % 9);
    else if (column == 7)
        ok = arrow_append_bytes(b, rest, n > 3 ? 3 : n);
    else if (column == 4 || column == 5)
        ok = arrow_append_double(b, byte == 7 ? 1e308 * 10 : byte == 11 ? -0.0 : (double)byte / 3 - 20);
    else if (column == 8)
        ok = arrow_append_int(b, byte & 1);
    else if (column == 2 || column == 3)
        ok = arrow_append_int(b, byte);
    else
        ok = arrow_append_int(b, byte == 255 && column != 1 && column != 9 ? INT64_MAX : (int64_t)byte - 120);
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    struct ArrowSchema schema, text_type;
    struct ArrowArray arrays[COLUMNS], used[COLUMNS], values;
    if (size > 4096)
        return 0;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    size_t n = strlen(text), seen;
    const uint8_t *rest = data + n, *end = data + size;
    if (arrow_schema_init(&schema, "+s", "", false, COLUMNS, &err) != LANCELET_OK ||
        arrow_schema_init(&text_type, "u", "to", true, 0, &err) != LANCELET_OK)
        abort();
    for (size_t i = 0; i < COLUMNS; i++) {
        arrow_builder b;
        if (arrow_schema_init(schema.children[i], formats[i], names[i], true, 0, &err) != LANCELET_OK ||
            arrow_builder_init(&b, schema.children[i], &err) != LANCELET_OK)
            abort();
        for (size_t k = 0; k < ROWS; k++) {
            append(&b, i, rest < end ? *rest : (uint8_t)(i * 31 + k * 7), rest, (size_t)(end - rest));
            rest += rest < end;
        }
        if (arrow_builder_finish(&b, &arrays[i], &err) != LANCELET_OK)
            abort();
    }
    for (int as_value = 0; as_value < 2; as_value++) {
        lance_expr *e;
        uint8_t keep[ROWS];
        if (lance_expr_compile(text, &schema, as_value ? &text_type : NULL, INT64_C(1767225600000000), &e, &err) != LANCELET_OK)
            continue;
        const size_t *column = lance_expr_columns(e, &seen);
        for (size_t i = 0; i < seen; i++)
            used[i] = arrays[column[i]];
        if (!as_value && lance_expr_test(e, used, ROWS, keep, &err) == LANCELET_OK)
            for (size_t i = 0; i < ROWS; i++)
                if (keep[i] > 1)
                    abort();
        if (as_value && lance_expr_values(e, used, ROWS, &values, &err) == LANCELET_OK)
            arrow_array_release(&values);
        lance_expr_free(e);
    }
    for (size_t i = 0; i < COLUMNS; i++)
        arrow_array_release(&arrays[i]);
    arrow_schema_release(&schema);
    arrow_schema_release(&text_type);
    free(text);
    return 0;
}
