/* SPDX-License-Identifier: Apache-2.0 */
/* Before integers are looked for: what only moves elements between a DequantizeLinear and a reader, or between an operator and
 * the QuantizeLinear of its result, gets a pair of them on its other side too. Both are exact: elements stay the same, and
 * quantising what was dequantised with the same scale gives the same integers. Products, sums and the like then stand between
 * dequantised operands and quantised results. */
#include "formats/tflite/tflite_write_rows.h"
#include "ir/op.h"

static bool moves(const whet_node *n)
{
    static const char *const ops[] = {"Transpose", "whet.Reorder", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Slice",
                                      "Split",     "Gather",       "MaxPool", "DepthToSpace", "SpaceToDepth", "Tile"};
    for (size_t i = 0; i < WHET_COUNT(ops); i++)
        if (whet_node_is(n, ops[i])) return true;
    return false;
}

static bool one_constant(const whet_graph *g, const whet_node *n, int i)
{
    const whet_tensor *t = i < n->n_in && n->in[i] >= 0 ? whet_graph_const_data(g, n->in[i]) : NULL;
    return t && whet_tensor_numel(t) == 1;
}

/* v, quantised and dequantised as the Q or DQ node `like` does, for the readers of v. */
static whet_status put_pair(whet_graph *g, whet_vid v, whet_nid like, whet_dtype t)
{
    const whet_node *n = &g->nodes[like];
    const whet_vid scale = n->in[1], zero = n->n_in > 2 ? n->in[2] : WHET_NO_VALUE;
    const whet_attr type = whet_attr_int("output_dtype", whet_dtype_to_onnx(t));
    const whet_layout layout = g->values[v].layout;
    whet_vid q = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(whet_graph_op1(g, "QuantizeLinear", WHET_IN(v, scale, zero), zero < 0, &type, &q));
    WHET_TRY(whet_graph_op1(g, "DequantizeLinear", WHET_IN(q, scale, zero), WHET_NO_ATTRS, &y));
    g->values[q].layout = g->values[y].layout = layout;
    whet_graph_replace_uses(g, v, y);
    whet_graph_set_input(g, g->values[q].producer, 0, v);
    return WHET_OK;
}

static bool is_small_int(whet_dtype t) { return t == WHET_S8 || t == WHET_U8 || t == WHET_S16; }

/* The first QuantizeLinear among v's readers, if all of them are such. */
static whet_nid quantized_by(whet_graph *g, whet_vid v)
{
    const whet_uses uses = whet_graph_uses(g, v);
    for (int i = 0; i < uses.n; i++)
        if (!whet_node_is(&g->nodes[uses.nodes[i]], "QuantizeLinear")) return WHET_NO_NODE;
    return uses.n > 0 && !whet_graph_is_output(g, v) ? uses.nodes[0] : WHET_NO_NODE;
}

static whet_status forward(whet_graph *g, whet_nid id, int *changes)
{
    const whet_vid x = g->nodes[id].in[0];
    const whet_nid dq = x >= 0 ? g->values[x].producer : WHET_NO_NODE;
    if (dq == WHET_NO_NODE || !whet_node_is(&g->nodes[dq], "DequantizeLinear") || !one_constant(g, &g->nodes[dq], 1)) return WHET_OK;
    const whet_vid q = g->nodes[dq].in[0];
    if (!is_small_int(g->values[q].dtype) || g->values[q].kind == WHET_VALUE_CONST) return WHET_OK;
    for (int o = 0; o < g->nodes[id].n_out; o++) {
        const whet_vid y = g->nodes[id].out[o];
        if (y < 0 || !whet_dtype_is_float(g->values[y].dtype) || whet_graph_is_output(g, y) || quantized_by(g, y) != WHET_NO_NODE) continue;
        if (whet_graph_uses(g, y).n == 0) continue;
        WHET_TRY(put_pair(g, y, dq, g->values[q].dtype));
        *changes += 1;
    }
    return WHET_OK;
}

static whet_status backward(whet_graph *g, whet_nid id, int *changes)
{
    const whet_vid x = g->nodes[id].in[0];
    if (x < 0 || g->nodes[id].n_out != 1 || g->values[x].kind != WHET_VALUE_RESULT || !whet_dtype_is_float(g->values[x].dtype)) return WHET_OK;
    const whet_nid q = quantized_by(g, g->nodes[id].out[0]);
    if (q == WHET_NO_NODE || !one_constant(g, &g->nodes[q], 1) || !is_small_int(g->values[g->nodes[q].out[0]].dtype)) return WHET_OK;
    if (whet_node_is(&g->nodes[g->values[x].producer], "DequantizeLinear") || whet_graph_uses(g, x).n != 1 || whet_graph_is_output(g, x)) return WHET_OK;
    if (tflw_joins_pool(g, &g->nodes[id])) return WHET_OK;
    *changes += 1;
    return put_pair(g, x, q, g->values[g->nodes[q].out[0]].dtype);
}

/* The node `id` again, with another first operand. */
static whet_status same_move(whet_graph *g, whet_nid id, whet_vid x, whet_vid *out)
{
    const whet_node *n = &g->nodes[id];
    const whet_layout layout = g->values[n->out[0]].layout;
    whet_vid in[8];
    whet_attr attrs[8];
    char op[96];
    const int n_in = n->n_in, n_attr = n->n_attr;
    if (n_in > (int)WHET_COUNT(in) || n_attr > (int)WHET_COUNT(attrs)) return WHET_FAIL(WHET_EUNSUPPORTED, "node '%s' has too many operands", n->name);
    for (int i = 0; i < n_in; i++) in[i] = i == 0 ? x : n->in[i];
    for (int i = 0; i < n_attr; i++) attrs[i] = n->attr[i];
    whet_op_text(n->op, op, sizeof(op));
    WHET_TRY(whet_graph_op1(g, op, n_in, in, n_attr, attrs, out));
    g->values[*out].layout = layout;
    return WHET_OK;
}

/* Q before a move of integers goes behind it, under the name that the result had. */
static whet_status move_first(whet_graph *g, whet_nid id, int *changes)
{
    const whet_vid q = g->nodes[id].in[0], out = g->nodes[id].out[0];
    const whet_nid p = q >= 0 ? g->values[q].producer : WHET_NO_NODE;
    whet_vid m = WHET_NO_VALUE, made = WHET_NO_VALUE;
    if (p == WHET_NO_NODE || !whet_node_is(&g->nodes[p], "QuantizeLinear") || !one_constant(g, &g->nodes[p], 1)) return WHET_OK;
    char *name = whet_strdup(g->values[out].name), *other = whet_format("%s/before", g->values[out].name);
    whet_status status = name && other ? same_move(g, id, g->nodes[p].in[0], &m) : WHET_ENOMEM;
    if (status == WHET_OK) {
        const whet_node *n = &g->nodes[p];
        const whet_attr type = whet_attr_int("output_dtype", whet_dtype_to_onnx(g->values[q].dtype));
        const whet_vid zero = n->n_in > 2 ? n->in[2] : WHET_NO_VALUE;
        status = whet_graph_op1(g, "QuantizeLinear", WHET_IN(m, n->in[1], zero), zero < 0, &type, &made);
    }
    if (status == WHET_OK) {
        g->values[made].layout = g->values[out].layout;
        whet_graph_replace_uses(g, out, made);
        *changes += 1;
        status = whet_graph_rename(g, out, other);
    }
    if (status == WHET_OK) status = whet_graph_rename(g, made, name);
    whet_free(name);
    whet_free(other);
    return status;
}

/* DQ behind a move of integers goes in front of it. */
static whet_status move_last(whet_graph *g, whet_nid id, int *changes)
{
    const whet_vid x = g->nodes[id].in[0], out = g->nodes[id].out[0];
    whet_vid d = WHET_NO_VALUE, m = WHET_NO_VALUE;
    const whet_uses uses = whet_graph_uses(g, out);
    if (uses.n != 1 || whet_graph_is_output(g, out) || !whet_node_is(&g->nodes[uses.nodes[0]], "DequantizeLinear")) return WHET_OK;
    const whet_node *dq = &g->nodes[uses.nodes[0]];
    if (!one_constant(g, dq, 1) || g->values[x].kind == WHET_VALUE_CONST) return WHET_OK;
    const whet_vid scale = dq->in[1], zero = dq->n_in > 2 ? dq->in[2] : WHET_NO_VALUE, y = dq->out[0];
    WHET_TRY(whet_graph_op1(g, "DequantizeLinear", WHET_IN(x, scale, zero), WHET_NO_ATTRS, &d));
    g->values[d].layout = g->values[x].layout;
    WHET_TRY(same_move(g, id, d, &m));
    whet_graph_replace_uses(g, y, m);
    *changes += 1;
    return WHET_OK;
}

static whet_status move_floats(whet_graph *g, int *changes)
{
    const int n = g->n_nodes;
    for (whet_nid id = 0; id < n; id++) {
        const whet_node *m = &g->nodes[id];
        if (!m->op || !moves(m) || m->n_out != 1 || m->in[0] < 0 || !is_small_int(g->values[m->in[0]].dtype)) continue;
        const int before = *changes;
        WHET_TRY(move_first(g, id, changes));
        if (*changes == before) WHET_TRY(move_last(g, id, changes));
    }
    if (*changes == 0) return WHET_OK;
    return whet_graph_prune(g);
}

whet_status tflw_spread_quantization(whet_graph *g)
{
    int changes = 0;
    WHET_TRY(move_floats(g, &changes));
    const int n = g->n_nodes;
    for (whet_nid id = 0; id < n; id++)
        if (g->nodes[id].op && moves(&g->nodes[id])) WHET_TRY(forward(g, id, &changes));
    for (whet_nid id = n - 1; id >= 0; id--)
        if (g->nodes[id].op && moves(&g->nodes[id])) WHET_TRY(backward(g, id, &changes));
    return changes ? whet_graph_sort(g) : WHET_OK;
}
