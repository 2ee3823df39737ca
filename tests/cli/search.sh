#!/bin/sh
# picask search
. tests/cli/lib.sh
need_model "picask search"
six_rows

first_is() { contains "$(head -1 "$T/out")" "$1"; }
words() { expect_status 0 "$PICASK" search a stop sign && first_is 000000252332.jpg && [ "$(wc -l <"$T/out")" -eq 6 ]; }
ok "words find their picture first" words
ok "an id that is not there is exit code 1, whatever columns are asked for" says 1 "has no row with id 99" "$PICASK" search --id 99 --columns width
tsv() {
    expect_status 0 "$PICASK" search "a stop sign" -n 1 &&
        awk -F '\t' 'NF == 6 && $1 == 1 && $2 == 1 && $3 > 0 && $4 < 1 && $5 ~ /^\// && $6 == "a stop sign among the leaves" { good = 1 } END { exit !good }' "$T/out" &&
        [ ! -s "$T/err" ]
}
ok "TSV is rank, id, distance, score, uri, text, and stderr is silent" tsv
json() {
    expect_status 0 "$PICASK" search a dog -n 2 --json && json_lines "$T/out" \
        'len(rows) == 2 and list(rows[0]) == ["rank","id","_distance","score","text","uri","table","metric"] and rows[0]["id"] == 2 and rows[0]["rank"] == 1 and rows[0]["metric"] == "cosine" and abs(rows[0]["_distance"] + rows[0]["score"] - 1) < 1e-5 and rows[0]["table"] == "pictures"'
}
ok "--json has the contract's members in their order" json
metrics() {
    expect_status 0 "$PICASK" search a dog -n 1 --json --metric l2 && cp "$T/out" "$T/l2" &&
        expect_status 0 "$PICASK" search a dog -n 1 --json --distance-type dot && cat "$T/l2" >>"$T/out" && json_lines "$T/out" \
        'rows[0]["metric"] == "dot" and abs(rows[0]["_distance"] + rows[0]["score"] - 1) < 1e-5 and rows[1]["metric"] == "l2" and abs(rows[1]["_distance"] - 2 * (1 - rows[1]["score"])) < 1e-4'
}
ok "l2 is the squared distance, dot 1 - dot, and score stays the cosine" metrics
ok "-n3, -n 3, --limit=3 and --top 3 are the same" sh -c '
    for o in -n3 "-n 3" --limit=3 "--top 3"; do [ "$("$0" search a dog $o | wc -l)" -eq 3 ] || exit 1; done' "$PICASK"
offset() { expect_status 0 "$PICASK" search a dog --offset 1 -n 1 && first_is "2	"; }
ok "--offset leaves out the first, and ranks go on" offset
ok "a --min-score that none reaches is exit code 1" says 1 "nothing found" "$PICASK" search a dog --min-score 0.99
columns() { expect_status 0 "$PICASK" search a dog -n 1 --columns width,height --json && json_lines "$T/out" '"width" in rows[0] and rows[0]["height"] > 0'; }
ok "--columns adds members to the JSON" columns
columns_tsv() { expect_status 0 "$PICASK" search a dog -n 1 --columns width,height && awk -F '\t' 'NF == 8 && $7 > 0 { good = 1 } END { exit !good }' "$T/out"; }
ok "--columns adds fields to the TSV" columns_tsv
ok "an unknown column is named with those that exist" says 2 "columns: " "$PICASK" search a dog --columns nonsense

files() { expect_status 0 "$PICASK" search a dog -n 1 -f && same "$(cat "$T/out")" "$T/pictures/000000377575.jpg"; }
ok "-f prints paths alone" files
nul() { expect_status 0 "$PICASK" search a dog -n2 -0 && [ "$(tr -dc '\000' <"$T/out" | wc -c)" -eq 2 ] && [ "$(tr -dc '\n' <"$T/out" | wc -c)" -eq 0 ]; }
ok "-0 ends each path with a NUL byte" nul

picture() { expect_status 0 "$PICASK" search "$T/pictures/000000196393.jpg" -n 1 && first_is 000000196393.jpg; }
ok "a picture finds itself" picture
image() { cd "$T/pictures" && expect_status 0 "$PICASK" search --image 000000196393.jpg -n 1 && first_is 000000196393.jpg; }
ok "--image takes a path that does not begin like one" image
cd "$root" || exit 1
sum() { expect_status 0 "$PICASK" search 2:dog + "$T/pictures/000000196393.jpg" - kitchen -n 6 && [ "$(wc -l <"$T/out")" -eq 6 ]; }
ok "words and pictures are summed with weights" sum
ok "a picture beside words shows the form with +" says 2 " + " "$PICASK" search dog "$T/pictures/000000196393.jpg"
literal() { expect_status 0 "$PICASK" search --query "dog + cat" -n 1; }
ok "--query is literal" literal
id() { expect_status 0 "$PICASK" search --id 1 -n 5 -f && lacks "$(cat "$T/out")" 000000252332.jpg && [ "$(wc -l <"$T/out")" -eq 5 ]; }
ok "--id finds more like a row, without the row" id
ok "an --id that no row has is exit code 1" says 1 "999" "$PICASK" search --id 999
vector() {
    "$PICASK" embed --text "a stop sign" -o "$T/v.npy" -q && expect_status 0 "$PICASK" search --vector "$T/v.npy" -n 1 && first_is 000000252332.jpg
}
ok "--vector searches by a .npy file" vector
dashes() { expect_status 0 "$PICASK" search -n 1 -- --dog; }
ok "two dashes end options" dashes

ok "a query is needed" says 2 "needs words or a picture" "$PICASK" search
ok "two kinds of query are refused" says 2 "exclude each other" "$PICASK" search dog --id 1
ok "an unknown metric is named" says 2 "cosine, l2 or dot" "$PICASK" search dog --metric cos
ok "an empty operand is refused" says 2 "dog" "$PICASK" search dog +
ok "a picture that is not there is named" says 2 "absent.jpg" "$PICASK" search ./absent.jpg
ok "a missing table is named with the command that makes it" says 2 \
    "no table 'none' in ~/db; make one: picask index ~/Pictures" env PICASK_DB="$HOME/db" "$PICASK" search dog -t none
ok "another model than the table's is refused" says 2 "table 'pictures' was made with mini-1" "$PICASK" search dog -m ViT-B-32/openai

mkdir -p "$T/copies"
cp "$T/pictures/000000377575.jpg" "$T/copies/again.jpg"
"$PICASK" index -q "$T/copies"
copies() { expect_status 0 "$PICASK" search a dog -n 6 --json && json_lines "$T/out" 'len(rows) == 6 and rows[0]["copies"] == 1'; }
ok "identical pictures are one row" copies
all_copies() { expect_status 0 "$PICASK" search a dog -n 2 --all-copies -f && [ "$(grep -c -e 377575 -e again "$T/out")" -eq 2 ]; }
ok "--all-copies shows each" all_copies

copy_to() {
    mkdir -p "$T/found" && echo kept >"$T/found/000000377575.jpg" && expect_status 0 "$PICASK" search a dog -n 1 --copy-to "$T/found" &&
        same "$(cat "$T/found/000000377575.jpg")" kept && cmp "$T/found/000000377575-2.jpg" "$T/pictures/000000377575.jpg" &&
        expect_status 0 "$PICASK" search a dog -n 1 --copy-to "$T/found" && [ "$(ls "$T/found" | wc -l)" -eq 2 ]
}
ok "--copy-to overwrites nothing and copies nothing twice" copy_to

shown() { expect_status 0 "$PICASK" search a dog -n 2 --show && contains "$(cat "$T/out")" "▀" && contains "$(cat "$T/out")" "$(printf '\033[38;5;')" &&
    ! grep -q "$(printf '\033\[[0-9;]*[A-HJKf]')" "$T/out"; }
ok "--show draws where the output is no terminal, without moving the cursor" shown
not_shown() { expect_status 0 "$PICASK" search a dog && lacks "$(cat "$T/out")" "▀"; }
ok "without --show nothing is drawn there" not_shown
colours() { expect_status 0 env COLORTERM=truecolor "$PICASK" search a dog --show && contains "$(cat "$T/out")" "$(printf '\033[38;2;')"; }
ok "COLORTERM=truecolor gives 24-bit colours" colours
no_colour() { expect_status 0 env NO_COLOR=1 "$PICASK" search a dog --show && no_controls "$T/out"; }
ok "NO_COLOR leaves no escape sequence" no_colour
none() { expect_status 0 env PICASK_GRAPHICS=none "$PICASK" search a dog --show && lacks "$(cat "$T/out")" "▀"; }
ok "PICASK_GRAPHICS=none draws nothing" none

printf 'path\tcaption\n%s\tred \\t tab \\n line \033[31m and \302\233 end\n' "$T/pictures/000000013004.jpg" >"$T/hostile.tsv"
"$PICASK" index -q "$T/hostile.tsv" -t hostile
clean() { expect_status 0 "$PICASK" search x -t hostile && no_controls "$T/out" && expect_status 0 "$PICASK" search x -t hostile --json && no_controls "$T/out" &&
    [ "$(wc -l <"$T/out")" -eq 1 ]; }
ok "control characters of a caption reach neither TSV nor JSON" clean
locale() { expect_status 0 env LC_ALL=de_DE.UTF-8 "$PICASK" search a dog -n 1 && grep -q '0\.' "$T/out"; }
ok "numbers have a point whatever the locale" locale
