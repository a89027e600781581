/* SPDX-License-Identifier: Apache-2.0 */
/* Loops of independent chains: enough of them to hide the latency of the instruction. The including file defines V (a vector
 * register's type) and R (its constraint); STEP(a, b, c) is one step of a chain. */
#include "base/compat.h"

#define CHAINS 12
#define EACH_CHAIN(X) X(a0) X(a1) X(a2) X(a3) X(a4) X(a5) X(a6) X(a7) X(a8) X(a9) X(a10) X(a11)

#define PEAK_LOOP(name, STEP)                                                                                       \
    static void name(int64_t n)                                                                                     \
    {                                                                                                               \
        V a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, b, c;                                                   \
        EACH_CHAIN(CLEAR) CLEAR(b) CLEAR(c)                                                                         \
        for (int64_t i = 0; i < n; i++) { EACH_CHAIN(STEP) }                                                        \
        EACH_CHAIN(KEEP)                                                                                            \
    }
#define KEEP(x) __asm__ volatile("" : : R(x));
