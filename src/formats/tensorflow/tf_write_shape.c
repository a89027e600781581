/* SPDX-License-Identifier: Apache-2.0 */
/* Writing operators that change shapes or move data: axes, starts and pads are mapped to the order in the file. */
#include "formats/tensorflow/tf_writer.h"

#define T0 tf_type_of(w, 0)

void tf_write_identity(tf_writer *w, const whet_node *n)
{
    (void)n;
    tf_result(w, tf_in_ref(w, 0));
}

void tf_write_reshape(tf_writer *w, const whet_node *n)
{
    const whet_dims d = tf_file_dims(w, n->out[0]);
    const char *x = tf_in_ref(w, 0);
    int open = 0;
    for (int i = 0; i < d.rank; i++) open += d.dims[i] < 0;
    if (whet_node_is(n, "Reshape") && (open > 1 || d.rank < 0)) { /* the sizes are computed in the file too */
        const char *in[2] = {x, tf_in_ref(w, 1)};
        const whet_value *to = &w->g->values[n->in[1]];
        bool plain = to->n_known >= 0 && !whet_nhwc_is(w->g, n->out[0]); /* 0, "as it is", is no size to TensorFlow */
        for (int i = 0; i < to->n_known; i++) plain = plain && to->known[i] != 0;
        if (!plain) tf_refuse(w, WHET_EUNSUPPORTED, "more than one size is not known; fix the size of the picture first");
        tf_last(w, "Reshape", 2, in, TF_ATTRS(tf_a_type(w, "T", T0), tf_a_type(w, "Tshape", WHET_S64)));
        return;
    }
    tf_reshape_to(w, x, T0, &d, true);
}

void tf_write_transpose(tf_writer *w, const whet_node *n)
{
    int perm[WHET_MAX_RANK];
    int64_t wide[WHET_MAX_RANK];
    const whet_dims d = tf_file_dims(w, n->out[0]);
    const char *x = tf_in_ref(w, 0);
    const whet_nhwc_move move = whet_nhwc_move_of(w->g, n, perm);
    if (move == WHET_MOVE_NONE) tf_result(w, x);
    if (move == WHET_MOVE_RESHAPE) tf_reshape_to(w, x, T0, &d, true);
    if (move != WHET_MOVE_TRANSPOSE) return;
    for (int i = 0; i < d.rank; i++) wide[i] = perm[i];
    const char *in[2] = {x, tf_const_ints(w, d.rank, wide)};
    tf_last(w, "Transpose", 2, in, TF_ATTRS(tf_a_type(w, "T", T0), tf_a_type(w, "Tperm", WHET_S32)));
}

void tf_write_concat(tf_writer *w, const whet_node *n)
{
    const char **in = whet_arena_alloc(w->arena, ((size_t)n->n_in + 1) * sizeof(*in));
    if (!in) w->status = WHET_ENOMEM;
    if (w->status != WHET_OK) return;
    if (n->n_in == 1) {
        tf_result(w, tf_in_ref(w, 0));
        return;
    }
    for (int i = 0; i < n->n_in; i++) in[i] = tf_in_ref(w, i);
    in[n->n_in] = tf_const_int(w, tf_file_axis(w, n->out[0], whet_node_int(n, "axis", 0)));
    tf_last(w, "ConcatV2", n->n_in + 1, in, TF_ATTRS(tf_a_int(w, "N", n->n_in), tf_a_type(w, "T", T0), tf_a_type(w, "Tidx", WHET_S32)));
}

void tf_write_split(tf_writer *w, const whet_node *n)
{
    const int64_t axis = whet_node_int(n, "axis", 0);
    const whet_dims *d = &w->g->values[n->in[0]].dims;
    const int at = d->rank > 0 ? tf_file_axis(w, n->in[0], axis) : 0;
    int64_t *sizes = whet_arena_alloc(w->arena, ((size_t)n->n_out + 1) * sizeof(*sizes));
    if (!sizes) w->status = WHET_ENOMEM;
    if (w->status != WHET_OK) return;
    for (int i = 0; i < n->n_out; i++) {
        const whet_dims o = n->out[i] >= 0 ? tf_file_dims(w, n->out[i]) : (whet_dims){.rank = -1};
        sizes[i] = o.rank > at ? o.dims[at] : -1;
        if (sizes[i] < 0) tf_refuse(w, WHET_EUNSUPPORTED, "parts whose sizes are not known cannot be written");
    }
    const char *in[3] = {tf_in_ref(w, 0), tf_const_ints(w, n->n_out, sizes), tf_const_int(w, at)};
    const char *name = tf_last(w, "SplitV", 3, in, TF_ATTRS(tf_a_type(w, "T", T0), tf_a_type(w, "Tlen", WHET_S32), tf_a_int(w, "num_split", n->n_out)));
    for (int i = 1; i < n->n_out && name; i++) {
        char *text = whet_format("%s:%d", name, i);
        w->ref[n->out[i]] = text ? whet_arena_strdup(w->arena, text) : NULL;
        whet_free(text);
        if (!w->ref[n->out[i]]) w->status = WHET_ENOMEM;
    }
}

static const char *pairs(tf_writer *w, int rank, const int64_t *before, const int64_t *after)
{
    whet_tensor t;
    const int64_t dims[2] = {rank, 2};
    const whet_shape s = whet_shape_of(2, dims);
    whet_tensor_init(&t);
    if (w->status == WHET_OK) w->status = whet_tensor_alloc(&t, WHET_S32, &s);
    for (int i = 0; i < rank && w->status == WHET_OK; i++) {
        whet_tensor_set_s64(&t, 2 * i, before[i]);
        whet_tensor_set_s64(&t, 2 * i + 1, after[i]);
    }
    return w->status == WHET_OK ? tf_const_tensor(w, NULL, &t) : NULL;
}

void tf_write_pad(tf_writer *w, const whet_node *n)
{
    const whet_vid x = n->in[0];
    const int rank = w->g->values[x].dims.rank;
    int64_t p[2 * WHET_MAX_RANK], axes[WHET_MAX_RANK], half[2][WHET_MAX_RANK] = {{0}}, file[2][WHET_MAX_RANK];
    int k = 0, n_axes = 0;
    const char *mode = whet_node_string(n, "mode", "constant");
    if (rank < 1 || !tf_const_s64(w, 1, p, 2 * WHET_MAX_RANK, &k) || (tf_has(n, 3) && !tf_const_s64(w, 3, axes, WHET_MAX_RANK, &n_axes)))
        tf_refuse(w, WHET_EUNSUPPORTED, "padding that is computed cannot be written");
    if (!tf_has(n, 3))
        for (n_axes = 0; n_axes < rank; n_axes++) axes[n_axes] = n_axes;
    if (w->status != WHET_OK) return;
    if (k != 2 * n_axes) tf_refuse(w, WHET_EINVAL, "%d numbers of padding for %d axes", k, n_axes);
    bool small = true;
    for (int i = 0; i < k && w->status == WHET_OK; i++) {
        const int64_t a = axes[i % n_axes] < 0 ? axes[i % n_axes] + rank : axes[i % n_axes];
        half[i / n_axes][a] = p[i];
        if (p[i] < 0) tf_refuse(w, WHET_EUNSUPPORTED, "padding that cuts off cannot be written");
        small = small && p[i] <= 1;
    }
    for (int i = 0; i < 2; i++) whet_nhwc_order(w->g, x, half[i], file[i]);
    const char *in[3] = {tf_in_ref(w, 0), pairs(w, rank, file[0], file[1]), NULL};
    const tf_attr a[3] = {tf_a_type(w, "T", T0), tf_a_type(w, "Tpaddings", WHET_S32), tf_a_text(w, "mode", strcmp(mode, "edge") == 0 ? "SYMMETRIC" : "REFLECT")};
    if (strcmp(mode, "constant") == 0) {
        if (tf_has(n, 2)) in[2] = tf_in_ref(w, 2);
        tf_last(w, in[2] ? "PadV2" : "Pad", in[2] ? 3 : 2, in, 2, a);
        return;
    }
    if (strcmp(mode, "reflect") != 0 && !(strcmp(mode, "edge") == 0 && small)) tf_refuse(w, WHET_EUNSUPPORTED, "mode '%s' cannot be written", mode);
    tf_last(w, "MirrorPad", 2, in, 3, a);
}

void tf_write_slice(tf_writer *w, const whet_node *n)
{
    const whet_vid x = n->in[0];
    const int rank = w->g->values[x].dims.rank;
    int64_t list[4][WHET_MAX_RANK], all[3][WHET_MAX_RANK], file[3][WHET_MAX_RANK], begin_mask = 0, end_mask = 0;
    int k[4] = {0};
    for (int i = 0; i < 4; i++)
        if (tf_has(n, i + 1) ? !tf_const_s64(w, i + 1, list[i], WHET_MAX_RANK, &k[i]) : i < 2)
            tf_refuse(w, WHET_EUNSUPPORTED, "ranges that are computed cannot be written");
    if (rank < 1) tf_refuse(w, WHET_EUNSUPPORTED, "the number of dimensions is not known");
    if (w->status != WHET_OK) return;
    for (int i = 0; i < rank; i++) {
        all[0][i] = 0;
        all[1][i] = INT64_MAX;
        all[2][i] = 1;
    }
    for (int i = 0; i < k[0]; i++) {
        int64_t a = tf_has(n, 3) ? list[2][i] : i;
        a = a < 0 ? a + rank : a;
        all[0][a] = list[0][i];
        all[1][a] = list[1][i];
        all[2][a] = tf_has(n, 4) ? list[3][i] : 1;
    }
    for (int i = 0; i < 3; i++) whet_nhwc_order(w->g, x, all[i], file[i]);
    for (int i = 0; i < rank; i++) {
        const whet_dim size = tf_file_dims(w, x).dims[i];
        if (file[1][i] > INT32_MAX || file[1][i] < INT32_MIN || (file[2][i] < 0 && size >= 0 && file[1][i] < -size)) {
            end_mask |= (int64_t)1 << i;
            file[1][i] = 0;
        }
        if (file[0][i] > INT32_MAX || file[0][i] < INT32_MIN || (file[2][i] > 0 && file[0][i] == 0)) {
            begin_mask |= (int64_t)1 << i;
            file[0][i] = 0;
        }
    }
    const char *in[4] = {tf_in_ref(w, 0), tf_const_ints(w, rank, file[0]), tf_const_ints(w, rank, file[1]), tf_const_ints(w, rank, file[2])};
    tf_last(w, "StridedSlice", 4, in, TF_ATTRS(tf_a_type(w, "T", T0), tf_a_type(w, "Index", WHET_S32), tf_a_int(w, "begin_mask", begin_mask),
            tf_a_int(w, "end_mask", end_mask)));
}

void tf_write_shape(tf_writer *w, const whet_node *n)
{
    static const int64_t order[4] = {0, 3, 1, 2}; /* of the graph's axes in a file with channels last */
    const char *x = tf_in_ref(w, 0);
    const whet_attr *start = whet_node_attr(n, "start"), *end = whet_node_attr(n, "end");
    const int64_t one = 1, from = start ? start->i : 0, to = end ? end->i : 0;
    const bool part = from != 0 || end, turned = whet_nhwc_is(w->g, n->in[0]);
    const tf_attr a[2] = {tf_a_type(w, "T", T0), tf_a_type(w, "out_type", WHET_S64)};
    const tf_attr pick[3] = {tf_a_type(w, "Tparams", WHET_S64), tf_a_type(w, "Tindices", WHET_S32), tf_a_type(w, "Taxis", WHET_S32)};
    if (!part && !turned) {
        tf_last(w, "Shape", TF_IN(x), 2, a);
        return;
    }
    const char *all = tf_put(w, "Shape", TF_IN(x), 2, a);
    if (turned && !part) tf_last(w, "GatherV2", TF_IN(all, tf_const_ints(w, 4, order), tf_const_int(w, 0)), 3, pick);
    if (!part) return;
    if (turned && !(from == 0 && to == 1)) all = tf_put(w, "GatherV2", TF_IN(all, tf_const_ints(w, 4, order), tf_const_int(w, 0)), 3, pick);
    tf_last(w, "StridedSlice", TF_IN(all, tf_const_ints(w, 1, &from), tf_const_ints(w, 1, &to), tf_const_ints(w, 1, &one)),
            TF_ATTRS(tf_a_type(w, "T", WHET_S64), tf_a_type(w, "Index", WHET_S32), tf_a_int(w, "end_mask", end ? 0 : 1)));
}

void tf_write_size(tf_writer *w, const whet_node *n)
{
    (void)n;
    tf_last(w, "Size", TF_IN(tf_in_ref(w, 0)), TF_ATTRS(tf_a_type(w, "T", T0), tf_a_type(w, "out_type", WHET_S64)));
}

void tf_write_range(tf_writer *w, const whet_node *n)
{
    (void)n;
    const char *in[3] = {tf_in_ref(w, 0), tf_in_ref(w, 1), tf_in_ref(w, 2)};
    tf_last(w, "Range", 3, in, TF_ATTRS(tf_a_type(w, "Tidx", T0)));
}

void tf_write_tile(tf_writer *w, const whet_node *n)
{
    int64_t r[WHET_MAX_RANK], file[WHET_MAX_RANK];
    int k = 0;
    if (!tf_const_s64(w, 1, r, WHET_MAX_RANK, &k)) tf_refuse(w, WHET_EUNSUPPORTED, "repeats that are computed cannot be written");
    if (w->status != WHET_OK) return;
    whet_nhwc_order(w->g, n->in[0], r, file);
    const char *in[2] = {tf_in_ref(w, 0), tf_const_ints(w, k, file)};
    tf_last(w, "Tile", 2, in, TF_ATTRS(tf_a_type(w, "T", T0), tf_a_type(w, "Tmultiples", WHET_S32)));
}

void tf_write_gather(tf_writer *w, const whet_node *n)
{
    const int64_t axis = tf_file_axis(w, n->in[0], whet_node_int(n, "axis", 0));
    const whet_tensor *at = whet_graph_const_data(w->g, n->in[1]);
    whet_tensor t;
    const char *ref = NULL;
    bool negative = false;
    for (int64_t i = 0; at && i < whet_tensor_numel(at); i++) negative |= whet_tensor_get_s64(at, i) < 0;
    if (negative) { /* counted from the end, which TensorFlow does not do */
        const whet_dims d = tf_file_dims(w, n->in[0]);
        if (d.dims[axis] < 0) tf_refuse(w, WHET_EUNSUPPORTED, "places counted from an end that is not known");
        whet_tensor_init(&t);
        if (w->status == WHET_OK) w->status = whet_tensor_copy(&t, at);
        if (w->status != WHET_OK) return;
        for (int64_t i = 0; i < whet_tensor_numel(&t); i++)
            if (whet_tensor_get_s64(&t, i) < 0) whet_tensor_set_s64(&t, i, whet_tensor_get_s64(&t, i) + d.dims[axis]);
        ref = tf_const_tensor(w, NULL, &t);
    } else {
        ref = tf_in_ref(w, 1);
    }
    const char *in[3] = {tf_in_ref(w, 0), ref, tf_const_int(w, axis)};
    tf_last(w, "GatherV2", 3, in, TF_ATTRS(tf_a_type(w, "Tparams", T0), tf_a_type(w, "Tindices", tf_type_of(w, 1)), tf_a_type(w, "Taxis", WHET_S32)));
}

/* Sizes of the result: numbers where they are known, else what the graph computes. */
void tf_write_expand(tf_writer *w, const whet_node *n)
{
    const whet_dims d = tf_file_dims(w, n->out[0]);
    const char *x = tf_in_ref(w, 0);
    whet_shape s;
    if (whet_dims_concrete(&d, &s)) {
        tf_last(w, "BroadcastTo", TF_IN(x, tf_const_ints(w, s.rank, s.dims)), TF_ATTRS(tf_a_type(w, "T", T0), tf_a_type(w, "Tidx", WHET_S32)));
        return;
    }
    if (whet_nhwc_is(w->g, n->out[0])) tf_refuse(w, WHET_EUNSUPPORTED, "sizes that are not known cannot be written for pictures");
    const whet_value *shape = &w->g->values[n->in[1]];
    bool whole = shape->n_known == d.rank && d.rank > 0; /* the sizes asked for are those of the result: nothing of x's own among them */
    for (int i = 0; whole && i < d.rank; i++) whole = shape->known[i] == d.dims[i] && d.dims[i] != WHET_DIM_UNKNOWN;
    if (whole) {
        tf_last(w, "BroadcastTo", TF_IN(x, tf_in_ref(w, 1)), TF_ATTRS(tf_a_type(w, "T", T0), tf_a_type(w, "Tidx", WHET_S64)));
        return;
    }
    const char *own = tf_put(w, "Shape", TF_IN(x), TF_ATTRS(tf_a_type(w, "T", T0), tf_a_type(w, "out_type", WHET_S64)));
    const char *to = tf_put(w, "BroadcastArgs", TF_IN(own, tf_in_ref(w, 1)), TF_ATTRS(tf_a_type(w, "T", WHET_S64)));
    tf_last(w, "BroadcastTo", TF_IN(x, to), TF_ATTRS(tf_a_type(w, "T", T0), tf_a_type(w, "Tidx", WHET_S64)));
}

void tf_write_fill(tf_writer *w, const whet_node *n)
{
    const whet_attr *a = whet_node_attr(n, "value");
    const whet_dtype t = w->g->values[n->out[0]].dtype;
    const char *in[2] = {tf_in_ref(w, 0), tf_const_scalar(w, t, a && a->type == WHET_ATTR_TENSOR ? whet_tensor_get_f64(&a->t, 0) : 0)};
    tf_last(w, "Fill", 2, in, TF_ATTRS(tf_a_type(w, "T", t), tf_a_type(w, "index_type", WHET_S64)));
}
