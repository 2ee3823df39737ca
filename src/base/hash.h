/* hash.h - SHA-256 and SHA-1 (nettle) of a file's bytes, XXH64 (libxxhash) for tables in memory, a hash map from bytes to
 * u64. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/memory.h"

void base_sha256_hex(const void *bytes, size_t n, char out[65]); /* lower case, NUL-terminated */

/* The same of bytes that come in pieces, SHA-256 or SHA-1. */
typedef struct base_hasher base_hasher;
typedef enum base_digest { BASE_SHA256 = 0, BASE_SHA1 } base_digest;
base_hasher *base_hasher_create(base_digest digest); /* NULL when memory is out */
void base_hasher_start(base_hasher *h);              /* anew */
void base_hasher_update(base_hasher *h, const void *bytes, size_t n);
void base_hasher_hex(base_hasher *h, char out[65]); /* lower case, NUL-terminated; then it starts anew */
void base_hasher_destroy(base_hasher *h);

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
