/* compare.c - comparisons of whole vectors. Text and bytes are ordered by their bytes. Floats follow arrow-rs: among columns the
 * total order of IEEE 754 (-NaN < -inf < ... < -0.0 < 0.0 < ... < inf < NaN, and NaN equals itself); beside a literal 0 both
 * zeros are one, which LanceDB sees to. */
#include <math.h>
#include <string.h>

#include "lance/expr/tree.h"

#define TRUTH(condition) ((uint8_t)((condition) << 1))
/* Blocks of 64 rows: compilers make vector code of loops whose length they know. */
#define ROWS(n, expression)                                                                                   \
    do {                                                                                                      \
        size_t i = 0;                                                                                         \
        for (; i + 64 <= (n); i += 64)                                                                        \
            for (size_t j_ = i; j_ < i + 64; j_++) {                                                          \
                size_t r = j_;                                                                                \
                truth[r] = TRUTH(expression);                                                                 \
            }                                                                                                 \
        for (size_t r = i; r < (n); r++)                                                                      \
            truth[r] = TRUTH(expression);                                                                     \
    } while (0)
#define COMPARE(op, n, a, b)                                                                                  \
    switch (op) {                                                                                             \
    case EXPR_EQ:                                                                                             \
        ROWS(n, (a) == (b));                                                                                  \
        break;                                                                                                \
    case EXPR_NE:                                                                                             \
        ROWS(n, (a) != (b));                                                                                  \
        break;                                                                                                \
    case EXPR_LT:                                                                                             \
        ROWS(n, (a) < (b));                                                                                   \
        break;                                                                                                \
    case EXPR_LE:                                                                                             \
        ROWS(n, (a) <= (b));                                                                                  \
        break;                                                                                                \
    case EXPR_GT:                                                                                             \
        ROWS(n, (a) > (b));                                                                                   \
        break;                                                                                                \
    case EXPR_GE:                                                                                             \
        ROWS(n, (a) >= (b));                                                                                  \
        break;                                                                                                \
    }

/* Integers in IEEE 754's total order. */
static int64_t total_order(double v)
{
    int64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
}

static int bytes_order(expr_view a, expr_view b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}
static bool same_bytes(expr_view a, expr_view b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static bool holds(expr_comparison op, int order)
{
    switch (op) {
    case EXPR_EQ:
        return order == 0;
    case EXPR_NE:
        return order != 0;
    case EXPR_LT:
        return order < 0;
    case EXPR_LE:
        return order <= 0;
    case EXPR_GT:
        return order > 0;
    case EXPR_GE:
        return order >= 0;
    }
    return false;
}

int expr_order(expr_type t, const expr_vector *a, size_t i, const expr_vector *b, size_t k)
{
    switch (t.kind) {
    case EXPR_BOOL:
        return a->truth[i] - b->truth[k];
    case EXPR_FLOAT: {
        int64_t x = total_order(a->d[i]), y = total_order(b->d[k]);
        return (x > y) - (x < y);
    }
    case EXPR_DECIMAL:
        return (a->w[i] > b->w[k]) - (a->w[i] < b->w[k]);
    case EXPR_STRING:
    case EXPR_BINARY:
        return bytes_order(a->s[i], b->s[k]);
    case EXPR_UINT:
        return ((uint64_t)a->i[i] > (uint64_t)b->i[k]) - ((uint64_t)a->i[i] < (uint64_t)b->i[k]);
    default:
        return (a->i[i] > b->i[k]) - (a->i[i] < b->i[k]);
    }
}

void expr_compare(expr_type t, expr_comparison op, const expr_vector *a, const expr_vector *b, size_t n, uint8_t *truth)
{
    switch (t.kind) {
    case EXPR_BOOL:
        for (size_t i = 0; i < n; i++)
            if (a->truth[i] == EXPR_UNKNOWN || b->truth[i] == EXPR_UNKNOWN)
                truth[i] = EXPR_UNKNOWN;
            else
                truth[i] = TRUTH(holds(op, a->truth[i] - b->truth[i]));
        break;
    case EXPR_FLOAT:
        COMPARE(op, n, total_order(a->d[r]), total_order(b->d[r]))
        break;
    case EXPR_DECIMAL:
        COMPARE(op, n, a->w[r], b->w[r])
        break;
    case EXPR_STRING:
    case EXPR_BINARY:
        if (op == EXPR_EQ || op == EXPR_NE)
            for (size_t i = 0; i < n; i++)
                truth[i] = TRUTH(same_bytes(a->s[i], b->s[i]) == (op == EXPR_EQ));
        else
            for (size_t i = 0; i < n; i++)
                truth[i] = TRUTH(holds(op, bytes_order(a->s[i], b->s[i])));
        break;
    case EXPR_UINT:
        COMPARE(op, n, (uint64_t)a->i[r], (uint64_t)b->i[r])
        break;
    default:
        COMPARE(op, n, a->i[r], b->i[r])
        break;
    }
}

/* IEEE's own comparisons are right but for NaN, which the second pass sets. */
static void compare_float(expr_comparison op, const double *a, double b, size_t n, uint8_t *truth)
{
    if (isnan(b)) {
        int64_t order = total_order(b);
        COMPARE(op, n, total_order(a[r]), order)
        return;
    }
    COMPARE(op, n, a[r], b)
    if (op == EXPR_EQ || op == EXPR_NE)
        return;
    for (size_t i = 0; i < n; i++)
        if (isnan(a[i]))
            truth[i] = TRUTH(holds(op, signbit(a[i]) ? -1 : 1));
}

void expr_compare_literal(expr_type t, expr_comparison op, const expr_vector *a, const expr_value *b, size_t n,
                          uint8_t *truth)
{
    switch (t.kind) {
    case EXPR_FLOAT:
        compare_float(op, a->d, b->d, n, truth);
        break;
    case EXPR_DECIMAL: {
        expr_wide w = b->w;
        COMPARE(op, n, a->w[r], w)
        break;
    }
    case EXPR_STRING:
    case EXPR_BINARY: {
        expr_view s = b->s;
        if (op == EXPR_EQ || op == EXPR_NE)
            for (size_t i = 0; i < n; i++)
                truth[i] = TRUTH(same_bytes(a->s[i], s) == (op == EXPR_EQ));
        else
            for (size_t i = 0; i < n; i++)
                truth[i] = TRUTH(holds(op, bytes_order(a->s[i], s)));
        break;
    }
    case EXPR_UINT: {
        uint64_t u = (uint64_t)b->i;
        COMPARE(op, n, (uint64_t)a->i[r], u)
        break;
    }
    default: {
        int64_t v = b->i;
        COMPARE(op, n, a->i[r], v)
        break;
    }
    }
}
