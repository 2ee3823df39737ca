/* index_section.c - the indexes that the next version names: those of the version before, as they stand, but for what a
 * commit takes away.
 *
 * An index (IndexMetadata) goes when a column that it is made of leaves the schema; the library's own (names that begin
 * with "__lance_") stay. Of an Overwrite none is left, a Restore brings the restored version's back.
 *
 * Fragment bitmaps (field 5) are left alone: they tell which fragments an index file holds rows of. The Rust core itself
 * leaves the ids of deleted fragments there; its compaction takes ids out because it rewrites the index file, and a change of
 * single columns in place does for the indexes on these, which is not done here. Its searches read the fragments of the table
 * that no bitmap has and mask the rows of those that are gone, which the core of 2025-11 (create_deletion_mask) learns from
 * the bitmap: one without them leaves dead rows unmasked there. LanceDB 0.40 gave the same rows and counts either way. Ids of
 * fragments are never given twice, so an old bitmap never claims a new fragment. */
#include <string.h>

#include "lance/table/table.h"

static const char system_name[] = "__lance_";

/* Does a Field of `plan` have this id? */
static bool has_field(const table_plan *plan, uint64_t id)
{
    for (size_t i = 0; i < plan->n_fields; i++)
        if (wire_u64((wire_span){plan->fields[i].data, plan->fields[i].size}, 3, 0) == id)
            return true;
    return false;
}

static lancelet_status keeps_columns(const table_plan *plan, wire_span index, bool *keeps, lancelet_error *err)
{
    wire_span name = wire_bytes(index, 3);
    *keeps = true;
    if (plan->n_fields == 0 ||
        (name.size >= strlen(system_name) && memcmp(name.data, system_name, strlen(system_name)) == 0))
        return LANCELET_OK;
    base_buffer ids = {0};
    bool ok = wire_packed(index, 2, &ids);
    for (size_t i = 0; ok && i < ids.size / sizeof(uint64_t); i++) {
        uint64_t id;
        memcpy(&id, ids.data + i * sizeof id, sizeof id);
        *keeps &= has_field(plan, id);
    }
    base_buffer_free(&ids);
    return ok ? LANCELET_OK : base_fail_memory(err);
}

lancelet_status table_index_section_derive(const table_derive *d, base_buffer *out, bool *any, lancelet_error *err)
{
    const table_plan *plan = d->plan;
    const table_manifest *m = plan->restored ? plan->restored : d->current;
    *any = m && m->index_section.data && plan->operation != TABLE_OVERWRITE;
    wire_span rest = *any ? m->index_section : (wire_span){NULL, 0};
    wire_field f;
    bool bad = false;
    while (wire_next(&rest, &f, &bad)) {
        bool keeps = true;
        if (f.number == 1 && f.type == 2)
            RETURN_IF_ERROR(keeps_columns(plan, f.bytes, &keeps, err));
        if (keeps && !base_buffer_append(out, f.raw.data, f.raw.size))
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}
