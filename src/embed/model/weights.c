/* weights.c - see weights.h. */
#include "embed/model/weights.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 128 };

static lancelet_status find(const weights_file *weights, const char *name, const weights_tensor **out, lancelet_error *err)
{
    *out = weights_file_find(weights, name);
    return *out ? LANCELET_OK : base_fail(err, LANCELET_CORRUPT, "the model file has no tensor '%s'", name);
}

lancelet_status weights_vector(const weights_file *weights, base_arena *arena, const char *name, size_t n, const float **out,
                               lancelet_error *err)
{
    const weights_tensor *t;
    RETURN_IF_ERROR(find(weights, name, &t, err));
    if (t->dimensions != 1 || t->shape[0] != n)
        return base_fail(err, LANCELET_CORRUPT, "the tensor '%s' has not the shape [%zu] that the model's config asks for", name, n);
    if (t->dtype != TENSOR_F32 && t->dtype != TENSOR_F16 && t->dtype != TENSOR_BF16)
        return base_fail(err, LANCELET_UNSUPPORTED, "the tensor '%s' is not of type F32, F16 or BF16", name);
    if (t->dtype == TENSOR_F32 && (uintptr_t)t->data % sizeof(float) == 0) {
        *out = (const float *)(const void *)t->data;
        return LANCELET_OK;
    }
    float *copy = base_arena_alloc(arena, n * sizeof *copy);
    if (!copy)
        return base_fail_memory(err);
    tensor_kernels_c.widen(t->dtype, t->data, n, copy);
    *out = copy;
    return LANCELET_OK;
}

/* Tensor `name` [n, ...] with k numbers a row; a scale beside int8. */
static lancelet_status matrix(const weights_file *weights, base_arena *arena, const char *name, size_t n, size_t k, tensor_matrix *out,
                              lancelet_error *err)
{
    const weights_tensor *t;
    RETURN_IF_ERROR(find(weights, name, &t, err));
    if (t->dimensions < 2 || t->shape[0] != n || t->count != (uint64_t)n * k)
        return base_fail(err, LANCELET_CORRUPT,
                         "the tensor '%s' has not the %zu rows of %zu numbers that the model's config asks for", name, n, k);
    *out = (tensor_matrix){.dtype = t->dtype, .data = t->data, .n = n, .k = k};
    if (t->dtype == TENSOR_I8) {
        char scale[NAME_SIZE];
        snprintf(scale, sizeof scale, "%s.scale", name);
        return weights_vector(weights, arena, scale, n, &out->scale, err);
    }
    if (t->dtype != TENSOR_F32 && t->dtype != TENSOR_F16 && t->dtype != TENSOR_BF16)
        return base_fail(err, LANCELET_UNSUPPORTED, "the tensor '%s' is not of type F32, F16, BF16 or I8", name);
    return LANCELET_OK;
}

lancelet_status weights_layer(const weights_file *weights, base_arena *arena, const char *name, size_t n, size_t k,
                              tensor_matrix *out, lancelet_error *err)
{
    char full[NAME_SIZE];
    snprintf(full, sizeof full, "%s.weight", name);
    RETURN_IF_ERROR(matrix(weights, arena, full, n, k, out, err));
    snprintf(full, sizeof full, "%s.bias", name);
    return weights_vector(weights, arena, full, n, &out->bias, err);
}

lancelet_status weights_table(const weights_file *weights, base_arena *arena, const char *name, size_t n, size_t k,
                              tensor_matrix *out, lancelet_error *err)
{
    return matrix(weights, arena, name, n, k, out, err);
}
