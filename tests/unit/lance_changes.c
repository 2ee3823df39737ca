/* Changes worked out from a version's rows - delete, update, upsert, add and drop columns, restore - alone, after each other
 * on one version, and with every allocation and file call failing in turn. */
#include <errno.h>
#include <inttypes.h>

#include "base/fault.h"

#include "lance_rows.h"

enum { OLD_ROWS = 12 };

/* Ids 0 .. 11 in two fragments of which 2 and 9 are deleted (ids count to 66 - 11), as version 3. */
static lancelet_table *make_old(void)
{
    lancelet_error err;
    lancelet_table *t = make(8), *u = NULL, *v = NULL;
    const uint64_t dead[] = {2, (uint64_t)1 << 32 | 1};
    assert_ok(rows_add(t, 8, 4, &u, &err), err);
    assert_ok(rows_delete(u, dead, 2, &v, &err), err);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    return v;
}

/* A column of int64 in a stream of its own: `first`, first + 1, ... */
static lancelet_status column_stream(const char *name, bool nullable, int64_t first, int64_t n, struct ArrowArrayStream *out,
                                     lancelet_error *err)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray columns[1] = {{0}}, batches[2] = {{0}};
    arrow_builder b;
    RETURN_IF_ERROR(arrow_schema_init(&schema, "+s", "", false, 1, err));
    lancelet_status status = arrow_schema_init(schema.children[0], "l", name, nullable, 0, err);
    size_t made = 0;
    for (int64_t at = 0; at < n && status == LANCELET_OK; made++) { /* two batches, to cross fragments in between */
        int64_t end = made ? n : (n + 1) / 2;
        status = arrow_builder_init(&b, schema.children[0], err);
        if (status != LANCELET_OK)
            break;
        for (; at < end && status == LANCELET_OK; at++)
            if (!arrow_append_int(&b, first + at))
                status = base_fail_memory(err);
        if (status != LANCELET_OK) {
            arrow_builder_free(&b);
            break;
        }
        status = arrow_builder_finish(&b, columns, err);
        if (status == LANCELET_OK)
            status = arrow_batch_make(columns, 1, made ? n - (n + 1) / 2 : (n + 1) / 2, &batches[made], err);
        if (status != LANCELET_OK)
            break;
    }
    if (status == LANCELET_OK)
        return arrow_stream_make(&schema, batches, made, out, err);
    arrow_array_release(&batches[0]);
    arrow_array_release(&batches[1]);
    arrow_schema_release(&schema);
    return status;
}

/* ---- the changes ---- */

typedef lancelet_status (*operation)(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                                     lancelet_error *err);

static lancelet_status op_delete(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                                 lancelet_error *err)
{
    uint64_t n;
    return lancelet_table_delete(t, "id >= 7 and id < 11", o, &n, out, err);
}

static lancelet_status op_update(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                                 lancelet_error *err)
{
    uint64_t n;
    const lancelet_assignment set[] = {{"id", "id + 100"}, {"name", "'new'"}};
    return lancelet_table_update(t, set, 2, "id > 6", o, &n, out, err);
}

static lancelet_status op_upsert(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                                 lancelet_error *err)
{
    struct ArrowArrayStream s = {0};
    const char *key = "id";
    lancelet_upsert_report report;
    RETURN_IF_ERROR(rows_stream(6, 8, &s, err)); /* 6 to 13, of which 9, 12 and 13 are not there */
    return lancelet_table_upsert(t, &key, 1, &s, o, &report, out, err);
}

static lancelet_status op_add(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                              lancelet_error *err)
{
    struct ArrowArrayStream s = {0};
    RETURN_IF_ERROR(column_stream("extra", false, 50, 10, &s, err));
    return lancelet_table_add_columns(t, &s, o, out, err);
}

static lancelet_status op_add_empty(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                                    lancelet_error *err)
{
    struct ArrowArrayStream s = {0};
    RETURN_IF_ERROR(column_stream("empty", true, 0, 0, &s, err));
    return lancelet_table_add_columns(t, &s, o, out, err);
}

static lancelet_status op_drop(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                               lancelet_error *err)
{
    const char *name = "vector";
    return lancelet_table_drop_columns(t, &name, 1, o, out, err);
}

static lancelet_status op_restore(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                                  lancelet_error *err)
{
    lancelet_open_options first = LANCELET_OPEN_OPTIONS_INIT;
    first.version = 2;
    lancelet_table *old = NULL;
    RETURN_IF_ERROR(lancelet_table_open(t->path, &first, &old, err));
    lancelet_status status = lancelet_table_restore(old, o, out, err);
    lancelet_table_destroy(old);
    return status;
}

static lancelet_status op_append(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                                 lancelet_error *err)
{
    struct ArrowArrayStream s = {0};
    RETURN_IF_ERROR(rows_stream(12, 2, &s, err)); /* 12, 13 */
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.rows = &s;
    return lancelet_table_commit(t, &c, o, out, err);
}

static lancelet_status op_config(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                                 lancelet_error *err)
{
    lancelet_key_value kv = {"k", "v"};
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.config = &kv;
    c.n_config = 1;
    return lancelet_table_commit(t, &c, o, out, err);
}

static lancelet_status op_overwrite(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                                    lancelet_error *err)
{
    struct ArrowArrayStream s = {0};
    RETURN_IF_ERROR(rows_stream(20, 1, &s, err));
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.rows = &s;
    c.overwrite = true;
    return lancelet_table_commit(t, &c, o, out, err);
}

/* Both fragments become one. */
static lancelet_status op_rewrite(const lancelet_table *t, const lancelet_write_options *o, lancelet_table **out,
                                  lancelet_error *err)
{
    static const uint64_t old[] = {0, 1};
    table_plan plan = {.operation = TABLE_REWRITE, .base = t};
    table_trail trail = {0};
    base_arena arena = {0};
    table_target target;
    struct ArrowArrayStream rows = {0};
    struct ArrowSchema schema = {0};
    bool published = false;
    lancelet_status status = table_target_of(t, &arena, &target, err);
    if (status == LANCELET_OK)
        status = lancelet_table_scan(t, NULL, &rows, err);
    if (status == LANCELET_OK)
        status = arrow_stream_schema(&rows, &schema, err);
    if (status == LANCELET_OK)
        status = table_write_rows(&target, &schema, &rows, o, &trail, &plan.added, err);
    if (status == LANCELET_OK && !(plan.rewrites = base_calloc(1, sizeof *plan.rewrites)))
        status = base_fail_memory(err);
    if (status == LANCELET_OK) {
        plan.rewrites[plan.n_rewrites++] = (table_rewrite){old, 2, 0, plan.added.n};
        plan.minor = target.minor;
        status = table_land(&plan, o, &trail, &published, out, err);
    }
    table_trail_end(&trail, published);
    arrow_schema_release(&schema);
    arrow_stream_release(&rows);
    table_plan_free(&plan);
    base_arena_free(&arena);
    return status;
}

/* ---- one after the other, on the version before ---- */

static const struct {
    const char *name;
    operation run;
    uint32_t kind;
    int64_t rows, sum, columns; /* after it, on its own */
} operations[] = {
    {"delete", op_delete, TABLE_DELETE, 7, 55 - 7 - 8 - 10, 3},
    {"update", op_update, TABLE_UPDATE, 10, 55 + 400, 3},
    {"upsert", op_upsert, TABLE_UPDATE, 13, 55 + 9 + 12 + 13, 3},
    {"add", op_add, TABLE_MERGE, 10, 55, 4},
    {"add empty", op_add_empty, TABLE_MERGE, 10, 55, 4},
    {"drop", op_drop, TABLE_PROJECT, 10, 55, 2},
    {"restore", op_restore, TABLE_RESTORE, 12, 66, 3},
    {"append", op_append, TABLE_APPEND, 12, 55 + 12 + 13, 3},
    {"config", op_config, TABLE_UPDATE_CONFIG, 10, 55, 3},
    {"overwrite", op_overwrite, TABLE_OVERWRITE, 1, 20, 3},
    {"rewrite", op_rewrite, TABLE_REWRITE, 10, 55, 3},
};
enum { DELETE, UPDATE, UPSERT, ADD, ADD_EMPTY, DROP, RESTORE, APPEND, CONFIG, OVERWRITE, REWRITE, N_OPERATIONS };

static void each_change_is_one_version_of_its_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OPERATIONS; i++) {
        lancelet_error err;
        lancelet_table *t = make_old(), *u = NULL;
        assert_ok(operations[i].run(t, &rows_unsynced, &u, &err), err);
        assert_int_equal(rows_version(u), 4);
        assert_int_equal(rows_operation(u), operations[i].kind);
        rows_check(u, operations[i].rows, operations[i].sum);
        assert_int_equal(u->schema.n_children, operations[i].columns);
        assert_true(u->manifest.max_fragment_id >= t->manifest.max_fragment_id);
        lancelet_table *v = newest();
        rows_check(v, operations[i].rows, operations[i].sum);
        lancelet_table_destroy(t);
        lancelet_table_destroy(u);
        lancelet_table_destroy(v);
    }
}

static void a_change_on_an_older_version_is_rebased_done_anew_or_refused(void **state)
{
    (void)state;
    /* first, then second on the same version: -1 rows: a conflict; else what is there in the end */
    static const struct {
        int first, second;
        int64_t rows, sum;
    } cases[] = {
        {DELETE, DELETE, 7, 30},
        {DELETE, UPDATE, 7, 30 + 100}, /* 11 is left of those meant */
        {UPDATE, DELETE, 10, 455},
        {UPDATE, UPDATE, 10, 455 + 400},
        {UPSERT, DELETE, 9, 55 + 12 + 13 - 7 - 8 - 10},
        {DELETE, UPSERT, 13, 89},
        {UPSERT, UPSERT, 13, 89},
        {APPEND, UPSERT, 13, 89}, /* the rows that came meanwhile are replaced, not doubled */
        {UPSERT, APPEND, 15, 89 + 25},
        {APPEND, DELETE, 9, 55},
        {ADD, DELETE, 7, 30},
        {DELETE, ADD, -1, 30},
        {APPEND, ADD, -1, 80},
        {APPEND, ADD_EMPTY, 12, 80},
        {DELETE, ADD_EMPTY, 7, 30},
        {ADD_EMPTY, ADD_EMPTY, -1, 55}, /* done anew, the name is taken */
        {ADD_EMPTY, ADD, -1, 55},
        {CONFIG, ADD, 10, 55},
        {ADD_EMPTY, APPEND, 12, 80},
        {ADD, APPEND, -1, 55}, /* the new column may not be null */
        {ADD, UPSERT, -1, 55},
        {ADD, UPDATE, 10, 455},
        {DROP, DELETE, 7, 30},
        {DROP, APPEND, 12, 80},
        {DROP, UPSERT, 13, 89},
        {DROP, UPDATE, 10, 455},
        {DROP, DROP, -1, 55},
        {DROP, ADD_EMPTY, 10, 55},
        {ADD_EMPTY, DROP, 10, 55},
        {ADD, REWRITE, -1, 55},
        {APPEND, DROP, 12, 80},
        {REWRITE, DELETE, 7, 30},
        {REWRITE, UPDATE, 10, 455},
        {REWRITE, UPSERT, 13, 89},
        {REWRITE, ADD, -1, 55},
        {REWRITE, DROP, 10, 55},
        {REWRITE, APPEND, 12, 80},
        {REWRITE, REWRITE, -1, 55},
        {DELETE, REWRITE, -1, 30},
        {UPDATE, REWRITE, -1, 455},
        {APPEND, REWRITE, 12, 80},
        {CONFIG, REWRITE, 10, 55},
        {DROP, REWRITE, 10, 55},
        {RESTORE, DELETE, -1, 66},
        {RESTORE, APPEND, -1, 66},
        {RESTORE, UPSERT, -1, 66},
        {RESTORE, DROP, -1, 66},
        {RESTORE, REWRITE, -1, 66},
        {APPEND, RESTORE, 12, 66},
        {DROP, RESTORE, 12, 66},
        {OVERWRITE, RESTORE, 12, 66},
        {OVERWRITE, DELETE, -1, 20},
        {OVERWRITE, UPDATE, -1, 20},
        {OVERWRITE, UPSERT, -1, 20},
        {OVERWRITE, ADD_EMPTY, -1, 20},
        {OVERWRITE, REWRITE, -1, 20},
        {REWRITE, OVERWRITE, 1, 20},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err;
        lancelet_table *t = make_old(), *u = NULL, *v = NULL;
        assert_ok(operations[cases[i].first].run(t, &rows_unsynced, &u, &err), err);
        size_t files = rows_files(table_path, "data");
        lancelet_write_options strict = rows_unsynced;
        strict.no_rebase = true;
        if (cases[i].second != RESTORE)
            assert_int_equal(operations[cases[i].second].run(t, &strict, &v, &err), LANCELET_CONFLICT);
        assert_int_equal(rows_files(table_path, "data"), files);
        lancelet_status status = operations[cases[i].second].run(t, &rows_unsynced, &v, &err);
        lancelet_table *w = newest();
        if (cases[i].rows < 0) {
            if (status == LANCELET_OK || !*err.text)
                fail_msg("%s after %s went through", operations[cases[i].second].name, operations[cases[i].first].name);
            assert_int_equal(rows_version(w), 4);
            assert_int_equal(rows_files(table_path, "data"), files);
            rows_check(w, (int64_t)rows_count(u), cases[i].sum);
        } else {
            if (status != LANCELET_OK)
                fail_msg("%s after %s: %s", operations[cases[i].second].name, operations[cases[i].first].name, err.text);
            rows_check(w, cases[i].rows, cases[i].sum);
            rows_check(v, cases[i].rows, cases[i].sum);
        }
        lancelet_table_destroy(t);
        lancelet_table_destroy(u);
        lancelet_table_destroy(v);
        lancelet_table_destroy(w);
    }
}

/* ---- what each refuses ---- */

static void a_change_of_no_row_makes_no_version(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make_old(), *u = NULL;
    uint64_t n = 9;
    lancelet_assignment set = {"name", "'x'"};
    assert_ok(lancelet_table_delete(t, "id = 2", &rows_unsynced, &n, &u, &err), err);
    assert_int_equal(n, 0);
    assert_int_equal(rows_version(u), 3);
    lancelet_table_destroy(u);
    n = 9;
    assert_ok(lancelet_table_update(t, &set, 1, "id = 2", &rows_unsynced, &n, &u, &err), err);
    assert_int_equal(n, 0);
    assert_int_equal(rows_version(u), 3);
    lancelet_table_destroy(u);
    struct ArrowArrayStream s = {0};
    const char *key = "id";
    lancelet_upsert_report report = {9, 9};
    assert_ok(rows_stream(0, 0, &s, &err), err);
    assert_ok(lancelet_table_upsert(t, &key, 1, &s, &rows_unsynced, &report, &u, &err), err);
    assert_true(report.inserted == 0 && report.updated == 0 && !s.release);
    assert_int_equal(rows_version(u), 3);
    lancelet_table_destroy(u);
    assert_ok(lancelet_table_restore(t, &rows_unsynced, &u, &err), err); /* the newest already */
    assert_int_equal(rows_version(u), 3);
    lancelet_table_destroy(u);
    lancelet_table_destroy(t);
}

static void wrong_arguments_are_invalid_and_leave_the_table_alone(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make_old(), *u = NULL;
    const lancelet_assignment wrong[][2] = {
        {{"nothing", "1"}, {"name", "'x'"}}, {{"name", "'x'"}, {"name", "'y'"}}, {{"id", "'x'"}, {"name", "'y'"}},
        {{"id", "null"}, {"name", "'y'"}},   {{"name", "nothing"}, {"id", "1"}}, {{NULL, "1"}, {"id", "1"}}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(lancelet_table_update(t, wrong[i], 2, NULL, &rows_unsynced, NULL, &u, &err), LANCELET_INVALID);
    assert_int_equal(lancelet_table_update(t, wrong[0], 0, NULL, &rows_unsynced, NULL, &u, &err), LANCELET_INVALID);
    assert_int_equal(lancelet_table_delete(t, "id =", &rows_unsynced, NULL, &u, &err), LANCELET_INVALID);
    assert_int_equal(lancelet_table_delete(t, NULL, &rows_unsynced, NULL, &u, &err), LANCELET_INVALID);
    static const char *const keys[] = {"id", "vector", "nothing"};
    struct ArrowArrayStream s = {0};
    for (size_t i = 1; i < 3; i++) {
        assert_ok(rows_stream(0, 1, &s, &err), err);
        assert_int_equal(lancelet_table_upsert(t, &keys[i], 1, &s, &rows_unsynced, NULL, &u, &err), LANCELET_INVALID);
        assert_null(s.release);
    }
    assert_ok(column_stream("id", false, 0, 3, &s, &err), err); /* the other columns are missing */
    assert_int_equal(lancelet_table_upsert(t, keys, 1, &s, &rows_unsynced, NULL, &u, &err), LANCELET_INVALID);
    static const struct {
        const char *name;
        bool nullable;
        int64_t rows;
    } columns[] = {{"id", true, 10}, {"a.b", true, 10}, {"x", true, 9}, {"x", true, 11}, {"x", false, 0}};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        assert_ok(column_stream(columns[i].name, columns[i].nullable, 0, columns[i].rows, &s, &err), err);
        assert_int_equal(lancelet_table_add_columns(t, &s, &rows_unsynced, &u, &err), LANCELET_INVALID);
        assert_null(s.release);
    }
    static const char *const all[] = {"id", "name", "vector"}, *const none[] = {"nothing"};
    assert_int_equal(lancelet_table_drop_columns(t, all, 3, &rows_unsynced, &u, &err), LANCELET_INVALID);
    assert_int_equal(lancelet_table_drop_columns(t, none, 1, &rows_unsynced, &u, &err), LANCELET_NOT_FOUND);
    assert_int_equal(rows_files(table_path, "_versions"), 3);
    assert_int_equal(rows_files(table_path, "data"), 2);
    lancelet_table_destroy(t);
}

static void an_upsert_of_the_same_keys_twice_is_invalid_on_either_side(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL;
    struct ArrowArrayStream s = {0};
    struct ArrowSchema schema = {0};
    struct ArrowArray batches[2] = {{0}};
    const char *const keys[] = {"id", "name"};
    assert_ok(rows_schema(&schema, &err), err);
    assert_ok(rows_batch(&schema, 3, 4, &batches[0], &err), err);
    assert_ok(rows_batch(&schema, 6, 2, &batches[1], &err), err);
    assert_ok(arrow_stream_make(&schema, batches, 2, &s, &err), err);
    assert_int_equal(lancelet_table_upsert(t, keys, 2, &s, &rows_unsynced, NULL, &u, &err), LANCELET_INVALID);
    assert_non_null(strstr(err.text, "rows 4 and 5"));
    assert_int_equal(rows_files(table_path, "data"), 1);
    assert_ok(rows_add(t, 2, 1, &u, &err), err); /* 2 is there twice */
    assert_ok(rows_stream(2, 1, &s, &err), err);
    assert_int_equal(lancelet_table_upsert(u, keys, 2, &s, &rows_unsynced, NULL, NULL, &err), LANCELET_INVALID);
    assert_non_null(strstr(err.text, "two rows of"));
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void a_null_key_matches_no_row(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(12), *u = NULL; /* the name is null in 3 and 10 */
    const char *key = "name";
    struct ArrowArrayStream s = {0};
    lancelet_upsert_report report;
    assert_ok(rows_stream(2, 9, &s, &err), err);
    assert_ok(lancelet_table_upsert(t, &key, 1, &s, &rows_unsynced, &report, &u, &err), err);
    assert_int_equal(report.inserted, 2);
    assert_int_equal(report.updated, 7);
    rows_check(u, 14, 66 + 13);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void added_values_stand_beside_the_live_rows(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make_old(), *u = NULL;
    assert_ok(op_add(t, &rows_unsynced, &u, &err), err);
    struct ArrowArrayStream s = {0};
    struct ArrowSchema schema = {0};
    assert_ok(lancelet_table_scan(u, NULL, &s, &err), err);
    assert_ok(arrow_stream_schema(&s, &schema, &err), err);
    int64_t next = 50;
    for (;;) {
        struct ArrowArray batch = {0};
        assert_ok(arrow_stream_next(&s, &batch, &err), err);
        if (!batch.release)
            break;
        for (int64_t i = 0; i < batch.length; i++) {
            int64_t v;
            assert_true(arrow_int(schema.children[3], batch.children[3], i, &v));
            assert_int_equal(v, next++);
        }
        arrow_array_release(&batch);
    }
    assert_int_equal(next, 60);
    arrow_schema_release(&schema);
    arrow_stream_release(&s);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void a_field_id_is_never_given_twice(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make_old(), *u = NULL, *v = NULL, *w = NULL;
    assert_ok(op_add(t, &rows_unsynced, &u, &err), err);
    const char *name = "extra";
    assert_ok(lancelet_table_drop_columns(u, &name, 1, &rows_unsynced, &v, &err), err);
    assert_ok(op_add_empty(v, &rows_unsynced, &w, &err), err);
    assert_int_equal(u->manifest.fields[3].id, 3);
    assert_int_equal(w->manifest.fields[3].id, 4);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
    lancelet_table_destroy(w);
}

static void a_version_without_its_files_is_not_restored(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL, *v = NULL;
    assert_ok(rows_add(t, 5, 5, &u, &err), err);
    char *file = base_format("%s/data/%s", table_path, t->manifest.fragments[0].files[0].path);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(lancelet_table_restore(t, &rows_unsynced, &v, &err), LANCELET_CORRUPT);
    char *manifest = table_manifest_path(table_path, 1, true);
    assert_int_equal(unlink(manifest), 0);
    assert_int_equal(lancelet_table_restore(t, &rows_unsynced, &v, &err), LANCELET_NOT_FOUND);
    assert_int_equal(rows_files(table_path, "_versions"), 1);
    base_free(file);
    base_free(manifest);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

/* ---- failures ---- */

static size_t all_files(void)
{
    return rows_files(table_path, "data") + rows_files(table_path, "_deletions") + rows_files(table_path, "_transactions") +
           rows_files(table_path, "_versions");
}

/* After a change that failed the version before stands, and no file is left of it; or it is there whole. */
static void check_after(size_t i, lancelet_status status, size_t files)
{
    lancelet_table *t = newest();
    if (rows_version(t) == 3) {
        assert_true(status != LANCELET_OK);
        rows_check(t, 10, 55);
        assert_int_equal(all_files(), files);
    } else {
        assert_int_equal(rows_version(t), 4);
        rows_check(t, operations[i].rows, operations[i].sum);
    }
    lancelet_table_destroy(t);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < APPEND; i++)
        for (uint64_t n = 1;; n++) {
            lancelet_error err;
            lancelet_table *t = make_old(), *u = NULL;
            size_t files = all_files();
            base_fault_fail_alloc(n);
            lancelet_status status = operations[i].run(t, &rows_unsynced, &u, &err);
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            check_after(i, status, files);
            lancelet_table_destroy(t);
            lancelet_table_destroy(u);
            if (!fired) {
                assert_ok(status, err);
                break;
            }
            if (status != LANCELET_OK)
                assert_true(status == LANCELET_MEMORY && err.status == LANCELET_MEMORY && *err.text);
        }
}

static void any_file_call_may_fail(void **state)
{
    (void)state;
    lancelet_write_options synced = LANCELET_WRITE_OPTIONS_INIT;
    for (size_t i = 0; i < APPEND; i++)
        for (uint64_t n = 1;; n++) {
            lancelet_error err;
            lancelet_table *t = make_old(), *u = NULL;
            size_t files = all_files();
            base_fault_fail_file(n, EIO);
            lancelet_status status = operations[i].run(t, &synced, &u, &err);
            bool fired = base_fault_fired();
            base_fault_fail_file(0, 0);
            check_after(i, status, files);
            lancelet_table_destroy(t);
            lancelet_table_destroy(u);
            if (!fired) {
                assert_ok(status, err);
                break;
            }
            if (status != LANCELET_OK)
                assert_true(status == LANCELET_IO && *err.text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_is_one_version_of_its_kind),
        cmocka_unit_test(a_change_on_an_older_version_is_rebased_done_anew_or_refused),
        cmocka_unit_test(a_change_of_no_row_makes_no_version),
        cmocka_unit_test(wrong_arguments_are_invalid_and_leave_the_table_alone),
        cmocka_unit_test(an_upsert_of_the_same_keys_twice_is_invalid_on_either_side),
        cmocka_unit_test(a_null_key_matches_no_row),
        cmocka_unit_test(added_values_stand_beside_the_live_rows),
        cmocka_unit_test(a_field_id_is_never_given_twice),
        cmocka_unit_test(a_version_without_its_files_is_not_restored),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(any_file_call_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
