/* columns.c - columns are added, by a Merge transaction, or taken out of the schema, by a Project.
 *
 * New columns get data files of their own, one or more a fragment, beside those that are there; a fragment's file has all
 * its rows, deleted ones too, which repeat the value before them: a null there would make a column without nulls one that
 * has some, and is slower to read. Dropped columns keep their place in the data files. */
#include <inttypes.h>
#include <string.h>

#include "lance/table/table.h"

/* ---- adding ---- */

typedef struct addition {
    struct ArrowArrayStream *stream;
    struct ArrowSchema schema; /* of the stream */
    bool written;              /* rows of the stream went into files, for one version only */
    struct ArrowArray batch;   /* of the stream */
    int64_t at;                /* rows of the batch that were used */
    uint64_t rows;             /* of the stream, used */
    /* the fragment that is being written */
    const lancelet_table *table;
    const table_bitmap *deleted;
    uint64_t row, physical_rows;
    struct ArrowArray *part;   /* [n_children] a window of the batch's columns */
    struct ArrowArray **parts; /* [n_children] pointers to them */
} addition;

static lancelet_status next_batch(addition *a, lancelet_error *err)
{
    arrow_array_release(&a->batch);
    a->at = 0;
    do {
        arrow_array_release(&a->batch);
        a->batch = (struct ArrowArray){0};
        RETURN_IF_ERROR(arrow_stream_next(a->stream, &a->batch, err));
        if (a->batch.release)
            RETURN_IF_ERROR(arrow_check(&a->schema, &a->batch, err));
    } while (a->batch.release && a->batch.length == 0);
    return LANCELET_OK;
}

static void release_nothing(struct ArrowArray *array)
{
    array->release = NULL;
}

/* Rows first .. first + n - 1 of the batch, borrowed. */
static struct ArrowArray window(addition *a, int64_t first, int64_t n)
{
    static const void *no_validity[1] = {NULL};
    for (int64_t i = 0; i < a->batch.n_children; i++) {
        struct ArrowArray *part = &a->part[i];
        *part = *a->batch.children[i];
        part->release = release_nothing;
        part->private_data = NULL;
        part->offset += a->batch.offset + first;
        part->length = n;
        if (part->null_count != 0)
            part->null_count = -1; /* of the window it is not known */
    }
    return (struct ArrowArray){.length = n,
                               .n_buffers = 1,
                               .n_children = a->batch.n_children,
                               .buffers = no_validity,
                               .children = a->parts,
                               .release = release_nothing};
}

/* The next rows of the fragment: live ones from the stream, deleted ones as copies. */
static lancelet_status next_rows(void *arg, struct ArrowArray *out, lancelet_error *err)
{
    addition *a = arg;
    if (a->row == a->physical_rows)
        return LANCELET_OK;
    bool dead = table_bitmap_get(a->deleted, a->row);
    if (!a->batch.release || (!dead && a->at == a->batch.length)) {
        RETURN_IF_ERROR(next_batch(a, err));
        if (!a->batch.release)
            return base_fail(err, LANCELET_INVALID,
                             "the columns to add have %" PRIu64 " rows, and the table %s has %" PRIu64, a->rows,
                             a->table->path, table_live_rows(&a->table->manifest));
        for (int64_t i = 0; i < a->batch.length; i++)
            if (arrow_is_null(&a->batch, i))
                return base_fail(err, LANCELET_INVALID, "a row of the columns to add is null as a whole");
    }
    int64_t first = dead && a->at ? a->at - 1 : a->at, n = 1;
    while (!dead && a->at + n < a->batch.length && a->row + (uint64_t)n < a->physical_rows &&
           !table_bitmap_get(a->deleted, a->row + (uint64_t)n))
        n++;
    *out = window(a, first, n);
    a->row += (uint64_t)n;
    a->at += dead ? 0 : n;
    a->rows += dead ? 0 : (uint64_t)n;
    return LANCELET_OK;
}

/* The new files of a fragment, whose messages were written as those of new fragments, into its own message. */
static lancelet_status put_files(const table_fragment *f, const table_new_fragments *made, base_buffer *out,
                                 lancelet_error *err)
{
    bool ok = base_buffer_append(out, f->raw.data, f->raw.size);
    for (size_t i = 0; i < made->n && ok; i++) {
        wire_span rest = {made->message[i].data, made->message[i].size};
        wire_field field;
        bool bad = false;
        while (ok && wire_next(&rest, &field, &bad))
            ok = field.number != 2 || base_buffer_append(out, field.raw.data, field.raw.size);
    }
    return ok ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status write_fragment(addition *a, const table_target *target, size_t fragment, base_buffer *message,
                                      const lancelet_write_options *options, table_trail *trail, lancelet_error *err)
{
    const table_fragment *f = &a->table->manifest.fragments[fragment];
    RETURN_IF_ERROR(table_deletions(a->table, fragment, &a->deleted, err));
    a->row = 0;
    a->physical_rows = f->physical_rows;
    table_target whole = *target;
    whole.file_rows = f->physical_rows;
    table_source source = {.schema = &a->schema, .next = next_rows, .arg = a};
    struct ArrowArrayStream stream = table_source_stream(&source);
    table_new_fragments made = {0};
    lancelet_status status = table_write_rows(&whole, &a->schema, &stream, options, trail, &made, err);
    if (status == LANCELET_OK)
        status = put_files(f, &made, message, err);
    table_new_fragments_free(&made);
    return status;
}

static lancelet_status write_fragments(addition *a, table_plan *plan, const table_target *target,
                                       const lancelet_write_options *options, table_trail *trail, lancelet_error *err)
{
    const table_manifest *m = &plan->base->manifest;
    a->table = plan->base;
    a->written = true;
    a->part = base_calloc((size_t)a->schema.n_children, sizeof *a->part);
    a->parts = base_calloc((size_t)a->schema.n_children, sizeof *a->parts);
    plan->touched = base_calloc(m->n_fragments + 1, sizeof *plan->touched);
    if (!a->part || !a->parts || !plan->touched)
        return base_fail_memory(err);
    for (int64_t i = 0; i < a->schema.n_children; i++)
        a->parts[i] = &a->part[i];
    for (size_t i = 0; i < m->n_fragments; i++)
        plan->touched[i].fragment = m->fragments[m->by_id[i]].id;
    plan->n_touched = m->n_fragments;
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < m->n_fragments && status == LANCELET_OK; i++) {
        table_touched *t = &plan->touched[table_plan_touched(plan, m->fragments[i].id) - plan->touched];
        status = write_fragment(a, target, i, &t->message, options, trail, err);
    }
    if (status == LANCELET_OK && a->at == a->batch.length)
        status = next_batch(a, err);
    if (status == LANCELET_OK && a->batch.release)
        status = base_fail(err, LANCELET_INVALID, "the columns to add have more rows than the table %s, which has %" PRIu64,
                           plan->base->path, a->rows);
    return status;
}

/* A Field message with other ids. */
static bool renumber(wire_span field, int32_t add, base_buffer *out)
{
    int32_t id = (int32_t)(uint32_t)wire_u64(field, 3, 0), parent = (int32_t)(uint32_t)wire_u64(field, 4, 0);
    parent = parent < 0 ? parent : parent + add;
    wire_field f;
    bool bad = false, ok = true;
    while (ok && wire_next(&field, &f, &bad))
        ok = f.number == 3 || f.number == 4 || base_buffer_append(out, f.raw.data, f.raw.size);
    return ok && wire_put_varint(out, 3, (uint64_t)(id + add)) && wire_put_varint(out, 4, (uint64_t)(int64_t)parent);
}

/* The first id that no field has or had, as far as data files tell. */
static int64_t next_field_id(const table_manifest *m)
{
    int64_t largest = -1;
    for (size_t i = 0; i < m->n_fields; i++)
        largest = m->fields[i].id > largest ? m->fields[i].id : largest;
    for (size_t i = 0; i < m->n_fragments; i++)
        for (size_t j = 0; j < m->fragments[i].n_files; j++)
            for (size_t k = 0; k < m->fragments[i].files[j].n_fields; k++)
                if (m->fragments[i].files[j].fields[k] > largest)
                    largest = m->fragments[i].files[j].fields[k];
    return largest + 1;
}

/* plan->fields: the table's and, from *first on, the new ones with ids of their own. */
static lancelet_status plan_fields(const addition *a, table_plan *plan, size_t *first, lancelet_error *err)
{
    const table_manifest *m = &plan->base->manifest;
    table_plan added = {0};
    lancelet_status status = table_plan_schema(&added, &a->schema, err);
    int64_t id = next_field_id(m);
    if (status == LANCELET_OK && (m->n_fields + added.n_fields > TABLE_FIELD_LIMIT || id > INT32_MAX - TABLE_FIELD_LIMIT))
        status = base_fail(err, LANCELET_LIMIT, "the table %s has no field ids left for so many columns", plan->base->path);
    if (status == LANCELET_OK) {
        plan->n_fields = m->n_fields + added.n_fields;
        plan->fields = base_calloc(plan->n_fields, sizeof *plan->fields);
        bool ok = plan->fields != NULL;
        for (size_t i = 0; i < m->n_fields && ok; i++)
            ok = base_buffer_append(&plan->fields[i], m->fields[i].raw.data, m->fields[i].raw.size);
        for (size_t i = 0; i < added.n_fields && ok; i++)
            ok = renumber((wire_span){added.fields[i].data, added.fields[i].size}, (int32_t)id, &plan->fields[m->n_fields + i]);
        status = ok ? LANCELET_OK : base_fail_memory(err);
    }
    *first = m->n_fields;
    table_plan_free(&added);
    return status;
}

static lancelet_status write_columns(addition *a, table_plan *plan, size_t first, const lancelet_write_options *options,
                                     table_trail *trail, lancelet_error *err)
{
    size_t n = plan->n_fields - first;
    wire_span *fields = base_alloc_array(n, sizeof *fields);
    int64_t *ids = base_alloc_array(n, sizeof *ids);
    lancelet_status status = fields && ids ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = 0; i < n && status == LANCELET_OK; i++) {
        fields[i] = (wire_span){plan->fields[first + i].data, plan->fields[first + i].size};
        ids[i] = (int64_t)wire_u64(fields[i], 3, 0);
    }
    if (status == LANCELET_OK)
        status = write_fragments(a, plan,
                                 &(table_target){.path = plan->base->path,
                                                 .minor = plan->minor,
                                                 .schema = &a->schema,
                                                 .fields = fields,
                                                 .ids = ids},
                                 options, trail, err);
    base_free(fields);
    base_free(ids);
    return status;
}

static lancelet_status check_new(const addition *a, const lancelet_table *table, lancelet_error *err)
{
    bool empty = !a->batch.release && table_live_rows(&table->manifest) > 0;
    for (int64_t i = 0; i < a->schema.n_children; i++) {
        const struct ArrowSchema *s = a->schema.children[i];
        if (arrow_schema_find(&table->schema, s->name) >= 0)
            return base_fail(err, LANCELET_INVALID, "the table %s has a column '%s' already", table->path, s->name);
        if (empty && !(s->flags & ARROW_FLAG_NULLABLE))
            return base_fail(err, LANCELET_INVALID, "the column '%s' to add may not be null, but has no rows", s->name);
    }
    return LANCELET_OK;
}

static lancelet_status plan_addition(void *arg, table_plan *plan, const lancelet_write_options *options, table_trail *trail,
                                     lancelet_error *err)
{
    addition *a = arg;
    size_t first;
    if (a->written) /* and the stream is read */
        return base_fail(err, LANCELET_CONFLICT, "the columns of %s were changed meanwhile", plan->base->path);
    plan->operation = TABLE_MERGE;
    RETURN_IF_ERROR(table_write_minor(&plan->base->manifest, &plan->minor, err));
    RETURN_IF_ERROR(plan_fields(a, plan, &first, err)); /* looks at names and types */
    RETURN_IF_ERROR(check_new(a, plan->base, err));
    return a->batch.release ? write_columns(a, plan, first, options, trail, err) : LANCELET_OK;
}

lancelet_status lancelet_table_add_columns(const lancelet_table *table, struct ArrowArrayStream *columns,
                                           const lancelet_write_options *options, lancelet_table **out,
                                           lancelet_error *err)
{
    lancelet_write_options o = LANCELET_WRITE_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    addition a = {.stream = columns};
    lancelet_status status = table && columns ? LANCELET_OK
                                              : base_fail(err, LANCELET_INVALID,
                                                          "lancelet_table_add_columns was given no table or no stream");
    if (status == LANCELET_OK)
        status = arrow_stream_schema(columns, &a.schema, err);
    if (status == LANCELET_OK)
        status = next_batch(&a, err);
    if (status == LANCELET_OK)
        status = table_apply(table, &(table_change){plan_addition, &a}, &o, out, err);
    arrow_array_release(&a.batch);
    arrow_schema_release(&a.schema);
    arrow_stream_release(columns);
    base_free(a.part);
    base_free(a.parts);
    return status;
}

/* ---- dropping ---- */

typedef struct dropping {
    const char *const *names; /* [n] */
    size_t n;
} dropping;

/* drop [n_fields]: the fields of the columns that are named. */
static lancelet_status mark(const lancelet_table *t, const dropping *d, uint8_t *drop, lancelet_error *err)
{
    const table_manifest *m = &t->manifest;
    for (size_t i = 0; i < d->n; i++) {
        int64_t at = d->names[i] ? arrow_schema_find(&t->schema, d->names[i]) : -1;
        if (at < 0)
            return base_fail(err, LANCELET_NOT_FOUND, "the table %s has no column '%s'", t->path,
                             d->names[i] ? d->names[i] : "");
        for (size_t j = 0; j < t->columns[at].n; j++)
            drop[t->columns[at].field[j]] = 1;
    }
    for (size_t i = 0; i < m->n_top; i++)
        if (!drop[m->top[i]])
            return LANCELET_OK;
    return base_fail(err, LANCELET_INVALID, "all columns of %s would be dropped: one must stay", t->path);
}

static lancelet_status plan_dropping(void *arg, table_plan *plan, const lancelet_write_options *options, table_trail *trail,
                                     lancelet_error *err)
{
    (void)options;
    (void)trail;
    const table_manifest *m = &plan->base->manifest;
    uint8_t *drop = base_calloc(m->n_fields + 1, 1);
    plan->fields = base_calloc(m->n_fields + 1, sizeof *plan->fields);
    lancelet_status status = drop && plan->fields ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = table_write_minor(m, &plan->minor, err);
    if (status == LANCELET_OK)
        status = mark(plan->base, arg, drop, err);
    for (size_t i = 0; i < m->n_fields && status == LANCELET_OK; i++)
        if (!drop[i] && !base_buffer_append(&plan->fields[plan->n_fields++], m->fields[i].raw.data, m->fields[i].raw.size))
            status = base_fail_memory(err);
    plan->operation = TABLE_PROJECT;
    base_free(drop);
    return status;
}

lancelet_status lancelet_table_drop_columns(const lancelet_table *table, const char *const *names, size_t n,
                                            const lancelet_write_options *options, lancelet_table **out,
                                            lancelet_error *err)
{
    if (!table || !names || n == 0)
        return base_fail(err, LANCELET_INVALID, "lancelet_table_drop_columns was given no table or no columns");
    lancelet_write_options o = LANCELET_WRITE_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    dropping d = {names, n};
    return table_apply(table, &(table_change){plan_dropping, &d}, &o, out, err);
}
