/* cmd_index.c - `picask index`: pictures and captions into a table, once, or with --watch again and again. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "source/source.h"

enum {
    OVERWRITE = 1,
    HERE,
    STORE,
    TEXT_COLUMN,
    IMAGE_COLUMN,
    EXCLUDE,
    HIDDEN,
    DRY_RUN,
    STRICT,
    APPEND,
    DECODE,
    YES,
    NO_SYNC,
    PRUNE,
    EVERY,
    WATCH
};

#define EVERY_LEAST_US INT64_C(40000)       /* a frame of a video of 25 a second */
#define EVERY_MOST_US  INT64_C(86400000000) /* a day */

static const cli_option options[] = {
    {0, "overwrite", NULL, OVERWRITE, "the table holds just these sources afterwards (a new version)"},
    {0, "append", NULL, APPEND, "add everything without looking for what is there"},
    {0, "prune", NULL, PRUNE, "remove rows whose file is gone"},
    {0, "watch", NULL, WATCH, "then wait for changes and index again, until Ctrl-C"},
    {0, "every", "TIME", EVERY, "a frame of a video at every 2s, say, instead of where the scene changes"},
    {0, "here", NULL, HERE, "keep the tables in ./.picask, which is found from here and below"},
    {0, "exclude", "GLOB", EXCLUDE, "leave out what matches below the folder; may be repeated"},
    {0, "hidden", NULL, HIDDEN, "walk names that begin with a dot too"},
    {0, "store-images", "WHAT", STORE,
     "none, original, or PIXELS of the longest side of a copy in the table"},
    {0, "text-column", "NAME", TEXT_COLUMN, "column of a caption or Parquet file that holds the captions"},
    {0, "image-column", "NAME", IMAGE_COLUMN, "column that holds the pictures or their paths"},
    CLI_VECTOR_COLUMN_OPTION,
    {0, "decode", "HOW", DECODE, "full, or fast: JPEGs are decoded at a fraction of their size"},
    {0, "dry-run", NULL, DRY_RUN, "count what would be done, change nothing"},
    {0, "strict", NULL, STRICT, "exit code 2 if anything was skipped"},
    {0, "no-sync", NULL, NO_SYNC, "do not wait for the disk: faster, not safe against power loss"},
    {0, "yes", NULL, YES, "do not ask, also where --prune removes more than 10 % of the rows"},
    CLI_OPTIONS_END,
};

/* What the events share. */
typedef struct run {
    cli *c;
    cli_progress progress;
    const char **sources; /* [n_sources] */
    size_t n_sources;
    char **root; /* [n_sources] absolute, for shortening names; entries may be NULL */
    bool yes;
    uint64_t told;     /* bytes of the data set that is being fetched, once they were said */
    int refused;       /* exit code of a removal that was answered with no; 0: none was */
    base_map64 *named; /* of a watch: pictures that were named as broken, with the reason; else NULL */
} run;

static void on_progress(void *arg, uint64_t done, uint64_t total, const picask_index_report *so_far)
{
    run *r = arg;
    (void)so_far;
    cli_progress_update(&r->progress, done, total);
}

/* The name below the source's folder where it lies in one. */
static const char *below_a_source(const run *r, const char *uri)
{
    for (size_t i = 0; i < r->n_sources; i++) {
        size_t n = r->root[i] ? strlen(r->root[i]) : 0;
        if (n > 1 && strncmp(uri, r->root[i], n) == 0 && uri[n] == '/')
            return uri + n + 1;
    }
    return uri;
}

/* A watch meets a broken picture in each round; it is named when it is first met, and again when it is broken otherwise. */
static bool named_before(const run *r, const char *uri, const char *reason)
{
    uint64_t hash;
    char *key = r->named ? base_format("%s\n%s", uri, reason) : NULL;
    bool before = key && base_map64_get(r->named, key, strlen(key), &hash);
    if (key && !before && !base_map64_set(r->named, key, strlen(key), 1))
        before = false; /* memory is out: it is named once too often */
    base_free(key);
    return before;
}

static void on_skipped(void *arg, const char *uri, const char *reason)
{
    run *r = arg;
    if (named_before(r, uri, reason))
        return;
    cli_progress_unread(&r->progress, "uri", uri, "skipped", below_a_source(r, uri), reason);
}

static void on_note(void *arg, int level, const char *sentence)
{
    run *r = arg;
    cli_progress_note(&r->progress, level, sentence);
}

static void on_fetched(void *arg, uint64_t done, uint64_t total)
{
    run *r = arg;
    char size[32];
    if (total != r->told) { /* the size is said before the first byte comes, also where no bar is drawn */
        cli_progress_clear(&r->progress);
        cli_say(r->c, "fetching from Hugging Face: %s", cli_size(total - done, size));
    }
    r->told = total;
    cli_progress_bytes(&r->progress, done, total);
}

static bool on_prune(void *arg, uint64_t rows, uint64_t of)
{
    run *r = arg;
    char a[32], b[32];
    cli_progress_clear(&r->progress);
    r->refused =
        cli_confirm_removal(r->yes, "--prune removes %s of the %s rows of '%s', whose files are gone",
                            cli_count(rows, a), cli_count(of, b), r->c->table);
    return r->refused == 0;
}

static int parse_store(const char *value, picask_index_options *o)
{
    if (strcmp(value, "none") == 0) {
        o->store = PICASK_STORE_NONE;
    } else if (strcmp(value, "original") == 0) {
        o->store = PICASK_STORE_ORIGINAL;
    } else {
        int64_t pixels;
        if (value[0] < '0' || value[0] > '9')
            return cli_fail("--store-images takes none, original or a number of pixels, not '%s'", value);
        int code = cli_number("--store-images", value, 16, 65500, &pixels);
        if (code)
            return code;
        o->store = PICASK_STORE_SCALED;
        o->store_pixels = (int)pixels;
    }
    return 0;
}

typedef struct flags {
    bool here, strict, watch, yes;
} flags;

/* Options that cannot go together. 0, or 2 after a sentence. */
static int check_options(const cli *c, const picask_index_options *o, const flags *f)
{
    if (o->overwrite && o->append)
        return cli_fail("--overwrite and --append exclude each other");
    if (o->append && o->prune)
        return cli_fail(
            "--append looks for nothing that is there, so --prune has nothing to go by; give one");
    if (f->watch && o->append)
        return cli_fail("--watch and --append exclude each other: every round would add everything again");
    if (f->watch && o->dry_run)
        return cli_fail("--watch and --dry-run exclude each other");
    if (f->here && c->db_option)
        return cli_fail("--here and --db both say where the tables are kept; give one");
    return 0;
}

static int read_options(cli *c, picask_index_options *o, flags *f, const char **exclude)
{
    int code = 0;
    for (size_t i = 0; i < c->n_arguments && code == 0; i++) {
        const char *value = c->argument[i].value;
        switch (c->argument[i].id) {
        case OVERWRITE:
            o->overwrite = true;
            break;
        case APPEND:
            o->append = true;
            break;
        case HERE:
            f->here = true;
            break;
        case STRICT:
            f->strict = true;
            break;
        case EXCLUDE:
            exclude[o->n_exclude++] = value;
            break;
        case HIDDEN:
            o->hidden = true;
            break;
        case STORE:
            code = parse_store(value, o);
            break;
        case TEXT_COLUMN:
            o->text_column = value;
            break;
        case IMAGE_COLUMN:
            o->image_column = value;
            break;
        case DRY_RUN:
            o->dry_run = true;
            break;
        case NO_SYNC:
            o->no_sync = true;
            break;
        case PRUNE:
            o->prune = true;
            break;
        case WATCH:
            f->watch = true;
            break;
        case YES:
            f->yes = true;
            break;
        case EVERY:
            code = cli_duration_option("--every", value, EVERY_LEAST_US, EVERY_MOST_US, &o->every_us);
            break;
        case DECODE:
            o->decode_fast = strcmp(value, "fast") == 0;
            if (!o->decode_fast && strcmp(value, "full") != 0)
                code = cli_fail("--decode takes full or fast, not '%s'", value);
            break;
        default:
            break;
        }
    }
    return code ? code : check_options(c, o, f);
}

static int make_folder_here(cli *c, bool dry_run)
{
    picask_error err;
    c->db = base_path_absolute(".picask");
    if (!c->db)
        return cli_fail("out of memory");
    if (!dry_run && base_dir_make(c->db, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    return 0;
}

/* "vipul/gta": as the hub names a data set, and no file's name with an ending. */
static bool is_hub_name(const char *given)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t organisation = strspn(given, letters);
    const char *name = given + organisation + 1;
    return organisation > 0 && given[0] != '.' && given[organisation] == '/' && *name && *name != '.' &&
           !name[strspn(name, letters)] && !strchr(name, '.');
}

static int fail_missing(const char *given)
{
    if (is_hub_name(given))
        return cli_fail("%s is not there; a data set of the hub is written hf://datasets/%s", given, given);
    return cli_fail(
        "%s is not there; a source is a picture, a video, a folder, a .csv, .tsv, .jsonl or .parquet "
        "file, or hf://datasets/ORG/NAME",
        given);
}

/* A source that is not there is an error of the command line, said before anything is read. */
static int check_sources(run *r)
{
    for (size_t i = 0; i < r->n_sources; i++) {
        picask_error err;
        base_stat st;
        if (strncmp(r->sources[i], "file://", 7) != 0 && strstr(r->sources[i], "://"))
            continue;
        char *path = source_path_from_uri(r->sources[i]);
        lancelet_status status = base_file_stat(path ? path : r->sources[i], &st, &err);
        r->root[i] = base_path_absolute(path ? path : r->sources[i]);
        base_free(path);
        if (status != LANCELET_OK)
            return cli_fail_error(&err);
        if (!st.exists)
            return fail_missing(r->sources[i]);
        if (st.is_regular && r->root[i]) {
            /* names are shortened by the folder that the file lies in */
            char *parent = base_path_parent(r->root[i]);
            base_free(r->root[i]);
            r->root[i] = parent;
        }
    }
    return 0;
}

/* ---- what was done ---- */

static void put_skipped_kind(cli_text *t, uint64_t n, const char *what, bool *first)
{
    char number[32];
    if (n == 0)
        return;
    cli_putf(t, "%s%s %s", *first ? ": " : ", ", cli_count(n, number), what);
    *first = false;
}

/* "  (605 MB)", what fetching a model takes; "" where it is here or no size is known. */
static const char *model_size(const char *name, char out[48])
{
    char *json = NULL, size[32];
    picask_error err;
    out[0] = '\0';
    if (picask_model_describe(name, &json, &err) != LANCELET_OK)
        return out;
    json_t *card = json_loads(json, 0, NULL);
    json_int_t bytes = json_integer_value(json_object_get(card, "bytes"));
    if (!json_string_value(json_object_get(card, "path")) && bytes > 0)
        snprintf(out, 48, "  (%s)", cli_size((uint64_t)bytes, size));
    json_decref(card);
    picask_free(json);
    return out;
}

/* Below the summary of a run that filled a table, on a terminal: what the built-in model misses (models/README.md: the same
 * test, Flickr8k), and the way to a better one. */
static void put_better(const run *r, const picask_index_report *report, cli_text *t)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    picask_table *table = NULL;
    picask_error err;
    char option[256], size[48];
    bool built_in = picask_table_open(r->c->db, r->c->table, NULL, &table, &err) == LANCELET_OK &&
                    picask_table_model_name(table) && strcmp(picask_table_model_name(table), "mini-1") == 0;
    if (built_in)
        lancelet_table_get_info(picask_table_lance(table), &info);
    picask_table_destroy(table);
    if (!built_in || info.rows > report->added + report->copies) /* rows of an earlier run: it was said then */
        return;
    cli_table_option(r->c, option);
    char *name = view_clean(option, strlen(option));
    cli_putf(t,
             "Better  'mini' brings the right photo into its first 10 for 69 of 100\n"
             "        captions, CLIP ViT-B/32 for about 90:\n"
             "        picask table reembed -m ViT-B-32%s%s\n",
             name ? name : "", model_size("ViT-B-32", size));
    base_free(name);
}

static int print_summary(const run *r, const picask_index_options *o, const picask_index_report *report,
                         bool stopped)
{
    char time[32], rate[48] = "", a[32], b[32], d[32], e[32], f[32];
    cli_text t = {0};
    if (report->seconds > 0 && report->added > 0) {
        double per_second = (double)report->added / report->seconds;
        snprintf(rate, sizeof rate, per_second < 10 ? ", %.1f/s" : ", %.0f/s", per_second);
    }
    char *what = r->n_sources == 1 ? cli_shown_path(r->sources[0])
                 : r->n_sources    ? base_format("%zu sources", r->n_sources)
                                   : base_strdup("the remembered sources");
    char *db = cli_shown_path(r->c->db), *name = view_clean(r->c->table, strlen(r->c->table));
    cli_putf(&t, "%s %s into '%s' (%s): %s%s\n",
             stopped      ? "Stopped indexing"
             : o->dry_run ? "Would index"
                          : "Indexed",
             what ? what : "", name ? name : "", db ? db : "", cli_duration(report->seconds, time), rate);
    base_free(what);
    base_free(db);
    base_free(name);
    int width = (int)strlen(cli_count(report->added > report->skipped ? report->added : report->skipped, a));
    cli_putf(&t, "  %*s %s · %s cop%s · %s unchanged · %s moved", width, cli_count(report->added, a),
             o->dry_run ? "to embed" : "embedded", cli_count(report->copies, b),
             report->copies == 1 ? "y" : "ies", cli_count(report->unchanged, d), cli_count(report->moved, e));
    if (report->changed > 0)
        cli_putf(&t, " · %s changed", cli_count(report->changed, f));
    if (report->removed > 0)
        cli_putf(&t, " · %s %s", cli_count(report->removed, f), o->dry_run ? "to remove" : "removed");
    cli_put(&t, "\n");
    if (report->skipped > 0) {
        bool first = true;
        cli_putf(&t, "  %*s skipped", width, cli_count(report->skipped, a));
        put_skipped_kind(&t, report->skipped_damaged, "damaged", &first);
        put_skipped_kind(&t, report->skipped_large, "too large", &first);
        put_skipped_kind(&t, report->skipped_unreadable, "not readable", &first);
        put_skipped_kind(&t, report->skipped_unsupported, "of another format", &first);
        cli_put(&t, r->progress.unnamed > 0 ? "   (-v names them)\n" : "\n");
    }
    if (stopped)
        cli_put(&t, "  what is done is kept; the same command goes on from there\n");
    if (report->added > 0 && !stopped && !o->dry_run && r->c->out.is_terminal)
        put_better(r, report, &t);
    return cli_print(&t);
}

static int print_json(run *r, const picask_index_report *report)
{
    char seconds[32];
    cli_text t = {0};
    base_format_double(report->seconds, seconds);
    cli_putf(
        &t,
        "{\"found\":%llu,\"added\":%llu,\"unchanged\":%llu,\"moved\":%llu,\"copies\":%llu,\"removed\":%llu,",
        (unsigned long long)report->found, (unsigned long long)report->added,
        (unsigned long long)report->unchanged, (unsigned long long)report->moved,
        (unsigned long long)report->copies, (unsigned long long)report->removed);
    cli_put(&t, "\"skipped\":[");
    cli_put_bytes(&t, (const char *)r->progress.unread.b.data, r->progress.unread.b.size);
    cli_putf(&t, "],\"seconds\":%s,\"version\":%llu,\"changed\":%llu}\n", seconds,
             (unsigned long long)report->version, (unsigned long long)report->changed);
    t.failed = t.failed || r->progress.unread.failed;
    return cli_print(&t);
}

static bool has_hub_source(const run *r)
{
    for (size_t i = 0; i < r->n_sources; i++)
        if (strncmp(r->sources[i], "hf://", 5) == 0)
            return true;
    return false;
}

static int finish(run *r, const picask_index_options *o, const flags *f, picask_status status,
                  const picask_index_report *report, const picask_error *err)
{
    cli_progress_clear(&r->progress);
    bool stopped = status == LANCELET_CANCELLED;
    int code = 0;
    if (status == LANCELET_OK || stopped) {
        if (r->c->json)
            code = print_json(r, report);
        else if (!r->c->quiet)
            code = print_summary(r, o, report, stopped);
    }
    if (stopped)
        return CLI_INTERRUPTED;
    if (status != LANCELET_OK) {
        cli_fail_error(err);
        /* no pictures there; local sources were looked for before, one of the hub may not be there */
        bool there = r->n_sources > 0 && (report->found > 0 || !has_hub_source(r));
        return status == LANCELET_NOT_FOUND && there ? CLI_NOTHING : CLI_ERROR;
    }
    if (code == 0)
        code = r->refused;
    return code ? code : f->strict && report->skipped > 0 ? CLI_ERROR : CLI_DONE;
}

static picask_status index_over(run *r, const char *const *sources, size_t n, const picask_index_options *o,
                                picask_index_report *report, picask_error *err)
{
    base_buffer_free(&r->progress.unread.b);
    cli_progress_start(&r->progress, r->c);
    r->refused = 0;
    r->told = 0;
    memset(report, 0, sizeof *report);
    return picask_index(r->c->db, r->c->table, sources, n, o, report, err);
}

static picask_status index_once(run *r, const picask_index_options *o, picask_index_report *report,
                                picask_error *err)
{
    return index_over(r, r->sources, r->n_sources, o, report, err);
}

/* ---- --watch ---- */

/* Sure that nothing is there of a source that was given? */
static bool is_away(const char *given)
{
    picask_error err;
    base_stat st = {.exists = true};
    if (strncmp(given, "file://", 7) != 0 && strstr(given, "://"))
        return false;
    char *path = source_path_from_uri(given);
    lancelet_status status = base_file_stat(path ? path : given, &st, &err);
    base_free(path);
    return status == LANCELET_OK && !st.exists;
}

/* A round over the sources that are there: one on a disk that was taken away does not keep changes of the others waiting. */
static picask_status index_again(run *r, const picask_index_options *o, picask_index_report *report, picask_error *err)
{
    size_t n = 0;
    const char **here = base_calloc(r->n_sources + 1, sizeof *here);
    if (!here)
        return base_fail_memory(err);
    for (size_t i = 0; i < r->n_sources; i++)
        if (!is_away(r->sources[i]))
            here[n++] = r->sources[i];
    picask_status status = n > 0 ? index_over(r, here, n, o, report, err) : index_once(r, o, report, err);
    base_free(here);
    return status;
}

static void put_change(cli_text *t, uint64_t n, const char *what, bool *any)
{
    char number[32];
    if (n == 0)
        return;
    cli_putf(t, "%s%s %s", *any ? ", " : "", cli_count(n, number), what);
    *any = true;
}

/* "12:03:04  2 embedded, 1 moved"; nothing of a round in which nothing changed. */
static int print_round(run *r, const picask_index_report *report)
{
    if (r->c->json)
        return report->added + report->copies + report->changed + report->moved + report->removed > 0
                   ? print_json(r, report)
                   : 0;
    cli_text t = {0};
    char clock[16] = "";
    struct tm local;
    time_t now = (time_t)(base_now_us() / 1000000);
    bool any = false;
    if (localtime_r(&now, &local))
        strftime(clock, sizeof clock, "%H:%M:%S", &local);
    cli_putf(&t, "%s  ", clock);
    put_change(&t, report->added, "embedded", &any);
    put_change(&t, report->copies, report->copies == 1 ? "copy" : "copies", &any);
    put_change(&t, report->changed, "changed", &any);
    put_change(&t, report->moved, "moved", &any);
    put_change(&t, report->removed, "removed", &any);
    cli_put(&t, "\n");
    if (any && !r->c->quiet)
        return cli_print(&t);
    base_buffer_free(&t.b);
    return 0;
}

/* Rounds until Ctrl-C. What fails in a round is said, and the next change tries again: a disk may be back by then. */
static int watch(run *r, picask_watch *w, const picask_index_options *o)
{
    picask_index_options again = *o;
    picask_error err;
    picask_index_report report;
    char *what = r->n_sources == 1 ? cli_shown_path(r->sources[0]) : NULL;
    cli_say(r->c, "watching %s; Ctrl-C ends it",
            what           ? what
            : r->n_sources ? "the sources"
                           : "the remembered sources");
    base_free(what);
    again.overwrite = false;
    for (;;) {
        if (picask_watch_wait(w, &err) != LANCELET_OK)
            return err.status == LANCELET_CANCELLED ? CLI_INTERRUPTED : cli_fail_error(&err);
        picask_status status = index_again(r, &again, &report, &err);
        cli_progress_clear(&r->progress);
        int code = status == LANCELET_OK || status == LANCELET_CANCELLED ? print_round(r, &report) : 0;
        if (code == 0)
            code = cli_finish_output(); /* who reads the lines through a pipe gets them now */
        if (code || status == LANCELET_CANCELLED)
            return code ? code : CLI_INTERRUPTED;
        if (status == LANCELET_MEMORY)
            return cli_fail_error(&err);
        if (status != LANCELET_OK)
            cli_fail_error(&err);
    }
}

/* The watch begins before the first run, so that what changes meanwhile is not missed. */
static int index_and_watch(run *r, const picask_index_options *o, const flags *f)
{
    picask_index_report report;
    picask_error err;
    picask_watch *w = NULL;
    if (picask_watch_create(r->c->db, r->c->table, r->sources, r->n_sources, o, &w, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    r->named = base_map64_create();
    int code = r->named ? 0 : cli_fail("out of memory");
    if (code == 0) {
        picask_status status = index_once(r, o, &report, &err);
        code = finish(r, o, f, status, &report, &err);
        /* a folder that has no picture yet, or a broken one, is worth watching */
        if (status == LANCELET_OK || code == CLI_NOTHING)
            code = cli_finish_output();
    }
    if (code == 0)
        code = watch(r, w, o);
    picask_watch_destroy(w);
    base_map64_destroy(r->named);
    return code;
}

/* ---- the command ---- */

static int index_with(run *r, picask_index_options *o, const flags *f)
{
    cli *c = r->c;
    picask_index_report report;
    picask_error err;
    o->model = c->model;
    o->threads = c->threads;
    o->vector_column = c->vector_column;
    o->cancel = cli_cancel_flag();
    o->events = (picask_index_events){r, on_progress, on_skipped, on_note, on_fetched, on_prune};
    r->yes = f->yes;
    if (f->watch)
        return index_and_watch(r, o, f);
    picask_status status = index_once(r, o, &report, &err);
    return finish(r, o, f, status, &report, &err);
}

static int run_index(cli *c)
{
    picask_index_options o = PICASK_INDEX_OPTIONS_INIT;
    run r = {.c = c};
    flags f = {false, false, false, false};
    const char **exclude = base_calloc(c->n_arguments + 1, sizeof *exclude);
    r.sources = cli_operands(c, &r.n_sources);
    r.root = r.sources ? base_calloc(r.n_sources + 1, sizeof *r.root) : NULL;
    int code = exclude && r.root ? 0 : cli_fail("out of memory");
    if (code == 0)
        code = read_options(c, &o, &f, exclude);
    if (code == 0)
        code = check_sources(&r);
    if (code == 0 && f.here)
        code = make_folder_here(c, o.dry_run);
    if (code == 0 && !cli_db(c))
        code = CLI_ERROR;
    if (code == 0) {
        o.exclude = exclude;
        code = index_with(&r, &o, &f);
    }
    for (size_t i = 0; r.root && i < r.n_sources; i++)
        base_free(r.root[i]);
    base_free(r.root);
    base_free(r.sources);
    base_free(exclude);
    base_buffer_free(&r.progress.unread.b);
    return code;
}

const cli_command cli_index = {
    "index",
    "add",
    "[SOURCE...]",
    "read pictures and captions, embed them, add them to the table",
    options,
    NULL,
    "SOURCE is a picture, a video, a folder (with all below it), a .csv, .tsv or .jsonl file of paths and\n"
    "captions, a .parquet file, or a data set of Hugging Face. Only what is new or changed is\n"
    "embedded. Without SOURCE the table's sources are read again.\n"
    "\n"
    "  picask index ~/Pictures\n"
    "  picask index captions.tsv --text-column caption -t demo\n"
    "  picask index train.parquet -t gta\n"
    "  picask index hf://datasets/ORG/NAME -t gta\n"
    "  picask index ~/Videos --every 2s\n"
    "  picask index                         again, what is new since then\n"
    "  picask index --prune                 and without the rows whose file is gone\n"
    "  picask index ~/Pictures --watch      again whenever something changes\n"
    "  picask index . --here --exclude '*.png'\n",
    run_index,
};
