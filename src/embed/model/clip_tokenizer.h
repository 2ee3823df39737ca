/* clip_tokenizer.h - the tokenizer that goes with a CLIP's weights. */
#ifndef EMBED_CLIP_TOKENIZER_H
#define EMBED_CLIP_TOKENIZER_H

#include "embed/model/clip_config.h"
#include "embed/text/clip_bpe.h"

/* openai: profile openai for weights in OpenAI's naming, hf for transformers'. `folder`: where the weights lie, and a
 * vocabulary of their own beside them. */
lancelet_status clip_tokenizer_open(const clip_config *config, bool openai, const char *folder, clip_bpe **out,
                                    lancelet_error *err) MUST_CHECK;

#endif
