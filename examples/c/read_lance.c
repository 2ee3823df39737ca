/* read_lance.c - opens a table of LanceDB from C: its schema, and the rows that meet a condition, a JSON object a line.
 * Nothing but lancelet.h is needed; of Arrow it is the two structs in there.
 *
 *     cc -o read_lance read_lance.c $(pkg-config --cflags --libs lancelet)
 *     ./read_lance data/pictures.lance "text like '%dog%' and width > 640" uri text
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <lancelet.h>

/* ---- values as text, from the buffers as the Arrow C data interface lays them out ---- */

static int bit(const void *bits, int64_t i)
{
    return ((const unsigned char *)bits)[i / 8] >> (i % 8) & 1;
}

static void print_text(const char *s, int64_t n)
{
    putchar('"');
    for (int64_t i = 0; i < n; i++) {
        if (s[i] == '"' || s[i] == '\\')
            printf("\\%c", s[i]);
        else if ((unsigned char)s[i] < 0x20)
            printf("\\u%04x", (unsigned)s[i]);
        else
            putchar(s[i]);
    }
    putchar('"');
}

static int64_t offset_of(const struct ArrowArray *a, int large, int64_t i)
{
    return large ? ((const int64_t *)a->buffers[1])[i] : ((const int32_t *)a->buffers[1])[i];
}

static int64_t integer_at(char format, const void *v, int64_t i)
{
    return format == 'c'   ? ((const int8_t *)v)[i]
           : format == 'C' ? ((const uint8_t *)v)[i]
           : format == 's' ? ((const int16_t *)v)[i]
           : format == 'S' ? ((const uint16_t *)v)[i]
           : format == 'i' ? ((const int32_t *)v)[i]
           : format == 'I' ? ((const uint32_t *)v)[i]
                           : ((const int64_t *)v)[i]; /* 'L' has the same bits */
}

/* With the digits that give the same number back; JSON has no NaN or infinity. */
static void print_float(double v, int digits)
{
    if (isfinite(v))
        printf("%.*g", digits, v);
    else
        fputs("null", stdout);
}

static void print_number(char format, const void *v, int64_t i)
{
    if (format == 'f')
        print_float((double)((const float *)v)[i], 9);
    else if (format == 'g')
        print_float(((const double *)v)[i], 17);
    else if (format == 'L')
        printf("%" PRIu64, (uint64_t)integer_at(format, v, i));
    else
        printf("%" PRId64, integer_at(format, v, i));
}

static void print_value(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i);

static void print_list(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t begin, int64_t end)
{
    putchar('[');
    for (int64_t k = begin; k < end; k++) {
        if (k > begin)
            putchar(',');
        print_value(s->children[0], a->children[0], k);
    }
    putchar(']');
}

/* Row i of an array, not counting its offset. */
static void print_value(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i)
{
    const char *f = s->format;
    int64_t at = a->offset + i, size;
    if (a->n_buffers == 0 || (a->null_count != 0 && a->buffers[0] && !bit(a->buffers[0], at))) {
        fputs("null", stdout);
    } else if (s->dictionary) { /* the array has indices */
        print_value(s->dictionary, a->dictionary, integer_at(f[0], a->buffers[1], at));
    } else if (!strcmp(f, "b")) {
        fputs(bit(a->buffers[1], at) ? "true" : "false", stdout);
    } else if (strchr("uUzZ", f[0])) {
        int large = f[0] == 'U' || f[0] == 'Z';
        int64_t begin = offset_of(a, large, at), end = offset_of(a, large, at + 1);
        if (f[0] == 'z' || f[0] == 'Z')
            printf("\"%" PRId64 " bytes\"", end - begin);
        else
            print_text((const char *)a->buffers[2] + begin, end - begin);
    } else if (!strcmp(f, "+l") || !strcmp(f, "+L") || !strcmp(f, "+m")) {
        print_list(s, a, offset_of(a, f[1] == 'L', at), offset_of(a, f[1] == 'L', at + 1));
    } else if (sscanf(f, "+w:%" SCNd64, &size) == 1) {
        print_list(s, a, at * size, (at + 1) * size);
    } else if (!strcmp(f, "+s")) {
        for (int64_t k = 0; k < s->n_children; k++) {
            putchar(k ? ',' : '{');
            print_text(s->children[k]->name, (int64_t)strlen(s->children[k]->name));
            putchar(':');
            print_value(s->children[k], a->children[k], at);
        }
        fputs(s->n_children ? "}" : "{}", stdout);
    } else if (!f[1] && strchr("cCsSiIlLfg", f[0])) {
        print_number(f[0], a->buffers[1], at);
    } else {
        printf("\"a value of the Arrow type %s\"", f);
    }
}

/* ---- the table ---- */

static int print_rows(struct ArrowArrayStream *stream)
{
    struct ArrowSchema schema;
    struct ArrowArray batch;
    if (stream->get_schema(stream, &schema) != 0)
        return fprintf(stderr, "%s\n", stream->get_last_error(stream)), 1;
    int failed = 0;
    while (!(failed = stream->get_next(stream, &batch)) && batch.release) {
        for (int64_t i = 0; i < batch.length; i++) {
            print_value(&schema, &batch, i); /* a batch is a struct array */
            putchar('\n');
        }
        batch.release(&batch);
    }
    if (failed)
        fprintf(stderr, "%s\n", stream->get_last_error(stream));
    schema.release(&schema);
    return failed;
}

int main(int argc, char **argv)
{
    lancelet_error err;
    lancelet_table *table = NULL;
    struct ArrowSchema schema;
    struct ArrowArrayStream stream;
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_scan_options options = LANCELET_SCAN_OPTIONS_INIT;
    if (argc < 2) {
        fprintf(stderr, "usage: %s TABLE.lance [CONDITION [COLUMN ...]]\n", argv[0]);
        return 2;
    }
    if (lancelet_table_open(argv[1], NULL, &table, &err) || lancelet_table_schema(table, &schema, &err)) {
        fprintf(stderr, "%s\n", err.text);
        lancelet_table_destroy(table);
        return 1;
    }
    lancelet_table_get_info(table, &info);
    fprintf(stderr, "%s: version %" PRIu64 ", %" PRIu64 " rows\n", info.path, info.version, info.rows);
    for (int64_t i = 0; i < schema.n_children; i++)
        fprintf(stderr, "  %s: %s%s\n", schema.children[i]->name, schema.children[i]->format,
                schema.children[i]->flags & ARROW_FLAG_NULLABLE ? "" : " not null");
    schema.release(&schema);

    if (argc > 2 && *argv[2])
        options.condition = argv[2];
    if (argc > 3) {
        options.columns = (const char *const *)argv + 3;
        options.n_columns = (size_t)argc - 3;
    }
    int failed = lancelet_table_scan(table, &options, &stream, &err) != LANCELET_OK;
    lancelet_table_destroy(table); /* the stream holds what it needs */
    if (failed) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    failed = print_rows(&stream);
    stream.release(&stream);
    return failed ? 1 : 0;
}
