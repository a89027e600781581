/* SPDX-License-Identifier: Apache-2.0 */
/* Conv and whet.FusedConv with one filter a channel on the own depthwise kernels, NHWC. Cut by rows of the output. */
#include "exec/cpu/cpu_own.h"
#include "kernels/conv/dw.h"

typedef struct dw_state {
    whet_conv2d_geom g;
    const whet_dw_kernel *kernel;
    const float *packed;
    size_t packed_ws;
    int chunks;
    float lo, hi;
} dw_state;

/* [c][kh * kw] -> [kh * kw][c] */
static void pack(void *dst, const void *src, void *arg)
{
    const dw_state *s = arg;
    const int64_t taps = (int64_t)s->g.kh * s->g.kw;
    whet_transpose_f32(dst, (ptrdiff_t)s->g.oc, src, (ptrdiff_t)taps, s->g.oc, taps);
}

static whet_status create(whet_cpu_node *k)
{
    dw_state *s = NULL;
    WHET_TRY(whet_own_need_f32(k));
    WHET_TRY(whet_own_need_nhwc(k, &k->in[0], "input"));
    WHET_TRY(whet_own_need_nhwc(k, &k->out[0], "output"));
    if (k->n_in > 3 && k->in[3].vid >= 0) WHET_TRY(whet_own_need_nhwc(k, &k->in[3], "residual"));
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    WHET_TRY(whet_own_activation(k, &s->lo, &s->hi));
    WHET_TRY(whet_own_geometry(k, &k->in[0].shape, &k->in[1].shape, &k->out[0].shape, &s->g));
    if (s->g.groups == 1 || s->g.groups != s->g.ic || s->g.ic != s->g.oc) return whet_cpu_refuse(k, "not one filter a channel");
    s->kernel = whet_dw_kernel_for(k->isa);
    s->chunks = (int)WHET_MIN(s->g.n * s->g.oh, whet_chunks(k->out[0].numel * s->g.kh * s->g.kw, 32 * 1024, 64));
    if (k->in[1].constant) {
        const void *packed = NULL;
        WHET_TRY(whet_cpu_pack(k, k->in[1].vid, "dw taps x c", (size_t)k->in[1].numel * sizeof(float), pack, s, &packed));
        s->packed = packed;
    } else {
        s->packed_ws = whet_own_reserve(k, (size_t)k->in[1].numel);
    }
    return WHET_OK;
}

static void chunk_fn(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const dw_state *s = k->state;
    const whet_conv2d_geom *g = &s->g;
    const int64_t rows = g->n * g->oh;
    whet_dw_args a = {.weights = s->packed ? s->packed : (const float *)k->workspace + s->packed_ws, .h = g->h, .w = g->w, .c = g->oc,
                      .ow = g->ow, .kh = g->kh, .kw = g->kw, .sh = g->sh, .sw = g->sw, .dh = g->dh, .dw = g->dw, .pt = g->pt,
                      .pl = g->pl, .lo = s->lo, .hi = s->hi};
    (void)worker;
    if (k->n_in > 2 && k->in[2].vid >= 0) a.bias = k->in[2].data;
    for (int64_t r = whet_chunk_begin(rows, s->chunks, chunk); r < whet_chunk_begin(rows, s->chunks, chunk + 1); r++) {
        a.src = (const float *)k->in[0].data + r / g->oh * g->h * g->w * g->ic;
        a.dst = (float *)k->out[0].data + r * g->ow * g->oc;
        a.add = k->n_in > 3 && k->in[3].vid >= 0 ? (const float *)k->in[3].data + r * g->ow * g->oc : NULL;
        a.y = r % g->oh;
        s->kernel->row(&a);
    }
}

static whet_status run(const whet_cpu_node *k)
{
    const dw_state *s = k->state;
    if (!s->packed) pack((float *)k->workspace + s->packed_ws, k->in[1].data, (void *)(uintptr_t)s);
    whet_parallel(k->team, s->chunks, chunk_fn, (void *)(uintptr_t)k);
    return WHET_OK;
}

static bool residual_inplace(const whet_cpu_node *k, int o, int i) { return o == 0 && i == 3 && k->in[3].vid != k->in[0].vid; }

const whet_cpu_impl whet_cpu_conv_dw_own = {.op = "Conv", .name = "nhwc_dw", .provider = WHET_PROVIDER_OWN, .isa = WHET_ISA_AVX2,
                                            .create = create, .run = run};
const whet_cpu_impl whet_cpu_fused_conv_dw_own = {.op = "whet.FusedConv", .name = "nhwc_dw", .provider = WHET_PROVIDER_OWN,
                                                  .isa = WHET_ISA_AVX2, .create = create, .run = run, .inplace = residual_inplace};
