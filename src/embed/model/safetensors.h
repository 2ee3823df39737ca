/* safetensors.h - reads the header of a safetensors file that lies in memory: names, shapes, where the bytes are, and the
 * metadata strings. Format: 8 bytes little-endian header length, that many bytes of JSON, the tensors without holes.
 *
 *     safetensors *st;
 *     RETURN_IF_ERROR(safetensors_open(map.data, map.size, &st, err));
 *     const weights_tensor *t = safetensors_find(st, "text_head.weight");
 *     ... t->dtype, t->shape[0], t->data ...
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

size_t safetensors_count(const safetensors *st);
const weights_tensor *safetensors_at(const safetensors *st, size_t i); /* sorted by name */
const weights_tensor *safetensors_find(const safetensors *st, const char *name); /* NULL if absent */
const char *safetensors_metadata(const safetensors *st, const char *key);    /* borrowed; NULL if absent */

#endif
