/* help.c - help, made from the tables of commands and options, so that it lists what exists; and the screen of a bare
 * `picask`. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

const cli_command *const cli_commands[] = {
    &cli_index,  &cli_search, &cli_show_command, &cli_sample,  &cli_ask,  &cli_embed,
    &cli_remove, &cli_table,  &cli_model,        &cli_dataset, &cli_help, NULL,
};

static void put_everywhere(void)
{
    fputs("Every command takes, before or after its name:\n"
          "  -d, --db DIR        the database: a folder of tables  (PICASK_DB; else .picask\n"
          "                      here or above; else ~/.local/share/picask)\n"
          "  -t, --table NAME    the table  (PICASK_TABLE; else pictures)\n"
          "  -m, --model NAME    a model, or its PATH  (PICASK_MODEL; else the table's own)\n"
          "      --threads N     threads  (PICASK_THREADS; else one a CPU)\n"
          "      --json          JSON, one object a line\n"
          "  -q, --quiet         no messages\n"
          "  -v, --verbose       more messages\n"
          "  -h, --help          help for the command\n",
          stdout);
}

void cli_print_help(void)
{
    fputs("picask " PICASK_VERSION " - find, show and talk about pictures\n"
          "\n"
          "picask COMMAND [OPTIONS] ...\n"
          "\n",
          stdout);
    for (size_t i = 0; cli_commands[i]; i++)
        printf("  %-7s  %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fputs("\n", stdout);
    put_everywhere();
    fputs("\n"
          "  picask index ~/Pictures\n"
          "  picask search a road with a stop sign -n 3\n"
          "  picask search --help\n",
          stdout);
}

/* ---- lines that fit the terminal ---- */

#define READABLE 100 /* columns of running text at most */

/* Columns of a terminal; elsewhere lines are as long as they are. */
static size_t line_width(void)
{
    view_terminal t;
    view_terminal_get(1, &t);
    return !t.is_terminal || t.columns <= 40 ? SIZE_MAX : t.columns < READABLE ? (size_t)t.columns : READABLE;
}

/* text [n] from column `at` on, broken between words; further lines begin at `indent`. */
static void put_wrapped(const char *text, size_t n, size_t at, size_t indent)
{
    size_t width = line_width();
    while (at + n > width) {
        size_t fits = width > at ? width - at : 0, cut = fits;
        while (cut > 0 && text[cut] != ' ')
            cut--;
        if (cut == 0)
            break; /* one word too long for any line */
        printf("%.*s\n%*s", (int)cut, text, (int)indent, "");
        while (cut < n && text[cut] == ' ')
            cut++;
        text += cut;
        n -= cut;
        at = indent;
    }
    printf("%.*s\n", (int)n, text);
}

/* Lines that begin with a word are running text up to the next that does not: *n bytes are one line then, owned. */
static char *one_line(const char *text, size_t *n)
{
    *n = 0;
    while (text[*n] && text[*n] != '\n' && text[*n] != ' ')
        *n += strcspn(text + *n, "\n") + (text[*n + strcspn(text + *n, "\n")] == '\n');
    char *line = base_strndup(text, *n);
    for (char *p = line; p && *p; p++)
        if (*p == '\n')
            *p = p[1] ? ' ' : '\0';
    return line;
}

/* A command's further help: running text is broken anew; an example that is longer than the terminal goes on under its second
 * column, if it has one. */
static void put_paragraphs(const char *text)
{
    for (const char *line = text; *line;) {
        size_t n = 0;
        char *running = line_width() == SIZE_MAX ? NULL : one_line(line, &n);
        if (!running)
            n = 0;
        else if (n > 0)
            put_wrapped(running, strlen(running), 0, 0);
        base_free(running);
        line += n;
        if (n > 0)
            continue;
        n = strcspn(line, "\n");
        size_t indent = strspn(line, " ");
        const char *column = indent > 0 && n > indent ? strstr(line + indent, "   ") : NULL;
        if (column && column < line + n)
            indent = (size_t)(column - line) + strspn(column, " ");
        put_wrapped(line, n, 0, indent);
        line += n + (line[n] == '\n');
    }
}

/* "-n, --limit N" */
static int option_head(const cli_option *o, char *out, size_t size)
{
    char letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c%s", o->letter, o->name ? ", " : "");
    const char *dashes = o->name ? "--" : "";
    if (o->value && o->value[0] == '[')
        return snprintf(out, size, "%s%s%s[=%s", letter, dashes, o->name, o->value + 1);
    return snprintf(out, size, "%s%s%s%s%s", letter, dashes, o->name ? o->name : "", o->value ? " " : "",
                    o->value ? o->value : "");
}

static void put_options(const cli_option *options)
{
    char head[80];
    int width = 0;
    for (const cli_option *o = options; o->letter || o->name; o++)
        if (o->help && option_head(o, head, sizeof head) > width)
            width = option_head(o, head, sizeof head);
    for (const cli_option *o = options; o->letter || o->name; o++)
        if (o->help) {
            option_head(o, head, sizeof head);
            printf("  %-*s  ", width, head);
            put_wrapped(o->help, strlen(o->help), (size_t)width + 4, (size_t)width + 4);
        }
}

void cli_print_command_help(const cli_command *command, const cli_command *parent)
{
    printf("picask %s%s%s%s%s%s%s%s\n", parent ? parent->name : "", parent ? " " : "", command->name,
           *command->arguments ? " " : "", command->arguments, command->options ? " [OPTIONS]" : "",
           command->alias ? "      also: " : "", command->alias ? command->alias : "");
    put_wrapped(command->summary, strlen(command->summary), 0, 0);
    if (command->verbs) {
        int width = 0;
        for (size_t i = 0; command->verbs[i]; i++)
            if ((int)strlen(command->verbs[i]->name) > width)
                width = (int)strlen(command->verbs[i]->name);
        fputs("\n", stdout);
        for (size_t i = 0; command->verbs[i]; i++) {
            const char *summary = command->verbs[i]->summary;
            printf("  %-*s  ", width, command->verbs[i]->name);
            put_wrapped(summary, strlen(summary), (size_t)width + 4, (size_t)width + 4);
        }
    }
    if (command->options) {
        fputs("\n", stdout);
        put_options(command->options);
    }
    fputs("\n", stdout);
    put_paragraphs(command->text);
    put_paragraphs("\nAnd -d DIR, -t TABLE, -m MODEL, --threads N, --json, -q, -v as in picask help.\n");
}

/* ---- picask alone ---- */

static void put_tables(cli_text *t, const char *db, char **names, size_t n)
{
    size_t width = 0;
    for (size_t i = 0; i < n; i++)
        width = strlen(names[i]) > width ? strlen(names[i]) : width;
    /* One screen: a database of many tables is listed by `table list`. */
    size_t shown = n > 8 ? 7 : n;
    for (size_t i = 0; i < shown; i++) {
        picask_table *table = NULL;
        picask_error err;
        char *name = view_clean(names[i], strlen(names[i]));
        if (picask_table_open(db, names[i], NULL, &table, &err) == LANCELET_OK) {
            char rows[32];
            lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
            lancelet_table_get_info(picask_table_lance(table), &info);
            const char *model = picask_table_model_name(table);
            char *clean = view_clean(model ? model : "", model ? strlen(model) : 0);
            cli_putf(t, "  %-*s  %9s row%s  %s\n", (int)width, name ? name : "", cli_count(info.rows, rows),
                     info.rows == 1 ? " " : "s", clean ? clean : "");
            base_free(clean);
        } else {
            cli_putf(t, "  %-*s  cannot be read\n", (int)width, name ? name : "");
        }
        picask_table_destroy(table);
        base_free(name);
    }
    if (shown < n)
        cli_putf(t, "  and %zu more: picask table list\n", n - shown);
}

int cli_print_screen(cli *c)
{
    char **names = NULL;
    size_t n = 0;
    picask_error err;
    const char *db = cli_db(c);
    if (!db)
        return CLI_ERROR;
    if (picask_tables(db, &names, &n, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    cli_text t = {0};
    char *shown = cli_shown_path(db);
    cli_put(&t, "picask " PICASK_VERSION " · ask your pictures\n\n");
    if (n > 0) {
        cli_putf(&t, "%s\n", shown ? shown : "");
        put_tables(&t, db, names, n);
    } else {
        cli_putf(&t, "No tables yet in %s\n", shown ? shown : "");
    }
    cli_put(&t, "\nTry\n"
                "  picask index ~/Pictures         pictures into the table 'pictures'\n"
                "  picask search a red car         the nearest pictures\n"
                "  picask search ./dog.jpg         pictures like this one\n"
                "  picask sample                   two at random\n"
                "  picask help                     all commands\n");
    base_free(shown);
    picask_names_free(names, n);
    return cli_print(&t);
}

/* ---- picask help [COMMAND [VERB]] ---- */

static const cli_command *named(const cli_command *const *commands, const char *name)
{
    for (; commands && *commands; commands++)
        if (strcmp((*commands)->name, name) == 0 ||
            ((*commands)->alias && strcmp((*commands)->alias, name) == 0))
            return *commands;
    return NULL;
}

static int run_help(cli *c)
{
    size_t n = 0;
    const char **words = cli_operands(c, &n);
    if (!words)
        return CLI_ERROR;
    const cli_command *parent = NULL, *command = n > 0 ? named(cli_commands, words[0]) : NULL;
    size_t at = 0;
    if (command && n > 1) {
        parent = command;
        command = named(parent->verbs, words[++at]);
    }
    int code;
    if (n > 0 && !command) {
        code = cli_fail("no help for '%s'; the commands: picask help", words[at]);
    } else {
        if (command)
            cli_print_command_help(command, parent);
        else
            cli_print_help();
        code = cli_finish_output();
    }
    base_free(words);
    return code;
}

const cli_command cli_help = {
    "help", NULL, "[COMMAND]", "this, or help for a command", NULL, NULL, "  picask help search\n", run_help,
};
