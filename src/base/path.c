/* path.c - paths as text: nothing here looks at the file system but base_path_absolute, for the working folder, and base_program_folder. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/os.h"

char *base_path_join(const char *a, const char *b)
{
    if (a[0] == '\0' || b[0] == '/')
        return base_strdup(b);
    size_t n = strlen(a);
    return base_format("%s%s%s", a, a[n - 1] == '/' ? "" : "/", b);
}

/* The working folder in an allocation of ours, or NULL. */
static char *working_folder(void)
{
    for (size_t size = 256; size <= 1 << 20; size *= 4) {
        char *text = base_alloc(size);
        if (!text || getcwd(text, size))
            return text;
        base_free(text);
    }
    return NULL;
}

char *base_path_absolute(const char *path)
{
    char *whole;
    if (path[0] == '/') {
        whole = base_strdup(path);
    } else {
        char *folder = working_folder();
        whole = folder ? base_path_join(folder, path) : NULL;
        base_free(folder);
    }
    if (!whole || whole[0] != '/') { /* "(unreachable)/...": the working folder is outside our root */
        base_free(whole);
        return NULL;
    }
    /* in place: the result is never longer; `out` is its length so far, without a slash at the end */
    size_t out = 0;
    for (char *p = whole; *p;) {
        while (*p == '/')
            p++;
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            while (out > 0 && whole[--out] != '/')
                ;
        } else if (n > 0 && !(n == 1 && p[0] == '.')) {
            whole[out++] = '/';
            memmove(whole + out, p, n);
            out += n;
        }
        p += n;
    }
    if (out == 0)
        whole[out++] = '/';
    whole[out] = '\0';
    return whole;
}

char *base_path_parent(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    while (n > 1 && path[n - 1] == '/')
        n--;
    return n == 0 ? base_strdup(".") : base_strndup(path, n);
}

const char *base_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

lancelet_status base_cache_folder(const char *below, char **out, lancelet_error *err)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool has_home = home && home[0] == '/';
    *out = NULL;
    if (cache && cache[0] == '/') /* XDG: a relative one is to be ignored */
        *out = base_format("%s/picask/%s", cache, below);
    else if (has_home)
        *out = base_format("%s/.cache/picask/%s", home, below);
    else
        return LANCELET_OK;
    return *out ? LANCELET_OK : base_fail_memory(err);
}

char *base_program_folder(void)
{
    char path[4096];
    return base_os_program_path(path, sizeof path) ? base_path_parent(path) : NULL;
}
