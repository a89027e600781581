/* SPDX-License-Identifier: Apache-2.0 */
/* Reorder between NCHW and NHWC, and the sum over everything but the channels (bias gradients), by plain loops. */
#include "base/cpu.h"
#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"
#include "kernels/move/reorder.h"
#include "kernels/move/transpose.h"

typedef struct layout_state {
    whet_geom g;
    int64_t positions;
    size_t esize;
    int chunks, per_image;
    whet_transpose_fn transpose; /* NULL: whet_reorder_ref does it */
} layout_state;

static whet_status create_reorder(whet_cpu_node *k)
{
    if (whet_dtype_size(k->in[0].dtype) == 0) return whet_cpu_refuse(k, "packed type %s", whet_dtype_name(k->in[0].dtype));
    return WHET_OK;
}

static whet_status create_reorder_vec(whet_cpu_node *k)
{
    return k->in[0].dtype == WHET_F32 ? WHET_OK : whet_cpu_refuse(k, "type %s, not f32", whet_dtype_name(k->in[0].dtype));
}

static whet_status reshape(whet_cpu_node *k)
{
    layout_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    WHET_TRY(whet_geom_of(k, &k->in[0], &s->g));
    s->positions = s->g.size[0] * s->g.size[1] * s->g.size[2];
    s->esize = whet_dtype_size(k->in[0].dtype);
    if (k->impl->provider == WHET_PROVIDER_VEC) s->transpose = whet_transpose_vec(k->isa);
    s->per_image = whet_chunks(s->positions, 1 + 16384 / WHET_MAX(s->g.c, 1), 16);
    s->chunks = (int)WHET_MIN(s->g.n * s->per_image, (int64_t)INT32_MAX);
    return WHET_OK;
}

static void reorder_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const layout_state *s = k->state;
    const int64_t image = chunk / s->per_image * s->g.c * s->positions;
    const int64_t lo = whet_chunk_begin(s->positions, s->per_image, chunk % s->per_image);
    const int64_t hi = whet_chunk_begin(s->positions, s->per_image, chunk % s->per_image + 1);
    const char *src = (const char *)k->in[0].data + (size_t)image * s->esize;
    char *dst = (char *)k->out[0].data + (size_t)image * s->esize;
    (void)worker;
    if (k->in[0].layout == k->out[0].layout)
        memcpy(dst + (size_t)(lo * s->g.c) * s->esize, src + (size_t)(lo * s->g.c) * s->esize, (size_t)((hi - lo) * s->g.c) * s->esize);
    else if (s->transpose != NULL && k->out[0].layout == WHET_NHWC)
        s->transpose(s->g.c, hi - lo, (const float *)(const void *)src + lo, s->positions, (float *)(void *)dst + lo * s->g.c, s->g.c);
    else if (s->transpose != NULL)
        s->transpose(hi - lo, s->g.c, (const float *)(const void *)src + lo * s->g.c, s->g.c, (float *)(void *)dst + lo, s->positions);
    else
        whet_reorder_ref(s->esize, s->g.c, s->positions, lo, hi, k->out[0].layout == WHET_NHWC, src, dst);
}

static whet_status reorder_run(const whet_cpu_node *k)
{
    const layout_state *s = k->state;
    whet_parallel(k->team, s->chunks, reorder_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

static void sum_chunk(void *arg, int c, int worker)
{
    const whet_cpu_node *k = arg;
    const whet_geom *g = &((const layout_state *)k->state)->g;
    double sum = 0;
    (void)worker;
    for (int64_t n = 0; n < g->n; n++)
        for (int64_t z = 0; z < g->size[0]; z++)
            for (int64_t y = 0; y < g->size[1]; y++)
                for (int64_t x = 0; x < g->size[2]; x++) {
                    const int64_t o = n * g->sn + c * g->sc + z * g->ss[0] + y * g->ss[1] + x * g->ss[2];
                    sum += k->in[0].dtype == WHET_F64 ? ((const double *)k->in[0].data)[o] : (double)((const float *)k->in[0].data)[o];
                }
    if (k->out[0].dtype == WHET_F64)
        ((double *)k->out[0].data)[c] = sum;
    else
        ((float *)k->out[0].data)[c] = (float)sum;
}

static whet_status sum_run(const whet_cpu_node *k)
{
    const layout_state *s = k->state;
    whet_parallel(k->team, (int)s->g.c, sum_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

const whet_cpu_impl whet_cpu_reorder_vec = {.op = "whet.Reorder", .name = "vec", .provider = WHET_PROVIDER_VEC, .isa = WHET_ISA_AVX2,
                                            .create = create_reorder_vec, .reshape = reshape, .run = reorder_run};
const whet_cpu_impl whet_cpu_reorder_ref = {.op = "whet.Reorder", .name = "ref", .provider = WHET_PROVIDER_REF, .create = create_reorder,
                                            .reshape = reshape, .run = reorder_run};
const whet_cpu_impl whet_cpu_channel_sum_ref = {.op = "whet.ChannelSum", .name = "ref", .provider = WHET_PROVIDER_REF,
                                                .create = whet_need_float, .reshape = reshape, .run = sum_run};
