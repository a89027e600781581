/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of softmax_vec.h, included once per ISA with SUFFIX. The largest element is subtracted first; the exponentials are
 * computed once and kept in the result. */
#include "kernels/softmax/softmax_vec.h"
#include "kernels/vec_math.h"

#define CAT_(a, b) a##_##b
#define CAT(a, b) CAT_(a, b)

static float row_most(int64_t n, const float *src)
{
    const vf least = vf_set(-INFINITY);
    vf m0 = least, m1 = least;
    int64_t i = 0;
    for (; i + 2 * VF <= n; i += 2 * VF) {
        m0 = vf_max(m0, vf_load(src + i));
        m1 = vf_max(m1, vf_load(src + i + VF));
    }
    for (; i < n; i += VF) {
        const vt t = vt_first(n - i);
        m0 = vf_max(m0, vf_keep(t, vf_load_t(t, src + i), least));
    }
    return vf_most(vf_max(m0, m1));
}

static void rows_softmax(int64_t rows, int64_t n, bool log, const float *src, float *dst)
{
    for (int64_t r = 0; r < rows; r++, src += n, dst += n) {
        const vf top = vf_set(row_most(n, src)), zero = vf_set(0.0f);
        vf sum = zero;
        VEC_EACH(n, {
            const vf e = vm_exp(vf_get(full, t, src + i) - top);
            sum = sum + (full ? e : vf_keep(t, e, zero));
            if (!log) vf_put(full, t, dst + i, e);
        });
        const float total = vf_total(sum);
        if (log) {
            const vf shift = vf_set(logf(total));
            VEC_EACH(n, { vf_put(full, t, dst + i, vf_get(full, t, src + i) - top - shift); });
        } else {
            const vf scale = vf_set(1.0f / total);
            VEC_EACH(n, { vf_put(full, t, dst + i, vf_get(full, t, dst + i) * scale); });
        }
    }
}

/* What comes back through the softmax with result y, or through its logarithm. */
ALWAYS_INLINE vf slope(bool log, vf y, vf d, vf total)
{
    if (log) return vf_fnma(vm_exp(y), total, d);
    return y * (d - total);
}

static void rows_softmax_grad(int64_t rows, int64_t n, bool log, const float *diff_dst, const float *dst, float *diff_src)
{
    for (int64_t r = 0; r < rows; r++, diff_dst += n, dst += n, diff_src += n) {
        vf sum = vf_set(0.0f);
        VEC_EACH(n, {
            const vf d = vf_get(full, t, diff_dst + i);
            sum = vf_fma(d, log ? vf_set(1.0f) : vf_get(full, t, dst + i), sum); /* lanes outside are loaded as zero */
        });
        const vf total = vf_set(vf_total(sum));
        VEC_EACH(n, {
            const vf d = vf_get(full, t, diff_dst + i), y = vf_get(full, t, dst + i);
            vf_put(full, t, diff_src + i, slope(log, y, d, total));
        });
    }
}

ALWAYS_INLINE void lane(const int full, vt t, int64_t n, int64_t step, bool log, const float *src, float *dst)
{
    vf top = vf_set(-INFINITY), sum = vf_set(0.0f);
    for (int64_t j = 0; j < n; j++) top = vf_max(top, vf_get(full, t, src + j * step));
    for (int64_t j = 0; j < n; j++) {
        const vf e = vm_exp(vf_get(full, t, src + j * step) - top);
        sum = sum + e;
        if (!log) vf_put(full, t, dst + j * step, e);
    }
    if (log) {
        const vf shift = vm_log(sum);
        for (int64_t j = 0; j < n; j++) vf_put(full, t, dst + j * step, vf_get(full, t, src + j * step) - top - shift);
    } else {
        const vf scale = vf_set(1.0f) / sum;
        for (int64_t j = 0; j < n; j++) vf_put(full, t, dst + j * step, vf_get(full, t, dst + j * step) * scale);
    }
}

static void lanes_softmax(int64_t n, int64_t inner, int64_t first, int64_t last, bool log, const float *src, float *dst)
{
    VEC_EACH(last - first, { lane(full, t, n, inner, log, src + first + i, dst + first + i); });
}

ALWAYS_INLINE void lane_grad(const int full, vt t, int64_t n, int64_t step, bool log, const float *diff_dst, const float *dst,
                             float *diff_src)
{
    vf sum = vf_set(0.0f);
    for (int64_t j = 0; j < n; j++) {
        const vf d = vf_get(full, t, diff_dst + j * step);
        sum = vf_fma(d, log ? vf_set(1.0f) : vf_get(full, t, dst + j * step), sum);
    }
    for (int64_t j = 0; j < n; j++) {
        const vf d = vf_get(full, t, diff_dst + j * step), y = vf_get(full, t, dst + j * step);
        vf_put(full, t, diff_src + j * step, slope(log, y, d, sum));
    }
}

static void lanes_softmax_grad(int64_t n, int64_t inner, int64_t first, int64_t last, bool log, const float *diff_dst,
                               const float *dst, float *diff_src)
{
    VEC_EACH(last - first,
             { lane_grad(full, t, n, inner, log, diff_dst + first + i, dst + first + i, diff_src + first + i); });
}

static void cross_entropy_grad(int64_t n, const float *log_probs, int64_t label, float hit, float rest, float factor, float *diff)
{
    const vf f = vf_set(factor), s = vf_set(rest);
    const float p = log_probs[label];
    VEC_EACH(n, { vf_put(full, t, diff + i, f * (vm_exp(vf_get(full, t, log_probs + i)) - s)); });
    diff[label] = factor * (expf(p) - rest - hit);
}

static void lanes_cross_entropy_grad(int64_t n, int64_t inner, int64_t first, int64_t last, const float *log_probs,
                                     const int64_t *labels, int64_t ignore, float hit, float rest, float factor, float *diff)
{
    const vf f = vf_set(factor), s = vf_set(rest);
    for (int64_t j = 0; j < n; j++) {
        const float *p = log_probs + j * inner + first;
        float *d = diff + j * inner + first;
        VEC_EACH(last - first, { vf_put(full, t, d + i, f * (vm_exp(vf_get(full, t, p + i)) - s)); });
    }
    for (int64_t i = first; i < last; i++)
        if (labels[i] != ignore) diff[labels[i] * inner + i] -= factor * hit;
        else for (int64_t j = 0; j < n; j++) diff[j * inner + i] = 0.0f;
}

const whet_softmax_vec CAT(whet_softmax_f32, SUFFIX) = {rows_softmax, rows_softmax_grad, lanes_softmax, lanes_softmax_grad,
                                                        cross_entropy_grad, lanes_cross_entropy_grad};
