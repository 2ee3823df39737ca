/* fault.c - counters that make the n-th allocation or file call fail, and a watcher of syncs. Off (the usual state) costs one relaxed load
 * and a branch that never changes its mind. */
#include "base/fault.h"

#include <errno.h>
#include <stdatomic.h>

typedef struct fault_counter {
    atomic_bool counting;
    _Atomic uint64_t seen;
    _Atomic uint64_t target; /* 0: count only */
} fault_counter;

static fault_counter allocs, files;
static atomic_bool fired;
static atomic_int file_errno;

static void arm(fault_counter *c, uint64_t n)
{
    atomic_store(&c->counting, false);
    atomic_store(&c->seen, 0);
    atomic_store(&c->target, n);
    atomic_store(&fired, false);
    atomic_store(&c->counting, true);
}

static bool now(fault_counter *c)
{
    if (!atomic_load_explicit(&c->counting, memory_order_relaxed))
        return false;
    uint64_t i = atomic_fetch_add(&c->seen, 1) + 1;
    if (i != atomic_load(&c->target))
        return false;
    atomic_store(&fired, true);
    return true;
}

void base_fault_fail_alloc(uint64_t n)
{
    arm(&allocs, n);
}

void base_fault_fail_file(uint64_t n, int error_number)
{
    atomic_store(&file_errno, error_number);
    arm(&files, n);
}

uint64_t base_fault_allocs(void)
{
    return atomic_load(&allocs.seen);
}
uint64_t base_fault_files(void)
{
    return atomic_load(&files.seen);
}
bool base_fault_fired(void)
{
    return atomic_load(&fired);
}
bool base_fault_alloc_now(void)
{
    return now(&allocs);
}

bool base_fault_file_now(void)
{
    if (!now(&files))
        return false;
    errno = atomic_load(&file_errno);
    return true;
}

static void (*watcher)(void *arg, const char *call, const char *path);
static void *watcher_arg;

void base_fault_watch(void (*see)(void *arg, const char *call, const char *path), void *arg)
{
    watcher = see;
    watcher_arg = arg;
}

void base_fault_saw(const char *call, const char *path)
{
    if (watcher)
        watcher(watcher_arg, call, path);
}
