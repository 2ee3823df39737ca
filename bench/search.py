#!/usr/bin/env python3
"""The Lance library beside LanceDB on one table of 200,000 vectors of 384 float32, in one process, by alternating pairs: a
flat search, a scan of all columns into Arrow, and an append of 10,000 rows. Needs the libraries built (`make libs`) and
lancedb in this Python. Prints Markdown rows. Both sides keep the table open. The scan is measured twice: ours hands out
vectors where they lie in the mapped file, so the second row adds all numbers up, which both must read then. LanceDB never
syncs; ours is measured as it comes, with every fsync, and without."""
import os
import pathlib
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

ROWS, DIM, K, ADDED = 200_000, 384, 10, 10_000


def rows(first, n):
    rng = numpy.random.default_rng(first)
    ids = numpy.arange(first, first + n)
    values = rng.standard_normal(n * DIM, dtype="float32")
    return pa.table({"id": ids, "text": [f"picture {i}" for i in ids],
                     "vector": pa.FixedSizeListArray.from_arrays(pa.array(values), DIM)})


def total(table):
    return sum(numpy.asarray(c.values).sum() for c in table["vector"].chunks)


def measure_search(ours, theirs):
    rng = numpy.random.default_rng(7)

    def search_ours():
        address = [a for a, _ in ours.search(rng.standard_normal(DIM), K)]
        return ours.take(address, ["id"])["id"].to_pylist()

    def search_theirs(query=None):
        query = rng.standard_normal(DIM) if query is None else query
        query = theirs.search(query.astype("float32")).distance_type("cosine").bypass_vector_index()
        return query.select(["id", "_distance"]).limit(K).to_arrow()["id"].to_pylist()

    for _ in range(3):
        query = rng.standard_normal(DIM)
        assert [a for a, _ in ours.search(query, K)] == search_theirs(query)  # one fragment: addresses are ids
    print(row(f"flat search, {ROWS:,} x {DIM} float32, cosine, k={K}", compare(search_ours, search_theirs)))


def measure_scan(ours, theirs):
    assert ours.reader().read_all().num_rows == theirs.to_arrow().num_rows == ROWS
    print(row("scan of all columns to Arrow", compare(lambda: ours.reader().read_all(), theirs.to_arrow)))
    print(row("scan of all columns to Arrow, all vectors added up",
              compare(lambda: total(ours.reader().read_all()), lambda: total(theirs.to_arrow()))))


def measure_append(scratch, db, no_sync):
    start, more = rows(0, 10), rows(10, ADDED)
    name = "unsynced" if no_sync else "synced"
    state = lancelet.create(os.path.join(scratch, f"ours_{name}.lance"), start)
    theirs = db.create_table(f"theirs_{name}", start)

    def add():
        nonlocal state
        state = state.commit(rows=more, no_sync=no_sync)

    what = "ours without" if no_sync else "ours with"
    print(row(f"append of {ADDED:,} rows, {what} fsync, LanceDB without", compare(add, lambda: theirs.add(more))))


def main():
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as scratch:
        db = lancedb.connect(scratch)
        theirs = db.create_table("t", rows(0, ROWS))
        ours = lancelet.open(os.path.join(scratch, "t.lance"))
        print("| in one process | ours ms | LanceDB ms | ratio (10-90 %) |\n| --- | --- | --- | --- |")
        measure_search(ours, theirs)
        measure_scan(ours, theirs)
        measure_append(scratch, db, False)
        measure_append(scratch, db, True)


main()
