/* hub_name.c - what users call repositories, as huggingface_hub's HfFileSystem reads it: hf://datasets/ORG/NAME@REV/FILE. */
#include "net/hub.h"

#include <string.h>

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %2F to "/" in place. What is no such pair stays, and %00. */
static void unquote(char *s)
{
    char *out = s;
    for (; *s; s++) {
        int high = *s == '%' ? digit(s[1]) : -1, low = high >= 0 ? digit(s[2]) : -1;
        bool pair = low >= 0 && high + low > 0;
        *out++ = pair ? (char)(16 * high + low) : *s;
        s += pair ? 2 : 0;
    }
    *out = '\0';
}

/* Length of a revision that begins at s: the hub's own with their slashes, else up to the next one. */
static size_t revision_length(const char *s)
{
    static const char *const own[] = {"refs/convert/", "refs/pr/"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        size_t n = strlen(own[i]);
        if (strncmp(s, own[i], n) == 0)
            return n + strcspn(s + n, "/");
    }
    return strcspn(s, "/");
}

/* Cuts storage into its parts. */
static void split(hub_name *out, char *s)
{
    size_t org = strcspn(s, "/@"), n = org;
    if (s[org] == '/')
        n = org + 1 + strcspn(s + org + 1, "/@");
    char *p = s + n;
    if (*p == '@') {
        *p++ = '\0';
        out->repository.revision = p;
        p += revision_length(p);
    }
    if (*p == '/') {
        *p = '\0';
        out->rest = p[1] ? p + 1 : NULL;
    }
    if (out->repository.revision)
        unquote((char *)out->repository.revision);
    out->repository.name = s;
}

lancelet_status hub_name_read(const char *text, hub_name *out, lancelet_error *err)
{
    static const char scheme[] = "hf://", datasets[] = "datasets/";
    *out = (hub_name){0};
    bool uri = strncmp(text, scheme, sizeof scheme - 1) == 0;
    const char *name = text + (uri ? sizeof scheme - 1 : 0);
    out->repository.dataset = uri && strncmp(name, datasets, sizeof datasets - 1) == 0;
    name += out->repository.dataset ? sizeof datasets - 1 : 0;
    out->storage = base_strdup(name);
    if (!out->storage)
        return base_fail_memory(err);
    split(out, out->storage);
    const char *revision = out->repository.revision;
    if (net_is_repository(out->repository.name) && (!revision || net_is_file_name(revision)) && (uri || !out->rest))
        return LANCELET_OK;
    hub_name_free(out);
    return base_fail(err, LANCELET_INVALID, "'%.200s' is no name of a repository; they look like ORG/NAME, ORG/NAME@REV%s", text,
                     uri ? " or hf://datasets/ORG/NAME@REV/FILE" : "");
}

void hub_name_free(hub_name *n)
{
    base_free(n->storage);
    *n = (hub_name){0};
}
