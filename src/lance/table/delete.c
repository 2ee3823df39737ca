/* delete.c - the rows that meet a condition get deleted: one Delete transaction, whose predicate is the condition. */
#include <string.h>

#include "lance/table/table.h"

typedef struct deletion {
    const char *condition;
    uint64_t rows;
} deletion;

static lancelet_status plan_deletion(void *arg, table_plan *plan, const lancelet_write_options *options, table_trail *trail,
                                     lancelet_error *err)
{
    (void)trail;
    deletion *d = arg;
    table_selection selection;
    RETURN_IF_ERROR(table_select(plan->base, d->condition, options->cancel, &selection, err));
    d->rows = selection.rows;
    plan->predicate = d->condition;
    lancelet_status status = LANCELET_OK;
    if (d->rows) {
        plan->operation = TABLE_DELETE;
        status = table_plan_selection(plan, &selection, err);
    }
    table_selection_free(plan->base, &selection);
    return status;
}

lancelet_status lancelet_table_delete(const lancelet_table *table, const char *condition,
                                      const lancelet_write_options *options, uint64_t *deleted, lancelet_table **out,
                                      lancelet_error *err)
{
    if (!table || !condition)
        return base_fail(err, LANCELET_INVALID, "lancelet_table_delete was given no table or no condition");
    lancelet_write_options o = LANCELET_WRITE_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    int minor;
    RETURN_IF_ERROR(table_write_minor(&table->manifest, &minor, err));
    RETURN_IF_ERROR(table_check_text("the condition", condition, strlen(condition), err));
    deletion d = {.condition = condition};
    RETURN_IF_ERROR(table_apply(table, &(table_change){plan_deletion, &d}, &o, out, err));
    if (deleted)
        *deleted = d.rows;
    return LANCELET_OK;
}
