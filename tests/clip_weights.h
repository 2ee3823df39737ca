/* clip_weights.h - CLIP models with weights from a counter-based generator, as Hugging Face folders: the same bytes that
 * tests/golden/clip_weights.py writes with --format hf (without tokenizer.json). Real architectures at a quarter of their
 * width with the real size of an attention head, two layers, 1,000 tokens. */
#ifndef TESTS_CLIP_WEIGHTS_H
#define TESTS_CLIP_WEIGHTS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIP_LAYERS = 2, CLIP_TOKENS = 1000, CLIP_CONTEXT = 77, CLIP_MODELS = 7 };

typedef struct clip_shape {
    const char *name;
    uint64_t size, patch;                         /* pixels */
    uint64_t image_width, image_head, image_mlp;  /* numbers a token, a head, inside the MLP */
    uint64_t text_width, text_mlp, dim;           /* heads of the text tower are 64 wide */
    const char *activation;
} clip_shape;

static const clip_shape clip_shapes[CLIP_MODELS] = {
    {"ViT-B-32", 224, 32, 192, 64, 768, 128, 512, 128, "quick_gelu"},
    {"ViT-B-16", 224, 16, 192, 64, 768, 128, 512, 128, "quick_gelu"},
    {"ViT-L-14", 224, 14, 256, 64, 1024, 192, 768, 192, "quick_gelu"},
    {"ViT-L-14-336", 336, 14, 256, 64, 1024, 192, 768, 192, "quick_gelu"},
    {"ViT-H-14", 224, 14, 320, 80, 1280, 256, 1024, 256, "gelu"},
    {"ViT-g-14", 224, 14, 352, 88, 1536, 256, 1024, 256, "gelu"},
    {"ViT-B-32-256", 256, 32, 192, 64, 768, 128, 512, 128, "gelu"},
};

static inline const clip_shape *clip_shape_of(const char *name)
{
    for (int i = 0; i < CLIP_MODELS; i++)
        if (strcmp(clip_shapes[i].name, name) == 0)
            return &clip_shapes[i];
    abort();
}

typedef enum clip_values {
    CLIP_F32 = 0, /* 24 bits a value, in fp32 */
    CLIP_F16,     /* 11 bits, in fp16 */
    CLIP_BF16,    /* those rounded to bf16 */
    CLIP_F32_OF_F16, /* the values of CLIP_F16 in fp32 */
} clip_values;

/* What is written and what is wrong with it. Zeros: nothing. */
typedef struct clip_writing {
    clip_values values;
    const char *omit;           /* a tensor that is left out */
    const char *cut;            /* a tensor that has one row less */
    const char *nan;            /* a tensor whose first number is NaN */
    const char *from, *to;      /* a text of config.json and what stands there instead */
} clip_writing;

/* ---- values ---- */

static inline uint64_t clip_random(uint64_t x) /* splitmix64 */
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static inline bool clip_ends(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Power of two: values are spread evenly over [-2^-e, 2^-e). columns: numbers a row */
static inline int clip_spread(const char *name, uint64_t columns)
{
    if (clip_ends(name, ".bias"))
        return 4;
    if (clip_ends(name, "token_embedding.weight") || clip_ends(name, "class_embedding"))
        return 2;
    if (clip_ends(name, "position_embedding.weight"))
        return 3;
    int log2 = 0;
    while (columns >> (log2 + 1))
        log2++;
    bool wide = strstr(name, "q_proj") || strstr(name, "k_proj") || strstr(name, "v_proj") || strstr(name, "fc1");
    return log2 / 2 - wide;
}

static inline float clip_power(int e) /* 2^e */
{
    float x = 1;
    for (; e > 0; e--)
        x *= 2;
    for (; e < 0; e++)
        x /= 2;
    return x;
}

/* The `count` values of a tensor, as fp32, into an owned block. */
static inline float *clip_fill(const char *name, uint64_t count, uint64_t columns, int bits)
{
    float *out = malloc((size_t)count * sizeof *out);
    if (!out)
        abort();
    uint64_t seed = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++)
        seed = (seed ^ (uint8_t)*c) * 0x100000001b3u;
    bool norm = clip_ends(name, "norm.weight") || clip_ends(name, "norm1.weight") || clip_ends(name, "norm2.weight");
    int spread = norm ? 2 : clip_spread(name, columns);
    bits -= norm ? 2 : 0;
    const float half = clip_power(bits - 1), step = clip_power(1 - bits - spread);
    for (uint64_t i = 0; i < count; i++) {
        float v = ((float)(clip_random(seed + i) >> (64 - bits)) - half) * step;
        out[i] = norm ? 1 + v : v;
    }
    if (strcmp(name, "logit_scale") == 0)
        out[0] = 4.6015625f;
    return out;
}

static inline uint16_t clip_f16(float v) /* of a value that fp16 holds */
{
    uint32_t u;
    memcpy(&u, &v, 4);
    uint32_t sign = u >> 16 & 0x8000, mantissa = u & 0x7fffff;
    int e = (int)(u >> 23 & 255) - 127;
    if (e == 128)
        return (uint16_t)(sign | 0x7c00 | (mantissa ? 0x200 : 0));
    if (e >= -14)
        return (uint16_t)(sign | (uint32_t)(e + 15) << 10 | mantissa >> 13);
    return (uint16_t)(e < -24 ? sign : sign | (mantissa | 0x800000) >> (-1 - e));
}

static inline uint16_t clip_bf16(float v)
{
    uint32_t u;
    memcpy(&u, &v, 4);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* ---- the file ---- */

typedef struct clip_file {
    const clip_writing *how;
    FILE *f;
    char *header; /* [room] */
    size_t used, room;
    uint64_t at;  /* bytes of tensors so far */
} clip_file;

static inline void clip_say(clip_file *f, const char *format, ...)
{
    va_list a;
    va_start(a, format);
    f->used += (size_t)vsnprintf(f->header + f->used, f->room - f->used, format, a);
    va_end(a);
    if (f->used >= f->room)
        abort();
}

/* One tensor: into the header while f->f is NULL, then its bytes. whole: 0, 1, 2 ... in 64 bits. */
static inline void clip_tensor(clip_file *f, const char *name, int dimensions, const uint64_t *shape, bool whole)
{
    uint64_t s[4] = {0}, count = 1;
    if (f->how->omit && strcmp(name, f->how->omit) == 0)
        return;
    bool half = f->how->values == CLIP_F16 || f->how->values == CLIP_BF16;
    for (int i = 0; i < dimensions; i++) {
        s[i] = shape[i] - (i == 0 && f->how->cut && strcmp(name, f->how->cut) == 0);
        count *= s[i];
    }
    uint64_t width = whole ? 8 : half ? 2 : 4;
    if (!f->f) {
        const char *kind = whole ? "I64" : !half ? "F32" : f->how->values == CLIP_F16 ? "F16" : "BF16";
        clip_say(f, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", name, kind);
        for (int i = 0; i < dimensions; i++)
            clip_say(f, "%s%llu", i ? "," : "", (unsigned long long)s[i]);
        clip_say(f, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)f->at,
                 (unsigned long long)(f->at + count * width));
        f->at += count * width;
        return;
    }
    if (whole) {
        for (uint64_t i = 0; i < count; i++)
            fwrite(&i, 8, 1, f->f);
        return;
    }
    float *v = clip_fill(name, count, dimensions ? count / s[0] : 1, f->how->values == CLIP_F32 ? 24 : 11);
    if (f->how->nan && strcmp(name, f->how->nan) == 0)
        memcpy(v, (uint8_t[]){0, 0, 0xc0, 0x7f}, 4);
    if (half) {
        uint16_t *h = (uint16_t *)malloc((size_t)count * 2);
        if (!h)
            abort();
        for (uint64_t i = 0; i < count; i++)
            h[i] = f->how->values == CLIP_F16 ? clip_f16(v[i]) : clip_bf16(v[i]);
        fwrite(h, 2, (size_t)count, f->f);
        free(h);
    } else {
        fwrite(v, 4, (size_t)count, f->f);
    }
    free(v);
}

static inline void clip_matrix(clip_file *f, const char *prefix, const char *name, uint64_t rows, uint64_t columns)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s", prefix, name);
    clip_tensor(f, path, columns ? 2 : 1, (uint64_t[]){rows, columns}, false);
}

/* NAME.weight and NAME.bias; columns 0: of a norm */
static inline void clip_pair(clip_file *f, const char *prefix, const char *name, uint64_t rows, uint64_t columns)
{
    char path[128];
    snprintf(path, sizeof path, "%s.weight", name);
    clip_matrix(f, prefix, path, rows, columns);
    snprintf(path, sizeof path, "%s.bias", name);
    clip_matrix(f, prefix, path, rows, 0);
}

static inline void clip_layers(clip_file *f, const char *tower, uint64_t d, uint64_t mlp)
{
    for (int i = 0; i < CLIP_LAYERS; i++) {
        char p[64];
        snprintf(p, sizeof p, "%s.encoder.layers.%d.", tower, i);
        clip_pair(f, p, "layer_norm1", d, 0);
        clip_pair(f, p, "layer_norm2", d, 0);
        clip_pair(f, p, "self_attn.q_proj", d, d);
        clip_pair(f, p, "self_attn.k_proj", d, d);
        clip_pair(f, p, "self_attn.v_proj", d, d);
        clip_pair(f, p, "self_attn.out_proj", d, d);
        clip_pair(f, p, "mlp.fc1", mlp, d);
        clip_pair(f, p, "mlp.fc2", d, mlp);
    }
}

static inline void clip_tensors(clip_file *f, const clip_shape *m)
{
    const uint64_t positions = m->size / m->patch * (m->size / m->patch) + 1;
    clip_tensor(f, "logit_scale", 0, NULL, false);
    clip_matrix(f, "text_model.", "embeddings.token_embedding.weight", CLIP_TOKENS, m->text_width);
    clip_matrix(f, "text_model.", "embeddings.position_embedding.weight", CLIP_CONTEXT, m->text_width);
    clip_layers(f, "text_model", m->text_width, m->text_mlp);
    clip_pair(f, "text_model.", "final_layer_norm", m->text_width, 0);
    clip_matrix(f, "", "text_projection.weight", m->dim, m->text_width);
    clip_matrix(f, "vision_model.", "embeddings.class_embedding", m->image_width, 0);
    clip_tensor(f, "vision_model.embeddings.patch_embedding.weight", 4,
                (uint64_t[]){m->image_width, 3, m->patch, m->patch}, false);
    clip_matrix(f, "vision_model.", "embeddings.position_embedding.weight", positions, m->image_width);
    clip_pair(f, "vision_model.", "pre_layrnorm", m->image_width, 0);
    clip_pair(f, "vision_model.", "post_layernorm", m->image_width, 0);
    clip_layers(f, "vision_model", m->image_width, m->image_mlp);
    clip_matrix(f, "", "visual_projection.weight", m->dim, m->image_width);
    clip_tensor(f, "text_model.embeddings.position_ids", 2, (uint64_t[]){1, CLIP_CONTEXT}, true);
    clip_tensor(f, "vision_model.embeddings.position_ids", 2, (uint64_t[]){1, positions}, true);
}

static inline FILE *clip_create(const char *folder, const char *name)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f)
        abort();
    return f;
}

static inline void clip_config(const char *folder, const clip_shape *m, const clip_writing *how)
{
    char text[4096];
    int n = snprintf(text, sizeof text,
                     "{\"architectures\": [\"CLIPModel\"], \"model_type\": \"clip\", \"projection_dim\": %d,\n"
                     "\"text_config\": {\"hidden_size\": %d, \"intermediate_size\": %d, \"num_hidden_layers\": %d, "
                     "\"num_attention_heads\": %d, \"hidden_act\": \"%s\", \"max_position_embeddings\": %d, "
                     "\"vocab_size\": %d, \"layer_norm_eps\": 1e-05, \"bos_token_id\": %d, \"eos_token_id\": %d},\n"
                     "\"vision_config\": {\"hidden_size\": %d, \"intermediate_size\": %d, \"num_hidden_layers\": %d, "
                     "\"num_attention_heads\": %d, \"hidden_act\": \"%s\", \"image_size\": %d, \"patch_size\": %d, "
                     "\"num_channels\": 3, \"layer_norm_eps\": 1e-05}}\n",
                     (int)m->dim, (int)m->text_width, (int)m->text_mlp, CLIP_LAYERS, (int)m->text_width / 64, m->activation,
                     CLIP_CONTEXT, CLIP_TOKENS, CLIP_TOKENS - 2, CLIP_TOKENS - 1, (int)m->image_width, (int)m->image_mlp,
                     CLIP_LAYERS, (int)(m->image_width / m->image_head), m->activation, (int)m->size, (int)m->patch);
    char *at = how->from ? strstr(text, how->from) : NULL;
    if (n >= (int)sizeof text || (how->from && !at))
        abort();
    FILE *f = clip_create(folder, "config.json");
    if (at)
        fprintf(f, "%.*s%s%s", (int)(at - text), text, how->to, at + strlen(how->from));
    else
        fputs(text, f);
    fclose(f);
    f = clip_create(folder, "preprocessor_config.json");
    fprintf(f,
            "{\"crop_size\": {\"height\": %d, \"width\": %d}, \"do_center_crop\": true, \"do_convert_rgb\": true, "
            "\"do_normalize\": true, \"do_rescale\": true, \"do_resize\": true, \"image_mean\": [0.48145466, 0.4578275, "
            "0.40821073], \"image_std\": [0.26862954, 0.26130258, 0.27577711], \"image_processor_type\": "
            "\"CLIPImageProcessor\", \"resample\": 3, \"rescale_factor\": 0.00392156862745098, \"size\": "
            "{\"shortest_edge\": %d}}\n",
            (int)m->size, (int)m->size, (int)m->size);
    fclose(f);
}

/* model.safetensors, config.json, preprocessor_config.json, vocab.json and merges.txt into `folder`, which exists. */
static inline void clip_write(const char *folder, const clip_shape *m, const clip_writing *how)
{
    char command[8400];
    clip_file f = {.how = how, .room = 1 << 16};
    f.header = malloc(f.room);
    if (!f.header)
        abort();
    clip_say(&f, "{\"__metadata__\":{\"format\":\"pt\"}");
    clip_tensors(&f, m);
    clip_say(&f, "}");
    while (f.used % 8)
        clip_say(&f, " ");
    const uint64_t length = f.used;
    f.f = clip_create(folder, "model.safetensors");
    fwrite(&length, 8, 1, f.f);
    fwrite(f.header, 1, f.used, f.f);
    clip_tensors(&f, m);
    if (fclose(f.f) != 0)
        abort();
    free(f.header);
    clip_config(folder, m, how);
    snprintf(command, sizeof command, "cp tests/fixtures/clip/vocab.json tests/fixtures/clip/merges.txt '%s'", folder);
    if (system(command) != 0)
        abort();
}

#endif
