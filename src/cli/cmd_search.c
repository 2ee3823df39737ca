/* cmd_search.c - `picask search`: the nearest rows to words, pictures, sums of both, a row, or a vector. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/npy.h"
#include "source/source.h"

enum {
    LIMIT = 1,
    OFFSET,
    METRIC,
    WHERE,
    IN,
    MIN_SCORE,
    COLUMNS,
    VECTOR,
    ID,
    QUERY,
    IMAGE,
    FILES,
    NUL,
    ALL_COPIES,
    SHOW,
    NO_SHOW,
    COPY_TO
};

static const cli_option options[] = {
    {'n', "limit", "N", LIMIT, "rows wanted (10)"},
    {0, "top", "N", LIMIT, NULL},
    {0, "offset", "N", OFFSET, "leave out the first N"},
    {0, "distance-type", "TYPE", METRIC, "cosine, l2 or dot (the index's, else cosine)"},
    {0, "metric", "TYPE", METRIC, NULL},
    CLI_WHERE_OPTION(WHERE),
    CLI_IN_OPTION(IN),
    {0, "min-score", "X", MIN_SCORE, "leave out rows whose cosine is below X"},
    {0, "image", "PATH", IMAGE, "a picture as query, or as operand of a sum"},
    {0, "query", "TEXT", QUERY, "these words as they are, no operators"},
    {0, "id", "N", ID, "more like row N"},
    {0, "vector", "FILE.npy", VECTOR, "a vector as query"},
    {0, "columns", "A,B", COLUMNS, "further columns to show"},
    CLI_AT_VERSION_OPTION,
    CLI_VECTOR_COLUMN_OPTION,
    {0, "all-copies", NULL, ALL_COPIES, "rows of identical content each by itself"},
    {'f', "files", NULL, FILES, "paths only"},
    {'0', NULL, NULL, NUL, "paths only, each ended by a NUL byte"},
    {0, "show", "[N]", SHOW, "draw the first N pictures (1), also where the output is no terminal"},
    {0, "no-show", NULL, NO_SHOW, "draw none"},
    {0, "copy-to", "DIR", COPY_TO, "copy the pictures found into a folder; nothing is overwritten"},
    CLI_OPTIONS_END,
};

static const char *const metric_names[] = {"cosine", "l2", "dot"}; /* by lancelet_metric */

typedef struct query {
    picask_search_options search;
    const char **words; /* [n_words] operands in order, pictures of --image among them */
    size_t n_words;
    char **owned; /* [n_owned] words made here */
    size_t n_owned;
    const char *literal, *vector_file, *copy_to;
    bool has_id, has_metric;
    int64_t id;
    bool files, nul;
    cli_show show;
    cli_filter filter;
    cli_columns columns;
} query;

static void query_free(query *q)
{
    for (size_t i = 0; i < q->n_owned; i++)
        base_free(q->owned[i]);
    base_free(q->owned);
    base_free(q->words);
    cli_filter_free(&q->filter);
    cli_columns_free(&q->columns);
}

static int parse_metric(const char *value, lancelet_metric *out)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(value, metric_names[i]) == 0) {
            *out = (lancelet_metric)i;
            return 0;
        }
    return cli_fail("--distance-type takes cosine, l2 or dot, not '%s'", value);
}

/* The query grammar knows a picture by its beginning. */
static int add_picture(query *q, const char *path)
{
    bool plain = path[0] == '/' || strncmp(path, "./", 2) == 0 || strncmp(path, "../", 3) == 0 ||
                 strncmp(path, "~/", 2) == 0 || strncmp(path, "file://", 7) == 0;
    char *word = plain ? base_strdup(path) : base_format("./%s", path);
    if (!word)
        return cli_fail("out of memory");
    q->owned[q->n_owned++] = word;
    q->words[q->n_words++] = word;
    return 0;
}

static int read_options(cli *c, query *q)
{
    q->search = (picask_search_options)PICASK_SEARCH_OPTIONS_INIT;
    q->words = base_calloc(c->n_arguments + 1, sizeof *q->words);
    q->owned = base_calloc(c->n_arguments + 1, sizeof *q->owned);
    if (!q->words || !q->owned)
        return cli_fail("out of memory");
    int code = 0;
    for (size_t i = 0; i < c->n_arguments && code == 0; i++) {
        const char *value = c->argument[i].value;
        int64_t number = 0;
        double real = 0;
        switch (c->argument[i].id) {
        case 0:
            q->words[q->n_words++] = value;
            break;
        case LIMIT:
            code = cli_number("--limit", value, 1, 1000000000, &number);
            q->search.limit = (size_t)number;
            break;
        case OFFSET:
            code = cli_number("--offset", value, 0, 1000000000, &number);
            q->search.offset = (size_t)number;
            break;
        case METRIC:
            code = parse_metric(value, &q->search.metric);
            q->has_metric = true;
            break;
        case MIN_SCORE:
            code = cli_real("--min-score", value, &real);
            q->search.has_min_score = true;
            q->search.min_score = (float)real;
            break;
        case COLUMNS:
            code = cli_columns_read(&q->columns, value);
            q->search.columns = q->columns.name;
            q->search.n_columns = q->columns.n;
            break;
        case VECTOR:
            q->vector_file = value;
            break;
        case ID:
            code = cli_number("--id", value, 0, INT64_MAX, &q->id);
            q->has_id = true;
            break;
        case QUERY:
            q->literal = value;
            if (value[strspn(value, " \t\r\n")] == '\0')
                code = cli_fail("--query is empty; for example: --query 'a red car'");
            break;
        case IMAGE:
            code = add_picture(q, value);
            break;
        case FILES:
            q->files = true;
            break;
        case NUL:
            q->files = q->nul = true;
            break;
        case ALL_COPIES:
            q->search.all_copies = true;
            break;
        case SHOW:
            code = cli_show_option(&q->show, true, value);
            break;
        case NO_SHOW:
            code = cli_show_option(&q->show, false, NULL);
            break;
        case COPY_TO:
            q->copy_to = value;
            break;
        default:
            break;
        }
    }
    if (code == 0)
        code = cli_filter_read(c, WHERE, IN, &q->filter);
    if (code)
        return code;
    int kinds = (q->n_words > 0) + (q->literal != NULL) + q->has_id + (q->vector_file != NULL);
    if (kinds == 0)
        return cli_fail("search needs words or a picture: picask search a red car");
    if (kinds > 1)
        return cli_fail("words, --query, --id and --vector exclude each other; give one");
    return 0;
}

/* ---- the search itself ---- */

static picask_status search_npy(picask_table *table, query *q, picask_results **out, picask_error *err)
{
    float *values = NULL; /* [rows, columns] */
    size_t rows, columns;
    RETURN_IF_ERROR(base_npy_read(q->vector_file, &values, &rows, &columns, err));
    picask_status status;
    if (rows != 1)
        status =
            base_fail(err, LANCELET_INVALID, "%s holds %zu vectors; a query is one", q->vector_file, rows);
    else
        status = picask_search_vector(table, values, columns, &q->search, out, err);
    base_free(values);
    return status;
}

static picask_status search_words(picask_table *table, query *q, picask_results **out, picask_error *err)
{
    picask_operand *operands = NULL;
    size_t n = 0;
    RETURN_IF_ERROR(picask_parse_query(q->words, q->n_words, &operands, &n, err));
    picask_status status;
    if (n == 1 && operands[0].text && operands[0].weight > 0) {
        status = picask_search_text(table, operands[0].text, &q->search, out, err);
    } else {
        size_t dim = picask_table_dim(table);
        float *vector = base_alloc_array(dim, sizeof *vector); /* [dim] */
        status = vector ? picask_query_vector(table, operands, n, vector, err) : base_fail_memory(err);
        if (status == LANCELET_OK)
            status = picask_search_vector(table, vector, dim, &q->search, out, err);
        base_free(vector);
    }
    picask_operands_free(operands, n);
    return status;
}

static picask_status search(picask_table *table, query *q, picask_results **out, picask_error *err)
{
    if (q->has_id)
        return picask_search_id(table, q->id, &q->search, out, err);
    if (q->vector_file)
        return search_npy(table, q, out, err);
    if (q->literal)
        return picask_search_text(table, q->literal, &q->search, out, err);
    return search_words(table, q, out, err);
}

/* ---- what is done with the rows ---- */

/* The path of a row's picture, NULL where it has none (owned); of a part of a container that of the container, whose uri is
 * *container (owned). */
static char *path_of(const char *uri, char **container)
{
    size_t length;
    const char *fragment;
    if (source_uri_split(uri, &length, &fragment))
        *container = base_strndup(uri, length);
    return source_path_from_uri(*container ? *container : uri);
}

/* Did another part of the container stand before row i? */
static bool named_before(const picask_results *results, size_t i, const char *container)
{
    size_t n = strlen(container);
    for (size_t j = 0; j < i; j++) {
        const char *uri = picask_results_row(results, j)->uri;
        if (uri && strncmp(uri, container, n) == 0 && uri[n] == '#')
            return true;
    }
    return false;
}

static int print_files(const cli *c, const query *q, const picask_results *results)
{
    cli_text t = {0};
    for (size_t i = 0; i < picask_results_count(results); i++) {
        const char *uri = picask_results_row(results, i)->uri;
        if (!uri)
            continue;
        /* As bytes for a program; cleaned for a terminal, where NUL-ended names make no sense either. */
        char *container = NULL, *path = path_of(uri, &container), *clean = NULL;
        const char *shown = path ? path : container ? container : uri;
        if (container && named_before(results, i, container)) {
            base_free(path);
            base_free(container);
            continue;
        }
        if (c->out.is_terminal) {
            clean = view_clean(shown, strlen(shown));
            shown = clean ? clean : "";
        }
        cli_put(&t, shown);
        cli_put_bytes(&t, q->nul ? "" : "\n", 1);
        base_free(clean);
        base_free(path);
        base_free(container);
    }
    return cli_print(&t);
}

static int print_found(cli *c, const query *q, picask_table *table, const picask_results *results)
{
    if (q->files && !c->json)
        return print_files(c, q, results);
    cli_rows rows = {
        .table = table,
        .results = results,
        .metric = metric_names[q->search.metric],
        .first_rank = q->search.offset + 1,
        .columns = q->search.columns,
        .n_columns = q->search.n_columns,
        .pictures = cli_show_count(c, &q->show, 1),
    };
    int code = cli_print_rows(c, &rows);
    if (code == 0 && !c->json)
        cli_footer(c, table, rows.metric, NULL);
    return code;
}

static int run_search(cli *c)
{
    query q = {0};
    picask_table *table = NULL;
    picask_results *results = NULL;
    picask_error err;
    int code = read_options(c, &q);
    if (code == 0)
        code = cli_open_table(c, &table);
    if (code == 0)
        code = cli_filter_make(&q.filter, table);
    if (code == 0) {
        lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
        lancelet_table_get_info(picask_table_lance(table), &info);
        q.search.condition = q.filter.condition;
        if (q.search.limit > info.rows)
            q.search.limit = info.rows ? (size_t)info.rows : 1;
        if (!q.has_metric)
            q.search.metric = picask_table_metric(table);
        if (c->verbose && info.indices > 0)
            cli_say(c, "table '%s' has an index, which this version does not use: every row is looked at",
                    c->table);
        picask_status status = search(table, &q, &results, &err);
        if (status != LANCELET_OK) {
            code = cli_fail_error(&err);
            if (status == LANCELET_NOT_FOUND && q.has_id)
                code = CLI_NOTHING;
        }
    }
    if (code == 0 && picask_results_count(results) == 0) {
        cli_say(c, "nothing found in '%s'", c->table);
        code = CLI_NOTHING;
    } else if (code == 0) {
        code = print_found(c, &q, table, results);
        if (code == 0 && q.copy_to)
            code = cli_copy_pictures(c, table, results, q.copy_to);
    }
    picask_results_destroy(results);
    picask_table_destroy(table);
    query_free(&q);
    return code;
}

const cli_command cli_search = {
    "search",
    NULL,
    "QUERY...",
    "the nearest pictures to words, to a picture, or to sums of both",
    options,
    NULL,
    "  picask search a road with a stop sign -n 3\n"
    "  picask search ./dog.jpg                        pictures like this one\n"
    "  picask search 2:dog + ./pool.jpg - people      weights and operators stand by themselves\n"
    "  picask search a dog --where \"width > 2000 and taken >= date '2025-06-01'\"\n"
    "  picask search a dog --in ~/Pictures/2019 --at-version 12\n"
    "  picask search a sunset -0 | xargs -0 ls -l\n"
    "\n"
    "A picture begins with / ./ ../ ~/ or file://, else it is words; -- ends options. Where the output is "
    "no\n"
    "terminal: rank, id, distance, score, uri and text with tabs between them, or JSON lines with --json.\n"
    "Exit code 1: nothing found.\n",
    run_search,
};
