/* conflict.c - may a commit that was prepared on one version land on a newer one?
 *
 * Source: the conflict table of https://lance.org/format/table/transaction/. What other writers did is read from their
 * transactions; what became of the fragments that we delete rows from is read from the newest manifest itself, so a
 * transaction that says less than it did cannot mislead us. The same row deleted by both is found later, when the
 * deletions are united. An operation that is not known is a conflict. */
#include <inttypes.h>
#include <string.h>

#include "lance/table/table.h"

static bool compatible(table_operation ours, uint32_t theirs)
{
    switch (theirs) {
    case TABLE_APPEND:
    case TABLE_DELETE:
    case TABLE_UPDATE:
    case TABLE_REWRITE:
    case TABLE_CREATE_INDEX:
    case TABLE_RESERVE_FRAGMENTS:
    case TABLE_PROJECT:
    case TABLE_UPDATE_CONFIG:
    case TABLE_DATA_REPLACEMENT:
    case TABLE_CLONE:
    case TABLE_UPDATE_BASES:
    case TABLE_DATA_OVERLAY:
        return true;
    case TABLE_MERGE: /* columns were added: rows prepared before lack them */
        return ours == TABLE_OVERWRITE || ours == TABLE_UPDATE_CONFIG;
    case TABLE_OVERWRITE:
    case TABLE_RESTORE:
        return false;
    default:
        return ours == TABLE_UPDATE_CONFIG && theirs == TABLE_MEM_WAL;
    }
}

static lancelet_status check_winner(const table_plan *plan, const table_manifest *m, lancelet_error *err)
{
    base_buffer bytes = {0};
    RETURN_IF_ERROR(table_transaction_read(plan->base->path, m, &bytes, err));
    uint32_t theirs = table_transaction_operation((wire_span){bytes.data, bytes.size});
    base_buffer_free(&bytes);
    if (compatible(plan->operation, theirs))
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

static bool same_numbers(const int64_t *a, size_t na, const int64_t *b, size_t nb)
{
    return na == nb && memcmp(a, b, na * sizeof *a) == 0;
}

/* Do both versions of a fragment have the same data? Then its rows stand where they stood. */
static bool same_data(const table_fragment *a, const table_fragment *b)
{
    if (a->physical_rows != b->physical_rows || a->n_files != b->n_files)
        return false;
    for (size_t i = 0; i < a->n_files; i++) {
        const table_data_file *x = &a->files[i], *y = &b->files[i];
        if (strcmp(x->path, y->path) != 0 || !same_numbers(x->fields, x->n_fields, y->fields, y->n_fields) ||
            !same_numbers(x->columns, x->n_columns, y->columns, y->n_columns))
            return false;
    }
    return true;
}

static lancelet_status check_fragments(const table_plan *plan, const table_manifest *newest,
                                       lancelet_error *err)
{
    for (size_t i = 0; i < plan->n_touched; i++) {
        uint64_t id = plan->touched[i].fragment;
        const table_fragment *before = table_manifest_fragment(&plan->base->manifest, id);
        const table_fragment *now = table_manifest_fragment(newest, id);
        if (!now)
            return base_fail(err, LANCELET_CONFLICT,
                             "fragment %" PRIu64
                             " of %s, which has rows to delete, was deleted or rewritten meanwhile",
                             id, plan->base->path);
        if (!before || !same_data(before, now))
            return base_fail(err, LANCELET_CONFLICT,
                             "fragment %" PRIu64
                             " of %s, which has rows to delete, got other data files meanwhile",
                             id, plan->base->path);
    }
    return LANCELET_OK;
}

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

lancelet_status table_check_conflicts(const table_plan *plan, const table_manifest *newest,
                                      lancelet_error *err)
{
    const lancelet_table *base = plan->base;
    RETURN_IF_ERROR(table_check_writable(newest, err));
    if (strcmp(newest->data_version, base->manifest.data_version) != 0)
        return base_fail(err, LANCELET_CONFLICT, "the table %s changed its file version meanwhile",
                         base->path);
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
    RETURN_IF_ERROR(check_winner(plan, newest, err));
    RETURN_IF_ERROR(check_fragments(plan, newest, err));
    return check_config(plan, newest, err);
}
