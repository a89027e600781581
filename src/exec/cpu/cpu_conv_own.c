/* SPDX-License-Identifier: Apache-2.0 */
/* Conv, whet.FusedConv and the two convolution gradients on the own f32 kernels, NHWC. Weights that are constants are
 * packed once; those of a training graph are packed at each run into the workspace.
 *
 * Work is cut by the shape alone: into images, rows or channels forward and for the data gradient, where the cut cannot
 * change a bit; for the weight gradient into parts of the batch, each summed by one thread and added in order. */
#include <stdio.h>

#include "exec/cpu/cpu_own.h"
#include "ir/window.h"

enum { MAX_PHASES = 16 };

typedef struct conv_state {
    whet_conv2d_geom g;
    int n_passes; /* 1 forward, stride_h * stride_w backward */
    whet_conv_pass *passes;
    size_t packed_at[MAX_PHASES]; /* floats from the start of the packed weights */
    size_t packed_size, scratch_size; /* floats */
    const float *packed;  /* constants only */
    size_t packed_ws, scratch_ws; /* offsets in the workspace */
    int row_parts, channel_parts;
    int64_t block_parts;
    float lo, hi;
    bool backward;
    bool transposed; /* a backward one with a bias */
    whet_finish finish;
    bool after;
    bool product;        /* 1x1 on every position: one matrix product over all images */
    whet_gemm_plan plan; /* of it */
} conv_state;

/* How many parts an image is cut into: enough chunks for the cores, none below some microseconds. */
static void cut_image(conv_state *s)
{
    enum { CHUNKS = 32, FEW = 16, LEAST = 200 * 1000 }; /* multiply-adds */
    const whet_conv2d_geom *g = &s->g;
    const whet_conv_pass *p = &s->passes[0];
    const int64_t macs = g->oh * g->ow * g->oc * (g->ic / g->groups) * g->kh * g->kw / s->n_passes;
    int64_t parts = WHET_MIN((CHUNKS + g->n - 1) / g->n, macs / LEAST);
    const int64_t panels = (p->oc / p->groups + 31) / 32;
    parts = WHET_MAX(parts, 1);
    s->channel_parts = s->row_parts = 1;
    if (p->y.count * p->x.count <= 256 && panels > 1) {
        s->channel_parts = (int)WHET_MIN(parts, panels);
        parts = WHET_MIN(parts, FEW) / s->channel_parts; /* every part of the rows fetches the weights again */
    }
    s->row_parts = (int)WHET_MAX(WHET_MIN(parts, p->y.count), 1);
}

static void pack_all(void *dst, const void *src, void *arg)
{
    const conv_state *s = arg;
    for (int i = 0; i < s->n_passes; i++)
        whet_conv_pack(&s->passes[i], (float *)dst + s->packed_at[i], src, &s->g, s->backward, 0, whet_conv_blocks(&s->passes[i]));
}

static whet_status prepare(whet_cpu_node *k, conv_state *s)
{
    const whet_conv2d_geom *g = &s->g;
    const whet_gemm_kernel *kernel = whet_gemm_kernel_for(k->isa);
    whet_conv_axis y, x;
    s->passes = whet_cpu_state(k, (size_t)s->n_passes * sizeof *s->passes);
    if (!s->passes) return WHET_ENOMEM;
    for (int i = 0; i < s->n_passes; i++) {
        whet_conv_pass *p = &s->passes[i];
        if (s->backward) {
            whet_conv_axis_backward(&y, g->h, g->oh, g->kh, g->sh, g->dh, g->pt, i / g->sw);
            whet_conv_axis_backward(&x, g->w, g->ow, g->kw, g->sw, g->dw, g->pl, i % g->sw);
            whet_conv_pass_init(p, kernel, &y, &x, g->oc, g->ic, g->groups, g->w);
        } else {
            whet_conv_axis_forward(&y, g->h, g->oh, g->kh, g->sh, g->dh, g->pt);
            whet_conv_axis_forward(&x, g->w, g->ow, g->kw, g->sw, g->dw, g->pl);
            whet_conv_pass_init(p, kernel, &y, &x, g->ic, g->oc, g->groups, g->ow);
        }
        s->packed_at[i] = s->packed_size;
        s->packed_size += WHET_ALIGN_UP(whet_conv_weights_size(p), 16);
    }
    cut_image(s);
    s->product = g->kh * g->kw * g->sh * g->sw * g->groups == 1 && g->pt == 0 && g->pl == 0 && g->oh == g->h && g->ow == g->w;
    if (s->product) {
        whet_gemm_plan_init(&s->plan, kernel, g->n * g->h * g->w, s->passes[0].oc, s->passes[0].ic, s->passes[0].ic, 1);
        s->scratch_size = WHET_ALIGN_UP(s->plan.scratch, 16);
    }
    for (int i = 0; i < s->n_passes; i++) {
        const int64_t rows = (s->passes[i].y.count + s->row_parts - 1) / s->row_parts;
        s->scratch_size = WHET_MAX(s->scratch_size, WHET_ALIGN_UP(whet_conv_scratch(&s->passes[i], rows), 16));
    }
    s->block_parts = whet_chunks((int64_t)s->packed_size, 16 * 1024, 32);
    s->scratch_ws = whet_own_reserve(k, s->scratch_size * (size_t)whet_team_size(k->team));
    if (k->in[1].constant) {
        char key[64];
        const void *packed = NULL;
        snprintf(key, sizeof key, "nhwc%s %dx%d s%dx%d d%dx%d p%dx%d g%d", s->backward ? " back" : "", g->kh, g->kw,
                 s->backward ? g->sh : 1, s->backward ? g->sw : 1, s->backward ? g->dh : 1, s->backward ? g->dw : 1,
                 s->backward ? g->pt : 0, s->backward ? g->pl : 0, g->groups);
        WHET_TRY(whet_cpu_pack(k, k->in[1].vid, key, s->packed_size * sizeof(float), pack_all, s, &packed));
        s->packed = packed;
    } else {
        s->packed_ws = whet_own_reserve(k, s->packed_size);
    }
    return WHET_OK;
}

static whet_status forward_create(whet_cpu_node *k)
{
    conv_state *s = NULL;
    WHET_TRY(whet_own_need_forward(k));
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    WHET_TRY(whet_own_epilogue(k, &s->lo, &s->hi, &s->finish, &s->after));
    WHET_TRY(whet_own_geometry(k, &k->in[0].shape, &k->in[1].shape, &k->out[0].shape, &s->g));
    s->n_passes = 1;
    return prepare(k, s);
}

static whet_status backward_create(whet_cpu_node *k)
{
    conv_state *s = NULL;
    WHET_TRY(whet_own_need_backward(k));
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    WHET_TRY(whet_own_activation(k, &s->lo, &s->hi));
    WHET_TRY(whet_own_geometry(k, &k->out[0].shape, &k->in[1].shape, &k->in[0].shape, &s->g));
    if (s->g.sh * s->g.sw > MAX_PHASES) return whet_cpu_refuse(k, "stride %dx%d", s->g.sh, s->g.sw);
    s->backward = true;
    s->n_passes = s->g.sh * s->g.sw;
    return prepare(k, s);
}

/* The transposed convolution is the data gradient of the one whose weights it has, with a bias. */
static whet_status transposed_create(whet_cpu_node *k)
{
    const whet_shape *x = &k->in[0].shape, *weights = &k->in[1].shape, *y = &k->out[0].shape;
    conv_state *s = NULL;
    whet_window w;
    WHET_TRY(whet_own_need_f32(k));
    WHET_TRY(whet_own_need_nhwc(k, &k->in[0], "input"));
    WHET_TRY(whet_own_need_nhwc(k, &k->out[0], "output"));
    if (whet_window_read(k->n, 2, &weights->dims[2], &w) != WHET_OK) return whet_cpu_refuse(k, "%s", whet_error_last()->text);
    for (int i = 0; i < 2; i++) whet_window_out_transposed(&w, k->n, i, x->dims[2 + i]);
    if (w.k[0] > WHET_CONV_MAX_TAPS || w.k[1] > WHET_CONV_MAX_TAPS || w.stride[0] * w.stride[1] > MAX_PHASES)
        return whet_cpu_refuse(k, "kernel %dx%d, stride %dx%d", (int)w.k[0], (int)w.k[1], (int)w.stride[0], (int)w.stride[1]);
    if (x->dims[1] > 1 << 20 || y->dims[1] > 1 << 20 || x->dims[2] * x->dims[3] > 1 << 28 || y->dims[2] * y->dims[3] > 1 << 28)
        return whet_cpu_refuse(k, "image is too large");
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    WHET_TRY(whet_own_activation(k, &s->lo, &s->hi));
    s->g = (whet_conv2d_geom){.n = x->dims[0], .h = y->dims[2], .w = y->dims[3], .ic = y->dims[1], .oh = x->dims[2], .ow = x->dims[3],
                              .oc = x->dims[1], .kh = (int)w.k[0], .kw = (int)w.k[1], .sh = (int)w.stride[0],
                              .sw = (int)w.stride[1], .dh = (int)w.dil[0], .dw = (int)w.dil[1], .pt = (int)w.pad[0],
                              .pl = (int)w.pad[1], .groups = (int)whet_node_int(k->n, "group", 1)};
    s->backward = s->transposed = true;
    s->n_passes = s->g.sh * s->g.sw;
    return prepare(k, s);
}

typedef struct conv_job {
    const whet_cpu_node *k;
    const conv_state *s;
    const float *packed;
} conv_job;

static void pack_chunk(void *arg, int chunk, int worker)
{
    const conv_job *job = arg;
    const conv_state *s = job->s;
    float *dst = (float *)job->k->workspace + s->packed_ws;
    (void)worker;
    for (int i = 0; i < s->n_passes; i++) {
        const whet_conv_pass *p = &s->passes[i];
        const int64_t blocks = whet_conv_blocks(p);
        const int parts = (int)s->block_parts;
        whet_conv_pack(p, dst + s->packed_at[i], job->k->in[1].data, &s->g, s->backward, whet_chunk_begin(blocks, parts, chunk),
                       whet_chunk_begin(blocks, parts, chunk + 1));
    }
}

/* Positions [y0, y1) of a pass, channels [c0, c1) of each group: what follows the clip of the store. */
static void finish(const conv_state *s, const whet_conv_pass *p, float *dst, const float *after, int64_t y0, int64_t y1, int64_t c0, int64_t c1)
{
    const int64_t oc_g = p->oc / p->groups, step = p->x.stride * p->oc;
    const bool whole = c1 - c0 == p->oc && p->x.stride == 1;
    for (int64_t y = y0; y < y1 && (s->finish.act || after); y++) {
        for (int64_t gr = 0; gr < p->groups; gr++) {
            const int64_t at = ((p->y.first + y * p->y.stride) * p->dst_w + p->x.first) * p->oc + gr * oc_g + c0;
            whet_finish_rows(&s->finish, dst + at, after ? after + at : NULL, (ptrdiff_t)step, whole ? 1 : p->x.count,
                             whole ? p->x.count * p->oc : c1 - c0);
        }
    }
}

static void product_chunk(void *arg, int chunk, int worker)
{
    const conv_job *job = arg;
    const whet_cpu_node *k = job->k;
    const conv_state *s = job->s;
    const float *add = !s->backward && k->n_in > 3 && k->in[3].vid >= 0 ? k->in[3].data : NULL;
    const whet_gemm_run r = {.src = k->in[0].data, .weights = job->packed, .add = s->after ? NULL : add, .after = s->after ? add : NULL,
                             .bias = (!s->backward || s->transposed) && k->n_in > 2 && k->in[2].vid >= 0 ? k->in[2].data : NULL, .dst = k->out[0].data,
                             .scratch = k->workspace != NULL ? (float *)k->workspace + s->scratch_ws + s->scratch_size * (size_t)worker : NULL,
                             .src_step = (ptrdiff_t)s->plan.k, .dst_step = (ptrdiff_t)s->plan.n, .lo = s->lo, .hi = s->hi, .finish = s->finish};
    whet_gemm_chunk(&s->plan, &r, chunk);
}

static void conv_chunk(void *arg, int chunk, int worker)
{
    const conv_job *job = arg;
    const whet_cpu_node *k = job->k;
    const conv_state *s = job->s;
    const int c_part = chunk % s->channel_parts, y_part = chunk / s->channel_parts % s->row_parts;
    const int pass = chunk / (s->channel_parts * s->row_parts) % s->n_passes;
    const int64_t n = chunk / (s->channel_parts * s->row_parts * s->n_passes);
    const whet_conv_pass *p = &s->passes[pass];
    const int64_t src_image = p->y.in * p->x.in * p->ic, panels = (p->oc / p->groups + 31) / 32;
    const int64_t dst_image = (s->backward ? s->g.h * s->g.w : s->g.oh * s->g.ow) * p->oc;
    const int64_t c0 = 32 * whet_chunk_begin(panels, s->channel_parts, c_part);
    const int64_t c1 = WHET_MIN(32 * whet_chunk_begin(panels, s->channel_parts, c_part + 1), p->oc / p->groups);
    whet_conv_image im = {.src = (const float *)k->in[0].data + n * src_image, .weights = job->packed + s->packed_at[pass],
                          .dst = (float *)k->out[0].data + n * dst_image,
                          .scratch = k->workspace != NULL ? (float *)k->workspace + s->scratch_ws + s->scratch_size * (size_t)worker : NULL,
                          .lo = s->lo, .hi = s->hi};
    if ((!s->backward || s->transposed) && k->n_in > 2 && k->in[2].vid >= 0) im.bias = k->in[2].data;
    const int64_t y0 = whet_chunk_begin(p->y.count, s->row_parts, y_part), y1 = whet_chunk_begin(p->y.count, s->row_parts, y_part + 1);
    const float *add = !s->backward && k->n_in > 3 && k->in[3].vid >= 0 ? (const float *)k->in[3].data + n * dst_image : NULL;
    im.add = s->after ? NULL : add;
    whet_conv_run(p, &im, y0, y1, c0, c1);
    finish(s, p, im.dst, s->after ? add : NULL, y0, y1, c0, c1);
}

static whet_status conv_run(const whet_cpu_node *k)
{
    const conv_state *s = k->state;
    conv_job job = {k, s, s->packed ? s->packed : (float *)k->workspace + s->packed_ws};
    if (!s->packed) whet_parallel(k->team, (int)s->block_parts, pack_chunk, &job);
    if (s->product) whet_parallel(k->team, whet_gemm_chunks(&s->plan), product_chunk, &job);
    else whet_parallel(k->team, (int)s->g.n * s->n_passes * s->row_parts * s->channel_parts, conv_chunk, &job);
    return WHET_OK;
}

/* The residual is read by the tile that overwrites it. */
static bool conv_inplace(const whet_cpu_node *k, int o, int i)
{
    const conv_state *s = k->state;
    return o == 0 && i == 3 && !s->after && k->in[3].vid != k->in[0].vid;
}

typedef struct wgrad_state {
    whet_conv2d_geom g;
    const whet_gemm_kernel *kernel;
    int parts, channel_parts, sum_parts;
    size_t acc_size, scratch_size, acc_ws, scratch_ws;
} wgrad_state;

static whet_status wgrad_create(whet_cpu_node *k)
{
    enum { PARTS = 8, CHUNKS = 32, ENOUGH = 8, FEW_PIXELS = 256, MOST_FLOATS = 4 << 20 };
    wgrad_state *s = NULL;
    int64_t panels = 0;
    WHET_TRY(whet_own_need_f32(k));
    WHET_TRY(whet_own_need_nhwc(k, &k->in[0], "gradient"));
    WHET_TRY(whet_own_need_nhwc(k, &k->in[1], "source"));
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    WHET_TRY(whet_own_geometry(k, &k->in[1].shape, NULL, &k->in[0].shape, &s->g));
    s->kernel = whet_gemm_kernel_for(k->isa);
    s->acc_size = (size_t)k->out[0].numel;
    s->parts = (int)WHET_MAX(1, WHET_MIN(WHET_MIN(PARTS, s->g.n), MOST_FLOATS / (int64_t)s->acc_size));
    panels = (s->g.oc / s->g.groups + 31) / 32;
    if (panels >= ENOUGH && s->g.oh * s->g.ow <= FEW_PIXELS) s->parts = 1; /* a sum is stored once for more than one image */
    s->channel_parts = (int)WHET_MIN(panels, (CHUNKS + s->parts - 1) / s->parts);
    s->sum_parts = whet_chunks((int64_t)s->acc_size * s->parts, 16 * 1024, 32);
    s->scratch_size = WHET_ALIGN_UP(whet_conv_wgrad_scratch(&s->g), 16);
    s->acc_ws = whet_own_reserve(k, s->acc_size * (size_t)s->parts);
    s->scratch_ws = whet_own_reserve(k, s->scratch_size * (size_t)whet_team_size(k->team));
    return WHET_OK;
}

static void wgrad_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const wgrad_state *s = k->state;
    const whet_conv2d_geom *g = &s->g;
    const int part = chunk / s->channel_parts, c_part = chunk % s->channel_parts;
    const int64_t oc_g = g->oc / g->groups, rows = (int64_t)s->acc_size / oc_g, panels = (oc_g + 31) / 32;
    const int64_t c0 = 32 * whet_chunk_begin(panels, s->channel_parts, c_part);
    const int64_t c1 = WHET_MIN(32 * whet_chunk_begin(panels, s->channel_parts, c_part + 1), oc_g);
    float *acc = (float *)k->workspace + s->acc_ws + (size_t)part * s->acc_size;
    float *scratch = (float *)k->workspace + s->scratch_ws + s->scratch_size * (size_t)worker;
    for (int64_t r = 0; r < rows; r++) memset(acc + r * oc_g + c0, 0, (size_t)(c1 - c0) * sizeof *acc);
    const int64_t n = whet_chunk_begin(g->n, s->parts, part);
    whet_conv2d_geom own = *g;
    own.n = whet_chunk_begin(g->n, s->parts, part + 1) - n;
    whet_conv_wgrad(s->kernel, &own, (const float *)k->in[1].data + n * g->h * g->w * g->ic,
                    (const float *)k->in[0].data + n * g->oh * g->ow * g->oc, acc, scratch, c0, c1);
}

static void wgrad_sum_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const wgrad_state *s = k->state;
    const int64_t rows = (int64_t)s->acc_size / (s->g.oc / s->g.groups);
    (void)worker;
    whet_conv_wgrad_sum(&s->g, k->out[0].data, (const float *)k->workspace + s->acc_ws, s->parts,
                        whet_chunk_begin(rows, s->sum_parts, chunk), whet_chunk_begin(rows, s->sum_parts, chunk + 1));
}

static whet_status wgrad_run(const whet_cpu_node *k)
{
    const wgrad_state *s = k->state;
    whet_parallel(k->team, s->parts * s->channel_parts, wgrad_chunk, (void *)k);
    whet_parallel(k->team, s->sum_parts, wgrad_sum_chunk, (void *)k);
    return WHET_OK;
}

#define ROW(symbol, op_name, create_fn, run_fn, inplace_fn)                                                         \
    const whet_cpu_impl symbol = {.op = op_name, .name = "nhwc", .provider = WHET_PROVIDER_OWN, .isa = WHET_ISA_AVX2, \
                                  .create = create_fn, .run = run_fn, .inplace = inplace_fn};
ROW(whet_cpu_conv_own, "Conv", forward_create, conv_run, NULL)
ROW(whet_cpu_fused_conv_own, "whet.FusedConv", forward_create, conv_run, conv_inplace)
ROW(whet_cpu_conv_transpose_own, "ConvTranspose", transposed_create, conv_run, NULL)
ROW(whet_cpu_conv_grad_data_own, "whet.ConvGradData", backward_create, conv_run, NULL)
ROW(whet_cpu_conv_grad_weights_own, "whet.ConvGradWeights", wgrad_create, wgrad_run, NULL)
