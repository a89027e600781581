/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that move elements, each as a list of strided copies (dst loops and src loops over the same sizes), perhaps
 * after filling the result. Physical layouts enter only through the strides. */
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "exec/cpu/cpu_nest.h"
#include "exec/exec.h"
#include "kernels/move/move.h"
#include "kernels/move/transpose.h"

typedef struct copy_job {
    cpu_nest nest; /* operand 0: dst, operand 1: src */
    int64_t from, to; /* first elements */
    int in, out;      /* which argument */
} copy_job;

typedef struct move_state {
    int n;
    copy_job *jobs;
    size_t size;
    whet_copy_fn copy;
    whet_copy2_fn copy2;
    whet_transpose_fn transpose; /* NULL: copy2 does it */
    whet_fill_fn fill;
    bool filled;
    const void *value; /* NULL: zero; else read from input `value_input` at run */
    int value_input;
} move_state;

static const int64_t zero_bytes = 0;

static whet_status move_begin(whet_cpu_node *k, int jobs, move_state **out)
{
    const whet_dtype t = k->n_out > 0 && k->out[0].vid >= 0 ? k->out[0].dtype : k->in[0].dtype;
    move_state *s = *out = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->size = whet_dtype_size(t);
    s->copy = whet_copy_find((int)s->size);
    s->copy2 = whet_copy2_find((int)s->size);
    s->fill = whet_fill_find((int)s->size);
    if (k->impl->provider == WHET_PROVIDER_VEC && s->size == sizeof(float)) s->transpose = whet_transpose_vec(k->isa);
    s->value_input = -1;
    if (s->copy == NULL) return whet_cpu_refuse(k, "no moves of type %s", whet_dtype_name(t));
    s->jobs = whet_cpu_state(k, sizeof *s->jobs * (size_t)WHET_MAX(jobs, 1));
    return s->jobs == NULL ? WHET_ENOMEM : WHET_OK;
}

/* Adds a copy of a box of `size` (rank loops) with the given strides; innermost dst stride first in order of dst. */
static void add_job(move_state *s, int in, int out, int rank, const int64_t *size, const int64_t *ss, const int64_t *ds,
                    int64_t from, int64_t to)
{
    int order[2 * WHET_MAX_RANK];
    copy_job *j = &s->jobs[s->n++];
    *j = (copy_job){.from = from, .to = to, .in = in, .out = out};
    for (int i = 0; i < rank; i++) { /* loops by falling dst stride, so that writing is as linear as it can be */
        int p = i;
        for (; p > 0 && ds[order[p - 1]] < ds[i]; p--) order[p] = order[p - 1];
        order[p] = i;
    }
    cpu_nest_begin(&j->nest, 2);
    for (int i = 0; i < rank; i++) {
        const int64_t stride[2] = {ds[order[i]], ss[order[i]]};
        cpu_nest_loop(&j->nest, size[order[i]], stride);
    }
    cpu_nest_finish(&j->nest);
}

typedef struct running {
    const move_state *s;
    const copy_job *j;
    const char *src;
    char *dst;
    const void *value;
} running;

static void copy_row(void *arg, int64_t n, const int64_t *offset, const int64_t *stride)
{
    const running *r = arg;
    const int64_t size = (int64_t)r->s->size;
    r->s->copy(n, r->src + offset[1] * size, stride[1], r->dst + offset[0] * size, stride[0]);
}

static void fill_range(void *arg, int64_t begin, int64_t end)
{
    const running *r = arg;
    r->s->fill(end - begin, r->value, r->dst + (size_t)begin * r->s->size);
}

/* A transpose: the last two loops have their unit strides on different sides. One chunk is some of the outer loops. */
static bool transposes(const cpu_nest *t)
{
    const int last = t->rank - 1;
    return t->rank >= 2 && t->stride[0][last] == 1 && t->stride[1][last] != 1 && t->stride[1][last] != 0 && t->size[last] >= 8;
}

/* The loop in which the source is densest, the last one left out. */
static int dense_loop(const cpu_nest *t)
{
    int unit = t->rank - 2;
    for (int d = 0; d < t->rank - 1; d++)
        if (t->stride[1][d] < t->stride[1][unit]) unit = d;
    return unit;
}

/* Cuts of that loop: a chunk has about NEST_GRAIN elements. */
static int dense_cuts(const cpu_nest *t, int unit)
{
    return whet_chunks(t->size[unit], WHET_MAX(NEST_GRAIN / t->size[t->rank - 1], 16), NEST_CHUNKS);
}

static void transpose_range(void *arg, int64_t begin, int64_t end)
{
    const running *r = arg;
    const cpu_nest *t = &r->j->nest;
    const int last = t->rank - 1, unit = dense_loop(t), cuts = dense_cuts(t, unit);
    for (int64_t u = begin; u < end; u++) {
        const int64_t first = whet_chunk_begin(t->size[unit], cuts, (int)(u % cuts));
        const int64_t n = whet_chunk_begin(t->size[unit], cuts, (int)(u % cuts) + 1) - first;
        int64_t rest = u / cuts, from = first * t->stride[1][unit], to = first * t->stride[0][unit];
        for (int d = last - 1; d >= 0; d--) {
            if (d == unit) continue;
            const int64_t i = rest % t->size[d];
            rest /= t->size[d];
            to += i * t->stride[0][d];
            from += i * t->stride[1][d];
        }
        const void *src = r->src + from * (int64_t)r->s->size;
        void *dst = r->dst + to * (int64_t)r->s->size;
        if (r->s->transpose != NULL && t->stride[1][unit] == 1)
            r->s->transpose(t->size[last], n, src, t->stride[1][last], dst, t->stride[0][unit]);
        else
            r->s->copy2(n, t->size[last], src, t->stride[1][unit], t->stride[1][last], dst, t->stride[0][unit], 1);
    }
}

static void run_job(const running *r, whet_team *team)
{
    const cpu_nest *t = &r->j->nest;
    if (t->total == 0) return;
    if (!transposes(t)) {
        cpu_nest_run(t, team, copy_row, (void *)(uintptr_t)r);
        return;
    }
    const int unit = dense_loop(t), cuts = dense_cuts(t, unit);
    const int64_t plane = t->size[t->rank - 1] * t->size[unit];
    cpu_range_run(t->total / plane * cuts, WHET_MAX(NEST_GRAIN / (plane / cuts), 1), team, transpose_range, (void *)(uintptr_t)r);
}

static whet_status move_run(const whet_cpu_node *k)
{
    const move_state *s = k->state;
    if (s->filled) {
        running r = {.s = s, .dst = k->out[0].data, .value = s->value != NULL ? s->value : &zero_bytes};
        if (s->value_input >= 0) r.value = k->in[s->value_input].data;
        cpu_range_run(k->out[0].numel, NEST_GRAIN, k->team, fill_range, &r);
    }
    for (int i = 0; i < s->n; i++) {
        const copy_job *j = &s->jobs[i];
        running r = {.s = s, .j = j, .src = (const char *)k->in[j->in].data + j->from * (int64_t)s->size,
                     .dst = (char *)k->out[j->out].data + j->to * (int64_t)s->size};
        run_job(&r, k->team);
    }
    return WHET_OK;
}

/* --- the operators */

/* Reshape and its kin where the executor could not make a view: plain bytes. */
static whet_status view_create(whet_cpu_node *k)
{
    move_state *s = NULL;
    const int64_t one = 1;
    if (k->in[0].layout != WHET_NCHW || k->out[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "only in NCHW layout");
    WHET_TRY(move_begin(k, 1, &s));
    add_job(s, 0, 0, 1, &k->in[0].numel, &one, &one, 0, 0);
    return WHET_OK;
}

static whet_status identity_create(whet_cpu_node *k)
{
    move_state *s = NULL;
    int64_t ss[WHET_MAX_RANK], ds[WHET_MAX_RANK];
    WHET_TRY(move_begin(k, 1, &s));
    cpu_strides(&k->in[0], ss);
    cpu_strides(&k->out[0], ds);
    add_job(s, 0, 0, k->in[0].shape.rank, k->in[0].shape.dims, ss, ds, 0, 0);
    return WHET_OK;
}

static whet_status transpose_create(whet_cpu_node *k)
{
    move_state *s = NULL;
    int64_t ss[WHET_MAX_RANK], ds[WHET_MAX_RANK], moved[WHET_MAX_RANK], perm[WHET_MAX_RANK];
    const int rank = k->in[0].shape.rank;
    WHET_TRY(move_begin(k, 1, &s));
    cpu_strides(&k->in[0], ss);
    cpu_strides(&k->out[0], ds);
    const int n = whet_node_ints(k->n, "perm", perm, WHET_MAX_RANK);
    for (int i = 0; i < rank; i++) moved[i] = ss[n > 0 ? perm[i] : rank - 1 - i];
    add_job(s, 0, 0, rank, k->out[0].shape.dims, moved, ds, 0, 0);
    return WHET_OK;
}

static whet_status concat_create(whet_cpu_node *k)
{
    move_state *s = NULL;
    int64_t ss[WHET_MAX_RANK], ds[WHET_MAX_RANK], at = 0;
    const int rank = k->out[0].shape.rank;
    WHET_TRY(move_begin(k, k->n_in, &s));
    int64_t axis = whet_node_int(k->n, "axis", 0);
    if (axis < 0) axis += rank;
    cpu_strides(&k->out[0], ds);
    for (int i = 0; i < k->n_in; i++) {
        cpu_strides(&k->in[i], ss);
        add_job(s, i, 0, rank, k->in[i].shape.dims, ss, ds, 0, at * ds[axis]);
        at += k->in[i].shape.dims[axis];
    }
    return WHET_OK;
}

static whet_status split_create(whet_cpu_node *k)
{
    move_state *s = NULL;
    int64_t ss[WHET_MAX_RANK], ds[WHET_MAX_RANK], at = 0;
    const int rank = k->in[0].shape.rank;
    WHET_TRY(move_begin(k, k->n_out, &s));
    s->size = whet_dtype_size(k->in[0].dtype);
    int64_t axis = whet_node_int(k->n, "axis", 0);
    if (axis < 0) axis += rank;
    cpu_strides(&k->in[0], ss);
    for (int i = 0; i < k->n_out; i++) {
        if (k->out[i].vid < 0) return whet_cpu_refuse(k, "output %d is absent", i);
        cpu_strides(&k->out[i], ds);
        add_job(s, 0, i, rank, k->out[i].shape.dims, ss, ds, at * ss[axis], 0);
        at += k->out[i].shape.dims[axis];
    }
    return WHET_OK;
}

static bool read_ints(const whet_cpu_node *k, int i, int64_t *out, int cap, int *n)
{
    *n = -1;
    if (i >= k->n_in || k->in[i].vid < 0) return true;
    const whet_tensor t = {.dtype = k->in[i].dtype, .shape = k->in[i].shape, .data = k->in[i].data};
    if (!k->in[i].constant || k->in[i].numel > cap) return false;
    *n = (int)k->in[i].numel;
    for (int e = 0; e < *n; e++) out[e] = whet_tensor_get_s64(&t, e);
    return true;
}

/* First element and strides of a slice of `whole`; sizes come from the sliced shape. */
static whet_status slice_geometry(whet_cpu_node *k, int first, const whet_cpu_arg *whole, int64_t *stride, int64_t *from)
{
    int64_t starts[WHET_MAX_RANK], axes[WHET_MAX_RANK], steps[WHET_MAX_RANK];
    int n = 0, na = 0, nt = 0;
    if (!read_ints(k, first, starts, WHET_MAX_RANK, &n) || !read_ints(k, first + 2, axes, WHET_MAX_RANK, &na) ||
        !read_ints(k, first + 3, steps, WHET_MAX_RANK, &nt))
        return whet_cpu_refuse(k, "starts, axes or steps are not constant");
    cpu_strides(whole, stride);
    *from = 0;
    for (int i = 0; i < n; i++) {
        int64_t axis = na >= 0 ? axes[i] : i;
        if (axis < 0) axis += whole->shape.rank;
        if (axis < 0 || axis >= whole->shape.rank) return whet_cpu_refuse(k, "axis %lld is outside of the rank", (long long)axis);
        const int64_t size = whole->shape.dims[axis], step = nt >= 0 ? steps[i] : 1;
        int64_t start = starts[i] < 0 ? starts[i] + size : starts[i];
        start = WHET_MAX(WHET_MIN(start, step < 0 ? size - 1 : size), 0);
        *from += start * stride[axis];
        stride[axis] = step > size || step < -size ? 0 : stride[axis] * step; /* then at most one element is taken */
    }
    return WHET_OK;
}

static whet_status slice_create(whet_cpu_node *k)
{
    move_state *s = NULL;
    int64_t ss[WHET_MAX_RANK], ds[WHET_MAX_RANK], from = 0;
    WHET_TRY(move_begin(k, 1, &s));
    WHET_TRY(slice_geometry(k, 1, &k->in[0], ss, &from));
    cpu_strides(&k->out[0], ds);
    add_job(s, 0, 0, k->out[0].shape.rank, k->out[0].shape.dims, ss, ds, from, 0);
    return WHET_OK;
}

static whet_status slice_grad_create(whet_cpu_node *k)
{
    move_state *s = NULL;
    int64_t ss[WHET_MAX_RANK], ds[WHET_MAX_RANK], to = 0;
    WHET_TRY(move_begin(k, 1, &s));
    WHET_TRY(slice_geometry(k, 2, &k->out[0], ds, &to));
    cpu_strides(&k->in[0], ss);
    s->filled = true;
    add_job(s, 0, 0, k->in[0].shape.rank, k->in[0].shape.dims, ss, ds, 0, to);
    return WHET_OK;
}

static whet_status expand_create(whet_cpu_node *k)
{
    move_state *s = NULL;
    int64_t ss[WHET_MAX_RANK], ds[WHET_MAX_RANK], own[WHET_MAX_RANK];
    const int rank = k->out[0].shape.rank, lead = rank - k->in[0].shape.rank;
    WHET_TRY(move_begin(k, 1, &s));
    cpu_strides(&k->in[0], own);
    cpu_strides(&k->out[0], ds);
    for (int i = 0; i < rank; i++) ss[i] = i < lead || k->in[0].shape.dims[i - lead] == 1 ? 0 : own[i - lead];
    add_job(s, 0, 0, rank, k->out[0].shape.dims, ss, ds, 0, 0);
    return WHET_OK;
}

static whet_status tile_create(whet_cpu_node *k)
{
    move_state *s = NULL;
    int64_t ss[2 * WHET_MAX_RANK], ds[2 * WHET_MAX_RANK], size[2 * WHET_MAX_RANK], in[WHET_MAX_RANK], out[WHET_MAX_RANK];
    const int rank = k->in[0].shape.rank;
    WHET_TRY(move_begin(k, 1, &s));
    cpu_strides(&k->in[0], in);
    cpu_strides(&k->out[0], out);
    for (int i = 0; i < rank; i++) {
        const int64_t n = k->in[0].shape.dims[i];
        size[2 * i] = n == 0 ? 0 : k->out[0].shape.dims[i] / n;
        ss[2 * i] = 0;
        ds[2 * i] = out[i] * n;
        size[2 * i + 1] = n;
        ss[2 * i + 1] = in[i];
        ds[2 * i + 1] = out[i];
    }
    add_job(s, 0, 0, 2 * rank, size, ss, ds, 0, 0);
    return WHET_OK;
}

/* [n, c, h, w] <-> blocks, as a copy over six loops. */
static whet_status block_create(whet_cpu_node *k)
{
    move_state *s = NULL;
    const bool to_space = strcmp(k->n->op->name, "DepthToSpace") == 0;
    const bool crd = to_space && strcmp(whet_node_string(k->n, "mode", "DCR"), "CRD") == 0;
    const int64_t b = whet_node_int(k->n, "blocksize", 1);
    const whet_cpu_arg *deep = to_space ? &k->in[0] : &k->out[0], *wide = to_space ? &k->out[0] : &k->in[0];
    int64_t ds[4], ws[4];
    WHET_TRY(move_begin(k, 1, &s));
    cpu_strides(deep, ds);
    cpu_strides(wide, ws);
    const int64_t n = deep->shape.dims[0], h = deep->shape.dims[2], w = deep->shape.dims[3], c = wide->shape.dims[1];
    /* loops: n, block row, block column, channel, row, column */
    const int64_t size[6] = {n, b, b, c, h, w};
    const int64_t d[6] = {ds[0], ds[1] * (crd ? b : b * c), ds[1] * (crd ? 1 : c), ds[1] * (crd ? b * b : 1), ds[2], ds[3]};
    const int64_t x[6] = {ws[0], ws[2], ws[3], ws[1], ws[2] * b, ws[3] * b};
    add_job(s, 0, 0, 6, size, to_space ? d : x, to_space ? x : d, 0, 0);
    return WHET_OK;
}

/* Padding with a constant is a fill and a copy; the other modes stand in cpu_resize.c. */
static whet_status pad_amounts(whet_cpu_node *k, int64_t *before, int64_t *after)
{
    int64_t pads[2 * WHET_MAX_RANK], axes[WHET_MAX_RANK];
    const int rank = k->in[0].shape.rank;
    int n = 0, na = 0;
    if (!read_ints(k, 1, pads, 2 * WHET_MAX_RANK, &n) || !read_ints(k, 3, axes, WHET_MAX_RANK, &na))
        return whet_cpu_refuse(k, "pads or axes are not constant");
    for (int i = 0; i < rank; i++) before[i] = after[i] = 0;
    for (int i = 0; i < n / 2; i++) {
        int64_t a = na >= 0 ? axes[i] : i;
        if (a < 0) a += rank;
        if (a < 0 || a >= rank) return whet_cpu_refuse(k, "axis %lld is outside of rank %d", (long long)a, rank);
        before[a] = pads[i];
        after[a] = pads[n / 2 + i];
    }
    return WHET_OK;
}

static whet_status pad_constant_create(whet_cpu_node *k)
{
    move_state *s = NULL;
    int64_t before[WHET_MAX_RANK], after[WHET_MAX_RANK], ss[WHET_MAX_RANK], ds[WHET_MAX_RANK], size[WHET_MAX_RANK], from = 0, to = 0;
    if (strcmp(whet_node_string(k->n, "mode", "constant"), "constant") != 0) return whet_cpu_refuse(k, "only for mode constant");
    WHET_TRY(move_begin(k, 1, &s));
    WHET_TRY(pad_amounts(k, before, after));
    cpu_strides(&k->in[0], ss);
    cpu_strides(&k->out[0], ds);
    for (int i = 0; i < k->in[0].shape.rank; i++) {
        size[i] = k->in[0].shape.dims[i] + WHET_MIN(before[i], 0) + WHET_MIN(after[i], 0);
        size[i] = WHET_MAX(size[i], 0);
        from += WHET_MAX(-before[i], 0) * ss[i];
        to += WHET_MAX(before[i], 0) * ds[i];
    }
    s->filled = true;
    if (k->n_in > 2 && k->in[2].vid >= 0) s->value_input = 2;
    add_job(s, 0, 0, k->in[0].shape.rank, size, ss, ds, from, to);
    return WHET_OK;
}

typedef struct trilu_state {
    size_t size;
    int64_t rows, columns;
    bool upper;
} trilu_state;

static whet_status trilu_create(whet_cpu_node *k)
{
    trilu_state *s = whet_cpu_state(k, sizeof *s);
    const whet_shape *x = &k->in[0].shape;
    if (s == NULL) return WHET_ENOMEM;
    if (k->in[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "only in NCHW layout");
    *s = (trilu_state){whet_dtype_size(k->in[0].dtype), x->dims[x->rank - 2], x->dims[x->rank - 1], whet_node_int(k->n, "upper", 1) != 0};
    return s->size > 0 ? WHET_OK : whet_cpu_refuse(k, "no moves of type %s", whet_dtype_name(k->in[0].dtype));
}

static whet_status trilu_run(const whet_cpu_node *k)
{
    const trilu_state *s = k->state;
    const int64_t rows = k->in[0].numel == 0 ? 0 : k->in[0].numel / s->columns;
    int64_t diagonal = k->n_in > 1 && k->in[1].vid >= 0 ? *(const int64_t *)k->in[1].data : 0;
    diagonal = WHET_MAX(WHET_MIN(diagonal, s->columns), -s->rows);
    for (int64_t r = 0; r < rows; r++) {
        const size_t at = (size_t)(r * s->columns) * s->size;
        int64_t edge = r % s->rows + diagonal + (s->upper ? 0 : 1); /* columns before the edge form the lower part */
        edge = WHET_MAX(WHET_MIN(edge, s->columns), 0);
        const size_t low = (size_t)edge * s->size, high = (size_t)(s->columns - edge) * s->size;
        char *dst = (char *)k->out[0].data + at;
        const char *src = (const char *)k->in[0].data + at;
        memcpy(s->upper ? dst + low : dst, s->upper ? src + low : src, s->upper ? high : low);
        memset(s->upper ? dst : dst + low, 0, s->upper ? low : high);
    }
    return WHET_OK;
}

#define MOVE(op_, create_)                                                                                          \
    const whet_cpu_impl whet_cpu_##op_##_ref = {.op = #op_, .name = "ref", .provider = WHET_PROVIDER_REF,           \
                                                .create = create_, .run = move_run};
#define MOVE_VEC(op_, create_)                                                                                      \
    const whet_cpu_impl whet_cpu_##op_##_vec = {.op = #op_, .name = "vec", .provider = WHET_PROVIDER_VEC,           \
                                                .isa = WHET_ISA_AVX2, .create = create_, .run = move_run};
MOVE_VEC(Transpose, transpose_create)
MOVE_VEC(DepthToSpace, block_create)
MOVE_VEC(SpaceToDepth, block_create)
MOVE(Identity, identity_create)
MOVE(Reshape, view_create)
MOVE(Flatten, view_create)
MOVE(Squeeze, view_create)
MOVE(Unsqueeze, view_create)
MOVE(Transpose, transpose_create)
MOVE(Concat, concat_create)
MOVE(Split, split_create)
MOVE(Slice, slice_create)
MOVE(Expand, expand_create)
MOVE(Tile, tile_create)
MOVE(DepthToSpace, block_create)
MOVE(SpaceToDepth, block_create)
MOVE(Pad, pad_constant_create)
const whet_cpu_impl whet_cpu_SliceGrad_ref = {.op = "whet.SliceGrad", .name = "ref", .provider = WHET_PROVIDER_REF,
                                              .create = slice_grad_create, .run = move_run};
const whet_cpu_impl whet_cpu_Trilu_ref = {.op = "Trilu", .name = "ref", .provider = WHET_PROVIDER_REF,
                                          .create = trilu_create, .run = trilu_run};
