#!/bin/sh
# picask table relocate
. tests/cli/lib.sh
need_model "picask table relocate"
export PICASK_DB="$T/db"
mkdir -p "$T/old/deep"
cp examples/pictures/000000000285.jpg "$T/old/bear.jpg"
cp examples/pictures/000000377575.jpg "$T/old/deep/dog.jpg"
cp examples/pictures/000000013004.jpg "$T/old/$(printf 'caf\351 #5').jpg" 2>/dev/null
"$PICASK" index -q "$T/old" || exit 1

dry() {
    mv "$T/old" "$T/new" && expect_status 0 "$PICASK" table relocate "$T/old" "$T/new" --dry-run &&
        contains "$(cat "$T/err")" "would relocate 3 rows of 'pictures' from " && "$PICASK" search a dog -f -n 1 >"$T/out" &&
        contains "$(cat "$T/out")" "$T/old/deep/dog.jpg"
}
ok "--dry-run counts and changes nothing" dry
relocated() {
    expect_status 0 "$PICASK" table relocate "$T/old" "$T/new" &&
        same "$(cat "$T/err")" "relocated 3 rows of 'pictures' from $T/old to $T/new" &&
        "$PICASK" search a dog -f -n 1 >"$T/out" && same "$(cat "$T/out")" "$T/new/deep/dog.jpg"
}
ok "relocate says how many rows, and search shows the new paths" relocated
again() { expect_status 0 "$PICASK" index && contains "$(cat "$T/out")" "0 embedded · 0 copies · 3 unchanged · 0 moved" && [ ! -s "$T/err" ]; }
ok "the next index run finds everything unchanged at the new place" again
shown() { expect_status 0 "$PICASK" show "$T/new/bear.jpg" && "$PICASK" show 0 -o "$T/back.jpg" && [ -s "$T/back.jpg" ]; }
ok "show brings a picture from there" shown
back() {
    mv "$T/new" "$T/old" && (cd "$T" && expect_status 0 "$PICASK" table relocate new old --json) &&
        json_lines "$T/out" 'rows == [{"relocated": 3, "dry_run": False}]'
}
ok "relative places are made absolute; --json gives the number" back
version() { "$PICASK" table versions --json >"$T/versions" && wc -l <"$T/versions"; }
refused() {
    before=$(version)
    says 2 "is not there; move the pictures first" "$PICASK" table relocate "$T/old" "$T/nowhere" &&
        says 2 "no row and no source of table 'pictures' lies in " "$PICASK" table relocate "$T/none" "$T" &&
        says 2 "is an address" "$PICASK" table relocate hf://datasets/a/b "$T/old" &&
        says 2 "takes the old and the new place" "$PICASK" table relocate "$T/old" &&
        says 2 "is the old place and the new one" "$PICASK" table relocate "$T/old" "$T/old/" && same "$(version)" "$before"
}
ok "what cannot be meant is one sentence, and makes no version" refused
doubled() {
    mkdir "$T/copy" && cp "$T/old/bear.jpg" "$T/copy/" && "$PICASK" index -q "$T/copy" &&
        says 2 "/copy/bear.jpg already, and would have two" "$PICASK" table relocate "$T/old" "$T/copy"
}
ok "a row that is there at the new place already is named" doubled
other_table() {
    "$PICASK" index -q "$T/old/bear.jpg" -t other && expect_status 0 "$PICASK" table relocate "$T/old" "$T/copy" other &&
        contains "$(cat "$T/err")" "relocated 1 row of 'other'"
}
ok "a third operand names the table" other_table
