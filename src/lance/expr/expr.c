/* expr.c - conditions and values from text to rows: see expr.h. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lance/expr/tree.h"

expr_node *expr_node_make(expr_maker *m, expr_op op, size_t children)
{
    if (++m->nodes > EXPR_NODE_LIMIT) {
        m->failed = base_fail(m->err, LANCELET_LIMIT, "a condition of more than %d values and operations",
                              EXPR_NODE_LIMIT);
        return NULL;
    }
    expr_node *node = base_arena_alloc(m->arena, sizeof *node + children * sizeof(expr_node *));
    if (!node) {
        m->failed = base_fail_memory(m->err);
        return NULL;
    }
    *node = (expr_node){.op = op, .n = children, .depth = 1, .child = (expr_node **)(node + 1)};
    return node;
}

/* Counted on from the last place: a mistake that is forgiven may come a million times. */
size_t expr_position(expr_maker *m, size_t at)
{
    if (at < m->counted)
        m->counted = m->characters = 0;
    for (; m->counted < at && m->counted < m->n; m->counted++)
        m->characters += (m->text[m->counted] & 0xC0) != 0x80;
    return m->characters + 1;
}

const char *expr_words(const expr_maker *m, const expr_node *node, char out[80])
{
    expr_view v = {m->text + node->begin, node->end - node->begin};
    snprintf(out, 80, "%.*s%s", expr_cut(v, v.n <= 48 ? 48 : 45), v.p, v.n <= 48 ? "" : "...");
    return out;
}

/* Which columns are read, in the schema's order. */
static lancelet_status collect_columns(lance_expr *e, size_t children, lancelet_error *err)
{
    e->column = base_arena_alloc(&e->arena, (children + 1) * sizeof *e->column);
    if (!e->column)
        return base_fail_memory(err);
    for (size_t i = 0; i < children; i++)
        if (e->slot[i] != SIZE_MAX) {
            e->slot[i] = e->n_columns;
            e->column[e->n_columns++] = i;
        }
    return LANCELET_OK;
}

static lancelet_status compile(expr_maker *m)
{
    lance_expr *e = m->e;
    size_t children = (size_t)e->schema->n_children;
    m->text = base_arena_strndup(&e->arena, m->text, m->n); /* strings of the tree point into it */
    if (!m->text)
        return base_fail_memory(m->err);
    e->slot = base_arena_alloc(&e->arena, (children + 1) * sizeof *e->slot);
    if (!e->slot)
        return base_fail_memory(m->err);
    for (size_t i = 0; i < children; i++)
        e->slot[i] = SIZE_MAX;
    RETURN_IF_ERROR(expr_parse(m, &e->root));
    RETURN_IF_ERROR(expr_bind(m, &e->root));
    return collect_columns(e, children, m->err);
}

lancelet_status lance_expr_compile(const char *text, const struct ArrowSchema *schema, const struct ArrowSchema *result,
                                   int64_t now_us, lance_expr **out, lancelet_error *err)
{
    size_t n = strlen(text);
    if (n > EXPR_TEXT_LIMIT)
        return base_fail(err, LANCELET_LIMIT, "a condition of %zu bytes, more than %u", n, EXPR_TEXT_LIMIT);
    lance_expr *e = base_calloc(1, sizeof *e);
    if (!e)
        return base_fail_memory(err);
    e->schema = schema;
    e->result = result;
    expr_maker m = {.e = e, .text = text, .n = n, .now_us = now_us, .arena = &e->arena, .err = err};
    lancelet_status status = compile(&m);
    if (status != LANCELET_OK) {
        lance_expr_free(e);
        return status;
    }
    *out = e;
    return LANCELET_OK;
}

void lance_expr_free(lance_expr *e)
{
    if (!e)
        return;
    base_arena_free(&e->arena);
    base_free(e);
}

const size_t *lance_expr_columns(const lance_expr *e, size_t *n)
{
    *n = e->n_columns;
    return e->column;
}

/* ---- blocks ---- */

static bool next_block(expr_context *c, size_t rows)
{
    c->start += c->n;
    c->n = rows - c->start < EXPR_BLOCK ? rows - c->start : EXPR_BLOCK;
    c->used = 0;
    if (c->made) {
        base_arena_free(&c->text);
        c->text = (base_arena){0};
        c->made = 0;
    }
    return c->n > 0;
}

lancelet_status lance_expr_test(const lance_expr *e, const struct ArrowArray *columns, size_t rows, uint8_t *keep,
                                lancelet_error *err)
{
    expr_context c = {.e = e, .columns = columns, .err = err};
    lancelet_status status = LANCELET_OK;
    while (status == LANCELET_OK && next_block(&c, rows)) {
        expr_vector v;
        status = expr_eval(&c, e->root, &v);
        for (size_t i = 0; status == LANCELET_OK && i < c.n; i++)
            keep[c.start + i] = v.truth[i] >> 1;
    }
    expr_context_free(&c);
    return status;
}

/* ---- values ---- */

/* false: memory, or it does not fit, which casting has seen to */
static bool append(arrow_builder *b, expr_type t, const expr_vector *v, size_t i)
{
    if (t.kind == EXPR_BOOL ? v->truth[i] == EXPR_UNKNOWN : t.kind == EXPR_NULL || !expr_valid(v, i))
        return arrow_append_null(b);
    switch (t.kind) {
    case EXPR_BOOL:
        return arrow_append_int(b, v->truth[i] == EXPR_TRUE);
    case EXPR_FLOAT:
        return arrow_append_double(b, v->d[i]);
    case EXPR_STRING:
    case EXPR_BINARY:
        return arrow_append_bytes(b, v->s[i].p, v->s[i].n);
    case EXPR_DECIMAL: { /* narrower ones: the low bytes */
        const void *buffers[2] = {NULL, &v->w[i]};
        struct ArrowArray one = {.length = 1, .n_buffers = 2, .buffers = buffers};
        return arrow_append_from(b, b->schema, &one, 0);
    }
    case EXPR_LIST:
    case EXPR_STRUCT:
        return arrow_append_from(b, t.schema, v->item[i].array, v->item[i].row);
    default:
        return arrow_append_int(b, v->i[i]);
    }
}

/* A list literal: an array of one row, then appended again and again. */
static lancelet_status append_literals(const lance_expr *e, size_t rows, arrow_builder *b, lancelet_error *err)
{
    const expr_node *node = e->root;
    arrow_builder items;
    struct ArrowArray child = {0}, *children[1] = {&child};
    RETURN_IF_ERROR(arrow_builder_init(&items, e->result->children[0], err));
    bool fits = true;
    for (size_t i = 0; i < node->n && fits; i++) {
        const expr_node *item = node->child[i];
        expr_value value = item->value;
        uint8_t known = !item->null, truth = item->null ? EXPR_UNKNOWN : (uint8_t)item->value.i;
        expr_vector v = {.any = item->type.kind == EXPR_BOOL ? (void *)&truth : (void *)&value, .valid = &known};
        fits = append(&items, item->type, &v, 0);
    }
    if (!fits) {
        arrow_builder_free(&items);
        return base_fail_memory(err);
    }
    RETURN_IF_ERROR(arrow_builder_finish(&items, &child, err));
    int64_t wide[2] = {0, (int64_t)node->n};
    int32_t narrow[2] = {0, (int32_t)node->n};
    const void *buffers[2] = {NULL, e->result->format[1] == 'L' ? (const void *)wide : narrow};
    struct ArrowArray list = {.length = 1,
                              .n_buffers = arrow_list_size(e->result) >= 0 ? 1 : 2,
                              .buffers = buffers,
                              .n_children = 1,
                              .children = children};
    for (size_t i = 0; i < rows && fits; i++)
        fits = arrow_append_from(b, e->result, &list, 0);
    arrow_array_release(&child);
    return fits ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status append_values(expr_context *c, size_t rows, arrow_builder *b)
{
    const lance_expr *e = c->e;
    if (e->root->op == EXPR_ARRAY)
        return append_literals(e, rows, b, c->err);
    while (next_block(c, rows)) {
        expr_vector v;
        RETURN_IF_ERROR(expr_eval(c, e->root, &v));
        for (size_t i = 0; i < c->n; i++)
            if (!append(b, e->root->type, &v, i))
                return b->full ? base_fail(c->err, LANCELET_LIMIT, "the values of a column take more than one array holds")
                               : base_fail_memory(c->err);
    }
    return LANCELET_OK;
}

lancelet_status lance_expr_values(const lance_expr *e, const struct ArrowArray *columns, size_t rows,
                                  struct ArrowArray *out, lancelet_error *err)
{
    expr_context c = {.e = e, .columns = columns, .err = err};
    arrow_builder b;
    RETURN_IF_ERROR(arrow_builder_init(&b, e->result, err));
    lancelet_status status = append_values(&c, rows, &b);
    expr_context_free(&c);
    if (status != LANCELET_OK) {
        arrow_builder_free(&b);
        return status;
    }
    return arrow_builder_finish(&b, out, err);
}
