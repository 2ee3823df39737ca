/* safetensors.h - reads the header of a safetensors file that lies in memory: names, shapes, where the bytes are, and the
 * metadata strings. Format: 8 bytes little-endian header length, that many bytes of JSON, the tensors without holes.
 *
 *     safetensors *st;
 *     RETURN_IF_ERROR(safetensors_open(map.data, map.size, &st, err));
 *     const weights_tensor *t = safetensors_tensors(st, &count);
 *     ... t[0].name, t[0].dtype, t[0].shape[0], t[0].data ...
 *     safetensors_close(st);
 */
#ifndef EMBED_SAFETENSORS_H
#define EMBED_SAFETENSORS_H

#include "embed/model/weights_file.h"

typedef struct safetensors safetensors;

/* bytes [n] are borrowed. CORRUPT for a header that does not fit its file: length, JSON, an offset, a shape whose bytes
 * are not those of the range, a hole, an overlap. LIMIT for a header above 16 MiB or 100,000 tensors. */
lancelet_status safetensors_open(const uint8_t *bytes, uint64_t n, safetensors **out, lancelet_error *err) MUST_CHECK;
void safetensors_close(safetensors *st);

const weights_tensor *safetensors_tensors(const safetensors *st, size_t *n); /* [*n], sorted by name */
const char *safetensors_metadata(const safetensors *st, const char *key);    /* borrowed; NULL if absent */
/* The keys of the metadata strings in turn: NULL begins and ends; `after` is one that this gave. */
const char *safetensors_next_key(const safetensors *st, const char *after);

#endif
