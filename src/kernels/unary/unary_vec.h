/* SPDX-License-Identifier: Apache-2.0 */
/* Vector kernels of unary.h for f32. */
#ifndef WHET_KERNELS_UNARY_VEC_H
#define WHET_KERNELS_UNARY_VEC_H

#include "kernels/unary/act.h"
#include "kernels/unary/unary.h"

/* The fastest vector row for these ISA bits, or NULL: type is "f32" in all of them. "Clip" and its gradient apart. */
const whet_unary_ref *whet_unary_vec_find(uint32_t isa, const char *op);
whet_clip_fn whet_clip_vec(uint32_t isa); /* NULL: none */
whet_clip_grad_fn whet_clip_grad_vec(uint32_t isa);

#define WHET_UNARY_VEC_PROTOTYPES(suffix)                                                                           \
    extern const whet_unary_ref whet_unary_f32_##suffix[]; /* ends with op NULL */                                  \
    extern const whet_act_fn whet_act_f32_##suffix[WHET_ACT_COUNT];                                                 \
    void whet_clip_f32_##suffix(int64_t n, const void *src, void *dst, const void *lo, const void *hi);             \
    void whet_clip_grad_f32_##suffix(int64_t n, const void *diff_dst, const void *x, void *diff_src, const void *lo, const void *hi);
#if defined(__x86_64__)
WHET_UNARY_VEC_PROTOTYPES(avx2)
WHET_UNARY_VEC_PROTOTYPES(avx512)
#endif

#endif
