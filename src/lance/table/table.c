/* table.c - opening a table: the counted handle, what is opened on first use (data files, deletions), and what the
 * manifest alone answers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lance/table/rows.h"
#include "lance/table/tags.h"

/* Field `at` and those below it, depth first, appended to t->depth_first; as deep as table_schema_build allowed. */
static void add_fields(lancelet_table *t, size_t at, size_t *n)
{
    const table_field *fields = t->manifest.fields;
    t->depth_first[(*n)++] = at;
    for (size_t i = fields[at].first_child; i != TABLE_NO_FIELD; i = fields[i].next_sibling)
        add_fields(t, i, n);
}

static lancelet_status order_fields(lancelet_table *t, lancelet_error *err)
{
    const table_manifest *m = &t->manifest;
    size_t n = 0;
    t->depth_first = base_calloc(m->n_fields + 1, sizeof *t->depth_first);
    t->columns = base_calloc(m->n_top + 1, sizeof *t->columns);
    if (!t->depth_first || !t->columns)
        return base_fail_memory(err);
    for (size_t i = 0; i < m->n_top; i++) {
        size_t first = n;
        add_fields(t, m->top[i], &n);
        t->columns[i] = (table_column){t->depth_first + first, n - first};
        t->most_fields = n - first > t->most_fields ? n - first : t->most_fields;
    }
    return LANCELET_OK;
}

/* Of a legacy table not even the number of rows is known, so it is not opened at all. */
static lancelet_status refuse_legacy(const char *path, lancelet_error *err)
{
    return base_fail(err, LANCELET_UNSUPPORTED,
                     "%s is a legacy Lance table (file version 0.1 or 0.2), which is not read; rewrite it with pylance: "
                     "import lance; lance.write_dataset(lance.dataset(\"%s\").to_table(), \"new.lance\")",
                     path, path);
}

lancelet_status table_make(const char *path, table_manifest *m, lancelet_table **out, lancelet_error *err)
{
    if (m->legacy) {
        table_manifest_free(m);
        return refuse_legacy(path, err);
    }
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
    if (status == LANCELET_OK)
        status = order_fields(t, err);
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
    base_free(table->depth_first);
    base_free(table->columns);
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
    if (o.version && o.tag)
        return base_fail(err, LANCELET_INVALID, "a version and a tag were asked for: one of them says which");
    table_newest newest;
    RETURN_IF_ERROR(table_find_newest(path, &newest, err));
    if (!newest.any)
        return base_fail(err, LANCELET_NOT_FOUND, "there is no table at %s", path);
    uint64_t version = o.version ? o.version : newest.version;
    if (o.tag)
        RETURN_IF_ERROR(table_tag_version(path, o.tag, &version, err));
    table_manifest m;
    lancelet_status status = table_manifest_read(path, version, newest.v2_names, &m, err);
    if (status == LANCELET_NOT_FOUND && o.tag)
        return base_fail(err, status, "the tag '%s' of %s stands for version %" PRIu64 ", which is not there", o.tag, path,
                         version);
    RETURN_IF_ERROR(status);
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

/* Negative ids (dropped columns, system columns) never match. */
const table_data_file *table_file_of(const table_fragment *f, int32_t field, size_t guess, size_t *at)
{
    for (size_t i = 0; i < f->n_files; i++) {
        const table_data_file *d = &f->files[i];
        for (size_t j = 0; j <= d->n_fields; j++) {
            *at = j == 0 ? guess : j - 1;
            if (*at < d->n_fields && d->fields[*at] == field)
                return d;
        }
    }
    return NULL;
}

lancelet_status table_locate(const lancelet_table *t, size_t fragment, size_t column, lance_file **file,
                             uint32_t *file_columns, lancelet_error *err)
{
    const table_fragment *f = &t->manifest.fragments[fragment];
    const table_column *c = &t->columns[column];
    const table_data_file *in = NULL;
    *file = NULL;
    for (size_t i = 0; i < c->n; i++) {
        const table_field *field = &t->manifest.fields[c->field[i]];
        size_t at;
        const table_data_file *d = table_file_of(f, field->id, c->field[i], &at);
        file_columns[i] = LANCE_NO_COLUMN;
        if (!d || at >= d->n_columns || d->columns[at] < 0)
            continue;
        if (in && in != d)
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "the parts of the column '%s' of %s lie in several files, which is not read",
                             t->manifest.fields[c->field[0]].name, t->path);
        if (!in) {
            lancelet_table *mutable = (lancelet_table *)t;
            pthread_mutex_lock(&mutable->lock);
            lancelet_status status = open_file(t, f, d, file, err);
            pthread_mutex_unlock(&mutable->lock);
            RETURN_IF_ERROR(status);
            in = d;
        }
        if (d->columns[at] >= (int64_t)lance_file_columns(*file))
            return base_fail(err, LANCELET_CORRUPT, "the data file %s has no column for '%s'", d->path, field->name);
        file_columns[i] = (uint32_t)d->columns[at];
    }
    return LANCELET_OK;
}

/* Why a type is not read, as the metadata of its field tell it. */
typedef struct type_trouble {
    wire_span unknown; /* the logical type; data NULL: known */
    bool blob;
} type_trouble;

static bool key_is(const char *key, size_t n, const char *name)
{
    return n == strlen(name) && memcmp(key, name, n) == 0;
}

static bool see_metadata(void *arg, const char *key, size_t nk, const char *value, size_t nv)
{
    type_trouble *trouble = arg;
    if (key_is(key, nk, "lance:logical_type"))
        trouble->unknown = (wire_span){(const uint8_t *)value, nv};
    trouble->blob |= key_is(key, nk, "lance-encoding:blob") ||
                     (key_is(key, nk, "ARROW:extension:name") && key_is(value, nv, "lance.blob.v2"));
    return true;
}

static void see_type(const struct ArrowSchema *s, type_trouble *trouble)
{
    arrow_schema_metadata_each(s, see_metadata, trouble);
    for (int64_t i = 0; i < s->n_children; i++)
        see_type(s->children[i], trouble);
}

lancelet_status table_check_readable_column(const lancelet_table *t, size_t column, lancelet_error *err)
{
    const struct ArrowSchema *s = t->schema.children[column];
    type_trouble trouble = {0};
    see_type(s, &trouble);
    if (trouble.unknown.data)
        return base_fail(err, LANCELET_UNSUPPORTED, "the column '%s' of %s has the type '%.*s', which is not read", s->name,
                         t->path, trouble.unknown.size < 100 ? (int)trouble.unknown.size : 100,
                         (const char *)trouble.unknown.data);
    if (trouble.blob)
        return base_fail(err, LANCELET_UNSUPPORTED, "the column '%s' of %s holds blobs, which are not read", s->name,
                         t->path);
    return LANCELET_OK;
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
    all.data_files = m->n_slots;
    all.small_fragments = table_small_fragments(m);
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

void lancelet_free(void *p)
{
    base_free(p);
}
