/* clip.c - see clip.h: a CLIP of any published file as a model of family.h. Opening checks every name and shape and reads
 * no weights but the small ones (norms, biases, projections that lie transposed); scratch is made when a tower is first
 * used. */
#include "embed/model/clip.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "embed/image/image.h"
#include "embed/model/clip_image_tower.h"
#include "embed/model/clip_text_tower.h"
#include "embed/model/clip_tokenizer.h"

enum {
    PICTURE_TOKENS = 520, /* as many are computed together, two pictures of L/14 or ten of B/32: more gain nothing */
    TEXT_TOKENS = 1024,   /* a batch of texts is computed when it has as many */
    TEXTS = 64,           /* in a batch */
};

typedef struct clip {
    weights_file *weights;
    clip_names names;
    clip_config config;
    clip_bpe *bpe;
    base_arena arena; /* widened vectors, transposed projections, layers */
    clip_image_tower image;
    clip_text_tower text;
    char *preprocess;   /* JSON */
    char *architecture; /* JSON of the towers' sizes */
} clip;

/* A picture on its way to the tower's size. */
typedef struct prepared {
    const base_picture *in;
    base_picture out; /* empty where `in` has the size already */
    lancelet_status status;
    lancelet_error err;
} prepared;

typedef struct clip_context {
    const clip *m;
    base_pool *pool; /* borrowed, may be NULL */
    clip_scratch image, text;
    int32_t *ids;        /* [TEXT_TOKENS + positions]; made at the first text */
    prepared *pictures;  /* [batch]; made at the first picture */
    const uint8_t **rgb; /* [batch] */
} clip_context;

/* ---- opening ---- */

bool clip_recognises(const weights_file *weights)
{
    clip_names names;
    return clip_names_detect(weights, &names);
}

static bool append_colours(base_buffer *b, const char *member, const float v[3])
{
    char text[3][32];
    for (size_t i = 0; i < 3; i++)
        base_format_float(v[i], text[i]);
    return base_buffer_printf(b, ",\"%s\":[%s,%s,%s]", member, text[0], text[1], text[2]);
}

static bool append_tower(base_buffer *b, const clip_tower_config *t)
{
    return base_buffer_printf(b, "\"layers\":%zu,\"width\":%zu,\"heads\":%zu,\"mlp\":%zu}", t->layers, t->d_model, t->heads,
                              t->mlp);
}

static lancelet_status describe_towers(clip *m, lancelet_error *err)
{
    const clip_config *c = &m->config;
    base_buffer b = {0};
    bool ok = base_buffer_printf(&b, "{\"image\":{\"size\":%zu,\"patch\":%zu,", c->side, c->patch) &&
              append_tower(&b, &c->tower[CLIP_IMAGE]) &&
              base_buffer_printf(&b, ",\"text\":{\"context\":%zu,\"vocabulary\":%zu,", c->positions, c->vocabulary) &&
              append_tower(&b, &c->tower[CLIP_TEXT]) &&
              base_buffer_printf(&b, ",\"activation\":\"%s\"}",
                                 c->tower[CLIP_IMAGE].activation == PRODUCT_QUICK_GELU ? "QuickGELU" : "GELU");
    if (ok)
        m->architecture = base_buffer_to_string(&b);
    base_buffer_free(&b);
    return m->architecture ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status describe_preprocessing(clip *m, lancelet_error *err)
{
    const clip_config *c = &m->config;
    base_buffer b = {0};
    bool ok = base_buffer_append_string(&b, "{\"model\":") && base_json_append_string(&b, c->name, strlen(c->name)) &&
              base_buffer_printf(&b,
                                 ",\"size\":%zu,\"decode\":\"full\",\"upright\":true,\"resize\":\"%s\","
                                 "\"filter\":\"bicubic a=-0.5, antialiased, 8 bit between passes (Pillow)\"",
                                 c->side,
                                 c->squash                           ? "to the square, aspect not kept"
                                 : c->crop == IMAGE_CROP_TORCHVISION ? "shortest side, centre crop"
                                                                     : "shortest side, centre crop rounded down") &&
              append_colours(&b, "mean", c->mean) && append_colours(&b, "std", c->std) &&
              base_buffer_printf(&b, ",\"tokenizer\":\"%s\",\"max_tokens\":%zu}",
                                 clip_bpe_profile_name(clip_bpe_profile_of(m->bpe)), c->positions);
    if (ok)
        m->preprocess = base_buffer_to_string(&b);
    base_buffer_free(&b);
    return m->preprocess ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status open_tokenizer(clip *m, const char *path, lancelet_error *err)
{
    char *folder = base_path_parent(path);
    if (!folder)
        return base_fail_memory(err);
    lancelet_status status = clip_tokenizer_open(&m->config, m->names.openai, folder, &m->bpe, err);
    base_free(folder);
    return status;
}

static lancelet_status open_parts(clip *m, const model_source *from, lancelet_error *err)
{
    if (!clip_names_detect(m->weights, &m->names))
        return base_fail(err, LANCELET_UNSUPPORTED, "no tensor is called as a CLIP's are");
    RETURN_IF_ERROR(clip_names_check(m->weights, &m->names, err));
    RETURN_IF_ERROR(clip_config_read(m->weights, &m->names, from, &m->config, err));
    RETURN_IF_ERROR(clip_image_tower_open(m->weights, &m->names, &m->config, from->level, &m->arena, &m->image, err));
    RETURN_IF_ERROR(clip_text_tower_open(m->weights, &m->names, &m->config, from->level, &m->arena, &m->text, err));
    RETURN_IF_ERROR(open_tokenizer(m, from->path, err));
    RETURN_IF_ERROR(describe_preprocessing(m, err));
    return describe_towers(m, err);
}

static void close_clip(void *self)
{
    clip *m = self;
    clip_bpe_close(m->bpe);
    clip_config_free(&m->config);
    base_arena_free(&m->arena);
    weights_file_close(m->weights);
    base_free(m->preprocess);
    base_free(m->architecture);
    base_free(m);
}

lancelet_status clip_open(weights_file *weights, const model_source *from, void **out, lancelet_error *err)
{
    clip *m = base_calloc(1, sizeof *m);
    if (!m) {
        weights_file_close(weights);
        return base_fail_memory(err);
    }
    m->weights = weights;
    lancelet_status status = open_parts(m, from, err);
    if (status != LANCELET_OK) {
        close_clip(m);
        return status;
    }
    *out = m;
    return LANCELET_OK;
}

/* ---- facts ---- */

/* Pictures computed together. */
static size_t batch_of(const clip *m)
{
    return m->image.tokens < PICTURE_TOKENS ? PICTURE_TOKENS / m->image.tokens : 1;
}

static void facts(const void *self, model_facts *out)
{
    const clip *m = self;
    *out = (model_facts){.name = m->config.name,
                         .dim = m->config.dim,
                         .image_size = (int)m->config.side,
                         .batch = batch_of(m),
                         .preprocess = m->preprocess};
}

static const char *metadata(const void *self, const char *key)
{
    const clip *m = self;
    if (strcmp(key, "architecture") == 0)
        return m->architecture;
    return weights_file_metadata(m->weights, key);
}

/* ---- contexts ---- */

static lancelet_status context_create(const void *self, base_pool *pool, void **out, lancelet_error *err)
{
    clip_context *c = base_calloc(1, sizeof *c);
    if (!c)
        return base_fail_memory(err);
    c->m = self;
    c->pool = pool;
    *out = c;
    return LANCELET_OK;
}

static void context_destroy(void *context)
{
    clip_context *c = context;
    clip_scratch_free(&c->image);
    clip_scratch_free(&c->text);
    base_free(c->ids);
    base_free(c->pictures);
    base_free(c->rgb);
    base_free(c);
}

/* ---- texts ---- */

/* Tokens up to the first end token: a text that has "<|endoftext|>" written in it ends there, since CLIP reads the first
 * token with the highest id. */
static size_t cut_at_end(const clip *m, const int32_t *ids, size_t n)
{
    int32_t end = clip_bpe_end(m->bpe);
    for (size_t i = 0; i < n; i++)
        if (ids[i] == end)
            return i + 1;
    return n;
}

static lancelet_status embed_ids(void *context, const int32_t *ids, size_t n, float *out, lancelet_error *err)
{
    clip_context *c = context;
    size_t begin[2] = {0, cut_at_end(c->m, ids, n)};
    return clip_text_tower_run(&c->m->text, &c->text, c->pool, ids, begin, 1, out, err);
}

static lancelet_status embed_texts(void *context, const char *const *texts, const size_t *bytes, size_t n, float *out,
                                   lancelet_error *err)
{
    clip_context *c = context;
    const clip *m = c->m;
    size_t begin[TEXTS + 1] = {0}, waiting = 0;
    if (!c->ids && !(c->ids = base_alloc_array(TEXT_TOKENS + m->config.positions, sizeof *c->ids)))
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        int32_t *ids = c->ids + begin[waiting];
        size_t n_ids;
        RETURN_IF_ERROR(clip_bpe_encode(m->bpe, texts[i], bytes[i], ids, m->config.positions, &n_ids, err));
        begin[waiting + 1] = begin[waiting] + cut_at_end(m, ids, n_ids);
        waiting++;
        if (waiting < TEXTS && begin[waiting] < TEXT_TOKENS && i + 1 < n)
            continue;
        RETURN_IF_ERROR(clip_text_tower_run(&m->text, &c->text, c->pool, c->ids, begin, waiting, out, err));
        out += waiting * m->config.dim;
        waiting = 0;
    }
    return LANCELET_OK;
}

/* ---- pictures ---- */

static lancelet_status prepare(const void *self, const base_picture *in, base_picture *out, lancelet_error *err)
{
    const clip_config *c = &((const clip *)self)->config;
    int side = (int)c->side;
    return c->squash ? image_resize(in, side, side, out, err) : image_resize_crop(in, side, c->crop, out, err);
}

static lancelet_status embed_pixels(void *context, const uint8_t *rgb, float *out, lancelet_error *err)
{
    clip_context *c = context;
    return clip_image_tower_run(&c->m->image, &c->image, c->pool, &rgb, 1, out, err);
}

static void prepare_one(void *arg, size_t i, int worker)
{
    const clip_context *c = arg;
    prepared *p = &c->pictures[i];
    int side = (int)c->m->config.side;
    (void)worker;
    p->status = LANCELET_OK;
    if (p->in->width != side || p->in->height != side)
        p->status = prepare(c->m, p->in, &p->out, &p->err);
    c->rgb[i] = p->out.rgb ? p->out.rgb : p->in->rgb;
}

/* n: at most a batch */
static lancelet_status embed_batch(clip_context *c, const base_picture *const *pictures, size_t n, float *out,
                                   lancelet_error *err)
{
    for (size_t i = 0; i < n; i++)
        c->pictures[i] = (prepared){.in = pictures[i]};
    base_pool_run(c->pool, n, prepare_one, c);
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < n && status == LANCELET_OK; i++) {
        status = c->pictures[i].status;
        if (status != LANCELET_OK && err)
            *err = c->pictures[i].err;
    }
    if (status == LANCELET_OK)
        status = clip_image_tower_run(&c->m->image, &c->image, c->pool, c->rgb, n, out, err);
    for (size_t i = 0; i < n; i++)
        base_picture_free(&c->pictures[i].out);
    return status;
}

static lancelet_status embed_pictures(void *context, const base_picture *const *pictures, size_t n, float *out,
                                      lancelet_error *err)
{
    clip_context *c = context;
    size_t batch = batch_of(c->m);
    if (!c->pictures && !(c->pictures = base_alloc_array(batch, sizeof *c->pictures)))
        return base_fail_memory(err);
    if (!c->rgb && !(c->rgb = base_alloc_array(batch, sizeof *c->rgb)))
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i += batch)
        RETURN_IF_ERROR(embed_batch(c, pictures + i, n - i < batch ? n - i : batch, out + i * c->m->config.dim, err));
    return LANCELET_OK;
}

const model_family clip_family = {
    .facts = facts,
    .metadata = metadata,
    .context_create = context_create,
    .context_destroy = context_destroy,
    .embed_texts = embed_texts,
    .embed_pictures = embed_pictures,
    .prepare = prepare,
    .embed_ids = embed_ids,
    .embed_pixels = embed_pixels,
    .close = close_clip,
};
