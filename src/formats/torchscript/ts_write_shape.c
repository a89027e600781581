/* SPDX-License-Identifier: Apache-2.0 */
/* Writers of reductions and of operators that change shapes or move elements. */
#include "formats/torchscript/ts_writer.h"

/* --- reductions */

/* Axes of a reduction as a list; all where none are given. */
static whet_status axes_text(ts_writer *w, const whet_node *n, const char **out)
{
    const int rank = ts_dims_of(w, n->in[0])->rank;
    int64_t axes[WHET_MAX_RANK];
    int count = 0;
    if (ts_has(n, 1) && !ts_const_ints(w, n->in[1], WHET_MAX_RANK, axes, &count)) return ts_write_fail(w, n, "axes that are computed");
    if (count == 0 && whet_node_int(n, "noop_with_empty_axes", 0)) return ts_write_fail(w, n, "noop_with_empty_axes");
    if (count == 0 && rank < 1) return ts_write_fail(w, n, "an input whose rank is not known");
    if (count == 0)
        for (; count < rank; count++) axes[count] = count;
    *out = ts_ints_text(w, count, axes);
    return WHET_OK;
}

static const char *keep_text(const whet_node *n) { return whet_node_int(n, "keepdims", 1) ? "True" : "False"; }

whet_status ts_write_reduce(ts_writer *w, const whet_node *n)
{
    const char *axes = NULL;
    WHET_TRY(axes_text(w, n, &axes));
    return ts_put(w, n, "torch.%s(%s, %s, %s)", ts_op_for(n->op->name)->name, ts_arg(w, n, 0), axes, keep_text(n));
}

whet_status ts_write_reduce_made(ts_writer *w, const whet_node *n)
{
    const char *axes = NULL, *x = ts_arg(w, n, 0);
    WHET_TRY(axes_text(w, n, &axes));
    if (whet_node_is(n, "ReduceL1")) return ts_put(w, n, "torch.sum(torch.abs(%s), %s, %s)", x, axes, keep_text(n));
    const char *sum = ts_let(w, "torch.sum(torch.mul(%s, %s), %s, %s)", x, x, axes, keep_text(n));
    if (whet_node_is(n, "ReduceL2")) return ts_put(w, n, "torch.sqrt(%s)", sum);
    ts_set(w, n, 0, sum);
    return WHET_OK;
}

whet_status ts_write_arg_extremum(ts_writer *w, const whet_node *n)
{
    if (whet_node_int(n, "select_last_index", 0)) return ts_write_fail(w, n, "select_last_index");
    return ts_put(w, n, "torch.%s(%s, %lld, %s)", ts_op_for(n->op->name)->name, ts_arg(w, n, 0), (long long)whet_node_int(n, "axis", 0), keep_text(n));
}

/* --- shapes */

whet_status ts_write_flatten(ts_writer *w, const whet_node *n)
{
    const int rank = ts_dims_of(w, n->in[0])->rank;
    const char *x = ts_arg(w, n, 0);
    if (rank < 0) return ts_write_fail(w, n, "an input whose rank is not known");
    const int64_t axis = ts_axis_of(n, "axis", 1, rank);
    if (axis == 0 || rank == 0) return ts_put(w, n, "torch.reshape(%s, [1, -1])", x);
    if (axis == rank) return ts_put(w, n, "torch.reshape(%s, [-1, 1])", x);
    if (axis < rank - 1) x = ts_let(w, "torch.flatten(%s, %lld)", x, (long long)axis);
    if (axis > 1) x = ts_let(w, "torch.flatten(%s, 0, %lld)", x, (long long)(axis - 1));
    ts_set(w, n, 0, x);
    return WHET_OK;
}

static const char *size_text(ts_writer *w, whet_vid v, int axis)
{
    const whet_dims *d = ts_dims_of(w, v);
    return d->dims[axis] >= 0 ? ts_text_of(w, "%lld", (long long)d->dims[axis]) : ts_text_of(w, "torch.size(%s, %d)", ts_tensor(w, v), axis);
}

whet_status ts_write_reshape(ts_writer *w, const whet_node *n)
{
    const whet_dims *d = ts_dims_of(w, n->in[0]);
    ts_size_list l = ts_sizes_or_dims(w, n, 1);
    const char *items[WHET_MAX_RANK];
    bool zero = whet_node_int(n, "allowzero", 0) != 0;
    if (l.n < 0 || l.n > WHET_MAX_RANK) return ts_write_fail(w, n, "a shape that is computed in a way that has no form there");
    for (int i = 0; i < l.n; i++) {
        items[i] = l.items[i];
        if (strcmp(l.items[i], "0") != 0 || zero) continue;
        if (i >= d->rank) return ts_write_fail(w, n, "an input whose rank is not known");
        items[i] = size_text(w, n->in[0], i);
    }
    return ts_put(w, n, "torch.reshape(%s, %s)", ts_arg(w, n, 0), ts_list_text(w, l.n, items));
}

whet_status ts_write_transpose(ts_writer *w, const whet_node *n)
{
    int64_t perm[WHET_MAX_RANK];
    int count = whet_node_ints(n, "perm", perm, WHET_MAX_RANK);
    const int rank = ts_dims_of(w, n->in[0])->rank;
    if (count == 0) {
        if (rank < 0) return ts_write_fail(w, n, "an input whose rank is not known");
        for (; count < rank; count++) perm[count] = rank - 1 - count;
    }
    return ts_put(w, n, "torch.permute(%s, %s)", ts_arg(w, n, 0), ts_ints_text(w, count, perm));
}

static void sort(int n, int64_t *x)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && x[k] < x[k - 1]; k--) {
            int64_t t = x[k];
            x[k] = x[k - 1];
            x[k - 1] = t;
        }
}

/* The axes in order, from 0 on. */
static whet_status sorted_axes(ts_writer *w, const whet_node *n, int rank, int64_t *axes, int *count)
{
    if (!ts_const_ints(w, n->in[1], WHET_MAX_RANK, axes, count)) return ts_write_fail(w, n, "axes that are computed");
    if (rank < 0) return ts_write_fail(w, n, "an input whose rank is not known");
    for (int i = 0; i < *count; i++) axes[i] += axes[i] < 0 ? rank : 0;
    sort(*count, axes);
    return WHET_OK;
}

whet_status ts_write_squeeze(ts_writer *w, const whet_node *n)
{
    int64_t axes[WHET_MAX_RANK];
    int count = 0;
    const char *x = ts_arg(w, n, 0);
    if (!ts_has(n, 1)) return ts_put(w, n, "torch.squeeze(%s)", x);
    WHET_TRY(sorted_axes(w, n, ts_dims_of(w, n->in[0])->rank, axes, &count));
    for (int i = count - 1; i >= 0; i--) x = ts_let(w, "torch.squeeze(%s, %lld)", x, (long long)axes[i]);
    ts_set(w, n, 0, x);
    return WHET_OK;
}

whet_status ts_write_unsqueeze(ts_writer *w, const whet_node *n)
{
    int64_t axes[WHET_MAX_RANK];
    int count = 0;
    const char *x = ts_arg(w, n, 0);
    WHET_TRY(sorted_axes(w, n, ts_dims_of(w, n->out[0])->rank, axes, &count));
    for (int i = 0; i < count; i++) x = ts_let(w, "torch.unsqueeze(%s, %lld)", x, (long long)axes[i]);
    ts_set(w, n, 0, x);
    return WHET_OK;
}

/* ONNX broadcasts both ways: a 1, or a missing dimension in front, keeps the input's size. */
whet_status ts_write_expand(ts_writer *w, const whet_node *n)
{
    const whet_dims *d = ts_dims_of(w, n->in[0]);
    ts_size_list l = ts_sizes_or_dims(w, n, 1);
    const char *items[WHET_MAX_RANK];
    if (l.n < 0 || d->rank < 0 || l.n > WHET_MAX_RANK) return ts_write_fail(w, n, "a shape that is computed in a way that has no form there");
    const int rank = WHET_MAX(l.n, d->rank);
    for (int i = 0; i < rank; i++) {
        const int at = i - (rank - l.n), from = i - (rank - d->rank);
        const char *size = at >= 0 ? l.items[at] : "1";
        bool keep = from >= 0 && (strcmp(size, "1") == 0 || d->dims[from] > 1);
        items[i] = keep ? "-1" : size;
    }
    return ts_put(w, n, "torch.expand(%s, %s)", ts_arg(w, n, 0), ts_list_text(w, rank, items));
}

whet_status ts_write_tile(ts_writer *w, const whet_node *n)
{
    ts_size_list l = ts_sizes_of(w, n->in[1]);
    if (l.n < 0) return ts_write_fail(w, n, "repeats that are computed");
    return ts_put(w, n, "torch.repeat(%s, %s)", ts_arg(w, n, 0), ts_list_text(w, l.n, l.items));
}

/* --- joining, cutting, picking */

whet_status ts_write_cat(ts_writer *w, const whet_node *n)
{
    const char **items = whet_arena_alloc(w->arena, ((size_t)n->n_in + 1) * sizeof(*items));
    if (!items) return WHET_ENOMEM;
    for (int i = 0; i < n->n_in; i++) items[i] = ts_arg(w, n, i);
    return ts_put(w, n, "torch.cat(%s, %lld)", ts_list_text(w, n->n_in, items), (long long)whet_node_int(n, "axis", 0));
}

whet_status ts_write_split(ts_writer *w, const whet_node *n)
{
    const int rank = ts_dims_of(w, n->in[0])->rank;
    const int64_t axis = rank > 0 ? ts_axis_of(n, "axis", 0, rank) : -1;
    const char **sizes = whet_arena_alloc(w->arena, ((size_t)n->n_out + 1) * sizeof(*sizes));
    if (!sizes) return WHET_ENOMEM;
    if (axis < 0) return ts_write_fail(w, n, "an input whose rank is not known");
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] < 0 || ts_dims_of(w, n->out[i])->dims[axis] < 0) return ts_write_fail(w, n, "sizes that are not known");
        sizes[i] = ts_text_of(w, "%lld", (long long)ts_dims_of(w, n->out[i])->dims[axis]);
    }
    const char *list = ts_let(w, "torch.split_with_sizes(%s, %s, %lld)", ts_arg(w, n, 0), ts_list_text(w, n->n_out, sizes), (long long)axis);
    for (int i = 0; i < n->n_out; i++) ts_set(w, n, i, ts_let(w, "%s[%d]", list, i));
    return WHET_OK;
}

whet_status ts_write_slice(ts_writer *w, const whet_node *n)
{
    ts_size_list from = ts_sizes_of(w, n->in[1]), to = ts_sizes_of(w, n->in[2]);
    int64_t axes[WHET_MAX_RANK], steps[WHET_MAX_RANK], count = from.n;
    int k = 0;
    const char *x = ts_arg(w, n, 0);
    if (from.n < 0 || to.n != from.n || from.n > WHET_MAX_RANK) return ts_write_fail(w, n, "bounds that are computed in a way that has no form there");
    for (int i = 0; i < count; i++) {
        axes[i] = i;
        steps[i] = 1;
    }
    if (ts_has(n, 3) && (!ts_const_ints(w, n->in[3], WHET_MAX_RANK, axes, &k) || k != count)) return ts_write_fail(w, n, "axes that are computed");
    if (ts_has(n, 4) && (!ts_const_ints(w, n->in[4], WHET_MAX_RANK, steps, &k) || k != count)) return ts_write_fail(w, n, "steps that are computed");
    for (int i = 0; i < count; i++) {
        bool all = strcmp(from.items[i], "-1") == 0 && strtoll(to.items[i], NULL, 10) <= INT32_MIN;
        if (steps[i] == -1 && all) x = ts_let(w, "torch.flip(%s, [%lld])", x, (long long)axes[i]);
        else if (steps[i] < 1) return ts_write_fail(w, n, "a negative step that does not turn a whole dimension");
        else x = ts_let(w, "torch.slice(%s, %lld, %s, %s, %lld)", x, (long long)axes[i], from.items[i], to.items[i], (long long)steps[i]);
    }
    ts_set(w, n, 0, x);
    return WHET_OK;
}

whet_status ts_write_gather(ts_writer *w, const whet_node *n)
{
    const whet_dims *d = ts_dims_of(w, n->in[0]), *index = ts_dims_of(w, n->in[1]);
    const whet_tensor *t = whet_graph_const_data(w->g, n->in[1]);
    const char *x = ts_arg(w, n, 0);
    if (d->rank < 1) return ts_write_fail(w, n, "an input whose rank is not known");
    const int64_t axis = ts_axis_of(n, "axis", 0, d->rank);
    if (t && index->rank == 0) return ts_put(w, n, "torch.select(%s, %lld, %lld)", x, (long long)axis, (long long)whet_tensor_get_s64(t, 0));
    for (int64_t i = 0; t && i < whet_tensor_numel(t); i++)
        if (whet_tensor_get_s64(t, i) < 0) return ts_write_fail(w, n, "indices that count from the end");
    if (index->rank == 1) return ts_put(w, n, "torch.index_select(%s, %lld, %s)", x, (long long)axis, ts_arg(w, n, 1));
    if (index->rank < 1 || d->rank - 1 + index->rank > WHET_MAX_RANK) return ts_write_fail(w, n, "indices of rank %d", index->rank);
    const char *items[WHET_MAX_RANK]; /* picked along one dimension, then given the shape of the indices there */
    int k = 0;
    for (int i = 0; i < d->rank; i++) {
        if (i == axis)
            for (int j = 0; j < index->rank; j++) items[k++] = size_text(w, n->in[1], j);
        else items[k++] = size_text(w, n->in[0], i);
    }
    const char *flat = ts_let(w, "torch.index_select(%s, %lld, torch.reshape(%s, [-1]))", x, (long long)axis, ts_arg(w, n, 1));
    return ts_put(w, n, "torch.reshape(%s, %s)", flat, ts_list_text(w, k, items));
}

/* --- padding: pairs from the last dimension on */

whet_status ts_write_pad(ts_writer *w, const whet_node *n)
{
    const char *mode = whet_node_string(n, "mode", "constant"), *number = "0.";
    const int rank = ts_dims_of(w, n->in[0])->rank;
    int64_t pads[2 * WHET_MAX_RANK], axes[WHET_MAX_RANK], pairs[2 * WHET_MAX_RANK] = {0};
    int count = 0, k = 0;
    if (rank < 1 || !ts_const_ints(w, n->in[1], 2 * WHET_MAX_RANK, pads, &count)) return ts_write_fail(w, n, "paddings that are computed");
    for (int i = 0; i < count / 2; i++) axes[i] = i;
    if (ts_has(n, 3) && (!ts_const_ints(w, n->in[3], WHET_MAX_RANK, axes, &k) || k != count / 2)) return ts_write_fail(w, n, "axes that are computed");
    for (int i = 0; i < count / 2; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        pairs[2 * (rank - 1 - axis)] = pads[i];
        pairs[2 * (rank - 1 - axis) + 1] = pads[count / 2 + i];
    }
    if (strcmp(mode, "constant") == 0) {
        if (ts_has(n, 2)) {
            const whet_tensor *t = whet_graph_const_data(w->g, n->in[2]);
            if (!t || whet_tensor_numel(t) != 1) return ts_write_fail(w, n, "a value that is computed");
            number = ts_float_text(w, whet_tensor_get_f64(t, 0));
        }
        return ts_put(w, n, "torch.constant_pad_nd(%s, %s, %s)", ts_arg(w, n, 0), ts_ints_text(w, 2 * rank, pairs), number);
    }
    bool plane = rank == 4;
    for (int i = 4; i < 2 * rank && plane; i++) plane = pairs[i] == 0;
    if (!plane || strcmp(mode, "wrap") == 0) return ts_write_fail(w, n, "mode '%s' on these dimensions", mode);
    return ts_put(w, n, "torch.%s_pad2d(%s, %s)", strcmp(mode, "reflect") == 0 ? "reflection" : "replication", ts_arg(w, n, 0), ts_ints_text(w, 4, pairs));
}

/* --- blocks of pixels and channels */

whet_status ts_write_depth_to_space(ts_writer *w, const whet_node *n)
{
    const whet_dims *d = ts_dims_of(w, n->in[0]);
    const int64_t b = whet_node_int(n, "blocksize", 1);
    const char *x = ts_arg(w, n, 0);
    if (strcmp(whet_node_string(n, "mode", "DCR"), "CRD") == 0) return ts_put(w, n, "torch.pixel_shuffle(%s, %lld)", x, (long long)b);
    if (d->rank != 4 || d->dims[1] < 0) return ts_write_fail(w, n, "a number of channels that is not known");
    const char *c = ts_text_of(w, "%lld", (long long)(d->dims[1] / (b * b))), *k = ts_text_of(w, "%lld", (long long)b);
    const char *height = size_text(w, n->in[0], 2), *width = size_text(w, n->in[0], 3), *batch = size_text(w, n->in[0], 0);
    const char *parts = ts_let(w, "torch.permute(torch.reshape(%s, [%s, %s, %s, %s, %s, %s]), [0, 3, 4, 1, 5, 2])", x, batch, k, k, c, height, width);
    return ts_put(w, n, "torch.reshape(%s, [%s, %s, torch.mul(%s, %s), torch.mul(%s, %s)])", parts, batch, c, height, k, width, k);
}

whet_status ts_write_space_to_depth(ts_writer *w, const whet_node *n)
{
    const whet_dims *d = ts_dims_of(w, n->in[0]);
    const int64_t b = whet_node_int(n, "blocksize", 1);
    if (d->rank != 4 || d->dims[1] < 0 || d->dims[2] < 0 || d->dims[3] < 0) return ts_write_fail(w, n, "sizes that are not known");
    if (strcmp(whet_node_string(n, "mode", "DCR"), "DCR") != 0) return ts_write_fail(w, n, "mode CRD");
    const int64_t in[6] = {-1, d->dims[1], d->dims[2] / b, b, d->dims[3] / b, b}, out[4] = {-1, d->dims[1] * b * b, d->dims[2] / b, d->dims[3] / b};
    return ts_put(w, n, "torch.reshape(torch.permute(torch.reshape(%s, %s), [0, 3, 5, 1, 2, 4]), %s)", ts_arg(w, n, 0), ts_ints_text(w, 6, in), ts_ints_text(w, 4, out));
}
