/* zmm.h - vectors of 16 floats for the two AVX-512 levels, and their text kernels for int8 weights, which use VNNI's
 * VPDPWSSD: two products of 16-bit numbers added to a 32-bit sum in each lane. Included by tensor_avx512.c and
 * tensor_avx512bf16.c alone, before f32_kernels.h. */
#include <immintrin.h>

enum { VW = 16, TILE_X = 7, TILE_PANELS = 2 };
#define TILE_CASES                                                                                               \
    CASE(1, 1) CASE(2, 1) CASE(3, 1) CASE(4, 1) CASE(5, 1) CASE(6, 1) CASE(7, 1)                                 \
    CASE(1, 2) CASE(2, 2) CASE(3, 2) CASE(4, 2) CASE(5, 2) CASE(6, 2) CASE(7, 2)

typedef __m512 vf;

static inline vf v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
static inline vf v_set1(float f) { return _mm512_set1_ps(f); }
static inline vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf v_abs(vf a) { return _mm512_abs_ps(a); }
static inline vf v_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf v_pow2(vf n) { return _mm512_scalef_ps(_mm512_set1_ps(1.0f), n); }
static inline vf v_select_negative(vf sign, vf negative, vf other)
{
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(sign)), other, negative);
}
static inline float v_sum(vf v) { return _mm512_reduce_add_ps(v); }
static inline __mmask16 part(unsigned long n) { return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1); }
/* the first n lanes, the others zero */
static inline vf v_load_part(const float *p, unsigned long n) { return _mm512_maskz_loadu_ps(part(n), p); }
static inline void v_store_part(float *p, unsigned long n, vf v) { _mm512_mask_storeu_ps(p, part(n), v); }
