/* clip_names.c - see clip_names.h. Peers: transformers' modeling_clip.py, open_clip's model.py and factory.py (which takes
 * "module." off as well), openai/CLIP's model.py. */
#include "embed/model/clip_names.h"

#include <stdio.h>
#include <string.h>

/* By naming: Hugging Face, OpenAI. */
static const char *const tensor_names[2][CLIP_TENSORS] = {
    {"vision_model.embeddings.class_embedding", "vision_model.embeddings.patch_embedding.weight",
     "vision_model.embeddings.position_embedding.weight", "vision_model.pre_layrnorm" /* sic */,
     "vision_model.post_layernorm", "visual_projection.weight", "text_model.embeddings.token_embedding.weight",
     "text_model.embeddings.position_embedding.weight", "text_model.final_layer_norm", "text_projection.weight"},
    {"visual.class_embedding", "visual.conv1.weight", "visual.positional_embedding", "visual.ln_pre", "visual.ln_post",
     "visual.proj", "token_embedding.weight", "positional_embedding", "ln_final", "text_projection"},
};

static const char *const layer_names[2][2] = {
    {"vision_model.encoder.layers.", "text_model.encoder.layers."},
    {"visual.transformer.resblocks.", "transformer.resblocks."},
};

static const char *const part_names[2][CLIP_PARTS] = {
    {"layer_norm1", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "layer_norm2",
     "mlp.fc1", "mlp.fc2"},
    {"ln_1", "attn.in_proj", "attn.in_proj", "attn.in_proj", "attn.out_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"},
};

/* What each tower's names begin with; NULL ends a list. Without "text." the names of the text tower are spread. */
static const char *const tower_names[2][2][6] = {
    {{"vision_model.", "visual_projection."}, {"text_model.", "text_projection."}},
    {{"visual."}, {"transformer.", "token_embedding.", "positional_embedding", "ln_final.", "text_projection"}},
};

/* Buffers that some files keep: positions counted up, the causal mask. */
static const char *const harmless[] = {
    "vision_model.embeddings.position_ids",
    "text_model.embeddings.position_ids",
    "attn_mask",
};

/* Towers of other kinds, told by a name. */
static const struct {
    const char *begin, *what;
} other_towers[] = {
    {"visual.trunk.", "an image tower from timm"},
    {"visual.layer", "a ResNet as image tower"},
    {"visual.attnpool.", "a ResNet as image tower"},
    {"visual.attn_pool", "CoCa's attentional pooling"},
    {"text.transformer.embeddings.", "a text tower from transformers"},
    {"vision_model.head.", "SigLIP's pooling head"},
    {"text_model.head.", "SigLIP's text head"},
};

/* The rest of `name` behind `begin`, or NULL. */
static const char *behind(const char *name, const char *begin)
{
    size_t n = strlen(begin);
    return strncmp(name, begin, n) == 0 ? name + n : NULL;
}

static bool begins(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (behind(name, *list))
            return true;
    return false;
}

bool clip_names_detect(const weights_file *weights, clip_names *out)
{
    for (size_t i = 0; i < weights_file_count(weights); i++) {
        const char *name = weights_file_at(weights, i)->name, *inner = behind(name, "module.");
        const char *bare = inner ? inner : name;
        bool hugging_face = begins(bare, (const char *const[]){"vision_model.", "text_model.", NULL});
        if (!hugging_face &&
            !begins(bare, (const char *const[]){"visual.", "token_embedding.", "text.token_embedding.", NULL}))
            continue;
        *out = (clip_names){.openai = !hugging_face, .prefix = inner ? "module." : "", .text = ""};
        char token[CLIP_NAME_SIZE];
        snprintf(token, sizeof token, "%stext.token_embedding.weight", out->prefix);
        if (out->openai && weights_file_find(weights, token))
            out->text = "text.";
        return true;
    }
    return false;
}

/* What lies behind a module's name is one of its two tensors. */
static bool is_weight_or_bias(const char *rest, bool packed)
{
    return strcmp(rest, packed ? "_weight" : ".weight") == 0 || strcmp(rest, packed ? "_bias" : ".bias") == 0;
}

/* name: of the tower `kind`, prefixes taken off. Counts the layers on the way. */
static bool is_known(clip_names *names, clip_kind kind, const char *name)
{
    for (size_t i = 0; i < CLIP_TENSORS; i++) {
        const char *rest = behind(name, tensor_names[names->openai][i]);
        bool norm = i == CLIP_IMAGE_NORM_PRE || i == CLIP_IMAGE_NORM_POST || i == CLIP_TEXT_NORM_FINAL;
        if (rest && (norm ? is_weight_or_bias(rest, false) : *rest == '\0'))
            return true;
    }
    const char *at = behind(name, layer_names[names->openai][kind]);
    if (!at || *at < '0' || *at > '9')
        return false;
    size_t layer = 0;
    for (; *at >= '0' && *at <= '9' && layer < CLIP_MAX_LAYERS; at++)
        layer = layer * 10 + (size_t)(*at - '0');
    if (layer >= CLIP_MAX_LAYERS || *at++ != '.')
        return false;
    for (size_t i = 0; i < CLIP_PARTS; i++) {
        const char *rest = behind(at, part_names[names->openai][i]);
        if (rest && is_weight_or_bias(rest, names->openai && i >= CLIP_Q && i <= CLIP_V)) {
            if (layer >= names->layers[kind])
                names->layers[kind] = layer + 1;
            return true;
        }
    }
    return false;
}

static lancelet_status check_one(clip_names *names, const weights_tensor *t, lancelet_error *err)
{
    const char *name = behind(t->name, names->prefix);
    if (!name)
        return LANCELET_OK;
    for (size_t i = 0; i < sizeof other_towers / sizeof *other_towers; i++)
        if (behind(name, other_towers[i].begin))
            return base_fail(err, LANCELET_UNSUPPORTED, "the model has %s (tensor '%s'), which is not computed here",
                             other_towers[i].what, t->name);
    clip_kind kind;
    const char *in_text = names->text[0] ? behind(name, names->text) : NULL;
    if (begins(name, tower_names[names->openai][CLIP_IMAGE]))
        kind = CLIP_IMAGE;
    else if (in_text || (!names->text[0] && begins(name, tower_names[names->openai][CLIP_TEXT])))
        kind = CLIP_TEXT;
    else
        return LANCELET_OK;
    if (in_text)
        name = in_text;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strcmp(name, harmless[i]) == 0)
            return LANCELET_OK;
    if (!is_known(names, kind, name))
        return base_fail(err, LANCELET_UNSUPPORTED, "the tensor '%s' belongs to no CLIP that is computed here", t->name);
    if (t->dtype != TENSOR_F32 && t->dtype != TENSOR_F16 && t->dtype != TENSOR_BF16)
        return base_fail(err, LANCELET_UNSUPPORTED, "the numbers of the tensor '%s' are not of type F32, F16 or BF16",
                         t->name);
    return LANCELET_OK;
}

lancelet_status clip_names_check(const weights_file *weights, clip_names *names, lancelet_error *err)
{
    names->layers[CLIP_IMAGE] = names->layers[CLIP_TEXT] = 0;
    for (size_t i = 0; i < weights_file_count(weights); i++)
        RETURN_IF_ERROR(check_one(names, weights_file_at(weights, i), err));
    for (int kind = CLIP_IMAGE; kind <= CLIP_TEXT; kind++)
        if (names->layers[kind] == 0)
            return base_fail(err, LANCELET_CORRUPT, "the model file has no tensor '%s%s%s0...': it lacks the %s tower",
                             names->prefix, kind == CLIP_TEXT ? names->text : "", layer_names[names->openai][kind],
                             kind == CLIP_TEXT ? "text" : "image");
    return LANCELET_OK;
}

void clip_name(const clip_names *names, clip_tensor which, char out[CLIP_NAME_SIZE])
{
    snprintf(out, CLIP_NAME_SIZE, "%s%s%s", names->prefix, which >= CLIP_TEXT_TOKEN ? names->text : "",
             tensor_names[names->openai][which]);
}

void clip_name_in_layer(const clip_names *names, clip_kind kind, size_t layer, clip_part part, const char *ending,
                        char out[CLIP_NAME_SIZE])
{
    snprintf(out, CLIP_NAME_SIZE, "%s%s%s%zu.%s%s", names->prefix, kind == CLIP_TEXT ? names->text : "",
             layer_names[names->openai][kind], layer, part_names[names->openai][part], ending);
}
