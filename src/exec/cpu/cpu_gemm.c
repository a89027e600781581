/* SPDX-License-Identifier: Apache-2.0 */
/* Gemm, its fused form and MatMul by the reference kernel, row by row of the output. */
#include <math.h>

#include "base/mem.h"
#include "exec/cpu/cpu_fused.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"
#include "kernels/gemm/matmul_ref.h"

typedef struct gemm_state {
    int64_t m, n, k;
    int64_t am, ak, bk, bn; /* element strides */
    int64_t cm, cn;         /* of the added matrix; 0: broadcast */
    double alpha, beta;
    whet_fused fused;
    int batch_rank;
    int64_t batch[WHET_MAX_RANK], a_step[WHET_MAX_RANK], b_step[WHET_MAX_RANK];
    int64_t rows;
    int chunks;
} gemm_state;

static void cut(gemm_state *s, int64_t batches)
{
    s->rows = batches * s->m;
    s->chunks = whet_chunks(s->rows, 1 + 40000 / WHET_MAX(s->n * s->k, 1), 4096);
}

static whet_status gemm_reshape(whet_cpu_node *k)
{
    gemm_state *s = whet_cpu_state(k, sizeof *s);
    const whet_cpu_arg *a = &k->in[0], *b = &k->in[1];
    const bool ta = whet_node_int(k->n, "transA", 0) != 0, tb = whet_node_int(k->n, "transB", 0) != 0;
    if (s == NULL) return WHET_ENOMEM;
    s->m = k->out[0].shape.dims[0];
    s->n = k->out[0].shape.dims[1];
    s->k = a->shape.dims[ta ? 0 : 1];
    s->am = ta ? 1 : a->shape.dims[1];
    s->ak = ta ? a->shape.dims[1] : 1;
    s->bk = tb ? 1 : b->shape.dims[1];
    s->bn = tb ? b->shape.dims[1] : 1;
    s->alpha = (double)whet_node_float(k->n, "alpha", 1);
    s->beta = (double)whet_node_float(k->n, "beta", 1);
    WHET_TRY(whet_fused_read(k->n, &s->fused));
    if (k->n_in > 2 && k->in[2].dtype != WHET_DTYPE_NONE) {
        const whet_shape *c = &k->in[2].shape;
        const int64_t cols = c->rank > 0 ? c->dims[c->rank - 1] : 1, rows = c->rank > 1 ? c->dims[c->rank - 2] : 1;
        s->cn = cols > 1 ? 1 : 0;
        s->cm = rows > 1 ? cols : 0;
    }
    cut(s, 1);
    return WHET_OK;
}

/* Strides over the leading (batch) axes; a size of 1 does not move. */
static void batch_steps(const whet_shape *s, int lead, int out_lead, int64_t *step)
{
    int64_t size = s->rank > 1 ? s->dims[s->rank - 1] * s->dims[s->rank - 2] : s->dims[0];
    for (int i = out_lead - 1; i >= 0; i--) {
        const int j = i - (out_lead - lead);
        step[i] = j >= 0 && s->dims[j] > 1 ? size : 0;
        if (j >= 0) size *= s->dims[j];
    }
}

static whet_status matmul_reshape(whet_cpu_node *k)
{
    gemm_state *s = whet_cpu_state(k, sizeof *s);
    const whet_shape *a = &k->in[0].shape, *b = &k->in[1].shape, *y = &k->out[0].shape;
    int64_t batches = 1;
    if (s == NULL) return WHET_ENOMEM;
    s->m = a->rank > 1 ? a->dims[a->rank - 2] : 1;
    s->k = a->dims[a->rank - 1];
    s->n = b->rank > 1 ? b->dims[b->rank - 1] : 1;
    s->am = s->k;
    s->ak = 1;
    s->bk = b->rank > 1 ? s->n : 1;
    s->bn = 1;
    s->alpha = 1;
    s->batch_rank = y->rank - (a->rank > 1) - (b->rank > 1);
    for (int i = 0; i < s->batch_rank; i++) batches *= s->batch[i] = y->dims[i];
    batch_steps(a, WHET_MAX(a->rank - 2, 0), s->batch_rank, s->a_step);
    batch_steps(b, WHET_MAX(b->rank - 2, 0), s->batch_rank, s->b_step);
    cut(s, batches);
    return WHET_OK;
}

static void row(const whet_cpu_node *k, const gemm_state *s, int64_t r)
{
    int64_t a = r % s->m * s->am, b = 0, left = r / s->m;
    const void *c = k->n_in > 2 && k->in[2].dtype != WHET_DTYPE_NONE ? k->in[2].data : NULL;
    for (int i = s->batch_rank - 1; i >= 0; i--) {
        a += left % s->batch[i] * s->a_step[i];
        b += left % s->batch[i] * s->b_step[i];
        left /= s->batch[i];
    }
    if (k->out[0].dtype == WHET_F64) {
        double *y = (double *)k->out[0].data + r * s->n;
        whet_matmul_row_f64_ref(s->n, s->k, s->alpha, (const double *)k->in[0].data + a, s->ak, (const double *)k->in[1].data + b,
                                s->bk, s->bn, s->beta, c != NULL ? (const double *)c + r % s->m * s->cm : NULL, s->cn, y);
        for (int64_t j = 0; s->fused.act != WHET_ACT_NONE && j < s->n; j++) y[j] = whet_fused_value(&s->fused, y[j], 0);
    } else {
        float *y = (float *)k->out[0].data + r * s->n;
        whet_matmul_row_f32_ref(s->n, s->k, s->alpha, (const float *)k->in[0].data + a, s->ak, (const float *)k->in[1].data + b,
                                s->bk, s->bn, s->beta, c != NULL ? (const float *)c + r % s->m * s->cm : NULL, s->cn, y);
        for (int64_t j = 0; s->fused.act != WHET_ACT_NONE && j < s->n; j++) y[j] = (float)whet_fused_value(&s->fused, (double)y[j], 0);
    }
}

static void chunk_rows(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const gemm_state *s = k->state;
    (void)worker;
    for (int64_t r = whet_chunk_begin(s->rows, s->chunks, chunk); r < whet_chunk_begin(s->rows, s->chunks, chunk + 1); r++) row(k, s, r);
}

static whet_status run(const whet_cpu_node *k)
{
    const gemm_state *s = k->state;
    if (s->rows > 0) whet_parallel(k->team, s->chunks, chunk_rows, (void *)(uintptr_t)k);
    return WHET_OK;
}

#define IMPL(symbol, op_, reshape_)                                                                                 \
    const whet_cpu_impl whet_cpu_##symbol##_ref = {.op = op_, .name = "ref", .provider = WHET_PROVIDER_REF, .create = whet_need_float, \
                                                   .reshape = reshape_, .run = run};
IMPL(gemm, "Gemm", gemm_reshape)
IMPL(fused_gemm, "whet.FusedGemm", gemm_reshape)
IMPL(matmul, "MatMul", matmul_reshape)
