/* like.c - the patterns of LIKE and ILIKE: % is any run of characters, _ is one, the escape character takes the next as it is
 * (at the end of a pattern it stands for itself). Text with % at its ends only is found by comparing bytes; the rest by the
 * usual two-pointer match, which goes back to the last % alone. ILIKE folds letters one by one (simple case folding). */
#include <string.h>

#include "base/text.h"
#include "lance/expr/tree.h"

enum { ANY_RUN = -1, ANY_ONE = -2 };

typedef enum shape { WHOLE, PREFIX, SUFFIX, INFIX, GENERAL } shape;

struct expr_pattern {
    shape shape;
    bool insensitive;
    bool ascii;       /* of `text` */
    const char *text; /* what is looked for, folded when insensitive: all shapes but GENERAL */
    size_t n;         /* bytes */
    int32_t *item;    /* [items] code points, ANY_RUN, ANY_ONE: GENERAL */
    size_t items;
};

static size_t decode(const char *s, size_t n, uint32_t *c)
{
    size_t length = base_utf8_decode(s, n, c);
    if (length)
        return length;
    *c = (uint8_t)*s; /* a byte that is no UTF-8 */
    return 1;
}

static bool is_ascii(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] & 0x80)
            return false;
    return true;
}

/* Items of the pattern; runs of % are one. */
static void read_items(expr_pattern *p, const char *text, size_t n, char escape)
{
    for (size_t i = 0; i < n;) {
        uint32_t c;
        bool escaped = text[i] == escape && i + 1 < n;
        i += escaped;
        size_t length = decode(text + i, n - i, &c);
        if (!escaped && c == '%') {
            if (p->items == 0 || p->item[p->items - 1] != ANY_RUN)
                p->item[p->items++] = ANY_RUN;
        } else if (!escaped && c == '_') {
            p->item[p->items++] = ANY_ONE;
        } else {
            p->item[p->items++] = (int32_t)(p->insensitive ? expr_fold(c) : c);
        }
        i += length;
    }
}

const expr_pattern *expr_pattern_make(base_arena *arena, const char *text, size_t n, char escape, bool insensitive)
{
    expr_pattern *p = base_arena_alloc(arena, sizeof *p);
    int32_t *items = base_arena_alloc(arena, (n + 1) * sizeof *items);
    char *plain = base_arena_alloc(arena, n * 4 + 1); /* a folded letter may be longer than it was */
    if (!p || !items || !plain)
        return NULL;
    *p = (expr_pattern){.insensitive = insensitive, .item = items, .text = plain, .shape = GENERAL};
    read_items(p, text, n, escape);
    size_t first = p->items > 0 && items[0] == ANY_RUN, last = p->items;
    if (last > first && items[last - 1] == ANY_RUN)
        last--;
    for (size_t i = first; i < last; i++) {
        if (items[i] < 0)
            return p;
        p->n += base_utf8_encode((uint32_t)items[i], plain + p->n);
    }
    p->ascii = is_ascii(plain, p->n);
    if (insensitive && !p->ascii)
        return p;
    bool open_end = last < p->items || (first && p->items == 1);
    p->shape = first && open_end ? INFIX : first ? SUFFIX : open_end ? PREFIX : WHOLE;
    return p;
}

static bool match_items(const expr_pattern *p, const char *s, size_t n)
{
    size_t at = 0, item = 0, back_item = SIZE_MAX, back_at = 0;
    while (at < n) {
        if (item < p->items && p->item[item] == ANY_RUN) {
            back_item = ++item;
            back_at = at;
            continue;
        }
        uint32_t c;
        size_t length = decode(s + at, n - at, &c);
        if (p->insensitive)
            c = expr_fold(c);
        if (item < p->items && (p->item[item] == ANY_ONE || p->item[item] == (int32_t)c)) {
            item++;
            at += length;
            continue;
        }
        if (back_item == SIZE_MAX)
            return false;
        item = back_item;
        back_at += decode(s + back_at, n - back_at, &c);
        at = back_at;
    }
    while (item < p->items && p->item[item] == ANY_RUN)
        item++;
    return item == p->items;
}

static bool same(const expr_pattern *p, const char *s)
{
    if (!p->insensitive)
        return memcmp(s, p->text, p->n) == 0;
    for (size_t i = 0; i < p->n; i++)
        if ((s[i] >= 'A' && s[i] <= 'Z' ? s[i] | 0x20 : s[i]) != p->text[i])
            return false;
    return true;
}

static bool contains(const expr_pattern *p, const char *s, size_t n)
{
    if (p->n == 0)
        return true;
    if (!p->insensitive)
        return memmem(s, n, p->text, p->n) != NULL;
    for (size_t i = 0; i + p->n <= n; i++)
        if (same(p, s + i))
            return true;
    return false;
}

bool expr_pattern_match(const expr_pattern *p, const char *s, size_t n)
{
    /* letters beyond ASCII fold to ASCII ones (the Kelvin sign to k): byte by byte only where there are none */
    if (p->shape == GENERAL)
        return match_items(p, s, n);
    if (p->insensitive && !is_ascii(s, n))
        return match_items(p, s, n);
    if (n < p->n)
        return false;
    switch (p->shape) {
    case WHOLE:
        return n == p->n && same(p, s);
    case PREFIX:
        return same(p, s);
    case SUFFIX:
        return same(p, s + n - p->n);
    default:
        return contains(p, s, n);
    }
}
