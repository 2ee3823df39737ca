/* source_parquet.c - the Parquet reader: rows from anywhere, what is left out, and files that lie. Values are compared with
 * pyarrow in tests/peers/parquet.py; the fixtures are made by tests/golden/parquet.py. */
#include "support.h"

#include <inttypes.h>

#include "base/fault.h"
#include "base/file.h"
#include "source/parquet/internal.h"

static const char ROWS[] = FIXTURES "/parquet/rows.parquet", ROWS_V2[] = FIXTURES "/parquet/rows_v2.parquet";

static parquet_file *opened(const char *path)
{
    parquet_file *f;
    lancelet_error err;
    assert_ok(parquet_open(path, &f, &err), err);
    return f;
}

/* Checks that rows first.. of the fixtures are what parquet.py wrote; returns their number. */
static uint64_t check_rows(parquet_file *f, uint64_t first, uint64_t most)
{
    struct ArrowArrayStream rows;
    struct ArrowArray batch;
    lancelet_error err;
    const struct ArrowSchema *s = parquet_schema(f);
    uint64_t row = first;
    assert_ok(parquet_read(f, NULL, 0, first, most, &rows, &err), err);
    for (;;) {
        assert_ok(arrow_stream_next(&rows, &batch, &err), err);
        if (!batch.release)
            break;
        assert_ok(arrow_check(s, &batch, &err), err);
        for (int64_t i = 0; i < batch.length; i++, row++) {
            char text[32];
            size_t n;
            int64_t id;
            double score;
            assert_true(arrow_int(s->children[2], batch.children[2], i, &id));
            assert_int_equal(id, row);
            assert_true(arrow_double(s->children[3], batch.children[3], i, &score));
            assert_true(score == (double)row / 2);
            assert_int_equal(arrow_is_null(batch.children[0], i), row % 7 == 3);
            const char *caption = arrow_bytes(s->children[1], batch.children[1], i, &n);
            snprintf(text, sizeof text, "caption %" PRIu64, row);
            assert_int_equal(arrow_is_null(batch.children[1], i), row % 4 == 1);
            assert_true(row % 4 == 1 || (n == strlen(text) && memcmp(caption, text, n) == 0));
            const char *bytes = arrow_bytes(s->children[0]->children[0], batch.children[0]->children[0], i, &n);
            snprintf(text, sizeof text, "picture %" PRIu64, row);
            assert_true(row % 7 == 3 || (n == strlen(text) && memcmp(bytes, text, n) == 0));
        }
        arrow_array_release(&batch);
    }
    arrow_stream_release(&rows);
    return row - first;
}

static void rows_are_read_from_any_place_on(void **state)
{
    (void)state;
    const char *const paths[] = {ROWS, ROWS_V2};
    for (size_t p = 0; p < 2; p++) {
        parquet_file *f = opened(paths[p]);
        assert_int_equal(parquet_rows(f), 100);
        for (uint64_t first = 0; first <= 100; first++) {
            assert_int_equal(check_rows(f, first, UINT64_MAX), 100 - first);
            assert_int_equal(check_rows(f, first, 1), first < 100);
        }
        assert_int_equal(check_rows(f, 38, 5), 5); /* over the end of a row group */
        assert_int_equal(check_rows(f, 1000, 1), 0);
        parquet_close(f);
    }
}

static void one_row_costs_a_page_and_not_the_file(void **state)
{
    (void)state;
    parquet_file *f = opened(ROWS);
    uint64_t before = base_bytes_read();
    check_rows(f, 97, 1);
    assert_true(base_bytes_read() - before < 1000);
    parquet_close(f);
}

static void columns_are_chosen_by_place(void **state)
{
    (void)state;
    parquet_file *f = opened(ROWS);
    struct ArrowArrayStream rows;
    struct ArrowSchema schema;
    lancelet_error err;
    const size_t columns[] = {2, 0, 2}, wrong[] = {5};
    assert_ok(parquet_read(f, columns, 3, 0, 10, &rows, &err), err);
    assert_ok(arrow_stream_schema(&rows, &schema, &err), err);
    assert_string_equal(schema.children[0]->name, "id");
    assert_string_equal(schema.children[1]->name, "image");
    struct ArrowArray batch;
    assert_ok(arrow_stream_next(&rows, &batch, &err), err);
    assert_ok(arrow_check(&schema, &batch, &err), err);
    assert_int_equal(batch.length, 10);
    arrow_array_release(&batch);
    arrow_schema_release(&schema);
    arrow_stream_release(&rows);
    assert_int_equal(parquet_read(f, wrong, 1, 0, 10, &rows, &err), LANCELET_INVALID);
    parquet_close(f);
}

static void lists_are_left_out_by_name(void **state)
{
    (void)state;
    parquet_file *f = opened(FIXTURES "/parquet/list.parquet");
    const char *const *names, *const *reasons;
    assert_int_equal(parquet_left_out(f, &names, &reasons), 1);
    assert_string_equal(names[0], "tags");
    assert_string_equal(reasons[0], "list");
    assert_int_equal(check_rows(f, 0, UINT64_MAX), 40);
    parquet_close(f);
}

/* ---- files that lie ---- */

static void expect_refused(const uint8_t *bytes, size_t n, lancelet_status status, const char *text)
{
    parquet_file *f;
    lancelet_error err;
    assert_int_equal(parquet_open_bytes(bytes, n, "/f/x.parquet", &f, &err), status);
    assert_non_null(strstr(err.text, "/f/x.parquet"));
    assert_non_null(strstr(err.text, text));
}

static void a_file_that_is_cut_or_encrypted_or_another_is_refused(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t n;
    lancelet_error err;
    assert_ok(base_file_read(ROWS, 1 << 20, &bytes, &n, &err), err);
    expect_refused(bytes, n - 1, LANCELET_CORRUPT, "end is missing");
    expect_refused(bytes, 8, LANCELET_CORRUPT, "no Parquet file");
    expect_refused(bytes, 0, LANCELET_CORRUPT, "no Parquet file");
    memcpy(bytes + n - 4, "PARE", 4);
    expect_refused(bytes, n, LANCELET_UNSUPPORTED, "encrypted");
    memcpy(bytes + n - 4, "PAR1", 4);
    memset(bytes + n - 8, 0xFF, 4);
    expect_refused(bytes, n, LANCELET_CORRUPT, "more than the file");
    base_free(bytes);
}

static lancelet_status read_all(const uint8_t *bytes, size_t n, lancelet_error *err)
{
    parquet_file *f;
    struct ArrowArrayStream rows;
    RETURN_IF_ERROR(parquet_open_bytes(bytes, n, "/f/x.parquet", &f, err));
    lancelet_status status = parquet_read(f, NULL, 0, 0, 100000, &rows, err);
    while (status == LANCELET_OK) {
        struct ArrowArray batch;
        status = arrow_stream_next(&rows, &batch, err);
        if (status != LANCELET_OK || !batch.release)
            break;
        arrow_array_release(&batch);
    }
    arrow_stream_release(&rows);
    parquet_close(f);
    return status;
}

static void a_page_that_differs_from_its_checksum_is_refused(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t n;
    lancelet_error err;
    assert_ok(base_file_read(ROWS_V2, 1 << 20, &bytes, &n, &err), err);
    assert_ok(read_all(bytes, n, &err), err);
    uint8_t *zstd = memmem(bytes, n, "\x28\xb5\x2f\xfd", 4);
    assert_non_null(zstd);
    zstd[8] ^= 1;
    assert_int_equal(read_all(bytes, n, &err), LANCELET_CORRUPT);
    assert_non_null(strstr(err.text, "checksum"));
    assert_non_null(strstr(err.text, "/f/x.parquet, column \"bytes\""));
    base_free(bytes);
}

/* A writer of Thrift's compact protocol, as small as a file of one column needs. */
static void put(base_buffer *b, const void *bytes, size_t n)
{
    assert_true(base_buffer_append(b, bytes, n));
}

static void put_varint(base_buffer *b, uint64_t v)
{
    for (; v > 127; v >>= 7)
        put(b, &(uint8_t){(uint8_t)(v | 128)}, 1);
    put(b, &(uint8_t){(uint8_t)v}, 1);
}

static void put_head(base_buffer *b, int step, int type)
{
    put(b, &(uint8_t){(uint8_t)(step << 4 | type)}, 1);
}

static void put_i32(base_buffer *b, int step, int64_t v)
{
    put_head(b, step, THRIFT_I32);
    put_varint(b, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

static void put_text(base_buffer *b, int step, const char *s)
{
    put_head(b, step, THRIFT_BINARY);
    put_varint(b, strlen(s));
    put(b, s, strlen(s));
}

static void put_list(base_buffer *b, int step, uint64_t n)
{
    put_head(b, step, THRIFT_LIST);
    put(b, &(uint8_t){15 << 4 | THRIFT_STRUCT}, 1);
    put_varint(b, n);
}

static void put_stop(base_buffer *b)
{
    put(b, "", 1);
}

static void put_group(base_buffer *b, const char *name, int64_t children)
{
    put_i32(b, 3, 0); /* repetition_type: required */
    put_text(b, 1, name);
    put_i32(b, 1, children);
    put_stop(b);
}

static void put_int32(base_buffer *b, const char *name)
{
    put_i32(b, 1, 1); /* type INT32 */
    put_i32(b, 2, 0);
    put_text(b, 1, name);
    put_stop(b);
}

static void put_end(base_buffer *b, size_t footer)
{
    uint32_t n = (uint32_t)(b->size - footer);
    put(b, &n, 4);
    put(b, "PAR1", 4);
}

typedef struct lie {
    int64_t values, unpacked, packed, encoding, codec, offset, chunk, rows;
} lie;

/* A file of one column "v" whose one page has these bytes. */
static void write_file(base_buffer *b, lie l, const void *page, size_t n)
{
    b->size = 0;
    put(b, "PAR1", 4);
    put_i32(b, 1, 0); /* DATA_PAGE */
    put_i32(b, 1, l.unpacked);
    put_i32(b, 1, l.packed);
    put_head(b, 2, THRIFT_STRUCT);
    put_i32(b, 1, l.values);
    put_i32(b, 1, l.encoding);
    put_i32(b, 1, 3);
    put_i32(b, 1, 3);
    put_stop(b);
    put_stop(b);
    put(b, page, n);
    size_t footer = b->size;
    put_i32(b, 1, 1);
    put_list(b, 1, 2);
    put_group(b, "root", 1);
    put_int32(b, "v");
    put_i32(b, 1, l.rows);
    put_list(b, 1, 1); /* row_groups */
    put_list(b, 1, 1); /* columns */
    put_i32(b, 2, 0);
    put_head(b, 1, THRIFT_STRUCT); /* meta_data */
    put_i32(b, 1, 1);
    put_i32(b, 3, l.codec);
    put_i32(b, 1, l.values);
    put_i32(b, 2, l.chunk ? l.chunk : (int64_t)footer - 4);
    put_i32(b, 2, l.offset ? l.offset : 4);
    put_stop(b);
    put_stop(b);
    put_i32(b, 2, l.rows);
    put_stop(b);
    put_stop(b);
    put_end(b, footer);
}

static const lie HONEST = {.values = 2, .unpacked = 8, .packed = 8, .rows = 2};

static void expect_lie(lie l, lancelet_status status, const char *text)
{
    base_buffer b = {0};
    lancelet_error err = {0};
    write_file(&b, l, "\1\0\0\0\2\0\0\0", 8);
    assert_int_equal(read_all(b.data, b.size, &err), status);
    if (status != LANCELET_OK && !strstr(err.text, text))
        fail_msg("\"%s\" has no \"%s\"", err.text, text);
    base_buffer_free(&b);
}

static void a_page_that_lies_about_its_size_or_values_is_refused(void **state)
{
    (void)state;
    lie l = HONEST;
    expect_lie(l, LANCELET_OK, "");
    l.values = l.rows = 3;
    expect_lie(l, LANCELET_CORRUPT, "x.parquet, column \"v\": a page ends within its values");
    l.values = l.rows = INT32_MAX;
    expect_lie(l, LANCELET_CORRUPT, "a page ends within its values");
    l = HONEST;
    l.rows = 3;
    expect_lie(l, LANCELET_CORRUPT, "its pages end too early");
    l = HONEST;
    l.packed = 1000;
    expect_lie(l, LANCELET_CORRUPT, "which are not there");
    l = HONEST;
    l.encoding = 8;
    expect_lie(l, LANCELET_CORRUPT, "a dictionary that is not there");
    l.encoding = 99;
    expect_lie(l, LANCELET_UNSUPPORTED, "encoding 99");
    l = HONEST;
    l.codec = 4;
    expect_lie(l, LANCELET_UNSUPPORTED, "brotli");
}

static void a_page_claims_no_more_memory_than_its_bytes_can_hold(void **state)
{
    (void)state;
    lie l = HONEST;
    l.codec = 2;
    l.unpacked = 1 << 29;
    expect_lie(l, LANCELET_CORRUPT, "8 compressed bytes hold 536870912");
    l.unpacked = INT64_C(1) << 31;
    expect_lie(l, LANCELET_LIMIT, "more than 1 GiB");
}

static void a_chunk_outside_of_the_file_is_refused(void **state)
{
    (void)state;
    lie l = HONEST;
    l.offset = 1 << 30;
    expect_lie(l, LANCELET_CORRUPT, "what the footer says of it is broken");
    l = HONEST;
    l.chunk = INT64_MAX / 4;
    expect_lie(l, LANCELET_CORRUPT, "what the footer says of it is broken");
}

static void a_schema_that_is_too_deep_is_refused(void **state)
{
    (void)state;
    base_buffer b = {0};
    put(&b, "PAR1", 4);
    put_i32(&b, 1, 1);
    put_list(&b, 1, 100001);
    for (int i = 0; i < 100000; i++)
        put_group(&b, "g", 1);
    put_int32(&b, "v");
    put_stop(&b);
    put_end(&b, 4);
    expect_refused(b.data, b.size, LANCELET_LIMIT, "deep");
    base_buffer_free(&b);
}

static void a_schema_may_have_a_hundred_thousand_columns(void **state)
{
    (void)state;
    base_buffer b = {0};
    parquet_file *f;
    lancelet_error err;
    put(&b, "PAR1", 4);
    put_i32(&b, 1, 1);
    put_list(&b, 1, 100001);
    put_group(&b, "root", 100000);
    for (int i = 0; i < 100000; i++)
        put_int32(&b, "v");
    put_i32(&b, 1, 0);
    put_list(&b, 1, 0);
    put_stop(&b);
    put_end(&b, 4);
    assert_ok(parquet_open_bytes(b.data, b.size, "x", &f, &err), err);
    assert_int_equal(parquet_schema(f)->n_children, 100000);
    parquet_close(f);
    base_buffer_free(&b);
}

/* ---- parts ---- */

static void a_run_of_two_thousand_million_costs_nothing_until_it_is_read(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 1};
    parquet_hybrid h;
    uint32_t v, out[3];
    parquet_hybrid_start(&h, bytes, bytes + sizeof bytes, 1);
    assert_true(parquet_hybrid_run(&h, &v, 2000000000));
    assert_int_equal(v, 1);
    assert_true(parquet_hybrid_read(&h, out, 3));
    assert_false(parquet_hybrid_run(&h, &v, UINT32_MAX));
}

static void runs_and_packed_groups_follow_each_other(void **state)
{
    (void)state;
    /* a run of 3 times 5, then the numbers 0..7 packed in 3 bits as the specification prints them */
    const uint8_t bytes[] = {3 << 1, 5, 1 << 1 | 1, 0x88, 0xC6, 0xFA};
    parquet_hybrid h;
    uint32_t out[11];
    parquet_hybrid_start(&h, bytes, bytes + sizeof bytes, 3);
    assert_true(parquet_hybrid_read(&h, out, 11));
    for (uint32_t i = 0; i < 11; i++)
        assert_int_equal(out[i], i < 3 ? 5 : i - 3);
    assert_false(parquet_hybrid_read(&h, out, 1));
}

static void the_old_packing_has_the_highest_bit_first(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x05, 0x39, 0x77}; /* 0..7 in 3 bits, as the specification prints them */
    parquet_hybrid h;
    uint32_t out[8];
    parquet_hybrid_start_old(&h, bytes, bytes + sizeof bytes, 3);
    assert_true(parquet_hybrid_read(&h, out, 8));
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(out[i], i);
    assert_false(parquet_hybrid_read(&h, out, 1));
}

static void deltas_of_the_specification_come_back(void **state)
{
    (void)state;
    /* 1, 2, 3, 4, 5: a block of 128 in 4 miniblocks, first value 1, least delta 1, widths 0 */
    const uint8_t bytes[] = {0x80, 1, 4, 5, 2, 2, 0, 0, 0, 0, 'x'};
    parquet_delta d, all;
    int64_t out[5];
    assert_true(parquet_delta_start(&d, bytes, bytes + sizeof bytes));
    all = d;
    assert_ptr_equal(parquet_delta_end(&all), bytes + 10);
    assert_true(parquet_delta_read(&d, out, 2));
    assert_true(parquet_delta_read(&d, out + 2, 3));
    for (int i = 0; i < 5; i++)
        assert_int_equal(out[i], i + 1);
    assert_false(parquet_delta_read(&d, out, 1));
}

/* ---- memory that is out ---- */

static lancelet_status read_file(const char *path, lancelet_error *err)
{
    parquet_file *f;
    struct ArrowArrayStream rows;
    RETURN_IF_ERROR(parquet_open(path, &f, err));
    lancelet_status status = parquet_read(f, NULL, 0, 3, UINT64_MAX, &rows, err);
    bool streams = status == LANCELET_OK;
    while (status == LANCELET_OK) {
        struct ArrowArray batch;
        status = arrow_stream_next(&rows, &batch, err);
        if (status != LANCELET_OK || !batch.release)
            break;
        arrow_array_release(&batch);
    }
    if (streams)
        arrow_stream_release(&rows);
    parquet_close(f);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const char *const paths[] = {ROWS_V2, "tests/fuzz/corpus/parquet/delta_none", "tests/fuzz/corpus/parquet/types"};
    for (size_t p = 0; p < 3; p++)
        for (uint64_t n = 1;; n++) {
            lancelet_error err;
            base_fault_fail_alloc(n);
            lancelet_status status = read_file(paths[p], &err);
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            if (!fired) {
                assert_int_equal(status, LANCELET_OK);
                break;
            }
            assert_int_equal(status, LANCELET_MEMORY);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read_from_any_place_on),
        cmocka_unit_test(one_row_costs_a_page_and_not_the_file),
        cmocka_unit_test(columns_are_chosen_by_place),
        cmocka_unit_test(lists_are_left_out_by_name),
        cmocka_unit_test(a_file_that_is_cut_or_encrypted_or_another_is_refused),
        cmocka_unit_test(a_page_that_differs_from_its_checksum_is_refused),
        cmocka_unit_test(a_page_that_lies_about_its_size_or_values_is_refused),
        cmocka_unit_test(a_page_claims_no_more_memory_than_its_bytes_can_hold),
        cmocka_unit_test(a_chunk_outside_of_the_file_is_refused),
        cmocka_unit_test(a_schema_that_is_too_deep_is_refused),
        cmocka_unit_test(a_schema_may_have_a_hundred_thousand_columns),
        cmocka_unit_test(a_run_of_two_thousand_million_costs_nothing_until_it_is_read),
        cmocka_unit_test(runs_and_packed_groups_follow_each_other),
        cmocka_unit_test(the_old_packing_has_the_highest_bit_first),
        cmocka_unit_test(deltas_of_the_specification_come_back),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
