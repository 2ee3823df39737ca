/* cmd_table_tag.c - `picask table tag`: names of versions, which keep them from being cleaned up. */
#include "cli/cli.h"

#include <string.h>

#include "base/text.h"

enum { DELETE = 1 };
static const cli_option options[] = {
    {0, "delete", "NAME", DELETE, "take a tag away; its version stays until it is cleaned up"},
    CLI_OPTIONS_END,
};

static void put_json(cli_text *t, const char *name, uint64_t version)
{
    cli_put(t, "{\"tag\":");
    cli_put_json(t, name);
    cli_putf(t, ",\"version\":%llu}\n", (unsigned long long)version);
}

/* *version: of the tag `name`, 0 where there is none. */
static int find_tag(cli *c, const char *path, const char *name, uint64_t *version)
{
    lancelet_tag *tags = NULL;
    size_t n = 0;
    picask_error err;
    *version = 0;
    if (lancelet_tags(path, &tags, &n, &err) != LANCELET_OK)
        return cli_fail_table(c, &err);
    for (size_t i = 0; i < n; i++)
        if (strcmp(tags[i].name, name) == 0)
            *version = tags[i].version;
    lancelet_free(tags);
    return 0;
}

/* Of a tag that was made or taken away: an object where those are asked for. */
static int tell_json(const char *name, uint64_t version)
{
    cli_text t = {0};
    put_json(&t, name, version);
    return cli_print(&t);
}

static int list_tags(cli *c, const char *path)
{
    lancelet_tag *tags = NULL;
    size_t n = 0;
    char option[256];
    picask_error err;
    cli_text t = {0};
    if (lancelet_tags(path, &tags, &n, &err) != LANCELET_OK)
        return cli_fail_table(c, &err);
    size_t width = 0;
    for (size_t i = 0; i < n; i++)
        width = strlen(tags[i].name) > width ? strlen(tags[i].name) : width;
    for (size_t i = 0; i < n; i++) {
        if (c->json) {
            put_json(&t, tags[i].name, tags[i].version);
            continue;
        }
        cli_put_field(&t, tags[i].name);
        if (c->out.is_terminal)
            cli_putf(&t, "%*s  version %llu\n", (int)(width - strlen(tags[i].name)), "",
                     (unsigned long long)tags[i].version);
        else
            cli_putf(&t, "\t%llu\n", (unsigned long long)tags[i].version);
    }
    lancelet_free(tags);
    int code = cli_print(&t);
    if (code == 0 && n == 0) {
        cli_say(c, "table '%s' has no tags; give its newest version a name: picask table tag NAME%s", c->table,
                cli_table_option(c, option));
        code = CLI_NOTHING;
    }
    return code;
}

static int delete_tag(cli *c, const char *path, const char *name)
{
    picask_error err;
    uint64_t version = 0;
    int code = find_tag(c, path, name, &version);
    if (code)
        return code;
    if (version == 0) {
        char option[256];
        cli_fail("table '%s' has no tag '%s'; its tags: picask table tag%s", c->table, name,
                 cli_table_option(c, option));
        return CLI_NOTHING;
    }
    if (lancelet_tag_delete(path, name, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    if (c->json)
        return tell_json(name, version);
    cli_say(c, "version %llu of '%s' is no longer tagged '%s'", (unsigned long long)version, c->table, name);
    return CLI_DONE;
}

static int make_tag(cli *c, const char *path, const char *name, const char *which)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    picask_table *table = NULL;
    picask_error err;
    uint64_t before = 0;
    if (*name && name[strspn(name, "0123456789")] == '\0')
        return cli_fail("a tag of digits alone, '%s', would be taken for a version; give it a letter: picask "
                        "table tag v%s",
                        name, name);
    int code = find_tag(c, path, name, &before);
    c->at_version = which;
    if (code == 0)
        code = cli_open_table(c, &table);
    if (code)
        return code;
    lancelet_table_get_info(picask_table_lance(table), &info);
    if (lancelet_table_tag(picask_table_lance(table), name, false, &err) != LANCELET_OK)
        code = cli_fail_error(&err);
    else if (c->json)
        code = tell_json(name, info.version);
    else if (before && before != info.version)
        cli_say(c, "version %llu of '%s' is tagged '%s' now, version %llu no longer",
                (unsigned long long)info.version, c->table, name, (unsigned long long)before);
    else
        cli_say(c, "version %llu of '%s' is tagged '%s'", (unsigned long long)info.version, c->table, name);
    picask_table_destroy(table);
    return code;
}

static int run_tag(cli *c)
{
    const char *deleted = NULL;
    char *path = NULL;
    size_t n = 0;
    const char **operands = cli_operands(c, &n);
    if (!operands)
        return CLI_ERROR;
    const char *name = n > 0 ? operands[0] : NULL, *which = n > 1 ? operands[1] : NULL;
    base_free(operands);
    for (size_t i = 0; i < c->n_arguments; i++)
        if (c->argument[i].id == DELETE)
            deleted = c->argument[i].value;
    if (n > 2)
        return cli_fail("table tag takes a name and a version: picask table tag best 12");
    if (deleted && n > 0)
        return cli_fail("--delete takes the tag's name alone; the table is named by -t");
    int code = cli_table_path(c, &path);
    if (code == 0)
        code = deleted ? delete_tag(c, path, deleted)
               : name  ? make_tag(c, path, name, which)
                       : list_tags(c, path);
    base_free(path);
    return code;
}

const cli_command cli_table_tag = {
    "tag",
    NULL,
    "[NAME [N]]",
    "give a version a name; without one list the names",
    options,
    NULL,
    "  picask table tag                        the tags that there are\n"
    "  picask table tag before-cleanup         of the newest version\n"
    "  picask table tag best 12 -t holidays    of version 12; a tag that is there moves\n"
    "  picask table tag --delete best\n"
    "\n"
    "A tagged version is never cleaned up. --at-version and restore take tags as well as\n"
    "numbers.\n",
    run_tag,
};
