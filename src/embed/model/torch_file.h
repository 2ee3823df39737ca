/* torch_file.h - the tensors of a PyTorch archive that lies in memory: a zip with a pickled state dict
 * (pytorch_model.bin, checkpoints of open_clip) or a TorchScript module (OpenAI's .pt), of which the attributes are
 * read and the code is not. */
#ifndef EMBED_TORCH_FILE_H
#define EMBED_TORCH_FILE_H

#include "embed/model/weights_file.h"

typedef struct torch_file torch_file;

/* bytes [n] are borrowed. CORRUPT, UNSUPPORTED or LIMIT: what zip.h and pickle.h refuse, and a tensor that does not
 * lie whole and row after row in its archive's entry. */
lancelet_status torch_file_open(const uint8_t *bytes, uint64_t n, torch_file **out, lancelet_error *err) MUST_CHECK;
void torch_file_close(torch_file *f);

const weights_tensor *torch_file_tensors(const torch_file *f, size_t *n); /* [*n], sorted by name */
bool torch_file_is_script(const torch_file *f);

#endif
