/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler extensions, for src/kernels. */
#ifndef WHET_BASE_COMPAT_H
#define WHET_BASE_COMPAT_H

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define UNROLL _Pragma("GCC unroll 32")
#else
#define UNROLL
#endif

#endif
