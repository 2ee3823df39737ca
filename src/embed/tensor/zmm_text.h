/* zmm_text.h - text kernels of the two AVX-512 levels (behind zmm.h and f32_kernels.h). */

static void widen(tensor_dtype dtype, const void *in, size_t n, float *out)
{
    const uint8_t *p = in;
    for (size_t i = 0; i < n; i += VW) {
        __mmask16 m = part(n - i);
        __m512 v;
        if (dtype == TENSOR_F32)
            v = _mm512_maskz_loadu_ps(m, p + 4 * i);
        else if (dtype == TENSOR_F16)
            v = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, p + 2 * i));
        else if (dtype == TENSOR_BF16)
            v = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, p + 2 * i)), 16));
        else
            v = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(m, p + i)));
        _mm512_mask_storeu_ps(out + i, m, v);
    }
}

static void quantise(const float *x, size_t n, float limit, int16_t *q, float *step)
{
    vf tops = v_set1(0), zeros = v_set1(0); /* zeros: NaN where a number is not finite, and so is the step then */
    for (size_t i = 0; i < n; i += VW) {
        vf v = v_load_part(x + i, n - i);
        tops = v_max(tops, v_abs(v));
        zeros = v_fma(v, v_set1(0), zeros);
    }
    float top = _mm512_reduce_max_ps(tops);
    vf inverse = v_set1(top > 0 ? limit / top : 0);
    size_t padded = tensor_round_up(n, TENSOR_I8_BLOCK);
    for (size_t i = 0; i < padded; i += VW) {
        vf v = i < n ? v_load_part(x + i, n - i) : v_set1(0);
        __m256i r = _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(v_mul(v, inverse)));
        _mm256_storeu_si256((__m256i *)(void *)(q + i), r);
    }
    *step = top / limit + v_sum(zeros);
}

enum { I8_ROWS = 4, I8_TOKENS = 4 };

/* Four vectors a, b, c, d to one with their sums of four in each 128 bit: a b c d, a b c d, ... */
static inline __m512i fold4(const __m512i v[4])
{
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

/* Inputs i..i+31, those of the mask `m`, of nt tokens and four rows. */
ALWAYS_INLINE void i8_block(size_t nt, const int8_t *const row[I8_ROWS], __mmask32 m, size_t i, const int16_t *q, size_t padded,
                            __m512i s[I8_TOKENS][I8_ROWS])
{
    __m512i b[I8_ROWS];
    UNROLL for (size_t j = 0; j < I8_ROWS; j++)
        b[j] = _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(m, row[j] + i));
    UNROLL for (size_t t = 0; t < nt; t++) {
        __m512i x = _mm512_loadu_si512(q + t * padded + i);
        UNROLL for (size_t j = 0; j < I8_ROWS; j++)
            s[t][j] = _mm512_dpwssd_epi32(s[t][j], x, b[j]);
    }
}

/* nt tokens by four rows */
ALWAYS_INLINE void i8_tile(size_t nt, const int8_t *const row[I8_ROWS], size_t k, const int16_t *q, size_t padded, __m512 scale,
                           __m512 bias, const float *step, size_t nr, float *out, size_t out_stride)
{
    __m512i s[I8_TOKENS][I8_ROWS];
    UNROLL for (size_t t = 0; t < I8_TOKENS; t++)
        UNROLL for (size_t j = 0; j < I8_ROWS; j++)
            s[t][j] = _mm512_setzero_si512();
    for (size_t i = 0; i + 32 <= k; i += 32)
        i8_block(nt, row, 0xffffffffu, i, q, padded, s);
    if (k % 32)
        i8_block(nt, row, (1u << k % 32) - 1, k / 32 * 32, q, padded, s);
    /* [token][row] in 16 lanes */
    __m512i t0 = fold4(s[0]), t1 = fold4(s[1]), t2 = fold4(s[2]), t3 = fold4(s[3]);
    __m512i t01 = _mm512_add_epi32(_mm512_shuffle_i32x4(t0, t1, 0x88), _mm512_shuffle_i32x4(t0, t1, 0xdd));
    __m512i t23 = _mm512_add_epi32(_mm512_shuffle_i32x4(t2, t3, 0x88), _mm512_shuffle_i32x4(t2, t3, 0xdd));
    __m512i sums = _mm512_add_epi32(_mm512_shuffle_i32x4(t01, t23, 0x88), _mm512_shuffle_i32x4(t01, t23, 0xdd));
    __m512 steps = _mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3),
                                         _mm512_maskz_loadu_ps(part(nt), step));
    __m512 v = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), _mm512_mul_ps(scale, steps), bias);
    float lanes[16];
    _mm512_storeu_ps(lanes, v);
    UNROLL for (size_t t = 0; t < nt; t++)
        _mm_mask_storeu_ps(out + t * out_stride, (__mmask8)((1u << nr) - 1), _mm_loadu_ps(lanes + 4 * t));
}

static void linear_i8(const int8_t *w, const float *scale, const float *bias, size_t rows, size_t k, const int16_t *q,
                      const float *step, size_t n, float *out, size_t out_stride)
{
    size_t padded = tensor_round_up(k, TENSOR_I8_BLOCK);
    for (size_t r = 0; r < rows; r += I8_ROWS) {
        size_t nr = rows - r < I8_ROWS ? rows - r : I8_ROWS;
        const int8_t *row[I8_ROWS];
        __mmask8 m = (__mmask8)((1u << nr) - 1);
        __m512 scales = _mm512_broadcast_f32x4(_mm_maskz_loadu_ps(m, scale + r));
        __m512 biases = bias ? _mm512_broadcast_f32x4(_mm_maskz_loadu_ps(m, bias + r)) : _mm512_setzero_ps();
        for (size_t j = 0; j < I8_ROWS; j++) /* beyond the end the last row is computed again */
            row[j] = w + (r + (j < nr ? j : nr - 1)) * k;
        size_t tiles = (n + I8_TOKENS - 1) / I8_TOKENS;
        for (size_t i = 0; i < tiles; i++) {
            size_t t = n * i / tiles;
            const int16_t *x = q + t * padded;
            float *to = out + t * out_stride + r;
            switch (n * (i + 1) / tiles - t) {
            case 1:
                i8_tile(1, row, k, x, padded, scales, biases, step + t, nr, to, out_stride);
                break;
            case 2:
                i8_tile(2, row, k, x, padded, scales, biases, step + t, nr, to, out_stride);
                break;
            case 3:
                i8_tile(3, row, k, x, padded, scales, biases, step + t, nr, to, out_stride);
                break;
            default:
                i8_tile(4, row, k, x, padded, scales, biases, step + t, nr, to, out_stride);
            }
        }
    }
}
