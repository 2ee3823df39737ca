/* bind.c - a tree gets its columns, types and casts, and what is made of literals alone is computed. A literal beside a column of
 * floats becomes one of its type where LanceDB does so: in comparisons, BETWEEN and IN that AND and OR alone lead to (with f of
 * float32 `f = 0.1` finds the float32 nearest to 0.1, `not (f = 0.1)` compares as double). */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lance/expr/tree.h"

static bool is_literal(const expr_node *n)
{
    return n->op == EXPR_LITERAL;
}
static bool is_moment(expr_type t)
{
    return t.kind == EXPR_DATE || t.kind == EXPR_DATE64 || t.kind == EXPR_TIMESTAMP;
}
static bool is_null(const expr_node *n)
{
    return n->op == EXPR_LITERAL && n->null;
}

/* ---- sentences ---- */

static lancelet_status cannot(expr_maker *m, const expr_node *a, const expr_node *b, const char *what)
{
    char words_a[80], words_b[80], name_a[64], name_b[64];
    const char *type_a = expr_type_name(a->type, name_a), *type_b = expr_type_name(b->type, name_b);
    if (!is_literal(b)) {
        const expr_node *t = a;
        a = b, b = t;
        const char *s = type_a;
        type_a = type_b, type_b = s;
    }
    expr_words(m, a, words_a);
    expr_words(m, b, words_b);
    size_t position = expr_position(m, b->begin);
    if (is_literal(b))
        return base_fail(m->err, LANCELET_INVALID, "%s at position %zu cannot be %s %s (%s)", words_b, position, what,
                         words_a, type_a);
    return base_fail(m->err, LANCELET_INVALID, "%s (%s) at position %zu cannot be %s %s (%s)", words_b, type_b, position,
                     what, words_a, type_a);
}

static lancelet_status wrong_type(expr_maker *m, const expr_node *node, const char *wanted)
{
    char words[80], type[64];
    return base_fail(m->err, LANCELET_INVALID, "%s at position %zu is of type %s where %s is wanted",
                     expr_words(m, node, words), expr_position(m, node->begin), expr_type_name(node->type, type), wanted);
}

/* ---- folding and casting ---- */

static void make_null(expr_node *node, expr_type t)
{
    node->op = EXPR_LITERAL;
    node->type = t;
    node->null = true;
    node->n = 0;
}

static lancelet_status keep_value(expr_maker *m, const expr_vector *v, expr_node *node)
{
    expr_type t = node->type;
    node->op = EXPR_LITERAL;
    node->n = 0;
    node->null = t.kind == EXPR_BOOL ? v->truth[0] == EXPR_UNKNOWN : t.kind == EXPR_NULL || !expr_valid(v, 0);
    if (node->null)
        return LANCELET_OK;
    switch (t.kind) {
    case EXPR_BOOL:
        node->value.i = v->truth[0];
        return LANCELET_OK;
    case EXPR_FLOAT:
        node->value.d = v->d[0];
        return LANCELET_OK;
    case EXPR_DECIMAL:
        node->value.w = v->w[0];
        return LANCELET_OK;
    case EXPR_INTERVAL:
        node->value.interval = v->interval[0];
        return LANCELET_OK;
    case EXPR_STRING:
    case EXPR_BINARY:
        node->value.s = (expr_view){base_arena_strndup(m->arena, v->s[0].p, v->s[0].n), v->s[0].n};
        return node->value.s.p ? LANCELET_OK : base_fail_memory(m->err);
    default:
        node->value.i = v->i[0];
        return LANCELET_OK;
    }
}

lancelet_status expr_fold_node(expr_maker *m, expr_node **node)
{
    expr_node *n = *node;
    if (n->op == EXPR_LITERAL || n->op == EXPR_COLUMN || n->op == EXPR_ARRAY || n->type.kind == EXPR_LIST ||
        n->type.kind == EXPR_STRUCT || n->n == 0)
        return LANCELET_OK;
    for (size_t i = 0; i < n->n; i++)
        if (!is_literal(n->child[i]))
            return LANCELET_OK;
    expr_context c = {.e = m->e, .n = 1, .err = m->err};
    expr_vector v;
    lancelet_status status = expr_eval(&c, n, &v);
    if (status == LANCELET_OK)
        status = keep_value(m, &v, n);
    else if (status == LANCELET_INVALID && n->op != EXPR_CAST)
        status = LANCELET_OK; /* a division by zero fails where a row comes to it */
    else if (status != LANCELET_MEMORY)
        base_error_prefix(m->err, "position %zu", expr_position(m, n->begin));
    expr_context_free(&c);
    return status;
}

static lancelet_status cast_node(expr_maker *m, expr_node **node, expr_type t, bool saturate)
{
    expr_node *n = *node;
    if (is_null(n)) {
        n->type = t;
        return LANCELET_OK;
    }
    if (expr_same_type(n->type, t))
        return LANCELET_OK;
    if (n->op == EXPR_ARRAY || !expr_can_cast(n->type, t)) {
        char words[80], from[64], to[64];
        return base_fail(m->err, LANCELET_INVALID, "%s (%s) at position %zu cannot become %s", expr_words(m, n, words),
                         expr_type_name(n->type, from), expr_position(m, n->begin), expr_type_name(t, to));
    }
    expr_node *cast = expr_node_make(m, EXPR_CAST, 1);
    if (!cast)
        return m->failed;
    cast->child[0] = n;
    cast->type = t;
    cast->saturate = saturate && is_moment(n->type) && t.kind == EXPR_TIMESTAMP;
    cast->begin = n->begin;
    cast->end = n->end;
    *node = cast;
    return expr_fold_node(m, node);
}

lancelet_status expr_cast_node(expr_maker *m, expr_node **node, expr_type t)
{
    return cast_node(m, node, t, false);
}
/* To be compared: the year 9999 is later than all of a timestamp's nanoseconds. */
static lancelet_status cast_to_compare(expr_maker *m, expr_node **node, expr_type t)
{
    return cast_node(m, node, t, true);
}

static lancelet_status want_bool(expr_maker *m, expr_node **node)
{
    if ((*node)->type.kind == EXPR_NULL)
        return expr_cast_node(m, node, EXPR_BOOLEAN);
    return (*node)->type.kind == EXPR_BOOL ? LANCELET_OK : wrong_type(m, *node, "true or false");
}

/* ---- columns ---- */

static bool same_letters(const char *name, expr_view v, bool exact)
{
    if (!name || strlen(name) != v.n)
        return false;
    for (size_t i = 0; i < v.n; i++) {
        char a = name[i], b = v.p[i];
        if (!exact && a >= 'A' && a <= 'Z')
            a = (char)(a | 0x20);
        if (!exact && b >= 'A' && b <= 'Z')
            b = (char)(b | 0x20);
        if (a != b)
            return false;
    }
    return true;
}

/* The child by its name as written, else in other letter case unless it is quoted. */
static int64_t find_child(const struct ArrowSchema *s, expr_view name, bool quoted)
{
    for (int exact = 1; exact >= (int)quoted; exact--)
        for (int64_t i = 0; i < s->n_children; i++)
            if (same_letters(s->children[i]->name, name, exact))
                return i;
    return -1;
}

/* "a, b, c ...": the names of a struct's children, as many as fit into 200 bytes */
static const char *child_names(const struct ArrowSchema *s, char out[256])
{
    size_t n = 0;
    out[0] = '\0';
    for (int64_t i = 0; i < s->n_children && n < 200; i++) {
        const char *name = s->children[i]->name ? s->children[i]->name : "";
        if (n + strlen(name) > 200) {
            snprintf(out + n, 256 - n, "%s...", i ? ", " : "");
            return out;
        }
        n += (size_t)snprintf(out + n, 256 - n, "%s%s", i ? ", " : "", name);
    }
    return out;
}

static lancelet_status known_type(expr_maker *m, expr_node *node, const struct ArrowSchema *s)
{
    char words[80];
    if (expr_type_of(s, &node->type))
        return LANCELET_OK;
    if (node->presence && s->format[0] != '+') { /* no union: those have no validity of their own */
        node->type = (expr_type){.kind = EXPR_STRUCT, .schema = s};
        return LANCELET_OK;
    }
    return base_fail(m->err, LANCELET_UNSUPPORTED, "%s at position %zu is of the type %s%s, which conditions do not know",
                     expr_words(m, node, words), expr_position(m, node->begin), s->dictionary ? "dictionary of " : "",
                     s->dictionary ? s->dictionary->format : s->format);
}

static lancelet_status column(expr_maker *m, expr_node *node)
{
    int64_t i = find_child(m->e->schema, node->name, node->quoted);
    char names[256];
    if (i < 0)
        return base_fail(m->err, LANCELET_INVALID, "no column '%.*s' at position %zu; columns: %s",
                         expr_cut(node->name, 60), node->name.p, expr_position(m, node->begin),
                         child_names(m->e->schema, names));
    node->column = (size_t)i;
    m->e->slot[i] = 0;
    return known_type(m, node, m->e->schema->children[i]);
}

static lancelet_status field(expr_maker *m, expr_node *node)
{
    expr_node *of = node->child[0];
    char words[80], names[256];
    if (of->type.kind != EXPR_STRUCT)
        return wrong_type(m, of, "a struct with fields");
    int64_t i = find_child(of->type.schema, node->name, node->quoted);
    if (i < 0)
        return base_fail(m->err, LANCELET_INVALID, "%s at position %zu has no field '%.*s'; fields: %s",
                         expr_words(m, of, words), expr_position(m, of->begin),
                         expr_cut(node->name, 60), node->name.p, child_names(of->type.schema, names));
    node->field = (size_t)i;
    return known_type(m, node, of->type.schema->children[i]);
}

static lancelet_status element(expr_maker *m, expr_node *node)
{
    if (node->child[0]->type.kind != EXPR_LIST || !node->child[0]->type.schema)
        return wrong_type(m, node->child[0], "a list");
    expr_kind kind = node->child[1]->type.kind;
    if (kind != EXPR_INT && kind != EXPR_UINT)
        return wrong_type(m, node->child[1], "a whole number");
    RETURN_IF_ERROR(expr_cast_node(m, &node->child[1], EXPR_INT64));
    return known_type(m, node, node->child[0]->type.schema->children[0]);
}

/* ---- comparisons ---- */

static bool names_column(const expr_node *n)
{
    return n->op == EXPR_COLUMN || n->op == EXPR_FIELD;
}

/* Literals beside a column of numbers become of its type, if they fit: those beside floats at once, within sums all. */
static lancelet_status adapt_literals(expr_maker *m, expr_node **node, expr_type t, bool within)
{
    expr_node *n = *node;
    if (n->op == EXPR_ARITHMETIC)
        for (size_t i = 0; i < n->n; i++)
            RETURN_IF_ERROR(adapt_literals(m, &n->child[i], t, true));
    bool whole = n->type.kind == EXPR_INT || n->type.kind == EXPR_UINT;
    if (!is_literal(n) || is_null(n) || !(t.kind == EXPR_FLOAT ? whole || n->type.kind == EXPR_FLOAT : whole && within))
        return LANCELET_OK;
    lancelet_status status = expr_cast_node(m, node, t);
    if (status == LANCELET_INVALID)
        *node = n;
    return status == LANCELET_INVALID ? LANCELET_OK : status;
}

/* Beside a literal of a coarser unit a timestamp is not cut to it (DataFusion turns `cast(a) = b` into `a = cast(b)`). */
static bool keeps_unit(const expr_node *a, const expr_node *b, expr_type t)
{
    bool utc = !t.zone || strcmp(t.zone, "+00:00") == 0 || strcmp(t.zone, "UTC") == 0;
    return t.kind == EXPR_TIMESTAMP && a->type.kind == EXPR_TIMESTAMP && !is_literal(a) && is_literal(b) &&
           a->type.unit > t.unit && (a->type.zone || utc);
}

/* Children i and k of a node become of the type t. */
static lancelet_status both_to(expr_maker *m, expr_node *node, size_t i, size_t k, expr_type t)
{
    const expr_node *a = node->child[i], *b = node->child[k];
    expr_type type_a = a->type, type_b = b->type;
    bool keep_a = keeps_unit(a, b, t), keep_b = keeps_unit(b, a, t);
    lancelet_status status = cast_to_compare(m, &node->child[i], keep_a ? type_a : t);
    if (status == LANCELET_OK)
        status = cast_to_compare(m, &node->child[k], keep_b ? type_b : t);
    if (status == LANCELET_OK && keep_a)
        status = cast_to_compare(m, &node->child[k], type_a);
    if (status == LANCELET_OK && keep_b)
        status = cast_to_compare(m, &node->child[i], type_b);
    if (status == LANCELET_INVALID && (is_literal(a) || is_literal(b)))
        return cannot(m, a, b, "compared with");
    return status;
}

/* Text that is no literal is not taken for numbers on account of a literal number. */
static bool comparable(const expr_node *a, const expr_node *b, expr_type *t)
{
    if (!expr_compare_type(a->type, b->type, t))
        return false;
    if (a->type.kind == EXPR_STRING && !is_literal(a) && is_literal(b) && expr_is_number(b->type))
        return false;
    return !(b->type.kind == EXPR_STRING && !is_literal(b) && is_literal(a) && expr_is_number(a->type));
}

static lancelet_status compare_node(expr_maker *m, expr_node *node)
{
    static const expr_comparison mirrored[] = {EXPR_EQ, EXPR_NE, EXPR_GT, EXPR_GE, EXPR_LT, EXPR_LE};
    expr_type t;
    node->type = EXPR_BOOLEAN;
    if (!comparable(node->child[0], node->child[1], &t) || t.kind == EXPR_INTERVAL) {
        expr_kind kind = node->child[0]->type.kind;
        if (kind == node->child[1]->type.kind && (kind == EXPR_LIST || kind == EXPR_STRUCT || kind == EXPR_INTERVAL))
            return base_fail(m->err, LANCELET_UNSUPPORTED, "position %zu: %s are not compared here",
                             expr_position(m, node->begin),
                             kind == EXPR_LIST ? "lists" : kind == EXPR_STRUCT ? "structs" : "intervals");
        return cannot(m, node->child[0], node->child[1], "compared with");
    }
    if (is_null(node->child[0]) || is_null(node->child[1])) {
        make_null(node, EXPR_BOOLEAN);
        return LANCELET_OK;
    }
    RETURN_IF_ERROR(both_to(m, node, 0, 1, t));
    if (is_literal(node->child[0]) && !is_literal(node->child[1])) {
        expr_node *literal = node->child[0];
        node->child[0] = node->child[1];
        node->child[1] = literal;
        node->comparison = mirrored[node->comparison];
    }
    return expr_fold_node(m, &node);
}

static lancelet_status make_compare(expr_maker *m, const expr_node *at, expr_comparison op, expr_node *a, expr_node *b,
                                    expr_node **out)
{
    expr_node *node = expr_node_make(m, EXPR_COMPARE, 2);
    if (!node)
        return m->failed;
    node->begin = at->begin;
    node->end = at->end;
    node->comparison = op;
    node->child[0] = a;
    node->child[1] = b;
    *out = node;
    return compare_node(m, node);
}

/* What is compared several times is computed once: nested, BETWEEN and IN would double the work at each level. */
static lancelet_status make_shared(expr_maker *m, expr_node **a)
{
    if (is_literal(*a) || (*a)->op == EXPR_COLUMN)
        return LANCELET_OK;
    expr_node *shared = expr_node_make(m, EXPR_SHARED, 1);
    if (!shared)
        return m->failed;
    shared->type = (*a)->type;
    shared->begin = (*a)->begin;
    shared->end = (*a)->end;
    shared->child[0] = *a;
    *a = shared;
    return LANCELET_OK;
}

/* node, which compares a shared `of` with its parts, becomes SHARE; it has had two children or more. */
static lancelet_status share(expr_maker *m, expr_node *node, expr_node *of)
{
    expr_node *body = expr_node_make(m, node->op, node->n);
    if (!body)
        return m->failed;
    expr_node **child = body->child;
    *body = *node;
    body->child = child;
    memcpy(child, node->child, node->n * sizeof *child);
    node->op = EXPR_SHARE;
    node->n = 2;
    node->child[0] = of;
    node->child[1] = body;
    return LANCELET_OK;
}

/* Between two literals a value is looked at once. */
static void join_bounds(expr_node *node)
{
    expr_node *low = node->child[0], *high = node->child[1];
    if (low->op != EXPR_COMPARE || high->op != EXPR_COMPARE || low->child[0]->type.kind == EXPR_BOOL ||
        !expr_same_type(low->child[0]->type, high->child[0]->type))
        return;
    node->op = EXPR_BETWEEN;
    node->n = 3;
    node->child[0] = low->child[0];
    node->child[1] = low->child[1];
    node->child[2] = high->child[1];
}

/* a BETWEEN b AND c is a >= b AND a <= c. */
static lancelet_status between(expr_maker *m, expr_node *node)
{
    expr_node *of = node->child[0], *a = of, *low = node->child[1], *high = node->child[2];
    expr_type t;
    RETURN_IF_ERROR(make_shared(m, &a));
    if (!comparable(low, high, &t))
        return cannot(m, low, high, "compared with");
    if (t.kind == EXPR_TIMESTAMP) /* the coarsest of the three */
        (void)expr_compare_type(t, a->type, &t);
    for (size_t i = 1; i < 3 && t.kind != EXPR_NULL; i++)
        RETURN_IF_ERROR(cast_to_compare(m, &node->child[i], t));
    low = node->child[1], high = node->child[2];
    node->op = node->negated ? EXPR_OR : EXPR_AND;
    node->n = 2;
    node->type = EXPR_BOOLEAN;
    RETURN_IF_ERROR(make_compare(m, node, node->negated ? EXPR_LT : EXPR_GE, a, low, &node->child[0]));
    RETURN_IF_ERROR(make_compare(m, node, node->negated ? EXPR_GT : EXPR_LE, a, high, &node->child[1]));
    if (!is_literal(a) && is_literal(low) && is_literal(high))
        join_bounds(node);
    return a == of ? LANCELET_OK : share(m, node, of);
}

lancelet_status expr_in_node(expr_maker *m, expr_node *node)
{
    expr_type t = node->child[0]->type;
    bool literals = true;
    node->type = EXPR_BOOLEAN;
    for (size_t i = 1; i < node->n; i++) {
        expr_type wider;
        if (!comparable(node->child[0], node->child[i], &wider) || !expr_compare_type(t, node->child[i]->type, &wider))
            return cannot(m, node->child[0], node->child[i], "compared with");
        t = wider;
        literals &= is_literal(node->child[i]);
    }
    if (is_null(node->child[0])) {
        make_null(node, EXPR_BOOLEAN);
        return LANCELET_OK;
    }
    if (t.kind == EXPR_INTERVAL)
        return cannot(m, node->child[0], node->child[1], "compared with");
    if (!literals) { /* a = b OR a = c ... */
        expr_comparison op = node->negated ? EXPR_NE : EXPR_EQ;
        expr_node *of = node->child[0], *a = of;
        RETURN_IF_ERROR(make_shared(m, &a));
        bool is_shared = a != of;
        RETURN_IF_ERROR(cast_to_compare(m, &a, t));
        for (size_t i = 1; i < node->n; i++) {
            RETURN_IF_ERROR(cast_to_compare(m, &node->child[i], t));
            RETURN_IF_ERROR(make_compare(m, node->child[i], op, a, node->child[i], &node->child[i - 1]));
        }
        node->n--; /* there is one at least */
        node->op = node->negated ? EXPR_AND : EXPR_OR;
        return is_shared ? share(m, node, of) : expr_fold_node(m, &node);
    }
    expr_type of = node->child[0]->type;
    bool keep = of.kind == EXPR_TIMESTAMP && keeps_unit(node->child[0], node->child[1], t);
    for (size_t i = 1; i < node->n; i++)
        RETURN_IF_ERROR(both_to(m, node, 0, i, t));
    if (keep)
        t = of;
    node->op = EXPR_IN_SET;
    node->set = expr_set_make(m->arena, t, node->child + 1, node->n - 1);
    if (!node->set)
        return base_fail_memory(m->err);
    node->n = 1;
    return expr_fold_node(m, &node);
}

static lancelet_status like(expr_maker *m, expr_node *node)
{
    node->type = EXPR_BOOLEAN;
    for (size_t i = 0; i < 2; i++) {
        expr_kind kind = node->child[i]->type.kind;
        if (kind != EXPR_STRING && kind != EXPR_NULL && kind != EXPR_BINARY)
            return wrong_type(m, node->child[i], "text");
        RETURN_IF_ERROR(expr_cast_node(m, &node->child[i], EXPR_TEXT));
    }
    if (is_null(node->child[0]) || is_null(node->child[1])) {
        make_null(node, EXPR_BOOLEAN);
        return LANCELET_OK;
    }
    if (!is_literal(node->child[1]))
        return LANCELET_OK;
    expr_view p = node->child[1]->value.s;
    node->pattern = expr_pattern_make(m->arena, p.p, p.n, node->escape, node->insensitive);
    if (!node->pattern)
        return base_fail_memory(m->err);
    return expr_fold_node(m, &node);
}

/* ---- arithmetic ---- */

static lancelet_status arithmetic(expr_maker *m, expr_node *node)
{
    expr_node *a = node->child[0], *b = node->child[1];
    expr_type left, right;
    if (!expr_arithmetic_type(a->type, b->type, node->arithmetic, &left, &right, &node->type)) {
        char words_a[80], words_b[80], type_a[64], type_b[64];
        return base_fail(m->err, LANCELET_INVALID, "%s (%s) %c %s (%s) at position %zu cannot be computed",
                         expr_words(m, a, words_a), expr_type_name(a->type, type_a), node->arithmetic,
                         expr_words(m, b, words_b), expr_type_name(b->type, type_b), expr_position(m, node->begin));
    }
    if (is_null(a) || is_null(b)) {
        make_null(node, node->type);
        return LANCELET_OK;
    }
    RETURN_IF_ERROR(expr_cast_node(m, &node->child[0], left));
    RETURN_IF_ERROR(expr_cast_node(m, &node->child[1], right));
    return expr_fold_node(m, &node);
}

static lancelet_status negate(expr_maker *m, expr_node *node)
{
    expr_type t = node->child[0]->type;
    if (t.kind != EXPR_INT && t.kind != EXPR_FLOAT && t.kind != EXPR_DECIMAL && t.kind != EXPR_DURATION &&
        t.kind != EXPR_INTERVAL && t.kind != EXPR_NULL)
        return wrong_type(m, node->child[0], "a number with a sign");
    node->type = t;
    if (t.kind == EXPR_NULL)
        make_null(node, t);
    return expr_fold_node(m, &node);
}

static lancelet_status concat(expr_maker *m, expr_node *node)
{
    bool text = false, bytes = true;
    for (size_t i = 0; i < 2; i++) {
        text |= node->child[i]->type.kind == EXPR_STRING;
        bytes &= node->child[i]->type.kind == EXPR_BINARY;
    }
    node->type = bytes ? (expr_type){.kind = EXPR_BINARY} : EXPR_TEXT;
    if (!text && !bytes)
        return cannot(m, node->child[0], node->child[1], "put behind");
    if (is_null(node->child[0]) || is_null(node->child[1])) {
        make_null(node, node->type);
        return LANCELET_OK;
    }
    for (size_t i = 0; i < 2; i++)
        RETURN_IF_ERROR(expr_cast_node(m, &node->child[i], node->type));
    return expr_fold_node(m, &node);
}

/* ---- the tree ---- */

static lancelet_status array(expr_maker *m, expr_node *node)
{
    expr_type t = {.kind = EXPR_NULL};
    for (size_t i = 0; i < node->n; i++) {
        if (!is_literal(node->child[i]))
            return base_fail(m->err, LANCELET_UNSUPPORTED, "position %zu: lists are of literals here",
                             expr_position(m, node->child[i]->begin));
        if (!expr_compare_type(t, node->child[i]->type, &t))
            return cannot(m, node->child[0], node->child[i], "in a list with");
    }
    for (size_t i = 0; i < node->n; i++)
        RETURN_IF_ERROR(expr_cast_node(m, &node->child[i], t));
    node->type = (expr_type){.kind = EXPR_LIST};
    return LANCELET_OK;
}

static bool number_column(const expr_node *n)
{
    return names_column(n) && expr_is_number(n->type);
}

static lancelet_status bind(expr_maker *m, expr_node **node, bool direct);

/* The literals beside a column of numbers are made to fit it before sums of them are computed. */
static lancelet_status bind_beside(expr_maker *m, expr_node *node, bool direct)
{
    size_t first = node->op == EXPR_IN && node->child[0]->op != EXPR_COLUMN ? node->n : 0;
    RETURN_IF_ERROR(bind(m, &node->child[0], false));
    if (direct && first == 0 && number_column(node->child[0])) {
        for (size_t i = 1; i < node->n; i++)
            RETURN_IF_ERROR(adapt_literals(m, &node->child[i], node->child[0]->type, false));
    }
    for (size_t i = 1; i < node->n; i++)
        RETURN_IF_ERROR(bind(m, &node->child[i], false));
    if (direct && (node->op == EXPR_COMPARE || node->op == EXPR_ARITHMETIC) && number_column(node->child[1]) &&
        is_literal(node->child[0]))
        RETURN_IF_ERROR(adapt_literals(m, &node->child[0], node->child[1]->type, false));
    return LANCELET_OK;
}

static lancelet_status bind(expr_maker *m, expr_node **slot, bool direct)
{
    expr_node *node = *slot;
    if (node->op == EXPR_IS_NULL)
        node->child[0]->presence = true;
    bool on = direct && (node->op == EXPR_AND || node->op == EXPR_OR);
    if (node->op == EXPR_COMPARE || node->op == EXPR_BETWEEN || node->op == EXPR_IN || node->op == EXPR_ARITHMETIC) {
        RETURN_IF_ERROR(bind_beside(m, node, direct));
    } else {
        for (size_t i = 0; i < node->n; i++)
            RETURN_IF_ERROR(bind(m, &node->child[i], on));
    }
    switch (node->op) {
    case EXPR_COLUMN:
        return column(m, node);
    case EXPR_FIELD:
        return field(m, node);
    case EXPR_ELEMENT:
        return element(m, node);
    case EXPR_ARRAY:
        return array(m, node);
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT:
        node->type = EXPR_BOOLEAN;
        for (size_t i = 0; i < node->n; i++)
            RETURN_IF_ERROR(want_bool(m, &node->child[i]));
        return expr_fold_node(m, slot);
    case EXPR_IS_TRUE:
    case EXPR_IS_FALSE:
        node->type = EXPR_BOOLEAN;
        RETURN_IF_ERROR(want_bool(m, &node->child[0]));
        return expr_fold_node(m, slot);
    case EXPR_IS_NULL:
        node->type = EXPR_BOOLEAN;
        return expr_fold_node(m, slot);
    case EXPR_COMPARE:
        return compare_node(m, node);
    case EXPR_BETWEEN:
        return between(m, node);
    case EXPR_IN:
        return expr_in_node(m, node);
    case EXPR_LIKE:
        return like(m, node);
    case EXPR_ARITHMETIC:
        return arithmetic(m, node);
    case EXPR_NEGATE:
        return negate(m, node);
    case EXPR_CONCAT:
        return concat(m, node);
    case EXPR_CAST: {
        char words[80], from[64], to[64];
        expr_type t = node->type;
        if (is_null(node->child[0])) {
            make_null(node, t);
            return LANCELET_OK;
        }
        if (!expr_can_cast(node->child[0]->type, t))
            return base_fail(m->err, LANCELET_INVALID, "%s (%s) at position %zu cannot be cast to %s",
                             expr_words(m, node->child[0], words), expr_type_name(node->child[0]->type, from),
                             expr_position(m, node->child[0]->begin), expr_type_name(t, to));
        return expr_fold_node(m, slot);
    }
    case EXPR_CALL:
        node->function = expr_function_find(node->name);
        if (!node->function)
            return base_fail(m->err, LANCELET_UNSUPPORTED, "the function %.*s() at position %zu is not known here",
                             expr_cut(node->name, 60), node->name.p, expr_position(m, node->begin));
        RETURN_IF_ERROR(expr_function_bind(m, node));
        return expr_fold_node(m, slot);
    case EXPR_LITERAL:
    case EXPR_IN_SET:
    case EXPR_SHARE:
    case EXPR_SHARED:
        break;
    }
    return LANCELET_OK;
}

/* The value of an assignment goes into its column. */
static lancelet_status fit_result(expr_maker *m, expr_node **root)
{
    const struct ArrowSchema *result = m->e->result;
    expr_node *node = *root;
    expr_type t;
    char words[80], from[64];
    bool known = expr_type_of(result, &t);
    if (is_null(node)) {
        node->type = known ? t : (expr_type){.kind = EXPR_NULL};
        return LANCELET_OK;
    }
    if (!known)
        return base_fail(m->err, LANCELET_UNSUPPORTED, "the column %s of the type %s%s cannot be assigned to",
                         result->name ? result->name : "", result->dictionary ? "dictionary of " : "", result->format);
    if (t.kind != EXPR_LIST && t.kind != EXPR_STRUCT)
        return expr_cast_node(m, root, t);
    if (node->op == EXPR_ARRAY && t.kind == EXPR_LIST) {
        expr_type item;
        if (!expr_type_of(result->children[0], &item) || item.kind == EXPR_LIST || item.kind == EXPR_STRUCT)
            return base_fail(m->err, LANCELET_UNSUPPORTED, "position %zu: lists of lists or structs cannot be assigned",
                             expr_position(m, node->begin));
        int64_t size = arrow_list_size(result);
        if (size >= 0 && (size_t)size != node->n)
            return base_fail(m->err, LANCELET_INVALID, "the list at position %zu has %zu values where %s has %lld",
                             expr_position(m, node->begin), node->n, result->name ? result->name : "the column",
                             (long long)size);
        for (size_t i = 0; i < node->n; i++)
            RETURN_IF_ERROR(expr_cast_node(m, &node->child[i], item));
        return LANCELET_OK;
    }
    if (node->type.kind == t.kind && node->type.schema && strcmp(node->type.schema->format, result->format) == 0)
        return LANCELET_OK;
    return base_fail(m->err, LANCELET_INVALID, "%s (%s) at position %zu does not go into %s", expr_words(m, node, words),
                     expr_type_name(node->type, from), expr_position(m, node->begin),
                     result->name ? result->name : "the column");
}

lancelet_status expr_bind(expr_maker *m, expr_node **root)
{
    RETURN_IF_ERROR(bind(m, root, true));
    if (m->e->result)
        return fit_result(m, root);
    return (*root)->type.kind == EXPR_BOOL ? LANCELET_OK : wrong_type(m, *root, "true or false");
}
