/* source_hub.c - which files of a data set of the hub are read, and in what order: of a data set that lies in the cache. */
#include "support.h"

#include <errno.h>

#include "base/fault.h"
#include "base/file.h"
#include "source/internal.h"

#define COMMIT   "0123456789012345678901234567890123456789"
#define SNAPSHOT "hf/hub/datasets--org--pics/snapshots/" COMMIT

static char scratch[4096]; /* absolute; fresh for each test */
static lancelet_error error;
static const source_options offline = {.struct_size = sizeof offline, .offline = true};

static void write_file(const char *name, const char *text)
{
    char *path = base_path_join(scratch, name), *folder = base_path_parent(path);
    assert_ok(base_dir_make(folder, &error), error);
    assert_ok(base_file_replace(path, text, strlen(text), false, &error), error);
    base_free(folder);
    base_free(path);
}

static int fresh(void **state)
{
    (void)state;
    static const char *const variables[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    char *absolute = base_path_absolute(scratch_folder()), *home = base_path_join(absolute, "hf");
    snprintf(scratch, sizeof scratch, "%s", absolute);
    setenv("HF_HOME", home, 1);
    base_free(home);
    base_free(absolute);
    write_file("hf/hub/datasets--org--pics/refs/main", COMMIT);
    write_file(SNAPSHOT "/README.md", "# pictures\n");
    write_file(SNAPSHOT "/extra/a.parquet", "x");
    return 0;
}

/* The names with a blank behind each. */
static const char *files_of(const char *spec)
{
    static char names[1024];
    source_hub h;
    names[0] = '\0';
    assert_ok(source_hub_fetch(spec, &offline, &h, &error), error);
    for (size_t i = 0; i < h.n; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s ", h.name[i]);
    source_hub_free(&h);
    return names;
}

static void parquet_files_in_data_are_read_with_the_training_split_first(void **state)
{
    (void)state;
    write_file(SNAPSHOT "/data/test-0.parquet", "x");
    write_file(SNAPSHOT "/data/train-1.parquet", "x");
    write_file(SNAPSHOT "/data/train-0.parquet", "x");
    write_file(SNAPSHOT "/data/validation-0.parquet", "x");
    write_file(SNAPSHOT "/data/.hidden.parquet", "x");
    write_file(SNAPSHOT "/picture.jpg", "x");
    assert_string_equal(files_of("hf://datasets/org/pics"),
                        "data/train-0.parquet data/train-1.parquet data/validation-0.parquet data/test-0.parquet ");
    assert_string_equal(files_of("hf://datasets/org/pics@" COMMIT "/data/t*.parquet"),
                        "data/train-0.parquet data/train-1.parquet data/test-0.parquet ");
    assert_string_equal(files_of("hf://datasets/org/pics/extra"), "extra/a.parquet ");
}

static void a_source_is_named_with_its_revision_and_its_glob(void **state)
{
    (void)state;
    source_hub h;
    char folder[5000];
    snprintf(folder, sizeof folder, "%s/" SNAPSHOT, scratch);
    assert_ok(source_hub_fetch("hf://datasets/org/pics/extra/*", &offline, &h, &error), error);
    assert_string_equal(h.root, "hf://datasets/org/pics/extra/*");
    assert_string_equal(h.uri, "hf://datasets/org/pics@main");
    assert_string_equal(h.folder, folder);
    source_hub_free(&h);
}

static void what_is_no_data_set_or_not_there_is_told_with_what_helps(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *sentence;
        lancelet_status status;
    } bad[] = {
        {"hf://org/pics", "names a model of the hub, not a data set; those are called hf://datasets/org/pics", LANCELET_UNSUPPORTED},
        {"hf://spaces/org/pics", "a space of the hub is no source of pictures", LANCELET_UNSUPPORTED},
        {"hf://datasets/org/pics/none/*", "has no Parquet, picture, video or caption file that is called none/*", LANCELET_NOT_FOUND},
        {"hf://datasets/org/other@v1", "; fetch it: picask dataset pull org/other@v1", LANCELET_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        source_hub h;
        assert_int_equal(source_hub_fetch(bad[i].spec, &offline, &h, &error), bad[i].status);
        if (!strstr(error.text, bad[i].sentence))
            fail_msg("%s", error.text);
    }
}

/* What was named before the failure goes, under ASan nothing stays. */
static void each_failing_allocation_and_file_call_is_told(void **state)
{
    (void)state;
    write_file(SNAPSHOT "/data/train-0.parquet", "x");
    write_file("hf/token", "hf_abc");
    for (int kind = 0; kind < 2; kind++)
        for (uint64_t n = 1;; n++) {
            source_hub h;
            if (kind == 0)
                base_fault_fail_alloc(n);
            else
                base_fault_fail_file(n, EIO);
            lancelet_status status = source_hub_fetch("hf://datasets/org/pics@refs%2Fpr%2F1/data", &offline, &h, &error);
            if (status == LANCELET_NOT_FOUND)
                status = source_hub_fetch("hf://datasets/org/pics/data", &offline, &h, &error);
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            base_fault_fail_file(0, 0);
            assert_true(n < 1000);
            if (status == LANCELET_OK)
                source_hub_free(&h);
            if (!fired) {
                assert_ok(status, error);
                break;
            }
            if (kind == 0)
                assert_int_equal(status, LANCELET_MEMORY);
            else if (status != LANCELET_OK && status != LANCELET_NOT_FOUND) /* a ref that cannot be read is none */
                assert_int_equal(status, LANCELET_IO);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(parquet_files_in_data_are_read_with_the_training_split_first, fresh),
        cmocka_unit_test_setup(a_source_is_named_with_its_revision_and_its_glob, fresh),
        cmocka_unit_test_setup(what_is_no_data_set_or_not_there_is_told_with_what_helps, fresh),
        cmocka_unit_test_setup(each_failing_allocation_and_file_call_is_told, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
