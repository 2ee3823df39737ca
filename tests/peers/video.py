"""Frames of videos against the program ffmpeg: which are shown when, their pixels, and where scenes change."""
import json
import random
import shutil
import subprocess

NAMES = ("cuts.mp4", "cuts.webm", "cuts.mkv", "cuts.avi", "cuts.mts", "late.mkv", "wide.mp4", "rotated.mov", "mirrored.mov",
         "full.mp4", "limited.mp4", "fade.mp4")


def need_ffmpeg(t):
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        t.skip("the program ffmpeg is not installed")
    rc, out, err = t.run(["index", "--dry-run", t.fixtures / "video" / "cuts.mp4"], env=environment(t))
    if "part 'video'" in out + err:
        t.skip("the module video is not built")


def environment(t):
    return {"HOME": str(t.tmp), "PATH": "/usr/bin:/bin", "PICASK_DB": str(t.tmp / "db")}


def theirs(path):
    """[(seconds, width, height, pixels)] of all frames as ffmpeg shows them: upright, square, RGB."""
    probe = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time:format=start_time",
             "-of", "json", str(path)]
    said = json.loads(subprocess.run(probe, capture_output=True, check=True).stdout)
    start = float(said["format"]["start_time"])
    times = [float(f["best_effort_timestamp_time"]) - start for f in said["frames"]]
    graph = ("scale=w='max(iw,trunc(iw*sar+.5))':h='max(ih,trunc(ih/sar+.5))':flags=bicubic+accurate_rnd+full_chroma_int:"
             "out_range=full,format=rgb24")
    out = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-vf", graph, "-vsync", "passthrough",
                          "-f", "image2pipe", "-c:v", "ppm", "-"], capture_output=True, check=True).stdout
    frames = []
    for time in times:
        magic, width, height = out.split(None, 3)[:3]
        assert magic == b"P6"
        head = len(b"P6\n%d %d\n255\n" % (int(width), int(height)))
        size = int(width) * int(height) * 3
        frames.append((time, int(width), int(height), out[head:head + size]))
        out = out[head + size:]
    assert not out
    return frames


def ours(t, path, *options):
    """[(seconds, width, height, pixels)] of the rows that indexing the video makes."""
    table = f"t{len(list(t.tmp.iterdir()))}{random.randrange(1 << 30)}"
    env = environment(t)
    rc, out, err = t.run(["index", "-q", "-t", table, *options, path], env=env)
    assert rc == 0, err
    rc, out, err = t.run(["table", "export", table], env=env)
    assert rc == 0, err
    frames = []
    for row in map(json.loads, out.splitlines()):
        file = t.tmp / "frame.ppm"
        rc, _, err = t.run(["show", "-q", "-t", table, str(row["id"]), "-o", file], env=env)
        assert rc == 0, err
        bytes = file.read_bytes()
        width, height = map(int, bytes.split(None, 3)[1:3])
        assert (row["width"], row["height"]) == (width, height)
        assert row["uri"].startswith(f"{path}#t="), row["uri"]
        frames.append((float(row["uri"].rpartition("=")[2]), width, height, bytes[-width * height * 3:]))
    return frames


def test_frames_are_those_that_ffmpeg_shows_at_their_times(t):
    need_ffmpeg(t)
    for name in NAMES:
        path = t.fixtures / "video" / name
        all_frames = theirs(path)
        for options in ((), ("--every", "0.7s"), ("--every", "4s")):
            for seconds, width, height, pixels in ours(t, path, *options):
                shown = [f for f in all_frames if f[0] <= seconds + 1e-6] or all_frames[:1]
                assert shown[-1][1:3] == (width, height), (name, seconds, shown[-1][1:3], width, height)
                apart = max(abs(a - b) for a, b in zip(shown[-1][3], pixels))
                assert apart <= 2, (name, options, seconds, apart)  # ffmpeg may take another path through its scaler


def test_scenes_change_where_ffmpeg_finds_cuts(t):
    need_ffmpeg(t)
    chance = random.Random(5)
    for number, codec in enumerate((("libx264", "-crf", "23"), ("mpeg4", "-q:v", "5"), ("libvpx", "-b:v", "400k"))):
        cards, inputs, light = [], [], False
        for i in range(8):
            light = not light  # neighbours far enough apart for ffmpeg's 0.3
            low, high = (190, 255) if light else (20, 70)
            colour = "0x" + "".join(f"{chance.randint(low, high):02x}" for _ in range(3))
            seconds = chance.randint(30, 90) / 25
            cards.append(f"color=c={colour}:s=160x120:r=25:d={seconds},format=yuv420p,drawbox=x='20+8*t':y=30:w=50:h=40:"
                         f"c={chance.choice(['red', 'blue', 'gray'])}:t=fill[c{i}]")
            inputs.append(f"[c{i}]")
        file = t.tmp / f"scenes{number}.mkv"
        graph = ";".join(cards) + ";" + "".join(inputs) + f"concat=n={len(cards)}"
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", graph, "-c:v", *codec, str(file)], check=True)
        out = subprocess.run(["ffmpeg", "-nostdin", "-v", "info", "-i", str(file), "-vf", "select='gt(scene,0.3)',showinfo", "-f", "null",
                              "-"], capture_output=True, text=True, check=True).stderr
        cuts = [float(line.split("pts_time:")[1].split()[0]) for line in out.splitlines() if "pts_time:" in line]
        assert len(cuts) == 7, cuts
        found = [seconds for seconds, *_ in ours(t, file)]
        assert len(found) == 8 and found[0] == 0, found
        assert all(abs(a - b) < 0.0015 for a, b in zip(found[1:], cuts)), (found, cuts)
