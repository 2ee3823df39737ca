/* Every allocation and every file call of an index run and of a search is made to fail once, each in a run of its own: an
 * error sentence (or a picture that is skipped), no leak (under ASan), and a table that is whole and takes the next run. */
#include "support.h"

#include "base/fault.h"
#include "base/file.h"
#include "embed/image/image.h"
#include "picask.h"

#include <errno.h>

#define TOY "./tests/fixtures/model/toy.safetensors"

static char folder[4096], pictures[4200], db[4200];

static void write_picture(const char *name, uint8_t shade)
{
    uint8_t rgb[8 * 8 * 3];
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(shade + 5 * i);
    base_picture p = {rgb, 8, 8};
    base_buffer png = {0};
    lancelet_error err;
    assert_ok(image_write_png(&p, &png, &err), err);
    char *path = base_path_join(pictures, name);
    assert_ok(base_file_replace(path, png.data, png.size, false, &err), err);
    base_free(path);
    base_buffer_free(&png);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder());
    snprintf(pictures, sizeof pictures, "%s/pictures", folder);
    snprintf(db, sizeof db, "%s/db", folder);
    lancelet_error err;
    if (base_dir_make(pictures, &err) != LANCELET_OK)
        return -1;
    write_picture("a.png", 10);
    write_picture("b.png", 90);
    return 0;
}

static picask_status index_once(bool sync, picask_index_report *report, picask_error *err)
{
    picask_index_options o = PICASK_INDEX_OPTIONS_INIT;
    o.model = TOY;
    o.threads = 2;
    o.no_sync = !sync;
    const char *source = pictures;
    return picask_index(db, "t", &source, 1, &o, report, err);
}

static picask_status search_once(size_t *count, picask_error *err)
{
    picask_table *t = NULL;
    picask_results *r = NULL;
    picask_table_options o = PICASK_TABLE_OPTIONS_INIT;
    o.model = TOY;
    picask_status status = picask_table_open(db, "t", &o, &t, err);
    picask_search_options search = PICASK_SEARCH_OPTIONS_INIT;
    picask_results *sample = NULL;
    char *condition = NULL;
    if (status == LANCELET_OK)
        status = picask_condition_in(t, pictures, &condition, err);
    search.condition = condition;
    if (status == LANCELET_OK)
        status = picask_search_text(t, "a b", &search, &r, err);
    if (status == LANCELET_OK)
        status = picask_rows_sample(t, 1, 1, condition, &sample, err);
    if (status == LANCELET_OK)
        *count = picask_results_count(r);
    picask_free(condition);
    picask_results_destroy(sample);
    picask_results_destroy(r);
    picask_table_destroy(t);
    return status;
}

/* Whatever happened: with the fault gone the next run completes the table, and both pictures are found. */
static void assert_the_table_is_whole(void)
{
    picask_error err;
    picask_index_report report;
    size_t count = 0;
    assert_ok(index_once(false, &report, &err), err);
    assert_int_equal(report.skipped, 0);
    assert_ok(search_once(&count, &err), err);
    assert_int_equal(count, 2);
}

static void fail_each(bool files, bool searching)
{
    picask_error err;
    picask_index_report report;
    size_t count;
    uint64_t n = 1;
    for (;; n++) {
        if (!searching)
            assert_ok(base_dir_remove(db, &err), err);
        if (files)
            base_fault_fail_file(n, n % 2 ? EIO : ENOSPC);
        else
            base_fault_fail_alloc(n);
        memset(&err, 0, sizeof err);
        picask_status status = searching ? search_once(&count, &err) : index_once(files, &report, &err);
        bool fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        base_fault_fail_alloc(0);
        if (!fired) {
            assert_ok(status, err);
            break;
        }
        if (status != LANCELET_OK) {
            assert_int_equal(err.status, status);
            assert_true(strlen(err.text) > 10);
            if (!files && status != LANCELET_MEMORY)
                fail_msg("allocation %llu: status %d: %s", (unsigned long long)n, (int)status, err.text);
        }
        assert_the_table_is_whole();
    }
    assert_true(n > 10);
    printf("# %llu calls, each made to fail once\n", (unsigned long long)n - 1);
}

static void each_allocation_of_index_may_fail(void **state)
{
    (void)state;
    fail_each(false, false);
}
static void each_file_call_of_index_may_fail(void **state)
{
    (void)state;
    fail_each(true, false);
}
static void each_allocation_of_search_may_fail(void **state)
{
    (void)state;
    assert_the_table_is_whole();
    fail_each(false, true);
}
static void each_file_call_of_search_may_fail(void **state)
{
    (void)state;
    assert_the_table_is_whole();
    fail_each(true, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_index_may_fail),
        cmocka_unit_test(each_file_call_of_index_may_fail),
        cmocka_unit_test(each_allocation_of_search_may_fail),
        cmocka_unit_test(each_file_call_of_search_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
