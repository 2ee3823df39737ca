/* cmd_embed.c - `picask embed`: vectors of words and pictures, as JSON lines or a .npy file. */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/npy.h"

enum { TEXT = 1, IMAGE, OUTPUT };
enum { AT_ONCE = 64 /* texts: many together are faster */, CHUNK = 65536 /* bytes of standard input */ };

static const cli_option options[] = {
    {0, "text", "TEXT", TEXT, "words; may be repeated"},
    {0, "image", "PATH", IMAGE, "a picture; may be repeated"},
    {'o', "output", "FILE.npy", OUTPUT, "write the vectors as a float32 array [n, numbers a vector]"},
    CLI_OPTIONS_END,
};

typedef struct embedding {
    picask_model *model;
    size_t dim;
    float *vectors;     /* [AT_ONCE, dim] of the last call */
    const char *output; /* NULL: JSON lines */
    base_buffer all;    /* float32 [n, dim], with output */
    size_t n;
} embedding;

/* `name` "text" or "image"; vector [dim] */
static int give(embedding *e, const char *name, const char *value, const float *vector)
{
    e->n++;
    if (e->output)
        return base_buffer_append(&e->all, vector, e->dim * sizeof *vector) ? 0 : cli_fail("out of memory");
    cli_text t = {0};
    cli_putf(&t, "{\"%s\":", name);
    cli_put_json(&t, value);
    cli_put(&t, ",\"embedding\":[");
    for (size_t i = 0; i < e->dim; i++) {
        if (i)
            cli_put(&t, ",");
        cli_put_json_float(&t, vector[i]);
    }
    cli_put(&t, "]}\n");
    return cli_print(&t);
}

/* n at most AT_ONCE */
static int embed_texts(embedding *e, const char *const *texts, size_t n)
{
    picask_error err;
    if (picask_embed_texts(e->model, texts, n, e->vectors, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    int code = 0;
    for (size_t i = 0; i < n && code == 0; i++)
        code = give(e, "text", texts[i], e->vectors + i * e->dim);
    return code;
}

static int embed_picture(embedding *e, const char *path)
{
    picask_error err;
    if (picask_embed_picture_file(e->model, path, e->vectors, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    return give(e, "image", path, e->vectors);
}

/* Cuts text [size], which ends in NUL, at its newlines and embeds the lines; *used: bytes of whole lines. At the end of the
 * input (`last`) what stands behind the last newline is a line too. */
static int embed_lines(embedding *e, char *text, size_t size, bool last, size_t *used)
{
    const char *lines[AT_ONCE];
    size_t n = 0, at = 0;
    int code = 0;
    while (at < size && code == 0) {
        char *end = memchr(text + at, '\n', size - at);
        if (!end && !last)
            break;
        size_t stop = end ? (size_t)(end - text) : size;
        text[stop] = '\0';
        for (size_t i = stop; i > at && text[i - 1] == '\r'; i--)
            text[i - 1] = '\0';
        lines[n++] = text + at;
        at = end ? stop + 1 : size;
        if (n == AT_ONCE) {
            code = embed_texts(e, lines, n);
            n = 0;
        }
    }
    *used = at;
    return code == 0 && n > 0 ? embed_texts(e, lines, n) : code;
}

/* Standard input, a text a line. What has arrived is embedded together: a pipe gets large batches, and one who types an answer
 * to each line. */
static int embed_input(embedding *e)
{
    base_buffer b = {0};
    int code = 0;
    bool last = false;
    while (!last && code == 0) {
        if (!base_buffer_reserve(&b, CHUNK + 1)) {
            code = cli_fail("out of memory");
            break;
        }
        ssize_t n = read(STDIN_FILENO, b.data + b.size, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            code = cli_fail("cannot read standard input: %s", strerror(errno));
            break;
        }
        last = n == 0;
        b.size += (size_t)n;
        b.data[b.size] = '\0';
        size_t used = 0;
        code = embed_lines(e, (char *)b.data, b.size, last, &used);
        memmove(b.data, b.data + used, b.size - used);
        b.size -= used;
    }
    base_buffer_free(&b);
    return code;
}

/* -m, else the model of the table that -d and -t name, else the built-in one. *name is owned. */
static int choose_model(cli *c, char **name)
{
    if (c->model) {
        *name = base_strdup(c->model);
    } else {
        picask_table *table = NULL;
        picask_error err;
        const char *db = cli_db(c);
        if (!db)
            return CLI_ERROR;
        picask_status status = picask_table_open(db, c->table, NULL, &table, &err);
        const char *of_table = status == LANCELET_OK ? picask_table_model_name(table) : "mini";
        int code = 0;
        if (status != LANCELET_OK && (status != LANCELET_NOT_FOUND || c->table_given))
            code = cli_fail_error(&err);
        else if (!of_table)
            code = cli_fail("table '%s' does not say which model made it; give -m NAME", c->table);
        else
            *name = base_strdup(of_table);
        picask_table_destroy(table);
        if (code)
            return code;
    }
    return *name ? 0 : cli_fail("out of memory");
}

static int open_model(cli *c, embedding *e)
{
    char *name = NULL;
    int code = choose_model(c, &name);
    if (code)
        return code;
    picask_model_options model_options = PICASK_MODEL_OPTIONS_INIT;
    model_options.threads = c->threads;
    picask_error err;
    picask_status status = picask_model_open(name, &model_options, &e->model, &err);
    base_free(name);
    if (status != LANCELET_OK)
        return cli_fail_error(&err);
    e->dim = picask_model_dim(e->model);
    e->vectors = base_alloc_array(e->dim, AT_ONCE * sizeof *e->vectors);
    return e->vectors ? 0 : cli_fail("out of memory");
}

static int run_embed(cli *c)
{
    embedding e = {0};
    size_t inputs = 0;
    for (size_t i = 0; i < c->n_arguments; i++) {
        const cli_argument *a = &c->argument[i];
        if (a->id == OUTPUT)
            e.output = a->value;
        else
            inputs++;
        if (a->id == 0 && strcmp(a->value, "-") != 0)
            return cli_fail("'%s': words go behind --text, pictures behind --image", a->value);
    }
    if (inputs == 0)
        return cli_fail("embed needs --text, --image or -: picask embed --text 'a red car'");

    int code = open_model(c, &e);
    for (size_t i = 0; i < c->n_arguments && code == 0; i++) {
        const cli_argument *a = &c->argument[i];
        const char *texts[AT_ONCE];
        size_t n = 0;
        while (n < AT_ONCE && i + n < c->n_arguments && a[n].id == TEXT) {
            texts[n] = a[n].value;
            n++;
        }
        if (n > 0) {
            code = embed_texts(&e, texts, n);
            i += n - 1;
        } else if (a->id == IMAGE) {
            code = embed_picture(&e, a->value);
        } else if (a->id == 0) {
            code = embed_input(&e);
        }
    }
    if (code == 0 && e.n == 0)
        code = CLI_NOTHING; /* no line on standard input */
    picask_error err;
    if (code == 0 && e.output) {
        if (base_npy_write(e.output, (const float *)(const void *)e.all.data, e.n, e.dim, &err) !=
            LANCELET_OK)
            code = cli_fail_error(&err);
        else
            cli_say(c, "wrote %zu vector%s of %zu numbers to %s", e.n, e.n == 1 ? "" : "s", e.dim, e.output);
    }
    base_buffer_free(&e.all);
    base_free(e.vectors);
    picask_model_destroy(e.model);
    return code;
}

const cli_command cli_embed = {
    "embed",
    NULL,
    "[-]",
    "vectors of words and pictures as JSON lines",
    options,
    NULL,
    "  picask embed --text 'a red car' --image ./car.jpg\n"
    "  picask embed - < sentences.txt -o sentences.npy      - reads one text a line\n"
    "\n"
    "Vectors are float32 of unit length, in the order given, with every digit that float32 has.\n",
    run_embed,
};
