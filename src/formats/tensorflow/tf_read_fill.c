/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes as values, tensors made of one value, indexing. Definitions: tensorflow/core/ops/array_ops.cc. */
#include "formats/onnx/onnx_upgrade.h"
#include "formats/tensorflow/tf_reader.h"

/* An s64 value as the type that the file wants, under the node's name. */
static whet_status as_type(tf_reader *r, tf_work *w, whet_vid v, const char *key)
{
    const int64_t code = tf_attr_type(w, key, TF_INT32);
    const whet_dtype t = tf_dtype(code);
    if (t != WHET_S32 && t != WHET_S64) return tf_fail(w, WHET_EFORMAT, "type %s of a shape", tf_dtype_name(code));
    if (t == WHET_S64) return tf_set(r, w, 0, v, WHET_NHWC);
    const whet_tensor *c = whet_graph_const_data(r->g, v);
    if (!c) return tf_emit(r, w, "Cast", WHET_IN(v), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(t))), WHET_NHWC);
    whet_tensor small;
    whet_vid y = WHET_NO_VALUE;
    whet_tensor_init(&small);
    WHET_TRY(whet_tensor_cast(&small, c, t));
    whet_status status = whet_graph_const(r->g, w->name, &small, &y);
    whet_tensor_dispose(&small);
    return status == WHET_OK ? tf_set(r, w, 0, y, WHET_NHWC) : status;
}

whet_status tf_read_shape(tf_reader *r, tf_work *w)
{
    whet_nhwc *x = NULL;
    whet_vid v = WHET_NO_VALUE;
    WHET_TRY(tf_nhwc(r, w, 0, &x));
    if (whet_nhwc_dims(r->g, x).rank == 0) return tf_fail(w, WHET_EUNSUPPORTED, "of a single number");
    WHET_TRY(whet_nhwc_shape(r->g, x, &v));
    return as_type(r, w, v, "out_type");
}

whet_status tf_read_rank(tf_reader *r, tf_work *w)
{
    const whet_dims d = tf_shape_in(r, w, 0);
    whet_vid v = WHET_NO_VALUE;
    if (d.rank < 0) return tf_fail(w, WHET_EUNSUPPORTED, "the number of dimensions is not known");
    WHET_TRY(tf_scalar(r, WHET_S32, d.rank, &v));
    return tf_set(r, w, 0, v, WHET_NHWC);
}

whet_status tf_read_size(tf_reader *r, tf_work *w)
{
    whet_vid v = WHET_NO_VALUE, n = WHET_NO_VALUE;
    WHET_TRY(tf_in(r, w, 0, WHET_NHWC, &v));
    WHET_TRY(tf_make(r, w, "Size", WHET_IN(v), WHET_NO_ATTRS, &n));
    return as_type(r, w, n, "out_type");
}

static whet_status expand(tf_reader *r, tf_work *w, int value, int shape)
{
    whet_vid v = WHET_NO_VALUE, s = WHET_NO_VALUE;
    whet_dim to[WHET_MAX_RANK];
    int n = 0;
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(tf_in(r, w, value, WHET_NHWC, &v));
    WHET_TRY(tf_dims_in(r, w, shape, to, WHET_MAX_RANK, &n));
    for (int i = 0; i < n; i++)
        if (to[i] < 0 && tf_const(r, w, shape)) return tf_fail(w, WHET_EFORMAT, "a size is negative");
    WHET_TRY(tf_in_s64(r, w, shape, &s));
    return tf_emit(r, w, "Expand", WHET_IN(v, s), WHET_NO_ATTRS, WHET_NHWC);
}

whet_status tf_read_fill(tf_reader *r, tf_work *w) { return expand(r, w, 1, 0); }
whet_status tf_read_broadcast(tf_reader *r, tf_work *w) { return expand(r, w, 0, 1); }

/* A list of sizes of a common length: its numbers (all unknown if only their count is known), ones put before it. */
typedef struct sizes { whet_vid v; whet_dim dim[WHET_MAX_RANK]; } sizes;

static whet_status sizes_of(tf_reader *r, tf_work *w, int i, sizes *s, int *n)
{
    WHET_TRY(tf_dims_in(r, w, i, s->dim, WHET_MAX_RANK, n));
    const whet_dims d = tf_shape_in(r, w, i);
    if (*n < 0 && d.rank == 1 && d.dims[0] >= 0 && d.dims[0] <= WHET_MAX_RANK)
        for (*n = 0; *n < d.dims[0]; ++*n) s->dim[*n] = WHET_DIM_UNKNOWN;
    if (*n < 0) return tf_fail(w, WHET_EUNSUPPORTED, "a list of sizes whose length is not known when the file is read is not handled");
    return tf_in_s64(r, w, i, &s->v);
}

static whet_status sizes_lengthen(tf_reader *r, tf_work *w, sizes *s, int n, int to)
{
    int64_t ones[WHET_MAX_RANK];
    whet_vid in[2] = {WHET_NO_VALUE, s->v};
    if (n == to) return WHET_OK;
    memmove(s->dim + (to - n), s->dim, (size_t)n * sizeof(*s->dim));
    for (int i = 0; i < to - n; i++) ones[i] = s->dim[i] = 1;
    WHET_TRY(whet_graph_const_s64(r->g, NULL, to - n, ones, &in[0]));
    return tf_make(r, w, "Concat", 2, in, WHET_ATTRS(whet_attr_int("axis", 0)), &s->v);
}

/* Where one size of a pair is a number it tells which of the two holds: a 1 gives way. Else the graph compares. */
static whet_status sizes_choose(tf_reader *r, tf_work *w, const sizes *a, const sizes *b, int n, whet_vid *out)
{
    int64_t from[WHET_MAX_RANK];
    int first = 0, open = 0;
    whet_vid at = WHET_NO_VALUE, one = WHET_NO_VALUE, both = WHET_NO_VALUE;
    for (int i = 0; i < n; i++) {
        const whet_dim x = a->dim[i], y = b->dim[i];
        const bool mine = x >= 0 ? x != 1 : y == 1;
        from[i] = mine ? i : n + i;
        first += mine;
        open += x < 0 && y < 0 && (x != y || x == WHET_DIM_UNKNOWN);
    }
    *out = first == n ? a->v : b->v;
    if (open > 0) {
        WHET_TRY(tf_scalar(r, WHET_S64, 1, &one));
        WHET_TRY(tf_make(r, w, "Equal", WHET_IN(a->v, one), WHET_NO_ATTRS, &at));
        return tf_make(r, w, "Where", WHET_IN(at, b->v, a->v), WHET_NO_ATTRS, out);
    }
    if (first == 0 || first == n) return WHET_OK;
    WHET_TRY(whet_graph_const_s64(r->g, NULL, n, from, &at));
    WHET_TRY(tf_make(r, w, "Concat", WHET_IN(a->v, b->v), WHET_ATTRS(whet_attr_int("axis", 0)), &both));
    return tf_make(r, w, "Gather", WHET_IN(both, at), WHET_ATTRS(whet_attr_int("axis", 0)), out);
}

whet_status tf_read_broadcast_args(tf_reader *r, tf_work *w)
{
    sizes a, b;
    int na = 0, nb = 0;
    whet_vid v = WHET_NO_VALUE;
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(sizes_of(r, w, 0, &a, &na));
    WHET_TRY(sizes_of(r, w, 1, &b, &nb));
    const int n = WHET_MAX(na, nb);
    WHET_TRY(sizes_lengthen(r, w, &a, na, n));
    WHET_TRY(sizes_lengthen(r, w, &b, nb, n));
    WHET_TRY(sizes_choose(r, w, &a, &b, n, &v));
    return as_type(r, w, v, "T");
}

whet_status tf_read_fill_like(tf_reader *r, tf_work *w)
{
    whet_nhwc *x = NULL;
    whet_vid one = WHET_NO_VALUE, s = WHET_NO_VALUE;
    WHET_TRY(tf_nhwc(r, w, 0, &x));
    WHET_TRY(tf_scalar(r, whet_nhwc_dtype(r->g, x), strcmp(w->op, "OnesLike") == 0, &one));
    WHET_TRY(whet_nhwc_shape(r->g, x, &s));
    return tf_emit(r, w, "Expand", WHET_IN(one, s), WHET_NO_ATTRS, WHET_NHWC);
}

whet_status tf_read_range(tf_reader *r, tf_work *w)
{
    whet_vid v[3];
    WHET_TRY(tf_need(w, 3));
    for (int i = 0; i < 3; i++) WHET_TRY(tf_in(r, w, i, WHET_NHWC, &v[i]));
    return tf_emit(r, w, "Range", 3, v, WHET_NO_ATTRS, WHET_NHWC);
}

whet_status tf_read_tile(tf_reader *r, tf_work *w)
{
    whet_vid v = WHET_NO_VALUE, n = WHET_NO_VALUE;
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(tf_in(r, w, 0, WHET_NHWC, &v));
    WHET_TRY(tf_in_s64(r, w, 1, &n));
    return tf_emit(r, w, "Tile", WHET_IN(v, n), WHET_NO_ATTRS, WHET_NHWC);
}

whet_status tf_read_gather(tf_reader *r, tf_work *w)
{
    whet_vid v = WHET_NO_VALUE, at = WHET_NO_VALUE;
    int64_t axis = 0;
    int n = 0;
    WHET_TRY(tf_need(w, 2));
    if (tf_attr_int(w, "batch_dims", 0) != 0) return tf_fail(w, WHET_EUNSUPPORTED, "batch_dims other than 0 is not handled");
    if (w->n_in > 2) WHET_TRY(tf_ints(r, w, 2, &axis, 1, &n));
    WHET_TRY(tf_weight(r, w, 0, NULL, true, &v));
    WHET_TRY(tf_in(r, w, 1, WHET_NHWC, &at));
    return tf_emit(r, w, "Gather", WHET_IN(v, at), WHET_ATTRS(whet_attr_int("axis", axis)), WHET_NHWC);
}

whet_status tf_read_resource_gather(tf_reader *r, tf_work *w)
{
    WHET_TRY(tf_need(w, 2));
    if (w->in[0]->kind == TF_VAL_RESOURCE) w->in[0] = w->in[0]->contents;
    return tf_read_gather(r, w);
}

whet_status tf_read_one_hot(tf_reader *r, tf_work *w)
{
    whet_vid at = WHET_NO_VALUE, depth = WHET_NO_VALUE, on = WHET_NO_VALUE, off = WHET_NO_VALUE, values = WHET_NO_VALUE, flat[2];
    const int64_t one = 1;
    whet_vid shape = WHET_NO_VALUE;
    WHET_TRY(tf_need(w, 4));
    WHET_TRY(tf_in(r, w, 0, WHET_NHWC, &at));
    WHET_TRY(tf_in_s64(r, w, 1, &depth));
    WHET_TRY(tf_in(r, w, 2, WHET_NHWC, &on));
    WHET_TRY(tf_in(r, w, 3, WHET_NHWC, &off));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, 1, &one, &shape));
    WHET_TRY(tf_make(r, w, "Reshape", WHET_IN(off, shape), WHET_NO_ATTRS, &flat[0]));
    WHET_TRY(tf_make(r, w, "Reshape", WHET_IN(on, shape), WHET_NO_ATTRS, &flat[1]));
    WHET_TRY(tf_make(r, w, "Concat", 2, flat, WHET_ATTRS(whet_attr_int("axis", 0)), &values));
    return tf_emit(r, w, "OneHot", WHET_IN(at, depth, values), WHET_ATTRS(whet_attr_int("axis", tf_attr_int(w, "axis", -1))), WHET_NHWC);
}

/* The same as ONNX's, whose reader knows how. */
whet_status tf_read_einsum(tf_reader *r, tf_work *w)
{
    const tf_value *a = tf_attr_of(w, "equation");
    whet_vid in[2] = {WHET_NO_VALUE, WHET_NO_VALUE}, out[1] = {WHET_NO_VALUE};
    const char *out_names[1] = {w->name};
    whet_attr attr[2];
    onnx_reader reader = {.g = r->g, .file = r->file, .arena = r->arena};
    onnx_node proto;
    if (!a || !whet_utf8_valid(a->s.data, a->s.size) || w->n_in < 1 || w->n_in > 2)
        return tf_fail(w, WHET_EUNSUPPORTED, "only equations of one or two operands are handled");
    const char *text = whet_arena_strndup(r->arena, a->s.data ? (const char *)a->s.data : "", a->s.size);
    if (!text) return WHET_ENOMEM;
    memset(&proto, 0, sizeof(proto));
    proto.name = w->name;
    WHET_TRY(tf_in(r, w, 0, WHET_NHWC, &in[0]));
    if (w->n_in > 1) WHET_TRY(tf_weight(r, w, 1, NULL, true, &in[1]));
    attr[0] = whet_attr_string("equation", text);
    onnx_work work = {.proto = &proto, .op = w->op, .name = w->name, .opset = ONNX_MAX_OPSET, .n_in = w->n_in, .n_out = 1, .n_attr = 1,
                      .in = in, .out = out, .out_names = out_names, .attr = attr};
    WHET_TRY(onnx_upgrade_einsum(&reader, &work));
    return tf_set(r, w, 0, out[0], WHET_NHWC);
}
