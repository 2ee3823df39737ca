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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_utf8_path_is_its_own_uri),
        cmocka_unit_test(another_path_is_percent_encoded),
        cmocka_unit_test(file_uris_of_three_forms_are_paths),
        cmocka_unit_test(other_schemes_and_bad_escapes_are_no_path),
        cmocka_unit_test(a_picture_is_read_by_path_and_by_uri),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
