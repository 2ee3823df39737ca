/* weights.c - see weights.h. */
#include "embed/model/weights.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 128 };

lancelet_status weights_find(const weights_file *weights, const char *name, const weights_tensor **out, lancelet_error *err)
{
    *out = weights_file_find(weights, name);
    return *out ? LANCELET_OK : base_fail(err, LANCELET_CORRUPT, "the model file has no tensor '%s'", name);
}

/* k: numbers a row; 0: the tensor should be a vector of n. */
static lancelet_status fail_shape(const weights_tensor *t, size_t n, size_t k, lancelet_error *err)
{
    char shape[WEIGHTS_MAX_DIMENSIONS * 24] = "";
    for (int i = 0, at = 0; i < t->dimensions; i++)
        at += snprintf(shape + at, sizeof shape - (size_t)at, "%s%llu", i ? ", " : "", (unsigned long long)t->shape[i]);
    if (k == 0)
        return base_fail(err, LANCELET_CORRUPT, "the tensor '%s' has the shape [%s]; the model asks for [%zu]", t->name,
                         shape, n);
    return base_fail(err, LANCELET_CORRUPT, "the tensor '%s' has the shape [%s]; the model asks for %zu rows of %zu numbers",
                     t->name, shape, n, k);
}

lancelet_status weights_vector(const weights_file *weights, base_arena *arena, const char *name, size_t n, const float **out,
                               lancelet_error *err)
{
    const weights_tensor *t;
    RETURN_IF_ERROR(weights_find(weights, name, &t, err));
    if (t->dimensions != 1 || t->shape[0] != n)
        return fail_shape(t, n, 0, err);
    if (t->dtype != TENSOR_F32 && t->dtype != TENSOR_F16 && t->dtype != TENSOR_BF16)
        return base_fail(err, LANCELET_UNSUPPORTED, "the tensor '%s' is not of type F32, F16 or BF16", name);
    if (t->dtype == TENSOR_F32 && (uintptr_t)t->data % sizeof(float) == 0) {
        *out = (const float *)(const void *)t->data;
        return LANCELET_OK;
    }
    float *copy = base_arena_alloc(arena, n * sizeof *copy);
    if (!copy)
        return base_fail_memory(err);
    tensor_kernels_for(base_isa_level())->widen(t->dtype, t->data, n, copy);
    *out = copy;
    return LANCELET_OK;
}

/* Tensor `name` [n, ...] with k numbers a row; a scale beside int8. */
static lancelet_status matrix(const weights_file *weights, base_arena *arena, const char *name, size_t n, size_t k,
                              tensor_matrix *out, lancelet_error *err)
{
    const weights_tensor *t;
    RETURN_IF_ERROR(weights_find(weights, name, &t, err));
    if (t->dimensions < 2 || t->shape[0] != n || t->count != (uint64_t)n * k)
        return fail_shape(t, n, k, err);
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

static size_t width_of(tensor_dtype dtype)
{
    return dtype == TENSOR_F32 ? 4 : 2;
}

/* out [n, k] = in [k, n]; in is as aligned as the file has it. */
static void transpose16(const uint8_t *in, size_t n, size_t k, uint16_t *out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++)
            memcpy(&out[i * k + j], in + (j * n + i) * sizeof *out, sizeof *out);
}

static void transpose32(const uint8_t *in, size_t n, size_t k, uint32_t *out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++)
            memcpy(&out[i * k + j], in + (j * n + i) * sizeof *out, sizeof *out);
}

lancelet_status weights_transposed(const weights_file *weights, base_arena *arena, const char *name, size_t n, size_t k,
                                   tensor_matrix *out, lancelet_error *err)
{
    tensor_matrix m;
    RETURN_IF_ERROR(matrix(weights, arena, name, k, n, &m, err));
    if (m.dtype == TENSOR_I8)
        return base_fail(err, LANCELET_UNSUPPORTED, "the tensor '%s' is of type I8", name);
    void *copy = base_arena_alloc(arena, n * k * width_of(m.dtype));
    if (!copy)
        return base_fail_memory(err);
    if (m.dtype == TENSOR_F32)
        transpose32(m.data, n, k, copy);
    else
        transpose16(m.data, n, k, copy);
    *out = (tensor_matrix){.dtype = m.dtype, .data = copy, .n = n, .k = k};
    return LANCELET_OK;
}

tensor_matrix weights_rows(const tensor_matrix *m, size_t from, size_t n)
{
    return (tensor_matrix){.dtype = m->dtype,
                           .data = (const uint8_t *)m->data + from * m->k * width_of(m->dtype),
                           .bias = m->bias ? m->bias + from : NULL,
                           .n = n,
                           .k = m->k};
}
