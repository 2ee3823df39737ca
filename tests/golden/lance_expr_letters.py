#!/usr/bin/env python3
"""Writes src/lance/expr/letters_table.h: upper, lower and folded letters of Python's Unicode (unicodedata.unidata_version), as
runs (first, last, step, difference) and, where a letter becomes several, one by one."""
import pathlib
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def runs(mapping):
    out = []
    for c, d in sorted((c, m - c) for c, m in mapping.items()):
        if out and out[-1][3] == d and (out[-1][2] in (0, c - out[-1][1])) and c - out[-1][1] <= 2:
            first, last, step, _ = out[-1]
            out[-1] = (first, c, c - last, d)
        else:
            out.append((c, c, 0, d))
    return [(a, b, s or 1, d) for a, b, s, d in out]


def table(name, mapping):
    lines = [f"static const letter_run {name}[] = {{"]
    row = ""
    for a, b, s, d in runs(mapping):
        item = f"{{0x{a:X}, 0x{b:X}, {s}, {d}}},"
        if len(row) + len(item) > 104:
            lines.append("   " + row)
            row = ""
        row += " " + item
    return lines + ["   " + row, "};"]


def special(name, mapping):
    lines = [f"static const letter_special {name}[] = {{"]
    for c, text in sorted(mapping.items()):
        codes = [ord(x) for x in text] + [0] * (3 - len(text))
        lines.append(f"    {{0x{c:X}, {{{', '.join(f'0x{x:X}' for x in codes)}}}}},")
    return lines + ["};"]


def main():
    lower, upper, fold, lowers, uppers = {}, {}, {}, {}, {}
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000:
            continue
        ch = chr(c)
        low, up, folded = ch.lower(), ch.upper(), ch.casefold()
        if len(low) > 1:
            lowers[c] = low
        elif low != ch:
            lower[c] = ord(low)
        if len(up) > 1:
            uppers[c] = up
        elif up != ch:
            upper[c] = ord(up)
        if len(folded) > 1:  # the simple folding, not the full one
            folded = low if len(low) == 1 else ch
        if folded != ch:
            fold[c] = ord(folded)
    text = [
        "/* letters_table.h - letters of the Unicode Character Database "
        f"{unicodedata.unidata_version}: written by tests/golden/lance_expr_letters.py. */",
        "#ifndef LANCE_EXPR_LETTERS_TABLE_H", "#define LANCE_EXPR_LETTERS_TABLE_H", "", "#include <stdint.h>", "",
        "typedef struct letter_run {", "    uint32_t first, last, step;", "    int32_t difference;", "} letter_run;",
        "typedef struct letter_special {", "    uint32_t letter, becomes[3];", "} letter_special;", ""]
    for name, mapping in (("lower_runs", lower), ("upper_runs", upper), ("fold_runs", fold)):
        text += table(name, mapping) + [""]
    for name, mapping in (("lower_specials", lowers), ("upper_specials", uppers)):
        text += special(name, mapping) + [""]
    text += ["#endif"]
    (ROOT / "src" / "lance" / "expr" / "letters_table.h").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
