/* weights_pack.h - the packed form of a model's weights: a safetensors file with the same tensors (but those of types
 * that no tower computes with), in which every fp32 matrix whose values all convert to fp16 and back without loss is
 * held as fp16 (true of copies of OpenAI's weights, which were fp16 first). The same numbers, half the memory traffic;
 * vectors differ in their last bits at most, where a kernel adds in another order. It lies in the cache folder and is
 * tied to the files it was made from. */
#ifndef EMBED_WEIGHTS_PACK_H
#define EMBED_WEIGHTS_PACK_H

#include "embed/model/weights_file.h"

/* Where the packed form of the weights at `path` lies: an owned path in $XDG_CACHE_HOME/picask/packed
 * (~/.cache/picask/packed). Its name is a hash of the absolute path, size and time of change of each file, so a file
 * that changes has none. Says nothing about whether it exists. */
lancelet_status weights_pack_path(const char *path, char **out, lancelet_error *err) MUST_CHECK;

typedef struct weights_pack_report {
    uint64_t bytes_before, bytes_after; /* of all tensors */
    size_t narrowed;                    /* tensors that became fp16 */
    char sha256[65];                    /* of the source (with shards: of the index), in the metadata too; "": nothing written */
} weights_pack_report;
/* Writes the packed form (whole or not at all). Nothing is written, and *narrowed is 0, where no tensor can be narrowed.
 * IO when the disk is full. */
lancelet_status weights_pack_write(const char *path, const char *packed_path, weights_pack_report *report,
                                   lancelet_error *err) MUST_CHECK;
/* Opens the packed form of `path` where there is one that fits, else `path` itself. *packed says which (NULL allowed). */
lancelet_status weights_pack_open(const char *path, weights_file **out, bool *packed, lancelet_error *err) MUST_CHECK;

#endif
