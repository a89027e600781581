/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of tensors, and operators that change shapes. What shapes are made of (Shape, StridedSlice, Pack, ...) is followed by
 * inference, so that most Reshapes get constants. Definitions: tensorflow/core/ops/array_ops.cc. */
#include "formats/tensorflow/tf_reader.h"

/* --- sources */

whet_status tf_read_identity(tf_reader *r, tf_work *w)
{
    (void)r;
    WHET_TRY(tf_need(w, 1));
    return tf_alias(w, 0, w->in[0]);
}

whet_status tf_read_identity_n(tf_reader *r, tf_work *w)
{
    WHET_TRY(tf_need(w, 1));
    WHET_TRY(tf_outputs(r, w, w->n_in));
    for (int i = 0; i < w->n_in; i++) w->out[i] = w->in[i];
    return WHET_OK;
}

whet_status tf_read_constant(tf_reader *r, tf_work *w)
{
    const tf_value *a = tf_attr_of(w, "value");
    if (!a || !a->tensor) return tf_fail(w, WHET_EFORMAT, "attribute 'value' holds no tensor");
    const bool text = a->tensor->dtype == TF_STRING;
    w->out[0] = tf_val_new(r, text ? TF_VAL_OTHER : TF_VAL_TENSOR);
    if (!w->out[0]) return WHET_ENOMEM;
    w->out[0]->name = w->name;
    if (text) return WHET_OK;
    w->out[0]->lazy = true;
    whet_status status = tf_tensor_load(a->tensor, r->pin, &r->budget, &w->out[0]->data);
    if (status == WHET_EFORMAT) whet_error_at_offset(a->tensor->head.offset);
    return status;
}

whet_status tf_read_placeholder(tf_reader *r, tf_work *w)
{
    if (tf_dtype(tf_attr_type(w, "dtype", 0)) == WHET_DTYPE_NONE)
        return tf_fail(w, WHET_EUNSUPPORTED, "the network takes %s; cut it where pictures are decoded (--cut-input)",
                       tf_dtype_name(tf_attr_type(w, "dtype", 0)));
    (void)r;
    return tf_fail(w, WHET_EUNSUPPORTED, "is needed, but no input of the signature");
}

whet_status tf_read_placeholder_default(tf_reader *r, tf_work *w) { return tf_read_identity(r, w); }

whet_status tf_read_variable(tf_reader *r, tf_work *w)
{
    if (strcmp(w->op, "VarHandleOp") != 0) return tf_variable_load(r, w, &w->out[0]); /* of TF1: the tensor itself */
    w->out[0] = tf_val_new(r, TF_VAL_RESOURCE);
    return w->out[0] ? tf_variable_load(r, w, &w->out[0]->contents) : WHET_ENOMEM;
}

whet_status tf_read_read_variable(tf_reader *r, tf_work *w)
{
    (void)r;
    WHET_TRY(tf_need(w, 1));
    tf_val *v = w->in[0];
    if (v->kind == TF_VAL_TENSOR) return tf_alias(w, 0, v); /* frozen by halves: the variable became a constant */
    if (v->kind != TF_VAL_RESOURCE) return tf_fail(w, WHET_EFORMAT, "input is no variable");
    return tf_alias(w, 0, v->contents);
}

/* --- shapes */

/* Constants and what follows from the input: 0 copies a dimension, one may be -1. False if that does not tell it. */
static bool settle(const whet_dims *from, int n, whet_dim *to, bool literal)
{
    int open = 0;
    for (int i = 0; i < n; i++) {
        if (to[i] == 0 && from->rank >= 0 && i < from->rank && from->dims[i] != 0) return false; /* a real 0 */
        if (to[i] >= 0) continue;
        if (to[i] < WHET_DIM_UNKNOWN && !literal && i < from->rank && from->dims[i] == to[i]) to[i] = 0;
        else open++;
        if (to[i] < 0) to[i] = -1;
    }
    return open <= 1;
}

whet_status tf_read_reshape(tf_reader *r, tf_work *w)
{
    whet_nhwc *x = NULL;
    whet_vid v = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    whet_dim to[WHET_MAX_RANK];
    int n = 0;
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(tf_dims_in(r, w, 1, to, WHET_MAX_RANK, &n));
    if (w->in[0]->lazy && n >= 0) return tf_reshaped(r, w, w->in[0], n, to);
    WHET_TRY(tf_nhwc(r, w, 0, &x));
    const whet_dims from = whet_nhwc_dims(r->g, x);
    WHET_TRY(whet_nhwc_flat(r->g, x, &v));
    if (n >= 0 && settle(&from, n, to, tf_const(r, w, 1) != NULL)) WHET_TRY(whet_graph_const_s64(r->g, NULL, n, to, &shape));
    else WHET_TRY(tf_in_s64(r, w, 1, &shape));
    return tf_emit(r, w, "Reshape", WHET_IN(v, shape), WHET_NO_ATTRS, WHET_NHWC);
}

whet_status tf_read_squeeze(tf_reader *r, tf_work *w)
{
    whet_nhwc *x = NULL;
    whet_vid v = WHET_NO_VALUE, list = WHET_NO_VALUE;
    int64_t axes[WHET_MAX_RANK];
    uint32_t bits = 0;
    WHET_TRY(tf_need(w, 1));
    const whet_dims d = tf_shape_in(r, w, 0);
    const char *key = tf_attr_of(w, "squeeze_dims") ? "squeeze_dims" : "axis";
    int n = tf_attr_ints(w, key, axes, WHET_MAX_RANK);
    if (d.rank < 0) return tf_fail(w, WHET_EUNSUPPORTED, "the number of dimensions is not known");
    if (n > d.rank) return tf_fail(w, WHET_EFORMAT, "%d axes of %d dimensions", n, d.rank);
    for (int i = 0; i < n; i++) {
        if (axes[i] < -d.rank || axes[i] >= d.rank) return tf_fail(w, WHET_EFORMAT, "axis %lld is none of %d", (long long)axes[i], d.rank);
        bits |= 1u << (axes[i] < 0 ? axes[i] + d.rank : axes[i]);
    }
    for (int i = 0; i < d.rank && n == 0; i++)
        if (d.dims[i] == 1) bits |= 1u << i;
    if (w->in[0]->lazy) {
        n = 0;
        for (int i = 0; i < d.rank; i++)
            if (!(bits >> i & 1)) axes[n++] = d.dims[i];
        return tf_reshaped(r, w, w->in[0], n, axes);
    }
    WHET_TRY(tf_nhwc(r, w, 0, &x));
    const whet_layout form = whet_nhwc_order_kept(d.rank, bits) ? whet_nhwc_form(r->g, 1, (const whet_nhwc *const[]){x}) : WHET_NHWC;
    n = 0;
    for (int i = 0; i < d.rank; i++)
        if (bits >> i & 1) axes[n++] = whet_nhwc_axis(i, d.rank, form);
    if (n == 0) return tf_alias(w, 0, w->in[0]);
    WHET_TRY(whet_nhwc_get(r->g, x, form, &v));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, n, axes, &list));
    return tf_emit(r, w, "Squeeze", WHET_IN(v, list), WHET_NO_ATTRS, WHET_NHWC);
}

static whet_status unsqueeze(tf_reader *r, tf_work *w, whet_vid v, int64_t axis, whet_vid *out)
{
    whet_vid list = WHET_NO_VALUE;
    WHET_TRY(whet_graph_const_s64(r->g, NULL, 1, &axis, &list));
    return tf_make(r, w, "Unsqueeze", WHET_IN(v, list), WHET_NO_ATTRS, out);
}

whet_status tf_read_expand_dims(tf_reader *r, tf_work *w)
{
    whet_vid v = WHET_NO_VALUE, list = WHET_NO_VALUE;
    int64_t axis = 0;
    int n = 0;
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(tf_ints(r, w, 1, &axis, 1, &n));
    WHET_TRY(tf_in(r, w, 0, WHET_NHWC, &v));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, 1, &axis, &list));
    return tf_emit(r, w, "Unsqueeze", WHET_IN(v, list), WHET_NO_ATTRS, WHET_NHWC);
}

whet_status tf_read_transpose(tf_reader *r, tf_work *w)
{
    static const int64_t to_first[4] = {0, 3, 1, 2}, to_last[4] = {0, 2, 3, 1};
    int64_t perm[WHET_MAX_RANK];
    whet_nhwc *x = NULL;
    whet_vid v = WHET_NO_VALUE;
    int n = 0;
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(tf_ints(r, w, 1, perm, WHET_MAX_RANK, &n));
    WHET_TRY(tf_nhwc(r, w, 0, &x));
    if (n == 4 && memcmp(perm, to_first, sizeof(to_first)) == 0) { /* the other form of the same tensor */
        WHET_TRY(whet_nhwc_get(r->g, x, WHET_NCHW, &v));
        return tf_set(r, w, 0, v, WHET_NHWC);
    }
    WHET_TRY(whet_nhwc_get(r->g, x, WHET_NHWC, &v));
    if (n == 4 && memcmp(perm, to_last, sizeof(to_last)) == 0) return tf_set(r, w, 0, v, WHET_NCHW);
    return tf_emit(r, w, "Transpose", WHET_IN(v), WHET_ATTRS(whet_attr_ints("perm", n, perm)), WHET_NHWC);
}

whet_status tf_read_pack(tf_reader *r, tf_work *w)
{
    const int64_t axis = tf_attr_int(w, "axis", 0);
    whet_vid *list = whet_arena_alloc(r->arena, ((size_t)w->n_in + 1) * sizeof(*list));
    if (!list) return WHET_ENOMEM;
    WHET_TRY(tf_need(w, 1));
    for (int i = 0; i < w->n_in; i++) {
        WHET_TRY(tf_in(r, w, i, WHET_NHWC, &list[i]));
        WHET_TRY(unsqueeze(r, w, list[i], axis, &list[i]));
    }
    return tf_emit(r, w, "Concat", w->n_in, list, WHET_ATTRS(whet_attr_int("axis", axis)), WHET_NHWC);
}

/* Splits v at an axis into n values, which become the results; squeezed: without the axis. */
static whet_status split_to(tf_reader *r, tf_work *w, whet_vid v, whet_vid sizes, int n, int axis, whet_layout form, bool squeezed)
{
    whet_vid *parts = whet_arena_alloc(r->arena, ((size_t)n + 1) * sizeof(*parts)), list = WHET_NO_VALUE;
    const char **names = whet_arena_alloc(r->arena, ((size_t)n + 1) * sizeof(*names));
    const int64_t at = axis;
    if (!parts || !names) return WHET_ENOMEM;
    for (int i = 0; i < n; i++) {
        char *text = whet_format(i ? "%s:%d" : "%s", w->name, i);
        names[i] = text ? whet_arena_strdup(r->arena, text) : NULL;
        whet_free(text);
        if (!names[i]) return WHET_ENOMEM;
    }
    const whet_attr a[2] = {whet_attr_int("axis", axis), whet_attr_int("num_outputs", n)};
    const whet_vid in[2] = {v, sizes};
    WHET_TRY(whet_graph_node(r->g, "Split", squeezed ? NULL : w->name, sizes >= 0 ? 2 : 1, in, sizes >= 0 ? 1 : 2, a, n,
                             squeezed ? NULL : names, parts));
    WHET_TRY(tf_outputs(r, w, n));
    if (squeezed) WHET_TRY(whet_graph_const_s64(r->g, NULL, 1, &at, &list));
    for (int i = 0; i < n; i++) {
        if (squeezed) {
            const whet_vid x = parts[i];
            WHET_TRY(whet_graph_node(r->g, "Squeeze", NULL, WHET_IN(x, list), WHET_NO_ATTRS, 1, &names[i], &parts[i]));
        }
        WHET_TRY(tf_set(r, w, i, parts[i], squeezed ? WHET_NHWC : form));
    }
    return WHET_OK;
}

whet_status tf_read_unpack(tf_reader *r, tf_work *w)
{
    whet_vid v = WHET_NO_VALUE;
    const int64_t n = tf_attr_int(w, "num", 0);
    int64_t axis = tf_attr_int(w, "axis", 0);
    WHET_TRY(tf_in(r, w, 0, WHET_NHWC, &v));
    const whet_dims d = r->g->values[v].dims;
    if (axis < 0) axis += d.rank;
    if (n < 1 || n > TF_MAX_OUTPUTS || axis < 0 || axis >= d.rank || (d.dims[axis] >= 0 && d.dims[axis] != n))
        return tf_fail(w, WHET_EFORMAT, "cannot be taken apart into %lld", (long long)n);
    return split_to(r, w, v, WHET_NO_VALUE, (int)n, (int)axis, WHET_NHWC, true);
}

static whet_status axis_of(tf_reader *r, tf_work *w, int i, int rank, int *axis)
{
    int64_t x = 0;
    int n = 0;
    WHET_TRY(tf_ints(r, w, i, &x, 1, &n));
    if (rank < 0) return tf_fail(w, WHET_EUNSUPPORTED, "the number of dimensions is not known");
    if (n != 1 || x < -rank || x >= rank) return tf_fail(w, WHET_EFORMAT, "axis %lld is none of %d", (long long)x, rank);
    *axis = (int)(x < 0 ? x + rank : x);
    return WHET_OK;
}

whet_status tf_read_split(tf_reader *r, tf_work *w)
{
    const bool sized = strcmp(w->op, "SplitV") == 0;
    const int64_t n = tf_attr_int(w, "num_split", 0);
    const int x_at = sized ? 0 : 1, axis_at = sized ? 2 : 0;
    whet_nhwc *x = NULL;
    whet_vid v = WHET_NO_VALUE, sizes = WHET_NO_VALUE;
    int64_t list[256];
    int axis = 0, n_sizes = 0;
    WHET_TRY(tf_need(w, sized ? 3 : 2));
    WHET_TRY(tf_nhwc(r, w, x_at, &x));
    const whet_dims d = whet_nhwc_dims(r->g, x);
    WHET_TRY(axis_of(r, w, axis_at, d.rank, &axis));
    if (n < 1 || n > (int)WHET_COUNT(list)) return tf_fail(w, WHET_EUNSUPPORTED, "%lld parts, 1 to 256 are handled", (long long)n);
    if (!sized && d.dims[axis] >= 0 && d.dims[axis] % n) return tf_fail(w, WHET_EFORMAT, "size %lld cannot be cut into %lld", (long long)d.dims[axis], (long long)n);
    const whet_layout form = whet_nhwc_form(r->g, 1, (const whet_nhwc *const[]){x});
    WHET_TRY(whet_nhwc_get(r->g, x, form, &v));
    if (sized) {
        WHET_TRY(tf_ints(r, w, 1, list, (int)n, &n_sizes));
        int64_t rest = d.dims[axis];
        for (int i = 0; i < n_sizes; i++) rest -= WHET_MAX(list[i], 0);
        for (int i = 0; i < n_sizes; i++)
            if (list[i] == -1) list[i] = rest;
        if (n_sizes != n) return tf_fail(w, WHET_EFORMAT, "%d sizes for %lld parts", n_sizes, (long long)n);
        for (int i = 0; i < n_sizes; i++)
            if (list[i] < 0) return tf_fail(w, WHET_EFORMAT, "size %lld of a part is negative", (long long)list[i]);
        WHET_TRY(whet_graph_const_s64(r->g, NULL, n_sizes, list, &sizes));
    }
    return split_to(r, w, v, sizes, (int)n, whet_nhwc_axis(axis, d.rank, form), form, false);
}

whet_status tf_read_concat(tf_reader *r, tf_work *w)
{
    const bool old = strcmp(w->op, "Concat") == 0;
    const int n = w->n_in - 1, first = old ? 1 : 0;
    const whet_nhwc **list = whet_arena_alloc(r->arena, ((size_t)w->n_in + 1) * sizeof(*list));
    whet_vid *v = whet_arena_alloc(r->arena, ((size_t)w->n_in + 1) * sizeof(*v));
    int axis = 0;
    if (!list || !v) return WHET_ENOMEM;
    WHET_TRY(tf_need(w, 2));
    for (int i = 0; i < n; i++) {
        whet_nhwc *t = NULL;
        WHET_TRY(tf_nhwc(r, w, first + i, &t));
        list[i] = t;
    }
    const int rank = whet_nhwc_dims(r->g, list[0]).rank;
    WHET_TRY(axis_of(r, w, old ? 0 : n, rank, &axis));
    const whet_layout form = whet_nhwc_form(r->g, n, list);
    for (int i = 0; i < n; i++) WHET_TRY(tf_in(r, w, first + i, rank == 4 ? form : WHET_NHWC, &v[i]));
    return tf_emit(r, w, "Concat", n, v, WHET_ATTRS(whet_attr_int("axis", whet_nhwc_axis(axis, rank, form))), form);
}

/* --- moving */

static whet_status pad(tf_reader *r, tf_work *w, const char *mode, whet_vid value)
{
    int64_t p[2 * WHET_MAX_RANK], before[WHET_MAX_RANK], all[2 * WHET_MAX_RANK];
    whet_nhwc *x = NULL;
    whet_vid v = WHET_NO_VALUE, pads = WHET_NO_VALUE;
    int n = 0;
    WHET_TRY(tf_nhwc(r, w, 0, &x));
    WHET_TRY(tf_ints(r, w, 1, p, 2 * WHET_MAX_RANK, &n));
    const int rank = whet_nhwc_dims(r->g, x).rank;
    if (n != 2 * rank) return tf_fail(w, WHET_EFORMAT, "%d numbers of padding for %d dimensions", n, rank);
    const whet_layout form = whet_nhwc_form(r->g, 1, (const whet_nhwc *const[]){x});
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < rank; i++) {
            before[i] = p[2 * i + side];
            if (before[i] < 0) return tf_fail(w, WHET_EFORMAT, "padding is negative");
            if (strcmp(mode, "edge") == 0 && before[i] > 1) return tf_fail(w, WHET_EUNSUPPORTED, "SYMMETRIC padding of more than 1 is not handled");
        }
        whet_nhwc_permute_list(rank, form, before);
        memcpy(all + side * rank, before, (size_t)rank * sizeof(*before));
    }
    WHET_TRY(whet_nhwc_get(r->g, x, form, &v));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, n, all, &pads));
    return tf_emit(r, w, "Pad", value >= 0 ? 3 : 2, (const whet_vid[]){v, pads, value}, WHET_ATTRS(whet_attr_string("mode", mode)), form);
}

whet_status tf_read_pad(tf_reader *r, tf_work *w)
{
    whet_vid value = WHET_NO_VALUE;
    WHET_TRY(tf_need(w, 2));
    if (w->n_in > 2) WHET_TRY(tf_in(r, w, 2, WHET_NHWC, &value));
    return pad(r, w, "constant", value);
}

whet_status tf_read_mirror_pad(tf_reader *r, tf_work *w)
{
    WHET_TRY(tf_need(w, 2));
    const bool reflect = tf_attr_is(w, "mode", "REFLECT");
    if (!reflect && !tf_attr_is(w, "mode", "SYMMETRIC")) return tf_fail(w, WHET_EFORMAT, "attribute 'mode' is missing or unknown");
    return pad(r, w, reflect ? "reflect" : "edge", WHET_NO_VALUE);
}

/* Slice of all axes of x (lists in the file's order) in the form that x has. */
static whet_status slice(tf_reader *r, tf_work *w, whet_nhwc *x, int rank, int64_t *start, int64_t *end, int64_t *step, bool last,
                         whet_vid *out, whet_layout *form)
{
    int64_t axes[WHET_MAX_RANK];
    whet_vid v = WHET_NO_VALUE, in[4];
    *form = whet_nhwc_form(r->g, 1, (const whet_nhwc *const[]){x});
    for (int i = 0; i < rank; i++) axes[i] = i;
    whet_nhwc_permute_list(rank, *form, start);
    whet_nhwc_permute_list(rank, *form, end);
    whet_nhwc_permute_list(rank, *form, step);
    WHET_TRY(whet_nhwc_get(r->g, x, *form, &v));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, rank, start, &in[0]));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, rank, end, &in[1]));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, rank, axes, &in[2]));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, rank, step, &in[3]));
    const char *const name[1] = {last ? w->name : NULL};
    return whet_graph_node(r->g, "Slice", last ? w->name : NULL, WHET_IN(v, in[0], in[1], in[2], in[3]), WHET_NO_ATTRS, 1,
                           last ? name : NULL, out);
}

whet_status tf_read_slice(tf_reader *r, tf_work *w)
{
    int64_t start[WHET_MAX_RANK], end[WHET_MAX_RANK], step[WHET_MAX_RANK];
    whet_dim size[WHET_MAX_RANK];
    whet_nhwc *x = NULL;
    whet_vid v = WHET_NO_VALUE;
    whet_layout form = WHET_NHWC;
    int n = 0, n_size = 0;
    WHET_TRY(tf_need(w, 3));
    WHET_TRY(tf_nhwc(r, w, 0, &x));
    WHET_TRY(tf_ints(r, w, 1, start, WHET_MAX_RANK, &n));
    WHET_TRY(tf_dims_in(r, w, 2, size, WHET_MAX_RANK, &n_size));
    const whet_dims d = whet_nhwc_dims(r->g, x);
    if (n_size < 0) return tf_fail(w, WHET_EUNSUPPORTED, "the size is computed while the network runs");
    if (n != d.rank || n_size != n) return tf_fail(w, WHET_EFORMAT, "%d starts and %d sizes for %d dimensions", n, n_size, d.rank);
    for (int i = 0; i < n; i++) {
        const bool rest = size[i] == -1 || (size[i] < -1 && size[i] == d.dims[i]);
        step[i] = 1;
        if (start[i] < 0 || (size[i] < 0 && !rest) || start[i] > INT64_MAX / 2 || size[i] > INT64_MAX / 2)
            return tf_fail(w, WHET_EUNSUPPORTED, "start or size of axis %d is out of range or not known", i);
        end[i] = rest ? INT64_MAX : start[i] + size[i];
    }
    WHET_TRY(slice(r, w, x, n, start, end, step, true, &v, &form));
    return tf_set(r, w, 0, v, form);
}

/* StridedSlice's list of entries spread over the axes: ellipsis filled in, new axes and dropped ones noted. */
typedef struct spread {
    int64_t start[WHET_MAX_RANK], end[WHET_MAX_RANK], step[WHET_MAX_RANK];
    int rank;
    uint32_t drop;                        /* axes of the operand that go */
    int n_new;
    int64_t new_axes[2 * WHET_MAX_RANK];  /* in the result */
} spread;

typedef struct masks { int64_t begin, end, ellipsis, fresh, shrink; } masks;

static whet_status spread_out(const tf_work *w, const masks *m, int n, const int64_t *b, const int64_t *e, const int64_t *s, spread *o)
{
    int used = 0, axis = 0, to = 0;
    bool seen = false;
    for (int i = 0; i < n; i++) used += !(m->fresh >> i & 1) && !(m->ellipsis >> i & 1);
    if (used > o->rank) return tf_fail(w, WHET_EFORMAT, "%d ranges for %d dimensions", used, o->rank);
    for (int i = 0; i <= n; i++) {
        const bool dots = i < n ? m->ellipsis >> i & 1 : !seen;
        if (i < n && !dots && (m->fresh >> i & 1)) {
            o->new_axes[o->n_new++] = to++;
            continue;
        }
        if (dots) {
            if (seen) return tf_fail(w, WHET_EFORMAT, "two ellipses");
            for (int k = o->rank - used; k > 0; k--, axis++, to++) {
                o->start[axis] = 0;
                o->end[axis] = INT64_MAX;
                o->step[axis] = 1;
            }
            seen = true;
            continue;
        }
        if (i == n) break;
        const bool shrink = m->shrink >> i & 1;
        if (s[i] == 0) return tf_fail(w, WHET_EFORMAT, "a step is 0");
        o->step[axis] = shrink ? 1 : s[i];
        o->start[axis] = !shrink && (m->begin >> i & 1) ? (s[i] > 0 ? 0 : INT64_MAX) : b[i];
        o->end[axis] = m->end >> i & 1 ? (s[i] > 0 ? INT64_MAX : INT64_MIN) : e[i];
        if (shrink) o->end[axis] = b[i] == -1 ? INT64_MAX : b[i] + 1;
        if (shrink) o->drop |= 1u << axis;
        else to++;
        axis++;
    }
    return WHET_OK;
}

whet_status tf_read_strided_slice(tf_reader *r, tf_work *w)
{
    enum { CAP = 2 * WHET_MAX_RANK };
    const masks m = {tf_attr_int(w, "begin_mask", 0), tf_attr_int(w, "end_mask", 0), tf_attr_int(w, "ellipsis_mask", 0),
                     tf_attr_int(w, "new_axis_mask", 0), tf_attr_int(w, "shrink_axis_mask", 0)};
    int64_t b[CAP], s[CAP], axes[WHET_MAX_RANK];
    whet_dim e[CAP];
    int n = 0, ne = 0, ns = 0, dropped = 0;
    whet_nhwc *x = NULL;
    whet_vid v = WHET_NO_VALUE, list = WHET_NO_VALUE;
    whet_layout form = WHET_NHWC;
    WHET_TRY(tf_need(w, 4));
    WHET_TRY(tf_nhwc(r, w, 0, &x));
    WHET_TRY(tf_ints(r, w, 1, b, CAP, &n));
    WHET_TRY(tf_dims_in(r, w, 2, e, CAP, &ne));
    WHET_TRY(tf_ints(r, w, 3, s, CAP, &ns));
    const whet_dims d = whet_nhwc_dims(r->g, x);
    spread o = {.rank = d.rank};
    if (d.rank < 0 || ne < 0) return tf_fail(w, WHET_EUNSUPPORTED, "the ranges are not known when the file is read");
    if (ne != n || ns != n) return tf_fail(w, WHET_EFORMAT, "%d starts, %d ends, %d steps", n, ne, ns);
    WHET_TRY(spread_out(w, &m, n, b, e, s, &o));
    for (int i = 0; i < d.rank; i++)
        if (o.end[i] < WHET_DIM_UNKNOWN && o.end[i] != INT64_MIN && !tf_const(r, w, 2)) {
            if (o.end[i] != d.dims[i]) return tf_fail(w, WHET_EUNSUPPORTED, "the end of axis %d is not known when the file is read", i);
            o.end[i] = INT64_MAX;
        }
    const bool last = o.drop == 0 && o.n_new == 0;
    if (!last && !whet_nhwc_order_kept(d.rank, o.drop)) {
        whet_nhwc plain = WHET_NHWC_NONE;
        WHET_TRY(whet_nhwc_get(r->g, x, WHET_NHWC, &plain.last));
        WHET_TRY(slice(r, w, &plain, d.rank, o.start, o.end, o.step, last, &v, &form));
    } else {
        WHET_TRY(slice(r, w, x, d.rank, o.start, o.end, o.step, last, &v, &form));
    }
    if (last) return tf_set(r, w, 0, v, form);
    for (int i = 0; i < d.rank; i++)
        if (o.drop >> i & 1) axes[dropped++] = whet_nhwc_axis(i, d.rank, form);
    if (dropped) {
        WHET_TRY(whet_graph_const_s64(r->g, NULL, dropped, axes, &list));
        const whet_vid y = v;
        if (o.n_new == 0) return tf_emit(r, w, "Squeeze", WHET_IN(y, list), WHET_NO_ATTRS, WHET_NHWC);
        WHET_TRY(tf_make(r, w, "Squeeze", WHET_IN(y, list), WHET_NO_ATTRS, &v));
    } else if (form == WHET_NCHW && d.rank == 4) { /* only new axes: they stand in the file's order */
        whet_nhwc t = whet_nhwc_of(v, form);
        WHET_TRY(whet_nhwc_get(r->g, &t, WHET_NHWC, &v));
    }
    WHET_TRY(whet_graph_const_s64(r->g, NULL, o.n_new, o.new_axes, &list));
    return tf_emit(r, w, "Unsqueeze", WHET_IN(v, list), WHET_NO_ATTRS, WHET_NHWC);
}
