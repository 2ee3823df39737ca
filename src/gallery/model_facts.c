/* model_facts.c - what is known of models, as JSON: the catalogue's facts of one that is not here, and what the
 * weights say of one that is. */
#include "gallery/gallery.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "embed/model/weights_file.h"
#include "embed/model/weights_pack.h"

/* A JSON object that grows; a failed append is remembered. */
typedef struct object {
    base_buffer b;
    bool failed;
} object;

static void put(object *o, const char *text)
{
    o->failed = o->failed || !base_buffer_append_string(&o->b, text);
}

static void key(object *o, const char *name)
{
    o->failed = o->failed ||
                !base_buffer_printf(&o->b, "%s\"%s\":", o->b.data[o->b.size - 1] == '{' ? "" : ",", name);
}

static void put_text(object *o, const char *name, const char *value)
{
    key(o, name);
    if (value)
        o->failed = o->failed || !base_json_append_string(&o->b, value, strlen(value));
    else
        put(o, "null");
}

/* What is JSON already, or null. */
static void put_json(object *o, const char *name, const char *json)
{
    key(o, name);
    put(o, json ? json : "null");
}

/* JSON out of a model's file, in one line; what is no JSON becomes a string. */
static void put_foreign_json(object *o, const char *name, const char *json)
{
    json_t *parsed = json ? json_loads(json, 0, NULL) : NULL;
    char *line = parsed ? json_dumps(parsed, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (line)
        put_json(o, name, line);
    else
        put_text(o, name, json);
    free(line);
    json_decref(parsed);
}

/* 0: null */
static void put_number(object *o, const char *name, uint64_t value)
{
    key(o, name);
    if (value)
        o->failed = o->failed || !base_buffer_printf(&o->b, "%" PRIu64, value);
    else
        put(o, "null");
}

static void put_share(object *o, const char *name, float percent)
{
    char text[32];
    base_format_float(percent, text);
    put_json(o, name, percent > 0 ? text : NULL);
}

/* The object as an owned string behind those in *out. */
static lancelet_status finish(object *o, lancelet_status status, char **out, lancelet_error *err)
{
    put(o, "}");
    if (status == LANCELET_OK && o->failed)
        status = base_fail_memory(err);
    if (status == LANCELET_OK) {
        *out = base_buffer_to_string(&o->b);
        return *out ? LANCELET_OK : base_fail_memory(err);
    }
    base_buffer_free(&o->b);
    return status;
}

/* ---- facts of the catalogue ---- */

static void put_figures(object *o, const catalogue_figures *f)
{
    if (f->flickr30k_1 > 0) {
        char text[4][32];
        const float figure[4] = {f->flickr30k_1, f->flickr30k_10, f->coco_1, f->coco_10};
        for (size_t i = 0; i < 4; i++)
            base_format_float(figure[i], text[i]);
        key(o, "recall");
        o->failed = o->failed ||
                    !base_buffer_printf(
                        &o->b,
                        "{\"what\":\"in percent: a picture by its caption, as the first and among the first "
                        "ten\",\"Flickr30k\":[%s,%s],\"MSCOCO\":[%s,%s]}",
                        text[0], text[1], text[2], text[3]);
    } else {
        put_json(o, "recall", NULL);
    }
    put_share(o, "imagenet", f->imagenet);
}

/* What stands in the catalogue alone, model here or not; e NULL: all null. */
static void put_published(object *o, const catalogue_entry *e)
{
    put_text(o, "hub_id", e ? e->hub_id : NULL);
    put_text(o, "hub_also", e ? e->hub_also : NULL);
    put_text(o, "hub_file", e ? e->hub_file : NULL);
    put_text(o, "hub_sha256", e ? e->hub_sha256 : NULL);
    put_text(o, "openai_file", e ? e->openai_file : NULL);
    put_text(o, "openai_sha256", e ? e->openai_sha256 : NULL);
    put_text(o, "open_clip", e ? e->open_clip_arch : NULL);
    put_text(o, "pretrained", e ? e->pretrained : NULL);
}

static uint64_t bytes_at(const char *path)
{
    base_stat st;
    return base_file_stat(path, &st, NULL) == LANCELET_OK && st.exists && !st.is_dir ? st.size : 0;
}

/* Of an index the bytes of its shards. */
static uint64_t bytes_of_weights(const char *path)
{
    weights_file *f = NULL;
    size_t n = strlen(path);
    if (n < 5 || strcmp(path + n - 5, ".json") != 0)
        return bytes_at(path);
    uint64_t bytes = weights_file_open(path, &f, NULL) == LANCELET_OK ? weights_file_bytes(f) : 0;
    weights_file_close(f);
    return bytes;
}

/* path NULL: not on this machine */
static lancelet_status card_of_entry(const catalogue_entry *e, const char *path, char **json,
                                     lancelet_error *err)
{
    object o = {0};
    bool about = false;
    char *where = path ? NULL : gallery_model_put(e);
    put(&o, "{");
    put_text(&o, "name", e->name);
    put_number(&o, "dim", e->dim);
    put_number(&o, "bytes", path ? bytes_of_weights(path) : gallery_model_bytes(e, &about));
    put_json(&o, "bytes_exact", about ? "false" : "true");
    put_text(&o, "path", path);
    put_text(&o, "put", where);
    put_number(&o, "parameters", e->parameters);
    put_number(&o, "image_size", e->image_size);
    put_number(&o, "patch", e->patch);
    put_text(&o, "source", e->source);
    put_text(&o, "licence", e->licence);
    put_figures(&o, &e->figures);
    put_published(&o, e);
    base_free(where);
    return finish(&o, path || where ? LANCELET_OK : base_fail_memory(err), json, err);
}

/* ---- facts of weights that are here ---- */

/* Of the files themselves, not of a packed form that stands in for them: how the numbers are held, and whether there
 * is such a form. */
static lancelet_status put_weights(object *o, const char *path, lancelet_error *err)
{
    static const struct {
        const char *name;
        tensor_dtype dtype;
    } types[] = {{"float32", TENSOR_F32}, {"float16", TENSOR_F16}, {"bfloat16", TENSOR_BF16},
                 {"int8", TENSOR_I8},     {"uint8", TENSOR_U8},    {"other", TENSOR_OTHER}};
    weights_file *f = NULL;
    char *packed = NULL;
    RETURN_IF_ERROR(weights_file_open(path, &f, err));
    size_t n = weights_file_count(f);
    put_number(o, "bytes", weights_file_bytes(f));
    put_text(o, "format", weights_format_name(weights_file_format(f)));
    put_number(o, "tensors", n);
    key(o, "bytes_by_type");
    put(o, "{");
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        uint64_t bytes = 0;
        for (size_t i = 0; i < n; i++)
            if (weights_file_at(f, i)->dtype == types[t].dtype)
                bytes += weights_file_at(f, i)->bytes;
        if (bytes)
            put_number(o, types[t].name, bytes);
    }
    put(o, "}");
    weights_file_close(f);
    lancelet_status status = weights_pack_path(path, &packed, err);
    if (status == LANCELET_MEMORY)
        return status;
    bool there = status == LANCELET_OK && bytes_at(packed) > 0; /* without a cache folder there is none */
    put_text(o, "packed", there ? packed : NULL);
    base_free(packed);
    return LANCELET_OK;
}

static lancelet_status card_of_model(const picask_model *m, char **json, lancelet_error *err)
{
    object o = {0};
    const model *file = gallery_model_of(m);
    const catalogue_entry *e = catalogue_find(picask_model_name(m));
    if (e && strcmp(e->name, picask_model_name(m)) != 0)
        e = NULL;
    put(&o, "{");
    put_text(&o, "name", picask_model_name(m));
    put_number(&o, "dim", model_dim(file));
    put_text(&o, "path", model_path(file));
    lancelet_status status = put_weights(&o, model_path(file), err);
    put_number(&o, "image_size", (uint64_t)model_image_size(file));
    put_foreign_json(&o, "architecture", model_metadata(file, "architecture"));
    put_foreign_json(&o, "preprocess", model_preprocess(file));
    put_text(&o, "source", e ? e->source : NULL);
    put_text(&o, "about", model_metadata(file, "about"));
    put_text(&o, "licence", e ? e->licence : model_metadata(file, "licence"));
    if (e)
        put_figures(&o, &e->figures);
    else
        put_foreign_json(&o, "recall", model_metadata(file, "recall"));
    put_published(&o, e);
    return finish(&o, status, json, err);
}

/* ---- what callers ask ---- */

picask_status picask_model_describe(const char *name, char **json, picask_error *err)
{
    picask_model *m = NULL;
    char *path = NULL;
    const char *canonical = NULL;
    lancelet_status status = gallery_model_place(name, &path, &canonical, err);
    base_free(path);
    const catalogue_entry *e =
        status == LANCELET_NOT_FOUND && !gallery_is_path(name) ? catalogue_find(name) : NULL;
    if (e)
        return card_of_entry(e, NULL, json, err);
    if (status == LANCELET_OK)
        status = picask_model_open(name, NULL, &m, err);
    if (status == LANCELET_OK)
        status = card_of_model(m, json, err);
    picask_model_destroy(m);
    return status;
}

/* Of a built-in model, which may be missing where the program was built without it. */
static lancelet_status card_of_built_in(const char *name, char **json, lancelet_error *err)
{
    picask_model *m = NULL;
    lancelet_status status = picask_model_open(name, NULL, &m, err);
    if (status == LANCELET_OK)
        status = card_of_model(m, json, err);
    picask_model_destroy(m);
    if (status != LANCELET_NOT_FOUND)
        return status;
    object o = {0};
    put(&o, "{");
    put_text(&o, "name", name);
    put_number(&o, "dim", 0);
    put_number(&o, "bytes", 0);
    put_text(&o, "path", NULL);
    put_published(&o, NULL);
    return finish(&o, LANCELET_OK, json, err);
}

picask_status picask_model_list(char **lines, picask_error *err)
{
    base_buffer b = {0};
    size_t n;
    const catalogue_entry *all = catalogue_all(&n);
    const char *const *built_in = picask_model_names();
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; status == LANCELET_OK && (*built_in || i < n);) {
        char *json = NULL, *path = NULL;
        if (*built_in) {
            status = card_of_built_in(*built_in++, &json, err);
        } else {
            status = gallery_model_in_caches(&all[i], false, &path, err);
            if (status == LANCELET_OK)
                status = card_of_entry(&all[i++], path, &json, err);
        }
        if (status == LANCELET_OK &&
            !(base_buffer_append_string(&b, json) && base_buffer_append(&b, "\n", 1)))
            status = base_fail_memory(err);
        base_free(path);
        base_free(json);
    }
    if (status == LANCELET_OK) {
        *lines = base_buffer_to_string(&b);
        return *lines ? LANCELET_OK : base_fail_memory(err);
    }
    base_buffer_free(&b);
    return status;
}
