/* source_uri.c - uri and path, and a picture's bytes by its uri. */
#include "support.h"

#include "base/file.h"
#include "source/source.h"

static void expect_uri(const char *path, const char *uri)
{
    char *got = source_uri_from_path(path);
    assert_string_equal(got, uri);
    char *back = source_path_from_uri(got);
    assert_string_equal(back, path);
    base_free(got);
    base_free(back);
}

static void a_utf8_path_is_its_own_uri(void **state)
{
    (void)state;
    expect_uri("/a b/ü%20#?.jpg", "/a b/ü%20#?.jpg");
    expect_uri("/new\nline.jpg", "/new\nline.jpg");
}

static void another_path_is_percent_encoded(void **state)
{
    (void)state;
    expect_uri("/x\xff/a b~-._%.jpg", "file:///x%FF/a%20b~-._%25.jpg");
    expect_uri("/\xed\xa0\x80\n", "file:///%ED%A0%80%0A");
}

static void file_uris_of_three_forms_are_paths(void **state)
{
    (void)state;
    const char *const forms[] = {"file:///a%20b", "file://localhost/a%20b", "file:/a%20b", "FILE:///a%20b"};
    for (size_t i = 0; i < 4; i++) {
        char *path = source_path_from_uri(forms[i]);
        assert_string_equal(path, "/a b");
        base_free(path);
    }
}

static void other_schemes_and_bad_escapes_are_no_path(void **state)
{
    (void)state;
    const char *const bad[] = {"https://x/a.jpg", "file://host/a", "file:///a%0", "file:///a%zz", "file:///a%00b",
                               "file:///a%",      "hf://datasets/a", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(source_path_from_uri(bad[i]));
}

static void a_picture_is_read_by_path_and_by_uri(void **state)
{
    (void)state;
    lancelet_error err;
    char path[4200], uri[4300];
    const char *folder = scratch_folder();
    snprintf(path, sizeof path, "%s/a b\xfe.jpg", folder);
    assert_ok(base_file_replace(path, "pixels", 6, false, &err), err);
    char *absolute = base_path_absolute(path);
    char *encoded = source_uri_from_path(absolute);
    snprintf(uri, sizeof uri, "%s", encoded);
    base_free(encoded);
    const char *const names[] = {path, absolute, uri};
    for (size_t i = 0; i < 3; i++) {
        uint8_t *bytes;
        size_t n;
        assert_ok(source_read(names[i], 100, &bytes, &n, &err), err);
        assert_int_equal(n, 6);
        assert_memory_equal(bytes, "pixels", 6);
        base_free(bytes);
    }
    uint8_t *bytes;
    size_t n;
    assert_int_equal(source_read(uri, 5, &bytes, &n, &err), LANCELET_LIMIT);
    assert_int_equal(source_read("/not/there.jpg", 5, &bytes, &n, &err), LANCELET_NOT_FOUND);
    assert_int_equal(source_read("https://x/a.jpg", 5, &bytes, &n, &err), LANCELET_INVALID);
    assert_string_equal(err.text, "'https://x/a.jpg' is no path and no file:/// address");
    base_free(absolute);
}

static void expect_part(const char *uri, size_t length, const char *fragment)
{
    size_t got;
    const char *at;
    assert_true(source_uri_split(uri, &got, &at));
    assert_int_equal(got, length);
    assert_string_equal(at, fragment);
    assert_null(source_path_from_uri(uri));
}

static void a_row_and_a_time_behind_a_containers_ending_are_parts(void **state)
{
    (void)state;
    expect_part("/x/a.parquet#row=0", 12, "row=0");
    expect_part("/x/a.PARQUET#row=123", 12, "row=123");
    expect_part("/x/a.b#c.mp4#t=83.200", 12, "t=83.200");
    expect_part("file:///x/%FF.mov#t=0.000", 17, "t=0.000");
    expect_part("hf://datasets/a/b@main/c.parquet#row=5", 32, "row=5");
}

static void every_other_name_with_a_number_sign_is_a_file(void **state)
{
    (void)state;
    const char *const names[] = {"/a.mp4#t=1.jpg", "/a.mp4#t=1.0",  "/a.mp4#t=.000",    "/a.mp4#t=1.0000",    "/a.mp4#row=1",
                                 "/a.parquet#t=1.000", "/a.jpg#t=1.000", "/a.parquet#row=", "/a.parquet#row=-1", "/.mp4#t=1.000",
                                 "/a.parquet#row=1234567890123456789", "/a.mp4#t=1.000#", "/mp4#t=1.000", "/a.parquet/#row=1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        const char *fragment;
        assert_false(source_uri_split(names[i], &n, &fragment));
        assert_int_equal(n, strlen(names[i]));
        assert_null(fragment);
        char *path = source_path_from_uri(names[i]);
        assert_string_equal(path, names[i]);
        base_free(path);
    }
}

static void the_file_of_a_uri_is_the_pictures_or_the_containers(void **state)
{
    (void)state;
    const char *const uri[] = {"/a.jpg", "/a.mp4#t=1.000", "file:///b%20c.parquet#row=2", "file:///d%23", "https://x/y.jpg", "hf://x"};
    const char *const file[] = {"/a.jpg", "/a.mp4", "/b c.parquet", "/d#", NULL, NULL};
    for (size_t i = 0; i < sizeof uri / sizeof *uri; i++) {
        char *path;
        lancelet_error err;
        assert_ok(source_uri_file(uri[i], &path, &err), err);
        if (file[i])
            assert_string_equal(path, file[i]);
        else
            assert_null(path);
        base_free(path);
    }
}

static void a_file_of_the_hub_is_that_in_its_cache(void **state)
{
    (void)state;
    char *home = base_path_absolute(scratch_folder()), path[4400], blob[4500];
    lancelet_error err;
    setenv("HF_HUB_CACHE", home, 1);
    const char *commit = "0123456789012345678901234567890123456789";
    snprintf(path, sizeof path, "%s/datasets--o--n/snapshots/%s/data", home, commit);
    assert_ok(base_dir_make(path, &err), err);
    snprintf(blob, sizeof blob, "%s/a.jpg", path);
    assert_ok(base_file_replace(blob, "pixels", 6, false, &err), err);
    snprintf(path, sizeof path, "%s/datasets--o--n/refs", home);
    assert_ok(base_dir_make(path, &err), err);
    snprintf(path, sizeof path, "%s/datasets--o--n/refs/main", home);
    assert_ok(base_file_replace(path, commit, 40, false, &err), err);
    char *got;
    assert_ok(source_uri_file("hf://datasets/o/n@main/data/a.jpg", &got, &err), err);
    assert_string_equal(got, blob);
    base_free(got);
    uint8_t *bytes;
    size_t n;
    assert_ok(source_read("hf://datasets/o/n@main/data/a.jpg", 100, &bytes, &n, &err), err);
    assert_int_equal(n, 6);
    base_free(bytes);
    assert_int_equal(source_read("hf://datasets/o/n@main/data/b.jpg", 100, &bytes, &n, &err), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, "picask dataset pull o/n"));
    unsetenv("HF_HUB_CACHE");
    base_free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_utf8_path_is_its_own_uri),
        cmocka_unit_test(another_path_is_percent_encoded),
        cmocka_unit_test(file_uris_of_three_forms_are_paths),
        cmocka_unit_test(other_schemes_and_bad_escapes_are_no_path),
        cmocka_unit_test(a_picture_is_read_by_path_and_by_uri),
        cmocka_unit_test(a_row_and_a_time_behind_a_containers_ending_are_parts),
        cmocka_unit_test(every_other_name_with_a_number_sign_is_a_file),
        cmocka_unit_test(the_file_of_a_uri_is_the_pictures_or_the_containers),
        cmocka_unit_test(a_file_of_the_hub_is_that_in_its_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
