"""stopped.py - index runs that are stopped by Ctrl-C or killed in the middle of a Parquet file and of a video: the next run goes
on, and no row and no frame is missing or there twice.

Expected: the rows that were written into the file, the times at which the video has a frame, and the figures of LanceDB."""
import json
import random
import shutil
import signal
import struct
import subprocess
import time
import zlib

import lancedb
import pyarrow as pa
import pyarrow.parquet as pq

RATE = 25  # frames a second of the video


def _png(rng):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + rng.randbytes(48) for _ in range(16))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _parquet(path, n):
    rng = random.Random(n)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([{"bytes": _png(rng), "path": None} for _ in range(n)], kind)
    pq.write_table(pa.table({"image": images}), path, row_group_size=100)
    return [f"{path}#row={i}" for i in range(n)]


def _video(peer, path, n):
    if not shutil.which("ffmpeg"):
        peer.skip("the program ffmpeg is not installed")
    graph = f"testsrc2=size=96x64:rate={RATE},trim=end_frame={n}"
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", graph, "-c:v", "mpeg4", "-q:v", "5", str(path)], check=True)
    code, _, err = peer.run(["index", "--dry-run", path, "-d", peer.tmp / "none"])
    if code and "part 'video'" in err:
        peer.skip("the module video is not built")
    return [f"{path}#t={i / RATE:.3f}" for i in range(n)]


def _uris(peer):
    """In the order of the ids; empty where there is no table yet."""
    try:
        table = lancedb.connect(str(peer.tmp / "db")).open_table("pictures")
    except Exception:
        return []
    rows = table.search().select(["id", "uri"]).limit(1 << 30).to_arrow().sort_by("id")
    return rows["uri"].to_pylist()


def _run(peer, path, seconds, kill, *options):
    """Stops a run after so many seconds of which it had some rows done, (exit code, uris); more time on a slow machine."""
    command = [str(peer.build / "picask"), "index", str(path), "-d", str(peer.tmp / "db"), *options]
    for times in (1, 3, 9):
        p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            p.wait(seconds * times)
        except subprocess.TimeoutExpired:
            p.send_signal(kill)
        p.communicate()
        uris = _uris(peer)
        if uris or p.returncode == 0:
            return p.returncode, uris
    return p.returncode, uris


def _goes_on(peer, path, want, before, *options):
    code, out, err = peer.run(["index", path, "-d", peer.tmp / "db", "--json", *options])
    assert code == 0, err
    report = json.loads(out.splitlines()[-1])
    assert report["unchanged"] == len(before), (report, len(before))
    assert report["added"] + report["copies"] == len(want) - len(before), (report, len(before))
    assert _uris(peer) == want


def _stopped(peer, path, want, *options):
    code, before = _run(peer, path, 0.8, signal.SIGINT, "--threads", "1", *options)
    assert code == 130 and 0 < len(before) < len(want), (code, len(before))
    assert before == want[:len(before)]
    _goes_on(peer, path, want, before, *options)


def test_ctrl_c_in_the_middle_of_a_parquet_file_keeps_its_first_rows_and_the_next_run_adds_the_others(peer):
    path = peer.tmp / "rows.parquet"
    _stopped(peer, path, _parquet(path, 400))


def test_ctrl_c_in_the_middle_of_a_video_keeps_its_first_frames_and_the_next_run_adds_the_others(peer):
    path = peer.tmp / "clip.mp4"
    _stopped(peer, path, _video(peer, path, 400), "--every", f"{1 / RATE}s")


def test_a_kill_between_commits_in_the_middle_of_a_video_loses_and_doubles_no_frame(peer):
    peer.only_check_all()
    path = peer.tmp / "clip.mp4"
    want = _video(peer, path, 6_000)
    before = []
    for _ in range(2):  # a run commits every ten seconds
        code, rows = _run(peer, path, 12, signal.SIGKILL, "--threads", "1", "--every", f"{1 / RATE}s")
        assert code == -signal.SIGKILL and len(before) < len(rows) < len(want), (code, len(before), len(rows))
        assert rows == want[:len(rows)]
        before = rows
    _goes_on(peer, path, want, before, "--every", f"{1 / RATE}s")
