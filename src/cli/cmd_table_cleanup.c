/* cmd_table_cleanup.c - `picask table cleanup`: deletes old versions and the files that no version names. */
#include "cli/cli.h"

#include <string.h>

enum { OLDER_THAN = 1, UNVERIFIED, DRY_RUN };
static const cli_option options[] = {
    {0, "older-than", "AGE", OLDER_THAN, "versions of this age and more: 30m, 12h, 7d, 2w (7d)"},
    {0, "unverified", NULL, UNVERIFIED, "also young files that no version names; breaks a writer at work"},
    {0, "dry-run", NULL, DRY_RUN, "say what would go, delete nothing"},
    CLI_OPTIONS_END,
};

static int tell(const cli *c, const lancelet_cleanup_options *o, const lancelet_cleanup_report *r)
{
    char versions[32], files[32], size[32];
    if (c->json) {
        cli_text t = {0};
        cli_putf(&t, "{\"versions\":%llu,\"files\":%llu,\"bytes\":%llu,\"dry_run\":%s}\n",
                 (unsigned long long)r->versions, (unsigned long long)r->files, (unsigned long long)r->bytes,
                 o->dry_run ? "true" : "false");
        return cli_print(&t);
    }
    if (r->versions == 0 && r->files == 0)
        cli_say(c, "nothing to delete: no version of '%s' but the newest and tagged ones is that old",
                c->table);
    else
        cli_say(c, "%s %s old version%s of '%s' and %s file%s, %s", o->dry_run ? "would delete" : "deleted",
                cli_count(r->versions, versions), r->versions == 1 ? "" : "s", c->table,
                cli_count(r->files, files), r->files == 1 ? "" : "s", cli_size(r->bytes, size));
    return CLI_DONE;
}

static int run_cleanup(cli *c)
{
    lancelet_cleanup_options o = LANCELET_CLEANUP_OPTIONS_INIT;
    lancelet_cleanup_report report = {0};
    picask_error err;
    int code = 0;
    for (size_t i = 0; i < c->n_arguments && code == 0; i++) {
        switch (c->argument[i].id) {
        case OLDER_THAN:
            code = cli_age("--older-than", c->argument[i].value, &o.older_than_us);
            break;
        case UNVERIFIED:
            o.unverified = true;
            break;
        case DRY_RUN:
            o.dry_run = true;
            break;
        default:
            break;
        }
    }
    if (code == 0)
        code = cli_table_operand(c);
    const char *db = code ? NULL : cli_db(c);
    if (!db)
        return CLI_ERROR;
    if (o.unverified && !o.dry_run)
        cli_say(c,
                "warning: --unverified deletes files that a program adding rows to '%s' right now has not "
                "committed yet, and "
                "its rows are lost",
                c->table);
    o.cancel = cli_cancel_flag();
    if (picask_table_cleanup(db, c->table, &o, &report, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    return tell(c, &o, &report);
}

const cli_command cli_table_cleanup = {
    "cleanup",
    NULL,
    "[NAME]",
    "delete old versions and the files that no version needs",
    options,
    NULL,
    "  picask table cleanup\n"
    "  picask table cleanup holidays --older-than 12h --dry-run\n"
    "\n"
    "The newest version and tagged ones always stay. A file that no version names may belong\n"
    "to rows that a program is just adding, so it goes only when it is 7 days old.\n",
    run_cleanup,
};
