/* parser.c - a condition's text to a tree without types: operator precedence as sqlparser's generic dialect has it, from loose
 * to tight: OR; AND; NOT; IS; LIKE; = <> < ... and BETWEEN, IN; + -; * / % ||; minus sign; ::. AND and OR become one node over
 * all their operands, since programs write conditions of ten thousand of them. */
#include <string.h>

#include "base/text.h"
#include "lance/expr/tree.h"

enum { OR = 5, AND = 10, NOT = 15, IS = 17, LIKE = 19, COMPARE = 20, SUM = 30, PRODUCT = 40, CAST = 50, ACCESS = 100 };

typedef struct parser {
    expr_maker *m;
    expr_token token; /* the next */
    size_t at;        /* bytes: behind it */
    uint32_t last;    /* bytes: the end of the token before it */
    int depth;
} parser;

/* Children collected one by one; moved into the arena when all are there. */
typedef struct children {
    expr_node **node;
    size_t n, capacity;
} children;

static bool add_child(parser *p, children *list, expr_node *node)
{
    if (list->n == list->capacity) {
        size_t more = list->capacity ? list->capacity * 2 : 4;
        expr_node **wider = base_arena_alloc(p->m->arena, more * sizeof(expr_node *));
        if (!wider)
            return false;
        if (list->n)
            memcpy(wider, list->node, list->n * sizeof(expr_node *));
        list->node = wider;
        list->capacity = more;
    }
    list->node[list->n++] = node;
    return true;
}

static lancelet_status advance(parser *p)
{
    p->last = p->token.end;
    return expr_lex(p->m, &p->at, &p->token);
}

static bool same_word(expr_view v, const char *word)
{
    size_t n = strlen(word);
    if (v.n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((v.p[i] >= 'A' && v.p[i] <= 'Z' ? v.p[i] | 0x20 : v.p[i]) != word[i])
            return false;
    return true;
}
static bool is_word(const parser *p, const char *word)
{
    return p->token.kind == EXPR_WORD && same_word(p->token.value, word);
}
static bool is_symbol(const parser *p, const char *symbol)
{
    return p->token.kind == EXPR_SYMBOL && strcmp(p->token.symbol, symbol) == 0;
}
/* The token behind the next one. */
static lancelet_status look(parser *p, expr_token *out)
{
    size_t at = p->at;
    return expr_lex(p->m, &at, out);
}

static int token_cut(const parser *p)
{
    return expr_cut((expr_view){p->m->text + p->token.begin, p->token.end - p->token.begin}, 40);
}

static lancelet_status fail(parser *p, const char *wanted)
{
    size_t position = expr_position(p->m, p->token.begin);
    if (p->token.kind == EXPR_END)
        return base_fail(p->m->err, LANCELET_INVALID, "%s is missing at the end (position %zu)", wanted,
                         position);
    return base_fail(p->m->err, LANCELET_INVALID, "%.*s at position %zu: %s is wanted there",
                     token_cut(p), p->m->text + p->token.begin, position, wanted);
}

static lancelet_status expect_symbol(parser *p, const char *symbol, const char *wanted)
{
    return is_symbol(p, symbol) ? advance(p) : fail(p, wanted);
}
static lancelet_status expect_word(parser *p, const char *word, const char *wanted)
{
    return is_word(p, word) ? advance(p) : fail(p, wanted);
}

static lancelet_status parse(parser *p, int precedence, expr_node **out);

static lancelet_status make(parser *p, expr_op op, expr_node *const *child, size_t n, uint32_t begin,
                            expr_node **out)
{
    expr_node *node = expr_node_make(p->m, op, n);
    if (!node)
        return p->m->failed;
    node->begin = begin;
    for (size_t i = 0; i < n; i++) {
        node->child[i] = child[i];
        if (child[i]->depth >= node->depth)
            node->depth = child[i]->depth + 1;
    }
    if (node->depth > EXPR_DEPTH_LIMIT)
        return base_fail(p->m->err, LANCELET_LIMIT, "position %zu: more than %d operations within each other",
                         expr_position(p->m, begin), EXPR_DEPTH_LIMIT);
    *out = node;
    return LANCELET_OK;
}

/* ---- literals ---- */

static lancelet_status number(parser *p, bool minus, uint32_t begin, expr_node **out)
{
    expr_view v = p->token.value;
    RETURN_IF_ERROR(make(p, EXPR_LITERAL, NULL, 0, begin, out));
    expr_node *node = *out;
    uint64_t u;
    double d;
    if (base_parse_u64(v.p, v.n, &u) && (u <= INT64_MAX || (minus && u == (uint64_t)INT64_MAX + 1))) {
        node->type = EXPR_INT64;
        node->value.i = minus ? (int64_t)(0 - u) : (int64_t)u;
    } else if (!minus && base_parse_u64(v.p, v.n, &u)) {
        node->type = (expr_type){.kind = EXPR_UINT, .width = 64};
        node->value.i = (int64_t)u;
    } else if (base_parse_double(v.p, v.n, &d)) {
        node->type = EXPR_DOUBLE;
        node->value.d = minus ? -d : d;
    } else {
        return base_fail(p->m->err, LANCELET_INVALID, "the number at position %zu is too large",
                         expr_position(p->m, p->token.begin));
    }
    return advance(p);
}

static lancelet_status bytes_literal(parser *p, expr_type type, expr_node **out)
{
    RETURN_IF_ERROR(make(p, EXPR_LITERAL, NULL, 0, p->token.begin, out));
    (*out)->type = type;
    (*out)->value.s = p->token.value;
    return advance(p);
}

static lancelet_status word_literal(parser *p, expr_type type, int64_t value, expr_node **out)
{
    RETURN_IF_ERROR(make(p, EXPR_LITERAL, NULL, 0, p->token.begin, out));
    (*out)->type = type;
    (*out)->value.i = value;
    (*out)->null = type.kind == EXPR_NULL;
    return advance(p);
}

static lancelet_status interval_literal(parser *p, expr_node **out)
{
    uint32_t begin = p->token.begin;
    RETURN_IF_ERROR(advance(p));
    RETURN_IF_ERROR(make(p, EXPR_LITERAL, NULL, 0, begin, out));
    (*out)->type = (expr_type){.kind = EXPR_INTERVAL};
    if (!expr_parse_interval(p->token.value, &(*out)->value.interval))
        return base_fail(p->m->err, LANCELET_INVALID,
                         "%.*s at position %zu is no interval; intervals look like '3 days' or '1 hour 30 minutes'",
                         token_cut(p),
                         p->m->text + p->token.begin, expr_position(p->m, p->token.begin));
    return advance(p);
}

/* ---- types, behind CAST and :: and before a string ---- */

typedef struct type_word {
    const char *word;
    expr_kind kind;
    int width;
} type_word;
static const type_word type_words[] = {
    {"tinyint", EXPR_INT, 8},    {"smallint", EXPR_INT, 16},   {"int", EXPR_INT, 32},
    {"integer", EXPR_INT, 32},   {"bigint", EXPR_INT, 64},     {"float", EXPR_FLOAT, 32},
    {"real", EXPR_FLOAT, 32},    {"double", EXPR_FLOAT, 64},   {"string", EXPR_STRING, 0},
    {"varchar", EXPR_STRING, 0}, {"text", EXPR_STRING, 0},     {"binary", EXPR_BINARY, 0},
    {"boolean", EXPR_BOOL, 0},   {"date", EXPR_DATE, 0},       {"timestamp", EXPR_TIMESTAMP, 0},
    {"datetime", EXPR_TIMESTAMP, 0}, {"decimal", EXPR_DECIMAL, 0},
};

static const type_word *find_type(expr_view v)
{
    for (size_t i = 0; i < sizeof type_words / sizeof type_words[0]; i++)
        if (same_word(v, type_words[i].word))
            return &type_words[i];
    return NULL;
}

/* (a) or (a, b) of whole numbers up to 99; how many there are. */
static lancelet_status type_numbers(parser *p, int64_t numbers[2], int *n)
{
    *n = 0;
    if (!is_symbol(p, "("))
        return LANCELET_OK;
    do {
        RETURN_IF_ERROR(advance(p));
        if (*n == 2 || p->token.kind != EXPR_NUMBER ||
            !base_parse_i64(p->token.value.p, p->token.value.n, &numbers[*n]) || numbers[*n] > 99)
            return fail(p, "a whole number");
        ++*n;
        RETURN_IF_ERROR(advance(p));
    } while (is_symbol(p, ","));
    return expect_symbol(p, ")", "')'");
}

static lancelet_status type_name(parser *p, expr_type *out)
{
    const type_word *w = p->token.kind == EXPR_WORD ? find_type(p->token.value) : NULL;
    uint32_t begin = p->token.begin;
    if (!w && p->token.kind == EXPR_WORD)
        return base_fail(p->m->err, LANCELET_UNSUPPORTED,
                         "no type '%.*s' at position %zu; types: tinyint, smallint, int, bigint [unsigned], float, "
                         "double, decimal(p,s), string, binary, boolean, date, timestamp(p)",
                         expr_cut(p->token.value, 40), p->token.value.p,
                         expr_position(p->m, begin));
    if (!w)
        return fail(p, "a type");
    *out = (expr_type){.kind = w->kind, .width = w->width};
    RETURN_IF_ERROR(advance(p));
    if (w->kind == EXPR_INT && is_word(p, "unsigned")) {
        out->kind = EXPR_UINT;
        return advance(p);
    }
    if (w->kind == EXPR_FLOAT && w->width == 64 && is_word(p, "precision"))
        return advance(p);
    if (w->kind != EXPR_TIMESTAMP && w->kind != EXPR_DECIMAL)
        return LANCELET_OK;
    int64_t numbers[2] = {6, 0};
    int n;
    RETURN_IF_ERROR(type_numbers(p, numbers, &n));
    if (w->kind == EXPR_DECIMAL) {
        if (n != 2 || numbers[0] < 1 || numbers[0] > 38 || numbers[1] > numbers[0])
            return base_fail(p->m->err, LANCELET_INVALID,
                             "the decimal at position %zu needs its digits and those behind the point, as in decimal(10,2)",
                             expr_position(p->m, begin));
        out->precision = (int)numbers[0];
        out->scale = (int)numbers[1];
        return LANCELET_OK;
    }
    if (n > 1 || numbers[0] % 3 != 0 || numbers[0] > 9)
        return base_fail(p->m->err, LANCELET_INVALID,
                         "the timestamp at position %zu: its digits are 0, 3, 6 or 9", expr_position(p->m, begin));
    out->unit = (int)numbers[0] / 3;
    return LANCELET_OK;
}

static lancelet_status cast_to(parser *p, expr_node *operand, uint32_t begin, bool try, expr_node **out)
{
    expr_type type;
    RETURN_IF_ERROR(type_name(p, &type));
    RETURN_IF_ERROR(make(p, EXPR_CAST, &operand, 1, begin, out));
    (*out)->type = type;
    (*out)->try = try;
    return LANCELET_OK;
}

/* ---- operands ---- */

/* What stands between '(' or '[' (already read) and `close`, with commas. */
static lancelet_status list(parser *p, const char *close, children *out)
{
    while (!is_symbol(p, close)) {
        expr_node *child;
        RETURN_IF_ERROR(parse(p, 0, &child));
        if (!add_child(p, out, child))
            return base_fail_memory(p->m->err);
        if (!is_symbol(p, ","))
            break;
        RETURN_IF_ERROR(advance(p));
        if (is_symbol(p, close))
            return fail(p, "a value");
    }
    return expect_symbol(p, close, close[0] == ')' ? "')'" : "']'");
}

static lancelet_status call(parser *p, expr_view name, uint32_t begin, bool parenthesis, expr_node **out)
{
    children arguments = {0};
    if (parenthesis) {
        RETURN_IF_ERROR(advance(p));
        RETURN_IF_ERROR(list(p, ")", &arguments));
    }
    RETURN_IF_ERROR(make(p, EXPR_CALL, arguments.node, arguments.n, begin, out));
    (*out)->name = name;
    return LANCELET_OK;
}

static lancelet_status name(parser *p, expr_op op, expr_node *of, expr_node **out)
{
    uint32_t begin = of ? of->begin : p->token.begin;
    RETURN_IF_ERROR(make(p, op, &of, of ? 1 : 0, begin, out));
    (*out)->name = p->token.value;
    (*out)->quoted = p->token.kind == EXPR_NAME;
    return advance(p);
}

static const char *const reserved[] = {"and",  "or",   "not",  "in",     "is",      "like",   "ilike", "between",
                                       "then", "when", "else", "select", "from",    "where",  "escape", "as",
                                       "limit", "order", "group", "having", "union", "exists", "case"};

static lancelet_status word(parser *p, expr_node **out)
{
    uint32_t begin = p->token.begin;
    expr_view v = p->token.value;
    expr_token next;
    if (is_word(p, "null"))
        return word_literal(p, (expr_type){.kind = EXPR_NULL}, 0, out);
    if (is_word(p, "true") || is_word(p, "false"))
        return word_literal(p, EXPR_BOOLEAN, is_word(p, "true") ? EXPR_TRUE : EXPR_FALSE, out);
    RETURN_IF_ERROR(look(p, &next));
    bool parenthesis = next.kind == EXPR_SYMBOL && strcmp(next.symbol, "(") == 0;
    if (next.kind == EXPR_STRING_LITERAL && is_word(p, "interval"))
        return interval_literal(p, out);
    const type_word *w = find_type(v);
    if (w && (next.kind == EXPR_STRING_LITERAL || (parenthesis && w->kind == EXPR_TIMESTAMP))) {
        expr_type type;
        expr_node *string;
        RETURN_IF_ERROR(type_name(p, &type));
        if (p->token.kind != EXPR_STRING_LITERAL)
            return fail(p, "a string");
        RETURN_IF_ERROR(bytes_literal(p, EXPR_TEXT, &string));
        string->end = p->last;
        RETURN_IF_ERROR(make(p, EXPR_CAST, &string, 1, begin, out));
        (*out)->type = type;
        return LANCELET_OK;
    }
    if (next.kind == EXPR_SYMBOL && strcmp(next.symbol, "[") == 0 && is_word(p, "array")) {
        RETURN_IF_ERROR(advance(p));
        return parse(p, ACCESS, out);
    }
    if (parenthesis && (is_word(p, "cast") || is_word(p, "try_cast"))) {
        bool try = is_word(p, "try_cast");
        expr_node *operand;
        RETURN_IF_ERROR(advance(p));
        RETURN_IF_ERROR(advance(p));
        RETURN_IF_ERROR(parse(p, 0, &operand));
        RETURN_IF_ERROR(expect_word(p, "as", "AS and a type"));
        RETURN_IF_ERROR(cast_to(p, operand, begin, try, out));
        return expect_symbol(p, ")", "')'");
    }
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (same_word(v, reserved[i]))
            return fail(p, "a value");
    if (parenthesis || same_word(v, "current_date") || same_word(v, "current_timestamp")) {
        RETURN_IF_ERROR(advance(p));
        return call(p, v, begin, parenthesis, out);
    }
    return name(p, EXPR_COLUMN, NULL, out);
}

static lancelet_status operand(parser *p, expr_node **out)
{
    uint32_t begin = p->token.begin;
    switch (p->token.kind) {
    case EXPR_NUMBER:
        return number(p, false, begin, out);
    case EXPR_STRING_LITERAL:
        return bytes_literal(p, EXPR_TEXT, out);
    case EXPR_HEX_LITERAL:
        return bytes_literal(p, (expr_type){.kind = EXPR_BINARY}, out);
    case EXPR_NAME:
        return name(p, EXPR_COLUMN, NULL, out);
    case EXPR_WORD:
        if (is_word(p, "not")) {
            expr_node *of;
            RETURN_IF_ERROR(advance(p));
            RETURN_IF_ERROR(parse(p, NOT, &of));
            return make(p, EXPR_NOT, &of, 1, begin, out);
        }
        return word(p, out);
    default:
        break;
    }
    if (is_symbol(p, "-")) {
        RETURN_IF_ERROR(advance(p));
        if (p->token.kind == EXPR_NUMBER)
            return number(p, true, begin, out);
        expr_node *of;
        RETURN_IF_ERROR(parse(p, PRODUCT, &of));
        return make(p, EXPR_NEGATE, &of, 1, begin, out);
    }
    if (is_symbol(p, "(")) {
        RETURN_IF_ERROR(advance(p));
        RETURN_IF_ERROR(parse(p, 0, out));
        (*out)->begin = begin;
        return expect_symbol(p, ")", "')'");
    }
    if (is_symbol(p, "[")) {
        children items = {0};
        RETURN_IF_ERROR(advance(p));
        RETURN_IF_ERROR(list(p, "]", &items));
        return make(p, EXPR_ARRAY, items.node, items.n, begin, out);
    }
    return fail(p, "a value");
}

/* ---- operators ---- */

static const struct {
    const char *symbol;
    int precedence;
    expr_op op;
    expr_comparison comparison;
} operators[] = {
    {"=", COMPARE, EXPR_COMPARE, EXPR_EQ},  {"==", COMPARE, EXPR_COMPARE, EXPR_EQ},
    {"!=", COMPARE, EXPR_COMPARE, EXPR_NE}, {"<>", COMPARE, EXPR_COMPARE, EXPR_NE},
    {"<", COMPARE, EXPR_COMPARE, EXPR_LT},  {"<=", COMPARE, EXPR_COMPARE, EXPR_LE},
    {">", COMPARE, EXPR_COMPARE, EXPR_GT},  {">=", COMPARE, EXPR_COMPARE, EXPR_GE},
    {"+", SUM, EXPR_ARITHMETIC, EXPR_EQ},   {"-", SUM, EXPR_ARITHMETIC, EXPR_EQ},
    {"*", PRODUCT, EXPR_ARITHMETIC, EXPR_EQ}, {"/", PRODUCT, EXPR_ARITHMETIC, EXPR_EQ},
    {"%", PRODUCT, EXPR_ARITHMETIC, EXPR_EQ}, {"||", PRODUCT, EXPR_CONCAT, EXPR_EQ},
};
enum { N_OPERATORS = sizeof operators / sizeof operators[0] };

/* How tightly what comes next binds to what was read; 0: it does not. */
static lancelet_status next_precedence(parser *p, int *out)
{
    *out = 0;
    if (p->token.kind == EXPR_SYMBOL) {
        for (int i = 0; i < N_OPERATORS; i++)
            if (strcmp(p->token.symbol, operators[i].symbol) == 0)
                *out = operators[i].precedence;
        if (is_symbol(p, "::"))
            *out = CAST;
        if (is_symbol(p, ".") || is_symbol(p, "["))
            *out = ACCESS;
        return LANCELET_OK;
    }
    if (p->token.kind != EXPR_WORD)
        return LANCELET_OK;
    expr_token next = p->token;
    if (is_word(p, "not"))
        RETURN_IF_ERROR(look(p, &next));
    static const struct {
        const char *word;
        int precedence;
    } words[] = {{"in", COMPARE}, {"between", COMPARE}, {"like", LIKE}, {"ilike", LIKE},
                 {"is", IS},      {"and", AND},         {"or", OR}};
    size_t n = is_word(p, "not") ? 4 : 7;
    for (size_t i = 0; i < n && next.kind == EXPR_WORD; i++)
        if (same_word(next.value, words[i].word))
            *out = words[i].precedence;
    return LANCELET_OK;
}

static lancelet_status is(parser *p, expr_node *left, expr_node **out)
{
    RETURN_IF_ERROR(advance(p));
    bool negated = is_word(p, "not");
    if (negated)
        RETURN_IF_ERROR(advance(p));
    expr_op op;
    if (is_word(p, "null"))
        op = EXPR_IS_NULL;
    else if (is_word(p, "true"))
        op = EXPR_IS_TRUE;
    else if (is_word(p, "false"))
        op = EXPR_IS_FALSE;
    else
        return fail(p, "NULL, TRUE or FALSE");
    RETURN_IF_ERROR(make(p, op, &left, 1, left->begin, out));
    (*out)->negated = negated;
    return advance(p);
}

static lancelet_status like(parser *p, expr_node *left, bool negated, expr_node **out)
{
    bool insensitive = is_word(p, "ilike");
    expr_node *both[2] = {left, NULL};
    RETURN_IF_ERROR(advance(p));
    RETURN_IF_ERROR(parse(p, LIKE, &both[1]));
    RETURN_IF_ERROR(make(p, EXPR_LIKE, both, 2, left->begin, out));
    (*out)->negated = negated;
    (*out)->insensitive = insensitive;
    (*out)->escape = '\\';
    if (!is_word(p, "escape"))
        return LANCELET_OK;
    RETURN_IF_ERROR(advance(p));
    if (p->token.kind != EXPR_STRING_LITERAL || p->token.value.n != 1 || (p->token.value.p[0] & 0x80))
        return fail(p, "an ASCII character in quotes");
    (*out)->escape = p->token.value.p[0];
    return advance(p);
}

static lancelet_status in(parser *p, expr_node *left, bool negated, expr_node **out)
{
    children all = {0};
    RETURN_IF_ERROR(advance(p));
    RETURN_IF_ERROR(expect_symbol(p, "(", "'(' and a list"));
    if (is_symbol(p, ")"))
        return fail(p, "a value");
    if (!add_child(p, &all, left))
        return base_fail_memory(p->m->err);
    RETURN_IF_ERROR(list(p, ")", &all));
    RETURN_IF_ERROR(make(p, EXPR_IN, all.node, all.n, left->begin, out));
    (*out)->negated = negated;
    return LANCELET_OK;
}

static lancelet_status between(parser *p, expr_node *left, bool negated, expr_node **out)
{
    expr_node *three[3] = {left, NULL, NULL};
    RETURN_IF_ERROR(advance(p));
    RETURN_IF_ERROR(parse(p, COMPARE, &three[1]));
    RETURN_IF_ERROR(expect_word(p, "and", "AND and the upper bound"));
    RETURN_IF_ERROR(parse(p, COMPARE, &three[2]));
    RETURN_IF_ERROR(make(p, EXPR_BETWEEN, three, 3, left->begin, out));
    (*out)->negated = negated;
    return LANCELET_OK;
}

/* a AND b AND c ...: one node. */
static lancelet_status chain(parser *p, expr_op op, const char *word_, int precedence, expr_node *left,
                             expr_node **out)
{
    children all = {0};
    if (!add_child(p, &all, left))
        return base_fail_memory(p->m->err);
    while (is_word(p, word_)) {
        expr_node *child;
        RETURN_IF_ERROR(advance(p));
        RETURN_IF_ERROR(parse(p, precedence, &child));
        if (!add_child(p, &all, child))
            return base_fail_memory(p->m->err);
    }
    return make(p, op, all.node, all.n, left->begin, out);
}

static lancelet_status access(parser *p, expr_node *left, expr_node **out)
{
    bool dot = is_symbol(p, ".");
    RETURN_IF_ERROR(advance(p));
    if (dot) {
        if (p->token.kind != EXPR_WORD && p->token.kind != EXPR_NAME)
            return fail(p, "a field's name");
        return name(p, EXPR_FIELD, left, out);
    }
    expr_node *both[2] = {left, NULL};
    RETURN_IF_ERROR(parse(p, 0, &both[1]));
    if (both[1]->op == EXPR_LITERAL && both[1]->type.kind == EXPR_STRING) {
        RETURN_IF_ERROR(make(p, EXPR_FIELD, both, 1, left->begin, out));
        (*out)->name = both[1]->value.s;
        (*out)->quoted = true;
    } else {
        RETURN_IF_ERROR(make(p, EXPR_ELEMENT, both, 2, left->begin, out));
    }
    return expect_symbol(p, "]", "']'");
}

static lancelet_status operator(parser *p, int precedence, expr_node *left, expr_node **out)
{
    if (precedence == ACCESS)
        return access(p, left, out);
    if (precedence == CAST) {
        RETURN_IF_ERROR(advance(p));
        return cast_to(p, left, left->begin, false, out);
    }
    if (is_word(p, "and"))
        return chain(p, EXPR_AND, "and", AND, left, out);
    if (is_word(p, "or"))
        return chain(p, EXPR_OR, "or", OR, left, out);
    if (is_word(p, "is"))
        return is(p, left, out);
    bool negated = is_word(p, "not");
    if (negated)
        RETURN_IF_ERROR(advance(p));
    if (is_word(p, "like") || is_word(p, "ilike"))
        return like(p, left, negated, out);
    if (is_word(p, "in"))
        return in(p, left, negated, out);
    if (is_word(p, "between"))
        return between(p, left, negated, out);
    for (int i = 0; i < N_OPERATORS; i++) {
        if (!is_symbol(p, operators[i].symbol))
            continue;
        char symbol = p->token.symbol[0];
        expr_node *both[2] = {left, NULL};
        RETURN_IF_ERROR(advance(p));
        RETURN_IF_ERROR(parse(p, precedence, &both[1]));
        RETURN_IF_ERROR(make(p, operators[i].op, both, 2, left->begin, out));
        (*out)->comparison = operators[i].comparison;
        (*out)->arithmetic = symbol;
        return LANCELET_OK;
    }
    return fail(p, "an operator");
}

static lancelet_status parse(parser *p, int precedence, expr_node **out)
{
    if (++p->depth > EXPR_DEPTH_LIMIT)
        return base_fail(p->m->err, LANCELET_LIMIT, "position %zu: more than %d operations within each other",
                         expr_position(p->m, p->token.begin), EXPR_DEPTH_LIMIT);
    expr_node *left;
    RETURN_IF_ERROR(operand(p, &left));
    for (;;) {
        int next;
        left->end = p->last;
        RETURN_IF_ERROR(next_precedence(p, &next));
        if (next <= precedence)
            break;
        RETURN_IF_ERROR(operator(p, next, left, &left));
    }
    p->depth--;
    *out = left;
    return LANCELET_OK;
}

lancelet_status expr_parse(expr_maker *m, expr_node **out)
{
    parser p = {.m = m};
    RETURN_IF_ERROR(advance(&p));
    RETURN_IF_ERROR(parse(&p, 0, out));
    return p.token.kind == EXPR_END ? LANCELET_OK : fail(&p, "AND, OR or the end");
}
