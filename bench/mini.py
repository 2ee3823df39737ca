#!/usr/bin/env python3
"""The towers of mini-1 beside PyTorch running the same network on the same (dequantised) weights in fp32: two threads,
alternating pairs. Needs `make`, PyTorch, Pillow and tokenizers in this Python. Prints Markdown rows.

    mini.py [--pairs N] [--avx2]

--avx2: both sides as on a CPU without AVX-512 (PICASK_ISA=avx2, ATEN_CPU_CAPABILITY=avx2, ONEDNN_MAX_CPU_ISA=AVX2)."""
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

AVX2 = "--avx2" in sys.argv
if AVX2 and os.environ.get("ONEDNN_MAX_CPU_ISA") != "AVX2":  # PyTorch reads these when it starts
    os.environ.update(PICASK_ISA="avx2", ATEN_CPU_CAPABILITY="avx2", ONEDNN_MAX_CPU_ISA="AVX2")
    os.execv(sys.executable, [sys.executable] + sys.argv)

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "golden"))

import torch

import mini_torch as mt
from pairs import compare, row

THREADS, BATCH, FILES = 2, 8, 48
PAUSE = .05  # seconds before each turn: the other side's threads go on spinning for a while after theirs
MODEL = str(ROOT / "models" / "mini-1.safetensors")
TEXT = "a close up of a stop sign near the woods"
PAIRS = int(sys.argv[sys.argv.index("--pairs") + 1]) if "--pairs" in sys.argv else 21


def build():
    """build/bench/mini_bench, linked to the library"""
    out = ROOT / "build" / "bench" / "mini_bench"
    out.parent.mkdir(parents=True, exist_ok=True)
    names = "libjpeg libpng libwebp libexif libzstd liblz4 zlib jansson libxxhash nettle"
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", *names.split()], check=True, capture_output=True, text=True).stdout.split()
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-std=c11", "-D_GNU_SOURCE", f"-I{ROOT}/include", f"-I{ROOT}/src",
                    str(ROOT / "bench" / "mini_bench.c"), str(ROOT / "build" / "libpicask.a"), *flags, "-lgif", "-lunistring", "-lm",
                    "-lpthread", "-o", str(out)], check=True)
    return str(out)


class Ours:
    """One running mini_bench; ask() returns the seconds that it says."""

    def __init__(self, program, isa=None):
        env = dict(os.environ, **({"PICASK_ISA": isa} if isa else {}))
        self.process = subprocess.Popen([program, MODEL, str(THREADS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def ask(self, line):
        time.sleep(PAUSE)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline()) * 1e-9


def timed(call):
    """seconds of one turn of PyTorch's"""
    time.sleep(PAUSE)
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main():
    torch.set_num_threads(THREADS)
    program = build()
    ours = Ours(program)
    tensors, meta = mt.read_safetensors(MODEL)
    cfg = json.loads(meta["picask.config"])
    w = mt.weights(tensors)
    size = cfg["image"]["size"]
    ids_of = mt.tokenizer(tensors["text.vocab"].tobytes().rstrip(b"\n") + b"\n", cfg["text"]["max_positions"])
    paths = sorted(str(p) for p in (ROOT / "examples" / "pictures").glob("*.jpg"))
    pixels = mt.load_pixels(paths[0], size)[None]
    x = ((torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).float() - 127) / 128).contiguous(memory_format=torch.channels_last)

    def many():
        """decoding one batch ahead in a thread of its own"""
        batches = [paths[i : i + BATCH] for i in range(0, FILES, BATCH)]
        load = lambda b: [mt.load_pixels(p, size) for p in b]
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(load, batches[0])
            for following in batches[1:] + [None]:
                batch = coming.result()
                if following:
                    coming = ahead.submit(load, following)
                mt.embed_pixels(w, cfg, batch)

    turn, turn_peer = itertools.cycle(paths), itertools.cycle(paths)
    files = "files %d %s" % (FILES, " ".join(paths[:FILES]))
    print(f"| mini-1, {THREADS} threads{', AVX2 alone' if AVX2 else ''} | picask ms | PyTorch {torch.__version__} fp32 ms | ratio (10-90 %) |")
    print("| --- | --- | --- | --- |")
    with torch.inference_mode():
        peer_pixels = lambda: timed(lambda: mt.embed_features(w, mt.trunk(w, cfg, x)))
        print(row("one picture, model only", compare(lambda: ours.ask("pixels"), peer_pixels, PAIRS)), flush=True)
        if not AVX2:
            fp32 = Ours(program, "avx512")
            print(row("the same in fp32 (PICASK_ISA=avx512)", compare(lambda: fp32.ask("pixels"), peer_pixels, PAIRS)), flush=True)
        print(row("one JPEG file to vector / Pillow and PyTorch",
                  compare(lambda: ours.ask("file " + next(turn)),
                          lambda: timed(lambda: mt.embed_pixels(w, cfg, mt.load_pixels(next(turn_peer), size)[None])), PAIRS)), flush=True)
        print(row(f"{FILES} JPEG files to vectors / Pillow one batch ahead, PyTorch in batches of {BATCH}",
                  compare(lambda: ours.ask(files), lambda: timed(many), max(PAIRS * 5 // 7, 15))), flush=True)
        print(row("one text of 12 tokens, words to vector",
                  compare(lambda: ours.ask("text " + TEXT), lambda: timed(lambda: mt.embed_ids(w, cfg, ids_of(TEXT))), PAIRS)), flush=True)


if __name__ == "__main__":
    main()
