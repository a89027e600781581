/* SPDX-License-Identifier: Apache-2.0 */
/* Writers of activations, arithmetic, types and quantisation. What old versions of LibTorch do not have is written out. */
#include <math.h>

#include "formats/torchscript/ts_writer.h"

static const char *aten_name(const whet_node *n) { return ts_op_for(n->op->name)->name; }

whet_status ts_write_unary(ts_writer *w, const whet_node *n) { return ts_put(w, n, "torch.%s(%s)", aten_name(n), ts_arg(w, n, 0)); }

static const char *attr_text(ts_writer *w, const whet_node *n, const char *name, float otherwise)
{
    return ts_float_text(w, (double)whet_node_float(n, name, otherwise));
}

whet_status ts_write_selu(ts_writer *w, const whet_node *n)
{
    if (fabsf(whet_node_float(n, "alpha", 1.6732632f) - 1.6732632f) > 1e-6f || fabsf(whet_node_float(n, "gamma", 1.050701f) - 1.050701f) > 1e-6f)
        return ts_write_fail(w, n, "constants other than the usual ones");
    return ts_put(w, n, "torch.selu(%s)", ts_arg(w, n, 0));
}

/* Bounds that are numbers are written as such; others are tensors. */
whet_status ts_write_clip(ts_writer *w, const whet_node *n)
{
    const char *x = ts_arg(w, n, 0), *bound[2] = {"None", "None"};
    for (int i = 0; i < 2; i++) {
        if (!ts_has(n, 1 + i)) continue;
        const char *s = ts_number_of(w, n->in[1 + i]);
        if (s) bound[i] = s;
        else x = ts_let(w, "torch.%s(%s, %s)", i == 0 ? "maximum" : "minimum", x, ts_arg(w, n, 1 + i));
    }
    if (strcmp(bound[0], "None") == 0 && strcmp(bound[1], "None") == 0) {
        ts_set(w, n, 0, x);
        return WHET_OK;
    }
    return ts_put(w, n, "torch.clamp(%s, %s, %s)", x, bound[0], bound[1]);
}

whet_status ts_write_hard_swish(ts_writer *w, const whet_node *n) { return ts_put(w, n, "torch.hardswish(%s)", ts_arg(w, n, 0)); }

whet_status ts_write_hard_sigmoid(ts_writer *w, const whet_node *n)
{
    float a = whet_node_float(n, "alpha", 0.2f), b = whet_node_float(n, "beta", 0.5f);
    const char *x = ts_arg(w, n, 0);
    if (fabsf(a - 1.0f / 6) < 1e-6f && b == 0.5f) return ts_put(w, n, "torch.hardsigmoid(%s)", x);
    return ts_put(w, n, "torch.clamp(torch.add(torch.mul(%s, %s), %s), 0., 1.)", x, ts_float_text(w, (double)a), ts_float_text(w, (double)b));
}

whet_status ts_write_swish(ts_writer *w, const whet_node *n)
{
    const char *x = ts_arg(w, n, 0);
    if (whet_node_float(n, "alpha", 1) == 1) return ts_put(w, n, "torch.silu(%s)", x);
    return ts_put(w, n, "torch.mul(%s, torch.sigmoid(torch.mul(%s, %s)))", x, x, attr_text(w, n, "alpha", 1));
}

whet_status ts_write_mish(ts_writer *w, const whet_node *n)
{
    const char *x = ts_arg(w, n, 0);
    return ts_put(w, n, "torch.mul(%s, torch.tanh(torch.softplus(%s, 1, 20)))", x, x);
}

/* The attribute `approximate` is younger than version 3 of the file format. */
whet_status ts_write_gelu(ts_writer *w, const whet_node *n)
{
    const char *x = ts_arg(w, n, 0);
    if (strcmp(whet_node_string(n, "approximate", "none"), "tanh") != 0) return ts_put(w, n, "torch.gelu(%s)", x);
    const char *cube = ts_let(w, "torch.mul(torch.mul(torch.mul(%s, %s), %s), 0.044714999999999998)", x, x, x);
    const char *inner = ts_let(w, "torch.tanh(torch.mul(torch.add(%s, %s), %s))", x, cube, ts_float_text(w, sqrt(2 / acos(-1))));
    return ts_put(w, n, "torch.mul(torch.mul(%s, 0.5), torch.add(%s, 1.))", x, inner);
}

whet_status ts_write_leaky_relu(ts_writer *w, const whet_node *n) { return ts_put(w, n, "torch.leaky_relu(%s, %s)", ts_arg(w, n, 0), attr_text(w, n, "alpha", 0.01f)); }
whet_status ts_write_elu(ts_writer *w, const whet_node *n) { return ts_put(w, n, "torch.elu(%s, %s, 1, 1)", ts_arg(w, n, 0), attr_text(w, n, "alpha", 1)); }
whet_status ts_write_celu(ts_writer *w, const whet_node *n) { return ts_put(w, n, "torch.celu(%s, %s)", ts_arg(w, n, 0), attr_text(w, n, "alpha", 1)); }
whet_status ts_write_softplus(ts_writer *w, const whet_node *n) { return ts_put(w, n, "torch.softplus(%s, 1, 20)", ts_arg(w, n, 0)); }

whet_status ts_write_softsign(ts_writer *w, const whet_node *n)
{
    const char *x = ts_arg(w, n, 0);
    return ts_put(w, n, "torch.div(%s, torch.add(torch.abs(%s), 1.))", x, x);
}

whet_status ts_write_thresholded_relu(ts_writer *w, const whet_node *n)
{
    return ts_put(w, n, "torch.threshold(%s, %s, 0.)", ts_arg(w, n, 0), attr_text(w, n, "alpha", 1));
}

/* One slope per channel where the shapes say so; else max(x, 0) + slope * min(x, 0). */
whet_status ts_write_prelu(ts_writer *w, const whet_node *n)
{
    const whet_dims *x = ts_dims_of(w, n->in[0]), *s = ts_dims_of(w, n->in[1]);
    const char *a = ts_arg(w, n, 0), *b = ts_arg(w, n, 1);
    const int axis = s->rank - x->rank + 1; /* where dimension 1 of x lies in s */
    bool channels = x->rank > 1 && axis >= 0 && axis < s->rank && s->dims[axis] > 0 && s->dims[axis] == x->dims[1];
    for (int i = 0; i < s->rank && channels; i++) channels = i == axis || s->dims[i] == 1;
    if (channels) return ts_put(w, n, "torch.prelu(%s, %s)", a, s->rank == 1 ? b : ts_let(w, "torch.reshape(%s, [-1])", b));
    return ts_put(w, n, "torch.add(torch.relu(%s), torch.mul(torch.clamp(%s, None, 0.), %s))", a, a, b);
}

whet_status ts_write_softmax(ts_writer *w, const whet_node *n)
{
    return ts_put(w, n, "torch.%s(%s, %lld, None)", aten_name(n), ts_arg(w, n, 0), (long long)whet_node_int(n, "axis", -1));
}

whet_status ts_write_dropout(ts_writer *w, const whet_node *n)
{
    const whet_tensor *training = ts_has(n, 2) ? whet_graph_const_data(w->g, n->in[2]) : NULL;
    if (ts_has(n, 2) && (!training || whet_tensor_get_s64(training, 0) != 0)) return ts_write_fail(w, n, "training mode; write the network for inference");
    ts_set(w, n, 0, ts_arg(w, n, 0));
    return WHET_OK;
}

/* --- arithmetic */

whet_status ts_write_binary(ts_writer *w, const whet_node *n)
{
    static const char *const swaps[] = {"Add", "Mul", "Equal"};
    const char *a = ts_arg(w, n, 0), *number = ts_number_of(w, n->in[1]);
    bool swap = false;
    if (number) return ts_put(w, n, "torch.%s(%s, %s)", aten_name(n), a, number);
    for (size_t i = 0; i < WHET_COUNT(swaps); i++) swap |= whet_node_is(n, swaps[i]);
    number = swap ? ts_number_of(w, n->in[0]) : NULL;
    if (number) return ts_put(w, n, "torch.%s(%s, %s)", aten_name(n), ts_arg(w, n, 1), number);
    return ts_put(w, n, "torch.%s(%s, %s)", aten_name(n), a, ts_arg(w, n, 1));
}

whet_status ts_write_div(ts_writer *w, const whet_node *n)
{
    if (!whet_dtype_is_float(ts_dtype_of(w, n->in[0]))) return ts_write_fail(w, n, "a division of integers");
    return ts_write_binary(w, n);
}

whet_status ts_write_pow(ts_writer *w, const whet_node *n) { return ts_write_binary(w, n); }

whet_status ts_write_mod(ts_writer *w, const whet_node *n)
{
    return ts_put(w, n, "torch.%s(%s, %s)", whet_node_int(n, "fmod", 0) ? "fmod" : "remainder", ts_arg(w, n, 0), ts_arg(w, n, 1));
}

whet_status ts_write_variadic(ts_writer *w, const whet_node *n)
{
    const char *x = ts_arg(w, n, 0), *op = whet_node_is(n, "Max") ? "maximum" : whet_node_is(n, "Min") ? "minimum" : "add";
    for (int i = 1; i < n->n_in; i++) x = ts_let(w, "torch.%s(%s, %s)", op, x, ts_arg(w, n, i));
    if (whet_node_is(n, "Mean")) x = ts_let(w, "torch.div(%s, %d.)", x, n->n_in);
    ts_set(w, n, 0, x);
    return WHET_OK;
}

whet_status ts_write_where(ts_writer *w, const whet_node *n) { return ts_put(w, n, "torch.where(%s, %s, %s)", ts_arg(w, n, 0), ts_arg(w, n, 1), ts_arg(w, n, 2)); }

whet_status ts_write_identity(ts_writer *w, const whet_node *n)
{
    ts_set(w, n, 0, ts_arg(w, n, 0));
    return WHET_OK;
}

static const char *to_type(ts_writer *w, const char *x, whet_dtype t) { return ts_let(w, "torch.to(%s, %d, False, False, None)", x, ts_code_of_dtype(t)); }

whet_status ts_write_cast(ts_writer *w, const whet_node *n)
{
    whet_dtype t = ts_dtype_of(w, n->out[0]);
    if (ts_code_of_dtype(t) < 0) return ts_write_fail(w, n, "type %s has no form there", whet_dtype_name(t));
    ts_set(w, n, 0, to_type(w, ts_arg(w, n, 0), t));
    return WHET_OK;
}

/* --- quantisation: q = clamp(round(x / s) + z), x = (q - z) * s */

/* Scale or zero point, shaped so that it goes along the axis of x. */
static const char *along(ts_writer *w, const whet_node *n, int i, whet_dtype as)
{
    const whet_dims *d = ts_dims_of(w, n->in[i]), *x = ts_dims_of(w, n->in[0]);
    int64_t shape[WHET_MAX_RANK];
    const char *v = ts_arg(w, n, i);
    if (ts_dtype_of(w, n->in[i]) != as) v = to_type(w, v, as);
    if (d->rank != 1 || d->dims[0] == 1 || x->rank < 2) return v;
    const int64_t axis = ts_axis_of(n, "axis", 1, x->rank);
    for (int k = 0; k < x->rank; k++) shape[k] = k == axis ? -1 : 1;
    return ts_let(w, "torch.reshape(%s, %s)", v, ts_ints_text(w, x->rank, shape));
}

static whet_status check_quantised(ts_writer *w, const whet_node *n)
{
    if (whet_node_int(n, "block_size", 0) != 0) return ts_write_fail(w, n, "blocks of scales have no form there");
    if (ts_dims_of(w, n->in[1])->rank > 1) return ts_write_fail(w, n, "scales of rank %d", ts_dims_of(w, n->in[1])->rank);
    return WHET_OK;
}

whet_status ts_write_quantize(ts_writer *w, const whet_node *n)
{
    const whet_dtype t = ts_dtype_of(w, n->out[0]);
    const int bits = whet_dtype_bits(t);
    WHET_TRY(check_quantised(w, n));
    if ((bits != 8 && bits != 16) || ts_code_of_dtype(t) < 0 || !whet_dtype_is_int(t)) return ts_write_fail(w, n, "type %s has no form there", whet_dtype_name(t));
    const bool is_signed = t == WHET_S8 || t == WHET_S16;
    const double low = is_signed ? -ldexp(1, bits - 1) : 0, high = low + ldexp(1, bits) - 1;
    const char *x = ts_let(w, "torch.round(torch.div(%s, %s))", ts_arg(w, n, 0), along(w, n, 1, WHET_F32));
    if (ts_has(n, 2)) x = ts_let(w, "torch.add(%s, %s)", x, along(w, n, 2, WHET_F32));
    x = ts_let(w, "torch.clamp(%s, %s, %s)", x, ts_float_text(w, low), ts_float_text(w, high));
    ts_set(w, n, 0, to_type(w, x, t));
    return WHET_OK;
}

whet_status ts_write_dequantize(ts_writer *w, const whet_node *n)
{
    WHET_TRY(check_quantised(w, n));
    const char *x = to_type(w, ts_arg(w, n, 0), WHET_F32);
    if (ts_has(n, 2)) x = ts_let(w, "torch.sub(%s, %s)", x, along(w, n, 2, WHET_F32));
    return ts_put(w, n, "torch.mul(%s, %s)", x, along(w, n, 1, WHET_F32));
}
