/* SPDX-License-Identifier: Apache-2.0 */
/* Layer and RMS normalisation of f32 and their gradient by the vector kernels. A run is the trailing axes. The gradients of scale and bias are summed in f32 over 32 runs, in double over those,
 * for parts of the runs that follow from the shape; the parts are added in order. */
#include "base/mem.h"
#include "exec/cpu/cpu_norm.h"
#include "exec/cpu/cpu_own.h"
#include "kernels/norm/layer_norm_vec.h"

#define GRAIN 8192 /* elements a chunk has at least */
#define F32_RUNS 32

typedef struct norm_state {
    const whet_layer_norm_vec *fn;
    int64_t runs, n;
    int chunks;
    bool center;
    int axis;
    double epsilon;
    size_t floats_ws, doubles_ws; /* per part: 2 n floats; 2 n doubles */
} norm_state;

static whet_status begin(whet_cpu_node *k, int first, norm_state **out)
{
    const whet_cpu_arg *x = &k->in[first], *scale = &k->in[first + 1];
    int64_t axis = whet_node_int(k->n, "axis", -1), n = 1;
    WHET_TRY(whet_own_need_f32(k));
    if (axis < 0) axis += x->shape.rank;
    for (int i = (int)axis; i < x->shape.rank; i++) n *= x->shape.dims[i];
    if (x->layout != WHET_NCHW || k->in[0].layout != WHET_NCHW || k->out[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "layout NHWC");
    if (n == 0 || !whet_norm_fills_run(&x->shape, &scale->shape, (int)axis)) return whet_cpu_refuse(k, "scale that is broadcast");
    norm_state *s = *out = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->fn = whet_layer_norm_vec_for(k->isa);
    if (s->fn == NULL) return whet_cpu_refuse(k, "no vector kernel");
    s->n = n;
    s->axis = (int)axis;
    s->runs = x->numel / n;
    s->epsilon = (double)whet_node_float(k->n, "epsilon", 1e-5f);
    s->center = strcmp(k->impl->op, "RMSNormalization") != 0 && whet_node_int(k->n, "center", 1) != 0;
    return WHET_OK;
}

static bool given(const whet_cpu_node *k, int i) { return i < k->n_in && k->in[i].dtype != WHET_DTYPE_NONE; }

static whet_status create(whet_cpu_node *k)
{
    norm_state *s = NULL;
    WHET_TRY(begin(k, 0, &s));
    if (given(k, 2) && !whet_norm_fills_run(&k->in[0].shape, &k->in[2].shape, s->axis)) return whet_cpu_refuse(k, "bias that is broadcast");
    s->chunks = whet_chunks(s->runs, WHET_MAX(GRAIN / s->n, 1), 64);
    return WHET_OK;
}

static float *stat(const whet_cpu_node *k, int o, int64_t run)
{
    return o < k->n_out && k->out[o].dtype == WHET_F32 ? (float *)k->out[o].data + run : NULL;
}

static void forward_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const norm_state *s = k->state;
    const int64_t lo = whet_chunk_begin(s->runs, s->chunks, chunk), runs = whet_chunk_begin(s->runs, s->chunks, chunk + 1) - lo;
    (void)worker;
    s->fn->rows(runs, s->n, s->center, s->epsilon, (const float *)k->in[0].data + lo * s->n, k->in[1].data,
                given(k, 2) ? k->in[2].data : NULL, (float *)k->out[0].data + lo * s->n, stat(k, 1, lo), stat(k, 2, lo));
}

static whet_status run(const whet_cpu_node *k)
{
    const norm_state *s = k->state;
    if (s->runs > 0) whet_parallel(k->team, s->chunks, forward_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

static whet_status grad_create(whet_cpu_node *k)
{
    norm_state *s = NULL;
    WHET_TRY(begin(k, 1, &s));
    s->chunks = whet_chunks(s->runs, WHET_MAX(GRAIN / s->n, F32_RUNS), 32);
    s->floats_ws = whet_own_reserve(k, (size_t)(s->chunks * s->n) * 2);
    s->doubles_ws = whet_own_reserve(k, (size_t)(s->chunks * s->n) * 4);
    return WHET_OK;
}

static double *sums(const whet_cpu_node *k, const norm_state *s, int chunk)
{
    return (double *)(void *)((float *)k->workspace + s->doubles_ws) + chunk * 2 * s->n;
}

static void grad_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const norm_state *s = k->state;
    const int64_t lo = whet_chunk_begin(s->runs, s->chunks, chunk), hi = whet_chunk_begin(s->runs, s->chunks, chunk + 1), n = s->n;
    float *part = (float *)k->workspace + s->floats_ws + chunk * 2 * n;
    double *sum = sums(k, s, chunk);
    (void)worker;
    memset(sum, 0, (size_t)n * 2 * sizeof *sum);
    for (int64_t r = lo; r < hi; r += F32_RUNS) {
        memset(part, 0, (size_t)n * 2 * sizeof *part);
        s->fn->rows_grad(WHET_MIN(F32_RUNS, hi - r), n, s->center, s->epsilon, (const float *)k->in[0].data + r * n,
                         (const float *)k->in[1].data + r * n, k->in[2].data, (float *)k->out[0].data + r * n, part, part + n);
        for (int64_t i = 0; i < 2 * n; i++) sum[i] += (double)part[i];
    }
}

static whet_status grad_run(const whet_cpu_node *k)
{
    const norm_state *s = k->state;
    if (s->runs > 0) whet_parallel(k->team, s->chunks, grad_chunk, (void *)(uintptr_t)k);
    for (int64_t i = 0; i < 2 * s->n; i++) {
        double total = 0;
        for (int c = 0; c < s->chunks && s->runs > 0; c++) total += sums(k, s, c)[i];
        float *out = k->out[i < s->n ? 1 : 2].data;
        out[i % s->n] = (float)total;
    }
    return WHET_OK;
}

static bool inplace(const whet_cpu_node *k, int o, int i) { (void)k; return o == 0 && i == 0; }

#define IMPL(symbol, op_, create_, run_)                                                                            \
    const whet_cpu_impl whet_cpu_##symbol##_vec = {.op = op_, .name = "vec", .provider = WHET_PROVIDER_VEC,         \
                                                   .isa = WHET_ISA_AVX2, .create = create_, .run = run_, .inplace = inplace};
IMPL(layer_norm, "LayerNormalization", create, run)
IMPL(rms_norm, "RMSNormalization", create, run)
IMPL(layer_norm_grad, "whet.LayerNormGrad", grad_create, grad_run)
