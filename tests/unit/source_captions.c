/* source_captions.c - CSV, TSV and JSONL of captions become items with columns. */
#include "source_support.h"

#include "base/file.h"

static char root[4096];

static int make_root(void **state)
{
    (void)state;
    lancelet_error err;
    char *absolute = base_path_absolute(scratch_folder());
    snprintf(root, sizeof root, "%s", absolute);
    base_free(absolute);
    char picture[4200];
    const char *const names[] = {"a.jpg", "b.jpg", "c d.jpg"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(picture, sizeof picture, "%s/%s", root, names[i]);
        assert_ok(base_file_replace(picture, "xyz", 3, false, &err), err);
    }
    return 0;
}

static const char *write_file(const char *name, const char *text, size_t n)
{
    static char path[4300];
    lancelet_error err;
    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_ok(base_file_replace(path, text, n, false, &err), err);
    return path;
}

static void expect_with(const source_options *options, const char *name, const char *text, const char *expected)
{
    char *got = describe_items(write_file(name, text, strlen(text)), root, options);
    assert_string_equal(got, expected);
    base_free(got);
}

static void expect(const char *name, const char *text, const char *expected)
{
    expect_with(NULL, name, text, expected);
}

static void expect_error_with(const source_options *options, const char *name, const char *text, lancelet_status status,
                              const char *sentence)
{
    source *s;
    lancelet_error err;
    const char *path = write_file(name, text, strlen(text));
    assert_int_equal(source_open(path, options, &s, &err), status);
    assert_null(s);
    assert_memory_equal(err.text, path, strlen(path));
    assert_string_equal(err.text + strlen(path), sentence);
}

static void expect_error(const char *name, const char *text, lancelet_status status, const char *sentence)
{
    expect_error_with(NULL, name, text, status, sentence);
}

static void columns_are_found_by_their_header_names_in_any_case(void **state)
{
    (void)state;
    const char *const pictures[] = {"image", "Path", "URI", "file", "File_Name"};
    const char *const captions[] = {"text", "CAPTION", "Label"};
    char text[200];
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 3; k++) {
            snprintf(text, sizeof text, "%s,%s\na dog,a.jpg\n", captions[k], pictures[i]);
            expect("c.csv", text, "a.jpg=a dog;");
        }
    }
}

static void of_several_names_the_first_choice_counts_and_the_others_are_columns(void **state)
{
    (void)state;
    expect("c.csv", "file_name,image,label,text\nx,a.jpg,l,t\n", "a.jpg=t|file_name:utf8 x|label:utf8 l;");
}

static void without_a_header_the_columns_are_path_and_caption(void **state)
{
    (void)state;
    expect("c.csv", "a.jpg,text\nb.jpg,\"two, words\"\n", "a.jpg=text;b.jpg=two, words;");
    expect("c.tsv", "a.jpg\tone \"two\"\nb.jpg\n", "a.jpg=one \"two\";b.jpg=-;");
}

static void a_byte_order_mark_and_cr_lf_are_no_part_of_a_name(void **state)
{
    (void)state;
    expect("c.csv", "\xef\xbb\xbfpath,caption\r\na.jpg,x\r\n", "a.jpg=x;");
    expect("c.jsonl", "\xef\xbb\xbf{\"path\":\"a.jpg\",\"text\":\"x\"}\r\n \r\n", "a.jpg=x;");
}

static void unquoted_commas_belong_to_a_caption_at_the_end(void **state)
{
    (void)state;
    expect("c.csv", "image,caption\na.jpg,a dog, running\n", "a.jpg=a dog, running;");
    expect("c.csv", "a.jpg,a dog, running, fast\n", "a.jpg=a dog, running, fast;");
    expect_error("c.csv", "caption,image\na,a.jpg,b\n", LANCELET_INVALID, ": line 2 has 3 fields, the header 2");
}

static void several_lines_of_a_picture_make_one_item_at_the_first_place(void **state)
{
    (void)state;
    expect("c.csv", "path,caption,n\na.jpg,one,1\nb.jpg,x,2\n./a.jpg,two,3\na.jpg,,4\n",
           "a.jpg=one/two|n:int 1;b.jpg=x|n:int 2;");
    expect("c.jsonl", "{\"path\":\"a.jpg\",\"text\":[\"one\",\"two\"],\"n\":1}\n{\"path\":\"a.jpg\",\"text\":\"three\"}\n",
           "a.jpg=one/two/three|n:int 1;");
}

static void column_types_are_found_over_the_whole_file(void **state)
{
    (void)state;
    expect("c.csv", "path,i,d,b,s,e\na.jpg,1,1,true,1,\nb.jpg,-5,2.5,FALSE,x,\nc d.jpg,,,,,\n",
           "a.jpg=-|i:int 1|d:double 1|b:bool 1|s:utf8 1|e:null;"
           "b.jpg=-|i:int -5|d:double 2.5|b:bool 0|s:utf8 x|e:null;"
           "c d.jpg=-|i:null|d:null|b:null|s:null|e:null;");
    /* the type of a later line of the same picture counts too */
    expect("c.csv", "path,i\na.jpg,1\na.jpg,x\n", "a.jpg=-|i:utf8 1;");
    expect("c.csv", "path,i,nan\na.jpg,007,nan\n", "a.jpg=-|i:utf8 007|nan:utf8 nan;");
    expect("c.csv", "path,i\na.jpg,99999999999999999999\n", "a.jpg=-|i:utf8 99999999999999999999;");
}

static void json_types_are_kept(void **state)
{
    (void)state;
    expect("c.jsonl",
           "{\"path\":\"a.jpg\",\"i\":1,\"d\":1,\"b\":true,\"s\":\"1\",\"m\":1,\"n\":{\"x\":[1,null]},\"e\":null}\n"
           "{\"path\":\"b.jpg\",\"i\":2,\"d\":0.5,\"b\":false,\"s\":\"\",\"m\":\"x\",\"later\":7}\n",
           "a.jpg=-|i:int 1|d:double 1|b:bool 1|s:utf8 1|m:utf8 1|n:utf8 {\"x\":[1,null]}|e:null|later:null;"
           "b.jpg=-|i:int 2|d:double 0.5|b:bool 0|s:utf8 |m:utf8 x|n:null|e:null|later:int 7;");
    expect("c.jsonl", "{\"path\":\"a.jpg\",\"i\":99999999999999999999}\n", "a.jpg=-|i:double 1e+20;");
}

static void numbered_captions_are_lines_of_one_caption(void **state)
{
    (void)state;
    expect("c.csv", "path,caption_0,label,Caption_1,x\na.jpg,one,l,two,5\nb.jpg,,m,three\nc d.jpg\n",
           "a.jpg=one/two|label:utf8 l|x:int 5;b.jpg=three|label:utf8 m|x:null;c d.jpg=-|label:null|x:null;");
    expect("c.csv", "path,caption_0,text\na.jpg,one,two\n", "a.jpg=two|caption_0:utf8 one;");
    expect("c.csv", "path,caption_100,caption_\na.jpg,one,two\n", "a.jpg=-|caption_100:utf8 one|caption_:utf8 two;");
    expect("c.jsonl", "{\"path\":\"a.jpg\",\"caption1\":\"one\",\"caption2\":null,\"caption3\":\"three\",\"label\":\"l\"}\n"
                      "{\"path\":\"b.jpg\",\"label\":\"m\"}\n",
           "a.jpg=one/three|label:utf8 l;b.jpg=-|label:utf8 m;");
    source_options o = {.struct_size = sizeof o, .text_column = "caption_1"};
    expect_with(&o, "c.csv", "path,caption_0,caption_1\na.jpg,one,two\n", "a.jpg=two|caption_0:utf8 one;");
}

static void a_nul_in_json_text_is_replaced_and_in_a_name_a_problem(void **state)
{
    (void)state;
    expect("c.jsonl", "{\"path\":\"a.jpg\",\"text\":\"x\\u0000y\",\"k\":\"\\u0000\"}\n",
           "a.jpg=x\xEF\xBF\xBD" "y|k:utf8 \xEF\xBF\xBD;");
    expect("c.jsonl", "{\"path\":\"a\\u0000.jpg\"}\n", "c.jsonl:1=-|(the picture's name on this line has a NUL byte in it);");
}

static void a_column_without_a_name_is_left_out(void **state)
{
    (void)state;
    expect("c.csv", ",path,x\n0,a.jpg,5\n", "a.jpg=-|x:int 5;");
}

static void relative_paths_start_at_the_files_folder(void **state)
{
    (void)state;
    char text[9000], expected[9000];
    lancelet_error err;
    char folder[4200];
    snprintf(folder, sizeof folder, "%s/sub", root);
    assert_ok(base_dir_make(folder, &err), err);
    snprintf(text, sizeof text, "path\n../a.jpg\n%s/b.jpg\nfile://%s/c%%20d.jpg\n", root, root);
    snprintf(expected, sizeof expected, "a.jpg=-;b.jpg=-;c d.jpg=-;");
    expect("sub/c.csv", text, expected);
}

static void a_picture_that_is_not_there_is_an_item_with_a_problem(void **state)
{
    (void)state;
    expect("c.csv", "path,caption\nno.jpg,x\n/dev,y\nhttps://x/y.jpg,z\n,w\na.jpg,v\n",
           "no.jpg=x|(no such file);/dev=y|(a folder, not a file);"
           "c.csv:4=z|(the address on this line is no file);c.csv:5=w|(this line names no picture);a.jpg=v;");
    expect("c.jsonl", "{\"path\":\"a.jpg\"}\n{\"text\":\"x\"}\n{\"path\":5}\n",
           "a.jpg=-;c.jsonl:2=x|(this line names no picture);c.jsonl:3=-|(this line names no picture);");
}

static void a_caption_without_a_picture_column_is_invalid(void **state)
{
    (void)state;
    expect_error("c.csv", "filename,caption\na.jpg,x\n", LANCELET_INVALID,
                 ": the header names no picture column (image, path, uri, file or file_name); columns: filename, caption");
    expect_error("c.jsonl", "{\"filename\":\"a.jpg\",\"text\":\"x\"}\n", LANCELET_INVALID,
                 ": the first line names no picture (image, path, uri, file or file_name); columns: filename, text");
}

static void named_columns_are_taken(void **state)
{
    (void)state;
    source_options options = {.struct_size = sizeof options, .image_column = "photo", .text_column = "alt"};
    expect_with(&options, "c.csv", "alt,photo,path\nx,a.jpg,p\n", "a.jpg=x|path:utf8 p;");
    expect_with(&options, "c.jsonl", "{\"alt\":\"x\",\"Photo\":\"a.jpg\"}\n", "a.jpg=x;");
    expect_error_with(&options, "c.csv", "photo,text\na.jpg,x\n", LANCELET_INVALID,
                      ": there is no column alt; columns: photo, text");
    expect_error_with(&options, "c.jsonl", "{\"path\":\"a.jpg\"}\n", LANCELET_INVALID,
                      ": there is no column photo; columns: path");
    expect_error_with(&options, "c.jsonl", "{\"photo\":\"a.jpg\"}\n", LANCELET_INVALID, ": there is no column alt");
}

static void excluded_pictures_are_left_out(void **state)
{
    (void)state;
    const char *exclude[] = {"b.*", "sub"};
    source_options options = {.struct_size = sizeof options, .exclude = exclude, .n_exclude = 2};
    expect_with(&options, "c.csv", "path\na.jpg\nb.jpg\nsub/x.jpg\n", "a.jpg=-;");
}

static void text_is_made_utf8_and_paths_are_not(void **state)
{
    (void)state;
    expect("c.csv", "path,caption,x\nl\xe9.jpg,caf\xe9,\xff\n",
           "l\xe9.jpg=caf\xef\xbf\xbd|x:utf8 \xef\xbf\xbd|(no such file);");
}

static void malformed_files_are_refused_with_the_line(void **state)
{
    (void)state;
    expect_error("c.jsonl", "{\"path\":\"a.jpg\"}\n[1]\n", LANCELET_INVALID, ": line 2 is no JSON object");
    source *s;
    lancelet_error err;
    const char *path = write_file("c.jsonl", "{\"path\":\"a.jpg\"}\n\n{\"path\"\n", 27);
    assert_int_equal(source_open(path, NULL, &s, &err), LANCELET_INVALID);
    assert_non_null(strstr(err.text, ": line 3 is no JSON: "));
    path = write_file("c.csv", "path\n\"open\n", 11);
    assert_int_equal(source_open(path, NULL, &s, &err), LANCELET_CORRUPT);
    expect_error("c.csv", "path,a,a\n", LANCELET_INVALID, ": the header names column 'a' twice");
    path = write_file("c.csv", "\xff\xfep\0a\0", 6);
    assert_int_equal(source_open(path, NULL, &s, &err), LANCELET_UNSUPPORTED);
    assert_non_null(strstr(err.text, ": is UTF-16: save it as UTF-8"));
}

static void too_many_columns_and_too_deep_json_are_refused(void **state)
{
    (void)state;
    source *s;
    lancelet_error err;
    base_buffer text = {0};
    assert_true(base_buffer_append_string(&text, "path"));
    for (int i = 0; i < 1025; i++)
        assert_true(base_buffer_printf(&text, ",c%d", i));
    const char *path = write_file("c.csv", (const char *)text.data, text.size);
    assert_int_equal(source_open(path, NULL, &s, &err), LANCELET_LIMIT);
    text.size = 0;
    assert_true(base_buffer_append_string(&text, "{\"path\":"));
    for (int i = 0; i < 100000; i++)
        assert_true(base_buffer_append_string(&text, "["));
    path = write_file("c.jsonl", (const char *)text.data, text.size);
    assert_int_equal(source_open(path, NULL, &s, &err), LANCELET_INVALID);
    base_buffer_free(&text);
}

static void an_empty_file_has_no_items(void **state)
{
    (void)state;
    expect("c.csv", "", "");
    expect("c.jsonl", "", "");
    expect("c.tsv", "path\tcaption\n", "");
}

static void every_failed_allocation_is_an_error_without_a_leak(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"c.csv", "path,caption,n,s\na.jpg,x, y,1,\xff\nb.jpg,z,2,t\na.jpg,w,3,\n,v,4,\n"},
        {"c.csv", "alt,caption\n"},
        {"c.csv", "path,caption_0,caption_1\na.jpg,one,two\n"},
        {"c.jsonl", "{\"path\":\"a.jpg\",\"caption_0\":\"x\",\"caption_1\":\"y\"}\n"},
        {"c.jsonl", "{\"path\":\"a.jpg\",\"text\":[\"x\",\"y\"],\"n\":1}\n{\"path\":\"file:///q\",\"o\":{\"p\":1}}\n"},
        {"c.jsonl", "{\"alt\":\"a.jpg\"}\n"},
    };
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        const char *path = write_file(files[f][0], files[f][1], strlen(files[f][1]));
        lancelet_status status;
        read_with_failing_allocations(path, NULL, &status);
        assert_true(status == LANCELET_OK || status == LANCELET_INVALID);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, make_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(columns_are_found_by_their_header_names_in_any_case),
        TEST(of_several_names_the_first_choice_counts_and_the_others_are_columns),
        TEST(without_a_header_the_columns_are_path_and_caption),
        TEST(a_byte_order_mark_and_cr_lf_are_no_part_of_a_name),
        TEST(unquoted_commas_belong_to_a_caption_at_the_end),
        TEST(several_lines_of_a_picture_make_one_item_at_the_first_place),
        TEST(column_types_are_found_over_the_whole_file),
        TEST(json_types_are_kept),
        TEST(numbered_captions_are_lines_of_one_caption),
        TEST(a_nul_in_json_text_is_replaced_and_in_a_name_a_problem),
        TEST(a_column_without_a_name_is_left_out),
        TEST(relative_paths_start_at_the_files_folder),
        TEST(a_picture_that_is_not_there_is_an_item_with_a_problem),
        TEST(a_caption_without_a_picture_column_is_invalid),
        TEST(named_columns_are_taken),
        TEST(excluded_pictures_are_left_out),
        TEST(text_is_made_utf8_and_paths_are_not),
        TEST(malformed_files_are_refused_with_the_line),
        TEST(too_many_columns_and_too_deep_json_are_refused),
        TEST(an_empty_file_has_no_items),
        TEST(every_failed_allocation_is_an_error_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
