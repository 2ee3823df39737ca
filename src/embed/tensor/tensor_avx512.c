/* tensor_avx512.c - kernels for AVX-512 (F, BW, DQ, VL) with VNNI: pictures in fp32, text with int8 weights. */
#include "embed/tensor/zmm.h"

static inline vf v_broadcast(const float *p) { return _mm512_set1_ps(*p); }

#include "embed/tensor/f32_kernels.h"
#include "embed/tensor/zmm_text.h"

const tensor_kernels tensor_kernels_avx512 = {
    .level = BASE_ISA_AVX512,
    .element = 4,
    .widen = widen,
    .dot = dot,
    .quantise = quantise,
    .linear_i8 = linear_i8,
    .layer_norm = layer_norm,
    .gelu = gelu,
    .attention = attention,
    .expand = expand,
    .depthwise = depthwise,
    .project = project,
    .mean = mean,
};
