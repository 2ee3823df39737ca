/* pack.h - arrays that are given away in one piece: the entries with their text behind them, for one lancelet_free. */
#ifndef LANCE_TABLE_PACK_H
#define LANCE_TABLE_PACK_H

#include <string.h>

#include "base/memory.h"

/* Room for `n` entries of `size` bytes and `text` bytes behind them, where *at then points; NULL when memory is out. */
static inline void *table_pack(size_t n, size_t size, size_t text, char **at)
{
    size_t entries, all;
    if (!base_mul_size(n, size, &entries) || !base_add_size(entries, text + 1, &all))
        return NULL;
    char *p = base_alloc(all);
    if (p)
        *at = p + entries;
    return p;
}

/* Copies a string to *at and moves that behind it. */
static inline const char *table_pack_text(char **at, const char *s)
{
    char *copy = *at;
    size_t n = strlen(s) + 1;
    memcpy(copy, s, n);
    *at += n;
    return copy;
}

#endif
