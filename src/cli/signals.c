/* signals.c - what the program does about Ctrl-C, closed pipes and mapped files that go away. Handlers call only what
 * POSIX allows in a handler. */
#include "cli/cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static volatile int cancelled;
static volatile sig_atomic_t soft; /* Ctrl-C only sets the flag */

static void write_all(int fd, const char *s, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, s, n);
        if (done <= 0)
            return;
        s += done;
        n -= (size_t)done;
    }
}

/* Installed with SA_RESETHAND: a second Ctrl-C has its usual effect. */
static void on_interrupt(int signal_number)
{
    (void)signal_number;
    if (soft) {
        cancelled = 1;
        return;
    }
    if (isatty(STDOUT_FILENO))
        write_all(STDOUT_FILENO, "\033[0m", 4);
    _exit(CLI_INTERRUPTED);
}

/* A mapped file that became shorter, or whose disk failed, is met as SIGBUS. */
static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    const char *path = base_map_path_of(info->si_addr);
    if (!path) {
        signal(signal_number, SIG_DFL);
        return; /* the instruction is met again and ends the program as usual */
    }
    static const char before[] = "cannot read ",
                      after[] = ": the file became shorter or its disk failed meanwhile\n";
    write_all(STDERR_FILENO, before, sizeof before - 1);
    char clean[4096];
    size_t n = 0;
    for (; path[n] && n < sizeof clean; n++)
        clean[n] = (unsigned char)path[n] < 0x20 || path[n] == 0x7F ? '?' : path[n];
    write_all(STDERR_FILENO, clean, n);
    write_all(STDERR_FILENO, after, sizeof after - 1);
    _exit(CLI_ERROR);
}

static void install(int signal_number, void (*handler)(int), int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
}

void cli_signals_start(void)
{
    install(SIGINT, on_interrupt, (int)SA_RESETHAND);
    install(SIGPIPE, SIG_DFL, 0);

    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

const volatile int *cli_cancel_flag(void)
{
    soft = 1;
    install(SIGPIPE, SIG_IGN, 0);
    return &cancelled;
}
