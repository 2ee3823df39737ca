/* cmd_table_optimize.c - `picask table optimize`: small fragments together, deleted rows out of the files, or the whole table
 * into a newer file version. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

enum { UPGRADE = 1 };
static const cli_option options[] = {
    {0, "upgrade", "2.1|2.2", UPGRADE, "write all rows again in this Lance file version"},
    CLI_OPTIONS_END,
};

static int tell(const cli *c, const lancelet_compact_report *r, const lancelet_table_info *before,
                const lancelet_table_info *now)
{
    char a[32], b[32], rows[32];
    if (c->json) {
        cli_text t = {0};
        cli_putf(&t,
                 "{\"fragments_before\":%llu,\"fragments_after\":%llu,\"rows\":%llu,\"version\":%llu,\"data_"
                 "version\":",
                 (unsigned long long)before->fragments, (unsigned long long)now->fragments,
                 (unsigned long long)r->rows, (unsigned long long)now->version);
        cli_put_json(&t, now->data_version);
        cli_put(&t, "}\n");
        return cli_print(&t);
    }
    if (now->fragments == 0) {
        cli_say(c, "nothing to do: '%s' has no rows", c->table);
        return CLI_DONE;
    }
    if (now->version == before->version) {
        cli_say(c, "nothing to do: the %s fragment%s of '%s' %s in order", cli_count(now->fragments, a),
                now->fragments == 1 ? "" : "s", c->table, now->fragments == 1 ? "is" : "are");
        return CLI_DONE;
    }
    char left_out[64] = "";
    if (now->deleted_rows < before->deleted_rows)
        snprintf(left_out, sizeof left_out, ", %s deleted left out",
                 cli_count(before->deleted_rows - now->deleted_rows, a));
    cli_say(c, "'%s' has %s fragment%s now, %s before: %s row%s written%s; version %llu", c->table,
            cli_count(now->fragments, a), now->fragments == 1 ? "" : "s", cli_count(before->fragments, b),
            cli_count(r->rows, rows), r->rows == 1 ? "" : "s", left_out, (unsigned long long)now->version);
    if (strcmp(now->data_version, before->data_version) != 0)
        cli_say(c, "its file version is %s now, %s before", now->data_version, before->data_version);
    if (now->indices > 0)
        cli_say(c, "its indexes do not cover the written rows until LanceDB's optimize() has run");
    return CLI_DONE;
}

static int optimize(cli *c, picask_table *table, lancelet_compact_options *o)
{
    lancelet_table_info before = LANCELET_TABLE_INFO_INIT, now = LANCELET_TABLE_INFO_INIT;
    lancelet_compact_report report = {0};
    char data_version[16];
    picask_error err;
    lancelet_table_get_info(picask_table_lance(table), &before);
    snprintf(data_version, sizeof data_version, "%s", before.data_version ? before.data_version : "");
    before.data_version = data_version; /* what it points to goes with the version */
    if (o->upgrade_minor && strcmp(data_version, o->upgrade_minor == 1 ? "2.1" : "2.2") == 0) {
        cli_say(c, "'%s' has the file version %s already", c->table, data_version);
        o->upgrade_minor = 0;
    } else if (o->upgrade_minor && strcmp(data_version, o->upgrade_minor == 1 ? "2.1" : "2.2") > 0) {
        return cli_fail("'%s' has the file version %s; it is not taken back to an older one", c->table,
                        data_version);
    }
    if (picask_table_optimize(table, o, &report, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    lancelet_table_get_info(picask_table_lance(table), &now);
    return tell(c, &report, &before, &now);
}

static int run_optimize(cli *c)
{
    lancelet_compact_options o = LANCELET_COMPACT_OPTIONS_INIT;
    picask_table *table = NULL;
    int code = 0;
    for (size_t i = 0; i < c->n_arguments && code == 0; i++) {
        const char *value = c->argument[i].value;
        if (c->argument[i].id != UPGRADE)
            continue;
        o.upgrade_minor = strcmp(value, "2.1") == 0 ? 1 : strcmp(value, "2.2") == 0 ? 2 : 0;
        code = o.upgrade_minor ? 0 : cli_fail("--upgrade takes 2.1 or 2.2, not '%s'", value);
    }
    if (code == 0)
        code = cli_table_operand(c);
    if (code == 0)
        code = cli_open_table(c, &table);
    if (code == 0) {
        o.cancel = cli_cancel_flag();
        code = optimize(c, table, &o);
    }
    picask_table_destroy(table);
    return code;
}

const cli_command cli_table_optimize = {
    "optimize",
    NULL,
    "[NAME]",
    "put small fragments together and leave deleted rows out of the files",
    options,
    NULL,
    "  picask table optimize\n"
    "  picask table optimize --upgrade 2.1     a table of the file version 2.0 can be added to then\n"
    "\n"
    "The older versions keep their files until they are cleaned up: picask table cleanup.\n",
    run_optimize,
};
