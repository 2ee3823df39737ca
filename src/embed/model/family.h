/* family.h - what a family of models (mini, CLIP) implements for model.c. `self` is the family's model, `context` its
 * scratch for one thread. */
#ifndef EMBED_FAMILY_H
#define EMBED_FAMILY_H

#include "base/picture.h"
#include "base/pool.h"

/* What model.c answers questions about a model with; all borrowed, as long as the model lives. */
typedef struct model_facts {
    const char *name;       /* what a table records */
    size_t dim;             /* numbers a vector */
    int image_size;         /* side in pixels of what the image tower sees */
    size_t batch;           /* pictures a call from which on more in one call gain nothing; 1: each alone is as fast */
    const char *preprocess; /* JSON for picask.preprocess */
} model_facts;

typedef struct model_family {
    void (*facts)(const void *self, model_facts *out);
    const char *(*metadata)(const void *self, const char *key); /* NULL if absent; borrowed */
    lancelet_status (*context_create)(const void *self, base_pool *pool, void **out, lancelet_error *err);
    void (*context_destroy)(void *context);
    /* n >= 1; out [n, dim], unit length */
    lancelet_status (*embed_texts)(void *context, const char *const *texts, const size_t *bytes, size_t n, float *out,
                                   lancelet_error *err);
    lancelet_status (*embed_pictures)(void *context, const base_picture *const *pictures, size_t n, float *out,
                                      lancelet_error *err);
    /* What embed_pictures does to a picture first: resized and cropped to image_size x image_size. A picture of that size
     * goes into embed_pictures as it is. */
    lancelet_status (*prepare)(const void *self, const base_picture *in, base_picture *out, lancelet_error *err);
    /* The doors of parts.h. ids [n] with start and end tokens; rgb [image_size, image_size, 3], resized already. */
    lancelet_status (*embed_ids)(void *context, const int32_t *ids, size_t n, float *out, lancelet_error *err);
    lancelet_status (*embed_pixels)(void *context, const uint8_t *rgb, float *out, lancelet_error *err);
    void (*close)(void *self);
} model_family;

/* Where a model comes from. `path` lives as long as the model, the rest is read while it is opened. */
typedef struct model_source {
    const char *path; /* of the file or index the weights came from: configs and vocabularies lie beside it */
    const char *name; /* what the caller knows the model by, "ViT-B-32/openai"; NULL: the file says */
    base_isa level;   /* of the kernels */
} model_source;

#endif
