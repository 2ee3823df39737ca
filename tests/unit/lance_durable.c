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

static lancelet_table *commit(const lancelet_table *t, bool rows, size_t n_delete,
                              void (*watcher)(void *arg, const char *call, const char *path))
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
    base_fault_watch(watcher, NULL);
    assert_ok(lancelet_table_commit(t, &change, NULL, &newer, &err), err);
    base_fault_watch(NULL, NULL);
    return newer;
}

static void an_append_syncs_data_then_transaction_then_manifest(void **state)
{
    (void)state;
    lancelet_table *t = make(10);
    lancelet_table *newer = commit(t, true, 0, see);
    IN_ORDER("sync /data/", "sync folder /data\n", "sync /_transactions/", "sync folder /_transactions\n",
             "sync /_versions/.tmp-", "publish /_versions/", "sync folder /_versions\n");
    lancelet_table_destroy(newer);
    lancelet_table_destroy(t);
}

static void an_update_syncs_data_and_deletions_before_the_manifest(void **state)
{
    (void)state;
    lancelet_table *t = make(10);
    lancelet_table *newer = commit(t, true, 1, see);
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

static void columns_are_synced_with_their_folder_before_the_manifest(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(10), *newer = NULL;
    struct ArrowSchema schema = {0};
    struct ArrowArray column = {0}, batch = {0};
    struct ArrowArrayStream stream;
    arrow_builder b;
    assert_ok(arrow_schema_init(&schema, "+s", "", false, 1, &err), err);
    assert_ok(arrow_schema_init(schema.children[0], "l", "more", false, 0, &err), err);
    assert_ok(arrow_builder_init(&b, schema.children[0], &err), err);
    for (int64_t i = 0; i < 10; i++)
        assert_true(arrow_append_int(&b, i));
    assert_ok(arrow_builder_finish(&b, &column, &err), err);
    assert_ok(arrow_batch_make(&column, 1, 10, &batch, &err), err);
    assert_ok(arrow_stream_make(&schema, &batch, 1, &stream, &err), err);
    base_fault_watch(see, NULL);
    assert_ok(lancelet_table_add_columns(t, &stream, NULL, &newer, &err), err);
    base_fault_watch(NULL, NULL);
    IN_ORDER("sync /data/", "sync folder /data\n", "sync /_transactions/", "sync folder /_transactions\n",
             "sync /_versions/.tmp-", "publish /_versions/", "sync folder /_versions\n");
    lancelet_table_destroy(newer);
    lancelet_table_destroy(t);
}

static void rows_set_or_upserted_are_synced_before_the_manifest(void **state)
{
    (void)state;
    lancelet_error err;
    for (int upsert = 0; upsert < 2; upsert++) {
        lancelet_table *t = make(10), *newer = NULL;
        struct ArrowArrayStream stream;
        const char *key = "id";
        const lancelet_assignment set = {"name", "'x'"};
        assert_ok(rows_stream(5, 3, &stream, &err), err);
        base_fault_watch(see, NULL);
        if (upsert)
            assert_ok(lancelet_table_upsert(t, &key, 1, &stream, NULL, NULL, &newer, &err), err);
        else
            assert_ok(lancelet_table_update(t, &set, 1, "id < 3", NULL, NULL, &newer, &err), err);
        base_fault_watch(NULL, NULL);
        IN_ORDER("sync /data/", "sync folder /data\n", "sync /_deletions/", "sync folder /_deletions\n",
                 "sync /_transactions/", "sync folder /_transactions\n", "sync /_versions/.tmp-", "publish /_versions/",
                 "sync folder /_versions\n");
        arrow_stream_release(&stream);
        lancelet_table_destroy(newer);
        lancelet_table_destroy(t);
    }
}

static void clean(void *arg, const char *call, const char *path)
{
    (void)call;
    (void)path;
    lancelet_error err;
    lancelet_cleanup_options options = LANCELET_CLEANUP_OPTIONS_INIT;
    options.older_than_us = 1;
    base_fault_watch(NULL, NULL); /* not of what it does itself */
    assert_ok(lancelet_cleanup(table_path, &options, NULL, &err), err);
    base_fault_watch(clean, arg);
}

static void a_cleanup_at_any_moment_takes_nothing_from_a_commit(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(10);
    lancelet_table *newer = commit(t, true, 1, clean);
    int64_t sum, rows;
    lancelet_table *read = newest();
    assert_ok(rows_sum(read, &sum, &rows, &err), err);
    assert_int_equal(rows, 12);
    lancelet_table_destroy(read);
    lancelet_table_destroy(newer);
    lancelet_table_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_append_syncs_data_then_transaction_then_manifest),
        cmocka_unit_test(an_update_syncs_data_and_deletions_before_the_manifest),
        cmocka_unit_test(a_new_table_s_own_folder_is_synced_into_its_parent),
        cmocka_unit_test(columns_are_synced_with_their_folder_before_the_manifest),
        cmocka_unit_test(rows_set_or_upserted_are_synced_before_the_manifest),
        cmocka_unit_test(a_cleanup_at_any_moment_takes_nothing_from_a_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
