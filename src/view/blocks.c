/* blocks.c - a picture as Unicode half blocks: U+2580 has the upper pixel as its foreground and the lower one as its
 * background colour, 24-bit or of the 256 colours of xterm (6x6x6 cube 16..231 and 24 greys 232..255). Without colours:
 * the five shades from blank to U+2588, by the luma of the two pixels. Needs no library and no protocol. */
#include "view/view.h"

#include <string.h>

#include "embed/image/image.h"

#define UPPER_HALF "\xe2\x96\x80"

/* Index of the nearest level of the cube's 0, 95, 135, 175, 215, 255. */
static int cube_index(int v)
{
    return v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
}

static int cube_level(int i)
{
    return i ? 55 + 40 * i : 0;
}

static int square(int v)
{
    return v * v;
}

/* The nearer of the cube's colour and the grey ramp's. */
static int nearest_of_256(const uint8_t rgb[3])
{
    int r = cube_index(rgb[0]), g = cube_index(rgb[1]), b = cube_index(rgb[2]);
    int cube =
        square(rgb[0] - cube_level(r)) + square(rgb[1] - cube_level(g)) + square(rgb[2] - cube_level(b));
    int mean = (rgb[0] + rgb[1] + rgb[2]) / 3;
    int step = mean > 238 ? 23 : mean < 8 ? 0 : (mean - 3) / 10;
    int level = 8 + 10 * step;
    int grey = square(rgb[0] - level) + square(rgb[1] - level) + square(rgb[2] - level);
    return grey < cube ? 232 + step : 16 + 36 * r + 6 * g + b;
}

/* `layer` 38 foreground, 48 background */
static bool append_colour(base_buffer *line, int layer, const uint8_t rgb[3], view_colours colours)
{
    if (colours == VIEW_COLOURS_24BIT)
        return base_buffer_printf(line, "\033[%d;2;%d;%d;%dm", layer, rgb[0], rgb[1], rgb[2]);
    return base_buffer_printf(line, "\033[%d;5;%dm", layer, nearest_of_256(rgb));
}

static bool append_colour_row(base_buffer *line, const uint8_t *upper, const uint8_t *lower, int width,
                              view_colours colours)
{
    const uint8_t *last_upper = NULL, *last_lower = NULL; /* colours in force */
    for (int x = 0; x < width; x++) {
        const uint8_t *u = upper + 3 * x, *l = lower ? lower + 3 * x : NULL;
        if ((!last_upper || memcmp(u, last_upper, 3) != 0) && !append_colour(line, 38, u, colours))
            return false;
        if (l && (!last_lower || memcmp(l, last_lower, 3) != 0) && !append_colour(line, 48, l, colours))
            return false;
        last_upper = u;
        last_lower = l;
        if (!base_buffer_append_string(line, UPPER_HALF))
            return false;
    }
    return base_buffer_append_string(line, "\033[0m");
}

/* Rec. 601 luma, 0..255 */
static int luma(const uint8_t rgb[3])
{
    return (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000;
}

static bool append_shade_row(base_buffer *line, const uint8_t *upper, const uint8_t *lower, int width)
{
    static const char *const shade[5] = {" ", "\xe2\x96\x91", "\xe2\x96\x92", "\xe2\x96\x93", "\xe2\x96\x88"};
    for (int x = 0; x < width; x++) {
        int v = luma(upper + 3 * x);
        if (lower)
            v = (v + luma(lower + 3 * x)) / 2;
        if (!base_buffer_append_string(line, shade[v * 5 / 256]))
            return false;
    }
    return true;
}

lancelet_status view_blocks(const base_picture *picture, int columns, int rows, view_colours colours,
                            view_lines *out, lancelet_error *err)
{
    base_picture small = {0};
    RETURN_IF_ERROR(
        image_fit(picture, columns > 1 ? columns : 1, rows > 1 ? 2 * rows : 2, false, &small, err));
    lancelet_status status = LANCELET_OK;
    size_t stride = 3 * (size_t)small.width;
    for (int y = 0; y < small.height && status == LANCELET_OK; y += 2) {
        const uint8_t *upper = small.rgb + stride * (size_t)y;
        const uint8_t *lower = y + 1 < small.height ? upper + stride : NULL;
        base_buffer line = {0};
        bool made = colours == VIEW_COLOURS_NONE
                        ? append_shade_row(&line, upper, lower, small.width)
                        : append_colour_row(&line, upper, lower, small.width, colours);
        if (!made) {
            base_buffer_free(&line);
            status = base_fail_memory(err);
        } else if (!view_lines_add(out, base_buffer_to_string(&line), (size_t)small.width)) {
            status = base_fail_memory(err);
        }
    }
    base_picture_free(&small);
    return status;
}
