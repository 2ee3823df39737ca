#!/usr/bin/env python3
"""The Lance library beside LanceDB and beside the disk: 100,000 rows of 768 float32 with a number and a caption are added to a
table, once without fsync by turns with LanceDB (which never syncs), once with every fsync by turns with `dd conv=fsync` of as
many bytes. Then a million rows in one stream, and as one batch, and how much anonymous memory that took. Needs the libraries
built (`make libs`) and lancedb in this Python; about 2 GB of disk. Prints Markdown rows."""
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
NARROW = 96  # floats of the million rows


def rows(n, dim):
    rng = numpy.random.default_rng(n)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rng.standard_normal(n * dim, dtype="float32")), dim)
    text = [f"a picture of number {i} beside a road, with some more words in it" for i in range(n)]
    return pa.table({"id": numpy.arange(n), "text": text, "vector": vectors})


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


def measure_memory(folder):
    batch = rows(BATCH, NARROW).to_batches()[0]
    whole = rows(1_000_000, NARROW)
    path = os.path.join(folder, "million.lance")
    table = lancelet.create(path, whole.slice(0, 1))
    stream = pa.RecordBatchReader.from_batches(batch.schema, (batch for _ in range(1_000_000 // BATCH)))
    print(f"| a million rows in batches of {BATCH:,} | {memory_of(lambda: table.commit(rows=stream)):.0f} MB of memory |")
    print(f"| a million rows in one batch | {memory_of(lambda: table.commit(rows=whole)):.0f} MB of memory |")
    shutil.rmtree(path)


def main():
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
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
