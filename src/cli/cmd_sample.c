/* cmd_sample.c - `picask sample`: random rows of the table, or random items of a source before any table exists. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "source/source.h"

enum { LIMIT = 1, SEED, WHERE, IN, SHOW, NO_SHOW };

static const cli_option options[] = {
    {'n', "limit", "N", LIMIT, "how many (2)"},
    {0, "seed", "N", SEED, "the same N draws the same rows"},
    CLI_WHERE_OPTION(WHERE),
    CLI_IN_OPTION(IN),
    CLI_AT_VERSION_OPTION,
    {0, "show", NULL, SHOW, "draw also where the output is no terminal"},
    {0, "no-show", NULL, NO_SHOW, "no pictures"},
    CLI_OPTIONS_END,
};

/* What is shown of a row or of an item; borrowed. */
typedef struct card {
    const char *label; /* "569", or NULL */
    const char *uri;   /* may be NULL */
    const char *text;  /* may be NULL */
} card;

static bool add_card_lines(view_lines *cell, const cli *c, const card *d, size_t columns)
{
    char *shown = cli_shown_path(d->uri ? d->uri : "(no path)");
    size_t label = d->label ? strlen(d->label) + 2 : 0;
    char *path = shown ? view_cut_front(shown, columns > label ? columns - label : 1) : NULL;
    char *line = path ? base_format("%s%s%s", d->label ? d->label : "", d->label ? "  " : "", path) : NULL;
    char *caption = d->text && *d->text ? cli_first_caption(d->text, columns) : base_strdup("");
    bool ok = line && caption && cli_add_line(cell, line, columns, c->out.styled ? "1" : NULL) &&
              (!*caption || cli_add_line(cell, caption, columns, NULL));
    base_free(caption);
    base_free(line);
    base_free(path);
    base_free(shown);
    return ok;
}

static int print_sheet(cli *c, const view_lines *cells, const card *cards, size_t n, const cli_sheet *sheet)
{
    cli_text t = {0};
    view_lines *labels = base_calloc(n, sizeof *labels);
    t.failed = !labels;
    for (size_t i = 0; i < n && !t.failed; i++)
        t.failed = !add_card_lines(&labels[i], c, &cards[i], (size_t)sheet->columns);
    if (!t.failed)
        cli_put_sheet(&t, cells, labels, n, sheet);
    cli_free_cells(labels, n);
    return cli_print(&t);
}

/* ---- rows of the table ---- */

static int draw_rows(cli *c, picask_table *table, const picask_results *results)
{
    size_t n = picask_results_count(results);
    view_lines *cells = base_calloc(n, sizeof *cells);
    card *cards = base_calloc(n, sizeof *cards);
    char(*labels)[24] = base_calloc(n, sizeof *labels);
    int code = cells && cards && labels ? 0 : cli_fail("out of memory");
    cli_sheet sheet;
    cli_sheet_plan(c, n, 2, &sheet);
    for (size_t i = 0; i < n && code == 0; i++) {
        const picask_row *row = picask_results_row(results, i);
        picask_error err;
        snprintf(labels[i], sizeof labels[i], "%lld", (long long)row->id);
        cards[i] = (card){labels[i], row->uri, row->text};
        if (cli_draw_row(table, row, sheet.columns, sheet.rows, c->out.colours, &cells[i], &err) !=
            LANCELET_OK) {
            view_lines_free(&cells[i]);
            cli_fail_picture(row, &err);
        }
    }
    if (code == 0)
        code = print_sheet(c, cells, cards, n, &sheet);
    cli_free_cells(cells, n);
    base_free(cards);
    base_free(labels);
    return code;
}

static int sample_table(cli *c, size_t n, uint64_t seed, cli_filter *filter, const cli_show *show)
{
    picask_table *table = NULL;
    picask_results *results = NULL;
    picask_error err;
    int code = cli_open_table(c, &table);
    if (code == 0)
        code = cli_filter_make(filter, table);
    if (code == 0 && picask_rows_sample(table, n, seed, filter->condition, &results, &err) != LANCELET_OK)
        code = cli_fail_error(&err);
    if (code == 0 && picask_results_count(results) == 0 && filter->condition) {
        cli_say(c, "no row of '%s' meets the condition", c->table);
        code = CLI_NOTHING;
    } else if (code == 0 && picask_results_count(results) == 0) {
        cli_say(c, "table '%s' is empty; add pictures: picask index ~/Pictures", c->table);
        code = CLI_NOTHING;
    } else if (code == 0 && cli_show_count(c, show, n) > 0) {
        code = draw_rows(c, table, results);
    } else if (code == 0) {
        cli_rows rows = {.table = table, .results = results, .first_rank = 1};
        code = cli_print_rows(c, &rows);
    }
    if (code == 0 && !c->json)
        cli_footer(c, table, NULL, NULL);
    picask_results_destroy(results);
    picask_table_destroy(table);
    return code;
}

/* ---- items of a source ---- */

/* splitmix64, Steele et al. 2014 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Reservoir sampling (Vitter's algorithm R): items [n] of all of the source's, each with the same chance. */
static picask_status draw_items(source *s, source_item *items, size_t n, size_t *count, uint64_t seed,
                                picask_error *err)
{
    uint64_t seen = 0, state = seed;
    for (;;) {
        source_item item;
        bool done = false;
        RETURN_IF_ERROR(source_next(s, &item, &done, err));
        if (done)
            return LANCELET_OK;
        if (item.problem) {
            source_item_free(&item);
            continue;
        }
        base_free(item.bytes); /* a thousand pictures are not held: their uris bring them */
        item.bytes = NULL;
        if (*count < n) {
            items[(*count)++] = item;
        } else {
            uint64_t at = next_random(&state) % (seen + 1);
            if (at < n) {
                source_item_free(&items[at]);
                items[at] = item;
            } else {
                source_item_free(&item);
            }
        }
        seen++;
    }
}

static int print_items(cli *c, const source_item *items, size_t n)
{
    cli_text t = {0};
    for (size_t i = 0; i < n; i++) {
        if (c->json) {
            cli_put(&t, "{\"text\":");
            cli_put_json(&t, items[i].caption);
            cli_put(&t, ",\"uri\":");
            cli_put_json(&t, items[i].uri);
            cli_putf(&t, ",\"size\":%llu}\n", (unsigned long long)items[i].size);
        } else if (c->out.is_terminal) {
            view_lines lines = {0};
            size_t width = (size_t)c->out.columns;
            card d = {NULL, items[i].uri, items[i].caption};
            t.failed |= !add_card_lines(&lines, c, &d, width) || !view_lines_join(&lines, &width, 1, 0, &t.b);
            view_lines_free(&lines);
        } else {
            cli_putf(&t, "%zu\t\t\t\t", i + 1);
            cli_put_field(&t, items[i].uri);
            cli_put(&t, "\t");
            cli_put_field(&t, items[i].caption);
            cli_put(&t, "\n");
        }
    }
    return cli_print(&t);
}

static int draw_sheet_of_items(cli *c, const source_item *items, size_t n)
{
    view_lines *cells = base_calloc(n, sizeof *cells);
    card *cards = base_calloc(n, sizeof *cards);
    int code = cells && cards ? 0 : cli_fail("out of memory");
    cli_sheet sheet;
    cli_sheet_plan(c, n, 2, &sheet);
    for (size_t i = 0; i < n && code == 0; i++) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        picask_error err;
        cards[i] = (card){NULL, items[i].uri, items[i].caption};
        picask_status status = source_read(items[i].uri, CLI_PICTURE_BYTES, &bytes, &size, &err);
        if (status == LANCELET_OK)
            status = cli_draw_bytes(bytes, size, sheet.columns, sheet.rows, c->out.colours, &cells[i], &err);
        base_free(bytes);
        if (status != LANCELET_OK) {
            view_lines_free(&cells[i]);
            cli_say(c, "no picture of %s: %s", items[i].uri, err.text);
        }
    }
    if (code == 0)
        code = print_sheet(c, cells, cards, n, &sheet);
    cli_free_cells(cells, n);
    base_free(cards);
    return code;
}

static int sample_source(cli *c, const char *spec, size_t n, uint64_t seed, const cli_show *show)
{
    source_options options_of_source = {.struct_size = sizeof options_of_source};
    source *s = NULL;
    picask_error err;
    if (source_open(spec, &options_of_source, &s, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    source_item *items = base_calloc(n, sizeof *items);
    size_t count = 0;
    int code = items ? 0 : cli_fail("out of memory");
    if (code == 0 && draw_items(s, items, n, &count, seed, &err) != LANCELET_OK)
        code = cli_fail_error(&err);
    source_close(s);
    if (code == 0 && count == 0) {
        cli_say(c, "no picture in %s", spec);
        code = CLI_NOTHING;
    } else if (code == 0) {
        code = cli_show_count(c, show, n) > 0 ? draw_sheet_of_items(c, items, count)
                                              : print_items(c, items, count);
    }
    for (size_t i = 0; i < count; i++)
        source_item_free(&items[i]);
    base_free(items);
    return code;
}

static int run_sample(cli *c)
{
    const char *spec = NULL;
    int64_t n = 2, seed = 0;
    bool seeded = false;
    cli_show show = {0};
    cli_filter filter = {0};
    int code = cli_filter_read(c, WHERE, IN, &filter);
    for (size_t i = 0; i < c->n_arguments && code == 0; i++) {
        const char *value = c->argument[i].value;
        switch (c->argument[i].id) {
        case 0:
            code = spec ? cli_fail("sample takes one source, not several") : 0;
            spec = value;
            break;
        case LIMIT:
            code = cli_number("--limit", value, 1, 1000, &n);
            break;
        case SEED:
            code = cli_number("--seed", value, 0, INT64_MAX, &seed);
            seeded = true;
            break;
        case SHOW:
            code = cli_show_option(&show, true, NULL);
            break;
        case NO_SHOW:
            code = cli_show_option(&show, false, NULL);
            break;
        default:
            break;
        }
    }
    picask_error err;
    uint64_t random = (uint64_t)seed;
    if (code == 0 && !seeded && base_random(&random, sizeof random, &err) != LANCELET_OK)
        code = cli_fail_error(&err);
    if (code == 0 && spec && (cli_filter_given(&filter) || c->at_version))
        code = cli_fail("--where, --in and --at-version choose rows of the table, and %s is sampled itself", spec);
    if (code == 0)
        code = spec ? sample_source(c, spec, (size_t)n, random, &show)
                    : sample_table(c, (size_t)n, random, &filter, &show);
    cli_filter_free(&filter);
    return code;
}

const cli_command cli_sample = {
    "sample",
    NULL,
    "[SOURCE]",
    "random pictures of the table, or of a source before any table exists",
    options,
    NULL,
    "  picask sample\n"
    "  picask sample ~/Pictures -n 6\n"
    "  picask sample --where \"text is null\" -n 4\n"
    "  picask sample --seed 7 --json\n",
    run_sample,
};
