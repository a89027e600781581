/* SPDX-License-Identifier: Apache-2.0 */
/* What a whet.Fused* node does to the result of its product: shared by the rows of convolutions and products. */
#ifndef WHET_EXEC_CPU_FUSED_H
#define WHET_EXEC_CPU_FUSED_H

#include "exec/cpu/cpu.h"
#include "kernels/unary/act.h"

typedef struct whet_fused {
    enum whet_act act;
    float lo, hi;        /* as act.h means them; wide open where the activation takes none */
    bool residual_after; /* act(product + bias) + residual instead of act(product + bias + residual) */
} whet_fused;

/* Of any node: no activation where the attributes are absent. EUNSUPPORTED for a name that is none of act.h's. */
whet_status whet_fused_read(const whet_node *n, whet_fused *f);
/* The definition: what becomes of one product (bias included) and its residual (0 if there is none). */
double whet_fused_value(const whet_fused *f, double product, double residual);

#endif
