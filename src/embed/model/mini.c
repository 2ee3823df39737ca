/* mini.c - a model of the mini family: one mapped safetensors file whose metadata holds the config and whose tensor
 * `text.vocab` is the tokenizer's vocabulary. Opening checks every shape and touches no weights; the image tower packs
 * its weights at the first picture, the text tower uses them where they lie. */
#include "embed/model/mini.h"

#include <string.h>

#include "base/file.h"
#include "embed/image/image.h"
#include "embed/model/image_tower.h"
#include "embed/model/text_tower.h"
#include "embed/text/wordpiece.h"

enum { MAX_CONFIG_FILE = 1 << 20, MAX_VOCAB_FILE = 64 << 20 };

typedef struct mini {
    weights_file *weights;
    const char *name;       /* in the metadata, or the file's name */
    model_config config;
    uint8_t *vocab;         /* owned when it came from a file of its own, else NULL */
    wordpiece *tokenizer;
    base_arena arena;       /* widened vectors and the towers */
    text_tower *text;
    image_tower *image;
} mini;

typedef struct mini_context {
    const mini *m;
    base_pool *pool;        /* borrowed, may be NULL */
    text_scratch *text;     /* made at the first text */
    image_scratch *image;   /* made at the first picture */
    int32_t *ids;           /* [positions] */
} mini_context;

static lancelet_status open_config(mini *m, const char *path, lancelet_error *err)
{
    const char *text = weights_file_metadata(m->weights, "picask.config");
    uint8_t *file = NULL;
    size_t n = text ? strlen(text) : 0;
    if (path) {
        RETURN_IF_ERROR(base_file_read(path, MAX_CONFIG_FILE, &file, &n, err));
        text = (const char *)file;
    }
    if (!text)
        return base_fail(err, LANCELET_UNSUPPORTED, 
                         "this is no model that is computed here: its tensors are not called as a CLIP's are, and its "
                         "metadata has no picask.config");
    lancelet_status status = model_config_parse(text, n, &m->config, err);
    base_free(file);
    return status;
}

static lancelet_status open_vocab(mini *m, const char *path, lancelet_error *err)
{
    if (path) {
        size_t n;
        RETURN_IF_ERROR(base_file_read(path, MAX_VOCAB_FILE, &m->vocab, &n, err));
        return wordpiece_open((const char *)m->vocab, n, &m->tokenizer, err);
    }
    const weights_tensor *t = weights_file_find(m->weights, "text.vocab");
    if (!t || t->dtype != TENSOR_U8)
        return base_fail(err, LANCELET_CORRUPT, "the model file has no vocabulary (U8 tensor 'text.vocab')");
    return wordpiece_open((const char *)t->data, (size_t)t->bytes, &m->tokenizer, err);
}

static lancelet_status open_parts(mini *m, const model_source *from, const char *config, const char *vocab, lancelet_error *err)
{
    const tensor_kernels *k = tensor_kernels_for(from->level);
    RETURN_IF_ERROR(open_config(m, config, err));
    RETURN_IF_ERROR(text_tower_open(m->weights, &m->config, k, &m->arena, &m->text, err));
    RETURN_IF_ERROR(image_tower_open(m->weights, &m->config, k, &m->arena, &m->image, err));
    m->name = weights_file_metadata(m->weights, "picask.name");
    if (!m->name)
        m->name = base_path_name(from->path);
    return open_vocab(m, vocab, err);
}

static void close_mini(void *self)
{
    mini *m = self;
    wordpiece_close(m->tokenizer);
    image_tower_close(m->image);
    base_arena_free(&m->arena);
    weights_file_close(m->weights);
    base_free(m->vocab);
    base_free(m);
}

lancelet_status mini_open(weights_file *weights, const model_source *from, const char *config, const char *vocab, void **out,
                          lancelet_error *err)
{
    mini *m = base_calloc(1, sizeof *m);
    if (!m) {
        weights_file_close(weights);
        return base_fail_memory(err);
    }
    m->weights = weights;
    lancelet_status status = open_parts(m, from, config, vocab, err);
    if (status != LANCELET_OK) {
        close_mini(m);
        return status;
    }
    *out = m;
    return LANCELET_OK;
}

static void facts(const void *self, model_facts *out)
{
    const mini *m = self;
    const char *preprocess = weights_file_metadata(m->weights, "picask.preprocess");
    *out = (model_facts){.name = m->name,
                         .dim = m->config.dim,
                         .image_size = (int)m->config.size,
                         .batch = 1,
                         .preprocess = preprocess ? preprocess : "{}"};
}

static const char *metadata(const void *self, const char *key) { return weights_file_metadata(((const mini *)self)->weights, key); }

/* ---- contexts ---- */

static lancelet_status context_create(const void *self, base_pool *pool, void **out, lancelet_error *err)
{
    const mini *m = self;
    mini_context *c = base_calloc(1, sizeof *c);
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

static void context_destroy(void *context)
{
    mini_context *c = context;
    text_scratch_destroy(c->text);
    image_scratch_destroy(c->image);
    base_free(c->ids);
    base_free(c);
}

static lancelet_status embed_ids(void *context, const int32_t *ids, size_t n, float *out, lancelet_error *err)
{
    mini_context *c = context;
    if (!c->text)
        RETURN_IF_ERROR(text_scratch_create(c->m->text, base_pool_threads(c->pool), &c->text, err));
    return text_tower_run(c->m->text, c->text, c->pool, ids, n, out, err);
}

static lancelet_status embed_texts(void *context, const char *const *texts, const size_t *bytes, size_t n, float *out,
                                   lancelet_error *err)
{
    mini_context *c = context;
    for (size_t i = 0; i < n; i++) {
        size_t n_ids;
        RETURN_IF_ERROR(wordpiece_encode(c->m->tokenizer, texts[i], bytes[i], c->ids, c->m->config.positions, &n_ids, err));
        RETURN_IF_ERROR(embed_ids(c, c->ids, n_ids, out + i * c->m->config.dim, err));
    }
    return LANCELET_OK;
}

static lancelet_status embed_pixels(void *context, const uint8_t *rgb, float *out, lancelet_error *err)
{
    mini_context *c = context;
    if (!c->image)
        RETURN_IF_ERROR(image_scratch_create(c->m->image, base_pool_threads(c->pool), &c->image, err));
    return image_tower_run(c->m->image, c->image, c->pool, rgb, out, err);
}

static lancelet_status prepare(const void *self, const base_picture *in, base_picture *out, lancelet_error *err)
{
    int side = (int)((const mini *)self)->config.size;
    return image_resize(in, side, side, out, err);
}

static lancelet_status embed_pictures(void *context, const base_picture *const *pictures, size_t n, float *out,
                                      lancelet_error *err)
{
    mini_context *c = context;
    int side = (int)c->m->config.size;
    for (size_t i = 0; i < n; i++, out += c->m->config.dim) {
        if (pictures[i]->width == side && pictures[i]->height == side) {
            RETURN_IF_ERROR(embed_pixels(c, pictures[i]->rgb, out, err));
            continue;
        }
        base_picture resized = {0};
        RETURN_IF_ERROR(prepare(c->m, pictures[i], &resized, err));
        lancelet_status status = embed_pixels(c, resized.rgb, out, err);
        base_picture_free(&resized);
        RETURN_IF_ERROR(status);
    }
    return LANCELET_OK;
}

const model_family mini_family = {
    .facts = facts,
    .metadata = metadata,
    .context_create = context_create,
    .context_destroy = context_destroy,
    .embed_texts = embed_texts,
    .embed_pictures = embed_pictures,
    .prepare = prepare,
    .embed_ids = embed_ids,
    .embed_pixels = embed_pixels,
    .close = close_mini,
};
