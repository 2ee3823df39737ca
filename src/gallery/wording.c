/* wording.c - paths and numbers as messages show them, and the home folder in paths that users type.
 *
 * The home folder is read from HOME at each call and never kept, so that a caller may change it. */
#include "gallery/gallery.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *gallery_shown_path(const char *path, char out[512])
{
    const char *home = getenv("HOME");
    size_t n = home ? strlen(home) : 0;
    if (n > 1 && strncmp(path, home, n) == 0 && (path[n] == '/' || path[n] == 0))
        snprintf(out, 512, "~%s", path + n);
    else
        snprintf(out, 512, "%s", path);
    return out;
}

const char *gallery_shown_count(uint64_t n, char out[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

bool gallery_is_path(const char *s)
{
    return s[0] == '/' || strncmp(s, "./", 2) == 0 || strncmp(s, "../", 3) == 0 || strncmp(s, "~/", 2) == 0 ||
           strcmp(s, ".") == 0 || strcmp(s, "..") == 0 || strcmp(s, "~") == 0;
}

char *gallery_expand_home(const char *path)
{
    const char *home = getenv("HOME");
    if (path[0] == '~' && (path[1] == '/' || path[1] == 0) && home && *home)
        return base_format("%s%s", home, path + 1);
    return base_strdup(path);
}

void gallery_note(void (*say)(void *arg, int level, const char *sentence), void *arg, int level,
                  const char *format, ...)
{
    char text[1024];
    va_list arguments;
    if (!say)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    say(arg, level, text);
}
