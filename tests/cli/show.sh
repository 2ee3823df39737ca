#!/bin/sh
# picask show, sample, ask
. tests/cli/lib.sh
need_model "picask show, sample, ask"
six_rows

by_id() { expect_status 0 "$PICASK" show 2 && contains "$(cat "$T/out")" "a dog tied to a fire hydrant" && [ "$(wc -l <"$T/out")" -eq 1 ]; }
ok "show ID gives the row" by_id
by_path() { cd "$T/pictures" && expect_status 0 "$PICASK" show 000000377575.jpg ./000000000285.jpg && same "$(cut -f1 "$T/out" | tr '\n' ' ')" "1 2 "; }
ok "show takes several paths and counts their rows" by_path
cd "$root" || exit 1
json() { expect_status 0 "$PICASK" show 2 --json && json_lines "$T/out" 'rows[0]["id"] == 2 and rows[0]["width"] > 0 and rows[0]["text"].startswith("a dog")'; }
ok "show --json has the row's facts" json
drawn() { expect_status 0 "$PICASK" show 2 --show && contains "$(cat "$T/out")" "▀" && contains "$(cat "$T/out")" "id 2 · "; }
ok "show --show draws where the output is no terminal" drawn
output() { expect_status 0 "$PICASK" show 2 -o "$T/dog.jpg" && cmp "$T/dog.jpg" "$T/pictures/000000377575.jpg"; }
ok "show -o writes the picture's own bytes" output
converted() { expect_status 0 "$PICASK" show 2 -o "$T/dog.png" && [ "$(od -An -c -j1 -N3 "$T/dog.png" | tr -d ' ')" = PNG ]; }
ok "show -o FILE.png converts" converted
piped() { "$PICASK" show 2 -o - | cmp - "$T/pictures/000000377575.jpg"; }
ok "show -o - writes to stdout" piped
ok "an id that no row has is exit code 1" says 1 "999" "$PICASK" show 999
ok "a path that no row has is exit code 1" says 1 "absent.jpg" "$PICASK" show absent.jpg
ok "show needs a picture" says 2 "needs the id or the path" "$PICASK" show
ok "-o takes one picture" says 2 "one picture" "$PICASK" show 1 2 -o "$T/x.jpg"
mv "$T/pictures/000000013004.jpg" "$T/away.jpg"
ok "a row whose file is gone is exit code 2 for -o" says 2 "000000013004.jpg" "$PICASK" show 5 -o "$T/x.jpg"
mv "$T/away.jpg" "$T/pictures/000000013004.jpg"

two() { expect_status 0 "$PICASK" sample && [ "$(wc -l <"$T/out")" -eq 2 ]; }
ok "sample gives two rows" two
seeded() { "$PICASK" sample -n 4 --seed 7 >"$T/a" && "$PICASK" sample -n 4 --seed 7 >"$T/b" && cmp "$T/a" "$T/b" && [ "$(sort -u "$T/a" | wc -l)" -eq 4 ]; }
ok "the same seed draws the same rows, none twice" seeded
more() { expect_status 0 "$PICASK" sample -n 50 && [ "$(wc -l <"$T/out")" -eq 6 ]; }
ok "sample gives no more rows than there are" more
source_folder() { expect_status 0 env PICASK_DB="$T/no-db" "$PICASK" sample "$T/pictures" -n 3 --json && json_lines "$T/out" 'len(rows) == 3 and all(r["uri"].startswith("/") for r in rows)'; }
ok "sample SOURCE works before any table exists" source_folder
source_captions() { expect_status 0 "$PICASK" sample "$T/pictures/captions.tsv" -n 6 --seed 1 && contains "$(cat "$T/out")" "a banana on a plate"; }
ok "sample of a caption file shows the captions" source_captions
sheet() { expect_status 0 "$PICASK" sample -n 3 --show && contains "$(cat "$T/out")" "▀"; }
ok "sample --show draws where the output is no terminal" sheet
mkdir "$T/none"
ok "sample of a folder without pictures is exit code 1" says 1 "no picture" "$PICASK" sample "$T/none"
ok "sample of what is not there is exit code 2" says 2 "absent" "$PICASK" sample "$T/absent"
ok "sample without a table is exit code 2" says 2 "no table" env PICASK_DB="$T/no-db" "$PICASK" sample

answer() { expect_status 0 "$PICASK" ask where is the dog && same "$(head -1 "$T/out")" "a dog tied to a fire hydrant [2]" && [ "$(wc -l <"$T/out")" -eq 3 ]; }
ok "ask says the best captions with their ids" answer
ask_json() { expect_status 0 "$PICASK" ask where is the dog --json -n 2 && json_lines "$T/out" 'list(rows[0]) == ["answer","citations","results"] and rows[0]["citations"][0] == 2 and len(rows[0]["results"]) == 2 and rows[0]["results"][0]["rank"] == 1'; }
ok "ask --json is answer, citations, results" ask_json
ask_lines() { printf 'a dog\n\na stop sign\n' | "$PICASK" ask -n 1 >"$T/out" && same "$(cat "$T/out")" "a dog tied to a fire hydrant [2]
a stop sign among the leaves [1]"; }
ok "ask without a question reads one a line" ask_lines
ask_drawn() { expect_status 0 "$PICASK" ask a dog --show && contains "$(cat "$T/out")" "▀"; }
ok "ask --show draws where the output is no terminal" ask_drawn
"$PICASK" index -q "$T/pictures/000000377575.jpg" -t bare
uncaptioned() { expect_status 0 "$PICASK" ask a dog -t bare && contains "$(cat "$T/out")" "a picture without a caption [0]"; }
ok "ask says so where there is no caption" uncaptioned
