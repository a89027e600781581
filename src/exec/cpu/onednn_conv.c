/* SPDX-License-Identifier: Apache-2.0 */
/* 2-D f32 convolution and its gradients by oneDNN, NHWC only: there forward and data gradient have the same bits for any
 * number of threads, which its paths for NCHW have not. The weight gradient has not either (28 of 99 shapes measured), so
 * the batch is cut at points fixed by the shape, each part runs on one thread, and the parts are added in order. Weights go in
 * the layout that oneDNN asks for: constants once, variables at each run. */
#include <math.h>
#include <stdio.h>

#include "exec/cpu/onednn_util.h"

enum { MOST_PARTS = 8 };
typedef enum conv_kind { FORWARD, BACK_DATA, BACK_WEIGHTS } conv_kind;

typedef struct conv_state {
    dnn_engine engine;
    whet_conv2d_geom g;
    conv_kind kind;
    int parts;                      /* BACK_WEIGHTS: of the batch; else 1 */
    int64_t per_part;
    dnn_engine part_engine[MOST_PARTS];
    dnn_exec conv[MOST_PARTS], reorder; /* weights: plain to wanted, or the gradient's back */
    bool need_reorder;
    const void *packed;
    whet_status packing; /* how the reorder of constants ended */
    size_t weights_size, weights_ws, scratch_ws, scratch_each; /* bytes; offsets in floats */
    whet_fused fused;
    bool bias, residual;
} conv_state;

typedef struct conv_mds { dnnl_memory_desc_t src, weights, plain_weights, bias, dst; } conv_mds;

static whet_status describe(whet_cpu_node *k, const conv_state *s, int64_t n, conv_mds *m)
{
    const whet_conv2d_geom *g = &s->g;
    const int64_t sd[4] = {n, g->ic, g->h, g->w}, dd[4] = {n, g->oc, g->oh, g->ow}, bd[1] = {g->oc};
    const int64_t wd[5] = {g->groups, g->oc / g->groups, g->ic / g->groups, g->kh, g->kw};
    const int first = g->groups == 1;
    WHET_TRY(whet_dnn_plain(k, &m->src, 4, sd, dnnl_nhwc));
    WHET_TRY(whet_dnn_plain(k, &m->dst, 4, dd, dnnl_nhwc));
    WHET_TRY(whet_dnn_plain(k, &m->weights, 5 - first, wd + first, dnnl_format_tag_any));
    WHET_TRY(whet_dnn_plain(k, &m->plain_weights, 5 - first, wd + first, first ? dnnl_oihw : dnnl_goihw));
    return whet_dnn_plain(k, &m->bias, 1, bd, dnnl_a);
}

static dnnl_status_t make_pd(const conv_state *s, conv_mds *m, dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *pd)
{
    const whet_conv2d_geom *g = &s->g;
    const dnnl_dims_t strides = {g->sh, g->sw}, dilates = {g->dh - 1, g->dw - 1}, left = {g->pt, g->pl};
    const dnnl_dims_t right = {(g->oh - 1) * g->sh + (g->kh - 1) * g->dh + 1 - g->h - g->pt,
                               (g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1 - g->w - g->pl};
    const dnnl_alg_kind_t alg = dnnl_convolution_direct;
    const dnnl_engine_t engine = s->engine.engine;
    dnnl_convolution_desc_t d, hint;
    dnnl_primitive_desc_t hint_pd = NULL;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &hint, s->kind == FORWARD ? dnnl_forward_inference : dnnl_forward_training, alg, &m->src, &m->weights,
        s->bias ? &m->bias : NULL, &m->dst, strides, dilates, left, right);
    if (status != dnnl_success) return status;
    if (s->kind == FORWARD) return dnnl_primitive_desc_create(pd, &hint, attr, engine, NULL);
    status = dnnl_primitive_desc_create(&hint_pd, &hint, NULL, engine, NULL);
    if (status != dnnl_success) return status;
    if (s->kind == BACK_DATA)
        status = dnnl_dilated_convolution_backward_data_desc_init(&d, alg, &m->src, &m->weights, &m->dst, strides, dilates, left, right);
    else
        status = dnnl_dilated_convolution_backward_weights_desc_init(&d, alg, &m->src, &m->weights, NULL, &m->dst, strides, dilates,
                                                                     left, right);
    if (status == dnnl_success) status = dnnl_primitive_desc_create(pd, &d, attr, engine, hint_pd);
    dnnl_primitive_desc_destroy(hint_pd);
    return status;
}

/* Primitive and memory objects of one part; *weights gets the layout that oneDNN chose. */
static whet_status make_part(whet_cpu_node *k, conv_state *s, dnn_exec *x, int64_t n, conv_mds *m)
{
    static const int args[3][3] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
                                   {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
                                   {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_success;
    WHET_TRY(describe(k, s, n, m));
    status = dnnl_primitive_attr_create(&attr);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && s->kind == FORWARD) status = whet_dnn_post_ops(&s->fused, s->residual, attr);
    if (status == dnnl_success) status = make_pd(s, m, attr, &pd);
    dnnl_primitive_attr_destroy(attr);
    WHET_TRY(whet_dnn_check(k, status, "convolution"));
    m->weights = *dnnl_primitive_desc_query_md(pd, s->kind == BACK_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
    WHET_TRY(whet_dnn_make(k, &s->engine, pd, x));
    WHET_TRY(whet_dnn_arg(k, &s->engine, x, args[s->kind][0], &m->src));
    WHET_TRY(whet_dnn_arg(k, &s->engine, x, args[s->kind][1], &m->weights));
    WHET_TRY(whet_dnn_arg(k, &s->engine, x, args[s->kind][2], &m->dst));
    if (s->bias) WHET_TRY(whet_dnn_arg(k, &s->engine, x, DNNL_ARG_BIAS, &m->bias));
    s->scratch_each = WHET_MAX(s->scratch_each, x->scratch_size);
    return WHET_OK;
}

static void pack_weights(void *dst, const void *src, void *arg)
{
    conv_state *s = arg;
    whet_dnn_point(&s->reorder, 0, src);
    whet_dnn_point(&s->reorder, 1, dst);
    s->packing = whet_dnn_run(&s->engine, &s->reorder, NULL);
}

static whet_status prepare_weights(whet_cpu_node *k, conv_state *s, const conv_mds *m)
{
    s->need_reorder = dnnl_memory_desc_equal(&m->weights, &m->plain_weights) == 0;
    s->weights_size = dnnl_memory_desc_get_size(&m->weights);
    if (s->kind == BACK_WEIGHTS) {
        if (s->need_reorder) WHET_TRY(whet_dnn_reorder(k, &s->engine, &m->weights, &m->plain_weights, &s->reorder));
        s->weights_size = WHET_ALIGN_UP(s->weights_size, 64);
        s->weights_ws = whet_own_reserve(k, s->weights_size / sizeof(float) * (size_t)s->parts);
        return WHET_OK;
    }
    if (!s->need_reorder) return WHET_OK;
    WHET_TRY(whet_dnn_reorder(k, &s->engine, &m->plain_weights, &m->weights, &s->reorder));
    if (s->reorder.scratch_size > 0) return whet_cpu_refuse(k, "oneDNN: the reorder of the weights wants scratch");
    if (k->in[1].constant) {
        char key[96];
        whet_dnn_key(key, sizeof key, &m->weights);
        WHET_TRY(whet_cpu_pack(k, k->in[1].vid, key, s->weights_size, pack_weights, s, &s->packed));
        return s->packing;
    }
    s->weights_ws = whet_own_reserve(k, (s->weights_size + 3) / sizeof(float));
    return WHET_OK;
}

static whet_status create(whet_cpu_node *k, conv_kind kind)
{
    const whet_cpu_arg *src = kind == BACK_DATA ? &k->out[0] : kind == BACK_WEIGHTS ? &k->in[1] : &k->in[0];
    const whet_cpu_arg *dst = kind == FORWARD ? &k->out[0] : &k->in[0];
    conv_mds m;
    conv_state *s = NULL;
    WHET_TRY(whet_own_need_nhwc(k, src, "source"));
    WHET_TRY(whet_own_need_nhwc(k, dst, "destination"));
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    s->kind = kind;
    WHET_TRY(whet_own_geometry(k, &src->shape, kind == BACK_WEIGHTS ? NULL : &k->in[1].shape, &dst->shape, &s->g));
    WHET_TRY(whet_fused_read(k->n, &s->fused));
    s->bias = kind == FORWARD && k->n_in > 2 && k->in[2].vid >= 0;
    s->residual = kind == FORWARD && k->n_in > 3 && k->in[3].vid >= 0;
    if (s->residual) WHET_TRY(whet_own_need_nhwc(k, &k->in[3], "residual"));
    s->per_part = kind == BACK_WEIGHTS ? (s->g.n + MOST_PARTS - 1) / MOST_PARTS : s->g.n;
    s->parts = (int)((s->g.n + s->per_part - 1) / s->per_part);
    whet_team_use(kind == BACK_WEIGHTS ? NULL : k->team);
    WHET_TRY(whet_dnn_open(k, &s->engine));
    for (int i = 0; i < s->parts; i++) {
        if (s->parts > 1) /* a stream for each thread that may run it, on the one engine */
            WHET_TRY(whet_dnn_check(k, dnnl_stream_create(&s->part_engine[i].stream, s->engine.engine, dnnl_stream_default_flags),
                                    "stream"));
        WHET_TRY(make_part(k, s, &s->conv[i], WHET_MIN(s->per_part, s->g.n - i * s->per_part), &m));
    }
    s->scratch_each = WHET_ALIGN_UP(s->scratch_each, 64);
    s->scratch_ws = whet_own_reserve(k, s->scratch_each / sizeof(float) * (size_t)(s->parts > 1 ? whet_team_size(k->team) : 1));
    return prepare_weights(k, s, &m);
}

static void destroy(whet_cpu_node *k)
{
    conv_state *s = k->state;
    for (int i = 0; i < MOST_PARTS; i++) {
        whet_dnn_free(&s->conv[i]);
        whet_dnn_close(&s->part_engine[i]);
    }
    whet_dnn_free(&s->reorder);
    whet_dnn_close(&s->engine);
}

static whet_status run(const whet_cpu_node *k)
{
    const conv_state *s = k->state;
    const dnn_exec *x = &s->conv[0];
    float *ws = k->workspace;
    const void *weights = s->packed ? s->packed : k->in[1].data;
    whet_team_use(k->team);
    if (s->need_reorder && !s->packed) {
        whet_dnn_point(&s->reorder, 0, k->in[1].data);
        whet_dnn_point(&s->reorder, 1, ws + s->weights_ws);
        WHET_TRY(whet_dnn_run(&s->engine, &s->reorder, NULL));
        weights = ws + s->weights_ws;
    }
    if (s->residual && k->in[3].data != k->out[0].data)
        memcpy(k->out[0].data, k->in[3].data, (size_t)k->out[0].numel * sizeof(float));
    whet_dnn_point(x, 0, s->kind == FORWARD ? k->in[0].data : k->out[0].data);
    whet_dnn_point(x, 1, weights);
    whet_dnn_point(x, 2, s->kind == FORWARD ? k->out[0].data : k->in[0].data);
    if (s->bias) whet_dnn_point(x, 3, k->in[2].data);
    return whet_dnn_run(&s->engine, x, ws + s->scratch_ws);
}

typedef struct wgrad_job { const whet_cpu_node *k; whet_status status[MOST_PARTS]; } wgrad_job;

static void wgrad_chunk(void *arg, int chunk, int worker)
{
    wgrad_job *job = arg;
    const whet_cpu_node *k = job->k;
    const conv_state *s = k->state;
    const dnn_exec *x = &s->conv[chunk];
    const whet_conv2d_geom *g = &s->g;
    float *ws = k->workspace;
    whet_team_use(NULL);
    whet_dnn_point(x, 0, (const float *)k->in[1].data + chunk * s->per_part * g->h * g->w * g->ic);
    whet_dnn_point(x, 1, ws + s->weights_ws + (size_t)chunk * (s->weights_size / sizeof(float)));
    whet_dnn_point(x, 2, (const float *)k->in[0].data + chunk * s->per_part * g->oh * g->ow * g->oc);
    job->status[chunk] = whet_dnn_run(s->parts > 1 ? &s->part_engine[chunk] : &s->engine, x,
                                      ws + s->scratch_ws + (size_t)worker * (s->scratch_each / sizeof(float)));
}

static whet_status wgrad_run(const whet_cpu_node *k)
{
    const conv_state *s = k->state;
    const size_t n = s->weights_size / sizeof(float);
    float *sum = (float *)k->workspace + s->weights_ws;
    wgrad_job job = {.k = k};
    whet_team_use(NULL);
    whet_parallel(s->parts > 1 ? k->team : NULL, s->parts, wgrad_chunk, &job);
    for (int i = 0; i < s->parts; i++) WHET_TRY(job.status[i]);
    for (int i = 1; i < s->parts; i++)
        for (size_t j = 0; j < n; j++) sum[j] += sum[(size_t)i * n + j];
    if (!s->need_reorder) {
        memcpy(k->out[0].data, sum, (size_t)k->out[0].numel * sizeof(float));
        return WHET_OK;
    }
    whet_dnn_point(&s->reorder, 0, sum);
    whet_dnn_point(&s->reorder, 1, k->out[0].data);
    return whet_dnn_run(&s->engine, &s->reorder, NULL);
}

static bool residual_inplace(const whet_cpu_node *k, int o, int i) { return o == 0 && i == 3 && k->in[3].vid != k->in[0].vid; }
static whet_status forward_create(whet_cpu_node *k) { return create(k, FORWARD); }
static whet_status data_create(whet_cpu_node *k) { return create(k, BACK_DATA); }
static whet_status weights_create(whet_cpu_node *k) { return create(k, BACK_WEIGHTS); }

#define ROW(symbol, op_name, create_fn, run_fn, inplace_fn)                                                         \
    const whet_cpu_impl symbol = {.op = op_name, .name = "onednn", .provider = WHET_PROVIDER_ONEDNN, .isa = WHET_ISA_AVX2, .create = create_fn, \
                                  .run = run_fn, .destroy = destroy, .inplace = inplace_fn};
ROW(whet_cpu_conv_onednn, "Conv", forward_create, run, NULL)
ROW(whet_cpu_fused_conv_onednn, "whet.FusedConv", forward_create, run, residual_inplace)
ROW(whet_cpu_conv_grad_data_onednn, "whet.ConvGradData", data_create, run, NULL)
ROW(whet_cpu_conv_grad_weights_onednn, "whet.ConvGradWeights", weights_create, wgrad_run, NULL)
