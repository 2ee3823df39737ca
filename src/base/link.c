/* link.c - renames, symbolic links, copies, and the room on a disk: what a cache is laid out with. */
#include <errno.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"

lancelet_status base_file_rename(const char *from, const char *to, lancelet_error *err)
{
    if (base_fault_file_now() || rename(from, to) != 0)
        return base_fail_errno(err, errno, "cannot rename %s to %s", from, base_path_name(to));
    return LANCELET_OK;
}

lancelet_status base_file_link(const char *target, const char *path, lancelet_error *err)
{
    if (!base_fault_file_now() && symlink(target, path) == 0)
        return LANCELET_OK;
    int e = errno;
    if (e == EEXIST)
        return base_fail(err, LANCELET_CONFLICT, "%s exists already", path);
    if (e == EPERM || e == ENOSYS || e == EOPNOTSUPP || e == ENOTSUP) /* what file systems without links answer */
        return base_fail(err, LANCELET_UNSUPPORTED, "the file system of %s has no symbolic links", path);
    return base_fail_errno(err, e, "cannot link %s", path);
}

static lancelet_status copy_bytes(const base_map *map, const char *to, lancelet_error *err)
{
    char *temporary = base_format("%s.tmp-%ld", to, (long)getpid());
    base_writer w;
    if (!temporary)
        return base_fail_memory(err);
    lancelet_status status = base_writer_open(temporary, false, &w, err);
    if (status == LANCELET_OK) {
        status = base_writer_write(&w, map->data, (size_t)map->size, err);
        if (status == LANCELET_OK)
            status = base_writer_close(&w, false, err);
        else
            base_writer_abandon(&w);
        if (status == LANCELET_OK && (status = base_file_rename(temporary, to, err)) != LANCELET_OK)
            (void)!base_file_remove(temporary, NULL);
    }
    base_free(temporary);
    return status;
}

lancelet_status base_file_copy(const char *from, const char *to, lancelet_error *err)
{
    base_map map;
    RETURN_IF_ERROR(base_map_open(from, 0, &map, err));
    lancelet_status status = copy_bytes(&map, to, err);
    base_map_close(&map);
    return status;
}

lancelet_status base_disk_free(const char *path, uint64_t *bytes, lancelet_error *err)
{
    struct statvfs st;
    int rc;
    do
        rc = base_fault_file_now() ? -1 : statvfs(path, &st);
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return base_fail_errno(err, errno, "cannot ask for the room on the disk of %s", path);
    if (!base_mul_u64((uint64_t)st.f_bavail, (uint64_t)st.f_frsize, bytes))
        *bytes = UINT64_MAX;
    return LANCELET_OK;
}
