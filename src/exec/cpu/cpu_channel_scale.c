/* SPDX-License-Identifier: Apache-2.0 */
/* whet.ChannelScale (y = x * s + alpha * t, with s and t for each image and channel: the excitation of squeeze-and-excite and
 * its gradient) and whet.ChannelDot (sums of a * b over the positions), on the passes of batch normalisation. Images are cut
 * into parts fixed by the shape; partial sums in double are added in their order. */
#include "base/mem.h"
#include "exec/cpu/cpu_bn_fns.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"

typedef struct scale_state {
    const whet_bn_fns *fns;
    bool rows_form;
    int64_t n, channels, positions;
    int parts;  /* of an image */
    size_t esize;
    double alpha;
    size_t zeros, shift, sums; /* in the workspace */
} scale_state;

static whet_status create_vec(whet_cpu_node *k)
{
    WHET_TRY(whet_need_float(k));
    if (whet_bn_fns_for(k->in[0].dtype, k->isa, true) != NULL) return WHET_OK;
    return whet_cpu_refuse(k, "no kernel for %s on this CPU", whet_dtype_name(k->in[0].dtype));
}

static whet_status reshape(whet_cpu_node *k)
{
    scale_state *s = whet_cpu_state(k, sizeof *s);
    whet_geom g;
    if (s == NULL) return WHET_ENOMEM;
    WHET_TRY(whet_geom_of(k, &k->in[0], &g));
    s->fns = whet_bn_fns_for(k->in[0].dtype, k->isa, k->impl->provider == WHET_PROVIDER_VEC);
    s->n = g.n;
    s->channels = g.c;
    s->positions = g.size[0] * g.size[1] * g.size[2];
    s->rows_form = whet_geom_channels_last(&g);
    s->parts = s->rows_form ? whet_chunks(s->positions, 1 + 32768 / WHET_MAX(g.c, 1), 8) : 1;
    s->esize = whet_dtype_size(k->in[0].dtype);
    s->alpha = (double)whet_node_float(k->n, "alpha", 1);
    s->shift = WHET_ALIGN_UP((size_t)g.c * s->esize, (size_t)64);
    s->sums = s->shift + WHET_ALIGN_UP((size_t)(g.n * g.c) * s->esize, (size_t)64);
    k->workspace_size = s->sums + (size_t)(g.n * s->parts * 2 * g.c) * sizeof(double);
    for (int i = 0; i < k->n_in + k->n_out; i++) {
        const whet_cpu_arg *a = i < k->n_in ? &k->in[i] : &k->out[i - k->n_in];
        if (a->numel == k->in[0].numel && s->positions > 1 && a->layout != k->in[0].layout)
            return whet_cpu_refuse(k, "arguments in different layouts");
    }
    return WHET_OK;
}

static char *at(const scale_state *s, const void *p, int64_t i) { return (char *)(uintptr_t)p + (size_t)i * s->esize; }
static char *work(const whet_cpu_node *k, size_t offset) { return (char *)k->workspace + offset; }

/* The positions of chunk `chunk`: image, element where they begin, and how many. */
static int64_t part_of(const scale_state *s, int chunk, int64_t *image, int64_t *from)
{
    const int part = chunk % s->parts;
    const int64_t lo = whet_chunk_begin(s->positions, s->parts, part);
    *image = chunk / s->parts;
    *from = (*image * s->positions + lo) * s->channels;
    return whet_chunk_begin(s->positions, s->parts, part + 1) - lo;
}

static void scale_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const scale_state *s = k->state;
    int64_t image, from;
    const int64_t n = part_of(s, chunk, &image, &from), vec = image * s->channels;
    const char *zeros = work(k, s->zeros), *shift = work(k, s->shift);
    const bool shifted = k->n_in > 2 && k->in[2].dtype != WHET_DTYPE_NONE;
    (void)worker;
    if (s->rows_form) {
        s->fns->apply_rows(n, s->channels, at(s, k->in[0].data, from), zeros, at(s, k->in[1].data, vec),
                           shifted ? at(s, shift, vec) : zeros, NULL, NULL, false, at(s, k->out[0].data, from));
        return;
    }
    for (int64_t c = 0; c < s->channels; c++)
        s->fns->apply_plane(s->positions, at(s, k->in[0].data, from + c * s->positions), zeros, at(s, k->in[1].data, vec + c),
                            shifted ? at(s, shift, vec + c) : zeros, NULL, NULL, at(s, k->out[0].data, from + c * s->positions));
}

static void scale_shift(const scale_state *s, const void *t, void *out)
{
    for (int64_t i = 0; i < s->n * s->channels; i++) {
        if (s->esize == 8)
            ((double *)out)[i] = ((const double *)t)[i] * s->alpha;
        else
            ((float *)out)[i] = (float)((double)((const float *)t)[i] * s->alpha);
    }
}

static whet_status scale_run(const whet_cpu_node *k)
{
    const scale_state *s = k->state;
    if (k->in[0].numel == 0) return WHET_OK;
    memset(work(k, s->zeros), 0, (size_t)s->channels * s->esize);
    if (k->n_in > 2 && k->in[2].dtype != WHET_DTYPE_NONE) scale_shift(s, k->in[2].data, work(k, s->shift));
    whet_parallel(k->team, (int)s->n * s->parts, scale_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

static void dot_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const scale_state *s = k->state;
    int64_t image, from;
    const int64_t n = part_of(s, chunk, &image, &from);
    const char *zeros = work(k, s->zeros);
    double *sum = (double *)(void *)work(k, s->sums) + (int64_t)chunk * 2 * s->channels, *more = sum + s->channels;
    (void)worker;
    memset(sum, 0, (size_t)(2 * s->channels) * sizeof *sum);
    if (s->rows_form) {
        s->fns->grad_sums_rows(n, s->channels, at(s, k->in[0].data, from), at(s, k->in[1].data, from), NULL, zeros, zeros, zeros, NULL,
                               NULL, sum, more);
        return;
    }
    for (int64_t c = 0; c < s->channels; c++)
        s->fns->grad_sums_plane(s->positions, at(s, k->in[0].data, from + c * s->positions), at(s, k->in[1].data, from + c * s->positions),
                                NULL, zeros, zeros, zeros, NULL, NULL, sum + c, more + c);
}

static whet_status dot_run(const whet_cpu_node *k)
{
    const scale_state *s = k->state;
    const double *sums = (const double *)(const void *)work(k, s->sums);
    if (k->in[0].numel == 0) return WHET_OK;
    memset(work(k, s->zeros), 0, (size_t)s->channels * s->esize);
    whet_parallel(k->team, (int)s->n * s->parts, dot_chunk, (void *)(uintptr_t)k);
    for (int64_t i = 0; i < s->n * s->channels; i++) {
        double total = 0;
        for (int p = 0; p < s->parts; p++)
            total += sums[(i / s->channels * s->parts + p) * 2 * s->channels + s->channels + i % s->channels];
        if (s->esize == 8)
            ((double *)k->out[0].data)[i] = total;
        else
            ((float *)k->out[0].data)[i] = (float)total;
    }
    return WHET_OK;
}

static bool scale_inplace(const whet_cpu_node *k, int o, int i)
{
    (void)k;
    return o == 0 && i == 0;
}

#define IMPL(symbol, op_, run_, inplace_)                                                                           \
    const whet_cpu_impl whet_cpu_##symbol##_vec = {.op = op_, .name = "vec", .provider = WHET_PROVIDER_VEC, .create = create_vec, \
                                                   .reshape = reshape, .run = run_, .inplace = inplace_};           \
    const whet_cpu_impl whet_cpu_##symbol##_ref = {.op = op_, .name = "ref", .provider = WHET_PROVIDER_REF, .create = whet_need_float, \
                                                   .reshape = reshape, .run = run_, .inplace = inplace_};
IMPL(channel_scale, "whet.ChannelScale", scale_run, scale_inplace)
IMPL(channel_dot, "whet.ChannelDot", dot_run, NULL)
