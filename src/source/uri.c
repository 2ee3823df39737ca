/*
 * uri.c - what the table keeps instead of a path (RFC 8089, percent-encoding as in RFC 3986): the path itself where it
 * is UTF-8, else file:///... with every byte but the unreserved and the slash encoded; and back; and a picture's bytes
 * by its uri. Departs from RFC 8089 in that a plain path is a uri too, and hosts other than localhost are refused.
 */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "source/internal.h"

size_t source_scheme(const char *s)
{
    size_t n = 0;
    while ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') ||
           (n > 0 && ((s[n] >= '0' && s[n] <= '9') || s[n] == '+' || s[n] == '-' || s[n] == '.')))
        n++;
    return strncmp(s + n, "://", 3) == 0 ? n : 0;
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~' || c == '/';
}

char *source_uri_from_path(const char *path)
{
    size_t n = strlen(path);
    return base_utf8_valid(path, n) ? base_strndup(path, n) : source_encoded_uri(path);
}

char *source_encoded_uri(const char *path)
{
    static const char hex[] = "0123456789ABCDEF";
    base_buffer uri = {0};
    bool ok = base_buffer_append_string(&uri, "file://");
    for (size_t i = 0; ok && path[i]; i++) {
        unsigned char c = (unsigned char)path[i];
        const char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
        ok = is_unreserved(c) ? base_buffer_append(&uri, path + i, 1) : base_buffer_append(&uri, escape, 3);
    }
    if (ok)
        return base_buffer_to_string(&uri);
    base_buffer_free(&uri);
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The path part of a file uri ("file:///a", "file://localhost/a", "file:/a"), still encoded; NULL: not one. */
static const char *encoded_path(const char *uri)
{
    if (strncasecmp(uri, "file:", 5) != 0)
        return NULL;
    uri += 5;
    if (strncmp(uri, "//", 2) == 0) {
        uri += 2;
        if (strncasecmp(uri, "localhost/", 10) == 0)
            uri += 9;
    }
    return *uri == '/' ? uri : NULL;
}

lancelet_status source_uri_path(const char *uri, char **path, lancelet_error *err)
{
    *path = NULL;
    const char *encoded = encoded_path(uri);
    if (!encoded) {
        size_t scheme = source_scheme(uri);
        if (scheme > 0 || *uri == 0)
            return base_fail(err, LANCELET_INVALID, "'%.100s' is no path and no file:/// address", uri);
        *path = base_strdup(uri);
        return *path ? LANCELET_OK : base_fail_memory(err);
    }
    char *out = base_alloc(strlen(encoded) + 1);
    if (!out)
        return base_fail_memory(err);
    size_t n = 0;
    for (const char *s = encoded; *s; s++) {
        if (*s != '%') {
            out[n++] = *s;
            continue;
        }
        int high = hex_digit(s[1]), low = high < 0 ? -1 : hex_digit(s[2]);
        if (low < 0 || (high | low) == 0) { /* %00 would cut the path */
            base_free(out);
            return base_fail(err, LANCELET_INVALID, "'%.100s' has a bad escape", uri);
        }
        out[n++] = (char)(high << 4 | low);
        s += 2;
    }
    out[n] = 0;
    *path = out;
    return LANCELET_OK;
}

char *source_path_from_uri(const char *uri)
{
    char *path;
    return source_uri_path(uri, &path, NULL) == LANCELET_OK ? path : NULL;
}

lancelet_status source_read(const char *uri, uint64_t limit, uint8_t **bytes, size_t *n, lancelet_error *err)
{
    char *path;
    *bytes = NULL;
    *n = 0;
    RETURN_IF_ERROR(source_uri_path(uri, &path, err));
    lancelet_status status = base_file_read(path, limit, bytes, n, err);
    base_free(path);
    return status;
}
