/* memory.c - the allocator of the program with its injected failures, checked size arithmetic, the growing buffer,
 * the arena, options by their size. Everything ends in libc's malloc, so that base_free serves aligned blocks as well. */
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

enum { ALIGNMENT = 64 };

void *base_alloc(size_t size)
{
    if (base_fault_alloc_now() || size > PTRDIFF_MAX)
        return NULL;
    return malloc(size ? size : 1);
}

void *base_calloc(size_t count, size_t size)
{
    size_t total;
    if (base_fault_alloc_now() || !base_mul_size(count, size, &total) || total > PTRDIFF_MAX)
        return NULL;
    return calloc(total ? total : 1, 1);
}

void *base_realloc(void *old, size_t size)
{
    if (base_fault_alloc_now() || size > PTRDIFF_MAX)
        return NULL;
    return realloc(old, size ? size : 1);
}

void *base_alloc_array(size_t count, size_t size)
{
    size_t total;
    return base_mul_size(count, size, &total) ? base_alloc(total) : NULL;
}

void *base_alloc_aligned(size_t size)
{
    size_t rounded;
    if (base_fault_alloc_now() || !base_add_size(size ? size : 1, ALIGNMENT - 1, &rounded) ||
        rounded > PTRDIFF_MAX)
        return NULL;
    return aligned_alloc(ALIGNMENT, rounded / ALIGNMENT * ALIGNMENT);
}

void base_free(void *p)
{
    free(p);
}

char *base_strdup(const char *s)
{
    return base_strndup(s, strlen(s));
}

char *base_strndup(const char *s, size_t n)
{
    size_t size;
    char *copy = base_add_size(n, 1, &size) ? base_alloc(size) : NULL;
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *base_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : base_alloc((size_t)n + 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

bool base_add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}
bool base_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
bool base_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}
bool base_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool base_range_ok(uint64_t offset, uint64_t length, uint64_t total)
{
    return offset <= total && length <= total - offset;
}

/* ---- buffer ---- */

bool base_buffer_reserve(base_buffer *b, size_t more)
{
    size_t wanted;
    if (!base_add_size(b->size, more, &wanted))
        return false;
    if (wanted <= b->capacity && b->data)
        return true;
    size_t capacity = b->capacity < 64 ? 64 : b->capacity;
    while (capacity < wanted)
        if (!base_add_size(capacity, capacity / 2, &capacity))
            capacity = wanted;
    uint8_t *data = base_realloc(b->data, capacity);
    if (!data)
        return false;
    b->data = data;
    b->capacity = capacity;
    return true;
}

bool base_buffer_append(base_buffer *b, const void *bytes, size_t n)
{
    if (!base_buffer_reserve(b, n))
        return false;
    if (n)
        memcpy(b->data + b->size, bytes, n);
    b->size += n;
    return true;
}

bool base_buffer_append_string(base_buffer *b, const char *s)
{
    return base_buffer_append(b, s, strlen(s));
}

bool base_buffer_printf(base_buffer *b, const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n < 0)
        return false;
    if ((size_t)n < sizeof small)
        return base_buffer_append(b, small, (size_t)n);
    if (!base_buffer_reserve(b, (size_t)n + 1))
        return false;
    va_start(args, format);
    vsnprintf((char *)b->data + b->size, (size_t)n + 1, format, args);
    va_end(args);
    b->size += (size_t)n;
    return true;
}

char *base_buffer_to_string(base_buffer *b)
{
    if (!base_buffer_append(b, "", 1)) {
        base_buffer_free(b);
        return NULL;
    }
    char *text = (char *)b->data;
    *b = (base_buffer){0};
    return text;
}

void base_buffer_free(base_buffer *b)
{
    base_free(b->data);
    *b = (base_buffer){0};
}

/* ---- arena ---- */

typedef struct base_arena_block {
    struct base_arena_block *next;
    size_t used, capacity; /* bytes of payload */
    _Alignas(16) uint8_t payload[];
} base_arena_block;

enum { ARENA_FIRST_BLOCK = 4096, ARENA_LARGEST_BLOCK = 1 << 20 };

static base_arena_block *arena_block_new(size_t capacity)
{
    size_t total;
    if (!base_add_size(sizeof(base_arena_block), capacity, &total))
        return NULL;
    base_arena_block *block = base_alloc(total);
    if (block)
        *block = (base_arena_block){.capacity = capacity};
    return block;
}

void *base_arena_alloc(base_arena *a, size_t size)
{
    size_t rounded;
    if (!base_add_size(size ? size : 1, 15, &rounded))
        return NULL;
    rounded &= ~(size_t)15;
    base_arena_block *top = a->blocks;
    if (top && top->capacity - top->used >= rounded) {
        void *p = top->payload + top->used;
        top->used += rounded;
        return p;
    }
    size_t capacity = ARENA_FIRST_BLOCK;
    if (top && top->capacity < ARENA_LARGEST_BLOCK)
        capacity = top->capacity < ARENA_FIRST_BLOCK ? ARENA_FIRST_BLOCK : 2 * top->capacity;
    else if (top)
        capacity = ARENA_LARGEST_BLOCK;
    bool large = rounded > capacity / 4;
    base_arena_block *block = arena_block_new(large ? rounded : capacity);
    if (!block)
        return NULL;
    block->used = rounded;
    if (large && top) { /* the block that still has room stays on top */
        block->next = top->next;
        top->next = block;
    } else {
        block->next = top;
        a->blocks = block;
    }
    return block->payload;
}

char *base_arena_strndup(base_arena *a, const char *s, size_t n)
{
    size_t size;
    char *copy = base_add_size(n, 1, &size) ? base_arena_alloc(a, size) : NULL;
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

void base_arena_free(base_arena *a)
{
    base_arena_block *block = a->blocks;
    while (block) {
        base_arena_block *next = block->next;
        base_free(block);
        block = next;
    }
    a->blocks = NULL;
}

void base_options(void *defaults, size_t size, const void *given)
{
    size_t given_size;
    if (!given)
        return;
    memcpy(&given_size, given, sizeof given_size);
    memcpy(defaults, given, given_size < size ? given_size : size);
}
