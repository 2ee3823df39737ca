/* glob.c - file name patterns: * and ? stay within one path component, ** crosses them ("**" and a slash match no
 * folder or any number of them), [a-z] [!x] [^x] are sets of bytes, a backslash takes the next character literally.
 * Matching goes back only to the last * and the last **, which suffices, and so takes at most quadratic time. */
#include <string.h>

#include "base/text.h"

/* Length of the pattern's element at p if it matches byte or code point at s (whose length goes to *taken), else 0. */
static size_t match_one(const char *p, const char *s, size_t *taken)
{
    *taken = 1;
    if (*s == '\0')
        return 0;
    if (*p == '?') {
        if (*s == '/')
            return 0;
        uint32_t c;
        size_t length = base_utf8_decode(s, strnlen(s, 4), &c);
        *taken = length ? length : 1;
        return 1;
    }
    if (*p == '[') {
        const unsigned char *q = (const unsigned char *)p + 1;
        unsigned char byte = (unsigned char)*s;
        bool negated = *q == '!' || *q == '^', found = false;
        q += negated;
        for (bool first = true; first || *q != ']'; first = false) {
            if (*q == '\0')
                return *s == '[' ? 1 : 0; /* not closed: an ordinary character */
            unsigned char low = *q++, high = low;
            if (q[0] == '-' && q[1] != ']' && q[1] != '\0') {
                high = q[1];
                q += 2;
            }
            found |= low <= byte && byte <= high;
        }
        if (found == negated || byte == '/')
            return 0;
        return (size_t)(q + 1 - (const unsigned char *)p);
    }
    if (*p == '\\' && p[1] != '\0')
        return p[1] == *s ? 2 : 0;
    return *p == *s ? 1 : 0;
}

bool base_glob_match(const char *p, const char *s)
{
    const char *start = s;
    const char *star = NULL, *star_at = NULL; /* pattern behind the last *, and where it is tried next */
    const char *deep = NULL, *deep_at = NULL; /* the same for ** */
    bool deep_whole = false; /* the last ** had a slash behind it: only where components begin */
    for (;;) {
        if (p[0] == '*' && p[1] == '*') {
            while (*p == '*')
                p++;
            deep_whole = *p == '/' && (s == start || s[-1] == '/');
            p += deep_whole;
            deep = p;
            deep_at = s;
            star = NULL;
            continue;
        }
        if (*p == '*') {
            star = ++p;
            star_at = s;
            continue;
        }
        if (*p == '\0' && *s == '\0')
            return true;
        size_t taken, used = *p ? match_one(p, s, &taken) : 0;
        if (used) {
            p += used;
            s += taken;
        } else if (star && *star_at != '\0' && *star_at != '/') {
            p = star;
            s = ++star_at;
        } else if (deep && *deep_at != '\0') {
            do
                deep_at++;
            while (deep_whole && *deep_at != '\0' && deep_at[-1] != '/');
            if (deep_whole && deep_at[-1] != '/')
                return false;
            star = NULL;
            p = deep;
            s = deep_at;
        } else {
            return false;
        }
    }
}
