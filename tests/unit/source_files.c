/* source_files.c - pictures, folders, and what cannot be a source. */
#include "source_support.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/file.h"
#include "source/internal.h"

static char root[4096]; /* absolute path of the folder of the running test */

static int make_root(void **state)
{
    (void)state;
    char *absolute = base_path_absolute(scratch_folder());
    snprintf(root, sizeof root, "%s", absolute);
    base_free(absolute);
    return 0;
}

static const char *in_root(const char *name)
{
    static char path[8300];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

/* Makes a file with its folders. */
static void put(const char *name)
{
    lancelet_error err;
    char *folder = base_path_parent(in_root(name));
    assert_ok(base_dir_make(folder, &err), err);
    base_free(folder);
    assert_ok(base_file_replace(in_root(name), "xyz", 3, false, &err), err);
}

/* The paths below root that a source gives, each with a newline; a problem stands behind in brackets. */
static char *list(const char *spec, const source_options *options)
{
    source *s;
    source_item item;
    bool done;
    lancelet_error err;
    base_buffer out = {0};
    assert_ok(source_open(spec, options, &s, &err), err);
    size_t n = (size_t)source_remaining(s);
    assert_true(base_buffer_append_string(&out, ""));
    for (;; n--) {
        assert_int_equal(source_remaining(s), n);
        assert_ok(source_next(s, &item, &done, &err), err);
        if (done)
            break;
        size_t skip_root = strncmp(item.path, root, strlen(root)) == 0 ? strlen(root) + 1 : 0;
        assert_true(base_buffer_append_string(&out, item.path + skip_root));
        if (item.problem)
            assert_true(base_buffer_printf(&out, " (%s)", item.problem));
        assert_true(base_buffer_append_string(&out, "\n"));
        source_item_free(&item);
    }
    source_close(s);
    return base_buffer_to_string(&out);
}

static void expect_list(const char *spec, const source_options *options, const char *expected)
{
    char *got = list(spec, options);
    assert_string_equal(got, expected);
    base_free(got);
}

static void a_folder_gives_its_pictures_sorted_by_bytes_at_every_level(void **state)
{
    (void)state;
    put("b.jpg");
    put("a/z.png");
    put("a/Z.PNG");
    put("a.jpg");
    put("c/d/e.webp");
    put("notes.txt");
    put("B.gif");
    expect_list(root, NULL, "B.gif\na/Z.PNG\na/z.png\na.jpg\nb.jpg\nc/d/e.webp\n");
}

static void an_item_has_path_uri_size_and_time(void **state)
{
    (void)state;
    put("p.jpg");
    source *s;
    source_item item;
    bool done;
    lancelet_error err;
    base_stat stat;
    const source_column *columns;
    assert_ok(base_file_stat(in_root("p.jpg"), &stat, &err), err);
    char slash[4100];
    snprintf(slash, sizeof slash, "%s//./", root);
    const char *const specs[] = {root, slash, in_root("p.jpg")};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(source_open(specs[i], NULL, &s, &err), err);
        assert_string_equal(source_root(s), i < 2 ? root : in_root("p.jpg"));
        assert_int_equal(source_columns(s, &columns), 0);
        assert_ok(source_next(s, &item, &done, &err), err);
        assert_false(done);
        assert_string_equal(item.path, in_root("p.jpg"));
        assert_string_equal(item.uri, item.path);
        assert_null(item.caption);
        assert_null(item.problem);
        assert_int_equal(item.size, 3);
        assert_int_equal(item.modified_us, stat.modified_us);
        source_item_free(&item);
        assert_ok(source_next(s, &item, &done, &err), err);
        assert_true(done);
        source_close(s);
    }
}

static void a_single_file_of_any_name_is_a_picture(void **state)
{
    (void)state;
    put("noending");
    expect_list(in_root("noending"), NULL, "noending\n");
    char uri[8400];
    snprintf(uri, sizeof uri, "file://%s", in_root("noending"));
    expect_list(uri, NULL, "noending\n");
}

static void hidden_names_are_passed_over_unless_asked_for(void **state)
{
    (void)state;
    put(".hidden.jpg");
    put(".folder/a.jpg");
    put("b.jpg");
    expect_list(root, NULL, "b.jpg\n");
    source_options options = {.struct_size = sizeof options, .hidden = true};
    expect_list(root, &options, ".folder/a.jpg\n.hidden.jpg\nb.jpg\n");
}

static void excluded_names_and_folders_are_left_out(void **state)
{
    (void)state;
    put("a.jpg");
    put("a.png");
    put("raw/deep/b.jpg");
    put("keep/raw/c.jpg");
    put("keep/d.png");
    put("keep/e.jpg");
    const char *by_name[] = {"*.png"}, *by_path[] = {"raw/"}, *deep[] = {"keep/*.png", "raw/**"}, *rooted[] = {"keep/raw"};
    source_options options = {.struct_size = sizeof options, .exclude = by_name, .n_exclude = 1};
    expect_list(root, &options, "a.jpg\nkeep/e.jpg\nkeep/raw/c.jpg\nraw/deep/b.jpg\n");
    options.exclude = by_path;
    expect_list(root, &options, "a.jpg\na.png\nkeep/d.png\nkeep/e.jpg\n");
    options.exclude = rooted;
    expect_list(root, &options, "a.jpg\na.png\nkeep/d.png\nkeep/e.jpg\nraw/deep/b.jpg\n");
    options.exclude = deep;
    options.n_exclude = 2;
    expect_list(root, &options, "a.jpg\na.png\nkeep/e.jpg\nkeep/raw/c.jpg\n");
}

static void names_of_any_bytes_are_given_as_they_are(void **state)
{
    (void)state;
    put("new\nline.jpg");
    put("latin\xe9.jpg");
    char *got = list(root, NULL);
    assert_string_equal(got, "latin\xe9.jpg\nnew\nline.jpg\n");
    base_free(got);
    source *s;
    source_item item;
    bool done;
    lancelet_error err;
    assert_ok(source_open(root, NULL, &s, &err), err);
    assert_ok(source_next(s, &item, &done, &err), err);
    assert_memory_equal(item.uri, "file:///", 8);
    assert_non_null(strstr(item.uri, "latin%E9.jpg"));
    source_item_free(&item);
    source_close(s);
}

static void links_are_followed_and_loops_end(void **state)
{
    (void)state;
    put("a/p.jpg");
    char link[8400];
    snprintf(link, sizeof link, "%s", in_root("a/up"));
    assert_int_equal(symlink("..", link), 0);
    snprintf(link, sizeof link, "%s", in_root("a/self"));
    assert_int_equal(symlink(".", link), 0);
    snprintf(link, sizeof link, "%s", in_root("q.jpg"));
    assert_int_equal(symlink("a/p.jpg", link), 0);
    snprintf(link, sizeof link, "%s", in_root("b"));
    assert_int_equal(symlink("a", link), 0);
    expect_list(root, NULL, "a/p.jpg\nb/p.jpg\nq.jpg\n");
}

static void what_cannot_be_read_is_an_item_with_a_problem(void **state)
{
    (void)state;
    char path[8400];
    put("good.jpg");
    snprintf(path, sizeof path, "%s", in_root("gone.jpg"));
    assert_int_equal(symlink("nowhere", path), 0);
    snprintf(path, sizeof path, "%s", in_root("pipe.jpg"));
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s", in_root("circle.jpg"));
    assert_int_equal(symlink("circle.jpg", path), 0);
    char *got = list(root, NULL);
    assert_non_null(strstr(got, "circle.jpg ("));
    assert_non_null(strstr(got, "gone.jpg (no such file)\ngood.jpg\npipe.jpg (not a regular file)\n"));
    base_free(got);
}

static void a_folder_that_cannot_be_listed_is_named(void **state)
{
    (void)state;
    put("a/p.jpg");
    put("b.jpg");
    bool seen = false;
    for (uint64_t nth = 1; nth < 30; nth++) {
        source *s;
        source_item item;
        bool done;
        lancelet_error err;
        base_fault_fail_file(nth, EACCES);
        lancelet_status status = source_open(root, NULL, &s, &err);
        bool fired = base_fault_fired();
        base_fault_fail_file(0, 0);
        if (!fired) {
            source_close(s);
            break;
        }
        if (status != LANCELET_OK)
            continue;
        assert_ok(source_next(s, &item, &done, &err), err);
        assert_false(done);
        if (item.problem && strcmp(item.path, in_root("a")) == 0) {
            assert_string_equal(item.problem, "Permission denied");
            seen = true;
        }
        source_item_free(&item);
        source_close(s);
    }
    assert_true(seen);
}

static void expect_refused(const char *spec, lancelet_status status, const char *text)
{
    source *s;
    lancelet_error err;
    assert_int_equal(source_open(spec, NULL, &s, &err), status);
    assert_null(s);
    if (!strstr(err.text, text))
        fail_msg("'%s' lacks '%s'", err.text, text);
}

static void what_is_not_supported_is_said_plainly(void **state)
{
    (void)state;
    put("x.NPY");
    put("x.json");
    expect_refused(in_root("x.NPY"), LANCELET_UNSUPPORTED, "cannot read .npy vectors");
    expect_refused(in_root("x.json"), LANCELET_UNSUPPORTED, "cannot read JSON documents");
    expect_refused("https://x/y.jpg", LANCELET_UNSUPPORTED, "cannot read web addresses");
    expect_refused(in_root("gone"), LANCELET_NOT_FOUND, "no such file or folder: /");
    expect_refused("/dev/null", LANCELET_INVALID, "neither a file nor a folder: /dev/null");
}

static void thumbnails_dustbins_and_code_are_passed_over_by_name(void **state)
{
    (void)state;
    const char *const left_out[] = {"@eaDir/a.jpg",    "#recycle/a.jpg",  "@Recycle/a.jpg",
                                    "$Recycle.Bin/a.jpg", "System Volume Information/a.jpg", "lost+found/a.jpg",
                                    "__MACOSX/a.jpg",  "node_modules/a.jpg", ".git/a.jpg", "._b.jpg"};
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        put(left_out[i]);
    put("b.jpg");
    put("x/@eaDir/y/c.jpg");
    put("eaDir/d.jpg");
    source_options options = {.struct_size = sizeof options, .hidden = true};
    expect_list(root, &options, "b.jpg\neaDir/d.jpg\n");
    expect_list(in_root("node_modules"), NULL, "node_modules/a.jpg\n");
}

static void a_raw_picture_is_named_and_unsupported(void **state)
{
    (void)state;
    put("a.CR2");
    put("b.jpg");
    source *s;
    source_item item;
    bool done;
    lancelet_error err;
    expect_list(root, NULL, "a.CR2 (a RAW picture: not read yet, export it as JPEG)\nb.jpg\n");
    assert_ok(source_open(root, NULL, &s, &err), err);
    assert_ok(source_next(s, &item, &done, &err), err);
    assert_int_equal(item.problem_status, LANCELET_UNSUPPORTED);
    source_item_free(&item);
    source_close(s);
}

static void the_walk_gives_pictures_videos_and_parquet_files_with_their_kinds(void **state)
{
    (void)state;
    const char *const names[] = {"a.MP4", "b.webm", "c.jpg", "d.parquet", "e.heic", "f.mts"};
    const source_entry_kind kinds[] = {SOURCE_ENTRY_VIDEO,   SOURCE_ENTRY_VIDEO,   SOURCE_ENTRY_PICTURE,
                                       SOURCE_ENTRY_PARQUET, SOURCE_ENTRY_PICTURE, SOURCE_ENTRY_VIDEO};
    source_entries e = {0};
    source_options options = {.struct_size = sizeof options};
    lancelet_error err;
    for (size_t i = 0; i < 6; i++)
        put(names[i]);
    put("g.ts");
    put("metadata.parquet");
    assert_ok(source_walk(root, &options, &e, &err), err);
    assert_int_equal(e.n, 6);
    for (size_t i = 0; i < 6; i++) {
        char *path = source_entry_path(&e.entry[i]);
        assert_string_equal(path, in_root(names[i]));
        base_free(path);
        assert_int_equal(e.entry[i].kind, kinds[i]);
        assert_null(e.entry[i].problem);
    }
    source_entries_free(&e);
}

static void an_entry_of_a_million_is_small(void **state)
{
    (void)state;
    assert_in_range(sizeof(source_entry), 1, 48); /* with half as many spare, and its name rounded up, below 80 bytes */
}

static void folders_deeper_than_there_are_descriptors_are_walked(void **state)
{
    (void)state;
    char name[1200] = "";
    for (int i = 0; i < 150; i++)
        strcat(name, "d/");
    strcat(name, "p.jpg");
    put(name);
    strcat(name, "\n");
    expect_list(root, NULL, name);
}

static void cancel_ends_the_walk(void **state)
{
    (void)state;
    put("a.jpg");
    int cancel = 0;
    source *s;
    source_item item;
    bool done;
    lancelet_error err;
    source_options options = {.struct_size = sizeof options, .cancel = &cancel};
    assert_ok(source_open(root, &options, &s, &err), err);
    cancel = 1;
    assert_int_equal(source_next(s, &item, &done, &err), LANCELET_CANCELLED);
    source_close(s);
    assert_int_equal(source_open(root, &options, &s, &err), LANCELET_CANCELLED);
}

static void every_failed_allocation_is_an_error_without_a_leak(void **state)
{
    (void)state;
    put("a/b.jpg");
    put("c.jpg");
    const char *exclude[] = {"none"};
    source_options options = {.struct_size = sizeof options, .exclude = exclude, .n_exclude = 1};
    lancelet_status status;
    uint64_t n = read_with_failing_allocations(root, &options, &status);
    assert_int_equal(status, LANCELET_OK);
    assert_in_range(n, 10, 1000);
}

#define TEST(name) cmocka_unit_test_setup(name, make_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_folder_gives_its_pictures_sorted_by_bytes_at_every_level),
        TEST(an_item_has_path_uri_size_and_time),
        TEST(a_single_file_of_any_name_is_a_picture),
        TEST(hidden_names_are_passed_over_unless_asked_for),
        TEST(excluded_names_and_folders_are_left_out),
        TEST(names_of_any_bytes_are_given_as_they_are),
        TEST(links_are_followed_and_loops_end),
        TEST(what_cannot_be_read_is_an_item_with_a_problem),
        TEST(a_folder_that_cannot_be_listed_is_named),
        TEST(what_is_not_supported_is_said_plainly),
        TEST(thumbnails_dustbins_and_code_are_passed_over_by_name),
        TEST(a_raw_picture_is_named_and_unsupported),
        TEST(the_walk_gives_pictures_videos_and_parquet_files_with_their_kinds),
        TEST(an_entry_of_a_million_is_small),
        TEST(folders_deeper_than_there_are_descriptors_are_walked),
        TEST(cancel_ends_the_walk),
        TEST(every_failed_allocation_is_an_error_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
