/* mini_bench.c - our side of bench/mini.py: embeds what it is told on stdin, once a line, and answers with the
 * nanoseconds it took, so that the two sides can take turns.
 *
 *     mini_bench MODEL THREADS        (PICASK_ISA chooses the level)
 *     pixels                          a picture that is resized already
 *     file PATH                       read, decode, resize, embed
 *     text WORDS
 *     files N PATH...                 N files in all, each thread its own picture; paths in turn
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "embed/image/image.h"
#include "embed/model/parts.h"

enum { MAX_THREADS = 64, MAX_FILES = 4096, MAX_DIM = 8192 };

static uint8_t *pixels;
static float vector[MAX_THREADS][MAX_DIM];
static model_context *own[MAX_THREADS];
static char *path_of[MAX_FILES];
static size_t paths;

static void check(lancelet_status status, const lancelet_error *err)
{
    if (status == LANCELET_OK)
        return;
    fprintf(stderr, "mini_bench: %s\n", err->text);
    exit(1);
}

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void embed_file(model_context *c, const char *path, float *out)
{
    lancelet_error err;
    uint8_t *bytes;
    size_t n;
    base_picture p;
    check(base_file_read(path, 1 << 28, &bytes, &n, &err), &err);
    check(image_decode(bytes, n, NULL, 0, &p, NULL, &err), &err);
    check(model_embed_picture(c, &p, out, &err), &err);
    base_picture_free(&p);
    base_free(bytes);
}

static void file_task(void *arg, size_t i, int worker)
{
    (void)arg;
    embed_file(own[worker], path_of[i % paths], vector[worker]);
}

int main(int argc, char **argv)
{
    lancelet_error err;
    model *m;
    base_pool *pool;
    model_context *c;
    int threads = argc > 2 ? atoi(argv[2]) : 0;
    if (argc != 3 || threads < 1 || threads > MAX_THREADS)
        return 2;
    check(model_open(argv[1], &m, &err), &err);
    check(base_pool_create(threads, &pool, &err), &err);
    check(model_context_create(m, pool, &c, &err), &err);
    for (int i = 0; i < threads; i++)
        check(model_context_create(m, NULL, &own[i], &err), &err);
    size_t side = (size_t)model_image_size(m);
    pixels = base_alloc(side * side * 3);
    if (!pixels)
        return 1;
    for (size_t i = 0; i < side * side * 3; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    static char line[1 << 20];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        long long start = now();
        if (strcmp(line, "pixels") == 0) {
            check(model_embed_pixels(c, pixels, vector[0], &err), &err);
        } else if (strncmp(line, "file ", 5) == 0) {
            embed_file(c, line + 5, vector[0]);
        } else if (strncmp(line, "text ", 5) == 0) {
            check(model_embed_text(c, line + 5, strlen(line + 5), vector[0], &err), &err);
        } else if (strncmp(line, "files ", 6) == 0) {
            size_t n = (size_t)atoi(strtok(line + 6, " "));
            paths = 0;
            for (char *p; paths < MAX_FILES && (p = strtok(NULL, " "));)
                path_of[paths++] = p;
            start = now();
            base_pool_run(pool, n, file_task, NULL);
        }
        printf("%lld\n", now() - start);
        fflush(stdout);
    }
    for (int i = 0; i < threads; i++)
        model_context_destroy(own[i]);
    model_context_destroy(c);
    base_pool_destroy(pool);
    model_close(m);
    base_free(pixels);
    return 0;
}
