/* clip_tower.h - what CLIP's two towers share: the stack of layers, the last norm, the projection to the common space and
 * unit length; and the memory that a run needs.
 *
 *     clip_scratch s = {0};
 *     RETURN_IF_ERROR(clip_scratch_fit(&s, tower, 400, 8, threads, err));
 *     ... s.x, s.begin and s.wanted of 8 sequences ...
 *     clip_tower_run(tower, &s, pool, 8, out);
 *     clip_scratch_free(&s); */
#ifndef EMBED_CLIP_TOWER_H
#define EMBED_CLIP_TOWER_H

#include "embed/model/clip_config.h"
#include "embed/model/transformer.h"

typedef struct clip_tower {
    const product_kernels *product;
    const tensor_kernels *tensor;
    transformer stack;
    const float *norm_w, *norm_b; /* [d_model], after the last layer */
    tensor_matrix projection;     /* [dim, d_model] */
    size_t inputs; /* numbers a token that are multiplied to make its first state: 3 * patch * patch; texts 0 */
} clip_tower;

/* The layers, the norm called `norm` and the projection. */
lancelet_status clip_tower_open(const weights_file *weights, const clip_names *names, const clip_config *config,
                                clip_kind kind, base_isa level, base_arena *arena, clip_tower *out,
                                lancelet_error *err) MUST_CHECK;
/* `which`'s weight and bias [n]. */
lancelet_status clip_norm_open(const weights_file *weights, const clip_names *names, clip_tensor which, size_t n,
                               base_arena *arena, const float **weight, const float **bias, lancelet_error *err) MUST_CHECK;

/* Starts as {0}; grows when more is asked. */
typedef struct clip_scratch {
    size_t tokens, sequences; /* that there is room for */
    float *x;                 /* [tokens, d_model] states */
    float *rows;              /* [tokens, inputs] */
    float *pooled;            /* [sequences, d_model] */
    float *row;               /* [d_model] one row of a table */
    float *product;           /* product_linear's */
    size_t *begin;            /* [sequences + 1] first token of each sequence */
    size_t *wanted;           /* [sequences] the token that is read in the end */
    transformer_scratch *stack;
    void *memory; /* of the floats */
} clip_scratch;

lancelet_status clip_scratch_fit(clip_scratch *s, const clip_tower *t, size_t tokens, size_t sequences, int threads,
                                 lancelet_error *err) MUST_CHECK;
void clip_scratch_free(clip_scratch *s);

/* s->x, s->begin and s->wanted of n sequences to unit vectors out [n, dim]. */
void clip_tower_run(const clip_tower *t, clip_scratch *s, base_pool *pool, size_t n, float *out);

#endif
