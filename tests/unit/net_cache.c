/* net_cache.c - the layouts of Hugging Face's hub cache and of OpenAI's, made by hand; tests/peers/hub_cache.py has
 * huggingface_hub make them. */
#include "support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <utime.h>

#include "base/fault.h"
#include "base/file.h"
#include "net/cache.h"

static char scratch[4096]; /* absolute; fresh for each test */
static lancelet_error error;
static const char *const names[] = {"model.safetensors", "pytorch_model.bin", NULL};

#define REPOSITORY "home/.cache/huggingface/hub/models--openai--clip-vit-base-patch32"

static const char *at(const char *name)
{
    return path_in(scratch, name);
}

static int fresh(void **state)
{
    (void)state;
    char *absolute = base_path_absolute(scratch_folder());
    snprintf(scratch, sizeof scratch, "%s", absolute);
    base_free(absolute);
    static const char *const variables[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME",
                                            "XDG_CACHE_HOME"};
    for (size_t i = 0; i < 4; i++)
        unsetenv(variables[i]);
    setenv("HOME", at("home"), 1);
    return 0;
}

static void write_file(const char *name, const char *text)
{
    char *folder = base_path_parent(at(name));
    assert_ok(base_dir_make(folder, &error), error);
    base_free(folder);
    assert_ok(base_file_replace(at(name), text, strlen(text), false, &error), error);
}

static void changed_at(const char *name, time_t seconds)
{
    struct utimbuf times = {seconds, seconds};
    assert_int_equal(utime(at(name), &times), 0);
}

/* The folder in which net_hub_file finds `file`, below the scratch folder; "" when nowhere. */
static const char *snapshot(const char *repository, const char *file)
{
    static char below[4400];
    char *path = NULL;
    assert_ok(net_hub_file(repository, (const char *const[]){file, NULL}, &path, &error), error);
    if (!path)
        return "";
    assert_int_equal(strncmp(path, scratch, strlen(scratch)), 0);
    assert_string_equal(base_path_name(path), file);
    snprintf(below, sizeof below, "%.*s", (int)(base_path_name(path) - 1 - path - strlen(scratch) - 1),
             path + strlen(scratch) + 1);
    base_free(path);
    return below;
}

static void refs_main_names_the_snapshot(void **state)
{
    (void)state;
    write_file(REPOSITORY "/refs/main", "3d74acf");
    write_file(REPOSITORY "/snapshots/3d74acf/model.safetensors", "old");
    write_file(REPOSITORY "/snapshots/aaaaaaa/model.safetensors", "newer");
    changed_at(REPOSITORY "/snapshots/3d74acf/model.safetensors", 1000000);
    assert_string_equal(snapshot("openai/clip-vit-base-patch32", "model.safetensors"),
                        REPOSITORY "/snapshots/3d74acf");
    write_file(REPOSITORY "/refs/main", "3d74acf\n");
    assert_string_equal(snapshot("openai/clip-vit-base-patch32", "model.safetensors"),
                        REPOSITORY "/snapshots/3d74acf");
}

static void without_a_usable_refs_main_the_newest_snapshot_that_has_the_file_is_taken(void **state)
{
    (void)state;
    write_file(REPOSITORY "/snapshots/b/model.safetensors", "x");
    write_file(REPOSITORY "/snapshots/a/model.safetensors", "x");
    write_file(REPOSITORY "/snapshots/c/config.json", "{}");
    changed_at(REPOSITORY "/snapshots/a/model.safetensors", 2000000);
    changed_at(REPOSITORY "/snapshots/b/model.safetensors", 1000000);
    const char *expected = REPOSITORY "/snapshots/a";
    assert_string_equal(snapshot("openai/clip-vit-base-patch32", "model.safetensors"), expected);
    /* one that names a snapshot without the file, none at all, a path, too much, nothing */
    char long_ref[300];
    memset(long_ref, 'a', 299);
    long_ref[299] = '\0';
    const char *refs[] = {"c", "gone", "../../../../../etc", "a/../c", "..", ".", long_ref, "", "\n"};
    for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) {
        write_file(REPOSITORY "/refs/main", refs[i]);
        assert_string_equal(snapshot("openai/clip-vit-base-patch32", "model.safetensors"), expected);
    }
}

/* as transformers leaves it behind when it looks for safetensors in the pull requests of a repository without */
static void any_of_the_names_in_main_goes_before_a_better_one_elsewhere(void **state)
{
    (void)state;
    char *path = NULL;
    write_file(REPOSITORY "/refs/main", "c1");
    write_file(REPOSITORY "/snapshots/c1/pytorch_model.bin", "x");
    write_file(REPOSITORY "/snapshots/pr1/model.safetensors", "x");
    assert_ok(net_hub_file("openai/clip-vit-base-patch32", names, &path, &error), error);
    assert_string_equal(path, at(REPOSITORY "/snapshots/c1/pytorch_model.bin"));
    base_free(path);
    write_file(REPOSITORY "/refs/main", "gone");
    assert_ok(net_hub_file("openai/clip-vit-base-patch32", names, &path, &error), error);
    assert_string_equal(path, at(REPOSITORY "/snapshots/pr1/model.safetensors"));
    base_free(path);
}

static void links_to_blobs_are_followed_and_broken_ones_are_no_file(void **state)
{
    (void)state;
    write_file(REPOSITORY "/blobs/99d2", "weights");
    write_file(REPOSITORY "/refs/main", "c1");
    assert_ok(base_dir_make(at(REPOSITORY "/snapshots/c1"), &error), error);
    assert_int_equal(symlink("../../blobs/99d2", at(REPOSITORY "/snapshots/c1/model.safetensors")), 0);
    assert_int_equal(symlink("../../blobs/gone", at(REPOSITORY "/snapshots/c1/pytorch_model.bin")), 0);
    assert_string_equal(snapshot("openai/clip-vit-base-patch32", "model.safetensors"),
                        REPOSITORY "/snapshots/c1");
    assert_string_equal(snapshot("openai/clip-vit-base-patch32", "pytorch_model.bin"), "");
}

static void a_folder_or_a_pipe_is_no_file(void **state)
{
    (void)state;
    assert_ok(base_dir_make(at(REPOSITORY "/snapshots/c1/model.safetensors"), &error), error);
    assert_int_equal(mkfifo(at(REPOSITORY "/snapshots/c1/pytorch_model.bin"), 0600), 0);
    assert_string_equal(snapshot("openai/clip-vit-base-patch32", "model.safetensors"), "");
    assert_string_equal(snapshot("openai/clip-vit-base-patch32", "pytorch_model.bin"), "");
}

static void what_is_not_there_is_no_failure(void **state)
{
    (void)state;
    assert_string_equal(snapshot("openai/clip-vit-base-patch32", "model.safetensors"), "");
    write_file(REPOSITORY "/refs/main", "c1"); /* a download that was broken off */
    assert_string_equal(snapshot("openai/clip-vit-base-patch32", "model.safetensors"), "");
    write_file(REPOSITORY "/snapshots", "no folder");
    assert_string_equal(snapshot("openai/clip-vit-base-patch32", "model.safetensors"), "");
    unsetenv("HOME");
    assert_string_equal(snapshot("openai/clip-vit-base-patch32", "model.safetensors"), "");
    assert_null(net_hub_folder());
}

static void a_repository_without_an_organisation_is_found(void **state)
{
    (void)state;
    write_file("home/.cache/huggingface/hub/models--gpt2/snapshots/c1/model.safetensors", "x");
    assert_string_equal(snapshot("gpt2", "model.safetensors"),
                        "home/.cache/huggingface/hub/models--gpt2/snapshots/c1");
}

static void the_environment_is_read_in_the_order_of_huggingface_hub(void **state)
{
    (void)state;
    static const char *const steps[][3] = {
        /* variable, its value below the scratch folder, the folder */
        {"XDG_CACHE_HOME", "xdg", "xdg/huggingface/hub"},
        {"HF_HOME", "hf", "hf/hub"},
        {"HUGGINGFACE_HUB_CACHE", "old", "old"},
        {"HF_HUB_CACHE", "new/", "new"},
    };
    char *folder = net_hub_folder();
    assert_string_equal(folder, at("home/.cache/huggingface/hub"));
    base_free(folder);
    for (size_t i = 0; i < 4; i++) {
        setenv(steps[i][0], "", 1); /* empty is as unset */
        setenv(steps[i][0], at(steps[i][1]), 1);
        folder = net_hub_folder();
        assert_string_equal(folder, at(steps[i][2]));
        base_free(folder);
    }
    setenv("HF_HUB_CACHE", "~/mine", 1);
    folder = net_hub_folder();
    assert_string_equal(folder, at("home/mine"));
    base_free(folder);
}

static void hostile_names_are_refused(void **state)
{
    (void)state;
    static const char *const repositories[] = {"",       "/",       "a/",     "/a",     "a/b/c",
                                               "../a",   "a/..",    ".",      "a/.b",   "a..b/c",
                                               "a\nb/c", "a/b\x7f", "a--b/c", "a/b--c", "a\\b/c"};
    static const char *const files[] = {"", "/etc/passwd", "../x", "a/b", ".x", "x..y", "x\ny"};
    char *path = NULL;
    for (size_t i = 0; i < sizeof repositories / sizeof *repositories; i++) {
        assert_int_equal(net_hub_file(repositories[i], names, &path, &error),
                         LANCELET_INVALID);
        assert_null(path);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_int_equal(net_hub_file("a/b", (const char *const[]){files[i], NULL}, &path, &error), LANCELET_INVALID);
        assert_int_equal(net_clip_file(files[i], &path, &error), LANCELET_INVALID);
        assert_null(path);
    }
    char name[400];
    memset(name, 'a', 399);
    name[399] = '\0';
    assert_int_equal(net_hub_file(name, names, &path, &error), LANCELET_INVALID);
}

static void openai_s_cache_lies_in_the_home_folder_whatever_xdg_says(void **state)
{
    (void)state;
    char *path = NULL;
    setenv("XDG_CACHE_HOME", at("xdg"), 1);
    write_file("xdg/clip/ViT-B-32.pt", "x");
    assert_ok(net_clip_file("ViT-B-32.pt", &path, &error), error);
    assert_null(path);
    write_file("home/.cache/clip/ViT-B-32.pt", "x");
    assert_ok(net_clip_file("ViT-B-32.pt", &path, &error), error);
    assert_string_equal(path, at("home/.cache/clip/ViT-B-32.pt"));
    base_free(path);
}

static void an_allocation_that_fails_is_told(void **state)
{
    (void)state;
    write_file(REPOSITORY "/refs/main", "gone");
    write_file(REPOSITORY "/snapshots/a/model.safetensors", "x");
    write_file(REPOSITORY "/snapshots/b/model.safetensors", "x");
    write_file("home/.cache/clip/ViT-B-32.pt", "x");
    for (uint64_t n = 1;; n++) {
        char *weights = NULL, *path = NULL;
        base_fault_fail_alloc(n);
        lancelet_status status =
            net_hub_file("openai/clip-vit-base-patch32", names, &weights, &error);
        if (status == LANCELET_OK)
            status = net_clip_file("ViT-B-32.pt", &path, &error);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        assert_int_equal(status, fired ? LANCELET_MEMORY : LANCELET_OK);
        base_free(weights);
        base_free(path);
        if (!fired)
            break;
        assert_string_equal(error.text, "out of memory");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(refs_main_names_the_snapshot, fresh),
        cmocka_unit_test_setup(without_a_usable_refs_main_the_newest_snapshot_that_has_the_file_is_taken,
                               fresh),
        cmocka_unit_test_setup(any_of_the_names_in_main_goes_before_a_better_one_elsewhere, fresh),
        cmocka_unit_test_setup(links_to_blobs_are_followed_and_broken_ones_are_no_file, fresh),
        cmocka_unit_test_setup(a_folder_or_a_pipe_is_no_file, fresh),
        cmocka_unit_test_setup(what_is_not_there_is_no_failure, fresh),
        cmocka_unit_test_setup(a_repository_without_an_organisation_is_found, fresh),
        cmocka_unit_test_setup(the_environment_is_read_in_the_order_of_huggingface_hub, fresh),
        cmocka_unit_test_setup(hostile_names_are_refused, fresh),
        cmocka_unit_test_setup(openai_s_cache_lies_in_the_home_folder_whatever_xdg_says, fresh),
        cmocka_unit_test_setup(an_allocation_that_fails_is_told, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
