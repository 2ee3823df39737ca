/* dir.c - folders: list, make, sync, remove with all that is in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/os.h"

/* Each level of a tree being removed holds a descriptor. */
enum { DEEPEST_TREE = 200 };

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_dot(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static bool names_add(base_names *names, size_t *capacity, const char *name)
{
    if (names->n == *capacity) {
        size_t grown = *capacity ? 2 * *capacity : 16, bytes;
        char **more = base_mul_size(grown, sizeof *more, &bytes) ? base_realloc(names->name, bytes) : NULL;
        if (!more)
            return false;
        names->name = more;
        *capacity = grown;
    }
    char *copy = base_strdup(name);
    if (!copy)
        return false;
    names->name[names->n++] = copy;
    return true;
}

/* Takes `dir` over. */
static lancelet_status list(DIR *dir, const char *path, base_names *out, lancelet_error *err)
{
    base_names names = {0};
    size_t capacity = 0;
    lancelet_status status = LANCELET_OK;
    for (;;) {
        errno = 0;
        struct dirent *entry = base_fault_file_now() ? NULL : readdir(dir);
        if (!entry) {
            if (errno != 0)
                status = base_fail_errno(err, errno, "cannot read the folder %s", path);
            break;
        }
        if (!is_dot(entry->d_name) && !names_add(&names, &capacity, entry->d_name)) {
            status = base_fail_memory(err);
            break;
        }
    }
    closedir(dir);
    if (status != LANCELET_OK) {
        base_names_free(&names);
        return status;
    }
    if (names.n > 1)
        qsort(names.name, names.n, sizeof *names.name, compare_names);
    *out = names;
    return LANCELET_OK;
}

lancelet_status base_dir_list(const char *path, base_names *out, lancelet_error *err)
{
    DIR *dir = base_fault_file_now() ? NULL : opendir(path);
    if (!dir)
        return base_fail_errno(err, errno, "cannot open the folder %s", path);
    return list(dir, path, out, err);
}

void base_names_free(base_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        base_free(names->name[i]);
    base_free(names->name);
    *names = (base_names){0};
}

/* ---- listings with types ---- */

static base_name_type type_of(const struct dirent *entry)
{
    switch (entry->d_type) {
    case DT_REG:
        return BASE_NAME_FILE;
    case DT_DIR:
        return BASE_NAME_FOLDER;
    case DT_FIFO:
    case DT_SOCK:
    case DT_CHR:
    case DT_BLK:
        return BASE_NAME_OTHER;
    default: /* file systems that do not say, and links */
        return BASE_NAME_UNKNOWN;
    }
}

static int compare_listed(const void *a, const void *b)
{
    return strcmp(((const base_listed *)a)->name, ((const base_listed *)b)->name);
}

static bool listing_add(base_listing *l, size_t *capacity, const struct dirent *entry)
{
    if (l->n == *capacity) {
        size_t grown = *capacity ? 2 * *capacity : 32, bytes;
        base_listed *more = base_mul_size(grown, sizeof *more, &bytes) ? base_realloc(l->entry, bytes) : NULL;
        if (!more)
            return false;
        l->entry = more;
        *capacity = grown;
    }
    const char *name = base_arena_strndup(&l->names, entry->d_name, strlen(entry->d_name));
    if (!name)
        return false;
    l->entry[l->n++] = (base_listed){.name = name, .type = type_of(entry)};
    return true;
}

static lancelet_status listing_read(DIR *dir, const char *path, base_listing *l, lancelet_error *err)
{
    size_t capacity = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = base_fault_file_now() ? NULL : readdir(dir);
        if (!entry && errno != 0)
            return base_fail_errno(err, errno, "cannot read the folder %s", path);
        if (!entry)
            break;
        if (!is_dot(entry->d_name) && !listing_add(l, &capacity, entry))
            return base_fail_memory(err);
    }
    if (l->n > 1)
        qsort(l->entry, l->n, sizeof *l->entry, compare_listed);
    return LANCELET_OK;
}

lancelet_status base_listing_open(const char *path, base_listing *out, lancelet_error *err)
{
    *out = (base_listing){.fd = -1};
    base_listing l = {.fd = -1};
    l.fd = base_fault_file_now() ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l.fd < 0)
        return base_fail_errno(err, errno, "cannot open the folder %s", path);
    int for_list = fcntl(l.fd, F_DUPFD_CLOEXEC, 0); /* closedir takes its descriptor along */
    DIR *dir = for_list < 0 ? NULL : fdopendir(for_list);
    if (!dir) {
        int e = errno;
        if (for_list >= 0)
            close(for_list);
        close(l.fd);
        return base_fail_errno(err, e, "cannot open the folder %s", path);
    }
    lancelet_status status = listing_read(dir, path, &l, err);
    closedir(dir);
    if (status != LANCELET_OK) {
        base_listing_close(&l);
        return status;
    }
    *out = l;
    return LANCELET_OK;
}

void base_listing_done(base_listing *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

void base_listing_close(base_listing *l)
{
    base_listing_done(l);
    base_free(l->entry);
    base_arena_free(&l->names);
    *l = (base_listing){.fd = -1};
}

lancelet_status base_dir_sync(const char *path, lancelet_error *err)
{
    int fd = base_fault_file_now() ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return base_fail_errno(err, errno, "cannot open the folder %s", path);
    lancelet_status status = LANCELET_OK;
    /* EINVAL: a file system whose folders need (and know) no sync */
    if ((base_fault_file_now() || base_os_sync(fd) != 0) && errno != EINVAL)
        status = base_fail_errno(err, errno, "cannot sync the folder %s", path);
    else
        base_fault_saw("sync folder", path);
    close(fd);
    return status;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static lancelet_status make_one(const char *path, lancelet_error *err)
{
    if (!base_fault_file_now() && mkdir(path, 0777) == 0)
        return LANCELET_OK;
    int e = errno;
    if (e == EEXIST && is_folder(path))
        return LANCELET_OK;
    return base_fail_errno(err, e, "cannot make the folder %s", path);
}

lancelet_status base_dir_make(const char *path, lancelet_error *err)
{
    if (is_folder(path))
        return LANCELET_OK;
    char *copy = base_strdup(path);
    if (!copy)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    for (char *p = copy; *p && status == LANCELET_OK; p++) {
        if (*p != '/' || p == copy || p[-1] == '/')
            continue;
        *p = '\0';
        if (!is_folder(copy))
            status = make_one(copy, err);
        *p = '/';
    }
    if (status == LANCELET_OK)
        status = make_one(copy, err);
    base_free(copy);
    return status;
}

/* Removes `name` of the folder `at`, whatever it is; `path` is the tree's root, for messages. Links are removed, never
 * followed: the folder is opened with O_NOFOLLOW and everything goes relative to descriptors. */
static lancelet_status remove_at(int at, const char *name, const char *path, int depth, lancelet_error *err)
{
    if (!base_fault_file_now() && unlinkat(at, name, 0) == 0)
        return LANCELET_OK;
    if (errno == ENOENT)
        return LANCELET_OK;
    if (errno != EISDIR && errno != EPERM) /* EPERM: what POSIX and macOS have for unlink of a folder */
        return base_fail_errno(err, errno, "cannot remove %s in %s", name, path);
    if (depth > DEEPEST_TREE)
        return base_fail(err, LANCELET_LIMIT, "%s has folders more than %d deep", path, DEEPEST_TREE);
    int fd = base_fault_file_now() ? -1 : openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return base_fail_errno(err, errno, "cannot open %s in %s", name, path);
    int for_list = dup(fd);
    DIR *dir = for_list < 0 ? NULL : fdopendir(for_list);
    if (!dir) {
        int e = errno;
        if (for_list >= 0)
            close(for_list);
        close(fd);
        return base_fail_errno(err, e, "cannot open %s in %s", name, path);
    }
    base_names names = {0};
    lancelet_status status = list(dir, path, &names, err);
    for (size_t i = 0; i < names.n && status == LANCELET_OK; i++)
        status = remove_at(fd, names.name[i], path, depth + 1, err);
    base_names_free(&names);
    close(fd);
    RETURN_IF_ERROR(status);
    if ((base_fault_file_now() || unlinkat(at, name, AT_REMOVEDIR) != 0) && errno != ENOENT)
        return base_fail_errno(err, errno, "cannot remove the folder %s in %s", name, path);
    return LANCELET_OK;
}

lancelet_status base_dir_remove(const char *path, lancelet_error *err)
{
    /* "link/" would be followed where "link" is not */
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    char *name = base_strndup(path, n);
    if (!name)
        return base_fail_memory(err);
    lancelet_status status = remove_at(AT_FDCWD, name, name, 0, err);
    base_free(name);
    return status;
}

lancelet_status base_dir_remove_empty(const char *path, lancelet_error *err)
{
    if ((base_fault_file_now() || rmdir(path) != 0) && errno != ENOENT)
        return base_fail_errno(err, errno, "cannot remove the folder %s", path);
    return LANCELET_OK;
}
