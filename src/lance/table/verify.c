/* verify.c - is a table whole? Every version's manifest is read, and each file that one names is looked at once: transactions
 * and deletion files are taken apart, of data files the footer and the columns' metadata; then every page of the newest
 * version that can be opened is decoded, deleted rows too. What is wrong is told and the next file looked at. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pool.h"
#include "lance/table/rows.h"

#define TRANSACTION_LIMIT ((uint64_t)1 << 30) /* bytes */

enum { GOOD = 1, DAMAGED = 2 }; /* what is known of a file */

typedef struct verifier {
    const char *path;
    void (*found)(void *arg, const char *file, const lancelet_error *what);
    void *arg;
    const volatile int *cancel;
    lancelet_verify_report report;
    base_map64 *seen; /* paths of files: GOOD or DAMAGED */
    lancelet_error unread; /* the first file that the system would not give; status OK: none */
} verifier;

/* Tells of a finding and goes on; what ends the whole is given back. */
static lancelet_status tell(verifier *v, const char *file, const lancelet_error *what, lancelet_error *err)
{
    if (what->status == LANCELET_MEMORY)
        return base_fail_memory(err);
    if (what->status == LANCELET_CANCELLED)
        return base_fail_cancelled(err);
    if (what->status == LANCELET_IO && v->unread.status == LANCELET_OK)
        v->unread = *what;
    if (what->status == LANCELET_UNSUPPORTED)
        v->report.unchecked++;
    else
        v->report.damaged++;
    if (v->found)
        v->found(v->arg, file, what);
    return LANCELET_OK;
}

/* Counts a file and notes what became of it. */
static lancelet_status note(verifier *v, const char *file, lancelet_status status, const lancelet_error *what,
                            lancelet_error *err)
{
    base_stat st;
    lancelet_error ignored;
    if (base_file_stat(file, &st, &ignored) == LANCELET_OK && st.exists) {
        v->report.files++;
        v->report.bytes += st.size;
    }
    if (!base_map64_set(v->seen, file, strlen(file), status == LANCELET_OK ? GOOD : DAMAGED))
        return base_fail_memory(err);
    return status == LANCELET_OK ? LANCELET_OK : tell(v, file, what, err);
}

static uint64_t known(const verifier *v, const char *file)
{
    uint64_t what = 0;
    base_map64_get(v->seen, file, strlen(file), &what);
    return what;
}

static lancelet_status not_there(lancelet_status status, lancelet_error *why)
{
    return status == LANCELET_NOT_FOUND ? base_fail(why, LANCELET_CORRUPT, "it is not there") : status;
}

/* ---- the files of a version ---- */

static lancelet_status look_at_transaction(const char *file, lancelet_error *why)
{
    uint8_t *bytes;
    size_t n;
    lancelet_status status = base_file_read(file, TRANSACTION_LIMIT, &bytes, &n, why);
    if (status == LANCELET_NOT_FOUND) /* other libraries remove old ones; the manifest has a copy */
        return LANCELET_OK;
    RETURN_IF_ERROR(status);
    wire_span message = {bytes, n};
    if (n == 0 || !wire_check(message))
        status = base_fail(why, LANCELET_CORRUPT, "it is cut or no message");
    else if (!table_operation_name(table_transaction_operation(message)))
        status = base_fail(why, LANCELET_UNSUPPORTED, "its operation is not known here");
    base_free(bytes);
    return status;
}

static lancelet_status look_at_deletions(const verifier *v, const table_fragment *f, lancelet_error *why)
{
    table_bitmap *deleted;
    RETURN_IF_ERROR(not_there(table_deletions_read(v->path, f, &deleted, why), why));
    table_bitmap_destroy(deleted);
    return LANCELET_OK;
}

static lancelet_status look_at_data(const char *path, const table_fragment *f, const table_data_file *d,
                                    lancelet_error *why)
{
    lance_file *file;
    RETURN_IF_ERROR(not_there(lance_file_open(path, d->size, &file, why), why));
    lancelet_status status = LANCELET_OK;
    if (lance_file_rows(file) != f->physical_rows)
        status = base_fail(why, LANCELET_CORRUPT, "it has %" PRIu64 " rows, the manifest says %" PRIu64,
                           lance_file_rows(file), f->physical_rows);
    for (size_t i = 0; i < d->n_columns && status == LANCELET_OK; i++)
        if (d->columns[i] >= (int64_t)lance_file_columns(file))
            status = base_fail(why, LANCELET_CORRUPT, "it has %" PRIu32 " columns, the manifest names column %" PRId64,
                               lance_file_columns(file), d->columns[i]);
    lance_file_close(file);
    return status;
}

/* One file of a fragment: a data file, or with d NULL the deletion file. */
static lancelet_status look_at(verifier *v, const table_fragment *f, const table_data_file *d, lancelet_error *err)
{
    if (base_cancelled(v->cancel))
        return base_fail_cancelled(err);
    char *file = d ? base_format("%s/data/%s", v->path, d->path) : table_deletion_path(v->path, f->id, &f->deletion);
    if (!file)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    if (!known(v, file)) {
        lancelet_error why;
        status = d ? look_at_data(file, f, d, &why) : look_at_deletions(v, f, &why);
        status = note(v, file, status, &why, err);
    }
    base_free(file);
    return status;
}

static lancelet_status look_at_files(verifier *v, const table_manifest *m, lancelet_error *err)
{
    if (m->transaction_file && !strchr(m->transaction_file, '/')) {
        char *file = base_format("%s/_transactions/%s", v->path, m->transaction_file);
        if (!file)
            return base_fail_memory(err);
        lancelet_error why;
        lancelet_status status = known(v, file) ? LANCELET_OK : look_at_transaction(file, &why);
        if (!known(v, file))
            status = note(v, file, status, &why, err);
        base_free(file);
        RETURN_IF_ERROR(status);
    }
    for (size_t i = 0; i < m->n_fragments; i++) {
        const table_fragment *f = &m->fragments[i];
        for (size_t j = 0; j < f->n_files; j++)
            RETURN_IF_ERROR(look_at(v, f, &f->files[j], err));
        if (f->deletion.present)
            RETURN_IF_ERROR(look_at(v, f, NULL, err));
    }
    return LANCELET_OK;
}

/* A version; *whole: its manifest is. The manifest is the caller's then. */
static lancelet_status look_at_version(verifier *v, const table_version_name *name, table_manifest *m, bool *whole,
                                       lancelet_error *err)
{
    char *file = table_manifest_path(v->path, name->version, name->v2_names);
    if (!file)
        return base_fail_memory(err);
    lancelet_error why;
    lancelet_status status = table_manifest_read(v->path, name->version, name->v2_names, m, &why);
    *whole = status == LANCELET_OK;
    if (status == LANCELET_NOT_FOUND) { /* cleaned up meanwhile */
        base_free(file);
        return LANCELET_OK;
    }
    v->report.versions++;
    status = note(v, file, status, &why, err);
    base_free(file);
    if (status == LANCELET_OK && *whole)
        status = look_at_files(v, m, err);
    if (status != LANCELET_OK && *whole)
        table_manifest_free(m);
    return status;
}

/* ---- the pages of the newest version ---- */

/* Reads all rows of a column in a fragment. */
static lancelet_status decode(const verifier *v, const lancelet_table *t, size_t fragment, size_t column,
                              lancelet_error *why)
{
    const char *name = t->schema.children[column]->name;
    table_scan scan = {
        .options = LANCELET_SCAN_OPTIONS_INIT, .fragments = &fragment, .n_fragments = 1, .deleted_too = true};
    scan.options.columns = &name;
    scan.options.n_columns = 1;
    scan.options.cancel = v->cancel;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema = {0};
    RETURN_IF_ERROR(table_scan_open(t, &scan, &stream, why));
    lancelet_status status = arrow_stream_schema(&stream, &schema, why);
    for (bool more = true; more && status == LANCELET_OK;) {
        struct ArrowArray batch = {0};
        status = arrow_stream_next(&stream, &batch, why);
        more = status == LANCELET_OK && batch.release;
        if (more)
            status = arrow_check(&schema, &batch, why);
        arrow_array_release(&batch);
    }
    arrow_schema_release(&schema);
    arrow_stream_release(&stream);
    return status;
}

/* The path of the data file of a fragment with (a part of) a column, the caller's; *file NULL: none has it. */
static lancelet_status file_of_column(const lancelet_table *t, size_t fragment, size_t column, char **file,
                                      lancelet_error *err)
{
    const table_column *c = &t->columns[column];
    const table_data_file *d = NULL;
    size_t at;
    for (size_t i = 0; i < c->n && !d; i++)
        d = table_file_of(&t->manifest.fragments[fragment], t->manifest.fields[c->field[i]].id, c->field[i], &at);
    *file = d ? base_format("%s/data/%s", t->path, d->path) : NULL;
    return !d || *file ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status decode_column(verifier *v, const lancelet_table *t, size_t column, lancelet_error *err)
{
    lancelet_error why;
    lancelet_status status = table_check_readable_column(t, column, &why);
    if (status != LANCELET_OK)
        return tell(v, t->path, &why, err);
    for (size_t i = 0; i < t->manifest.n_fragments && status == LANCELET_OK; i++) {
        char *file;
        RETURN_IF_ERROR(file_of_column(t, i, column, &file, err));
        if (file && known(v, file) == GOOD && decode(v, t, i, column, &why) != LANCELET_OK)
            status = tell(v, file, &why, err);
        base_free(file);
    }
    return status;
}

/* Takes the manifest over. */
static lancelet_status decode_version(verifier *v, table_manifest *m, lancelet_error *err)
{
    lancelet_table *t;
    lancelet_error why;
    uint64_t damaged = v->report.damaged;
    if (table_make(v->path, m, &t, &why) != LANCELET_OK) /* a deletion file that is not whole has been told of */
        return damaged && why.status != LANCELET_MEMORY ? LANCELET_OK : tell(v, v->path, &why, err);
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < t->manifest.n_top && status == LANCELET_OK; i++)
        status = decode_column(v, t, i, err);
    lancelet_table_destroy(t);
    return status;
}

static lancelet_status verify(verifier *v, const table_version_name *versions, size_t n, lancelet_error *err)
{
    bool decoded = false;
    for (size_t i = n; i-- > 0;) {
        table_manifest m;
        bool whole = false;
        RETURN_IF_ERROR(look_at_version(v, &versions[i], &m, &whole, err));
        if (!whole)
            continue;
        if (decoded) {
            table_manifest_free(&m);
            continue;
        }
        decoded = true;
        RETURN_IF_ERROR(decode_version(v, &m, err));
    }
    return v->unread.status == LANCELET_OK ? LANCELET_OK : base_fail(err, v->unread.status, "%s", v->unread.text);
}

lancelet_status lancelet_verify(const char *path, void (*found)(void *arg, const char *file, const lancelet_error *what),
                                void *arg, const volatile int *cancel, lancelet_verify_report *report,
                                lancelet_error *err)
{
    table_version_name *versions;
    size_t n;
    RETURN_IF_ERROR(table_list_versions(path, &versions, &n, err));
    verifier v = {.path = path, .found = found, .arg = arg, .cancel = cancel, .seen = base_map64_create()};
    lancelet_status status = n == 0     ? base_fail(err, LANCELET_NOT_FOUND, "there is no table at %s", path)
                             : !v.seen  ? base_fail_memory(err)
                                        : verify(&v, versions, n, err);
    base_map64_destroy(v.seen);
    base_free(versions);
    RETURN_IF_ERROR(status);
    if (report)
        *report = v.report;
    return LANCELET_OK;
}
