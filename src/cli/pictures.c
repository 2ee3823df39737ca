/* pictures.c - the pictures of rows as blocks of lines, and sheets of several. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "embed/image/image.h"

lancelet_status cli_draw_bytes(const void *bytes, size_t n, int columns, int rows, view_colours colours,
                               view_lines *out, picask_error *err)
{
    /* A JPEG may be decoded smaller: both sides stay at least as long as the drawing's longer one. */
    int side = columns > 2 * rows ? columns : 2 * rows;
    base_picture picture = {0};
    RETURN_IF_ERROR(image_decode(bytes, n, NULL, side / 2 + 1, &picture, NULL, err));
    lancelet_status status = view_blocks(&picture, columns, rows, colours, out, err);
    base_picture_free(&picture);
    return status;
}

lancelet_status cli_draw_row(picask_table *table, const picask_row *row, int columns, int rows,
                             view_colours colours, view_lines *out, picask_error *err)
{
    void *bytes = NULL;
    size_t n = 0;
    RETURN_IF_ERROR(picask_row_picture(table, row, &bytes, &n, err));
    lancelet_status status = cli_draw_bytes(bytes, n, columns, rows, colours, out, err);
    picask_free(bytes);
    return status;
}

int cli_fail_picture(const picask_row *row, const picask_error *err)
{
    /* What is missing is named by the library; a decoder's reason names no row. */
    if (err->status == LANCELET_NOT_FOUND)
        return cli_fail("%s", err->text);
    return cli_fail("no picture of row %lld: %s", (long long)row->id, err->text);
}

#define GAP 2

void cli_sheet_plan(const cli *c, size_t n, size_t lines, cli_sheet *out)
{
    int width = c->out.columns, most = n > 1 ? 44 : 72;
    out->across = n > 1 ? (size_t)(width / 38) : 1;
    if (out->across < 1)
        out->across = 1;
    if (out->across > n)
        out->across = n;
    out->columns = (width - GAP * ((int)out->across - 1)) / (int)out->across;
    if (out->columns > most)
        out->columns = most;
    /* One picture may fill what the terminal has left below the lines, but stays worth looking at. */
    int left = c->out.is_terminal ? c->out.rows - (int)(lines < 1000 ? lines : 1000) - 3 : 24;
    if (n > 1 && left > 16)
        left = 16;
    out->rows = left < 10 ? 10 : left > 32 ? 32 : left;
}

void cli_put_sheet(cli_text *t, const view_lines *cells, const view_lines *labels, size_t n,
                   const cli_sheet *sheet)
{
    size_t *widths = base_alloc_array(sheet->across, sizeof *widths);
    if (!widths) {
        t->failed = true;
        return;
    }
    for (size_t k = 0; k < sheet->across; k++)
        widths[k] = (size_t)sheet->columns;
    for (size_t i = 0; i < n; i += sheet->across) {
        size_t count = n - i < sheet->across ? n - i : sheet->across;
        if (!view_lines_join(cells + i, widths, count, GAP, &t->b) ||
            !view_lines_join(labels + i, widths, count, GAP, &t->b))
            t->failed = true;
    }
    base_free(widths);
}

void cli_free_cells(view_lines *cells, size_t n)
{
    for (size_t i = 0; cells && i < n; i++)
        view_lines_free(&cells[i]);
    base_free(cells);
}

bool cli_add_line(view_lines *l, const char *text, size_t columns, const char *style)
{
    char *cut = view_cut_end(text, columns);
    if (!cut)
        return false;
    size_t width = view_width(cut);
    if (!style)
        return view_lines_add(l, cut, width);
    char *styled = base_format("\033[%sm%s\033[0m", style, cut);
    base_free(cut);
    return view_lines_add(l, styled, width);
}

char *cli_first_caption(const char *text, size_t columns)
{
    const char *end = strchr(text, '\n');
    char *clean = view_clean(text, end ? (size_t)(end - text) : strlen(text));
    size_t more = 0;
    for (const char *p = end; p; p = strchr(p + 1, '\n'))
        more++;
    char suffix[32] = "";
    if (more > 0)
        snprintf(suffix, sizeof suffix, "  (+%zu)", more);
    size_t tail = strlen(suffix);
    char *cut = clean ? view_cut_end(clean, columns > tail ? columns - tail : 0) : NULL;
    char *out = cut ? base_format("%s%s", cut, columns > tail ? suffix : "") : NULL;
    base_free(cut);
    base_free(clean);
    return out;
}

int cli_show_option(cli_show *s, bool on, const char *value)
{
    s->on = on;
    s->off = !on;
    s->n = 1;
    return on && value ? cli_number("--show", value, 1, 1000, &s->n) : 0;
}

size_t cli_show_count(const cli *c, const cli_show *s, size_t on_terminal)
{
    if (c->json || s->off || !c->out.pictures)
        return 0;
    if (s->on)
        return (size_t)s->n;
    return c->out.is_terminal ? on_terminal : 0;
}
