/* parts.h - the model's doors for tests, benchmarks and tools: a folder's loose files instead of one packed file, a CPU
 * level of choice, token ids and pixels instead of words and pictures. */
#ifndef EMBED_PARTS_H
#define EMBED_PARTS_H

#include "embed/model/model.h"

/* weights: as model_open's path. config, vocab: paths of a mini model's loose parts, or NULL to take `picask.config` and
 * `text.vocab` from the weights. level: the kernels, at most what the CPU has. */
lancelet_status model_open_parts(const char *weights, const char *config, const char *vocab, base_isa level, model **out,
                                 lancelet_error *err) MUST_CHECK;

/* ids [n] with start and end tokens; out [dim] */
lancelet_status model_embed_ids(model_context *c, const int32_t *ids, size_t n, float *out, lancelet_error *err) MUST_CHECK;
/* rgb [size, size, 3], resized already */
lancelet_status model_embed_pixels(model_context *c, const uint8_t *rgb, float *out, lancelet_error *err) MUST_CHECK;

#endif
