/* source_folder_captions.c - captions among the pictures of a folder: metadata.csv, metadata.jsonl, x.txt beside x.jpg. */
#include "source_support.h"

#include "base/file.h"

static char root[4096];

static void put(const char *name, const char *text)
{
    lancelet_error err;
    char path[8300];
    snprintf(path, sizeof path, "%s/%s", root, name);
    char *folder = base_path_parent(path);
    assert_ok(base_dir_make(folder, &err), err);
    base_free(folder);
    assert_ok(base_file_replace(path, text, strlen(text), false, &err), err);
}

static int make_root(void **state)
{
    (void)state;
    char *absolute = base_path_absolute(scratch_folder());
    snprintf(root, sizeof root, "%s", absolute);
    base_free(absolute);
    put("a.jpg", "xyz");
    put("b.jpg", "xyz");
    put("sub/c.jpg", "xyz");
    return 0;
}

static void expect(const source_options *options, const char *expected)
{
    char *got = describe_items(root, root, options);
    assert_string_equal(got, expected);
    base_free(got);
}

static char notes[4096];

static void keep_note(void *arg, int level, const char *sentence)
{
    (void)arg;
    snprintf(notes + strlen(notes), sizeof notes - strlen(notes), "%d %s\n", level, sentence);
}

static void metadata_captions_the_pictures_of_its_folder_and_below(void **state)
{
    (void)state;
    put("metadata.csv", "file_name,text,n\nb.jpg,two,2\nsub/c.jpg,three,3\nb.jpg,zwei,9\n");
    expect(NULL, "a.jpg=-|n:null;b.jpg=two/zwei|n:int 2;sub/c.jpg=three|n:int 3;");
}

static void jsonl_metadata_keeps_its_types(void **state)
{
    (void)state;
    put("metadata.jsonl", "{\"file_name\":\"a.jpg\",\"caption\":[\"one\",\"eins\"],\"x\":1.5,\"ok\":true,\"box\":{\"w\":1}}\n");
    expect(NULL, "a.jpg=one/eins|x:double 1.5|ok:bool 1|box:utf8 {\"w\":1};b.jpg=-|x:null|ok:null|box:null;"
                 "sub/c.jpg=-|x:null|ok:null|box:null;");
}

static void the_nearest_metadata_file_upwards_counts(void **state)
{
    (void)state;
    put("metadata.csv", "file_name,text\nsub/c.jpg,far\na.jpg,one\n");
    put("sub/metadata.csv", "file_name,text\nc.jpg,near\n");
    expect(NULL, "a.jpg=one;b.jpg=-;sub/c.jpg=near;");
    put("sub/metadata.csv", "file_name,text\n");
    expect(NULL, "a.jpg=one;b.jpg=-;sub/c.jpg=-;");
}

static void columns_of_all_metadata_files_are_one_set_with_one_type_each(void **state)
{
    (void)state;
    put("metadata.csv", "file_name,n,m\na.jpg,1,x\n");
    put("sub/metadata.csv", "file_name,k,n\nc.jpg,true,1.5\n");
    expect(NULL, "a.jpg=-|n:double 1|m:utf8 x|k:null;b.jpg=-|n:null|m:null|k:null;sub/c.jpg=-|n:double 1.5|m:null|k:bool 1;");
}

static void a_line_whose_picture_is_missing_is_named(void **state)
{
    (void)state;
    put("metadata.csv", "file_name,text\ngone.jpg,none\n,nobody\n");
    char expected[8500];
    expect(NULL, "a.jpg=-;b.jpg=-;sub/c.jpg=-;gone.jpg=none|(no such file);metadata.csv:3=nobody|(this line names no picture);");
    snprintf(expected, sizeof expected, "a.jpg=-;b.jpg=-;sub/c.jpg=-;metadata.csv:3=nobody|(this line names no picture);");
    const char *exclude[] = {"gone*"};
    source_options options = {.struct_size = sizeof options, .exclude = exclude, .n_exclude = 1};
    expect(&options, expected);
}

static void a_picture_outside_the_walk_that_a_line_names_is_an_item(void **state)
{
    (void)state;
    put("odd", "xyz");
    put("metadata.csv", "file_name,text\nodd,named\n");
    expect(NULL, "a.jpg=-;b.jpg=-;sub/c.jpg=-;odd=named;");
}

static void metadata_that_cannot_be_used_is_passed_over_with_a_word(void **state)
{
    (void)state;
    source_options options = {.struct_size = sizeof options, .note = keep_note};
    put("metadata.csv", "camera,date\nNikon,2020\n");
    put("sub/metadata.jsonl", "{\"file_name\":\"c.jpg\",\"text\":\"t\"}\n{broken\n");
    notes[0] = 0;
    expect(&options, "a.jpg=-;b.jpg=-;sub/c.jpg=-;");
    assert_non_null(strstr(notes, "metadata.csv is passed over, its captions with it: "));
    assert_non_null(strstr(notes, "there is no column file_name; columns: camera, date"));
    assert_non_null(strstr(notes, "metadata.jsonl is passed over, its captions with it: "));
}

static void columns_that_name_further_pictures_are_left_out(void **state)
{
    (void)state;
    source_options options = {.struct_size = sizeof options, .note = keep_note};
    put("metadata.csv", "file_name,mask_file_name,text\na.jpg,m.png,one\n");
    notes[0] = 0;
    expect(&options, "a.jpg=one;b.jpg=-;sub/c.jpg=-;");
    assert_memory_equal(notes, "1 ", 2);
    assert_non_null(strstr(notes, "names further pictures of a line"));
}

static void a_text_beside_a_picture_is_its_caption(void **state)
{
    (void)state;
    put("a.txt", "\xEF\xBB\xBF  a dog\r\non grass \n\n");
    put("sub/c.txt", "");
    put("d.txt", "nobody's");
    expect(NULL, "a.jpg=a dog/on grass;b.jpg=-;sub/c.jpg=-;");
}

static void metadata_goes_before_the_text_beside_a_picture(void **state)
{
    (void)state;
    put("a.txt", "text a");
    put("b.txt", "text b");
    put("metadata.csv", "file_name,text\na.jpg,metadata a\n");
    expect(NULL, "a.jpg=metadata a;b.jpg=text b;sub/c.jpg=-;");
}

static void a_text_that_is_no_caption_is_noted(void **state)
{
    (void)state;
    source_options options = {.struct_size = sizeof options, .note = keep_note};
    static char large[70000];
    memset(large, 'x', sizeof large - 1);
    put("a.txt", large);
    put("b.txt", "latin \xe9");
    notes[0] = 0;
    expect(&options, "a.jpg=-;b.jpg=-;sub/c.jpg=-;");
    assert_non_null(strstr(notes, "a.txt is no caption: it is larger than 64 KB"));
    assert_non_null(strstr(notes, "b.txt is no caption: it is not UTF-8"));
}

static void every_failed_allocation_is_an_error_without_a_leak(void **state)
{
    (void)state;
    put("metadata.csv", "file_name,text,n\na.jpg,one,1\ngone.jpg,x,2\n");
    put("sub/metadata.jsonl", "{\"file_name\":\"c.jpg\",\"m\":2}\n");
    put("b.txt", "two");
    source_options options = {.struct_size = sizeof options, .note = keep_note};
    lancelet_status status;
    notes[0] = 0;
    read_with_failing_allocations(root, &options, &status);
    assert_int_equal(status, LANCELET_OK);
}

#define TEST(name) cmocka_unit_test_setup(name, make_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(metadata_captions_the_pictures_of_its_folder_and_below),
        TEST(jsonl_metadata_keeps_its_types),
        TEST(the_nearest_metadata_file_upwards_counts),
        TEST(columns_of_all_metadata_files_are_one_set_with_one_type_each),
        TEST(a_line_whose_picture_is_missing_is_named),
        TEST(a_picture_outside_the_walk_that_a_line_names_is_an_item),
        TEST(metadata_that_cannot_be_used_is_passed_over_with_a_word),
        TEST(columns_that_name_further_pictures_are_left_out),
        TEST(a_text_beside_a_picture_is_its_caption),
        TEST(metadata_goes_before_the_text_beside_a_picture),
        TEST(a_text_that_is_no_caption_is_noted),
        TEST(every_failed_allocation_is_an_error_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
