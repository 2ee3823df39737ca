/* vector_math.h - exp and the activations over the vector type that the including file defines (vf, v_fma, ...).
 *
 * exp: x = n ln 2 + r, Taylor's polynomial of degree 6 in r (relative error 1.3e-7). erf: Abramowitz & Stegun 7.1.26
 * (absolute error 1.5e-7). */

static inline vf v_exp(vf x)
{
    x = v_min(v_set1(88.0f), v_max(v_set1(-87.0f), x)); /* in this order a NaN stays one */
    vf n = v_round(v_mul(x, v_set1(1.44269504f)));
    vf r = v_fma(n, v_set1(-0.693359375f), x); /* ln 2 in two parts, the first exact in products with n */
    r = v_fma(n, v_set1(2.12194440e-4f), r);
    vf p = v_set1(1.0f / 720);
    p = v_fma(p, r, v_set1(1.0f / 120));
    p = v_fma(p, r, v_set1(1.0f / 24));
    p = v_fma(p, r, v_set1(1.0f / 6));
    p = v_fma(p, r, v_set1(0.5f));
    p = v_fma(p, r, v_set1(1.0f));
    p = v_fma(p, r, v_set1(1.0f));
    return v_mul(p, v_pow2(n));
}

/* x * (1 + erf(x / sqrt 2)) / 2 */
static inline vf v_gelu(vf v)
{
    vf z = v_mul(v, v_set1(0.70710678f)), a = v_abs(z);
    vf t = v_div(v_set1(1.0f), v_fma(a, v_set1(0.3275911f), v_set1(1.0f)));
    vf p = v_set1(1.061405429f);
    p = v_fma(p, t, v_set1(-1.453152027f));
    p = v_fma(p, t, v_set1(1.421413741f));
    p = v_fma(p, t, v_set1(-0.284496736f));
    p = v_fma(p, t, v_set1(0.254829592f));
    vf tail = v_mul(v_mul(p, t), v_exp(v_sub(v_set1(0), v_mul(a, a)))); /* 1 - erf|z| */
    vf half = v_mul(v, v_set1(0.5f));
    /* x >= 0: x - x/2 * tail; x < 0: x/2 * tail */
    return v_select_negative(v, v_mul(half, tail), v_sub(v, v_mul(half, tail)));
}

/* x * sigmoid(1.702 x) */
static inline vf v_quick_gelu(vf v)
{
    return v_div(v, v_add(v_set1(1.0f), v_exp(v_mul(v, v_set1(-1.702f)))));
}
