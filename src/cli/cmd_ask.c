/* cmd_ask.c - `picask ask`: what the captions of the nearest pictures say, with the picture. No language model is asked:
 * the answer is the captions as they stand in the table. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

enum { LIMIT = 1, WHERE, IN, SHOW, NO_SHOW };

static const cli_option options[] = {
    {'n', "limit", "N", LIMIT, "captions of the N nearest pictures (3)"},
    CLI_WHERE_OPTION(WHERE),
    CLI_IN_OPTION(IN),
    CLI_AT_VERSION_OPTION,
    CLI_VECTOR_COLUMN_OPTION,
    {0, "show", "[N]", SHOW, "draw the first N pictures (1), also where the output is no terminal"},
    {0, "no-show", NULL, NO_SHOW, "no picture"},
    CLI_OPTIONS_END,
};

/* "a dog on a beach [12]" a line; a picture without caption says so. */
static void put_answer(cli_text *t, const picask_results *results, const char *end)
{
    size_t n = picask_results_count(results);
    for (size_t i = 0; i < n; i++) {
        const picask_row *row = picask_results_row(results, i);
        char *caption = row->text && *row->text ? view_clean(row->text, strcspn(row->text, "\n"))
                                                : base_strdup("a picture without a caption");
        if (!caption)
            t->failed = true;
        cli_putf(t, "%s [%lld]%s", caption ? caption : "", (long long)row->id, i + 1 < n ? end : "");
        base_free(caption);
    }
}

static int print_json(const picask_table *table, const picask_results *results)
{
    cli_text answer = {0}, t = {0};
    put_answer(&answer, results, "\n");
    char *text = answer.failed ? NULL : base_buffer_to_string(&answer.b);
    base_buffer_free(&answer.b);
    t.failed = !text;
    cli_put(&t, "{\"answer\":");
    cli_put_json(&t, text);
    cli_put(&t, ",\"citations\":[");
    for (size_t i = 0; i < picask_results_count(results); i++)
        cli_putf(&t, "%s%lld", i ? "," : "", (long long)picask_results_row(results, i)->id);
    cli_put(&t, "],\"results\":[");
    for (size_t i = 0; i < picask_results_count(results); i++) {
        cli_put(&t, i ? "," : "");
        cli_put_row_json(&t, i + 1, picask_results_row(results, i), table, "cosine");
    }
    cli_put(&t, "]}\n");
    base_free(text);
    return cli_print(&t);
}

/* The captions, then the pictures under them. */
static int print_answer(cli *c, picask_table *table, const picask_results *results, const cli_show *show)
{
    cli_text t = {0};
    size_t n = picask_results_count(results), pictures = cli_show_count(c, show, 1);
    if (c->out.is_terminal)
        cli_putf(&t, "The caption%s nearest to the question:\n", n == 1 ? "" : "s");
    put_answer(&t, results, "\n");
    cli_put(&t, "\n");
    if (pictures > n)
        pictures = n;
    cli_sheet sheet;
    cli_sheet_plan(c, pictures ? pictures : 1, n + 1, &sheet);
    view_lines *cells = base_calloc(pictures + 1, sizeof *cells),
               *labels = base_calloc(pictures + 1, sizeof *labels);
    size_t drawn = 0;
    for (size_t i = 0; cells && i < pictures; i++) {
        picask_error err;
        if (cli_draw_row(table, picask_results_row(results, i), sheet.columns, sheet.rows, c->out.colours,
                         &cells[drawn], &err) == LANCELET_OK) {
            drawn++;
        } else {
            view_lines_free(&cells[drawn]);
            cli_fail_picture(picask_results_row(results, i), &err);
        }
    }
    t.failed = t.failed || !cells || !labels;
    if (!t.failed)
        cli_put_sheet(&t, cells, labels, drawn, &sheet);
    cli_free_cells(cells, pictures);
    cli_free_cells(labels, pictures);
    int code = cli_print(&t);
    if (code == 0)
        cli_footer(c, table, "cosine", "captions alone, no language model");
    return code;
}

static int answer(cli *c, picask_table *table, const char *question, const picask_search_options *search,
                  const cli_show *show)
{
    picask_results *results = NULL;
    picask_error err;
    if (picask_search_text(table, question, search, &results, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    int code;
    if (picask_results_count(results) == 0) {
        cli_say(c, "nothing found in '%s'", c->table);
        code = CLI_NOTHING;
    } else {
        code = c->json ? print_json(table, results) : print_answer(c, table, results, show);
    }
    picask_results_destroy(results);
    return code;
}

/* A question a line until the end of the input; a terminal is prompted. */
static int answer_lines(cli *c, picask_table *table, const picask_search_options *search, const cli_show *show)
{
    char *line = NULL;
    size_t capacity = 0;
    bool prompt = isatty(STDIN_FILENO) && c->message.is_terminal;
    int code = CLI_NOTHING;
    bool asked = false;
    for (;;) {
        if (prompt)
            fputs("question> ", stderr);
        ssize_t length = getline(&line, &capacity, stdin);
        if (length <= 0)
            break;
        line[strcspn(line, "\r\n")] = '\0';
        if (!*line)
            continue;
        asked = true;
        c->start_us = base_monotonic_us();
        int one = answer(c, table, line, search, show);
        if (one != CLI_NOTHING)
            code = one;
        if (one == CLI_ERROR)
            break;
    }
    if (prompt)
        fputs("\n", stderr);
    free(line);
    if (!asked && !prompt)
        return cli_fail("ask needs a question: picask ask what is on the table");
    return code;
}

static int run_ask(cli *c)
{
    int64_t n = 3;
    cli_show show = {0};
    cli_text question = {0};
    cli_filter filter = {0};
    picask_search_options search = PICASK_SEARCH_OPTIONS_INIT;
    int code = cli_filter_read(c, WHERE, IN, &filter);
    for (size_t i = 0; i < c->n_arguments && code == 0; i++) {
        const char *value = c->argument[i].value;
        switch (c->argument[i].id) {
        case 0:
            cli_put(&question, question.b.size ? " " : "");
            cli_put(&question, value);
            break;
        case LIMIT:
            code = cli_number("--limit", value, 1, 1000, &n);
            break;
        case SHOW:
            code = cli_show_option(&show, true, value);
            break;
        case NO_SHOW:
            code = cli_show_option(&show, false, NULL);
            break;
        default:
            break;
        }
    }
    picask_table *table = NULL;
    if (code == 0 && question.failed)
        code = cli_fail("out of memory");
    bool given = question.b.size > 0;
    char *text = base_buffer_to_string(&question.b);
    if (code == 0)
        code = cli_open_table(c, &table);
    if (code == 0)
        code = cli_filter_make(&filter, table);
    search.limit = (size_t)n;
    search.condition = filter.condition;
    if (code == 0)
        code = given && text ? answer(c, table, text, &search, &show) : answer_lines(c, table, &search, &show);
    cli_filter_free(&filter);
    base_free(text);
    picask_table_destroy(table);
    return code;
}

const cli_command cli_ask = {
    "ask",
    NULL,
    "[QUESTION]",
    "the best captions for a question, with the picture",
    options,
    NULL,
    "  picask ask where is the stop sign\n"
    "  picask ask what did we eat --in ~/Pictures/2024\n"
    "  picask ask                       questions from standard input, one a line\n"
    "\n"
    "The answer is made of the captions of the nearest pictures as they stand in the table, with their "
    "ids.\n",
    run_ask,
};
