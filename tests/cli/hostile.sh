#!/bin/sh
# What a hostile or unlucky stranger does to the program: odd names, files, captions, options, tables, rights, races. Each
# failure is one sentence with the right exit code, and nothing from outside reaches the terminal raw.
. tests/cli/lib.sh
export PICASK_DB="$T/db" PICASK_MODEL="$root/tests/fixtures/model/toy.safetensors"
esc=$(printf '\033')
nl='
'
picture() { printf 'P6 8 8 255\n'; head -c 192 /dev/urandom; }
one_error() { [ "$(wc -l <"$T/err")" -eq 1 ] || { echo "not one line:"; cat "$T/err"; return 1; }; }

# ---- names and files ----

odd=$T/names/odd
mkdir -p "$odd"
for name in "new${nl}line" "tab	here" "red$esc[31m" "$(printf 'title\033]0;x\007')" "$(printf 'inv\377\376')" "$(printf 'c1\302\233')" \
    "quote'\"\$(x)" "per%20cent%s" "-n" "$(printf %0246d 0)"; do
    picture >"$odd/$name.ppm"
done
: >"$odd/empty.jpg"
printf 'no picture' >"$odd/bad$esc[2J.png"
mkfifo "$odd/pipe.jpg"
ln -s /dev/zero "$odd/zero.png"
ln -s . "$odd/loop"
ln -s .. "$odd/up"
ln -s nowhere "$odd/dangling.gif"
ln -s circle.bmp "$odd/circle.bmp"
names() {
    expect_status 0 "$PICASK" index "$odd" && no_controls "$T/err" && no_controls "$T/out" && contains "$(cat "$T/out")" "10 embedded" &&
        contains "$(cat "$T/out")" "6 skipped" && for f in circle.bmp dangling.gif empty.jpg pipe.jpg zero.png; do
            contains "$(cat "$T/err")" "skipped $f: " || return 1
        done
}
ok "odd names are indexed; what is no picture is named, and the terminal sees no control character" names
listed() {
    for c in "search x -n 20" "search x -n 20 --json" "table export" "show 0 1 3" "sample -n 20" "ask x" "table info"; do
        # shellcheck disable=SC2086
        expect_status 0 "$PICASK" $c && no_controls "$T/out" || return 1
    done
    "$PICASK" search x -n 20 -0 | tr '\0' '\n' >"$T/out" && same "$(wc -l <"$T/out")" 11
}
ok "rows with odd names are shown without control characters" listed
by_name() {
    expect_status 0 "$PICASK" show "$odd/$(printf 'inv\377\376').ppm" && contains "$(cat "$T/out")" "inv%FF%FE.ppm" &&
        expect_status 0 "$PICASK" remove "$odd/new${nl}line.ppm"
}
ok "a row is found by a path that is not UTF-8, or has a newline" by_name
columns() {
    picture >"$T/c.ppm" && printf 'path,caption,note\n%s,x,a\177b\302\233c\n' "$T/c.ppm" >"$T/notes.csv" &&
        expect_status 0 "$PICASK" index "$T/notes.csv" -t notes &&
        for c in "--json" ""; do
            # shellcheck disable=SC2086
            expect_status 0 "$PICASK" search x -t notes --columns note $c && no_controls "$T/out" && contains "$(cat "$T/out")" 9b || return 1
        done
}
ok "values of further columns are shown without control characters, also as JSON" columns
names_model() {
    python3 - "$PICASK_MODEL" "$T/odd.safetensors" <<'END'
import json, struct, sys
b = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", b[:8])[0]
h = json.loads(b[8:8 + n])
h["__metadata__"]["picask.name"] = "red\x1b[31m"
h["__metadata__"]["recall"] = '{"what":"a\x7fb\u009bc"}'
h = json.dumps(h).encode()
h += b" " * (-len(h) % 8)
open(sys.argv[2], "wb").write(struct.pack("<Q", len(h)) + h + b[8 + n:])
END
    expect_status 0 "$PICASK" index "$T/c.ppm" -t odd -d "$T/odd" -m "$T/odd.safetensors" && no_controls "$T/err" &&
        for c in "" "table list" "table info odd" "table info odd --json" "model info $T/odd.safetensors" "model info $T/odd.safetensors --json"; do
            # shellcheck disable=SC2086
            expect_status 0 "$PICASK" -d "$T/odd" $c && no_controls "$T/out" && contains "$(cat "$T/out")" red || return 1
        done
}
ok "a model's name and facts are shown without control characters" names_model
deep() {
    mkdir "$T/deep" && python3 -c '
import os, sys
os.chdir(sys.argv[1])
for i in range(25):
    os.mkdir("0" * 200)
    os.chdir("0" * 200)' "$T/deep" && picture >"$T/deep/p.ppm" && expect_status 0 "$PICASK" index "$T/deep" -t deep && contains "$(cat "$T/err")" "File name too long" &&
        contains "$(cat "$T/out")" "1 embedded"
}
ok "folders deeper than a path can be long are named, not passed over" deep
sources() {
    for s in /dev/zero /dev/null "$odd/pipe.jpg" "$odd/zero.png"; do
        says 2 "neither a file nor a folder" "$PICASK" index "$s" || return 1
    done
    for s in "" " " "$esc[31m" file:///%zz http://x/y.jpg hf://x "$odd/circle.bmp" "$odd/dangling.gif"; do
        says 2 "" "$PICASK" index "$s" && no_controls "$T/err" || return 1
    done
}
ok "sources that are no files are refused in one sentence" sources
pictures() {
    mkdir "$T/sizes"
    printf 'P6 1 1 255\nabc' >"$T/sizes/1.ppm"
    { printf 'P5 1 20000 255\n' && head -c 20000 /dev/zero; } >"$T/sizes/2.pgm"
    { printf 'P5 20000 1 255\n' && head -c 20000 /dev/urandom; } >"$T/sizes/3.pgm"
    printf 'P6 99999999 99999999 255\n' >"$T/sizes/4.ppm"
    printf 'P6 99999999999999999999 1 255\n' >"$T/sizes/5.ppm"
    head -c 3000 examples/pictures/000000000285.jpg >"$T/sizes/6.jpg"
    # a PNG that says 2^31-1 x 2^31-1, and a BMP of 100,000 x -100,000
    printf '\211PNG\r\n\032\n\0\0\0\rIHDR\177\377\377\377\177\377\377\377\010\002\0\0\0\022\105\345\012' >"$T/sizes/7.png"
    printf 'BM\066\0\0\0\0\0\0\0\066\0\0\0\050\0\0\0\240\206\001\0\140\171\376\377\001\0\030\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >"$T/sizes/8.bmp"
    expect_status 0 "$PICASK" index "$T/sizes" -t sizes -v && contains "$(cat "$T/out")" "3 embedded" && contains "$(cat "$T/out")" "5 skipped"
}
ok "pictures of extreme or impossible sizes are embedded or skipped" pictures

# ---- captions ----

cp "$odd/tab	here.ppm" "$T/a.ppm"
picture >"$T/b.ppm"
captions() {
    : >"$T/empty.csv"
    printf '\357\273\277' >"$T/bom.csv"
    for f in empty bom; do says 1 "no pictures in" "$PICASK" index "$T/$f.csv" || return 1; done
    printf 'path,caption\na.ppm,"unclosed\nb.ppm,x\n' >"$T/quote.csv"
    says 2 "a quote is not closed" "$PICASK" index "$T/quote.csv" &&
        { printf 'path,caption\n' && yes 'a.ppm,the same picture' | head -100000; } >"$T/many.csv" &&
        expect_status 0 "$PICASK" index "$T/many.csv" -t many && contains "$(cat "$T/out")" "1 embedded" &&
        { printf 'path,caption\na.ppm,' && head -c 1000000 /dev/zero | tr '\0' x && printf '\n'; } >"$T/long.csv" &&
        expect_status 0 "$PICASK" index "$T/long.csv" -t long && expect_status 0 "$PICASK" search x -t long --json &&
        json_long "$T/out" && printf 'path,caption,x\033[31m\na.ppm,"\033[31mred\033]0;own\007 \302\233 \b",\033[5mv\n' >"$T/esc.csv" &&
        expect_status 0 "$PICASK" index "$T/esc.csv" -t esc && for c in "search x" "show 0" "ask x" "search x --json" "table info"; do
            # shellcheck disable=SC2086
            expect_status 0 "$PICASK" $c -t esc && no_controls "$T/out" || return 1
        done
}
json_long() { python3 -c 'import json, sys; sys.exit(len(json.loads(open(sys.argv[1]).readline())["text"]) != 1000000)' "$1"; }
ok "captions: none, 100,000 of one picture, a million letters, an unclosed quote, terminal sequences" captions
json_lines_odd() {
    printf '{"path":"a.ppm"}\nnot json\n' >"$T/bad.jsonl"
    says 2 "line 2 is no JSON" "$PICASK" index "$T/bad.jsonl" &&
        { head -c 100000 /dev/zero | tr '\0' '['; } >"$T/nested.jsonl" && says 2 "line 1 is no JSON" "$PICASK" index "$T/nested.jsonl" &&
        printf '{"path":"\\u0000a.ppm"}\n{}\n[]\n{"path":3}\n{"path":"a.ppm","caption":{"a":[1]},"v":1e308}\n' >"$T/odd.jsonl" &&
        { "$PICASK" index "$T/odd.jsonl" -t odd >"$T/out" 2>"$T/err"; [ $? -le 2 ]; } && no_controls "$T/err"
}
ok "JSON lines that are garbage, nested 100,000 deep, or of odd types" json_lines_odd

# ---- options and queries ----

queries() {
    long=$(head -c 100000 /dev/zero | tr '\0' x)
    for q in "$long" "$(printf '\360\237\230\200')" "$(printf '\377\376')" "$esc[31m"; do
        expect_status 0 "$PICASK" search "$q" || return 1
    done
    for q in "" " " + -; do says 2 "" "$PICASK" search "$q" || return 1; done
    says 2 "--query is empty" "$PICASK" search --query "" && says 2 "cancel" "$PICASK" search dog - dog &&
        says 2 "weight" "$PICASK" search 0:dog + cat && says 1 "no row with id 9999" "$PICASK" search --id 9999
}
ok "queries: long, emoji, no UTF-8, empty, cancelled out" queries
options() {
    while read -r o; do
        # shellcheck disable=SC2086
        says 2 "" "$PICASK" search x $o && no_controls "$T/err" || return 1
    done <<EOF
-n 0
-n -1
-n 99999999999999999999
-n 0x10
--offset -1
--min-score nan
--min-score 0,5
--columns nope
--columns ,
--metric euclid
--threads 0
--show=-1
-t ../x
-t $esc[2J
-m nope
-m /dev/zero
-m /etc/passwd
--copy-to /dev/null
EOF
    says 1 "nothing found" "$PICASK" search x --offset 1000 && for o in --vector --image --copy-to -d; do
        says 2 "needs a " "$PICASK" search x "$o" "" || return 1
    done
}
ok "nonsense in options is one sentence and exit code 2" options
environment() {
    for v in PICASK_DB PICASK_TABLE PICASK_MODEL PICASK_THREADS; do
        for value in "nonsense$esc[31m" -1 /dev/zero; do
            (export "$v=$value" && says 2 "" "$PICASK" search x && no_controls "$T/err") || return 1
        done
    done
    for v in PICASK_MODELS PICASK_GRAPHICS PICASK_ISA TERM TZ LC_ALL; do
        (export "$v=nonsense$esc[31m" && expect_status 0 "$PICASK" search x) || return 1
    done
}
ok "nonsense in the environment" environment
vectors() {
    python3 - "$T" <<'EOF'
import struct, sys
def npy(name, shape, descr="<f4", data=b""):
    header = ("{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)).encode()
    open(f"{sys.argv[1]}/{name}.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)
npy("short", "(3,)", data=struct.pack("<3f", 1, 2, 3))
npy("nan", "(24,)", data=struct.pack("<24f", *[float("nan")] * 24))
npy("cut", "(24,)", data=b"1234")
npy("huge", "(9223372036854775807, 24)")
npy("objects", "(1,)", "|O", b"x" * 8)
npy("fine", "(24,)", data=struct.pack("<24f", *range(24)))
EOF
    for f in short nan cut huge objects; do says 2 "" "$PICASK" search --vector "$T/$f.npy" || return 1; done
    says 2 "is not a file" "$PICASK" search --vector /dev/zero && expect_status 0 "$PICASK" search --vector "$T/fine.npy"
}
ok "vectors of the wrong size, NaNs, cut and boasting files" vectors
names_of_tables() {
    for n in "a b" "$esc[31m" "a${nl}b" "$(printf '\377')" .x a/b "$(printf %0300d 0)"; do
        says 2 "cannot be a table's name" "$PICASK" table create "$n" --dim 3 && no_controls "$T/err" || return 1
    done
    says 2 "cannot be a table's name" "$PICASK" index "$odd" -t "a b"
}
ok "no table is made under a name that LanceDB would refuse" names_of_tables
devices() {
    mkfifo "$T/out.ppm" && ln -s there "$T/link.ppm" && { cat "$T/out.ppm" >"$T/got" & } &&
        expect_status 0 "$PICASK" show 1 -o "$T/out.ppm" && wait && [ -p "$T/out.ppm" ] && [ -s "$T/got" ] &&
        expect_status 0 "$PICASK" show 1 -o "$T/link.ppm" && [ -L "$T/link.ppm" ] && cmp "$T/got" "$T/there"
}
ok "show -o writes to a pipe and through a link instead of replacing them" devices
closed() {
    for redirection in '>&-' '2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
        rm -rf "$T/closed"
        sh -c "exec \"\$1\" index \"\$2\" -d \"\$3\" $redirection" sh "$PICASK" "$odd" "$T/closed"
        [ ! -s "$T/closed/.pictures.lock" ] || { echo "$redirection: output went into the lock file"; return 1; }
        expect_status 0 "$PICASK" table export -d "$T/closed" && [ "$(wc -l <"$T/out")" -eq 10 ] || return 1
    done
}
ok "closed standard descriptors do not become files of the table" closed

# ---- broken tables and models ----

broken() {
    # broken NAME COMMAND: a copy of the table, broken by the command that runs in its folder
    rm -rf "$T/broken" && cp -R "$T/db" "$T/broken" && (cd "$T/broken/pictures.lance" && eval "$2") || return 1
    for c in "search x" "table export" "show 1 2" "index $odd" "index --append $T/b.ppm" "remove 1" "sample" "table delete --id 1 --yes"; do
        # shellcheck disable=SC2086
        says 2 "" "$PICASK" $c -d "$T/broken" && no_controls "$T/err" || { echo "($1)"; return 1; }
    done
}
tables() {
    newest=$(cd "$T/db/pictures.lance/_versions" && echo 1*.manifest | cut -d' ' -f1)
    broken "empty manifest" ": >_versions/$newest" && broken "half a manifest" "truncate -s 300 _versions/$newest" &&
        broken "garbage" "printf 'rubbish, as long as it is no manifest' >_versions/$newest" &&
        broken "a folder" "rm _versions/$newest && mkdir _versions/$newest" && broken "a pipe" "rm _versions/$newest && mkfifo _versions/$newest" &&
        broken "half the data" 'for f in data/*; do truncate -s 1000 "$f"; done' &&
        broken "no data" 'rm data/*' && broken "empty data" 'for f in data/*; do : >"$f"; done' &&
        broken "zeros" 'for f in data/*; do n=$(wc -c <"$f"); head -c "$n" /dev/zero >"$f"; done' &&
        broken "a link to itself" 'cd .. && rm -rf pictures.lance && ln -s pictures.lance pictures.lance'
}
ok "a table with a broken manifest or broken data" tables
no_version() {
    mkdir -p "$T/none/pictures.lance/_versions" "$T/none/pictures.lance/data" && ln -s x.lance "$T/none/x.lance" &&
        says 2 "no table 'pictures'" "$PICASK" search x -d "$T/none" && expect_status 1 "$PICASK" table list -d "$T/none" &&
        expect_status 0 "$PICASK" index "$odd" -d "$T/none" && expect_status 0 "$PICASK" table list -d "$T/none" &&
        same "$(cut -f1,2 "$T/out")" "pictures	10"
}
ok "a folder that a killed first run left is no table, and is made one by the next run" no_version
models() {
    head -c 1000 "$PICASK_MODEL" >"$T/cut.safetensors"
    : >"$T/empty.safetensors"
    head -c 100000 /dev/urandom >"$T/random.safetensors"
    { cat "$PICASK_MODEL" && printf x; } >"$T/longer.safetensors"
    for m in cut empty random longer; do says 2 "$m.safetensors: " "$PICASK" search x -m "$T/$m.safetensors" || return 1; done
    says 2 "no model 'nope'" "$PICASK" index "$odd" -t fresh -m nope || return 1
    expect_status 0 "$PICASK" table create other --dim 7 && says 2 "has vectors of 7, toy gives 24" "$PICASK" search x -t other &&
        says 2 "has vectors of 7, toy gives 24" "$PICASK" index "$odd" -t other
}
ok "a model file that is cut, empty, random, too long, or of another width" models
shorter() {
    rm -rf "$T/broken" && mkdir "$T/big" && i=0 && while [ $i -lt 300 ]; do
        { printf 'P6 40 40 255\n' && head -c 4800 /dev/urandom; } >"$T/big/$i.ppm"
        i=$((i + 1))
    done
    expect_status 0 "$PICASK" index "$T/big" -d "$T/broken" --store-images=original || return 1
    mkfifo "$T/slow"
    "$PICASK" table export -d "$T/broken" >"$T/slow" 2>"$T/err" &
    pid=$!
    exec 3<"$T/slow"
    head -c 10 <&3 >/dev/null
    for f in "$T/broken/pictures.lance/data/"*; do truncate -s 4096 "$f"; done
    cat <&3 >/dev/null
    exec 3<&-
    wait $pid
    code=$?
    # all of it may have been read before the file was cut
    [ $code -eq 0 ] || { [ $code -eq 2 ] && one_error && contains "$(cat "$T/err")" "became shorter"; }
}
ok "a data file that becomes shorter while it is read" shorter

# ---- rights ----

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null && setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
    # the unprivileged user needs a way to the program and its model
    U=$(mktemp -d /tmp/picask-rights-XXXXXX)
    trap 'rm -rf "$T" "$U"; exit $failed' EXIT
    chmod 755 "$U"
    cp "$PICASK" "$U/picask"
    cp "$PICASK_MODEL" "$U/toy.safetensors"
    chmod 755 "$U/picask" && chmod 644 "$U/toy.safetensors"
    other() { HOME="$U" setpriv --reuid=65534 --regid=65534 --clear-groups "$U/picask" "$@" -m "$U/toy.safetensors"; }
    mkdir -p "$U/p/closed" "$U/p/listed/below" "$U/mine" "$U/theirs"
    for f in a b closed/c listed/d listed/below/e; do picture >"$U/p/$f.ppm"; done
    chmod 000 "$U/p/closed" "$U/p/b.ppm"
    chmod 444 "$U/p/listed"
    chown 65534:65534 "$U/mine"
    unreadable() {
        expect_status 0 other index "$U/p" -d "$U/mine" && contains "$(cat "$T/out")" "1 embedded" && for f in b.ppm closed listed/d.ppm listed/below; do
            contains "$(cat "$T/err")" "skipped $f: " && contains "$(cat "$T/err")" "Permission denied" || return 1
        done
    }
    ok "what may not be read is named and skipped, a folder among it" unreadable
    unwritable() {
        says 2 "Permission denied" other index "$U/p" -d "$U/theirs" && says 2 "Permission denied" other index "$U/p" -d "$U/new" &&
            cp -R "$T/db/pictures.lance" "$U/theirs/" && chmod -R go=rX "$U/theirs" && expect_status 0 other search x -d "$U/theirs" &&
            says 2 "Permission denied" other remove 1 -d "$U/theirs" && says 2 "Permission denied" other index "$U/p" -d "$U/theirs" &&
            says 2 "Permission denied" other table drop pictures --yes -d "$U/theirs" &&
            expect_status 0 other table export -d "$U/theirs" && [ "$(wc -l <"$T/out")" -eq 9 ] &&
            chmod 000 "$U/theirs/pictures.lance/_versions" && says 2 "Permission denied" other search x -d "$U/theirs"
    }
    ok "a database that may not be written is read; writing is one sentence" unwritable
else
    skip "what may not be read is named and skipped, a folder among it" "this system has no setpriv, or the test is not run by root"
    skip "a database that may not be written is read; writing is one sentence" "this system has no setpriv, or the test is not run by root"
fi

# ---- races ----

locked() {
    mkfifo "$T/hold"
    # flock in another process stands for the run that goes on
    python3 -c 'import fcntl, sys; f = open(sys.argv[1], "a"); fcntl.flock(f, fcntl.LOCK_EX); open(sys.argv[2], "w").close(); sys.stdin.read()' \
        "$PICASK_DB/.pictures.lock" "$T/held" <"$T/hold" &
    exec 3>"$T/hold"
    until [ -e "$T/held" ]; do sleep 0.02; done
    says 2 "an index or reembed run of table 'pictures' is going on" "$PICASK" index "$odd" && expect_status 0 "$PICASK" search x
    code=$?
    exec 3>&-
    wait
    return $code
}
ok "a second index run meets the lock; readers do not wait" locked
together() {
    rm -rf "$T/race" && expect_status 0 "$PICASK" index "$T/big" -d "$T/race" || return 1
    (i=0; while [ $i -lt 12 ]; do "$PICASK" remove $((i * 3)) -d "$T/race" 2>>"$T/removed" || echo "remove: $?" >>"$T/wrong"; i=$((i + 1)); done) &
    (i=0; while [ $i -lt 12 ]; do "$PICASK" table delete --yes --id $((i * 3 + 1)) -d "$T/race" 2>>"$T/removed" || echo "delete: $?" >>"$T/wrong"; i=$((i + 1)); done) &
    (i=0; while [ $i -lt 6 ]; do "$PICASK" index --append -q "$T/a.ppm" "$T/b.ppm" -d "$T/race" || echo "index: $?" >>"$T/wrong"; i=$((i + 1)); done) &
    (i=0; while [ $i -lt 8 ]; do "$PICASK" table export -d "$T/race" >"$T/read" || echo "export: $?" >>"$T/wrong"; i=$((i + 1)); done) &
    wait
    [ ! -e "$T/wrong" ] || { cat "$T/wrong" "$T/removed"; return 1; }
    expect_status 0 "$PICASK" table export -d "$T/race" &&
        python3 -c '
import json, sys
ids = [json.loads(x)["id"] for x in open(sys.argv[1])]
gone = {3 * i for i in range(12)} | {3 * i + 1 for i in range(12)}
print(len(ids), len(set(ids)), sorted(gone & set(ids)))
sys.exit(not (len(ids) == len(set(ids)) == 300 - 24 + 12 and not gone & set(ids)))' "$T/out"
}
ok "index, remove, table delete and readers at once: every change lands, ids are unique" together
