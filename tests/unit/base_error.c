/* Statuses and their sentences. */
#include "support.h"

#include <errno.h>

#include "base/error.h"
#include "base/pool.h"
#include "base/text.h"

static void text_and_status_are_put_and_returned(void **state)
{
    (void)state;
    lancelet_error err;
    assert_int_equal(base_fail(&err, LANCELET_LIMIT, "%d is more than %s", 7, "six"), LANCELET_LIMIT);
    assert_int_equal(err.status, LANCELET_LIMIT);
    assert_string_equal(err.text, "7 is more than six");
    assert_int_equal(base_fail(NULL, LANCELET_IO, "nobody listens"), LANCELET_IO);
}

static void control_characters_become_question_marks(void **state)
{
    (void)state;
    lancelet_error err;
    base_fail(&err, LANCELET_IO, "a\nb\033[31m\x7F\xC2\x9B%s", "é");
    assert_string_equal(err.text, "a?b?[31m???é");
}

/* names out of archives, and a "%.100s" that ends in the middle of a character */
static void bytes_that_are_no_utf_8_become_question_marks(void **state)
{
    (void)state;
    lancelet_error err;
    base_fail(&err, LANCELET_IO, "a%s %.1s", "\xFF\xC3\xED\xA0\x80", "é");
    assert_string_equal(err.text, "a????? ?");
    base_error_prefix(&err, "%.2s", "né");
    assert_string_equal(err.text, "n?: a????? ?");
}

static void long_text_is_cut_between_characters(void **state)
{
    (void)state;
    lancelet_error err;
    char word[3001];
    for (size_t shift = 0; shift < 4; shift++) {
        size_t n = shift;
        memset(word, 'x', n);
        for (; n + 4 < sizeof word; n += 4)
            memcpy(word + n, "\xF0\x9F\x90\x95", 4);
        word[n] = '\0';
        base_fail(&err, LANCELET_IO, "%s", word);
        size_t length = strlen(err.text);
        assert_true(length < sizeof err.text && length >= sizeof err.text - 4);
        assert_true(base_utf8_valid(err.text, length));
    }
}

static void the_reason_follows_the_sentence(void **state)
{
    (void)state;
    lancelet_error err;
    assert_int_equal(base_fail_errno(&err, EACCES, "cannot open %s", "x"), LANCELET_IO);
    assert_string_equal(err.text, "cannot open x: Permission denied");
    assert_int_equal(base_fail_errno(&err, ENOENT, "cannot open x"), LANCELET_NOT_FOUND);
    assert_int_equal(base_fail_errno(&err, ENOSPC, "cannot write x"), LANCELET_IO);
    assert_string_equal(err.text, "cannot write x: disk full");
    base_fail_errno(&err, EDQUOT, "cannot write x");
    assert_string_equal(err.text, "cannot write x: disk full");
}

static void the_reason_survives_a_long_path(void **state)
{
    (void)state;
    lancelet_error err;
    char path[2000];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    base_fail_errno(&err, ENOSPC, "cannot write %s", path);
    assert_non_null(strstr(err.text, "ppp: disk full"));
}

static void a_prefix_stands_in_front(void **state)
{
    (void)state;
    lancelet_error err;
    base_fail(&err, LANCELET_CORRUPT, "the file ends early");
    base_error_prefix(&err, "%s", "a.jpg");
    assert_string_equal(err.text, "a.jpg: the file ends early");
    assert_int_equal(err.status, LANCELET_CORRUPT);
    base_error_prefix(NULL, "x");
}

static void each_status_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(base_status_name(LANCELET_NOT_FOUND), "not found");
    for (int i = LANCELET_OK; i <= LANCELET_CANCELLED; i++)
        assert_string_not_equal(base_status_name((lancelet_status)i), "unknown");
    lancelet_error err;
    assert_int_equal(base_fail_cancelled(&err), LANCELET_CANCELLED);
    assert_int_equal(base_fail_memory(&err), LANCELET_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_status_are_put_and_returned),
        cmocka_unit_test(control_characters_become_question_marks),
        cmocka_unit_test(bytes_that_are_no_utf_8_become_question_marks),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(the_reason_follows_the_sentence),
        cmocka_unit_test(the_reason_survives_a_long_path),
        cmocka_unit_test(a_prefix_stands_in_front),
        cmocka_unit_test(each_status_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
