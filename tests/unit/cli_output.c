/* Escaping for JSON, TSV and people; counts, durations and sizes; the progress bar. */
#include "support.h"

#include <math.h>

#include "cli/cli.h"

static void expect_text(cli_text *t, const char *expected)
{
    assert_false(t->failed);
    char *text = base_buffer_to_string(&t->b);
    assert_string_equal(text, expected);
    base_free(text);
}

static void json_leaves_no_control_character_raw(void **state)
{
    (void)state;
    cli_text t = {0};
    cli_put_json(&t, "a\"\\\n\033\x7f\xc2\x9b\xe2\x82\xac");
    expect_text(&t, "\"a\\\"\\\\\\n\\u001b\\u007f\\u009b\xe2\x82\xac\"");
    cli_put_json(&t, NULL);
    expect_text(&t, "null");
}

static void json_numbers_read_back_and_are_never_nan(void **state)
{
    (void)state;
    cli_text t = {0};
    cli_put_json_float(&t, 0.1f);
    expect_text(&t, "0.1");
    cli_put_json_float(&t, NAN);
    cli_put_json_float(&t, INFINITY);
    expect_text(&t, "nullnull");
}

static void a_tsv_field_escapes_tabs_newlines_and_controls(void **state)
{
    (void)state;
    cli_text t = {0};
    cli_put_field(&t, "a\tb\nc\rd\\e\033[0m\xc2\x9b");
    expect_text(&t, "a\\tb\\nc\\rd\\\\e\\x1b[0m\\x9b");
}

static picask_row row_of(void)
{
    picask_row row;
    memset(&row, 0, sizeof row);
    row.id = 569;
    row.uri = "/gta/00569.jpg";
    row.text = "a truck\na stop sign";
    row.distance = 0.7123f;
    row.score = 0.2877f;
    row.size = -1;
    return row;
}

static void a_row_is_six_fields_in_tsv(void **state)
{
    (void)state;
    picask_row row = row_of();
    cli_text t = {0};
    cli_put_row_tsv(&t, 1, &row, NULL, 0);
    expect_text(&t, "1\t569\t0.7123\t0.2877\t/gta/00569.jpg\ta truck\\na stop sign\n");
}

static void a_row_of_no_search_has_no_distance_in_tsv(void **state)
{
    (void)state;
    picask_row row = row_of();
    row.distance = row.score = NAN;
    row.text = NULL;
    cli_text t = {0};
    cli_put_row_tsv(&t, 2, &row, NULL, 0);
    expect_text(&t, "2\t569\t\t\t/gta/00569.jpg\t\n");
}

static void columns_asked_for_follow_in_tsv(void **state)
{
    (void)state;
    static const char *const columns[] = {"width", "camera", "none"};
    picask_row row = row_of();
    row.extra = "\"width\":640,\"camera\":\"A\\tB\",\"none\":null";
    cli_text t = {0};
    cli_put_row_tsv(&t, 1, &row, columns, 3);
    expect_text(&t, "1\t569\t0.7123\t0.2877\t/gta/00569.jpg\ta truck\\na stop sign\t640\tA\\tB\t\n");
}

static void counts_have_commas(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(cli_count(0, out), "0");
    assert_string_equal(cli_count(999, out), "999");
    assert_string_equal(cli_count(34810, out), "34,810");
    assert_string_equal(cli_count(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static void durations_choose_their_unit(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(cli_duration(0.038, out), "38 ms");
    assert_string_equal(cli_duration(3.21, out), "3.2 s");
    assert_string_equal(cli_duration(59.97, out), "1 min 0 s");
    assert_string_equal(cli_duration(684, out), "11 min 24 s");
    assert_string_equal(cli_duration(4320, out), "1 h 12 min");
    assert_string_equal(cli_duration(3599.9, out), "1 h 0 min");
}

static void sizes_choose_their_unit(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(cli_size(512, out), "512 bytes");
    assert_string_equal(cli_size(345000, out), "345 KB");
    assert_string_equal(cli_size(1700000000, out), "1.7 GB");
    assert_string_equal(cli_size(999700, out), "1.0 MB");
}

static void expect_bar(uint64_t done, uint64_t total, double rate, size_t columns, const char *expected)
{
    base_buffer b = {0};
    cli_progress_bar(false, done, total, rate, columns, &b);
    char *text = base_buffer_to_string(&b);
    assert_string_equal(text, expected);
    base_free(text);
}

static void the_bar_shows_share_rate_and_time_left(void **state)
{
    (void)state;
    expect_bar(34810, 80983, 118, 100,
               "embedding  ##########-------------  34,810/80,983  43 %  118/s  6:31 left");
    expect_bar(5, 5, 2.5, 100, "embedding  #######################  5/5  100 %  2.5/s");
    expect_bar(0, 100000, 1, 100, "embedding  -----------------------  0/100,000  0 %  1.0/s  27:46:40 left");
}

static void the_bar_gives_way_to_the_numbers_on_a_narrow_terminal(void **state)
{
    (void)state;
    expect_bar(1, 2, 1, 50, "embedding  #####----  1/2  50 %  1.0/s  0:01 left");
}

static void expect_bytes_bar(uint64_t done, uint64_t total, double rate, size_t columns, const char *expected)
{
    base_buffer b = {0};
    cli_progress_bar(true, done, total, rate, columns, &b);
    char *text = base_buffer_to_string(&b);
    assert_string_equal(text, expected);
    base_free(text);
}

static void the_bar_of_a_fetch_counts_bytes(void **state)
{
    (void)state;
    expect_bytes_bar(425000000, 1700000000, 10000000, 100,
                     "fetching  ######-----------------  425 MB/1.7 GB  25 %  10 MB/s  2:08 left");
    expect_bytes_bar(0, 1700000000, 0, 100, "fetching  -----------------------  0 bytes/1.7 GB  0 %");
    expect_bytes_bar(2000, 1000, 0, 100, "fetching  #######################  2.0 KB/2.0 KB  100 %");
    expect_bytes_bar(1000, 2000, 100, 50, "fetching  1.0 KB/2.0 KB  50 %  100 bytes/s  0:10 left");
}

static void a_sentence_shows_the_home_folder_as_a_tilde(void **state)
{
    (void)state;
    setenv("HOME", "/home/u", 1);
    char *s = cli_shown_sentence("no table 'x' in /home/u/.local; see '/home/u' but /home/user stays\n");
    assert_string_equal(s, "no table 'x' in ~/.local; see '~' but /home/user stays ");
    base_free(s);
    s = cli_shown_path("/home/u/a\033b.jpg");
    assert_string_equal(s, "~/a?b.jpg");
    base_free(s);
    s = cli_shown_path("/home/user/a.jpg");
    assert_string_equal(s, "/home/user/a.jpg");
    base_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_leaves_no_control_character_raw),
        cmocka_unit_test(json_numbers_read_back_and_are_never_nan),
        cmocka_unit_test(a_tsv_field_escapes_tabs_newlines_and_controls),
        cmocka_unit_test(a_row_is_six_fields_in_tsv),
        cmocka_unit_test(a_row_of_no_search_has_no_distance_in_tsv),
        cmocka_unit_test(columns_asked_for_follow_in_tsv),
        cmocka_unit_test(counts_have_commas),
        cmocka_unit_test(durations_choose_their_unit),
        cmocka_unit_test(sizes_choose_their_unit),
        cmocka_unit_test(the_bar_shows_share_rate_and_time_left),
        cmocka_unit_test(the_bar_gives_way_to_the_numbers_on_a_narrow_terminal),
        cmocka_unit_test(the_bar_of_a_fetch_counts_bytes),
        cmocka_unit_test(a_sentence_shows_the_home_folder_as_a_tilde),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
