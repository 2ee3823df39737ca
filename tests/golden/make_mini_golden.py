#!/usr/bin/env python3
"""Golden vectors of a packed model, by PyTorch in fp32 on that file's own weights.

    make_mini_golden.py MODEL OUT.json [PICTURE...]

PICTUREs are resized with Pillow and written beside OUT as PNG, so that the vectors do not hang on a JPEG decoder; without
any, three pictures of random pixels are made. Committed results: tests/fixtures/model/golden_mini-1.json (from
clip_refs/skimage8 chelsea.png, coffee.png, rocket.jpg and coco_ccby 000000252332.jpg, 000000000285.jpg) and
golden_toy.json. Needs PyTorch, Pillow, tokenizers."""
import json
import os
import sys

import numpy as np
import torch
from PIL import Image

import mini_torch as mt

TEXTS = [
    "a cat",
    "a cup of coffee",
    "a rocket launch at night",
    "a close up of a stop sign near the woods",
    "A big burly grizzly bear is shown, it's naïve.",
    "",
    "two dogs run through the snow while a child in a red coat looks on and laughs " * 12,
]


def main():
    model, out, pictures = sys.argv[1], sys.argv[2], sys.argv[3:]
    tensors, meta = mt.read_safetensors(model)
    cfg = json.loads(meta["picask.config"])
    w = mt.weights(tensors)
    size = cfg["image"]["size"]
    tag = os.path.basename(out).removeprefix("golden_").removesuffix(".json")
    if pictures:
        pixels = [mt.load_pixels(p, size) for p in pictures]
    else:
        rng = np.random.default_rng(7)
        pixels = [rng.integers(0, 256, (size, size, 3), np.uint8) for _ in range(3)]
    ids_of = mt.tokenizer(tensors["text.vocab"].tobytes().rstrip(b"\n") + b"\n", cfg["text"]["max_positions"])
    numbers = lambda v: [round(x, 7) for x in v.tolist()]
    result = {"model": meta["picask.name"], "pictures": [], "texts": []}
    torch.set_float32_matmul_precision("highest")
    with torch.inference_mode():
        for i, p in enumerate(pixels):
            name = f"pixels_{tag}_{i}.png"
            Image.fromarray(p).save(os.path.join(os.path.dirname(out), name), optimize=True)
            result["pictures"].append({"file": name, "embedding": numbers(mt.embed_pixels(w, cfg, p[None])[0])})
        for t in TEXTS:
            ids = ids_of(t)
            result["texts"].append({"text": t, "ids": ids, "embedding": numbers(mt.embed_ids(w, cfg, ids))})
    with open(out, "w") as f:
        json.dump(result, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
