#!/bin/sh
# What is drawn on a terminal.
. tests/cli/lib.sh
if ! have_terminal; then
    skip "output on a terminal" "no script(1) of util-linux"
    exit 0
fi
need_model "output on a terminal"
mkdir -p "$HOME/p"
six_pictures
cp "$T/pictures"/* "$HOME/p/"
export PICASK_DB="$HOME/db"
"$PICASK" index -q "$HOME/p/captions.tsv"

# The text without colours.
plain() { sed "s/$(printf '\033')\[[0-9;]*m//g" "$T/out"; }

table() {
    terminal 80 30 "$PICASK search a stop sign -n 2 --no-show" || return 1
    plain >"$T/plain"
    same "$(sed -n 1p "$T/plain")" " #  score  distance  id  picture" &&
        sed -n 2p "$T/plain" | grep -q '^ 1  0\.[0-9][0-9][0-9]     0\.[0-9][0-9][0-9]   1  ~/p/000000252332.jpg$' &&
        same "$(sed -n 3p "$T/plain")" "                         a stop sign among the leaves" &&
        sed -n 6p "$T/plain" | grep -q '^pictures · 6 rows · mini-1 · cosine · [0-9.]* m*s$' && [ "$(wc -l <"$T/plain")" -eq 6 ]
}
ok "search draws an aligned table with captions under the paths, and a footer" table
below() { terminal 80 40 "$PICASK search a dog -n 1" && plain >"$T/plain" && sed -n 4p "$T/plain" | grep -q '^▀' && ! sed -n 1p "$T/plain" | grep -q '▀'; }
ok "below 100 columns the best picture is under the rows" below
beside() { terminal 110 40 "$PICASK search a dog -n 1" && plain >"$T/plain" && sed -n 1p "$T/plain" | grep -q '^ #  score  distance  id  picture  *▀'; }
ok "from 100 columns on it is right of them" beside
fits() { for width in 40 80 100 140; do
    terminal $width 40 "$PICASK search a dog" || return 1
    plain | python3 -c 'import sys
for line in sys.stdin.buffer.read().decode().split("\n"):
    assert len(line) <= int(sys.argv[1]), (len(line), line)' $width || return 1
done; }
ok "no line is wider than the terminal" fits
fits_table() { for verb in info versions tag "delete --help" "update --help" --help; do
    for width in 60 80 120; do
        terminal $width 40 "$PICASK table $verb"
        plain | python3 -c 'import sys
for line in sys.stdin.buffer.read().decode().split("\n"):
    assert len(line) <= int(sys.argv[1]) or "lance" in line or "broken" in line, (len(line), line)' $width || return 1
    done
done; }
"$PICASK" table tag -q a-tag && "$PICASK" table update -q --set width=width+1 --where "id = 1"
ok "nor of table's verbs and help, but for the lines to copy" fits_table
versions() {
    terminal 80 30 "$PICASK table versions" && plain >"$T/plain" && same "$(sed -n 1p "$T/plain")" "version  time (UTC)           rows  operation  tags" &&
        sed -n 2p "$T/plain" | grep -q '^      2  20..-..-.. ..:..:..     6  Update$' && sed -n 3p "$T/plain" | grep -q '^      1  .*  Overwrite  a-tag$'
}
ok "table versions draws an aligned table, the newest first" versions
no_move() { terminal 110 40 "$PICASK search a dog" && ! grep -q "$(printf '\033\[[0-9;?]*[A-HJKfhl]')" "$T/out"; }
ok "the cursor is not moved" no_move
no_colour() { terminal 80 40 "NO_COLOR=1 $PICASK search a dog" && no_controls "$T/out"; }
ok "NO_COLOR leaves no escape sequence" no_colour
none() { terminal 80 40 "PICASK_GRAPHICS=none $PICASK search a dog" && lacks "$(cat "$T/out")" "▀"; }
ok "PICASK_GRAPHICS=none draws nothing" none
show() { terminal 80 30 "$PICASK show 2" && contains "$(cat "$T/out")" "▀" && contains "$(plain)" "a dog tied to a fire hydrant" && contains "$(plain)" "~/p/000000377575.jpg"; }
ok "show draws picture, path and caption" show
sample() { terminal 100 40 "$PICASK sample -n 2" && contains "$(cat "$T/out")" "▀"; }
ok "sample draws its pictures" sample
ask() { terminal 80 40 "$PICASK ask where is the dog" && contains "$(plain)" "a dog tied to a fire hydrant [2]" && contains "$(plain)" "no language model"; }
ok "ask says that no language model was asked" ask
json() { terminal 80 40 "$PICASK search a dog --json -n 1" && lacks "$(cat "$T/out")" "▀" && json_lines "$T/out" 'rows[0]["id"] == 2'; }
ok "--json stays JSON on a terminal" json
damaged() {
    mkdir -p "$HOME/bad/x.lance/_versions" && echo no >"$HOME/bad/x.lance/_versions/1.manifest" &&
        terminal 80 40 "$PICASK table list --json -d $HOME/bad"
    same "$terminal_code" 2 && contains "$(cat "$T/out")" "x: "
}
ok "a table that cannot be read is told by table list --json on a terminal too" damaged

mkdir "$HOME/more"
for f in "$HOME"/p/*.jpg; do
    { cat "$f" && echo x; } >"$HOME/more/$(basename "$f")"
done
printf 'no picture' >"$HOME/more/broken.jpg"
bar() {
    terminal 80 40 "$PICASK index $HOME/more -t more" && contains "$(cat "$T/typed")" "embedding  #" || contains "$(cat "$T/typed")" "embedding  -" || return 1
    contains "$(cat "$T/out")" "skipped broken.jpg: " && contains "$(cat "$T/out")" "Indexed ~/more into 'more' (~/db): "
}
ok "index draws a bar, and names paths with ~" bar

asked() { script -qec "$PICASK table drop more" /dev/null </dev/null >"$T/typed" 2>&1
    contains "$(cat "$T/typed")" "go on? [y/N]" && contains "$(cat "$T/typed")" "nothing was changed" && "$PICASK" table info more >/dev/null; }
ok "drop asks on a terminal, and no answer changes nothing" asked
yes_drop() { echo y | script -qec "$PICASK table drop more" /dev/null >"$T/typed" 2>&1; ! "$PICASK" table info more 2>/dev/null >&2; }
ok "drop goes on after y" yes_drop

printf 'path\tcaption\n%s\tred \033[31m bell \007 csi \302\23331m end\n' "$HOME/p/000000013004.jpg" >"$T/hostile.tsv"
"$PICASK" index -q "$T/hostile.tsv" -t hostile
clean() { terminal 80 40 "NO_COLOR=1 $PICASK search x -t hostile --no-show; NO_COLOR=1 $PICASK show 0 -t hostile; NO_COLOR=1 $PICASK ask x -t hostile --no-show" && no_controls "$T/out" && contains "$(cat "$T/out")" "bell"; }
ok "control characters of a caption never reach the terminal" clean

many_versions() {
    "$PICASK" table update -q -t hostile --set width=1 --where true && for _ in $(seq 50); do "$PICASK" table restore -q 1 hostile || return 1; done
    terminal 80 24 "$PICASK table versions hostile" && contains "$(tail -1 "$T/out")" "the newest 50 of 52 versions; all of them: picask table versions -n 52 -t hostile" && [ "$(wc -l <"$T/out")" -eq 52 ] &&
        terminal 80 24 "$PICASK table versions hostile -n 51" && [ "$(grep -c Restore "$T/out")" -eq 50 ] && same "$("$PICASK" table versions hostile | wc -l)" 52
}
ok "of many versions a terminal gets the newest 50 and how to see all" many_versions
turned() {
    printf 'path\tcaption\n%s\tto \342\200\256 right\n' "$HOME/p/000000013004.jpg" >"$T/turned.tsv" && "$PICASK" index -q "$T/turned.tsv" -t turned &&
        expect_status 0 "$PICASK" table export turned --columns text && same "$(cat "$T/out")" '{"text":"to \u202e right"}'
}
ok "what turns the writing around is escaped in JSON" turned
