/* SPDX-License-Identifier: Apache-2.0 */
/* Optimiser steps in plain C; the arithmetic is in the weights' type, as PyTorch's. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include "kernels/optim/optim.h"

#include <math.h>

#define BODY(T, suffix, root)                                                                                       \
    void whet_sgd_##suffix(const whet_sgd *o, int64_t n, const T *w, const T *g, const T *m, T *w_out, T *m_out)    \
    {                                                                                                               \
        const T lr = (T)o->lr, mu = (T)o->momentum, keep = (T)(1 - o->dampening), decay = (T)o->weight_decay;       \
        if (m == 0) {                                                                                               \
            for (int64_t i = 0; i < n; i++) w_out[i] = w[i] - lr * (g[i] + decay * w[i]);                           \
        } else if (o->nesterov) {                                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                                       \
                const T d = g[i] + decay * w[i], b = mu * m[i] + keep * d;                                          \
                w_out[i] = w[i] - lr * (d + mu * b);                                                                \
                m_out[i] = b;                                                                                       \
            }                                                                                                       \
        } else {                                                                                                    \
            for (int64_t i = 0; i < n; i++) {                                                                       \
                const T d = g[i] + decay * w[i], b = mu * m[i] + keep * d;                                          \
                w_out[i] = w[i] - lr * b;                                                                           \
                m_out[i] = b;                                                                                       \
            }                                                                                                       \
        }                                                                                                           \
    }                                                                                                               \
    void whet_adam_##suffix(const whet_adam *o, int64_t n, const T *w, const T *g, const T *m, const T *v, T *w_out, T *m_out, \
                            T *v_out)                                                                               \
    {                                                                                                               \
        const T b1 = (T)o->beta1, b2 = (T)o->beta2, n1 = (T)(1 - o->beta1), n2 = (T)(1 - o->beta2), eps = (T)o->epsilon; \
        const T step = (T)(o->lr / o->correct1), scale = (T)(1 / sqrt(o->correct2));                                \
        const T decay = (T)(o->decoupled ? 0 : o->weight_decay), shrink = (T)(o->decoupled ? 1 - o->lr * o->weight_decay : 1); \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const T d = g[i] + decay * w[i];                                                                        \
            const T mi = b1 * m[i] + n1 * d, vi = b2 * v[i] + n2 * d * d;                                           \
            w_out[i] = w[i] * shrink - step * mi / (root(vi) * scale + eps);                                        \
            m_out[i] = mi;                                                                                          \
            v_out[i] = vi;                                                                                          \
        }                                                                                                           \
    }
BODY(float, f32_ref, sqrtf)
BODY(double, f64_ref, sqrt)
