/* net_hub.c - what is read of a hub's answers: addresses, headers, listings, names; and the cache as a listing of its own. The
 * hub itself is in tests/peers/hub.py and net_hub_fetch.c. */
#include "support.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/hash.h"
#include "net/hub_internal.h"

static char scratch[4096]; /* absolute; fresh for each test */
static lancelet_error error;

static const char *at(const char *name)
{
    return path_in(scratch, name);
}

static int fresh(void **state)
{
    (void)state;
    static const char *const variables[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_ENDPOINT", "HF_TOKEN",
                                            "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
                                            "HF_HUB_DISABLE_IMPLICIT_TOKEN"};
    char *absolute = base_path_absolute(scratch_folder());
    snprintf(scratch, sizeof scratch, "%s", absolute);
    base_free(absolute);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("HF_HOME", at("hf"), 1);
    return 0;
}

static void write_file(const char *name, const char *text)
{
    char *folder = base_path_parent(at(name));
    assert_ok(base_dir_make(folder, &error), error);
    base_free(folder);
    assert_ok(base_file_replace(at(name), text, strlen(text), false, &error), error);
}

/* ---- addresses ---- */

static void an_address_is_of_http_or_https_with_a_host_and_no_user(void **state)
{
    (void)state;
    static const char *const good[] = {"https://huggingface.co", "http://127.0.0.1:8080/x?y=z#w", "HTTPS://H", "http://[::1]:80/",
                                       "http://h:65535"};
    static const char *const bad[] = {"", "huggingface.co", "ftp://h/", "file:///etc/passwd", "https://", "https:///x", "http://:80/",
                                      "https://huggingface.co@evil.example/", "http://h:0/", "http://h:65536/", "http://h:8x/", "http://h:/",
                                      "http://h/a b", "http://h/\x01", "http://h\\@evil/", "http://[::1/", "http://[::1]x/", "http://h/\xc3\xbc"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!hub_is_address(good[i]))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (hub_is_address(bad[i]))
            fail_msg("%s", bad[i]);
}

static void an_origin_is_scheme_host_and_port(void **state)
{
    (void)state;
    assert_true(hub_same_origin("https://huggingface.co", "https://HuggingFace.co:443/x"));
    assert_true(hub_same_origin("http://h/a", "http://h:80?b"));
    static const char *const others[] = {"http://huggingface.co/", "https://huggingface.co:444/", "https://huggingface.com/",
                                         "https://huggingface.c", "https://cdn.huggingface.co/", "https://evil.example/huggingface.co",
                                         "https://huggingface.co.evil.example/", "https://huggingface.co@evil.example/"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (hub_same_origin("https://huggingface.co", others[i]))
            fail_msg("%s", others[i]);
}

static void a_redirect_leads_where_rfc_3986_says(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"https://h/a/b?c", "https://cdn/x?sig=1", "https://cdn/x?sig=1"}, {"https://h/a/b?c", "//cdn/x", "https://cdn/x"},
        {"https://h:8/a/b?c", "/x/y", "https://h:8/x/y"},                  {"https://h/a/b?c", "x", "https://h/a/x"},
        {"https://h/a/b?c=/d", "?e", "https://h/a/b?e"},                   {"https://h", "x", "https://h/x"},
        {"http://h/a", "https://h/a", "https://h/a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *url = NULL;
        assert_ok(hub_address_join(cases[i][0], cases[i][1], &url, &error), error);
        assert_string_equal(url, cases[i][2]);
        base_free(url);
    }
}

static void a_redirect_never_leads_from_https_to_http_or_to_no_address(void **state)
{
    (void)state;
    char *url = NULL;
    assert_int_equal(hub_address_join("https://h/a", "http://h/a", &url, &error), LANCELET_INVALID);
    assert_string_equal(error.text, "the answer leads from https to 'http://h/a', which anyone could read");
    static const char *const bad[] = {"", "http://u@h/", "//", "/a b", "/\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(hub_address_join("https://h/a", bad[i], &url, &error), LANCELET_CORRUPT);
        assert_null(url);
    }
}

static void a_name_is_quoted_byte_by_byte(void **state)
{
    (void)state;
    char *path = hub_quote("data/\xc3\xbc b#?%.bin", true), *revision = hub_quote("refs/pr/1", false);
    assert_string_equal(path, "data/%C3%BC%20b%23%3F%25.bin");
    assert_string_equal(revision, "refs%2Fpr%2F1");
    base_free(path);
    base_free(revision);
}

static void the_next_page_is_the_one_with_rel_next(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"<https://h/2>; rel=\"next\"", "https://h/2"},
        {"<https://h/1>; rel=\"prev\", <https://h/3?a=1,2>; title=\"x;y,z\"; rel=next", "https://h/3?a=1,2"},
        {"<https://h/2>;rel=next;x", "https://h/2"},
        {"<https://h/2>; rel=\"prev\"", NULL},
        {"<https://h/2> rel=next", NULL},
        {"<https://h/2; rel=next", NULL},
        {"", NULL},
        {"<>;rel=next", ""},
        {"<a>; rel=\"next", "a"},
        {"<a>;;;=;rel=next", "a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *url = NULL;
        assert_ok(hub_next_page(cases[i][0], &url, &error), error);
        if (!cases[i][1] != !url || (url && strcmp(url, cases[i][1]) != 0))
            fail_msg("%s: %s", cases[i][0], url ? url : "none");
        base_free(url);
    }
}

static void a_content_range_is_read_strictly(void **state)
{
    (void)state;
    uint64_t first, last, total;
    assert_true(hub_content_range("bytes 10-99/100", &first, &last, &total));
    assert_true(first == 10 && last == 99 && total == 100);
    assert_true(hub_content_range("bytes 0-0/*", &first, &last, &total));
    assert_true(total == UINT64_MAX);
    static const char *const bad[] = {"", "bytes", "bytes 1-2", "bytes */100", "bytes 5-4/100", "bytes 0-100/100", "bytes -1-4/9",
                                      "bytes 1-2/3/4", "items 1-2/3", "bytes 1 -2/3", "bytes 1-99999999999999999999/3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (hub_content_range(bad[i], &first, &last, &total))
            fail_msg("%s", bad[i]);
}

/* ---- names ---- */

static void a_repository_is_named_as_huggingface_hub_names_it(void **state)
{
    (void)state;
    static const char *const cases[][5] = {
        /* text, data set, name, revision, rest */
        {"org/name", "", "org/name", NULL, NULL},
        {"squad", "", "squad", NULL, NULL},
        {"org/name@v1.0", "", "org/name", "v1.0", NULL},
        {"hf://datasets/org/name", "d", "org/name", NULL, NULL},
        {"hf://datasets/org/name/", "d", "org/name", NULL, NULL},
        {"hf://datasets/org/name/data/*.parquet", "d", "org/name", NULL, "data/*.parquet"},
        {"hf://datasets/org/name@main/a@b.jpg", "d", "org/name", "main", "a@b.jpg"},
        {"hf://datasets/org/name@refs/convert/parquet/x/0.parquet", "d", "org/name", "refs/convert/parquet", "x/0.parquet"},
        {"hf://datasets/org/name@refs%2Fpr%2F1/x", "d", "org/name", "refs/pr/1", "x"},
        {"hf://org/name/config.json", "", "org/name", NULL, "config.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hub_name n;
        assert_ok(hub_name_read(cases[i][0], &n, &error), error);
        assert_int_equal(n.repository.dataset, cases[i][1][0] == 'd');
        assert_string_equal(n.repository.name, cases[i][2]);
        assert_string_equal(n.repository.revision ? n.repository.revision : "-", cases[i][3] ? cases[i][3] : "-");
        assert_string_equal(n.rest ? n.rest : "-", cases[i][4] ? cases[i][4] : "-");
        hub_name_free(&n);
    }
}

static void what_is_no_name_of_a_repository_is_told_the_form(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "/", "a/b/c", "../x", "org/..", "a--b/c", "org/name@", "org/name@..", "hf://datasets/", "hf://",
                                      "org/na\nme", "hf://datasets/org/name@%2e%2e/x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hub_name n;
        if (hub_name_read(bad[i], &n, &error) != LANCELET_INVALID)
            fail_msg("%s", bad[i]);
        assert_non_null(strstr(error.text, "they look like ORG/NAME"));
    }
}

/* ---- listings ---- */

#define OID "0123456789012345678901234567890123456789"
#define SHA "0123456789012345678901234567890123456789012345678901234567890123"

static lancelet_status parse(const char *json, hub_files *f)
{
    size_t capacity = 0;
    *f = (hub_files){0};
    lancelet_status status = hub_parse_page(json, strlen(json), f, &capacity, &error);
    if (status == LANCELET_OK)
        status = hub_sort(f, &error);
    if (status != LANCELET_OK)
        hub_files_free(f);
    return status;
}

static void a_listing_has_sizes_and_hashes_of_large_and_small_files(void **state)
{
    (void)state;
    hub_files f;
    assert_ok(parse("[{\"type\":\"directory\",\"path\":\"d\",\"oid\":\"x\",\"size\":0},"
                    "{\"type\":\"file\",\"path\":\"d/large\",\"oid\":\"" OID "\",\"size\":130,\"lfs\":{\"oid\":\"" SHA "\",\"size\":9000000000,\"pointerSize\":134}},"
                    "{\"type\":\"file\",\"path\":\"d/a\",\"oid\":\"" OID "\",\"size\":7,\"more\":[]}]",
                    &f),
              error);
    assert_int_equal(f.n, 2);
    assert_string_equal(f.file[0].name, "d/a");
    assert_string_equal(f.file[0].hash, OID);
    assert_true(f.file[0].size == 7);
    assert_string_equal(f.file[1].hash, SHA);
    assert_true(f.file[1].size == UINT64_C(9000000000));
    hub_files_free(&f);
    assert_ok(parse("[]", &f), error);
    assert_int_equal(f.n, 0);
    hub_files_free(&f);
}

static void a_name_that_leads_out_of_its_folder_refuses_the_listing(void **state)
{
    (void)state;
    static const char *const bad[] = {"..", ".", "../x", "a/../b", "/a", "a/", "a//b", "", "a\\u0000b", "a\\u001bb", "a\\nb"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hub_files f;
        char *json = base_format("[{\"type\":\"file\",\"path\":\"%s\",\"oid\":\"" OID "\",\"size\":7}]", bad[i]);
        if (parse(json, &f) != LANCELET_CORRUPT)
            fail_msg("%s", bad[i]);
        base_free(json);
    }
    hub_files f;
    assert_ok(parse("[{\"type\":\"file\",\"path\":\".gitattributes\",\"oid\":\"" OID "\",\"size\":7},"
                    "{\"type\":\"file\",\"path\":\"a..b/...\",\"oid\":\"" OID "\",\"size\":7}]",
                    &f),
              error);
    hub_files_free(&f);
}

static void the_commit_is_forty_hexadecimal_digits(void **state)
{
    (void)state;
    char commit[65];
    static const char good[] = "{\"sha\":\"" OID "\",\"siblings\":[]}";
    assert_ok(hub_parse_info(good, strlen(good), commit, &error), error);
    assert_string_equal(commit, OID);
    static const char *const bad[] = {"", "null", "{\"sha\":null}", "{\"sha\":\"..\"}", "{\"sha\":\"" OID "a\"}", "{\"sha\":\"../" OID "\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(hub_parse_info(bad[i], strlen(bad[i]), commit, &error), LANCELET_CORRUPT);
}

static void hashes_are_those_of_sha256sum_and_sha1sum(void **state)
{
    (void)state;
    char hash[65];
    base_hasher *h = base_hasher_create(BASE_SHA1);
    base_hasher_update(h, "blob 0", 7); /* git's of an empty file */
    base_hasher_hex(h, hash);
    assert_string_equal(hash, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    base_hasher_destroy(h);
    h = base_hasher_create(BASE_SHA256);
    base_hasher_update(h, "hel", 3);
    base_hasher_update(h, "lo", 2);
    base_hasher_hex(h, hash);
    assert_string_equal(hash, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    base_hasher_destroy(h);
}

/* ---- the environment ---- */

static void the_environment_is_huggingface_hub_s(void **state)
{
    (void)state;
    hub_place p;
    assert_ok(hub_place_read(&p, &error), error);
    assert_string_equal(p.endpoint, "https://huggingface.co");
    assert_string_equal(p.host, "huggingface.co");
    assert_null(p.token);
    assert_false(p.offline);
    hub_place_free(&p);
    setenv("HF_ENDPOINT", "http://127.0.0.1:99//", 1);
    setenv("HF_HUB_OFFLINE", "Yes", 1);
    write_file("hf/token", "hf_abc\n");
    assert_ok(hub_place_read(&p, &error), error);
    assert_string_equal(p.endpoint, "http://127.0.0.1:99");
    assert_string_equal(p.token, "hf_abc");
    assert_string_equal(p.token_from, at("hf/token"));
    assert_true(p.offline);
    hub_place_free(&p);
    setenv("HF_TOKEN", "  hf_d ", 1);
    assert_ok(hub_place_read(&p, &error), error);
    assert_string_equal(p.token, "hf_d");
    hub_place_free(&p);
    setenv("HF_TOKEN", "hf_d\r\n", 1); /* as from $(cat) of a file of Windows */
    setenv("HF_ENDPOINT", "https://Mirror.example/hf/", 1);
    assert_ok(hub_place_read(&p, &error), error);
    assert_string_equal(p.token, "hf_d");
    assert_string_equal(p.endpoint, "https://Mirror.example/hf");
    assert_true(hub_same_origin(p.endpoint, "https://mirror.EXAMPLE:443/api"));
    hub_place_free(&p);
    static const char *const on[] = {"1", "true", "YES", "On"}, *const off[] = {"0", "false", "no", "2"};
    for (size_t i = 0; i < 4; i++) {
        setenv("HF_HUB_OFFLINE", on[i], 1);
        assert_ok(hub_place_read(&p, &error), error);
        assert_true(p.offline);
        hub_place_free(&p);
        setenv("HF_HUB_OFFLINE", off[i], 1);
        assert_ok(hub_place_read(&p, &error), error);
        assert_false(p.offline);
        hub_place_free(&p);
    }
    static const char *const no_endpoint[] = {"https://user:key@huggingface.co", "https://huggingface.co/?x=", "https://h\r\nX: y"};
    for (size_t i = 0; i < 3; i++) {
        setenv("HF_ENDPOINT", no_endpoint[i], 1);
        assert_int_equal(hub_place_read(&p, &error), LANCELET_INVALID);
    }
    unsetenv("HF_ENDPOINT");
    setenv("HF_TOKEN", "hf_d\r\nX: y", 1);
    assert_int_equal(hub_place_read(&p, &error), LANCELET_INVALID);
    unsetenv("HF_TOKEN");
    setenv("HF_ENDPOINT", "huggingface.co", 1);
    assert_int_equal(hub_place_read(&p, &error), LANCELET_INVALID);
    assert_string_equal(error.text, "HF_ENDPOINT is 'huggingface.co', which is no address that begins with https:// or http://");
}

/* ---- the cache as a listing ---- */

#define REPOSITORY "hf/hub/datasets--org--pics"

static void lay_out(void)
{
    write_file(REPOSITORY "/refs/main", OID);
    write_file(REPOSITORY "/blobs/x", "seven b");
    write_file(REPOSITORY "/snapshots/" OID "/README.md", "hello");
    write_file(REPOSITORY "/snapshots/" OID "/data/deep/b.txt", "b");
    assert_int_equal(symlink("../../../blobs/x", at(REPOSITORY "/snapshots/" OID "/data/a.bin")), 0);
    assert_int_equal(symlink("../../../blobs/gone", at(REPOSITORY "/snapshots/" OID "/data/gone.bin")), 0);
}

static void offline_a_snapshot_is_the_listing(void **state)
{
    (void)state;
    lay_out();
    const hub_repository r = {true, "org/pics", NULL};
    hub_files f;
    assert_ok(hub_list(&r, true, NULL, &f, &error), error);
    assert_string_equal(f.commit, OID);
    assert_int_equal(f.n, 3);
    assert_string_equal(f.file[0].name, "README.md");
    assert_string_equal(f.file[1].name, "data/a.bin");
    assert_true(f.file[1].size == 7 && f.file[1].cached);
    assert_string_equal(f.file[2].name, "data/deep/b.txt");
    char *folder = NULL;
    setenv("HF_HUB_OFFLINE", "1", 1);
    assert_ok(hub_fetch(&r, &f, NULL, 0, NULL, NULL, &folder, &error), error);
    assert_string_equal(folder, at(REPOSITORY "/snapshots/" OID));
    base_free(folder);
    hub_files_free(&f);
}

static void offline_what_is_not_cached_is_named(void **state)
{
    (void)state;
    const hub_repository r = {false, "org/pics", "v1"};
    hub_files f;
    char wanted[5000];
    snprintf(wanted, sizeof wanted, "model org/pics@v1 is not in the hub's cache (%s); fetch it: picask model pull org/pics",
             at("hf/hub/models--org--pics"));
    assert_int_equal(hub_list(&r, true, NULL, &f, &error), LANCELET_NOT_FOUND);
    assert_string_equal(error.text, wanted);
    const hub_repository pictures = {true, "org/pics", "v1"};
    snprintf(wanted, sizeof wanted,
             "data set org/pics@v1 is not in the hub's cache (%s), and HF_HUB_OFFLINE forbids to fetch it; without that: picask dataset "
             "pull org/pics@v1",
             at("hf/hub/datasets--org--pics"));
    setenv("HF_HUB_OFFLINE", "on", 1);
    assert_int_equal(hub_list(&pictures, false, NULL, &f, &error), LANCELET_NOT_FOUND);
    assert_string_equal(error.text, wanted);
}

static void a_cached_file_is_found_by_revision_and_commit(void **state)
{
    (void)state;
    lay_out();
    static const char *const revisions[] = {NULL, "main", OID};
    char *path = NULL;
    for (size_t i = 0; i < 3; i++) {
        const hub_repository r = {true, "org/pics", revisions[i]};
        assert_ok(hub_cached_file(&r, "data/a.bin", &path, &error), error);
        assert_string_equal(path, at(REPOSITORY "/snapshots/" OID "/data/a.bin"));
        base_free(path);
        assert_ok(hub_cached_file(&r, "data/gone.bin", &path, &error), error);
        assert_null(path);
        assert_int_equal(hub_cached_file(&r, "../../../blobs/x", &path, &error), LANCELET_INVALID);
    }
    const hub_repository other = {true, "org/pics", "v1"}, odd = {true, "org/pics", "../main"};
    assert_ok(hub_cached_file(&other, "data/a.bin", &path, &error), error);
    assert_null(path);
    assert_int_equal(hub_cached_file(&odd, "data/a.bin", &path, &error), LANCELET_INVALID);
}

/* ---- faults ---- */

static void each_failing_allocation_of_a_listing_is_told(void **state)
{
    (void)state;
    lay_out();
    write_file("hf/token", "hf_abc");
    const hub_repository r = {true, "org/pics", NULL};
    for (uint64_t n = 1;; n++) {
        hub_files f = {0}, page = {0};
        hub_name name = {0};
        size_t capacity = 0;
        char *path = NULL, *url = NULL, *next = NULL;
        static const char json[] = "[{\"type\":\"file\",\"path\":\"a\",\"oid\":\"" OID "\",\"size\":7}]";
        base_fault_fail_alloc(n);
        lancelet_status status = hub_list(&r, true, NULL, &f, &error);
        if (status == LANCELET_OK)
            status = hub_cached_file(&r, "README.md", &path, &error);
        if (status == LANCELET_OK)
            status = hub_parse_page(json, strlen(json), &page, &capacity, &error);
        if (status == LANCELET_OK)
            status = hub_name_read("hf://datasets/org/name", &name, &error);
        if (status == LANCELET_OK)
            status = hub_address_join("https://h/a", "/b", &url, &error);
        if (status == LANCELET_OK)
            status = hub_next_page("<a>;rel=next", &next, &error);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        assert_int_equal(status, fired ? LANCELET_MEMORY : LANCELET_OK);
        hub_files_free(&f);
        hub_files_free(&page);
        hub_name_free(&name);
        base_free(path);
        base_free(url);
        base_free(next);
        if (!fired)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_of_http_or_https_with_a_host_and_no_user),
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
        cmocka_unit_test(a_redirect_leads_where_rfc_3986_says),
        cmocka_unit_test(a_redirect_never_leads_from_https_to_http_or_to_no_address),
        cmocka_unit_test(a_name_is_quoted_byte_by_byte),
        cmocka_unit_test(the_next_page_is_the_one_with_rel_next),
        cmocka_unit_test(a_content_range_is_read_strictly),
        cmocka_unit_test(a_repository_is_named_as_huggingface_hub_names_it),
        cmocka_unit_test(what_is_no_name_of_a_repository_is_told_the_form),
        cmocka_unit_test(a_listing_has_sizes_and_hashes_of_large_and_small_files),
        cmocka_unit_test(a_name_that_leads_out_of_its_folder_refuses_the_listing),
        cmocka_unit_test(the_commit_is_forty_hexadecimal_digits),
        cmocka_unit_test(hashes_are_those_of_sha256sum_and_sha1sum),
        cmocka_unit_test_setup(the_environment_is_huggingface_hub_s, fresh),
        cmocka_unit_test_setup(offline_a_snapshot_is_the_listing, fresh),
        cmocka_unit_test_setup(offline_what_is_not_cached_is_named, fresh),
        cmocka_unit_test_setup(a_cached_file_is_found_by_revision_and_commit, fresh),
        cmocka_unit_test_setup(each_failing_allocation_of_a_listing_is_told, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
