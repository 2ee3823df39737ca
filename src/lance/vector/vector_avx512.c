/* vector_avx512.c - the kernels of vector.c with AVX-512F: two accumulators of sixteen lanes a row, the rest masked. */
#include <immintrin.h>

#include "lance/vector/kernels.h"

static __mmask16 first_lanes(size_t n)
{
    return (__mmask16)((1u << n) - 1);
} /* n < 16 */

static void dot_avx512(const float *query, const float *matrix, size_t rows, size_t dim, float *out)
{
    for (size_t r = 0; r < rows; r++) {
        const float *x = matrix + r * dim;
        __m512 s = _mm512_setzero_ps(), t = _mm512_setzero_ps();
        size_t i = 0;
        for (; i + 32 <= dim; i += 32) {
            s = _mm512_fmadd_ps(_mm512_loadu_ps(query + i), _mm512_loadu_ps(x + i), s);
            t = _mm512_fmadd_ps(_mm512_loadu_ps(query + i + 16), _mm512_loadu_ps(x + i + 16), t);
        }
        if (i + 16 <= dim) {
            s = _mm512_fmadd_ps(_mm512_loadu_ps(query + i), _mm512_loadu_ps(x + i), s);
            i += 16;
        }
        if (i < dim) {
            __mmask16 m = first_lanes(dim - i);
            t = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m, query + i), _mm512_maskz_loadu_ps(m, x + i), t);
        }
        out[r] = _mm512_reduce_add_ps(_mm512_add_ps(s, t));
    }
}

static void l2_avx512(const float *query, const float *matrix, size_t rows, size_t dim, float *out)
{
    for (size_t r = 0; r < rows; r++) {
        const float *x = matrix + r * dim;
        __m512 s = _mm512_setzero_ps(), t = _mm512_setzero_ps();
        size_t i = 0;
        for (; i + 32 <= dim; i += 32) {
            __m512 d = _mm512_sub_ps(_mm512_loadu_ps(query + i), _mm512_loadu_ps(x + i));
            __m512 e = _mm512_sub_ps(_mm512_loadu_ps(query + i + 16), _mm512_loadu_ps(x + i + 16));
            s = _mm512_fmadd_ps(d, d, s);
            t = _mm512_fmadd_ps(e, e, t);
        }
        if (i + 16 <= dim) {
            __m512 d = _mm512_sub_ps(_mm512_loadu_ps(query + i), _mm512_loadu_ps(x + i));
            s = _mm512_fmadd_ps(d, d, s);
            i += 16;
        }
        if (i < dim) {
            __mmask16 m = first_lanes(dim - i);
            __m512 d = _mm512_sub_ps(_mm512_maskz_loadu_ps(m, query + i), _mm512_maskz_loadu_ps(m, x + i));
            t = _mm512_fmadd_ps(d, d, t);
        }
        out[r] = _mm512_reduce_add_ps(_mm512_add_ps(s, t));
    }
}

static void dot_and_norm_avx512(const float *query, const float *matrix, size_t rows, size_t dim, float *dots,
                                float *norms)
{
    for (size_t r = 0; r < rows; r++) {
        const float *row = matrix + r * dim;
        __m512 s[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()},
               t[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
        size_t i = 0;
        for (; i + 32 <= dim; i += 32)
            for (size_t j = 0; j < 2; j++) {
                __m512 x = _mm512_loadu_ps(row + i + 16 * j);
                s[j] = _mm512_fmadd_ps(_mm512_loadu_ps(query + i + 16 * j), x, s[j]);
                t[j] = _mm512_fmadd_ps(x, x, t[j]);
            }
        if (i + 16 <= dim) {
            __m512 x = _mm512_loadu_ps(row + i);
            s[0] = _mm512_fmadd_ps(_mm512_loadu_ps(query + i), x, s[0]);
            t[0] = _mm512_fmadd_ps(x, x, t[0]);
            i += 16;
        }
        if (i < dim) {
            __mmask16 m = first_lanes(dim - i);
            __m512 x = _mm512_maskz_loadu_ps(m, row + i);
            s[1] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m, query + i), x, s[1]);
            t[1] = _mm512_fmadd_ps(x, x, t[1]);
        }
        dots[r] = _mm512_reduce_add_ps(_mm512_add_ps(s[0], s[1]));
        norms[r] = _mm512_reduce_add_ps(_mm512_add_ps(t[0], t[1]));
    }
}

const vector_kernels vector_kernels_avx512 = {dot_avx512, l2_avx512, dot_and_norm_avx512};
