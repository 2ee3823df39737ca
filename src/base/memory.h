/* memory.h - every allocation of the program: so that tests can make the n-th one fail. Checked sizes, a growing
 * byte buffer, an arena for what lives as long as one batch. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/error.h"

/* NULL on failure and on injected failure. count*size is checked. calloc zeroes; alloc does not. Aligned to 64 bytes
 * in base_alloc_aligned (free with base_free as well). base_free(NULL) does nothing. */
void *base_alloc(size_t size);
void *base_calloc(size_t count, size_t size);
void *base_realloc(void *old, size_t size);
void *base_alloc_array(size_t count, size_t size);
void *base_alloc_aligned(size_t size);
void base_free(void *p);
char *base_strdup(const char *s);
char *base_strndup(const char *s, size_t n);
/* A formatted string of its own, or NULL. */
char *base_format(const char *format, ...) PRINTF_LIKE(1, 2);

/* false when the result does not fit. */
bool base_add_size(size_t a, size_t b, size_t *out);
bool base_mul_size(size_t a, size_t b, size_t *out);
bool base_add_u64(uint64_t a, uint64_t b, uint64_t *out);
bool base_mul_u64(uint64_t a, uint64_t b, uint64_t *out);
/* offset..offset+length lies within total */
bool base_range_ok(uint64_t offset, uint64_t length, uint64_t total);

/* A growing byte buffer. Start with {0}. Data is base_alloc'ed, 64-byte aligned never promised. A failed append leaves
 * the contents as they were. */
typedef struct base_buffer {
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
} base_buffer;
bool base_buffer_reserve(base_buffer *b, size_t more) MUST_CHECK;
bool base_buffer_append(base_buffer *b, const void *bytes, size_t n) MUST_CHECK;
bool base_buffer_append_string(base_buffer *b, const char *s) MUST_CHECK;
bool base_buffer_printf(base_buffer *b, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
/* The bytes with a NUL behind them as an owned string, and b empty again; NULL when memory is out (b freed). */
char *base_buffer_to_string(base_buffer *b);
void base_buffer_free(base_buffer *b);

/* An arena: everything in it is freed at once. Start with {0}. Blocks are aligned to 16. */
typedef struct base_arena {
    struct base_arena_block *blocks;
} base_arena;
void *base_arena_alloc(base_arena *a, size_t size);
char *base_arena_strndup(base_arena *a, const char *s, size_t n);
void base_arena_free(base_arena *a);

/* Options of a caller over the defaults of `size` bytes, as far as the caller's struct_size reaches: it is the first
 * member of every options struct, and an older caller's struct is shorter. given NULL: the defaults. */
void base_options(void *defaults, size_t size, const void *given);

#endif
