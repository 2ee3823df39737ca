/* set.c - the list of `x IN (...)`: a few numbers are compared one after the other, anything else is looked up in a hash table
 * (open addressing, at most half full), so that 100,000 ids cost no more a row than ten. */
#include <string.h>

#include "base/hash.h"
#include "lance/expr/tree.h"

enum { FEW = 8 };

struct expr_set {
    bool has_null;    /* then a row that is not found is unknown */
    size_t n;         /* values that are not null */
    expr_value *few;  /* [n] when n <= FEW and they are 8 bytes wide */
    expr_value *slot; /* [mask + 1] */
    uint8_t *used;    /* [mask + 1] */
    size_t mask;
};

static bool is_bytes(expr_type t)
{
    return t.kind == EXPR_STRING || t.kind == EXPR_BINARY;
}

/* What equal values share: both zeros are one. */
static int64_t float_key(double d)
{
    int64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return d == 0 ? 0 : bits;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0x9E3779B97F4A7C15);
    return x ^ x >> 29;
}

static uint64_t hash_of(expr_type t, expr_value v)
{
    if (is_bytes(t))
        return base_hash64(v.s.p, v.s.n, 0);
    if (t.kind == EXPR_DECIMAL)
        return mix((uint64_t)v.w ^ mix((uint64_t)(v.w >> 64)));
    return mix((uint64_t)v.i);
}

static bool equal(expr_type t, expr_value a, expr_value b)
{
    if (is_bytes(t))
        return a.s.n == b.s.n && (a.s.n == 0 || memcmp(a.s.p, b.s.p, a.s.n) == 0);
    return t.kind == EXPR_DECIMAL ? a.w == b.w : a.i == b.i;
}

static size_t find(const expr_set *set, expr_type t, expr_value v)
{
    size_t at = (size_t)hash_of(t, v) & set->mask;
    while (set->used[at] && !equal(t, set->slot[at], v))
        at = (at + 1) & set->mask;
    return at;
}

static expr_value value_at(expr_type t, const expr_vector *a, size_t i)
{
    expr_value v = {.i = 0};
    if (is_bytes(t))
        v.s = a->s[i];
    else if (t.kind == EXPR_DECIMAL)
        v.w = a->w[i];
    else if (t.kind == EXPR_FLOAT)
        v.i = float_key(a->d[i]);
    else if (t.kind == EXPR_BOOL)
        v.i = a->truth[i];
    else
        v.i = a->i[i];
    return v;
}

const expr_set *expr_set_make(base_arena *arena, expr_type type, expr_node *const *literal, size_t n)
{
    expr_set *set = base_arena_alloc(arena, sizeof *set);
    if (!set)
        return NULL;
    size_t slots = 2;
    while (slots < n * 2)
        slots *= 2;
    *set = (expr_set){.mask = slots - 1};
    set->slot = base_arena_alloc(arena, slots * sizeof *set->slot);
    set->used = base_arena_alloc(arena, slots);
    set->few = base_arena_alloc(arena, FEW * sizeof *set->few);
    if (!set->slot || !set->used || !set->few)
        return NULL;
    memset(set->used, 0, slots);
    for (size_t i = 0; i < n; i++) {
        if (literal[i]->null) {
            set->has_null = true;
            continue;
        }
        expr_value v = literal[i]->value;
        if (type.kind == EXPR_FLOAT)
            v.i = float_key(v.d);
        size_t at = find(set, type, v);
        if (set->used[at])
            continue;
        set->used[at] = 1;
        set->slot[at] = v;
        if (set->n < FEW)
            set->few[set->n] = v;
        set->n++;
    }
    return set;
}

static void test_few(const expr_set *set, const int64_t *v, size_t n, uint8_t *truth)
{
    memset(truth, 0, n);
    for (size_t k = 0; k < set->n; k++) {
        int64_t wanted = set->few[k].i;
        for (size_t i = 0; i < n; i++)
            truth[i] |= (uint8_t)((v[i] == wanted) << 1);
    }
}

void expr_set_test(const expr_set *set, expr_type t, const expr_vector *a, size_t n, bool negated, uint8_t *truth)
{
    bool eight = !is_bytes(t) && t.kind != EXPR_DECIMAL && t.kind != EXPR_FLOAT && t.kind != EXPR_BOOL;
    if (eight && set->n <= FEW)
        test_few(set, a->i, n, truth);
    else
        for (size_t i = 0; i < n; i++)
            truth[i] = expr_valid(a, i) && set->used[find(set, t, value_at(t, a, i))] ? EXPR_TRUE : EXPR_FALSE;
    uint8_t absent = set->has_null ? EXPR_UNKNOWN : EXPR_FALSE;
    for (size_t i = 0; i < n; i++) {
        uint8_t found = truth[i] ? EXPR_TRUE : absent;
        truth[i] = negated ? (uint8_t)(EXPR_TRUE - found) : found;
    }
    if (t.kind == EXPR_BOOL)
        for (size_t i = 0; i < n; i++)
            truth[i] = a->truth[i] == EXPR_UNKNOWN ? EXPR_UNKNOWN : truth[i];
}
