/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that give elements other places in a shape: reshape, transpose, join, split, blocks of pixels, sizes. */
#include "formats/tflite/tflite_reader.h"

TFL_READ(reshape)
{
    int64_t shape[WHET_MAX_RANK];
    int count = 0;
    bool zero = false;
    whet_vid x = WHET_NO_VALUE, s = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 1, 2, 1));
    WHET_TRY(tfl_get_flat(r, n, 0, &x));
    const tfl_tensor *t = tfl_in(r, n, 1);
    if (t && tfl_is_const(r, n, 1)) WHET_TRY(tfl_ints(r, n, 1, "the new shape", WHET_MAX_RANK, shape, &count));
    else if (t) {
        WHET_TRY(tfl_s64(r, n, 1, &s));
    } else {
        whet_fb_vector list;
        WHET_TRY(whet_fb_list(&n->opt, TFL_RESHAPE_NEW_SHAPE, 4, &list));
        if (list.n > WHET_MAX_RANK) return tfl_fail(r, n, WHET_EUNSUPPORTED, "%zu dimensions, at most %d are handled", list.n, WHET_MAX_RANK);
        for (count = 0; count < (int)list.n; count++) shape[count] = whet_fb_list_int(&list, (size_t)count);
        if (count == 1 && shape[0] == 0) count = 0; /* an old way to write a scalar */
    }
    for (int i = 0; i < count; i++) {
        zero = zero || shape[i] == 0;
        if (shape[i] < -1) return tfl_fail(r, n, WHET_EFORMAT, "dimension %d is %lld", i, (long long)shape[i]);
    }
    if (s < 0) WHET_TRY(tfl_ints_value(r, count, shape, &s));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Reshape", WHET_IN(x, s), zero ? 1 : 0,
                    (const whet_attr[]){whet_attr_int("allowzero", 1)});
}

TFL_READ(squeeze)
{
    whet_fb_vector list;
    int64_t axes[WHET_MAX_RANK];
    whet_vid x = WHET_NO_VALUE, v = WHET_NO_VALUE;
    int rank = 0, count = 0, axis = 0;
    uint32_t removed = 0;
    WHET_TRY(tfl_arity(r, n, 1, 1, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(whet_fb_list(&n->opt, TFL_SQUEEZE_DIMS, 4, &list));
    const whet_dims d = tfl_dims(r, tfl_in(r, n, 0));
    if (list.n > WHET_MAX_RANK) return tfl_fail(r, n, WHET_EFORMAT, "%zu axes of %d", list.n, rank);
    for (size_t i = 0; i < list.n; i++) {
        WHET_TRY(tfl_axis(r, n, whet_fb_list_int(&list, i), rank, &axis));
        axes[count++] = axis;
    }
    for (int i = 0; i < rank && list.n == 0; i++)
        if (d.dims[i] == 1) axes[count++] = i;
    for (int i = 0; i < count; i++) removed |= 1u << axes[i];
    const whet_layout form = whet_nhwc_order_kept(rank, removed) ? tfl_form(r, n, 0, 0) : WHET_NHWC;
    for (int i = 0; i < count; i++) axes[i] = whet_nhwc_axis((int)axes[i], rank, form);
    WHET_TRY(tfl_get(r, n, 0, form, &x));
    WHET_TRY(tfl_ints_value(r, count, axes, &v));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Squeeze", WHET_IN(x, v), WHET_NO_ATTRS);
}

TFL_READ(expand_dims)
{
    int64_t list[1];
    whet_vid x = WHET_NO_VALUE, v = WHET_NO_VALUE;
    int rank = 0, count = 0, axis = 0;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(tfl_ints(r, n, 1, "the axis", 1, list, &count));
    if (count != 1) return tfl_fail(r, n, WHET_EFORMAT, "the axis is missing");
    WHET_TRY(tfl_axis(r, n, list[0], rank + 1, &axis));
    list[0] = axis;
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(tfl_ints_value(r, 1, list, &v));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Unsqueeze", WHET_IN(x, v), WHET_NO_ATTRS);
}

/* The turn from channels last to channels first is no work: the other form of the tensor is the result. */
static bool is_perm(int count, const int64_t *perm, int64_t a, int64_t b, int64_t c)
{
    return count == 4 && perm[0] == 0 && perm[1] == a && perm[2] == b && perm[3] == c;
}

TFL_READ(transpose)
{
    int64_t perm[WHET_MAX_RANK];
    int count = 0, rank = 0;
    whet_vid x = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(tfl_ints(r, n, 1, "the permutation", WHET_MAX_RANK, perm, &count));
    if (count != rank) return tfl_fail(r, n, WHET_EFORMAT, "a permutation of %d axes for %d", count, rank);
    for (int i = 0; i < rank; i++) {
        int axis = 0;
        WHET_TRY(tfl_axis(r, n, perm[i], rank, &axis));
        perm[i] = axis;
    }
    const tfl_tensor *t = tfl_in(r, n, 0), *y = tfl_out(r, n, 0);
    const bool plain = !t->constant && !tfl_quantized(t) && !tfl_quantized(y) && t->dtype == y->dtype;
    if (plain && is_perm(count, perm, 3, 1, 2)) {
        WHET_TRY(tfl_get(r, n, 0, WHET_NCHW, &x));
        return tfl_give(r, n, 0, x, WHET_NHWC);
    }
    if (plain && is_perm(count, perm, 2, 3, 1) && t->raw.last >= 0) {
        WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
        return tfl_give(r, n, 0, x, WHET_NCHW);
    }
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Transpose", 1, &x, WHET_ATTRS(whet_attr_ints("perm", rank, perm)));
}

TFL_READ(concat)
{
    whet_vid v[TFL_MAX_ARITY];
    int rank = 0, axis = 0;
    WHET_TRY(tfl_arity(r, n, 1, TFL_MAX_ARITY, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(tfl_axis(r, n, tfl_s32(n, TFL_CONCATENATION_AXIS, 0), rank, &axis));
    const whet_layout form = tfl_form(r, n, 0, n->n_in - 1);
    for (int i = 0; i < n->n_in; i++) WHET_TRY(tfl_get(r, n, i, form, &v[i]));
    return tfl_last(r, n, 0, tfl_s8(n, TFL_CONCATENATION_ACTIVATION), form, "Concat", n->n_in, v,
                    WHET_ATTRS(whet_attr_int("axis", whet_nhwc_axis(axis, rank, form))));
}

/* --- in parts */
static whet_status give_parts(tfl_reader *r, const tfl_node *n, const whet_vid *v, whet_layout form)
{
    for (int i = 0; i < n->n_out; i++) WHET_TRY(tfl_give(r, n, i, v[i], form));
    return WHET_OK;
}

static whet_status part_names(const tfl_reader *r, const tfl_node *n, whet_dtype dtype, const char **names)
{
    for (int i = 0; i < n->n_out; i++) names[i] = tfl_result_name(r, n, i, dtype);
    return WHET_OK;
}

/* Inputs: axis, source. */
TFL_READ(split)
{
    whet_vid x = WHET_NO_VALUE, v[TFL_MAX_ARITY];
    const char *names[TFL_MAX_ARITY];
    int64_t list[1];
    int rank = 0, axis = 0, count = 0;
    WHET_TRY(tfl_arity(r, n, 2, 2, n->n_out));
    WHET_TRY(tfl_rank(r, n, 1, &rank));
    WHET_TRY(tfl_ints(r, n, 0, "the axis", 1, list, &count));
    if (count != 1) return tfl_fail(r, n, WHET_EFORMAT, "the axis is missing");
    WHET_TRY(tfl_axis(r, n, list[0], rank, &axis));
    const whet_layout form = tfl_form(r, n, 1, 1);
    const whet_dim size = tfl_dims(r, tfl_in(r, n, 1)).dims[axis];
    if (size >= 0 && size % n->n_out != 0) return tfl_fail(r, n, WHET_EFORMAT, "size %lld cannot be split into %d", (long long)size, n->n_out);
    WHET_TRY(tfl_get(r, n, 1, form, &x));
    WHET_TRY(part_names(r, n, r->g->values[x].dtype, names));
    WHET_TRY(whet_graph_node(r->g, "Split", n->label, WHET_IN(x), WHET_ATTRS(whet_attr_int("axis", whet_nhwc_axis(axis, rank, form)),
                             whet_attr_int("num_outputs", n->n_out)), n->n_out, names, v));
    return give_parts(r, n, v, form);
}

/* Inputs: source, sizes, axis. */
TFL_READ(split_v)
{
    whet_vid x = WHET_NO_VALUE, sizes_v = WHET_NO_VALUE, v[TFL_MAX_ARITY];
    const char *names[TFL_MAX_ARITY];
    int64_t list[1], sizes[TFL_MAX_INTS], sum = 0;
    int rank = 0, axis = 0, count = 0, open = -1;
    WHET_TRY(tfl_arity(r, n, 3, 3, n->n_out));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(tfl_ints(r, n, 2, "the axis", 1, list, &count));
    if (count != 1) return tfl_fail(r, n, WHET_EFORMAT, "the axis is missing");
    WHET_TRY(tfl_axis(r, n, list[0], rank, &axis));
    WHET_TRY(tfl_ints(r, n, 1, "the list of sizes", TFL_MAX_INTS, sizes, &count));
    if (count != n->n_out) return tfl_fail(r, n, WHET_EFORMAT, "%d sizes for %d outputs", count, n->n_out);
    for (int i = 0; i < count; i++) {
        if (sizes[i] < 0) open = i;
        else if (!whet_add_i64(sum, sizes[i], &sum)) return tfl_fail(r, n, WHET_EFORMAT, "the sizes are too large");
    }
    const whet_dim size = tfl_dims(r, tfl_in(r, n, 0)).dims[axis];
    if (open >= 0 && size < sum) return tfl_fail(r, n, WHET_EUNSUPPORTED, "the size of a part cannot be told");
    if (open >= 0) sizes[open] = size - sum;
    const whet_layout form = tfl_form(r, n, 0, 0);
    WHET_TRY(tfl_get(r, n, 0, form, &x));
    WHET_TRY(tfl_ints_value(r, count, sizes, &sizes_v));
    WHET_TRY(part_names(r, n, r->g->values[x].dtype, names));
    WHET_TRY(whet_graph_node(r->g, "Split", n->label, WHET_IN(x, sizes_v), WHET_ATTRS(whet_attr_int("axis", whet_nhwc_axis(axis, rank, form))),
                             n->n_out, names, v));
    return give_parts(r, n, v, form);
}

TFL_READ(pack)
{
    whet_vid v[TFL_MAX_ARITY], where = WHET_NO_VALUE;
    int rank = 0, axis = 0;
    WHET_TRY(tfl_arity(r, n, 1, TFL_MAX_ARITY, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(tfl_axis(r, n, tfl_s32(n, TFL_PACK_AXIS, 0), rank + 1, &axis));
    const int64_t one = axis;
    WHET_TRY(tfl_ints_value(r, 1, &one, &where));
    for (int i = 0; i < n->n_in; i++) {
        WHET_TRY(tfl_get(r, n, i, WHET_NHWC, &v[i]));
        WHET_TRY(tfl_emit(r, n, "Unsqueeze", WHET_IN(v[i], where), WHET_NO_ATTRS, &v[i]));
    }
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Concat", n->n_in, v, WHET_ATTRS(whet_attr_int("axis", axis)));
}

TFL_READ(unpack)
{
    whet_vid x = WHET_NO_VALUE, where = WHET_NO_VALUE, v[TFL_MAX_ARITY];
    int rank = 0, axis = 0;
    WHET_TRY(tfl_arity(r, n, 1, 1, n->n_out));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(tfl_axis(r, n, tfl_s32(n, TFL_UNPACK_AXIS, 0), rank, &axis));
    const int64_t one = axis;
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(tfl_ints_value(r, 1, &one, &where));
    WHET_TRY(whet_graph_node(r->g, "Split", n->label, WHET_IN(x), WHET_ATTRS(whet_attr_int("axis", axis), whet_attr_int("num_outputs", n->n_out)),
                             n->n_out, NULL, v));
    for (int i = 0; i < n->n_out; i++)
        WHET_TRY(tfl_last(r, n, i, TFL_ACT_NONE, WHET_NHWC, "Squeeze", WHET_IN(v[i], where), WHET_NO_ATTRS));
    return WHET_OK;
}

/* --- blocks of pixels */
static whet_status blocks(tfl_reader *r, const tfl_node *n)
{
    whet_vid x = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 1, 1, 1));
    WHET_TRY(tfl_get(r, n, 0, WHET_NCHW, &x));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NCHW, n->row->ir, 1, &x, WHET_ATTRS(whet_attr_int("blocksize", tfl_s32(n, TFL_BLOCK_SIZE, 0))));
}
TFL_READ(space_to_depth) { return blocks(r, n); }
TFL_READ(depth_to_space) { return blocks(r, n); }

/* Block sizes and the 2x2 numbers of pads or crops; only pictures. */
static whet_status batch_blocks(tfl_reader *r, const tfl_node *n, int64_t block[2], int64_t edge[4], whet_dims *d)
{
    int count = 0;
    WHET_TRY(tfl_arity(r, n, 3, 3, 1));
    *d = tfl_dims(r, tfl_in(r, n, 0));
    WHET_TRY(tfl_ints(r, n, 1, "the block shape", 2, block, &count));
    if (count != 2 || d->rank != 4 || block[0] < 1 || block[1] < 1) return tfl_fail(r, n, WHET_EUNSUPPORTED, "only two block sizes of pictures are handled");
    WHET_TRY(tfl_ints(r, n, 2, "the list of pads", 4, edge, &count));
    if (count != 4 || edge[0] < 0 || edge[1] < 0 || edge[2] < 0 || edge[3] < 0) return tfl_fail(r, n, WHET_EFORMAT, "the list of pads is damaged");
    if (d->dims[1] < 1 || d->dims[2] < 1 || d->dims[3] < 1) return tfl_fail(r, n, WHET_EUNSUPPORTED, "height, width and channels must be fixed");
    return WHET_OK;
}

TFL_READ(space_to_batch)
{
    int64_t b[2], e[4];
    whet_dims d;
    whet_vid x = WHET_NO_VALUE, v = WHET_NO_VALUE;
    WHET_TRY(batch_blocks(r, n, b, e, &d));
    const int64_t h = d.dims[1] + e[0] + e[1], w = d.dims[2] + e[2] + e[3], c = d.dims[3];
    if (h % b[0] != 0 || w % b[1] != 0) return tfl_fail(r, n, WHET_EFORMAT, "%lldx%lld is not divided by the blocks", (long long)h, (long long)w);
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(tfl_ints_value(r, 8, (const int64_t[]){0, e[0], e[2], 0, 0, e[1], e[3], 0}, &v));
    WHET_TRY(tfl_emit(r, n, "Pad", WHET_IN(x, v), WHET_NO_ATTRS, &x));
    WHET_TRY(tfl_reshape(r, n, x, 6, (const int64_t[]){-1, h / b[0], b[0], w / b[1], b[1], c}, &x));
    WHET_TRY(tfl_emit(r, n, "Transpose", 1, &x, WHET_ATTRS(whet_attr_ints("perm", 6, (const int64_t[]){2, 4, 0, 1, 3, 5})), &x));
    WHET_TRY(tfl_ints_value(r, 4, (const int64_t[]){-1, h / b[0], w / b[1], c}, &v));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Reshape", WHET_IN(x, v), WHET_NO_ATTRS);
}

TFL_READ(batch_to_space)
{
    int64_t b[2], e[4];
    whet_dims d;
    whet_vid x = WHET_NO_VALUE, starts = WHET_NO_VALUE, ends = WHET_NO_VALUE, axes = WHET_NO_VALUE;
    WHET_TRY(batch_blocks(r, n, b, e, &d));
    const int64_t h = d.dims[1] * b[0], w = d.dims[2] * b[1], c = d.dims[3];
    if (e[0] + e[1] >= h || e[2] + e[3] >= w) return tfl_fail(r, n, WHET_EFORMAT, "the crops leave nothing");
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(tfl_reshape(r, n, x, 6, (const int64_t[]){b[0], b[1], -1, d.dims[1], d.dims[2], c}, &x));
    WHET_TRY(tfl_emit(r, n, "Transpose", 1, &x, WHET_ATTRS(whet_attr_ints("perm", 6, (const int64_t[]){2, 3, 0, 4, 1, 5})), &x));
    WHET_TRY(tfl_reshape(r, n, x, 4, (const int64_t[]){-1, h, w, c}, &x));
    WHET_TRY(tfl_ints_value(r, 2, (const int64_t[]){e[0], e[2]}, &starts));
    WHET_TRY(tfl_ints_value(r, 2, (const int64_t[]){h - e[1], w - e[3]}, &ends));
    WHET_TRY(tfl_ints_value(r, 2, (const int64_t[]){1, 2}, &axes));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Slice", WHET_IN(x, starts, ends, axes), WHET_NO_ATTRS);
}

/* --- sizes and constants */
TFL_READ(shape)
{
    whet_vid v = WHET_NO_VALUE, x = WHET_NO_VALUE;
    whet_nhwc *pair = NULL;
    whet_shape s;
    WHET_TRY(tfl_arity(r, n, 1, 1, 1));
    tfl_tensor *t = tfl_in(r, n, 0);
    const whet_dims d = tfl_dims(r, t);
    if (whet_dims_concrete(&d, &s)) WHET_TRY(tfl_ints_value(r, s.rank, s.dims, &v));
    else {
        WHET_TRY(tfl_get_flat(r, n, 0, &x)); /* refuses what is not there */
        WHET_TRY(tfl_pair(r, n, t, &pair));
        WHET_TRY(whet_nhwc_shape(r->g, pair, &v));
    }
    return tfl_give(r, n, 0, v, WHET_NHWC);
}

TFL_READ(rank)
{
    whet_vid v = WHET_NO_VALUE;
    int rank = 0;
    WHET_TRY(tfl_arity(r, n, 1, 1, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(whet_graph_const_like(r->g, WHET_S32, rank, &v));
    return tfl_give(r, n, 0, v, WHET_NHWC);
}

TFL_READ(fill)
{
    whet_vid s = WHET_NO_VALUE, x = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(tfl_s64(r, n, 0, &s));
    WHET_TRY(tfl_get(r, n, 1, WHET_NHWC, &x));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Expand", WHET_IN(x, s), WHET_NO_ATTRS);
}

TFL_READ(zeros_like)
{
    whet_vid x = WHET_NO_VALUE, s = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 1, 1, 1));
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(tfl_emit(r, n, "Shape", 1, &x, WHET_NO_ATTRS, &s));
    WHET_TRY(whet_graph_const_like(r->g, r->g->values[x].dtype, 0, &x));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Expand", WHET_IN(x, s), WHET_NO_ATTRS);
}

TFL_READ(range)
{
    whet_vid v[3];
    WHET_TRY(tfl_arity(r, n, 3, 3, 1));
    for (int i = 0; i < 3; i++) {
        WHET_TRY(tfl_get(r, n, i, WHET_NHWC, &v[i]));
        if (r->g->values[v[i]].dims.rank == 1) WHET_TRY(tfl_reshape(r, n, v[i], 0, NULL, &v[i]));
    }
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Range", 3, v, WHET_NO_ATTRS);
}
