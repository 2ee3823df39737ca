#!/bin/sh
# picask table versions, restore, tag, and --at-version
. tests/cli/lib.sh
need_model "picask table versions"
six_rows
"$PICASK" table tag -q six
"$PICASK" table delete -q --id 5 --yes
"$PICASK" table delete -q --where "id = 4" --yes

newest() { "$PICASK" table versions -n 1 | cut -f 1; }
rows() { "$PICASK" table info --json "$@" | python3 -c 'import json, sys; print(json.load(sys.stdin)["rows"])'; }

json() { expect_status 0 "$PICASK" table versions --json && json_lines "$T/out" \
    '[r["version"] for r in rows] == sorted((r["version"] for r in rows), reverse=True) and rows[0]["rows"] == 4 and rows[0]["operation"] == "Delete" and [r["rows"] for r in rows if "six" in r["tags"]] == [6] and all(r["problem"] is None and len(r["timestamp"]) > 18 for r in rows)'; }
ok "versions come newest first, with rows, operation and tags" json
tsv() { expect_status 0 "$PICASK" table versions -n 2 && [ "$(wc -l <"$T/out")" -eq 2 ] && awk -F '\t' 'NF != 7 || $4 < 1 { bad = 1 } END { exit bad }' "$T/out"; }
ok "elsewhere than on a terminal they are lines of seven fields" tsv
ok "-n takes a number from 1 on" says 2 "below 1" "$PICASK" table versions -n 0
ok "versions of a table that is not there are refused as every command does" says 2 "no table 'none' in" "$PICASK" table versions none

at_number() { expect_status 0 "$PICASK" search a dog -n 10 --at-version 1 && [ "$(wc -l <"$T/out")" -eq 6 ]; }
ok "search --at-version N finds rows that are deleted since" at_number
at_tag() { expect_status 0 "$PICASK" show 5 --at-version six && expect_status 1 "$PICASK" show 5; }
ok "--at-version takes a tag" at_tag
at_export() { expect_status 0 "$PICASK" table export --at-version six --columns id && [ "$(wc -l <"$T/out")" -eq 6 ]; }
ok "export --at-version gives the old rows" at_export
at_sample() { expect_status 0 "$PICASK" sample -n 9 --at-version six && [ "$(wc -l <"$T/out")" -eq 6 ] && same "$(rows --at-version six)" 6; }
ok "so do sample and table info" at_sample
ok "a version that is not there is named with the command that lists them" says 2 \
    "table 'pictures' has no version 99; its versions: picask table versions -t pictures" "$PICASK" search a dog --at-version 99
ok "so is a tag" says 2 "has no version tagged 'seven'" "$PICASK" search a dog --at-version seven
ok "there is no version 0" says 2 "no version 0" "$PICASK" search a dog --at-version 0

tags() { expect_status 0 "$PICASK" table tag && same "$(cut -f 1 "$T/out")" six; }
ok "tag alone lists the tags" tags
tag_moves() { expect_status 0 "$PICASK" table tag best six && contains "$(cat "$T/err")" "is tagged 'best'" &&
    expect_status 0 "$PICASK" table tag best && contains "$(cat "$T/err")" "no longer" && same "$("$PICASK" table tag | sed -n 's/^best	//p')" "$(newest)"; }
ok "a tag of that name moves, and says so" tag_moves
tag_json() { expect_status 0 "$PICASK" table tag --json && json_lines "$T/out" '[r["tag"] for r in rows] == ["best", "six"] and rows[0]["version"] > rows[1]["version"]'; }
ok "tag --json is an object a tag" tag_json
tag_told() { expect_status 0 "$PICASK" table tag told six --json && json_lines "$T/out" 'len(rows) == 1 and rows[0]["tag"] == "told" and rows[0]["version"] > 0' &&
    expect_status 0 "$PICASK" table tag --delete told --json && json_lines "$T/out" 'rows[0]["tag"] == "told"'; }
ok "with --json a tag that is made or taken away is an object too" tag_told
tag_deleted() { expect_status 0 "$PICASK" table tag --delete best && expect_status 1 "$PICASK" table tag --delete best && contains "$(cat "$T/err")" "has no tag 'best'"; }
ok "tag --delete takes it away once" tag_deleted
ok "a tag of digits is refused" says 2 "would be taken for a version" "$PICASK" table tag 12
ok "a tag's name is checked" expect_status 2 "$PICASK" table tag a/b
ok "a table without tags says how to make one" says 1 "picask table tag NAME" sh -c '"$0" table create -q bare --dim 3; "$0" table tag -t bare' "$PICASK"

restored() { before=$(newest) && expect_status 0 "$PICASK" table restore six && contains "$(cat "$T/err")" "6 rows" && same "$(rows)" 6 &&
    [ "$(newest)" -gt "$before" ] && expect_status 0 "$PICASK" show 5; }
ok "restore brings the rows back as a new version" restored
restore_json() { "$PICASK" table delete -q --id 3 --yes && expect_status 0 "$PICASK" table restore six --json && json_lines "$T/out" 'rows[0]["rows"] == 6 and rows[0]["version"] > rows[0]["restored"]'; }
ok "restore --json names both versions" restore_json
newest_restored() { before=$(newest) && expect_status 0 "$PICASK" table restore "$before" && contains "$(cat "$T/err")" "nothing to do" && same "$(newest)" "$before"; }
ok "restoring the newest version does nothing" newest_restored
ok "where the table has a name of its own, what helps names it" says 2 "those there: picask table versions -t holidays" "$PICASK" table restore -t holidays
ok "restore needs a version" says 2 "needs a version or a tag" "$PICASK" table restore
ids_go_on() {
    cp examples/pictures/000000039769.jpg "$T/pictures/" 2>/dev/null || cp "$(ls examples/pictures/*.jpg | tail -1)" "$T/pictures/"
    mkdir "$T/one" && cp "$(ls examples/pictures/*.jpg | tail -1)" "$T/one/" && "$PICASK" index -q "$T/one" && "$PICASK" table restore -q six &&
        "$PICASK" index -q "$T/one" && "$PICASK" search x --in "$T/one" --json >"$T/out" && json_lines "$T/out" 'rows[0]["id"] == 7'
}
ok "an id given since is not given again" ids_go_on

# A newest manifest that is cut short, as a power cut leaves it.
manifest=$(ls "$T"/db/pictures.lance/_versions/*.manifest | head -1)
broken_version=$(newest)
: >"$manifest"
named="picask table restore --last-good -t pictures"
for c in "search a dog" "show 1" "sample" "ask a dog" "remove 1" "table info" "table export" "table delete --id 1" "table update --set width=1 --where true" "table optimize" "table cleanup" "table tag x" "index $T/one"; do
    # shellcheck disable=SC2086
    ok "a broken newest version: $c names the command that helps" says 2 "$named" "$PICASK" $c
done
listed() { expect_status 0 "$PICASK" table versions --json && json_lines "$T/out" 'rows[0]["problem"] and rows[1]["problem"] is None'; }
ok "versions lists it with what is wrong" listed
last_good() { expect_status 0 "$PICASK" table restore --last-good && contains "$(cat "$T/err")" "last whole version back" && expect_status 0 "$PICASK" search a dog && [ "$(newest)" -gt "$broken_version" ]; }
ok "restore --last-good brings the newest whole version back" last_good
again() { expect_status 0 "$PICASK" table restore --last-good && contains "$(cat "$T/err")" "nothing to do"; }
ok "where the newest version is whole it does nothing" again
