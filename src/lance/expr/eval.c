/* eval.c - a tree evaluated a block of rows at a time: each operator loops over its operands' whole vectors, which stay in the
 * first cache. A value that cannot be computed fails the call only in rows whose truth hangs on it: where an AND is false
 * already, or an OR true, what comes behind it is computed but not asked (`x <> 0 and 10 / x > 1`). */
#include <string.h>

#include "lance/expr/tree.h"

/* ---- scratch ---- */

enum { REGISTER = EXPR_BLOCK * 16, VALID = EXPR_BLOCK };

lancelet_status expr_take(expr_context *c, bool nulls, expr_vector *out)
{
    if (c->used == EXPR_REGISTER_LIMIT)
        return base_fail(c->err, LANCELET_LIMIT, "a condition that needs more than %d values of a row at a time",
                         EXPR_REGISTER_LIMIT);
    if (c->used == c->n_registers) {
        if (c->n_registers == c->capacity) {
            size_t more = c->capacity ? c->capacity * 2 : 16;
            uint8_t **wider = base_realloc(c->registers, more * sizeof *wider);
            if (!wider)
                return base_fail_memory(c->err);
            c->registers = wider;
            c->capacity = more;
        }
        uint8_t *fresh = base_alloc_aligned(REGISTER + VALID);
        if (!fresh)
            return base_fail_memory(c->err);
        c->registers[c->n_registers++] = fresh;
    }
    uint8_t *r = c->registers[c->used++];
    out->any = r;
    out->valid = nulls ? r + REGISTER : NULL;
    return LANCELET_OK;
}

void expr_context_free(expr_context *c)
{
    for (size_t i = 0; i < c->n_registers; i++)
        base_free(c->registers[i]);
    base_free(c->registers);
    base_arena_free(&c->text);
    c->registers = NULL;
    c->n_registers = c->capacity = c->used = 0;
}

void expr_both_valid(const expr_vector *a, const expr_vector *b, size_t n, expr_vector *out)
{
    if (!out->valid)
        return;
    if (a->valid && b->valid)
        for (size_t i = 0; i < n; i++)
            out->valid[i] = a->valid[i] & b->valid[i];
    else
        memcpy(out->valid, a->valid ? a->valid : b->valid, n);
}

/* ---- leaves ---- */

static lancelet_status literal(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_kind kind = node->type.kind;
    RETURN_IF_ERROR(expr_take(c, node->null && kind != EXPR_BOOL, out));
    if (kind == EXPR_BOOL) {
        memset(out->truth, node->null ? EXPR_UNKNOWN : (int)node->value.i, c->n);
        return LANCELET_OK;
    }
    if (node->null) {
        memset(out->any, 0, c->n * 16);
        memset(out->valid, 0, c->n);
        return LANCELET_OK;
    }
    if (kind == EXPR_STRING || kind == EXPR_BINARY || kind == EXPR_DECIMAL || kind == EXPR_INTERVAL)
        for (size_t i = 0; i < c->n; i++)
            memcpy((char *)out->any + i * 16, &node->value, 16);
    else
        for (size_t i = 0; i < c->n; i++)
            out->i[i] = node->value.i; /* doubles too: their bits */
    return LANCELET_OK;
}

static lancelet_status field(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_vector of, rows;
    const struct ArrowSchema *schema = node->child[0]->type.schema;
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &of));
    RETURN_IF_ERROR(expr_take(c, false, &rows));
    const struct ArrowArray *array = c->n ? of.item[0].array : NULL;
    for (size_t i = 0; i < c->n; i++)
        rows.i[i] = expr_valid(&of, i) ? of.item[i].row + array->offset : -1;
    static const struct ArrowArray none = {0};
    return expr_gather(c, schema->children[node->field], node->type, array ? array->children[node->field] : &none,
                       rows.i, out);
}

void expr_list_range(const struct ArrowSchema *schema, expr_item item, int64_t *begin, int64_t *end)
{
    int64_t row = item.array->offset + item.row, size = arrow_list_size(schema);
    if (size >= 0) {
        *begin = row * size;
        *end = *begin + size;
    } else if (schema->format[1] == 'L') {
        int64_t range[2];
        memcpy(range, (const char *)item.array->buffers[1] + row * 8, 16);
        *begin = range[0];
        *end = range[1];
    } else {
        int32_t range[2];
        memcpy(range, (const char *)item.array->buffers[1] + row * 4, 8);
        *begin = range[0];
        *end = range[1];
    }
}

/* list[1] is the first item, list[-1] the last; null outside. */
static lancelet_status element(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_vector of, index, rows;
    const struct ArrowSchema *schema = node->child[0]->type.schema;
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &of));
    RETURN_IF_ERROR(expr_eval(c, node->child[1], &index));
    RETURN_IF_ERROR(expr_take(c, false, &rows));
    for (size_t i = 0; i < c->n; i++) {
        int64_t begin, end, at = index.i[i];
        rows.i[i] = -1;
        if (!expr_valid(&of, i) || !expr_valid(&index, i) || at == 0)
            continue;
        expr_list_range(schema, of.item[i], &begin, &end);
        if (at > 0 && at <= end - begin)
            rows.i[i] = begin + at - 1;
        else if (at < 0 && at >= begin - end)
            rows.i[i] = end + at;
    }
    static const struct ArrowArray none = {0};
    const struct ArrowArray *array = c->n ? of.item[0].array : NULL; /* none: of lists that there are none of */
    return expr_gather(c, schema->children[0], node->type, array ? array->children[0] : &none, rows.i, out);
}

/* ---- logic ---- */

static lancelet_status logic(expr_context *c, const expr_node *node, expr_vector *out)
{
    bool is_and = node->op == EXPR_AND;
    uint8_t decided = is_and ? EXPR_FALSE : EXPR_TRUE;
    const uint8_t *active = c->active;
    expr_vector mask = {0}, v;
    RETURN_IF_ERROR(expr_take(c, false, out));
    RETURN_IF_ERROR(expr_take(c, false, &mask));
    size_t mark = c->used;
    lancelet_status status = LANCELET_OK;
    for (size_t k = 0; k < node->n && status == LANCELET_OK; k++) {
        c->used = mark;
        status = expr_eval(c, node->child[k], &v);
        if (status != LANCELET_OK)
            break;
        if (k == 0)
            memcpy(out->truth, v.truth, c->n);
        else if (is_and) /* whole vectors, beyond n too: compilers make vector code of loops whose length they know */
            for (size_t i = 0; i < EXPR_BLOCK; i++)
                out->truth[i] = out->truth[i] < v.truth[i] ? out->truth[i] : v.truth[i];
        else
            for (size_t i = 0; i < EXPR_BLOCK; i++)
                out->truth[i] = out->truth[i] > v.truth[i] ? out->truth[i] : v.truth[i];
        if (k + 1 == node->n)
            break;
        for (size_t i = 0; i < EXPR_BLOCK; i++)
            mask.truth[i] = out->truth[i] != decided;
        for (size_t i = 0; active && i < c->n; i++)
            mask.truth[i] &= active[i];
        c->active = mask.truth;
    }
    c->active = active;
    return status;
}

static lancelet_status is_null(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_vector v;
    RETURN_IF_ERROR(expr_take(c, false, out));
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &v));
    uint8_t yes = node->negated ? EXPR_FALSE : EXPR_TRUE, no = node->negated ? EXPR_TRUE : EXPR_FALSE;
    if (node->child[0]->type.kind == EXPR_BOOL)
        for (size_t i = 0; i < c->n; i++)
            out->truth[i] = v.truth[i] == EXPR_UNKNOWN ? yes : no;
    else
        for (size_t i = 0; i < c->n; i++)
            out->truth[i] = expr_valid(&v, i) ? no : yes;
    return LANCELET_OK;
}

static lancelet_status is_truth(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_vector v;
    uint8_t wanted = node->op == EXPR_IS_TRUE ? EXPR_TRUE : EXPR_FALSE;
    RETURN_IF_ERROR(expr_take(c, false, out));
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &v));
    for (size_t i = 0; i < c->n; i++)
        out->truth[i] = ((v.truth[i] == wanted) != node->negated) ? EXPR_TRUE : EXPR_FALSE;
    return LANCELET_OK;
}

static void overlay(const expr_vector *v, size_t n, uint8_t *truth)
{
    if (v->valid)
        for (size_t i = 0; i < n; i++)
            truth[i] = v->valid[i] ? truth[i] : EXPR_UNKNOWN;
}

static lancelet_status compare(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_vector a, b;
    const expr_node *right = node->child[1];
    expr_type t = node->child[0]->type;
    RETURN_IF_ERROR(expr_take(c, false, out));
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &a));
    if (right->op == EXPR_LITERAL && t.kind != EXPR_BOOL) {
        expr_compare_literal(t, node->comparison, &a, &right->value, c->n, out->truth);
    } else {
        RETURN_IF_ERROR(expr_eval(c, right, &b));
        expr_compare(t, node->comparison, &a, &b, c->n, out->truth);
        if (t.kind != EXPR_BOOL)
            overlay(&b, c->n, out->truth);
    }
    if (t.kind != EXPR_BOOL)
        overlay(&a, c->n, out->truth);
    return LANCELET_OK;
}

static lancelet_status between(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_vector a, above;
    expr_type t = node->child[0]->type;
    RETURN_IF_ERROR(expr_take(c, false, out));
    RETURN_IF_ERROR(expr_take(c, false, &above));
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &a));
    expr_compare_literal(t, EXPR_GE, &a, &node->child[1]->value, c->n, above.truth);
    expr_compare_literal(t, EXPR_LE, &a, &node->child[2]->value, c->n, out->truth);
    uint8_t not = node->negated ? EXPR_TRUE : EXPR_FALSE;
    for (size_t i = 0; i < EXPR_BLOCK; i++) /* all of it, as in logic() */
        out->truth[i] = (uint8_t)((out->truth[i] & above.truth[i]) ^ not);
    overlay(&a, c->n, out->truth);
    return LANCELET_OK;
}

static lancelet_status share(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_shared one = {.node = node->child[0], .up = c->shared};
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &one.value));
    c->shared = &one;
    lancelet_status status = expr_eval(c, node->child[1], out);
    c->shared = one.up;
    return status;
}

static lancelet_status shared(const expr_context *c, const expr_node *node, expr_vector *out)
{
    const expr_shared *s = c->shared;
    while (s->node != node->child[0])
        s = s->up;
    *out = s->value;
    return LANCELET_OK;
}

static lancelet_status in_set(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_vector v;
    RETURN_IF_ERROR(expr_take(c, false, out));
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &v));
    expr_set_test(node->set, node->child[0]->type, &v, c->n, node->negated, out->truth);
    if (node->child[0]->type.kind != EXPR_BOOL)
        overlay(&v, c->n, out->truth);
    return LANCELET_OK;
}

static lancelet_status like(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_vector v, patterns = {0};
    RETURN_IF_ERROR(expr_take(c, false, out));
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &v));
    if (!node->pattern)
        RETURN_IF_ERROR(expr_eval(c, node->child[1], &patterns));
    const expr_pattern *pattern = node->pattern;
    expr_view last = {NULL, 0};
    for (size_t i = 0; i < c->n; i++) {
        out->truth[i] = EXPR_UNKNOWN;
        if (!expr_valid(&v, i))
            continue;
        if (!node->pattern) {
            expr_view p = patterns.s[i];
            if (!expr_valid(&patterns, i))
                continue;
            if (!pattern || last.n != p.n || memcmp(last.p, p.p, p.n) != 0) {
                pattern = expr_pattern_make(&c->text, p.p, p.n, node->escape, node->insensitive);
                c->made += sizeof(expr_node) + p.n; /* the arena has been used */
                last = p;
            }
            if (!pattern)
                return base_fail_memory(c->err);
        }
        bool match = expr_pattern_match(pattern, v.s[i].p, v.s[i].n);
        out->truth[i] = match != node->negated ? EXPR_TRUE : EXPR_FALSE;
    }
    return LANCELET_OK;
}

static lancelet_status concat(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_vector a, b;
    RETURN_IF_ERROR(expr_take(c, true, out));
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &a));
    RETURN_IF_ERROR(expr_eval(c, node->child[1], &b));
    for (size_t i = 0; i < c->n; i++) {
        out->valid[i] = expr_valid(&a, i) && expr_valid(&b, i);
        out->s[i] = (expr_view){"", 0};
        if (!out->valid[i])
            continue;
        RETURN_IF_ERROR(expr_make_text(c, a.s[i].n + b.s[i].n, &out->s[i]));
        char *p = (char *)(uintptr_t)out->s[i].p;
        if (a.s[i].n)
            memcpy(p, a.s[i].p, a.s[i].n);
        if (b.s[i].n)
            memcpy(p + a.s[i].n, b.s[i].p, b.s[i].n);
    }
    return LANCELET_OK;
}

lancelet_status expr_make_text(expr_context *c, size_t n, expr_view *out)
{
    enum { MOST = 1 << 30 }; /* bytes made in a block: conditions that repeat long texts stop here */
    if (n > MOST || (c->made += n) > MOST)
        return base_fail(c->err, LANCELET_LIMIT, "a condition makes more than 1 GiB of text from %d rows", EXPR_BLOCK);
    out->p = base_arena_alloc(&c->text, n ? n : 1);
    out->n = n;
    return out->p ? LANCELET_OK : base_fail_memory(c->err);
}

static lancelet_status unary(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_vector a;
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &a));
    if (node->op == EXPR_CAST)
        return expr_cast(c, node, node->child[0]->type, &a, out);
    if (node->op == EXPR_NEGATE)
        return expr_negate(c, node, &a, out);
    RETURN_IF_ERROR(expr_take(c, false, out));
    for (size_t i = 0; i < c->n; i++)
        out->truth[i] = (uint8_t)(EXPR_TRUE - a.truth[i]);
    return LANCELET_OK;
}

static lancelet_status arithmetic(expr_context *c, const expr_node *node, expr_vector *out)
{
    expr_vector a, b;
    RETURN_IF_ERROR(expr_eval(c, node->child[0], &a));
    RETURN_IF_ERROR(expr_eval(c, node->child[1], &b));
    return expr_arithmetic(c, node, &a, &b, out);
}

lancelet_status expr_eval(expr_context *c, const expr_node *node, expr_vector *out)
{
    switch (node->op) {
    case EXPR_LITERAL:
        return literal(c, node, out);
    case EXPR_COLUMN:
        return expr_load(c, c->e->schema->children[node->column], node->type, &c->columns[c->e->slot[node->column]],
                         out);
    case EXPR_FIELD:
        return field(c, node, out);
    case EXPR_ELEMENT:
        return element(c, node, out);
    case EXPR_AND:
    case EXPR_OR:
        return logic(c, node, out);
    case EXPR_IS_NULL:
        return is_null(c, node, out);
    case EXPR_IS_TRUE:
    case EXPR_IS_FALSE:
        return is_truth(c, node, out);
    case EXPR_COMPARE:
        return compare(c, node, out);
    case EXPR_IN_SET:
        return in_set(c, node, out);
    case EXPR_LIKE:
        return like(c, node, out);
    case EXPR_ARITHMETIC:
        return arithmetic(c, node, out);
    case EXPR_NOT:
    case EXPR_NEGATE:
    case EXPR_CAST:
        return unary(c, node, out);
    case EXPR_CONCAT:
        return concat(c, node, out);
    case EXPR_CALL:
        return expr_function_eval(c, node, out);
    case EXPR_BETWEEN:
        return between(c, node, out);
    case EXPR_SHARE:
        return share(c, node, out);
    case EXPR_SHARED:
        return shared(c, node, out);
    case EXPR_ARRAY:
    case EXPR_IN:
        break;
    }
    return base_fail(c->err, LANCELET_UNSUPPORTED, "lists of literals are values of columns or of array_has() only");
}
