/* SPDX-License-Identifier: Apache-2.0 */
/* Activations kept for backward in bf16: behind the node that makes one stands a Cast to bf16, before the first gradient that
 * reads it the Cast back; in between only half of its bytes stay. Forward computes with the f32 values, so the loss of a step
 * is what it was; gradients see activations rounded to 8 bits (relative error 2^-9), as mixed precision does
 * (Kalamkar et al. 2019, "A Study of BFLOAT16 for Deep Learning Training"). */
#include "base/mem.h"
#include "ir/op.h"
#include "train/optimizer.h"

enum { LEAST_BYTES = 1 << 16 }; /* smaller ones are not worth two more nodes */

typedef struct storing {
    whet_graph *g;
    int64_t batch;
    int n_forward;      /* nodes from here on are backward's */
    whet_vid *restored; /* by value: what gradients read instead, or WHET_NO_VALUE */
    int *rank;          /* by node */
    int cap_rank;
} storing;

static bool is_kept(const storing *s, whet_vid v)
{
    const whet_value *x = &s->g->values[v];
    double bytes = 4;
    if (x->kind != WHET_VALUE_RESULT || x->dtype != WHET_F32 || x->dims.rank < 2 || x->producer >= s->n_forward) return false;
    for (int i = 0; i < x->dims.rank; i++) bytes *= (double)(x->dims.dims[i] >= 0 ? x->dims.dims[i] : s->batch);
    return bytes >= LEAST_BYTES;
}

static whet_status note(storing *s, whet_vid made, int rank)
{
    const whet_nid id = s->g->values[made].producer;
    if (id >= s->cap_rank) {
        const int more = id + id / 2 + 64;
        int *list = whet_realloc(s->rank, (size_t)more, sizeof *list);
        if (list == NULL) return WHET_ENOMEM;
        s->rank = list;
        s->cap_rank = more;
    }
    s->rank[id] = rank;
    return WHET_OK;
}

/* What gradients read for v. A view of a value that is kept (Reshape) is the same view of what comes back. */
static whet_status restore(storing *s, whet_vid v, whet_vid *out)
{
    whet_graph *g = s->g;
    const whet_nid id = g->values[v].producer;
    *out = s->restored[v];
    if (*out != WHET_NO_VALUE) return WHET_OK;
    const whet_node n = g->nodes[id];
    if ((n.op->flags & WHET_OP_VIEW) && n.n_out == 1 && n.n_in > 0 && n.n_in <= 4 && is_kept(s, n.in[0])) {
        whet_vid in[4] = {WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE};
        for (int i = 1; i < n.n_in; i++) in[i] = n.in[i];
        WHET_TRY(restore(s, n.in[0], &in[0]));
        WHET_TRY(whet_graph_op1(g, n.op->name, n.n_in, in, n.n_attr, n.attr, out));
        WHET_TRY(note(s, *out, INT32_MAX));
    } else {
        whet_vid half = WHET_NO_VALUE;
        WHET_TRY(whet_graph_op1(g, "Cast", WHET_IN(v), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(WHET_BF16))), &half));
        WHET_TRY(note(s, half, 2 * id + 1));
        WHET_TRY(whet_graph_op1(g, "Cast", WHET_IN(half), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(WHET_F32))), out));
        WHET_TRY(note(s, *out, INT32_MAX)); /* sorting puts it right before its first reader */
    }
    s->restored[v] = *out;
    return WHET_OK;
}

whet_status whet_train_store_bf16(whet_graph *g, int64_t batch, int n_forward)
{
    const int n_values = g->n_values, n_nodes = g->n_nodes;
    storing s = {.g = g, .batch = batch, .n_forward = n_forward, .cap_rank = 2 * n_nodes + 64};
    whet_status status = WHET_ENOMEM;
    s.restored = whet_calloc((size_t)n_values, sizeof *s.restored);
    s.rank = whet_calloc((size_t)s.cap_rank, sizeof *s.rank);
    if (s.restored == NULL || s.rank == NULL) goto done;
    for (whet_vid v = 0; v < n_values; v++) s.restored[v] = WHET_NO_VALUE;
    for (whet_nid id = 0; id < n_nodes; id++) s.rank[id] = 2 * id;
    for (whet_nid id = n_forward; id < n_nodes; id++)
        for (int i = 0; g->nodes[id].op != NULL && i < g->nodes[id].n_in; i++) {
            const whet_vid v = g->nodes[id].in[i];
            whet_vid back = WHET_NO_VALUE;
            if (v < 0 || v >= n_values || !is_kept(&s, v)) continue;
            WHET_GOTO(restore(&s, v, &back));
            whet_graph_set_input(g, id, i, back);
        }
    status = whet_graph_order(g, s.rank);
done:
    whet_free(s.restored);
    whet_free(s.rank);
    return status;
}
