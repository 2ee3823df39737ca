/* uri.c - a hostile uri as a table may hold it: split, made a path, made a file's name; and a path of any bytes comes back from its
 * uri as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "source/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void come_back(const char *path)
{
    char *encoded = source_encoded_uri(path), *back = encoded ? source_path_from_uri(encoded) : NULL;
    check(back && strcmp(back, path) == 0);
    base_free(encoded);
    base_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    size_t length;
    const char *fragment;
    char *file, *text = base_strndup((const char *)data, size);
    bool part = source_uri_split(text, &length, &fragment);
    check(length <= strlen(text) && part == (fragment != NULL) && (!part || text[length] == '#'));
    char *path = source_path_from_uri(text);
    check(!part || !path);
    if (source_uri_file(text, &file, &err) == LANCELET_OK)
        base_free(file);
    if (path && *path == '/')
        come_back(path);
    base_free(path);
    base_free(text);
    return 0;
}
