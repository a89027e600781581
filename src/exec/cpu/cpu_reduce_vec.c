/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions of f32 that have the form [outer, reduced, inner] -> [outer, inner] in the input's physical order: the last
 * axes, the first ones (bias gradients), the positions of an image in either layout. Long reductions are cut into parts that
 * follow from the shape; their double accumulators are joined in order. */
#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "exec/cpu/cpu_nest.h"
#include "exec/cpu/cpu_own.h"
#include "exec/cpu/cpu_reduce.h"
#include "kernels/reduce/reduce_vec.h"

#define GRAIN 8192     /* elements a chunk has at least */
#define COLUMNS 256    /* most columns of a chunk */

typedef struct reduce_state {
    const whet_reduce_vec *fn;
    enum whet_reduce_kind kind;
    int64_t outer, n, inner;
    int64_t units;             /* outer (rows) or outer * blocks (columns) */
    int parts, blocks, chunks; /* of n; of inner; of units, parts apart */
    bool mean, root;
} reduce_state;

static const struct { const char *op; enum whet_reduce_kind kind; bool mean, root; } table[] = {
    {"ReduceSum", WHET_REDUCE_SUM, false, false},      {"ReduceMean", WHET_REDUCE_SUM, true, false},
    {"whet.SumTo", WHET_REDUCE_SUM, false, false},     {"ReduceSumSquare", WHET_REDUCE_SQUARES, false, false},
    {"ReduceL2", WHET_REDUCE_SQUARES, false, true},    {"ReduceL1", WHET_REDUCE_ABS, false, false},
    {"ReduceMax", WHET_REDUCE_MAX, false, false},      {"ReduceMin", WHET_REDUCE_MIN, false, false},
};

/* The physical axes as outer, reduced, inner: loops of size 1 left out, neighbours joined. */
static bool three_loops(const whet_cpu_arg *x, const bool *marked, reduce_state *s)
{
    static const int nhwc[4] = {0, 2, 3, 1};
    int where = 0; /* 0 outer, 1 reduced, 2 inner */
    s->outer = s->n = s->inner = 1;
    for (int i = 0; i < x->shape.rank; i++) {
        const int d = x->layout == WHET_NHWC ? nhwc[i] : i;
        if (x->shape.dims[d] == 1) continue;
        if (marked[d]) {
            if (where == 2) return false;
            where = 1;
            s->n *= x->shape.dims[d];
        } else if (where == 0) {
            s->outer *= x->shape.dims[d];
        } else {
            where = 2;
            s->inner *= x->shape.dims[d];
        }
    }
    return true;
}

static whet_status begin(whet_cpu_node *k, const bool *marked)
{
    const whet_cpu_arg *x = &k->in[0];
    if (x->dtype != WHET_F32 || k->out[0].dtype != WHET_F32) return whet_cpu_refuse(k, "type %s, not f32", whet_dtype_name(x->dtype));
    if (k->out[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "the result is in NHWC");
    reduce_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    if (x->layout == WHET_NHWC && (marked[1] || !marked[2] || !marked[3])) return whet_cpu_refuse(k, "axes other than the positions in NHWC");
    if (!three_loops(x, marked, s)) return whet_cpu_refuse(k, "the reduced axes are not neighbours");
    if (x->numel == 0) return whet_cpu_refuse(k, "empty input");
    for (size_t i = 0; i < WHET_COUNT(table); i++) {
        if (strcmp(table[i].op, k->impl->op) != 0) continue;
        s->kind = table[i].kind;
        s->mean = table[i].mean;
        s->root = table[i].root;
    }
    s->fn = whet_reduce_vec_for(k->isa, s->kind);
    if (s->fn == NULL) return whet_cpu_refuse(k, "no vector kernel");
    /* enough chunks without cutting the reduction, or parts of it */
    s->blocks = (int)WHET_MIN((s->inner + COLUMNS - 1) / COLUMNS, (int64_t)1 << 20);
    const int64_t width = s->inner == 1 ? 1 : WHET_MIN(s->inner, COLUMNS);
    s->units = s->inner == 1 ? s->outer : s->outer * s->blocks;
    s->chunks = whet_chunks(s->units, WHET_MAX(GRAIN / s->n / width, 1), s->inner == 1 ? 64 : 256);
    s->parts = s->chunks >= 8 ? 1 : whet_chunks(s->n, WHET_MAX(2 * GRAIN / width, 1), 16);
    if (s->parts > 1) s->chunks = (int)s->units;
    k->workspace_size = (size_t)(s->outer * s->inner) * (size_t)s->parts * sizeof(double);
    return WHET_OK;
}

static whet_status create(whet_cpu_node *k)
{
    bool marked[WHET_MAX_RANK] = {false};
    WHET_TRY(whet_cpu_reduced_axes(k, marked));
    return begin(k, marked);
}

static whet_status sum_to_create(whet_cpu_node *k)
{
    bool marked[WHET_MAX_RANK] = {false};
    whet_cpu_summed_axes(k, marked);
    return begin(k, marked);
}

/* Accumulators of part p: outer * inner doubles. */
static double *acc_of(const whet_cpu_node *k, const reduce_state *s, int p) { return (double *)k->workspace + p * s->outer * s->inner; }

static void clear(const reduce_state *s, int64_t n, double *acc)
{
    const double start = s->kind == WHET_REDUCE_MAX ? -INFINITY : s->kind == WHET_REDUCE_MIN ? INFINITY : 0;
    for (int64_t i = 0; i < n; i++) acc[i] = start;
}

/* Joins the parts of results first .. last-1 and writes them. */
static void finish(const whet_cpu_node *k, const reduce_state *s, int64_t first, int64_t last)
{
    float *dst = k->out[0].data;
    for (int64_t i = first; i < last; i++) {
        double a = acc_of(k, s, 0)[i];
        for (int p = 1; p < s->parts; p++) {
            const double x = acc_of(k, s, p)[i];
            if (s->kind == WHET_REDUCE_MAX) a = a != a || a > x ? a : x;
            else if (s->kind == WHET_REDUCE_MIN) a = a != a || a < x ? a : x;
            else a += x;
        }
        if (s->mean) a /= (double)s->n;
        dst[i] = (float)(s->root ? sqrt(a) : a);
    }
}

static void chunk_fn(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const reduce_state *s = k->state;
    const int part = chunk % s->parts, unit = chunk / s->parts;
    const int64_t r0 = whet_chunk_begin(s->n, s->parts, part), r1 = whet_chunk_begin(s->n, s->parts, part + 1);
    const int64_t u0 = whet_chunk_begin(s->units, s->chunks, unit), u1 = whet_chunk_begin(s->units, s->chunks, unit + 1);
    (void)worker;
    for (int64_t u = u0; u < u1; u++) {
        const int64_t o = u / s->blocks, c0 = whet_chunk_begin(s->inner, s->blocks, (int)(u % s->blocks));
        const int64_t width = whet_chunk_begin(s->inner, s->blocks, (int)(u % s->blocks) + 1) - c0, lo = o * s->inner + c0;
        const float *src = (const float *)k->in[0].data + (o * s->n + r0) * s->inner + c0;
        double *acc = acc_of(k, s, part) + lo;
        clear(s, width, acc);
        if (s->inner == 1) s->fn->row(r1 - r0, src, acc);
        else s->fn->columns(r1 - r0, width, src, s->inner, acc);
        if (s->parts == 1) finish(k, s, lo, lo + width);
    }
}

static whet_status run(const whet_cpu_node *k)
{
    const reduce_state *s = k->state;
    whet_parallel(k->team, s->chunks * s->parts, chunk_fn, (void *)(uintptr_t)k);
    if (s->parts > 1) finish(k, s, 0, s->outer * s->inner);
    return WHET_OK;
}

#define REDUCE(symbol, op_, create_)                                                                                \
    const whet_cpu_impl whet_cpu_##symbol##_vec = {.op = op_, .name = "vec", .provider = WHET_PROVIDER_VEC,         \
                                                   .isa = WHET_ISA_AVX2, .create = create_, .run = run};
REDUCE(ReduceSum, "ReduceSum", create)
REDUCE(ReduceMean, "ReduceMean", create)
REDUCE(ReduceMax, "ReduceMax", create)
REDUCE(ReduceMin, "ReduceMin", create)
REDUCE(ReduceL1, "ReduceL1", create)
REDUCE(ReduceL2, "ReduceL2", create)
REDUCE(ReduceSumSquare, "ReduceSumSquare", create)
REDUCE(SumTo, "whet.SumTo", sum_to_create)
