/* edit.c - rows one by one or by a condition: adding a picture of the caller's own, removing and updating rows, and the
 * encoded picture of a row. */
#include <inttypes.h>
#include <string.h>

#include "gallery/index.h"

#define RACES 20 /* lost in a row before giving up */

static lancelet_status describe(picask_table *t, const void *bytes, size_t n, const char *text,
                                const char *uri, row_change *row, lancelet_error *err)
{
    float norm = 1;
    RETURN_IF_ERROR(gallery_check_written(t, err));
    RETURN_IF_ERROR(gallery_table_model(t, err));
    RETURN_IF_ERROR(gallery_vector_norm(t, &norm, err));
    RETURN_IF_ERROR(gallery_next_id(t, &row->id, err));
    if (row->id == INT64_MAX)
        return gallery_fail_no_id(t, err);
    RETURN_IF_ERROR(image_probe(bytes, n, NULL, &row->facts, err));
    base_sha256_hex(bytes, n, row->sha256);
    row->has_facts = row->has_file = true;
    row->size = (int64_t)n;
    row->modified_us = INT64_MIN;
    row->known = KNOWN_NONE;
    row->vector = base_alloc_array(t->dim, sizeof *row->vector);
    row->image = base_alloc(n + 1);
    row->text = text ? base_strdup(text) : NULL;
    row->uri = uri ? base_strdup(uri) : NULL;
    if (!row->vector || !row->image || (text && !row->text) || (uri && !row->uri))
        return base_fail_memory(err);
    memcpy(row->image, bytes, n);
    row->n_image = n;
    RETURN_IF_ERROR(picask_embed_picture(t->model, bytes, n, row->vector, err));
    for (size_t i = 0; i < t->dim && norm != 1; i++)
        row->vector[i] *= norm;
    return LANCELET_OK;
}

lancelet_status gallery_next_id_config(const picask_table *t, int64_t next, char **text,
                                       lancelet_key_value *kv, size_t *n, lancelet_error *err)
{
    *n = 0;
    *text = NULL;
    if (t->roles.id < 0)
        return LANCELET_OK;
    *text = base_format("%" PRId64, next);
    if (!*text)
        return base_fail_memory(err);
    const char *now = lancelet_table_config(t->lance, GALLERY_KEY_NEXT_ID);
    if (!now || strcmp(now, *text) != 0)
        kv[(*n)++] = (lancelet_key_value){GALLERY_KEY_NEXT_ID, *text};
    return LANCELET_OK;
}

static lancelet_status commit_row(picask_table *t, const row_changes *c, lancelet_error *err)
{
    lancelet_key_value kv;
    size_t n = 0;
    char *text = NULL;
    RETURN_IF_ERROR(gallery_next_id_config(t, c->row[0].id + 1, &text, &kv, &n, err));
    row_commit how = {.config = &kv, .n_config = n};
    lancelet_status status = row_changes_commit(t, c, &how, err);
    base_free(text);
    return status;
}

picask_status picask_table_add(picask_table *t, const void *bytes, size_t n, const char *text,
                               const char *uri, int64_t *id, picask_error *err)
{
    row_change row = {0};
    row_changes changes = {0};
    lancelet_status status = describe(t, bytes, n, text, uri, &row, err);
    if (status != LANCELET_OK) {
        row_change_free(&row);
        return status;
    }
    int64_t first = row.id, shift = 0;
    if (!row_changes_add(&changes, &row))
        return base_fail_memory(err);
    status = commit_row(t, &changes, err);
    for (int race = 0; status == LANCELET_CONFLICT && race < RACES; race++) {
        status = row_changes_rebase(t, &changes, first, &shift, err);
        if (status != LANCELET_OK)
            break;
        first += shift;
        status = commit_row(t, &changes, err);
    }
    if (status == LANCELET_OK && id)
        *id = changes.row[0].id;
    row_changes_free(&changes);
    return status;
}

/* ---- remove ---- */

/* Appends the addresses of all rows asked for. */
static lancelet_status find_all(const picask_table *t, const int64_t *ids, size_t n_ids,
                                const char *const *uris, size_t n_uris, base_buffer *addresses,
                                lancelet_error *err)
{
    uint64_t *of_ids = base_alloc_array(n_ids + 1, sizeof *of_ids);
    if (!of_ids)
        return base_fail_memory(err);
    lancelet_status status = n_ids ? gallery_find_ids(t, ids, n_ids, of_ids, err) : LANCELET_OK;
    for (size_t i = 0; i < n_ids && status == LANCELET_OK; i++)
        if (of_ids[i] == GALLERY_NONE)
            status =
                base_fail(err, LANCELET_NOT_FOUND,
                          "table '%s' has no row with id %" PRId64 "; nothing is removed", t->name, ids[i]);
    if (status == LANCELET_OK && !base_buffer_append(addresses, of_ids, n_ids * sizeof *of_ids))
        status = base_fail_memory(err);
    base_free(of_ids);
    for (size_t i = 0; i < n_uris && status == LANCELET_OK; i++) {
        size_t before = addresses->size;
        status = gallery_find_uri(t, uris[i], addresses, err);
        if (status == LANCELET_OK && addresses->size == before)
            status = base_fail(err, LANCELET_NOT_FOUND, "table '%s' has no row of %s; nothing is removed",
                               t->name, uris[i]);
    }
    return status;
}

/* Each address once. */
static lancelet_status unique(uint64_t *addresses, size_t *n, lancelet_error *err)
{
    base_map64 *seen = base_map64_create();
    size_t kept = 0;
    uint64_t ignored;
    if (!seen)
        return base_fail_memory(err);
    for (size_t i = 0; i < *n; i++) {
        if (base_map64_get(seen, &addresses[i], sizeof *addresses, &ignored))
            continue;
        if (!base_map64_set(seen, &addresses[i], sizeof *addresses, 1)) {
            base_map64_destroy(seen);
            return base_fail_memory(err);
        }
        addresses[kept++] = addresses[i];
    }
    base_map64_destroy(seen);
    *n = kept;
    return LANCELET_OK;
}

/* Which rows go: those that are named, or those that meet a condition. */
typedef struct removal {
    const int64_t *ids;      /* [n_ids] */
    const char *const *uris; /* [n_uris] */
    size_t n_ids, n_uris;
    const char *condition; /* NULL: by name */
} removal;

static lancelet_status keep_addresses(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                      lancelet_error *err)
{
    for (int64_t i = batch->offset; i < batch->offset + batch->length; i++) {
        int64_t address;
        if (arrow_int(s->children[0], batch->children[0], i, &address) &&
            !base_buffer_append(arg, &address, sizeof address))
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

lancelet_status gallery_delete_addresses(picask_table *t, const uint64_t *addresses, size_t n, const char *predicate, int64_t next,
                                         bool no_sync, lancelet_error *err)
{
    lancelet_key_value kv;
    char *text = NULL;
    lancelet_table *newer = NULL;
    lancelet_write_options options = LANCELET_WRITE_OPTIONS_INIT;
    lancelet_change change = LANCELET_CHANGE_INIT;
    int64_t of_table = 0;
    options.no_rebase = true; /* addresses hold in this version, and the next id must count what another writer added */
    options.no_sync = no_sync;
    change.delete_addresses = addresses;
    change.n_delete = n;
    change.predicate = predicate;
    change.config = &kv;
    lancelet_status status = gallery_next_id(t, &of_table, err);
    if (status == LANCELET_OK)
        status = gallery_next_id_config(t, of_table > next ? of_table : next, &text, &kv, &change.n_config, err);
    if (status == LANCELET_OK)
        status = lancelet_table_commit(t->lance, &change, &options, &newer, err);
    base_free(text);
    return status == LANCELET_OK ? gallery_table_set(t, newer, err) : status;
}

static lancelet_status remove_once(picask_table *t, const removal *r, uint64_t *removed, lancelet_error *err)
{
    base_buffer addresses = {0};
    lancelet_status status = gallery_check_written(t, err);
    if (status == LANCELET_OK)
        status = r->condition
                     ? gallery_scan_where(t, NULL, 0, r->condition, keep_addresses, &addresses, NULL, err)
                     : find_all(t, r->ids, r->n_ids, r->uris, r->n_uris, &addresses, err);
    size_t n = addresses.size / sizeof(uint64_t);
    if (status == LANCELET_OK)
        status = unique((uint64_t *)(void *)addresses.data, &n, err);
    if (status == LANCELET_OK && n > 0)
        status = gallery_delete_addresses(t, (const uint64_t *)(const void *)addresses.data, n, r->condition, 0, false, err);
    if (status == LANCELET_OK)
        *removed = n;
    base_buffer_free(&addresses);
    return status;
}

static lancelet_status remove_rows(picask_table *t, const removal *r, uint64_t *removed, lancelet_error *err)
{
    uint64_t n = 0;
    lancelet_status status = remove_once(t, r, &n, err);
    for (int race = 0; status == LANCELET_CONFLICT && race < RACES; race++) {
        status = picask_table_refresh(t, err);
        if (status == LANCELET_OK)
            status = remove_once(t, r, &n, err);
    }
    if (status == LANCELET_OK && removed)
        *removed = n;
    return status;
}

picask_status picask_table_remove(picask_table *t, const int64_t *ids, size_t n_ids, const char *const *uris,
                                  size_t n_uris, uint64_t *removed, picask_error *err)
{
    const removal r = {ids, uris, n_ids, n_uris, NULL};
    return remove_rows(t, &r, removed, err);
}

picask_status picask_table_delete(picask_table *t, const char *condition, uint64_t *removed,
                                  picask_error *err)
{
    const removal r = {.condition = condition};
    if (!condition)
        return base_fail(err, LANCELET_INVALID, "which rows of table '%s' are to go? give a condition",
                         t->name);
    return remove_rows(t, &r, removed, err);
}

/* ---- update ---- */

picask_status picask_table_update(picask_table *t, const lancelet_assignment *set, size_t n,
                                  const char *condition, uint64_t *updated, picask_error *err)
{
    lancelet_table *newer = NULL;
    uint64_t rows = 0;
    RETURN_IF_ERROR(gallery_check_written(t, err));
    RETURN_IF_ERROR(lancelet_table_update(t->lance, set, n, condition, NULL, &rows, &newer, err));
    RETURN_IF_ERROR(gallery_table_set(t, newer, err));
    if (updated)
        *updated = rows;
    return LANCELET_OK;
}

/* ---- the picture of a row ---- */

typedef struct picture_arg {
    uint8_t *bytes;
    size_t n;
} picture_arg;

static lancelet_status picture_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                     lancelet_error *err)
{
    picture_arg *p = arg;
    size_t n = 0;
    const char *bytes = batch->length > 0 && !p->bytes
                            ? arrow_bytes(s->children[0], batch->children[0], batch->offset, &n)
                            : NULL;
    if (!bytes || n == 0)
        return LANCELET_OK;
    p->bytes = base_alloc(n);
    if (!p->bytes)
        return base_fail_memory(err);
    memcpy(p->bytes, bytes, n);
    p->n = n;
    return LANCELET_OK;
}

lancelet_status gallery_row_image(const picask_table *t, uint64_t address, uint8_t **bytes, size_t *n,
                                  lancelet_error *err)
{
    picture_arg p = {NULL, 0};
    const char *column = gallery_column_name(t, t->roles.image);
    if (column) {
        lancelet_status status = gallery_take(t, &address, 1, &column, 1, picture_batch, &p, NULL, err);
        if (status != LANCELET_OK) {
            base_free(p.bytes);
            return status;
        }
    }
    *bytes = p.bytes;
    *n = p.n;
    return LANCELET_OK;
}

picask_status picask_row_picture(picask_table *t, const picask_row *row, void **bytes, size_t *n,
                                 picask_error *err)
{
    uint8_t *found = NULL;
    size_t n_found = 0;
    RETURN_IF_ERROR(gallery_row_image(t, row->address, &found, &n_found, err));
    if (!found) {
        char shown[512];
        if (!row->uri)
            return base_fail(err, LANCELET_NOT_FOUND,
                             "row %" PRId64
                             " of table '%s' has neither a picture in the table nor the path of one",
                             row->id, t->name);
        lancelet_status status = source_read(row->uri, GALLERY_PICTURE_BYTES, &found, &n_found, err);
        if (status == LANCELET_NOT_FOUND && strncmp(row->uri, "hf://", 5) != 0) /* of those the sentence has the command */
            return base_fail(err, LANCELET_NOT_FOUND, "the picture of row %" PRId64 " is gone: %s", row->id,
                             gallery_shown_path(row->uri, shown));
        RETURN_IF_ERROR(status);
    }
    *bytes = found;
    *n = n_found;
    return LANCELET_OK;
}

void picask_free(void *p)
{
    base_free(p);
}
