#!/usr/bin/env python3
"""The Lance library beside LanceDB and beside the disk: 100,000 rows of 768 float32 with a number and a caption are added to a
table, once without fsync by turns with LanceDB (which never syncs), once with every fsync by turns with `dd conv=fsync` of as
many bytes. Then how much anonymous memory it takes to add a million such rows as one stream, made batch by batch, and a million
narrower ones as one batch. Needs the libraries built (`make libs`) and lancedb in this Python; about 4 GB of disk. Prints
Markdown rows; with --memory only those about memory."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

os.environ.setdefault("RUST_LOG", "error")  # else lance warns of each table that it makes
import lancedb  # noqa: E402
import numpy
import pyarrow as pa

from pairs import compare, row

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("PICASK_BUILD", str(ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests" / "peers"))
import lancelet  # noqa: E402

ROWS, DIM, BATCH, PAIRS = 100_000, 768, 8_192, 7
MILLION = 1_000_000
NARROW = 96  # floats of the million rows that come as one batch


def rows(n, dim, first=0):
    rng = numpy.random.default_rng(n + first)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rng.standard_normal(n * dim, dtype="float32")), dim)
    text = [f"a picture of number {i} beside a road, with some more words in it" for i in range(first, first + n)]
    return pa.table({"id": numpy.arange(first, first + n), "text": text, "vector": vectors})


class Fresh:
    """A new pair of small tables for each run, so that no run adds to what another left; the disk idle before it."""
    def __init__(self, folder, first):
        self.folder, self.first, self.n = folder, first, 0

    def clock(self, make, run):
        self.n += 1
        path = os.path.join(self.folder, str(self.n))
        os.mkdir(path)
        state = make(path)
        os.sync()
        began = time.perf_counter()
        kept = run(state, path)  # what a run returns is let go after the clock
        seconds = time.perf_counter() - began
        del kept, state
        shutil.rmtree(path)
        return seconds

    def ours(self, table, no_sync):
        return self.clock(lambda p: lancelet.create(p + "/t.lance", self.first),
                          lambda t, p: t.commit(rows=table, no_sync=no_sync))

    def lancedb(self, table):
        return self.clock(lambda p: lancedb.connect(p).create_table("t", self.first), lambda t, p: t.add(table))

    def disk(self, size):
        return self.clock(lambda p: None, lambda _, p: subprocess.run(
            ["dd", "if=/dev/zero", f"of={p}/file", "bs=1M", f"count={size >> 20}", "conv=fsync", "status=none"],
            check=True))


def anonymous():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon"):
            return int(line.split()[1]) << 10


def memory_of(run):
    """The most anonymous memory while `run` goes on, above what there was before, in MB."""
    before, most, done = anonymous(), 0, threading.Event()

    def watch():
        nonlocal most
        while not done.wait(.002):
            most = max(most, anonymous())

    thread = threading.Thread(target=watch)
    thread.start()
    run()
    done.set()
    thread.join()
    return max(0, most - before) / 1e6


def append_million(folder, name, first, data):
    """Adds a million rows to a new table; what the input holds by itself is not counted but for its current batch."""
    path = os.path.join(folder, "million.lance")
    table = lancelet.create(path, first)
    most = memory_of(lambda: table.commit(rows=data))
    assert lancelet.open(path).count() == first.num_rows + MILLION
    print(f"| {name} | {most:.0f} MB of memory |", flush=True)
    del table
    shutil.rmtree(path)


def measure_memory(folder):
    first = rows(1, DIM)
    batches = (rows(min(BATCH, MILLION - i), DIM, i).to_batches()[0] for i in range(0, MILLION, BATCH))
    append_million(folder, f"a million rows x {DIM} with captions as one stream, in batches of {BATCH:,} made as it goes",
                   first, pa.RecordBatchReader.from_batches(first.schema, batches))
    whole = rows(MILLION, NARROW)
    append_million(folder, f"a million rows x {NARROW} with captions in one batch", whole.slice(0, 1), whole)


def main():
    only_memory = "--memory" in sys.argv
    where = [a for a in sys.argv[1:] if a != "--memory"]
    with tempfile.TemporaryDirectory(dir=where[0] if where else None) as folder:
        if only_memory:
            return measure_memory(folder)
        table = rows(ROWS, DIM)
        fresh = Fresh(folder, table.slice(0, 10))
        size = table.nbytes
        cut = pa.Table.from_batches(table.to_batches(BATCH))
        for name, t in (("one batch", table), (f"batches of {BATCH:,}", cut)):
            print(row(f"{ROWS:,} x {DIM} float32 with captions added, {name}, no fsync on either side",
                      compare(lambda: fresh.ours(t, True), lambda: fresh.lancedb(t), PAIRS)), flush=True)
        print(row(f"the same {size / 1e6:.0f} MB with every fsync, the peer is dd conv=fsync",
                  compare(lambda: fresh.ours(cut, False), lambda: fresh.disk(size), PAIRS)), flush=True)
        measure_memory(folder)


main()
