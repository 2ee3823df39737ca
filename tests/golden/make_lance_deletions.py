"""Deletion files of the real writers for tests/unit/lance_deletion.c, into tests/fixtures/lance/deletion/:

    zstd.arrow    LanceDB, rows 0, 3, 5, 8, ... of 3,000 deleted (few rows: Arrow IPC, ZSTD)
    raw.arrow     LanceDB, rows 1 and 2 (a buffer too small to be packed: stored as it is)
    plain.arrow   pyarrow, rows 0, 7, 2999, not compressed
    lz4.arrow     pyarrow, the same rows, packed with LZ4
    bitmap.bin    LanceDB, rows below 70,000 that 3 divides (many rows: Roaring)
    runs.bin      by hand after the Roaring specification: rows 10..19, 65536..65540 as containers of runs

Run in the repository root: python3 tests/golden/make_lance_deletions.py"""
import glob
import pathlib
import shutil
import struct
import tempfile

import lancedb
import pyarrow as pa

OUT = pathlib.Path("tests/fixtures/lance/deletion")


def lancedb_file(rows, condition, name):
    with tempfile.TemporaryDirectory() as folder:
        table = lancedb.connect(folder).create_table("t", pa.table({"id": pa.array(range(rows), pa.int64())}))
        table.delete(condition)
        (found,) = glob.glob(folder + "/t.lance/_deletions/*")
        assert found.endswith(pathlib.Path(name).suffix), found
        shutil.copy(found, OUT / name)


def pyarrow_file(name, compression):
    schema = pa.schema([pa.field("row_id", pa.uint32(), nullable=False)])
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_file(str(OUT / name), schema, options=options) as writer:
        writer.write_batch(pa.record_batch([pa.array([7, 2999, 0], pa.uint32())], schema=schema))


OUT.mkdir(parents=True, exist_ok=True)
lancedb_file(3000, "id % 5 = 0 or id % 5 = 3", "zstd.arrow")
lancedb_file(3000, "id = 1 or id = 2", "raw.arrow")
lancedb_file(70000, "id % 3 = 0", "bitmap.bin")
pyarrow_file("plain.arrow", None)
pyarrow_file("lz4.arrow", "lz4")
runs = struct.pack("<HHBHHHH", 12347, 1, 0b11, 0, 9, 1, 4)  # cookie, containers - 1, run flags, {key, rows - 1} twice
runs += struct.pack("<HHH", 1, 10, 9) + struct.pack("<HHH", 1, 0, 4)  # {runs, first, length - 1} twice
(OUT / "runs.bin").write_bytes(runs)
