/* SPDX-License-Identifier: Apache-2.0 */
/* The table of depthwise kernels, and their definition in plain C. */
#include "kernels/conv/dw.h"

#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "kernels/unary/act.h"

static const whet_dw_kernel table[] = {
#define K(isa, symbol, tile, types, tier) {isa, #symbol, tile, types, tier, whet_dw_f32_##symbol, whet_dw_grad_f32_##symbol},
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

static float output(const whet_dw_args *a, int64_t y, int64_t x, int64_t c)
{
    float sum = a->bias ? a->bias[c] : 0.0f;
    for (int ky = 0; ky < a->kh; ky++) {
        const int64_t iy = y * a->sh - a->pt + (int64_t)ky * a->dh;
        if (iy < 0 || iy >= a->h) continue;
        for (int kx = 0; kx < a->kw; kx++) {
            const int64_t ix = x * a->sw - a->pl + (int64_t)kx * a->dw;
            const bool inside = ix >= 0 && ix < a->w;
            sum = fmaf(inside ? a->src[(iy * a->w + ix) * a->c + c] : 0.0f, a->weights[(ky * a->kw + kx) * a->c + c], sum);
        }
    }
    if (a->add) sum += a->add[y * a->dst_row + x * a->dst_step + c];
    if (sum < a->lo) sum = a->lo;
    if (sum > a->hi) sum = a->hi;
    if (a->silu) whet_act_for(0, WHET_ACT_SILU)(&sum, &sum, 1, 0.0f, 0.0f);
    return sum;
}

void whet_dw_f32_ref(const whet_dw_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1)
{
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = 0; x < a->ow; x++)
            for (int64_t c = c0; c < c1; c++) a->dst[y * a->dst_row + x * a->dst_step + c] = output(a, y, x, c);
}

void whet_dw_grad_f32_ref(const whet_dw_grad_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1)
{
    for (int64_t y = y0; y < y1; y++) {
        for (int64_t x = 0; x < a->ow; x++) {
            const float *d = a->diff_dst + (y * a->ow + x) * a->c;
            for (int ky = 0; ky < a->kh; ky++) {
                for (int kx = 0; kx < a->kw; kx++) {
                    const int64_t iy = y * a->sh - a->pt + (int64_t)ky * a->dh, ix = x * a->sw - a->pl + (int64_t)kx * a->dw;
                    float *acc = a->acc + ((int64_t)ky * a->kw + kx) * a->c;
                    if (iy < 0 || iy >= a->h || ix < 0 || ix >= a->w) continue;
                    for (int64_t c = c0; c < c1; c++) acc[c] = fmaf(d[c], a->src[(iy * a->w + ix) * a->c + c], acc[c]);
                }
            }
        }
    }
}
