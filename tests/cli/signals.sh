#!/bin/sh
# Ctrl-C, closed pipes, files that become shorter.
. tests/cli/lib.sh
need_model "signals"
export PICASK_DB="$T/db"

# Many pictures of different content: the same JPEG with different bytes behind its end.
mkdir "$T/many"
small=$(ls -S examples/pictures/*.jpg | tail -1)
i=0
while [ $i -lt 800 ]; do
    { cat "$small" && echo $i; } >"$T/many/$i.jpg"
    i=$((i + 1))
done

# Waits for a file that is being written to hold something.
wait_for() {
    n=0
    while [ ! -s "$1" ] && [ $n -lt 100 ]; do
        sleep 0.1
        n=$((n + 1))
    done
    [ -s "$1" ]
}

# A slow build gets more time to have something done; one thread keeps a fast machine from being through too soon.
interrupted() {
    for delay in 1 4 20; do
        "$PICASK" index --threads 1 "$T/many" >"$T/out" 2>"$T/err" &
        pid=$!
        sleep $delay
        kill -INT $pid
        wait $pid
        code=$?
        [ $code -eq 130 ] || { echo "exit code $code"; cat "$T/out" "$T/err"; return 1; }
        contains "$(cat "$T/out")" "Stopped indexing" || return 1
        if expect_status 0 "$PICASK" table list --json; then
            json_lines "$T/out" '0 < rows[0]["rows"] < 800'
            return
        fi
    done
    echo "nothing was committed"
    return 1
}
ok "Ctrl-C ends index with exit code 130, and what is done is committed" interrupted
goes_on() {
    rm -f "$T"/many/[4-7]??.jpg
    expect_status 0 "$PICASK" index "$T/many" --json && json_lines "$T/out" 'rows[-1]["unchanged"] > 0 and rows[-1]["added"] > 0'
}
ok "the next run goes on from there" goes_on

closed() {
    ( "$PICASK" table export 2>"$T/err"; echo $? >"$T/code" ) | head -c 10 >/dev/null
    [ ! -s "$T/err" ] || { cat "$T/err"; return 1; }
}
ok "a closed pipe is quiet" closed
closed_ignored() {
    ( trap '' PIPE; "$PICASK" table export 2>"$T/err" ) | head -c 10 >/dev/null
    [ ! -s "$T/err" ] || { cat "$T/err"; return 1; }
}
ok "so it is where SIGPIPE is ignored" closed_ignored

shorter() {
    mkdir "$T/models" && cp "$("$PICASK" model list --json | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["path"])')" "$T/models/mini-1.safetensors" || return 1
    mkfifo "$T/fifo"
    PICASK_MODELS="$T/models" "$PICASK" embed - <"$T/fifo" >"$T/vectors" 2>"$T/err" &
    pid=$!
    exec 3>"$T/fifo"
    echo "a dog" >&3
    wait_for "$T/vectors" || return 1
    : >"$T/models/mini-1.safetensors"
    echo "a cat" >&3
    exec 3>&-
    wait $pid
    code=$?
    [ $code -eq 2 ] || { echo "exit code $code"; cat "$T/err"; return 1; }
    contains "$(cat "$T/err")" "cannot read $T/models/mini-1.safetensors"
}
ok "a mapped file that becomes shorter is named, with exit code 2" shorter
