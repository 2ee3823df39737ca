/* model.c - a model of any family behind one face: which family a file belongs to, contexts, and what is checked of every
 * vector. */
#include "embed/model/model.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "embed/model/clip.h"
#include "embed/model/mini.h"
#include "embed/model/parts.h"
#include "embed/model/weights_pack.h"

struct model {
    const model_family *family;
    void *self;
    char *path;        /* of the weights */
    model_facts facts; /* borrowed from self */
};

struct model_context {
    const model *m;
    void *context; /* of the family */
};

const char *const model_folder_files[] = {
    "open_clip_model.safetensors",  "open_clip_pytorch_model.safetensors", "model.safetensors",
    "model.safetensors.index.json", "open_clip_pytorch_model.bin",         "pytorch_model.bin", NULL,
};

/* *out: folder/name where that is a file, else NULL. */
static lancelet_status file_in(const char *folder, const char *name, char **out, lancelet_error *err)
{
    base_stat st;
    char *path = base_path_join(folder, name);
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = base_file_stat(path, &st, err);
    if (status == LANCELET_OK && st.exists && !st.is_dir)
        *out = path;
    else
        base_free(path);
    return status;
}

static bool ends(const char *name, const char *with)
{
    size_t n = strlen(name), tail = strlen(with);
    return n > tail && strcmp(name + n - tail, with) == 0;
}

/* The one file of weights with a name of its own, as OpenAI's "ViT-B-32.pt" has. */
static lancelet_status only_weights(const char *folder, char **out, lancelet_error *err)
{
    base_names names = {0};
    const char *found = NULL;
    RETURN_IF_ERROR(base_dir_list(folder, &names, err));
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < names.n && status == LANCELET_OK; i++) {
        bool hidden = names.name[i][0] == '.';
        if (hidden || (!ends(names.name[i], ".pt") && !ends(names.name[i], ".safetensors")))
            continue;
        if (found)
            status = base_fail(err, LANCELET_INVALID, "there are several files of weights in %s, %s and %s: name one",
                               folder, found, names.name[i]);
        found = names.name[i];
    }
    if (status == LANCELET_OK && found)
        status = file_in(folder, found, out, err);
    base_names_free(&names);
    return status;
}

/* *out: path itself, or the weights in the folder at path. */
static lancelet_status weights_path(const char *path, char **out, lancelet_error *err)
{
    base_stat st;
    RETURN_IF_ERROR(base_file_stat(path, &st, err));
    if (!st.exists)
        return base_fail(err, LANCELET_NOT_FOUND, "there is no model file %s", path);
    if (!st.is_dir) {
        *out = base_strdup(path);
        return *out ? LANCELET_OK : base_fail_memory(err);
    }
    for (const char *const *name = model_folder_files; *name && !*out; name++)
        RETURN_IF_ERROR(file_in(path, *name, out, err));
    if (!*out)
        RETURN_IF_ERROR(only_weights(path, out, err));
    return *out ? LANCELET_OK
                : base_fail(err, LANCELET_NOT_FOUND,
                            "there are no weights in %s: model.safetensors, pytorch_model.bin, open_clip's names for "
                            "them, or one .pt or .safetensors file is looked for",
                            path);
}

static lancelet_status open_family(model *m, const model_source *from, const char *config, const char *vocab, lancelet_error *err)
{
    weights_file *weights = NULL;
    RETURN_IF_ERROR(weights_pack_open(from->path, &weights, NULL, err));
    lancelet_status status;
    if (!config && clip_recognises(weights)) {
        m->family = &clip_family;
        status = clip_open(weights, from, &m->self, err);
    } else {
        m->family = &mini_family;
        status = mini_open(weights, from, config, vocab, &m->self, err);
    }
    if (status != LANCELET_OK && status != LANCELET_MEMORY)
        base_error_prefix(err, "%s", from->path);
    return status;
}

static lancelet_status open_parts(const char *path, const char *name, const char *config, const char *vocab, base_isa level,
                                  model **out, lancelet_error *err)
{
    model *m = base_calloc(1, sizeof *m);
    if (!m)
        return base_fail_memory(err);
    lancelet_status status = weights_path(path, &m->path, err);
    if (status == LANCELET_OK) {
        model_source from = {.path = m->path, .name = name, .level = level};
        status = open_family(m, &from, config, vocab, err);
    }
    if (status != LANCELET_OK) {
        model_close(m);
        return status;
    }
    m->family->facts(m->self, &m->facts);
    *out = m;
    return LANCELET_OK;
}

lancelet_status model_open_parts(const char *weights, const char *config, const char *vocab, base_isa level, model **out,
                                 lancelet_error *err)
{
    return open_parts(weights, NULL, config, vocab, level, out, err);
}

lancelet_status model_open(const char *path, const char *name, model **out, lancelet_error *err)
{
    return open_parts(path, name, NULL, NULL, base_isa_level(), out, err);
}

void model_close(model *m)
{
    if (!m)
        return;
    if (m->self)
        m->family->close(m->self);
    base_free(m->path);
    base_free(m);
}

const char *model_name(const model *m) { return m->facts.name; }
size_t model_dim(const model *m) { return m->facts.dim; }
const char *model_preprocess(const model *m) { return m->facts.preprocess; }
const char *model_metadata(const model *m, const char *key) { return m->family->metadata(m->self, key); }
const char *model_path(const model *m) { return m->path; }
int model_image_size(const model *m) { return m->facts.image_size; }
size_t model_batch(const model *m) { return m->facts.batch ? m->facts.batch : 1; }

/* ---- contexts ---- */

lancelet_status model_context_create(const model *m, base_pool *pool, model_context **out, lancelet_error *err)
{
    model_context *c = base_calloc(1, sizeof *c);
    if (!c)
        return base_fail_memory(err);
    c->m = m;
    lancelet_status status = m->family->context_create(m->self, pool, &c->context, err);
    if (status != LANCELET_OK) {
        base_free(c);
        return status;
    }
    *out = c;
    return LANCELET_OK;
}

void model_context_destroy(model_context *c)
{
    if (!c)
        return;
    c->m->family->context_destroy(c->context);
    base_free(c);
}

/* Weights from a broken file can make infinities; no vector with one leaves here. out [n, dim] */
static lancelet_status check_finite(const model_context *c, const float *out, size_t n, lancelet_error *err)
{
    for (size_t i = 0; i < n * c->m->facts.dim; i++)
        if (!isfinite(out[i]))
            return base_fail(err, LANCELET_CORRUPT, "the model's weights give a vector that is not finite");
    return LANCELET_OK;
}

lancelet_status model_embed_ids(model_context *c, const int32_t *ids, size_t n, float *out, lancelet_error *err)
{
    RETURN_IF_ERROR(c->m->family->embed_ids(c->context, ids, n, out, err));
    return check_finite(c, out, 1, err);
}

lancelet_status model_embed_pixels(model_context *c, const uint8_t *rgb, float *out, lancelet_error *err)
{
    RETURN_IF_ERROR(c->m->family->embed_pixels(c->context, rgb, out, err));
    return check_finite(c, out, 1, err);
}

lancelet_status model_embed_texts(model_context *c, const char *const *texts, const size_t *bytes, size_t n, float *out,
                                  lancelet_error *err)
{
    if (n == 0)
        return LANCELET_OK;
    RETURN_IF_ERROR(c->m->family->embed_texts(c->context, texts, bytes, n, out, err));
    return check_finite(c, out, n, err);
}

lancelet_status model_embed_text(model_context *c, const char *text, size_t n, float *out, lancelet_error *err)
{
    return model_embed_texts(c, &text, &n, 1, out, err);
}

lancelet_status model_embed_pictures(model_context *c, const base_picture *const *pictures, size_t n, float *out,
                                     lancelet_error *err)
{
    if (n == 0)
        return LANCELET_OK;
    RETURN_IF_ERROR(c->m->family->embed_pictures(c->context, pictures, n, out, err));
    return check_finite(c, out, n, err);
}

lancelet_status model_prepare(const model *m, const base_picture *in, base_picture *out, lancelet_error *err)
{
    return m->family->prepare(m->self, in, out, err);
}

lancelet_status model_embed_picture(model_context *c, const base_picture *picture, float *out, lancelet_error *err)
{
    return model_embed_pictures(c, &picture, 1, out, err);
}
