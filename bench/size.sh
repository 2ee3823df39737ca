#!/bin/sh
# Sizes and build time: program, library and model together; `make` from clean; what `make demo` downloads on a machine
# that has only a C compiler, make and git (asked of apt without installing, so run it on such a machine for the true sum).
set -eu
cd "$(dirname "$0")/.."
kb() { du -Lk "$@" | awk '{s += $1} END {print s}'; }
cp build/picask /tmp/picask.stripped.$$ && strip /tmp/picask.stripped.$$
cp build/libpicask.so.0 /tmp/libpicask.stripped.$$ && strip /tmp/libpicask.stripped.$$
echo "program $(kb /tmp/picask.stripped.$$) kB, library $(kb /tmp/libpicask.stripped.$$) kB (stripped), model $(kb models/mini-1.safetensors) kB"
rm -f /tmp/picask.stripped.$$ /tmp/libpicask.stripped.$$
began=$(date +%s)
make -s -j"$(getconf _NPROCESSORS_ONLN)" SUBBUILD=/clean all >/dev/null
echo "make from clean: $(($(date +%s) - began)) s on $(getconf _NPROCESSORS_ONLN) CPUs"
rm -rf build/clean
