/* cmd_table_relocate.c - `picask table relocate OLD NEW`: pictures were moved as a whole. */
#include "cli/cli.h"

#include "gallery/gallery.h"

enum { DRY_RUN = 1 };
static const cli_option options[] = {
    {0, "dry-run", NULL, DRY_RUN, "count the rows, change nothing"},
    CLI_OPTIONS_END,
};

static int tell(const cli *c, uint64_t rows, const char *from, const char *to, bool dry_run)
{
    char number[32];
    if (c->json) {
        cli_text t = {0};
        cli_putf(&t, "{\"relocated\":%llu,\"dry_run\":%s}\n", (unsigned long long)rows,
                 dry_run ? "true" : "false");
        return cli_print(&t);
    }
    cli_say(c, "%s %s row%s of '%s' from %s to %s", dry_run ? "would relocate" : "relocated",
            cli_count(rows, number), rows == 1 ? "" : "s", c->table, from, to);
    return CLI_DONE;
}

static int relocate(cli *c, const char *from, const char *to, bool dry_run)
{
    picask_table *table = NULL;
    picask_error err;
    uint64_t rows = 0;
    int code = cli_open_table(c, &table);
    if (code)
        return code;
    picask_status status = gallery_relocate(table, from, to, dry_run, &rows, &err);
    if (status == LANCELET_OK) {
        char *shown_from = base_path_absolute(from), *shown_to = base_path_absolute(to);
        code = tell(c, rows, shown_from ? shown_from : from, shown_to ? shown_to : to, dry_run);
        base_free(shown_from);
        base_free(shown_to);
    } else {
        code = cli_fail_error(&err);
    }
    picask_table_destroy(table);
    return code;
}

static int run_relocate(cli *c)
{
    size_t n = 0;
    bool dry_run = false;
    const char **operands = cli_operands(c, &n);
    if (!operands)
        return CLI_ERROR;
    for (size_t i = 0; i < c->n_arguments; i++)
        dry_run = dry_run || c->argument[i].id == DRY_RUN;
    int code = n == 2 || n == 3
                   ? cli_table_named(c, n == 3 ? operands[2] : NULL)
                   : cli_fail("table relocate takes the old and the new place: picask table relocate "
                              "~/Pictures /mnt/disk/Pictures");
    if (code == 0)
        code = relocate(c, operands[0], operands[1], dry_run);
    base_free(operands);
    return code;
}

const cli_command cli_table_relocate = {
    "relocate",
    NULL,
    "OLD NEW [NAME]",
    "after pictures were moved as a whole: new paths for their rows",
    options,
    NULL,
    "OLD and NEW are folders, or files. Every row whose file was OLD or lay below it, and\n"
    "every remembered source there, has NEW in its place afterwards; ids, vectors and\n"
    "captions stay. The pictures must be at NEW already. (Renames within a source are found\n"
    "by picask index.)\n"
    "\n"
    "  mv ~/Pictures /mnt/disk/Pictures\n"
    "  picask table relocate ~/Pictures /mnt/disk/Pictures\n"
    "  picask table relocate ~/gta /data/gta gta_data --dry-run\n",
    run_relocate,
};
