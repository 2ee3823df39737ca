#!/bin/sh
# picask model pull, dataset pull, and what they say without a hub; with one: tests/peers/hub.py
. tests/cli/lib.sh

ok "model pull needs a name" says 2 "picask model pull ViT-B-32" "$PICASK" model pull
ok "dataset pull needs a name" says 2 "picask dataset pull ORG/NAME" "$PICASK" dataset pull
helped() { expect_status 0 "$PICASK" dataset --help && contains "$(cat "$T/out")" "fetch data sets"; }
ok "help says what dataset does" helped
ok "a name that is none is shown the form" says 2 "they look like ORG/NAME" "$PICASK" dataset pull a/b/c
ok "a path is no name of a model" says 2 "is a path, and models are fetched by name" "$PICASK" model pull ./x.safetensors
ok "a model's address is told its command" says 2 "picask model pull org/name" "$PICASK" dataset pull hf://org/name
ok "a name without a repository is helped" says 2 "there is no model 'nonsense'; see: picask model list" "$PICASK" model pull nonsense

export HF_HUB_OFFLINE=1
ok "offline a data set that is not cached is named" says 2 "data set org/pics is not in the hub's cache (" "$PICASK" dataset pull org/pics
ok "offline a model likewise" says 2 "model openai/clip-vit-base-patch32 is not in the hub's cache" "$PICASK" model pull ViT-B-32
cached() {
    folder=$XDG_CACHE_HOME/huggingface/hub/datasets--org--pics
    commit=0123456789012345678901234567890123456789
    mkdir -p "$folder/refs" "$folder/snapshots/$commit" && printf %s $commit >"$folder/refs/main" && echo hello >"$folder/snapshots/$commit/README.md" &&
        expect_status 0 "$PICASK" dataset pull org/pics && same "$(cat "$T/out")" "$folder/snapshots/$commit" &&
        expect_status 0 "$PICASK" dataset pull org/pics@$commit --json && json_lines "$T/out" 'rows[0]["name"].startswith("org/pics@") and not rows[0]["fetched"]'
}
ok "offline what is cached is its folder" cached
unset HF_HUB_OFFLINE

if ! ls "$(dirname "$PICASK")"/lib/http.so >/dev/null 2>&1; then
    skip "without a network the way is told" "the module http is not built"
    exit 0
fi
export HF_ENDPOINT=http://127.0.0.1:9
ok "without a network the way is told" says 2 "what is in the cache can be used with HF_HUB_OFFLINE=1" "$PICASK" dataset pull org/pics
unknown_host() { HF_ENDPOINT=https://no-such-host.invalid says 2 "no answer from no-such-host.invalid: " "$PICASK" dataset pull org/pics; }
ok "a host that is not found is named" unknown_host
odd_endpoint() { HF_ENDPOINT=huggingface.co says 2 "HF_ENDPOINT is 'huggingface.co', which is no address" "$PICASK" dataset pull org/pics; }
ok "an endpoint that is no address is refused" odd_endpoint
odd_token() { HF_TOKEN="hf two" says 2 "the token of HF_TOKEN has a letter that no token has" "$PICASK" dataset pull org/pics; }
ok "a token that is none is not sent" odd_token
built_in() { expect_status 0 "$PICASK" model pull mini && [ -f "$(cat "$T/out")" ]; }
if [ -f models/mini-1.safetensors ]; then
    ok "the built-in model is here already" built_in
fi

without=$T/alone
mkdir "$without" && cp "$PICASK" "$without/picask"
no_module() { says 2 "fetching from the Hugging Face hub needs picask's part 'http', which is not installed" "$without/picask" dataset pull org/pics; }
[ -e /usr/local/lib/picask/http.so ] || ok "without its module the way is told" no_module
mkdir "$without/lib" && echo damaged >"$without/lib/http.so"
no_library() { says 2 "picask's part 'http', which cannot be opened (" "$without/picask" dataset pull org/pics && contains "$(cat "$T/err")" "install what picask's package recommends, or: libcurl4-openssl-dev"; }
ok "without its module's library likewise" no_library
