/* pool.h - one thread pool, handed down; and what a CPU can do, decided once. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/error.h"

typedef struct base_pool base_pool;

/* CPUs that this process may use: affinity and the cgroup's quota. At least 1. */
int base_cpu_count(void);

/* A pool of `threads` workers in all, the calling thread counted (so threads-1 are started, when first needed);
 * 0 = base_cpu_count(). */
lancelet_status base_pool_create(int threads, base_pool **out, lancelet_error *err) MUST_CHECK;
void base_pool_destroy(base_pool *pool);
int base_pool_threads(const base_pool *pool); /* NULL: 1 */

/* Calls task(arg, i, worker) for i in 0..n-1, worker in 0..threads-1, on all workers, and returns when all are done.
 * Items are taken one by one from a shared counter. Workers spin a few microseconds before they sleep, so that calls
 * that follow each other closely (the layers of a network) start fast. pool NULL or n 1: in the calling thread. Not
 * to be called from inside a task; one caller at a time. */
void base_pool_run(base_pool *pool, size_t n, void (*task)(void *arg, size_t i, int worker), void *arg);

/* ---- cancel: a flag the caller owns ---- */
static inline bool base_cancelled(const volatile int *cancel) { return cancel && *cancel; }
lancelet_status base_fail_cancelled(lancelet_error *err);

/* ---- CPU level ---- */
typedef enum base_isa {
    BASE_ISA_C = 0,
    BASE_ISA_AVX2,       /* AVX2, FMA, F16C */
    BASE_ISA_AVX512,     /* F, BW, DQ, VL, VNNI */
    BASE_ISA_AVX512BF16, /* and BF16 */
    BASE_ISA_AMX,        /* and AMX tiles for bf16 and int8, granted by the kernel */
} base_isa;
/* The highest level of this CPU, or what PICASK_ISA=c|avx2|avx512|avx512bf16|amx asks for (never more than the CPU
 * has). Decided at the first call. */
base_isa base_isa_level(void);
const char *base_isa_name(base_isa level);

#endif
