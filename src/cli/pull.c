/* pull.c - fetching from Hugging Face for those who wait: the size first, then a bar with rate and time left, then the folder. */
#include "cli/cli.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

/* What the events of one fetch share. */
typedef struct fetching {
    cli *c;
    const char *name;
    cli_progress progress;
    bool told;      /* the size */
    uint64_t total; /* bytes of all files; 0: all were here */
} fetching;

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    fetching *f = arg;
    char size[32], here[32];
    if (!f->told && done > 0)
        cli_say(f->c, "fetching %s: %s; %s are here", f->name, cli_size(total - done, size), cli_size(done, here));
    else if (!f->told)
        cli_say(f->c, "fetching %s: %s", f->name, cli_size(total, size));
    f->told = true;
    f->total = total;
    cli_progress_bytes(&f->progress, done, total);
}

static void on_note(void *arg, int level, const char *sentence)
{
    fetching *f = arg;
    cli_progress_note(&f->progress, level, sentence);
}

static int fetch(fetching *f, bool dataset, char **path)
{
    picask_pull_options o = PICASK_PULL_OPTIONS_INIT;
    picask_error err;
    o.cancel = cli_cancel_flag();
    o.arg = f;
    o.progress = on_progress;
    o.note = on_note;
    cli_progress_start(&f->progress, f->c);
    picask_status status = (dataset ? picask_dataset_pull : picask_model_pull)(f->name, &o, path, &err);
    cli_progress_clear(&f->progress);
    if (status == LANCELET_CANCELLED)
        cli_say(f->c, "stopped; the same command goes on from there");
    return status == LANCELET_OK ? CLI_DONE : cli_fail_error(&err);
}

int cli_fetch(cli *c, bool dataset, const char *name, char **path)
{
    fetching f = {.c = c, .name = name};
    return fetch(&f, dataset, path);
}

static int pull_one(cli *c, bool dataset, const char *name)
{
    fetching f = {.c = c, .name = name};
    char *path = NULL;
    int code = fetch(&f, dataset, &path);
    if (code)
        return code;
    cli_text t = {0};
    if (c->json) {
        cli_put(&t, "{\"name\":");
        cli_put_json(&t, name);
        cli_put(&t, ",\"path\":");
        cli_put_json(&t, path);
        cli_putf(&t, ",\"fetched\":%s,\"bytes\":%" PRIu64 "}\n", f.told ? "true" : "false", f.total);
    } else {
        char *clean = view_clean(path, strlen(path));
        cli_putf(&t, "%s\n", clean ? clean : "");
        t.failed = t.failed || !clean;
        base_free(clean);
    }
    picask_free(path);
    return cli_print(&t);
}

int cli_pull(cli *c, bool dataset)
{
    size_t n = 0;
    const char **operands = cli_operands(c, &n);
    if (!operands)
        return CLI_ERROR;
    int code = CLI_DONE;
    if (n == 0)
        code = dataset ? cli_fail("dataset pull needs a name: picask dataset pull ORG/NAME")
                       : cli_fail("model pull needs a name: picask model pull ViT-B-32; see: picask model list");
    for (size_t i = 0; i < n && code == CLI_DONE; i++)
        code = pull_one(c, dataset, operands[i]);
    base_free(operands);
    return code;
}

/* *bytes: of the model's weights, 0 when it is here or its name means nothing. */
static int missing_bytes(const char *name, uint64_t *bytes)
{
    char *json = NULL;
    picask_error err;
    *bytes = 0;
    picask_status status = picask_model_describe(name, &json, &err);
    if (status == LANCELET_NOT_FOUND || status == LANCELET_INVALID)
        return CLI_DONE;
    if (status != LANCELET_OK)
        return cli_fail_error(&err);
    json_t *card = json_loads(json, 0, NULL);
    json_int_t v = json_integer_value(json_object_get(card, "bytes"));
    if (json_is_null(json_object_get(card, "path")) && v > 0)
        *bytes = (uint64_t)v;
    json_decref(card);
    picask_free(json);
    return CLI_DONE;
}

int cli_need_model(cli *c, const char *name, bool yes)
{
    uint64_t bytes;
    char size[32], *path = NULL;
    int code = missing_bytes(name, &bytes);
    if (code || bytes == 0)
        return code;
    code = cli_confirm(yes, "%s is not on this machine and would be fetched from Hugging Face (%s)", name, cli_size(bytes, size));
    if (code)
        return code;
    code = cli_fetch(c, false, name, &path);
    picask_free(path);
    return code;
}
