/* SPDX-License-Identifier: Apache-2.0 */
/* Channels-last tensors in a channels-first graph: the two forms of a tensor, axes, broadcasting, permuted constants. */
#include "formats/nhwc_import.h"

#include <string.h>

static const int64_t to_first[4] = {0, 3, 1, 2}, to_last[4] = {0, 2, 3, 1};

static whet_vid any_form(const whet_nhwc *t) { return t->last >= 0 ? t->last : t->first; }

whet_dims whet_nhwc_dims(const whet_graph *g, const whet_nhwc *t)
{
    if (t->last >= 0) return g->values[t->last].dims;
    whet_dims d = g->values[t->first].dims, out = d;
    for (int i = 0; i < 4 && d.rank == 4; i++) out.dims[i] = d.dims[to_last[i]];
    return out;
}

whet_dtype whet_nhwc_dtype(const whet_graph *g, const whet_nhwc *t) { return g->values[any_form(t)].dtype; }

/* Only sizes of 1 change places, so both forms have the same bytes. */
static bool same_bytes(const whet_dims *d)
{
    return d->rank == 4 && (d->dims[3] == 1 || (d->dims[1] == 1 && d->dims[2] == 1));
}

/* A constant of its own with permuted axes. */
static whet_status permuted_const(whet_graph *g, const char *name, const whet_tensor *src, const int64_t *perm, whet_vid *out)
{
    whet_tensor t;
    whet_status status = whet_tensor_permute(src, perm, &t);
    if (status == WHET_OK) status = whet_graph_const(g, name, &t, out);
    whet_tensor_dispose(&t);
    return status;
}

static bool is_identity(int rank, const int64_t *perm)
{
    for (int i = 0; i < rank; i++)
        if (perm[i] != i) return false;
    return true;
}

whet_status whet_nhwc_weight(whet_graph *g, const char *name, const whet_tensor *src, const int64_t *perm, whet_vid *out)
{
    const int rank = src->shape.rank;
    whet_vid c = WHET_NO_VALUE;
    if (is_identity(rank, perm)) return whet_graph_const(g, name, src, out);
    if (whet_tensor_bytes(src) <= WHET_TENSOR_VIEW) return permuted_const(g, name, src, perm, out);
    WHET_TRY(whet_graph_const(g, name, src, &c));
    return whet_graph_op1(g, "Transpose", WHET_IN(c), WHET_ATTRS(whet_attr_ints("perm", rank, perm)), out);
}

whet_status whet_nhwc_get(whet_graph *g, whet_nhwc *t, whet_layout form, whet_vid *out)
{
    whet_vid *want = form == WHET_NCHW ? &t->first : &t->last;
    const whet_vid have = form == WHET_NCHW ? t->last : t->first;
    *out = *want;
    if (*want >= 0) return WHET_OK;
    const whet_value *v = &g->values[have];
    const int64_t *perm = form == WHET_NCHW ? to_first : to_last;
    if (v->dims.rank != 4) {
        char text[160];
        return WHET_FAIL(WHET_ESHAPE, "'%s' should have 4 dimensions, but is %s", v->name, whet_dims_text(g, &v->dims, text, sizeof(text)));
    }
    const whet_tensor *data = whet_graph_const_data(g, have);
    if (data && whet_tensor_bytes(data) <= WHET_TENSOR_VIEW) WHET_TRY(permuted_const(g, v->name, data, perm, out));
    else WHET_TRY(whet_graph_op1(g, "Transpose", WHET_IN(have), WHET_ATTRS(whet_attr_ints("perm", 4, perm)), out));
    *want = *out;
    return WHET_OK;
}

whet_status whet_nhwc_flat(whet_graph *g, whet_nhwc *t, whet_vid *out)
{
    whet_dims d = whet_nhwc_dims(g, t);
    *out = t->last;
    if (t->last < 0 && same_bytes(&d)) *out = t->first;
    return *out >= 0 ? WHET_OK : whet_nhwc_get(g, t, WHET_NHWC, out);
}

whet_status whet_nhwc_shape(whet_graph *g, const whet_nhwc *t, whet_vid *out)
{
    whet_dims d = whet_nhwc_dims(g, t);
    whet_shape s;
    whet_vid order = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    if (whet_dims_concrete(&d, &s)) return whet_graph_const_s64(g, NULL, s.rank, s.dims, out);
    if (t->last >= 0) return whet_graph_op1(g, "Shape", WHET_IN(t->last), WHET_NO_ATTRS, out);
    WHET_TRY(whet_graph_op1(g, "Shape", WHET_IN(t->first), WHET_NO_ATTRS, &shape));
    WHET_TRY(whet_graph_const_s64(g, NULL, 4, to_last, &order));
    return whet_graph_op1(g, "Gather", WHET_IN(shape, order), WHET_ATTRS(whet_attr_int("axis", 0)), out);
}

const whet_tensor *whet_nhwc_const(const whet_graph *g, const whet_nhwc *t)
{
    if (t->last >= 0) return whet_graph_const_data(g, t->last);
    const whet_dims d = t->first >= 0 ? whet_nhwc_dims(g, t) : (whet_dims){.rank = -1};
    return same_bytes(&d) ? whet_graph_const_data(g, t->first) : NULL;
}

whet_layout whet_nhwc_form(const whet_graph *g, int n, const whet_nhwc *const *t)
{
    whet_layout form = WHET_NHWC;
    for (int i = 0; i < n; i++) {
        const whet_vid v = any_form(t[i]);
        const int rank = g->values[v].dims.rank;
        if (rank < 0 || rank > 4) return WHET_NHWC;
        if (t[i]->first >= 0 && g->values[t[i]->first].kind != WHET_VALUE_CONST) form = WHET_NCHW;
    }
    return form;
}

int whet_nhwc_axis(int axis, int rank, whet_layout form)
{
    static const int at[4] = {0, 2, 3, 1};
    return rank == 4 && form == WHET_NCHW && axis >= 0 && axis < 4 ? at[axis] : axis;
}

void whet_nhwc_permute_list(int rank, whet_layout form, int64_t *list)
{
    if (rank != 4 || form != WHET_NCHW) return;
    const int64_t channels = list[3];
    list[3] = list[2];
    list[2] = list[1];
    list[1] = channels;
}

bool whet_nhwc_order_kept(int rank, uint32_t removed)
{
    return rank != 4 || (removed & 8) != 0 || (removed & 6) == 6;
}

/* Shape with ones in front, `rank` dimensions in all, as a value: 0 copies, so symbols stay. */
static whet_status lift(whet_graph *g, whet_vid v, int rank, whet_vid *out)
{
    int64_t axes[WHET_MAX_RANK] = {0};
    const int missing = rank - g->values[v].dims.rank;
    const whet_tensor *data = whet_graph_const_data(g, v);
    whet_vid where = WHET_NO_VALUE;
    *out = v;
    if (missing <= 0) return WHET_OK;
    if (data) { /* the same bytes under another shape */
        whet_tensor t = *data;
        t.shape.rank = rank;
        for (int i = 0; i < rank; i++) t.shape.dims[i] = i < missing ? 1 : data->shape.dims[i - missing];
        return whet_graph_const(g, g->values[v].name, &t, out);
    }
    for (int i = 0; i < missing; i++) axes[i] = i;
    WHET_TRY(whet_graph_const_s64(g, NULL, missing, axes, &where));
    return whet_graph_op1(g, "Unsqueeze", WHET_IN(v, where), WHET_NO_ATTRS, out);
}

whet_status whet_nhwc_operand(whet_graph *g, whet_nhwc *t, int rank, whet_layout form, whet_vid *out)
{
    const whet_dims d = whet_nhwc_dims(g, t);
    whet_nhwc lifted = WHET_NHWC_NONE;
    if (form == WHET_NHWC || rank != 4) return whet_nhwc_get(g, t, WHET_NHWC, out);
    if (d.rank == 4) return whet_nhwc_get(g, t, form, out);
    *out = t->last;
    if (d.rank <= 0 || (d.rank == 1 && d.dims[0] == 1)) return WHET_OK; /* broadcasts as it is */
    WHET_TRY(lift(g, t->last, 4, &lifted.last));
    return whet_nhwc_get(g, &lifted, form, out);
}

whet_status whet_nhwc_elementwise(whet_graph *g, const char *op, const char *name, int n, whet_nhwc *const *in, int n_attr,
                                  const whet_attr *attrs, const char *out_name, whet_nhwc *out)
{
    enum { MAX = 64 };
    whet_vid v[MAX], y = WHET_NO_VALUE;
    int rank = 0;
    if (n > MAX) return WHET_FAIL(WHET_EUNSUPPORTED, "%s with %d operands is not supported, at most %d are", op, n, (int)MAX);
    for (int i = 0; i < n; i++) rank = WHET_MAX(rank, whet_nhwc_dims(g, in[i]).rank);
    const whet_layout form = whet_nhwc_form(g, n, (const whet_nhwc *const *)in);
    for (int i = 0; i < n; i++) WHET_TRY(whet_nhwc_operand(g, in[i], rank, form, &v[i]));
    WHET_TRY(whet_graph_node(g, op, name, n, v, n_attr, attrs, 1, &out_name, &y));
    *out = whet_nhwc_of(y, form);
    return WHET_OK;
}

whet_status whet_nhwc_output(whet_graph *g, whet_nhwc *t, const char *name)
{
    whet_vid v = WHET_NO_VALUE;
    WHET_TRY(whet_nhwc_get(g, t, WHET_NHWC, &v));
    if (strcmp(g->values[v].name, name) == 0) return whet_graph_output(g, v);
    const whet_vid other = whet_graph_find(g, name);
    if (g->values[v].kind != WHET_VALUE_RESULT || whet_graph_is_output(g, v)) {
        WHET_TRY(whet_graph_op1(g, "Identity", WHET_IN(v), WHET_NO_ATTRS, &v));
    }
    if (other >= 0 && (g->values[other].kind == WHET_VALUE_INPUT || whet_graph_is_output(g, other)))
        return whet_graph_output(g, v); /* the name belongs to another input or output: this one keeps its own */
    if (other >= 0) {
        char *fresh = NULL;
        for (int i = 0; i < 100; i++) {
            fresh = i ? whet_format("%s_inner%d", name, i) : whet_format("%s_inner", name);
            if (!fresh) return WHET_ENOMEM;
            if (whet_graph_find(g, fresh) < 0) break;
            whet_free(fresh);
            fresh = NULL;
        }
        whet_status status = fresh ? whet_graph_rename(g, other, fresh) : WHET_FAIL(WHET_EFORMAT, "too many values are named like '%s'", name);
        whet_free(fresh);
        WHET_TRY(status);
    }
    WHET_TRY(whet_graph_rename(g, v, name));
    return whet_graph_output(g, v);
}

/* --- windows */
static int64_t extent(const whet_nhwc_window *w, int i) { return (w->kernel[i] - 1) * w->dilation[i] + 1; }

static void same_pads(whet_nhwc_window *w, int i, int64_t in)
{
    const int64_t out = (in + w->stride[i] - 1) / w->stride[i];
    const int64_t total = WHET_MAX((out - 1) * w->stride[i] + extent(w, i) - in, 0);
    w->pads[i] = total / 2;
    w->pads[i + 2] = total - total / 2;
}

static bool any_nonzero(int n, const int64_t *x)
{
    for (int i = 0; i < n; i++)
        if (x[i] != 0) return true;
    return false;
}

int whet_nhwc_window_attrs(whet_nhwc_window *w, const whet_dims *x, bool pool, whet_attr attrs[WHET_NHWC_WINDOW_ATTRS])
{
    const bool sized = x->rank == 4 && x->dims[1] > 0 && x->dims[2] > 0 && w->stride[0] > 0 && w->stride[1] > 0;
    int n = 0;
    if (pool) attrs[n++] = whet_attr_ints("kernel_shape", 2, w->kernel);
    else if (w->dilation[0] != 1 || w->dilation[1] != 1) attrs[n++] = whet_attr_ints("dilations", 2, w->dilation);
    for (int i = 0; i < 2 && w->same && sized; i++) same_pads(w, i, x->dims[1 + i]);
    if (w->same && !sized) attrs[n++] = whet_attr_string("auto_pad", "SAME_UPPER");
    else if (any_nonzero(4, w->pads)) attrs[n++] = whet_attr_ints("pads", 4, w->pads);
    attrs[n++] = whet_attr_ints("strides", 2, w->stride);
    return n;
}

/* The gradient of a convolution that went from out[] to in[]; TensorFlow pads as that convolution does. */
whet_status whet_nhwc_transposed_attrs(whet_nhwc_window *w, const int64_t in[2], const int64_t out[2],
                                       whet_attr attrs[WHET_NHWC_WINDOW_ATTRS], int *n)
{
    for (int i = 0; i < 2; i++) {
        const int64_t full = (in[i] - 1) * w->stride[i] + extent(w, i), total = w->same ? WHET_MAX(full - out[i], 0) : 0;
        w->pads[i] = total / 2;
        w->pads[i + 2] = total - total / 2;
        w->output_padding[i] = out[i] - (full - total);
        if (in[i] < 1 || w->output_padding[i] < 0 || w->output_padding[i] >= WHET_MAX(w->stride[i], w->dilation[i]))
            return WHET_FAIL(WHET_ESHAPE, "a transposed convolution cannot make size %lld of %lld (kernel %lld, stride %lld)",
                             (long long)out[i], (long long)in[i], (long long)w->kernel[i], (long long)w->stride[i]);
    }
    *n = 0;
    if (w->dilation[0] != 1 || w->dilation[1] != 1) attrs[(*n)++] = whet_attr_ints("dilations", 2, w->dilation);
    if (any_nonzero(4, w->pads)) attrs[(*n)++] = whet_attr_ints("pads", 4, w->pads);
    if (any_nonzero(2, w->output_padding)) attrs[(*n)++] = whet_attr_ints("output_padding", 2, w->output_padding);
    attrs[(*n)++] = whet_attr_ints("strides", 2, w->stride);
    return WHET_OK;
}
