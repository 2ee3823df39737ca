/* compact.c - what an index run does by itself against many small fragments.
 *
 * Each run adds at least one fragment, and each fragment costs a search its opening. Once LEAST_FRAGMENTS small ones stand
 * side by side they become one; a larger one is taken in only when those behind it have as many rows, so that a run after a
 * few pictures never rewrites a table of millions. A table then has at most LEAST_FRAGMENTS small fragments and about one for
 * each doubling of rows; bench/lance_small_appends.py has the figures. */
#include "gallery/index.h"

#include <inttypes.h>

#define LEAST_FRAGMENTS 32

lancelet_status index_run_compact(index_run *run, lancelet_error *err)
{
    lancelet_compact_options o = LANCELET_COMPACT_OPTIONS_INIT;
    lancelet_compact_report report = {0};
    lancelet_table *newer = NULL;
    lancelet_error why;
    if (run->o.dry_run || !run->t->lance)
        return LANCELET_OK;
    o.least_fragments = LEAST_FRAGMENTS;
    o.no_sync = run->o.no_sync;
    o.cancel = run->o.cancel;
    lancelet_status status = lancelet_table_compact(run->t->lance, &o, &report, &newer, &why);
    if (status != LANCELET_OK) { /* the rows are safe, and the next run tries again */
        gallery_note(run->o.events.note, run->o.events.arg, 1, "small fragments were not put together: %s", why.text);
        return LANCELET_OK;
    }
    if (report.fragments_before > 0)
        gallery_note(run->o.events.note, run->o.events.arg, 1,
                     "%" PRIu64 " small fragments were put together into %" PRIu64, report.fragments_before,
                     report.fragments_after);
    return gallery_table_set(run->t, newer, err);
}
