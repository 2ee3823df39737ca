/* table.c - opening a table: the counted handle, what is opened on first use (data files, deletions), and what the
 * manifest alone answers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lance/table/table.h"

lancelet_status table_make(const char *path, table_manifest *m, lancelet_table **out, lancelet_error *err)
{
    lancelet_table *t = base_calloc(1, sizeof *t);
    if (!t || pthread_mutex_init(&t->lock, NULL) != 0) {
        base_free(t);
        table_manifest_free(m);
        return base_fail_memory(err);
    }
    atomic_init(&t->references, 1);
    t->manifest = *m;
    *m = (table_manifest){0};
    t->path = base_strdup(path);
    t->files = base_calloc(t->manifest.n_slots + 1, sizeof(lance_file *));
    t->deletions = base_calloc(t->manifest.n_fragments + 1, sizeof(table_bitmap *));
    lancelet_status status = t->path && t->files && t->deletions ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = table_schema_build(&t->manifest, &t->schema, err);
    /* An old writer may have left the count of a deletion file out: only the file says how many rows live. */
    for (size_t i = 0; i < t->manifest.n_fragments && status == LANCELET_OK; i++) {
        table_fragment *f = &t->manifest.fragments[i];
        const table_bitmap *deleted;
        if (!f->deletion.present || f->deletion.rows)
            continue;
        status = table_deletions(t, i, &deleted, err);
        if (status == LANCELET_OK)
            f->deletion.rows = deleted->count;
    }
    if (status != LANCELET_OK) {
        lancelet_table_destroy(t);
        return status;
    }
    *out = t;
    return LANCELET_OK;
}

lancelet_table *table_retain(const lancelet_table *t)
{
    lancelet_table *mutable = (lancelet_table *)t; /* counting is no change to the version */
    atomic_fetch_add(&mutable->references, 1);
    return mutable;
}

void lancelet_table_destroy(lancelet_table *table)
{
    if (!table || atomic_fetch_sub(&table->references, 1) != 1)
        return;
    for (size_t i = 0; table->files && i < table->manifest.n_slots; i++)
        if (table->files[i])
            lance_file_close(table->files[i]);
    for (size_t i = 0; table->deletions && i < table->manifest.n_fragments; i++)
        table_bitmap_destroy(table->deletions[i]);
    base_free(table->files);
    base_free(table->deletions);
    arrow_schema_release(&table->schema);
    table_manifest_free(&table->manifest);
    base_free(table->path);
    pthread_mutex_destroy(&table->lock);
    base_free(table);
}

lancelet_status lancelet_table_open(const char *path, const lancelet_open_options *options,
                                    lancelet_table **out, lancelet_error *err)
{
    if (!path || !out)
        return base_fail(err, LANCELET_INVALID,
                         "lancelet_table_open was given no path or no place for the table");
    lancelet_open_options o = LANCELET_OPEN_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    table_newest newest;
    RETURN_IF_ERROR(table_find_newest(path, &newest, err));
    if (!newest.any)
        return base_fail(err, LANCELET_NOT_FOUND, "there is no table at %s", path);
    uint64_t version = o.version ? o.version : newest.version;
    table_manifest m;
    RETURN_IF_ERROR(table_manifest_read(path, version, newest.v2_names, &m, err));
    return table_make(path, &m, out, err);
}

lancelet_status table_deletions(const lancelet_table *t, size_t fragment, const table_bitmap **out,
                                lancelet_error *err)
{
    const table_fragment *f = &t->manifest.fragments[fragment];
    if (!f->deletion.present) {
        *out = NULL;
        return LANCELET_OK;
    }
    lancelet_table *mutable = (lancelet_table *)t; /* opened on first use, under the lock */
    lancelet_status status = LANCELET_OK;
    pthread_mutex_lock(&mutable->lock);
    if (!t->deletions[fragment])
        status = table_deletions_read(t->path, f, &t->deletions[fragment], err);
    if (status == LANCELET_OK)
        *out = t->deletions[fragment];
    pthread_mutex_unlock(&mutable->lock);
    return status;
}

/* Opens a data file of a fragment, unless that was done before, and checks that it has the fragment's rows. */
static lancelet_status open_file(const lancelet_table *t, const table_fragment *f, const table_data_file *d,
                                 lance_file **out, lancelet_error *err)
{
    lance_file *file = t->files[d->slot];
    if (!file) {
        char *path = base_format("%s/data/%s", t->path, d->path);
        if (!path)
            return base_fail_memory(err);
        lancelet_error why;
        lancelet_status status = lance_file_open(path, d->size, &file, &why);
        if (status == LANCELET_NOT_FOUND)
            status = base_fail(err, LANCELET_CORRUPT, "the data file %s of version %" PRIu64 " is not there",
                               path, t->manifest.version);
        else if ((status == LANCELET_CORRUPT || status == LANCELET_UNSUPPORTED) && !strstr(why.text, path))
            status = base_fail(err, status, "the data file %s: %s", path, why.text);
        else if (status != LANCELET_OK)
            status = base_fail(err, status, "%s", why.text);
        if (status == LANCELET_OK && lance_file_rows(file) != f->physical_rows) {
            status = base_fail(err, LANCELET_CORRUPT,
                               "the data file %s has %" PRIu64 " rows, the manifest says %" PRIu64, path,
                               lance_file_rows(file), f->physical_rows);
            lance_file_close(file);
        }
        base_free(path);
        RETURN_IF_ERROR(status);
        t->files[d->slot] = file;
    }
    *out = file;
    return LANCELET_OK;
}

lancelet_status table_locate(const lancelet_table *t, size_t fragment, size_t column, lance_file **file,
                             uint32_t *file_column, lancelet_error *err)
{
    const table_fragment *f = &t->manifest.fragments[fragment];
    const table_field *field = &t->manifest.fields[t->manifest.top[column]];
    for (size_t i = 0; i < f->n_files; i++) {
        const table_data_file *d = &f->files[i];
        for (size_t j = 0; j < d->n_fields; j++) {
            if (d->fields[j] != field->id) /* negative ids (dropped columns, system columns) never match */
                continue;
            lancelet_table *mutable = (lancelet_table *)t;
            pthread_mutex_lock(&mutable->lock);
            lancelet_status status = open_file(t, f, d, file, err);
            pthread_mutex_unlock(&mutable->lock);
            RETURN_IF_ERROR(status);
            if (j >= d->n_columns || d->columns[j] < 0 || d->columns[j] >= (int64_t)lance_file_columns(*file))
                return base_fail(err, LANCELET_CORRUPT, "the data file %s has no column for '%s'", d->path,
                                 field->name);
            *file_column = (uint32_t)d->columns[j];
            return LANCELET_OK;
        }
    }
    *file = NULL;
    return LANCELET_OK;
}

lancelet_status table_check_readable_column(const lancelet_table *t, size_t column, lancelet_error *err)
{
    const struct ArrowSchema *s = t->schema.children[column];
    bool nested = s->n_children > 0 && arrow_list_size(s) < 0;
    if (!nested && strcmp(s->format, "n") != 0)
        return LANCELET_OK;
    return base_fail(err, LANCELET_UNSUPPORTED, "the column '%s' of %s has the type '%s', which is not read",
                     s->name, t->path, t->manifest.fields[t->manifest.top[column]].logical_type);
}

lancelet_status table_nulls(const struct ArrowSchema *column, size_t n, struct ArrowArray *out,
                            lancelet_error *err)
{
    arrow_builder b;
    RETURN_IF_ERROR(arrow_builder_init(&b, column, err));
    for (size_t i = 0; i < n; i++)
        if (!arrow_append_null(&b)) {
            arrow_builder_free(&b);
            return base_fail_memory(err);
        }
    return arrow_builder_finish(&b, out, err);
}

/* ---- what the manifest answers ---- */

uint64_t table_live_rows(const table_manifest *m)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < m->n_fragments; i++)
        rows += m->fragments[i].physical_rows - m->fragments[i].deletion.rows;
    return rows;
}

void lancelet_table_get_info(const lancelet_table *table, lancelet_table_info *info)
{
    const table_manifest *m = &table->manifest;
    lancelet_table_info all = LANCELET_TABLE_INFO_INIT;
    all.version = m->version;
    all.rows = table_live_rows(m);
    all.fragments = m->n_fragments;
    for (size_t i = 0; i < m->n_fragments; i++) {
        all.deleted_rows += m->fragments[i].deletion.rows;
        for (size_t j = 0; j < m->fragments[i].n_files; j++)
            all.data_bytes += m->fragments[i].files[j].size;
    }
    all.indices = m->n_indices;
    all.timestamp_us = m->timestamp_us;
    all.data_version = m->data_version;
    all.path = table->path;
    /* An older caller's struct is shorter. */
    size_t n = info->struct_size < sizeof all ? info->struct_size : sizeof all;
    all.struct_size = info->struct_size;
    memcpy(info, &all, n);
}

lancelet_status lancelet_table_schema(const lancelet_table *table, struct ArrowSchema *out,
                                      lancelet_error *err)
{
    return arrow_schema_copy(&table->schema, out, err);
}

static const char *find_value(const lancelet_key_value *kv, size_t n, const char *key)
{
    for (size_t i = n; i-- > 0;)
        if (strcmp(kv[i].key, key) == 0)
            return kv[i].value;
    return NULL;
}

const char *lancelet_table_config(const lancelet_table *table, const char *key)
{
    return find_value(table->manifest.config, table->manifest.n_config, key);
}

const char *lancelet_table_schema_metadata(const lancelet_table *table, const char *key)
{
    return find_value(table->manifest.schema_metadata, table->manifest.n_schema_metadata, key);
}
