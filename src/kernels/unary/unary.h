/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise functions of one tensor. n elements, contiguous; src and dst are the same or disjoint; any alignment.
 * par[0], par[1] are the operator's float attributes in the order of its attribute table. */
#ifndef WHET_KERNELS_UNARY_H
#define WHET_KERNELS_UNARY_H

#include <stdbool.h>
#include <stdint.h>

typedef void (*whet_unary_fn)(int64_t n, const void *src, void *dst, const float *par);
/* diff_src = diff_dst * f'(v), v being the operator's input, or its result where from_result is set. */
typedef void (*whet_unary_grad_fn)(int64_t n, const void *diff_dst, const void *v, void *diff_src, const float *par);
/* diff_dst where lo < x < hi, else 0; lo and hi point to one element or are NULL. */
typedef void (*whet_clip_fn)(int64_t n, const void *src, void *dst, const void *lo, const void *hi);
typedef void (*whet_clip_grad_fn)(int64_t n, const void *diff_dst, const void *x, void *diff_src, const void *lo, const void *hi);

typedef struct whet_unary_ref {
    const char *op, *type; /* "Exp", "f32" */
    whet_unary_fn run;
    whet_unary_grad_fn grad; /* NULL: none */
    bool from_result;
} whet_unary_ref;

/* NULL if there is no such function for the type. "GeluTanh" is Gelu with approximate = tanh. IsNaN, IsInf (par: detect
 * negative, positive) and Not write bytes 0 or 1. */
const whet_unary_ref *whet_unary_find(const char *op, const char *type);
whet_clip_fn whet_clip_find(const char *type);
whet_clip_grad_fn whet_clip_grad_find(const char *type);

#endif
