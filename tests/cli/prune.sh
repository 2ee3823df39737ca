#!/bin/sh
# index --prune: rows go whose pictures are gone, and none because a disk is not there
. tests/cli/lib.sh
export PICASK_MODELS="$root/tests/fixtures/model" PICASK_DB="$T/db" PICASK_MODEL=toy
mkdir -p "$T/in/nas" "$T/in/locked"
i=0
while [ $i -lt 30 ]; do # the toy model takes any picture: three bytes of colour
    printf 'P6\n1 1\n255\n%03d' $i >"$T/in/$(printf %02d $i).ppm"
    i=$((i + 1))
done
printf 'P6\n1 1\n255\nnas' >"$T/in/nas/a.ppm"
printf 'P6\n1 1\n255\nloc' >"$T/in/locked/a.ppm"
rows() { "$PICASK" table export | wc -l | tr -d ' '; }
"$PICASK" index -q "$T/in" || echo "not ok - the pictures are indexed"

gone() { rm "$T/in/00.ppm" && expect_status 0 "$PICASK" index "$T/in" --prune && contains "$(cat "$T/out")" "1 removed" && same "$(rows)" 31; }
ok "a row goes whose picture is gone" gone
stays() { rm "$T/in/01.ppm" && expect_status 0 "$PICASK" index "$T/in" && same "$(rows)" 31; }
ok "and stays without --prune" stays
dry() { expect_status 0 "$PICASK" index "$T/in" --prune --dry-run && same "$(rows)" 31 && expect_status 0 "$PICASK" index "$T/in" --prune && same "$(rows)" 30; }
ok "--dry-run takes none out" dry

unplugged() { mv "$T/in/nas/a.ppm" "$T/kept" && expect_status 0 "$PICASK" index "$T/in" --prune && contains "$(cat "$T/err")" "in/nas is empty (a disk that is not mounted?); the rows below it stay" && same "$(rows)" 30 && mv "$T/kept" "$T/in/nas/a.ppm"; }
ok "rows below a folder that is empty now stay" unplugged
empty() { mv "$T/in" "$T/away" && mkdir "$T/in" && expect_status 1 "$PICASK" index "$T/in" --prune --yes && contains "$(cat "$T/err")" "warning: $T/in is not mounted (empty); nothing pruned" && same "$(rows)" 30; }
ok "an empty source prunes nothing" empty
missing() { rmdir "$T/in" && expect_status 2 "$PICASK" index "$T/in" --prune --yes && same "$(rows)" 30 && "$PICASK" index --prune --yes; same "$(rows)" 30; }
ok "nor one that is not there" missing
mv "$T/away" "$T/in"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && chmod 777 "$T" && chmod -R a+rwX "$T/db" "$T/in" "$T/home" &&
    setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$PICASK" 2>/dev/null; then
    locked() {
        rm "$T/in/locked/a.ppm" && chmod 000 "$T/in/locked" &&
            expect_status 0 setpriv --reuid=65534 --regid=65534 --clear-groups "$PICASK" index "$T/in" --prune --yes && same "$(rows)" 30
        code=$?
        chmod 777 "$T/in/locked"
        printf 'P6\n1 1\n255\nloc' >"$T/in/locked/a.ppm"
        return $code
    }
    ok "rows below a folder that cannot be read stay" locked
elif [ "$(id -u)" != 0 ]; then
    locked() {
        rm "$T/in/locked/a.ppm" && chmod 000 "$T/in/locked" && expect_status 0 "$PICASK" index "$T/in" --prune --yes && same "$(rows)" 30
        code=$?
        chmod 755 "$T/in/locked"
        printf 'P6\n1 1\n255\nloc' >"$T/in/locked/a.ppm"
        return $code
    }
    ok "rows below a folder that cannot be read stay" locked
else
    skip "rows below a folder that cannot be read stay" "root reads every folder"
fi

many() { rm "$T"/in/1*.ppm && printf 'P6\n1 1\n255\nnew' >"$T/in/new.ppm" && expect_status 2 "$PICASK" index "$T/in" --prune && contains "$(cat "$T/err")" "10 of the 31 rows" && contains "$(cat "$T/err")" "--yes" && same "$(rows)" 31; }
ok "more than one row in ten needs --yes, and the rest of the run is done" many
yes() { expect_status 0 "$PICASK" index "$T/in" --prune --yes && contains "$(cat "$T/out")" "10 removed" && same "$(rows)" 21; }
ok "with --yes they go" yes
as_json() { rm "$T/in/20.ppm" && expect_status 0 "$PICASK" index "$T/in" --prune --json && contains "$(tail -n 1 "$T/out")" '"removed":1'; }
ok "--json counts them" as_json
again() { expect_status 0 "$PICASK" index "$T/in" --prune && same "$(rows)" 20 && "$PICASK" table versions >"$T/v1" && expect_status 0 "$PICASK" index "$T/in" --prune && "$PICASK" table versions >"$T/v2" && cmp "$T/v1" "$T/v2"; }
ok "a run with nothing to do writes nothing" again
