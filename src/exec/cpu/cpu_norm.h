/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of layer normalisation ask of a scale or bias. */
#ifndef WHET_EXEC_CPU_NORM_H
#define WHET_EXEC_CPU_NORM_H

#include "exec/cpu/cpu.h"

/* v broadcasts to x with one element for each element of a run, x's axes from `axis` on. Their number alone does not tell:
 * 8x1x1 against 8x3x8 goes along the first axis. */
static inline bool whet_norm_fills_run(const whet_shape *x, const whet_shape *v, int axis)
{
    for (int i = 0; i < v->rank; i++) {
        const int j = x->rank - v->rank + i;
        if (j < 0 || v->dims[i] != (j >= axis ? x->dims[j] : 1)) return false;
    }
    return v->rank >= x->rank - axis;
}

#endif
