/* SPDX-License-Identifier: Apache-2.0 */
/* From the newest operator definitions down to the target opset: inputs that were attributes, activations written out that the
 * opset does not have; onnx_lower_fused.c takes fused operators apart. Source: Changelog.md of the ONNX project. */
#include <stdio.h>

#include "formats/onnx/onnx_lower.h"
#include "formats/onnx/onnx_reader.h"

/* Attributes by the opset that added them; in older files they may only have their default. */
static const struct added { const char *op, *attr; int since; int64_t i; const char *s; } added[] = {
    {"Reshape", "allowzero", 14, 0, NULL}, {"BatchNormalization", "training_mode", 14, 0, NULL},
    {"Shape", "start", 15, 0, NULL}, {"Shape", "end", 15, INT64_MAX, NULL},
    {"ScatterElements", "reduction", 16, 0, "none"}, {"ScatterND", "reduction", 16, 0, "none"},
    {"Resize", "antialias", 18, 0, NULL}, {"Resize", "axes", 18, INT64_MAX, NULL},
    {"Resize", "keep_aspect_ratio_policy", 18, 0, "stretch"},
    {"AveragePool", "dilations", 19, 1, NULL}, {"Cast", "saturate", 19, 1, NULL}, {"CastLike", "saturate", 19, 1, NULL},
    {"Cast", "round_mode", 24, 0, "up"}, {"CastLike", "round_mode", 24, 0, "up"},
    {"QuantizeLinear", "saturate", 19, 1, NULL}, {"QuantizeLinear", "block_size", 21, 0, NULL},
    {"QuantizeLinear", "output_dtype", 21, 0, NULL}, {"QuantizeLinear", "precision", 23, 0, NULL},
    {"DequantizeLinear", "block_size", 21, 0, NULL}, {"DequantizeLinear", "output_dtype", 23, 0, NULL},
    {"GroupNormalization", "stash_type", 21, 1, NULL}, {"SpaceToDepth", "mode", 28, 0, "DCR"},
    {"LpPool", "dilations", 18, 1, NULL}, {"LpPool", "ceil_mode", 18, 0, NULL}, {"Range", "stash_type", 27, 1, NULL}};

static bool is_default(const whet_attr *a, const struct added *d)
{
    if (a->type == WHET_ATTR_STRING) return d->s && strcmp(a->s, d->s) == 0;
    if (a->type == WHET_ATTR_INT) return !d->s && a->i == d->i;
    if (a->type != WHET_ATTR_INTS) return false;
    for (int i = 0; i < a->n; i++)
        if (a->ints[i] != d->i) return false;
    return true;
}

whet_status onnx_lower_attrs(onnx_writer *w, onnx_out *o)
{
    for (size_t i = 0; i < WHET_COUNT(added); i++) {
        const struct added *d = &added[i];
        if (w->opset >= d->since || strcmp(o->op, d->op) != 0) continue;
        const whet_attr *a = onnx_out_attr(o, d->attr);
        if (a && !is_default(a, d))
            return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "%s: attribute '%s' needs opset %d; choose --opset %d or higher", o->op,
                                 d->attr, d->since, d->since);
        onnx_out_drop(o, d->attr);
    }
    return WHET_OK;
}

whet_status onnx_low_put(onnx_writer *w, const onnx_out *o, const char *op, const char *name, const char *out, int n_in,
                         const char *const *in, const whet_attr *attr)
{
    const char *ins[4] = {NULL}, *outs[1] = {out};
    onnx_out n = {.node = o->node, .op = op, .name = name, .n_in = n_in, .n_out = 1, .in = ins, .out = outs};
    for (int i = 0; i < n_in; i++) ins[i] = in[i];
    if (attr) n.attr[n.n_attr++] = *attr;
    return onnx_writer_emit(w, &n);
}

const char *onnx_low_make(onnx_writer *w, const onnx_out *o, const char *op, int n_in, const char *const *in, const whet_attr *attr)
{
    const char *out = onnx_writer_fresh(w, o, op), *name = onnx_writer_fresh(w, o, op);
    if (!out || !name) return NULL;
    for (int i = 0; i < n_in; i++)
        if (!in[i]) return NULL;
    return onnx_low_put(w, o, op, name, out, n_in, in, attr) == WHET_OK ? out : NULL;
}

whet_status onnx_low_finish(onnx_writer *w, const onnx_out *o, const char *op, int n_in, const char *const *in, const whet_attr *attr)
{
    for (int i = 0; i < n_in; i++)
        if (!in[i]) return whet_error_last()->status;
    return onnx_low_put(w, o, op, o->name, o->out[0], n_in, in, attr);
}

const char *onnx_low_scalar(onnx_writer *w, const onnx_out *o, double x)
{
    const char *name = NULL;
    whet_dtype t = w->g->values[o->node->in[0]].dtype;
    return onnx_writer_const(w, o, "const", t, 1, true, &x, &name) == WHET_OK ? name : NULL;
}

const char *onnx_low_ints(onnx_writer *w, const onnx_out *o, int n, const int64_t *x)
{
    double values[8] = {0};
    const char *name = NULL;
    for (int i = 0; i < n && i < 8; i++) values[i] = (double)x[i];
    return onnx_writer_const(w, o, "const", WHET_S64, n, false, values, &name) == WHET_OK ? name : NULL;
}

static whet_status axes_to_attr(onnx_writer *w, onnx_out *o)
{
    const whet_tensor *t = o->n_in > 1 && o->node->in[1] >= 0 ? whet_graph_const_data(w->g, o->node->in[1]) : NULL;
    bool given = o->n_in > 1 && o->in[1][0];
    const whet_attr *noop = onnx_out_attr(o, "noop_with_empty_axes");
    int64_t n = t ? whet_tensor_numel(t) : 0;
    if (w->opset >= 18) return onnx_writer_emit(w, o);
    if (given && !t)
        return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "%s: axes that are computed need opset 18; choose --opset 18", o->op);
    if (noop && noop->i && n == 0)
        return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "%s: noop_with_empty_axes needs opset 18; choose --opset 18", o->op);
    onnx_out_drop(o, "noop_with_empty_axes");
    o->n_in = 1;
    if (n > 0) {
        int64_t *axes = whet_arena_alloc(w->arena, (size_t)n * sizeof(*axes));
        if (!axes) return WHET_ENOMEM;
        for (int64_t i = 0; i < n; i++) axes[i] = whet_tensor_get_s64(t, i);
        WHET_TRY(onnx_out_set(o, whet_attr_ints("axes", (int)n, axes)));
    }
    return onnx_writer_emit(w, o);
}

static whet_status split(onnx_writer *w, onnx_out *o)
{
    const whet_dims *d = &w->g->values[o->node->in[0]].dims;
    int64_t axis = whet_node_int(o->node, "axis", 0);
    if (w->opset >= 18 || !onnx_out_attr(o, "num_outputs")) return onnx_writer_emit(w, o);
    if (axis < 0 && d->rank > 0) axis += d->rank;
    if (axis < 0 || axis >= d->rank || d->dims[axis] < 0 || d->dims[axis] % o->n_out)
        return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "Split into parts that are not known to be equal needs opset 18; choose --opset 18");
    onnx_out_drop(o, "num_outputs");
    return onnx_writer_emit(w, o);
}

/* allowzero = 1 says nothing where the shape is known and has no zero. */
static whet_status reshape(onnx_writer *w, onnx_out *o)
{
    const whet_tensor *t = o->n_in > 1 && o->node->in[1] >= 0 ? whet_graph_const_data(w->g, o->node->in[1]) : NULL;
    bool zero = t == NULL;
    for (int64_t i = 0; t && i < whet_tensor_numel(t); i++) zero |= whet_tensor_get_s64(t, i) == 0;
    if (w->opset < 14 && !zero) onnx_out_drop(o, "allowzero");
    return onnx_writer_emit(w, o);
}

static whet_status pad(onnx_writer *w, onnx_out *o)
{
    if (w->opset < 18 && o->n_in > 3 && o->in[3][0])
        return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "Pad: axes need opset 18; choose --opset 18");
    return onnx_writer_emit(w, o);
}

static whet_status resize(onnx_writer *w, onnx_out *o)
{
    if (w->opset < 19 && strcmp(whet_node_string(o->node, "coordinate_transformation_mode", ""), "half_pixel_symmetric") == 0)
        return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "Resize: half_pixel_symmetric needs opset 19; choose --opset 19");
    return onnx_writer_emit(w, o);
}

/* Opset 20 renamed the modes and took volumes. */
static whet_status grid_sample(onnx_writer *w, onnx_out *o)
{
    const char *mode = whet_node_string(o->node, "mode", "linear");
    if (w->opset >= 20) return onnx_writer_emit(w, o);
    if (w->g->values[o->node->in[0]].dims.rank != 4)
        return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "GridSample: what is no image needs opset 20; choose --opset 20");
    const char *old = strcmp(mode, "linear") == 0 ? "bilinear" : strcmp(mode, "cubic") == 0 ? "bicubic" : mode;
    WHET_TRY(onnx_out_set(o, whet_attr_string("mode", old)));
    return onnx_writer_emit(w, o);
}

static whet_status batch_norm(onnx_writer *w, onnx_out *o)
{
    if (w->opset < 14 && o->n_out > 1)
        return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "BatchNormalization in training mode needs opset 14; choose --opset 14 or higher");
    return onnx_writer_emit(w, o);
}

/* Groups as the channels of an InstanceNormalization, then scale and bias by channel. Before opset 21 the operator itself scaled
 * by group. */
static whet_status group_norm(onnx_writer *w, onnx_out *o)
{
    const int rank = w->g->values[o->node->in[0]].dims.rank;
    const int64_t groups = whet_node_int(o->node, "num_groups", 1), flat[3] = {0, groups, -1};
    int64_t wide[WHET_MAX_RANK] = {-1, 1, 1, 1, 1, 1, 1, 1};
    const whet_attr epsilon = whet_attr_float("epsilon", whet_node_float(o->node, "epsilon", 1e-5f));
    double *ones = NULL, *zeros = NULL;
    const char *unit = NULL, *zero = NULL, *x = o->in[0];
    const whet_dtype t = w->g->values[o->node->in[0]].dtype;
    if (w->opset >= 21) return onnx_writer_emit(w, o);
    if (rank < 3 || groups < 1 || groups > (1 << 20))
        return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "GroupNormalization of unknown rank needs opset 21; choose --opset 21");
    ones = whet_arena_alloc(w->arena, (size_t)groups * sizeof(*ones));
    zeros = whet_arena_alloc(w->arena, (size_t)groups * sizeof(*zeros));
    if (!ones || !zeros) return WHET_ENOMEM;
    for (int64_t i = 0; i < groups; i++) {
        ones[i] = 1;
        zeros[i] = 0;
    }
    WHET_TRY(onnx_writer_const(w, o, "ones", t, (int)groups, false, ones, &unit));
    WHET_TRY(onnx_writer_const(w, o, "zeros", t, (int)groups, false, zeros, &zero));
    const char *parts = MAKE("Reshape", x, onnx_low_ints(w, o, 3, flat));
    const char *normal = onnx_low_make(w, o, "InstanceNormalization", ONNX_IN(parts, unit, zero), &epsilon);
    const char *y = MAKE("Reshape", normal, MAKE("Shape", x)), *shape = onnx_low_ints(w, o, rank - 1, wide);
    return FINISH("Add", MAKE("Mul", y, MAKE("Reshape", o->in[1], shape)), MAKE("Reshape", o->in[2], shape));
}

static whet_status gelu(onnx_writer *w, onnx_out *o)
{
    const bool tanh_form = strcmp(whet_node_string(o->node, "approximate", "none"), "tanh") == 0;
    return w->opset >= 20 ? onnx_writer_emit(w, o) : onnx_low_gelu(w, o, o->in[0], tanh_form);
}

static whet_status swish(onnx_writer *w, onnx_out *o)
{
    return onnx_low_swish(w, o, o->in[0], (double)whet_node_float(o->node, "alpha", 1));
}

static whet_status hard_swish(onnx_writer *w, onnx_out *o)
{
    return w->opset >= 14 ? onnx_writer_emit(w, o) : onnx_low_hard_swish(w, o, o->in[0]);
}

static whet_status mish(onnx_writer *w, onnx_out *o)
{
    if (w->opset >= 18) return onnx_writer_emit(w, o);
    return FINISH("Mul", o->in[0], MAKE("Tanh", MAKE("Softplus", o->in[0])));
}

/* The last axes from `axis` on, as negative numbers; 0 where they are not known. */
static int last_axes(const onnx_writer *w, const onnx_out *o, int64_t *axes)
{
    const int rank = w->g->values[o->node->in[0]].dims.rank;
    int64_t axis = whet_node_int(o->node, "axis", -1);
    if (axis >= 0 && rank > 0) axis -= rank;
    if (axis >= 0 || axis < -WHET_MAX_RANK) return 0;
    for (int i = 0; i < -axis; i++) axes[i] = axis + i;
    return (int)-axis;
}

static const char *mean(onnx_writer *w, const onnx_out *o, const char *x, int n, const int64_t *axes)
{
    const whet_attr over = whet_attr_ints("axes", n, axes);
    return w->opset < 18 ? onnx_low_make(w, o, "ReduceMean", ONNX_IN(x), &over) : MAKE("ReduceMean", x, onnx_low_ints(w, o, n, axes));
}

/* Mean and variance over the last axes, written out; the statistics as outputs need the operator. */
static whet_status layer_norm(onnx_writer *w, onnx_out *o)
{
    int64_t *axes = whet_arena_alloc(w->arena, WHET_MAX_RANK * sizeof(*axes));
    const char *x = o->in[0], *bias = o->n_in > 2 && o->in[2][0] ? o->in[2] : NULL;
    if (w->opset >= 17) return onnx_writer_emit(w, o);
    if (!axes) return WHET_ENOMEM;
    const int n = last_axes(w, o, axes);
    if (n == 0 || o->n_out > 1)
        return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "LayerNormalization %s needs opset 17; choose --opset 17", n ? "with its statistics" : "of unknown rank");
    const char *centred = MAKE("Sub", x, mean(w, o, x, n, axes)), *variance = mean(w, o, MAKE("Mul", centred, centred), n, axes);
    const double epsilon = (double)whet_node_float(o->node, "epsilon", 1e-5f);
    const char *y = MAKE("Div", centred, MAKE("Sqrt", MAKE("Add", variance, onnx_low_scalar(w, o, epsilon))));
    return bias ? FINISH("Add", MAKE("Mul", y, o->in[1]), bias) : FINISH("Mul", y, o->in[1]);
}

static whet_status rms_norm(onnx_writer *w, onnx_out *o)
{
    int64_t *axes = whet_arena_alloc(w->arena, WHET_MAX_RANK * sizeof(*axes));
    if (w->opset >= 23) return onnx_writer_emit(w, o);
    if (!axes) return WHET_ENOMEM;
    const int n = last_axes(w, o, axes);
    if (n == 0) return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "RMSNormalization of unknown rank has no form in this opset");
    const char *x = o->in[0], *square = mean(w, o, MAKE("Mul", x, x), n, axes);
    const double epsilon = (double)whet_node_float(o->node, "epsilon", 1e-5f);
    return FINISH("Mul", MAKE("Div", x, MAKE("Sqrt", MAKE("Add", square, onnx_low_scalar(w, o, epsilon)))), o->in[1]);
}

static whet_status need_wide(onnx_writer *w, onnx_out *o, whet_dtype t)
{
    if (w->opset >= 21 || (t != WHET_S16 && t != WHET_U16)) return WHET_OK;
    return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "%s of type %s needs opset 21; choose --opset 21", o->op, whet_dtype_name(t));
}

/* Before opset 21 the zero point alone says the type. */
static whet_status quantize(onnx_writer *w, onnx_out *o)
{
    static const double zeros[1] = {0};
    const whet_value *y = &w->g->values[o->node->out[0]], *scale = &w->g->values[o->node->in[1]];
    const char *zero = NULL, **in = NULL;
    WHET_TRY(need_wide(w, o, y->dtype));
    if (w->opset >= 21 || !onnx_out_attr(o, "output_dtype")) return onnx_writer_emit(w, o);
    onnx_out_drop(o, "output_dtype");
    if (o->n_in > 2) return onnx_writer_emit(w, o);
    if (scale->dims.rank != 0) return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "QuantizeLinear of an axis without zero points needs opset 21; choose --opset 21");
    WHET_TRY(onnx_writer_const(w, o, "zero_point", y->dtype, 1, true, zeros, &zero));
    in = whet_arena_alloc(w->arena, 3 * sizeof(*in));
    if (!in) return WHET_ENOMEM;
    in[0] = o->in[0];
    in[1] = o->in[1];
    in[2] = zero;
    o->in = in;
    o->n_in = 3;
    return onnx_writer_emit(w, o);
}

static whet_status dequantize(onnx_writer *w, onnx_out *o)
{
    WHET_TRY(need_wide(w, o, w->g->values[o->node->in[0]].dtype));
    return onnx_writer_emit(w, o);
}

static whet_status refuse(onnx_writer *w, onnx_out *o)
{
    return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "operator 'whet.%s' has no form in ONNX files; write the graph before it is "
                         "differentiated or lowered", o->op);
}

static const struct lowering { const char *op; onnx_lower_fn fn; } lowerings[] = {
    {"ReduceL1", axes_to_attr}, {"ReduceL2", axes_to_attr}, {"ReduceLogSum", axes_to_attr}, {"ReduceLogSumExp", axes_to_attr},
    {"ReduceMax", axes_to_attr}, {"ReduceMean", axes_to_attr}, {"ReduceMin", axes_to_attr}, {"ReduceProd", axes_to_attr},
    {"ReduceSumSquare", axes_to_attr}, {"Split", split}, {"Reshape", reshape}, {"Pad", pad}, {"BatchNormalization", batch_norm},
    {"GroupNormalization", group_norm}, {"Resize", resize}, {"GridSample", grid_sample},
    {"Gelu", gelu}, {"Swish", swish}, {"HardSwish", hard_swish}, {"Mish", mish}, {"LayerNormalization", layer_norm}, {"RMSNormalization", rms_norm}, {"QuantizeLinear", quantize}, {"DequantizeLinear", dequantize}};

onnx_lower_fn onnx_lower_find(const char *domain, const char *op)
{
    if (strcmp(domain, "whet") == 0) {
        const onnx_lower_fn fused = onnx_lower_fused(op);
        return fused ? fused : refuse;
    }
    for (size_t i = 0; i < WHET_COUNT(lowerings); i++)
        if (strcmp(op, lowerings[i].op) == 0) return lowerings[i].fn;
    return NULL;
}

int onnx_lower_since(const char *op)
{
    const onnx_op_line *line = onnx_op_find(op);
    return line ? line->first : 0;
}
