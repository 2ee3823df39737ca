/* gallery_prune.c - which rows an index run with `prune` takes out, and which it never does. */
#include "gallery_support.h"

#include <errno.h>
#include <unistd.h>

#include "base/fault.h"

static void write_pictures(const char *folder, unsigned n)
{
    char name[64];
    static unsigned seed;
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/%02u.png", folder, i);
        write_picture(name, ++seed);
    }
}

static picask_index_options prune_options(void)
{
    picask_index_options o = toy_options();
    o.prune = true;
    return o;
}

static uint64_t count_rows(void)
{
    picask_table *t = open_pictures();
    uint64_t n = rows_of(t);
    picask_table_destroy(t);
    return n;
}

/* A run over <scratch>/<name>; rows of the table afterwards. */
static uint64_t prune(const char *name)
{
    picask_index_options o = prune_options();
    assert_ok(run_index(at(name), &o), error);
    return count_rows();
}

static uint64_t asked_rows, asked_of;
static bool answer;

static bool on_prune(void *arg, uint64_t rows, uint64_t of)
{
    (void)arg;
    asked_rows = rows;
    asked_of = of;
    return answer;
}

static void a_row_goes_whose_file_is_gone(void **state)
{
    (void)state;
    write_pictures("in", 20);
    index_ok("in");
    assert_int_equal(unlink(at("in/03.png")), 0);
    assert_int_equal(prune("in"), 19);
    assert_int_equal(report.removed, 1);
    assert_int_equal(report.unchanged, 19);
    assert_int_equal(n_notes, 0);
    assert_int_equal(id_of("in/04.png"), 4);
}

static void without_prune_it_stays(void **state)
{
    (void)state;
    write_pictures("in", 20);
    index_ok("in");
    assert_int_equal(unlink(at("in/03.png")), 0);
    index_ok("in");
    assert_int_equal(report.removed, 0);
    assert_int_equal(count_rows(), 20);
}

static void the_id_of_a_row_that_went_is_not_given_again(void **state)
{
    (void)state;
    write_pictures("in", 20);
    index_ok("in");
    assert_int_equal(unlink(at("in/19.png")), 0);
    assert_int_equal(prune("in"), 19);
    write_picture("in/new.png", 500);
    assert_int_equal(prune("in"), 20);
    assert_int_equal(id_of("in/new.png"), 20);
}

static void an_empty_folder_prunes_nothing(void **state)
{
    (void)state;
    write_pictures("in", 3);
    index_ok("in");
    assert_ok(base_dir_remove(at("in"), &error), error);
    assert_ok(base_dir_make(at("in"), &error), error);
    picask_index_options o = prune_options();
    answer = true;
    o.events.prune = on_prune;
    assert_int_equal(run_index(at("in"), &o), LANCELET_NOT_FOUND);
    assert_non_null(strstr(error.text, "no pictures in "));
    assert_non_null(strstr(notes, "0:"));
    assert_non_null(strstr(notes, "/in is not mounted (empty); nothing pruned\n"));
    assert_int_equal(n_notes, 1);
    assert_int_equal(count_rows(), 3);
}

static void an_empty_folder_beside_a_good_one_keeps_its_rows(void **state)
{
    (void)state;
    const char *sources[2] = {at("one"), at("two")};
    picask_index_options o = prune_options();
    write_pictures("one", 20);
    write_pictures("two", 1);
    assert_ok(picask_index(at("db"), "pictures", sources, 2, &o, &report, &error), error);
    assert_int_equal(unlink(at("two/00.png")), 0);
    assert_int_equal(unlink(at("one/00.png")), 0);
    assert_ok(run_index(NULL, &o), error);
    assert_int_equal(report.removed, 1);
    assert_non_null(strstr(notes, "/two is not mounted (empty); nothing below it is pruned\n"));
    assert_int_equal(n_notes, 1);
    assert_int_equal(count_rows(), 20);
}

static void a_folder_of_other_files_is_no_disk_that_is_missing(void **state)
{
    (void)state;
    write_pictures("in", 3);
    index_ok("in");
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "in/%02d.png", i);
        assert_int_equal(unlink(at(name)), 0);
    }
    write_text("in/readme.txt", "the pictures are elsewhere");
    picask_index_options o = prune_options();
    o.events.prune = on_prune;
    answer = true;
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.removed, 3);
    assert_int_equal(count_rows(), 0);
}

static void rows_below_a_remembered_folder_that_is_not_there_stay(void **state)
{
    (void)state;
    const char *sources[2] = {at("in"), at("in/nas")};
    picask_index_options o = prune_options();
    write_pictures("in", 20);
    write_pictures("in/nas", 1);
    assert_ok(picask_index(at("db"), "pictures", sources, 2, &o, &report, &error), error);
    assert_ok(base_dir_remove(at("in/nas"), &error), error);
    assert_ok(run_index(NULL, &o), error);
    assert_int_equal(report.removed, 0);
    assert_int_equal(count_rows(), 21);
    assert_ok(run_index(at("in"), &o), error); /* nor when only the folder around it is named */
    assert_int_equal(count_rows(), 21);
}

static void rows_below_a_folder_that_is_empty_now_stay(void **state)
{
    (void)state;
    write_pictures("in", 30);
    write_pictures("in/nas/2019/may", 1);
    write_pictures("in/nas/2020", 1);
    index_ok("in");
    assert_ok(base_dir_remove(at("in/nas"), &error), error);
    assert_ok(base_dir_make(at("in/nas"), &error), error);
    assert_int_equal(prune("in"), 32);
    assert_int_equal(report.removed, 0);
    assert_int_equal(n_notes, 1);
    assert_non_null(strstr(notes, "/in/nas is empty (a disk that is not mounted?); the rows below it stay\n"));
    assert_ok(base_dir_remove(at("in/nas"), &error), error);
    assert_int_equal(prune("in"), 30); /* the folder went too: that was somebody's wish */
    assert_int_equal(report.removed, 2);
}

static void rows_below_a_link_that_leads_nowhere_stay(void **state)
{
    (void)state;
    write_pictures("disk/album", 2);
    write_pictures("in", 30);
    assert_int_equal(symlink(at("disk"), at("in/link")), 0);
    index_ok("in");
    assert_int_equal(report.added, 32);
    assert_int_equal(rename(at("disk"), at("elsewhere")), 0);
    assert_int_equal(prune("in"), 32);
    assert_non_null(strstr(notes, "/in/link is a link that leads nowhere (a disk that is not mounted?); the rows below it stay\n"));
}

static void a_source_that_is_a_link_to_a_disk_that_is_away_keeps_its_rows(void **state)
{
    (void)state;
    picask_index_options o = prune_options();
    write_pictures("disk", 1);
    write_pictures("in", 30);
    const char *sources[2] = {at("link/"), at("in/../in//")};
    assert_int_equal(symlink(at("disk"), at("link")), 0);
    assert_ok(picask_index(at("db"), "pictures", sources, 2, &o, &report, &error), error);
    assert_int_equal(rename(at("disk"), at("elsewhere")), 0);
    assert_int_equal(unlink(at("in/00.png")), 0);
    assert_ok(run_index(NULL, &o), error);
    assert_int_equal(report.removed, 1);
    assert_int_equal(count_rows(), 30);
    assert_int_equal(rename(at("elsewhere"), at("disk")), 0);
    assert_int_equal(unlink(at("disk/00.png")), 0);
    write_picture("disk/01.png", 77);
    assert_int_equal(prune("link//"), 30); /* with the disk there its pictures count as any */
    assert_int_equal(report.removed, 1);
    assert_int_equal(report.added, 1);
}

static void a_row_stays_while_a_folder_has_the_name_of_its_file(void **state)
{
    (void)state;
    write_pictures("in", 20);
    index_ok("in");
    assert_int_equal(unlink(at("in/03.png")), 0);
    assert_ok(base_dir_make(at("in/03.png"), &error), error);
    assert_int_equal(prune("in"), 20);
    assert_int_equal(report.removed, 0);
}

static void a_row_goes_whose_folder_became_a_file(void **state)
{
    (void)state;
    write_pictures("in", 20);
    write_pictures("in/deep", 1);
    index_ok("in");
    assert_ok(base_dir_remove(at("in/deep"), &error), error);
    write_text("in/deep", "a file");
    assert_int_equal(prune("in"), 20);
    assert_int_equal(report.removed, 1);
}

/* The same letter in one code point and in two, and a byte that is no UTF-8. */
static void names_are_compared_byte_by_byte(void **state)
{
    (void)state;
    write_pictures("in", 30);
    write_picture("in/caf\xc3\xa9.png", 700);
    write_picture("in/cafe\xcc\x81.png", 701);
    write_picture("in/100%25 \xff.png", 702);
    index_ok("in");
    assert_int_equal(prune("in"), 33);
    assert_int_equal(unlink(at("in/caf\xc3\xa9.png")), 0);
    assert_int_equal(prune("in"), 32);
    assert_int_equal(unlink(at("in/100%25 \xff.png")), 0);
    assert_int_equal(prune("in"), 31);
    assert_int_equal(id_of("in/cafe\xcc\x81.png"), 31); /* 'e' comes before the bytes of the other */
}

static void what_is_left_out_by_a_pattern_is_not_gone(void **state)
{
    (void)state;
    const char *exclude[] = {"03.png"};
    write_pictures("in", 20);
    index_ok("in");
    picask_index_options o = prune_options();
    o.exclude = exclude;
    o.n_exclude = 1;
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.found, 19);
    assert_int_equal(count_rows(), 20);
}

static void rows_of_other_places_stay(void **state)
{
    (void)state;
    write_pictures("in", 20);
    write_pictures("input", 1);
    index_ok("in");
    index_ok("input/00.png");
    assert_ok(base_dir_remove(at("input"), &error), error);
    assert_int_equal(prune("in"), 21);
}

static void a_renamed_file_is_moved_not_gone(void **state)
{
    (void)state;
    write_pictures("in", 20);
    index_ok("in");
    assert_int_equal(rename(at("in/03.png"), at("in/x.png")), 0);
    assert_int_equal(unlink(at("in/04.png")), 0);
    assert_int_equal(prune("in"), 19);
    assert_int_equal(report.moved, 1);
    assert_int_equal(report.removed, 1);
    assert_int_equal(id_of("in/x.png"), 3);
}

static void more_than_one_row_in_ten_needs_a_yes(void **state)
{
    (void)state;
    write_pictures("in", 20);
    index_ok("in");
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "in/%02d.png", i);
        assert_int_equal(unlink(at(name)), 0);
    }
    write_picture("in/new.png", 600);
    assert_int_equal(prune("in"), 21); /* nobody to ask: the new one is there, and none went */
    assert_int_equal(report.added, 1);
    assert_int_equal(report.removed, 0);
    assert_non_null(strstr(notes, "0:the pictures of 3 of 21 rows are gone, more than one in ten: nothing pruned; "
                                  "--prune --yes takes them out\n"));
    picask_index_options o = prune_options();
    o.events.prune = on_prune;
    answer = false;
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(asked_rows, 3);
    assert_int_equal(asked_of, 21);
    assert_int_equal(count_rows(), 21);
    answer = true;
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.removed, 3);
    assert_int_equal(count_rows(), 18);
}

static void a_dry_run_only_counts_them(void **state)
{
    (void)state;
    write_pictures("in", 20);
    index_ok("in");
    assert_int_equal(unlink(at("in/03.png")), 0);
    picask_index_options o = prune_options();
    o.dry_run = true;
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.removed, 1);
    assert_int_equal(count_rows(), 20);
}

static void append_cannot_prune(void **state)
{
    (void)state;
    picask_index_options o = prune_options();
    o.append = true;
    write_pictures("in", 1);
    assert_int_equal(run_index(at("in"), &o), LANCELET_INVALID);
}

static void a_folder_without_pictures_overwrites_nothing(void **state)
{
    (void)state;
    write_pictures("in", 3);
    index_ok("in");
    assert_ok(base_dir_make(at("empty"), &error), error);
    picask_index_options o = toy_options();
    o.overwrite = true;
    assert_int_equal(run_index(at("empty"), &o), LANCELET_NOT_FOUND);
    assert_int_equal(count_rows(), 3);
}

/* Another program is first: it takes out a row, and gives the gone row of id 1 another picture. */
static bool race(void *arg, uint64_t rows, uint64_t of)
{
    (void)arg;
    (void)rows;
    (void)of;
    picask_table *t = open_pictures();
    const int64_t id = 19;
    char set[4600];
    uint64_t n = 0;
    assert_ok(picask_table_remove(t, &id, 1, NULL, 0, &n, &error), error);
    snprintf(set, sizeof set, "'%s'", at("in/18.png"));
    const lancelet_assignment assignment = {"uri", set};
    assert_ok(picask_table_update(t, &assignment, 1, "id = 1", &n, &error), error);
    assert_int_equal(n, 1);
    picask_table_destroy(t);
    return true;
}

static void a_lost_race_is_looked_up_again(void **state)
{
    (void)state;
    write_pictures("in", 20);
    index_ok("in");
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "in/%02d.png", i);
        assert_int_equal(unlink(at(name)), 0);
    }
    picask_index_options o = prune_options();
    o.events.prune = race;
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.removed, 2);
    assert_int_equal(count_rows(), 17);
}

static void fail_each_call(bool files)
{
    picask_index_options o = prune_options();
    bool fired = true;
    o.threads = 1;
    write_pictures("in", 12);
    for (uint64_t n = 1; fired; n += files ? 1 : 3) {
        assert_ok(base_dir_remove(at("db"), &error), error);
        write_picture("in/00.png", 1000);
        index_ok("in");
        assert_int_equal(unlink(at("in/00.png")), 0);
        if (files)
            base_fault_fail_file(n, EIO);
        else
            base_fault_fail_alloc(n);
        picask_status status = run_index(at("in"), &o);
        fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        base_fault_fail_alloc(0);
        if (status != LANCELET_OK)
            assert_true(status == (files ? LANCELET_IO : LANCELET_MEMORY) || files);
        assert_in_range(count_rows(), 11, 12);
        assert_true(count_rows() == 12 || id_of("in/11.png") == 11);
        assert_int_equal(prune("in"), 11);
    }
}

static void a_failed_allocation_takes_out_no_other_row(void **state)
{
    (void)state;
    fail_each_call(false);
}

static void a_failed_file_call_takes_out_no_other_row(void **state)
{
    (void)state;
    fail_each_call(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_row_goes_whose_file_is_gone, fresh_folder),
        cmocka_unit_test_setup(without_prune_it_stays, fresh_folder),
        cmocka_unit_test_setup(the_id_of_a_row_that_went_is_not_given_again, fresh_folder),
        cmocka_unit_test_setup(an_empty_folder_prunes_nothing, fresh_folder),
        cmocka_unit_test_setup(an_empty_folder_beside_a_good_one_keeps_its_rows, fresh_folder),
        cmocka_unit_test_setup(a_folder_of_other_files_is_no_disk_that_is_missing, fresh_folder),
        cmocka_unit_test_setup(rows_below_a_remembered_folder_that_is_not_there_stay, fresh_folder),
        cmocka_unit_test_setup(rows_below_a_folder_that_is_empty_now_stay, fresh_folder),
        cmocka_unit_test_setup(rows_below_a_link_that_leads_nowhere_stay, fresh_folder),
        cmocka_unit_test_setup(a_source_that_is_a_link_to_a_disk_that_is_away_keeps_its_rows, fresh_folder),
        cmocka_unit_test_setup(a_row_stays_while_a_folder_has_the_name_of_its_file, fresh_folder),
        cmocka_unit_test_setup(a_row_goes_whose_folder_became_a_file, fresh_folder),
        cmocka_unit_test_setup(names_are_compared_byte_by_byte, fresh_folder),
        cmocka_unit_test_setup(what_is_left_out_by_a_pattern_is_not_gone, fresh_folder),
        cmocka_unit_test_setup(rows_of_other_places_stay, fresh_folder),
        cmocka_unit_test_setup(a_renamed_file_is_moved_not_gone, fresh_folder),
        cmocka_unit_test_setup(more_than_one_row_in_ten_needs_a_yes, fresh_folder),
        cmocka_unit_test_setup(a_dry_run_only_counts_them, fresh_folder),
        cmocka_unit_test_setup(append_cannot_prune, fresh_folder),
        cmocka_unit_test_setup(a_folder_without_pictures_overwrites_nothing, fresh_folder),
        cmocka_unit_test_setup(a_lost_race_is_looked_up_again, fresh_folder),
        cmocka_unit_test_setup(a_failed_allocation_takes_out_no_other_row, fresh_folder),
        cmocka_unit_test_setup(a_failed_file_call_takes_out_no_other_row, fresh_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
