/* SPDX-License-Identifier: Apache-2.0 */
/* Channels-first <-> channels-last, in tiles of 16 x 16 so that both sides stay in cache. */
#include "kernels/move/reorder.h"

#define TILE 16
#define BODY(T)                                                                                                     \
    static void reorder_##T(int64_t channels, int64_t positions, int64_t lo, int64_t hi, bool to_last, const T *src, T *dst) \
    {                                                                                                               \
        for (int64_t p0 = lo; p0 < hi; p0 += TILE)                                                                  \
            for (int64_t c0 = 0; c0 < channels; c0 += TILE) {                                                       \
                const int64_t p1 = p0 + TILE < hi ? p0 + TILE : hi, c1 = c0 + TILE < channels ? c0 + TILE : channels; \
                for (int64_t p = p0; p < p1; p++)                                                                   \
                    for (int64_t c = c0; c < c1; c++) {                                                             \
                        if (to_last)                                                                                \
                            dst[p * channels + c] = src[c * positions + p];                                         \
                        else                                                                                        \
                            dst[c * positions + p] = src[p * channels + c];                                         \
                    }                                                                                               \
            }                                                                                                       \
    }
BODY(uint8_t)
BODY(uint16_t)
BODY(uint32_t)
BODY(uint64_t)

void whet_reorder_ref(size_t size, int64_t channels, int64_t positions, int64_t lo, int64_t hi, bool to_last, const void *src,
                      void *dst)
{
    if (size == 1) reorder_uint8_t(channels, positions, lo, hi, to_last, src, dst);
    if (size == 2) reorder_uint16_t(channels, positions, lo, hi, to_last, src, dst);
    if (size == 4) reorder_uint32_t(channels, positions, lo, hi, to_last, src, dst);
    if (size == 8) reorder_uint64_t(channels, positions, lo, hi, to_last, src, dst);
}
