/* cmd_model.c - `picask model list|info`: the models that this program knows, and what one says about itself. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "base/text.h"

static uint64_t bytes_of(const char *path)
{
    base_stat st;
    picask_error err;
    return base_file_stat(path, &st, &err) == LANCELET_OK && st.exists ? st.size : 0;
}

/* ---- list ---- */

static void put_model(cli_text *t, const cli *c, const char *name, const picask_model *model)
{
    uint64_t bytes = model ? bytes_of(picask_model_path(model)) : 0;
    char size[32];
    if (c->json) {
        cli_put(t, "{\"name\":");
        cli_put_json(t, name);
        if (model) {
            cli_putf(t, ",\"dim\":%zu,\"bytes\":%llu,\"path\":", picask_model_dim(model),
                     (unsigned long long)bytes);
            cli_put_json(t, picask_model_path(model));
        } else {
            cli_put(t, ",\"dim\":null,\"bytes\":null,\"path\":null");
        }
        cli_put(t, "}\n");
    } else if (!c->out.is_terminal) {
        cli_put_field(t, name);
        if (model) {
            cli_putf(t, "\t%zu\t%llu\t", picask_model_dim(model), (unsigned long long)bytes);
            cli_put_field(t, picask_model_path(model));
        } else {
            cli_put(t, "\t\t\t");
        }
        cli_put(t, "\n");
    } else if (model) {
        char *path = cli_shown_path(picask_model_path(model));
        cli_putf(t, "%-10s  %7zu  %7s  %s\n", name, picask_model_dim(model), cli_size(bytes, size),
                 path ? path : "");
        base_free(path);
    } else {
        cli_putf(t, "%-10s  %7s  %7s  not on this machine\n", name, "-", "-");
    }
}

static int run_list(cli *c)
{
    const char *const *names = picask_model_names();
    cli_text t = {0};
    if (c->out.is_terminal && !c->json)
        cli_putf(&t, "%sname        numbers     size  file%s\n", c->out.styled ? "\033[2m" : "",
                 c->out.styled ? "\033[0m" : "");
    int code = 0;
    for (size_t i = 0; names[i]; i++) {
        picask_model *model = NULL;
        picask_error err;
        picask_status status = picask_model_open(names[i], NULL, &model, &err);
        if (status != LANCELET_OK && status != LANCELET_NOT_FOUND)
            code = cli_fail_error(&err);
        put_model(&t, c, names[i], model);
        picask_model_destroy(model);
    }
    int printed = cli_print(&t);
    return printed ? printed : code;
}

static const cli_command verb_list = {
    "list",
    NULL,
    "",
    "models that this program knows, and where their files lie",
    NULL,
    NULL,
    "  picask model list\n",
    run_list,
};

/* ---- info ---- */

/* Words of `text` in lines of at most `columns`, the first behind `head`. */
static void put_wrapped(cli_text *t, const cli *c, const char *head, const char *text, size_t columns)
{
    char *clean = view_clean(text, strlen(text));
    t->failed = t->failed || !clean;
    const char *p = clean ? clean : "";
    bool first = true;
    while (*p) {
        size_t end = 0, at = 0;
        while (p[at]) {
            size_t word = at + strspn(p + at, " ");
            word += strcspn(p + word, " ");
            if (end > 0 && word > columns)
                break;
            end = at = word;
        }
        bool styled = c->out.styled && first;
        cli_putf(t, "%s%-9s%s %.*s\n", styled ? "\033[2m" : "", first ? head : "", styled ? "\033[0m" : "",
                 (int)end, p);
        first = false;
        p += end;
        p += strspn(p, " ");
    }
    base_free(clean);
}

static void put_recall(cli_text *t, const cli *c, const char *text, size_t columns)
{
    json_t *recall = json_loads(text, 0, NULL);
    if (!json_is_object(recall)) {
        put_wrapped(t, c, "recall", text, columns);
        json_decref(recall);
        return;
    }
    const char *what = json_string_value(json_object_get(recall, "what"));
    put_wrapped(t, c, "recall", what ? what : "text to picture", columns);
    size_t width = 0;
    const char *key;
    json_t *value;
    json_object_foreach(recall, key, value)
    {
        if (json_is_array(value) && view_width(key) > width)
            width = view_width(key);
    }
    json_object_foreach(recall, key, value)
    {
        if (!json_is_array(value))
            continue;
        char *name = view_clean(key, strlen(key));
        cli_putf(t, "%10s%s%*s", "", name ? name : "", (int)(width - view_width(key)), "");
        base_free(name);
        for (size_t i = 0; i < json_array_size(value); i++)
            cli_putf(t, "  %5.1f", json_number_value(json_array_get(value, i)));
        cli_put(t, "\n");
    }
    json_decref(recall);
}

static void put_info(cli_text *t, const cli *c, const picask_model *model)
{
    char size[32];
    size_t columns = c->out.columns > 60 && c->out.columns < 110 ? (size_t)c->out.columns - 10 : 90;
    const char *about = picask_model_about(model, "about"), *recall = picask_model_about(model, "recall");
    const char *licence = picask_model_about(model, "licence");
    char *path = cli_shown_path(picask_model_path(model));
    char *line =
        path ? base_format("%s · %zu numbers a vector · %s · %s", picask_model_name(model),
                           picask_model_dim(model), cli_size(bytes_of(picask_model_path(model)), size), path)
             : NULL;
    put_wrapped(t, c, "model", line ? line : "", 100000);
    base_free(line);
    base_free(path);
    if (about)
        put_wrapped(t, c, "about", about, columns);
    if (recall)
        put_recall(t, c, recall, columns);
    if (licence)
        put_wrapped(t, c, "licence", licence, columns);
    put_wrapped(t, c, "CLIP",
                "A real CLIP finds more, and takes hundreds of megabytes to do so. This version of picask "
                "reads models of "
                "the mini family only; CLIP's weights come with a later version.",
                columns);
}

static void put_info_json(cli_text *t, const picask_model *model)
{
    const char *recall = picask_model_about(model, "recall");
    json_t *parsed = recall ? json_loads(recall, 0, NULL) : NULL;
    cli_put(t, "{\"name\":");
    cli_put_json(t, picask_model_name(model));
    cli_putf(t, ",\"dim\":%zu,\"bytes\":%llu,\"path\":", picask_model_dim(model),
             (unsigned long long)bytes_of(picask_model_path(model)));
    cli_put_json(t, picask_model_path(model));
    cli_put(t, ",\"about\":");
    cli_put_json(t, picask_model_about(model, "about"));
    cli_put(t, ",\"recall\":");
    if (parsed)
        cli_put_ready_json(t, recall, strlen(recall));
    else
        cli_put_json(t, recall);
    cli_put(t, ",\"licence\":");
    cli_put_json(t, picask_model_about(model, "licence"));
    cli_put(t, "}\n");
    json_decref(parsed);
}

static int run_info(cli *c)
{
    size_t n = 0;
    const char **operands = cli_operands(c, &n);
    if (!operands)
        return CLI_ERROR;
    const char *name = n > 0 ? operands[0] : c->model ? c->model : "mini";
    base_free(operands);
    if (n > 1)
        return cli_fail("model info takes one name, not %zu", n);
    picask_model *model = NULL;
    picask_error err;
    if (picask_model_open(name, NULL, &model, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    cli_text t = {0};
    if (c->json)
        put_info_json(&t, model);
    else
        put_info(&t, c, model);
    picask_model_destroy(model);
    return cli_print(&t);
}

static const cli_command verb_info = {
    "info",
    NULL,
    "[NAME]",
    "what a model is, how well it finds, its licence",
    NULL,
    NULL,
    "  picask model info mini\n",
    run_info,
};

static const cli_command *const verbs[] = {&verb_list, &verb_info, NULL};

const cli_command cli_model = {
    "model",
    NULL,
    "VERB",
    "list and describe models",
    NULL,
    verbs,
    "  picask model list\n"
    "  picask model info mini\n",
    NULL,
};
