/* Versions, tags, indexes named by a manifest, and the check of a whole table. */
#include <errno.h>

#include "base/fault.h"
#include "lance/table/tags.h"

#include "lance_rows.h"

static lancelet_error err;

/* Versions 1 to 4: 10 rows, 5 more, one deleted, config set. */
static lancelet_table *make_four(void)
{
    lancelet_table *a = make(10), *b = NULL, *c = NULL, *d = NULL;
    assert_ok(rows_add(a, 10, 5, &b, &err), err);
    assert_ok(rows_delete(b, (uint64_t[]){3}, 1, &c, &err), err);
    lancelet_change change = LANCELET_CHANGE_INIT;
    lancelet_key_value kv = {"key", "value"};
    change.config = &kv;
    change.n_config = 1;
    assert_ok(lancelet_table_commit(c, &change, &rows_unsynced, &d, &err), err);
    lancelet_table_destroy(a);
    lancelet_table_destroy(b);
    lancelet_table_destroy(c);
    return d;
}

static void put(const char *below, const void *bytes, size_t n)
{
    char *file = base_format("%s/%s", table_path, below), *folder = base_path_parent(file);
    assert_ok(base_dir_make(folder, &err), err);
    assert_ok(base_file_replace(file, bytes, n, false, &err), err);
    base_free(folder);
    base_free(file);
}

static void put_text(const char *below, const char *text)
{
    put(below, text, strlen(text));
}

/* ---- versions ---- */

static void every_version_is_told_with_what_made_it(void **state)
{
    (void)state;
    lancelet_table_destroy(make_four());
    put_text("_versions/d123.manifest", "detached");
    put_text("_versions/.tmp-5.manifest", "a writer's");
    lancelet_version *v;
    size_t n;
    assert_ok(lancelet_versions(table_path, SIZE_MAX, &v, &n, NULL, &err), err);
    assert_int_equal(n, 4);
    static const struct {
        uint64_t rows, fragments;
        const char *operation;
    } expected[] = {{10, 1, "Overwrite"}, {15, 2, "Append"}, {14, 2, "Delete"}, {14, 2, "UpdateConfig"}};
    int64_t now = base_now_us();
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(v[i].version, i + 1);
        assert_int_equal(v[i].rows, expected[i].rows);
        assert_int_equal(v[i].fragments, expected[i].fragments);
        assert_string_equal(v[i].operation, expected[i].operation);
        assert_null(v[i].problem);
        assert_true(v[i].timestamp_us > now - 60000000 && v[i].timestamp_us <= now);
    }
    lancelet_free(v);
}

static void a_limit_tells_of_the_newest_and_reads_no_other(void **state)
{
    (void)state;
    lancelet_table_destroy(make_four());
    lancelet_version *v;
    size_t n, total;
    assert_ok(lancelet_versions(table_path, 2, &v, &n, &total, &err), err);
    assert_int_equal(n, 2);
    assert_int_equal(total, 4);
    assert_int_equal(v[0].version, 3);
    assert_int_equal(v[1].version, 4);
    assert_string_equal(v[1].operation, "UpdateConfig");
    lancelet_free(v);
    assert_ok(lancelet_versions(table_path, 0, &v, &n, &total, &err), err);
    assert_int_equal(n, 0);
    assert_int_equal(total, 4);
    lancelet_free(v);
}

static void a_broken_version_says_its_problem(void **state)
{
    (void)state;
    lancelet_table *t = make_four();
    char *newest = table_manifest_path(table_path, 4, true);
    assert_ok(base_file_replace(newest, "", 0, false, &err), err);
    base_free(newest);
    lancelet_table_destroy(t);
    lancelet_version *v;
    size_t n;
    assert_ok(lancelet_versions(table_path, SIZE_MAX, &v, &n, NULL, &err), err);
    assert_int_equal(n, 4);
    assert_non_null(strstr(v[3].problem, "it is empty"));
    assert_int_equal(v[3].timestamp_us, 0);
    assert_string_equal(v[3].operation, "");
    assert_null(v[2].problem);
    lancelet_free(v);
    lancelet_free(NULL);
}

static void no_table_has_no_versions_and_no_tags(void **state)
{
    (void)state;
    fresh_path();
    lancelet_version *v;
    lancelet_tag *tags;
    lancelet_verify_report report;
    size_t n;
    assert_int_equal(lancelet_versions(table_path, SIZE_MAX, &v, &n, NULL, &err), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, "there is no table at"));
    assert_int_equal(lancelet_tags(table_path, &tags, &n, &err), LANCELET_NOT_FOUND);
    assert_int_equal(lancelet_verify(table_path, NULL, NULL, NULL, &report, &err), LANCELET_NOT_FOUND);
}

/* ---- tags ---- */

static lancelet_status open_tag(const char *tag, uint64_t *version)
{
    lancelet_open_options o = LANCELET_OPEN_OPTIONS_INIT;
    o.tag = tag;
    lancelet_table *t;
    RETURN_IF_ERROR(lancelet_table_open(table_path, &o, &t, &err));
    *version = rows_version(t);
    lancelet_table_destroy(t);
    return LANCELET_OK;
}

static void a_tag_names_a_version_until_it_is_moved_or_deleted(void **state)
{
    (void)state;
    lancelet_table *t = make_four(), *old;
    lancelet_open_options o = LANCELET_OPEN_OPTIONS_INIT;
    o.version = 2;
    assert_ok(lancelet_table_open(table_path, &o, &old, &err), err);
    assert_ok(lancelet_table_tag(t, "newest", true, &err), err);
    assert_ok(lancelet_table_tag(old, "b-2_x.y", false, &err), err);
    lancelet_tag *tags;
    size_t n;
    assert_ok(lancelet_tags(table_path, &tags, &n, &err), err);
    assert_int_equal(n, 2);
    assert_string_equal(tags[0].name, "b-2_x.y");
    assert_int_equal(tags[0].version, 2);
    assert_string_equal(tags[1].name, "newest");
    assert_int_equal(tags[1].version, 4);
    lancelet_free(tags);
    uint64_t version;
    assert_ok(open_tag("b-2_x.y", &version), err);
    assert_int_equal(version, 2);
    assert_ok(lancelet_table_tag(t, "b-2_x.y", true, &err), err);
    assert_ok(open_tag("b-2_x.y", &version), err);
    assert_int_equal(version, 4);
    assert_ok(lancelet_tag_delete(table_path, "newest", &err), err);
    assert_int_equal(open_tag("newest", &version), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, "has no tag 'newest'"));
    assert_int_equal(lancelet_tag_delete(table_path, "newest", &err), LANCELET_NOT_FOUND);
    o.tag = "b-2_x.y";
    assert_int_equal(lancelet_table_open(table_path, &o, &t, &err), LANCELET_INVALID);
    lancelet_table_destroy(old);
    lancelet_table_destroy(t);
}

static void names_that_lancedb_would_not_take_are_invalid(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ".a", "a.", "a..b", "a.lock", "a/b", "../a", "a b", "a:b", "\xc3\xbc", "a\n"};
    lancelet_table *t = make(3);
    uint64_t version;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(lancelet_table_tag(t, bad[i], true, &err), LANCELET_INVALID);
        assert_int_equal(open_tag(bad[i], &version), LANCELET_NOT_FOUND);
        assert_int_equal(lancelet_tag_delete(table_path, bad[i], &err), LANCELET_NOT_FOUND);
    }
    char longest[300];
    memset(longest, 'a', sizeof longest);
    longest[299] = '\0';
    assert_int_equal(lancelet_table_tag(t, longest, true, &err), LANCELET_INVALID);
    lancelet_table_destroy(t);
}

static void a_version_that_is_gone_takes_no_tag(void **state)
{
    (void)state;
    lancelet_table *t = make(3);
    char *file = table_manifest_path(table_path, 1, true);
    assert_ok(base_file_remove(file, &err), err);
    base_free(file);
    assert_int_equal(lancelet_table_tag(t, "a", true, &err), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, "version 1 of"));
    lancelet_table_destroy(t);
}

static void a_tag_of_a_version_that_is_gone_says_so(void **state)
{
    (void)state;
    lancelet_table_destroy(make(3));
    put_text("_refs/tags/old.json", "{\"branch\":null,\"version\":77,\"manifestSize\":1,\"metadata\":{}}");
    uint64_t version;
    assert_int_equal(open_tag("old", &version), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, "the tag 'old'"));
    assert_non_null(strstr(err.text, "77"));
}

static void what_another_library_wrote_into_a_tag_survives_its_move(void **state)
{
    (void)state;
    lancelet_table *t = make(3);
    put_text("_refs/tags/a.json", "{ \"version\":7,\"createdAt\": \"2020-01-01T00:00:00Z\" , \"metadata\": {\"k\":"
                                  " [1, \"}\\\"\", {}, null]}, \"new\": [], \"branch\":null }\n");
    assert_ok(lancelet_table_tag(t, "a", true, &err), err);
    char *file = base_format("%s/_refs/tags/a.json", table_path);
    uint8_t *bytes;
    size_t n;
    assert_ok(base_file_read(file, 10000, &bytes, &n, &err), err);
    base_free(file);
    const char *text = (const char *)bytes;
    assert_non_null(strstr(text, "\"version\": 1,"));
    assert_non_null(strstr(text, "\"createdAt\": \"2020-01-01T00:00:00Z\","));
    assert_non_null(strstr(text, "\"metadata\": {\"k\": [1, \"}\\\"\", {}, null]}"));
    table_tag_file parsed;
    assert_ok(table_tag_parse(bytes, n, &parsed, &err), err);
    assert_int_equal(parsed.version, 1);
    base_free(bytes);
    lancelet_table_destroy(t);
}

static void a_tag_of_a_branch_is_refused_and_not_listed(void **state)
{
    (void)state;
    lancelet_table_destroy(make(3));
    put_text("_refs/tags/b.json", "{\"branch\":\"dev\",\"version\":1,\"manifestSize\":1,\"metadata\":{}}");
    put_text("_refs/tags/b.json.tmp-1", "{");
    lancelet_tag *tags;
    size_t n;
    assert_ok(lancelet_tags(table_path, &tags, &n, &err), err);
    assert_int_equal(n, 0);
    lancelet_free(tags);
    uint64_t version;
    assert_int_equal(open_tag("b", &version), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, "branch"));
}

static void a_file_that_is_no_tag_is_corrupt_and_can_be_tagged_over(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{}",
                                      "{\"version\":\"1\"}",
                                      "{\"version\":-1}",
                                      "{\"version\":1",
                                      "{\"version\":1}x",
                                      "{\"version\":1,}",
                                      "{\"version\" 1}",
                                      "{\"version\":18446744073709551616}",
                                      "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
                                      "{\"version\":1,\"a\":\"\xff\"}"};
    lancelet_table *t = make(3);
    lancelet_tag *tags;
    size_t n;
    uint64_t version;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_text("_refs/tags/a.json", bad[i]);
        assert_int_equal(open_tag("a", &version), LANCELET_CORRUPT);
        assert_non_null(strstr(err.text, "a.json"));
        assert_int_equal(lancelet_tags(table_path, &tags, &n, &err), LANCELET_CORRUPT);
    }
    assert_ok(lancelet_table_tag(t, "a", true, &err), err);
    assert_ok(open_tag("a", &version), err);
    lancelet_table_destroy(t);
}

/* ---- indexes ---- */

static void put_any(base_buffer *out, const char *type)
{
    base_buffer any = {0};
    assert_true(wire_put_string(&any, 1, type) && wire_put_bytes(&any, 2, "\x08\x01", 2) &&
                wire_put_bytes(out, 6, any.data, any.size));
    base_buffer_free(&any);
}

/* A segment of an index, as field 1 of an index section. */
static void put_segment(base_buffer *section, const char *name, uint64_t field, const char *type, uint64_t fragment)
{
    base_buffer message = {0}, bits = {0};
    table_bitmap *b;
    assert_ok(table_bitmap_create(2, &b, &err), err);
    table_bitmap_set(b, fragment);
    assert_true(table_roaring_write(b, &bits) && wire_put_packed(&message, 2, &field, 1) &&
                wire_put_string(&message, 3, name) && wire_put_bytes(&message, 5, bits.data, bits.size));
    put_any(&message, type);
    assert_true(wire_put_bytes(section, 1, message.data, message.size));
    table_bitmap_destroy(b);
    base_buffer_free(&bits);
    base_buffer_free(&message);
}

/* The table's manifest again as version 2, with an index section of these bytes in front. */
static lancelet_table *with_section(const lancelet_table *t, const base_buffer *section)
{
    base_buffer file = {0}, message = {0};
    assert_true(wire_put_little(&file, section->size, 4) && base_buffer_append(&file, section->data, section->size));
    size_t at = file.size;
    assert_true(base_buffer_append(&message, t->manifest.message.data, t->manifest.message.size) &&
                wire_put_varint(&message, 3, 9) && wire_put_varint(&message, 6, 0));
    assert_true(wire_put_little(&file, message.size, 4) && base_buffer_append(&file, message.data, message.size) &&
                wire_put_little(&file, at, 8) && base_buffer_append(&file, "\0\0\2\0LANC", 8));
    char *path = table_manifest_path(table_path, 9, true);
    assert_ok(base_file_replace(path, file.data, file.size, false, &err), err);
    base_free(path);
    base_buffer_free(&file);
    base_buffer_free(&message);
    return newest();
}

static void segments_of_one_name_are_one_index(void **state)
{
    (void)state;
    lancelet_table *t = make_four(), *u;
    base_buffer section = {0};
    put_segment(&section, "vectors", 2, "type.googleapis.com/lance.index.pb.VectorIndexDetails", 0);
    put_segment(&section, "ids", 0, "/lance.index.pb.BTreeIndexDetails", 1);
    put_segment(&section, "vectors", 2, "/lance.index.pb.VectorIndexDetails", 1);
    put_segment(&section, "gone", 99, "something else", 0);
    u = with_section(t, &section);
    lancelet_index *x;
    size_t n;
    assert_ok(lancelet_table_indices(u, &x, &n, &err), err);
    assert_int_equal(n, 3);
    assert_string_equal(x[0].name, "vectors");
    assert_string_equal(x[0].type, "VectorIndex");
    assert_int_equal(x[0].segments, 2);
    assert_int_equal(x[0].fragments, 2);
    assert_int_equal(x[0].n_columns, 1);
    assert_string_equal(x[0].column[0], "vector");
    assert_string_equal(x[1].name, "ids");
    assert_string_equal(x[1].type, "BTreeIndex");
    assert_int_equal(x[1].fragments, 1);
    assert_string_equal(x[1].column[0], "id");
    assert_string_equal(x[2].type, "");
    assert_string_equal(x[2].column[0], "");
    lancelet_free(x);
    lancelet_metric metric = LANCELET_DOT;
    assert_true(lancelet_table_index_metric(u, "vector", &metric) && metric == LANCELET_COSINE);
    assert_true(!lancelet_table_index_metric(u, "id", &metric) && !lancelet_table_index_metric(u, "none", &metric));
    for (uint64_t k = 1;; k++) {
        base_fault_fail_alloc(k);
        lancelet_status status = lancelet_table_indices(u, &x, &n, &err);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        if (status == LANCELET_OK)
            lancelet_free(x);
        else
            assert_int_equal(status, LANCELET_MEMORY);
        if (!fired)
            break;
    }
    base_buffer_free(&section);
    lancelet_table_destroy(u);
    lancelet_table_destroy(t);
}

static void a_damaged_list_of_fragments_names_its_index(void **state)
{
    (void)state;
    lancelet_table *t = make_four();
    base_buffer message = {0}, section = {0};
    assert_true(wire_put_string(&message, 3, "bad") && wire_put_bytes(&message, 5, "nonsense", 8) &&
                wire_put_bytes(&section, 1, message.data, message.size));
    lancelet_table *u = with_section(t, &section);
    lancelet_index *x;
    size_t n;
    assert_int_equal(lancelet_table_indices(u, &x, &n, &err), LANCELET_CORRUPT);
    assert_non_null(strstr(err.text, "the index 'bad'"));
    base_buffer_free(&message);
    base_buffer_free(&section);
    lancelet_table_destroy(u);
    lancelet_table_destroy(t);
}

/* ---- the check ---- */

typedef struct findings {
    size_t n;
    char file[8][300];
    lancelet_error what[8];
} findings;

static void keep(void *arg, const char *file, const lancelet_error *what)
{
    findings *f = arg;
    assert_true(f->n < 8);
    snprintf(f->file[f->n], sizeof f->file[0], "%s", file);
    f->what[f->n++] = *what;
}

static char *only_file(const char *folder, size_t index)
{
    base_names names;
    char *below = base_path_join(table_path, folder);
    assert_ok(base_dir_list(below, &names, &err), err);
    assert_true(index < names.n);
    char *file = base_path_join(below, names.name[index]);
    base_free(below);
    base_names_free(&names);
    return file;
}

static void a_whole_table_has_no_findings(void **state)
{
    (void)state;
    lancelet_table_destroy(make_four());
    findings f = {0};
    lancelet_verify_report r;
    assert_ok(lancelet_verify(table_path, keep, &f, NULL, &r, &err), err);
    assert_int_equal(f.n, 0);
    assert_int_equal(r.versions, 4);
    assert_int_equal(r.files, 4 + 4 + 2 + 1); /* manifests, transactions, data, deletions */
    assert_true(r.bytes > 1000);
    assert_int_equal(r.damaged, 0);
    assert_int_equal(r.unchecked, 0);
    assert_ok(lancelet_verify(table_path, NULL, NULL, NULL, NULL, &err), err);
}

/* Puts something else in place of a file and has it found, once, as `status`. */
static void assert_found(const char *folder, size_t index, const void *bytes, size_t n, lancelet_status status)
{
    char *file = only_file(folder, index);
    uint8_t *old;
    size_t n_old;
    assert_ok(base_file_read(file, 1 << 20, &old, &n_old, &err), err);
    if (bytes)
        assert_ok(base_file_replace(file, bytes, n, false, &err), err);
    else
        assert_ok(base_file_remove(file, &err), err);
    findings f = {0};
    lancelet_verify_report r;
    assert_ok(lancelet_verify(table_path, keep, &f, NULL, &r, &err), err);
    if (f.n != 1 || strcmp(f.file[0], file) != 0 || f.what[0].status != status)
        fail_msg("%zu findings for %s; the first is of %s: %s", f.n, file, f.file[0], f.what[0].text);
    assert_int_equal(r.damaged + r.unchecked, 1);
    assert_int_equal(r.unchecked, status == LANCELET_UNSUPPORTED);
    assert_ok(base_file_replace(file, old, n_old, false, &err), err);
    base_free(old);
    base_free(file);
}

static void damage_of_every_kind_is_found_where_it_is(void **state)
{
    (void)state;
    lancelet_table_destroy(make_four());
    assert_found("data", 0, NULL, 0, LANCELET_CORRUPT);
    assert_found("data", 1, "short", 5, LANCELET_CORRUPT);
    assert_found("_deletions", 0, NULL, 0, LANCELET_CORRUPT);
    assert_found("_deletions", 0, "nonsense", 8, LANCELET_CORRUPT);
    assert_found("_versions", 0, "", 0, LANCELET_CORRUPT); /* the newest */
    assert_found("_transactions", 1, "\xff\xff", 2, LANCELET_CORRUPT);
    base_buffer other = {0};
    assert_true(wire_put_bytes(&other, 200, "", 0));
    assert_found("_transactions", 1, other.data, other.size, LANCELET_UNSUPPORTED);
    base_buffer_free(&other);
}

static void a_page_that_cannot_be_decoded_is_found(void **state)
{
    (void)state;
    lancelet_table_destroy(make(2000));
    char *file = only_file("data", 0);
    uint8_t *bytes;
    size_t n;
    assert_ok(base_file_read(file, 1 << 20, &bytes, &n, &err), err);
    memset(bytes, 0xff, 4096); /* pages stand in front */
    assert_ok(base_file_replace(file, bytes, n, false, &err), err);
    findings f = {0};
    lancelet_verify_report r;
    assert_ok(lancelet_verify(table_path, keep, &f, NULL, &r, &err), err);
    assert_true(f.n >= 1 && r.damaged == f.n);
    assert_string_equal(f.file[0], file);
    assert_non_null(strstr(f.what[0].text, "the column '"));
    base_free(bytes);
    base_free(file);
}

static void a_check_can_be_cancelled(void **state)
{
    (void)state;
    lancelet_table_destroy(make(10));
    volatile int cancel = 1;
    assert_int_equal(lancelet_verify(table_path, NULL, NULL, &cancel, NULL, &err), LANCELET_CANCELLED);
}

/* ---- every n-th allocation and file call ---- */

static lancelet_status all_of_it(void)
{
    lancelet_version *v = NULL;
    lancelet_tag *tags = NULL;
    size_t n;
    uint64_t version;
    lancelet_verify_report r;
    lancelet_status status = lancelet_versions(table_path, SIZE_MAX, &v, &n, NULL, &err);
    if (status == LANCELET_OK)
        status = lancelet_tags(table_path, &tags, &n, &err);
    if (status == LANCELET_OK)
        status = open_tag("one", &version);
    if (status == LANCELET_OK)
        status = lancelet_verify(table_path, NULL, NULL, NULL, &r, &err);
    lancelet_free(v);
    lancelet_free(tags);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    lancelet_table *t = make_four();
    assert_ok(lancelet_table_tag(t, "one", true, &err), err);
    for (uint64_t n = 1;; n++) {
        base_fault_fail_alloc(n);
        lancelet_status status = lancelet_table_tag(t, n % 2 ? "one" : "two", false, &err);
        if (status == LANCELET_OK)
            status = all_of_it();
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        if (!fired) {
            assert_ok(status, err);
            break;
        }
        if (status != LANCELET_OK)
            assert_int_equal(status, LANCELET_MEMORY);
    }
    lancelet_table_destroy(t);
}

static void every_file_call_may_fail(void **state)
{
    (void)state;
    lancelet_table *t = make_four();
    assert_ok(lancelet_table_tag(t, "one", true, &err), err);
    for (uint64_t n = 1;; n++) {
        base_fault_fail_file(n, EIO);
        lancelet_status status = lancelet_table_tag(t, "one", false, &err);
        if (status == LANCELET_OK)
            status = all_of_it();
        bool fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        if (!fired) {
            assert_ok(status, err);
            break;
        }
        if (status != LANCELET_OK)
            assert_int_equal(status, LANCELET_IO);
        uint64_t version;
        assert_ok(open_tag("one", &version), err); /* the old tag or the new one, whole */
    }
    lancelet_table_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_is_told_with_what_made_it),
        cmocka_unit_test(a_limit_tells_of_the_newest_and_reads_no_other),
        cmocka_unit_test(a_broken_version_says_its_problem),
        cmocka_unit_test(no_table_has_no_versions_and_no_tags),
        cmocka_unit_test(a_tag_names_a_version_until_it_is_moved_or_deleted),
        cmocka_unit_test(names_that_lancedb_would_not_take_are_invalid),
        cmocka_unit_test(a_version_that_is_gone_takes_no_tag),
        cmocka_unit_test(a_tag_of_a_version_that_is_gone_says_so),
        cmocka_unit_test(what_another_library_wrote_into_a_tag_survives_its_move),
        cmocka_unit_test(a_tag_of_a_branch_is_refused_and_not_listed),
        cmocka_unit_test(a_file_that_is_no_tag_is_corrupt_and_can_be_tagged_over),
        cmocka_unit_test(segments_of_one_name_are_one_index),
        cmocka_unit_test(a_damaged_list_of_fragments_names_its_index),
        cmocka_unit_test(a_whole_table_has_no_findings),
        cmocka_unit_test(damage_of_every_kind_is_found_where_it_is),
        cmocka_unit_test(a_page_that_cannot_be_decoded_is_found),
        cmocka_unit_test(a_check_can_be_cancelled),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_file_call_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
