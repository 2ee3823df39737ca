#!/bin/sh
# --where and --in, and table update
. tests/cli/lib.sh
need_model "conditions"
six_rows
mkdir "$T/more's %_folder" "$T/more's %_folder 2"
cp "$T/pictures/000000285.jpg" "$T/more's %_folder/" 2>/dev/null
cp "$(ls examples/pictures/*.jpg | tail -1)" "$T/more's %_folder/a.jpg"
cp "$(ls examples/pictures/*.jpg | tail -2 | head -1)" "$T/more's %_folder 2/b.jpg"
"$PICASK" index -q "$T/more's %_folder" "$T/more's %_folder 2"

ids() { cut -f 2 "$T/out" | sort -n | tr '\n' ' '; }
where() { expect_status 0 "$PICASK" search a dog --where "id in (1, 4) or text like '%kitchen%'" && same "$(ids)" "1 3 4 "; }
ok "search --where looks at those rows alone" where
k_rows() { expect_status 0 "$PICASK" search a dog -n 3 --where "id <> 2" && [ "$(wc -l <"$T/out")" -eq 3 ] && lacks "$(ids)" 2; }
ok "as many rows as asked for come back when so many meet it" k_rows
nothing() { says 1 "nothing found" "$PICASK" search a dog --where "id > 100"; }
ok "a condition that no row meets is exit code 1" nothing
in_folder() { expect_status 0 "$PICASK" search a dog --in "$T/more's %_folder" -f && same "$(cat "$T/out")" "$T/more's %_folder/a.jpg"; }
ok "--in takes a folder with quotes and signs of LIKE, and no folder whose name begins so" in_folder
relative() { cd "$T" && expect_status 0 "$PICASK" search a dog --in "more's %_folder/" -f && [ "$(wc -l <"$T/out")" -eq 1 ]; }
ok "--in takes a relative path" relative
cd "$root" || exit 1
two() { expect_status 0 "$PICASK" search a dog --in "$T/more's %_folder" --in "$T/more's %_folder 2" && [ "$(wc -l <"$T/out")" -eq 2 ]; }
ok "--in may be repeated" two
both() { expect_status 0 "$PICASK" search a dog --in "$T/pictures" --where "id < 2 -- small ones" && same "$(ids)" "0 1 "; }
ok "--where and --in hold both" both
sampled() { expect_status 0 "$PICASK" sample -n 9 --where "id >= 4" && [ "$(wc -l <"$T/out")" -eq 4 ] && expect_status 1 "$PICASK" sample --where "id > 100"; }
ok "sample --where draws from those rows" sampled
asked() { expect_status 0 "$PICASK" ask a dog --where "text like '%cat%'" -n 3 && same "$(cat "$T/out")" "a cat and a canary [4]"; }
ok "ask --where answers from those rows" asked
exported() { expect_status 0 "$PICASK" table export --where "id between 2 and 3" --columns id,text && same "$(cat "$T/out")" '{"id":2,"text":"a dog tied to a fire hydrant"}
{"id":3,"text":"a kitchen with a microwave"}'; }
ok "export --where --columns gives those" exported
exported_npy() { expect_status 0 "$PICASK" table export --npy "$T/v.npy" --in "$T/pictures" -n 4 && grep -q '(4, 384)' "$T/v.npy"; }
ok "export --npy takes conditions and -n" exported_npy
by_id() { expect_status 0 "$PICASK" search --id 2 --where "id < 4" && same "$(ids)" "0 1 3 "; }
ok "--id goes with --where" by_id

ok "a wrong column is named with its position and the columns" says 2 "--where: no column 'dat' at position 1; columns: vector, text, id" "$PICASK" search a dog --where "dat > 3"
ok "the position is that of --where beside --in too" says 2 "at position 11" "$PICASK" search a dog --in "$T" --where "id > 1 or dat > 3"
ok "a wrong type is named" says 2 "--where: " "$PICASK" search a dog --where "id = 'x' and"
ok "an empty condition is refused" says 2 "--where is empty" "$PICASK" search a dog --where ""
ok "two conditions are refused" says 2 "--where is given twice" "$PICASK" search a dog --where "id = 1" --where "id = 2"
"$PICASK" table create -q numbers --dim 3
ok "sample of a source takes no condition" says 2 "choose rows of the table" "$PICASK" sample "$T/pictures" --where "id = 1"

ok "delete --where of more than 10 % needs --yes" says 2 "this deletes 2 of the 8 rows of 'pictures'; there is no terminal to ask on: add --yes" "$PICASK" table delete --where "id in (0, 1)"
ok "delete --where that no row meets is exit code 1" says 1 "no row of 'pictures' meets the condition" "$PICASK" table delete --where "id = 77" --yes
ok "delete takes ids or a condition" says 2 "--id excludes --where" "$PICASK" table delete --id 1 --where "id = 1"
deleted() { expect_status 0 "$PICASK" table delete --in "$T/more's %_folder 2" --yes --json && same "$(cat "$T/out")" '{"removed":1}' && expect_status 0 "$PICASK" table info --json && json_lines "$T/out" 'rows[0]["rows"] == 7'; }
ok "delete --in deletes the rows below a folder" deleted

text_of() { "$PICASK" table export --where "id = $1" --columns text,width; }
updated() { expect_status 0 "$PICASK" table update --set "text='it''s a dog'" --set width=3 --where "id = 2" && contains "$(cat "$T/err")" "updated 1 row of 'pictures'" &&
    same "$(text_of 2)" '{"text":"it'"'"'s a dog","width":3}'; }
ok "update --set sets several columns" updated
expression() { expect_status 0 "$PICASK" table update --set "text=upper(text)" --where "id = 1" && contains "$(text_of 1)" "A STOP SIGN"; }
ok "a value may be an expression of the old ones" expression
to_null() { expect_status 0 "$PICASK" table update --set text=null --in "$T/pictures" --json && same "$(cat "$T/out")" '{"updated":6}' && same "$(text_of 3 | cut -c 1-12)" '{"text":null'; }
ok "null is a value, and --in chooses rows" to_null
finds_updated() { expect_status 0 "$PICASK" search a dog -n 1 --json && json_lines "$T/out" 'rows[0]["id"] == 2'; }
ok "updated rows keep their vectors" finds_updated
cast() { expect_status 0 "$PICASK" table update --set width=3.5 --where "id = 2" && "$PICASK" search a dog --where "id = 2" --columns width --json >"$T/out" && json_lines "$T/out" 'rows[0]["width"] == 3'; }
ok "a value is cast to the column's type, as LanceDB's update does" cast
too_large() { says 2 "--set: " "$PICASK" table update --set "width=size * 1000000" --where "id = 2" && contains "$(cat "$T/err")" "does not fit into int32"; }
ok "a value that only some row makes too large is named as --set's" too_large
ok "text without quotes is told how to be quoted" says 2 "text stands in quotes: --set \"text='dog'\"" "$PICASK" table update --set text=dog --where "id = 1"
ok "so is a time" says 2 "--set \"taken=timestamp '2026-01-01'\"" "$PICASK" table update --set taken=2026-01-01 --where "id = 1"
ok "a value of another type is refused" says 2 "--set: the value of 'width': " "$PICASK" table update --set "width='wide'" --where "id = 1"
ok "an unknown column is named" says 2 "--set: no column 'wdth' in table 'pictures'; columns: " "$PICASK" table update --set wdth=3 --where "id = 1"
ok "--set needs =" says 2 "with = between them" "$PICASK" table update --set width --where "id = 1"
ok "update needs a condition" says 2 "for all rows: --where true" "$PICASK" table update --set width=3
ok "update of no row is exit code 1" says 1 "nothing is changed" "$PICASK" table update --set width=3 --where "id = 99"
