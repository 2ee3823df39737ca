/* cmd_table_drop.c - `picask table drop`: deletes a table with all its versions. */
#include "cli/cli.h"

#include <stdio.h>

enum { YES = 1 };
static const cli_option options[] = {
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

const cli_command cli_table_drop = {
    "drop",
    NULL,
    "NAME",
    "delete a table with all its versions",
    options,
    NULL,
    "  picask table drop holidays\n",
    run_drop,
};
