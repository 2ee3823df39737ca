/* land.c - a plan becomes a version: deletion files, the transaction, the manifest, and what to do when another writer was
 * first.
 *
 * Order, so that a commit is whole after a power cut: data files and data/ synced by whoever wrote them; deletion files
 * and _deletions/; the transaction file and _transactions/; the manifest under a temporary name; its link to the final
 * name, which fails when another writer has that version (the same step that decides races on LanceDB's local tables);
 * _versions/. Files of an attempt that lost are removed, files of a commit that failed too; after a crash orphans may
 * stay, which no manifest names. */
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
        if (both) {
            a->plan->redo = true;
            status =
                base_fail(err, LANCELET_CONFLICT,
                          "the row of %s at the address %" PRIu64 " was deleted by another writer meanwhile",
                          a->path, t->fragment << 32 | (w * 64 + (uint64_t)__builtin_ctzll(both)));
        }
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
    for (size_t i = 0; i < a->plan->n_touched; i++) {
        table_touched *t = &a->plan->touched[i];
        if (!t->ours)
            continue;
        if (!any)
            RETURN_IF_ERROR(table_make_folder(a->path, "_deletions", !a->options->no_sync, err));
        any = true;
        RETURN_IF_ERROR(write_deletions(a, t, err));
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
    if (!table_transaction_write(a->plan, a->current, uuid, bytes))
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
        a->plan->redo = a->options->no_rebase;
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
            bool beaten = table_find_newest(base->path, &now, &why) == LANCELET_OK && now.version >= a->version;
            *again = beaten && !a->options->no_rebase;
            a->plan->redo |= beaten && a->options->no_rebase;
        }
        if (!*published)
            table_trail_undo(a->trail, mark);
    }
    table_manifest_free(&m);
    return status;
}

lancelet_status table_land(table_plan *plan, const lancelet_write_options *options, table_trail *trail, bool *published,
                           lancelet_table **out, lancelet_error *err)
{
    attempt a = {.plan = plan, .options = options, .trail = trail, .path = plan->base->path};
    for (int i = 0; i < MOST_ATTEMPTS; i++) {
        if (base_cancelled(options->cancel))
            return base_fail_cancelled(err);
        bool again;
        plan->redo = false;
        lancelet_status status = land_once(&a, published, &again, out, err);
        if (status == LANCELET_OK || !again)
            return status;
    }
    return base_fail(err, LANCELET_CONFLICT, "other writers of %s were first %d times in a row",
                     plan->base->path, MOST_ATTEMPTS);
}

lancelet_status table_land_first(table_plan *plan, const char *path, const lancelet_write_options *options, table_trail *trail,
                                 bool *published, lancelet_table **out, lancelet_error *err)
{
    attempt a = {.plan = plan, .options = options, .trail = trail, .path = path, .version = 1, .v2_names = true};
    lancelet_status status = try_commit(&a, published, out, err);
    if (status == LANCELET_CONFLICT && !*published)
        status = base_fail(err, LANCELET_CONFLICT, "there is a table at %s already: another writer made it meanwhile", path);
    return status;
}

lancelet_status table_land_behind(table_plan *plan, uint64_t newest, bool v2_names, const lancelet_write_options *options,
                                  table_trail *trail, bool *published, lancelet_table **out, lancelet_error *err)
{
    attempt a = {.plan = plan,
                 .options = options,
                 .trail = trail,
                 .path = plan->base->path,
                 .current = &plan->base->manifest,
                 .version = newest + 1,
                 .v2_names = v2_names};
    return try_commit(&a, published, out, err);
}
