/* clip_config_files.c - the JSON files beside the weights: transformers' config.json with its processor's, and open_clip's
 * open_clip_config.json. Peers: transformers' configuration_clip.py and image_processing_clip.py, open_clip's model.py
 * (CLIPVisionCfg, CLIPTextCfg) and transform.py.
 *
 * A size that a config states must be that of the tensors. What asks for arithmetic that the towers do not have is refused
 * with the member's name; in open_clip's files, which describe towers of every kind, so is any member that is not known. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "embed/model/clip_config.h"

enum { MAX_FILE = 1 << 20 };

/* An object in a file, for what is said about it. */
typedef struct part {
    clip_config_reader *r;
    const char *file;  /* "config.json" */
    const char *where; /* "vision_config.", or "" */
    const json_t *object;
} part;

/* ---- members ---- */

static void fail(const part *p, lancelet_status status, const char *member, const char *sentence)
{
    if (p->r->status == LANCELET_OK)
        p->r->status = base_fail(p->r->err, status, "%s: %s%s %s", p->file, p->where, member, sentence);
}

/* The member, or NULL where it is absent or null. */
static const json_t *member_of(const part *p, const char *member)
{
    const json_t *v = json_object_get(p->object, member);
    return json_is_null(v) ? NULL : v;
}

static part inner(const part *p, const char *member, const char *where)
{
    part q = *p;
    q.where = where;
    q.object = member_of(p, member);
    if (q.object && !json_is_object(q.object))
        fail(p, LANCELET_CORRUPT, member, "is no object");
    return q;
}

/* A whole number; `missing` where it is absent. */
static int64_t whole(const part *p, const char *member, int64_t missing)
{
    const json_t *v = member_of(p, member);
    if (!v)
        return missing;
    if (!json_is_integer(v))
        fail(p, LANCELET_CORRUPT, member, "is no whole number");
    return json_integer_value(v);
}

static void check_number(const part *p, const char *member, const json_t *v, size_t tensors)
{
    if (p->r->status != LANCELET_OK || (json_is_integer(v) && json_integer_value(v) == (json_int_t)tensors))
        return;
    if (json_is_integer(v))
        p->r->status = base_fail(p->r->err, LANCELET_CORRUPT, "%s: %s%s is %lld, but the tensors' shapes make it %zu",
                                 p->file, p->where, member, (long long)json_integer_value(v), tensors);
    else
        fail(p, LANCELET_UNSUPPORTED, member, "is no single whole number");
}

/* A size that is stated, a number or the two sides of a square, is that of the tensors. */
static void check_size(const part *p, const char *member, size_t tensors)
{
    const json_t *v = member_of(p, member);
    if (v && json_array_size(v) == 2) {
        check_number(p, member, json_array_get(v, 0), tensors);
        check_number(p, member, json_array_get(v, 1), tensors);
    } else if (v) {
        check_number(p, member, v, tensors);
    }
}

/* A word that is stated is the one that is computed here. */
static void check_word(const part *p, const char *member, const char *computed)
{
    const json_t *v = member_of(p, member);
    const char *word = json_string_value(v);
    if (p->r->status == LANCELET_OK && v && (!word || strcmp(word, computed) != 0))
        p->r->status = base_fail(p->r->err, LANCELET_UNSUPPORTED, "%s: %s%s is '%.60s'; only '%s' is computed here", p->file,
                                 p->where, member, word ? word : "no word", computed);
}

static void check_flag(const part *p, const char *member, bool wanted)
{
    const json_t *v = member_of(p, member);
    if (v && (!json_is_boolean(v) || json_is_true(v) != wanted))
        fail(p, LANCELET_UNSUPPORTED, member,
             wanted ? "is not true: it is always done here" : "is not false: it is not computed here");
}

/* Three numbers, one a colour; left alone where they are absent. */
static void read_colours(const part *p, const char *member, float least, float out[3])
{
    const json_t *v = member_of(p, member);
    if (!v)
        return;
    for (size_t i = 0; i < 3; i++) {
        const json_t *x = json_array_get(v, i);
        if (json_array_size(v) != 3 || !json_is_number(x) ||
            !(json_number_value(x) >= least && json_number_value(x) <= 1e3)) {
            fail(p, LANCELET_CORRUPT, member, "is not three numbers, one a colour");
            return;
        }
        out[i] = (float)json_number_value(x);
    }
}

static void set_heads(const part *p, clip_kind kind, const char *member, int64_t heads)
{
    if (heads < 1 || heads > 4096)
        fail(p, LANCELET_LIMIT, member, "must be from 1 to 4096 heads");
    else
        p->r->c->tower[kind].heads = (size_t)heads;
}

/* *out: the file's JSON, owned; NULL where the file is absent. */
static void load(clip_config_reader *r, const char *folder, const char *file, json_t **out)
{
    *out = NULL;
    if (r->status != LANCELET_OK)
        return;
    char *path = base_path_join(folder, file);
    uint8_t *bytes = NULL;
    size_t n = 0;
    r->status = path ? base_file_read(path, MAX_FILE, &bytes, &n, r->err) : base_fail_memory(r->err);
    base_free(path);
    if (r->status == LANCELET_NOT_FOUND)
        r->status = LANCELET_OK;
    if (!bytes)
        return;
    json_error_t json_error;
    *out = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, &json_error);
    base_free(bytes);
    if (*out && json_is_object(*out))
        return;
    bool memory = !*out && json_error_code(&json_error) == json_error_out_of_memory;
    r->status = memory ? base_fail_memory(r->err)
                       : base_fail(r->err, LANCELET_CORRUPT, "%s is no JSON object%s%s", file, *out ? "" : ": ",
                                   *out ? "" : json_error.text);
    json_decref(*out);
    *out = NULL;
}

/* ---- transformers ---- */

static product_activation read_hidden_act(const part *p)
{
    const json_t *v = member_of(p, "hidden_act");
    const char *word = v ? json_string_value(v) : "quick_gelu"; /* CLIPTextConfig's and CLIPVisionConfig's default */
    if (word && strcmp(word, "quick_gelu") == 0)
        return PRODUCT_QUICK_GELU;
    if (word && strcmp(word, "gelu") == 0)
        return PRODUCT_GELU;
    if (p->r->status == LANCELET_OK)
        p->r->status = base_fail(p->r->err, LANCELET_UNSUPPORTED,
                                 "%s: %shidden_act is '%.60s'; only 'quick_gelu' and 'gelu' are computed here", p->file,
                                 p->where, word ? word : "no word");
    return PRODUCT_LINEAR;
}

/* The part of config.json for one tower. An object `<member>_dict`, of older files, stands in its place. */
static part tower_part(const part *top, const char *member, const char *member_dict, const char *where)
{
    bool older = json_is_object(json_object_get(top->object, member_dict));
    return inner(top, older ? member_dict : member, where);
}

static product_activation read_tower(const part *p, clip_kind kind)
{
    clip_tower_config *t = &p->r->c->tower[kind];
    check_size(p, "hidden_size", t->d_model);
    check_size(p, "intermediate_size", t->mlp);
    check_size(p, "num_hidden_layers", t->layers);
    set_heads(p, kind, "num_attention_heads", whole(p, "num_attention_heads", kind == CLIP_IMAGE ? 12 : 8));
    const json_t *eps = member_of(p, "layer_norm_eps");
    if (eps && !(json_is_number(eps) && json_number_value(eps) > 0 && json_number_value(eps) < 0.1))
        fail(p, LANCELET_CORRUPT, "layer_norm_eps", "is no number between 0 and 0.1");
    else if (eps)
        t->eps = (float)json_number_value(eps);
    return read_hidden_act(p);
}

static void read_transformers(clip_config_reader *r, const json_t *root)
{
    clip_config *c = r->c;
    const part top = {r, "config.json", "", root};
    check_word(&top, "model_type", "clip");
    check_size(&top, "projection_dim", c->dim);
    part image = tower_part(&top, "vision_config", "vision_config_dict", "vision_config.");
    part text = tower_part(&top, "text_config", "text_config_dict", "text_config.");
    product_activation of_image = read_tower(&image, CLIP_IMAGE), of_text = read_tower(&text, CLIP_TEXT);
    clip_config_says(r, of_image, of_text, "config.json");
    check_size(&image, "num_channels", 3);
    check_size(&image, "patch_size", c->patch);
    check_size(&image, "image_size", c->side);
    check_size(&text, "max_position_embeddings", c->positions);
    check_size(&text, "vocab_size", c->vocabulary);
    int64_t end = whole(&text, "eos_token_id", 49407);
    c->end_token = end == 2 ? -1 : end; /* 2: a wrong number in old files, for which transformers takes the highest id */
    const char *id = json_string_value(json_object_get(root, "_name_or_path"));
    if (id && r->status == LANCELET_OK && !(r->hub_id = base_strdup(id)))
        r->status = base_fail_memory(r->err);
}

/* Shorter side to the tower's size and centre crop, or a square right away. */
static void read_size(const part *p)
{
    clip_config *c = p->r->c;
    part size = inner(p, json_is_object(member_of(p, "size")) ? "size" : "", "size.");
    part crop = inner(p, json_is_object(member_of(p, "crop_size")) ? "crop_size" : "", "crop_size.");
    if (size.object) {
        check_size(&size, "shortest_edge", c->side);
        check_size(&size, "height", c->side);
        check_size(&size, "width", c->side);
        c->squash = !member_of(&size, "shortest_edge");
        if (c->squash && !(member_of(&size, "height") && member_of(&size, "width")))
            fail(p, LANCELET_UNSUPPORTED, "size", "says neither shortest_edge nor height and width");
    } else {
        check_size(p, "size", c->side);
    }
    if (crop.object) {
        check_size(&crop, "height", c->side);
        check_size(&crop, "width", c->side);
    } else {
        check_size(p, "crop_size", c->side);
    }
    if (!c->squash)
        check_flag(p, "do_center_crop", true);
}

/* preprocessor_config.json, or the part of processor_config.json that newer versions write instead. */
static void read_preprocessor(const part *p)
{
    static const char *const types[] = {"CLIPFeatureExtractor", "CLIPImageProcessor", "CLIPImageProcessorFast",
                                        "CLIPImageProcessorPil"};
    const char *type = json_string_value(json_object_get(p->object, "image_processor_type"));
    bool known = !type;
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        known = known || strcmp(type, types[i]) == 0;
    if (!known)
        fail(p, LANCELET_UNSUPPORTED, "image_processor_type", "is none of CLIP's");
    read_size(p);
    check_flag(p, "do_resize", true);
    check_flag(p, "do_rescale", true);
    check_flag(p, "do_normalize", true);
    if (whole(p, "resample", 3) != 3) /* Pillow's number for bicubic */
        fail(p, LANCELET_UNSUPPORTED, "resample", "is not 3, bicubic: no other is computed here");
    const json_t *factor = member_of(p, "rescale_factor");
    if (factor && !(fabs(json_number_value(factor) * 255 - 1) < 1e-6))
        fail(p, LANCELET_UNSUPPORTED, "rescale_factor", "is not 1/255");
    read_colours(p, "image_mean", -1e3f, p->r->c->mean);
    read_colours(p, "image_std", 1e-6f, p->r->c->std);
    p->r->said_colours = p->r->said_resize = true; /* what is absent has CLIPImageProcessor's defaults */
}

static void read_preprocessors(clip_config_reader *r, const char *folder)
{
    json_t *newer, *older;
    load(r, folder, "processor_config.json", &newer);
    load(r, folder, "preprocessor_config.json", &older);
    part p = {r, "processor_config.json", "image_processor.", json_object_get(newer, "image_processor")};
    if (!json_is_object(p.object))
        p = (part){r, "preprocessor_config.json", "", older};
    if (p.object)
        read_preprocessor(&p);
    json_decref(newer);
    json_decref(older);
}

/* ---- open_clip ---- */

/* A member that changes nothing: absent, false, empty, zero. */
static bool is_neutral(const json_t *v)
{
    return json_is_null(v) || json_is_false(v) || (json_is_number(v) && json_number_value(v) == 0) ||
           (json_is_string(v) && json_string_length(v) == 0) || (json_is_object(v) && json_object_size(v) == 0) ||
           (json_is_array(v) && json_array_size(v) == 0);
}

/* known: ends with NULL. */
static void refuse_others(const part *p, const char *const *known)
{
    const char *member;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)p->object, member, v)
    {
        bool is_known = is_neutral(v);
        for (const char *const *k = known; *k && !is_known; k++)
            is_known = strcmp(*k, member) == 0;
        if (!is_known)
            fail(p, LANCELET_UNSUPPORTED, member, "asks for what is not computed here");
    }
}

static void check_mlp(const part *p, const clip_tower_config *t)
{
    const json_t *ratio = member_of(p, "mlp_ratio");
    double width = (double)t->d_model * (ratio ? json_number_value(ratio) : 4.0);
    if (p->r->status == LANCELET_OK && !(floor(width) == (double)t->mlp)) /* int() in the peer */
        p->r->status = base_fail(p->r->err, LANCELET_CORRUPT,
                                 "%s: %smlp_ratio makes the MLP %.0f numbers wide, but the tensors' shapes make it %zu",
                                 p->file, p->where, floor(width), t->mlp);
}

static void read_vision_cfg(const part *p)
{
    static const char *const known[] = {
        "image_size", "layers", "width", "head_width", "mlp_ratio", "patch_size", "pool_type", "block_type",
        "pos_embed_type",
        /* of training, of other towers when theirs is chosen, or without effect on the class token */
        "patch_dropout", "output_tokens", "final_ln_after_pool", "attn_pooler_queries", "attn_pooler_heads",
        "timm_model_pretrained", "timm_pool", "timm_proj", "timm_proj_bias", "timm_drop", "timm_drop_path", NULL,
    };
    clip_config *c = p->r->c;
    clip_tower_config *t = &c->tower[CLIP_IMAGE];
    if (json_is_array(member_of(p, "layers")))
        fail(p, LANCELET_UNSUPPORTED, "layers", "is a list: the image tower is a ResNet, which is not computed here");
    refuse_others(p, known);
    check_size(p, "image_size", c->side);
    check_size(p, "layers", t->layers);
    check_size(p, "width", t->d_model);
    check_size(p, "patch_size", c->patch);
    check_mlp(p, t);
    check_word(p, "pool_type", "tok");
    check_word(p, "block_type", "default");
    int64_t head = whole(p, "head_width", 64);
    set_heads(p, CLIP_IMAGE, "head_width", head > 0 ? (int64_t)t->d_model / head : 0);
}

static void read_text_cfg(const part *p)
{
    static const char *const known[] = {
        "context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio", "pool_type", "block_type", "proj_type",
        "pad_id", "eos_id", "output_tokens", "final_ln_after_pool", "hf_model_pretrained", "hf_proj_type",
        "hf_pooler_type", NULL,
    };
    clip_config *c = p->r->c;
    clip_tower_config *t = &c->tower[CLIP_TEXT];
    refuse_others(p, known);
    check_size(p, "context_length", c->positions);
    check_size(p, "vocab_size", c->vocabulary);
    check_size(p, "width", t->d_model);
    check_size(p, "layers", t->layers);
    check_mlp(p, t);
    check_word(p, "pool_type", "argmax");
    check_word(p, "block_type", "default");
    check_word(p, "proj_type", "linear");
    set_heads(p, CLIP_TEXT, "heads", whole(p, "heads", 8));
}

static void read_preprocess_cfg(const part *p)
{
    clip_config *c = p->r->c;
    const char *mode = json_string_value(member_of(p, "resize_mode"));
    check_size(p, "size", c->side);
    check_word(p, "interpolation", "bicubic");
    check_word(p, "mode", "RGB");
    c->squash = mode && strcmp(mode, "squash") == 0;
    if (member_of(p, "resize_mode") && !c->squash && !(mode && strcmp(mode, "shortest") == 0))
        fail(p, LANCELET_UNSUPPORTED, "resize_mode", "is neither 'shortest' nor 'squash', which are computed here");
    p->r->said_resize = mode != NULL;
    p->r->said_colours = member_of(p, "mean") != NULL;
    read_colours(p, "mean", -1e3f, c->mean);
    read_colours(p, "std", 1e-6f, c->std);
}

static void read_open_clip(clip_config_reader *r, const json_t *root)
{
    static const char *const known[] = {
        "embed_dim", "quick_gelu", "vision_cfg", "text_cfg", "custom_text", "init_logit_scale", "init_logit_bias",
        "nonscalar_logit_scale", "output_dict", NULL,
    };
    const part top = {r, "open_clip_config.json", "", root};
    part model = inner(&top, "model_cfg", "model_cfg.");
    part image = inner(&model, "vision_cfg", "vision_cfg."), text = inner(&model, "text_cfg", "text_cfg.");
    part preprocess = inner(&top, "preprocess_cfg", "preprocess_cfg.");
    if (!model.object)
        fail(&top, LANCELET_CORRUPT, "model_cfg", "is absent");
    refuse_others(&model, known);
    check_size(&model, "embed_dim", r->c->dim);
    read_vision_cfg(&image);
    read_text_cfg(&text);
    read_preprocess_cfg(&preprocess);
    product_activation a = json_is_true(member_of(&model, "quick_gelu")) ? PRODUCT_QUICK_GELU : PRODUCT_GELU;
    clip_config_says(r, a, a, "open_clip_config.json");
}

void clip_config_read_files(clip_config_reader *r, const char *folder, bool openai, bool torchscript)
{
    json_t *open_clip = NULL, *transformers = NULL;
    load(r, folder, "open_clip_config.json", &open_clip);
    if (!torchscript && !(openai && open_clip))
        load(r, folder, "config.json", &transformers);
    /* timm's folders have a config.json of their own kind beside open_clip's */
    const char *kind = json_string_value(json_object_get(transformers, "model_type"));
    bool clip = transformers && (!openai || (kind && strcmp(kind, "clip") == 0));
    if (clip) {
        read_transformers(r, transformers);
        read_preprocessors(r, folder);
    } else if (open_clip) {
        read_open_clip(r, open_clip);
    }
    json_decref(open_clip);
    json_decref(transformers);
}
