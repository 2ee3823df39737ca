#!/usr/bin/env python3
"""Makes tests/fixtures/video/: clips of colour cards with known cuts, by the program ffmpeg 5.1 (libx264, libvpx and its own
encoders). The pictures are synthetic, so the clips may be shipped with the program, under its licence. Other versions of
ffmpeg write other bytes, so this need not be run again; the tests compare with what is known of the cards.

    cuts.*          96 x 64, 10 frames a second (.mts: 30), three cards: from 0 s, from 3 s, from 5.5 s, to 8 s; a small white square moves
    late.mkv        sound from 0 s, pictures from 0.628 s
    rotated.mov     red above blue when it is upright, stored lying on its side
    mirrored.mov    the same, stored turned by 180 degrees
    wide.mp4        32 x 32 pixels that are twice as wide as high
    black.mp4       black for 0.3 s, then fades in until 0.7 s; 3 s
    dark.mp4        black all of its 2 s
    fade.mp4        a card for 2 s, fades to another until 3 s, 5 s
    still.mp4       one card, one frame a second, for 130 s
    full.mp4        a grey ramp in full range, limited.mp4 in limited range
    truncated.mp4   the first four fifths of cuts.mp4's bytes, headless.mp4 those without its tables,
    empty.mp4, noise.mp4, sound.mp4 (no pictures), cover.m4v (a cover, no video),
    playlist.mp4, concat.mp4, sdp.mp4 (texts that name other files)

    python3 tests/golden/make_videos.py
"""
import pathlib
import random
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "video"


def ffmpeg(*words):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *words], check=True)


def graph(source, name, *words):
    ffmpeg("-f", "lavfi", "-i", source, "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1", *words,
           str(FOLDER / name))


def card(colour, box, seconds, size="96x64", rate=10):
    return (f"color=c={colour}:s={size}:r={rate}:d={seconds},format=yuv420p,"
            f"drawbox=x=10:y=10:w=40:h=40:c={box}:t=fill,"
            f"drawbox=x='8+4*t':y=50:w=8:h=8:c=white:t=fill")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    cuts = (f"{card('0x802020', '0x20c020', 3)}[a];{card('0xe0e040', '0x101080', 2.5)}[b];{card('0x103050', '0xe080e0', 2.5)}[c];"
            "[a][b][c]concat=n=3")
    h264 = ("-c:v", "libx264", "-threads", "1", "-preset", "veryslow", "-crf", "24", "-pix_fmt", "yuv420p")
    graph(cuts, "cuts.mp4", *h264, "-g", "15", "-bf", "2", "-movflags", "+faststart")
    graph(cuts, "cuts.webm", "-c:v", "libvpx-vp9", "-threads", "1", "-crf", "40", "-b:v", "0", "-g", "20")
    graph(cuts, "cuts.mkv", "-c:v", "mpeg4", "-q:v", "6", "-g", "12", "-bf", "2")
    graph(cuts, "cuts.avi", "-c:v", "mjpeg", "-q:v", "20", "-pix_fmt", "yuvj420p")
    graph(cuts.replace(":r=10", ":r=30"), "cuts.mts", "-c:v", "mpeg2video", "-q:v", "16", "-g", "30", "-bf", "2")
    ffmpeg("-f", "lavfi", "-i", "sine=r=8000:d=3", "-itsoffset", "0.5", "-f", "lavfi", "-i", card("0x802020", "0x20c020", 2),
           "-map", "1:v", "-map", "0:a", *h264, "-c:a", "aac", "-b:a", "16k", str(FOLDER / "late.mkv"))
    flag = "color=c=red:s=64x96:r=10:d=1,format=yuv420p,drawbox=x=0:y=48:w=64:h=48:c=blue:t=fill"
    for name, stored, rotation in (("rotated.mov", "transpose=cclock", "270"), ("mirrored.mov", "hflip,vflip", "180")):
        graph(f"{flag},{stored}", "step.mov", *h264)
        ffmpeg("-i", str(FOLDER / "step.mov"), "-c", "copy", "-metadata:s:v", f"rotate={rotation}", str(FOLDER / name))
    (FOLDER / "step.mov").unlink()
    graph("testsrc=s=32x32:r=10:d=1,setsar=2", "wide.mp4", *h264)
    bright = card("0xe0e040", "0x101080", 3)
    graph(f"{bright},fade=t=in:st=0.3:d=0.4", "black.mp4", *h264)
    graph("color=c=black:s=64x64:r=10:d=2,format=yuv420p", "dark.mp4", *h264)
    graph(f"{card('0xe0e040', '0x101080', 3)}[a];{card('0x103050', '0xe080e0', 3)}[b];"
          "[a][b]xfade=transition=fade:duration=1:offset=2", "fade.mp4", *h264)
    graph("color=c=0x808020:s=64x64:r=1:d=130,format=yuv420p,drawbox=x=9:y=9:w=30:h=30:c=red:t=fill", "still.mp4", *h264)
    ramp = "color=c=gray:s=64x16:r=5:d=1,format=gray,geq=lum='4*X'"
    graph(f"{ramp},scale=in_range=full:out_range=full,format=yuv420p", "full.mp4", *h264, "-color_range", "pc", "-qp", "0")
    graph(f"{ramp},scale=in_range=full:out_range=limited,format=yuv420p", "limited.mp4", *h264, "-color_range", "tv", "-qp", "0")
    graph("sine=r=8000:d=1", "sound.mp4", "-c:a", "aac", "-b:a", "16k")
    ffmpeg("-f", "lavfi", "-i", "sine=r=8000:d=1", "-f", "lavfi", "-i", "testsrc=s=32x32:r=1:d=1", "-map", "0", "-map", "1",
           "-c:a", "aac", "-b:a", "16k", "-c:v", "mjpeg", "-frames:v", "1", "-disposition:v", "attached_pic", "-f", "mp4",
           str(FOLDER / "cover.m4v"))
    whole = (FOLDER / "cuts.mp4").read_bytes()
    (FOLDER / "truncated.mp4").write_bytes(whole[:len(whole) * 4 // 5])
    (FOLDER / "headless.mp4").write_bytes(whole[whole.index(b"mdat") - 4:])
    (FOLDER / "empty.mp4").write_bytes(b"")
    (FOLDER / "noise.mp4").write_bytes(random.Random(7).randbytes(3000))
    (FOLDER / "playlist.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:8\n#EXTINF:8,\ncuts.mts\n#EXT-X-ENDLIST\n")
    (FOLDER / "concat.mp4").write_text("ffconcat version 1.0\nfile cuts.mp4\n")
    (FOLDER / "sdp.mp4").write_text("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 33\n")
    (FOLDER / "README.md").write_text("Clips of synthetic colour cards, made by tests/golden/make_videos.py, which says what each is.\n"
                                      "They have the licence of this program.\n")


if __name__ == "__main__":
    main()
