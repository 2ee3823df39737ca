/* pool.c - the one thread pool. A call publishes a job under a generation number; workers that spin see it without a
 * system call, sleeping ones are woken through a condition variable. Items are taken from one shared counter, so an
 * uneven load balances itself. All that is shared is either a C11 atomic or guarded by the mutex. */
#include "base/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/os.h"

/* Long enough to bridge the gap between two layers of a network, short enough not to be seen in a CPU meter. */
enum { SPIN_US = 20, SPIN_LOOPS_PER_LOOK = 64, MAX_THREADS = 1024 };

typedef struct pool_worker {
    base_pool *pool;
    pthread_t thread;
    int number; /* 1..threads-1; the caller is 0 */
} pool_worker;

struct base_pool {
    int threads; /* workers wanted, the caller counted */
    int started; /* threads that exist, without the caller */
    bool start_tried;
    int kept_off;        /* CPU that the workers keep off: the caller's at the last waking; -1 none */
    pool_worker *worker; /* [threads - 1] */

    pthread_mutex_t lock;
    pthread_cond_t wake;     /* for workers: the generation changed */
    pthread_cond_t finished; /* for the caller: busy became 0 */

    /* the job, written before the generation is raised */
    void (*task)(void *arg, size_t i, int worker);
    void *arg;
    size_t n;
    _Alignas(64) atomic_size_t next;     /* the next item */
    _Alignas(64) atomic_uint generation; /* raised for every job */
    _Alignas(64) atomic_int busy;        /* workers that have not left the current job */
    atomic_int sleeping;                 /* workers that wait on `wake` or are about to */
    atomic_bool caller_sleeps;
    atomic_bool stop;
};

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static void work(base_pool *p, int number)
{
    for (;;) {
        size_t i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (i >= p->n)
            return;
        p->task(p->arg, i, number);
    }
}

/* Waits until the generation is another than `seen` and returns it. */
static unsigned wait_generation(base_pool *p, unsigned seen)
{
    int64_t end = base_monotonic_us() + SPIN_US;
    do {
        for (int k = 0; k < SPIN_LOOPS_PER_LOOK; k++) {
            unsigned g = atomic_load_explicit(&p->generation, memory_order_acquire);
            if (g != seen)
                return g;
            cpu_relax();
        }
    } while (base_monotonic_us() < end);

    pthread_mutex_lock(&p->lock);
    /* Sequentially consistent on both sides: either this load sees the new generation or the caller, who reads
     * `sleeping` after raising it, sees this worker and takes the lock to wake it. */
    atomic_fetch_add(&p->sleeping, 1);
    unsigned g;
    while ((g = atomic_load(&p->generation)) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->sleeping, 1);
    pthread_mutex_unlock(&p->lock);
    return g;
}

static void *worker_main(void *argument)
{
    pool_worker *w = argument;
    base_pool *p = w->pool;
    unsigned seen = 0;
    for (;;) {
        seen = wait_generation(p, seen);
        if (atomic_load(&p->stop))
            return NULL;
        work(p, w->number);
        if (atomic_fetch_sub(&p->busy, 1) == 1 && atomic_load(&p->caller_sleeps)) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->finished);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

/* Fewer threads than wanted is slower, never wrong: a thread that cannot be started is left out. */
static void start_workers(base_pool *p)
{
    p->start_tried = true;
    /* Signals are the main thread's: a worker must never run a handler of the program. SIGBUS and the like are
     * delivered to the thread that caused them and stay open. */
    sigset_t blocked, old;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    pthread_sigmask(SIG_SETMASK, &blocked, &old);
    for (int i = 0; i < p->threads - 1; i++) {
        pool_worker *w = &p->worker[p->started];
        *w = (pool_worker){.pool = p, .number = p->started + 1};
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
            break;
        p->started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

lancelet_status base_pool_create(int threads, base_pool **out, lancelet_error *err)
{
    if (threads < 0 || threads > MAX_THREADS)
        return base_fail(err, LANCELET_INVALID, "the number of threads must be from 0 to %d, not %d",
                         MAX_THREADS, threads);
    if (threads == 0)
        threads = base_cpu_count();
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    base_pool *p = base_alloc_aligned(sizeof *p);
    pool_worker *worker = base_calloc((size_t)threads, sizeof *worker);
    if (!p || !worker)
        goto no_memory;
    *p = (base_pool){.threads = threads, .kept_off = -1, .worker = worker};
    if (pthread_mutex_init(&p->lock, NULL) != 0)
        goto no_memory;
    if (pthread_cond_init(&p->wake, NULL) != 0)
        goto no_wake;
    if (pthread_cond_init(&p->finished, NULL) != 0)
        goto no_finished;
    *out = p;
    return LANCELET_OK;

no_finished:
    pthread_cond_destroy(&p->wake);
no_wake:
    pthread_mutex_destroy(&p->lock);
no_memory:
    base_free(worker);
    base_free(p);
    return base_fail_memory(err);
}

/* Linux wakes a thread on the CPU of its waker and may leave both there for milliseconds while another CPU idles: longer
 * than a whole network takes. So sleeping workers keep off the caller's CPU. */
static void make_room(base_pool *p)
{
    int cpu = base_os_current_cpu();
    if (cpu == p->kept_off)
        return;
    p->kept_off = cpu;
    for (int i = 0; i < p->started; i++)
        base_os_keep_off(p->worker[i].thread, cpu);
}

static void raise_generation(base_pool *p)
{
    atomic_fetch_add(&p->generation, 1);
    if (atomic_load(&p->sleeping) > 0) {
        make_room(p);
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
}

void base_pool_destroy(base_pool *p)
{
    if (!p)
        return;
    atomic_store(&p->stop, true);
    raise_generation(p);
    for (int i = 0; i < p->started; i++)
        pthread_join(p->worker[i].thread, NULL);
    pthread_cond_destroy(&p->finished);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    base_free(p->worker);
    base_free(p);
}

int base_pool_threads(const base_pool *p)
{
    return p ? p->threads : 1;
}

static void wait_workers(base_pool *p)
{
    int64_t end = base_monotonic_us() + SPIN_US;
    do {
        for (int k = 0; k < SPIN_LOOPS_PER_LOOK; k++) {
            if (atomic_load_explicit(&p->busy, memory_order_acquire) == 0)
                return;
            cpu_relax();
        }
    } while (base_monotonic_us() < end);
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_sleeps, true);
    while (atomic_load(&p->busy) != 0)
        pthread_cond_wait(&p->finished, &p->lock);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->lock);
}

void base_pool_run(base_pool *p, size_t n, void (*task)(void *arg, size_t i, int worker), void *arg)
{
    if (p && n > 1 && p->threads > 1 && !p->start_tried)
        start_workers(p);
    if (!p || n <= 1 || p->started == 0) {
        for (size_t i = 0; i < n; i++)
            task(arg, i, 0);
        return;
    }
    p->task = task;
    p->arg = arg;
    p->n = n;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_store(&p->busy, p->started);
    raise_generation(p);
    work(p, 0);
    wait_workers(p);
}

lancelet_status base_fail_cancelled(lancelet_error *err)
{
    return base_fail(err, LANCELET_CANCELLED, "cancelled");
}
