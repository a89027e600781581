/* SPDX-License-Identifier: Apache-2.0 */
/* The passes of batch normalisation for each element type and ISA in one table. */
#include "exec/cpu/cpu_bn_fns.h"

#include "base/cpu.h"
#include "base/mem.h"

typedef const void *in_ptr;
typedef const whet_bn_act *act_ptr;
#define ADAPT(s)                                                                                                    \
    static void sums_rows_##s(int64_t r, int64_t c, in_ptr x, in_ptr sh, double *a, double *b)                      \
    { whet_bn_sums_rows_##s(r, c, x, sh, a, b); }                                                                   \
    static void sums_plane_##s(int64_t n, in_ptr x, in_ptr sh, double *a, double *b)                                \
    { whet_bn_sums_plane_##s(n, x, sh, a, b); }                                                                     \
    static void apply_rows_##s(int64_t r, int64_t c, in_ptr x, in_ptr m, in_ptr a, in_ptr b, in_ptr res, act_ptr act, bool stream, void *y) \
    { whet_bn_apply_rows_##s(r, c, x, m, a, b, res, act, stream, y); }                                                     \
    static void apply_plane_##s(int64_t n, in_ptr x, in_ptr m, in_ptr a, in_ptr b, in_ptr res, act_ptr act, void *y)  \
    { whet_bn_apply_plane_##s(n, x, m, a, b, res, act, y); }                                                       \
    static void grad_sums_rows_##s(int64_t r, int64_t c, in_ptr dy, in_ptr x, in_ptr y, in_ptr m, in_ptr a, in_ptr b, act_ptr act, \
                                   void *g, double *p, double *q)                                                   \
    { whet_bn_grad_sums_rows_##s(r, c, dy, x, y, m, a, b, act, g, p, q); }                                         \
    static void grad_sums_plane_##s(int64_t n, in_ptr dy, in_ptr x, in_ptr y, in_ptr m, in_ptr a, in_ptr b, act_ptr act, void *g, \
                                    double *p, double *q)                                                           \
    { whet_bn_grad_sums_plane_##s(n, dy, x, y, m, a, b, act, g, p, q); }                                           \
    static void grad_apply_rows_##s(int64_t r, int64_t c, in_ptr dy, in_ptr x, in_ptr m, in_ptr a, in_ptr b, act_ptr act, in_ptr p, \
                                    in_ptr q, void *dx)                                                             \
    { whet_bn_grad_apply_rows_##s(r, c, dy, x, m, a, b, act, p, q, dx); }                                          \
    static void grad_apply_plane_##s(int64_t n, in_ptr dy, in_ptr x, in_ptr m, in_ptr a, in_ptr b, act_ptr act, in_ptr p, in_ptr q, \
                                     void *dx)                                                                      \
    { whet_bn_grad_apply_plane_##s(n, dy, x, m, a, b, act, p, q, dx); }
#define ROW(t, isa, s)                                                                                              \
    {t, isa, sums_rows_##s, sums_plane_##s, apply_rows_##s, apply_plane_##s, grad_sums_rows_##s, grad_sums_plane_##s, \
     grad_apply_rows_##s, grad_apply_plane_##s}
ADAPT(f32_ref)
ADAPT(f64_ref)
#if defined(__x86_64__)
ADAPT(f32_avx2)
ADAPT(f32_avx512)
#endif

static const whet_bn_fns table[] = { /* best first */
#if defined(__x86_64__)
    ROW(WHET_F32, WHET_ISA_AVX512, f32_avx512),
    ROW(WHET_F32, WHET_ISA_AVX2, f32_avx2),
#endif
    ROW(WHET_F32, 0, f32_ref),
    ROW(WHET_F64, 0, f64_ref),
};

const whet_bn_fns *whet_bn_fns_for(whet_dtype t, uint32_t isa, bool vector)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (table[i].dtype == t && (table[i].isa != 0) == vector && (table[i].isa & isa) == table[i].isa) return &table[i];
    return NULL;
}
