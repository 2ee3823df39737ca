/* place.c - where things lie: the database's folder, tables in it, rows by id or path; and paths as a person reads them. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "gallery/gallery.h"
#include "source/source.h"

/* The home folder without a slash at its end, or NULL. */
static const char *home_folder(size_t *n)
{
    const char *home = getenv("HOME");
    if (!home || home[0] != '/')
        return NULL;
    *n = strlen(home);
    while (*n > 0 && home[*n - 1] == '/')
        (*n)--;
    return *n > 0 ? home : NULL;
}

/* The nearest .picask folder here or above: owned, or NULL when there is none. */
static char *folder_here_or_above(void)
{
    char *folder = base_path_absolute(".");
    while (folder) {
        char *candidate = base_path_join(folder, ".picask");
        base_stat st;
        picask_error err;
        if (candidate && base_file_stat(candidate, &st, &err) == LANCELET_OK && st.exists && st.is_dir) {
            base_free(folder);
            return candidate;
        }
        base_free(candidate);
        bool root = strcmp(folder, "/") == 0;
        char *parent = root ? NULL : base_path_parent(folder);
        base_free(folder);
        folder = parent;
    }
    return NULL;
}

const char *cli_db(cli *c)
{
    if (c->db)
        return c->db;
    const char *given = c->db_option ? c->db_option : getenv("PICASK_DB");
    if (c->db_option && !*c->db_option) {
        cli_fail("--db needs a folder: -d DIR");
        return NULL;
    }
    if (given && *given) {
        c->db = base_path_absolute(given);
    } else {
        c->db = folder_here_or_above();
        const char *data = getenv("XDG_DATA_HOME");
        size_t n;
        const char *home = home_folder(&n);
        if (!c->db && data && data[0] == '/') {
            c->db = base_path_join(data, "picask");
        } else if (!c->db && home) {
            c->db = base_format("%.*s/.local/share/picask", (int)n, home);
        } else if (!c->db) {
            cli_fail("HOME is not set, so there is no place for tables; name a folder: -d DIR");
            return NULL;
        }
    }
    if (!c->db)
        cli_fail("out of memory");
    return c->db;
}

/* ---- paths as a person reads them ---- */

/* Where a path may begin in a sentence. */
static bool begins_word(const char *sentence, const char *at)
{
    return at == sentence || strchr(" '\"(:=,", at[-1]) != NULL;
}

char *cli_shown_sentence(const char *sentence)
{
    size_t n = 0;
    const char *home = home_folder(&n);
    cli_text t = {0};
    for (const char *p = sentence; *p;) {
        bool here = home && begins_word(sentence, p) && strncmp(p, home, n) == 0;
        if (here && (!p[n] || strchr("/ '\":;,)", p[n]))) {
            cli_put(&t, "~");
            p += n;
        } else {
            cli_put_bytes(&t, p++, 1);
        }
    }
    char *raw = t.failed ? NULL : base_buffer_to_string(&t.b);
    base_buffer_free(&t.b);
    char *clean = raw ? view_clean(raw, strlen(raw)) : NULL;
    base_free(raw);
    return clean;
}

bool cli_frame(const char *uri, size_t *length, uint64_t *ms)
{
    const char *fragment;
    double seconds;
    if (!uri || !source_uri_split(uri, length, &fragment) || strncmp(fragment, "t=", 2) != 0 ||
        !base_parse_double(fragment + 2, strlen(fragment + 2), &seconds) || !(seconds >= 0 && seconds < 1e12))
        return false;
    *ms = (uint64_t)(seconds * 1000 + 0.5);
    return true;
}

char *cli_shown_path(const char *path_or_uri)
{
    char time[32] = "";
    size_t length, n = 0;
    uint64_t ms;
    const char *home = home_folder(&n);
    if (cli_frame(path_or_uri, &length, &ms))
        snprintf(time, sizeof time, " @ %02llu:%02d:%02d", (unsigned long long)(ms / 3600000), (int)(ms / 60000 % 60),
                 (int)(ms / 1000 % 60));
    else
        length = strlen(path_or_uri);
    char *whole = base_strndup(path_or_uri, length);
    char *path = whole && strncmp(whole, "file://", 7) == 0 ? source_path_from_uri(whole) : NULL;
    const char *p = path ? path : whole;
    bool below = p && home && strncmp(p, home, n) == 0 && (p[n] == '/' || !p[n]);
    char *short_path = p ? base_format("%s%s%s", below ? "~" : "", below ? p + n : p, time) : NULL;
    base_free(path);
    base_free(whole);
    char *clean = short_path ? view_clean(short_path, strlen(short_path)) : NULL;
    base_free(short_path);
    return clean;
}

/* ---- tables and rows ---- */

int cli_open_table(cli *c, picask_table **out)
{
    const char *db = cli_db(c);
    if (!db)
        return CLI_ERROR;
    char option[256];
    picask_table_options options = PICASK_TABLE_OPTIONS_INIT;
    options.model = c->model;
    options.threads = c->threads;
    options.vector_column = c->vector_column;
    picask_error err;
    if (c->at_version && base_parse_u64(c->at_version, strlen(c->at_version), &options.version)) {
        if (options.version == 0)
            return cli_fail("there is no version 0; the versions of '%s': picask table versions%s", c->table,
                            cli_table_option(c, option));
    } else {
        options.tag = c->at_version;
    }
    if (picask_table_open(db, c->table, &options, out, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    return 0;
}

int cli_table_named(cli *c, const char *name)
{
    if (name && c->table_given && strcmp(c->table, name) != 0)
        return cli_fail("two tables are named, '%s' and '%s'; give one", c->table, name);
    if (name) {
        c->table = name;
        c->table_given = true;
    }
    return 0;
}

int cli_table_operand(cli *c)
{
    size_t n = 0;
    const char **operands = cli_operands(c, &n);
    int code = operands ? 0 : CLI_ERROR;
    if (code == 0 && n > 1)
        code = cli_fail("table %s takes one name, not %zu", c->command->name, n);
    if (code == 0)
        code = cli_table_named(c, n ? operands[0] : NULL);
    base_free(operands);
    return code;
}

int cli_table_path(cli *c, char **path)
{
    picask_error err;
    const char *db = cli_db(c);
    if (!db)
        return CLI_ERROR;
    if (gallery_table_path(db, c->table, path, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    return 0;
}

int cli_fail_table(cli *c, const picask_error *err)
{
    picask_table *table = NULL;
    if (err->status != LANCELET_NOT_FOUND)
        return cli_fail_error(err);
    c->at_version = NULL;
    int code = cli_open_table(c, &table);
    picask_table_destroy(table);
    return code ? code : cli_fail_error(err);
}

const char *cli_table_option(const cli *c, char out[256])
{
    snprintf(out, 256, "%s%s", strcmp(c->table, "pictures") == 0 ? "" : " -t ",
             strcmp(c->table, "pictures") == 0 ? "" : c->table);
    return out;
}

int cli_row_name(const char *operand, bool *is_id, int64_t *id, char **uri)
{
    *uri = NULL;
    *is_id = base_parse_i64(operand, strlen(operand), id);
    if (*is_id)
        return 0;
    if (strstr(operand, "://")) {
        *uri = base_strdup(operand);
    } else {
        *uri = base_path_absolute(operand); /* as a uri too where it is not UTF-8: the library looks for both */
    }
    return *uri ? 0 : cli_fail("out of memory");
}
