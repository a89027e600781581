/* SPDX-License-Identifier: Apache-2.0 */
/* Scales that are computed while the model runs (DynamicQuantizeLinear) have no form in formats whose scales stand in the file:
 * there the quantisation is written out in f32, after its definition, exactly. */
#include "convert/convert_private.h"
#include "ir/op.h"

typedef struct out { whet_graph *g; whet_status status; } out;

static whet_vid make(out *o, const char *op, int n_in, const whet_vid *in)
{
    whet_vid y = WHET_NO_VALUE;
    if (o->status == WHET_OK) o->status = whet_graph_op1(o->g, op, n_in, in, 0, NULL, &y);
    return y;
}

static whet_vid cast(out *o, whet_vid x, whet_dtype t)
{
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(t));
    whet_vid y = WHET_NO_VALUE;
    if (o->status == WHET_OK) o->status = whet_graph_op1(o->g, "Cast", 1, &x, 1, &to, &y);
    return y;
}

static whet_vid number(out *o, double x)
{
    whet_vid y = WHET_NO_VALUE;
    if (o->status == WHET_OK) o->status = whet_graph_const_like(o->g, WHET_F32, x, &y);
    return y;
}

/* Clip(Round(x / scale) + zero point) */
static whet_vid quantise(out *o, const whet_node *n, whet_dtype t)
{
    const double low = t == WHET_S8 ? -128 : t == WHET_S16 ? -32768 : 0, high = t == WHET_S8 ? 127 : t == WHET_S16 ? 32767 : t == WHET_U8 ? 255 : 65535;
    whet_vid y = make(o, "Round", 1, (const whet_vid[]){make(o, "Div", 2, n->in)});
    if (n->n_in > 2 && n->in[2] >= 0) y = make(o, "Add", 2, (const whet_vid[]){y, cast(o, n->in[2], WHET_F32)});
    return cast(o, make(o, "Clip", 3, (const whet_vid[]){y, number(o, low), number(o, high)}), t);
}

/* (x - zero point) * scale */
static whet_vid dequantise(out *o, const whet_node *n)
{
    whet_vid y = cast(o, n->in[0], WHET_F32);
    if (n->n_in > 2 && n->in[2] >= 0) y = make(o, "Sub", 2, (const whet_vid[]){y, cast(o, n->in[2], WHET_F32)});
    return make(o, "Mul", 2, (const whet_vid[]){y, n->in[1]});
}

static bool computed(const whet_graph *g, const whet_node *n)
{
    for (int k = 1; k < n->n_in; k++)
        if (n->in[k] >= 0 && g->values[n->in[k]].kind == WHET_VALUE_RESULT) return true;
    return false;
}

/* Scales of an axis would have to be reshaped first; nobody computes those. */
static bool single(const whet_graph *g, const whet_node *n)
{
    for (int k = 1; k < n->n_in; k++) {
        const whet_dims *d = n->in[k] >= 0 ? &g->values[n->in[k]].dims : NULL;
        if (d && d->rank != 0 && !(d->rank == 1 && d->dims[0] == 1)) return false;
    }
    return g->values[n->in[1]].dtype == WHET_F32;
}

whet_status whet_convert_dynamic(whet_graph *g, whet_convert_report *report)
{
    const int nodes = g->n_nodes;
    int changes = 0;
    out o = {g, WHET_OK};
    for (int i = 0; i < nodes && o.status == WHET_OK; i++) {
        const whet_node n = g->nodes[i]; /* the array may move */
        const bool q = whet_node_is(&n, "QuantizeLinear");
        if ((!q && !whet_node_is(&n, "DequantizeLinear")) || !computed(g, &n) || !single(g, &n)) continue;
        const whet_vid old = n.out[0], y = q ? quantise(&o, &n, g->values[old].dtype) : dequantise(&o, &n);
        if (o.status != WHET_OK) break;
        convert_note(report, "expanded", n.name, n.op->name, "its scale is computed: written out in f32");
        whet_graph_replace_uses(g, old, y);
        changes++;
    }
    WHET_TRY(o.status);
    if (changes == 0) return WHET_OK;
    WHET_TRY(whet_graph_prune(g));
    return whet_graph_infer(g);
}
