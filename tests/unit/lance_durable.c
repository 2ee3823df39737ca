/* The order of syncs that makes a commit outlive a power cut: everything that a manifest names is on stable storage before
 * the manifest, the manifest before its final name, and the name before the commit is reported. */
#include "base/fault.h"

#include "lance_rows.h"

static base_buffer seen; /* "call path\n" a line, paths from the table's folder on */

static void see(void *arg, const char *call, const char *path)
{
    (void)arg;
    const char *in = strstr(path, table_path);
    assert_true(base_buffer_printf(&seen, "%s %s\n", call, in ? in + strlen(table_path) : path));
}

/* Each of the words [n] stands in a line of its own, behind the line of the one before. */
static void assert_in_order(const char *const *words, size_t n)
{
    assert_true(base_buffer_append(&seen, "", 1));
    const char *at = (const char *)seen.data;
    for (size_t i = 0; i < n; i++) {
        const char *found = strstr(at, words[i]);
        if (!found)
            fail_msg("'%s' is not behind what should come before it, in:\n%s", words[i], (const char *)seen.data);
        at = found + strcspn(found, "\n");
    }
    base_buffer_free(&seen);
}

#define IN_ORDER(...)                                                                                                  \
    do {                                                                                                               \
        const char *const words_[] = {__VA_ARGS__};                                                                    \
        assert_in_order(words_, sizeof words_ / sizeof *words_);                                                       \
    } while (0)

static lancelet_table *commit(const lancelet_table *t, bool rows, size_t n_delete)
{
    lancelet_error err;
    lancelet_table *newer = NULL;
    struct ArrowArrayStream stream;
    const uint64_t address = 2;
    lancelet_change change = LANCELET_CHANGE_INIT;
    if (rows) {
        assert_ok(rows_stream(100, 3, &stream, &err), err);
        change.rows = &stream;
    }
    change.delete_addresses = &address;
    change.n_delete = n_delete;
    base_fault_watch(see, NULL);
    assert_ok(lancelet_table_commit(t, &change, NULL, &newer, &err), err);
    base_fault_watch(NULL, NULL);
    return newer;
}

static void an_append_syncs_data_then_transaction_then_manifest(void **state)
{
    (void)state;
    lancelet_table *t = make(10);
    lancelet_table *newer = commit(t, true, 0);
    IN_ORDER("sync /data/", "sync folder /data\n", "sync /_transactions/", "sync folder /_transactions\n",
             "sync /_versions/.tmp-", "publish /_versions/", "sync folder /_versions\n");
    lancelet_table_destroy(newer);
    lancelet_table_destroy(t);
}

static void an_update_syncs_data_and_deletions_before_the_manifest(void **state)
{
    (void)state;
    lancelet_table *t = make(10);
    lancelet_table *newer = commit(t, true, 1);
    IN_ORDER("sync /data/", "sync folder /data\n", "sync /_deletions/", "sync folder /_deletions\n",
             "sync /_transactions/", "sync folder /_transactions\n", "sync /_versions/.tmp-", "publish /_versions/",
             "sync folder /_versions\n");
    lancelet_table_destroy(newer);
    lancelet_table_destroy(t);
}

static void a_new_table_s_own_folder_is_synced_into_its_parent(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = NULL;
    struct ArrowArrayStream stream;
    fresh_path();
    assert_ok(rows_stream(0, 3, &stream, &err), err);
    base_fault_watch(see, NULL);
    assert_ok(lancelet_table_create(table_path, &stream, NULL, 0, NULL, &t, &err), err);
    base_fault_watch(NULL, NULL);
    assert_true(base_buffer_append(&seen, "", 1));
    char *parent = base_path_parent(table_path);
    char *line = base_format("sync folder %s\n", parent);
    const char *synced = strstr((const char *)seen.data, line), *published = strstr((const char *)seen.data, "publish ");
    assert_non_null(published);
    assert_non_null(synced);
    seen.size--; /* the NUL */
    IN_ORDER("sync /data/", "sync folder /data\n", "sync /_versions/.tmp-", "publish /_versions/", "sync folder /_versions\n");
    base_free(line);
    base_free(parent);
    lancelet_table_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_append_syncs_data_then_transaction_then_manifest),
        cmocka_unit_test(an_update_syncs_data_and_deletions_before_the_manifest),
        cmocka_unit_test(a_new_table_s_own_folder_is_synced_into_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
