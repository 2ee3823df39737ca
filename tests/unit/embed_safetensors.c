/* Safetensors headers: one that is right, and the ways in which one can be wrong. */
#include "support.h"

#include "base/fault.h"
#include "embed/model/safetensors.h"

/* A file in exactly its own allocation, so that a sanitizer sees a byte read beyond it. */
static uint8_t *file_of(const char *header, size_t data, size_t *n)
{
    size_t length = strlen(header);
    uint8_t *f = base_alloc(8 + length + data);
    assert_non_null(f);
    for (int i = 0; i < 8; i++)
        f[i] = (uint8_t)(length >> 8 * i);
    memcpy(f + 8, header, length);
    for (size_t i = 0; i < data; i++)
        f[8 + length + i] = (uint8_t)i;
    *n = 8 + length + data;
    return f;
}

static lancelet_status open_text(const char *header, size_t data, lancelet_error *err)
{
    size_t n;
    safetensors *st = NULL;
    uint8_t *f = file_of(header, data, &n);
    lancelet_status status = safetensors_open(f, n, &st, err);
    safetensors_close(st);
    base_free(f);
    return status;
}

static void tensors_and_metadata_are_found_by_name(void **s)
{
    (void)s;
    lancelet_error err;
    safetensors *st;
    size_t n;
    uint8_t *f = file_of("{\"__metadata__\":{\"n\":1,\"format\":\"pt\"},\"b\":{\"dtype\":\"I8\",\"shape\":[2,3],\"data_offsets\":[8,14]},"
                         "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                         "\"none\":{\"dtype\":\"F16\",\"shape\":[4,0],\"data_offsets\":[8,8]},"
                         "\"one\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[14,22]}}  ",
                         22, &n);
    assert_ok(safetensors_open(f, n, &st, &err), err);
    size_t count;
    const weights_tensor *t = safetensors_tensors(st, &count);
    assert_int_equal(count, 4);
    assert_string_equal(t[0].name, "a");
    const weights_tensor *b = &t[1];
    assert_string_equal(b->name, "b");
    assert_int_equal(b->dtype, TENSOR_I8);
    assert_int_equal(b->dimensions, 2);
    assert_int_equal(b->shape[1], 3);
    assert_int_equal(b->count, 6);
    assert_int_equal(b->bytes, 6);
    assert_int_equal(b->data[0], 8);
    assert_string_equal(t[2].name, "none");
    assert_int_equal(t[2].bytes, 0);
    assert_string_equal(t[3].name, "one");
    assert_int_equal(t[3].dtype, TENSOR_OTHER);
    assert_string_equal(safetensors_metadata(st, "format"), "pt");
    assert_null(safetensors_metadata(st, "absent"));
    const char *key = safetensors_next_key(st, NULL);
    assert_string_equal(key, "format");
    assert_null(safetensors_next_key(st, key));
    safetensors_close(st);
    base_free(f);
}

static void a_wrong_header_is_one_sentence(void **s)
{
    (void)s;
    static const struct {
        const char *header;
        size_t data;
        lancelet_status status;
        const char *said;
    } cases[] = {
        {"", 0, LANCELET_CORRUPT, "not JSON"},
        {"[]", 0, LANCELET_CORRUPT, "not a JSON object"},
        {"{\"a\":", 0, LANCELET_CORRUPT, "not JSON"},
        {"{\"a\":1,\"a\":2}", 0, LANCELET_CORRUPT, "duplicate"},
        {"{\"a\":7}", 0, LANCELET_CORRUPT, "'a' lacks"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, LANCELET_CORRUPT, "lacks"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, LANCELET_CORRUPT, "lacks"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,-4]}}", 4, LANCELET_CORRUPT, "lacks"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4.0]}}", 4, LANCELET_CORRUPT, "lacks"},
        {"{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, LANCELET_UNSUPPORTED, "F33"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, LANCELET_LIMIT, "dimensions"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, LANCELET_CORRUPT, "impossible shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4, LANCELET_CORRUPT, "impossible shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, LANCELET_CORRUPT, "impossible shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, LANCELET_CORRUPT, "impossible shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, LANCELET_CORRUPT, "needs 8 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 4, LANCELET_CORRUPT, "range 4 to 8 of 4"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, LANCELET_CORRUPT, "begins at byte 4"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, LANCELET_CORRUPT, "end at byte 4"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
         6, LANCELET_CORRUPT, "'b' begins at byte 2"},
        {"{\"a\":{\"dtype\":\"I64\",\"shape\":[9223372036854775807],\"data_offsets\":[0,9223372036854775807]}}", 8, LANCELET_CORRUPT,
         "impossible shape"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err = {0};
        assert_int_equal(open_text(cases[i].header, cases[i].data, &err), cases[i].status);
        if (!strstr(err.text, cases[i].said))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].said);
    }
}

static void a_header_length_beyond_the_file_or_the_limit_is_refused(void **s)
{
    (void)s;
    lancelet_error err;
    safetensors *st;
    static uint8_t large[8 + (17 << 20)];
    assert_int_equal(safetensors_open((const uint8_t *)"\7\0\0\0\0\0\0", 7, &st, &err), LANCELET_CORRUPT);
    assert_int_equal(safetensors_open((const uint8_t *)"\1\0\0\0\0\0\0\0", 8, &st, &err), LANCELET_CORRUPT);
    assert_int_equal(safetensors_open((const uint8_t *)"\377\377\377\377\377\377\377\377{}", 10, &st, &err), LANCELET_CORRUPT);
    large[2] = 17 << 4 & 255;
    large[3] = 17 >> 4;
    assert_int_equal(safetensors_open(large, sizeof large, &st, &err), LANCELET_LIMIT);
}

static void a_failed_allocation_is_an_error_without_a_leak(void **s)
{
    (void)s;
    for (uint64_t n = 1; n < 4; n++) {
        lancelet_error err;
        size_t size;
        safetensors *st = NULL;
        uint8_t *f = file_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, &size);
        base_fault_fail_alloc(n);
        lancelet_status status = safetensors_open(f, size, &st, &err);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        assert_int_equal(status, fired ? LANCELET_MEMORY : LANCELET_OK);
        safetensors_close(st);
        base_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_and_metadata_are_found_by_name),
        cmocka_unit_test(a_wrong_header_is_one_sentence),
        cmocka_unit_test(a_header_length_beyond_the_file_or_the_limit_is_refused),
        cmocka_unit_test(a_failed_allocation_is_an_error_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
