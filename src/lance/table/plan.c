/* plan.c - the parts of a plan that several operations need: rows to delete, new schemas, new fragments. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lance/table/table.h"

void table_plan_free(table_plan *plan)
{
    for (size_t i = 0; i < plan->n_touched; i++) {
        table_bitmap_destroy(plan->touched[i].ours);
        base_buffer_free(&plan->touched[i].message);
    }
    base_free(plan->touched);
    base_free(plan->rewrites);
    table_new_fragments_free(&plan->added);
    for (size_t i = 0; plan->fields && i < plan->n_fields; i++)
        base_buffer_free(&plan->fields[i]);
    base_free(plan->fields);
    base_buffer_free(&plan->schema_metadata);
    *plan = (table_plan){0};
}

const table_touched *table_plan_touched(const table_plan *plan, uint64_t fragment)
{
    for (size_t low = 0, high = plan->n_touched; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (plan->touched[middle].fragment == fragment)
            return &plan->touched[middle];
        if (plan->touched[middle].fragment < fragment)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- rows to delete ---- */

static int compare_addresses(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Sorted addresses [n] into plan->touched, one entry a fragment. */
static lancelet_status gather_sorted(table_plan *plan, const uint64_t *addresses, size_t n,
                                     lancelet_error *err)
{
    const lancelet_table *base = plan->base;
    size_t fragments = 0;
    for (size_t i = 0; i < n; i++)
        fragments += i == 0 || addresses[i] >> 32 != addresses[i - 1] >> 32;
    plan->touched = base_calloc(fragments + 1, sizeof *plan->touched);
    if (!plan->touched)
        return base_fail_memory(err);
    table_touched *t = NULL;
    const table_bitmap *deleted = NULL;
    for (size_t i = 0; i < n; i++) {
        uint64_t id = addresses[i] >> 32, row = addresses[i] & UINT32_MAX;
        if (!t || t->fragment != id) {
            const table_fragment *f = table_manifest_fragment(&base->manifest, id);
            if (!f)
                return base_fail(err, LANCELET_NOT_FOUND, "no row of %s has the address %" PRIu64, base->path,
                                 addresses[i]);
            RETURN_IF_ERROR(table_deletions(base, (size_t)(f - base->manifest.fragments), &deleted, err));
            t = &plan->touched[plan->n_touched];
            RETURN_IF_ERROR(table_bitmap_create(f->physical_rows, &t->ours, err));
            t->fragment = id;
            plan->n_touched++;
        }
        if (row >= t->ours->rows)
            return base_fail(err, LANCELET_NOT_FOUND, "no row of %s has the address %" PRIu64, base->path,
                             addresses[i]);
        if (table_bitmap_get(deleted, row))
            return base_fail(err, LANCELET_NOT_FOUND, "the row of %s at the address %" PRIu64 " is deleted",
                             base->path, addresses[i]);
        table_bitmap_set(t->ours, row);
    }
    return LANCELET_OK;
}

lancelet_status table_plan_addresses(table_plan *plan, const uint64_t *addresses, size_t n, lancelet_error *err)
{
    if (n == 0)
        return LANCELET_OK;
    uint64_t *sorted = base_alloc_array(n, sizeof *sorted);
    if (!sorted)
        return base_fail_memory(err);
    memcpy(sorted, addresses, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_addresses);
    lancelet_status status = gather_sorted(plan, sorted, n, err);
    base_free(sorted);
    return status;
}

/* ---- the schema and new rows ---- */

/* The schema of an Overwrite: Field messages and metadata out of what the stream says. */
lancelet_status table_plan_schema(table_plan *plan, const struct ArrowSchema *schema, lancelet_error *err)
{
    if (strcmp(schema->format, "+s") != 0 || schema->n_children < 1)
        return base_fail(err, LANCELET_INVALID, "the rows have no columns");
    size_t n = lance_field_count(schema) - 1;
    if (n > TABLE_FIELD_LIMIT)
        return base_fail(err, LANCELET_LIMIT, "%zu columns and fields in them are more than %d", n, TABLE_FIELD_LIMIT);
    plan->n_fields = n;
    plan->fields = base_calloc(n, sizeof *plan->fields);
    if (!plan->fields)
        return base_fail_memory(err);
    RETURN_IF_ERROR(table_fields_from_schema(schema, plan->fields, err));
    return table_put_metadata(schema, 1, &plan->schema_metadata, err);
}

lancelet_status table_plan_new_rows(table_plan *plan, const char *path, const struct ArrowSchema *schema,
                                    struct ArrowArrayStream *rows, const lancelet_write_options *options, table_trail *trail,
                                    lancelet_error *err)
{
    wire_span *fields = base_alloc_array(plan->n_fields, sizeof *fields);
    int64_t *ids = base_alloc_array(plan->n_fields, sizeof *ids);
    lancelet_status status = fields && ids ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = 0; i < plan->n_fields && status == LANCELET_OK; i++) {
        fields[i] = (wire_span){plan->fields[i].data, plan->fields[i].size};
        ids[i] = (int64_t)i;
    }
    if (status == LANCELET_OK)
        status = table_write_rows(
            &(table_target){.path = path, .minor = plan->minor, .schema = schema, .fields = fields, .ids = ids}, schema, rows,
            options, trail, &plan->added, err);
    base_free(fields);
    base_free(ids);
    return status;
}

lancelet_status table_target_in(const lancelet_table *t, int minor, base_arena *arena, table_target *out, lancelet_error *err)
{
    const table_manifest *m = &t->manifest;
    wire_span *fields = base_arena_alloc(arena, (m->n_fields + 1) * sizeof *fields);
    int64_t *ids = base_arena_alloc(arena, (m->n_fields + 1) * sizeof *ids);
    if (!fields || !ids)
        return base_fail_memory(err);
    size_t n = 0;
    for (size_t i = 0; i < m->n_top; i++)
        for (size_t j = 0; j < t->columns[i].n; j++, n++) {
            const table_field *f = &m->fields[t->columns[i].field[j]];
            fields[n] = f->raw;
            ids[n] = f->id;
        }
    *out = (table_target){.path = t->path, .minor = minor, .schema = &t->schema, .fields = fields, .ids = ids};
    return LANCELET_OK;
}

lancelet_status table_target_of(const lancelet_table *t, base_arena *arena, table_target *out, lancelet_error *err)
{
    int minor;
    RETURN_IF_ERROR(table_write_minor(&t->manifest, &minor, err));
    return table_target_in(t, minor, arena, out, err);
}
