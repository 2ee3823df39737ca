#!/bin/sh
# Where the database is looked for, and options from the environment.
. tests/cli/lib.sh

where() { expect_status 0 "$@" && contains "$(cat "$T/out")" "No tables yet in $place"; }
place='~/db1' ok "-d comes first" where env PICASK_DB="$HOME/db2" "$PICASK" -d "$HOME/db1"
place='~/db2' ok "then PICASK_DB" where env PICASK_DB="$HOME/db2" "$PICASK"
mkdir -p "$HOME/work/.picask" "$HOME/work/a/b"
above() { cd "$HOME/work/a/b" && where "$PICASK"; }
place='~/work/.picask' ok "then a .picask folder here or above" above
cd "$root" || exit 1
home() { cd "$HOME" && where env -u XDG_DATA_HOME "$PICASK"; }
place='~/.local/share/picask' ok "then ~/.local/share/picask" home
xdg() { cd "$HOME" && where "$PICASK"; }
place="$T/data/picask" ok "but XDG_DATA_HOME/picask where that is set" xdg
nowhere() { cd "$HOME" && says 2 "HOME is not set" env -u XDG_DATA_HOME -u HOME "$PICASK"; }
ok "without HOME a folder must be named" nowhere
cd "$root" || exit 1

export PICASK_DB="$T/db"
table() { expect_status 0 "$PICASK" table create one --dim 4 && expect_status 0 env PICASK_TABLE=one "$PICASK" table info && contains "$(cat "$T/out")" one.lance; }
ok "PICASK_TABLE names the table" table
ok "-t comes before PICASK_TABLE" says 2 "no table 'two'" env PICASK_TABLE=one "$PICASK" table info -t two
ok "options of every command stand before it, too" expect_status 0 "$PICASK" -t one table info
ok "two names for one table are refused" says 2 "two tables are named" "$PICASK" table info one -t two
ok "--threads has bounds" says 2 "--threads: 0 is below 1" "$PICASK" --threads 0 table list
mkdir -p "$T/db/broken.lance/_versions"
broken() { expect_status 0 "$PICASK" && contains "$(cat "$T/out")" one; }
ok "a broken table does not hide the others" broken
full() { [ -w /dev/full ] && ! "$PICASK" help >/dev/full 2>"$T/err" && contains "$(cat "$T/err")" "cannot write the output"; }
if [ -c /dev/full ]; then
    ok "a full disk behind stdout is exit code 2" full
else
    skip "a full disk behind stdout is exit code 2" "no /dev/full"
fi
