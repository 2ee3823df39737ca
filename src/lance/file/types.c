/* types.c - what the values of a leaf column look like, by their Arrow type.
 * Formats: https://arrow.apache.org/docs/format/CDataInterface.html; what Lance stores of them is its file.proto. */
#include "lance/file/page.h"

/* The name of a type that Lance has no column for, or NULL. */
static const char *foreign_name(const char *format)
{
    static const struct {
        const char *prefix, *name;
    } names[] = {{"+u", "unions"},       {"+r", "run-end encoded values"}, {"+v", "list views"},
                 {"ti", "intervals"},    {"vu", "string views"},           {"vz", "binary views"},
                 {"d:", "decimals of this width"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(format, names[i].prefix, strlen(names[i].prefix)) == 0)
            return names[i].name;
    return NULL;
}

static lancelet_status refuse(const struct ArrowSchema *schema, lancelet_error *err)
{
    const char *name = foreign_name(schema->format);
    if (name)
        return base_fail(err, LANCELET_UNSUPPORTED, "columns of %s are not supported", name);
    return base_fail(err, LANCELET_UNSUPPORTED, "columns of the Arrow type '%.40s' are not supported",
                     schema->format);
}

/* The N of "+w:N" or "w:N": 1 .. INT32_MAX, else 0. */
static uint64_t fixed_count(const char *digits)
{
    uint64_t n = 0;
    if (*digits == '\0')
        return 0;
    for (; *digits; digits++) {
        if (*digits < '0' || *digits > '9' || n > INT32_MAX)
            return 0;
        n = n * 10 + (uint64_t)(*digits - '0');
    }
    return n <= INT32_MAX ? n : 0;
}

/* "d:10,2" has 128 bits, "d:40,3,256" says its own. */
static uint32_t decimal_bits(const char *format)
{
    const char *comma = strchr(format, ',');
    comma = comma ? strchr(comma + 1, ',') : NULL;
    if (!comma || strcmp(comma, ",128") == 0)
        return 128;
    return strcmp(comma, ",256") == 0 ? 256 : 0;
}

/* Bits of a value of a fixed width, 0 for every other type. */
static uint32_t fixed_bits(const char *format)
{
    if (strlen(format) == 1)
        switch (*format) {
        case 'b':
            return 1;
        case 'c':
        case 'C':
            return 8;
        case 's':
        case 'S':
        case 'e':
            return 16;
        case 'i':
        case 'I':
        case 'f':
            return 32;
        case 'l':
        case 'L':
        case 'g':
            return 64;
        default:
            return 0;
        }
    if (strncmp(format, "d:", 2) == 0)
        return decimal_bits(format);
    if (strncmp(format, "w:", 2) == 0) {
        uint64_t n = fixed_count(format + 2);
        return n <= INT32_MAX / 8 ? (uint32_t)n * 8 : 0;
    }
    if (!strcmp(format, "tdD") || !strcmp(format, "tts") || !strcmp(format, "ttm"))
        return 32;
    if (!strcmp(format, "tdm") || !strcmp(format, "ttu") || !strcmp(format, "ttn") ||
        !strncmp(format, "ts", 2) || !strncmp(format, "tD", 2))
        return 64;
    return 0;
}

static bool has_child(const struct ArrowSchema *schema)
{
    return schema->n_children == 1 && schema->children && schema->children[0];
}

/* The rows of a packed struct: the widths of its fields side by side. */
static lancelet_status packed_type(const struct ArrowSchema *schema, lance_type *out, lancelet_error *err)
{
    uint64_t width = 0;
    for (int64_t i = 0; i < schema->n_children; i++) {
        uint32_t bits = fixed_bits(schema->children[i]->format);
        if (schema->children[i]->dictionary || bits == 0 || bits % 8 != 0 || !base_add_u64(width, bits / 8, &width))
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "packed structs with other fields than numbers of whole bytes are not supported");
    }
    if (width > INT32_MAX / 8)
        return base_fail(err, LANCELET_UNSUPPORTED, "packed structs of this width are not supported");
    out->kind = LANCE_FIXED;
    out->item_bits = (uint32_t)width * 8;
    out->width = (size_t)width;
    out->packed = schema;
    return LANCELET_OK;
}

lancelet_status lance_type_of(const struct ArrowSchema *schema, lance_type *out, lancelet_error *err)
{
    memset(out, 0, sizeof *out);
    out->items = 1;
    if (schema->dictionary)
        schema = schema->dictionary;
    const char *format = schema->format;
    if (!strcmp(format, "u") || !strcmp(format, "z") || !strcmp(format, "U") || !strcmp(format, "Z")) {
        out->kind = LANCE_VARIABLE;
        out->offset_bits = *format == 'u' || *format == 'z' ? 32 : 64;
        out->text = *format == 'u' || *format == 'U';
        return LANCELET_OK;
    }
    if (!strcmp(format, "n")) {
        out->kind = LANCE_NULL;
        return LANCELET_OK;
    }
    if (lance_is_packed(schema))
        return packed_type(schema, out, err);
    for (; strncmp(schema->format, "+w:", 3) == 0; schema = schema->children[0]) {
        uint64_t n = fixed_count(schema->format + 3);
        if (n == 0 || !has_child(schema))
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "columns of lists of a fixed size of 0 are not supported");
        if (out->depth == LANCE_DIMENSIONS)
            return base_fail(err, LANCELET_UNSUPPORTED, "fixed-size lists are supported %d deep", LANCE_DIMENSIONS);
        out->size[out->depth++] = n;
        if (!base_mul_u64(out->items, n, &out->items) || out->items > INT32_MAX)
            return base_fail(err, LANCELET_UNSUPPORTED, "fixed-size lists of more than %d items are not supported",
                             INT32_MAX);
    }
    out->item_bits = schema->dictionary ? 0 : fixed_bits(schema->format);
    if (out->item_bits == 0)
        return refuse(schema, err);
    if (out->depth > 0)
        out->kind = LANCE_LIST;
    else
        out->kind = out->item_bits == 1 ? LANCE_BOOL : LANCE_FIXED;
    if (!base_mul_size((size_t)out->items, out->item_bits / 8, &out->width))
        return base_fail(err, LANCELET_LIMIT, "a value is larger than memory");
    return LANCELET_OK;
}
