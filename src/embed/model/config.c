/* config.c - reads the JSON of `picask.config`. Only numbers are read: the words in it ("squash", "relu6 after ...")
 * describe the one architecture that this code computes. Every number has limits, so that no product of them can leave
 * 64 bit and no file can ask for absurd memory. */
#include "embed/model/config.h"

#include <jansson.h>
#include <string.h>

enum { MAX_CONFIG = 1 << 20 };

typedef struct reader {
    lancelet_error *err;
    lancelet_status status; /* of the first failure */
} reader;

static size_t number(reader *r, const json_t *object, const char *where, const char *member, size_t least, size_t most)
{
    const json_t *v = json_object_get(object, member);
    if (r->status != LANCELET_OK)
        return least;
    if (!json_is_integer(v)) {
        r->status = base_fail(r->err, LANCELET_CORRUPT, "the model's config has no whole number %s.%s", where, member);
        return least;
    }
    json_int_t i = json_integer_value(v);
    if (i < (json_int_t)least || i > (json_int_t)most) {
        r->status = base_fail(r->err, LANCELET_LIMIT, "the model's config has %s.%s = %lld; it must be from %zu to %zu", where,
                              member, (long long)i, least, most);
        return least;
    }
    return (size_t)i;
}

static float real(reader *r, const json_t *object, const char *where, const char *member, double least, double most)
{
    const json_t *v = json_object_get(object, member);
    if (r->status != LANCELET_OK)
        return 0;
    if (!json_is_number(v) || !(json_number_value(v) >= least && json_number_value(v) <= most)) {
        r->status = base_fail(r->err, LANCELET_CORRUPT, "the model's config has no number %s.%s from %g to %g", where, member,
                              least, most);
        return 0;
    }
    return (float)json_number_value(v);
}

static void fail(reader *r, const char *sentence)
{
    if (r->status == LANCELET_OK)
        r->status = base_fail(r->err, LANCELET_UNSUPPORTED, "%s", sentence);
}

static void read_image(reader *r, const json_t *image, model_config *c)
{
    const json_t *stem = json_object_get(image, "stem"), *blocks = json_object_get(image, "blocks");
    c->size = number(r, image, "image", "size", 8, 1024);
    c->mean = real(r, image, "image", "mean", -1e4, 1e4);
    c->std = real(r, image, "image", "std", 1e-4, 1e4);
    c->stem_kernel = number(r, stem, "image.stem", "kernel", 1, 7);
    c->stem_stride = number(r, stem, "image.stem", "stride", 1, 2);
    c->stem_out = number(r, stem, "image.stem", "out", 1, 1024);
    c->head_out = number(r, json_object_get(image, "head"), "image.head", "out", 1, 8192);
    c->blocks = json_array_size(blocks);
    if (c->blocks < 1 || c->blocks > CONFIG_MAX_BLOCKS)
        fail(r, "the model's config must have 1 to 64 image.blocks");
    size_t channels = c->stem_out;
    for (size_t i = 0; i < c->blocks && r->status == LANCELET_OK; i++) {
        const json_t *b = json_array_get(blocks, i);
        config_block *to = &c->block[i];
        to->kernel = number(r, b, "image.blocks", "kernel", 3, 5);
        to->stride = number(r, b, "image.blocks", "stride", 1, 2);
        to->expand = number(r, b, "image.blocks", "expand", 1, 16);
        to->cin = number(r, b, "image.blocks", "cin", 1, 1024);
        to->cout = number(r, b, "image.blocks", "cout", 1, 1024);
        if (to->kernel == 4)
            fail(r, "the model's config has a depthwise kernel of side 4; it must be 3 or 5");
        if (to->cin != channels)
            fail(r, "the model's config has a block whose cin is not the cout of the block before it");
        if ((to->expand == 1) != (i == 0))
            fail(r, "the model's config must have expand 1 in the first block and in no other");
        if (i == 0 && to->stride == 1 && to->cin == to->cout) /* it has no input to add: the stem is its expansion */
            fail(r, "the model's config must have a first block that changes the channels or the size");
        channels = to->cout;
    }
}

static void read_text(reader *r, const json_t *text, model_config *c)
{
    c->layers = number(r, text, "text", "layers", 1, 64);
    c->hidden = number(r, text, "text", "hidden", 1, 4096);
    c->heads = number(r, text, "text", "heads", 1, 256);
    c->head_dim = number(r, text, "text", "head_dim", 1, 4096);
    c->intermediate = number(r, text, "text", "intermediate", 1, 16384);
    c->vocab = number(r, text, "text", "vocab", 1, 2000000);
    c->positions = number(r, text, "text", "max_positions", 2, 4096);
    c->eps = real(r, text, "text", "layer_norm_eps", 0, 1);
    if (c->heads * c->head_dim != c->hidden)
        fail(r, "the model's config must have text.heads times text.head_dim equal to text.hidden");
}

lancelet_status model_config_parse(const char *text, size_t n, model_config *out, lancelet_error *err)
{
    if (n > MAX_CONFIG)
        return base_fail(err, LANCELET_LIMIT, "the model's config has more than %d bytes", MAX_CONFIG);
    json_error_t json_error;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &json_error);
    if (!root)
        return json_error_code(&json_error) == json_error_out_of_memory
                   ? base_fail_memory(err)
                   : base_fail(err, LANCELET_CORRUPT, "the model's config is not JSON: %s", json_error.text);
    reader r = {.err = err, .status = LANCELET_OK};
    memset(out, 0, sizeof *out);
    out->dim = number(&r, root, "the model", "embedding_dim", 1, 8192);
    read_image(&r, json_object_get(root, "image"), out);
    read_text(&r, json_object_get(root, "text"), out);
    json_decref(root);
    return r.status;
}
