/* vector.h - distances from one query to many vectors, and the k best. Kernels by CPU level with a plain-C twin. */
#ifndef LANCE_VECTOR_H
#define LANCE_VECTOR_H

#include "lancelet.h"

typedef struct vector_query {
    lancelet_metric metric;
    const float *values; /* [dim] borrowed */
    size_t dim;
    float norm; /* sum of its squares */
} vector_query;
vector_query vector_query_of(lancelet_metric metric, const float *values, size_t dim);

/* distances [rows] of the query to matrix [rows, dim] as LanceDB numbers them (lancelet_metric). Sums in float32
 * lanes; NaN where cosine is undefined (a zero vector). */
void vector_distances(const vector_query *query, const float *matrix, size_t rows, float *distances);

/* The k nearest of all that were offered: a bounded max-heap, ordered by (distance, address). NaN is refused. */
typedef struct vector_top {
    lancelet_hit *hits; /* [k] borrowed */
    size_t k, n;
} vector_top;
void vector_top_offer(vector_top *t, uint64_t address, float distance);
void vector_top_sort(vector_top *t); /* ascending; ends the offering */

#endif
