#!/usr/bin/env python3
"""CLIP ViT-B/32 and ViT-L/14 beside transformers on PyTorch, ONNX Runtime and OpenVINO: fp32, two threads, the same
weights (tests/golden/clip_weights.py makes them), all sides and this machine's own limits by turns in one run. Needs `make`
and, in this Python, tests/requirements.txt and bench/requirements.txt. Prints Markdown. All sides must agree before anything
is timed.

    clip.py [--only images,texts,files,process] [--model ViT-B-32] [--rows WORDS] [--pairs N] [--quick] [--avx2]

--rows: only rows whose name has these words. --quick: 3 rounds. --avx2: ours and PyTorch as on a CPU without AVX-512; ONNX
Runtime and OpenVINO cannot be told (clip_peers.hold_to_avx2) and keep it, which is harder on ours.

A ratio is a peer's time over ours, pair by pair: the median of 15 rounds with its 10-90 % range. Shares of a limit: the FMA
and read loops of bench/clip_limits.c ran in the same rounds; the arithmetic is what is really needed (one token in the last
layer, no padding). The roofline of a text: the larger of its weights over read speed and 2 x weights x tokens over the FMA
peak."""
import argparse
import json
import statistics

import numpy

import clip_peers
from clip_ours import (DATA, MODELS, THREADS, Driven, Missing, Ours, Shape, build, build_bench, level, milliseconds, ratio,
                       turns, weights)

IMAGE_BATCHES = {"ViT-B-32": (1, 8, 32), "ViT-L-14": (1, 4)}
TEXT_TOKENS, BATCH, BATCH_TOKENS = (6, 10, 15), 64, 14
PADDED_TOO = (10, BATCH_TOKENS)  # rows with the peers' default beside, every text padded to CONTEXT
START, END, CONTEXT = 49406, 49407, 77
ROUNDS = 15
MEAN = numpy.array([.48145466, .4578275, .40821073], numpy.float32)
STD = numpy.array([.26862954, .26130258, .27577711], numpy.float32)
LEAST_COSINE = .9999


class Table:
    """Rows of one model: ours, the peers, the best of them, a share of the machine's limit."""

    def __init__(self, options, title, peers, limits, share):
        self.o, self.peers, self.limits = options, peers, limits
        print(f"\n| {title}{options.note} | picask ms | {' | '.join(p.name + ' ms' for p in peers)} | "
              f"best peer / picask (10-90 %) | {share} |\n| --- | --- | " + "--- | " * (len(peers) + 2), flush=True)

    def measure(self, sides):
        """All sides {name: callable} and the limits by turns -> {name: [seconds]}; the limits' medians are kept."""
        peaks, reads = [], []
        limits = {"fma": lambda: peaks.append(self.limits.ask(f"fma {level()} {THREADS}")),
                  "read": lambda: reads.append(self.limits.ask(f"read {THREADS}"))}
        taken = turns({**sides, **limits}, self.o.pairs or ROUNDS)
        self.fma, self.read = statistics.median(peaks) * 1e9, statistics.median(reads) * 1e9
        return taken

    def row(self, what, ours, peers, share):
        """ours [seconds], peers {peer: [seconds]}"""
        best = min(peers.values(), key=statistics.median)
        cells = [milliseconds(peers[p]) if p in peers else "-" for p in self.peers]
        print(f"| {what} | {milliseconds(ours)} | {' | '.join(cells)} | {ratio(best, ours)} | {share} |", flush=True)


def agree(what, ours, peers):
    """peers {name: rows}; every side against every other"""
    sides = {"picask": clip_peers.unit(ours), **{name: clip_peers.unit(rows) for name, rows in peers.items()}}
    names = list(sides)
    for i, a in enumerate(names):
        for b in names[:i]:
            least = float((sides[a] * sides[b]).sum(-1).min())
            if least < LEAST_COSINE:
                raise SystemExit(f"{what}: {a} and {b} differ, cosine {least:.6f}")


def load_peers(hf):
    try:
        return clip_peers.load(hf)
    except ImportError as e:
        raise Missing(f"{e.name} in this Python: pip install -r bench/requirements.txt") from e


def images(o, name, limits):
    hf, _ = weights(name)
    shape, peers, ours = Shape(hf, "image"), load_peers(hf), Ours(build_bench(), hf)
    table = Table(o, f"{name} images, fp32, {THREADS} threads", peers, limits, "share of the FMA limit")
    rng = numpy.random.default_rng(1)
    for n in IMAGE_BATCHES[name]:
        what = f"batch {n}"
        if o.rows not in what:
            continue
        pixels = rng.integers(0, 256, (n, shape.size, shape.size, 3), dtype=numpy.uint8)
        pixels.tofile(DATA / "pixels.u8")
        ours.ask(f"load {DATA / 'pixels.u8'}")
        x = numpy.ascontiguousarray(((pixels / numpy.float32(255) - MEAN) / STD).transpose(0, 3, 1, 2), dtype=numpy.float32)
        calls = {p: p.prepare("image", x) for p in peers}
        ours.ask(f"images {n}")
        agree(what, ours.vectors(), {p.name: call() for p, call in calls.items()})
        taken = table.measure({"ours": lambda: ours.seconds(f"images {n}"), **calls})
        reached = n * shape.flops() / statistics.median(taken["ours"])
        table.row(what, taken["ours"], {p: taken[p] for p in peers},
                  f"{100 * reached / table.fma:.0f} % of {table.fma * 1e-9:.0f} GFLOP/s")
    ours.close()


def sentences(hf, n, tokens):
    """n texts of so many tokens, start and end counted, each word one token -> (texts, ids [n, tokens])"""
    words = {t[:-4]: i for t, i in json.loads((hf / "vocab.json").read_text()).items()
             if t.endswith("</w>") and t[:-4].isascii() and t[:-4].isalpha() and len(t) > 6 and i < 8000}
    names, rng = sorted(words), numpy.random.default_rng(tokens)
    texts = [[names[i] for i in rng.integers(0, len(names), tokens - 2)] for _ in range(n)]
    return [" ".join(t) for t in texts], numpy.array([[START] + [words[w] for w in t] + [END] for t in texts])


def texts(o, name, limits):
    hf, openai = weights(name)
    shape, peers, program = Shape(hf, "text"), load_peers(hf), build_bench()
    forms = {"fp32": (Ours(program, hf), 4), "fp16": (Ours(program, openai), 2)}  # bytes a weight
    table = Table(o, f"{name} texts, {THREADS} threads; peers with fp32 weights", peers, limits, "share of the roofline")

    def roofline(seconds, n, tokens, width):
        """the larger of weights over read speed and 2 x weights x tokens over the FMA peak"""
        by_memory, by_fma = shape.weights() * width / table.read, 2 * shape.weights() * n * tokens / table.fma
        bound, needed = "memory" if by_memory > by_fma else "FMA", n * shape.flops(tokens) / seconds / table.fma
        return f"{100 * max(by_memory, by_fma) / seconds:.0f} % ({bound}); needed FMAs {100 * needed:.0f} % of the peak"

    for n, tokens in [(1, t) for t in TEXT_TOKENS] + [(BATCH, BATCH_TOKENS)]:
        what = f"{n} x {tokens} tokens"
        if o.rows not in what:
            continue
        given, ids = sentences(hf, n, tokens)
        line = "texts " + "\t".join(given) if n > 1 else "ids " + ",".join(str(i) for i in ids[0])
        calls = {p: p.prepare("text", ids) for p in peers}
        for ours, _ in forms.values():
            ours.ask(line)
            agree(what, ours.vectors(), {p.name: call() for p, call in calls.items()})
        padded = {}
        if tokens in PADDED_TOO:  # a padded batch takes seconds: OpenVINO's alone, the fastest wherever measured
            long = numpy.pad(ids, ((0, 0), (0, CONTEXT - tokens)), constant_values=END)
            padded = {("padded", p): p.prepare("text", long) for p in (peers if n == 1 else peers[:1])}
        sides = {form: lambda ours=ours: ours.seconds(line) for form, (ours, _) in forms.items()}
        taken = table.measure({**sides, **calls, **padded})
        for form, (_, width) in forms.items():
            share = roofline(statistics.median(taken[form]), n, tokens, width)
            table.row(f"{what}, {form} weights", taken[form], {p: taken[p] for p in peers}, share)
            if padded:
                table.row(f"{what}, {form} weights; peers padded to {CONTEXT}", taken[form],
                          {p: taken["padded", p] for _, p in padded}, "")
    for ours, _ in forms.values():
        ours.close()


def main():
    parser = argparse.ArgumentParser(description="CLIP beside its peers")
    parser.add_argument("--only", default="images,texts,files,process")
    parser.add_argument("--model", default=",".join(MODELS))
    parser.add_argument("--rows", default="")
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--avx2", action="store_true")
    o = parser.parse_args()
    if o.quick:
        o.pairs = 3
    if o.avx2:
        clip_peers.hold_to_avx2()
    o.note = ", AVX2 alone" if o.avx2 else ""
    import clip_files
    sections = {"images": images, "texts": texts, "files": clip_files.files, "process": clip_files.process}
    DATA.mkdir(parents=True, exist_ok=True)
    limits = Driven(build("clip_limits", "-ffp-contract=fast"))
    for name in o.model.split(","):
        for section in o.only.split(","):
            try:
                sections[section](o, name, limits)
            except Missing as e:
                print(f"\nnot measured: {section} of {name}: needs {e}", flush=True)
    limits.close()


if __name__ == "__main__":
    main()
