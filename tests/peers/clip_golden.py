"""clip_golden.py - what the CLIP tests share: golden vectors of transformers (tests/golden/make_clip_golden.py), and the
program's vectors of the same texts and pictures."""
import json
import os
import pathlib
import sys

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "clip"
sys.path.insert(0, str(ROOT / "tests" / "golden"))

LEAST_COSINE, GREATEST_DIFFERENCE = 0.99999, 1e-4

golden = json.loads((FIXTURES / "golden.json").read_text())
blob = numpy.fromfile(FIXTURES / "golden.f32", "<f4")
PICTURES = [FIXTURES / p for p in golden["pictures"]]


def runs(width):
    return [r for r in golden["runs"] if r["width"] == width]


def vectors(model, width, values, form):
    """-> texts [8, dim], pictures [6, dim] as the library does that publishes in this format"""
    r = next(r for r in runs(width) if (r["model"], r["values"]) == (model, values))
    n = len(golden["texts"]) + 2 * len(PICTURES)
    v = blob[r["offset"]:r["offset"] + n * r["dim"]].reshape(n, r["dim"])
    texts, transformers, openai = numpy.split(v, [len(golden["texts"]), n - len(PICTURES)])
    return texts, openai if form.startswith("open") else transformers


def environment(t):
    """Caches of the test's own."""
    for name in ("home", "cache"):
        (t.tmp / name).mkdir(exist_ok=True)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "PICASK_MODEL", "PICASK_DB", "PICASK_TABLE"))}
    return {**env, "HOME": str(t.tmp / "home"), "XDG_CACHE_HOME": str(t.tmp / "cache")}


def embed(t, model, texts=(), pictures=(), **env):
    """-> [texts and pictures, dim]"""
    words = [x for text in texts for x in ("--text", text)] + [x for p in pictures for x in ("--image", p)]
    code, out, err = t.run(["embed", "-m", model, *words], {**environment(t), **env})
    assert code == 0, err
    return numpy.array([json.loads(line)["embedding"] for line in out.splitlines()], numpy.float32)


def refused(t, model):
    """-> the one sentence that the program refuses a model with"""
    code, out, err = t.run(["embed", "-m", model, "--text", "a cat"], environment(t))
    assert code != 0 and out == "", (code, out)
    assert len(err.splitlines()) == 1, err
    return err


def far(got, want):
    """-> (least cosine, greatest difference)"""
    norms = numpy.linalg.norm(got, axis=1) * numpy.linalg.norm(want, axis=1)
    return ((got * want).sum(1) / norms).min(), numpy.abs(got - want).max()


def equal(t, model, want, what, **env):
    """The program's vectors of `model`, a path, against golden ones."""
    got = embed(t, model, golden["texts"], PICTURES, **env)
    cosine, difference = far(got, numpy.concatenate(want))
    assert cosine >= LEAST_COSINE and difference <= GREATEST_DIFFERENCE, (what, cosine, difference)
