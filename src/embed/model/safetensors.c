/* safetensors.c - the format as huggingface/safetensors documents it and its Rust reader enforces it: the header is one
 * JSON object, `__metadata__` holds strings, every other member {dtype, shape, data_offsets}; the ranges cover the data
 * from its first to its last byte, each once. Departures: types that no tower computes with keep their range and are
 * otherwise read over; the header may be at most 16 MiB (theirs: 100 MB); a tensor has at most 8 dimensions. */
#include "embed/model/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 16 << 20, MAX_TENSORS = 100000, MAX_NAME = 512 };

struct safetensors {
    json_t *header;     /* owns the names and metadata strings */
    weights_tensor *tensor; /* [n], sorted by name */
    size_t n;
};

/* Bits of each type that the format knows; 0: unknown. */
static int bits_of(const char *name, tensor_dtype *dtype)
{
    static const struct {
        const char *name;
        int bits;
        tensor_dtype dtype;
    } known[] = {
        {"F32", 32, TENSOR_F32},      {"F16", 16, TENSOR_F16},     {"BF16", 16, TENSOR_BF16},
        {"I8", 8, TENSOR_I8},         {"U8", 8, TENSOR_U8},        {"BOOL", 8, TENSOR_OTHER},
        {"F8_E4M3", 8, TENSOR_OTHER}, {"F8_E5M2", 8, TENSOR_OTHER}, {"I16", 16, TENSOR_OTHER},
        {"U16", 16, TENSOR_OTHER},    {"I32", 32, TENSOR_OTHER},   {"U32", 32, TENSOR_OTHER},
        {"F64", 64, TENSOR_OTHER},    {"I64", 64, TENSOR_OTHER},   {"U64", 64, TENSOR_OTHER},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) {
            *dtype = known[i].dtype;
            return known[i].bits;
        }
    return 0;
}

static bool get_u64(const json_t *v, uint64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *out = (uint64_t)json_integer_value(v);
    return true;
}

/* `data` [n] is what follows the header. */
static lancelet_status read_tensor(const char *name, json_t *entry, const uint8_t *data, uint64_t n, weights_tensor *t,
                                   lancelet_error *err)
{
    if (strlen(name) > MAX_NAME)
        return base_fail(err, LANCELET_LIMIT, "a tensor's name is longer than %d bytes", MAX_NAME);
    *t = (weights_tensor){.name = name, .dtype = TENSOR_OTHER, .count = 1};
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    json_t *shape = json_object_get(entry, "shape"), *offsets = json_object_get(entry, "data_offsets");
    uint64_t begin, end;
    if (!dtype || !json_is_array(shape) || json_array_size(offsets) != 2 || !get_u64(json_array_get(offsets, 0), &begin) ||
        !get_u64(json_array_get(offsets, 1), &end))
        return base_fail(err, LANCELET_CORRUPT, "tensor '%.100s' lacks a dtype, shape or two data_offsets", name);
    uint64_t bits = (uint64_t)bits_of(dtype, &t->dtype);
    if (bits == 0)
        return base_fail(err, LANCELET_UNSUPPORTED, "tensor '%.100s' has the unknown type '%.20s'", name, dtype);
    if (json_array_size(shape) > WEIGHTS_MAX_DIMENSIONS)
        return base_fail(err, LANCELET_LIMIT, "tensor '%.100s' has more than %d dimensions", name, WEIGHTS_MAX_DIMENSIONS);
    t->dimensions = (int)json_array_size(shape);
    for (int i = 0; i < t->dimensions; i++)
        if (!get_u64(json_array_get(shape, (size_t)i), &t->shape[i]) || !base_mul_u64(t->count, t->shape[i], &t->count))
            return base_fail(err, LANCELET_CORRUPT, "tensor '%.100s' has an impossible shape", name);
    if (!base_mul_u64(t->count, bits / 8, &t->bytes))
        return base_fail(err, LANCELET_CORRUPT, "tensor '%.100s' has an impossible shape", name);
    if (end < begin || end > n || end - begin != t->bytes)
        return base_fail(
            err, LANCELET_CORRUPT, "tensor '%.100s' needs %llu bytes and has the range %llu to %llu of %llu bytes of data",
            name, (unsigned long long)t->bytes, (unsigned long long)begin, (unsigned long long)end, (unsigned long long)n);
    t->data = data + begin;
    return LANCELET_OK;
}

static int by_place(const void *a, const void *b)
{
    const weights_tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); /* empty ones first */
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const weights_tensor *)a)->name, ((const weights_tensor *)b)->name);
}

static lancelet_status read_header(safetensors *st, const uint8_t *data, uint64_t n, lancelet_error *err)
{
    if (!json_is_object(st->header))
        return base_fail(err, LANCELET_CORRUPT, "the safetensors header is not a JSON object");
    if (json_object_size(st->header) > MAX_TENSORS)
        return base_fail(err, LANCELET_LIMIT, "the file has more than %d tensors", MAX_TENSORS);
    st->tensor = base_alloc_array(json_object_size(st->header) + 1, sizeof *st->tensor);
    if (!st->tensor)
        return base_fail_memory(err);
    const char *name;
    json_t *entry;
    json_object_foreach (st->header, name, entry)
        if (strcmp(name, "__metadata__") != 0) {
            RETURN_IF_ERROR(read_tensor(name, entry, data, n, &st->tensor[st->n], err));
            st->n++;
        }
    qsort(st->tensor, st->n, sizeof *st->tensor, by_place);
    uint64_t at = 0;
    for (size_t i = 0; i < st->n; at += st->tensor[i++].bytes)
        if (st->tensor[i].data != data + at)
            return base_fail(err, LANCELET_CORRUPT, "tensor '%.100s' begins at byte %llu of the data, not at %llu",
                             st->tensor[i].name, (unsigned long long)(st->tensor[i].data - data), (unsigned long long)at);
    if (at != n)
        return base_fail(err, LANCELET_CORRUPT, "the tensors end at byte %llu of %llu bytes of data",
                         (unsigned long long)at, (unsigned long long)n);
    qsort(st->tensor, st->n, sizeof *st->tensor, by_name);
    return LANCELET_OK;
}

lancelet_status safetensors_open(const uint8_t *bytes, uint64_t n, safetensors **out, lancelet_error *err)
{
    uint64_t length = 0;
    if (n < 8)
        return base_fail(err, LANCELET_CORRUPT, "the file is too short for a safetensors header");
    for (int i = 7; i >= 0; i--)
        length = length << 8 | bytes[i];
    if (length > n - 8)
        return base_fail(err, LANCELET_CORRUPT,
                         "the file is not a safetensors file, or it is cut: its header would have %llu bytes",
                         (unsigned long long)length);
    if (length > MAX_HEADER)
        return base_fail(err, LANCELET_LIMIT, "the safetensors header has %llu bytes, more than %d",
                         (unsigned long long)length, MAX_HEADER);
    safetensors *st = base_calloc(1, sizeof *st);
    if (!st)
        return base_fail_memory(err);
    json_error_t json_error;
    st->header = json_loadb((const char *)bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &json_error);
    lancelet_status status;
    if (!st->header && json_error_code(&json_error) == json_error_out_of_memory)
        status = base_fail_memory(err);
    else if (!st->header)
        status = base_fail(err, LANCELET_CORRUPT, "the safetensors header is not JSON: %s", json_error.text);
    else
        status = read_header(st, bytes + 8 + length, n - 8 - length, err);
    if (status != LANCELET_OK) {
        safetensors_close(st);
        return status;
    }
    *out = st;
    return LANCELET_OK;
}

void safetensors_close(safetensors *st)
{
    if (!st)
        return;
    json_decref(st->header);
    base_free(st->tensor);
    base_free(st);
}

const weights_tensor *safetensors_tensors(const safetensors *st, size_t *n)
{
    *n = st->n;
    return st->tensor;
}

static json_t *metadata(const safetensors *st) { return json_object_get(st->header, "__metadata__"); }

const char *safetensors_metadata(const safetensors *st, const char *key)
{
    return json_string_value(json_object_get(metadata(st), key));
}

const char *safetensors_next_key(const safetensors *st, const char *after)
{
    json_t *all = metadata(st);
    void *at = after ? json_object_iter_next(all, json_object_key_to_iter(after)) : json_object_iter(all);
    while (at && !json_is_string(json_object_iter_value(at)))
        at = json_object_iter_next(all, at);
    return at ? json_object_iter_key(at) : NULL;
}
