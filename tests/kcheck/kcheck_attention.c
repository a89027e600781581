/* SPDX-License-Identifier: Apache-2.0 */
/* attention.def: every row against the definition in double, the bits of a query against those it has in another block. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kcheck.h"
#include "kernels/attention/attention.h"

static const char *name(int row) { return whet_attention_kernel_at(row)->name; }
static uint32_t isa(int row) { return whet_attention_kernel_at(row)->isa; }

/* The definition, and how far f32 may be from it: the error of a score enters its exponential. */
static void define(const whet_attention_args *a, int i, double *p, double *y, double *bound)
{
    const double unit = ldexp(1, -24);
    double most = -INFINITY, sum = 0, worst = 0;
    for (int64_t j = 0; j < a->n_k; j++) {
        double x = 0, size = 0;
        for (int d = 0; d < a->dim; d++) {
            const double t = (double)a->q[i * a->q_row + d] * (double)a->k[j * a->k_row + d];
            x += t;
            size += fabs(t);
        }
        x *= (double)a->scale;
        size *= fabs((double)a->scale);
        const double m = a->mask ? (double)a->mask[i * a->mask_query + j * a->mask_key] : 0;
        p[j] = x + m;
        worst = fmax(worst, unit * ((a->dim + 4) * size + 2 * fabs(p[j]) + fabs(m)));
        most = fmax(most, p[j]);
    }
    for (int64_t j = 0; j < a->n_k; j++) sum += p[j] = exp(p[j] - most);
    for (int d = 0; d < a->value; d++) {
        double x = 0, size = 0;
        for (int64_t j = 0; j < a->n_k; j++) {
            x += p[j] / sum * (double)a->v[j * a->v_row + d];
            size += p[j] / sum * fabs((double)a->v[j * a->v_row + d]);
        }
        y[d] = x;
        bound[d] = size * (4 * worst + unit * (double)(3 * a->n_k + 100)) + 1e-30;
    }
}

static bool check(kc_case *c, int row)
{
    const whet_attention_kernel *k = whet_attention_kernel_at(row);
    const bool low = kc_chance(c, 2), masked = kc_chance(c, 3), usual = kc_chance(c, 2);
    whet_attention_args a = {.n_q = kc_int(c, 1, WHET_ATTENTION_BLOCK), .n_k = kc_int(c, 1, usual ? 200 : 40), .dim = usual ? 64 : kc_int(c, 1, 40),
                             .value = usual ? 64 : kc_int(c, 1, 40)};
    const int qs = a.dim + kc_int(c, 0, 20), ks = a.dim + kc_int(c, 0, 20), vs = a.value + kc_int(c, 0, 20), ys = a.value + kc_int(c, 0, 20);
    const bool per_query = kc_chance(c, 2);
    const int shift = kc_int(c, 0, a.n_q - 1);
    a.scale = 1.0f / sqrtf((float)a.dim);
    snprintf(c->text, sizeof c->text, "queries %d keys %d dim %d value %d rows %d %d %d %d mask %d low %d shift %d", a.n_q, (int)a.n_k, a.dim, a.value,
             qs, ks, vs, ys, masked ? 1 + per_query : 0, low, shift);
    const size_t nq = (size_t)((a.n_q - 1) * qs + a.dim), nk = (size_t)((a.n_k - 1) * ks + a.dim), nv = (size_t)((a.n_k - 1) * vs + a.value);
    const size_t ny = (size_t)((a.n_q - 1) * ys + a.value), nm = (size_t)a.n_k * (size_t)(per_query ? a.n_q : 1);
    float *q = kc_floats(c, nq, low), *key = kc_floats(c, nk, low), *v = kc_floats(c, nv, low), *y = kc_floats(c, ny, low), *again = kc_floats(c, ny, low);
    float *mask = kc_floats(c, nm, low), *scratch = kc_floats(c, WHET_ALIGN_UP(whet_attention_scratch(a.n_k, a.dim, a.value), 16), true);
    kc_fill(c, q, nq, false);
    kc_fill(c, key, nk, false);
    kc_fill(c, v, nv, false);
    kc_fill(c, mask, nm, false);
    kc_fill(c, y, ny, false);
    memcpy(again, y, ny * sizeof *y);
    for (size_t i = 0; i < nm; i += 5)
        if (i % (size_t)a.n_k > 0) mask[i] = -INFINITY;
    a.q = q, a.k = key, a.v = v, a.dst = y, a.scratch = scratch;
    a.q_row = qs, a.k_row = ks, a.v_row = vs, a.dst_row = ys;
    if (masked) a.mask = mask, a.mask_key = 1, a.mask_query = per_query ? (ptrdiff_t)a.n_k : 0;
    k->block(&a);
    double p[200], want[64], bound[64];
    for (int i = 0; i < a.n_q; i++) {
        define(&a, i, p, want, bound);
        if (!kc_near(c, y + i * ys, want, bound, (size_t)a.value)) return false;
        for (int d = a.value; i + 1 < a.n_q && d < ys; d++)
            if (y[i * ys + d] != again[i * ys + d]) return printf("wrote behind row %d\n", i), false;
    }
    /* the last queries alone: the same bits */
    a.q += shift * qs, a.dst = again + shift * ys, a.n_q -= shift;
    if (a.mask) a.mask += shift * a.mask_query;
    k->block(&a);
    return kc_same(c, again + shift * ys, y + shift * ys, ny - (size_t)(shift * ys));
}

enum { ROWS = 0 /* all of the table */
#define K(isa, symbol, tile, types, tier) + 1
#include "kernels/attention/attention.def"
#undef K
};
const kc_family kc_attention = {"attention", ROWS, name, isa, check, 150};
