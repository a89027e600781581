/* SPDX-License-Identifier: Apache-2.0 */
/* From the newest operator definitions down to the target opset: inputs that were attributes, fused operators of the domain
 * "whet" taken apart, activations written out that the opset does not have. Source: Changelog.md of the ONNX project. */
#include <math.h>
#include <stdio.h>

#include "formats/onnx/onnx_reader.h"
#include "formats/onnx/onnx_writer.h"

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

/* Adds a one-output node to the file that belongs to o: op(a, b). */
static whet_status put(onnx_writer *w, const onnx_out *o, const char *op, const char *name, const char *out, int n_in,
                       const char *const *in)
{
    const char *ins[4] = {NULL}, *outs[1] = {out};
    onnx_out n = {.node = o->node, .op = op, .name = name, .n_in = n_in, .n_out = 1, .in = ins, .out = outs};
    for (int i = 0; i < n_in; i++) ins[i] = in[i];
    return onnx_writer_emit(w, &n);
}

#define IN(...) (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *const[]){__VA_ARGS__}

/* out = op(in...), under fresh names. NULL on failure. */
static const char *make(onnx_writer *w, const onnx_out *o, const char *op, int n_in, const char *const *in)
{
    const char *out = onnx_writer_fresh(w, o, op), *name = onnx_writer_fresh(w, o, op);
    if (!out || !name) return NULL;
    for (int i = 0; i < n_in; i++)
        if (!in[i]) return NULL;
    return put(w, o, op, name, out, n_in, in) == WHET_OK ? out : NULL;
}

static whet_status finish(onnx_writer *w, const onnx_out *o, const char *op, int n_in, const char *const *in)
{
    for (int i = 0; i < n_in; i++)
        if (!in[i]) return whet_error_last()->status;
    return put(w, o, op, o->name, o->out[0], n_in, in);
}

/* A scalar in the type of the node's first input. */
static const char *scalar(onnx_writer *w, const onnx_out *o, double x)
{
    const char *name = NULL;
    whet_dtype t = w->g->values[o->node->in[0]].dtype;
    return onnx_writer_const(w, o, "const", t, 1, true, &x, &name) == WHET_OK ? name : NULL;
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

static whet_status group_norm(onnx_writer *w, onnx_out *o)
{
    if (w->opset < 21)
        return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "GroupNormalization scales by channel since opset 21; choose --opset 21");
    return onnx_writer_emit(w, o);
}

/* x * 0.5 * (1 + erf(x / sqrt 2)), or the tanh form. */
static whet_status gelu(onnx_writer *w, onnx_out *o)
{
    const char *x = o->in[0];
    if (w->opset >= 20) return onnx_writer_emit(w, o);
    const char *inner = NULL;
    if (strcmp(whet_node_string(o->node, "approximate", "none"), "tanh") == 0) {
        const char *cube = make(w, o, "Mul", IN(make(w, o, "Mul", IN(x, x)), x));
        const char *sum = make(w, o, "Add", IN(x, make(w, o, "Mul", IN(cube, scalar(w, o, 0.044715)))));
        inner = make(w, o, "Tanh", IN(make(w, o, "Mul", IN(sum, scalar(w, o, sqrt(2 / acos(-1)))))));
    } else {
        inner = make(w, o, "Erf", IN(make(w, o, "Mul", IN(x, scalar(w, o, sqrt(0.5))))));
    }
    const char *half = make(w, o, "Mul", IN(x, scalar(w, o, 0.5)));
    const char *one = make(w, o, "Add", IN(inner, scalar(w, o, 1)));
    return finish(w, o, "Mul", IN(half, one));
}

static whet_status swish(onnx_writer *w, onnx_out *o)
{
    double alpha = (double)whet_node_float(o->node, "alpha", 1);
    const char *x = o->in[0];
    if (alpha != 1) x = make(w, o, "Mul", IN(x, scalar(w, o, alpha)));
    return finish(w, o, "Mul", IN(o->in[0], make(w, o, "Sigmoid", IN(x))));
}

static whet_status hard_swish(onnx_writer *w, onnx_out *o)
{
    const char *sum = NULL, *in[3];
    if (w->opset >= 14) return onnx_writer_emit(w, o);
    sum = make(w, o, "Add", IN(o->in[0], scalar(w, o, 3)));
    in[0] = sum;
    in[1] = scalar(w, o, 0);
    in[2] = scalar(w, o, 6);
    const char *scaled = make(w, o, "Mul", IN(make(w, o, "Clip", 3, in), scalar(w, o, 1.0 / 6)));
    return finish(w, o, "Mul", IN(o->in[0], scaled));
}

static whet_status mish(onnx_writer *w, onnx_out *o)
{
    if (w->opset >= 18) return onnx_writer_emit(w, o);
    return finish(w, o, "Mul", IN(o->in[0], make(w, o, "Tanh", IN(make(w, o, "Softplus", IN(o->in[0]))))));
}

/* Conv or Gemm with an addition and an activation behind it. */
static whet_status fused(onnx_writer *w, onnx_out *o, const char *op, int n_in, const char *residual)
{
    const char *act = whet_node_string(o->node, "activation", "");
    double low = (double)whet_node_float(o->node, "act_min", 0), high = (double)whet_node_float(o->node, "act_max", 0);
    bool active = act[0] != '\0';
    const char *outs[1] = {o->out[0]};
    if (active && strcmp(act, "Relu") != 0 && strcmp(act, "Clip") != 0)
        return onnx_out_fail(w, o, WHET_EUNSUPPORTED, "fused activation '%s' has no form in ONNX files", act);
    onnx_out_drop(o, "activation");
    onnx_out_drop(o, "act_min");
    onnx_out_drop(o, "act_max");
    onnx_out core = *o;
    core.op = op;
    core.n_in = WHET_MIN(o->n_in, n_in);
    core.n_out = 1;
    core.out = outs;
    if (residual || active) outs[0] = onnx_writer_fresh(w, o, op);
    if (!outs[0]) return WHET_ENOMEM;
    while (core.n_in > 0 && !core.in[core.n_in - 1][0]) core.n_in--;
    WHET_TRY(onnx_writer_emit(w, &core));
    const char *x = outs[0];
    onnx_out rest = *o; /* the node's own name went to its core */
    rest.name = onnx_writer_fresh(w, o, residual ? "Add" : act);
    if (!rest.name) return WHET_ENOMEM;
    if (residual && !active) return finish(w, &rest, "Add", IN(x, residual));
    if (residual) x = make(w, o, "Add", IN(x, residual));
    if (!active) return WHET_OK;
    if (strcmp(act, "Relu") == 0) return finish(w, &rest, "Relu", IN(x));
    return finish(w, &rest, "Clip", IN(x, scalar(w, o, low), scalar(w, o, high)));
}

static whet_status fused_conv(onnx_writer *w, onnx_out *o)
{
    return fused(w, o, "Conv", 3, o->n_in > 3 && o->in[3][0] ? o->in[3] : NULL);
}

static whet_status fused_gemm(onnx_writer *w, onnx_out *o) { return fused(w, o, "Gemm", 3, NULL); }

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
    {"Gelu", gelu}, {"Swish", swish}, {"HardSwish", hard_swish}, {"Mish", mish}};

onnx_lower_fn onnx_lower_find(const char *domain, const char *op)
{
    if (strcmp(domain, "whet") == 0)
        return strcmp(op, "FusedConv") == 0 ? fused_conv : strcmp(op, "FusedGemm") == 0 ? fused_gemm : refuse;
    for (size_t i = 0; i < WHET_COUNT(lowerings); i++)
        if (strcmp(op, lowerings[i].op) == 0) return lowerings[i].fn;
    return NULL;
}

int onnx_lower_since(const char *op)
{
    const onnx_op_line *line = onnx_op_find(op);
    return line ? line->first : 0;
}
