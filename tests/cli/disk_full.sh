#!/bin/sh
# A full disk: a small tmpfs in a mount namespace of its own.
if [ "${1-}" != inside ]; then
    if unshare -rm true 2>/dev/null; then
        exec unshare -rm sh "$0" inside
    fi
    echo "skip - a full disk costs nothing that was safe: this system gives no user namespace"
    exit 0
fi
. tests/cli/lib.sh
disk=$T/disk
db=$disk/db
mkdir "$disk"
if ! mount -t tmpfs -o size=1m tmpfs "$disk" 2>/dev/null; then
    skip "a full disk costs nothing that was safe" "this system gives no user namespace"
    exit 0
fi
trap 'umount "$disk"; rm -rf "$T"; exit $failed' EXIT
export PICASK_DB="$db" PICASK_MODEL="$root/tests/fixtures/model/toy.safetensors"

# pictures FOLDER N: N pictures of 4.8 KB that do not compress
pictures() {
    mkdir -p "$1"
    i=0
    while [ $i -lt "$2" ]; do
        { printf 'P6 40 40 255\n' && head -c 4800 /dev/urandom; } >"$1/$(printf %04d $i).ppm"
        i=$((i + 1))
    done
}
pictures "$T/a" 300
pictures "$T/b" 300

# whole N: the table holds N rows, each with its vector and its picture, and its folders hold no half-written manifest
whole() {
    expect_status 0 "$PICASK" table export && rows_are_whole "$1" &&
        expect_status 0 "$PICASK" search red --limit 5 && [ "$(wc -l <"$T/out")" -eq 5 ] &&
        expect_status 0 "$PICASK" show 7 -o "$T/seven.ppm" && [ -s "$T/seven.ppm" ] &&
        same "$(find "$disk" -name '*tmp*')" ""
}
rows_are_whole() {
    python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
whole = [r for r in rows if r["vector"] and r["uri"] and r["image"]]
print(len(rows), "rows,", len(whole), "whole,", len({r["id"] for r in rows}), "ids; expected", sys.argv[2])
sys.exit(not len(rows) == len(whole) == len({r["id"] for r in rows}) == int(sys.argv[2]))
' "$T/out" "$1"
}
index() { "$PICASK" index "$1" --store-images=original; }
manifests() { find "$db" -name '*.manifest' | wc -l; }

first() {
    says 2 "disk full in $db while adding rows 1-300; 0 rows are safe, run the same command again" index "$T/a" &&
        says 2 "no table 'pictures'" "$PICASK" table info && same "$(find "$db" -type f -size +0)" "" &&
        expect_status 1 "$PICASK" table list
}
ok "a disk that is full in the first run: one sentence, no table, nothing left behind" first
bigger() { mount -o remount,size=2m "$disk" && expect_status 0 index "$T/a" && contains "$(cat "$T/out")" "300 embedded" && whole 300; }
ok "with more room the same command completes" bigger
again() {
    before=$(manifests)
    says 2 "disk full in $db while adding rows 301-600; 300 rows are safe, run the same command again" index "$T/b" &&
        same "$(manifests)" "$before" && whole 300
}
ok "a disk that is full later: what was safe stays, and no manifest of the lost commit shows" again

fill() { cat /dev/zero >"$disk/filler" 2>/dev/null || :; }
fill
removing() { says 2 "disk full" "$PICASK" remove 3 && whole 300; }
ok "a row is not half removed on a full disk" removing
dropping() { expect_status 0 "$PICASK" table list && contains "$(cat "$T/out")" pictures; }
ok "a full disk is read as before" dropping
files() {
    for to in "embed --text x -o $disk/x.npy" "show 3 -o $disk/three.ppm"; do
        # shellcheck disable=SC2086
        says 2 "disk full" "$PICASK" $to || return 1
    done
    same "$(find "$disk" -maxdepth 1 -type f)" "$disk/filler"
}
ok "a file that does not fit is not left half-written" files
rm "$disk/filler"
room() { mount -o remount,size=6m "$disk" && expect_status 0 index "$T/b" && contains "$(cat "$T/out")" "300 embedded" && whole 600; }
ok "with room again the same command completes" room
to_full() {
    for c in "search red" "table export" "table info" "table list" "show 3" "embed --text x" "--version" "help" "model list"; do
        # shellcheck disable=SC2086
        "$PICASK" $c >/dev/full 2>"$T/err"
        code=$?
        [ $code -eq 2 ] && [ "$(wc -l <"$T/err")" -eq 1 ] || {
            echo "exit code $code: $c"
            cat "$T/err"
            return 1
        }
    done
}
ok "output that cannot be written is an error of one line" to_full
