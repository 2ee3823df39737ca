/* vector_avx2.c - the kernels of vector.c with AVX2 and FMA: four accumulators of eight lanes a row. */
#include <immintrin.h>

#include "lance/vector/kernels.h"

static float sum8(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static float sum32(const __m256 s[4])
{
    return sum8(_mm256_add_ps(_mm256_add_ps(s[0], s[1]), _mm256_add_ps(s[2], s[3])));
}

/* Lanes below n (of 8) are loaded, the others are zero. */
static __m256 load_part(const float *p, size_t n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
}

static void dot_avx2(const float *query, const float *matrix, size_t rows, size_t dim, float *out)
{
    for (size_t r = 0; r < rows; r++) {
        const float *x = matrix + r * dim;
        __m256 s[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
        size_t i = 0;
        for (; i + 32 <= dim; i += 32)
            for (size_t j = 0; j < 4; j++)
                s[j] =
                    _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 8 * j), _mm256_loadu_ps(x + i + 8 * j), s[j]);
        for (; i + 8 <= dim; i += 8)
            s[0] = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), _mm256_loadu_ps(x + i), s[0]);
        if (i < dim)
            s[1] = _mm256_fmadd_ps(load_part(query + i, dim - i), load_part(x + i, dim - i), s[1]);
        out[r] = sum32(s);
    }
}

static void l2_avx2(const float *query, const float *matrix, size_t rows, size_t dim, float *out)
{
    for (size_t r = 0; r < rows; r++) {
        const float *x = matrix + r * dim;
        __m256 s[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
        size_t i = 0;
        for (; i + 32 <= dim; i += 32)
            for (size_t j = 0; j < 4; j++) {
                __m256 d = _mm256_sub_ps(_mm256_loadu_ps(query + i + 8 * j), _mm256_loadu_ps(x + i + 8 * j));
                s[j] = _mm256_fmadd_ps(d, d, s[j]);
            }
        for (; i + 8 <= dim; i += 8) {
            __m256 d = _mm256_sub_ps(_mm256_loadu_ps(query + i), _mm256_loadu_ps(x + i));
            s[0] = _mm256_fmadd_ps(d, d, s[0]);
        }
        if (i < dim) {
            __m256 d = _mm256_sub_ps(load_part(query + i, dim - i), load_part(x + i, dim - i));
            s[1] = _mm256_fmadd_ps(d, d, s[1]);
        }
        out[r] = sum32(s);
    }
}

static void dot_and_norm_avx2(const float *query, const float *matrix, size_t rows, size_t dim, float *dots,
                              float *norms)
{
    for (size_t r = 0; r < rows; r++) {
        const float *row = matrix + r * dim;
        __m256 s[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
        __m256 t[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
        size_t i = 0;
        for (; i + 32 <= dim; i += 32)
            for (size_t j = 0; j < 4; j++) {
                __m256 x = _mm256_loadu_ps(row + i + 8 * j);
                s[j] = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 8 * j), x, s[j]);
                t[j] = _mm256_fmadd_ps(x, x, t[j]);
            }
        for (; i + 8 <= dim; i += 8) {
            __m256 x = _mm256_loadu_ps(row + i);
            s[0] = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), x, s[0]);
            t[0] = _mm256_fmadd_ps(x, x, t[0]);
        }
        if (i < dim) {
            __m256 x = load_part(row + i, dim - i);
            s[1] = _mm256_fmadd_ps(load_part(query + i, dim - i), x, s[1]);
            t[1] = _mm256_fmadd_ps(x, x, t[1]);
        }
        dots[r] = sum32(s);
        norms[r] = sum32(t);
    }
}

const vector_kernels vector_kernels_avx2 = {dot_avx2, l2_avx2, dot_and_norm_avx2};
