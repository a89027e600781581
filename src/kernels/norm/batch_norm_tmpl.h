/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of batch_norm.h for element type T, names through FN(). Lane counts are constants in the inlined copies, so that
 * the compiler makes vectors of the inner loops; the order of every sum is the same in all of them. */

#ifndef WHET_BATCH_NORM_TMPL_ONCE
#define WHET_BATCH_NORM_TMPL_ONCE
#define LANES 16
#define BLOCK 128
#define INLINE static inline __attribute__((always_inline))
/* Runs call for blocks of rows and, inside, for all channels of them, LANES at a time. */
#define FOR_ROW_BLOCKS(call)                                                                                        \
    for (int64_t r = 0; r < rows; r += BLOCK) {                                                                     \
        const int64_t nr = (rows) - r < BLOCK ? rows - r : BLOCK;                                                     \
        for (int64_t c = 0; c < channels;) {                                                                        \
            const int64_t o = r * channels + c;                                                                     \
            if (channels - c >= LANES) {                                                                            \
                const int lanes = LANES;                                                                            \
                call;                                                                                               \
                c += LANES;                                                                                         \
            } else {                                                                                                \
                const int lanes = (int)(channels - c);                                                              \
                call;                                                                                               \
                c += lanes;                                                                                         \
            }                                                                                                       \
        }                                                                                                           \
    }
#define AT(p, o) ((p) != 0 ? (p) + (o) : 0)
#endif

/* A full block as one value: the compiler keeps it in registers, which it does not do with every array. */
typedef T FN(vec) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef MASK_OF_T FN(mask) __attribute__((vector_size(LANES * sizeof(T)), may_alias));
#define VEC(p) (*(const FN(vec) *)(p))

INLINE void FN(sums_full)(int64_t rows, int64_t step, const T *x, const T *shift, double *sum, double *more)
{
    const FN(vec) sh = VEC(shift);
    FN(vec) s = {0}, m = {0};
    for (int64_t r = 0; r < rows; r++) {
        const FN(vec) d = VEC(x + r * step) - sh;
        s += d;
        m += d * d;
    }
    for (int j = 0; j < LANES; j++) sum[j] += (double)s[j];
    for (int j = 0; j < LANES; j++) more[j] += (double)m[j];
}

INLINE void FN(sums_block)(int64_t rows, int64_t step, const T *x, const T *shift, double *sum, double *more, int lanes)
{
    T s[LANES] = {0}, m[LANES] = {0};
    if (lanes == LANES) {
        FN(sums_full)(rows, step, x, shift, sum, more);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int j = 0; j < lanes; j++) {
            const T d = x[r * step + j] - shift[j];
            s[j] += d;
            m[j] += d * d;
        }
    for (int j = 0; j < lanes; j++) sum[j] += (double)s[j];
    for (int j = 0; j < lanes; j++) more[j] += (double)m[j];
}

void FN(sums_rows)(int64_t rows, int64_t channels, const T *x, const T *shift, double *sum, double *more)
{
    FOR_ROW_BLOCKS(FN(sums_block)(nr, channels, x + o, shift + c, sum + c, more + c, lanes))
}

INLINE void FN(apply_block)(int64_t rows, int64_t step, const T *x, const T *mean, const T *a, const T *b, const T *res,
                            bool relu, T *y, int lanes)
{
    if (lanes == LANES) {
        const FN(vec) vm = VEC(mean), va = VEC(a), vb = VEC(b);
        for (int64_t r = 0; r < rows; r++) {
            FN(vec) z = (VEC(x + r * step) - vm) * va + vb;
            if (res != 0) z += VEC(res + r * step);
            if (relu) z = (FN(vec))((FN(mask))z & ~(FN(mask))(z < 0));
            *(FN(vec) *)(y + r * step) = z;
        }
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        T z[LANES];
        for (int j = 0; j < lanes; j++) z[j] = (x[r * step + j] - mean[j]) * a[j] + b[j];
        if (res != 0)
            for (int j = 0; j < lanes; j++) z[j] += res[r * step + j];
        if (relu)
            for (int j = 0; j < lanes; j++) z[j] = z[j] < 0 ? 0 : z[j];
        for (int j = 0; j < lanes; j++) y[r * step + j] = z[j];
    }
}

void FN(apply_rows)(int64_t rows, int64_t channels, const T *x, const T *mean, const T *a, const T *b, const T *residual,
                    bool relu, T *y)
{
    if (residual != 0 && relu)
        FOR_ROW_BLOCKS(FN(apply_block)(nr, channels, x + o, mean + c, a + c, b + c, residual + o, true, y + o, lanes))
    else if (residual != 0)
        FOR_ROW_BLOCKS(FN(apply_block)(nr, channels, x + o, mean + c, a + c, b + c, residual + o, false, y + o, lanes))
    else if (relu)
        FOR_ROW_BLOCKS(FN(apply_block)(nr, channels, x + o, mean + c, a + c, b + c, 0, true, y + o, lanes))
    else
        FOR_ROW_BLOCKS(FN(apply_block)(nr, channels, x + o, mean + c, a + c, b + c, 0, false, y + o, lanes))
}

enum { FN(mask_none), FN(mask_x), FN(mask_y) };

INLINE void FN(grad_sums_block)(int64_t rows, int64_t step, const T *dy, const T *x, const T *y, const T *mean, const T *a,
                                const T *b, int mask, T *g, double *sum, double *more, int lanes)
{
    T s[LANES] = {0}, m[LANES] = {0};
    for (int64_t r = 0; r < rows; r++) {
        T v[LANES];
        for (int j = 0; j < lanes; j++) {
            const T d = x[r * step + j] - mean[j];
            T e = dy[r * step + j];
            if (mask == FN(mask_x)) e = d * a[j] + b[j] > 0 ? e : 0;
            if (mask == FN(mask_y)) e = y[r * step + j] > 0 ? e : 0;
            s[j] += e;
            m[j] += e * d;
            v[j] = e;
        }
        if (g != 0)
            for (int j = 0; j < lanes; j++) g[r * step + j] = v[j];
    }
    for (int j = 0; j < lanes; j++) sum[j] += (double)s[j];
    for (int j = 0; j < lanes; j++) more[j] += (double)m[j];
}

void FN(grad_sums_rows)(int64_t rows, int64_t channels, const T *dy, const T *x, const T *y, const T *mean, const T *a,
                        const T *b, bool relu, T *g, double *sum, double *more)
{
    if (relu && y != 0)
        FOR_ROW_BLOCKS(FN(grad_sums_block)(nr, channels, dy + o, x + o, y + o, mean + c, a + c, b + c, FN(mask_y), AT(g, o),
                                           sum + c, more + c, lanes))
    else if (relu)
        FOR_ROW_BLOCKS(FN(grad_sums_block)(nr, channels, dy + o, x + o, 0, mean + c, a + c, b + c, FN(mask_x), AT(g, o),
                                           sum + c, more + c, lanes))
    else
        FOR_ROW_BLOCKS(FN(grad_sums_block)(nr, channels, dy + o, x + o, 0, mean + c, a + c, b + c, FN(mask_none), AT(g, o),
                                           sum + c, more + c, lanes))
}

INLINE void FN(grad_apply_block)(int64_t rows, int64_t step, const T *dy, const T *x, const T *mean, const T *a, const T *b,
                                 bool relu, const T *p, const T *q, T *dx, int lanes)
{
    for (int64_t r = 0; r < rows; r++) {
        T v[LANES];
        for (int j = 0; j < lanes; j++) {
            const T d = x[r * step + j] - mean[j];
            T e = dy[r * step + j];
            if (relu) e = d * a[j] + b[j] > 0 ? e : 0;
            v[j] = a[j] * e + p[j] * d + q[j];
        }
        for (int j = 0; j < lanes; j++) dx[r * step + j] = v[j];
    }
}

void FN(grad_apply_rows)(int64_t rows, int64_t channels, const T *dy, const T *x, const T *mean, const T *a, const T *b,
                         bool relu, const T *p, const T *q, T *dx)
{
    if (relu)
        FOR_ROW_BLOCKS(FN(grad_apply_block)(nr, channels, dy + o, x + o, mean + c, a + c, b + c, true, p + c, q + c, dx + o, lanes))
    else
        FOR_ROW_BLOCKS(FN(grad_apply_block)(nr, channels, dy + o, x + o, mean + c, a + c, b + c, false, p + c, q + c, dx + o, lanes))
}

/* A plane is rows of LANES positions that share one channel's values; the lanes are added up in order at the end. */
typedef struct FN(splat) { T v[LANES]; } FN(splat);

INLINE FN(splat) FN(spread)(const T *x)
{
    FN(splat) s;
    for (int j = 0; j < LANES; j++) s.v[j] = x != 0 ? *x : 0;
    return s;
}

INLINE void FN(gather)(const double *lanes, double *out)
{
    double total = 0;
    for (int j = 0; j < LANES; j++) total += lanes[j];
    *out += total;
}

#define PLANE_BLOCKS(n, call)                                                                                       \
    for (int64_t at = 0; at < (n);) {                                                                               \
        if ((n) - at >= LANES) {                                                                                    \
            const int64_t left = ((n) - at) / LANES, nr = left < BLOCK ? left : BLOCK;                              \
            const int lanes = LANES;                                                                                \
            call;                                                                                                   \
            at += nr * LANES;                                                                                       \
        } else {                                                                                                    \
            const int64_t nr = 1;                                                                                   \
            const int lanes = (int)((n) - at);                                                                      \
            call;                                                                                                   \
            at += lanes;                                                                                            \
        }                                                                                                           \
    }

void FN(sums_plane)(int64_t n, const T *x, const T *shift, double *sum, double *more)
{
    const FN(splat) sh = FN(spread)(shift);
    double s[LANES] = {0}, m[LANES] = {0};
    PLANE_BLOCKS(n, FN(sums_block)(nr, LANES, x + at, sh.v, s, m, lanes))
    FN(gather)(s, sum);
    FN(gather)(m, more);
}

void FN(apply_plane)(int64_t n, const T *x, const T *mean, const T *a, const T *b, const T *residual, bool relu, T *y)
{
    const FN(splat) me = FN(spread)(mean), sa = FN(spread)(a), sb = FN(spread)(b);
    PLANE_BLOCKS(n, FN(apply_block)(nr, LANES, x + at, me.v, sa.v, sb.v, AT(residual, at), relu, y + at, lanes))
}

void FN(grad_sums_plane)(int64_t n, const T *dy, const T *x, const T *y, const T *mean, const T *a, const T *b, bool relu, T *g,
                         double *sum, double *more)
{
    const FN(splat) me = FN(spread)(mean), sa = FN(spread)(a), sb = FN(spread)(b);
    const int mask = !relu ? FN(mask_none) : y != 0 ? FN(mask_y) : FN(mask_x);
    double s[LANES] = {0}, m[LANES] = {0};
    PLANE_BLOCKS(n, FN(grad_sums_block)(nr, LANES, dy + at, x + at, AT(y, at), me.v, sa.v, sb.v, mask, AT(g, at), s, m, lanes))
    FN(gather)(s, sum);
    FN(gather)(m, more);
}

void FN(grad_apply_plane)(int64_t n, const T *dy, const T *x, const T *mean, const T *a, const T *b, bool relu, const T *p,
                          const T *q, T *dx)
{
    const FN(splat) me = FN(spread)(mean), sa = FN(spread)(a), sb = FN(spread)(b), sp = FN(spread)(p), sq = FN(spread)(q);
    PLANE_BLOCKS(n, FN(grad_apply_block)(nr, LANES, dy + at, x + at, me.v, sa.v, sb.v, relu, sp.v, sq.v, dx + at, lanes))
}

#undef PLANE_BLOCKS
#undef VEC
#undef MASK_OF_T
#undef T
#undef FN
