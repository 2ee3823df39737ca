#!/usr/bin/env python3
"""Expected token ids of BERT's uncased tokenizer, by Hugging Face tokenizers (0.23.3; Python's Unicode 14).

    python3 tests/golden/make_wordpiece_golden.py --vocab vocab.txt --captions captions.tsv --tricky tokens_tricky.jsonl \\
        > tests/fixtures/text/wordpiece_golden.tsv
    python3 tests/golden/make_wordpiece_golden.py --characters --random 1500 > tests/fixtures/text/wordpiece_characters.tsv
    python3 tests/golden/make_wordpiece_golden.py --vocab vocab.txt --random 20000 --seed 7      more of the random part
    python3 tests/golden/make_wordpiece_golden.py --vocab vocab.txt --lines file                 the lines of a file
    python3 tests/golden/make_wordpiece_golden.py --ranges         the table newer_than_unicode_8 of wordpiece.c

A line: the text (UTF-8; \\\\ \\t \\n \\r and \\xNN for other control characters), a tab, the ids with [CLS] and [SEP].
Random words are nearly always [UNK], which hides what became of their characters. With --characters the vocabulary
holds every character (character_vocabulary below), and the words that come out are written instead of the ids.
"""
import argparse
import json
import random
import sys
import unicodedata

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

OURS = [
    "", " ", "a", "A road with a stop sign.", "don't STOP", "naïve café Zürich", "Ünïcödé façade Å Å",
    "日本語のテキスト", "东京 tower東京", "한국어 문장", "Ελληνικά ΣΊΣΥΦΟΣ", "İstanbul ı I", "ﬁne ﬂag ﬀ", "x\u0327\u0301y",
    "tab\tnew\nline\rreturn\x0bvertical\x0cfeed", "nul\x00inside", "zero\u200bwidth\ufeffmark\u00adsoft", "a\u00a0b\u3000c\u2028d",
    "[CLS] [SEP] [UNK] [MASK] [PAD]", "##ing ##", "$5 + 3 = 8^2 | `x` ~ <y>", "“curly” ‘quotes’ … – — ¿qué? ¡sí!",
    "😀🚗🛑 emoji 👩\u200d👩\u200d👧", "\ufffd replaced \ufffd", "क्षत्रिय हिन्दी", "ไทย ภาษา", "العَرَبِيَّة", "שָׁלוֹם", "ﷺ", "豈更\uf900",
    "a" * 100, "a" * 101, "あ" * 100, "あ" * 101, "\U0001d165\u302e\u302fa", "x" + "\u302f\u302e" * 60, "x" + "\u0301" * 300 + "y",
    "supercalifragilisticexpialidocious antidisestablishmentarianism", "word " * 40,
]


def character_vocabulary():
    """Each character of the first two planes as a word and as a continuation; no surrogates, no Han, no Hangul."""
    tokens = ["[CLS]", "[SEP]", "[UNK]"]
    for cp in range(0x21, 0x20000):
        if not (0x3400 <= cp < 0xA000 or 0xAC00 <= cp < 0xE000):
            tokens += [chr(cp), "##" + chr(cp)]
    return tokens


def words_of(pieces):
    return " ".join(pieces).replace(" ##", "")


def read_vocabulary(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return [line.rstrip("\n") for line in f]


def tokenizer(vocabulary):
    tokens = {token: i for i, token in enumerate(vocabulary)}
    t = Tokenizer(models.WordPiece(tokens, unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return t, tokens["[CLS]"], tokens["[SEP]"]


def escape(text):
    out = []
    for c in text:
        if c == "\\":
            out.append("\\\\")
        elif c in "\t\n\r":
            out.append({"\t": "\\t", "\n": "\\n", "\r": "\\r"}[c])
        elif ord(c) < 32:
            out.append("\\x%02x" % ord(c))
        else:
            out.append(c)
    return "".join(out)


def random_texts(count, seed):
    """Over all planes: whole-plane picks, one block of 256 at a time, marks, letters, white space and punctuation."""
    rng = random.Random(seed)
    assigned = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
    assigned += [chr(c) for c in (0xE000, 0xF8FF, 0xF0000, 0x10FFFD)]
    marks = [c for c in assigned if unicodedata.category(c)[0] == "M" or unicodedata.combining(c)]
    decomposed = [c for c in assigned if unicodedata.normalize("NFD", c) != c]
    edges = [c for c in assigned if unicodedata.category(c)[0] in "ZPC"]
    latin = [c for c in assigned if ord(c) < 0x250]
    blocks = {}
    for c in assigned:
        blocks.setdefault(ord(c) >> 8, []).append(c)
    # Ideographs and Hangul fill most of the planes; each other block counts the same.
    keys = sorted(blocks)
    for _ in range(count):
        home = blocks[rng.choice(keys)]
        text = []
        for _ in range(rng.randint(1, 16)):
            pool = rng.choice((home, home, home, latin, latin, marks, decomposed, edges, assigned))
            text.append(rng.choice(pool))
            if rng.random() < 0.15:
                text.append(" ")
        yield "".join(text)


def ranges():
    """Where Unicode (as Python has it) says mark, format or punctuation and the peer does not."""
    normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
    splitter = pre_tokenizers.BertPreTokenizer()
    moved = {0x166D, 0x1734, 0x111C9}
    found, last_special = [], -1
    for cp in range(0x110000):
        c = chr(cp)
        category = unicodedata.category(c)
        if category == "Cs" or cp in moved:
            continue
        dropped = normalizer.normalize_str(c) == ""
        punctuation = len(splitter.pre_tokenize_str("a" + c + "b")) == 3
        if dropped or punctuation:
            last_special = cp
        elif category in ("Mn", "Cf") or (category[0] == "P" and cp > 127):
            if found and found[-1][1] > last_special:
                found[-1][1] = cp
            else:
                found.append([cp, cp])
    print(", ".join("{0x%04X, 0x%04X}" % tuple(r) for r in found))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vocab")
    parser.add_argument("--captions")
    parser.add_argument("--tricky")
    parser.add_argument("--lines")
    parser.add_argument("--random", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--characters", action="store_true")
    parser.add_argument("--ranges", action="store_true")
    arguments = parser.parse_args()
    if arguments.ranges:
        ranges()
        return
    texts = []
    if arguments.captions:
        texts += OURS
        with open(arguments.captions, encoding="utf-8") as f:
            texts += [line.rstrip("\n").split("\t")[1] for line in f]
    if arguments.tricky:
        with open(arguments.tricky, encoding="utf-8") as f:
            texts += [json.loads(line)["text"] for line in f]
    if arguments.lines:
        with open(arguments.lines, encoding="utf-8", newline="\n") as f:
            texts += [line.rstrip("\n") for line in f]
    else:
        texts += random_texts(arguments.random, arguments.seed)
    t, cls, sep = tokenizer(character_vocabulary() if arguments.characters else read_vocabulary(arguments.vocab))
    out = open(sys.stdout.fileno(), "w", encoding="utf-8", newline="\n")
    for text in texts:
        encoding = t.encode(text, add_special_tokens=False)
        if arguments.characters:
            expected = words_of(encoding.tokens)
        else:
            expected = " ".join(map(str, [cls] + encoding.ids + [sep]))
        out.write(escape(text) + "\t" + expected + "\n")


if __name__ == "__main__":
    main()
