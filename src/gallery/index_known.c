/* index_known.c - the rows that a table holds, as an index run needs them: found by uri and by content.
 *
 * About 200 bytes a row: the pictures and vectors stay in the table, a caption is kept as its hash. Rows of the same
 * content form a chain. The owning thread changes all this; worker threads only ask whether a content is known, so the
 * mutex guards just the map that they read. */
#include <pthread.h>
#include <string.h>

#include "gallery/index.h"

struct known_rows {
    known_row *row; /* [n] */
    size_t n, capacity;
    base_map64 *by_uri;     /* uri -> index; GALLERY_NONE: no row any more */
    base_map64 *by_content; /* 32 bytes of SHA-256 -> index of the chain's first row; GALLERY_NONE: none */
    base_arena names;
    pthread_mutex_t lock;
};

lancelet_status known_rows_create(known_rows **out, lancelet_error *err)
{
    known_rows *k = base_calloc(1, sizeof *k);
    if (!k)
        return base_fail_memory(err);
    pthread_mutex_init(&k->lock, NULL);
    k->by_uri = base_map64_create();
    k->by_content = base_map64_create();
    if (!k->by_uri || !k->by_content) {
        known_rows_destroy(k);
        return base_fail_memory(err);
    }
    *out = k;
    return LANCELET_OK;
}

void known_rows_destroy(known_rows *k)
{
    if (!k)
        return;
    base_map64_destroy(k->by_uri);
    base_map64_destroy(k->by_content);
    base_arena_free(&k->names);
    base_free(k->row);
    pthread_mutex_destroy(&k->lock);
    base_free(k);
}

known_row *known_rows_at(known_rows *k, size_t i)
{
    return &k->row[i];
}

uint64_t known_text_hash(const char *text, size_t n)
{
    if (!text)
        return 0;
    uint64_t hash = base_hash64(text, n, 0);
    return hash ? hash : 1; /* 0 stands for no caption */
}

static bool sha_from_hex(const char *hex, size_t n, uint8_t out[32])
{
    if (n != 64)
        return false;
    for (size_t i = 0; i < 64; i++) {
        char c = hex[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | digit : digit << 4);
    }
    return true;
}

static size_t index_in(const base_map64 *map, const void *key, size_t n)
{
    uint64_t at;
    return base_map64_get(map, key, n, &at) && at != GALLERY_NONE ? (size_t)at : KNOWN_NONE;
}

size_t known_rows_by_uri(const known_rows *k, const char *uri)
{
    return index_in(k->by_uri, uri, strlen(uri));
}

size_t known_rows_by_content(const known_rows *k, const char *sha256)
{
    uint8_t sha[32];
    return sha_from_hex(sha256, strlen(sha256), sha) ? index_in(k->by_content, sha, sizeof sha) : KNOWN_NONE;
}

bool known_rows_has_content(known_rows *k, const char *sha256)
{
    pthread_mutex_lock(&k->lock);
    bool has = known_rows_by_content(k, sha256) != KNOWN_NONE;
    pthread_mutex_unlock(&k->lock);
    return has;
}

static lancelet_status new_row(known_rows *k, size_t *index, lancelet_error *err)
{
    if (k->n == k->capacity) {
        size_t capacity = k->capacity ? k->capacity * 2 : 256, bytes;
        known_row *grown =
            base_mul_size(capacity, sizeof *grown, &bytes) ? base_realloc(k->row, bytes) : NULL;
        if (!grown)
            return base_fail_memory(err);
        k->row = grown;
        k->capacity = capacity;
    }
    k->row[k->n] = (known_row){.address = GALLERY_NONE,
                               .id = -1,
                               .size = -1,
                               .modified_us = INT64_MIN,
                               .next_same = KNOWN_NONE,
                               .previous_same = KNOWN_NONE,
                               .change = KNOWN_NONE};
    *index = k->n++;
    return LANCELET_OK;
}

static lancelet_status set_uri(known_rows *k, size_t i, const char *uri, size_t n, lancelet_error *err)
{
    const char *copy = base_arena_strndup(&k->names, uri, n);
    if (!copy || !base_map64_set(k->by_uri, uri, n, i))
        return base_fail_memory(err);
    k->row[i].uri = copy;
    return LANCELET_OK;
}

lancelet_status known_rows_add(known_rows *k, const char *uri, size_t *index, lancelet_error *err)
{
    size_t i;
    RETURN_IF_ERROR(new_row(k, &i, err));
    RETURN_IF_ERROR(set_uri(k, i, uri, strlen(uri), err));
    *index = i;
    return LANCELET_OK;
}

lancelet_status known_rows_set_uri(known_rows *k, size_t i, const char *uri, lancelet_error *err)
{
    const char *old = k->row[i].uri;
    /* the old name may belong to another row by now */
    if (old && known_rows_by_uri(k, old) == i && !base_map64_set(k->by_uri, old, strlen(old), GALLERY_NONE))
        return base_fail_memory(err);
    k->row[i].uri = NULL;
    return uri ? set_uri(k, i, uri, strlen(uri), err) : LANCELET_OK;
}

/* ---- content ---- */

static bool set_chain(known_rows *k, const uint8_t sha[32], size_t first)
{
    pthread_mutex_lock(&k->lock);
    bool fits = base_map64_set(k->by_content, sha, 32, first == KNOWN_NONE ? GALLERY_NONE : first);
    pthread_mutex_unlock(&k->lock);
    return fits;
}

static lancelet_status unlink_content(known_rows *k, size_t i, lancelet_error *err)
{
    known_row *row = &k->row[i];
    if (!row->has_sha)
        return LANCELET_OK;
    if (row->previous_same == KNOWN_NONE && !set_chain(k, row->sha, row->next_same))
        return base_fail_memory(err);
    if (row->previous_same != KNOWN_NONE)
        k->row[row->previous_same].next_same = row->next_same;
    if (row->next_same != KNOWN_NONE)
        k->row[row->next_same].previous_same = row->previous_same;
    row->has_sha = false;
    row->all_seen = false;
    row->next_same = row->previous_same = KNOWN_NONE;
    return LANCELET_OK;
}

static lancelet_status link_content(known_rows *k, size_t i, const uint8_t sha[32], lancelet_error *err)
{
    size_t first = index_in(k->by_content, sha, 32);
    if (first == KNOWN_NONE) {
        if (!set_chain(k, sha, i))
            return base_fail_memory(err);
    } else { /* behind the first: the map stays as it is */
        size_t next = k->row[first].next_same;
        k->row[i].next_same = next;
        k->row[i].previous_same = first;
        k->row[first].next_same = i;
        if (next != KNOWN_NONE)
            k->row[next].previous_same = i;
    }
    memcpy(k->row[i].sha, sha, 32);
    k->row[i].has_sha = true;
    return LANCELET_OK;
}

lancelet_status known_rows_set_content(known_rows *k, size_t i, const char *sha256, lancelet_error *err)
{
    uint8_t sha[32];
    RETURN_IF_ERROR(unlink_content(k, i, err));
    return sha_from_hex(sha256, strlen(sha256), sha) ? link_content(k, i, sha, err) : LANCELET_OK;
}

/* ---- from the table ---- */

typedef struct load_arg {
    known_rows *k;
    int uri, sha256, text, id, size, modified, address; /* columns of the scan; -1: not there */
} load_arg;

static int64_t int_of(const struct ArrowSchema *s, const struct ArrowArray *batch, int column, int64_t i,
                      int64_t none)
{
    int64_t v;
    return column >= 0 && arrow_int(s->children[column], batch->children[column], i, &v) ? v : none;
}

static lancelet_status load_row(const load_arg *l, const struct ArrowSchema *s,
                                const struct ArrowArray *batch, int64_t i, lancelet_error *err)
{
    known_rows *k = l->k;
    size_t at, n;
    uint8_t sha[32];
    RETURN_IF_ERROR(new_row(k, &at, err));
    known_row *row = &k->row[at];
    row->address = (uint64_t)int_of(s, batch, l->address, i, 0);
    row->id = int_of(s, batch, l->id, i, (int64_t)row->address);
    row->size = int_of(s, batch, l->size, i, -1);
    row->modified_us = int_of(s, batch, l->modified, i, INT64_MIN);
    const char *text =
        l->text < 0 ? NULL : arrow_bytes(s->children[l->text], batch->children[l->text], i, &n);
    row->text_hash = text ? known_text_hash(text, n) : 0;
    const char *uri = arrow_bytes(s->children[l->uri], batch->children[l->uri], i, &n);
    if (uri)
        RETURN_IF_ERROR(set_uri(k, at, uri, n, err));
    const char *hex = arrow_bytes(s->children[l->sha256], batch->children[l->sha256], i, &n);
    if (hex && sha_from_hex(hex, n, sha))
        RETURN_IF_ERROR(link_content(k, at, sha, err));
    return LANCELET_OK;
}

static lancelet_status load_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                  lancelet_error *err)
{
    load_arg *l = arg;
    for (int64_t i = batch->offset; i < batch->offset + batch->length; i++)
        RETURN_IF_ERROR(load_row(l, s, batch, i, err));
    return LANCELET_OK;
}

lancelet_status known_rows_load(known_rows *k, const picask_table *t, const volatile int *cancel,
                                lancelet_error *err)
{
    load_arg l = {.k = k};
    const char *names[6];
    int n = 0;
    struct {
        int64_t column;
        int *at;
    } part[] = {{t->roles.uri, &l.uri}, {t->roles.sha256, &l.sha256}, {t->roles.text, &l.text},
                {t->roles.id, &l.id},   {t->roles.size, &l.size},     {t->roles.modified, &l.modified}};
    for (size_t i = 0; i < 6; i++) {
        *part[i].at = part[i].column < 0 ? -1 : n;
        if (part[i].column >= 0)
            names[n++] = gallery_column_name(t, part[i].column);
    }
    l.address = n;
    return gallery_scan(t, names, (size_t)n, load_batch, &l, cancel, err);
}

/* ---- addresses ---- */

void known_rows_committed(known_rows *k, const row_changes *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->row[i].known != KNOWN_NONE)
            k->row[c->row[i].known].address = GALLERY_NONE;
    for (size_t i = 0; i < c->n; i++)
        if (c->row[i].known != KNOWN_NONE)
            k->row[c->row[i].known].change = KNOWN_NONE;
}

void known_rows_moved(known_rows *k)
{
    for (size_t i = 0; i < k->n; i++) {
        k->row[i].address = GALLERY_NONE;
        k->row[i].change = KNOWN_NONE;
    }
}

typedef struct resolve_arg {
    known_rows *k;
    base_map64 *by_id; /* id -> index; NULL: by uri */
} resolve_arg;

static lancelet_status resolve_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                     lancelet_error *err)
{
    resolve_arg *r = arg;
    (void)err;
    for (int64_t i = batch->offset; i < batch->offset + batch->length; i++) {
        int64_t id;
        size_t at = KNOWN_NONE, n;
        if (r->by_id && arrow_int(s->children[0], batch->children[0], i, &id)) {
            at = index_in(r->by_id, &id, sizeof id);
        } else if (!r->by_id) {
            const char *uri = arrow_bytes(s->children[0], batch->children[0], i, &n);
            at = uri ? index_in(r->k->by_uri, uri, n) : KNOWN_NONE;
        }
        if (at != KNOWN_NONE) /* of rows with one id the last one counts: a changed row lies behind */
            r->k->row[at].address = (uint64_t)int_of(s, batch, 1, i, 0);
    }
    return LANCELET_OK;
}

lancelet_status known_rows_resolve(known_rows *k, const picask_table *t, lancelet_error *err)
{
    bool by_id = t->roles.id >= 0;
    resolve_arg r = {k, by_id ? base_map64_create() : NULL};
    const char *column = gallery_column_name(t, by_id ? t->roles.id : t->roles.uri);
    lancelet_status status = by_id && !r.by_id ? base_fail_memory(err) : LANCELET_OK;
    for (size_t i = 0; i < k->n && by_id && status == LANCELET_OK; i++)
        if (k->row[i].address == GALLERY_NONE && k->row[i].id >= 0 &&
            !base_map64_set(r.by_id, &k->row[i].id, sizeof k->row[i].id, i))
            status = base_fail_memory(err);
    if (status == LANCELET_OK)
        status = gallery_scan(t, &column, 1, resolve_batch, &r, NULL, err);
    base_map64_destroy(r.by_id);
    return status;
}
