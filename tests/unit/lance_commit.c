/* Commits: what each kind changes, rebasing, conflicts, races of threads and processes, failures at every step. */
#include <errno.h>
#include <inttypes.h>
#include <sys/wait.h>

#include "base/fault.h"

#include "lance_rows.h"

/* ---- kinds ---- */

static void what_is_set_decides_the_kind_of_the_transaction(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(10), *u = NULL;
    lancelet_key_value config = {"k", "v"};
    uint64_t address = 4;
    struct ArrowArrayStream s;
    static const struct {
        bool rows, deletion, config, overwrite;
        uint32_t operation;
        int64_t n;
    } kinds[] = {
        {true, false, false, false, TABLE_APPEND, 13},  {false, true, false, false, TABLE_DELETE, 9},
        {true, true, false, false, TABLE_UPDATE, 12},   {false, false, true, false, TABLE_UPDATE_CONFIG, 10},
        {true, false, true, false, TABLE_APPEND, 13},   {false, true, true, false, TABLE_DELETE, 9},
        {true, false, false, true, TABLE_OVERWRITE, 3}, {true, false, true, true, TABLE_OVERWRITE, 3}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        lancelet_change c = LANCELET_CHANGE_INIT;
        if (kinds[i].rows) {
            assert_ok(rows_stream(100, 3, &s, &err), err);
            c.rows = &s;
        }
        c.delete_addresses = &address;
        c.n_delete = kinds[i].deletion;
        c.config = &config;
        c.n_config = kinds[i].config;
        c.overwrite = kinds[i].overwrite;
        assert_ok(lancelet_table_commit(t, &c, &rows_unsynced, &u, &err), err);
        assert_int_equal(rows_operation(u), kinds[i].operation);
        assert_int_equal(rows_count(u), kinds[i].n);
        assert_int_equal(lancelet_table_config(u, "k") != NULL, kinds[i].config);
        assert_int_equal(u->manifest.reader_flags, kinds[i].deletion ? TABLE_FLAG_DELETIONS : 0);
        assert_int_equal(u->manifest.writer_flags, (kinds[i].deletion ? TABLE_FLAG_DELETIONS : 0) |
                                                       (kinds[i].config ? TABLE_FLAG_CONFIG : 0));
        lancelet_table_destroy(u);
        lancelet_table_destroy(t);
        t = make(10);
    }
    lancelet_table_destroy(t);
}

static void changes_that_make_no_sense_are_invalid(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(10);
    lancelet_change c = LANCELET_CHANGE_INIT;
    assert_int_equal(lancelet_table_commit(t, &c, &rows_unsynced, NULL, &err), LANCELET_INVALID);
    c.overwrite = true;
    assert_int_equal(lancelet_table_commit(t, &c, &rows_unsynced, NULL, &err), LANCELET_INVALID);
    struct ArrowArrayStream s;
    assert_ok(rows_stream(0, 1, &s, &err), err);
    uint64_t address = 0;
    c.rows = &s;
    c.delete_addresses = &address;
    c.n_delete = 1;
    assert_int_equal(lancelet_table_commit(t, &c, &rows_unsynced, NULL, &err), LANCELET_INVALID);
    assert_null(s.release); /* consumed all the same */
    lancelet_key_value nameless = {"", "v"};
    c = (lancelet_change)LANCELET_CHANGE_INIT;
    c.config = &nameless;
    c.n_config = 1;
    assert_int_equal(lancelet_table_commit(t, &c, &rows_unsynced, NULL, &err), LANCELET_INVALID);
    assert_int_equal(rows_files(table_path, "_versions"), 1);
    lancelet_table_destroy(t);
}

static void deleting_the_same_address_twice_counts_once_and_a_deleted_one_is_not_found(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(10), *u = NULL, *v = NULL;
    uint64_t addresses[] = {7, 3, 7};
    assert_ok(rows_delete(t, addresses, 3, &u, &err), err);
    rows_check(u, 8, 45 - 10);
    assert_int_equal(rows_delete(u, addresses, 1, &v, &err), LANCELET_NOT_FOUND);
    addresses[0] = 10;
    assert_int_equal(rows_delete(u, addresses, 1, &v, &err), LANCELET_NOT_FOUND);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
}

static void deletions_add_up_over_commits(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(100), *u = NULL;
    int64_t sum = 4950;
    for (uint64_t i = 0; i < 50; i++) {
        uint64_t address = i * 2;
        assert_ok(rows_delete(t, &address, 1, &u, &err), err);
        lancelet_table_destroy(t);
        t = u;
        sum -= (int64_t)address;
        rows_check(t, 99 - (int64_t)i, sum);
    }
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(t, &info);
    assert_int_equal(info.deleted_rows, 50);
    lancelet_table_destroy(t);
}

static void a_fragment_without_rows_is_dropped_and_its_id_never_used_again(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(3), *u = NULL, *v = NULL, *w = NULL;
    assert_ok(rows_add(t, 10, 2, &u, &err), err);
    uint64_t addresses[] = {(uint64_t)1 << 32, (uint64_t)1 << 32 | 1, 0};
    assert_ok(rows_delete(u, addresses, 3, &v, &err), err);
    assert_int_equal(v->manifest.n_fragments, 1);
    rows_check(v, 2, 3);
    assert_ok(rows_add(v, 20, 1, &w, &err), err);
    assert_int_equal(w->manifest.fragments[1].id, 2);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
    lancelet_table_destroy(w);
}

static void rows_become_several_fragments_past_a_million(void **state)
{
    (void)state;
    lancelet_error err;
    enum { BATCHES = 5, ROWS = 300000 };
    struct ArrowSchema schema = {0};
    struct ArrowArray batches[BATCHES] = {{0}};
    struct ArrowArrayStream s;
    int64_t sum = 0;
    assert_ok(arrow_schema_init(&schema, "+s", "", false, 1, &err), err);
    assert_ok(arrow_schema_init(schema.children[0], "i", "id", false, 0, &err), err);
    for (int b = 0; b < BATCHES; b++) {
        arrow_builder builder;
        struct ArrowArray column;
        assert_ok(arrow_builder_init(&builder, schema.children[0], &err), err);
        for (int64_t i = 0; i < ROWS; i++)
            assert_true(arrow_append_int(&builder, i));
        sum += (int64_t)ROWS * (ROWS - 1) / 2;
        assert_ok(arrow_builder_finish(&builder, &column, &err), err);
        assert_ok(arrow_batch_make(&column, 1, ROWS, &batches[b], &err), err);
    }
    assert_ok(arrow_stream_make(&schema, batches, BATCHES, &s, &err), err);
    fresh_path();
    lancelet_table *t = NULL;
    assert_ok(lancelet_table_create(table_path, &s, NULL, 0, &rows_unsynced, &t, &err), err);
    assert_int_equal(t->manifest.n_fragments, 2);
    assert_int_equal(t->manifest.fragments[0].physical_rows, 1 << 20);
    assert_int_equal(t->manifest.fragments[1].id, 1);
    rows_check(t, BATCHES * (int64_t)ROWS, sum);
    lancelet_table_destroy(t);
}

static void an_overwrite_keeps_the_config_and_replaces_schema_and_metadata(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(3), *u = NULL, *v = NULL;
    lancelet_key_value config = {"kept", "yes"};
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.config = &config;
    c.n_config = 1;
    assert_ok(lancelet_table_commit(t, &c, &rows_unsynced, &u, &err), err);
    struct ArrowSchema schema = {0};
    struct ArrowArrayStream s;
    assert_ok(arrow_schema_init(&schema, "+s", "", false, 1, &err), err);
    assert_ok(arrow_schema_init(schema.children[0], "g", "x", true, 0, &err), err);
    assert_ok(arrow_stream_make(&schema, NULL, 0, &s, &err), err);
    c = (lancelet_change)LANCELET_CHANGE_INIT;
    c.rows = &s;
    c.overwrite = true;
    assert_ok(lancelet_table_commit(u, &c, &rows_unsynced, &v, &err), err);
    assert_int_equal(rows_count(v), 0);
    assert_int_equal(v->schema.n_children, 1);
    assert_string_equal(v->schema.children[0]->name, "x");
    assert_null(lancelet_table_schema_metadata(v, "made"));
    assert_string_equal(lancelet_table_config(v, "kept"), "yes");
    assert_int_equal(v->manifest.max_fragment_id, 0);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
}

static void a_config_key_is_set_and_removed(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(1), *u = NULL, *v = NULL;
    lancelet_key_value set[] = {{"a", "1"}, {"b", "2"}, {"a", "3"}}, unset[] = {{"a", NULL}, {"none", NULL}};
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.config = set;
    c.n_config = 3;
    assert_ok(lancelet_table_commit(t, &c, &rows_unsynced, &u, &err), err);
    assert_string_equal(lancelet_table_config(u, "a"), "3");
    assert_string_equal(lancelet_table_config(u, "b"), "2");
    c.config = unset;
    c.n_config = 2;
    assert_ok(lancelet_table_commit(u, &c, &rows_unsynced, &v, &err), err);
    assert_null(lancelet_table_config(v, "a"));
    assert_string_equal(lancelet_table_config(v, "b"), "2");
    assert_int_equal(v->manifest.n_config, 1);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
}

static void fields_of_a_manifest_that_are_not_known_survive(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(2), *u = NULL, *v = NULL;
    base_buffer extra = {0}; /* an unknown field 77 and stale offsets of an inline transaction */
    assert_true(wire_put_string(&extra, 77, "unknown") && wire_put_varint(&extra, 21, 99999) &&
                wire_put_varint(&extra, 23, 99999));
    derive_with(t, &extra, 2);
    base_buffer_free(&extra);
    u = newest();
    assert_int_equal(rows_version(u), 2);
    assert_ok(rows_add(u, 5, 1, &v, &err), err);
    wire_span kept = wire_bytes(v->manifest.message, 77);
    assert_int_equal(kept.size, 7);
    wire_field f;
    assert_false(wire_find(v->manifest.message, 23, &f));
    assert_true(wire_find(v->manifest.message, 21, &f));
    assert_true(f.value < 99999);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
}

static void a_hint_that_is_there_follows_and_none_is_made(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(2), *u = NULL, *v = NULL;
    char hint[6000];
    snprintf(hint, sizeof hint, "%s/_versions/latest_version_hint.json", table_path);
    assert_ok(rows_add(t, 5, 1, &u, &err), err);
    assert_int_not_equal(access(hint, F_OK), 0);
    assert_ok(base_file_replace(hint, "{\"version\":1}", 13, false, &err), err);
    assert_ok(rows_add(u, 6, 1, &v, &err), err);
    uint8_t *bytes;
    size_t n;
    assert_ok(base_file_read(hint, 100, &bytes, &n, &err), err);
    assert_string_equal((char *)bytes, "{\"version\":3}");
    base_free(bytes);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
}

/* ---- rebasing and conflicts: two commits on one version ---- */

typedef enum kind { ADD, DELETE_1, DELETE_2, DELETE_ALL, REPLACE_1, REPLACE_2, OVERWRITE, SET_A, SET_B } kind;

static lancelet_status change(const lancelet_table *t, kind k, bool no_rebase, lancelet_table **out,
                              lancelet_error *err)
{
    static const uint64_t all[] = {0, 1, 2, 3, 4};
    lancelet_key_value config = {k == SET_A ? "a" : "b", "x"};
    lancelet_change c = LANCELET_CHANGE_INIT;
    lancelet_write_options o = rows_unsynced;
    o.no_rebase = no_rebase;
    struct ArrowArrayStream s;
    if (k == ADD || k == OVERWRITE || k == REPLACE_1 || k == REPLACE_2) {
        RETURN_IF_ERROR(rows_stream(100, 1, &s, err));
        c.rows = &s;
    }
    if (k == DELETE_1 || k == DELETE_2 || k == REPLACE_1 || k == REPLACE_2) {
        c.delete_addresses = &all[k == DELETE_1 || k == REPLACE_1 ? 1 : 2];
        c.n_delete = 1;
    }
    if (k == DELETE_ALL) {
        c.delete_addresses = all;
        c.n_delete = 5;
    }
    c.overwrite = k == OVERWRITE;
    if (k == SET_A || k == SET_B) {
        c.config = &config;
        c.n_config = 1;
    }
    return lancelet_table_commit(t, &c, &o, out, err);
}

static void a_commit_is_rebased_where_the_format_allows_it(void **state)
{
    (void)state;
    /* first and second on the same version of rows 0..4 (sum 10); -1 rows: a conflict */
    static const struct {
        kind first, second;
        int64_t rows, sum;
    } cases[] = {
        {ADD, ADD, 7, 210},
        {ADD, DELETE_1, 5, 109},
        {DELETE_1, ADD, 5, 109},
        {DELETE_1, DELETE_2, 3, 7},
        {DELETE_1, DELETE_1, -1, 9},
        {DELETE_1, REPLACE_2, 4, 107},
        {REPLACE_1, REPLACE_2, 5, 207},
        {REPLACE_1, REPLACE_1, -1, 109},
        {REPLACE_1, DELETE_1, -1, 109},
        {DELETE_ALL, DELETE_1, -1, 0},
        {DELETE_1, DELETE_ALL, -1, 9},
        {DELETE_ALL, ADD, 1, 100},
        {OVERWRITE, ADD, -1, 100},
        {OVERWRITE, DELETE_1, -1, 100},
        {OVERWRITE, REPLACE_1, -1, 100},
        {ADD, OVERWRITE, 1, 100},
        {DELETE_1, OVERWRITE, 1, 100},
        {OVERWRITE, OVERWRITE, -1, 100},
        {SET_A, SET_B, 5, 10},
        {SET_A, SET_A, -1, 10},
        {SET_A, ADD, 6, 110},
        {ADD, SET_A, 6, 110},
        {OVERWRITE, SET_A, 1, 100},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err;
        lancelet_table *t = make(5), *u = NULL, *v = NULL;
        assert_ok(change(t, cases[i].first, false, &u, &err), err);
        size_t files = rows_files(table_path, "data") + rows_files(table_path, "_deletions") +
                       rows_files(table_path, "_transactions") + rows_files(table_path, "_versions");
        assert_int_equal(change(t, cases[i].second, true, &v, &err), LANCELET_CONFLICT); /* no_rebase */
        lancelet_status status = change(t, cases[i].second, false, &v, &err);
        assert_int_equal(status, cases[i].rows < 0 ? LANCELET_CONFLICT : LANCELET_OK);
        lancelet_table *w = newest();
        if (cases[i].rows < 0) {
            assert_int_equal(rows_version(w), 2);
            rows_check(w, (int64_t)rows_count(u), cases[i].sum);
            assert_int_equal(files, rows_files(table_path, "data") + rows_files(table_path, "_deletions") +
                                        rows_files(table_path, "_transactions") +
                                        rows_files(table_path, "_versions"));
        } else {
            assert_int_equal(rows_version(w), 3);
            rows_check(w, cases[i].rows, cases[i].sum);
            rows_check(v, cases[i].rows, cases[i].sum);
        }
        lancelet_table_destroy(t);
        lancelet_table_destroy(u);
        lancelet_table_destroy(v);
        lancelet_table_destroy(w);
    }
}

/* Version 2 with a transaction of this operation (an empty message) and the fragments of version 1. */
static void foreign_commit(const lancelet_table *t, uint32_t operation)
{
    lancelet_error err;
    base_buffer transaction = {0}, file = {0}, message = {0};
    bool ok = wire_put_varint(&transaction, 1, 1) && wire_put_string(&transaction, 2, "foreign") &&
              (operation == 0 || wire_put_bytes(&transaction, operation, "", 0));
    wire_span rest = t->manifest.message;
    wire_field f;
    bool bad = false;
    while (wire_next(&rest, &f, &bad))
        if (f.number != 12 && f.number != 21 && f.number != 3)
            ok = ok && base_buffer_append(&message, f.raw.data, f.raw.size);
    ok = ok && wire_put_varint(&message, 3, 2) && (operation == 0 || wire_put_varint(&message, 21, 0));
    uint8_t length[4] = {(uint8_t)transaction.size},
            trailer[16] = {(uint8_t)(transaction.size + 4), [10] = 2};
    memcpy(trailer + 12, "LANC", 4);
    ok = ok && base_buffer_append(&file, length, 4) &&
         base_buffer_append(&file, transaction.data, transaction.size);
    length[0] = (uint8_t)message.size;
    length[1] = (uint8_t)(message.size >> 8);
    ok = ok && base_buffer_append(&file, length, 4) &&
         base_buffer_append(&file, message.data, message.size) && base_buffer_append(&file, trailer, 16);
    assert_true(ok);
    char *path = table_manifest_path(table_path, 2, true);
    assert_ok(base_file_replace(path, file.data, file.size, false, &err), err);
    base_free(path);
    base_buffer_free(&transaction);
    base_buffer_free(&file);
    base_buffer_free(&message);
}

static void foreign_operations_are_followed_or_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        uint32_t operation;
        bool follows;
        const char *text;
    } cases[] = {{TABLE_CREATE_INDEX, true, ""},      {TABLE_REWRITE, true, ""},
                 {TABLE_PROJECT, true, ""},           {TABLE_UPDATE_CONFIG, true, ""},
                 {TABLE_RESERVE_FRAGMENTS, true, ""}, {TABLE_MERGE, true, ""},
                 {TABLE_RESTORE, false, "a Restore"}, {TABLE_MEM_WAL, false, "an UpdateMemWalState"}, {116, false, "116"},
                 {0, false, "does not say"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err;
        lancelet_table *t = make(5), *u = NULL;
        foreign_commit(t, cases[i].operation);
        lancelet_status status = rows_add(t, 5, 1, &u, &err);
        assert_int_equal(status, cases[i].follows ? LANCELET_OK : LANCELET_CONFLICT);
        if (!cases[i].follows)
            assert_non_null(strstr(err.text, cases[i].text));
        lancelet_table_destroy(t);
        lancelet_table_destroy(u);
    }
}

static void a_version_that_is_gone_in_between_is_a_conflict(void **state)
{
    (void)state;
    lancelet_error err;
    lancelet_table *t = make(5), *u = NULL, *v = NULL, *w = NULL;
    assert_ok(rows_add(t, 5, 1, &u, &err), err);
    assert_ok(rows_add(u, 6, 1, &v, &err), err);
    char *path = table_manifest_path(table_path, 2, true);
    assert_int_equal(unlink(path), 0);
    base_free(path);
    assert_int_equal(rows_add(t, 7, 1, &w, &err), LANCELET_CONFLICT);
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
}

/* ---- races ---- */

enum { WRITERS = 4, COMMITS = 15 };

typedef struct writer {
    int number;
    bool deletes;
    lancelet_status status;
    lancelet_error error;
} writer;

/* Adds rows with ids of its own, or deletes rows of its own of the first fragment; each time on the newest version. */
static lancelet_status write_some(int number, bool deletes, lancelet_error *err)
{
    for (int i = 0; i < COMMITS; i++) {
        lancelet_table *t = NULL, *u = NULL;
        RETURN_IF_ERROR(lancelet_table_open(table_path, NULL, &t, err));
        uint64_t address = (uint64_t)(number * COMMITS + i);
        lancelet_status status = deletes ? rows_delete(t, &address, 1, &u, err)
                                         : rows_add(t, 1000 + number * COMMITS + i, 1, &u, err);
        lancelet_table_destroy(t);
        lancelet_table_destroy(u);
        RETURN_IF_ERROR(status);
    }
    return LANCELET_OK;
}

static void *run_writer(void *arg)
{
    writer *w = arg;
    w->status = write_some(w->number, w->deletes, &w->error);
    return NULL;
}

static void check_after_race(void)
{
    /* 100 rows, two adders, two deleters with numbers 2 and 3 */
    int64_t sum = 4950;
    for (int i = 0; i < 2 * COMMITS; i++)
        sum += 1000 + i;
    for (int i = 2 * COMMITS; i < 4 * COMMITS; i++)
        sum -= i;
    lancelet_table *t = newest();
    rows_check(t, 100, sum);
    assert_int_equal(rows_version(t), 1 + WRITERS * COMMITS);
    lancelet_table_destroy(t);
}

static void threads_that_race_lose_no_commit(void **state)
{
    (void)state;
    lancelet_table_destroy(make(100));
    pthread_t threads[WRITERS];
    writer writers[WRITERS] = {{0}};
    for (int i = 0; i < WRITERS; i++) {
        writers[i].number = i;
        writers[i].deletes = i >= 2;
        assert_int_equal(pthread_create(&threads[i], NULL, run_writer, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WRITERS; i++)
        assert_ok(writers[i].status, writers[i].error);
    check_after_race();
}

static void processes_that_race_lose_no_commit(void **state)
{
    (void)state;
    lancelet_table_destroy(make(100));
    pid_t children[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            lancelet_error err;
            _exit(write_some(i, i >= 2, &err) == LANCELET_OK ? 0 : 1);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    check_after_race();
}

/* ---- failures ---- */

/* Create, add, delete with rows added, search, take: a bit of everything. Handles are freed whatever happens. */
static lancelet_status everything(lancelet_error *err)
{
    lancelet_table *t = NULL, *u = NULL, *v = NULL;
    struct ArrowArrayStream s = {0};
    lancelet_change c = LANCELET_CHANGE_INIT;
    lancelet_key_value config = {"k", "v"};
    uint64_t addresses[] = {1, (uint64_t)1 << 32};
    float query[ROWS_DIM] = {2, 1, 2, 3};
    lancelet_hit hits[10];
    size_t n;
    int64_t sum, rows;
    lancelet_status status = rows_create(table_path, 3, &t, err);
    if (status == LANCELET_OK)
        status = rows_add(t, 3, 2, &u, err);
    if (status == LANCELET_OK)
        status = rows_stream(5, 2, &s, err);
    if (status == LANCELET_OK) {
        lancelet_write_options synced = LANCELET_WRITE_OPTIONS_INIT;
        c.rows = &s;
        c.delete_addresses = addresses;
        c.n_delete = 2;
        c.config = &config;
        c.n_config = 1;
        status = lancelet_table_commit(u, &c, &synced, &v, err);
        assert_null(s.release);
    }
    if (status == LANCELET_OK)
        status = lancelet_table_search(v, query, ROWS_DIM, NULL, hits, &n, err);
    if (status == LANCELET_OK)
        status = rows_sum(v, &sum, &rows, err);
    if (status == LANCELET_OK) {
        addresses[0] = 2;
        addresses[1] = (uint64_t)1 << 32 | 1;
        status = lancelet_table_take(v, addresses, 2, NULL, &s, err);
        struct ArrowArray a = {0};
        if (status == LANCELET_OK)
            status = arrow_stream_next(&s, &a, err);
        arrow_array_release(&a);
        arrow_stream_release(&s);
    }
    lancelet_table_destroy(t);
    lancelet_table_destroy(u);
    lancelet_table_destroy(v);
    return status;
}

/* The table, where there is one, is one of the versions that `everything` makes, and whole. */
static void check_whole(void)
{
    lancelet_error err;
    lancelet_table *t = NULL;
    lancelet_status status = lancelet_table_open(table_path, NULL, &t, &err);
    if (status == LANCELET_NOT_FOUND)
        return;
    assert_ok(status, err);
    static const int64_t rows[] = {0, 3, 5, 5}, sums[] = {0, 3, 10, 10 - 1 - 3 + 11};
    uint64_t version = rows_version(t);
    assert_true(version >= 1 && version <= 3);
    rows_check(t, rows[version], sums[version]);
    lancelet_table_destroy(t);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    lancelet_error err;
    for (uint64_t n = 1;; n++) {
        fresh_path();
        base_fault_fail_alloc(n);
        lancelet_status status = everything(&err);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        check_whole();
        if (!fired) {
            assert_ok(status, err);
            assert_true(n > 100);
            break;
        }
        if (status != LANCELET_OK) /* what is only nice to have (the hint) may be left out */
            assert_int_equal(status, LANCELET_MEMORY);
        if (status == LANCELET_MEMORY)
            assert_true(err.status == LANCELET_MEMORY && *err.text);
    }
}

static void any_file_call_may_fail(void **state)
{
    (void)state;
    lancelet_error err;
    for (uint64_t n = 1;; n++) {
        fresh_path();
        base_fault_fail_file(n, ENOSPC);
        lancelet_status status = everything(&err);
        bool fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        check_whole();
        if (!fired) {
            assert_ok(status, err);
            assert_true(n > 30);
            break;
        }
        if (status != LANCELET_OK)
            assert_true(status == LANCELET_IO && *err.text);
    }
}

static void a_commit_that_fails_removes_its_files(void **state)
{
    (void)state;
    lancelet_error err;
    for (uint64_t n = 1;; n++) {
        lancelet_table *t = make(5), *u = NULL;
        base_fault_fail_file(n, EIO);
        lancelet_status status = change(t, REPLACE_1, false, &u, &err);
        bool fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        lancelet_table_destroy(t);
        lancelet_table_destroy(u);
        if (!fired)
            break;
        t = newest();
        if (status != LANCELET_OK && rows_version(t) == 1) {
            assert_int_equal(rows_files(table_path, "data"), 1);
            assert_int_equal(rows_files(table_path, "_deletions"), 0);
            assert_int_equal(rows_files(table_path, "_transactions"), 1);
            assert_int_equal(rows_files(table_path, "_versions"), 1);
        }
        lancelet_table_destroy(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_set_decides_the_kind_of_the_transaction),
        cmocka_unit_test(changes_that_make_no_sense_are_invalid),
        cmocka_unit_test(deleting_the_same_address_twice_counts_once_and_a_deleted_one_is_not_found),
        cmocka_unit_test(deletions_add_up_over_commits),
        cmocka_unit_test(a_fragment_without_rows_is_dropped_and_its_id_never_used_again),
        cmocka_unit_test(rows_become_several_fragments_past_a_million),
        cmocka_unit_test(an_overwrite_keeps_the_config_and_replaces_schema_and_metadata),
        cmocka_unit_test(a_config_key_is_set_and_removed),
        cmocka_unit_test(fields_of_a_manifest_that_are_not_known_survive),
        cmocka_unit_test(a_hint_that_is_there_follows_and_none_is_made),
        cmocka_unit_test(a_commit_is_rebased_where_the_format_allows_it),
        cmocka_unit_test(foreign_operations_are_followed_or_refused_by_name),
        cmocka_unit_test(a_version_that_is_gone_in_between_is_a_conflict),
        cmocka_unit_test(threads_that_race_lose_no_commit),
        cmocka_unit_test(processes_that_race_lose_no_commit),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(any_file_call_may_fail),
        cmocka_unit_test(a_commit_that_fails_removes_its_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
