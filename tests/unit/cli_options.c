/* The parser of the command line, and did-you-mean. */
#include "support.h"

#include "cli/cli.h"

enum { LIMIT = 1, FILES, NUL, SHOW };

static const cli_option options[] = {
    {'n', "limit", "N", LIMIT, "rows"},   {0, "top", "N", LIMIT, NULL},
    {'f', "files", NULL, FILES, "paths"}, {'0', NULL, NULL, NUL, "NUL"},
    {0, "show", "[N]", SHOW, "draw"},     CLI_OPTIONS_END,
};

static int nothing(cli *c)
{
    (void)c;
    return 0;
}

static const cli_command find_command = {"search", "find", "", "", options, NULL, "", nothing};
static const cli_command verb = {"list", NULL, "", "", NULL, NULL, "", nothing};
static const cli_command *const verbs[] = {&verb, NULL};
static const cli_command table_command = {"table", NULL, "", "", NULL, verbs, "", NULL};
static const cli_command *const commands[] = {&find_command, &table_command, NULL};

/* What cli_fail prints goes to /dev/null meanwhile. */
static int parse(cli *c, const char *const *words)
{
    char *argv[16] = {(char *)(uintptr_t) "picask"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    memset(c, 0, sizeof *c);
    int kept = dup(2);
    assert_non_null(freopen("/dev/null", "w", stderr));
    int code = cli_parse(c, commands, argc, argv);
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    return code;
}

#define PARSE(c, ...) parse(c, (const char *const[]){__VA_ARGS__, NULL})

static void expect(const cli *c, size_t i, int id, const char *value)
{
    assert_true(i < c->n_arguments);
    assert_int_equal(c->argument[i].id, id);
    if (value)
        assert_string_equal(c->argument[i].value, value);
    else
        assert_null(c->argument[i].value);
}

static void a_short_option_takes_its_value_joined_or_apart(void **state)
{
    (void)state;
    cli c;
    assert_int_equal(PARSE(&c, "search", "-n3", "-n", "4", "dog"), 0);
    expect(&c, 0, LIMIT, "3");
    expect(&c, 1, LIMIT, "4");
    expect(&c, 2, 0, "dog");
    base_free(c.argument);
}

static void a_long_option_takes_its_value_with_equals_or_apart(void **state)
{
    (void)state;
    cli c;
    assert_int_equal(PARSE(&c, "search", "--limit=3", "--top", "4", "--limit="), 0);
    expect(&c, 0, LIMIT, "3");
    expect(&c, 1, LIMIT, "4");
    expect(&c, 2, LIMIT, "");
    base_free(c.argument);
}

static void short_flags_combine(void **state)
{
    (void)state;
    cli c;
    assert_int_equal(PARSE(&c, "search", "-f0n7"), 0);
    expect(&c, 0, FILES, NULL);
    expect(&c, 1, NUL, NULL);
    expect(&c, 2, LIMIT, "7");
    base_free(c.argument);
}

static void an_optional_value_is_given_with_equals_only(void **state)
{
    (void)state;
    cli c;
    assert_int_equal(PARSE(&c, "search", "--show", "3", "--show=2"), 0);
    expect(&c, 0, SHOW, NULL);
    expect(&c, 1, 0, "3");
    expect(&c, 2, SHOW, "2");
    base_free(c.argument);
}

static void options_of_every_command_stand_before_or_after_it(void **state)
{
    (void)state;
    cli c;
    assert_int_equal(PARSE(&c, "-d", "before", "search", "-t", "after", "--json", "-qv"), 0);
    assert_string_equal(c.db_option, "before");
    assert_string_equal(c.table, "after");
    assert_true(c.json && c.quiet && c.verbose);
    assert_ptr_equal(c.command, &find_command);
    base_free(c.argument);
}

static void a_lone_dash_is_an_operand(void **state)
{
    (void)state;
    cli c;
    assert_int_equal(PARSE(&c, "search", "dog", "-", "people"), 0);
    expect(&c, 1, 0, "-");
    base_free(c.argument);
}

static void two_dashes_end_options(void **state)
{
    (void)state;
    cli c;
    assert_int_equal(PARSE(&c, "search", "--", "-n", "--limit"), 0);
    expect(&c, 0, 0, "-n");
    expect(&c, 1, 0, "--limit");
    base_free(c.argument);
}

static void a_verb_is_found_below_its_command(void **state)
{
    (void)state;
    cli c;
    assert_int_equal(PARSE(&c, "table", "-t", "x", "list"), 0);
    assert_ptr_equal(c.command, &verb);
    assert_ptr_equal(c.parent, &table_command);
    base_free(c.argument);
}

static void an_alias_names_the_same_command(void **state)
{
    (void)state;
    cli c;
    assert_int_equal(PARSE(&c, "find", "dog"), 0);
    assert_ptr_equal(c.command, &find_command);
    base_free(c.argument);
}

static void what_is_unknown_or_incomplete_is_exit_code_2(void **state)
{
    (void)state;
    static const char *const lines[][4] = {
        {"search", "--where", "x", NULL},    {"search", "-z", NULL, NULL},
        {"search", "--limit", NULL, NULL},   {"search", "-n", NULL, NULL},
        {"search", "--files=3", NULL, NULL}, {"serach", NULL, NULL, NULL},
        {"table", "lst", NULL, NULL},        {"search", "--threads", "0", NULL},
        {"--limit", "3", "search", NULL},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        cli c;
        assert_int_equal(parse(&c, lines[i]), 2);
        base_free(c.argument);
    }
}

static void the_nearest_name_is_within_two_slips(void **state)
{
    (void)state;
    static const char *const names[] = {"limit", "files", "show", NULL, "offset"};
    assert_string_equal(cli_nearest("limt", names, 5), "limit");
    assert_string_equal(cli_nearest("flies", names, 5), "files"); /* neighbours swapped: one slip */
    assert_string_equal(cli_nearest("ofset", names, 5), "offset");
    assert_string_equal(cli_nearest("offsets", names, 5), "offset");
    assert_null(cli_nearest("where", names, 5));
    assert_null(cli_nearest("nprobes", names, 5));
    assert_null(cli_nearest("in", names, 5));
}

static void numbers_are_whole_and_within_bounds(void **state)
{
    (void)state;
    int64_t v = 0;
    int kept = dup(2);
    assert_non_null(freopen("/dev/null", "w", stderr));
    int codes[] = {cli_number("-n", "12", 1, 100, &v),
                   cli_number("-n", "0", 1, 100, &v),
                   cli_number("-n", "101", 1, 100, &v),
                   cli_number("-n", "1.5", 1, 100, &v),
                   cli_number("-n", "99999999999999999999", 1, 100, &v),
                   cli_number("-n", "", 1, 100, &v)};
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    assert_int_equal(codes[0], 0);
    for (size_t i = 1; i < sizeof codes / sizeof codes[0]; i++)
        assert_int_equal(codes[i], 2);
}

static void an_age_has_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } table[] = {{"90s", 90}, {"30m", 1800}, {"12h", 43200}, {"7d", 604800}, {"2w", 1209600}, {"0", 0}, {"0d", 0}};
    static const char *const wrong[] = {"7", "d", "", "-1d", "7 d", "1.5h", "7x", "99999999999999w"};
    int64_t us;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(cli_age("--older-than", table[i].text, &us), 0);
        assert_int_equal(us, table[i].seconds * 1000000);
    }
    int kept = dup(2);
    assert_non_null(freopen("/dev/null", "w", stderr));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(cli_age("--older-than", wrong[i], &us), CLI_ERROR);
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_option_takes_its_value_joined_or_apart),
        cmocka_unit_test(a_long_option_takes_its_value_with_equals_or_apart),
        cmocka_unit_test(short_flags_combine),
        cmocka_unit_test(an_optional_value_is_given_with_equals_only),
        cmocka_unit_test(options_of_every_command_stand_before_or_after_it),
        cmocka_unit_test(a_lone_dash_is_an_operand),
        cmocka_unit_test(two_dashes_end_options),
        cmocka_unit_test(a_verb_is_found_below_its_command),
        cmocka_unit_test(an_alias_names_the_same_command),
        cmocka_unit_test(what_is_unknown_or_incomplete_is_exit_code_2),
        cmocka_unit_test(the_nearest_name_is_within_two_slips),
        cmocka_unit_test(numbers_are_whole_and_within_bounds),
        cmocka_unit_test(an_age_has_a_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
