/* commit.c - lancelet_table_commit: rows, deletions, config in one version. */
#include <inttypes.h>
#include <string.h>

#include "lance/table/table.h"

/* `key`, `value`: what the message calls them. */
static lancelet_status check_pairs(const char *key, const char *value, const lancelet_key_value *kv, size_t n,
                                   lancelet_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!kv[i].key || !*kv[i].key)
            return base_fail(err, LANCELET_INVALID, "%s is empty", key);
        RETURN_IF_ERROR(table_check_text(key, kv[i].key, strlen(kv[i].key), err));
        if (kv[i].value)
            RETURN_IF_ERROR(table_check_text(value, kv[i].value, strlen(kv[i].value), err));
    }
    return LANCELET_OK;
}

lancelet_status table_check_config(const lancelet_key_value *config, size_t n, lancelet_error *err)
{
    return check_pairs("a config key", "a config value", config, n, err);
}

static lancelet_status check_change(const lancelet_change *c, lancelet_error *err)
{
    if (c->overwrite && (!c->rows || c->n_delete))
        return base_fail(err, LANCELET_INVALID, "an overwrite needs rows and no deletions");
    if (!c->rows && !c->n_delete && !c->n_config && !c->n_schema_metadata)
        return base_fail(err, LANCELET_INVALID, "the change is empty");
    if (c->n_schema_metadata && (c->rows || c->n_delete))
        return base_fail(
            err, LANCELET_INVALID,
            "the schema's metadata is changed in a commit of its own, without rows or deletions");
    RETURN_IF_ERROR(
        check_pairs("a metadata key", "a metadata value", c->schema_metadata, c->n_schema_metadata, err));
    if (c->predicate)
        RETURN_IF_ERROR(table_check_text("the predicate", c->predicate, strlen(c->predicate), err));
    return table_check_config(c->config, c->n_config, err);
}

/* Reads the stream's schema and writes its rows. */
static lancelet_status plan_rows(table_plan *plan, const lancelet_change *c,
                                 const lancelet_write_options *options, table_trail *trail, lancelet_error *err)
{
    struct ArrowSchema schema = {0};
    RETURN_IF_ERROR(arrow_stream_schema(c->rows, &schema, err));
    lancelet_status status;
    if (c->overwrite) {
        status = table_plan_schema(plan, &schema, err);
        if (status == LANCELET_OK)
            status = table_plan_new_rows(plan, plan->base->path, &schema, c->rows, options, trail, err);
    } else if (strcmp(schema.format, "+s") != 0) {
        status = base_fail(err, LANCELET_INVALID, "the rows have no columns");
    } else {
        base_arena arena = {0};
        table_target target;
        status = table_target_of(plan->base, &arena, &target, err);
        if (status == LANCELET_OK)
            status = table_write_rows(&target, &schema, c->rows, options, trail, &plan->added, err);
        base_arena_free(&arena);
    }
    arrow_schema_release(&schema);
    return status;
}

static table_operation operation_of(const lancelet_change *c, const table_plan *plan)
{
    if (c->overwrite)
        return TABLE_OVERWRITE;
    if (plan->n_touched)
        return plan->added.n ? TABLE_UPDATE : TABLE_DELETE;
    return c->rows ? TABLE_APPEND : TABLE_UPDATE_CONFIG;
}

static lancelet_status commit(const lancelet_table *table, const lancelet_change *c,
                              const lancelet_write_options *options, lancelet_table **out,
                              lancelet_error *err)
{
    table_plan plan = {.base = table,
                       .config = c->config,
                       .n_config = c->n_config,
                       .metadata = c->schema_metadata,
                       .n_metadata = c->n_schema_metadata,
                       .predicate = c->predicate};
    RETURN_IF_ERROR(check_change(c, err));
    RETURN_IF_ERROR(table_check_writable(&table->manifest, err));
    RETURN_IF_ERROR(table_write_minor(&table->manifest, &plan.minor, err));
    table_trail trail = {0};
    bool published = false;
    lancelet_status status = table_plan_addresses(&plan, c->delete_addresses, c->n_delete, err);
    if (status == LANCELET_OK && c->rows)
        status = plan_rows(&plan, c, options, &trail, err);
    if (status == LANCELET_OK) {
        plan.operation = operation_of(c, &plan);
        status = table_land(&plan, options, &trail, &published, out, err);
    }
    table_trail_end(&trail, published);
    table_plan_free(&plan);
    return status;
}

lancelet_status lancelet_table_check_overwrite(const lancelet_table *table, const struct ArrowSchema *schema,
                                               lancelet_error *err)
{
    table_plan plan = {0};
    if (!table || !schema)
        return base_fail(err, LANCELET_INVALID,
                         "lancelet_table_check_overwrite was given no table or no schema");
    RETURN_IF_ERROR(table_check_writable(&table->manifest, err));
    RETURN_IF_ERROR(table_write_minor(&table->manifest, &plan.minor, err));
    lancelet_status status = table_plan_schema(&plan, schema, err);
    table_plan_free(&plan);
    return status;
}

lancelet_status lancelet_table_commit(const lancelet_table *table, const lancelet_change *change,
                                      const lancelet_write_options *options, lancelet_table **out,
                                      lancelet_error *err)
{
    lancelet_change c = LANCELET_CHANGE_INIT;
    lancelet_write_options o = LANCELET_WRITE_OPTIONS_INIT;
    base_options(&c, sizeof c, change);
    base_options(&o, sizeof o, options);
    lancelet_status status =
        table ? commit(table, &c, &o, out, err)
              : base_fail(err, LANCELET_INVALID, "lancelet_table_commit was given no table");
    arrow_stream_release(c.rows);
    return status;
}
