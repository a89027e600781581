/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of reduce_vec.h, included once per ISA with SUFFIX. The places where f32 sums go over into double follow
 * from n alone. */
#include <math.h>

#include "kernels/reduce/reduce_vec.h"
#include "kernels/vec.h"

#define CAT_(a, b) a##_##b
#define CAT(a, b) CAT_(a, b)
#define ROW_BLOCK 1024
#define COLUMN_BLOCK 64

/* NaN stays from either side. */
ALWAYS_INLINE vf larger(vf a, vf x) { return vf_sel(vf_nan(a), a, vf_max(a, x)); }
ALWAYS_INLINE vf smaller(vf a, vf x) { return vf_sel(vf_nan(a), a, vf_min(a, x)); }
static inline double join_max(double a, double x) { return a != a || a > x ? a : x; }
static inline double join_min(double a, double x) { return a != a || a < x ? a : x; }
static inline double join_sum(double a, double x) { return a + x; }

static inline double total_sum(vf a, vf b) { return (double)vf_total(a + b); }
static inline double total_max(vf a, vf b)
{
    float lanes[VF];
    double most = -INFINITY;
    vf_store(lanes, larger(a, b));
    for (int j = 0; j < VF; j++) most = join_max(most, (double)lanes[j]);
    return most;
}
static inline double total_min(vf a, vf b)
{
    float lanes[VF];
    double least = INFINITY;
    vf_store(lanes, smaller(a, b));
    for (int j = 0; j < VF; j++) least = join_min(least, (double)lanes[j]);
    return least;
}

#define KERNEL(name, start, step, join, total)                                                                             \
    static void name##_row(int64_t n, const float *src, double *acc)                                                \
    {                                                                                                               \
        for (int64_t b = 0; b < n; b += ROW_BLOCK) {                                                                \
            const float *p = src + b;                                                                               \
            const int64_t m = n - b < ROW_BLOCK ? n - b : ROW_BLOCK;                                                \
            vf a0 = vf_set(start), a1 = a0;                                                                         \
            int64_t i = 0;                                                                                          \
            for (; i + 2 * VF <= m; i += 2 * VF) {                                                                  \
                vf a = a0, x = vf_load(p + i);                                                                      \
                a0 = step;                                                                                          \
                a = a1, x = vf_load(p + i + VF);                                                                    \
                a1 = step;                                                                                          \
            }                                                                                                       \
            for (; i < m; i += VF) {                                                                                \
                const vt t = vt_first(m - i);                                                                       \
                const vf a = a0, x = vf_load_t(t, p + i);                                                           \
                a0 = vf_keep(t, step, a0);                                                                          \
            }                                                                                                       \
            *acc = join(*acc, total(a0, a1));                                                                       \
        }                                                                                                           \
    }                                                                                                               \
    static void name##_columns(int64_t n, int64_t width, const float *src, int64_t stride, double *acc)             \
    {                                                                                                               \
        for (int64_t b = 0; b < n; b += COLUMN_BLOCK) {                                                             \
            const float *p = src + b * stride;                                                                      \
            const int64_t m = n - b < COLUMN_BLOCK ? n - b : COLUMN_BLOCK;                                          \
            VEC_EACH(width, {                                                                                       \
                vf a = vf_set(start);                                                                               \
                float lanes[VF];                                                                                    \
                for (int64_t r = 0; r < m; r++) {                                                                   \
                    const vf x = vf_get(full, t, p + r * stride + i);                                               \
                    a = step;                                                                                       \
                }                                                                                                   \
                vf_store(lanes, a);                                                                                 \
                const int live = full ? VF : (int)(width - i);                                                      \
                for (int j = 0; j < live; j++) acc[i + j] = join(acc[i + j], (double)lanes[j]);                     \
            });                                                                                                     \
        }                                                                                                           \
    }
KERNEL(sum, 0.0f, a + x, join_sum, total_sum)
KERNEL(squares, 0.0f, vf_fma(x, x, a), join_sum, total_sum)
KERNEL(abs_, 0.0f, a + vf_abs(x), join_sum, total_sum)
KERNEL(max_, -INFINITY, larger(a, x), join_max, total_max)
KERNEL(min_, INFINITY, smaller(a, x), join_min, total_min)

const whet_reduce_vec CAT(whet_reduce_f32, SUFFIX)[WHET_REDUCE_KINDS] = {
    [WHET_REDUCE_SUM] = {sum_row, sum_columns},   [WHET_REDUCE_SQUARES] = {squares_row, squares_columns},
    [WHET_REDUCE_ABS] = {abs__row, abs__columns}, [WHET_REDUCE_MAX] = {max__row, max__columns},
    [WHET_REDUCE_MIN] = {min__row, min__columns}};
