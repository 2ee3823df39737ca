/* hub_address.c - addresses (RFC 3986, as far as a hub's redirects need them), the Link header (RFC 8288) and Content-Range
 * (RFC 9110). All of it is text of a server, which may be any bytes.
 *
 * An address with a user in it ("https://huggingface.co@evil.example/") is none here: nothing of the hub has one, and it is what
 * an address looks like that wants to be taken for another's. */
#include "net/hub_internal.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

/* ---- origins ---- */

typedef struct origin {
    bool https;
    const char *host; /* [n_host] */
    size_t n_host;
    uint64_t port;
    const char *rest; /* behind the port: "/path?query" or "" */
} origin;

static bool is_letter_of_address(char c)
{
    return c > 0x20 && c < 0x7f && !strchr("\"<>\\^`{|}", c);
}

static bool read_origin(const char *url, origin *o)
{
    for (const char *p = url; *p; p++)
        if (!is_letter_of_address(*p))
            return false;
    o->https = strncasecmp(url, "https://", 8) == 0;
    if (!o->https && strncasecmp(url, "http://", 7) != 0)
        return false;
    const char *authority = url + (o->https ? 8 : 7);
    size_t n = strcspn(authority, "/?#");
    if (n == 0 || memchr(authority, '@', n))
        return false;
    o->host = authority;
    o->rest = authority + n;
    o->port = o->https ? 443 : 80;
    const char *bracket = authority[0] == '[' ? memchr(authority, ']', n) : NULL;
    if (authority[0] == '[' && !bracket)
        return false;
    const char *from = bracket ? bracket : authority, *colon = memchr(from, ':', n - (size_t)(from - authority));
    o->n_host = colon ? (size_t)(colon - authority) : n;
    if (bracket && o->n_host != (size_t)(bracket + 1 - authority))
        return false;
    if (colon && (!base_parse_u64(colon + 1, n - o->n_host - 1, &o->port) || o->port == 0 || o->port > 65535))
        return false;
    return o->n_host > 0;
}

bool hub_is_address(const char *url)
{
    origin o;
    return read_origin(url, &o);
}

bool hub_is_https(const char *url)
{
    return strncasecmp(url, "https://", 8) == 0;
}

bool hub_same_origin(const char *a, const char *b)
{
    origin x, y;
    return read_origin(a, &x) && read_origin(b, &y) && x.https == y.https && x.port == y.port && x.n_host == y.n_host &&
           strncasecmp(x.host, y.host, x.n_host) == 0;
}

/* ---- redirects ---- */

static char *joined(const char *base, const origin *at, const char *location)
{
    int host = (int)(at->rest - base);
    if (strncasecmp(location, "http://", 7) == 0 || strncasecmp(location, "https://", 8) == 0)
        return base_strdup(location);
    if (location[0] == '/' && location[1] == '/')
        return base_format("%s:%s", at->https ? "https" : "http", location);
    if (location[0] == '/')
        return base_format("%.*s%s", host, base, location);
    size_t path = strcspn(at->rest, "?#"), folder = path;
    if (location[0] != '?')
        while (folder > 0 && at->rest[folder - 1] != '/')
            folder--;
    return base_format("%.*s%s%s", host + (int)folder, base, folder == 0 && location[0] != '?' ? "/" : "", location);
}

lancelet_status hub_address_join(const char *base, const char *location, char **out, lancelet_error *err)
{
    origin at;
    *out = NULL;
    if (!location[0] || !read_origin(base, &at))
        return base_fail(err, LANCELET_CORRUPT, "the answer leads nowhere");
    char *url = joined(base, &at, location);
    if (!url)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    if (!hub_is_address(url))
        status = base_fail(err, LANCELET_CORRUPT, "the answer leads to '%.200s', which is no address", location);
    else if (at.https && !hub_is_https(url))
        status = base_fail(err, LANCELET_INVALID, "the answer leads from https to '%.200s', which anyone could read", location);
    if (status == LANCELET_OK)
        *out = url;
    else
        base_free(url);
    return status;
}

char *hub_quote(const char *s, bool path)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = base_alloc(3 * strlen(s) + 1);
    size_t n = 0;
    if (!out)
        return NULL;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_.-~", c) != NULL;
        if (plain || (path && c == '/')) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = digits[c >> 4];
        out[n++] = digits[c & 15];
    }
    out[n] = '\0';
    return out;
}

/* ---- headers ---- */

/* Does one of the parameters ";name=value" say rel=next? *end: behind them. */
static bool is_next(const char *p, const char **end)
{
    bool next = false;
    p += strspn(p, " \t");
    while (*p == ';') {
        p += 1 + strspn(p + 1, " \t");
        size_t name = strcspn(p, "=;,");
        bool rel = name == 3 && strncasecmp(p, "rel", 3) == 0;
        p += name;
        if (*p == '=') {
            p++;
            bool quoted = *p == '"';
            p += quoted;
            size_t n = quoted ? strcspn(p, "\"") : strcspn(p, ";, \t");
            next = next || (rel && n == 4 && strncasecmp(p, "next", 4) == 0);
            p += n;
            p += quoted && *p == '"';
        }
        p += strspn(p, " \t");
    }
    *end = p;
    return next;
}

lancelet_status hub_next_page(const char *link, char **out, lancelet_error *err)
{
    *out = NULL;
    for (const char *p = link; (p = strchr(p, '<')) != NULL;) {
        const char *address = p + 1, *end = strchr(address, '>');
        if (!end)
            return LANCELET_OK;
        if (is_next(end + 1, &p)) {
            *out = base_strndup(address, (size_t)(end - address));
            return *out ? LANCELET_OK : base_fail_memory(err);
        }
    }
    return LANCELET_OK;
}

bool hub_content_range(const char *value, uint64_t *first, uint64_t *last, uint64_t *total)
{
    if (strncasecmp(value, "bytes ", 6) != 0)
        return false;
    value += 6;
    const char *dash = strchr(value, '-'), *slash = strchr(value, '/');
    if (!dash || !slash || dash > slash || !base_parse_u64(value, (size_t)(dash - value), first) ||
        !base_parse_u64(dash + 1, (size_t)(slash - dash - 1), last) || *last < *first)
        return false;
    *total = UINT64_MAX;
    return strcmp(slash + 1, "*") == 0 || (base_parse_u64(slash + 1, strlen(slash + 1), total) && *last < *total);
}
