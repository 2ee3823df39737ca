/* net_hub_fetch.c - fetching with each allocation and each file call failing in turn, against a server of a few lines on this
 * machine: what is told, and that the next pull finds nothing in its way. The module http must be built beside the tests. */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/hash.h"
#include "net/hub_internal.h"

static char scratch[4096]; /* absolute; fresh for each test */
static lancelet_error error;

#define COMMIT "0123456789012345678901234567890123456789"

enum { LARGE = 300000 };
static char large[LARGE];
static const char small[] = "# pictures\n";
static char tree[1024], info[128];

/* ---- the server: one thread a connection, one request a connection ---- */

static int listening = -1;

static void put(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, bytes, n, MSG_NOSIGNAL);
        if (done <= 0)
            return;
        bytes += done;
        n -= (size_t)done;
    }
}

static void answer(int fd, const char *status, const char *headers, const char *body, size_t n)
{
    char head[1024];
    int length = snprintf(head, sizeof head, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n", status, headers, n);
    put(fd, head, (size_t)length);
    put(fd, body, n);
}

static void serve(int fd, const char *request)
{
    const char *range = strstr(request, "Range: bytes=");
    char headers[256];
    if (strstr(request, "/revision/main ")) {
        answer(fd, "200 OK", "", info, strlen(info));
    } else if (strstr(request, "/tree/")) {
        answer(fd, "200 OK", "", tree, strlen(tree));
    } else if (strstr(request, "/resolve/" COMMIT "/README.md ")) {
        answer(fd, "307 Temporary Redirect", "Location: /cache/README.md\r\n", "", 0);
    } else if (strstr(request, "/cache/README.md ")) {
        answer(fd, "200 OK", "", small, strlen(small));
    } else if (strstr(request, "/large.bin ") && range) {
        size_t first = strtoul(range + strlen("Range: bytes="), NULL, 10);
        snprintf(headers, sizeof headers, "Content-Range: bytes %zu-%d/%d\r\n", first, LARGE - 1, LARGE);
        answer(fd, "206 Partial Content", headers, large + first, LARGE - first);
    } else if (strstr(request, "/large.bin ")) {
        answer(fd, "200 OK", "", large, LARGE);
    } else {
        answer(fd, "404 Not Found", "", "", 0);
    }
}

static void *one_connection(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char request[8192];
    size_t n = 0;
    request[0] = '\0';
    while (n + 1 < sizeof request && !strstr(request, "\r\n\r\n")) {
        ssize_t got = recv(fd, request + n, sizeof request - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        request[n] = '\0';
    }
    if (strstr(request, "\r\n\r\n"))
        serve(fd, request);
    shutdown(fd, SHUT_WR);
    close(fd);
    return NULL;
}

static void *server(void *arg)
{
    (void)arg;
    for (;;) {
        pthread_t thread;
        int fd = accept(listening, NULL, NULL);
        if (fd >= 0 && pthread_create(&thread, NULL, one_connection, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
        else if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
            return NULL;
    }
}

static int start(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    pthread_t thread;
    char url[64], sha256[65], sha1[65];
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i * 2654435761u >> 13);
    base_sha256_hex(large, LARGE, sha256);
    base_hasher *h = base_hasher_create(BASE_SHA1);
    char head[32];
    base_hasher_update(h, head, (size_t)snprintf(head, sizeof head, "blob %zu", strlen(small)) + 1);
    base_hasher_update(h, small, strlen(small));
    base_hasher_hex(h, sha1);
    base_hasher_destroy(h);
    snprintf(info, sizeof info, "{\"sha\":\"" COMMIT "\"}");
    snprintf(tree, sizeof tree,
             "[{\"type\":\"file\",\"path\":\"README.md\",\"oid\":\"%s\",\"size\":%zu},{\"type\":\"file\",\"path\":\"data/large.bin\",\"oid\":\"%s\","
             "\"size\":130,\"lfs\":{\"oid\":\"%s\",\"size\":%d,\"pointerSize\":130}}]",
             sha1, strlen(small), sha1, sha256, LARGE);
    listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listening, 64), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &length), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    setenv("HF_ENDPOINT", url, 1);
    setenv("no_proxy", "127.0.0.1", 1);
    return pthread_create(&thread, NULL, server, NULL);
}

static const char *at(const char *name)
{
    return path_in(scratch, name);
}

static int fresh(void **state)
{
    (void)state;
    static const char *const variables[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH",
                                            "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"};
    char *absolute = base_path_absolute(scratch_folder());
    snprintf(scratch, sizeof scratch, "%s", absolute);
    base_free(absolute);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("HF_HOME", at("hf"), 1);
    return 0;
}

/* ---- fetching ---- */

static const hub_repository repository = {true, "org/pics", NULL};

static void need_module(void)
{
    if (!base_module_there("http", HTTP_MODULE_VERSION))
        skip_because("the module http is not built");
}

/* Notes what progress said last. */
static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    uint64_t *seen = arg;
    assert_true(done <= total && total == LARGE + strlen(small));
    *seen = done;
}

static lancelet_status pull(const hub_events *events, char **folder)
{
    hub_files f;
    *folder = NULL;
    lancelet_status status = hub_list(&repository, false, NULL, &f, &error);
    if (status != LANCELET_OK)
        return status;
    status = hub_fetch(&repository, &f, NULL, 0, events, NULL, folder, &error);
    hub_files_free(&f);
    return status;
}

static void assert_whole(const char *folder)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    char *path = base_path_join(folder, "data/large.bin"), *readme = base_path_join(folder, "README.md");
    assert_ok(base_file_read(path, LARGE, &bytes, &n, &error), error);
    assert_int_equal(n, LARGE);
    assert_memory_equal(bytes, large, LARGE);
    base_free(bytes);
    assert_ok(base_file_read(readme, 100, &bytes, &n, &error), error);
    assert_string_equal((char *)bytes, small);
    base_free(bytes);
    base_free(path);
    base_free(readme);
}

static void a_data_set_is_listed_and_fetched(void **state)
{
    (void)state;
    need_module();
    uint64_t done = 0;
    const hub_events events = {&done, on_progress, NULL};
    char *folder = NULL, *path = NULL;
    assert_ok(pull(&events, &folder), error);
    assert_string_equal(folder, at("hf/hub/datasets--org--pics/snapshots/" COMMIT));
    assert_whole(folder);
    assert_true(done == LARGE + strlen(small));
    base_free(folder);
    assert_ok(hub_cached_file(&repository, "data/large.bin", &path, &error), error);
    assert_non_null(path);
    base_free(path);
    hub_files f;
    assert_ok(hub_list(&repository, false, NULL, &f, &error), error);
    assert_true(f.n == 2 && f.file[0].cached && f.file[1].cached);
    hub_files_free(&f);
}

static void one_file_of_the_listing_is_fetched_alone(void **state)
{
    (void)state;
    need_module();
    hub_files f;
    const size_t which[] = {0};
    char *folder = NULL;
    assert_ok(hub_list(&repository, false, NULL, &f, &error), error);
    assert_ok(hub_fetch(&repository, &f, which, 1, NULL, NULL, &folder, &error), error);
    hub_files_free(&f);
    assert_ok(hub_list(&repository, true, NULL, &f, &error), error);
    assert_int_equal(f.n, 1);
    assert_string_equal(f.file[0].name, "README.md");
    hub_files_free(&f);
    base_free(folder);
}

static void a_flag_that_is_set_ends_it(void **state)
{
    (void)state;
    need_module();
    hub_files f;
    const volatile int cancel = 1;
    char *folder = NULL;
    assert_ok(hub_list(&repository, false, NULL, &f, &error), error);
    lancelet_status status = hub_fetch(&repository, &f, NULL, 0, NULL, &cancel, &folder, &error);
    if (status == LANCELET_OK) /* it may be over before the first look */
        assert_whole(folder);
    else
        assert_int_equal(status, LANCELET_CANCELLED);
    base_free(folder);
    hub_files_free(&f);
}

static void remove_all(void)
{
    assert_ok(base_dir_remove(at("hf"), &error), error);
}

static void each_failing_allocation_is_told(void **state)
{
    (void)state;
    need_module();
    for (uint64_t n = 1;; n++) {
        char *folder;
        remove_all();
        base_fault_fail_alloc(n);
        lancelet_status status = pull(NULL, &folder);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        if (status != LANCELET_OK && (!fired || status != LANCELET_MEMORY))
            fail_msg("allocation %llu: status %d: %s", (unsigned long long)n, (int)status, error.text);
        if (status == LANCELET_OK) /* what may fail: the tag of the cache, a note */
            assert_whole(folder);
        base_free(folder);
        if (!fired)
            break;
    }
}

static void each_failing_file_call_is_told_and_the_next_pull_is_whole(void **state)
{
    (void)state;
    need_module();
    for (uint64_t n = 1;; n++) {
        char *folder;
        remove_all();
        base_fault_fail_file(n, EIO);
        lancelet_status status = pull(NULL, &folder);
        bool fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        if (status != LANCELET_OK && (!fired || status != LANCELET_IO))
            fail_msg("file call %llu: status %d: %s", (unsigned long long)n, (int)status, error.text);
        if (status != LANCELET_OK)
            assert_ok(pull(NULL, &folder), error);
        assert_whole(folder);
        base_free(folder);
        if (!fired)
            break;
    }
}

/* One file of the listing, with the n-th file call failing: in one order each time. */
static lancelet_status pull_one(uint64_t n, int e, bool *fired, char **folder)
{
    hub_files f;
    const size_t which[] = {1};
    *folder = NULL;
    remove_all();
    assert_ok(hub_list(&repository, false, NULL, &f, &error), error);
    base_fault_fail_file(n, e);
    lancelet_status status = hub_fetch(&repository, &f, which, 1, NULL, NULL, folder, &error);
    *fired = base_fault_fired();
    base_fault_fail_file(0, 0);
    hub_files_free(&f);
    return status;
}

static void a_full_disk_is_told_and_gone_on_with(void **state)
{
    (void)state;
    need_module();
    bool seen = false, fired = true;
    for (uint64_t n = 1; fired; n++) {
        char *folder;
        lancelet_status status = pull_one(n, ENOSPC, &fired, &folder);
        seen = seen || (status != LANCELET_OK && strstr(error.text, "cannot write ") && strstr(error.text, "disk full"));
        base_free(folder);
        assert_ok(pull(NULL, &folder), error);
        assert_whole(folder);
        base_free(folder);
    }
    assert_true(seen);
}

/* EPERM is what symlink() says on file systems that have no links. */
static void without_links_the_file_itself_is_in_the_snapshot(void **state)
{
    (void)state;
    need_module();
    bool seen = false, fired = true;
    for (uint64_t n = 1; !seen && fired; n++) {
        char *folder;
        lancelet_status status = pull_one(n, EPERM, &fired, &folder);
        char *path = status == LANCELET_OK ? base_path_join(folder, "data/large.bin") : NULL;
        seen = path && readlink(path, (char[8]){0}, 8) < 0;
        base_free(path);
        base_free(folder);
    }
    assert_true(seen);
    char *folder = NULL;
    assert_ok(pull(NULL, &folder), error);
    assert_whole(folder);
    base_free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_data_set_is_listed_and_fetched, fresh),
        cmocka_unit_test_setup(one_file_of_the_listing_is_fetched_alone, fresh),
        cmocka_unit_test_setup(a_flag_that_is_set_ends_it, fresh),
        cmocka_unit_test_setup(each_failing_allocation_is_told, fresh),
        cmocka_unit_test_setup(each_failing_file_call_is_told_and_the_next_pull_is_whole, fresh),
        cmocka_unit_test_setup(a_full_disk_is_told_and_gone_on_with, fresh),
        cmocka_unit_test_setup(without_links_the_file_itself_is_in_the_snapshot, fresh),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, start, NULL);
}
