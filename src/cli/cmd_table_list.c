/* cmd_table_list.c - `picask table list`: the tables of the database. */
#include "cli/cli.h"

#include <string.h>

typedef struct listed {
    char *name; /* cleaned */
    char rows[32], dim[32], size[32];
    char *model; /* or why the table cannot be read */
    bool readable;
} listed;

static void put_listed_json(cli_text *t, const char *name, const picask_table *table)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(table), &info);
    cli_put(t, "{\"name\":");
    cli_put_json(t, name);
    cli_putf(t, ",\"rows\":%llu,\"dim\":%zu,\"model\":", (unsigned long long)info.rows,
             picask_table_dim(table));
    cli_put_json(t, picask_table_model_name(table));
    cli_putf(t, ",\"version\":%llu,\"bytes\":%llu}\n", (unsigned long long)info.version,
             (unsigned long long)info.data_bytes);
}

static void put_listed_tsv(cli_text *t, const char *name, const picask_table *table)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(table), &info);
    const char *model = picask_table_model_name(table);
    cli_put_field(t, name);
    cli_putf(t, "\t%llu\t%zu\t", (unsigned long long)info.rows, picask_table_dim(table));
    cli_put_field(t, model ? model : "");
    cli_putf(t, "\t%llu\n", (unsigned long long)info.data_bytes);
}

static bool describe(listed *l, const char *name, const picask_table *table, const picask_error *err)
{
    l->name = view_clean(name, strlen(name));
    l->readable = table != NULL;
    if (!table) {
        l->model = cli_shown_sentence(err->text);
        return l->name && l->model;
    }
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(table), &info);
    const char *model = picask_table_model_name(table);
    cli_count(info.rows, l->rows);
    if (picask_table_dim(table) > 0)
        cli_count(picask_table_dim(table), l->dim);
    else /* no column of vectors, or several and none of them the table's */
        strcpy(l->dim, "-");
    cli_size(info.data_bytes, l->size);
    l->model = view_clean(model ? model : "-", model ? strlen(model) : 1);
    return l->name && l->model;
}

static void put_aligned(cli_text *t, const cli *c, const listed *all, size_t n)
{
    size_t name = 4, rows = 4, size = 4;
    for (size_t i = 0; i < n; i++) {
        size_t width = all[i].name ? view_width(all[i].name) : 0;
        name = width > name ? width : name;
        rows = strlen(all[i].rows) > rows ? strlen(all[i].rows) : rows;
        size = strlen(all[i].size) > size ? strlen(all[i].size) : size;
    }
    const char *dim = c->out.styled ? "\033[2m" : "", *plain = c->out.styled ? "\033[0m" : "";
    cli_putf(t, "%stable%*s  %*s  numbers  %*s  model%s\n", dim, (int)(name > 5 ? name - 5 : 0), "",
             (int)rows, "rows", (int)size, "size", plain);
    name = name > 5 ? name : 5;
    for (size_t i = 0; i < n; i++) {
        const char *shown = all[i].name ? all[i].name : "";
        cli_putf(t, "%s%*s  ", shown, (int)(name - view_width(shown)), "");
        if (all[i].readable)
            cli_putf(t, "%*s  %7s  %*s  %s\n", (int)rows, all[i].rows, all[i].dim, (int)size, all[i].size,
                     all[i].model);
        else
            cli_putf(t, "%s\n", all[i].model ? all[i].model : "");
    }
}

static int run_list(cli *c)
{
    char **names = NULL;
    size_t n = 0;
    picask_error err;
    if (c->n_arguments > 0)
        return cli_fail("table list takes no name; of one table: picask table info %s", c->argument[0].value);
    const char *db = cli_db(c);
    if (!db)
        return CLI_ERROR;
    if (picask_tables(db, &names, &n, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    if (n == 0) {
        cli_say(c, "no tables in %s; make one: picask index ~/Pictures", db);
        picask_names_free(names, n);
        return CLI_NOTHING;
    }
    listed *all = base_calloc(n, sizeof *all);
    cli_text t = {.failed = !all};
    int code = 0;
    for (size_t i = 0; all && i < n; i++) {
        picask_table *table = NULL;
        if (picask_table_open(db, names[i], NULL, &table, &err) != LANCELET_OK &&
            (c->json || !c->out.is_terminal)) {
            cli_fail("%s: %s", names[i], err.text);
            code = CLI_ERROR;
        } else if (c->json) {
            put_listed_json(&t, names[i], table);
        } else if (!c->out.is_terminal) {
            put_listed_tsv(&t, names[i], table);
        } else if (!describe(&all[i], names[i], table, &err)) {
            t.failed = true;
        }
        picask_table_destroy(table);
    }
    if (c->out.is_terminal && !c->json && all)
        put_aligned(&t, c, all, n);
    for (size_t i = 0; all && i < n; i++) {
        base_free(all[i].name);
        base_free(all[i].model);
    }
    base_free(all);
    picask_names_free(names, n);
    int printed = cli_print(&t);
    return printed ? printed : code;
}

const cli_command cli_table_list = {
    "list", NULL, "", "tables of the database", NULL, NULL, "  picask table list\n", run_list,
};
