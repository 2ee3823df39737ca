/* conflict.c - may a commit that was prepared on one version land on a newer one?
 *
 * Source: the conflict rules of https://lance.org/format/table/transaction/. What other writers did is read from their
 * transactions; what became of the fragments and the schema that a plan builds on is read from the newest manifest itself,
 * so a transaction that says less than it did cannot mislead us. The same row deleted by both is found later, when the
 * deletions are united. An operation that is not known is a conflict.
 *
 * Stricter than the Rust core: rows are not appended when a column that they have was replaced meanwhile by another of the
 * same name (they would be null there), nor when one came that may not be null. Looser: a Merge that adds no data lands on
 * whatever fragments there are, and a Rewrite on an index made meanwhile (see index_section.c). */
#include <inttypes.h>
#include <string.h>

#include "lance/table/table.h"

typedef enum verdict {
    FITS,   /* as far as the operations go */
    AGAIN,  /* the same may be done anew on the newest version */
    CLASHES /* what was meant has no sense any more */
} verdict;

static verdict judge(const table_plan *plan, uint32_t theirs)
{
    table_operation ours = plan->operation;
    bool schema = ours == TABLE_MERGE || ours == TABLE_PROJECT, whole = ours == TABLE_RESTORE;
    switch (theirs) {
    case TABLE_APPEND:
    case TABLE_DELETE:
    case TABLE_UPDATE:
    case TABLE_REWRITE:
    case TABLE_CREATE_INDEX:
    case TABLE_RESERVE_FRAGMENTS:
    case TABLE_UPDATE_CONFIG:
    case TABLE_DATA_REPLACEMENT:
    case TABLE_CLONE:
    case TABLE_UPDATE_BASES:
    case TABLE_DATA_OVERLAY:
        return FITS;
    case TABLE_PROJECT:
    case TABLE_MERGE:
        return schema ? AGAIN : FITS;
    case TABLE_OVERWRITE:
    case TABLE_RESTORE:
        return whole || (ours == TABLE_UPDATE_CONFIG && plan->n_metadata == 0) ? FITS : CLASHES;
    case TABLE_MEM_WAL:
        return ours == TABLE_UPDATE_CONFIG || ours == TABLE_REWRITE ? FITS : CLASHES;
    default:
        return CLASHES;
    }
}

static lancelet_status check_winner(table_plan *plan, const table_manifest *m, lancelet_error *err)
{
    base_buffer bytes = {0};
    RETURN_IF_ERROR(table_transaction_read(plan->base->path, m, &bytes, err));
    uint32_t theirs = table_transaction_operation((wire_span){bytes.data, bytes.size});
    base_buffer_free(&bytes);
    verdict v = judge(plan, theirs);
    plan->redo |= v == AGAIN;
    if (v == FITS)
        return LANCELET_OK;
    const char *name = table_operation_name(theirs), *ours = table_operation_name((uint32_t)plan->operation);
    if (name)
        return base_fail(err, LANCELET_CONFLICT,
                         "version %" PRIu64 " of %s, committed meanwhile, is %s, which %s cannot follow",
                         m->version, plan->base->path, name, ours);
    return base_fail(err, LANCELET_CONFLICT,
                     "version %" PRIu64
                     " of %s, committed meanwhile, is an operation not known here (number %" PRIu32 ")",
                     m->version, plan->base->path, theirs);
}

/* ---- fragments ---- */

static bool same_numbers(const int64_t *a, size_t na, const int64_t *b, size_t nb)
{
    return na == nb && memcmp(a, b, na * sizeof *a) == 0;
}

static bool same_file(const table_data_file *x, const table_data_file *y)
{
    return strcmp(x->path, y->path) == 0 && same_numbers(x->fields, x->n_fields, y->fields, y->n_fields) &&
           same_numbers(x->columns, x->n_columns, y->columns, y->n_columns);
}

bool table_same_data(const table_fragment *before, const table_fragment *now)
{
    if (before->physical_rows != now->physical_rows)
        return false;
    for (size_t i = 0; i < now->n_files; i++) {
        size_t j = 0;
        while (j < before->n_files && !same_file(&before->files[j], &now->files[i]))
            j++;
        if (j == before->n_files)
            return false;
    }
    return true;
}

static bool same_span(wire_span a, wire_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static lancelet_status fail_fragment(table_plan *plan, uint64_t id, const char *what, lancelet_error *err)
{
    plan->redo = true;
    return base_fail(err, LANCELET_CONFLICT, "fragment %" PRIu64 " of %s, %s meanwhile", id, plan->base->path, what);
}

/* Fragments that lose rows: their rows must stand where they stood. */
static lancelet_status check_touched(table_plan *plan, const table_manifest *newest, lancelet_error *err)
{
    for (size_t i = 0; i < plan->n_touched; i++) {
        uint64_t id = plan->touched[i].fragment;
        const table_fragment *before = table_manifest_fragment(&plan->base->manifest, id);
        const table_fragment *now = table_manifest_fragment(newest, id);
        if (!now)
            return fail_fragment(plan, id, "which has rows to delete, was deleted or rewritten", err);
        if (!before || !table_same_data(before, now))
            return fail_fragment(plan, id, "which has rows to delete, got other data files", err);
    }
    return LANCELET_OK;
}

/* Fragments that are rewritten: nothing may have happened to them. */
static lancelet_status check_rewritten(table_plan *plan, const table_manifest *newest, lancelet_error *err)
{
    for (size_t i = 0; i < plan->n_rewrites; i++)
        for (size_t j = 0; j < plan->rewrites[i].n_old; j++) {
            uint64_t id = plan->rewrites[i].old[j];
            const table_fragment *before = table_manifest_fragment(&plan->base->manifest, id);
            const table_fragment *now = table_manifest_fragment(newest, id);
            if (!before || !now || !same_span(before->raw, now->raw))
                return fail_fragment(plan, id, "which is rewritten, was changed", err);
        }
    return LANCELET_OK;
}

/* Columns with data were made for just the rows that there were. */
static lancelet_status check_merged(const table_plan *plan, const table_manifest *newest, lancelet_error *err)
{
    const table_manifest *base = &plan->base->manifest;
    bool same = base->n_fragments == newest->n_fragments;
    for (size_t i = 0; i < base->n_fragments && same; i++)
        same = same_span(base->fragments[i].raw, newest->fragments[i].raw);
    return same ? LANCELET_OK
                : base_fail(err, LANCELET_CONFLICT,
                            "rows of %s were added, changed or deleted meanwhile, which the columns to add do not fit",
                            plan->base->path);
}

/* ---- schema ---- */

static const table_field *field_of(const table_manifest *m, int32_t id)
{
    for (size_t i = 0; i < m->n_fields; i++)
        if (m->fields[i].id == id)
            return &m->fields[i];
    return NULL;
}

/* Rows written for the fields of `base`: do they say the same in the newest schema? */
static lancelet_status check_schema(table_plan *plan, const table_manifest *newest, lancelet_error *err)
{
    const table_manifest *base = &plan->base->manifest;
    for (size_t i = 0; i < newest->n_fields; i++) {
        const table_field *now = &newest->fields[i], *was = field_of(base, now->id);
        if (was && strcmp(was->logical_type, now->logical_type) == 0 && (now->nullable || !was->nullable))
            continue;
        bool replaced = was || !now->nullable;
        for (size_t j = 0; j < base->n_fields && !replaced; j++)
            replaced = base->fields[j].parent_id == now->parent_id && strcmp(base->fields[j].name, now->name) == 0;
        if (replaced) {
            plan->redo = true;
            return base_fail(err, LANCELET_CONFLICT,
                             "the column '%s' of %s became another one meanwhile, which the rows written do not fit",
                             now->name, plan->base->path);
        }
    }
    return LANCELET_OK;
}

/* ---- config ---- */

static const char *value_of(const lancelet_key_value *kv, size_t n, const char *key)
{
    for (size_t i = n; i-- > 0;)
        if (strcmp(kv[i].key, key) == 0)
            return kv[i].value;
    return NULL;
}

static bool same_value(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static lancelet_status check_config(const table_plan *plan, const table_manifest *newest, lancelet_error *err)
{
    const table_manifest *base = &plan->base->manifest;
    for (size_t i = 0; i < plan->n_config; i++) {
        const char *key = plan->config[i].key;
        if (!same_value(value_of(base->config, base->n_config, key),
                        value_of(newest->config, newest->n_config, key)))
            return base_fail(err, LANCELET_CONFLICT, "another writer set the config key '%s' of %s meanwhile",
                             key, plan->base->path);
    }
    for (size_t i = 0; i < plan->n_metadata; i++) {
        const char *key = plan->metadata[i].key;
        if (!same_value(value_of(base->schema_metadata, base->n_schema_metadata, key),
                        value_of(newest->schema_metadata, newest->n_schema_metadata, key)))
            return base_fail(err, LANCELET_CONFLICT,
                             "another writer set the schema's metadata key '%s' of %s meanwhile", key,
                             plan->base->path);
    }
    return LANCELET_OK;
}

static lancelet_status check_winners(table_plan *plan, const table_manifest *newest, lancelet_error *err)
{
    const lancelet_table *base = plan->base;
    for (uint64_t v = base->manifest.version + 1; v < newest->version; v++) {
        table_manifest m;
        lancelet_status status = table_manifest_read(base->path, v, newest->v2_names, &m, err);
        if (status == LANCELET_NOT_FOUND)
            return base_fail(err, LANCELET_CONFLICT,
                             "version %" PRIu64 " of %s was committed meanwhile and is gone already", v,
                             base->path);
        RETURN_IF_ERROR(status);
        status = check_winner(plan, &m, err);
        table_manifest_free(&m);
        RETURN_IF_ERROR(status);
    }
    return check_winner(plan, newest, err);
}

lancelet_status table_check_conflicts(table_plan *plan, const table_manifest *newest, lancelet_error *err)
{
    const lancelet_table *base = plan->base;
    RETURN_IF_ERROR(table_check_writable(newest, err));
    if (plan->operation != TABLE_RESTORE && strcmp(newest->data_version, base->manifest.data_version) != 0)
        return base_fail(err, LANCELET_CONFLICT, "the table %s changed its file version meanwhile",
                         base->path);
    RETURN_IF_ERROR(check_winners(plan, newest, err));
    if (plan->operation == TABLE_MERGE)
        return plan->n_touched ? check_merged(plan, newest, err) : LANCELET_OK;
    if (plan->operation == TABLE_APPEND || plan->operation == TABLE_UPDATE || plan->operation == TABLE_REWRITE)
        RETURN_IF_ERROR(check_schema(plan, newest, err));
    RETURN_IF_ERROR(check_touched(plan, newest, err));
    RETURN_IF_ERROR(check_rewritten(plan, newest, err));
    return check_config(plan, newest, err);
}
