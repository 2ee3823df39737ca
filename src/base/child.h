/* child.h - a program of ours that works on hostile bytes: started with limits on memory and time, fed through one pipe, read
 * through another. */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include "base/memory.h"

typedef struct base_child_limits {
    uint64_t memory;  /* bytes of address space; 0: none. Not set where the program is built with ASan */
    int cpu_seconds;  /* 0: none */
    int wall_ms;      /* 0: none; then it is killed */
    uint64_t output;  /* bytes that are read from it at most; more is LIMIT */
} base_child_limits;

/* Runs `program` (a path) with argument [NULL at the end] besides its own name, input[n] on its standard input; what it writes
 * is appended to *output, the first `message_size` - 1 bytes of its standard error to `message`. OK whatever it says, when it
 * exits by itself: *exit_code. CORRUPT when a signal ends it ("the decoder crashed"), LIMIT when it ran past memory (exit code
 * of a failed allocation is the program's own business) or time, CANCELLED when *cancel (may be NULL) is set meanwhile. The
 * program inherits no descriptor but these three, no signal mask, and of the environment only what a library needs to find
 * itself. Threads may run several at once. */
lancelet_status base_child_run(const char *program, const char *const *argument, const void *input, size_t n,
                               const base_child_limits *limits, const volatile int *cancel, base_buffer *output, char *message,
                               size_t message_size, int *exit_code, lancelet_error *err) MUST_CHECK;

#endif
