# lib.sh - what the command line tests share. A test is a POSIX sh script that is run in the repository root and sources
# this file; it prints `ok - sentence`, `not ok - sentence` or `skip - sentence: reason` a line and exits 1 when anything
# was not ok. PICASK is the program (build/picask); $T a scratch folder that is gone at the end.

PICASK=${PICASK:-build/picask}
case $PICASK in /*) ;; *) PICASK=$(pwd)/$PICASK ;; esac
root=$(pwd)
mkdir -p build/tmp
T=$(mktemp -d "$root/build/tmp/cli-XXXXXX")
failed=0
trap 'rm -rf "$T"; exit $failed' EXIT
trap 'failed=1; exit 1' HUP INT TERM

# Nothing of the caller's reaches a test.
unset PICASK_DB PICASK_TABLE PICASK_MODEL PICASK_THREADS PICASK_GRAPHICS NO_COLOR COLORTERM
unset HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HOME HF_TOKEN HF_TOKEN_PATH HF_ENDPOINT HF_HUB_OFFLINE
export HOME="$T/home" XDG_DATA_HOME="$T/data" XDG_CACHE_HOME="$T/cache" TERM=xterm-256color LC_ALL=C
mkdir -p "$HOME"

# ok SENTENCE COMMAND...: the command succeeds
ok() {
    sentence=$1
    shift
    if "$@" >"$T/log" 2>&1; then
        echo "ok - $sentence"
    else
        echo "not ok - $sentence"
        sed 's/^/# /' "$T/log" | head -20
        failed=1
    fi
}

# skip SENTENCE REASON
skip() { echo "skip - $1: $2"; }

# expect_status N COMMAND...: exit code N; what it printed is in $T/out and $T/err
expect_status() {
    wanted=$1
    shift
    "$@" >"$T/out" 2>"$T/err" </dev/null
    got=$?
    if [ "$got" -ne "$wanted" ]; then
        echo "exit code $got instead of $wanted: $*"
        cat "$T/out" "$T/err"
        return 1
    fi
}

# contains TEXT NEEDLE
contains() {
    case $1 in
    *"$2"*) ;;
    *)
        echo "'$2' is not in:"
        echo "$1"
        return 1
        ;;
    esac
}

lacks() {
    case $1 in
    *"$2"*)
        echo "'$2' is in:"
        echo "$1"
        return 1
        ;;
    esac
}

same() {
    if [ "$1" != "$2" ]; then
        echo "got:      $1"
        echo "expected: $2"
        return 1
    fi
}

# says N NEEDLE COMMAND...: exit code N and one line on stderr that holds the needle
says() {
    says_code=$1
    says_needle=$2
    shift 2
    expect_status "$says_code" "$@" || return 1
    contains "$(cat "$T/err")" "$says_needle" || return 1
    if [ "$(wc -l <"$T/err")" -ne 1 ]; then
        echo "more than one line on stderr:"
        cat "$T/err"
        return 1
    fi
}

# no_controls FILE: no control character but newline and tab (C0, DEL, C1 in UTF-8)
no_controls() {
    if LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" "$1" ||
        LC_ALL=C grep -q "$(printf '\302[\200-\237]')" "$1"; then
        echo "a control character in $1:"
        od -c "$1" | head -20
        return 1
    fi
}

# json_lines FILE EXPRESSION: each line is JSON, and the Python expression about `rows`, the list of them, is true
json_lines() {
    python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
if not eval(sys.argv[2]):
    print("not true:", sys.argv[2])
    print(rows)
    sys.exit(1)
' "$1" "$2"
}

# terminal COLUMNS ROWS COMMAND: runs a shell command on a terminal of that size; its output is in $T/out, newlines plain
terminal() {
    script -qec "stty cols $1 rows $2; $3" /dev/null </dev/null >"$T/typed" 2>&1
    terminal_code=$?
    tr -d '\r' <"$T/typed" >"$T/out"
    return $terminal_code
}

have_terminal() { script -qec true /dev/null >/dev/null 2>&1 </dev/null; }

# Six pictures with captions in $T/pictures, and $T/pictures/captions.tsv
six_pictures() {
    mkdir -p "$T/pictures"
    printf 'path\tcaption\n' >"$T/pictures/captions.tsv"
    while read -r file caption; do
        cp "examples/pictures/$file" "$T/pictures/"
        printf '%s\t%s\n' "$file" "$caption" >>"$T/pictures/captions.tsv"
    done <<'END'
000000000285.jpg a brown bear in the grass
000000252332.jpg a stop sign among the leaves
000000377575.jpg a dog tied to a fire hydrant
000000408805.jpg a kitchen with a microwave
000000196393.jpg a cat and a canary
000000013004.jpg a banana on a plate
END
}

# The database $T/db with these six in the table 'pictures'; PICASK_DB names it.
six_rows() {
    six_pictures
    export PICASK_DB="$T/db"
    "$PICASK" index -q "$T/pictures/captions.tsv"
}

# Tests that embed need the model; a build without it skips the script.
need_model() {
    if ! "$PICASK" embed --text x >/dev/null 2>&1; then
        skip "$1" "the built-in model is not on this machine"
        exit 0
    fi
}
