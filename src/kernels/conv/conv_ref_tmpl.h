/* SPDX-License-Identifier: Apache-2.0 */
/* Body of conv_ref.c for element type T, names through FN(). Included twice, so no guard. */

void FN(conv_plane)(const whet_conv_geom *g, int64_t n, int64_t oc, const T *src, const T *weights, const T *bias, T *dst)
{
    const int64_t icg = g->ic / g->groups, first = oc / (g->oc / g->groups) * icg;
    const int64_t taps = g->k[0] * g->k[1] * g->k[2];
    const T *w0 = weights + oc * icg * taps, *s0 = src + n * g->sn + first * g->sc;
    T *d0 = dst + n * g->dn + oc * g->dc;
    int64_t lo[3], hi[3], at[3];
    for (int64_t z = 0; z < g->out[0]; z++) {
        at[0] = z * g->stride[0] - g->pad[0];
        tap_range(at[0], g->k[0], g->dil[0], g->in[0], &lo[0], &hi[0]);
        for (int64_t y = 0; y < g->out[1]; y++) {
            at[1] = y * g->stride[1] - g->pad[1];
            tap_range(at[1], g->k[1], g->dil[1], g->in[1], &lo[1], &hi[1]);
            for (int64_t x = 0; x < g->out[2]; x++) {
                at[2] = x * g->stride[2] - g->pad[2];
                tap_range(at[2], g->k[2], g->dil[2], g->in[2], &lo[2], &hi[2]);
                double sum = bias != 0 ? (double)bias[oc] : 0;
                for (int64_t c = 0; c < icg; c++)
                    for (int64_t kz = lo[0]; kz < hi[0]; kz++)
                        for (int64_t ky = lo[1]; ky < hi[1]; ky++) {
                            const T *w = w0 + c * taps + (kz * g->k[1] + ky) * g->k[2];
                            const T *s = s0 + c * g->sc + (at[0] + kz * g->dil[0]) * g->ss[0] +
                                         (at[1] + ky * g->dil[1]) * g->ss[1] + at[2] * g->ss[2];
                            for (int64_t kx = lo[2]; kx < hi[2]; kx++)
                                sum += (double)w[kx] * (double)s[kx * g->dil[2] * g->ss[2]];
                        }
                d0[z * g->ds[0] + y * g->ds[1] + x * g->ds[2]] = (T)sum;
            }
        }
    }
}

void FN(conv_data_plane)(const whet_conv_geom *g, int64_t n, int64_t ic, const T *diff_dst, const T *weights, const T *bias,
                         T *diff_src)
{
    const int64_t icg = g->ic / g->groups, ocg = g->oc / g->groups, group = ic / icg;
    const int64_t taps = g->k[0] * g->k[1] * g->k[2];
    const T *w0 = weights + (group * ocg * icg + ic % icg) * taps, *d0 = diff_dst + n * g->dn + group * ocg * g->dc;
    T *s0 = diff_src + n * g->sn + ic * g->sc;
    for (int64_t z = 0; z < g->in[0]; z++)
        for (int64_t y = 0; y < g->in[1]; y++)
            for (int64_t x = 0; x < g->in[2]; x++) {
                double sum = bias != 0 ? (double)bias[ic] : 0;
                for (int64_t kz = 0; kz < g->k[0]; kz++) {
                    const int64_t oz = source_of(z + g->pad[0], kz, g->dil[0], g->stride[0], g->out[0]);
                    if (oz < 0) continue;
                    for (int64_t ky = 0; ky < g->k[1]; ky++) {
                        const int64_t oy = source_of(y + g->pad[1], ky, g->dil[1], g->stride[1], g->out[1]);
                        if (oy < 0) continue;
                        for (int64_t kx = 0; kx < g->k[2]; kx++) {
                            const int64_t ox = source_of(x + g->pad[2], kx, g->dil[2], g->stride[2], g->out[2]);
                            if (ox < 0) continue;
                            const T *w = w0 + (kz * g->k[1] + ky) * g->k[2] + kx;
                            const T *d = d0 + oz * g->ds[0] + oy * g->ds[1] + ox * g->ds[2];
                            for (int64_t c = 0; c < ocg; c++) sum += (double)w[c * icg * taps] * (double)d[c * g->dc];
                        }
                    }
                }
                s0[z * g->ss[0] + y * g->ss[1] + x * g->ss[2]] = (T)sum;
            }
}

/* Output positions lo <= o < hi whose tap at offset `at` = k * dil - pad lies inside [0, in). */
static void FN(out_range)(int64_t at, int64_t stride, int64_t in, int64_t out, int64_t *lo, int64_t *hi)
{
    *lo = at < 0 ? (-at + stride - 1) / stride : 0;
    *hi = at >= in ? 0 : (in - 1 - at) / stride + 1;
    if (*hi > out) *hi = out;
}

void FN(conv_weights)(const whet_conv_geom *g, int64_t oc, int64_t ic, const T *src, const T *diff_dst, T *diff_weights)
{
    const int64_t icg = g->ic / g->groups, group = oc / (g->oc / g->groups);
    const int64_t taps = g->k[0] * g->k[1] * g->k[2];
    const T *s0 = src + (group * icg + ic) * g->sc, *d0 = diff_dst + oc * g->dc;
    T *w = diff_weights + (oc * icg + ic) * taps;
    for (int64_t kz = 0; kz < g->k[0]; kz++)
        for (int64_t ky = 0; ky < g->k[1]; ky++)
            for (int64_t kx = 0; kx < g->k[2]; kx++) {
                const int64_t at[3] = {kz * g->dil[0] - g->pad[0], ky * g->dil[1] - g->pad[1], kx * g->dil[2] - g->pad[2]};
                int64_t lo[3], hi[3];
                double sum = 0;
                for (int i = 0; i < 3; i++) FN(out_range)(at[i], g->stride[i], g->in[i], g->out[i], &lo[i], &hi[i]);
                for (int64_t n = 0; n < g->n; n++)
                    for (int64_t z = lo[0]; z < hi[0]; z++)
                        for (int64_t y = lo[1]; y < hi[1]; y++) {
                            const T *s = s0 + n * g->sn + (z * g->stride[0] + at[0]) * g->ss[0] +
                                         (y * g->stride[1] + at[1]) * g->ss[1] + at[2] * g->ss[2];
                            const T *d = d0 + n * g->dn + z * g->ds[0] + y * g->ds[1];
                            for (int64_t x = lo[2]; x < hi[2]; x++)
                                sum += (double)s[x * g->stride[2] * g->ss[2]] * (double)d[x * g->ds[2]];
                        }
                w[(kz * g->k[1] + ky) * g->k[2] + kx] = (T)sum;
            }
}
