/* index_known.c - the rows that a table holds, as an index run needs them: found by uri and by content.
 *
 * About 180 bytes a row with a path of 60, so that a million rows stay below 200 MB: the pictures and vectors stay in the
 * table, a caption is kept as its hash, and the two indexes hold 8 bytes a slot (a piece of the key's hash and the row's
 * number; the keys are those of the rows). Rows of the same content form a chain. The owning thread changes all this; worker
 * threads only ask whether a content is known, so the mutex guards just what that question reads. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gallery/index.h"

#define SLOT_EMPTY UINT32_MAX
#define SLOT_GONE  (UINT32_MAX - 1)
#define ROWS_MOST  (UINT32_MAX - 2)

/* Open addressing, linear probing; `tag` is the low half of the key's hash, which is seeded at random. */
typedef struct row_slot {
    uint32_t tag, row;
} row_slot;

typedef struct row_index {
    row_slot *slot;        /* [capacity], a power of two */
    size_t capacity, used; /* used: not empty */
} row_index;

/* A frame of a video that the table held, for questions by video. */
typedef struct known_part {
    const char *uri;
    uint32_t row;
} known_part;

struct known_rows {
    known_row *row; /* [n] */
    size_t n, capacity;
    row_index by_uri, by_content; /* the latter holds the first row of each chain */
    base_arena names;
    uint64_t seed;
    known_part *part; /* [n_parts] by uri; made at the first question */
    size_t n_parts;
    bool has_parts;
    pthread_mutex_t lock; /* guards `row` itself, by_content, and of each row sha and has_sha */
};

lancelet_status known_rows_create(known_rows **out, lancelet_error *err)
{
    known_rows *k = base_calloc(1, sizeof *k);
    if (!k)
        return base_fail_memory(err);
    lancelet_status status = base_random(&k->seed, sizeof k->seed, err);
    if (status != LANCELET_OK) {
        base_free(k);
        return status;
    }
    pthread_mutex_init(&k->lock, NULL);
    *out = k;
    return LANCELET_OK;
}

void known_rows_destroy(known_rows *k)
{
    if (!k)
        return;
    base_free(k->by_uri.slot);
    base_free(k->by_content.slot);
    base_arena_free(&k->names);
    base_free(k->part);
    base_free(k->row);
    pthread_mutex_destroy(&k->lock);
    base_free(k);
}

known_row *known_rows_at(known_rows *k, size_t i)
{
    return &k->row[i];
}

size_t known_rows_count(const known_rows *k)
{
    return k->n;
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

/* ---- indexes of rows ---- */

/* Is key [n] that of row i? */
typedef bool same_key(const known_rows *k, size_t i, const void *key, size_t n);

static bool same_uri(const known_rows *k, size_t i, const void *key, size_t n)
{
    const char *uri = k->row[i].uri;
    return uri && strlen(uri) == n && memcmp(uri, key, n) == 0;
}

static bool same_content(const known_rows *k, size_t i, const void *key, size_t n)
{
    return k->row[i].has_sha && memcmp(k->row[i].sha, key, n) == 0;
}

static bool same_id(const known_rows *k, size_t i, const void *key, size_t n)
{
    return memcmp(&k->row[i].id, key, n) == 0;
}

static uint32_t tag_of(const known_rows *k, const void *key, size_t n)
{
    return (uint32_t)base_hash64(key, n, k->seed);
}

static row_slot *find_slot(const known_rows *k, const row_index *x, same_key *same, const void *key, size_t n)
{
    uint32_t tag = tag_of(k, key, n);
    size_t mask = x->capacity - 1;
    for (size_t i = tag & mask; x->used > 0 && x->slot[i].row != SLOT_EMPTY; i = (i + 1) & mask)
        if (x->slot[i].tag == tag && x->slot[i].row != SLOT_GONE && same(k, x->slot[i].row, key, n))
            return &x->slot[i];
    return NULL;
}

static size_t row_of(const known_rows *k, const row_index *x, same_key *same, const void *key, size_t n)
{
    const row_slot *slot = find_slot(k, x, same, key, n);
    return slot ? slot->row : KNOWN_NONE;
}

static void put_slot(row_index *x, uint32_t tag, uint32_t row)
{
    size_t i = tag & (x->capacity - 1);
    while (x->slot[i].row != SLOT_EMPTY)
        i = (i + 1) & (x->capacity - 1);
    x->slot[i] = (row_slot){tag, row};
    x->used++;
}

/* Room for one more; slots of rows that are gone are left out then. */
static bool make_room(row_index *x)
{
    size_t live = 0, capacity = 256, bytes;
    if (x->used < x->capacity / 4 * 3)
        return true;
    for (size_t i = 0; i < x->capacity; i++)
        live += x->slot[i].row < SLOT_GONE;
    while (capacity / 2 <= live)
        if (!base_mul_size(capacity, 2, &capacity))
            return false;
    row_index grown = {base_mul_size(capacity, sizeof *grown.slot, &bytes) ? base_alloc(bytes) : NULL, capacity, 0};
    if (!grown.slot)
        return false;
    memset(grown.slot, 0xff, bytes);
    for (size_t i = 0; i < x->capacity; i++)
        if (x->slot[i].row < SLOT_GONE)
            put_slot(&grown, x->slot[i].tag, x->slot[i].row);
    base_free(x->slot);
    *x = grown;
    return true;
}

/* Row i becomes the one that is found by the key. */
static lancelet_status put_row(known_rows *k, row_index *x, same_key *same, const void *key, size_t n, size_t i,
                               lancelet_error *err)
{
    row_slot *slot = find_slot(k, x, same, key, n);
    if (slot) {
        slot->row = (uint32_t)i;
        return LANCELET_OK;
    }
    if (!make_room(x))
        return base_fail_memory(err);
    put_slot(x, tag_of(k, key, n), (uint32_t)i);
    return LANCELET_OK;
}

size_t known_rows_by_uri(const known_rows *k, const char *uri)
{
    return known_rows_by_uri_bytes(k, uri, strlen(uri));
}

size_t known_rows_by_uri_bytes(const known_rows *k, const char *uri, size_t n)
{
    return row_of(k, &k->by_uri, same_uri, uri, n);
}

size_t known_rows_by_content(const known_rows *k, const char *sha256)
{
    uint8_t sha[32];
    return sha_from_hex(sha256, strlen(sha256), sha) ? row_of(k, &k->by_content, same_content, sha, sizeof sha)
                                                     : KNOWN_NONE;
}

bool known_rows_has_content(known_rows *k, const char *sha256)
{
    pthread_mutex_lock(&k->lock);
    bool has = known_rows_by_content(k, sha256) != KNOWN_NONE;
    pthread_mutex_unlock(&k->lock);
    return has;
}

static lancelet_status grow_rows(known_rows *k, lancelet_error *err)
{
    size_t capacity = k->capacity ? k->capacity * 2 : 256, bytes;
    if (k->n >= ROWS_MOST)
        return base_fail(err, LANCELET_LIMIT, "an index run looks up at most 4,294,967,293 rows; --append adds without looking");
    pthread_mutex_lock(&k->lock);
    known_row *grown = base_mul_size(capacity, sizeof *grown, &bytes) ? base_realloc(k->row, bytes) : NULL;
    if (grown) {
        k->row = grown;
        k->capacity = capacity;
    }
    pthread_mutex_unlock(&k->lock);
    return grown ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status new_row(known_rows *k, size_t *index, lancelet_error *err)
{
    if (k->n == k->capacity || k->n >= ROWS_MOST)
        RETURN_IF_ERROR(grow_rows(k, err));
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
    if (!copy)
        return base_fail_memory(err);
    RETURN_IF_ERROR(put_row(k, &k->by_uri, same_uri, copy, strlen(copy), i, err));
    k->row[i].uri = copy;
    return LANCELET_OK;
}

lancelet_status known_rows_add(known_rows *k, const char *uri, size_t *index, lancelet_error *err)
{
    RETURN_IF_ERROR(new_row(k, index, err));
    return set_uri(k, *index, uri, strlen(uri), err);
}

lancelet_status known_rows_set_uri(known_rows *k, size_t i, const char *uri, lancelet_error *err)
{
    const char *old = k->row[i].uri;
    row_slot *slot = old ? find_slot(k, &k->by_uri, same_uri, old, strlen(old)) : NULL;
    if (slot && slot->row == i)
        slot->row = SLOT_GONE;
    k->row[i].uri = NULL;
    return uri ? set_uri(k, i, uri, strlen(uri), err) : LANCELET_OK;
}

/* ---- chains of the same content ---- */

static void unlink_content(known_rows *k, size_t i)
{
    known_row *row = &k->row[i];
    if (!row->has_sha)
        return;
    row_slot *slot = find_slot(k, &k->by_content, same_content, row->sha, sizeof row->sha);
    if (slot && slot->row == i)
        slot->row = row->next_same == KNOWN_NONE ? SLOT_GONE : row->next_same;
    if (row->previous_same != KNOWN_NONE)
        k->row[row->previous_same].next_same = row->next_same;
    if (row->next_same != KNOWN_NONE)
        k->row[row->next_same].previous_same = row->previous_same;
    row->has_sha = false;
    row->all_seen = false;
    row->next_same = row->previous_same = KNOWN_NONE;
}

static lancelet_status link_content(known_rows *k, size_t i, const uint8_t sha[32], lancelet_error *err)
{
    size_t first = row_of(k, &k->by_content, same_content, sha, 32);
    if (first == KNOWN_NONE) {
        RETURN_IF_ERROR(put_row(k, &k->by_content, same_content, sha, 32, i, err));
    } else { /* behind the first: the index stays as it is */
        uint32_t next = k->row[first].next_same;
        k->row[i].next_same = next;
        k->row[i].previous_same = (uint32_t)first;
        k->row[first].next_same = (uint32_t)i;
        if (next != KNOWN_NONE)
            k->row[next].previous_same = (uint32_t)i;
    }
    memcpy(k->row[i].sha, sha, 32);
    k->row[i].has_sha = true;
    return LANCELET_OK;
}

lancelet_status known_rows_set_content(known_rows *k, size_t i, const char *sha256, lancelet_error *err)
{
    uint8_t sha[32];
    bool good = sha_from_hex(sha256, strlen(sha256), sha);
    pthread_mutex_lock(&k->lock);
    unlink_content(k, i);
    lancelet_status status = good ? link_content(k, i, sha, err) : LANCELET_OK;
    pthread_mutex_unlock(&k->lock);
    return status;
}

/* ---- videos ---- */

static int compare_parts(const void *a, const void *b)
{
    return strcmp(((const known_part *)a)->uri, ((const known_part *)b)->uri);
}

/* All frames that the table held, by uri: those of a video stand side by side. */
static lancelet_status find_parts(known_rows *k, lancelet_error *err)
{
    size_t n = 0, length;
    const char *fragment;
    if (k->has_parts)
        return LANCELET_OK;
    for (size_t pass = 0; pass < 2; pass++) {
        if (pass == 1 && !(k->part = base_alloc_array(n + 1, sizeof *k->part)))
            return base_fail_memory(err);
        n = 0;
        for (size_t i = 0; i < k->n; i++) {
            if (!k->row[i].uri || !source_uri_split(k->row[i].uri, &length, &fragment) || strncmp(fragment, "t=", 2) != 0)
                continue;
            if (pass == 1)
                k->part[n] = (known_part){k->row[i].uri, (uint32_t)i};
            n++;
        }
    }
    k->n_parts = n;
    k->has_parts = true;
    qsort(k->part, n, sizeof *k->part, compare_parts);
    return LANCELET_OK;
}

lancelet_status known_rows_see_video(known_rows *k, const char *uri, uint64_t size, int64_t modified_us, uint64_t *n,
                                     lancelet_error *err)
{
    size_t length = strlen(uri), low = 0;
    *n = 0;
    RETURN_IF_ERROR(find_parts(k, err));
    char *prefix = base_format("%s#", uri);
    if (!prefix)
        return base_fail_memory(err);
    for (size_t high = k->n_parts; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(k->part[middle].uri, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < k->n_parts && strncmp(k->part[low].uri, prefix, length + 1) == 0; low++) {
        known_row *row = &k->row[k->part[low].row];
        if (row->uri != k->part[low].uri || row->size != (int64_t)size || row->modified_us != modified_us)
            continue;
        row->seen = true;
        ++*n;
    }
    base_free(prefix);
    return LANCELET_OK;
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
    bool have_ids;
    row_index by_id; /* of the rows that are looked for */
} resolve_arg;

static lancelet_status resolve_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                     lancelet_error *err)
{
    resolve_arg *r = arg;
    (void)err;
    for (int64_t i = batch->offset; i < batch->offset + batch->length; i++) {
        int64_t id;
        size_t at = KNOWN_NONE, n;
        if (r->have_ids && arrow_int(s->children[0], batch->children[0], i, &id)) {
            at = row_of(r->k, &r->by_id, same_id, &id, sizeof id);
        } else if (!r->have_ids) {
            const char *uri = arrow_bytes(s->children[0], batch->children[0], i, &n);
            at = uri ? known_rows_by_uri_bytes(r->k, uri, n) : KNOWN_NONE;
        }
        if (at != KNOWN_NONE) /* of rows with one id the last one counts: a changed row lies behind */
            r->k->row[at].address = (uint64_t)int_of(s, batch, 1, i, 0);
    }
    return LANCELET_OK;
}

lancelet_status known_rows_resolve(known_rows *k, const picask_table *t, lancelet_error *err)
{
    resolve_arg r = {.k = k, .have_ids = t->roles.id >= 0};
    const char *column = gallery_column_name(t, r.have_ids ? t->roles.id : t->roles.uri);
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < k->n && r.have_ids && status == LANCELET_OK; i++)
        if (k->row[i].address == GALLERY_NONE && k->row[i].id >= 0)
            status = put_row(k, &r.by_id, same_id, &k->row[i].id, sizeof k->row[i].id, i, err);
    if (status == LANCELET_OK)
        status = gallery_scan(t, &column, 1, resolve_batch, &r, NULL, err);
    base_free(r.by_id.slot);
    return status;
}
