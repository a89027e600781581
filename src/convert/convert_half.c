/* SPDX-License-Identifier: Apache-2.0 */
/* 16-bit floats as storage: a constant of half the size and a Cast behind it, which every runtime folds when it loads. And the
 * way back for targets whose operators take f32 alone. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "convert/convert_private.h"
#include "ir/op.h"

enum { SMALLEST = 16 }; /* elements; below, the node costs more than the bytes */

static bool lossless(const whet_tensor *from, const whet_tensor *to)
{
    const float *x = from->data;
    for (int64_t i = 0; i < whet_tensor_numel(from); i++)
        if ((double)x[i] != whet_tensor_get_f64(to, i)) return false;
    return true;
}

/* Largest finite value of f16: beyond it a weight would become infinite. */
static bool in_range(const whet_tensor *t)
{
    const float *x = t->data;
    for (int64_t i = 0; i < whet_tensor_numel(t); i++)
        if (fabsf(x[i]) > 65504.0f) return false;
    return true;
}

static whet_status halve(whet_graph *g, whet_vid v, bool lossless_only, int64_t *bytes)
{
    whet_tensor half;
    char name[560];
    whet_vid cast = WHET_NO_VALUE, made = WHET_NO_VALUE;
    whet_status status = WHET_OK;
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(WHET_F32));
    whet_tensor_init(&half);
    if (!in_range(&g->values[v].data)) return WHET_OK;
    WHET_GOTO(whet_tensor_cast(&half, &g->values[v].data, WHET_F16));
    if (lossless_only && !lossless(&g->values[v].data, &half)) goto done;
    const whet_value old = g->values[v];
    snprintf(name, sizeof(name), "%s_f16", old.name);
    if (old.kind == WHET_VALUE_VARIABLE) WHET_GOTO(whet_graph_variable(g, name, &half, old.trainable, &made));
    else WHET_GOTO(whet_graph_const(g, name, &half, &made));
    g->values[made].layout = old.layout;
    WHET_GOTO(whet_graph_op1(g, "Cast", 1, &made, 1, &to, &cast));
    g->values[cast].layout = old.layout;
    whet_graph_replace_uses(g, v, cast);
    *bytes += (int64_t)whet_tensor_bytes(&half);
done:
    whet_tensor_dispose(&half);
    return status;
}

/* A commit's target stays as it is, and what has no user. */
static bool wanted(whet_graph *g, whet_vid v)
{
    const whet_value *x = &g->values[v];
    if ((x->kind != WHET_VALUE_CONST && x->kind != WHET_VALUE_VARIABLE) || x->dtype != WHET_F32 || x->dims.rank < 1) return false;
    if (whet_tensor_numel(&x->data) < SMALLEST || whet_graph_is_output(g, v)) return false;
    for (int i = 0; i < g->n_commits; i++)
        if (g->commits[i].variable == v) return false;
    const whet_uses u = whet_graph_uses(g, v);
    for (int i = 0; i < u.n; i++)
        if (whet_node_is(&g->nodes[u.nodes[i]], "QuantizeLinear") || whet_node_is(&g->nodes[u.nodes[i]], "DequantizeLinear") ||
            whet_node_is(&g->nodes[u.nodes[i]], "Resize"))
            return false; /* scales are parameters, not weights */
    return u.n > 0;
}

whet_status whet_convert_half(whet_graph *g, bool lossless_only, whet_convert_report *report)
{
    const int n = g->n_values;
    int64_t bytes = 0;
    for (whet_vid v = 0; v < n; v++)
        if (wanted(g, v)) WHET_TRY(halve(g, v, lossless_only, &bytes));
    WHET_TRY(whet_graph_prune(g));
    if (bytes > 0) convert_remark(report, "%lld bytes of weights stand in the file as f16; what is computed stays f32", (long long)bytes);
    return WHET_OK;
}

static bool is_half(whet_dtype t) { return t == WHET_F16 || t == WHET_BF16; }

static whet_status widen_tensor(whet_tensor *t)
{
    whet_tensor wide;
    whet_tensor_init(&wide);
    WHET_TRY(whet_tensor_cast(&wide, t, WHET_F32));
    whet_tensor_dispose(t);
    *t = wide;
    return WHET_OK;
}

/* An output of 16 bits is cast back under its own name. */
static whet_status narrow_output(whet_graph *g, int i, whet_dtype t)
{
    const whet_vid v = g->outputs[i];
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(t));
    whet_vid cast = WHET_NO_VALUE;
    char name[512], wide[560];
    snprintf(name, sizeof(name), "%s", g->values[v].name);
    snprintf(wide, sizeof(wide), "%s/wide", name);
    for (int k = 1; whet_graph_find(g, wide) >= 0; k++) snprintf(wide, sizeof(wide), "%s/wide%d", name, k);
    WHET_TRY(whet_graph_rename(g, v, wide));
    WHET_TRY(whet_graph_node(g, "Cast", NULL, 1, &v, 1, &to, 1, (const char *const[]){name}, &cast));
    g->outputs[i] = cast;
    return WHET_OK;
}

static whet_status widen_nodes(whet_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        for (int a = 0; g->nodes[i].op && a < g->nodes[i].n_attr; a++) {
            whet_attr *x = &g->nodes[i].attr[a];
            const bool type = strcmp(x->name, "to") == 0 || strcmp(x->name, "dtype") == 0 || strcmp(x->name, "output_dtype") == 0;
            if (x->type == WHET_ATTR_INT && type && is_half(whet_dtype_from_onnx((int)x->i))) x->i = whet_dtype_to_onnx(WHET_F32);
            if (x->type == WHET_ATTR_TENSOR && is_half(x->t.dtype)) WHET_TRY(widen_tensor(&x->t));
        }
    return WHET_OK;
}

whet_status whet_convert_widen(whet_graph *g, whet_convert_report *report)
{
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(WHET_F32));
    whet_status status = WHET_OK;
    bool changed = false;
    whet_dtype *types = whet_calloc((size_t)g->n_outputs + 1, sizeof(*types));
    if (!types) return WHET_ENOMEM;
    for (int i = 0; i < g->n_outputs; i++) types[i] = g->values[g->outputs[i]].dtype;
    for (int v = 0; v < g->n_values; v++) {
        whet_value *x = &g->values[v];
        if ((x->kind != WHET_VALUE_CONST && x->kind != WHET_VALUE_VARIABLE) || !is_half(x->dtype)) continue;
        WHET_GOTO(widen_tensor(&x->data));
        x->dtype = WHET_F32;
        changed = true;
    }
    WHET_GOTO(widen_nodes(g));
    for (int i = 0; i < g->n_inputs; i++) {
        const whet_vid v = g->inputs[i];
        whet_vid cast = WHET_NO_VALUE;
        if (!is_half(g->values[v].dtype)) continue;
        WHET_GOTO(whet_graph_op1(g, "Cast", 1, &v, 1, &to, &cast));
        whet_graph_replace_uses(g, v, cast);
        whet_graph_set_input(g, g->values[cast].producer, 0, v);
        changed = true;
    }
    WHET_GOTO(whet_graph_sort(g));
    WHET_GOTO(whet_graph_infer(g));
    for (int i = 0; i < g->n_outputs; i++)
        if (is_half(types[i]) && g->values[g->outputs[i]].dtype == WHET_F32) WHET_GOTO(narrow_output(g, i, types[i]));
    if (changed) convert_remark(report, "computations in 16 bits became f32");
done:
    whet_free(types);
    return status;
}
