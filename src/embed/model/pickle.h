/* pickle.h - reads the pickles in PyTorch's files as data. Nothing of a pickle is run: only the opcodes and names that
 * torch.save and TorchScript write are understood, and what they build is inert: numbers, strings, tuples,
 * dictionaries, descriptions of tensors, and objects that are nothing but their attributes.
 *
 *     base_arena arena = {0};
 *     pickle_value root;
 *     RETURN_IF_ERROR(pickle_read(bytes, n, &arena, &root, err));
 *     ... root.kind == PICKLE_DICT: root.items->item[0], [1] are the first key and value ...
 *     base_arena_free(&arena);
 */
#ifndef EMBED_PICKLE_H
#define EMBED_PICKLE_H

#include "embed/tensor/tensor.h"

typedef enum pickle_kind {
    PICKLE_OTHER = 0, /* None, fractions, bytes, types, devices: nothing that says where a tensor is */
    PICKLE_INT,       /* and booleans */
    PICKLE_STRING,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_NAME,      /* of a class or function on the list */
    PICKLE_STORAGE,
    PICKLE_TENSOR,
    PICKLE_OBJECT,    /* of a TorchScript class */
    PICKLE_MARK,      /* never in a result */
} pickle_kind;

typedef struct pickle_value {
    pickle_kind kind;
    uint32_t bytes; /* of a string */
    union {
        int64_t integer;
        const char *string;          /* [bytes], borrowed from the pickle, not terminated, any bytes */
        struct pickle_items *items;  /* tuple, list, dict, object */
        const struct pickle_name *name;
        struct pickle_storage *storage;
        struct pickle_tensor *tensor;
    };
} pickle_value;

typedef struct pickle_items {
    pickle_value *item; /* [n]; of a dict and an object: keys and values in turn */
    size_t n, capacity;
} pickle_items;

typedef struct pickle_storage {
    tensor_dtype dtype;
    uint64_t width;      /* bytes of an element */
    pickle_value key;    /* string: the archive's entry data/KEY holds its bytes */
    int64_t count;       /* elements, as the pickle says: any number */
} pickle_storage;

typedef struct pickle_tensor {
    const pickle_storage *storage;
    int64_t offset;             /* elements from the storage's start; any number */
    const pickle_items *shape;  /* any values */
    const pickle_items *stride; /* elements; any values */
} pickle_tensor;

/* bytes [n] are borrowed as long as the result is used; what it consists of lies in the arena. UNSUPPORTED: it asks
 * for a name or an opcode that is not on the list (the sentence names it); CORRUPT; LIMIT: 16 MiB, or 2,000,000
 * values. */
lancelet_status pickle_read(const uint8_t *bytes, uint64_t n, base_arena *arena, pickle_value *out,
                            lancelet_error *err) MUST_CHECK;

/* The last value under `key` in a dict, NULL if absent. */
const pickle_value *pickle_find(const pickle_items *dict, const char *key);

#endif
