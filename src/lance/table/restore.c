/* restore.c - the rows, schema and metadata of an older version come back as a new one: a Restore transaction. */
#include <inttypes.h>
#include <string.h>

#include "lance/table/table.h"

static lancelet_status check_file(const lancelet_table *old, const char *file, lancelet_error *err)
{
    if (!file)
        return base_fail_memory(err);
    base_stat stat;
    RETURN_IF_ERROR(base_file_stat(file, &stat, err));
    return stat.exists ? LANCELET_OK
                       : base_fail(err, LANCELET_CORRUPT, "the file %s of version %" PRIu64 " is not there", file,
                                   old->manifest.version);
}

/* A version that was cleaned up, or has lost files, cannot come back. */
static lancelet_status check_whole(const lancelet_table *old, lancelet_error *err)
{
    const table_manifest *m = &old->manifest;
    table_manifest now;
    RETURN_IF_ERROR(table_manifest_read(old->path, m->version, m->v2_names, &now, err));
    bool same = now.size == m->size && memcmp(now.bytes, m->bytes, m->size) == 0;
    table_manifest_free(&now);
    if (!same)
        return base_fail(err, LANCELET_CONFLICT, "the table %s was replaced by another one meanwhile", old->path);
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < m->n_fragments && status == LANCELET_OK; i++) {
        const table_fragment *f = &m->fragments[i];
        for (size_t j = 0; j < f->n_files && status == LANCELET_OK; j++) {
            char *file = base_format("%s/data/%s", old->path, f->files[j].path);
            status = check_file(old, file, err);
            base_free(file);
        }
        if (status == LANCELET_OK && f->deletion.present) {
            char *file = table_deletion_path(old->path, f->id, &f->deletion);
            status = check_file(old, file, err);
            base_free(file);
        }
    }
    return status;
}

static lancelet_status plan_restore(void *arg, table_plan *plan, const lancelet_write_options *options, table_trail *trail,
                                    lancelet_error *err)
{
    (void)options;
    (void)trail;
    const lancelet_table *old = arg;
    if (old->manifest.version == plan->base->manifest.version)
        return LANCELET_OK;
    plan->operation = TABLE_RESTORE;
    plan->restored = &old->manifest;
    RETURN_IF_ERROR(table_check_writable(&old->manifest, err));
    return check_whole(old, err);
}

lancelet_status lancelet_table_restore(const lancelet_table *table, const lancelet_write_options *options,
                                       lancelet_table **out, lancelet_error *err)
{
    if (!table)
        return base_fail(err, LANCELET_INVALID, "lancelet_table_restore was given no table");
    lancelet_write_options o = LANCELET_WRITE_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    lancelet_table *newest = NULL;
    RETURN_IF_ERROR(lancelet_table_open(table->path, NULL, &newest, err));
    lancelet_table *old = table_retain(table);
    lancelet_status status = table_apply(newest, &(table_change){plan_restore, old}, &o, out, err);
    lancelet_table_destroy(old);
    lancelet_table_destroy(newest);
    return status;
}
