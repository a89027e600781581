/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax, LogSoftmax and their gradients by the reference kernels, one strided run at a time. */
#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"
#include "kernels/softmax/softmax.h"

typedef struct softmax_state {
    int64_t n, inner, runs;
    int chunks;
    bool log;
} softmax_state;

static whet_status reshape(whet_cpu_node *k)
{
    softmax_state *s = whet_cpu_state(k, sizeof *s);
    const whet_shape *x = &k->in[0].shape;
    if (s == NULL) return WHET_ENOMEM;
    if (k->in[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "layout NHWC");
    int64_t axis = whet_node_int(k->n, "axis", -1);
    if (axis < 0) axis += x->rank;
    s->n = x->rank > 0 ? x->dims[axis] : 1;
    s->inner = 1;
    for (int i = (int)axis + 1; i < x->rank; i++) s->inner *= x->dims[i];
    s->runs = s->n > 0 ? k->in[0].numel / s->n : 0;
    s->chunks = whet_chunks(s->runs, 1 + 2048 / WHET_MAX(s->n, 1), 256);
    s->log = strncmp(k->impl->op, "LogSoftmax", 10) == 0 || strcmp(k->impl->op, "whet.LogSoftmaxGrad") == 0;
    return WHET_OK;
}

static void chunk_runs(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const softmax_state *s = k->state;
    (void)worker;
    for (int64_t i = whet_chunk_begin(s->runs, s->chunks, chunk); i < whet_chunk_begin(s->runs, s->chunks, chunk + 1); i++) {
        const int64_t o = i / s->inner * s->n * s->inner + i % s->inner;
        const void *a = k->in[0].data, *b = k->n_in > 1 ? k->in[1].data : NULL;
        void *y = k->out[0].data;
        if (b == NULL && k->in[0].dtype == WHET_F64) whet_softmax_f64_ref(s->n, s->inner, s->log, (const double *)a + o, (double *)y + o);
        if (b == NULL && k->in[0].dtype == WHET_F32) whet_softmax_f32_ref(s->n, s->inner, s->log, (const float *)a + o, (float *)y + o);
        if (b != NULL && k->in[0].dtype == WHET_F64)
            whet_softmax_grad_f64_ref(s->n, s->inner, s->log, (const double *)a + o, (const double *)b + o, (double *)y + o);
        if (b != NULL && k->in[0].dtype == WHET_F32)
            whet_softmax_grad_f32_ref(s->n, s->inner, s->log, (const float *)a + o, (const float *)b + o, (float *)y + o);
    }
}

static whet_status run(const whet_cpu_node *k)
{
    const softmax_state *s = k->state;
    if (s->runs > 0) whet_parallel(k->team, s->chunks, chunk_runs, (void *)(uintptr_t)k);
    return WHET_OK;
}

static bool inplace(const whet_cpu_node *k, int o, int i)
{
    (void)k;
    return o == 0 && i == 0;
}

#define IMPL(symbol, op_)                                                                                           \
    const whet_cpu_impl whet_cpu_##symbol##_ref = {.op = op_, .name = "ref", .provider = WHET_PROVIDER_REF, .create = whet_need_float, \
                                                   .reshape = reshape, .run = run, .inplace = inplace};
IMPL(softmax, "Softmax")
IMPL(log_softmax, "LogSoftmax")
IMPL(softmax_grad, "whet.SoftmaxGrad")
IMPL(log_softmax_grad, "whet.LogSoftmaxGrad")
