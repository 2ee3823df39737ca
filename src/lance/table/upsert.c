/* upsert.c - rows that replace those of the same keys, or are added: LanceDB's merge_insert(keys) with
 * when_matched_update_all and when_not_matched_insert_all.
 *
 * The stream is read once: its rows go into data files as they arrive, and their keys into a map (in memory: the keys and
 * 8 bytes a row). Then the key columns of the table are scanned for rows that are replaced, and one Update deletes these
 * and adds the files. When another writer was first, the files stay, and only fragments that are new are scanned again: a
 * row that somebody else added under one of our keys is replaced then, not doubled.
 *
 * Refused, where LanceDB goes on: rows without one of the table's columns (it keeps the old values), and two rows of the
 * table with the keys of one (it replaces both by the same). */
#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "lance/table/table.h"

enum { MOST_ATTEMPTS = 1000 };

/* A row of the table that has the keys of one of ours. */
typedef struct found_row {
    uint64_t row;  /* in its fragment */
    uint64_t ours; /* which row of the stream */
} found_row;

typedef struct upsert {
    const lancelet_write_options *options;
    const char *const *keys; /* [n_keys] */
    size_t n_keys;
    struct ArrowArrayStream *stream;
    struct ArrowSchema schema; /* of the stream */
    base_map64 *numbers;       /* the keys of a row -> which row of the stream */
    base_buffer key;           /* scratch */
    uint64_t rows;             /* of the stream */
    table_new_fragments added;
    lancelet_table *scanned; /* the version that `found` is about; NULL: none yet */
    base_buffer *found;      /* [fragments of `scanned`] of found_row */
} upsert;

/* ---- keys ---- */

static bool is_key_type(const struct ArrowSchema *s)
{
    return !s->dictionary && s->format[0] && !s->format[1] && strchr("bcCsSiIlLuUzZ", s->format[0]);
}

/* One value of a key behind those before it; *null when it has none. */
static bool put_key(base_buffer *key, const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, bool *null)
{
    if (arrow_is_null(a, i)) {
        *null = true;
        return true;
    }
    if (strchr("uUzZ", s->format[0])) {
        size_t n;
        const char *bytes = arrow_bytes(s, a, i, &n);
        return wire_put_little(key, n, 8) && base_buffer_append(key, bytes, n);
    }
    int64_t number = 0;
    if (s->format[0] == 'L') /* not all of them go into an int64 */
        memcpy(&number, (const uint8_t *)a->buffers[1] + (size_t)(a->offset + i) * sizeof number, sizeof number);
    else if (!arrow_int(s, a, i, &number))
        *null = true;
    return wire_put_little(key, (uint64_t)number, 8);
}

/* The key of row i of `batch`, whose columns `schema` has, into u->key. */
static lancelet_status make_key(upsert *u, const struct ArrowSchema *schema, const struct ArrowArray *batch, int64_t i,
                                bool *null, lancelet_error *err)
{
    u->key.size = 0;
    *null = false;
    for (size_t k = 0; k < u->n_keys && !*null; k++) {
        int64_t at = arrow_schema_find(schema, u->keys[k]);
        if (!put_key(&u->key, schema->children[at], batch->children[at], batch->offset + i, null))
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

/* The next batch of the stream, its keys noted. */
static lancelet_status next_batch(void *arg, struct ArrowArray *out, lancelet_error *err)
{
    upsert *u = arg;
    struct ArrowArray batch = {0};
    RETURN_IF_ERROR(arrow_stream_next(u->stream, &batch, err));
    if (!batch.release)
        return LANCELET_OK;
    lancelet_status status = arrow_check(&u->schema, &batch, err);
    for (int64_t i = 0; i < batch.length && status == LANCELET_OK; i++, u->rows++) {
        bool null;
        uint64_t other;
        status = make_key(u, &u->schema, &batch, i, &null, err);
        if (status != LANCELET_OK || null)
            continue;
        if (base_map64_get(u->numbers, u->key.data, u->key.size, &other))
            status = base_fail(err, LANCELET_INVALID, "the rows %" PRIu64 " and %" PRIu64 " to upsert have the same keys",
                               other + 1, u->rows + 1);
        else if (!base_map64_set(u->numbers, u->key.data, u->key.size, u->rows))
            status = base_fail_memory(err);
    }
    if (status != LANCELET_OK)
        arrow_array_release(&batch);
    else
        *out = batch;
    return status;
}

/* ---- rows of the table with these keys ---- */

static lancelet_status look_up(upsert *u, const struct ArrowSchema *schema, const struct ArrowArray *batch, base_buffer *found,
                               lancelet_error *err)
{
    const struct ArrowArray *addresses = batch->children[batch->n_children - 1];
    for (int64_t i = 0; i < batch->length; i++) {
        bool null;
        found_row f;
        RETURN_IF_ERROR(make_key(u, schema, batch, i, &null, err));
        if (null || !base_map64_get(u->numbers, u->key.data, u->key.size, &f.ours))
            continue;
        f.row = ((const uint64_t *)addresses->buffers[1])[addresses->offset + batch->offset + i] & UINT32_MAX;
        if (!base_buffer_append(found, &f, sizeof f))
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

static lancelet_status scan_fragment(upsert *u, const lancelet_table *now, size_t fragment, base_buffer *found,
                                     lancelet_error *err)
{
    table_scan scan = {.options = LANCELET_SCAN_OPTIONS_INIT, .fragments = &fragment, .n_fragments = 1};
    scan.options.columns = u->keys;
    scan.options.n_columns = u->n_keys;
    scan.options.with_row_address = true;
    scan.options.cancel = u->options->cancel;
    struct ArrowArrayStream stream = {0};
    struct ArrowSchema schema = {0};
    RETURN_IF_ERROR(table_scan_open(now, &scan, &stream, err));
    lancelet_status status = arrow_stream_schema(&stream, &schema, err);
    for (bool more = true; status == LANCELET_OK && more;) {
        struct ArrowArray batch = {0};
        status = arrow_stream_next(&stream, &batch, err);
        more = batch.release != NULL;
        if (status == LANCELET_OK && more)
            status = look_up(u, &schema, &batch, found, err);
        arrow_array_release(&batch);
    }
    arrow_schema_release(&schema);
    arrow_stream_release(&stream);
    return status;
}

static void forget_found(upsert *u)
{
    for (size_t i = 0; u->found && i < u->scanned->manifest.n_fragments; i++)
        base_buffer_free(&u->found[i]);
    base_free(u->found);
    lancelet_table_destroy(u->scanned);
    u->found = NULL;
    u->scanned = NULL;
}

/* Finds the rows of `now`; what was found in fragments that are still the same is kept. */
static lancelet_status find(upsert *u, const lancelet_table *now, lancelet_error *err)
{
    const table_manifest *m = &now->manifest;
    base_buffer *found = base_calloc(m->n_fragments + 1, sizeof *found);
    if (!found)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < m->n_fragments && status == LANCELET_OK; i++) {
        const table_fragment *f = &m->fragments[i],
                             *before = u->scanned ? table_manifest_fragment(&u->scanned->manifest, f->id) : NULL;
        if (before && table_same_data(before, f)) {
            base_buffer *kept = &u->found[before - u->scanned->manifest.fragments];
            found[i] = *kept;
            *kept = (base_buffer){0};
        } else {
            status = scan_fragment(u, now, i, &found[i], err);
        }
    }
    forget_found(u);
    u->scanned = table_retain(now);
    u->found = found;
    return status;
}

/* ---- the commit ---- */

/* One touched fragment out of what was found in it, of which rows may be deleted by now. */
static lancelet_status touch(const upsert *u, const lancelet_table *now, size_t fragment, table_bitmap *replaced,
                             table_plan *plan, lancelet_error *err)
{
    const table_fragment *f = &now->manifest.fragments[fragment];
    const found_row *rows = (const found_row *)(const void *)u->found[fragment].data;
    const table_bitmap *deleted;
    RETURN_IF_ERROR(table_deletions(now, fragment, &deleted, err));
    table_touched *t = &plan->touched[plan->n_touched];
    for (size_t i = 0; i < u->found[fragment].size / sizeof *rows; i++) {
        if (table_bitmap_get(deleted, rows[i].row))
            continue;
        if (!t->ours) {
            RETURN_IF_ERROR(table_bitmap_create(f->physical_rows, &t->ours, err));
            t->fragment = f->id;
            plan->n_touched++;
        }
        table_bitmap_set(t->ours, rows[i].row);
        if (!table_bitmap_set(replaced, rows[i].ours))
            return base_fail(err, LANCELET_INVALID, "two rows of %s have the keys of row %" PRIu64 " to upsert", now->path,
                             rows[i].ours + 1);
    }
    return LANCELET_OK;
}

static lancelet_status plan_upsert(upsert *u, const lancelet_table *now, table_plan *plan, uint64_t *updated,
                                   lancelet_error *err)
{
    const table_manifest *m = &now->manifest;
    table_bitmap *replaced = NULL;
    RETURN_IF_ERROR(find(u, now, err));
    RETURN_IF_ERROR(table_bitmap_create(u->rows, &replaced, err));
    plan->touched = base_calloc(m->n_fragments + 1, sizeof *plan->touched);
    lancelet_status status = plan->touched ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = 0; i < m->n_fragments && status == LANCELET_OK; i++)
        if (u->found[m->by_id[i]].size)
            status = touch(u, now, m->by_id[i], replaced, plan, err);
    *updated = replaced->count;
    table_bitmap_destroy(replaced);
    plan->operation = plan->n_touched ? TABLE_UPDATE : TABLE_APPEND;
    return status;
}

/* One try on the version `now`. *again: another writer was first. */
static lancelet_status try_upsert(upsert *u, const lancelet_table *now, table_trail *trail, bool *published, bool *again,
                                  lancelet_upsert_report *report, lancelet_table **out, lancelet_error *err)
{
    lancelet_write_options once = *u->options;
    once.no_rebase = true; /* what the keys are in is looked for anew */
    table_plan plan = {.base = now};
    uint64_t updated = 0;
    lancelet_status status = table_write_minor(&now->manifest, &plan.minor, err);
    if (status == LANCELET_OK)
        status = plan_upsert(u, now, &plan, &updated, err);
    plan.added = u->added;
    if (status == LANCELET_OK)
        status = table_land(&plan, &once, trail, published, out, err);
    *again = status == LANCELET_CONFLICT && plan.redo && !*published && !u->options->no_rebase;
    plan.added = (table_new_fragments){0};
    table_plan_free(&plan);
    if (status == LANCELET_OK)
        *report = (lancelet_upsert_report){u->rows - updated, updated};
    return status;
}

static lancelet_status land_upsert(upsert *u, const lancelet_table *table, table_trail *trail, bool *published,
                                   lancelet_upsert_report *report, lancelet_table **out, lancelet_error *err)
{
    lancelet_table *now = table_retain(table);
    lancelet_status status = LANCELET_OK;
    for (int i = 0; i < MOST_ATTEMPTS; i++) {
        bool again;
        status = try_upsert(u, now, trail, published, &again, report, out, err);
        if (!again)
            break;
        lancelet_table *newest = NULL;
        status = lancelet_table_open(table->path, NULL, &newest, err);
        /* May rows that were written for `table` be added to this one? */
        table_plan written = {.operation = TABLE_APPEND, .base = table};
        if (status == LANCELET_OK && newest->manifest.version > table->manifest.version)
            status = table_check_conflicts(&written, &newest->manifest, err);
        lancelet_table_destroy(now);
        now = newest;
        if (status != LANCELET_OK)
            break;
        status = base_fail(err, LANCELET_CONFLICT, "other writers of %s were first %d times in a row", table->path,
                           MOST_ATTEMPTS);
    }
    lancelet_table_destroy(now);
    return status;
}

static lancelet_status check_columns(const upsert *u, const lancelet_table *table, lancelet_error *err)
{
    if (strcmp(u->schema.format, "+s") != 0)
        return base_fail(err, LANCELET_INVALID, "the rows have no columns");
    for (size_t i = 0; i < u->n_keys; i++) {
        if (!u->keys[i])
            return base_fail(err, LANCELET_INVALID, "a key has no name");
        int64_t at = arrow_schema_find(&table->schema, u->keys[i]);
        if (at < 0)
            return base_fail(err, LANCELET_INVALID, "the table %s has no column '%s'", table->path, u->keys[i]);
        if (!is_key_type(table->schema.children[at]))
            return base_fail(err, LANCELET_INVALID,
                             "the column '%s' of %s cannot be a key: it is not of integers, text, binary or bool",
                             u->keys[i], table->path);
    }
    for (int64_t i = 0; i < table->schema.n_children; i++)
        if (arrow_schema_find(&u->schema, table->schema.children[i]->name) < 0)
            return base_fail(err, LANCELET_INVALID, "the rows to upsert lack the column '%s' of %s",
                             table->schema.children[i]->name, table->path);
    return LANCELET_OK;
}

static lancelet_status write_rows(upsert *u, const lancelet_table *table, table_trail *trail, lancelet_error *err)
{
    base_arena arena = {0};
    table_target target;
    lancelet_status status = table_target_of(table, &arena, &target, err);
    if (status == LANCELET_OK) {
        table_source source = {.schema = &u->schema, .next = next_batch, .arg = u};
        struct ArrowArrayStream stream = table_source_stream(&source);
        status = table_write_rows(&target, &u->schema, &stream, u->options, trail, &u->added, err);
    }
    base_arena_free(&arena);
    return status;
}

static lancelet_status run(upsert *u, const lancelet_table *table, lancelet_upsert_report *report, lancelet_table **out,
                           lancelet_error *err)
{
    table_trail trail = {0};
    bool published = false;
    RETURN_IF_ERROR(table_check_writable(&table->manifest, err));
    RETURN_IF_ERROR(arrow_stream_schema(u->stream, &u->schema, err));
    lancelet_status status = check_columns(u, table, err);
    u->numbers = base_map64_create();
    if (status == LANCELET_OK && !u->numbers)
        status = base_fail_memory(err);
    if (status == LANCELET_OK)
        status = write_rows(u, table, &trail, err);
    if (status == LANCELET_OK && u->rows)
        status = land_upsert(u, table, &trail, &published, report, out, err);
    else if (status == LANCELET_OK && out)
        *out = table_retain(table);
    table_trail_end(&trail, published);
    return status;
}

lancelet_status lancelet_table_upsert(const lancelet_table *table, const char *const *keys, size_t n_keys,
                                      struct ArrowArrayStream *rows, const lancelet_write_options *options,
                                      lancelet_upsert_report *report, lancelet_table **out, lancelet_error *err)
{
    lancelet_write_options o = LANCELET_WRITE_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    lancelet_upsert_report done = {0, 0};
    upsert u = {.options = &o, .keys = keys, .n_keys = n_keys, .stream = rows};
    lancelet_status status = table && keys && n_keys && rows
                                 ? run(&u, table, &done, out, err)
                                 : base_fail(err, LANCELET_INVALID,
                                             "lancelet_table_upsert was given no table, no keys or no stream");
    if (status == LANCELET_OK && report)
        *report = done;
    forget_found(&u);
    base_map64_destroy(u.numbers);
    base_buffer_free(&u.key);
    table_new_fragments_free(&u.added);
    arrow_schema_release(&u.schema);
    arrow_stream_release(rows);
    return status;
}
