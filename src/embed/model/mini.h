/* mini.h - the built-in family: EfficientNet-Lite and MiniLM, from one safetensors file. */
#ifndef EMBED_MINI_H
#define EMBED_MINI_H

#include "embed/model/config.h"
#include "embed/model/family.h"
#include "embed/model/weights_file.h"

/* Takes `weights` over, also on failure. config, vocab: paths, or NULL to take `picask.config` and `text.vocab` from the
 * weights. */
lancelet_status mini_open(weights_file *weights, const model_source *from, const char *config, const char *vocab, void **out,
                          lancelet_error *err) MUST_CHECK;
extern const model_family mini_family;

#endif
