/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of the pools for element type T, names through FN(). The number of channels handled together is a constant in
 * each inlined copy, which is what lets the compiler turn the inner loops into vectors. Included several times. */

#ifndef WHET_POOL_TMPL_ONCE
#define WHET_POOL_TMPL_ONCE
#ifndef LANES
#define LANES 16 /* 8 where the compiler would take a vector of 16 apart, element by element */
#endif
#define INLINE static inline __attribute__((always_inline))

/* Taps lo <= k < hi of axis i that lie inside the input for output position o. */
INLINE void pool_taps(const whet_pool_geom *g, int i, int64_t o, int64_t *at, int64_t *lo, int64_t *hi)
{
    *at = o * g->stride[i] - g->pad[i];
    if (g->dil[i] == 1) { /* nearly always: no divisions for every window */
        *lo = *at < 0 ? -*at : 0;
        *hi = *at >= g->in[i] ? 0 : g->in[i] - *at;
        if (*hi > g->k[i]) *hi = g->k[i];
        return;
    }
    *lo = *at < 0 ? (-*at + g->dil[i] - 1) / g->dil[i] : 0;
    *hi = *at >= g->in[i] ? 0 : (g->in[i] - 1 - *at) / g->dil[i] + 1;
    if (*hi > g->k[i]) *hi = g->k[i];
}

/* Taps of axis i inside the padded input. */
INLINE int64_t pool_padded_taps(const whet_pool_geom *g, int i, int64_t o)
{
    int64_t count = 0;
    for (int64_t k = 0; k < g->k[i]; k++)
        count += o * g->stride[i] - g->pad[i] + k * g->dil[i] < g->in[i] + g->pad_end[i];
    return count;
}

typedef struct pool_window {
    int64_t at[3], lo[3], hi[3];
    int64_t count;
} pool_window;

INLINE pool_window pool_window_at(const whet_pool_geom *g, int64_t z, int64_t y, int64_t x, bool average)
{
    pool_window w;
    pool_taps(g, 0, z, &w.at[0], &w.lo[0], &w.hi[0]);
    pool_taps(g, 1, y, &w.at[1], &w.lo[1], &w.hi[1]);
    pool_taps(g, 2, x, &w.at[2], &w.lo[2], &w.hi[2]);
    w.count = (w.hi[0] - w.lo[0]) * (w.hi[1] - w.lo[1]) * (w.hi[2] - w.lo[2]);
    if (average && g->include_pad) w.count = pool_padded_taps(g, 0, z) * pool_padded_taps(g, 1, y) * pool_padded_taps(g, 2, x);
    return w;
}

/* Offset of the window's first tap. */
INLINE int64_t pool_first(const whet_pool_geom *g, const pool_window *w, const int64_t *factor)
{
    int64_t off = 0;
    for (int i = 0; i < 3; i++) off += (w->at[i] + w->lo[i] * g->dil[i]) * factor[i];
    return off;
}

/* Runs body for every tap of window w; `off` is the element offset from the image's first, `pos` the reported index. */
#define POOL_FOR_TAPS(g, w, off, pos)                                                                               \
    for (int64_t kz_ = (w).lo[0]; kz_ < (w).hi[0]; kz_++)                                                           \
        for (int64_t ky_ = (w).lo[1]; ky_ < (w).hi[1]; ky_++)                                                       \
            for (int64_t kx_ = (w).lo[2], z_ = (w).at[0] + kz_ * (g)->dil[0], y_ = (w).at[1] + ky_ * (g)->dil[1],   \
                         x_ = (w).at[2] + kx_ * (g)->dil[2], off = z_ * (g)->ss[0] + y_ * (g)->ss[1] + x_ * (g)->ss[2], \
                         pos = z_ * (g)->is[0] + y_ * (g)->is[1] + x_ * (g)->is[2];                                 \
                 kx_ < (w).hi[2]; kx_++, off += (g)->dil[2] * (g)->ss[2], pos += (g)->dil[2] * (g)->is[2])

/* Calls f(..., lanes) for all channels, with constant lane counts where it pays. */
#define POOL_FOR_CHANNELS(g, last, call)                                                                            \
    for (int64_t c = 0; c < (g)->c;) {                                                                              \
        if (!(last)) {                                                                                              \
            const int lanes = 1;                                                                                    \
            call;                                                                                                   \
            c += 1;                                                                                                 \
        } else if ((g)->c - c >= LANES) {                                                                           \
            const int lanes = LANES;                                                                                \
            call;                                                                                                   \
            c += LANES;                                                                                             \
        } else {                                                                                                    \
            const int lanes = (int)((g)->c - c);                                                                    \
            call;                                                                                                   \
            c += lanes;                                                                                             \
        }                                                                                                           \
    }
#endif

#ifdef MASK_OF_T /* floats: a full block of channels as one value, which stays in registers */
typedef MASK_OF_T FN(mask) __attribute__((vector_size(LANES * sizeof(T))));
typedef T FN(vec) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
#define VEC(p) (*(const FN(vec) *)(p))
#define MORE(v, best) ((FN(mask))((v) > (best)) | (FN(mask))((v) != (v)))
#define SELECT(m, a, b) ((FN(vec))(((m) & (FN(mask))(a)) | (~(m) & (FN(mask))(b))))

INLINE void FN(max_full)(const whet_pool_geom *g, const pool_window *w, const T *s, T *d)
{
    FN(vec) best = VEC(s + pool_first(g, w, g->ss));
    POOL_FOR_TAPS(g, *w, off, pos) {
        const FN(vec) v = VEC(s + off);
        (void)pos;
        best = SELECT(MORE(v, best), v, best);
    }
    *(FN(vec) *)d = best;
}

INLINE void FN(max_grad_full)(const whet_pool_geom *g, const pool_window *w, const T *s, const T *dd, T *ds)
{
    FN(vec) best = VEC(s + pool_first(g, w, g->ss));
    const FN(vec) grad = VEC(dd), none = {0};
    FN(mask) where = {0}, tap = {0};
    POOL_FOR_TAPS(g, *w, off, pos) {
        const FN(vec) v = VEC(s + off);
        const FN(mask) more = MORE(v, best);
        (void)pos;
        best = SELECT(more, v, best);
        where = (more & tap) | (~more & where);
        tap += 1;
    }
    tap -= tap;
    POOL_FOR_TAPS(g, *w, off2, pos2) {
        FN(vec) *out = (FN(vec) *)(ds + off2);
        (void)pos2;
        *out += SELECT((FN(mask))(where == tap), grad, none);
        tap += 1;
    }
}

#endif

#ifndef IS_NAN /* integers define it as 0 */
#define IS_NAN(v) ((v) != (v))
#endif

INLINE void FN(max_at)(const whet_pool_geom *g, const pool_window *w, const T *s, T *d, int64_t *index, int64_t base,
                       int64_t step, int lanes)
{
    const T *s0 = s + pool_first(g, w, g->ss);
    const int64_t where0 = pool_first(g, w, g->is);
    T best[LANES];
    int64_t where[LANES];
#ifdef MASK_OF_T
    if (lanes == LANES && index == 0) {
        FN(max_full)(g, w, s, d);
        return;
    }
#endif
    for (int j = 0; j < LANES; j++) best[j] = s0[j < lanes ? j : 0];
    for (int j = 0; j < LANES; j++) where[j] = where0;
    POOL_FOR_TAPS(g, *w, off, pos) {
        const T *v = s + off;
        if (index != 0) {
            for (int j = 0; j < lanes; j++)
                if (v[j] > best[j] || IS_NAN(v[j])) {
                    best[j] = v[j];
                    where[j] = pos;
                }
        } else {
            for (int j = 0; j < lanes; j++) best[j] = ((v[j] > best[j]) | IS_NAN(v[j])) ? v[j] : best[j];
        }
    }
    for (int j = 0; j < lanes; j++) d[j] = best[j];
    for (int j = 0; index != 0 && j < lanes; j++) index[j] = base + j * step + where[j];
}

void FN(max_row)(const whet_pool_geom *g, int64_t n, int64_t z, int64_t y, const T *src, T *dst, int64_t *index)
{
    const bool last = g->sc == 1 && g->dc == 1;
    const int64_t positions = g->in[0] * g->in[1] * g->in[2];
    for (int64_t x = 0; x < g->out[2]; x++) {
        const pool_window w = pool_window_at(g, z, y, x, false);
        const int64_t d = n * g->dn + z * g->ds[0] + y * g->ds[1] + x * g->ds[2];
        const T *s = src + n * g->sn;
        POOL_FOR_CHANNELS(g, last, FN(max_at)(g, &w, s + c * g->sc, dst + d + c * g->dc, index != 0 ? index + d + c * g->dc : 0,
                                              (n * g->c + c) * positions, positions, lanes))
    }
}

/* The first maximum of the window gets the gradient. */
INLINE void FN(max_grad_at)(const whet_pool_geom *g, const pool_window *w, const T *s, const T *dd, T *ds, int lanes)
{
    const T *s0 = s + pool_first(g, w, g->ss);
    T best[LANES];
    int32_t where[LANES] = {0}, tap = 0;
#ifdef MASK_OF_T
    if (lanes == LANES) {
        FN(max_grad_full)(g, w, s, dd, ds);
        return;
    }
#endif
    for (int j = 0; j < LANES; j++) best[j] = s0[j < lanes ? j : 0];
    POOL_FOR_TAPS(g, *w, off, pos) {
        const T *v = s + off;
        (void)pos;
        for (int j = 0; j < lanes; j++) {
            const bool more = (v[j] > best[j]) | IS_NAN(v[j]);
            best[j] = more ? v[j] : best[j];
            where[j] = more ? tap : where[j];
        }
        tap++;
    }
    tap = 0;
    POOL_FOR_TAPS(g, *w, off2, pos2) {
        T *out = ds + off2;
        (void)pos2;
        for (int j = 0; j < lanes; j++) out[j] = (T)(out[j] + (where[j] == tap ? dd[j] : 0));
        tap++;
    }
}

static void FN(clear_image)(const whet_pool_geom *g, int64_t n, T *diff_src)
{
    for (int64_t i = 0; i < g->sn; i++) diff_src[n * g->sn + i] = 0; /* one image is contiguous in either layout */
}

void FN(max_grad_image)(const whet_pool_geom *g, int64_t n, const T *src, const T *diff_dst, T *diff_src)
{
    const bool last = g->sc == 1 && g->dc == 1;
    FN(clear_image)(g, n, diff_src);
    for (int64_t z = 0; z < g->out[0]; z++)
        for (int64_t y = 0; y < g->out[1]; y++)
            for (int64_t x = 0; x < g->out[2]; x++) {
                const pool_window w = pool_window_at(g, z, y, x, false);
                const T *s = src + n * g->sn, *dd = diff_dst + n * g->dn + z * g->ds[0] + y * g->ds[1] + x * g->ds[2];
                T *ds = diff_src + n * g->sn;
                POOL_FOR_CHANNELS(g, last, FN(max_grad_at)(g, &w, s + c * g->sc, dd + c * g->dc, ds + c * g->sc, lanes))
            }
}

INLINE void FN(average_at)(const whet_pool_geom *g, const pool_window *w, const T *s, T *d, int lanes)
{
    ACC sum[LANES] = {0};
    POOL_FOR_TAPS(g, *w, off, pos) {
        const T *v = s + off;
        (void)pos;
        for (int j = 0; j < lanes; j++) sum[j] += (ACC)v[j];
    }
    for (int j = 0; j < lanes; j++) d[j] = (T)(sum[j] / (ACC)w->count);
}

void FN(average_row)(const whet_pool_geom *g, int64_t n, int64_t z, int64_t y, const T *src, T *dst)
{
    const bool last = g->sc == 1 && g->dc == 1;
    for (int64_t x = 0; x < g->out[2]; x++) {
        const pool_window w = pool_window_at(g, z, y, x, true);
        const int64_t d = n * g->dn + z * g->ds[0] + y * g->ds[1] + x * g->ds[2];
        const T *s = src + n * g->sn;
        POOL_FOR_CHANNELS(g, last, FN(average_at)(g, &w, s + c * g->sc, dst + d + c * g->dc, lanes))
    }
}

/* Sums of `positions` pixels of c channels, channel by channel in order: several cache lines at a time, so that lines come in runs. */
void FN(channel_sums)(int64_t positions, int64_t c, const T *src, T *sums)
{
    int64_t first = 0;
#ifdef MASK_OF_T
    for (; first + 4 * LANES <= c; first += 4 * LANES) {
        FN(vec) s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
        const T *s = src + first;
        for (int64_t p = 0; p < positions; p++, s += c) {
            s0 += VEC(s);
            s1 += VEC(s + LANES);
            s2 += VEC(s + 2 * LANES);
            s3 += VEC(s + 3 * LANES);
        }
        *(FN(vec) *)(sums + first) = s0;
        *(FN(vec) *)(sums + first + LANES) = s1;
        *(FN(vec) *)(sums + first + 2 * LANES) = s2;
        *(FN(vec) *)(sums + first + 3 * LANES) = s3;
    }
    for (; first + LANES <= c; first += LANES) {
        FN(vec) s0 = {0};
        for (int64_t p = 0; p < positions; p++) s0 += VEC(src + p * c + first);
        *(FN(vec) *)(sums + first) = s0;
    }
#endif
    for (; first < c; first++) {
        ACC sum = 0;
        for (int64_t p = 0; p < positions; p++) sum += (ACC)src[p * c + first];
        sums[first] = (T)sum;
    }
}

INLINE void FN(average_grad_at)(const whet_pool_geom *g, const pool_window *w, const T *dd, T *ds, int lanes)
{
    T part[LANES];
    for (int j = 0; j < lanes; j++) part[j] = (T)((ACC)dd[j] / (ACC)w->count);
    POOL_FOR_TAPS(g, *w, off, pos) {
        T *out = ds + off;
        (void)pos;
        for (int j = 0; j < lanes; j++) out[j] = (T)(out[j] + part[j]);
    }
}

void FN(average_grad_image)(const whet_pool_geom *g, int64_t n, const T *diff_dst, T *diff_src)
{
    const bool last = g->sc == 1 && g->dc == 1;
    FN(clear_image)(g, n, diff_src);
    for (int64_t z = 0; z < g->out[0]; z++)
        for (int64_t y = 0; y < g->out[1]; y++)
            for (int64_t x = 0; x < g->out[2]; x++) {
                const pool_window w = pool_window_at(g, z, y, x, true);
                const T *dd = diff_dst + n * g->dn + z * g->ds[0] + y * g->ds[1] + x * g->ds[2];
                T *ds = diff_src + n * g->sn;
                POOL_FOR_CHANNELS(g, last, FN(average_grad_at)(g, &w, dd + c * g->dc, ds + c * g->sc, lanes))
            }
}

#undef VEC
#undef MORE
#undef SELECT
#undef MASK_OF_T
#undef IS_NAN
#undef T
#undef ACC
#undef FN
