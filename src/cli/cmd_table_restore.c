/* cmd_table_restore.c - `picask table restore`: an older version becomes the newest, or, where the newest is broken, the last
 * whole one does. */
#include "cli/cli.h"

#include <string.h>

enum { LAST_GOOD = 1 };
static const cli_option options[] = {
    {0, "last-good", NULL, LAST_GOOD, "the newest whole version, of a table whose newest one is broken"},
    CLI_OPTIONS_END,
};

static int tell(const cli *c, uint64_t restored, const lancelet_table *lance)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    char rows[32];
    lancelet_table_get_info(lance, &info);
    if (c->json) {
        cli_text t = {0};
        cli_put(&t, "{\"restored\":");
        if (restored)
            cli_putf(&t, "%llu", (unsigned long long)restored);
        else
            cli_put(&t, "null");
        cli_putf(&t, ",\"version\":%llu,\"rows\":%llu}\n", (unsigned long long)info.version,
                 (unsigned long long)info.rows);
        return cli_print(&t);
    }
    if (restored)
        cli_say(c, "'%s' is as in version %llu again: %s row%s, now version %llu", c->table,
                (unsigned long long)restored, cli_count(info.rows, rows), info.rows == 1 ? "" : "s",
                (unsigned long long)info.version);
    else
        cli_say(c, "'%s' has its last whole version back: %s row%s, now version %llu", c->table,
                cli_count(info.rows, rows), info.rows == 1 ? "" : "s", (unsigned long long)info.version);
    return CLI_DONE;
}

static int restore_last_good(cli *c)
{
    picask_table *table = NULL;
    picask_error err;
    const char *db = cli_db(c);
    if (!db)
        return CLI_ERROR;
    picask_status status = picask_table_restore_last_good(db, c->table, NULL, &err);
    if (status != LANCELET_OK && status != LANCELET_CONFLICT)
        return cli_fail_error(&err);
    /* CONFLICT is said of an index run too, whose lock is held */
    if (status == LANCELET_CONFLICT && picask_table_open(db, c->table, NULL, &table, NULL) != LANCELET_OK)
        return cli_fail_error(&err);
    int code = 0;
    if (status == LANCELET_CONFLICT)
        cli_say(c, "the newest version of '%s' is whole; nothing to do", c->table);
    if (!table)
        code = cli_open_table(c, &table);
    if (code == 0 && (status == LANCELET_OK || c->json))
        code = tell(c, 0, picask_table_lance(table));
    picask_table_destroy(table);
    return code;
}

static int restore_version(cli *c, const char *which)
{
    lancelet_table_info old = LANCELET_TABLE_INFO_INIT, now = LANCELET_TABLE_INFO_INIT;
    picask_table *table = NULL;
    picask_error err;
    c->at_version = which; /* a tag, or whether the version is there */
    int code = cli_open_table(c, &table);
    if (code)
        return code;
    lancelet_table_get_info(picask_table_lance(table), &old);
    picask_table_destroy(table);
    table = NULL;
    c->at_version = NULL;
    code = cli_open_table(c, &table);
    if (code)
        return code;
    lancelet_table_get_info(picask_table_lance(table), &now);
    bool newest = now.version == old.version;
    if (newest)
        cli_say(c, "version %llu of '%s' is the newest; nothing to do", (unsigned long long)old.version,
                c->table);
    else if (picask_table_restore(table, old.version, &err) != LANCELET_OK)
        code = cli_fail_error(&err);
    if (code == 0 && (!newest || c->json))
        code = tell(c, old.version, picask_table_lance(table));
    picask_table_destroy(table);
    return code;
}

static int run_restore(cli *c)
{
    char option[256];
    size_t n = 0;
    bool last_good = false;
    const char **operands = cli_operands(c, &n);
    if (!operands)
        return CLI_ERROR;
    for (size_t i = 0; i < c->n_arguments; i++)
        last_good = last_good || c->argument[i].id == LAST_GOOD;
    const char *which = !last_good && n > 0 ? operands[0] : NULL;
    const char *name = n > (last_good ? 0u : 1u) ? operands[last_good ? 0 : 1] : NULL;
    base_free(operands);
    if (n > (last_good ? 1u : 2u))
        return cli_fail(last_good ? "--last-good takes the table's name alone, no version"
                                  : "table restore takes a version and the table's name");
    if (!which && !last_good)
        return cli_fail("table restore needs a version or a tag: picask table restore 12; those there: "
                        "picask table versions%s",
                        cli_table_option(c, option));
    int code = cli_table_named(c, name);
    if (code)
        return code;
    return last_good ? restore_last_good(c) : restore_version(c, which);
}

const cli_command cli_table_restore = {
    "restore",
    NULL,
    "N|TAG|--last-good [NAME]",
    "make an older version the newest again",
    options,
    NULL,
    "  picask table restore 12\n"
    "  picask table restore before-cleanup holidays\n"
    "  picask table restore --last-good         after a power cut or a full disk\n"
    "\n"
    "Nothing is lost: the versions in between stay until they are cleaned up.\n",
    run_restore,
};
