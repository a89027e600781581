/* SPDX-License-Identifier: Apache-2.0 */
/* Reference resize: each output element as the weighted sum over the taps of all axes, in double; and the row kernels in
 * plain C. */
#include <string.h>

#include "base/cpu.h"
#include "kernels/resize/resize.h"

/* Splits a flat output position into rows of the axes' tables; the outputs' offset; false if some row has no entries. */
static bool locate(const whet_resize_nest *n, int64_t flat, int64_t *row, int64_t *to)
{
    bool inside = true;
    *to = 0;
    for (int d = n->rank - 1; d >= 0; d--) {
        const whet_resize_taps *t = &n->taps[d];
        row[d] = flat % t->out;
        flat /= t->out;
        *to += row[d] * n->os[d];
        inside = inside && t->start[row[d]] < t->start[row[d] + 1];
    }
    return inside;
}

#define SUM(T, suffix)                                                                                              \
    static double sum_##suffix(const whet_resize_nest *n, const int64_t *row, int d, const T *src)                  \
    {                                                                                                               \
        const whet_resize_taps *t = &n->taps[d];                                                                    \
        double sum = 0;                                                                                             \
        if (d == n->rank) return (double)*src;                                                                      \
        for (int32_t i = t->start[row[d]]; i < t->start[row[d] + 1]; i++)                                           \
            sum += t->weight[i] * sum_##suffix(n, row, d + 1, src + t->index[i] * n->is[d]);                        \
        return sum;                                                                                                 \
    }                                                                                                               \
    void whet_resize_##suffix(const whet_resize_nest *n, int64_t begin, int64_t end, const T *src, T *dst)          \
    {                                                                                                               \
        int64_t row[8], to = 0;                                                                                     \
        for (int64_t i = begin; i < end; i++) {                                                                     \
            const bool inside = locate(n, i, row, &to);                                                             \
            dst[to] = (T)(inside ? sum_##suffix(n, row, 0, src) : n->fill);                                         \
        }                                                                                                           \
    }
SUM(float, f32_direct)
SUM(double, f64_direct)

void whet_resize_copy_ref(const whet_resize_nest *n, int64_t begin, int64_t end, size_t size, const void *src, void *dst,
                          const void *fill)
{
    int64_t row[8], to = 0;
    for (int64_t i = begin; i < end; i++) {
        const bool inside = locate(n, i, row, &to);
        int64_t from = 0;
        for (int d = 0; inside && d < n->rank; d++) from += n->taps[d].index[n->taps[d].start[row[d]]] * n->is[d];
        memcpy((char *)dst + (size_t)to * size, inside ? (const char *)src + (size_t)from * size : fill, size);
    }
}

#define FN(x) x##_ref
#include "kernels/resize/resize_tmpl.h"

const whet_resize_kernels whet_resize_f32_ref = {"ref", 0, mix_rows_ref, mix_columns_ref};

const whet_resize_kernels *whet_resize_kernels_for(uint32_t isa)
{
#if defined(__x86_64__)
    if (isa & WHET_ISA_AVX512) return &whet_resize_f32_avx512;
    if (isa & WHET_ISA_AVX2) return &whet_resize_f32_avx2;
#endif
    (void)isa;
    return &whet_resize_f32_ref;
}
