/* lexer.c - the words of a condition: names (bare, "quoted" or `quoted`), numbers, 'strings', X'bytes', symbols, with comments
 * and white space between them, as sqlparser's generic dialect has them. 0x12 is X'12' there, and so here. */
#include <string.h>

#include "base/text.h"
#include "lance/expr/tree.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool starts_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}
static bool in_word(char c)
{
    return starts_word(c) || is_digit(c) || c == '$';
}
static int hex_digit(char c)
{
    return is_digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static char peek(const expr_maker *m, size_t at)
{
    return at < m->n ? m->text[at] : '\0';
}

static lancelet_status skip_space(expr_maker *m, size_t *at)
{
    for (;;) {
        char c = peek(m, *at);
        if (*at < m->n && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            ++*at;
        } else if (c == '-' && peek(m, *at + 1) == '-') {
            while (*at < m->n && m->text[*at] != '\n')
                ++*at;
        } else if (c == '/' && peek(m, *at + 1) == '*') {
            size_t begin = *at;
            for (*at += 2; peek(m, *at) != '*' || peek(m, *at + 1) != '/'; ++*at)
                if (*at >= m->n)
                    return base_fail(m->err, LANCELET_INVALID, "the comment at position %zu does not end",
                                     expr_position(m, begin));
            *at += 2;
        } else {
            return LANCELET_OK;
        }
    }
}

/* Text between quotes, where the quote stands twice for itself. */
static lancelet_status quoted(expr_maker *m, size_t *at, expr_view *out)
{
    size_t begin = *at, end = begin + 1, doubled = 0;
    char quote = m->text[begin];
    for (;; end++) {
        if (end >= m->n)
            return base_fail(m->err, LANCELET_INVALID, "the %c at position %zu is not closed", quote,
                             expr_position(m, begin));
        if (m->text[end] != quote)
            continue;
        if (peek(m, end + 1) != quote)
            break;
        doubled++;
        end++;
    }
    *at = end + 1;
    *out = (expr_view){m->text + begin + 1, end - begin - 1};
    if (doubled == 0)
        return LANCELET_OK;
    char *copy = base_arena_alloc(m->arena, out->n);
    if (!copy)
        return base_fail_memory(m->err);
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++) {
        copy[n++] = out->p[i];
        i += out->p[i] == quote;
    }
    *out = (expr_view){copy, n};
    return LANCELET_OK;
}

/* Hexadecimal digits to bytes; with an odd number of them the first is a byte of its own. */
static lancelet_status hex(expr_maker *m, size_t begin, expr_view *v)
{
    uint8_t *bytes = base_arena_alloc(m->arena, v->n / 2 + 1);
    if (!bytes)
        return base_fail_memory(m->err);
    size_t n = 0, odd = v->n % 2;
    for (size_t i = 0; i < v->n; i++) {
        int digit = hex_digit(v->p[i]);
        if (digit < 0)
            return base_fail(m->err, LANCELET_INVALID, "the bytes at position %zu are not hexadecimal",
                             expr_position(m, begin));
        if ((i + odd) % 2 == 0)
            bytes[n++] = (uint8_t)(digit << 4);
        else if (i == 0)
            bytes[n++] = (uint8_t)digit;
        else
            bytes[n - 1] |= (uint8_t)digit;
    }
    *v = (expr_view){(const char *)bytes, n};
    return LANCELET_OK;
}

static size_t number_end(const expr_maker *m, size_t at)
{
    while (is_digit(peek(m, at)))
        at++;
    if (peek(m, at) == '.')
        for (at++; is_digit(peek(m, at));)
            at++;
    if ((peek(m, at) | 0x20) == 'e') {
        size_t sign = peek(m, at + 1) == '+' || peek(m, at + 1) == '-';
        if (is_digit(peek(m, at + 1 + sign)))
            for (at += 1 + sign; is_digit(peek(m, at));)
                at++;
    }
    return at;
}

static lancelet_status number(expr_maker *m, size_t *at, expr_token *out)
{
    size_t begin = *at;
    if (m->text[begin] == '0' && peek(m, begin + 1) == 'x') {
        for (*at += 2; hex_digit(peek(m, *at)) >= 0;)
            ++*at;
        out->kind = EXPR_HEX_LITERAL;
        out->value = (expr_view){m->text + begin + 2, *at - begin - 2};
        RETURN_IF_ERROR(hex(m, begin, &out->value));
    } else {
        *at = number_end(m, begin);
        out->kind = EXPR_NUMBER;
        out->value = (expr_view){m->text + begin, *at - begin};
    }
    if (in_word(peek(m, *at)))
        return base_fail(m->err, LANCELET_INVALID, "the number at position %zu goes on with '%c'",
                         expr_position(m, begin), peek(m, *at));
    return LANCELET_OK;
}

static lancelet_status word(expr_maker *m, size_t *at, expr_token *out)
{
    size_t begin = *at;
    while (in_word(peek(m, *at))) {
        uint32_t c;
        size_t n = base_utf8_decode(m->text + *at, m->n - *at, &c);
        if (n == 0)
            return base_fail(m->err, LANCELET_INVALID, "the text at position %zu is not UTF-8",
                             expr_position(m, *at));
        *at += n;
    }
    out->kind = EXPR_WORD;
    out->value = (expr_view){m->text + begin, *at - begin};
    if (*at - begin == 1 && (m->text[begin] | 0x20) == 'x' && peek(m, *at) == '\'') {
        out->kind = EXPR_HEX_LITERAL;
        RETURN_IF_ERROR(quoted(m, at, &out->value));
        return hex(m, begin, &out->value);
    }
    return LANCELET_OK;
}

static lancelet_status symbol(expr_maker *m, size_t *at, expr_token *out)
{
    static const char pairs[][3] = {"<=", ">=", "<>", "!=", "==", "||", "::"};
    char c = m->text[*at], next = peek(m, *at + 1);
    out->kind = EXPR_SYMBOL;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i][0] == c && pairs[i][1] == next) {
            memcpy(out->symbol, pairs[i], 3);
            *at += 2;
            return LANCELET_OK;
        }
    if (!strchr("=<>+-*/%(),.[]", c) || c == '\0') {
        uint32_t code;
        size_t n = base_utf8_decode(m->text + *at, m->n - *at, &code);
        return base_fail(m->err, LANCELET_INVALID, "%.*s at position %zu is no part of a condition",
                         (int)(n ? n : 1), m->text + *at, expr_position(m, *at));
    }
    out->symbol[0] = c;
    ++*at;
    return LANCELET_OK;
}

lancelet_status expr_lex(expr_maker *m, size_t *at, expr_token *out)
{
    RETURN_IF_ERROR(skip_space(m, at));
    *out = (expr_token){.kind = EXPR_END, .begin = (uint32_t)*at, .end = (uint32_t)*at};
    if (*at >= m->n)
        return LANCELET_OK;
    char c = m->text[*at];
    lancelet_status status;
    if (is_digit(c) || (c == '.' && is_digit(peek(m, *at + 1)))) {
        status = number(m, at, out);
    } else if (starts_word(c)) {
        status = word(m, at, out);
    } else if (c == '\'' || c == '"' || c == '`') {
        out->kind = c == '\'' ? EXPR_STRING_LITERAL : EXPR_NAME;
        status = quoted(m, at, &out->value);
        if (status == LANCELET_OK && !base_utf8_valid(out->value.p, out->value.n))
            status = base_fail(m->err, LANCELET_INVALID, "the text at position %zu is not UTF-8",
                               expr_position(m, out->begin));
    } else {
        status = symbol(m, at, out);
    }
    out->end = (uint32_t)*at;
    return status;
}
