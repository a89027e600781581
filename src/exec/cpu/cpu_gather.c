/* SPDX-License-Identifier: Apache-2.0 */
/* Indexed reading and writing. Every index is checked at run; one out of range is an error that names it. Writing runs in
 * order on one thread, so that repeated indices give the same bits on every machine. */
#include <string.h>

#include "exec/cpu/cpu_nest.h"
#include "exec/exec.h"

typedef struct gather_state {
    int64_t outer, n, inner; /* the data as [outer, n, inner] */
    size_t size;
    int axis;
} gather_state;

static int64_t index_at(const whet_cpu_arg *a, int64_t i) { return a->dtype == WHET_S32 ? ((const int32_t *)a->data)[i] : ((const int64_t *)a->data)[i]; }

static whet_status check_index(const whet_cpu_node *k, int64_t *i, int64_t n)
{
    const int64_t given = *i;
    if (*i < 0) *i += n;
    if (*i >= 0 && *i < n) return WHET_OK;
    WHET_FAIL(WHET_ERUNTIME, "index %lld is out of range for an axis of size %lld", (long long)given, (long long)n);
    whet_error_at_node(k->n->name);
    return WHET_ERUNTIME; /* the data are wrong, not the call */
}

static whet_status gather_begin(whet_cpu_node *k, const whet_cpu_arg *data)
{
    gather_state *s = whet_cpu_state(k, sizeof *s);
    const whet_shape *x = &data->shape;
    if (s == NULL) return WHET_ENOMEM;
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].layout != WHET_NCHW) return whet_cpu_refuse(k, "only in NCHW layout");
    s->axis = (int)whet_node_int(k->n, "axis", 0);
    if (s->axis < 0) s->axis += x->rank;
    s->outer = s->inner = 1;
    for (int i = 0; i < s->axis; i++) s->outer *= x->dims[i];
    for (int i = s->axis + 1; i < x->rank; i++) s->inner *= x->dims[i];
    s->n = x->rank > 0 ? x->dims[s->axis] : 1;
    s->size = whet_dtype_size(data->dtype);
    return s->size > 0 ? WHET_OK : whet_cpu_refuse(k, "type %s is packed", whet_dtype_name(data->dtype));
}

static whet_status gather_create(whet_cpu_node *k) { return gather_begin(k, &k->in[0]); }
static whet_status gather_grad_create(whet_cpu_node *k)
{
    if (k->in[0].dtype != WHET_F32 && k->in[0].dtype != WHET_F64) return whet_cpu_refuse(k, "only for f32 and f64");
    return gather_begin(k, &k->in[2]);
}

static whet_status gather_run(const whet_cpu_node *k)
{
    const gather_state *s = k->state;
    const size_t bytes = (size_t)s->inner * s->size;
    const int64_t count = k->in[1].numel;
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t j = 0; j < count; j++) {
            int64_t i = index_at(&k->in[1], j);
            WHET_TRY(check_index(k, &i, s->n));
            memcpy((char *)k->out[0].data + (size_t)(o * count + j) * bytes, (const char *)k->in[0].data + (size_t)(o * s->n + i) * bytes, bytes);
        }
    return WHET_OK;
}

static void add_elements(whet_dtype t, int64_t n, const void *src, void *dst)
{
    if (t == WHET_F64)
        for (int64_t i = 0; i < n; i++) ((double *)dst)[i] += ((const double *)src)[i];
    else
        for (int64_t i = 0; i < n; i++) ((float *)dst)[i] += ((const float *)src)[i];
}

static whet_status gather_grad_run(const whet_cpu_node *k)
{
    const gather_state *s = k->state;
    const size_t bytes = (size_t)s->inner * s->size;
    const int64_t count = k->in[1].numel;
    memset(k->out[0].data, 0, (size_t)k->out[0].numel * s->size);
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t j = 0; j < count; j++) {
            int64_t i = index_at(&k->in[1], j);
            WHET_TRY(check_index(k, &i, s->n));
            add_elements(k->in[0].dtype, s->inner, (const char *)k->in[0].data + (size_t)(o * count + j) * bytes,
                         (char *)k->out[0].data + (size_t)(o * s->n + i) * bytes);
        }
    return WHET_OK;
}

/* Flat position in `data` of element e of the index tensor, the axis coordinate replaced by the index. */
static whet_status element_position(const whet_cpu_node *k, const whet_cpu_arg *data, int64_t e, int64_t *at)
{
    const gather_state *s = k->state;
    const whet_shape *x = &k->in[1].shape;
    int64_t rest = e, step = 1;
    *at = 0;
    for (int d = x->rank - 1; d >= 0; d--) {
        int64_t i = rest % x->dims[d];
        rest /= x->dims[d];
        if (d == s->axis) {
            i = index_at(&k->in[1], e);
            WHET_TRY(check_index(k, &i, s->n));
        }
        *at += i * step;
        step *= data->shape.dims[d];
    }
    return WHET_OK;
}

static whet_status gather_elements_run(const whet_cpu_node *k)
{
    const gather_state *s = k->state;
    int64_t at = 0;
    for (int64_t e = 0; e < k->out[0].numel; e++) {
        WHET_TRY(element_position(k, &k->in[0], e, &at));
        memcpy((char *)k->out[0].data + (size_t)e * s->size, (const char *)k->in[0].data + (size_t)at * s->size, s->size);
    }
    return WHET_OK;
}

/* dst[at] = reduce(dst[at], src[from]), in f64 or 64-bit integers. */
static void combine(const char *how, const whet_cpu_arg *src, int64_t from, const whet_cpu_arg *dst, int64_t at)
{
    const size_t size = whet_dtype_size(dst->dtype);
    whet_tensor x = {.dtype = src->dtype, .shape = src->shape, .data = src->data}, y = {.dtype = dst->dtype, .shape = dst->shape, .data = dst->data};
    if (how[0] == 'n') {
        memcpy((char *)dst->data + (size_t)at * size, (const char *)src->data + (size_t)from * size, size);
    } else if (whet_dtype_is_float(dst->dtype)) {
        const double a = whet_tensor_get_f64(&y, at), b = whet_tensor_get_f64(&x, from);
        const double r = strcmp(how, "add") == 0 ? a + b : strcmp(how, "mul") == 0 ? a * b : strcmp(how, "max") == 0 ? WHET_MAX(a, b) : WHET_MIN(a, b);
        whet_tensor_set_f64(&y, at, r);
    } else {
        const int64_t a = whet_tensor_get_s64(&y, at), b = whet_tensor_get_s64(&x, from);
        const int64_t sum = (int64_t)((uint64_t)a + (uint64_t)b), product = (int64_t)((uint64_t)a * (uint64_t)b);
        whet_tensor_set_s64(&y, at, strcmp(how, "add") == 0 ? sum : strcmp(how, "mul") == 0 ? product : strcmp(how, "max") == 0 ? WHET_MAX(a, b) : WHET_MIN(a, b));
    }
}

static whet_status scatter_elements_run(const whet_cpu_node *k)
{
    const gather_state *s = k->state;
    const char *how = whet_node_string(k->n, "reduction", "none");
    int64_t at = 0;
    if (k->out[0].data != k->in[0].data) memcpy(k->out[0].data, k->in[0].data, (size_t)k->out[0].numel * s->size);
    for (int64_t e = 0; e < k->in[1].numel; e++) {
        WHET_TRY(element_position(k, &k->in[0], e, &at));
        combine(how, &k->in[2], e, &k->out[0], at);
    }
    return WHET_OK;
}

/* --- tuples of indices */

static whet_status nd_create(whet_cpu_node *k)
{
    gather_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].layout != WHET_NCHW) return whet_cpu_refuse(k, "only in NCHW layout");
    s->size = whet_dtype_size(k->in[0].dtype);
    return s->size > 0 ? WHET_OK : whet_cpu_refuse(k, "type %s is packed", whet_dtype_name(k->in[0].dtype));
}

/* First element of the block that tuple `row` names, and the block's length; b leading batch axes are shared. */
static whet_status tuple_position(const whet_cpu_node *k, int64_t row, int b, int64_t *at, int64_t *block)
{
    const whet_shape *x = &k->in[0].shape, *t = &k->in[1].shape;
    const int n = (int)t->dims[t->rank - 1];
    int64_t batches = 1, per_batch = 1, step = 1;
    for (int d = 0; d < b; d++) batches *= x->dims[d];
    for (int d = b; d < t->rank - 1; d++) per_batch *= t->dims[d];
    for (int d = b + n; d < x->rank; d++) step *= x->dims[d];
    *block = step;
    *at = 0;
    for (int d = n - 1; d >= 0; d--) {
        int64_t i = index_at(&k->in[1], row * n + d);
        WHET_TRY(check_index(k, &i, x->dims[b + d]));
        *at += i * step;
        step *= x->dims[b + d];
    }
    if (b > 0) *at += row / WHET_MAX(per_batch, 1) % WHET_MAX(batches, 1) * step;
    return WHET_OK;
}

static whet_status gather_nd_run(const whet_cpu_node *k)
{
    const gather_state *s = k->state;
    const whet_shape *t = &k->in[1].shape;
    const int64_t rows = k->in[1].numel / WHET_MAX(t->dims[t->rank - 1], 1);
    int64_t at = 0, block = 0;
    for (int64_t r = 0; r < rows; r++) {
        WHET_TRY(tuple_position(k, r, (int)whet_node_int(k->n, "batch_dims", 0), &at, &block));
        memcpy((char *)k->out[0].data + (size_t)(r * block) * s->size, (const char *)k->in[0].data + (size_t)at * s->size, (size_t)block * s->size);
    }
    return WHET_OK;
}

static whet_status scatter_nd_run(const whet_cpu_node *k)
{
    const gather_state *s = k->state;
    const whet_shape *t = &k->in[1].shape;
    const char *how = whet_node_string(k->n, "reduction", "none");
    const int64_t rows = k->in[1].numel / WHET_MAX(t->dims[t->rank - 1], 1);
    int64_t at = 0, block = 0;
    if (k->out[0].data != k->in[0].data) memcpy(k->out[0].data, k->in[0].data, (size_t)k->out[0].numel * s->size);
    for (int64_t r = 0; r < rows; r++) {
        WHET_TRY(tuple_position(k, r, 0, &at, &block));
        for (int64_t j = 0; j < block; j++) combine(how, &k->in[2], r * block + j, &k->out[0], at + j);
    }
    return WHET_OK;
}

/* values = (off, on); indices out of range give a row of off values. */
static whet_status one_hot_run(const whet_cpu_node *k)
{
    const gather_state *s = k->state;
    const whet_tensor at = {.dtype = k->in[0].dtype, .shape = k->in[0].shape, .data = k->in[0].data};
    const whet_shape *y = &k->out[0].shape;
    int64_t axis = whet_node_int(k->n, "axis", -1), inner = 1;
    if (axis < 0) axis += y->rank;
    for (int d = (int)axis + 1; d < y->rank; d++) inner *= y->dims[d];
    const int64_t depth = y->dims[axis];
    const char *off = k->in[2].data, *on = off + s->size;
    for (int64_t e = 0; e < k->out[0].numel; e++) memcpy((char *)k->out[0].data + (size_t)e * s->size, off, s->size);
    for (int64_t e = 0; e < k->in[0].numel; e++) {
        int64_t i = whet_tensor_get_s64(&at, e);
        if (i < 0) i += depth;
        if (i >= 0 && i < depth)
            memcpy((char *)k->out[0].data + (size_t)((e / inner * depth + i) * inner + e % inner) * s->size, on, s->size);
    }
    return WHET_OK;
}

static whet_status one_hot_create(whet_cpu_node *k)
{
    gather_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->size = whet_dtype_size(k->in[2].dtype);
    return s->size > 0 ? WHET_OK : whet_cpu_refuse(k, "type %s is packed", whet_dtype_name(k->in[2].dtype));
}

#define GATHER(symbol, op_, create_, run_)                                                                          \
    const whet_cpu_impl whet_cpu_##symbol##_ref = {.op = op_, .name = "ref", .provider = WHET_PROVIDER_REF,         \
                                                   .create = create_, .run = run_};
GATHER(Gather, "Gather", gather_create, gather_run)
GATHER(GatherGrad, "whet.GatherGrad", gather_grad_create, gather_grad_run)
GATHER(GatherElements, "GatherElements", gather_create, gather_elements_run)
GATHER(ScatterElements, "ScatterElements", gather_create, scatter_elements_run)
GATHER(GatherND, "GatherND", nd_create, gather_nd_run)
GATHER(ScatterND, "ScatterND", nd_create, scatter_nd_run)
GATHER(OneHot, "OneHot", one_hot_create, one_hot_run)
