/* SPDX-License-Identifier: Apache-2.0 */
/* Optimiser steps: element by element, so any cut gives the same bits. Outputs may take the bytes of what they replace. A step
 * that is told not to apply leaves them alone, or copies where they are not in place. */
#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"
#include "kernels/optim/optim.h"

typedef enum optim_kind { SGD, ADAM, RMS_PROP, EMA, ACCUMULATE, OPTIM_KINDS } optim_kind;

/* Position of the input that says whether to apply, -1 none; buffers: the inputs that the outputs replace, in order, those
 * left out that are absent. */
static const struct { const char *op; int apply; int buffers[4]; } kinds[OPTIM_KINDS] = {
    [SGD] = {"whet.SgdStep", 4, {0, 3, -1, -1}},
    [ADAM] = {"whet.AdamStep", 6, {0, 3, 4, -1}},
    [RMS_PROP] = {"whet.RmsPropStep", 6, {0, 3, 4, 5}},
    [EMA] = {"whet.EmaStep", 3, {0, -1, -1, -1}},
    [ACCUMULATE] = {"whet.AccumulateStep", -1, {0, -1, -1, -1}},
};

typedef struct optim_rule {
    optim_kind kind;
    whet_sgd sgd;
    whet_adam adam;
    whet_rms_prop rms;
    double share; /* EMA, ACCUMULATE */
    bool keep;    /* ACCUMULATE: add to what is there */
    bool apply;
} optim_rule;

typedef struct optim_state {
    optim_rule rule; /* without what the inputs say */
    int chunks;
} optim_state;

typedef struct optim_job {
    const whet_cpu_node *k;
    optim_rule rule;
    int chunks;
} optim_job;

static bool has_in(const whet_cpu_node *k, int i) { return i >= 0 && i < k->n_in && k->in[i].dtype != WHET_DTYPE_NONE; }

static optim_kind kind_of(const whet_cpu_node *k)
{
    int i = 0;
    while (strcmp(kinds[i].op, k->impl->op) != 0) i++;
    return (optim_kind)i;
}

/* The output that replaces input i, -1 none. */
static int output_of(const whet_cpu_node *k, optim_kind kind, int i)
{
    int o = 0;
    if (!has_in(k, i)) return -1;
    for (int b = 0; b < 4; b++) {
        if (kinds[kind].buffers[b] == i) return o;
        o += has_in(k, kinds[kind].buffers[b]);
    }
    return -1;
}

/* The single values may be of another float type than the weights. */
static whet_status create(whet_cpu_node *k)
{
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].dtype != WHET_F32 && k->in[i].dtype != WHET_F64 && k->in[i].dtype != WHET_DTYPE_NONE)
            return whet_cpu_refuse(k, "type %s", whet_dtype_name(k->in[i].dtype));
    return WHET_OK;
}

static double real(const whet_cpu_node *k, const char *name, float otherwise) { return (double)whet_node_float(k->n, name, otherwise); }
static bool flag(const whet_cpu_node *k, const char *name) { return whet_node_int(k->n, name, 0) != 0; }

static whet_status reshape(whet_cpu_node *k)
{
    optim_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->chunks = whet_chunks(k->in[0].numel, 16384, 256);
    s->rule = (optim_rule){.kind = kind_of(k), .apply = true};
    s->rule.sgd = (whet_sgd){.momentum = real(k, "momentum", 0), .dampening = real(k, "dampening", 0),
                             .weight_decay = real(k, "weight_decay", 0), .nesterov = flag(k, "nesterov")};
    s->rule.adam = (whet_adam){.beta1 = real(k, "beta1", 0.9f), .beta2 = real(k, "beta2", 0.999f), .epsilon = real(k, "epsilon", 1e-8f),
                               .weight_decay = real(k, "weight_decay", 0), .decoupled = flag(k, "decoupled")};
    s->rule.rms = (whet_rms_prop){.alpha = real(k, "alpha", 0.99f), .epsilon = real(k, "epsilon", 1e-8f), .momentum = real(k, "momentum", 0),
                                  .weight_decay = real(k, "weight_decay", 0), .epsilon_inside = flag(k, "epsilon_inside")};
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].layout != k->in[0].layout && k->in[i].numel > 1) return whet_cpu_refuse(k, "arguments in different layouts");
    return WHET_OK;
}

static double scalar(const whet_cpu_arg *a)
{
    return a->dtype == WHET_F64 ? *(const double *)a->data : (double)*(const float *)a->data;
}

/* Nothing is applied: each output is what it would replace. */
static void keep_chunk(const whet_cpu_node *k, optim_kind kind, int64_t lo, int64_t n)
{
    const size_t size = whet_dtype_size(k->in[0].dtype);
    for (int i = 0; i < k->n_in; i++) {
        const int o = output_of(k, kind, i);
        if (o < 0 || k->out[o].data == k->in[i].data) continue;
        memcpy((char *)k->out[o].data + (size_t)lo * size, (const char *)k->in[i].data + (size_t)lo * size, (size_t)n * size);
    }
}

/* Input i and what replaces it, NULL where it is absent. */
#define IN(T, i) (has_in(k, i) ? (const T *)k->in[i].data + lo : NULL)
#define NEW(T, i) (has_in(k, i) ? (T *)k->out[output_of(k, r->kind, i)].data + lo : NULL)
static void steps_f64(const whet_cpu_node *k, const optim_rule *r, int64_t lo, int64_t n)
{
    if (r->kind == SGD) whet_sgd_f64_ref(&r->sgd, n, IN(double, 0), IN(double, 1), IN(double, 3), NEW(double, 0), NEW(double, 3));
    if (r->kind == ADAM)
        whet_adam_f64_ref(&r->adam, n, IN(double, 0), IN(double, 1), IN(double, 3), IN(double, 4), NEW(double, 0), NEW(double, 3),
                          NEW(double, 4));
    if (r->kind == RMS_PROP)
        whet_rms_prop_f64_ref(&r->rms, n, IN(double, 0), IN(double, 1), IN(double, 3), IN(double, 4), IN(double, 5), NEW(double, 0),
                              NEW(double, 3), NEW(double, 4), NEW(double, 5));
    if (r->kind == EMA) whet_ema_f64_ref(r->share, n, IN(double, 0), IN(double, 1), NEW(double, 0));
    if (r->kind == ACCUMULATE) whet_accumulate_f64_ref(r->share, n, r->keep ? IN(double, 0) : NULL, IN(double, 1), NEW(double, 0));
}

static void steps_f32(const whet_cpu_node *k, const optim_rule *r, int64_t lo, int64_t n)
{
    const whet_optim_f32 *f = whet_optim_f32_for(k->impl->provider == WHET_PROVIDER_VEC ? k->isa : 0);
    if (r->kind == SGD) f->sgd(&r->sgd, n, IN(float, 0), IN(float, 1), IN(float, 3), NEW(float, 0), NEW(float, 3));
    if (r->kind == ADAM)
        f->adam(&r->adam, n, IN(float, 0), IN(float, 1), IN(float, 3), IN(float, 4), NEW(float, 0), NEW(float, 3), NEW(float, 4));
    if (r->kind == RMS_PROP)
        f->rms_prop(&r->rms, n, IN(float, 0), IN(float, 1), IN(float, 3), IN(float, 4), IN(float, 5), NEW(float, 0), NEW(float, 3),
                    NEW(float, 4), NEW(float, 5));
    if (r->kind == EMA) f->ema(r->share, n, IN(float, 0), IN(float, 1), NEW(float, 0));
    if (r->kind == ACCUMULATE) f->accumulate(r->share, n, r->keep ? IN(float, 0) : NULL, IN(float, 1), NEW(float, 0));
}

static void step_chunk(void *arg, int chunk, int worker)
{
    const optim_job *job = arg;
    const whet_cpu_node *k = job->k;
    const int64_t lo = whet_chunk_begin(k->in[0].numel, job->chunks, chunk), n = whet_chunk_begin(k->in[0].numel, job->chunks, chunk + 1) - lo;
    (void)worker;
    if (!job->rule.apply) keep_chunk(k, job->rule.kind, lo, n);
    else if (k->in[0].dtype == WHET_F64) steps_f64(k, &job->rule, lo, n);
    else steps_f32(k, &job->rule, lo, n);
}

static whet_status run(const whet_cpu_node *k)
{
    const optim_state *s = k->state;
    optim_job job = {k, s->rule, s->chunks};
    optim_rule *r = &job.rule;
    const int apply = kinds[r->kind].apply;
    if (has_in(k, apply)) r->apply = scalar(&k->in[apply]) != 0;
    r->sgd.lr = r->adam.lr = r->rms.lr = r->share = scalar(&k->in[2]);
    if (r->kind == ACCUMULATE) r->keep = scalar(&k->in[3]) != 0;
    if (r->kind == ADAM) {
        const double t = scalar(&k->in[5]);
        if (!(t >= 1)) return WHET_FAIL(WHET_EINVAL, "Adam's step is %g, but it counts from 1", t);
        r->adam.correct1 = 1 - pow(r->adam.beta1, t);
        r->adam.correct2 = 1 - pow(r->adam.beta2, t);
    }
    whet_parallel(k->team, s->chunks, step_chunk, &job);
    return WHET_OK;
}

static bool inplace(const whet_cpu_node *k, int o, int i)
{
    return output_of(k, kind_of(k), i) == o;
}

/* --- the factor that bounds the gradients' norm */

typedef struct norm_state {
    double most;
    int chunks;
    int first[]; /* of each input's chunks, and their number at the end */
} norm_state;

static whet_status norm_reshape(whet_cpu_node *k)
{
    norm_state *s = whet_cpu_state(k, sizeof *s + ((size_t)k->n_in + 1) * sizeof(int));
    if (s == NULL) return WHET_ENOMEM;
    s->most = real(k, "max_norm", 1);
    s->chunks = 0;
    for (int i = 0; i < k->n_in; i++) {
        s->first[i] = s->chunks;
        s->chunks += whet_chunks(k->in[i].numel, 65536, 64);
    }
    s->first[k->n_in] = s->chunks;
    k->workspace_size = (size_t)s->chunks * sizeof(double);
    return WHET_OK;
}

static void norm_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const norm_state *s = k->state;
    int lo = 0, hi = k->n_in;
    (void)worker;
    while (hi - lo > 1) { /* the last input that begins at or before this chunk */
        const int mid = (lo + hi) / 2;
        if (s->first[mid] <= chunk) lo = mid;
        else hi = mid;
    }
    const int part = chunk - s->first[lo], parts = s->first[lo + 1] - s->first[lo];
    const int64_t begin = whet_chunk_begin(k->in[lo].numel, parts, part), n = whet_chunk_begin(k->in[lo].numel, parts, part + 1) - begin;
    ((double *)k->workspace)[chunk] = k->in[lo].dtype == WHET_F64 ? whet_sum_squares_f64_ref(n, (const double *)k->in[lo].data + begin)
                                                                  : whet_optim_f32_for(k->impl->provider == WHET_PROVIDER_VEC ? k->isa : 0)->sum_squares(n, (const float *)k->in[lo].data + begin);
}

static whet_status norm_run(const whet_cpu_node *k)
{
    const norm_state *s = k->state;
    double sum = 0;
    whet_parallel(k->team, s->chunks, norm_chunk, (void *)(uintptr_t)k);
    for (int i = 0; i < s->chunks; i++) sum += ((const double *)k->workspace)[i];
    const double norm = sqrt(sum), factor = s->most / (norm + 1e-6);
    const double results[2] = {factor > 1 ? 1 : factor, norm}; /* NaN stays NaN */
    for (int o = 0; o < 2; o++)
        if (k->out[o].dtype == WHET_F64) *(double *)k->out[o].data = results[o];
        else *(float *)k->out[o].data = (float)results[o];
    return WHET_OK;
}

/* The same code over kernels of one or the other kind: the vector rows take f32 alone. */
static whet_status vec_create(whet_cpu_node *k)
{
    if (k->in[0].dtype != WHET_F32) return whet_cpu_refuse(k, "type %s, not f32", whet_dtype_name(k->in[0].dtype));
    return create(k);
}

#define ROW(stem, op_)                                                                                              \
    const whet_cpu_impl whet_cpu_##stem##_vec = {.op = op_, .name = "vec", .provider = WHET_PROVIDER_VEC, .isa = WHET_ISA_AVX2, \
                                                 .create = vec_create, .reshape = reshape, .run = run, .inplace = inplace}; \
    const whet_cpu_impl whet_cpu_##stem##_ref = {.op = op_, .name = "ref", .provider = WHET_PROVIDER_REF, .create = create, \
                                                 .reshape = reshape, .run = run, .inplace = inplace};
ROW(sgd_step, "whet.SgdStep")
ROW(adam_step, "whet.AdamStep")
ROW(rms_prop_step, "whet.RmsPropStep")
ROW(ema_step, "whet.EmaStep")
ROW(accumulate_step, "whet.AccumulateStep")
const whet_cpu_impl whet_cpu_gradient_scale_vec = {.op = "whet.GradientScale", .name = "vec", .provider = WHET_PROVIDER_VEC,
                                                   .isa = WHET_ISA_AVX2, .create = whet_need_float, .reshape = norm_reshape,
                                                   .run = norm_run};
const whet_cpu_impl whet_cpu_gradient_scale_ref = {.op = "whet.GradientScale", .name = "ref", .provider = WHET_PROVIDER_REF,
                                                   .create = whet_need_float, .reshape = norm_reshape, .run = norm_run};
