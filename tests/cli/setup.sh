# setup.sh - tools/setup with stand-ins for apt-get, dpkg-query, id and sudo that write down what they are asked to do.
. tests/cli/lib.sh

setup=$(pwd)/tools/setup
mkdir "$T/bin"
for tool in sh env grep python3; do ln -s "$(command -v $tool || echo /usr/bin/$tool)" "$T/bin/$tool"; done

# stub NAME: a script from stdin
stub() {
    { echo "#!$(command -v sh)"; cat; } >"$T/bin/$1"
    chmod +x "$T/bin/$1"
}
stub dpkg-query <<'S'
for last; do :; done
case " $MISSING " in *" $last "*) exit 1 ;; esac
echo "install ok installed"
S
stub apt-get <<'S'
echo "apt-get $*" >>"$T/asked"
case " $* " in *" -s "*) [ -z "$UNKNOWN" ] ;; esac
S
stub id <<'S'
echo "$USER_ID"
S

# run_setup USER_ID MISSING ARGUMENT...: exit code in $code, output in $T/out, what was asked of the stand-ins in $T/asked
run_setup() {
    user=$1 missing=$2
    shift 2
    : >"$T/asked"
    env -i T="$T" PATH="$T/bin" USER_ID="$user" MISSING="$missing" UNKNOWN="$UNKNOWN" NO_INSTALL="$NO_INSTALL" FULL="$FULL" "$T/bin/sh" "$setup" "$@" \
        >"$T/out" 2>&1 </dev/null
    code=$?
}
UNKNOWN= NO_INSTALL= FULL=

nothing_missing() {
    run_setup 0 "" core
    same "$code $(cat "$T/out" "$T/asked")" "0 "
}
ok "where nothing is missing it says and does nothing" nothing_missing

only_missing() {
    run_setup 0 "libgif-dev libcmocka-dev" core
    same "$code $(cat "$T/out")" "0 setup: apt-get install -y --no-install-recommends libgif-dev" || return 1
    same "$(tail -n 1 "$T/asked")" "apt-get install -y -q --no-install-recommends libgif-dev"
}
ok "root installs what is missing, and the command is printed" only_missing

test_too() {
    run_setup 0 "libgif-dev libcmocka-dev" test
    same "$(tail -n 1 "$T/asked")" "apt-get install -y -q --no-install-recommends libgif-dev libcmocka-dev"
}
ok "for the tests it installs cmocka too" test_too

modules_on_request() {
    run_setup 0 "libheif-dev libavcodec-dev" core
    same "$code $(cat "$T/asked")" "0 " || return 1
    FULL=1
    run_setup 0 "libheif-dev libavcodec-dev" core
    FULL=
    same "$(tail -n 1 "$T/asked")" "apt-get install -y -q --no-install-recommends libheif-dev libavcodec-dev"
}
ok "FULL=1 installs what phone pictures and video take" modules_on_request

lists_first() {
    UNKNOWN=1
    run_setup 0 libgif-dev core
    UNKNOWN=
    same "$code $(sed -n 2,3p "$T/asked" | tr '\n' ';')" \
        "0 apt-get update -q;apt-get install -y -q --no-install-recommends libgif-dev;"
}
ok "where apt does not know the packages, the lists are fetched first" lists_first

only_prints() {
    NO_INSTALL=1
    run_setup 0 libgif-dev core
    NO_INSTALL=
    same "$code $(cat "$T/asked")" "1 " || return 1
    contains "$(cat "$T/out")" "setup: apt-get install -y --no-install-recommends libgif-dev"
}
ok "NO_INSTALL=1 prints the command, runs nothing and stops" only_prints

no_sudo() {
    run_setup 1000 libgif-dev core
    same "$code $(cat "$T/asked")" "1 " || return 1
    contains "$(cat "$T/out")" "run this as root, then make again: apt-get install -y --no-install-recommends libgif-dev"
}
ok "neither root nor sudo: it prints the command and stops" no_sudo

stub sudo <<'S'
exit 1
S
asks_nobody() {
    run_setup 1000 libgif-dev core
    same "$code $(cat "$T/asked")" "1 " || return 1
    contains "$(cat "$T/out")" "no terminal to ask on"
}
ok "sudo that wants a password and no terminal: it prints the command and stops" asks_nobody

stub sudo <<'S'
[ "$1" = -n ] && shift
[ "$1" = true ] && exit 0
echo "sudo $*" >>"$T/asked"
exec "$@"
S
sudo_without_password() {
    run_setup 1000 libgif-dev core
    same "$code $(tail -n 1 "$T/asked")" "0 apt-get install -y -q --no-install-recommends libgif-dev" || return 1
    contains "$(cat "$T/asked")" "sudo env DEBIAN_FRONTEND=noninteractive apt-get install"
}
ok "sudo without a password is used without asking" sudo_without_password
