/* hub_internal.h - what the files of the hub share: the environment, addresses, one request with its redirects and patience,
 * listings, one file's download. */
#ifndef NET_HUB_INTERNAL_H
#define NET_HUB_INTERNAL_H

#include "net/http.h"
#include "net/hub.h"

/* ---- the environment (hub_place.c), read once a call ---- */

typedef struct hub_place {
    char *endpoint;   /* "https://huggingface.co", no slash behind it */
    const char *host; /* of the endpoint, for sentences: borrowed from it */
    char *token;      /* NULL: none */
    char *token_from; /* "HF_TOKEN", or the file it stood in */
    bool offline;
} hub_place;
/* INVALID for an endpoint that is no http:// or https:// address and for a token that no header can carry. */
lancelet_status hub_place_read(hub_place *out, lancelet_error *err) MUST_CHECK;
void hub_place_free(hub_place *p);

/* ---- addresses and header values (hub_address.c): bytes of a server ---- */

/* http:// or https://, a host, and no letter that an address may not have; no user and password in it. */
bool hub_is_address(const char *url);
bool hub_is_https(const char *url);
/* Scheme, host and port are the same. Both are addresses. */
bool hub_same_origin(const char *a, const char *b);
/* Where a Location header at address `base` leads: owned. CORRUPT when that is no address; INVALID from https to http. */
lancelet_status hub_address_join(const char *base, const char *location, char **out, lancelet_error *err) MUST_CHECK;
/* s with all but letters, digits and "_.-~" as %XX; slashes stay when `path`. Owned; NULL when memory is out. */
char *hub_quote(const char *s, bool path);
/* The address with rel="next" of a Link header, as it stands there: owned; OK and NULL where there is none. */
lancelet_status hub_next_page(const char *link, char **out, lancelet_error *err) MUST_CHECK;
/* "bytes 10-99/100"; *total UINT64_MAX where it is "*". */
bool hub_content_range(const char *value, uint64_t *first, uint64_t *last, uint64_t *total);

/* ---- requests (hub_request.c) ---- */

enum { HUB_ADDRESS = 8192, HUB_VALUE = 512 };

/* What is kept of an answer's head; a value that does not fit is empty. */
typedef struct hub_head {
    int status;
    char location[HUB_ADDRESS], link[HUB_ADDRESS];
    char error_code[HUB_VALUE], error_message[HUB_VALUE], content_range[HUB_VALUE];
    uint64_t retry_after; /* seconds; 0: not said */
} hub_head;

typedef struct hub_client {
    const hub_place *place;
    const volatile int *cancel;
    const http_module *http;
    http_connection *connection;
    hub_head head;    /* of the last answer */
    bool sink_failed; /* in the last request: that is no trouble of the line */
} hub_client;
lancelet_status hub_client_open(hub_client *c, const hub_place *place, const volatile int *cancel, lancelet_error *err) MUST_CHECK;
void hub_client_close(hub_client *c);

/* Takes a body: of the answers 200 and 206 alone. */
typedef struct hub_sink {
    void *arg;
    lancelet_status (*begin)(void *arg, const hub_head *head, lancelet_error *err); /* before the first byte; may be NULL */
    lancelet_status (*take)(void *arg, const void *bytes, size_t n, lancelet_error *err);
} hub_sink;

/* One GET with its redirects; `range`: of the header ("bytes=10-"), NULL: none. OK when an answer came: c->head.status says
 * which. The token goes to the endpoint alone. NOT_FOUND: no connection, IO: it broke; CORRUPT, and what the sink fails with. */
lancelet_status hub_get(hub_client *c, const char *url, const char *range, const hub_sink *sink, lancelet_error *err) MUST_CHECK;
/* May it go better next time? What is meant: an answer (failed OK), or a failure of hub_get. */
bool hub_is_passing(const hub_client *c, lancelet_status failed);
/* Waits before try `n` (1: the second): half a second and twice as long each time, or as the answer asks. LIMIT: it asks for more
 * than half a minute. */
lancelet_status hub_wait(hub_client *c, int n, lancelet_error *err) MUST_CHECK;
enum { HUB_TRIES = 5 };

/* The whole body of an answer 200, with patience; *body is the caller's (base_buffer_free). `limit`: bytes. Else the sentence
 * that hub_fail_answer has. */
lancelet_status hub_get_all(hub_client *c, const hub_repository *r, const char *url, size_t limit, base_buffer *body,
                            lancelet_error *err) MUST_CHECK;

/* The sentence for an answer that is none of 2xx; `file`: what was asked for, or NULL. */
lancelet_status hub_fail_answer(const hub_client *c, const hub_repository *r, const char *file, lancelet_error *err);
/* Puts what helps behind a sentence that says why there is no connection. */
lancelet_status hub_fail_connection(const hub_client *c, lancelet_status status, lancelet_error *err);
/* "model" or "data set" */
const char *hub_kind(const hub_repository *r);
/* The part of addresses in front of the name: "datasets/" or "" */
const char *hub_prefix(const hub_repository *r);
static inline const char *hub_revision(const hub_repository *r)
{
    return r->revision ? r->revision : "main";
}

/* ---- listings (hub_listing.c): JSON of a server ---- */

/* The commit in what the hub says of a repository. CORRUPT. */
lancelet_status hub_parse_info(const char *json, size_t n, char commit[65], lancelet_error *err) MUST_CHECK;
/* Adds the files of one page to `out` (arena, file, n; *capacity of file). CORRUPT, also for names that lead out of a folder. */
lancelet_status hub_parse_page(const char *json, size_t n, hub_files *out, size_t *capacity, lancelet_error *err) MUST_CHECK;
/* Sorts by name. CORRUPT when one is there twice. */
lancelet_status hub_sort(hub_files *f, lancelet_error *err) MUST_CHECK;
/* Adds a file to a listing. */
lancelet_status hub_add_file(hub_files *out, size_t *capacity, const hub_file *file, lancelet_error *err) MUST_CHECK;

/* ---- one file (hub_file.c) ---- */

typedef struct hub_job {
    const hub_repository *repository;
    const char *folder; /* of the repository in the cache */
    const char *locks;  /* .locks/<its name> */
    const char *commit;
    void *arg;
    void (*moved)(void *arg, int64_t bytes);         /* bytes that are here more than before; fewer after starting anew */
    void (*note)(void *arg, const char *sentence);
} hub_job;
/* Fetches a file unless its blob is there, checks it and links it into its snapshot. */
lancelet_status hub_download(hub_client *c, const hub_job *job, const hub_file *file, lancelet_error *err) MUST_CHECK;
/* Where a file is in the snapshot of a commit: owned; NULL when memory is out. */
char *hub_snapshot_path(const char *folder, const char *commit, const char *file);
/* Bytes of a broken download of it that are here. */
uint64_t hub_partial_bytes(const char *folder, const hub_file *file);

#endif
