/* lance_file.c - fuzz target: any bytes as a Lance data file. Every column is read under the type that the file's own
 * schema gives it and under a few that it does not have: from the start, by row numbers, and as vectors in place.
 * Build: clang -fsanitize=fuzzer,address,undefined; corpus: small files by the real writer (tests/fixtures/lance). */
#include "lance/file/page.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_ROWS = 5000, MOST_VALUES = 1 << 18, MOST_COLUMNS = 64 };

/* The Arrow format of a logical type; for a fixed_size_list the item's, and the dimension in *dim. */
static const char *format_of(const char *logical, unsigned long *dim)
{
    static const struct {
        const char *logical, *format;
    } types[] = {{"bool", "b"},
                 {"int8", "c"},
                 {"uint8", "C"},
                 {"int16", "s"},
                 {"uint16", "S"},
                 {"int32", "i"},
                 {"uint32", "I"},
                 {"int64", "l"},
                 {"uint64", "L"},
                 {"halffloat", "e"},
                 {"float", "f"},
                 {"double", "g"},
                 {"string", "u"},
                 {"large_string", "U"},
                 {"binary", "z"},
                 {"large_binary", "Z"},
                 {"date32:day", "tdD"},
                 {"timestamp:us:-", "tsu:"},
                 {"fixed_size_binary:16", "w:16"},
                 {"dict:string:int32:false", "u"}};
    *dim = 0;
    if (strncmp(logical, "fixed_size_list:", 16) == 0) {
        const char *colon = strrchr(logical, ':');
        *dim = strtoul(colon + 1, NULL, 10);
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (strncmp(logical + 16, types[i].logical, strlen(types[i].logical)) == 0 &&
                colon == logical + 16 + strlen(types[i].logical))
                return types[i].format;
        return NULL;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(logical, types[i].logical) == 0)
            return types[i].format;
    return NULL;
}

/* Touches all that an array says is there. */
static uint64_t touch(const struct ArrowSchema *schema, const struct ArrowArray *a)
{
    uint64_t sum = 0;
    lance_type type;
    lancelet_error err;
    if (lance_type_of(schema, &type, &err) != LANCELET_OK)
        abort();
    if (arrow_check(schema, a, &err) != LANCELET_OK)
        abort();
    for (int64_t i = 0; i < a->length; i++) {
        sum += arrow_is_null(a, i);
        if (type.kind == LANCE_VARIABLE && !arrow_is_null(a, i)) {
            size_t n;
            const char *s = arrow_bytes(schema, a, i, &n);
            for (size_t k = 0; k < n; k++)
                sum += (uint8_t)s[k];
        }
    }
    const struct ArrowArray *values = type.kind == LANCE_LIST ? a->children[0] : a;
    size_t bytes = type.kind == LANCE_BOOL ? (size_t)(a->length + 7) / 8 : (size_t)a->length * type.width;
    for (size_t k = 0; k < bytes; k++)
        sum += ((const uint8_t *)values->buffers[1])[k];
    return sum;
}

static void read_column(lance_file *f, uint32_t column, const struct ArrowSchema *schema, uint64_t most)
{
    struct ArrowArray a;
    lancelet_error err;
    uint64_t rows = lance_min(lance_file_rows(f), most), sum = 0;
    if (lance_file_read(f, &column, schema, 0, rows, &a, &err) == LANCELET_OK) {
        sum += touch(schema, &a);
        a.release(&a);
    }
    uint64_t all = lance_file_rows(f);
    if (all > 0) {
        uint64_t picks[] = {all - 1, 0, all / 2, all / 2, all / 3, all / 2 + (all / 2 + 1 < all)};
        if (lance_file_take(f, &column, schema, picks, sizeof picks / sizeof *picks, &a, &err) ==
            LANCELET_OK) {
            sum += touch(schema, &a);
            a.release(&a);
        }
    }
    volatile uint64_t kept = sum;
    (void)kept;
}

static void read_vectors(lance_file *f, uint32_t column, size_t dim)
{
    const float *matrix;
    uint64_t count, first = 0;
    lancelet_error err;
    for (int i = 0;
         i < 100 && lance_file_vectors(f, column, dim, first, &matrix, &count, &err) == LANCELET_OK &&
         count > 0;
         i++) {
        volatile float kept = matrix[0] + matrix[count * dim - 1];
        (void)kept;
        first += count;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const others[] = {"b", "c", "i", "u"};
    lance_file *f;
    lancelet_error err;
    if (lance_file_open_memory(data, size, &f, &err) != LANCELET_OK)
        return 0;
    wire_span schema = wire_bytes(lance_file_descriptor(f), 1);
    wire_field field;
    bool bad;
    uint32_t column = 0, columns = (uint32_t)lance_min(lance_file_columns(f), MOST_COLUMNS);
    while (column < columns && wire_next(&schema, &field, &bad)) {
        if (field.number != 1 || field.type != 2)
            continue;
        wire_span logical = wire_bytes(field.bytes, 5);
        char name[64];
        unsigned long dim;
        snprintf(name, sizeof name, "%.*s", (int)lance_min(logical.size, 63),
                 logical.data ? (const char *)logical.data : "");
        const char *format = format_of(name, &dim);
        if (format) {
            char list[32];
            struct ArrowSchema item = {.format = format, .name = "item"}, *children[1] = {&item};
            struct ArrowSchema s = {.format = format, .name = "c"};
            static void (*const none)(struct ArrowSchema *) = arrow_schema_release;
            item.release = s.release = none; /* only looked at, never called */
            uint64_t most = MOST_ROWS;
            if (dim > 0 && dim <= MOST_VALUES) {
                snprintf(list, sizeof list, "+w:%lu", dim);
                s.format = list;
                s.n_children = 1;
                s.children = children;
                most = lance_min(MOST_ROWS, MOST_VALUES / dim);
                read_vectors(f, column, dim);
            }
            read_column(f, column, &s, most);
        }
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            struct ArrowSchema s = {.format = others[i], .name = "c", .release = arrow_schema_release};
            read_column(f, column, &s, MOST_ROWS);
        }
        column++;
    }
    lance_file_close(f);
    return 0;
}
