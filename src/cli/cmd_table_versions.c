/* cmd_table_versions.c - `picask table versions`: all versions that are there, the newest first, also of a table whose newest
 * one is broken. */
#include "cli/cli.h"

#include <string.h>

#include "base/text.h"

/* On a terminal unless -n says otherwise: more than a screen of them is no help, and each is a manifest to read. */
#define SCREEN 50

enum { LIMIT = 1 };
static const cli_option options[] = {
    {'n', "limit", "N", LIMIT, "only the newest N; on a terminal 50, else all"},
    CLI_OPTIONS_END,
};

/* "best, v1": the tags of a version; owned. */
static char *tags_of(const lancelet_tag *tags, size_t n, uint64_t version)
{
    cli_text t = {0};
    for (size_t i = 0; i < n; i++)
        if (tags[i].version == version)
            cli_putf(&t, "%s%s", t.b.size ? ", " : "", tags[i].name);
    char *out = t.failed ? NULL : base_buffer_to_string(&t.b);
    base_buffer_free(&t.b);
    return out;
}

static void put_json(cli_text *t, const lancelet_version *v, const lancelet_tag *tags, size_t n_tags)
{
    char time[40];
    cli_putf(t, "{\"version\":%llu,\"timestamp\":", (unsigned long long)v->version);
    if (v->timestamp_us) {
        base_format_time(v->timestamp_us, time);
        cli_putf(t, "\"%s\"", time);
    } else {
        cli_put(t, "null");
    }
    if (v->problem)
        cli_put(t, ",\"rows\":null,\"fragments\":null");
    else
        cli_putf(t, ",\"rows\":%llu,\"fragments\":%llu", (unsigned long long)v->rows,
                 (unsigned long long)v->fragments);
    cli_put(t, ",\"operation\":");
    cli_put_json(t, *v->operation ? v->operation : NULL);
    cli_put(t, ",\"tags\":[");
    bool first = true;
    for (size_t i = 0; i < n_tags; i++)
        if (tags[i].version == v->version) {
            cli_put(t, first ? "" : ",");
            cli_put_json(t, tags[i].name);
            first = false;
        }
    cli_put(t, "],\"problem\":");
    cli_put_json(t, v->problem);
    cli_put(t, "}\n");
}

/* version, time, rows, fragments, operation, tags, problem */
static void put_tsv(cli_text *t, const lancelet_version *v, const char *tags)
{
    char time[40] = "";
    if (v->timestamp_us)
        base_format_time(v->timestamp_us, time);
    cli_putf(t, "%llu\t%s\t", (unsigned long long)v->version, time);
    if (!v->problem)
        cli_putf(t, "%llu\t%llu\t", (unsigned long long)v->rows, (unsigned long long)v->fragments);
    else
        cli_put(t, "\t\t");
    cli_put_field(t, v->operation);
    cli_put(t, "\t");
    cli_put_field(t, tags);
    cli_put(t, "\t");
    cli_put_field(t, v->problem);
    cli_put(t, "\n");
}

/* Widths of the columns in front of the operation. */
typedef struct layout {
    int version, rows, operation;
} layout;

static layout lay_out(const lancelet_version *versions, size_t n)
{
    layout l = {7, 4, 9};
    char number[32];
    for (size_t i = 0; i < n; i++) {
        int version = (int)strlen(cli_count(versions[i].version, number));
        int rows = (int)strlen(cli_count(versions[i].rows, number)),
            operation = (int)view_width(versions[i].operation);
        l.version = version > l.version ? version : l.version;
        l.rows = rows > l.rows ? rows : l.rows;
        l.operation = operation > l.operation ? operation : l.operation;
    }
    return l;
}

/* One cleaned line, cut to the terminal; a sentence is not cut. */
static void put_line(cli_text *t, const cli *c, const char *raw, const char *style, bool sentence)
{
    char *clean = raw ? view_clean(raw, strlen(raw)) : NULL;
    char *cut = clean ? view_cut_end(clean, sentence ? SIZE_MAX : (size_t)c->out.columns) : NULL;
    if (cut && style && c->out.styled)
        cli_putf(t, "\033[%sm%s\033[0m\n", style, cut);
    else
        cli_putf(t, "%s\n", cut ? cut : "");
    t->failed = t->failed || !cut;
    base_free(cut);
    base_free(clean);
}

static void put_header(cli_text *t, const cli *c, const layout *l)
{
    char *line = base_format("%*s  %-19s  %*s  %-*s  tags", l->version, "version", "time (UTC)", l->rows,
                             "rows", l->operation, "operation");
    put_line(t, c, line, "2", false);
    base_free(line);
}

static void put_aligned(cli_text *t, const cli *c, const lancelet_version *v, const char *tags,
                        const layout *l)
{
    char time[40] = "-", rows[32];
    if (v->timestamp_us)
        cli_time(v->timestamp_us, time);
    char *line =
        v->problem
            ? base_format("%*llu  %-19s  broken: %s%s%s", l->version, (unsigned long long)v->version, time,
                          v->problem, *tags ? "; tags: " : "", tags)
            : base_format("%*llu  %-19s  %*s  %-*s  %s", l->version, (unsigned long long)v->version, time,
                          l->rows, cli_count(v->rows, rows), *tags ? l->operation : 0, v->operation, tags);
    size_t n = line ? strlen(line) : 0;
    while (n > 0 && line[n - 1] == ' ')
        line[--n] = '\0';
    put_line(t, c, line, NULL, v->problem != NULL);
    base_free(line);
}

static int print_versions(const cli *c, const lancelet_version *versions, size_t n,
                          const lancelet_tag *tags, size_t n_tags)
{
    cli_text t = {0};
    layout l = lay_out(versions, n);
    bool aligned = c->out.is_terminal && !c->json;
    if (aligned)
        put_header(&t, c, &l);
    for (size_t i = n; i > 0; i--) {
        const lancelet_version *v = &versions[i - 1];
        char *names = tags_of(tags, n_tags, v->version);
        t.failed = t.failed || !names;
        if (c->json)
            put_json(&t, v, tags, n_tags);
        else if (aligned)
            put_aligned(&t, c, v, names ? names : "", &l);
        else
            put_tsv(&t, v, names);
        base_free(names);
    }
    return cli_print(&t);
}

static int run_versions(cli *c)
{
    lancelet_version *versions = NULL;
    lancelet_tag *tags = NULL;
    size_t n = 0, n_tags = 0, total = 0;
    int64_t limit = c->out.is_terminal && !c->json ? SCREEN : INT64_MAX;
    char shown[32], all[32], option[256];
    char *path = NULL;
    picask_error err;
    int code = cli_table_operand(c);
    for (size_t i = 0; i < c->n_arguments && code == 0; i++)
        if (c->argument[i].id == LIMIT)
            code = cli_number("--limit", c->argument[i].value, 1, INT64_MAX, &limit);
    if (code == 0)
        code = cli_table_path(c, &path);
    if (code == 0 && (lancelet_versions(path, (size_t)limit, &versions, &n, &total, &err) != LANCELET_OK ||
                      lancelet_tags(path, &tags, &n_tags, &err) != LANCELET_OK))
        code = cli_fail_table(c, &err);
    if (code == 0)
        code = print_versions(c, versions, n, tags, n_tags);
    if (code == 0 && n > 0 && versions[n - 1].problem)
        cli_say(c,
                "the newest version of '%s' is broken; the last whole one comes back by: picask table "
                "restore --last-good%s",
                c->table, cli_table_option(c, option));
    if (code == 0 && c->out.is_terminal && !c->json && n < total)
        cli_say(c, "the newest %s of %s versions; all of them: picask table versions -n %zu%s",
                cli_count(n, shown), cli_count(total, all), total, cli_table_option(c, option));
    lancelet_free(tags);
    lancelet_free(versions);
    base_free(path);
    return code;
}

const cli_command cli_table_versions = {
    "versions",
    NULL,
    "[NAME]",
    "the versions of a table, the newest first",
    options,
    NULL,
    "  picask table versions\n"
    "  picask table versions holidays -n 5\n"
    "  picask search a dog --at-version 12      search the table as it was\n"
    "  picask table restore 12                  make it the newest again\n"
    "\n"
    "Where the output is no terminal: version, time, rows, fragments, operation, tags and\n"
    "what is broken, with tabs between them.\n",
    run_versions,
};
