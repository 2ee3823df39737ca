/* model.c - a model by name, embedding with it, and the probe vectors by which two files are known to be one model.
 *
 * A picask_model is shared by threads: its one context (scratch memory and thread pool) is made when first needed and
 * guarded by a mutex, so calls from several threads take turns and each uses all of the pool. The index run makes
 * contexts of its own instead. */
#include "gallery/gallery.h"

#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/text.h"

enum { TEXTS_AT_ONCE = 64 };

struct picask_model {
    model *file;
    char *name; /* NULL: the file's own */
    int threads;
    pthread_mutex_t lock; /* guards what follows */
    base_pool *pool;
    model_context *context;
};

static const char *const probe_sentence[2] = {"a photo of a cat", "a road with a stop sign"};

static lancelet_status open_file(picask_model *m, const char *asked, lancelet_error *err)
{
    char *path = NULL;
    const char *name = NULL;
    RETURN_IF_ERROR(gallery_model_place(asked, &path, &name, err));
    lancelet_status status = model_open(path, name, &m->file, err);
    base_free(path);
    if (status == LANCELET_OK && !name)
        status = gallery_model_name_of_path(m->file, &m->name, err);
    return status;
}

picask_status picask_model_open(const char *name, const picask_model_options *options, picask_model **out,
                                picask_error *err)
{
    picask_model_options o = PICASK_MODEL_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    if (!name || !*name)
        return base_fail(err, LANCELET_INVALID, "a model's name is empty; see: picask model list");
    if (o.threads < 0)
        return base_fail(err, LANCELET_INVALID, "a number of threads is negative: %d", o.threads);
    picask_model *m = base_calloc(1, sizeof *m);
    if (!m)
        return base_fail_memory(err);
    m->threads = o.threads;
    pthread_mutex_init(&m->lock, NULL);
    lancelet_status status = open_file(m, name, err);
    if (status != LANCELET_OK) {
        picask_model_destroy(m);
        return status;
    }
    *out = m;
    return LANCELET_OK;
}

void picask_model_destroy(picask_model *m)
{
    if (!m)
        return;
    model_context_destroy(m->context);
    base_pool_destroy(m->pool);
    model_close(m->file);
    base_free(m->name);
    pthread_mutex_destroy(&m->lock);
    base_free(m);
}

const char *picask_model_name(const picask_model *m)
{
    return m->name ? m->name : model_name(m->file);
}
const char *picask_model_path(const picask_model *m)
{
    return model_path(m->file);
}
size_t picask_model_dim(const picask_model *m)
{
    return model_dim(m->file);
}
const char *picask_model_about(const picask_model *m, const char *key)
{
    const char *said = model_metadata(m->file, key);
    const catalogue_entry *e = said ? NULL : catalogue_find(picask_model_name(m));
    if (!e || strcmp(e->name, picask_model_name(m)) != 0)
        return said;
    return strcmp(key, "licence") == 0 ? e->licence : strcmp(key, "source") == 0 ? e->source : NULL;
}
const model *gallery_model_of(const picask_model *m)
{
    return m->file;
}

/* With the lock held. */
static lancelet_status need_context(picask_model *m, lancelet_error *err)
{
    if (!m->pool)
        RETURN_IF_ERROR(base_pool_create(m->threads, &m->pool, err));
    if (!m->context)
        RETURN_IF_ERROR(model_context_create(m->file, m->pool, &m->context, err));
    return LANCELET_OK;
}

picask_status picask_embed_texts(picask_model *m, const char *const *texts, size_t n, float *out,
                                 picask_error *err)
{
    pthread_mutex_lock(&m->lock);
    lancelet_status status = need_context(m, err);
    size_t bytes[TEXTS_AT_ONCE];
    for (size_t i = 0; i < n && status == LANCELET_OK; i += TEXTS_AT_ONCE) {
        size_t count = n - i < TEXTS_AT_ONCE ? n - i : TEXTS_AT_ONCE;
        for (size_t j = 0; j < count; j++)
            bytes[j] = strlen(texts[i + j]);
        status = model_embed_texts(m->context, texts + i, bytes, count, out + i * model_dim(m->file), err);
    }
    pthread_mutex_unlock(&m->lock);
    return status;
}

picask_status picask_embed_picture(picask_model *m, const void *bytes, size_t n, float *out,
                                   picask_error *err)
{
    base_picture picture = {0};
    RETURN_IF_ERROR(image_decode(bytes, n, NULL, 0, &picture, NULL, err));
    pthread_mutex_lock(&m->lock);
    lancelet_status status = need_context(m, err);
    if (status == LANCELET_OK)
        status = model_embed_picture(m->context, &picture, out, err);
    pthread_mutex_unlock(&m->lock);
    base_picture_free(&picture);
    return status;
}

picask_status picask_embed_picture_file(picask_model *m, const char *path, float *out, picask_error *err)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    char shown[512];
    RETURN_IF_ERROR(base_file_read(path, GALLERY_PICTURE_BYTES, &bytes, &n, err));
    lancelet_status status = picask_embed_picture(m, bytes, n, out, err);
    base_free(bytes);
    if (status != LANCELET_OK && status != LANCELET_MEMORY)
        base_error_prefix(err, "%s", gallery_shown_path(path, shown));
    return status;
}

float gallery_cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? (float)(ab / sqrt(aa * bb)) : NAN;
}

bool gallery_normalise(float *v, size_t n)
{
    double square = 0;
    for (size_t i = 0; i < n; i++)
        square += (double)v[i] * v[i];
    double norm = sqrt(square);
    if (!(norm > 1e-12) || isinf(norm))
        return false;
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(v[i] / norm);
    return true;
}

/* The vectors of the two probe sentences: out [2, dim]. */
static lancelet_status probe_vectors(picask_model *m, float *out, lancelet_error *err)
{
    return picask_embed_texts(m, probe_sentence, 2, out, err);
}

lancelet_status gallery_probe_json(picask_model *m, char **out, lancelet_error *err)
{
    size_t dim = picask_model_dim(m);
    float *v = base_alloc_array(2 * dim, sizeof *v);
    if (!v)
        return base_fail_memory(err);
    lancelet_status status = probe_vectors(m, v, err);
    base_buffer b = {0};
    bool fits = status == LANCELET_OK;
    for (size_t i = 0; i < 2 && fits; i++) {
        fits = base_buffer_append_string(&b, i ? "],\"" : "{\"") &&
               base_buffer_append_string(&b, probe_sentence[i]) && base_buffer_append_string(&b, "\":[");
        for (size_t j = 0; j < dim && fits; j++) {
            char number[32];
            /* six decimals: far finer than the comparison needs, and half the size in every manifest */
            base_format_double(round(v[i * dim + j] * 1e6) / 1e6, number);
            fits = (j == 0 || base_buffer_append(&b, ",", 1)) && base_buffer_append_string(&b, number);
        }
    }
    fits = fits && base_buffer_append_string(&b, "]}");
    base_free(v);
    char *text = fits ? base_buffer_to_string(&b) : NULL;
    if (!text) {
        base_buffer_free(&b);
        return status != LANCELET_OK ? status : base_fail_memory(err);
    }
    *out = text;
    return LANCELET_OK;
}

lancelet_status gallery_probe_agrees(picask_model *m, const char *text, bool *agrees, lancelet_error *err)
{
    size_t dim = picask_model_dim(m);
    *agrees = false;
    json_t *json = json_loads(text, 0, NULL);
    if (!json)
        return LANCELET_OK;                          /* what cannot be read agrees with nothing */
    float *v = base_alloc_array(3 * dim, sizeof *v); /* [2, dim] of the model, [dim] of the table */
    lancelet_status status = v ? probe_vectors(m, v, err) : base_fail_memory(err);
    bool same = status == LANCELET_OK;
    for (size_t i = 0; i < 2 && same; i++) {
        json_t *list = json_object_get(json, probe_sentence[i]);
        same = json_is_array(list) && json_array_size(list) == dim;
        for (size_t j = 0; j < dim && same; j++)
            v[2 * dim + j] = (float)json_number_value(json_array_get(list, j));
        same = same && gallery_cosine(v + i * dim, v + 2 * dim, dim) >= GALLERY_SAME_MODEL;
    }
    *agrees = same;
    base_free(v);
    json_decref(json);
    return status;
}
