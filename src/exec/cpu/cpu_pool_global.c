/* SPDX-License-Identifier: Apache-2.0 */
/* GlobalAveragePool of f32 by the vector sums: an image in NHWC is cut into parts of its positions, whose sums in double are
 * added in order; in NCHW every channel is one row. */
#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"
#include "kernels/reduce/reduce_vec.h"

typedef struct global_state {
    const whet_reduce_vec *sum;
    int64_t n, channels, positions;
    bool last;      /* channels last */
    int parts, chunks;
} global_state;

static whet_status create(whet_cpu_node *k)
{
    if (k->in[0].dtype != WHET_F32) return whet_cpu_refuse(k, "type %s, not f32", whet_dtype_name(k->in[0].dtype));
    if (whet_reduce_vec_for(k->isa, WHET_REDUCE_SUM) == NULL) return whet_cpu_refuse(k, "no kernel for this CPU");
    return k->in[0].numel > 0 ? WHET_OK : whet_cpu_refuse(k, "input is empty");
}

static whet_status reshape(whet_cpu_node *k)
{
    enum { ELEMENTS = 16384, PARTS = 16 };
    const whet_shape *x = &k->in[0].shape;
    global_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->sum = whet_reduce_vec_for(k->isa, WHET_REDUCE_SUM);
    s->n = x->dims[0];
    s->channels = x->dims[1];
    s->positions = k->in[0].numel / (s->n * s->channels);
    s->last = k->in[0].layout == WHET_NHWC || s->positions == 1;
    if (s->n > 1 << 20 || s->channels > 1 << 24) return whet_cpu_refuse(k, "input is too large");
    if (s->last) {
        s->parts = whet_chunks(s->positions, 1 + ELEMENTS / s->channels, PARTS);
        k->workspace_size = (size_t)(s->n * s->parts * s->channels) * sizeof(double);
    } else {
        s->chunks = whet_chunks(s->n * s->channels, 1 + ELEMENTS / s->positions, 256);
    }
    return WHET_OK;
}

static void part_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const global_state *s = k->state;
    const int64_t image = chunk / s->parts, part = chunk % s->parts;
    const int64_t lo = whet_chunk_begin(s->positions, s->parts, (int)part), hi = whet_chunk_begin(s->positions, s->parts, (int)part + 1);
    double *acc = (double *)k->workspace + chunk * s->channels;
    (void)worker;
    memset(acc, 0, (size_t)s->channels * sizeof *acc);
    s->sum->columns(hi - lo, s->channels, (const float *)k->in[0].data + (image * s->positions + lo) * s->channels, s->channels, acc);
}

static void image_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const global_state *s = k->state;
    double *acc = (double *)k->workspace + (int64_t)chunk * s->parts * s->channels;
    float *y = (float *)k->out[0].data + chunk * s->channels;
    const double count = (double)s->positions;
    (void)worker;
    for (int p = 1; p < s->parts; p++)
        for (int64_t c = 0; c < s->channels; c++) acc[c] += acc[p * s->channels + c];
    for (int64_t c = 0; c < s->channels; c++) y[c] = (float)(acc[c] / count);
}

static void row_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const global_state *s = k->state;
    const int64_t rows = s->n * s->channels;
    (void)worker;
    for (int64_t r = whet_chunk_begin(rows, s->chunks, chunk); r < whet_chunk_begin(rows, s->chunks, chunk + 1); r++) {
        double sum = 0;
        s->sum->row(s->positions, (const float *)k->in[0].data + r * s->positions, &sum);
        ((float *)k->out[0].data)[r] = (float)(sum / (double)s->positions);
    }
}

static whet_status run(const whet_cpu_node *k)
{
    const global_state *s = k->state;
    if (!s->last) {
        whet_parallel(k->team, s->chunks, row_chunk, (void *)(uintptr_t)k);
        return WHET_OK;
    }
    whet_parallel(k->team, (int)s->n * s->parts, part_chunk, (void *)(uintptr_t)k);
    whet_parallel(k->team, (int)s->n, image_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

const whet_cpu_impl whet_cpu_global_average_pool_sums = {.op = "GlobalAveragePool", .name = "sums", .provider = WHET_PROVIDER_VEC,
                                                         .create = create, .reshape = reshape, .run = run};
