/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of the float functions for one element type. Defined by the includer: S suffix, T storage, C compute type,
 * M(fn), LD(x), ST(x). */
static inline C M(softplus)(C x) { return M(fmax)(x, 0) + M(log1p)(M(exp)(-M(fabs)(x))); }
static inline C M(gelu_tanh_slope)(C x)
{
    C t = M(tanh)((C)0.79788456080286536 * (x + (C)0.044715 * x * x * x));
    return (C)0.5 * (1 + t) + (C)0.5 * x * (1 - t * t) * (C)0.79788456080286536 * (1 + (C)0.134145 * x * x);
}
static inline C M(swish_slope)(C x, C alpha)
{
    C s = 1 / (1 + M(exp)(-alpha * x));
    return s + alpha * x * s * (1 - s);
}
static inline C M(mish_slope)(C x)
{
    C t = M(tanh)(M(softplus)(x));
    return t + x * (1 - t * t) / (1 + M(exp)(-x));
}
