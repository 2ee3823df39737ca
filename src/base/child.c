/* child.c - see child.h. posix_spawn, so that a parent with gigabytes mapped copies no page tables and nothing of ours runs
 * between fork and exec. The limits are put on the child before the first byte of input is sent: a program of ours reads all of
 * it before it does anything else, so nothing hostile is looked at without them.
 *
 * Standard input is a socket pair, because a write to a socket can be kept from raising SIGPIPE and the library changes no signal
 * handlers. The child leads a process group of its own: Ctrl-C at the terminal is the parent's to answer, and what the child may
 * have started goes with it. Where the process that this library lives in lets the system reap its children (SIGCHLD ignored),
 * the exit code is lost and 0 is given: a caller looks at the output in any case. */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/os.h"
#include "base/pool.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: the socket itself has it off, see base_os_socket_pair */
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SHADOW_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHADOW_MEMORY 1
#endif
#endif
#ifndef SHADOW_MEMORY
#define SHADOW_MEMORY 0
#endif

enum {
    TICK_MS = 50, /* how often cancel, the clock and the child's life are looked at while nothing comes */
    CHUNK = 64 << 10,
    MAX_ENVIRONMENT = 16,
};

typedef struct child {
    const char *name; /* of the program, for sentences */
    pid_t pid;        /* 0: not started */
    int in, out, message; /* our ends; -1: closed */
    int64_t end_us;   /* when it is killed; INT64_MAX: never */
    int status;       /* as waitpid gives it, once it was reaped */
} child;

typedef struct job { /* what is said and heard */
    const uint8_t *input; /* [n] still to be sent */
    size_t n;
    uint64_t output_limit;
    base_buffer *output;
    size_t output_start; /* what was in it before */
    char *message;       /* [message_size] NUL-terminated */
    size_t message_size, message_used;
} job;

/* ---- descriptors ---- */

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The child's ends must not lie where they are to be put: a process may have its standard descriptors closed. */
static bool lift(int *fd)
{
    if (*fd > STDERR_FILENO)
        return true;
    int higher = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close_end(fd);
    *fd = higher;
    return higher >= 0;
}

/* ours[3] and theirs[3], in the order of the standard descriptors; what is open must be closed whatever happens. */
static bool open_ends(int ours[3], int theirs[3])
{
    int pair[2];
    if (base_fault_file_now() || base_os_socket_pair(pair) != 0)
        return false;
    ours[0] = pair[0];
    theirs[0] = pair[1];
    for (int i = 1; i < 3; i++) {
        if (base_fault_file_now() || base_os_pipe(pair) != 0)
            return false;
        ours[i] = pair[0];
        theirs[i] = pair[1];
    }
    for (int i = 0; i < 3; i++)
        if (!lift(&theirs[i]) || !lift(&ours[i]))
            return false;
    return fcntl(ours[1], F_SETFL, O_NONBLOCK) == 0 && fcntl(ours[2], F_SETFL, O_NONBLOCK) == 0;
}

/* ---- starting ---- */

/* "NAME=value" of those set in this process; env[MAX_ENVIRONMENT] is NULL-terminated. */
static lancelet_status make_environment(char **env, lancelet_error *err)
{
    static const char *const names[] = {"PATH",         "HOME",         "TMPDIR",        "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
                                        "DYLD_FALLBACK_LIBRARY_PATH", "LIBHEIF_PLUGIN_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                        "LSAN_OPTIONS"};
    _Static_assert(sizeof names / sizeof *names < MAX_ENVIRONMENT, "one more for the NULL");
    size_t n = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (!value)
            continue;
        env[n] = base_format("%s=%s", names[i], value);
        if (!env[n++])
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

static int describe(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, const int theirs[3])
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int e = 0;
    for (int i = 0; i < 3 && e == 0; i++)
        e = posix_spawn_file_actions_adddup2(actions, theirs[i], i);
    if (e == 0)
        e = base_os_spawn_closed(actions, attributes);
    short flags;
    if (e == 0)
        e = posix_spawnattr_getflags(attributes, &flags);
    if (e == 0)
        e = posix_spawnattr_setflags(attributes,
                                     (short)(flags | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    if (e == 0)
        e = posix_spawnattr_setpgroup(attributes, 0);
    if (e == 0)
        e = posix_spawnattr_setsigmask(attributes, &none);
    return e == 0 ? posix_spawnattr_setsigdefault(attributes, &all) : e;
}

/* 0 or an error number. */
static int spawn(const char *program, char *const *argv, char *const *env, const int theirs[3], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int e = posix_spawn_file_actions_init(&actions);
    if (e)
        return e;
    e = posix_spawnattr_init(&attributes);
    if (e == 0) {
        e = describe(&actions, &attributes, theirs);
        if (e == 0)
            e = base_fault_file_now() ? errno : posix_spawn(pid, program, &actions, &attributes, argv, env);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

static lancelet_status start_with(child *c, const char *program, char *const *argv, char *const *env, lancelet_error *err)
{
    int ours[3] = {-1, -1, -1}, theirs[3] = {-1, -1, -1};
    bool opened = open_ends(ours, theirs);
    int e = opened ? spawn(program, argv, env, theirs, &c->pid) : errno;
    for (int i = 0; i < 3; i++)
        close_end(&theirs[i]);
    c->in = ours[0];
    c->out = ours[1];
    c->message = ours[2];
    if (opened && e == 0)
        return LANCELET_OK;
    c->pid = 0;
    return base_fail_errno(err, e, "cannot start %s", program);
}

static lancelet_status start(child *c, const char *program, const char *const *argument, const base_child_limits *limits,
                             lancelet_error *err)
{
    char *env[MAX_ENVIRONMENT] = {NULL};
    size_t n = 0;
    while (argument[n])
        n++;
    char **argv = base_alloc_array(n + 2, sizeof *argv);
    lancelet_status status = argv ? make_environment(env, err) : base_fail_memory(err);
    if (status == LANCELET_OK) {
        argv[0] = (char *)(uintptr_t)program; /* exec changes no argument; its type is older than const */
        for (size_t i = 0; i <= n; i++)
            argv[i + 1] = (char *)(uintptr_t)argument[i];
        status = start_with(c, program, argv, env, err);
    }
    base_free(argv);
    for (size_t i = 0; env[i]; i++)
        base_free(env[i]);
    if (status == LANCELET_OK && base_os_limit_process(c->pid, SHADOW_MEMORY ? 0 : limits->memory, limits->cpu_seconds) != 0)
        status = base_fail_errno(err, errno, "cannot limit %s", program);
    return status;
}

/* ---- talking ---- */

/* Sends what fits. A child that does not want its input is none of our business. */
static void feed(child *c, job *j)
{
    while (j->n > 0) {
        ssize_t sent = send(c->in, j->input, j->n < CHUNK ? j->n : CHUNK, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
            return;
        if (sent < 0)
            break;
        j->input += sent;
        j->n -= (size_t)sent;
    }
    close_end(&c->in);
}

/* Reads into to[n]; -1: nothing yet, 0: the end (as it is on any failure of a pipe). */
static ssize_t read_some(int fd, void *to, size_t n)
{
    ssize_t got;
    do
        got = read(fd, to, n);
    while (got < 0 && errno == EINTR);
    return got < 0 && errno != EAGAIN && errno != EWOULDBLOCK ? 0 : got;
}

/* All that the child has written until now. */
static lancelet_status hear_output(child *c, job *j, lancelet_error *err)
{
    for (;;) {
        if (!base_buffer_reserve(j->output, CHUNK))
            return base_fail_memory(err);
        ssize_t got = read_some(c->out, j->output->data + j->output->size, CHUNK);
        if (got == 0)
            close_end(&c->out);
        if (got <= 0)
            return LANCELET_OK;
        j->output->size += (size_t)got;
        if (j->output->size - j->output_start > j->output_limit)
            return base_fail(err, LANCELET_LIMIT, "%s writes more than the limit of %llu bytes", c->name,
                             (unsigned long long)j->output_limit);
    }
}

static void hear_message(child *c, job *j)
{
    char text[1024];
    ssize_t got = read_some(c->message, text, sizeof text);
    if (got == 0)
        close_end(&c->message);
    if (got <= 0 || j->message_used >= j->message_size)
        return;
    size_t room = j->message_size - j->message_used, n = (size_t)got < room ? (size_t)got : room;
    memcpy(j->message + j->message_used, text, n);
    j->message_used += n;
    j->message[j->message_used] = '\0';
}

/* Has the child ended? It stays a zombie, so that its number names nobody else until reap(). */
static bool has_ended(const child *c)
{
    siginfo_t info = {0};
    int rc;
    do
        rc = waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    while (rc != 0 && errno == EINTR);
    return rc != 0 || info.si_pid == c->pid;
}

static lancelet_status check_time(const child *c, const base_child_limits *limits, const volatile int *cancel, lancelet_error *err)
{
    if (base_cancelled(cancel))
        return base_fail_cancelled(err);
    if (base_monotonic_us() >= c->end_us)
        return base_fail(err, LANCELET_LIMIT, "%s took longer than %g s", c->name, limits->wall_ms / 1000.0);
    return LANCELET_OK;
}

static lancelet_status talk(child *c, job *j, const base_child_limits *limits, const volatile int *cancel, lancelet_error *err)
{
    while (c->out >= 0 || c->message >= 0) {
        RETURN_IF_ERROR(check_time(c, limits, cancel, err));
        struct pollfd ends[3] = {{c->in, POLLOUT, 0}, {c->out, POLLIN, 0}, {c->message, POLLIN, 0}}; /* those of -1 are skipped */
        int n = poll(ends, 3, TICK_MS);
        if (n < 0 && errno != EINTR)
            return base_fail_errno(err, errno, "cannot wait for %s", c->name);
        /* a grandchild may hold its pipes open: what has come is read, then the child's end counts */
        bool last = n == 0 && has_ended(c);
        if (n > 0 && ends[0].revents)
            feed(c, j);
        if (c->out >= 0 && ((n > 0 && ends[1].revents) || last))
            RETURN_IF_ERROR(hear_output(c, j, err));
        if (c->message >= 0 && ((n > 0 && ends[2].revents) || last))
            hear_message(c, j);
        if (last)
            break;
    }
    return LANCELET_OK;
}

/* ---- the end ---- */

/* Its pipes are closed; most children end within a millisecond from then. */
static lancelet_status wait_for_end(const child *c, const base_child_limits *limits, const volatile int *cancel, lancelet_error *err)
{
    for (long us = 100; !has_ended(c); us = us < 10000 ? us * 2 : us) {
        RETURN_IF_ERROR(check_time(c, limits, cancel, err));
        nanosleep(&(struct timespec){0, us * 1000}, NULL);
    }
    return LANCELET_OK;
}

static void reap(child *c)
{
    close_end(&c->in);
    close_end(&c->out);
    close_end(&c->message);
    if (c->pid <= 0)
        return;
    kill(-c->pid, SIGKILL);
    pid_t got;
    do
        got = waitpid(c->pid, &c->status, 0);
    while (got < 0 && errno == EINTR);
    if (got != c->pid)
        c->status = 0;
}

static lancelet_status judge(const child *c, const base_child_limits *limits, int *exit_code, lancelet_error *err)
{
    if (WIFEXITED(c->status)) {
        *exit_code = WEXITSTATUS(c->status);
        return LANCELET_OK;
    }
    int number = WIFSIGNALED(c->status) ? WTERMSIG(c->status) : 0;
    if (number == SIGXCPU)
        return base_fail(err, LANCELET_LIMIT, "%s took more than %d s of the CPU", c->name, limits->cpu_seconds);
    if (number == SIGKILL)
        return base_fail(err, LANCELET_LIMIT, "%s was killed, most likely by a system that was out of memory", c->name);
    return base_fail(err, LANCELET_CORRUPT, "%s crashed (signal %d)", c->name, number);
}

lancelet_status base_child_run(const char *program, const char *const *argument, const void *input, size_t n,
                               const base_child_limits *limits, const volatile int *cancel, base_buffer *output, char *message,
                               size_t message_size, int *exit_code, lancelet_error *err)
{
    job j = {.input = input, .n = n, .output = output, .output_start = output->size, .output_limit = limits->output,
             .message = message, .message_size = message_size > 0 ? message_size - 1 : 0};
    child c = {.name = base_path_name(program), .in = -1, .out = -1, .message = -1, .end_us = INT64_MAX};
    if (message_size > 0)
        message[0] = '\0';
    if (limits->wall_ms > 0)
        c.end_us = base_monotonic_us() + (int64_t)limits->wall_ms * 1000;
    lancelet_status status = start(&c, program, argument, limits, err);
    if (status == LANCELET_OK)
        status = talk(&c, &j, limits, cancel, err);
    if (status == LANCELET_OK) {
        close_end(&c.in);
        close_end(&c.out);
        close_end(&c.message);
        status = wait_for_end(&c, limits, cancel, err);
    }
    reap(&c);
    if (status == LANCELET_OK)
        status = judge(&c, limits, exit_code, err);
    if (status != LANCELET_OK)
        output->size = j.output_start;
    return status;
}
