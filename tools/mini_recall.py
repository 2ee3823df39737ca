#!/usr/bin/env python3
"""Recall and vector cost of forms of the mini model: the table in models/README.md.

    mini_recall.py PHOTOGRAPHS FILE...

PHOTOGRAPHS: a folder with images/ and captions.tsv (file name, caption). FILE...: packed model files; the first is what
the others are compared with (mean and least cosine of the 345 text vectors and of the picture vectors).
Needs PyTorch, Pillow, tokenizers."""
import json
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "golden"))
import mini_torch as mt

torch.set_num_threads(2)
folder, files = sys.argv[1], sys.argv[2:]
rows = [l.rstrip("\n").split("\t") for l in open(f"{folder}/captions.tsv")]
names = sorted({r[0] for r in rows})
own = np.array([names.index(r[0]) for r in rows])
first = None
print("| file | MB | recall at 1 / 5 / 10 | texts: mean, least cosine | pictures: mean, least cosine |\n| --- | --- | --- | --- | --- |")
with torch.inference_mode():
    for path in files:
        tensors, meta = mt.read_safetensors(path)
        cfg = json.loads(meta["picask.config"])
        w = mt.weights(tensors)
        ids = mt.tokenizer(tensors["text.vocab"].tobytes().rstrip(b"\n") + b"\n", cfg["text"]["max_positions"])
        size = cfg["image"]["size"]
        images = torch.cat([mt.embed_pixels(w, cfg, mt.load_pixels(f"{folder}/images/{n}", size)[None]) for n in names]).numpy()
        texts = torch.stack([mt.embed_ids(w, cfg, ids(r[-1])) for r in rows]).numpy()
        s = texts @ images.T
        rank = (s > s[np.arange(len(s)), own][:, None]).sum(1)
        if first is None:
            first = texts, images
        ct, ci = (first[0] * texts).sum(1), (first[1] * images).sum(1)
        r = " / ".join(f"{(rank < k).mean() * 100:.1f}" for k in (1, 5, 10))
        print(f"| {os.path.basename(path)} | {os.path.getsize(path) / 1e6:.1f} | {r} | {ct.mean():.5f}, {ct.min():.5f} | {ci.mean():.5f}, {ci.min():.5f} |", flush=True)
