/* cmd_show.c - `picask show`: the picture of a row and what is known about it. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/text.h"
#include "source/source.h"

enum { OUTPUT = 1, PICTURES, SHOW, NO_SHOW };

static const cli_option options[] = {
    {'o', "output", "FILE", OUTPUT, "write the picture to FILE; .png or .jpg converts"},
    {0, "pictures", "SOURCE", PICTURES, "row N shows picture N of SOURCE, where the table names none"},
    CLI_AT_VERSION_OPTION,
    {0, "show", NULL, SHOW, "draw also where the output is no terminal"},
    {0, "no-show", NULL, NO_SHOW, "only the facts"},
    CLI_OPTIONS_END,
};

typedef struct show {
    const char *output;
    const char *source; /* of pictures that the table does not name; NULL: none was given */
    cli_show pictures;
    size_t shown; /* rows so far */
} show;

/* "id 569 · 1,920 x 1,080 · 345 KB · taken 2019-07-01 12:00:00" */
static char *facts_of(const picask_row *row)
{
    cli_text t = {0};
    char text[40];
    cli_putf(&t, "id %lld", (long long)row->id);
    if (row->width > 0)
        cli_putf(&t, " · %d x %d", row->width, row->height);
    if (row->size >= 0)
        cli_putf(&t, " · %s", cli_size((uint64_t)row->size, text));
    if (row->has_taken) {
        base_format_time(row->taken_us, text);
        if (strlen(text) > 10 && text[10] == 'T')
            text[10] = ' ';
        cli_putf(&t, " · taken %s", text);
    }
    char *out = t.failed ? NULL : base_buffer_to_string(&t.b);
    base_buffer_free(&t.b);
    return out;
}

static bool add_facts(view_lines *l, const cli *c, const picask_row *row)
{
    size_t columns = (size_t)c->out.columns;
    const char *bold = c->out.styled ? "1" : NULL, *dim = c->out.styled ? "2" : NULL;
    char *path = cli_shown_path(row->uri ? row->uri : "(no path)"),
         *cut = path ? view_cut_front(path, columns) : NULL;
    bool ok = cut && cli_add_line(l, cut, columns, bold);
    base_free(cut);
    base_free(path);
    for (const char *p = row->text; ok && p && *p;) {
        const char *end = strchr(p, '\n');
        char *caption = view_clean(p, end ? (size_t)(end - p) : strlen(p));
        ok = caption && cli_add_line(l, caption, columns, NULL);
        base_free(caption);
        p = end ? end + 1 : NULL;
    }
    char *facts = ok ? facts_of(row) : NULL;
    ok = facts && cli_add_line(l, facts, columns, dim);
    base_free(facts);
    return ok;
}

/* ---- the picture ---- */

/* The picture that stands at place `at` of a source. */
static picask_status picture_of_source(const char *spec, int64_t at, void **bytes, size_t *n,
                                       picask_error *err)
{
    source_options o = {.struct_size = sizeof o};
    source *s = NULL;
    source_item item = {0};
    uint8_t *read = NULL;
    bool done = at < 0;
    RETURN_IF_ERROR(source_open(spec, &o, &s, err));
    picask_status status = LANCELET_OK;
    for (int64_t i = 0; status == LANCELET_OK && !done && i <= at; i++) {
        source_item_free(&item);
        status = source_next(s, &item, &done, err);
    }
    if (status == LANCELET_OK && done)
        status =
            base_fail(err, LANCELET_NOT_FOUND, "%s has no picture %lld, counted from 0", spec, (long long)at);
    if (status == LANCELET_OK && item.bytes) {
        read = item.bytes;
        *n = item.n_bytes;
        item.bytes = NULL;
    } else if (status == LANCELET_OK) {
        status = item.problem ? base_fail(err, LANCELET_IO, "%s", item.problem)
                              : source_read(item.uri, CLI_PICTURE_BYTES, &read, n, err);
        if (status != LANCELET_OK && status != LANCELET_MEMORY)
            base_error_prefix(err, "%s", item.uri);
    }
    source_item_free(&item);
    source_close(s);
    if (status == LANCELET_OK)
        *bytes = read;
    return status;
}

/* The table's own picture, else the file at its path, else that of --pictures. */
static picask_status picture_of_row(picask_table *table, const picask_row *row, const show *s, void **bytes,
                                    size_t *n, picask_error *err)
{
    picask_status status = picask_row_picture(table, row, bytes, n, err);
    if (status != LANCELET_NOT_FOUND)
        return status;
    if (s->source)
        return picture_of_source(s->source, row->id, bytes, n, err);
    if (row->uri)
        return status;
    char reason[sizeof err->text];
    snprintf(reason, sizeof reason, "%s", err->text);
    return base_fail(err, status, "%s; if it is picture %lld of a folder or list, say so: --pictures SOURCE",
                     reason, (long long)row->id);
}

/* The picture, then the facts under it. */
static int print_on_terminal(cli *c, picask_table *table, const picask_row *row, const show *s, bool picture)
{
    cli_text t = {0};
    view_lines lines = {0};
    picask_error err;
    int code = 0;
    if (picture) {
        int rows = c->out.is_terminal ? c->out.rows - 5 : 24;
        void *bytes = NULL;
        size_t n = 0;
        picask_status status = picture_of_row(table, row, s, &bytes, &n, &err);
        if (status == LANCELET_OK)
            status = cli_draw_bytes(bytes, n, c->out.columns < 160 ? c->out.columns : 160,
                                    rows > 8 ? rows : 8, c->out.colours, &lines, &err);
        picask_free(bytes);
        if (status != LANCELET_OK) {
            view_lines_free(&lines);
            code = cli_fail_picture(row, &err);
        }
    }
    size_t width = (size_t)c->out.columns;
    t.failed = !add_facts(&lines, c, row) || !view_lines_join(&lines, &width, 1, 0, &t.b);
    view_lines_free(&lines);
    int printed = cli_print(&t);
    return printed ? printed : code;
}

/* Is the file to be what the pixels of a frame come as? Or a JPEG, which is made of them without the way over PNG. */
static bool named_as_pixels(const char *path)
{
    const char *dot = strrchr(base_path_name(path), '.');
    return dot && (strcasecmp(dot, ".ppm") == 0 || strcasecmp(dot, ".pnm") == 0 || strcasecmp(dot, ".jpg") == 0 ||
                   strcasecmp(dot, ".jpeg") == 0);
}

static int write_file(const cli *c, picask_table *table, const picask_row *row, const show *s)
{
    const char *path = s->output;
    picask_error err;
    void *bytes = NULL;
    size_t n = 0;
    if (picture_of_row(table, row, s, &bytes, &n, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    if (!named_as_pixels(path) && cli_encode_frame(row, BASE_PICTURE_PNG, &bytes, &n, &err) != LANCELET_OK) {
        picask_free(bytes);
        return cli_fail_error(&err);
    }
    int code = 0;
    if (strcmp(path, "-") == 0) {
        fwrite(bytes, 1, n, stdout);
        code = cli_finish_output();
    } else if (cli_write_picture(path, bytes, n, &err) != LANCELET_OK) {
        code = cli_fail_error(&err);
    } else {
        cli_say(c, "wrote %s", path);
    }
    picask_free(bytes);
    return code;
}

static int show_results(cli *c, picask_table *table, const picask_results *results, show *s)
{
    bool picture = cli_show_count(c, &s->pictures, 1) > 0;
    size_t first = s->shown + 1;
    s->shown += picask_results_count(results);
    if (s->output)
        return write_file(c, table, picask_results_row(results, 0), s);
    if (c->json || (!c->out.is_terminal && !picture)) {
        cli_rows rows = {.table = table, .results = results, .first_rank = first};
        return cli_print_rows(c, &rows);
    }
    int code = 0;
    for (size_t i = 0; i < picask_results_count(results); i++) {
        int one = print_on_terminal(c, table, picask_results_row(results, i), s, picture);
        code = one ? one : code;
    }
    return code;
}

/* *unreadable: the table itself cannot be read, and the next row would say the same. */
static int show_one(cli *c, picask_table *table, const char *operand, show *s, bool *unreadable)
{
    bool is_id;
    int64_t id;
    char *uri;
    int code = cli_row_name(operand, &is_id, &id, &uri);
    if (code)
        return code;
    picask_error err;
    picask_results *results = NULL;
    picask_status status = is_id ? picask_rows_by_id(table, &id, 1, &results, &err)
                                 : picask_rows_by_uri(table, uri, &results, &err);
    if (status != LANCELET_OK) {
        code = cli_fail_error(&err);
        if (status == LANCELET_NOT_FOUND)
            code = CLI_NOTHING;
        else
            *unreadable = true;
    } else {
        code = show_results(c, table, results, s);
    }
    picask_results_destroy(results);
    base_free(uri);
    return code;
}

static int run_show(cli *c)
{
    show s = {0};
    size_t n = 0;
    int code = 0;
    for (size_t i = 0; i < c->n_arguments && code == 0; i++) {
        switch (c->argument[i].id) {
        case 0:
            n++;
            break;
        case OUTPUT:
            s.output = c->argument[i].value;
            break;
        case PICTURES:
            s.source = c->argument[i].value;
            break;
        case SHOW:
            code = cli_show_option(&s.pictures, true, NULL);
            break;
        case NO_SHOW:
            code = cli_show_option(&s.pictures, false, NULL);
            break;
        default:
            break;
        }
    }
    if (code)
        return code;
    if (n == 0)
        return cli_fail("show needs the id or the path of a picture: picask show 12");
    if (n > 1 && s.output)
        return cli_fail("-o takes one picture, not %zu", n);
    picask_table *table = NULL;
    code = cli_open_table(c, &table);
    bool unreadable = false;
    for (size_t i = 0; table && i < c->n_arguments && !unreadable; i++) {
        if (c->argument[i].id != 0)
            continue;
        int one = show_one(c, table, c->argument[i].value, &s, &unreadable);
        code = one > code ? one : code;
    }
    picask_table_destroy(table);
    return code;
}

const cli_command cli_show_command = {
    "show",
    NULL,
    "ID...|PATH...",
    "a picture of the table and its caption",
    options,
    NULL,
    "  picask show 569\n"
    "  picask show ~/Pictures/dog.jpg\n"
    "  picask show 569 -o stop-sign.jpg\n"
    "  picask show 569 -t notebook --pictures ~/gta    a table without paths, made from that folder\n",
    run_show,
};
