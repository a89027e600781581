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

/* The compiler forgets how a pointer came about. Unrolled loops over strides known only at run time would else keep an offset for
 * every access: too many for the registers, so that each load waits for a load of its address from the stack. */
#if defined(__GNUC__)
#define OPAQUE(p) __asm__("" : "+r"(p))
#else
#define OPAQUE(p) ((void)(p))
#endif

#endif
