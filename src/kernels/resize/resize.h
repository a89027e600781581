/* SPDX-License-Identifier: Apache-2.0 */
/* Resampling along axes (ONNX Resize): every mode is a sparse matrix an axis, so one table of taps describes the forward,
 * its transpose the gradient, and the kernels only mix rows.
 *
 * Coordinates, neighbours and weights follow the operator's definition (Resize, opset 19, and its reference
 * implementation): the left neighbour of a coordinate x is ceil(x) - 1, the fraction to it lies in (0, 1]. */
#ifndef WHET_KERNELS_RESIZE_H
#define WHET_KERNELS_RESIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum whet_resize_mode { WHET_RESIZE_NEAREST, WHET_RESIZE_LINEAR, WHET_RESIZE_CUBIC } whet_resize_mode;
typedef enum whet_resize_coords {
    WHET_COORDS_HALF_PIXEL,
    WHET_COORDS_HALF_PIXEL_SYMMETRIC,
    WHET_COORDS_PYTORCH_HALF_PIXEL,
    WHET_COORDS_ALIGN_CORNERS,
    WHET_COORDS_ASYMMETRIC,
    WHET_COORDS_TF_CROP_AND_RESIZE
} whet_resize_coords;
typedef enum whet_resize_nearest {
    WHET_NEAREST_ROUND_PREFER_FLOOR,
    WHET_NEAREST_ROUND_PREFER_CEIL,
    WHET_NEAREST_FLOOR,
    WHET_NEAREST_CEIL
} whet_resize_nearest;

typedef struct whet_resize_rule {
    whet_resize_mode mode;
    whet_resize_coords coords;
    whet_resize_nearest nearest;
    double cubic_a;
    bool antialias, exclude_outside;
} whet_resize_rule;

typedef struct whet_resize_axis {
    int64_t in, out;
    double scale;  /* as given, or out / in */
    double roi[2]; /* of TF_CROP_AND_RESIZE: 0..1 of the input */
} whet_resize_axis;

/* A sparse matrix out x in: row o has entries start[o] .. start[o + 1] - 1, by rising index. A row without entries is
 * filled with the extrapolation value. */
typedef struct whet_resize_taps {
    int64_t in, out;
    int most;        /* longest row */
    bool identity;
    bool holes;      /* rows without entries */
    int32_t *start;  /* out + 1 */
    int32_t *index;
    double *weight;
    float *weight32;
} whet_resize_taps;

whet_status whet_resize_taps_make(whet_resize_taps *t, const whet_resize_rule *rule, const whet_resize_axis *axis); /* ENOMEM */
whet_status whet_resize_taps_transpose(whet_resize_taps *t, const whet_resize_taps *of); /* in x out: the gradient's */
/* Row o is input index[o], each in 0 .. in-1. */
whet_status whet_resize_taps_pick(whet_resize_taps *t, int64_t in, int64_t out, const int64_t *index);
void whet_resize_taps_free(whet_resize_taps *t); /* accepts a zeroed one */

/* Reference: one output element at a time, any rank and strides (in elements). */
typedef struct whet_resize_nest {
    int rank;
    int64_t is[8], os[8];
    const whet_resize_taps *taps; /* per axis */
    double fill;                  /* of holes */
} whet_resize_nest;
/* Outputs begin .. end-1 in row-major order of the logical shape. */
#define WHET_RESIZE_PROTOTYPE(T, suffix)                                                                            \
    void whet_resize_##suffix(const whet_resize_nest *n, int64_t begin, int64_t end, const T *src, T *dst);
WHET_RESIZE_PROTOTYPE(float, f32_direct)
WHET_RESIZE_PROTOTYPE(double, f64_direct)
/* Nearest of any type: elements of `size` bytes are copied; `fill` is one such element. */
void whet_resize_copy_ref(const whet_resize_nest *n, int64_t begin, int64_t end, size_t size, const void *src, void *dst,
                          const void *fill);

/* Row kernels, f32. Both give the same bits whatever the ISA. */
typedef struct whet_resize_kernels {
    const char *name;
    uint32_t isa;
    /* dst[i] = sum over t of w[t] * row[t][i], added in order by fma; n_rows = 0 gives zeros. */
    void (*mix_rows)(int64_t n, int n_rows, const float *const *row, const float *w, float *dst);
    /* dst[o][j] = sum over the taps of row o of w * src[index][j], j < inner. */
    void (*mix_columns)(const whet_resize_taps *t, int64_t inner, const float *src, float *dst);
} whet_resize_kernels;
/* The best for the ISA mask; never NULL. */
const whet_resize_kernels *whet_resize_kernels_for(uint32_t isa);
extern const whet_resize_kernels whet_resize_f32_ref, whet_resize_f32_avx2, whet_resize_f32_avx512;

#endif
