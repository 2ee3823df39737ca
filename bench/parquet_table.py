#!/usr/bin/env python3
"""A Parquet file and vectors made ahead become a table: a C program on picask.h and lancelet.h (`parquet_table.c`) by turns with
pyarrow and lancedb doing the same, batch by batch, in this Python (imports not counted). Neither side syncs. Two files: pictures
as Hugging Face keeps them (struct<bytes, path>, snappy, 5,000 rows), and captions with numbers (dictionary, snappy, 500,000 rows).
Both tables are compared before anything is timed. Needs `make`, pyarrow, lancedb; 3 GB of disk. Prints Markdown rows."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("RUST_LOG", "error")
import lancedb  # noqa: E402
import numpy
import pyarrow as pa
import pyarrow.parquet as pq

from pairs import compare, row

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATCH, PAIRS = 4096, 15


def build():
    out = ROOT / "build" / "bench" / "parquet_table"
    out.parent.mkdir(parents=True, exist_ok=True)
    library = str(ROOT / "build")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-std=c11", "-D_GNU_SOURCE", f"-I{ROOT}/include",
                    str(ROOT / "bench" / "parquet_table.c"), f"-L{library}", "-lpicask", f"-Wl,-rpath,{library}", "-o", str(out)], check=True)
    return str(out)


def pictures(path, n):
    rng = numpy.random.default_rng(1)
    files = sorted((ROOT / "examples" / "pictures").glob("*.jpg"))
    data = [f.read_bytes() for f in files]
    image = pa.array([{"bytes": data[i % len(data)] + i.to_bytes(4, "little"), "path": f"{i:05d}.jpg"} for i in range(n)],
                     pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    text = pa.array([f"a picture of number {i} beside a road, {rng.integers(1 << 30)}" for i in range(n)])
    pq.write_table(pa.table({"image": image, "text": text}), path, row_group_size=1000)


def captions(path, n):
    rng = numpy.random.default_rng(2)
    words = numpy.array("a road with stop sign car bus tree man dog red blue green walking standing beside near the".split())
    text = [" ".join(w) for w in words[rng.integers(0, len(words), (n, 10))]]
    table = pa.table({"text": text, "label": pa.array(words[rng.integers(0, 6, n)]), "width": rng.integers(1, 4000, n).astype("int32"),
                      "score": rng.random(n), "file_name": [f"pictures/{i:08d}.jpg" for i in range(n)]})
    pq.write_table(table, path, row_group_size=100_000)


def peer(path, vectors, folder):
    file = pq.ParquetFile(path)
    schema = pa.schema([pa.field("vector", pa.list_(pa.float32(), vectors.shape[1]))] + list(file.schema_arrow.remove_metadata()))

    def batches():
        at = 0
        for batch in file.iter_batches(BATCH):
            flat = pa.array(vectors[at:at + len(batch)].reshape(-1))
            at += len(batch)
            yield pa.RecordBatch.from_arrays([pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])] + batch.columns, schema=schema)

    began = time.perf_counter()
    lancedb.connect(folder).create_table("t", pa.RecordBatchReader.from_batches(schema, batches()))
    return time.perf_counter() - began


def measure(name, make, n, dim, program, scratch):
    path, file = f"{scratch}/f.parquet", f"{scratch}/vectors"
    make(path, n)
    numpy.random.default_rng(3).standard_normal((n, dim), dtype="float32").tofile(file)
    vectors = numpy.memmap(file, "float32", "r", shape=(n, dim))

    def clean(folder):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        os.sync()
        return folder

    def ours():
        folder = clean(f"{scratch}/ours")
        return float(subprocess.run([program, path, file, str(dim), f"{folder}/t.lance"], check=True, capture_output=True, text=True).stdout)

    def theirs():
        return peer(path, vectors, clean(f"{scratch}/peer"))

    ours()
    theirs()
    a, b = (lancedb.connect(f"{scratch}/{x}").open_table("t").to_arrow() for x in ("ours", "peer"))
    assert a.schema.remove_metadata().equals(b.schema.remove_metadata()) and a.equals(b), (a.schema, b.schema)
    del a, b
    print(row(name, compare(ours, theirs, PAIRS, warmup=1)), flush=True)


def main():
    program = build()
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as scratch:
        measure("5,000 pictures (struct<bytes, path>, snappy) with captions and vectors of 768", pictures, 5_000, 768, program, scratch)
        measure("500,000 captions with four further columns and vectors of 384", captions, 500_000, 384, program, scratch)


main()
