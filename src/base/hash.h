/* hash.h - SHA-256 (nettle) of a file's bytes, XXH64 (libxxhash) for tables in memory, a hash map from bytes to u64. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/memory.h"

void base_sha256_hex(const void *bytes, size_t n, char out[65]); /* lower case, NUL-terminated */
uint64_t base_hash64(const void *bytes, size_t n, uint64_t seed);

/* Byte string -> uint64 (a row index, say). Keys are copied. The last set wins. Seeded at random: hostile keys cannot
 * make it slow. */
typedef struct base_map64 base_map64;
base_map64 *base_map64_create(void);
void base_map64_destroy(base_map64 *m);
bool base_map64_set(base_map64 *m, const void *key, size_t n, uint64_t value) MUST_CHECK;
bool base_map64_get(const base_map64 *m, const void *key, size_t n, uint64_t *value);
size_t base_map64_size(const base_map64 *m);

#endif
