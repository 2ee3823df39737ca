/* last_good.c - brings a table back whose newest manifest is not whole: empty, cut, zeroed or flipped by a power cut or a bad
 * disk, or naming files that are not there. Other Lance libraries refuse to open such a table, or take it for empty.
 *
 * The newest whole version becomes a new version behind the broken ones, by a Restore transaction; only when it is durable
 * the broken manifests are renamed to "<name>.manifest.broken", which readers pass over. Before the new manifest has its
 * name the table is as it was; from then on it opens. A crash between the two leaves broken manifests below a whole one:
 * the same call again puts them aside. */
#include <inttypes.h>
#include <string.h>

#include "lance/table/table.h"

/* Opens every file of the version that readers would need. */
static lancelet_status check_files(const lancelet_table *t, lancelet_error *err)
{
    uint32_t *columns = base_alloc_array(t->most_fields + 1, sizeof *columns);
    if (!columns)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < t->manifest.n_fragments && status == LANCELET_OK; i++) {
        const table_bitmap *deleted;
        lance_file *file;
        for (size_t j = 0; j < t->manifest.n_top && status == LANCELET_OK; j++) {
            status = table_locate(t, i, j, &file, columns, err);
            if (status == LANCELET_UNSUPPORTED) /* a kind of file that is not read here: nothing says that it is broken */
                status = LANCELET_OK;
        }
        if (status == LANCELET_OK)
            status = table_deletions(t, i, &deleted, err);
    }
    base_free(columns);
    return status;
}

/* Is a version whole? Then *out is its table, the caller's; NULL: *why says what is broken. */
static lancelet_status look_at(const char *path, const table_version_name *v, lancelet_table **out, lancelet_error *why,
                               lancelet_error *err)
{
    table_manifest m;
    lancelet_table *t = NULL;
    *out = NULL;
    lancelet_status status = table_manifest_read(path, v->version, v->v2_names, &m, why);
    if (status == LANCELET_OK)
        status = table_make(path, &m, &t, why);
    if (status == LANCELET_OK)
        status = check_files(t, why);
    if (status == LANCELET_OK) {
        *out = t;
        return LANCELET_OK;
    }
    lancelet_table_destroy(t);
    if (status == LANCELET_CORRUPT || status == LANCELET_NOT_FOUND)
        return LANCELET_OK;
    return base_fail(err, status, "%s", why->text);
}

static lancelet_status put_aside(const char *path, const table_version_name *v, lancelet_error *err)
{
    char *from = table_manifest_path(path, v->version, v->v2_names), *to = from ? base_format("%s.broken", from) : NULL;
    lancelet_status status = to ? base_file_publish(from, to, err) : base_fail_memory(err);
    if (status == LANCELET_OK || status == LANCELET_CONFLICT) /* both names may be there: of this call, or of one cut short */
        status = base_file_remove(from, err);
    base_free(from);
    base_free(to);
    return status;
}

static lancelet_status put_all_aside(const char *path, const table_version_name *v, size_t n, bool sync, lancelet_error *err)
{
    for (size_t i = 0; i < n; i++) {
        lancelet_status status = put_aside(path, &v[i], err);
        if (status != LANCELET_OK && status != LANCELET_MEMORY)
            base_error_prefix(err, "the table %s is whole again, but the broken version %" PRIu64
                                   " could not be put aside; run the same again",
                              path, v[i].version);
        RETURN_IF_ERROR(status);
    }
    char *folder = sync ? base_path_join(path, "_versions") : NULL;
    if (sync && !folder)
        return base_fail_memory(err);
    lancelet_status status = sync ? base_dir_sync(folder, err) : LANCELET_OK;
    base_free(folder);
    return status;
}

static lancelet_status land(const lancelet_table *good, uint64_t newest, bool v2_names, const lancelet_write_options *o,
                            lancelet_table **out, lancelet_error *err)
{
    table_plan plan = {.operation = TABLE_RESTORE, .base = good, .restored = &good->manifest};
    table_trail trail = {0};
    bool published = false;
    RETURN_IF_ERROR(table_check_writable(&good->manifest, err));
    if (newest == UINT64_MAX)
        return base_fail(err, LANCELET_LIMIT, "the table %s has no version numbers left", good->path);
    lancelet_status status = table_land_behind(&plan, newest, v2_names, o, &trail, &published, out, err);
    table_trail_end(&trail, published);
    table_plan_free(&plan);
    return status;
}

/* Did the version come from a restore? */
static lancelet_status is_restored(const lancelet_table *t, bool *restored, lancelet_error *err)
{
    base_buffer bytes = {0};
    lancelet_status status = table_transaction_read(t->path, &t->manifest, &bytes, err);
    *restored = status == LANCELET_OK &&
                table_transaction_operation((wire_span){bytes.data, bytes.size}) == TABLE_RESTORE;
    base_buffer_free(&bytes);
    return status == LANCELET_CONFLICT ? LANCELET_OK : status;
}

/* Finds the newest whole version among v [n], before `end`: *good is the caller's; NULL: none is. *at is its place. */
static lancelet_status find_good(const char *path, const table_version_name *v, size_t end, lancelet_table **good,
                                 size_t *at, const volatile int *cancel, lancelet_error *why, lancelet_error *err)
{
    *good = NULL;
    for (*at = end; *at > 0 && !*good;) {
        if (base_cancelled(cancel))
            return base_fail_cancelled(err);
        RETURN_IF_ERROR(look_at(path, &v[--*at], good, why, err));
    }
    return LANCELET_OK;
}

/* The newest version is whole: what is left of a restore that was cut short is put aside. */
static lancelet_status finish(const char *path, const table_version_name *v, size_t n, const lancelet_table *newest,
                              const lancelet_write_options *o, lancelet_error *err)
{
    lancelet_error why;
    lancelet_table *good = NULL;
    size_t at = n - 1;
    bool restored;
    RETURN_IF_ERROR(is_restored(newest, &restored, err));
    if (restored)
        RETURN_IF_ERROR(find_good(path, v, n - 1, &good, &at, o->cancel, &why, err));
    size_t broken = restored && good ? n - 2 - at : 0;
    lancelet_table_destroy(good);
    if (broken == 0)
        return base_fail(err, LANCELET_CONFLICT, "version %" PRIu64 " of %s, the newest, is whole: nothing to bring back",
                         newest->manifest.version, path);
    return put_all_aside(path, v + at + 1, broken, !o->no_sync, err);
}

static lancelet_status restore(const char *path, const table_version_name *v, size_t n, const lancelet_write_options *o,
                               lancelet_table **out, lancelet_error *err)
{
    lancelet_error why;
    lancelet_table *good = NULL, *made = NULL;
    size_t at;
    bool v2_names = true;
    for (size_t i = 0; i < n; i++)
        v2_names &= v[i].v2_names;
    RETURN_IF_ERROR(find_good(path, v, n, &good, &at, o->cancel, &why, err));
    if (!good)
        return base_fail(err, LANCELET_NOT_FOUND, "no version of %s is whole; of the oldest: %s", path, why.text);
    lancelet_status status;
    if (at == n - 1) {
        status = finish(path, v, n, good, o, err);
        made = good;
    } else {
        status = land(good, v[n - 1].version, v2_names, o, &made, err);
        lancelet_table_destroy(good);
        if (status == LANCELET_OK)
            status = put_all_aside(path, v + at + 1, n - 1 - at, !o->no_sync, err);
    }
    if (status == LANCELET_OK && out)
        *out = made;
    else
        lancelet_table_destroy(made);
    return status;
}

lancelet_status lancelet_restore_last_good(const char *path, const lancelet_write_options *options, lancelet_table **out,
                                           lancelet_error *err)
{
    lancelet_write_options o = LANCELET_WRITE_OPTIONS_INIT;
    table_version_name *v;
    size_t n;
    if (!path)
        return base_fail(err, LANCELET_INVALID, "lancelet_restore_last_good was given no path");
    base_options(&o, sizeof o, options);
    RETURN_IF_ERROR(table_list_versions(path, &v, &n, err));
    lancelet_status status = n ? restore(path, v, n, &o, out, err)
                               : base_fail(err, LANCELET_NOT_FOUND, "there is no table at %s", path);
    base_free(v);
    return status;
}
