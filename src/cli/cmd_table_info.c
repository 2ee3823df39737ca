/* cmd_table_info.c - `picask table info`: what a table holds, and the lines that open it in Python and DuckDB. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "arrow/arrow.h"
#include "base/text.h"
#include "gallery/gallery.h"

/* JSON's escapes are Python's. */
static void put_python_open(cli_text *t, const char *db, const char *name)
{
    cli_put(t, "table = lancedb.connect(");
    cli_put_json(t, db);
    cli_put(t, ").open_table(");
    cli_put_json(t, name);
    cli_put(t, ")");
}

static void put_sql_select(cli_text *t, const char *path)
{
    cli_put(t, "SELECT * FROM '");
    for (const char *p = path; *p; p++)
        cli_put_bytes(t, *p == '\'' ? "''" : p, *p == '\'' ? 2 : 1);
    cli_put(t, "' LIMIT 5;");
}

/* Appends what was put together as one cleaned line. */
static void put_line(cli_text *t, const char *head, cli_text *line, const cli *c)
{
    char *raw = line->failed ? NULL : base_buffer_to_string(&line->b);
    base_buffer_free(&line->b);
    char *clean = raw ? view_clean(raw, strlen(raw)) : NULL;
    bool styled = c->out.styled && *head;
    if (clean)
        cli_putf(t, "%s%-9s%s %s\n", styled ? "\033[2m" : "", head, styled ? "\033[0m" : "", clean);
    else
        t->failed = true;
    base_free(clean);
    base_free(raw);
    *line = (cli_text){0};
}

/* The remembered sources: a JSON array in the table's config, one object a source. NULL: none. */
static json_t *sources_of(const lancelet_table *lance)
{
    const char *config = lancelet_table_config(lance, "picask.sources");
    return config ? json_loads(config, 0, NULL) : NULL;
}

static void put_sources(cli_text *t, const cli *c, const lancelet_table *lance)
{
    json_t *sources = sources_of(lance);
    size_t i;
    json_t *entry;
    json_array_foreach(sources, i, entry)
    {
        const char *path = json_string_value(json_object_get(entry, "source"));
        char *shown = path ? cli_shown_path(path) : NULL;
        cli_text line = {0};
        cli_put(&line, shown ? shown : "");
        if (shown)
            put_line(t, i == 0 ? "sources" : "", &line, c);
        base_buffer_free(&line.b);
        base_free(shown);
    }
    json_decref(sources);
}

static void put_json_sources(cli_text *t, const lancelet_table *lance)
{
    json_t *sources = sources_of(lance);
    size_t i, n = 0;
    json_t *entry;
    cli_put(t, ",\"sources\":[");
    json_array_foreach(sources, i, entry)
    {
        const char *path = json_string_value(json_object_get(entry, "source"));
        if (!path)
            continue;
        cli_put(t, n++ ? "," : "");
        cli_put_json(t, path);
    }
    cli_put(t, "]");
    json_decref(sources);
}

static void put_columns(cli_text *t, const cli *c, const struct ArrowSchema *schema)
{
    size_t widest = 10;
    for (int64_t i = 0; i < schema->n_children; i++) {
        size_t width = view_width(schema->children[i]->name ? schema->children[i]->name : "");
        widest = width > widest && width <= 24 ? width : widest;
    }
    for (int64_t i = 0; i < schema->n_children; i++) {
        cli_text line = {0};
        const struct ArrowSchema *child = schema->children[i];
        char *name = view_clean(child->name ? child->name : "", child->name ? strlen(child->name) : 0);
        size_t width = name ? view_width(name) : 0;
        cli_putf(&line, "%s%*s  ", name ? name : "", (int)(width < widest ? widest - width : 0), "");
        cli_put_type(&line, child);
        cli_put(&line, child->flags & ARROW_FLAG_NULLABLE ? "" : " not null");
        put_line(t, i == 0 ? "columns" : "", &line, c);
        base_free(name);
    }
}

/* How the model of the table sees pictures and words, as it was recorded; NULL: it was not. */
static json_t *preprocess_of(const picask_table *table)
{
    const char *text = lancelet_table_schema_metadata(picask_table_lance(table), "picask.preprocess");
    return text ? json_loads(text, 0, NULL) : NULL;
}

/* Where nothing says which column of vectors is the table's. */
static void put_vector_columns(cli_text *line, const struct ArrowSchema *schema)
{
    char number[32];
    size_t n = 0;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (gallery_is_vector(schema->children[i]))
            cli_putf(line, "%s%s (%s numbers)", n++ ? ", " : "", schema->children[i]->name,
                     cli_count((uint64_t)arrow_list_size(schema->children[i]), number));
    cli_put(line, n ? "; --vector-column says which is meant" : "none");
}

static void put_vectors(cli_text *line, const picask_table *table, const struct ArrowSchema *schema)
{
    const char *made_with = picask_table_model_name(table), *column = picask_table_vector_column(table);
    char number[32];
    if (!column) {
        put_vector_columns(line, schema);
        return;
    }
    cli_putf(line, "%s numbers a row", cli_count(picask_table_dim(table), number));
    if (strcmp(column, "vector") != 0)
        cli_putf(line, " in %s", column);
    cli_putf(line, ", made with %s", made_with ? made_with : "a model that the table does not name");
    json_t *preprocess = preprocess_of(table);
    const char *decode = json_string_value(json_object_get(preprocess, "decode"));
    if (decode && strcmp(decode, "fast") == 0)
        cli_put(line, ", JPEGs decoded fast");
    json_decref(preprocess);
}

/* What lies beside the version that is shown. */
typedef struct history {
    lancelet_tag *tags;         /* [n_tags] */
    lancelet_index *indices;    /* [n_indices] of the version */
    size_t n_tags, n_indices;
    size_t versions; /* kept, of the table */
} history;

static void history_free(history *h)
{
    lancelet_free(h->tags);
    lancelet_free(h->indices);
}

static int read_history(const lancelet_table *lance, history *h)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_version *none = NULL; /* their number is enough */
    size_t n = 0;
    picask_error err;
    lancelet_table_get_info(lance, &info);
    lancelet_status status = lancelet_versions(info.path, 0, &none, &n, &h->versions, &err);
    lancelet_free(none);
    if (status != LANCELET_OK || lancelet_tags(info.path, &h->tags, &h->n_tags, &err) != LANCELET_OK ||
        lancelet_table_indices(lance, &h->indices, &h->n_indices, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    return 0;
}

static void put_tags(cli_text *t, const cli *c, const history *h)
{
    cli_text line = {0};
    for (size_t i = 0; i < h->n_tags && i < 8; i++)
        cli_putf(&line, "%s%s (%llu)", i ? ", " : "", h->tags[i].name,
                 (unsigned long long)h->tags[i].version);
    if (h->n_tags > 8)
        cli_putf(&line, " and %zu more: picask table tag", h->n_tags - 8);
    if (h->n_tags > 0)
        put_line(t, "tags", &line, c);
}

static void put_indices(cli_text *t, const cli *c, const history *h, uint64_t fragments)
{
    for (size_t i = 0; i < h->n_indices; i++) {
        const lancelet_index *x = &h->indices[i];
        cli_text line = {0};
        cli_putf(&line, "%s on ", x->name);
        for (size_t k = 0; k < x->n_columns; k++)
            cli_putf(&line, "%s%s", k ? ", " : "", x->column[k]);
        cli_putf(&line, "%s%s, covers %llu of %llu fragment%s", *x->type ? ": " : "", x->type,
                 (unsigned long long)x->fragments, (unsigned long long)fragments, fragments == 1 ? "" : "s");
        put_line(t, i == 0 ? "indexes" : "", &line, c);
    }
}

/* Where there is much to gain by it. */
static void put_advice(cli_text *t, const cli *c, const lancelet_table_info *info)
{
    char number[32], option[256];
    cli_text line = {0};
    if (info->small_fragments < 10)
        return;
    cli_putf(&line, "%s small fragments slow searching down: picask table optimize%s",
             cli_count(info->small_fragments, number), cli_table_option(c, option));
    put_line(t, "advice", &line, c);
}

static void put_text(cli_text *t, const cli *c, const picask_table *table, const struct ArrowSchema *schema,
                     const history *h)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    const lancelet_table *lance = picask_table_lance(table);
    lancelet_table_get_info(lance, &info);
    char number[32], time[40];
    cli_text line = {0};
    char *path = cli_shown_path(info.path);
    cli_putf(&line, "%s  %s", picask_table_name(table), path ? path : "");
    base_free(path);
    put_line(t, "table", &line, c);
    cli_putf(&line, "%s", cli_count(info.rows, number));
    if (info.deleted_rows > 0)
        cli_putf(&line, " (%s deleted still in the files)", cli_count(info.deleted_rows, number));
    put_line(t, "rows", &line, c);
    put_vectors(&line, table, schema);
    put_line(t, "vectors", &line, c);
    cli_putf(&line, "%llu of %s UTC", (unsigned long long)info.version, cli_time(info.timestamp_us, time));
    if (h->versions > 1)
        cli_putf(&line, "; %s versions are kept", cli_count(h->versions, number));
    put_line(t, "version", &line, c);
    put_tags(t, c, h);
    cli_putf(&line, "%s in ", cli_size(info.data_bytes, number));
    cli_putf(&line, "%s file%s of ", cli_count(info.data_files, number), info.data_files == 1 ? "" : "s");
    cli_putf(&line, "%s fragment%s, Lance %s", cli_count(info.fragments, number),
             info.fragments == 1 ? "" : "s", info.data_version ? info.data_version : "?");
    put_line(t, "files", &line, c);
    put_indices(t, c, h, info.fragments);
    put_advice(t, c, &info);
    put_sources(t, c, lance);
    put_columns(t, c, schema);
    cli_put(t, "\n");
    cli_put(&line, "import lancedb");
    put_line(t, "Python", &line, c);
    put_python_open(&line, c->db, picask_table_name(table));
    put_line(t, "", &line, c);
    cli_put(&line, "INSTALL lance; LOAD lance;");
    put_line(t, "DuckDB", &line, c);
    put_sql_select(&line, info.path);
    put_line(t, "", &line, c);
}

static void put_json_preprocess(cli_text *t, const picask_table *table)
{
    json_t *json = preprocess_of(table);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    cli_put(t, ",\"preprocess\":");
    cli_put_ready_json(t, text ? text : "null", text ? strlen(text) : 4);
    free(text);
    json_decref(json);
}

static void put_json_history(cli_text *t, const history *h)
{
    cli_putf(t, ",\"versions\":%zu,\"tags\":[", h->versions);
    for (size_t i = 0; i < h->n_tags; i++) {
        cli_put(t, i ? ",{\"tag\":" : "{\"tag\":");
        cli_put_json(t, h->tags[i].name);
        cli_putf(t, ",\"version\":%llu}", (unsigned long long)h->tags[i].version);
    }
    cli_put(t, "],\"indexes\":[");
    for (size_t i = 0; i < h->n_indices; i++) {
        const lancelet_index *x = &h->indices[i];
        cli_put(t, i ? ",{\"name\":" : "{\"name\":");
        cli_put_json(t, x->name);
        cli_put(t, ",\"type\":");
        cli_put_json(t, *x->type ? x->type : NULL);
        cli_put(t, ",\"columns\":[");
        for (size_t k = 0; k < x->n_columns; k++) {
            cli_put(t, k ? "," : "");
            cli_put_json(t, x->column[k]);
        }
        cli_putf(t, "],\"segments\":%llu,\"fragments\":%llu}", (unsigned long long)x->segments,
                 (unsigned long long)x->fragments);
    }
    cli_put(t, "]");
}

static void put_json(cli_text *t, const cli *c, const picask_table *table, const struct ArrowSchema *schema,
                     const history *h)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(table), &info);
    char time[40];
    base_format_time(info.timestamp_us, time);
    cli_put(t, "{\"name\":");
    cli_put_json(t, picask_table_name(table));
    cli_put(t, ",\"path\":");
    cli_put_json(t, info.path);
    cli_putf(t, ",\"rows\":%llu,\"deleted_rows\":%llu,\"dim\":%zu,\"model\":", (unsigned long long)info.rows,
             (unsigned long long)info.deleted_rows, picask_table_dim(table));
    cli_put_json(t, picask_table_model_name(table));
    put_json_preprocess(t, table);
    cli_putf(t, ",\"version\":%llu,\"timestamp\":\"%s\",\"data_version\":", (unsigned long long)info.version,
             time);
    cli_put_json(t, info.data_version);
    cli_putf(
        t, ",\"fragments\":%llu,\"small_fragments\":%llu,\"data_files\":%llu,\"bytes\":%llu,\"indices\":%llu",
        (unsigned long long)info.fragments, (unsigned long long)info.small_fragments,
        (unsigned long long)info.data_files, (unsigned long long)info.data_bytes,
        (unsigned long long)info.indices);
    put_json_history(t, h);
    put_json_sources(t, picask_table_lance(table));
    cli_put(t, ",\"columns\":{");
    for (int64_t i = 0; i < schema->n_children; i++) {
        cli_put(t, i ? "," : "");
        cli_put_json(t, schema->children[i]->name ? schema->children[i]->name : "");
        cli_put(t, ":");
        cli_text type = {0};
        cli_put_type(&type,
                     schema->children[i]); /* may hold the name of a time zone, which is foreign text */
        char *name = type.failed ? NULL : base_buffer_to_string(&type.b);
        base_buffer_free(&type.b);
        cli_put_json(t, name);
        t->failed = t->failed || !name;
        base_free(name);
    }
    cli_text line = {0};
    cli_put(&line, "import lancedb; ");
    put_python_open(&line, c->db, picask_table_name(table));
    char *python = base_buffer_to_string(&line.b);
    cli_put(&line, "INSTALL lance; LOAD lance; ");
    put_sql_select(&line, info.path);
    char *duckdb = base_buffer_to_string(&line.b);
    cli_put(t, "},\"python\":");
    cli_put_json(t, python);
    cli_put(t, ",\"duckdb\":");
    cli_put_json(t, duckdb);
    cli_put(t, "}\n");
    t->failed = t->failed || line.failed || !python || !duckdb;
    base_free(python);
    base_free(duckdb);
}

static const cli_option options[] = {
    CLI_AT_VERSION_OPTION,
    CLI_VECTOR_COLUMN_OPTION,
    CLI_OPTIONS_END,
};

static int run_info(cli *c)
{
    picask_table *table = NULL;
    history h = {0};
    int code = cli_table_operand(c);
    if (code == 0)
        code = cli_open_table(c, &table);
    struct ArrowSchema schema = {0};
    picask_error err;
    if (code == 0 && lancelet_table_schema(picask_table_lance(table), &schema, &err) != LANCELET_OK)
        code = cli_fail_error(&err);
    if (code == 0)
        code = read_history(picask_table_lance(table), &h);
    if (code == 0) {
        cli_text t = {0};
        if (c->json)
            put_json(&t, c, table, &schema, &h);
        else
            put_text(&t, c, table, &schema, &h);
        code = cli_print(&t);
    }
    history_free(&h);
    arrow_schema_release(&schema);
    picask_table_destroy(table);
    return code;
}

const cli_command cli_table_info = {
    "info",
    NULL,
    "[NAME]",
    "what a table holds, and how Python and DuckDB open it",
    options,
    NULL,
    "  picask table info\n"
    "  picask table info holidays --json\n",
    run_info,
};
