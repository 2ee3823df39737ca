/* update.c - columns of the rows that meet a condition get new values: the rows are read with all their columns, written
 * with the new values into fragments of their own and deleted where they were, in one Update transaction. Rows go by in
 * batches; in memory stand one bit a row and the rows of one batch. */
#include <string.h>

#include "lance/table/table.h"

enum { BATCH_ROWS = 8192 };

typedef struct update {
    const lancelet_assignment *set; /* [n] */
    size_t n;
    const char *condition; /* NULL: all rows */
    int64_t now_us;        /* what now() is in the values */
    uint64_t rows;
} update;

/* Rows of a selection with their new values, a batch at a time. */
typedef struct update_rows {
    const lancelet_table *table;
    const table_selection *selection;
    const volatile int *cancel;
    size_t n;                       /* values to set */
    size_t *column;                 /* [n] which column of the table each is */
    lance_expr **value;             /* [n] */
    struct ArrowArray *fresh;       /* [n] scratch */
    struct ArrowArray *inputs;      /* [columns] scratch: shallow copies */
    uint64_t *addresses;            /* [BATCH_ROWS] */
    size_t fragment;                /* where the next address is looked for */
    uint64_t row;
    struct ArrowArrayStream taken; /* rows of the addresses; release NULL: none are left */
} update_rows;

/* The next addresses of the selection, at most BATCH_ROWS. */
static size_t next_addresses(update_rows *u)
{
    const table_manifest *m = &u->table->manifest;
    size_t n = 0;
    for (; u->fragment < m->n_fragments && n < BATCH_ROWS; u->fragment++, u->row = 0) {
        const table_bitmap *b = u->selection->fragment[u->fragment];
        for (; b && u->row < b->rows && n < BATCH_ROWS; u->row++) {
            if (u->row % 64 == 0 && b->words[u->row / 64] == 0)
                u->row += 63;
            else if (table_bitmap_get(b, u->row))
                u->addresses[n++] = m->fragments[u->fragment].id << 32 | u->row;
        }
        if (b && u->row < b->rows)
            break;
    }
    return n;
}

/* The new values of a batch: first all of them, for each may read columns that another sets. */
static lancelet_status compute(update_rows *u, const struct ArrowArray *batch, lancelet_error *err)
{
    for (size_t i = 0; i < u->n; i++) {
        size_t n;
        const size_t *column = lance_expr_columns(u->value[i], &n);
        for (size_t j = 0; j < n; j++) {
            u->inputs[j] = *batch->children[column[j]];
            u->inputs[j].offset += batch->offset;
            u->inputs[j].length = batch->length;
            if (u->inputs[j].null_count > 0)
                u->inputs[j].null_count = -1;
        }
        RETURN_IF_ERROR(lance_expr_values(u->value[i], u->inputs, (size_t)batch->length, &u->fresh[i], err));
    }
    return LANCELET_OK;
}

/* Puts the new values, which are taken over, in place of the old. */
static lancelet_status replace(update_rows *u, struct ArrowArray *batch, lancelet_error *err)
{
    size_t n = (size_t)batch->n_children;
    struct ArrowArray *columns = base_calloc(n + 1, sizeof *columns), made = {0};
    if (!columns)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        columns[i] = *batch->children[i];
        batch->children[i]->release = NULL;
        columns[i].offset += batch->offset;
        columns[i].length = batch->length;
        if (columns[i].null_count > 0)
            columns[i].null_count = -1;
    }
    for (size_t i = 0; i < u->n; i++) {
        arrow_array_release(&columns[u->column[i]]);
        columns[u->column[i]] = u->fresh[i];
        u->fresh[i].release = NULL;
    }
    lancelet_status status = arrow_batch_make(columns, n, batch->length, &made, err);
    base_free(columns);
    arrow_array_release(batch);
    *batch = made;
    return status;
}

static lancelet_status next_batch(void *arg, struct ArrowArray *out, lancelet_error *err)
{
    update_rows *u = arg;
    struct ArrowArray batch = {0};
    while (!batch.release) {
        if (!u->taken.release) {
            size_t n = next_addresses(u);
            if (n == 0)
                return LANCELET_OK;
            lancelet_scan_options options = LANCELET_SCAN_OPTIONS_INIT;
            options.cancel = u->cancel;
            RETURN_IF_ERROR(lancelet_table_take(u->table, u->addresses, n, &options, &u->taken, err));
        }
        RETURN_IF_ERROR(arrow_stream_next(&u->taken, &batch, err));
        if (!batch.release)
            arrow_stream_release(&u->taken);
    }
    lancelet_status status = compute(u, &batch, err);
    if (status == LANCELET_OK)
        status = replace(u, &batch, err);
    for (size_t i = 0; i < u->n; i++)
        arrow_array_release(&u->fresh[i]);
    if (status != LANCELET_OK)
        arrow_array_release(&batch);
    else
        *out = batch;
    return status;
}

static lancelet_status prepare(update_rows *u, const update *what, lancelet_error *err)
{
    const struct ArrowSchema *schema = &u->table->schema;
    u->column = base_alloc_array(what->n, sizeof *u->column);
    u->value = base_calloc(what->n, sizeof(lance_expr *));
    u->fresh = base_calloc(what->n, sizeof *u->fresh);
    u->inputs = base_calloc((size_t)schema->n_children + 1, sizeof *u->inputs);
    u->addresses = base_alloc_array(BATCH_ROWS, sizeof *u->addresses);
    if (!u->column || !u->value || !u->fresh || !u->inputs || !u->addresses)
        return base_fail_memory(err);
    for (; u->n < what->n; u->n++) {
        const lancelet_assignment *a = &what->set[u->n];
        if (!a->column || !a->expression)
            return base_fail(err, LANCELET_INVALID, "an assignment has no column or no value");
        int64_t at = arrow_schema_find(schema, a->column);
        if (at < 0)
            return base_fail(err, LANCELET_INVALID, "the table %s has no column '%s'", u->table->path, a->column);
        u->column[u->n] = (size_t)at;
        for (size_t i = 0; i < u->n; i++)
            if (u->column[i] == (size_t)at)
                return base_fail(err, LANCELET_INVALID, "the column '%s' is set twice", a->column);
        lancelet_status status =
            lance_expr_compile(a->expression, schema, schema->children[at], what->now_us, &u->value[u->n], err);
        if (status != LANCELET_OK) {
            base_error_prefix(err, "the value of '%s'", a->column);
            return status;
        }
    }
    return LANCELET_OK;
}

static void update_rows_free(update_rows *u)
{
    for (size_t i = 0; u->value && i < u->n; i++)
        lance_expr_free(u->value[i]);
    arrow_stream_release(&u->taken);
    base_free(u->column);
    base_free(u->value);
    base_free(u->fresh);
    base_free(u->inputs);
    base_free(u->addresses);
}

static lancelet_status write_rows(update_rows *u, table_plan *plan, const lancelet_write_options *options, table_trail *trail,
                                  lancelet_error *err)
{
    base_arena arena = {0};
    table_target target;
    lancelet_status status = table_target_of(u->table, &arena, &target, err);
    if (status == LANCELET_OK) {
        table_source source = {.schema = &u->table->schema, .next = next_batch, .arg = u};
        struct ArrowArrayStream stream = table_source_stream(&source);
        status = table_write_rows(&target, &u->table->schema, &stream, options, trail, &plan->added, err);
    }
    base_arena_free(&arena);
    return status;
}

static lancelet_status plan_update(void *arg, table_plan *plan, const lancelet_write_options *options, table_trail *trail,
                                   lancelet_error *err)
{
    update *what = arg;
    table_selection selection = {0};
    update_rows u = {.table = plan->base, .selection = &selection, .cancel = options->cancel};
    RETURN_IF_ERROR(table_write_minor(&plan->base->manifest, &plan->minor, err));
    lancelet_status status = prepare(&u, what, err);
    if (status == LANCELET_OK)
        status = table_select(plan->base, what->condition, options->cancel, &selection, err);
    if (status == LANCELET_OK) {
        what->rows = selection.rows;
        if (selection.rows) {
            plan->operation = TABLE_UPDATE;
            status = write_rows(&u, plan, options, trail, err);
        }
        if (status == LANCELET_OK && selection.rows)
            status = table_plan_selection(plan, &selection, err);
        table_selection_free(plan->base, &selection);
    }
    update_rows_free(&u);
    return status;
}

lancelet_status lancelet_table_update(const lancelet_table *table, const lancelet_assignment *set, size_t n,
                                      const char *condition, const lancelet_write_options *options, uint64_t *updated,
                                      lancelet_table **out, lancelet_error *err)
{
    if (!table || !set || n == 0)
        return base_fail(err, LANCELET_INVALID, "lancelet_table_update was given no table or nothing to set");
    lancelet_write_options o = LANCELET_WRITE_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    update what = {.set = set, .n = n, .condition = condition, .now_us = base_now_us()};
    RETURN_IF_ERROR(table_apply(table, &(table_change){plan_update, &what}, &o, out, err));
    if (updated)
        *updated = what.rows;
    return LANCELET_OK;
}
