/* source_watch.c - what changes below a source is told; what no run would read is not. Both ways: by the system, and by looking. */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/file.h"
#include "source/source.h"

#define LONG_MS 20000 /* a change is told long before */
#define IDLE_MS 600   /* nothing comes */

static char root[4096];

static const char *in_root(const char *name)
{
    static char path[8300];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void put(const char *name, const char *text)
{
    lancelet_error err;
    char *folder = base_path_parent(in_root(name));
    assert_ok(base_dir_make(folder, &err), err);
    base_free(folder);
    assert_ok(base_file_replace(in_root(name), text, strlen(text), false, &err), err);
}

static int make_root(void **state)
{
    (void)state;
    char *absolute = base_path_absolute(scratch_folder());
    snprintf(root, sizeof root, "%s", absolute);
    base_free(absolute);
    put("a.jpg", "xyz");
    put("sub/b.jpg", "xyz");
    return 0;
}

static source_watch *open_watch(const char *path, const source_options *options)
{
    source_watch *w;
    lancelet_error err;
    const char *const paths[] = {path, "hf://datasets/o/n"};
    assert_ok(source_watch_open(paths, 2, options, &w, &err), err);
    return w;
}

static void expect(source_watch *w, int wait_ms, bool expected)
{
    bool changed;
    lancelet_error err;
    assert_ok(source_watch_wait(w, wait_ms, &changed, &err), err);
    assert_int_equal(changed, expected);
}

static char notes[1000];

static void keep_note(void *arg, int level, const char *sentence)
{
    (void)arg;
    (void)level;
    snprintf(notes, sizeof notes, "%s", sentence);
}

/* The same of a watch that the system does not give. */
static source_watch *open_looking(const char *path)
{
    source_options options = {.struct_size = sizeof options, .note = keep_note};
    base_fault_fail_file(1, ENOSYS);
    source_watch *w = open_watch(path, &options);
    base_fault_fail_file(0, 0);
    assert_non_null(strstr(notes, "looked through every few seconds"));
    return w;
}

static void each_kind_of_change_is_told(source_watch *w, int idle_ms)
{
    lancelet_error err;
    expect(w, idle_ms, false);
    put("new.jpg", "1");
    expect(w, LONG_MS, true);
    put("sub/b.jpg", "longer than before");
    expect(w, LONG_MS, true);
    assert_ok(base_file_remove(in_root("new.jpg"), &err), err);
    expect(w, LONG_MS, true);
    put("fresh/deep/c.jpg", "1");
    expect(w, LONG_MS, true);
    put("fresh/deep/d.jpg", "1");
    expect(w, LONG_MS, true);
    char from[8300];
    snprintf(from, sizeof from, "%s", in_root("fresh"));
    assert_int_equal(rename(from, in_root("moved")), 0);
    expect(w, LONG_MS, true);
    put("moved/deep/e.jpg", "1");
    expect(w, LONG_MS, true);
    put("a.txt", "a caption");
    expect(w, LONG_MS, true);
    expect(w, idle_ms, false);
    source_watch_close(w);
}

static void changes_below_a_folder_are_told(void **state)
{
    (void)state;
    each_kind_of_change_is_told(open_watch(root, NULL), IDLE_MS);
}

static void changes_are_found_by_looking_where_nothing_can_be_watched(void **state)
{
    (void)state;
    each_kind_of_change_is_told(open_looking(root), 4000);
}

static void names_that_no_run_reads_do_not_count(void **state)
{
    (void)state;
    const char *exclude[] = {"*.gif", "raw/"};
    source_options options = {.struct_size = sizeof options, .exclude = exclude, .n_exclude = 2};
    source_watch *w = open_watch(root, &options);
    put("x.lance", "1");
    put("notes.pdf", "1");
    put(".hidden.jpg", "1");
    put("@eaDir/a.jpg", "1");
    put("raw/a.jpg", "1");
    put("a.gif", "1");
    expect(w, IDLE_MS, false);
    put("raw/b.jpg", "1");
    put("@eaDir/b.jpg", "1");
    expect(w, IDLE_MS, false);
    source_watch_close(w);
}

static void a_file_that_is_a_source_is_watched_and_its_neighbours_are_not(void **state)
{
    (void)state;
    put("list.csv", "path,text\n");
    source_watch *w = open_watch(in_root("list.csv"), NULL);
    put("other.csv", "1");
    put("other.jpg", "1");
    expect(w, IDLE_MS, false);
    put("list.csv", "path,text\na.jpg,x\n");
    expect(w, LONG_MS, true);
    source_watch_close(w);
}

static void a_source_that_goes_and_comes_back_is_told_both_times(void **state)
{
    (void)state;
    lancelet_error err;
    char sub[8300];
    snprintf(sub, sizeof sub, "%s", in_root("sub"));
    source_watch *w = open_watch(sub, NULL);
    assert_ok(base_dir_remove(sub, &err), err);
    expect(w, LONG_MS, true);
    expect(w, IDLE_MS, false);
    put("sub/c.jpg", "1");
    expect(w, LONG_MS, true);
    put("sub/d.jpg", "1");
    expect(w, LONG_MS, true);
    source_watch_close(w);
}

static void a_circle_of_links_is_watched_once(void **state)
{
    (void)state;
    assert_int_equal(symlink("..", in_root("sub/up")), 0);
    source_watch *w = open_watch(root, NULL);
    put("sub/c.jpg", "1");
    expect(w, LONG_MS, true);
    source_watch_close(w);
    source_watch_close(open_looking(root));
}

static void more_folders_than_may_be_watched_are_looked_through(void **state)
{
    (void)state;
    source_options options = {.struct_size = sizeof options, .note = keep_note};
    bool seen = false;
    for (uint64_t nth = 2; nth < 20; nth++) {
        notes[0] = 0;
        base_fault_fail_file(nth, ENOSPC);
        source_watch *w = open_watch(root, &options);
        base_fault_fail_file(0, 0);
        seen = seen || strstr(notes, "max_user_watches");
        if (nth == 3)
            assert_non_null(w);
        source_watch_close(w);
    }
    assert_true(seen);
}

static void *write_for_a_while(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        char path[8300];
        snprintf(path, sizeof path, "%s/w%d.jpg", root, i);
        FILE *f = fopen(path, "w");
        if (f)
            fclose(f);
        usleep(100000);
    }
    return NULL;
}

static void changes_that_come_one_after_the_other_are_told_once(void **state)
{
    (void)state;
    pthread_t thread;
    source_watch *w = open_watch(root, NULL);
    assert_int_equal(pthread_create(&thread, NULL, write_for_a_while, NULL), 0);
    expect(w, LONG_MS, true);
    pthread_join(thread, NULL);
    expect(w, IDLE_MS, false);
    source_watch_close(w);
}

static void cancel_ends_the_wait(void **state)
{
    (void)state;
    int cancel = 0;
    source_options options = {.struct_size = sizeof options, .cancel = &cancel};
    source_watch *w = open_watch(root, &options);
    cancel = 1;
    expect(w, 600000, false);
    source_watch_close(w);
}

static void every_failed_allocation_is_an_error_without_a_leak(void **state)
{
    (void)state;
    const char *const paths[] = {root};
    for (uint64_t nth = 1;; nth++) {
        source_watch *w = NULL;
        lancelet_error err;
        base_fault_fail_alloc(nth);
        lancelet_status status = source_watch_open(paths, 1, NULL, &w, &err);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        source_watch_close(w);
        if (!fired) {
            assert_int_equal(status, LANCELET_OK);
            break;
        }
        assert_int_equal(status, LANCELET_MEMORY);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, make_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_below_a_folder_are_told),
        TEST(changes_are_found_by_looking_where_nothing_can_be_watched),
        TEST(names_that_no_run_reads_do_not_count),
        TEST(a_file_that_is_a_source_is_watched_and_its_neighbours_are_not),
        TEST(a_source_that_goes_and_comes_back_is_told_both_times),
        TEST(a_circle_of_links_is_watched_once),
        TEST(more_folders_than_may_be_watched_are_looked_through),
        TEST(changes_that_come_one_after_the_other_are_told_once),
        TEST(cancel_ends_the_wait),
        TEST(every_failed_allocation_is_an_error_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
