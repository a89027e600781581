/* SPDX-License-Identifier: Apache-2.0 */
/* Reference kernels that move elements: strided copies, blocked two-dimensional copies, filling. */
#include <stddef.h>
#include <string.h>

#include "kernels/move/move.h"

#define BLOCK 16

#define MOVE(T)                                                                                                     \
    static void copy_##T(int64_t n, const void *src, int64_t ss, void *dst, int64_t ds)                             \
    {                                                                                                               \
        const T *s = src;                                                                                           \
        T *d = dst;                                                                                                 \
        if (ss == 1 && ds == 1) {                                                                                   \
            memcpy(d, s, (size_t)n * sizeof(T));                                                                    \
        } else if (ss == 0 && ds == 1) {                                                                            \
            const T x = n > 0 ? s[0] : 0;                                                                           \
            for (int64_t i = 0; i < n; i++) d[i] = x;                                                               \
        } else {                                                                                                    \
            for (int64_t i = 0; i < n; i++) d[i * ds] = s[i * ss];                                                  \
        }                                                                                                           \
    }                                                                                                               \
    static void copy2_##T(int64_t n0, int64_t n1, const void *src, int64_t ss0, int64_t ss1, void *dst, int64_t ds0, int64_t ds1) \
    {                                                                                                               \
        const T *s = src;                                                                                           \
        T *d = dst;                                                                                                 \
        for (int64_t b0 = 0; b0 < n0; b0 += BLOCK)                                                                  \
            for (int64_t b1 = 0; b1 < n1; b1 += BLOCK) {                                                            \
                const int64_t e0 = b0 + BLOCK < n0 ? b0 + BLOCK : n0, e1 = b1 + BLOCK < n1 ? b1 + BLOCK : n1;       \
                for (int64_t i = b0; i < e0; i++)                                                                   \
                    for (int64_t j = b1; j < e1; j++) d[i * ds0 + j * ds1] = s[i * ss0 + j * ss1];                  \
            }                                                                                                       \
    }                                                                                                               \
    static void fill_##T(int64_t n, const void *value, void *dst)                                                   \
    {                                                                                                               \
        T x;                                                                                                        \
        memcpy(&x, value, sizeof x);                                                                                \
        for (int64_t i = 0; i < n; i++) ((T *)dst)[i] = x;                                                          \
    }
MOVE(uint8_t)
MOVE(uint16_t)
MOVE(uint32_t)
MOVE(uint64_t)

#define BY_SIZE(prefix) {[1] = prefix##_uint8_t, [2] = prefix##_uint16_t, [4] = prefix##_uint32_t, [8] = prefix##_uint64_t}

whet_copy_fn whet_copy_find(int element_size)
{
    static const whet_copy_fn rows[] = BY_SIZE(copy);
    return element_size >= 1 && element_size <= 8 ? rows[element_size] : NULL;
}

whet_copy2_fn whet_copy2_find(int element_size)
{
    static const whet_copy2_fn rows[] = BY_SIZE(copy2);
    return element_size >= 1 && element_size <= 8 ? rows[element_size] : NULL;
}

whet_fill_fn whet_fill_find(int element_size)
{
    static const whet_fill_fn rows[] = BY_SIZE(fill);
    return element_size >= 1 && element_size <= 8 ? rows[element_size] : NULL;
}
