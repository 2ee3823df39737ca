#!/bin/sh
# Help, version, the screen of a bare picask, and what is unknown.
. tests/cli/lib.sh

on_stdout() { expect_status 0 "$@" && [ -s "$T/out" ] && [ ! -s "$T/err" ]; }

ok "help goes to stdout with exit code 0" on_stdout "$PICASK" help
ok "--help does too" on_stdout "$PICASK" --help
commands="index add search show sample ask embed remove table model dataset"
for c in $commands; do
    ok "$c --help goes to stdout with exit code 0" on_stdout "$PICASK" $c --help
done
table_verbs="list info create drop delete update export versions restore tag relocate optimize cleanup verify reembed set-embedding"
for v in $table_verbs; do
    ok "table $v --help goes to stdout with exit code 0" on_stdout "$PICASK" table $v --help
done
for v in list info pull check pack; do
    ok "model $v --help goes to stdout with exit code 0" on_stdout "$PICASK" model $v --help
done
ok "help COMMAND VERB works" on_stdout "$PICASK" help table export

narrow() { expect_status 0 "$PICASK" help "$1" && ! awk 'length($0) > 105 { print; bad = 1 } END { exit !bad }' "$T/out"; }
for c in index search show sample ask embed remove table model dataset; do
    ok "no line of $c --help is longer than 105 characters" narrow $c
done
narrow_verbs() { for v in $table_verbs; do
    "$PICASK" table $v --help >"$T/out" && ! awk 'length($0) > 105 { print; bad = 1 } END { exit !bad }' "$T/out" || return 1
done; }
ok "nor of the verbs of table" narrow_verbs

version() { expect_status 0 "$PICASK" --version && contains "$(cat "$T/out")" "picask 0."; }
ok "--version names program and version" version
verbose_version() { expect_status 0 "$PICASK" --version -v && contains "$(cat "$T/out")" "cpu " && grep -q '^modules  ' "$T/out" && grep -q '^reads    JPEG' "$T/out"; }
ok "--version -v names the CPU level, the modules and the kinds of pictures" verbose_version
# a copy of the program by itself has no module beside it
alone() {
    mkdir -p "$T/alone" && cp "$PICASK" "$T/alone/picask" && expect_status 0 "$T/alone/picask" --version -v || return 1
    if grep -q '^modules  none' "$T/out"; then
        contains "$(cat "$T/out")" "missing  http: fetching from Hugging Face; what picask's package recommends brings it, make demo FULL=1 builds it (packages: " &&
            contains "$(cat "$T/out")" "missing  TIFF: "
    fi # else an installation's are found
}
ok "--version -v names what is missing, and what brings it" alone

bare() { on_stdout "$PICASK" && contains "$(cat "$T/out")" "picask index" && [ "$(grep -c '^  picask ' "$T/out")" -eq 5 ]; }
ok "picask alone shows five commands to try" bare

ok "an unknown command says which was meant" says 2 "did you mean 'search'?" "$PICASK" serach dog
ok "an unknown command without a near one points to help" says 2 "picask help" "$PICASK" frobnicate
ok "an unknown verb says which was meant" says 2 "did you mean 'table list'?" "$PICASK" table lst
ok "a command with verbs needs one" says 2 "picask table --help" "$PICASK" table
ok "an unknown option says which was meant" says 2 "unknown option --limt; did you mean --limit?" "$PICASK" search dog --limt 3
ok "an option's missing value is said" says 2 "--limit needs a value" "$PICASK" search dog --limit
ok "a flag takes no value" says 2 "--files takes no value" "$PICASK" search dog --files=3
ok "a number must be one" says 2 "'x' is no whole number" "$PICASK" search dog -n x
ok "PICASK_THREADS must be a number" says 2 "PICASK_THREADS" env PICASK_THREADS=many "$PICASK"

# What later versions bring is unknown today, and no help speaks of it.
for o in --query-type --nprobes --refine-factor --exact --since --until --open; do
    ok "search $o is unknown" says 2 "unknown option $o" "$PICASK" search dog $o
done
for c in serve map relocate; do
    ok "$c is an unknown command" says 2 "unknown command" "$PICASK" $c
done
for v in salvage duplicates create-index; do
    ok "table $v is an unknown verb" says 2 "unknown command" "$PICASK" table $v
done
for v in tune; do
    ok "model $v is an unknown verb" says 2 "unknown command" "$PICASK" model $v
done
nothing_of_later() {
    { "$PICASK" help && for c in $commands; do "$PICASK" $c --help; done && for v in $table_verbs; do "$PICASK" table $v --help; done; } >"$T/all" 2>&1
    ! grep -E -e '--(open|nprobes|exact|llm|seal|paranoid)([^-]|$)|serve|salvage' "$T/all"
}
ok "help speaks of nothing that later versions bring" nothing_of_later
