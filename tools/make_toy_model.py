#!/usr/bin/env python3
"""Makes tests/fixtures/model/toy.safetensors: the architecture of mini with tiny, odd sizes and random weights, for tests
that open a model hundreds of times. Its vectors mean nothing. Golden vectors: tests/golden/make_mini_golden.py.

    make_toy_model.py OUT

Needs numpy alone."""
import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pack_mini

rng = np.random.default_rng(1)
tensors = {}


def vector(name, n, mean=0.0, spread=0.3):
    tensors[name] = (mean + spread * rng.standard_normal(n)).astype(np.float32)


def rows(name, shape, gain=1.4):
    n, k = shape[0], int(np.prod(shape[1:]))
    w = gain / np.sqrt(k) * rng.standard_normal((n, k))
    scale = np.abs(w).max(1) / 127
    tensors[name] = np.clip(np.round(w / scale[:, None]), -127, 127).astype(np.int8).reshape(shape)
    tensors[name + ".scale"] = scale.astype(np.float32)


def layer(name, *shape):
    rows(name + ".weight", shape)
    vector(name + ".bias", shape[0])


def main():
    block = lambda kernel, stride, expand, cin, cout: dict(kernel=kernel, stride=stride, expand=expand, cin=cin, cout=cout)
    blocks = [
        block(3, 1, 1, 9, 5), block(3, 2, 3, 5, 8), block(3, 1, 6, 8, 8), block(5, 2, 5, 8, 7), block(5, 1, 4, 7, 7),
        block(3, 1, 3, 7, 20),
    ]
    config = dict(
        name="toy", embedding_dim=24,
        image=dict(size=61, mean=127.0, std=128.0, stem=dict(kernel=3, stride=2, out=9), blocks=blocks, head=dict(kernel=1, out=37)),
        text=dict(layers=2, hidden=32, heads=2, head_dim=16, intermediate=50, layer_norm_eps=1e-12, vocab=60, max_positions=16),
    )
    layer("image.stem.conv", 9, 3, 3, 3)
    for i, b in enumerate(blocks):
        middle = b["cin"] * b["expand"]
        if b["expand"] != 1:
            layer(f"image.blocks.{i}.expand", middle, b["cin"], 1, 1)
        layer(f"image.blocks.{i}.depthwise", middle, 1, b["kernel"], b["kernel"])
        layer(f"image.blocks.{i}.project", b["cout"], middle, 1, 1)
    layer("image.head.conv", 37, 20, 1, 1)
    layer("image_head.linear", 24, 37)
    layer("image_head.mlp.fc1", 30, 37)
    layer("image_head.mlp.fc2", 24, 30)

    word = rng.standard_normal((60, 32)).astype(np.float32)
    tensors["text.embeddings.word"], tensors["text.embeddings.word.scale"] = pack_mini.to_nibbles(word)
    rows("text.embeddings.position", (16, 32))
    rows("text.embeddings.token_type", (1, 32))
    for name in ["text.embeddings.norm"] + [f"text.layers.{i}.norm{j}" for i in range(2) for j in (1, 2)]:
        vector(name + ".weight", 32, 1.0)
        vector(name + ".bias", 32)
    for i in range(2):
        layer(f"text.layers.{i}.attn.qkv", 96, 32)
        layer(f"text.layers.{i}.attn.out", 32, 32)
        layer(f"text.layers.{i}.mlp.fc1", 50, 32)
        layer(f"text.layers.{i}.mlp.fc2", 32, 50)
    layer("text_head", 24, 32)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "cat", "dog", "##s", "stop", "sign", ",", "."]
    letters = "bcdefghijklmnopqrstuvwxyz"
    tokens += list(letters) + ["##" + c for c in letters][: 60 - len(tokens) - len(letters)]
    assert len(tokens) == 60
    tensors["text.vocab"] = np.frombuffer(("\n".join(tokens) + "\n").encode(), np.uint8)
    compact = lambda x: json.dumps(x, separators=(",", ":"))
    preprocess = dict(model="toy", size=61, decode="full", upright=True, resize="squash", mean=127.0, std=128.0,
                      tokenizer="wordpiece-uncased", max_tokens=16)
    metadata = {"format": "pt", "picask.format": "1", "picask.name": "toy", "picask.config": compact(config),
                "picask.preprocess": compact(preprocess), "about": "Random weights for tests."}
    pack_mini.write(sys.argv[1], tensors, metadata)


if __name__ == "__main__":
    main()
