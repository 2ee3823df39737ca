/* apply.c - a change that is worked out from the rows of a version, and anew from those of a newer one when another writer
 * was first and touched what it is about; and batches that are made as they are asked for, in the form that the writer
 * takes them. */
#include <inttypes.h>

#include "lance/table/table.h"

enum { MOST_ATTEMPTS = 100 };

static lancelet_status apply_once(const lancelet_table *base, const table_change *change, const lancelet_write_options *options,
                                  bool *again, lancelet_table **out, lancelet_error *err)
{
    table_plan plan = {.base = base};
    table_trail trail = {0};
    bool published = false;
    *again = false;
    lancelet_status status = change->plan(change->arg, &plan, options, &trail, err);
    if (status == LANCELET_OK && plan.operation == 0) {
        if (out)
            *out = table_retain(base);
    } else if (status == LANCELET_OK) {
        status = table_land(&plan, options, &trail, &published, out, err);
        *again = status == LANCELET_CONFLICT && !published && plan.redo && !options->no_rebase;
    }
    table_trail_end(&trail, published);
    table_plan_free(&plan);
    return status;
}

lancelet_status table_apply(const lancelet_table *table, const table_change *change, const lancelet_write_options *options,
                            lancelet_table **out, lancelet_error *err)
{
    lancelet_table *base = table_retain(table);
    lancelet_status status = LANCELET_OK;
    for (int i = 0; i < MOST_ATTEMPTS; i++) {
        bool again = false;
        status = table_check_writable(&base->manifest, err);
        if (status == LANCELET_OK)
            status = apply_once(base, change, options, &again, out, err);
        if (!again)
            break;
        lancelet_table *newest = NULL;
        status = lancelet_table_open(base->path, NULL, &newest, err);
        if (status != LANCELET_OK)
            break;
        lancelet_table_destroy(base);
        base = newest;
        status = base_fail(err, LANCELET_CONFLICT, "other writers of %s were first %d times in a row", table->path,
                           MOST_ATTEMPTS);
    }
    lancelet_table_destroy(base);
    return status;
}

lancelet_status table_plan_selection(table_plan *plan, table_selection *selection, lancelet_error *err)
{
    const table_manifest *m = &plan->base->manifest;
    plan->touched = base_calloc(m->n_fragments + 1, sizeof *plan->touched);
    if (!plan->touched)
        return base_fail_memory(err);
    for (size_t i = 0; i < m->n_fragments; i++) {
        size_t at = m->by_id[i];
        if (!selection->fragment[at])
            continue;
        plan->touched[plan->n_touched++] =
            (table_touched){.fragment = m->fragments[at].id, .ours = selection->fragment[at]};
        selection->fragment[at] = NULL;
    }
    return LANCELET_OK;
}

/* ---- batches as they are asked for ---- */

static int source_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    table_source *s = stream->private_data;
    return arrow_errno_from_status(arrow_schema_copy(s->schema, out, &s->error));
}

static int source_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    table_source *s = stream->private_data;
    struct ArrowArray batch = {0};
    lancelet_status status = s->next(s->arg, &batch, &s->error);
    if (status == LANCELET_OK)
        *out = batch;
    return arrow_errno_from_status(status);
}

static const char *source_error(struct ArrowArrayStream *stream)
{
    return ((table_source *)stream->private_data)->error.text;
}

static void source_release(struct ArrowArrayStream *stream)
{
    stream->release = NULL;
}

struct ArrowArrayStream table_source_stream(table_source *s)
{
    return (struct ArrowArrayStream){.get_schema = source_schema,
                                     .get_next = source_next,
                                     .get_last_error = source_error,
                                     .release = source_release,
                                     .private_data = s};
}
