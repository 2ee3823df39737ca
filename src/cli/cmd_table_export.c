/* cmd_table_export.c - `picask table export`: every row as a JSON line (vectors as arrays, bytes as base64), as CSV after
 * RFC 4180 (without vectors and bytes), or the vectors alone as a .npy file. Rows are streamed, batch by batch. */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "arrow/arrow.h"
#include "base/npy.h"
#include "base/text.h"

enum { CSV = 1, NPY };

static const cli_option options[] = {
    {0, "csv", NULL, CSV, "CSV with a header, without vectors and stored pictures"},
    {0, "npy", "FILE", NPY, "the vectors alone, float32 [rows, numbers], into FILE"},
    CLI_OPTIONS_END,
};

typedef enum kind {
    KIND_NONE,
    KIND_TEXT,
    KIND_BYTES,
    KIND_BOOL,
    KIND_INT,
    KIND_FLOAT,
    KIND_DOUBLE,
    KIND_TIME,
    KIND_DATE,
    KIND_VECTOR
} kind;

static kind kind_of(const struct ArrowSchema *s)
{
    const char *f = s->format;
    if (strcmp(f, "u") == 0 || strcmp(f, "U") == 0)
        return KIND_TEXT;
    if (strcmp(f, "z") == 0 || strcmp(f, "Z") == 0)
        return KIND_BYTES;
    if (strcmp(f, "b") == 0)
        return KIND_BOOL;
    if (strlen(f) == 1 && strchr("cCsSiIlL", f[0]))
        return KIND_INT;
    if (strcmp(f, "e") == 0 || strcmp(f, "f") == 0)
        return KIND_FLOAT;
    if (strcmp(f, "g") == 0)
        return KIND_DOUBLE;
    if (f[0] == 't' && f[1] == 's' && f[2])
        return KIND_TIME;
    if (strcmp(f, "tdD") == 0)
        return KIND_DATE;
    if (arrow_list_size(s) >= 0 && s->n_children == 1) {
        kind item = kind_of(s->children[0]);
        if (item == KIND_FLOAT || item == KIND_DOUBLE || item == KIND_INT)
            return KIND_VECTOR;
    }
    return KIND_NONE;
}

/* ---- values ---- */

static void put_real(cli_text *t, double v, bool single)
{
    char number[32];
    if (isfinite(v))
        cli_put_bytes(t, number,
                      single ? base_format_float((float)v, number) : base_format_double(v, number));
    else
        cli_put(t, "null");
}

/* RFC 4648 */
static void put_base64(cli_text *t, const uint8_t *b, size_t n)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v =
            (uint32_t)b[i] << 16 | (uint32_t)(i + 1 < n ? b[i + 1] : 0) << 8 | (i + 2 < n ? b[i + 2] : 0);
        char four[4] = {letters[v >> 18], letters[v >> 12 & 63], i + 1 < n ? letters[v >> 6 & 63] : '=',
                        i + 2 < n ? letters[v & 63] : '='};
        cli_put_bytes(t, four, 4);
    }
}

/* Text of a time or date: microseconds by the unit in the format string. */
static void put_time(cli_text *t, const struct ArrowSchema *s, kind k, int64_t v)
{
    char text[40];
    int64_t us = v;
    if (k == KIND_DATE)
        us = v * INT64_C(86400000000);
    else if (s->format[2] == 's')
        us = v * 1000000;
    else if (s->format[2] == 'm')
        us = v * 1000;
    else if (s->format[2] == 'n')
        us = v / 1000;
    base_format_time(us, text);
    if (k == KIND_DATE)
        text[strcspn(text, "T")] = '\0';
    cli_put(t, text);
}

/* In range for put_time's multiplication. */
static bool time_fits(const struct ArrowSchema *s, kind k, int64_t v)
{
    int64_t limit = k == KIND_DATE        ? 100000000
                    : s->format[2] == 's' ? INT64_C(1) << 42
                    : s->format[2] == 'm' ? INT64_C(1) << 52
                                          : INT64_MAX;
    return v > -limit && v < limit;
}

/* arrow_int gives the 64 bits of a uint64 too. */
static void put_whole(cli_text *t, const struct ArrowSchema *s, int64_t v)
{
    if (s->format[0] == 'L')
        cli_putf(t, "%llu", (unsigned long long)v);
    else
        cli_putf(t, "%lld", (long long)v);
}

static void put_vector_json(cli_text *t, const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i)
{
    int64_t size = arrow_list_size(s);
    kind item = kind_of(s->children[0]);
    cli_put(t, "[");
    for (int64_t k = 0; k < size; k++) {
        double v = NAN;
        int64_t whole;
        int64_t at = (a->offset + i) * size + k; /* the child's own offset is added by its reader */
        cli_put(t, k ? "," : "");
        if (item == KIND_INT && arrow_int(s->children[0], a->children[0], at, &whole)) {
            put_whole(t, s->children[0], whole);
            continue;
        }
        if (!arrow_double(s->children[0], a->children[0], at, &v))
            v = NAN;
        put_real(t, v, item == KIND_FLOAT);
    }
    cli_put(t, "]");
}

static void put_json_bytes(cli_text *t, const char *s, size_t n)
{
    char *copy = base_strndup(s, n);
    cli_put_json(t, copy);
    t->failed = t->failed || !copy;
    base_free(copy);
}

static void put_value(cli_text *t, const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i)
{
    kind k = kind_of(s);
    size_t n;
    int64_t whole;
    double real;
    const char *bytes;
    if (arrow_is_null(a, i)) {
        cli_put(t, "null");
    } else if ((k == KIND_TEXT || k == KIND_BYTES) && (bytes = arrow_bytes(s, a, i, &n)) != NULL) {
        if (k == KIND_TEXT) {
            put_json_bytes(t, bytes, n);
        } else {
            cli_put(t, "\"");
            put_base64(t, (const uint8_t *)bytes, n);
            cli_put(t, "\"");
        }
    } else if (k == KIND_VECTOR) {
        put_vector_json(t, s, a, i);
    } else if ((k == KIND_FLOAT || k == KIND_DOUBLE) && arrow_double(s, a, i, &real)) {
        put_real(t, real, k == KIND_FLOAT);
    } else if (k != KIND_NONE && arrow_int(s, a, i, &whole)) {
        if (k == KIND_BOOL) {
            cli_put(t, whole ? "true" : "false");
        } else if (k == KIND_INT) {
            put_whole(t, s, whole);
        } else if (time_fits(s, k, whole)) {
            cli_put(t, "\"");
            put_time(t, s, k, whole);
            cli_put(t, "\"");
        } else {
            cli_put(t, "null");
        }
    } else {
        cli_put(t, "null");
    }
}

/* Quoted where RFC 4180 asks for it; what JSON has in quotes is given bare, null is empty. A terminal gets clean text. */
static void put_csv_bytes(cli_text *t, const char *s, size_t n, bool clean)
{
    char *cleaned = clean ? view_clean(s, n) : NULL;
    t->failed = t->failed || (clean && !cleaned);
    if (cleaned) {
        s = cleaned;
        n = strlen(cleaned);
    }
    bool quote = n == 0;
    for (size_t i = 0; i < n; i++)
        quote = quote || strchr(",\"\r\n", s[i]);
    if (quote)
        cli_put(t, "\"");
    for (size_t i = 0; i < n; i++)
        cli_put_bytes(t, s[i] == '"' ? "\"\"" : s + i, s[i] == '"' ? 2 : 1);
    if (quote)
        cli_put(t, "\"");
    base_free(cleaned);
}

static void put_csv_value(cli_text *t, const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i,
                          bool clean)
{
    kind k = kind_of(s);
    size_t n;
    int64_t whole;
    const char *bytes;
    if (arrow_is_null(a, i))
        return;
    if (k == KIND_TEXT && (bytes = arrow_bytes(s, a, i, &n)) != NULL)
        put_csv_bytes(t, bytes, n, clean);
    else if ((k == KIND_TIME || k == KIND_DATE) && arrow_int(s, a, i, &whole) && time_fits(s, k, whole))
        put_time(t, s, k, whole);
    else if (k == KIND_INT || k == KIND_BOOL || k == KIND_FLOAT || k == KIND_DOUBLE)
        put_value(t, s, a, i);
}

/* ---- rows ---- */

typedef struct wanted {
    const char **name; /* [n] columns to read, borrowed from the schema */
    size_t n;
} wanted;

static int choose_columns(const cli *c, const struct ArrowSchema *schema, bool csv, bool npy, wanted *w)
{
    w->name = base_alloc_array((size_t)schema->n_children + 1, sizeof *w->name);
    if (!w->name)
        return cli_fail("out of memory");
    for (int64_t i = 0; i < schema->n_children; i++) {
        const struct ArrowSchema *child = schema->children[i];
        kind k = kind_of(child);
        bool vector = k == KIND_VECTOR;
        if (npy ? vector && w->n == 0 : k != KIND_NONE && !(csv && (vector || k == KIND_BYTES)))
            w->name[w->n++] = child->name;
        else if (!npy && k == KIND_NONE)
            cli_say(c, "column %s is of type %s and is left out", child->name, child->format);
    }
    if (w->n == 0)
        return cli_fail("table '%s' has no column to export", c->table);
    return 0;
}

static int print_batch(const cli *c, const struct ArrowSchema *schema, const struct ArrowArray *batch,
                       bool csv)
{
    cli_text t = {0};
    for (int64_t i = 0; i < batch->length; i++) {
        for (int64_t k = 0; k < schema->n_children; k++) {
            const struct ArrowSchema *s = schema->children[k];
            if (csv) {
                cli_put(&t, k ? "," : "");
                put_csv_value(&t, s, batch->children[k], batch->offset + i, c->out.is_terminal);
            } else {
                cli_put(&t, k ? "," : "{");
                cli_put_json(&t, s->name);
                cli_put(&t, ":");
                put_value(&t, s, batch->children[k], batch->offset + i);
            }
        }
        cli_put(&t, csv ? "\n" : "}\n");
        if (t.b.size > 1 << 20) {
            int code = cli_print(&t);
            if (code)
                return code;
        }
    }
    return cli_print(&t);
}

/* Appends the batch's vectors [length, dim]; a null vector becomes NaN. */
static int keep_vectors(base_buffer *all, const struct ArrowSchema *schema, const struct ArrowArray *batch)
{
    const struct ArrowSchema *s = schema->children[0];
    const struct ArrowArray *a = batch->children[0];
    int64_t dim = arrow_list_size(s);
    for (int64_t i = 0; i < batch->length; i++)
        for (int64_t k = 0; k < dim; k++) {
            double v;
            int64_t row = batch->offset + i, at = (a->offset + row) * dim + k;
            if (arrow_is_null(a, row) || !arrow_double(s->children[0], a->children[0], at, &v))
                v = NAN;
            float f = (float)v;
            if (!base_buffer_append(all, &f, sizeof f))
                return cli_fail("out of memory");
        }
    return 0;
}

static int print_csv_header(const struct ArrowSchema *schema, bool clean)
{
    cli_text t = {0};
    for (int64_t k = 0; k < schema->n_children; k++) {
        cli_put(&t, k ? "," : "");
        put_csv_bytes(&t, schema->children[k]->name, strlen(schema->children[k]->name), clean);
    }
    cli_put(&t, "\n");
    return cli_print(&t);
}

static int write_npy(const cli *c, const base_buffer *all, const struct ArrowSchema *schema, const char *path)
{
    picask_error err;
    size_t dim = (size_t)arrow_list_size(schema->children[0]);
    size_t rows = dim ? all->size / sizeof(float) / dim : 0;
    if (base_npy_write(path, (const float *)(const void *)all->data, rows, dim, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    cli_say(c, "wrote %zu vector%s of %zu numbers to %s", rows, rows == 1 ? "" : "s", dim, path);
    return 0;
}

static int export_stream(const cli *c, struct ArrowArrayStream *stream, bool csv, const char *npy)
{
    struct ArrowSchema schema = {0};
    picask_error err;
    if (arrow_stream_schema(stream, &schema, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    base_buffer all = {0};
    int code = csv ? print_csv_header(&schema, c->out.is_terminal) : 0;
    while (code == 0) {
        struct ArrowArray batch = {0};
        if (arrow_stream_next(stream, &batch, &err) != LANCELET_OK) {
            code = cli_fail_error(&err);
            break;
        }
        if (!batch.release)
            break;
        code = npy ? keep_vectors(&all, &schema, &batch) : print_batch(c, &schema, &batch, csv);
        arrow_array_release(&batch);
    }
    if (code == 0 && npy)
        code = write_npy(c, &all, &schema, npy);
    base_buffer_free(&all);
    arrow_schema_release(&schema);
    return code;
}

static int run_export(cli *c)
{
    bool csv = false;
    const char *npy = NULL;
    for (size_t i = 0; i < c->n_arguments; i++) {
        csv = csv || c->argument[i].id == CSV;
        if (c->argument[i].id == NPY)
            npy = c->argument[i].value;
    }
    if (csv && npy)
        return cli_fail("--csv and --npy exclude each other");
    picask_table *table = NULL;
    picask_error err;
    struct ArrowSchema schema = {0};
    struct ArrowArrayStream stream = {0};
    wanted w = {NULL, 0};
    int code = cli_table_operand(c);
    if (code == 0)
        code = cli_open_table(c, &table);
    if (code == 0 && lancelet_table_schema(picask_table_lance(table), &schema, &err) != LANCELET_OK)
        code = cli_fail_error(&err);
    if (code == 0)
        code = choose_columns(c, &schema, csv, npy != NULL, &w);
    if (code == 0) {
        lancelet_scan_options scan = LANCELET_SCAN_OPTIONS_INIT;
        scan.columns = w.name;
        scan.n_columns = w.n;
        scan.batch_rows = 1024; /* pictures in the table make rows large */
        if (lancelet_table_scan(picask_table_lance(table), &scan, &stream, &err) != LANCELET_OK)
            code = cli_fail_error(&err);
    }
    if (code == 0)
        code = export_stream(c, &stream, csv, npy);
    arrow_stream_release(&stream);
    arrow_schema_release(&schema);
    base_free(w.name);
    picask_table_destroy(table);
    return code;
}

const cli_command cli_table_export = {
    "export",
    NULL,
    "[NAME]",
    "all rows as JSON lines or CSV, or their vectors as .npy",
    options,
    NULL,
    "  picask table export > pictures.jsonl\n"
    "  picask table export --csv > pictures.csv\n"
    "  picask table export --npy vectors.npy\n",
    run_export,
};
