/* terminal.c - what the terminal behind a file descriptor can do. Size by ioctl(TIOCGWINSZ), else COLUMNS and LINES, else
 * 80 x 24. Colours follow COLORTERM (truecolor or 24bit) and https://no-color.org. PICASK_GRAPHICS=none switches pictures
 * off; every other value draws half blocks, which need no protocol of the terminal. */
#include "view/view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

static int size_from_environment(const char *name, int otherwise)
{
    const char *s = getenv(name);
    int64_t v;
    if (s && base_parse_i64(s, strlen(s), &v) && v >= 1 && v <= 10000)
        return (int)v;
    return otherwise;
}

static bool environment_is(const char *name, const char *value)
{
    const char *s = getenv(name);
    return s && strcmp(s, value) == 0;
}

void view_terminal_get(int fd, view_terminal *out)
{
    memset(out, 0, sizeof *out);
    out->is_terminal = isatty(fd) == 1;

    struct winsize size;
    if (out->is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0) {
        out->columns = size.ws_col;
        out->rows = size.ws_row;
    }
    if (out->columns <= 0)
        out->columns = size_from_environment("COLUMNS", 80);
    if (out->rows <= 0)
        out->rows = size_from_environment("LINES", 24);

    const char *no_colour = getenv("NO_COLOR");
    bool dumb = out->is_terminal && environment_is("TERM", "dumb");
    bool plain = (no_colour && *no_colour) || dumb;
    out->styled = out->is_terminal && !plain;
    if (plain)
        out->colours = VIEW_COLOURS_NONE;
    else if (environment_is("COLORTERM", "truecolor") || environment_is("COLORTERM", "24bit"))
        out->colours = VIEW_COLOURS_24BIT;
    else
        out->colours = VIEW_COLOURS_256;
    out->pictures = !environment_is("PICASK_GRAPHICS", "none");
}
