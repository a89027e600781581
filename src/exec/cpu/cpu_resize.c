/* SPDX-License-Identifier: Apache-2.0 */
/* Resize, Pad in its modes reflect, edge and wrap, and their gradients. Each is a table of taps an axis (kernels/resize); the
 * gradients take the transposed tables. Row "own": f32 with one axis, or two neighbouring ones in memory, that change - the images of NCHW and NHWC
 * alike - is done one axis after the other. Where the image grows, each input row is stretched once, kept in a small ring,
 * and output rows are mixed from the ring, so that memory is read and written once; else rows are mixed first. Row "ref"
 * takes everything. Work is cut by output rows. */
#include "base/cpu.h"
#include "base/mem.h"
#include "exec/cpu/cpu_nest.h"
#include "exec/exec.h"
#include "ir/resize_plan.h"

#define MAX_RING 8

typedef struct resize_state {
    whet_resize_taps taps[WHET_MAX_RANK]; /* by logical axis */
    whet_resize_nest nest;
    bool grad;
    bool floats;        /* weighted sums; else elements are copied */
    _Alignas(16) char fill[16]; /* an element of what is extrapolated */
    /* row "own" */
    const whet_resize_kernels *kernels;
    const whet_resize_taps *rows, *columns; /* NULL: that axis does not change */
    int64_t planes, inner, in_h, in_w, out_h, out_w;
    int ring;           /* > 0: columns first, over that many kept rows */
    size_t row_bytes, worker_bytes;
    int chunks;
} resize_state;

static void destroy(whet_cpu_node *k)
{
    resize_state *s = k->state;
    for (int i = 0; i < WHET_MAX_RANK; i++) whet_resize_taps_free(&s->taps[i]);
}

/* Reads s64 numbers that are known when the plan is made; *n = -1: the input is absent. */
static whet_status read_known(whet_cpu_node *k, int i, int64_t *out, int cap, int *n)
{
    *n = -1;
    if (i >= k->n_in || k->in[i].vid < 0) return WHET_OK;
    const whet_value *v = &k->g->values[k->in[i].vid];
    const whet_tensor t = {.dtype = k->in[i].dtype, .shape = k->in[i].shape, .data = k->in[i].data};
    *n = (int)k->in[i].numel;
    if (*n > cap || (!k->in[i].constant && v->n_known != *n)) return whet_cpu_refuse(k, "'%s' is not constant", v->name);
    for (int j = 0; j < *n; j++) out[j] = k->in[i].constant ? whet_tensor_get_s64(&t, j) : v->known[j];
    return WHET_OK;
}

static int64_t source_index(const char *mode, int64_t i, int64_t n)
{
    if (strcmp(mode, "edge") == 0) return WHET_MAX(WHET_MIN(i, n - 1), 0);
    if (strcmp(mode, "wrap") == 0) return ((i % n) + n) % n;
    if (n == 1) return 0;
    const int64_t period = 2 * (n - 1), r = ((i % period) + period) % period; /* reflect */
    return r < n ? r : period - r;
}

static whet_status pad_axis(whet_cpu_node *k, const char *mode, int64_t in, int64_t out, int64_t before, whet_resize_taps *t)
{
    if (in == 0 && out > 0) return whet_cpu_refuse(k, "mode %s cannot pad an empty axis", mode);
    int64_t *index = whet_calloc((size_t)out, sizeof *index);
    if (index == NULL) return WHET_ENOMEM;
    for (int64_t i = 0; i < out; i++) index[i] = source_index(mode, i - before, in);
    const whet_status status = whet_resize_taps_pick(t, in, out, index);
    whet_free(index);
    return status;
}

/* The forward's table of one axis. */
typedef whet_status (*axis_fn)(whet_cpu_node *k, int axis, whet_resize_taps *t, const whet_shape *in, const whet_shape *out);

static whet_status pad_taps(whet_cpu_node *k, int axis, whet_resize_taps *t, const whet_shape *in, const whet_shape *out)
{
    const char *mode = whet_node_string(k->n, "mode", "constant");
    int64_t pads[2 * WHET_MAX_RANK], axes[WHET_MAX_RANK], before = 0;
    int n = 0, n_axes = 0;
    if (strcmp(mode, "constant") == 0) return whet_cpu_refuse(k, "not for mode constant");
    WHET_TRY(read_known(k, 1, pads, 2 * WHET_MAX_RANK, &n));
    WHET_TRY(read_known(k, 3, axes, WHET_MAX_RANK, &n_axes));
    for (int i = 0; i < n / 2; i++) {
        const int64_t a = n_axes >= 0 ? axes[i] : i;
        if ((a < 0 ? a + in->rank : a) == axis) before = pads[i];
    }
    return pad_axis(k, mode, in->dims[axis], out->dims[axis], before, t);
}

static whet_status resize_taps(whet_cpu_node *k, int axis, whet_resize_taps *t, const whet_shape *in, const whet_shape *out)
{
    whet_resize_rule rule;
    whet_resize_axis axes[WHET_MAX_RANK];
    WHET_TRY(whet_resize_rule_read(k->n, &rule));
    WHET_TRY(whet_resize_axes_read(k->g, k->n, in, out, axes));
    return whet_resize_taps_make(t, &rule, &axes[axis]);
}

static whet_status begin(whet_cpu_node *k, resize_state **state)
{
    resize_state *s = *state = whet_cpu_state(k, sizeof *s);
    const axis_fn fn = strstr(k->impl->op, "Pad") != NULL ? pad_taps : resize_taps;
    if (s == NULL) return WHET_ENOMEM;
    s->grad = strncmp(k->impl->op, "whet.", 5) == 0;
    const whet_shape *in = s->grad ? &k->out[0].shape : &k->in[0].shape, *out = s->grad ? &k->in[0].shape : &k->out[0].shape;
    if (in->rank != out->rank) return whet_cpu_refuse(k, "the shape to return to has another rank");
    for (int i = 0; i < in->rank; i++) {
        whet_resize_taps forward = {0};
        whet_status status = fn(k, i, s->grad ? &forward : &s->taps[i], in, out);
        if (status == WHET_OK && s->grad) status = whet_resize_taps_transpose(&s->taps[i], &forward);
        whet_resize_taps_free(&forward);
        WHET_TRY(status);
    }
    return WHET_OK;
}

/* --- row "own" */

/* One pixel or one channel: the same bytes in either layout. */
static bool either(const whet_cpu_arg *a)
{
    return a->shape.rank == 4 && (a->shape.dims[1] == 1 || a->shape.dims[2] * a->shape.dims[3] == 1);
}

static whet_status find_axes(whet_cpu_node *k, resize_state *s)
{
    static const int nhwc[4] = {0, 2, 3, 1};
    const whet_shape *x = &k->in[0].shape;
    const whet_resize_taps *found[2] = {NULL, NULL};
    const bool nhwc_order = x->rank == 4 && (either(&k->in[0]) ? k->out[0].layout : k->in[0].layout) == WHET_NHWC;
    int n = 0;
    s->planes = s->inner = 1;
    for (int i = 0; i < x->rank; i++) {
        const int d = nhwc_order ? nhwc[i] : i;
        if (!s->taps[d].identity) {
            if (n == 2 || (n == 1 && s->inner > 1)) return whet_cpu_refuse(k, "axes that change are not neighbours");
            if (s->taps[d].holes && !s->grad) return whet_cpu_refuse(k, "values are extrapolated");
            found[n++] = &s->taps[d];
        } else if (n == 0) {
            s->planes *= x->dims[d];
        } else {
            s->inner *= x->dims[d];
        }
    }
    if (n == 0) return whet_cpu_refuse(k, "no axis changes");
    s->columns = n == 2 ? found[1] : s->inner == 1 ? found[0] : NULL;
    s->rows = s->columns == found[0] ? NULL : found[0];
    s->in_h = s->rows != NULL ? s->rows->in : 1;
    s->out_h = s->rows != NULL ? s->rows->out : 1;
    s->in_w = s->columns != NULL ? s->columns->in : 1;
    s->out_w = s->columns != NULL ? s->columns->out : 1;
    return WHET_OK;
}

/* Rows between the first and the last that one output row reads. */
static int64_t span(const whet_resize_taps *t)
{
    int64_t widest = 1;
    for (int64_t o = 0; o < t->out; o++)
        if (t->start[o] < t->start[o + 1]) widest = WHET_MAX(widest, t->index[t->start[o + 1] - 1] - t->index[t->start[o]] + 1);
    return widest;
}

static void choose_order(resize_state *s)
{
    if (s->rows == NULL || s->columns == NULL) return;
    const int64_t wide = span(s->rows);
    const int64_t columns_first = s->in_h * s->out_w * s->columns->most + s->out_h * s->out_w * s->rows->most;
    const int64_t rows_first = s->out_h * s->in_w * s->rows->most + s->out_h * s->out_w * s->columns->most;
    if (wide <= MAX_RING && columns_first <= rows_first) s->ring = (int)wide;
}

static whet_status create_own(whet_cpu_node *k)
{
    resize_state *s = NULL;
    const whet_cpu_arg *x = &k->in[0], *y = &k->out[0];
    if (x->dtype != WHET_F32) return whet_cpu_refuse(k, "type %s, not f32", whet_dtype_name(x->dtype));
    if (x->numel == 0 || y->numel == 0) return whet_cpu_refuse(k, "nothing to do");
    if (x->layout != y->layout && !either(x) && !either(y)) return whet_cpu_refuse(k, "the layouts differ");
    WHET_TRY(begin(k, &s));
    WHET_TRY(find_axes(k, s));
    choose_order(s);
    s->kernels = whet_resize_kernels_for(k->isa);
    const int64_t row = (s->ring > 0 ? s->out_w : s->in_w) * s->inner;
    s->row_bytes = WHET_ALIGN_UP((size_t)row * sizeof(float), 64);
    s->worker_bytes = s->row_bytes * (size_t)WHET_MAX(s->ring, 1) + WHET_ALIGN_UP(sizeof(void *) * (size_t)(s->rows != NULL ? s->rows->most : 1), 64);
    k->workspace_size = s->worker_bytes * (size_t)whet_team_size(k->team);
    s->chunks = whet_chunks(s->planes * s->out_h, 1 + 16384 / WHET_MAX(s->out_w * s->inner, 1), 64);
    return WHET_OK;
}

typedef struct scratch {
    const float **row; /* pointers of one mix */
    char *floats;
    int64_t held[MAX_RING]; /* input row, counted over all planes, in each slot of the ring */
} scratch;

static float *slot(const resize_state *s, const scratch *w, int64_t i) { return (float *)(void *)(w->floats + (size_t)i * s->row_bytes); }

static void through_ring(const resize_state *s, scratch *w, int64_t plane, int64_t y, const float *src, float *dst)
{
    const int32_t first = s->rows->start[y], end = s->rows->start[y + 1];
    const int64_t in_row = s->in_w * s->inner;
    for (int32_t i = first; i < end; i++) {
        const int64_t r = plane * s->in_h + s->rows->index[i], at = s->rows->index[i] % s->ring;
        if (w->held[at] != r) s->kernels->mix_columns(s->columns, s->inner, src + r * in_row, slot(s, w, at));
        w->held[at] = r;
        w->row[i - first] = slot(s, w, at);
    }
    s->kernels->mix_rows(s->out_w * s->inner, end - first, w->row, s->rows->weight32 + first, dst);
}

static void rows_first(const resize_state *s, scratch *w, int64_t plane, int64_t y, const float *src, float *dst)
{
    const int64_t in_row = s->in_w * s->inner;
    const float *from = src + plane * s->in_h * in_row;
    float *mixed = s->columns != NULL ? slot(s, w, 0) : dst;
    if (s->rows != NULL) {
        const int32_t first = s->rows->start[y], end = s->rows->start[y + 1];
        for (int32_t i = first; i < end; i++) w->row[i - first] = from + s->rows->index[i] * in_row;
        s->kernels->mix_rows(in_row, end - first, w->row, s->rows->weight32 + first, mixed);
        from = mixed;
    }
    if (s->columns != NULL) s->kernels->mix_columns(s->columns, s->inner, from, dst);
}

static void own_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const resize_state *s = k->state;
    const int64_t items = s->planes * s->out_h, row = s->out_w * s->inner;
    char *mine = (char *)k->workspace + (size_t)worker * s->worker_bytes;
    scratch w = {.floats = mine, .row = (const float **)(void *)(mine + s->row_bytes * (size_t)WHET_MAX(s->ring, 1))};
    for (int i = 0; i < MAX_RING; i++) w.held[i] = -1;
    for (int64_t i = whet_chunk_begin(items, s->chunks, chunk); i < whet_chunk_begin(items, s->chunks, chunk + 1); i++) {
        float *dst = (float *)k->out[0].data + i * row;
        if (s->ring > 0) through_ring(s, &w, i / s->out_h, i % s->out_h, k->in[0].data, dst);
        else rows_first(s, &w, i / s->out_h, i % s->out_h, k->in[0].data, dst);
    }
}

static whet_status own_run(const whet_cpu_node *k)
{
    const resize_state *s = k->state;
    whet_parallel(k->team, s->chunks, own_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

/* --- row "ref" */

static whet_status create_ref(whet_cpu_node *k)
{
    resize_state *s = NULL;
    const whet_cpu_arg *x = &k->in[0];
    const size_t size = whet_dtype_size(x->dtype);
    WHET_TRY(begin(k, &s));
    s->floats = x->dtype == WHET_F32 || x->dtype == WHET_F64;
    if (size == 0 || size > sizeof s->fill) return whet_cpu_refuse(k, "type %s is packed", whet_dtype_name(x->dtype));
    for (int i = 0; !s->floats && i < x->shape.rank; i++)
        if (s->taps[i].most > 1) return whet_cpu_refuse(k, "type %s is not interpolated", whet_dtype_name(x->dtype));
    s->nest = (whet_resize_nest){.rank = x->shape.rank, .taps = s->taps};
    if (!s->grad) s->nest.fill = (double)whet_node_float(k->n, "extrapolation_value", 0);
    whet_tensor one = {.dtype = x->dtype, .shape = WHET_SHAPE(1), .data = s->fill};
    whet_tensor_set_f64(&one, 0, s->nest.fill);
    cpu_strides(x, s->nest.is);
    cpu_strides(&k->out[0], s->nest.os);
    return WHET_OK;
}

static void ref_range(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    const resize_state *s = k->state;
    if (k->in[0].dtype == WHET_F32) whet_resize_f32_direct(&s->nest, begin, end, k->in[0].data, k->out[0].data);
    else if (k->in[0].dtype == WHET_F64) whet_resize_f64_direct(&s->nest, begin, end, k->in[0].data, k->out[0].data);
    else whet_resize_copy_ref(&s->nest, begin, end, whet_dtype_size(k->in[0].dtype), k->in[0].data, k->out[0].data, s->fill);
}

static whet_status ref_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, NEST_GRAIN, k->team, ref_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

#define RESIZE(symbol, op_)                                                                                         \
    const whet_cpu_impl whet_cpu_##symbol##_own = {.op = op_, .name = "own", .provider = WHET_PROVIDER_VEC,         \
                                                   .create = create_own, .run = own_run, .destroy = destroy};       \
    const whet_cpu_impl whet_cpu_##symbol##_ref = {.op = op_, .name = "ref", .provider = WHET_PROVIDER_REF,         \
                                                   .create = create_ref, .run = ref_run, .destroy = destroy};
RESIZE(Resize, "Resize")
RESIZE(ResizeGrad, "whet.ResizeGrad")
RESIZE(PadMap, "Pad")
RESIZE(PadGrad, "whet.PadGrad")
