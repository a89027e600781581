/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of pooling, reductions and resizing. Definitions: PyTorch's documentation of torch and torch.nn.functional. */
#include <math.h>

#include "formats/torchscript/ts_ops.h"

typedef struct window {
    int n;
    int64_t kernel[3], strides[3], pads[6], dilations[3];
    bool ceil;
} window;

/* kernel, stride (the kernel's where left out) and padding stand at 1, 2, 3. */
static whet_status read_window(ts_call *c, int dilation, int ceil_mode, window *w, whet_vid *x)
{
    int rank = 0, given = 0;
    int64_t ints[WHET_MAX_RANK];
    WHET_TRY(ts_in(c, 0, x));
    const char last = c->name[strlen(c->name) - 2]; /* ..._pool2d */
    w->n = last == '1' ? 1 : last == '3' ? 3 : 2;
    rank = ts_dims(c, *x)->rank;
    if (rank >= 0 && rank != w->n + 2) return ts_refuse(c, "an input of rank %d is not handled", rank);
    WHET_TRY(ts_get_each(c, 1, w->n, 1, w->kernel));
    WHET_TRY(ts_get_ints(c, 2, WHET_MAX_RANK, ints, &given));
    if (given > 0) WHET_TRY(ts_get_each(c, 2, w->n, 1, w->strides));
    else memcpy(w->strides, w->kernel, sizeof(w->strides));
    WHET_TRY(ts_get_each(c, 3, w->n, 0, w->pads));
    for (int i = 0; i < w->n; i++) w->pads[w->n + i] = w->pads[i];
    for (int i = 0; i < w->n; i++) w->dilations[i] = 1;
    if (dilation > 0) WHET_TRY(ts_get_each(c, dilation, w->n, 1, w->dilations));
    return ts_get_bool(c, ceil_mode, false, &w->ceil);
}

static whet_status emit_pool(ts_call *c, const char *op, const window *w, whet_vid x, bool average, bool count_pad)
{
    whet_vid y = WHET_NO_VALUE;
    const whet_attr attrs[6] = {whet_attr_ints("kernel_shape", w->n, w->kernel), whet_attr_ints("strides", w->n, w->strides),
                                whet_attr_ints("pads", 2 * w->n, w->pads), whet_attr_int("ceil_mode", w->ceil),
                                average ? whet_attr_int("count_include_pad", count_pad) : whet_attr_ints("dilations", w->n, w->dilations)};
    WHET_TRY(ts_emit(c, op, WHET_IN(x), 5, attrs, &y));
    return ts_result(c, y);
}

whet_status ts_read_max_pool(ts_call *c)
{
    window w = {0};
    whet_vid x = WHET_NO_VALUE;
    WHET_TRY(read_window(c, 4, 5, &w, &x));
    return emit_pool(c, "MaxPool", &w, x, false, false);
}

whet_status ts_read_avg_pool(ts_call *c)
{
    window w = {0};
    whet_vid x = WHET_NO_VALUE;
    bool count_pad = true;
    WHET_TRY(read_window(c, 0, 4, &w, &x));
    WHET_TRY(ts_get_bool(c, 5, true, &count_pad));
    if (ts_given(c, 6)) return ts_refuse(c, "divisor_override is not handled");
    return emit_pool(c, "AveragePool", &w, x, true, count_pad);
}

/* To 1x1 the mean of all; else windows that are equal where the sizes divide. */
whet_status ts_read_adaptive_pool(ts_call *c)
{
    window w = {.n = strcmp(c->name, "adaptive_avg_pool1d") == 0 ? 1 : 2};
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    int64_t size[WHET_MAX_RANK];
    int n = 0;
    bool one = true;
    WHET_TRY(ts_in(c, 0, &x));
    const ts_value *list = &c->arg[1];
    for (int i = 0; (list->kind == TSV_LIST || list->kind == TSV_TUPLE) && i < list->as.list->n; i++)
        if (list->as.list->v[i].kind == TSV_NONE) return ts_refuse(c, "an output size of None is not handled");
    WHET_TRY(ts_get_ints(c, 1, WHET_MAX_RANK, size, &n));
    if (n == 1) size[1] = size[0];
    else if (n != w.n) return ts_refuse(c, "an output size of %d numbers is not handled", n);
    for (int i = 0; i < w.n; i++) one &= size[i] == 1;
    const whet_dims *d = ts_dims(c, x);
    if (d->rank >= 0 && d->rank != w.n + 2) return ts_refuse(c, "an input of rank %d is not handled", d->rank);
    if (one) {
        WHET_TRY(ts_emit(c, "GlobalAveragePool", WHET_IN(x), WHET_NO_ATTRS, &y));
        return ts_result(c, y);
    }
    for (int i = 0; i < w.n; i++) {
        int64_t have = d->rank < 0 ? -1 : d->dims[2 + i];
        if (have <= 0 || size[i] <= 0 || have % size[i] != 0)
            return ts_refuse(c, "an output size that does not divide the input's, or an input whose size is not known, is not handled");
        w.kernel[i] = w.strides[i] = have / size[i];
    }
    bool same = true;
    for (int i = 0; i < w.n; i++) same &= w.kernel[i] == 1;
    if (same) return ts_read_copy(c);
    return emit_pool(c, "AveragePool", &w, x, true, true);
}

/* --- reductions */

static whet_status emit_reduce(ts_call *c, const char *op, whet_vid x, int at_dim, int at_keep)
{
    whet_vid in[2] = {x, WHET_NO_VALUE}, y = WHET_NO_VALUE;
    int64_t axes[WHET_MAX_RANK];
    int n = 0;
    bool keep = false;
    WHET_TRY(ts_get_ints(c, at_dim, WHET_MAX_RANK, axes, &n));
    WHET_TRY(ts_get_bool(c, at_keep, false, &keep));
    if (n > 0) WHET_TRY(ts_ints(c, n, axes, &in[1]));
    const whet_attr at = whet_attr_int("keepdims", keep);
    WHET_TRY(ts_emit(c, op, n > 0 ? 2 : 1, in, 1, &at, &y));
    return ts_result(c, y);
}

whet_status ts_read_reduce(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    int64_t code = 6;
    WHET_TRY(ts_in(c, 0, &x));
    if (strstr(c->op->params, "dtype")) WHET_TRY(ts_get_int(c, 3, 6, &code));
    if (strstr(c->op->params, "dtype") && ts_given(c, 3)) WHET_TRY(ts_cast(c, x, ts_dtype_of_code(code), &x));
    return emit_reduce(c, c->op->ir, x, 1, 2);
}

whet_status ts_read_vector_norm(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    double ord = 2;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_get_float(c, 1, 2, &ord));
    if (ord != 1 && ord != 2) return ts_refuse(c, "order %g is not handled", ord);
    return emit_reduce(c, ord == 1 ? "ReduceL1" : "ReduceL2", x, 2, 3);
}

whet_status ts_read_arg_extremum(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE, all = WHET_NO_VALUE;
    int rank = 0, axis = 0;
    bool keep = false;
    const int64_t flat = -1;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    WHET_TRY(ts_get_bool(c, 2, false, &keep));
    if (ts_given(c, 1)) {
        WHET_TRY(ts_get_axis(c, 1, 0, rank, &axis));
    } else {
        WHET_TRY(ts_ints(c, 1, &flat, &all));
        WHET_TRY(ts_emit(c, "Reshape", WHET_IN(x, all), WHET_NO_ATTRS, &x));
    }
    const whet_attr attrs[2] = {whet_attr_int("axis", axis), whet_attr_int("keepdims", keep)};
    WHET_TRY(ts_emit(c, c->op->ir, WHET_IN(x), 2, attrs, &y));
    return ts_result(c, y);
}

/* --- resizing */

static const struct { const char *name, *mode; bool corners; } upsamples[] = {
    {"upsample_bilinear2d", "linear", true}, {"upsample_bicubic2d", "cubic", true}, {"upsample_nearest2d", "nearest", false},
    {"_upsample_nearest_exact2d", "nearest", false}};

/* Batch and channels stay: sizes [n, c, h, w]. */
static whet_status resize_sizes(ts_call *c, whet_vid x, whet_vid *out)
{
    const whet_attr axis = whet_attr_int("axis", 0);
    const whet_dims *d = ts_dims(c, x);
    whet_vid head = WHET_NO_VALUE, tail = WHET_NO_VALUE;
    int64_t sizes[4];
    int n = 0;
    bool known = d->dims[0] >= 0 && d->dims[1] >= 0;
    const ts_list *l = c->arg[1].as.list;
    if (l->n != 2) return ts_refuse(c, "%d output sizes are not handled", l->n);
    for (int i = 0; i < 2; i++) {
        known &= ts_whole(&l->v[i], &sizes[2 + i]);
        sizes[i] = d->dims[i];
    }
    if (known) return ts_ints(c, 4, sizes, out);
    WHET_TRY(ts_emit(c, "Shape", WHET_IN(x), WHET_ATTRS(whet_attr_int("start", 0), whet_attr_int("end", 2)), &head));
    WHET_TRY(ts_sizes(c, &c->arg[1], &tail, &n));
    return whet_graph_op1(c->e->g, "Concat", WHET_IN(head, tail), 1, &axis, out);
}

/* Scales as the call gives them: with them torch computes coordinates by the scale, not by the ratio of the sizes. */
static whet_status resize_scales(ts_call *c, const double s[2], whet_vid *out)
{
    const whet_shape shape = WHET_SHAPE(4);
    whet_tensor t;
    whet_tensor_init(&t);
    WHET_TRY(whet_tensor_alloc(&t, WHET_F32, &shape));
    float *f = t.data;
    f[0] = f[1] = 1;
    f[2] = (float)s[0];
    f[3] = (float)s[1];
    whet_status status = whet_graph_const(c->e->g, NULL, &t, out);
    whet_tensor_dispose(&t);
    return status;
}

static bool two_numbers(const ts_value *v, double out[2])
{
    if (v->kind != TSV_LIST && v->kind != TSV_TUPLE) return false;
    return v->as.list->n == 2 && ts_number(&v->as.list->v[0], &out[0]) && ts_number(&v->as.list->v[1], &out[1]);
}

/* (input, sizes, align_corners, scale_h, scale_w) or (input, sizes or None, align_corners, [scale_h, scale_w] or None); the
 * nearest ones have no align_corners. */
whet_status ts_read_upsample(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, in[4] = {WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE}, y = WHET_NO_VALUE;
    const char *mode = NULL, *coords = "half_pixel";
    bool has_corners = false, corners = false;
    double scale[2] = {0, 0};
    int rank = 0;
    for (size_t i = 0; i < WHET_COUNT(upsamples); i++)
        if (strcmp(upsamples[i].name, c->op->name) == 0) {
            mode = upsamples[i].mode;
            has_corners = upsamples[i].corners;
        }
    if (!mode) return ts_refuse(c, "the mode is not handled");
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    if (rank != 4) return ts_refuse(c, "an input of rank %d is not handled", rank);
    int at = has_corners ? 3 : 2;
    if (has_corners) WHET_TRY(ts_get_bool(c, 2, false, &corners));
    bool scales = two_numbers(&c->arg[at], scale) || (ts_number(&c->arg[at], &scale[0]) && ts_number(&c->arg[at + 1], &scale[1]));
    bool sizes = c->arg[1].kind == TSV_LIST || c->arg[1].kind == TSV_TUPLE;
    in[0] = x;
    if (scales && (!sizes || !corners)) WHET_TRY(resize_scales(c, scale, &in[2]));
    else if (sizes) WHET_TRY(resize_sizes(c, x, &in[3]));
    else return ts_refuse(c, "neither sizes nor scales are known");
    if (corners) coords = "align_corners";
    else if (strcmp(mode, "nearest") == 0) coords = *c->op->name == '_' ? "half_pixel" : "asymmetric";
    const whet_attr attrs[4] = {whet_attr_string("mode", mode), whet_attr_string("coordinate_transformation_mode", coords),
                                whet_attr_float("cubic_coeff_a", -0.75f),
                                whet_attr_string("nearest_mode", *c->op->name == '_' ? "round_prefer_ceil" : "floor")};
    WHET_TRY(ts_emit(c, "Resize", in[3] >= 0 ? 4 : 3, in, 4, attrs, &y));
    return ts_result(c, y);
}
