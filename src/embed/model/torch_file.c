/* torch_file.c - PyTorch's archive format since 1.6 (torch/serialization.py, caffe2/serialize): entries NAME/data.pkl,
 * the pickle, and NAME/data/KEY, the bytes of one storage each. A state dict is a dictionary from name to tensor; a
 * training checkpoint holds one under "state_dict", whose names may begin with "module." (of torch's
 * DistributedDataParallel). A TorchScript module is an object whose attributes are tensors and objects; a tensor's
 * name is the attributes on the way to it, joined by dots. Other values are read over. Departure: a tensor that is not
 * row-major (a transposed or spread view) is refused by name. */
#include "embed/model/torch_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "embed/model/pickle.h"
#include "embed/model/zip.h"

enum { MAX_TENSORS = 100000, MAX_NAME = 512, MAX_DEPTH = 64, MAX_ATTRIBUTES = 2000000 };

struct torch_file {
    base_arena names;
    weights_tensor *tensor; /* [n] of capacity; sorted by name once open */
    size_t n, capacity;
    bool script;
};

typedef struct reader {
    torch_file *f;
    const weights_zip *zip;
    const char *folder;  /* [folder_bytes]: "archive/", in front of every entry's name */
    size_t folder_bytes;
    size_t attributes;   /* visited so far */
    lancelet_error *err;
} reader;

/* ---- entries ---- */

/* The entry FOLDER/name; *out NULL if absent. */
static lancelet_status entry(reader *r, const char *name, size_t n, const weights_zip_entry **out)
{
    char full[2 * MAX_NAME];
    *out = NULL;
    if (n > sizeof full - r->folder_bytes)
        return LANCELET_OK;
    memcpy(full, r->folder, r->folder_bytes);
    memcpy(full + r->folder_bytes, name, n);
    *out = weights_zip_find(r->zip, full, r->folder_bytes + n);
    if (*out && !(*out)->plain)
        return base_fail(
            r->err, LANCELET_UNSUPPORTED,
            "the archive's entry '%.*s' is compressed, which PyTorch does not do: unpack it and pack it again stored",
            (int)(r->folder_bytes + n), full);
    return LANCELET_OK;
}

/* The folder is that of the one data.pkl which lies one level deep. */
static lancelet_status find_folder(reader *r)
{
    static const char pickle[] = "/data.pkl";
    size_t n, tail = sizeof pickle - 1;
    const weights_zip_entry *e = weights_zip_entries(r->zip, &n);
    for (size_t i = 0; i < n; i++) {
        size_t folder = e[i].name_bytes > tail ? e[i].name_bytes - tail : 0;
        if (folder == 0 || folder >= MAX_NAME || memcmp(e[i].name + folder, pickle, tail) != 0 ||
            memchr(e[i].name, '/', folder))
            continue;
        if (r->folder)
            return base_fail(r->err, LANCELET_CORRUPT, "the archive has two pickles");
        r->folder = e[i].name;
        r->folder_bytes = folder + 1;
    }
    if (!r->folder)
        return base_fail(r->err, LANCELET_UNSUPPORTED, "the zip archive is not PyTorch's: it has no data.pkl in a folder");
    return LANCELET_OK;
}

static lancelet_status check_byte_order(reader *r)
{
    const weights_zip_entry *order;
    RETURN_IF_ERROR(entry(r, "byteorder", 9, &order));
    if (order && (order->bytes != 6 || memcmp(order->data, "little", 6) != 0))
        return base_fail(r->err, LANCELET_UNSUPPORTED, "the archive's numbers are not little-endian");
    return LANCELET_OK;
}

/* ---- tensors ---- */

static lancelet_status read_shape(reader *r, const pickle_tensor *from, weights_tensor *t)
{
    size_t n = from->shape->n;
    if (n > WEIGHTS_MAX_DIMENSIONS)
        return base_fail(r->err, LANCELET_LIMIT, "tensor '%.100s' has more than %d dimensions", t->name,
                         WEIGHTS_MAX_DIMENSIONS);
    t->dimensions = (int)n;
    bool fits = from->stride->n == n;
    for (size_t i = 0; i < n && fits; i++) {
        const pickle_value *side = &from->shape->item[i];
        fits = side->kind == PICKLE_INT && side->integer >= 0 && from->stride->item[i].kind == PICKLE_INT;
        if (fits) {
            t->shape[i] = (uint64_t)side->integer;
            fits = base_mul_u64(t->count, t->shape[i], &t->count);
        }
    }
    if (!fits || !base_mul_u64(t->count, from->storage->width, &t->bytes))
        return base_fail(r->err, LANCELET_CORRUPT, "tensor '%.100s' has an impossible shape", t->name);
    uint64_t row = 1; /* elements from one index of this dimension to the next; a side of 1 may say anything */
    for (size_t i = n; t->count > 0 && i-- > 0; row *= t->shape[i])
        if (t->shape[i] > 1 && (uint64_t)from->stride->item[i].integer != row)
            return base_fail(
                r->err, LANCELET_UNSUPPORTED,
                "tensor '%.100s' is a view that is not row after row in memory: save it again with .contiguous()", t->name);
    return LANCELET_OK;
}

static lancelet_status read_data(reader *r, const pickle_tensor *from, weights_tensor *t)
{
    const pickle_storage *s = from->storage;
    const weights_zip_entry *data = NULL;
    uint64_t held, begin, end;
    char name[MAX_NAME];
    if (s->key.bytes <= sizeof name - 5) {
        memcpy(name, "data/", 5);
        memcpy(name + 5, s->key.string, s->key.bytes);
        RETURN_IF_ERROR(entry(r, name, 5 + s->key.bytes, &data));
    }
    if (!data)
        return base_fail(r->err, LANCELET_CORRUPT, "tensor '%.100s' has no data: the archive lacks the entry data/%.*s",
                         t->name, (int)(s->key.bytes < 40 ? s->key.bytes : 40), s->key.string);
    if (s->count < 0 || !base_mul_u64((uint64_t)s->count, s->width, &held) || held > data->bytes)
        return base_fail(r->err, LANCELET_CORRUPT,
                         "tensor '%.100s' lies in a storage of %lld elements, and its entry has %llu bytes", t->name,
                         (long long)s->count, (unsigned long long)data->bytes);
    if (from->offset < 0 || !base_mul_u64((uint64_t)from->offset, s->width, &begin) ||
        !base_add_u64(begin, t->bytes, &end) || end > held)
        return base_fail(r->err, LANCELET_CORRUPT,
                         "tensor '%.100s' needs %llu bytes from element %lld of a storage of %lld elements", t->name,
                         (unsigned long long)t->bytes, (long long)from->offset, (long long)s->count);
    t->dtype = s->dtype;
    t->data = data->data + begin;
    return LANCELET_OK;
}

/* name [n] */
static lancelet_status add_tensor(reader *r, const char *name, size_t n, const pickle_tensor *from)
{
    torch_file *f = r->f;
    if (n > MAX_NAME)
        return base_fail(r->err, LANCELET_LIMIT, "a tensor's name is longer than %d bytes", MAX_NAME);
    if (!base_utf8_valid(name, n) || memchr(name, '\0', n))
        return base_fail(r->err, LANCELET_CORRUPT, "a tensor's name is not UTF-8 text");
    if (f->n == MAX_TENSORS)
        return base_fail(r->err, LANCELET_LIMIT, "the file has more than %d tensors", MAX_TENSORS);
    if (f->n == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 512;
        weights_tensor *grown = base_realloc(f->tensor, capacity * sizeof *grown);
        if (!grown)
            return base_fail_memory(r->err);
        f->tensor = grown;
        f->capacity = capacity;
    }
    weights_tensor *t = &f->tensor[f->n];
    *t = (weights_tensor){.name = base_arena_strndup(&f->names, name, n), .count = 1};
    if (!t->name)
        return base_fail_memory(r->err);
    RETURN_IF_ERROR(read_shape(r, from, t));
    RETURN_IF_ERROR(read_data(r, from, t));
    f->n++;
    return LANCELET_OK;
}

static lancelet_status read_dict(reader *r, const pickle_items *dict)
{
    for (size_t i = 0; i + 1 < dict->n; i += 2) {
        const pickle_value *key = &dict->item[i], *value = &dict->item[i + 1];
        if (key->kind == PICKLE_STRING && value->kind == PICKLE_TENSOR)
            RETURN_IF_ERROR(add_tensor(r, key->string, key->bytes, value->tensor));
    }
    return LANCELET_OK;
}

/* prefix [n]: the way to this object, with a dot at its end; room for MAX_NAME + 2 bytes */
static lancelet_status read_object(reader *r, const pickle_items *attributes, char *prefix, size_t n, int depth)
{
    r->attributes += attributes->n + 1;
    if (depth > MAX_DEPTH || r->attributes > MAX_ATTRIBUTES)
        return base_fail(r->err, LANCELET_LIMIT, "the archive's modules are nested too deeply, or too many");
    for (size_t i = 0; i + 1 < attributes->n; i += 2) {
        const pickle_value *key = &attributes->item[i], *value = &attributes->item[i + 1];
        if (key->kind != PICKLE_STRING || (value->kind != PICKLE_TENSOR && value->kind != PICKLE_OBJECT))
            continue;
        if (n + key->bytes > MAX_NAME)
            return base_fail(r->err, LANCELET_LIMIT, "a tensor's name is longer than %d bytes", MAX_NAME);
        memcpy(prefix + n, key->string, key->bytes);
        size_t length = n + key->bytes;
        if (value->kind == PICKLE_TENSOR) {
            RETURN_IF_ERROR(add_tensor(r, prefix, length, value->tensor));
        } else {
            prefix[length] = '.';
            RETURN_IF_ERROR(read_object(r, value->items, prefix, length + 1, depth + 1));
        }
    }
    return LANCELET_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const weights_tensor *)a)->name, ((const weights_tensor *)b)->name);
}

/* DistributedDataParallel puts it in front of every name. */
static void strip_module(torch_file *f)
{
    static const char prefix[] = "module.";
    for (size_t i = 0; i < f->n; i++)
        if (strncmp(f->tensor[i].name, prefix, sizeof prefix - 1) != 0)
            return;
    for (size_t i = 0; i < f->n; i++)
        f->tensor[i].name += sizeof prefix - 1;
}

static lancelet_status read_root(reader *r, const pickle_value *root)
{
    torch_file *f = r->f;
    char prefix[MAX_NAME + 2];
    f->script = root->kind == PICKLE_OBJECT;
    if (f->script) {
        RETURN_IF_ERROR(read_object(r, root->items, prefix, 0, 0));
    } else if (root->kind == PICKLE_DICT) {
        const pickle_value *inner = pickle_find(root->items, "state_dict");
        RETURN_IF_ERROR(read_dict(r, inner && inner->kind == PICKLE_DICT ? inner->items : root->items));
        strip_module(f);
    }
    if (f->n == 0)
        return base_fail(r->err, LANCELET_UNSUPPORTED, "the archive holds no tensors by name");
    qsort(f->tensor, f->n, sizeof *f->tensor, by_name);
    for (size_t i = 1; i < f->n; i++)
        if (by_name(&f->tensor[i - 1], &f->tensor[i]) == 0)
            return base_fail(r->err, LANCELET_CORRUPT, "tensor '%.100s' is there twice", f->tensor[i].name);
    return LANCELET_OK;
}

static lancelet_status read_archive(reader *r)
{
    const weights_zip_entry *pickle;
    base_arena arena = {0};
    pickle_value root;
    RETURN_IF_ERROR(find_folder(r));
    RETURN_IF_ERROR(check_byte_order(r));
    RETURN_IF_ERROR(entry(r, "data.pkl", 8, &pickle));
    lancelet_status status = pickle_read(pickle->data, pickle->bytes, &arena, &root, r->err);
    if (status == LANCELET_OK)
        status = read_root(r, &root);
    base_arena_free(&arena);
    return status;
}

lancelet_status torch_file_open(const uint8_t *bytes, uint64_t n, torch_file **out, lancelet_error *err)
{
    weights_zip *zip;
    RETURN_IF_ERROR(weights_zip_open(bytes, n, &zip, err));
    torch_file *f = base_calloc(1, sizeof *f);
    reader r = {.f = f, .zip = zip, .err = err};
    lancelet_status status = f ? read_archive(&r) : base_fail_memory(err);
    weights_zip_close(zip);
    if (status != LANCELET_OK) {
        torch_file_close(f);
        return status;
    }
    *out = f;
    return LANCELET_OK;
}

void torch_file_close(torch_file *f)
{
    if (!f)
        return;
    base_arena_free(&f->names);
    base_free(f->tensor);
    base_free(f);
}

const weights_tensor *torch_file_tensors(const torch_file *f, size_t *n)
{
    *n = f->n;
    return f->tensor;
}

bool torch_file_is_script(const torch_file *f) { return f->script; }
