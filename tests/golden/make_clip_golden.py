#!/usr/bin/env python3
"""Golden vectors of CLIP models with generated weights (clip_weights.py), by transformers in fp32: tests/fixtures/clip/
golden.json (what was computed, where it lies, the SHA-256 of its safetensors file) and golden.f32 (unit vectors,
little-endian); beside them the pictures and vocab.json (the 1,000 tokens that follow from merges.txt).

    make_clip_golden.py [MODEL...]      all models, or those named alone, to see their figures (nothing is written then)

Each model is also computed in fp64 and by open_clip (fp32), which must agree; and with the other activation, which must
not. Pictures are PNG, so that the vectors do not hang on a JPEG decoder; resize and crop are Pillow's. Where the crop would
begin at half a pixel OpenAI's preprocessing rounds and transformers' rounds down: all pictures come as transformers', then as
OpenAI's.
Needs torch, transformers, open_clip_torch, Pillow; for 49,408 tokens the shared data."""
import hashlib
import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
from PIL import Image

import clip_weights as cw

OUT = cw.FIXTURES
EXAMPLES = cw.HERE.parent.parent / "examples" / "pictures"
TEXTS = [
    "a photo of a cat",
    "a road with a stop sign",
    "",
    "x",
    "Two  DOGS run\tthrough the snow while a child in a red coat looks on, and laughs.",
    "it's 10 o'clock: 25 children, they're here & we'll see!",
    "Ein Café im Grünen, наверху дождь 東京 🐕",
    "two dogs run through the snow while a child in a red coat looks on and laughs " * 12,  # cut at 77 tokens
]
# model, width, layers, tokens, values: "f16" (11 bits, the same in f32 and f16 files), "bf16" (those rounded), "f32" (24 bits)
RUNS = [(m, "quarter", "2", 1000, v) for m in cw.MODELS for v in ("f16", "bf16")]
RUNS += [(m, "quarter", "2", 1000, "f32") for m in ("ViT-B-32", "ViT-H-14")]
RUNS += [
    ("ViT-B-32", "full", "all", 49408, "f32"),
    ("ViT-B-16", "full", "all", 49408, "f16"),
    ("ViT-L-14", "full", "all", 49408, "f16"),
    ("ViT-L-14-336", "full", "2", 49408, "bf16"),
    ("ViT-H-14", "full", "2", 49408, "f32"),
    ("ViT-g-14", "full", "2", 49408, "f16"),
    ("ViT-B-32-256", "full", "2", 49408, "bf16"),
]


def pictures():
    """-> file names; makes those that are absent"""
    def example(name, size):
        return lambda: Image.open(EXAMPLES / name).convert("RGB").resize(size, Image.LANCZOS)

    def drawn(w, h):
        y, x = np.mgrid[0:h, 0:w].astype(np.float64)
        rings = np.hypot(x - 0.3 * w, y - 0.6 * h) // 23 % 2
        a = np.stack([x * 255 / w, 255 * rings, (x // 40 + y // 40) % 2 * 200 + 30], -1)
        return Image.fromarray(a.astype(np.uint8))

    make = {
        "landscape.png": example("000000000285.jpg", (209, 140)),
        "portrait.png": example("000000000785.jpg", (91, 150)),
        "grey_224.png": lambda: example("000000001000.jpg", (224, 224))().convert("L"),
        "palette_large.png": lambda: drawn(1203, 700).quantize(64),
        "strip.png": lambda: drawn(331, 29),
        "tall_odd.png": lambda: drawn(177, 240),  # 224 x 303: the crop begins at 39.5: at 39, or at 40 as OpenAI's
    }
    for name, f in make.items():
        if not (OUT / name).exists():
            f().save(OUT / name, optimize=True)
    return list(make)


def preprocess(path, size, openai=False):
    """transformers' CLIPImageProcessor with Pillow, or OpenAI's transform (torchvision's Resize and CenterCrop on a Pillow
    image) -> float32 [3, size, size]"""
    p = Image.open(path).convert("RGB")
    w, h = p.size
    if w <= h:
        w, h = size, int(size * h / w)
    else:
        w, h = int(size * w / h), size
    if (w, h) != p.size:
        p = p.resize((w, h), Image.BICUBIC)
    left, top = (int(round((n - size) / 2.0)) if openai else (n - size) // 2 for n in (w, h))
    a = np.asarray(p.crop((left, top, left + size, top + size)), np.float32) / np.float32(255)
    a = (a - np.array(cw.MEAN, np.float32)) / np.array(cw.STD, np.float32)
    return torch.from_numpy(a).permute(2, 0, 1).contiguous()


def unit(rows):
    """[features [1, dim]] -> [n, dim] of unit length, float64"""
    x = torch.cat(rows).double()
    return (x / x.norm(dim=-1, keepdim=True)).numpy()


def transformers_vectors(m, weights, ids, pixels, dtype, activation=None):
    from transformers import CLIPConfig, CLIPModel

    cfg = cw.hugging_face_config(m)
    for part in ("text_config", "vision_config"):
        cfg[part]["hidden_act"] = activation or m.activation
    with torch.device("meta"):
        model = CLIPModel._from_config(CLIPConfig(**cfg), attn_implementation="eager")
    extra = {}
    for name, shape in (("text_model", m.context), ("vision_model", (m.size // m.patch) ** 2 + 1)):
        extra[f"{name}.embeddings.position_ids"] = torch.arange(shape)[None]
    state = {n: torch.from_numpy(v).to(dtype) for n, v in weights.items()}
    for n, b in model.named_buffers():
        owner, leaf = n.rsplit(".", 1)
        setattr(model.get_submodule(owner), leaf, extra[n])
    model.load_state_dict(state, strict=True, assign=True)
    model.eval()
    features = lambda x: x if torch.is_tensor(x) else x.pooler_output
    with torch.inference_mode():
        return (unit([features(model.get_text_features(input_ids=torch.tensor([i]))) for i in ids]),
                unit([features(model.get_image_features(pixel_values=p[None].to(dtype))) for p in pixels]))


def open_clip_vectors(m, bits, dtype, ids, pixels):
    import open_clip

    cfg = cw.open_clip_config(m)["model_cfg"]
    model = open_clip.model.CLIP(cfg["embed_dim"], cfg["vision_cfg"], cfg["text_cfg"], cfg.get("quick_gelu", False))
    state = {}
    kinds = {"f32": np.float32, "f16": np.float16, "bf16": np.uint16}
    for name, t, shape, chunks in cw.open_clip(m, bits, dtype):
        v = np.concatenate([c.reshape(-1) for c in chunks()]).astype(kinds[t])
        v = (v.astype(np.uint32) << 16).view(np.float32) if t == "bf16" else v.astype(np.float32)
        state[name] = torch.from_numpy(v.reshape(shape))
    model.load_state_dict(state, strict=True)
    model.eval()
    padded = torch.zeros(len(ids), m.context, dtype=torch.long)
    for row, i in zip(padded, ids):
        row[:len(i)] = torch.tensor(i)
    with torch.inference_mode():
        return (unit([model.encode_text(padded)]), unit([model.encode_image(p[None]) for p in pixels]))


def tokenizer(m):
    from transformers import CLIPTokenizer

    with tempfile.TemporaryDirectory() as folder:
        cw.write_vocabulary(pathlib.Path(folder), m, ("json", "vocab"))
        return CLIPTokenizer.from_pretrained(folder)


def run(model, width, layers, vocab, kind, files):
    m = cw.Clip(model, width, layers, vocab)
    bits, dtype = (24, "f32") if kind == "f32" else (11, kind)
    token = tokenizer(m)
    ids = [token(t, truncation=True, max_length=m.context)["input_ids"] for t in TEXTS]
    assert all(i[0] == vocab - 2 and i[-1] == vocab - 1 and len(i) <= 77 for i in ids), ids
    assert len(ids[-1]) == 77
    pixels = [preprocess(OUT / f, m.size) for f in files] + [preprocess(OUT / f, m.size, True) for f in files]
    weights = {n: cw.values(n, s, bits, dtype) for n, s in m.tensors().items()}
    got = transformers_vectors(m, weights, ids, pixels, torch.float32)
    exact = transformers_vectors(m, weights, ids, pixels, torch.float64)
    wrong = "gelu" if m.activation == "quick_gelu" else "quick_gelu"
    other = transformers_vectors(m, weights, ids, pixels, torch.float32, wrong)
    del weights
    peer = open_clip_vectors(m, bits, dtype, ids, pixels)
    apart = lambda a, b: max(np.abs(x - y).max() for x, y in zip(a, b))
    alike = [float((x @ x.T - 2 * np.eye(len(x))).max()) for x in (got[0], got[1][:len(files)])]
    print(f"{model} {width} {layers} {kind}: fp64 differs by {apart(got, exact):.1e}, open_clip {apart(got, peer):.1e}, "
          f"the other activation {apart(got, other):.1e}; nearest texts {alike[0]:.3f}, pictures {alike[1]:.3f}", flush=True)
    assert apart(got, exact) < 2e-5 and apart(got, peer) < 2e-5 and apart(got, other) > 1e-3 and max(alike) < 0.98
    return ids, *got


def main():
    torch.set_float32_matmul_precision("highest")
    files, blob = pictures(), bytearray()
    (OUT / "vocab.json").write_text(json.dumps(cw.small_vocabulary()[0], ensure_ascii=False) + "\n")
    runs, tokens = [], {}
    for r in RUNS:
        if sys.argv[1:] and r[0] not in sys.argv[1:]:
            continue
        ids, texts, images = run(*r, files)
        model, width, layers, vocab, kind = r
        assert ids == tokens.setdefault(str(vocab), ids)
        r = {"model": model, "width": width, "layers": layers, "vocab": vocab, "values": kind,
             "dim": texts.shape[1], "activation": cw.MODELS[model][5], "offset": len(blob) // 4}
        if width == "quarter":
            with tempfile.TemporaryDirectory() as folder:
                weights = cw.write(folder, cw.Clip(model), "hf", kind, 24 if kind == "f32" else 11)
                r["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
        runs.append(r)
        for rows in (texts, images):
            blob += rows.astype("<f4").tobytes()
    if sys.argv[1:]:
        return
    golden = {"what": "unit vectors of texts, of pictures in transformers' crop and in OpenAI's, of each run: golden.f32 from `offset` "
                      "(in floats), rows of `dim`",
              "texts": TEXTS, "pictures": files, "ids": tokens, "runs": runs}
    text = json.dumps(golden, ensure_ascii=False, separators=(",", ":"))
    (OUT / "golden.json").write_text(text.replace('{"model"', '\n{"model"') + "\n")
    (OUT / "golden.f32").write_bytes(blob)


if __name__ == "__main__":
    main()
