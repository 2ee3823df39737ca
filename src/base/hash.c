/* hash.c - SHA-256 and SHA-1 by nettle, XXH64 by libxxhash, and a hash map with open addressing and linear probing. The map keeps
 * its keys in an arena and the hash in each slot, so that growing compares and copies no keys. */
#include "base/hash.h"

#include <string.h>

#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/os.h"

static void hex(const uint8_t *digest, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * n] = '\0';
}

void base_sha256_hex(const void *bytes, size_t n, char out[65])
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, n, bytes);
    sha256_digest(&context, sizeof digest, digest);
    hex(digest, sizeof digest, out);
}

struct base_hasher {
    base_digest digest;
    struct sha256_ctx sha256;
    struct sha1_ctx sha1;
};

base_hasher *base_hasher_create(base_digest digest)
{
    base_hasher *h = base_alloc(sizeof *h);
    if (h) {
        h->digest = digest;
        base_hasher_start(h);
    }
    return h;
}

void base_hasher_start(base_hasher *h)
{
    if (h->digest == BASE_SHA1)
        sha1_init(&h->sha1);
    else
        sha256_init(&h->sha256);
}

void base_hasher_update(base_hasher *h, const void *bytes, size_t n)
{
    if (h->digest == BASE_SHA1)
        sha1_update(&h->sha1, n, bytes);
    else
        sha256_update(&h->sha256, n, bytes);
}

void base_hasher_hex(base_hasher *h, char out[65])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    if (h->digest == BASE_SHA1)
        sha1_digest(&h->sha1, SHA1_DIGEST_SIZE, digest);
    else
        sha256_digest(&h->sha256, SHA256_DIGEST_SIZE, digest);
    hex(digest, h->digest == BASE_SHA1 ? SHA1_DIGEST_SIZE : SHA256_DIGEST_SIZE, out);
}

void base_hasher_destroy(base_hasher *h)
{
    base_free(h);
}

uint64_t base_hash64(const void *bytes, size_t n, uint64_t seed)
{
    return XXH64(bytes, n, seed);
}

typedef struct map_entry {
    const char *key; /* [n] in the arena; NULL: empty slot */
    size_t n;
    uint64_t hash, value;
} map_entry;

struct base_map64 {
    map_entry *entry; /* [capacity], capacity a power of two */
    size_t capacity, size;
    uint64_t seed;
    base_arena keys;
};

enum { MAP_FIRST_CAPACITY = 64 };

base_map64 *base_map64_create(void)
{
    base_map64 *m = base_calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->entry = base_calloc(MAP_FIRST_CAPACITY, sizeof *m->entry);
    if (!m->entry) {
        base_free(m);
        return NULL;
    }
    m->capacity = MAP_FIRST_CAPACITY;
    if (base_os_random(&m->seed, sizeof m->seed) != 0) /* addresses are random too */
        m->seed = (uint64_t)(uintptr_t)m->entry ^ (uint64_t)base_monotonic_us();
    return m;
}

void base_map64_destroy(base_map64 *m)
{
    if (!m)
        return;
    base_arena_free(&m->keys);
    base_free(m->entry);
    base_free(m);
}

/* The slot that holds the key, or the empty one where it belongs. */
static map_entry *find(const base_map64 *m, const void *key, size_t n, uint64_t hash)
{
    size_t mask = m->capacity - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        map_entry *e = &m->entry[i];
        if (!e->key || (e->hash == hash && e->n == n && (n == 0 || memcmp(e->key, key, n) == 0)))
            return e;
    }
}

static bool grow(base_map64 *m)
{
    size_t capacity;
    map_entry *old = m->entry;
    map_entry *entry = base_mul_size(m->capacity, 2, &capacity) ? base_calloc(capacity, sizeof *entry) : NULL;
    if (!entry)
        return false;
    for (size_t k = 0; k < m->capacity; k++) {
        if (!old[k].key)
            continue;
        size_t i = (size_t)old[k].hash & (capacity - 1);
        while (entry[i].key)
            i = (i + 1) & (capacity - 1);
        entry[i] = old[k];
    }
    base_free(old);
    m->entry = entry;
    m->capacity = capacity;
    return true;
}

bool base_map64_set(base_map64 *m, const void *key, size_t n, uint64_t value)
{
    uint64_t hash = base_hash64(key, n, m->seed);
    map_entry *e = find(m, key, n, hash);
    if (!e->key) {
        if (m->size >= m->capacity / 8 * 5) {
            if (!grow(m))
                return false;
            e = find(m, key, n, hash);
        }
        char *copy = base_arena_strndup(&m->keys, key, n);
        if (!copy)
            return false;
        *e = (map_entry){.key = copy, .n = n, .hash = hash};
        m->size++;
    }
    e->value = value;
    return true;
}

bool base_map64_get(const base_map64 *m, const void *key, size_t n, uint64_t *value)
{
    const map_entry *e = find(m, key, n, base_hash64(key, n, m->seed));
    if (!e->key)
        return false;
    *value = e->value;
    return true;
}

size_t base_map64_size(const base_map64 *m)
{
    return m->size;
}
