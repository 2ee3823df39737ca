/* cli_duration.c - options that are a length of time. */
#include "support.h"

#include "cli/cli.h"

#define LEAST 100000
#define MOST  INT64_C(3600000000)

/* What cli_fail prints goes to /dev/null meanwhile. -1: refused. */
static int64_t duration(const char *value)
{
    int64_t us = -1;
    int kept = dup(2);
    assert_non_null(freopen("/dev/null", "w", stderr));
    int code = cli_duration_option("--every", value, LEAST, MOST, &us);
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    assert_int_equal(code, us == -1 ? 2 : 0);
    return us;
}

static void a_unit_stands_behind_the_number(void **state)
{
    (void)state;
    assert_int_equal(duration("2s"), 2000000);
    assert_int_equal(duration("500ms"), 500000);
    assert_int_equal(duration("1m"), 60000000);
    assert_int_equal(duration("1h"), MOST);
    assert_int_equal(duration("1.5s"), 1500000);
    assert_int_equal(duration("0.25m"), 15000000);
}

static void a_plain_number_is_seconds(void **state)
{
    (void)state;
    assert_int_equal(duration("3"), 3000000);
    assert_int_equal(duration("0.1"), LEAST);
    assert_int_equal(duration(".5"), 500000);
}

static void anything_else_is_refused(void **state)
{
    static const char *const bad[] = {"", "s", "2 s", "2sec", "-1s", "+1s", "1e3", "1e1s", "nan", "Infinity", "1.2.3s", "2s ", "ms", "."};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (duration(bad[i]) != -1)
            fail_msg("'%s' is taken", bad[i]);
}

static void what_is_too_short_or_too_long_is_refused(void **state)
{
    (void)state;
    assert_int_equal(duration("99ms"), -1);
    assert_int_equal(duration("0"), -1);
    assert_int_equal(duration("3601"), -1);
    assert_int_equal(duration("99999999999999999999999999999h"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_stands_behind_the_number),
        cmocka_unit_test(a_plain_number_is_seconds),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(what_is_too_short_or_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
