#!/bin/sh
# Sizes and build time: program, library and model together; `make` from clean; what `make demo` downloads on a machine
# that has only git, a C compiler and make. The last is asked of apt without installing anything: the packages for an
# empty machine with those three and ours, less the packages for one with those three.
set -eu
cd "$(dirname "$0")/.."
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
bytes() { wc -c <"$1" | tr -d ' '; }
mb() { awk -v n="$1" 'BEGIN {printf "%.1f MB", n / 1e6}'; }

library=$(ls build/libpicask.so.0 build/libpicask.0.dylib 2>/dev/null | head -n 1)
cp build/picask "$T/program"
cp "$library" "$T/library"
strip "$T/program"
strip -x "$T/library"
program=$(bytes "$T/program") library=$(bytes "$T/library") model=$(bytes models/mini-1.safetensors)
echo "program $(mb "$program"), library $(mb "$library") (stripped), model $(mb "$model"): together $(mb $((program + library + model)))"

cpus=$(getconf _NPROCESSORS_ONLN)
began=$(date +%s)
make -s -j"$cpus" SUBBUILD=/clean all >/dev/null
echo "make from clean: $(($(date +%s) - began)) s on $cpus CPUs"
rm -rf build/clean

if command -v apt-get >/dev/null 2>&1; then
    mkdir -p "$T/archives/partial"
    fresh="$(dpkg-query -W -f '${Essential} ${Priority} ${Package}\n' | awk '$1 == "yes" || $2 == "required" {print $3}')"
    fresh="$fresh apt ca-certificates gcc libc6-dev make git"
    # file name and size of each package, one a line
    packages() {
        apt-get -o Dir::State::status=/dev/null -o Dir::Cache::archives="$T/archives" -y -q --no-install-recommends --print-uris \
            install "$@" 2>/dev/null | sed -n "s/^'[^']*' \([^ ]*\) \([0-9]*\) .*/\1 \2/p" | sort
    }
    # shellcheck disable=SC2086
    packages $fresh >"$T/without"
    # shellcheck disable=SC2046,SC2086
    packages $fresh $(tools/setup list) >"$T/with"
    if [ -s "$T/with" ]; then
        comm -13 "$T/without" "$T/with" | awk '{sum += $2} END {printf "make demo downloads %.1f MB in %d packages\n", sum / 1e6, NR}'
    else
        echo "make demo downloads: apt has no package lists here (apt-get update)"
    fi
fi
