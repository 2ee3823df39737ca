/* What other Lance libraries would not open is not written (they decode strings strictly and keep some names for
 * themselves), what other writers put there survives our commits to the byte, and what only claims to be huge costs
 * nothing. */
#include <inttypes.h>
#include <pthread.h>

#include "lance_rows.h"

/* A table of one column: its type, its name, and metadata of the schema, taken over. */
static lancelet_status create_column(const char *format, const char *name, base_buffer *metadata,
                                     lancelet_table **out, lancelet_error *err)
{
    struct ArrowSchema schema = {0};
    struct ArrowArrayStream s = {0};
    RETURN_IF_ERROR(arrow_schema_init(&schema, "+s", "", false, 1, err));
    RETURN_IF_ERROR(arrow_schema_init(schema.children[0], format, name, true, 0, err));
    if (metadata)
        RETURN_IF_ERROR(arrow_schema_take_metadata(&schema, metadata, err));
    RETURN_IF_ERROR(arrow_stream_make(&schema, NULL, 0, &s, err));
    fresh_path();
    return lancelet_table_create(table_path, &s, NULL, 0, &rows_unsynced, out, err);
}

/* ---- what is refused ---- */

static void names_that_lance_keeps_or_takes_for_paths_are_invalid(void **state)
{
    (void)state;
    static const char *const names[] = {
        "_rowid", "_rowaddr", "_rowoffset", "_row_last_updated_at_version", "_row_created_at_version", "a.b",
        "a`b",    "",         "\xff"};
    lancelet_error err;
    lancelet_table *t = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(create_column("l", names[i], NULL, &t, &err), LANCELET_INVALID);
        assert_int_not_equal(access(table_path, F_OK), 0);
    }
    assert_ok(create_column("l", "_distance", NULL, &t, &err), err);
    lancelet_table_destroy(t);
}

static void strings_of_messages_that_are_not_utf8_are_invalid(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(3), *u = NULL;
    uint64_t address = 1;
    lancelet_key_value config[] = {{"k", "\xff"}, {"\xff", "v"}};
    for (size_t i = 0; i < 2; i++) {
        lancelet_change c = LANCELET_CHANGE_INIT;
        c.config = &config[i];
        c.n_config = 1;
        assert_int_equal(lancelet_table_commit(t, &c, &rows_unsynced, &u, &err), LANCELET_INVALID);
    }
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.delete_addresses = &address;
    c.n_delete = 1;
    c.predicate = "caf\xe9";
    assert_int_equal(lancelet_table_commit(t, &c, &rows_unsynced, &u, &err), LANCELET_INVALID);
    assert_non_null(strstr(err.text, "predicate"));
    assert_int_equal(rows_files(table_path, "_versions"), 1);
    lancelet_table_destroy(t);
    base_buffer metadata = {0};
    assert_true(arrow_metadata_add(&metadata, "k", 1, "\xff", 1));
    assert_int_equal(create_column("l", "x", &metadata, &t, &err), LANCELET_INVALID);
    assert_int_equal(create_column("tsu:\xff", "x", NULL, &t, &err), LANCELET_INVALID);
}

static void widths_that_are_no_numbers_or_too_large_are_refused_without_rows_too(void **state)
{
    (void)state;
    static const char *const formats[] = {"w:0", "w:x", "w:-1", "w:8x", "w:", "w:268435456", "w:99999999999999999999"};
    lancelet_error err;
    lancelet_table *t = NULL;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        assert_int_equal(create_column(formats[i], "x", NULL, &t, &err), LANCELET_UNSUPPORTED);
        assert_non_null(strstr(err.text, "'x'"));
    }
}

static void rows_are_not_added_to_a_column_of_blobs(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(3), *u = NULL, *v = NULL;
    base_buffer field = {0}, entry = {0}, extra = {0};
    assert_true(wire_put_string(&field, 2, "x") && wire_put_varint(&field, 3, 9) && wire_put_varint(&field, 4, UINT64_MAX) &&
                wire_put_string(&field, 5, "large_binary") && wire_put_varint(&field, 6, 1) &&
                wire_put_string(&entry, 1, "lance-encoding:blob") && wire_put_string(&entry, 2, "true") &&
                wire_put_bytes(&field, 10, entry.data, entry.size) && wire_put_bytes(&extra, 1, field.data, field.size));
    derive_with(t, &extra, 2);
    u = newest();
    struct ArrowSchema schema;
    struct ArrowArrayStream s;
    assert_ok(arrow_schema_init(&schema, "+s", "", false, 2, &err), err);
    assert_ok(arrow_schema_init(schema.children[0], "l", "id", false, 0, &err), err);
    assert_ok(arrow_schema_init(schema.children[1], "Z", "x", true, 0, &err), err);
    assert_ok(arrow_stream_make(&schema, NULL, 0, &s, &err), err);
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.rows = &s;
    assert_int_equal(lancelet_table_commit(u, &c, &rows_unsynced, &v, &err), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "blobs"));
    assert_ok(rows_add(u, 3, 1, &v, &err), err); /* without the column */
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
    base_buffer_free(&field);
    base_buffer_free(&entry);
    base_buffer_free(&extra);
}

/* ---- what survives ---- */

static bool find_k(void *arg, const char *key, size_t nk, const char *value, size_t nv)
{
    bool *found = arg;
    *found |= nk == 1 && *key == 'k' && nv == 3 && memcmp(value, "a\0b", 3) == 0;
    return true;
}

static void metadata_with_a_nul_are_kept_whole(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = NULL;
    base_buffer metadata = {0};
    assert_true(arrow_metadata_add(&metadata, "k", 1, "a\0b", 3));
    assert_ok(create_column("l", "x", &metadata, &t, &err), err);
    struct ArrowSchema schema;
    struct ArrowArrayStream s;
    bool found = false;
    assert_ok(lancelet_table_schema(t, &schema, &err), err);
    arrow_schema_metadata_each(&schema, find_k, &found);
    assert_true(found);
    arrow_schema_release(&schema);
    assert_ok(lancelet_table_scan(t, NULL, &s, &err), err);
    assert_ok(arrow_stream_schema(&s, &schema, &err), err);
    found = false;
    arrow_schema_metadata_each(&schema, find_k, &found);
    assert_true(found);
    arrow_schema_release(&schema);
    arrow_stream_release(&s);
    lancelet_table_destroy(t);
}

static void a_config_value_of_another_writer_with_a_nul_survives_a_commit(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(3), *u = NULL, *v = NULL;
    base_buffer entry = {0}, extra = {0};
    assert_true(wire_put_string(&entry, 1, "theirs") && wire_put_bytes(&entry, 2, "a\0b", 3) &&
                wire_put_bytes(&extra, 16, entry.data, entry.size));
    derive_with(t, &extra, 2);
    u = newest();
    lancelet_key_value config = {"ours", "x"};
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.config = &config;
    c.n_config = 1;
    assert_ok(lancelet_table_commit(u, &c, &rows_unsynced, &v, &err), err);
    assert_int_equal(v->manifest.n_config, 2);
    wire_span rest = v->manifest.message;
    wire_field f;
    bool bad, found = false;
    while (wire_next(&rest, &f, &bad))
        found |=
            f.number == 16 && f.bytes.size == entry.size && memcmp(f.bytes.data, entry.data, entry.size) == 0;
    assert_true(found);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
    base_buffer_free(&entry);
    base_buffer_free(&extra);
}

/* ---- claims ---- */

static void fields_that_share_a_name_or_are_no_text_are_corrupt(void **state)
{
    (void)state;
    static const struct {
        wire_span name, type;
    } cases[] = {{{(const uint8_t *)"id", 2}, {(const uint8_t *)"int64", 5}},
                 {{(const uint8_t *)"a\0b", 3}, {(const uint8_t *)"int64", 5}},
                 {{(const uint8_t *)"x", 1}, {(const uint8_t *)"float\0x", 7}},
                 {{(const uint8_t *)"x", 1}, {(const uint8_t *)"timestamp:us:\xff", 14}}};
    lancelet_error err;
    lancelet_table *t = make(3), *u = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        base_buffer field = {0}, extra = {0};
        assert_true(wire_put_bytes(&field, 2, cases[i].name.data, cases[i].name.size) &&
                    wire_put_varint(&field, 3, 9) && wire_put_varint(&field, 4, UINT64_MAX) &&
                    wire_put_bytes(&field, 5, cases[i].type.data, cases[i].type.size) &&
                    wire_put_bytes(&extra, 1, field.data, field.size));
        derive_with(t, &extra, 2);
        assert_int_equal(lancelet_table_open(table_path, NULL, &u, &err), LANCELET_CORRUPT);
        base_buffer_free(&field);
        base_buffer_free(&extra);
    }
    lancelet_table_destroy(t);
}

static void a_table_at_the_last_version_number_takes_no_commit(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(3), *u = NULL, *v = NULL;
    base_buffer none = {0};
    derive_with(t, &none, UINT64_MAX);
    u = newest();
    assert_int_equal(rows_version(u), UINT64_MAX);
    assert_int_equal(rows_add(u, 3, 1, &v, &err), LANCELET_LIMIT);
    assert_int_equal(rows_files(table_path, "_versions"), 2);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void a_search_of_fragments_that_claim_any_number_of_rows_ends_at_once(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(3), *u = NULL;
    base_buffer extra = {0};
    for (uint64_t id = 1; id < 100000; id++) {
        base_buffer fragment = {0};
        assert_true(wire_put_varint(&fragment, 1, id) && wire_put_varint(&fragment, 4, (uint64_t)1 << 32) &&
                    wire_put_bytes(&extra, 2, fragment.data, fragment.size));
        base_buffer_free(&fragment);
    }
    derive_with(t, &extra, 2);
    u = newest();
    float query[ROWS_DIM] = {1, 2, 3, 4};
    lancelet_hit hits[10];
    size_t n;
    assert_int_equal(lancelet_table_search(u, query, ROWS_DIM, NULL, hits, &n, &err), LANCELET_LIMIT);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    base_buffer_free(&extra);
}

/* ---- lifetimes ---- */

typedef struct reader {
    struct ArrowArrayStream stream;
    struct ArrowArray last; /* outlives the stream */
    int64_t rows;
    lancelet_status status;
} reader;

static void *read_all(void *arg)
{
    reader *r = arg;
    lancelet_error err;
    for (;;) {
        struct ArrowArray a;
        r->status = arrow_stream_next(&r->stream, &a, &err);
        if (r->status != LANCELET_OK || !a.release)
            break;
        r->rows += a.length;
        arrow_array_release(&r->last);
        r->last = a;
    }
    arrow_stream_release(&r->stream);
    return NULL;
}

static void streams_of_one_table_are_read_by_threads_after_it_is_gone(void **state)
{
    (void)state;
    enum { READERS = 4, PARTS = 8, ROWS = 500 };
    lancelet_error err;
    lancelet_table *t = make(ROWS), *u = NULL;
    for (int64_t i = 1; i < PARTS; i++) {
        assert_ok(rows_add(t, i * ROWS, ROWS, &u, &err), err);
        lancelet_table_destroy(t);
        t = u;
    }
    uint64_t gone[] = {3, (uint64_t)2 << 32 | 7};
    assert_ok(rows_delete(t, gone, 2, &u, &err), err);
    lancelet_table_destroy(t);
    t = newest();
    lancelet_table_destroy(u);
    reader readers[READERS] = {0};
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        assert_ok(lancelet_table_scan(t, NULL, &readers[i].stream, &err), err);
    lancelet_table_destroy(t);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readers[i].status, LANCELET_OK);
        assert_int_equal(readers[i].rows, PARTS * ROWS - 2);
        int64_t id = 0;
        memcpy(&id, (const int64_t *)readers[i].last.children[0]->buffers[1] + ROWS - 1, sizeof id);
        assert_int_equal(id, PARTS * ROWS - 1);
        arrow_array_release(&readers[i].last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_lance_keeps_or_takes_for_paths_are_invalid),
        cmocka_unit_test(strings_of_messages_that_are_not_utf8_are_invalid),
        cmocka_unit_test(widths_that_are_no_numbers_or_too_large_are_refused_without_rows_too),
        cmocka_unit_test(rows_are_not_added_to_a_column_of_blobs),
        cmocka_unit_test(metadata_with_a_nul_are_kept_whole),
        cmocka_unit_test(a_config_value_of_another_writer_with_a_nul_survives_a_commit),
        cmocka_unit_test(fields_that_share_a_name_or_are_no_text_are_corrupt),
        cmocka_unit_test(a_table_at_the_last_version_number_takes_no_commit),
        cmocka_unit_test(a_search_of_fragments_that_claim_any_number_of_rows_ends_at_once),
        cmocka_unit_test(streams_of_one_table_are_read_by_threads_after_it_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
