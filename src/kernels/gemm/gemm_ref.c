/* SPDX-License-Identifier: Apache-2.0 */
/* The definition of the matrix kernels in plain C. */
#include <math.h>

#include "kernels/gemm/gemm.h"

void whet_rows_f32_ref(const whet_rows_args *a)
{
    const ptrdiff_t w_block = a->w_block ? a->w_block : (ptrdiff_t)a->n_runs * a->run_len * WHET_GEMM_BLOCK;
    for (int i = 0; i < a->m; i++) {
        for (int j = 0; j < a->n; j++) {
            const float *w = a->weights + j / WHET_GEMM_BLOCK * w_block + j % WHET_GEMM_BLOCK;
            float x = a->more ? a->dst[i * a->dst_step + j] : a->bias ? a->bias[j] : 0.0f;
            for (int r = 0; r < a->n_runs; r++) {
                const float *s = a->src + i * a->src_step + a->runs[r];
                for (int c = 0; c < a->run_len; c++, w += WHET_GEMM_BLOCK) x = fmaf(s[c], *w, x);
            }
            if (a->add) x += a->add[i * a->add_step + j];
            if (x < a->lo) x = a->lo;
            if (x > a->hi) x = a->hi;
            a->dst[i * a->dst_step + j] = x;
        }
    }
}

void whet_outer_f32_ref(const whet_outer_args *a)
{
    for (int r = 0; r < (a->n_images > 0 ? a->n_images : 1) * a->n_rows; r++)
        for (int p = 0; p < a->n_pixels; p++)
            for (int i = 0; i < a->m; i++)
                for (int j = 0; j < a->n; j++) {
                    const int image = r / a->n_rows, row = r % a->n_rows;
                    float *c = a->acc + i * a->acc_step + j;
                    *c = fmaf(a->a[image * a->a_image + row * a->a_row + p * a->a_step + i],
                              a->b[image * a->b_image + row * a->b_row + p * a->b_step + j], *c);
                }
}
