/* cmd_table_delete.c - `picask table delete`: rows by id, or all that meet a condition. */
#include "cli/cli.h"

#include <string.h>

#include "base/text.h"

enum { ID = 1, WHERE, IN, YES };
static const cli_option options[] = {
    {0, "id", "N", ID, "the row's id; may be repeated, or N,N,N"},
    CLI_WHERE_OPTION(WHERE),
    CLI_IN_OPTION(IN),
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

/* n: rows that would go */
static int confirm(const cli *c, const picask_table *table, uint64_t n, bool yes)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    char a[32], b[32];
    lancelet_table_get_info(picask_table_lance(table), &info);
    if (n <= info.rows / 10)
        return 0;
    return cli_confirm(yes, "this deletes %s of the %s rows of '%s'", cli_count(n, a),
                       cli_count(info.rows, b), c->table);
}

static int tell(const cli *c, picask_status status, uint64_t removed, const picask_error *err)
{
    char number[32];
    if (status != LANCELET_OK) {
        int code = cli_fail_error(err);
        return status == LANCELET_NOT_FOUND ? CLI_NOTHING : code;
    }
    if (c->json) {
        cli_text t = {0};
        cli_putf(&t, "{\"removed\":%llu}\n", (unsigned long long)removed);
        return cli_print(&t);
    }
    cli_say(c, "deleted %s row%s of '%s'; the files stay", cli_count(removed, number),
            removed == 1 ? "" : "s", c->table);
    return CLI_DONE;
}

static int delete_ids(cli *c, picask_table *table, size_t most, bool yes)
{
    picask_error err;
    uint64_t removed = 0;
    size_t n = 0;
    int64_t *ids = base_alloc_array(most, sizeof *ids);
    int code = ids ? 0 : cli_fail("out of memory");
    for (size_t i = 0; i < c->n_arguments && code == 0; i++)
        if (c->argument[i].id == ID)
            code = parse_ids(c->argument[i].value, ids, &n);
    if (code == 0)
        code = confirm(c, table, n, yes);
    if (code == 0) {
        picask_status status = picask_table_remove(table, ids, n, NULL, 0, &removed, &err);
        code = tell(c, status, removed, &err);
    }
    base_free(ids);
    return code;
}

static int delete_where(cli *c, picask_table *table, cli_filter *filter, bool yes)
{
    picask_error err;
    uint64_t n = 0, removed = 0;
    int code = cli_filter_make(filter, table);
    if (code)
        return code;
    if (lancelet_table_count(picask_table_lance(table), filter->condition, &n, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    if (n == 0 && !c->json) {
        cli_say(c, "no row of '%s' meets the condition; nothing is deleted", c->table);
        return CLI_NOTHING;
    }
    code = confirm(c, table, n, yes);
    if (code)
        return code;
    picask_status status = picask_table_delete(table, filter->condition, &removed, &err);
    code = tell(c, status, removed, &err);
    return code == 0 && removed == 0 ? CLI_NOTHING : code;
}

static int run_delete(cli *c)
{
    size_t most = 0;
    bool yes = false;
    cli_filter filter = {0};
    picask_table *table = NULL;
    for (size_t i = 0; i < c->n_arguments; i++) {
        yes = yes || c->argument[i].id == YES;
        if (c->argument[i].id == ID)
            most += strlen(c->argument[i].value) + 1;
    }
    int code = cli_filter_read(c, WHERE, IN, &filter);
    if (code == 0 && most == 0 && !cli_filter_given(&filter))
        code = cli_fail(
            "table delete needs the ids or a condition: --id 12, --where \"width < 100\" or --in DIR");
    if (code == 0 && most > 0 && cli_filter_given(&filter))
        code = cli_fail(
            "--id excludes --where and --in; a condition can name ids too: --where \"id in (1, 2)\"");
    if (code == 0)
        code = cli_table_operand(c);
    if (code == 0)
        code = cli_open_table(c, &table);
    if (code == 0)
        code = most > 0 ? delete_ids(c, table, most, yes) : delete_where(c, table, &filter, yes);
    picask_table_destroy(table);
    cli_filter_free(&filter);
    return code;
}

const cli_command cli_table_delete = {
    "delete",
    NULL,
    "[NAME]",
    "delete rows by id, by a condition or below a folder; the files stay",
    options,
    NULL,
    "  picask table delete --id 12 --id 13\n"
    "  picask table delete holidays --id 1,2,3\n"
    "  picask table delete --where \"width < 200 and text is null\"\n"
    "  picask table delete --in ~/Pictures/screenshots\n",
    run_delete,
};
