/* upkeep.c - compaction, restoring and cleaning up of a table. Each keeps an index run of ours out where it would lose by it:
 * a run knows rows by their addresses, which a compaction or another version gives to other rows, and its files are named
 * by no version until they are committed. Other writers are kept right by lancelet's rules for conflicts. */
#include "gallery/gallery.h"

picask_status picask_table_optimize(picask_table *t, const lancelet_compact_options *options,
                                    lancelet_compact_report *report, picask_error *err)
{
    lancelet_table *newer = NULL;
    int lock = -1;
    RETURN_IF_ERROR(gallery_table_lock(t, &lock, err));
    lancelet_status status = picask_table_refresh(t, err);
    if (status == LANCELET_OK && !(options && options->upgrade_minor))
        status = gallery_check_written(t, err);
    if (status == LANCELET_OK)
        status = lancelet_table_compact(t->lance, options, report, &newer, err);
    if (status == LANCELET_OK)
        status = gallery_table_set(t, newer, err);
    base_unlock(lock);
    return status;
}

/* The next id as it was before an older version came back, unless that one says it or a larger one. */
static lancelet_status keep_next_id(picask_table *t, int64_t next, lancelet_error *err)
{
    lancelet_change change = LANCELET_CHANGE_INIT;
    lancelet_key_value kv;
    lancelet_table *newer = NULL;
    char *text = NULL;
    int64_t now = 0;
    RETURN_IF_ERROR(gallery_next_id(t, &now, err));
    if (now >= next)
        return LANCELET_OK;
    RETURN_IF_ERROR(gallery_next_id_config(t, next, &text, &kv, &change.n_config, err));
    change.config = &kv;
    lancelet_status status =
        change.n_config ? lancelet_table_commit(t->lance, &change, NULL, &newer, err) : LANCELET_OK;
    base_free(text);
    return status == LANCELET_OK && newer ? gallery_table_set(t, newer, err) : status;
}

static lancelet_status restore(picask_table *t, uint64_t version, lancelet_error *err)
{
    lancelet_open_options o = LANCELET_OPEN_OPTIONS_INIT;
    lancelet_table *old = NULL, *newer = NULL;
    int64_t next = 0;
    o.version = version;
    RETURN_IF_ERROR(picask_table_refresh(t, err));
    RETURN_IF_ERROR(gallery_next_id(t, &next, err));
    RETURN_IF_ERROR(lancelet_table_open(t->path, &o, &old, err));
    lancelet_status status = lancelet_table_restore(old, NULL, &newer, err);
    lancelet_table_destroy(old);
    if (status == LANCELET_OK)
        status = gallery_table_set(t, newer, err);
    return status == LANCELET_OK ? keep_next_id(t, next, err) : status;
}

picask_status picask_table_restore(picask_table *t, uint64_t version, picask_error *err)
{
    int lock = -1;
    RETURN_IF_ERROR(gallery_table_lock(t, &lock, err));
    lancelet_status status = restore(t, version, err);
    base_unlock(lock);
    return status;
}

/* *lock stays -1 unless it is asked for. */
static lancelet_status begin(const char *db, const char *name, bool locked, picask_table **t, int *lock,
                             lancelet_error *err)
{
    base_stat stat = {0};
    RETURN_IF_ERROR(gallery_table_begin(db, name, NULL, 0, t, err));
    RETURN_IF_ERROR(base_file_stat((*t)->path, &stat, err));
    if (!stat.is_dir)
        return gallery_fail_no_table(*t, err);
    return locked ? gallery_table_lock(*t, lock, err) : LANCELET_OK;
}

picask_status picask_table_restore_last_good(const char *db, const char *name, uint64_t *version,
                                             picask_error *err)
{
    picask_table *t = NULL;
    lancelet_table *newer = NULL;
    int lock = -1;
    lancelet_status status = begin(db, name, true, &t, &lock, err);
    if (status == LANCELET_OK)
        status = lancelet_restore_last_good(t->path, NULL, &newer, err);
    if (status == LANCELET_OK && version) {
        lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
        lancelet_table_get_info(newer, &info);
        *version = info.version;
    }
    lancelet_table_destroy(newer);
    if (lock >= 0)
        base_unlock(lock);
    picask_table_destroy(t);
    return status;
}

picask_status picask_table_cleanup(const char *db, const char *name, const lancelet_cleanup_options *options,
                                   lancelet_cleanup_report *report, picask_error *err)
{
    picask_table *t = NULL;
    int lock = -1;
    bool exists = false, breaks_writers = options && options->unverified && !options->dry_run;
    lancelet_status status = begin(db, name, breaks_writers, &t, &lock, err);
    if (status == LANCELET_OK) /* where the newest version is broken, what helps is said */
        status = gallery_table_load(t, &exists, err);
    if (status == LANCELET_OK)
        status = exists ? lancelet_cleanup(t->path, options, report, err) : gallery_fail_no_table(t, err);
    if (lock >= 0)
        base_unlock(lock);
    picask_table_destroy(t);
    return status;
}
