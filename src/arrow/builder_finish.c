/* builder_finish.c - what was built becomes an ArrowArray, whose release callback frees the buffers. Children are
 * arrays of their own, which a consumer may move out. */
#include "arrow/arrow.h"
#include "arrow/type.h"
#include "base/hash.h"

typedef struct array_private {
    const void *buffers[3];
    void *owned[3];
    struct ArrowArray *child;     /* [n_children], of a dictionary column one: its values */
    struct ArrowArray **children; /* [n_children] into child */
} array_private;

static void private_free(array_private *p)
{
    for (int i = 0; i < 3; i++)
        base_free(p->owned[i]);
    base_free(p->child);
    base_free(p->children);
    base_free(p);
}

static void release_array(struct ArrowArray *a)
{
    for (int64_t i = 0; i < a->n_children; i++)
        arrow_array_release(a->children[i]);
    arrow_array_release(a->dictionary);
    private_free(a->private_data);
    a->release = NULL;
}

/* Moves a buffer in; `index` is its place in the array. */
static void give(array_private *p, int index, base_buffer *buffer)
{
    p->buffers[index] = p->owned[index] = buffer->data;
    *buffer = (base_buffer){0};
}

static lancelet_status finish(arrow_builder *b, struct ArrowArray *out, lancelet_error *err)
{
    array_private *p = base_calloc(1, sizeof *p);
    if (!p)
        return base_fail_memory(err);
    if (b->n_children) {
        p->child = base_calloc((size_t)b->n_children, sizeof *p->child);
        p->children = base_calloc((size_t)b->n_children, sizeof *p->children);
    }
    /* an empty buffer that is not NULL: some readers take NULL for a buffer that is missing */
    lancelet_status status =
        (!b->n_children || (p->child && p->children)) && base_buffer_reserve(&b->values, 1)
            ? LANCELET_OK
            : base_fail_memory(err);
    int64_t done = 0;
    for (; done < b->n_children && status == LANCELET_OK; done += status == LANCELET_OK) {
        p->children[done] = &p->child[done];
        status = finish(&b->child[done], &p->child[done], err);
    }
    if (status != LANCELET_OK) {
        for (int64_t i = 0; i < done; i++)
            arrow_array_release(&p->child[i]);
        private_free(p);
        return status;
    }
    bool dictionary = b->kind == ARROW_DICTIONARY;
    bool values = b->kind != ARROW_NULL && b->kind != ARROW_LIST && b->kind != ARROW_FIXED_LIST &&
                  b->kind != ARROW_STRUCT;
    *out = (struct ArrowArray){.length = b->length,
                               .null_count = b->nulls,
                               .n_buffers = b->kind != ARROW_NULL,
                               .buffers = p->buffers,
                               .n_children = dictionary ? 0 : b->n_children,
                               .children = p->children,
                               .dictionary = dictionary ? p->child : NULL,
                               .release = release_array,
                               .private_data = p};
    give(p, 0, &b->validity);
    if (b->offsets.data)
        give(p, (int)out->n_buffers++, &b->offsets);
    if (values)
        give(p, (int)out->n_buffers++, &b->values);
    return LANCELET_OK;
}

lancelet_status arrow_builder_finish(arrow_builder *b, struct ArrowArray *out, lancelet_error *err)
{
    lancelet_status status = finish(b, out, err);
    arrow_builder_free(b);
    return status;
}
