/* Opening and reading tables: versions, schemas, scans, takes, broken manifests, unknown features, create and drop. */
#include <inttypes.h>
#include <sys/stat.h>

#include "base/fault.h"

#include "lance_rows.h"

static lancelet_status open_status(const char *path, uint64_t version, lancelet_error *err)
{
    lancelet_open_options o = LANCELET_OPEN_OPTIONS_INIT;
    o.version = version;
    lancelet_table *t = NULL;
    lancelet_status status = lancelet_table_open(path, &o, &t, err);
    lancelet_table_destroy(t);
    return status;
}

static void read_manifest(uint64_t version, uint8_t **bytes, size_t *n)
{
    lancelet_error err;
    char *path = table_manifest_path(table_path, version, true);
    assert_ok(base_file_read(path, 1 << 20, bytes, n, &err), err);
    base_free(path);
}

static void write_manifest(uint64_t version, const void *bytes, size_t n)
{
    lancelet_error err;
    char *path = table_manifest_path(table_path, version, true);
    assert_ok(base_file_replace(path, bytes, n, false, &err), err);
    base_free(path);
}

/* ---- reading ---- */

static void a_table_reads_back_what_was_written(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(1000);
    lancelet_scan_options o = LANCELET_SCAN_OPTIONS_INIT;
    o.with_row_address = true;
    o.batch_rows = 300;
    struct ArrowArrayStream s;
    struct ArrowSchema schema;
    assert_ok(lancelet_table_scan(t, &o, &s, &err), err);
    lancelet_table_destroy(t); /* the stream holds the version */
    assert_ok(arrow_stream_schema(&s, &schema, &err), err);
    assert_int_equal(schema.n_children, 4);
    assert_string_equal(schema.children[2]->format, "+w:4");
    assert_string_equal(schema.children[3]->name, "_rowid");
    int64_t id = 0, batches = 0;
    for (;; batches++) {
        struct ArrowArray batch;
        assert_ok(arrow_stream_next(&s, &batch, &err), err);
        if (!batch.release)
            break;
        assert_true(batch.length <= 300);
        assert_ok(arrow_check(&schema, &batch, &err), err);
        for (int64_t i = 0; i < batch.length; i++, id++) {
            int64_t v = -1;
            char name[32];
            size_t n;
            assert_true(arrow_int(schema.children[0], batch.children[0], i, &v));
            assert_int_equal(v, id);
            assert_true(arrow_int(schema.children[3], batch.children[3], i, &v));
            assert_int_equal(v, id);
            assert_int_equal(arrow_is_null(batch.children[1], i), id % 7 == 3);
            if (id % 7 != 3) {
                snprintf(name, sizeof name, "name %" PRId64, id);
                const char *text = arrow_bytes(schema.children[1], batch.children[1], i, &n);
                assert_int_equal(n, strlen(name));
                assert_memory_equal(text, name, n);
            }
            const float *vector = arrow_vector(schema.children[2], batch.children[2], i, &n);
            assert_int_equal(vector == NULL, id % 11 == 5);
            if (vector)
                assert_true(n == ROWS_DIM && vector[0] == (float)id && vector[3] == 3);
        }
        arrow_array_release(&batch);
    }
    assert_int_equal(id, 1000);
    assert_int_equal(batches, 4);
    arrow_schema_release(&schema);
    arrow_stream_release(&s);
}

static void columns_come_in_the_order_asked_for(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(10);
    const char *names[] = {"vector", "id", "id"};
    lancelet_scan_options o = LANCELET_SCAN_OPTIONS_INIT;
    o.columns = names;
    o.n_columns = 3;
    struct ArrowArrayStream s;
    struct ArrowSchema schema;
    assert_ok(lancelet_table_scan(t, &o, &s, &err), err);
    assert_ok(arrow_stream_schema(&s, &schema, &err), err);
    assert_int_equal(schema.n_children, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(schema.children[i]->name, names[i]);
    arrow_schema_release(&schema);
    arrow_stream_release(&s);
    names[1] = "nothing";
    assert_int_equal(lancelet_table_scan(t, &o, &s, &err), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, "'nothing'"));
    lancelet_table_destroy(t);
}

static void schema_config_and_metadata_are_kept(void **state)
{
    (void)state;
    lancelet_error err;
    struct ArrowArrayStream rows = {0};
    lancelet_table *t = NULL;
    lancelet_key_value config[2] = {{"a", "1"}, {"b", ""}};
    snprintf(table_path, sizeof table_path, "%s/t.lance", scratch_folder());
    assert_ok(rows_stream(0, 2, &rows, &err), err);
    assert_ok(lancelet_table_create(table_path, &rows, config, 2, &rows_unsynced, &t, &err), err);
    assert_null(rows.release);
    lancelet_table_destroy(t);
    assert_ok(lancelet_table_open(table_path, NULL, &t, &err), err);
    assert_string_equal(lancelet_table_config(t, "a"), "1");
    assert_string_equal(lancelet_table_config(t, "b"), "");
    assert_null(lancelet_table_config(t, "c"));
    assert_string_equal(lancelet_table_schema_metadata(t, "made"), "by a test");
    struct ArrowSchema schema;
    assert_ok(lancelet_table_schema(t, &schema, &err), err);
    assert_int_equal(schema.n_children, 3);
    assert_int_equal(schema.children[0]->flags & ARROW_FLAG_NULLABLE, 0);
    assert_int_equal(schema.children[1]->flags & ARROW_FLAG_NULLABLE, ARROW_FLAG_NULLABLE);
    assert_non_null(schema.metadata);
    arrow_schema_release(&schema);
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(t, &info);
    assert_int_equal(info.version, 1);
    assert_int_equal(info.rows, 2);
    assert_int_equal(info.fragments, 1);
    assert_true(info.data_bytes > 0);
    assert_true(info.timestamp_us > 1700000000000000);
    assert_string_equal(info.data_version, "2.1");
    assert_string_equal(info.path, table_path);
    lancelet_table_destroy(t);
}

/* Ids of the rows at `addresses`, through take. */
static lancelet_status take_ids(const lancelet_table *t, const uint64_t *addresses, size_t n, size_t batch,
                                int64_t *ids, lancelet_error *err)
{
    lancelet_scan_options o = LANCELET_SCAN_OPTIONS_INIT;
    o.batch_rows = batch;
    struct ArrowArrayStream s;
    struct ArrowSchema schema;
    RETURN_IF_ERROR(lancelet_table_take(t, addresses, n, &o, &s, err));
    assert_ok(arrow_stream_schema(&s, &schema, err), *err);
    for (size_t done = 0;;) {
        struct ArrowArray a;
        assert_ok(arrow_stream_next(&s, &a, err), *err);
        if (!a.release) {
            assert_int_equal(done, n);
            break;
        }
        for (int64_t i = 0; i < a.length; i++, done++) {
            size_t dim;
            assert_true(arrow_int(schema.children[0], a.children[0], i, &ids[done]));
            const float *v = arrow_vector(schema.children[2], a.children[2], i, &dim);
            assert_true(ids[done] % 11 == 5 ? v == NULL : v && v[0] == (float)ids[done]);
        }
        arrow_array_release(&a);
    }
    arrow_schema_release(&schema);
    arrow_stream_release(&s);
    return LANCELET_OK;
}

static void rows_are_taken_in_any_order_with_repeats_from_several_fragments(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(50), *u = NULL;
    assert_ok(rows_add(t, 1000, 50, &u, &err), err);
    uint64_t one = (uint64_t)1 << 32, addresses[] = {7, one | 3, 7, 5, one | 49, 6, one, 0};
    int64_t expected[] = {7, 1003, 7, 5, 1049, 6, 1000, 0}, ids[8];
    for (size_t batch = 1; batch < 10; batch++) {
        assert_ok(take_ids(u, addresses, 8, batch, ids, &err), err);
        assert_memory_equal(ids, expected, sizeof ids);
    }
    assert_ok(take_ids(u, addresses, 0, 0, ids, &err), err);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void addresses_that_were_never_there_or_are_deleted_are_named(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(50), *u = NULL;
    uint64_t gone = 9, addresses[2] = {1, 9};
    int64_t ids[2];
    assert_ok(rows_delete(t, &gone, 1, &u, &err), err);
    assert_ok(take_ids(t, addresses, 2, 0, ids, &err), err);
    assert_int_equal(take_ids(u, addresses, 2, 0, ids, &err), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, "9"));
    addresses[0] = 50;
    assert_int_equal(take_ids(u, addresses, 1, 0, ids, &err), LANCELET_NOT_FOUND);
    addresses[0] = (uint64_t)1 << 32;
    assert_int_equal(take_ids(u, addresses, 1, 0, ids, &err), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, "4294967296"));
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void an_empty_table_has_a_schema_and_no_rows(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(0), *u = NULL;
    int64_t sum, rows;
    assert_ok(rows_sum(t, &sum, &rows, &err), err);
    assert_int_equal(rows, 0);
    float query[ROWS_DIM] = {0};
    lancelet_hit hits[10];
    size_t n = 99;
    assert_ok(lancelet_table_search(t, query, ROWS_DIM, NULL, hits, &n, &err), err);
    assert_int_equal(n, 0);
    assert_ok(rows_add(t, 0, 3, &u, &err), err);
    assert_int_equal(rows_count(u), 3);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void a_cancelled_scan_ends_with_the_status(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(10);
    int cancel = 1;
    lancelet_scan_options o = LANCELET_SCAN_OPTIONS_INIT;
    o.cancel = &cancel;
    struct ArrowArrayStream s;
    struct ArrowArray a;
    assert_ok(lancelet_table_scan(t, &o, &s, &err), err);
    assert_int_equal(arrow_stream_next(&s, &a, &err), LANCELET_CANCELLED);
    arrow_stream_release(&s);
    lancelet_table_destroy(t);
}

/* ---- versions ---- */

static void every_version_can_be_opened(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL, *v = NULL;
    assert_ok(rows_add(t, 5, 7, &u, &err), err);
    lancelet_open_options o = LANCELET_OPEN_OPTIONS_INIT;
    o.version = 1;
    assert_ok(lancelet_table_open(table_path, &o, &v, &err), err);
    assert_int_equal(rows_count(v), 5);
    assert_int_equal(open_status(table_path, 3, &err), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, "version 3"));
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
}

static void names_that_are_no_manifests_are_ignored(void **state)
{
    (void)state;
    static const char *const names[] = {".tmp-1",
                                        "99.manifest#1",
                                        "d18446744073709551000.manifest",
                                        "latest_version_hint.json",
                                        "x.manifest",
                                        ".manifest",
                                        "7.manifest.tmp-1",
                                        "99999999999999999999.manifest"};
    lancelet_error err;
    lancelet_table *t = make(5);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[6000];
        snprintf(path, sizeof path, "%s/_versions/%s", table_path, names[i]);
        assert_ok(base_file_replace(path, "{\"version\":77}", 14, false, &err), err);
    }
    lancelet_table *u = NULL;
    assert_ok(lancelet_table_open(table_path, NULL, &u, &err), err);
    assert_int_equal(rows_version(u), 1);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void a_table_with_decimal_names_goes_on_with_them(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL;
    lancelet_table_destroy(t);
    char *v2 = table_manifest_path(table_path, 1, true), *v1 = table_manifest_path(table_path, 1, false);
    assert_int_equal(rename(v2, v1), 0);
    base_free(v2);
    base_free(v1);
    assert_ok(lancelet_table_open(table_path, NULL, &t, &err), err);
    assert_ok(rows_add(t, 5, 5, &u, &err), err);
    char path[6000];
    snprintf(path, sizeof path, "%s/_versions/2.manifest", table_path);
    assert_int_equal(access(path, R_OK), 0);
    lancelet_table_destroy(t);
    t = NULL;
    assert_ok(lancelet_table_open(table_path, NULL, &t, &err), err);
    assert_int_equal(rows_count(t), 10);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

/* ---- broken and unknown ---- */

static void a_broken_newest_manifest_is_corrupt_and_named(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5);
    uint8_t *bytes, zeros[900] = {0};
    size_t n;
    read_manifest(1, &bytes, &n);
    write_manifest(2, "", 0);
    assert_int_equal(open_status(table_path, 0, &err), LANCELET_CORRUPT);
    assert_non_null(strstr(err.text, "version 2"));
    assert_non_null(strstr(err.text, "18446744073709551613.manifest"));
    write_manifest(2, zeros, sizeof zeros);
    assert_int_equal(open_status(table_path, 0, &err), LANCELET_CORRUPT);
    write_manifest(2, bytes, n); /* whole, but of version 1 */
    assert_int_equal(open_status(table_path, 0, &err), LANCELET_CORRUPT);
    assert_non_null(strstr(err.text, "version 1"));
    assert_int_equal(open_status(table_path, 1, &err), LANCELET_OK); /* the older one still opens */
    for (size_t cut = 0; cut < n; cut++) {
        write_manifest(1, bytes, cut);
        assert_int_equal(open_status(table_path, 1, &err), LANCELET_CORRUPT);
    }
    base_free(bytes);
    lancelet_table_destroy(t);
}

/* Parses manifest bytes of exactly this size (ASan watches), makes a table of them and looks at its schema. */
static void try_manifest(const uint8_t *bytes, size_t n)
{
    lancelet_error err;
    uint8_t *copy = base_alloc(n);
    memcpy(copy, bytes, n);
    table_manifest m;
    lancelet_table *t = NULL;
    if (table_manifest_parse(copy, n, "changed", &m, &err) == LANCELET_OK &&
        table_make("/nowhere", &m, &t, &err) == LANCELET_OK) {
        int64_t sum, rows;
        (void)rows_count(t);
        assert_int_not_equal(rows_sum(t, &sum, &rows, &err), LANCELET_MEMORY);
    }
    lancelet_table_destroy(t);
}

static void changed_manifests_do_no_harm(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL;
    uint64_t gone = 2;
    assert_ok(rows_delete(t, &gone, 1, &u, &err), err);
    uint8_t *bytes;
    size_t n;
    uint32_t seed = 3;
    read_manifest(2, &bytes, &n);
    for (int change = 0; change < 20000; change++) {
        seed = seed * 1664525u + 1013904223u;
        size_t at = (seed >> 8) % n;
        uint8_t old = bytes[at];
        bytes[at] = (uint8_t)seed;
        try_manifest(bytes, n);
        bytes[at] = old;
    }
    base_free(bytes);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void features_not_known_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        uint64_t flag;
        const char *name;
        bool readable;
    } flags[] = {{2, "stable row ids", true},
                 {16, "base paths", false},
                 {64, "overlay files", false},
                 {512, "fragment-reuse", false},
                 {4096, "0x1000", false}};
    lancelet_error err;
    lancelet_table *t = make(5);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        base_buffer extra = {0};
        assert_true(wire_put_varint(&extra, 9, flags[i].flag) && wire_put_varint(&extra, 10, flags[i].flag));
        derive_with(t, &extra, 2);
        base_buffer_free(&extra);
        lancelet_table *u = NULL, *v = NULL;
        lancelet_status status = lancelet_table_open(table_path, NULL, &u, &err);
        assert_int_equal(status, flags[i].readable ? LANCELET_OK : LANCELET_UNSUPPORTED);
        if (u) {
            int64_t sum, rows;
            assert_ok(rows_sum(u, &sum, &rows, &err), err);
            assert_int_equal(sum, 10);
            assert_int_equal(rows_add(u, 5, 1, &v, &err), LANCELET_UNSUPPORTED);
        }
        assert_non_null(strstr(err.text, flags[i].name));
        lancelet_table_destroy(u);
    }
    lancelet_table_destroy(t);
}

static void a_column_of_an_unknown_type_is_refused_only_when_read(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL;
    base_buffer extra = {0}, field = {0};
    assert_true(wire_put_string(&field, 2, "shape") && wire_put_varint(&field, 3, 9) &&
                wire_put_varint(&field, 4, UINT64_MAX) && wire_put_string(&field, 5, "polygon:3") &&
                wire_put_varint(&field, 6, 1) && wire_put_bytes(&extra, 1, field.data, field.size));
    derive_with(t, &extra, 2);
    base_buffer_free(&extra);
    base_buffer_free(&field);
    assert_ok(lancelet_table_open(table_path, NULL, &u, &err), err);
    int64_t sum, rows;
    assert_ok(rows_sum(u, &sum, &rows, &err), err);
    assert_int_equal(sum, 10);
    struct ArrowArrayStream s = {0};
    assert_int_equal(lancelet_table_scan(u, NULL, &s, &err), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "polygon:3"));
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void a_column_that_no_file_has_is_null(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL;
    base_buffer extra = {0}, field = {0};
    assert_true(wire_put_string(&field, 2, "later") && wire_put_varint(&field, 3, 9) &&
                wire_put_varint(&field, 4, UINT64_MAX) &&
                wire_put_string(&field, 5, "fixed_size_list:float:3") && wire_put_varint(&field, 6, 1) &&
                wire_put_bytes(&extra, 1, field.data, field.size));
    derive_with(t, &extra, 2);
    base_buffer_free(&extra);
    base_buffer_free(&field);
    assert_ok(lancelet_table_open(table_path, NULL, &u, &err), err);
    struct ArrowArrayStream s;
    struct ArrowSchema schema;
    struct ArrowArray a;
    assert_ok(lancelet_table_scan(u, NULL, &s, &err), err);
    assert_ok(arrow_stream_schema(&s, &schema, &err), err);
    assert_ok(arrow_stream_next(&s, &a, &err), err);
    assert_ok(arrow_check(&schema, &a, &err), err);
    assert_int_equal(a.n_children, 4);
    for (int64_t i = 0; i < 5; i++)
        assert_true(arrow_is_null(a.children[3], i));
    arrow_array_release(&a);
    arrow_schema_release(&schema);
    arrow_stream_release(&s);
    float query[3] = {1, 2, 3};
    lancelet_hit hits[10];
    size_t n;
    lancelet_search_options o = LANCELET_SEARCH_OPTIONS_INIT;
    o.column = "later";
    assert_ok(lancelet_table_search(u, query, 3, &o, hits, &n, &err), err);
    assert_int_equal(n, 0);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void a_missing_or_other_data_file_is_corrupt_and_named(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL;
    char data[6000];
    base_names names;
    snprintf(data, sizeof data, "%s/data", table_path);
    assert_ok(base_dir_list(data, &names, &err), err);
    assert_int_equal(names.n, 1);
    char *path = base_path_join(data, names.name[0]);
    assert_int_equal(truncate(path, 100), 0);
    int64_t sum, rows;
    assert_ok(lancelet_table_open(table_path, NULL, &u, &err), err);
    assert_int_equal(rows_sum(u, &sum, &rows, &err), LANCELET_CORRUPT);
    assert_non_null(strstr(err.text, names.name[0]));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rows_sum(u, &sum, &rows, &err), LANCELET_CORRUPT);
    assert_non_null(strstr(err.text, names.name[0]));
    base_free(path);
    base_names_free(&names);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void a_folder_without_a_table_is_not_found(void **state)
{
    (void)state;
    lancelet_error err;
    const char *folder = scratch_folder();
    assert_int_equal(open_status(folder, 0, &err), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, folder));
    assert_int_equal(open_status("build/tmp/no/such/folder", 0, &err), LANCELET_NOT_FOUND);
    assert_int_equal(lancelet_table_drop(folder, &err), LANCELET_NOT_FOUND);
}

/* ---- create and drop ---- */

static void creating_over_a_table_is_a_conflict_and_changes_nothing(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL;
    size_t files = rows_files(table_path, "data");
    assert_int_equal(rows_create(table_path, 9, &u, &err), LANCELET_CONFLICT);
    assert_null(u);
    assert_int_equal(rows_files(table_path, "data"), files);
    assert_ok(lancelet_table_open(table_path, NULL, &u, &err), err);
    assert_int_equal(rows_count(u), 5);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void a_dropped_table_is_gone_and_can_be_made_anew(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL;
    assert_ok(lancelet_table_drop(table_path, &err), err);
    assert_int_equal(open_status(table_path, 0, &err), LANCELET_NOT_FOUND);
    assert_int_not_equal(access(table_path, F_OK), 0);
    assert_int_equal(rows_add(t, 5, 1, &u, &err), LANCELET_NOT_FOUND);
    assert_ok(rows_create(table_path, 9, &u, &err), err);
    lancelet_table *v = NULL;
    assert_int_equal(rows_add(t, 5, 1, &v, &err), LANCELET_CONFLICT); /* version 1 of another table */
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static int fail_after_two(struct ArrowArrayStream *s, struct ArrowArray *out);
static struct ArrowArrayStream inner;
static int calls;

static int inner_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    (void)s;
    return inner.get_schema(&inner, out);
}

static int fail_after_two(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    (void)s;
    if (++calls == 2)
        return 5; /* EIO */
    return inner.get_next(&inner, out);
}

static const char *its_error(struct ArrowArrayStream *s)
{
    (void)s;
    return "the source broke";
}

static void release_inner(struct ArrowArrayStream *s)
{
    inner.release(&inner);
    s->release = NULL;
}

static void a_stream_that_fails_leaves_no_table_and_no_file(void **state)
{
    (void)state;
    lancelet_error err;
    snprintf(table_path, sizeof table_path, "%s/t.lance", scratch_folder());
    assert_ok(rows_stream(0, 100, &inner, &err), err);
    struct ArrowArrayStream s = {inner_schema, fail_after_two, its_error, release_inner, NULL};
    lancelet_table *t = NULL;
    calls = 0;
    assert_int_equal(lancelet_table_create(table_path, &s, NULL, 0, &rows_unsynced, &t, &err), LANCELET_IO);
    assert_non_null(strstr(err.text, "the source broke"));
    assert_null(s.release);
    assert_int_not_equal(access(table_path, F_OK), 0);
    t = make(3);
    assert_ok(rows_stream(0, 100, &inner, &err), err);
    s = (struct ArrowArrayStream){inner_schema, fail_after_two, its_error, release_inner, NULL};
    calls = 0;
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.rows = &s;
    assert_int_equal(lancelet_table_commit(t, &c, &rows_unsynced, NULL, &err), LANCELET_IO);
    assert_null(s.release);
    assert_int_equal(rows_files(table_path, "data"), 1);
    assert_int_equal(rows_files(table_path, "_versions"), 1);
    lancelet_table_destroy(t);
}

static void a_type_that_is_not_written_is_named_before_a_folder_is_made(void **state)
{
    (void)state;
    lancelet_error err;
    snprintf(table_path, sizeof table_path, "%s/t.lance", scratch_folder());
    struct ArrowSchema schema = {0};
    struct ArrowArrayStream s;
    assert_ok(arrow_schema_init(&schema, "+s", "", false, 1, &err), err);
    assert_ok(arrow_schema_init(schema.children[0], "tiD", "how_long", true, 0, &err), err);
    assert_ok(arrow_stream_make(&schema, NULL, 0, &s, &err), err);
    lancelet_table *t = NULL;
    assert_int_equal(lancelet_table_create(table_path, &s, NULL, 0, &rows_unsynced, &t, &err),
                     LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "'how_long'"));
    assert_int_not_equal(access(table_path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_reads_back_what_was_written),
        cmocka_unit_test(columns_come_in_the_order_asked_for),
        cmocka_unit_test(schema_config_and_metadata_are_kept),
        cmocka_unit_test(rows_are_taken_in_any_order_with_repeats_from_several_fragments),
        cmocka_unit_test(addresses_that_were_never_there_or_are_deleted_are_named),
        cmocka_unit_test(an_empty_table_has_a_schema_and_no_rows),
        cmocka_unit_test(a_cancelled_scan_ends_with_the_status),
        cmocka_unit_test(every_version_can_be_opened),
        cmocka_unit_test(names_that_are_no_manifests_are_ignored),
        cmocka_unit_test(a_table_with_decimal_names_goes_on_with_them),
        cmocka_unit_test(a_broken_newest_manifest_is_corrupt_and_named),
        cmocka_unit_test(changed_manifests_do_no_harm),
        cmocka_unit_test(features_not_known_are_refused_by_name),
        cmocka_unit_test(a_column_of_an_unknown_type_is_refused_only_when_read),
        cmocka_unit_test(a_column_that_no_file_has_is_null),
        cmocka_unit_test(a_missing_or_other_data_file_is_corrupt_and_named),
        cmocka_unit_test(a_folder_without_a_table_is_not_found),
        cmocka_unit_test(creating_over_a_table_is_a_conflict_and_changes_nothing),
        cmocka_unit_test(a_dropped_table_is_gone_and_can_be_made_anew),
        cmocka_unit_test(a_stream_that_fails_leaves_no_table_and_no_file),
        cmocka_unit_test(a_type_that_is_not_written_is_named_before_a_folder_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
