/* SPDX-License-Identifier: Apache-2.0 */
/* Scale and zero point at the input of a quantised model file. Runtimes hand out integers without saying what they stand
 * for, so the file itself is asked: real value = scale * (integer - zero point). */
#include "measure/model_border.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "formats/formats.h"
#include "ir/graph.h"
#include "ir/op.h"

/* A constant of one element. */
static const whet_tensor *scalar(const whet_graph *g, const whet_node *n, int i)
{
    if (i >= n->n_in || n->in[i] == WHET_NO_VALUE) return NULL;
    const whet_value *v = &g->values[n->in[i]];
    return v->kind == WHET_VALUE_CONST && whet_tensor_numel(&v->data) == 1 ? &v->data : NULL;
}

static bool read_node(const whet_graph *g, const whet_node *n, whet_border *out)
{
    if (!n->op || strcmp(n->op->name, "DequantizeLinear") != 0 || n->in[0] != g->inputs[0]) return false;
    const whet_tensor *scale = scalar(g, n, 1), *zero = scalar(g, n, 2);
    if (!scale || (!zero && n->n_in > 2 && n->in[2] != WHET_NO_VALUE)) return false;
    const double s = whet_tensor_get_f64(scale, 0);
    if (!isfinite(s) || s <= 0) return false;
    out->scale = s;
    out->zero_point = zero ? (int)whet_tensor_get_s64(zero, 0) : 0;
    return true;
}

void whet_model_border_read(const char *path, whet_border *out)
{
    whet_graph *g = NULL;
    *out = (whet_border){0};
    if (whet_format_read(&g, path, NULL) != WHET_OK) return;
    for (int i = 0; g->n_inputs > 0 && i < g->n_nodes; i++)
        if (read_node(g, &g->nodes[i], out)) break;
    whet_graph_free(g);
}

int whet_model_output_zero(const whet_graph *g, int i)
{
    const whet_value *v = &g->values[g->outputs[i]];
    const whet_node *n = v->producer != WHET_NO_NODE ? &g->nodes[v->producer] : NULL;
    if (n == NULL || n->op == NULL || strcmp(n->op->name, "QuantizeLinear") != 0) return 0;
    const whet_tensor *zero = scalar(g, n, 2);
    return zero != NULL ? (int)whet_tensor_get_s64(zero, 0) : 0;
}

void whet_border_put(const whet_border *b, whet_dtype t, const float *x, size_t n, void *dst)
{
    const double low = t == WHET_S8 ? -128 : 0, high = low + 255;
    if (t == WHET_F32) memcpy(dst, x, n * sizeof *x);
    for (size_t i = 0; t != WHET_F32 && i < n; i++) {
        const double q = rint((double)x[i] / b->scale) + b->zero_point;
        ((uint8_t *)dst)[i] = (uint8_t)(int)WHET_MIN(WHET_MAX(q, low), high);
    }
}
