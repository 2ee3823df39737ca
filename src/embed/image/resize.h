/* resize.h - the two passes of resize.c and their kernels, one table per instruction set. All give the same bytes. */
#ifndef EMBED_IMAGE_RESIZE_H
#define EMBED_IMAGE_RESIZE_H

#include "embed/image/image.h"

/* Coefficients are fixed-point numbers with this many bits behind the point: 8 bits of pixel, two for sums below 0 and
 * above 1, out of 32. */
enum { RESIZE_PRECISION = 32 - 8 - 2 };

/* A horizontal kernel may read this many bytes behind the groups of four pixels that it uses, and write as many behind
 * the row it makes. */
enum { RESIZE_SLACK = 64 };

/* Which inputs make each output of one axis, for outputs first..first+n-1. */
typedef struct resize_axis {
    int n;            /* outputs */
    int stride;       /* coefficients kept for an output, a multiple of 4; those behind `count` are 0 */
    int *start;       /* [n] first input */
    int *count;       /* [n] inputs */
    int32_t *weight;  /* [n, stride] */
    int16_t *halves;  /* [n, stride, 2] weight = halves[0] + 4096 * halves[1], halves[0] in 0..4095; in the order in which
                       * resize_avx2.c wants them; NULL for the C kernels */
} resize_axis;

typedef struct resize_kernels {
    /* One row: in [inputs + axis->stride, 3] and slack to out [axis->n, 3] and slack. */
    void (*horizontal)(const uint8_t *in, uint8_t *out, const resize_axis *axis);
    /* Output y of the axis: rows start[y].. of `in` [rows, row_stride] to out [bytes]; nothing else is touched. */
    void (*vertical)(const uint8_t *in, size_t row_stride, uint8_t *out, size_t bytes, const resize_axis *axis, int y);
    bool halves; /* wants axis->halves */
} resize_kernels;

extern const resize_kernels resize_kernels_c;
#if defined(__x86_64__)
extern const resize_kernels resize_kernels_avx2;
#endif

/* For tests: image_resize with the kernels given instead of those of this CPU, and only a part of the result: `width` x
 * `height` pixels at (x, y) of the whole one. */
lancelet_status resize_part(const base_picture *in, int whole_width, int whole_height, int x, int y, int width, int height,
                            const resize_kernels *kernels, base_picture *out, lancelet_error *err) MUST_CHECK;
const resize_kernels *resize_kernels_here(void);

#endif
