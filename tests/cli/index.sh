#!/bin/sh
# picask index
. tests/cli/lib.sh
need_model "picask index"
six_pictures
export PICASK_DB="$T/db"

first() {
    expect_status 0 "$PICASK" index "$T/pictures/captions.tsv" &&
        contains "$(cat "$T/out")" "Indexed " && contains "$(cat "$T/out")" "into 'pictures'" &&
        contains "$(cat "$T/out")" "6 embedded · 0 copies · 0 unchanged · 0 moved" && [ ! -s "$T/err" ]
}
ok "a first run embeds every picture and says so on stdout" first
again() { expect_status 0 "$PICASK" index && contains "$(cat "$T/out")" "0 embedded · 0 copies · 6 unchanged"; }
ok "without a source the remembered ones are read again, and nothing is done twice" again

keys() {
    expect_status 0 "$PICASK" index --json && json_lines "$T/out" \
        'len(rows) == 1 and list(rows[0])[:9] == ["found","added","unchanged","moved","copies","removed","skipped","seconds","version"] and rows[0]["found"] == 6 and rows[0]["unchanged"] == 6 and rows[0]["skipped"] == []'
}
ok "index --json ends with one object of the contract's members" keys

printf 'no picture' >"$T/pictures/broken.jpg"
head -c 3000 "$T/pictures/000000000285.jpg" >"$T/pictures/short.jpg"
cp "$T/pictures/000000377575.jpg" "$T/pictures/copy.jpg"
broken() {
    expect_status 0 "$PICASK" index "$T/pictures" -t folder &&
        contains "$(cat "$T/err")" "skipped broken.jpg: " && contains "$(cat "$T/err")" "skipped short.jpg: " &&
        contains "$(cat "$T/out")" "1 copy" && contains "$(cat "$T/out")" "2 skipped: "
}
ok "a broken picture is named on stderr, counted, and stops nothing" broken
ok "--strict turns skipped pictures into exit code 2" expect_status 2 "$PICASK" index "$T/pictures" -t folder --strict
skipped_json() {
    expect_status 0 "$PICASK" index "$T/pictures" -t folder3 --json && json_lines "$T/out" \
        'len(rows[-1]["skipped"]) == 2 and all(set(s) == {"uri", "reason"} for s in rows[-1]["skipped"]) and rows[-1]["copies"] == 1'
}
ok "index --json lists what was skipped, with uri and reason" skipped_json
quiet() { expect_status 0 "$PICASK" index "$T/pictures" -t folder -q && [ ! -s "$T/out" ] && [ ! -s "$T/err" ]; }
ok "-q says nothing" quiet
excluded() { expect_status 0 "$PICASK" index "$T/pictures" -t few --exclude 'copy*' --exclude '*rt.jpg' --exclude broken.jpg &&
    contains "$(cat "$T/out")" "6 embedded" && lacks "$(cat "$T/out")" skipped; }
ok "--exclude may be repeated" excluded

dry() {
    expect_status 0 "$PICASK" index "$T/pictures/captions.tsv" -t dry --dry-run && contains "$(cat "$T/out")" "Would index" &&
        expect_status 2 "$PICASK" search dog -t dry
}
ok "--dry-run makes no table" dry
dry_here() {
    mkdir "$T/dry" && (cd "$T/dry" && expect_status 0 "$PICASK" index "$T/pictures/captions.tsv" --here --dry-run) && [ ! -e "$T/dry/.picask" ]
}
ok "--dry-run makes no folder with --here either" dry_here
overwrite() {
    expect_status 0 "$PICASK" index "$T/pictures/000000377575.jpg" -t few --overwrite -q &&
        expect_status 0 "$PICASK" table list --json && json_lines "$T/out" '[r["rows"] for r in rows if r["name"] == "few"] == [1]'
}
ok "--overwrite leaves just the new sources" overwrite
append() {
    expect_status 0 "$PICASK" index "$T/pictures/000000377575.jpg" -t few --append -q &&
        expect_status 0 "$PICASK" table list --json && json_lines "$T/out" '[r["rows"] for r in rows if r["name"] == "few"] == [2]'
}
ok "--append adds without looking" append
alias_add() { expect_status 0 "$PICASK" add "$T/pictures/000000285.jpg" -t added 2>/dev/null || expect_status 0 "$PICASK" add "$T/pictures/000000000285.jpg" -t added; }
ok "add is index" alias_add
stored() {
    cp "$T/pictures/000000000285.jpg" "$T/gone.jpg"
    expect_status 0 "$PICASK" index "$T/gone.jpg" -t stored --store-images=64 -q && rm "$T/gone.jpg" &&
        expect_status 0 "$PICASK" show 0 -t stored -o "$T/back.jpg" && [ -s "$T/back.jpg" ]
}
ok "--store-images=PIXELS keeps a copy that outlives the file" stored
columns() {
    printf 'shot,words\n%s,a bear\n' "$T/pictures/000000000285.jpg" >"$T/own.csv"
    expect_status 0 "$PICASK" index "$T/own.csv" -t own --image-column shot --text-column words -q &&
        expect_status 0 "$PICASK" show 0 -t own && contains "$(cat "$T/out")" "a bear"
}
ok "--image-column and --text-column name the columns" columns
here() {
    mkdir -p "$T/project/deep" && cp "$T/pictures/000000377575.jpg" "$T/project/" && unset PICASK_DB && cd "$T/project" &&
        expect_status 0 "$PICASK" index . --here -q && cd deep && expect_status 0 "$PICASK" search a dog -f &&
        contains "$(cat "$T/out")" "$T/project/000000377575.jpg"
}
ok "--here makes .picask, which is found from below" here
cd "$root" && export PICASK_DB="$T/db"

mkdir -p "$T/none"
ok "a folder without pictures is exit code 1" says 1 "no picture" "$PICASK" index "$T/none" -t none
ok "a source that is not there is exit code 2" says 2 "is not there" "$PICASK" index "$T/absent"
ok "a model that is not on this machine is exit code 2" says 2 "nonsense" "$PICASK" index "$T/pictures" -t new -m nonsense
ok "--here and --db exclude each other" says 2 "--here and --db" "$PICASK" index . --here -d "$T/db"
ok "--overwrite and --append exclude each other" says 2 "exclude each other" "$PICASK" index . --append --overwrite
ok "--decode takes full or fast" says 2 "--decode takes full or fast" "$PICASK" index . --decode quick
ok "--store-images takes three forms" says 2 "--store-images takes" "$PICASK" index . --store-images some
ok "no source and no table is exit code 2" says 2 "no table 'absent' in ~" env PICASK_DB="$HOME/db" "$PICASK" index -t absent
ok "another model than the table's is refused with both names" says 2 "was made with mini-1, you asked for vit-l-14" "$PICASK" index "$T/pictures" -m vit-l-14

hostile=$(printf '%s/a\033[31m\tb\nc.jpg' "$T/hostile")
mkdir -p "$T/hostile"
printf 'no picture' >"$hostile"
clean() { expect_status 1 "$PICASK" index "$T/hostile" -t hostile || expect_status 0 "$PICASK" index "$T/hostile" -t hostile
    no_controls "$T/err" && no_controls "$T/out"; }
ok "control characters in a file's name never reach the terminal" clean

# ---- folders that change ----
mkdir -p "$T/grow/sub"
for f in 000000000285 000000252332 000000377575 000000408805; do cp "$T/pictures/$f.jpg" "$T/grow/sub/"; done
"$PICASK" index -q "$T/grow" -t grow
rows() { "$PICASK" table list --json >"$T/rows" && json_lines "$T/rows" "[r['rows'] for r in rows if r['name'] == '$1'] == [$2]"; }
prune_asks() {
    rm "$T/grow/sub/000000000285.jpg"
    expect_status 2 "$PICASK" index --prune -t grow && contains "$(cat "$T/err")" "--prune removes 1 of the 4 rows of 'grow', whose files are gone; there is no terminal to ask on: add --yes" && rows grow 4
}
ok "--prune of more than a tenth needs --yes where there is no terminal" prune_asks
prune_yes() {
    expect_status 0 "$PICASK" index --prune --yes -t grow && contains "$(cat "$T/out")" "3 unchanged · 0 moved · 1 removed" && rows grow 3
}
ok "--prune --yes removes the row, and the summary says so" prune_yes
prune_json() {
    rm "$T/grow/sub/000000252332.jpg"
    expect_status 0 "$PICASK" index "$T/grow" --prune --yes --json -t grow && json_lines "$T/out" 'rows[-1]["removed"] == 1 and rows[-1]["unchanged"] == 2'
}
ok "--prune --json counts what was removed" prune_json
unplugged() {
    mv "$T/grow" "$T/away" && mkdir "$T/grow"
    "$PICASK" index --prune --yes -t grow >"$T/out" 2>"$T/err"
    contains "$(cat "$T/err")" "$T/grow" && rows grow 2 && rmdir "$T/grow" || return 1
    expect_status 2 "$PICASK" index --prune --yes -t grow && contains "$(cat "$T/err")" "is not there" && rows grow 2
    mv "$T/away" "$T/grow"
}
ok "an empty or missing folder prunes nothing" unplugged
if have_terminal; then
    prune_no() {
        rm "$T/grow/sub/000000377575.jpg"
        echo n | script -qec "stty cols 100; '$PICASK' index --prune -t grow" /dev/null >"$T/typed" 2>&1
        contains "$(cat "$T/typed")" "whose files are gone; go on? [y/N]" && contains "$(cat "$T/typed")" "nothing was removed" && rows grow 2
    }
    ok "on a terminal --prune asks, and a no removes nothing" prune_no
    better() {
        terminal 80 24 "'$PICASK' index '$T/pictures/000000000285.jpg' -t better" && contains "$(cat "$T/out")" "picask table reembed -m ViT-B-32 -t better  (605 MB)"
        awk 'length($0) > 80 && !/Indexed/ { print; bad = 1 } END { exit bad }' "$T/out"
    }
    ok "a first run on a terminal names a better model and what it takes to fetch" better
    once() { terminal 80 24 "'$PICASK' index '$T/pictures/000000377575.jpg' -t better" && contains "$(cat "$T/out")" "1 embedded" && lacks "$(cat "$T/out")" "Better"; }
    ok "and a later one does not" once
else
    skip "on a terminal --prune asks, and a no removes nothing" "no terminal can be made here"
fi
ok "--append and --prune exclude each other" says 2 "--append looks for nothing" "$PICASK" index . --append --prune
ok "--every takes a time" says 2 "--every takes a time like 2s" "$PICASK" index . --every soon
ok "--every takes no time that is none" says 2 "--every takes a time from" "$PICASK" index . --every 0s
ok "a data set of the hub without its scheme is told how it is written" says 2 \
    "vipul/gta is not there; a data set of the hub is written hf://datasets/vipul/gta" "$PICASK" index vipul/gta
plain() { says 2 "is not there; a source is a picture, a video" "$PICASK" index vipul/gta.jpg; }
ok "a file that is not there is no data set" plain
offline() { HF_HUB_OFFLINE=1 says 2 "HF_HUB_OFFLINE forbids to fetch it; without that: picask dataset pull vipul/gta" "$PICASK" index hf://datasets/vipul/gta -t hub; }
ok "a data set that is not here while the hub may not be asked is exit code 2" offline
