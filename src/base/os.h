/* os.h - what Linux and macOS do differently, for base's own use: os_linux.c and os_macos.c. */
#ifndef BASE_OS_H
#define BASE_OS_H

#include <pthread.h>
#include <spawn.h>

#include "base/error.h"

/* Data and metadata of fd on stable storage; 0 or -1 with errno. */
int base_os_sync(int fd);
/* Lets the system begin to write bytes of fd to the disk, without waiting; a wish, not a promise. */
void base_os_begin_sync(int fd, uint64_t offset, size_t n);
/* Renames unless `to` exists; 0 or -1 with errno (EEXIST: it exists; ENOSYS, EINVAL, ENOTSUP: cannot be done here). */
int base_os_rename_exclusive(const char *from, const char *to);
/* The type of the file system that `path` is on, by its name or its number: "vfat", "type 0x1234". */
void base_os_file_system(const char *path, char out[32]);
/* Path of the running program with links resolved, into path[size]; false where the system does not say. */
bool base_os_program_path(char *path, size_t size);
/* Fills out[n] with random bytes; 0 or -1 with errno. */
int base_os_random(void *out, size_t n);
/* CPUs of the process's affinity mask, and the quota of its control group rounded up; 0 = no such limit. */
int base_os_cpu_affinity(void);
int base_os_cpu_quota(void);
/* The CPU that the caller runs on; -1 unknown. */
int base_os_current_cpu(void);
/* Keeps a thread off one CPU among those that the caller may use, if there is another; a wish, not a promise. */
void base_os_keep_off(pthread_t thread, int cpu);
/* Asks the kernel to let this process use AMX tile registers; false where it does not. */
bool base_os_allow_amx(void);
/* A pipe {read, write} and a pair of connected sockets whose writes raise no SIGPIPE (with MSG_NOSIGNAL where it exists); both are
 * closed on exec. 0 or -1 with errno. */
int base_os_pipe(int fd[2]);
int base_os_socket_pair(int fd[2]);
/* Has a program that is to be spawned start with nothing open but its standard descriptors, as far as the system can do that (what
 * this code opens is closed on exec in any case). 0 or an error number. */
int base_os_spawn_closed(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes);
/* Limits the address space in bytes and the CPU time in seconds (0: not) of a child that runs already, and has it leave no core
 * file. 0 or -1 with errno. macOS cannot: there the clock on the wall is the limit. */
int base_os_limit_process(pid_t pid, uint64_t memory, int cpu_seconds);
/* Modification time in nanoseconds of a struct stat. */
struct stat;
int64_t base_os_modified_ns(const struct stat *st);

#endif
