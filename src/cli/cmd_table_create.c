/* cmd_table_create.c - `picask table create`: an empty table. */
#include "cli/cli.h"

enum { DIM = 1 };
static const cli_option options[] = {
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
    if (c->json) {
        cli_text t = {0};
        cli_put(&t, "{\"name\":");
        cli_put_json(&t, c->table);
        cli_putf(&t, ",\"dim\":%zu,\"model\":", picask_table_dim(table));
        cli_put_json(&t, model);
        cli_put(&t, "}\n");
        code = cli_print(&t);
        picask_table_destroy(table);
        return code;
    }
    cli_say(c, "made table '%s' for vectors of %zu numbers%s%s in %s", c->table, picask_table_dim(table),
            model ? " of " : "", model ? model : "", db);
    picask_table_destroy(table);
    return CLI_DONE;
}

const cli_command cli_table_create = {
    "create",
    NULL,
    "NAME",
    "an empty table, for a model's vectors or for vectors of --dim numbers",
    options,
    NULL,
    "  picask table create holidays --model mini\n"
    "  picask table create docs --dim 384\n",
    run_create,
};
