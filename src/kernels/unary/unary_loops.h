/* SPDX-License-Identifier: Apache-2.0 */
/* Loops over one storage type around the functions of unary.def; includer defines S, T, C, M, LD, ST. */
#define U(name, from_y, f, df)                                                                                      \
    static void ELEM_CAT(name##_, S)(int64_t n, const void *src, void *dst, const float *par)                       \
    {                                                                                                               \
        const T *s = src;                                                                                           \
        T *d = dst;                                                                                                 \
        const C p0 = par[0], p1 = par[1];                                                                           \
        (void)p0, (void)p1;                                                                                         \
        ELEM_INDEPENDENT                                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const C x = LD(s[i]);                                                                                   \
            d[i] = ST(f);                                                                                           \
        }                                                                                                           \
    }                                                                                                               \
    static void ELEM_CAT(name##_grad_, S)(int64_t n, const void *diff_dst, const void *v, void *diff_src, const float *par) \
    {                                                                                                               \
        const T *g = diff_dst, *s = v;                                                                              \
        T *d = diff_src;                                                                                            \
        const C p0 = par[0], p1 = par[1];                                                                           \
        (void)p0, (void)p1;                                                                                         \
        ELEM_INDEPENDENT                                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const C x = LD(s[i]), y = x;                                                                            \
            (void)y;                                                                                                \
            d[i] = ST(LD(g[i]) * (df));                                                                             \
        }                                                                                                           \
    }
#include "kernels/unary/unary.def"
#undef U

static void ELEM_CAT(clip_, S)(int64_t n, const void *src, void *dst, const void *lo, const void *hi)
{
    const T *s = src;
    T *d = dst;
    const C a = lo != NULL ? LD(*(const T *)lo) : (C)-INFINITY, b = hi != NULL ? LD(*(const T *)hi) : (C)INFINITY;
    ELEM_INDEPENDENT
    for (int64_t i = 0; i < n; i++) {
        C x = LD(s[i]);
        x = x < a ? a : x;
        d[i] = ST(x > b ? b : x);
    }
}

static void ELEM_CAT(clip_grad_, S)(int64_t n, const void *diff_dst, const void *x, void *diff_src, const void *lo, const void *hi)
{
    const T *g = diff_dst, *s = x;
    T *d = diff_src;
    const C a = lo != NULL ? LD(*(const T *)lo) : (C)-INFINITY, b = hi != NULL ? LD(*(const T *)hi) : (C)INFINITY;
    ELEM_INDEPENDENT
    for (int64_t i = 0; i < n; i++) {
        const C v = LD(s[i]);
        d[i] = ST(v > a && v < b ? LD(g[i]) : (C)0);
    }
}

static void ELEM_CAT(isnan_, S)(int64_t n, const void *src, void *dst, const float *par)
{
    const T *s = src;
    uint8_t *d = dst;
    (void)par;
    for (int64_t i = 0; i < n; i++) d[i] = (uint8_t)(isnan(LD(s[i])) != 0);
}

static void ELEM_CAT(isinf_, S)(int64_t n, const void *src, void *dst, const float *par)
{
    const T *s = src;
    uint8_t *d = dst;
    for (int64_t i = 0; i < n; i++) {
        const C x = LD(s[i]);
        d[i] = isinf(x) && ((x < 0 && par[0] != 0) || (x > 0 && par[1] != 0));
    }
}
