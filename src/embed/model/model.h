/* model.h - a model: towers by modality plus projection heads, from one mapped file. Immutable once open; scratch is in a
 * context that one thread uses at a time. */
#ifndef EMBED_MODEL_H
#define EMBED_MODEL_H

#include "base/picture.h"
#include "base/pool.h"

typedef struct model model;
typedef struct model_context model_context;

/* The names that weights have in a folder of Hugging Face's layout, the best first, NULL at the end. open_clip's come first:
 * timm's repositories have the picture's tower alone in model.safetensors, and both in open_clip's file. */
extern const char *const model_folder_files[];

/* `path`: a file of weights, or a folder with one of those, or with one .pt or .safetensors file: safetensors with
 * `picask.config` in its metadata (the mini family) or a CLIP in any published format (weights_file.h). `name`: what the
 * caller knows it by, a catalogue name like "ViT-B-32/openai"; NULL: taken from the file. Maps it, checks every shape;
 * touches no weights of a tower before that tower is used. */
lancelet_status model_open(const char *path, const char *name, model **out, lancelet_error *err) MUST_CHECK;
void model_close(model *m);

/* Where a model name lies on this machine: an owned path; NOT_FOUND with the command that helps. Looks in PICASK_MODELS, then
 * models/ beside the program, then share/picask/models of the installation. INVALID: a name with a slash, or none. */
lancelet_status model_find(const char *name, char **path, lancelet_error *err) MUST_CHECK;

const char *model_name(const model *m);       /* "mini-1"; borrowed */
size_t model_dim(const model *m);             /* numbers a vector */
const char *model_preprocess(const model *m); /* JSON for picask.preprocess; borrowed */
const char *model_metadata(const model *m, const char *key); /* any metadata entry of the file; NULL if absent */
const char *model_path(const model *m);       /* of the weights */
int model_image_size(const model *m);         /* side in pixels, for image_decode's min_side */
size_t model_batch(const model *m);           /* pictures in one call that make it fastest; 1: each alone is as fast */

/* pool: used inside one embed call, so that one picture or one text is fast; NULL: this thread alone (best throughput when
 * several contexts run side by side). Borrowed: must outlive the context. */
lancelet_status model_context_create(const model *m, base_pool *pool, model_context **out, lancelet_error *err) MUST_CHECK;
void model_context_destroy(model_context *c);

/* texts [n] of bytes [n] and upright pictures [n] to unit vectors out [n, dim], computed together where the model gains by it:
 * the memory for it grows with n, so hand over some dozens at most. Long texts are cut at the model's limit; the model's own
 * resize and normalisation are included. */
lancelet_status model_embed_texts(model_context *c, const char *const *texts, const size_t *bytes, size_t n, float *out,
                                  lancelet_error *err) MUST_CHECK;
lancelet_status model_embed_pictures(model_context *c, const base_picture *const *pictures, size_t n, float *out,
                                     lancelet_error *err) MUST_CHECK;
/* What model_embed_pictures does to an upright picture first, so that a batch needs no memory for whole photographs: to
 * model_image_size x model_image_size. A picture of that size passes through it and through model_embed_pictures unchanged.
 * Free with base_picture_free; any thread. */
lancelet_status model_prepare(const model *m, const base_picture *in, base_picture *out, lancelet_error *err) MUST_CHECK;
/* A text, longer ones cut at the model's limit, to a unit vector out [dim]. */
lancelet_status model_embed_text(model_context *c, const char *text, size_t n, float *out, lancelet_error *err) MUST_CHECK;
/* An upright picture to a unit vector out [dim]; the model's own resize and normalisation included. */
lancelet_status model_embed_picture(model_context *c, const base_picture *picture, float *out, lancelet_error *err) MUST_CHECK;

#endif
