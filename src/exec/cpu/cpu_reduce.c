/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions. The input is seen as kept loops around reduced loops. Where the innermost loop of the input is kept, up to 64
 * neighbouring results are accumulated together (column kernels); else each result is accumulated row by row. A result
 * is computed by one chunk, in index order. */
#include <math.h>
#include <string.h>

#include "exec/cpu/cpu_nest.h"
#include "exec/cpu/cpu_reduce.h"
#include "exec/exec.h"
#include "kernels/reduce/reduce.h"

typedef struct reduce_state {
    const whet_reduce_ref *ref, *exp_sum; /* exp_sum: ReduceLogSumExp, ref is then ReduceMax */
    cpu_nest kept, reduced;               /* operand 0: result (kept only), operand 1: source */
    int64_t count;                        /* elements behind one result */
    size_t size;
    bool column;
    int64_t width; /* columns a unit of work takes */
    double (*get)(const void *p, int64_t i);
    void (*set)(void *p, int64_t i, double x);
} reduce_state;

static double get_f64(const void *p, int64_t i) { return ((const double *)p)[i]; }
static double get_f32(const void *p, int64_t i) { return ((const float *)p)[i]; }
static void set_f64(void *p, int64_t i, double x) { ((double *)p)[i] = x; }
static void set_f32(void *p, int64_t i, double x) { ((float *)p)[i] = (float)x; }

static whet_status make_state(whet_cpu_node *k, const char *op, const bool *marked)
{
    const char *type = whet_dtype_name(k->in[0].dtype);
    const bool lse = strcmp(op, "ReduceLogSumExp") == 0;
    int64_t stride[WHET_MAX_RANK], step[2] = {0};
    reduce_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    if (k->in[0].layout != WHET_NCHW || k->out[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "only in NCHW layout");
    s->ref = whet_reduce_find(lse ? "ReduceMax" : op, type);
    s->exp_sum = lse ? whet_reduce_find("SumExp", type) : NULL;
    if (lse && k->in[0].dtype != WHET_F32 && k->in[0].dtype != WHET_F64) return whet_cpu_refuse(k, "no %s for type %s", op, type);
    if (s->ref == NULL) return whet_cpu_refuse(k, "no %s for type %s", op, type);
    s->get = k->in[0].dtype == WHET_F64 ? get_f64 : get_f32;
    s->set = k->in[0].dtype == WHET_F64 ? set_f64 : set_f32;
    s->size = whet_dtype_size(k->in[0].dtype);
    cpu_strides(&k->in[0], stride);
    cpu_nest_begin(&s->kept, 2);
    cpu_nest_begin(&s->reduced, 2);
    int64_t out_step = 1, out_strides[WHET_MAX_RANK] = {0};
    for (int d = k->in[0].shape.rank - 1; d >= 0; d--) {
        if (marked[d]) continue;
        out_strides[d] = out_step;
        out_step *= k->in[0].shape.dims[d];
    }
    for (int d = 0; d < k->in[0].shape.rank; d++) {
        step[0] = out_strides[d];
        step[1] = stride[d];
        cpu_nest_loop(marked[d] ? &s->reduced : &s->kept, k->in[0].shape.dims[d], step);
    }
    cpu_nest_finish(&s->kept);
    cpu_nest_finish(&s->reduced);
    s->count = s->reduced.total;
    const int last = s->kept.rank - 1;
    s->column = s->kept.total > 1 && s->kept.stride[1][last] == 1 && s->kept.size[last] > 1 && !lse;
    s->width = s->column ? WHET_MIN(s->kept.size[last], WHET_REDUCE_WIDTH) : 1;
    return WHET_OK;
}

whet_status whet_cpu_reduced_axes(whet_cpu_node *k, bool marked[WHET_MAX_RANK])
{
    const int rank = k->in[0].shape.rank;
    int64_t n = 0;
    if (k->n_in > 1 && k->in[1].vid >= 0) {
        if (!k->in[1].constant) return whet_cpu_refuse(k, "the axes are not constant");
        const whet_tensor axes = {.dtype = k->in[1].dtype, .shape = k->in[1].shape, .data = k->in[1].data};
        n = k->in[1].numel;
        for (int64_t i = 0; i < n; i++) {
            const int64_t a = whet_tensor_get_s64(&axes, i);
            if (a < -rank || a >= rank) return whet_cpu_refuse(k, "axis %lld is outside of rank %d", (long long)a, rank);
            marked[a < 0 ? a + rank : a] = true;
        }
    }
    const bool all = n == 0 && whet_node_int(k->n, "noop_with_empty_axes", 0) == 0;
    for (int d = 0; d < rank && all; d++) marked[d] = true;
    return WHET_OK;
}

void whet_cpu_summed_axes(const whet_cpu_node *k, bool marked[WHET_MAX_RANK])
{
    const int lead = k->in[0].shape.rank - k->in[1].shape.rank;
    for (int d = 0; d < k->in[0].shape.rank; d++)
        marked[d] = d < lead || (k->in[1].shape.dims[d - lead] == 1 && k->in[0].shape.dims[d] != 1);
}

static whet_status reduce_create(whet_cpu_node *k)
{
    bool marked[WHET_MAX_RANK] = {false};
    WHET_TRY(whet_cpu_reduced_axes(k, marked));
    return make_state(k, k->n->op->name, marked);
}

static whet_status sum_to_create(whet_cpu_node *k)
{
    bool marked[WHET_MAX_RANK] = {false};
    whet_cpu_summed_axes(k, marked);
    return make_state(k, "ReduceSum", marked);
}

/* Offsets of kept element `at` (flat index) in operands 0 and 1. */
static void locate(const cpu_nest *t, int64_t at, int64_t *offset)
{
    offset[0] = offset[1] = 0;
    for (int d = t->rank - 1; d >= 0; d--) {
        const int64_t i = at % t->size[d];
        at /= t->size[d];
        offset[0] += i * t->stride[0][d];
        offset[1] += i * t->stride[1][d];
    }
}

typedef struct reduce_job {
    const reduce_state *s;
    const char *src;
    char *dst;
} reduce_job;

/* Feeds every reduced element behind one result (or `width` results) to the kernel. */
static void accumulate(const reduce_state *s, const whet_reduce_ref *ref, const char *src, int width, double shift, whet_acc *acc)
{
    const cpu_nest *t = &s->reduced;
    const int last = t->rank - 1;
    const int64_t rows = t->total == 0 ? 0 : t->total / t->size[last];
    for (int64_t r = 0; r < rows; r++) {
        int64_t rest = r, offset = 0;
        for (int d = last - 1; d >= 0; d--) {
            offset += rest % t->size[d] * t->stride[1][d];
            rest /= t->size[d];
        }
        const char *p = src + offset * (int64_t)s->size;
        if (s->column) ref->column(t->size[last], p, t->stride[1][last], width, acc);
        else ref->row(t->size[last], p, t->stride[1][last], acc, shift);
    }
}

static void one_result(const reduce_job *j, int64_t at)
{
    const reduce_state *s = j->s;
    int64_t offset[2];
    whet_acc acc;
    locate(&s->kept, at, offset);
    const char *src = j->src + offset[1] * (int64_t)s->size;
    s->ref->init(1, &acc);
    accumulate(s, s->ref, src, 1, 0, &acc);
    s->ref->finish(1, &acc, j->dst + at * (int64_t)s->size, s->count);
    if (s->exp_sum == NULL) return;
    double shift = s->get(j->dst, at);
    if (!isfinite(shift)) shift = 0;
    s->exp_sum->init(1, &acc);
    accumulate(s, s->exp_sum, src, 1, shift, &acc);
    s->set(j->dst, at, log(acc.f) + shift);
}

static void rows_range(void *arg, int64_t begin, int64_t end)
{
    for (int64_t at = begin; at < end; at++) one_result(arg, at);
}

/* Units: blocks of `width` results along the innermost kept loop. */
static void columns_range(void *arg, int64_t begin, int64_t end)
{
    const reduce_job *j = arg;
    const reduce_state *s = j->s;
    const int64_t inner = s->kept.size[s->kept.rank - 1], blocks = (inner + s->width - 1) / s->width;
    for (int64_t u = begin; u < end; u++) {
        const int64_t first = u % blocks * s->width, at = u / blocks * inner + first;
        const int width = (int)WHET_MIN(s->width, inner - first);
        int64_t offset[2];
        whet_acc acc[WHET_REDUCE_WIDTH];
        locate(&s->kept, at, offset);
        s->ref->init(width, acc);
        accumulate(s, s->ref, j->src + offset[1] * (int64_t)s->size, width, 0, acc);
        s->ref->finish(width, acc, j->dst + at * (int64_t)s->size, s->count);
    }
}

static whet_status reduce_run(const whet_cpu_node *k)
{
    const reduce_state *s = k->state;
    reduce_job j = {s, k->in[0].data, k->out[0].data};
    if (k->out[0].numel == 0) return WHET_OK;
    const int64_t inner = s->kept.size[s->kept.rank - 1], work = WHET_MAX(s->count, 1) * s->width;
    const int64_t units = s->column ? s->kept.total / inner * ((inner + s->width - 1) / s->width) : s->kept.total;
    cpu_range_run(units, WHET_MAX(NEST_GRAIN / work, 1), k->team, s->column ? columns_range : rows_range, &j);
    return WHET_OK;
}

/* --- one axis: arg-extrema, running sums, the k largest */

typedef struct axis_state {
    int64_t outer, n, inner, k;
    size_t size;
    whet_arg_fn arg;
    whet_cumsum_fn cumsum;
    whet_sort_fn sort;
    int smallest, last, exclusive, reverse;
} axis_state;

static whet_status axis_begin(whet_cpu_node *k, int64_t axis, axis_state **out)
{
    const whet_shape *x = &k->in[0].shape;
    if (k->in[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "only in NCHW layout");
    axis_state *s = *out = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    if (axis < 0) axis += x->rank;
    s->outer = s->inner = 1;
    for (int i = 0; i < axis; i++) s->outer *= x->dims[i];
    for (int i = (int)axis + 1; i < x->rank; i++) s->inner *= x->dims[i];
    s->n = x->rank > 0 ? x->dims[axis] : 1;
    s->size = whet_dtype_size(k->in[0].dtype);
    return WHET_OK;
}

static whet_status arg_create(whet_cpu_node *k)
{
    axis_state *s = NULL;
    WHET_TRY(axis_begin(k, whet_node_int(k->n, "axis", 0), &s));
    s->arg = whet_arg_find(whet_dtype_name(k->in[0].dtype));
    s->smallest = strcmp(k->n->op->name, "ArgMin") == 0;
    s->last = whet_node_int(k->n, "select_last_index", 0) != 0;
    if (s->arg == NULL) return whet_cpu_refuse(k, "no kernel for type %s", whet_dtype_name(k->in[0].dtype));
    return s->n > 0 || k->out[0].numel == 0 ? WHET_OK : whet_cpu_refuse(k, "the axis is empty");
}

static void arg_range(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    const axis_state *s = k->state;
    for (int64_t o = begin; o < end; o++)
        s->arg(s->n, s->inner, (const char *)k->in[0].data + (size_t)(o * s->n * s->inner) * s->size,
               (int64_t *)k->out[0].data + o * s->inner, s->smallest, s->last);
}

static whet_status arg_run(const whet_cpu_node *k)
{
    const axis_state *s = k->state;
    if (k->out[0].numel == 0) return WHET_OK;
    cpu_range_run(s->outer, WHET_MAX(NEST_GRAIN / WHET_MAX(s->n * s->inner, 1), 1), k->team, arg_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

static whet_status cumsum_create(whet_cpu_node *k)
{
    axis_state *s = NULL;
    if (!k->in[1].constant) return whet_cpu_refuse(k, "the axis is not constant");
    whet_tensor axis = {.dtype = k->in[1].dtype, .shape = k->in[1].shape, .data = k->in[1].data};
    const int64_t a = whet_tensor_get_s64(&axis, 0), rank = k->in[0].shape.rank;
    if (k->in[1].numel != 1 || a < -rank || a >= rank) return whet_cpu_refuse(k, "axis %lld is outside of the rank", (long long)a);
    WHET_TRY(axis_begin(k, a, &s));
    s->cumsum = whet_cumsum_find(whet_dtype_name(k->in[0].dtype));
    s->exclusive = whet_node_int(k->n, "exclusive", 0) != 0;
    s->reverse = whet_node_int(k->n, "reverse", 0) != 0;
    return s->cumsum != NULL ? WHET_OK : whet_cpu_refuse(k, "no kernel for type %s", whet_dtype_name(k->in[0].dtype));
}

static whet_status cumsum_run(const whet_cpu_node *k)
{
    const axis_state *s = k->state;
    const size_t slice = (size_t)(s->n * s->inner) * s->size;
    for (int64_t o = 0; o < s->outer; o++)
        s->cumsum(s->n, s->inner, (const char *)k->in[0].data + (size_t)o * slice, (char *)k->out[0].data + (size_t)o * slice,
                  s->exclusive, s->reverse);
    return WHET_OK;
}

static whet_status topk_create(whet_cpu_node *k)
{
    axis_state *s = NULL;
    WHET_TRY(axis_begin(k, whet_node_int(k->n, "axis", -1), &s));
    s->sort = whet_sort_find(whet_dtype_name(k->in[0].dtype));
    s->smallest = whet_node_int(k->n, "largest", 1) == 0;
    const int64_t axis = whet_node_int(k->n, "axis", -1);
    s->k = k->out[0].vid >= 0 ? k->out[0].shape.dims[axis < 0 ? axis + k->in[0].shape.rank : axis] : 0;
    k->workspace_size = sizeof(int64_t) * 2 * (size_t)s->n;
    if (k->out[0].vid < 0 || k->out[1].vid < 0) return whet_cpu_refuse(k, "both results are needed");
    return s->sort != NULL ? WHET_OK : whet_cpu_refuse(k, "no kernel for type %s", whet_dtype_name(k->in[0].dtype));
}

static whet_status topk_run(const whet_cpu_node *k)
{
    const axis_state *s = k->state;
    int64_t *order = k->workspace, *index = k->out[1].data;
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t j = 0; j < s->inner; j++) {
            const char *src = (const char *)k->in[0].data + (size_t)(o * s->n * s->inner + j) * s->size;
            s->sort(s->n, src, s->inner, order, order + s->n, s->smallest);
            for (int64_t i = 0; i < s->k; i++) {
                const int64_t at = (o * s->k + i) * s->inner + j;
                memcpy((char *)k->out[0].data + (size_t)at * s->size, src + (size_t)(order[i] * s->inner) * s->size, s->size);
                index[at] = order[i];
            }
        }
    return WHET_OK;
}

#define REDUCE(op_)                                                                                                 \
    const whet_cpu_impl whet_cpu_##op_##_ref = {.op = #op_, .name = "ref", .provider = WHET_PROVIDER_REF,           \
                                                .create = reduce_create, .run = reduce_run};
REDUCE(ReduceSum)
REDUCE(ReduceMean)
REDUCE(ReduceMax)
REDUCE(ReduceMin)
REDUCE(ReduceProd)
REDUCE(ReduceL1)
REDUCE(ReduceL2)
REDUCE(ReduceSumSquare)
REDUCE(ReduceLogSum)
REDUCE(ReduceLogSumExp)
#define AXIS(op_, create_, run_)                                                                                    \
    const whet_cpu_impl whet_cpu_##op_##_ref = {.op = #op_, .name = "ref", .provider = WHET_PROVIDER_REF,           \
                                                .create = create_, .run = run_};
AXIS(ArgMax, arg_create, arg_run)
AXIS(ArgMin, arg_create, arg_run)
AXIS(CumSum, cumsum_create, cumsum_run)
AXIS(TopK, topk_create, topk_run)
const whet_cpu_impl whet_cpu_SumTo_ref = {.op = "whet.SumTo", .name = "ref", .provider = WHET_PROVIDER_REF,
                                          .create = sum_to_create, .run = reduce_run};
