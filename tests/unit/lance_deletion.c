/* Deletion files: what LanceDB and pyarrow wrote (tests/golden/make_lance_deletions.py), what we write, hostile bytes. */
#include "support.h"

#include "lance/table/table.h"

static table_bitmap *bitmap(uint64_t rows)
{
    lancelet_error err;
    table_bitmap *b = NULL;
    assert_ok(table_bitmap_create(rows, &b, &err), err);
    return b;
}

static lancelet_status read_bytes(const char *name, const uint8_t *bytes, size_t n, table_bitmap *into,
                                  lancelet_error *err)
{
    return strstr(name, ".bin") ? table_roaring_read(bytes, n, into, err)
                                : table_arrow_rows_read(bytes, n, into, err);
}

static uint8_t *fixture(const char *name, size_t *n)
{
    lancelet_error err;
    char path[256];
    uint8_t *bytes = NULL;
    snprintf(path, sizeof path, FIXTURES "/lance/deletion/%s", name);
    assert_ok(base_file_read(path, 1 << 20, &bytes, n, &err), err);
    return bytes;
}

static table_bitmap *read_fixture(const char *name, uint64_t rows)
{
    lancelet_error err;
    size_t n;
    uint8_t *bytes = fixture(name, &n);
    table_bitmap *b = bitmap(rows);
    assert_ok(read_bytes(name, bytes, n, b, &err), err);
    base_free(bytes);
    return b;
}

static void lancedb_s_packed_arrow_file_is_read(void **state)
{
    (void)state;
    table_bitmap *b = read_fixture("zstd.arrow", 3000);
    uint64_t expected = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        bool gone = i % 5 == 0 || i % 5 == 3;
        expected += gone;
        assert_int_equal(table_bitmap_get(b, i), gone);
    }
    assert_int_equal(b->count, expected);
    table_bitmap_destroy(b);
}

static void lancedb_s_arrow_file_with_a_raw_buffer_is_read(void **state)
{
    (void)state;
    table_bitmap *b = read_fixture("raw.arrow", 3000);
    assert_int_equal(b->count, 2);
    assert_true(table_bitmap_get(b, 1) && table_bitmap_get(b, 2));
    table_bitmap_destroy(b);
}

static void an_arrow_file_without_compression_is_read(void **state)
{
    (void)state;
    table_bitmap *b = read_fixture("plain.arrow", 3000);
    assert_int_equal(b->count, 3);
    assert_true(table_bitmap_get(b, 0) && table_bitmap_get(b, 7) && table_bitmap_get(b, 2999));
    table_bitmap_destroy(b);
}

static void an_arrow_file_packed_with_lz4_is_refused_by_name(void **state)
{
    (void)state;
    lancelet_error err;
    size_t n;
    uint8_t *bytes = fixture("lz4.arrow", &n);
    table_bitmap *b = bitmap(3000);
    assert_int_equal(table_arrow_rows_read(bytes, n, b, &err), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "LZ4"));
    table_bitmap_destroy(b);
    base_free(bytes);
}

static void lancedb_s_roaring_file_is_read(void **state)
{
    (void)state;
    table_bitmap *b = read_fixture("bitmap.bin", 70000);
    for (uint64_t i = 0; i < 70000; i++)
        assert_int_equal(table_bitmap_get(b, i), i % 3 == 0);
    table_bitmap_destroy(b);
}

static void containers_of_runs_are_read(void **state)
{
    (void)state;
    table_bitmap *b = read_fixture("runs.bin", 65541);
    for (uint64_t i = 0; i < 65541; i++)
        assert_int_equal(table_bitmap_get(b, i), (i >= 10 && i < 20) || i >= 65536);
    table_bitmap_destroy(b);
}

static void a_row_outside_the_fragment_is_corrupt(void **state)
{
    (void)state;
    static const char *const names[] = {"zstd.arrow", "plain.arrow", "bitmap.bin", "runs.bin"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lancelet_error err;
        size_t n;
        uint8_t *bytes = fixture(names[i], &n);
        table_bitmap *b = bitmap(6);
        assert_int_equal(read_bytes(names[i], bytes, n, b, &err), LANCELET_CORRUPT);
        table_bitmap_destroy(b);
        base_free(bytes);
    }
}

static void check_round_trip(uint64_t rows, uint64_t step)
{
    lancelet_error err;
    table_bitmap *b = bitmap(rows), *c = bitmap(rows);
    for (uint64_t i = 0; i < rows; i += step)
        table_bitmap_set(b, i);
    base_buffer bytes = {0};
    assert_true(table_roaring_write(b, &bytes));
    assert_ok(table_roaring_read(bytes.data, bytes.size, c, &err), err);
    assert_int_equal(b->count, c->count);
    assert_memory_equal(b->words, c->words, (size_t)((rows + 63) / 64) * 8);
    base_buffer_free(&bytes);
    table_bitmap_destroy(b);
    table_bitmap_destroy(c);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static const uint64_t rows[] = {1, 63, 64, 65, 4096, 65535, 65536, 65537, 300000};
    static const uint64_t steps[] = {1, 2, 15, 16, 17, 70000};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof steps / sizeof *steps; j++)
            check_round_trip(rows[i], steps[j]);
}

static void few_rows_have_the_bytes_that_the_format_s_example_has(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0, 3, 0, 7, 0};
    table_bitmap *b = bitmap(10);
    assert_true(table_bitmap_set(b, 7));
    assert_true(table_bitmap_set(b, 3));
    assert_false(table_bitmap_set(b, 3));
    base_buffer bytes = {0};
    assert_true(table_roaring_write(b, &bytes));
    assert_int_equal(bytes.size, sizeof expected);
    assert_memory_equal(bytes.data, expected, sizeof expected);
    base_buffer_free(&bytes);
    table_bitmap_destroy(b);
}

/* Any outcome is right but a crash (ASan watches); a cut file may still hold its rows only if it is whole. */
static void try_bytes(const char *name, const uint8_t *bytes, size_t n, uint64_t rows)
{
    lancelet_error err;
    uint8_t *copy = malloc(n ? n : 1); /* of its own size, so that ASan sees each byte read behind it */
    memcpy(copy, bytes, n);
    table_bitmap *b = bitmap(rows);
    lancelet_status status = read_bytes(name, copy, n, b, &err);
    assert_true(status == LANCELET_OK || status == LANCELET_CORRUPT || status == LANCELET_UNSUPPORTED);
    table_bitmap_destroy(b);
    free(copy);
}

static void cut_and_changed_files_do_no_harm(void **state)
{
    (void)state;
    static const char *const names[] = {"zstd.arrow", "raw.arrow",  "plain.arrow",
                                        "lz4.arrow",  "bitmap.bin", "runs.bin"};
    uint32_t seed = 7;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        uint8_t *bytes = fixture(names[i], &n);
        for (size_t cut = 0; cut < n; cut += 1 + n / 700)
            try_bytes(names[i], bytes, cut, 70000);
        for (int change = 0; change < 4000; change++) {
            seed = seed * 1664525u + 1013904223u;
            size_t at = (seed >> 8) % n;
            uint8_t old = bytes[at];
            bytes[at] = change % 3 ? (uint8_t)seed : (change & 1 ? 0xff : 0);
            try_bytes(names[i], bytes, n, 70000);
            if (change % 5) /* some changes stay, so that several meet */
                bytes[at] = old;
        }
        base_free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lancedb_s_packed_arrow_file_is_read),
        cmocka_unit_test(lancedb_s_arrow_file_with_a_raw_buffer_is_read),
        cmocka_unit_test(an_arrow_file_without_compression_is_read),
        cmocka_unit_test(an_arrow_file_packed_with_lz4_is_refused_by_name),
        cmocka_unit_test(lancedb_s_roaring_file_is_read),
        cmocka_unit_test(containers_of_runs_are_read),
        cmocka_unit_test(a_row_outside_the_fragment_is_corrupt),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(few_rows_have_the_bytes_that_the_format_s_example_has),
        cmocka_unit_test(cut_and_changed_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
