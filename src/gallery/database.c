/* database.c - a database is a folder of tables `<name>.lance`, as LanceDB lays it out: its tables' names, where a table
 * lies, and dropping one. */
#include "gallery/gallery.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define ENDING ".lance"

static bool name_is_whole(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/') && strlen(name) < 200;
}

static lancelet_status fail_name(const char *name, lancelet_error *err)
{
    return base_fail(
        err, LANCELET_INVALID,
        "'%s' cannot be a table's name: letters, digits, _ - and . make one, the first is no dot", name);
}

/* LanceDB opens no table of another name; one that some other writer made is read by ours all the same. */
lancelet_status gallery_check_new_name(const char *name, lancelet_error *err)
{
    static const char possible[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    return name[strspn(name, possible)] ? fail_name(name, err) : LANCELET_OK;
}

lancelet_status gallery_table_path(const char *db, const char *name, char **out, lancelet_error *err)
{
    if (!db || !*db)
        return base_fail(err, LANCELET_INVALID, "the name of the database folder is empty");
    if (!name || !name_is_whole(name))
        return fail_name(name ? name : "", err);
    char *path = base_format("%s/%s" ENDING, db, name);
    if (!path)
        return base_fail_memory(err);
    *out = path;
    return LANCELET_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A folder of that name with at least one version: a first run that was killed may leave one without. What cannot be looked
 * into counts, so that it is named when it is opened. */
static lancelet_status is_table(const char *db, const char *file, bool *is, lancelet_error *err)
{
    base_names versions = {0};
    base_stat stat = {0};
    lancelet_error why;
    char *path = base_path_join(db, file), *folder = path ? base_path_join(path, "_versions") : NULL;
    lancelet_status status = folder ? base_file_stat(path, &stat, &why) : base_fail_memory(err);
    *is = false;
    if (status == LANCELET_OK && stat.is_dir) {
        status = base_dir_list(folder, &versions, &why);
        *is = status != LANCELET_OK && status != LANCELET_NOT_FOUND;
        for (size_t i = 0; i < versions.n && !*is; i++)
            *is = base_glob_match("*.manifest", versions.name[i]);
        base_names_free(&versions);
    }
    base_free(path);
    base_free(folder);
    return status == LANCELET_MEMORY ? base_fail_memory(err) : LANCELET_OK;
}

picask_status picask_tables(const char *db, char ***out, size_t *n_out, picask_error *err)
{
    base_names all = {0};
    lancelet_status status = base_dir_list(db, &all, err);
    if (status == LANCELET_NOT_FOUND) {
        *out = NULL;
        *n_out = 0;
        return LANCELET_OK;
    }
    if (status != LANCELET_OK)
        return status;
    char **names = base_calloc(all.n + 1, sizeof *names);
    size_t n = 0;
    if (!names)
        status = base_fail_memory(err);
    for (size_t i = 0; i < all.n && status == LANCELET_OK; i++) {
        const char *name = all.name[i];
        size_t length = strlen(name), ending = strlen(ENDING);
        if (name[0] == '.' || length <= ending || strcmp(name + length - ending, ENDING) != 0)
            continue;
        bool is;
        status = is_table(db, name, &is, err);
        if (status != LANCELET_OK || !is)
            continue;
        names[n] = base_strndup(name, length - ending);
        if (!names[n])
            status = base_fail_memory(err);
        else
            n++;
    }
    base_names_free(&all);
    if (status != LANCELET_OK) {
        picask_names_free(names, n);
        return status;
    }
    /* the folder's order is that of the names with their ending: "a-b.lance" comes before "a.lance" there */
    qsort(names, n, sizeof *names, by_bytes);
    *out = names;
    *n_out = n;
    return LANCELET_OK;
}

void picask_names_free(char **names, size_t n)
{
    for (size_t i = 0; names && i < n; i++)
        base_free(names[i]);
    base_free(names);
}

picask_status picask_table_drop(const char *db, const char *name, picask_error *err)
{
    picask_table *t = NULL;
    RETURN_IF_ERROR(gallery_table_begin(db, name, NULL, 0, &t, err));
    base_stat stat = {0};
    lancelet_status status = base_file_stat(t->path, &stat, err);
    if (status == LANCELET_OK && !stat.is_dir)
        status = gallery_fail_no_table(t, err);
    int lock = -1;
    if (status == LANCELET_OK)
        status = gallery_table_lock(t, &lock, err);
    if (status == LANCELET_OK) {
        status = lancelet_table_drop(t->path, err);
        base_unlock(lock);
    }
    picask_table_destroy(t);
    return status;
}
