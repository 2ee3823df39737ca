/* resize.c - Pillow's Image.resize(BICUBIC) to the byte: Keys' cubic with a = -0.5 ("Cubic convolution interpolation for
 * digital image processing", 1981), widened by the ratio when it shrinks (which is the antialiasing), its weights made
 * to sum to 1 and rounded to fixed-point numbers of 22 bits; first along the rows, rounded and clipped to bytes, then
 * along the columns. Pillow 13 (12 and older do not) turns the order round where the height loses more than twice the
 * pixels that the width loses. An axis that keeps its size is left out. The facts are those of Pillow's Resample.c; the
 * code is not.
 *
 * Departures: only the rows and columns that are asked for are computed (a centre crop costs no more than its pixels),
 * and the sums of 32 bits may be done in two halves of 16-bit products (resize_avx2.c). */
#include "embed/image/resize.h"

#include <math.h>
#include <string.h>

#include "base/pool.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF /* a fused multiply and add would round other coefficients */
#endif

/* ---- coefficients ---- */

static double cubic(double x)
{
    x = fabs(x);
    if (x < 1.0)
        return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * -0.5;
    return 0.0;
}

static void axis_free(resize_axis *a)
{
    base_free(a->start);
    base_free(a->count);
    base_free(a->weight);
    base_free(a->halves);
}

/* Fixed-point weight, rounded away from zero at one half. */
static int32_t fixed(double w)
{
    double scaled = w * (1 << RESIZE_PRECISION);
    return (int32_t)(w < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* Outputs first..first+n-1 of `whole`, made of `inputs`. `line` is room for the weights of one output. */
static void axis_fill(resize_axis *a, int inputs, int whole, int first, double *line)
{
    double scale = (double)inputs / whole;
    double filter_scale = scale < 1.0 ? 1.0 : scale;
    double support = 2.0 * filter_scale, inverse = 1.0 / filter_scale;
    for (int i = 0; i < a->n; i++) {
        double center = (first + i + 0.5) * scale, sum = 0.0;
        int from = (int)(center - support + 0.5), to = (int)(center + support + 0.5);
        from = from < 0 ? 0 : from;
        to = to > inputs ? inputs : to;
        for (int x = from; x < to; x++) {
            double w = cubic((x - center + 0.5) * inverse);
            line[x - from] = w;
            sum += w;
        }
        int32_t *weight = a->weight + (size_t)i * (size_t)a->stride;
        for (int x = 0; x < to - from; x++)
            weight[x] = fixed(sum != 0.0 ? line[x] / sum : line[x]);
        a->start[i] = from;
        a->count[i] = to - from;
    }
}

static void split_halves(resize_axis *a)
{
    size_t n = (size_t)a->n * (size_t)a->stride;
    for (size_t i = 0; i < n; i += 2)
        for (size_t j = 0; j < 2; j++) { /* pairs: low, low, high, high */
            a->halves[2 * i + j] = (int16_t)(a->weight[i + j] & 4095);
            a->halves[2 * i + 2 + j] = (int16_t)(a->weight[i + j] >> 12);
        }
}

static lancelet_status axis_make(resize_axis *a, int inputs, int whole, int first, int n, bool halves, lancelet_error *err)
{
    double scale = (double)inputs / whole;
    double support = 2.0 * (scale < 1.0 ? 1.0 : scale);
    size_t taps = (size_t)ceil(support) * 2 + 1, stride = (taps + 3) & ~(size_t)3, cells;
    *a = (resize_axis){.n = n, .stride = (int)stride};
    if (!base_mul_size(stride, (size_t)n, &cells) || cells > INT32_MAX)
        return base_fail(err, LANCELET_LIMIT, "resizing %d to %d pixels needs too much memory", inputs, whole);
    a->start = base_alloc_array((size_t)n, sizeof *a->start);
    a->count = base_alloc_array((size_t)n, sizeof *a->count);
    a->weight = base_calloc(cells, sizeof *a->weight);
    a->halves = halves ? base_alloc_array(cells, 2 * sizeof *a->halves) : NULL;
    double *line = base_alloc_array(stride, sizeof *line);
    lancelet_status status = LANCELET_OK;
    if (!a->start || !a->count || !a->weight || !line || (halves && !a->halves)) {
        status = base_fail_memory(err);
    } else {
        axis_fill(a, inputs, whole, first, line);
        if (halves)
            split_halves(a);
    }
    base_free(line);
    return status; /* the caller frees the axis also on failure */
}

/* ---- kernels in plain C ---- */

static uint8_t to_byte(int32_t sum)
{
    int32_t v = sum >> RESIZE_PRECISION;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void horizontal_c(const uint8_t *in, uint8_t *out, const resize_axis *axis)
{
    for (int i = 0; i < axis->n; i++, out += 3) {
        const uint8_t *p = in + (size_t)axis->start[i] * 3;
        const int32_t *w = axis->weight + (size_t)i * (size_t)axis->stride;
        int32_t r = 1 << (RESIZE_PRECISION - 1), g = r, b = r;
        for (int k = 0; k < axis->count[i]; k++, p += 3) {
            r += p[0] * w[k];
            g += p[1] * w[k];
            b += p[2] * w[k];
        }
        out[0] = to_byte(r);
        out[1] = to_byte(g);
        out[2] = to_byte(b);
    }
}

static void vertical_c(const uint8_t *in, size_t row_stride, uint8_t *out, size_t bytes, const resize_axis *axis, int y)
{
    enum { BLOCK = 256 };
    int32_t sum[BLOCK];
    const int32_t *w = axis->weight + (size_t)y * (size_t)axis->stride;
    const uint8_t *rows = in + (size_t)axis->start[y] * row_stride;
    for (size_t x = 0; x < bytes; x += BLOCK) {
        size_t n = bytes - x < BLOCK ? bytes - x : BLOCK;
        for (size_t i = 0; i < n; i++)
            sum[i] = 1 << (RESIZE_PRECISION - 1);
        for (int k = 0; k < axis->count[y]; k++) {
            const uint8_t *row = rows + (size_t)k * row_stride + x;
            for (size_t i = 0; i < n; i++)
                sum[i] += row[i] * w[k];
        }
        for (size_t i = 0; i < n; i++)
            out[x + i] = to_byte(sum[i]);
    }
}

const resize_kernels resize_kernels_c = {horizontal_c, vertical_c, false};

const resize_kernels *resize_kernels_here(void)
{
#if defined(__x86_64__)
    if (base_isa_level() >= BASE_ISA_AVX2)
        return &resize_kernels_avx2;
#endif
    return &resize_kernels_c;
}

/* ---- the two passes ---- */

typedef struct job {
    const base_picture *in;
    const resize_kernels *kernels;
    resize_axis across, down; /* n is 0 where the axis keeps its size */
    int x, y, width, height;  /* the part of the whole result that is wanted */
    int first_row, rows;      /* input rows that it needs */
    int first_column, columns; /* input columns */
    bool down_first;
    size_t stride;            /* bytes from row to row of `between` */
    uint8_t *between;         /* [rows, stride] after the pass across; not needed when the pass down is first */
    uint8_t *line;            /* [columns and slack] one row before the pass across */
    uint8_t *made;            /* [width and slack] one row after the last pass */
} job;

/* The first input that an axis needs and how many; its starts are then counted from there. */
static void trim(resize_axis *a, int *first, int *n)
{
    int last = a->n - 1;
    *first = a->start[0];
    *n = a->start[last] + a->count[last] - *first;
    for (int i = 0; i < a->n; i++)
        a->start[i] -= *first;
}

static lancelet_status take_memory(job *j, lancelet_error *err)
{
    size_t line, n;
    j->stride = (size_t)j->width * 3;
    /* a kernel reads whole groups of four pixels behind the last that counts */
    if (!base_add_size((size_t)j->columns, (size_t)j->across.stride, &line) || !base_mul_size(line, 3, &line) ||
        !base_mul_size(j->stride, (size_t)j->rows, &n))
        return base_fail_memory(err);
    j->between = j->down_first ? NULL : base_alloc(n + RESIZE_SLACK);
    j->line = base_calloc(line + RESIZE_SLACK, 1);
    j->made = base_alloc(j->stride + RESIZE_SLACK);
    return (j->down_first || j->between) && j->line && j->made ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status plan(job *j, int whole_width, int whole_height, lancelet_error *err)
{
    bool halves = j->kernels->halves;
    /* Pillow 13: "if height is being scaled down more than twice the amount the width is" */
    int64_t narrower = (int64_t)j->in->width - whole_width, lower = (int64_t)j->in->height - whole_height;
    j->down_first = lower > 0 && lower > narrower * 2;
    j->first_row = j->y;
    j->rows = j->height;
    j->first_column = j->x;
    j->columns = j->width;
    if (narrower != 0) {
        RETURN_IF_ERROR(axis_make(&j->across, j->in->width, whole_width, j->x, j->width, halves, err));
        trim(&j->across, &j->first_column, &j->columns);
    }
    if (lower != 0) {
        RETURN_IF_ERROR(axis_make(&j->down, j->in->height, whole_height, j->y, j->height, halves, err));
        trim(&j->down, &j->first_row, &j->rows);
    }
    return take_memory(j, err);
}

static void run_across_first(job *j, base_picture *out)
{
    size_t in_stride = (size_t)j->in->width * 3, bytes = (size_t)j->columns * 3;
    const uint8_t *from = j->in->rgb + (size_t)j->first_row * in_stride + (size_t)j->first_column * 3;
    uint8_t *to = j->between;
    for (int row = 0; row < j->rows; row++, from += in_stride, to += j->stride) {
        memcpy(j->across.n ? j->line : to, from, bytes);
        if (j->across.n)
            j->kernels->horizontal(j->line, to, &j->across); /* the byte it may write too far is the next row's */
    }
    to = out->rgb;
    for (int row = 0; row < j->height; row++, to += j->stride) {
        if (j->down.n)
            j->kernels->vertical(j->between, j->stride, to, j->stride, &j->down, row);
        else
            memcpy(to, j->between + (size_t)row * j->stride, j->stride);
    }
}

static void run_down_first(job *j, base_picture *out)
{
    size_t in_stride = (size_t)j->in->width * 3, bytes = (size_t)j->columns * 3;
    const uint8_t *from = j->in->rgb + (size_t)j->first_row * in_stride + (size_t)j->first_column * 3;
    uint8_t *to = out->rgb;
    for (int row = 0; row < j->height; row++, to += j->stride) {
        j->kernels->vertical(from, in_stride, j->line, bytes, &j->down, row);
        if (j->across.n)
            j->kernels->horizontal(j->line, j->made, &j->across);
        memcpy(to, j->across.n ? j->made : j->line, j->stride);
    }
}

lancelet_status resize_part(const base_picture *in, int whole_width, int whole_height, int x, int y, int width, int height,
                            const resize_kernels *kernels, base_picture *out, lancelet_error *err)
{
    job j = {.in = in, .kernels = kernels, .x = x, .y = y, .width = width, .height = height};
    base_picture result = {0};
    lancelet_status status = plan(&j, whole_width, whole_height, err);
    if (status == LANCELET_OK) {
        size_t n;
        result = (base_picture){.width = width, .height = height};
        if (base_mul_size((size_t)width, (size_t)height, &n))
            result.rgb = base_alloc_array(n, 3);
        if (!result.rgb)
            status = base_fail_memory(err);
    }
    if (status == LANCELET_OK) {
        if (j.down_first)
            run_down_first(&j, &result);
        else
            run_across_first(&j, &result);
        *out = result;
    }
    axis_free(&j.across);
    axis_free(&j.down);
    base_free(j.between);
    base_free(j.line);
    base_free(j.made);
    return status;
}

/* ---- entries ---- */

lancelet_status image_resize(const base_picture *in, int width, int height, base_picture *out, lancelet_error *err)
{
    if (!in->rgb || in->width < 1 || in->height < 1 || width < 1 || height < 1)
        return base_fail(err, LANCELET_INVALID, "cannot resize %d x %d pixels to %d x %d", in->width, in->height, width, height);
    return resize_part(in, width, height, 0, 0, width, height, resize_kernels_here(), out, err);
}

/* (n - side) / 2 as a whole number; n >= side. Python's round takes halves to the even number. */
static int crop_offset(int n, int side, image_crop crop)
{
    int d = n - side, half = d / 2;
    return half + (crop == IMAGE_CROP_TORCHVISION && d % 2 != 0 && half % 2 != 0);
}

lancelet_status image_resize_crop(const base_picture *in, int side, image_crop crop, base_picture *out, lancelet_error *err)
{
    if (!in->rgb || in->width < 1 || in->height < 1 || side < 1)
        return base_fail(err, LANCELET_INVALID, "cannot resize %d x %d pixels to a square of %d", in->width, in->height, side);
    bool wide = in->width >= in->height;
    int shorter = wide ? in->height : in->width, longer = wide ? in->width : in->height;
    int64_t stretched = (int64_t)side * longer / shorter;
    if (stretched > INT32_MAX)
        return base_fail(err, LANCELET_LIMIT, "%d x %d pixels are too narrow for a square of %d", in->width, in->height, side);
    int whole = (int)stretched, offset = crop_offset(whole, side, crop);
    return wide ? resize_part(in, whole, side, offset, 0, side, side, resize_kernels_here(), out, err)
                : resize_part(in, side, whole, 0, offset, side, side, resize_kernels_here(), out, err);
}

lancelet_status image_fit(const base_picture *in, int max_width, int max_height, bool enlarge, base_picture *out, lancelet_error *err)
{
    if (!in->rgb || in->width < 1 || in->height < 1 || max_width < 1 || max_height < 1)
        return base_fail(err, LANCELET_INVALID, "cannot fit %d x %d pixels into %d x %d", in->width, in->height, max_width, max_height);
    int64_t w = in->width, h = in->height;
    int64_t width = w, height = h;
    bool fits = w <= max_width && h <= max_height;
    if (!fits || enlarge) {
        if (w * max_height >= h * max_width) { /* the width decides */
            width = max_width;
            height = (h * max_width + w / 2) / w;
        } else {
            height = max_height;
            width = (w * max_height + h / 2) / h;
        }
        width = width < 1 ? 1 : width;
        height = height < 1 ? 1 : height;
    }
    return image_resize(in, (int)width, (int)height, out, err);
}

void image_normalise(const base_picture *in, float divisor, const float mean[3], const float std[3], float *out)
{
    size_t n = (size_t)in->width * (size_t)in->height;
    for (size_t c = 0; c < 3; c++) {
        float value[256];
        for (int v = 0; v < 256; v++)
            value[v] = ((float)v / divisor - mean[c]) / std[c];
        const uint8_t *p = in->rgb + c;
        for (size_t i = 0; i < n; i++, p += 3)
            out[c * n + i] = value[*p];
    }
}
