/* condition.c - `--where SQL`, `--in DIR` and `--columns A,B`: which rows and columns of a table a command is about. --where and
 * --in together are one condition in lancelet's language; --where is looked at by itself first, so that the position in a
 * sentence about it is the user's. */
#include "cli/cli.h"

#include <string.h>

#include "arrow/arrow.h"

int cli_filter_read(const cli *c, int where_id, int in_id, cli_filter *f)
{
    f->in = base_alloc_array(c->n_arguments + 1, sizeof *f->in);
    if (!f->in)
        return cli_fail("out of memory");
    for (size_t i = 0; i < c->n_arguments; i++) {
        const char *value = c->argument[i].value;
        if (c->argument[i].id == where_id && f->where)
            return cli_fail("--where is given twice; one condition takes 'and' and 'or' between its parts");
        if (c->argument[i].id == where_id && value[strspn(value, " \t\r\n")] == '\0')
            return cli_fail("--where is empty; for example: --where \"width > 1000\"");
        if (c->argument[i].id == where_id)
            f->where = value;
        else if (c->argument[i].id == in_id)
            f->in[f->n_in++] = value;
    }
    return 0;
}

/* Compiles the condition; no row is looked at. */
static int check_where(const picask_table *table, const char *where)
{
    static const char *const none[1] = {NULL};
    struct ArrowArrayStream rows = {0};
    struct ArrowArray batch = {0};
    lancelet_scan_options scan = LANCELET_SCAN_OPTIONS_INIT;
    picask_error err;
    scan.columns = none;
    scan.with_row_address = true;
    scan.limit = 0;
    scan.condition = where;
    lancelet_status status = lancelet_table_scan(picask_table_lance(table), &scan, &rows, &err);
    if (status == LANCELET_OK)
        status = arrow_stream_next(&rows, &batch, &err);
    arrow_array_release(&batch);
    arrow_stream_release(&rows);
    return status == LANCELET_OK ? 0 : cli_fail("--where: %s", err.text);
}

int cli_filter_make(cli_filter *f, const picask_table *table)
{
    if (!cli_filter_given(f))
        return 0;
    int code = f->where ? check_where(table, f->where) : 0;
    cli_text t = {0};
    if (f->where) /* a newline ends a comment that the condition may end with */
        cli_putf(&t, f->n_in ? "(%s\n)" : "%s", f->where);
    for (size_t i = 0; i < f->n_in && code == 0; i++) {
        char *in = NULL;
        picask_error err;
        if (picask_condition_in(table, f->in[i], &in, &err) != LANCELET_OK)
            code = cli_fail("--in: %s", err.text);
        cli_put(&t, i ? " or " : f->where ? " and (" : "(");
        cli_put(&t, in ? in : "");
        picask_free(in);
    }
    cli_put(&t, f->n_in ? ")" : "");
    f->condition = t.failed ? NULL : base_buffer_to_string(&t.b);
    base_buffer_free(&t.b);
    return code ? code : f->condition ? 0 : cli_fail("out of memory");
}

void cli_filter_free(cli_filter *f)
{
    base_free(f->in);
    base_free(f->condition);
}

/* ---- columns ---- */

int cli_columns_read(cli_columns *columns, const char *value)
{
    size_t n = 1;
    for (const char *p = value; *p; p++)
        n += *p == ',';
    cli_columns_free(columns);
    columns->list = base_strdup(value);
    columns->name = base_alloc_array(n, sizeof *columns->name);
    if (!columns->list || !columns->name)
        return cli_fail("out of memory");
    for (char *p = columns->list; p;) {
        char *comma = strchr(p, ',');
        if (comma)
            *comma++ = '\0';
        if (!*p)
            return cli_fail("--columns takes names with commas between them: --columns width,height");
        columns->name[columns->n++] = p;
        p = comma;
    }
    return 0;
}

void cli_columns_free(cli_columns *columns)
{
    base_free(columns->list);
    base_free(columns->name);
    *columns = (cli_columns){0};
}
