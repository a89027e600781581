/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution over up to three spatial dimensions, forward and both gradients: the definition that faster kernels are
 * checked against.
 *
 * Sizes are in elements; spatial arrays are ordered depth, height, width, with absent leading dimensions of size 1.
 * src and dst are addressed by strides (so NCHW, NHWC and anything else dense), weights are dense
 * [oc][ic / groups][kd][kh][kw]. Every sum runs in double in one fixed order, so results do not depend on the caller's
 * cut into planes. Nothing outside the stated ranges is touched; src, weights and dst must not overlap. */
#ifndef WHET_KERNELS_CONV_H
#define WHET_KERNELS_CONV_H

#include <stdint.h>

typedef struct whet_conv_geom {
    int64_t n, groups, ic, oc; /* ic, oc: all channels of src and dst */
    int64_t in[3], out[3], k[3], stride[3], dil[3], pad[3]; /* pad: before the first element; behind it follows */
    int64_t sn, sc, ss[3]; /* strides of src: batch, channel, spatial */
    int64_t dn, dc, ds[3]; /* of dst */
} whet_conv_geom;

/* dst[n, oc, :] of one plane = bias[oc] + sum over ic, k of weights * src. bias may be NULL. */
void whet_conv_plane_f32_ref(const whet_conv_geom *g, int64_t n, int64_t oc, const float *src, const float *weights,
                             const float *bias, float *dst);
void whet_conv_plane_f64_ref(const whet_conv_geom *g, int64_t n, int64_t oc, const double *src, const double *weights,
                             const double *bias, double *dst);
/* diff_src[n, ic, :] of one plane = bias[ic] + sum over oc, k of weights * diff_dst: the data gradient, and with the roles
 * of src and dst exchanged the transposed convolution (bias may be NULL). */
void whet_conv_data_plane_f32_ref(const whet_conv_geom *g, int64_t n, int64_t ic, const float *diff_dst,
                                  const float *weights, const float *bias, float *diff_src);
void whet_conv_data_plane_f64_ref(const whet_conv_geom *g, int64_t n, int64_t ic, const double *diff_dst,
                                  const double *weights, const double *bias, double *diff_src);
/* diff_weights[oc, ic within the group, :] = sum over n and positions of diff_dst * src. */
void whet_conv_weights_f32_ref(const whet_conv_geom *g, int64_t oc, int64_t ic, const float *src, const float *diff_dst,
                               float *diff_weights);
void whet_conv_weights_f64_ref(const whet_conv_geom *g, int64_t oc, int64_t ic, const double *src, const double *diff_dst,
                               double *diff_weights);

#endif
