/* source_parquet_items.c - rows of Parquet files as items. tests/golden/make_parquet_items.py wrote the files. */
#include "support.h"

#include "base/fault.h"
#include "base/file.h"
#include "source/source.h"

#define FILES FIXTURES "/parquet_items/"

static char noted[8192]; /* all notes, each with its level before and a newline behind it */

static void note(void *arg, int level, const char *sentence)
{
    (void)arg;
    size_t n = strlen(noted);
    snprintf(noted + n, sizeof noted - n, "%d %s\n", level, sentence);
}

static source *open_file(const char *name, const source_options *given)
{
    source_options o = {.struct_size = sizeof o, .note = note};
    source *s = NULL;
    char path[512];
    lancelet_error err;
    if (given)
        o = *given;
    noted[0] = 0;
    snprintf(path, sizeof path, FILES "%s", name);
    assert_ok(source_open(path, &o, &s, &err), err);
    return s;
}

static lancelet_status open_status(const char *name, const source_options *o, lancelet_error *err)
{
    source *s = NULL;
    char path[512];
    snprintf(path, sizeof path, FILES "%s", name);
    lancelet_status status = source_open(path, o, &s, err);
    source_close(s);
    return status;
}

static source_item next_item(source *s)
{
    source_item item;
    bool done;
    lancelet_error err;
    assert_ok(source_next(s, &item, &done, &err), err);
    assert_false(done);
    return item;
}

/* "caption|caption|-|": of all items; those with a problem in brackets. */
static const char *captions(const char *name, const source_options *o)
{
    static char text[2048];
    source *s = open_file(name, o);
    source_item item;
    bool done;
    lancelet_error err;
    text[0] = 0;
    for (uint64_t left = source_remaining(s);; left--) {
        size_t n = strlen(text);
        assert_int_equal(source_remaining(s), left);
        assert_ok(source_next(s, &item, &done, &err), err);
        if (done)
            break;
        if (item.problem)
            snprintf(text + n, sizeof text - n, "(%s)|", item.problem);
        else
            snprintf(text + n, sizeof text - n, "%s|", item.caption ? item.caption : "-");
        source_item_free(&item);
    }
    source_close(s);
    return text;
}

static size_t column(const source *s, const char *name, const char *format)
{
    const source_column *c;
    size_t n = source_columns(s, &c);
    for (size_t i = 0; i < n; i++)
        if (strcmp(c[i].name, name) == 0) {
            assert_string_equal(c[i].format, format);
            return i;
        }
    fail_msg("no column %s", name);
    return 0;
}

static bool is_beside(const uint8_t *png, size_t n)
{
    uint8_t *bytes;
    size_t size;
    lancelet_error err;
    char path[512];
    snprintf(path, sizeof path, FILES "beside.png");
    assert_ok(base_file_read(path, 1 << 16, &bytes, &size, &err), err);
    bool same = size == n && memcmp(bytes, png, n) == 0;
    base_free(bytes);
    return same;
}

static void an_item_is_a_row_with_its_own_bytes_and_uri(void **state)
{
    (void)state;
    source *s = open_file("features.parquet", NULL);
    for (int i = 0; i < 5; i++) {
        source_item item = next_item(s);
        char end[64];
        snprintf(end, sizeof end, "/" FILES "features.parquet#row=%d", i);
        assert_non_null(strstr(item.uri, end));
        assert_true(item.n_bytes > 60 && memcmp(item.bytes, "\x89PNG", 4) == 0);
        assert_int_equal(item.size, item.n_bytes);
        assert_true(item.no_file && !item.is_frame && item.modified_us > 0);
        source_item_free(&item);
    }
    source_close(s);
}

static void features_say_which_column_is_the_picture(void **state)
{
    uint8_t *first, *second;
    size_t n_first, n_second;
    lancelet_error err;
    (void)state;
    source_options o = {.struct_size = sizeof o, .image_column = "thumb"};
    source *s = open_file("features.parquet", NULL), *t = open_file("features.parquet", &o);
    source_item a = next_item(s), b = next_item(t);
    assert_false(a.n_bytes == b.n_bytes && memcmp(a.bytes, b.bytes, a.n_bytes) == 0);
    assert_ok(source_read(a.uri, 1 << 20, &first, &n_first, &err), err);
    assert_true(n_first == a.n_bytes && memcmp(first, a.bytes, n_first) == 0);
    base_free(first);
    char *later = base_format("%.*s4", (int)strlen(a.uri) - 1, a.uri);
    assert_ok(source_read(later, 1 << 20, &second, &n_second, &err), err);
    assert_false(n_second == a.n_bytes && memcmp(second, a.bytes, n_second) == 0);
    base_free(second);
    base_free(later);
    source_item_free(&a);
    source_item_free(&b);
    source_close(s);
    source_close(t);
}

static void the_caption_is_the_column_named_text_or_the_one_asked_for(void **state)
{
    (void)state;
    assert_string_equal(captions("features.parquet", NULL), "one|two\nlines|-|-|f\xC3\xBCnf|");
    source_options o = {.struct_size = sizeof o, .text_column = "title"};
    assert_string_equal(captions("features.parquet", &o), "a|b|c|d|e|");
    o.text_column = "label";
    assert_string_equal(captions("features.parquet", &o), "cat|dog|-|dog|cat|");
}

static void names_of_labels_are_the_captions_where_there_is_no_text(void **state)
{
    (void)state;
    assert_string_equal(captions("labels.parquet", NULL), "cat|dog|-|-|dog|");
    source *s = open_file("labels.parquet", NULL);
    size_t label = column(s, "label", "l");
    source_item item = next_item(s);
    source_item_free(&item);
    item = next_item(s);
    assert_int_equal(item.values[label].i, 1);
    source_item_free(&item);
    source_close(s);
}

static void further_columns_keep_their_types(void **state)
{
    (void)state;
    source *s = open_file("types.parquet", NULL);
    source_item item = next_item(s);
    const source_value *v = item.values;
    const source_column *all;
    assert_int_equal(v[column(s, "b", "b")].i, 1);
    assert_int_equal(v[column(s, "i8", "c")].i, -1);
    assert_int_equal(v[column(s, "u8", "C")].i, 255);
    assert_int_equal(v[column(s, "i16", "s")].i, -2);
    assert_int_equal(v[column(s, "u16", "S")].i, 65535);
    assert_int_equal(v[column(s, "i32", "i")].i, -3);
    assert_int_equal(v[column(s, "u32", "I")].i, 4294967295);
    assert_int_equal(v[column(s, "i64", "l")].i, -4);
    assert_int_equal((uint64_t)v[column(s, "u64", "L")].i, UINT64_MAX);
    assert_true(v[column(s, "f", "f")].d == 1.5 && v[column(s, "g", "g")].d == 2.25);
    assert_memory_equal(v[column(s, "s", "u")].s, "text", 4);
    assert_int_equal(v[column(s, "z", "z")].n, 2);
    assert_memory_equal(v[column(s, "z", "z")].s, "\0\1", 2);
    assert_memory_equal(v[column(s, "w", "w:4")].s, "abcd", 4);
    assert_int_equal(v[column(s, "d", "d:9,2")].n, 16);
    assert_memory_equal(v[column(s, "d", "d:9,2")].s, "\xD2\4\0\0", 4); /* 1234 */
    assert_int_equal(v[column(s, "day", "tdD")].i, 20513);
    assert_int_equal(v[column(s, "t", "ttu")].i, 3723000000);
    assert_int_equal(v[column(s, "ts", "tsu:UTC")].i, 20513 * INT64_C(86400000000));
    source_item_free(&item);
    item = next_item(s);
    for (size_t i = 0; i < source_columns(s, &all); i++)
        assert_true(item.values[i].null);
    source_item_free(&item);
    source_close(s);
    assert_non_null(strstr(noted, "1 column 'list' of "));
    assert_non_null(strstr(noted, "1 column 'more' of "));
}

static void a_row_without_a_picture_is_named(void **state)
{
    (void)state;
    assert_string_equal(captions("holes.parquet", NULL), "0|(row 1 has no picture)|(row 2 has no picture)|3|"
                                                         "(the picture that row 4 names is not there: absent.png)|");
}

static void a_row_may_name_a_file_beside_the_parquet_file(void **state)
{
    uint8_t *bytes;
    size_t n;
    lancelet_error err;
    (void)state;
    source *s = open_file("holes.parquet", NULL);
    for (int i = 0; i < 3; i++) {
        source_item item = next_item(s);
        source_item_free(&item);
    }
    source_item item = next_item(s);
    assert_true(is_beside(item.bytes, item.n_bytes));
    assert_false(item.no_file);
    assert_ok(source_read(item.uri, 1 << 20, &bytes, &n, &err), err);
    assert_true(is_beside(bytes, n));
    base_free(bytes);
    assert_int_equal(source_read(item.uri, 10, &bytes, &n, &err), LANCELET_LIMIT);
    source_item_free(&item);
    source_close(s);
    assert_string_equal(captions("paths.parquet", NULL), "A|(row 1 names no file: https://example.org/x.png)|"
                                                         "(row 2 has no picture)|");
}

static void a_file_without_pictures_names_its_columns(void **state)
{
    lancelet_error err;
    (void)state;
    assert_int_equal(open_status("numbers.parquet", NULL, &err), LANCELET_INVALID);
    assert_non_null(strstr(err.text, "numbers.parquet has no column with pictures that picask knows; name one with "
                                     "--image-column (columns: x, name)"));
    const source_options picture = {.struct_size = sizeof picture, .image_column = "nothing"},
                         member = {.struct_size = sizeof member, .image_column = "photo.bytes"},
                         text = {.struct_size = sizeof text, .text_column = "photo"};
    assert_int_equal(open_status("features.parquet", &picture, &err), LANCELET_INVALID);
    assert_non_null(strstr(err.text, "has no column 'nothing' with pictures; its columns: title, text, thumb, photo, label"));
    assert_int_equal(open_status("features.parquet", &text, &err), LANCELET_INVALID);
    assert_ok(open_status("features.parquet", &member, &err), err);
}

static void files_of_a_folder_share_their_columns(void **state)
{
    source_item item;
    bool done;
    lancelet_error err;
    (void)state;
    source *s = open_file("", NULL);
    size_t i32 = column(s, "i32", "u"), extra = column(s, "extra", "l"), label = column(s, "label", "l"), n = 0, rows = 0;
    const source_column *all;
    assert_true(source_columns(s, &all) > 18);
    assert_non_null(strstr(noted, "types.parquet is left out: an earlier file has it with another type"));
    assert_non_null(strstr(noted, "0 ")); /* for everybody: */
    assert_non_null(strstr(noted, "numbers.parquet has no column with pictures"));
    for (;; n++) {
        assert_ok(source_next(s, &item, &done, &err), err);
        if (done)
            break;
        rows += strstr(item.uri, "#row=") != NULL;
        if (strstr(item.uri, "types.parquet#row=0"))
            assert_true(item.values[i32].null && item.values[extra].null && item.values[label].null);
        if (strstr(item.uri, "labels.parquet#row=0"))
            assert_true(!item.values[label].null && item.values[extra].null);
        if (strstr(item.uri, "paths.parquet#row=2"))
            assert_int_equal(item.values[extra].i, 3);
        source_item_free(&item);
    }
    assert_int_equal(rows, 5 + 5 + 2 + 5 + 3);
    assert_int_equal(n, rows + 1); /* beside.png */
    source_close(s);
}

static void a_broken_file_is_one_item_of_a_folder(void **state)
{
    char folder[4096], path[4200];
    lancelet_error err;
    source_item item;
    bool done;
    source *s;
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder());
    snprintf(path, sizeof path, "%s/b.parquet", folder);
    assert_ok(base_file_replace(path, "PAR1 and no more", 16, false, &err), err);
    assert_int_equal(source_open(path, NULL, &s, &err), LANCELET_CORRUPT);
    snprintf(path, sizeof path, "%s/a.parquet", folder);
    assert_ok(base_file_copy(FILES "labels.parquet", path, &err), err);
    snprintf(path, sizeof path, "%s/c.png", folder);
    assert_ok(base_file_copy(FILES "beside.png", path, &err), err);
    assert_ok(source_open(folder, NULL, &s, &err), err);
    assert_int_equal(source_remaining(s), 7);
    for (int i = 0; i < 5; i++) {
        item = next_item(s);
        assert_null(item.problem);
        source_item_free(&item);
    }
    item = next_item(s);
    assert_non_null(strstr(item.uri, "/b.parquet"));
    assert_non_null(item.problem);
    assert_int_equal(item.problem_status, LANCELET_CORRUPT);
    source_item_free(&item);
    item = next_item(s);
    assert_non_null(strstr(item.uri, "/c.png"));
    assert_null(item.bytes);
    source_item_free(&item);
    assert_ok(source_next(s, &item, &done, &err), err);
    assert_true(done);
    source_close(s);
}

static void a_row_that_is_not_there_is_not_found(void **state)
{
    uint8_t *bytes;
    size_t n;
    lancelet_error err;
    (void)state;
    assert_int_equal(source_read(FILES "labels.parquet#row=5", 1 << 20, &bytes, &n, &err), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, "has no row 5, it has 5"));
    assert_int_equal(source_read(FILES "labels.parquet#row=2", 10, &bytes, &n, &err), LANCELET_LIMIT);
    assert_int_equal(source_read(FILES "absent.parquet#row=2", 10, &bytes, &n, &err), LANCELET_NOT_FOUND);
}

static lancelet_status read_all(lancelet_error *err)
{
    source *s;
    RETURN_IF_ERROR(source_open(FILES "holes.parquet", NULL, &s, err));
    for (bool done = false; !done;) {
        source_item item;
        lancelet_status status = source_next(s, &item, &done, err);
        if (status != LANCELET_OK) {
            source_close(s);
            return status;
        }
        source_item_free(&item);
    }
    source_close(s);
    uint8_t *bytes;
    size_t n;
    RETURN_IF_ERROR(source_read(FILES "types.parquet#row=1", 1 << 20, &bytes, &n, err));
    base_free(bytes);
    return LANCELET_OK;
}

static void memory_may_run_out_at_any_allocation(void **state)
{
    lancelet_error err;
    int n = 1;
    (void)state;
    for (;; n++) {
        base_fault_fail_alloc((uint64_t)n);
        lancelet_status status = read_all(&err);
        bool failed = base_fault_fired();
        base_fault_fail_alloc(0);
        if (!failed) {
            assert_ok(status, err);
            break;
        }
        if (status != LANCELET_MEMORY && status != LANCELET_OK)
            fail_msg("allocation %d: status %d: %s", n, (int)status, err.text);
    }
    assert_true(n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_a_row_with_its_own_bytes_and_uri),
        cmocka_unit_test(features_say_which_column_is_the_picture),
        cmocka_unit_test(the_caption_is_the_column_named_text_or_the_one_asked_for),
        cmocka_unit_test(names_of_labels_are_the_captions_where_there_is_no_text),
        cmocka_unit_test(further_columns_keep_their_types),
        cmocka_unit_test(a_row_without_a_picture_is_named),
        cmocka_unit_test(a_row_may_name_a_file_beside_the_parquet_file),
        cmocka_unit_test(a_file_without_pictures_names_its_columns),
        cmocka_unit_test(files_of_a_folder_share_their_columns),
        cmocka_unit_test(a_broken_file_is_one_item_of_a_folder),
        cmocka_unit_test(a_row_that_is_not_there_is_not_found),
        cmocka_unit_test(memory_may_run_out_at_any_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
