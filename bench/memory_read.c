/* memory_read.c - how fast this machine reads memory: sums a file that is mapped and in the page cache, cut among threads. What
 * a flat search is measured against: it must read the same bytes once.
 * Usage: memory_read FILE THREADS ROUNDS; prints the seconds of each round, the first (which maps the pages) left out. */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct part {
    const uint64_t *words; /* [n] */
    size_t n;
    uint64_t sum;
} part;

static void *sum(void *arg)
{
    part *p = arg;
    uint64_t s[8] = {0};
    for (size_t i = 0; i + 64 <= p->n; i += 64)
        for (size_t j = 0; j < 64; j++)
            s[j % 8] += p->words[i + j];
    p->sum = s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7];
    return NULL;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    enum { MOST = 64 };
    int threads = argc == 4 ? atoi(argv[2]) : 0, rounds = argc == 4 ? atoi(argv[3]) : 0;
    int fd = threads > 0 && threads <= MOST ? open(argv[1], O_RDONLY) : -1;
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) != 0) {
        fprintf(stderr, "usage: memory_read FILE THREADS ROUNDS\n");
        return 2;
    }
    const uint64_t *words = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (words == MAP_FAILED)
        return 2;
    size_t n = (size_t)stat.st_size / 8 / (size_t)threads;
    uint64_t all = 0;
    for (int r = 0; r <= rounds; r++) {
        pthread_t thread[MOST];
        part parts[MOST];
        double began = now();
        for (int i = 0; i < threads; i++) {
            parts[i] = (part){words + (size_t)i * n, n, 0};
            if (pthread_create(&thread[i], NULL, sum, &parts[i]) != 0)
                return 2;
        }
        for (int i = 0; i < threads; i++) {
            pthread_join(thread[i], NULL);
            all += parts[i].sum;
        }
        if (r > 0)
            printf("%.6f\n", now() - began);
    }
    fprintf(stderr, "%llu\n", (unsigned long long)all); /* so that the sums are needed */
    return 0;
}
