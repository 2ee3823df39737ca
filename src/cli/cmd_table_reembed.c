/* cmd_table_reembed.c - `picask table reembed -m NAME`: another model's vectors for every row. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { DECODE = 1, YES, NO_SYNC };

static const cli_option options[] = {
    {0, "decode", "HOW", DECODE, "full, or fast: JPEGs are decoded at a fraction of their size"},
    CLI_VECTOR_COLUMN_OPTION,
    {0, "yes", NULL, YES, "leave out rows whose picture cannot be read, and fetch the model, unasked"},
    {0, "no-sync", NULL, NO_SYNC, "do not wait for the disk: faster, not safe against power loss"},
    CLI_OPTIONS_END,
};

/* What the events share. */
typedef struct run {
    cli *c;
    cli_progress progress;
    bool yes;
    int refused; /* exit code of a question that was answered with no */
} run;

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    run *r = arg;
    cli_progress_update(&r->progress, done, total);
}

static void on_unreadable(void *arg, const char *row, const char *reason)
{
    run *r = arg;
    cli_progress_unread(&r->progress, "row", row, "cannot read", row, reason);
}

static void on_note(void *arg, int level, const char *sentence)
{
    run *r = arg;
    cli_progress_note(&r->progress, level, sentence);
}

static bool leave_out(void *arg, uint64_t unreadable, uint64_t rows)
{
    run *r = arg;
    char a[32], b[32];
    cli_progress_clear(&r->progress);
    if (!r->yes && r->progress.unnamed > 0)
        cli_say(r->c, "... and %s more (-v names them)", cli_count(r->progress.unnamed, a));
    const char *them = unreadable == 1 ? "it" : "them";
    r->refused = cli_confirm(
        r->yes,
        "the picture%s of %s of the %s rows of '%s' cannot be read, and the new version would be "
        "without %s (the old one keeps %s)",
        unreadable == 1 ? "" : "s", cli_count(unreadable, a), cli_count(rows, b), r->c->table, them, them);
    return r->refused == 0;
}

/* ---- what was done ---- */

static int print_summary(const run *r, const picask_reembed_report *report)
{
    char time[32], rate[48] = "", a[32], b[32], d[32];
    cli_text t = {0};
    char *name = view_clean(r->c->table, strlen(r->c->table)),
         *model = view_clean(r->c->model, strlen(r->c->model));
    if (report->unchanged) {
        cli_putf(&t, "the vectors of '%s' are %s's already; nothing to do\n", name ? name : "",
                 model ? model : "");
    } else {
        if (report->seconds > 0 && report->embedded > 0) {
            double per_second = (double)report->embedded / report->seconds;
            snprintf(rate, sizeof rate, per_second < 10 ? ", %.1f/s" : ", %.0f/s", per_second);
        }
        cli_putf(&t, "Re-embedded '%s' with %s: %s%s\n", name ? name : "", model ? model : "",
                 cli_duration(report->seconds, time), rate);
        cli_putf(&t, "  %s embedded · %s cop%s · %s from a run before\n", cli_count(report->embedded, a),
                 cli_count(report->shared, b), report->shared == 1 ? "y" : "ies",
                 cli_count(report->resumed, d));
        if (report->unreadable > 0)
            cli_putf(&t, "  %s row%s left out whose picture cannot be read; version %llu has %s\n",
                     cli_count(report->unreadable, a), report->unreadable == 1 ? "" : "s",
                     (unsigned long long)report->old_version, report->unreadable == 1 ? "it" : "them");
        char option[256];
        cli_putf(&t,
                 "  the old vectors stay as version %llu, this is version %llu; back: picask table restore "
                 "%llu%s\n",
                 (unsigned long long)report->old_version, (unsigned long long)report->version,
                 (unsigned long long)report->old_version, cli_table_option(r->c, option));
    }
    base_free(name);
    base_free(model);
    return cli_print(&t);
}

static int print_json(run *r, const picask_reembed_report *report)
{
    char seconds[32];
    cli_text t = {0};
    base_format_double(report->seconds, seconds);
    cli_putf(&t, "{\"rows\":%llu,\"embedded\":%llu,\"copies\":%llu,\"resumed\":%llu,\"unreadable\":[",
             (unsigned long long)report->rows, (unsigned long long)report->embedded,
             (unsigned long long)report->shared, (unsigned long long)report->resumed);
    cli_put_bytes(&t, (const char *)r->progress.unread.b.data, r->progress.unread.b.size);
    cli_putf(&t, "],\"unchanged\":%s,\"seconds\":%s,\"version\":%llu,\"old_version\":%llu}\n",
             report->unchanged ? "true" : "false", seconds, (unsigned long long)report->version,
             (unsigned long long)report->old_version);
    t.failed = t.failed || r->progress.unread.failed;
    return cli_print(&t);
}

static int finish(run *r, picask_status status, const picask_reembed_report *report, const picask_error *err)
{
    cli_progress_clear(&r->progress);
    if (r->refused)
        return r->refused;
    if (status == LANCELET_CANCELLED)
        cli_say(r->c, "%s", err->text); /* how to go on */
    if (status != LANCELET_OK)
        return cli_fail_error(err);
    if (r->c->json)
        return print_json(r, report);
    return r->c->quiet ? CLI_DONE : print_summary(r, report);
}

/* Is there a table at all, before a model is fetched for it? */
static int need_table(cli *c)
{
    picask_table *t = NULL;
    picask_error err;
    picask_status status = picask_table_open(c->db, c->table, NULL, &t, &err);
    picask_table_destroy(t);
    return status == LANCELET_OK ? CLI_DONE : cli_fail_error(&err);
}

static int run_reembed(cli *c)
{
    picask_reembed_options o = PICASK_REEMBED_OPTIONS_INIT;
    run r = {.c = c};
    int code = cli_table_operand(c);
    for (size_t i = 0; i < c->n_arguments && code == 0; i++) {
        const char *value = c->argument[i].value;
        r.yes = r.yes || c->argument[i].id == YES;
        o.no_sync = o.no_sync || c->argument[i].id == NO_SYNC;
        if (c->argument[i].id != DECODE)
            continue;
        o.decode_fast = strcmp(value, "fast") == 0;
        if (!o.decode_fast && strcmp(value, "full") != 0)
            code = cli_fail("--decode takes full or fast, not '%s'", value);
    }
    if (code == 0 && !c->model)
        code = cli_fail(
            "table reembed needs the new model: picask table reembed -m NAME; see: picask model list");
    if (code || !cli_db(c))
        return code ? code : CLI_ERROR;
    code = need_table(c);
    if (code == 0)
        code = cli_need_model(c, c->model, r.yes);
    if (code)
        return code;
    o.threads = c->threads;
    o.vector_column = c->vector_column;
    o.cancel = cli_cancel_flag();
    o.events = (picask_reembed_events){&r, on_progress, on_unreadable, on_note, leave_out};
    cli_progress_start(&r.progress, c);
    picask_reembed_report report;
    memset(&report, 0, sizeof report);
    picask_error err;
    picask_status status = picask_table_reembed(c->db, c->table, c->model, &o, &report, &err);
    code = finish(&r, status, &report, &err);
    base_buffer_free(&r.progress.unread.b);
    return code;
}

const cli_command cli_table_reembed = {
    "reembed",
    NULL,
    "[NAME]",
    "compute all vectors again with another model (-m), as a new version",
    options,
    NULL,
    "Ids, captions and all other columns stay, and the old vectors as a version of\n"
    "their own. A run that was stopped goes on where it was. A picture that cannot be\n"
    "read is named; its row is in the new version no more, if you say so.\n"
    "\n"
    "  picask table reembed -m ViT-B-32\n"
    "  picask table reembed holidays -m ~/models/clip-vit-large-patch14 --decode fast\n",
    run_reembed,
};
