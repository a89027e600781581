/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of binary_vec.h, included once per ISA with SUFFIX. Which operand stands still within a row is a constant in each
 * inlined copy. */
#include "kernels/binary/binary_vec.h"
#include "kernels/vec.h"

#define CAT_(a, b) a##_##b
#define CAT(a, b) CAT_(a, b)

#define BINARY(name, f)                                                                                             \
    ALWAYS_INLINE void name##_body(const whet_binary_rows *w, const int sa, const int sb)                           \
    {                                                                                                               \
        const float *a = w->a, *b = w->b;                                                                           \
        float *d = w->dst;                                                                                          \
        for (int64_t r = 0; r < w->rows; r++, a += w->ra, b += w->rb, d += w->rd) {                                 \
            const vf a0 = vf_set(*a), b0 = vf_set(*b);                                                              \
            VEC_EACH(w->n, {                                                                                        \
                const vf x = sa ? vf_get(full, t, a + i) : a0, y = sb ? vf_get(full, t, b + i) : b0;                \
                vf_put(full, t, d + i, f);                                                                          \
            });                                                                                                     \
        }                                                                                                           \
    }                                                                                                               \
    static void name(const whet_binary_rows *w)                                                                     \
    {                                                                                                               \
        if (w->n == 0) return;                                                                                      \
        if (w->sa && w->sb) name##_body(w, 1, 1);                                                                   \
        else if (w->sa) name##_body(w, 1, 0);                                                                       \
        else if (w->sb) name##_body(w, 0, 1);                                                                       \
        else name##_body(w, 0, 0);                                                                                  \
    }

/* Max and Min pass NaN on from either side: max(x, y) is y where one is NaN. */
#define LIST(B)                                                                                                     \
    B(Add, x + y)                                                                                                   \
    B(Sub, x - y)                                                                                                   \
    B(Mul, x *y)                                                                                                    \
    B(Div, x / y)                                                                                                   \
    B(Max, vf_sel(vf_nan(x), x, vf_max(x, y)))                                                                      \
    B(Min, vf_sel(vf_nan(x), x, vf_min(x, y)))                                                                      \
    B(PRelu, vf_sel(vf_lt(x, vf_set(0.0f)), x *y, x))
LIST(BINARY)

#define ROW(name, f) {#name, name},
const whet_binary_row CAT(whet_binary_f32, SUFFIX)[] = {LIST(ROW){0, 0}};
