/* clip_config.c - see clip_config.h: sizes from shapes, heads, activation and name. Peers: openai/CLIP's build_model, which
 * derives the same sizes, and open_clip's model_configs, which have the heads that are no 64 wide.
 *
 * The activation is never guessed: QuickGELU and exact GELU give vectors that look alike and find different pictures. */
#include "embed/model/clip_config.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "embed/model/weights.h"

/* No published CLIP comes near; they keep products of sizes inside 64 bit. */
enum {
    MAX_WIDTH = 16384,
    MAX_MLP = 65536,
    MAX_PATCH = 256, /* pixels */
    MAX_SIDE = 1024, /* pixels */
    MAX_VOCABULARY = 4000000,
    MAX_POSITIONS = 4096,
};

/* ---- sizes ---- */

/* Number `axis` of the shape of `name`, which has `dimensions` of them. */
static lancelet_status size_of(const weights_file *weights, const char *name, int dimensions, int axis, size_t most,
                               size_t *out, lancelet_error *err)
{
    const weights_tensor *t;
    RETURN_IF_ERROR(weights_find(weights, name, &t, err));
    if (t->dimensions != dimensions)
        return base_fail(err, LANCELET_CORRUPT, "the tensor '%s' has %d dimensions, not %d", name, t->dimensions,
                         dimensions);
    if (t->shape[axis] < 1 || t->shape[axis] > most)
        return base_fail(err, LANCELET_LIMIT, "the tensor '%s' has a side of %llu numbers; it must be from 1 to %zu", name,
                         (unsigned long long)t->shape[axis], most);
    *out = (size_t)t->shape[axis];
    return LANCELET_OK;
}

static lancelet_status read_grid(const weights_file *weights, const clip_names *names, clip_config *c, lancelet_error *err)
{
    char name[CLIP_NAME_SIZE];
    size_t rows;
    clip_name(names, CLIP_IMAGE_POSITION, name);
    RETURN_IF_ERROR(size_of(weights, name, 2, 0, 1 + MAX_SIDE * MAX_SIDE, &rows, err));
    for (c->grid = 1; c->grid * c->grid + 1 < rows;)
        c->grid++;
    if (c->grid * c->grid + 1 != rows)
        return base_fail(err, LANCELET_CORRUPT, "the tensor '%s' has %zu rows: not one and a square number", name, rows);
    c->side = c->grid * c->patch;
    if (c->side > MAX_SIDE)
        return base_fail(err, LANCELET_LIMIT, "the tensor '%s' makes pictures %zu pixels wide; at most %d are taken", name,
                         c->side, MAX_SIDE);
    return LANCELET_OK;
}

static lancelet_status read_sizes(const weights_file *weights, const clip_names *names, clip_config *c, lancelet_error *err)
{
    clip_tower_config *image = &c->tower[CLIP_IMAGE], *text = &c->tower[CLIP_TEXT];
    char name[CLIP_NAME_SIZE];
    clip_name(names, CLIP_IMAGE_PATCH, name);
    RETURN_IF_ERROR(size_of(weights, name, 4, 0, MAX_WIDTH, &image->d_model, err));
    RETURN_IF_ERROR(size_of(weights, name, 4, 3, MAX_PATCH, &c->patch, err));
    RETURN_IF_ERROR(read_grid(weights, names, c, err));
    clip_name(names, CLIP_IMAGE_PROJECTION, name);
    RETURN_IF_ERROR(size_of(weights, name, 2, names->openai ? 1 : 0, MAX_WIDTH, &c->dim, err));
    clip_name(names, CLIP_TEXT_TOKEN, name);
    RETURN_IF_ERROR(size_of(weights, name, 2, 0, MAX_VOCABULARY, &c->vocabulary, err));
    RETURN_IF_ERROR(size_of(weights, name, 2, 1, MAX_WIDTH, &text->d_model, err));
    clip_name(names, CLIP_TEXT_POSITION, name);
    RETURN_IF_ERROR(size_of(weights, name, 2, 0, MAX_POSITIONS, &c->positions, err));
    if (c->positions < 2)
        return base_fail(err, LANCELET_CORRUPT, "the tensor '%s' has one row: no place for a start and an end token", name);
    for (int kind = CLIP_IMAGE; kind <= CLIP_TEXT; kind++) {
        c->tower[kind].layers = names->layers[kind];
        clip_name_in_layer(names, (clip_kind)kind, 0, CLIP_FC1, ".weight", name);
        RETURN_IF_ERROR(size_of(weights, name, 2, 0, MAX_MLP, &c->tower[kind].mlp, err));
    }
    return LANCELET_OK;
}

static void settle_heads(clip_config_reader *r)
{
    static const char *const what[] = {"image", "text"};
    for (int kind = CLIP_IMAGE; kind <= CLIP_TEXT && r->status == LANCELET_OK; kind++) {
        clip_tower_config *t = &r->c->tower[kind];
        if (t->heads == 0 && r->c->entry)
            t->heads = kind == CLIP_IMAGE ? r->c->entry->image_heads : r->c->entry->text_heads;
        if (t->heads == 0) /* OpenAI's archives, all of whose heads are 64 wide */
            t->heads = t->d_model < 64 ? 1 : t->d_model / 64;
        if (t->d_model % t->heads != 0)
            r->status =
                base_fail(r->err, LANCELET_CORRUPT, "the %s tower is %zu numbers wide, which %zu heads do not divide",
                          what[kind], t->d_model, t->heads);
    }
}

/* ---- catalogue and name ---- */

/* "org/name" out of .../models--org--name/..., the layout of Hugging Face's cache. Owned; *out NULL where it is none. */
static lancelet_status hub_id_of(const char *path, char **out, lancelet_error *err)
{
    *out = NULL;
    const char *at = strstr(path, "models--");
    if (!at || (at > path && at[-1] != '/'))
        return LANCELET_OK;
    at += strlen("models--");
    char *id = base_strndup(at, strcspn(at, "/"));
    if (!id)
        return base_fail_memory(err);
    char *dashes = strstr(id, "--");
    if (dashes) {
        *dashes = '/';
        memmove(dashes + 1, dashes + 2, strlen(dashes + 2) + 1);
    }
    *out = id;
    return LANCELET_OK;
}

/* The file's name without ending, or the folder's where the file has one of the names that all models share. Owned. */
static char *name_of_path(const char *path)
{
    static const char *const shared[] = {"model.", "pytorch_model.", "open_clip_model.", "open_clip_pytorch_model."};
    const char *file = base_path_name(path);
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        if (strncmp(file, shared[i], strlen(shared[i])) == 0) {
            char *absolute = base_path_absolute(path), *folder = absolute ? base_path_parent(absolute) : NULL;
            char *name = folder ? base_strdup(base_path_name(folder)) : NULL;
            base_free(absolute);
            base_free(folder);
            return name;
        }
    const char *dot = strrchr(file, '.');
    return dot && dot > file ? base_strndup(file, (size_t)(dot - file)) : base_strdup(file);
}

static product_activation activation_of(const catalogue_entry *e)
{
    return e->quick_gelu ? PRODUCT_QUICK_GELU : PRODUCT_GELU;
}

/* Of an entry that only the config or the file's name points at: NULL where its sizes or its activation are others.
 * Fine-tuned weights say what they came from, converted ones whose config they were given; both may differ from it. */
static const catalogue_entry *fitting(const clip_config_reader *r, const catalogue_entry *e)
{
    const clip_config *c = r->c;
    bool fits = e && e->dim == c->dim && e->image_size == c->side;
    for (int kind = CLIP_IMAGE; kind <= CLIP_TEXT && fits && r->said_by; kind++)
        fits = c->tower[kind].activation == activation_of(e);
    return fits ? e : NULL;
}

/* The catalogue's entry, from what the caller, the cache's folder, the config or the file's name says. The name is the
 * entry's only where the caller or the cache's folder says so. */
static lancelet_status settle_name(clip_config_reader *r, const weights_file *weights, const model_source *from)
{
    clip_config *c = r->c;
    char *hub_id;
    RETURN_IF_ERROR(hub_id_of(from->path, &hub_id, r->err));
    if (from->name)
        c->entry = catalogue_find(from->name);
    else if (hub_id)
        c->entry = catalogue_find(hub_id);
    else if (r->hub_id && strchr(r->hub_id, '/'))
        c->entry = fitting(r, catalogue_find(r->hub_id));
    else if (weights_file_format(weights) == WEIGHTS_TORCHSCRIPT)
        c->entry = fitting(r, catalogue_find(base_path_name(from->path)));
    if (from->name || hub_id)
        c->name = base_strdup(c->entry ? c->entry->name : from->name ? from->name : hub_id);
    else
        c->name = name_of_path(from->path);
    base_free(hub_id);
    return c->name ? LANCELET_OK : base_fail_memory(r->err);
}

/* The weights are those of the model that they are called after, as far as sizes tell. */
static lancelet_status check_entry(const clip_config *c, lancelet_error *err)
{
    if (c->entry && c->entry->dim != c->dim)
        return base_fail(err, LANCELET_INVALID,
                         "%s has vectors of %zu numbers, these weights make %zu: they are another model's", c->entry->name,
                         c->entry->dim, c->dim);
    if (c->entry && c->entry->image_size != c->side)
        return base_fail(err, LANCELET_INVALID,
                         "%s takes pictures of %zu pixels, these weights %zu: they are another model's", c->entry->name,
                         c->entry->image_size, c->side);
    return LANCELET_OK;
}

/* What the catalogue knows and no config says. */
static void settle_preprocessing(clip_config_reader *r)
{
    clip_config *c = r->c;
    if (!r->said_resize)
        c->squash = c->entry->squash;
    for (size_t i = 0; i < 3 && !r->said_colours && c->entry->half_normalised; i++)
        c->mean[i] = c->std[i] = 0.5f;
}

/* ---- all together ---- */

void clip_config_says(clip_config_reader *r, product_activation image, product_activation text, const char *by)
{
    static const char *const names[] = {"none", "QuickGELU", "exact GELU"};
    clip_tower_config *tower = r->c->tower;
    if (r->status != LANCELET_OK)
        return;
    if (r->said_by && (tower[CLIP_IMAGE].activation != image || tower[CLIP_TEXT].activation != text)) {
        bool differ_in_text = tower[CLIP_IMAGE].activation == image;
        r->status = base_fail(r->err, LANCELET_INVALID, "%s says that the model's activation is %s, %s says %s", r->said_by,
                              names[tower[differ_in_text].activation], by, names[differ_in_text ? text : image]);
        return;
    }
    tower[CLIP_IMAGE].activation = image;
    tower[CLIP_TEXT].activation = text;
    if (!r->said_by)
        r->said_by = by;
}

static void read_all(clip_config_reader *r, const weights_file *weights, const clip_names *names, const model_source *from)
{
    clip_config *c = r->c;
    bool torchscript = weights_file_format(weights) == WEIGHTS_TORCHSCRIPT;
    if (torchscript) /* openai/CLIP's model.py has no other */
        clip_config_says(r, PRODUCT_QUICK_GELU, PRODUCT_QUICK_GELU, "OpenAI's TorchScript archive");
    char *folder = base_path_parent(from->path);
    if (folder)
        clip_config_read_files(r, folder, names->openai, torchscript);
    else
        r->status = base_fail_memory(r->err);
    base_free(folder);
    if (r->status == LANCELET_OK)
        r->status = settle_name(r, weights, from);
    if (r->status == LANCELET_OK)
        r->status = check_entry(c, r->err);
    if (r->status == LANCELET_OK && c->entry) {
        clip_config_says(r, activation_of(c->entry), activation_of(c->entry), c->entry->name);
        settle_preprocessing(r);
    }
    if (r->status == LANCELET_OK && !r->said_by)
        r->status =
            base_fail(r->err, LANCELET_UNSUPPORTED,
                      "nothing says whether the model was trained with QuickGELU or exact GELU, and the wrong one gives "
                      "wrong vectors: put its %s beside the file, or name the model (-m ARCH/PRETRAINED, see 'picask model "
                      "list')",
                      names->openai ? "open_clip_config.json" : "config.json");
    settle_heads(r);
}

lancelet_status clip_config_read(const weights_file *weights, const clip_names *names, const model_source *from,
                                 clip_config *out, lancelet_error *err)
{
    *out = (clip_config){
        .tower = {{.eps = 1e-5f}, {.eps = 1e-5f}},
        .mean = {0.48145466f, 0.4578275f, 0.40821073f},
        .std = {0.26862954f, 0.26130258f, 0.27577711f},
        .end_token = -1,
        .crop = names->openai ? IMAGE_CROP_TORCHVISION : IMAGE_CROP_TRANSFORMERS,
    };
    RETURN_IF_ERROR(read_sizes(weights, names, out, err));
    clip_config_reader r = {.c = out, .err = err, .status = LANCELET_OK};
    read_all(&r, weights, names, from);
    base_free(r.hub_id);
    if (r.status != LANCELET_OK)
        clip_config_free(out);
    return r.status;
}

void clip_config_free(clip_config *c)
{
    base_free(c->name);
    c->name = NULL;
}
