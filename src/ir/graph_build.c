/* SPDX-License-Identifier: Apache-2.0 */
/* Building: inputs, constants, variables, nodes with inference at once. A node that fails its inference is taken out
 * again, so a failed call leaves the graph as it was. */
#include <stdio.h>

#include "ir/graph_private.h"

whet_status whet_graph_input(whet_graph *g, const char *name, whet_dtype t, const whet_dims *dims, whet_vid *out)
{
    WHET_TRY(whet_graph_add_value_(g, name, "input", WHET_VALUE_INPUT, out));
    if (!WHET_GROW(&g->inputs, (size_t)g->n_inputs, &g->priv->cap_inputs)) return WHET_ENOMEM;
    g->inputs[g->n_inputs++] = *out;
    g->values[*out].dtype = t;
    g->values[*out].dims = *dims;
    return WHET_OK;
}

whet_status whet_graph_know_const_(whet_graph *g, whet_value *v)
{
    int64_t n = whet_tensor_numel(&v->data);
    if ((v->dtype != WHET_S64 && v->dtype != WHET_S32) || v->data.shape.rank > 1 || n > 64) return WHET_OK;
    whet_dim *known = whet_arena_alloc(g->priv->arena, (size_t)n * sizeof *known);
    if (known == NULL) return WHET_ENOMEM;
    for (int64_t i = 0; i < n; i++) {
        known[i] = whet_tensor_get_s64(&v->data, i);
        if (known[i] < 0) return WHET_OK; /* negative numbers are not sizes; readers take them from the constant */
    }
    v->known = known;
    v->n_known = (int)n;
    return WHET_OK;
}

static whet_status add_data(whet_graph *g, const char *name, const char *stem, whet_value_kind kind, const whet_tensor *data,
                            whet_vid *out)
{
    const whet_tensor kept = *data; /* data may be that of another value of g, and the values move when they grow */
    *out = WHET_NO_VALUE;
    if (data->buffer == NULL) return WHET_FAIL(WHET_EINVAL, "tensor '%s' does not own its bytes", name != NULL ? name : stem);
    WHET_TRY(whet_graph_add_value_(g, name, stem, kind, out));
    whet_value *v = &g->values[*out];
    whet_tensor_ref(&v->data, &kept);
    v->dtype = kept.dtype;
    v->dims = whet_dims_of(&kept.shape);
    return kind == WHET_VALUE_CONST ? whet_graph_know_const_(g, v) : WHET_OK;
}

whet_status whet_graph_const(whet_graph *g, const char *name, const whet_tensor *data, whet_vid *out)
{
    return add_data(g, name, "const", WHET_VALUE_CONST, data, out);
}

whet_status whet_graph_variable(whet_graph *g, const char *name, const whet_tensor *data, bool trainable, whet_vid *out)
{
    WHET_TRY(add_data(g, name, "variable", WHET_VALUE_VARIABLE, data, out));
    g->values[*out].trainable = trainable;
    return WHET_OK;
}

whet_status whet_graph_const_like(whet_graph *g, whet_dtype t, double x, whet_vid *out)
{
    whet_tensor s = {0};
    whet_shape scalar = {0};
    *out = WHET_NO_VALUE;
    WHET_TRY(whet_tensor_alloc(&s, t, &scalar));
    whet_tensor_set_f64(&s, 0, x);
    whet_status status = whet_graph_const(g, NULL, &s, out);
    whet_tensor_dispose(&s);
    return status;
}

whet_status whet_graph_const_f32(whet_graph *g, const char *name, float x, whet_vid *out)
{
    whet_tensor s = {0};
    whet_shape scalar = {0};
    *out = WHET_NO_VALUE;
    WHET_TRY(whet_tensor_alloc(&s, WHET_F32, &scalar));
    *(float *)s.data = x;
    whet_status status = whet_graph_const(g, name, &s, out);
    whet_tensor_dispose(&s);
    return status;
}

whet_status whet_graph_const_s64(whet_graph *g, const char *name, int n, const int64_t *x, whet_vid *out)
{
    whet_tensor t = {0};
    whet_shape shape = {.rank = 1, .dims = {n}};
    *out = WHET_NO_VALUE;
    WHET_TRY(whet_tensor_alloc(&t, WHET_S64, &shape));
    if (n > 0) memcpy(t.data, x, (size_t)n * sizeof *x);
    whet_status status = whet_graph_const(g, name, &t, out);
    whet_tensor_dispose(&t);
    return status;
}

static whet_status check_arity(const whet_op *op, const char *name, int n_in, int n_out)
{
    char text[128];
    const char *what = whet_op_text(op, text, sizeof text);
    whet_status status = WHET_OK;
    if (n_in < op->min_in || (op->max_in < 255 && n_in > op->max_in))
        status = WHET_FAIL(WHET_EFORMAT, "%s has %d inputs, it takes %d to %d", what, n_in, op->min_in, op->max_in);
    else if (n_out < op->min_out || (op->max_out < 255 && n_out > op->max_out))
        status = WHET_FAIL(WHET_EFORMAT, "%s has %d outputs, it gives %d to %d", what, n_out, op->min_out, op->max_out);
    if (status != WHET_OK && name != NULL && name[0] != '\0') whet_error_at_node(name);
    return status;
}

static void undo_node(whet_graph *g, whet_nid n, int n_values)
{
    for (int a = 0; a < g->nodes[n].n_attr; a++) whet_attr_dispose_(&g->nodes[n].attr[a]);
    g->n_nodes = n;
    g->n_values = n_values;
    whet_graph_touch_(g);
    if (g->priv->value_names.size == 0 && g->priv->node_names.size == 0) return;
    /* Keeps the error of the inference; the tables cannot grow here, but may fail to be rebuilt. */
    whet_error saved = *whet_error_last();
    char text[1024], node[256];
    snprintf(text, sizeof text, "%s", saved.text);
    snprintf(node, sizeof node, "%s", saved.node);
    if (whet_graph_index_(g) == WHET_OK) {
        whet_fail(saved.status, "%s", text);
        if (node[0] != '\0') whet_error_at_node(node);
    }
}

whet_status whet_graph_node(whet_graph *g, const char *op_name, const char *name, int n_in, const whet_vid *in, int n_attr,
                            const whet_attr *attrs, int n_out, const char *const *out_names, whet_vid *out)
{
    const whet_op *op = whet_op_find(op_name);
    whet_status status = WHET_OK;
    whet_nid id = WHET_NO_NODE;
    int first = g->n_values;
    for (int i = 0; i < n_out; i++) out[i] = WHET_NO_VALUE;
    if (op == NULL) {
        status = WHET_FAIL(WHET_EUNSUPPORTED, "operator '%s' is unknown", op_name);
        if (name != NULL && name[0] != '\0') whet_error_at_node(name);
        return status;
    }
    WHET_TRY(check_arity(op, name, n_in, n_out));
    WHET_TRY(whet_graph_add_node_(g, op, name, n_in, in, n_attr, attrs, &id));
    whet_vid *outs = whet_arena_alloc(g->priv->arena, (size_t)n_out * sizeof *outs);
    if (outs == NULL) {
        status = WHET_ENOMEM;
        goto done;
    }
    g->nodes[id].out = outs;
    for (int i = 0; i < n_out; i++) {
        char stem[300];
        const char *wanted = out_names != NULL ? out_names[i] : NULL;
        outs[i] = WHET_NO_VALUE;
        g->nodes[id].n_out = i + 1;
        if (wanted != NULL && wanted[0] == '\0') continue; /* an optional output that is not wanted */
        snprintf(stem, sizeof stem, "%.280s_out", g->nodes[id].name);
        WHET_GOTO(whet_graph_add_value_(g, wanted, stem, WHET_VALUE_RESULT, &outs[i]));
        g->values[outs[i]].producer = id;
        g->values[outs[i]].producer_output = i;
    }
    WHET_GOTO(whet_graph_infer_node_(g, id));
    for (int i = 0; i < n_out; i++) out[i] = outs[i];
    return WHET_OK;
done:
    undo_node(g, id, first);
    return status;
}

whet_status whet_graph_op1(whet_graph *g, const char *op_name, int n_in, const whet_vid *in, int n_attr,
                           const whet_attr *attrs, whet_vid *out)
{
    return whet_graph_node(g, op_name, NULL, n_in, in, n_attr, attrs, 1, NULL, out);
}

whet_attr whet_attr_int(const char *name, int64_t x)
{
    return (whet_attr){.name = name, .type = WHET_ATTR_INT, .i = x};
}

whet_attr whet_attr_float(const char *name, float x)
{
    return (whet_attr){.name = name, .type = WHET_ATTR_FLOAT, .f = x};
}

whet_attr whet_attr_string(const char *name, const char *s)
{
    return (whet_attr){.name = name, .type = WHET_ATTR_STRING, .s = s};
}

whet_attr whet_attr_ints(const char *name, int n, const int64_t *x)
{
    return (whet_attr){.name = name, .type = WHET_ATTR_INTS, .n = n, .ints = x};
}

whet_attr whet_attr_tensor(const char *name, const whet_tensor *t)
{
    return (whet_attr){.name = name, .type = WHET_ATTR_TENSOR, .t = *t};
}
