/* Allocation, its injected failures, checked sizes, buffer, arena, hash map. */
#include "support.h"

#include "base/fault.h"
#include "base/hash.h"
#include "base/memory.h"

static void the_nth_allocation_fails_once(void **state)
{
    (void)state;
    base_fault_fail_alloc(2);
    void *a = base_alloc(1), *b = base_alloc(1), *c = base_alloc(1);
    assert_true(base_fault_fired());
    assert_int_equal(base_fault_allocs(), 3);
    base_fault_fail_alloc(0);
    assert_false(base_fault_fired());
    assert_non_null(a);
    assert_null(b);
    assert_non_null(c);
    base_free(a);
    base_free(c);
    base_free(NULL);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    assert_null(base_alloc_array(SIZE_MAX / 2, 3));
    assert_null(base_calloc(SIZE_MAX / 2, 3));
    assert_null(base_alloc(SIZE_MAX));
    assert_null(base_alloc_aligned(SIZE_MAX - 3));
    size_t s;
    uint64_t u;
    assert_false(base_add_size(SIZE_MAX, 1, &s));
    assert_false(base_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &u));
    assert_true(base_add_u64(UINT64_MAX - 1, 1, &u));
    assert_true(u == UINT64_MAX);
    assert_true(base_range_ok(3, 4, 7));
    assert_false(base_range_ok(4, 4, 7));
    assert_false(base_range_ok(UINT64_MAX, 2, 7));
    assert_false(base_range_ok(1, UINT64_MAX, 7));
}

static void aligned_blocks_are_aligned_to_64(void **state)
{
    (void)state;
    for (size_t n = 0; n < 300; n += 37) {
        void *p = base_alloc_aligned(n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        memset(p, 1, n);
        base_free(p);
    }
}

static void a_buffer_grows_and_becomes_a_string(void **state)
{
    (void)state;
    base_buffer b = {0};
    for (int i = 0; i < 1000; i++)
        assert_true(base_buffer_printf(&b, "%d,", i));
    char wide[600];
    memset(wide, 'w', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    assert_true(base_buffer_printf(&b, "%s", wide));
    assert_true(base_buffer_append_string(&b, "end"));
    assert_int_equal(b.size, 3890 + 599 + 3);
    char *s = base_buffer_to_string(&b);
    assert_int_equal(strlen(s), 3890 + 599 + 3);
    assert_null(b.data);
    base_free(s);
    s = base_buffer_to_string(&b);
    assert_string_equal(s, "");
    base_free(s);
}

static void a_failed_append_leaves_the_buffer(void **state)
{
    (void)state;
    base_buffer b = {0};
    assert_true(base_buffer_append(&b, "abc", 3));
    char big[500] = {0};
    base_fault_fail_alloc(1);
    assert_false(base_buffer_append(&b, big, sizeof big));
    base_fault_fail_alloc(0);
    assert_int_equal(b.size, 3);
    assert_memory_equal(b.data, "abc", 3);
    base_buffer_free(&b);
}

static void an_arena_hands_out_aligned_blocks(void **state)
{
    (void)state;
    base_arena a = {0};
    uint8_t *before = NULL;
    for (size_t i = 1; i < 3000; i++) {
        uint8_t *p = base_arena_alloc(&a, i % 700);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0xAA, i % 700);
        if (before)
            assert_ptr_not_equal(before, p);
        before = p;
    }
    memset(base_arena_alloc(&a, 5 << 20), 1, 5 << 20);
    assert_string_equal(base_arena_strndup(&a, "picture", 3), "pic");
    assert_null(base_arena_alloc(&a, SIZE_MAX));
    base_fault_fail_alloc(1);
    assert_null(base_arena_alloc(&a, 5 << 20));
    base_fault_fail_alloc(0);
    base_arena_free(&a);
    assert_null(a.blocks);
}

static void sha256_is_that_of_fips_180(void **state)
{
    (void)state;
    char hex[65];
    base_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    base_sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hash64_is_xxh64(void **state)
{
    (void)state;
    assert_true(base_hash64("", 0, 0) == UINT64_C(0xEF46DB3751D8E999)); /* xxHash's own specification */
}

static void a_map_finds_what_was_set(void **state)
{
    (void)state;
    base_map64 *m = base_map64_create();
    char key[32];
    uint64_t v;
    for (uint64_t i = 0; i < 20000; i++) {
        int n = snprintf(key, sizeof key, "key %llu", (unsigned long long)i);
        assert_true(base_map64_set(m, key, (size_t)n, i));
    }
    assert_true(base_map64_set(m, "", 0, 77));
    assert_true(base_map64_set(m, "key 5", 5, 55));
    assert_int_equal(base_map64_size(m), 20001);
    for (uint64_t i = 0; i < 20000; i++) {
        int n = snprintf(key, sizeof key, "key %llu", (unsigned long long)i);
        assert_true(base_map64_get(m, key, (size_t)n, &v));
        assert_true(v == (i == 5 ? 55 : i));
    }
    assert_true(base_map64_get(m, "", 0, &v) && v == 77);
    assert_false(base_map64_get(m, "key", 3, &v));
    assert_false(base_map64_get(m, "key 20000", 9, &v));
    base_map64_destroy(m);
    base_map64_destroy(NULL);
}

static void a_map_survives_each_failed_allocation(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        base_fault_fail_alloc(n);
        base_map64 *m = base_map64_create();
        uint64_t set = 0, v;
        for (uint64_t i = 0; m && i < 200; i++)
            set += base_map64_set(m, &i, sizeof i, i);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        if (m) {
            assert_int_equal(base_map64_size(m), set);
            uint64_t found = 0;
            for (uint64_t i = 0; i < 200; i++)
                found += base_map64_get(m, &i, sizeof i, &v) && v == i;
            assert_int_equal(found, set);
        }
        base_map64_destroy(m);
        if (!fired)
            break;
    }
}

static void options_are_taken_as_far_as_the_caller_s_struct_reaches(void **state)
{
    (void)state;
    typedef struct options {
        size_t struct_size;
        int a, b;
    } options;
    options o = {sizeof o, 1, 2}, older = {offsetof(options, b), 7, 8};
    base_options(&o, sizeof o, NULL);
    assert_true(o.a == 1 && o.b == 2);
    base_options(&o, sizeof o, &older);
    assert_true(o.a == 7 && o.b == 2);
    struct {
        options known;
        int more;
    } newer = {{sizeof newer, 5, 6}, 9};
    base_options(&o, sizeof o, &newer);
    assert_true(o.a == 5 && o.b == 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_allocation_fails_once),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(options_are_taken_as_far_as_the_caller_s_struct_reaches),
        cmocka_unit_test(aligned_blocks_are_aligned_to_64),
        cmocka_unit_test(a_buffer_grows_and_becomes_a_string),
        cmocka_unit_test(a_failed_append_leaves_the_buffer),
        cmocka_unit_test(an_arena_hands_out_aligned_blocks),
        cmocka_unit_test(sha256_is_that_of_fips_180),
        cmocka_unit_test(hash64_is_xxh64),
        cmocka_unit_test(a_map_finds_what_was_set),
        cmocka_unit_test(a_map_survives_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
