/* clip_limits.c - what this machine can do at most, for the shares that bench/clip.py prints. It answers lines on stdin, one
 * number a line, as bench/clip_bench.c does, so that limits are measured between the turns of the others:
 *
 *     fma LEVEL THREADS     GFLOP/s of fp32 multiply-adds out of registers; LEVEL c (128 bit), avx2 or avx512
 *     read THREADS          GB/s of reading memory that no cache holds
 *
 * Built with -ffp-contract=fast: vector extensions become FMAs on any CPU then. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { MAX_THREADS = 64, SUMS = 12, TURNS = 20000 };
static const double SECONDS = .06;            /* of one answer */
static const size_t BUFFER = (size_t)1 << 29; /* bytes */

typedef struct task {
    float (*fma)(void);         /* NULL: read instead */
    void (*read)(struct task *);
    const uint64_t *from;
    size_t words;
    double amount; /* out: flops or bytes */
    double sink;   /* out: what the loop computed, so that it is not dropped */
} task;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* SUMS independent sums hide an FMA's latency (4 cycles at 2 a cycle: 8 are needed); different starts, or the compiler
 * computes one for all. x below 1 keeps them finite. */
#define FMA_LOOP(NAME, TARGET, WIDTH)                                                                    \
    typedef float NAME##_lanes __attribute__((vector_size(WIDTH * 4)));                                 \
    TARGET static float NAME(void)                                                                      \
    {                                                                                                   \
        NAME##_lanes x, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;                               \
        for (int i = 0; i < WIDTH; i++)                                                                 \
            x[i] = .9f;                                                                                 \
        s0 = x + .01f, s1 = x + .02f, s2 = x + .03f, s3 = x + .04f, s4 = x + .05f, s5 = x + .06f;       \
        s6 = x + .07f, s7 = x + .08f, s8 = x + .09f, s9 = x + .1f, s10 = x + .11f, s11 = x + .12f;      \
        for (int i = 0; i < TURNS; i++) {                                                               \
            s0 = s0 * x + x, s1 = s1 * x + x, s2 = s2 * x + x, s3 = s3 * x + x;                         \
            s4 = s4 * x + x, s5 = s5 * x + x, s6 = s6 * x + x, s7 = s7 * x + x;                         \
            s8 = s8 * x + x, s9 = s9 * x + x, s10 = s10 * x + x, s11 = s11 * x + x;                     \
        }                                                                                               \
        s0 += s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;                                   \
        return s0[0];                                                                                   \
    }
FMA_LOOP(fma_c, , 4)
#if defined(__x86_64__)
FMA_LOOP(fma_avx2, __attribute__((target("avx2,fma"))), 8)
FMA_LOOP(fma_avx512, __attribute__((target("avx512f"))), 16)
#endif

/* Loads of 32 bytes where there are such: with narrower ones half of Zen 4's speed is seen. */
#define READ_LOOP(NAME, TARGET, WIDTH)                                                      \
    typedef uint64_t NAME##_lanes __attribute__((vector_size(WIDTH * 8)));                  \
    TARGET static void NAME(task *t)                                                        \
    {                                                                                       \
        const NAME##_lanes *p = (const NAME##_lanes *)(const void *)t->from;                \
        NAME##_lanes a = {0}, b = a, c = a, d = a;                                          \
        for (size_t i = 0; i + 4 <= t->words / WIDTH; i += 4)                               \
            a += p[i], b += p[i + 1], c += p[i + 2], d += p[i + 3];                         \
        a += b + c + d;                                                                     \
        t->sink = (double)a[0];                                                             \
        t->amount = (double)(t->words * 8);                                                 \
    }
READ_LOOP(read_c, , 2)
#if defined(__x86_64__)
READ_LOOP(read_avx2, __attribute__((target("avx2"))), 4)
#endif

static void *work(void *arg)
{
    task *t = arg;
    double until = now() + SECONDS;
    if (!t->fma) {
        t->read(t);
        return NULL;
    }
    double turns = 0;
    do {
        t->sink += (double)t->fma();
        turns++;
    } while (now() < until);
    t->amount = turns;
    return NULL;
}

/* Amount a second of all threads together; begun and ended together nearly. */
static double measure(int threads, const task *like, const uint64_t *buffer)
{
    pthread_t id[MAX_THREADS];
    task t[MAX_THREADS];
    size_t words = BUFFER / 8 / (size_t)threads / 16 * 16;
    for (int i = 0; i < threads; i++) {
        t[i] = *like;
        t[i].from = buffer + (size_t)i * words;
        t[i].words = words;
    }
    double began = now(), amount = 0;
    for (int i = 1; i < threads; i++)
        if (pthread_create(&id[i], NULL, work, &t[i]) != 0)
            exit(1);
    work(&t[0]);
    for (int i = 1; i < threads; i++)
        pthread_join(id[i], NULL);
    double seconds = now() - began;
    for (int i = 0; i < threads; i++)
        amount += t[i].amount;
    return amount / seconds;
}

int main(void)
{
    uint64_t *buffer = aligned_alloc((size_t)1 << 21, BUFFER);
    if (!buffer)
        return 1;
#if defined(MADV_HUGEPAGE)
    madvise(buffer, BUFFER, MADV_HUGEPAGE);
#endif
    memset(buffer, 1, BUFFER);
    char line[64], level[16];
    int threads;
    while (fgets(line, sizeof line, stdin)) {
        double answer = 0;
        if (sscanf(line, "fma %15s %d", level, &threads) == 2 && threads >= 1 && threads <= MAX_THREADS) {
            task t = {.fma = fma_c};
            double lanes = 4;
#if defined(__x86_64__)
            if (strcmp(level, "avx2") == 0 && __builtin_cpu_supports("avx2"))
                t.fma = fma_avx2, lanes = 8;
            else if (strcmp(level, "avx512") == 0 && __builtin_cpu_supports("avx512f"))
                t.fma = fma_avx512, lanes = 16;
#endif
            answer = measure(threads, &t, buffer) * 2 * SUMS * TURNS * lanes * 1e-9;
        } else if (sscanf(line, "read %d", &threads) == 1 && threads >= 1 && threads <= MAX_THREADS) {
            task t = {.read = read_c};
#if defined(__x86_64__)
            if (__builtin_cpu_supports("avx2"))
                t.read = read_avx2;
#endif
            answer = measure(threads, &t, buffer) * 1e-9;
        } else {
            return 2;
        }
        printf("%.6g\n", answer);
        fflush(stdout);
    }
    free(buffer);
    return 0;
}
