/* SPDX-License-Identifier: Apache-2.0 */
/* The table of attention kernels, and their definition in plain C. */
#include "kernels/attention/attention.h"

#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"

static const whet_attention_kernel table[] = {
#define K(isa, symbol, tile, types, tier) {isa, #symbol, tile, types, tier, whet_attention_f32_##symbol},
#include "kernels/attention/attention.def"
#undef K
};

const whet_attention_kernel *whet_attention_kernel_at(int i) { return &table[i]; }

const whet_attention_kernel *whet_attention_kernel_for(uint32_t isa)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if ((table[i].isa & ~isa) == 0) return &table[i];
    return &table[WHET_COUNT(table) - 1];
}

/* Queries, scores and results of a block; rows of the first and the last come in eights. */
size_t whet_attention_scratch(int64_t n_k, int dim, int value)
{
    return (WHET_ALIGN_UP((size_t)dim, 8) + (size_t)n_k + WHET_ALIGN_UP((size_t)value, 8)) * WHET_ATTENTION_BLOCK;
}

void whet_attention_f32_ref(const whet_attention_args *a)
{
    float *p = a->scratch;
    for (int i = 0; i < a->n_q; i++) {
        const float *q = a->q + i * a->q_row;
        float *y = a->dst + i * a->dst_row;
        double most = -INFINITY, sum = 0;
        for (int64_t j = 0; j < a->n_k; j++) {
            double x = 0;
            for (int d = 0; d < a->dim; d++) x += (double)q[d] * (double)a->k[j * a->k_row + d];
            x *= (double)a->scale;
            if (a->mask) x += (double)a->mask[i * a->mask_query + j * a->mask_key];
            p[j] = (float)x;
            if (x > most) most = x;
        }
        for (int64_t j = 0; j < a->n_k; j++) sum += (double)(p[j] = (float)exp((double)p[j] - most));
        for (int d = 0; d < a->value; d++) {
            double x = 0;
            for (int64_t j = 0; j < a->n_k; j++) x += (double)p[j] * (double)a->v[j * a->v_row + d];
            y[d] = (float)(x / sum);
        }
    }
}
