/* cmd_table_export.c - `picask table export`: rows as JSON lines (vectors and lists as arrays, structs as objects, bytes as
 * base64), as CSV after RFC 4180 (without vectors and bytes), or the vectors alone as a .npy file. Rows are streamed, batch
 * by batch. */
#include "cli/cli.h"

#include <math.h>
#include <string.h>

#include "arrow/arrow.h"
#include "base/npy.h"
#include "base/text.h"
#include "gallery/gallery.h"

enum { CSV = 1, NPY, COLUMNS, WHERE, IN, LIMIT };

static const cli_option options[] = {
    {0, "csv", NULL, CSV, "CSV with a header, without vectors and stored pictures"},
    {0, "npy", "FILE", NPY, "the vectors alone, float32 [rows, numbers], into FILE"},
    {0, "columns", "A,B", COLUMNS, "these columns, in this order"},
    CLI_WHERE_OPTION(WHERE),
    CLI_IN_OPTION(IN),
    {'n', "limit", "N", LIMIT, "N rows at most"},
    CLI_AT_VERSION_OPTION,
    CLI_VECTOR_COLUMN_OPTION,
    CLI_OPTIONS_END,
};

typedef struct export
{
    bool csv;
    const char *npy;
    int64_t limit;
    cli_filter filter;
    cli_columns asked;
    const char **name; /* [n] columns to read, borrowed */
    size_t n;
}
export;

static int read_options(cli *c, export *e)
{
    int code = cli_filter_read(c, WHERE, IN, &e->filter);
    for (size_t i = 0; i < c->n_arguments && code == 0; i++) {
        const char *value = c->argument[i].value;
        switch (c->argument[i].id) {
        case CSV:
            e->csv = true;
            break;
        case NPY:
            e->npy = value;
            break;
        case COLUMNS:
            code = cli_columns_read(&e->asked, value);
            break;
        case LIMIT:
            code = cli_number("--limit", value, 1, INT64_MAX, &e->limit);
            break;
        default:
            break;
        }
    }
    if (code == 0 && e->npy && (e->csv || e->asked.n))
        code = cli_fail("--npy excludes --csv and --columns; it writes the vectors alone");
    return code;
}

static bool has_bytes(const struct ArrowSchema *s)
{
    return strcmp(s->format, "z") == 0 || strcmp(s->format, "Z") == 0 || strncmp(s->format, "w:", 2) == 0;
}

/* A fixed-size list, which in CSV would be hundreds of numbers in one field. */
static bool in_csv(const struct ArrowSchema *s)
{
    return arrow_list_size(s) < 0 && !has_bytes(s);
}

static int choose_columns(const picask_table *table, const struct ArrowSchema *schema, export *e)
{
    picask_error err;
    e->name = base_alloc_array((size_t)schema->n_children + e->asked.n + 1, sizeof *e->name);
    if (!e->name)
        return cli_fail("out of memory");
    if (e->npy && picask_table_dim(table) == 0) {
        (void)gallery_fail_no_vectors(table, &err);
        return cli_fail_error(&err);
    }
    if (e->npy)
        e->name[e->n++] = picask_table_vector_column(table);
    for (size_t i = 0; i < e->asked.n; i++) {
        if (arrow_schema_find(schema, e->asked.name[i]) < 0) {
            (void)gallery_fail_no_column(table, e->asked.name[i], &err);
            return cli_fail("--columns: %s", err.text);
        }
        e->name[e->n++] = e->asked.name[i];
    }
    for (int64_t i = 0; i < schema->n_children && !e->npy && e->asked.n == 0; i++)
        if (!e->csv || in_csv(schema->children[i]))
            e->name[e->n++] = schema->children[i]->name;
    return e->n ? 0 : cli_fail("table '%s' has no column to export as CSV", picask_table_name(table));
}

/* ---- rows ---- */

/* Quoted where RFC 4180 asks for it. A terminal gets clean text. */
static void put_csv_field(cli_text *t, const char *s, size_t n, bool clean)
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
    cli_put(t, quote ? "\"" : "");
    for (size_t i = 0; i < n; i++)
        cli_put_bytes(t, s[i] == '"' ? "\"\"" : s + i, s[i] == '"' ? 2 : 1);
    cli_put(t, quote ? "\"" : "");
    base_free(cleaned);
}

/* json: the value as JSON. What that has in quotes but text (a time, a decimal) is free of escapes; null is empty. */
static void put_csv_value(cli_text *t, const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i,
                          const base_buffer *json, bool clean)
{
    const char *text = (const char *)json->data;
    size_t n = json->size;
    const char *bytes = gallery_is_text(s->dictionary ? s->dictionary : s) ? arrow_bytes(s, a, i, &n) : NULL;
    if (bytes)
        put_csv_field(t, bytes, n, clean);
    else if (n >= 2 && text[0] == '"')
        put_csv_field(t, text + 1, n - 2, clean);
    else if (n != 4 || memcmp(text, "null", 4) != 0)
        put_csv_field(t, text, n, clean);
}

static int put_value(cli_text *t, const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i,
                     bool csv, bool clean)
{
    base_buffer json = {0};
    picask_error err;
    picask_status status = gallery_json_value(&json, s, a, i, &err);
    if (status == LANCELET_OK && csv)
        put_csv_value(t, s, a, i, &json, clean);
    else if (status == LANCELET_OK)
        cli_put_ready_json(t, (const char *)json.data, json.size);
    base_buffer_free(&json);
    return status == LANCELET_OK ? 0 : cli_fail_error(&err);
}

static int print_batch(const cli *c, const struct ArrowSchema *schema, const struct ArrowArray *batch,
                       bool csv)
{
    cli_text t = {0};
    int code = 0;
    for (int64_t i = 0; i < batch->length && code == 0; i++) {
        for (int64_t k = 0; k < schema->n_children && code == 0; k++) {
            const struct ArrowSchema *s = schema->children[k];
            cli_put(&t, k ? "," : csv ? "" : "{");
            if (!csv) {
                cli_put_json(&t, s->name);
                cli_put(&t, ":");
            }
            code = put_value(&t, s, batch->children[k], batch->offset + i, csv, c->out.is_terminal);
        }
        cli_put(&t, csv ? "\n" : "}\n");
        if (code == 0 && t.b.size > 1 << 20)
            code = cli_print(&t);
    }
    if (code) {
        base_buffer_free(&t.b);
        return code;
    }
    return cli_print(&t);
}

/* Appends the batch's vectors [length, dim]; a null vector becomes NaN. */
static int keep_vectors(base_buffer *all, const struct ArrowSchema *schema, const struct ArrowArray *batch)
{
    const struct ArrowSchema *s = schema->children[0];
    size_t dim = (size_t)arrow_list_size(s), before = all->size;
    for (int64_t i = 0; i < batch->length; i++, before += dim * sizeof(float)) {
        if (!base_buffer_reserve(all, dim * sizeof(float)))
            return cli_fail("out of memory");
        float *v = (float *)(void *)(all->data + before);
        if (!gallery_read_vector(s, batch->children[0], batch->offset + i, v, dim))
            for (size_t k = 0; k < dim; k++)
                v[k] = NAN;
        all->size = before + dim * sizeof(float);
    }
    return 0;
}

static int print_csv_header(const struct ArrowSchema *schema, bool clean)
{
    cli_text t = {0};
    for (int64_t k = 0; k < schema->n_children; k++) {
        cli_put(&t, k ? "," : "");
        put_csv_field(&t, schema->children[k]->name, strlen(schema->children[k]->name), clean);
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

static int export_stream(const cli *c, struct ArrowArrayStream *stream, const export *e)
{
    struct ArrowSchema schema = {0};
    picask_error err;
    if (arrow_stream_schema(stream, &schema, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    base_buffer all = {0};
    int code = e->csv ? print_csv_header(&schema, c->out.is_terminal) : 0;
    while (code == 0) {
        struct ArrowArray batch = {0};
        if (arrow_stream_next(stream, &batch, &err) != LANCELET_OK) {
            code = cli_fail_error(&err);
            break;
        }
        if (!batch.release)
            break;
        code = e->npy ? keep_vectors(&all, &schema, &batch) : print_batch(c, &schema, &batch, e->csv);
        arrow_array_release(&batch);
    }
    if (code == 0 && e->npy)
        code = write_npy(c, &all, &schema, e->npy);
    base_buffer_free(&all);
    arrow_schema_release(&schema);
    return code;
}

static int run_export(cli *c)
{
    export e = {.limit = INT64_MAX};
    picask_table *table = NULL;
    picask_error err;
    struct ArrowSchema schema = {0};
    struct ArrowArrayStream stream = {0};
    int code = read_options(c, &e);
    if (code == 0)
        code = cli_table_operand(c);
    if (code == 0)
        code = cli_open_table(c, &table);
    if (code == 0 && lancelet_table_schema(picask_table_lance(table), &schema, &err) != LANCELET_OK)
        code = cli_fail_error(&err);
    if (code == 0)
        code = choose_columns(table, &schema, &e);
    if (code == 0)
        code = cli_filter_make(&e.filter, table);
    if (code == 0) {
        lancelet_scan_options scan = LANCELET_SCAN_OPTIONS_INIT;
        scan.columns = e.name;
        scan.n_columns = e.n;
        scan.batch_rows = 1024; /* pictures in the table make rows large */
        scan.condition = e.filter.condition;
        scan.limit = (uint64_t)e.limit;
        if (lancelet_table_scan(picask_table_lance(table), &scan, &stream, &err) != LANCELET_OK)
            code = cli_fail_error(&err);
    }
    if (code == 0)
        code = export_stream(c, &stream, &e);
    arrow_stream_release(&stream);
    arrow_schema_release(&schema);
    base_free(e.name);
    cli_columns_free(&e.asked);
    cli_filter_free(&e.filter);
    picask_table_destroy(table);
    return code;
}

const cli_command cli_table_export = {
    "export",
    NULL,
    "[NAME]",
    "rows as JSON lines or CSV, or their vectors as .npy",
    options,
    NULL,
    "  picask table export > pictures.jsonl\n"
    "  picask table export --csv --columns id,uri,text --where \"text is not null\" > captions.csv\n"
    "  picask table export --npy vectors.npy\n",
    run_export,
};
