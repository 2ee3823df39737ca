/* Files, folders, mappings, locks, paths; with every file call and every allocation failing in turn. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/file.h"

static lancelet_error err;

static char *in_scratch(const char *name)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), name);
    return path;
}

static void put_file(const char *path, const char *text)
{
    assert_ok(base_file_replace(path, text, strlen(text), false, &err), err);
}

static bool exists(const char *path)
{
    base_stat st;
    assert_ok(base_file_stat(path, &st, &err), err);
    return st.exists;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    char *path = in_scratch("a");
    base_writer w;
    assert_ok(base_writer_open(path, true, &w, &err), err);
    static uint8_t big[300000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 7);
    assert_ok(base_writer_write(&w, "head", 4, &err), err);
    assert_ok(base_writer_write(&w, big, sizeof big, &err), err);
    assert_ok(base_writer_write(&w, NULL, 0, &err), err);
    for (size_t i = 0; i < sizeof big; i += 1000)
        assert_ok(base_writer_write(&w, big + i, 1000, &err), err);
    assert_int_equal(w.position, 4 + 2 * sizeof big);
    assert_ok(base_writer_close(&w, true, &err), err);
    base_writer_abandon(&w);
    uint8_t *bytes;
    size_t n;
    assert_ok(base_file_read(path, 1 << 20, &bytes, &n, &err), err);
    assert_int_equal(n, 4 + 2 * sizeof big);
    assert_memory_equal(bytes + 4, big, sizeof big);
    assert_memory_equal(bytes + 4 + sizeof big, big, sizeof big);
    assert_int_equal(bytes[n], 0);
    base_free(bytes);
    assert_int_equal(base_writer_open(path, true, &w, &err), LANCELET_CONFLICT);
    assert_int_equal(base_file_read(path, 1000, &bytes, &n, &err), LANCELET_LIMIT);
}

static void an_abandoned_file_is_gone(void **state)
{
    (void)state;
    char *path = in_scratch("half");
    base_writer w;
    assert_ok(base_writer_open(path, false, &w, &err), err);
    assert_ok(base_writer_write(&w, "x", 1, &err), err);
    base_writer_abandon(&w);
    base_writer_abandon(&w);
    assert_false(exists(path));
}

static void absent_files_and_pipes_are_named(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t n;
    base_map map;
    char *path = in_scratch("fifo");
    assert_int_equal(base_file_read("build/tmp/no such file", 10, &bytes, &n, &err), LANCELET_NOT_FOUND);
    assert_string_equal(err.text, "cannot open build/tmp/no such file: No such file or directory");
    assert_int_equal(base_map_open("build/tmp/no such file", 0, &map, &err), LANCELET_NOT_FOUND);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(base_file_read(path, 10, &bytes, &n, &err), LANCELET_INVALID);
    assert_int_equal(base_map_open(path, 0, &map, &err), LANCELET_INVALID);
    assert_int_equal(base_file_read("build", 10, &bytes, &n, &err), LANCELET_INVALID);
}

static void a_mapping_knows_its_path(void **state)
{
    (void)state;
    char *path = in_scratch("m");
    put_file(path, "twelve bytes");
    base_map maps[200];
    for (int i = 0; i < 200; i++)
        assert_ok(base_map_open(path, i % 2 ? 12 : 0, &maps[i], &err), err);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(maps[i].size, 12);
        assert_memory_equal(maps[i].data, "twelve bytes", 12);
        assert_string_equal(base_map_path_of(maps[i].data + 11), path);
    }
    const void *address = maps[150].data;
    for (int i = 0; i < 200; i++)
        base_map_close(&maps[i]);
    assert_null(base_map_path_of(address));
    assert_null(base_map_path_of(&maps));
    assert_null(maps[0].data);
    assert_int_equal(base_map_open(path, 13, &maps[0], &err), LANCELET_CORRUPT);
    assert_non_null(strstr(err.text, "has 12 bytes and should have 13"));
}

static void an_empty_file_maps(void **state)
{
    (void)state;
    char *path = in_scratch("empty");
    put_file(path, "");
    base_map map;
    assert_ok(base_map_open(path, 0, &map, &err), err);
    assert_non_null(map.data);
    assert_int_equal(map.size, 0);
    base_map_close(&map);
}

static void replace_leaves_one_whole_file(void **state)
{
    (void)state;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", scratch_folder());
    char *path = base_path_join(folder, "f");
    put_file(path, "old");
    assert_ok(base_file_replace(path, "new", 3, true, &err), err);
    base_names names;
    assert_ok(base_dir_list(folder, &names, &err), err);
    assert_int_equal(names.n, 1);
    base_names_free(&names);
    base_free(path);
}

static void replace_writes_to_a_link_and_a_pipe_themselves(void **state)
{
    (void)state;
    struct stat st;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", scratch_folder());
    char *target = base_path_join(folder, "target"), *link = base_path_join(folder, "link"),
         *pipe_path = base_path_join(folder, "pipe"), got[8] = {0};
    put_file(target, "old");
    assert_int_equal(symlink("target", link), 0);
    assert_ok(base_file_replace(link, "new", 3, true, &err), err);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    uint8_t *bytes;
    size_t n;
    assert_ok(base_file_read(target, 100, &bytes, &n, &err), err);
    assert_string_equal((char *)bytes, "new");
    base_free(bytes);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    int reader = open(pipe_path, O_RDWR);
    assert_true(reader >= 0);
    assert_ok(base_file_replace(pipe_path, "new", 3, false, &err), err);
    assert_int_equal(read(reader, got, sizeof got), 3);
    assert_string_equal(got, "new");
    close(reader);
    assert_int_equal(base_file_replace(folder, "new", 3, false, &err), LANCELET_IO);
    base_free(target);
    base_free(link);
    base_free(pipe_path);
}

static void replace_keeps_the_old_file_when_a_call_fails(void **state)
{
    (void)state;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", scratch_folder());
    char *path = base_path_join(folder, "f");
    put_file(path, "old");
    for (int kind = 0; kind < 2; kind++) {
        for (uint64_t n = 1;; n++) {
            if (kind)
                base_fault_fail_alloc(n);
            else
                base_fault_fail_file(n, ENOSPC);
            lancelet_status status = base_file_replace(path, "new", 3, true, &err);
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            base_fault_fail_file(0, 0);
            uint8_t *bytes;
            size_t size;
            assert_ok(base_file_read(path, 10, &bytes, &size, &err), err);
            base_names names;
            assert_ok(base_dir_list(folder, &names, &err), err);
            assert_int_equal(names.n, 1); /* no temporary file is left */
            base_names_free(&names);
            if (status == LANCELET_OK)
                assert_memory_equal(bytes, "new", 3);
            base_free(bytes);
            assert_int_equal(status, fired ? (kind ? LANCELET_MEMORY : LANCELET_IO) : LANCELET_OK);
            if (!fired)
                break;
            put_file(path, "old");
        }
    }
    base_free(path);
}

static void only_one_publisher_wins(void **state)
{
    (void)state;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", scratch_folder());
    char *a = base_path_join(folder, "a"), *b = base_path_join(folder, "b"),
         *to = base_path_join(folder, "to");
    put_file(a, "A");
    put_file(b, "B");
    assert_ok(base_file_publish(a, to, &err), err);
    assert_false(exists(a));
    assert_int_equal(base_file_publish(b, to, &err), LANCELET_CONFLICT);
    assert_true(exists(b));
    uint8_t *bytes;
    size_t n;
    assert_ok(base_file_read(to, 10, &bytes, &n, &err), err);
    assert_memory_equal(bytes, "A", 2);
    base_free(bytes);
    base_free(a);
    base_free(b);
    base_free(to);
}

static void publish_renames_where_links_are_missing(void **state)
{
    (void)state;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", scratch_folder());
    char *a = base_path_join(folder, "a"), *to = base_path_join(folder, "to");
    put_file(a, "A");
    base_fault_fail_file(1, EPERM);
    assert_ok(base_file_publish(a, to, &err), err);
    base_fault_fail_file(0, 0);
    assert_false(exists(a));
    assert_true(exists(to));
    put_file(a, "A");
    base_fault_fail_file(1, EOPNOTSUPP);
    assert_int_equal(base_file_publish(a, to, &err), LANCELET_CONFLICT);
    base_fault_fail_file(1, EIO);
    assert_int_equal(base_file_publish(a, to, &err), LANCELET_IO);
    /* the link stands; that the old name stays is no failure */
    assert_ok(base_file_remove(to, &err), err);
    base_fault_fail_file(2, EIO);
    assert_ok(base_file_publish(a, to, &err), err);
    base_fault_fail_file(0, 0);
    assert_true(exists(to));
    base_free(a);
    base_free(to);
}

static void folders_are_made_listed_and_removed(void **state)
{
    (void)state;
    char folder[4096], path[4400];
    snprintf(folder, sizeof folder, "%s", scratch_folder());
    snprintf(path, sizeof path, "%s/x//y/z/", folder);
    assert_ok(base_dir_make(path, &err), err);
    assert_ok(base_dir_make(path, &err), err);
    assert_ok(base_dir_sync(path, &err), err);
    snprintf(path, sizeof path, "%s/x/b", folder);
    put_file(path, "1");
    snprintf(path, sizeof path, "%s/x/B", folder);
    put_file(path, "1");
    snprintf(path, sizeof path, "%s/outside", folder);
    assert_ok(base_dir_make(path, &err), err);
    snprintf(path, sizeof path, "%s/outside/keep", folder);
    put_file(path, "1");
    snprintf(path, sizeof path, "%s/x/link", folder);
    assert_int_equal(symlink("../outside", path), 0);
    snprintf(path, sizeof path, "%s/x", folder);
    base_names names;
    assert_ok(base_dir_list(path, &names, &err), err);
    assert_int_equal(names.n, 4);
    assert_string_equal(names.name[0], "B");
    assert_string_equal(names.name[1], "b");
    assert_string_equal(names.name[2], "link");
    base_names_free(&names);
    snprintf(path, sizeof path, "%s/x/b/c", folder);
    assert_int_not_equal(base_dir_make(path, &err), LANCELET_OK);
    snprintf(path, sizeof path, "%s/x/", folder);
    assert_ok(base_dir_remove(path, &err), err);
    assert_false(exists(path));
    assert_ok(base_dir_remove(path, &err), err);
    snprintf(path, sizeof path, "%s/outside/keep", folder);
    assert_true(exists(path));
    /* a link to a folder is removed, not the folder */
    snprintf(path, sizeof path, "%s/link", folder);
    assert_int_equal(symlink("outside", path), 0);
    snprintf(path, sizeof path, "%s/link/", folder);
    assert_ok(base_dir_remove(path, &err), err);
    snprintf(path, sizeof path, "%s/outside/keep", folder);
    assert_true(exists(path));
    assert_int_equal(base_dir_list("build/tmp/none", &names, &err), LANCELET_NOT_FOUND);
    assert_ok(base_file_remove(path, &err), err);
    assert_ok(base_file_remove(path, &err), err);
}

static void a_lock_is_held_by_one(void **state)
{
    (void)state;
    char *path = in_scratch("lock");
    int fd, other;
    assert_ok(base_lock(path, &fd, &err), err);
    assert_int_equal(base_lock(path, &other, &err), LANCELET_CONFLICT);
    base_unlock(fd);
    assert_ok(base_lock(path, &fd, &err), err);
    base_unlock(fd);
    base_unlock(-1);
}

static void a_stat_tells_size_and_time(void **state)
{
    (void)state;
    char *path = in_scratch("s");
    put_file(path, "12345");
    const struct timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 999},
                                      {.tv_sec = 1234567890, .tv_nsec = 123456789}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    base_stat st;
    assert_ok(base_file_stat(path, &st, &err), err);
    assert_true(st.exists && st.is_regular && !st.is_dir);
    assert_int_equal(st.size, 5);
    assert_true(st.modified_us == INT64_C(1234567890123456));
    assert_ok(base_file_stat("build", &st, &err), err);
    assert_true(st.is_dir && !st.is_regular);
}

/* One call of everything; the n-th file call or allocation fails. */
static lancelet_status everything(const char *folder)
{
    lancelet_status status = LANCELET_OK;
    char *sub = base_path_join(folder, "deep/er"), *file = base_path_join(folder, "deep/er/f");
    char *to = base_path_join(folder, "deep/er/g"), *top = base_path_join(folder, "deep");
    char *lock = base_path_join(folder, "lock");
    base_map map = {0};
    base_names names = {0};
    uint8_t *bytes = NULL;
    size_t n;
    base_writer w = {.fd = -1};
    base_stat st;
    int fd = -1;
    if (!sub || !file || !to || !top || !lock)
        status = base_fail_memory(&err);
#define STEP(call)                                                                                           \
    if (status == LANCELET_OK)                                                                               \
        status = call;
    STEP(base_dir_make(sub, &err))
    STEP(base_lock(lock, &fd, &err))
    STEP(base_writer_open(file, true, &w, &err))
    STEP(base_writer_write(&w, "hello", 5, &err))
    STEP(base_writer_close(&w, true, &err))
    STEP(base_dir_sync(sub, &err))
    STEP(base_file_publish(file, to, &err))
    STEP(base_file_stat(to, &st, &err))
    STEP(base_file_read(to, 100, &bytes, &n, &err))
    STEP(base_map_open(to, 5, &map, &err))
    STEP(base_dir_list(sub, &names, &err))
    STEP(base_file_remove(to, &err))
    STEP(base_dir_remove(top, &err))
#undef STEP
    base_unlock(fd);
    base_writer_abandon(&w);
    base_map_close(&map);
    base_names_free(&names);
    base_free(bytes);
    base_free(sub);
    base_free(file);
    base_free(to);
    base_free(top);
    base_free(lock);
    return status;
}

static void each_failed_call_gives_a_sentence(void **state)
{
    (void)state;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", scratch_folder());
    assert_ok(everything(folder), err);
    for (int kind = 0; kind < 2; kind++) {
        for (uint64_t n = 1;; n++) {
            if (kind)
                base_fault_fail_alloc(n);
            else
                base_fault_fail_file(n, EIO);
            err.text[0] = '\0';
            lancelet_status status = everything(folder);
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            base_fault_fail_file(0, 0);
            if (!fired) {
                assert_int_equal(status, LANCELET_OK);
                break;
            }
            /* one call may fail without harm: removing the first name of what was published */
            if (status != LANCELET_OK) {
                assert_int_equal(status, kind ? LANCELET_MEMORY : LANCELET_IO);
                assert_true(err.text[0] != '\0');
            }
            char *top = base_path_join(folder, "deep");
            assert_ok(base_dir_remove(top, &err), err);
            base_free(top);
        }
    }
}

static void paths_are_text(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/a/b", "/a/b"},  {"/a//b/", "/a/b"},       {"/a/./b/.", "/a/b"},
        {"/a/../b", "/b"}, {"/../..", "/"},          {"/", "/"},
        {"//x", "/x"},     {"/a/b/../../c/..", "/"}, {"/a/..b/...", "/a/..b/..."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *p = base_path_absolute(cases[i][0]);
        assert_string_equal(p, cases[i][1]);
        base_free(p);
    }
    char cwd[4096], wanted[4200];
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(wanted, sizeof wanted, "%s/x", cwd);
    char *p = base_path_absolute("./y/../x/");
    assert_string_equal(p, wanted);
    base_free(p);
    static const char *const parents[][2] = {{"a/b", "a"},  {"a", "."},    {"/a", "/"},  {"/", "/"},
                                             {"a/b/", "a"}, {"a//b", "a"}, {"//a", "/"}, {"", "."}};
    for (size_t i = 0; i < sizeof parents / sizeof parents[0]; i++) {
        p = base_path_parent(parents[i][0]);
        assert_string_equal(p, parents[i][1]);
        base_free(p);
    }
    static const char *const joins[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"a", "/b", "/b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++) {
        p = base_path_join(joins[i][0], joins[i][1]);
        assert_string_equal(p, joins[i][2]);
        base_free(p);
    }
    assert_string_equal(base_path_name("a/b.c"), "b.c");
    assert_string_equal(base_path_name("b.c"), "b.c");
}

static void the_cache_folder_is_xdg_s_or_in_the_home_folder(void **state)
{
    (void)state;
    char *p = NULL;
    setenv("HOME", "/home/ann", 1);
    setenv("XDG_CACHE_HOME", "/var/cache/ann", 1);
    assert_ok(base_cache_folder("packed", &p, &err), err);
    assert_string_equal(p, "/var/cache/ann/picask/packed");
    base_free(p);
    setenv("XDG_CACHE_HOME", "relative", 1);
    assert_ok(base_cache_folder("packed", &p, &err), err);
    assert_string_equal(p, "/home/ann/.cache/picask/packed");
    base_free(p);
    unsetenv("HOME");
    assert_ok(base_cache_folder("packed", &p, &err), err);
    assert_null(p);
}

static void random_bytes_differ_and_clocks_run(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    assert_ok(base_random(a, sizeof a, &err), err);
    assert_ok(base_random(b, sizeof b, &err), err);
    assert_memory_not_equal(a, b, sizeof a);
    assert_true(base_now_us() > INT64_C(1700000000000000));
    int64_t t = base_monotonic_us();
    assert_true(base_monotonic_us() >= t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(an_abandoned_file_is_gone),
        cmocka_unit_test(absent_files_and_pipes_are_named),
        cmocka_unit_test(a_mapping_knows_its_path),
        cmocka_unit_test(an_empty_file_maps),
        cmocka_unit_test(replace_leaves_one_whole_file),
        cmocka_unit_test(replace_writes_to_a_link_and_a_pipe_themselves),
        cmocka_unit_test(replace_keeps_the_old_file_when_a_call_fails),
        cmocka_unit_test(only_one_publisher_wins),
        cmocka_unit_test(publish_renames_where_links_are_missing),
        cmocka_unit_test(folders_are_made_listed_and_removed),
        cmocka_unit_test(a_lock_is_held_by_one),
        cmocka_unit_test(a_stat_tells_size_and_time),
        cmocka_unit_test(each_failed_call_gives_a_sentence),
        cmocka_unit_test(paths_are_text),
        cmocka_unit_test(the_cache_folder_is_xdg_s_or_in_the_home_folder),
        cmocka_unit_test(random_bytes_differ_and_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
