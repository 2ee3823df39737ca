/* base_link.c - what a cache is laid out with: files that are added to, links, copies, renames, the room on a disk. */
#include "support.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/file.h"

static lancelet_error error;
static char scratch[4096];

static const char *at(const char *name)
{
    return path_in(scratch, name);
}

static int fresh(void **state)
{
    (void)state;
    snprintf(scratch, sizeof scratch, "%s", scratch_folder());
    return 0;
}

static void assert_text(const char *name, const char *text)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    assert_ok(base_file_read(at(name), 1000, &bytes, &n, &error), error);
    assert_string_equal((char *)bytes, text);
    base_free(bytes);
}

static void what_is_added_stands_behind_what_was_there(void **state)
{
    (void)state;
    base_writer w;
    assert_ok(base_writer_append(at("x"), &w, &error), error);
    assert_true(w.position == 0);
    assert_ok(base_writer_write(&w, "one", 3, &error), error);
    base_writer_abandon(&w); /* writes out what it holds */
    assert_text("x", "one");
    assert_ok(base_writer_append(at("x"), &w, &error), error);
    assert_true(w.position == 3);
    assert_ok(base_writer_write(&w, "two", 3, &error), error);
    assert_ok(base_writer_close(&w, true, &error), error);
    assert_text("x", "onetwo");
    assert_ok(base_writer_append(at("x"), &w, &error), error);
    assert_ok(base_writer_write(&w, "lost", 4, &error), error);
    assert_ok(base_writer_restart(&w, &error), error);
    assert_ok(base_writer_write(&w, "new", 3, &error), error);
    assert_ok(base_writer_close(&w, false, &error), error);
    assert_text("x", "new");
}

static void a_failure_never_removes_a_file_that_is_added_to(void **state)
{
    (void)state;
    assert_ok(base_file_replace(at("x"), "one", 3, false, &error), error);
    for (uint64_t n = 1;; n++) {
        base_writer w;
        base_fault_fail_file(n, ENOSPC);
        lancelet_status status = base_writer_append(at("x"), &w, &error);
        if (status == LANCELET_OK) {
            status = base_writer_write(&w, "two", 3, &error);
            if (status == LANCELET_OK)
                status = base_writer_close(&w, true, &error);
            else
                base_writer_abandon(&w);
        }
        bool fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        assert_int_equal(status, fired ? LANCELET_IO : LANCELET_OK);
        assert_int_equal(access(at("x"), R_OK), 0);
        if (!fired)
            break;
    }
}

static void a_link_says_its_target_and_takes_no_name_that_exists(void **state)
{
    (void)state;
    char target[16] = "";
    assert_ok(base_file_link("../a", at("l"), &error), error);
    assert_int_equal(readlink(at("l"), target, sizeof target), 4);
    assert_string_equal(target, "../a");
    assert_int_equal(base_file_link("b", at("l"), &error), LANCELET_CONFLICT);
    base_fault_fail_file(1, EPERM);
    assert_int_equal(base_file_link("b", at("m"), &error), LANCELET_UNSUPPORTED);
    base_fault_fail_file(0, 0);
}

static void a_copy_is_whole_or_not_there(void **state)
{
    (void)state;
    assert_ok(base_file_replace(at("x"), "bytes", 5, false, &error), error);
    for (uint64_t n = 1;; n++) {
        unlink(at("y"));
        base_fault_fail_file(n, EIO);
        lancelet_status status = base_file_copy(at("x"), at("y"), &error);
        bool fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        assert_int_equal(status, fired ? LANCELET_IO : LANCELET_OK);
        if (fired)
            assert_int_not_equal(access(at("y"), F_OK), 0);
        else
            break;
    }
    assert_text("y", "bytes");
    base_names names;
    assert_ok(base_dir_list(scratch, &names, &error), error);
    assert_int_equal(names.n, 2); /* nothing temporary stays */
    base_names_free(&names);
}

static void a_rename_takes_the_place_of_what_was_there(void **state)
{
    (void)state;
    assert_ok(base_file_replace(at("x"), "x", 1, false, &error), error);
    assert_ok(base_file_replace(at("y"), "y", 1, false, &error), error);
    assert_ok(base_file_rename(at("x"), at("y"), &error), error);
    assert_text("y", "x");
    assert_int_equal(base_file_rename(at("x"), at("y"), &error), LANCELET_NOT_FOUND);
}

static void a_disk_has_room_or_is_not_there(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    assert_ok(base_disk_free(scratch, &bytes, &error), error);
    assert_true(bytes > 0);
    assert_int_equal(base_disk_free(at("nowhere"), &bytes, &error), LANCELET_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_added_stands_behind_what_was_there, fresh),
        cmocka_unit_test_setup(a_failure_never_removes_a_file_that_is_added_to, fresh),
        cmocka_unit_test_setup(a_link_says_its_target_and_takes_no_name_that_exists, fresh),
        cmocka_unit_test_setup(a_copy_is_whole_or_not_there, fresh),
        cmocka_unit_test_setup(a_rename_takes_the_place_of_what_was_there, fresh),
        cmocka_unit_test_setup(a_disk_has_room_or_is_not_there, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
