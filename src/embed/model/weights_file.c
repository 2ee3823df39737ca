/* weights_file.c - see weights_file.h. */
#include "embed/model/weights_file.h"

#include "base/file.h"
#include "embed/model/safetensors.h"

struct weights_file {
    base_map map;
    safetensors *tensors;
};

lancelet_status weights_file_open(const char *path, weights_file **out, lancelet_error *err)
{
    weights_file *f = base_calloc(1, sizeof *f);
    if (!f)
        return base_fail_memory(err);
    lancelet_status status = base_map_open(path, 0, &f->map, err);
    if (status == LANCELET_OK) {
        status = safetensors_open(f->map.data, f->map.size, &f->tensors, err);
        if (status != LANCELET_OK && status != LANCELET_MEMORY)
            base_error_prefix(err, "%s", path);
    }
    if (status != LANCELET_OK) {
        weights_file_close(f);
        return status;
    }
    *out = f;
    return LANCELET_OK;
}

void weights_file_close(weights_file *f)
{
    if (!f)
        return;
    safetensors_close(f->tensors);
    if (f->map.data)
        base_map_close(&f->map);
    base_free(f);
}

weights_format weights_file_format(const weights_file *f)
{
    (void)f;
    return WEIGHTS_SAFETENSORS;
}

const char *weights_format_name(weights_format format)
{
    static const char *const names[] = {"safetensors", "sharded safetensors", "PyTorch state dict", "TorchScript"};
    return names[format];
}

uint64_t weights_file_bytes(const weights_file *f) { return f->map.size; }
size_t weights_file_count(const weights_file *f) { return safetensors_count(f->tensors); }
const weights_tensor *weights_file_at(const weights_file *f, size_t i) { return safetensors_at(f->tensors, i); }
const weights_tensor *weights_file_find(const weights_file *f, const char *name) { return safetensors_find(f->tensors, name); }
const char *weights_file_metadata(const weights_file *f, const char *key) { return safetensors_metadata(f->tensors, key); }
