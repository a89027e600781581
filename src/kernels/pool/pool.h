/* SPDX-License-Identifier: Apache-2.0 */
/* Max and average pools over up to three spatial dimensions, and their gradients.
 *
 * Arrays are addressed by element strides, so any dense layout works; with channels innermost (stride 1) sixteen channels
 * are handled at a time. Spatial arrays are ordered depth, height, width. `src` and `dst` are the forward's: the gradients
 * read diff_dst with dst's strides and write diff_src with src's. Functions work on one row of the output (forward) or one
 * image (gradient), which the caller may run in any order on any thread: no two write the same element. Every output
 * window must touch the input. */
#ifndef WHET_KERNELS_POOL_H
#define WHET_KERNELS_POOL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct whet_pool_geom {
    int64_t n, c, in[3], out[3], k[3], stride[3], dil[3], pad[3], pad_end[3];
    int64_t sn, sc, ss[3], dn, dc, ds[3];
    bool include_pad;  /* average: padding (but nothing behind it) counts in the divisor */
    int64_t is[3];     /* max: factors of the spatial position in the index that is reported */
} whet_pool_geom;

/* One row (n, z, y) of the output. index (may be NULL) has dst's strides and gets (n * c + channel) * positions + position. */
#define WHET_POOL_PROTOTYPES(T, suffix)                                                                             \
    void whet_pool_max_row_##suffix(const whet_pool_geom *g, int64_t n, int64_t z, int64_t y, const T *src, T *dst, \
                                    int64_t *index);                                                                \
    void whet_pool_max_grad_image_##suffix(const whet_pool_geom *g, int64_t n, const T *src, const T *diff_dst, T *diff_src); \
    void whet_pool_average_row_##suffix(const whet_pool_geom *g, int64_t n, int64_t z, int64_t y, const T *src, T *dst); \
    void whet_pool_average_grad_image_##suffix(const whet_pool_geom *g, int64_t n, const T *diff_dst, T *diff_src);   \
    void whet_pool_channel_sums_##suffix(int64_t positions, int64_t c, const T *src, T *sums);
WHET_POOL_PROTOTYPES(float, f32_ref)
WHET_POOL_PROTOTYPES(double, f64_ref)
WHET_POOL_PROTOTYPES(int8_t, s8_ref)
WHET_POOL_PROTOTYPES(uint8_t, u8_ref)
#if defined(__x86_64__)
WHET_POOL_PROTOTYPES(float, f32_avx2)
WHET_POOL_PROTOTYPES(float, f32_avx512)
#endif

#endif
