/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of convolutions, products, attention and normalisation. Definitions: PyTorch's documentation of torch.nn.functional. */
#include <math.h>

#include "formats/torchscript/ts_ops.h"

/* --- convolutions */

typedef struct conv_args {
    int64_t strides[3], pads[6], dilations[3], output_padding[3], group;
    bool transposed;
    const char *auto_pad; /* NULL, or "same" */
} conv_args;

/* Weights [out, in / group, ...], transposed ones [in, out / group, ...]. */
static whet_status emit_conv(ts_call *c, const conv_args *a)
{
    whet_vid in[3], out = WHET_NO_VALUE;
    whet_attr attrs[6];
    int64_t kernel[3];
    int rank = 0, n = 0;
    WHET_TRY(ts_in(c, 0, &in[0]));
    WHET_TRY(ts_in(c, 1, &in[1]));
    WHET_TRY(ts_in_optional(c, 2, &in[2]));
    WHET_TRY(ts_rank(c, in[1], &rank));
    const whet_dims *w = ts_dims(c, in[1]);
    if (rank < 3 || rank > 5) return ts_refuse(c, "weights of rank %d are not handled", rank);
    for (int i = 0; i < rank - 2; i++) kernel[i] = w->dims[2 + i];
    int64_t channels = a->transposed ? w->dims[0] : w->dims[1] * a->group;
    if (channels >= 0 && ts_learn(c->e, in[0], 1, channels)) return ts_refuse(c, "the number of channels was learnt");
    attrs[n++] = whet_attr_ints("kernel_shape", rank - 2, kernel);
    attrs[n++] = whet_attr_ints("strides", rank - 2, a->strides);
    attrs[n++] = whet_attr_ints("dilations", rank - 2, a->dilations);
    attrs[n++] = whet_attr_int("group", a->group);
    if (a->auto_pad) attrs[n++] = whet_attr_string("auto_pad", "SAME_UPPER");
    else attrs[n++] = whet_attr_ints("pads", 2 * (rank - 2), a->pads);
    if (a->transposed) attrs[n++] = whet_attr_ints("output_padding", rank - 2, a->output_padding);
    WHET_TRY(ts_emit(c, a->transposed ? "ConvTranspose" : "Conv", in[2] < 0 ? 2 : 3, in, n, attrs, &out));
    return ts_result(c, out);
}

static whet_status spatial(ts_call *c, int *n)
{
    whet_vid w = WHET_NO_VALUE;
    int rank = 0;
    WHET_TRY(ts_in(c, 1, &w));
    WHET_TRY(ts_rank(c, w, &rank));
    *n = rank - 2;
    return rank >= 3 && rank <= 5 ? WHET_OK : ts_refuse(c, "weights of rank %d are not handled", rank);
}

static whet_status padding(ts_call *c, int i, int n, conv_args *a)
{
    if (c->arg[i].kind == TSV_TEXT) {
        bool same = strcmp(c->arg[i].as.s, "same") == 0;
        if (!same && strcmp(c->arg[i].as.s, "valid") != 0) return ts_refuse(c, "padding '%.40s' is not handled", c->arg[i].as.s);
        a->auto_pad = same ? "same" : NULL;
        for (int k = 0; k < 2 * n; k++) a->pads[k] = 0;
        return WHET_OK;
    }
    WHET_TRY(ts_get_each(c, i, n, 0, a->pads));
    for (int k = 0; k < n; k++) a->pads[n + k] = a->pads[k];
    return WHET_OK;
}

/* What all three begin with: strides and padding of n dimensions. */
static whet_status begin(ts_call *c, conv_args *a, int *n)
{
    WHET_TRY(spatial(c, n));
    WHET_TRY(ts_get_each(c, 3, *n, 1, a->strides));
    return padding(c, 4, *n, a);
}

whet_status ts_read_conv(ts_call *c)
{
    conv_args a = {.group = 1};
    int n = 0;
    WHET_TRY(begin(c, &a, &n));
    WHET_TRY(ts_get_each(c, 5, n, 1, a.dilations));
    WHET_TRY(ts_get_int(c, 6, 1, &a.group));
    return emit_conv(c, &a);
}

whet_status ts_read_conv_transpose(ts_call *c)
{
    conv_args a = {.group = 1, .transposed = true};
    int n = 0;
    WHET_TRY(begin(c, &a, &n));
    WHET_TRY(ts_get_each(c, 5, n, 0, a.output_padding));
    WHET_TRY(ts_get_int(c, 6, 1, &a.group));
    WHET_TRY(ts_get_each(c, 7, n, 1, a.dilations));
    return emit_conv(c, &a);
}

whet_status ts_read_convolution(ts_call *c)
{
    conv_args a = {.group = 1};
    int n = 0;
    WHET_TRY(begin(c, &a, &n));
    WHET_TRY(ts_get_each(c, 5, n, 1, a.dilations));
    WHET_TRY(ts_get_bool(c, 6, false, &a.transposed));
    WHET_TRY(ts_get_each(c, 7, n, 0, a.output_padding));
    WHET_TRY(ts_get_int(c, 8, 1, &a.group));
    return emit_conv(c, &a);
}

/* --- products */

/* x W^T + b: Gemm for matrices; for more dimensions the product with the turned weights. */
whet_status ts_read_linear(ts_call *c)
{
    static const int64_t turn[2] = {1, 0};
    const whet_attr trans = whet_attr_int("transB", 1), perm = whet_attr_ints("perm", 2, turn);
    whet_vid in[3], w = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &in[0]));
    WHET_TRY(ts_in(c, 1, &in[1]));
    WHET_TRY(ts_in_optional(c, 2, &in[2]));
    const whet_dims *d = ts_dims(c, in[0]);
    if (ts_dims(c, in[1])->rank != 2) return ts_refuse(c, "weights of rank %d are not handled", ts_dims(c, in[1])->rank);
    if (d->rank > 0 && ts_learn(c->e, in[0], d->rank - 1, ts_dims(c, in[1])->dims[1])) return ts_refuse(c, "the number of features was learnt");
    if (d->rank == 2) {
        WHET_TRY(ts_emit(c, "Gemm", in[2] < 0 ? 2 : 3, in, 1, &trans, &y));
        return ts_result(c, y);
    }
    WHET_TRY(ts_emit(c, "Transpose", WHET_IN(in[1]), 1, &perm, &w));
    WHET_TRY(ts_emit(c, "MatMul", WHET_IN(in[0], w), WHET_NO_ATTRS, &y));
    if (in[2] >= 0) WHET_TRY(ts_emit(c, "Add", WHET_IN(y, in[2]), WHET_NO_ATTRS, &y));
    return ts_result(c, y);
}

whet_status ts_read_addmm(ts_call *c)
{
    double alpha = 1, beta = 1;
    whet_vid in[3], y = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 1, &in[0]));
    WHET_TRY(ts_in(c, 2, &in[1]));
    WHET_TRY(ts_in(c, 0, &in[2]));
    WHET_TRY(ts_get_float(c, 3, 1, &beta));
    WHET_TRY(ts_get_float(c, 4, 1, &alpha));
    const whet_attr attrs[2] = {whet_attr_float("alpha", (float)alpha), whet_attr_float("beta", (float)beta)};
    WHET_TRY(ts_emit(c, "Gemm", 3, in, 2, attrs, &y));
    return ts_result(c, y);
}

whet_status ts_read_matmul(ts_call *c)
{
    whet_vid a = WHET_NO_VALUE, b = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &a));
    WHET_TRY(ts_in(c, 1, &b));
    WHET_TRY(ts_emit(c, "MatMul", WHET_IN(a, b), WHET_NO_ATTRS, &y));
    return ts_result(c, y);
}

/* softmax(scale q k^T + mask) v */
whet_status ts_read_attention(ts_call *c)
{
    whet_vid q = WHET_NO_VALUE, k = WHET_NO_VALUE, v = WHET_NO_VALUE, mask = WHET_NO_VALUE, s = WHET_NO_VALUE;
    double dropout = 0, scale = 0;
    bool causal = false, grouped = false;
    int rank = 0;
    int64_t perm[WHET_MAX_RANK];
    const whet_attr last = whet_attr_int("axis", -1);
    WHET_TRY(ts_in(c, 0, &q));
    WHET_TRY(ts_in(c, 1, &k));
    WHET_TRY(ts_in(c, 2, &v));
    WHET_TRY(ts_in_optional(c, 3, &mask));
    WHET_TRY(ts_get_float(c, 4, 0, &dropout));
    WHET_TRY(ts_get_bool(c, 5, false, &causal));
    WHET_TRY(ts_rank(c, q, &rank));
    int64_t size = rank > 1 ? ts_dims(c, q)->dims[rank - 1] : -1;
    if (size <= 0) return ts_refuse(c, "the size of a head is not known");
    WHET_TRY(ts_get_float(c, 6, 1 / sqrt((double)size), &scale));
    WHET_TRY(ts_get_bool(c, 7, false, &grouped));
    if (causal || grouped || dropout != 0) return ts_refuse(c, "is_causal, enable_gqa and dropout are not handled");
    if (mask >= 0 && !whet_dtype_is_float(c->e->g->values[mask].dtype)) return ts_refuse(c, "a mask of truth values is not handled");
    for (int i = 0; i < rank; i++) perm[i] = i;
    perm[rank - 2] = rank - 1;
    perm[rank - 1] = rank - 2;
    const whet_attr turn = whet_attr_ints("perm", rank, perm);
    WHET_TRY(ts_emit(c, "Transpose", WHET_IN(k), 1, &turn, &k));
    WHET_TRY(ts_scalar_like(c, q, scale, &s));
    WHET_TRY(ts_emit(c, "Mul", WHET_IN(q, s), WHET_NO_ATTRS, &q));
    WHET_TRY(ts_emit(c, "MatMul", WHET_IN(q, k), WHET_NO_ATTRS, &q));
    if (mask >= 0) WHET_TRY(ts_emit(c, "Add", WHET_IN(q, mask), WHET_NO_ATTRS, &q));
    WHET_TRY(ts_emit(c, "Softmax", WHET_IN(q), 1, &last, &q));
    WHET_TRY(ts_emit(c, "MatMul", WHET_IN(q, v), WHET_NO_ATTRS, &q));
    return ts_result(c, q);
}

/* --- normalisation */

/* A vector of n equal numbers, for weights that are left out. */
static whet_status filled(ts_call *c, int n_dims, const int64_t *dims, double x, whet_vid *out)
{
    whet_tensor t;
    whet_shape shape = whet_shape_of(n_dims, dims);
    int64_t count = 0;
    whet_tensor_init(&t);
    WHET_TRY(whet_shape_count(&shape, &count));
    if (count > 1 << 20) return ts_refuse(c, "%lld elements to normalise are too many", (long long)count);
    WHET_TRY(whet_tensor_alloc(&t, WHET_F32, &shape));
    for (int64_t i = 0; i < count; i++) ((float *)t.data)[i] = (float)x;
    whet_status status = whet_graph_const(c->e->g, NULL, &t, out);
    whet_tensor_dispose(&t);
    return status;
}

static whet_status weight_or(ts_call *c, int i, int n_dims, const int64_t *dims, double x, whet_vid *out)
{
    WHET_TRY(ts_in_optional(c, i, out));
    return *out >= 0 ? WHET_OK : filled(c, n_dims, dims, x, out);
}

whet_status ts_read_batch_norm(ts_call *c)
{
    whet_vid in[5], y = WHET_NO_VALUE;
    double momentum = 0.1, eps = 1e-5;
    bool training = false;
    WHET_TRY(ts_get_bool(c, 5, false, &training));
    if (training) return ts_refuse(c, "the network was saved in training mode; call eval() before it is saved");
    WHET_TRY(ts_get_float(c, 6, 0.1, &momentum));
    WHET_TRY(ts_get_float(c, 7, 1e-5, &eps));
    WHET_TRY(ts_in(c, 0, &in[0]));
    WHET_TRY(ts_in(c, 3, &in[3]));
    WHET_TRY(ts_in(c, 4, &in[4]));
    const int64_t n = ts_dims(c, in[3])->dims[0];
    if (ts_dims(c, in[3])->rank != 1) return ts_refuse(c, "running_mean has rank %d", ts_dims(c, in[3])->rank);
    if (ts_dims(c, in[0])->rank > 1 && ts_learn(c->e, in[0], 1, n)) return ts_refuse(c, "the number of channels was learnt");
    WHET_TRY(weight_or(c, 1, 1, &n, 1, &in[1]));
    WHET_TRY(weight_or(c, 2, 1, &n, 0, &in[2]));
    const whet_attr attrs[2] = {whet_attr_float("epsilon", (float)eps), whet_attr_float("momentum", (float)(1 - momentum))};
    WHET_TRY(ts_emit(c, "BatchNormalization", 5, in, 2, attrs, &y));
    return ts_result(c, y);
}

whet_status ts_read_instance_norm(ts_call *c)
{
    whet_vid in[3], y = WHET_NO_VALUE;
    double eps = 1e-5;
    bool own = true;
    WHET_TRY(ts_get_bool(c, 5, true, &own));
    if (!own) return ts_refuse(c, "running statistics are not handled");
    WHET_TRY(ts_get_float(c, 7, 1e-5, &eps));
    WHET_TRY(ts_in(c, 0, &in[0]));
    const whet_dims *d = ts_dims(c, in[0]);
    if (d->rank < 3 || d->dims[1] < 0) return ts_refuse(c, "the number of channels is not known");
    const int64_t n = d->dims[1];
    WHET_TRY(weight_or(c, 1, 1, &n, 1, &in[1]));
    WHET_TRY(weight_or(c, 2, 1, &n, 0, &in[2]));
    const whet_attr attr = whet_attr_float("epsilon", (float)eps);
    WHET_TRY(ts_emit(c, "InstanceNormalization", 3, in, 1, &attr, &y));
    return ts_result(c, y);
}

whet_status ts_read_layer_norm(ts_call *c)
{
    whet_vid in[3], y = WHET_NO_VALUE;
    int64_t shape[WHET_MAX_RANK];
    int n = 0, rank = 0;
    double eps = 1e-5;
    WHET_TRY(ts_in(c, 0, &in[0]));
    WHET_TRY(ts_rank(c, in[0], &rank));
    WHET_TRY(ts_get_ints(c, 1, WHET_MAX_RANK, shape, &n));
    WHET_TRY(ts_get_float(c, 4, 1e-5, &eps));
    if (n < 1 || n > rank) return ts_refuse(c, "%d dimensions of %d cannot be normalised", n, rank);
    for (int i = 0; i < n; i++)
        if (ts_learn(c->e, in[0], rank - n + i, shape[i])) return ts_refuse(c, "a size was learnt");
    WHET_TRY(weight_or(c, 2, n, shape, 1, &in[1]));
    WHET_TRY(ts_in_optional(c, 3, &in[2]));
    const whet_attr attrs[2] = {whet_attr_float("epsilon", (float)eps), whet_attr_int("axis", -n)};
    WHET_TRY(ts_emit(c, "LayerNormalization", in[2] < 0 ? 2 : 3, in, 2, attrs, &y));
    return ts_result(c, y);
}

whet_status ts_read_rms_norm(ts_call *c)
{
    whet_vid in[2], y = WHET_NO_VALUE;
    int64_t shape[WHET_MAX_RANK];
    int n = 0;
    double eps = 1.1920928955078125e-07; /* the smallest step of f32 from 1 */
    WHET_TRY(ts_in(c, 0, &in[0]));
    WHET_TRY(ts_get_ints(c, 1, WHET_MAX_RANK, shape, &n));
    WHET_TRY(ts_get_float(c, 3, eps, &eps));
    if (n < 1) return ts_refuse(c, "no dimensions to normalise");
    WHET_TRY(weight_or(c, 2, n, shape, 1, &in[1]));
    const whet_attr attrs[2] = {whet_attr_float("epsilon", (float)eps), whet_attr_int("axis", -n)};
    WHET_TRY(ts_emit(c, "RMSNormalization", 2, in, 2, attrs, &y));
    return ts_result(c, y);
}

whet_status ts_read_group_norm(ts_call *c)
{
    whet_vid in[3], y = WHET_NO_VALUE;
    int64_t groups = 0;
    double eps = 1e-5;
    WHET_TRY(ts_in(c, 0, &in[0]));
    WHET_TRY(ts_get_int(c, 1, 0, &groups));
    WHET_TRY(ts_get_float(c, 4, 1e-5, &eps));
    const whet_dims *d = ts_dims(c, in[0]);
    if (d->rank < 3 || d->dims[1] < 0) return ts_refuse(c, "the number of channels is not known");
    const int64_t n = d->dims[1];
    WHET_TRY(weight_or(c, 2, 1, &n, 1, &in[1]));
    WHET_TRY(weight_or(c, 3, 1, &n, 0, &in[2]));
    const whet_attr attrs[2] = {whet_attr_float("epsilon", (float)eps), whet_attr_int("num_groups", groups)};
    WHET_TRY(ts_emit(c, "GroupNormalization", 3, in, 2, attrs, &y));
    return ts_result(c, y);
}
