/* options.c - the command line by tables: options of every command before or after it, options of a command, operands in
 * between. As getopt_long: -n3, -n 3, --limit=3, --limit 3, -0f; "--" ends options; a lone "-" is an operand. Names are
 * not abbreviated, so that a name added later breaks no script. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
    OPT_DB = -1,
    OPT_TABLE = -2,
    OPT_MODEL = -3,
    OPT_THREADS = -4,
    OPT_JSON = -5,
    OPT_QUIET = -6,
    OPT_VERBOSE = -7,
    OPT_HELP = -8,
    OPT_VERSION = -9
};

static const cli_option everywhere[] = {
    {'d', "db", "DIR", OPT_DB, ""},
    {'t', "table", "NAME", OPT_TABLE, ""},
    {'m', "model", "NAME", OPT_MODEL, ""},
    {0, "threads", "N", OPT_THREADS, ""},
    {0, "json", NULL, OPT_JSON, ""},
    {'q', "quiet", NULL, OPT_QUIET, ""},
    {'v', "verbose", NULL, OPT_VERBOSE, ""},
    {'h', "help", NULL, OPT_HELP, ""},
    CLI_OPTIONS_END,
};
static const cli_option at_the_start[] = {
    {0, "version", NULL, OPT_VERSION, ""},
    CLI_OPTIONS_END,
};

/* ---- did you mean ---- */

const char *cli_nearest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    /* Two slips, but at most every third letter. */
    size_t limit = strlen(word) / 3 < 2 ? strlen(word) / 3 : 2, least = limit + 1;
    for (size_t i = 0; i < n; i++) {
        if (!names[i])
            continue;
        size_t far = base_text_distance(word, names[i]);
        if (far < least) {
            least = far;
            best = names[i];
        }
    }
    return best;
}

/* ---- one option ---- */

static const cli_option *find_in(const cli_option *table, char letter, const char *name, size_t n)
{
    for (; table && (table->letter || table->name); table++) {
        if (letter ? table->letter == letter
                   : table->name && strlen(table->name) == n && memcmp(table->name, name, n) == 0)
            return table;
    }
    return NULL;
}

static const cli_option *find(const cli *c, char letter, const char *name, size_t n)
{
    const cli_option *found = find_in(everywhere, letter, name, n);
    if (!found && c->command)
        found = find_in(c->command->options, letter, name, n);
    if (!found && !c->command)
        found = find_in(at_the_start, letter, name, n);
    return found;
}

static int unknown_option(const cli *c, const char *word, size_t n)
{
    const char *names[64];
    size_t count = 0;
    const cli_option *tables[3] = {everywhere, c->command ? c->command->options : at_the_start, NULL};
    for (size_t t = 0; tables[t] && t < 2; t++)
        for (const cli_option *o = tables[t]; (o->letter || o->name) && count < 64; o++)
            if (o->help)
                names[count++] = o->name;
    char *name = base_strndup(word, n);
    const char *near = name && n > 1 ? cli_nearest(name, names, count) : NULL;
    const char *dashes = n > 1 ? "--" : "-";
    if (near)
        cli_fail("unknown option %s%s; did you mean --%s?", dashes, name, near);
    else if (c->command)
        cli_fail("unknown option %s%s; these exist: picask %s%s%s --help", dashes, name ? name : "",
                 c->parent ? c->parent->name : "", c->parent ? " " : "", c->command->name);
    else
        cli_fail("unknown option %s%s; these exist: picask help", dashes, name ? name : "");
    base_free(name);
    return CLI_ERROR;
}

static int parse_threads(cli *c, const char *name, const char *value)
{
    int64_t v;
    int code = cli_number(name, value, 1, 1024, &v);
    if (code == 0)
        c->threads = (int)v;
    return code;
}

static void keep(cli *c, int id, const char *value)
{
    c->argument[c->n_arguments].id = id;
    c->argument[c->n_arguments++].value = value;
}

static int lacks_value(const cli_option *o)
{
    if (o->name)
        return cli_fail("--%s needs a value: --%s %s", o->name, o->name, o->value);
    return cli_fail("-%c needs a value: -%c %s", o->letter, o->letter, o->value);
}

/* A path that is empty (a script's unset variable) would name the current folder, or nothing. */
static bool takes_path(const cli_option *o)
{
    return o->id > 0 && o->value &&
           (strncmp(o->value, "DIR", 3) == 0 || strncmp(o->value, "FILE", 4) == 0 ||
            strncmp(o->value, "PATH", 4) == 0);
}

static int take(cli *c, const cli_option *o, const char *value)
{
    if (takes_path(o) && value && !*value)
        return lacks_value(o);
    switch (o->id) {
    case OPT_DB:
        c->db_option = value;
        break;
    case OPT_TABLE:
        c->table = value;
        c->table_given = true;
        break;
    case OPT_MODEL:
        c->model = value;
        c->model_given = true;
        break;
    case OPT_THREADS:
        return parse_threads(c, "--threads", value);
    case OPT_JSON:
        c->json = true;
        break;
    case OPT_QUIET:
        c->quiet = true;
        break;
    case OPT_VERBOSE:
        c->verbose = true;
        break;
    case OPT_HELP:
        c->help = true;
        break;
    case OPT_VERSION:
        c->version = true;
        break;
    case CLI_AT_VERSION:
        c->at_version = value;
        break;
    case CLI_VECTOR_COLUMN:
        c->vector_column = value;
        break;
    default:
        keep(c, o->id, value);
    }
    return 0;
}

/* --name, --name=value, --name value */
static int take_long(cli *c, const char *word, int argc, char **argv, int *at)
{
    const char *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    const cli_option *o = find(c, 0, word, n);
    if (!o)
        return unknown_option(c, word, n);
    const char *value = equals ? equals + 1 : NULL;
    if (!o->value && value)
        return cli_fail("--%s takes no value", o->name);
    if (o->value && o->value[0] != '[' && !value) {
        if (*at + 1 >= argc)
            return lacks_value(o);
        value = argv[++*at];
    }
    return take(c, o, value);
}

/* -f, -f0, -n3, -n 3 */
static int take_letters(cli *c, const char *word, int argc, char **argv, int *at)
{
    for (const char *p = word; *p; p++) {
        const cli_option *o = find(c, *p, NULL, 0);
        if (!o)
            return unknown_option(c, p, 1);
        if (!o->value || o->value[0] == '[') {
            int code = take(c, o, NULL);
            if (code)
                return code;
            continue;
        }
        const char *value = p[1] ? p + 1 : NULL;
        if (!value) {
            if (*at + 1 >= argc)
                return lacks_value(o);
            value = argv[++*at];
        }
        return take(c, o, value);
    }
    return 0;
}

/* ---- the whole line ---- */

static const cli_command *find_command(const cli_command *const *commands, const char *word)
{
    for (; *commands; commands++)
        if (strcmp((*commands)->name, word) == 0 ||
            ((*commands)->alias && strcmp((*commands)->alias, word) == 0))
            return *commands;
    return NULL;
}

static int unknown_command(const cli *c, const cli_command *const *commands, const char *word)
{
    const char *names[32];
    size_t n = 0;
    for (; commands[n] && n < 32; n++)
        names[n] = commands[n]->name;
    const char *near = cli_nearest(word, names, n);
    const char *before = c->command ? c->command->name : "";
    const char *space = c->command ? " " : "";
    if (near)
        return cli_fail("unknown command '%s%s%s'; did you mean '%s%s%s'?", before, space, word, before,
                        space, near);
    return cli_fail("unknown command '%s%s%s'; these exist: picask %s%s", before, space, word,
                    c->command ? c->command->name : "help", c->command ? " --help" : "");
}

int cli_parse(cli *c, const cli_command *const *commands, int argc, char **argv)
{
    const char *from_environment = getenv("PICASK_TABLE");
    c->table = from_environment && *from_environment ? from_environment : "pictures";
    from_environment = getenv("PICASK_MODEL");
    c->model = from_environment && *from_environment ? from_environment : NULL;
    from_environment = getenv("PICASK_THREADS");
    if (from_environment && *from_environment) {
        int code = parse_threads(c, "PICASK_THREADS", from_environment);
        if (code)
            return code;
    }

    /* A group of letters may hold as many options as it has letters. */
    size_t most = 1;
    for (int i = 1; i < argc; i++)
        most += strlen(argv[i]) + 1;
    c->argument = base_alloc_array(most, sizeof *c->argument);
    if (!c->argument)
        return cli_fail("out of memory");

    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        int code = 0;
        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
        } else if (!options_end && word[0] == '-' && word[1] == '-') {
            code = take_long(c, word + 2, argc, argv, &i);
        } else if (!options_end && word[0] == '-' && word[1]) {
            code = take_letters(c, word + 1, argc, argv, &i);
        } else if (commands) {
            const cli_command *found = find_command(commands, word);
            if (!found) {
                code = unknown_command(c, commands, word);
            } else {
                c->parent = c->command;
                c->command = found;
                commands = found->verbs;
            }
        } else {
            keep(c, 0, word);
        }
        if (code)
            return code;
    }
    return 0;
}

const char **cli_operands(const cli *c, size_t *n)
{
    const char **out = base_alloc_array(c->n_arguments + 1, sizeof *out);
    *n = 0;
    for (size_t i = 0; out && i < c->n_arguments; i++)
        if (c->argument[i].id == 0)
            out[(*n)++] = c->argument[i].value;
    if (!out)
        cli_fail("out of memory");
    return out;
}

int cli_number(const char *option, const char *value, int64_t min, int64_t max, int64_t *out)
{
    if (!base_parse_i64(value, strlen(value), out))
        return cli_fail("%s: '%s' is no whole number", option, value);
    if (*out < min)
        return cli_fail("%s: %s is below %lld", option, value, (long long)min);
    if (*out > max)
        return cli_fail("%s: %s is above %lld", option, value, (long long)max);
    return 0;
}

int cli_real(const char *option, const char *value, double *out)
{
    if (!base_parse_double(value, strlen(value), out) || *out != *out)
        return cli_fail("%s: '%s' is no number", option, value);
    return 0;
}

int cli_age(const char *option, const char *value, int64_t *us)
{
    static const char units[] = "smhdw";
    static const int64_t seconds[] = {1, 60, 3600, 86400, 604800};
    size_t n = strlen(value);
    const char *unit = n > 1 ? strchr(units, value[n - 1]) : NULL;
    int64_t v;
    if (strcmp(value, "0") == 0) {
        *us = 0;
        return 0;
    }
    if (!unit || !base_parse_i64(value, n - 1, &v) || v < 0)
        return cli_fail("%s takes an age like 30m, 12h, 7d or 2w, not '%s'", option, value);
    int64_t one = seconds[unit - units] * 1000000;
    if (v > INT64_MAX / one)
        return cli_fail("%s: %s is too long", option, value);
    *us = v * one;
    return 0;
}
