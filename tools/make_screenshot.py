#!/usr/bin/env python3
"""Draws what a command prints on a terminal as an SVG: `tools/make_screenshot.py docs/search.svg 100 24 -- build/picask ...`.

Runs the command on a pseudo terminal of the given size and understands what picask prints: text, newlines, SGR colours
and the few cursor movements (CR, up, forward) that put a picture beside rows. Standard library only.
"""
import fcntl
import html
import os
import pty
import re
import struct
import sys
import termios

WIDTH, HEIGHT, FONT = 8.4, 17, 14
FG, BG, DIM = "#d8dee9", "#1e222a", "#7b8494"
BASIC = ["#3b4252", "#bf616a", "#a3be8c", "#ebcb8b", "#81a1c1", "#b48ead", "#88c0d0", "#e5e9f0"]


def capture(command, columns, rows):
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS=str(columns), LINES=str(rows))
        os.environ.pop("NO_COLOR", None)
        os.execvp(command[0], command)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    data = b""
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        data += part
    os.waitpid(pid, 0)
    return data.decode("utf-8", "replace")


def render(text):
    """Grid {(row, column): (character, foreground, background, bold)}."""
    grid, row, column = {}, 0, 0
    fg, bg, bold = FG, None, False
    for m in re.finditer(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r)|(\n)|([^\x1b])", text):
        if m[3]:
            column = 0
        elif m[4]:
            row += 1
        elif m[5]:
            grid[row, column] = (m[5], fg, bg, bold)
            column += 1
        elif m[2] == "A":
            row -= int(m[1] or 1)
        elif m[2] == "B":
            row += int(m[1] or 1)
        elif m[2] == "C":
            column += int(m[1] or 1)
        elif m[2] == "G":
            column = int(m[1] or 1) - 1
        elif m[2] == "K":
            for key in [k for k in grid if k[0] == row and k[1] >= column]:
                del grid[key]
        elif m[2] == "m":
            codes = [int(x or 0) for x in m[1].split(";")]
            while codes:
                c = codes.pop(0)
                if c == 0:
                    fg, bg, bold = FG, None, False
                elif c == 1:
                    bold = True
                elif c == 2:
                    fg = DIM
                elif c == 22:
                    fg, bold = FG, False
                elif c in (38, 48) and codes[:1] == [2]:
                    colour = "#%02x%02x%02x" % tuple(codes[1:4])
                    codes = codes[4:]
                    if c == 38:
                        fg = colour
                    else:
                        bg = colour
                elif 30 <= c <= 37:
                    fg = BASIC[c - 30]
                elif c == 39:
                    fg = FG
                elif c == 49:
                    bg = None
    return grid


def svg(grid, columns, prompt):
    lines = max(r for r, _ in grid) + 2
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * WIDTH + 24:.0f}" height="{lines * HEIGHT + 24}" '
           f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{FONT}" shape-rendering="crispEdges" xml:space="preserve">',
           f'<rect width="100%" height="100%" rx="8" fill="{BG}"/>',
           f'<text x="12" y="{12 + FONT}" fill="#a3be8c">{html.escape(prompt)}</text>']
    for (r, c), (char, fg, bg, _) in sorted(grid.items()):
        x, y = 12 + c * WIDTH, 12 + (r + 1) * HEIGHT
        if char in "▀▄" or bg:
            top, bottom = (fg, bg or BG) if char == "▀" else (bg or BG, fg) if char == "▄" else (bg, bg)
            out.append(f'<path fill="{top}" d="M{x:.1f} {y:.1f}h{WIDTH + .3:.1f}v{HEIGHT / 2 + .3:.1f}H{x:.1f}z"/>')
            out.append(f'<path fill="{bottom}" d="M{x:.1f} {y + HEIGHT / 2:.1f}h{WIDTH + .3:.1f}v{HEIGHT / 2 + .3:.1f}H{x:.1f}z"/>')
    rows = {}
    for (r, c), cell in sorted(grid.items()):
        if cell[0] not in "▀▄ ":
            rows.setdefault(r, []).append((c, cell))
    for r, cells in rows.items():
        run = []
        for c, cell in cells + [(None, None)]:
            if run and (cell is None or c != run[-1][0] + 1 or cell[1] != run[-1][1][1] or cell[3] != run[-1][1][3]):
                first, style = run[0][0], run[0][1]
                weight = ' font-weight="bold"' if style[3] else ""
                words = html.escape("".join(x[1][0] for x in run))
                out.append(f'<text x="{12 + first * WIDTH:.1f}" y="{12 + FONT + (r + 1) * HEIGHT:.1f}" '
                           f'textLength="{len(run) * WIDTH:.1f}" fill="{style[1]}"{weight}>{words}</text>')
                run = []
            if cell is not None:
                run.append((c, cell))
    return "\n".join(out + ["</svg>", ""])


target, columns, rows, dashes, *command = sys.argv[1:]
assert dashes == "--"
shown = " ".join(["$ picask", *(f'"{x}"' if " " in x else x for x in command[1:])])
with open(target, "w", encoding="utf-8") as f:
    f.write(svg(render(capture(command, int(columns), int(rows))), int(columns), shown))
