/* weights.h - takes the tensors of a tower out of a weights file, each with its shape checked. Matrices stay where
 * the file is mapped; vectors become fp32 (in place where they are fp32 already). */
#ifndef EMBED_WEIGHTS_H
#define EMBED_WEIGHTS_H

#include "embed/model/weights_file.h"

/* The tensor called so; CORRUPT with its name when the file has none. */
lancelet_status weights_find(const weights_file *weights, const char *name, const weights_tensor **out,
                             lancelet_error *err) MUST_CHECK;
/* `name` [n], as fp32. The pointer lives as long as file and arena. */
lancelet_status weights_vector(const weights_file *weights, base_arena *arena, const char *name, size_t n, const float **out,
                               lancelet_error *err) MUST_CHECK;
/* `name`.weight [n, k] or [n, a, b, c] with a*b*c = k, `name`.weight.scale [n] when its numbers are int8, and
 * `name`.bias [n]. */
lancelet_status weights_layer(const weights_file *weights, base_arena *arena, const char *name, size_t n, size_t k,
                              tensor_matrix *out, lancelet_error *err) MUST_CHECK;
/* `name` [n, k] without bias, with `name`.scale [n] when its numbers are int8. */
lancelet_status weights_table(const weights_file *weights, base_arena *arena, const char *name, size_t n, size_t k,
                              tensor_matrix *out, lancelet_error *err) MUST_CHECK;
/* The matrix [n, k] out of `name` [k, n]: a copy in the arena, of the same type (none of int8). */
lancelet_status weights_transposed(const weights_file *weights, base_arena *arena, const char *name, size_t n, size_t k,
                                   tensor_matrix *out, lancelet_error *err) MUST_CHECK;
/* Rows from .. from + n - 1 of a matrix that is not int8, as a matrix: nothing is copied. */
tensor_matrix weights_rows(const tensor_matrix *m, size_t from, size_t n);

#endif
