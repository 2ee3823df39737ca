/* cmd_model.c - `picask model list|info|pull|check|pack`: the models that are known by name, what one is, fetching it, whether
 * its file is sound, and its packed form. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

static const char *text_of(const json_t *card, const char *key)
{
    return json_string_value(json_object_get(card, key));
}

static uint64_t number_of(const json_t *card, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(card, key));
    return v > 0 ? (uint64_t)v : 0;
}

/* The model that a verb is asked about: its operand, else -m, else mini. NULL after a sentence. */
static const char *named(const cli *c)
{
    size_t n = 0;
    const char **operands = cli_operands(c, &n);
    if (!operands)
        return NULL;
    const char *name = n > 0 ? operands[0] : c->model ? c->model : "mini";
    base_free(operands);
    if (n > 1) {
        cli_fail("model %s takes one name, not %zu", c->command->name, n);
        return NULL;
    }
    return name;
}

/* ---- list ---- */

/* Figure `at` of Flickr30k as "65.0", or "" */
static const char *flickr(const json_t *card, size_t at, char out[32])
{
    const json_t *figure = json_array_get(json_object_get(json_object_get(card, "recall"), "Flickr30k"), at);
    out[0] = '\0';
    if (json_is_number(figure))
        snprintf(out, 32, "%.1f", json_number_value(figure));
    return out;
}

/* A licence in a word or two: its first of several, nothing of a sentence. */
static const char *short_licence(const char *licence, char out[16])
{
    size_t n = licence ? strlen(licence) : 0;
    if (n > 12)
        snprintf(out, 16, "%.*s", n > 40 ? 0 : (int)strcspn(licence, " "), licence);
    else
        snprintf(out, 16, "%s", n > 0 ? licence : "not stated");
    return n > 40 ? "see info" : out;
}

static void put_line(cli_text *t, const json_t *card)
{
    char size[32], one[32], ten[32], licence[16];
    const char *path = text_of(card, "path");
    uint64_t bytes = number_of(card, "bytes");
    cli_putf(t, "%-31s  %4" PRIu64 "  %6s  %5s %5s  %-12s  %s\n", text_of(card, "name"),
             number_of(card, "dim"), bytes ? cli_size(bytes, size) : "-", flickr(card, 0, one),
             flickr(card, 1, ten), short_licence(text_of(card, "licence"), licence), path ? "here" : "-");
}

static void put_fields(cli_text *t, const json_t *card)
{
    char one[32], ten[32];
    static const char *const keys[] = {"path", "licence", "source"};
    cli_put_field(t, text_of(card, "name"));
    cli_putf(t, "\t%" PRIu64 "\t%" PRIu64, number_of(card, "dim"), number_of(card, "bytes"));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = text_of(card, keys[i]);
        cli_put(t, "\t");
        cli_put_field(t, value ? value : "");
    }
    cli_putf(t, "\t%s\t%s\n", flickr(card, 0, one), flickr(card, 1, ten));
}

static int run_list(cli *c)
{
    char *lines = NULL;
    picask_error err;
    if (c->n_arguments > 0)
        return cli_fail("model list takes no name; of one model: picask model info %s", c->argument[0].value);
    if (picask_model_list(&lines, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    cli_text t = {0};
    bool table = c->out.is_terminal && !c->json;
    const char *dim = table && c->out.styled ? "\033[2m" : "",
               *plain = table && c->out.styled ? "\033[0m" : "";
    if (table)
        cli_putf(&t, "%s%-31s  %4s  %6s  %5s %5s  %-12s%s\n", dim, "name", "dim", "size", "R@1", "R@10",
                 "licence", plain);
    for (const char *line = lines; *line; line += strcspn(line, "\n") + 1) {
        size_t n = strcspn(line, "\n");
        if (c->json) {
            cli_put_ready_json(&t, line, n);
            cli_put(&t, "\n");
            continue;
        }
        json_t *card = json_loadb(line, n, 0, NULL);
        t.failed = t.failed || !card;
        if (table && card)
            put_line(&t, card);
        else if (card)
            put_fields(&t, card);
        json_decref(card);
    }
    if (table)
        cli_putf(&t,
                 "%sR@1, R@10: of 100 captions (Flickr30k) so many find their picture first, in ten.\n"
                 "ViT-L-14 and ViT-L/14 are ViT-L-14/openai, a Hugging Face name will do as well.%s\n",
                 dim, plain);
    picask_free(lines);
    return cli_print(&t);
}

static const cli_command verb_list = {
    "list",
    NULL,
    "",
    "models that are known by name, and whether they are here",
    NULL,
    NULL,
    "  picask model list\n"
    "\n"
    "Not on a terminal a line a model, with tabs between: name, numbers a vector,\n"
    "bytes, path, licence, source, R@1, R@10.\n",
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

static void put_recall(cli_text *t, const cli *c, const json_t *recall, size_t columns)
{
    if (json_is_string(recall))
        put_wrapped(t, c, "recall", json_string_value(recall), columns);
    if (!json_is_object(recall))
        return;
    const char *what = text_of(recall, "what");
    put_wrapped(t, c, "recall", what ? what : "text to picture", columns);
    size_t width = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)recall, key, value)
    {
        if (json_is_array(value) && view_width(key) > width)
            width = view_width(key);
    }
    json_object_foreach((json_t *)recall, key, value)
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
}

/* One tower of `architecture`: "12 layers of 768, 12 heads" */
static void put_tower(base_buffer *b, const json_t *tower, const char *what, bool *fits)
{
    if (!json_is_object(tower))
        return;
    *fits = *fits && base_buffer_printf(b, "%s%s %" PRIu64 " layers of %" PRIu64 ", %" PRIu64 " heads",
                                        b->size ? "; " : "", what, number_of(tower, "layers"),
                                        number_of(tower, "width"), number_of(tower, "heads"));
}

/* "224 x 224 pixels, patches of 32; pictures: 12 layers of 768, 12 heads; texts: ..." */
static void put_shapes(cli_text *t, const cli *c, const json_t *card, size_t columns)
{
    const json_t *architecture = json_object_get(card, "architecture");
    const json_t *preprocess = json_object_get(card, "preprocess");
    const char *activation = text_of(architecture, "activation"),
               *tokenizer = text_of(preprocess, "tokenizer");
    uint64_t side = number_of(card, "image_size"), patch = number_of(card, "patch"),
             tokens = number_of(preprocess, "max_tokens");
    if (!patch)
        patch = number_of(json_object_get(architecture, "image"), "patch");
    base_buffer b = {0};
    bool fits = !side || base_buffer_printf(&b, "pictures of %" PRIu64 " x %" PRIu64 " pixels", side, side);
    fits = fits && (!patch || base_buffer_printf(&b, " in patches of %" PRIu64, patch));
    put_tower(&b, json_object_get(architecture, "image"), "picture tower of", &fits);
    put_tower(&b, json_object_get(architecture, "text"), "text tower of", &fits);
    fits = fits && (!activation || base_buffer_printf(&b, "; %s", activation));
    char *line = fits && b.size ? base_buffer_to_string(&b) : NULL;
    base_buffer_free(&b);
    if (line)
        put_wrapped(t, c, "shapes", line, columns);
    base_free(line);
    line = tokenizer ? base_format("%s, at most %" PRIu64 " tokens", tokenizer, tokens) : NULL;
    if (line)
        put_wrapped(t, c, "tokenizer", line, columns);
    base_free(line);
    t->failed = t->failed || !fits;
}

/* "safetensors: float32 600 MB, int8 5 KB; packed form in ~/.cache/..." */
static void put_weights(cli_text *t, const cli *c, const json_t *card, size_t columns)
{
    const char *format = text_of(card, "format"), *packed = text_of(card, "packed"), *type;
    json_t *types = json_object_get(card, "bytes_by_type"), *bytes;
    base_buffer b = {0};
    bool fits = format && base_buffer_printf(&b, "%s:", format);
    size_t n = 0;
    json_object_foreach(types, type, bytes)
    {
        char size[32];
        fits = fits && base_buffer_printf(&b, "%s %s %s", n++ ? "," : "", type,
                                          cli_size((uint64_t)json_integer_value(bytes), size));
    }
    char *shown = packed ? cli_shown_path(packed) : NULL;
    fits = fits && (!packed || base_buffer_printf(&b, "; packed form in %s", shown ? shown : ""));
    char *line = fits ? base_buffer_to_string(&b) : NULL;
    base_buffer_free(&b);
    base_free(shown);
    if (line)
        put_wrapped(t, c, "weights", line, columns);
    base_free(line);
}

/* Where it lies, or where to put it. */
static void put_place(cli_text *t, const cli *c, const json_t *card, size_t columns)
{
    char size[32];
    if (!c->out.is_terminal)
        columns = SIZE_MAX; /* a line is easier to search */
    const char *path = text_of(card, "path"), *where = text_of(card, "put");
    char *shown = path ? cli_shown_path(path) : NULL;
    cli_size(number_of(card, "bytes"), size);
    char *line = path ? base_format("%s · %" PRIu64 " numbers a vector · %s · %s", text_of(card, "name"),
                                    number_of(card, "dim"), size, shown ? shown : "")
                      : base_format("%s · %" PRIu64 " numbers a vector · %s · not on this machine",
                                    text_of(card, "name"), number_of(card, "dim"), size);
    t->failed = t->failed || !line;
    put_wrapped(t, c, "model", line ? line : "", columns);
    if (!path && where)
        put_wrapped(t, c, "to use it", where, columns);
    base_free(line);
    base_free(shown);
}

static void put_info(cli_text *t, const cli *c, const json_t *card)
{
    static const char *const heads[][2] = {{"about", "about"}, {"source", "source"}, {"licence", "licence"}};
    size_t columns = c->out.columns > 60 && c->out.columns < 110 ? (size_t)c->out.columns - 10 : 90;
    const char *about = text_of(card, "about"), *source = text_of(card, "source"),
               *hub = text_of(card, "hub_id");
    put_place(t, c, card, columns);
    put_shapes(t, c, card, columns);
    put_weights(t, c, card, columns);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        const char *value = text_of(card, heads[i][1]);
        if (value && !(i == 0 && source && strcmp(about, source) == 0))
            put_wrapped(t, c, heads[i][0], value, columns);
    }
    put_recall(t, c, json_object_get(card, "recall"), columns);
    json_t *imagenet = json_object_get(card, "imagenet");
    if (json_is_number(imagenet))
        cli_putf(t, "%10sImageNet %.1f at the first guess\n", "", json_number_value(imagenet));
    if (hub)
        put_wrapped(t, c, "published", hub, columns);
}

static int run_info(cli *c)
{
    const char *name = named(c);
    char *json = NULL;
    picask_error err;
    if (!name)
        return CLI_ERROR;
    if (picask_model_describe(name, &json, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    cli_text t = {0};
    if (c->json) {
        cli_put_ready_json(&t, json, strlen(json));
        cli_put(&t, "\n");
    } else {
        json_t *card = json_loads(json, 0, NULL);
        t.failed = !card;
        if (card)
            put_info(&t, c, card);
        json_decref(card);
    }
    picask_free(json);
    return cli_print(&t);
}

static const cli_command verb_info = {
    "info",
    NULL,
    "[NAME|PATH]",
    "what a model is, how well it finds, its licence",
    NULL,
    NULL,
    "  picask model info mini\n"
    "  picask model info ViT-L-14\n"
    "  picask model info ./ViT-B-32.pt\n"
    "\n"
    "Of a model that is not on this machine it says how to get it.\n",
    run_info,
};

/* ---- check ---- */

static const char *word_of(picask_checked checked)
{
    return checked == PICASK_CHECK_SAME ? "same" : checked == PICASK_CHECK_DIFFERS ? "differs" : NULL;
}

static void put_report_json(cli_text *t, const char *name, const picask_model_report *r, bool sound)
{
    cli_put(t, "{\"name\":");
    cli_put_json(t, name);
    cli_putf(t, ",\"sound\":%s,\"sha256\":\"%s\",\"published_sha256\":", sound ? "true" : "false", r->sha256);
    cli_put_json(t, r->published_sha256);
    cli_put(t, ",\"hash\":");
    cli_put_json(t, word_of(r->hash));
    cli_putf(t, ",\"tensors\":%" PRIu64 ",\"numbers\":%" PRIu64 ",\"not_finite\":", r->tensors, r->count);
    cli_put_json(t, r->numbers == PICASK_CHECK_DIFFERS ? r->tensor : NULL);
    cli_put(t, ",\"vectors\":");
    cli_put_json(t, word_of(r->vectors));
    cli_put(t, "}\n");
}

static void put_report(cli_text *t, const picask_model_report *r)
{
    char tensors[32], numbers[32];
    cli_putf(t, "SHA-256   %s\n          ", r->sha256);
    if (r->hash == PICASK_CHECK_NONE)
        cli_put(t, "(none is published to compare with)\n");
    else if (r->hash == PICASK_CHECK_SAME)
        cli_put(t, "as published\n");
    else
        cli_putf(t, "DIFFERS from the published\n          %s\n", r->published_sha256);
    cli_putf(t, "shapes    %s tensors fit together\n", cli_count(r->tensors, tensors));
    if (r->numbers == PICASK_CHECK_DIFFERS) {
        char *clean = view_clean(r->tensor, strlen(r->tensor));
        cli_putf(t, "numbers   the tensor '%s' holds infinities or what is NO NUMBER\n", clean ? clean : "");
        base_free(clean);
        return;
    }
    cli_putf(t, "numbers   %s, all finite\n", cli_count(r->count, numbers));
    cli_put(t, "vectors   of three sentences finite and of unit length,\n          ");
    if (r->vectors == PICASK_CHECK_NONE)
        cli_put(t, "(none are published to compare with)\n");
    else
        cli_putf(t, "%s, largest difference %.1e\n",
                 r->vectors == PICASK_CHECK_SAME ? "as published" : "they DIFFER from the published",
                 (double)r->worst);
}

static int run_check(cli *c)
{
    const char *name = named(c);
    picask_error err;
    picask_model_report r = PICASK_MODEL_REPORT_INIT;
    if (!name)
        return CLI_ERROR;
    picask_status status = picask_model_check(name, &r, &err);
    if (status != LANCELET_OK) {
        int code = cli_fail_error(&err);
        return status == LANCELET_CORRUPT ? 1 : code;
    }
    bool sound = r.hash != PICASK_CHECK_DIFFERS && r.numbers != PICASK_CHECK_DIFFERS &&
                 r.vectors != PICASK_CHECK_DIFFERS;
    cli_text t = {0};
    if (c->json)
        put_report_json(&t, name, &r, sound);
    else
        put_report(&t, &r);
    int code = cli_print(&t);
    return code ? code : sound ? CLI_DONE : 1;
}

static const cli_command verb_check = {
    "check",
    NULL,
    "[NAME|PATH]",
    "whether a model's file is sound",
    NULL,
    NULL,
    "  picask model check ViT-B-32\n"
    "\n"
    "Reads all of it: SHA-256 with the published one where there is one, all shapes,\n"
    "every number, and the vectors of three sentences. Exit code 1 if something\n"
    "differs, 2 if it could not be checked.\n",
    run_check,
};

/* ---- pack ---- */

static int run_pack(cli *c)
{
    const char *name = named(c);
    char *path = NULL;
    picask_error err;
    picask_pack_report r = PICASK_PACK_REPORT_INIT;
    if (!name)
        return CLI_ERROR;
    if (picask_model_pack(name, &path, &r, &err) != LANCELET_OK)
        return cli_fail_error(&err);
    cli_text t = {0};
    if (c->json) {
        cli_putf(&t, "{\"bytes_before\":%" PRIu64 ",\"bytes_after\":%" PRIu64 ",\"narrowed\":%zu,\"path\":",
                 r.bytes_before, r.bytes_after, r.narrowed);
        cli_put_json(&t, path);
        cli_put(&t, "}\n");
    } else if (path) {
        char before[32], after[32], *shown = cli_shown_path(path);
        cli_putf(&t, "%s\n  %s before, %s after; the same vectors\n", shown ? shown : "",
                 cli_size(r.bytes_before, before), cli_size(r.bytes_after, after));
        base_free(shown);
    } else {
        cli_put(&t,
                "nothing to gain: no matrix fits into float16 without loss, or all are held so already\n");
    }
    picask_free(path);
    return cli_print(&t);
}

static const cli_command verb_pack = {
    "pack",
    NULL,
    "[NAME|PATH]",
    "a smaller copy of a model's weights, for the same vectors faster",
    NULL,
    NULL,
    "  picask model pack ViT-L-14\n"
    "\n"
    "Matrices of float32 whose numbers are all float16's, as in copies of OpenAI's\n"
    "weights, are held as such: half the memory to read for each query. The copy lies\n"
    "in the cache folder and is used from then on.\n",
    run_pack,
};

/* ---- pull ---- */

static int run_pull(cli *c)
{
    return cli_pull(c, false);
}

static const cli_command verb_pull = {
    "pull",
    NULL,
    "NAME...",
    "fetch a model from Hugging Face",
    NULL,
    NULL,
    "  picask model pull ViT-B-32\n"
    "  picask model pull openai/clip-vit-large-patch14\n"
    "\n"
    "The weights and what they are read with go into Hugging Face's own cache, where\n"
    "Python finds them too. What is there already is not fetched again, and a download\n"
    "that broke off goes on from there. HF_TOKEN, HF_HOME, HF_ENDPOINT and\n"
    "HF_HUB_OFFLINE mean what they mean there. The last line is the model's folder.\n",
    run_pull,
};

static const cli_command *const verbs[] = {&verb_list, &verb_info, &verb_pull, &verb_check, &verb_pack, NULL};

const cli_command cli_model = {
    "model",
    NULL,
    "VERB",
    "list, describe, fetch, check and pack models",
    NULL,
    verbs,
    "  picask model list\n"
    "  picask model info mini\n"
    "  picask model pull ViT-B-32\n",
    NULL,
};
