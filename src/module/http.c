/* http.c - the module `http`: one HTTP transfer at a time over libcurl, as net/http.h says. HTTPS certificates are checked
 * against the system's authorities (SSL_CERT_FILE names others, as for the programs curl and Python), redirects are not
 * followed, and neither cookies nor ~/.netrc are looked at; proxies are those of the environment, as curl takes them.
 *
 * A transfer is driven by curl's "multi" interface, although it is alone: that one waits at most as long as it is told, so the
 * caller's flag is seen within a tenth of a second, while connecting too. */
#include "net/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    WAIT_MS = 100,
    MAX_HEAD = 256 << 10, /* bytes of all header lines of one answer */
    MAX_NAME = 128,
};

static const base_host *host;

struct http_connection {
    CURL *easy;
    CURLM *multi;
    char reason[CURL_ERROR_SIZE];
    /* of the transfer going on */
    const http_request *request;
    size_t head_bytes;
    int status;   /* of the last head; 0: none yet */
    bool interim; /* a 1xx head, which another follows */
    bool whole;   /* the head was given to the caller */
    bool ended;   /* by the caller, at the head */
    bool stopped; /* by the caller, in the body */
    bool too_long;
    bool no_memory; /* for a header */
};

/* ---- what curl calls ---- */

static bool is_line_end(const char *line, size_t n)
{
    return (n == 2 && line[0] == '\r' && line[1] == '\n') || (n == 1 && line[0] == '\n');
}

/* "HTTP/1.1 206 Partial Content" or "HTTP/2 206" */
static int status_of_line(const char *line, size_t n)
{
    const char *space = memchr(line, ' ', n);
    int status = 0;
    if (!space || n - (size_t)(space - line) < 4)
        return 0;
    for (int i = 1; i <= 3; i++) {
        if (space[i] < '0' || space[i] > '9')
            return 0;
        status = 10 * status + (space[i] - '0');
    }
    return status;
}

/* Gives "Name: value" to the caller. A line that is none, a name beyond all use and a value with a NUL are left out. */
static void give_header(http_connection *c, const char *line, size_t n)
{
    char name[MAX_NAME];
    const char *colon = memchr(line, ':', n);
    size_t length = colon ? (size_t)(colon - line) : 0;
    if (length == 0 || length >= sizeof name)
        return;
    for (size_t i = 0; i < length; i++)
        name[i] = (char)(line[i] >= 'A' && line[i] <= 'Z' ? line[i] + ('a' - 'A') : line[i]);
    name[length] = '\0';
    const char *value = colon + 1, *end = line + n;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (memchr(value, '\0', (size_t)(end - value)))
        return;
    char *copy = host->alloc((size_t)(end - value) + 1);
    c->no_memory = !copy;
    if (!copy)
        return;
    memcpy(copy, value, (size_t)(end - value));
    copy[end - value] = '\0';
    c->request->on_header(c->request->arg, name, copy);
    host->free(copy);
}

static size_t on_header_line(char *line, size_t size, size_t count, void *arg)
{
    http_connection *c = arg;
    size_t n = size * count;
    c->head_bytes += n;
    if (c->head_bytes > MAX_HEAD) {
        c->too_long = true;
        return 0;
    }
    if (n > 5 && strncasecmp(line, "HTTP/", 5) == 0) {
        c->status = status_of_line(line, n);
        c->interim = c->status >= 100 && c->status < 200;
        c->whole = false;
    } else if (is_line_end(line, n)) {
        if (c->interim || c->whole)
            return n;
        c->whole = true;
        c->ended = !c->request->on_head(c->request->arg, c->status);
        return c->ended ? 0 : n;
    } else if (!c->interim && !c->whole) { /* not a trailer */
        give_header(c, line, n);
    }
    return c->no_memory ? 0 : n;
}

static size_t on_body_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    http_connection *c = arg;
    c->stopped = !c->request->on_body(c->request->arg, bytes, size * count);
    return c->stopped ? 0 : size * count;
}

/* ---- one transfer ---- */

/* *list: the request's headers as curl takes them. */
static bool make_headers(const http_request *r, struct curl_slist **list)
{
    *list = NULL;
    for (size_t i = 0; i < r->n_headers; i++) {
        size_t name = strlen(r->header[i].name), value = strlen(r->header[i].value);
        char *line = host->alloc(name + value + 3);
        struct curl_slist *longer = NULL;
        if (line) {
            memcpy(line, r->header[i].name, name);
            memcpy(line + name, ": ", 2);
            memcpy(line + name + 2, r->header[i].value, value + 1);
            longer = curl_slist_append(*list, line);
        }
        host->free(line);
        if (!longer) {
            curl_slist_free_all(*list);
            *list = NULL;
            return false;
        }
        *list = longer;
    }
    return true;
}

static void set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static bool prepare(http_connection *c, const http_request *r, const struct curl_slist *headers)
{
    const char *authorities = getenv("SSL_CERT_FILE");
    CURL *e = c->easy;
    curl_easy_reset(e); /* connections stay open */
    c->reason[0] = '\0';
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->reason);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)r->connect_seconds);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)r->stall_seconds);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header_line);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body_bytes);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    if (authorities && *authorities)
        curl_easy_setopt(e, CURLOPT_CAINFO, authorities);
    set_protocols(e);
    if (strcmp(r->method, "HEAD") == 0)
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    return curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers) == CURLE_OK && curl_easy_setopt(e, CURLOPT_URL, r->url) == CURLE_OK;
}

/* Until the transfer is done, or the caller's flag set: false. */
static bool drive(http_connection *c, CURLcode *result)
{
    int running = 1;
    *result = CURLE_OK;
    if (curl_multi_add_handle(c->multi, c->easy) != CURLM_OK) {
        *result = CURLE_OUT_OF_MEMORY;
        return true;
    }
    bool cancelled = false;
    while (running && !cancelled) {
        CURLMcode code = curl_multi_perform(c->multi, &running);
        if (code == CURLM_OK && running)
            code = curl_multi_poll(c->multi, NULL, 0, WAIT_MS, NULL);
        if (code != CURLM_OK) {
            *result = CURLE_OUT_OF_MEMORY;
            break;
        }
        cancelled = running && c->request->cancel && *c->request->cancel;
    }
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left)) != NULL;)
        if (m->msg == CURLMSG_DONE)
            *result = m->data.result;
    curl_multi_remove_handle(c->multi, c->easy);
    return !cancelled;
}

static lancelet_status status_of(const http_connection *c, CURLcode result)
{
    switch (result) {
    case CURLE_OUT_OF_MEMORY:
        return LANCELET_MEMORY;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        return LANCELET_NOT_FOUND;
    case CURLE_WEIRD_SERVER_REPLY:
        return LANCELET_CORRUPT;
    case CURLE_OPERATION_TIMEDOUT:
        return c->status ? LANCELET_IO : LANCELET_NOT_FOUND;
    default:
        return LANCELET_IO;
    }
}

static lancelet_status perform(http_connection *c, const http_request *request, int *status, lancelet_error *err)
{
    struct curl_slist *headers;
    CURLcode result = CURLE_OUT_OF_MEMORY;
    c->request = request;
    c->head_bytes = 0;
    c->status = 0;
    c->interim = c->whole = c->ended = c->stopped = c->too_long = c->no_memory = false;
    bool finished = true;
    if (make_headers(request, &headers)) {
        if (prepare(c, request, headers))
            finished = drive(c, &result);
        curl_slist_free_all(headers);
    }
    *status = c->status;
    if (!finished)
        return host->fail(err, LANCELET_CANCELLED, "cancelled");
    if (c->ended)
        return LANCELET_OK;
    if (c->stopped)
        return host->fail(err, LANCELET_CANCELLED, "the transfer was ended");
    if (c->too_long)
        return host->fail(err, LANCELET_CORRUPT, "the answer has more than %d bytes of headers", (int)MAX_HEAD);
    if (result == CURLE_OK && !c->whole)
        return host->fail(err, LANCELET_CORRUPT, "the answer is no HTTP");
    if (result == CURLE_OK)
        return LANCELET_OK;
    if (result == CURLE_OUT_OF_MEMORY || c->no_memory)
        return host->fail(err, LANCELET_MEMORY, "out of memory");
    return host->fail(err, status_of(c, result), "%s", c->reason[0] ? c->reason : curl_easy_strerror(result));
}

/* ---- the table ---- */

static void destroy(http_connection *c)
{
    if (!c)
        return;
    if (c->easy)
        curl_easy_cleanup(c->easy);
    if (c->multi)
        curl_multi_cleanup(c->multi);
    host->free(c);
}

static lancelet_status create(http_connection **out, lancelet_error *err)
{
    http_connection *c = host->alloc(sizeof *c);
    if (c) {
        *c = (http_connection){.easy = curl_easy_init(), .multi = curl_multi_init()};
        if (c->easy && c->multi) {
            *out = c;
            return LANCELET_OK;
        }
        destroy(c);
    }
    return host->fail(err, LANCELET_MEMORY, "out of memory");
}

static const http_module table = {sizeof table, create, destroy, perform};

#pragma GCC visibility push(default)
const void *picask_module(const base_host *given, int version);
#pragma GCC visibility pop

/* Called once, before other threads can have the table. */
const void *picask_module(const base_host *given, int version)
{
    if (version != HTTP_MODULE_VERSION || given->struct_size < sizeof(base_host))
        return NULL;
    host = given;
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? &table : NULL;
}
