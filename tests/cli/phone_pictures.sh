#!/bin/sh
# HEIC, AVIF and TIFF: indexed, shown, searched with; broken ones are skipped, and so are all where the decoder is not installed
. tests/cli/lib.sh
export PICASK_DB="$T/db" PICASK_MODEL="$root/tests/fixtures/model/toy.safetensors"
phone=tests/fixtures/image/phone
if [ ! -x "$(dirname "$PICASK")/libexec/picask/decode" ]; then
    skip "phone pictures" "picask's part 'decode' is not built"
    exit 0
fi
mkdir "$T/phone"
cp $phone/*.heic $phone/*.avif $phone/*.tif "$T/phone"

indexed() {
    expect_status 0 "$PICASK" index "$T/phone" && contains "$(cat "$T/out")" "34 embedded" && lacks "$(cat "$T/out")" skipped
}
ok "a folder of HEIC, AVIF and TIFF is indexed" indexed
facts() {
    expect_status 0 "$PICASK" table export && json_lines "$T/out" \
        'len(rows) == 34 and all((r["width"], r["height"]) == ((32, 48) if any(x in r["uri"] for x in ("_5.", "_6.", "_7.", "_8.", "contradicts")) else (45, 31) if "odd" in r["uri"] else (48, 32)) for r in rows) and sum(r["camera"] == "Maker Phone 3" for r in rows) == 11'
}
ok "their rows have upright sizes and cameras" facts
again() { expect_status 0 "$PICASK" index "$T/phone" && contains "$(cat "$T/out")" "34 unchanged"; }
ok "indexed again they are unchanged" again
embeds() {
    expect_status 0 "$PICASK" embed --image $phone/plain.heic --image $phone/444.avif --image $phone/lzw.tif && json_lines "$T/out" 'len(rows) == 3'
}
ok "embed takes them" embeds
searched() { expect_status 0 "$PICASK" search ./$phone/lzw.tif -n 1 && contains "$(cat "$T/out")" .tif; }
ok "search takes them as a query" searched
shown() {
    expect_status 0 "$PICASK" show "$T/phone/turned_6.heic" -o "$T/shown.png" && python3 -c '
import struct, sys
assert struct.unpack(">II", open(sys.argv[1], "rb").read()[16:24]) == (32, 48)' "$T/shown.png"
}
ok "show writes them upright" shown

# ---- broken ones ----

mkdir "$T/broken"
python3 - "$phone" "$T/broken" <<'END'
import pathlib, random, sys
source, to = map(pathlib.Path, sys.argv[1:])
r = random.Random(7)
for name in ("plain.heic", "444.avif", "jpeg.tif", "lzw.tif"):
    whole = (source / name).read_bytes()
    for i in range(12):
        b = bytearray(whole)
        for _ in range(1 + i % 4):
            b[r.randrange(12, len(b))] = r.randrange(256)
        (to / f"{i}_{name}").write_bytes(b)
    (to / f"cut_{name}").write_bytes(whole[:len(whole) // 2])
# says that it has 2^31 rows, in one strip
tall = bytearray((source / "grey_mm.tif").read_bytes())
for field in ("0101000400000001", "0116000400000001"):
    at = tall.index(bytes.fromhex(field))
    tall[at + 8:at + 12] = bytes.fromhex("7fffffff")
(to / "tall.tif").write_bytes(tall)
END
cp examples/pictures/000000000285.jpg "$T/broken/whole.jpg"
broken() {
    expect_status 0 "$PICASK" index "$T/broken" -t broken && for f in cut_plain.heic cut_444.avif cut_lzw.tif tall.tif; do
        contains "$(cat "$T/err")" "skipped $f: " || return 1
    done && lacks "$(cat "$T/err")" "skipped whole.jpg" && contains "$(cat "$T/err")" "pixels are more than the limit of 178956970" && no_controls "$T/err"
}
ok "broken ones are skipped, each with a reason, and the run goes on" broken

# ---- without the decoder ----

if [ -e /usr/local/libexec/picask/decode ]; then
    skip "without the decoder" "a decoder is installed in /usr/local"
    exit
fi
mkdir "$T/alone" "$T/mixed"
cp "$PICASK" "$T/alone/picask"
cp $phone/plain.heic $phone/lzw.tif examples/pictures/000000000285.jpg "$T/mixed"
alone() {
    says 2 "decoding HEIC needs picask's part 'decode', which is not installed: picask's package brings it, and make demo FULL=1 builds it (packages: libheif-dev)" \
        "$T/alone/picask" embed --image $phone/plain.heic &&
        says 2 "libtiff-dev" "$T/alone/picask" embed --image $phone/lzw.tif &&
        expect_status 0 "$T/alone/picask" index "$T/mixed" -t alone && contains "$(cat "$T/out")" "1 embedded" &&
        contains "$(cat "$T/err")" "skipped plain.heic: " && contains "$(cat "$T/err")" "skipped lzw.tif: "
}
ok "without the decoder a sentence names its package, and an index run skips such pictures" alone
mkdir -p "$T/unlinked/libexec/picask"
cp "$PICASK" "$T/unlinked/picask"
printf '#!/bin/sh\necho "decode: error while loading shared libraries: libheif.so.1" >&2\nexit 127\n' >"$T/unlinked/libexec/picask/decode"
chmod +x "$T/unlinked/libexec/picask/decode"
unlinked() {
    says 2 "decoding HEIC needs picask's part 'decode', which cannot be opened (decode: error while loading shared libraries: libheif.so.1): install what picask's package recommends, or: libheif-dev libtiff-dev" \
        "$T/unlinked/picask" embed --image $phone/plain.heic
}
ok "without its libraries the decoder is no damaged picture" unlinked
cp -r "$T/unlinked" "$T/slow"
printf '#!/bin/sh\necho >"%s"\nexec sleep 100\n' "$T/begun" >"$T/slow/libexec/picask/decode"
interrupted() {
    "$T/slow/picask" index $phone/plain.heic -t slow >"$T/out" 2>"$T/err" &
    pid=$!
    n=0
    while [ ! -e "$T/begun" ] && [ $n -lt 200 ]; do
        sleep 0.1
        n=$((n + 1))
    done
    kill -INT $pid
    from=$(date +%s)
    wait $pid
    same $? 130 && [ $(($(date +%s) - from)) -lt 20 ]
}
ok "Ctrl-C does not wait for the decoder" interrupted
