/* clip_config.h - all sizes of a CLIP, and what else its file and the configs beside it say. Sizes come from the shapes of
 * the tensors; what a config states about them must agree. What only a config or the catalogue can tell: heads, activation,
 * preprocessing. */
#ifndef EMBED_CLIP_CONFIG_H
#define EMBED_CLIP_CONFIG_H

#include <jansson.h>

#include "embed/image/image.h"
#include "embed/model/catalogue.h"
#include "embed/model/clip_names.h"
#include "embed/model/family.h"
#include "embed/tensor/product.h"

typedef struct clip_tower_config {
    size_t layers, d_model, heads, mlp;
    product_activation activation; /* PRODUCT_LINEAR: nobody said yet */
    float eps;                     /* of the norms */
} clip_tower_config;

typedef struct clip_config {
    size_t dim;                   /* numbers a vector */
    clip_tower_config tower[2];   /* by clip_kind */
    size_t patch;                 /* side in pixels */
    size_t grid;                  /* patches a side */
    size_t side;                  /* of the picture in pixels: grid * patch */
    size_t vocabulary;            /* rows of the token table */
    size_t positions;             /* tokens a text may have */
    float mean[3], std[3];        /* of pixels from 0 to 1, red, green, blue */
    bool squash;                  /* pictures are resized to a square whatever their shape; else shorter side, centre crop */
    image_crop crop;              /* as the library does that publishes in this naming */
    int64_t end_token;            /* the token whose state is the text's; -1: the one with the highest id */
    const catalogue_entry *entry; /* of the model's name, or NULL */
    char *name;                   /* what a table records; owned: clip_config_free */
} clip_config;

/* names: after clip_names_check. */
lancelet_status clip_config_read(const weights_file *weights, const clip_names *names, const model_source *from,
                                 clip_config *out, lancelet_error *err) MUST_CHECK;
void clip_config_free(clip_config *c);

/* ---- clip_config_files.c: the configs that publishers put beside the weights ---- */

/* Who said which activation the towers have: all who do must agree. */
typedef struct clip_config_reader {
    clip_config *c;                 /* sizes are filled in */
    const char *said_by;            /* the first who said, or NULL */
    char *hub_id;                   /* `_name_or_path` of config.json, or NULL; owned */
    bool said_colours, said_resize; /* a config states mean and std, and how pictures are resized */
    lancelet_error *err;
    lancelet_status status; /* of the first failure; nothing happens after it */
} clip_config_reader;

void clip_config_says(clip_config_reader *r, product_activation image, product_activation text, const char *by);
/* Reads what lies in `folder`: open_clip_config.json for OpenAI's naming, config.json and preprocessor_config.json for
 * transformers' (each takes the other's when its own is absent). torchscript: such an archive says all by itself, and a
 * config.json beside it is another model's. */
void clip_config_read_files(clip_config_reader *r, const char *folder, bool openai, bool torchscript);

#endif
