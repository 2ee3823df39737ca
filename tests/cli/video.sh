#!/bin/sh
# videos: indexed, indexed again, changed, removed, and how their frames are shown
. tests/cli/lib.sh
need_model "videos"
clips=$root/tests/fixtures/video
mkdir "$T/clips" && cd "$T/clips" || exit 1
cp "$clips/cuts.mp4" clip.mp4
export PICASK_DB="$T/db"
if "$PICASK" index --dry-run clip.mp4 2>&1 | grep -q "part 'video'"; then
    skip "videos" "the module video is not built"
    exit
fi
export_uris() { "$PICASK" table export | python3 -c 'import json, sys
for line in sys.stdin: print(json.loads(line)["uri"].rpartition("/")[2])' | sort | tr '\n' ' '; }

indexed() { expect_status 0 "$PICASK" index clip.mp4 && contains "$(cat "$T/out")" "3 embedded" && same "$(export_uris)" "clip.mp4#t=0.000 clip.mp4#t=3.000 clip.mp4#t=5.500 "; }
ok "a video is a row for each of its scenes" indexed
facts() { "$PICASK" table export >"$T/out" && json_lines "$T/out" 'all(r["width"] == 96 and r["height"] == 64 and r["size"] == '"$(wc -c <clip.mp4)"' and r["taken"] is None and r["image"] is None and r["modified"] for r in rows)'; }
ok "a frame has its own width and height, and the video's size" facts
again() { expect_status 0 "$PICASK" index clip.mp4 && contains "$(cat "$T/out")" "0 embedded" && contains "$(cat "$T/out")" "3 unchanged" && same "$(export_uris)" "clip.mp4#t=0.000 clip.mp4#t=3.000 clip.mp4#t=5.500 "; }
ok "a video that has not changed is not read again" again
unread() { cp -p clip.mp4 "$T/kept.mp4" && printf 'X%.0s' $(seq "$(wc -c <clip.mp4)") >clip.mp4 && touch -r "$T/kept.mp4" clip.mp4 && expect_status 0 "$PICASK" index clip.mp4 && contains "$(cat "$T/out")" "3 unchanged"; code=$?; cp -p "$T/kept.mp4" clip.mp4; return $code; }
ok "not even opened" unread

tsv() { expect_status 0 "$PICASK" search "a red square" -n 1 && contains "$(cat "$T/out")" "$T/clips/clip.mp4#t="; }
ok "a program gets the uri of the frame" tsv
on_terminal() { terminal 120 30 "'$PICASK' search 'a red square' --no-show" && contains "$(cat "$T/out")" "clip.mp4 @ 00:00:05" && contains "$(cat "$T/out")" "clip.mp4 @ 00:00:00" && lacks "$(cat "$T/out")" "#t="; }
ok "a person reads clip.mp4 @ 00:00:05" on_terminal
files() { expect_status 0 "$PICASK" search -f "a red square" && same "$(cat "$T/out")" "$T/clips/clip.mp4"; }
ok "search --files names the video once" files
copied() { expect_status 0 "$PICASK" search "a red square" --copy-to "$T/copies" && same "$(ls "$T/copies" | tr '\n' ' ')" "clip@00-00-00.000.jpg clip@00-00-03.000.jpg clip@00-00-05.500.jpg " && [ "$(od -An -tx1 -N2 "$T/copies/clip@00-00-03.000.jpg" | tr -d ' ')" = ffd8 ]; }
ok "search --copy-to writes the frames as JPEG" copied
copied_again() { expect_status 0 "$PICASK" search "a red square" --copy-to "$T/copies" && contains "$(cat "$T/err")" "3 there already"; }
ok "and writes none twice" copied_again
drawn() { expect_status 0 "$PICASK" show 1 --show && contains "$(cat "$T/out")" "▀" && contains "$(cat "$T/out")" "clip.mp4 @ 00:00:03"; }
ok "show draws the frame" drawn
written() {
    for name in f.png f f.jpg f.ppm; do expect_status 0 "$PICASK" show clip.mp4#t=3.000 -o "$T/$name" || return 1; done
    same "$(od -An -c -j1 -N3 "$T/f.png" | tr -d ' ')" PNG && cmp "$T/f.png" "$T/f" &&
        same "$(od -An -tx1 -N2 "$T/f.jpg" | tr -d ' ')" ffd8 && same "$(head -c 12 "$T/f.ppm" | tr '\n' ' ')" "P6 96 64 255"
}
ok "show -o writes a frame as PNG, or as the name says" written
below() { expect_status 0 "$PICASK" search "a red square" --in clip.mp4 && [ "$(wc -l <"$T/out")" -eq 3 ] && expect_status 0 "$PICASK" search "a red square" --in "$T/clips" && [ "$(wc -l <"$T/out")" -eq 3 ] && expect_status 1 "$PICASK" search "a red square" --in clip.mp; }
ok "--in takes a video or its folder" below

every() { expect_status 0 "$PICASK" index -t often clip.mp4 --every 2500ms && [ "$("$PICASK" table export -t often | wc -l)" -eq 4 ]; }
ok "--every gives a frame every so often" every
ok "--every 0 is refused" says 2 "--every" "$PICASK" index -t often clip.mp4 --every 0
ok "--every takes a time" says 2 "--every" "$PICASK" index -t often clip.mp4 --every soon
stored() { expect_status 0 "$PICASK" index -t stored clip.mp4 --store-images=original && mv clip.mp4 away.mp4 && expect_status 0 "$PICASK" show -t stored 0 -o "$T/s.jpg" && same "$(od -An -tx1 -N2 "$T/s.jpg" | tr -d ' ')" ffd8; code=$?; mv away.mp4 clip.mp4; return $code; }
ok "--store-images=original keeps a JPEG of the frame" stored

changed() { cp "$clips/fade.mp4" clip.mp4 && touch -d '+1 minute' clip.mp4 && expect_status 0 "$PICASK" index clip.mp4 --prune --yes && same "$(export_uris)" "clip.mp4#t=0.000 clip.mp4#t=3.100 "; }
ok "a changed video gives new frames, and --prune takes the old ones out" changed
bad() { cp "$clips/noise.mp4" noise.mp4 && cp "$clips/sound.mp4" sound.mp4 && cp "$clips/playlist.mp4" playlist.mp4 && expect_status 0 "$PICASK" index . && contains "$(cat "$T/out")" "3 skipped" && same "$(export_uris)" "clip.mp4#t=0.000 clip.mp4#t=3.100 "; }
ok "broken videos are skipped" bad
strict() { expect_status 2 "$PICASK" index --strict .; }
ok "and are an error with --strict" strict
embedded_again() { expect_status 0 "$PICASK" table reembed --yes -m mini && same "$(export_uris)" "clip.mp4#t=0.000 clip.mp4#t=3.100 "; }
ok "a table of frames is embedded again" embedded_again
removed_one() { expect_status 0 "$PICASK" remove clip.mp4#t=3.100 && same "$(export_uris)" "clip.mp4#t=0.000 "; }
ok "remove takes one frame out" removed_one
removed_all() { cp "$clips/cuts.mkv" other.mkv && rm -f noise.mp4 sound.mp4 playlist.mp4 && "$PICASK" index -q other.mkv && expect_status 0 "$PICASK" remove other.mkv && same "$(export_uris)" "clip.mp4#t=0.000 "; }
ok "remove of a video takes all its frames out" removed_all
gone() { rm other.mkv && "$PICASK" index -q clip.mp4 && rm clip.mp4 && says 2 "clip.mp4" "$PICASK" show 0 -o "$T/x.png"; }
ok "a frame whose video is gone is exit code 2 for -o" gone
odd() { name=$(printf 'odd\377.mp4') && cp "$clips/wide.mp4" "$name" && expect_status 0 "$PICASK" index -t odd "$name" && expect_status 0 "$PICASK" show -t odd "$name#t=0.000" && contains "$(cat "$T/out")" "file:///" && expect_status 0 "$PICASK" search -t odd -f x && same "$(cat "$T/out")" "$T/clips/$name" && expect_status 0 "$PICASK" remove -t odd "$name"; }
ok "a video's name may have any bytes" odd
