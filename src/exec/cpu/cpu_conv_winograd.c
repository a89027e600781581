/* SPDX-License-Identifier: Apache-2.0 */
/* Conv, whet.FusedConv and the data gradient of 3x3 convolutions of stride 1 by Winograd's transforms, for the shapes where
 * that pays (kernels/conv/winograd.c). Constant weights are transformed once, those of a training graph at each run. */
#include <math.h>

#include "exec/cpu/cpu_own.h"
#include "kernels/conv/winograd.h"

typedef struct wino_state {
    whet_wino p;
    const float *weights; /* constants only */
    size_t weights_ws, scratch_ws, scratch_size; /* floats */
    int weight_parts;
    bool after;
    float lo, hi;
    whet_finish finish;
} wino_state;

static const whet_wino_kernel *kernel_for(uint32_t isa)
{
    for (int i = 0; i < whet_wino_kernel_count(); i++)
        if ((whet_wino_kernel_at(i)->isa & ~isa) == 0) return whet_wino_kernel_at(i);
    return NULL;
}

static void pack_all(void *dst, const void *src, void *arg)
{
    const wino_state *s = arg;
    whet_wino_weights(&s->p, dst, src, 0, whet_wino_blocks(&s->p));
}

static whet_status prepare(whet_cpu_node *k, wino_state *s, const whet_conv2d_geom *g, bool backward)
{
    const whet_wino_kernel *kernel = kernel_for(k->isa);
    if (!kernel) return whet_cpu_refuse(k, "no transforms for this CPU");
    if (!whet_wino_fits(g)) return whet_cpu_refuse(k, "no 3x3 convolution of stride 1");
    if (!whet_wino_pays(g, backward, k->in[1].constant)) return whet_cpu_refuse(k, "a direct convolution is faster");
    whet_wino_init(&s->p, whet_gemm_kernel_for(k->isa), kernel, g, backward);
    s->scratch_size = WHET_ALIGN_UP(whet_wino_scratch(&s->p), 16);
    s->scratch_ws = whet_own_reserve(k, s->scratch_size * (size_t)whet_team_size(k->team));
    s->weight_parts = whet_chunks(whet_wino_blocks(&s->p), 1, 32);
    if (k->in[1].constant) {
        const void *packed = NULL;
        WHET_TRY(whet_cpu_pack(k, k->in[1].vid, backward ? "winograd 4x4 back" : "winograd 4x4", whet_wino_weights_size(&s->p) * sizeof(float),
                               pack_all, s, &packed));
        s->weights = packed;
    } else {
        s->weights_ws = whet_own_reserve(k, whet_wino_weights_size(&s->p));
    }
    return WHET_OK;
}

/* Weights of integer operators: their sums are cast to integers and must be exact. Others end this at their first element. */
static bool whole_numbers(const whet_cpu_arg *w)
{
    if (!w->constant || w->numel == 0) return false;
    for (int64_t i = 0; i < w->numel; i++)
        if (((const float *)w->data)[i] != truncf(((const float *)w->data)[i])) return false;
    return true;
}

static whet_status forward_create(whet_cpu_node *k)
{
    wino_state *s = NULL;
    whet_conv2d_geom g;
    WHET_TRY(whet_own_need_forward(k));
    if (whole_numbers(&k->in[1])) return whet_cpu_refuse(k, "the weights are whole numbers, whose sums it would round");
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    WHET_TRY(whet_own_epilogue(k, &s->lo, &s->hi, &s->finish, &s->after));
    WHET_TRY(whet_own_geometry(k, &k->in[0].shape, &k->in[1].shape, &k->out[0].shape, &g));
    return prepare(k, s, &g, false);
}

static whet_status backward_create(whet_cpu_node *k)
{
    wino_state *s = NULL;
    whet_conv2d_geom g;
    WHET_TRY(whet_own_need_backward(k));
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    s->lo = -INFINITY;
    s->hi = INFINITY;
    WHET_TRY(whet_own_geometry(k, &k->out[0].shape, &k->in[1].shape, &k->in[0].shape, &g));
    return prepare(k, s, &g, true);
}

typedef struct wino_job {
    const whet_cpu_node *k;
    const wino_state *s;
    whet_wino_run run;
} wino_job;

static void weights_chunk(void *arg, int chunk, int worker)
{
    const wino_job *job = arg;
    const wino_state *s = job->s;
    const int64_t blocks = whet_wino_blocks(&s->p);
    (void)worker;
    whet_wino_weights(&s->p, (float *)job->k->workspace + s->weights_ws, job->k->in[1].data, whet_chunk_begin(blocks, s->weight_parts, chunk),
                      whet_chunk_begin(blocks, s->weight_parts, chunk + 1));
}

static void wino_chunk(void *arg, int chunk, int worker)
{
    const wino_job *job = arg;
    const wino_state *s = job->s;
    whet_wino_chunk(&s->p, &job->run, (float *)job->k->workspace + s->scratch_ws + s->scratch_size * (size_t)worker, chunk);
}

static whet_status wino_run(const whet_cpu_node *k)
{
    const wino_state *s = k->state;
    wino_job job = {k, s, {.src = k->in[0].data, .weights = s->weights ? s->weights : (float *)k->workspace + s->weights_ws,
                           .dst = k->out[0].data, .lo = s->lo, .hi = s->hi, .finish = s->finish}};
    if (!s->p.backward && k->n_in > 2 && k->in[2].vid >= 0) job.run.bias = k->in[2].data;
    if (!s->p.backward && k->n_in > 3 && k->in[3].vid >= 0) {
        if (s->after) job.run.after = k->in[3].data;
        else job.run.add = k->in[3].data;
    }
    if (!s->weights) whet_parallel(k->team, s->weight_parts, weights_chunk, &job);
    whet_parallel(k->team, (int)whet_wino_chunks(&s->p), wino_chunk, &job);
    return WHET_OK;
}

/* A tile's residual is read before its place is written; neighbouring tiles write no common place. */
static bool wino_inplace(const whet_cpu_node *k, int o, int i)
{
    const wino_state *s = k->state;
    return o == 0 && i == 3 && !s->after && k->in[3].vid != k->in[0].vid;
}

#define ROW(symbol, op_name, create_fn, inplace_fn)                                                                 \
    const whet_cpu_impl symbol = {.op = op_name, .name = "winograd", .provider = WHET_PROVIDER_OWN, .isa = WHET_ISA_AVX2, \
                                  .create = create_fn, .run = wino_run, .inplace = inplace_fn};
ROW(whet_cpu_conv_winograd, "Conv", forward_create, NULL)
ROW(whet_cpu_fused_conv_winograd, "whet.FusedConv", forward_create, wino_inplace)
ROW(whet_cpu_conv_grad_data_winograd, "whet.ConvGradData", backward_create, NULL)
