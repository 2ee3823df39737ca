/* file.c - reading whole files, writing them completely, replacing and publishing them, locks. Every system call can
 * be made to fail (fault.h), is repeated after EINTR, and its failure names the path. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/os.h"

enum {
    WRITER_BUFFER = 128 << 10,
    READ_FIRST = 4096,
    LARGEST_CALL = 1 << 30, /* bytes: macOS refuses reads and writes of 2 GiB */
};

/* ---- reading ---- */

/* Bytes read, 0 at the end, -1 with errno. */
static ssize_t read_some(int fd, uint8_t *out, size_t n)
{
    ssize_t got;
    do
        got = base_fault_file_now() ? -1 : read(fd, out, n < LARGEST_CALL ? n : LARGEST_CALL);
    while (got < 0 && errno == EINTR);
    return got;
}

static lancelet_status too_large(const char *path, uint64_t limit, lancelet_error *err)
{
    return base_fail(err, LANCELET_LIMIT, "%s has more than %" PRIu64 " bytes", path, limit);
}

static lancelet_status read_all(int fd, const char *path, uint64_t limit, base_buffer *b, lancelet_error *err)
{
    struct stat st;
    if (base_fault_file_now() || fstat(fd, &st) != 0)
        return base_fail_errno(err, errno, "cannot read the size of %s", path);
    if (!S_ISREG(st.st_mode))
        return base_fail(err, LANCELET_INVALID, "%s is not a file", path);
    if ((uint64_t)st.st_size > limit)
        return too_large(path, limit, err);
    /* One byte more than the stated size: for the NUL, and to see a file that grew or (as in /proc) states 0. */
    if (!base_buffer_reserve(b, st.st_size > 0 ? (size_t)st.st_size + 1 : READ_FIRST))
        return base_fail_memory(err);
    for (;;) {
        if (b->size == b->capacity && !base_buffer_reserve(b, READ_FIRST))
            return base_fail_memory(err);
        ssize_t got = read_some(fd, b->data + b->size, b->capacity - b->size);
        if (got < 0)
            return base_fail_errno(err, errno, "cannot read %s", path);
        if (got == 0)
            break;
        b->size += (size_t)got;
        if (b->size > limit)
            return too_large(path, limit, err);
    }
    if (!base_buffer_append(b, "", 1))
        return base_fail_memory(err);
    return LANCELET_OK;
}

lancelet_status base_file_read(const char *path, uint64_t limit, uint8_t **bytes, size_t *n,
                               lancelet_error *err)
{
    int fd = base_fault_file_now() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return base_fail_errno(err, errno, "cannot open %s", path);
    base_buffer b = {0};
    lancelet_status status = read_all(fd, path, limit, &b, err);
    close(fd);
    if (status != LANCELET_OK) {
        base_buffer_free(&b);
        return status;
    }
    *bytes = b.data;
    *n = b.size - 1;
    return LANCELET_OK;
}

/* What a call of the stat family found, rc and errno as it left them. */
static lancelet_status stat_result(int rc, const struct stat *st, const char *path, base_stat *out, lancelet_error *err)
{
    if (rc != 0) {
        int e = errno;
        if (e != ENOENT && e != ENOTDIR)
            return base_fail_errno(err, e, "cannot look at %s", path);
        *out = (base_stat){0};
        return LANCELET_OK;
    }
    int64_t ns = base_os_modified_ns(st);
    int64_t us = ns / 1000 - (ns % 1000 < 0);
    *out = (base_stat){.exists = true,
                       .is_dir = S_ISDIR(st->st_mode),
                       .is_regular = S_ISREG(st->st_mode),
                       .size = st->st_size > 0 ? (uint64_t)st->st_size : 0,
                       .modified_us = us,
                       .device = (uint64_t)st->st_dev,
                       .inode = (uint64_t)st->st_ino};
    return LANCELET_OK;
}

lancelet_status base_file_stat(const char *path, base_stat *out, lancelet_error *err)
{
    struct stat st = {0};
    int rc = base_fault_file_now() ? -1 : stat(path, &st);
    return stat_result(rc, &st, path, out, err);
}

lancelet_status base_listing_stat(const base_listing *l, const char *name, base_stat *out, lancelet_error *err)
{
    struct stat st = {0};
    int rc = base_fault_file_now() ? -1 : fstatat(l->fd, name, &st, 0);
    return stat_result(rc, &st, name, out, err);
}

/* ---- writing ---- */

static int remove_file(const char *path)
{
    return base_fault_file_now() ? -1 : unlink(path);
}

/* 0, or -1 with errno. The descriptor is gone in either case (POSIX leaves it open to doubt; Linux and macOS close). */
static int close_file(int fd)
{
    bool fault = base_fault_file_now();
    int e = errno;
    int rc = close(fd);
    if (fault) {
        errno = e;
        return -1;
    }
    return rc != 0 && errno == EINTR ? 0 : rc;
}

static lancelet_status writer_open(const char *path, int flags, base_writer *out, lancelet_error *err)
{
    base_writer w = {.fd = -1, .path = base_strdup(path), .buffer = base_alloc(WRITER_BUFFER)};
    if (!w.path || !w.buffer) {
        base_free(w.path);
        base_free(w.buffer);
        return base_fail_memory(err);
    }
    do
        w.fd = base_fault_file_now() ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
    while (w.fd < 0 && errno == EINTR);
    if (w.fd < 0) {
        int e = errno;
        base_free(w.path);
        base_free(w.buffer);
        if (e == EEXIST)
            return base_fail(err, LANCELET_CONFLICT, "%s exists already", path);
        return base_fail_errno(err, e, "cannot create %s", path);
    }
    *out = w;
    return LANCELET_OK;
}

lancelet_status base_writer_open(const char *path, bool exclusive, base_writer *out, lancelet_error *err)
{
    return writer_open(path, exclusive ? O_EXCL : O_TRUNC, out, err);
}

lancelet_status base_writer_append(const char *path, base_writer *out, lancelet_error *err)
{
    struct stat st;
    RETURN_IF_ERROR(writer_open(path, O_APPEND, out, err));
    out->keep = true;
    if (base_fault_file_now() || fstat(out->fd, &st) != 0) {
        lancelet_status status = base_fail_errno(err, errno, "cannot read the size of %s", path);
        base_writer_abandon(out);
        return status;
    }
    out->position = (uint64_t)st.st_size;
    return LANCELET_OK;
}

lancelet_status base_writer_restart(base_writer *w, lancelet_error *err)
{
    w->used = 0;
    w->position = 0;
    if (base_fault_file_now() || ftruncate(w->fd, 0) != 0)
        return base_fail_errno(err, errno, "cannot shorten %s", w->path);
    return LANCELET_OK;
}

static lancelet_status write_out(base_writer *w, const uint8_t *bytes, size_t n, lancelet_error *err)
{
    while (n > 0) {
        ssize_t put = base_fault_file_now() ? -1 : write(w->fd, bytes, n < LARGEST_CALL ? n : LARGEST_CALL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return base_fail_errno(err, errno, "cannot write %s", w->path);
        bytes += put;
        n -= (size_t)put;
    }
    return LANCELET_OK;
}

static lancelet_status flush(base_writer *w, lancelet_error *err)
{
    size_t n = w->used;
    w->used = 0;
    return write_out(w, w->buffer, n, err);
}

lancelet_status base_writer_write(base_writer *w, const void *bytes, size_t n, lancelet_error *err)
{
    if (n > WRITER_BUFFER - w->used) {
        RETURN_IF_ERROR(flush(w, err));
        if (n >= WRITER_BUFFER) {
            RETURN_IF_ERROR(write_out(w, bytes, n, err));
            if (w->will_sync)
                base_os_begin_sync(w->fd, w->position, n);
            w->position += n;
            return LANCELET_OK;
        }
    }
    if (n)
        memcpy(w->buffer + w->used, bytes, n);
    w->used += n;
    w->position += n;
    return LANCELET_OK;
}

/* Only what is a file: a writer may have been opened on a device or a pipe, and these are not ours to remove. */
static void remove_output(const base_writer *w)
{
    struct stat st;
    if (!w->keep && lstat(w->path, &st) == 0 && S_ISREG(st.st_mode))
        unlink(w->path);
}

static void writer_forget(base_writer *w)
{
    base_free(w->path);
    base_free(w->buffer);
    *w = (base_writer){.fd = -1};
}

lancelet_status base_writer_close(base_writer *w, bool sync, lancelet_error *err)
{
    lancelet_status status = flush(w, err);
    if (status == LANCELET_OK && sync && (base_fault_file_now() || base_os_sync(w->fd) != 0))
        status = base_fail_errno(err, errno, "cannot sync %s", w->path);
    else if (status == LANCELET_OK && sync)
        base_fault_saw("sync", w->path);
    int rc = close_file(w->fd);
    if (status == LANCELET_OK && rc != 0)
        status = base_fail_errno(err, errno, "cannot close %s", w->path);
    if (status != LANCELET_OK)
        remove_output(w);
    writer_forget(w);
    return status;
}

void base_writer_abandon(base_writer *w)
{
    if (!w->path)
        return;
    if (w->keep)
        (void)flush(w, NULL); /* what is not written is fetched again */
    close(w->fd);
    remove_output(w);
    writer_forget(w);
}

static lancelet_status write_in_place(const char *path, const void *bytes, size_t n, bool sync,
                                      lancelet_error *err)
{
    base_writer w;
    RETURN_IF_ERROR(base_writer_open(path, false, &w, err));
    lancelet_status status = base_writer_write(&w, bytes, n, err);
    if (status == LANCELET_OK)
        return base_writer_close(&w, sync, err);
    base_writer_abandon(&w);
    return status;
}

lancelet_status base_file_replace(const char *path, const void *bytes, size_t n, bool sync,
                                  lancelet_error *err)
{
    uint64_t random;
    struct stat st;
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return write_in_place(path, bytes, n, sync, err); /* root's rename would take /dev/null away */
    RETURN_IF_ERROR(base_random(&random, sizeof random, err));
    char *temporary = base_format("%s.tmp-%016" PRIx64, path, random);
    if (!temporary)
        return base_fail_memory(err);
    base_writer w;
    lancelet_status status = base_writer_open(temporary, true, &w, err);
    if (status != LANCELET_OK)
        goto done;
    status = base_writer_write(&w, bytes, n, err);
    if (status != LANCELET_OK) {
        base_writer_abandon(&w);
        goto done;
    }
    status = base_writer_close(&w, sync, err);
    if (status != LANCELET_OK)
        goto done;
    if (base_fault_file_now() || rename(temporary, path) != 0) {
        status = base_fail_errno(err, errno, "cannot rename %s to %s", temporary, base_path_name(path));
        unlink(temporary);
        goto done;
    }
    if (sync) {
        char *parent = base_path_parent(path);
        status = parent ? base_dir_sync(parent, err) : base_fail_memory(err);
        base_free(parent);
    }
done:
    base_free(temporary);
    return status;
}

/* File systems without hard links say so in many ways; EMLINK and EXDEV belong to ones with odd limits. */
static bool no_hard_links(int e)
{
    return e == EPERM || e == EOPNOTSUPP || e == ENOTSUP || e == ENOSYS || e == EINVAL || e == EMLINK ||
           e == EXDEV || e == ENOTTY;
}

lancelet_status base_file_publish(const char *from, const char *to, lancelet_error *err)
{
    if (!base_fault_file_now() && link(from, to) == 0) {
        /* `to` stands: a reader may have it already. That the other name could not be removed changes nothing. */
        (void)remove_file(from);
        base_fault_saw("publish", to);
        return LANCELET_OK;
    }
    int e = errno;
    if (no_hard_links(e)) {
        if (!base_fault_file_now() && base_os_rename_exclusive(from, to) == 0) {
            base_fault_saw("publish", to);
            return LANCELET_OK;
        }
        e = errno;
        if (no_hard_links(e)) {
            char type[32];
            base_os_file_system(from, type);
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "the file system of %s (%s) has neither hard links nor an exclusive rename: two writers could "
                             "not be told apart there",
                             to, type);
        }
    }
    if (e == EEXIST || e == ENOTEMPTY)
        return base_fail(err, LANCELET_CONFLICT, "%s exists already", to);
    return base_fail_errno(err, e, "cannot publish %s", to);
}

lancelet_status base_file_remove(const char *path, lancelet_error *err)
{
    if (remove_file(path) != 0 && errno != ENOENT && errno != ENOTDIR)
        return base_fail_errno(err, errno, "cannot remove %s", path);
    return LANCELET_OK;
}

/* ---- locks ---- */

lancelet_status base_lock(const char *path, int *fd, lancelet_error *err)
{
    int f = base_fault_file_now() ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (f < 0)
        return base_fail_errno(err, errno, "cannot open the lock file %s", path);
    int rc;
    do
        rc = base_fault_file_now() ? -1 : flock(f, LOCK_EX | LOCK_NB);
    while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        int e = errno;
        close(f);
        if (e == EWOULDBLOCK)
            return base_fail(err, LANCELET_CONFLICT, "%s is locked by another process", path);
        return base_fail_errno(err, e, "cannot lock %s", path);
    }
    *fd = f;
    return LANCELET_OK;
}

void base_unlock(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* ---- random bytes and clocks ---- */

lancelet_status base_random(void *out, size_t n, lancelet_error *err)
{
    if (base_fault_file_now() || base_os_random(out, n) != 0)
        return base_fail_errno(err, errno, "cannot get random bytes from the system");
    return LANCELET_OK;
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t base_now_us(void)
{
    return clock_us(CLOCK_REALTIME);
}
int64_t base_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}
