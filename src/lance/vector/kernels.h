/* kernels.h - the distance kernels of one CPU level. Rows are handled one by one, so that a row's distance does not
 * depend on where a scan was cut. */
#ifndef LANCE_VECTOR_KERNELS_H
#define LANCE_VECTOR_KERNELS_H

#include "base/pool.h"

typedef struct vector_kernels {
    /* out [rows]: the dot product of query [dim] with each row of matrix [rows, dim] */
    void (*dot)(const float *query, const float *matrix, size_t rows, size_t dim, float *out);
    /* out [rows]: the sum of squared differences */
    void (*l2)(const float *query, const float *matrix, size_t rows, size_t dim, float *out);
    /* dots [rows] as above, and norms [rows]: the sum of each row's squares */
    void (*dot_and_norm)(const float *query, const float *matrix, size_t rows, size_t dim, float *dots,
                         float *norms);
} vector_kernels;

extern const vector_kernels vector_kernels_c, vector_kernels_avx2, vector_kernels_avx512;

/* The kernels of a level, or of the next lower one that has some. */
const vector_kernels *vector_kernels_of(base_isa level);

#endif
