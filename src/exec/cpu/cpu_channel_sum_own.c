/* SPDX-License-Identifier: Apache-2.0 */
/* whet.ChannelSum (the bias gradient) in NHWC on the column sums of batch normalisation. Rows are cut at points fixed by
 * the shape; the parts' double sums are added in order. */
#include "exec/cpu/cpu_own.h"
#include "kernels/norm/batch_norm.h"

typedef void (*sums_fn)(int64_t rows, int64_t channels, const float *x, const float *shift, double *sum, double *more);

typedef struct sum_state {
    sums_fn fn;
    int64_t rows, c;
    int parts;
    size_t sums_ws, shift_ws;
} sum_state;

static sums_fn best(uint32_t isa)
{
#if defined(__x86_64__)
    if (isa & WHET_ISA_AVX512) return whet_bn_sums_rows_f32_avx512;
    if (isa & WHET_ISA_AVX2) return whet_bn_sums_rows_f32_avx2;
#endif
    (void)isa;
    return whet_bn_sums_rows_f32_ref;
}

static whet_status create(whet_cpu_node *k)
{
    sum_state *s = NULL;
    WHET_TRY(whet_own_need_f32(k));
    if (k->in[0].shape.rank != 2 || k->in[0].numel == 0) WHET_TRY(whet_own_need_nhwc(k, &k->in[0], "input"));
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    s->fn = best(k->isa);
    s->c = k->in[0].shape.dims[1];
    s->rows = k->in[0].numel / s->c;
    s->parts = (int)WHET_MIN(s->rows, whet_chunks(k->in[0].numel, 16 * 1024, 64));
    s->sums_ws = whet_own_reserve(k, (size_t)(s->parts * s->c) * 4); /* two doubles a channel */
    s->shift_ws = whet_own_reserve(k, (size_t)s->c);
    return WHET_OK;
}

static double *sums(const whet_cpu_node *k, const sum_state *s, int part)
{
    return (double *)(void *)((float *)k->workspace + s->sums_ws) + part * 2 * s->c;
}

static void chunk_fn(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const sum_state *s = k->state;
    const int64_t r0 = whet_chunk_begin(s->rows, s->parts, chunk), r1 = whet_chunk_begin(s->rows, s->parts, chunk + 1);
    double *sum = sums(k, s, chunk);
    (void)worker;
    memset(sum, 0, (size_t)s->c * 2 * sizeof *sum);
    s->fn(r1 - r0, s->c, (const float *)k->in[0].data + r0 * s->c, (const float *)k->workspace + s->shift_ws, sum, sum + s->c);
}

static whet_status run(const whet_cpu_node *k)
{
    const sum_state *s = k->state;
    memset((float *)k->workspace + s->shift_ws, 0, (size_t)s->c * sizeof(float));
    whet_parallel(k->team, s->parts, chunk_fn, (void *)(uintptr_t)k);
    for (int64_t j = 0; j < s->c; j++) {
        double total = 0.0;
        for (int p = 0; p < s->parts; p++) total += sums(k, s, p)[j];
        ((float *)k->out[0].data)[j] = (float)total;
    }
    return WHET_OK;
}

const whet_cpu_impl whet_cpu_channel_sum_own = {.op = "whet.ChannelSum", .name = "nhwc", .provider = WHET_PROVIDER_VEC,
                                                .isa = WHET_ISA_AVX2, .create = create, .run = run};
