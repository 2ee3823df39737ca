/* create.c - a table is made, with its folders, or dropped. */
#include <inttypes.h>
#include <string.h>

#include "lance/table/table.h"

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

/* Maps came with file version 2.2. */
static bool holds_map(const struct ArrowSchema *schema)
{
    bool map = strcmp(schema->format, "+m") == 0;
    for (int64_t i = 0; i < schema->n_children && !map; i++)
        map = holds_map(schema->children[i]);
    return map;
}

static lancelet_status create(const char *path, struct ArrowArrayStream *rows, table_plan *plan,
                              const lancelet_write_options *options, table_trail *trail, bool *published,
                              lancelet_table **out, lancelet_error *err)
{
    RETURN_IF_ERROR(table_check_config(plan->config, plan->n_config, err));
    table_newest newest;
    RETURN_IF_ERROR(table_find_newest(path, &newest, err));
    if (newest.any)
        return base_fail(err, LANCELET_CONFLICT, "there is a table at %s already", path);
    base_stat before;
    RETURN_IF_ERROR(base_file_stat(path, &before, err));
    struct ArrowSchema schema = {0};
    RETURN_IF_ERROR(arrow_stream_schema(rows, &schema, err));
    lancelet_status status = table_plan_schema(plan, &schema, err);
    bool made = status == LANCELET_OK;
    plan->minor = holds_map(&schema) ? 2 : 1;
    if (status == LANCELET_OK)
        status = make_folders(path, !options->no_sync, err);
    if (status == LANCELET_OK)
        status = table_plan_new_rows(plan, path, &schema, rows, options, trail, err);
    if (status == LANCELET_OK)
        status = table_land_first(plan, path, options, trail, published, out, err);
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
    table_plan plan = {.operation = TABLE_OVERWRITE, .config = config, .n_config = n_config};
    table_trail trail = {0};
    bool published = false;
    lancelet_status status =
        path && *path && rows
            ? create(path, rows, &plan, &o, &trail, &published, out, err)
            : base_fail(err, LANCELET_INVALID, "lancelet_table_create was given no path or no stream");
    table_trail_end(&trail, published);
    table_plan_free(&plan);
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
