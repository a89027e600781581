/* SPDX-License-Identifier: Apache-2.0 */
/* What integers at the input stand for, and the contract of a file that does not say it: there the scale and the zero point of
 * the input are steps of the computation like any others, and a contract in real values would be rounded to 0 and 1. So the
 * contract is composed with them: q = (x * scale - mean) / std / s + z. */
#include <math.h>
#include <string.h>

#include "convert/convert_private.h"

/* A constant of one element. */
static const whet_tensor *scalar(const whet_graph *g, const whet_node *n, int i)
{
    if (i >= n->n_in || n->in[i] == WHET_NO_VALUE) return NULL;
    const whet_value *v = &g->values[n->in[i]];
    return v->kind == WHET_VALUE_CONST && whet_tensor_numel(&v->data) == 1 ? &v->data : NULL;
}

static bool read_node(const whet_graph *g, const whet_node *n, double *scale, int *zero_point)
{
    if (!whet_node_is(n, "DequantizeLinear") || n->in[0] != g->inputs[0]) return false;
    const whet_tensor *s = scalar(g, n, 1), *z = scalar(g, n, 2);
    if (!s || (!z && n->n_in > 2 && n->in[2] != WHET_NO_VALUE)) return false;
    const double value = whet_tensor_get_f64(s, 0);
    if (!isfinite(value) || value <= 0) return false;
    *scale = value;
    *zero_point = z ? (int)whet_tensor_get_s64(z, 0) : 0;
    return true;
}

bool whet_convert_border(const whet_graph *g, double *scale, int *zero_point)
{
    for (int i = 0; g->n_inputs > 0 && i < g->n_nodes; i++)
        if (read_node(g, &g->nodes[i], scale, zero_point)) return true;
    return false;
}

/* Scales are f32 and 1/255 is not: what is meant is the whole number beside it. */
static float settle(double x)
{
    return (float)(fabs(x - rint(x)) < 1e-4 ? rint(x) : x);
}

whet_status whet_convert_contract(whet_graph *g, whet_convert_report *report)
{
    whet_contract c;
    char before[300], after[300];
    double s = 0;
    int z = 0;
    whet_status status = WHET_OK;
    whet_contract_init(&c);
    if (!convert_contract_get(g, &c) || !(c.scale > 0) || !whet_convert_border(g, &s, &z)) goto done;
    const double level = c.scale;
    whet_contract_formula(&c, before, sizeof(before));
    for (int k = 0; k < WHET_MAX_CHANNELS; k++) {
        const double mean = c.mean[k], deviation = c.std[k];
        c.mean[k] = settle((mean - z * s * deviation) / level);
        c.std[k] = settle(deviation * s / level);
    }
    c.scale = 1;
    whet_contract_formula(&c, after, sizeof(after));
    status = convert_contract_set(g, &c);
    if (status == WHET_OK && strcmp(before, after) != 0)
        convert_remark(report, "contract %s became %s: the file does not say what the integers of its input stand for", before, after);
done:
    whet_contract_dispose(&c);
    return status;
}
