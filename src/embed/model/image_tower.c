/* image_tower.c - the image tower of the mini family: EfficientNet-Lite (Tan & Le 2019 without squeeze-and-excitation and
 * with relu6), BatchNorm folded, and a head of one linear layer plus a two-layer MLP.
 *
 * A block is expand (1x1) -> depthwise -> project (1x1); its middle is six times wider than its ends, so the middle is
 * never written out whole where that can be avoided. Two ways to run a block (layouts: tensor.h):
 *   by rows      (large pictures, small weights) a thread takes a band of output rows and walks down it with a ring of the
 *                two or three row pairs that lie under the depthwise kernel: expand one pair, convolve one or two rows,
 *                project them, next. All of it stays in the first two cache levels. Threads repeat a pair or two.
 *   by channels  (small pictures, large weights) a thread takes two panels of middle channels, expands the whole picture
 *                for them and convolves it; then, second region, all threads project.
 * The stem is the expansion of the first block: its 3x3 neighbourhoods are gathered into rows of 27 numbers.
 *
 * Padding is PyTorch's for stride 1 (kernel/2 on each side) and TensorFlow's "same" for stride 2 (the odd pixel right and
 * below). Weights are packed once, at the first picture: 9.6 MB in bf16, 19 MB in fp32 for mini-1. */
#include "embed/model/image_tower.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "embed/model/weights.h"

enum {
    COLUMN = 64,         /* bytes of one column of a row pair: two rows in bf16, each of two rows in fp32 */
    GATHER = 32,         /* bytes copied at once while gathering; buffers have this much slack */
    ROWS_WANTED = 24,    /* blocks with at least so many output rows run by rows */
    PIXELS_AN_ITEM = 56, /* of a projection: four tiles of 14 */
    ROWS_AN_ITEM = 64,   /* of a matrix of the head */
};

typedef struct image_block {
    size_t in_side, out_side; /* pixels */
    size_t pad;               /* zero columns left of and rows above the picture */
    size_t padded_width;      /* columns of a row pair */
    size_t pairs_under;       /* row pairs under the depthwise kernel */
    size_t steps;             /* depthwise calls from top to bottom: two output rows each at stride 1, one at stride 2 */
    size_t pairs;             /* row pairs of the padded picture */
    size_t in_stride;         /* channels of the input, rounded up to a multiple of 16 */
    size_t middle, out_stride;/* likewise */
    bool by_rows, residual;
    tensor_matrix expand_m, depthwise_m, project_m; /* in the file; expand_m of block 0 is the stem */
    tensor_pointwise expand, project;               /* packed */
    tensor_depthwise depthwise;
} image_block;

struct image_tower {
    const model_config *config;
    const tensor_kernels *kernels;
    size_t stem_pad, stem_side;  /* zero columns before, pixels after the stem */
    size_t padded_side;          /* of the picture with its zeros */
    size_t gathered;             /* numbers under the stem's kernel, even */
    image_block *block;          /* [config->blocks] */
    size_t side;                 /* pixels after the last block */
    tensor_matrix head_m, linear, fc1, fc2;
    tensor_pointwise head;
    size_t mlp;                  /* rows of fc1 */
    /* scratch sizes in bytes */
    size_t picture_bytes, activation_bytes, middle_bytes, worker_bytes;
    size_t rows_offset, gather_offset; /* into a worker's scratch: depthwise rows, gathered rows */
    pthread_mutex_t lock;        /* guards packing */
    void *packed;                /* NULL until the first picture */
};

struct image_scratch {
    int threads;
    uint8_t *picture;       /* [padded_side, padded_side, 3] elements: the normalised picture in its frame of zeros */
    uint8_t *activation[2]; /* [pixel, channels] elements: input and output of a block, in turn */
    uint8_t *middle;        /* [pixel, middle channels] elements: depthwise results of a block run by channels */
    uint8_t *worker;        /* [threads, worker_bytes]: row pairs, depthwise rows, gathered rows */
    float *features;        /* [head_out] */
    float *joined;          /* [dim + mlp]: results of linear and fc1 */
    float *second;          /* [dim]: of fc2 */
    float *widened;         /* [threads, widest row] */
    int16_t *q;             /* [widest row] rounded features */
    size_t widest;          /* numbers, a multiple of 32 */
    void *memory;
};

/* ---- opening ---- */

static size_t output_side(size_t n, size_t stride) { return (n + stride - 1) / stride; }

static size_t padding_before(size_t n, size_t kernel, size_t stride)
{
    if (stride == 1)
        return kernel / 2;
    size_t needed = (output_side(n, stride) - 1) * stride + kernel;
    return needed > n ? (needed - n) / 2 : 0;
}

/* Columns that a convolution reads or that hold the picture, from the first zero column on. */
static size_t padded_side(size_t n, size_t pad, size_t kernel, size_t stride)
{
    size_t needed = (output_side(n, stride) - 1) * stride + kernel;
    return needed > pad + n ? needed : pad + n;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static void plan_block(const model_config *c, size_t i, size_t side, image_block *b)
{
    const config_block *cb = &c->block[i];
    b->in_side = side;
    b->out_side = output_side(side, cb->stride);
    b->pad = padding_before(side, cb->kernel, cb->stride);
    b->padded_width = padded_side(side, b->pad, cb->kernel, cb->stride);
    b->pairs_under = (cb->kernel + 1) / 2;
    b->steps = cb->stride == 1 ? (b->out_side + 1) / 2 : b->out_side;
    b->pairs = b->steps + b->pairs_under - 1;
    b->in_stride = tensor_round_up(cb->cin, TENSOR_LANES);
    b->middle = tensor_round_up(cb->cin * cb->expand, TENSOR_LANES);
    b->out_stride = tensor_round_up(cb->cout, TENSOR_LANES);
    b->by_rows = i == 0 || b->out_side >= ROWS_WANTED;
    b->residual = cb->stride == 1 && cb->cin == cb->cout;
}

static size_t pair_bytes(const image_tower *t, const image_block *b)
{
    return b->padded_width * COLUMN * (t->kernels->element == 4 ? 2 : 1);
}

static void plan(image_tower *t)
{
    const model_config *c = t->config;
    size_t e = t->kernels->element, side = t->stem_side, pairs = 0, rows = 0;
    t->activation_bytes = 0;
    t->middle_bytes = 0;
    for (size_t i = 0; i < c->blocks; i++) {
        image_block *b = &t->block[i];
        plan_block(c, i, side, b);
        side = b->out_side;
        t->activation_bytes = larger(t->activation_bytes, side * side * b->out_stride * e);
        if (b->by_rows) {
            pairs = larger(pairs, b->middle / TENSOR_LANES * b->pairs_under * pair_bytes(t, b));
            rows = larger(rows, 2 * side * b->middle * e);
        } else {
            pairs = larger(pairs, 2 * b->pairs * pair_bytes(t, b));
            t->middle_bytes = larger(t->middle_bytes, side * side * b->middle * e);
        }
    }
    t->side = side;
    t->middle_bytes = larger(t->middle_bytes, side * side * tensor_round_up(c->head_out, TENSOR_LANES) * e);
    t->rows_offset = tensor_round_up(pairs, 64);
    t->gather_offset = tensor_round_up(t->rows_offset + rows, 64);
    t->worker_bytes = tensor_round_up(t->gather_offset + 2 * t->stem_side * t->gathered * e + GATHER, 64);
    t->picture_bytes = tensor_round_up(t->padded_side * t->padded_side * 3 * e + 2 * GATHER, 64);
}

lancelet_status image_tower_open(const weights_file *weights, const model_config *config, const tensor_kernels *kernels,
                                 base_arena *arena, image_tower **out, lancelet_error *err)
{
    const model_config *c = config;
    image_tower *t = base_arena_alloc(arena, sizeof *t);
    image_block *block = base_arena_alloc(arena, c->blocks * sizeof *block);
    if (!t || !block)
        return base_fail_memory(err);
    memset(t, 0, sizeof *t);
    memset(block, 0, c->blocks * sizeof *block);
    t->config = c;
    t->kernels = kernels;
    t->block = block;
    size_t under = c->stem_kernel * c->stem_kernel * 3;
    t->stem_side = output_side(c->size, c->stem_stride);
    t->stem_pad = padding_before(c->size, c->stem_kernel, c->stem_stride);
    t->padded_side = padded_side(c->size, t->stem_pad, c->stem_kernel, c->stem_stride);
    t->gathered = tensor_round_up(under, 2);
    RETURN_IF_ERROR(weights_layer(weights, arena, "image.stem.conv", c->stem_out, under, &t->block[0].expand_m, err));
    char name[64];
    for (size_t i = 0; i < c->blocks; i++) {
        const config_block *cb = &c->block[i];
        image_block *b = &t->block[i];
        size_t middle = cb->cin * cb->expand;
        if (i > 0) {
            snprintf(name, sizeof name, "image.blocks.%zu.expand", i);
            RETURN_IF_ERROR(weights_layer(weights, arena, name, middle, cb->cin, &b->expand_m, err));
        }
        snprintf(name, sizeof name, "image.blocks.%zu.depthwise", i);
        RETURN_IF_ERROR(weights_layer(weights, arena, name, middle, cb->kernel * cb->kernel, &b->depthwise_m, err));
        snprintf(name, sizeof name, "image.blocks.%zu.project", i);
        RETURN_IF_ERROR(weights_layer(weights, arena, name, cb->cout, middle, &b->project_m, err));
    }
    RETURN_IF_ERROR(weights_layer(weights, arena, "image.head.conv", c->head_out, c->block[c->blocks - 1].cout, &t->head_m, err));
    RETURN_IF_ERROR(weights_layer(weights, arena, "image_head.linear", c->dim, c->head_out, &t->linear, err));
    /* the MLP's width stands in no config: the file says it */
    const weights_tensor *fc1 = weights_file_find(weights, "image_head.mlp.fc1.weight");
    t->mlp = fc1 && fc1->dimensions == 2 && fc1->shape[0] >= 1 && fc1->shape[0] <= 16384 ? (size_t)fc1->shape[0] : 1;
    RETURN_IF_ERROR(weights_layer(weights, arena, "image_head.mlp.fc1", t->mlp, c->head_out, &t->fc1, err));
    RETURN_IF_ERROR(weights_layer(weights, arena, "image_head.mlp.fc2", c->dim, t->mlp, &t->fc2, err));
    if (t->linear.dtype != t->fc1.dtype)
        return base_fail(err, LANCELET_UNSUPPORTED, "image_head.linear and image_head.mlp.fc1 are of different types");
    plan(t);
    if (pthread_mutex_init(&t->lock, NULL) != 0)
        return base_fail_memory(err);
    *out = t;
    return LANCELET_OK;
}

void image_tower_close(image_tower *t)
{
    if (!t)
        return;
    base_free(t->packed);
    pthread_mutex_destroy(&t->lock);
}

/* ---- packing ---- */

/* Walks one block of memory; with base NULL it only adds up. */
typedef struct cursor {
    uint8_t *base;
    size_t at;
} cursor;

static void *take(cursor *c, size_t bytes)
{
    void *p = c->base ? c->base + c->at : NULL;
    c->at += tensor_round_up(bytes, 64);
    return p;
}

static void pack_pointwise(const image_tower *t, cursor *at, const tensor_matrix *m, const size_t *order, float *scratch,
                           tensor_pointwise *out)
{
    void *weights = take(at, tensor_pointwise_bytes(t->kernels, m->n, m->k));
    float *scale_bias = take(at, 2 * tensor_panels(m->n) * TENSOR_LANES * sizeof(float));
    if (at->base)
        tensor_pack_pointwise(t->kernels, m, order, scratch, weights, scale_bias, out);
}

static void pack_all(image_tower *t, cursor *at, const size_t *stem_order, float *scratch)
{
    for (size_t i = 0; i < t->config->blocks; i++) {
        image_block *b = &t->block[i];
        const config_block *cb = &t->config->block[i];
        pack_pointwise(t, at, &b->expand_m, i == 0 ? stem_order : NULL, scratch, &b->expand);
        void *weights = take(at, tensor_depthwise_bytes(t->kernels, b->depthwise_m.n, (int)cb->kernel));
        float *scale_bias = take(at, 2 * tensor_panels(b->depthwise_m.n) * TENSOR_LANES * sizeof(float));
        if (at->base)
            tensor_pack_depthwise(t->kernels, &b->depthwise_m, (int)cb->kernel, (int)cb->stride, weights, scale_bias,
                                  &b->depthwise);
        pack_pointwise(t, at, &b->project_m, NULL, scratch, &b->project);
    }
    pack_pointwise(t, at, &t->head_m, NULL, scratch, &t->head);
}

static lancelet_status pack_once(image_tower *t, lancelet_error *err)
{
    pthread_mutex_lock(&t->lock);
    if (t->packed) {
        pthread_mutex_unlock(&t->lock);
        return LANCELET_OK;
    }
    /* the stem's columns lie channel by channel in the file, pixel by pixel in a gathered row */
    size_t order[7 * 7 * 3], n = 0, side = t->config->stem_kernel;
    for (size_t pixel = 0; pixel < side * side; pixel++)
        for (size_t channel = 0; channel < 3; channel++)
            order[n++] = channel * side * side + pixel;
    size_t widest = 7 * 7 * 3;
    for (size_t i = 0; i < t->config->blocks; i++)
        widest = larger(widest, larger(t->block[i].expand_m.k, t->block[i].project_m.k));
    widest = larger(widest, t->head_m.k);
    cursor at = {0};
    pack_all(t, &at, order, NULL);
    float *scratch = base_alloc_array(widest, sizeof *scratch);
    at = (cursor){.base = base_alloc_aligned(at.at)};
    lancelet_status status = LANCELET_OK;
    if (scratch && at.base)
        pack_all(t, &at, order, scratch);
    else
        status = base_fail_memory(err);
    if (status == LANCELET_OK)
        t->packed = at.base;
    else
        base_free(at.base);
    base_free(scratch);
    pthread_mutex_unlock(&t->lock);
    return status;
}

/* ---- scratch ---- */

lancelet_status image_scratch_create(const image_tower *t, int threads, image_scratch **out, lancelet_error *err)
{
    const model_config *c = t->config;
    size_t widest = tensor_round_up(larger(c->head_out, t->mlp), TENSOR_I8_BLOCK), n = (size_t)threads;
    size_t head = c->head_out, joined = c->dim + t->mlp;
    image_scratch *s = base_calloc(1, sizeof *s);
    if (!s)
        return base_fail_memory(err);
    for (int pass = 0; pass < 2; pass++) {
        cursor at = {.base = s->memory};
        s->picture = take(&at, t->picture_bytes);
        s->activation[0] = take(&at, t->activation_bytes);
        s->activation[1] = take(&at, t->activation_bytes);
        s->middle = take(&at, t->middle_bytes);
        s->worker = take(&at, n * t->worker_bytes);
        s->features = take(&at, tensor_round_up(head, TENSOR_LANES) * sizeof(float));
        s->joined = take(&at, joined * sizeof(float));
        s->second = take(&at, c->dim * sizeof(float));
        s->widened = take(&at, n * widest * sizeof(float));
        s->q = take(&at, widest * sizeof(int16_t));
        if (pass == 0 && !(s->memory = base_alloc_aligned(at.at))) {
            base_free(s);
            return base_fail_memory(err);
        }
    }
    s->threads = threads;
    s->widest = widest;
    memset(s->picture, 0, t->picture_bytes); /* the frame of zeros */
    *out = s;
    return LANCELET_OK;
}

void image_scratch_destroy(image_scratch *s)
{
    if (!s)
        return;
    base_free(s->memory);
    base_free(s);
}

/* ---- running ---- */

typedef struct run {
    const image_tower *t;
    image_scratch *s;
    const uint8_t *rgb;      /* [size, size, 3] */
    union {
        uint16_t bf16[256];
        float f32[256];
    } table;                 /* pixel value -> (value - mean) / std */
    const image_block *b;    /* the block at work */
    size_t index;            /* its number */
    const uint8_t *in;       /* [in_side^2, in_stride] elements; unused by block 0 */
    uint8_t *out;            /* [out_side^2, out_stride] elements */
    size_t bands;            /* of a block run by rows */
    tensor_rows rows;        /* input of the head's matrices */
} run;

static void normalise_row(void *arg, size_t y, int worker)
{
    run *r = arg;
    (void)worker;
    size_t n = r->t->config->size * 3;
    const uint8_t *from = r->rgb + y * n;
    size_t at = ((y + r->t->stem_pad) * r->t->padded_side + r->t->stem_pad) * 3;
    if (r->t->kernels->element == 2) {
        uint16_t *to = (uint16_t *)(void *)r->s->picture + at;
        for (size_t i = 0; i < n; i++)
            to[i] = r->table.bf16[from[i]];
    } else {
        float *to = (float *)(void *)r->s->picture + at;
        for (size_t i = 0; i < n; i++)
            to[i] = r->table.f32[from[i]];
    }
}

/* What the stem's kernel sees at each pixel of its output row y: [stem_side, gathered] elements. Copies are rounded up to
 * GATHER bytes; what is too much is overwritten by the next copy, or meets weights that are zero. */
static void gather_row(const run *r, size_t y, uint8_t *to)
{
    const image_tower *t = r->t;
    const model_config *c = t->config;
    size_t e = t->kernels->element, line = t->padded_side * 3 * e, span = c->stem_kernel * 3 * e;
    const uint8_t *from = r->s->picture + y * c->stem_stride * line;
    size_t step = c->stem_stride * 3 * e, out = t->gathered * e;
    for (size_t x = 0; x < t->stem_side; x++, from += step, to += out)
        for (size_t ky = 0; ky < c->stem_kernel; ky++) {
            const uint8_t *at = from + ky * line;
            memcpy(to + ky * span, at, GATHER);
            for (size_t done = GATHER; done < span; done += GATHER)
                memcpy(to + ky * span + done, at + done, GATHER);
        }
}

/* The zero columns left and right of the picture in `n` row pairs that follow each other. */
static void clear_borders(const run *r, uint8_t *pairs, size_t n)
{
    const image_block *b = r->b;
    size_t rows = n * (r->t->kernels->element == 4 ? 2 : 1);
    for (size_t i = 0; i < rows; i++, pairs += b->padded_width * COLUMN) {
        memset(pairs, 0, b->pad * COLUMN);
        memset(pairs + (b->pad + b->in_side) * COLUMN, 0, (b->padded_width - b->pad - b->in_side) * COLUMN);
    }
}

/* Expands row pair `pair` of the padded picture for panels panel..panel+n-1; `to` is the pair of the first. */
static void expand_pair(const run *r, size_t pair, size_t panel, size_t n, uint8_t *to, size_t panel_bytes, uint8_t *gathered)
{
    const image_block *b = r->b;
    const image_tower *t = r->t;
    size_t e = t->kernels->element;
    const void *row[2];
    for (size_t i = 0; i < 2; i++) {
        size_t y = 2 * pair + i - b->pad; /* wraps below zero, to a row outside */
        row[i] = NULL;
        if (y < b->in_side)
            row[i] = gathered ? gathered + i * b->in_side * t->gathered * e : r->in + y * b->in_side * b->in_stride * e;
    }
    t->kernels->expand(&b->expand, panel, n, row[0], row[1], b->in_side, gathered ? t->gathered : b->in_stride,
                       to + b->pad * COLUMN, panel_bytes / e, b->padded_width);
}

/* Depthwise step `step` for one panel: one or two output rows from the pairs given, into rows of `middle` channels. */
static void depthwise_step(const run *r, size_t step, size_t panel, const void *const pairs[TENSOR_MAX_PAIRS], uint8_t *row0)
{
    const image_block *b = r->b;
    size_t e = r->t->kernels->element;
    bool two = b->depthwise.stride == 1 && 2 * step + 1 < b->out_side;
    row0 += panel * TENSOR_LANES * e;
    r->t->kernels->depthwise(&b->depthwise, panel, pairs, b->padded_width, b->out_side, row0,
                             two ? row0 + b->out_side * b->middle * e : NULL, b->middle);
}

static void project_pixels(const run *r, size_t panel, size_t n_panels, const uint8_t *in, size_t first, size_t n)
{
    const image_block *b = r->b;
    size_t at = first * b->out_stride * r->t->kernels->element;
    r->t->kernels->project(&b->project, panel, n_panels, in, n, b->middle, b->residual ? r->in + at : NULL, false, r->out + at,
                           b->out_stride);
}

static size_t two_or_less(size_t panel, size_t panels) { return panels - panel < 2 ? 1 : 2; }

static void band_task(void *arg, size_t band, int worker)
{
    const run *r = arg;
    const image_block *b = r->b;
    const image_tower *t = r->t;
    uint8_t *pairs = r->s->worker + (size_t)worker * t->worker_bytes, *rows = pairs + t->rows_offset;
    uint8_t *gathered = r->index == 0 ? pairs + t->gather_offset : NULL;
    size_t bytes = pair_bytes(t, b), ring = b->pairs_under, panels = b->expand.panels;
    size_t step = b->steps * band / r->bands, end = b->steps * (band + 1) / r->bands;
    clear_borders(r, pairs, panels * ring);
    for (size_t pair = step; step < end; step++) {
        for (; pair < step + ring; pair++) {
            if (gathered)
                for (size_t i = 0; i < 2; i++)
                    if (2 * pair + i - b->pad < b->in_side)
                        gather_row(r, 2 * pair + i - b->pad, gathered + i * b->in_side * t->gathered * t->kernels->element);
            for (size_t panel = 0; panel < panels; panel += 2)
                expand_pair(r, pair, panel, two_or_less(panel, panels), pairs + (panel * ring + pair % ring) * bytes, ring * bytes,
                            gathered);
        }
        for (size_t panel = 0; panel < panels; panel++) {
            const void *under[TENSOR_MAX_PAIRS] = {0};
            for (size_t i = 0; i < ring; i++)
                under[i] = pairs + (panel * ring + (step + i) % ring) * bytes;
            depthwise_step(r, step, panel, under, rows);
        }
        size_t row = b->depthwise.stride == 1 ? 2 * step : step;
        size_t n = b->depthwise.stride == 1 && row + 1 < b->out_side ? 2 : 1;
        for (size_t panel = 0; panel < b->project.panels; panel += 2)
            project_pixels(r, panel, two_or_less(panel, b->project.panels), rows, row * b->out_side, n * b->out_side);
    }
}

static void channels_task(void *arg, size_t item, int worker)
{
    const run *r = arg;
    const image_block *b = r->b;
    size_t e = r->t->kernels->element, bytes = pair_bytes(r->t, b), panel = 2 * item;
    size_t n = two_or_less(panel, b->expand.panels);
    uint8_t *pairs = r->s->worker + (size_t)worker * r->t->worker_bytes;
    clear_borders(r, pairs, n * b->pairs);
    for (size_t pair = 0; pair < b->pairs; pair++)
        expand_pair(r, pair, panel, n, pairs + pair * bytes, b->pairs * bytes, NULL);
    for (size_t p = 0; p < n; p++)
        for (size_t step = 0; step < b->steps; step++) {
            const void *under[TENSOR_MAX_PAIRS] = {0};
            for (size_t i = 0; i < b->pairs_under; i++)
                under[i] = pairs + (p * b->pairs + step + i) * bytes;
            size_t row = b->depthwise.stride == 1 ? 2 * step : step;
            depthwise_step(r, step, panel + p, under, r->s->middle + row * b->out_side * b->middle * e);
        }
}

/* Items of a projection: panel pairs by groups of pixels. */
static size_t pixel_groups(size_t pixels) { return (pixels + PIXELS_AN_ITEM - 1) / PIXELS_AN_ITEM; }

static void project_task(void *arg, size_t item, int worker)
{
    const run *r = arg;
    const image_block *b = r->b;
    (void)worker;
    size_t pixels = b->out_side * b->out_side, groups = pixel_groups(pixels), panel = item / groups * 2, g = item % groups;
    size_t first = pixels * g / groups, n = pixels * (g + 1) / groups - first;
    project_pixels(r, panel, two_or_less(panel, b->project.panels),
                   r->s->middle + first * b->middle * r->t->kernels->element, first, n);
}

/* The head convolution for two panels, and its mean over the picture. */
static void head_task(void *arg, size_t item, int worker)
{
    const run *r = arg;
    const image_tower *t = r->t;
    (void)worker;
    size_t panel = 2 * item, n = two_or_less(panel, t->head.panels), pixels = t->side * t->side;
    size_t stride = t->head.panels * TENSOR_LANES;
    t->kernels->project(&t->head, panel, n, r->in, pixels, t->block[t->config->blocks - 1].out_stride, NULL, true, r->s->middle,
                        stride);
    t->kernels->mean(r->s->middle + panel * TENSOR_LANES * t->kernels->element, pixels, stride, n * TENSOR_LANES,
                     r->s->features + panel * TENSOR_LANES);
}

static size_t row_items(const tensor_matrix *m) { return (m->n + ROWS_AN_ITEM - 1) / ROWS_AN_ITEM; }

static void head_rows(const run *r, const tensor_matrix *m, size_t item, int worker, float *out)
{
    size_t row0 = item * ROWS_AN_ITEM, row1 = row0 + ROWS_AN_ITEM < m->n ? row0 + ROWS_AN_ITEM : m->n;
    tensor_linear(r->t->kernels, m, row0, row1, &r->rows, r->s->widened + (size_t)worker * r->s->widest, out + row0, m->n);
}

/* linear and fc1 read the same features: one region. */
static void first_task(void *arg, size_t item, int worker)
{
    const run *r = arg;
    size_t items = row_items(&r->t->linear);
    if (item < items)
        head_rows(r, &r->t->linear, item, worker, r->s->joined);
    else
        head_rows(r, &r->t->fc1, item - items, worker, r->s->joined + r->t->config->dim);
}

static void second_task(void *arg, size_t item, int worker)
{
    const run *r = arg;
    head_rows(r, &r->t->fc2, item, worker, r->s->second);
}

/* out = unit(linear(f) + fc2(gelu(fc1(f)))) */
static void project_features(run *r, base_pool *pool, float *out)
{
    const image_tower *t = r->t;
    image_scratch *s = r->s;
    const tensor_kernels *k = t->kernels;
    size_t dim = t->config->dim;
    float step;
    r->rows = (tensor_rows){.x = s->features, .q = s->q, .step = &step, .n = 1, .k = t->linear.k};
    tensor_rows_prepare(k, t->linear.dtype, &r->rows);
    base_pool_run(pool, row_items(&t->linear) + row_items(&t->fc1), first_task, r);
    float *hidden = s->joined + dim;
    k->gelu(hidden, t->mlp);
    r->rows.x = hidden;
    r->rows.k = t->mlp;
    tensor_rows_prepare(k, t->fc2.dtype, &r->rows);
    base_pool_run(pool, row_items(&t->fc2), second_task, r);
    for (size_t i = 0; i < dim; i++)
        out[i] = s->joined[i] + s->second[i];
    float inverse = 1.0f / fmaxf(sqrtf(k->dot(out, out, dim)), 1e-12f); /* PyTorch's F.normalize */
    for (size_t i = 0; i < dim; i++)
        out[i] *= inverse;
}

lancelet_status image_tower_run(image_tower *t, image_scratch *s, base_pool *pool, const uint8_t *rgb, float *out,
                                lancelet_error *err)
{
    const model_config *c = t->config;
    RETURN_IF_ERROR(pack_once(t, err));
    run r = {.t = t, .s = s, .rgb = rgb};
    for (int i = 0; i < 256; i++) {
        float v = ((float)i - c->mean) / c->std;
        if (t->kernels->element == 2)
            r.table.bf16[i] = tensor_to_bf16(v);
        else
            r.table.f32[i] = v;
    }
    base_pool_run(pool, c->size, normalise_row, &r);
    size_t threads = (size_t)base_pool_threads(pool);
    for (size_t i = 0; i < c->blocks; i++) {
        const image_block *b = &t->block[i];
        r.b = b;
        r.index = i;
        r.in = s->activation[(i + 1) % 2];
        r.out = s->activation[i % 2];
        if (b->by_rows) {
            r.bands = threads < b->steps ? threads : b->steps;
            base_pool_run(pool, r.bands, band_task, &r);
        } else {
            base_pool_run(pool, (b->expand.panels + 1) / 2, channels_task, &r);
            base_pool_run(pool, (b->project.panels + 1) / 2 * pixel_groups(b->out_side * b->out_side), project_task, &r);
        }
    }
    r.in = s->activation[(c->blocks - 1) % 2];
    base_pool_run(pool, (t->head.panels + 1) / 2, head_task, &r);
    project_features(&r, pool, out);
    return LANCELET_OK;
}
