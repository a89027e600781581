/* SPDX-License-Identifier: Apache-2.0 */
/* Pools and their gradients. The forward is cut by rows of the output, the gradients by images, so the bits do not
 * depend on the number of threads. Global pools are pools whose window is the whole image. f32 runs the kernels of the
 * machine's ISA (row "own") or the reference ones (row "ref"). */
#include "base/cpu.h"
#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"
#include "kernels/pool/pool.h"

typedef void (*max_row_fn)(const whet_pool_geom *, int64_t, int64_t, int64_t, const void *, void *, int64_t *);
typedef void (*average_row_fn)(const whet_pool_geom *, int64_t, int64_t, int64_t, const void *, void *);
typedef void (*max_grad_fn)(const whet_pool_geom *, int64_t, const void *, const void *, void *);
typedef void (*average_grad_fn)(const whet_pool_geom *, int64_t, const void *, void *);

/* The kernels of one element type behind untyped pointers. */
#define ADAPT(T, s)                                                                                                 \
    static void max_row_##s(const whet_pool_geom *g, int64_t n, int64_t z, int64_t y, const void *a, void *b, int64_t *i) \
    { whet_pool_max_row_##s(g, n, z, y, (const T *)a, (T *)b, i); }                                                 \
    static void max_grad_##s(const whet_pool_geom *g, int64_t n, const void *a, const void *b, void *d)             \
    { whet_pool_max_grad_image_##s(g, n, (const T *)a, (const T *)b, (T *)d); }                                     \
    static void average_row_##s(const whet_pool_geom *g, int64_t n, int64_t z, int64_t y, const void *a, void *b)   \
    { whet_pool_average_row_##s(g, n, z, y, (const T *)a, (T *)b); }                                                \
    static void average_grad_##s(const whet_pool_geom *g, int64_t n, const void *a, void *d)                        \
    { whet_pool_average_grad_image_##s(g, n, (const T *)a, (T *)d); }
ADAPT(float, f32_ref)
ADAPT(double, f64_ref)
ADAPT(int8_t, s8_ref)
ADAPT(uint8_t, u8_ref)
#if defined(__x86_64__)
ADAPT(float, f32_avx2)
ADAPT(float, f32_avx512)
#endif

typedef struct pool_fns {
    whet_dtype dtype;
    uint32_t isa;
    max_row_fn max_row;
    max_grad_fn max_grad;
    average_row_fn average_row;
    average_grad_fn average_grad;
    void (*channel_sums)(int64_t positions, int64_t c, const float *src, float *sums); /* vector rows */
} pool_fns;

#define ROW(t, isa, s, sums) {t, isa, max_row_##s, max_grad_##s, average_row_##s, average_grad_##s, sums}
static const pool_fns table[] = { /* best first */
#if defined(__x86_64__)
    ROW(WHET_F32, WHET_ISA_AVX512, f32_avx512, whet_pool_channel_sums_f32_avx512),
    ROW(WHET_F32, WHET_ISA_AVX2, f32_avx2, whet_pool_channel_sums_f32_avx2),
#endif
    ROW(WHET_F32, 0, f32_ref, NULL),
    ROW(WHET_F64, 0, f64_ref, NULL),
    ROW(WHET_S8, 0, s8_ref, NULL),
    ROW(WHET_U8, 0, u8_ref, NULL),
};

typedef struct pool_state {
    whet_pool_geom g;
    const pool_fns *fns;
    int chunks, parts; /* parts: bands of positions of a global average, summed apart and added in order; 0 elsewhere */
    int64_t items;
} pool_state;

static const pool_fns *find(const whet_cpu_node *k, bool own)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (table[i].dtype == k->in[0].dtype && (table[i].isa != 0) == own && (table[i].isa & k->isa) == table[i].isa) return &table[i];
    return NULL;
}

static whet_status create_own(whet_cpu_node *k)
{
    return find(k, true) != NULL ? WHET_OK : whet_cpu_refuse(k, "no kernel for %s on this CPU", whet_dtype_name(k->in[0].dtype));
}

static whet_status create_ref(whet_cpu_node *k)
{
    return find(k, false) != NULL ? WHET_OK : whet_cpu_refuse(k, "type %s", whet_dtype_name(k->in[0].dtype));
}

static whet_status make_geom(whet_cpu_node *k, const whet_cpu_arg *src, const whet_cpu_arg *dst, whet_pool_geom *p)
{
    whet_geom s, d;
    whet_geom_window w;
    WHET_TRY(whet_geom_of(k, src, &s));
    WHET_TRY(whet_geom_of(k, dst, &d));
    const bool global = strstr(k->impl->op, "Global") != NULL;
    if (!global) WHET_TRY(whet_geom_pool(k, src, &w));
    *p = (whet_pool_geom){.n = s.n, .c = s.c, .sn = s.sn, .sc = s.sc, .dn = d.sn, .dc = d.sc,
                          .include_pad = whet_node_int(k->n, "count_include_pad", 0) != 0};
    for (int i = 0; i < 3; i++) {
        p->in[i] = s.size[i];
        p->out[i] = d.size[i];
        p->ss[i] = s.ss[i];
        p->ds[i] = d.ss[i];
        p->k[i] = global ? s.size[i] : w.k[i];
        p->stride[i] = global ? 1 : w.stride[i];
        p->dil[i] = global ? 1 : w.dil[i];
        p->pad[i] = global ? 0 : w.pad[i];
        p->pad_end[i] = global ? 0 : w.pad_end[i];
    }
    /* A map with one position has no order of its own; the channels may count as innermost. */
    if (whet_geom_channels_last(&d) && s.sc == 1) p->dc = 1;
    const bool columns = whet_node_int(k->n, "storage_order", 0) != 0;
    p->is[0] = columns ? 1 : p->in[1] * p->in[2];
    p->is[1] = columns ? p->in[0] : p->in[2];
    p->is[2] = columns ? p->in[0] * p->in[1] : 1;
    return WHET_OK;
}

static whet_status reshape(whet_cpu_node *k, bool grad)
{
    pool_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->fns = find(k, strcmp(k->impl->name, "own") == 0);
    WHET_TRY(make_geom(k, grad ? &k->out[0] : &k->in[0], grad ? &k->in[0] : &k->out[0], &s->g));
    s->items = grad ? s->g.n : s->g.n * s->g.out[0] * s->g.out[1];
    const int64_t work = s->g.c * s->g.out[2] * s->g.k[0] * s->g.k[1] * s->g.k[2] * (grad ? s->g.out[0] * s->g.out[1] : 1);
    s->chunks = whet_chunks(s->items, 1 + 16384 / WHET_MAX(work, 1), 256);
    return WHET_OK;
}

static whet_status global_average_reshape(whet_cpu_node *k)
{
    enum { PARTS = 8, LEAST = 8 * 1024 }; /* values of an image a part */
    WHET_TRY(reshape(k, false));
    pool_state *s = k->state;
    const whet_pool_geom *g = &s->g;
    const int64_t positions = g->in[0] * g->in[1] * g->in[2];
    const bool dense = g->sc == 1 && g->dc == 1 && g->ss[2] == g->c && g->ss[1] == g->in[2] * g->c && g->ss[0] == g->in[1] * g->ss[1];
    if (s->fns->channel_sums == NULL || !dense || positions == 0 || g->c == 0) return WHET_OK;
    s->parts = (int)WHET_MIN(positions, whet_chunks(positions * g->c, LEAST, PARTS));
    k->workspace_size = (size_t)(g->n * s->parts * g->c) * sizeof(float);
    return WHET_OK;
}

static whet_status forward_reshape(whet_cpu_node *k) { return reshape(k, false); }
static whet_status grad_reshape(whet_cpu_node *k) { return reshape(k, true); }

static void max_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const pool_state *s = k->state;
    const int64_t rows = s->g.out[0] * s->g.out[1];
    int64_t *index = k->n_out > 1 && k->out[1].dtype != WHET_DTYPE_NONE ? k->out[1].data : NULL;
    (void)worker;
    for (int64_t i = whet_chunk_begin(s->items, s->chunks, chunk); i < whet_chunk_begin(s->items, s->chunks, chunk + 1); i++)
        s->fns->max_row(&s->g, i / rows, i % rows / s->g.out[1], i % s->g.out[1], k->in[0].data, k->out[0].data, index);
}

static void average_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const pool_state *s = k->state;
    const int64_t rows = s->g.out[0] * s->g.out[1];
    (void)worker;
    for (int64_t i = whet_chunk_begin(s->items, s->chunks, chunk); i < whet_chunk_begin(s->items, s->chunks, chunk + 1); i++)
        s->fns->average_row(&s->g, i / rows, i % rows / s->g.out[1], i % s->g.out[1], k->in[0].data, k->out[0].data);
}

static void max_grad_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const pool_state *s = k->state;
    (void)worker;
    for (int64_t n = whet_chunk_begin(s->items, s->chunks, chunk); n < whet_chunk_begin(s->items, s->chunks, chunk + 1); n++)
        s->fns->max_grad(&s->g, n, k->in[1].data, k->in[0].data, k->out[0].data);
}

static void average_grad_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const pool_state *s = k->state;
    (void)worker;
    for (int64_t n = whet_chunk_begin(s->items, s->chunks, chunk); n < whet_chunk_begin(s->items, s->chunks, chunk + 1); n++)
        s->fns->average_grad(&s->g, n, k->in[0].data, k->out[0].data);
}

static void sums_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const pool_state *s = k->state;
    const whet_pool_geom *g = &s->g;
    const int64_t positions = g->in[0] * g->in[1] * g->in[2], first = whet_chunk_begin(positions, s->parts, chunk % s->parts);
    (void)worker;
    s->fns->channel_sums(whet_chunk_begin(positions, s->parts, chunk % s->parts + 1) - first, g->c,
                         (const float *)k->in[0].data + chunk / s->parts * g->sn + first * g->c, (float *)k->workspace + chunk * g->c);
}

static whet_status run(const whet_cpu_node *k, whet_parallel_fn fn)
{
    const pool_state *s = k->state;
    if (s->items > 0) whet_parallel(k->team, s->chunks, fn, (void *)(uintptr_t)k);
    return WHET_OK;
}

static whet_status max_run(const whet_cpu_node *k) { return run(k, max_chunk); }
static whet_status average_run(const whet_cpu_node *k) { return run(k, average_chunk); }
static whet_status global_average_run(const whet_cpu_node *k)
{
    const pool_state *s = k->state;
    const whet_pool_geom *g = &s->g;
    const float count = (float)(g->in[0] * g->in[1] * g->in[2]);
    if (s->parts == 0) return average_run(k);
    whet_parallel(k->team, (int)g->n * s->parts, sums_chunk, (void *)(uintptr_t)k);
    for (int64_t n = 0; n < g->n; n++) {
        float *sums = (float *)k->workspace + n * s->parts * g->c, *dst = (float *)k->out[0].data + n * g->dn;
        for (int p = 1; p < s->parts; p++)
            for (int64_t c = 0; c < g->c; c++) sums[c] += sums[p * g->c + c];
        for (int64_t c = 0; c < g->c; c++) dst[c] = sums[c] / count;
    }
    return WHET_OK;
}

static whet_status max_grad_run(const whet_cpu_node *k) { return run(k, max_grad_chunk); }
static whet_status average_grad_run(const whet_cpu_node *k) { return run(k, average_grad_chunk); }

#define IMPL(symbol, op_, reshape_, run_)                                                                           \
    const whet_cpu_impl whet_cpu_##symbol##_vec = {.op = op_, .name = "own", .provider = WHET_PROVIDER_VEC,         \
                                                   .create = create_own, .reshape = reshape_, .run = run_};         \
    const whet_cpu_impl whet_cpu_##symbol##_ref = {.op = op_, .name = "ref", .provider = WHET_PROVIDER_REF,         \
                                                   .create = create_ref, .reshape = reshape_, .run = run_};
IMPL(max_pool, "MaxPool", forward_reshape, max_run)
IMPL(average_pool, "AveragePool", forward_reshape, average_run)
IMPL(global_max_pool, "GlobalMaxPool", forward_reshape, max_run)
IMPL(global_average_pool, "GlobalAveragePool", global_average_reshape, global_average_run)
IMPL(max_pool_grad, "whet.MaxPoolGrad", grad_reshape, max_grad_run)
IMPL(average_pool_grad, "whet.AveragePoolGrad", grad_reshape, average_grad_run)
IMPL(global_max_pool_grad, "whet.GlobalMaxPoolGrad", grad_reshape, max_grad_run)
IMPL(global_average_pool_grad, "whet.GlobalAveragePoolGrad", grad_reshape, average_grad_run)
