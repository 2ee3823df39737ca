/* hub_request.c - a request to the hub: redirects followed here, so that the token is sent to the endpoint's own scheme, host and
 * port and to no other (huggingface_hub also trusts hf.co and the staging host); patience with answers that pass (429, 5xx, a
 * connection that broke); and the sentence for each answer that stays. */
#include "net/hub_internal.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "base/file.h"
#include "base/pool.h"
#include "base/text.h"

enum {
    MAX_REDIRECTS = 10,
    CONNECT_SECONDS = 15,
    STALL_SECONDS = 30,
    FIRST_WAIT_MS = 500,
    LOOK_MS = 100, /* how often a wait looks at the cancel flag */
    LONGEST_WAIT = 30, /* seconds that an answer may ask for */
};

#define USER_AGENT "picask/" LANCELET_VERSION

lancelet_status hub_client_open(hub_client *c, const hub_place *place, const volatile int *cancel, lancelet_error *err)
{
    const void *table;
    *c = (hub_client){.place = place, .cancel = cancel};
    RETURN_IF_ERROR(base_module_open("http", HTTP_MODULE_VERSION, "fetching from the Hugging Face hub", "libcurl4-openssl-dev", &table, err));
    c->http = table;
    return c->http->create(&c->connection, err);
}

void hub_client_close(hub_client *c)
{
    if (c->connection)
        c->http->destroy(c->connection);
    c->connection = NULL;
}

const char *hub_kind(const hub_repository *r)
{
    return r->dataset ? "data set" : "model";
}

const char *hub_prefix(const hub_repository *r)
{
    return r->dataset ? "datasets/" : "";
}

/* ---- one answer ---- */

typedef struct transfer {
    hub_client *c;
    const hub_sink *sink;
    bool begun;
    lancelet_status status; /* of the sink */
    lancelet_error *err;
} transfer;

static void keep(char *out, size_t size, const char *value)
{
    size_t n = strlen(value);
    out[0] = '\0';
    if (n < size)
        memcpy(out, value, n + 1);
}

static void on_header(void *arg, const char *name, const char *value)
{
    transfer *t = arg;
    hub_head *h = &t->c->head;
    if (strcmp(name, "location") == 0)
        keep(h->location, sizeof h->location, value);
    else if (strcmp(name, "link") == 0)
        keep(h->link, sizeof h->link, value);
    else if (strcmp(name, "content-range") == 0)
        keep(h->content_range, sizeof h->content_range, value);
    else if (strcmp(name, "x-error-code") == 0)
        keep(h->error_code, sizeof h->error_code, value);
    else if (strcmp(name, "x-error-message") == 0)
        keep(h->error_message, sizeof h->error_message, value);
    else if (strcmp(name, "retry-after") == 0 && !base_parse_u64(value, strlen(value), &h->retry_after))
        h->retry_after = 0; /* a date: the usual wait */
}

static bool on_head(void *arg, int status)
{
    transfer *t = arg;
    t->c->head.status = status;
    return status == 200 || status == 206;
}

static bool on_body(void *arg, const void *bytes, size_t n)
{
    transfer *t = arg;
    if (!t->begun && t->sink->begin)
        t->status = t->sink->begin(t->sink->arg, &t->c->head, t->err);
    t->begun = true;
    if (t->status == LANCELET_OK)
        t->status = t->sink->take(t->sink->arg, bytes, n, t->err);
    return t->status == LANCELET_OK;
}

/* One answer, whatever it is. */
static lancelet_status perform(hub_client *c, const char *url, const char *range, const hub_sink *sink, lancelet_error *err)
{
    http_header header[4] = {{"User-Agent", USER_AGENT}, {"Accept-Encoding", "identity"}};
    size_t n = 2;
    char *bearer = NULL;
    if (range)
        header[n++] = (http_header){"Range", range};
    if (c->place->token && hub_same_origin(url, c->place->endpoint)) {
        bearer = base_format("Bearer %s", c->place->token);
        if (!bearer)
            return base_fail_memory(err);
        header[n++] = (http_header){"Authorization", bearer};
    }
    transfer t = {.c = c, .sink = sink, .err = err};
    http_request request = {.method = "GET",
                            .url = url,
                            .header = header,
                            .n_headers = n,
                            .connect_seconds = CONNECT_SECONDS,
                            .stall_seconds = STALL_SECONDS,
                            .arg = &t,
                            .on_header = on_header,
                            .on_head = on_head,
                            .on_body = on_body,
                            .cancel = c->cancel};
    memset(&c->head, 0, sizeof c->head);
    int status;
    lancelet_error why;
    lancelet_status failed = c->http->perform(c->connection, &request, &status, &why);
    base_free(bearer);
    c->sink_failed = t.status != LANCELET_OK;
    if (c->sink_failed)
        return t.status; /* with the sink's own sentence: the module says only that it was ended */
    if (failed != LANCELET_OK && err)
        *err = why;
    if (failed == LANCELET_CANCELLED)
        return base_fail_cancelled(err);
    if (failed == LANCELET_OK && !t.begun && on_head(&t, c->head.status) && sink->begin) { /* an empty body */
        failed = sink->begin(sink->arg, &c->head, err);
        c->sink_failed = failed != LANCELET_OK;
    }
    return failed;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

lancelet_status hub_get(hub_client *c, const char *url, const char *range, const hub_sink *sink, lancelet_error *err)
{
    char *at = base_strdup(url), *next = NULL;
    if (!at)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    for (int n = 0;; n++) {
        status = perform(c, at, range, sink, err);
        if (status != LANCELET_OK || !is_redirect(c->head.status))
            break;
        if (n == MAX_REDIRECTS) {
            status = base_fail(err, LANCELET_CORRUPT, "more than %d redirects from %.300s", MAX_REDIRECTS, url);
            break;
        }
        status = hub_address_join(at, c->head.location, &next, err);
        if (status != LANCELET_OK)
            break;
        base_free(at);
        at = next;
    }
    base_free(at);
    return status;
}

/* ---- patience ---- */

bool hub_is_passing(const hub_client *c, lancelet_status failed)
{
    int s = c->head.status;
    if (failed != LANCELET_OK)
        return failed == LANCELET_IO && !c->sink_failed;
    return s == 408 || s == 429 || s == 500 || s == 502 || s == 503 || s == 504;
}

lancelet_status hub_wait(hub_client *c, int n, lancelet_error *err)
{
    int64_t ms = (int64_t)FIRST_WAIT_MS << (n - 1), asked = 0;
    if (c->head.retry_after > LONGEST_WAIT)
        return base_fail(err, LANCELET_LIMIT, "%.200s asks to wait %" PRIu64 " seconds; try again then", c->place->host,
                         c->head.retry_after);
    asked = (int64_t)c->head.retry_after * 1000;
    int64_t until = base_monotonic_us() + 1000 * (asked > ms ? asked : ms);
    while (base_monotonic_us() < until) {
        if (base_cancelled(c->cancel))
            return base_fail_cancelled(err);
        poll(NULL, 0, LOOK_MS);
    }
    return LANCELET_OK;
}

/* ---- whole answers ---- */

typedef struct whole {
    base_buffer *body;
    size_t limit;
    const char *host;
} whole;

static lancelet_status begin_whole(void *arg, const hub_head *head, lancelet_error *err)
{
    whole *w = arg;
    (void)head;
    (void)err;
    w->body->size = 0;
    return LANCELET_OK;
}

static lancelet_status take_whole(void *arg, const void *bytes, size_t n, lancelet_error *err)
{
    whole *w = arg;
    if (n > w->limit - w->body->size)
        return base_fail(err, LANCELET_LIMIT, "the answer of %.200s has more than %zu bytes", w->host, w->limit);
    return base_buffer_append(w->body, bytes, n) ? LANCELET_OK : base_fail_memory(err);
}

lancelet_status hub_get_all(hub_client *c, const hub_repository *r, const char *url, size_t limit, base_buffer *body, lancelet_error *err)
{
    whole w = {body, limit, c->place->host};
    const hub_sink sink = {&w, begin_whole, take_whole};
    lancelet_status status;
    *body = (base_buffer){0};
    for (int n = 1;; n++) {
        status = hub_get(c, url, NULL, &sink, err);
        if (n == HUB_TRIES || !hub_is_passing(c, status))
            break;
        status = hub_wait(c, n, err);
        if (status != LANCELET_OK)
            break;
    }
    if (status == LANCELET_OK && c->head.status != 200)
        status = hub_fail_answer(c, r, NULL, err);
    else if (!c->sink_failed && (status == LANCELET_IO || status == LANCELET_NOT_FOUND))
        status = hub_fail_connection(c, status, err);
    if (status != LANCELET_OK)
        base_buffer_free(body);
    return status;
}

/* ---- sentences ---- */

lancelet_status hub_fail_connection(const hub_client *c, lancelet_status status, lancelet_error *err)
{
    if (err) {
        char reason[sizeof err->text];
        memcpy(reason, err->text, sizeof reason);
        if (status == LANCELET_NOT_FOUND)
            base_fail(err, LANCELET_IO, "no answer from %.200s: %.400s; what is in the cache can be used with HF_HUB_OFFLINE=1",
                      c->place->host, reason);
        else
            base_fail(err, LANCELET_IO, "the connection with %.200s broke: %.400s; run the same again, it goes on from there",
                      c->place->host, reason);
    }
    return LANCELET_IO;
}

static lancelet_status fail_token(const hub_client *c, lancelet_error *err)
{
    return base_fail(err, LANCELET_INVALID, "the hub does not take the token of %.300s; make one at %.300s/settings/tokens",
                     c->place->token_from, c->place->endpoint);
}

static lancelet_status fail_gated(const hub_client *c, const hub_repository *r, lancelet_error *err)
{
    const char *page = c->place->endpoint, *prefix = hub_prefix(r);
    if (!c->place->token)
        return base_fail(err, LANCELET_INVALID, "%s is gated: ask for access at %.300s/%s%s, then set HF_TOKEN", r->name, page, prefix,
                         r->name);
    return base_fail(err, LANCELET_INVALID, "%s is gated, and the token of %.300s has no access yet: ask for it at %.300s/%s%s", r->name,
                     c->place->token_from, page, prefix, r->name);
}

lancelet_status hub_fail_answer(const hub_client *c, const hub_repository *r, const char *file, lancelet_error *err)
{
    const hub_head *h = &c->head;
    const char *code = h->error_code, *host = c->place->host;
    bool denied = h->status == 401 || h->status == 403;
    if (denied && strcmp(code, "GatedRepo") == 0)
        return fail_gated(c, r, err);
    if (strcmp(code, "RevisionNotFound") == 0)
        return base_fail(err, LANCELET_NOT_FOUND, "%s %s has no revision '%.100s'; branches, tags and commits stand at %.300s/%s%s",
                         hub_kind(r), r->name, hub_revision(r), c->place->endpoint, hub_prefix(r), r->name);
    if (strcmp(code, "EntryNotFound") == 0 || (h->status == 404 && file))
        return base_fail(err, LANCELET_NOT_FOUND, "%s %s has no file %.300s", hub_kind(r), r->name, file ? file : "of that name");
    if (h->status == 401 && c->place->token && strcmp(code, "RepoNotFound") != 0)
        return fail_token(c, err);
    if (h->status == 404 || h->status == 401)
        return base_fail(err, LANCELET_NOT_FOUND, "there is no %s %s at %.200s, or no right to see it%s", hub_kind(r), r->name, host,
                         c->place->token ? "" : "; one that is private needs HF_TOKEN");
    if (h->status == 403)
        return base_fail(err, LANCELET_INVALID, "%.200s refuses %s %s: %.200s", host, hub_kind(r), r->name,
                         h->error_message[0] ? h->error_message : "no reason given");
    if (h->status == 429)
        return base_fail(err, LANCELET_LIMIT, "%.200s has had too many requests from here; try again in a few minutes%s", host,
                         c->place->token ? "" : ", or set HF_TOKEN: with one more are allowed");
    if (h->status >= 500)
        return base_fail(err, LANCELET_IO, "%.200s has an error of its own (%d); try again later", host, h->status);
    return base_fail(err, LANCELET_IO, "%.200s answers %d to the request for %s %s", host, h->status, hub_kind(r), r->name);
}
