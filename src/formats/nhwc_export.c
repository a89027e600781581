/* SPDX-License-Identifier: Apache-2.0 */
/* How tagged values lie in a channels-last file: see nhwc_export.h. SAME and VALID are TensorFlow's: SAME gives
 * ceil(in / stride) outputs, half of the missing rows in front (rounded down), the rest behind. */
#include "formats/nhwc_export.h"

#include "formats/permute.h"
#include "ir/window.h"

static const int channels_last[4] = {0, 2, 3, 1}; /* axis of the file -> axis of the graph */

bool whet_nhwc_is(const whet_graph *g, whet_vid v)
{
    return v >= 0 && g->values[v].layout == WHET_NHWC && g->values[v].dims.rank == 4;
}

/* Axis of the graph that stands at place p of the file. */
static int axis_at(const whet_graph *g, whet_vid v, int p) { return whet_nhwc_is(g, v) ? channels_last[p] : p; }

whet_dims whet_nhwc_dims(const whet_graph *g, whet_vid v)
{
    whet_dims d = g->values[v].dims;
    for (int p = 0; p < d.rank; p++) d.dims[p] = g->values[v].dims.dims[axis_at(g, v, p)];
    return d;
}

int whet_nhwc_axis(const whet_graph *g, whet_vid v, int64_t axis)
{
    const int rank = g->values[v].dims.rank;
    const int a = (int)(axis < 0 ? axis + rank : axis);
    for (int p = 0; p < rank; p++)
        if (axis_at(g, v, p) == a) return p;
    return a;
}

void whet_nhwc_order(const whet_graph *g, whet_vid v, const int64_t *x, int64_t *file)
{
    for (int p = 0; p < g->values[v].dims.rank; p++) file[p] = x[axis_at(g, v, p)];
}

/* --- bytes */

static bool keeps_order(const int64_t *dims, int rank, const int *perm)
{
    int last = -1;
    for (int i = 0; i < rank; i++) {
        if (dims[perm[i]] == 1) continue;
        if (perm[i] < last) return false;
        last = perm[i];
    }
    return true;
}

whet_status whet_nhwc_permute(const whet_tensor *src, const int *perm, whet_tensor *out)
{
    const int rank = src->shape.rank;
    int64_t order[WHET_MAX_RANK] = {0};
    whet_shape shape = {.rank = rank};
    whet_tensor_init(out);
    for (int i = 0; i < rank; i++) {
        order[i] = perm[i];
        shape.dims[i] = src->shape.dims[perm[i]];
    }
    if (whet_dtype_size(src->dtype) == 0)
        return WHET_FAIL(WHET_EUNSUPPORTED, "a %s constant cannot be brought to channels-last", whet_dtype_name(src->dtype));
    if (!keeps_order(src->shape.dims, rank, perm)) return whet_tensor_permute(src, order, out);
    if (src->buffer) whet_tensor_ref(out, src);
    else WHET_TRY(whet_tensor_copy(out, src));
    out->shape = shape;
    return WHET_OK;
}

whet_status whet_nhwc_const(const whet_graph *g, whet_vid v, whet_tensor *out)
{
    const whet_tensor *t = &g->values[v].data;
    const int same[WHET_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    return whet_nhwc_permute(t, whet_nhwc_is(g, v) ? channels_last : same, out);
}

whet_status whet_nhwc_conv_weights(const whet_tensor *w, whet_nhwc_weights to, int64_t groups, whet_tensor *out)
{
    static const int perms[][4] = {
        [WHET_WEIGHTS_OHWI] = {0, 2, 3, 1}, [WHET_WEIGHTS_HWIO] = {2, 3, 1, 0},    [WHET_WEIGHTS_1HWC] = {1, 2, 3, 0},
        [WHET_WEIGHTS_HWCM] = {2, 3, 0, 1}, [WHET_WEIGHTS_IO_OHWI] = {1, 2, 3, 0}, [WHET_WEIGHTS_IO_HWOI] = {2, 3, 1, 0}};
    whet_tensor view = *w; /* borrowed: whet_nhwc_permute takes its own reference */
    if (w->shape.rank != 4) return WHET_FAIL(WHET_EUNSUPPORTED, "weights have rank %d; 2-D kernels of rank 4 can be written", w->shape.rank);
    if (to == WHET_WEIGHTS_HWCM) { /* [C*m, 1, h, w] is [C, m, h, w] */
        view.shape.dims[0] = groups;
        view.shape.dims[1] = w->shape.dims[0] / groups;
    }
    return whet_nhwc_permute(&view, perms[to], out);
}

/* --- moves */

whet_nhwc_move whet_nhwc_move_of(const whet_graph *g, const whet_node *n, int perm[WHET_MAX_RANK])
{
    const whet_vid x = n->in[0], y = n->out[0];
    const int rank = g->values[x].dims.rank;
    const whet_dims in = whet_nhwc_dims(g, x);
    int64_t p[WHET_MAX_RANK];
    bool identity = true;
    if (whet_node_is(n, "Transpose")) {
        if (whet_node_ints(n, "perm", p, WHET_MAX_RANK) != rank)
            for (int i = 0; i < rank; i++) p[i] = rank - 1 - i;
    } else {
        for (int i = 0; i < rank; i++) p[i] = i;
    }
    for (int i = 0; i < rank; i++) {
        perm[i] = whet_nhwc_axis(g, x, p[axis_at(g, y, i)]);
        identity = identity && perm[i] == i;
    }
    if (identity) return WHET_MOVE_NONE;
    return keeps_order(in.dims, rank, perm) ? WHET_MOVE_RESHAPE : WHET_MOVE_TRANSPOSE;
}

int whet_nhwc_count_transposes(const whet_graph *g)
{
    int n = 0, perm[WHET_MAX_RANK];
    for (whet_nid id = 0; id < g->n_nodes; id++)
        if (whet_node_is(&g->nodes[id], "Transpose") || whet_node_is(&g->nodes[id], "whet.Reorder"))
            n += whet_nhwc_move_of(g, &g->nodes[id], perm) == WHET_MOVE_TRANSPOSE;
    return n;
}

/* --- windows */

static void classify(whet_nhwc_window *w, bool transposed)
{
    w->valid = w->same = true;
    for (int d = 0; d < 2; d++) {
        const int64_t reach = (w->kernel[d] - 1) * w->dilation[d] + 1, s = w->stride[d];
        const int64_t small = transposed ? w->in[d] : w->out[d], large = transposed ? w->out[d] : w->in[d];
        const int64_t total = WHET_MAX((small - 1) * s + reach - large, 0);
        if (transposed) {
            w->valid = w->valid && w->before[d] == 0 && large == (small - 1) * s + reach;
            w->same = w->same && large == small * s && w->before[d] == total / 2 && reach >= s;
        } else {
            w->after[d] = WHET_MAX((small - 1) * s + reach - large - w->before[d], 0);
            w->valid = w->valid && w->before[d] == 0 && w->after[d] == 0 && large >= reach && small == (large - reach) / s + 1;
            w->same = w->same && small == (large + s - 1) / s && w->before[d] == total / 2 && w->after[d] == total - total / 2;
        }
    }
}

whet_status whet_nhwc_window_of(const whet_graph *g, const whet_node *n, whet_nhwc_window *w)
{
    const whet_dims *x = &g->values[n->in[0]].dims, *y = &g->values[n->out[0]].dims;
    const bool transposed = whet_node_is(n, "ConvTranspose"), conv = transposed || whet_node_is(n, "Conv") || whet_node_is(n, "whet.FusedConv");
    int64_t kernel[2] = {-1, -1}, extra[2] = {0, 0};
    whet_window win;
    *w = (whet_nhwc_window){.valid = false};
    if (x->rank != 4 || y->rank != 4) return WHET_FAIL(WHET_EUNSUPPORTED, "%s: only 2-D windows on rank 4 can be written", n->name);
    for (int d = 0; d < 2; d++) {
        w->in[d] = x->dims[2 + d];
        w->out[d] = y->dims[2 + d];
        if (w->in[d] < 0 || w->out[d] < 0)
            return WHET_FAIL(WHET_ESHAPE, "node '%s': its height and width are not known; give the inputs' shapes", n->name);
        if (conv) kernel[d] = g->values[n->in[1]].dims.dims[2 + d];
    }
    WHET_TRY(whet_window_read(n, 2, conv ? kernel : NULL, &win));
    whet_node_ints(n, "output_padding", extra, 2);
    for (int d = 0; d < 2; d++) {
        if (transposed) (void)whet_window_out_transposed(&win, n, d, w->in[d]);
        else (void)whet_window_out(&win, d, w->in[d]);
        w->kernel[d] = win.k[d];
        w->stride[d] = win.stride[d];
        w->dilation[d] = win.dil[d];
        w->before[d] = win.pad[d];
        w->after[d] = w->given_after[d] = win.pad_end[d];
        w->output_padding[d] = extra[d];
    }
    classify(w, transposed);
    return WHET_OK;
}
