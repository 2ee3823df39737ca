/* pickle.c - a hostile pickle: what is read stays inside it and its arena, and as the data.pkl of an archive with one
 * storage of 64 bytes it gives tensors inside that storage or an error. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "embed/model/pickle.h"
#include "embed/model/torch_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *first, *last;
static size_t visits;

static void walk(const pickle_value *v, int depth)
{
    if (depth > 100 || ++visits > 10000)
        return;
    if (v->kind == PICKLE_STRING && (v->string < (const char *)first || v->string + v->bytes > (const char *)last))
        abort();
    if (v->kind == PICKLE_MARK)
        abort();
    if (v->kind == PICKLE_TUPLE || v->kind == PICKLE_LIST || v->kind == PICKLE_DICT || v->kind == PICKLE_OBJECT)
        for (size_t i = 0; i < v->items->n; i++)
            walk(&v->items->item[i], depth + 1);
}

static uint8_t *little(uint8_t *at, uint64_t v, int width)
{
    for (int i = 0; i < width; i++)
        *at++ = (uint8_t)(v >> 8 * i);
    return at;
}

/* Local headers (signature, 14 bytes of nothing, sizes, name's length, no extra field) and those of the directory. */
static uint8_t *local(uint8_t *at, const char *name, const uint8_t *bytes, size_t n)
{
    at = little(little(little(little(little(little(at, 0x04034b50, 4), 0, 8), 0, 6), n, 4), n, 4), strlen(name), 4);
    memcpy(at, name, strlen(name));
    if (n)
        memcpy(at + strlen(name), bytes, n);
    return at + strlen(name) + n;
}

static uint8_t *central(uint8_t *at, const char *name, size_t n, size_t place)
{
    at = little(little(little(little(at, 0x02014b50, 4), 0, 8), 0, 8), n, 4);
    at = little(little(little(little(little(at, n, 4), strlen(name), 2), 0, 8), 0, 4), place, 4);
    memcpy(at, name, strlen(name));
    return at + strlen(name);
}

static void open_as_archive(const uint8_t *data, size_t size)
{
    static const char pickle[] = "a/data.pkl", storage[] = "a/data/0";
    static const uint8_t floats[64];
    uint8_t *archive = malloc(size + 400), *at = archive;
    if (!archive)
        return;
    at = local(at, pickle, data, size);
    size_t second = (size_t)(at - archive);
    at = local(at, storage, floats, sizeof floats);
    size_t start = (size_t)(at - archive);
    at = central(central(at, pickle, size, 0), storage, sizeof floats, second);
    size_t bytes = (size_t)(at - archive) - start;
    at = little(little(little(little(little(little(little(at, 0x06054b50, 4), 0, 4), 2, 2), 2, 2), bytes, 4), start, 4), 0,
                2);
    lancelet_error err;
    torch_file *f;
    if (torch_file_open(archive, (uint64_t)(at - archive), &f, &err) == LANCELET_OK) {
        size_t n;
        const weights_tensor *t = torch_file_tensors(f, &n);
        for (size_t i = 0; i < n; i++)
            if (t[i].data < archive + second || t[i].data + t[i].bytes > archive + start)
                abort();
        torch_file_close(f);
    } else if (strncmp(err.text, "the zip", 7) == 0) {
        abort(); /* the archive is whole */
    }
    free(archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    base_arena arena = {0};
    pickle_value root;
    first = data;
    last = data + size;
    visits = 0;
    if (pickle_read(data, size, &arena, &root, &err) == LANCELET_OK)
        walk(&root, 0);
    base_arena_free(&arena);
    open_as_archive(data, size);
    return 0;
}
