/* SPDX-License-Identifier: Apache-2.0 */
/* The table of batch normalisation kernels, and their definition in plain C. */
#include "kernels/norm/norm_nhwc.h"

#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"

static const whet_bn_kernel table[] = {
#define K(isa, symbol, tile, types, tier)                                                                           \
    {isa, #symbol, tier, whet_bn_stats_##symbol, whet_bn_apply_##symbol, whet_bn_back_stats_##symbol, whet_bn_back_apply_##symbol},
#include "kernels/norm/norm_nhwc.def"
#undef K
};

int whet_bn_kernel_count(void) { return (int)WHET_COUNT(table); }
const whet_bn_kernel *whet_bn_kernel_at(int i) { return &table[i]; }

const whet_bn_kernel *whet_bn_kernel_for(uint32_t isa)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if ((table[i].isa & ~isa) == 0) return &table[i];
    return &table[WHET_COUNT(table) - 1];
}

void whet_bn_stats_ref(const whet_bn_args *a)
{
    for (int64_t r = 0; r < a->rows; r++)
        for (int64_t j = 0; j < a->c; j++) {
            const double x = (double)a->x[r * a->c + j];
            a->sum[j] += x;
            if (a->sum2) a->sum2[j] += x * x;
        }
}

void whet_bn_apply_ref(const whet_bn_args *a)
{
    for (int64_t i = 0; i < a->rows * a->c; i++) {
        float y = fmaf(a->x[i], a->a[i % a->c], a->b[i % a->c]);
        if (a->residual) y += a->residual[i];
        if (a->relu && y < 0.0f) y = 0.0f;
        a->y[i] = y;
    }
}

static float gate(const whet_bn_args *a, int64_t i, int64_t j)
{
    const float y = !a->relu ? 1.0f : a->mask_y ? a->mask_y[i] : fmaf(a->x[i], a->a[j], a->b[j]);
    return y > 0.0f ? a->dy[i] : 0.0f;
}

void whet_bn_back_stats_ref(const whet_bn_args *a)
{
    for (int64_t r = 0; r < a->rows; r++)
        for (int64_t j = 0; j < a->c; j++) {
            const float g = gate(a, r * a->c + j, j);
            a->sum[j] += (double)g;
            a->sum2[j] += (double)(g * ((a->x[r * a->c + j] - a->mean[j]) * a->invstd[j]));
        }
}

void whet_bn_back_apply_ref(const whet_bn_args *a)
{
    for (int64_t i = 0; i < a->rows * a->c; i++) {
        const int64_t j = i % a->c;
        const float g = gate(a, i, j);
        a->dx[i] = fmaf(g, a->a[j], fmaf(a->x[i] - a->mean[j], a->p[j], a->q[j]));
        if (a->dres) a->dres[i] = g;
    }
}
