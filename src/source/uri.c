/*
 * uri.c - what the table keeps instead of a path (RFC 8089, percent-encoding as in RFC 3986): the path itself where it
 * is UTF-8, else file:///... with every byte but the unreserved and the slash encoded; and back; and a picture's bytes
 * by its uri. Departs from RFC 8089 in that a plain path is a uri too, and hosts other than localhost are refused.
 *
 * A part of a container is its uri with a fragment: row=DIGITS of a Parquet file, t=DIGITS.DDD (seconds) of a video, as W3C's
 * Media Fragments has it. A path may have a '#' in it; only this very form behind the container's own ending is a part.
 */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "net/hub.h"
#include "source/internal.h"

enum { MOST_ROW_DIGITS = 18, MOST_SECOND_DIGITS = 12 }; /* no sum of them overflows 64 bits */

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

/* ---- parts of containers ---- */

static size_t count_digits(const char *s)
{
    return strspn(s, "0123456789");
}

static bool is_row(const char *fragment)
{
    if (strncmp(fragment, "row=", 4) != 0)
        return false;
    size_t n = count_digits(fragment + 4);
    return n > 0 && n <= MOST_ROW_DIGITS && fragment[4 + n] == 0;
}

static bool is_time(const char *fragment)
{
    if (strncmp(fragment, "t=", 2) != 0)
        return false;
    size_t n = count_digits(fragment + 2);
    const char *rest = fragment + 2 + n;
    return n > 0 && n <= MOST_SECOND_DIGITS && rest[0] == '.' && count_digits(rest + 1) == 3 && rest[4] == 0;
}

/* Kind of a container by the ending of uri[n]. */
static source_entry_kind kind_before(const char *uri, size_t n)
{
    char ending[16]; /* longer than the longest, ".parquet", with a letter before it */
    size_t from = n < sizeof ending ? 0 : n - sizeof ending + 1;
    memcpy(ending, uri + from, n - from);
    ending[n - from] = 0;
    return source_entry_kind_of(base_path_name(ending));
}

bool source_uri_split(const char *uri, size_t *length, const char **fragment)
{
    const char *hash = strrchr(uri, '#');
    *length = strlen(uri);
    *fragment = NULL;
    if (!hash || !(is_row(hash + 1) || is_time(hash + 1)))
        return false;
    source_entry_kind wanted = hash[1] == 'r' ? SOURCE_ENTRY_PARQUET : SOURCE_ENTRY_VIDEO;
    if (kind_before(uri, (size_t)(hash - uri)) != wanted)
        return false;
    *length = (size_t)(hash - uri);
    *fragment = hash + 1;
    return true;
}

bool source_is_container(const char *uri)
{
    return kind_before(uri, strlen(uri)) != SOURCE_ENTRY_PICTURE;
}

char *source_path_from_uri(const char *uri)
{
    size_t length;
    const char *fragment;
    char *path;
    if (source_uri_split(uri, &length, &fragment))
        return NULL;
    return source_uri_path(uri, &path, NULL) == LANCELET_OK ? path : NULL;
}

static bool is_hub(const char *uri)
{
    return strncmp(uri, "hf://", 5) == 0;
}

/* A file of the hub in its cache; *path NULL: it is not there. */
static lancelet_status hub_path(const char *uri, char **path, lancelet_error *err)
{
    hub_name name;
    RETURN_IF_ERROR(hub_name_read(uri, &name, err));
    lancelet_status status = LANCELET_OK;
    if (name.rest)
        status = hub_cached_file(&name.repository, name.rest, path, err);
    hub_name_free(&name);
    return status;
}

/* As source_uri_file, of a uri without a fragment. */
static lancelet_status whole_file(const char *uri, char **path, lancelet_error *err)
{
    lancelet_status status = is_hub(uri) ? hub_path(uri, path, err) : source_uri_path(uri, path, err);
    if (status != LANCELET_INVALID)
        return status;
    *path = NULL;
    return LANCELET_OK;
}

lancelet_status source_uri_file(const char *uri, char **path, lancelet_error *err)
{
    size_t length;
    const char *fragment;
    *path = NULL;
    if (!source_uri_split(uri, &length, &fragment))
        return whole_file(uri, path, err);
    char *container = base_strndup(uri, length);
    if (!container)
        return base_fail_memory(err);
    lancelet_status status = whole_file(container, path, err);
    base_free(container);
    return status;
}

/* ---- reading ---- */

/* Why a uri leads to no file, with the command that brings it. */
static lancelet_status fail_no_file(const char *uri, lancelet_error *err)
{
    hub_name name;
    if (!is_hub(uri))
        return base_fail(err, LANCELET_INVALID, "'%.100s' is no path and no file:/// address", uri);
    RETURN_IF_ERROR(hub_name_read(uri, &name, err));
    base_fail(err, LANCELET_NOT_FOUND, "%.200s is not in the cache of the hub; fetch it: picask dataset pull %s%s%s", uri,
              name.repository.name, name.repository.revision ? "@" : "",
              name.repository.revision ? name.repository.revision : "");
    hub_name_free(&name);
    return LANCELET_NOT_FOUND;
}

/* Seconds with three decimals, in microseconds. */
static int64_t time_of(const char *fragment)
{
    int64_t us = 0;
    for (const char *s = fragment + 2; *s; s++)
        if (*s != '.')
            us = us * 10 + (*s - '0');
    return us * 1000;
}

lancelet_status source_read(const char *uri, uint64_t limit, uint8_t **bytes, size_t *n, lancelet_error *err)
{
    char *path;
    size_t length;
    const char *fragment;
    *bytes = NULL;
    *n = 0;
    RETURN_IF_ERROR(source_uri_file(uri, &path, err));
    if (!path)
        return fail_no_file(uri, err);
    lancelet_status status;
    uint64_t row = 0;
    if (!source_uri_split(uri, &length, &fragment))
        status = base_file_read(path, limit, bytes, n, err);
    else if (fragment[0] == 't')
        status = source_video_read(path, time_of(fragment), limit, bytes, n, err);
    else if (base_parse_u64(fragment + 4, strlen(fragment + 4), &row))
        status = source_parquet_read(path, row, limit, bytes, n, err);
    else
        status = LANCELET_INVALID;
    base_free(path);
    return status;
}
