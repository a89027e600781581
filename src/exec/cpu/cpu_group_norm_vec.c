/* SPDX-License-Identifier: Apache-2.0 */
/* Group and instance normalisation of f32 in NCHW and their gradient by the vector kernels. A group of an image is one
 * contiguous run, normalised by one chunk; its channels are planes of it. The gradients of scale and bias are kept per image
 * and channel in double and added over the images in order. */
#include "base/mem.h"
#include "exec/cpu/cpu_own.h"
#include "kernels/norm/layer_norm_vec.h"

#define GRAIN 8192 /* elements a chunk has at least */

typedef struct group_state {
    const whet_layer_norm_vec *fn;
    int64_t images, channels, groups, per_group, positions;
    int chunks; /* of images * groups */
    double epsilon;
} group_state;

static whet_status begin(whet_cpu_node *k, int first)
{
    const whet_cpu_arg *x = &k->in[first];
    WHET_TRY(whet_own_need_f32(k));
    if (x->layout != WHET_NCHW || k->in[0].layout != WHET_NCHW || k->out[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "layout NHWC");
    if (x->numel == 0) return whet_cpu_refuse(k, "empty input");
    group_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->fn = whet_layer_norm_vec_for(k->isa);
    if (s->fn == NULL) return whet_cpu_refuse(k, "no vector kernel");
    s->images = x->shape.dims[0];
    s->channels = x->shape.dims[1];
    s->groups = strcmp(k->impl->op, "InstanceNormalization") == 0 ? s->channels : whet_node_int(k->n, "num_groups", 1);
    if (s->groups < 1 || s->channels % s->groups != 0) return whet_cpu_refuse(k, "channels that are no whole groups");
    s->per_group = s->channels / s->groups;
    s->positions = x->numel / (s->images * s->channels);
    s->epsilon = (double)whet_node_float(k->n, "epsilon", 1e-5f);
    s->chunks = whet_chunks(s->images * s->groups, WHET_MAX(GRAIN / (s->positions * s->per_group), 1), 64);
    return WHET_OK;
}

static whet_status create(whet_cpu_node *k) { return begin(k, 0); }

static void forward_run_of(const whet_cpu_node *k, const group_state *s, int64_t run)
{
    const int64_t n = s->positions * s->per_group, c0 = run % s->groups * s->per_group;
    const float *x = (const float *)k->in[0].data + run * n, *scale = k->in[1].data, *bias = k->in[2].data;
    float *y = (float *)k->out[0].data + run * n, mean, invstd;
    s->fn->stats(n, s->epsilon, x, &mean, &invstd);
    for (int64_t c = 0; c < s->per_group; c++)
        s->fn->plane(s->positions, x + c * s->positions, mean, invstd * scale[c0 + c], bias[c0 + c], y + c * s->positions);
}

static void forward_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const group_state *s = k->state;
    const int64_t runs = s->images * s->groups, end = whet_chunk_begin(runs, s->chunks, chunk + 1);
    (void)worker;
    for (int64_t r = whet_chunk_begin(runs, s->chunks, chunk); r < end; r++) forward_run_of(k, s, r);
}

static whet_status run(const whet_cpu_node *k)
{
    const group_state *s = k->state;
    whet_parallel(k->team, s->chunks, forward_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

static whet_status grad_create(whet_cpu_node *k)
{
    WHET_TRY(begin(k, 1));
    const group_state *s = k->state;
    k->workspace_size = (size_t)(s->images * s->channels) * 2 * sizeof(double);
    return WHET_OK;
}

/* dx = invstd * (dy * scale - mean(dy * scale) - xhat * mean(dy * scale * xhat)). */
static void grad_run_of(const whet_cpu_node *k, const group_state *s, int64_t run)
{
    const int64_t n = s->positions * s->per_group, c0 = run % s->groups * s->per_group;
    const float *dy = (const float *)k->in[0].data + run * n, *x = (const float *)k->in[1].data + run * n, *scale = k->in[2].data;
    float *dx = (float *)k->out[0].data + run * n, mean, invstd;
    double *sums = (double *)k->workspace + run * s->per_group * 2, sum = 0, dot = 0;
    s->fn->stats(n, s->epsilon, x, &mean, &invstd);
    const double w = (double)invstd;
    for (int64_t c = 0; c < s->per_group; c++) {
        double plane_sum = 0, plane_dot = 0;
        s->fn->plane_sums(s->positions, dy + c * s->positions, x + c * s->positions, mean, &plane_sum, &plane_dot);
        sums[2 * c] = w * plane_dot;
        sums[2 * c + 1] = plane_sum;
        sum += (double)scale[c0 + c] * plane_sum;
        dot += (double)scale[c0 + c] * plane_dot;
    }
    const float p = (float)(-w * w * w * dot / (double)n), q = (float)(-w * sum / (double)n);
    for (int64_t c = 0; c < s->per_group; c++)
        s->fn->plane_grad(s->positions, dy + c * s->positions, x + c * s->positions, mean, invstd * scale[c0 + c], p, q,
                          dx + c * s->positions);
}

static void grad_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const group_state *s = k->state;
    const int64_t runs = s->images * s->groups, end = whet_chunk_begin(runs, s->chunks, chunk + 1);
    (void)worker;
    for (int64_t r = whet_chunk_begin(runs, s->chunks, chunk); r < end; r++) grad_run_of(k, s, r);
}

static whet_status grad_run(const whet_cpu_node *k)
{
    const group_state *s = k->state;
    const double *sums = k->workspace;
    whet_parallel(k->team, s->chunks, grad_chunk, (void *)(uintptr_t)k);
    for (int64_t c = 0; c < s->channels; c++) {
        double scale = 0, bias = 0;
        for (int64_t i = 0; i < s->images; i++) {
            scale += sums[2 * (i * s->channels + c)];
            bias += sums[2 * (i * s->channels + c) + 1];
        }
        ((float *)k->out[1].data)[c] = (float)scale;
        ((float *)k->out[2].data)[c] = (float)bias;
    }
    return WHET_OK;
}

static bool inplace(const whet_cpu_node *k, int o, int i) { (void)k; return o == 0 && i == 0; }

#define IMPL(symbol, op_, create_, run_)                                                                            \
    const whet_cpu_impl whet_cpu_##symbol##_vec = {.op = op_, .name = "vec", .provider = WHET_PROVIDER_VEC,         \
                                                   .isa = WHET_ISA_AVX2, .create = create_, .run = run_, .inplace = inplace};
IMPL(instance_norm, "InstanceNormalization", create, run)
IMPL(group_norm, "GroupNormalization", create, run)
IMPL(group_norm_grad, "whet.GroupNormGrad", grad_create, grad_run)
