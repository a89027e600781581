/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions and their gradients by the reference kernels: any group, stride, dilation, one to three spatial
 * dimensions, f32 and f64, either layout. Work is cut by output planes (or by weight rows for the weight gradient), so
 * the bits do not depend on the number of threads. */
#include <math.h>

#include "base/mem.h"
#include "exec/cpu/cpu_fused.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"

typedef struct conv_state {
    whet_conv_geom g;
    whet_geom residual;
    int chunks;
    int64_t items;         /* planes or weight rows */
    whet_fused fused;
} conv_state;

typedef struct conv_job {
    const whet_cpu_node *k;
    const conv_state *s;
} conv_job;

/* At least a few ten thousand products a chunk. */
static void cut(conv_state *s, int64_t items)
{
    const int64_t products = s->g.n * s->g.oc * s->g.out[0] * s->g.out[1] * s->g.out[2] * (s->g.ic / s->g.groups) * s->g.k[0] *
                             s->g.k[1] * s->g.k[2];
    s->items = items;
    s->chunks = whet_chunks(items, 1 + 40000 / WHET_MAX(products / WHET_MAX(items, 1), 1), 4096);
}

static const void *given(const whet_cpu_node *k, int i)
{
    return i < k->n_in && k->in[i].dtype != WHET_DTYPE_NONE ? k->in[i].data : NULL;
}

static whet_status read_activation(whet_cpu_node *k, conv_state *s)
{
    WHET_TRY(whet_fused_read(k->n, &s->fused));
    return k->n_in > 3 && k->in[3].dtype != WHET_DTYPE_NONE ? whet_geom_of(k, &k->in[3], &s->residual) : WHET_OK;
}

static whet_status conv_reshape(whet_cpu_node *k)
{
    conv_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    WHET_TRY(whet_geom_conv(k, &k->in[0], &k->out[0], &k->in[1].shape.dims[2], &s->g));
    cut(s, s->g.n * s->g.oc);
    return whet_node_is(k->n, "whet.FusedConv") ? read_activation(k, s) : WHET_OK;
}

/* Adds the residual to one finished plane and applies the activation. */
static void finish_plane(const whet_cpu_node *k, const conv_state *s, int64_t n, int64_t c)
{
    const bool f64 = k->out[0].dtype == WHET_F64;
    const void *res = given(k, 3);
    if (res == NULL && s->fused.act == WHET_ACT_NONE) return;
    const int64_t d0 = n * s->g.dn + c * s->g.dc, r0 = n * s->residual.sn + c * s->residual.sc;
    for (int64_t z = 0; z < s->g.out[0]; z++)
        for (int64_t y = 0; y < s->g.out[1]; y++)
            for (int64_t x = 0; x < s->g.out[2]; x++) {
                const int64_t d = d0 + z * s->g.ds[0] + y * s->g.ds[1] + x * s->g.ds[2];
                const int64_t r = r0 + z * s->residual.ss[0] + y * s->residual.ss[1] + x * s->residual.ss[2];
                if (f64) {
                    double *p = (double *)k->out[0].data + d;
                    *p = whet_fused_value(&s->fused, *p, res != NULL ? ((const double *)res)[r] : 0);
                } else {
                    float *p = (float *)k->out[0].data + d;
                    *p = (float)whet_fused_value(&s->fused, (double)*p, res != NULL ? (double)((const float *)res)[r] : 0);
                }
            }
}

static void conv_chunk(void *arg, int chunk, int worker)
{
    const conv_job *job = arg;
    const whet_cpu_node *k = job->k;
    const conv_state *s = job->s;
    (void)worker;
    for (int64_t i = whet_chunk_begin(s->items, s->chunks, chunk); i < whet_chunk_begin(s->items, s->chunks, chunk + 1); i++) {
        const int64_t n = i / s->g.oc, c = i % s->g.oc;
        if (k->out[0].dtype == WHET_F64)
            whet_conv_plane_f64_ref(&s->g, n, c, k->in[0].data, k->in[1].data, given(k, 2), k->out[0].data);
        else
            whet_conv_plane_f32_ref(&s->g, n, c, k->in[0].data, k->in[1].data, given(k, 2), k->out[0].data);
        finish_plane(k, s, n, c);
    }
}

static whet_status run(const whet_cpu_node *k, whet_parallel_fn fn)
{
    const conv_state *s = k->state;
    conv_job job = {k, s};
    if (s->items > 0) whet_parallel(k->team, s->chunks, fn, &job);
    return WHET_OK;
}

static whet_status conv_run(const whet_cpu_node *k) { return run(k, conv_chunk); }

static whet_status data_reshape(whet_cpu_node *k)
{
    conv_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    WHET_TRY(whet_geom_conv(k, &k->out[0], &k->in[0], &k->in[1].shape.dims[2], &s->g));
    cut(s, s->g.n * s->g.ic);
    return WHET_OK;
}

static void data_chunk(void *arg, int chunk, int worker)
{
    const conv_job *job = arg;
    const whet_cpu_node *k = job->k;
    const conv_state *s = job->s;
    const void *bias = k->impl->op[0] == 'w' ? NULL : given(k, 2); /* ConvGradData's third input is a shape */
    (void)worker;
    for (int64_t i = whet_chunk_begin(s->items, s->chunks, chunk); i < whet_chunk_begin(s->items, s->chunks, chunk + 1); i++) {
        const int64_t n = i / s->g.ic, c = i % s->g.ic;
        if (k->out[0].dtype == WHET_F64)
            whet_conv_data_plane_f64_ref(&s->g, n, c, k->in[0].data, k->in[1].data, bias, k->out[0].data);
        else
            whet_conv_data_plane_f32_ref(&s->g, n, c, k->in[0].data, k->in[1].data, bias, k->out[0].data);
    }
}

static whet_status data_run(const whet_cpu_node *k) { return run(k, data_chunk); }

static whet_status weights_reshape(whet_cpu_node *k)
{
    conv_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    WHET_TRY(whet_geom_conv(k, &k->in[1], &k->in[0], NULL, &s->g));
    cut(s, s->g.oc * (s->g.ic / s->g.groups));
    return WHET_OK;
}

static void weights_chunk(void *arg, int chunk, int worker)
{
    const conv_job *job = arg;
    const whet_cpu_node *k = job->k;
    const conv_state *s = job->s;
    const int64_t icg = s->g.ic / s->g.groups;
    (void)worker;
    for (int64_t i = whet_chunk_begin(s->items, s->chunks, chunk); i < whet_chunk_begin(s->items, s->chunks, chunk + 1); i++)
        if (k->out[0].dtype == WHET_F64)
            whet_conv_weights_f64_ref(&s->g, i / icg, i % icg, k->in[1].data, k->in[0].data, k->out[0].data);
        else
            whet_conv_weights_f32_ref(&s->g, i / icg, i % icg, k->in[1].data, k->in[0].data, k->out[0].data);
}

static whet_status weights_run(const whet_cpu_node *k) { return run(k, weights_chunk); }

const whet_cpu_impl whet_cpu_conv_ref = {.op = "Conv", .name = "ref", .provider = WHET_PROVIDER_REF, .create = whet_need_float,
                                         .reshape = conv_reshape, .run = conv_run};
const whet_cpu_impl whet_cpu_fused_conv_ref = {.op = "whet.FusedConv", .name = "ref", .provider = WHET_PROVIDER_REF,
                                               .create = whet_need_float, .reshape = conv_reshape, .run = conv_run};
const whet_cpu_impl whet_cpu_conv_transpose_ref = {.op = "ConvTranspose", .name = "ref", .provider = WHET_PROVIDER_REF,
                                                   .create = whet_need_float, .reshape = data_reshape, .run = data_run};
const whet_cpu_impl whet_cpu_conv_grad_data_ref = {.op = "whet.ConvGradData", .name = "ref", .provider = WHET_PROVIDER_REF,
                                                   .create = whet_need_float, .reshape = data_reshape, .run = data_run};
const whet_cpu_impl whet_cpu_conv_grad_weights_ref = {.op = "whet.ConvGradWeights", .name = "ref", .provider = WHET_PROVIDER_REF,
                                                      .create = whet_need_float, .reshape = weights_reshape, .run = weights_run};
