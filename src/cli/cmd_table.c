/* cmd_table.c - `picask table list|create|delete|drop`. The other verbs have files of their own. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "arrow/arrow.h"
#include "base/file.h"
#include "base/text.h"

int cli_table_operand(cli *c)
{
    size_t n = 0;
    const char **operands = cli_operands(c, &n);
    int code = operands ? 0 : CLI_ERROR;
    if (code == 0 && n > 1)
        code = cli_fail("table %s takes one name, not %zu", c->command->name, n);
    if (code == 0 && n == 1) {
        if (c->table_given && strcmp(c->table, operands[0]) != 0)
            code = cli_fail("two tables are named, '%s' and '%s'; give one", c->table, operands[0]);
        c->table = operands[0];
        c->table_given = true;
    }
    base_free(operands);
    return code;
}

/* ---- list ---- */

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
    cli_count(picask_table_dim(table), l->dim);
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

static const cli_command verb_list = {
    "list", NULL, "", "tables of the database", NULL, NULL, "  picask table list\n", run_list,
};

/* ---- create ---- */

enum { DIM = 1 };
static const cli_option create_options[] = {
    {0, "dim", "N", DIM, "vectors of N numbers of no named model"},
    CLI_OPTIONS_END,
};

static int run_create(cli *c)
{
    int64_t dim = 0;
    size_t n_names = 0;
    for (size_t i = 0; i < c->n_arguments; i++) {
        n_names += c->argument[i].id == 0;
        int code = c->argument[i].id == DIM ? cli_number("--dim", c->argument[i].value, 1, 65536, &dim) : 0;
        if (code)
            return code;
    }
    if (n_names == 0)
        return cli_fail("table create needs a name: picask table create NAME --model mini");
    int code = cli_table_operand(c);
    if (code == 0 && dim > 0 && c->model_given)
        code = cli_fail("--dim and --model exclude each other; a model has its own");
    const char *db = code ? NULL : cli_db(c);
    if (!db)
        return CLI_ERROR;
    picask_table *table = NULL;
    picask_error err;
    if (picask_table_create(db, c->table, dim > 0 ? NULL : c->model, (size_t)dim, &table, &err) !=
        LANCELET_OK)
        return cli_fail_error(&err);
    const char *model = picask_table_model_name(table);
    cli_say(c, "made table '%s' for vectors of %zu numbers%s%s in %s", c->table, picask_table_dim(table),
            model ? " of " : "", model ? model : "", db);
    picask_table_destroy(table);
    return CLI_DONE;
}

static const cli_command verb_create = {
    "create",
    NULL,
    "NAME",
    "an empty table, for a model's vectors or for vectors of --dim numbers",
    create_options,
    NULL,
    "  picask table create holidays --model mini\n"
    "  picask table create docs --dim 384\n",
    run_create,
};

/* ---- delete ---- */

enum { ID = 1, YES };
static const cli_option delete_options[] = {
    {0, "id", "N", ID, "the row's id; may be repeated, or N,N,N"},
    {0, "yes", NULL, YES, "do not ask, also for more than 10 % of the rows"},
    CLI_OPTIONS_END,
};

/* Appends the ids of "1,2,3"; ids has room for all. */
static int parse_ids(const char *list, int64_t *ids, size_t *n)
{
    for (const char *p = list;; p++) {
        size_t length = strcspn(p, ",");
        if (!base_parse_i64(p, length, &ids[*n]))
            return cli_fail("--id: '%s' is no id, nor ids with commas between them", list);
        (*n)++;
        p += length;
        if (!*p)
            return 0;
    }
}

static int delete_rows(cli *c, const int64_t *ids, size_t n, bool yes)
{
    picask_table *table = NULL;
    int code = cli_open_table(c, &table);
    if (code)
        return code;
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(table), &info);
    char a[32], b[32];
    if (n > info.rows / 10)
        code = cli_confirm(yes, "this deletes %s of the %s rows of '%s'", cli_count(n, a),
                           cli_count(info.rows, b), c->table);
    if (code == 0) {
        uint64_t removed = 0;
        picask_error err;
        picask_status status = picask_table_remove(table, ids, n, NULL, 0, &removed, &err);
        if (status != LANCELET_OK) {
            code = cli_fail_error(&err);
            code = status == LANCELET_NOT_FOUND ? CLI_NOTHING : code;
        } else if (c->json) {
            cli_text t = {0};
            cli_putf(&t, "{\"removed\":%llu}\n", (unsigned long long)removed);
            code = cli_print(&t);
        } else {
            cli_say(c, "deleted %s row%s of '%s'", cli_count(removed, a), removed == 1 ? "" : "s", c->table);
        }
    }
    picask_table_destroy(table);
    return code;
}

static int run_delete(cli *c)
{
    size_t most = 0, n = 0;
    bool yes = false;
    for (size_t i = 0; i < c->n_arguments; i++) {
        yes = yes || c->argument[i].id == YES;
        if (c->argument[i].id == ID)
            most += strlen(c->argument[i].value) + 1;
    }
    if (most == 0)
        return cli_fail("table delete needs the ids: picask table delete --id 12");
    int64_t *ids = base_alloc_array(most, sizeof *ids);
    int code = ids ? cli_table_operand(c) : cli_fail("out of memory");
    for (size_t i = 0; i < c->n_arguments && code == 0; i++)
        if (c->argument[i].id == ID)
            code = parse_ids(c->argument[i].value, ids, &n);
    if (code == 0)
        code = delete_rows(c, ids, n, yes);
    base_free(ids);
    return code;
}

static const cli_command verb_delete = {
    "delete",
    NULL,
    "[NAME]",
    "delete rows by id; the files stay",
    delete_options,
    NULL,
    "  picask table delete --id 12 --id 13\n"
    "  picask table delete holidays --id 1,2,3\n",
    run_delete,
};

/* ---- drop ---- */

static const cli_option drop_options[] = {
    {0, "yes", NULL, YES, "do not ask"},
    CLI_OPTIONS_END,
};

static int run_drop(cli *c)
{
    bool yes = false;
    size_t names = 0;
    for (size_t i = 0; i < c->n_arguments; i++) {
        yes = yes || c->argument[i].id == YES;
        names += c->argument[i].id == 0;
    }
    if (names == 0)
        return cli_fail("table drop needs the table's name: picask table drop NAME");
    int code = cli_table_operand(c);
    const char *db = code ? NULL : cli_db(c);
    if (!db)
        return CLI_ERROR;
    /* A table that cannot be opened may be dropped too; one that is not there is said before anything is asked. */
    picask_table *table = NULL;
    picask_error err;
    char clause[64] = "", number[32];
    picask_status status = picask_table_open(db, c->table, NULL, &table, &err);
    if (status == LANCELET_OK) {
        lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
        lancelet_table_get_info(picask_table_lance(table), &info);
        snprintf(clause, sizeof clause, " (%s row%s)", cli_count(info.rows, number),
                 info.rows == 1 ? "" : "s");
    }
    picask_table_destroy(table);
    if (status == LANCELET_NOT_FOUND)
        return cli_fail_error(&err);
    code = cli_confirm(yes, "this deletes table '%s'%s, all versions, in %s", c->table, clause, db);
    if (code)
        return code;
    if (picask_table_drop(db, c->table, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    cli_say(c, "dropped table '%s'", c->table);
    return CLI_DONE;
}

static const cli_command verb_drop = {
    "drop",
    NULL,
    "NAME",
    "delete a table with all its versions",
    drop_options,
    NULL,
    "  picask table drop holidays\n",
    run_drop,
};

/* ---- the command ---- */

static const cli_command *const verbs[] = {
    &verb_list,         &cli_table_info,          &verb_create, &verb_delete, &verb_drop, &cli_table_export,
    &cli_table_reembed, &cli_table_set_embedding, NULL,
};

const cli_command cli_table = {
    "table",
    NULL,
    "VERB",
    "list, info, create, delete, drop, export and re-embed tables",
    NULL,
    verbs,
    "  picask table list\n"
    "  picask table info\n"
    "  picask table export --csv > pictures.csv\n"
    "  picask table reembed -m ViT-B-32\n",
    NULL,
};
