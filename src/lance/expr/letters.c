/* letters.c - lower(), upper() and the folding of ILIKE, letter by letter, from tables of the Unicode Character Database: the
 * library uses no locale. */
#include <string.h>

#include "lance/expr/letters_table.h"
#include "lance/expr/tree.h"

static uint32_t find_run(const letter_run *runs, size_t n, uint32_t c)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (runs[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == n || c < runs[low].first || (c - runs[low].first) % runs[low].step != 0)
        return c;
    return (uint32_t)((int64_t)c + runs[low].difference);
}

static int find(const letter_run *runs, size_t n, const letter_special *specials, size_t n_specials, uint32_t c,
                uint32_t out[3])
{
    for (size_t i = 0; i < n_specials && specials[i].letter <= c; i++)
        if (specials[i].letter == c) {
            memcpy(out, specials[i].becomes, sizeof specials[i].becomes);
            return out[2] ? 3 : 2;
        }
    out[0] = find_run(runs, n, c);
    return 1;
}

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

uint32_t expr_fold(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    return find_run(fold_runs, LENGTH(fold_runs), c);
}

int expr_lower(uint32_t c, uint32_t out[3])
{
    if (c < 0x80) {
        out[0] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
        return 1;
    }
    return find(lower_runs, LENGTH(lower_runs), lower_specials, LENGTH(lower_specials), c, out);
}

int expr_upper(uint32_t c, uint32_t out[3])
{
    if (c < 0x80) {
        out[0] = c >= 'a' && c <= 'z' ? c - 0x20 : c;
        return 1;
    }
    return find(upper_runs, LENGTH(upper_runs), upper_specials, LENGTH(upper_specials), c, out);
}
