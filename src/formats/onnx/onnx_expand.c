/* SPDX-License-Identifier: Apache-2.0 */
/* The builder for nodes that become several, and the small operators among them: LpNormalization, LpPool,
 * MeanVarianceNormalization, Hardmax, SwiGLU, CenterCropPad. Source of the bodies: the operators' definitions
 * (Operators.md of the ONNX project). Gradients, passes and kernels come with the operators they are made of. */
#include "formats/onnx/onnx_expand.h"

#include <stdarg.h>
#include <stdio.h>

#include "formats/onnx/onnx_upgrade.h"

whet_vid onnx_b_in(const onnx_builder *b, int i) { return i < b->w->n_in ? b->w->in[i] : WHET_NO_VALUE; }

whet_vid onnx_b_node(onnx_builder *b, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attr)
{
    whet_vid out = WHET_NO_VALUE;
    if (b->status == WHET_OK) b->status = whet_graph_op1(b->g, op, n_in, in, n_attr, attr, &out);
    return out;
}

whet_vid onnx_b_op1(onnx_builder *b, const char *op, whet_vid x) { return onnx_b_node(b, op, 1, &x, 0, NULL); }

whet_vid onnx_b_op2(onnx_builder *b, const char *op, whet_vid x, whet_vid y)
{
    return onnx_b_node(b, op, 2, (const whet_vid[]){x, y}, 0, NULL);
}

whet_vid onnx_b_ints(onnx_builder *b, int n, const int64_t *x)
{
    whet_vid out = WHET_NO_VALUE;
    if (b->status == WHET_OK) b->status = whet_graph_const_s64(b->g, NULL, n, x, &out);
    return out;
}

whet_vid onnx_b_number(onnx_builder *b, whet_vid like, double x)
{
    whet_vid out = WHET_NO_VALUE;
    if (b->status == WHET_OK) b->status = whet_graph_const_like(b->g, onnx_b_dtype(b, like), x, &out);
    return out;
}

whet_vid onnx_b_integer(onnx_builder *b, int64_t x)
{
    whet_vid out = WHET_NO_VALUE;
    if (b->status == WHET_OK) b->status = whet_graph_const_like(b->g, WHET_S64, (double)x, &out);
    return out;
}

whet_vid onnx_b_reshape(onnx_builder *b, whet_vid x, int n, const int64_t *shape)
{
    return onnx_b_op2(b, "Reshape", x, onnx_b_ints(b, n, shape));
}

whet_vid onnx_b_transpose(onnx_builder *b, whet_vid x, int n, const int64_t *perm)
{
    const whet_attr a = whet_attr_ints("perm", n, perm);
    return onnx_b_node(b, "Transpose", 1, &x, 1, &a);
}

whet_vid onnx_b_cast(onnx_builder *b, whet_vid x, whet_dtype t)
{
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(t));
    return onnx_b_dtype(b, x) == t ? x : onnx_b_node(b, "Cast", 1, &x, 1, &to);
}

whet_vid onnx_b_slice(onnx_builder *b, whet_vid x, int64_t axis, int64_t start, int64_t end, int64_t step)
{
    const whet_vid in[5] = {x, ONNX_INTS(b, start), ONNX_INTS(b, end), ONNX_INTS(b, axis), ONNX_INTS(b, step)};
    return onnx_b_node(b, "Slice", 5, in, 0, NULL);
}

whet_dtype onnx_b_dtype(const onnx_builder *b, whet_vid x) { return x >= 0 ? b->g->values[x].dtype : WHET_DTYPE_NONE; }
int onnx_b_rank(const onnx_builder *b, whet_vid x) { return x >= 0 ? b->g->values[x].dims.rank : -1; }

whet_dim onnx_b_dim(const onnx_builder *b, whet_vid x, int axis)
{
    const int rank = onnx_b_rank(b, x), a = axis < 0 ? axis + rank : axis;
    return a >= 0 && a < rank ? b->g->values[x].dims.dims[a] : WHET_DIM_UNKNOWN;
}

whet_vid onnx_b_size(onnx_builder *b, whet_vid x, int axis)
{
    const whet_dim n = onnx_b_dim(b, x, axis);
    if (n >= 0) return onnx_b_integer(b, n);
    return onnx_b_op2(b, "Gather", onnx_b_op1(b, "Shape", x), onnx_b_integer(b, axis));
}

void onnx_b_fail(onnx_builder *b, whet_status status, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    if (b->status != WHET_OK) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    b->status = onnx_fail(b->w, status, "%s: %s", b->w->op, text);
}

void onnx_b_out(onnx_builder *b, int o, whet_vid v)
{
    if (b->status != WHET_OK || o >= b->w->n_out || (b->w->out_names[o] && b->w->out_names[o][0] == '\0')) return;
    b->status = whet_graph_node(b->g, "Identity", o == 0 ? b->w->proto->name : NULL, 1, &v, 0, NULL, 1, &b->w->out_names[o], &b->w->out[o]);
    if (b->status != WHET_OK || v < b->w->first_made || b->g->values[v].kind != WHET_VALUE_RESULT) return;
    if (!WHET_GROW(&b->r->named, b->r->n_named, &b->r->cap_named)) b->status = WHET_ENOMEM;
    else b->r->named[b->r->n_named++] = b->g->n_nodes - 1;
}

void onnx_b_attrs(onnx_builder *b, const char *names)
{
    for (int i = 0; i < b->w->n_attr; i++) {
        const char *name = b->w->attr[i].name, *at = strstr(names, name);
        const size_t n = strlen(name);
        while (at != NULL && !((at == names || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))) at = strstr(at + 1, name);
        if (at == NULL) onnx_b_fail(b, WHET_EUNSUPPORTED, "attribute '%s' is not handled (opset %d)", name, b->w->opset);
    }
}

whet_status onnx_b_done(onnx_builder *b)
{
    if (b->status != WHET_OK) whet_error_at_node(b->w->name);
    b->w->done = true;
    return b->status;
}

whet_vid onnx_b_scales(onnx_builder *b, whet_vid x, whet_vid y)
{
    const whet_tensor *s = x >= 0 ? whet_graph_const_data(b->g, x) : NULL, *t = y >= 0 ? whet_graph_const_data(b->g, y) : NULL;
    whet_tensor made;
    whet_vid out = WHET_NO_VALUE;
    if (s == NULL || t == NULL || s->dtype != WHET_F32 || t->dtype != WHET_F32 || (whet_tensor_numel(s) != 1 && whet_tensor_numel(t) != 1))
        return onnx_b_op2(b, "Mul", x, y);
    const whet_tensor *many = whet_tensor_numel(s) > 1 || s->shape.rank > t->shape.rank ? s : t, *single = many == s ? t : s;
    whet_tensor_init(&made);
    if (b->status == WHET_OK) b->status = whet_tensor_copy(&made, many);
    for (int64_t i = 0; b->status == WHET_OK && i < whet_tensor_numel(&made); i++) ((float *)made.data)[i] *= *(const float *)single->data;
    if (b->status == WHET_OK) b->status = whet_graph_const(b->g, NULL, &made, &out);
    whet_tensor_dispose(&made);
    return out;
}

const whet_attr *onnx_b_list(onnx_builder *b, const char *name)
{
    const whet_attr *a = onnx_work_attr(b->w, name);
    if (a != NULL && a->type != WHET_ATTR_INTS) onnx_b_fail(b, WHET_EFORMAT, "attribute '%s' must be integers", name);
    return a != NULL && a->type == WHET_ATTR_INTS ? a : NULL;
}

static onnx_builder begin(onnx_reader *r, onnx_work *w, int n_in, const char *attrs)
{
    onnx_builder b = {r->g, w, WHET_OK, r};
    for (int i = 0; i < n_in; i++)
        if (onnx_b_in(&b, i) < 0) onnx_b_fail(&b, WHET_EFORMAT, "required input %d is missing", i);
    onnx_b_attrs(&b, attrs);
    return b;
}

/* --- small operators */

/* (sum of |x|^p over the window)^(1/p): the mean of the window, zeros around it counted, times its size. */
whet_status onnx_upgrade_lp_pool(onnx_reader *r, onnx_work *w)
{
    static const char *const kept[] = {"auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides"};
    onnx_builder b = begin(r, w, 1, "auto_pad ceil_mode dilations kernel_shape pads strides p");
    const whet_vid x = onnx_b_in(&b, 0);
    const whet_attr *window = onnx_b_list(&b, "kernel_shape");
    const int64_t p = onnx_work_int(w, "p", 2);
    whet_attr attrs[1 + WHET_COUNT(kept)] = {whet_attr_int("count_include_pad", 1)};
    int n = 1;
    double size = 1;
    if (window == NULL) onnx_b_fail(&b, WHET_EFORMAT, "kernel_shape is missing");
    if (p < 1) onnx_b_fail(&b, WHET_EINVAL, "p is %lld", (long long)p);
    if (onnx_work_int(w, "ceil_mode", 0) != 0) onnx_b_fail(&b, WHET_EUNSUPPORTED, "ceil_mode is not handled");
    for (int i = 0; b.status == WHET_OK && i < window->n; i++) size *= (double)window->ints[i];
    for (size_t i = 0; i < WHET_COUNT(kept); i++) {
        const whet_attr *a = onnx_work_attr(w, kept[i]);
        const whet_attr_type want = i == 0 ? WHET_ATTR_STRING : i == 1 ? WHET_ATTR_INT : WHET_ATTR_INTS;
        if (a != NULL && a->type != want) onnx_b_fail(&b, WHET_EFORMAT, "attribute '%s' has a wrong type", kept[i]);
        if (a != NULL) attrs[n++] = *a;
    }
    const whet_vid power = onnx_b_op2(&b, "Pow", onnx_b_op1(&b, "Abs", x), onnx_b_number(&b, x, (double)p));
    const whet_vid mean = onnx_b_node(&b, "AveragePool", 1, &power, n, attrs);
    const whet_vid sum = onnx_b_op2(&b, "Mul", mean, onnx_b_number(&b, x, size));
    onnx_b_out(&b, 0, onnx_b_op2(&b, "Pow", sum, onnx_b_number(&b, x, 1 / (double)p)));
    return onnx_b_done(&b);
}

whet_status onnx_upgrade_lp_normalization(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = begin(r, w, 1, "axis p");
    const whet_vid x = onnx_b_in(&b, 0);
    const int64_t p = onnx_work_int(w, "p", 2);
    if (p != 1 && p != 2) onnx_b_fail(&b, WHET_EINVAL, "p is %lld, not 1 or 2", (long long)p);
    const whet_vid norm = onnx_b_op2(&b, p == 1 ? "ReduceL1" : "ReduceL2", x, ONNX_INTS(&b, onnx_work_int(w, "axis", -1)));
    /* zeros stay zeros: they are divided by 1 */
    const whet_vid zero = onnx_b_op2(&b, "Equal", norm, onnx_b_number(&b, x, 0));
    const whet_vid by = onnx_b_node(&b, "Where", 3, (const whet_vid[]){zero, onnx_b_number(&b, x, 1), norm}, 0, NULL);
    onnx_b_out(&b, 0, onnx_b_op2(&b, "Div", x, by));
    return onnx_b_done(&b);
}

whet_status onnx_upgrade_mean_variance(onnx_reader *r, onnx_work *w)
{
    static const int64_t usual[3] = {0, 2, 3};
    onnx_builder b = begin(r, w, 1, "axes");
    const whet_attr *a = onnx_b_list(&b, "axes");
    const whet_vid x = onnx_b_in(&b, 0), axes = a != NULL ? onnx_b_ints(&b, a->n, a->ints) : onnx_b_ints(&b, 3, usual);
    const whet_vid centred = onnx_b_op2(&b, "Sub", x, onnx_b_op2(&b, "ReduceMean", x, axes));
    const whet_vid variance = onnx_b_op2(&b, "ReduceMean", onnx_b_op2(&b, "Mul", centred, centred), axes);
    const whet_vid deviation = onnx_b_op2(&b, "Add", onnx_b_op1(&b, "Sqrt", variance), onnx_b_number(&b, x, 1e-9));
    onnx_b_out(&b, 0, onnx_b_op2(&b, "Div", centred, deviation));
    return onnx_b_done(&b);
}

/* Before opset 13 the input was flattened at `axis`. */
whet_status onnx_upgrade_hardmax(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = begin(r, w, 1, "axis");
    const int64_t axis = onnx_work_int(w, "axis", w->opset < 13 ? 1 : -1);
    const whet_vid x = onnx_b_in(&b, 0);
    const int rank = onnx_b_rank(&b, x);
    if (w->opset < 13 && axis != -1 && axis != rank - 1) onnx_b_fail(&b, WHET_EUNSUPPORTED, "over several axes (opset %d) is not handled", w->opset);
    const whet_dim n = onnx_b_dim(&b, x, (int)axis);
    if (n < 0) onnx_b_fail(&b, WHET_EUNSUPPORTED, "axis %lld has no known size", (long long)axis);
    const whet_attr at[2] = {whet_attr_int("axis", axis), whet_attr_int("keepdims", 0)};
    const whet_vid best = onnx_b_node(&b, "ArgMax", 1, &x, 2, at);
    const whet_vid off_on = onnx_b_cast(&b, ONNX_INTS(&b, 0, 1), onnx_b_dtype(&b, x));
    const whet_vid in[3] = {best, onnx_b_integer(&b, n), off_on};
    onnx_b_out(&b, 0, onnx_b_node(&b, "OneHot", 3, in, 1, at));
    return onnx_b_done(&b);
}

whet_status onnx_upgrade_swiglu(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = begin(r, w, 2, "alpha");
    const whet_attr *a = onnx_work_attr(w, "alpha");
    const whet_attr alpha = whet_attr_float("alpha", a != NULL && a->type == WHET_ATTR_FLOAT ? a->f : 1.0f);
    const whet_vid gate = onnx_b_in(&b, 0);
    onnx_b_out(&b, 0, onnx_b_op2(&b, "Mul", onnx_b_node(&b, "Swish", 1, &gate, 1, &alpha), onnx_b_in(&b, 1)));
    return onnx_b_done(&b);
}

/* Crop first, then pad: an axis needs one of them. */
whet_status onnx_upgrade_center_crop_pad(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = begin(r, w, 2, "axes");
    const whet_attr *a = onnx_b_list(&b, "axes");
    const whet_vid x = onnx_b_in(&b, 0);
    const whet_tensor *to = whet_graph_const_data(b.g, onnx_b_in(&b, 1));
    const int rank = onnx_b_rank(&b, x), n = a != NULL ? a->n : rank;
    int64_t starts[WHET_MAX_RANK], ends[WHET_MAX_RANK], axes[WHET_MAX_RANK], pads[2 * WHET_MAX_RANK];
    if (to == NULL || rank < 0) onnx_b_fail(&b, WHET_EUNSUPPORTED, "the shape is not constant (type s64)");
    else if (n > WHET_MAX_RANK || whet_tensor_numel(to) != n) onnx_b_fail(&b, WHET_ESHAPE, "the shape has not %d entries", n);
    for (int i = 0; b.status == WHET_OK && i < n; i++) {
        axes[i] = a != NULL ? a->ints[i] : i;
        const int64_t size = whet_tensor_get_s64(to, i);
        const whet_dim have = onnx_b_dim(&b, x, (int)axes[i]);
        if (have < 0 || size < 0) {
            onnx_b_fail(&b, WHET_EUNSUPPORTED, "axis %lld has no known size", (long long)axes[i]);
            break;
        }
        const int64_t cut = WHET_MAX(have - size, 0), add = WHET_MAX(size - have, 0);
        starts[i] = cut / 2;
        ends[i] = starts[i] + have - cut;
        pads[i] = add / 2;
        pads[n + i] = add - add / 2;
    }
    if (b.status != WHET_OK) return onnx_b_done(&b);
    const whet_vid along = onnx_b_ints(&b, n, axes);
    const whet_vid cropped = onnx_b_node(&b, "Slice", 4, (const whet_vid[]){x, onnx_b_ints(&b, n, starts), onnx_b_ints(&b, n, ends), along}, 0, NULL);
    onnx_b_out(&b, 0, onnx_b_node(&b, "Pad", 4, (const whet_vid[]){cropped, onnx_b_ints(&b, 2 * n, pads), WHET_NO_VALUE, along}, 0, NULL));
    return onnx_b_done(&b);
}
