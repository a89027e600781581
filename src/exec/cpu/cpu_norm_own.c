/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation, its gradient and channel sums on the own NHWC kernels. Rows are cut at points fixed by the shape;
 * the parts' double sums are added in order, so any number of threads gives the same bits. */
#include <math.h>

#include "exec/cpu/cpu_own.h"
#include "kernels/norm/norm_nhwc.h"

typedef struct bn_state {
    const whet_bn_kernel *kernel;
    int64_t rows, c;
    int parts;
    size_t sums_ws, vec_ws; /* floats: parts x 2c doubles; 4 x c coefficients */
    float epsilon, momentum;
    bool unbiased, relu;
} bn_state;

static whet_status bn_prepare(whet_cpu_node *k, const whet_cpu_arg *x, const char *what, bn_state **out)
{
    bn_state *s = NULL;
    WHET_TRY(whet_own_need_f32(k));
    WHET_TRY(whet_own_need_nhwc(k, x, what));
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    s->kernel = whet_bn_kernel_for(k->isa);
    s->c = x->shape.dims[1];
    s->rows = x->numel / s->c;
    s->parts = (int)WHET_MIN(s->rows, whet_chunks(x->numel, 16 * 1024, 64));
    s->sums_ws = whet_own_reserve(k, (size_t)(s->parts * s->c) * 4);
    s->vec_ws = whet_own_reserve(k, (size_t)s->c * 4);
    s->epsilon = whet_node_float(k->n, "epsilon", 1e-5f);
    s->momentum = whet_node_float(k->n, "momentum", 0.9f);
    s->unbiased = whet_node_int(k->n, "unbiased", 1) != 0;
    s->relu = whet_node_int(k->n, "relu", 0) != 0;
    *out = s;
    return WHET_OK;
}

static float *vector(const whet_cpu_node *k, const bn_state *s, int i) { return (float *)k->workspace + s->vec_ws + i * s->c; }
static double *sums(const whet_cpu_node *k, const bn_state *s, int part)
{
    return (double *)(void *)((float *)k->workspace + s->sums_ws) + part * 2 * s->c;
}

/* The rows of part `part` of whatever the arguments point to. */
static int64_t cut(const bn_state *s, int part, whet_bn_args *a)
{
    const int64_t first = whet_chunk_begin(s->rows, s->parts, part);
    a->rows = whet_chunk_begin(s->rows, s->parts, part + 1) - first;
    a->c = s->c;
    return first * s->c;
}

static void clear_sums(const whet_cpu_node *k, const bn_state *s, int part, whet_bn_args *a)
{
    a->sum = sums(k, s, part);
    a->sum2 = a->sum + s->c;
    memset(a->sum, 0, (size_t)s->c * 2 * sizeof *a->sum);
}

/* Adds the parts' sums, in order, into the first part's. */
static void join_sums(const whet_cpu_node *k, const bn_state *s)
{
    double *total = sums(k, s, 0);
    for (int p = 1; p < s->parts; p++)
        for (int64_t j = 0; j < 2 * s->c; j++) total[j] += sums(k, s, p)[j];
}

static void stats_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const bn_state *s = k->state;
    whet_bn_args a = {0};
    (void)worker;
    a.x = (const float *)k->in[0].data + cut(s, chunk, &a);
    clear_sums(k, s, chunk, &a);
    if (k->n_out == 1) a.sum2 = NULL; /* whet.ChannelSum */
    s->kernel->stats(&a);
}

/* --- forward: (x, scale, bias, running mean, running var [, residual]) -> y, new mean, new var, batch mean, invstd */

static whet_status train_create(whet_cpu_node *k)
{
    bn_state *s = NULL;
    WHET_TRY(bn_prepare(k, &k->in[0], "input", &s));
    WHET_TRY(whet_own_need_nhwc(k, &k->out[0], "output"));
    if (k->n_in > 5 && k->in[5].vid >= 0) WHET_TRY(whet_own_need_nhwc(k, &k->in[5], "residual"));
    return WHET_OK;
}

static void apply_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const bn_state *s = k->state;
    whet_bn_args a = {.relu = s->relu, .a = vector(k, s, 0), .b = vector(k, s, 1)};
    const int64_t at = cut(s, chunk, &a);
    (void)worker;
    a.x = (const float *)k->in[0].data + at;
    a.y = (float *)k->out[0].data + at;
    if (k->n_in > 5 && k->in[5].vid >= 0) a.residual = (const float *)k->in[5].data + at;
    s->kernel->apply(&a);
}

static void put(const whet_cpu_arg *a, int64_t j, double x)
{
    if (a->vid >= 0) ((float *)a->data)[j] = (float)x;
}

static whet_status train_run(const whet_cpu_node *k)
{
    const bn_state *s = k->state;
    const double n = (double)s->rows, momentum = (double)s->momentum;
    const float *scale = k->in[1].data, *bias = k->in[2].data, *old_mean = k->in[3].data, *old_var = k->in[4].data;
    const double *total = sums(k, s, 0);
    whet_parallel(k->team, s->parts, stats_chunk, (void *)k);
    join_sums(k, s);
    for (int64_t j = 0; j < s->c; j++) {
        const double mean = total[j] / n, var = fmax(total[s->c + j] / n - mean * mean, 0.0);
        const double kept = s->unbiased && s->rows > 1 ? var * n / (n - 1.0) : var;
        const float mean32 = (float)mean, invstd = (float)(1.0 / sqrt(var + (double)s->epsilon));
        const double new_mean = (double)old_mean[j] * momentum + mean * (1.0 - momentum);
        const double new_var = (double)old_var[j] * momentum + kept * (1.0 - momentum);
        vector(k, s, 0)[j] = scale[j] * invstd;
        vector(k, s, 1)[j] = fmaf(-mean32, scale[j] * invstd, bias[j]);
        put(&k->out[1], j, new_mean);
        put(&k->out[2], j, new_var);
        put(&k->out[3], j, (double)mean32);
        put(&k->out[4], j, (double)invstd);
    }
    whet_parallel(k->team, s->parts, apply_chunk, (void *)k);
    return WHET_OK;
}

static bool train_inplace(const whet_cpu_node *k, int o, int i)
{
    const bool both = k->n_in > 5 && k->in[5].vid == k->in[0].vid;
    return o == 0 && (i == 0 || i == 5) && !both;
}

/* --- backward: (diff_dst, x, scale, bias, mean, invstd [, y]) -> diff_x, diff_scale, diff_bias [, diff_residual] */

static whet_status grad_create(whet_cpu_node *k)
{
    bn_state *s = NULL;
    if (whet_node_int(k->n, "mode", 0) != 0) return whet_cpu_refuse(k, "mode %d", (int)whet_node_int(k->n, "mode", 0));
    WHET_TRY(bn_prepare(k, &k->in[0], "gradient", &s));
    WHET_TRY(whet_own_need_nhwc(k, &k->in[1], "input"));
    WHET_TRY(whet_own_need_nhwc(k, &k->out[0], "output"));
    if (k->n_in > 6 && k->in[6].vid >= 0) WHET_TRY(whet_own_need_nhwc(k, &k->in[6], "forward output"));
    if (k->n_out > 3 && k->out[3].vid >= 0) WHET_TRY(whet_own_need_nhwc(k, &k->out[3], "residual's gradient"));
    return WHET_OK;
}

static int64_t grad_args(const whet_cpu_node *k, const bn_state *s, int part, whet_bn_args *a)
{
    *a = (whet_bn_args){.relu = s->relu, .a = vector(k, s, 0), .b = vector(k, s, 1), .p = vector(k, s, 2), .q = vector(k, s, 3),
                        .mean = k->in[4].data, .invstd = k->in[5].data};
    const int64_t at = cut(s, part, a);
    a->dy = (const float *)k->in[0].data + at;
    a->x = (const float *)k->in[1].data + at;
    if (k->n_in > 6 && k->in[6].vid >= 0) a->mask_y = (const float *)k->in[6].data + at;
    return at;
}

static void grad_stats_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const bn_state *s = k->state;
    whet_bn_args a;
    (void)worker;
    grad_args(k, s, chunk, &a);
    clear_sums(k, s, chunk, &a);
    s->kernel->back_stats(&a);
}

static void grad_apply_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const bn_state *s = k->state;
    whet_bn_args a;
    const int64_t at = grad_args(k, s, chunk, &a);
    (void)worker;
    a.dx = (float *)k->out[0].data + at;
    if (k->n_out > 3 && k->out[3].vid >= 0) a.dres = (float *)k->out[3].data + at;
    s->kernel->back_apply(&a);
}

static whet_status grad_run(const whet_cpu_node *k)
{
    const bn_state *s = k->state;
    const float *scale = k->in[2].data, *bias = k->in[3].data, *mean = k->in[4].data, *invstd = k->in[5].data;
    const double n = (double)s->rows, *total = sums(k, s, 0);
    for (int64_t j = 0; j < s->c; j++) {
        vector(k, s, 0)[j] = scale[j] * invstd[j];
        vector(k, s, 1)[j] = fmaf(-mean[j], scale[j] * invstd[j], bias[j]);
    }
    whet_parallel(k->team, s->parts, grad_stats_chunk, (void *)k);
    join_sums(k, s);
    for (int64_t j = 0; j < s->c; j++) {
        const double a = (double)vector(k, s, 0)[j];
        vector(k, s, 2)[j] = (float)(-a * (double)invstd[j] * total[s->c + j] / n);
        vector(k, s, 3)[j] = (float)(-a * total[j] / n);
        put(&k->out[1], j, total[s->c + j]);
        put(&k->out[2], j, total[j]);
    }
    if (k->out[0].vid >= 0) whet_parallel(k->team, s->parts, grad_apply_chunk, (void *)k);
    return WHET_OK;
}

static bool grad_inplace(const whet_cpu_node *k, int o, int i)
{
    const bool shared = k->in[0].vid == k->in[1].vid || (k->n_in > 6 && k->in[6].vid == k->in[0].vid);
    const bool residual = k->n_out > 3 && k->out[3].vid >= 0;
    return !shared && i == 0 && o == (residual ? 3 : 0);
}

/* --- inference that was not folded, and channel sums */

static whet_status infer_create(whet_cpu_node *k)
{
    bn_state *s = NULL;
    if (whet_node_int(k->n, "training_mode", 0) != 0) return whet_cpu_refuse(k, "training mode");
    WHET_TRY(bn_prepare(k, &k->in[0], "input", &s));
    s->relu = false;
    return whet_own_need_nhwc(k, &k->out[0], "output");
}

static whet_status infer_run(const whet_cpu_node *k)
{
    const bn_state *s = k->state;
    const float *scale = k->in[1].data, *bias = k->in[2].data, *mean = k->in[3].data, *var = k->in[4].data;
    for (int64_t j = 0; j < s->c; j++) {
        const double a = (double)scale[j] / sqrt((double)var[j] + (double)s->epsilon);
        vector(k, s, 0)[j] = (float)a;
        vector(k, s, 1)[j] = (float)((double)bias[j] - (double)mean[j] * a);
    }
    whet_parallel(k->team, s->parts, apply_chunk, (void *)k);
    return WHET_OK;
}

static bool infer_inplace(const whet_cpu_node *k, int o, int i)
{
    (void)k;
    return o == 0 && i == 0;
}

static whet_status channel_sum_create(whet_cpu_node *k)
{
    bn_state *s = NULL;
    return bn_prepare(k, &k->in[0], "input", &s);
}

static whet_status channel_sum_run(const whet_cpu_node *k)
{
    const bn_state *s = k->state;
    whet_parallel(k->team, s->parts, stats_chunk, (void *)k);
    join_sums(k, s);
    for (int64_t j = 0; j < s->c; j++) put(&k->out[0], j, sums(k, s, 0)[j]);
    return WHET_OK;
}

#define ROW(symbol, op_name, create_fn, run_fn, inplace_fn)                                                         \
    const whet_cpu_impl symbol = {.op = op_name, .name = "nhwc", .provider = WHET_PROVIDER_OWN, .isa = WHET_ISA_AVX2, \
                                  .create = create_fn, .run = run_fn, .inplace = inplace_fn};
ROW(whet_cpu_batch_norm_train_own, "whet.BatchNormTrain", train_create, train_run, train_inplace)
ROW(whet_cpu_batch_norm_grad_own, "whet.BatchNormGrad", grad_create, grad_run, grad_inplace)
ROW(whet_cpu_batch_norm_own, "BatchNormalization", infer_create, infer_run, infer_inplace)
ROW(whet_cpu_channel_sum_own, "whet.ChannelSum", channel_sum_create, channel_sum_run, NULL)
