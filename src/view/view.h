/* view.h - drawing in a terminal: what the terminal can do, text by display columns, blocks of lines side by side, and
 * pictures as Unicode half blocks. Nothing here prints: lines are made, the caller writes them. */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "base/picture.h"

/* ---- the terminal ---- */

typedef enum view_colours {
    VIEW_COLOURS_NONE = 0, /* no escape sequence at all: NO_COLOR, or a dumb terminal */
    VIEW_COLOURS_256,
    VIEW_COLOURS_24BIT,
} view_colours;

typedef struct view_terminal {
    bool is_terminal;
    bool styled;          /* dim and bold may be used: a terminal, no NO_COLOR, not dumb */
    bool pictures;        /* PICASK_GRAPHICS is not "none" */
    view_colours colours; /* of pictures, also where the output is no terminal and they are asked for */
    int columns, rows;    /* of the terminal, else COLUMNS and LINES, else 80 x 24 */
} view_terminal;
/* Looks at file descriptor `fd`, COLUMNS, LINES, TERM, COLORTERM, NO_COLOR and PICASK_GRAPHICS. */
void view_terminal_get(int fd, view_terminal *out);

/* ---- text by display columns ---- */

/* An owned copy that is safe on a terminal: what is no UTF-8 becomes U+FFFD; newlines and tabs become spaces, other
 * control characters '?', and the characters that turn the direction of what follows U+FFFD. NULL: memory is out. */
char *view_clean(const char *s, size_t n);
/* Display columns of clean text: 2 for wide characters, 0 for combining ones. */
size_t view_width(const char *s);
/* Owned copies of clean text in at most `columns` display columns: cut at the end ("a road with a sto…"), or at the
 * front so that the file's name stays ("…/2019/IMG_0007.jpg"). NULL: memory is out. */
char *view_cut_end(const char *s, size_t columns);
char *view_cut_front(const char *s, size_t columns);

/* ---- blocks of lines ---- */

typedef struct view_line {
    char *text;   /* owned; may hold colour sequences, never a newline */
    size_t width; /* display columns */
} view_line;

/* Start with {0}. */
typedef struct view_lines {
    view_line *line; /* [n] */
    size_t n, capacity;
} view_lines;
/* Takes `text` over, also on failure; false when text is NULL (memory was out) or memory is out. */
bool view_lines_add(view_lines *l, char *text, size_t width) MUST_CHECK;
size_t view_lines_width(const view_lines *l); /* of the widest line */
void view_lines_free(view_lines *l);
/* Writes blocks [n] side by side, each `widths[i]` columns wide and `gap` columns from the next, line by line, without
 * trailing blanks. */
bool view_lines_join(const view_lines *blocks, const size_t *widths, size_t n, size_t gap,
                     base_buffer *out) MUST_CHECK;

/* ---- pictures ---- */

/* Fits the picture into columns x rows character cells (a cell is twice as high as wide, so each holds two square
 * pixels) and appends its lines: U+2580 with foreground and background colours, or five shades of blocks without
 * colours. A picture is never enlarged. */
lancelet_status view_blocks(const base_picture *picture, int columns, int rows, view_colours colours,
                            view_lines *out, lancelet_error *err) MUST_CHECK;

#endif
