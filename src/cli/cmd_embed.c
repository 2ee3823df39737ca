/* cmd_embed.c - `picask embed`: vectors of words and pictures, as JSON lines or a .npy file. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/npy.h"

enum { TEXT = 1, IMAGE, OUTPUT };

static const cli_option options[] = {
    {0, "text", "TEXT", TEXT, "words; may be repeated"},
    {0, "image", "PATH", IMAGE, "a picture; may be repeated"},
    {'o', "output", "FILE.npy", OUTPUT, "write the vectors as a float32 array [n, numbers a vector]"},
    CLI_OPTIONS_END,
};

typedef struct embedding {
    picask_model *model;
    size_t dim;
    float *vector;      /* [dim] of the last */
    const char *output; /* NULL: JSON lines */
    base_buffer all;    /* float32 [n, dim], with output */
    size_t n;
} embedding;

/* `name` "text" or "image" */
static int give(embedding *e, const char *name, const char *value)
{
    e->n++;
    if (e->output)
        return base_buffer_append(&e->all, e->vector, e->dim * sizeof *e->vector) ? 0
                                                                                  : cli_fail("out of memory");
    cli_text t = {0};
    cli_putf(&t, "{\"%s\":", name);
    cli_put_json(&t, value);
    cli_put(&t, ",\"embedding\":[");
    for (size_t i = 0; i < e->dim; i++) {
        if (i)
            cli_put(&t, ",");
        cli_put_json_float(&t, e->vector[i]);
    }
    cli_put(&t, "]}\n");
    return cli_print(&t);
}

static int embed_text(embedding *e, const char *text)
{
    picask_error err;
    if (picask_embed_texts(e->model, &text, 1, e->vector, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    return give(e, "text", text);
}

static int embed_picture(embedding *e, const char *path)
{
    picask_error err;
    if (picask_embed_picture_file(e->model, path, e->vector, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    return give(e, "image", path);
}

static int embed_lines(embedding *e)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;
    int code = 0;
    while (code == 0 && (n = getline(&line, &capacity, stdin)) >= 0) {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            line[--n] = '\0';
        code = embed_text(e, line);
    }
    free(line);
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
            code = cli_fail("table '%s' (%zu numbers a row) does not say which model made it; give -m NAME",
                            c->table, picask_table_dim(table));
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
    e->vector = base_alloc_array(e->dim, sizeof *e->vector);
    return e->vector ? 0 : cli_fail("out of memory");
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
        if (a->id == IMAGE)
            code = embed_picture(&e, a->value);
        else if (a->id == 0)
            code = embed_lines(&e);
        else if (a->id == TEXT)
            code = embed_text(&e, a->value);
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
    base_free(e.vector);
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
