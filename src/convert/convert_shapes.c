/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed shapes. Sizes that exporters compute from shapes are found by folding two copies of the graph, one for 2 and one for 3
 * samples: what is equal in both is a constant, and a Reshape may have one size that follows the batch, written as -1. */
#include <string.h>

#include "convert/convert_private.h"
#include "data/contract.h"
#include "passes/passes.h"

/* Free heights and widths are the contract's. */
static whet_status fix_input(whet_graph *g, whet_vid id, const whet_contract *c)
{
    whet_value *v = &g->values[id];
    if (v->dims.rank < 0) return WHET_FAIL(WHET_ESHAPE, "input '%s' has no known rank, but fixed shapes are wanted: give --cut-input %s:SHAPE", v->name, v->name);
    for (int k = 1; k < v->dims.rank; k++) {
        const int h = c->nhwc ? 1 : 2;
        if (v->dims.dims[k] >= 0) continue;
        if (c->given && v->dims.rank == 4 && k == h && c->height > 0) v->dims.dims[k] = c->height;
        else if (c->given && v->dims.rank == 4 && k == h + 1 && c->width > 0) v->dims.dims[k] = c->width;
        else
            return WHET_FAIL(WHET_ESHAPE, "dimension %d of input '%s' is free, but fixed shapes are wanted: give --cut-input %s:SHAPE", k,
                             v->name, v->name);
    }
    return WHET_OK;
}

static whet_status folded(whet_graph **out, const whet_graph *g, int64_t batch)
{
    whet_graph *c = NULL;
    whet_status status = WHET_OK;
    WHET_TRY(whet_graph_clone(&c, g));
    for (int i = 0; i < c->n_inputs; i++) {
        whet_dims *d = &c->values[c->inputs[i]].dims;
        if (d->rank > 0 && d->dims[0] < 0) d->dims[0] = batch;
    }
    whet_pass_context pass = {.g = c};
    status = whet_pass_fold_constants(&pass);
    if (status == WHET_OK) *out = c;
    else whet_graph_free(c);
    return status;
}

static const whet_tensor *constant_at(const whet_graph *g, const char *node, int input)
{
    const whet_nid id = whet_graph_find_node(g, node);
    if (id < 0 || !g->nodes[id].op || input >= g->nodes[id].n_in || g->nodes[id].in[input] < 0) return NULL;
    return whet_graph_const_data(g, g->nodes[id].in[input]);
}

/* What both say, with one -1 for a size that differs where the operator knows it; false: it cannot be said. */
static bool merge(const whet_tensor *a, const whet_tensor *b, bool reshape, whet_tensor *out)
{
    int differ = 0;
    if (!a || !b || a->dtype != b->dtype || !whet_shape_equal(&a->shape, &b->shape) || whet_tensor_copy(out, a) != WHET_OK) return false;
    for (int64_t i = 0; i < whet_tensor_numel(a); i++) {
        const int64_t x = whet_tensor_get_s64(a, i), y = whet_tensor_get_s64(b, i);
        differ += x != y || x == -1;
        if (x != y) whet_tensor_set_s64(out, i, -1);
    }
    return differ == 0 || (reshape && differ == 1);
}

static whet_status fix_node(whet_graph *g, whet_nid id, const whet_graph *two, const whet_graph *three, int *changes)
{
    for (int k = 0; k < g->nodes[id].n_in; k++) {
        const whet_vid v = g->nodes[id].in[k];
        whet_tensor t;
        whet_vid made = WHET_NO_VALUE;
        whet_status status = WHET_OK;
        if (v < 0 || g->values[v].kind != WHET_VALUE_RESULT || (g->values[v].dtype != WHET_S64 && g->values[v].dtype != WHET_S32)) continue;
        whet_tensor_init(&t);
        const char *name = g->nodes[id].name;
        const bool reshape = whet_node_is(&g->nodes[id], "Reshape") && k == 1;
        if (merge(constant_at(two, name, k), constant_at(three, name, k), reshape, &t)) {
            status = whet_graph_const(g, NULL, &t, &made);
            if (status == WHET_OK) whet_graph_set_input(g, id, k, made);
            (*changes)++;
        }
        whet_tensor_dispose(&t);
        WHET_TRY(status);
    }
    return WHET_OK;
}

static bool all_known(const whet_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; g->nodes[i].op && k < g->nodes[i].n_in; k++) {
            const whet_vid v = g->nodes[i].in[k];
            if (v >= 0 && g->values[v].kind == WHET_VALUE_RESULT && (g->values[v].dtype == WHET_S64 || g->values[v].dtype == WHET_S32)) return false;
        }
    return true;
}

whet_status whet_convert_static(whet_graph *g, whet_convert_report *report)
{
    whet_contract c;
    whet_graph *two = NULL, *three = NULL;
    convert_nodes before = {0};
    int changes = 0;
    whet_status status = WHET_OK;
    whet_contract_init(&c);
    convert_contract_get(g, &c);
    for (int i = 0; i < g->n_inputs; i++) WHET_GOTO(fix_input(g, g->inputs[i], &c));
    WHET_GOTO(whet_graph_infer(g));
    if (all_known(g)) goto done;
    WHET_GOTO(folded(&two, g, 2));
    WHET_GOTO(folded(&three, g, 3));
    WHET_GOTO(convert_nodes_take(&before, g));
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op) WHET_GOTO(fix_node(g, i, two, three, &changes));
    WHET_GOTO(whet_graph_prune(g));
    WHET_GOTO(whet_graph_infer(g));
    if (changes > 0) convert_nodes_compare(&before, g, "folded", "fixed shapes", report);
done:
    convert_nodes_dispose(&before);
    whet_graph_free(two);
    whet_graph_free(three);
    whet_contract_dispose(&c);
    return status;
}
