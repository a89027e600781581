/* SPDX-License-Identifier: Apache-2.0 */
/* Which parts of a network are computed again in backward: the forward nodes are cut where a single activation goes on, into
 * about finer * sqrt(n) segments of like size for n such places, and all but the last are recomputed (Chen et al. 2016). */
#include <math.h>

#include "base/mem.h"
#include "train/optimizer.h"

/* Bytes of an activation: anything with the batch's size in front. */
static double bytes_of(const whet_graph *g, whet_vid v, int64_t batch)
{
    const whet_value *x = &g->values[v];
    double n = x->kind == WHET_VALUE_RESULT && x->dims.rank >= 2 && whet_dtype_is_float(x->dtype) ? (double)whet_dtype_size(x->dtype) : 0;
    for (int i = 0; i < x->dims.rank; i++) n *= (double)(x->dims.dims[i] >= 0 ? x->dims.dims[i] : batch);
    return n;
}

static void find_uses(const whet_graph *g, int *last)
{
    for (whet_vid v = 0; v < g->n_values; v++) last[v] = -1;
    for (whet_nid id = 0; id < g->n_nodes; id++)
        for (int i = 0; g->nodes[id].op != NULL && i < g->nodes[id].n_in; i++)
            if (g->nodes[id].in[i] >= 0) last[g->nodes[id].in[i]] = id;
}

/* made[id]: bytes of the node's results. open[id]: whether one activation alone goes on behind it. Returns how many do. */
static int find_cuts(const whet_graph *g, int64_t batch, const int *last, double *made, bool *open)
{
    int crossing = 0, n = 0;
    for (whet_nid id = 0; id < g->n_nodes; id++) {
        const whet_node *x = &g->nodes[id];
        if (x->op == NULL) continue;
        for (int o = 0; o < x->n_out; o++) {
            const double b = x->out[o] >= 0 ? bytes_of(g, x->out[o], batch) : 0;
            made[id] += b;
            crossing += b > 0 && last[x->out[o]] > id;
        }
        for (int i = 0; i < x->n_in; i++) {
            bool again = false; /* the same value twice counts once */
            for (int k = 0; k < i; k++) again = again || x->in[k] == x->in[i];
            if (x->in[i] >= 0 && !again && last[x->in[i]] == id && bytes_of(g, x->in[i], batch) > 0) crossing--;
        }
        open[id] = crossing == 1;
        n += open[id];
    }
    return n;
}

whet_status whet_train_segments(const whet_graph *g, int64_t batch, int64_t finer, int **out)
{
    int *last = whet_calloc((size_t)g->n_values, sizeof *last), *segment = whet_calloc((size_t)g->n_nodes, sizeof *segment), current = 0;
    double *made = whet_calloc((size_t)g->n_nodes, sizeof *made), total = 0, part = 0;
    bool *open = whet_calloc((size_t)g->n_nodes, sizeof *open);
    whet_status status = WHET_ENOMEM;
    *out = NULL;
    if (last == NULL || segment == NULL || made == NULL || open == NULL) goto done;
    find_uses(g, last);
    const int parts = (int)ceil(sqrt((double)find_cuts(g, batch, last, made, open)) * (double)finer);
    for (whet_nid id = 0; id < g->n_nodes; id++) total += made[id];
    for (whet_nid id = 0; id < g->n_nodes; id++) {
        segment[id] = current;
        part += made[id];
        if (!open[id] || part * (double)WHET_MAX(parts, 1) < total) continue;
        part = 0;
        current++;
    }
    for (whet_nid id = 0; id < g->n_nodes; id++)
        if (segment[id] == current) segment[id] = -1; /* gradients begin there: nothing is won by a second time */
    *out = segment;
    segment = NULL;
    status = WHET_OK;
done:
    whet_free(last);
    whet_free(segment);
    whet_free(made);
    whet_free(open);
    return status;
}
