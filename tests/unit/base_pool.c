/* The thread pool and the CPU's level. */
#include "support.h"

#include <stdatomic.h>
#include <time.h>

#include "base/fault.h"
#include "base/memory.h"
#include "base/pool.h"

typedef struct job {
    atomic_int *seen; /* [n] */
    int threads;
    atomic_bool bad_worker;
} job;

static void count(void *arg, size_t i, int worker)
{
    job *j = arg;
    if (worker < 0 || worker >= j->threads)
        atomic_store(&j->bad_worker, true);
    atomic_fetch_add(&j->seen[i], 1);
}

static void each_item_runs_once(void **state)
{
    (void)state;
    lancelet_error err;
    base_pool *pool;
    assert_ok(base_pool_create(4, &pool, &err), err);
    assert_int_equal(base_pool_threads(pool), 4);
    enum { MOST = 300 };
    static atomic_int seen[MOST];
    job j = {.seen = seen, .threads = 4};
    for (int round = 0; round < 3000; round++) {
        size_t n = (size_t)round % MOST;
        for (size_t i = 0; i < n; i++)
            atomic_store(&seen[i], 0);
        base_pool_run(pool, n, count, &j);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(atomic_load(&seen[i]), 1);
    }
    assert_false(atomic_load(&j.bad_worker));
    base_pool_destroy(pool);
}

static void workers_that_sleep_wake_up(void **state)
{
    (void)state;
    lancelet_error err;
    base_pool *pool;
    assert_ok(base_pool_create(3, &pool, &err), err);
    atomic_int seen[64];
    job j = {.seen = seen, .threads = 3};
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 64; i++)
            atomic_init(&seen[i], 0);
        base_pool_run(pool, 64, count, &j);
        for (size_t i = 0; i < 64; i++)
            assert_int_equal(atomic_load(&seen[i]), 1);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    base_pool_destroy(pool);
}

static void add(void *arg, size_t i, int worker)
{
    assert_int_equal(worker, 0);
    *(size_t *)arg += i;
}

static void without_a_pool_the_caller_works(void **state)
{
    (void)state;
    size_t sum = 0;
    base_pool_run(NULL, 10, add, &sum);
    assert_int_equal(sum, 45);
    assert_int_equal(base_pool_threads(NULL), 1);
    lancelet_error err;
    base_pool *pool;
    assert_ok(base_pool_create(1, &pool, &err), err);
    base_pool_run(pool, 10, add, &sum);
    assert_int_equal(sum, 90);
    base_pool_destroy(pool);
    base_pool_destroy(NULL);
}

static void a_pool_that_never_ran_is_destroyed(void **state)
{
    (void)state;
    lancelet_error err;
    base_pool *pool;
    assert_ok(base_pool_create(0, &pool, &err), err);
    assert_int_equal(base_pool_threads(pool), base_cpu_count());
    base_pool_destroy(pool);
    assert_int_equal(base_pool_create(-1, &pool, &err), LANCELET_INVALID);
    assert_int_equal(base_pool_create(1 << 20, &pool, &err), LANCELET_INVALID);
    for (uint64_t n = 1; n <= 2; n++) {
        base_fault_fail_alloc(n);
        assert_int_equal(base_pool_create(2, &pool, &err), LANCELET_MEMORY);
    }
    base_fault_fail_alloc(0);
}

static void there_is_a_cpu(void **state)
{
    (void)state;
    assert_true(base_cpu_count() >= 1);
    assert_true(base_isa_level() <= BASE_ISA_AMX);
    assert_string_equal(base_isa_name(BASE_ISA_C), "c");
    assert_string_equal(base_isa_name(BASE_ISA_AVX512BF16), "avx512bf16");
}

static void picask_isa_lowers_the_level(void **state)
{
    (void)state;
    /* the level is decided once a process: another process asks */
    const char *self = "/proc/self/exe";
    char path[4096], command[9000];
    ssize_t n = readlink(self, path, sizeof path - 1);
    if (n < 0)
        skip_because("no /proc/self/exe here");
    path[n] = '\0';
    snprintf(command, sizeof command, "test \"$(PICASK_ISA=c '%s' --isa)\" = c", path);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "test \"$(PICASK_ISA=nonsense '%s' --isa)\" = \"$('%s' --isa)\"", path,
             path);
    assert_int_equal(system(command), 0);
}

static void a_cancel_flag_is_seen(void **state)
{
    (void)state;
    volatile int flag = 0;
    assert_false(base_cancelled(NULL));
    assert_false(base_cancelled(&flag));
    flag = 1;
    assert_true(base_cancelled(&flag));
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--isa") == 0) {
        puts(base_isa_name(base_isa_level()));
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_runs_once),
        cmocka_unit_test(workers_that_sleep_wake_up),
        cmocka_unit_test(without_a_pool_the_caller_works),
        cmocka_unit_test(a_pool_that_never_ran_is_destroyed),
        cmocka_unit_test(there_is_a_cpu),
        cmocka_unit_test(picask_isa_lowers_the_level),
        cmocka_unit_test(a_cancel_flag_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
