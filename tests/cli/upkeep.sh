#!/bin/sh
# picask table optimize, cleanup, verify
. tests/cli/lib.sh
need_model "picask table optimize"
six_rows
for f in $(ls examples/pictures/*.jpg | tail -3); do
    "$PICASK" index -q "$f"
done
"$PICASK" table delete -q --id 0 --yes

fragments() { "$PICASK" table info --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["fragments"])'; }
optimized() { [ "$(fragments)" -gt 1 ] && expect_status 0 "$PICASK" table optimize && contains "$(cat "$T/err")" "8 rows written" && contains "$(cat "$T/err")" "1 deleted left out" && same "$(fragments)" 1 &&
    expect_status 0 "$PICASK" search a dog -n 1 --json && json_lines "$T/out" 'rows[0]["id"] == 2'; }
ok "optimize puts fragments together and leaves deleted rows out" optimized
told() { expect_status 0 "$PICASK" table optimize --json && json_lines "$T/out" 'rows[0]["fragments_before"] == rows[0]["fragments_after"] == 1 and rows[0]["rows"] == 0'; }
ok "optimize --json counts the table's fragments, also where nothing is done" told
nothing() { expect_status 0 "$PICASK" table optimize && contains "$(cat "$T/err")" "nothing to do"; }
ok "a table in order is left alone" nothing
upgraded() { expect_status 0 "$PICASK" table optimize --upgrade 2.2 --json && json_lines "$T/out" 'rows[0]["data_version"] == "2.2" and rows[0]["rows"] == 8' && expect_status 0 "$PICASK" search a dog; }
ok "optimize --upgrade writes all rows in a newer file version" upgraded
ok "a table is not taken back to an older one" says 2 "not taken back" "$PICASK" table optimize --upgrade 2.1
ok "--upgrade takes what there is" says 2 "--upgrade takes 2.1 or 2.2" "$PICASK" table optimize --upgrade 3
indexed() { expect_status 0 "$PICASK" index && contains "$(cat "$T/out")" "unchanged"; }
ok "an index run goes on after it" indexed

verified() { expect_status 0 "$PICASK" table verify && contains "$(cat "$T/err")" "no damage found in 'pictures'"; }
ok "verify of a whole table is exit code 0" verified
versions() { "$PICASK" table versions | wc -l; }
young() { before=$(versions) && expect_status 0 "$PICASK" table cleanup && contains "$(cat "$T/err")" "nothing to delete" && same "$(versions)" "$before"; }
ok "cleanup leaves versions that are younger than 7 days" young
dry() { before=$(versions) && expect_status 0 "$PICASK" table cleanup --older-than 0 --dry-run && contains "$(cat "$T/err")" "would delete" && same "$(versions)" "$before"; }
ok "--dry-run deletes nothing" dry
cleaned() { "$PICASK" table tag -q first 1 && expect_status 0 "$PICASK" table cleanup --older-than 0 --json && json_lines "$T/out" 'rows[0]["versions"] > 2 and rows[0]["files"] > 0 and rows[0]["bytes"] > 0' && same "$(versions)" 2 &&
    expect_status 0 "$PICASK" search a dog && expect_status 0 "$PICASK" search a dog --at-version first; }
ok "cleanup --older-than 0 leaves the newest and tagged versions" cleaned
unverified() { echo x >"$T/db/pictures.lance/data/orphan.lance" && "$PICASK" table cleanup -q --older-than 0 && [ -f "$T/db/pictures.lance/data/orphan.lance" ] &&
    expect_status 0 "$PICASK" table cleanup --older-than 0 --unverified && contains "$(cat "$T/err")" "warning: --unverified" && [ ! -f "$T/db/pictures.lance/data/orphan.lance" ]; }
ok "a young file that no version names goes with --unverified alone, which warns" unverified
ok "an age has a unit" says 2 "takes an age like" "$PICASK" table cleanup --older-than 7
ok "a table that is not there is said so" says 2 "no table 'none'" "$PICASK" table cleanup none
ok "by verify too" says 2 "no table 'none'" "$PICASK" table verify none

data=$(ls "$T"/db/pictures.lance/data/*.lance | head -1)
damaged() {
    python3 - "$data" <<'EOF'
import sys
with open(sys.argv[1], "r+b") as f:
    f.truncate(f.seek(0, 2) - 20)
EOF
    expect_status 1 "$PICASK" table verify && contains "$(cat "$T/out")" "$(basename "$data")" && expect_status 1 "$PICASK" table verify --json &&
        json_lines "$T/out" 'rows[0]["finding"] == "damaged" and rows[0]["problem"] and rows[-1]["damaged"] >= 1'
}
ok "verify of a damaged file is exit code 1 and names it" damaged
