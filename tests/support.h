/* support.h - what unit tests share: cmocka, where fixtures and the shared data lie, a scratch folder. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lancelet.h"

/* Tests run in the repository root. */
#define FIXTURES "tests/fixtures"

/* The folder with data that is not shipped (PICASK_SHARED, else ../shared), or NULL where it is absent: then skip(). */
static inline const char *shared_folder(void)
{
    static char path[4096];
    const char *s = getenv("PICASK_SHARED");
    snprintf(path, sizeof path, "%s", s && *s ? s : "../shared");
    return access(path, R_OK) == 0 ? path : NULL;
}

static pid_t scratch_owner; /* the process whose scratch folders go at its end */

/* Where scratch folders are made: build/tmp, or where the runner says, in memory: tests that make each file call fail in turn
 * sync thousands of times, and a disk takes milliseconds each. */
static inline const char *scratch_place(void)
{
    const char *s = getenv("UNIT_SCRATCH");
    return s && *s ? s : "build/tmp";
}

static inline void remove_scratch_folders(void)
{
    char command[4200];
    if (getpid() != scratch_owner) /* a child of a test that ends first */
        return;
    snprintf(command, sizeof command, "rm -rf '%s'/unit-%ld-*", scratch_place(), (long)scratch_owner);
    if (system(command) != 0)
        fprintf(stderr, "cannot remove %s/unit-%ld-*\n", scratch_place(), (long)scratch_owner);
}

/* A fresh empty folder. */
static inline const char *scratch_folder(void)
{
    static char path[4096];
    if (system("mkdir -p build/tmp") != 0)
        abort();
    if (!scratch_owner) {
        scratch_owner = getpid();
        atexit(remove_scratch_folders);
    }
    snprintf(path, sizeof path, "%s/unit-%ld-XXXXXX", scratch_place(), (long)scratch_owner);
    if (!mkdtemp(path))
        abort();
    return path;
}

/* FOLDER/NAME, in one of 32 buffers that take turns. */
static inline const char *path_in(const char *folder, const char *name)
{
    static char path[32][4400];
    static int next;
    char *p = path[next++ % 32];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

/* Skips the running test and says why, for the runner: "this CPU has no avx512bf16", "shared data is not here". */
#define skip_because(reason)                                                                                           \
    do {                                                                                                               \
        fprintf(stderr, "skip: %s: %s\n", __func__, reason);                                                           \
        skip();                                                                                                        \
    } while (0)

#define assert_ok(call, error)                                                                                         \
    do {                                                                                                               \
        lancelet_status assert_ok_ = (call);                                                                           \
        if (assert_ok_ != LANCELET_OK)                                                                                 \
            fail_msg("%s: status %d: %s", #call, (int)assert_ok_, (error).text);                                       \
    } while (0)

#endif
