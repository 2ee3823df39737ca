#!/bin/sh
# picask index of folders as people have them: odd names, links, what other programs leave, captions beside the pictures
. tests/cli/lib.sh
need_model "picask index of folders"
six_pictures
export PICASK_DB="$T/db"
P="$T/pictures"
rm "$P/captions.tsv"

# index_json FOLDER TABLE [OPTION...]: the object that index --json ends with, in $T/out
index_json() {
    index_folder=$1
    index_table=$2
    shift 2
    expect_status 0 "$PICASK" index "$index_folder" -t "$index_table" --json "$@"
}

# fresh NAME: an empty folder $F
fresh() {
    F="$T/$1"
    mkdir "$F"
}

fresh names
cp "$P/000000000285.jpg" "$F/$(printf 'new\nline.jpg')"
cp "$P/000000252332.jpg" "$F/$(printf 'latin \351.jpg')"
cp "$P/000000377575.jpg" "$F/a#t=1.000 %41.jpg"
cp "$P/000000408805.jpg" "$F/a.mp4#t=1.jpg"
names() {
    index_json "$F" names && json_lines "$T/out" 'rows[-1]["added"] == 4 and rows[-1]["skipped"] == []' &&
        index_json "$F" names && json_lines "$T/out" 'rows[-1]["added"] == 0 and rows[-1]["unchanged"] == 4'
}
ok "names with newlines, in Latin-1, with escapes and number signs are indexed, and known again" names

fresh links
mkdir "$F/a" "$F/b"
cp "$P/000000000285.jpg" "$F/a/bear.jpg"
ln -s .. "$F/a/up"
ln -s . "$F/a/self"
ln -s nowhere.jpg "$F/b/dangling.jpg"
mkfifo "$F/b/pipe.jpg"
links() {
    index_json "$F" links && json_lines "$T/out" 'rows[-1]["added"] == 1 and len(rows[-1]["skipped"]) == 2' &&
        contains "$(cat "$T/out")" "no such file" && contains "$(cat "$T/out")" "not a regular file"
}
ok "circles of links end; a dangling link and a pipe are skipped with the reason" links

fresh left
mkdir "$F/@eaDir" "$F/node_modules" "$F/.git" "$F/.thumbnails" "$F/#recycle" "$F/__MACOSX"
for name in @eaDir node_modules .git .thumbnails '#recycle' __MACOSX; do
    cp "$P/000000000285.jpg" "$F/$name/bear.jpg"
done
cp "$P/000000252332.jpg" "$F/sign.jpg"
cp "$P/000000252332.jpg" "$F/._sign.jpg"
left() {
    index_json "$F" left && json_lines "$T/out" 'rows[-1]["found"] == 1 and rows[-1]["skipped"] == []' &&
        index_json "$F" left_hidden --hidden && json_lines "$T/out" 'rows[-1]["found"] == 2' &&
        index_json "$F/@eaDir" left_named && json_lines "$T/out" 'rows[-1]["found"] == 1'
}
ok "thumbnails, dustbins, code and hidden names are passed over; a source that is one of them is walked" left

fresh raw
cp "$P/000000252332.jpg" "$F/sign.jpg"
printf 'II*\000' >"$F/camera.NEF"
raw() {
    index_json "$F" raw && json_lines "$T/out" \
        'rows[-1]["added"] == 1 and [s["reason"] for s in rows[-1]["skipped"]] == ["a RAW picture: not read yet, export it as JPEG"]'
}
ok "a RAW picture is skipped by name, with what to do" raw

fresh captioned
mkdir "$F/train"
cp "$P/000000000285.jpg" "$F/train/bear.jpg"
cp "$P/000000252332.jpg" "$F/sign.jpg"
cp "$P/000000377575.jpg" "$F/dog.jpg"
printf 'file_name,text,year\ntrain/bear.jpg,"a bear, brown",1999\ntrain/bear.jpg,ein Bär,1999\ngone.jpg,nothing,2000\n' >"$F/metadata.csv"
printf '\357\273\277a stop sign\r\namong the leaves\r\n' >"$F/sign.txt"
captioned() {
    index_json "$F" captioned && json_lines "$T/out" 'rows[-1]["added"] == 3 and len(rows[-1]["skipped"]) == 1' &&
        contains "$(cat "$T/out")" "no such file" &&
        expect_status 0 "$PICASK" table export captioned && json_lines "$T/out" \
            'sorted((r["uri"].rsplit("/", 1)[1], r["text"], r["year"]) for r in rows) == [("bear.jpg", "a bear, brown\nein Bär", 1999), ("dog.jpg", rows[0]["text"], None), ("sign.jpg", "a stop sign\namong the leaves", None)]'
}
ok "metadata.csv captions the pictures of its folder and below, a .txt the picture beside it" captioned

fresh broken
cp "$P/000000252332.jpg" "$F/sign.jpg"
printf 'camera,date\nNikon,2020\n' >"$F/metadata.csv"
broken() { expect_status 0 "$PICASK" index "$F" -t broken && contains "$(cat "$T/out" "$T/err")" "1 embedded"; }
ok "a metadata.csv of something else stops nothing" broken

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null && setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
    U=$(mktemp -d /tmp/picask-folders-XXXXXX)
    trap 'rm -rf "$T" "$U"; exit $failed' EXIT
    chmod 755 "$U"
    cp "$PICASK" "$U/picask"
    mkdir -p "$U/in/closed" "$U/db"
    cp "$P/000000252332.jpg" "$U/in/sign.jpg"
    cp "$P/000000252332.jpg" "$U/in/closed/sign.jpg"
    chown -R 65534:65534 "$U/db"
    chmod 700 "$U/in/closed"
    unreadable() {
        HOME="$U" expect_status 0 setpriv --reuid=65534 --regid=65534 --clear-groups "$U/picask" index "$U/in" --dry-run --db "$U/db" --json
        json_lines "$T/out" 'rows[-1]["found"] == 2 and len(rows[-1]["skipped"]) == 1 and rows[-1]["skipped"][0]["uri"].endswith("/closed") and rows[-1]["skipped"][0]["reason"] == "Permission denied"'
    }
    ok "an unreadable folder is named and skipped" unreadable
else
    skip "an unreadable folder is named and skipped" "this system has no setpriv, or the test is not run by root"
fi
