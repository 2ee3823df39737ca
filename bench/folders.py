#!/usr/bin/env python3
"""Folders of pictures: how fast they are read again when nothing changed (50,000 small pictures), and how fast 5,000 photographs go in.
The peer is rclip 3.3 (`rclip_side.py`): its scan without a network, as its weights cannot be had here; ours embeds with mini. For the
photographs also: the share of both cores that is busy, and the most anonymous memory. Needs `make` and a Python with rclip 3.3.0:

    folders.py RCLIP_PYTHON [SCRATCH]

Prints Markdown rows."""
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

from pairs import compare, quantile, row

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = str(ROOT / "build" / "picask")
RCLIP = sys.argv[1]
SMALL, PHOTOS, PAIRS = 50_000, 5_000, 5


def ours(folder, db):
    """seconds of the whole process, its user and system time, the most anonymous memory in bytes"""
    began = time.perf_counter()
    before = os.times()
    p = subprocess.Popen([PROGRAM, "index", folder, "-d", db, "-q", "--yes"])
    most, done = 0, threading.Event()

    def watch():
        nonlocal most
        while not done.wait(.01):
            try:
                for line in open(f"/proc/{p.pid}/status"):
                    if line.startswith("RssAnon"):
                        most = max(most, int(line.split()[1]) << 10)
            except OSError:
                pass

    thread = threading.Thread(target=watch)
    thread.start()
    code = p.wait()
    seconds = time.perf_counter() - began
    done.set()
    thread.join()
    after = os.times()
    assert code == 0
    return seconds, after.children_user - before.children_user + after.children_system - before.children_system, most


def rclip(folder, database):
    return float(subprocess.run([RCLIP, str(ROOT / "bench" / "rclip_side.py"), folder, database], check=True, capture_output=True, text=True).stdout)


def fill(folder, n, data, contents):
    """n files of so many different contents: what stands behind a JPEG's end is not looked at"""
    for i in range(n):
        place = f"{folder}/{i // 1000:03d}"
        os.makedirs(place, exist_ok=True)
        with open(f"{place}/{i:06d}.jpg", "wb") as f:
            f.write(data[i % len(data)] + (i % contents).to_bytes(4, "little"))


def rescan(scratch):
    small = (ROOT / "tests" / "fixtures" / "image" / "made" / "420.jpg").read_bytes()
    folder = f"{scratch}/small"
    fill(folder, SMALL, [small], 500)  # of the copies each has its own row on both sides
    ours(folder, f"{scratch}/db")
    rclip(folder, f"{scratch}/rclip.db")
    print(row(f"{SMALL:,} unchanged pictures read again, whole process / rclip's scan alone",
              compare(lambda: ours(folder, f"{scratch}/db")[0], lambda: rclip(folder, f"{scratch}/rclip.db"), 15)), flush=True)


def photographs(scratch):
    folder = f"{scratch}/photos"
    fill(folder, PHOTOS, [f.read_bytes() for f in sorted((ROOT / "examples" / "pictures").glob("*.jpg"))], PHOTOS)
    runs, n = [], 0

    def fresh():
        nonlocal n
        n += 1
        runs.append(ours(folder, f"{scratch}/db{n}"))
        return runs[-1][0]

    r = compare(fresh, lambda: rclip(folder, f"{scratch}/rclip{n}.db"), PAIRS, warmup=1)
    print(row(f"{PHOTOS:,} photographs with mini / rclip without its network", r), flush=True)
    busy = sorted(cpu / (os.cpu_count() * seconds) for seconds, cpu, _ in runs)
    print(f"| the same: {PHOTOS / r['ours']:.0f} pictures/s; cores busy {quantile(busy, .5):.0%} ({busy[0]:.0%}-{busy[-1]:.0%}); "
          f"most anonymous memory {max(m for *_, m in runs) / 1e6:.0f} MB |", flush=True)


with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as scratch:
    rescan(scratch)
    photographs(scratch)
