/* clip_bench.c - our side of bench/clip.py: embeds what it is told on stdin, once a line, and answers with the nanoseconds
 * it took, so that all sides can take turns.
 *
 *     clip_bench MODEL THREADS       (PICASK_ISA chooses the level)
 *     load FILE                      pixels [n, side, side, 3] of 8 bit to be embedded, resized already; answers n
 *     images N                       the first N of them in one call
 *     ids ID,ID,...                  one text as tokens, start and end with it
 *     texts WORDS[TAB]WORDS...       in one call
 *     files BATCH SIDE PATH...       read, decode (SIDE 0: in full; else as --decode fast does for a model of that side),
 *                                    resize and embed, each thread BATCH pictures of its own at a time, as `picask index`
 *     write FILE                     the vectors of the last answer, float32 [n, dim]; answers n
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "embed/image/image.h"
#include "embed/model/parts.h"

enum { MAX_THREADS = 64, MAX_MANY = 4096, MAX_BATCH = 64 };

static model *m;
static base_pool *pool;
static model_context *context, *own[MAX_THREADS]; /* with the pool; one for each thread, without */
static uint8_t *pixels;                           /* [n_pixels, side, side, 3] */
static size_t n_pixels, side;
static float *vectors; /* [MAX_MANY, dim] */
static size_t n_vectors;
static char *word[MAX_MANY]; /* of the line */
static size_t words;
static size_t batch;
static int decode_side;

static void check(lancelet_status status, const lancelet_error *err)
{
    if (status == LANCELET_OK)
        return;
    fprintf(stderr, "clip_bench: %s\n", err->text);
    exit(1);
}

static void *need(void *p)
{
    if (p)
        return p;
    fprintf(stderr, "clip_bench: out of memory\n");
    exit(1);
}

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void split(char *text, const char *by)
{
    words = 0;
    for (char *p = strtok(text, by); p && words < MAX_MANY; p = strtok(NULL, by))
        word[words++] = p;
}

static void load(const char *path)
{
    lancelet_error err;
    size_t bytes;
    base_free(pixels);
    check(base_file_read(path, UINT64_C(1) << 30, &pixels, &bytes, &err), &err);
    n_pixels = bytes / (side * side * 3);
}

static void embed_pixels(size_t n)
{
    lancelet_error err;
    base_picture picture[MAX_BATCH];
    const base_picture *pointer[MAX_BATCH];
    n_vectors = n <= n_pixels && n <= MAX_BATCH ? n : 0;
    for (size_t i = 0; i < n_vectors; i++) {
        picture[i] = (base_picture){pixels + i * side * side * 3, (int)side, (int)side};
        pointer[i] = &picture[i];
    }
    check(model_embed_pictures(context, pointer, n_vectors, vectors, &err), &err);
}

static void embed_ids(void)
{
    lancelet_error err;
    int32_t ids[MAX_MANY];
    for (size_t i = 0; i < words; i++)
        ids[i] = (int32_t)atoi(word[i]);
    n_vectors = 1;
    check(model_embed_ids(context, ids, words, vectors, &err), &err);
}

static void embed_texts(void)
{
    lancelet_error err;
    size_t bytes[MAX_MANY];
    for (size_t i = 0; i < words; i++)
        bytes[i] = strlen(word[i]);
    n_vectors = words;
    check(model_embed_texts(context, (const char *const *)word, bytes, words, vectors, &err), &err);
}

/* Pictures i*batch .. of the paths, by one thread. */
static void file_task(void *arg, size_t i, int worker)
{
    (void)arg;
    lancelet_error err;
    base_picture picture[MAX_BATCH];
    const base_picture *pointer[MAX_BATCH];
    size_t first = i * batch, n = words - first < batch ? words - first : batch;
    for (size_t j = 0; j < n; j++) {
        uint8_t *bytes;
        size_t size;
        base_picture whole;
        check(base_file_read(word[first + j], 1 << 28, &bytes, &size, &err), &err);
        check(image_decode(bytes, size, NULL, decode_side, &whole, NULL, &err), &err);
        base_free(bytes);
        check(model_prepare(m, &whole, &picture[j], &err), &err);
        base_picture_free(&whole);
        pointer[j] = &picture[j];
    }
    check(model_embed_pictures(own[worker], pointer, n, vectors + first * model_dim(m), &err), &err);
    for (size_t j = 0; j < n; j++)
        base_picture_free(&picture[j]);
}

static void write_vectors(const char *path)
{
    FILE *f = need(fopen(path, "wb"));
    if (fwrite(vectors, sizeof *vectors, n_vectors * model_dim(m), f) != n_vectors * model_dim(m) || fclose(f) != 0)
        exit(1);
}

/* The line is taken apart before the clock starts; a count or nanoseconds. */
static long long answer(char *line)
{
    char *rest = strchr(line, ' ');
    if (!rest)
        return -1;
    *rest++ = '\0';
    if (strcmp(line, "load") == 0)
        return load(rest), (long long)n_pixels;
    if (strcmp(line, "write") == 0)
        return write_vectors(rest), (long long)n_vectors;
    split(rest, strcmp(line, "texts") == 0 ? "\t" : strcmp(line, "ids") == 0 ? "," : " ");
    long long start = now();
    if (strcmp(line, "images") == 0) {
        embed_pixels((size_t)atoi(word[0]));
    } else if (strcmp(line, "ids") == 0) {
        embed_ids();
    } else if (strcmp(line, "texts") == 0) {
        embed_texts();
    } else if (strcmp(line, "files") == 0 && words > 2) {
        batch = (size_t)atoi(word[0]);
        decode_side = atoi(word[1]);
        n_vectors = words -= 2;
        memmove(word, word + 2, words * sizeof *word);
        base_pool_run(pool, (words + batch - 1) / batch, file_task, NULL);
    } else {
        return -1;
    }
    return now() - start;
}

int main(int argc, char **argv)
{
    lancelet_error err;
    int threads = argc > 2 ? atoi(argv[2]) : 0;
    if (argc != 3 || threads < 1 || threads > MAX_THREADS)
        return 2;
    check(model_open(argv[1], NULL, &m, &err), &err);
    check(base_pool_create(threads, &pool, &err), &err);
    check(model_context_create(m, pool, &context, &err), &err);
    for (int i = 0; i < threads; i++)
        check(model_context_create(m, NULL, &own[i], &err), &err);
    side = (size_t)model_image_size(m);
    vectors = need(base_alloc_array(MAX_MANY * model_dim(m), sizeof *vectors));
    static char line[1 << 20];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        printf("%lld\n", answer(line));
        fflush(stdout);
    }
    for (int i = 0; i < threads; i++)
        model_context_destroy(own[i]);
    model_context_destroy(context);
    base_pool_destroy(pool);
    model_close(m);
    base_free(pixels);
    base_free(vectors);
    return 0;
}
