"""The sections of bench/clip.py that begin at files: photographs to vectors beside transformers (CLIPImageProcessor on
Pillow), and whole processes beside a Python process that does the same."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import numpy

import clip_peers
from clip_ours import (DATA, PICASK, ROOT, THREADS, Missing, Ours, build_bench, environment, milliseconds, ratio, turns,
                       weights)

BATCH = 8
SMALL, LARGE = {"ViT-B-32": 48, "ViT-L-14": 16}, {"ViT-B-32": 16, "ViT-L-14": 0}  # pictures of a turn
QUERY = "a road with a stop sign"
TWELVE = (4000, 3000)  # megapixels


def photographs(n):
    """n different ones of COCO's sizes, 640 on the longer side, 480 or less on the other mostly"""
    from PIL import Image
    paths = [str(p) for p in sorted((ROOT / "examples" / "pictures").glob("*.jpg")) if max(Image.open(p).size) == 640]
    if len(paths) < n:
        raise Missing(f"{n} photographs of 640 pixels in examples/pictures: {len(paths)} are there")
    return paths[:n]


def large_photographs(n):
    """12-megapixel JPEGs of quality 90: the examples made larger, with noise as a sensor has it (without, their files are
    half as large as a camera's and decode faster)"""
    from PIL import Image
    folder = DATA / "large"
    folder.mkdir(parents=True, exist_ok=True)
    rng = numpy.random.default_rng(12)
    paths = []
    for i, small in enumerate(photographs(n)):
        path = folder / f"{i:02}.jpg"
        if not path.exists():
            picture = Image.open(small).convert("RGB")
            upright = TWELVE if picture.width > picture.height else TWELVE[::-1]
            pixels = numpy.asarray(picture.resize(upright, Image.Resampling.LANCZOS), numpy.float32)
            pixels = pixels + rng.normal(0, 4, pixels.shape[:2] + (1,)).astype(numpy.float32)
            Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8)).save(path, quality=90)
        paths.append(str(path))
    return paths


class Transformers:
    """Pillow, CLIPImageProcessor, CLIPModel, in batches; decoding in line, or one batch ahead in a thread: what is faster"""

    def __init__(self, folder, paths):
        import transformers
        self.torch = clip_peers.Torch(folder)
        self.name = f"transformers {transformers.__version__}"
        try:  # transformers 5 names the one on Pillow apart
            from transformers import CLIPImageProcessorPil as Processor
        except ImportError:
            from transformers import CLIPImageProcessor as Processor
        self.processor = Processor.from_pretrained(folder)
        self.paths = paths

    def load(self, paths):
        from PIL import Image
        pictures = []
        for path in paths:
            with Image.open(path) as picture:
                pictures.append(picture.convert("RGB"))
        return self.processor(images=pictures, return_tensors="np")["pixel_values"]

    def run(self, ahead):
        batches = [self.paths[i : i + BATCH] for i in range(0, len(self.paths), BATCH)]
        rows = []
        with ThreadPoolExecutor(1) as thread:
            coming = thread.submit(self.load, batches[0]) if ahead else None
            for i, batch in enumerate(batches):
                pixels = coming.result() if ahead else self.load(batch)
                if ahead and i + 1 < len(batches):
                    coming = thread.submit(self.load, batches[i + 1])
                rows.append(self.torch.embed("image", pixels))
        return numpy.concatenate(rows)

    def prepare(self):
        self.torch.prepare("image", self.load(self.paths[:BATCH]))  # picks the attention
        seconds = {}
        for ahead in (True, False):
            began = time.perf_counter()
            self.run(ahead)
            seconds[ahead] = time.perf_counter() - began
        self.ahead = min(seconds, key=seconds.get)
        return lambda: self.run(self.ahead)


def index(paths, folder, decode):
    """Whole process: the model opened, a table written."""
    with tempfile.TemporaryDirectory(dir=DATA) as scratch:
        began = time.perf_counter()
        run([PICASK, "index", "-q", "-d", scratch, "-m", str(folder), "--threads", str(THREADS), "--decode", decode, *paths],
            environment())
        return time.perf_counter() - began


def files(o, name, limits):
    hf, _ = weights(name)
    try:
        import transformers  # noqa: F401
        from PIL import Image  # noqa: F401
    except ImportError as e:
        raise Missing(f"{e.name} in this Python: pip install -r bench/requirements.txt") from e
    notes, ours = [], Ours(build_bench(), hf)
    side = json.loads((hf / "config.json").read_text())["vision_config"]["image_size"]
    title = f"{name}, files to vectors, fp32, {THREADS} threads{o.note}"
    print(f"\n| {title} | picask /s | transformers /s | ratio (10-90 %) |\n"
          "| --- | --- | --- | --- |", flush=True)
    for what, paths in (("photographs of 640x480 or about", photographs(SMALL[name])),
                        ("JPEGs of 12 megapixels", large_photographs(LARGE[name]))):
        if not paths or o.rows not in what:
            continue
        peer = Transformers(hf, paths)
        call = peer.prepare()
        line = {"full": f"files {BATCH} 0 {' '.join(paths)}", "fast": f"files {BATCH} {side} {' '.join(paths)}"}
        decodes = ("full", "fast") if "12" in what else ("full",)
        vectors = {}
        for decode in decodes:
            ours.ask(line[decode])
            vectors[decode] = clip_peers.unit(ours.vectors())
        sides = {decode: lambda d=decode: ours.seconds(line[d]) for decode in decodes}
        sides |= {f"index {decode}": lambda d=decode: index(paths, hf, d) for decode in decodes}
        taken = turns({**sides, "peer": call}, o.pairs or 15)
        for s in sides:
            row = f"{len(paths)} {what}" + (", --decode fast" if "fast" in s else "")
            row += ", all of `picask index`" if "index" in s else ""
            speeds = [f"{len(paths) / statistics.median(taken[x]):.2f}" for x in (s, "peer")]
            print(f"| {row} | {' | '.join(speeds)} | {ratio(taken['peer'], taken[s])} |", flush=True)
        cosine = (vectors["full"] * clip_peers.unit(call())).sum(-1)
        notes.append(f"{what}: cosine to transformers {cosine.min():.5f} at least, {numpy.median(cosine):.5f} in the middle")
        if "fast" in vectors:
            cosine = (vectors["full"] * vectors["fast"]).sum(-1)
            notes.append(f"--decode fast to full: {cosine.min():.5f} at least, {numpy.median(cosine):.5f} in the middle")
    print("\n" + "; ".join(notes), flush=True)
    ours.close()


PEER = """
import json, sys, torch
from transformers import CLIPModel, CLIPTextModelWithProjection, CLIPTokenizer
torch.set_num_threads(2)
tokens = CLIPTokenizer.from_pretrained(sys.argv[1])(sys.argv[2], return_tensors="pt")
with torch.inference_mode():
    if sys.argv[3] == "whole":
        vector = CLIPModel.from_pretrained(sys.argv[1]).eval().get_text_features(**tokens).pooler_output[0]
    else:
        vector = CLIPTextModelWithProjection.from_pretrained(sys.argv[1]).eval()(**tokens).text_embeds[0]
print(json.dumps((vector / vector.norm()).tolist()))
"""


def run(command, env=None):
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def memory(command, env=None):
    """-> (VmHWM, RssAnon at its largest) while the command runs, MB; the first counts mapped weights, which the kernel can
    drop"""
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = {"VmHWM": 0, "RssAnon": 0}
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as f:
                for line in f:
                    key = line.split(":")[0]
                    if key in peak:
                        peak[key] = max(peak[key], int(line.split()[1]) / 1024)
        except OSError:
            break
        time.sleep(.0005)
    return peak["VmHWM"], peak["RssAnon"]


def process(o, name, limits):
    hf, openai = weights(name)
    if not os.path.exists(PICASK):
        raise Missing("build/picask: run `make` first")
    cache = DATA / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    packed = dict(os.environ, XDG_CACHE_HOME=str(cache))
    began = time.perf_counter()
    run([PICASK, "model", "pack", str(hf)], packed)
    pack_seconds = time.perf_counter() - began
    ours = lambda path: [PICASK, "embed", "-m", str(path), "--text", QUERY]
    peer = {kind: [sys.executable, "-c", PEER, str(hf), QUERY, kind] for kind in ("whole", "text")}
    sides = {"fp32 safetensors": (ours(hf), environment()), "the same, packed": (ours(hf), packed),
             "OpenAI's fp16 .pt": (ours(openai), environment()), "CLIPModel": (peer["whole"], None),
             "CLIPTextModelWithProjection": (peer["text"], None)}
    taken = turns({side: lambda c=c, e=e: run(c, e) for side, (c, e) in sides.items()}, o.pairs or 15)
    print(f"\n| {name}, `picask embed --text \"{QUERY}\"`{o.note} | ms | CLIPModel / it (10-90 %) | text model alone / it | "
          "peak memory MB (of it anonymous) |\n| --- | --- | --- | --- | --- |")
    for side, (command, env) in sides.items():
        resident, anonymous = (max(x) for x in zip(*(memory(command, env) for _ in range(3))))
        print(f"| {side} | {milliseconds(taken[side])} | {ratio(taken['CLIPModel'], taken[side])} | "
              f"{ratio(taken['CLIPTextModelWithProjection'], taken[side])} | {resident:.0f} ({anonymous:.0f}) |", flush=True)
    print(f"\n`picask model pack`: {pack_seconds:.1f} s", flush=True)
    shutil.rmtree(cache, ignore_errors=True)
