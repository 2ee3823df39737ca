/* os_macos.c - see os.h. macOS has no affinity masks and no control groups; fsync there does not reach the platter, so
 * syncing asks for F_FULLFSYNC first (fcntl(2)). */
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <mach-o/dyld.h>
#include <sys/mount.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/watch.h"

int base_os_sync(int fd)
{
    if (fcntl(fd, F_FULLFSYNC) == 0)
        return 0;
    return fsync(fd); /* file systems without F_FULLFSYNC: network and FAT volumes */
}

void base_os_begin_sync(int fd, uint64_t offset, size_t n)
{
    (void)fd;
    (void)offset;
    (void)n;
}

int base_os_rename_exclusive(const char *from, const char *to)
{
    return renamex_np(from, to, RENAME_EXCL);
}

void base_os_file_system(const char *path, char out[32])
{
    struct statfs s;
    snprintf(out, 32, "%s", statfs(path, &s) == 0 ? s.f_fstypename : "type unknown");
}

int base_os_random(void *out, size_t n)
{
    arc4random_buf(out, n);
    return 0;
}

int base_os_cpu_affinity(void)
{
    return 0;
}
int base_os_cpu_quota(void)
{
    return 0;
}
int base_os_current_cpu(void) { return -1; }
void base_os_keep_off(pthread_t thread, int cpu)
{
    (void)thread;
    (void)cpu;
}
bool base_os_allow_amx(void)
{
    return false;
}

int64_t base_os_modified_ns(const struct stat *st)
{
    return (int64_t)st->st_mtimespec.tv_sec * 1000000000 + st->st_mtimespec.tv_nsec;
}

bool base_os_program_path(char *path, size_t size)
{
    char as_started[4096], resolved[4096];
    uint32_t n = sizeof as_started;
    if (_NSGetExecutablePath(as_started, &n) != 0 || !realpath(as_started, resolved) || strlen(resolved) >= size)
        return false;
    strcpy(path, resolved);
    return true;
}

static int close_on_exec(int fd[2])
{
    if (fcntl(fd[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd[1], F_SETFD, FD_CLOEXEC) == 0)
        return 0;
    close(fd[0]);
    close(fd[1]);
    return -1;
}

int base_os_pipe(int fd[2])
{
    return pipe(fd) == 0 ? close_on_exec(fd) : -1;
}

int base_os_socket_pair(int fd[2])
{
    int on = 1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0 || close_on_exec(fd) != 0)
        return -1;
    for (int i = 0; i < 2; i++)
        (void)setsockopt(fd[i], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
    return 0;
}

int base_os_spawn_closed(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
    (void)actions;
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_CLOEXEC_DEFAULT);
}

int base_os_limit_process(pid_t pid, uint64_t memory, int cpu_seconds)
{
    (void)pid;
    (void)memory;
    (void)cpu_seconds;
    return 0;
}

/* ---- watch.h: FSEvents needs a run loop of its own thread, and kqueue a descriptor a file ---- */

lancelet_status base_watch_open(int *fd, lancelet_error *err)
{
    *fd = -1;
    return base_fail(err, LANCELET_UNSUPPORTED, "the system watches no folders");
}

lancelet_status base_watch_add(int fd, const char *folder, int *watch, lancelet_error *err)
{
    (void)fd;
    *watch = -1;
    return base_fail(err, LANCELET_UNSUPPORTED, "cannot watch the folder %s", folder);
}

lancelet_status base_watch_read(int fd, int wait_ms, void (*see)(void *arg, const base_watch_event *event), void *arg,
                                lancelet_error *err)
{
    (void)fd;
    (void)wait_ms;
    (void)see;
    (void)arg;
    return base_fail(err, LANCELET_UNSUPPORTED, "the system watches no folders");
}

void base_watch_close(int fd)
{
    (void)fd;
}
