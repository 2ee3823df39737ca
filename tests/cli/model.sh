#!/bin/sh
# picask model list, info, check, pack, and -m NAME|PATH of the other commands, with small CLIPs of generated weights.
. tests/cli/lib.sh
hub=$HOME/.cache/huggingface/hub
unset XDG_CACHE_HOME # the hub cache lies in the home folder, and so does ours

list() {
    expect_status 0 "$PICASK" model list && awk -F '\t' 'NF != 8 { bad = 1 } $1 == "ViT-L-14/openai" && $2 == 768 && $3 == 1710540580 && $4 == "" && $5 == "MIT" && $8 == "92.0" { good = 1 } END { exit bad || !good }' "$T/out" &&
        [ "$(wc -l <"$T/out")" -gt 30 ]
}
ok "model list is a line a model: name, numbers, bytes, path, licence, source, recall" list
list_json() {
    expect_status 0 "$PICASK" model list --json && json_lines "$T/out" \
        'rows[0]["name"] == "mini-1" and [r for r in rows if r["name"] == "ViT-B-32/openai"][0]["openai_sha256"].startswith("40d36571") and all(set(("source","licence","recall","hub_sha256","bytes","path")) <= set(r) for r in rows[1:])'
}
ok "model list --json has source, licence, recall, SHA-256, bytes and path" list_json
wider_than_80() { sed 's/·/./g' "$T/out" | awk '{ gsub(/\033\[[0-9]*m/, "") } length($0) > 80 { print; bad = 1 } END { exit !bad }'; }
if have_terminal; then
    table() { terminal 80 30 "'$PICASK' model list" && ! wider_than_80 && contains "$(cat "$T/out")" "ViT-L-14/openai" && contains "$(cat "$T/out")" "1.7 GB"; }
    ok "model list fits 80 columns of a terminal" table
fi

absent() { expect_status 0 "$PICASK" model info ViT-L/14 && contains "$(cat "$T/out")" "not on this machine" && contains "$(cat "$T/out")" "picask model pull ViT-L-14 (into ~/.cache/huggingface/hub), or put ViT-L-14.pt into ~/.cache/clip"; }
ok "model info of a model that is not here says how to get it" absent
ok "a model that is not here is refused with the command that gets it" says 2 "ViT-L-14/openai is not on this machine (1.7 GB); get it: picask model pull ViT-L-14" "$PICASK" embed -m vit-l-14 --text x
ok "a slip of the finger is asked about" says 2 "did you mean ViT-L-14/openai?" "$PICASK" embed -m ViT-L-14/opena --text x
ok "an architecture with several models lists them" says 2 "ViT-H-14/dfn5b, ViT-H-14/laion2b_s32b_b79k" "$PICASK" embed -m ViT-H-14 --text x
ok "a repository that is not in the cache is named" says 2 "there is no model 'tiny/clip' in ~/.cache/huggingface/hub" "$PICASK" embed -m tiny/clip --text x
ok "a model check of what is not here is exit code 2" says 2 "not on this machine" "$PICASK" model check ViT-B-32
mkdir -p "$HOME/.cache/clip"
printf 'hello' >"$HOME/.cache/clip/ViT-B-32.pt"
ok "a file of OpenAI's cache with another hash is exit code 1 of model check" says 1 "its SHA-256 is 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824, not 40d365715913c9da" "$PICASK" model check ViT-B-32
rm "$HOME/.cache/clip/ViT-B-32.pt"
ok "model takes one name" says 2 "takes one name" "$PICASK" model info mini mini-1
ok "model list takes none" says 2 "model list takes no name; of one model: picask model info mini" "$PICASK" model list mini

if ! python3 -c 'import numpy' 2>/dev/null; then
    skip "models of generated weights" "Python has no module numpy"
    exit
fi
clip() { python3 tests/golden/clip_weights.py "$@" >/dev/null; }
clip "$T/f32" --format hf && clip "$T/bin" --format hf-bin && clip "$T/shards" --format hf-sharded &&
    clip "$T/open" --format openclip --dtype f16 && clip "$T/other" --format hf --model ViT-H-14 && mkdir -p "$hub/models--tiny--clip/refs" ||
    { echo "not ok - models are made"; failed=1; exit; }
mkdir -p "$hub/models--tiny--clip/snapshots"
cp -r "$T/f32" "$hub/models--tiny--clip/snapshots/c1"
printf c1 >"$hub/models--tiny--clip/refs/main"

"$PICASK" embed -m "$T/f32" --text "a photo of a cat" --text "" >"$T/expected"
forms() {
    for m in "$T/f32/model.safetensors" "$T/bin" "$T/bin/pytorch_model.bin" "$T/shards" "$T/shards/model.safetensors.index.json" tiny/clip; do
        expect_status 0 "$PICASK" embed -m "$m" --text "a photo of a cat" --text "" && cmp "$T/out" "$T/expected" || { echo "$m"; return 1; }
    done
}
ok "every form of a model by path or name makes the same vectors" forms
here() { (cd "$T/f32" && expect_status 0 "$PICASK" embed -m . --text "a photo of a cat" --text "" && cmp "$T/out" "$T/expected" && expect_status 0 "$PICASK" embed -m ./model.safetensors --text x) && cp -r "$T/f32" "$HOME/" && expect_status 0 "$PICASK" embed -m '~/f32' --text "a photo of a cat" --text "" && cmp "$T/out" "$T/expected"; }
ok "a path may be . or begin with ./ or ~/" here

shards() {
    to=$hub/models--openai--clip-vit-base-patch16
    mkdir -p "$to/refs" "$to/snapshots" && cp -r "$T/shards" "$to/snapshots/c2" && printf c2 >"$to/refs/main" &&
        expect_status 0 "$PICASK" model list && awk -F '\t' '$1 == "ViT-B-16/openai" && $3 > 1000000 && $4 ~ /index.json$/ { good = 1 } END { exit !good }' "$T/out"
    code=$?
    rm -r "$to"
    return $code
}
ok "model list counts the bytes of all shards" shards
no_dot() { (cd "$T" && says 2 "there is no model 'f32'; a file or folder begins with / ./ ../ or ~/: -m ./f32" "$PICASK" embed -m f32 --text x); }
ok "a folder that is named like a model is told its path" no_dot
if have_terminal; then
    narrow() { terminal 80 30 "'$PICASK' model check '$T/f32'; '$PICASK' model info ViT-L-14" && ! wider_than_80 && contains "$(cat "$T/out")" "picask model pull ViT-L-14"; }
    ok "model check and info fit 80 columns of a terminal" narrow
fi

info() { expect_status 0 "$PICASK" model info "$T/open" && contains "$(cat "$T/out")" "safetensors: float16" && contains "$(cat "$T/out")" "openai, at most 77 tokens" && contains "$(cat "$T/out")" "224 x 224"; }
ok "model info of a path says shapes, tokenizer and how the weights are held" info
info_json() { expect_status 0 "$PICASK" model info tiny/clip --json && json_lines "$T/out" 'rows[0]["name"] == "tiny/clip" and rows[0]["dim"] == 128 and rows[0]["preprocess"]["tokenizer"] == "hf" and rows[0]["packed"] is None and rows[0]["image_size"] == 224'; }
ok "model info --json has all of it" info_json
check() { expect_status 0 "$PICASK" model check "$T/bin" && contains "$(cat "$T/out")" "all finite"; }
ok "model check of a sound model is exit code 0" check
cp -r "$T/f32" "$T/broken"
python3 - "$T/broken/model.safetensors" <<'END'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
n = struct.unpack("<Q", data[:8])[0]
at = 8 + n + json.loads(data[8:8 + n])["text_model.encoder.layers.0.mlp.fc1.weight"]["data_offsets"][0]
data[at:at + 4] = struct.pack("<f", float("nan"))
open(sys.argv[1], "wb").write(data)
END
broken() { expect_status 1 "$PICASK" model check "$T/broken" && contains "$(cat "$T/out")" "text_model.encoder.layers.0.mlp.fc1.weight"; }
ok "model check names the tensor that holds NaN, exit code 1" broken
broken_json() { expect_status 1 "$PICASK" model check "$T/broken" --json && json_lines "$T/out" 'rows[0]["sound"] is False and rows[0]["not_finite"].endswith("fc1.weight")'; }
ok "model check --json too" broken_json
head -c 1000000 "$T/f32/model.safetensors" >"$T/broken/model.safetensors"
ok "model check of a file that ends early is exit code 1" says 1 "model.safetensors" "$PICASK" model check "$T/broken"

# Kernels for fp32 and fp16 weights add in another order.
same_vectors() {
    python3 - "$T/out" "$T/expected" <<'END'
import json, sys
a, b = ([json.loads(line) for line in open(path)] for path in sys.argv[1:])
same = len(a) == len(b) and all(x["text"] == y["text"] and len(x["embedding"]) == len(y["embedding"]) and
                                all(abs(p - q) < 1e-6 for p, q in zip(x["embedding"], y["embedding"])) for x, y in zip(a, b))
sys.exit(not same)
END
}
pack() { expect_status 0 "$PICASK" model pack "$T/f32" && contains "$(cat "$T/out")" "8.3 MB before" && expect_status 0 "$PICASK" embed -m "$T/f32" --text "a photo of a cat" --text "" && same_vectors && expect_status 0 "$PICASK" model info "$T/f32" && contains "$(cat "$T/out")" "packed form"; }
ok "model pack makes a smaller form with the same vectors" pack
nothing() { expect_status 0 "$PICASK" model pack "$T/open" && contains "$(cat "$T/out")" "nothing to gain"; }
ok "model pack of float16 has nothing to gain" nothing
pack_json() { expect_status 0 "$PICASK" model pack "$T/bin" --json && json_lines "$T/out" 'rows[0]["bytes_after"] < rows[0]["bytes_before"] and rows[0]["path"].startswith("/")'; }
ok "model pack --json says bytes before and after, and where" pack_json

export PICASK_DB="$T/db"
six_pictures
index() { expect_status 0 "$PICASK" index -m tiny/clip "$T/pictures/captions.tsv" && expect_status 0 "$PICASK" table list && contains "$(cat "$T/out")" "tiny/clip"; }
ok "index makes a table with a CLIP by name" index
"$PICASK" search a dog >"$T/found"
same_model() {
    for m in tiny/clip "$T/bin" "$T/open" "$T/f32/model.safetensors"; do
        expect_status 0 "$PICASK" search -m "$m" a dog && cut -f 2 "$T/out" | cmp - "$T/ids" || { echo "$m"; return 1; }
    done
}
cut -f 2 "$T/found" >"$T/ids"
ok "search takes the same CLIP as safetensors, PyTorch's file, float16" same_model
ok "another CLIP is refused with both names" says 2 "table 'pictures' was made with tiny/clip, you asked for mini; change it: picask table reembed -m mini" "$PICASK" search -m mini a dog
ok "a slip of the finger is not taken for another model" says 2 "there is no model 'ViT-L-14/opanai'; did you mean ViT-L-14/openai?" "$PICASK" search -m ViT-L-14/opanai a dog
ok "another CLIP by path is refused" says 2 "was made with tiny/clip, you asked for $T/other" "$PICASK" search -m "$T/other" a dog
others() { expect_status 0 "$PICASK" sample -n 1 && expect_status 0 "$PICASK" show 2 && expect_status 0 "$PICASK" ask "a dog" && expect_status 0 "$PICASK" search --id 1 -n 2 && expect_status 0 "$PICASK" search "$T/pictures/000000377575.jpg" -n 1 && contains "$(cat "$T/out")" 000000377575; }
ok "sample, show, ask and search by picture work on its table" others
