"""CLIPs of real size: generated weights of the published shapes, in each of the formats, against transformers' vectors
(tests/golden/make_clip_golden.py). ViT-B/32, B/16 and L/14 in full, the others at two layers."""
import shutil

import clip_golden as cg

import clip_weights as cw

FORMATS = {
    "ViT-B-32": ("hf", "f32"),
    "ViT-B-16": ("openai", "f16"),
    "ViT-L-14": ("openai", "f16"),
    "ViT-L-14-336": ("openclip", "bf16"),
    "ViT-H-14": ("openclip-bin", "f32"),
    "ViT-g-14": ("hf-sharded", "f16"),
    "ViT-B-32-256": ("hf-bin", "bf16"),
}


def check(t, model):
    t.only_check_all()
    form, dtype = FORMATS[model]
    if form.startswith("hf"):
        t.need_shared()  # for the tokenizer's files
    r = next(r for r in cg.runs("full") if r["model"] == model)
    bits = 24 if r["values"] == "f32" else 11
    weights = cw.write(t.tmp / "m", cw.Clip(model, "full", r["layers"], 49408), form, dtype, bits)
    want = cg.vectors(model, "full", r["values"], form)
    cg.equal(t, weights, want, model)
    if r["layers"] == "all":
        cg.equal(t, weights, want, model, PICASK_ISA="avx2")
    shutil.rmtree(weights.parent)


def test_vit_b_32(t):
    check(t, "ViT-B-32")


def test_vit_b_16(t):
    check(t, "ViT-B-16")


def test_vit_l_14(t):
    check(t, "ViT-L-14")


def test_vit_l_14_at_336(t):
    check(t, "ViT-L-14-336")


def test_vit_h_14(t):
    check(t, "ViT-H-14")


def test_vit_giant_14(t):
    check(t, "ViT-g-14")


def test_vit_b_32_at_256(t):
    check(t, "ViT-B-32-256")
