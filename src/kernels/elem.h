/* SPDX-License-Identifier: Apache-2.0 */
/* Element types of the plain kernels, as X-macro lists: E(suffix, storage type, compute type).
 * 16-bit floats are computed in f32; integers wrap around (computed unsigned where that matters). */
#ifndef WHET_KERNELS_ELEM_H
#define WHET_KERNELS_ELEM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/half.h"

#define ELEM_CAT2_(a, b) a##b
#define ELEM_CAT(a, b) ELEM_CAT2_(a, b)

/* The loop that follows has no dependence between iterations: source and destination are the same or disjoint. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* a loop over a libm call stays scalar */
#define ELEM_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define ELEM_INDEPENDENT _Pragma("GCC ivdep")
#else
#define ELEM_INDEPENDENT
#endif

#define ELEM_FLOATS(E)                                                                                              \
    E(f64, double, double)                                                                                          \
    E(f32, float, float)                                                                                            \
    E(f16, uint16_t, float)                                                                                         \
    E(bf16, uint16_t, float)
#define ELEM_SIGNED(E) E(s64, int64_t, int64_t) E(s32, int32_t, int64_t) E(s16, int16_t, int64_t) E(s8, int8_t, int64_t)
#define ELEM_UNSIGNED(E) E(u64, uint64_t, uint64_t) E(u32, uint32_t, uint64_t) E(u16, uint16_t, uint64_t) E(u8, uint8_t, uint64_t)

#endif
