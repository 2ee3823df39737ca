#!/bin/sh
# picask table, remove
. tests/cli/lib.sh
need_model "picask table"
ok "an empty database is exit code 1 and says what to do" says 1 "picask index" "$PICASK" table list
six_rows

list() { expect_status 0 "$PICASK" table list && awk -F '\t' '$1 == "pictures" && $2 == 6 && $3 == 384 && $4 == "mini-1" && NF == 5 { good = 1 } END { exit !good }' "$T/out"; }
ok "table list is name, rows, numbers, model, bytes" list
list_json() { expect_status 0 "$PICASK" table list --json && json_lines "$T/out" 'rows[0]["name"] == "pictures" and rows[0]["rows"] == 6 and rows[0]["model"] == "mini-1"'; }
ok "table list --json is an object a table" list_json
info() {
    expect_status 0 "$PICASK" table info && contains "$(cat "$T/out")" "mini-1" && contains "$(cat "$T/out")" "captions.tsv" &&
        contains "$(tail -4 "$T/out")" "lancedb.connect(\"$T/db\").open_table(\"pictures\")" && contains "$(tail -1 "$T/out")" "SELECT * FROM '$T/db/pictures.lance'"
}
ok "table list takes no name" says 2 "table list takes no name; of one table: picask table info x" "$PICASK" table list x
ok "table info ends with the lines that open the table in Python and DuckDB" info
info_json() { expect_status 0 "$PICASK" table info pictures --json && json_lines "$T/out" 'rows[0]["rows"] == 6 and rows[0]["dim"] == 384 and rows[0]["columns"]["id"] == "int64" and rows[0]["columns"]["vector"] == "fixed_size_list<float32, 384>" and "lancedb" in rows[0]["python"] and [s.rsplit("/", 1)[1] for s in rows[0]["sources"]] == ["captions.tsv"]'; }
ok "table info --json has rows, model, columns and remembered sources" info_json

export_json() { expect_status 0 "$PICASK" table export && json_lines "$T/out" 'len(rows) == 6 and list(rows[0])[:4] == ["vector","text","id","uri"] and [r["id"] for r in rows] == list(range(6)) and len(rows[0]["vector"]) == 384 and rows[1]["text"] == "a stop sign among the leaves"'; }
ok "table export gives every row as a JSON line" export_json
export_csv() {
    expect_status 0 "$PICASK" table export --csv && python3 - "$T/out" <<'END'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
assert len(rows) == 6 and rows[2]["text"] == "a dog tied to a fire hydrant" and rows[2]["id"] == "2", rows
assert "vector" not in rows[0] and "image" not in rows[0]
END
}
ok "table export --csv has a header and no vectors" export_csv
export_npy() { expect_status 0 "$PICASK" table export --npy "$T/v.npy" && grep -q '(6, 384)' "$T/v.npy"; }
ok "table export --npy writes the vectors" export_npy

create() { expect_status 0 "$PICASK" table create empty --model mini && expect_status 0 "$PICASK" table create numbers --dim 8 && expect_status 0 "$PICASK" table list --json && json_lines "$T/out" '{r["name"]: (r["dim"], r["model"], r["rows"]) for r in rows} == {"pictures": (384, "mini-1", 6), "empty": (384, "mini-1", 0), "numbers": (8, None, 0)}'; }
ok "table create makes empty tables for a model or for a width" create
create_json() { expect_status 0 "$PICASK" table create told --dim 3 --json && same "$(cat "$T/out")" '{"name":"told","dim":3,"model":null}' && "$PICASK" table drop -q told --yes; }
ok "table create --json is an object" create_json
ok "a table that exists is not made again" says 2 "'empty'" "$PICASK" table create empty
ok "--dim and --model exclude each other" says 2 "exclude each other" "$PICASK" table create x --dim 3 --model mini
ok "create needs a name" says 2 "needs a name" "$PICASK" table create
ok "a name may not leave the database" says 2 "name" "$PICASK" table create ../x
ok "sample of an empty table is exit code 1" expect_status 1 "$PICASK" sample -t empty
ok "search of an empty table is exit code 1" expect_status 1 "$PICASK" search dog -t empty

ok "delete of more than 10 % needs --yes" says 2 "add --yes" "$PICASK" table delete --id 5
delete() { expect_status 0 "$PICASK" table delete --id 5 --yes && expect_status 1 "$PICASK" show 5 && expect_status 0 "$PICASK" show 4; }
ok "delete --id removes the row" delete
ok "delete of an id that is not there is exit code 1" expect_status 1 "$PICASK" table delete --id 77 --yes
ok "delete needs ids" says 2 "needs the ids" "$PICASK" table delete
ok "ids are numbers" says 2 "is no id" "$PICASK" table delete --id 1,x

remove() { expect_status 0 "$PICASK" remove 4 "$T/pictures/000000408805.jpg" && contains "$(cat "$T/err")" "removed 2 rows" && [ -f "$T/pictures/000000408805.jpg" ] && expect_status 1 "$PICASK" show 4; }
ok "remove takes ids and paths, and the files stay" remove
remove_none() { expect_status 1 "$PICASK" remove 0 999 && expect_status 0 "$PICASK" show 0; }
ok "remove of what is not there removes nothing" remove_none
remove_json() { expect_status 0 "$PICASK" remove 0 --json && same "$(cat "$T/out")" '{"removed":1}'; }
ok "remove --json counts" remove_json
ok "remove needs a picture" says 2 "needs the id or the path" "$PICASK" remove

ok "drop needs the name" says 2 "needs the table's name" "$PICASK" table drop --yes
ok "drop needs --yes where there is no terminal" says 2 "add --yes" "$PICASK" table drop pictures
drop() { expect_status 0 "$PICASK" table drop pictures --yes && expect_status 2 "$PICASK" search dog && [ ! -e "$T/db/pictures.lance" ]; }
ok "drop --yes deletes the table" drop
ok "drop of what is not there says so before asking" says 2 "no table 'none'" "$PICASK" table drop none
