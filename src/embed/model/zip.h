/* zip.h - reads the directory of a zip archive that lies in memory, for PyTorch's files: entries by name, where their bytes
 * are. Nothing is decompressed: PyTorch stores what we need.
 *
 *     weights_zip *z;
 *     RETURN_IF_ERROR(weights_zip_open(map.data, map.size, &z, err));
 *     const weights_zip_entry *e = weights_zip_find(z, "archive/data.pkl", 16);
 *     ... e->data, e->bytes ...
 *     weights_zip_close(z);
 */
#ifndef EMBED_ZIP_H
#define EMBED_ZIP_H

#include "base/memory.h"

typedef struct weights_zip weights_zip;

typedef struct weights_zip_entry {
    const char *name;    /* [name_bytes], borrowed from the archive, not terminated */
    size_t name_bytes;
    const uint8_t *data; /* [bytes], within the archive */
    uint64_t bytes;      /* as stored */
    bool plain;          /* stored: neither compressed nor encrypted */
    uint64_t header;     /* byte offset of its local header */
} weights_zip_entry;

/* bytes [n] are borrowed. CORRUPT: no directory at the end, a directory or an entry outside the archive, two entries that
 * overlap or have one name. LIMIT: above 100,000 entries. */
lancelet_status weights_zip_open(const uint8_t *bytes, uint64_t n, weights_zip **out, lancelet_error *err) MUST_CHECK;
void weights_zip_close(weights_zip *z);

const weights_zip_entry *weights_zip_entries(const weights_zip *z, size_t *n); /* [*n], sorted by name */
const weights_zip_entry *weights_zip_find(const weights_zip *z, const char *name, size_t name_bytes); /* NULL if absent */

#endif
