/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that move elements or compute with shapes, written as layers. */
#include "formats/openvino/openvino_readers.h"

static int axis_of(ov_writer *w, const whet_node *n, int64_t axis)
{
    const int rank = ov_v(w, n, 0)->dims.rank;
    if (rank < 0) ov_refuse(w, "the rank of the input is not known");
    return (int)(axis < 0 ? axis + rank : axis);
}

static const whet_value *result(const ov_writer *w, const whet_node *n, int i) { return &w->g->values[n->out[i]]; }

/* type(inputs...) with what was put in front. */
static void simple(ov_writer *w, const whet_node *n, const char *type, int opset, int n_in, const ov_ref *in)
{
    ov_begin(w, type, opset, n->name);
    for (int i = 0; i < n_in; i++) ov_input(w, in[i]);
    ov_end_as(w, n);
}

/* A view of the same elements. */
static void reshape_to(ov_writer *w, const whet_node *n, ov_ref x, ov_ref shape, bool special_zero)
{
    ov_begin(w, "Reshape", 1, n->name);
    ov_attr_bool(w, "special_zero", special_zero);
    ov_input(w, x);
    ov_input(w, shape);
    ov_end_as(w, n);
}

/* The input under the node's name and shape: a Reshape that changes nothing. */
void ov_reshape_as(ov_writer *w, ov_ref x, const whet_node *n)
{
    int64_t shape[WHET_MAX_RANK] = {0};
    const int rank = ov_shape_of(w, x)->dims.rank;
    if (rank == 0) {
        simple(w, n, "Unsqueeze", 1, 2, (const ov_ref[]){x, ov_put_ints(w, 0, shape)});
        return;
    }
    const ov_ref to = ov_put_ints(w, WHET_MAX(rank, 0), shape);
    reshape_to(w, n, x, to, true);
}

void ov_write_reshape(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0), shape = ov_node_in(w, n, 1);
    reshape_to(w, n, x, shape, whet_node_int(n, "allowzero", 0) == 0);
}

void ov_write_flatten(ov_writer *w, const whet_node *n)
{
    const whet_dims *d = &ov_v(w, n, 0)->dims, *y = &result(w, n, 0)->dims;
    const int axis = axis_of(w, n, whet_node_int(n, "axis", 1));
    int64_t shape[2] = {-1, -1};
    const ov_ref x = ov_node_in(w, n, 0);
    if (axis == 1 && d->dims[0] < 0) shape[0] = 0;
    else if (y->dims[1] > 0) shape[1] = y->dims[1];
    else if (y->dims[0] > 0) shape[0] = y->dims[0];
    else ov_refuse(w, "neither of the two sizes is known");
    reshape_to(w, n, x, ov_put_ints(w, 2, shape), true);
}

/* Integer input i as [n], constant or computed. */
static ov_ref list(ov_writer *w, const whet_node *n, int i)
{
    const whet_tensor *t = ov_tensor(w, n, i);
    int64_t x[64];
    if (!t || whet_tensor_numel(t) > 64) return ov_node_in(w, n, i);
    for (int64_t k = 0; k < whet_tensor_numel(t); k++) x[k] = whet_tensor_get_s64(t, k);
    return ov_put_ints(w, (int)whet_tensor_numel(t), x);
}

static int constants(ov_writer *w, const whet_node *n, int i, int64_t *x, int cap, const char *what)
{
    const whet_tensor *t = ov_tensor(w, n, i);
    if (!t || whet_tensor_numel(t) > cap) {
        ov_refuse(w, "%s that are not constant have no form in IR", what);
        return 0;
    }
    for (int64_t k = 0; k < whet_tensor_numel(t); k++) x[k] = whet_tensor_get_s64(t, k);
    return (int)whet_tensor_numel(t);
}

void ov_write_squeeze(ov_writer *w, const whet_node *n)
{
    const ov_ref in[2] = {ov_node_in(w, n, 0), ov_node_has(n, 1) ? list(w, n, 1) : (ov_ref){-1, 0}};
    simple(w, n, "Squeeze", 1, ov_node_has(n, 1) ? 2 : 1, in);
}

void ov_write_unsqueeze(ov_writer *w, const whet_node *n)
{
    simple(w, n, "Unsqueeze", 1, 2, (const ov_ref[]){ov_node_in(w, n, 0), list(w, n, 1)});
}

void ov_write_transpose(ov_writer *w, const whet_node *n)
{
    int64_t perm[WHET_MAX_RANK];
    int k = whet_node_ints(n, "perm", perm, WHET_MAX_RANK);
    const int rank = ov_v(w, n, 0)->dims.rank;
    if (k == 0)
        for (; k < rank; k++) perm[k] = rank - 1 - k;
    simple(w, n, "Transpose", 1, 2, (const ov_ref[]){ov_node_in(w, n, 0), ov_put_ints(w, k, perm)});
}

void ov_write_concat(ov_writer *w, const whet_node *n)
{
    ov_ref *in = whet_arena_alloc(w->arena, ((size_t)n->n_in + 1) * sizeof(*in));
    if (!in) w->status = WHET_ENOMEM;
    for (int i = 0; i < n->n_in && w->status == WHET_OK; i++) in[i] = ov_node_in(w, n, i);
    if (w->status != WHET_OK) return;
    ov_begin(w, "Concat", 1, n->name);
    ov_attr_int(w, "axis", axis_of(w, n, whet_node_int(n, "axis", 0)));
    for (int i = 0; i < n->n_in; i++) ov_input(w, in[i]);
    ov_end_as(w, n);
}

void ov_write_split(ov_writer *w, const whet_node *n)
{
    const int axis = axis_of(w, n, whet_node_int(n, "axis", 0));
    int64_t *x = whet_arena_alloc(w->arena, ((size_t)n->n_out + 1) * sizeof(*x));
    if (!x) w->status = WHET_ENOMEM;
    for (int i = 0; i < n->n_out && w->status == WHET_OK; i++) {
        x[i] = result(w, n, i)->dims.dims[axis];
        if (x[i] < 0) ov_refuse(w, "the size of part %d is not known", i);
    }
    if (w->status != WHET_OK) return;
    simple(w, n, "VariadicSplit", 1, 3, (const ov_ref[]){ov_node_in(w, n, 0), ov_put_int(w, axis), ov_put_ints(w, n->n_out, x)});
}

void ov_write_slice(ov_writer *w, const whet_node *n)
{
    ov_ref in[5] = {ov_node_in(w, n, 0), list(w, n, 1), list(w, n, 2)};
    const whet_dims *d = &ov_v(w, n, 1)->dims;
    int64_t ones[WHET_MAX_RANK], count = d->rank == 1 ? d->dims[0] : -1;
    if (!ov_node_has(n, 4) && (count < 1 || count > WHET_MAX_RANK)) ov_refuse(w, "how many axes are sliced is not known");
    for (int i = 0; i < WHET_MAX_RANK; i++) ones[i] = 1;
    in[3] = ov_node_has(n, 4) ? list(w, n, 4) : ov_put_ints(w, (int)count, ones);
    if (ov_node_has(n, 3)) in[4] = list(w, n, 3);
    for (int i = 1; i < (ov_node_has(n, 3) ? 5 : 4); i++) in[i] = ov_convert(w, in[i], WHET_S64);
    simple(w, n, "Slice", 8, ov_node_has(n, 3) ? 5 : 4, in);
}

void ov_write_expand(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0), shape = list(w, n, 1);
    ov_begin(w, "Broadcast", 3, n->name);
    ov_attr(w, "mode", "bidirectional");
    ov_input(w, x);
    ov_input(w, shape);
    ov_end_as(w, n);
}

void ov_write_tile(ov_writer *w, const whet_node *n)
{
    simple(w, n, "Tile", 1, 2, (const ov_ref[]){ov_node_in(w, n, 0), list(w, n, 1)});
}

void ov_write_range(ov_writer *w, const whet_node *n)
{
    ov_ref in[3];
    for (int i = 0; i < 3; i++) {
        in[i] = ov_node_in(w, n, i);
        if (ov_v(w, n, i)->dims.rank == 1) in[i] = ov_reshaped(w, in[i], 0, NULL);
    }
    ov_begin(w, "Range", 4, n->name);
    ov_attr(w, "output_type", ov_dtype_element(result(w, n, 0)->dtype));
    for (int i = 0; i < 3; i++) ov_input(w, in[i]);
    ov_end_as(w, n);
}

static ov_ref shape_of(ov_writer *w, ov_ref x, whet_dims *d)
{
    *d = (whet_dims){.rank = 1, .dims = {WHET_MAX(ov_shape_of(w, x)->dims.rank, 0)}};
    ov_begin(w, "ShapeOf", 3, NULL);
    ov_attr(w, "output_type", "i64");
    ov_input(w, x);
    return ov_end1(w, WHET_S64, d, NULL);
}

void ov_write_shape(ov_writer *w, const whet_node *n)
{
    const whet_value *y = result(w, n, 0), *x = ov_v(w, n, 0);
    whet_dims d;
    const int64_t start = whet_node_int(n, "start", 0), from = start < 0 ? start + x->dims.rank : start;
    ov_ref r = ov_node_in(w, n, 0);
    if (y->dims.dims[0] == x->dims.rank) {
        ov_begin(w, "ShapeOf", 3, n->name);
        ov_attr(w, "output_type", "i64");
        ov_input(w, r);
        ov_end_as(w, n);
        return;
    }
    if (y->dims.dims[0] < 0 || x->dims.rank < 0) ov_refuse(w, "the rank of the input is not known");
    const int64_t first = WHET_MAX(from, 0), end = first + y->dims.dims[0], one = 1;
    r = shape_of(w, r, &d);
    const ov_ref in[4] = {r, ov_put_ints(w, 1, &first), ov_put_ints(w, 1, &end), ov_put_ints(w, 1, &one)};
    simple(w, n, "Slice", 8, 4, in);
}

void ov_write_size(ov_writer *w, const whet_node *n)
{
    whet_dims d;
    const ov_ref s = shape_of(w, ov_node_in(w, n, 0), &d), axis = ov_put_ints(w, 1, (const int64_t[]){0});
    ov_begin(w, "ReduceProd", 1, n->name);
    ov_attr_bool(w, "keep_dims", false);
    ov_input(w, s);
    ov_input(w, axis);
    ov_end_as(w, n);
}

void ov_write_constant(ov_writer *w, const whet_node *n)
{
    const whet_attr *a = whet_node_attr(n, "value");
    const whet_value *y = result(w, n, 0);
    if (!a || a->type != WHET_ATTR_TENSOR) ov_refuse(w, "fold constants first");
    else ov_is(w, n->out[0], ov_put_const(w, y->name, y->name, &a->t));
}

void ov_write_constant_of_shape(ov_writer *w, const whet_node *n)
{
    const whet_attr *a = whet_node_attr(n, "value");
    const ov_ref x = ov_put_scalar(w, result(w, n, 0)->dtype, a && a->type == WHET_ATTR_TENSOR ? whet_tensor_get_f64(&a->t, 0) : 0);
    const ov_ref shape = ov_node_in(w, n, 0);
    ov_begin(w, "Broadcast", 3, n->name);
    ov_attr(w, "mode", "numpy");
    ov_input(w, x);
    ov_input(w, shape);
    ov_end_as(w, n);
}

void ov_write_gather(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0), i = ov_node_in(w, n, 1), axis = ov_put_int(w, axis_of(w, n, whet_node_int(n, "axis", 0)));
    ov_begin(w, "Gather", 8, n->name);
    ov_attr_int(w, "batch_dims", 0);
    ov_input(w, x);
    ov_input(w, i);
    ov_input(w, axis);
    ov_end_as(w, n);
}

void ov_write_gather_elements(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0), i = ov_node_in(w, n, 1);
    ov_begin(w, "GatherElements", 6, n->name);
    ov_attr_int(w, "axis", whet_node_int(n, "axis", 0));
    ov_input(w, x);
    ov_input(w, i);
    ov_end_as(w, n);
}

void ov_write_gather_nd(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0), i = ov_node_in(w, n, 1);
    ov_begin(w, "GatherND", 8, n->name);
    ov_attr_int(w, "batch_dims", whet_node_int(n, "batch_dims", 0));
    ov_input(w, x);
    ov_input(w, i);
    ov_end_as(w, n);
}

/* NULL for "none". */
static const char *reduction(ov_writer *w, const whet_node *n)
{
    static const char *const known[][2] = {{"add", "sum"}, {"mul", "prod"}, {"min", "min"}, {"max", "max"}};
    const char *s = whet_node_string(n, "reduction", "none");
    for (size_t i = 0; i < WHET_COUNT(known); i++)
        if (strcmp(s, known[i][0]) == 0) return known[i][1];
    if (strcmp(s, "none") != 0) ov_refuse(w, "reduction '%s' has no form in IR", s);
    return NULL;
}

void ov_write_scatter_elements(ov_writer *w, const whet_node *n)
{
    const char *how = reduction(w, n);
    const ov_ref in[4] = {ov_node_in(w, n, 0), ov_node_in(w, n, 1), ov_node_in(w, n, 2), ov_put_int(w, axis_of(w, n, whet_node_int(n, "axis", 0)))};
    ov_begin(w, "ScatterElementsUpdate", how ? 12 : 3, n->name);
    if (how) ov_attr(w, "reduction", how);
    if (how) ov_attr_bool(w, "use_init_val", true);
    for (int i = 0; i < 4; i++) ov_input(w, in[i]);
    ov_end_as(w, n);
}

void ov_write_scatter_nd(ov_writer *w, const whet_node *n)
{
    const char *how = reduction(w, n);
    const ov_ref in[3] = {ov_node_in(w, n, 0), ov_node_in(w, n, 1), ov_node_in(w, n, 2)};
    ov_begin(w, "ScatterNDUpdate", how ? 15 : 4, n->name);
    if (how) ov_attr(w, "reduction", how);
    for (int i = 0; i < 3; i++) ov_input(w, in[i]);
    ov_end_as(w, n);
}

void ov_write_one_hot(ov_writer *w, const whet_node *n)
{
    const whet_tensor *values = ov_tensor(w, n, 2), *depth = ov_tensor(w, n, 1);
    if (!values || !depth) ov_refuse(w, "depth and values that are not constant have no form in IR");
    if (w->status != WHET_OK) return;
    const ov_ref x = ov_node_in(w, n, 0), d = ov_put_int(w, whet_tensor_get_s64(depth, 0)), on = ov_put_scalar(w, values->dtype, whet_tensor_get_f64(values, 1)),
                 off = ov_put_scalar(w, values->dtype, whet_tensor_get_f64(values, 0));
    ov_begin(w, "OneHot", 1, n->name);
    ov_attr_int(w, "axis", whet_node_int(n, "axis", -1));
    ov_input(w, x);
    ov_input(w, d);
    ov_input(w, on);
    ov_input(w, off);
    ov_end_as(w, n);
}

static void begin_top_k(ov_writer *w, const char *name, ov_ref x, ov_ref k, int axis, bool largest)
{
    ov_begin(w, "TopK", 11, name);
    ov_attr_int(w, "axis", axis);
    ov_attr(w, "mode", largest ? "max" : "min");
    ov_attr(w, "sort", "value");
    ov_attr(w, "index_element_type", "i64");
    ov_attr_bool(w, "stable", true);
    ov_input(w, x);
    ov_input(w, k);
}

/* Both outputs are always there; a missing one gets a shape and no name. */
void ov_write_top_k(ov_writer *w, const whet_node *n)
{
    int64_t k = 0;
    ov_output out[2];
    if (constants(w, n, 1, &k, 1, "the count k") != 1) return;
    const ov_ref x = ov_node_in(w, n, 0), count = ov_put_int(w, k);
    const whet_value *any = n->out[0] >= 0 ? result(w, n, 0) : result(w, n, 1);
    begin_top_k(w, n->name, x, count, axis_of(w, n, whet_node_int(n, "axis", -1)), whet_node_int(n, "largest", 1) != 0);
    for (int i = 0; i < 2; i++)
        out[i] = (ov_output){i ? WHET_S64 : ov_v(w, n, 0)->dtype, any->dims, i < n->n_out && n->out[i] >= 0 ? result(w, n, i)->name : NULL};
    const ov_ref r = ov_end(w, 2, out);
    for (int i = 0; i < n->n_out; i++) ov_is(w, n->out[i], (ov_ref){r.layer, i});
}

void ov_write_arg_extremum(ov_writer *w, const whet_node *n)
{
    const whet_value *y = result(w, n, 0);
    const int axis = axis_of(w, n, whet_node_int(n, "axis", 0));
    const bool keep = whet_node_int(n, "keepdims", 1) != 0;
    const int64_t at = axis;
    whet_dims d = ov_v(w, n, 0)->dims;
    if (whet_node_int(n, "select_last_index", 0)) ov_refuse(w, "select_last_index has no form in IR");
    if (w->status != WHET_OK) return;
    d.dims[axis] = 1;
    const ov_ref x = ov_node_in(w, n, 0), one = ov_put_int(w, 1);
    begin_top_k(w, keep ? n->name : NULL, x, one, axis, whet_node_is(n, "ArgMax"));
    const ov_output out[2] = {{ov_v(w, n, 0)->dtype, d, NULL}, {WHET_S64, d, keep ? y->name : NULL}};
    ov_ref r = ov_end(w, 2, out);
    r.port = 1;
    if (keep) ov_is(w, n->out[0], r);
    else simple(w, n, "Squeeze", 1, 2, (const ov_ref[]){r, ov_put_ints(w, 1, &at)});
}

/* Pads of all axes, whatever axes the node names. */
void ov_write_pad(ov_writer *w, const whet_node *n)
{
    const char *mode = whet_node_string(n, "mode", "constant");
    int64_t p[2 * WHET_MAX_RANK], axes[WHET_MAX_RANK], from[WHET_MAX_RANK] = {0}, to[WHET_MAX_RANK] = {0};
    const int rank = ov_v(w, n, 0)->dims.rank, count = constants(w, n, 1, p, 2 * WHET_MAX_RANK, "pads") / 2;
    bool cuts = false;
    if (strcmp(mode, "wrap") == 0) ov_refuse(w, "mode 'wrap' has no form in IR");
    if (ov_node_has(n, 3)) constants(w, n, 3, axes, WHET_MAX_RANK, "axes");
    else for (int i = 0; i < count; i++) axes[i] = i;
    for (int i = 0; i < count && w->status == WHET_OK; i++) {
        const int a = axis_of(w, n, axes[i]);
        from[a] = p[i];
        to[a] = p[count + i];
        cuts |= p[i] < 0 || p[count + i] < 0;
    }
    if (w->status != WHET_OK) return;
    const bool value = strcmp(mode, "constant") == 0;
    const ov_ref x = ov_node_in(w, n, 0), b = ov_put_ints(w, rank, from), e = ov_put_ints(w, rank, to);
    ov_ref v = {-1, 0};
    if (value && ov_tensor(w, n, 2)) v = ov_put_scalar(w, ov_v(w, n, 0)->dtype, whet_tensor_get_f64(ov_tensor(w, n, 2), 0));
    else if (value) v = ov_node_has(n, 2) ? ov_node_in(w, n, 2) : ov_put_scalar(w, ov_v(w, n, 0)->dtype, 0);
    ov_begin(w, "Pad", cuts ? 12 : 1, n->name);
    ov_attr(w, "pad_mode", mode);
    ov_input(w, x);
    ov_input(w, b);
    ov_input(w, e);
    if (value) ov_input(w, v);
    ov_end_as(w, n);
}

static void blocks(ov_writer *w, const whet_node *n, const char *type, bool first)
{
    const ov_ref x = ov_node_in(w, n, 0);
    ov_begin(w, type, 1, n->name);
    ov_attr_int(w, "block_size", whet_node_int(n, "blocksize", 1));
    ov_attr(w, "mode", first ? "blocks_first" : "depth_first");
    ov_input(w, x);
    ov_end_as(w, n);
}

void ov_write_depth_to_space(ov_writer *w, const whet_node *n)
{
    blocks(w, n, "DepthToSpace", strcmp(whet_node_string(n, "mode", "DCR"), "DCR") == 0);
}

void ov_write_space_to_depth(ov_writer *w, const whet_node *n) { blocks(w, n, "SpaceToDepth", true); }
