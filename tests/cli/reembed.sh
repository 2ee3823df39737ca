#!/bin/sh
# picask table reembed, set-embedding
. tests/cli/lib.sh
need_model "reembed"
export XDG_CACHE_HOME="$T/cache"
TOY=./tests/fixtures/model/toy.safetensors
ok "a table that is not there is named" says 2 "no table 'pictures'" "$PICASK" table reembed -d "$T/db" -m "$TOY"
six_rows

ok "the new model is asked for" says 2 "-m NAME" "$PICASK" table reembed
ok "a model that is not there is fetched only by leave, its size named" says 2 "ViT-L-14 is not on this machine and would be fetched from Hugging Face (1.7 GB); there is no terminal to ask on: add --yes" "$PICASK" table reembed -m ViT-L-14
no_network() { HF_ENDPOINT=http://127.0.0.1:9 says 2 "no answer from 127.0.0.1:9" "$PICASK" table reembed -m ViT-L-14 --yes; }
ok "with --yes it is asked for at the hub" no_network
ok "the wrong model is told the way" says 2 "was made with mini-1, you asked for $TOY; change it: picask table reembed -m $TOY" "$PICASK" search dog -m "$TOY"
same_model() { expect_status 0 "$PICASK" table reembed -m mini && contains "$(cat "$T/out")" "nothing to do" && expect_status 0 "$PICASK" table info --json && json_lines "$T/out" 'rows[0]["version"] == 1' &&
    expect_status 0 "$PICASK" table reembed -m mini --json && json_lines "$T/out" 'rows[0]["unchanged"] and rows[0]["rows"] == 6 and rows[0]["version"] == 1'; }
ok "the table's own model changes nothing" same_model
other_model() {
    expect_status 0 "$PICASK" table reembed -m "$TOY" && contains "$(cat "$T/out")" "6 embedded" &&
        contains "$(cat "$T/out")" "the old vectors stay as version 1, this is version 2" && [ ! -s "$T/err" ] &&
        expect_status 0 "$PICASK" table info --json && json_lines "$T/out" 'rows[0]["model"] == "toy" and rows[0]["dim"] == 24 and rows[0]["rows"] == 6' &&
        expect_status 0 "$PICASK" table export && json_lines "$T/out" '[r["id"] for r in rows] == list(range(6)) and rows[1]["text"] == "a stop sign among the leaves"' &&
        [ ! -e "$T/cache/picask/reembed" ]
}
ok "another model's vectors become a new version with the same rows" other_model
again() { expect_status 0 "$PICASK" search dog -m "$TOY" --json && [ "$(wc -l <"$T/out")" -eq 6 ] && expect_status 0 "$PICASK" index -m "$TOY" --json && json_lines "$T/out" 'rows[0]["unchanged"] == 6'; }
ok "search and index go on with it" again
json() { expect_status 0 "$PICASK" table reembed pictures -m mini --json && json_lines "$T/out" 'rows[0]["rows"] == 6 and rows[0]["embedded"] == 6 and rows[0]["unreadable"] == [] and rows[0]["version"] == 3 and rows[0]["old_version"] == 2 and not rows[0]["unchanged"]'; }
ok "--json ends with one object" json
quiet() { expect_status 0 "$PICASK" table reembed -m mini --decode fast -q && [ ! -s "$T/out" ] && [ ! -s "$T/err" ]; }
ok "another way of decoding is reason enough, and -q says nothing" quiet
ok "--decode takes full or fast" says 2 "full or fast" "$PICASK" table reembed -m mini --decode slow
ok "two tables are one too many" says 2 "two tables" "$PICASK" table reembed pictures -t other -m mini
fast() {
    expect_status 0 "$PICASK" index "$T/pictures" -t fast --decode fast && expect_status 0 "$PICASK" table reembed fast -m mini && contains "$(cat "$T/out")" "6 embedded" &&
        expect_status 0 "$PICASK" index "$T/pictures" -t fast --decode fast -v && contains "$(cat "$T/err")" "was made with --decode full, this run decodes fast"
}
ok "how a table's pictures were decoded is remembered" fast
told() { expect_status 0 "$PICASK" table info && contains "$(cat "$T/out")" "made with mini-1, JPEGs decoded fast" && expect_status 0 "$PICASK" table info fast --json && json_lines "$T/out" 'rows[0]["preprocess"]["decode"] == "full" and rows[0]["preprocess"]["size"] == 260'; }
ok "table info says it" told

rm "$T/pictures/000000000285.jpg"
head -c 3000 "$T/pictures/000000252332.jpg" >"$T/cut" && mv "$T/cut" "$T/pictures/000000252332.jpg"
refused() {
    expect_status 2 "$PICASK" table reembed -m "$TOY" && contains "$(cat "$T/err")" "cannot read $T/pictures/000000000285.jpg: the file is gone" &&
        contains "$(cat "$T/err")" "add --yes" && [ "$(wc -l <"$T/err")" -eq 2 ] && expect_status 0 "$PICASK" table info --json && json_lines "$T/out" 'rows[0]["version"] == 4'
}
ok "pictures that cannot be read are named, and nothing is changed without --yes" refused
left_out() {
    expect_status 0 "$PICASK" table reembed -m "$TOY" --yes && contains "$(cat "$T/err")" "000000252332.jpg: JPEG data ends early" &&
        contains "$(cat "$T/out")" "2 rows left out whose picture cannot be read; version 4 has them" &&
        expect_status 0 "$PICASK" table export && json_lines "$T/out" '[r["id"] for r in rows] == [2, 3, 4, 5]'
}
ok "with --yes their rows are left out of the new version" left_out
if have_terminal; then
    asked() {
        rm "$T/pictures/000000377575.jpg"
        printf 'n\n' >"$T/answer"
        script -qec "$PICASK table reembed -m mini" /dev/null <"$T/answer" >"$T/typed" 2>&1
        code=$?
        [ $code -eq 1 ] || { echo "exit code $code"; cat "$T/typed"; return 1; }
        contains "$(cat "$T/typed")" "go on? [y/N]" && contains "$(cat "$T/typed")" "nothing was changed"
    }
    ok "on a terminal it is asked" asked
fi

ok "LanceDB's function is a CLIP's" says 2 "was made with toy" "$PICASK" table set-embedding open-clip
ok "none takes it out" says 0 "names no Python function" "$PICASK" table set-embedding none
ok "what else there will be is not there yet" says 2 "not 'server'" "$PICASK" table set-embedding server
ok "set-embedding needs a word" says 2 "open-clip or none" "$PICASK" table set-embedding

# Many pictures of different content: the same JPEG with different bytes behind its end.
mkdir "$T/many"
small=$(ls -S examples/pictures/*.jpg | tail -1)
i=0
while [ $i -lt 800 ]; do
    { cat "$small" && echo $i; } >"$T/many/$i.jpg"
    i=$((i + 1))
done
expect_status 0 "$PICASK" index "$T/many" -t many -m "$TOY"
# A slow build gets more time to have something done; one thread keeps a fast machine from being through too soon.
interrupted() {
    for delay in 1 4 20; do
        "$PICASK" table reembed many -m mini --threads 1 >"$T/out" 2>"$T/err" &
        pid=$!
        sleep $delay
        kill -INT $pid
        wait $pid
        code=$?
        [ $code -eq 130 ] || { echo "exit code $code"; cat "$T/out" "$T/err"; return 1; }
        if grep -q "the same command goes on" "$T/err"; then
            contains "$(cat "$T/err")" "table 'many' is as it was"
            return
        fi
    done
    echo "nothing was kept"
    return 1
}
ok "Ctrl-C ends it with exit code 130, and what is done is kept" interrupted
killed() {
    "$PICASK" table reembed many -m mini --threads 1 >"$T/out" 2>"$T/err" &
    pid=$!
    sleep 0.3
    kill -9 $pid
    wait $pid
    [ $? -eq 137 ] && expect_status 0 "$PICASK" table info many --json && json_lines "$T/out" 'rows[0]["model"] == "toy" and rows[0]["version"] == 1 and rows[0]["rows"] == 800'
}
ok "a run that is killed leaves the table as it was" killed
goes_on() { expect_status 0 "$PICASK" table reembed many -m mini --json && json_lines "$T/out" '0 < rows[0]["resumed"] < 800 and rows[0]["resumed"] + rows[0]["embedded"] == 800'; }
ok "the same command goes on from there" goes_on
