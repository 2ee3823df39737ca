#!/usr/bin/env python3
"""Searches of tables beside LanceDB by alternating pairs, page cache warm: whole processes and open tables, 785 rows and 200,000
rows of 768 float32, and beside how fast this machine reads memory (bench/memory_read.c over a file of the same size). Needs
`make` done and lancedb in this Python. Prints Markdown rows."""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

os.environ.setdefault("RUST_LOG", "error")  # else lance warns of each table that it makes
import lancedb  # noqa: E402
import numpy
import pyarrow as pa

from pairs import compare, row

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("PICASK_BUILD", str(ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests" / "peers"))
import lancelet  # noqa: E402

PICASK = os.path.join(os.environ["PICASK_BUILD"], "picask")
DIM, SMALL, LARGE = 768, 785, 200_000

PEER = """
import sys, lancedb, numpy
table = lancedb.connect(sys.argv[1]).open_table(sys.argv[2])
vector = numpy.load(sys.argv[3])[0]
print(table.search(vector).distance_type("cosine").limit(3).select(["id", "text", "_distance"]).to_list())
"""


def rows(n):
    values = numpy.random.default_rng(n).standard_normal((n, DIM), dtype="float32")
    values /= numpy.linalg.norm(values, axis=1, keepdims=True)
    return pa.table({"id": pa.array(range(n), pa.int64()),
                     "text": [f"there is a car number {i} driving down a street" for i in range(n)],
                     "vector": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), DIM)})


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def memory_seconds(scratch, size):
    """Median time to read as many bytes as the vectors have."""
    program, file = os.path.join(scratch, "memory_read"), os.path.join(scratch, "bytes")
    run(os.environ.get("CC", "cc"), "-O3", "-D_GNU_SOURCE", "-o", program, str(ROOT / "bench/memory_read.c"), "-lpthread")
    with open(file, "wb") as f:
        f.write(numpy.random.default_rng(1).bytes(size))
    threads = str(len(os.sched_getaffinity(0)))

    def once():
        p = subprocess.run([program, file, threads, "15"], check=True, capture_output=True, text=True)
        return statistics.median(map(float, p.stdout.split()))
    return once


def measure(scratch, db, n):
    name = f"t{n}"
    theirs = db.create_table(name, rows(n))
    ours = lancelet.open(os.path.join(scratch, name + ".lance"))
    rng, file = numpy.random.default_rng(5), os.path.join(scratch, "q.npy")
    numpy.save(file, rng.standard_normal((1, DIM), dtype="float32"))

    def search_ours():
        hits = ours.search(rng.standard_normal(DIM), 3)
        return ours.take([a for a, _ in hits], ["id", "text"]).to_pylist()

    def search_theirs():
        query = rng.standard_normal(DIM).astype("float32")
        return theirs.search(query).distance_type("cosine").limit(3).select(["id", "text", "_distance"]).to_list()

    process = [PICASK, "search", "-d", scratch, "-t", name, "--vector", file, "-n", "3"]
    peer = [sys.executable, "-c", PEER, scratch, name, file]
    what = f"{n:,} x {DIM}"
    print(row(f"whole process, open and first search, {what}", compare(lambda: run(*process), lambda: run(*peer))))
    print(row(f"search with captions, table open, {what}", compare(search_ours, search_theirs)))
    if n < LARGE:
        return
    query = rng.standard_normal(DIM)
    r = compare(lambda: ours.search(query, 3), lambda: run(*process))
    print(row(f"our warm call / our whole process, {what}", r))
    r = compare(lambda: ours.search(query, 3), memory_seconds(scratch, n * DIM * 4))
    print(row(f"our warm call / reading {n * DIM * 4 / 1e6:.0f} MB of memory", r))


def main():
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as scratch:
        db = lancedb.connect(scratch)
        print("| | ours ms | peer ms | ratio (10-90 %) |\n| --- | --- | --- | --- |")
        measure(scratch, db, SMALL)
        measure(scratch, db, LARGE)


main()
