#!/bin/sh
# picask index --watch
. tests/cli/lib.sh
need_model "picask index --watch"
export PICASK_DB="$T/db"
mkdir "$T/p"
cp examples/pictures/000000000285.jpg "$T/p/bear.jpg"

# Waits until the watch has printed a line that holds a text, a minute at most.
until_said() {
    n=0
    while ! grep -q -e "$1" "$T/said" 2>/dev/null; do
        n=$((n + 1))
        if [ $n -gt 600 ] || ! kill -0 $watch 2>/dev/null; then
            echo "'$1' was not said:"
            cat "$T/said"
            return 1
        fi
        sleep 0.1
    done
}
begin() {
    : >"$T/said" # else the lines of the watch before may be read
    "$PICASK" index --watch "$@" >"$T/said" 2>&1 </dev/null &
    watch=$!
}
end() {
    kill -INT $watch
    wait $watch
    same $? 130
}

begin --prune --yes "$T/p"
first() { until_said "watching $T/p; Ctrl-C ends it" && grep -q "1 embedded · 0 copies" "$T/said"; }
ok "the first round is an index run like any other" first
added() { cp examples/pictures/000000377575.jpg "$T/p/dog.jpg" && until_said '^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]  1 embedded$'; }
ok "a new picture is a line with the time" added
moved() { mkdir "$T/p/deep" && mv "$T/p/dog.jpg" "$T/p/deep/hund.jpg" && until_said '  1 moved$'; }
ok "a renamed one is moved, into a folder that is new too" moved
copied() { cp "$T/p/bear.jpg" "$T/p/deep/bear2.jpg" && until_said '  1 copy$'; }
ok "a copy is a copy" copied
broken() { printf 'no picture' >"$T/p/broken.jpg" && until_said 'skipped broken.jpg: '; }
ok "a broken picture is named" broken
removed() { rm "$T/p/deep/bear2.jpg" && until_said '  1 removed$' && same "$(grep -c 'skipped broken.jpg' "$T/said")" 1; }
ok "with --prune a picture that is gone is removed, and a broken one is named once" removed
ok "Ctrl-C ends a watch with exit code 130" end
rows() { expect_status 0 "$PICASK" table list --json && json_lines "$T/out" 'rows[0]["rows"] == 2'; }
ok "all that was said is in the table" rows

begin --json
remembered() { until_said '"found"' && cp examples/pictures/000000013004.jpg "$T/p/banana.jpg" && until_said '"added":1' && grep '^{' "$T/said" >"$T/objects" &&
    json_lines "$T/objects" 'rows[-1]["added"] == 1 and rows[-1]["unchanged"] == 2'; }
ok "without a source the remembered ones are watched; --json gives an object a round" remembered
ok "and Ctrl-C ends that too" end

mkdir "$T/disk"
cp examples/pictures/000000377575.jpg "$T/disk/dog.jpg"
begin --prune --yes "$T/p" "$T/disk" -t two
away() { until_said "watching the sources" && mv "$T/disk" "$T/away" && sleep 2 && cp examples/pictures/000000000785.jpg "$T/p/skier.jpg" && until_said '  1 embedded$'; }
ok "a source that goes away does not keep a change of another waiting" away
back() { mv "$T/away" "$T/disk" && sleep 2 && cp examples/pictures/000000000285.jpg "$T/disk/new.jpg" && until_said '  1 copy$'; }
ok "one that comes back is watched again" back
ok "Ctrl-C ends it" end
kept() { expect_status 0 "$PICASK" table list --json && json_lines "$T/out" '[r["rows"] for r in rows if r["name"] == "two"] == [6]'; }
ok "and its rows stayed meanwhile" kept

mkdir "$T/empty"
begin "$T/empty" -t later
empty() { until_said "watching " && cp examples/pictures/000000000285.jpg "$T/empty/" && until_said '  1 embedded$'; }
ok "a folder without a picture yet is watched for its first" empty
ok "and Ctrl-C ends it as well" end

ok "--watch and --append exclude each other" says 2 "exclude each other" "$PICASK" index "$T/p" --watch --append
ok "--watch and --dry-run exclude each other" says 2 "exclude each other" "$PICASK" index "$T/p" --watch --dry-run
ok "a watch of what no table remembers says so" says 2 "no table 'none'" "$PICASK" index --watch -t none
ok "a data set of the hub is nothing to watch" says 2 "nothing to watch" "$PICASK" index --watch -t hub hf://datasets/org/name
