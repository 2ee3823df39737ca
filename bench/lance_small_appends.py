#!/usr/bin/env python3
"""What 1,000 appends of one row cost a search: a table of 200,000 rows of 768 float32 before and after them, by alternating
pairs of whole processes, page cache warm. Three times: appended by ours as index runs do it, putting 32 and more small
fragments together after each; by ours without that; by LanceDB. Needs `make` done and lancedb in this Python. Prints
Markdown rows."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
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

PICASK = os.path.join(os.environ["PICASK_BUILD"], "picask")
ROWS, DIM, APPENDS, LEAST_FRAGMENTS = 200_000, 768, 1000, 32  # the last as in src/gallery/compact.c

PEER = """
import sys, lancedb, numpy
table = lancedb.connect(sys.argv[1]).open_table(sys.argv[2])
vector = numpy.load(sys.argv[3])[0]
print(table.search(vector).distance_type("cosine").limit(3).select(["id", "text", "_distance"]).to_list())
"""


def rows(first, n):
    values = numpy.random.default_rng(first).standard_normal((n, DIM), dtype="float32")
    values /= numpy.linalg.norm(values, axis=1, keepdims=True)
    ids = range(first, first + n)
    return pa.table({"id": pa.array(ids, pa.int64()), "text": [f"there is a car number {i} on a street" for i in ids],
                     "vector": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), DIM)})


def append_ours(path, compact):
    table, written = lancelet.open(path), 0
    for i in range(APPENDS):
        table = table.commit(rows=rows(ROWS + i, 1))
        if compact:
            table, report = table.compact(least_fragments=LEAST_FRAGMENTS)
            written += report["rows"]
    return written


def append_theirs(folder, name):
    table = lancedb.connect(folder).open_table(name)
    for i in range(APPENDS):
        table.add(rows(ROWS + i, 1))


def main():
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as scratch:
        query = os.path.join(scratch, "q.npy")
        print("| | before ms | after ms | ratio (10-90 %) |\n| --- | --- | --- | --- |", flush=True)
        numpy.save(query, numpy.random.default_rng(5).standard_normal((1, DIM), dtype="float32"))
        lancelet.create(os.path.join(scratch, "before.lance"), rows(0, ROWS))

        def run(*command):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def ours(name):
            return lambda: run(PICASK, "search", "-d", scratch, "-t", name, "--vector", query, "-n", "3")

        def theirs(name):
            return lambda: run(sys.executable, "-c", PEER, scratch, name, query)

        for name, append, search in (
                ("kept", lambda p: append_ours(p, True), ours), ("left", lambda p: append_ours(p, False), ours),
                ("peer", lambda p: append_theirs(scratch, "peer"), theirs)):
            path = os.path.join(scratch, name + ".lance")
            shutil.copytree(os.path.join(scratch, "before.lance"), path, copy_function=os.link)  # files never change
            began = time.monotonic()
            written = append(path)
            seconds, table = time.monotonic() - began, lancelet.open(path)
            assert table.rows == ROWS + APPENDS
            what = {"kept": f"ours, fragments put together (rows written again: {written})", "left": "ours, fragments left",
                    "peer": "LanceDB"}[name]
            print(row(f"{what}: {table.info['fragments']} fragments, appended in {seconds:.1f} s",
                      compare(search("before"), search(name), **({"pairs": 5, "warmup": 1} if name == "peer" else {}))),
                  flush=True)


main()
