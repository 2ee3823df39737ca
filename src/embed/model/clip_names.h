/* clip_names.h - how the published files name a CLIP's tensors: Hugging Face transformers' way and OpenAI's, which open_clip
 * shares (with the text tower under "text." in its newer files).
 *
 *     clip_names names;
 *     if (clip_names_detect(weights, &names))
 *         RETURN_IF_ERROR(clip_names_check(weights, &names, err));
 *     clip_name(&names, CLIP_IMAGE_PATCH, name);     "visual.conv1.weight"
 */
#ifndef EMBED_CLIP_NAMES_H
#define EMBED_CLIP_NAMES_H

#include "embed/model/weights_file.h"

enum { CLIP_NAME_SIZE = 128, CLIP_MAX_LAYERS = 128 };

typedef enum clip_kind { CLIP_IMAGE = 0, CLIP_TEXT } clip_kind;

/* Tensors outside the layers; a norm's name lacks its ".weight" and ".bias". */
typedef enum clip_tensor {
    CLIP_IMAGE_CLASS = 0, /* [d_model] */
    CLIP_IMAGE_PATCH,     /* [d_model, 3, patch, patch] */
    CLIP_IMAGE_POSITION,  /* [1 + grid * grid, d_model], the class token first */
    CLIP_IMAGE_NORM_PRE,
    CLIP_IMAGE_NORM_POST,
    CLIP_IMAGE_PROJECTION, /* [dim, d_model]; OpenAI's way [d_model, dim] */
    CLIP_TEXT_TOKEN,       /* [vocabulary, d_model] */
    CLIP_TEXT_POSITION,    /* [positions, d_model] */
    CLIP_TEXT_NORM_FINAL,
    CLIP_TEXT_PROJECTION, /* as the image's */
    CLIP_TENSORS,
} clip_tensor;

/* Of a layer, without ".weight" and ".bias". */
typedef enum clip_part {
    CLIP_NORM1 = 0,
    CLIP_Q, /* OpenAI's way q, k and v lie in one: ".attn.in_proj_weight" [3 d_model, d_model] and ".attn.in_proj_bias" */
    CLIP_K,
    CLIP_V,
    CLIP_OUT,
    CLIP_NORM2,
    CLIP_FC1,
    CLIP_FC2,
    CLIP_PARTS,
} clip_part;

typedef struct clip_names {
    bool openai;        /* OpenAI's and open_clip's naming: q, k, v packed, projections [d_model, dim] */
    const char *prefix; /* in front of every name: "", or "module." of a model that was trained in parallel */
    const char *text;   /* in front of the text tower's: "" or "text." */
    size_t layers[2];   /* by clip_kind: the highest number in a name and one; set by clip_names_check */
} clip_names;

/* False: no tensor of the file is called as a CLIP's are. */
bool clip_names_detect(const weights_file *weights, clip_names *out);
/* Every tensor of the two towers is one that this code computes with and has numbers of a width that it takes; UNSUPPORTED
 * with its name otherwise, since a tensor left out would mean wrong vectors. Tensors elsewhere in the file do not matter. */
lancelet_status clip_names_check(const weights_file *weights, clip_names *names, lancelet_error *err) MUST_CHECK;

void clip_name(const clip_names *names, clip_tensor which, char out[CLIP_NAME_SIZE]);
/* `ending`: ".weight", ".bias" or "". Q, K and V of OpenAI's way: "...attn.in_proj" with "_weight" or "_bias" as ending. */
void clip_name_in_layer(const clip_names *names, clip_kind kind, size_t layer, clip_part part, const char *ending,
                        char out[CLIP_NAME_SIZE]);

#endif
