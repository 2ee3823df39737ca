/* lines.c - blocks of lines of known width, put side by side. A table of results and its picture are drawn this way, so
 * that no cursor movement is needed and the output may be kept in a file. */
#include "view/view.h"

bool view_lines_add(view_lines *l, char *text, size_t width)
{
    if (!text)
        return false;
    if (l->n == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 16, bytes;
        view_line *grown = NULL;
        if (base_mul_size(capacity, sizeof *grown, &bytes))
            grown = base_realloc(l->line, bytes);
        if (!grown) {
            base_free(text);
            return false;
        }
        l->line = grown;
        l->capacity = capacity;
    }
    l->line[l->n++] = (view_line){text, width};
    return true;
}

size_t view_lines_width(const view_lines *l)
{
    size_t width = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->line[i].width > width)
            width = l->line[i].width;
    return width;
}

void view_lines_free(view_lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        base_free(l->line[i].text);
    base_free(l->line);
    *l = (view_lines){0};
}

bool view_lines_join(const view_lines *blocks, const size_t *widths, size_t n, size_t gap, base_buffer *out)
{
    size_t height = 0;
    for (size_t b = 0; b < n; b++)
        if (blocks[b].n > height)
            height = blocks[b].n;
    for (size_t y = 0; y < height; y++) {
        size_t blank = 0; /* columns owed before the next text */
        for (size_t b = 0; b < n; b++) {
            size_t width = 0;
            if (y < blocks[b].n && blocks[b].line[y].width > 0) {
                for (; blank > 0; blank--)
                    if (!base_buffer_append(out, " ", 1))
                        return false;
                width = blocks[b].line[y].width;
                if (!base_buffer_append_string(out, blocks[b].line[y].text))
                    return false;
            }
            blank += (widths[b] > width ? widths[b] - width : 0) + gap;
        }
        if (!base_buffer_append(out, "\n", 1))
            return false;
    }
    return true;
}
