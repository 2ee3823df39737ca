/* relocate.c - pictures that were moved as a whole: the paths of rows and of remembered sources begin with another folder
 * afterwards. Only the column of uris is made anew; the other columns of a row go from one file to the other as they are,
 * batch by batch, so that memory holds the addresses of the rows and one batch. Rows and sources change in one commit.
 *
 * A row's new uri has the form of its old one: a path, or file:/// with escapes where it had them or where the new path
 * is not UTF-8; the fragment of a part of a container stays. */
#include "gallery/gallery.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "source/source.h"

#define RACES       20                  /* lost in a row before giving up */
#define BATCH_BYTES (16u * 1024 * 1024) /* of a batch of rows, about */
#define BATCH_ROWS  4096

typedef struct relocation {
    picask_table *t;
    char *from, *to;   /* absolute */
    size_t n_from;     /* bytes of `from` that go: 0 where it is / */
    const char *put;   /* what comes in their place: "" where `to` is / */
    char *condition;   /* of the rows that change */
    uint64_t *address; /* [n] of those rows */
    size_t n;
    base_map64 *taken; /* their new uris, when a row of the new place may have one already */
} relocation;

static void relocation_free(relocation *r)
{
    base_map64_destroy(r->taken);
    base_free(r->address);
    base_free(r->condition);
    base_free(r->from);
    base_free(r->to);
}

/* ---- one uri ---- */

/* path [n] with the new place in front; NULL: memory is out. *below false: it does not lie below the old place. */
static char *moved_path(const relocation *r, const char *path, bool *below)
{
    *below = strncmp(path, r->from, r->n_from) == 0 && (path[r->n_from] == '/' || !path[r->n_from]);
    if (!*below)
        return NULL;
    const char *rest = path + r->n_from;
    return base_format("%s%s", r->put, *r->put || *rest ? rest : "/");
}

/* *path (owned) of a file's uri; NULL where it is none. */
static lancelet_status path_of(const char *file, bool encoded, char **path, lancelet_error *err)
{
    *path = NULL;
    for (const char *p = encoded ? strchr(file, '%') : NULL; p; p = strchr(p + 1, '%'))
        if (strspn(p + 1, "0123456789abcdefABCDEF") < 2 || strncmp(p + 1, "00", 2) == 0)
            return LANCELET_OK; /* some other program's, and no escape */
    if (!encoded && *file != '/')
        return LANCELET_OK;
    *path = encoded ? source_path_from_uri(file) : base_strdup(file);
    return *path ? LANCELET_OK : base_fail_memory(err);
}

/* *out (owned): the uri after the move; NULL where it does not lie below the old place. */
static lancelet_status moved_uri(const relocation *r, const char *uri, char **out, lancelet_error *err)
{
    size_t length = strlen(uri);
    const char *fragment = NULL;
    bool below = false;
    *out = NULL;
    bool part = source_uri_split(uri, &length, &fragment);
    char *file = base_strndup(uri, part ? length : strlen(uri));
    if (!file)
        return base_fail_memory(err);
    bool encoded = strncmp(file, "file:///", 8) == 0;
    char *path = NULL;
    lancelet_status status = path_of(file, encoded, &path, err);
    char *moved = path ? moved_path(r, path, &below) : NULL;
    /* escapes without need were some other program's choice */
    bool keep_escapes = encoded && path && base_utf8_valid(path, strlen(path));
    char *changed = !moved ? NULL : keep_escapes ? source_encoded_uri(moved) : source_uri_from_path(moved);
    base_free(file);
    base_free(path);
    base_free(moved);
    RETURN_IF_ERROR(status);
    if (below && !changed)
        return base_fail_memory(err);
    *out = changed && part ? base_format("%s#%s", changed, fragment) : changed;
    if (changed && part)
        base_free(changed);
    return changed && !*out ? base_fail_memory(err) : LANCELET_OK;
}

/* Value i of a column of text as a string; *out NULL where it is null or holds a NUL. */
static lancelet_status read_uri(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i,
                                char **out, lancelet_error *err)
{
    size_t n = 0;
    const char *bytes = arrow_bytes(s, a, i, &n);
    *out = NULL;
    if (!bytes || memchr(bytes, 0, n))
        return LANCELET_OK;
    *out = base_strndup(bytes, n);
    return *out ? LANCELET_OK : base_fail_memory(err);
}

/* ---- the rows that change ---- */

typedef struct finding {
    relocation *r;
    base_buffer addresses;
    char *double_uri; /* a row of the new place that has the uri of one that is to come */
} finding;

/* Columns: uri, _rowid. */
static lancelet_status find_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                  lancelet_error *err)
{
    finding *f = arg;
    lancelet_status status = LANCELET_OK;
    for (int64_t i = 0; i < batch->length && status == LANCELET_OK; i++) {
        int64_t address = 0;
        char *uri = NULL, *moved = NULL;
        RETURN_IF_ERROR(read_uri(s->children[0], batch->children[0], batch->offset + i, &uri, err));
        if (uri)
            status = moved_uri(f->r, uri, &moved, err);
        if (moved && arrow_int(s->children[1], batch->children[1], batch->offset + i, &address) &&
            !base_buffer_append(&f->addresses, &address, sizeof address))
            status = base_fail_memory(err);
        if (status == LANCELET_OK && moved && f->r->taken &&
            !base_map64_set(f->r->taken, moved, strlen(moved), 1))
            status = base_fail_memory(err);
        base_free(moved);
        base_free(uri);
    }
    return status;
}

static lancelet_status double_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                    lancelet_error *err)
{
    finding *f = arg;
    for (int64_t i = 0; i < batch->length && !f->double_uri; i++) {
        uint64_t ignored;
        char *uri = NULL;
        RETURN_IF_ERROR(read_uri(s->children[0], batch->children[0], batch->offset + i, &uri, err));
        if (uri && base_map64_get(f->r->taken, uri, strlen(uri), &ignored))
            f->double_uri = uri;
        else
            base_free(uri);
    }
    return LANCELET_OK;
}

/* *condition (owned): rows of the new place that are there already. *any: there are some. */
static lancelet_status rows_there(const relocation *r, char **condition, bool *any, lancelet_error *err)
{
    char *there = NULL;
    uint64_t rows = 0;
    RETURN_IF_ERROR(picask_condition_in(r->t, r->to, &there, err));
    *condition = base_format("(%s) and not (%s)", there, r->condition);
    base_free(there);
    if (!*condition)
        return base_fail_memory(err);
    RETURN_IF_ERROR(lancelet_table_count(r->t->lance, *condition, &rows, err));
    *any = rows > 0;
    return LANCELET_OK;
}

/* Finds the rows, and refuses where a row would be there twice. */
static lancelet_status find_rows(relocation *r, lancelet_error *err)
{
    const char *column = gallery_column_name(r->t, r->t->roles.uri);
    finding f = {.r = r};
    char *there = NULL, shown[512], place[512];
    bool any = false;
    lancelet_status status = rows_there(r, &there, &any, err);
    if (status == LANCELET_OK && any && !(r->taken = base_map64_create()))
        status = base_fail_memory(err);
    if (status == LANCELET_OK)
        status = gallery_scan_where(r->t, &column, 1, r->condition, find_batch, &f, NULL, err);
    if (status == LANCELET_OK && any)
        status = gallery_scan_where(r->t, &column, 1, there, double_batch, &f, NULL, err);
    if (status == LANCELET_OK && f.double_uri)
        status =
            base_fail(err, LANCELET_INVALID,
                      "table '%s' has a row of %s already, and would have two; delete those of the new place "
                      "first: picask table delete --in %s",
                      r->t->name, gallery_shown_path(f.double_uri, shown), gallery_shown_path(r->to, place));
    base_free(f.double_uri);
    base_free(there);
    if (status != LANCELET_OK) {
        base_buffer_free(&f.addresses);
        return status;
    }
    r->n = f.addresses.size / sizeof *r->address;
    r->address = (uint64_t *)(void *)f.addresses.data;
    return LANCELET_OK;
}

/* ---- the rows anew ---- */

typedef struct moving {
    const relocation *r;
    struct ArrowArrayStream old;
    int64_t uri;          /* index of the column */
    lancelet_error error; /* of the last call that failed */
} moving;

static int moving_failed(moving *m, lancelet_status status)
{
    m->error.status = status;
    return arrow_errno_from_status(status);
}

/* The inner stream's sentence. */
static int moving_failed_below(moving *m, int code)
{
    const char *why = m->old.get_last_error(&m->old);
    lancelet_status status = code == ENOMEM ? LANCELET_MEMORY : LANCELET_IO;
    return moving_failed(m, base_fail(&m->error, status, "%s", why ? why : "the rows cannot be read"));
}

static int moving_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    moving *m = stream->private_data;
    int code = m->old.get_schema(&m->old, out);
    return code ? moving_failed_below(m, code) : 0;
}

/* The column of uris of a batch after the move. */
static lancelet_status move_column(const relocation *r, const struct ArrowSchema *s,
                                   const struct ArrowArray *batch, const struct ArrowArray *column,
                                   struct ArrowArray *out, lancelet_error *err)
{
    arrow_builder b = {0};
    lancelet_status status = arrow_builder_init(&b, s, err);
    for (int64_t i = 0; i < batch->length && status == LANCELET_OK; i++) {
        char *uri = NULL, *moved = NULL;
        status = read_uri(s, column, batch->offset + i, &uri, err);
        if (status == LANCELET_OK && uri)
            status = moved_uri(r, uri, &moved, err);
        if (status == LANCELET_OK && !(moved ? arrow_append_bytes(&b, moved, strlen(moved))
                                             : arrow_append_from(&b, s, column, batch->offset + i)))
            status = base_fail_memory(err);
        base_free(moved);
        base_free(uri);
    }
    if (status == LANCELET_OK)
        status = arrow_builder_finish(&b, out, err);
    arrow_builder_free(&b);
    return status;
}

static int moving_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    moving *m = stream->private_data;
    struct ArrowArray batch = {0}, column = {0};
    *out = batch;
    int code = m->old.get_next(&m->old, &batch);
    if (code)
        return moving_failed_below(m, code);
    if (!batch.release)
        return 0;
    struct ArrowArray *old = batch.children[m->uri];
    lancelet_status status =
        batch.offset == 0
            ? move_column(m->r, m->r->t->schema.children[m->uri], &batch, old, &column, &m->error)
            : base_fail(&m->error, LANCELET_CORRUPT, "table '%s' gave a batch that begins late",
                        m->r->t->name);
    if (status != LANCELET_OK) {
        arrow_array_release(&batch);
        return moving_failed(m, status);
    }
    arrow_array_release(old);
    *old = column;
    *out = batch;
    return 0;
}

static const char *moving_error(struct ArrowArrayStream *stream)
{
    moving *m = stream->private_data;
    return m->error.status == LANCELET_OK ? NULL : m->error.text;
}

static void moving_release(struct ArrowArrayStream *stream)
{
    moving *m = stream->private_data;
    arrow_stream_release(&m->old);
    base_free(m);
    stream->release = NULL;
}

/* Rows with pictures of their own come few at a time. */
static size_t batch_rows(const picask_table *t)
{
    uint64_t rows = BATCH_BYTES / gallery_row_bytes(t);
    return rows > BATCH_ROWS ? BATCH_ROWS : rows > 0 ? (size_t)rows : 1;
}

static lancelet_status moving_open(const relocation *r, struct ArrowArrayStream *out, lancelet_error *err)
{
    moving *m = base_calloc(1, sizeof *m);
    lancelet_scan_options all = LANCELET_SCAN_OPTIONS_INIT;
    if (!m)
        return base_fail_memory(err);
    m->r = r;
    m->uri = r->t->roles.uri;
    all.batch_rows = batch_rows(r->t);
    lancelet_status status = lancelet_table_take(r->t->lance, r->address, r->n, &all, &m->old, err);
    if (status != LANCELET_OK) {
        base_free(m);
        return status;
    }
    *out = (struct ArrowArrayStream){moving_schema, moving_next, moving_error, moving_release, m};
    return LANCELET_OK;
}

/* ---- remembered sources ---- */

/* Does an earlier source of the list have this uri? Its own options hold then. */
static bool has_source(const json_t *list, const char *uri)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)list, i, one)
    {
        const char *its = json_string_value(json_object_get(one, "source"));
        if (its && strcmp(its, uri) == 0)
            return true;
    }
    return false;
}

static lancelet_status move_sources(const relocation *r, json_t *list, size_t *moved, lancelet_error *err)
{
    for (size_t i = 0; i < json_array_size(list);) {
        json_t *one = json_array_get(list, i);
        const char *its = json_string_value(json_object_get(one, "source"));
        char *uri = NULL;
        if (its)
            RETURN_IF_ERROR(moved_uri(r, its, &uri, err));
        bool twice = uri && has_source(list, uri), fits = true;
        if (twice)
            fits = json_array_remove(list, i) == 0;
        else if (uri)
            fits = json_object_set_new(one, "source", json_string(uri)) == 0;
        *moved += uri != NULL;
        i += !twice;
        base_free(uri);
        if (!fits)
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

/* *text (owned): the table's list of sources after the move, NULL where none lies below the old place or there is no list
 * that can be read. Members of an entry that this version does not know stay. */
static lancelet_status moved_sources(const relocation *r, char **text, lancelet_error *err)
{
    const char *now = lancelet_table_config(r->t->lance, GALLERY_KEY_SOURCES);
    json_t *list = now ? json_loads(now, 0, NULL) : NULL;
    size_t moved = 0;
    *text = NULL;
    lancelet_status status = json_is_array(list) ? move_sources(r, list, &moved, err) : LANCELET_OK;
    if (status == LANCELET_OK && moved > 0 && !(*text = gallery_json_dump(list)))
        status = base_fail_memory(err);
    json_decref(list);
    return status;
}

/* ---- the whole ---- */

static lancelet_status relocate_once(relocation *r, bool dry_run, lancelet_error *err)
{
    picask_table *t = r->t;
    lancelet_change change = LANCELET_CHANGE_INIT;
    lancelet_write_options options = LANCELET_WRITE_OPTIONS_INIT;
    lancelet_key_value kv = {GALLERY_KEY_SOURCES, NULL};
    struct ArrowArrayStream rows = {0};
    lancelet_table *newer = NULL;
    char *sources = NULL, shown[512];
    RETURN_IF_ERROR(gallery_check_written(t, err));
    RETURN_IF_ERROR(picask_condition_in(t, r->from, &r->condition, err));
    RETURN_IF_ERROR(find_rows(r, err));
    RETURN_IF_ERROR(moved_sources(r, &sources, err));
    lancelet_status status = LANCELET_OK;
    if (r->n == 0 && !sources)
        status = base_fail(err, LANCELET_NOT_FOUND,
                           "no row and no source of table '%s' lies in %s; what it has: picask table info",
                           t->name, gallery_shown_path(r->from, shown));
    if (status == LANCELET_OK && !dry_run && r->n > 0)
        status = moving_open(r, &rows, err);
    if (status == LANCELET_OK && !dry_run) {
        options.no_rebase = true; /* another writer's rows may lie below the old place too */
        kv.value = sources;
        change.config = &kv;
        change.n_config = sources ? 1 : 0;
        change.rows = r->n > 0 ? &rows : NULL;
        change.delete_addresses = r->address;
        change.n_delete = r->n;
        status = lancelet_table_commit(t->lance, &change, &options, &newer, err);
        if (status == LANCELET_OK)
            status = gallery_table_set(t, newer, err);
    }
    base_free(sources);
    return status;
}

/* The places of a relocation, with the table's handle. */
static lancelet_status places(picask_table *t, const char *from, const char *to, relocation *r,
                              lancelet_error *err)
{
    char shown[512];
    base_stat st;
    *r = (relocation){.t = t};
    char *from_path = gallery_expand_home(from), *to_path = gallery_expand_home(to);
    r->from = from_path ? base_path_absolute(from_path) : NULL;
    r->to = to_path ? base_path_absolute(to_path) : NULL;
    base_free(from_path);
    base_free(to_path);
    if (!r->from || !r->to)
        return base_fail_memory(err);
    r->n_from = strcmp(r->from, "/") == 0 ? 0 : strlen(r->from);
    r->put = strcmp(r->to, "/") == 0 ? "" : r->to;
    if (strcmp(r->from, r->to) == 0)
        return base_fail(err, LANCELET_INVALID, "%s is the old place and the new one",
                         gallery_shown_path(r->to, shown));
    RETURN_IF_ERROR(base_file_stat(r->to, &st, err));
    if (!st.exists)
        return base_fail(err, LANCELET_NOT_FOUND,
                         "%s is not there; move the pictures first, or mount their disk",
                         gallery_shown_path(r->to, shown));
    return LANCELET_OK;
}

static lancelet_status relocate(picask_table *t, const char *from, const char *to, bool dry_run,
                                uint64_t *rows, lancelet_error *err)
{
    relocation r = {.t = t};
    lancelet_status status = picask_table_refresh(t, err);
    if (status == LANCELET_OK)
        status = places(t, from, to, &r, err);
    if (status == LANCELET_OK)
        status = relocate_once(&r, dry_run, err);
    if (status == LANCELET_OK && rows)
        *rows = r.n;
    relocation_free(&r);
    return status;
}

lancelet_status gallery_relocate(picask_table *t, const char *from, const char *to, bool dry_run,
                                 uint64_t *rows, lancelet_error *err)
{
    const char *uri = strstr(from, "://") ? from : strstr(to, "://") ? to : NULL;
    int lock = -1;
    if (uri)
        return base_fail(
            err, LANCELET_INVALID,
            "%s is an address, and relocate is for files of this machine: give the old and the new path",
            uri);
    if (t->roles.uri < 0)
        return base_fail(err, LANCELET_INVALID, "table '%s' has no column of paths (uri) to change", t->name);
    RETURN_IF_ERROR(gallery_table_lock(t, &lock, err));
    lancelet_status status = relocate(t, from, to, dry_run, rows, err);
    for (int race = 0; status == LANCELET_CONFLICT && race < RACES; race++)
        status = relocate(t, from, to, dry_run, rows, err);
    base_unlock(lock);
    return status;
}

picask_status picask_table_relocate(picask_table *t, const char *old, const char *new_place, uint64_t *rows,
                                    picask_error *err)
{
    return gallery_relocate(t, old, new_place, false, rows, err);
}
