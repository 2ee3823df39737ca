/* Children on hostile work: base/child.c. The shell is the child that misbehaves. */
#include "base/child.h"
#include "base/fault.h"
#include "base/file.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

static const base_child_limits roomy = {.wall_ms = 60000, .output = 256 << 20};

typedef struct ran {
    lancelet_status status;
    lancelet_error err;
    base_buffer output;
    char message[64];
    int code;
} ran;

static ran run_with(const char *script, const void *input, size_t n, const base_child_limits *limits, const volatile int *cancel)
{
    ran r = {.code = -1};
    const char *argument[] = {"-c", script, NULL};
    r.status = base_child_run("/bin/sh", argument, input, n, limits, cancel, &r.output, r.message, sizeof r.message, &r.code, &r.err);
    return r;
}

static ran run(const char *script, const char *input)
{
    return run_with(script, input, strlen(input), &roomy, NULL);
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void assert_output(const ran *r, const char *text)
{
    if (r->status != LANCELET_OK)
        fail_msg("status %d: %s", (int)r->status, r->err.text);
    assert_int_equal(r->output.size, strlen(text));
    assert_memory_equal(r->output.data ? (const char *)r->output.data : "", text, strlen(text));
}

static size_t open_descriptors(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

static void what_goes_in_comes_out_and_the_exit_code_and_message_too(void **state)
{
    (void)state;
    ran r = run("cat; echo 'a word' >&2; exit 7", "twelve bytes");
    assert_output(&r, "twelve bytes");
    assert_int_equal(r.code, 7);
    assert_string_equal(r.message, "a word\n");
    base_buffer_free(&r.output);
}

static void output_is_appended_and_taken_back_on_failure(void **state)
{
    (void)state;
    const char *argument[] = {"-c", "echo more; kill -SEGV $$", NULL};
    base_buffer b = {0};
    lancelet_error err;
    int code;
    assert_true(base_buffer_append_string(&b, "before"));
    assert_int_equal(base_child_run("/bin/sh", argument, NULL, 0, &roomy, NULL, &b, NULL, 0, &code, &err), LANCELET_CORRUPT);
    assert_int_equal(b.size, 6);
    base_buffer_free(&b);
}

static void megabytes_flow_in_both_directions_at_once(void **state)
{
    (void)state;
    size_t n = 20 << 20;
    uint8_t *bytes = base_alloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 24);
    ran r = run_with("exec cat", bytes, n, &roomy, NULL);
    assert_int_equal(r.status, LANCELET_OK);
    assert_int_equal(r.output.size, n);
    assert_memory_equal(r.output.data, bytes, n);
    base_buffer_free(&r.output);
    base_free(bytes);
}

static void a_child_that_ignores_its_input_is_no_failure_and_raises_no_sigpipe(void **state)
{
    (void)state;
    size_t n = 8 << 20;
    uint8_t *bytes = base_calloc(n, 1);
    assert_non_null(bytes);
    ran r = run_with("exec <&-; echo done", bytes, n, &roomy, NULL);
    assert_output(&r, "done\n");
    base_buffer_free(&r.output);
    base_free(bytes);
}

static void a_long_message_is_cut_and_the_rest_of_it_read(void **state)
{
    (void)state;
    ran r = run("i=0; while [ $i -lt 20000 ]; do echo 0123456789 >&2; i=$((i+1)); done; echo out", "");
    assert_output(&r, "out\n");
    assert_int_equal(strlen(r.message), sizeof r.message - 1);
    base_buffer_free(&r.output);
}

static void a_child_that_writes_without_end_is_stopped_at_the_limit(void **state)
{
    (void)state;
    base_child_limits few = roomy;
    few.output = 1 << 20;
    ran r = run_with("while :; do echo 0123456789; done", "", 0, &few, NULL);
    assert_int_equal(r.status, LANCELET_LIMIT);
    assert_true(has(r.err.text, "writes more than"));
    assert_int_equal(r.output.size, 0);
    base_buffer_free(&r.output);
}

static void a_child_that_sleeps_is_killed_when_its_time_is_over(void **state)
{
    (void)state;
    base_child_limits short_time = roomy;
    short_time.wall_ms = 200;
    int64_t from = base_monotonic_us();
    ran r = run_with("sleep 60", "", 0, &short_time, NULL);
    assert_int_equal(r.status, LANCELET_LIMIT);
    assert_true(has(r.err.text, "took longer than 0.2 s"));
    /* one that has closed its pipes too */
    ran closed = run_with("exec <&- >&- 2>&-; sleep 60", "", 0, &short_time, NULL);
    assert_int_equal(closed.status, LANCELET_LIMIT);
    assert_true(base_monotonic_us() - from < 20 * 1000000);
    base_buffer_free(&r.output);
    base_buffer_free(&closed.output);
}

static void a_child_that_computes_without_end_runs_into_its_cpu_time(void **state)
{
    (void)state;
    base_child_limits little = roomy;
    little.cpu_seconds = 1;
    ran r = run_with("read go; while :; do :; done", "go\n", 3, &little, NULL);
    assert_int_equal(r.status, LANCELET_LIMIT);
    assert_true(has(r.err.text, "1 s of the CPU"));
    base_buffer_free(&r.output);
}

static void a_child_that_crashes_is_corrupt(void **state)
{
    (void)state;
    ran r = run("kill -SEGV $$", "");
    assert_int_equal(r.status, LANCELET_CORRUPT);
    assert_true(has(r.err.text, "crashed (signal 11)"));
    base_buffer_free(&r.output);
}

static void a_child_gets_no_more_memory_than_its_limit(void **state)
{
    (void)state;
    if (UNDER_ASAN)
        skip_because("no limit of memory is set under ASan");
    base_child_limits little = roomy;
    little.memory = 64 << 20;
    const char *grow = "read go; a=0123456789abcdef; while :; do a=$a$a; done 2>/dev/null";
    ran r = run_with(grow, "go\n", 3, &little, NULL);
    assert_true(r.status != LANCELET_OK || r.code != 0);
    base_buffer_free(&r.output);
}

static void *set_soon(void *cancel)
{
    usleep(200000);
    *(volatile int *)cancel = 1;
    return NULL;
}

static void cancel_ends_a_child(void **state)
{
    (void)state;
    volatile int cancel = 0;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, set_soon, (void *)(uintptr_t)&cancel), 0);
    int64_t from = base_monotonic_us();
    ran r = run_with("sleep 60", "", 0, &roomy, &cancel);
    pthread_join(thread, NULL);
    assert_int_equal(r.status, LANCELET_CANCELLED);
    assert_true(base_monotonic_us() - from < 20 * 1000000);
    base_buffer_free(&r.output);
}

static void a_grandchild_that_holds_the_pipes_holds_nobody_up_and_goes_too(void **state)
{
    (void)state;
    ran r = run("sleep 60 & echo $!", "");
    assert_int_equal(r.status, LANCELET_OK);
    assert_true(base_buffer_append(&r.output, "", 1));
    pid_t grandchild = (pid_t)strtol((const char *)r.output.data, NULL, 10);
    assert_true(grandchild > 1);
    int i = 0; /* it is somebody else's to reap: a zombie takes signals, so look at its state */
    for (; i < 100; i++, usleep(20000)) {
        char *path = base_format("/proc/%ld/stat", (long)grandchild);
        base_stat found = {0};
        assert_non_null(path);
        uint8_t *text = NULL;
        size_t n = 0;
        bool there = base_file_stat(path, &found, NULL) == LANCELET_OK && found.exists &&
                     base_file_read(path, 4096, &text, &n, NULL) == LANCELET_OK;
        bool zombie = there && has((const char *)text, ") Z");
        base_free(text);
        base_free(path);
        if (!there || zombie)
            break;
    }
    assert_true(i < 100);
    base_buffer_free(&r.output);
}

static void the_child_has_three_descriptors_and_a_small_environment(void **state)
{
    (void)state;
    int leak = open("/dev/null", O_RDONLY); /* inherited across an ordinary exec */
    assert_true(leak >= 0);
    assert_int_equal(setenv("PICASK_TEST_SECRET", "1", 1), 0);
    ran r = run("env | grep -c SECRET; ls /proc/self/fd 2>/dev/null | tr '\\n' ' '", "");
    assert_int_equal(r.status, LANCELET_OK);
    assert_true(base_buffer_append(&r.output, "", 1));
    const char *text = (const char *)r.output.data;
    assert_true(has(text, "0\n"));
    if (access("/proc/self/fd", R_OK) == 0) /* ls itself opens the folder as 3 */
        assert_string_equal(text, "0\n0 1 2 3 ");
    close(leak);
    unsetenv("PICASK_TEST_SECRET");
    base_buffer_free(&r.output);
}

static void the_child_blocks_and_ignores_no_signal(void **state)
{
    (void)state;
    sigset_t all, old;
    sigfillset(&all);
    struct sigaction before, ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGUSR1, &ignore, &before), 0);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    ran r = run("kill -USR1 $$; echo alive", "");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    sigaction(SIGUSR1, &before, NULL);
    assert_int_equal(r.status, LANCELET_CORRUPT);
    base_buffer_free(&r.output);
}

static void a_program_that_is_not_there_is_named(void **state)
{
    (void)state;
    const char *argument[] = {NULL};
    base_buffer b = {0};
    lancelet_error err;
    int code;
    assert_int_equal(base_child_run("/nowhere/decode", argument, NULL, 0, &roomy, NULL, &b, NULL, 0, &code, &err), LANCELET_NOT_FOUND);
    assert_string_equal(err.text, "cannot start /nowhere/decode: No such file or directory");
    base_buffer_free(&b);
}

static void a_process_without_standard_descriptors_can_have_children(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int fd = 0; fd < 3; fd++)
            close(fd);
        ran r = run("cat", "through");
        _exit(r.status == LANCELET_OK && r.output.size == 7 && memcmp(r.output.data, "through", 7) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_process_that_lets_the_system_reap_gets_the_output(void **state)
{
    (void)state;
    struct sigaction before, ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGCHLD, &ignore, &before), 0);
    ran r = run("cat; exit 3", "through");
    sigaction(SIGCHLD, &before, NULL);
    assert_output(&r, "through");
    assert_int_equal(r.code, 0);
    base_buffer_free(&r.output);
}

static void *run_many(void *bad)
{
    for (int i = 0; i < 20; i++) {
        char text[64];
        snprintf(text, sizeof text, "%p %d", (void *)&i, i);
        ran r = run("cat", text);
        if (r.status != LANCELET_OK || r.output.size != strlen(text) || memcmp(r.output.data, text, r.output.size) != 0)
            ++*(int *)bad;
        base_buffer_free(&r.output);
    }
    return NULL;
}

static void eight_threads_have_their_own_children(void **state)
{
    (void)state;
    size_t before = open_descriptors();
    pthread_t thread[8];
    int bad[8] = {0};
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run_many, &bad[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(bad[i], 0);
    }
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left to be reaped */
}

static void every_failing_call_and_allocation_is_reported_and_leaves_nothing_open(void **state)
{
    (void)state;
    size_t before = open_descriptors();
    for (int kind = 0; kind < 2; kind++)
        for (uint64_t n = 1; n < 100; n++) {
            if (kind == 0)
                base_fault_fail_alloc(n);
            else
                base_fault_fail_file(n, EMFILE);
            ran r = run("cat", "through");
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            base_fault_fail_file(0, 0);
            assert_true(n < 99);
            if (fired)
                assert_int_equal(r.status, kind == 0 ? LANCELET_MEMORY : LANCELET_IO);
            else
                assert_output(&r, "through");
            base_buffer_free(&r.output);
            if (!fired)
                break;
        }
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_and_the_exit_code_and_message_too),
        cmocka_unit_test(output_is_appended_and_taken_back_on_failure),
        cmocka_unit_test(megabytes_flow_in_both_directions_at_once),
        cmocka_unit_test(a_child_that_ignores_its_input_is_no_failure_and_raises_no_sigpipe),
        cmocka_unit_test(a_long_message_is_cut_and_the_rest_of_it_read),
        cmocka_unit_test(a_child_that_writes_without_end_is_stopped_at_the_limit),
        cmocka_unit_test(a_child_that_sleeps_is_killed_when_its_time_is_over),
        cmocka_unit_test(a_child_that_computes_without_end_runs_into_its_cpu_time),
        cmocka_unit_test(a_child_that_crashes_is_corrupt),
        cmocka_unit_test(a_child_gets_no_more_memory_than_its_limit),
        cmocka_unit_test(cancel_ends_a_child),
        cmocka_unit_test(a_grandchild_that_holds_the_pipes_holds_nobody_up_and_goes_too),
        cmocka_unit_test(the_child_has_three_descriptors_and_a_small_environment),
        cmocka_unit_test(the_child_blocks_and_ignores_no_signal),
        cmocka_unit_test(a_program_that_is_not_there_is_named),
        cmocka_unit_test(a_process_without_standard_descriptors_can_have_children),
        cmocka_unit_test(a_process_that_lets_the_system_reap_gets_the_output),
        cmocka_unit_test(eight_threads_have_their_own_children),
        cmocka_unit_test(every_failing_call_and_allocation_is_reported_and_leaves_nothing_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
