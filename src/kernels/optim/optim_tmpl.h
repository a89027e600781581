/* SPDX-License-Identifier: Apache-2.0 */
/* Optimiser steps for one element type; the arithmetic is in the weights' type, as PyTorch's. Nothing is contracted, so every
 * ISA gives the same bits. */
#ifndef WHET_KERNELS_OPTIM_TMPL_H
#define WHET_KERNELS_OPTIM_TMPL_H

#include <math.h>

#include "kernels/elem.h"
#include "kernels/optim/optim.h"

#define OPTIM_BODY(T, suffix, root)                                                                                       \
    void whet_sgd_##suffix(const whet_sgd *o, int64_t n, const T *w, const T *g, const T *m, T *w_out, T *m_out)    \
    {                                                                                                               \
        const T lr = (T)o->lr, mu = (T)o->momentum, keep = (T)(1 - o->dampening), decay = (T)o->weight_decay;       \
        if (m == 0) {                                                                                               \
            ELEM_INDEPENDENT for (int64_t i = 0; i < n; i++) w_out[i] = w[i] - lr * (g[i] + decay * w[i]);          \
        } else if (o->nesterov) {                                                                                   \
            ELEM_INDEPENDENT for (int64_t i = 0; i < n; i++) {                                                      \
                const T d = g[i] + decay * w[i], b = mu * m[i] + keep * d;                                          \
                w_out[i] = w[i] - lr * (d + mu * b);                                                                \
                m_out[i] = b;                                                                                       \
            }                                                                                                       \
        } else {                                                                                                    \
            ELEM_INDEPENDENT for (int64_t i = 0; i < n; i++) {                                                      \
                const T d = g[i] + decay * w[i], b = mu * m[i] + keep * d;                                          \
                w_out[i] = w[i] - lr * b;                                                                           \
                m_out[i] = b;                                                                                       \
            }                                                                                                       \
        }                                                                                                           \
    }                                                                                                               \
    void whet_adam_##suffix(const whet_adam *o, int64_t n, const T *w, const T *g, const T *m, const T *v, T *w_out, T *m_out,\
                            T *v_out)                                                                               \
    {                                                                                                               \
        const T b1 = (T)o->beta1, b2 = (T)o->beta2, n1 = (T)(1 - o->beta1), n2 = (T)(1 - o->beta2), eps = (T)o->epsilon;\
        const T step = (T)(o->lr / o->correct1), scale = (T)(1 / sqrt(o->correct2));                                \
        const T decay = (T)(o->decoupled ? 0 : o->weight_decay), shrink = (T)(o->decoupled ? 1 - o->lr * o->weight_decay : 1);\
        ELEM_INDEPENDENT for (int64_t i = 0; i < n; i++) {                                                          \
            const T d = g[i] + decay * w[i];                                                                        \
            const T mi = b1 * m[i] + n1 * d, vi = b2 * v[i] + n2 * d * d;                                           \
            w_out[i] = w[i] * shrink - step * mi / (root(vi) * scale + eps);                                        \
            m_out[i] = mi;                                                                                          \
            v_out[i] = vi;                                                                                          \
        }                                                                                                           \
    }                                                                                                               \
    void whet_rms_prop_##suffix(const whet_rms_prop *o, int64_t n, const T *w, const T *g, const T *s, const T *b, const T *a,\
                                T *w_out, T *s_out, T *b_out, T *a_out)                                             \
    {                                                                                                               \
        const T lr = (T)o->lr, keep = (T)o->alpha, take = (T)(1 - o->alpha), mu = (T)o->momentum, decay = (T)o->weight_decay;\
        const T in = (T)(o->epsilon_inside ? o->epsilon : 0), outside = (T)(o->epsilon_inside ? 0 : o->epsilon);    \
        ELEM_INDEPENDENT for (int64_t i = 0; i < n; i++) {                                                          \
            const T d = g[i] + decay * w[i], si = keep * s[i] + take * d * d;                                       \
            T v = si;                                                                                               \
            if (a != 0) {                                                                                           \
                const T ai = a[i] + take * (d - a[i]);                                                              \
                v = si - ai * ai;                                                                                   \
                v = v < 0 ? 0 : v;                                                                                  \
                a_out[i] = ai;                                                                                      \
            }                                                                                                       \
            const T r = d / (root(v + in) + outside), bi = b != 0 ? mu * b[i] + r : r;                              \
            if (b != 0) b_out[i] = bi;                                                                              \
            s_out[i] = si;                                                                                          \
            w_out[i] = w[i] - lr * bi;                                                                              \
        }                                                                                                           \
    }                                                                                                               \
    void whet_ema_##suffix(double share, int64_t n, const T *e, const T *w, T *e_out)                               \
    {                                                                                                               \
        const T s = (T)share;                                                                                       \
        ELEM_INDEPENDENT for (int64_t i = 0; i < n; i++) e_out[i] = e[i] + s * (w[i] - e[i]);                       \
    }                                                                                                               \
    void whet_accumulate_##suffix(double share, int64_t n, const T *a, const T *g, T *a_out)                        \
    {                                                                                                               \
        const T s = (T)share;                                                                                       \
        if (a == 0) {                                                                                               \
            ELEM_INDEPENDENT for (int64_t i = 0; i < n; i++) a_out[i] = s * g[i];                                   \
        } else {                                                                                                    \
            ELEM_INDEPENDENT for (int64_t i = 0; i < n; i++) a_out[i] = a[i] + s * g[i];                            \
        }                                                                                                           \
    }                                                                                                               \
    double whet_sum_squares_##suffix(int64_t n, const T *x)                                                         \
    {                                                                                                               \
        double s[8] = {0};                                                                                          \
        int64_t i = 0;                                                                                              \
        for (; i + 8 <= n; i += 8)                                                                                  \
            for (int k = 0; k < 8; k++) s[k] += (double)x[i + k] * (double)x[i + k];                                \
        for (; i < n; i++) s[i % 8] += (double)x[i] * (double)x[i];                                                 \
        return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));                                   \
    }

#endif
