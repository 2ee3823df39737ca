/* product_bench.c - the arithmetic of CLIP's towers beside what this machine can do at most, measured in the same run: FMA
 * peak, memory read, products, and whole transformers with random weights.
 *
 *     product_bench [THREADS [NAME...]]      (PICASK_ISA chooses the level; names choose lines by their beginning)
 *
 * Weights lie in a mapped file, as a model's do. Each figure is the median of several runs. The limit of a transformer is
 * the larger of its arithmetic over the FMA peak and its weights' bytes over the read bandwidth. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "embed/model/transformer.h"
#include "embed/tensor/product_table.h"
#include "embed/tensor/unroll.h"

static base_pool *pool;
static const product_kernels *kernels;
static char **names;
static int n_names;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_size);
    return v[n / 2];
}

static bool asked(const char *name)
{
    for (int i = 0; i < n_names; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return n_names == 0;
}

static void *must(void *p)
{
    if (!p) {
        fprintf(stderr, "product_bench: out of memory\n");
        exit(1);
    }
    return p;
}

/* ---- what the machine can do ---- */

enum { PEAK_LOOPS = 2000000, READ_BYTES = 256 << 20, READ_TASKS = 64 };

#if defined(__x86_64__)
#include <immintrin.h>

/* 12 sums each: more than latency times throughput of any CPU so far, and as many as registers hold. */
__attribute__((target("avx2,fma"))) static float fma_avx2(void)
{
    __m256 s[12], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
    UNROLL for (int i = 0; i < 12; i++)
        s[i] = _mm256_set1_ps((float)i);
    for (int n = 0; n < PEAK_LOOPS; n++)
        UNROLL for (int i = 0; i < 12; i++) {
            s[i] = _mm256_fmadd_ps(s[i], a, b);
            __asm__ volatile("" : "+x"(s[i]));
        }
    float lanes[8], sum = 0;
    UNROLL for (int i = 0; i < 12; i++) {
        _mm256_storeu_ps(lanes, s[i]);
        sum += lanes[0];
    }
    return sum;
}

__attribute__((target("avx512f"))) static float fma_avx512(void)
{
    __m512 s[12], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
    UNROLL for (int i = 0; i < 12; i++)
        s[i] = _mm512_set1_ps((float)i);
    for (int n = 0; n < PEAK_LOOPS; n++)
        UNROLL for (int i = 0; i < 12; i++) {
            s[i] = _mm512_fmadd_ps(s[i], a, b);
            __asm__ volatile("" : "+v"(s[i]));
        }
    float lanes[16], sum = 0;
    UNROLL for (int i = 0; i < 12; i++) {
        _mm512_storeu_ps(lanes, s[i]);
        sum += lanes[0];
    }
    return sum;
}
#endif

static volatile float sink[READ_TASKS]; /* so that nothing is left out */

static void peak_task(void *arg, size_t i, int worker)
{
    float (*const *f)(void) = arg;
    (void)worker;
    sink[i] = (*f)();
}

/* GFLOP/s of all threads */
static double peak(float (*f)(void), size_t lanes)
{
    double t[7], flop = (double)base_pool_threads(pool) * PEAK_LOOPS * 12 * 2 * (double)lanes;
    for (int i = 0; i < 7; i++) {
        double start = now();
        base_pool_run(pool, (size_t)base_pool_threads(pool), peak_task, &f);
        t[i] = now() - start;
    }
    return flop / median(t, 7) * 1e-9;
}

static void read_task(void *arg, size_t i, int worker)
{
    const uint64_t *p = (const uint64_t *)arg + i * (READ_BYTES / 8 / READ_TASKS);
    uint64_t s[8] = {0};
    (void)worker;
    for (size_t j = 0; j < READ_BYTES / 8 / READ_TASKS; j += 64) {
        __builtin_prefetch(p + j + 1024);
        for (size_t l = 0; l < 8; l++)
            s[l] ^= p[j + 8 * l]; /* a number of each line */
    }
    sink[i] = (float)(s[0] ^ s[1] ^ s[2] ^ s[3] ^ s[4] ^ s[5] ^ s[6] ^ s[7]);
}

/* GB/s */
static double read_bandwidth(const void *memory)
{
    double t[9];
    for (int i = 0; i < 9; i++) {
        double start = now();
        base_pool_run(pool, READ_TASKS, read_task, (void *)memory);
        t[i] = now() - start;
    }
    return READ_BYTES / median(t, 9) * 1e-9;
}

/* ---- random numbers ---- */

static uint64_t seed = 88172645463325252u;
static float uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (float)(int32_t)(seed >> 32) * (1.0f / 2147483648.0f);
}

/* A file's mapping with room for `bytes`. */
static uint8_t *mapped(size_t bytes)
{
    FILE *f = must(tmpfile());
    if (ftruncate(fileno(f), (off_t)bytes) != 0)
        must(NULL);
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
    if (p == MAP_FAILED)
        must(NULL);
    return p;
}

static uint8_t *weights_end;

static tensor_matrix matrix(tensor_dtype dtype, size_t n, size_t k)
{
    size_t count = n * k, element = dtype == TENSOR_F32 ? 4 : 2;
    float scale = 1.0f / sqrtf((float)k);
    static float block[8192];
    for (size_t i = 0; i < 8192; i++)
        block[i] = uniform() * scale;
    for (size_t i = 0; i < count; i++) {
        float v = block[(i * 2654435761u >> 7) & 8191];
        uint16_t h;
        if (dtype == TENSOR_F32) {
            memcpy(weights_end + 4 * i, &v, 4);
        } else { /* 0 < |v| < 1: normal numbers of fp16 but for the smallest, which become zero */
            uint32_t bits;
            memcpy(&bits, &v, 4);
            int exponent = (int)(bits >> 23 & 255) - 112;
            uint32_t half = exponent > 0 ? (uint32_t)exponent << 10 | (bits >> 13 & 0x3ff) : 0;
            h = dtype == TENSOR_BF16 ? tensor_to_bf16(v) : (uint16_t)((bits >> 16 & 0x8000) | half);
            memcpy(weights_end + 2 * i, &h, 2);
        }
    }
    float *bias = must(base_alloc_array(n, sizeof *bias));
    for (size_t i = 0; i < n; i++)
        bias[i] = 0.01f * uniform();
    tensor_matrix m = {.dtype = dtype, .data = weights_end, .bias = bias, .n = n, .k = k};
    weights_end += count * element;
    return m;
}

/* ---- products ---- */

static void bench_product(const char *model, size_t d, size_t m, double gflops)
{
    const size_t shape[4][2] = {{d, d}, {3 * d, d}, {4 * d, d}, {d, 4 * d}};
    char name[64];
    snprintf(name, sizeof name, "product %s m=%zu", model, m);
    if (!asked(name))
        return;
    printf("%-28s", name);
    uint8_t *start = weights_end;
    for (int s = 0; s < 4; s++) {
        enum { COPIES = 6, RUNS = 15 };
        size_t n = shape[s][0], k = shape[s][1], floats;
        weights_end = start;
        tensor_matrix w[COPIES];
        for (int i = 0; i < COPIES; i++)
            w[i] = matrix(TENSOR_F32, n, k);
        product_tokens tokens = product_tokens_of(kernels, m);
        if (!product_scratch_floats(kernels, m, k, n, base_pool_threads(pool), &floats))
            must(NULL);
        float *x = must(base_alloc_aligned((m * k + 64) * 4)), *out = must(base_alloc_aligned((m * n + 64) * 4)),
              *scratch = must(base_alloc_aligned(floats * 4));
        for (size_t i = 0; i < m * k; i++)
            x[i] = uniform();
        product_states in = {&tokens, x, k}, to = {&tokens, out, n};
        double t[RUNS];
        for (int run = 0; run < RUNS; run++) {
            double begin = now();
            for (int i = 0; i < COPIES; i++)
                product_run(kernels, pool, &(product_call){.w = {&w[i]}, .n = 1, .x = &in, .out = &to}, scratch);
            t[run] = now() - begin;
        }
        double rate = 2e-9 * COPIES * (double)m * (double)n * (double)k / median(t, RUNS);
        printf("  [%4zu,%4zu] %5.1f %3.0f%%", n, k, rate, 100 * rate / gflops);
        base_free(x);
        base_free(out);
        base_free(scratch);
        for (int i = 0; i < COPIES; i++)
            base_free((void *)w[i].bias);
    }
    weights_end = start;
    printf("\n");
}

/* ---- transformers ---- */

typedef struct shape {
    const char *name;
    size_t layers, d, heads;
    bool causal;
} shape;

static void bench_transformer(const shape *s, tensor_dtype dtype, size_t sequences, size_t length, double gflops, double gbs)
{
    char name[64];
    snprintf(name, sizeof name, "%s %s %zux%zu", s->name, dtype == TENSOR_F32 ? "f32" : "f16", sequences, length);
    if (!asked(name))
        return;
    size_t d = s->d, m = sequences * length;
    uint8_t *start = weights_end;
    transformer_layer *layer = must(base_calloc(s->layers, sizeof *layer));
    float *ones = must(base_alloc_array(d, 4)), *zeros = must(base_calloc(d, 4));
    for (size_t i = 0; i < d; i++)
        ones[i] = 1.0f;
    for (size_t i = 0; i < s->layers; i++)
        layer[i] = (transformer_layer){
            .norm1_w = ones, .norm1_b = zeros, .norm2_w = ones, .norm2_b = zeros,
            .q = matrix(dtype, d, d), .k = matrix(dtype, d, d), .v = matrix(dtype, d, d), .out = matrix(dtype, d, d),
            .fc1 = matrix(dtype, 4 * d, d), .fc2 = matrix(dtype, d, 4 * d),
        };
    transformer t = {s->layers, d, s->heads, 4 * d, 1e-5f, PRODUCT_QUICK_GELU, s->causal, layer};
    size_t *begin = must(base_alloc_array(sequences + 1, sizeof *begin));
    size_t *wanted = must(base_alloc_array(sequences, sizeof *wanted));
    for (size_t i = 0; i <= sequences; i++)
        begin[i] = i * length;
    for (size_t i = 0; i < sequences; i++)
        wanted[i] = begin[i] + (s->causal ? length - 1 : 0);
    float *x = must(base_alloc_array(m * d, 4)), *out = must(base_alloc_array(sequences * d, 4));
    transformer_scratch *scratch;
    lancelet_error err;
    if (transformer_scratch_create(&t, kernels, m, sequences, base_pool_threads(pool), &scratch, &err) != LANCELET_OK)
        must(NULL);

    /* all blocks but the last in full; there keys and values of all tokens, the rest for the wanted ones */
    double dd = (double)(d * d), mm = (double)m, full = (double)(s->layers - 1);
    double keys = s->causal ? (double)(length + 1) / 2 : (double)length;
    double flop = 2 * dd * 12 * mm * full + 2 * dd * (2 * mm + 10 * (double)sequences) +
                  4 * (double)d * (mm * keys * full + mm);
    double bytes = 12 * dd * (double)s->layers * (dtype == TENSOR_F32 ? 4 : 2);
    double limit = fmax(flop * 1e-9 / gflops, bytes * 1e-9 / gbs), time[200], spent = 0;
    int runs = 0;
    for (int i = 0; (spent < 2.5 || runs < 5) && runs < 200; i++) {
        for (size_t j = 0; j < m * d; j++)
            x[j] = uniform();
        double begun = now();
        transformer_run(&t, kernels, scratch, pool, x, begin, sequences, wanted, out);
        double took = now() - begun;
        spent += took;
        if (i > 0) /* the first faults the mapping in */
            time[runs++] = took;
    }
    double took = median(time, (size_t)runs);
    printf("%-28s %9.3f ms  %7.2f/s  limit %9.3f ms  %3.0f%%  %6.1f GFLOP/s\n", name, took * 1e3,
           (double)sequences / took, limit * 1e3, 100 * limit / took, flop / took * 1e-9);
    fflush(stdout);
    transformer_scratch_destroy(scratch);
    base_free(begin);
    base_free(wanted);
    base_free(x);
    base_free(out);
    base_free(ones);
    base_free(zeros);
    for (size_t i = 0; i < s->layers; i++) {
        const tensor_matrix *all[] = {&layer[i].q, &layer[i].k, &layer[i].v, &layer[i].out, &layer[i].fc1, &layer[i].fc2};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            base_free((void *)all[j]->bias);
    }
    base_free(layer);
    weights_end = start;
}

int main(int argc, char **argv)
{
    lancelet_error err;
    if (base_pool_create(argc > 1 ? atoi(argv[1]) : 0, &pool, &err) != LANCELET_OK) {
        fprintf(stderr, "product_bench: %s\n", err.text);
        return 1;
    }
    names = argv + 2;
    n_names = argc > 2 ? argc - 2 : 0;
    kernels = product_kernels_for(base_isa_level());
    weights_end = mapped((size_t)1300 << 20);
    memset(weights_end, 1, READ_BYTES);
    double gflops = 1, gbs = read_bandwidth(weights_end);
    printf("%d threads, kernels %s", base_pool_threads(pool), base_isa_name(base_isa_level()));
#if defined(__x86_64__)
    if (base_isa_level() >= BASE_ISA_AVX2)
        printf(", FMA avx2 %.1f GFLOP/s", gflops = peak(fma_avx2, 8));
    if (base_isa_level() >= BASE_ISA_AVX512)
        printf(", avx512 %.1f GFLOP/s", gflops = peak(fma_avx512, 16));
#endif
    printf(", read %.1f GB/s\n", gbs);
    bench_product("B", 768, 50, gflops);
    bench_product("B", 768, 400, gflops);
    bench_product("L", 1024, 257, gflops);
    bench_product("L", 1024, 1028, gflops);
    const shape vision_b = {"vision-B", 12, 768, 12, false}, vision_l = {"vision-L", 24, 1024, 16, false};
    const shape text_b = {"text-B", 12, 512, 8, true}, text_l = {"text-L", 12, 768, 12, true};
    bench_transformer(&vision_b, TENSOR_F32, 1, 50, gflops, gbs);
    bench_transformer(&vision_b, TENSOR_F32, 8, 50, gflops, gbs);
    bench_transformer(&vision_b, TENSOR_F32, 32, 50, gflops, gbs);
    bench_transformer(&vision_b, TENSOR_F16, 1, 50, gflops, gbs);
    bench_transformer(&vision_l, TENSOR_F32, 1, 257, gflops, gbs);
    bench_transformer(&vision_l, TENSOR_F32, 4, 257, gflops, gbs);
    const size_t length[] = {6, 10, 15};
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 3; i++) {
            bench_transformer(&text_b, half ? TENSOR_F16 : TENSOR_F32, 1, length[i], gflops, gbs);
            bench_transformer(&text_l, half ? TENSOR_F16 : TENSOR_F32, 1, length[i], gflops, gbs);
        }
    bench_transformer(&text_b, TENSOR_F32, 64, 14, gflops, gbs);
    bench_transformer(&text_l, TENSOR_F32, 64, 14, gflops, gbs);
    base_pool_destroy(pool);
    return 0;
}
