# install.sh - make install into a scratch root, and what a C program, pkg-config and dpkg find there.
. tests/cli/lib.sh

MAKE=${MAKE:-make}
BUILD=${BUILD:-build}
san= san_flags=
case $BUILD in */san) san=SAN=1 san_flags="-fsanitize=address,undefined" ;; esac
CC=${CC:-cc}
system=$(uname -s)

$MAKE -s $san install DESTDIR="$T/root" >"$T/log" 2>&1 || {
    echo "not ok - make install into a scratch root"
    sed 's/^/# /' "$T/log" | head -20
    failed=1
    exit
}
program=$(find "$T/root" -path '*/bin/picask' -type f)
prefix=${program%/bin/picask}
lib=$(find "$T/root" -name libpicask.a -type f)
lib=${lib%/libpicask.a}

has_every_file() {
    case $system in
    Darwin) shared="libpicask.0.dylib libpicask.dylib liblancelet.0.dylib liblancelet.dylib" ;;
    *) shared="libpicask.so.0 libpicask.so liblancelet.so.0 liblancelet.so" ;;
    esac
    modules=$(cd "$BUILD/lib" && for m in *.so; do [ ! -f "$m" ] || echo "picask/$m"; done)
    {
        for f in libpicask.a liblancelet.a $shared $modules pkgconfig/picask.pc pkgconfig/lancelet.pc; do echo "$lib/$f"; done
        for f in bin/picask include/picask.h include/lancelet.h share/man/man1/picask.1 \
            share/bash-completion/completions/picask share/doc/picask/copyright \
            share/picask/models/mini-1.safetensors; do echo "$prefix/$f"; done
        [ ! -f "$BUILD/libexec/picask/decode" ] || echo "$prefix/libexec/picask/decode"
    } | sort >"$T/expected"
    find "$T/root" -type f -o -type l | sort >"$T/found"
    diff "$T/expected" "$T/found"
}
ok "make install puts these files into DESTDIR and no others" has_every_file

finds_its_model() {
    expect_status 0 "$program" model info mini || return 1
    contains "$(cat "$T/out")" "$prefix/share/picask/models/mini-1.safetensors"
}
ok "the installed program finds its model in share/picask" finds_its_model

parts_of() { sed -n 's/^\(modules\|reads\)  *//p'; }
finds_its_parts() {
    [ -d "$lib/picask" ] || return 1
    same "$("$program" --version -v | parts_of)" "$("$PICASK" --version -v | parts_of)"
}
ok "the installed program finds its modules and its decode program" finds_its_parts

# the second column of nm may be an address or missing; the name is the last
names_of() { nm "$@" 2>/dev/null | awk 'NF >= 2 && $(NF - 1) ~ /^[TDBRSCVWu]$/ { sub(/@.*/, "", $NF); print $NF }' | sed 's/^_//'; }

exports_only_its_prefix() {
    case $system in
    Darwin) names_of -gU "$lib/libpicask.dylib" >"$T/picask" && names_of -gU "$lib/liblancelet.dylib" >"$T/lancelet" ;;
    *) names_of -D --defined-only "$lib/libpicask.so.0" >"$T/picask" && names_of -D --defined-only "$lib/liblancelet.so.0" >"$T/lancelet" ;;
    esac
    # every function that the headers declare, and nothing else
    sed -n 's/^[a-z].*[ *]\(lancelet_[a-z0-9_]*\)(.*/\1/p' include/lancelet.h | sort -u >"$T/lancelet.h"
    { sed -n 's/^[a-z].*[ *]\(picask_[a-z0-9_]*\)(.*/\1/p' include/picask.h; cat "$T/lancelet.h"; } | sort -u >"$T/picask.h"
    [ -s "$T/lancelet.h" ] || return 1
    sort -u "$T/lancelet" | diff "$T/lancelet.h" - && sort -u "$T/picask" | diff "$T/picask.h" -
}
ok "the shared libraries export what their headers declare and nothing else" exports_only_its_prefix

lancelet_stands_alone() {
    names_of -g "$lib/liblancelet.a" >"$T/names"
    lacks "$(cat "$T/names")" picask_ && contains "$(cat "$T/names")" lancelet_
}
ok "the static liblancelet holds nothing of picask" lancelet_stands_alone

has_soname() {
    if [ "$system" = Darwin ]; then
        contains "$(otool -D "$lib/libpicask.dylib")" "/libpicask.0.dylib"
    else
        contains "$(readelf -d "$lib/libpicask.so.0")" "[libpicask.so.0]" &&
            contains "$(readelf -d "$lib/liblancelet.so.0")" "[liblancelet.so.0]"
    fi
}
ok "the shared libraries carry soname 0" has_soname

# A C program as a user builds it, against the installed tree alone.
pkg() { PKG_CONFIG_PATH="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$T/root" PKG_CONFIG_SYSTEM_INCLUDE_PATH= "${PKG_CONFIG:-pkg-config}" "$@"; }

"$PICASK" index -q -d "$T/db" examples/pictures/000000525891.jpg examples/pictures/000000377575.jpg >"$T/log" 2>&1

example_runs() {
    # shellcheck disable=SC2046
    $CC -std=c11 $san_flags -o "$T/search" examples/c/search.c $(pkg --cflags --libs picask) "-Wl,-rpath,$lib" || return 1
    PICASK_MODELS="$prefix/share/picask/models" expect_status 0 "$T/search" "$T/db" pictures a stop sign || return 1
    contains "$(head -n 1 "$T/out")" 000000525891.jpg
}
ok "pkg-config --cflags --libs picask builds examples/c/search.c, which finds a stop sign" example_runs

readme_runs() {
    sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' | sed "s|build/demo|$T/db|" >"$T/readme.c"
    # shellcheck disable=SC2046
    $CC -std=c11 -Wall -Wextra -Wpedantic -Werror $san_flags -o "$T/readme" "$T/readme.c" $(pkg --cflags --libs picask) "-Wl,-rpath,$lib" || return 1
    PICASK_MODELS="$prefix/share/picask/models" expect_status 0 "$T/readme" || return 1
    same "$(wc -l <"$T/out")" 2 && contains "$(head -n 1 "$T/out")" 000000525891.jpg
}
ok "the README's C program builds as it stands and finds a stop sign" readme_runs

headers_are_cxx() {
    cat >"$T/headers.cc" <<'CXX'
#include <lancelet.h>
#include <picask.h>
int main()
{
    picask_search_options search = PICASK_SEARCH_OPTIONS_INIT;
    picask_index_options index = PICASK_INDEX_OPTIONS_INIT;
    picask_table_options table = PICASK_TABLE_OPTIONS_INIT;
    picask_model_options model = PICASK_MODEL_OPTIONS_INIT;
    lancelet_open_options open = LANCELET_OPEN_OPTIONS_INIT;
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_scan_options scan = LANCELET_SCAN_OPTIONS_INIT;
    lancelet_search_options flat = LANCELET_SEARCH_OPTIONS_INIT;
    lancelet_write_options write = LANCELET_WRITE_OPTIONS_INIT;
    lancelet_change change = LANCELET_CHANGE_INIT;
    picask_table *none = nullptr;
    picask_error error;
    picask_status status = picask_table_open("/absent", "x", &table, &none, &error);
    return status == LANCELET_NOT_FOUND && search.limit == 10 && flat.k == 10 && index.struct_size && model.struct_size &&
                   open.struct_size && info.struct_size && scan.struct_size && write.struct_size && change.struct_size
               ? 0
               : 1;
}
CXX
    # shellcheck disable=SC2046
    c++ -std=c++11 -Wall -Wextra -pedantic -Werror $san_flags -o "$T/headers" "$T/headers.cc" $(pkg --cflags --libs picask) "-Wl,-rpath,$lib" || return 1
    "$T/headers"
}
if command -v c++ >/dev/null 2>&1; then
    ok "the headers are C++11 too" headers_are_cxx
else
    skip "the headers are C++11 too" "no C++ compiler is here"
fi

links_statically() {
    # the archive in place of -lpicask, and what pkg-config --static adds to it
    # shellcheck disable=SC2046
    $CC -std=c11 $san_flags -o "$T/search" $(pkg --cflags picask) examples/c/search.c "$lib/libpicask.a" \
        $(pkg --static --libs picask | sed "s|-L[^ ]*$prefix[^ ]*||; s/-lpicask//") || return 1
    PICASK_MODELS="$prefix/share/picask/models" expect_status 0 "$T/search" "$T/db" pictures a dog || return 1
    contains "$(head -n 1 "$T/out")" 000000377575.jpg
}
ok "pkg-config --static names the libraries that libpicask.a needs" links_statically

lancelet_alone() {
    cat >"$T/count.c" <<'C'
#include <lancelet.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    lancelet_error err;
    lancelet_table *t;
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    if (argc < 2 || lancelet_table_open(argv[1], NULL, &t, &err) != LANCELET_OK)
        return 1;
    lancelet_table_get_info(t, &info);
    printf("%llu\n", (unsigned long long)info.rows);
    lancelet_table_destroy(t);
    return 0;
}
C
    # shellcheck disable=SC2046
    $CC -std=c11 $san_flags -o "$T/count" "$T/count.c" $(pkg --cflags --libs lancelet) "-Wl,-rpath,$lib" || return 1
    expect_status 0 "$T/count" "$T/db/pictures.lance" && same "$(cat "$T/out")" 2
}
ok "pkg-config --cflags --libs lancelet builds a program that counts the rows of a table" lancelet_alone

# The Debian package. Sanitized programs are not packaged: the package is built by itself, so once is enough.
if [ -n "$san" ] || [ "$system" != Linux ]; then
    exit
fi
if ! command -v dpkg-deb >/dev/null 2>&1 || ! command -v dpkg-shlibdeps >/dev/null 2>&1; then
    skip "make deb builds a package" "dpkg-dev is not here"
    exit
fi

deb_is_whole() {
    $MAKE -s deb >"$T/made" 2>&1 || {
        tail -n 15 "$T/made"
        return 1
    }
    deb=$(tail -n 1 "$T/made")
    dpkg-deb -x "$deb" "$T/deb" || return 1
    for f in bin/picask share/man/man1/picask.1.gz share/picask/models/mini-1.safetensors share/doc/picask/copyright \
        share/doc/picask/changelog.gz share/bash-completion/completions/picask; do
        [ -f "$T/deb/usr/$f" ] || {
            echo "$f is missing"
            return 1
        }
    done
    depends=$(dpkg-deb -f "$deb" Depends)
    for p in libc6 libjpeg libpng16 libwebp libgif libexif libzstd liblz4 libjansson libnettle libunistring; do
        contains "$depends" $p || return 1
    done
    recommends=$(dpkg-deb -f "$deb" Recommends)
    for part in http:libcurl snappy:libsnappy video:libavformat; do
        [ ! -f "$BUILD/lib/${part%:*}.so" ] || { [ -f "$T/deb/usr/lib/picask/${part%:*}.so" ] && contains "$recommends" "${part#*:}" &&
            lacks "$depends" "${part#*:}"; } || return 1
    done
    lacks "$recommends" libc6 || return 1
    same "$("$T/deb/usr/bin/picask" --version -v | parts_of)" "$("$PICASK" --version -v | parts_of)" || return 1
    expect_status 0 "$T/deb/usr/bin/picask" model info mini || return 1
    contains "$(cat "$T/out")" "$T/deb/usr/share/picask/models/mini-1.safetensors"
}
ok "make deb builds a package whose program runs and finds its model" deb_is_whole
