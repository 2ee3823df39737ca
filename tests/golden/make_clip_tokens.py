#!/usr/bin/env python3
"""CLIP's tokenizers as their peers have them, seeded strings, and the golden ids of tests/unit/embed_clip_bpe.c.

    make_clip_tokens.py              writes tests/fixtures/text/clip_golden_{openai,hf}.bin: ids of the first 2,000 strings
    make_clip_tokens.py --strings    writes tests/fixtures/text/clip_strings.txt: what the strings are made of; needs perl,
                                     whose tables know which characters Unicode 12 assigned
    make_clip_tokens.py --classes    prints the characters whose combining class tokenizers does not know, which are the
                                     table in src/embed/text/clip_text.c

Profile hf is Hugging Face tokenizers with CLIPTokenizer's components, profile openai simple_tokenizer.py of openai/CLIP
(ftfy, regex). Both get the vocabulary from src/embed/text/clip_vocab.bin. Of ftfy, seeded strings see the steps alone that
clip_repair.c names. A golden file is, for each string, the number of its ids and the ids, each in 16 bits."""
import pathlib
import struct
import subprocess
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "text"
GOLDEN_STRINGS = 2000
SPECIAL = ["<|startoftext|>", "<|endoftext|>"]
PATTERN = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""

# ---- seeded strings: the same in tests/unit/embed_clip_bpe.c ----

PIECES = (
    "a photo of a cat¦DOG¦Straße¦Ä¦É¦naïve¦İstanbul¦ΟΔΟΣ¦Σ¦ς¦ΑΣ.¦ẞ¦K¦Å¦Ω¦привет¦МИР¦日本語¦テキスト¦한국어¦각¦مرحبا¦"
    "हिन्दी¦ไทย¦a¦b¦x¦THE¦wheel¦snow¦1¦42¦1984¦²¦½¦Ⅷ¦٣¦'s¦'T¦'re¦'VE¦'m¦'LL¦'d¦'¦''¦'ſ¦ſ¦it's¦I'm¦"
    "<|startoftext|>¦<|endoftext|>¦<|STARTOFTEXT|>¦<|EndOfText|>¦<|ſtartoftext|>¦<|¦|>¦<¦>¦ ¦  ¦\n¦\t¦"
    "\xa0¦\u3000¦\u2028¦\x0b¦\x1c¦\u200b¦\u1680¦\x85¦&amp;¦&lt;¦&amp;lt;¦&amp;amp;¦&EACUTE;¦&SZLIG;¦"
    "&notit;¦&#8217;¦&#x1F600;¦&#0;¦&#150;¦&#xD800;¦&copy¦&copy;¦&NotEqualTilde;¦&¦;¦#¦â€œ¦â€\x9d¦Ã©¦Ã¼¦"
    "â€™¦Ã¢â‚¬â„¢¦Â©¦Ã¦Â¦“¦”¦’¦ʼ¦‚¦ﬁ¦ﬀ¦ŉ¦Ǆ¦ﬅ¦😀¦👩\u200d👩\u200d👧¦🇩🇪¦❤️¦\u0301¦\u0323¦\u0308¦\u0327¦\u0345¦"
    "\u0307¦\u1df6¦\u0e3a¦...¦!!¦--¦_¦#tag¦@¦/¦%¦\u200d¦\u200e¦\ufeff¦�¦\x00¦\x1a¦\x7f¦\xad¦…¦☃"
).split("¦")


def ranges_of(characters):
    out = []
    for c in characters:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def write_strings():
    script = "for (my $c = 0; $c < 0x110000; $c++) { next if $c >= 0xD800 && $c < 0xE000; " \
             "print \"$c\\n\" if chr($c) =~ /\\p{Present_In: 12.0}/ && chr($c) !~ /\\p{Co}/ }"
    assigned = [int(x) for x in subprocess.run(["perl", "-e", script], capture_output=True, check=True).stdout.split()]
    marks = [c for c in assigned if unicodedata.combining(chr(c))]
    with open(FIXTURES / "clip_strings.txt", "w", encoding="ascii") as f:
        f.write("# What seeded strings are made of (tests/golden/make_clip_tokens.py). p: a piece, UTF-8 in hexadecimal;\n"
                "# c: characters that Unicode 12 assigned; m: those of them that combine.\n")
        for piece in PIECES:
            f.write(f"p {piece.encode().hex()}\n")
        for letter, characters in (("c", assigned), ("m", marks)):
            for low, high in ranges_of(characters):
                f.write(f"{letter} {low:X} {high:X}\n")


class Strings:
    """string(i) is made of up to 8 parts, drawn by numbers that depend on i alone (splitmix64)."""

    def __init__(self):
        self.pieces, self.characters, self.marks = [], [], []
        for line in open(FIXTURES / "clip_strings.txt", encoding="ascii"):
            kind, *rest = line.split()
            if kind == "p":
                self.pieces.append(bytes.fromhex(rest[0]).decode())
            elif kind in "cm":
                to = self.characters if kind == "c" else self.marks
                to.extend(map(chr, range(int(rest[0], 16), int(rest[1], 16) + 1)))

    def string(self, i):
        mask = (1 << 64) - 1
        state = i * 0xD1B54A32D192ED03 & mask

        def draw():
            nonlocal state
            state = state + 0x9E3779B97F4A7C15 & mask
            z = state
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
            z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
            return z ^ z >> 31

        out = []
        for _ in range(draw() % 9):
            kind, n = draw() % 8, draw()
            if kind < 4:
                out.append(self.pieces[n % len(self.pieces)])
            elif kind == 4:
                out.append(self.characters[n % len(self.characters)])
            elif kind == 5:
                out.append(self.characters[n % 1536])
            elif kind == 6:
                out.append(self.marks[n % len(self.marks)])
            else:
                out.append(chr(0x20 + n % 95) + chr(0x20 + n // 95 % 95))
        return "".join(out)


# ---- the peers ----

def vocabulary():
    """(tokens by id, merges by rank) from clip_vocab.bin, as clip_vocab.h lays it out."""
    data = (ROOT / "src/embed/text/clip_vocab.bin").read_bytes()
    n, merges = 49408, 48894

    def shorts(at, count):
        return struct.unpack_from(f"<{count}H", data, 2 * at)

    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = iter(range(0x100, 0x200))
    symbols = [chr(b) if b in printable else chr(next(rest)) for b in range(256)]
    tokens = [""] * n
    for b, (inside, last) in enumerate(zip(shorts(0, 256), shorts(256, 256))):
        tokens[inside], tokens[last] = symbols[b], symbols[b] + "</w>"
    first, right, rank = shorts(512, n + 1), shorts(512 + n + 1, merges), shorts(512 + n + 1 + merges, merges)
    pairs = [None] * merges
    for left in range(n):
        for k in range(first[left], first[left + 1]):
            pairs[rank[k]] = (left, right[k])
    for r, (a, b) in enumerate(pairs):
        tokens[512 + r] = tokens[a] + tokens[b]
    tokens[-2:] = SPECIAL
    return tokens, [(tokens[a], tokens[b]) for a, b in pairs], symbols


def hugging_face(tokens=None, merges=None):
    """A tokenizers.Tokenizer as CLIPTokenizer makes it, of CLIP's vocabulary or another."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    if tokens is None:
        tokens, merges, _ = vocabulary()
    ids = {t: i for i, t in enumerate(tokens)}
    t = Tokenizer(models.BPE(vocab=ids, merges=merges, unk_token=SPECIAL[1], continuing_subword_prefix="",
                             end_of_word_suffix="</w>", fuse_unk=False))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                         normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    sep, cls = ((token, ids[token]) for token in reversed(SPECIAL))
    t.post_processor = processors.RobertaProcessing(sep, cls, False, False)
    t.add_special_tokens([AddedToken(SPECIAL[0], normalized=True), AddedToken(SPECIAL[1], normalized=False)])
    return t


def some_of_ftfy():
    """ftfy.fix_text with the steps alone that clip_repair.c names."""
    import re
    from unittest import mock

    import ftfy
    from ftfy import chardata

    characters = bytes(range(0x80, 0x100)).decode("sloppy-windows-1252")
    encoding = {"sloppy-windows-1252": re.compile(f"^[\x00-\x19\x1b-\x7f{characters}]*$")}
    left_out = ("fix_character_width fix_line_breaks fix_surrogates remove_terminal_escapes remove_control_chars "
                "fix_c1_controls restore_byte_a0 replace_lossy_sequences decode_inconsistent_utf8").split()
    steps = ftfy.TextFixerConfig(**{name: False for name in left_out})

    def fix(text):
        config, out, at = steps, [], 0
        with mock.patch.object(chardata, "CHARMAP_ENCODINGS", list(encoding)), \
                mock.patch.dict(chardata.ENCODING_REGEXES, encoding):
            while at < len(text):
                end = text.find("\n", at) + 1 or len(text)
                if "<" in text[at:end]:
                    config = config._replace(unescape_html=False)
                out.append(ftfy.fix_and_explain(text[at:end], config).text)
                at = end
        return "".join(out)

    return fix


class OpenAI:
    """simple_tokenizer.py of openai/CLIP; fix: ftfy.fix_text or a part of it."""

    def __init__(self, fix):
        import regex

        self.fix, self.regex = fix, regex
        tokens, merges, self.symbols = vocabulary()
        self.ids = {t: i for i, t in enumerate(tokens)}
        self.ranks = {m: i for i, m in enumerate(merges)}
        self.pattern = regex.compile(PATTERN, regex.IGNORECASE)
        self.known = {t: [t] for t in SPECIAL}

    def join(self, word):
        if word not in self.known:
            parts = [*word[:-1], word[-1] + "</w>"]
            while len(parts) > 1:
                best = min(zip(parts, parts[1:]), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
                if best not in self.ranks:
                    break
                joined, i = [], 0
                while i < len(parts):
                    both = tuple(parts[i : i + 2]) == best
                    joined.append("".join(parts[i : i + 2]) if both else parts[i])
                    i += 2 if both else 1
                parts = joined
            self.known[word] = parts
        return self.known[word]

    def encode(self, text):
        import html

        text = html.unescape(html.unescape(self.fix(text))).strip()
        text = self.regex.sub(r"\s+", " ", text).strip().lower()
        ids = [self.ids[SPECIAL[0]]]
        for piece in self.regex.findall(self.pattern, text):
            piece = "".join(self.symbols[b] for b in piece.encode())
            ids += [self.ids[t] for t in self.join(piece)]
        return ids + [self.ids[SPECIAL[1]]]


def print_classes():
    t = hugging_face()
    marks = [c for c in range(0x300, 0x110000) if unicodedata.combining(chr(c)) and unicodedata.combining(chr(c)) < 240]
    unknown = [c for c in marks if t.normalizer.normalize_str("\u0345" + chr(c))[0] == "\u0345"]
    print(" ".join(f"{a:X}-{b:X}" for a, b in ranges_of(unknown)))


def write_golden():
    strings = Strings()
    texts = [strings.string(i) for i in range(GOLDEN_STRINGS)]
    openai = OpenAI(some_of_ftfy())
    hf = [e.ids for e in hugging_face().encode_batch(texts)]
    for name, rows in (("hf", hf), ("openai", map(openai.encode, texts))):
        golden = b"".join(struct.pack(f"<{len(r) + 1}H", len(r), *r) for r in rows)
        (FIXTURES / f"clip_golden_{name}.bin").write_bytes(golden)


if __name__ == "__main__":
    {"--strings": write_strings, "--classes": print_classes}.get(sys.argv[1] if len(sys.argv) > 1 else "", write_golden)()
