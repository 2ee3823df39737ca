/* commit.c - create, commit, drop: a plan is made once (new data files written, rows to delete gathered), then tried on
 * the newest version until it lands.
 *
 * Order, so that a commit is whole after a power cut: data files and data/ synced; deletion files and _deletions/; the
 * transaction file and _transactions/; the manifest under a temporary name; its link to the final name, which fails when
 * another writer has that version (the same step that decides races on LanceDB's local tables); _versions/. Files of an
 * attempt that lost are removed, files of a commit that failed too; after a crash orphans may stay, which no manifest
 * names. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lance/table/table.h"

enum { MOST_ATTEMPTS = 1000, UUID_SIZE = 37 };

static lancelet_status make_uuid(char out[UUID_SIZE], lancelet_error *err)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t r[16];
    RETURN_IF_ERROR(base_random(r, sizeof r, err));
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40); /* version 4, variant 1 */
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    char *p = out;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[r[i] >> 4];
        *p++ = hex[r[i] & 15];
    }
    *p = '\0';
    return LANCELET_OK;
}

/* ---- one small file of a commit ---- */

static lancelet_status write_file(const char *path, const base_buffer *bytes, bool sync, table_trail *trail,
                                  lancelet_error *err)
{
    RETURN_IF_ERROR(table_trail_add(trail, path, err));
    base_writer w;
    RETURN_IF_ERROR(base_writer_open(path, true, &w, err));
    lancelet_status status = base_writer_write(&w, bytes->data, bytes->size, err);
    if (status != LANCELET_OK) {
        base_writer_abandon(&w);
        return status;
    }
    return base_writer_close(&w, sync, err);
}

static lancelet_status sync_folder(const char *path, const char *name, lancelet_error *err)
{
    char *folder = base_path_join(path, name);
    if (!folder)
        return base_fail_memory(err);
    lancelet_status status = base_dir_sync(folder, err);
    base_free(folder);
    return status;
}

/* ---- rows to delete ---- */

static void touched_free(table_plan *plan)
{
    for (size_t i = 0; i < plan->n_touched; i++) {
        table_bitmap_destroy(plan->touched[i].ours);
        base_buffer_free(&plan->touched[i].message);
    }
    base_free(plan->touched);
    plan->touched = NULL;
    plan->n_touched = 0;
}

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

static lancelet_status gather_deletions(table_plan *plan, const uint64_t *addresses, size_t n,
                                        lancelet_error *err)
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

/* ---- an attempt ---- */

typedef struct attempt {
    table_plan *plan;
    const lancelet_write_options *options;
    table_trail *trail;
    const char *path;              /* of the table */
    const table_manifest *current; /* NULL: a new table */
    uint64_t version;              /* the one to commit */
    bool v2_names;
} attempt;

/* Unites a fragment's deletions with ours and writes them, unless no row is left. */
static lancelet_status write_deletions(const attempt *a, table_touched *t, lancelet_error *err)
{
    const table_fragment *f =
        table_manifest_fragment(a->current, t->fragment); /* there: conflicts were checked */
    table_bitmap *all;
    if (f->deletion.present)
        RETURN_IF_ERROR(table_deletions_read(a->path, f, &all, err));
    else
        RETURN_IF_ERROR(table_bitmap_create(f->physical_rows, &all, err));
    lancelet_status status = LANCELET_OK;
    for (uint64_t w = 0; w * 64 < t->ours->rows && status == LANCELET_OK; w++) {
        uint64_t both = all->words[w] & t->ours->words[w];
        if (both)
            status =
                base_fail(err, LANCELET_CONFLICT,
                          "the row of %s at the address %" PRIu64 " was deleted by another writer meanwhile",
                          a->path, t->fragment << 32 | (w * 64 + (uint64_t)__builtin_ctzll(both)));
        all->words[w] |= t->ours->words[w];
    }
    all->count += t->ours->count;
    t->removed = status == LANCELET_OK && all->count == all->rows;
    t->message.size = 0;
    if (status == LANCELET_OK && !t->removed) {
        table_deletion_file d = {
            .present = true, .type = 1, .read_version = a->current->version, .rows = all->count};
        status = base_random(&d.id, sizeof d.id, err);
        d.id >>= 1; /* 63 bits: some readers keep it signed */
        char *name = table_deletion_path(a->path, t->fragment, &d);
        base_buffer bytes = {0}, message = {0};
        if (status == LANCELET_OK && (!name || !table_roaring_write(all, &bytes)))
            status = base_fail_memory(err);
        if (status == LANCELET_OK)
            status = write_file(name, &bytes, !a->options->no_sync, a->trail, err);
        bool ok = wire_put_varint(&message, 1, d.type) && wire_put_varint(&message, 2, d.read_version) &&
                  wire_put_varint(&message, 3, d.id) && wire_put_varint(&message, 4, d.rows);
        wire_span rest = f->raw;
        wire_field field;
        bool bad = false;
        while (ok && wire_next(&rest, &field, &bad))
            ok = field.number == 3 || base_buffer_append(&t->message, field.raw.data, field.raw.size);
        ok = ok && wire_put_bytes(&t->message, 3, message.data, message.size);
        if (status == LANCELET_OK && !ok)
            status = base_fail_memory(err);
        base_buffer_free(&bytes);
        base_buffer_free(&message);
        base_free(name);
    }
    table_bitmap_destroy(all);
    return status;
}

static lancelet_status write_all_deletions(const attempt *a, lancelet_error *err)
{
    bool any = false;
    if (a->plan->n_touched)
        RETURN_IF_ERROR(table_make_folder(a->path, "_deletions", !a->options->no_sync, err));
    for (size_t i = 0; i < a->plan->n_touched; i++) {
        RETURN_IF_ERROR(write_deletions(a, &a->plan->touched[i], err));
        any |= !a->plan->touched[i].removed;
    }
    return any && !a->options->no_sync ? sync_folder(a->path, "_deletions", err) : LANCELET_OK;
}

/* The transaction's bytes, and its file unless the table wants none; *name then is its name, owned by the caller. */
static lancelet_status write_transaction(const attempt *a, base_buffer *bytes, char **name,
                                         lancelet_error *err)
{
    char uuid[UUID_SIZE];
    RETURN_IF_ERROR(make_uuid(uuid, err));
    uint64_t read_version = a->current ? a->current->version : 0;
    if (!table_transaction_write(a->plan, read_version, uuid, bytes))
        return base_fail_memory(err);
    if (a->current && ((a->current->writer_flags | a->current->reader_flags) & TABLE_FLAG_NO_TXN_FILE))
        return LANCELET_OK;
    RETURN_IF_ERROR(table_make_folder(a->path, "_transactions", !a->options->no_sync, err));
    *name = base_format("%" PRIu64 "-%s.txn", read_version, uuid);
    char *path = *name ? base_format("%s/_transactions/%s", a->path, *name) : NULL;
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = write_file(path, bytes, !a->options->no_sync, a->trail, err);
    base_free(path);
    if (status == LANCELET_OK && !a->options->no_sync)
        status = sync_folder(a->path, "_transactions", err);
    return status;
}

/* Keeps a hint that is there from going stale; nobody relies on it, so a failure is no failure of the commit. */
static void update_hint(const char *path, uint64_t version)
{
    lancelet_error ignored;
    char *hint = base_format("%s/_versions/latest_version_hint.json", path), text[64];
    base_stat stat;
    if (hint && base_file_stat(hint, &stat, &ignored) == LANCELET_OK && stat.exists) {
        int n = snprintf(text, sizeof text, "{\"version\":%" PRIu64 "}", version);
        if (base_file_replace(hint, text, (size_t)n, false, &ignored) != LANCELET_OK)
            ignored.text[0] = '\0';
    }
    base_free(hint);
}

static lancelet_status handle_of(const attempt *a, const base_buffer *bytes, lancelet_table **out,
                                 lancelet_error *err)
{
    uint8_t *copy = base_alloc(bytes->size);
    if (!copy)
        return base_fail_memory(err);
    memcpy(copy, bytes->data, bytes->size);
    table_manifest m;
    RETURN_IF_ERROR(table_manifest_parse(copy, bytes->size, "just made", &m, err));
    m.v2_names = a->v2_names;
    return table_make(a->path, &m, out, err);
}

/* Publishes the manifest. *published says whether the version is visible, whatever the status. */
static lancelet_status publish(const attempt *a, const base_buffer *bytes, bool *published,
                               lancelet_error *err)
{
    char uuid[UUID_SIZE];
    RETURN_IF_ERROR(make_uuid(uuid, err));
    char *temporary = base_format("%s/_versions/.tmp-%s", a->path, uuid),
         *final = table_manifest_path(a->path, a->version, a->v2_names);
    lancelet_status status = temporary && final ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = write_file(temporary, bytes, !a->options->no_sync, a->trail, err);
    if (status == LANCELET_OK)
        status = base_file_publish(temporary, final, err);
    base_free(temporary);
    base_free(final);
    RETURN_IF_ERROR(status);
    *published = true;
    if (!a->options->no_sync) {
        status = sync_folder(a->path, "_versions", err);
        if (status != LANCELET_OK)
            base_error_prefix(err, "version %" PRIu64 " of %s is committed, but may not outlive a power cut",
                              a->version, a->path);
    }
    update_hint(a->path, a->version);
    return status;
}

static lancelet_status try_commit(const attempt *a, bool *published, lancelet_table **out,
                                  lancelet_error *err)
{
    RETURN_IF_ERROR(write_all_deletions(a, err));
    base_buffer transaction = {0}, bytes = {0};
    char *name = NULL;
    lancelet_table *table = NULL;
    lancelet_status status = write_transaction(a, &transaction, &name, err);
    if (status == LANCELET_OK)
        status = table_manifest_derive(&(table_derive){.plan = a->plan,
                                                       .current = a->current,
                                                       .version = a->version,
                                                       .transaction_file = name,
                                                       .transaction = {transaction.data, transaction.size}},
                                       &bytes, err);
    if (status == LANCELET_OK && out)
        status =
            handle_of(a, &bytes, &table,
                      err); /* before publishing: a commit that stands must not fail for want of memory */
    if (status == LANCELET_OK)
        status = publish(a, &bytes, published, err);
    base_buffer_free(&transaction);
    base_buffer_free(&bytes);
    base_free(name);
    if (status != LANCELET_OK) {
        lancelet_table_destroy(table);
        return status;
    }
    if (out)
        *out = table;
    return LANCELET_OK;
}

/* ---- landing on a table that is there ---- */

/* A table dropped and made anew at the same path is another table, even when the version numbers fit. */
static lancelet_status check_same_table(const lancelet_table *base, lancelet_error *err)
{
    char *file = table_manifest_path(base->path, base->manifest.version, base->manifest.v2_names);
    if (!file)
        return base_fail_memory(err);
    uint8_t *bytes;
    size_t n;
    lancelet_status status = base_file_read(file, UINT32_MAX, &bytes, &n, err);
    base_free(file);
    if (status == LANCELET_NOT_FOUND) /* cleaned up since it was opened */
        return LANCELET_OK;
    RETURN_IF_ERROR(status);
    bool same = n == base->manifest.size && memcmp(bytes, base->manifest.bytes, n) == 0;
    base_free(bytes);
    if (!same)
        return base_fail(err, LANCELET_CONFLICT, "the table %s was replaced by another one meanwhile",
                         base->path);
    return LANCELET_OK;
}

/* One round: look for the newest version, check, try. *again: another writer was first, and the plan may be tried anew. */
static lancelet_status land_once(attempt *a, bool *published, bool *again, lancelet_table **out,
                                 lancelet_error *err)
{
    const lancelet_table *base = a->plan->base;
    uint64_t read = base->manifest.version;
    table_newest newest;
    *again = false;
    RETURN_IF_ERROR(table_find_newest(base->path, &newest, err));
    if (!newest.any)
        return base_fail(err, LANCELET_NOT_FOUND, "the table %s is gone", base->path);
    if (newest.version == UINT64_MAX)
        return base_fail(err, LANCELET_LIMIT, "the table %s has no version numbers left", base->path);
    if (newest.version < read)
        return base_fail(err, LANCELET_CONFLICT, "the table %s was replaced by another one meanwhile",
                         base->path);
    RETURN_IF_ERROR(check_same_table(base, err));
    table_manifest m = {0};
    lancelet_status status = LANCELET_OK;
    if (newest.version > read) {
        if (a->options->no_rebase)
            return base_fail(err, LANCELET_CONFLICT,
                             "version %" PRIu64 " of %s was committed since version %" PRIu64 " was opened",
                             newest.version, base->path, read);
        RETURN_IF_ERROR(table_manifest_read(base->path, newest.version, newest.v2_names, &m, err));
        status = table_check_conflicts(a->plan, &m, err);
    }
    a->current = newest.version > read ? &m : &base->manifest;
    a->version = newest.version + 1;
    a->v2_names = newest.v2_names;
    size_t mark = a->trail->n;
    if (status == LANCELET_OK) {
        status = try_commit(a, published, out, err);
        if (status == LANCELET_CONFLICT && !*published) {
            /* Either a row was deleted by another, which stays so, or the version's name was taken. */
            table_newest now;
            lancelet_error why;
            if (!a->options->no_rebase && table_find_newest(base->path, &now, &why) == LANCELET_OK &&
                now.version >= a->version)
                *again = true;
        }
        if (!*published)
            table_trail_undo(a->trail, mark);
    }
    table_manifest_free(&m);
    return status;
}

static lancelet_status land(table_plan *plan, const lancelet_write_options *options, table_trail *trail,
                            bool *published, lancelet_table **out, lancelet_error *err)
{
    attempt a = {.plan = plan, .options = options, .trail = trail, .path = plan->base->path};
    for (int i = 0; i < MOST_ATTEMPTS; i++) {
        if (base_cancelled(options->cancel))
            return base_fail_cancelled(err);
        bool again;
        lancelet_status status = land_once(&a, published, &again, out, err);
        if (status == LANCELET_OK || !again)
            return status;
    }
    return base_fail(err, LANCELET_CONFLICT, "other writers of %s were first %d times in a row",
                     plan->base->path, MOST_ATTEMPTS);
}

/* ---- plans ---- */

/* The schema of an Overwrite: Field messages and metadata out of what the stream says. */
static lancelet_status plan_schema(table_plan *plan, const struct ArrowSchema *schema, lancelet_error *err)
{
    if (strcmp(schema->format, "+s") != 0 || schema->n_children < 1)
        return base_fail(err, LANCELET_INVALID, "the rows have no columns");
    if (schema->n_children > TABLE_FIELD_LIMIT)
        return base_fail(err, LANCELET_LIMIT, "%" PRId64 " columns are more than %d", schema->n_children,
                         TABLE_FIELD_LIMIT);
    plan->n_fields = (size_t)schema->n_children;
    plan->fields = base_calloc(plan->n_fields, sizeof *plan->fields);
    if (!plan->fields)
        return base_fail_memory(err);
    RETURN_IF_ERROR(table_fields_from_schema(schema, plan->fields, err));
    return table_put_metadata(schema, 1, &plan->schema_metadata, err);
}

static void plan_free(table_plan *plan)
{
    touched_free(plan);
    table_new_fragments_free(&plan->added);
    for (size_t i = 0; plan->fields && i < plan->n_fields; i++)
        base_buffer_free(&plan->fields[i]);
    base_free(plan->fields);
    base_buffer_free(&plan->schema_metadata);
}

/* Writes the rows of an Overwrite, whose schema is their own. */
static lancelet_status write_new_rows(table_plan *plan, const char *path, const struct ArrowSchema *schema,
                                      struct ArrowArrayStream *rows, const lancelet_write_options *options,
                                      table_trail *trail, base_arena *arena, lancelet_error *err)
{
    size_t n = plan->n_fields;
    wire_span *fields = base_arena_alloc(arena, n * sizeof *fields);
    int64_t *ids = base_arena_alloc(arena, n * sizeof *ids);
    if (!fields || !ids)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        fields[i] = (wire_span){plan->fields[i].data, plan->fields[i].size};
        ids[i] = (int64_t)i;
    }
    table_target target = {
        .path = path, .minor = plan->minor, .schema = schema, .fields = fields, .ids = ids};
    return table_write_rows(&target, schema, rows, options, trail, &plan->added, err);
}

/* Writes rows whose columns are the table's. */
static lancelet_status write_more_rows(table_plan *plan, const struct ArrowSchema *schema,
                                       struct ArrowArrayStream *rows, const lancelet_write_options *options,
                                       table_trail *trail, base_arena *arena, lancelet_error *err)
{
    const table_manifest *m = &plan->base->manifest;
    wire_span *fields = base_arena_alloc(arena, (m->n_top + 1) * sizeof *fields);
    int64_t *ids = base_arena_alloc(arena, (m->n_top + 1) * sizeof *ids);
    if (!fields || !ids)
        return base_fail_memory(err);
    for (size_t i = 0; i < m->n_top; i++) {
        fields[i] = m->fields[m->top[i]].raw;
        ids[i] = m->fields[m->top[i]].id;
    }
    table_target target = {.path = plan->base->path,
                           .minor = plan->minor,
                           .schema = &plan->base->schema,
                           .fields = fields,
                           .ids = ids};
    return table_write_rows(&target, schema, rows, options, trail, &plan->added, err);
}

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

static lancelet_status check_config(const lancelet_key_value *config, size_t n, lancelet_error *err)
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
    return check_config(c->config, c->n_config, err);
}

/* Reads the stream's schema and writes its rows. */
static lancelet_status plan_rows(table_plan *plan, const lancelet_change *c,
                                 const lancelet_write_options *options, table_trail *trail, base_arena *arena,
                                 lancelet_error *err)
{
    struct ArrowSchema schema = {0};
    RETURN_IF_ERROR(arrow_stream_schema(c->rows, &schema, err));
    lancelet_status status;
    if (c->overwrite) {
        status = plan_schema(plan, &schema, err);
        if (status == LANCELET_OK)
            status = write_new_rows(plan, plan->base->path, &schema, c->rows, options, trail, arena, err);
    } else if (strcmp(schema.format, "+s") != 0) {
        status = base_fail(err, LANCELET_INVALID, "the rows have no columns");
    } else {
        status = write_more_rows(plan, &schema, c->rows, options, trail, arena, err);
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
    base_arena arena = {0};
    bool published = false;
    lancelet_status status = gather_deletions(&plan, c->delete_addresses, c->n_delete, err);
    if (status == LANCELET_OK && c->rows)
        status = plan_rows(&plan, c, options, &trail, &arena, err);
    if (status == LANCELET_OK) {
        plan.operation = operation_of(c, &plan);
        status = land(&plan, options, &trail, &published, out, err);
    }
    if (!published)
        table_trail_undo(&trail, 0);
    table_trail_free(&trail);
    plan_free(&plan);
    base_arena_free(&arena);
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
    lancelet_status status = plan_schema(&plan, schema, err);
    plan_free(&plan);
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

/* ---- create and drop ---- */

/* Makes a folder and what is missing above it; each new name is made durable in its parent. */
static lancelet_status make_above(const char *path, bool sync, lancelet_error *err)
{
    base_stat stat;
    RETURN_IF_ERROR(base_file_stat(path, &stat, err));
    if (stat.exists)
        return LANCELET_OK;
    char *parent = base_path_parent(path);
    if (!parent)
        return base_fail_memory(err);
    lancelet_status status = strcmp(parent, path) == 0 ? LANCELET_OK : make_above(parent, sync, err);
    if (status == LANCELET_OK)
        status = base_dir_make(path, err);
    if (status == LANCELET_OK && sync)
        status = base_dir_sync(parent, err);
    base_free(parent);
    return status;
}

static lancelet_status make_folders(const char *path, bool sync, lancelet_error *err)
{
    static const char *const names[] = {"data", "_versions", "_transactions"};
    RETURN_IF_ERROR(make_above(path, sync, err));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        RETURN_IF_ERROR(table_make_folder(path, names[i], false, err));
    return sync ? base_dir_sync(path, err) : LANCELET_OK;
}

/* After a failed create: folders that are empty go, so that no listing shows a table that is none. */
static void unmake_folders(const char *path, bool table_too)
{
    static const char *const names[] = {"data", "_versions", "_transactions"};
    lancelet_error ignored;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *folder = base_path_join(path, names[i]);
        if (folder && base_dir_remove_empty(folder, &ignored) != LANCELET_OK)
            table_too = false;
        base_free(folder);
    }
    if (table_too && base_dir_remove_empty(path, &ignored) != LANCELET_OK)
        return; /* somebody else put something there */
}

static lancelet_status create(const char *path, struct ArrowArrayStream *rows, table_plan *plan,
                              const lancelet_write_options *options, table_trail *trail, base_arena *arena,
                              bool *published, lancelet_table **out, lancelet_error *err)
{
    RETURN_IF_ERROR(check_config(plan->config, plan->n_config, err));
    table_newest newest;
    RETURN_IF_ERROR(table_find_newest(path, &newest, err));
    if (newest.any)
        return base_fail(err, LANCELET_CONFLICT, "there is a table at %s already", path);
    base_stat before;
    RETURN_IF_ERROR(base_file_stat(path, &before, err));
    struct ArrowSchema schema = {0};
    RETURN_IF_ERROR(arrow_stream_schema(rows, &schema, err));
    lancelet_status status = plan_schema(plan, &schema, err);
    bool made = status == LANCELET_OK;
    if (status == LANCELET_OK)
        status = make_folders(path, !options->no_sync, err);
    if (status == LANCELET_OK)
        status = write_new_rows(plan, path, &schema, rows, options, trail, arena, err);
    if (status == LANCELET_OK) {
        attempt a = {
            .plan = plan, .options = options, .trail = trail, .path = path, .version = 1, .v2_names = true};
        status = try_commit(&a, published, out, err);
        if (status == LANCELET_CONFLICT)
            status = base_fail(err, LANCELET_CONFLICT,
                               "there is a table at %s already: another writer made it meanwhile", path);
    }
    if (!*published) {
        table_trail_undo(trail, 0);
        if (made)
            unmake_folders(path, !before.exists);
    }
    arrow_schema_release(&schema);
    return status;
}

lancelet_status lancelet_table_create(const char *path, struct ArrowArrayStream *rows,
                                      const lancelet_key_value *config, size_t n_config,
                                      const lancelet_write_options *options, lancelet_table **out,
                                      lancelet_error *err)
{
    lancelet_write_options o = LANCELET_WRITE_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    table_plan plan = {.operation = TABLE_OVERWRITE, .config = config, .n_config = n_config, .minor = 1};
    table_trail trail = {0};
    base_arena arena = {0};
    bool published = false;
    lancelet_status status =
        path && *path && rows
            ? create(path, rows, &plan, &o, &trail, &arena, &published, out, err)
            : base_fail(err, LANCELET_INVALID, "lancelet_table_create was given no path or no stream");
    table_trail_free(&trail);
    plan_free(&plan);
    base_arena_free(&arena);
    arrow_stream_release(rows);
    return status;
}

lancelet_status lancelet_table_drop(const char *path, lancelet_error *err)
{
    if (!path)
        return base_fail(err, LANCELET_INVALID, "lancelet_table_drop was given no path");
    char *versions = base_path_join(path, "_versions");
    if (!versions)
        return base_fail_memory(err);
    base_stat stat;
    lancelet_status status = base_file_stat(versions, &stat, err);
    base_free(versions);
    RETURN_IF_ERROR(status);
    if (!stat.is_dir)
        return base_fail(err, LANCELET_NOT_FOUND, "there is no table at %s", path);
    return base_dir_remove(path, err);
}
