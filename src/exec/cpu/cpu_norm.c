/* SPDX-License-Identifier: Apache-2.0 */
/* Layer, RMS, instance, group and local response normalisation and their gradients, by the reference kernels. Runs (or
 * images) are independent and spread over the threads; the gradients of scale and bias are summed over the runs in order,
 * in double, by one thread for each block of 64 runs. */
#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/cpu/cpu_norm.h"
#include "exec/exec.h"
#include "kernels/norm/group_norm.h"

#define SUM_BLOCK 64

typedef struct norm_state {
    whet_norm_run r;
    whet_lrn lrn;
    int64_t runs;
    int64_t vectors, per_vector; /* run i starts at element (i % vectors) * per_vector of scale and bias */
    int64_t width;               /* elements of scale */
    int blocks;
} norm_state;

static bool f64(const whet_cpu_node *k) { return k->in[0].dtype == WHET_F64; }
static char *pointer(const whet_cpu_arg *a, int64_t i) { return (char *)a->data + (size_t)i * whet_dtype_size(a->dtype); }
static bool is_op(const whet_cpu_node *k, const char *op) { return strcmp(k->impl->op, op) == 0; }

/* What the scale's shape allows: one value for each element of the run, whose first x dimensions are dropped. */
static whet_status layer_runs(whet_cpu_node *k, const whet_cpu_arg *x, const whet_cpu_arg *scale, norm_state *s)
{
    int64_t axis = whet_node_int(k->n, "axis", -1);
    if (axis < 0) axis += x->shape.rank;
    s->r.n = 1;
    for (int i = (int)axis; i < x->shape.rank; i++) s->r.n *= x->shape.dims[i];
    s->r.every = 1;
    s->runs = s->r.n > 0 ? x->numel / s->r.n : 0;
    if (scale->numel == 1) s->r.every = WHET_MAX(s->r.n, 1);
    s->vectors = 1;
    s->width = scale->numel;
    if (scale->numel != 1 && !whet_norm_fills_run(&x->shape, &scale->shape, (int)axis)) return whet_cpu_refuse(k, "scale that is broadcast");
    return WHET_OK;
}

static whet_status group_runs(whet_cpu_node *k, const whet_cpu_arg *x, norm_state *s)
{
    const int64_t channels = x->shape.dims[1];
    const int64_t groups = is_op(k, "InstanceNormalization") ? channels : whet_node_int(k->n, "num_groups", 1);
    const int64_t positions = x->shape.dims[0] * channels > 0 ? x->numel / (x->shape.dims[0] * channels) : 0;
    s->r.n = positions * (channels / groups);
    s->r.every = WHET_MAX(positions, 1);
    s->runs = x->shape.dims[0] * groups;
    s->vectors = groups;
    s->per_vector = channels / groups;
    s->width = channels;
    return WHET_OK;
}

/* The same but for leading ones. */
static bool same_elements(const whet_shape *a, const whet_shape *b)
{
    for (int i = 0; i < WHET_MAX(a->rank, b->rank); i++)
        if ((i < a->rank ? a->dims[a->rank - 1 - i] : 1) != (i < b->rank ? b->dims[b->rank - 1 - i] : 1)) return false;
    return true;
}

static whet_status reshape(whet_cpu_node *k, int first)
{
    norm_state *s = whet_cpu_state(k, sizeof *s);
    const whet_cpu_arg *x = &k->in[first], *scale = &k->in[first + 1];
    if (s == NULL) return WHET_ENOMEM;
    if (x->layout != WHET_NCHW) return whet_cpu_refuse(k, "layout NHWC");
    const bool layer = is_op(k, "LayerNormalization") || is_op(k, "RMSNormalization") || is_op(k, "whet.LayerNormGrad");
    s->r.epsilon = (double)whet_node_float(k->n, "epsilon", 1e-5f);
    s->r.center = !is_op(k, "RMSNormalization") && whet_node_int(k->n, "center", 1) != 0;
    WHET_TRY(layer ? layer_runs(k, x, scale, s) : group_runs(k, x, s));
    if (layer && first == 0 && k->n_in > 2 && k->in[2].dtype != WHET_DTYPE_NONE && !same_elements(&k->in[2].shape, &scale->shape))
        return whet_cpu_refuse(k, "scale and bias of different sizes");
    s->blocks = (int)((s->runs + SUM_BLOCK - 1) / SUM_BLOCK);
    if (first == 1) k->workspace_size = (size_t)s->blocks * (size_t)s->width * 2 * sizeof(double);
    return WHET_OK;
}

static whet_status forward_reshape(whet_cpu_node *k) { return reshape(k, 0); }
static whet_status grad_reshape(whet_cpu_node *k) { return reshape(k, 1); }

static void forward_chunk(void *arg, int block, int worker)
{
    const whet_cpu_node *k = arg;
    const norm_state *s = k->state;
    const bool bias = k->n_in > 2 && k->in[2].dtype != WHET_DTYPE_NONE;
    (void)worker;
    for (int64_t i = (int64_t)block * SUM_BLOCK; i < WHET_MIN(s->runs, ((int64_t)block + 1) * SUM_BLOCK); i++) {
        const int64_t v = i % s->vectors * s->per_vector;
        const void *x = pointer(&k->in[0], i * s->r.n), *scale = pointer(&k->in[1], v);
        void *y = pointer(&k->out[0], i * s->r.n);
        double stat[2];
        if (f64(k))
            whet_norm_run_f64_ref(&s->r, x, scale, bias ? (double *)(void *)pointer(&k->in[2], v) : NULL, y, &stat[0], &stat[1]);
        else
            whet_norm_run_f32_ref(&s->r, x, scale, bias ? (float *)(void *)pointer(&k->in[2], v) : NULL, y, &stat[0], &stat[1]);
        for (int o = 1; o < k->n_out; o++) {
            if (k->out[o].dtype == WHET_F64) ((double *)k->out[o].data)[i] = stat[o - 1];
            if (k->out[o].dtype == WHET_F32) ((float *)k->out[o].data)[i] = (float)stat[o - 1];
        }
    }
}

static whet_status forward_run(const whet_cpu_node *k)
{
    const norm_state *s = k->state;
    if (s->r.n > 0) whet_parallel(k->team, s->blocks, forward_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

static void grad_chunk(void *arg, int block, int worker)
{
    const whet_cpu_node *k = arg;
    const norm_state *s = k->state;
    double *scale_sum = (double *)k->workspace + (int64_t)block * 2 * s->width, *bias_sum = scale_sum + s->width;
    (void)worker;
    memset(scale_sum, 0, (size_t)s->width * 2 * sizeof *scale_sum);
    for (int64_t i = (int64_t)block * SUM_BLOCK; i < WHET_MIN(s->runs, ((int64_t)block + 1) * SUM_BLOCK); i++) {
        const int64_t v = i % s->vectors * s->per_vector;
        const void *dy = pointer(&k->in[0], i * s->r.n), *x = pointer(&k->in[1], i * s->r.n), *scale = pointer(&k->in[2], v);
        void *dx = pointer(&k->out[0], i * s->r.n);
        if (f64(k)) {
            whet_norm_run_grad_scale_f64_ref(&s->r, dy, x, scale_sum + v, bias_sum + v);
            whet_norm_run_grad_f64_ref(&s->r, dy, x, scale, dx);
        } else {
            whet_norm_run_grad_scale_f32_ref(&s->r, dy, x, scale_sum + v, bias_sum + v);
            whet_norm_run_grad_f32_ref(&s->r, dy, x, scale, dx);
        }
    }
}

static whet_status grad_run(const whet_cpu_node *k)
{
    const norm_state *s = k->state;
    const double *sums = k->workspace;
    if (s->r.n > 0) whet_parallel(k->team, s->blocks, grad_chunk, (void *)(uintptr_t)k);
    for (int64_t c = 0; c < 2 * s->width; c++) {
        double total = 0;
        const whet_cpu_arg *out = &k->out[c < s->width ? 1 : 2];
        for (int b = 0; b < s->blocks; b++) total += sums[(int64_t)b * 2 * s->width + c];
        if (f64(k))
            ((double *)out->data)[c % s->width] = total;
        else
            ((float *)out->data)[c % s->width] = (float)total;
    }
    return WHET_OK;
}

static whet_status lrn_reshape(whet_cpu_node *k)
{
    norm_state *s = whet_cpu_state(k, sizeof *s);
    const whet_cpu_arg *x = &k->in[k->n_in - 1];
    if (s == NULL) return WHET_ENOMEM;
    if (x->layout != WHET_NCHW) return whet_cpu_refuse(k, "layout NHWC");
    s->runs = x->shape.dims[0];
    const int64_t image = s->runs > 0 ? x->numel / s->runs : 0;
    s->lrn = (whet_lrn){.channels = x->shape.dims[1], .positions = image / WHET_MAX(x->shape.dims[1], 1),
                        .size = whet_node_int(k->n, "size", 1), .alpha = (double)whet_node_float(k->n, "alpha", 1e-4f),
                        .beta = (double)whet_node_float(k->n, "beta", 0.75f), .bias = (double)whet_node_float(k->n, "bias", 1)};
    return WHET_OK;
}

static void lrn_chunk(void *arg, int n, int worker)
{
    const whet_cpu_node *k = arg;
    const norm_state *s = k->state;
    const int64_t o = n * s->lrn.channels * s->lrn.positions;
    (void)worker;
    if (k->n_in == 1 && f64(k)) whet_lrn_image_f64_ref(&s->lrn, (double *)k->in[0].data + o, (double *)k->out[0].data + o);
    if (k->n_in == 1 && !f64(k)) whet_lrn_image_f32_ref(&s->lrn, (float *)k->in[0].data + o, (float *)k->out[0].data + o);
    if (k->n_in == 2 && f64(k))
        whet_lrn_grad_image_f64_ref(&s->lrn, (double *)k->in[0].data + o, (double *)k->in[1].data + o, (double *)k->out[0].data + o);
    if (k->n_in == 2 && !f64(k))
        whet_lrn_grad_image_f32_ref(&s->lrn, (float *)k->in[0].data + o, (float *)k->in[1].data + o, (float *)k->out[0].data + o);
}

static whet_status lrn_run(const whet_cpu_node *k)
{
    const norm_state *s = k->state;
    whet_parallel(k->team, (int)s->runs, lrn_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

#define IMPL(symbol, op_, reshape_, run_)                                                                           \
    const whet_cpu_impl whet_cpu_##symbol##_ref = {.op = op_, .name = "ref", .provider = WHET_PROVIDER_REF, .create = whet_need_float, \
                                                   .reshape = reshape_, .run = run_};
IMPL(layer_norm, "LayerNormalization", forward_reshape, forward_run)
IMPL(rms_norm, "RMSNormalization", forward_reshape, forward_run)
IMPL(instance_norm, "InstanceNormalization", forward_reshape, forward_run)
IMPL(group_norm, "GroupNormalization", forward_reshape, forward_run)
IMPL(layer_norm_grad, "whet.LayerNormGrad", grad_reshape, grad_run)
IMPL(group_norm_grad, "whet.GroupNormGrad", grad_reshape, grad_run)
IMPL(lrn, "LRN", lrn_reshape, lrn_run)
IMPL(lrn_grad, "whet.LrnGrad", lrn_reshape, lrn_run)
