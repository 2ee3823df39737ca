/* vector.c - distances from one query to many vectors in plain C (eight lanes, so that sums of many terms keep their
 * precision and compilers can vectorise), the choice of kernels by CPU level, and the k best.
 *
 * Cosine here is 1 - dot / (|q| |x|), the square root and the division in double: small distances between unit
 * vectors keep the digits that float32 sums have. */
#include <math.h>
#include <stdlib.h>

#include "lance/vector/kernels.h"
#include "lance/vector/vector.h"

enum { LANES = 8, BLOCK = 256 }; /* BLOCK: rows whose norms fit the stack */

static float sum_lanes(const float s[LANES])
{
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
}

static float dot_one(const float *a, const float *b, size_t dim)
{
    float s[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            s[j] += a[i + j] * b[i + j];
    for (size_t j = 0; i < dim; i++, j++)
        s[j] += a[i] * b[i];
    return sum_lanes(s);
}

static float l2_one(const float *a, const float *b, size_t dim)
{
    float s[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES)
        for (size_t j = 0; j < LANES; j++) {
            float d = a[i + j] - b[i + j];
            s[j] += d * d;
        }
    for (size_t j = 0; i < dim; i++, j++) {
        float d = a[i] - b[i];
        s[j] += d * d;
    }
    return sum_lanes(s);
}

static void dot_c(const float *query, const float *matrix, size_t rows, size_t dim, float *out)
{
    for (size_t r = 0; r < rows; r++)
        out[r] = dot_one(query, matrix + r * dim, dim);
}

static void l2_c(const float *query, const float *matrix, size_t rows, size_t dim, float *out)
{
    for (size_t r = 0; r < rows; r++)
        out[r] = l2_one(query, matrix + r * dim, dim);
}

static void dot_and_norm_c(const float *query, const float *matrix, size_t rows, size_t dim, float *dots,
                           float *norms)
{
    for (size_t r = 0; r < rows; r++) {
        dots[r] = dot_one(query, matrix + r * dim, dim);
        norms[r] = dot_one(matrix + r * dim, matrix + r * dim, dim);
    }
}

const vector_kernels vector_kernels_c = {dot_c, l2_c, dot_and_norm_c};

const vector_kernels *vector_kernels_of(base_isa level)
{
#if defined(__x86_64__)
    if (level >= BASE_ISA_AVX512)
        return &vector_kernels_avx512;
    if (level >= BASE_ISA_AVX2)
        return &vector_kernels_avx2;
#endif
    (void)level;
    return &vector_kernels_c;
}

vector_query vector_query_of(lancelet_metric metric, const float *values, size_t dim)
{
    vector_query q = {metric, values, dim, 0};
    float dot;
    vector_kernels_of(base_isa_level())->dot_and_norm(values, values, 1, dim, &dot, &q.norm);
    return q;
}

static void cosine(const vector_kernels *kernels, const vector_query *q, const float *matrix, size_t rows,
                   float *distances)
{
    float norms[BLOCK];
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t n = rows - first < BLOCK ? rows - first : BLOCK;
        kernels->dot_and_norm(q->values, matrix + first * q->dim, n, q->dim, distances + first, norms);
        for (size_t r = 0; r < n; r++) {
            double product = (double)q->norm * (double)norms[r];
            distances[first + r] =
                product > 0 ? (float)(1.0 - (double)distances[first + r] / sqrt(product)) : NAN;
        }
    }
}

void vector_distances(const vector_query *q, const float *matrix, size_t rows, float *distances)
{
    const vector_kernels *kernels = vector_kernels_of(base_isa_level());
    switch (q->metric) {
    case LANCELET_L2:
        kernels->l2(q->values, matrix, rows, q->dim, distances);
        break;
    case LANCELET_DOT:
        kernels->dot(q->values, matrix, rows, q->dim, distances);
        for (size_t r = 0; r < rows; r++)
            distances[r] = 1.0f - distances[r];
        break;
    case LANCELET_COSINE:
        cosine(kernels, q, matrix, rows, distances);
        break;
    }
}

/* ---- the k best ---- */

static bool before(lancelet_hit a, lancelet_hit b)
{
    return a.distance < b.distance || (a.distance == b.distance && a.address < b.address);
}

/* Restores the heap (the worst on top) below `i` of hits [n]. */
static void sift_down(lancelet_hit *hits, size_t n, size_t i)
{
    for (;;) {
        size_t worst = i, left = 2 * i + 1;
        if (left < n && before(hits[worst], hits[left]))
            worst = left;
        if (left + 1 < n && before(hits[worst], hits[left + 1]))
            worst = left + 1;
        if (worst == i)
            return;
        lancelet_hit t = hits[i];
        hits[i] = hits[worst];
        hits[worst] = t;
        i = worst;
    }
}

void vector_top_offer(vector_top *t, uint64_t address, float distance)
{
    lancelet_hit hit = {address, distance};
    if (isnan(distance) || t->k == 0)
        return;
    if (t->n == t->k) {
        if (before(hit, t->hits[0])) {
            t->hits[0] = hit;
            sift_down(t->hits, t->n, 0);
        }
        return;
    }
    size_t i = t->n++;
    for (; i > 0 && before(t->hits[(i - 1) / 2], hit); i = (i - 1) / 2)
        t->hits[i] = t->hits[(i - 1) / 2];
    t->hits[i] = hit;
}

static int compare_hits(const void *a, const void *b)
{
    const lancelet_hit *x = a, *y = b;
    return before(*x, *y) ? -1 : before(*y, *x);
}

void vector_top_sort(vector_top *t)
{
    if (t->n > 1)
        qsort(t->hits, t->n, sizeof *t->hits, compare_hits);
}
