/* cmd_table_update.c - `picask table update`: sets columns in the rows that meet a condition. A value is an expression in
 * lancelet's language of conditions; each is looked at by itself before any row is changed, so that a wrong one is named. */
#include "cli/cli.h"

#include <string.h>

#include "arrow/arrow.h"
#include "gallery/gallery.h"

enum { SET = 1, WHERE, IN };
static const cli_option options[] = {
    {0, "set", "COL=VALUE", SET,
     "the column and its new value; may be repeated: --set width=3 --set \"text='a dog'\""},
    CLI_WHERE_OPTION(WHERE),
    CLI_IN_OPTION(IN),
    CLI_OPTIONS_END,
};

typedef struct assignments {
    lancelet_assignment *set; /* [n] */
    char **column;            /* [n] owned names */
    size_t n;
} assignments;

static void assignments_free(assignments *a)
{
    for (size_t i = 0; i < a->n; i++)
        base_free(a->column[i]);
    base_free(a->column);
    base_free(a->set);
}

static int read_assignments(const cli *c, assignments *a)
{
    a->set = base_calloc(c->n_arguments + 1, sizeof *a->set);
    a->column = base_calloc(c->n_arguments + 1, sizeof *a->column);
    if (!a->set || !a->column)
        return cli_fail("out of memory");
    for (size_t i = 0; i < c->n_arguments; i++) {
        const char *value = c->argument[i].value,
                   *equals = c->argument[i].id == SET ? strchr(value, '=') : NULL;
        if (c->argument[i].id != SET)
            continue;
        if (!equals || equals == value || !equals[1])
            return cli_fail("--set takes a column and its value with = between them: --set width=3, not '%s'",
                            value);
        char *column = base_strndup(value, (size_t)(equals - value));
        if (!column)
            return cli_fail("out of memory");
        a->column[a->n] = column;
        a->set[a->n++] = (lancelet_assignment){column, equals + 1};
    }
    return a->n ? 0 : cli_fail("table update needs a column and its value: --set \"text='a dog'\"");
}

/* A value that is likely to be meant otherwise than it reads: words without quotes for text, 2026-03-01 for a time, which is
 * a subtraction. 0, or 2 after a sentence with the form that is meant. */
static int check_form(const struct ArrowSchema *column, const lancelet_assignment *set, bool refused)
{
    const struct ArrowSchema *values = column->dictionary ? column->dictionary : column;
    const char *e = set->expression;
    bool time = strncmp(values->format, "ts", 2) == 0, date = strncmp(values->format, "td", 2) == 0;
    if (refused && gallery_is_text(values) && !strpbrk(e, "'\"("))
        return cli_fail("--set %s=%s: text stands in quotes: --set \"%s='%s'\"", set->column, e, set->column,
                        e);
    if ((time || date) && strchr(e, '-') && e[strspn(e, "0123456789-:T ")] == '\0')
        return cli_fail("--set %s=%s: a %s stands in quotes: --set \"%s=%s '%s'\"", set->column, e,
                        time ? "time" : "date", set->column, time ? "timestamp" : "date", e);
    return 0;
}

/* Would each assignment be taken? No row meets the condition. */
static int check(const picask_table *table, const assignments *a)
{
    struct ArrowSchema schema = {0};
    picask_error err;
    int code = 0;
    if (lancelet_table_schema(picask_table_lance(table), &schema, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    for (size_t i = 0; i < a->n && code == 0; i++) {
        int64_t at = arrow_schema_find(&schema, a->column[i]);
        lancelet_table *same = NULL;
        if (at < 0) {
            (void)gallery_fail_no_column(table, a->column[i], &err);
            code = cli_fail("--set: %s", err.text);
        } else {
            code = check_form(schema.children[at], &a->set[i], false);
        }
        if (code == 0 && lancelet_table_update(picask_table_lance(table), &a->set[i], 1, "false", NULL, NULL,
                                               &same, &err) != LANCELET_OK) {
            code = check_form(schema.children[at], &a->set[i], err.status == LANCELET_INVALID);
            code = code ? code : cli_fail("--set: %s", err.text);
        }
        lancelet_table_destroy(same);
    }
    arrow_schema_release(&schema);
    return code;
}

static int update(cli *c, picask_table *table, const assignments *a, const cli_filter *filter)
{
    picask_error err;
    uint64_t updated = 0;
    char number[32];
    if (gallery_check_written(table, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    int code = check(table, a);
    if (code)
        return code;
    if (picask_table_update(table, a->set, a->n, filter->condition, &updated, &err) != LANCELET_OK)
        return err.status == LANCELET_INVALID ? cli_fail("--set: %s", err.text) : cli_fail_error(&err);
    if (c->json) {
        cli_text t = {0};
        cli_putf(&t, "{\"updated\":%llu}\n", (unsigned long long)updated);
        code = cli_print(&t);
    } else if (updated == 0) {
        cli_say(c, "no row of '%s' meets the condition; nothing is changed", c->table);
    } else {
        cli_say(c, "updated %s row%s of '%s'", cli_count(updated, number), updated == 1 ? "" : "s", c->table);
    }
    return code == 0 && updated == 0 ? CLI_NOTHING : code;
}

static int run_update(cli *c)
{
    assignments a = {0};
    cli_filter filter = {0};
    picask_table *table = NULL;
    int code = read_assignments(c, &a);
    if (code == 0)
        code = cli_filter_read(c, WHERE, IN, &filter);
    if (code == 0 && !cli_filter_given(&filter))
        code = cli_fail("table update needs --where or --in; for all rows: --where true");
    if (code == 0)
        code = cli_table_operand(c);
    if (code == 0)
        code = cli_open_table(c, &table);
    if (code == 0)
        code = cli_filter_make(&filter, table);
    if (code == 0)
        code = update(c, table, &a, &filter);
    picask_table_destroy(table);
    cli_filter_free(&filter);
    assignments_free(&a);
    return code;
}

const cli_command cli_table_update = {
    "update",
    NULL,
    "[NAME]",
    "set columns in the rows that meet a condition",
    options,
    NULL,
    "  picask table update --set \"text='a dog on a beach'\" --where \"id = 12\"\n"
    "  picask table update --set camera=null --in ~/Pictures/scans\n"
    "  picask table update --set \"text=lower(text)\" --where true\n"
    "\n"
    "A value is written as in a condition: numbers as they are, text in single quotes,\n"
    "null, true, date '2026-03-01', or an expression of the row's old values. It is cast to the\n"
    "column's type as LanceDB does: 3.5 becomes 3 in a column of whole numbers.\n",
    run_update,
};
