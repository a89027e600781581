/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax, LogSoftmax and their gradients of f32 by the vector kernels: along the innermost axis row by row, along another
 * one with neighbouring runs in the lanes. A run is computed by one chunk; chunks follow from the shape. */
#include "base/mem.h"
#include "exec/cpu/cpu_own.h"
#include "kernels/softmax/softmax_vec.h"

#define GRAIN 4096 /* elements a chunk has at least */

typedef struct softmax_state {
    const whet_softmax_vec *fn;
    int64_t outer, n, inner;
    int chunks, per_outer; /* per_outer: cuts of `inner` */
    bool log;
} softmax_state;

static whet_status create(whet_cpu_node *k)
{
    const whet_shape *x = &k->in[0].shape;
    int64_t axis = whet_node_int(k->n, "axis", -1), inner = 1;
    WHET_TRY(whet_own_need_f32(k));
    if (axis < 0) axis += x->rank;
    bool last = k->in[0].layout == WHET_NHWC && axis == 1; /* channels of an NHWC image are its innermost axis */
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].layout != k->out[0].layout) return whet_cpu_refuse(k, "input %d has another layout than the result", i);
    if (k->in[0].layout == WHET_NHWC && !last) return whet_cpu_refuse(k, "layout NHWC");
    softmax_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->fn = whet_softmax_vec_for(k->isa);
    if (s->fn == NULL) return whet_cpu_refuse(k, "no vector kernel");
    s->n = x->rank > 0 ? x->dims[axis] : 1;
    for (int i = (int)axis + 1; i < x->rank && !last; i++) inner *= x->dims[i];
    s->inner = inner;
    s->outer = k->in[0].numel > 0 ? k->in[0].numel / (s->n * inner) : 0;
    s->log = strncmp(k->impl->op, "LogSoftmax", 10) == 0 || strcmp(k->impl->op, "whet.LogSoftmaxGrad") == 0;
    s->per_outer = inner == 1 ? 1 : whet_chunks(inner, WHET_MAX(GRAIN / WHET_MAX(s->n, 1), 16), 64);
    s->chunks = inner == 1 ? whet_chunks(s->outer, WHET_MAX(GRAIN / WHET_MAX(s->n, 1), 1), 64)
                           : (int)WHET_MIN(s->outer * s->per_outer, (int64_t)INT32_MAX);
    return WHET_OK;
}

static void rows_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const softmax_state *s = k->state;
    const int64_t lo = whet_chunk_begin(s->outer, s->chunks, chunk), rows = whet_chunk_begin(s->outer, s->chunks, chunk + 1) - lo;
    const float *a = (const float *)k->in[0].data + lo * s->n;
    (void)worker;
    if (k->n_in == 1) s->fn->rows(rows, s->n, s->log, a, (float *)k->out[0].data + lo * s->n);
    else s->fn->rows_grad(rows, s->n, s->log, a, (const float *)k->in[1].data + lo * s->n, (float *)k->out[0].data + lo * s->n);
}

static void lanes_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const softmax_state *s = k->state;
    const int64_t at = chunk / s->per_outer * s->n * s->inner;
    const int64_t lo = whet_chunk_begin(s->inner, s->per_outer, chunk % s->per_outer);
    const int64_t hi = whet_chunk_begin(s->inner, s->per_outer, chunk % s->per_outer + 1);
    const float *a = (const float *)k->in[0].data + at;
    (void)worker;
    if (k->n_in == 1) s->fn->lanes(s->n, s->inner, lo, hi, s->log, a, (float *)k->out[0].data + at);
    else s->fn->lanes_grad(s->n, s->inner, lo, hi, s->log, a, (const float *)k->in[1].data + at, (float *)k->out[0].data + at);
}

static whet_status run(const whet_cpu_node *k)
{
    const softmax_state *s = k->state;
    if (s->outer > 0) whet_parallel(k->team, s->chunks, s->inner == 1 ? rows_chunk : lanes_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

static bool inplace(const whet_cpu_node *k, int o, int i)
{
    (void)k;
    return o == 0 && i == 0;
}

#define IMPL(symbol, op_)                                                                                           \
    const whet_cpu_impl whet_cpu_##symbol##_vec = {.op = op_, .name = "vec", .provider = WHET_PROVIDER_VEC,         \
                                                   .isa = WHET_ISA_AVX2, .create = create, .run = run, .inplace = inplace};
IMPL(softmax, "Softmax")
IMPL(log_softmax, "LogSoftmax")
IMPL(softmax_grad, "whet.SoftmaxGrad")
IMPL(log_softmax_grad, "whet.LogSoftmaxGrad")
