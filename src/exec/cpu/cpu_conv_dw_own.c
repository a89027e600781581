/* SPDX-License-Identifier: Apache-2.0 */
/* Conv, whet.FusedConv and whet.ConvGradData with one filter a channel on the own depthwise kernels, NHWC. The data gradient
 * runs the forward kernel over diff_dst, once per phase of the stride, with the taps that meet the phase in reverse order.
 * Work is cut into images, bands of rows and bands of channels by the shape alone. */
#include "exec/cpu/cpu_own.h"
#include "kernels/conv/dw.h"

enum { MAX_PHASES = 16 };

/* One run of the kernel over an image: the only one forward, a phase of the stride backward. */
typedef struct dw_pass {
    whet_conv_axis y, x;
    int64_t weights; /* floats from the start of the packed weights */
} dw_pass;

typedef struct dw_state {
    whet_conv2d_geom g;
    const whet_dw_kernel *kernel;
    const float *packed;
    size_t packed_ws, floats;
    int n_passes, row_parts, channel_parts;
    dw_pass pass[MAX_PHASES];
    float lo, hi;
    whet_finish finish;
    bool backward, silu, after; /* silu: in the store; after: the residual comes behind the activation */
} dw_state;

/* [c][kh * kw] -> [taps of a pass][c] */
static void pack(void *dst, const void *src, void *arg)
{
    const dw_state *s = arg;
    const float *w = src;
    const ptrdiff_t c = (ptrdiff_t)s->g.oc, plane = (ptrdiff_t)s->g.kh * s->g.kw;
    for (int i = 0; i < s->n_passes; i++) {
        const dw_pass *p = &s->pass[i];
        float *d = (float *)dst + p->weights;
        for (int y = 0; y < p->y.n; y++)
            for (int x = 0; x < p->x.n; x++, d += c)
                whet_transpose_f32(d, c, w + p->y.tap[y] * s->g.kw + p->x.tap[x], plane, c, 1);
    }
}

/* Rows of a band share the rows of the kernel, so thin bands read the input more than once; the rest of the cut is channels. Rows
 * go first, as in the products before and behind, so that a worker meets what it wrote itself. */
static void cut(dw_state *s)
{
    enum { CHUNKS = 32, LEAST = 64 * 1024 }; /* multiply-adds */
    const whet_conv2d_geom *g = &s->g;
    const int64_t rows = s->backward ? g->h : g->oh, macs = g->oh * g->ow * g->oc * g->kh * g->kw, blocks = (g->oc + 63) / 64;
    const int64_t parts = WHET_MAX(1, WHET_MIN((CHUNKS + g->n - 1) / g->n, macs / LEAST));
    s->row_parts = (int)WHET_MAX(1, WHET_MIN(parts, rows / (2 * g->kh)));
    s->channel_parts = (int)WHET_MAX(1, WHET_MIN(parts / s->row_parts, blocks));
}

static void forward_pass(dw_state *s)
{
    const whet_conv2d_geom *g = &s->g;
    s->n_passes = 1;
    whet_conv_axis_forward(&s->pass[0].y, g->h, g->oh, g->kh, g->sh, g->dh, g->pt);
    whet_conv_axis_forward(&s->pass[0].x, g->w, g->ow, g->kw, g->sw, g->dw, g->pl);
}

static void backward_passes(dw_state *s)
{
    const whet_conv2d_geom *g = &s->g;
    int64_t at = 0;
    s->n_passes = g->sh * g->sw;
    for (int i = 0; i < s->n_passes; i++) {
        dw_pass *p = &s->pass[i];
        whet_conv_axis_backward(&p->y, g->h, g->oh, g->kh, g->sh, g->dh, g->pt, i / g->sw);
        whet_conv_axis_backward(&p->x, g->w, g->ow, g->kw, g->sw, g->dw, g->pl, i % g->sw);
        p->weights = at;
        at += (int64_t)p->y.n * p->x.n * g->oc;
    }
}

/* The step between the taps of an axis, which are evenly spaced. */
static int spacing(const whet_conv_axis *a) { return a->n > 1 ? (int)(a->off[1] - a->off[0]) : 1; }

static whet_status prepare(whet_cpu_node *k, dw_state *s)
{
    const whet_conv2d_geom *g = &s->g;
    if (g->groups == 1 || g->groups != g->ic || g->ic != g->oc) return whet_cpu_refuse(k, "not one filter a channel");
    if (s->backward && g->sh * g->sw > MAX_PHASES) return whet_cpu_refuse(k, "stride %dx%d", g->sh, g->sw);
    s->kernel = whet_dw_kernel_for(k->isa);
    s->floats = (size_t)k->in[1].numel;
    s->silu = s->kernel->tier > 0 && s->finish.act == whet_act_for(k->isa, WHET_ACT_SILU);
    if (s->silu) s->finish.act = NULL;
    if (s->backward) backward_passes(s);
    else forward_pass(s);
    cut(s);
    if (k->in[1].constant && !s->backward) {
        const void *packed = NULL;
        WHET_TRY(whet_cpu_pack(k, k->in[1].vid, "dw taps x c", s->floats * sizeof(float), pack, s, &packed));
        s->packed = packed;
    } else {
        s->packed_ws = whet_own_reserve(k, s->floats);
    }
    return WHET_OK;
}

static whet_status forward_create(whet_cpu_node *k)
{
    dw_state *s = NULL;
    WHET_TRY(whet_own_need_forward(k));
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    WHET_TRY(whet_own_epilogue(k, &s->lo, &s->hi, &s->finish, &s->after));
    WHET_TRY(whet_own_geometry(k, &k->in[0].shape, &k->in[1].shape, &k->out[0].shape, &s->g));
    return prepare(k, s);
}

static whet_status backward_create(whet_cpu_node *k)
{
    dw_state *s = NULL;
    WHET_TRY(whet_own_need_backward(k));
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    s->backward = true;
    WHET_TRY(whet_own_activation(k, &s->lo, &s->hi));
    WHET_TRY(whet_own_geometry(k, &k->out[0].shape, &k->in[1].shape, &k->in[0].shape, &s->g));
    return prepare(k, s);
}

static void chunk_fn(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const dw_state *s = k->state;
    const whet_conv2d_geom *g = &s->g;
    const int c_part = chunk % s->channel_parts, y_part = chunk / s->channel_parts % s->row_parts;
    const int64_t n = chunk / (s->channel_parts * s->row_parts), blocks = (g->oc + 15) / 16;
    const int64_t c0 = 16 * whet_chunk_begin(blocks, s->channel_parts, c_part);
    const int64_t c1 = WHET_MIN(16 * whet_chunk_begin(blocks, s->channel_parts, c_part + 1), g->oc);
    const int64_t src = n * k->in[0].numel / g->n, dst = n * k->out[0].numel / g->n, dst_w = s->backward ? g->w : g->ow;
    const float *more = !s->backward && k->n_in > 3 && k->in[3].vid >= 0 ? k->in[3].data : NULL;
    (void)worker;
    for (int i = 0; i < s->n_passes; i++) {
        const dw_pass *p = &s->pass[i];
        const int64_t at = dst + (p->y.first * dst_w + p->x.first) * g->oc;
        const whet_dw_args a = {.src = (const float *)k->in[0].data + src,
                                .weights = (s->packed ? s->packed : (const float *)k->workspace + s->packed_ws) + p->weights,
                                .bias = !s->backward && k->n_in > 2 && k->in[2].vid >= 0 ? k->in[2].data : NULL,
                                .add = more && !s->after ? more + at : NULL,
                                .dst = (float *)k->out[0].data + at, .dst_row = (ptrdiff_t)(p->y.stride * dst_w * g->oc),
                                .dst_step = (ptrdiff_t)(p->x.stride * g->oc), .h = p->y.in, .w = p->x.in, .c = g->oc, .ow = p->x.count,
                                .kh = p->y.n, .kw = p->x.n, .sh = p->y.step, .sw = p->x.step, .dh = spacing(&p->y), .dw = spacing(&p->x),
                                .pt = p->y.n ? -(int)p->y.off[0] : 0, .pl = p->x.n ? -(int)p->x.off[0] : 0, .lo = s->lo, .hi = s->hi, .silu = s->silu};
        const int64_t y0 = whet_chunk_begin(p->y.count, s->row_parts, y_part), y1 = whet_chunk_begin(p->y.count, s->row_parts, y_part + 1);
        s->kernel->rows(&a, y0, y1, c0, c1);
        if (s->finish.act || (more && s->after)) {
            const int64_t first = at + y0 * a.dst_row + c0, positions = (y1 - y0) * a.ow;
            const bool whole = s->channel_parts == 1;
            whet_finish_rows(&s->finish, (float *)k->out[0].data + first, more && s->after ? more + first : NULL, (ptrdiff_t)g->oc,
                             whole ? 1 : positions, whole ? positions * g->oc : c1 - c0);
        }
    }
}

static whet_status run(const whet_cpu_node *k)
{
    const dw_state *s = k->state;
    if (!s->packed) pack((float *)k->workspace + s->packed_ws, k->in[1].data, (void *)(uintptr_t)s);
    whet_parallel(k->team, (int)s->g.n * s->row_parts * s->channel_parts, chunk_fn, (void *)(uintptr_t)k);
    return WHET_OK;
}

/* A residual behind the activation is read when its place has been written. */
static bool residual_inplace(const whet_cpu_node *k, int o, int i)
{
    return o == 0 && i == 3 && k->in[3].vid != k->in[0].vid && whet_node_int(k->n, "residual_after", 0) == 0;
}

#define ROW(symbol, op_name, create_fn, inplace_fn)                                                                    \
    const whet_cpu_impl symbol = {.op = op_name, .name = "nhwc_dw", .provider = WHET_PROVIDER_OWN, .isa = WHET_ISA_AVX2, \
                                  .create = create_fn, .run = run, .inplace = inplace_fn};
ROW(whet_cpu_conv_dw_own, "Conv", forward_create, NULL)
ROW(whet_cpu_fused_conv_dw_own, "whet.FusedConv", forward_create, residual_inplace)
ROW(whet_cpu_conv_grad_data_dw_own, "whet.ConvGradData", backward_create, NULL)
