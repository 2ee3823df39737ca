/* functions_text.c - functions over text. Lengths and places are counted in characters, the first is 1. */
#include <string.h>

#include "base/text.h"
#include "lance/expr/functions.h"

static size_t decode(const char *s, size_t n, uint32_t *c)
{
    size_t length = base_utf8_decode(s, n, c);
    if (length == 0) { /* a byte that is no UTF-8 */
        *c = (uint8_t)*s;
        return 1;
    }
    return length;
}

static size_t characters(expr_view s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xC0) != 0x80;
    return n;
}

/* Bytes of the first n characters. */
static size_t skip(expr_view s, size_t n)
{
    size_t at = 0;
    while (at < s.n && n > 0) {
        at++;
        while (at < s.n && (s.p[at] & 0xC0) == 0x80)
            at++;
        n--;
    }
    return at;
}

static bool has_case(uint32_t c)
{
    uint32_t a[3], b[3];
    return expr_lower(c, a) > 1 || a[0] != c || expr_upper(c, b) > 1 || b[0] != c;
}

/* The sigma at the end of a word is another letter. */
static bool ends_word(expr_view s, size_t before, size_t behind)
{
    uint32_t c;
    size_t at = before;
    while (at > 0 && (s.p[--at] & 0xC0) == 0x80)
        ;
    if (before == 0)
        return false;
    decode(s.p + at, s.n - at, &c);
    if (!has_case(c))
        return false;
    if (behind >= s.n)
        return true;
    decode(s.p + behind, s.n - behind, &c);
    return !has_case(c);
}

static lancelet_status change_case(expr_context *c, bool upper, expr_view s, expr_view *out)
{
    char small[4];
    size_t n = 0;
    bool ascii = true;
    for (size_t i = 0; i < s.n; i++)
        ascii &= !(s.p[i] & 0x80);
    RETURN_IF_ERROR(expr_make_text(c, ascii ? s.n : s.n * 4, out)); /* no letter becomes more than four times as long */
    char *p = (char *)(uintptr_t)out->p;
    for (size_t i = 0; i < s.n;) {
        uint32_t code, becomes[3];
        size_t length = decode(s.p + i, s.n - i, &code);
        int k = upper ? expr_upper(code, becomes) : expr_lower(code, becomes);
        if (!upper && code == 0x3A3 && ends_word(s, i, i + length))
            becomes[0] = 0x3C2;
        for (int j = 0; j < k; j++) {
            size_t m = base_utf8_encode(becomes[j], small);
            memcpy(p + n, small, m);
            n += m;
        }
        i += length;
    }
    out->n = n;
    return LANCELET_OK;
}

static const char *find(expr_view s, expr_view needle)
{
    return needle.n == 0 ? s.p : memmem(s.p, s.n, needle.p, needle.n);
}

/* Replacing nothing puts `to` before each character and behind the last. */
static lancelet_status spread(expr_context *c, expr_view s, expr_view to, expr_view *out)
{
    size_t grown, n, times = characters(s) + 1;
    if (!base_mul_size(times, to.n, &grown) || !base_add_size(s.n, grown, &n))
        return base_fail_memory(c->err);
    RETURN_IF_ERROR(expr_make_text(c, n, out));
    char *p = (char *)(uintptr_t)out->p;
    size_t room = n;
    for (size_t at = 0;;) {
        if (to.n > room)
            break;
        if (to.n)
            memcpy(p, to.p, to.n);
        p += to.n;
        room -= to.n;
        if (at == s.n)
            break;
        size_t length = skip((expr_view){s.p + at, s.n - at}, 1);
        memcpy(p, s.p + at, length);
        p += length;
        room -= length;
        at += length;
    }
    out->n = n - room;
    return LANCELET_OK;
}

static lancelet_status replace(expr_context *c, expr_view s, expr_view from, expr_view to, expr_view *out)
{
    *out = s;
    if (from.n == 0)
        return spread(c, s, to, out);
    size_t times = 0;
    expr_view rest = s;
    for (const char *at; (at = find(rest, from)) && rest.n >= from.n; times++)
        rest = (expr_view){at + from.n, (size_t)(s.p + s.n - at) - from.n};
    size_t grown, n;
    if (!base_mul_size(times, to.n, &grown) || !base_add_size(s.n - times * from.n, grown, &n))
        return base_fail_memory(c->err);
    RETURN_IF_ERROR(expr_make_text(c, n, out));
    char *p = (char *)(uintptr_t)out->p;
    rest = s;
    for (; times > 0; times--) {
        const char *at = find(rest, from);
        size_t before = (size_t)(at - rest.p);
        memcpy(p, rest.p, before);
        if (to.n)
            memcpy(p + before, to.p, to.n);
        p += before + to.n;
        rest = (expr_view){at + from.n, rest.n - before - from.n};
    }
    if (rest.n)
        memcpy(p, rest.p, rest.n);
    return LANCELET_OK;
}

static bool in_letters(expr_view letters, expr_view s)
{
    for (size_t i = 0; i < letters.n;) {
        size_t n = skip((expr_view){letters.p + i, letters.n - i}, 1);
        if (n == s.n && memcmp(letters.p + i, s.p, n) == 0)
            return true;
        i += n;
    }
    return false;
}

static expr_view trim(expr_view s, expr_view letters, bool left, bool right)
{
    while (left && s.n > 0) {
        size_t n = skip(s, 1);
        if (!in_letters(letters, (expr_view){s.p, n}))
            break;
        s = (expr_view){s.p + n, s.n - n};
    }
    while (right && s.n > 0) {
        size_t at = s.n - 1;
        while (at > 0 && (s.p[at] & 0xC0) == 0x80)
            at--;
        if (!in_letters(letters, (expr_view){s.p + at, s.n - at}))
            break;
        s.n = at;
    }
    return s;
}

/* left(s, -n): all but the last n; right() the other way round. */
static expr_view end_of(expr_view s, int64_t count, bool left)
{
    int64_t all = (int64_t)characters(s), n = count >= 0 ? count : count < -all ? 0 : all + count;
    n = n > all ? all : n;
    if (left)
        return (expr_view){s.p, skip(s, (size_t)n)};
    size_t at = skip(s, (size_t)(all - n));
    return (expr_view){s.p + at, s.n - at};
}

/* From the place `from` (1 is the first; less takes away from the count) `count` characters. */
static lancelet_status part(expr_context *c, size_t row, expr_view s, int64_t from, const int64_t *count, expr_view *out)
{
    int64_t end = INT64_MAX;
    if (count && *count < 0) {
        *out = (expr_view){s.p, 0};
        return expr_counts(c, row) ? base_fail(c->err, LANCELET_INVALID, "substr() of a negative number of characters")
                                   : LANCELET_OK;
    }
    if (count && __builtin_add_overflow(from, *count, &end))
        end = INT64_MAX;
    from = from < 1 ? 1 : from;
    size_t begin = skip(s, (size_t)(from - 1));
    *out = (expr_view){s.p + begin, s.n - begin};
    if (end != INT64_MAX)
        out->n = end <= from ? 0 : skip(*out, (size_t)(end - from));
    return LANCELET_OK;
}

static lancelet_status concat(expr_context *c, const expr_node *call, const expr_vector *a, size_t i, expr_view *out)
{
    size_t n = 0;
    for (size_t k = 0; k < call->n; k++)
        if (expr_valid(&a[k], i) && !base_add_size(n, a[k].s[i].n, &n))
            return base_fail_memory(c->err);
    RETURN_IF_ERROR(expr_make_text(c, n, out));
    char *p = (char *)(uintptr_t)out->p;
    for (size_t k = 0; k < call->n; k++)
        if (expr_valid(&a[k], i) && a[k].s[i].n) {
            memcpy(p, a[k].s[i].p, a[k].s[i].n);
            p += a[k].s[i].n;
        }
    return LANCELET_OK;
}

static lancelet_status text_of(expr_context *c, const expr_node *call, const expr_vector *a, size_t i, expr_view *out)
{
    expr_view s = a[0].s[i], letters = call->n == 2 ? a[1].s[i] : (expr_view){" ", 1};
    switch (call->function->id) {
    case FN_LOWER:
    case FN_UPPER:
        return change_case(c, call->function->id == FN_UPPER, s, out);
    case FN_REPLACE:
        return replace(c, s, a[1].s[i], a[2].s[i], out);
    case FN_LEFT:
    case FN_RIGHT:
        *out = end_of(s, a[1].i[i], call->function->id == FN_LEFT);
        return LANCELET_OK;
    case FN_SUBSTR:
        return part(c, i, s, a[1].i[i], call->n == 3 ? &a[2].i[i] : NULL, out);
    default:
        *out = trim(s, letters, call->function->id != FN_RTRIM, call->function->id != FN_LTRIM);
        return LANCELET_OK;
    }
}

static bool test(expr_function_id id, expr_view s, expr_view needle)
{
    if (id == FN_CONTAINS)
        return find(s, needle) != NULL;
    if (needle.n == 0)
        return true;
    return s.n >= needle.n &&
           memcmp(id == FN_STARTS_WITH ? s.p : s.p + s.n - needle.n, needle.p, needle.n) == 0;
}

static int64_t number_of(expr_function_id id, const expr_vector *a, size_t i)
{
    expr_view s = a[0].s[i];
    if (id == FN_LENGTH)
        return (int64_t)characters(s);
    if (id == FN_OCTET_LENGTH)
        return (int64_t)s.n;
    const char *at = find(s, a[1].s[i]);
    return at || a[1].s[i].n == 0 ? (int64_t)characters((expr_view){s.p, at ? (size_t)(at - s.p) : 0}) + 1 : 0;
}

lancelet_status expr_text_function(expr_context *c, const expr_node *call, const expr_vector *a, expr_vector *out)
{
    expr_function_id id = call->function->id;
    bool truth = call->type.kind == EXPR_BOOL, text = call->type.kind == EXPR_STRING;
    RETURN_IF_ERROR(expr_take(c, !truth, out));
    for (size_t i = 0; i < c->n; i++) {
        bool known = true;
        for (size_t k = 0; k < call->n && id != FN_CONCAT; k++)
            known &= expr_valid(&a[k], i);
        if (truth) {
            out->truth[i] = !known ? EXPR_UNKNOWN : test(id, a[0].s[i], a[1].s[i]) ? EXPR_TRUE : EXPR_FALSE;
            continue;
        }
        out->valid[i] = known;
        if (text)
            out->s[i] = (expr_view){"", 0};
        else
            out->i[i] = 0;
        if (!known)
            continue;
        if (id == FN_CONCAT)
            RETURN_IF_ERROR(concat(c, call, a, i, &out->s[i]));
        else if (text)
            RETURN_IF_ERROR(text_of(c, call, a, i, &out->s[i]));
        else
            out->i[i] = number_of(id, a, i);
    }
    return LANCELET_OK;
}
