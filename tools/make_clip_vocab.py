#!/usr/bin/env python3
"""Writes src/embed/text/clip_vocab.bin: CLIP's merges and HTML's names for characters, laid out to be used in place.

    tools/make_clip_vocab.py bpe_simple_vocab_16e6.txt.gz

The merges are the file of that name in github.com/openai/CLIP (MIT; src/embed/text/clip_vocab.LICENSE). The names are those
of HTML 5 as Python's html.entities has them. The layout stands in src/embed/text/clip_vocab.h."""
import gzip
import hashlib
import html.entities
import json
import pathlib
import struct
import sys

TOKENS, MERGES = 49408, 49152 - 256 - 2


def shorts(values):
    return struct.pack(f"<{len(values)}H", *values)


def print_hashes(ids, merges):
    """What src/embed/text/clip_known.c knows the files of Hugging Face by."""
    lines = [" ".join(m) for m in merges]
    parts = {"vocab": ids, "merges": lines, "merge_pairs": merges, "merges_text": "".join(f"{x}\n" for x in lines)}
    for name, part in parts.items():
        text = part if isinstance(part, str) else json.dumps(part, ensure_ascii=False, separators=(",", ":"))
        print(f"hash_of_{name}", hashlib.sha256(text.encode()).hexdigest())


def vocabulary(path):
    lines = gzip.open(path, "rt", encoding="utf-8").read().split("\n")
    merges = [tuple(line.split()) for line in lines[1 : MERGES + 1]]
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    order = printable + [b for b in range(256) if b not in printable]
    symbol = {b: chr(b) if b in printable else chr(256 + i - len(printable)) for i, b in enumerate(order)}
    tokens = [symbol[b] for b in order]
    tokens += [t + "</w>" for t in tokens] + [a + b for a, b in merges]
    ids = {t: i for i, t in enumerate(tokens)}
    assert len(ids) == len(tokens) == TOKENS - 2
    print_hashes({**ids, "<|startoftext|>": TOKENS - 2, "<|endoftext|>": TOKENS - 1}, merges)
    pairs = sorted((ids[a], ids[b], rank) for rank, (a, b) in enumerate(merges))
    first, at = [], 0
    for left in range(TOKENS + 1):
        while at < len(pairs) and pairs[at][0] < left:
            at += 1
        first.append(at)
    return (shorts([ids[symbol[b]] for b in range(256)]) + shorts([ids[symbol[b] + "</w>"] for b in range(256)])
            + shorts(first) + shorts([p[1] for p in pairs]) + shorts([p[2] for p in pairs]))


def names():
    entities = html.entities.html5
    with_semicolon = sorted(name[:-1] for name in entities if name.endswith(";"))
    seconds = sorted({ord(c[1]) for c in entities.values() if len(c) == 2})
    values, starts, text = [], [], ""
    for name in with_semicolon:
        characters = entities[name + ";"]
        second = 1 + seconds.index(ord(characters[1])) if len(characters) == 2 else 0
        assert entities.get(name, characters) == characters
        values.append(ord(characters[0]) | second << 24 | (name in entities) << 31)
        starts.append(len(text))
        text += name
    assert all(name in with_semicolon for name in entities if not name.endswith(";")) and len(seconds) == 8
    return struct.pack(f"<{len(values)}I", *values) + shorts(seconds) + shorts([*starts, len(text)]) + text.encode("ascii")


if __name__ == "__main__":
    out = vocabulary(sys.argv[1])
    out += bytes(-len(out) % 4) + names()
    out += bytes(-len(out) % 4)
    pathlib.Path("src/embed/text/clip_vocab.bin").write_bytes(out)
