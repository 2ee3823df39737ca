#!/bin/sh
# picask embed, model
. tests/cli/lib.sh

list() { expect_status 0 "$PICASK" model list --json && json_lines "$T/out" 'rows[0]["name"] == "mini-1"'; }
ok "model list names mini-1" list
ok "an unknown model is named" says 2 "nonsense" "$PICASK" model info nonsense
ok "embed needs something to embed" says 2 "embed needs" "$PICASK" embed
ok "words of embed go behind --text" says 2 "--text" "$PICASK" embed dog
need_model "picask embed"

info() { expect_status 0 "$PICASK" model info mini && contains "$(cat "$T/out")" mini-1 && contains "$(cat "$T/out")" recall && contains "$(cat "$T/out")" licence; }
ok "model info says what mini is, how well it finds, and its licence" info
info_json() { expect_status 0 "$PICASK" model info --json && json_lines "$T/out" 'rows[0]["name"] == "mini-1" and rows[0]["dim"] == 384 and rows[0]["recall"] and rows[0]["licence"]'; }
ok "model info --json is one object" info_json

picture=examples/pictures/000000252332.jpg
order() {
    expect_status 0 "$PICASK" embed --text "a stop sign" --image $picture --text "a dog" && json_lines "$T/out" \
        '[list(r) for r in rows] == [["text","embedding"],["image","embedding"],["text","embedding"]] and rows[2]["text"] == "a dog" and rows[1]["image"].endswith("252332.jpg") and all(len(r["embedding"]) == 384 for r in rows) and all(abs(sum(x * x for x in r["embedding"]) - 1) < 1e-4 for r in rows) and sum(a * b for a, b in zip(rows[0]["embedding"], rows[1]["embedding"])) > sum(a * b for a, b in zip(rows[2]["embedding"], rows[1]["embedding"]))'
}
ok "embed gives unit vectors as JSON lines in the order given" order
lines() { printf 'a dog\na cat\n' | "$PICASK" embed - >"$T/out" && json_lines "$T/out" '[r["text"] for r in rows] == ["a dog", "a cat"]'; }
ok "embed - reads one text a line" lines
precision() {
    "$PICASK" embed --text "a dog" >"$T/out" && "$PICASK" embed --text "a dog" -o "$T/v.npy" -q && python3 - "$T/out" "$T/v.npy" <<'END'
import json, struct, sys
text = json.loads(open(sys.argv[1]).readline())["embedding"]
raw = open(sys.argv[2], "rb").read()
n = struct.unpack("<H", raw[8:10])[0]
assert b"'<f4'" in raw[:10 + n] and b"(1, 384)" in raw[:10 + n], raw[:10 + n]
values = struct.unpack("<384f", raw[10 + n:])
assert [struct.pack("<f", x) for x in text] == [struct.pack("<f", x) for x in values]
END
}
ok "JSON has every digit of float32: it equals the .npy file to the bit" precision
ok "a picture that is not there is named" says 2 "absent.jpg" "$PICASK" embed --image absent.jpg
printf 'no picture' >"$T/broken.jpg"
ok "a broken picture is named" says 2 "broken.jpg" "$PICASK" embed --image "$T/broken.jpg"
nothing() { "$PICASK" embed - </dev/null >"$T/out"; [ $? -eq 1 ]; }
ok "no line on standard input is exit code 1" nothing

export PICASK_DB="$T/db"
"$PICASK" table create plain --dim 384 -q
ok "a model's file without ./ in front is told the form that works" says 2 "-m ./models/x.safetensors" "$PICASK" embed -m models/x.safetensors --text x
ok "a table that names no model asks for one" says 2 "does not say which model made it" "$PICASK" embed -t plain --text x
ok "a table asked for by name must be there" says 2 "no table 'none'" "$PICASK" embed -t none --text x
