/* model.c - a model of the mini family: one mapped safetensors file whose metadata holds the config and whose tensor
 * `text.vocab` is the tokenizer's vocabulary. Opening checks every shape and touches no weights; the image tower packs
 * its weights at the first picture, the text tower uses them where they lie. */
#include "embed/model/model.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "embed/image/image.h"
#include "embed/model/image_tower.h"
#include "embed/model/parts.h"
#include "embed/model/safetensors.h"
#include "embed/model/text_tower.h"
#include "embed/text/wordpiece.h"

enum { MAX_CONFIG_FILE = 1 << 20, MAX_VOCAB_FILE = 64 << 20 };

struct model {
    base_map map;           /* the file */
    safetensors *tensors;   /* its header */
    char *path;             /* as it was given */
    const char *name;       /* in the metadata, or the file's name */
    model_config config;
    uint8_t *vocab;         /* owned when it came from a file of its own, else NULL */
    wordpiece *tokenizer;
    base_arena arena;       /* widened vectors and the towers */
    text_tower *text;
    image_tower *image;
};

struct model_context {
    const model *m;
    base_pool *pool;        /* borrowed, may be NULL */
    text_scratch *text;     /* made at the first text */
    image_scratch *image;   /* made at the first picture */
    int32_t *ids;           /* [positions] */
};

static lancelet_status open_config(model *m, const char *path, lancelet_error *err)
{
    const char *text = safetensors_metadata(m->tensors, "picask.config");
    uint8_t *file = NULL;
    size_t n = text ? strlen(text) : 0;
    if (path) {
        RETURN_IF_ERROR(base_file_read(path, MAX_CONFIG_FILE, &file, &n, err));
        text = (const char *)file;
    }
    if (!text)
        return base_fail(err, LANCELET_UNSUPPORTED, "the file has no picask.config in its metadata: it is not a model of picask");
    lancelet_status status = model_config_parse(text, n, &m->config, err);
    base_free(file);
    return status;
}

static lancelet_status open_vocab(model *m, const char *path, lancelet_error *err)
{
    if (path) {
        size_t n;
        RETURN_IF_ERROR(base_file_read(path, MAX_VOCAB_FILE, &m->vocab, &n, err));
        return wordpiece_open((const char *)m->vocab, n, &m->tokenizer, err);
    }
    const safetensor *t = safetensors_find(m->tensors, "text.vocab");
    if (!t || t->dtype != TENSOR_U8)
        return base_fail(err, LANCELET_CORRUPT, "the model file has no vocabulary (U8 tensor 'text.vocab')");
    return wordpiece_open((const char *)t->data, (size_t)t->bytes, &m->tokenizer, err);
}

static lancelet_status open_parts(model *m, const char *weights, const char *config, const char *vocab, base_isa level,
                                  lancelet_error *err)
{
    const tensor_kernels *k = tensor_kernels_for(level);
    if (!(m->path = base_strdup(weights)))
        return base_fail_memory(err);
    RETURN_IF_ERROR(base_map_open(weights, 0, &m->map, err));
    RETURN_IF_ERROR(safetensors_open(m->map.data, m->map.size, &m->tensors, err));
    RETURN_IF_ERROR(open_config(m, config, err));
    RETURN_IF_ERROR(text_tower_open(m->tensors, &m->config, k, &m->arena, &m->text, err));
    RETURN_IF_ERROR(image_tower_open(m->tensors, &m->config, k, &m->arena, &m->image, err));
    m->name = safetensors_metadata(m->tensors, "picask.name");
    if (!m->name)
        m->name = base_path_name(m->path);
    return open_vocab(m, vocab, err);
}

lancelet_status model_open_parts(const char *weights, const char *config, const char *vocab, base_isa level, model **out,
                                 lancelet_error *err)
{
    model *m = base_calloc(1, sizeof *m);
    if (!m)
        return base_fail_memory(err);
    lancelet_status status = open_parts(m, weights, config, vocab, level, err);
    if (status != LANCELET_OK) {
        if (m->map.data)
            base_error_prefix(err, "%s", weights);
        model_close(m);
        return status;
    }
    *out = m;
    return LANCELET_OK;
}

lancelet_status model_open(const char *path, model **out, lancelet_error *err)
{
    return model_open_parts(path, NULL, NULL, base_isa_level(), out, err);
}

void model_close(model *m)
{
    if (!m)
        return;
    wordpiece_close(m->tokenizer);
    image_tower_close(m->image);
    base_arena_free(&m->arena);
    safetensors_close(m->tensors);
    if (m->map.data)
        base_map_close(&m->map);
    base_free(m->vocab);
    base_free(m->path);
    base_free(m);
}

const char *model_name(const model *m) { return m->name; }
size_t model_dim(const model *m) { return m->config.dim; }
const char *model_preprocess(const model *m)
{
    const char *text = safetensors_metadata(m->tensors, "picask.preprocess");
    return text ? text : "{}";
}
const char *model_metadata(const model *m, const char *key) { return safetensors_metadata(m->tensors, key); }
const char *model_path(const model *m) { return m->path; }
uint64_t model_file_bytes(const model *m) { return m->map.size; }
int model_image_size(const model *m) { return (int)m->config.size; }

/* ---- contexts ---- */

lancelet_status model_context_create(const model *m, base_pool *pool, model_context **out, lancelet_error *err)
{
    model_context *c = base_calloc(1, sizeof *c);
    int32_t *ids = base_alloc_array(m->config.positions, sizeof *ids);
    if (!c || !ids) {
        base_free(c);
        base_free(ids);
        return base_fail_memory(err);
    }
    c->m = m;
    c->pool = pool;
    c->ids = ids;
    *out = c;
    return LANCELET_OK;
}

void model_context_destroy(model_context *c)
{
    if (!c)
        return;
    text_scratch_destroy(c->text);
    image_scratch_destroy(c->image);
    base_free(c->ids);
    base_free(c);
}

/* Weights from a broken file can make infinities; no vector with one leaves here. */
static lancelet_status check_finite(const float *v, size_t n, lancelet_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return base_fail(err, LANCELET_CORRUPT, "the model's weights give a vector that is not finite");
    return LANCELET_OK;
}

lancelet_status model_embed_ids(model_context *c, const int32_t *ids, size_t n, float *out, lancelet_error *err)
{
    if (!c->text)
        RETURN_IF_ERROR(text_scratch_create(c->m->text, base_pool_threads(c->pool), &c->text, err));
    RETURN_IF_ERROR(text_tower_run(c->m->text, c->text, c->pool, ids, n, out, err));
    return check_finite(out, c->m->config.dim, err);
}

lancelet_status model_embed_text(model_context *c, const char *text, size_t n, float *out, lancelet_error *err)
{
    size_t n_ids;
    RETURN_IF_ERROR(wordpiece_encode(c->m->tokenizer, text, n, c->ids, c->m->config.positions, &n_ids, err));
    return model_embed_ids(c, c->ids, n_ids, out, err);
}

lancelet_status model_embed_pixels(model_context *c, const uint8_t *rgb, float *out, lancelet_error *err)
{
    if (!c->image)
        RETURN_IF_ERROR(image_scratch_create(c->m->image, base_pool_threads(c->pool), &c->image, err));
    RETURN_IF_ERROR(image_tower_run(c->m->image, c->image, c->pool, rgb, out, err));
    return check_finite(out, c->m->config.dim, err);
}

lancelet_status model_embed_picture(model_context *c, const base_picture *picture, float *out, lancelet_error *err)
{
    int side = model_image_size(c->m);
    if (picture->width == side && picture->height == side)
        return model_embed_pixels(c, picture->rgb, out, err);
    base_picture resized = {0};
    RETURN_IF_ERROR(image_resize(picture, side, side, &resized, err));
    lancelet_status status = model_embed_pixels(c, resized.rgb, out, err);
    base_picture_free(&resized);
    return status;
}
