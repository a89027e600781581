/* SPDX-License-Identifier: Apache-2.0 */
/* Scale and zero point at the input of a quantised model file. Runtimes hand out integers without saying what they stand
 * for, so the file itself is asked: real value = scale * (integer - zero point). */
#include "measure/model_border.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "convert/convert.h"
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

void whet_model_border_read(const char *path, whet_border *out)
{
    whet_graph *g = NULL;
    *out = (whet_border){0};
    if (whet_format_read(&g, path, NULL) != WHET_OK) return;
    (void)whet_convert_border(g, &out->scale, &out->zero_point);
    whet_graph_free(g);
}

bool whet_border_whole(const whet_contract *c)
{
    enum { LEAST_LEVELS = 32 };
    return fabs((double)whet_contract_level(c, 255, 0) - (double)whet_contract_level(c, 0, 0)) >= LEAST_LEVELS;
}

int whet_model_output_zero(const whet_graph *g, int i)
{
    const whet_value *v = &g->values[g->outputs[i]];
    const whet_node *n = v->producer != WHET_NO_NODE ? &g->nodes[v->producer] : NULL;
    if (n == NULL || n->op == NULL || strcmp(n->op->name, "QuantizeLinear") != 0) return 0;
    const whet_tensor *zero = scalar(g, n, 2);
    return zero != NULL ? (int)whet_tensor_get_s64(zero, 0) : 0;
}

void whet_model_output_borders(const char *path, int n, whet_border *out)
{
    whet_graph *g = NULL;
    for (int i = 0; i < n; i++) out[i] = (whet_border){0};
    if (whet_format_read(&g, path, NULL) != WHET_OK) {
        whet_error_clear();
        return;
    }
    for (int i = 0; i < n && i < g->n_outputs; i++) {
        const whet_value *v = &g->values[g->outputs[i]];
        const whet_node *q = v->producer != WHET_NO_NODE ? &g->nodes[v->producer] : NULL;
        const whet_tensor *scale = q != NULL && whet_node_is(q, "QuantizeLinear") ? scalar(g, q, 1) : NULL;
        if (scale != NULL) out[i] = (whet_border){whet_tensor_get_f64(scale, 0), whet_model_output_zero(g, i)};
    }
    whet_graph_free(g);
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
