/* Display columns, cleaning and cutting of text. Widths are those of UAX #11; a cut never splits a character. */
#include "support.h"

#include "view/view.h"

static void expect_clean(const char *s, size_t n, const char *expected)
{
    char *clean = view_clean(s, n);
    assert_string_equal(clean, expected);
    base_free(clean);
}

static void newlines_and_tabs_become_spaces(void **state)
{
    (void)state;
    expect_clean("a\nb\tc\r", 6, "a b c ");
}

static void control_characters_become_question_marks(void **state)
{
    (void)state;
    expect_clean("\033[31mred\a\x7f", 10, "?[31mred??");
    expect_clean("\xc2\x9b"
                 "2J",
                 4, "?2J"); /* U+009B, CSI in one character */
    expect_clean("a\0b", 3, "a?b");
}

static void what_is_no_utf8_becomes_the_replacement_character(void **state)
{
    (void)state;
    expect_clean("caf\xe9", 4, "caf\xef\xbf\xbd");
}

static void direction_overrides_are_taken_out(void **state)
{
    (void)state;
    expect_clean("a\xe2\x80\xae"
                 "gpj.exe",
                 11, "a\xef\xbf\xbdgpj.exe");
}

static void wide_characters_take_two_columns(void **state)
{
    (void)state;
    assert_int_equal(view_width("abc"), 3);
    assert_int_equal(view_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
    assert_int_equal(view_width("\xf0\x9f\x90\x95"), 2);
}

static void combining_marks_take_no_column(void **state)
{
    (void)state;
    assert_int_equal(view_width("e\xcc\x81"), 1);
}

static void expect_end(const char *s, size_t columns, const char *expected)
{
    char *cut = view_cut_end(s, columns);
    assert_string_equal(cut, expected);
    base_free(cut);
}

static void text_is_cut_at_the_end_with_an_ellipsis(void **state)
{
    (void)state;
    expect_end("a road with a stop sign", 40, "a road with a stop sign");
    expect_end("a road with a stop sign", 23, "a road with a stop sign");
    expect_end("a road with a stop sign", 11, "a road wit\xe2\x80\xa6");
    expect_end("a road with a stop sign", 8, "a road\xe2\x80\xa6"); /* no blank before it */
    expect_end("abc", 1, "\xe2\x80\xa6");
    expect_end("abc", 0, "");
}

static void a_wide_character_is_cut_whole(void **state)
{
    (void)state;
    expect_end("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 4, "\xe6\x97\xa5\xe2\x80\xa6");
}

static void a_path_keeps_its_file_name(void **state)
{
    (void)state;
    char *cut = view_cut_front("~/Pictures/2019/IMG_0007.jpg", 14);
    assert_string_equal(cut, "\xe2\x80\xa6/IMG_0007.jpg");
    assert_true(view_width(cut) <= 14);
    base_free(cut);
}

static void a_cut_path_does_not_begin_with_a_combining_mark(void **state)
{
    (void)state;
    char *cut = view_cut_front("xxe\xcc\x81zz", 3);
    assert_string_equal(cut, "\xe2\x80\xa6zz");
    base_free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newlines_and_tabs_become_spaces),
        cmocka_unit_test(control_characters_become_question_marks),
        cmocka_unit_test(what_is_no_utf8_becomes_the_replacement_character),
        cmocka_unit_test(direction_overrides_are_taken_out),
        cmocka_unit_test(wide_characters_take_two_columns),
        cmocka_unit_test(combining_marks_take_no_column),
        cmocka_unit_test(text_is_cut_at_the_end_with_an_ellipsis),
        cmocka_unit_test(a_wide_character_is_cut_whole),
        cmocka_unit_test(a_path_keeps_its_file_name),
        cmocka_unit_test(a_cut_path_does_not_begin_with_a_combining_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
