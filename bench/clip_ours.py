"""What the sections of bench/clip.py share: our programs (bench/clip_bench.c, bench/clip_limits.c) built and driven, the
weights, turns taken by all sides, the arithmetic that a tower needs, numbers for rows of Markdown."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from pairs import quantile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("PICASK_BENCH_DATA") or ROOT / "build" / "bench-data")
PICASK = str(ROOT / "build" / "picask")
THREADS = 2
PAUSE = .05  # seconds before each turn: the others' threads go on spinning for a while after theirs
MODELS = ("ViT-B-32", "ViT-L-14")


class Missing(Exception):
    """what a section needs and has not; names it"""


def build(name, *more):
    """build/bench/NAME from bench/NAME.c"""
    out = ROOT / "build" / "bench" / name
    out.parent.mkdir(parents=True, exist_ok=True)
    compiler = [os.environ.get("CC", "cc"), "-O2", "-std=c11", "-D_GNU_SOURCE", f"-I{ROOT}/include", f"-I{ROOT}/src"]
    subprocess.run([*compiler, str(ROOT / "bench" / f"{name}.c"), *more, "-lpthread", "-o", str(out)], check=True)
    return str(out)


def build_bench():
    library = ROOT / "build" / "libpicask.a"
    if not library.exists():
        raise Missing("build/libpicask.a: run `make libs` first")
    names = "libjpeg libpng libwebp libexif libzstd liblz4 zlib jansson libxxhash nettle"
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", *names.split()], check=True, capture_output=True, text=True)
    return build("clip_bench", str(library), *flags.stdout.split(), "-lgif", "-lunistring", "-lm")


def weights(name):
    """Makes them unless they are there; -> (Hugging Face's folder with fp32, OpenAI's archive with matrices in fp16): one
    model, every value is a number of fp16. Read once, so that they lie in the page cache."""
    folder = DATA / "clip" / name
    hf, openai = folder / "hf", folder / "openai" / f"{name}.pt"
    for out, form, dtype in ((hf, "hf", "f32"), (openai.parent, "openai", "f16")):
        if not (out / "ready").exists():
            subprocess.run([sys.executable, str(ROOT / "tests" / "golden" / "clip_weights.py"), str(out), "--model", name,
                            "--width", "full", "--layers", "all", "--vocab", "49408", "--format", form, "--dtype", dtype],
                           check=True, stdout=subprocess.DEVNULL)
            (out / "ready").touch()
    if not (hf / "tokenizer.json").exists():
        raise Missing("CLIP's tokenizer.json: the shared data (PICASK_SHARED) was not there when build/bench-data was made")
    for path in (hf / "model.safetensors", openai):
        subprocess.run(["cat", str(path)], check=True, stdout=subprocess.DEVNULL)
    return hf, openai


def environment():
    """without packed weights: the cache folder is an empty one"""
    return dict(os.environ, XDG_CACHE_HOME=str(DATA / "no-cache"))


class Driven:
    """One running program that answers a line with a number."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment())

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.process.args[0]} ended at: {line[:60]}")
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Ours(Driven):
    def __init__(self, program, path):
        super().__init__(program, path, THREADS)

    def seconds(self, line):
        return self.ask(line) * 1e-9

    def vectors(self):
        """of the last answer, [n, dim]"""
        import numpy
        path = DATA / "vectors.f32"
        n = int(self.ask(f"write {path}"))
        return numpy.fromfile(path, dtype=numpy.float32).reshape(n, -1)


def turns(calls, rounds):
    """calls {name: callable}: by turns, A B C A B C ..., a pause in front of each, the first round not counted; a callable
    returns seconds (a float) or is timed. -> {name: [seconds]}"""
    taken = {name: [] for name in calls}
    for i in range(-1, rounds):
        for name, call in calls.items():
            time.sleep(PAUSE)
            began = time.perf_counter()
            seconds = call()
            seconds = seconds if isinstance(seconds, float) else time.perf_counter() - began
            if i >= 0:
                taken[name].append(seconds)
    return taken


def ratio(peer, ours):
    """of pairs of one round: median (10-90 %)"""
    pairs = [p / o for p, o in zip(peer, ours)]
    return f"{statistics.median(pairs):.2f} ({quantile(pairs, .1):.2f}-{quantile(pairs, .9):.2f})"


def milliseconds(seconds):
    m = statistics.median(seconds) * 1e3
    return f"{m:.1f}" if m >= 100 else f"{m:.2f}"


class Shape:
    """The numbers of a tower, out of config.json."""

    def __init__(self, folder, kind):
        whole = json.loads((folder / "config.json").read_text())
        c = whole[f"{'vision' if kind == 'image' else 'text'}_config"]
        self.d, self.layers, self.mlp = c["hidden_size"], c["num_hidden_layers"], c["intermediate_size"]
        self.dim = whole["projection_dim"]
        self.image = kind == "image"
        if self.image:
            self.size, self.patch = c["image_size"], c["patch_size"]
            self.tokens = (self.size // self.patch) ** 2 + 1

    def weights(self):
        """numbers in the matrices that a text goes through"""
        return self.layers * (4 * self.d * self.d + 2 * self.d * self.mlp) + self.d * self.dim

    def flops(self, tokens=None):
        """Multiplications and additions that one picture or one text of so many real tokens needs: in the last layer the
        keys and values of all tokens, everything else of one; a text's token sees those in front of it only."""
        n, d = tokens or self.tokens, self.d
        seen = n * n if self.image else n * (n + 1) / 2
        full = n * (4 * d * d + 2 * d * self.mlp) + 2 * seen * d
        last = n * 2 * d * d + 2 * d * d + 2 * d * self.mlp + 2 * n * d
        patches = (n - 1) * 3 * self.patch ** 2 * d if self.image else 0
        return 2 * ((self.layers - 1) * full + last + patches + d * self.dim)


def level():
    """of the FMA loop: the widest that this run uses"""
    flags = pathlib.Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    wanted = os.environ.get("PICASK_ISA", "avx512")
    return "avx512" if "avx512f" in flags and wanted != "avx2" else "avx2" if "avx2" in flags else "c"
