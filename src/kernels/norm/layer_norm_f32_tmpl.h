/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of layer_norm_vec.h, included once per ISA with SUFFIX. A row is read from memory once and stays in L1 for the other
 * passes. */
#include <math.h>
#include <stddef.h>

#include "kernels/norm/layer_norm_vec.h"
#include "kernels/vec.h"

#define CAT_(a, b) a##_##b
#define CAT(a, b) CAT_(a, b)
#define BLOCK 4096

enum { SUMS = 4 }; /* side by side: one multiply-add waits four cycles for the one before */

/* Sum of x - shift, or of its square; lanes outside of the row count nothing. */
ALWAYS_INLINE double block_sum(int64_t n, const float *x, vf shift, const int squared)
{
    const vf zero = vf_set(0.0f), one = vf_set(1.0f);
    vf s[SUMS] = {zero, zero, zero, zero};
    int64_t i = 0;
    for (; i + SUMS * VF <= n; i += SUMS * VF) {
        UNROLL for (int k = 0; k < SUMS; k++) {
            const vf d = vf_load(x + i + k * VF) - shift;
            s[k] = vf_fma(d, squared ? d : one, s[k]);
        }
    }
    for (; i < n; i += VF) {
        const vt t = vt_first(n - i);
        const vf d = vf_keep(t, vf_load_t(t, x + i) - shift, zero);
        s[0] = vf_fma(d, squared ? d : one, s[0]);
    }
    return (double)vf_total((s[0] + s[1]) + (s[2] + s[3]));
}

ALWAYS_INLINE double row_sum(int64_t n, const float *x, vf shift, const int squared)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i += BLOCK) sum += block_sum(n - i < BLOCK ? n - i : BLOCK, x + i, shift, squared);
    return sum;
}

ALWAYS_INLINE void row_stats(int64_t n, bool center, double epsilon, const float *x, float *mean, float *invstd)
{
    *mean = center ? (float)(row_sum(n, x, vf_set(0.0f), 0) / (double)n) : 0.0f;
    *invstd = (float)(1 / sqrt(row_sum(n, x, vf_set(*mean), 1) / (double)n + epsilon));
}

static void rows_norm(int64_t rows, int64_t n, bool center, double epsilon, const float *x, const float *scale, const float *bias,
                      float *y, float *mean, float *invstd)
{
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        float m, s;
        row_stats(n, center, epsilon, x, &m, &s);
        if (mean != NULL) mean[r] = m;
        if (invstd != NULL) invstd[r] = s;
        const vf vm_ = vf_set(m), vs = vf_set(s), zero = vf_set(0.0f);
        VEC_EACH(n, {
            const vf xhat = (vf_get(full, t, x + i) - vm_) * vs;
            vf_put(full, t, y + i, vf_fma(xhat, vf_get(full, t, scale + i), bias != NULL ? vf_get(full, t, bias + i) : zero));
        });
    }
}

/* dx = invstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * scale; without centring the mean of g stays in. */
static void rows_norm_grad(int64_t rows, int64_t n, bool center, double epsilon, const float *dy, const float *x, const float *scale,
                           float *dx, float *diff_scale, float *diff_bias)
{
    for (int64_t r = 0; r < rows; r++, dy += n, x += n, dx += n) {
        float m, s;
        double sum = 0, dot = 0;
        row_stats(n, center, epsilon, x, &m, &s);
        const vf vm_ = vf_set(m), vs = vf_set(s), zero = vf_set(0.0f);
        for (int64_t b = 0; b < n; b += BLOCK) {
            vf part = zero, part_dot = zero;
            const float *yb = dy + b, *xb = x + b, *sb = scale + b;
            float *scale_out = diff_scale + b, *bias_out = diff_bias + b;
            VEC_EACH((n - b < BLOCK ? n - b : BLOCK), {
                const vf d = vf_get(full, t, yb + i), xhat = (vf_get(full, t, xb + i) - vm_) * vs;
                const vf g = d * vf_get(full, t, sb + i); /* zero in lanes outside */
                part = part + g;
                part_dot = full ? vf_fma(g, xhat, part_dot) : vf_keep(t, vf_fma(g, xhat, part_dot), part_dot);
                vf_put(full, t, scale_out + i, vf_fma(d, xhat, vf_get(full, t, scale_out + i)));
                vf_put(full, t, bias_out + i, d + vf_get(full, t, bias_out + i));
            });
            sum += (double)vf_total(part);
            dot += (double)vf_total(part_dot);
        }
        const vf shift = vf_set(center ? (float)(sum / (double)n) : 0.0f), slope = vf_set((float)(dot / (double)n));
        VEC_EACH(n, {
            const vf xhat = (vf_get(full, t, x + i) - vm_) * vs;
            const vf g = vf_fma(vf_get(full, t, dy + i), vf_get(full, t, scale + i), vf_negated(shift));
            vf_put(full, t, dx + i, vf_fnma(xhat, slope, g) * vs);
        });
    }
}

static void stats(int64_t n, double epsilon, const float *x, float *mean, float *invstd) { row_stats(n, true, epsilon, x, mean, invstd); }

static void plane(int64_t n, const float *x, float mean, float a, float b, float *y)
{
    const vf m = vf_set(mean), va = vf_set(a), vb = vf_set(b);
    VEC_EACH(n, { vf_put(full, t, y + i, vf_fma(vf_get(full, t, x + i) - m, va, vb)); });
}

static void plane_sums(int64_t n, const float *dy, const float *x, float mean, double *sum, double *dot)
{
    const vf m = vf_set(mean), zero = vf_set(0.0f);
    for (int64_t b = 0; b < n; b += BLOCK) {
        vf s = zero, d = zero;
        VEC_EACH((n - b < BLOCK ? n - b : BLOCK), {
            const vf g = vf_get(full, t, dy + b + i), v = vf_get(full, t, x + b + i) - m;
            s = s + g;
            d = full ? vf_fma(g, v, d) : vf_keep(t, vf_fma(g, v, d), d);
        });
        *sum += (double)vf_total(s);
        *dot += (double)vf_total(d);
    }
}

static void plane_grad(int64_t n, const float *dy, const float *x, float mean, float a, float p, float q, float *dx)
{
    const vf m = vf_set(mean), va = vf_set(a), vp = vf_set(p), vq = vf_set(q);
    VEC_EACH(n, {
        const vf v = vf_get(full, t, x + i) - m;
        vf_put(full, t, dx + i, vf_fma(va, vf_get(full, t, dy + i), vf_fma(vp, v, vq)));
    });
}

const whet_layer_norm_vec CAT(whet_layer_norm_f32, SUFFIX) = {rows_norm, rows_norm_grad, stats, plane, plane_sums, plane_grad};
