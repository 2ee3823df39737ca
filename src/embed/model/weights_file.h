/* weights_file.h - the tensors of a model by name, from whatever files hold them, mapped and never copied:
 *   .safetensors (one file), model.safetensors.index.json (shards beside it), PyTorch's zip archives: a pickled state dict
 *   (pytorch_model.bin, open_clip_pytorch_model.bin, .pth) or a TorchScript archive (OpenAI's .pt).
 * What a file is, its first bytes say, not its name.
 *
 *     weights_file *f;
 *     RETURN_IF_ERROR(weights_file_open("ViT-B-32.pt", &f, err));
 *     const weights_tensor *t = weights_file_find(f, "visual.conv1.weight");
 */
#ifndef EMBED_WEIGHTS_FILE_H
#define EMBED_WEIGHTS_FILE_H

#include "embed/tensor/tensor.h"

enum { WEIGHTS_MAX_DIMENSIONS = 8 };

typedef enum weights_format {
    WEIGHTS_SAFETENSORS = 0,
    WEIGHTS_SHARDS,      /* safetensors with an index */
    WEIGHTS_STATE_DICT,  /* zip, pickled dictionary of tensors */
    WEIGHTS_TORCHSCRIPT, /* zip, pickled module with code that is not looked at */
} weights_format;

typedef struct weights_tensor {
    const char *name;                           /* as the file has it */
    tensor_dtype dtype;                         /* TENSOR_OTHER: one that no tower computes with */
    int dimensions;                             /* 0 for a single number */
    uint64_t shape[WEIGHTS_MAX_DIMENSIONS];     /* [dimensions] */
    uint64_t count;                             /* product of the shape; 1 without dimensions */
    uint64_t bytes;                             /* count times the width */
    const uint8_t *data;                        /* [bytes], row-major, as aligned as the file has it */
} weights_tensor;

typedef struct weights_file weights_file;

/* Maps the file (or, for an index, its shards) and reads the names. NOT_FOUND, CORRUPT, UNSUPPORTED, LIMIT; the sentence
 * begins with the file's name and names the tensor. */
lancelet_status weights_file_open(const char *path, weights_file **out, lancelet_error *err) MUST_CHECK;
void weights_file_close(weights_file *f);

weights_format weights_file_format(const weights_file *f); /* of a packed form: its source's */
/* "safetensors", "sharded safetensors", "PyTorch state dict", "TorchScript" */
const char *weights_format_name(weights_format format);
uint64_t weights_file_bytes(const weights_file *f);     /* of all its files */
size_t weights_file_count(const weights_file *f);
const weights_tensor *weights_file_at(const weights_file *f, size_t i);              /* sorted by name */
const weights_tensor *weights_file_find(const weights_file *f, const char *name);    /* NULL if absent */
const char *weights_file_metadata(const weights_file *f, const char *key); /* safetensors' strings; NULL if absent */
/* The keys of those strings in turn: NULL begins and ends; `after` is one that this gave. */
const char *weights_file_next_key(const weights_file *f, const char *after);

#endif
