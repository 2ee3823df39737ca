/* Numbers, UTF-8, time, JSON strings, globs, slips between names. Shortest texts come from Python and NumPy:
 * tests/golden/make_base_numbers.py. */
#include "support.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>

#include "base/fault.h"
#include "base/text.h"

/* Digits without zeros at either end and the exponent of the last one, of any of our notations. */
static void normalise(const char *text, char *digits, int *exponent)
{
    int n = 0, point = 0;
    bool behind_point = false;
    *exponent = 0;
    for (const char *c = text; *c; c++) {
        if (*c == 'e') {
            *exponent = atoi(c + 1);
            break;
        }
        if (*c == '.')
            behind_point = true;
        else if (*c != '-' && (n > 0 || *c != '0')) {
            digits[n++] = *c;
            point -= behind_point;
        } else if (*c == '0')
            point -= behind_point;
    }
    while (n > 1 && digits[n - 1] == '0') {
        n--;
        point++;
    }
    digits[n] = '\0';
    *exponent += point;
}

static void numbers_are_as_short_as_pythons(void **state)
{
    (void)state;
    FILE *f = fopen(FIXTURES "/base/numbers.txt", "r");
    assert_non_null(f);
    char kind, digits[40], ours[40], text[32];
    uint64_t bits;
    int exponent, our_exponent, lines = 0;
    while (fscanf(f, " %c %" SCNx64 " %39s %d", &kind, &bits, digits, &exponent) == 4) {
        double value, back;
        size_t n;
        if (kind == 'd') {
            memcpy(&value, &bits, 8);
            n = base_format_double(value, text);
        } else {
            uint32_t narrow = (uint32_t)bits;
            float single;
            memcpy(&single, &narrow, 4);
            value = (double)single;
            n = base_format_float(single, text);
        }
        assert_int_equal(n, strlen(text));
        normalise(text, ours, &our_exponent);
        if (strcmp(ours, digits) != 0 || our_exponent != exponent)
            fail_msg("%c %" PRIx64 ": %s, not %se%d", kind, bits, text, digits, exponent);
        assert_true(base_parse_double(text, n, &back));
        assert_true(kind == 'd' ? back == value : (float)back == (float)value);
        lines++;
    }
    fclose(f);
    assert_true(lines > 4000);
}

static void numbers_look_as_people_write_them(void **state)
{
    (void)state;
    char out[32];
    static const struct {
        double v;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {-2.5, "-2.5"},
                 {0.1, "0.1"},
                 {100, "100"},
                 {1e15, "1000000000000000"},
                 {1e16, "1e16"},
                 {1.5e300, "1.5e300"},
                 {0.00001, "0.00001"},
                 {0.000001, "1e-6"},
                 {1.25e-7, "1.25e-7"},
                 {123456.789, "123456.789"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e308"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        base_format_double(cases[i].v, out);
        assert_string_equal(out, cases[i].text);
    }
    base_format_float(0.1f, out);
    assert_string_equal(out, "0.1");
    base_format_float(16777216.0f, out);
    assert_string_equal(out, "16777216");
    base_format_float(-0.33f, out);
    assert_string_equal(out, "-0.33");
    base_format_double((double)NAN, out);
    assert_string_equal(out, "NaN");
    base_format_double(-(double)INFINITY, out);
    assert_string_equal(out, "-Infinity");
}

static void doubles_are_read_strictly(void **state)
{
    (void)state;
    double v;
    static const struct {
        const char *text;
        double v;
    } good[] = {{"1.5", 1.5},
                {"-1.5e3", -1500},
                {"+.5", 0.5},
                {"5.", 5},
                {"0e99999999999999999999", 0},
                {"1E-2", 0.01},
                {"1e-400", 0},
                {"00012", 12},
                {"2.2250738585072011e-308", 2.2250738585072011e-308},
                {"9007199254740993", 9007199254740992.0},
                {"-0", -0.0}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(base_parse_double(good[i].text, strlen(good[i].text), &v));
        assert_true(v == good[i].v && !signbit(v) == !signbit(good[i].v));
    }
    static const char *const bad[] = {"",    ".",    "-",     "e5",    "1e",  "1e+", " 1",  "1 ",
                                      "1,5", "0x10", "1.2.3", "1e400", "inf", "nan", "--1", "1e5x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (base_parse_double(bad[i], strlen(bad[i]), &v))
            fail_msg("\"%s\" was read as a number", bad[i]);
    assert_true(base_parse_double("NaN", 3, &v) && isnan(v));
    assert_true(base_parse_double("-Infinity", 9, &v) && isinf(v) && v < 0);
    assert_true(base_parse_double("123", 2, &v) && v == 12); /* only the bytes given */
}

static void long_numbers_round_correctly(void **state)
{
    (void)state;
    char text[3000];
    double v;
    /* 1 + 2^-53 exactly is a tie and goes to 1; with anything behind it, even 2,000 digits later, it goes up */
    int n = snprintf(text, sizeof text, "1.00000000000000011102230246251565404236316680908203125");
    assert_true(base_parse_double(text, (size_t)n, &v) && v == 1.0);
    memset(text + n, '0', 2000);
    assert_true(base_parse_double(text, (size_t)n + 2000, &v) && v == 1.0);
    text[n + 2000] = '1';
    assert_true(base_parse_double(text, (size_t)n + 2001, &v) && v == nextafter(1.0, 2.0));
    memset(text, '9', 2000);
    assert_false(base_parse_double(text, 2000, &v));
    memcpy(text + 2000, "e-1999", 6);
    assert_true(base_parse_double(text, 2006, &v) && v == 10.0);
}

/* Compiles a locale of our own (glibc's localedef), as an installed one cannot be counted on. */
static bool comma_locale(void)
{
    char command[16000], path[4200];
    snprintf(path, sizeof path, "%s", scratch_folder());
    snprintf(command, sizeof command,
             "printf 'LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\nEND LC_NUMERIC\n' > "
             "%s/source; "
             "localedef -c -i %s/source %s/comma >/dev/null 2>&1; true",
             path, path, path);
    if (system(command) != 0)
        return false;
    char *folder = realpath(path, NULL);
    setenv("LOCPATH", folder ? folder : "", 1);
    free(folder);
    bool set = setlocale(LC_NUMERIC, "comma") && strcmp(localeconv()->decimal_point, ",") == 0;
    unsetenv("LOCPATH");
    return set;
}

static void no_locale_changes_a_number(void **state)
{
    (void)state;
    if (!comma_locale())
        skip_because("no locale with a decimal comma can be made here");
    char out[32], printed[32];
    double v;
    snprintf(printed, sizeof printed, "%.3f", 0.125);
    base_format_double(0.125, out);
    bool read = base_parse_double("0.125", 5, &v), comma_read = base_parse_double("0,125", 5, &v);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(printed, "0,125");
    assert_string_equal(out, "0.125");
    assert_true(read && v == 0.125);
    assert_false(comma_read);
}

static void integers_are_read_strictly(void **state)
{
    (void)state;
    int64_t i;
    uint64_t u;
    assert_true(base_parse_i64("-9223372036854775808", 20, &i) && i == INT64_MIN);
    assert_true(base_parse_i64("9223372036854775807", 19, &i) && i == INT64_MAX);
    assert_true(base_parse_i64("-0", 2, &i) && i == 0);
    assert_true(base_parse_u64("18446744073709551615", 20, &u) && u == UINT64_MAX);
    static const char *const bad[] = {
        "", "-", "+", " 1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809", "-+1", "+-1", "0x1"};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        assert_false(base_parse_i64(bad[k], strlen(bad[k]), &i));
    assert_false(base_parse_u64("18446744073709551616", 20, &u));
    assert_false(base_parse_u64("-1", 2, &u));
}

static void utf8_is_that_of_rfc_3629(void **state)
{
    (void)state;
    uint32_t c;
    char out[4];
    for (uint32_t p = 0; p <= 0x10FFFF; p++) {
        size_t n = base_utf8_encode(p, out);
        size_t back = base_utf8_decode(out, n, &c);
        if (p >= 0xD800 && p <= 0xDFFF)
            assert_int_equal(back, 0);
        else
            assert_true(back == n && c == p && base_utf8_decode(out, n - 1, &c) == 0);
    }
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x9F\xBF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF8\x88\x80\x80\x80",
                                      "\xFF",
                                      "\xC3(",
                                      "\xE2\x82"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(base_utf8_valid(bad[i], strlen(bad[i])));
    assert_true(base_utf8_valid("a\0é€😀", 11));
    char text[] = "twenty-four plain bytes.";
    assert_true(base_utf8_valid(text, 24));
    for (int i = 0; i < 24; i++) { /* wherever plain bytes are skipped by eights */
        char kept = text[i];
        text[i] = (char)0xE9;
        assert_false(base_utf8_valid(text, 24));
        text[i] = kept;
    }
}

static void repair_puts_a_replacement_for_each_bad_byte(void **state)
{
    (void)state;
    char *s = base_utf8_repair("a\xFF\xE2\x82z\xC3\xA9", 7);
    assert_string_equal(s, "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\xC3\xA9");
    base_free(s);
    s = base_utf8_repair("a\0b", 3);
    assert_string_equal(s, "a\xEF\xBF\xBD" "b");
    base_free(s);
    s = base_utf8_repair("", 0);
    assert_string_equal(s, "");
    base_free(s);
}

static void times_are_iso_8601(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00"},
                 {-1, "1969-12-31T23:59:59.999999"},
                 {INT64_C(1772366400500000), "2026-03-01T12:00:00.5"},
                 {INT64_C(951782400000000), "2000-02-29T00:00:00"},
                 {INT64_C(-62135596800000000), "0001-01-01T00:00:00"},
                 {INT64_C(-62167219200000001), "-0001-12-31T23:59:59.999999"},
                 {INT64_MAX, "294247-01-10T04:00:54.775807"},
                 {INT64_MIN, "-290308-12-21T19:59:05.224192"}};
    char out[40];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = base_format_time(cases[i].us, out);
        assert_int_equal(n, strlen(out));
        assert_string_equal(out, cases[i].text);
    }
}

static void civil_dates_are_checked_and_come_back(void **state)
{
    (void)state;
    int64_t us;
    char out[40], wanted[40];
    for (int year = -5; year < 2500; year += 1)
        for (int month = 1; month <= 12; month++) {
            assert_true(base_time_from_civil(year, month, 28, 23, 59, 59, &us));
            base_format_time(us, out);
            snprintf(wanted, sizeof wanted, "%s%04d-%02d-28T23:59:59", year < 0 ? "-" : "", abs(year), month);
            assert_string_equal(out, wanted);
        }
    assert_true(base_time_from_civil(2024, 2, 29, 0, 0, 0, &us));
    assert_false(base_time_from_civil(2023, 2, 29, 0, 0, 0, &us));
    assert_false(base_time_from_civil(1900, 2, 29, 0, 0, 0, &us));
    assert_false(base_time_from_civil(2023, 13, 1, 0, 0, 0, &us));
    assert_false(base_time_from_civil(2023, 0, 1, 0, 0, 0, &us));
    assert_false(base_time_from_civil(2023, 1, 0, 0, 0, 0, &us));
    assert_false(base_time_from_civil(2023, 1, 1, 24, 0, 0, &us));
    assert_false(base_time_from_civil(2023, 1, 1, 0, 60, 0, &us));
    assert_false(base_time_from_civil(2023, 1, 1, 0, 0, 60, &us));
    assert_false(base_time_from_civil(INT32_MAX, 1, 1, 0, 0, 0, &us));
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    base_buffer b = {0};
    assert_true(base_json_append_string(&b, "a\"b\\c\n\t\r\x01/\xFF\xC3\xA9\0x", 15));
    char *s = base_buffer_to_string(&b);
    assert_string_equal(s, "\"a\\\"b\\\\c\\n\\t\\r\\u0001/\xEF\xBF\xBD\xC3\xA9\\u0000x\"");
    base_free(s);
    assert_true(base_json_append_string(&b, "", 0));
    assert_int_equal(b.size, 2);
    char big[400] = {0};
    base_fault_fail_alloc(1);
    assert_false(base_json_append_string(&b, big, sizeof big));
    base_fault_fail_alloc(0);
    assert_int_equal(b.size, 2);
    base_buffer_free(&b);
}

static void globs_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool match;
    } cases[] = {
        {"*.jpg", "a.jpg", true},
        {"*.jpg", "d/a.jpg", false},
        {"**/*.jpg", "a.jpg", true},
        {"**/*.jpg", "d/e/a.jpg", true},
        {"**.jpg", "d/e/a.jpg", true},
        {"d/**", "d/e/f", true},
        {"d/**", "e/f", false},
        {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/y/b", true},
        {"a/**/b", "a/xb", false},
        {"?.png", "é.png", true},
        {"?.png", "/.png", false},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"[^a-c]x", "dx", true},
        {"[]]x", "]x", true},
        {"[a-]x", "-x", true},
        {"[x", "[x", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"**a*b", "a/ab", true},
        {"**/x/*", "a/x/x/y", true},
        {"[!x]", "/", false},
        {"**", "any/thing", true},
        {"a**/b", "axx/yy/b", true},
        {"**/b/**/d", "a/b/c/b/d", true},
        {"**/b/**/d", "ab/c/d", false},
        {"tmp/*", "tmp/", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (base_glob_match(cases[i].pattern, cases[i].path) != cases[i].match)
            fail_msg("%s against %s", cases[i].pattern, cases[i].path);
}

static void a_hostile_glob_ends(void **state)
{
    (void)state;
    char path[5001], pattern[201];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    for (size_t i = 0; i + 2 < sizeof pattern; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[198] = 'b';
    pattern[199] = pattern[200] = '\0';
    assert_false(base_glob_match(pattern, path));
    for (size_t i = 0; i + 3 < sizeof pattern; i += 3)
        memcpy(pattern + i, "**a", 3);
    pattern[198] = 'b';
    assert_false(base_glob_match(pattern, path));
}

static void slips_between_names_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t slips;
    } names[] = {{"", "", 0},          {"abc", "", 3},          {"search", "serach", 1}, {"search", "saerhc", 2}, {"Search", "sEARCH", 0},
                 {"ViT-L-14", "vit-l14", 1}, {"limit", "limt", 1},   {"abc", "xyz", 3},        {"a", "ab", 1}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(base_text_distance(names[i].a, names[i].b), names[i].slips);
        assert_int_equal(base_text_distance(names[i].b, names[i].a), names[i].slips);
    }
    char name[65];
    memset(name, 'a', 64);
    name[64] = '\0';
    assert_int_equal(base_text_distance(name, name), 99);
    assert_int_equal(base_text_distance(name + 1, name + 2), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_as_short_as_pythons),
        cmocka_unit_test(numbers_look_as_people_write_them),
        cmocka_unit_test(doubles_are_read_strictly),
        cmocka_unit_test(long_numbers_round_correctly),
        cmocka_unit_test(no_locale_changes_a_number),
        cmocka_unit_test(integers_are_read_strictly),
        cmocka_unit_test(utf8_is_that_of_rfc_3629),
        cmocka_unit_test(repair_puts_a_replacement_for_each_bad_byte),
        cmocka_unit_test(times_are_iso_8601),
        cmocka_unit_test(civil_dates_are_checked_and_come_back),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(globs_match),
        cmocka_unit_test(a_hostile_glob_ends),
        cmocka_unit_test(slips_between_names_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
