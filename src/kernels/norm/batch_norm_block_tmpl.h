/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks of batch_norm_tmpl.h: a few rows of W channels that stand side by side, one vector a row. Included once for
 * each width, so no guard. exp: range reduction and polynomial of Cephes' expf (Moshier), relative error below 2e-7. */

#define B(x) B_(x, W)
#define B_(x, w) B__(x, w)
#define B__(x, w) FN(x##_##w)

typedef T B(vec) __attribute__((vector_size(W * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef MASK_OF_T B(mask) __attribute__((vector_size(W * sizeof(T)), may_alias));
#define VEC(p) (*(const B(vec) *)(p))
#define PUT(p, v) (*(B(vec) *)(p) = (v))
#define SELECT(m, yes, no) ((B(vec))(((m) & (B(mask))(yes)) | (~(m) & (B(mask))(no))))

INLINE B(vec) B(spread)(T x)
{
    B(vec) v = {0};
    return v + x;
}

INLINE B(vec) B(sigmoid)(B(vec) z)
{
#ifdef T_IS_DOUBLE
    B(vec) e;
    for (int j = 0; j < W; j++) e[j] = exp(-z[j]);
    return 1 / (1 + e);
#else
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds, its low bits are the integer */
    B(vec) x = -z;
    x = SELECT((B(mask))(x > 88.0f), B(spread)(88.0f), x);
    x = SELECT((B(mask))(x < -87.0f), B(spread)(-87.0f), x);
    const B(vec) t = x * 1.44269504088896341f + magic, n = t - magic;
    const B(vec) r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    B(vec) p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const B(mask) two_n = ((B(mask))t - (0x4b400000 - 127)) << 23;
    return 1.0f / (1.0f + p * (B(vec))two_n);
#endif
}

/* act(z) */
INLINE B(vec) B(act)(B(vec) z, int kind, B(vec) lo, B(vec) hi)
{
    if (kind == WHET_BN_CLIP) {
        z = SELECT((B(mask))(z < lo), lo, z);
        z = SELECT((B(mask))(z > hi), hi, z);
    }
    if (kind == WHET_BN_SILU) z = z * B(sigmoid)(z);
    return z;
}

/* dy * act'(z); for a clip z may be y */
INLINE B(vec) B(act_grad)(B(vec) dy, B(vec) z, int kind, B(vec) lo, B(vec) hi)
{
    if (kind == WHET_BN_CLIP) return (B(vec))((B(mask))dy & (B(mask))(z > lo) & (B(mask))(z < hi));
    if (kind == WHET_BN_SILU) {
        const B(vec) s = B(sigmoid)(z);
        return dy * (s * (1 + z * (1 - s)));
    }
    return dy;
}

INLINE void B(sums)(int64_t rows, int64_t step, const T *x, const T *shift, T *sum, T *more)
{
    const B(vec) sh = VEC(shift);
    B(vec) s = VEC(sum), m = VEC(more);
    for (int64_t r = 0; r < rows; r++) {
        const B(vec) d = VEC(x + r * step) - sh;
        s += d;
        m += d * d;
    }
    PUT(sum, s);
    PUT(more, m);
}

INLINE void B(apply)(int64_t rows, int64_t step, const T *x, const T *mean, const T *a, const T *b, const T *res,
                     int kind, const whet_bn_act *act, bool stream, T *y)
{
    const B(vec) vm = VEC(mean), va = VEC(a), vb = VEC(b);
    const B(vec) lo = B(spread)(kind == WHET_BN_CLIP ? (T)act->lo : 0), hi = B(spread)(kind == WHET_BN_CLIP ? (T)act->hi : 0);
    (void)stream;
    for (int64_t r = 0; r < rows; r++) {
        B(vec) z = (VEC(x + r * step) - vm) * va + vb;
        if (res != 0) z += VEC(res + r * step);
        z = B(act)(z, kind, lo, hi);
#if defined(STREAM) && W == LANES
        if (stream) {
            STREAM(y + r * step, z);
            continue;
        }
#endif
        PUT(y + r * step, z);
    }
}

INLINE void B(grad_sums)(int64_t rows, int64_t step, const T *dy, const T *x, const T *y, const T *mean, const T *a,
                         const T *b, int kind, const whet_bn_act *act, T *g, T *sum, T *more)
{
    const B(vec) vm = VEC(mean), va = VEC(a), vb = VEC(b);
    const B(vec) lo = B(spread)(kind == WHET_BN_CLIP ? (T)act->lo : 0), hi = B(spread)(kind == WHET_BN_CLIP ? (T)act->hi : 0);
    B(vec) s = VEC(sum), m = VEC(more);
    for (int64_t r = 0; r < rows; r++) {
        const B(vec) d = VEC(x + r * step) - vm;
        B(vec) z = d * va + vb;
        if (y != 0) z = VEC(y + r * step);
        const B(vec) e = B(act_grad)(VEC(dy + r * step), z, kind, lo, hi);
        s += e;
        m += e * d;
        if (g != 0) PUT(g + r * step, e);
    }
    PUT(sum, s);
    PUT(more, m);
}

INLINE void B(grad_apply)(int64_t rows, int64_t step, const T *dy, const T *x, const T *mean, const T *a, const T *b,
                          int kind, const whet_bn_act *act, const T *p, const T *q, T *dx)
{
    const B(vec) vm = VEC(mean), va = VEC(a), vb = VEC(b), vp = VEC(p), vq = VEC(q);
    const B(vec) lo = B(spread)(kind == WHET_BN_CLIP ? (T)act->lo : 0), hi = B(spread)(kind == WHET_BN_CLIP ? (T)act->hi : 0);
    for (int64_t r = 0; r < rows; r++) {
        const B(vec) d = VEC(x + r * step) - vm;
        const B(vec) e = B(act_grad)(VEC(dy + r * step), d * va + vb, kind, lo, hi);
        PUT(dx + r * step, va * e + vp * d + vq);
    }
}

#undef B
#undef B_
#undef B__
#undef VEC
#undef PUT
#undef SELECT
#undef W
