/* gallery_watch.c - waiting for changes of an index run's sources. */
#include "gallery_support.h"

#include "base/fault.h"

static int set_up(void **state)
{
    fresh_folder(state);
    write_picture("in/1.png", 1);
    return 0;
}

static picask_status watch_create(const char *source, const volatile int *cancel, picask_watch **out)
{
    picask_index_options o = toy_options();
    o.cancel = cancel;
    return picask_watch_create(at("db"), "pictures", source ? &source : NULL, source ? 1 : 0, &o, out,
                               &error);
}

static void a_change_after_the_watch_began_ends_the_wait(void **state)
{
    (void)state;
    picask_watch *w = NULL;
    assert_ok(watch_create(at("in"), NULL, &w), error);
    write_picture("in/2.png", 2);
    assert_ok(picask_watch_wait(w, &error), error);
    picask_watch_destroy(w);
    picask_watch_destroy(NULL);
}

static void without_sources_those_of_the_table_are_watched(void **state)
{
    (void)state;
    picask_watch *w = NULL;
    index_ok("in");
    assert_ok(watch_create(NULL, NULL, &w), error);
    write_picture("in/deep/2.png", 2);
    assert_ok(picask_watch_wait(w, &error), error);
    picask_watch_destroy(w);
}

static void the_cancel_flag_ends_the_wait(void **state)
{
    (void)state;
    volatile int cancel = 0;
    picask_watch *w = NULL;
    assert_ok(watch_create(at("in"), &cancel, &w), error);
    cancel = 1;
    assert_int_equal(picask_watch_wait(w, &error), LANCELET_CANCELLED);
    picask_watch_destroy(w);
}

static void what_cannot_be_watched_is_said(void **state)
{
    (void)state;
    picask_watch *w = NULL;
    assert_int_equal(watch_create("hf://datasets/org/name", NULL, &w), LANCELET_INVALID);
    assert_non_null(strstr(error.text, "nothing to watch"));
    assert_null(w);
    assert_int_equal(watch_create(NULL, NULL, &w), LANCELET_NOT_FOUND);
    assert_null(w);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    index_ok("in");
    bool fired = true;
    uint64_t n = 0;
    while (fired && n < 5000) {
        picask_watch *w = NULL;
        base_fault_fail_alloc(++n);
        picask_status status = watch_create(NULL, NULL, &w);
        fired = base_fault_fired();
        base_fault_fail_alloc(0);
        assert_true((status == LANCELET_OK) == (w != NULL));
        if (status != LANCELET_OK && status != LANCELET_MEMORY)
            fail_msg("allocation %llu: status %d: %s", (unsigned long long)n, (int)status, error.text);
        picask_watch_destroy(w);
    }
    assert_true(n > 10 && n < 5000);
    printf("# %llu calls, each made to fail once\n", (unsigned long long)n - 1);
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_after_the_watch_began_ends_the_wait),
        TEST(without_sources_those_of_the_table_are_watched),
        TEST(the_cancel_flag_ends_the_wait),
        TEST(what_cannot_be_watched_is_said),
        TEST(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
