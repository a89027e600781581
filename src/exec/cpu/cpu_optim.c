/* SPDX-License-Identifier: Apache-2.0 */
/* Optimiser steps: element by element, so any cut gives the same bits. Outputs may take the bytes of what they replace. */
#include <math.h>

#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"
#include "kernels/optim/optim.h"

typedef struct optim_state {
    whet_sgd sgd;
    whet_adam adam;
    bool is_adam;
    int chunks;
} optim_state;

typedef struct optim_job {
    const whet_cpu_node *k;
    whet_sgd sgd;
    whet_adam adam;
} optim_job;

/* lr and step may be of another float type than the weights. */
static whet_status create(whet_cpu_node *k)
{
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].dtype != WHET_F32 && k->in[i].dtype != WHET_F64 && k->in[i].dtype != WHET_DTYPE_NONE)
            return whet_cpu_refuse(k, "type %s", whet_dtype_name(k->in[i].dtype));
    return WHET_OK;
}

static whet_status reshape(whet_cpu_node *k)
{
    optim_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->is_adam = strcmp(k->impl->op, "whet.AdamStep") == 0;
    s->chunks = whet_chunks(k->in[0].numel, 16384, 256);
    s->sgd = (whet_sgd){.momentum = (double)whet_node_float(k->n, "momentum", 0),
                        .dampening = (double)whet_node_float(k->n, "dampening", 0),
                        .weight_decay = (double)whet_node_float(k->n, "weight_decay", 0),
                        .nesterov = whet_node_int(k->n, "nesterov", 0) != 0};
    s->adam = (whet_adam){.beta1 = (double)whet_node_float(k->n, "beta1", 0.9f), .beta2 = (double)whet_node_float(k->n, "beta2", 0.999f),
                          .epsilon = (double)whet_node_float(k->n, "epsilon", 1e-8f),
                          .weight_decay = (double)whet_node_float(k->n, "weight_decay", 0),
                          .decoupled = whet_node_int(k->n, "decoupled", 0) != 0};
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].layout != k->in[0].layout && k->in[i].numel > 1) return whet_cpu_refuse(k, "arguments in different layouts");
    return WHET_OK;
}

static double scalar(const whet_cpu_arg *a)
{
    return a->dtype == WHET_F64 ? *(const double *)a->data : (double)*(const float *)a->data;
}

#define IN(T, i) ((const T *)k->in[i].data + lo)
#define OUT(T, i) ((T *)k->out[i].data + lo)
static void chunk_weights(void *arg, int chunk, int worker)
{
    const optim_job *job = arg;
    const whet_cpu_node *k = job->k;
    const optim_state *s = k->state;
    const int64_t lo = whet_chunk_begin(k->in[0].numel, s->chunks, chunk), n = whet_chunk_begin(k->in[0].numel, s->chunks, chunk + 1) - lo;
    const bool wide = k->in[0].dtype == WHET_F64, momentum = k->n_in > 3 && k->in[3].dtype != WHET_DTYPE_NONE;
    (void)worker;
    if (s->is_adam && wide)
        whet_adam_f64_ref(&job->adam, n, IN(double, 0), IN(double, 1), IN(double, 3), IN(double, 4), OUT(double, 0), OUT(double, 1), OUT(double, 2));
    else if (s->is_adam)
        whet_adam_f32_ref(&job->adam, n, IN(float, 0), IN(float, 1), IN(float, 3), IN(float, 4), OUT(float, 0), OUT(float, 1), OUT(float, 2));
    else if (wide)
        whet_sgd_f64_ref(&job->sgd, n, IN(double, 0), IN(double, 1), momentum ? IN(double, 3) : NULL, OUT(double, 0),
                         momentum ? OUT(double, 1) : NULL);
    else
        whet_sgd_f32_ref(&job->sgd, n, IN(float, 0), IN(float, 1), momentum ? IN(float, 3) : NULL, OUT(float, 0),
                         momentum ? OUT(float, 1) : NULL);
}

static whet_status run(const whet_cpu_node *k)
{
    const optim_state *s = k->state;
    optim_job job = {k, s->sgd, s->adam};
    job.sgd.lr = job.adam.lr = scalar(&k->in[2]);
    if (s->is_adam) {
        const double t = scalar(&k->in[5]);
        if (!(t >= 1)) return WHET_FAIL(WHET_EINVAL, "Adam's step is %g, but it counts from 1", t);
        job.adam.correct1 = 1 - pow(s->adam.beta1, t);
        job.adam.correct2 = 1 - pow(s->adam.beta2, t);
    }
    whet_parallel(k->team, s->chunks, chunk_weights, &job);
    return WHET_OK;
}

static bool inplace(const whet_cpu_node *k, int o, int i)
{
    if (strcmp(k->impl->op, "whet.AdamStep") == 0) return (o == 0 && i == 0) || (o == 1 && i == 3) || (o == 2 && i == 4);
    return (o == 0 && i == 0) || (o == 1 && i == 3);
}

const whet_cpu_impl whet_cpu_sgd_step_ref = {.op = "whet.SgdStep", .name = "ref", .provider = WHET_PROVIDER_REF, .create = create,
                                             .reshape = reshape, .run = run, .inplace = inplace};
const whet_cpu_impl whet_cpu_adam_step_ref = {.op = "whet.AdamStep", .name = "ref", .provider = WHET_PROVIDER_REF, .create = create,
                                              .reshape = reshape, .run = run, .inplace = inplace};
