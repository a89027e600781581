/* SPDX-License-Identifier: Apache-2.0 */
/* whet.FusedAttention by plain loops in double: the definition. One chunk is some rows of one head of one image. */
#include <math.h>

#include "base/mem.h"
#include "exec/cpu/cpu_attention.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"

whet_status whet_attention_read(whet_cpu_node *k, whet_attention *s)
{
    const whet_shape *q = &k->in[0].shape, *kk = &k->in[1].shape, *v = &k->in[2].shape;
    *s = (whet_attention){.n = q->dims[0], .lq = q->dims[1], .lk = kk->dims[1], .q_row = q->dims[2], .k_row = kk->dims[2], .v_row = v->dims[2]};
    s->heads = whet_node_int(k->n, "heads", 1);
    s->dim = whet_node_int(k->n, "head_dim", 1);
    s->value = whet_node_int(k->n, "value_dim", 0);
    if (s->value == 0) s->value = s->dim;
    s->q_offset = whet_node_int(k->n, "q_offset", 0);
    s->k_offset = whet_node_int(k->n, "k_offset", 0);
    s->v_offset = whet_node_int(k->n, "v_offset", 0);
    s->scale = whet_node_float(k->n, "scale", 1);
    if (k->n_in > 3 && k->in[3].dtype != WHET_DTYPE_NONE) {
        const whet_shape *m = &k->in[3].shape;
        int64_t step = 1;
        s->masked = true;
        for (int i = 3; i >= 0; i--) {
            const int j = i - (4 - m->rank);
            s->mask[i] = j >= 0 && m->dims[j] > 1 ? step : 0;
            if (j >= 0) step *= m->dims[j];
        }
    }
    return WHET_OK;
}

typedef struct attention_state {
    whet_attention a;
    int64_t rows; /* n * heads * lq */
    int chunks;
    size_t slot;  /* doubles of workspace a thread takes */
} attention_state;

static whet_status reshape(whet_cpu_node *k)
{
    attention_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    WHET_TRY(whet_attention_read(k, &s->a));
    s->rows = s->a.n * s->a.heads * s->a.lq;
    s->chunks = whet_chunks(s->rows, 1 + 40000 / WHET_MAX(s->a.lk * (s->a.dim + s->a.value), 1), 4096);
    s->slot = WHET_ALIGN_UP((size_t)s->a.lk, 8);
    k->workspace_size = s->slot * sizeof(double) * (size_t)whet_team_size(k->team);
    return WHET_OK;
}

/* One row of scores in p, made into weights that sum to 1, and the weighted sum of the values. */
#define ROW(T, suffix)                                                                                              \
    static void row_##suffix(const whet_cpu_node *k, const whet_attention *a, int64_t r, double *p)                 \
    {                                                                                                               \
        const int64_t i = r % a->lq, h = r / a->lq % a->heads, n = r / (a->lq * a->heads);                          \
        const T *q = (const T *)k->in[0].data + (n * a->lq + i) * a->q_row + a->q_offset + h * a->dim;              \
        const T *key = (const T *)k->in[1].data + n * a->lk * a->k_row + a->k_offset + h * a->dim;                  \
        const T *v = (const T *)k->in[2].data + n * a->lk * a->v_row + a->v_offset + h * a->value;                  \
        const T *mask = a->masked ? (const T *)k->in[3].data + n * a->mask[0] + h * a->mask[1] + i * a->mask[2] : NULL; \
        T *y = (T *)k->out[0].data + ((n * a->lq + i) * a->heads + h) * a->value;                                   \
        double most = -INFINITY, sum = 0;                                                                           \
        for (int64_t j = 0; j < a->lk; j++) {                                                                       \
            double x = 0;                                                                                           \
            for (int64_t d = 0; d < a->dim; d++) x += (double)q[d] * (double)key[j * a->k_row + d];                 \
            p[j] = (double)a->scale * x + (mask != NULL ? (double)mask[j * a->mask[3]] : 0);                        \
            if (p[j] > most) most = p[j];                                                                           \
        }                                                                                                           \
        for (int64_t j = 0; j < a->lk; j++) sum += p[j] = exp(p[j] - most);                                         \
        for (int64_t d = 0; d < a->value; d++) {                                                                    \
            double x = 0;                                                                                           \
            for (int64_t j = 0; j < a->lk; j++) x += p[j] * (double)v[j * a->v_row + d];                            \
            y[d] = (T)(x / sum);                                                                                    \
        }                                                                                                           \
    }
ROW(float, f32)
ROW(double, f64)

static void chunk_rows(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const attention_state *s = k->state;
    double *p = (double *)k->workspace + s->slot * (size_t)worker;
    for (int64_t r = whet_chunk_begin(s->rows, s->chunks, chunk); r < whet_chunk_begin(s->rows, s->chunks, chunk + 1); r++) {
        if (k->out[0].dtype == WHET_F64) row_f64(k, &s->a, r, p);
        else row_f32(k, &s->a, r, p);
    }
}

static whet_status run(const whet_cpu_node *k)
{
    const attention_state *s = k->state;
    if (s->rows > 0) whet_parallel(k->team, s->chunks, chunk_rows, (void *)(uintptr_t)k);
    return WHET_OK;
}

const whet_cpu_impl whet_cpu_attention_ref = {.op = "whet.FusedAttention", .name = "ref", .provider = WHET_PROVIDER_REF,
                                              .create = whet_need_float, .reshape = reshape, .run = run};
