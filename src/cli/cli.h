/* cli.h - the program around the library: commands, options, and everything that is printed. Results go to stdout;
 * messages and progress to stderr; a command returns its exit code: 0 found or done, 1 nothing found, 2 error or usage,
 * 130 interrupted. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/memory.h"
#include "picask.h"
#include "view/view.h"

enum { CLI_DONE = 0, CLI_NOTHING = 1, CLI_ERROR = 2, CLI_INTERRUPTED = 130 };

/* ---- options (options.c) ---- */

typedef struct cli_option {
    char letter;       /* 0: none */
    const char *name;  /* without the dashes; NULL: the letter alone */
    const char *value; /* name of its value; NULL: a flag; "[N]": optional, given as --name=N */
    int id;            /* the command's own, 1 and up; below 0 those that several share */
    const char *help;  /* NULL: an alias, which help does not list */
} cli_option;
#define CLI_OPTIONS_END                                                                                      \
    {                                                                                                        \
        0, NULL, NULL, 0, NULL                                                                               \
    }

/* An argument of the command, in the order given. */
typedef struct cli_argument {
    int id;            /* of the option; 0: an operand */
    const char *value; /* NULL: a flag, or an optional value that was not given */
} cli_argument;

typedef struct cli cli;

typedef struct cli_command {
    const char *name, *alias;
    const char *arguments;                  /* as usage shows them */
    const char *summary;                    /* one line */
    const cli_option *options;              /* may be NULL */
    const struct cli_command *const *verbs; /* NULL-terminated, or NULL */
    const char *text;                       /* further help: examples */
    int (*run)(cli *c);                     /* NULL: only verbs */
} cli_command;

struct cli {
    const cli_command *command; /* NULL: none was given */
    const cli_command *parent;  /* of a verb */
    /* options of every command */
    const char *db_option, *table, *model;
    bool table_given, model_given, json, quiet, verbose, help, version;
    int threads;            /* 0: as many as CPUs */
    /* options of the commands that open a table to read it */
    const char *at_version;    /* a number or a tag; NULL: the newest */
    const char *vector_column; /* NULL: the table's own */
    cli_argument *argument; /* [n_arguments] */
    size_t n_arguments;
    view_terminal out, message; /* stdout, stderr */
    int64_t start_us;           /* when the program began, monotonic */
    char *db;                   /* owned; cli_db() */
};

extern const cli_command *const cli_commands[]; /* NULL-terminated; cli_index and its like stand in cmd_*.c */
extern const cli_command cli_table_list, cli_table_info, cli_table_create, cli_table_drop, cli_table_delete, cli_table_update,
    cli_table_export, cli_table_versions, cli_table_restore, cli_table_tag, cli_table_optimize, cli_table_cleanup,
    cli_table_verify, cli_table_reembed, cli_table_set_embedding, cli_table_relocate;
extern const cli_command cli_index, cli_search, cli_show_command, cli_sample, cli_ask, cli_embed, cli_remove,
    cli_table, cli_model, cli_dataset, cli_help;

/* Reads the whole command line. Returns 0, or 2 after a sentence on stderr. */
int cli_parse(cli *c, const cli_command *const *commands, int argc, char **argv) MUST_CHECK;
/* The name nearest to `word` within two slips of the finger, or NULL. names: [n], NULL entries are passed over. */
const char *cli_nearest(const char *word, const char *const *names, size_t n);
/* The operands alone: [*n], borrowed strings; the array is the caller's. NULL when memory is out. */
const char **cli_operands(const cli *c, size_t *n);
/* A whole number between min and max as the value of an option (named in the sentence). 0, or 2 after a sentence. */
int cli_number(const char *option, const char *value, int64_t min, int64_t max, int64_t *out) MUST_CHECK;
int cli_real(const char *option, const char *value, double *out) MUST_CHECK;
/* "90s", "30m", "12h", "7d", "2w" or 0. */
int cli_age(const char *option, const char *value, int64_t *us) MUST_CHECK;
/* duration.c: "2s", "500ms", "1m", "1.5s", or a number of seconds, as microseconds from min_us to max_us. 0, or 2 after a
 * sentence. */
int cli_duration_option(const char *option, const char *value, int64_t min_us, int64_t max_us, int64_t *us) MUST_CHECK;
/* Help (help.c). */
void cli_print_help(void);
void cli_print_command_help(const cli_command *command, const cli_command *parent);
int cli_print_screen(cli *c);
int cli_print_version(const cli *c); /* version.c */

/* ---- where things lie (place.c) ---- */

/* The database's folder by -d, PICASK_DB, .picask here or above, XDG_DATA_HOME; NULL after a sentence on stderr. */
const char *cli_db(cli *c);
/* Is it the uri of a video's frame? *length of what names the video, *ms from its start. NULL is none. */
bool cli_frame(const char *uri, size_t *length, uint64_t *ms);
/* What a person reads: a path or uri, cleaned, with ~ for the home folder, "clip.mp4 @ 00:01:23" of a frame; owned. NULL: memory
 * is out. */
char *cli_shown_path(const char *path_or_uri);
/* The same for a sentence that holds paths. */
char *cli_shown_sentence(const char *sentence);
/* Opens the table that -d, -t and -m name. 0, or 2 after a sentence. */
int cli_open_table(cli *c, picask_table **out) MUST_CHECK;
/* The verbs of `table`: their operand names the table as -t does. 0, or 2 after a sentence. */
int cli_table_operand(cli *c) MUST_CHECK;
/* The same for a verb with operands of its own: `name` (NULL: none) is the one behind those. */
int cli_table_named(cli *c, const char *name) MUST_CHECK;
/* The folder of the table, whether it can be opened or not: *path is the caller's. 0, or 2 after a sentence. */
int cli_table_path(cli *c, char **path) MUST_CHECK;
/* The library's sentence about that folder; where there is no table, that of opening it. 2 */
int cli_fail_table(cli *c, const picask_error *err);
/* " -t NAME" for a command in a sentence; "" for the table that is meant without. */
const char *cli_table_option(const cli *c, char out[256]);
/* An operand that names a row: its id, or the uri of its path (owned). 0, or 2 after a sentence. */
int cli_row_name(const char *operand, bool *is_id, int64_t *id, char **uri) MUST_CHECK;

/* ---- which rows and columns (condition.c) ---- */

typedef struct cli_filter {
    const char *where;
    const char **in; /* [n_in] folders */
    size_t n_in;
    char *condition; /* owned; NULL: all rows. cli_filter_make */
} cli_filter;
/* What --where and --in of a command's arguments say. 0, or 2 after a sentence; cli_filter_free in any case. */
int cli_filter_read(const cli *c, int where_id, int in_id, cli_filter *f) MUST_CHECK;
static inline bool cli_filter_given(const cli_filter *f)
{
    return f->where || f->n_in > 0;
}
/* Makes the condition for a table, after looking whether --where fits it. 0, or 2 after a sentence. */
int cli_filter_make(cli_filter *f, const picask_table *table) MUST_CHECK;
void cli_filter_free(cli_filter *f);
#define CLI_WHERE_OPTION(id) {0, "where", "SQL", id, "only rows for which this is true: --where \"width > 1000\""}
#define CLI_IN_OPTION(id)    {0, "in", "DIR", id, "only rows whose file lies in this folder; may be repeated"}
/* --columns A,B */
typedef struct cli_columns {
    char *list;        /* cut at the commas */
    const char **name; /* [n] */
    size_t n;
} cli_columns;
int cli_columns_read(cli_columns *columns, const char *value) MUST_CHECK;
void cli_columns_free(cli_columns *columns);
/* Which version and column of a table: of the commands that list them; they go into at_version and vector_column. */
enum { CLI_AT_VERSION = -100, CLI_VECTOR_COLUMN = -101 };
#define CLI_VECTOR_COLUMN_OPTION {0, "vector-column", "NAME", CLI_VECTOR_COLUMN, "which column of vectors, where a table has several"}
#define CLI_AT_VERSION_OPTION {0, "at-version", "N|TAG", CLI_AT_VERSION, "the table as it was in version N, or the tagged one"}

/* ---- printing (output.c) ---- */

/* Text that grows; a failed append is remembered and reported when it is printed. */
typedef struct cli_text {
    base_buffer b;
    bool failed;
} cli_text;
void cli_put(cli_text *t, const char *s);
void cli_put_bytes(cli_text *t, const char *s, size_t n);
void cli_putf(cli_text *t, const char *format, ...) PRINTF_LIKE(2, 3);
/* A JSON string, NULL: null; no control character is left raw. A number; NaN and infinities are null. */
void cli_put_json(cli_text *t, const char *s);
void cli_put_json_float(cli_text *t, float v);
/* What is JSON already, json[n]; no control character is left raw either. */
void cli_put_ready_json(cli_text *t, const char *json, size_t n);
/* "vector"'s type as people write it, with the names it holds as they are. */
void cli_put_type(cli_text *t, const struct ArrowSchema *column);
/* A TSV field: \t \n \r \\, other control characters \xNN. */
void cli_put_field(cli_text *t, const char *s);
void cli_put_row_json(cli_text *t, size_t rank, const picask_row *row, const picask_table *table,
                      const char *metric);
void cli_put_row_tsv(cli_text *t, size_t rank, const picask_row *row, const char *const *columns,
                     size_t n_columns);
/* The value of a column in picask_row.extra as text; owned, NULL when it is null or absent. */
char *cli_extra_value(const picask_row *row, const char *column);
/* Writes to stdout and frees. 0, or 2 after a sentence. */
int cli_print(cli_text *t) MUST_CHECK;
/* Flushes stdout; 0, or 2 after a sentence. A closed pipe is quiet. */
int cli_finish_output(void) MUST_CHECK;

/* One sentence on stderr, cleaned, home folder as ~; 2 */
int cli_fail(const char *format, ...) PRINTF_LIKE(1, 2);
/* The library's sentence; 130 when it was cancelled, else 2 */
int cli_fail_error(const picask_error *err);
/* A sentence on stderr unless -q. */
void cli_say(const cli *c, const char *format, ...) PRINTF_LIKE(2, 3);
/* "demo · 69 rows · mini-1 · cosine · 38 ms", dim, on stderr. metric may be NULL. */
void cli_footer(const cli *c, const picask_table *table, const char *metric, const char *more);

/* "2026-03-01 12:00:00", UTC */
const char *cli_time(int64_t us, char out[40]);
/* 34,810 */
const char *cli_count(uint64_t n, char out[32]);
/* "38 ms", "3.2 s", "11 min 24 s", "1 h 12 min" */
const char *cli_duration(double seconds, char out[32]);
/* "345 KB", "1.7 GB" */
const char *cli_size(uint64_t bytes, char out[32]);

/* ---- rows and pictures (rows.c, pictures.c) ---- */

typedef struct cli_rows {
    picask_table *table;
    const picask_results *results;
    const char *metric;         /* NULL: rows that come from no search */
    size_t first_rank;          /* 1 */
    const char *const *columns; /* [n_columns] asked for, whose names and values are shown; may be NULL */
    size_t n_columns;
    size_t pictures; /* how many of the first to draw; 0: none */
} cli_rows;
/* JSON lines, TSV, or on a terminal the table with its pictures. Prints. 0 or 2. */
int cli_print_rows(cli *c, const cli_rows *rows) MUST_CHECK;
#define CLI_PICTURE_BYTES (UINT64_C(256) << 20) /* largest encoded picture of a source that is read */
/* Draws a row's picture, or encoded bytes, into at most columns x rows cells. */
lancelet_status cli_draw_row(picask_table *table, const picask_row *row, int columns, int rows,
                             view_colours colours, view_lines *out, picask_error *err) MUST_CHECK;
lancelet_status cli_draw_bytes(const void *bytes, size_t n, int columns, int rows, view_colours colours,
                               view_lines *out, picask_error *err) MUST_CHECK;
/* The sentence about a row's picture that cannot be drawn; 2. */
int cli_fail_picture(const picask_row *row, const picask_error *err);
/* How `n` pictures lie side by side on the terminal. */
typedef struct cli_sheet {
    size_t across;     /* cells in a line */
    int columns, rows; /* of a cell's picture */
} cli_sheet;
/* lines: those that stand above the pictures already */
void cli_sheet_plan(const cli *c, size_t n, size_t lines, cli_sheet *out);
/* The pictures' cells [n], with labels [n] in line under them. */
void cli_put_sheet(cli_text *t, const view_lines *cells, const view_lines *labels, size_t n,
                   const cli_sheet *sheet);
void cli_free_cells(view_lines *cells, size_t n); /* each cell's lines and the array */
/* Appends clean text cut to `columns`; style "2" dim, "1" bold, NULL plain. */
bool cli_add_line(view_lines *l, const char *text, size_t columns, const char *style) MUST_CHECK;
/* The first caption of several, cleaned and cut to `columns`, "(+4)" behind it where there are more; owned. */
char *cli_first_caption(const char *text, size_t columns);
/* How many pictures --show, --no-show and the terminal ask for. */
typedef struct cli_show {
    bool on, off;
    int64_t n;
} cli_show;
int cli_show_option(cli_show *s, bool on, const char *value) MUST_CHECK;
size_t cli_show_count(const cli *c, const cli_show *s, size_t on_terminal);

/* Pictures as files (copy.c): each picture of the rows into a folder, nothing overwritten; one picture into a file, as PNG
 * or JPEG by the file's name where it is of another type. The pixels of a video's frame become a JPEG in a folder, and a PNG in
 * a file whose name asks for nothing. */
int cli_copy_pictures(const cli *c, picask_table *table, const picask_results *results,
                      const char *folder) MUST_CHECK;
picask_status cli_write_picture(const char *path, const void *bytes, size_t n, picask_error *err) MUST_CHECK;
/* Makes a picture of the pixels of a frame, which came as PPM: **bytes is picask_free's. Nothing happens to the picture of
 * another row, and to one that the table keeps as it is to be. */
picask_status cli_encode_frame(const picask_row *row, base_picture_type type, void **bytes, size_t *n, picask_error *err) MUST_CHECK;

/* ---- asking and progress (confirm.c, progress.c) ---- */

/* A clause ("this deletes ..."): on a terminal asks whether to go on; elsewhere --yes must have been given. 0: go on,
 * else the exit code. */
int cli_confirm(bool yes, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
/* The same in the midst of a command that goes on without the removal. */
int cli_confirm_removal(bool yes, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

typedef struct cli_progress {
    const cli *c;
    bool drawn;       /* a bar stands on the line */
    uint64_t named;   /* unreadable pictures named so far */
    uint64_t unnamed; /* those that were only counted */
    cli_text unread;  /* JSON objects of all of them, with --json: base_buffer_free(&p.unread.b) */
    struct {
        int64_t us;
        uint64_t done;
    } window[16]; /* about a second apart: the rate is that of the last 15 s */
    size_t n_window;
    bool bytes; /* the window counts bytes fetched, not items */
} cli_progress;
void cli_progress_start(cli_progress *p, const cli *c);
void cli_progress_update(cli_progress *p, uint64_t done, uint64_t total);
void cli_progress_bytes(cli_progress *p, uint64_t done, uint64_t total); /* of a fetch */
/* Takes the bar off so that a line can be printed. */
void cli_progress_clear(cli_progress *p);
/* A picture that could not be read: an object {member: name, "reason": ...} of p->unread with --json, and a sentence `what`
 * `path`: reason. A terminal names the first of them without -v; a file gets them all. */
void cli_progress_unread(cli_progress *p, const char *member, const char *name, const char *what, const char *path,
                         const char *reason);
/* A sentence while the bar stands; level 1: with -v alone. */
void cli_progress_note(cli_progress *p, int level, const char *sentence);
/* The bar's text for a line of `columns`: of an index run, or of a fetch in bytes. rate: a second, 0: unknown. */
void cli_progress_bar(bool bytes, uint64_t done, uint64_t total, double rate, size_t columns, base_buffer *out);

/* Fetches a model or data set by name (pull.c) with size and progress on stderr; *path (picask_free): where it lies. 0, or an
 * exit code after a sentence. */
int cli_fetch(cli *c, bool dataset, const char *name, char **path) MUST_CHECK;
/* `model pull` and `dataset pull`: the operands one after the other; a line of stdout each, its folder or a JSON object. */
int cli_pull(cli *c, bool dataset) MUST_CHECK;
/* Before a command that may fetch the model: on a terminal asks, elsewhere needs `yes`. 0: the model is here now, or its name
 * is one that the command itself will refuse. */
int cli_need_model(cli *c, const char *name, bool yes) MUST_CHECK;

/* ---- signals (signals.c) ---- */

void cli_signals_start(void);
/* From here on Ctrl-C sets the flag (a second one ends the program at once), and a closed pipe is no signal. */
const volatile int *cli_cancel_flag(void);

#endif
