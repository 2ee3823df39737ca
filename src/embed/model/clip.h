/* clip.h - the CLIP family (Radford et al. 2021): a vision transformer and a causal text transformer, from the weight files
 * that OpenAI, Hugging Face and open_clip publish. */
#ifndef EMBED_CLIP_H
#define EMBED_CLIP_H

#include "embed/model/family.h"
#include "embed/model/weights_file.h"

/* Does the file hold a CLIP by the names of its tensors (any of the three namings)? */
bool clip_recognises(const weights_file *weights);
/* Takes `weights` over, also on failure. Configs and vocabularies lie beside from->path; sizes come from the shapes of the
 * tensors, and what the configs say of them is checked. */
lancelet_status clip_open(weights_file *weights, const model_source *from, void **out, lancelet_error *err) MUST_CHECK;
extern const model_family clip_family;

#endif
