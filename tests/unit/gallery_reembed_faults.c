/* Every allocation and every file call of a reembed is made to fail once, each in a run of its own: an error sentence (or
 * pictures that could not be read, which are not dropped unasked), no leak (under ASan), and a table that is as it was or
 * done. Then the same run again completes it. */
#include "support.h"

#include "base/fault.h"
#include "base/file.h"
#include "embed/image/image.h"
#include "picask.h"

#include <errno.h>

#define TOY "./tests/fixtures/model/toy.safetensors"

static char folder[4096], pictures[4200], db[4200], cache[4200];

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
    snprintf(cache, sizeof cache, "%s/cache", folder);
    lancelet_error err;
    if (base_dir_make(pictures, &err) != LANCELET_OK)
        return -1;
    write_picture("a.png", 10);
    write_picture("b.png", 90);
    return 0;
}

/* Two rows; the picture of the second lies in the table alone. */
static void index_again(void)
{
    picask_error err;
    picask_index_options o = PICASK_INDEX_OPTIONS_INIT;
    picask_table *t = NULL;
    uint8_t *bytes = NULL;
    size_t n = 0;
    char first[4300], second[4300];
    snprintf(first, sizeof first, "%s/a.png", pictures);
    snprintf(second, sizeof second, "%s/b.png", pictures);
    const char *source = first;
    o.model = TOY;
    o.threads = 1;
    o.no_sync = true;
    assert_ok(base_dir_remove(db, &err), err);
    assert_ok(base_dir_remove(cache, &err), err);
    assert_ok(picask_index(db, "t", &source, 1, &o, NULL, &err), err);
    picask_table_options with = PICASK_TABLE_OPTIONS_INIT;
    with.model = TOY;
    assert_ok(picask_table_open(db, "t", &with, &t, &err), err);
    assert_ok(base_file_read(second, 1 << 20, &bytes, &n, &err), err);
    assert_ok(picask_table_add(t, bytes, n, "b", NULL, NULL, &err), err);
    base_free(bytes);
    picask_table_destroy(t);
}

/* The same model with another way of decoding: as much work as with another model. */
static picask_status reembed_once(bool sync, bool fast, picask_reembed_report *report, picask_error *err)
{
    picask_reembed_options o = PICASK_REEMBED_OPTIONS_INIT;
    o.threads = 2;
    o.no_sync = !sync;
    o.decode_fast = fast;
    o.cache = cache;
    return picask_table_reembed(db, "t", TOY, &o, report, err);
}

static void assert_rows(uint64_t rows)
{
    picask_error err;
    picask_table *t = NULL;
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    assert_ok(picask_table_open(db, "t", NULL, &t, &err), err);
    lancelet_table_get_info(picask_table_lance(t), &info);
    assert_int_equal(info.rows, rows);
    picask_table_destroy(t);
}

static void fail_each(bool files)
{
    picask_error err;
    picask_reembed_report report;
    uint64_t n = 1;
    bool fast = false; /* how the table's pictures were decoded */
    for (;; n++) {
        if (n % 50 == 1) { /* else versions heap up */
            index_again();
            fast = false;
        }
        fast = !fast;
        if (files)
            base_fault_fail_file(n, n % 2 ? EIO : ENOSPC);
        else
            base_fault_fail_alloc(n);
        memset(&err, 0, sizeof err);
        picask_status status = reembed_once(files, fast, &report, &err);
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
        assert_rows(2);
        assert_ok(reembed_once(false, fast, &report, &err), err);
        assert_int_equal(report.unreadable, 0);
        assert_rows(2);
    }
    assert_true(n > 10);
    printf("# %llu calls, each made to fail once\n", (unsigned long long)n - 1);
}

static void each_allocation_of_a_reembed_may_fail(void **state)
{
    (void)state;
    fail_each(false);
}
static void each_file_call_of_a_reembed_may_fail(void **state)
{
    (void)state;
    fail_each(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_a_reembed_may_fail),
        cmocka_unit_test(each_file_call_of_a_reembed_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
