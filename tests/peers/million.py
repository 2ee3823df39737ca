"""million.py - a Parquet file of a million rows into a table, killed twice on the way: identical pictures share their vector, the
ids are the numbers of the rows, memory stays bounded, and a second run has nothing to do; and rows of large pictures.

Expected: the ids, captions and pictures of the file itself, the figures of LanceDB, and the bound that the documentation states."""
import json
import os
import random
import signal
import struct
import subprocess
import time
import zlib

import lancedb
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, PICTURES = 1_000_000, 1_000
MEMORY = 400 * 1024  # kB of anonymous memory


def _png(rng):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + rng.randbytes(6) for _ in range(2))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _caption(i):
    return f"row {i}"


def _write(path, pictures):
    kind = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("caption", pa.string())])
    with pq.ParquetWriter(path, kind) as out:
        for first in range(0, ROWS, 50_000):
            images = pa.array([{"bytes": pictures[i % PICTURES], "path": None} for i in range(first, first + 50_000)], kind.field("image").type)
            out.write_table(pa.table([images, pa.array([_caption(i) for i in range(first, first + 50_000)])], schema=kind))


def _anonymous(pid):
    """kB, 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            return next((int(line.split()[1]) for line in f if line.startswith("RssAnon:")), 0)
    except OSError:
        return 0


def _index(peer, arguments, kill_at=None, name="million.parquet"):
    """Runs to its end, or until the table has kill_at rows and is then killed; (report or None, peak kB, seconds)."""
    command = [str(peer.build / "picask"), "index", str(peer.tmp / name), "--json", *arguments]
    began, peak, looked = time.monotonic(), 0, 0.0
    with open(peer.tmp / "out", "w+", encoding="utf-8") as out:
        p = subprocess.Popen(command, stdout=out)
        while p.poll() is None:
            peak = max(peak, _anonymous(p.pid))
            time.sleep(0.02)
            if kill_at is not None and time.monotonic() - looked > 0.5:
                looked = time.monotonic()
                if _rows(peer) >= kill_at:
                    p.send_signal(signal.SIGKILL)
                    p.wait()
                    return None, peak, time.monotonic() - began
        out.seek(0)
        lines = out.read().splitlines()
    assert p.returncode == 0, f"exit code {p.returncode}"
    return json.loads(lines[-1]), peak, time.monotonic() - began


def _rows(peer):
    try:
        return lancedb.connect(str(peer.tmp / "db")).open_table("pictures").count_rows()
    except Exception:  # not made yet
        return 0


def test_a_million_rows_of_a_parquet_file_survive_two_kills_and_are_all_there_once(peer):
    peer.only_check_all()
    rng = random.Random(7)
    pictures = [_png(rng) for _ in range(PICTURES)]
    _write(peer.tmp / "million.parquet", pictures)
    options = ["-d", str(peer.tmp / "db"), "-m", "mini"]
    peaks, figures = [], []
    for kill_at in (150_000, 600_000, None):
        report, peak, seconds = _index(peer, options, kill_at)
        rows = _rows(peer)
        peaks.append(peak)
        figures.append(f"{rows:,} rows after {seconds:.0f} s, {peak // 1024} MB")
        if kill_at:
            assert kill_at <= rows < ROWS, rows
            before = rows
        else:
            assert report["found"] == ROWS and report["skipped"] == [], report
            assert report["unchanged"] == before and report["copies"] + report["added"] == ROWS - before, report
    again, peak, seconds = _index(peer, options)
    peaks.append(peak)
    figures.append(f"again {seconds:.0f} s, {peak // 1024} MB")
    print("; ".join(figures))
    assert (again["unchanged"], again["added"], again["copies"], again["changed"]) == (ROWS, 0, 0, 0), again
    table = lancedb.connect(str(peer.tmp / "db")).open_table("pictures")
    assert table.count_rows() == ROWS
    vectors = {}
    for first in range(0, ROWS, 50_000):
        rows = table.search().where(f"id >= {first} and id < {first + 50_000}").select(["id", "uri", "text", "image", "vector"])
        rows = rows.limit(ROWS).to_arrow().sort_by("id")
        ids = range(first, first + 50_000)
        assert rows["id"].to_pylist() == list(ids), first
        assert all(u.endswith(f"/million.parquet#row={i}") for i, u in zip(ids, rows["uri"].to_pylist())), first
        assert rows["text"].to_pylist() == [_caption(i) for i in ids], first
        assert rows["image"].to_pylist() == [pictures[i % PICTURES] for i in ids], first
        dim = rows.schema.field("vector").type.list_size
        numbers = rows["vector"].combine_chunks().flatten().to_numpy().reshape(-1, dim)
        for i, vector in zip(ids, numbers):
            assert vectors.setdefault(i % PICTURES, vector.tobytes()) == vector.tobytes(), i
    assert len(set(vectors.values())) > PICTURES * 9 // 10
    assert max(peaks) < MEMORY, peaks


def test_rows_of_large_pictures_that_are_written_anew_come_few_at_a_time(peer):
    peer.only_check_all()
    rng = random.Random(8)
    pictures = [_png(rng) + rng.randbytes(300_000) for _ in range(4)]  # what stands behind the picture is no part of it
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    path = peer.tmp / "large.parquet"
    with pq.ParquetWriter(path, pa.schema([("image", kind)]), compression="none") as out:
        for _ in range(12):
            out.write_table(pa.table({"image": pa.array([{"bytes": pictures[i % 4], "path": None} for i in range(100)], kind)}))
    options = ["-d", str(peer.tmp / "db"), "-m", "mini"]
    first, peak, _ = _index(peer, options, name=path.name)
    assert (first["added"], first["copies"]) == (4, 1196) and peak < MEMORY, (first, peak)
    os.utime(path)  # read again, and each row gets the new time
    again, peak, _ = _index(peer, options, name=path.name)
    assert again["unchanged"] == 1200 and peak < MEMORY // 2, (again, peak)
