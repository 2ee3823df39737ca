/* What a CLIP's file and the configs beside it say: sizes, heads, activation, preprocessing, vocabulary, name; and what is
 * refused, by name. The files are made here: a header of the right shapes, and numbers that do not matter. */
#include "support.h"

#include <math.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/file.h"
#include "embed/model/parts.h"

/* ---- small models ---- */

/* A toy of CLIP's shapes, and what is wrong with it. Zero: a size's usual value. */
typedef struct toy {
    bool hf;             /* transformers' names, else OpenAI's */
    const char *prefix;  /* in front of all names; NULL: "" */
    const char *text;    /* in front of the text tower's; NULL: "" */
    size_t width;        /* of the image tower; 64 */
    size_t dim;          /* 8 */
    size_t grid, patch;  /* 2, 4 */
    size_t vocabulary;   /* 49408 */
    const char *without; /* a tensor that is left out */
    const char *wider;   /* a tensor whose last side is one longer */
    const char *int8;    /* a tensor that is of type I8 */
    const char *more;    /* a tensor more, of one number */
    bool random;         /* numbers instead of zeros */
} toy;

typedef struct header {
    base_buffer json;
    uint64_t bytes; /* of the tensors so far */
    const toy *of;
} header;

/* shape [n] */
static void add_shape(header *h, const char *name, const size_t *shape, size_t n)
{
    const toy *t = h->of;
    size_t count = 1;
    if (t->without && strcmp(t->without, name) == 0)
        return;
    bool wider = t->wider && strcmp(t->wider, name) == 0, int8 = t->int8 && strcmp(t->int8, name) == 0;
    assert_true(base_buffer_printf(&h->json, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", h->json.size > 1 ? "," : "", name,
                                   int8 ? "I8" : "F16"));
    for (size_t i = 0; i < n; i++) {
        size_t side = shape[i] + (wider && i + 1 == n);
        count *= side;
        assert_true(base_buffer_printf(&h->json, "%s%zu", i ? "," : "", side));
    }
    uint64_t end = h->bytes + count * (int8 ? 1 : 2);
    assert_true(base_buffer_printf(&h->json, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)h->bytes,
                                   (unsigned long long)end));
    h->bytes = end;
}

#define add(h, name, ...)                                                                                                   \
    add_shape(h, name, (const size_t[]){__VA_ARGS__}, sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t))

/* `part` of a module whose name is `base`: ".weight" */
static const char *joined(const char *base, const char *part)
{
    static char name[200];
    snprintf(name, sizeof name, "%s%s", base, part);
    return name;
}

static void add_norm(header *h, const char *base, size_t d)
{
    add(h, joined(base, ".weight"), d);
    add(h, joined(base, ".bias"), d);
}

static void add_linear(header *h, const char *base, size_t n, size_t k)
{
    add(h, joined(base, ".weight"), n, k);
    add(h, joined(base, ".bias"), n);
}

static void add_layers(header *h, const char *base, size_t d)
{
    static const char *const hf[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"};
    bool is_hf = h->of->hf;
    for (int i = 0; i < 2; i++) {
        char l[100], name[160];
        snprintf(l, sizeof l, "%s.%d.", base, i);
#define IN(part) (snprintf(name, sizeof name, "%s%s", l, part), name)
        add_norm(h, IN(is_hf ? "layer_norm1" : "ln_1"), d);
        add_norm(h, IN(is_hf ? "layer_norm2" : "ln_2"), d);
        for (int j = 0; is_hf && j < 4; j++)
            add_linear(h, IN(hf[j]), d, d);
        if (!is_hf) {
            add(h, IN("attn.in_proj_weight"), 3 * d, d);
            add(h, IN("attn.in_proj_bias"), 3 * d);
            add_linear(h, IN("attn.out_proj"), d, d);
        }
        add_linear(h, IN(is_hf ? "mlp.fc1" : "mlp.c_fc"), 4 * d, d);
        add_linear(h, IN(is_hf ? "mlp.fc2" : "mlp.c_proj"), d, 4 * d);
#undef IN
    }
}

static size_t or_usual(size_t n, size_t usual)
{
    return n ? n : usual;
}

/* The toy in `folder` under the usual file name; its path, valid until the next. */
static const char *write_toy_as(const char *folder, const char *file, const toy *t)
{
    static char path[4200];
    size_t d = or_usual(t->width, 64), dt = 64, dim = or_usual(t->dim, 8), grid = or_usual(t->grid, 2),
           patch = or_usual(t->patch, 4), vocabulary = or_usual(t->vocabulary, 49408);
    const char *p = t->prefix ? t->prefix : "", *text = t->text ? t->text : "";
    header h = {.of = t};
    char name[160];
#define IMAGE(part) (snprintf(name, sizeof name, "%s%s", p, part), name)
#define TEXT(part)  (snprintf(name, sizeof name, "%s%s%s", p, text, part), name)
    assert_true(base_buffer_append_string(&h.json, "{"));
    add(&h, IMAGE(t->hf ? "vision_model.embeddings.class_embedding" : "visual.class_embedding"), d);
    add(&h, IMAGE(t->hf ? "vision_model.embeddings.patch_embedding.weight" : "visual.conv1.weight"), d, 3, patch, patch);
    add(&h, IMAGE(t->hf ? "vision_model.embeddings.position_embedding.weight" : "visual.positional_embedding"),
        1 + grid * grid, d);
    add_norm(&h, IMAGE(t->hf ? "vision_model.pre_layrnorm" : "visual.ln_pre"), d);
    add_layers(&h, IMAGE(t->hf ? "vision_model.encoder.layers" : "visual.transformer.resblocks"), d);
    add_norm(&h, IMAGE(t->hf ? "vision_model.post_layernorm" : "visual.ln_post"), d);
    if (t->hf)
        add(&h, IMAGE("visual_projection.weight"), dim, d);
    else
        add(&h, IMAGE("visual.proj"), d, dim);
    add(&h, TEXT(t->hf ? "text_model.embeddings.token_embedding.weight" : "token_embedding.weight"), vocabulary, dt);
    add(&h, TEXT(t->hf ? "text_model.embeddings.position_embedding.weight" : "positional_embedding"), 77, dt);
    add_layers(&h, TEXT(t->hf ? "text_model.encoder.layers" : "transformer.resblocks"), dt);
    add_norm(&h, TEXT(t->hf ? "text_model.final_layer_norm" : "ln_final"), dt);
    if (t->hf)
        add(&h, TEXT("text_projection.weight"), dim, dt);
    else
        add(&h, TEXT("text_projection"), dt, dim);
    add(&h, IMAGE("logit_scale"), 1);
    if (t->more)
        add(&h, t->more, 1);
#undef IMAGE
#undef TEXT
    assert_true(base_buffer_append_string(&h.json, "}"));

    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(h.json.size >> 8 * i);
    assert_int_equal(fwrite(length, 1, 8, f), 8);
    assert_int_equal(fwrite(h.json.data, 1, h.json.size, f), h.json.size);
    uint32_t seed = 1;
    for (uint64_t i = 0; t->random && i < h.bytes / 2; i++) {
        seed = seed * 1664525 + 1013904223;
        /* fp16 of either sign from 2^-5 to 2^-1 */
        uint16_t v = (uint16_t)((seed >> 16 & 0x83ff) | (10 + (seed >> 8 & 3)) << 10);
        assert_int_equal(fwrite(&v, 2, 1, f), 1);
    }
    assert_int_equal(fflush(f), 0);
    assert_int_equal(ftruncate(fileno(f), (off_t)(8 + h.json.size + h.bytes)), 0);
    fclose(f);
    base_buffer_free(&h.json);
    return path;
}

static const char *write_toy(const char *folder, const toy *t)
{
    return write_toy_as(folder, t->hf ? "model.safetensors" : "open_clip_model.safetensors", t);
}

static void put(const char *folder, const char *file, const char *text)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

/* open_clip_config.json of the toy with members more at each place. */
static const char *open_clip(const char *top, const char *vision, const char *text, const char *preprocess)
{
    static char json[4000];
    snprintf(
        json, sizeof json,
        "{\"model_cfg\":{\"embed_dim\":8%s,\"vision_cfg\":{\"image_size\":8,\"layers\":2,\"width\":64,\"patch_size\":4%s},"
        "\"text_cfg\":{\"context_length\":77,\"vocab_size\":49408,\"width\":64,\"heads\":1,\"layers\":2%s}},"
        "\"preprocess_cfg\":{%s}}",
        top, vision, text, preprocess);
    return json;
}

/* config.json of the toy with members more; later members win nothing: JSON with one twice is refused. */
static const char *transformers(const char *top, const char *vision, const char *text)
{
    static char json[4000];
    snprintf(json, sizeof json,
             "{\"model_type\":\"clip\",\"projection_dim\":8%s,"
             "\"vision_config\":{\"hidden_size\":64,\"num_hidden_layers\":2,\"patch_size\":4,\"image_size\":8%s},"
             "\"text_config\":{\"hidden_size\":64,\"num_hidden_layers\":2%s}}",
             top, vision, text);
    return json;
}
#define HEADS ",\"num_attention_heads\":1"

static model *open_model(const char *path, const char *name)
{
    lancelet_error err;
    model *m = NULL;
    assert_ok(model_open(path, name, &m, &err), err);
    return m;
}

static void assert_has(const char *text, const char *said)
{
    if (!strstr(text, said))
        fail_msg("'%s' does not say '%s'", text, said);
}

static void assert_refused(const char *path, const char *name, lancelet_status status, const char *said)
{
    lancelet_error err = {0};
    model *m = NULL;
    lancelet_status is = model_open(path, name, &m, &err);
    model_close(m);
    if (is == LANCELET_OK)
        fail_msg("%s opens; it should say '%s'", path, said);
    assert_has(err.text, said);
    assert_int_equal(is, status);
}

/* ---- sizes ---- */

static void sizes_come_from_the_shapes_of_open_clips_tensors(void **s)
{
    (void)s;
    const char *folder = scratch_folder();
    put(folder, "open_clip_config.json", open_clip(",\"quick_gelu\":true", "", "", ""));
    model *m = open_model(write_toy(folder, &(toy){0}), NULL);
    assert_int_equal(model_dim(m), 8);
    assert_int_equal(model_image_size(m), 8);
    const char *architecture = model_metadata(m, "architecture");
    assert_has(architecture, "\"patch\":4,\"layers\":2,\"width\":64,\"heads\":1,\"mlp\":256");
    assert_has(architecture, "\"context\":77,\"vocabulary\":49408,\"layers\":2,\"width\":64,\"heads\":1,\"mlp\":256");
    assert_has(architecture, "\"activation\":\"QuickGELU\"");
    assert_has(model_preprocess(m), "\"size\":8,");
    assert_has(model_preprocess(m), "\"mean\":[0.48145467,0.4578275,0.40821072],\"std\":[0.26862955,0.2613026,0.2757771]");
    assert_has(model_preprocess(m), "\"resize\":\"shortest side, centre crop\",");
    assert_has(model_preprocess(m), "\"tokenizer\":\"openai\",\"max_tokens\":77}");
    model_close(m);
}

static void sizes_come_from_the_shapes_of_transformers_tensors(void **s)
{
    (void)s;
    const char *folder = scratch_folder();
    put(folder, "config.json", transformers("", HEADS ",\"hidden_act\":\"gelu\"", HEADS ",\"hidden_act\":\"gelu\""));
    model *m = open_model(write_toy(folder, &(toy){.hf = true, .grid = 2}), NULL);
    assert_int_equal(model_dim(m), 8);
    assert_int_equal(model_image_size(m), 8);
    assert_has(model_metadata(m, "architecture"), "\"activation\":\"GELU\"");
    assert_has(model_preprocess(m), "\"tokenizer\":\"hf\"");
    model_close(m);
}

static void names_may_have_module_and_text_in_front(void **s)
{
    (void)s;
    const char *folder = scratch_folder();
    put(folder, "open_clip_config.json", open_clip("", "", "", ""));
    model_close(open_model(write_toy(folder, &(toy){.text = "text."}), NULL));
    model_close(open_model(write_toy(folder, &(toy){.prefix = "module."}), NULL));
    model_close(open_model(write_toy(folder, &(toy){.prefix = "module.", .text = "text."}), NULL));
}

static void buffers_and_heads_elsewhere_do_not_matter(void **s)
{
    (void)s;
    const char *folder = scratch_folder();
    put(folder, "open_clip_config.json", open_clip("", "", "", ""));
    model_close(open_model(write_toy(folder, &(toy){.more = "attn_mask"}), NULL));
    model_close(open_model(write_toy(folder, &(toy){.more = "logit_bias"}), NULL));
    folder = scratch_folder();
    put(folder, "config.json", transformers("", HEADS, HEADS));
    model_close(open_model(write_toy(folder, &(toy){.hf = true, .more = "text_model.embeddings.position_ids"}), NULL));
    model_close(open_model(write_toy(folder, &(toy){.hf = true, .more = "classifier.weight"}), NULL));
}

static void a_broken_file_is_refused_with_the_tensors_name(void **s)
{
    (void)s;
    static const struct {
        toy t;
        lancelet_status status;
        const char *said;
    } cases[] = {
        {{.without = "visual.proj"}, LANCELET_CORRUPT, "no tensor 'visual.proj'"},
        {{.without = "text_projection"}, LANCELET_CORRUPT, "no tensor 'text_projection'"},
        {{.without = "visual.ln_pre.weight"}, LANCELET_CORRUPT, "no tensor 'visual.ln_pre.weight'"},
        {{.without = "visual.class_embedding"}, LANCELET_CORRUPT, "no tensor 'visual.class_embedding'"},
        {{.without = "transformer.resblocks.0.attn.in_proj_bias"},
         LANCELET_CORRUPT,
         "'transformer.resblocks.0.attn.in_proj_bias'"},
        {{.without = "visual.transformer.resblocks.0.mlp.c_fc.weight"}, LANCELET_CORRUPT, "resblocks.0.mlp.c_fc.weight'"},
        {{.wider = "visual.proj"}, LANCELET_CORRUPT, "open_clip_config.json: model_cfg.embed_dim is 8"},
        {{.wider = "text_projection"}, LANCELET_CORRUPT, "'text_projection' has the shape [64, 9]"},
        {{.wider = "visual.positional_embedding"}, LANCELET_CORRUPT, "'visual.positional_embedding' has the shape [5, 65]"},
        {{.wider = "transformer.resblocks.1.ln_2.weight"},
         LANCELET_CORRUPT,
         "'transformer.resblocks.1.ln_2.weight' has the shape [65]"},
        {{.wider = "visual.transformer.resblocks.1.attn.in_proj_weight"}, LANCELET_CORRUPT, "the shape [192, 65]"},
        {{.int8 = "visual.conv1.weight"}, LANCELET_UNSUPPORTED, "'visual.conv1.weight' are not of type F32, F16 or BF16"},
        {{.more = "visual.transformer.resblocks.0.ls_1.gamma"},
         LANCELET_UNSUPPORTED,
         "'visual.transformer.resblocks.0.ls_1.gamma'"},
        {{.more = "transformer.resblocks.0.attn.ln_q.weight"}, LANCELET_UNSUPPORTED, "attn.ln_q.weight' belongs to no CLIP"},
        {{.more = "transformer.resblocks.2.ln_1.weight"}, LANCELET_CORRUPT, "text_cfg.layers is 2"},
        {{.more = "transformer.resblocks.400.ln_1.weight"},
         LANCELET_UNSUPPORTED,
         "resblocks.400.ln_1.weight' belongs to no CLIP"},
        {{.more = "visual.trunk.stem.weight"}, LANCELET_UNSUPPORTED, "an image tower from timm"},
        {{.more = "visual.layer1.0.conv1.weight"}, LANCELET_UNSUPPORTED, "a ResNet as image tower"},
        {{.more = "visual.attn_pool.query"}, LANCELET_UNSUPPORTED, "CoCa"},
        {{.hf = true, .without = "visual_projection.weight"}, LANCELET_CORRUPT, "no tensor 'visual_projection.weight'"},
        {{.hf = true, .without = "vision_model.encoder.layers.1.self_attn.q_proj.weight"},
         LANCELET_CORRUPT,
         "layers.1.self_attn.q_proj.weight'"},
        {{.hf = true, .more = "vision_model.head.probe"}, LANCELET_UNSUPPORTED, "SigLIP"},
        {{.hf = true, .more = "text_projection.bias"}, LANCELET_UNSUPPORTED, "'text_projection.bias' belongs to no CLIP"},
    };
    const char *folder = scratch_folder();
    put(folder, "open_clip_config.json", open_clip("", "", "", ""));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(write_toy(folder, &cases[i].t), NULL, cases[i].status, cases[i].said);
}

/* ---- configs ---- */

static void what_open_clips_config_says_must_fit_the_tensors_and_the_towers(void **s)
{
    (void)s;
    static const struct {
        const char *model, *vision, *text, *preprocess;
        lancelet_status status;
        const char *said;
    } cases[] = {
        {"", ",\"mlp_ratio\":3.5", "", "", LANCELET_CORRUPT,
         "vision_cfg.mlp_ratio makes the MLP 224 numbers wide, but the tensors' shapes make it 256"},
        {"", ",\"head_width\":48", "", "", LANCELET_OK, NULL}, /* 64 / 48 is one head, as in the peer */
        {"", ",\"head_width\":0", "", "", LANCELET_LIMIT, "vision_cfg.head_width"},
        {"", ",\"head_width\":20", "", "", LANCELET_CORRUPT, "which 3 heads do not divide"},
        {"", ",\"timm_model_name\":\"vit_x\"", "", "", LANCELET_UNSUPPORTED, "vision_cfg.timm_model_name asks for"},
        {"", ",\"no_ln_pre\":true", "", "", LANCELET_UNSUPPORTED, "vision_cfg.no_ln_pre"},
        {"", ",\"pool_type\":\"avg\"", "", "", LANCELET_UNSUPPORTED, "vision_cfg.pool_type is 'avg'; only 'tok'"},
        {"", ",\"attentional_pool\":true", "", "", LANCELET_UNSUPPORTED, "vision_cfg.attentional_pool"},
        {"", ",\"a_new_thing\":3", "", "", LANCELET_UNSUPPORTED, "vision_cfg.a_new_thing"},
        {"", ",\"a_new_thing\":null,\"patch_dropout\":0.5,\"pool_type\":\"tok\"", "", "", LANCELET_OK, NULL},
        {"", "", ",\"hf_tokenizer_name\":\"xlm-roberta-base\"", "", LANCELET_UNSUPPORTED, "text_cfg.hf_tokenizer_name"},
        {"", "", ",\"hf_model_name\":\"xlm-roberta-base\"", "", LANCELET_UNSUPPORTED, "text_cfg.hf_model_name"},
        {"", "", ",\"no_causal_mask\":true", "", LANCELET_UNSUPPORTED, "text_cfg.no_causal_mask"},
        {"", "", ",\"pool_type\":\"last\"", "", LANCELET_UNSUPPORTED, "text_cfg.pool_type is 'last'"},
        {"", "", ",\"embed_cls\":true", "", LANCELET_UNSUPPORTED, "text_cfg.embed_cls"},
        {",\"multimodal_cfg\":{\"layers\":12}", "", "", "", LANCELET_UNSUPPORTED, "model_cfg.multimodal_cfg"},
        {",\"custom_text\":true", "", "", "", LANCELET_OK, NULL},
        {"", "", "", "\"interpolation\":\"bilinear\"", LANCELET_UNSUPPORTED,
         "preprocess_cfg.interpolation is 'bilinear'; only 'bicubic'"},
        {"", "", "", "\"resize_mode\":\"longest\"", LANCELET_UNSUPPORTED,
         "preprocess_cfg.resize_mode is neither 'shortest' nor 'squash'"},
        {"", "", "", "\"size\":[8,9]", LANCELET_CORRUPT, "preprocess_cfg.size is 9, but the tensors' shapes make it 8"},
        {"", "", "", "\"mean\":[0.5,0.5]", LANCELET_CORRUPT, "preprocess_cfg.mean is not three numbers"},
        {"", "", "", "\"std\":[1,0,1]", LANCELET_CORRUPT, "preprocess_cfg.std is not three numbers"},
    };
    const char *folder = scratch_folder();
    char path[4200];
    snprintf(path, sizeof path, "%s", write_toy(folder, &(toy){0}));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(folder, "open_clip_config.json", open_clip(cases[i].model, cases[i].vision, cases[i].text, cases[i].preprocess));
        if (cases[i].status == LANCELET_OK)
            model_close(open_model(path, NULL));
        else
            assert_refused(path, NULL, cases[i].status, cases[i].said);
    }
    put(folder, "open_clip_config.json", "{\"model_cfg\":{\"embed_dim\":8,\"vision_cfg\":{\"width\":768}}}");
    assert_refused(path, NULL, LANCELET_CORRUPT, "vision_cfg.width is 768, but the tensors' shapes make it 64");
    put(folder, "open_clip_config.json", "{\"model_cfg\":{\"vision_cfg\":{\"layers\":[3,4,6,3]}}}");
    assert_refused(path, NULL, LANCELET_UNSUPPORTED, "ResNet");
    put(folder, "open_clip_config.json", "{}");
    assert_refused(path, NULL, LANCELET_CORRUPT, "model_cfg is absent");
    put(folder, "open_clip_config.json", "[1");
    assert_refused(path, NULL, LANCELET_CORRUPT, "open_clip_config.json is no JSON object");
}

static void what_transformers_config_says_must_fit_the_tensors_and_the_towers(void **s)
{
    (void)s;
    static const struct {
        const char *top, *vision, *text;
        lancelet_status status;
        const char *said;
    } cases[] = {
        {"", HEADS ",\"hidden_act\":\"gelu_new\"", HEADS, LANCELET_UNSUPPORTED,
         "vision_config.hidden_act is 'gelu_new'; only 'quick_gelu' and 'gelu'"},
        {"", HEADS ",\"intermediate_size\":128", HEADS, LANCELET_CORRUPT,
         "vision_config.intermediate_size is 128, but the tensors' shapes make it 256"},
        {"", HEADS, HEADS ",\"vocab_size\":49409", LANCELET_CORRUPT,
         "text_config.vocab_size is 49409, but the tensors' shapes make it 49408"},
        {"", HEADS, HEADS ",\"max_position_embeddings\":248", LANCELET_CORRUPT,
         "text_config.max_position_embeddings is 248"},
        {"", HEADS, HEADS ",\"layer_norm_eps\":0", LANCELET_CORRUPT, "text_config.layer_norm_eps"},
        {"", HEADS, HEADS ",\"eos_token_id\":7", LANCELET_UNSUPPORTED, "reads a text at token 7"},
        {"", HEADS, HEADS ",\"eos_token_id\":2", LANCELET_OK, NULL},
        {"", "", HEADS, LANCELET_CORRUPT, "which 12 heads do not divide"}, /* the peer's default */
        {",\"text_config_dict\":{\"hidden_size\":512}", HEADS, HEADS, LANCELET_CORRUPT, "text_config.hidden_size is 512"},
        {",\"text_config_dict\":null", HEADS, HEADS, LANCELET_OK, NULL},
    };
    const char *folder = scratch_folder();
    char path[4200];
    snprintf(path, sizeof path, "%s", write_toy(folder, &(toy){.hf = true}));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(folder, "config.json", transformers(cases[i].top, cases[i].vision, cases[i].text));
        if (cases[i].status == LANCELET_OK)
            model_close(open_model(path, NULL));
        else
            assert_refused(path, NULL, cases[i].status, cases[i].said);
    }
    put(folder, "config.json", "{\"model_type\":\"siglip\"}");
    assert_refused(path, NULL, LANCELET_UNSUPPORTED, "config.json: model_type is 'siglip'; only 'clip'");
}

static void what_a_preprocessor_says_must_be_what_is_done(void **s)
{
    (void)s;
    static const struct {
        const char *json;
        lancelet_status status;
        const char *said;
    } cases[] = {
        {"{\"size\":{\"shortest_edge\":8},\"crop_size\":{\"height\":8,\"width\":8},\"resample\":3}", LANCELET_OK,
         "centre crop rounded down"},
        {"{\"size\":8,\"crop_size\":8,\"rescale_factor\":0.00392156862745098}", LANCELET_OK, "centre crop rounded down"},
        {"{\"size\":{\"height\":8,\"width\":8}}", LANCELET_OK, "to the square"},
        {"{\"image_mean\":[0.5,0.5,0.5]}", LANCELET_OK, "\"mean\":[0.5,0.5,0.5]"},
        {"{\"size\":{\"shortest_edge\":9}}", LANCELET_CORRUPT, "size.shortest_edge is 9, but the tensors' shapes make it 8"},
        {"{\"crop_size\":9}", LANCELET_CORRUPT, "crop_size is 9"},
        {"{\"resample\":2}", LANCELET_UNSUPPORTED, "resample is not 3, bicubic"},
        {"{\"do_center_crop\":false}", LANCELET_UNSUPPORTED, "do_center_crop is not true"},
        {"{\"do_normalize\":false}", LANCELET_UNSUPPORTED, "do_normalize is not true"},
        {"{\"rescale_factor\":1}", LANCELET_UNSUPPORTED, "rescale_factor is not 1/255"},
        {"{\"image_processor_type\":\"SiglipImageProcessor\"}", LANCELET_UNSUPPORTED,
         "image_processor_type is none of CLIP's"},
    };
    const char *folder = scratch_folder();
    char path[4200], nested[1000];
    snprintf(path, sizeof path, "%s", write_toy(folder, &(toy){.hf = true}));
    put(folder, "config.json", transformers("", HEADS, HEADS));
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const char *json = cases[i / 2].json, *said = cases[i / 2].said;
        bool newer = i % 2; /* that file counts, where it has an image_processor */
        snprintf(nested, sizeof nested, "{\"image_processor\":%s}", json);
        put(folder, "preprocessor_config.json", newer ? "{\"size\":7}" : json);
        put(folder, "processor_config.json", newer ? nested : "{\"processor_class\":\"CLIPProcessor\"}");
        if (cases[i / 2].status != LANCELET_OK) {
            assert_refused(path, NULL, cases[i / 2].status, said);
            continue;
        }
        model *m = open_model(path, NULL);
        assert_has(model_preprocess(m), said);
        model_close(m);
    }
}

static void open_clips_config_says_colours_and_squashing(void **s)
{
    (void)s;
    const char *folder = scratch_folder();
    put(folder, "open_clip_config.json",
        open_clip("", "", "", "\"mean\":[0.5,0.5,0.5],\"std\":[0.25,0.5,0.5],\"resize_mode\":\"squash\""));
    model *m = open_model(write_toy(folder, &(toy){0}), NULL);
    assert_has(model_preprocess(m), "\"mean\":[0.5,0.5,0.5],\"std\":[0.25,0.5,0.5]");
    assert_has(model_preprocess(m), "\"resize\":\"to the square, aspect not kept\"");
    uint8_t wide[2 * 30 * 3] = {0};
    base_picture out = {0};
    lancelet_error err;
    assert_ok(model_prepare(m, &(base_picture){wide, 30, 2}, &out, &err), err);
    assert_int_equal(out.width, 8);
    assert_int_equal(out.height, 8);
    base_picture_free(&out);
    model_close(m);
}

/* ---- activation, heads, name ---- */

/* The shapes outside the layers by which the catalogue's ViT-B-32 is known. */
static const toy like_b32 = {.width = 768, .dim = 512, .grid = 7, .patch = 32};

static void the_activation_is_never_guessed(void **s)
{
    (void)s;
    const char *folder = scratch_folder();
    char path[4200];
    snprintf(path, sizeof path, "%s", write_toy(folder, &like_b32));
    assert_refused(path, NULL, LANCELET_UNSUPPORTED, "put its open_clip_config.json beside the file, or name the model");
    toy hf = like_b32;
    hf.hf = true;
    assert_refused(write_toy(folder, &hf), NULL, LANCELET_UNSUPPORTED, "put its config.json beside the file");
    assert_refused(path, "no-such-model", LANCELET_UNSUPPORTED, "nothing says whether the model was trained with QuickGELU");

    model *m = open_model(path, "ViT-B-32/openai");
    assert_has(model_metadata(m, "architecture"), "QuickGELU");
    assert_has(model_metadata(m, "architecture"), "\"width\":768,\"heads\":12");
    assert_string_equal(model_name(m), "ViT-B-32/openai");
    model_close(m);
    m = open_model(path, "vit-b-32/LAION2B_s34b_b79k");
    assert_has(model_metadata(m, "architecture"), "\"GELU\"");
    assert_string_equal(model_name(m), "ViT-B-32/laion2b_s34b_b79k");
    model_close(m);

    put(folder, "open_clip_config.json", "{\"model_cfg\":{\"quick_gelu\":false,\"text_cfg\":{\"heads\":1}}}");
    assert_refused(path, "ViT-B-32/openai", LANCELET_INVALID,
                   "open_clip_config.json says that the model's activation is exact GELU, ViT-B-32/openai says QuickGELU");
}

static void weights_are_not_taken_for_a_model_of_other_sizes(void **s)
{
    (void)s;
    const char *folder = scratch_folder();
    const char *path = write_toy(folder, &like_b32);
    assert_refused(path, "ViT-L-14/openai", LANCELET_INVALID,
                   "ViT-L-14/openai has vectors of 768 numbers, these weights make 512");
    assert_refused(path, "ViT-B-32-256/datacomp_s34b_b86k", LANCELET_INVALID,
                   "takes pictures of 256 pixels, these weights 224");
}

static void heads_are_those_of_the_config(void **s)
{
    (void)s;
    const char *folder = scratch_folder();
    put(folder, "open_clip_config.json", "{\"model_cfg\":{\"vision_cfg\":{\"head_width\":80},\"text_cfg\":{\"heads\":4}}}");
    model *m = open_model(write_toy(folder, &(toy){.width = 1280}), NULL);
    assert_has(model_metadata(m, "architecture"), "\"width\":1280,\"heads\":16,");
    assert_has(model_metadata(m, "architecture"), "\"width\":64,\"heads\":4,");
    model_close(m);
}

static void a_model_is_called_by_its_name_its_hub_folder_or_its_file(void **s)
{
    (void)s;
    const char *root = scratch_folder();
    char folder[4200];
    /* Hugging Face's cache */
    snprintf(folder, sizeof folder, "%s/models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K", root);
    assert_int_equal(mkdir(folder, 0777), 0);
    model *m = open_model(write_toy(folder, &like_b32), NULL);
    assert_string_equal(model_name(m), "ViT-B-32/laion2b_s34b_b79k");
    assert_has(model_metadata(m, "architecture"), "\"GELU\"");
    model_close(m);
    snprintf(folder, sizeof folder, "%s/models--some--body-else", root);
    assert_int_equal(mkdir(folder, 0777), 0);
    put(folder, "open_clip_config.json", open_clip("", "", "", ""));
    m = open_model(write_toy(folder, &(toy){0}), NULL);
    assert_string_equal(model_name(m), "some/body-else");
    model_close(m);
    /* a folder with a file that is called as all are, and a file with a name of its own */
    snprintf(folder, sizeof folder, "%s/holiday-clip", root);
    assert_int_equal(mkdir(folder, 0777), 0);
    put(folder, "open_clip_config.json", open_clip("", "", "", ""));
    m = open_model(write_toy(folder, &(toy){0}), NULL);
    assert_string_equal(model_name(m), "holiday-clip");
    model_close(m);
    m = open_model(write_toy_as(folder, "my.own.safetensors", &(toy){0}), NULL);
    assert_string_equal(model_name(m), "my.own");
    model_close(m);
    /* fine-tuned weights say what they came from, but are not that model */
    snprintf(folder, sizeof folder, "%s/copy", root);
    assert_int_equal(mkdir(folder, 0777), 0);
    put(folder, "config.json",
        "{\"model_type\":\"clip\",\"_name_or_path\":\"openai/clip-vit-base-patch32\","
        "\"text_config\":{\"num_attention_heads\":1}}");
    toy hf = like_b32;
    hf.hf = true;
    m = open_model(write_toy(folder, &hf), NULL);
    assert_string_equal(model_name(m), "copy");
    model_close(m);
    /* and what was converted into a config of another model's keeps its own activation */
    put(folder, "config.json",
        "{\"model_type\":\"clip\",\"_name_or_path\":\"openai/clip-vit-base-patch32\","
        "\"vision_config\":{\"hidden_act\":\"gelu\"},\"text_config\":{\"num_attention_heads\":1,\"hidden_act\":\"gelu\"}}");
    m = open_model(write_toy(folder, &hf), NULL);
    assert_has(model_metadata(m, "architecture"), "\"GELU\"");
    model_close(m);
}

static const char *opened_in(const char *folder)
{
    static char name[256];
    model *m = open_model(folder, NULL);
    snprintf(name, sizeof name, "%s", base_path_name(model_path(m)));
    model_close(m);
    return name;
}

static void a_folder_stands_for_the_best_weights_in_it(void **s)
{
    (void)s;
    const char *folder = scratch_folder();
    put(folder, "open_clip_config.json", open_clip("", "", "", ""));
    put(folder, "config.json", transformers("", HEADS, HEADS));
    assert_refused(folder, NULL, LANCELET_NOT_FOUND, "there are no weights in ");
    write_toy_as(folder, "mine.safetensors", &(toy){0});
    assert_string_equal(opened_in(folder), "mine.safetensors");
    put(folder, "ViT-B-32.pt", "");
    assert_refused(folder, NULL, LANCELET_INVALID, "ViT-B-32.pt and mine.safetensors: name one");
    write_toy(folder, &(toy){.hf = true});
    assert_string_equal(opened_in(folder), "model.safetensors");
    /* as in repositories of timm, which have another layout in model.safetensors */
    put(folder, "model.safetensors", "the picture's tower");
    write_toy(folder, &(toy){0});
    assert_string_equal(opened_in(folder), "open_clip_model.safetensors");
}

static void what_is_no_model_says_so(void **s)
{
    (void)s;
    const char *folder = scratch_folder();
    char path[4200];
    static const char empty[] = "{\"encoder.weight\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}";
    snprintf(path, sizeof path, "%s/x.safetensors", folder);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    uint8_t length[8] = {sizeof empty - 1};
    assert_int_equal(fwrite(length, 1, 8, f), 8);
    assert_int_equal(fwrite(empty, 1, sizeof empty - 1, f), sizeof empty - 1);
    fclose(f);
    assert_refused(path, NULL, LANCELET_UNSUPPORTED, "its tensors are not called as a CLIP's are");
}

/* ---- vocabulary ---- */

static void a_token_table_needs_the_vocabulary_that_it_was_made_for(void **s)
{
    (void)s;
    const char *folder = scratch_folder();
    put(folder, "open_clip_config.json", "{\"model_cfg\":{\"text_cfg\":{\"heads\":1}}}");
    assert_refused(write_toy(folder, &(toy){.vocabulary = 600}), NULL, LANCELET_UNSUPPORTED,
                   "the token table has 600 rows, CLIP's own vocabulary 49408");
    put(folder, "config.json",
        "{\"text_config\":{\"num_attention_heads\":1},\"vision_config\":{\"num_attention_heads\":1}}");
    assert_refused(write_toy(folder, &(toy){.hf = true, .vocabulary = 600}), NULL, LANCELET_UNSUPPORTED,
                   "put the model's tokenizer.json");
    put(folder, "tokenizer.json", "{\"model\":{\"type\":\"Unigram\"}}");
    lancelet_error err;
    model *m = NULL;
    assert_int_not_equal(model_open(write_toy(folder, &(toy){.hf = true, .vocabulary = 600}), NULL, &m, &err), LANCELET_OK);
    assert_has(err.text, "model.safetensors: tokenizer.json lacks the added token");
}

static void a_tokenizer_beside_the_weights_may_have_fewer_tokens_than_the_table_rows(void **s)
{
    (void)s;
    const char *shared = shared_folder(), *folder = scratch_folder();
    char own[4200], beside[4200];
    if (!shared)
        skip_because("shared data is not here");
    snprintf(own, sizeof own, "%s/data/clip_refs/hf-clip-vit-base-patch32-configs/tokenizer.json", shared);
    snprintf(beside, sizeof beside, "%s/tokenizer.json", folder);
    if (access(own, R_OK) != 0)
        skip_because("shared data is not here");
    char *absolute = base_path_absolute(own);
    assert_non_null(absolute);
    assert_int_equal(symlink(absolute, beside), 0);
    base_free(absolute);
    put(folder, "config.json",
        "{\"text_config\":{\"num_attention_heads\":1},\"vision_config\":{\"num_attention_heads\":1}}");
    model *m = open_model(write_toy(folder, &(toy){.hf = true, .vocabulary = 49472}), NULL);
    assert_has(model_preprocess(m), "\"tokenizer\":\"hf\"");
    model_close(m);
    assert_refused(write_toy(folder, &(toy){.hf = true, .vocabulary = 49407}), NULL, LANCELET_CORRUPT,
                   "the vocabulary has 49408 tokens, but the token table 49407 rows");
}

/* ---- running ---- */

static double difference(const float *a, const float *b, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i] - b[i]));
    return most;
}

enum { DIM = 8, TEXTS = 150, PICTURES = 130 };

/* Sums of other orders in batches of other sizes: fp32's last digits. */
static const double same = 1e-5;

static model_context *open_random(model **m)
{
    const char *folder = scratch_folder();
    lancelet_error err;
    model_context *c = NULL;
    put(folder, "open_clip_config.json", open_clip("", "", "", ""));
    *m = open_model(write_toy(folder, &(toy){.random = true}), NULL);
    assert_ok(model_context_create(*m, NULL, &c, &err), err);
    return c;
}

static void texts_together_are_as_texts_alone(void **s)
{
    (void)s;
    static float all[TEXTS][DIM];
    static char text[TEXTS][400];
    const char *texts[TEXTS];
    size_t bytes[TEXTS];
    float alone[DIM];
    lancelet_error err;
    model *m;
    model_context *c = open_random(&m);
    for (size_t i = 0; i < TEXTS; i++) {
        for (size_t word = 0; word < i % 23; word++)
            strcat(text[i], word % 2 ? " bird" : " seven");
        texts[i] = text[i];
        bytes[i] = strlen(text[i]);
    }
    assert_ok(model_embed_texts(c, texts, bytes, TEXTS, all[0], &err), err);
    for (size_t i = 0; i < TEXTS; i++) {
        assert_ok(model_embed_text(c, texts[i], bytes[i], alone, &err), err);
        assert_true(difference(all[i], alone, DIM) < same);
    }
    assert_true(difference(all[1], all[2], DIM) > 0.01);
    model_context_destroy(c);
    model_close(m);
}

static void pictures_together_are_as_pictures_alone(void **s)
{
    (void)s;
    static float all[PICTURES][DIM];
    static uint8_t pixels[PICTURES][9 * 8 * 3];
    static base_picture picture[PICTURES];
    const base_picture *pictures[PICTURES];
    float alone[DIM];
    lancelet_error err;
    model *m;
    model_context *c = open_random(&m);
    for (size_t i = 0; i < PICTURES; i++) {
        for (size_t j = 0; j < sizeof pixels[i]; j++)
            pixels[i][j] = (uint8_t)(i * 31 + j * j * 7);
        picture[i] = (base_picture){pixels[i], i % 2 ? 9 : 8, 8}; /* every other has the tower's size */
        pictures[i] = &picture[i];
    }
    assert_ok(model_embed_pictures(c, pictures, PICTURES, all[0], &err), err);
    for (size_t i = 0; i < PICTURES; i++) {
        assert_ok(model_embed_picture(c, pictures[i], alone, &err), err);
        assert_true(difference(all[i], alone, DIM) < same);
        base_picture prepared = {0};
        assert_ok(model_prepare(m, pictures[i], &prepared, &err), err);
        assert_ok(model_embed_pixels(c, prepared.rgb, alone, &err), err);
        assert_true(difference(all[i], alone, DIM) < same);
        base_picture_free(&prepared);
    }
    assert_true(difference(all[0], all[1], DIM) > 0.01);
    model_context_destroy(c);
    model_close(m);
}

static void nothing_behind_the_first_end_token_counts(void **s)
{
    (void)s;
    float a[DIM], b[DIM];
    lancelet_error err;
    model *m;
    model_context *c = open_random(&m);
    const int32_t whole[] = {49406, 320, 49407}, with_more[] = {49406, 320, 49407, 2368, 49407};
    assert_ok(model_embed_ids(c, whole, 3, a, &err), err);
    assert_ok(model_embed_ids(c, with_more, 5, b, &err), err);
    assert_memory_equal(a, b, sizeof a);
    const int32_t outside[] = {49406, 49408, 49407};
    assert_int_equal(model_embed_ids(c, outside, 3, a, &err), LANCELET_INVALID);
    assert_int_equal(model_embed_ids(c, outside, 0, a, &err), LANCELET_INVALID);
    model_context_destroy(c);
    model_close(m);
}

/* ---- memory ---- */

static lancelet_status use_all(const char *path, lancelet_error *err)
{
    model *m = NULL;
    model_context *c = NULL;
    base_pool *pool = NULL;
    uint8_t pixels[9 * 8 * 3] = {0};
    const base_picture picture = {pixels, 9, 8};
    float out[DIM];
    lancelet_status status = model_open(path, NULL, &m, err);
    if (status == LANCELET_OK)
        status = base_pool_create(2, &pool, err);
    if (status == LANCELET_OK)
        status = model_context_create(m, pool, &c, err);
    if (status == LANCELET_OK)
        status = model_embed_text(c, "seven birds", 11, out, err);
    if (status == LANCELET_OK)
        status = model_embed_picture(c, &picture, out, err);
    model_context_destroy(c);
    base_pool_destroy(pool);
    model_close(m);
    return status;
}

static void any_allocation_may_fail(void **s)
{
    (void)s;
    for (int hf = 0; hf < 2; hf++) {
        const char *folder = scratch_folder();
        lancelet_error err;
        put(folder, "open_clip_config.json", open_clip("", "", "", ""));
        put(folder, "config.json", transformers(",\"_name_or_path\":\"a/b\"", HEADS, HEADS));
        put(folder, "preprocessor_config.json", "{\"size\":8}");
        const char *path = write_toy(folder, &(toy){.hf = hf});
        base_fault_fail_alloc(0);
        assert_ok(use_all(path, &err), err);
        uint64_t calls = base_fault_allocs();
        assert_true(calls > 20);
        for (uint64_t n = 1; n <= calls; n++) {
            base_fault_fail_alloc(n);
            lancelet_status status = use_all(path, &err);
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            if (fired && status != LANCELET_MEMORY && status != LANCELET_OK)
                fail_msg("allocation %llu: status %d: %s", (unsigned long long)n, (int)status, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_come_from_the_shapes_of_open_clips_tensors),
        cmocka_unit_test(sizes_come_from_the_shapes_of_transformers_tensors),
        cmocka_unit_test(names_may_have_module_and_text_in_front),
        cmocka_unit_test(buffers_and_heads_elsewhere_do_not_matter),
        cmocka_unit_test(a_broken_file_is_refused_with_the_tensors_name),
        cmocka_unit_test(what_open_clips_config_says_must_fit_the_tensors_and_the_towers),
        cmocka_unit_test(what_transformers_config_says_must_fit_the_tensors_and_the_towers),
        cmocka_unit_test(what_a_preprocessor_says_must_be_what_is_done),
        cmocka_unit_test(open_clips_config_says_colours_and_squashing),
        cmocka_unit_test(the_activation_is_never_guessed),
        cmocka_unit_test(weights_are_not_taken_for_a_model_of_other_sizes),
        cmocka_unit_test(heads_are_those_of_the_config),
        cmocka_unit_test(a_model_is_called_by_its_name_its_hub_folder_or_its_file),
        cmocka_unit_test(a_folder_stands_for_the_best_weights_in_it),
        cmocka_unit_test(what_is_no_model_says_so),
        cmocka_unit_test(a_token_table_needs_the_vocabulary_that_it_was_made_for),
        cmocka_unit_test(a_tokenizer_beside_the_weights_may_have_fewer_tokens_than_the_table_rows),
        cmocka_unit_test(texts_together_are_as_texts_alone),
        cmocka_unit_test(pictures_together_are_as_pictures_alone),
        cmocka_unit_test(nothing_behind_the_first_end_token_counts),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
