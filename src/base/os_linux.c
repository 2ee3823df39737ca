/* os_linux.c - see os.h. The CPU quota is read from control groups version 2 and 1 (docs.kernel.org,
 * admin-guide/cgroup-v2, "cpu.max"); of all groups from the process's own up to the root the smallest quota counts. */
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/watch.h"

int base_os_sync(int fd)
{
    return fsync(fd);
}

/* Waits for nothing, so it does not take away the error that a later fsync is to report. */
void base_os_begin_sync(int fd, uint64_t offset, size_t n)
{
    int e = errno;
    (void)sync_file_range(fd, (off_t)offset, (off_t)n, SYNC_FILE_RANGE_WRITE);
    errno = e;
}

int base_os_rename_exclusive(const char *from, const char *to)
{
    const unsigned no_replace = 1; /* RENAME_NOREPLACE: spelled out, as older headers lack it */
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, no_replace);
}

/* The numbers: linux/magic.h and the kernel's file systems. Those that one meets, and lack links or may. */
void base_os_file_system(const char *path, char out[32])
{
    static const struct {
        uint32_t type;
        const char *name;
    } names[] = {{0x4d44, "vfat"},       {0x2011bab0, "exfat"},  {0x6969, "nfs"},      {0xff534d42, "cifs"},
                 {0xfe534d42, "smb2"},   {0x65735546, "fuse"},   {0x01021997, "9p"},   {0x5346544e, "ntfs"},
                 {0x7366746e, "ntfs3"},  {0x786f4256, "vboxsf"}, {0xef53, "ext4"},     {0x58465342, "xfs"},
                 {0x9123683e, "btrfs"},  {0x01021994, "tmpfs"},  {0x794c7630, "overlay"}, {0x00c36400, "ceph"}};
    struct statfs s;
    if (statfs(path, &s) != 0) {
        snprintf(out, 32, "type unknown");
        return;
    }
    snprintf(out, 32, "type 0x%x", (unsigned)s.f_type);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == (uint32_t)s.f_type)
            snprintf(out, 32, "%s", names[i].name);
}

int base_os_random(void *out, size_t n)
{
    uint8_t *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        p += got;
        n -= (size_t)got;
    }
    return 0;
}

int base_os_cpu_affinity(void)
{
    /* machines with more than 1,024 CPUs need a larger set than cpu_set_t */
    for (int cpus = 1024; cpus <= 65536; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        if (!set)
            return 0;
        size_t size = CPU_ALLOC_SIZE((size_t)cpus);
        int rc = sched_getaffinity(0, size, set);
        int e = errno;
        int n = rc == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (rc == 0)
            return n;
        if (e != EINVAL)
            return 0;
    }
    return 0;
}

int base_os_current_cpu(void) { return sched_getcpu(); }

void base_os_keep_off(pthread_t thread, int cpu)
{
    cpu_set_t set; /* where there are more CPUs than it holds, nothing is wished */
    if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 2)
        return;
    CPU_CLR((size_t)cpu, &set);
    (void)pthread_setaffinity_np(thread, sizeof set, &set);
}

/* The first line of a small file of /proc or /sys; false when there is none. */
static bool read_line(const char *path, char *line, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, line, capacity - 1);
    close(fd);
    if (n <= 0)
        return false;
    line[n] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return true;
}

static int cpus_of(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    long long cpus = quota / period + (quota % period != 0);
    return cpus > 65536 ? 0 : (int)cpus;
}

static int smaller(int a, int b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

/* One group's quota: cpu.max in version 2, cpu.cfs_quota_us and cpu.cfs_period_us in version 1. */
static int group_quota(const char *folder, bool v2)
{
    char path[4400], line[128];
    long long quota, period;
    if (v2) {
        snprintf(path, sizeof path, "%s/cpu.max", folder);
        return read_line(path, line, sizeof line) && sscanf(line, "%lld %lld", &quota, &period) == 2
                   ? cpus_of(quota, period)
                   : 0;
    }
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_line(path, line, sizeof line))
        return 0;
    quota = atoll(line);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    return read_line(path, line, sizeof line) ? cpus_of(quota, atoll(line)) : 0;
}

/* From the group's folder up to the mount point: the smallest quota on the way. */
static int quota_upwards(const char *mount, const char *group, bool v2)
{
    char folder[4300];
    int n = snprintf(folder, sizeof folder, "%s%s", mount, strcmp(group, "/") == 0 ? "" : group);
    if (n < 0 || (size_t)n >= sizeof folder || strstr(group, "..")) /* "/../x": outside our namespace */
        return group_quota(mount, v2);
    int cpus = 0;
    size_t root = strlen(mount);
    for (;;) {
        cpus = smaller(cpus, group_quota(folder, v2));
        char *slash = strrchr(folder, '/');
        if (strlen(folder) <= root || !slash)
            return cpus;
        *slash = '\0';
    }
}

int base_os_cpu_quota(void)
{
    /* /proc/self/cgroup: lines "id:controllers:path"; version 2 has "0::path" */
    char text[8192];
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    int cpus = 0;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        controllers++;
        if (controllers[0] == '\0') {
            cpus = smaller(cpus, quota_upwards("/sys/fs/cgroup", group, true));
            continue;
        }
        char list[256];
        snprintf(list, sizeof list, ",%s,", controllers);
        if (strstr(list, ",cpu,"))
            cpus = smaller(cpus, quota_upwards("/sys/fs/cgroup/cpu", group, false));
    }
    return cpus;
}

bool base_os_allow_amx(void)
{
#if defined(__x86_64__) && defined(SYS_arch_prctl)
    /* asm/prctl.h: ARCH_REQ_XCOMP_PERM = 0x1023 of Linux 5.16; XFEATURE_XTILEDATA = 18 */
    return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
    return false;
#endif
}

int64_t base_os_modified_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

bool base_os_program_path(char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 1);
    if (n <= 0)
        return false;
    path[n] = '\0';
    return true;
}

int base_os_pipe(int fd[2])
{
    if (pipe2(fd, O_CLOEXEC) != 0)
        return -1;
    (void)fcntl(fd[1], F_SETPIPE_SZ, 1 << 20); /* pixels come in megabytes; a wish, not a promise */
    return 0;
}

int base_os_socket_pair(int fd[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd);
}

int base_os_spawn_closed(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
    (void)attributes;
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    return posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#else
    (void)actions;
    return 0;
#endif
}

/* A limit above what the child may have anyway is no error. */
static int limit(pid_t pid, int resource, rlim_t soft, rlim_t hard)
{
    struct rlimit old, now = {soft, hard};
    if (prlimit(pid, (__rlimit_resource_t)resource, NULL, &old) != 0)
        return errno == ESRCH ? 0 : -1; /* it has ended, and the system has reaped it */
    if (now.rlim_max > old.rlim_max)
        now.rlim_max = old.rlim_max;
    if (now.rlim_cur > now.rlim_max)
        now.rlim_cur = now.rlim_max;
    return prlimit(pid, (__rlimit_resource_t)resource, &now, NULL);
}

int base_os_limit_process(pid_t pid, uint64_t memory, int cpu_seconds)
{
    if (memory && limit(pid, RLIMIT_AS, memory, memory) != 0)
        return -1;
    if (cpu_seconds && limit(pid, RLIMIT_CPU, (rlim_t)cpu_seconds, (rlim_t)cpu_seconds + 1) != 0)
        return -1;
    return limit(pid, RLIMIT_CORE, 0, 0);
}

/* ---- watch.h, by inotify(7) ---- */

lancelet_status base_watch_open(int *fd, lancelet_error *err)
{
    *fd = base_fault_file_now() ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (*fd >= 0)
        return LANCELET_OK;
    if (errno == ENOSYS || errno == EMFILE || errno == ENFILE)
        return base_fail(err, errno == ENOSYS ? LANCELET_UNSUPPORTED : LANCELET_LIMIT, "the system watches no folders now");
    return base_fail_errno(err, errno, "cannot watch folders");
}

lancelet_status base_watch_add(int fd, const char *folder, int *watch, lancelet_error *err)
{
    const uint32_t changes = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                             IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;
    *watch = base_fault_file_now() ? -1 : inotify_add_watch(fd, folder, changes);
    if (*watch >= 0)
        return LANCELET_OK;
    if (errno == ENOSPC)
        return base_fail(err, LANCELET_LIMIT, "the system lets no more folders be watched (fs.inotify.max_user_watches)");
    return base_fail_errno(err, errno, "cannot watch the folder %s", folder);
}

static void tell(const struct inotify_event *e, void (*see)(void *arg, const base_watch_event *event), void *arg)
{
    const base_watch_event event = {
        .watch = e->mask & IN_Q_OVERFLOW ? -1 : e->wd,
        .name = e->len > 0 ? e->name : "",
        .folder = e->mask & (IN_ISDIR | IN_DELETE_SELF | IN_MOVE_SELF),
        .moved = e->mask & (IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF),
        .ended = e->mask & IN_IGNORED,
    };
    see(arg, &event);
}

lancelet_status base_watch_read(int fd, int wait_ms, void (*see)(void *arg, const base_watch_event *event), void *arg,
                                lancelet_error *err)
{
    _Alignas(struct inotify_event) char bytes[16384];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ready = base_fault_file_now() ? -1 : poll(&p, 1, wait_ms);
    if (ready < 0 && errno != EINTR)
        return base_fail_errno(err, errno, "cannot wait for changes of folders");
    while (ready > 0) {
        ssize_t got = base_fault_file_now() ? -1 : read(fd, bytes, sizeof bytes);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (got < 0)
            return base_fail_errno(err, errno, "cannot read the changes of folders");
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *e = (const struct inotify_event *)(const void *)(bytes + at);
            tell(e, see, arg);
            at += (ssize_t)(sizeof *e + e->len);
        }
    }
    return LANCELET_OK;
}

void base_watch_close(int fd)
{
    if (fd >= 0)
        close(fd);
}
