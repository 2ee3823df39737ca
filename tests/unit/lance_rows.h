/* lance_rows.h - small tables for the tests of the lance room: columns id (int64, not null), name (utf8), vector
 * (fixed_size_list of 4 float32); a fresh one a test, at table_path; versions that other writers might have made. */
#ifndef TESTS_LANCE_ROWS_H
#define TESTS_LANCE_ROWS_H

#include "support.h"

#include "arrow/arrow.h"
#include "lance/table/table.h"

enum { ROWS_DIM = 4 };

static inline lancelet_status rows_schema(struct ArrowSchema *s, lancelet_error *err)
{
    RETURN_IF_ERROR(arrow_schema_init(s, "+s", "", false, 3, err));
    RETURN_IF_ERROR(arrow_schema_init(s->children[0], "l", "id", false, 0, err));
    RETURN_IF_ERROR(arrow_schema_init(s->children[1], "u", "name", true, 0, err));
    RETURN_IF_ERROR(arrow_schema_init(s->children[2], "+w:4", "vector", true, 1, err));
    RETURN_IF_ERROR(arrow_schema_init(s->children[2]->children[0], "f", "item", true, 0, err));
    lancelet_key_value made = {"made", "by a test"};
    return arrow_schema_set_metadata(s, &made, 1, err);
}

static inline lancelet_status rows_append(arrow_builder *b, int64_t id)
{
    char name[32];
    snprintf(name, sizeof name, "name %lld", (long long)id);
    float v[ROWS_DIM] = {(float)id, 1, 2, 3};
    bool ok = arrow_append_int(&b[0], id) &&
              (id % 7 == 3 ? arrow_append_null(&b[1]) : arrow_append_bytes(&b[1], name, strlen(name))) &&
              (id % 11 == 5 ? arrow_append_null(&b[2]) : arrow_append_vector(&b[2], v));
    return ok ? LANCELET_OK : LANCELET_MEMORY;
}

static inline lancelet_status rows_batch(const struct ArrowSchema *s, int64_t first, int64_t n,
                                         struct ArrowArray *out, lancelet_error *err)
{
    arrow_builder b[3];
    struct ArrowArray columns[3] = {{0}};
    memset(b, 0, sizeof b);
    lancelet_status status = LANCELET_OK;
    size_t ready = 0, finished = 0;
    for (; ready < 3 && status == LANCELET_OK; ready += status == LANCELET_OK)
        status = arrow_builder_init(&b[ready], s->children[ready], err);
    for (int64_t i = 0; i < n && status == LANCELET_OK; i++)
        if (rows_append(b, first + i) != LANCELET_OK)
            status = base_fail_memory(err);
    for (; finished < 3 && status == LANCELET_OK; finished++)
        status = arrow_builder_finish(&b[finished], &columns[finished], err);
    if (status == LANCELET_OK)
        return arrow_batch_make(columns, 3, n, out, err);
    for (size_t i = finished; i < ready; i++)
        arrow_builder_free(&b[i]);
    for (size_t i = 0; i < 3; i++)
        arrow_array_release(&columns[i]);
    return status;
}

/* Rows with the ids first .. first + n - 1; name is null where id % 7 == 3, vector where id % 11 == 5. */
static inline lancelet_status rows_stream(int64_t first, int64_t n, struct ArrowArrayStream *out,
                                          lancelet_error *err)
{
    struct ArrowSchema schema = {0};
    lancelet_status status = rows_schema(&schema, err);
    struct ArrowArray *batch = status == LANCELET_OK ? base_calloc(1, sizeof *batch) : NULL;
    if (status == LANCELET_OK && !batch)
        status = base_fail_memory(err);
    if (status == LANCELET_OK && n)
        status = rows_batch(&schema, first, n, batch, err);
    if (status == LANCELET_OK)
        status = arrow_stream_make(&schema, batch, n ? 1 : 0, out, err);
    else
        arrow_schema_release(&schema);
    base_free(batch);
    return status;
}

static const lancelet_write_options rows_unsynced = {sizeof(lancelet_write_options), false, true, NULL};

static inline lancelet_status rows_create(const char *path, int64_t n, lancelet_table **out,
                                          lancelet_error *err)
{
    struct ArrowArrayStream s = {0};
    RETURN_IF_ERROR(rows_stream(0, n, &s, err));
    return lancelet_table_create(path, &s, NULL, 0, &rows_unsynced, out, err);
}

static inline lancelet_status rows_add(const lancelet_table *t, int64_t first, int64_t n,
                                       lancelet_table **out, lancelet_error *err)
{
    struct ArrowArrayStream s = {0};
    RETURN_IF_ERROR(rows_stream(first, n, &s, err));
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.rows = &s;
    return lancelet_table_commit(t, &c, &rows_unsynced, out, err);
}

static inline lancelet_status rows_delete(const lancelet_table *t, const uint64_t *addresses, size_t n,
                                          lancelet_table **out, lancelet_error *err)
{
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.delete_addresses = addresses;
    c.n_delete = n;
    return lancelet_table_commit(t, &c, &rows_unsynced, out, err);
}

static inline uint64_t rows_count(const lancelet_table *t)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(t, &info);
    return info.rows;
}

static inline uint64_t rows_version(const lancelet_table *t)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(t, &info);
    return info.version;
}

/* Sum of the ids, read by a scan, and in *rows their number. */
static inline lancelet_status rows_sum(const lancelet_table *t, int64_t *sum, int64_t *rows,
                                       lancelet_error *err)
{
    const char *id = "id";
    lancelet_scan_options options = LANCELET_SCAN_OPTIONS_INIT;
    options.columns = &id;
    options.n_columns = 1;
    struct ArrowArrayStream s = {0};
    RETURN_IF_ERROR(lancelet_table_scan(t, &options, &s, err));
    struct ArrowSchema schema = {0};
    lancelet_status status = arrow_stream_schema(&s, &schema, err);
    *sum = *rows = 0;
    while (status == LANCELET_OK) {
        struct ArrowArray batch = {0};
        status = arrow_stream_next(&s, &batch, err);
        if (status != LANCELET_OK || !batch.release)
            break;
        for (int64_t i = 0; i < batch.length; i++) {
            int64_t v = 0;
            if (arrow_int(schema.children[0], batch.children[0], i, &v))
                *sum += v;
        }
        *rows += batch.length;
        arrow_array_release(&batch);
    }
    arrow_schema_release(&schema);
    arrow_stream_release(&s);
    return status;
}

/* Files below a folder, told by its name: "data" of a table, say. */
static inline size_t rows_files(const char *table, const char *folder)
{
    lancelet_error err;
    base_names names = {0};
    char *path = base_path_join(table, folder);
    size_t n = 0;
    if (path && base_dir_list(path, &names, &err) == LANCELET_OK)
        n = names.n;
    base_names_free(&names);
    base_free(path);
    return n;
}

/* ---- the table of a test ---- */

static char table_path[5000];

static inline void fresh_path(void)
{
    snprintf(table_path, sizeof table_path, "%s/t.lance", scratch_folder());
}

static inline lancelet_table *make(int64_t rows)
{
    lancelet_error err;
    lancelet_table *t = NULL;
    fresh_path();
    assert_ok(rows_create(table_path, rows, &t, &err), err);
    return t;
}

static inline lancelet_table *newest(void)
{
    lancelet_error err;
    lancelet_table *t = NULL;
    assert_ok(lancelet_table_open(table_path, NULL, &t, &err), err);
    return t;
}

/* The message of t's manifest with `extra` behind it, as the manifest of `version`. */
static inline void derive_with(const lancelet_table *t, const base_buffer *extra, uint64_t version)
{
    lancelet_error err;
    base_buffer message = {0}, file = {0};
    assert_true(base_buffer_append(&message, t->manifest.message.data, t->manifest.message.size) &&
                (extra->size == 0 || base_buffer_append(&message, extra->data, extra->size)) &&
                wire_put_varint(&message, 3, version));
    uint8_t length[4], trailer[16] = {[10] = 2};
    for (int i = 0; i < 4; i++)
        length[i] = (uint8_t)(message.size >> (8 * i));
    memcpy(trailer + 12, "LANC", 4);
    assert_true(base_buffer_append(&file, length, 4) &&
                base_buffer_append(&file, message.data, message.size) &&
                base_buffer_append(&file, trailer, 16));
    char *path = table_manifest_path(table_path, version, true);
    assert_ok(base_file_replace(path, file.data, file.size, false, &err), err);
    base_free(path);
    base_buffer_free(&message);
    base_buffer_free(&file);
}

/* The table has this many rows, and their ids add up to `sum`. */
static inline void rows_check(const lancelet_table *t, int64_t rows, int64_t sum)
{
    lancelet_error err;
    int64_t n, s;
    assert_ok(rows_sum(t, &s, &n, &err), err);
    assert_int_equal(n, rows);
    assert_int_equal(s, sum);
    assert_int_equal(rows_count(t), rows);
}

/* The operation of the transaction that made a version. */
static inline uint32_t rows_operation(const lancelet_table *t)
{
    lancelet_error err;
    base_buffer bytes = {0};
    assert_ok(table_transaction_read(t->path, &t->manifest, &bytes, &err), err);
    uint32_t operation = table_transaction_operation((wire_span){bytes.data, bytes.size});
    base_buffer_free(&bytes);
    return operation;
}

#endif
