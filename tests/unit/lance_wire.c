/* Protobuf's wire format: expected bytes are the examples of https://protobuf.dev/programming-guides/encoding/. */
#include "support.h"

#include "lance/wire/wire.h"

#define SPAN(text) ((wire_span){(const uint8_t *)(text), sizeof(text) - 1})

static void varint_150_is_08_96_01(void **state)
{
    (void)state;
    base_buffer b = {0};
    assert_true(wire_put_varint(&b, 1, 150));
    assert_int_equal(b.size, 3);
    assert_memory_equal(b.data, "\x08\x96\x01", 3);
    assert_int_equal(wire_u64((wire_span){b.data, b.size}, 1, 0), 150);
    base_buffer_free(&b);
}

static void string_testing_is_12_07_and_its_bytes(void **state)
{
    (void)state;
    base_buffer b = {0};
    assert_true(wire_put_string(&b, 2, "testing"));
    assert_int_equal(b.size, 9);
    assert_memory_equal(b.data, "\x12\x07testing", 9);
    wire_span s = wire_bytes((wire_span){b.data, b.size}, 2);
    assert_int_equal(s.size, 7);
    base_buffer_free(&b);
}

static void packed_and_single_integers_read_the_same(void **state)
{
    (void)state;
    static const uint64_t values[] = {3, 270, 86942};
    base_buffer b = {0}, out = {0};
    assert_true(wire_put_packed(&b, 6, values, 3));
    assert_int_equal(b.size, 8);
    assert_memory_equal(b.data, "\x32\x06\x03\x8e\x02\x9e\xa7\x05", 8);
    assert_true(wire_put_varint(&b, 6, 7));
    assert_true(wire_packed((wire_span){b.data, b.size}, 6, &out));
    assert_int_equal(out.size, 4 * sizeof(uint64_t));
    const uint64_t *v = (const uint64_t *)(const void *)out.data;
    assert_int_equal(v[2], 86942);
    assert_int_equal(v[3], 7);
    base_buffer_free(&b);
    base_buffer_free(&out);
}

static void minus_one_takes_ten_bytes(void **state)
{
    (void)state;
    base_buffer b = {0};
    assert_true(wire_put_varint(&b, 4, UINT64_MAX));
    assert_int_equal(b.size, 11);
    assert_true(wire_u64((wire_span){b.data, b.size}, 4, 0) == UINT64_MAX);
    base_buffer_free(&b);
}

static void an_explicit_zero_is_written_and_found(void **state)
{
    (void)state;
    base_buffer b = {0};
    wire_field f;
    assert_true(wire_put_varint(&b, 6, 0));
    assert_int_equal(b.size, 2);
    assert_true(wire_find((wire_span){b.data, b.size}, 6, &f));
    assert_false(wire_find((wire_span){b.data, b.size}, 7, &f));
    base_buffer_free(&b);
}

static void an_empty_list_writes_nothing(void **state)
{
    (void)state;
    base_buffer b = {0};
    assert_true(wire_put_packed(&b, 6, NULL, 0));
    assert_int_equal(b.size, 0);
}

static void the_last_of_two_fields_wins(void **state)
{
    (void)state;
    assert_int_equal(wire_u64(SPAN("\x08\x01\x08\x02"), 1, 0), 2);
}

static void fields_of_every_type_carry_their_raw_bytes(void **state)
{
    (void)state;
    wire_span message = SPAN("\x08\x05\x11\x01\x02\x03\x04\x05\x06\x07\x08\x1a\x02hi\x25\x01\x00\x00\x80");
    static const size_t raw[] = {2, 9, 4, 5};
    wire_field f;
    bool bad;
    for (size_t i = 0; i < 4; i++) {
        assert_true(wire_next(&message, &f, &bad));
        assert_int_equal(f.number, i + 1);
        assert_int_equal(f.raw.size, raw[i]);
    }
    assert_true(f.value == 0x80000001);
    assert_false(wire_next(&message, &f, &bad));
    assert_false(bad);
}

static void malformed_messages_are_seen(void **state)
{
    (void)state;
    static const wire_span bad[] = {
        {(const uint8_t *)"\x08", 1},                                          /* no value */
        {(const uint8_t *)"\x12\x05hi", 4},                                    /* length past the end */
        {(const uint8_t *)"\x0b", 1},                                          /* a group */
        {(const uint8_t *)"\x00\x01", 2},                                      /* field 0 */
        {(const uint8_t *)"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11}, /* more than 64 bits */
        {(const uint8_t *)"\x09\x01\x02", 3},                                  /* half a fixed64 */
        {(const uint8_t *)"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* a huge length */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(wire_check(bad[i]));
    assert_true(wire_check((wire_span){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varint_150_is_08_96_01),
        cmocka_unit_test(string_testing_is_12_07_and_its_bytes),
        cmocka_unit_test(packed_and_single_integers_read_the_same),
        cmocka_unit_test(minus_one_takes_ten_bytes),
        cmocka_unit_test(an_explicit_zero_is_written_and_found),
        cmocka_unit_test(an_empty_list_writes_nothing),
        cmocka_unit_test(the_last_of_two_fields_wins),
        cmocka_unit_test(fields_of_every_type_carry_their_raw_bytes),
        cmocka_unit_test(malformed_messages_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
