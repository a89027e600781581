/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation: inference, training (ONNX's and whet's) and the gradient.
 *
 * Channels innermost: rows are cut into at most 64 chunks fixed by the shape, each with its own partial sums in double,
 * which are added in order of the chunks. Otherwise (NCHW): one chunk a channel. Either way the bits do not depend on
 * the number of threads. The running variance is biased (ONNX) or unbiased (whet.BatchNormTrain with unbiased = 1). */
#include <math.h>

#include "base/mem.h"
#include "exec/cpu/cpu_bn_fns.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"

#define LARGE ((size_t)32 << 20)

typedef struct bn_state {
    const whet_bn_fns *fns;
    bool rows_form;
    int64_t n, channels, positions; /* positions of one image */
    int chunks;
    size_t esize;
    whet_bn_act act;
    bool has_act, train;
    bool large;          /* the result is out of the caches before anyone reads it */
    int mode;            /* of the gradient */
    double epsilon, momentum;
    bool unbiased;
    /* offsets of the per-channel arrays in the workspace */
    size_t mean, a, b, p, q, shift, sums;
} bn_state;

static whet_status create_own(whet_cpu_node *k)
{
    WHET_TRY(whet_need_float(k));
    return whet_bn_fns_for(k->in[0].dtype, k->isa, true) != NULL ? WHET_OK : whet_cpu_refuse(k, "no kernel for %s on this CPU", whet_dtype_name(k->in[0].dtype));
}

static size_t take(size_t *used, size_t bytes)
{
    const size_t at = *used;
    *used = WHET_ALIGN_UP(at + bytes, (size_t)64);
    return at;
}

static whet_status read_activation(whet_cpu_node *k, bn_state *s)
{
    const char *act = whet_node_string(k->n, "activation", "");
    s->has_act = act[0] != '\0' || whet_node_int(k->n, "relu", 0) != 0;
    s->act = (whet_bn_act){WHET_BN_CLIP, 0, INFINITY};
    if (strcmp(act, "Silu") == 0) {
        s->act.kind = WHET_BN_SILU;
    } else if (strcmp(act, "Clip") == 0) {
        s->act.lo = (double)whet_node_float(k->n, "act_min", -INFINITY);
        s->act.hi = (double)whet_node_float(k->n, "act_max", INFINITY);
    } else if (act[0] != '\0' && strcmp(act, "Relu") != 0) {
        return whet_cpu_refuse(k, "activation '%s'", act);
    }
    return WHET_OK;
}

static const whet_bn_act *act_of(const bn_state *s) { return s->has_act ? &s->act : NULL; }

static whet_status reshape_for(whet_cpu_node *k, const whet_cpu_arg *x)
{
    bn_state *s = whet_cpu_state(k, sizeof *s);
    whet_geom g;
    size_t used = 0;
    if (s == NULL) return WHET_ENOMEM;
    WHET_TRY(whet_geom_of(k, x, &g));
    s->fns = whet_bn_fns_for(k->in[0].dtype, k->isa, strcmp(k->impl->name, "own") == 0);
    s->n = g.n;
    s->channels = g.c;
    s->positions = g.size[0] * g.size[1] * g.size[2];
    s->large = (size_t)(s->n * s->channels * s->positions) * whet_dtype_size(x->dtype) > LARGE;
    s->rows_form = whet_geom_channels_last(&g);
    s->esize = whet_dtype_size(x->dtype);
    s->chunks = s->rows_form ? whet_chunks(s->n * s->positions, 1 + 32768 / WHET_MAX(g.c, 1), 64) : (int)WHET_MAX(g.c, 1);
    s->epsilon = (double)whet_node_float(k->n, "epsilon", 1e-5f);
    s->momentum = (double)whet_node_float(k->n, "momentum", 0.9f);
    WHET_TRY(read_activation(k, s));
    const size_t vector = (size_t)g.c * s->esize;
    s->mean = take(&used, vector);
    s->a = take(&used, vector);
    s->b = take(&used, vector);
    s->p = take(&used, vector);
    s->q = take(&used, vector);
    s->shift = take(&used, vector);
    s->sums = take(&used, (size_t)s->chunks * (size_t)g.c * 2 * sizeof(double));
    k->workspace_size = used;
    for (int i = 0; i < k->n_in + k->n_out; i++) {
        const whet_cpu_arg *arg = i < k->n_in ? &k->in[i] : &k->out[i - k->n_in];
        if (arg->dtype != WHET_DTYPE_NONE && arg->shape.rank == x->shape.rank && x->shape.rank > 2 && arg->layout != x->layout)
            return whet_cpu_refuse(k, "arguments in different layouts");
    }
    return WHET_OK;
}

static void *at(const whet_cpu_node *k, size_t offset) { return (char *)k->workspace + offset; }
static double get(const bn_state *s, const void *p, int64_t i)
{
    return s->esize == 8 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}
static void put(const bn_state *s, void *p, int64_t i, double v)
{
    if (s->esize == 8)
        ((double *)p)[i] = v;
    else
        ((float *)p)[i] = (float)v;
}
static const char *elem(const bn_state *s, const void *p, int64_t i) { return (const char *)p + (size_t)i * s->esize; }
static char *elem_out(const bn_state *s, void *p, int64_t i) { return (char *)p + (size_t)i * s->esize; }

/* --- statistics: what is known of one chunk goes to its own slots of the workspace */

/* A value near the mean for each channel, so that the sums lose no digits: the mean of up to 32 positions. */
static void choose_shift(const whet_cpu_node *k, const bn_state *s, const void *x)
{
    void *shift = at(k, s->shift);
    const int64_t take_n = WHET_MIN(s->rows_form ? s->n * s->positions : s->positions, (int64_t)32);
    for (int64_t c = 0; c < s->channels; c++) {
        double sum = 0;
        for (int64_t i = 0; i < take_n; i++) sum += get(s, x, s->rows_form ? i * s->channels + c : c * s->positions + i);
        put(s, shift, c, take_n > 0 ? sum / (double)take_n : 0);
    }
}

static void stats_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const bn_state *s = k->state;
    double *sums = at(k, s->sums);
    (void)worker;
    if (s->rows_form) {
        const int64_t rows = s->n * s->positions, lo = whet_chunk_begin(rows, s->chunks, chunk), hi = whet_chunk_begin(rows, s->chunks, chunk + 1);
        double *mine = sums + (int64_t)chunk * 2 * s->channels;
        memset(mine, 0, (size_t)s->channels * 2 * sizeof *mine);
        s->fns->sums_rows(hi - lo, s->channels, elem(s, k->in[0].data, lo * s->channels), at(k, s->shift), mine, mine + s->channels);
        return;
    }
    double *sum = sums + chunk, *more = sums + s->channels + chunk;
    *sum = *more = 0;
    for (int64_t n = 0; n < s->n; n++)
        s->fns->sums_plane(s->positions, elem(s, k->in[0].data, (n * s->channels + chunk) * s->positions),
                           elem(s, at(k, s->shift), chunk), sum, more);
}

/* Adds the chunks' sums in order; the result stands in the first chunk's slots. */
static void join(const whet_cpu_node *k, const bn_state *s)
{
    double *sums = at(k, s->sums);
    if (!s->rows_form) return;
    for (int i = 1; i < s->chunks; i++)
        for (int64_t c = 0; c < 2 * s->channels; c++) sums[c] += sums[(int64_t)i * 2 * s->channels + c];
}

/* --- forward */

static void apply_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const bn_state *s = k->state;
    const void *res = k->n_in > 5 && k->in[5].dtype != WHET_DTYPE_NONE ? k->in[5].data : NULL;
    (void)worker;
    if (s->rows_form) {
        const int64_t rows = s->n * s->positions, lo = whet_chunk_begin(rows, s->chunks, chunk), hi = whet_chunk_begin(rows, s->chunks, chunk + 1);
        const int64_t o = lo * s->channels;
        s->fns->apply_rows(hi - lo, s->channels, elem(s, k->in[0].data, o), at(k, s->mean), at(k, s->a), at(k, s->b),
                           res != NULL ? elem(s, res, o) : NULL, act_of(s), k->out[0].data != k->in[0].data && s->large,
                           elem_out(s, k->out[0].data, o));
        return;
    }
    for (int64_t n = 0; n < s->n; n++) {
        const int64_t o = (n * s->channels + chunk) * s->positions;
        s->fns->apply_plane(s->positions, elem(s, k->in[0].data, o), elem(s, at(k, s->mean), chunk), elem(s, at(k, s->a), chunk),
                            elem(s, at(k, s->b), chunk), res != NULL ? elem(s, res, o) : NULL, act_of(s),
                            elem_out(s, k->out[0].data, o));
    }
}

static whet_status forward_reshape(whet_cpu_node *k)
{
    WHET_TRY(reshape_for(k, &k->in[0]));
    bn_state *s = k->state;
    const bool own = strcmp(k->impl->op, "whet.BatchNormTrain") == 0;
    s->train = own || whet_node_int(k->n, "training_mode", 0) != 0;
    s->unbiased = own && whet_node_int(k->n, "unbiased", 1) != 0;
    return WHET_OK;
}

static void set_output(const whet_cpu_node *k, const bn_state *s, int o, int64_t c, double v)
{
    if (o < k->n_out && k->out[o].dtype != WHET_DTYPE_NONE) put(s, k->out[o].data, c, v);
}

static whet_status forward_run(const whet_cpu_node *k)
{
    const bn_state *s = k->state;
    void *self = (void *)(uintptr_t)k;
    const double count = (double)(s->n * s->positions);
    const double *sums = at(k, s->sums);
    if (s->n * s->positions * s->channels == 0) return WHET_OK;
    if (s->train) {
        choose_shift(k, s, k->in[0].data);
        whet_parallel(k->team, s->chunks, stats_chunk, self);
        join(k, s);
    }
    for (int64_t c = 0; c < s->channels; c++) {
        const double old_mean = get(s, k->in[3].data, c), old_var = get(s, k->in[4].data, c);
        double mean = old_mean, var = old_var;
        if (s->train) {
            const double d = sums[c] / count;
            mean = get(s, at(k, s->shift), c) + d;
            var = WHET_MAX(sums[s->channels + c] / count - d * d, 0);
            const double stored = s->unbiased && count > 1 ? var * count / (count - 1) : var;
            set_output(k, s, 1, c, old_mean * s->momentum + mean * (1 - s->momentum));
            set_output(k, s, 2, c, old_var * s->momentum + stored * (1 - s->momentum));
        }
        const double invstd = 1 / sqrt(var + s->epsilon);
        set_output(k, s, 3, c, mean);
        set_output(k, s, 4, c, invstd);
        put(s, at(k, s->mean), c, mean);
        put(s, at(k, s->a), c, get(s, k->in[1].data, c) * (s->esize == 4 ? (double)(float)invstd : invstd));
        put(s, at(k, s->b), c, get(s, k->in[2].data, c));
    }
    whet_parallel(k->team, s->chunks, apply_chunk, self);
    return WHET_OK;
}

/* y may take x's or the residual's bytes: both are read position by position in the last pass. */
static bool forward_inplace(const whet_cpu_node *k, int o, int i) { return o == 0 && (i == 0 || i == 5) && k->in[i].numel == k->out[0].numel; }

/* --- gradient */

static bool stores_masked(const whet_cpu_node *k) { return k->n_out > 3 && k->out[3].dtype != WHET_DTYPE_NONE; }

static whet_status grad_reshape(whet_cpu_node *k)
{
    WHET_TRY(reshape_for(k, &k->in[1]));
    bn_state *s = k->state;
    s->mode = (int)whet_node_int(k->n, "mode", 0);
    return WHET_OK;
}

static void grad_sums_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const bn_state *s = k->state;
    const void *y = k->n_in > 6 && k->in[6].dtype != WHET_DTYPE_NONE ? k->in[6].data : NULL;
    void *g = stores_masked(k) ? k->out[3].data : y != NULL ? k->out[0].data : NULL;
    double *sums = at(k, s->sums);
    (void)worker;
    if (s->rows_form) {
        const int64_t rows = s->n * s->positions, lo = whet_chunk_begin(rows, s->chunks, chunk), hi = whet_chunk_begin(rows, s->chunks, chunk + 1);
        const int64_t o = lo * s->channels;
        double *mine = sums + (int64_t)chunk * 2 * s->channels;
        memset(mine, 0, (size_t)s->channels * 2 * sizeof *mine);
        s->fns->grad_sums_rows(hi - lo, s->channels, elem(s, k->in[0].data, o), elem(s, k->in[1].data, o),
                               y != NULL ? elem(s, y, o) : NULL, at(k, s->mean), at(k, s->a), at(k, s->b), act_of(s),
                               g != NULL ? elem_out(s, g, o) : NULL, mine, mine + s->channels);
        return;
    }
    double *sum = sums + chunk, *more = sums + s->channels + chunk;
    *sum = *more = 0;
    for (int64_t n = 0; n < s->n; n++) {
        const int64_t o = (n * s->channels + chunk) * s->positions;
        s->fns->grad_sums_plane(s->positions, elem(s, k->in[0].data, o), elem(s, k->in[1].data, o), y != NULL ? elem(s, y, o) : NULL,
                                elem(s, at(k, s->mean), chunk), elem(s, at(k, s->a), chunk), elem(s, at(k, s->b), chunk), act_of(s),
                                g != NULL ? elem_out(s, g, o) : NULL, sum, more);
    }
}

static void grad_apply_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const bn_state *s = k->state;
    const bool y_given = k->n_in > 6 && k->in[6].dtype != WHET_DTYPE_NONE;
    const void *dy = stores_masked(k) ? k->out[3].data : y_given ? k->out[0].data : k->in[0].data;
    const whet_bn_act *act = dy == k->in[0].data && !stores_masked(k) && !y_given ? act_of(s) : NULL;
    (void)worker;
    if (s->rows_form) {
        const int64_t rows = s->n * s->positions, lo = whet_chunk_begin(rows, s->chunks, chunk), hi = whet_chunk_begin(rows, s->chunks, chunk + 1);
        const int64_t o = lo * s->channels;
        s->fns->grad_apply_rows(hi - lo, s->channels, elem(s, dy, o), elem(s, k->in[1].data, o), at(k, s->mean), at(k, s->a),
                                at(k, s->b), act, at(k, s->p), at(k, s->q), elem_out(s, k->out[0].data, o));
        return;
    }
    for (int64_t n = 0; n < s->n; n++) {
        const int64_t o = (n * s->channels + chunk) * s->positions;
        s->fns->grad_apply_plane(s->positions, elem(s, dy, o), elem(s, k->in[1].data, o), elem(s, at(k, s->mean), chunk),
                                 elem(s, at(k, s->a), chunk), elem(s, at(k, s->b), chunk), act, elem(s, at(k, s->p), chunk),
                                 elem(s, at(k, s->q), chunk), elem_out(s, k->out[0].data, o));
    }
}

/* Mean and 1 / std of every channel into k's workspace (mean, p) for modes that do not have them as inputs. */
static void grad_statistics(const whet_cpu_node *k, const bn_state *s)
{
    const double count = (double)(s->n * s->positions);
    const double *sums = at(k, s->sums);
    if (s->mode == 2) {
        whet_cpu_node view = *k; /* stats_chunk reads input 0 */
        whet_cpu_arg x = k->in[1];
        view.in = &x;
        choose_shift(&view, s, x.data);
        whet_parallel(k->team, s->chunks, stats_chunk, &view);
        join(k, s);
    }
    for (int64_t c = 0; c < s->channels; c++) {
        double mean = get(s, k->in[4].data, c), invstd = get(s, k->in[5].data, c);
        if (s->mode == 1) invstd = 1 / sqrt(invstd + s->epsilon);
        if (s->mode == 2) {
            const double d = sums[c] / count;
            mean = get(s, at(k, s->shift), c) + d;
            invstd = 1 / sqrt(WHET_MAX(sums[s->channels + c] / count - d * d, 0) + s->epsilon);
        }
        put(s, at(k, s->mean), c, mean);
        put(s, at(k, s->p), c, invstd);
        put(s, at(k, s->a), c, get(s, k->in[2].data, c) * get(s, at(k, s->p), c));
        put(s, at(k, s->b), c, get(s, k->in[3].data, c));
    }
}

static whet_status grad_run(const whet_cpu_node *k)
{
    const bn_state *s = k->state;
    void *self = (void *)(uintptr_t)k;
    const double count = (double)(s->n * s->positions);
    const double *sums = at(k, s->sums);
    if (s->n * s->positions * s->channels == 0) return WHET_OK;
    grad_statistics(k, s);
    whet_parallel(k->team, s->chunks, grad_sums_chunk, self);
    join(k, s);
    for (int64_t c = 0; c < s->channels; c++) {
        const double invstd = get(s, at(k, s->p), c), a = get(s, k->in[2].data, c) * invstd;
        const double sum = sums[c], more = sums[s->channels + c];
        put(s, k->out[1].data, c, more * invstd);
        put(s, k->out[2].data, c, sum);
        put(s, at(k, s->p), c, s->mode == 1 ? 0 : -a * invstd * invstd * more / count);
        put(s, at(k, s->q), c, s->mode == 1 ? 0 : -a * sum / count);
    }
    whet_parallel(k->team, s->chunks, grad_apply_chunk, self);
    return WHET_OK;
}

/* The masked gradient may replace dy, or dx may where no masked one is kept. */
static bool grad_inplace(const whet_cpu_node *k, int o, int i)
{
    return i == 0 && o == (stores_masked(k) ? 3 : 0);
}

#define IMPL(symbol, op_, reshape_, run_, inplace_)                                                                 \
    const whet_cpu_impl whet_cpu_##symbol##_vec = {.op = op_, .name = "own", .provider = WHET_PROVIDER_VEC, .create = create_own, \
                                                   .reshape = reshape_, .run = run_, .inplace = inplace_};          \
    const whet_cpu_impl whet_cpu_##symbol##_ref = {.op = op_, .name = "ref", .provider = WHET_PROVIDER_REF, .create = whet_need_float, \
                                                   .reshape = reshape_, .run = run_, .inplace = inplace_};
IMPL(batch_norm, "BatchNormalization", forward_reshape, forward_run, forward_inplace)
IMPL(batch_norm_train, "whet.BatchNormTrain", forward_reshape, forward_run, forward_inplace)
IMPL(batch_norm_grad, "whet.BatchNormGrad", grad_reshape, grad_run, grad_inplace)
