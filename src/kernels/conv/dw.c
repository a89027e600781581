/* SPDX-License-Identifier: Apache-2.0 */
/* The table of depthwise kernels, and their definition in plain C. */
#include "kernels/conv/dw.h"

#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"

static const whet_dw_kernel table[] = {
#define K(isa, symbol, tile, types, tier) {isa, #symbol, tile, types, tier, whet_dw_f32_##symbol},
#include "kernels/conv/dw.def"
#undef K
};

const whet_dw_kernel *whet_dw_kernel_at(int i) { return &table[i]; }

const whet_dw_kernel *whet_dw_kernel_for(uint32_t isa)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if ((table[i].isa & ~isa) == 0) return &table[i];
    return &table[WHET_COUNT(table) - 1];
}

void whet_dw_f32_ref(const whet_dw_args *a)
{
    for (int64_t x = 0; x < a->ow; x++) {
        for (int64_t c = 0; c < a->c; c++) {
            float sum = a->bias ? a->bias[c] : 0.0f;
            for (int ky = 0; ky < a->kh; ky++) {
                for (int kx = 0; kx < a->kw; kx++) {
                    const int64_t iy = a->y * a->sh - a->pt + (int64_t)ky * a->dh, ix = x * a->sw - a->pl + (int64_t)kx * a->dw;
                    if (iy < 0 || iy >= a->h || ix < 0 || ix >= a->w) continue;
                    sum = fmaf(a->src[(iy * a->w + ix) * a->c + c], a->weights[(ky * a->kw + kx) * a->c + c], sum);
                }
            }
            if (a->add) sum += a->add[x * a->c + c];
            if (sum < a->lo) sum = a->lo;
            if (sum > a->hi) sum = a->hi;
            a->dst[x * a->c + c] = sum;
        }
    }
}
