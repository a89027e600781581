/* SPDX-License-Identifier: Apache-2.0 */
/* Exponential, logarithm, error function and what is built from them, for vectors of floats.
 *
 * Bounds, checked by kcheck over the whole range against the C library in double, relative to the result in units of 2^-23:
 * exp, expm1, log 1; tanh, sigmoid 2; softplus 3; erf, silu, mish 4. gelu and gelu_tanh: 4 units of |x|. Below 2^-115 the
 * error is that much at most instead, and denormals may be flushed. NaN gives NaN; infinities give the limit, also where the
 * naive formula gives 0 * infinity.
 *
 * Method: x = n ln 2 + r with ln 2 in two parts (Cody and Waite, Software Manual for the Elementary Functions, 1980) and
 * polynomials or rational functions of least largest relative error, found by Lawson's iteration (reweighted least squares);
 * their own errors are below 2^-25. */
#ifndef WHET_KERNELS_VEC_MATH_H
#define WHET_KERNELS_VEC_MATH_H

#include <math.h>

#include "kernels/vec.h"

/* n and e^r - 1, where x = n ln 2 + r, |r| <= ln 2 / 2. */
ALWAYS_INLINE vf vm_exp_parts(vf x, vf *n)
{
    *n = vf_round(x * vf_set(1.44269504f));
    vf r = vf_fnma(*n, vf_set(0.693359375f), x);
    r = vf_fnma(*n, vf_set(-2.12194440e-4f), r);
    vf p = vf_set(1.38144645e-3f);
    p = vf_fma(p, r, vf_set(8.36878456e-3f));
    p = vf_fma(p, r, vf_set(4.16683927e-2f));
    p = vf_fma(p, r, vf_set(1.66665196e-1f));
    p = vf_fma(p, r, vf_set(4.99999926e-1f));
    return vf_fma(p, r * r, r);
}

ALWAYS_INLINE vf vm_exp(vf x)
{
    vf n;
    x = vf_max(vf_set(-104.0f), vf_min(vf_set(89.0f), x)); /* in this order NaN stays */
    const vf q = vm_exp_parts(x, &n);
    return vf_exp2_times(q + vf_set(1.0f), n);
}

/* -87 <= x <= 88: 2^n is a float. One multiplication less, and no denormals. */
ALWAYS_INLINE vf vm_exp_mid(vf x)
{
    vf n;
    const vf q = vm_exp_parts(x, &n);
#if VF == 16
    return vf_exp2_times(q + vf_set(1.0f), n);
#else
    return (q + vf_set(1.0f)) * vf_bits(vi_left(vi_add(vi_round(n), vi_set(127)), 23));
#endif
}

/* e^x - 1 for x <= 88 (infinite above), without cancellation. */
ALWAYS_INLINE vf vm_expm1(vf x)
{
    vf n;
    x = vf_max(vf_set(-40.0f), vf_min(vf_set(89.0f), x));
    const vf q = vm_exp_parts(x, &n), two_n = vf_exp2_times(vf_set(1.0f), n);
    return vf_sel(vf_lt(vf_set(127.5f), n), vf_exp2_times(q + vf_set(1.0f), n), vf_fma(two_n, q, two_n - vf_set(1.0f)));
}

ALWAYS_INLINE vf vm_sigmoid(vf x)
{
    const vf e = vm_exp_mid(vf_max(vf_set(-87.0f), vf_min(vf_set(87.0f), vf_negated(x))));
    return vf_recip(e + vf_set(1.0f));
}

/* t / (t + 2), t = e^(2|x|) - 1. */
ALWAYS_INLINE vf vm_tanh(vf x)
{
    vf n;
    vf a = vf_min(vf_set(9.5f), vf_abs(x));
    a = a + a;
    const vf q = vm_exp_parts(a, &n), two_n = vf_exp2_times(vf_set(1.0f), n);
    const vf t = vf_fma(two_n, q, two_n - vf_set(1.0f));
    return vf_signed_as(vf_min(vf_set(1.0f), t * vf_recip(t + vf_set(2.0f))), x);
}

/* x P(x^2) / Q(x^2) up to 3.93, where the result rounds to 1. */
ALWAYS_INLINE vf vm_erf(vf x)
{
    const vf a = vf_abs(x), b = vf_min(vf_set(3.93f), a), z = b * b;
    vf p = vf_set(2.04192919e-6f), q = vf_set(3.80034755e-5f);
    p = vf_fma(p, z, vf_set(2.84805478e-4f));
    q = vf_fma(q, z, vf_set(1.16520644e-3f));
    p = vf_fma(p, z, vf_set(3.77960836e-3f));
    q = vf_fma(q, z, vf_set(1.49974426e-2f));
    p = vf_fma(p, z, vf_set(5.27902851e-2f));
    q = vf_fma(q, z, vf_set(1.14257640e-1f));
    p = vf_fma(p, z, vf_set(1.90784239e-1f));
    q = vf_fma(q, z, vf_set(5.02410849e-1f));
    p = vf_fma(p, z, vf_set(1.12837915f));
    q = vf_fma(q, z, vf_set(1.0f));
    vf y = b * p * vf_recip(q);
    y = vf_sel(vf_lt(vf_set(3.92f), a), vf_set(1.0f), y);
    return vf_signed_as(y, x);
}

/* ln x. */
ALWAYS_INLINE vf vm_log(vf x)
{
    const vf one = vf_set(1.0f);
#if VF == 16
    vf n = _mm512_getexp_ps(x), m = _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src);
#else
    const vm tiny = vf_lt(x, vf_set(1.17549435e-38f));
    const vi b = vi_bits(vf_sel(tiny, x * vf_set(8388608.0f), x));
    vf n = vf_of(vi_sub(vi_right(b, 23), vi_set(127))) - vf_sel(tiny, vf_set(23.0f), vf_set(0.0f));
    vf m = vf_bits(vi_or(vi_and(b, vi_set(0x7fffff)), vi_set(0x3f800000)));
#endif
    const vm high = vf_lt(vf_set(1.41421356f), m);
    m = vf_sel(high, m * vf_set(0.5f), m);
    n = vf_sel(high, n + one, n);
    const vf f = m - one, z = f * f;
    vf p = vf_set(-7.63443e-2f);
    p = vf_fma(p, f, vf_set(1.276155e-1f));
    p = vf_fma(p, f, vf_set(-1.3160195e-1f));
    p = vf_fma(p, f, vf_set(1.4201762e-1f));
    p = vf_fma(p, f, vf_set(-1.6623356e-1f));
    p = vf_fma(p, f, vf_set(2.0001227e-1f));
    p = vf_fma(p, f, vf_set(-2.5000821e-1f));
    p = vf_fma(p, f, vf_set(3.3333332e-1f));
    vf y = vf_fma(p * f, z, n * vf_set(-2.12194440e-4f));
    y = vf_fnma(vf_set(0.5f), z, y);
    y = vf_fma(n, vf_set(0.693359375f), y + f);
    y = vf_sel(vf_eq(x, vf_set(INFINITY)), x, y);
    y = vf_sel(vf_eq(x, vf_set(0.0f)), vf_set(-INFINITY), y);
    return vf_sel(vm_or(vf_lt(x, vf_set(0.0f)), vf_nan(x)), vf_set(NAN), y);
}

/* ln(1 + t) for 0 <= t <= 1. */
ALWAYS_INLINE vf vm_log1p_unit(vf t)
{
    vf p = vf_set(3.41728e-3f), q = vf_set(7.528729e-2f);
    p = vf_fma(p, t, vf_set(2.3815754e-1f));
    q = vf_fma(q, t, vf_set(6.8793632e-1f));
    p = vf_fma(p, t, vf_set(1.06621849f));
    q = vf_fma(q, t, vf_set(1.56621836f));
    p = vf_fma(p, t, vf_set(1.0f));
    q = vf_fma(q, t, vf_set(1.0f));
    return t * p * vf_recip(q);
}

ALWAYS_INLINE vf vm_softplus(vf x)
{
    return vf_max(vf_set(0.0f), x) + vm_log1p_unit(vm_exp(vf_negated(vf_abs(x))));
}

/* max(x, least), NaN stays: finite from below where another factor goes to zero. */
ALWAYS_INLINE vf vm_at_least(float least, vf x) { return vf_max(vf_set(least), x); }

ALWAYS_INLINE vf vm_silu(vf x, vf alpha)
{
    const vf ax = alpha * x;
    return vf_sel(vf_lt(ax, vf_set(-87.0f)), vf_set(0.0f), x * vm_sigmoid(ax));
}
ALWAYS_INLINE vf vm_hard_sigmoid(vf x, vf slope, vf offset)
{
    return vf_max(vf_set(0.0f), vf_min(vf_set(1.0f), vf_fma(slope, x, offset)));
}
ALWAYS_INLINE vf vm_hard_swish(vf x)
{
    return vm_at_least(-3.0f, x) * vm_hard_sigmoid(x, vf_set(1.0f / 6.0f), vf_set(0.5f));
}
ALWAYS_INLINE vf vm_gelu(vf x)
{
    const vf half = vm_at_least(-1e30f, x) * vf_set(0.5f);
    return vf_fma(half, vm_erf(x * vf_set(0.70710678f)), half);
}
/* 0.5 (1 + tanh u) = sigmoid(2u). */
ALWAYS_INLINE vf vm_gelu_tanh(vf x)
{
    const vf b = vf_max(vf_set(-30.0f), vf_min(vf_set(30.0f), x));
    return vm_at_least(-30.0f, x) * vm_sigmoid(b * vf_fma(b * b, vf_set(0.0713548163f), vf_set(1.59576912f)));
}
/* tanh(ln(1 + e)) = (e^2 + 2e) / (e^2 + 2e + 2), e = e^x. */
ALWAYS_INLINE vf vm_mish(vf x)
{
    const vf e = vm_exp_mid(vf_max(vf_set(-87.0f), vf_min(vf_set(20.0f), x))), n = e * (e + vf_set(2.0f));
    return vm_at_least(-87.0f, x) * (n * vf_recip(n + vf_set(2.0f)));
}

/* --- derivatives */

ALWAYS_INLINE vf vm_hard_sigmoid_slope(vf x, vf slope, vf offset)
{
    const vf z = vf_fma(slope, x, offset), zero = vf_set(0.0f);
    return vf_sel(vm_and(vf_lt(zero, z), vf_lt(z, vf_set(1.0f))), slope, zero);
}
ALWAYS_INLINE vf vm_hard_swish_slope(vf x)
{
    const vf z = vf_fma(x, vf_set(1.0f / 3.0f), vf_set(0.5f));
    return vf_sel(vf_le(x, vf_set(-3.0f)), vf_set(0.0f), vf_sel(vf_le(vf_set(3.0f), x), vf_set(1.0f), z));
}
/* 1/2 + an odd function: x P(x^2) / Q(x^2) up to 6, where it has come back to 1/2. */
ALWAYS_INLINE vf vm_gelu_slope(vf x)
{
    const vf a = vf_abs(x), b = vf_min(vf_set(6.0f), a), z = b * b;
    vf p = vf_set(1.68627317e-08f), q = vf_fma(z, vf_set(1.30494848e-09f), vf_set(3.33830286e-07f));
    p = vf_fma(p, z, vf_set(9.06559649e-07f));
    q = vf_fma(q, z, vf_set(1.02413478e-05f));
    p = vf_fma(p, z, vf_set(3.40996521e-05f));
    q = vf_fma(q, z, vf_set(0.000243879753f));
    p = vf_fma(p, z, vf_set(0.000197156973f));
    q = vf_fma(q, z, vf_set(0.00395608833f));
    p = vf_fma(p, z, vf_set(0.013869307f));
    q = vf_fma(q, z, vf_set(0.0440229997f));
    p = vf_fma(p, z, vf_set(-0.0226714239f));
    q = vf_fma(q, z, vf_set(0.304918677f));
    p = vf_fma(p, z, vf_set(0.797884524f));
    q = vf_fma(q, z, vf_set(1.0f));
    vf y = b * p * vf_recip(q);
    y = vf_sel(vf_lt(vf_set(5.95f), a), vf_set(0.5f), y);
    return vf_set(0.5f) + vf_bits(vi_xor(vi_bits(y), vi_and(vi_bits(x), vi_set(INT32_MIN))));
}
/* sigmoid(x), and *rest = 1 - sigmoid(x) without cancellation. */
ALWAYS_INLINE vf vm_sigmoid_both(vf x, vf *rest)
{
    const vf e = vm_exp_mid(vf_max(vf_set(-87.0f), vf_min(vf_set(87.0f), vf_negated(x)))), s = vf_recip(e + vf_set(1.0f));
    *rest = e * s;
    return s;
}
/* x s(v(x)), v = x (a + c x^2): s + x v'(x) s (1 - s). */
ALWAYS_INLINE vf vm_gelu_tanh_slope(vf x)
{
    const vf b = vf_max(vf_set(-30.0f), vf_min(vf_set(30.0f), x)), bb = b * b;
    const vf a = vf_set(1.59576912f), c = vf_set(0.0713548163f);
    vf rest;
    const vf s = vm_sigmoid_both(b * vf_fma(bb, c, a), &rest), dv = vf_fma(bb, c * vf_set(3.0f), a);
    return vf_fma(b * dv * s, rest, s);
}
ALWAYS_INLINE vf vm_silu_slope(vf x, vf alpha)
{
    vf rest;
    const vf ax = vf_max(vf_set(-200.0f), vf_min(vf_set(200.0f), alpha * x)), s = vm_sigmoid_both(ax, &rest);
    return vf_fma(ax * s, rest, s);
}
/* t + x (1 - t^2) s, t = tanh(softplus(x)), s = sigmoid(x); 1 - t^2 = 4 (n + 1) / (n + 2)^2. */
ALWAYS_INLINE vf vm_mish_slope(vf x)
{
    const vf b = vf_max(vf_set(-87.0f), vf_min(vf_set(20.0f), x)), e = vm_exp_mid(b), n = e * (e + vf_set(2.0f));
    const vf w = vf_recip(n + vf_set(2.0f)), s = vm_sigmoid(b);
    return vf_fma(b * s * vf_set(4.0f) * (n + vf_set(1.0f)), w * w, n * w);
}

#endif
