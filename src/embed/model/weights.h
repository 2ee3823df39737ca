/* weights.h - takes the tensors of a tower out of a weights file, each with its shape checked. Matrices stay where
 * the file is mapped; vectors become fp32 (in place where they are fp32 already). */
#ifndef EMBED_WEIGHTS_H
#define EMBED_WEIGHTS_H

#include "embed/model/weights_file.h"

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

#endif
