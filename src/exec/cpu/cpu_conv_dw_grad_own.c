/* SPDX-License-Identifier: Apache-2.0 */
/* whet.ConvGradWeights with one filter a channel on the own depthwise kernels, NHWC. The rows of all images together are cut into
 * parts, channels into bands, both by the shape alone; each part is summed by one thread, and parts are added in order. */
#include "exec/cpu/cpu_own.h"
#include "kernels/conv/dw.h"

typedef struct dw_grad_state {
    whet_conv2d_geom g;
    const whet_dw_kernel *kernel;
    int parts, channel_parts;
    int64_t strip; /* rows whose inputs stay in cache while the channel blocks go by */
    size_t acc_size, acc_ws;
} dw_grad_state;

static whet_status create(whet_cpu_node *k)
{
    enum { PARTS = 16, CHUNKS = 32, LEAST = 64 * 1024, STRIP_FLOATS = 128 * 1024 };
    dw_grad_state *s = NULL;
    WHET_TRY(whet_own_need_f32(k));
    WHET_TRY(whet_own_need_nhwc(k, &k->in[0], "gradient"));
    WHET_TRY(whet_own_need_nhwc(k, &k->in[1], "source"));
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    WHET_TRY(whet_own_geometry(k, &k->in[1].shape, NULL, &k->in[0].shape, &s->g));
    const whet_conv2d_geom *g = &s->g;
    if (g->groups == 1 || g->groups != g->ic || g->ic != g->oc) return whet_cpu_refuse(k, "not one filter a channel");
    const int64_t rows = g->n * g->oh, macs = rows * g->ow * g->oc * g->kh * g->kw, chunks = WHET_MAX(1, WHET_MIN(CHUNKS, macs / LEAST));
    s->kernel = whet_dw_kernel_for(k->isa);
    s->acc_size = (size_t)k->out[0].numel;
    s->parts = (int)WHET_MAX(1, WHET_MIN(WHET_MIN(PARTS, chunks), g->oh * g->ow > 256 ? rows / (2 * g->kh) : g->n));
    s->channel_parts = (int)WHET_MAX(1, WHET_MIN(chunks / s->parts, (g->oc + 63) / 64));
    s->strip = WHET_MAX(1, STRIP_FLOATS * s->channel_parts / (g->oc * (g->w * g->sh + g->ow)));
    s->acc_ws = whet_own_reserve(k, s->acc_size * (size_t)s->parts);
    return WHET_OK;
}

static void chunk_fn(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const dw_grad_state *s = k->state;
    const whet_conv2d_geom *g = &s->g;
    const int part = chunk / s->channel_parts, c_part = chunk % s->channel_parts;
    const int64_t blocks = (g->oc + 15) / 16, rows = g->n * g->oh, end = whet_chunk_begin(rows, s->parts, part + 1);
    const int64_t c0 = 16 * whet_chunk_begin(blocks, s->channel_parts, c_part);
    const int64_t c1 = WHET_MIN(16 * whet_chunk_begin(blocks, s->channel_parts, c_part + 1), g->oc);
    whet_dw_grad_args a = {.acc = (float *)k->workspace + s->acc_ws + (size_t)part * s->acc_size, .h = g->h, .w = g->w, .c = g->oc,
                           .ow = g->ow, .kh = g->kh, .kw = g->kw, .sh = g->sh, .sw = g->sw, .dh = g->dh, .dw = g->dw, .pt = g->pt,
                           .pl = g->pl};
    (void)worker;
    for (int64_t t = 0; t < (int64_t)g->kh * g->kw; t++) memset(a.acc + t * g->oc + c0, 0, (size_t)(c1 - c0) * sizeof *a.acc);
    for (int64_t r = whet_chunk_begin(rows, s->parts, part); r < end;) {
        const int64_t n = r / g->oh, y = r % g->oh, most = WHET_MIN(WHET_MIN(g->oh - y, end - r), s->strip);
        a.src = (const float *)k->in[1].data + n * g->h * g->w * g->ic;
        a.diff_dst = (const float *)k->in[0].data + n * g->oh * g->ow * g->oc;
        s->kernel->grad(&a, y, y + most, c0, c1);
        r += most;
    }
}

static whet_status run(const whet_cpu_node *k)
{
    const dw_grad_state *s = k->state;
    float *acc = (float *)k->workspace + s->acc_ws;
    whet_parallel(k->team, s->parts * s->channel_parts, chunk_fn, (void *)(uintptr_t)k);
    for (int p = 1; p < s->parts; p++)
        for (size_t i = 0; i < s->acc_size; i++) acc[i] += acc[(size_t)p * s->acc_size + i];
    whet_transpose_f32(k->out[0].data, (ptrdiff_t)s->g.kh * s->g.kw, acc, (ptrdiff_t)s->g.oc, (int64_t)s->g.kh * s->g.kw, s->g.oc);
    return WHET_OK;
}

const whet_cpu_impl whet_cpu_conv_grad_weights_dw_own = {.op = "whet.ConvGradWeights", .name = "nhwc_dw", .provider = WHET_PROVIDER_OWN,
                                                         .isa = WHET_ISA_AVX2, .create = create, .run = run};
