/* parts.h - the model's doors for tests, benchmarks and tools: a folder's loose files instead of one packed file, a CPU
 * level of choice, token ids and pixels instead of words and pictures. */
#ifndef EMBED_PARTS_H
#define EMBED_PARTS_H

#include "embed/model/config.h"
#include "embed/model/model.h"

/* weights: a safetensors file. config, vocab: paths, or NULL to take `picask.config` and `text.vocab` from it. level: the
 * kernels, at most what the CPU has. */
lancelet_status model_open_parts(const char *weights, const char *config, const char *vocab, base_isa level, model **out,
                                 lancelet_error *err) MUST_CHECK;

/* ids [n] with [CLS] and [SEP]; out [dim] */
lancelet_status model_embed_ids(model_context *c, const int32_t *ids, size_t n, float *out, lancelet_error *err) MUST_CHECK;
/* rgb [size, size, 3], resized already */
lancelet_status model_embed_pixels(model_context *c, const uint8_t *rgb, float *out, lancelet_error *err) MUST_CHECK;

#endif
