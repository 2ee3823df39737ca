/* rows.c - rows as JSON lines, as TSV, or on a terminal as an aligned table with the captions under the paths and the
 * first pictures: one beside the rows from 100 columns on, else below them. */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BESIDE_FROM 100 /* columns of the terminal */

static int decimals(uint64_t v)
{
    int n = 1;
    for (; v >= 10; v /= 10)
        n++;
    return n;
}

/* Widths of the table's columns. */
typedef struct layout {
    int rank, score, distance, id;
    size_t indent; /* where paths and captions begin */
} layout;

static int number_width(float v, int least)
{
    int width = isnan(v) ? 0 : snprintf(NULL, 0, "%.3f", (double)v);
    return width > least ? width : least;
}

static layout lay_out(const cli_rows *rows)
{
    size_t n = picask_results_count(rows->results);
    layout l = {2, 5, 8, 2, 0};
    if (decimals(rows->first_rank + n) > l.rank)
        l.rank = decimals(rows->first_rank + n);
    for (size_t i = 0; i < n; i++) {
        const picask_row *row = picask_results_row(rows->results, i);
        int64_t id = row->id;
        int digits = id < 0 ? 1 + decimals(0 - (uint64_t)id) : decimals((uint64_t)id);
        if (digits > l.id)
            l.id = digits;
        l.score = number_width(row->score, l.score);
        l.distance = number_width(row->distance, l.distance);
    }
    l.indent = (size_t)(l.rank + 2 + (rows->metric ? l.score + 2 + l.distance + 2 : 0) + l.id + 2);
    return l;
}

static bool add_header(view_lines *out, const cli *c, const cli_rows *rows, const layout *l, size_t columns)
{
    char *text = rows->metric ? base_format("%*s  %*s  %*s  %*s  picture", l->rank, "#", l->score, "score",
                                            l->distance, "distance", l->id, "id")
                              : base_format("%*s  %*s  picture", l->rank, "#", l->id, "id");
    bool ok = text && cli_add_line(out, text, columns, c->out.styled ? "2" : NULL);
    base_free(text);
    return ok;
}

static void put_number(cli_text *t, float v, int width)
{
    if (isnan(v))
        cli_putf(t, "%*s  ", width, "");
    else
        cli_putf(t, "%*.3f  ", width, (double)v);
}

/* The line of numbers, path and copies. */
static bool add_row_line(view_lines *out, const cli *c, const cli_rows *rows, size_t i, const layout *l,
                         size_t columns)
{
    const picask_row *row = picask_results_row(rows->results, i);
    char copies[48] = "";
    if (row->copies > 0)
        snprintf(copies, sizeof copies, "  +%llu cop%s", (unsigned long long)row->copies,
                 row->copies == 1 ? "y" : "ies");
    size_t left = columns > l->indent + strlen(copies) ? columns - l->indent - strlen(copies) : 1;
    char *shown = cli_shown_path(row->uri ? row->uri : "(no path)"),
         *path = shown ? view_cut_front(shown, left) : NULL;
    base_free(shown);
    if (!path)
        return false;
    cli_text t = {0};
    cli_putf(&t, "%*zu  ", l->rank, rows->first_rank + i);
    if (rows->metric) {
        put_number(&t, row->score, l->score);
        put_number(&t, row->distance, l->distance);
    }
    cli_putf(&t, "%*lld  %s", l->id, (long long)row->id, path);
    size_t width = l->indent + view_width(path) + strlen(copies);
    if (copies[0])
        cli_putf(&t, c->out.styled ? "\033[2m%s\033[0m" : "%s", copies);
    base_free(path);
    char *text = t.failed ? NULL : base_buffer_to_string(&t.b);
    base_buffer_free(&t.b);
    return view_lines_add(out, text, width);
}

/* Text under the path, cleaned before. */
static bool add_under(view_lines *out, const char *text, const layout *l, size_t columns, const char *style)
{
    char *cut = view_cut_end(text, columns > l->indent ? columns - l->indent : 1);
    char *line = NULL;
    if (cut && style)
        line = base_format("%*s\033[%sm%s\033[0m", (int)l->indent, "", style, cut);
    else if (cut)
        line = base_format("%*s%s", (int)l->indent, "", cut);
    size_t width = cut ? l->indent + view_width(cut) : 0;
    base_free(cut);
    return view_lines_add(out, line, width);
}

static bool add_caption(view_lines *out, const picask_row *row, const layout *l, size_t columns)
{
    if (!row->text || !*row->text)
        return true;
    char *caption = cli_first_caption(row->text, columns > l->indent ? columns - l->indent : 1);
    bool ok = caption && add_under(out, caption, l, columns, NULL);
    base_free(caption);
    return ok;
}

static bool add_extra(view_lines *out, const cli *c, const cli_rows *rows, const picask_row *row,
                      const layout *l, size_t columns)
{
    for (size_t i = 0; i < rows->n_columns; i++) {
        char *value = cli_extra_value(row, rows->columns[i]);
        char *pair = value ? base_format("%s: %s", rows->columns[i], value) : NULL;
        char *clean = pair ? view_clean(pair, strlen(pair)) : NULL;
        bool ok = !value || (clean && add_under(out, clean, l, columns, c->out.styled ? "2" : NULL));
        base_free(clean);
        base_free(pair);
        base_free(value);
        if (!ok)
            return false;
    }
    return true;
}

static bool add_table(view_lines *out, const cli *c, const cli_rows *rows, size_t columns)
{
    layout l = lay_out(rows);
    if (!add_header(out, c, rows, &l, columns))
        return false;
    for (size_t i = 0; i < picask_results_count(rows->results); i++) {
        const picask_row *row = picask_results_row(rows->results, i);
        if (!add_row_line(out, c, rows, i, &l, columns) || !add_caption(out, row, &l, columns) ||
            !add_extra(out, c, rows, row, &l, columns))
            return false;
    }
    return true;
}

/* ---- pictures ---- */

/* A picture that cannot be drawn is a sentence, not a failure; a row that never had one is not even that. */
static void draw(const cli *c, const cli_rows *rows, size_t i, int columns, int high, view_lines *out)
{
    picask_error err;
    const picask_row *row = picask_results_row(rows->results, i);
    if (cli_draw_row(rows->table, row, columns, high, c->out.colours, out, &err) == LANCELET_OK)
        return;
    view_lines_free(out);
    if (c->verbose || (row->uri && !c->quiet))
        cli_fail_picture(row, &err);
}

static void put_below(cli_text *t, const cli *c, const cli_rows *rows, size_t pictures, size_t lines)
{
    cli_sheet sheet;
    cli_sheet_plan(c, pictures, lines, &sheet);
    view_lines *cells = base_calloc(pictures, sizeof *cells), *labels = base_calloc(pictures, sizeof *labels);
    t->failed = t->failed || !cells || !labels;
    size_t drawn = 0;
    for (size_t i = 0; i < pictures && !t->failed; i++) {
        char label[32];
        draw(c, rows, i, sheet.columns, sheet.rows, &cells[drawn]);
        if (cells[drawn].n == 0)
            continue;
        snprintf(label, sizeof label, "%zu", rows->first_rank + i);
        if (pictures > 1 &&
            !cli_add_line(&labels[drawn], label, (size_t)sheet.columns, c->out.styled ? "2" : NULL))
            t->failed = true;
        drawn++;
    }
    if (!t->failed)
        cli_put_sheet(t, cells, labels, drawn, &sheet);
    cli_free_cells(cells, pictures);
    cli_free_cells(labels, pictures);
}

static void put_for_terminal(cli_text *t, cli *c, const cli_rows *rows, size_t pictures)
{
    size_t width = (size_t)c->out.columns, n = picask_results_count(rows->results);
    view_lines blocks[2] = {{0}, {0}};
    size_t widths[2] = {width, 0};
    if (pictures == 1 && c->out.columns >= BESIDE_FROM) {
        int columns = c->out.columns - 62, high = (int)(2 * (n < 100 ? n : 100)) + 1;
        if (columns > 64)
            columns = 64;
        if (high < 16)
            high = 16;
        if (high > c->out.rows - 3)
            high = c->out.rows > 13 ? c->out.rows - 3 : 10;
        draw(c, rows, 0, columns, high, &blocks[1]);
        widths[1] = view_lines_width(&blocks[1]);
        widths[0] = widths[1] ? width - widths[1] - 2 : width;
        pictures = 0;
    }
    if (!add_table(&blocks[0], c, rows, widths[0]))
        t->failed = true;
    if (!view_lines_join(blocks, widths, blocks[1].n ? 2 : 1, 2, &t->b))
        t->failed = true;
    size_t lines = blocks[0].n;
    view_lines_free(&blocks[0]);
    view_lines_free(&blocks[1]);
    if (pictures > 0)
        put_below(t, c, rows, pictures, lines);
}

int cli_print_rows(cli *c, const cli_rows *rows)
{
    size_t n = picask_results_count(rows->results);
    size_t pictures = rows->pictures < n ? rows->pictures : n;
    cli_text t = {0};
    if (!c->json && c->out.is_terminal) {
        put_for_terminal(&t, c, rows, pictures);
        return cli_print(&t);
    }
    for (size_t i = 0; i < n; i++) {
        const picask_row *row = picask_results_row(rows->results, i);
        if (c->json) {
            cli_put_row_json(&t, rows->first_rank + i, row, rows->table, rows->metric);
            cli_put(&t, "\n");
        } else {
            cli_put_row_tsv(&t, rows->first_rank + i, row, rows->columns, rows->n_columns);
        }
    }
    if (!c->json && pictures > 0)
        put_below(&t, c, rows, pictures, 0);
    return cli_print(&t);
}
