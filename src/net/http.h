/* http.h - what the room asks of the module `http` (libcurl): one transfer at a time a handle, HTTPS, redirects followed by the
 * caller alone, so that a token never goes to another host. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/module.h"

#define HTTP_MODULE_VERSION 1

typedef struct http_header {
    const char *name, *value; /* value without line ends */
} http_header;

typedef struct http_request {
    const char *method;        /* "GET", "HEAD" */
    const char *url;           /* http:// or https:// */
    const http_header *header; /* [n_headers] */
    size_t n_headers;
    int connect_seconds;       /* to connect */
    int stall_seconds;         /* without a byte: given up */
    void *arg;                 /* of the functions */
    /* A line of the last answer's head, names in lower case. */
    void (*on_header)(void *arg, const char *name, const char *value);
    /* The status is known and all headers were given: false ends the transfer without a body (no error). */
    bool (*on_head)(void *arg, int status);
    bool (*on_body)(void *arg, const void *bytes, size_t n); /* false ends the transfer: CANCELLED */
    const volatile int *cancel;
} http_request;

typedef struct http_connection http_connection; /* keeps connections open between requests; one thread at a time */

typedef struct http_module {
    size_t struct_size;
    lancelet_status (*create)(http_connection **out, lancelet_error *err);
    void (*destroy)(http_connection *c);
    /* *status: of HTTP, 0 when none came. The sentence is the bare reason. NOT_FOUND: no connection (no network, name not
     * found, certificate not trusted); IO: it was lost, or nothing came for stall_seconds; CORRUPT: no HTTP. */
    lancelet_status (*perform)(http_connection *c, const http_request *request, int *status, lancelet_error *err);
} http_module;

#endif
